package pubkey

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"encoding/base64"
	"errors"
	"strings"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	"github.com/multiformats/go-multibase"

	"github.com/khyer/khyer/internal/jose"
	"github.com/khyer/khyer/internal/strictjson"
)

const (
	maxJWK      = 8 << 10 // room for an x5c chain, which is ignored
	maxMultikey = 128     // the longest in use, P-384, has 71
)

// privateMembers are the JWK members that hold private or symmetric key material (RFC 7518 sections 6.2.2, 6.3.2 and 6.4.1, and the
// "priv" of the AKP key type).
var privateMembers = []string{"d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"}

// ParseJWK reads a public key in JWK form (RFC 7517): EC on P-256, P-384 or secp256k1, OKP with Ed25519 or X25519.
//
// Private members are refused with a reason of their own. "alg", if present, must fit the key; a key whose "use", "key_ops" or "alg"
// says that it is for encryption parses, and verifies nothing. Members that are not understood are ignored (RFC 7517 section 4).
// Coordinates must have the exact length of the curve and the canonical base64url form without padding.
func ParseJWK(jwk []byte) (Key, error) {
	v, err := parseJWKObject(jwk)
	if err != nil {
		return Key{}, err
	}
	for _, name := range privateMembers {
		if v.Get(name).Exists() {
			return Key{}, fail(PrivateMember)
		}
	}
	return fromJWK(v)
}

func parseJWKObject(jwk []byte) (strictjson.Value, error) {
	v, err := strictjson.Parse(jwk, strictjson.Limits{Bytes: maxJWK, Depth: 8})
	if err != nil {
		var e *strictjson.Error
		if errors.As(err, &e) && e.Reason == strictjson.TooLarge {
			return v, fail(TooLarge)
		}
		return v, fail(Malformed)
	}
	if v.Kind() != strictjson.Object {
		return v, fail(Malformed)
	}
	return v, nil
}

// fromJWK reads the public members of a JWK object.
func fromJWK(v strictjson.Value) (Key, error) {
	c, err := curveOf(v)
	if err != nil {
		return Key{}, err
	}
	x, err := octets(v.Get("x"), c.size)
	if err != nil {
		return Key{}, err
	}
	var point []byte
	if c == p256 || c == p384 || c == koblitz {
		y, err := octets(v.Get("y"), c.size)
		if err != nil {
			return Key{}, err
		}
		point = append(append(append(make([]byte, 0, 1+2*c.size), 4), x...), y...)
	} else if v.Get("y").Exists() {
		return Key{}, fail(Malformed)
	}
	var k Key
	switch c {
	case p256, p384:
		k, err = fromNIST(c, point)
	case koblitz:
		k, err = fromKoblitz(point)
	case edwards:
		k, err = fromEdwards(x)
	case x25519:
		k, err = fromX25519(x)
	}
	if err != nil {
		return Key{}, err
	}
	if c == p256 || c == p384 || c == edwards {
		if err := approve(k); err != nil {
			return Key{}, err
		}
	}
	k.k.noSign, err = otherUse(c, v)
	if err != nil {
		return Key{}, err
	}
	return k, nil
}

func curveOf(v strictjson.Value) (*curve, error) {
	kty, crv := v.Get("kty"), v.Get("crv")
	if kty.Kind() != strictjson.String {
		return nil, fail(Malformed)
	}
	if !kty.Is("EC") && !kty.Is("OKP") {
		return nil, fail(Unsupported)
	}
	if crv.Kind() != strictjson.String {
		return nil, fail(Malformed)
	}
	for _, c := range curves {
		okp := c == edwards || c == x25519
		if crv.Is(c.name) && okp == kty.Is("OKP") {
			return c, nil
		}
	}
	return nil, fail(Unsupported)
}

