package pubkey

//lint:file-ignore SA1019 the tests build broken keys

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"testing"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	"github.com/multiformats/go-multibase"
)

// doors are the ways in which a point becomes a key. Each must give the same answer.
func doors(c *curve, x, y *big.Int) map[string]error {
	out := map[string]error{}
	xb, yb := make([]byte, c.size), make([]byte, c.size)
	if x.Sign() >= 0 && y.Sign() >= 0 && x.BitLen() <= 8*c.size && y.BitLen() <= 8*c.size {
		x.FillBytes(xb)
		y.FillBytes(yb)
		enc := base64.RawURLEncoding
		_, out["ParseJWK"] = ParseJWK([]byte(`{"kty":"EC","crv":"` + c.name + `","x":"` + enc.EncodeToString(xb) + `","y":"` + enc.EncodeToString(yb) + `"}`))
		_, out["form"] = fromForm(c, slices.Concat([]byte{4}, xb, yb))
	}
	params := elliptic.Curve(secp256k1.S256())
	if c.params != nil {
		params = c.params
	}
	_, out["New"] = New(&ecdsa.PublicKey{Curve: params, X: x, Y: y})
	return out
}

// TestPointsThatAreNone brings broken points of each Weierstrass curve through each door: all name the same reason.
func TestPointsThatAreNone(t *testing.T) {
	for _, c := range []*curve{p256, p384, koblitz} {
		params := secp256k1.S256().Params()
		if c.params != nil {
			params = c.params.Params()
		}
		p, gx, gy := params.P, params.Gx, params.Gy
		zero, one := new(big.Int), big.NewInt(1)
		top := new(big.Int).Sub(new(big.Int).Lsh(one, uint(8*c.size)), one)
		add := func(a, b *big.Int) *big.Int { return new(big.Int).Add(a, b) }
		// A point whose x is small enough that x+p still has the length of a coordinate: a second spelling of a point that is sound.
		small, smallY := smallPoint(t, c, params)
		for name, k := range map[string]struct {
			x, y *big.Int
			want error
		}{
			"the generator":           {gx, gy, nil},
			"its negative":            {gx, new(big.Int).Sub(p, gy), nil},
			"zero point":              {zero, zero, OffCurve},
			"x and y exchanged":       {gy, gx, OffCurve},
			"y off by one":            {gx, add(gy, one), OffCurve},
			"y zero":                  {gx, zero, OffCurve},
			"x zero":                  {zero, one, OffCurve},
			"the small point":         {small, smallY, nil},
			"x of the small, reduced": {add(small, p), smallY, NonCanonical},
			"x is p":                  {p, gy, NonCanonical},
			"y is p":                  {gx, p, NonCanonical},
			"both are p":              {p, p, NonCanonical},
			"all ones":                {top, top, NonCanonical},
			"y of the generator + p":  {gx, add(gy, p), NonCanonical},
			"x negative":              {new(big.Int).Neg(gx), gy, NonCanonical},
			"y negative":              {gx, new(big.Int).Neg(gy), NonCanonical},
			"x a bit too long":        {add(top, one), gy, NonCanonical},
		} {
			for door, err := range doors(c, k.x, k.y) {
				if !errors.Is(err, k.want) {
					t.Errorf("%s, %s, %s: got %v, want %v", c.name, name, door, err, k.want)
				}
			}
		}
	}
}

// smallPoint finds a point with x+p still within the length of a coordinate.
func smallPoint(t *testing.T, c *curve, params *elliptic.CurveParams) (x, y *big.Int) {
	t.Helper()
	for i := range int64(100) {
		raw := make([]byte, 1+c.size)
		raw[0] = 2
		raw[c.size] = byte(i)
		k, err := fromRaw(c, raw)
		if err != nil {
			continue
		}
		x = big.NewInt(i)
		if new(big.Int).Add(x, params.P).BitLen() > 8*c.size {
			break
		}
		return x, new(big.Int).SetBytes(k.k.xy()[c.size:])
	}
	t.Fatal("no small point")
	return nil, nil
}

