package pubkey

import (
	"bytes"
	"encoding/base64"
	"errors"
	"math/bits"
	"strings"

	"github.com/khyer/khyer/internal/strictjson"
)

const maxJWK = 8 << 10 // room for an x5c chain, which is ignored

// ParseJWK reads a public key in JWK form (RFC 7517): EC on P-256, P-384 or secp256k1, OKP with Ed25519 or X25519. RSA is refused, with
// TooSmall below 2048 bits.
//
// Private members are refused with a reason of their own. "alg", if present, must fit the key; a key whose "use", "key_ops" or "alg"
// says that it is for something else than signatures parses, and verifies nothing. "key_ops" with only "sign" is taken for signatures:
// it is what remains of a private key whose owner removed "d". Members that are not understood are ignored (RFC 7517 section 4), "kid",
// "ext" and certificates ("x5c", "x5t") among them. But a name that is a private or an evaluated member's in other letter case is
// refused: RFC 7517 section 4 compares names with case, a reader that does not would see another key.
// Coordinates must have the exact length of the curve and the canonical base64url form without padding.
func ParseJWK(jwk []byte) (Key, error) {
	v, err := parseJWKObject(jwk)
	if err != nil {
		return Key{}, err
	}
	return FromValue(strictjson.Inside{}, v)
}

