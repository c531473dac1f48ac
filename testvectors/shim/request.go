package main

import (
	"encoding/json"
	"errors"
	"math"
	"time"

	"github.com/khyer/khyer/credential"
	"github.com/khyer/khyer/credential/status"
	"github.com/khyer/khyer/did"
	"github.com/khyer/khyer/did/pubkey"
	"github.com/khyer/khyer/disclosure"
	"github.com/khyer/khyer/disclosure/dcql"
	"github.com/khyer/khyer/internal/strictjson"
	"github.com/khyer/khyer/verifier"
)

// unusable is the error of a request that cannot be carried out.
type unusable string

func (u unusable) Error() string { return string(u) }

var errUnsupported = errors.New("the library does not do this")

// verdict turns an error into an answer.
func verdict(err error) answer {
	var bad unusable
	var misuse *verifier.Misuse
	var rejection *verifier.Rejection
	var open *verifier.Inconclusive
	var resolution *did.Error
	var refused *disclosure.Error
	var list status.Reason
	switch {
	case errors.As(err, &bad):
		return answer{"verdict": "error", "message": bad.Error()}
	case errors.Is(err, errUnsupported):
		return answer{"verdict": "unsupported"}
	case errors.As(err, &misuse), errors.Is(err, credential.CallerFault), errors.Is(err, credential.SignerFailed):
		return answer{"verdict": "error", "message": err.Error()}
	case errors.As(err, &rejection):
		return answer{"verdict": "reject", "reason": rejection.Reason, "unauthenticated": rejection.Unauthenticated}
	case errors.As(err, &open):
		return answer{"verdict": "inconclusive", "reason": open.Reason}
	case errors.As(err, &resolution) && resolution.Code.Inconclusive():
		return answer{"verdict": "inconclusive", "reason": resolution.Code}
	case errors.As(err, &resolution):
		return answer{"verdict": "reject", "reason": resolution.Code.Resolution()}
	case errors.As(err, &refused):
		return answer{"verdict": "reject", "reason": refused.Reason}
	}
	var query *dcql.Error
	if errors.As(err, &query) {
		return answer{"verdict": "reject", "reason": query.Reason}
	}
	if errors.As(err, &list) {
		return answer{"verdict": "reject", "reason": list}
	}
	return answer{"verdict": "error", "message": err.Error()}
}

// request is a line, or an object in one. The first member of a wrong type is kept in err; operations read everything, and look at err
// before they use it.
type request struct {
	v   strictjson.Value
	err error
}

func (r *request) fail(name, what string) {
	if r.err == nil {
		r.err = unusable(name + " " + what)
	}
}

// text returns a string, or "" if there is none.
func (r *request) text(name string) string {
	v := r.v.Get(name)
	if v.Kind() == strictjson.Null {
		return ""
	}
	s, ok := v.Text()
	if v.Exists() && !ok {
		r.fail(name, "is no string")
	}
	return s
}

func (r *request) texts(name string) (out []string) {
	r.each(name, func(v strictjson.Value) {
		s, ok := v.Text()
		if !ok {
			r.fail(name, "is no array of strings")
		}
		out = append(out, s)
	})
	return out
}

// each visits an array.
func (r *request) each(name string, visit func(strictjson.Value)) {
	v := r.v.Get(name)
	if v.Exists() && v.Kind() != strictjson.Array {
		r.fail(name, "is no array")
	}
	for e := range v.Elements() {
		visit(e)
	}
}

// members visits an object.
func (r *request) members(name string, visit func(string, strictjson.Value)) {
	v := r.v.Get(name)
	if v.Exists() && v.Kind() != strictjson.Object {
		r.fail(name, "is no object")
	}
	for name, e := range v.Members() {
		visit(name, e)
	}
}

func (r *request) bool(name string, absent bool) bool {
	v := r.v.Get(name)
	if !v.Exists() {
		return absent
	}
	b, ok := v.Bool()
	if !ok {
		r.fail(name, "is no boolean")
	}
	return b
}

func (r *request) integer(name string, highest int64) int64 {
	v := r.v.Get(name)
	if !v.Exists() {
		return 0
	}
	n, ok := v.Int64()
	if !ok || n < 0 || n > highest {
		r.fail(name, "is no integer in range")
	}
	return n
}

// number returns seconds; ok is false if there are none.
func (r *request) number(name string) (seconds float64, ok bool) {
	v := r.v.Get(name)
	if !v.Exists() {
		return 0, false
	}
	f, ok := v.Float64()
	if !ok || math.Abs(f) > 1<<40 {
		r.fail(name, "is no number of seconds")
		return 0, false
	}
	return f, true
}

// time reads unix seconds; the zero time if there are none.
func (r *request) time(name string) time.Time {
	f, ok := r.number(name)
	if !ok {
		return time.Time{}
	}
	whole, part := math.Modf(f)
	return time.Unix(int64(whole), int64(part*1e9)).UTC()
}

// now is the time of the request, or the machine's.
func (r *request) now() time.Time {
	if t := r.time("now"); !t.IsZero() {
		return t
	}
	return time.Now()
}

// duration reads seconds. In the library's options a zero means the default, so what was not given is zero, and a zero that was given
// becomes none.
func (r *request) duration(name string, none time.Duration) time.Duration {
	f, ok := r.number(name)
	switch {
	case !ok:
		return 0
	case f < 0 || f > 1<<31:
		r.fail(name, "is out of range")
		return 0
	case f == 0:
		return none
	}
	return time.Duration(f * float64(time.Second))
}

// object returns the bytes of a member that must be an object; nil if it is absent.
func (r *request) object(name string) json.RawMessage {
	v := r.v.Get(name)
	if v.Exists() && v.Kind() != strictjson.Object {
		r.fail(name, "is no object")
	}
	return json.RawMessage(v.Raw())
}

func (r *request) paths(name string) (out []disclosure.Path) {
	r.each(name, func(v strictjson.Value) {
		var p disclosure.Path
		if err := p.UnmarshalJSON(v.Raw()); err != nil {
			r.fail(name, "is no list of claim paths")
		}
		out = append(out, p)
	})
	return out
}

// public reads a public JWK; the zero key if there is none.
func (r *request) public(name string) (k pubkey.Key) {
	jwk := r.v.Get(name).Raw()
	if jwk == nil {
		return k
	}
	k, err := pubkey.ParseJWK(jwk)
	if err != nil {
		r.fail(name, "is no acceptable public key: "+err.Error())
	}
	return k
}

// private reads a private JWK; nil if there is none.
func (r *request) private(name string) pubkey.Signer {
	jwk := r.v.Get(name).Raw()
	if jwk == nil {
		return nil
	}
	s, err := pubkey.ParsePrivateJWK(jwk)
	if err != nil {
		r.fail(name, "is no acceptable private key: "+err.Error())
	}
	return s
}
