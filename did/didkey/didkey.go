// Package didkey resolves did:key, the method whose identifier is a public key in Multikey form. It needs no network.
//
// Source: the did:key method, "Document Creation Algorithm", with publicKeyFormat Multikey and enableEncryptionKeyDerivation, which the text
// leaves open: its own example and every published Ed25519 document have the derived key, so holders of such a DID expect to be written to
// under it. P-256, P-384, secp256k1 and Ed25519 keys stand in the four signature relationships. With an Ed25519 key comes the X25519 key
// that is derived from it, in keyAgreement and under an id of its own. An X25519 key stands in keyAgreement alone, as in the published
// documents; by the letter of the algorithm it would stand among the signatures, which it cannot make.
package didkey

import (
	"context"
	"crypto/ecdh"
	"errors"
	"math/big"
	"slices"

	"github.com/khyer/khyer/did"
	"github.com/khyer/khyer/did/pubkey"
)

// Resolver resolves did:key. It is safe for concurrent use.
type Resolver struct{}

// Resolve implements did.Resolver. The document never changes, so that it is the same at any time; it has no versions. Errors are *did.Error
// with MethodNotSupported for another method, InvalidDID for what holds no acceptable key and FeatureNotSupported for an at with a block.
func (Resolver) Resolve(_ context.Context, id did.DID, at did.At) (*did.Resolution, error) {
	if id.Method() != "key" {
		return nil, &did.Error{Code: did.MethodNotSupported}
	}
	if at.Block != 0 {
		return nil, &did.Error{Code: did.FeatureNotSupported, Err: errors.New("did:key has no versions")}
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
	if agreement, ok := derive(pub); ok {
		method := s + "#" + agreement
		doc.VerificationMethod = append(doc.VerificationMethod, did.Method{ID: method, Type: "Multikey", Controller: s, PublicKeyMultibase: agreement})
		doc.Relationships[did.KeyAgreement] = []string{method}
	}
	return did.NewResolution(doc)
}

// fieldPrime is that of Curve25519 (RFC 7748 section 4.1).
var fieldPrime = new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 255), big.NewInt(19))

// derive gives the X25519 key of an Ed25519 key, as a Multikey: u = (1+y)/(1-y), the birational map of RFC 7748 section 4.1.
func derive(k pubkey.Key) (string, bool) {
	if k.Curve() != "Ed25519" {
		return "", false
	}
	b := slices.Clone(k.Bytes())
	slices.Reverse(b) // big-endian
	b[0] &= 0x7f      // the sign of x
	y, one := new(big.Int).SetBytes(b), big.NewInt(1)
	u := new(big.Int).ModInverse(new(big.Int).Sub(one, y), fieldPrime)
	if u == nil { // not reached: y = 1 is the identity, which no Key is
		return "", false
	}
	u.Mul(u, y.Add(y, one)).Mod(u, fieldPrime)
	u.FillBytes(b)
	slices.Reverse(b)
	pub, err := ecdh.X25519().NewPublicKey(b)
	if err != nil {
		return "", false
	}
	x, err := pubkey.New(pub)
	if err != nil {
		return "", false
	}
	return x.Multikey()
}

// FromKey returns the did:key of a public key. An address has none: the error is *did.Error with InvalidDID.
func FromKey(k pubkey.Key) (did.DID, error) {
	m, ok := k.Multikey()
	if !ok {
		return did.DID{}, &did.Error{Code: did.InvalidDID, Err: errors.New("the key has no Multikey form")}
	}
	return did.Parse("did:key:" + m)
}
