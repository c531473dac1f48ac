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
	requests *atomic.Int64 // of all that the nodes were asked
	phone    *credential.Holder
	holder   pubkey.Key
	nonce    int
}

var drills atomic.Int64

// newDrill starts the chain outside of the bubble, since its server waits for the network.
func newDrill(t *testing.T, play func(*drill)) {
	// Bubbles begin at midnight of 2000-01-01 UTC. No two chains begin at the same time: they would be one chain to package anchor, which
	// keeps nonces for the whole process, and what belongs to one bubble must not be used in another.
	start := time.Date(1999, 12, 31, 12, 0, 0, 0, time.UTC).Add(-time.Duration(drills.Add(1)) * time.Second)
	chain, err := ethrtest.New(ethrtest.Options{Start: start})
	if err != nil {
		t.Fatal(err)
	}
	defer chain.Close()
	var requests atomic.Int64
	chain.Interfere(func(_, answer []byte) []byte { requests.Add(1); return answer })
	synctest.Test(t, func(t *testing.T) {
		// A connection that is kept open waits for the network, and the bubble's time with it.
		transport := http.DefaultTransport.(*http.Transport).Clone()
		transport.DisableKeepAlives = true
		d := &drill{T: t, chain: chain, client: &http.Client{Transport: transport}, requests: &requests}
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
	i.last, err = i.identity.AddKey(i.Context(), key.Public(), valid)
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
	trusted  atomic.Pointer[trust.List]
	verifier *verifier.Verifier
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

func entries(issuers []*issuer) (list []trust.Issuer) {
	for _, i := range issuers {
		list = append(list, entry(i))
	}
	return list
}

func (d *drill) agency(finality string, entries ...trust.Issuer) *agency {
	d.Helper()
	a := &agency{drill: d}
	a.trust(entries...)
	resolver, err := didethr.New(didethr.Config{Networks: []didethr.Network{d.registry.Network()}, Finality: finality, Client: d.client})
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
		a.Errorf("%s: %s, want %s", what, got, want)
	}
}

// TestStolenKeyDrill is the runbook of README.md, played on a chain with blocks every 12 seconds: from "key stolen" to "old card refused".
func TestStolenKeyDrill(t *testing.T) {
	for _, at := range []int{0, 9, 18, 27} { // how far the epoch has got when the alarm comes
		t.Run(fmt.Sprint(at, " blocks into the epoch"), func(t *testing.T) { stolenKey(t, at) })
	}
}

func stolenKey(t *testing.T, intoEpoch int) {
	newDrill(t, func(d *drill) {
		const accepted, revoked, compromised = "accepted", "rejected issuer_key_revoked", "rejected issuer_key_compromised"

		// An ordinary year. Two offices; agencies trust both. One agency reads the newest block, which few should.
		office, other := d.office(), d.office()
		oldKey, otherKey := office.anchorKey(), other.anchorKey()
		d.days(200)
		genuine, others := office.sign(oldKey, time.Now()), other.sign(otherKey, time.Now())
		told := d.agency("finalized", entry(office), entry(other))
		watching := d.agency("finalized", entry(office), entry(other))
		hasty := d.agency("latest", entry(office), entry(other))

		// The key is stolen. The thief signs for himself and dates the card back to the key's first days. Nothing tells it from a good one.
		d.days(30)
		forged := office.sign(oldKey, time.Now().Add(-200*day))
		for _, a := range []*agency{told, watching, hasty} {
			a.want("the forged card before anybody knows", forged, accepted)
			a.want("a genuine card", genuine, accepted)
		}

		for d.chain.Head().Number%ethrtest.EpochLength != uint64(intoEpoch) {
			d.tick(1)
		}

		// Step 1: revoke. Nothing else comes before it: every block counts, and a new key can wait.
		alarm, asked := time.Now(), d.requests.Load()
		revocation, err := office.identity.RevokeKey(d.Context(), oldKey.Public())
		d.check(err)
		if block := d.chain.Head().Number; revocation.Block != block {
			t.Errorf("the revocation is in block %d, the newest is %d", revocation.Block, block)
		}
		t.Logf("revocation: block %d, the next one; %d requests, %d gas", revocation.Block, d.requests.Load()-asked, revocation.GasUsed)

		// Step 2: tell the agencies to declare the key compromised. That needs no block and no finality.
		told.trust(entry(office, oldKey.Public().Thumbprint()), entry(other))
		told.want("the forged card where the key is declared compromised", forged, compromised)
		told.want("a genuine card there", genuine, compromised)

		// Step 3: a new key. What it signs is not accepted before its block is final: the office waits with that.
		newKey := office.anchorKey()
		d.tick(1) // by now the caches have forgotten
		fresh := office.sign(newKey, time.Now())
		hasty.want("a card of the new key at the newest block", fresh, accepted)
		if got := watching.ask(fresh); got == accepted {
			t.Errorf("a card of the new key is accepted before its block is final")
		} else {
			t.Logf("a card of the new key, before its block is final: %s", got)
		}
		hasty.want("the forged card at the newest block", forged, revoked)
		watching.want("the forged card, while the revocation is not final", forged, accepted)
		if r, err := d.registry.Final(briefly(d), revocation); err == nil {
			t.Errorf("final already, in block %d", r.Block)
		}

		// Step 4: wait until it is final. The agency that only watches the chain is asked at every block, as if the thief tried all the time.
		asked = d.requests.Load()
		blocks, tries := 0, 0
		for ; ; blocks++ {
			if blocks > 100 {
				t.Fatal("the forged card is accepted for ever")
			}
			tries++
			got := watching.ask(forged)
			if got == revoked {
				break
			}
			if got != accepted {
				t.Fatalf("%d blocks after the revocation: %s", blocks, got)
			}
			d.tick(1)
		}
		took := time.Since(alarm)
		t.Logf("refused %v after the alarm, %d blocks after the revocation, %d tries; %d requests", took, d.chain.Head().Number-revocation.Block, tries, d.requests.Load()-asked)
		// This chain finalizes a block after 63 others at the latest (see ethrtest), mainnet after 95 slots.
		const longest = (2*ethrtest.EpochLength-1)*slot + slot + keep
		if took > longest {
			t.Errorf("it took %v, promised is %v", took, longest)
		}
		for d.chain.Finalized().Number < office.last.Block { // the new key came later, and may be in another epoch
			d.tick(1)
		}

		// Step 5: sign the lost cards anew, dated today. Everybody else never noticed.
		d.tick(2)
		anew := office.sign(newKey, time.Now())
		for name, a := range map[string]*agency{"told": told, "watching": watching, "hasty": hasty} {
			a.want(name+": the card that was signed anew", anew, accepted)
			a.want(name+": the card that was signed too early", fresh, accepted)
			a.want(name+": another office's card", others, accepted)
		}
		watching.want("the forged card", forged, revoked)
		watching.want("the genuine card of the stolen key", genuine, revoked)
		watching.want("what the thief signs now", office.sign(oldKey, time.Now()), revoked)
		told.want("the forged card where the key is declared compromised, too", forged, revoked)

		// Years later nothing has changed, and the list without the declaration leads to the same.
		d.days(400)
		told.trust(entry(office), entry(other))
		told.want("the forged card, years later", forged, revoked)
		told.want("the card that was signed anew, years later", anew, accepted)
	})
}

// TestForgetfulAgency: an agency whose cache keeps documents for days, or which is cut off from the chain, does not go on accepting a stolen
// key's cards. What it knows is too old after half an hour; it neither accepts nor refuses then.
func TestForgetfulAgency(t *testing.T) {
	newDrill(t, func(d *drill) {
		office := d.office()
		key := office.anchorKey()
		d.days(10)
		forged := office.sign(key, time.Now().Add(-5*day))
		a := d.agency("finalized", entry(office))
		resolver, err := didethr.New(didethr.Config{Networks: []didethr.Network{d.registry.Network()}, Client: d.client})
		d.check(err)
		a.verifier, err = verifier.New(verifier.Config{Resolver: did.Cache(resolver, 10*day), Issuers: a})
		d.check(err)
		a.want("before the revocation", forged, "accepted")
		known := d.chain.Finalized().Time
		_, err = office.identity.RevokeKey(d.Context(), key.Public())
		d.check(err)
		for time.Since(known) <= anchorAge {
			a.want("while the block that it knows is young enough", forged, "accepted")
			d.tick(1)
		}
		for range 3 {
			a.want("afterwards", forged, stale)
			d.days(1)
		}
	})
}

func briefly(d *drill) context.Context {
	ctx, cancel := context.WithTimeout(d.Context(), time.Second)
	d.Cleanup(cancel)
	return ctx
}
