package verifier_test

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/khyer/khyer/credential/status"
	"github.com/khyer/khyer/did"
	"github.com/khyer/khyer/did/didtest"
	"github.com/khyer/khyer/did/pubkey"
	"github.com/khyer/khyer/disclosure"
	"github.com/khyer/khyer/verifier"
	"github.com/khyer/khyer/verifier/trust"
)

const (
	idCard   = "https://registry.example/types/foundational-id"
	registry = "did:example:registry"
	other    = "did:example:health" // trusted for another type
	agency   = "https://licensing.example"
)

var now = time.Date(2026, 11, 24, 6, 0, 0, 0, time.UTC)

// world is a small country: one issuer, one citizen, one agency. A test says only what differs in its own.
type world struct {
	t               testing.TB
	resolver        *didtest.Resolver
	registry, other pubkey.Signer
	citizen         pubkey.Signer
	subject         didtest.Subject // of the registry, before Put
	issuer          trust.Issuer
	config          verifier.Config
	expect          verifier.Expect

	kid     string
	claims  map[string]any // on top of the ordinary ones; nil removes one
	hidden  map[string]any // further claims that are concealed and shown
	header  map[string]any
	kb      map[string]any
	kbHead  map[string]any
	signer  pubkey.Signer // instead of the registry's key
	holder  pubkey.Signer // instead of the citizen's key
	reveal  []disclosure.Path
	tamper  func(issued string) string    // after issuing
	altered func(presented string) string // after presenting
}

