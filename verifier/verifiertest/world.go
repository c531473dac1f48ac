package verifiertest

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/khyer/khyer/credential"
	"github.com/khyer/khyer/credential/status"
	"github.com/khyer/khyer/did"
	"github.com/khyer/khyer/did/didtest"
	"github.com/khyer/khyer/did/pubkey"
	"github.com/khyer/khyer/disclosure"
	"github.com/khyer/khyer/disclosure/dcql"
	"github.com/khyer/khyer/verifier"
	"github.com/khyer/khyer/verifier/trust"
)

// World is a small country in memory, for the tests of services that verify cards: issuers with DIDs and status lists, holders, agencies, a trust list,
// a policy and a clock that stands still until it is moved. What happens in it is real but for the chain and the network. Everything that goes wrong in setting it up fails
// the test. It is safe for concurrent use.
type World struct {
	t        testing.TB
	resolver *didtest.Resolver
	name     string // in the DIDs of its issuers

	mu       sync.Mutex
	now      time.Time
	issuers  map[string]*Issuer
	purposes []trust.Purpose
}

// NewWorld makes a world at the beginning of 2026-11-24 in Thimphu. Its issuers have DIDs that no other world's have: a card of another world is a
// stranger's, issuer_not_trusted.
func NewWorld(t testing.TB) *World {
	return &World{
		t: t, resolver: &didtest.Resolver{}, name: strings.ToLower(rand.Text()[:10]), issuers: map[string]*Issuer{},
		now: time.Date(2026, 11, 24, 0, 0, 0, 0, time.FixedZone("BTT", 6*3600)),
	}
}

// Now is the world's clock.
func (w *World) Now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

// Sleep moves the clock.
func (w *World) Sleep(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

// Config is what a deployment in this world trusts: every issuer in it. A test changes what it is about and gives it to verifier.New.
func (w *World) Config() verifier.Config {
	return verifier.Config{Resolver: w.resolver, Issuers: w, Status: w, Now: w.Now}
}

// Verifier is the verifier of Config.
func (w *World) Verifier() *verifier.Verifier {
	w.t.Helper()
	v, err := verifier.New(w.Config())
	w.must(err)
	return v
}

func (w *World) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// Issuer is one issuer of a world.
type Issuer struct {
	ID string // its DID

	w        *World
	name     string
	types    []string
	statuses *status.Registry

	mu        sync.Mutex
	signer    pubkey.Signer
	keys      []did.Key // with their history
	change    func(*trust.Issuer)
	deceased  bool
	suspended time.Time
	bad       []string
}

// NewIssuer adds an issuer of these types to the world and to its trust list. change, which may be nil, is applied to its entry there: each time that the
// list is built, which is for every question that a verifier asks, on an entry made anew. So what it reads from variables of the test counts at once.
func (w *World) NewIssuer(name string, change func(*trust.Issuer), types ...string) *Issuer {
	w.t.Helper()
	w.mu.Lock()
	id := fmt.Sprintf("did:example:%s-%d", w.name, len(w.issuers)+1)
	i := &Issuer{ID: id, w: w, name: name, types: types, change: change}
	w.issuers[id] = i
	w.mu.Unlock()
	key := make([]byte, 32)
	rand.Read(key)
	var err error
	i.statuses, err = status.NewRegistry(status.RegistryConfig{
		Store: status.NewMemory(), URI: listPrefix(id) + "cards", Key: key, Now: w.Now,
	})
	w.must(err)
	i.Rotate()
	return i
}

func listPrefix(id string) string {
	return "https://" + strings.NewReplacer(":", "-").Replace(id) + ".example/status/"
}

// Rotate gives the issuer a new key; cards are signed with it from now on. Earlier keys go on verifying their cards.
func (i *Issuer) Rotate() {
	i.w.t.Helper()
	s, err := pubkey.Generate(pubkey.ES256)
	i.w.must(err)
	i.mu.Lock()
	defer i.mu.Unlock()
	i.signer = s
	i.keys = append(i.keys, did.Key{ID: fmt.Sprintf("#key-%d", len(i.keys)+1), Public: s.Public(), From: i.w.Now()})
	i.publish()
}

// Retire lets every key but the newest lapse now.
func (i *Issuer) Retire() { i.edit(1, func(k *did.Key, now time.Time) { k.Until = now }) }

// RevokeKeys revokes every key, the newest too: Rotate afterwards.
func (i *Issuer) RevokeKeys() {
	i.edit(0, func(k *did.Key, now time.Time) { k.Revoked = now })
}

// edit changes all keys but the newest so many.
func (i *Issuer) edit(but int, change func(*did.Key, time.Time)) {
	i.w.t.Helper()
	i.mu.Lock()
	defer i.mu.Unlock()
	for k := range i.keys[:len(i.keys)-but] {
		if i.keys[k].Until.IsZero() && i.keys[k].Revoked.IsZero() {
			change(&i.keys[k], i.w.Now())
		}
	}
	i.publish()
}

// Compromise declares every key that the issuer has had so far compromised, in the trust list. The DID does not change.
func (i *Issuer) Compromise() {
	i.mu.Lock()
	defer i.mu.Unlock()
	for _, k := range i.keys {
		i.bad = append(i.bad, k.Public.Thumbprint())
	}
}

// Suspend suspends the issuer's accreditation from now on.
func (i *Issuer) Suspend() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.suspended = i.w.Now()
}

