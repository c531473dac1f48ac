package didethr

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/khyer/khyer/did"
)

// TestAttackLiarMovesWatchBack: a watch has seen the revocation. Then one operator answers truthfully from an old block while an honest one
// is slow, in the watch's looks and without them.
func TestAttackLiarMovesWatchBack(t *testing.T) {
	for _, finality := range []string{"latest", "finalized"} {
		for _, watched := range []bool{true, false} {
			t.Run(fmt.Sprint(finality, watched), func(t *testing.T) {
				t.Parallel() // it waits
				c := newChain()
				a, id := issuer(1)
				c.receipts = true
				c.attribute(a, veriKey, p256Value(1), never)
				c.mine(2)
				liar, slow := c.twin(), c.twin()
				r := operators(t, 2, func(conf *Config) { conf.Finality = finality }, c, liar, slow)
				n := r.networks[0]
				if watched {
					r.cache.begin(n, time.Hour)
				}
				look := func() {
					if watched {
						r.look(t.Context(), n, time.Minute) // what it says is seen below
					}
				}
				key := func() (uint64, error) {
					res, err := r.Resolve(t.Context(), id, did.At{})
					if err != nil {
						return 0, err
					}
					_, err = res.Key(id.String()+"#delegate-1", did.AssertionMethod, time.Time{})
					return res.Anchor.Block, err
				}
				look()
				if _, err := key(); err != nil {
					t.Fatal(err)
				}
				for _, honest := range []*chain{c, slow} {
					honest.mine(1)
					honest.attribute(a, veriKey, p256Value(1), 0)
					honest.mine(1)
				}
				look()
				newest, err := key()
				if newest != c.head().Number || !errors.Is(err, did.KeyRevoked) {
					t.Fatal(newest, err)
				}
				slowBy(slow, patience+time.Second/2)
				look()
				block, err := key()
				if !errors.Is(err, did.StaleAnswer) && !errors.Is(err, did.Disagreement) && (block < newest || !errors.Is(err, did.KeyRevoked)) {
					t.Errorf("block %d after %d, %v", block, newest, err)
				}
			})
		}
	}
}

// TestAttackOldBlock without any other operator: what one endpoint has shown, another that is behind does not undo.
func TestAttackOldBlock(t *testing.T) {
	down := func(c *chain) {
		c.hold(func() {
			c.raw = func(w http.ResponseWriter, _ *http.Request) bool {
				http.Error(w, "", http.StatusBadGateway)
				return true
			}
		})
	}
	up := func(c *chain) { c.hold(func() { c.raw = nil }) }
	for _, test := range []struct {
		name, finality string
		then           func(first, second *chain)
		want           did.Code // "": the answer is from the second
	}{
		{"it is behind", "latest", func(*chain, *chain) {}, did.StaleAnswer},
		{"it is behind", "finalized", func(*chain, *chain) {}, did.StaleAnswer},
		{"it has caught up", "finalized", func(first, second *chain) { second.blocks = slices.Clone(first.blocks) }, ""},
		{"it got further", "latest", func(_, second *chain) { second.mine(9) }, ""},
		{"it hides the block", "latest", func(first, second *chain) {
			second.blocks = slices.Clone(first.blocks)
			second.tagged["latest"] = 11
		}, did.StaleAnswer},
		{"it calls an older one final", "finalized", func(first, second *chain) {
			second.blocks = slices.Clone(first.blocks)
			second.tagged["finalized"] = 11
		}, did.StaleAnswer},
		{"the block was dropped", "safe", func(_, second *chain) {
			second.fork(9)
			second.mine(9)
			second.tagged["safe"] = 11
		}, ""},
		{"another block is there", "latest", func(_, second *chain) {
			second.fork(9)
			second.mine(5)
		}, ""},
		{"another block is final there", "finalized", func(_, second *chain) {
			second.fork(9)
			second.mine(5)
		}, did.Disagreement},
		{"it does not say", "safe", func(first, second *chain) {
			second.blocks = slices.Clone(first.blocks)
			second.tagged["safe"] = 11
			second.tamper = func(m string, p []any, result any) any {
				if m == "eth_getBlockByNumber" && p[0] == quantity(14) {
					return &rpcError{-32005, "rate limit"}
				}
				return result
			}
		}, did.Unavailable},
		{"it answers about another block", "safe", func(first, second *chain) {
			second.blocks = slices.Clone(first.blocks)
			second.tagged["safe"] = 11
			second.tamper = func(m string, p []any, result any) any {
				if m == "eth_getBlockByNumber" && p[0] == quantity(14) {
					return header(Block{13, [32]byte{9}, 0})
				}
				return result
			}
		}, did.GarbledAnswer},
	} {
		t.Run(test.finality+": "+test.name, func(t *testing.T) {
			first := newChain()
			_, id := issuer(1)
			first.mine(2)
			second := first.twin()
			first.mine(3)
			first.tagged["safe"] = 14
			r := operators(t, 0, func(c *Config) { c.Finality = test.finality }, second, first)
			down(second)
			if res, err := r.Resolve(t.Context(), id, did.At{}); err != nil || res.Anchor.Block != 14 {
				t.Fatalf("%+v, %v", res, err)
			}
			up(second)
			second.hold(func() { test.then(first, second) })
			if test.want != "" { // the next endpoint is asked
				if res, err := r.Resolve(t.Context(), id, did.At{}); err != nil || res.Anchor.Hash != first.head().Hash {
					t.Errorf("%+v, %v", res, err)
				}
			}
			down(first)
			res, err := r.Resolve(t.Context(), id, did.At{})
			if test.want != "" {
				if !errors.Is(err, test.want) {
					t.Errorf("error %v, want %s", err, test.want)
				}
				return
			}
			if b, _ := second.block(second.number(test.finality)); err != nil || res.Anchor.Hash != b.Hash {
				t.Errorf("%+v, %v", res, err)
			}
		})
	}
}

// TestBlockFromTheFutureShutsNobodyOut: a node that names a final block of next year is not believed for long by anybody, and its neighbour
// goes on answering.
func TestBlockFromTheFutureShutsNobodyOut(t *testing.T) {
	c, _, id := busy()
	liar := c.twin()
	r := operators(t, 0, func(conf *Config) {
		conf.Finality = "finalized"
		conf.Now = func() time.Time { return unix(c.head().Time) }
	}, liar, c)
	liar.hold(func() {
		for range 10 {
			liar.mine(1)
		}
		liar.blocks[len(liar.blocks)-1].Time += 365 * 24 * 3600
	})
	if _, err := r.Resolve(t.Context(), id, did.At{}); err != nil {
		t.Fatal(err)
	}
	liar.mu.Lock()
	liar.raw = write("<html>")
	liar.mu.Unlock()
	if res, err := r.Resolve(t.Context(), id, did.At{}); err != nil || res.Anchor.Block != c.head().Number {
		t.Errorf("%v", err)
	}
}
