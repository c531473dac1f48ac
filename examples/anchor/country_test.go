package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/khyer/khyer/credential"
	"github.com/khyer/khyer/did"
	"github.com/khyer/khyer/did/didethr"
	"github.com/khyer/khyer/did/didethr/anchor"
	"github.com/khyer/khyer/did/didethr/ethrtest"
	"github.com/khyer/khyer/did/pubkey"
	"github.com/khyer/khyer/disclosure"
	"github.com/khyer/khyer/verifier"
	"github.com/khyer/khyer/verifier/trust"
)

const (
	slot = 12 * time.Second // of mainnet, and of the chain in the drill
	keep = 15 * time.Second // how long the agencies' cache answers without asking
)

// drill is a country in which time is the test's: agencies, phones and the chain go by one clock, which runs only when all of them wait
// (package synctest). Two offices sign cards; agencies verify them as in production, at the finalized block and with a cache.
type drill struct {
	*testing.T
	chain    *ethrtest.Chain
	registry *anchor.Registry
	payer    anchor.Signer
	client   *http.Client
	phone    *credential.Holder
	holder   pubkey.Key
	nonce    int
}

// newDrill starts the chain outside of the bubble, since its server waits for the network.
func newDrill(t *testing.T, play func(*drill)) {
	// Bubbles begin at midnight of 2000-01-01 UTC.
	start := time.Date(1999, 12, 31, 12, 0, 0, 0, time.UTC)
	chain, err := ethrtest.New(ethrtest.Options{Start: start})
	if err != nil {
		t.Fatal(err)
	}
	defer chain.Close()
	synctest.Test(t, func(t *testing.T) {
		// A connection that is kept open waits for the network, and the bubble's time with it.
		transport := http.DefaultTransport.(*http.Transport).Clone()
		transport.DisableKeepAlives = true
		d := &drill{T: t, chain: chain, client: &http.Client{Transport: transport}}
		account := chain.Accounts()[0]
		d.payer, err = anchor.NewSigner(account.Key[:])
		d.check(err)
		d.tick(1)
		d.registry, _, err = anchor.Deploy(t.Context(), anchor.Config{
			Network: didethr.Network{ChainID: chain.ChainID(), RPC: []string{chain.URL()}}, Client: d.client,
		}, d.payer)
		d.check(err)
		key, err := pubkey.Generate(pubkey.ES256)
		d.check(err)
		d.phone, d.holder = credential.NewHolder(key), key.Public()
		play(d)
	})
}

func (d *drill) check(err error) {
	d.Helper()
	if err != nil {
		d.Fatal(err)
	}
}

// tick lets slots pass, each with a block.
func (d *drill) tick(slots int) {
	d.Helper()
	for range slots {
		time.Sleep(slot)
		d.chain.SetTime(time.Now())
		d.check(d.chain.Mine(1))
	}
}

// days lets days pass: nobody looks at the chain meanwhile.
func (d *drill) days(n int) {
	time.Sleep(time.Duration(n) * day)
	d.tick(64)
}

// issuer is an office of the drill.
type issuer struct {
	*drill
	DID      string
	identity *anchor.Identity
	last     anchor.Receipt
	strict   bool // agencies take nothing from its keys once their time is over
}

func (d *drill) office() *issuer {
	d.Helper()
	owner, err := anchor.Generate()
	d.check(err)
	_, err = d.registry.Fund(d.Context(), d.payer, owner.Address(), ether)
	d.check(err)
	return &issuer{drill: d, DID: d.registry.DID(owner.Address()).String(), identity: d.registry.Identity(owner.Address(), owner)}
}

func (i *issuer) anchorKey() pubkey.Signer {
	i.Helper()
	return i.anchorKeyFor(2 * year)
}

func (i *issuer) anchorKeyFor(valid time.Duration) pubkey.Signer {
	i.Helper()
	key, err := pubkey.Generate(pubkey.ES256)
	i.check(err)
	time.Sleep(slot)
	i.chain.SetTime(time.Now())
	i.last, err = one(i.identity.Apply(i.Context(), anchor.AddKey(key.Public(), anchor.VeriKey, valid)))
	i.check(err)
	return key
}

// sign makes a card with any key that one holds, and any date that one likes.
func (i *issuer) sign(key pubkey.Signer, at time.Time) []byte {
	i.Helper()
	return i.signUntil(key, at, at.Add(10*year))
}