// Deactivate ends the issuer's DID.
func (i *Issuer) Deactivate() {
	i.w.t.Helper()
	i.mu.Lock()
	defer i.mu.Unlock()
	i.deceased = true
	i.publish()
}

func (i *Issuer) publish() {
	i.w.resolver.Put(didtest.Subject{ID: i.ID, Keys: append([]did.Key{}, i.keys...), Deactivated: i.deceased})
}

// Holder is a citizen with a wallet.
type Holder struct {
	w      *World
	signer pubkey.Signer
	holder *credential.Holder
}

// NewHolder adds a citizen.
func (w *World) NewHolder() *Holder {
	w.t.Helper()
	s, err := pubkey.Generate(pubkey.ES256)
	w.must(err)
	return &Holder{w, s, credential.NewHolder(s)}
}

// Card is a card in a citizen's wallet.
type Card struct {
	Status status.Reference

	holder *Holder
	held   *credential.Held
	vct    string
}

// Issue gives the holder a card of that type with these claims, each of which can be hidden, for a year, with a place in the issuer's status list. claims is anything
// that encoding/json makes an object of. change, which may be nil, is applied to the card before it is signed.
func (i *Issuer) Issue(h *Holder, vct string, claims any, change func(*credential.Card)) *Card {
	t := i.w.t
	t.Helper()
	raw, err := json.Marshal(claims)
	i.w.must(err)
	var members map[string]json.RawMessage
	i.w.must(json.Unmarshal(raw, &members))
	i.mu.Lock()
	signer, kid := i.signer, i.keys[len(i.keys)-1].ID
	i.mu.Unlock()
	ref, err := i.statuses.Allocate(t.Context(), "a card of the test")
	i.w.must(err)
	issuer, err := credential.NewIssuer(credential.IssuerConfig{ID: i.ID, KeyID: kid, Signer: signer, Now: i.w.Now})
	i.w.must(err)
	card := credential.Card{Type: vct, Claims: raw, Holder: h.signer.Public(), Expires: i.w.Now().AddDate(1, 0, 0), Status: &ref}
	for name := range members {
		card.Conceal.Paths = append(card.Conceal.Paths, disclosure.Path{name})
	}
	if change != nil {
		change(&card)
	}
	sdjwt, err := issuer.Issue(t.Context(), card)
	i.w.must(err)
	held, err := h.holder.Receive(sdjwt, signer.Public(), i.w.Now())
	i.w.must(err)
	return &Card{ref, h, held, card.Type}
}

// SetStatus revokes or suspends a card of this issuer, or makes it valid again.
func (i *Issuer) SetStatus(c *Card, v status.Value) {
	i.w.t.Helper()
	i.w.must(i.statuses.Set(i.w.t.Context(), c.Status, v, "the test", "for the test"))
}

