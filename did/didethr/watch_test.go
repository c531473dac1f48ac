package didethr

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/khyer/khyer/did"
)

// watched is a fake chain, a resolver that reads its newest block, and a watch whose looks the test makes itself.
type watched struct {
	*chain
	*testing.T
	r     *Resolver
	n     *network
	clock time.Time // of the resolver's monotonic clock
}

const watchedFor = time.Minute // a watch's limit in these tests

func newWatched(t *testing.T, change ...func(*Config)) *watched {
	w := &watched{chain: newChain(), T: t, clock: testTime}
	w.receipts = true
	w.r = w.serve(t, append([]func(*Config){func(c *Config) { c.Finality = "latest" }}, change...)...)
	w.r.since = func() time.Time { return w.clock }
	w.n = w.r.networks[0]
	w.r.cache.begin(w.n, watchedFor)
	return w
}

// look makes one step and returns how many requests it took.
func (w *watched) look() (int, error) {
	before := w.count()
	err := w.r.look(w.Context(), w.n, time.Minute)
	return w.count() - before, err
}

func (w *watched) count() int {
	w.chain.mu.Lock()
	defer w.chain.mu.Unlock()
	return w.requests
}

// resolve returns the number of the DID's keys and how many requests that took. The answer must be of the newest block.
func (w *watched) resolve(id did.DID) (keys, requests int) {
	w.Helper()
	before := w.count()
	res, err := w.r.Resolve(w.Context(), id, did.At{})
	if err != nil {
		w.Fatal(err)
	}
	if head := w.head(); res.Anchor.Hash != head.Hash || res.Anchor.Tag != "latest" || res.Anchor.Trust != "asserted" || !res.Anchor.Time.Equal(unix(head.Time)) {
		w.Errorf("read at %+v, the newest block is %d", res.Anchor, head.Number)
	}
	return len(res.Keys), w.count() - before
}

func (w *watched) expect(id did.DID, keys, requests int) {
	w.Helper()
	if k, n := w.resolve(id); k != keys || n != requests {
		w.Errorf("%d keys after %d requests, want %d after %d", k, n, keys, requests)
	}
}

func (w *watched) see(requests int) {
	w.Helper()
	if n, err := w.look(); err != nil || n != requests {
		w.Errorf("a look with %d requests, %v; want %d", n, err, requests)
	}
}

func many(n int) (a Address, id did.DID) {
	a = Address{0x77, 17: byte(n >> 16), 18: byte(n >> 8), 19: byte(n)}
	id, _ = did.Parse("did:ethr:dev:" + strings.ToLower(a.String()))
	return a, id
}

// TestTenThousandIdentitiesAreOneRequestForEachBlock: what was resolved once is fresh from then on, without a request for any DID.
func TestTenThousandIdentitiesAreOneRequestForEachBlock(t *testing.T) {
	w := newWatched(t)
	const all = 10_000
	w.see(1)
	for i := range all {
		_, id := many(i)
		if k, _ := w.resolve(id); k != 1 {
			t.Fatalf("%d keys", k)
		}
	}
	asked := 0
	for block := range 5 {
		w.mine(1)
		a, changed := many(block)
		if block%2 == 0 {
			w.attribute(a, veriKey, p256Value(block), never)
		}
		n, err := w.look()
		if asked += n; err != nil || n > 2 {
			t.Fatalf("%d requests for a block, %v", n, err)
		}
		before := w.count()
		for i := range all {
			_, id := many(i)
			if id == changed && block%2 == 0 {
				continue
			}
			want := 1
			if i < block && i%2 == 0 {
				want = 2
			}
			if k, n := w.resolve(id); k != want || n != 0 {
				t.Fatalf("block %d, identity %d: %d keys after %d requests", block, i, k, n)
			}
		}
		if n := w.count() - before; n != 0 {
			t.Fatalf("%d requests for what did not change", n)
		}
		if block%2 == 0 {
			w.expect(changed, 2, 2) // the second are the receipts
			w.expect(changed, 2, 0)
		}
	}
	t.Logf("%d identities, 5 blocks, 3 with an event: %d requests", all, asked)
}

