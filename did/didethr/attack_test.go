package didethr

import (
	"encoding/hex"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/khyer/khyer/did"
)

// slowBy has a node think before each answer.
func slowBy(c *chain, d time.Duration) {
	c.hold(func() {
		c.raw = func(http.ResponseWriter, *http.Request) bool { time.Sleep(d); return false }
	})
}

// TestAttackOneLiarChoosesTheBlock: while one honest operator is slow, or does not answer at all, the liar answers truthfully, as of a
// block before the revocation. The other honest one knows that block too.
func TestAttackOneLiarChoosesTheBlock(t *testing.T) {
	third := map[string]struct {
		does func(*chain)
		want error // of the key, or of the resolution
	}{
		"is slow": {func(c *chain) { slowBy(c, 400*time.Millisecond) }, did.KeyRevoked},
		"is down": {func(c *chain) {
			c.raw = func(w http.ResponseWriter, _ *http.Request) bool {
				http.Error(w, "", http.StatusBadGateway)
				return true
			}
		}, did.Disagreement},
		"hangs":      {func(c *chain) { slowBy(c, patience+time.Second/2) }, did.Disagreement},
		"is no part": {nil, did.Disagreement},
	}
	for name, test := range third {
		t.Run(name, func(t *testing.T) {
			c := newChain()
			a, id := issuer(1)
			c.attribute(a, veriKey, p256Value(1), never)
			c.mine(5)
			liar := c.twin() // stops here
			c.mine(1)
			c.attribute(a, veriKey, p256Value(1), 0)
			c.mine(200)
			other := c.twin()
			if test.does != nil {
				test.does(other)
			}
			chains := []*chain{c, liar, other}
			if test.does == nil {
				chains = chains[:2]
			}
			res, err := operators(t, 2, nil, chains...).Resolve(t.Context(), id, did.At{})
			if err == nil {
				_, err = res.Key(id.String()+"#delegate-1", did.AssertionMethod, time.Time{})
			}
			if !errors.Is(err, test.want) {
				t.Errorf("error %v, want %v", err, test.want)
			}
		})
	}
}

// isHistory tells a call of the accumulator.
func isHistory(method string, params []any) bool {
	return method == "eth_call" && strings.HasPrefix(params[0].(map[string]any)["data"].(string), "0x"+hex.EncodeToString(selectorHistory))
}

// TestAttackTransientRefusalIsNoAccumulator: at the first contact a node refuses the accumulator or the receipts, as a limit of the rate
// may, and leaves a revocation out. That must not count as a registry without the one or a node without the other, nor for good.
func TestAttackTransientRefusalIsNoAccumulator(t *testing.T) {
	for name, refusal := range map[string]rpcError{
		"limited":    {-32005, "rate limit"},
		"busy":       {-32000, "the header was not found"},
		"internal":   {-32603, "internal error"},
		"not now":    {-32001, "resource not found"},
		"unreadable": {-32602, "invalid argument 0"},
	} {
		for _, sums := range []bool{true, false} {
			c := newChain()
			c.sums, c.receipts = sums, true
			a, id := issuer(1)
			c.attribute(a, veriKey, p256Value(1), never)
			c.mine(1)
			c.attribute(a, "did/svc/X", []byte("x"), never)
			c.attribute(a, veriKey, p256Value(1), 0)
			c.mine(3)
			r := c.serve(t)
			c.tamper = func(m string, p []any, result any) any {
				switch {
				case sums && isHistory(m, p) || m == "eth_getBlockReceipts":
					return &refusal
				case m == "eth_getLogs":
					l := result.([]any)
					return l[:len(l)-1]
				}
				return result
			}
			if _, err := r.Resolve(t.Context(), id, did.At{}); !errors.Is(err, did.Unavailable) {
				t.Errorf("%s, sums %v: error %v, want unavailable", name, sums, err)
			}
			c.tamper = nil // the node is well again
			res, err := r.Resolve(t.Context(), id, did.At{})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := res.Key(id.String()+"#delegate-1", did.AssertionMethod, time.Time{}); !errors.Is(err, did.KeyRevoked) {
				t.Errorf("%s, sums %v: error %v, want keyRevoked", name, sums, err)
			}
		}
	}
}

