// Package jws reads the protected header of a JWS, and the certificates in it, the same way for everything that is signed: cards, key
// bindings, status lists.
package jws

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"strings"

	"github.com/khyer/khyer/internal/strictjson"
)

// Header is what a protected header says. Nothing of it is believed before the signature is verified.
type Header struct {
	Algorithm, Type, KeyID string
	KeyIDIsText            bool   // false for a kid that is no string; true for one that is absent
	X5C                    []byte // the JSON of x5c; nil if absent
	ForeignKey             bool   // jwk, jku or x5u: a key that its sender vouches for
}

// Faults of a header.
var (
	ErrMalformed = errors.New("no JSON object of the right form, a member twice, or one in another case")
	ErrCritical  = errors.New("crit or b64: an extension that is not known")
)

const maxHeader = 64 << 10

// ReadHeader reads a header of at most 64 KiB (RFC 7515 section 4). Members that are not known are ignored, as section 4 demands, unless
// they are a known one in another case.
func ReadHeader(raw []byte) (h Header, err error) {
	v, err := strictjson.Parse(raw, strictjson.Limits{Bytes: maxHeader, Depth: 8})
	if err != nil || v.Kind() != strictjson.Object {
		return h, ErrMalformed
	}
	h.KeyIDIsText = true
	for name, val := range v.Pairs() {
		plain, ok := name.Plain()
		if !ok {
			return h, ErrMalformed // no registered name needs an escape, and a hidden one is an attack
		}
		switch string(plain) {
		case "kid":
			h.KeyID, h.KeyIDIsText = val.Text()
		case "alg":
			h.Algorithm, ok = val.Text()
		case "typ":
			h.Type, ok = val.Text()
		case "crit", "b64":
			return h, ErrCritical
		case "x5c":
			h.X5C = val.Raw()
		case "jwk", "jku", "x5u":
			h.ForeignKey = true
		default:
			switch strings.ToLower(string(plain)) {
			case "alg", "typ", "kid", "crit", "b64", "x5c", "jwk", "jku", "x5u":
				return h, ErrMalformed
			}
		}
		if !ok {
			return h, ErrMalformed
		}
	}
	return h, nil
}

// Split takes a compact serialisation apart (RFC 7515 section 7.1): the protected header decoded, what was signed, where in it the
// encoded payload begins, and the signature decoded. It accepts one spelling of each.
func Split(compact []byte) (protected, input []byte, payload int, signature []byte, ok bool) {
	first, last := bytes.IndexByte(compact, '.'), bytes.LastIndexByte(compact, '.')
	if first <= 0 || last == first || bytes.IndexByte(compact[first+1:last], '.') >= 0 || first > base64.RawURLEncoding.EncodedLen(maxHeader) {
		return nil, nil, 0, nil, false
	}
	const longestSignature = 1 << 10
	if len(compact)-last > longestSignature {
		return nil, nil, 0, nil, false
	}
	protected, ok = strictjson.AppendBase64URL(nil, compact[:first])
	if !ok {
		return nil, nil, 0, nil, false
	}
	signature, ok = strictjson.AppendBase64URL(nil, compact[last+1:])
	return protected, compact[:last], first + 1, signature, ok
}

// Bounds of x5c, checked before any certificate is parsed. A chain of three is usual, and a certificate of one kilobyte.
const (
	maxCertificates = 8
	maxCertificate  = 8 << 10 // bytes of DER
)

// Certificates parses the value of x5c (RFC 7515 section 4.1.6), the one that signed first. At most 8 of at most 8 KiB each are read.
// Nothing about them is verified.
func Certificates(x5c []byte) ([]*x509.Certificate, bool) {
	v, err := strictjson.Parse(x5c, strictjson.Limits{Bytes: len(x5c), Depth: 1})
	if err != nil || v.Kind() != strictjson.Array || v.Len() == 0 || v.Len() > maxCertificates {
		return nil, false
	}
	chain := make([]*x509.Certificate, 0, v.Len())
	for e := range v.Elements() {
		text, ok := e.Text()
		if !ok {
			return nil, false
		}
		cert, ok := certificate(text)
		if !ok {
			return nil, false
		}
		chain = append(chain, cert)
	}
	return chain, true
}

// certificate reads one element: base64 and not base64url, with padding, in its one spelling.
func certificate(text string) (*x509.Certificate, bool) {
	// The decoder skips line breaks, so that one certificate would have several spellings.
	if len(text) > base64.StdEncoding.EncodedLen(maxCertificate) || strings.ContainsAny(text, "\r\n") {
		return nil, false
	}
	der, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil {
		return nil, false
	}
	cert, err := x509.ParseCertificate(der) // the error would quote what a stranger wrote
	return cert, err == nil
}
