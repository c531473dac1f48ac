package pubkey

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"math/big"
	"strings"
	"testing"

	"github.com/multiformats/go-multibase"
)

const (
	x256  = "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU" // RFC 7515 appendix A.3
	y256  = "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"
	d256  = "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"
	xEd   = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" // RFC 8037 appendix A
	dEd   = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"
	xX    = "3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx-FG-IK08"                      // RFC 8037 appendix A.6
	x384  = "esrtQwCAz6XjTZhMQqyUfashI2ZAEZqFkjAe2iZaB5b47iQITu59O-A53bAECd3Q" // made for these tests
	y384  = "yMUfm-Xngs0z6RWmBIx71ZFWwST8cR6scTxcwjs31xX-QSUtsNhN64OcwORBmHuT"
	ecKey = `"kty":"EC","crv":"P-256","x":"` + x256 + `","y":"` + y256 + `"`
	edKey = `"kty":"OKP","crv":"Ed25519","x":"` + xEd + `"`
	xKey  = `"kty":"OKP","crv":"X25519","x":"` + xX + `"`
)

func TestParseJWK(t *testing.T) {
	zeros := base64.RawURLEncoding.EncodeToString(make([]byte, 32))
	for name, c := range map[string]struct {
		jwk  string
		want error
	}{
		"P-256":                      {`{` + ecKey + `}`, nil},
		"Ed25519":                    {`{` + edKey + `}`, nil},
		"X25519":                     {`{` + xKey + `}`, nil},
		"harmless members":           {`{` + ecKey + `,"kid":"1","use":"sig","alg":"ES256","key_ops":["verify"],"ext":true,"x5t":"AA","own":{"a":[1]}}`, nil},
		"white space":                {" {\n" + ecKey + "\t}\r\n", nil},
		"X25519 for agreement":       {`{` + xKey + `,"use":"enc","alg":"ECDH-ES+A256KW"}`, nil},
		"private EC":                 {`{` + ecKey + `,"d":"` + d256 + `"}`, PrivateMember},
		"private null":               {`{` + ecKey + `,"d":null}`, PrivateMember},
		"private by escape":          {`{` + ecKey + `,"\u0064":"` + d256 + `"}`, PrivateMember},
		"private OKP":                {`{` + edKey + `,"d":"` + dEd + `"}`, PrivateMember},
		"RSA private factor":         {`{` + ecKey + `,"dp":"AA"}`, PrivateMember},
		"symmetric":                  {`{"kty":"oct","k":"AAAA"}`, PrivateMember},
		"symmetric beside EC":        {`{` + ecKey + `,"k":"AAAA"}`, PrivateMember},
		"RSA of 17 bits":             {`{"kty":"RSA","n":"AQAB","e":"AQAB"}`, TooSmall},
		"RSA of 2047 bits":           {`{"kty":"RSA","n":"` + modulus(0x7f) + `","e":"AQAB"}`, TooSmall},
		"RSA of 2047 bits, padded":   {`{"kty":"RSA","n":"` + modulus(0, 0x7f) + `","e":"AQAB"}`, TooSmall},
		"RSA of 2048 bits":           {`{"kty":"RSA","n":"` + modulus(0x80) + `","e":"AQAB"}`, Unsupported},
		"RSA without a modulus":      {`{"kty":"RSA","e":"AQAB"}`, Unsupported},
		"RSA of an empty modulus":    {`{"kty":"RSA","n":"","e":"AQAB"}`, Unsupported},
		"P-521":                      {`{"kty":"EC","crv":"P-521","x":"AA","y":"AA"}`, Unsupported},
		"Ed448":                      {`{"kty":"OKP","crv":"Ed448","x":"AA"}`, Unsupported},
		"Ed25519 as EC":              {`{"kty":"EC","crv":"Ed25519","x":"` + xEd + `"}`, Unsupported},
		"P-256 as OKP":               {`{"kty":"OKP","crv":"P-256","x":"` + x256 + `"}`, Unsupported},
		"lower-case type":            {`{"kty":"ec","crv":"P-256","x":"` + x256 + `","y":"` + y256 + `"}`, Unsupported},
		"no type":                    {`{"crv":"P-256","x":"` + x256 + `","y":"` + y256 + `"}`, Malformed},
		"no curve":                   {`{"kty":"EC","x":"` + x256 + `","y":"` + y256 + `"}`, Malformed},
		"no y":                       {`{"kty":"EC","crv":"P-256","x":"` + x256 + `"}`, Malformed},
		"y beside OKP":               {`{` + edKey + `,"y":"` + y256 + `"}`, Malformed},
		"number for x":               {`{"kty":"EC","crv":"P-256","x":1,"y":"` + y256 + `"}`, Malformed},
		"duplicate x":                {`{` + ecKey + `,"x":"` + x256 + `"}`, Malformed},
		"duplicate by escape":        {`{` + ecKey + `,"\u0078":"` + x256 + `"}`, Malformed},
		"trailing bytes":             {`{` + ecKey + `}{}`, Malformed},
		"an array":                   {`[{` + ecKey + `}]`, Malformed},
		"a string":                   {`"` + x256 + `"`, Malformed},
		"nothing":                    {``, Malformed},
		"padding":                    {`{"kty":"OKP","crv":"Ed25519","x":"` + xEd + `="}`, Malformed},
		"standard alphabet":          {`{"kty":"OKP","crv":"Ed25519","x":"` + strings.Replace(xEd, "_", "/", 1) + `"}`, Malformed},
		"second spelling of tail":    {`{"kty":"OKP","crv":"Ed25519","x":"` + xEd[:42] + `p"}`, NonCanonical},
		"line break inside":          {`{"kty":"OKP","crv":"Ed25519","x":"` + xEd[:42] + `\n"}`, Malformed},
		"short coordinate":           {`{"kty":"EC","crv":"P-256","x":"` + x256[:42] + `","y":"` + y256 + `"}`, WrongLength},
		"canonical and short":        {`{"kty":"EC","crv":"P-256","x":"` + x256[:40] + `","y":"` + y256 + `"}`, WrongLength},
		"canonical and long":         {`{"kty":"EC","crv":"P-256","x":"` + x256 + `","y":"` + shifted(t)[1] + `"}`, WrongLength},
		"lengths that add up":        {`{"kty":"EC","crv":"P-256","x":"` + shifted(t)[0] + `","y":"` + shifted(t)[1] + `"}`, WrongLength},
		"long coordinate":            {`{"kty":"EC","crv":"P-256","x":"AAAA` + x256 + `","y":"` + y256 + `"}`, WrongLength},
		"P-256 point as P-384":       {`{"kty":"EC","crv":"P-384","x":"` + x256 + `","y":"` + y256 + `"}`, WrongLength},
		"P-256 point as secp256k1":   {`{"kty":"EC","crv":"secp256k1","x":"` + x256 + `","y":"` + y256 + `"}`, OffCurve},
		"off curve":                  {`{"kty":"EC","crv":"P-256","x":"` + y256 + `","y":"` + x256 + `"}`, OffCurve},
		"zero point":                 {`{"kty":"EC","crv":"P-256","x":"` + zeros + `","y":"` + zeros + `"}`, OffCurve},
		"zero point of secp256k1":    {`{"kty":"EC","crv":"secp256k1","x":"` + zeros + `","y":"` + zeros + `"}`, OffCurve},
		"algorithm of another curve": {`{` + ecKey + `,"alg":"ES384"}`, AlgorithmMismatch},
		"algorithm none":             {`{` + ecKey + `,"alg":"none"}`, AlgorithmMismatch},
		"agreement on Ed25519":       {`{` + edKey + `,"alg":"ECDH-ES"}`, AlgorithmMismatch},
		"signature on X25519":        {`{` + xKey + `,"alg":"EdDSA"}`, AlgorithmMismatch},
		"empty algorithm":            {`{` + ecKey + `,"alg":""}`, AlgorithmMismatch},
		"empty algorithm on X25519":  {`{` + xKey + `,"alg":""}`, AlgorithmMismatch},
		"an unknown agreement":       {`{` + xKey + `,"alg":"ECDH-ES+A512KW"}`, AlgorithmMismatch},
		"number for alg":             {`{` + ecKey + `,"alg":256}`, Malformed},
		"number for use":             {`{` + ecKey + `,"use":1}`, Malformed},
		"string for key_ops":         {`{` + ecKey + `,"key_ops":"verify"}`, Malformed},
		"number in key_ops":          {`{` + ecKey + `,"key_ops":[1]}`, Malformed},
		"zero Ed25519":               {`{"kty":"OKP","crv":"Ed25519","x":"` + zeros + `"}`, LowOrder},
		"zero X25519":                {`{"kty":"OKP","crv":"X25519","x":"` + zeros + `"}`, LowOrder},
		"too large":                  {`{` + ecKey + `,"kid":"` + strings.Repeat("a", maxJWK) + `"}`, TooLarge},
		"too deep":                   {`{` + ecKey + `,"own":` + strings.Repeat("[", 50) + strings.Repeat("]", 50) + `}`, Malformed},
	} {
		k, err := compare(t, []byte(c.jwk))
		if !errors.Is(err, c.want) || (c.want == nil) == k.IsZero() {
			t.Errorf("%s: got %v, want %v", name, err, c.want)
		}
	}
}

