package interop_test

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/khyer/khyer/credential"
	"github.com/khyer/khyer/disclosure"
)

// TestEveryPairing lets each side issue, hold and verify each card with each side as its partner. Both verifiers must read the same
// claims, which are those that the table says.
func TestEveryPairing(t *testing.T) {
	c := newCountry(t)
	agency := c.agency(t)
	who := map[bool]string{true: "peer", false: "ours"}
	for _, of := range cards {
		for _, byPeer := range []bool{false, true} {
			for _, atPeer := range []bool{false, true} {
				t.Run(of.name+"/issuer "+who[byPeer]+"/holder "+who[atPeer], func(t *testing.T) {
					issuer := c.issuerKey(t, byPeer)
					sdjwt := c.issue(t, of, byPeer, atPeer)
					nonce := rand.Text()
					shown := c.present(t, of, sdjwt, issuer, atPeer, nonce)
					sameBytes(t, sdjwt, shown)

					ours, err := c.read(t, shown, issuer, nonce)
					if err != nil {
						t.Fatalf("ours refuses: %v", err)
					}
					theirs, err := c.peer.read(t, shown, issuer, nonce)
					if err != nil {
						t.Fatalf("the peer refuses: %v", err)
					}
					if theirs.KB == nil || theirs.KB.Payload.Nonce != nonce || theirs.KB.Payload.Aud != audience {
						t.Error("the peer reads another key binding")
					}
					all, own := claims(t, ours.Body.Claims())
					peerAll, peerOwn := claims(t, theirs.Payload)
					same(t, "the peer's reading differs from ours", peerAll, all)
					_, want := claims(t, []byte(of.want))
					same(t, "ours reads", own, want)
					same(t, "the peer reads", peerOwn, want)
					if !ours.Bound || !ours.Holder.Equal(c.holderKey(t, atPeer)) {
						t.Error("ours does not see the holder's key")
					}

					ask := of.ask
					if ask == nil {
						ask = of.reveal
					}
					if len(ask) == 0 {
						return // an agency asks for something
					}
					res, err := verify(t, agency, shown, nonce, ask...)
					if err != nil {
						t.Fatalf("our verifier refuses: %v", err)
					}
					if len(res.Cards) != 1 || res.Cards[0].Issuer != jwkDID(t, issuer) || res.Cards[0].IssuerName != "Example Registry" {
						t.Error("our verifier names another issuer")
					}
				})
			}
		}
	}
}

// sameBytes makes sure that a presentation consists of the issuer's bytes: the signed part, and disclosures that the card has.
func sameBytes(t *testing.T, card, shown []byte) {
	t.Helper()
	has, shows := bytes.Split(card, []byte("~")), bytes.Split(shown, []byte("~"))
	if !bytes.Equal(has[0], shows[0]) {
		t.Error("the issuer-signed part changed")
	}
	if len(shows[len(shows)-1]) == 0 {
		t.Error("there is no key binding")
	}
	for _, d := range shows[1 : len(shows)-1] {
		if !slices.ContainsFunc(has[1:len(has)-1], func(h []byte) bool { return bytes.Equal(h, d) }) {
			t.Error("a disclosure is not byte for byte one of the card's")
		}
	}
}

// TestWholeCards: what an issuer hands out is read whole by the other side, without any key binding.
func TestWholeCards(t *testing.T) {
	c := newCountry(t)
	for _, of := range cards {
		t.Run(of.name, func(t *testing.T) {
			_, want := claims(t, []byte(of.claims))
			theirs, err := c.peer.read(t, c.issue(t, of, false, true), c.ours.Public(), "")
			if err != nil {
				t.Fatalf("the peer refuses our card: %v", err)
			}
			_, own := claims(t, theirs.Payload)
			same(t, "the peer reads of our card", own, want)

			issuer := key(t, c.peer.Issuer)
			held, err := credential.NewHolder(c.holder).Receive(c.issue(t, of, true, false), issuer, time.Now())
			if err != nil {
				t.Fatalf("ours refuses the peer's card: %v", err)
			}
			_, own = claims(t, held.Verified.Body.Claims())
			same(t, "ours reads of the peer's card", own, want)
		})
	}
}

// TestFreshSaltsAndSignatures: no two cards of either side are alike, so that the tests above are about more than one recording.
func TestFreshSaltsAndSignatures(t *testing.T) {
	c := newCountry(t)
	of := cards[1]
	for _, byPeer := range []bool{false, true} {
		seen := map[string]bool{}
		for range 2 {
			for part := range bytes.SplitSeq(bytes.TrimSuffix(c.issue(t, of, byPeer, false), []byte("~")), []byte("~")) {
				if seen[string(part)] {
					t.Errorf("a part comes twice (by the peer: %v)", byPeer)
				}
				seen[string(part)] = true
			}
		}
	}
}

// TestDifferenceBigIntegers: JavaScript reads a number as a double. Ours hands on what the issuer wrote, byte for byte.
func TestDifferenceBigIntegers(t *testing.T) {
	c := newCountry(t)
	of := card{claims: `{"n":9007199254740993,"decimal":1.10}`, conceal: []disclosure.Path{p("n"), p("decimal")}, reveal: []disclosure.Path{p("n"), p("decimal")}}
	nonce := rand.Text()
	shown := c.present(t, of, c.issue(t, of, false, false), c.ours.Public(), false, nonce)
	ours, err := c.read(t, shown, c.ours.Public(), nonce)
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := c.peer.read(t, shown, c.ours.Public(), nonce)
	if err != nil {
		t.Fatal(err)
	}
	var peers struct{ N, Decimal json.RawMessage }
	if err := json.Unmarshal(theirs.Payload, &peers); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string][2]string{"n": {"9007199254740993", string(peers.N)}, "decimal": {"1.10", string(peers.Decimal)}} {
		got, _ := ours.Body.Claim(p(name))
		if string(got) != want[0] {
			t.Errorf("ours reads %s, the issuer wrote %s", got, want[0])
		}
	}
	if string(peers.N) != "9007199254740992" || string(peers.Decimal) != "1.1" {
		t.Errorf("the peer no longer rounds: %s, %s", peers.N, peers.Decimal)
	}
}
