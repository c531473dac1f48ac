package verifiertest

import (
	"bytes"
	"encoding/base64"

	"github.com/khyer/khyer/credential"
	"github.com/khyer/khyer/disclosure"
	"github.com/khyer/khyer/verifier"
)

// Fault is one way to break an acceptable presentation, such as what Card.Present makes for at least one claim, and the reason for which it is
// then refused.
type Fault struct {
	Name  string
	Want  verifier.Reason
	Break func(presentation []byte) []byte
}

// Faults are ways to break a presentation. The holder's signature covers all of it, so that most are found by the hash in the key binding. A service that accepts one of the results, or fails on it in another way than by refusing, is wrong.
func Faults() []Fault {
	return []Fault{
		{"nothing at all", disclosure.Malformed, func([]byte) []byte { return nil }},
		{"the issuer's signature changed", credential.HashMismatch, part(0, last)},
		{"a claim changed", credential.HashMismatch, part(1, func(s []byte) []byte { return claim(s, '!') })},
		{"a claim shown twice", credential.HashMismatch, func(p []byte) []byte {
			parts := bytes.Split(p, tilde)
			return bytes.Join(append(parts[:2:2], parts[1:]...), tilde)
		}},
		{"a claim of another card", credential.HashMismatch, func(p []byte) []byte {
			parts := bytes.Split(p, tilde)
			other := []byte(base64.RawURLEncoding.EncodeToString([]byte(`["AAAAAAAAAAAAAAAAAAAAAA","Another Claim","x"]`)))
			return bytes.Join(append(append(parts[:2:2], other), parts[2:]...), tilde)
		}},
		{"a claim taken away", credential.HashMismatch, func(p []byte) []byte {
			parts := bytes.Split(p, tilde)
			return bytes.Join(append(parts[:1:1], parts[2:]...), tilde)
		}},
		{"the key binding taken away", credential.BindingMissing, func(p []byte) []byte { return p[:bytes.LastIndexByte(p, '~')+1] }},
		{"the key binding's signature changed", credential.BindingSignature, last},
		{"cut in half", disclosure.Malformed, func(p []byte) []byte { return p[:bytes.IndexByte(p, '~')/2] }},
		{"something behind it", disclosure.BadEncoding, func(p []byte) []byte { return append(bytes.Clone(p), '\n') }},
	}
}

var tilde = []byte("~")

// part changes one part between tildes.
func part(n int, change func([]byte) []byte) func([]byte) []byte {
	return func(p []byte) []byte {
		parts := bytes.Split(p, tilde)
		parts[n] = change(parts[n])
		return bytes.Join(parts, tilde)
	}
}

// last changes the signature at the end, so that it is one of the same length still.
func last(s []byte) []byte {
	out := bytes.Clone(s)
	at := len(out) - 10
	if out[at] == 'A' {
		out[at] = 'B'
	} else {
		out[at] = 'A'
	}
	return out
}

// claim adds a character to the value of a disclosure whose value is a text.
func claim(s []byte, c byte) []byte {
	raw, err := base64.RawURLEncoding.DecodeString(string(s))
	if err != nil {
		return s
	}
	if n := len(raw); n > 2 && raw[n-2] == '"' {
		raw = append(raw[:n-2], c, '"', ']')
	} else {
		raw = append(raw[:n-1], ' ', ']')
	}
	return []byte(base64.RawURLEncoding.EncodeToString(raw))
}
