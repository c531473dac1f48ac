package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/binary"
	"math/big"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	koblitz "github.com/decred/dcrd/dcrec/secp256k1/v4/ecdsa"
)

// key is a key pair from a seed. Everybody knows it: it is for these files only.
type key struct {
	alg             string
	public, private string // JWK
	raw             []byte // as a Multikey holds it
	sign            func(input []byte) []byte
}

// The people of the scenarios.
var (
	registry  = p256("issuer: registry")
	retired   = p256("issuer: registry, the key before")
	registryK = secp256("issuer: registry, secp256k1")
	registry3 = p384("issuer: registry, P-384")
	registryE = edwards("issuer: registry, Ed25519")
	transport = p256("issuer: transport")
	pema      = p256("holder: pema")
	pemaK     = secp256("holder: pema, secp256k1")
	pemaE     = edwards("holder: pema, Ed25519")
	karma     = p256("holder: karma")
	thief     = p256("thief")
)

func seed(name string) []byte {
	h := sha256.Sum256([]byte("khyer test vectors, key of " + name))
	return h[:]
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func jwk(kty, crv, x, y string) string {
	out := `{"kty":"` + kty + `","crv":"` + crv + `","x":"` + x + `"`
	if y != "" {
		out += `,"y":"` + y + `"`
	}
	return out + "}"
}

// with adds a member to a JSON object.
func with(object, name, value string) string {
	return object[:len(object)-1] + "," + quote(name) + ":" + value + "}"
}

func nist(name, alg string, c elliptic.Curve, size int) key {
	d := seed(name)
	if size > len(d) {
		d = append(make([]byte, size-len(d)), d...)
	}
	priv, err := ecdsa.ParseRawPrivateKey(c, d)
	if err != nil {
		panic(err)
	}
	point, err := priv.PublicKey.Bytes()
	if err != nil {
		panic(err)
	}
	pub := jwk("EC", c.Params().Name, b64(point[1:1+size]), b64(point[1+size:]))
	return key{alg, pub, with(pub, "d", quote(b64(d))), compressed(point, size), func(input []byte) []byte {
		var digest []byte
		hash := crypto.SHA256
		if size == 48 {
			h := sha512.Sum384(input)
			digest, hash = h[:], crypto.SHA384
		} else {
			h := sha256.Sum256(input)
			digest = h[:]
		}
		der, err := priv.Sign(nil, digest, hash) // without randomness: RFC 6979
		if err != nil {
			panic(err)
		}
		return fixedWidth(der, size)
	}}
}

func compressed(point []byte, size int) []byte {
	return append([]byte{2 + point[2*size]&1}, point[1:1+size]...)
}

// fixedWidth turns SEQUENCE { INTEGER r, INTEGER s } into r||s.
func fixedWidth(der []byte, size int) []byte {
	rest := der[2:]
	if der[1]&0x80 != 0 {
		rest = der[3:]
	}
	out := make([]byte, 2*size)
	for i := range 2 {
		n := int(rest[1])
		new(big.Int).SetBytes(rest[2 : 2+n]).FillBytes(out[i*size : (i+1)*size])
		rest = rest[2+n:]
	}
	return out
}

func p256(name string) key { return nist(name, "ES256", elliptic.P256(), 32) }

func p384(name string) key { return nist(name, "ES384", elliptic.P384(), 48) }

func secp256(name string) key {
	priv := secp256k1.PrivKeyFromBytes(seed(name))
	point := priv.PubKey().SerializeUncompressed()
	pub := jwk("EC", "secp256k1", b64(point[1:33]), b64(point[33:]))
	return key{"ES256K", pub, with(pub, "d", quote(b64(priv.Serialize()))), compressed(point, 32), func(input []byte) []byte {
		h := sha256.Sum256(input)
		return koblitz.SignCompact(priv, h[:], true)[1:]
	}}
}

func edwards(name string) key {
	priv := ed25519.NewKeyFromSeed(seed(name))
	raw := priv.Public().(ed25519.PublicKey)
	pub := jwk("OKP", "Ed25519", b64(raw), "")
	return key{"EdDSA", pub, with(pub, "d", quote(b64(priv.Seed()))), raw, func(input []byte) []byte {
		return ed25519.Sign(priv, input)
	}}
}

// codecs are the multicodec prefixes of public keys.
var codecs = map[string]uint64{"ES256": 0x1200, "ES384": 0x1201, "ES256K": 0xe7, "EdDSA": 0xed}

func (k key) multikey() string { return multikey(codecs[k.alg], k.raw) }

// multikey is base58btc, with its prefix z, of a multicodec and a key.
func multikey(codec uint64, raw []byte) string {
	return "z" + base58(append(binary.AppendUvarint(nil, codec), raw...))
}

const alphabet58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"

func base58(b []byte) string {
	n, base, digit := new(big.Int).SetBytes(b), big.NewInt(58), new(big.Int)
	var out []byte
	for n.Sign() > 0 {
		n.DivMod(n, base, digit)
		out = append([]byte{alphabet58[digit.Int64()]}, out...)
	}
	for _, c := range b {
		if c != 0 {
			break
		}
		out = append([]byte{'1'}, out...)
	}
	return string(out)
}