// modulus is an RSA modulus of 256 bytes that begins with the last of first, after the others.
func modulus(first ...byte) string {
	return base64.RawURLEncoding.EncodeToString(append(first, bytes.Repeat([]byte{0xff}, 255)...))
}

// shifted moves one byte from x to y: together they have the right length and spell the same point.
func shifted(t *testing.T) [2]string {
	t.Helper()
	x, err := base64.RawURLEncoding.DecodeString(x256)
	if err != nil {
		t.Fatal(err)
	}
	y, err := base64.RawURLEncoding.DecodeString(y256)
	if err != nil {
		t.Fatal(err)
	}
	return [2]string{base64.RawURLEncoding.EncodeToString(x[:31]), base64.RawURLEncoding.EncodeToString(append(x[31:], y...))}
}

// A key that its owner declared for encryption must not verify a signature, though it could.
func TestEncryptionKeyVerifiesNothing(t *testing.T) {
	for _, a := range []Algorithm{ES256, EdDSA} {
		s := generate(t, a)
		sig := sign(t, s, a, []byte("input"))
		doc := strings.TrimSuffix(string(s.Public().JWK()), "}")
		for _, declared := range []string{`"use":"enc"`, `"use":"tls"`, `"key_ops":["deriveKey"]`, `"key_ops":[]`, `"use":"sig","key_ops":["encrypt"]`} {
			k, err := ParseJWK([]byte(doc + "," + declared + "}"))
			if err != nil {
				t.Fatalf("%s: %v", declared, err)
			}
			if err := k.Verify(a, []byte("input"), sig); !errors.Is(err, AlgorithmMismatch) || k.Algorithms() != nil {
				t.Errorf("%s %s: %v", a, declared, err)
			}
			if !k.Equal(s.Public()) {
				t.Errorf("%s: the declaration changed the key", declared)
			}
		}
		for _, declared := range []string{`"use":"sig"`, `"key_ops":["verify","encrypt"]`, `"alg":"` + string(a) + `"`} {
			k, err := ParseJWK([]byte(doc + "," + declared + "}"))
			if err != nil {
				t.Fatalf("%s: %v", declared, err)
			}
			if err := k.Verify(a, []byte("input"), sig); err != nil {
				t.Errorf("%s: %v", declared, err)
			}
		}
	}
	k, err := ParseJWK([]byte(`{` + ecKey + `,"alg":"ECDH-ES"}`))
	if err != nil || k.Algorithms() != nil {
		t.Errorf("ECDH-ES on P-256: %v, %v", k.Algorithms(), err)
	}
}