// FromValue is ParseJWK of a value that has been parsed as part of a larger text, whose reader has bounded its depth. Only packages of
// this module can call it.
func FromValue(_ strictjson.Inside, v strictjson.Value) (Key, error) {
	switch {
	case v.Kind() != strictjson.Object:
		return Key{}, fail(Malformed)
	case len(v.Raw()) > maxJWK:
		return Key{}, fail(TooLarge)
	}
	m := collect(v)
	if m.private || m.d.Exists() {
		return Key{}, fail(PrivateMember)
	}
	return m.key()
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

// members are the members of a JWK that decide anything here.
type members struct {
	kty, crv, x, y, d, alg, use, ops, n strictjson.Value
	private                             bool // a private member other than "d", or any in other letter case
	lookalike                           bool // an evaluated member in other letter case
}

// The names of members, for comparing without case; privateNames are those that hold private or symmetric key material (RFC 7518
// sections 6.2.2, 6.3.2 and 6.4.1, and the "priv" of the AKP key type).
var (
	privateNames   = []string{"d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"}
	evaluatedNames = []string{"kty", "crv", "x", "y", "alg", "use", "key_ops"}
)

// collect finds the members in one pass. Names are compared as decoded: "\u0064" is "d".
func collect(jwk strictjson.Value) (m members) {
	for name, v := range jwk.Pairs() {
		text, ok := name.Plain()
		if !ok {
			decoded, _ := name.Text()
			text = []byte(decoded)
		}
		switch string(text) {
		case "kty":
			m.kty = v
		case "crv":
			m.crv = v
		case "x":
			m.x = v
		case "y":
			m.y = v
		case "d":
			m.d = v
		case "alg":
			m.alg = v
		case "use":
			m.use = v
		case "key_ops":
			m.ops = v
		case "n":
			m.n = v
		case "p", "q", "dp", "dq", "qi", "oth", "k", "priv":
			m.private = true
		default:
			m.other(text)
		}
	}
	return m
}

// other looks at a name that is none of ours.
func (m *members) other(name []byte) {
	if len(name) > 16 { // the longest of ours with the longest characters that fold to its own has 11
		return
	}
	plain := true
	for _, c := range name {
		plain = plain && c < 0x80 && (c < 'A' || c > 'Z')
	}
	if plain {
		return
	}
	for _, n := range privateNames {
		m.private = m.private || strings.EqualFold(n, string(name))
	}
	for _, n := range evaluatedNames {
		m.lookalike = m.lookalike || strings.EqualFold(n, string(name))
	}
}

// key makes the public key, whatever private members there are.
func (m *members) key() (Key, error) {
	if m.lookalike {
		return Key{}, fail(Malformed)
	}
	c, err := m.curve()
	if err != nil {
		return Key{}, err
	}
	k := &key{curve: c}
	if c.ec {
		k.encoded[0] = 4
		if err := coordinate(k.encoded[1:1+c.size], m.x); err != nil {
			return Key{}, err
		}
		if err := coordinate(k.encoded[1+c.size:c.length()], m.y); err != nil {
			return Key{}, err
		}
	} else {
		if m.y.Exists() {
			return Key{}, fail(Malformed)
		}
		if err := coordinate(k.encoded[:c.size], m.x); err != nil {
			return Key{}, err
		}
	}
	if err := k.screen(); err != nil {
		return Key{}, err
	}
	if k.noSign, err = m.otherUse(c); err != nil {
		return Key{}, err
	}
	return Key{k}, nil
}

func (m *members) curve() (*curve, error) {
	if m.kty.Kind() != strictjson.String {
		return nil, fail(Malformed)
	}
	ec := m.kty.Is("EC")
	switch {
	case m.kty.Is("RSA"):
		return nil, refuseRSA(modulusBits(m.n))
	case !ec && !m.kty.Is("OKP"):
		return nil, fail(Unsupported)
	case m.crv.Kind() != strictjson.String:
		return nil, fail(Malformed)
	}
	for _, c := range curves {
		if c.ec == ec && m.crv.Is(c.name) {
			return c, nil
		}
	}
	return nil, fail(Unsupported)
}

// modulusBits returns the size of an RSA key. One that cannot be read counts as long enough: RSA is refused in any case.
func modulusBits(n strictjson.Value) int {
	b, ok := strictjson.AppendBase64URL(nil, characters(n))
	if !ok || len(b) == 0 {
		return minRSA
	}
	for len(b) > 1 && b[0] == 0 {
		b = b[1:]
	}
	return 8*(len(b)-1) + bits.Len8(b[0])
}

// characters returns the bytes of a string, nil for other kinds.
func characters(v strictjson.Value) []byte {
	if text, ok := v.Plain(); ok {
		return text
	}
	text, _ := v.Text()
	return []byte(text)
}

// coordinate decodes a value of exactly len(dst) bytes (RFC 7518 section 6.2.1.2) in their one spelling.
func coordinate(dst []byte, v strictjson.Value) error {
	if v.Kind() != strictjson.String {
		return fail(Malformed)
	}
	text := characters(v)
	if len(text) == base64.RawURLEncoding.EncodedLen(len(dst)) {
		if _, ok := strictjson.AppendBase64URL(dst[:0:len(dst)], text); ok {
			return nil
		}
	}
	b, err := base64.RawURLEncoding.AppendDecode(nil, text)
	switch {
	case err != nil || bytes.ContainsAny(text, "\r\n"): // the decoder skips line breaks
		return fail(Malformed)
	case len(b) != len(dst):
		return fail(WrongLength)
	}
	return fail(NonCanonical)
}

// otherUse reads "alg", "use" and "key_ops" (RFC 7517 sections 4.2 to 4.4) and reports whether the key is meant for something else
// than signatures.
func (m *members) otherUse(c *curve) (bool, error) {
	other := false
	if m.alg.Exists() {
		switch {
		case m.alg.Kind() != strictjson.String:
			return false, fail(Malformed)
		case c.alg != "" && m.alg.Is(string(c.alg)):
		case c != edwards && agreement(m.alg):
			other = true
		default:
			return false, fail(AlgorithmMismatch)
		}
	}
	if m.use.Exists() {
		if m.use.Kind() != strictjson.String {
			return false, fail(Malformed)
		}
		other = other || !m.use.Is("sig")
	}
	if m.ops.Exists() {
		if m.ops.Kind() != strictjson.Array {
			return false, fail(Malformed)
		}
		signs := false
		for op := range m.ops.Elements() {
			if op.Kind() != strictjson.String {
				return false, fail(Malformed)
			}
			signs = signs || op.Is("verify") || op.Is("sign")
		}
		other = other || !signs
	}
	return other, nil
}

// agreement tells whether alg is a key agreement of RFC 7518 section 4.6.
func agreement(alg strictjson.Value) bool {
	return alg.Is("ECDH-ES") || alg.Is("ECDH-ES+A128KW") || alg.Is("ECDH-ES+A192KW") || alg.Is("ECDH-ES+A256KW")
}
