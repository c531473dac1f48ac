package jwks

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"testing"

	"github.com/khyer/khyer/did/pubkey"
)

func generate(t *testing.T, a pubkey.Algorithm) pubkey.Signer {
	t.Helper()
	s, err := pubkey.Generate(a)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSetRoundTrip(t *testing.T) {
	keys := []Key{
		{ID: "sig-1", Use: "sig", Algorithm: "ES256", Public: generate(t, pubkey.ES256).Public()},
		{ID: "sig-2", Public: generate(t, pubkey.EdDSA).Public()},
		{Public: generate(t, pubkey.ES384).Public()},
	}
	data, err := Marshal(keys)
	if err != nil {
		t.Fatal(err)
	}
	back, err := Parse(data)
	if err != nil || len(back) != len(keys) {
		t.Fatalf("%d keys, %v", len(back), err)
	}
	for i := range keys {
		if !back[i].Public.Equal(keys[i].Public) || back[i].ID != keys[i].ID || back[i].Use != keys[i].Use || back[i].Algorithm != keys[i].Algorithm {
			t.Errorf("key %d changed on the way", i)
		}
	}
}

func TestMarshalRefuses(t *testing.T) {
	k := generate(t, pubkey.ES256).Public()
	for name, c := range map[string]struct {
		keys []Key
		want error
	}{
		"the zero key":  {[]Key{{}}, ErrKey},
		"an address":    {[]Key{{Public: pubkey.FromAddress([20]byte{1})}}, ErrKey},
		"secp256k1":     {[]Key{{Public: generate(t, pubkey.ES256K).Public()}}, ErrKey},
		"one kid twice": {[]Key{{ID: "1", Public: k}, {ID: "1", Public: generate(t, pubkey.EdDSA).Public()}}, ErrSet},
	} {
		if _, err := Marshal(c.keys); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", name, err, c.want)
		}
	}
}

func TestParse(t *testing.T) {
	good := string(generate(t, pubkey.ES256).Public().JWK())
	named := strings.Replace(good, "{", `{"kid":"1",`, 1)
	private := strings.Replace(good, "{", `{"d":"AA",`, 1)
	for name, c := range map[string]struct {
		set  string
		keys int
		want error
	}{
		"one":                {`{"keys":[` + good + `]}`, 1, nil},
		"none":               {`{"keys":[]}`, 0, nil},
		"a type not in use":  {`{"keys":[{"kty":"RSA","n":"` + strings.Repeat("_", 342) + `","e":"AQAB"},` + good + `]}`, 1, nil},
		"a size too small":   {`{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB"},` + good + `]}`, 1, nil},
		"a curve not in use": {`{"keys":[{"kty":"EC","crv":"P-521","x":"AA","y":"AA"},` + good + `]}`, 1, nil},
		"another algorithm":  {`{"keys":[` + strings.Replace(good, "{", `{"alg":"HPKE-0",`, 1) + `,` + good + `]}`, 1, nil},
		"a private key":      {`{"keys":[` + good + `,` + private + `]}`, 0, ErrPrivate},
		"a malformed key":    {`{"keys":[` + good + `,{"kty":"EC","crv":"P-256","x":"AA","y":"AA"},{"crv":"P-256"}]}`, 1, nil},
		"a key, no set":      {good, 0, ErrSet},
		"one kid twice":      {`{"keys":[` + named + `,` + named + `]}`, 0, ErrSet},
		"kid is a number":    {`{"keys":[` + strings.Replace(good, "{", `{"kid":1,`, 1) + `,` + good + `]}`, 1, nil},
		"two lists":          {`{"keys":[],"keys":[` + good + `]}`, 0, ErrSet},
		"too many":           {`{"keys":[` + strings.Repeat(`{"kty":"RSA"},`, maxKeys) + good + `]}`, 0, ErrSet},
		"too large":          {`{"keys":[],"x":"` + strings.Repeat("a", maxSet) + `"}`, 0, ErrSet},
		"not JSON":           {`keys`, 0, ErrSet},
		"a number for a key": {`{"keys":[1]}`, 0, ErrSet},
	} {
		keys, err := Parse([]byte(c.set))
		if !errors.Is(err, c.want) || len(keys) != c.keys {
			t.Errorf("%s: %d keys, %v", name, len(keys), err)
		}
	}
}