func (i *issuer) signUntil(key pubkey.Signer, at, expires time.Time) []byte {
	i.Helper()
	by, err := credential.NewIssuer(credential.IssuerConfig{
		ID: i.DID, KeyID: "#" + key.Public().Thumbprint(), Signer: key, Now: func() time.Time { return at },
	})
	i.check(err)
	sdjwt, err := by.Issue(i.Context(), credential.Card{
		Type: cardType, Claims: json.RawMessage(`{"Permit": "fishing"}`), Holder: i.holder, Expires: expires,
		Conceal: disclosure.ConcealOptions{Paths: []disclosure.Path{{"Permit"}}},
	})
	i.check(err)
	return sdjwt
}

// agency verifies. Its trust list can be replaced while it runs, as a signed list that is fetched now and then is.
type agency struct {
	*drill
	name     string
	trusted  atomic.Pointer[trust.List]
	verifier *verifier.Verifier
	requests atomic.Int64 // to its node
}

// client counts an agency's requests.
func (a *agency) client() *http.Client {
	return &http.Client{Transport: counting{a.drill.client.Transport, &a.requests}}
}

type counting struct {
	http.RoundTripper
	n *atomic.Int64
}

func (c counting) RoundTrip(r *http.Request) (*http.Response, error) {
	c.n.Add(1)
	return c.RoundTripper.RoundTrip(r)
}

func (a *agency) Accreditation(ctx context.Context, q trust.Query) (*trust.Accreditation, error) {
	return a.trusted.Load().Accreditation(ctx, q)
}

func (a *agency) trust(entries ...trust.Issuer) {
	a.Helper()
	list, err := trust.NewList(entries...)
	a.check(err)
	a.trusted.Store(list)
}

func entry(i *issuer, compromised ...string) trust.Issuer {
	e := trust.Issuer{DIDs: []string{i.DID}, Types: []string{cardType}, Accreditation: trust.Accreditation{Name: "Example Office", Compromised: compromised}}
	if !i.strict {
		e.LapsedUntil = time.Now().Add(20 * year)
	}
	return e
}

// watch has an agency's resolver follow the chain by itself, with a look at each block, and answer from what it has seen. It ends with stop.
func (a *agency) watch() (stop func()) {
	a.Helper()
	resolver, err := didethr.New(didethr.Config{Networks: []didethr.Network{a.registry.Network()}, Client: a.client()})
	a.check(err)
	a.verifier, err = verifier.New(verifier.Config{Resolver: resolver, Issuers: a})
	a.check(err)
	ctx, cancel := context.WithCancel(a.Context())
	ended := make(chan error, 1)
	go func() { ended <- resolver.Watch(ctx, slot) }()
	return func() {
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			a.Errorf("the watch ended: %v", err)
		}
	}
}

func entries(issuers ...*issuer) (list []trust.Issuer) {
	for _, i := range issuers {
		list = append(list, entry(i))
	}
	return list
}

func (d *drill) agency(finality string, entries ...trust.Issuer) *agency {
	d.Helper()
	a := &agency{drill: d, name: finality}
	a.trust(entries...)
	resolver, err := didethr.New(didethr.Config{Networks: []didethr.Network{d.registry.Network()}, Finality: finality, Client: a.client()})
	d.check(err)
	a.verifier, err = verifier.New(verifier.Config{Resolver: did.Cache(resolver, keep), Issuers: a})
	d.check(err)
	return a
}

// ask shows a card to an agency and returns its outcome in a word: accepted, or the reason.
func (a *agency) ask(card []byte) string {
	a.Helper()
	return a.askAt(card, time.Now())
}

// askAt has the phone show the card at a time by its own clock.
func (a *agency) askAt(card []byte, at time.Time) string {
	a.Helper()
	a.drill.nonce++
	e := verifier.Expect{Audience: "https://agency.example", Nonce: fmt.Sprint("once ", a.drill.nonce), Type: cardType, Claims: []disclosure.Path{{"Permit"}}}
	p, err := a.phone.PresentSDJWT(a.Context(), card, credential.Showing{Reveal: e.Claims, Audience: e.Audience, Nonce: e.Nonce, At: at})
	a.check(err)
	return outcome(a.verifier.Verify(a.Context(), p, e))
}

func outcome(_ *verifier.Result, err error) string {
	var rejected *verifier.Rejection
	var inconclusive *verifier.Inconclusive
	switch {
	case err == nil:
		return "accepted"
	case errors.As(err, &rejected):
		return "rejected " + string(rejected.Reason)
	case errors.As(err, &inconclusive):
		return "inconclusive " + string(inconclusive.Reason)
	}
	return err.Error()
}

// want asks and compares.
func (a *agency) want(what string, card []byte, want string) {
	a.Helper()
	if got := a.ask(card); got != want {
		a.Errorf("%s: %s: %s, want %s", a.name, what, got, want)
	}
}

// one is for the tests that apply one operation at a time.
func one(got []anchor.Receipt, err error) (anchor.Receipt, error) { return got[0], err }
