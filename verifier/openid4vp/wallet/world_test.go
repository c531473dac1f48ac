package wallet_test

import (
	"crypto/ecdh"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/khyer/khyer/credential"
	"github.com/khyer/khyer/did"
	"github.com/khyer/khyer/did/didtest"
	"github.com/khyer/khyer/did/pubkey"
	"github.com/khyer/khyer/disclosure"
	"github.com/khyer/khyer/internal/jose"
	"github.com/khyer/khyer/internal/oid4vp"
	"github.com/khyer/khyer/verifier/openid4vp/wallet"
	"github.com/khyer/khyer/verifier/trust"
)

const (
	hospitalDID = "did:example:hospital"
	client      = "decentralized_identifier:" + hospitalDID
	query       = `{"credentials":[{"id":"card","format":"dc+sd-jwt","meta":{"vct_values":["` + idCard + `"]},"claims":[{"path":["Blood Group"]}]}]}`
)

// town has a hospital with a server, a stranger, a citizen with a card, and a wallet.
type town struct {
	t        testing.TB
	resolver *didtest.Resolver
	hospital oid4vp.Signer
	registry pubkey.Signer
	phone    pubkey.Signer
	holder   *credential.Holder
	held     *credential.Held
	server   *httptest.Server
	key      *ecdh.PrivateKey // for which answers are encrypted

	mu     sync.Mutex
	object func(walletNonce string) []byte // what the server gives out as a request object
	media  string
	answer func(http.ResponseWriter, url.Values) // nil: 200 {}
	got    []url.Values                          // what was posted as an answer
	asked  []string                              // methods and paths
}

func newTown(t testing.TB) *town {
	t.Helper()
	w := &town{t: t, resolver: &didtest.Resolver{}, media: oid4vp.MediaType}
	key := generate(t)
	w.resolver.Put(didtest.Subject{ID: hospitalDID, Keys: []did.Key{{Public: key.Public()}}})
	w.hospital = oid4vp.Signer{Key: key, KeyID: hospitalDID + "#key-1"}
	w.registry, w.phone = generate(t), generate(t)
	w.holder = credential.NewHolder(w.phone)
	var err error
	w.held, err = w.holder.Receive(issue(w.registry, "did:example:registry", w.phone.Public()), w.registry.Public(), time.Now())
	must(t, err)
	w.key, err = ecdh.P256().GenerateKey(rand.Reader)
	must(t, err)
	w.server = httptest.NewServer(http.HandlerFunc(w.serve))
	t.Cleanup(w.server.Close)
	return w
}

