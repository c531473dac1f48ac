package openid4vp_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/khyer/khyer/did/didjwk"
	"github.com/khyer/khyer/did/pubkey"
	"github.com/khyer/khyer/disclosure"
	"github.com/khyer/khyer/internal/jose"
	"github.com/khyer/khyer/internal/oid4vp"
	"github.com/khyer/khyer/verifier"
	"github.com/khyer/khyer/verifier/openid4vp"
	"github.com/khyer/khyer/verifier/trust"
	"github.com/khyer/khyer/verifier/verifiertest"
)

// The marker is a claim's value, for which tests look where no claim may be.
const marker = "MARKER-Pema-Example-10000000001"

const (
	base   = "https://hospital.example/verify"
	origin = "https://hospital.example"
	back   = "https://hospital.example/admission"
)

// rig is an agency with its door, and a citizen with a card and a wallet that does what it is told.
type rig struct {
	t      testing.TB
	world  *verifiertest.World
	issuer *verifiertest.Issuer
	card   *verifiertest.Card
	door   *openid4vp.Door
	config openid4vp.Config
	roots  []*x509.Certificate // of the agency's certificate
}

func template(change func(*openid4vp.Template)) openid4vp.Template {
	t := openid4vp.Template{
		Name: "admission", Type: idCard, Claims: []disclosure.Path{{"Full Name"}}, CrossDevice: true,
		Why: map[string]string{"en": "To find your file."}, Paper: map[string]string{"en": "The desk takes your paper card."},
	}
	if change != nil {
		change(&t)
	}
	return t
}

// newRig makes a door of one template, called admission. changes come before the policy is made, which allows what the template asks for.
func newRig(t testing.TB, shape func(*openid4vp.Template), change func(*rig)) *rig {
	t.Helper()
	g := &rig{t: t, world: verifiertest.NewWorld(t)}
	g.issuer = g.world.NewIssuer("Registry", nil, idCard)
	g.card = g.issuer.Issue(g.world.NewHolder(), idCard, map[string]string{"Full Name": marker, "Blood Group": "B+", "ID Number": "10000000001"}, nil)
	key, err := pubkey.Generate(pubkey.ES256)
	g.must(err)
	agency, err := didjwk.FromKey(key.Public())
	g.must(err)
	g.config = openid4vp.Config{
		Verifier: g.world.Verifier(), Templates: []openid4vp.Template{template(shape)}, BaseURL: base, ReturnURL: back,
		Signer: key, KeyID: agency.String() + "#0", Now: g.world.Now,
	}
	if change != nil {
		change(g)
	}
	if g.config.Policy == nil {
		g.config.Policy = g.policyFor(g.config)
	}
	g.door, err = openid4vp.New(g.config)
	g.must(err)
	return g
}

func (g *rig) must(err error) {
	g.t.Helper()
	if err != nil {
		g.t.Fatal(err)
	}
}

// policyFor allows the agency, by all names that it can have, the names of people and the blood group.
func (g *rig) policyFor(c openid4vp.Config) *trust.Policy {
	g.t.Helper()
	agencies := []string{"origin:" + origin, "redirect_uri:" + base + "/answer", "redirect_uri:" + back, "x509_san_dns:hospital.example"}
	if did, _, ok := strings.Cut(c.KeyID, "#"); ok {
		agencies = append(agencies, "decentralized_identifier:"+did)
	}
	if len(c.Chain) > 0 {
		agencies = append(agencies, oid4vp.ClientOfCertificate(c.Chain[0]).String())
	}
	var purposes []trust.Purpose
	for _, a := range agencies {
		purposes = append(purposes, trust.Purpose{Agency: a, Name: "admission", Claims: map[string][]disclosure.Path{idCard: {{"Full Name"}, {"Blood Group"}}}})
	}
	p, err := trust.NewPolicy(purposes...)
	g.must(err)
	return p
}

// withCertificate makes the agency one that is known by a certificate.
func withCertificate(prefix string) func(*rig) {
	return func(g *rig) {
		leaf, root := certificates(g.t, g.world.Now())
		g.roots = []*x509.Certificate{root}
		signer, err := pubkey.FromCrypto(leaf.key)
		g.must(err)
		g.config.KeyID, g.config.Prefix, g.config.Signer, g.config.Chain = "", prefix, signer, []*x509.Certificate{leaf.cert}
	}
}

type certified struct {
	cert *x509.Certificate
	key  crypto.Signer
}

