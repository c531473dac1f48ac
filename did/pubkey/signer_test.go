package pubkey

//lint:file-ignore SA1019 the tests build broken keys

import (
	"context"
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/asn1"
	"encoding/base64"
	"errors"
	"io"
	"math/big"
	"sync"
	"testing"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	koblitzdsa "github.com/decred/dcrd/dcrec/secp256k1/v4/ecdsa"
)

func edPublic(b []byte) ed25519.PublicKey { return ed25519.PublicKey(b) }

// device stands for an HSM: a crypto.Signer that answers what it is told to.
type device struct {
	public crypto.PublicKey
	sign   func(digest []byte, opts crypto.SignerOpts) ([]byte, error)
}

func (d device) Public() crypto.PublicKey { return d.public }
func (d device) Sign(_ io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	return d.sign(digest, opts)
}

func der(t *testing.T, r, s *big.Int) []byte {
	t.Helper()
	b, err := asn1.Marshal(struct{ R, S *big.Int }{r, s})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// A device's signatures come out in JOSE form and verify, also when r or s is short.
func TestFromCrypto(t *testing.T) {
	p256key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p384key, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	koblitzKey, err := secp256k1.GeneratePrivateKey()
	if err != nil {
		t.Fatal(err)
	}
	half := new(big.Int).Rsh(secp256k1.S256().Params().N, 1)
	high := device{koblitzKey.PubKey().ToECDSA(), func(digest []byte, opts crypto.SignerOpts) ([]byte, error) {
		if opts.HashFunc() != crypto.SHA256 {
			return nil, errors.New("wrong hash")
		}
		sig := koblitzdsa.SignCompact(koblitzKey, digest, true)
		s := new(big.Int).Sub(secp256k1.S256().Params().N, new(big.Int).SetBytes(sig[33:])) // a device that knows nothing of low s
		if s.Cmp(half) <= 0 {
			return nil, errors.New("the test is wrong")
		}
		return der(t, new(big.Int).SetBytes(sig[1:33]), s), nil
	}}
	for name, c := range map[string]struct {
		s crypto.Signer
		a Algorithm
	}{
		"P-256": {p256key, ES256}, "P-384": {p384key, ES384}, "Ed25519": {edKey, EdDSA},
		"secp256k1 device": {high, ES256K}, "secp256k1 private key": {koblitzKey.ToECDSA(), ES256K},
	} {
		s, err := FromCrypto(c.s)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for i := range 300 { // one signature in 128 has a short r or s
			input := []byte{byte(i), byte(i >> 8)}
			sig := sign(t, s, c.a, input)
			if err := s.Public().Verify(c.a, input, sig); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if c.a == ES256K {
				if _, low, ok := scalars(sig); !ok || low.IsOverHalfOrder() {
					t.Fatalf("%s: s is not low", name)
				}
			}
			if c.a == ES384 && i > 40 {
				break
			}
		}
	}
}

// What a device returns is checked before it is handed on.
func TestFaultyDevice(t *testing.T) {
	p256key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	koblitzKey, err := secp256k1.GeneratePrivateKey()
	if err != nil {
		t.Fatal(err)
	}
	edPub, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	n, one, zero := elliptic.P256().Params().N, big.NewInt(1), new(big.Int)
	good := der(t, one, one)
	answers := map[string][]byte{
		"nothing": nil, "r||s instead of DER": make([]byte, 64), "trailing byte": append(der(t, one, one), 0),
		"zero r": der(t, zero, one), "zero s": der(t, one, zero), "negative": der(t, big.NewInt(-1), one),
		"r is the order": der(t, n, one), "s is the order": der(t, one, n),
		"too long": der(t, new(big.Int).Lsh(one, 256), one), "cut": good[:len(good)-1],
		"padded integer": {0x30, 7, 2, 2, 0, 1, 2, 1, 1}, "long form of the length": {0x30, 0x81, 6, 2, 1, 1, 2, 1, 1},
	}
	for name, answer := range answers {
		for kind, public := range map[string]struct {
			key crypto.PublicKey
			a   Algorithm
		}{"P-256": {&p256key.PublicKey, ES256}, "secp256k1": {koblitzKey.PubKey(), ES256K}, "Ed25519": {edPub, EdDSA}} {
			if kind == "Ed25519" && len(answer) == 64 || kind == "secp256k1" && (name == "r is the order" || name == "s is the order") {
				continue
			}
			s, err := FromCrypto(device{public.key, func([]byte, crypto.SignerOpts) ([]byte, error) { return answer, nil }})
			if err != nil {
				t.Fatal(err)
			}
			if sig, err := s.Sign(t.Context(), public.a, []byte("input")); !errors.Is(err, SignerFault) || sig != nil {
				t.Errorf("%s, %s: %v", kind, name, err)
			}
		}
	}
	broken := errors.New("device unplugged")
	s, err := FromCrypto(device{edPub, func([]byte, crypto.SignerOpts) ([]byte, error) { return nil, broken }})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Sign(t.Context(), EdDSA, nil); !errors.Is(err, SignerFault) || !errors.Is(err, broken) {
		t.Errorf("a failing device: %v", err)
	}
}

func TestSignersThatAreRefused(t *testing.T) {
	x, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	koblitzKey, err := secp256k1.GeneratePrivateKey()
	if err != nil {
		t.Fatal(err)
	}
	mixed := koblitzKey.ToECDSA()
	mixed.D = big.NewInt(7)
	unset := koblitzKey.ToECDSA()
	unset.D = nil
	for name, c := range map[string]struct {
		s    crypto.Signer
		want error
	}{
		"nil":                      {nil, Malformed},
		"X25519":                   {device{public: x.PublicKey()}, Unsupported},
		"no public key":            {device{}, Unsupported},
		"public part of another":   {mixed, Mismatch},
		"secp256k1 without scalar": {unset, NotPrivate},
	} {
		if _, err := FromCrypto(c.s); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", name, err, c.want)
		}
	}
	for _, a := range []Algorithm{"", "none", "HS256", "RS256"} {
		if _, err := Generate(a); !errors.Is(err, AlgorithmMismatch) {
			t.Errorf("Generate(%q): %v", a, err)
		}
	}
}

