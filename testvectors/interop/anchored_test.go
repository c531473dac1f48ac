package interop_test

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/multiformats/go-multibase"

	"github.com/khyer/khyer/credential"
	"github.com/khyer/khyer/did"
	"github.com/khyer/khyer/did/didethr/anchor"
	"github.com/khyer/khyer/did/didethr/ethrtest"
	"github.com/khyer/khyer/did/pubkey"
	"github.com/khyer/khyer/disclosure"
	"github.com/khyer/khyer/verifier"
	"github.com/khyer/khyer/verifier/trust"
)

// TestAnchoredIssuers is the whole path across all peers: an issuer, ours or the peer's, whose key our anchor package publishes on either
// chain; a card of it at the other side's holder; our verifier, which finds the key by our resolver; the peer's, which finds it by
// its own. Then the key is revoked and the DID deactivated.
func TestAnchoredIssuers(t *testing.T) {
	c := newCountry(t)
	for chain, open := range map[string]func(testing.TB) *ledger{
		"our chain": func(t testing.TB) *ledger { return openEthrtest(t, ethrtest.Options{}) },
		"anvil":     openAnvil,
	} {
		l := open(t)
		l.deploy(t)
		t.Run(chain+"/issuer ours, holder peer", func(t *testing.T) { c.anchored(t, l, false) })
		t.Run(chain+"/issuer peer, holder ours", func(t *testing.T) { c.anchored(t, l, true) })
	}
}

func (c *country) anchored(t *testing.T, l *ledger, byPeer bool) {
	of, ctx := attacked, t.Context()
	owner, signing := l.owner(t), c.issuerKey(t, byPeer)
	name, address, err := l.open.KeyDID(owner.PublicKey())
	if err != nil {
		t.Fatal(err)
	}
	iss := name.String()
	id := l.open.Identity(address, owner)
	block(t)(one(id.Apply(ctx, anchor.AddKey(signing, anchor.VeriKey, year))))

	sdjwt := c.issueAnchored(t, of, iss, byPeer)
	nonce := rand.Text()
	shown := c.present(t, of, sdjwt, signing, !byPeer, nonce)

	ask := l.agency(t, iss, shown, nonce)
	if err := ask(); err != nil {
		t.Fatalf("our verifier refuses: %v", err)
	}
	found := l.theirs(t, iss, 0).Methods["delegate-1"]
	if _, err := c.peer.read(t, shown, multikeyOf(t, found), nonce); err != nil {
		t.Errorf("the peer refuses, with the key that it found: %v", err)
	}

	block(t)(one(id.Apply(ctx, anchor.RevokeKey(signing, anchor.VeriKey))))
	if err := ask(); !errors.Is(err, verifier.IssuerKeyRevoked) {
		t.Errorf("after the revocation: %v, want %s", err, verifier.IssuerKeyRevoked)
	}
	if m, listed := l.theirs(t, iss, 0).Methods["delegate-1"]; listed {
		t.Errorf("the peer still finds the key: %+v", m)
	}
	block(t)(one(id.Apply(ctx, anchor.Deactivate())))
	if err := ask(); !errors.Is(err, verifier.IssuerDeactivated) {
		t.Errorf("after the deactivation: %v, want %s", err, verifier.IssuerDeactivated)
	}
}

// issueAnchored makes a card for the holder of the other side, by an issuer whose DID is on a chain.
func (c *country) issueAnchored(t testing.TB, of card, iss string, byPeer bool) []byte {
	t.Helper()
	if byPeer {
		return c.peer.issue(t, of, iss, c.holder.Public().JWK(), map[string]any{"kid": iss + "#delegate-1"})
	}
	issuer, err := credential.NewIssuer(credential.IssuerConfig{ID: iss, KeyID: "#delegate-1", Signer: c.ours})
	if err != nil {
		t.Fatal(err)
	}
	sdjwt, err := issuer.Issue(t.Context(), credential.Card{Type: vct, Claims: json.RawMessage(of.claims), Holder: c.holderKey(t, true),
		Expires: time.Now().Add(time.Hour), Conceal: disclosure.ConcealOptions{Paths: of.conceal}})
	if err != nil {
		t.Fatal(err)
	}
	return sdjwt
}

// agency returns a question to our verifier about one presentation, which it answers from the chain each time, with a new memory.
func (l *ledger) agency(t testing.TB, iss string, shown []byte, nonce string) func() error {
	t.Helper()
	issuers, err := trust.NewList(trust.Issuer{DIDs: []string{iss}, Types: []string{vct}, Accreditation: trust.Accreditation{Name: "Example Registry"}})
	if err != nil {
		t.Fatal(err)
	}
	return func() error {
		v, err := verifier.New(verifier.Config{Resolver: did.Mux{"ethr": l.resolver}, Issuers: issuers})
		if err != nil {
			t.Fatal(err)
		}
		res, err := verify(t, v, shown, nonce, attacked.reveal...)
		if err == nil && (res.Cards[0].KeyID != iss+"#delegate-1" || res.Cards[0].Anchor.Chain == "") {
			t.Errorf("verified by %s, read from %+v", res.Cards[0].KeyID, res.Cards[0].Anchor)
		}
		return err
	}
}

// multikeyOf makes a key of what the peer found, which is a multicodec and a point in hex.
func multikeyOf(t testing.TB, m method) pubkey.Key {
	t.Helper()
	b, err := hex.DecodeString(m.Key)
	if err != nil || m.Kind != "Multikey" {
		t.Fatalf("no Multikey: %+v", m)
	}
	text, err := multibase.Encode(multibase.Base58BTC, b)
	if err != nil {
		t.Fatal(err)
	}
	k, err := pubkey.ParseMultikey(text)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// TestChainThatDied: a node that is no longer there makes the outcome inconclusive, not a refusal, and nothing is answered from memory.
func TestChainThatDied(t *testing.T) {
	c := newCountry(t)
	l := openAnvil(t)
	l.deploy(t)
	owner := l.owner(t)
	id := l.open.Identity(owner.Address(), owner)
	iss := l.open.DID(id.Address()).String()
	block(t)(one(id.Apply(t.Context(), anchor.AddKey(c.issuerKey(t, true), anchor.VeriKey, year))))
	sdjwt := c.peer.issue(t, attacked, iss, c.peer.Holder, map[string]any{"kid": iss + "#delegate-1"})
	nonce := rand.Text()
	shown := c.present(t, attacked, sdjwt, pubkey.Key{}, true, nonce)
	ask := l.agency(t, iss, shown, nonce)
	if err := ask(); err != nil {
		t.Fatal(err)
	}
	l.kill()
	var inconclusive *verifier.Inconclusive
	if err := ask(); !errors.As(err, &inconclusive) || inconclusive.Reason != verifier.ChainUnavailable {
		t.Errorf("ours says %v, want inconclusive, %s", err, verifier.ChainUnavailable)
	}
}
