package verifier_test

import (
	"errors"
	"testing"
	"time"

	"github.com/khyer/khyer/credential/status"
	"github.com/khyer/khyer/did"
	"github.com/khyer/khyer/did/didtest"
	"github.com/khyer/khyer/did/pubkey"
	"github.com/khyer/khyer/verifier"
	"github.com/khyer/khyer/verifier/trust"
)

// TestIssuerThatMovedItsLedger is the story of an issuer that moved from one chain to another one and kept its citizens: two DIDs of two methods, an address
// with issuer metadata for what is not anchored yet, and one entry of the trust list for all of it.
func TestIssuerThatMovedItsLedger(t *testing.T) {
	const before, after = "did:polygon:0x2222222222222222222222222222222222222222", "did:ethr:0x2222222222222222222222222222222222222222"
	moved := now.Add(-30 * 24 * time.Hour)
	day := 24 * time.Hour
	oldKey, newKey, sealKey := generate(t, pubkey.ES256), generate(t, pubkey.ES256), generate(t, pubkey.ES256K)
	const lists1, lists2 = "https://registry.example/polygon/", "https://registry.example/lists/"
	entry := trust.Issuer{
		DIDs: []string{before, after}, URLs: []string{"https://registry.example"}, Types: []string{idCard},
		Windows: []trust.Window{
			{Of: before, Until: now.Add(90 * day), SignedUntil: moved},
			{Of: after, From: moved.Add(-day)},
			{Of: "https://registry.example", Until: moved},
		},
		Accreditation: trust.Accreditation{
			Name: "Example Civil Registry", KeyClasses: []string{"sigAuth"}, LapsedUntil: now.Add(60 * day),
			StatusLists: []trust.StatusLists{{Prefix: lists1, Signer: after}, {Prefix: lists2}}, Hosts: []string{"keys.registry.example"},
		},
	}
	type card struct {
		issuer string
		key    pubkey.Signer
		kid    string
		signed time.Time
		list   string
		now    time.Time // zero: now
		change func(*trust.Issuer)
	}
	old := card{issuer: before, key: oldKey, kid: "#key-1", signed: moved.Add(-100 * day), list: lists1 + "1"}
	fresh := card{issuer: after, key: newKey, kid: "#key-1", signed: now.Add(-day), list: lists2 + "1"}
	change := func(c card, f func(*card)) card { f(&c); return c }
	for name, c := range map[string]struct {
		card card
		want error
	}{
		"an old card, of a key that has lapsed": {old, nil},
		"a new card":                            {fresh, nil},
		"a new card by a key of the class that NDI's documents have": {change(fresh, func(c *card) { c.key, c.kid = sealKey, "#sig" }), nil},
		"a key of a class that the entry does not name":              {change(fresh, func(c *card) { c.key, c.kid = sealKey, "#owner" }), verifier.IssuerKeyNotAccepted},
		"a card under the old name, signed after the move":           {change(old, func(c *card) { c.signed = moved.Add(day) }), trust.TypeNotAccredited},
		"a card under the new name, before it was one":               {change(fresh, func(c *card) { c.now = moved.Add(-2 * day); c.signed = moved.Add(-3 * day) }), trust.TypeNotAccredited},
		"an old card when lapsed keys count no more":                 {change(old, func(c *card) { c.now = now.Add(61 * day) }), verifier.IssuerKeyExpired},
		"an old card when the old name is over":                      {change(old, func(c *card) { c.now = now.Add(91 * day) }), trust.TypeNotAccredited},
		"a card under the address, which has been given up":          {change(fresh, func(c *card) { c.issuer = "https://registry.example" }), trust.TypeNotAccredited},
		"a card whose list is where nobody said":                     {change(old, func(c *card) { c.list = "https://elsewhere.example/1" }), verifier.StatusListNotAllowed},
		"an old card of an issuer that is suspended": {change(old, func(c *card) {
			c.change = func(i *trust.Issuer) { i.Suspended, i.SuspendedKeepsOlder = now.Add(-day), true }
		}), nil},
		"an old card of one that is suspended altogether": {change(old, func(c *card) {
			c.change = func(i *trust.Issuer) { i.Suspended = now.Add(-day) }
		}), trust.IssuerSuspended},
		"the old key, stolen after all, under either name": {change(old, func(c *card) {
			c.change = func(i *trust.Issuer) { i.Compromised = []string{oldKey.Public().Thumbprint()} }
		}), verifier.IssuerKeyCompromised},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			at := now
			if !c.card.now.IsZero() {
				at = c.card.now
			}
			w.config.Now = func() time.Time { return at }
			for id, keys := range map[string][]did.Key{
				before: {{ID: "#key-1", Public: oldKey.Public(), Until: moved}},
				after:  {{ID: "#key-1", Public: newKey.Public()}, {ID: "#sig", Public: sealKey.Public(), Class: "sigAuth"}, {ID: "#owner", Public: sealKey.Public(), Class: "controller"}},
			} {
				w.resolver.Put(didtest.Subject{ID: id, Keys: keys})
			}
			l, err := status.NewList(8, []byte{0}, at.Add(-time.Minute))
			if err != nil {
				t.Fatal(err)
			}
			asked := &lists{list: l}
			w.config.Status = asked
			w.issuer = entry
			if c.card.change != nil {
				c.card.change(&w.issuer)
			}
			w.signer, w.kid = c.card.key, c.card.issuer+c.card.kid
			w.kb = map[string]any{"iat": at.Unix()}
			w.claims = map[string]any{
				"iss": c.card.issuer, "iat": c.card.signed.Unix(), "exp": now.AddDate(2, 0, 0).Unix(),
				"status": map[string]any{"status_list": map[string]any{"idx": 0, "uri": c.card.list}},
			}
			res, err := w.verify()
			if !errors.Is(err, c.want) {
				t.Fatalf("%v, want %v", err, c.want)
			}
			if c.want != nil {
				return
			}
			if got := res.Cards[0]; got.Issuer != c.card.issuer || got.IssuerName != "Example Civil Registry" {
				t.Errorf("%s, %s", got.Issuer, got.IssuerName)
			}
			if asked.iss != after { // who signs the lists now, of the old cards too
				t.Errorf("the list at %s was wanted of %s", asked.uri, asked.iss)
			}
		})
	}
}
