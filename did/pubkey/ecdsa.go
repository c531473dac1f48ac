package pubkey

//lint:file-ignore SA1019 crypto/ecdsa has no way to read a secp256k1 key, to see that a key is incomplete, or to keep one in memory of ours, but these fields

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"math/big"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"
)

func fromECDSA(pub *ecdsa.PublicKey) (Key, error) {
	if pub == nil || pub.Curve == nil || pub.X == nil || pub.Y == nil {
		return Key{}, fail(Malformed)
	}
	c := koblitz
	switch pub.Curve {
	case elliptic.P256():
		c = p256
	case elliptic.P384():
		c = p384
	default:
		// Several packages have a secp256k1 of their own; they agree on its constants.
		c, k := pub.Curve.Params(), secp256k1.S256().Params()
		if c == nil || c.P == nil || c.N == nil || c.B == nil || c.Gx == nil || c.Gy == nil ||
			c.P.Cmp(k.P) != 0 || c.N.Cmp(k.N) != 0 || c.B.Cmp(k.B) != 0 || c.Gx.Cmp(k.Gx) != 0 || c.Gy.Cmp(k.Gy) != 0 {
			return Key{}, fail(Unsupported)
		}
	}
	for _, v := range []*big.Int{pub.X, pub.Y} {
		if v.Sign() < 0 || v.BitLen() > 8*c.size {
			return Key{}, fail(NonCanonical)
		}
	}
	var point [97]byte
	point[0] = 4
	pub.X.FillBytes(point[1 : 1+c.size])
	pub.Y.FillBytes(point[1+c.size : c.length()])
	return fromForm(c, point[:c.length()])
}

// screenNIST checks that the coordinates are reduced and the point is on P-256 or P-384 and not its identity. IsOnCurve is the check
// of ecdsa.ParseUncompressedPublicKey, to which the tests compare it, with a third of the allocations; crypto/ecdsa checks the point
// once more at each signature.
func (k *key) screenNIST() error {
	xy, n := k.xy(), k.curve.size
	k.x.SetBits(k.limbs[0][:0]).SetBytes(xy[:n])
	k.y.SetBits(k.limbs[1][:0]).SetBytes(xy[n:])
	if !k.curve.params.IsOnCurve(&k.x, &k.y) {
		return k.offCurve()
	}
	k.nist = ecdsa.PublicKey{Curve: k.curve.params, X: &k.x, Y: &k.y}
	return nil
}

// scalarOf reads the private scalar of a key on secp256k1.
func scalarOf(priv *ecdsa.PrivateKey) ([]byte, error) {
	if priv.D == nil || priv.D.Sign() <= 0 || priv.D.BitLen() > 256 {
		return nil, fail(NotPrivate)
	}
	return priv.D.FillBytes(make([]byte, 32)), nil
}
