package didethr

import (
	"errors"
	"testing"
	"time"

	"github.com/khyer/khyer/did"
)

// latestIs has a node give another newest block.
func latestIs(c *chain, b Block) {
	c.tamper = func(method string, params []any, result any) any {
		if method == "eth_getBlockByNumber" && len(params) > 0 && params[0] == "latest" {
			return header(b)
		}
		return result
	}
}

// TestNewestBlockOfANode: what is read is final, and the answer says how far the chain has got meanwhile, so that a wrong clock shows.
func TestNewestBlockOfANode(t *testing.T) {
	c, _, id := busy()
	c.mine(40)
	c.tagged = map[string]uint64{"finalized": c.head().Number - 35, "safe": c.head().Number - 35}
	final := c.blocks[c.head().Number-35]
	r := c.serve(t, func(conf *Config) { conf.Finality = "finalized" })
	for range 2 { // read, and confirmed
		res, err := r.Resolve(t.Context(), id, did.At{})
		if err != nil {
			t.Fatal(err)
		}
		if res.Anchor.Block != final.Number || !res.Anchor.Newest.Equal(unix(c.head().Time)) {
			t.Errorf("%+v", res.Anchor)
		}
	}
	for _, at := range []did.At{{Block: 3}, {Time: unix(final.Time)}, {Anchor: &did.Anchor{Block: final.Number, Hash: final.Hash, Tag: "finalized"}}} {
		if res, err := r.Resolve(t.Context(), id, at); err != nil || !res.Anchor.Newest.IsZero() {
			t.Errorf("%+v: %v %v", at, res.Anchor.Newest, err)
		}
	}
	for name, b := range map[string]Block{
		"older than the final block":   c.blocks[final.Number-1],
		"earlier than the final block": {c.head().Number, c.head().Hash, final.Time - 1},
	} {
		latestIs(c, b)
		if _, err := r.Resolve(t.Context(), id, did.At{}); !errors.Is(err, did.IncompleteAnswer) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestOperatorFromTheFuture: one of three that is hours ahead neither wins nor makes the others' clock look wrong.
func TestOperatorFromTheFuture(t *testing.T) {
	c, _, id := busy()
	c.mine(40)
	c.tagged = map[string]uint64{"finalized": c.head().Number - 35, "safe": c.head().Number - 35}
	for place := range 3 {
		chains := []*chain{c.twin(), c.twin(), c.twin()}
		latestIs(chains[place], Block{c.head().Number + 900, [32]byte{9}, c.head().Time + uint64(5*time.Hour/time.Second)})
		r := operators(t, 2, func(conf *Config) { conf.Finality = "finalized" }, chains...)
		for range 5 {
			res, err := r.Resolve(t.Context(), id, did.At{})
			if err != nil || !res.Anchor.Newest.Equal(unix(c.head().Time)) {
				t.Fatalf("place %d: %v %v, want %v", place, res.Anchor.Newest, err, unix(c.head().Time))
			}
		}
	}
}

// TestWatchedAnswerHasTheNewestBlock: also an answer without a request.
func TestWatchedAnswerHasTheNewestBlock(t *testing.T) {
	c, _, id := busy()
	c.mine(40)
	c.tagged = map[string]uint64{"finalized": c.head().Number - 35, "safe": c.head().Number - 35}
	r := c.serve(t, func(conf *Config) { conf.Finality = "finalized" })
	r.cache.begin(r.networks[0], time.Minute)
	if err := r.look(t.Context(), r.networks[0], time.Minute); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Resolve(t.Context(), id, did.At{}); err != nil {
		t.Fatal(err)
	}
	requests := c.requests
	res, err := r.Resolve(t.Context(), id, did.At{})
	if err != nil || c.requests != requests || !res.Anchor.Newest.Equal(unix(c.head().Time)) {
		t.Errorf("%d requests, %+v, %v", c.requests-requests, res.Anchor, err)
	}
}
