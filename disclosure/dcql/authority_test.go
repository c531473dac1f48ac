package dcql_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"math/big"
	"slices"
	"testing"
	"time"

	"github.com/khyer/khyer/disclosure/dcql"
)

func issuers(values string) string {
	return credential(`,"trusted_authorities":[{"type":"` + dcql.AuthorityIssuer + `","values":` + values + `}]`)
}

// TestIssuersByName: iss is compared as a string, and comes from the card and not from what the caller says of it.
func TestIssuersByName(t *testing.T) {
	const registry = "did:ethr:0x1:0x00000000000000000000000000000000000000aA"
	for name, c := range map[string]struct {
		query string
		card  dcql.Candidate
		want  bool
	}{
		"the issuer":           {issuers(`["did:web:x.example","` + registry + `"]`), card("c", idType, `{"iss":"`+registry+`"}`), true},
		"written with escapes": {issuers(`["https:\/\/issuer.example"]`), card("c", idType, `{"iss":"https://issuer.example"}`), true},
		"another issuer":       {issuers(`["` + registry + `"]`), card("c", idType, `{"iss":"did:web:x.example"}`), false},
		"another case":         {issuers(`["did:ethr:0x1:0x00000000000000000000000000000000000000aa"]`), card("c", idType, `{"iss":"`+registry+`"}`), false},
		"a trailing slash":     {issuers(`["https://issuer.example/"]`), card("c", idType, `{"iss":"https://issuer.example"}`), false},
		"a beginning of it":    {issuers(`["did:ethr:"]`), card("c", idType, `{"iss":"`+registry+`"}`), false},
		"no iss":               {issuers(`["` + registry + `"]`), card("c", idType, `{}`), false},
		"an iss that is none":  {issuers(`["1"]`), card("c", idType, `{"iss":1}`), false},
		"an iss further in":    {issuers(`["` + registry + `"]`), card("c", idType, `{"x":{"iss":"`+registry+`"}}`), false},
		"said of the card": {issuers(`["` + registry + `"]`), dcql.Candidate{Format: dcql.FormatSDJWT, Type: idType, Claims: []byte(`{"iss":"did:web:x.example"}`),
			Authorities: []dcql.Authority{{Type: dcql.AuthorityIssuer, Values: []string{registry}}}}, false},
	} {
		q := parse(t, c.query)
		want := error(dcql.NotSatisfied)
		if c.want {
			want = nil
		}
		if _, err := q.Match([]dcql.Candidate{c.card}); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", name, err, want)
		}
		// The verifier looks again.
		if err := q.Satisfied(map[string][]dcql.Candidate{"a": {c.card}}); !errors.Is(err, want) {
			t.Errorf("%s, shown: %v, want %v", name, err, want)
		}
	}
}

// TestAuthorityKeyIDs: what a chain answers is whose key signed each certificate.
func TestAuthorityKeyIDs(t *testing.T) {
	root, rootKey := certificate(t, "root", []byte("key of the root"), nil, nil)
	middle, middleKey := certificate(t, "middle", []byte("key between"), root, rootKey)
	leaf, _ := certificate(t, "leaf", []byte("key of the issuer"), middle, middleKey)
	a := dcql.AuthorityKeyIDs([]*x509.Certificate{leaf, middle, leaf})
	if a.Type != dcql.AuthorityKeyID || !slices.Equal(a.Values, []string{"a2V5IGJldHdlZW4", "a2V5IG9mIHRoZSByb290"}) {
		t.Errorf("%v", a)
	}
	of := card("c", idType, `{}`)
	of.Authorities = []dcql.Authority{a}
	ask := func(values string) error {
		_, err := parse(t, credential(`,"trusted_authorities":[{"type":"aki","values":`+values+`}]`)).Match([]dcql.Candidate{of})
		return err
	}
	if err := ask(`["x","a2V5IG9mIHRoZSByb290"]`); err != nil {
		t.Errorf("the root's key: %v", err)
	}
	for name, values := range map[string]string{"the issuer's own key": `["a2V5IG9mIHRoZSBpc3N1ZXI"]`, "padded": `["a2V5IGJldHdlZW4="]`, "another": `["AAAA"]`} {
		if err := ask(values); !errors.Is(err, dcql.NotSatisfied) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got := dcql.AuthorityKeyIDs(nil); len(got.Values) > 0 {
		t.Errorf("no chain: %v", got)
	}
}

func certificate(t *testing.T, name string, id []byte, by *x509.Certificate, byKey *ecdsa.PrivateKey) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), SubjectKeyId: id, NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	template.Subject.CommonName = name
	if by == nil {
		by, byKey = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, by, &key.PublicKey, byKey)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return c, key
}

// TestWalletThatKnowsNoIssuersByName: with one alternative left out such a wallet would find no card, so all are.
func TestWalletThatKnowsNoIssuersByName(t *testing.T) {
	both := credential(`,"trusted_authorities":[{"type":"aki","values":["k"]},{"type":"` + dcql.AuthorityIssuer + `","values":["i"]}]`)
	q := parse(t, both)
	byName, byKey := card("n", idType, `{"iss":"i"}`), card("k", idType, `{}`)
	byKey.Authorities = []dcql.Authority{{Type: "aki", Values: []string{"k"}}}
	for name, c := range map[string]struct {
		types []string
		want  int // authorities that are left
	}{
		"both":    {[]string{dcql.AuthorityKeyID, dcql.AuthorityIssuer}, 2},
		"keys":    {[]string{dcql.AuthorityKeyID}, 0},
		"names":   {[]string{dcql.AuthorityIssuer}, 0},
		"nothing": {nil, 0},
	} {
		known := q.Knowing(c.types...)
		if got := len(known.Credentials[0].Authorities); got != c.want {
			t.Errorf("%s: %d are left, want %d", name, got, c.want)
		}
		for _, w := range []dcql.Candidate{byName, byKey} {
			if _, err := known.Match([]dcql.Candidate{w}); err != nil {
				t.Errorf("%s: %s is no longer found: %v", name, w.ID, err)
			}
		}
	}
	if len(q.Credentials[0].Authorities) != 2 {
		t.Error("the query itself changed")
	}
	if _, err := q.Match([]dcql.Candidate{card("x", idType, `{"iss":"x"}`)}); !errors.Is(err, dcql.NotSatisfied) {
		t.Errorf("neither: %v", err)
	}
}