// Present shows the claims that a request asks for, bound to its audience and nonce. It shows what the card has of them, and what the card lacks is for the
// service to notice. Of a request with a Query it answers the first credential query for the card's type, or for any: with the claims of the first
// claim set of which the card has all; if it has all of none, with what it has. If none asks for the card, it shows no claim.
// The holder authorizes what Expect.TransactionData asks to be authorized with the card.
func (c *Card) Present(e verifier.Expect) []byte {
	c.holder.w.t.Helper()
	asked, query := e.Claims, ""
	if e.Query != nil {
		query, asked = c.asked(e.Query)
	}
	hashes, algorithm := []string(nil), ""
	if e.Query == nil || query != "" {
		hashes, algorithm = authorizes(e.TransactionData, query)
	}
	var reveal []disclosure.Path
	for _, p := range asked {
		if _, has := c.held.Verified.Body.Claim(p); has || p.Check() != nil { // a path that is none is the test's mistake
			reveal = append(reveal, p)
		}
	}
	p, err := c.holder.holder.Present(c.holder.w.t.Context(), c.held, credential.Showing{
		Reveal: reveal, Audience: e.Audience, Nonce: e.Nonce, At: c.holder.w.Now(),
		TransactionHashes: hashes, TransactionAlgorithm: algorithm,
	})
	c.holder.w.must(err)
	return p
}

// asked returns the id of the credential query that asks for this card, and the claims that it asks for.
func (c *Card) asked(q *dcql.Query) (id string, paths []disclosure.Path) {
	for _, want := range q.Credentials {
		if want.Format != dcql.FormatSDJWT || len(want.Types) > 0 && !slices.Contains(want.Types, c.vct) {
			continue
		}
		want.Authorities = nil // who vouches for whom is not looked at here
		alone := dcql.Query{Credentials: []dcql.Credential{want}}
		choices, err := alone.Match([]dcql.Candidate{{Format: dcql.FormatSDJWT, Type: c.vct, Claims: c.held.Verified.Body.Claims()}})
		if err == nil {
			return want.ID, choices[0].Reveal
		}
		for _, claim := range want.Claims {
			paths = append(paths, claim.Path)
		}
		return want.ID, paths
	}
	return "", nil
}

// list is the trust list as it is now.
func (w *World) list() *trust.List {
	w.mu.Lock()
	defer w.mu.Unlock()
	var entries []trust.Issuer
	for _, i := range w.issuers {
		i.mu.Lock()
		e := trust.Issuer{DIDs: []string{i.ID}, Types: i.types, Accreditation: trust.Accreditation{
			Name: i.name, StatusLists: []trust.StatusLists{{Prefix: listPrefix(i.ID)}}, LapsedUntil: w.now.AddDate(10, 0, 0),
			Compromised: append([]string{}, i.bad...), Suspended: i.suspended,
		}}
		if i.change != nil {
			i.change(&e)
		}
		i.mu.Unlock()
		entries = append(entries, e)
	}
	l, err := trust.NewList(entries...)
	if err != nil {
		w.t.Error(err)
		return &trust.List{}
	}
	return l
}

// Accreditation implements trust.Source, Issuers and Certify trust.Directory.
func (w *World) Accreditation(ctx context.Context, q trust.Query) (*trust.Accreditation, error) {
	return w.list().Accreditation(ctx, q)
}

// Issuers implements trust.Directory.
func (w *World) Issuers() []trust.Issuer { return w.list().Issuers() }

// Certify implements trust.Directory.
func (w *World) Certify(ctx context.Context, issuer string, chain []*x509.Certificate, now time.Time) (*pubkey.Key, error) {
	return w.list().Certify(ctx, issuer, chain, now)
}

// StatusList implements status.Source: each list is published when it is asked for, so that a change counts at once.
func (w *World) StatusList(ctx context.Context, uri, signer string, now time.Time) (*status.List, error) {
	w.mu.Lock()
	i := w.issuers[signer]
	w.mu.Unlock()
	if i == nil {
		return nil, fmt.Errorf("verifiertest: no issuer %s", signer)
	}
	return i.statuses.List(ctx, uri)
}