func generate(t testing.TB) pubkey.Signer {
	t.Helper()
	s, err := pubkey.Generate(pubkey.ES256)
	must(t, err)
	return s
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (w *town) serve(rw http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked = append(w.asked, r.Method+" "+r.Host+r.URL.Path)
	body, _ := io.ReadAll(r.Body)
	form, _ := url.ParseQuery(string(body))
	if strings.HasPrefix(r.URL.Path, "/request") {
		rw.Header().Set("Content-Type", w.media)
		rw.Write(w.object(form.Get("wallet_nonce")))
		return
	}
	w.got = append(w.got, form)
	if w.answer != nil {
		w.answer(rw, form)
		return
	}
	rw.Write([]byte(`{}`))
}

// policy lets the hospital ask for two claims.
func (w *town) policy() *trust.Policy {
	purpose := trust.Purpose{
		Agency: client, Name: "hospital-admission", Hosts: []string{"hospital.example"},
		Claims: map[string][]disclosure.Path{idCard: {{"Full Name"}, {"Blood Group"}}},
	}
	origin, post := purpose, purpose
	origin.Agency, post.Agency = "origin:https://hospital.example", "redirect_uri:https://hospital.example/answer"
	p, err := trust.NewPolicy(purpose, origin, post)
	must(w.t, err)
	return p
}

func (w *town) wallet(change func(*wallet.Config)) *wallet.Wallet {
	w.t.Helper()
	c := wallet.Config{
		Policy: w.policy(), Resolver: w.resolver, InsecureHosts: map[string]string{"hospital.example": w.server.URL, "stranger.example": w.server.URL},
		Transactions: []string{"consent"},
	}
	if change != nil {
		change(&c)
	}
	out, err := wallet.New(c)
	must(w.t, err)
	return out
}

func (w *town) card() wallet.Card { return wallet.Card{ID: "id", Held: w.held, Holder: w.holder} }

// request is a good one of the hospital.
func (w *town) request(change func(*oid4vp.Request)) *oid4vp.Request {
	w.t.Helper()
	kept := int64(0)
	info, err := oid4vp.Statement{Purpose: "hospital-admission", Verifier: map[string]string{"en": "Example Hospital"}, Retention: &kept}.Info()
	must(w.t, err)
	r := &oid4vp.Request{
		ClientID: oid4vp.ClientID{Prefix: oid4vp.Decentralized, Name: hospitalDID}, Mode: oid4vp.DirectPostJWT, ResponseURI: "https://hospital.example/answer",
		Nonce: "a-nonce", State: "a-state", DCQL: json.RawMessage(query), VerifierInfo: []oid4vp.VerifierInfo{info},
		Metadata: &oid4vp.Metadata{Keys: []oid4vp.EncryptionKey{{ID: "kid", Public: w.key.PublicKey()}}, Encs: []string{"A128GCM", "A256GCM"}},
	}
	if change != nil {
		change(r)
	}
	return r
}

func (w *town) sign(s oid4vp.Signer, r *oid4vp.Request) []byte {
	w.t.Helper()
	object, err := s.Sign(w.t.Context(), r)
	must(w.t, err)
	return object
}

// link is the hospital's, by reference, to a request that is signed by its key.
func (w *town) link(change func(*oid4vp.Request)) string {
	w.t.Helper()
	object := w.sign(w.hospital, w.request(change))
	w.object = func(string) []byte { return object }
	return oid4vp.Link{Client: client, Reference: "https://hospital.example/request/1"}.String("openid4vp://")
}

// open opens the hospital's link.
func (w *town) open(change func(*oid4vp.Request)) (*wallet.Request, error) {
	w.t.Helper()
	return w.wallet(nil).Open(w.t.Context(), w.link(change))
}

func (w *town) opened(change func(*oid4vp.Request)) *wallet.Request {
	w.t.Helper()
	r, err := w.open(change)
	must(w.t, err)
	return r
}

func (w *town) choose(r *wallet.Request) *wallet.Choice {
	w.t.Helper()
	c, err := r.Choose(w.card())
	must(w.t, err)
	return c
}

// response is the last answer that came in, decrypted.
func (w *town) response() *oid4vp.Response {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.got) == 0 {
		w.t.Fatal("no answer came in")
	}
	return w.read(w.got[len(w.got)-1].Encode())
}

func (w *town) read(form string) *oid4vp.Response {
	w.t.Helper()
	r, jwe, err := oid4vp.ParseForm(form)
	must(w.t, err)
	if jwe == "" {
		return r
	}
	text, err := jose.Decrypt(w.key, "kid", jwe, 1<<20)
	must(w.t, err)
	r, err = oid4vp.ParseResponse(text)
	must(w.t, err)
	return r
}

// shown verifies the one card of a token.
func (w *town) shown(token json.RawMessage, audience string) *credential.Verified {
	w.t.Helper()
	var all map[string][]string
	must(w.t, json.Unmarshal(token, &all))
	if len(all) != 1 || len(all["card"]) != 1 {
		w.t.Fatalf("answers to %d queries", len(all))
	}
	p, err := credential.Parse([]byte(all["card"][0]), credential.SDJWTVC, disclosure.Limits{})
	must(w.t, err)
	v, err := p.Verify(w.registry.Public(), credential.Binding{Audience: audience, Nonce: "a-nonce", MaxAge: time.Minute}, time.Now())
	must(w.t, err)
	return v
}

func refused(t testing.TB, err error, want disclosure.Reason) *wallet.Refusal {
	t.Helper()
	var r *wallet.Refusal
	if !errors.As(err, &r) || !errors.Is(err, want) {
		t.Fatalf("%v, want %s", err, want)
	}
	return r
}
