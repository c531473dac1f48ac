package verifiertest

import (
	"context"
	"crypto/rand"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/khyer/khyer/verifier"
)

// ReplayGuard checks an implementation of verifier.ReplayGuard. open returns a handle on one and the same guard each time it is called: as two
// processes would have, where the guard is meant for several. It takes two seconds, by the machine's clock.
//
// What it holds a guard to: of any number of callers at once one is told that a key is fresh, and from then on nobody until the time is over, whatever times
// later callers name; keys do not touch each other; and an error never comes with fresh.
func ReplayGuard(t testing.TB, open func() verifier.ReplayGuard) {
	t.Helper()
	a, b := open(), open()
	long := time.Now().Add(time.Hour)
	use := func(g verifier.ReplayGuard, key [32]byte, until time.Time) bool {
		t.Helper()
		fresh, err := g.Use(t.Context(), key, until)
		if err != nil {
			t.Errorf("the guard failed: %v", err)
		}
		if err != nil && fresh {
			t.Error("an error came with fresh")
		}
		return fresh
	}

	// Two keys that are short-lived, begun with; they are looked at again at the end.
	brief, shortened := randomKey(), randomKey()
	end := time.Now().Truncate(time.Second).Add(1900 * time.Millisecond) // no whole second, for stores that count those
	if time.Until(end) < 1200*time.Millisecond {
		end = end.Add(time.Second)
	}
	if !use(a, brief, end) || !use(a, shortened, end) {
		t.Error("a key that was never used is not fresh")
	}
	if use(b, shortened, time.Now().Add(time.Millisecond)) {
		t.Error("a key was fresh twice: once at each of two handles")
	}

	first := randomKey()
	if !use(a, first, long) {
		t.Error("a key that was never used is not fresh")
	}
	for _, g := range []verifier.ReplayGuard{a, b} {
		if use(g, first, long) {
			t.Error("a key was fresh twice")
		}
	}
	for _, at := range []int{0, 15, 31} {
		other := first
		other[at] ^= 1
		if !use(b, other, long) {
			t.Errorf("a key is not fresh because another was used that differs in byte %d alone", at)
		}
	}

	racing(t, a, b, long)
	cancelled(t, a, b, long)

	time.Sleep(5 * time.Millisecond)
	for time.Now().Before(end.Add(-50 * time.Millisecond)) {
		if use(b, brief, end) || use(a, shortened, long) {
			t.Error("a key was forgotten before its time was over")
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	if use(b, first, long) {
		t.Error("a key was forgotten before its time was over")
	}
}

// racing lets 200 callers use each of eight keys at the same time.
func racing(t testing.TB, a, b verifier.ReplayGuard, until time.Time) {
	t.Helper()
	const callers = 200
	for range 8 {
		key := randomKey()
		var fresh, failed atomic.Int64
		var all sync.WaitGroup
		start := make(chan struct{})
		for n := range callers {
			all.Go(func() {
				<-start
				ok, err := []verifier.ReplayGuard{a, b}[n%2].Use(t.Context(), key, until)
				if ok {
					fresh.Add(1)
				}
				if err != nil {
					failed.Add(1)
				}
			})
		}
		close(start)
		all.Wait()
		if fresh.Load() != 1 || failed.Load() != 0 {
			t.Errorf("of %d callers at once %d were told that the key is fresh, and %d got an error", callers, fresh.Load(), failed.Load())
			return
		}
	}
}

// cancelled uses a key whose caller has gone. A guard in memory may do its work all the same.
func cancelled(t testing.TB, a, b verifier.ReplayGuard, until time.Time) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	key := randomKey()
	begun := time.Now()
	fresh, err := a.Use(ctx, key, until)
	if time.Since(begun) > 5*time.Second {
		t.Error("a caller whose context had ended was kept waiting")
	}
	switch {
	case fresh && err != nil:
		t.Error("an error came with fresh")
	case !fresh && err == nil:
		t.Error("a key that was never used is not fresh: a context that has ended is an error, and no use")
	}
	second, err := b.Use(t.Context(), key, until)
	if err != nil {
		t.Errorf("the guard failed after a caller had gone: %v", err)
	}
	if fresh && second {
		t.Error("a key was fresh twice")
	}
}

func randomKey() (key [32]byte) {
	rand.Read(key[:])
	return key
}
