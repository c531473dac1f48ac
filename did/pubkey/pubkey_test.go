package pubkey

//lint:file-ignore SA1019 the tests build broken keys

import (
	"bytes"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"
)

func generate(t testing.TB, a Algorithm) Signer {
	t.Helper()
	s, err := Generate(a)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func sign(t testing.TB, s Signer, a Algorithm, input []byte) []byte {
	t.Helper()
	sig, err := s.Sign(t.Context(), a, input)
	if err != nil {
		t.Fatal(err)
	}
	return sig
}

var algorithms = []Algorithm{ES256, ES384, ES256K, EdDSA}

// Every form of a key leads back to the same key, and that key checks signatures.
func TestFormsOfAKey(t *testing.T) {
	for _, a := range algorithms {
		t.Run(string(a), func(t *testing.T) {
			s := generate(t, a)
			k := s.Public()
			sig := sign(t, s, a, []byte("input"))
			multikey, ok := k.Multikey()
			if !ok {
				t.Fatal("no Multikey")
			}
			for name, parse := range map[string]func() (Key, error){
				"JWK":      func() (Key, error) { return ParseJWK(k.JWK()) },
				"Multikey": func() (Key, error) { return ParseMultikey(multikey) },
				"New":      func() (Key, error) { return New(k.Public()) },
			} {
				got, err := parse()
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				if !got.Equal(k) || got.Thumbprint() != k.Thumbprint() || !bytes.Equal(got.Bytes(), k.Bytes()) {
					t.Errorf("%s: another key came back", name)
				}
				if err := got.Verify(a, []byte("input"), sig); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			}
			if !reflect.DeepEqual(k.Algorithms(), []Algorithm{a}) {
				t.Errorf("algorithms %v", k.Algorithms())
			}
		})
	}
}

// RFC 7515 appendix A.3 and RFC 8037 appendix A: published keys, their thumbprint and signature.
func TestPublishedValues(t *testing.T) {
	k, err := ParseJWK([]byte(`{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := k.Thumbprint(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"; got != want { // RFC 8037 appendix A.3
		t.Errorf("thumbprint %s, want %s", got, want)
	}
	k, err = ParseJWK([]byte(`{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}`))
	if err != nil {
		t.Fatal(err)
	}
	input := "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
	jws := "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"
	b, err := base64.RawURLEncoding.DecodeString(jws)
	if err != nil {
		t.Fatal(err)
	}
	if err := k.Verify(ES256, []byte(input), b); err != nil { // RFC 7515 appendix A.3.1
		t.Error(err)
	}
}

// An address must come out as Ethereum has it: the key 1 has the well-known address below (the generator's).
func TestAddressOfTheGenerator(t *testing.T) {
	one := new(secp256k1.ModNScalar).SetInt(1)
	k, err := New(secp256k1.NewPrivateKey(one).PubKey())
	if err != nil {
		t.Fatal(err)
	}
	a, ok := k.Address()
	if got, want := hex.EncodeToString(a[:]), "7e5f4552091a69125d5dfcb7b8c2659029395bdf"; !ok || got != want {
		t.Errorf("address %s, want %s", got, want)
	}
	if b, ok := FromAddress(a).Address(); !ok || b != a {
		t.Error("the address did not come back")
	}
	if _, ok := generate(t, ES256).Public().Address(); ok {
		t.Error("a P-256 key has an address")
	}
}

// The same bytes on two curves are two keys.
func TestEqualLooksAtTheCurve(t *testing.T) {
	for {
		ed := generate(t, EdDSA).Public()
		x, err := fromForm(x25519, ed.Bytes())
		if err != nil {
			continue // the sign bit is set: not reduced as a u coordinate
		}
		if !bytes.Equal(x.Bytes(), ed.Bytes()) || x.Equal(ed) || ed.Equal(x) || x.Thumbprint() == ed.Thumbprint() {
			t.Error("an X25519 key equals an Ed25519 key")
		}
		return
	}
}

func TestZeroKeyVerifiesNothing(t *testing.T) {
	var k Key
	for _, a := range append(algorithms, "", "none") {
		if err := k.Verify(a, nil, nil); !errors.Is(err, AlgorithmMismatch) {
			t.Errorf("%q: %v", a, err)
		}
	}
	if !k.IsZero() || k.Equal(k) || k.JWK() != nil || k.Thumbprint() != "" || k.Bytes() != nil || k.Public() != nil || k.Curve() != "" {
		t.Error("the zero key has properties")
	}
}

// A header chooses no algorithm: each key refuses all but its own, "none" and the empty name included.
func TestAlgorithmConfusion(t *testing.T) {
	for _, a := range algorithms {
		s := generate(t, a)
		sig := sign(t, s, a, []byte("input"))
		for _, other := range append(algorithms, "", "none", "HS256", "es256") {
			if other == a {
				continue
			}
			if err := s.Public().Verify(other, []byte("input"), sig); !errors.Is(err, AlgorithmMismatch) {
				t.Errorf("%s key, %q: %v", a, other, err)
			}
			if _, err := s.Sign(t.Context(), other, []byte("input")); !errors.Is(err, AlgorithmMismatch) {
				t.Errorf("%s signer, %q: %v", a, other, err)
			}
		}
	}
}

// Each flipped bit, each other length, each other key and input is refused.
func TestTamperedSignature(t *testing.T) {
	for _, a := range algorithms {
		s := generate(t, a)
		k, input := s.Public(), []byte("input")
		sig := sign(t, s, a, input)
		if err := k.Verify(a, input, sig); err != nil {
			t.Fatal(err)
		}
		n := len(sig) / 2
		bad := map[string][]byte{
			"leading zero in both halves": slices.Concat([]byte{0}, sig[:n], []byte{0}, sig[n:]),
			"empty":                       nil, "short": sig[:len(sig)-1], "long": append(bytes.Clone(sig), 0), "half": sig[:len(sig)/2],
			"leading zero": append([]byte{0}, sig...), "all zero": make([]byte, len(sig)), "all ones": bytes.Repeat([]byte{0xff}, len(sig)),
		}
		for i := 0; i < len(sig); i += 7 {
			flipped := bytes.Clone(sig)
			flipped[i] ^= 1 << (i % 8)
			bad[fmt.Sprint("bit of byte ", i)] = flipped
		}
		for name, b := range bad {
			if err := k.Verify(a, input, b); !errors.Is(err, SignatureInvalid) {
				t.Errorf("%s, %s: %v", a, name, err)
			}
		}
		if err := k.Verify(a, []byte("another"), sig); !errors.Is(err, SignatureInvalid) {
			t.Errorf("%s, another input: %v", a, err)
		}
		if err := generate(t, a).Public().Verify(a, input, sig); !errors.Is(err, SignatureInvalid) {
			t.Errorf("%s, another key: %v", a, err)
		}
	}
}

// highS returns the other valid signature of the same message.
func highS(t *testing.T, sig []byte) []byte {
	t.Helper()
	_, s, ok := scalars(sig)
	if !ok || s.IsOverHalfOrder() {
		t.Fatal("not a low s")
	}
	high := bytes.Clone(sig)
	s.Negate().PutBytesUnchecked(high[32:])
	return high
}

// A secp256k1 key takes both forms of s (RFC 8812 has no rule); an address takes only the low one, as the chain does.
func TestAddressAndMalleability(t *testing.T) {
	s := generate(t, ES256K)
	input := []byte("input")
	sig := sign(t, s, ES256K, input)
	a, _ := s.Public().Address()
	address := FromAddress(a)
	if err := s.Public().Verify(ES256K, input, highS(t, sig)); err != nil {
		t.Errorf("high s under the key: %v", err)
	}
	if err := address.Verify(ES256K, input, sig); err != nil {
		t.Errorf("64 bytes under the address: %v", err)
	}
	if err := address.Verify(ES256K, input, highS(t, sig)); !errors.Is(err, SignatureInvalid) {
		t.Errorf("high s under the address: %v", err)
	}
	accepted := 0
	for id := range 256 {
		if address.Verify(ES256K, input, append(bytes.Clone(sig), byte(id))) == nil {
			accepted++
			if id != 0 && id != 1 && id != 27 && id != 28 {
				t.Errorf("recovery id %d accepted", id)
			}
		}
	}
	if accepted != 2 { // the right parity, in both spellings
		t.Errorf("%d recovery ids accepted, want 2", accepted)
	}
	if err := s.Public().Verify(ES256K, input, append(bytes.Clone(sig), 0)); !errors.Is(err, SignatureInvalid) {
		t.Errorf("65 bytes under a key: %v", err)
	}
	other, _ := generate(t, ES256K).Public().Address()
	if err := FromAddress(other).Verify(ES256K, input, sig); !errors.Is(err, SignatureInvalid) {
		t.Errorf("another address: %v", err)
	}
	if err := FromAddress([20]byte{}).Verify(ES256K, input, make([]byte, 65)); !errors.Is(err, SignatureInvalid) {
		t.Errorf("zero address, zero signature: %v", err)
	}
}

// New refuses what is no sound public key, and keeps no reference to what it was given.
func TestNew(t *testing.T) {
	p256key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p521key, err := ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	x, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	var zero secp256k1.FieldVal
	koblitzGood := generate(t, ES256K).Public().Public().(*secp256k1.PublicKey).ToECDSA()
	koblitzOff := *koblitzGood
	koblitzOff.X = new(big.Int).Add(koblitzGood.X, bigOne)
	otherB := *secp256k1.S256().Params()
	otherB.B = big.NewInt(8)
	koblitzBig := *koblitzGood
	koblitzBig.X = new(big.Int).Add(koblitzGood.X, secp256k1.S256().Params().P)
	for name, c := range map[string]struct {
		pub  any
		want error
	}{
		"P-256":                      {&p256key.PublicKey, nil},
		"X25519":                     {x.PublicKey(), nil},
		"secp256k1 as ecdsa":         {koblitzGood, nil},
		"secp256k1 off curve":        {&koblitzOff, OffCurve},
		"secp256k1 not reduced":      {&koblitzBig, NonCanonical},
		"secp256k1 identity":         {secp256k1.NewPublicKey(&zero, &zero), OffCurve},
		"P-256 identity":             {&ecdsa.PublicKey{Curve: elliptic.P256(), X: new(big.Int), Y: new(big.Int)}, OffCurve},
		"P-256 off curve":            {&ecdsa.PublicKey{Curve: elliptic.P256(), X: bigOne, Y: bigOne}, OffCurve},
		"P-256 negative":             {&ecdsa.PublicKey{Curve: elliptic.P256(), X: new(big.Int).Neg(p256key.X), Y: p256key.Y}, NonCanonical},
		"P-256 without coordinates":  {&ecdsa.PublicKey{Curve: elliptic.P256()}, Malformed},
		"ECDSA without curve":        {&ecdsa.PublicKey{}, Malformed},
		"nil ECDSA":                  {(*ecdsa.PublicKey)(nil), Malformed},
		"nil secp256k1":              {(*secp256k1.PublicKey)(nil), Malformed},
		"nil ECDH":                   {(*ecdh.PublicKey)(nil), Unsupported},
		"P-256 by its generic curve": {&ecdsa.PublicKey{Curve: elliptic.P256().Params(), X: p256key.X, Y: p256key.Y}, Unsupported},
		"secp256k1 with another b":   {&ecdsa.PublicKey{Curve: &otherB, X: koblitzGood.X, Y: koblitzGood.Y}, Unsupported},
		"P-521":                      {&p521key.PublicKey, Unsupported},
		"ECDH on P-256":              {p.PublicKey(), Unsupported},
		"RSA":                        {&rsa.PublicKey{N: big.NewInt(15), E: 3}, TooSmall},
		"private key":                {p256key, Unsupported},
		"bytes":                      {[]byte("key"), Unsupported},
		"nothing":                    {nil, Unsupported},
		"short Ed25519":              {ed25519.PublicKey(make([]byte, 31)), WrongLength},
		"Ed25519 identity":           {ed25519.PublicKey(append([]byte{1}, make([]byte, 31)...)), LowOrder},
	} {
		k, err := New(c.pub)
		if !errors.Is(err, c.want) || k.IsZero() != (c.want != nil) {
			t.Errorf("%s: got %v, want %v", name, err, c.want)
		}
	}
	k, err := New(&p256key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	before := k.Thumbprint()
	p256key.X.SetInt64(7)
	k.Bytes()[0] = 9
	k.JWK()[0] = 'x'
	k.Public().(*ecdsa.PublicKey).X.SetInt64(7)
	if k.Thumbprint() != before || k.k.nist.X.Cmp(big.NewInt(7)) == 0 {
		t.Error("a key changed after it was made")
	}
}

// No error and no formatted key shows key material.
func TestErrorsQuoteNothing(t *testing.T) {
	const marker = "MARKERmarkerMARKER"
	for _, in := range []string{
		`{"kty":"EC","crv":"P-256","x":"` + marker + `","y":"` + marker + `"}`,
		`{"kty":"` + marker + `"}`, `{"kty":"EC","crv":"` + marker + `"}`, marker,
		`{"kty":"EC","crv":"P-256","d":"` + marker + `"}`, `{"` + marker + `":1,"` + marker + `":2}`,
	} {
		_, err := ParseJWK([]byte(in))
		if err == nil || strings.Contains(err.Error(), marker) {
			t.Errorf("%v", err)
		}
		if _, err := ParsePrivateJWK([]byte(in)); err == nil || strings.Contains(err.Error(), marker) {
			t.Errorf("%v", err)
		}
	}
	if _, err := ParseMultikey("z" + marker); err == nil || strings.Contains(err.Error(), marker) {
		t.Errorf("%v", err)
	}
}
