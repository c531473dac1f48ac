package main

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/khyer/khyer/did"
	"github.com/khyer/khyer/did/didethr"
	"github.com/khyer/khyer/did/didethr/anchor"
	"github.com/khyer/khyer/did/didethr/ethrtest"
	"github.com/khyer/khyer/verifier"
)

// TestStolenKeyDrill is the runbook of README.md, played on a chain with blocks every 12 seconds: from "key stolen" to "old card refused".
func TestStolenKeyDrill(t *testing.T) {
	for _, at := range []int{0, 9, 18, 27} { // how far the epoch has got when the alarm comes
		t.Run(fmt.Sprint(at, " blocks into the epoch"), func(t *testing.T) { stolenKey(t, at) })
	}
}

const (
	accepted    = "accepted"
	revoked     = "rejected issuer_key_revoked"
	compromised = "rejected issuer_key_compromised"
)

func stolenKey(t *testing.T, intoEpoch int) {
	newDrill(t, func(d *drill) {
		// An ordinary year. Two offices; agencies trust both. Two ask the chain when they need to, one of which will be told of the theft;
		// one follows the chain by itself; and one reads the newest block, which few should.
		office, other := d.office(), d.office()
		oldKey, otherKey := office.anchorKey(), other.anchorKey()
		d.days(200)
		genuine, others := office.sign(oldKey, time.Now()), other.sign(otherKey, time.Now())
		told, asking, watching, hasty := d.agency("finalized", entries(office, other)...), d.agency("finalized", entries(office, other)...),
			d.agency("finalized", entries(office, other)...), d.agency("latest", entries(office, other)...)
		told.name, asking.name, watching.name = "told", "asking", "watching"
		everybody := []*agency{told, asking, watching, hasty}

		// The key is stolen. The thief signs for himself and dates the card back to the key's first days. Nothing tells it from a good one.
		d.days(30)
		stop := watching.watch()
		forged := office.sign(oldKey, time.Now().Add(-200*day))
		for d.chain.Head().Number%ethrtest.EpochLength != uint64(intoEpoch) {
			d.tick(1)
		}
		for _, a := range everybody {
			a.want("the forged card before anybody knows", forged, accepted)
			a.want("a genuine card", genuine, accepted)
		}

		// Step 1: revoke. Nothing else comes before it: every block counts, and a new key can wait.
		alarm, head := time.Now(), d.chain.Head().Number
		revocation, err := one(office.identity.Apply(d.Context(), anchor.RevokeKey(oldKey.Public(), anchor.VeriKey)))
		d.check(err)
		if revocation.Block != head+1 {
			t.Errorf("the revocation is in block %d, the newest was %d", revocation.Block, head)
		}

		// Step 2: have those who run trust lists declare the key compromised. That needs no block and no finality.
		told.trust(entry(office, oldKey.Public().Thumbprint()), entry(other))
		told.want("the forged card, declared compromised", forged, compromised)
		told.want("a genuine card, declared compromised", genuine, compromised)

		// Step 3: a new key. What it signs is not accepted before its block is final: the office waits with that.
		newKey := office.anchorKey()
		d.tick(1) // by now the caches have forgotten
		fresh := office.sign(newKey, time.Now())
		for _, a := range []*agency{told, asking, watching} {
			if got := a.ask(fresh); got == accepted {
				t.Errorf("%s: a card of the new key is accepted before its block is final", a.name)
			}
		}
		hasty.want("a card of the new key at the newest block", fresh, accepted)
		hasty.want("the forged card at the newest block", forged, revoked)
		asking.want("the forged card, while the revocation is not final", forged, accepted)

		// Step 4: wait until both are final. The thief tries at every block.
		d.untilRefused(forged, revocation.Block, alarm, asking, watching)
		for d.chain.Finalized().Number < office.last.Block { // the new key came later, and may be in another epoch
			d.tick(1)
		}
		d.tick(2)

		// Step 5: sign the lost cards anew, dated today. Other offices' cards were accepted all the time.
		anew := office.sign(newKey, time.Now())
		for _, a := range everybody {
			a.want("the card that was signed anew", anew, accepted)
			a.want("the card that was signed too early", fresh, accepted)
			a.want("another office's card", others, accepted)
			a.want("the forged card", forged, revoked)
			a.want("the genuine card of the stolen key", genuine, revoked)
			a.want("what the thief signs now", office.sign(oldKey, time.Now()), revoked)
		}
		stop()

		// Years later nothing has changed, and the list without the declaration leads to the same.
		d.days(400)
		told.trust(entries(office, other)...)
		told.want("the forged card, years later", forged, revoked)
		told.want("the card that was signed anew, years later", anew, accepted)
	})
}

// untilRefused lets the chain grow until agencies refuse a card whose key was revoked in a block, and measures how long they took.
func (d *drill) untilRefused(card []byte, block uint64, alarm time.Time, agencies ...*agency) {
	d.Helper()
	// This chain finalizes a block after 63 others at the latest (see ethrtest), mainnet after 95 slots. To that comes the block that the
	// alarm waited for, and what a cache keeps.
	const longest = 2*ethrtest.EpochLength*slot + keep
	before := map[*agency]int64{}
	for _, a := range agencies {
		before[a] = a.requests.Load()
	}
	for tries := 1; len(agencies) > 0; tries++ {
		agencies = slices.DeleteFunc(agencies, func(a *agency) bool {
			got := a.ask(card)
			switch took := time.Since(alarm); {
			case got == revoked:
				d.Logf("%s refuses %v after the alarm, %d blocks after the revocation; it was asked %d times and sent %d requests",
					a.name, took, d.chain.Head().Number-block, tries, a.requests.Load()-before[a])
				return true
			case got != accepted:
				d.Fatalf("%s, %v after the alarm: %s", a.name, took, got)
			case took > longest:
				d.Fatalf("%s accepts %v after the alarm; promised is %v", a.name, took, longest)
			}
			return false
		})
		d.tick(1)
	}
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
		_, err = one(office.identity.Apply(d.Context(), anchor.RevokeKey(key.Public(), anchor.VeriKey)))
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

// TestCardOfAKeyThatIsNotFinal: an officer anchors a key and signs with it before the block is final. The agency does not know the key yet, says so, and
// accepts the card when it does.
func TestCardOfAKeyThatIsNotFinal(t *testing.T) {
	newDrill(t, func(d *drill) {
		office := d.office()
		office.anchorKey()
		d.days(10)
		a := d.agency("finalized", entry(office))
		fresh := office.anchorKey()
		d.tick(2)
		card := office.sign(fresh, time.Now())
		if got := a.ask(card); got != "inconclusive issuer_key_not_final" {
			t.Errorf("before: %s", got)
		}
		d.tick(70)
		a.want("after", card, "accepted")
	})
}
