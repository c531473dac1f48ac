package pubkey

import (
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"encoding/base64"
	"errors"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"

	"github.com/khyer/khyer/internal/jose"
	"github.com/khyer/khyer/internal/strictjson"
)

// plain is ParseJWK written plainly, one member after the other, with math/big and with go-jose's decision about what is a key. It
// shares with ParseJWK the constants and the screens of the curves that go-jose does not know, nothing else. It returns the public key
// as the standard library has it, whether it may verify, and the reason of a refusal.
func plain(doc []byte) (pub crypto.PublicKey, signs bool, refused error) {
	v, err := strictjson.Parse(doc, strictjson.Limits{Bytes: maxJWK, Depth: 8})
	var e *strictjson.Error
	if errors.As(err, &e) && e.Reason == strictjson.TooLarge {
		return nil, false, TooLarge
	}
	if err != nil || v.Kind() != strictjson.Object {
		return nil, false, Malformed
	}
	for name := range v.Members() {
		if slices.ContainsFunc(privateNames, func(n string) bool { return strings.EqualFold(n, name) }) {
			return nil, false, PrivateMember
		}
	}
	for name := range v.Members() {
		if slices.ContainsFunc(evaluatedNames, func(n string) bool { return n != name && strings.EqualFold(n, name) }) {
			return nil, false, Malformed
		}
	}
	kty, ok := v.Get("kty").Text()
	if !ok {
		return nil, false, Malformed
	}
	if kty == "RSA" {
		n, _ := v.Get("n").Text()
		b, err := base64.RawURLEncoding.Strict().DecodeString(n)
		if err == nil && len(b) > 0 && !strings.ContainsAny(n, "\r\n") && new(big.Int).SetBytes(b).BitLen() < 2048 {
			return nil, false, TooSmall
		}
		return nil, false, Unsupported
	}
	if kty != "EC" && kty != "OKP" {
		return nil, false, Unsupported
	}
	crv, ok := v.Get("crv").Text()
	if !ok {
		return nil, false, Malformed
	}
	switch kty + crv {
	case "ECP-256", "ECP-384", "ECsecp256k1":
		pub, refused = plainEC(v, crv)
	case "OKPEd25519", "OKPX25519":
		pub, refused = plainOKP(v, crv)
	default:
		return nil, false, Unsupported
	}
	if refused != nil {
		return nil, false, refused
	}
	signs, refused = plainUse(v, crv)
	if refused != nil {
		return nil, false, refused
	}
	return pub, signs && crv != "X25519", nil
}

func plainOctets(v strictjson.Value, n int) ([]byte, error) {
	text, ok := v.Text()
	b, err := base64.RawURLEncoding.DecodeString(text)
	switch {
	case !ok || err != nil || strings.ContainsAny(text, "\r\n"):
		return nil, Malformed
	case len(b) != n:
		return nil, WrongLength
	case base64.RawURLEncoding.EncodeToString(b) != text:
		return nil, NonCanonical
	}
	return b, nil
}

func plainEC(v strictjson.Value, crv string) (crypto.PublicKey, error) {
	params := map[string]*elliptic.CurveParams{
		"P-256": elliptic.P256().Params(), "P-384": elliptic.P384().Params(), "secp256k1": {P: secp256k1.Params().P, B: big.NewInt(7), BitSize: 256},
	}[crv]
	n := params.BitSize / 8
	xb, err := plainOctets(v.Get("x"), n)
	if err != nil {
		return nil, err
	}
	yb, err := plainOctets(v.Get("y"), n)
	if err != nil {
		return nil, err
	}
	x, y := new(big.Int).SetBytes(xb), new(big.Int).SetBytes(yb)
	if x.Cmp(params.P) >= 0 || y.Cmp(params.P) >= 0 {
		return nil, NonCanonical
	}
	right := new(big.Int).Exp(x, big.NewInt(3), params.P) // y² = x³ + ax + b, where a is -3 (NIST SP 800-186) or 0 (SEC 2)
	if crv != "secp256k1" {
		right.Sub(right, new(big.Int).Mul(x, big.NewInt(3)))
	}
	right.Add(right, params.B).Mod(right, params.P)
	if new(big.Int).Exp(y, big.NewInt(2), params.P).Cmp(right) != 0 {
		return nil, OffCurve
	}
	if crv == "secp256k1" {
		var fx, fy secp256k1.FieldVal
		fx.SetByteSlice(xb)
		fy.SetByteSlice(yb)
		return secp256k1.NewPublicKey(&fx, &fy), nil
	}
	return ask(`{"kty":"EC","crv":"` + crv + `","x":"` + base64.RawURLEncoding.EncodeToString(xb) + `","y":"` + base64.RawURLEncoding.EncodeToString(yb) + `"}`)
}

