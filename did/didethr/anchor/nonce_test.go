package anchor

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/khyer/khyer/did/didethr"
	"github.com/khyer/khyer/did/didethr/ethrtest"
)

// handed collects the transactions that are handed in to a node.
type handed struct {
	mu   sync.Mutex
	raws map[string]bool
}

func (h *handed) note(request []byte) {
	var calls []struct {
		Method string
		Params []json.RawMessage
	}
	if json.Unmarshal(request, &calls) != nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, c := range calls {
		if c.Method == "eth_sendRawTransaction" {
			h.raws[string(c.Params[0])] = true
		}
	}
}

func (h *handed) count() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.raws)
}

func mined(t testing.TB, r *Registry, a didethr.Address) uint64 {
	t.Helper()
	latest, _, err := r.counts(context.Background(), a)
	if err != nil {
		t.Fatal(err)
	}
	return latest
}

// TestHundredsAtOnce: three Registry values, one account, 300 goroutines, once with a block for each transaction and once with blocks that
// come when they come. Each nonce is used once, and everything is mined.
func TestHundredsAtOnce(t *testing.T) {
	for _, manual := range []bool{false, true} {
		t.Run(fmt.Sprint("manual ", manual), func(t *testing.T) {
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			chain := start(t, ethrtest.Options{Manual: manual})
			if manual {
				mining(t, chain)
			}
			first := deploy(t, chain, config(chain))
			cfg := config(chain)
			cfg.Network = first.Network()
			registries := []*Registry{first}
			for range 2 {
				r, err := Open(ctx, cfg)
				if err != nil {
					t.Fatal(err)
				}
				registries = append(registries, r)
			}
			owner := person(t, chain, 0)
			const each = 100
			var mu sync.Mutex
			hashes := map[[32]byte]bool{}
			var wg sync.WaitGroup
			for n := range each * len(registries) {
				wg.Go(func() {
					i := registries[n%len(registries)].Identity(owner.Address(), owner)
					got, err := one(i.Apply(ctx, SetAttribute(fmt.Sprintf("did/svc/S%d", n), []byte("https://a.example"), time.Hour)))
					if err != nil || got.State != Mined {
						t.Error(n, got.State, err)
					}
					mu.Lock()
					defer mu.Unlock()
					hashes[got.Tx] = true
				})
			}
			wg.Wait()
			if n := mined(t, first, owner.Address()); n != each*3 || len(hashes) != each*3 {
				t.Errorf("%d nonces used by %d transactions", n, len(hashes))
			}
			if n := len(resolve(t, first, chain, first.DID(owner.Address())).Document.Service); n != each*3 {
				t.Errorf("%d services", n)
			}
		})
	}
}

// TestTwoProcesses write with one account and know nothing of each other: whoever loses a nonce takes the next.
func TestTwoProcesses(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	chain := start(t, ethrtest.Options{Manual: true})
	mining(t, chain)
	first := deploy(t, chain, config(chain))
	second := *first
	second.genesis[0] ^= 1 // so it has nonces of its own
	first.settle, second.settle = 100*time.Millisecond, 100*time.Millisecond
	owner := person(t, chain, 0)
	var wg sync.WaitGroup
	for n := range 40 {
		wg.Go(func() {
			r := []*Registry{first, &second}[n%2]
			if _, err := one(r.Identity(owner.Address(), owner).Apply(ctx, SetAttribute(fmt.Sprintf("did/svc/S%d", n), []byte("https://a.example"), time.Hour))); err != nil {
				t.Error(n, err)
			}
		})
	}
	wg.Wait()
	if n := mined(t, first, owner.Address()); n != 40 {
		t.Errorf("%d transactions for 40 operations", n)
	}
	if n := len(resolve(t, first, chain, first.DID(owner.Address())).Document.Service); n != 40 {
		t.Errorf("%d services", n)
	}
}

// TestNodeLiesAboutNonces: the account's count is one behind (another node behind the same URL), far too low, far too high, a little too
// high. Nothing is doubled or replaced.
func TestNodeLiesAboutNonces(t *testing.T) {
	chain := start(t, ethrtest.Options{})
	r := deploy(t, chain, config(chain))
	r.settle = 50 * time.Millisecond
	owner := person(t, chain, 0)
	i := r.Identity(owner.Address(), owner)
	for range 6 {
		if _, err := one(i.Apply(context.Background(), AddKey(signingKey(t), VeriKey, time.Hour))); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		name  string
		count func(true uint64) uint64
		want  Reason
		state State
	}{
		{"one behind", func(n uint64) uint64 { return n - 1 }, "", Mined},
		{"always zero", func(uint64) uint64 { return 0 }, "", Mined}, // it learns from each refusal
		{"2^63", func(uint64) uint64 { return 1 << 63 }, NoAnswer, Unsent},
		{"the highest", func(uint64) uint64 { return 1<<64 - 1 }, NoAnswer, Unsent},
	} {
		before := mined(t, r, owner.Address())
		lie(chain, "eth_getTransactionCount", func(result json.RawMessage) (json.RawMessage, bool) {
			var n hexUint
			if json.Unmarshal(result, &n) != nil {
				return result, true
			}
			out, _ := json.Marshal(hexUint(tt.count(uint64(n))))
			return out, true
		})
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		got, err := one(i.Apply(ctx, AddKey(signingKey(t), VeriKey, time.Hour)))
		cancel()
		chain.Interfere(nil)
		if tt.want == "" {
			if err != nil {
				t.Errorf("%s: %v", tt.name, err)
			}
		} else {
			wants(t, err, tt.want)
		}
		after := mined(t, r, owner.Address())
		if got.State != tt.state || (after-before == 1) != (tt.state == Mined) {
			t.Errorf("%s: %q, %d mined", tt.name, got.State, after-before)
		}
	}
}

