// Package pubkey holds public keys that know their algorithms.
//
// A Key can only be made through a screen: the point is on its curve and not in a small subgroup, its encoding is the canonical one,
// there is no private part; each fault has a Reason of its own. ParseJWK, ParseMultikey and New share the screen. From then on the algorithm is a property of the key, never of a header: Verify refuses an algorithm
// that is not the key's. Signatures have the JOSE form (RFC 7518 section 3.4: r and s of fixed length, one after the other).
//
// Keys are values, immutable and safe for concurrent use. Parse a key once and keep it. Example in example_test.go signs and verifies.
package pubkey

import (
	"bytes"
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"math/big"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	"golang.org/x/crypto/sha3"

	"github.com/khyer/khyer/internal/strictjson"
)

// Algorithm is a JOSE signature algorithm name.
type Algorithm string

// The algorithms.
const (
	ES256  Algorithm = "ES256"
	ES384  Algorithm = "ES384"
	ES256K Algorithm = "ES256K" // RFC 8812
	EdDSA  Algorithm = "EdDSA"  // Ed25519 only
)

// Key is a screened public key, or an Ethereum address that stands for one. The zero value verifies nothing.
type Key struct{ k *key }

// key is one piece of memory with all that a check of a signature needs, because a verifier makes one of each holder's key that it
// meets. Nothing in it changes once the screen has passed it.
type key struct {
	curve   *curve
	noSign  bool     // the owner declared the key for something else than signatures
	encoded [97]byte // see form
	nist    ecdsa.PublicKey
	x, y    big.Int        // what nist points to
	limbs   [2][6]big.Word // what x and y are kept in, where six words are enough: they are on 64-bit machines
	koblitz *secp256k1.PublicKey
}

// form returns the uncompressed point (4, x, y) of a Weierstrass curve, the 32 bytes of Ed25519 and X25519, or the 20 bytes of an
// address. The caller does not change it.
func (k *key) form() []byte { return k.encoded[:k.curve.length()] }

// xy returns the coordinates of a Weierstrass curve, one after the other.
func (k *key) xy() []byte { return k.form()[1:] }

// curve holds the constants of a kind of key.
type curve struct {
	name   string // the JWK "crv"; empty for an address
	size   int    // length of a coordinate in bytes
	alg    Algorithm
	ec     bool           // a Weierstrass curve: JWK type EC, two coordinates
	codec  [2]byte        // multicodec as a minimal varint; zero for an address
	params elliptic.Curve // P-256 and P-384 only
	order  string         // of P-256 and P-384, big-endian
}

func (c *curve) length() int {
	if c.ec {
		return 1 + 2*c.size
	}
	return c.size
}

// Multicodecs: the table of github.com/multiformats/multicodec, the values of CID 1.0 section 2.2.2.
var (
	p256    = nist("P-256", 32, ES256, [2]byte{0x80, 0x24}, elliptic.P256())                         // 0x1200
	p384    = nist("P-384", 48, ES384, [2]byte{0x81, 0x24}, elliptic.P384())                         // 0x1201
	koblitz = &curve{name: "secp256k1", size: 32, alg: ES256K, ec: true, codec: [2]byte{0xe7, 0x01}} // 0xe7
	edwards = &curve{name: "Ed25519", size: 32, alg: EdDSA, codec: [2]byte{0xed, 0x01}}              // 0xed
	x25519  = &curve{name: "X25519", size: 32, codec: [2]byte{0xec, 0x01}}                           // 0xec
	address = &curve{size: 20, alg: ES256K}

	curves = []*curve{p256, p384, koblitz, edwards, x25519}
)

func nist(name string, size int, a Algorithm, codec [2]byte, c elliptic.Curve) *curve {
	order := c.Params().N.FillBytes(make([]byte, size))
	return &curve{name: name, size: size, alg: a, ec: true, codec: codec, params: c, order: string(order)}
}

// New screens a public key: *ecdsa.PublicKey on P-256, P-384 or secp256k1, ed25519.PublicKey, *secp256k1.PublicKey of decred, or
// *ecdh.PublicKey on X25519. RSA is refused, with TooSmall below 2048 bits. The key is copied.
func New(pub crypto.PublicKey) (Key, error) {
	switch pub := pub.(type) {
	case *ecdsa.PublicKey:
		return fromECDSA(pub)
	case ed25519.PublicKey:
		return fromForm(edwards, pub)
	case *secp256k1.PublicKey:
		if pub == nil {
			return Key{}, fail(Malformed)
		}
		return fromForm(koblitz, pub.SerializeUncompressed())
	case *ecdh.PublicKey:
		if pub == nil || pub.Curve() != ecdh.X25519() {
			return Key{}, fail(Unsupported)
		}
		return fromForm(x25519, pub.Bytes())
	case *rsa.PublicKey:
		if pub == nil || pub.N == nil {
			return Key{}, fail(Malformed)
		}
		return Key{}, refuseRSA(pub.N.BitLen())
	}
	return Key{}, fail(Unsupported)
}

// minRSA is the least size of an RSA key for a signature in JOSE (RFC 7518 section 3.3).
const minRSA = 2048

// refuseRSA gives an operator the difference between a key that nobody should use and one that is only not in use here.
func refuseRSA(bits int) error {
	if bits < minRSA {
		return fail(TooSmall)
	}
	return fail(Unsupported)
}

