// Package didjwk resolves did:jwk, the method whose identifier is a JWK in base64url. It needs no network.
//
// The document is made from the bytes that the identifier holds, never from a re-encoding: two spellings of one key are two DIDs. The
// only method is #0; a "kid" in the JWK names nothing. Source: the did:jwk method specification.
package didjwk

import (
	"context"
	"encoding/base64"
	"errors"

	"github.com/khyer/khyer/did"
	"github.com/khyer/khyer/did/pubkey"
	"github.com/khyer/khyer/internal/strictjson"
)

// Resolver resolves did:jwk. It is safe for concurrent use.
type Resolver struct{}

// Resolve implements did.Resolver. The document never changes, so that it is the same at any time; it has no versions. Errors are *did.Error
// with MethodNotSupported for another method, InvalidDID for what holds no acceptable key and FeatureNotSupported for an at with a block.
func (Resolver) Resolve(_ context.Context, id did.DID, at did.At) (*did.Resolution, error) {
	if id.Method() != "jwk" {
		return nil, &did.Error{Code: did.MethodNotSupported}
	}
	if at.Block != 0 {
		return nil, &did.Error{Code: did.FeatureNotSupported, Err: errors.New("did:jwk has no versions")}
	}
	// The length is that of a DID, so it is bounded.
	jwk, ok := strictjson.AppendBase64URL(nil, []byte(id.SpecificID()))
	if !ok {
		return nil, &did.Error{Code: did.InvalidDID, Err: errors.New("not canonical base64url")}
	}
	if _, err := pubkey.ParseJWK(jwk); err != nil {
		return nil, &did.Error{Code: did.InvalidDID, Err: err}
	}
	s := id.String()
	method := s + "#0"
	doc := &did.Document{
		Context:            []string{"https://www.w3.org/ns/did/v1", "https://w3id.org/security/suites/jws-2020/v1"},
		ID:                 id,
		VerificationMethod: []did.Method{{ID: method, Type: "JsonWebKey2020", Controller: s, PublicKeyJwk: jwk}},
		Relationships:      map[did.Purpose][]string{},
	}
	for _, p := range purposes(jwk) {
		doc.Relationships[p] = []string{method}
	}
	return did.NewResolution(doc)
}

// purposes reads "use": a key for signatures takes no part in key agreement, and the reverse.
func purposes(jwk []byte) []did.Purpose {
	v, err := strictjson.Parse(jwk, strictjson.Limits{})
	if err != nil {
		return nil
	}
	use, _ := v.Get("use").Text()
	if use == "enc" {
		return []did.Purpose{did.KeyAgreement}
	}
	all := []did.Purpose{did.AssertionMethod, did.Authentication, did.CapabilityInvocation, did.CapabilityDelegation}
	if use != "sig" {
		all = append(all, did.KeyAgreement)
	}
	return all
}

// FromKey returns the did:jwk of a public key, over the canonical JWK of RFC 7638. An address has none: the error is *did.Error with
// InvalidDID.
func FromKey(k pubkey.Key) (did.DID, error) {
	jwk := k.JWK()
	if jwk == nil {
		return did.DID{}, &did.Error{Code: did.InvalidDID, Err: errors.New("the key has no JWK form")}
	}
	return did.Parse("did:jwk:" + base64.RawURLEncoding.EncodeToString(jwk))
}
