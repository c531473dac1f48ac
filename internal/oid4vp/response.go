package oid4vp

import (
	"encoding/json"
	"net/url"
	"unicode/utf8"

	"github.com/khyer/khyer/internal/strictjson"
)

// Response is an authorization response (section 8.1): a VP token, or an error (section 8.5).
type Response struct {
	Token json.RawMessage // vp_token, an object; nil in an error
	State string

	Error       string // one of the codes of section 8.5; empty with a token
	Description string // error_description
}

// Error codes that a wallet sends (section 8.5; RFC 6749 section 4.1.2.1).
const (
	AccessDenied            = "access_denied"
	InvalidRequest          = "invalid_request"
	InvalidTransactionData  = "invalid_transaction_data"
	FormatsNotSupported     = "vp_formats_not_supported"
	InvalidRequestURIMethod = "invalid_request_uri_method"
)

// Bounds of a response.
const (
	maxToken       = 2 << 20
	maxResponse    = 4 << 20 // of a form or of a JWE
	maxDescription = 1 << 10
)

// Form writes the response as a form or as a fragment (section 8.2).
func (r *Response) Form() url.Values {
	q := url.Values{}
	set := func(name, text string) {
		if text != "" {
			q.Set(name, text)
		}
	}
	set("vp_token", string(r.Token))
	set("state", r.State)
	set("error", r.Error)
	set("error_description", r.Description)
	return q
}

// JSON writes the response as an object: what is encrypted (section 8.3), and what the Digital Credentials API hands over (appendix A.4).
func (r *Response) JSON() ([]byte, error) {
	return marshal(struct {
		Token       json.RawMessage `json:"vp_token,omitempty"`
		State       string          `json:"state,omitempty"`
		Error       string          `json:"error,omitempty"`
		Description string          `json:"error_description,omitempty"`
	}{r.Token, r.State, r.Error, r.Description})
}

// ParseResponse reads a response in JSON. Nothing of the token is verified. The error is *Error.
func ParseResponse(text []byte) (*Response, error) {
	v, err := strictjson.Parse(text, strictjson.Limits{Bytes: maxResponse})
	if err != nil || v.Kind() != strictjson.Object {
		return nil, fail(ResponseMalformed, "no JSON object, or a member twice")
	}
	r, f := &Response{}, &fields{of: v}
	f.text("state", &r.State)
	f.text("error", &r.Error)
	if f.err != nil {
		return nil, fail(ResponseMalformed, "a parameter that is no text")
	}
	r.Description, _ = v.Get("error_description").Text()
	if token := v.Get("vp_token"); token.Exists() {
		r.Token = append(json.RawMessage(nil), token.Raw()...)
	}
	return r, r.check()
}

// ParseForm reads what was posted to a response_uri, or a fragment: a response, or the JWE of one. Exactly one of both is there. A parameter that is there
// twice is refused. The error is *Error.
func ParseForm(body string) (r *Response, jwe string, err error) {
	if len(body) > maxResponse {
		return nil, "", fail(ResponseMalformed, "too large")
	}
	q, perr := parameters(body)
	if perr != nil {
		return nil, "", fail(ResponseMalformed, perr.(*Error).Detail)
	}
	if jwe = q["response"]; jwe != "" {
		if q["vp_token"] != "" || q["error"] != "" {
			return nil, "", fail(ResponseMalformed, "encrypted and plain at once")
		}
		return nil, jwe, nil
	}
	r = &Response{State: q["state"], Error: q["error"], Description: q["error_description"]}
	if q["vp_token"] != "" {
		r.Token = json.RawMessage(q["vp_token"])
	}
	if err := r.check(); err != nil {
		return nil, "", err
	}
	return r, "", nil
}

func (r *Response) check() error {
	switch {
	case (r.Token == nil) == (r.Error == ""):
		return fail(ResponseMalformed, "neither a token nor an error, or both")
	case len(r.Token) > maxToken:
		return fail(ResponseMalformed, "too large")
	case len(r.State) > maxText, !errorText(r.Error) || len(r.Error) > 64:
		return fail(ResponseMalformed, "state or error")
	}
	if !errorText(r.Description) || len(r.Description) > maxDescription {
		r.Description = "" // for people, and written by a stranger
	}
	return nil
}

// errorText tells whether a text has the characters of RFC 6749 section 4.1.2.1.
func errorText(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < 0x20 || c > 0x7e || c == '"' || c == '\\' {
			return false
		}
	}
	return utf8.ValidString(s)
}