func TestSignAfterCancel(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, a := range algorithms {
		if _, err := generate(t, a).Sign(ctx, a, nil); !errors.Is(err, SignerFault) || !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", a, err)
		}
	}
}

func TestParsePrivateJWK(t *testing.T) {
	zeros := base64.RawURLEncoding.EncodeToString(make([]byte, 32))
	ones := base64.RawURLEncoding.EncodeToString([]byte("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"))
	for name, c := range map[string]struct {
		jwk  string
		want error
	}{
		"P-256":               {`{` + ecKey + `,"d":"` + d256 + `"}`, nil},
		"Ed25519":             {`{` + edKey + `,"d":"` + dEd + `","alg":"EdDSA"}`, nil},
		"public":              {`{` + ecKey + `}`, NotPrivate},
		"zero":                {`{` + ecKey + `,"d":"` + zeros + `"}`, NotPrivate},
		"beyond the order":    {`{` + ecKey + `,"d":"` + ones + `"}`, NotPrivate},
		"short":               {`{` + ecKey + `,"d":"AQ"}`, NotPrivate},
		"number":              {`{` + ecKey + `,"d":1}`, NotPrivate},
		"of another key":      {`{` + ecKey + `,"d":"` + dEd + `"}`, Mismatch},
		"Ed25519, of another": {`{` + edKey + `,"d":"` + d256 + `"}`, Mismatch},
		"X25519":              {`{` + xKey + `,"d":"` + dEd + `"}`, AlgorithmMismatch},
		"for encryption":      {`{` + ecKey + `,"d":"` + d256 + `","use":"enc"}`, AlgorithmMismatch},
		"RSA":                 {`{"kty":"RSA","n":"AQ","e":"AQAB","d":"AQ"}`, TooSmall},
		"not JSON":            {`d`, Malformed},
	} {
		s, err := ParsePrivateJWK([]byte(c.jwk))
		if !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", name, err, c.want)
		}
		if c.want != nil {
			continue
		}
		a := s.Public().Algorithms()[0]
		if err := s.Public().Verify(a, []byte("input"), sign(t, s, a, []byte("input"))); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	// secp256k1: the key 1, whose public point is the generator (SEC 2 section 2.4.1).
	one := make([]byte, 32)
	one[31] = 1
	s, err := newKoblitzSigner(one)
	if err != nil {
		t.Fatal(err)
	}
	doc := string(s.Public().JWK())
	if _, err := ParsePrivateJWK([]byte(doc[:len(doc)-1] + `,"d":"` + zeros + `"}`)); !errors.Is(err, NotPrivate) {
		t.Errorf("secp256k1, zero: %v", err)
	}
	back, err := ParsePrivateJWK([]byte(doc[:len(doc)-1] + `,"d":"` + base64.RawURLEncoding.EncodeToString(one) + `"}`))
	if err != nil || !back.Public().Equal(s.Public()) {
		t.Errorf("secp256k1: %v", err)
	}
}

// One signer and one key serve many goroutines (run with -race).
func TestConcurrentUse(t *testing.T) {
	for _, a := range algorithms {
		s := generate(t, a)
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				input := []byte{byte(i)}
				sig, err := s.Sign(t.Context(), a, input)
				if err != nil {
					t.Error(err)
					return
				}
				if err := s.Public().Verify(a, input, sig); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
	}
}

// go-jose's opinion about a key that will sign is heard: it refuses a point that is none and another key.
func TestSecondOpinionOnPrivateKeys(t *testing.T) {
	for _, a := range []Algorithm{ES256, ES384, EdDSA} {
		k := generate(t, a).Public()
		if err := approve(k); err != nil {
			t.Errorf("%s: %v", a, err)
		}
	}
	off := &key{curve: p256, encoded: [97]byte{4, 1}}
	if err := approve(Key{off}); !errors.Is(err, OffCurve) {
		t.Errorf("off curve: got %v, want %v", err, OffCurve)
	}
	mixed := *generate(t, ES256).Public().k
	mixed.nist = generate(t, ES256).Public().k.nist
	if err := approve(Key{&mixed}); !errors.Is(err, Malformed) {
		t.Errorf("two keys in one: got %v, want %v", err, Malformed)
	}
}