// TestNodeSaysKnownAndNeverMines: the transaction stays pending, fees are raised so often and no more, and the hash is in the error.
func TestNodeSaysKnownAndNeverMines(t *testing.T) {
	chain := start(t, ethrtest.Options{Manual: true})
	stop := mining(t, chain)
	cfg := config(chain)
	cfg.BumpAfter = time.Millisecond
	r := deploy(t, chain, cfg)
	stop()
	owner := person(t, chain, 0)
	seen := handed{raws: map[string]bool{}}
	chain.Interfere(func(request, answer []byte) []byte {
		seen.note(request)
		if bytes.Contains(request, []byte("eth_sendRawTransaction")) {
			return refusal(request, "already known")
		}
		return answer
	})
	ctx, cancel := context.WithTimeout(context.Background(), 8*time.Second)
	defer cancel()
	go func() {
		for seen.count() < 1+maxBumps && ctx.Err() == nil {
			time.Sleep(20 * time.Millisecond)
		}
		time.Sleep(2500 * time.Millisecond) // longer than the longest pause
		cancel()
	}()
	got, err := one(r.Identity(owner.Address(), owner).Apply(ctx, AddKey(signingKey(t), VeriKey, time.Hour)))
	if e := wants(t, err, NoAnswer); e.Tx == ([32]byte{}) || got.State != Pending || got.Tx != e.Tx {
		t.Errorf("%v, %+v", e, got)
	}
	if n := seen.count(); n != 1+maxBumps {
		t.Errorf("signed %d times, want %d", n, 1+maxBumps)
	}
}

// TestNodeRefusesEveryNonce: it gets so many signed transactions and no more.
func TestNodeRefusesEveryNonce(t *testing.T) {
	chain := start(t, ethrtest.Options{Manual: true})
	stop := mining(t, chain)
	r := deploy(t, chain, config(chain))
	stop()
	owner := person(t, chain, 0)
	seen := handed{raws: map[string]bool{}}
	chain.Interfere(func(request, answer []byte) []byte {
		seen.note(request)
		if bytes.Contains(request, []byte("eth_sendRawTransaction")) {
			return refusal(request, "nonce too low")
		}
		return answer
	})
	got, err := one(r.Identity(owner.Address(), owner).Apply(context.Background(), AddKey(signingKey(t), VeriKey, time.Hour)))
	if wants(t, err, NodeRefused); got.State != Unsent || seen.count() != 1+maxTaken {
		t.Errorf("%q, signed %d times", got.State, seen.count())
	}
}

// TestPaymentsAreNotMadeTwice: a node takes a payment, says that it did not, and hides it. A second one, with another nonce, must not be
// signed: it could send both.
func TestPaymentsAreNotMadeTwice(t *testing.T) {
	none := json.RawMessage("null")
	for name, f := range map[string]func(request, answer []byte) []byte{
		"nonce too low": func(request, answer []byte) []byte {
			if bytes.Contains(request, []byte("eth_sendRawTransaction")) {
				return refusal(request, "nonce too low: next nonce 9, tx nonce 0")
			}
			return answer
		},
		"hidden receipt": func(_, answer []byte) []byte { return answer },
	} {
		chain := start(t, ethrtest.Options{})
		r := deploy(t, chain, config(chain))
		r.settle = 50 * time.Millisecond
		payer, to := person(t, chain, 0), generated(t).Address()
		seen := handed{raws: map[string]bool{}}
		hide := lying("eth_getTransactionReceipt", func(json.RawMessage) (json.RawMessage, bool) { return none, true })
		chain.Interfere(func(request, answer []byte) []byte {
			seen.note(request)
			return f(request, hide(request, answer))
		})
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		got, err := r.Fund(ctx, payer, to, big.NewInt(1000))
		cancel()
		var e *Error
		if !errors.As(err, &e) || e.Tx == ([32]byte{}) || e.Reason != NodeRefused && e.Reason != Dropped {
			t.Errorf("%s: %v, %+v", name, err, got)
		}
		if seen.count() != 1 {
			t.Errorf("%s: %d payments were signed", name, seen.count())
		}
	}
}