// TestStockRegistryStaysReadable: what nodes say where a contract has no such function, and where they have no such method.
func TestStockRegistryStaysReadable(t *testing.T) {
	for _, reverts := range []any{
		rpcError{3, "execution reverted"},                                     // geth, anvil, Erigon
		rpcError{-32000, "execution reverted"},                                // Nethermind, geth before 1.9.15
		rpcError{-32000, "Execution reverted"},                                // Besu
		rpcError{-32000, "VM Exception while processing transaction: revert"}, // Ganache
		rpcError{-32603, "Error: Transaction reverted: function selector was not recognized and there's no fallback function"}, // Hardhat
		map[string]any{"code": -32015, "message": "VM execution error.", "data": "Reverted 0x"},                                // OpenEthereum, Nethermind of old
		nil, // code that answers nothing
	} {
		for _, method := range []rpcError{
			{-32601, "the method eth_getBlockReceipts does not exist/is not available"}, // geth
			{-32601, "Method not found"},
			{-32004, "Method eth_getBlockReceipts not supported"}, // EIP-1474
		} {
			c, _, id := busy()
			c.tamper = func(m string, p []any, result any) any {
				switch {
				case m == "eth_getBlockReceipts":
					return &method
				case !isHistory(m, p):
					return result
				case reverts == nil:
					return "0x"
				}
				return refused{reverts}
			}
			r := c.serve(t)
			for range 2 {
				if res, err := r.Resolve(t.Context(), id, did.At{}); err != nil || len(res.Document.Service) != 1 {
					t.Errorf("%v, %v: %+v, %v", reverts, method, res, err)
				}
			}
		}
	}
}

// TestAccumulatorIsAskedForOnceItIsThere: a record that was read while a node showed none is read anew.
func TestAccumulatorIsAskedForOnceItIsThere(t *testing.T) {
	c, _, id := busy()
	_, other := issuer(7)
	r := c.serve(t)
	ask := func(id did.DID) []string {
		c.calls = nil
		if _, err := r.Resolve(t.Context(), id, did.At{}); err != nil {
			t.Fatal(err)
		}
		return c.calls
	}
	ask(id)
	c.sums = true
	ask(other)
	if calls := ask(id); !slices.Contains(calls, "eth_getLogs") {
		t.Errorf("%v: the history without the accumulator is still believed", calls)
	}
	if calls := ask(id); slices.Contains(calls, "eth_getLogs") {
		t.Errorf("%v: the history with it is not", calls)
	}
}

// TestAttackTimeAfterHead: asked for a time that the final chain has not reached, nobody can say that a key still counted then. Here it
// did not: the owner changed in the meantime, in a block that is not final.
func TestAttackTimeAfterHead(t *testing.T) {
	c, _, id := busy()
	c.tagged["finalized"] = 11
	r := c.serve(t)
	head := unix(c.blocks[11].Time)
	for name, test := range map[string]struct {
		time time.Time
		want error
	}{
		"the final block's":            {head, nil},
		"within its second":            {head.Add(999 * time.Millisecond), nil},
		"a second later":               {head.Add(time.Second), did.NotFound},
		"of a block that is not final": {unix(c.blocks[13].Time), did.NotFound},
		"today":                        {time.Now(), did.NotFound},
		"after every calendar":         {time.Unix(maxTime+1, 0), did.InvalidOptions},
	} {
		if _, err := r.Resolve(t.Context(), id, did.At{Time: test.time}); !errors.Is(err, test.want) {
			t.Errorf("%s: error %v, want %v", name, err, test.want)
		}
		anchor := &did.Anchor{Block: 11, Hash: c.blocks[11].Hash}
		if _, err := r.Resolve(t.Context(), id, did.At{Time: test.time, Anchor: anchor}); !errors.Is(err, test.want) {
			t.Errorf("%s, at an anchor: error %v, want %v", name, err, test.want)
		}
	}
}

