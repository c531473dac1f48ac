package interop_test

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/khyer/khyer/credential"
	"github.com/khyer/khyer/did"
	"github.com/khyer/khyer/did/didethr/anchor"
	"github.com/khyer/khyer/did/didethr/ethrtest"
	"github.com/khyer/khyer/did/pubkey"
	"github.com/khyer/khyer/disclosure"
	"github.com/khyer/khyer/verifier"
	"github.com/khyer/khyer/verifier/trust"
)

// TestReorganisation: a block with a change is dropped and another one takes its place, on our chain, on anvil in two ways, and in
// geth_test.go on go-ethereum. Neither the library nor any of its memories may go on believing the dropped one.
func TestReorganisation(t *testing.T) {
	startPeer(t)
	t.Run("our chain", func(t *testing.T) {
		l := openEthrtest(t, ethrtest.Options{})
		l.deploy(t)
		reorganise(t, l, func(to uint64) {
			if err := l.chain.Rewind(to); err != nil {
				t.Fatal(err)
			}
		})
	})
	t.Run("anvil, reorg", func(t *testing.T) {
		l := openSteadyAnvil(t)
		l.deploy(t)
		reorganise(t, l, func(to uint64) {
			l.call(t, nil, "anvil_reorg", l.head(t)-to, []any{}) // as many empty blocks instead
		})
	})
	t.Run("anvil, revert", func(t *testing.T) {
		l := openSteadyAnvil(t)
		l.deploy(t)
		var snapshot string
		reorganiseFrom(t, l, func() { l.call(t, &snapshot, "evm_snapshot") }, func(uint64) { l.call(t, nil, "evm_revert", snapshot) })
	})
}

func reorganise(t *testing.T, l *ledger, back func(to uint64)) {
	t.Helper()
	reorganiseFrom(t, l, func() {}, back)
}

// reorganiseFrom publishes a key, has a card accepted by it, drops the block with the key, and publishes another one instead. mark is
// called at the block to which back then returns.
func reorganiseFrom(t *testing.T, l *ledger, mark func(), back func(to uint64)) {
	ctx := t.Context()
	owner := l.owner(t)
	id := l.open.Identity(owner.Address(), owner)
	name := l.open.DID(id.Address())
	first, second := newSigner(t), newSigner(t)
	block(t)(one(id.Apply(ctx, anchor.SetAttribute("did/svc/IssuerPage", []byte("https://registry.example/cards"), year))))

	fork := l.head(t)
	mark()
	dropped := block(t)(one(id.Apply(ctx, anchor.AddKey(first.Public(), anchor.VeriKey, year))))
	c := &chainCase{l: l, iss: name.String(), resolver: l.resolver}
	c.card(t, first)
	if err := c.ask(t); err != nil {
		t.Fatalf("before: %v", err)
	}
	before := l.resolve(t, name)
	if !hasKey(before, first.Public()) || before.Anchor.Block < dropped {
		t.Fatal("the key is not there")
	}

	back(fork)
	// The memory of every layer has seen the dropped block by now.
	// Whether the newest block is older than the card by then is a matter of the chain's pace.
	if err := c.ask(t); !errors.Is(err, verifier.IssuerKeyNotFinal) && !errors.Is(err, verifier.IssuerKeyUnknown) {
		t.Errorf("after the block was dropped: %v, want %s or %s", err, verifier.IssuerKeyNotFinal, verifier.IssuerKeyUnknown)
	}
	if r := l.resolve(t, name); hasKey(r, first.Public()) || r.Metadata.VersionID == before.Metadata.VersionID {
		t.Error("the dropped key is still believed")
	}
	anchored := before.Anchor
	if r, err := l.resolver.Resolve(ctx, name, did.At{Anchor: &anchored}); !errors.Is(err, did.IncompleteAnswer) && !errors.Is(err, did.Unavailable) {
		t.Errorf("at the dropped block: %v %v, want an inconclusive outcome", r, err)
	}

	block(t)(one(id.Apply(ctx, anchor.AddKey(second.Public(), anchor.VeriKey, year)))) // at the same place, perhaps in a block of the same number
	r := l.resolve(t, name)
	if hasKey(r, first.Public()) || !hasKey(r, second.Public()) {
		t.Error("the new chain is not read")
	}
	l.agree(t, name.String(), 0)
	c.card(t, second)
	if err := c.ask(t); err != nil {
		t.Errorf("by the new key: %v", err)
	}
}

func (l *ledger) resolve(t testing.TB, id did.DID) *did.Resolution {
	t.Helper()
	r, err := l.resolver.Resolve(t.Context(), id, did.At{})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// chainCase is one question to a verifier: a card of an issuer whose DID is on a chain. The resolver stays, with what it remembers.
type chainCase struct {
	l        *ledger
	iss      string
	resolver did.Resolver
	age      time.Duration // of the head; 0 means the verifier's own limit
	shown    []byte
	nonce    string
	trust    string // of the accepted card's anchor
}

// card makes the presentation. The key is named by its thumbprint, which no number of events changes.
func (c *chainCase) card(t testing.TB, signer pubkey.Signer) {
	t.Helper()
	issuer, err := credential.NewIssuer(credential.IssuerConfig{ID: c.iss, KeyID: "#" + signer.Public().Thumbprint(), Signer: signer})
	if err != nil {
		t.Fatal(err)
	}
	holder := &country{holder: newSigner(t)}
	sdjwt, err := issuer.Issue(t.Context(), credential.Card{Type: vct, Claims: json.RawMessage(attacked.claims), Holder: holder.holder.Public(),
		Expires: time.Now().Add(time.Hour), Conceal: disclosure.ConcealOptions{Paths: attacked.conceal}})
	if err != nil {
		t.Fatal(err)
	}
	c.nonce = rand.Text()
	c.shown = holder.present(t, attacked, sdjwt, signer.Public(), false, c.nonce)
}

// ask gives the verifier's outcome for the presentation, with a memory of nonces that begins anew.
func (c *chainCase) ask(t testing.TB) error {
	t.Helper()
	issuers, err := trust.NewList(trust.Issuer{DIDs: []string{c.iss}, Types: []string{vct}, Accreditation: trust.Accreditation{Name: "Example Registry"}})
	if err != nil {
		t.Fatal(err)
	}
	v, err := verifier.New(verifier.Config{Resolver: did.Mux{"ethr": c.resolver}, Issuers: issuers, AnchorAge: c.age})
	if err != nil {
		t.Fatal(err)
	}
	res, err := verify(t, v, c.shown, c.nonce, attacked.reveal...)
	if err == nil {
		if c.trust = res.Cards[0].Anchor.Trust; c.trust == "" {
			t.Error("accepted without an anchor")
		}
	}
	return err
}