// edwardsPoint is the affine arithmetic of RFC 8032 section 5.1.4, slow and plain.
type edwardsPoint struct{ x, y *big.Int }

func (p edwardsPoint) add(q edwardsPoint) edwardsPoint {
	mul := func(a ...*big.Int) *big.Int {
		r := big.NewInt(1)
		for _, f := range a {
			r.Mul(r, f).Mod(r, fieldPrime)
		}
		return r
	}
	div := func(a, b *big.Int) *big.Int { return mul(a, new(big.Int).ModInverse(b, fieldPrime)) }
	d := mul(edwardsD, p.x, q.x, p.y, q.y)
	plus, minus := new(big.Int).Add(bigOne, d), new(big.Int).Sub(bigOne, d)
	minus.Mod(minus, fieldPrime)
	x := new(big.Int).Add(mul(p.x, q.y), mul(q.x, p.y))
	y := new(big.Int).Add(mul(p.y, q.y), mul(p.x, q.x))
	return edwardsPoint{div(x, plus), div(y, minus)}
}

// The constants of the screen are what they say: d is -121665/121666, and the table holds the y of exactly the eight points of small
// order. Each of them is refused, with either sign bit, and so is every y that is not reduced.
func TestSmallSubgroup(t *testing.T) {
	d := new(big.Int).Mul(big.NewInt(-121665), new(big.Int).ModInverse(big.NewInt(121666), fieldPrime))
	if d.Mod(d, fieldPrime).Cmp(edwardsD) != 0 {
		t.Fatal("d is wrong")
	}
	orders := map[int]int{}
	for _, y := range smallY {
		yy := new(big.Int).Mul(y, y)
		u := new(big.Int).Sub(yy, bigOne)
		v := new(big.Int).Add(new(big.Int).Mul(edwardsD, yy), bigOne)
		xx := u.Mul(u, new(big.Int).ModInverse(v, fieldPrime))
		x := new(big.Int).ModSqrt(xx.Mod(xx, fieldPrime), fieldPrime)
		if x == nil {
			t.Fatalf("%v is on no point", y)
		}
		p := edwardsPoint{x, y}
		order, q := 1, p
		for q.x.Sign() != 0 || q.y.Cmp(bigOne) != 0 {
			q = q.add(p)
			order++
			if order > 8 {
				t.Fatalf("%v is not of small order", y)
			}
		}
		if x.Sign() == 0 {
			orders[order]++
		} else {
			orders[order] += 2 // x and -x
		}
		for _, sign := range []byte{0, 0x80} {
			b := le(y)
			b[31] |= sign
			if _, err := fromForm(edwards, b); !errors.Is(err, LowOrder) {
				t.Errorf("order %d: %v", order, err)
			}
		}
	}
	if orders[1] != 1 || orders[2] != 1 || orders[4] != 2 || orders[8] != 4 {
		t.Errorf("points by order: %v", orders)
	}
	for i := range int64(19) { // p to p+18 are second encodings of 0 to 18
		y := new(big.Int).Add(fieldPrime, big.NewInt(i))
		if _, err := fromForm(edwards, le(y)); !errors.Is(err, NonCanonical) {
			t.Errorf("y = p+%d: %v", i, err)
		}
		if _, err := fromForm(x25519, le(y)); !errors.Is(err, NonCanonical) {
			t.Errorf("u = p+%d: %v", i, err)
		}
	}
	two := le(big.NewInt(2)) // no point has y = 2
	if _, err := fromForm(edwards, two); !errors.Is(err, OffCurve) {
		t.Errorf("y = 2: %v", err)
	}
}