// fromForm makes a key of what form returns.
func fromForm(c *curve, form []byte) (Key, error) {
	if len(form) != c.length() {
		return Key{}, fail(WrongLength)
	}
	k := &key{curve: c}
	copy(k.encoded[:], form)
	if err := k.screen(); err != nil {
		return Key{}, err
	}
	return Key{k}, nil
}

// compress writes SEC 1 section 2.3.3's compressed form.
func compress(xy []byte) []byte {
	n := len(xy) / 2
	raw := make([]byte, 1+n)
	raw[0] = 2 | xy[len(xy)-1]&1
	copy(raw[1:], xy[:n])
	return raw
}

// FromAddress makes a key of an Ethereum address. It verifies ES256K by recovering the signer's key from the signature: see Verify.
func FromAddress(a [20]byte) Key {
	k := &key{curve: address}
	copy(k.encoded[:], a[:])
	return Key{k}
}

// IsZero reports whether k is the zero Key.
func (k Key) IsZero() bool { return k.k == nil }

// Equal reports whether whoever has the private key of one has that of the other: both are the same public key or the same address, or
// one is the address of the other. Zero keys are equal to nothing.
func (k Key) Equal(other Key) bool {
	if k.k == nil || other.k == nil {
		return false
	}
	if k.k.curve == other.k.curve {
		return bytes.Equal(k.k.form(), other.k.form())
	}
	a, ok := k.Address()
	b, ok2 := other.Address()
	return ok && ok2 && a == b
}

// Curve returns the JWK curve name: P-256, P-384, secp256k1, Ed25519 or X25519. It is empty for an address and for the zero key.
func (k Key) Curve() string {
	if k.k == nil {
		return ""
	}
	return k.k.curve.name
}

// Algorithms returns the signature algorithms that the key can verify; none for X25519 and for a key that its JWK declares for
// another use.
func (k Key) Algorithms() []Algorithm {
	if k.k == nil || k.k.noSign || k.k.curve.alg == "" {
		return nil
	}
	return []Algorithm{k.k.curve.alg}
}

// Bytes returns a copy of the key's shortest form: the compressed point (33 or 49 bytes), the 32 bytes of Ed25519 and X25519, or the
// 20 bytes of an address.
func (k Key) Bytes() []byte {
	if k.k == nil {
		return nil
	}
	if k.k.curve.ec {
		return compress(k.k.xy())
	}
	return bytes.Clone(k.k.form())
}

// Public returns the key as *ecdsa.PublicKey (P-256, P-384), *secp256k1.PublicKey, ed25519.PublicKey or *ecdh.PublicKey, a copy;
// nil for an address and for the zero key.
func (k Key) Public() crypto.PublicKey {
	if k.k == nil {
		return nil
	}
	switch k.k.curve {
	case p256, p384:
		if pub, err := ecdsa.ParseUncompressedPublicKey(k.k.curve.params, k.k.form()); err == nil {
			return pub
		}
	case koblitz:
		pub := *k.k.koblitz
		return &pub
	case edwards:
		return ed25519.PublicKey(bytes.Clone(k.k.form()))
	case x25519:
		if pub, err := ecdh.X25519().NewPublicKey(k.k.form()); err == nil {
			return pub
		}
	}
	return nil
}

// JWK returns the key with the members that RFC 7638 section 3.2 and RFC 8037 section 2 require, in their canonical order and
// form; nil for an address and for the zero key.
func (k Key) JWK() []byte {
	if k.k == nil || k.k.curve == address {
		return nil
	}
	return k.k.appendJWK(make([]byte, 0, maxCanonical))
}

// maxCanonical is room for the longest JWK of JWK, that of P-384: 169 bytes.
const maxCanonical = 176

func (k *key) appendJWK(b []byte) []byte {
	n := k.curve.size
	b = append(append(b, `{"crv":"`...), k.curve.name...)
	if k.curve.ec {
		b = append(b, `","kty":"EC","x":"`...)
		b = strictjson.AppendAsBase64URL(b, k.xy()[:n])
		b = append(b, `","y":"`...)
		b = strictjson.AppendAsBase64URL(b, k.xy()[n:])
	} else {
		b = append(b, `","kty":"OKP","x":"`...)
		b = strictjson.AppendAsBase64URL(b, k.form())
	}
	return append(b, `"}`...)
}

// Thumbprint returns the JWK thumbprint of RFC 7638 with SHA-256, base64url; empty for an address and for the zero key.
func (k Key) Thumbprint() string {
	if k.k == nil || k.k.curve == address {
		return ""
	}
	var jwk [maxCanonical]byte
	h := sha256.Sum256(k.k.appendJWK(jwk[:0]))
	var text [43]byte
	base64.RawURLEncoding.Encode(text[:], h[:])
	return string(text[:])
}

// Address returns the Ethereum address of a secp256k1 key, or the address itself; ok is false for other keys.
func (k Key) Address() (a [20]byte, ok bool) {
	if k.k == nil {
		return a, false
	}
	switch k.k.curve {
	case address:
		copy(a[:], k.k.form())
		return a, true
	case koblitz:
		return addressOf(k.k.xy()), true
	}
	return a, false
}

// addressOf is the last 20 bytes of the Keccak-256 hash of x and y (Ethereum yellow paper, appendix F).
func addressOf(xy []byte) (a [20]byte) {
	h := sha3.NewLegacyKeccak256()
	h.Write(xy)
	var sum [32]byte
	copy(a[:], h.Sum(sum[:0])[12:])
	return a
}
