package openid4vp_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"encoding/base64"
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/khyer/khyer/credential"
	"github.com/khyer/khyer/did"
	"github.com/khyer/khyer/did/didjwk"
	"github.com/khyer/khyer/did/didkey"
	"github.com/khyer/khyer/did/pubkey"
	"github.com/khyer/khyer/disclosure"
	"github.com/khyer/khyer/verifier"
	"github.com/khyer/khyer/verifier/trust"
)

const vct = "https://registry.example/types/citizen"

// citizen is what our registry knows. All of it is invented.
const citizen = `{"Full Name":"Pema Lhaden","ID Number":"10000000001","Blood Group":"B+","Address":{"Village":"Changangkha","Dzongkhag":"Thimphu"}}`

var concealed = []disclosure.Path{{"Full Name"}, {"ID Number"}, {"Blood Group"}, {"Address", "Village"}, {"Address", "Dzongkhag"}}

// registry is an issuer of ours.
type registry struct {
	id     string
	signer pubkey.Signer
	issuer *credential.Issuer
}

func newRegistry(t testing.TB) *registry {
	t.Helper()
	r := &registry{signer: generate(t)}
	r.id = jwkDID(t, r.signer)
	var err error
	if r.issuer, err = credential.NewIssuer(credential.IssuerConfig{ID: r.id, KeyID: r.id + "#0", Signer: r.signer}); err != nil {
		t.Fatal(err)
	}
	return r
}

// issue makes a citizen's card for a holder's key.
func (r *registry) issue(t testing.TB, holder pubkey.Key) []byte {
	t.Helper()
	card, err := r.issuer.Issue(t.Context(), credential.Card{
		Type: vct, Claims: json.RawMessage(citizen), Conceal: disclosure.ConcealOptions{Paths: concealed}, Holder: holder, Expires: time.Now().Add(time.Hour),
	})
	if err != nil {
		t.Fatal(err)
	}
	return card
}

// agency is a verifier of ours that trusts some registries.
func agency(t testing.TB, trusted ...*registry) *verifier.Verifier {
	t.Helper()
	var all []trust.Issuer
	for _, r := range trusted {
		all = append(all, trust.Issuer{DIDs: []string{r.id}, Types: []string{vct}, Accreditation: trust.Accreditation{Name: "Example Registry"}})
	}
	issuers, err := trust.NewList(all...)
	if err != nil {
		t.Fatal(err)
	}
	v, err := verifier.New(verifier.Config{Resolver: did.Mux{"jwk": didjwk.Resolver{}, "key": didkey.Resolver{}}, Issuers: issuers})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func generate(t testing.TB) pubkey.Signer {
	t.Helper()
	s, err := pubkey.Generate(pubkey.ES256)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func jwkDID(t testing.TB, s pubkey.Signer) string {
	t.Helper()
	id, err := didjwk.FromKey(s.Public())
	if err != nil {
		t.Fatal(err)
	}
	return id.String()
}

// sign makes a compact JWS by hand: what the library would write is what is to be tried, so this shares no code with it.
func sign(t testing.TB, s pubkey.Signer, header map[string]any, payload any) string {
	t.Helper()
	header["alg"] = "ES256"
	h, err := json.Marshal(header)
	if err != nil {
		t.Fatal(err)
	}
	p, err := json.Marshal(payload)
	if err != nil {
		t.Fatal(err)
	}
	signed := base64.RawURLEncoding.EncodeToString(h) + "." + base64.RawURLEncoding.EncodeToString(p)
	signature, err := s.Sign(t.Context(), pubkey.ES256, []byte(signed))
	if err != nil {
		t.Fatal(err)
	}
	return signed + "." + base64.RawURLEncoding.EncodeToString(signature)
}

// public is a key of P-256 as the standard library has it.
func public(t testing.TB, jwk []byte) *ecdsa.PublicKey {
	t.Helper()
	var k struct{ X, Y string }
	if err := json.Unmarshal(jwk, &k); err != nil {
		t.Fatal(err)
	}
	point := []byte{4}
	for _, s := range []string{k.X, k.Y} {
		b, err := base64.RawURLEncoding.DecodeString(s)
		if err != nil {
			t.Fatal(err)
		}
		point = append(point, b...)
	}
	key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// flip changes one base64url character.
func flip(text []byte, at int) []byte {
	out := bytes.Clone(text)
	if out[at] == 'A' {
		out[at] = 'B'
	} else {
		out[at] = 'A'
	}
	return out
}

// same compares JSON without regard to the order of members.
func same(t testing.TB, what string, got, want []byte) {
	t.Helper()
	var g, w any
	if err := json.Unmarshal(got, &g); err != nil {
		t.Fatal(what, err)
	}
	if err := json.Unmarshal(want, &w); err != nil {
		t.Fatal(what, err)
	}
	if !reflect.DeepEqual(g, w) {
		t.Errorf("%s\n got %s\nwant %s", what, got, want)
	}
}
