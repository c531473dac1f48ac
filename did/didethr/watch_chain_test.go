package didethr_test

import (
	"bytes"
	"context"
	"errors"
	"math/big"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/khyer/khyer/did"
	"github.com/khyer/khyer/did/didethr"
	"github.com/khyer/khyer/did/didethr/ethrtest"
	"github.com/khyer/khyer/did/pubkey"
)

// publish writes a new key of the identity into a block of its own, without an anchor.Registry, whose nonces a reorganisation would upset.
func (w *world) publish() pubkey.Key {
	w.t.Helper()
	k := generate(w.t)
	account, to := w.chain.Accounts()[0], [20]byte(w.registry.Network().Registry)
	data := setAttribute(account.Address, "did/pub/Multikey/veriKey", append([]byte{0x80, 0x24}, k.Bytes()...), 1<<30)
	tx, err := w.chain.Transact(account, &to, big.NewInt(0), data)
	if err != nil {
		w.t.Fatal(err)
	}
	if r, ok := w.chain.Receipt(tx); !ok || !r.OK {
		w.t.Fatal("the registry refused a key")
	}
	return k
}

func (w *world) rewind(number uint64) {
	w.t.Helper()
	if err := w.chain.Rewind(number); err != nil {
		w.t.Fatal(err)
	}
}

// holds tells whether the DID's only Multikey is k.
func (w *world) holds(k pubkey.Key) bool {
	w.t.Helper()
	res, err := w.resolver.Resolve(w.t.Context(), w.id, did.At{})
	if err != nil {
		w.t.Fatal(err)
	}
	found := 0
	for i := range res.Keys {
		if res.Keys[i].Class == "" {
			found++
			if !res.Keys[i].Public.Equal(k) {
				return false
			}
		}
	}
	return found == 1
}

// TestRealReorganisationLeavesNothingStale: a block of the same number with another hash and another key, again and again.
func TestRealReorganisationLeavesNothingStale(t *testing.T) {
	w := newWorld(t, ethrtest.Options{})
	before := w.chain.Head().Number
	first := w.publish()
	for range 5 {
		if !w.holds(first) {
			t.Fatal("the key is not the one that was written")
		}
		old := w.chain.Head()
		w.rewind(before)
		second := w.publish()
		if head := w.chain.Head(); head.Number != old.Number || head.Hash == old.Hash {
			t.Fatal("that is no reorganisation")
		}
		if w.holds(first) || !w.holds(second) {
			t.Fatal("a key from a block that is gone")
		}
		first = second
	}
	w.rewind(before)
	if w.holds(first) {
		t.Error("a key from a block that is gone")
	}
}

// TestWatchOnARealChain: real parents, blooms and receipts, a second identity that never changes, reorganisations.
func TestWatchOnARealChain(t *testing.T) {
	w := newWorld(t, ethrtest.Options{})
	var reads atomic.Int64 // requests about identities
	w.chain.Interfere(func(request, answer []byte) []byte {
		if bytes.Contains(request, []byte("eth_call")) {
			reads.Add(1)
		}
		return answer
	})
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	var ended error
	wg.Go(func() { ended = w.resolver.Watch(ctx, 10*time.Millisecond) })
	quiet := w.registry.DID(didethr.Address{0x77})
	fresh := func() bool {
		before := reads.Load()
		res, err := w.resolver.Resolve(ctx, quiet, did.At{})
		if err != nil {
			t.Fatal(err)
		}
		return reads.Load() == before && res.Anchor.Hash == w.chain.Head().Hash
	}
	until := func(what string, done func() bool) {
		t.Helper()
		for end := time.Now().Add(10 * time.Second); !done(); time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("%s: it takes too long", what)
			}
		}
	}
	until("the watch begins", fresh)
	before := w.chain.Head().Number
	for i := range 5 {
		k := w.publish()
		until("a new key", func() bool { return w.holds(k) })
		until("nothing to ask", fresh)
		if i%2 == 0 {
			if err := w.chain.Mine(20); err != nil {
				t.Fatal(err)
			}
			until("twenty empty blocks", fresh)
			asked := reads.Load()
			if !w.holds(k) || reads.Load() > asked+1 {
				t.Error("the key is gone, or was asked for again and again")
			}
		}
		w.rewind(before)
		until("a key that is gone", func() bool { return !w.holds(k) })
		until("a shorter chain", fresh)
	}
	cancel()
	wg.Wait()
	if !errors.Is(ended, context.Canceled) {
		t.Errorf("error %v", ended)
	}
}