func TestWatchSeesEveryKindOfStep(t *testing.T) {
	w := newWatched(t)
	a, id := issuer(1)
	w.see(1)
	w.expect(id, 1, 1)
	w.see(1) // no new block
	w.expect(id, 1, 0)
	w.mine(1)
	w.see(1) // one without an event
	w.expect(id, 1, 0)
	w.mine(5)
	w.see(2) // five
	w.expect(id, 1, 0)
	w.mine(1)
	w.attribute(a, veriKey, p256Value(2), never)
	w.see(2)
	w.expect(id, 2, 2)
	w.expect(id, 2, 0)
	t.Run("a block or an anchor needs a request all the same", func(t *testing.T) {
		for _, at := range []did.At{{Block: 10}, {Anchor: &did.Anchor{Block: 10, Hash: w.blocks[10].Hash}}} {
			before := w.count()
			if res, err := w.r.Resolve(t.Context(), id, at); err != nil || res.Anchor.Block != 10 || w.count() == before {
				t.Errorf("%+v, %v", res, err)
			}
		}
	})
	t.Run("a time does not", func(t *testing.T) {
		before := w.count()
		res, err := w.r.Resolve(t.Context(), id, did.At{Time: unix(w.blocks[3].Time)})
		if err != nil || len(res.Keys) != 1 || w.count() != before {
			t.Errorf("%+v, %v", res, err)
		}
	})
	w.mine(watchGap + 1)
	w.see(1) // too many blocks: the watch begins anew, and what was known is asked for again
	w.expect(id, 2, 1)
	w.expect(id, 2, 0)
}

// TestWatchThatFallsBehind is not relied on.
func TestWatchThatFallsBehind(t *testing.T) {
	for name, behind := range map[string]func(w *watched){
		"nobody looks": func(*watched) {},
		"the node is down": func(w *watched) {
			w.raw = func(rw http.ResponseWriter, _ *http.Request) bool {
				http.Error(rw, "down", http.StatusServiceUnavailable)
				return true
			}
			if _, err := w.look(); !errors.Is(err, did.Unavailable) {
				w.Errorf("error %v, want unavailable", err)
			}
			w.raw = nil
		},
		"the node sends rubbish": func(w *watched) {
			w.raw = write("<html>")
			if _, err := w.look(); !errors.Is(err, did.GarbledAnswer) {
				w.Errorf("error %v, want garbledAnswer", err)
			}
			w.raw = nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWatched(t)
			a, id := issuer(1)
			w.see(1)
			w.expect(id, 1, 1)
			w.mine(1)
			w.attribute(a, veriKey, p256Value(1), never)
			w.clock = w.clock.Add(watchedFor + time.Second)
			behind(w)
			w.expect(id, 2, 3) // asked, read, receipts
			w.expect(id, 2, 1) // each time anew
			w.see(2)
			w.expect(id, 2, 1) // the event came after the watch's last block, so it was dropped
			w.expect(id, 2, 0)
		})
	}
	t.Run("the newest block is old", func(t *testing.T) {
		now := testTime.Add(10 * time.Minute)
		w := newWatched(t, func(c *Config) { c.MaxAge, c.Now = 5*time.Minute, func() time.Time { return now } })
		_, id := issuer(1)
		w.see(1)
		w.expect(id, 1, 1)
		w.expect(id, 1, 0)
		now = now.Add(time.Hour)
		if _, err := w.r.Resolve(t.Context(), id, did.At{}); !errors.Is(err, did.StaleAnswer) {
			t.Errorf("error %v, want staleAnswer", err)
		}
	})
}

