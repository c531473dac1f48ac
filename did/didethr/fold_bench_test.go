package didethr

import (
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/khyer/khyer/did"
)

// BenchmarkFoldHistory folds 1,000 events of several kinds. Points on curves are read once in a process: "first" reads them all, as for a
// DID that was never seen, the others have them already.
func BenchmarkFoldHistory(b *testing.B) {
	const events = 1000
	ed := func(i int) []byte { return slices.Concat([]byte{0xed, 0x01}, edwardsPoint(i)) }
	for _, kind := range []struct {
		name   string
		first  bool
		write  func(c *chain, a Address, i int)
		listed int
	}{
		{"P-256 keys, first", true, func(c *chain, a Address, i int) { c.attribute(a, veriKey, p256Value(i), never) }, events + 1},
		{"P-256 keys", false, func(c *chain, a Address, i int) { c.attribute(a, veriKey, p256Value(i), never) }, events + 1},
		{"Ed25519 keys, first", true, func(c *chain, a Address, i int) { c.attribute(a, veriKey, ed(i), never) }, events + 1},
		{"one key renewed", false, func(c *chain, a Address, i int) { c.attribute(a, veriKey, p256Value(0), never) }, 2},
		{"keys set and revoked", false, func(c *chain, a Address, i int) {
			until := uint64(never)
			if i%2 == 1 {
				until = 0
			}
			c.attribute(a, veriKey, p256Value(i/2), until)
		}, 1},
		{"delegates", false, func(c *chain, a Address, i int) { c.delegate(a, "veriKey", Address{1, byte(i), byte(i >> 8)}, never) }, events + 1},
		{"services", false, func(c *chain, a Address, i int) {
			c.attribute(a, "did/svc/Page", fmt.Appendf(nil, "https://registry.example/%d", i), never)
		}, 1},
	} {
		b.Run(kind.name, func(b *testing.B) {
			c := newChain()
			a, id := issuer(1)
			for i := range events {
				c.mine(1)
				kind.write(c, a, i)
			}
			n := Network{Name: "dev", ChainID: c.chainID, Registry: c.registry}
			h := historyOf(c)
			b.ReportAllocs()
			for b.Loop() {
				if kind.first {
					b.StopTimer()
					points.forget()
					b.StartTimer()
				}
				r, err := Fold(n, h, id, did.At{}, time.Time{})
				if err != nil || len(r.Document.VerificationMethod) != kind.listed {
					b.Fatal(err)
				}
			}
		})
	}
}

func edwardsPoint(i int) []byte {
	seed := sha256.Sum256(fmt.Appendf(nil, "khyer test key %d", i))
	return ed25519.NewKeyFromSeed(seed[:]).Public().(ed25519.PublicKey)
}

func (c *pointCache) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.recent, c.older = nil, nil
}