func le(n *big.Int) []byte {
	var be [32]byte
	n.FillBytes(be[:])
	for i := range 16 {
		be[i], be[31-i] = be[31-i], be[i]
	}
	return be[:]
}

// A signature that verifies under a key of small order for every message: crypto/ed25519 accepts it, the screen has refused the key.
func TestSmallOrderKeySignsEverything(t *testing.T) {
	identity := append([]byte{1}, make([]byte, 31)...)
	if _, err := New(edPublic(identity)); !errors.Is(err, LowOrder) {
		t.Errorf("got %v", err)
	}
	sig := append(bytes.Clone(identity), make([]byte, 32)...) // R = identity, S = 0
	forged := Key{&key{curve: edwards, encoded: [97]byte{1}}}
	if err := forged.Verify(EdDSA, []byte("whatever"), sig); err != nil {
		t.Errorf("the attack does not work without the screen, so this test shows nothing: %v", err)
	}
}

// The points of small order of X25519 (RFC 7748 section 6.1), reduced.
func TestX25519SmallOrder(t *testing.T) {
	for _, u := range []string{
		"0000000000000000000000000000000000000000000000000000000000000000",
		"0100000000000000000000000000000000000000000000000000000000000000",
		"e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
		"5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	} {
		if _, err := fromForm(x25519, unhex(t, u)); !errors.Is(err, LowOrder) {
			t.Errorf("%s: %v", u, err)
		}
	}
	high := unhex(t, "0900000000000000000000000000000000000000000000000000000000000080")
	if _, err := fromForm(x25519, high); !errors.Is(err, NonCanonical) {
		t.Errorf("high bit: %v", err)
	}
}