// A compressed point of a Multikey: wrong prefixes, infinity, x without a point, x not reduced.
func TestCompressedPointsThatAreNone(t *testing.T) {
	for _, c := range []*curve{p256, p384, koblitz} {
		params := secp256k1.S256().Params()
		if c.params != nil {
			params = c.params.Params()
		}
		x := func(n *big.Int) []byte { return n.FillBytes(make([]byte, c.size)) }
		none := x(noPoint(t, c))
		small, _ := smallPoint(t, c, params)
		long := WrongLength
		if c == p384 {
			long = TooLarge // beyond maxMultikey
		}
		for name, k := range map[string]struct {
			raw  []byte
			want error
		}{
			"even":                   {slices.Concat([]byte{2}, x(params.Gx)), nil},
			"odd":                    {slices.Concat([]byte{3}, x(params.Gx)), nil},
			"infinity, one byte":     {[]byte{0}, WrongLength},
			"infinity, full length":  {make([]byte, 1+c.size), Malformed},
			"prefix 4":               {slices.Concat([]byte{4}, x(params.Gx)), Malformed},
			"prefix 6":               {slices.Concat([]byte{6}, x(params.Gx)), Malformed},
			"prefix 7":               {slices.Concat([]byte{7}, x(params.Gx)), Malformed},
			"prefix 0x82":            {slices.Concat([]byte{0x82}, x(params.Gx)), Malformed},
			"only x":                 {x(params.Gx), WrongLength},
			"uncompressed":           {slices.Concat([]byte{4}, x(params.Gx), x(params.Gy)), long},
			"no point has that x":    {slices.Concat([]byte{2}, none), OffCurve},
			"x is p":                 {slices.Concat([]byte{2}, x(params.P)), NonCanonical},
			"x of a small point + p": {slices.Concat([]byte{2}, x(small.Add(small, params.P))), NonCanonical},
			"all ones":               {slices.Concat([]byte{3}, bytes.Repeat([]byte{0xff}, c.size)), NonCanonical},
		} {
			text, err := multibase.Encode(multibase.Base58BTC, append(c.codec[:], k.raw...))
			if err != nil {
				t.Fatal(err)
			}
			if got, err := ParseMultikey(text); !errors.Is(err, k.want) || got.IsZero() != (k.want != nil) {
				t.Errorf("%s, %s: got %v, want %v", c.name, name, err, k.want)
			}
		}
	}
}

// decred reads hybrid points (prefix 6 or 7), which would be a second form of a key.
func TestHybridPoint(t *testing.T) {
	for _, c := range []*curve{p256, p384, koblitz} {
		form := bytes.Clone(generate(t, c.alg).Public().k.form())
		form[0] = 6 | form[len(form)-1]&1
		if _, err := fromForm(c, form); !errors.Is(err, Malformed) {
			t.Errorf("%s: got %v, want %v", c.name, err, Malformed)
		}
	}
}

// noPoint finds an x that no point has.
func noPoint(t *testing.T, c *curve) *big.Int {
	t.Helper()
	for i := range int64(100) {
		raw := append(make([]byte, 1, 1+c.size), big.NewInt(i).FillBytes(make([]byte, c.size))...)
		raw[0] = 2
		if _, err := fromRaw(c, raw); errors.Is(err, OffCurve) {
			return big.NewInt(i)
		}
	}
	t.Fatal("every x has a point")
	return nil
}

