// Package didkey resolves did:key, the method whose identifier is a public key in Multikey form. It needs no network.
//
// The document holds one Multikey method. P-256, P-384, secp256k1 and Ed25519 keys stand in the four signature relationships, X25519
// keys in keyAgreement; no X25519 key is derived from an Ed25519 key. Source: the did:key method, "Document Creation Algorithm",
// with publicKeyFormat Multikey.
package didkey

import (
	"context"
	"errors"

	"github.com/khyer/khyer/did"
	"github.com/khyer/khyer/did/pubkey"
)

// Resolver resolves did:key. It is safe for concurrent use.
type Resolver struct{}

// Resolve implements did.Resolver. at has no meaning for a key and is ignored: the document never changes. Errors are *did.Error with
// MethodNotSupported for another method and InvalidDID for what holds no acceptable key.
func (Resolver) Resolve(_ context.Context, id did.DID, _ did.At) (*did.Resolution, error) {
	if id.Method() != "key" {
		return nil, &did.Error{Code: did.MethodNotSupported}
	}
	multikey := id.SpecificID()
	pub, err := pubkey.ParseMultikey(multikey)
	if err != nil {
		return nil, &did.Error{Code: did.InvalidDID, Err: err}
	}
	s := id.String()
	method := s + "#" + multikey
	doc := &did.Document{
		Context:            []string{"https://www.w3.org/ns/did/v1", "https://w3id.org/security/multikey/v1"},
		ID:                 id,
		VerificationMethod: []did.Method{{ID: method, Type: "Multikey", Controller: s, PublicKeyMultibase: multikey}},
		Relationships:      map[did.Purpose][]string{},
	}
	purposes := []did.Purpose{did.Authentication, did.AssertionMethod, did.CapabilityInvocation, did.CapabilityDelegation}
	if len(pub.Algorithms()) == 0 {
		purposes = []did.Purpose{did.KeyAgreement}
	}
	for _, p := range purposes {
		doc.Relationships[p] = []string{method}
	}
	return did.NewResolution(doc)
}

// FromKey returns the did:key of a public key. An address has none: the error is *did.Error with InvalidDID.
func FromKey(k pubkey.Key) (did.DID, error) {
	m, ok := k.Multikey()
	if !ok {
		return did.DID{}, &did.Error{Code: did.InvalidDID, Err: errors.New("the key has no Multikey form")}
	}
	return did.Parse("did:key:" + m)
}