// octets decodes a coordinate of exactly n bytes (RFC 7518 section 6.2.1.2).
func octets(v strictjson.Value, n int) ([]byte, error) {
	text, ok := v.Text()
	if !ok || len(text) != base64.RawURLEncoding.EncodedLen(n) {
		return nil, fail(Malformed)
	}
	b, ok := strictjson.AppendBase64URL(make([]byte, 0, n), []byte(text))
	if !ok {
		return nil, fail(Malformed)
	}
	return b, nil
}

// approve asks go-jose, whose decision about keys stands beside ours: both must accept, and must have read the same key.
func approve(k Key) error {
	pub, err := jose.PublicKey(k.JWK())
	if err != nil {
		return fail(OffCurve)
	}
	switch pub := pub.(type) {
	case *ecdsa.PublicKey:
		if k.k.nist != nil && k.k.nist.Equal(pub) {
			return nil
		}
	case ed25519.PublicKey:
		if pub.Equal(ed25519.PublicKey(k.k.raw)) {
			return nil
		}
	}
	return fail(Malformed)
}

// otherUse reads "alg", "use" and "key_ops" (RFC 7517 sections 4.2 to 4.4) and reports whether the key is meant for something else
// than signatures.
func otherUse(c *curve, v strictjson.Value) (bool, error) {
	other := false
	if alg := v.Get("alg"); alg.Exists() {
		name, ok := alg.Text()
		switch {
		case !ok:
			return false, fail(Malformed)
		case c.alg != "" && name == string(c.alg):
		case c != edwards && (name == "ECDH-ES" || strings.HasPrefix(name, "ECDH-ES+")): // RFC 7518 section 4.6
			other = true
		default:
			return false, fail(AlgorithmMismatch)
		}
	}
	if use := v.Get("use"); use.Exists() {
		if use.Kind() != strictjson.String {
			return false, fail(Malformed)
		}
		other = other || !use.Is("sig")
	}
	if ops := v.Get("key_ops"); ops.Exists() {
		if ops.Kind() != strictjson.Array {
			return false, fail(Malformed)
		}
		signs := false
		for op := range ops.Elements() {
			if op.Kind() != strictjson.String {
				return false, fail(Malformed)
			}
			signs = signs || op.Is("verify") || op.Is("sign")
		}
		other = other || !signs
	}
	return other, nil
}

// ParseMultikey reads a public key in the Multikey form of CID 1.0 section 2.2.2: base58btc ("z") of a multicodec and the key.
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
	if b[1] == 0x26 && b[0]&0x80 != 0 { // 0x1300 to 0x137f: the private keys of the multicodec table
		return Key{}, fail(PrivateMember)
	}
	return Key{}, fail(Unsupported)
}

// fromRaw takes the form that Bytes gives.
func fromRaw(c *curve, raw []byte) (Key, error) {
	switch c {
	case edwards:
		return fromEdwards(raw)
	case x25519:
		return fromX25519(raw)
	}
	if len(raw) != 1+c.size || (raw[0] != 2 && raw[0] != 3) {
		return Key{}, fail(Malformed)
	}
	if c == koblitz {
		pub, err := secp256k1.ParsePubKey(raw)
		if err != nil {
			return Key{}, fail(OffCurve)
		}
		return fromKoblitz(pub.SerializeUncompressed())
	}
	x, y := elliptic.UnmarshalCompressed(c.params, raw)
	if x == nil {
		return Key{}, fail(OffCurve)
	}
	point := make([]byte, 1+2*c.size)
	point[0] = 4
	x.FillBytes(point[1 : 1+c.size])
	y.FillBytes(point[1+c.size:])
	return fromNIST(c, point)
}

// Multikey returns the Multikey form (CID 1.0 section 2.2.2); ok is false for an address and for the zero key.
func (k Key) Multikey() (s string, ok bool) {
	if k.k == nil || k.k.curve == address {
		return "", false
	}
	s, err := multibase.Encode(multibase.Base58BTC, append(k.k.curve.codec[:], k.k.raw...))
	return s, err == nil
}