// TestAttackNameIsAnotherChainsID: a DID that names a chain by its number must not be answered from another.
func TestAttackNameIsAnotherChainsID(t *testing.T) {
	for name, want := range map[string]string{"0x89": "chain id", "0x05": "chain id", "0x": "chain id", "0xfive": "chain id", "0x5": "", "five": "", "": ""} {
		_, err := New(Config{Networks: []Network{
			{Name: name, ChainID: 5, Registry: Address{1}, RPC: []string{"http://a.example"}},
			{Name: "polygon", ChainID: 137, Registry: Address{1}, RPC: []string{"http://b.example"}},
		}})
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: error %v, want %q", name, err, want)
		}
	}
}

// TestAttackWalkHasNoBoundOfBytes: a node refuses ranges, so that a history is read in pieces. Each is small enough, all together are not.
func TestAttackWalkHasNoBoundOfBytes(t *testing.T) {
	for _, test := range []struct {
		values int
		want   error
	}{{7, nil}, {9, did.IncompleteAnswer}} { // of 2 MB each, as JSON
		c := newChain()
		a, id := issuer(1)
		big := make([]byte, 1<<20)
		for i := range test.values {
			big = slices.Clone(big)
			big[0] = byte(i)
			c.attribute(a, "did/svc/X", big, never)
			c.mine(1200)
		}
		c.tamper = func(m string, p []any, result any) any {
			if m != "eth_getLogs" {
				return result
			}
			if f := p[0].(map[string]any); c.number(f["toBlock"].(string))-c.number(f["fromBlock"].(string)) >= 1000 {
				return &rpcError{-32005, "range too large"}
			}
			return result
		}
		if _, err := c.serve(t).Resolve(t.Context(), id, did.At{}); !errors.Is(err, test.want) {
			t.Errorf("%d MB: error %v, want %v", 2*test.values, err, test.want)
		}
	}
}

// TestAttackSecondRevocationIsIgnored: a key is revoked, set under another name, and revoked again under the first one. That is the last
// word about the public key, whichever name a card has for it.
func TestAttackSecondRevocationIsIgnored(t *testing.T) {
	const other = veriKey + "/hex"
	type step struct {
		name    string
		validTo uint64
	}
	set, revoke := func(name string) step { return step{name, never} }, func(name string) step { return step{name, 0} }
	for _, test := range []struct {
		does  string
		steps []step
		want  map[string]error // by fragment
	}{
		{"revoked again", []step{set(veriKey), revoke(veriKey), set(other), revoke(veriKey)},
			map[string]error{"#delegate-1": did.KeyRevoked, "#delegate-3": did.KeyRevoked}},
		{"and again", []step{set(veriKey), revoke(veriKey), revoke(veriKey), set(other), revoke(veriKey), revoke(veriKey)},
			map[string]error{"#delegate-1": did.KeyRevoked, "#delegate-4": did.KeyRevoked}},
		{"set after the last word", []step{set(veriKey), revoke(veriKey), revoke(veriKey), set(other)},
			map[string]error{"#delegate-1": did.KeyRevoked, "#delegate-4": nil}},
		{"set anew after the last word", []step{set(veriKey), revoke(veriKey), set(other), revoke(veriKey), set(other)},
			map[string]error{"#delegate-1": did.KeyRevoked, "#delegate-3": did.KeyRevoked, "#delegate-5": did.KeyRevoked}}, // a renewal is no new life
		{"revoked under a name that it never had", []step{set(other), revoke(veriKey)}, map[string]error{"#delegate-1": nil}},
	} {
		for _, blocks := range []int{0, 1} {
			c := newChain()
			a, id := issuer(1)
			for _, s := range test.steps {
				c.attribute(a, s.name, p256Value(1), s.validTo)
				c.mine(blocks)
			}
			res, err := Fold(Network{Name: "dev", ChainID: c.chainID, Registry: c.registry}, historyOf(c), id, did.At{}, time.Time{})
			if err != nil {
				t.Fatal(err)
			}
			for fragment, want := range test.want {
				if _, err := res.Key(id.String()+fragment, did.AssertionMethod, time.Time{}); !errors.Is(err, want) {
					t.Errorf("%s, %d blocks between: %s: error %v, want %v", test.does, blocks, fragment, err, want)
				}
			}
		}
	}
}