// TestWatchBelievesNoLogThatIsMissing: whatever a node leaves out or invents about new blocks, the old document does not stay fresh.
func TestWatchBelievesNoLogThatIsMissing(t *testing.T) {
	drop := func(method string) func(string, []any, any) any {
		return func(m string, _ []any, result any) any {
			if m == method {
				return []any{}
			}
			return result
		}
	}
	refuse := func(method string, code int) func(string, []any, any) any {
		return func(m string, _ []any, result any) any {
			if m == method {
				return &rpcError{code, "query returned more than 10000 results"}
			}
			return result
		}
	}
	edit := func(method string, f func(log map[string]any)) func(string, []any, any) any {
		return func(m string, _ []any, result any) any {
			if l, ok := result.([]any); ok && m == method {
				for _, v := range l {
					v := v.(map[string]any)
					if logs, ok := v["logs"]; ok {
						for _, v := range logs.([]any) {
							f(v.(map[string]any))
						}
					} else {
						f(v)
					}
				}
			}
			return result
		}
	}
	other, _ := issuer(9)
	for _, test := range []struct {
		name     string
		receipts bool
		code     did.Code // "": the step counts
		tamper   func(string, []any, any) any
	}{
		{"the logs are left out", true, did.IncompleteAnswer, drop("eth_getLogs")},
		{"the logs are left out and there are no receipts", false, "", drop("eth_getLogs")},
		{"the receipts are left out", true, did.IncompleteAnswer, drop("eth_getBlockReceipts")},
		{"the logs are refused", true, "", refuse("eth_getLogs", -32005)},
		{"the logs are refused and there are no receipts", false, "", refuse("eth_getLogs", -32005)},
		{"the receipts are refused", true, did.Unavailable, refuse("eth_getBlockReceipts", -32005)},
		{"the logs are of another identity", true, did.IncompleteAnswer, edit("eth_getLogs", func(l map[string]any) {
			l["topics"] = []string{hex32(topicAttribute), hex32(addressWord(other))}
		})},
		{"the logs are of another contract", true, did.GarbledAnswer, edit("eth_getLogs", func(l map[string]any) { l["address"] = other.String() })},
		{"the logs are of another block", true, did.IncompleteAnswer, edit("eth_getLogs", func(l map[string]any) { l["blockHash"] = hex32([32]byte{9}) })},
		{"the logs are of a block out of range", true, did.GarbledAnswer, edit("eth_getLogs", func(l map[string]any) { l["blockNumber"] = "0x1" })},
		{"the logs are half there", true, did.GarbledAnswer, edit("eth_getLogs", func(l map[string]any) { delete(l, "data") })},
		{"the receipts are of another block", true, did.IncompleteAnswer, edit("eth_getBlockReceipts", func(l map[string]any) { l["blockHash"] = hex32([32]byte{9}) })},
		{"the bloom hides them", true, did.GarbledAnswer, func(m string, _ []any, result any) any {
			if h, ok := result.(map[string]any); ok && m == "eth_getBlockByNumber" {
				h["logsBloom"] = "0x" + strings.Repeat("0", 512)
			}
			return result
		}},
		{"there is no bloom", true, did.GarbledAnswer, func(m string, _ []any, result any) any {
			if h, ok := result.(map[string]any); ok && m == "eth_getBlockByNumber" {
				delete(h, "logsBloom")
			}
			return result
		}},
		{"a flood of logs", true, "", func(m string, _ []any, result any) any {
			if l, ok := result.([]any); ok && m == "eth_getLogs" {
				return slices.Repeat(l, maxEvents+1)
			}
			return result
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWatched(t)
			w.receipts = test.receipts
			a, id := issuer(1)
			w.see(1)
			w.expect(id, 1, 1)
			w.mine(2)
			w.attribute(a, veriKey, p256Value(1), never)
			w.mine(1)
			w.tamper = test.tamper
			_, err := w.look()
			if test.code == "" && err != nil || test.code != "" && !errors.Is(err, test.code) {
				t.Fatalf("error %v, want %q", err, test.code)
			}
			w.tamper = nil
			if test.code != "" {
				w.clock = w.clock.Add(watchedFor + 1)
			}
			if k, n := w.resolve(id); k != 2 || n == 0 {
				t.Errorf("%d keys after %d requests", k, n)
			}
		})
	}
}