// TestSmallOrderEdwards brings the encodings of the points of small order of edwards25519, as published by Chalkias, Garillot and
// Nikolaenko ("Taming the many EdDSAs", table 1; the first eight are canonical, the rest not reduced or with the sign of a zero),
// through each door.
func TestSmallOrderEdwards(t *testing.T) {
	for i, c := range []struct {
		hex  string
		want error
	}{
		{"0100000000000000000000000000000000000000000000000000000000000000", LowOrder},
		{"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", LowOrder},
		{"0000000000000000000000000000000000000000000000000000000000000080", LowOrder},
		{"0000000000000000000000000000000000000000000000000000000000000000", LowOrder},
		{"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a", LowOrder},
		{"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa", LowOrder},
		{"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05", LowOrder},
		{"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85", LowOrder},
		{"0100000000000000000000000000000000000000000000000000000000000080", LowOrder}, // the negative of x = 0
		{"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff", LowOrder}, // the same
		{"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", NonCanonical},
		{"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff", NonCanonical},
		{"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", NonCanonical},
		{"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff", NonCanonical},
	} {
		b := unhex(t, c.hex)
		text, err := multibase.Encode(multibase.Base58BTC, append(edwards.codec[:], b...))
		if err != nil {
			t.Fatal(err)
		}
		jwk := []byte(`{"kty":"OKP","crv":"Ed25519","x":"` + base64.RawURLEncoding.EncodeToString(b) + `"}`)
		for door, parse := range map[string]func() (Key, error){
			"ParseJWK":      func() (Key, error) { return compare(t, jwk) },
			"ParseMultikey": func() (Key, error) { return ParseMultikey(text) },
			"New":           func() (Key, error) { return New(ed25519.PublicKey(b)) },
		} {
			if k, err := parse(); !errors.Is(err, c.want) || !k.IsZero() {
				t.Errorf("%d, %s: got %v, want %v", i, door, err, c.want)
			}
		}
	}
}

// The lengths of Ed25519 and X25519 keys through each door.
func TestKeysOfAnotherLength(t *testing.T) {
	for _, c := range []*curve{edwards, x25519} {
		for _, n := range []int{0, 1, 31, 33, 57, 64} {
			b := bytes.Repeat([]byte{9}, n)
			text, err := multibase.Encode(multibase.Base58BTC, append(c.codec[:], b...))
			if err != nil {
				t.Fatal(err)
			}
			want := error(WrongLength)
			if n == 0 {
				want = Malformed // nothing after the multicodec
			}
			if _, err := ParseMultikey(text); !errors.Is(err, want) {
				t.Errorf("%s, %d bytes, Multikey: got %v, want %v", c.name, n, err, want)
			}
			jwk := `{"kty":"OKP","crv":"` + c.name + `","x":"` + base64.RawURLEncoding.EncodeToString(b) + `"}`
			if _, err := compare(t, []byte(jwk)); !errors.Is(err, WrongLength) {
				t.Errorf("%s, %d bytes, JWK: got %v, want %v", c.name, n, err, WrongLength)
			}
			if _, err := New(ed25519.PublicKey(b)); !errors.Is(err, WrongLength) {
				t.Errorf("%d bytes, New: got %v, want %v", n, err, WrongLength)
			}
		}
	}
}

