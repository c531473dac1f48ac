// Package jose is the only importer of go-jose. It speaks standard-library types, so that go-jose can be replaced behind it and
// none of its types shows in an exported signature.
package jose

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"errors"

	"github.com/go-jose/go-jose/v4"
)

// ErrKey says that a key is not acceptable. It never quotes the key.
var ErrKey = errors.New("jose: the key is not acceptable")

// PublicKey decides about a public key in JWK form (RFC 7517) and returns it as *ecdsa.PublicKey (P-256, P-384) or
// ed25519.PublicKey. The caller has bounded jwk and checked it for duplicate members.
//
// did/pubkey asks where a private key is read, and compares its own reading of every kind of public key with this one in its tests.
// go-jose checks coordinate lengths, that the point is on the named curve, and refuses a key with private members; what it
// accepts beyond our two curve families (RSA, oct, P-521) is refused here.
func PublicKey(jwk []byte) (crypto.PublicKey, error) {
	var k jose.JSONWebKey
	// go-jose's errors quote the input: they stop here.
	if err := k.UnmarshalJSON(jwk); err != nil || !k.Valid() {
		return nil, ErrKey
	}
	switch pub := k.Key.(type) {
	case *ecdsa.PublicKey:
		if n := pub.Curve.Params().Name; n == "P-256" || n == "P-384" {
			return pub, nil
		}
	case ed25519.PublicKey:
		return pub, nil
	}
	// A private key has another type.
	return nil, ErrKey
}
