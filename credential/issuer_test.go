package credential_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"errors"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/khyer/khyer/credential"
	"github.com/khyer/khyer/credential/status"
	"github.com/khyer/khyer/did/pubkey"
	"github.com/khyer/khyer/disclosure"
)

// certified makes a signer and a certificate of its key.
func certified(t *testing.T) (pubkey.Signer, *x509.Certificate) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := pubkey.FromCrypto(key)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Registry"}, DNSNames: []string{"registry.example"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	root, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, &x509.Certificate{Subject: pkix.Name{CommonName: "Root"}}, &key.PublicKey, root)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return signer, cert
}

func TestIssuersOfEachMechanism(t *testing.T) {
	signer, cert := certified(t)
	for name, c := range map[string]struct {
		config credential.IssuerConfig
		iss    string
		kid    string
		chain  int
	}{
		"a DID":                            {credential.IssuerConfig{ID: "did:example:registry", KeyID: "#key-1"}, "did:example:registry", "#key-1", 0},
		"metadata":                         {credential.IssuerConfig{ID: "https://registry.example/civil", KeyID: "2026"}, "https://registry.example/civil", "2026", 0},
		"metadata with one key":            {credential.IssuerConfig{ID: "https://registry.example"}, "https://registry.example", "", 0},
		"certificates":                     {credential.IssuerConfig{ID: "https://registry.example", Chain: []*x509.Certificate{cert}}, "https://registry.example", "", 1},
		"certificates and no other issuer": {credential.IssuerConfig{Chain: []*x509.Certificate{cert}}, "", "", 1},
	} {
		c.config.Signer = signer
		issuer, err := credential.NewIssuer(c.config)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		integrity := credential.Integrity([]byte("{}"))
		card, err := issuer.Issue(context.Background(), credential.Card{
			Type: "https://registry.example/types/id", Integrity: integrity, Claims: json.RawMessage(`{"a":1}`), InsecureUnbound: true,
			Conceal: disclosure.ConcealOptions{Paths: []disclosure.Path{{"a"}}},
		})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		p, err := credential.Parse(card, credential.SDJWTVC, disclosure.Limits{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		h := p.Hint()
		chain, err := h.Chain()
		if h.Issuer != c.iss || h.KeyID != c.kid || len(chain) != c.chain || err != nil {
			t.Errorf("%s: iss %q, kid %q, %d certificates, %v", name, h.Issuer, h.KeyID, len(chain), err)
		}
		v, err := p.Verify(signer.Public(), credential.Binding{InsecureUnbound: true}, time.Now())
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if raw, _ := v.Body.Claim(disclosure.Path{"vct#integrity"}); string(raw) != `"`+integrity+`"` {
			t.Errorf("%s: vct#integrity is %s", name, raw)
		}
	}
}

func TestIssuersThatNoVerifierWouldTake(t *testing.T) {
	signer, cert := certified(t)
	other, _ := certified(t)
	long := make([]*x509.Certificate, 9)
	for i := range long {
		long[i] = cert
	}
	for name, c := range map[string]struct {
		config credential.IssuerConfig
		want   disclosure.Reason
	}{
		"nobody":                       {credential.IssuerConfig{Signer: signer}, credential.CallerFault},
		"no signer":                    {credential.IssuerConfig{ID: "did:example:registry", KeyID: "#key-1"}, credential.CallerFault},
		"the certificate of another":   {credential.IssuerConfig{Chain: []*x509.Certificate{cert}, Signer: other}, credential.CallerFault},
		"certificates beside a DID":    {credential.IssuerConfig{ID: "did:example:registry", Chain: []*x509.Certificate{cert}, Signer: signer}, credential.CallerFault},
		"certificates and a kid":       {credential.IssuerConfig{KeyID: "#key-1", Chain: []*x509.Certificate{cert}, Signer: signer}, credential.CallerFault},
		"more certificates than taken": {credential.IssuerConfig{Chain: long, Signer: signer}, credential.ChainMalformed},
		"a DID without a kid":          {credential.IssuerConfig{ID: "did:example:registry", Signer: signer}, credential.KeyIDMissing},
		"the kid of another DID":       {credential.IssuerConfig{ID: "did:example:registry", KeyID: "did:example:other#key-1", Signer: signer}, credential.KeyIDForeign},
		"an address that is no URL":    {credential.IssuerConfig{ID: "me", KeyID: "#0", Signer: signer}, credential.CallerFault},
		"an address without TLS":       {credential.IssuerConfig{ID: "http://registry.example", KeyID: "#0", Signer: signer}, credential.CallerFault},
		"a chain with the root":        {credential.IssuerConfig{Chain: []*x509.Certificate{cert, selfSigned(t)}, Signer: signer}, credential.CallerFault},
		"a chain with a gap":           {credential.IssuerConfig{Chain: []*x509.Certificate{cert, nil}, Signer: signer}, credential.CallerFault},
		"a chain of nothing":           {credential.IssuerConfig{Chain: []*x509.Certificate{nil}, Signer: signer}, credential.CallerFault},
		"a URL with a query":           {credential.IssuerConfig{ID: "https://registry.example/?a", Signer: signer}, credential.IssuerNoURL},
	} {
		if _, err := credential.NewIssuer(c.config); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %s", name, err, c.want)
		}
	}
	issuer, err := credential.NewIssuer(credential.IssuerConfig{ID: "did:example:registry", KeyID: "#key-1", Signer: signer})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := issuer.Issue(context.Background(), credential.Card{Type: "t", Integrity: "sha256", Claims: json.RawMessage(`{}`), InsecureUnbound: true}); !errors.Is(err, credential.IntegrityMalformed) {
		t.Errorf("vct#integrity: %v", err)
	}
}

// Names of registered claims are refused in any spelling, and what stands before the claims of a card is one JSON object with them.
func TestClaimsBesideTheRegisteredOnes(t *testing.T) {
	signer, _ := certified(t)
	issuer, err := credential.NewIssuer(credential.IssuerConfig{ID: "did:example:registry", KeyID: "#key-1", Signer: signer, Now: func() time.Time { return time.Unix(1800000000, 0) }})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		claims  string
		conceal []disclosure.Path
		want    disclosure.Reason
		claim   string // of the card without its disclosures
	}{
		"iss":                    {claims: `{"iss":"x"}`, want: credential.ClaimReserved},
		"iss with an escape":     {claims: `{"\u0069ss":"x"}`, want: credential.ClaimReserved},
		"iat":                    {claims: `{"iat":1}`, want: credential.ClaimReserved},
		"status":                 {claims: `{"status":{}}`, want: credential.ClaimReserved},
		"iat beside a hidden":    {claims: `{"iat":1}`, conceal: []disclosure.Path{{"iat"}}, want: credential.ClaimReserved},
		"a hidden vct":           {claims: `{}`, conceal: []disclosure.Path{{"vct"}}, want: credential.MustBePlain},
		"twice":                  {claims: `{"a":1,"a":2}`, want: disclosure.DuplicateMember},
		"an array":               {claims: `[]`, want: disclosure.NothingToConceal},
		"no claims":              {claims: ` { } `, claim: `{"iss":"did:example:registry","vct":"t","iat":1800000000}`},
		"one claim":              {claims: "{ \"a\" : 1 }\n", claim: `{"iss":"did:example:registry","vct":"t","iat":1800000000,"a":1}`},
		"all claims concealed":   {claims: `{"a":1}`, conceal: []disclosure.Path{{"a"}}, claim: `{"iss":"did:example:registry","vct":"t","iat":1800000000}`},
		"iat concealed":          {claims: `{"a":1}`, conceal: []disclosure.Path{{"iat"}}, claim: `{"iss":"did:example:registry","vct":"t","a":1}`},
		"iat concealed and more": {claims: `{}`, conceal: []disclosure.Path{{"iat"}}, claim: `{"iss":"did:example:registry","vct":"t"}`},
	} {
		card, err := issuer.Issue(context.Background(), credential.Card{Type: "t", Claims: json.RawMessage(c.claims), InsecureUnbound: true, Conceal: disclosure.ConcealOptions{Paths: c.conceal}})
		if c.want != "" {
			if !errors.Is(err, c.want) {
				t.Errorf("%s: got %v, want %s", name, err, c.want)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		u, err := disclosure.Parse(card, disclosure.Limits{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		hidden, err := u.Select(nil)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if u, err = disclosure.Parse(hidden, disclosure.Limits{}); err != nil {
			t.Fatal(err)
		}
		v, err := u.Verify(func(disclosure.Signature) error { return nil })
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := string(v.Claims()); got != c.claim {
			t.Errorf("%s: %s, want %s", name, got, c.claim)
		}
	}
}

// A vct#integrity of the wrong form is a fault of the card, and not the absence of one, whether somebody reads type metadata or not.
func TestIntegrityOfTheWrongForm(t *testing.T) {
	signer, _ := certified(t)
	for integrity, want := range map[string]disclosure.Reason{
		`""`: credential.IntegrityMalformed, `null`: credential.IntegrityMalformed, `["sha256-AAAA"]`: credential.IntegrityMalformed,
		`7`: credential.IntegrityMalformed, `"sha256 AAAA"`: credential.IntegrityMalformed, `"sha256-AAAA"`: "",
	} {
		card, err := credential.Sign(context.Background(), signer, json.RawMessage(`{"typ":"dc+sd-jwt"}`), json.RawMessage(`{"vct":"t","vct#integrity":`+integrity+`}`), nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err = credential.Parse(card, credential.SDJWTVC, disclosure.Limits{}); want == "" && err != nil || want != "" && !errors.Is(err, want) {
			t.Errorf("%s: got %v, want %q", integrity, err, want)
		}
	}
}

// A stranger puts a signature of his own before the issuer's: what its header says must not be believed because the other one verifies.
func TestHeaderOfAForgedSignatureBesideAGoodOne(t *testing.T) {
	issuer, _ := certified(t)
	stranger, _ := certified(t)
	sign := func(s pubkey.Signer, kid string) []byte {
		member := `"kid":"` + kid + `"`
		if strings.HasPrefix(kid, `"`) {
			member = kid
		}
		card, err := credential.Sign(context.Background(), s, json.RawMessage(`{"typ":"dc+sd-jwt",`+member+`}`), json.RawMessage(`{"iss":"did:example:registry","vct":"t"}`), nil)
		if err != nil {
			t.Fatal(err)
		}
		return card
	}
	verify := func(profile credential.Profile, kids ...string) (*credential.Verified, error) {
		text, err := disclosure.General(sign(stranger, kids[0]), sign(issuer, kids[1]))
		if err != nil {
			t.Fatal(err)
		}
		p, err := credential.Parse(text, profile, disclosure.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		return p.Verify(issuer.Public(), credential.Binding{InsecureUnbound: true}, time.Now())
	}
	if _, err := verify(credential.SDJWTVC, "#forged", "#key-1"); !errors.Is(err, credential.SignatureInvalid) {
		t.Errorf("under another kid: %v", err)
	}
	for _, other := range [][]string{{`"x5c":["AA=="]`, `"x5c":["AQ=="]`}, {`"x5c":["AA=="]`, `"typo":1`}, {`"typo":1`, `"jwk":{}`}} {
		if _, err := verify(credential.SDJWTVC, other...); !errors.Is(err, credential.SignatureInvalid) {
			t.Errorf("%s beside %s: %v", other[0], other[1], err)
		}
	}
	if v, err := verify(credential.SDJWTVC, "#key-1", "#key-1"); err != nil || v.KeyID != "#key-1" {
		t.Errorf("under the same kid: %v", err)
	}
	// Under RFC 9901 alone the caller brings the key; the hint is then that of the signature that verified.
	if v, err := verify(credential.SDJWT, "#forged", "#key-1"); err != nil || v.KeyID != "#key-1" {
		t.Errorf("under RFC 9901 alone: %v, %v", v, err)
	}
}

func selfSigned(t *testing.T) *x509.Certificate {
	t.Helper()
	cert, err := x509.ParseCertificate(certificate(t))
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

// What no reader would take is not signed, and the error names the field.
func TestCardsThatNobodyCouldUse(t *testing.T) {
	signer, _ := certified(t)
	now := time.Unix(1800000000, 0)
	issuer, err := credential.NewIssuer(credential.IssuerConfig{ID: "did:example:registry", KeyID: "#key-1", Signer: signer, Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		card  credential.Card
		field string
	}{
		"no type":                {credential.Card{}, "Type"},
		"a type that is no text": {credential.Card{Type: "t\xff"}, "Type"},
		"begins before 1970":     {credential.Card{Type: "t", NotBefore: time.Unix(-1, 0)}, "NotBefore"},
		"ends in the year 10000": {credential.Card{Type: "t", Expires: time.Unix(253402300800, 0)}, "Expires"},
		"over before it begins":  {credential.Card{Type: "t", NotBefore: now.Add(2 * time.Hour), Expires: now.Add(time.Hour)}, "Expires"},
		"a list without address": {credential.Card{Type: "t", Status: &status.Reference{Index: 1}}, "Status"},
		"an index beyond int64":  {credential.Card{Type: "t", Status: &status.Reference{URI: "https://a.example", Index: 1 << 63}}, "Status"},
	} {
		c.card.Claims, c.card.InsecureUnbound = json.RawMessage(`{}`), true
		_, err := issuer.Issue(context.Background(), c.card)
		var e *disclosure.Error
		if !errors.As(err, &e) || e.Reason != credential.CallerFault || len(e.Path) != 1 || e.Path[0] != c.field {
			t.Errorf("%s: got %v, want %s at %q", name, err, credential.CallerFault, c.field)
		}
	}
	if _, err := issuer.Issue(context.Background(), credential.Card{Type: "t", Claims: json.RawMessage(`{}`)}); !errors.Is(err, credential.CallerFault) {
		t.Errorf("no holder: %v", err)
	}
}

// signed returns signatures of any length, which no algorithm has.
type signed struct {
	pubkey.Signer
	length int
}

func (s signed) Sign(context.Context, pubkey.Algorithm, []byte) ([]byte, error) {
	return bytes.Repeat([]byte("s"), s.length), nil
}

// A card is made in one piece of memory with room for a signature: whatever a signer returns, it stands before the disclosures and
// changes none of them, and no two cards share memory.
func TestSignatureOfAnyLength(t *testing.T) {
	signer, _ := certified(t)
	var last, kept []byte
	for length := range 300 {
		issuer, err := credential.NewIssuer(credential.IssuerConfig{ID: "did:example:registry", KeyID: "#key-1", Signer: signed{signer, length}})
		if err != nil {
			t.Fatal(err)
		}
		card, err := issuer.Issue(context.Background(), credential.Card{Type: "t", Claims: json.RawMessage(`{"a":"one","b":"two"}`), Holder: signer.Public(),
			Conceal: disclosure.ConcealOptions{Paths: []disclosure.Path{{"a"}, {"b"}}}})
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(last, kept) {
			t.Fatalf("making a card changed the one before")
		}
		last, kept = card, bytes.Clone(card)
		if length == 0 {
			continue // no card can be read
		}
		u, err := disclosure.Parse(card, disclosure.Limits{})
		if err != nil {
			t.Fatalf("%d bytes: %v", length, err)
		}
		v, err := u.Verify(func(s disclosure.Signature) error {
			if string(s.Value) != strings.Repeat("s", length) {
				t.Errorf("%d bytes: the signature is %q", length, s.Value)
			}
			return nil
		})
		if err != nil {
			t.Fatalf("%d bytes: %v", length, err)
		}
		a, _ := v.Claim(disclosure.Path{"a"})
		b, _ := v.Claim(disclosure.Path{"b"})
		if string(a) != `"one"` || string(b) != `"two"` {
			t.Errorf("%d bytes: the claims are %s and %s", length, a, b)
		}
	}
}

// A caller who mixes things up gets an error and no panic, and never another card than the one that was received.
func TestMixedUpArguments(t *testing.T) {
	signer, _ := certified(t)
	if _, err := credential.Sign(context.Background(), nil, json.RawMessage(`{}`), json.RawMessage(`{}`), nil); !errors.Is(err, credential.CallerFault) {
		t.Errorf("no signer: %v", err)
	}
	issuer, err := credential.NewIssuer(credential.IssuerConfig{ID: "did:example:registry", KeyID: "#key-1", Signer: signer})
	if err != nil {
		t.Fatal(err)
	}
	holder := credential.NewHolder(signer)
	receive := func(claims string, conceal ...disclosure.Path) *credential.Held {
		card, err := issuer.Issue(context.Background(), credential.Card{Type: "t", Claims: json.RawMessage(claims), Holder: signer.Public(), Conceal: disclosure.ConcealOptions{Paths: conceal, Decoys: -5}})
		if err != nil {
			t.Fatal(err)
		}
		held, err := holder.Receive(card, signer.Public(), time.Now())
		if err != nil {
			t.Fatal(err)
		}
		return held
	}
	show := credential.Showing{Reveal: []disclosure.Path{{"a"}}, Audience: "https://hospital.example", Nonce: "n", At: time.Now()}
	if _, err := holder.Present(context.Background(), &credential.Held{}, show); !errors.Is(err, credential.CallerFault) {
		t.Errorf("an empty card: %v", err)
	}
	one := receive(`{"a":1,"b":2,"c":3}`, disclosure.Path{"b"}, disclosure.Path{"c"}, disclosure.Path{"a"})
	for _, other := range []*credential.Verified{nil, receive(`{"a":7}`, disclosure.Path{"a"}).Verified} {
		one.Verified = other
		shown, err := holder.Present(context.Background(), one, show)
		if err != nil {
			t.Fatal(err)
		}
		p, err := credential.Parse(shown, credential.SDJWTVC, disclosure.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		v, err := p.Verify(signer.Public(), credential.Binding{Audience: show.Audience, Nonce: show.Nonce}, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		if a, _ := v.Body.Claim(disclosure.Path{"a"}); string(a) != "1" || len(v.Body.Revealed()) != 1 {
			t.Errorf("shown %v of the card, a is %s", v.Body.Revealed(), a)
		}
	}
}