// An operator sees whether an RSA key is one that nobody should use, or only one of a kind that is not in use here.
func TestRSA(t *testing.T) {
	for bits, want := range map[int]error{512: TooSmall, 1024: TooSmall, 2047: TooSmall, 2048: Unsupported, 4096: Unsupported} {
		n := new(big.Int).Lsh(big.NewInt(1), uint(bits-1))
		n.SetBit(n, 0, 1)
		if _, err := New(&rsa.PublicKey{N: n, E: 65537}); !errors.Is(err, want) {
			t.Errorf("%d bits, New: got %v, want %v", bits, err, want)
		}
		jwk := fmt.Sprintf(`{"kty":"RSA","n":"%s","e":"AQAB","alg":"RS256"}`, base64.RawURLEncoding.EncodeToString(n.Bytes()))
		if _, err := compare(t, []byte(jwk)); !errors.Is(err, want) {
			t.Errorf("%d bits, JWK: got %v, want %v", bits, err, want)
		}
	}
	for name, pub := range map[string]*rsa.PublicKey{"nil": nil, "no modulus": {E: 3}} {
		if _, err := New(pub); !errors.Is(err, Malformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Members that real cards carry beside the key change nothing.
func TestCardsMembers(t *testing.T) {
	bare, err := ParseJWK([]byte(`{` + ecKey + `}`))
	if err != nil {
		t.Fatal(err)
	}
	for _, more := range []string{
		`"kid":"did:key:z6Mk#1"`, `"kid":7`, `"key_ops":["verify"]`, `"key_ops":["sign"]`, `"key_ops":["sign","verify"]`, `"ext":true`, `"use":"sig"`,
		`"alg":"ES256"`, `"x5c":["MIIB"]`, `"x5t":"AA"`, `"x5t#S256":"AA"`, `"x5u":"https://issuer.example/c.pem"`, `"iat":1`, `"nbf":1`, `"exp":1`,
		`"revoked":{"revoked_at":1}`, `"issuer":"x"`, `"":1`, `"n":"AQAB"`, `"e":"AQAB"`, `"pub":"AA"`, `"EXT":true`, `"KID":"1"`,
		`"a name that is longer than any of ours, D and X":1`,
	} {
		for _, doc := range []string{`{` + ecKey + `,` + more + `}`, `{` + more + `,` + ecKey + `}`} {
			k, err := compare(t, []byte(doc))
			if err != nil || !k.Equal(bare) || len(k.Algorithms()) != 1 {
				t.Errorf("%s: %v", more, err)
			}
		}
	}
}

// A reader that compares names without case (Go's encoding/json is one) would take another key, or a private one, from such a JWK.
func TestMembersInOtherLetterCase(t *testing.T) {
	for name, want := range map[string]error{
		"D": PrivateMember, "Dp": PrivateMember, "dQ": PrivateMember, "QI": PrivateMember, "Oth": PrivateMember, "PRIV": PrivateMember,
		"P": PrivateMember, "Q": PrivateMember, "K": PrivateMember, "\u212a": PrivateMember, `\u212a`: PrivateMember, `\u0044`: PrivateMember, // U+212A is the sign of the kelvin
		"X": Malformed, "Y": Malformed, "KTY": Malformed, "Crv": Malformed, "Alg": Malformed, "Use": Malformed, "Key_Ops": Malformed,
		"u\u017fe": Malformed, "\u212aey_op\u017f": Malformed, // U+017F is the long s
	} {
		if _, err := compare(t, []byte(`{`+ecKey+`,"`+name+`":"AA"}`)); !errors.Is(err, want) {
			t.Errorf("%q: got %v, want %v", name, err, want)
		}
		if _, err := ParsePrivateJWK([]byte(`{` + ecKey + `,"d":"` + d256 + `","` + name + `":"AA"}`)); !errors.Is(err, Malformed) {
			t.Errorf("%q in a private key: got %v, want %v", name, err, Malformed)
		}
	}
}

// isSquare answers as big.Jacobi does, at the ends of the field and of the limbs, and for many numbers between.
func TestSquaresModuloTheFieldOfEd25519(t *testing.T) {
	var numbers []*big.Int
	for _, bit := range []uint{0, 1, 2, 63, 64, 65, 127, 128, 129, 191, 192, 193, 253, 254} {
		for d := int64(-20); d <= 20; d++ {
			n := new(big.Int).Lsh(bigOne, bit)
			numbers = append(numbers, n.Mod(n.Add(n, big.NewInt(d)), fieldPrime))
		}
	}
	for n := range int64(1000) {
		numbers = append(numbers, big.NewInt(n), new(big.Int).Sub(fieldPrime, big.NewInt(n+1)))
	}
	for range 5000 {
		n, err := rand.Int(rand.Reader, fieldPrime)
		if err != nil {
			t.Fatal(err)
		}
		numbers = append(numbers, n, new(big.Int).Lsh(bigOne, uint(n.Bit(0)+n.Bit(1)*64+n.Bit(2)*128)))
	}
	squares := 0
	for _, n := range numbers {
		want := big.Jacobi(n, fieldPrime) == 1
		if isSquare(n) != want {
			t.Fatalf("%x: %v, should be %v", n, !want, want)
		}
		if want {
			squares++
		}
	}
	if squares < 3000 || squares > len(numbers)-3000 {
		t.Errorf("%d of %d are squares", squares, len(numbers))
	}
}