func plainOKP(v strictjson.Value, crv string) (crypto.PublicKey, error) {
	if v.Get("y").Exists() {
		return nil, Malformed
	}
	b, err := plainOctets(v.Get("x"), 32)
	if err != nil {
		return nil, err
	}
	if crv == "X25519" {
		var e *Error
		if errors.As(screenX25519(b), &e) {
			return nil, e.Reason
		}
		return ecdh.X25519().NewPublicKey(b)
	}
	var e *Error
	if errors.As(screenEdwards(b), &e) {
		return nil, e.Reason
	}
	return ask(`{"kty":"OKP","crv":"Ed25519","x":"` + base64.RawURLEncoding.EncodeToString(b) + `"}`)
}

var errDisagree = errors.New("go-jose refuses what the plain path accepts")

// ask leaves the decision about a key to go-jose.
func ask(jwk string) (crypto.PublicKey, error) {
	pub, err := jose.PublicKey([]byte(jwk))
	if err != nil {
		return nil, errDisagree
	}
	return pub, nil
}

func plainUse(v strictjson.Value, crv string) (signs bool, refused error) {
	signs = true
	if v.Get("alg").Exists() {
		alg, ok := v.Get("alg").Text()
		if !ok {
			return false, Malformed
		}
		own := map[string]string{"P-256": "ES256", "P-384": "ES384", "secp256k1": "ES256K", "Ed25519": "EdDSA"}[crv]
		agrees := slices.Contains([]string{"ECDH-ES", "ECDH-ES+A128KW", "ECDH-ES+A192KW", "ECDH-ES+A256KW"}, alg) && crv != "Ed25519"
		if alg == "" || alg != own && !agrees {
			return false, AlgorithmMismatch
		}
		signs = !agrees
	}
	if v.Get("use").Exists() {
		use, ok := v.Get("use").Text()
		if !ok {
			return false, Malformed
		}
		signs = signs && use == "sig"
	}
	if ops := v.Get("key_ops"); ops.Exists() {
		if ops.Kind() != strictjson.Array {
			return false, Malformed
		}
		var names []string
		for op := range ops.Elements() {
			name, ok := op.Text()
			if !ok {
				return false, Malformed
			}
			names = append(names, name)
		}
		signs = signs && (slices.Contains(names, "verify") || slices.Contains(names, "sign"))
	}
	return signs, nil
}

// compare gives one document to ParseJWK, FromValue, the plain path and go-jose as received, and fails where they are not of one mind.
func compare(t *testing.T, doc []byte) (Key, error) {
	t.Helper()
	k, err := ParseJWK(doc)
	if err != nil && !k.IsZero() {
		t.Fatal("a key beside an error")
	}
	want, signs, refused := plain(doc)
	if !errors.Is(err, refused) {
		t.Fatalf("ParseJWK says %v, the plain path %v", err, refused)
	}
	if refused == nil {
		same, ok := want.(interface{ Equal(crypto.PublicKey) bool })
		if koblitz, is := want.(*secp256k1.PublicKey); is {
			if !koblitz.IsEqual(k.Public().(*secp256k1.PublicKey)) {
				t.Fatal("another key than that of the plain path")
			}
		} else if !ok || !same.Equal(k.Public()) {
			t.Fatal("another key than that of the plain path")
		}
		if got := len(k.Algorithms()) > 0; got != signs {
			t.Fatalf("may verify: %v, the plain path says %v", got, signs)
		}
	}
	if v, err2 := strictjson.Parse(doc, strictjson.Limits{}); err2 == nil { // a bound of 32 on the depth is the caller's
		inside, err2 := FromValue(strictjson.Inside{}, v)
		if err2 == nil && err == nil && !inside.Equal(k) || (err2 == nil) != (err == nil) && !errors.Is(err, Malformed) && !errors.Is(err, TooLarge) {
			t.Fatalf("FromValue says %v, ParseJWK %v", err2, err)
		}
	}
	agreeWithJOSE(t, doc, k, err)
	return k, err
}

