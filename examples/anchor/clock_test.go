package main

import (
	"testing"
	"time"

	"github.com/khyer/khyer/credential"
	"github.com/khyer/khyer/did"
	"github.com/khyer/khyer/did/didethr"
	"github.com/khyer/khyer/did/didethr/anchor"
	"github.com/khyer/khyer/did/didethr/ethrtest"
	"github.com/khyer/khyer/verifier"
)

// The policy of the verifiers in these tests, which is the default one.
const (
	skew      = 30 * time.Second
	anchorAge = 30 * time.Minute
	stale     = "inconclusive chain_head_stale"
	early     = "rejected issued_in_future"
)

// offsets are by how much an agency's clock is ahead of the world's, or behind it.
var offsets = []time.Duration{
	-48 * time.Hour, -2 * time.Hour, -40 * time.Minute, -20 * time.Minute, -10 * time.Minute, -time.Minute, -20 * time.Second, 0,
	20 * time.Second, time.Minute, 10 * time.Minute, 20 * time.Minute, 40 * time.Minute, 2 * time.Hour, 48 * time.Hour,
}

// clocked is an agency whose clock is off, and with it the phone before it, which may be a thief's.
func (d *drill) clocked(off time.Duration, finality string, c verifier.Config, issuers ...*issuer) func(card []byte) string {
	d.Helper()
	now := func() time.Time { return time.Now().Add(off) }
	a := d.agency(finality, entries(issuers...)...)
	c.Resolver, c.Issuers, c.Now = d.clockedResolver(off, finality), a, now
	var err error
	a.verifier, err = verifier.New(c)
	d.check(err)
	return func(card []byte) string { d.Helper(); return a.askAt(card, now()) }
}

func (d *drill) clockedResolver(off time.Duration, finality string) did.Resolver {
	d.Helper()
	r, err := didethr.New(didethr.Config{
		Networks: []didethr.Network{d.registry.Network()}, Finality: finality, Client: d.client,
		Now: func() time.Time { return time.Now().Add(off) },
	})
	d.check(err)
	return r
}

// TestSlowClockBeforeRotation: an agency's clock may be minutes or days behind the world's, so that a rotation, a revocation or a
// deactivation lies in its future, or ahead. Its verdict is the one that a right clock gives, or it is inconclusive; or, for a card that
// seems to have been signed in the future, a rejection that says so.
func TestSlowClockBeforeRotation(t *testing.T) {
	newDrill(t, func(d *drill) {
		rotated, robbed, closed, quiet := d.office(), d.office(), d.office(), d.office()
		issuers := []*issuer{rotated, robbed, closed, quiet}
		oldKey, stolen, last, only := rotated.anchorKey(), robbed.anchorKey(), closed.anchorKey(), quiet.anchorKey()
		d.days(100)
		signed := time.Now()
		cards := map[string][]byte{
			"of the retired key": rotated.sign(oldKey, signed), "of the revoked key": robbed.sign(stolen, signed),
			"of the deactivated DID": closed.sign(last, signed), "of the quiet office": quiet.sign(only, signed),
		}
		d.days(3)
		newKey := rotated.anchorKey()
		must := func(_ any, err error) { d.Helper(); d.check(err) }
		must(one(rotated.identity.Apply(d.Context(), anchor.AddKey(oldKey.Public(), anchor.VeriKey, time.Second))))
		must(one(robbed.identity.Apply(d.Context(), anchor.RevokeKey(stolen.Public(), anchor.VeriKey))))
		must(one(closed.identity.Apply(d.Context(), anchor.Deactivate())))
		event := time.Now()
		d.tick(40)
		after := time.Now()
		cards["of the new key"] = rotated.sign(newKey, after)
		cards["of the retired key, signed after it"] = rotated.sign(oldKey, after)
		d.tick(64)

		right := map[string]string{ // what a right clock gives
			"of the quiet office":                 "accepted",
			"of the retired key":                  "accepted",
			"of the new key":                      "accepted",
			"of the retired key, signed after it": "rejected issuer_key_expired",
			"of the revoked key":                  "rejected issuer_key_revoked",
			"of the deactivated DID":              "rejected issuer_deactivated",
		}
		unseen := map[string]int{}
		for finality, block := range map[string]ethrtest.Block{"finalized": d.chain.Finalized(), "latest": d.chain.Head()} {
			if !block.Time.After(event) {
				t.Fatalf("the %s block is of before the events", finality)
			}
			for _, off := range offsets {
				ask := d.clocked(off, finality, verifier.Config{}, issuers...)
				for name, card := range cards {
					iat, want := signed, right[name]
					if name == "of the new key" || name == "of the retired key, signed after it" {
						iat = after
					}
					switch seen := time.Since(block.Time) + off; { // how old the block seems to be
					case time.Since(iat)+off < -skew:
						want = early // a cheap check, before anything is asked of the chain
					case seen > anchorAge || time.Since(d.chain.Head().Time)+off < -skew: // the newest block is the witness, not the one that is read
						want = stale
					default:
						unseen[finality]++
					}
					if got := ask(card); got != want {
						t.Errorf("%s, clock off by %v, card %s: %s, want %s", finality, off, name, got, want)
					}
				}
			}
			// Whatever is wrong with the clock, and however wide the policy is set: which keys there are is the chain's to say.
			wide := verifier.Config{Skew: 365 * day, AnchorAge: 365 * day}
			for _, off := range offsets {
				ask := d.clocked(off, finality, wide, issuers...)
				for name, want := range right {
					if got := ask(cards[name]); got != want {
						t.Errorf("%s, clock off by %v, wide policy, card %s: %s, want %s", finality, off, name, got, want)
					}
				}
				id, err := did.Parse(rotated.DID)
				d.check(err)
				res, err := d.clockedResolver(off, finality).Resolve(d.Context(), id, did.At{})
				d.check(err)
				if _, err := res.Key(rotated.DID+"#"+newKey.Public().Thumbprint(), did.AssertionMethod, after); err != nil {
					t.Errorf("%s, clock off by %v: the document of before the rotation: %v", finality, off, err)
				}
			}
		}
		if unseen["finalized"] == 0 || unseen["latest"] == 0 {
			t.Errorf("no clock was near enough: %v", unseen)
		}
	})
}