func TestPEM(t *testing.T) {
	for _, a := range []pubkey.Algorithm{pubkey.ES256, pubkey.ES384, pubkey.EdDSA} {
		k := generate(t, a).Public()
		data, err := ToPEM(k)
		if err != nil {
			t.Fatal(err)
		}
		back, err := FromPEM(data)
		if err != nil || !back.Equal(k) {
			t.Errorf("%s: %v", a, err)
		}
		if _, err := FromPEM(append(bytes.Clone(data), data...)); !errors.Is(err, ErrPEM) {
			t.Errorf("two blocks: %v", err)
		}
	}
	priv, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "invented"}}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &priv.PublicKey, priv)
	if err != nil {
		t.Fatal(err)
	}
	k, err := FromPEM(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}))
	want, _ := pubkey.New(&priv.PublicKey)
	if err != nil || !k.Equal(want) {
		t.Errorf("certificate: %v", err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(priv)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		data []byte
		want error
	}{
		"private key":      {pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}), ErrPrivate},
		"disguised":        {pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: pkcs8}), ErrPEM},
		"another block":    {pem.EncodeToMemory(&pem.Block{Type: "DH PARAMETERS", Bytes: pkcs8}), ErrPEM},
		"no block":         {[]byte("x"), ErrPEM},
		"broken":           {pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: []byte{1}}), ErrPEM},
		"larger than read": {make([]byte, maxPEM+1), ErrPEM},
	} {
		if _, err := FromPEM(c.data); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", name, err, c.want)
		}
	}
	for _, k := range []pubkey.Key{{}, pubkey.FromAddress([20]byte{1})} {
		if _, err := ToPEM(k); !errors.Is(err, ErrKey) {
			t.Errorf("got %v", err)
		}
	}
}

// jwx and pubkey are of one opinion about a signature, its flipped bits and its other lengths.
func TestSecondOpinion(t *testing.T) {
	for _, a := range []pubkey.Algorithm{pubkey.ES256, pubkey.ES384, pubkey.EdDSA} {
		s := generate(t, a)
		input := []byte("input")
		sig, err := s.Sign(context.Background(), a, input)
		if err != nil {
			t.Fatal(err)
		}
		n := len(sig) / 2
		padded := append(append(append([]byte{0}, sig[:n]...), 0), sig[n:]...) // both halves with a leading zero
		cases := [][]byte{sig, nil, sig[1:], make([]byte, len(sig)), padded}
		for i := 0; i < len(sig); i += 5 {
			flipped := bytes.Clone(sig)
			flipped[i] ^= 4
			cases = append(cases, flipped)
		}
		accepted := 0
		for i, c := range cases {
			ours, theirs := s.Public().Verify(a, input, c), Verify(s.Public(), a, input, c)
			if (ours == nil) != (theirs == nil) {
				t.Errorf("%s, case %d: we say %v, jwx says %v", a, i, ours, theirs)
			}
			if ours == nil {
				accepted++
			}
		}
		if accepted != 1 {
			t.Errorf("%s: %d accepted", a, accepted)
		}
		if err := Verify(s.Public(), "none", input, nil); !errors.Is(err, ErrKey) {
			t.Errorf("none: %v", err)
		}
	}
}

func Example() {
	s, err := pubkey.Generate(pubkey.ES256)
	if err != nil {
		fmt.Println(err)
		return
	}
	set, err := Marshal([]Key{{ID: "registry-2026", Use: "sig", Public: s.Public()}})
	if err != nil {
		fmt.Println(err)
		return
	}
	keys, err := Parse(set)
	fmt.Println(len(keys), keys[0].ID, keys[0].Public.Equal(s.Public()), err)
	// Output: 1 registry-2026 true <nil>
}
