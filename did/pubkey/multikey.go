package pubkey

import (
	"crypto/elliptic"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	"github.com/multiformats/go-multibase"
)

const maxMultikey = 128 // the longest in use, P-384, has 71

var rsaCodec = [2]byte{0x85, 0x24} // 0x1205, rsa-pub

// ParseMultikey reads a public key in the Multikey form of CID 1.0 section 2.2.2: base58btc ("z") of a multicodec and the key. RSA is
// refused, with TooLarge if it has 2048 bits: it is not decoded.
func ParseMultikey(s string) (Key, error) {
	if len(s) > maxMultikey { // base58 costs the square of the length
		return Key{}, fail(TooLarge)
	}
	if len(s) < 2 || s[0] != 'z' {
		return Key{}, fail(Malformed)
	}
	_, b, err := multibase.Decode(s)
	if err != nil || len(b) < 3 {
		return Key{}, fail(Malformed)
	}
	raw := b[2:]
	for _, c := range curves {
		// Comparing the bytes leaves no room for a varint that is not minimal.
		if b[0] == c.codec[0] && b[1] == c.codec[1] {
			return fromRaw(c, raw)
		}
	}
	if b[0] == rsaCodec[0] && b[1] == rsaCodec[1] {
		return Key{}, fail(TooSmall) // 2048 bits do not fit into maxMultikey
	}
	if b[1] == 0x26 && b[0]&0x80 != 0 { // 0x1300 to 0x137f: the private keys of the multicodec table
		return Key{}, fail(PrivateMember)
	}
	return Key{}, fail(Unsupported)
}

// fromRaw takes the form that Bytes gives.
func fromRaw(c *curve, raw []byte) (Key, error) {
	if !c.ec {
		return fromForm(c, raw)
	}
	if len(raw) != 1+c.size {
		return Key{}, fail(WrongLength)
	}
	if raw[0] != 2 && raw[0] != 3 {
		return Key{}, fail(Malformed)
	}
	if !c.reduced(raw[1:]) {
		return Key{}, fail(NonCanonical)
	}
	if c == koblitz {
		pub, err := secp256k1.ParsePubKey(raw)
		if err != nil {
			return Key{}, fail(OffCurve)
		}
		return fromForm(koblitz, pub.SerializeUncompressed())
	}
	if c == p256 {
		point := guess256(raw)
		if k, err := fromForm(c, point[:]); err == nil {
			return k, nil
		}
	}
	x, y := elliptic.UnmarshalCompressed(c.params, raw)
	if x == nil {
		return Key{}, fail(OffCurve)
	}
	point := make([]byte, c.length())
	point[0] = 4
	x.FillBytes(point[1 : 1+c.size])
	y.FillBytes(point[1+c.size:])
	return fromForm(c, point)
}

// Multikey returns the Multikey form (CID 1.0 section 2.2.2); ok is false for an address and for the zero key.
func (k Key) Multikey() (s string, ok bool) {
	if k.k == nil || k.k.curve == address {
		return "", false
	}
	s, err := multibase.Encode(multibase.Base58BTC, append(k.k.curve.codec[:], k.Bytes()...))
	return s, err == nil
}