// TestSlowClockAtTheEnd: what ends by itself, a key's time or a card's, ends by the clock. Its witness is the chain's newest block, also where one is
// read that is final and minutes old: a clock that is behind that by more than the skew prolongs nobody's life. One that is ahead shortens
// it; what this test pins is how far that goes.
func TestSlowClockAtTheEnd(t *testing.T) {
	newDrill(t, func(d *drill) {
		office, closing := d.office(), d.office()
		closing.strict = true
		key := office.anchorKey()
		d.days(10)
		// Two ends within two minutes of each other: a card's, and that of a key which nobody retired or revoked.
		ends := time.Now().Add(20 * time.Minute)
		last := closing.anchorKeyFor(time.Until(ends) - slot)
		card, ofLast := office.signUntil(key, time.Now(), ends), closing.sign(last, time.Now())
		for time.Since(ends) < 2*time.Minute {
			d.tick(1)
		}
		lag := time.Since(d.chain.Finalized().Time)
		if lag < 5*time.Minute || lag > 13*time.Minute {
			t.Fatalf("the finalized block is %v old", lag)
		}
		const over, lapsed = "rejected expired", "rejected issuer_key_expired"
		for _, c := range []struct {
			finality        string
			off             time.Duration
			want, wantByKey string
		}{
			{"finalized", 0, over, lapsed},
			{"finalized", -20 * time.Second, over, lapsed},
			{"finalized", -time.Minute, over, stale}, // the card is over by this clock too, which is found before anything is asked of the chain
			{"finalized", -3 * time.Minute, stale, stale},
			{"finalized", -lag - skew, stale, stale},
			{"finalized", -2 * time.Hour, early, early},
			{"latest", -3 * time.Minute, stale, stale}, // the newest block is a better witness
			{"latest", -2 * time.Minute, stale, stale},
			{"latest", 0, over, lapsed},
		} {
			if got := d.clocked(c.off, c.finality, verifier.Config{}, office)(card); got != c.want {
				t.Errorf("%s, clock off by %v: %s, want %s", c.finality, c.off, got, c.want)
			}
			if got := d.clocked(c.off, c.finality, verifier.Config{}, closing)(ofLast); got != c.wantByKey {
				t.Errorf("%s, clock off by %v, by the key: %s, want %s", c.finality, c.off, got, c.wantByKey)
			}
		}

		// A clock that is ahead: refused too early, by no more than AnchorAge less the age of the block.
		card = office.signUntil(key, time.Now(), time.Now().Add(anchorAge-lag-time.Minute))
		for off, want := range map[time.Duration]string{
			0: "accepted", 5 * time.Minute: "accepted", anchorAge - lag: "rejected expired", anchorAge - lag + time.Second: "rejected expired",
		} {
			if got := d.clocked(off, "finalized", verifier.Config{}, office)(card); got != want {
				t.Errorf("clock off by %v: %s, want %s", off, got, want)
			}
		}
	})
}

// The phone's clock, when it is right, shows a wrong one to the agency: the key binding is then from the future or too old.
func TestPhoneWithTheRightTime(t *testing.T) {
	newDrill(t, func(d *drill) {
		office := d.office()
		key := office.anchorKey()
		d.days(10)
		card := office.sign(key, time.Now())
		d.days(1)
		for off, want := range map[time.Duration]string{
			-10 * time.Minute: "rejected " + string(credential.BindingInFuture),
			-20 * time.Second: "accepted",
			20 * time.Second:  "accepted",
			10 * time.Minute:  "rejected " + string(credential.BindingTooOld),
		} {
			a := d.agency("finalized", entry(office))
			v, err := verifier.New(verifier.Config{
				Resolver: d.clockedResolver(off, "finalized"), Issuers: a, Now: func() time.Time { return time.Now().Add(off) },
			})
			d.check(err)
			a.verifier = v
			if got := a.ask(card); got != want {
				t.Errorf("clock off by %v: %s, want %s", off, got, want)
			}
		}
	})
}