// TestSendsAgainWhatTheNodeForgot: the pool loses a transaction before its block.
func TestSendsAgainWhatTheNodeForgot(t *testing.T) {
	chain := start(t, ethrtest.Options{Manual: true})
	stop := mining(t, chain)
	cfg := config(chain)
	cfg.BumpAfter = 50 * time.Millisecond
	var once sync.Once
	sent := make(chan struct{})
	cfg.Progress = func(p Progress) {
		if p.Stage == Sending && chain.Head().Number > 0 {
			once.Do(func() { close(sent) })
		}
	}
	r := deploy(t, chain, cfg)
	stop()
	owner := person(t, chain, 0)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	done := make(chan struct{})
	var got []Receipt
	var err error
	go func() {
		defer close(done)
		got, err = r.Identity(owner.Address(), owner).Apply(ctx, AddService("A", "https://a.example", time.Hour), AddService("B", "https://b.example", time.Hour))
	}()
	<-sent
	for {
		if _, pending, err := r.counts(ctx, owner.Address()); err != nil || pending == 2 {
			break
		}
	}
	if err := chain.Rewind(chain.Head().Number); err != nil { // empties the pool
		t.Fatal(err)
	}
	mineUntil(t, chain, done)
	if err != nil || got[0].State != Mined || got[1].State != Mined {
		t.Errorf("%v: %+v", err, got)
	}
	if n := mined(t, r, owner.Address()); n != 2 {
		t.Errorf("%d transactions", n)
	}
}

// TestNodeForgetsWhatWaits: it counts mined transactions alone. What is under way here still keeps its nonce, and no transaction is signed
// in vain.
func TestNodeForgetsWhatWaits(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	chain := start(t, ethrtest.Options{Manual: true})
	stop := mining(t, chain)
	r := deploy(t, chain, config(chain))
	stop()
	owner := person(t, chain, 0)
	seen := handed{raws: map[string]bool{}}
	none := lying("eth_getTransactionCount", func(json.RawMessage) (json.RawMessage, bool) { return json.RawMessage(`"0x0"`), true })
	chain.Interfere(func(request, answer []byte) []byte {
		seen.note(request)
		return none(request, answer)
	})
	const calls = 5
	var wg sync.WaitGroup
	for n := range calls {
		wg.Go(func() {
			i := r.Identity(owner.Address(), owner)
			if _, err := i.Apply(ctx, AddService(fmt.Sprintf("S%d", n), "https://a.example", time.Hour)); err != nil {
				t.Error(n, err)
			}
		})
	}
	for seen.count() < calls && ctx.Err() == nil {
		time.Sleep(5 * time.Millisecond)
	}
	done := make(chan struct{})
	go func() { defer close(done); wg.Wait() }()
	mineUntil(t, chain, done)
	if n := seen.count(); n != calls {
		t.Errorf("%d transactions were signed for %d operations", n, calls)
	}
}

// TestReceiptsLag: the count is of a node that has the newest block, the receipts are of one that does not yet. That is no reason to do it
// again.
func TestReceiptsLag(t *testing.T) {
	chain := start(t, ethrtest.Options{})
	r := deploy(t, chain, config(chain))
	r.settle = 5 * time.Second
	owner := person(t, chain, 0)
	seen := handed{raws: map[string]bool{}}
	polls := 0
	late := lying("eth_getTransactionReceipt", func(result json.RawMessage) (json.RawMessage, bool) {
		if polls++; polls <= 4 {
			return json.RawMessage("null"), true
		}
		return result, true
	})
	chain.Interfere(func(request, answer []byte) []byte {
		seen.note(request)
		return late(request, answer)
	})
	got, err := one(r.Identity(owner.Address(), owner).Apply(context.Background(), AddKey(signingKey(t), VeriKey, time.Hour)))
	if err != nil || got.State != Mined || polls != 5 {
		t.Errorf("%v, %q after %d polls", err, got.State, polls)
	}
	if n := seen.count(); n != 1 {
		t.Errorf("signed %d times", n)
	}
}

func TestUnknownWordsOfNodes(t *testing.T) {
	chain := start(t, ethrtest.Options{})
	r := deploy(t, chain, config(chain))
	owner := person(t, chain, 0)
	for _, words := range []string{"intrinsic gas too low", "exceeds block gas limit", strings.Repeat("x", 10_000), ""} {
		chain.Interfere(func(request, answer []byte) []byte {
			if bytes.Contains(request, []byte("eth_sendRawTransaction")) {
				return refusal(request, words)
			}
			return answer
		})
		_, err := one(r.Identity(owner.Address(), owner).Apply(context.Background(), AddKey(signingKey(t), VeriKey, time.Hour)))
		if e := wants(t, err, NodeRefused); len(e.Error()) > 500 {
			t.Error("a stranger's text is passed on unbounded")
		}
	}
}