func TestParseMultikey(t *testing.T) {
	enc := func(b ...[]byte) string {
		s, err := multibase.Encode(multibase.Base58BTC, bytes.Join(b, nil))
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	point := generate(t, ES256).Public().Bytes()
	ed := generate(t, EdDSA).Public().Bytes()
	uncompressed := append([]byte{4}, generate(t, ES256).Public().k.xy()...)
	off := append([]byte{2}, bytes.Repeat([]byte{0xff}, 32)...)
	p256code := []byte{0x80, 0x24}
	hexForm, _ := multibase.Encode(multibase.Base16, append([]byte{0x80, 0x24}, point...))
	for name, c := range map[string]struct {
		in   string
		want error
	}{
		"P-256":                       {enc(p256code, point), nil},
		"Ed25519":                     {enc([]byte{0xed, 0x01}, ed), nil},
		"of the specification":        {"z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK", nil}, // did:key, section "Format"
		"Ed25519 in a longer varint":  {enc([]byte{0xed, 0x81, 0x00}, ed), Unsupported},
		"P-256 in a longer varint":    {enc([]byte{0x80, 0xa4, 0x00}, point), Unsupported},
		"another curve's codec":       {enc([]byte{0x81, 0x24}, point), WrongLength},
		"one byte more":               {enc(p256code, point, []byte{0}), WrongLength},
		"one byte less":               {enc(p256code, point[:32]), WrongLength},
		"uncompressed":                {enc(p256code, uncompressed), WrongLength},
		"x not reduced":               {enc(p256code, off), NonCanonical},
		"secp256k1, x not reduced":    {enc([]byte{0xe7, 0x01}, off), NonCanonical},
		"another prefix":              {enc(p256code, []byte{5}, point[1:]), Malformed},
		"hybrid prefix":               {enc([]byte{0xe7, 0x01}, []byte{6}, point[1:]), Malformed},
		"no key":                      {enc(p256code), Malformed},
		"RSA":                         {enc([]byte{0x85, 0x24}, point), TooSmall},
		"private P-256":               {enc([]byte{0x86, 0x26}, make([]byte, 32)), PrivateMember},
		"private Ed25519":             {enc([]byte{0x80, 0x26}, make([]byte, 32)), PrivateMember},
		"small order":                 {enc([]byte{0xed, 0x01}, append([]byte{1}, make([]byte, 31)...)), LowOrder},
		"hexadecimal multibase":       {hexForm, Malformed},
		"no multibase prefix":         {enc(p256code, point)[1:], Malformed},
		"not of the alphabet":         {"z0OIl", Malformed},
		"not ASCII":                   {"zé" + enc(p256code, point)[1:], Malformed},
		"leading zeros":               {"z1" + enc(p256code, point)[1:], Unsupported},
		"only the prefix":             {"z", Malformed},
		"empty":                       {"", Malformed},
		"too long to be worth a look": {"z" + strings.Repeat("6", 1<<20), TooLarge},
	} {
		k, err := ParseMultikey(c.in)
		if !errors.Is(err, c.want) || (c.want == nil) == k.IsZero() {
			t.Errorf("%s: got %v, want %v", name, err, c.want)
		}
	}
	if s, ok := FromAddress([20]byte{1}).Multikey(); ok {
		t.Errorf("an address has the Multikey form %q", s)
	}
}

// The multicodecs are those of the table: published did:key values of each curve.
func TestMulticodecs(t *testing.T) {
	for _, c := range []struct{ multikey, crv string }{ // did:key specification, section "Test Vectors"
		{"z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp", "Ed25519"},
		{"z6LSeu9HkTHSfLLeUs2nnzUSNedgDUevfNQgQjQC23ZCit6F", "X25519"},
		{"zQ3shokFTS3brHcDQrn82RUDfCZESWL1ZdCEJwekUDPQiYBme", "secp256k1"},
		{"zDnaerDaTF5BXEavCrfRZEk316dpbLsfPDZ3WJ5hRTPFU2169", "P-256"},
		{"z82Lm1MpAkeJcix9K8TMiLd5NMAhnwkjjCBeWHXyu3U4oT2MVJJKXkcVBgjGhnLBn2Kaau9", "P-384"},
	} {
		k, err := ParseMultikey(c.multikey)
		if err != nil {
			t.Errorf("%s: %v", c.crv, err)
			continue
		}
		if back, _ := k.Multikey(); back != c.multikey || k.Curve() != c.crv {
			t.Errorf("%s: %s came back on %s", c.crv, back, k.Curve())
		}
	}
	for _, p521 := range []string{"z2J9gaYxrKVpdoG9A4gRnmpnRCcxU6agDtFVVBVdn1JedouoZN7SzcyREXXzWgt3gGiwpoHq7K68X4m32D8HgzG8wv3sY5j7"} {
		if _, err := ParseMultikey(p521); !errors.Is(err, Unsupported) {
			t.Errorf("P-521: %v", err)
		}
	}
}

func TestHexOfTheCodecs(t *testing.T) {
	// The varint of the code, written out: the least significant seven bits first.
	for code, c := range map[uint]*curve{0x1200: p256, 0x1201: p384, 0xe7: koblitz, 0xed: edwards, 0xec: x25519} {
		want := []byte{byte(code)&0x7f | 0x80, byte(code >> 7)}
		if !bytes.Equal(c.codec[:], want) {
			t.Errorf("%s: %s, want %s", c.name, hex.EncodeToString(c.codec[:]), hex.EncodeToString(want))
		}
	}
}