// TestAttackWatchOmitsOneOfTwoIdentities: a node without receipts leaves out one of two events of a block. The other explains why the bloom
// knows the registry, and not why it may know the first identity.
func TestAttackWatchOmitsOneOfTwoIdentities(t *testing.T) {
	w := newWatched(t)
	w.receipts = false
	a, id := issuer(1)
	b, other := issuer(2)
	_, quiet := issuer(3)
	w.attribute(a, veriKey, p256Value(1), never)
	w.mine(1)
	w.see(1)
	for _, id := range []did.DID{id, other, quiet} {
		w.resolve(id)
	}
	w.mine(1)
	w.attribute(a, veriKey, p256Value(1), 0) // the revocation
	w.attribute(b, veriKey, p256Value(2), never)
	w.tamper = func(m string, p []any, result any) any {
		if m != "eth_getLogs" || len(p[0].(map[string]any)["topics"].([]any)) != 1 {
			return result
		}
		return slices.DeleteFunc(result.([]any), func(l any) bool {
			return l.(map[string]any)["topics"].([]string)[1] == hex32(addressWord(a))
		})
	}
	if _, err := w.look(); err != nil {
		t.Fatal(err)
	}
	w.tamper = nil // the node is well again
	res, err := w.r.Resolve(t.Context(), id, did.At{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := res.Key(id.String()+"#delegate-1", did.AssertionMethod, time.Time{}); !errors.Is(err, did.KeyRevoked) {
		t.Errorf("as of block %d: error %v, want keyRevoked", res.Anchor.Block, err)
	}
	w.expect(other, 2, 1)
	w.expect(quiet, 1, 0) // the bloom says that it has no event
}

// TestWatchWantsEveryParent: headers between the last block and the newest must be one chain.
func TestWatchWantsEveryParent(t *testing.T) {
	w := newWatched(t)
	w.see(1)
	w.mine(4)
	w.tamper = func(m string, p []any, result any) any {
		if h, ok := result.(map[string]any); ok && m == "eth_getBlockByNumber" && p[0] == "0xb" {
			h["hash"] = hex32([32]byte{9})
		}
		return result
	}
	if _, err := w.look(); !errors.Is(err, did.IncompleteAnswer) {
		t.Errorf("error %v, want incompleteAnswer", err)
	}
	w.tamper = nil
	w.see(2)
}

// TestWatchGivesUpOnAFlood: more logs than a history may have are not looked through, and nothing that was known counts as confirmed.
func TestWatchGivesUpOnAFlood(t *testing.T) {
	w := newWatched(t)
	a, id := issuer(1)
	_, quiet := issuer(2)
	w.see(1)
	w.expect(id, 1, 1)
	w.expect(quiet, 1, 1)
	w.mine(1)
	for range 3 {
		w.attribute(a, "did/svc/X", nil, never)
	}
	w.tamper = func(m string, _ []any, result any) any {
		if l, ok := result.([]any); ok && m == "eth_getLogs" && len(l) > 0 {
			return slices.Repeat(l, maxEvents/3+1)
		}
		return result
	}
	w.see(1)
	w.expect(quiet, 1, 1)
	w.expect(quiet, 1, 0)
}

// TestWatchSeesReorganisations: what was read from blocks that are gone is dropped, what is older is kept.
func TestWatchSeesReorganisations(t *testing.T) {
	w := newWatched(t)
	a, changed := issuer(1)
	b, old := issuer(2)
	w.attribute(b, veriKey, p256Value(1), never)
	w.see(1)
	w.expect(old, 2, 2)
	w.expect(changed, 1, 1)
	w.mine(1)
	w.see(1)
	fork := w.head().Number
	w.mine(1)
	w.attribute(a, veriKey, p256Value(1), never)
	w.see(2)
	w.expect(changed, 2, 2)
	w.expect(changed, 2, 0)
	w.expect(old, 2, 0)

	w.fork(fork)
	w.mine(1) // the same number, another hash, no event
	w.see(3)  // the block, where the chains part, what came since
	w.expect(changed, 1, 1)
	w.expect(old, 2, 0)

	w.fork(fork)
	w.mine(2)
	w.attribute(a, veriKey, p256Value(7), never)
	w.look()
	w.expect(changed, 2, 2)
	w.expect(old, 2, 0)

	w.fork(fork) // the chain is shorter now: a node that is behind looks the same
	w.see(3)     // and whether the newest block seen is still there
	w.expect(changed, 1, 1)
	w.expect(old, 2, 0)

	w.fork(2) // before all that the watch has seen
	w.mine(20)
	w.see(3)
	w.expect(changed, 1, 1)
	w.expect(old, 1, 2) // its key is gone
}

// TestReorganisationLeavesNothingStale is the same without a watch: block of the same number, another hash, another event.
func TestReorganisationLeavesNothingStale(t *testing.T) {
	for _, sums := range []bool{false, true} {
		c := newChain()
		c.sums = sums
		a, id := issuer(1)
		c.mine(1)
		c.attribute(a, veriKey, p256Value(1), never)
		r := c.serve(t, func(c *Config) { c.Finality = "latest" })
		key := func() string {
			res, err := r.Resolve(t.Context(), id, did.At{})
			if err != nil || len(res.Keys) != 2 {
				t.Fatalf("%+v, %v", res, err)
			}
			return res.Keys[1].Public.Thumbprint()
		}
		first := key()
		c.fork(9)
		c.mine(1)
		c.attribute(a, veriKey, p256Value(2), never)
		second := key()
		if first == second {
			t.Error("the key of a block that is gone")
		}
		c.fork(9)
		c.mine(1)
		c.attribute(a, veriKey, p256Value(1), never)
		if key() != first {
			t.Error("the key of a block that is gone")
		}
	}
}

// TestWatchEnds with its context; none of its goroutines stays behind, and there is one at a time.
func TestWatchEnds(t *testing.T) {
	c, a, id := busy()
	c.receipts = true
	r := c.serve(t, func(c *Config) { c.Finality = "latest" })
	if err := r.Watch(t.Context(), 0); err == nil {
		t.Error("a watch without an interval")
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	var wg sync.WaitGroup
	var err error
	wg.Go(func() { err = r.Watch(ctx, 5*time.Millisecond) })
	quiet := func() bool {
		c.mu.Lock()
		before := len(c.calls)
		c.mu.Unlock()
		if _, err := r.Resolve(t.Context(), id, did.At{}); err != nil {
			t.Fatal(err)
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		for _, m := range c.calls[before:] {
			if m == "eth_call" {
				return false
			}
		}
		return true
	}
	wait(t, quiet)
	if e := r.Watch(ctx, time.Second); e == nil {
		t.Error("two watches at a time")
	}
	c.mine(1)
	c.attribute(a, "did/svc/New", []byte("https://new.example"), never)
	wait(t, func() bool {
		res, err := r.Resolve(t.Context(), id, did.At{})
		return err == nil && len(res.Document.Service) == 2
	})
	stop := errors.New("enough")
	cancel(stop)
	wg.Wait()
	if !errors.Is(err, stop) {
		t.Errorf("error %v", err)
	}
	if quiet() {
		t.Error("an answer from memory although nobody watches")
	}
}

func wait(t *testing.T, done func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !done(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it takes too long")
		}
	}
}

// TestCacheIsBounded by entries and by bytes; who was asked for last stays.
func TestCacheIsBounded(t *testing.T) {
	c := newChain()
	c.sums = true
	heavy, heavyID := issuer(1)
	for range 40 {
		c.attribute(heavy, "did/svc/X", make([]byte, 1000), never)
	}
	r := c.serve(t)
	r.cache.entries = 10
	requests := func(id did.DID) int {
		if _, err := r.Resolve(t.Context(), id, did.At{}); err != nil {
			t.Fatal(err)
		}
		return strings.Count(strings.Join(c.calls, " "), "eth_getLogs")
	}
	_, first := many(0)
	requests(first)
	for i := range 30 {
		_, id := many(i)
		requests(id)
		requests(first)
	}
	if n := len(r.cache.known); n != 10 {
		t.Errorf("%d entries", n)
	}
	if n := requests(first); n != 30 {
		t.Errorf("%d histories were read, want 30", n)
	}
	requests(heavyID)
	r.cache.bytes = 30_000
	r.cache.entries = 1000
	for i := range 100 {
		_, id := many(i)
		requests(id)
	}
	if r.cache.weight > r.cache.bytes || r.cache.known[cacheKey{r.networks[0], heavy}] != nil {
		t.Errorf("%d bytes, at most %d", r.cache.weight, r.cache.bytes)
	}
	before := requests(heavyID)
	if n := requests(heavyID); n != before+1 {
		t.Error("a history that is too large is kept")
	}
	sum := 0
	for _, e := range r.cache.known {
		sum += e.Value.(*cached).weight
	}
	if sum != r.cache.weight || r.cache.order.Len() != len(r.cache.known) {
		t.Errorf("the books do not balance: %d, %d", sum, r.cache.weight)
	}
}
