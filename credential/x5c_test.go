package credential_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/khyer/khyer/credential"
	"github.com/khyer/khyer/disclosure"
)

// unsigned makes a presentation of a header that nobody has signed, which is enough to be looked at.
func unsigned(t testing.TB, header map[string]any) *credential.Presentation {
	t.Helper()
	head, err := json.Marshal(header)
	if err != nil {
		t.Fatal(err)
	}
	enc := base64.RawURLEncoding.EncodeToString
	p, err := credential.Parse([]byte(enc(head)+"."+enc([]byte(`{"vct":"https://registry.example/types/foundational-id"}`))+"."+enc(make([]byte, 64))+"~"), credential.SDJWTVC, disclosure.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func certificate(t testing.TB) []byte { return largeCertificate(t, 0) }

// largeCertificate has so many bytes in an extension that nobody knows.
func largeCertificate(t testing.TB, size int) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Unix(1<<31, 0)}
	if size > 0 {
		template.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 32473, 1}, Value: make([]byte, size)}}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func TestChain(t *testing.T) {
	type m = map[string]any
	one := base64.StdEncoding.EncodeToString(certificate(t))
	eight := []string{one, one, one, one, one, one, one, one}
	for name, c := range map[string]struct {
		header m
		count  int
		want   error
	}{
		"none":            {m{}, 0, nil},
		"one":             {m{"x5c": []string{one}}, 1, nil},
		"eight":           {m{"x5c": eight}, 8, nil},
		"nine":            {m{"x5c": append(eight, one)}, 0, credential.ChainMalformed},
		"kid that is one": {m{"x5c": []string{one}, "kid": "#key-1"}, 1, nil},
		"kid of a DID":    {m{"x5c": []string{one}, "kid": "did:example:a#key-1"}, 0, credential.KeyIDForeign},
		"jwk":             {m{"jwk": m{}}, 0, credential.HeaderForeignKey},
		"jwk beside":      {m{"jwk": m{}, "x5c": []string{one}}, 0, credential.HeaderForeignKey},
		"jku beside":      {m{"jku": "https://thief.example", "x5c": []string{one}}, 0, credential.HeaderForeignKey},
		"x5u beside":      {m{"x5u": "https://thief.example", "x5c": []string{one}}, 0, credential.HeaderForeignKey},
		"large":           {m{"x5c": []string{base64.StdEncoding.EncodeToString(largeCertificate(t, 7<<10))}}, 1, nil},
		"too large":       {m{"x5c": []string{base64.StdEncoding.EncodeToString(largeCertificate(t, 8<<10))}}, 0, credential.ChainMalformed},
		"null":            {m{"x5c": nil}, 0, credential.ChainMalformed},
		"a null":          {m{"x5c": []any{nil}}, 0, credential.ChainMalformed},
		"URL alphabet":    {m{"x5c": []string{base64.RawURLEncoding.EncodeToString(certificate(t))}}, 0, credential.ChainMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			c.header["alg"], c.header["typ"] = "ES256", "dc+sd-jwt"
			h := unsigned(t, c.header).Hint()
			chain, err := h.Chain()
			if len(chain) != c.count || !errors.Is(err, c.want) {
				t.Errorf("%d certificates, %v, want %d, %v", len(chain), err, c.count, c.want)
			}
			_, has := c.header["x5c"]
			if carries := has || c.header["jwk"] != nil || c.header["jku"] != nil || c.header["x5u"] != nil; h.CarriesKey != carries {
				t.Errorf("CarriesKey is %v", h.CarriesKey)
			}
		})
	}
	// JSON may write a slash with an escape, and some do.
	escaped := json.RawMessage(`["` + strings.ReplaceAll(one, "/", `\/`) + `"]`)
	chain, err := unsigned(t, m{"alg": "ES256", "typ": "dc+sd-jwt", "x5c": escaped}).Hint().Chain()
	if len(chain) != 1 || err != nil {
		t.Errorf("%v", err)
	}
}

// FuzzChain wants no panic, no more certificates than allowed, and one spelling for each.
func FuzzChain(f *testing.F) {
	f.Add(base64.StdEncoding.EncodeToString(certificate(f)), "")
	f.Add("MII=", "\n")
	f.Fuzz(func(t *testing.T, first, second string) {
		chain, err := unsigned(t, map[string]any{"alg": "ES256", "typ": "dc+sd-jwt", "x5c": []string{first, second}}).Hint().Chain()
		if err != nil {
			if chain != nil || !errors.Is(err, credential.ChainMalformed) {
				t.Errorf("%d, %v", len(chain), err)
			}
			return
		}
		for n, text := range []string{first, second} {
			if base64.StdEncoding.EncodeToString(chain[n].Raw) != text {
				t.Errorf("%q was read as another", text)
			}
		}
	})
}
