package verifier

import (
	"bytes"
	"encoding/json"
	"errors"

	"github.com/khyer/khyer/disclosure"
	"github.com/khyer/khyer/disclosure/dcql"
	"github.com/khyer/khyer/internal/strictjson"
)

// Answer is a wallet's answer to a query: presentations by the id of the credential query that each of them answers (OpenID4VP section 8.1). In
// JSON it is a vp_token.
type Answer map[string][][]byte

// Bounds of one answer.
const (
	maxCards  = 32      // presentations
	maxAnswer = 2 << 20 // bytes of a vp_token
)

// UnmarshalJSON reads a vp_token (OpenID4VP section 8.1): an object of arrays of presentations, each a string, or an object if it is in the JWS JSON
// serialization. It takes at most 2 MiB and 32 presentations; bound the body of the request too, which json.Unmarshal has read before. Nothing is
// verified. The error is a *Rejection that is Unauthenticated.
func (a *Answer) UnmarshalJSON(data []byte) error {
	refuse := func(r Reason) error { return &Rejection{Reason: r, Unauthenticated: true} }
	if len(data) > maxAnswer {
		return refuse(disclosure.TooLarge)
	}
	v, err := strictjson.Parse(data, strictjson.Limits{Bytes: maxAnswer})
	var fault *strictjson.Error
	switch {
	case errors.As(err, &fault) && fault.Reason == strictjson.Duplicate:
		return refuse(disclosure.DuplicateMember)
	case errors.As(err, &fault) && fault.Reason == strictjson.TooDeep:
		return refuse(disclosure.TooDeep)
	case err != nil || v.Kind() != strictjson.Object:
		return refuse(disclosure.BadJSON)
	}
	out, total := Answer{}, 0
	for id, all := range v.Members() {
		if all.Kind() != strictjson.Array || all.Len() == 0 {
			return refuse(disclosure.BadJSON)
		}
		if total += all.Len(); total > maxCards {
			return refuse(dcql.NotAskedFor)
		}
		for e := range all.Elements() {
			text, isText := e.Text()
			switch {
			case isText:
				out[id] = append(out[id], []byte(text))
			case e.Kind() == strictjson.Object:
				out[id] = append(out[id], bytes.Clone(e.Raw()))
			default:
				return refuse(disclosure.BadJSON)
			}
		}
	}
	*a = out
	return nil
}

// MarshalJSON writes a vp_token, which UnmarshalJSON reads.
func (a Answer) MarshalJSON() ([]byte, error) {
	out := make(map[string][]any, len(a))
	for id, all := range a {
		out[id] = []any{}
		for _, p := range all {
			v, err := strictjson.Parse(p, strictjson.Limits{Bytes: maxAnswer, Depth: strictjson.DefaultDepth - 2})
			if err == nil && v.Kind() == strictjson.Object {
				out[id] = append(out[id], json.RawMessage(p))
			} else {
				out[id] = append(out[id], string(p))
			}
		}
	}
	return json.Marshal(out)
}
