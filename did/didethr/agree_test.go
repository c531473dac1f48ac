package didethr

import (
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/khyer/khyer/did"
)

// operators serves each chain from a host of its own, to a resolver that wants k of them to agree.
func operators(t testing.TB, k int, change func(*Config), chains ...*chain) *Resolver {
	t.Helper()
	conf := Config{Networks: []Network{{Name: "dev", ChainID: chains[0].chainID, Registry: chains[0].registry, Agree: k}},
		Now: func() time.Time { return unix(chains[0].head().Time) }}
	for _, c := range chains {
		s := httptest.NewServer(c)
		t.Cleanup(s.Close)
		conf.Networks[0].RPC = append(conf.Networks[0].RPC, s.URL)
	}
	if change != nil {
		change(&conf)
	}
	r, err := New(conf)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// twin is another node of the same chain.
func (c *chain) twin() *chain {
	return &chain{chainID: c.chainID, registry: c.registry, blocks: slices.Clone(c.blocks), logs: slices.Clone(c.logs),
		tagged: maps.Clone(c.tagged), stamps: c.stamps, sums: c.sums, receipts: c.receipts, code: c.code, branch: c.branch}
}

// lies are what one operator may do. Those of the first kind fit together and convince whoever asks nobody else.
func lies() map[string]func(c *chain) {
	a, _ := issuer(1)
	on := func(want string, f func(params []any, result any) any) func(*chain) {
		return func(c *chain) {
			c.tamper = func(method string, params []any, result any) any {
				if method == want {
					return f(params, result)
				}
				return result
			}
		}
	}
	return map[string]func(c *chain){
		"invents a key":       func(c *chain) { c.attribute(a, veriKey, p256Value(66), never) },
		"invents an owner":    func(c *chain) { c.changeOwner(a, Address{0x66}) },
		"hides the last log":  func(c *chain) { c.logs = c.logs[:len(c.logs)-1] },
		"hides all":           func(c *chain) { c.logs = nil },
		"changes a value":     func(c *chain) { l := &c.logs[0]; l.Data = slices.Clone(l.Data); l.Data[170] ^= 1 },
		"serves an old block": func(c *chain) { c.blocks = c.blocks[:11]; c.logs = c.logs[:1] },
		"names a newer block": func(c *chain) { c.mine(1000) },
		"serves another branch": func(c *chain) {
			c.fork(9)
			c.mine(5)
			c.attribute(a, veriKey, p256Value(66), never)
		},
		"shifts the time": func(c *chain) {
			for i := range c.blocks {
				c.blocks[i].Time++
			}
		},
		"shifts the time of a change": func(c *chain) { c.blocks[9].Time++ },
		"is on another chain":         func(c *chain) { c.chainID++ },
		"is down": func(c *chain) {
			c.raw = func(w http.ResponseWriter, _ *http.Request) bool {
				http.Error(w, "", http.StatusBadGateway)
				return true
			}
		},
		"limits the rate": func(c *chain) {
			c.raw = func(w http.ResponseWriter, _ *http.Request) bool {
				w.WriteHeader(http.StatusTooManyRequests)
				io.WriteString(w, `{"jsonrpc":"2.0","id":null,"error":{"code":-32005,"message":"rate limit"}}`)
				return true
			}
		},
		"hangs": func(c *chain) {
			c.raw = func(_ http.ResponseWriter, r *http.Request) bool {
				io.Copy(io.Discard, r.Body)
				<-r.Context().Done()
				return true
			}
		},
		"sends half a JSON": func(c *chain) { c.raw = write(`[{"jsonrpc":"2.0","id":1,"result":"0x`) },
		"refuses the logs":  on("eth_getLogs", func([]any, any) any { return &rpcError{-32005, "query returned more than 10000 results"} }),
		"drops a log":       on("eth_getLogs", func(_ []any, r any) any { return r.([]any)[1:] }),
		"has another accumulator": on("eth_call", func(p []any, r any) any {
			if strings.HasPrefix(p[0].(map[string]any)["data"].(string), "0x"+hex32([32]byte(append(selectorHistory, make([]byte, 28)...)))[2:10]) {
				return hex32([32]byte{7})
			}
			return r
		}),
	}
}

// TestOneLiarOfThreeNeverWins: two of three operators must agree. Whatever the third does, from the first request or only once its word
// was good before, the answer is the two honest ones'.
func TestOneLiarOfThreeNeverWins(t *testing.T) {
	for name, lie := range lies() {
		t.Run(name, func(t *testing.T) {
			for place := range 6 {
				for _, late := range []bool{false, true} {
					first, _, id := busy()
					first.sums = place < 3
					place := place % 3
					nodes := []*chain{first, first.twin(), first.twin()}
					r := operators(t, 2, func(c *Config) { c.Client = &http.Client{Timeout: 5 * time.Second} }, nodes...)
					want, err := r.Resolve(t.Context(), id, did.At{})
					if err != nil {
						t.Fatal(err)
					}
					if !late {
						r.cache = newCache()
					}
					nodes[place].hold(func() { lie(nodes[place]) })
					got, err := r.Resolve(t.Context(), id, did.At{})
					if err != nil {
						t.Fatalf("place %d, late %v: %v", place, late, err)
					}
					if got.Anchor.Trust != "agreed" || !reflect.DeepEqual(got, want) {
						t.Errorf("place %d, late %v: got %+v, want %+v", place, late, got, want)
					}
				}
			}
		})
	}
}

// TestLiesAgainstOneOther: of two operators that must both agree, one lies. Nothing is believed.
func TestLiesAgainstOneOther(t *testing.T) {
	want := map[string]did.Code{
		"is on another chain": did.WrongChain, "is down": did.Unavailable, "limits the rate": did.Unavailable, "hangs": did.Unavailable,
		"sends half a JSON": did.IncompleteAnswer, "drops a log": did.IncompleteAnswer, "has another accumulator": did.IncompleteAnswer,
		"refuses the logs": did.Unavailable,
		// The other one's old block is known to both, true, and not too old.
		"serves an old block": "",
	}
	for name, lie := range lies() {
		t.Run(name, func(t *testing.T) {
			honest, _, id := busy()
			honest.sums = true
			liar := honest.twin()
			lie(liar)
			r := operators(t, 2, func(c *Config) { c.Client = &http.Client{Timeout: 200 * time.Millisecond} }, honest, liar)
			res, err := r.Resolve(t.Context(), id, did.At{})
			code, ok := want[name]
			if !ok {
				code = did.Disagreement
			}
			if code == "" {
				if err != nil || res.Anchor.Trust != "agreed" || res.Anchor.Hash != honest.blocks[res.Anchor.Block].Hash {
					t.Errorf("%+v, %v", res, err)
				}
				return
			}
			if !errors.Is(err, code) || !code.Inconclusive() {
				t.Errorf("error %v, want %s", err, code)
			}
			if names := strings.Contains(err.Error(), "endpoint 2: "); names != (code != did.Disagreement) {
				t.Errorf("%v: which endpoint?", err)
			}
		})
	}
}

// TestLiarAboutAnOldBlock: the block that is asked about by its number must be the same one too.
func TestLiarAboutAnOldBlock(t *testing.T) {
	first, _, id := busy()
	nodes := []*chain{first, first.twin(), first.twin()}
	nodes[0].tamper = func(method string, params []any, result any) any {
		if method == "eth_getBlockByNumber" && params[0] == "0xa" {
			return header(Block{10, [32]byte{9}, first.blocks[10].Time + 1})
		}
		return result
	}
	res, err := operators(t, 2, nil, nodes...).Resolve(t.Context(), id, did.At{Block: 10})
	if err != nil || res.Anchor.Hash != first.blocks[10].Hash || res.Anchor.Trust != "agreed" {
		t.Errorf("%+v, %v", res, err)
	}
	if _, err := operators(t, 2, nil, nodes[:2]...).Resolve(t.Context(), id, did.At{Block: 10}); !errors.Is(err, did.Disagreement) {
		t.Errorf("error %v, want disagreement", err)
	}
}

// TestOperatorsAtDifferentBlocks agree about the newest one that enough of them know.
func TestOperatorsAtDifferentBlocks(t *testing.T) {
	for _, test := range []struct {
		heads []int // which blocks are the newest of each node
		k     int
		want  uint64
	}{
		{[]int{14, 14, 14}, 2, 14}, {[]int{14, 13, 12}, 2, 13}, {[]int{12, 14, 13}, 2, 13}, {[]int{14, 13, 12}, 3, 12}, {[]int{14, 12, 12}, 2, 12},
		{[]int{12, 14, 14}, 2, 14}, {[]int{11, 13}, 2, 11},
	} {
		first, _, id := busy()
		var nodes []*chain
		for _, n := range test.heads {
			c := first.twin()
			c.tagged["finalized"] = uint64(n)
			nodes = append(nodes, c)
		}
		r := operators(t, test.k, nil, nodes...)
		for range 2 {
			res, err := r.Resolve(t.Context(), id, did.At{})
			if err != nil || res.Anchor.Block != test.want || res.Anchor.Trust != "agreed" || res.Anchor.Tag != "finalized" {
				t.Errorf("%+v: %+v, %v", test, res, err)
			}
		}
	}
	t.Run("a block that only one calls final", func(t *testing.T) {
		ahead, _, id := busy()
		behind := ahead.twin()
		behind.tagged["finalized"] = 10 // it has the newer blocks, but does not vouch for them
		res, err := operators(t, 2, nil, ahead, behind).Resolve(t.Context(), id, did.At{})
		if err != nil || res.Anchor.Block != 10 {
			t.Errorf("%+v, %v", res, err)
		}
		first := true
		behind.raw = func(w http.ResponseWriter, _ *http.Request) bool { // it is asked about the other's block at once
			if first {
				http.Error(w, "", http.StatusBadGateway)
			}
			defer func() { first = false }()
			return first
		}
		if _, err := operators(t, 2, nil, ahead, behind).Resolve(t.Context(), id, did.At{}); !errors.Is(err, did.Unavailable) {
			t.Errorf("error %v, want unavailable", err)
		}
	})
}

// TestAgreementIsOneRequestEach, cold and warm, and one that is too slow is not waited for.
func TestAgreementIsOneRequestEach(t *testing.T) {
	first, _, id := busy()
	first.sums = true
	slow := first.twin()
	slow.raw = func(_ http.ResponseWriter, r *http.Request) bool {
		io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
		return true
	}
	nodes := []*chain{first, first.twin(), slow}
	r := operators(t, 2, nil, nodes...)
	begin := time.Now()
	for i := range 3 {
		if _, err := r.Resolve(t.Context(), id, did.At{}); err != nil {
			t.Fatal(err)
		}
		for _, c := range nodes[:2] {
			if n := c.asked(); n != i+1 {
				t.Errorf("%d requests, want %d", n, i+1)
			}
		}
	}
	if took := time.Since(begin); took > 2*time.Second {
		t.Errorf("waited %v for one that hangs", took)
	}
	for _, at := range []did.At{{Block: 10}, {Time: unix(first.blocks[10].Time)}, {Anchor: &did.Anchor{Block: 10, Hash: first.blocks[10].Hash}}} {
		if res, err := r.Resolve(t.Context(), id, at); err != nil || res.Anchor.Trust != "agreed" || len(res.Document.Service) != 0 {
			t.Errorf("%+v: %+v, %v", at, res, err)
		}
	}
}

// TestWatchWithALiar: one of three operators leaves events out of every answer; the watch counts what two say.
func TestWatchWithALiar(t *testing.T) {
	first, a, id := busy()
	first.receipts = true
	nodes := []*chain{first, first.twin(), first.twin()}
	r := operators(t, 2, func(c *Config) { c.Finality = "latest" }, nodes...)
	n := r.networks[0]
	r.cache.begin(n, time.Hour)
	look := func() error { return r.look(t.Context(), n, time.Minute) }
	if err := look(); err != nil {
		t.Fatal(err)
	}
	services := func() (int, int) {
		before := first.asked()
		res, err := r.Resolve(t.Context(), id, did.At{})
		if err != nil || res.Anchor.Trust != "agreed" || res.Anchor.Hash != first.head().Hash {
			t.Fatalf("%+v, %v", res, err)
		}
		return len(res.Document.Service), first.asked() - before
	}
	services()
	k, requests := services()
	for i := 0; requests != 0 && i < 100; i++ { // two answered, and the third may still be at its question
		time.Sleep(10 * time.Millisecond)
		k, requests = services()
	}
	if k != 1 || requests != 0 {
		t.Errorf("%d services after %d requests", k, requests)
	}
	for i, c := range nodes {
		c.mine(1)
		if i != 2 {
			c.attribute(a, "did/svc/New", []byte("https://new.example"), never)
		}
	}
	if err := look(); err != nil {
		t.Fatal(err)
	}
	if k, _ := services(); k != 2 {
		t.Errorf("%d services", k)
	}
	nodes[1].mu.Lock()
	nodes[1].raw = write("<html>")
	nodes[1].mu.Unlock()
	if err := look(); err != nil { // no new block: two say so, the liar among them
		t.Error(err)
	}
	for _, c := range nodes {
		c.mine(1)
	}
	nodes[0].attribute(a, "did/svc/More", nil, never)
	if err := look(); !errors.Is(err, did.Disagreement) {
		t.Errorf("error %v, want disagreement", err)
	}
}

func TestOperatorsAreCounted(t *testing.T) {
	a, _ := ParseAddress(testRegistry)
	for _, test := range []struct {
		agree int
		want  string
		rpc   []string
	}{
		{2, "", []string{"https://a.example/key", "https://b.example/key"}},
		{1, "", []string{"https://a.example/1", "https://a.example/2"}},
		{-1, "Agree", []string{"https://a.example"}},
		{3, "Agree", []string{"https://a.example", "https://b.example"}},
		{0, "twice", []string{"https://a.example", "https://a.example"}},
		{2, "one host", []string{"https://a.example/1", "https://a.example/2", "https://b.example"}},
		{2, "one host", []string{"https://a.example", "https://A.example.:443/x"}},
		{2, "one host", []string{"http://a.example", "http://user@a.example:80/x"}},
		{2, "one host", []string{"http://a.example:8545", "https://a.example:9545"}},
		{2, "one host", []string{"http://10.0.0.1:8545", "http://10.0.0.1:9545"}},
		{2, "", []string{"http://127.0.0.1:8545", "http://127.0.0.1:9545", "http://[::1]:8545", "http://localhost:8545"}},
		{2, "one host", []string{"http://localhost:8545/a", "http://localhost:8545/b"}},
	} {
		_, err := New(Config{Networks: []Network{{ChainID: 5, Registry: a, RPC: test.rpc, Agree: test.agree}}})
		if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("%+v: error %v", test, err)
		}
	}
}
