package verifier_test

import (
	"testing"
	"time"

	"github.com/khyer/khyer/did"
	"github.com/khyer/khyer/did/pubkey"
	"github.com/khyer/khyer/verifier"
)

// A thief who has an issuer's signing key writes any date that he likes: no date may save a card from a key that was
// revoked or declared compromised.
func TestBackdatedCardFromStolenKey(t *testing.T) {
	end := now.AddDate(0, -1, 0) // when the key's validity ended
	begin := now.AddDate(-1, 0, 0)
	dates := map[string]any{
		"yesterday": now.AddDate(0, 0, -1).Unix(), "inside": end.AddDate(0, -1, 0).Unix(), "the last second": end.Add(-time.Second).Unix(),
		"the end": end.Unix(), "before the key": begin.Add(-time.Second).Unix(), "none": nil,
	}
	thumbprint := func(w *world) { w.issuer.Compromised = []string{w.registry.Public().Thumbprint()} }
	for name, c := range map[string]struct {
		change func(w *world)
		want   map[string]verifier.Reason // by date; the empty name stands for all others, the empty reason means accepted
	}{
		"lapsed": {func(*world) {}, map[string]verifier.Reason{"": verifier.IssuerKeyExpired, "before the key": verifier.IssuerKeyNotYetValid}},
		"lapsed, and allowed": {func(w *world) { w.issuer.LapsedUntil = now.Add(time.Second) }, map[string]verifier.Reason{
			"": verifier.IssuerKeyExpired, "inside": "", "the last second": "", "before the key": verifier.IssuerKeyNotYetValid,
		}},
		"lapsed, and allowed until now": {func(w *world) { w.issuer.LapsedUntil = now }, map[string]verifier.Reason{
			"": verifier.IssuerKeyExpired, "before the key": verifier.IssuerKeyNotYetValid,
		}},
		"revoked": {func(w *world) {
			w.issuer.LapsedUntil = now.AddDate(1, 0, 0)
			w.subject.Keys[0].Until, w.subject.Keys[0].Revoked = time.Time{}, end
		}, map[string]verifier.Reason{"": verifier.IssuerKeyRevoked}},
		"lapsed and then revoked": {func(w *world) {
			w.issuer.LapsedUntil = now.AddDate(1, 0, 0)
			w.subject.Keys[0].Revoked = now.Add(-time.Minute)
		}, map[string]verifier.Reason{"": verifier.IssuerKeyRevoked}},
		"compromised": {func(w *world) {
			w.subject.Keys[0].Until = time.Time{}
			thumbprint(w)
		}, map[string]verifier.Reason{"": verifier.IssuerKeyCompromised, "before the key": verifier.IssuerKeyNotYetValid}},
		"lapsed, allowed and compromised": {func(w *world) {
			w.issuer.LapsedUntil = now.AddDate(1, 0, 0)
			thumbprint(w)
		}, map[string]verifier.Reason{
			"": verifier.IssuerKeyExpired, "inside": verifier.IssuerKeyCompromised, "the last second": verifier.IssuerKeyCompromised, "before the key": verifier.IssuerKeyNotYetValid,
		}},
	} {
		for date, iat := range dates {
			t.Run(name+", iat "+date, func(t *testing.T) {
				w := newWorld(t)
				w.subject.Keys[0].From, w.subject.Keys[0].Until = begin, end
				w.claims = map[string]any{"iat": iat}
				c.change(w)
				want, special := c.want[date]
				if !special {
					want = c.want[""]
				}
				if want == "" {
					w.accepted()
				} else {
					w.rejected(want, true)
				}
			})
		}
	}
	// A certificate that has expired verifies nothing, whatever the card says; one whose key was declared compromised neither.
	for _, iat := range []time.Time{now.AddDate(0, -6, 0), now.Add(-time.Minute)} {
		c := newCertified(t)
		key, _ := pubkey.New(c.leafKey.Public())
		c.claims["iat"], c.issuer.Compromised = iat.Unix(), []string{key.Thumbprint()}
		c.build()
		c.rejected(verifier.IssuerKeyCompromised, true)
	}
	for _, iat := range []time.Time{now.AddDate(0, -6, 0), now.Add(-time.Minute)} {
		w, _ := newHosted(t)
		w.claims["iat"], w.issuer.Compromised = iat.Unix(), []string{w.registry.Public().Thumbprint()}
		w.rejected(verifier.IssuerKeyCompromised, true)
	}
}

// TestCardOfAFreshKey: a card that was signed after the block that is read, by a key that is not in it. Nothing is known about such a key, and
// only about such a one; when the block is younger than the card, the key is there or never was.
func TestCardOfAFreshKey(t *testing.T) {
	anchor := func(w *world, age time.Duration) {
		w.subject.Anchor = did.Anchor{Chain: "eip155:1", Block: 9, Time: now.Add(-age), Tag: "finalized"}
	}
	w := newWorld(t) // its card was signed an hour ago
	w.config.AnchorAge = 24 * time.Hour
	w.kid = registry + "#key-2"
	anchor(w, 2*time.Hour)
	w.inconclusive(verifier.IssuerKeyNotFinal)
	w = newWorld(t)
	w.kid = registry + "#key-2"
	anchor(w, 10*time.Minute)
	w.rejected(verifier.IssuerKeyUnknown, true)
	w = newWorld(t)
	w.kid = registry + "#key-2"
	w.claims = map[string]any{"iat": nil} // it does not say when
	anchor(w, 10*time.Minute)
	w.rejected(verifier.IssuerKeyUnknown, true)
	w = newWorld(t) // a document without a chain has no age
	w.kid = registry + "#key-2"
	w.rejected(verifier.IssuerKeyUnknown, true)
	w = newWorld(t) // a key that was revoked is not unknown
	w.config.AnchorAge = 24 * time.Hour
	w.subject.Keys[0].Revoked = now.Add(-3 * time.Hour)
	anchor(w, 2*time.Hour)
	w.rejected(verifier.IssuerKeyRevoked, true)
}