func generate(t testing.TB, a pubkey.Algorithm) pubkey.Signer {
	t.Helper()
	s, err := pubkey.Generate(a)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func newWorld(t testing.TB) *world {
	w := &world{t: t, resolver: &didtest.Resolver{}, registry: generate(t, pubkey.ES256), other: generate(t, pubkey.ES256), citizen: generate(t, pubkey.ES256)}
	w.subject = didtest.Subject{ID: registry, Keys: []did.Key{{ID: "#key-1", Public: w.registry.Public()}}}
	w.resolver.Put(didtest.Subject{ID: other, Keys: []did.Key{{ID: "#key-1", Public: w.other.Public()}}})
	w.issuer = trust.Issuer{DIDs: []string{registry}, Types: []string{idCard}, Accreditation: trust.Accreditation{
		Name: "Example Civil Registry", StatusLists: []trust.StatusLists{{Prefix: "https://registry.example/lists/"}},
	}}
	w.config = verifier.Config{Now: func() time.Time { return now }}
	w.expect = verifier.Expect{Audience: agency, Nonce: rand.Text(), Type: idCard, Claims: []disclosure.Path{{"Full Name"}, {"ID Number"}}}
	w.kid = registry + "#key-1"
	w.reveal = []disclosure.Path{{"Full Name"}, {"ID Number"}}
	return w
}

// present forges: everything that a stranger can write can be written here.
func (w *world) present() []byte {
	w.t.Helper()
	claims := map[string]any{
		"iss": registry, "vct": idCard, "iat": now.Add(-time.Hour).Unix(), "exp": now.Add(time.Hour).Unix(),
		"cnf":       map[string]any{"jwk": json.RawMessage(w.citizen.Public().JWK())},
		"Full Name": "Pema Example", "ID Number": "10000000001", "Date of Birth": "01/01/1990", "Village ": "Olakha",
		"Home": map[string]any{"Gewog": "Chang", "Dzongkhag": "Thimphu"}, "Children": []any{"Karma", "Deki"},
	}
	merge(claims, w.claims)
	merge(claims, w.hidden)
	raw, _ := json.Marshal(claims)
	var paths []disclosure.Path
	for _, p := range []disclosure.Path{{"Full Name"}, {"ID Number"}, {"Date of Birth"}, {"Village "}, {"Home"}, {"Home", "Gewog"}, {"Children", nil}} {
		if _, ok := claims[p[0].(string)]; ok {
			paths = append(paths, p)
		}
	}
	reveal := w.reveal
	for name := range w.hidden {
		paths, reveal = append(paths, disclosure.Path{name}), append(reveal, disclosure.Path{name})
	}
	payload, ds, err := disclosure.Conceal(raw, disclosure.ConcealOptions{Paths: paths})
	if err != nil {
		w.t.Fatal(err)
	}
	signer := w.registry
	if w.signer != nil {
		signer = w.signer
	}
	head := map[string]any{"typ": "dc+sd-jwt", "kid": w.kid, "alg": string(signer.Public().Algorithms()[0])}
	merge(head, w.header)
	card := w.jws(head, payload, signer) + "~"
	for _, d := range ds {
		card += d + "~"
	}
	if w.tamper != nil {
		card = w.tamper(card)
	}
	u, err := disclosure.Parse([]byte(card), disclosure.Limits{})
	if err != nil {
		return []byte(card)
	}
	shown, err := u.Select(reveal)
	if err != nil {
		w.t.Fatal(err)
	}
	out := string(shown) + w.binding(shown)
	if w.altered != nil {
		out = w.altered(out)
	}
	return []byte(out)
}

func (w *world) binding(shown []byte) string {
	hash := sha256.Sum256(shown)
	kb := map[string]any{"aud": w.expect.Audience, "nonce": w.expect.Nonce, "iat": now.Unix(), "sd_hash": base64.RawURLEncoding.EncodeToString(hash[:])}
	merge(kb, w.kb)
	raw, _ := json.Marshal(kb)
	signer := w.citizen
	if w.holder != nil {
		signer = w.holder
	}
	head := map[string]any{"typ": "kb+jwt", "alg": string(signer.Public().Algorithms()[0])}
	merge(head, w.kbHead)
	return w.jws(head, raw, signer)
}

func (w *world) jws(head map[string]any, payload []byte, s pubkey.Signer) string {
	w.t.Helper()
	h, _ := json.Marshal(head)
	input := base64.RawURLEncoding.EncodeToString(h) + "." + base64.RawURLEncoding.EncodeToString(payload)
	sig, err := s.Sign(context.Background(), s.Public().Algorithms()[0], []byte(input))
	if err != nil {
		w.t.Fatal(err)
	}
	return input + "." + base64.RawURLEncoding.EncodeToString(sig)
}

func merge(into, from map[string]any) {
	for k, v := range from {
		if v == nil {
			delete(into, k)
		} else {
			into[k] = v
		}
	}
}

func (w *world) verifier() *verifier.Verifier {
	w.t.Helper()
	w.resolver.Put(w.subject)
	if w.config.Resolver == nil {
		w.config.Resolver = w.resolver
	}
	if w.config.Issuers == nil {
		list, err := trust.NewList(w.issuer, trust.Issuer{DIDs: []string{other}, Types: []string{"https://health.example/card"}, Accreditation: trust.Accreditation{Name: "Example Health"}})
		if err != nil {
			w.t.Fatal(err)
		}
		w.config.Issuers = list
	}
	v, err := verifier.New(w.config)
	if err != nil {
		w.t.Fatal(err)
	}
	return v
}

func (w *world) verify() (*verifier.Result, error) {
	w.t.Helper()
	v := w.verifier()
	return v.Verify(context.Background(), w.present(), w.expect)
}

func (w *world) accepted() *verifier.Result {
	w.t.Helper()
	res, err := w.verify()
	if err != nil {
		w.t.Fatal(err)
	}
	return res
}

// rejected expects a rejection for want. A rejection that comes before the issuer's signature was checked must say so.
func (w *world) rejected(want verifier.Reason, unauthenticated bool) *verifier.Rejection {
	w.t.Helper()
	res, err := w.verify()
	var rej *verifier.Rejection
	if res != nil || !errors.As(err, &rej) || rej.Reason != want || rej.Unauthenticated != unauthenticated {
		w.t.Fatalf("got %v (%+v), want rejected: %s (unauthenticated %v)", err, rej, want, unauthenticated)
	}
	return rej
}

func (w *world) inconclusive(want verifier.Reason) {
	w.t.Helper()
	res, err := w.verify()
	var inc *verifier.Inconclusive
	if res != nil || !errors.As(err, &inc) || inc.Reason != want {
		w.t.Fatalf("got %v, want inconclusive: %s", err, want)
	}
}

// lists is a status.Source of one list.
type lists struct {
	list *status.List
	err  error
	uri  string
	iss  string
}

func (l *lists) StatusList(_ context.Context, uri, issuer string, _ time.Time) (*status.List, error) {
	l.uri, l.iss = uri, issuer
	return l.list, l.err
}