// agreeWithJOSE gives the bytes as received to go-jose. It is more lenient about spelling and declarations, and does not look whether an
// Ed25519 key is a point. About what is a point of P-256 or P-384, how long it is and which kinds of keys there are it may not differ.
func agreeWithJOSE(t *testing.T, doc []byte, k Key, err error) {
	t.Helper()
	theirs, joseErr := jose.PublicKey(doc)
	if joseErr != nil {
		return
	}
	if err == nil {
		if same := theirs.(interface{ Equal(crypto.PublicKey) bool }); !same.Equal(k.Public()) {
			t.Fatal("go-jose read another key")
		}
		return
	}
	mayNot := []Reason{LowOrder, WrongLength, TooSmall, Unsupported}
	if _, ec := theirs.(*ecdsa.PublicKey); ec {
		mayNot = append(mayNot, OffCurve)
	}
	for _, r := range mayNot {
		if errors.Is(err, r) {
			t.Fatalf("go-jose accepts what we refuse with %v", err)
		}
	}
}

// A key inside a larger text has the bound of a key that stands alone, and whoever parsed the text has bounded the depth.
func TestFromValue(t *testing.T) {
	for name, c := range map[string]struct {
		doc  string
		want error
	}{
		"a key":         {`{` + ecKey + `}`, nil},
		"a deep member": {`{` + ecKey + `,"own":[[[[[[[[[[1]]]]]]]]]]}`, nil},
		"a private key": {`{` + ecKey + `,"d":"` + d256 + `"}`, PrivateMember},
		"too large":     {`{` + ecKey + `,"kid":"` + strings.Repeat("a", maxJWK) + `"}`, TooLarge},
		"a string":      {`"` + x256 + `"`, Malformed},
		"null":          {`null`, Malformed},
		"an array":      {`[]`, Malformed},
	} {
		v, err := strictjson.Parse([]byte(`{"cnf":{"jwk":`+c.doc+`}}`), strictjson.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		k, err := FromValue(strictjson.Inside{}, v.Get("cnf").Get("jwk"))
		if !errors.Is(err, c.want) || k.IsZero() != (c.want != nil) {
			t.Errorf("%s: got %v, want %v", name, err, c.want)
		}
	}
	if _, err := FromValue(strictjson.Inside{}, strictjson.Value{}); !errors.Is(err, Malformed) {
		t.Errorf("absent: got %v, want %v", err, Malformed)
	}
}

// A verifier reads a fresh holder key at each presentation: what that allocates is bounded.
func TestAllocations(t *testing.T) {
	doc := []byte(`{"kid":"1",` + ecKey + `,"use":"sig"}`)
	v, err := strictjson.Parse(doc, strictjson.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	s := generate(t, ES256)
	k, sig := s.Public(), sign(t, s, ES256, doc)
	// crypto/ecdsa takes 10 for a verification and 59 for a signature (Go 1.26); the race detector adds a few.
	for name, c := range map[string]struct {
		most float64
		run  func() bool
	}{
		"ParseJWK":   {8, func() bool { _, err := ParseJWK(doc); return err == nil }},
		"FromValue":  {6, func() bool { _, err := FromValue(strictjson.Inside{}, v); return err == nil }},
		"Verify":     {12, func() bool { return k.Verify(ES256, doc, sig) == nil }},
		"Sign":       {70, func() bool { _, err := s.Sign(t.Context(), ES256, doc); return err == nil }},
		"JWK":        {1, func() bool { return len(k.JWK()) > 0 }},
		"Thumbprint": {1, func() bool { return len(k.Thumbprint()) == 43 }},
		"Equal":      {0, func() bool { return k.Equal(s.Public()) }},
	} {
		if !c.run() {
			t.Fatalf("%s failed", name)
		}
		if got := testing.AllocsPerRun(100, func() { c.run() }); got > c.most {
			t.Errorf("%s: %v allocations, want at most %v", name, got, c.most)
		}
	}
}