func certificates(t testing.TB, now time.Time) (leaf certified, root *x509.Certificate) {
	t.Helper()
	make := func(c, parent *x509.Certificate, by crypto.Signer) certified {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		if by == nil {
			parent, by = c, key
		}
		c.NotBefore, c.NotAfter, c.SerialNumber = now.AddDate(0, 0, -1), now.AddDate(1, 0, 0), big.NewInt(1)
		der, err := x509.CreateCertificate(rand.Reader, c, parent, key.Public(), by)
		if err != nil {
			t.Fatal(err)
		}
		out, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		return certified{out, key}
	}
	ca := make(&x509.Certificate{Subject: pkix.Name{CommonName: "Example Root"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}, nil, nil)
	leaf = make(&x509.Certificate{Subject: pkix.Name{CommonName: "Example Hospital"}, DNSNames: []string{"hospital.example"}, KeyUsage: x509.KeyUsageDigitalSignature}, ca.cert, ca.key)
	return leaf, ca.cert
}

// browser is a browser with its cookies.
type browser struct {
	g       *rig
	cookies []*http.Cookie
}

func (g *rig) browser() *browser { return &browser{g: g} }

func (b *browser) request(method, target string, body string) *http.Request {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	for _, c := range b.cookies {
		r.AddCookie(c)
	}
	return r.WithContext(b.g.t.Context())
}

func (b *browser) begin(transactions ...json.RawMessage) *openid4vp.Transaction {
	b.g.t.Helper()
	w := httptest.NewRecorder()
	tx, err := b.g.door.Begin(w, b.request("POST", back, ""), "admission", transactions...)
	b.g.must(err)
	b.cookies = w.Result().Cookies()
	return tx
}

// wait does not wait: what has not come is ErrPending at once.
func (b *browser) wait(handle string) (*verifier.Result, error) { return b.waitAt(back, handle) }

func (b *browser) waitAt(page, handle string) (*verifier.Result, error) {
	r := b.request("GET", page, "")
	ctx, cancel := contextFor(r, 20*time.Millisecond)
	defer cancel()
	return b.g.door.Wait(r.WithContext(ctx), handle)
}

// trust is what the wallet believes.
func (g *rig) trust() oid4vp.Trust {
	return oid4vp.Trust{Resolver: didjwk.Resolver{}, Roots: g.roots, Now: g.world.Now(), Skew: time.Minute}
}

// fetch reads a link as a wallet does, with GET.
func (g *rig) fetch(link string) *oid4vp.Request {
	g.t.Helper()
	l, err := oid4vp.ParseLink(link)
	g.must(err)
	if l.Request != nil {
		return l.Request
	}
	object := []byte(l.Object)
	if l.Reference != "" {
		res := g.do(httptest.NewRequest("GET", l.Reference, nil))
		if res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != "application/oauth-authz-req+jwt" {
			g.t.Fatalf("the request object: %s, %v", res.Status, res.Header)
		}
		object, _ = io.ReadAll(res.Body)
	}
	ask, err := oid4vp.Verify(g.t.Context(), object, l.Client, g.trust())
	g.must(err)
	return ask
}

func (g *rig) do(r *http.Request) *http.Response {
	w := httptest.NewRecorder()
	g.door.ServeHTTP(w, r)
	return w.Result()
}

// expect is what a wallet is asked for.
func expect(ask *oid4vp.Request) verifier.Expect {
	audience := ask.ClientID.String()
	if ask.Mode.InBrowser() {
		audience = "origin:" + origin
	}
	return verifier.Expect{Audience: audience, Nonce: ask.Nonce, Query: ask.Query}
}

// token is a vp_token of one presentation.
func token(g *rig, ask *oid4vp.Request, presentation []byte) json.RawMessage {
	text, err := verifier.Answer{ask.Query.Credentials[0].ID: {presentation}}.MarshalJSON()
	g.must(err)
	return text
}

// show is the answer of an honest wallet.
func (g *rig) show(ask *oid4vp.Request) *oid4vp.Response {
	return &oid4vp.Response{Token: token(g, ask, g.card.Present(expect(ask))), State: ask.State}
}

func (g *rig) encrypt(ask *oid4vp.Request, a *oid4vp.Response) string {
	g.t.Helper()
	text, err := a.JSON()
	g.must(err)
	to := ask.Metadata.Keys[0]
	jwe, err := jose.Encrypt(to.Public, to.ID, "A256GCM", text)
	g.must(err)
	return jwe
}

// form is the answer as it is posted to response_uri.
func (g *rig) form(ask *oid4vp.Request, a *oid4vp.Response) string {
	if ask.Mode.Encrypted() {
		return url.Values{"response": {g.encrypt(ask, a)}}.Encode()
	}
	return a.Form().Encode()
}

func (g *rig) post(target, body string) *http.Response {
	r := httptest.NewRequest("POST", target, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return g.do(r)
}

// answer posts an answer as the request wants it.
func (g *rig) answer(ask *oid4vp.Request, a *oid4vp.Response) *http.Response {
	g.t.Helper()
	return g.post(ask.ResponseURI, g.form(ask, a))
}

// reasons are the reasons and details in the log of a transaction.
func (g *rig) steps(tx *openid4vp.Transaction) (out []string) {
	g.t.Helper()
	log, err := g.door.Log(g.t.Context(), tx.ID)
	g.must(err)
	for _, e := range log {
		s := string(e.Step)
		if e.Reason != "" {
			s += " " + string(e.Reason)
		}
		if e.Detail != "" {
			s += ": " + e.Detail
		}
		out = append(out, s)
	}
	return out
}

func (g *rig) last(tx *openid4vp.Transaction) string {
	g.t.Helper()
	steps := g.steps(tx)
	return steps[len(steps)-1]
}

func status(t testing.TB, res *http.Response, want int) {
	t.Helper()
	if res.StatusCode != want {
		text, _ := io.ReadAll(res.Body)
		t.Fatalf("got %s %s, want %d", res.Status, text, want)
	}
	if res.Header.Get("Cache-Control") != "no-store" || res.Header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("headers %v", res.Header)
	}
}
