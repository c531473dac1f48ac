package pubkey

import (
	"crypto/ecdsa"
	"crypto/ed25519"

	"github.com/khyer/khyer/internal/jose"
)

// ParsePrivateJWK reads a private signing key in JWK form: "d" beside the public members of ParseJWK, which must belong to it. Keys that
// are worth money belong in an HSM: see FromCrypto.
func ParsePrivateJWK(jwk []byte) (Signer, error) {
	v, err := parseJWKObject(jwk)
	if err != nil {
		return nil, err
	}
	m := collect(v)
	pub, err := m.key()
	if err != nil {
		return nil, err
	}
	c := pub.k.curve
	if m.private {
		return nil, fail(Malformed)
	}
	if len(pub.Algorithms()) == 0 {
		return nil, fail(AlgorithmMismatch)
	}
	if c != koblitz { // go-jose does not know it
		if err := approve(pub); err != nil {
			return nil, err
		}
	}
	d := make([]byte, c.size)
	if coordinate(d, m.d) != nil {
		return nil, fail(NotPrivate)
	}
	var s Signer
	switch c {
	case p256, p384:
		priv, err := ecdsa.ParseRawPrivateKey(c.params, d)
		if err != nil {
			return nil, fail(NotPrivate)
		}
		s, err = FromCrypto(priv)
		if err != nil {
			return nil, err
		}
	case koblitz:
		s, err = newKoblitzSigner(d)
	case edwards:
		s, err = FromCrypto(ed25519.NewKeyFromSeed(d))
	}
	if err != nil {
		return nil, err
	}
	if !s.Public().Equal(pub) {
		return nil, fail(Mismatch)
	}
	return s, nil
}

// approve asks go-jose, whose decision about keys stands beside ours: both must accept, and must have read the same key. Where a key
// will sign, one question in the life of a process costs nothing. Where a verifier meets a fresh holder key at each presentation, the
// same comparison runs in the tests only (FuzzParseJWK): go-jose takes several times as long as all of ParseJWK.
func approve(k Key) error {
	pub, err := jose.PublicKey(k.JWK())
	if err != nil {
		return fail(OffCurve)
	}
	switch pub := pub.(type) {
	case *ecdsa.PublicKey:
		if k.k.nist.Equal(pub) {
			return nil
		}
	case ed25519.PublicKey:
		if pub.Equal(ed25519.PublicKey(k.k.form())) {
			return nil
		}
	}
	return fail(Malformed)
}
