package pubkey

//lint:file-ignore SA1019 crypto/ecdsa has no way to read a secp256k1 key, or to see that a key is incomplete, but these fields

import (
	"crypto/ecdsa"
	"crypto/elliptic"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"
)

func fromECDSA(pub *ecdsa.PublicKey) (Key, error) {
	if pub == nil || pub.Curve == nil || pub.X == nil || pub.Y == nil {
		return Key{}, fail(Malformed)
	}
	switch pub.Curve {
	case elliptic.P256(), elliptic.P384():
		point, err := pub.Bytes()
		if err != nil {
			return Key{}, fail(OffCurve)
		}
		if pub.Curve == elliptic.P256() {
			return fromNIST(p256, point)
		}
		return fromNIST(p384, point)
	}
	// Several packages have a secp256k1 of their own; they agree on its constants.
	c, k := pub.Curve.Params(), secp256k1.S256().Params()
	if c == nil || c.P == nil || c.N == nil || c.B == nil || c.Gx == nil || c.Gy == nil ||
		c.P.Cmp(k.P) != 0 || c.N.Cmp(k.N) != 0 || c.B.Cmp(k.B) != 0 || c.Gx.Cmp(k.Gx) != 0 || c.Gy.Cmp(k.Gy) != 0 {
		return Key{}, fail(Unsupported)
	}
	if pub.X.Sign() < 0 || pub.Y.Sign() < 0 || pub.X.Cmp(k.P) >= 0 || pub.Y.Cmp(k.P) >= 0 {
		return Key{}, fail(OffCurve)
	}
	point := make([]byte, 65)
	point[0] = 4
	pub.X.FillBytes(point[1:33])
	pub.Y.FillBytes(point[33:])
	return fromKoblitz(point)
}

// scalarOf reads the private scalar of a key on secp256k1.
func scalarOf(priv *ecdsa.PrivateKey) ([]byte, error) {
	if priv.D == nil || priv.D.Sign() <= 0 || priv.D.BitLen() > 256 {
		return nil, fail(NotPrivate)
	}
	return priv.D.FillBytes(make([]byte, 32)), nil
}
