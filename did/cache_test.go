package did

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// counting answers with a fresh resolution each time and counts.
func counting(calls *atomic.Int64, err error) Resolver {
	return resolverFunc(func(_ context.Context, id DID, _ At) (*Resolution, error) {
		calls.Add(1)
		if err != nil {
			return nil, err
		}
		return &Resolution{Document: &Document{ID: id}}, nil
	})
}

func TestCacheKeepsForATime(t *testing.T) {
	var calls atomic.Int64
	c := Cache(counting(&calls, nil), time.Minute).(*cache)
	now := day(1)
	c.now = func() time.Time { return now }
	resolve := func() *Resolution {
		t.Helper()
		r, err := c.Resolve(t.Context(), DID{subject}, At{})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	first := resolve()
	now = now.Add(time.Minute - 1)
	if resolve() != first || calls.Load() != 1 {
		t.Error("asked again within the time")
	}
	now = now.Add(1)
	if resolve() == first || calls.Load() != 2 {
		t.Error("kept beyond the time")
	}
	now = now.Add(-time.Hour) // a clock that was set back must not keep an entry for ever
	if resolve(); calls.Load() != 3 {
		t.Error("an entry from the future was used")
	}
}

func TestCacheOnlyForTheNewestState(t *testing.T) {
	var calls atomic.Int64
	c := Cache(counting(&calls, nil), time.Minute)
	for _, at := range []At{{Block: 1}, {Time: day(1)}, {Anchor: &Anchor{}}} {
		for range 2 {
			if _, err := c.Resolve(t.Context(), DID{subject}, at); err != nil {
				t.Fatal(err)
			}
		}
	}
	if calls.Load() != 6 {
		t.Errorf("%d calls, want 6", calls.Load())
	}
}

func TestCacheKeepsNoErrors(t *testing.T) {
	for _, want := range []Code{NotFound, Unavailable} {
		var calls atomic.Int64
		c := Cache(counting(&calls, &Error{Code: want}), time.Minute)
		for range 3 {
			if _, err := c.Resolve(t.Context(), DID{subject}, At{}); !errors.Is(err, want) {
				t.Errorf("got %v", err)
			}
		}
		if calls.Load() != 3 {
			t.Errorf("%s: %d calls, want 3", want, calls.Load())
		}
	}
	if r := counting(new(atomic.Int64), nil); fmt.Sprintf("%p", Cache(r, 0)) != fmt.Sprintf("%p", r) {
		t.Error("a cache that keeps nothing")
	}
}

// Many callers share one resolve, and the cache stays bounded: the entry that was not asked for longest goes.
func TestCacheIsBounded(t *testing.T) {
	var calls atomic.Int64
	c := Cache(counting(&calls, nil), time.Minute).(*cache)
	c.size = 3
	ask := func(i int) {
		if _, err := c.Resolve(t.Context(), DID{fmt.Sprint("did:example:", i)}, At{}); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 3 {
		ask(i)
	}
	ask(0)
	ask(3) // pushes 1 out
	ask(0)
	ask(2)
	if calls.Load() != 4 {
		t.Errorf("%d calls, want 4", calls.Load())
	}
	ask(1)
	if calls.Load() != 5 || len(c.entries) != 3 || c.order.Len() != 3 || len(c.flights) != 0 {
		t.Errorf("%d calls, %d entries, %d in order, %d flights", calls.Load(), len(c.entries), c.order.Len(), len(c.flights))
	}
}

// TestLargeDocumentsOfAStranger do not fill the memory, and one that is larger than all may be is not kept.
func TestLargeDocumentsOfAStranger(t *testing.T) {
	large := json.RawMessage(`"` + strings.Repeat("a", 100<<10) + `"`)
	doc := Document{
		Context: []string{strings.Repeat("a", 100)}, VerificationMethod: []Method{{Extra: map[string]json.RawMessage{"x": large}}},
		Service: []Service{{Endpoint: large}, {Extra: map[string]json.RawMessage{"x": large}}}, Extra: map[string]json.RawMessage{"x": large},
		Relationships: map[Purpose][]string{Authentication: {strings.Repeat("a", 1000)}},
	}
	if w := weight(&Resolution{Document: &doc, Keys: make([]Key, 3)}); w < 4*100<<10+1100 || w > 500<<10 {
		t.Errorf("weighs %d", w)
	}
	var calls atomic.Int64
	c := Cache(resolverFunc(func(_ context.Context, id DID, _ At) (*Resolution, error) {
		calls.Add(1)
		d := doc
		d.ID = id
		return &Resolution{Document: &d}, nil
	}), time.Minute).(*cache)
	for c.heaviest = 1 << 20; c.heaviest > 0; c.heaviest -= 1<<20 - 1000 {
		for i := range 10 {
			if _, err := c.Resolve(t.Context(), DID{fmt.Sprint("did:example:", i)}, At{}); err != nil {
				t.Fatal(err)
			}
			sum := 0
			for e := c.order.Front(); e != nil; e = e.Next() {
				sum += e.Value.(*entry).weight
			}
			if c.weight != sum || sum > 1<<20 || len(c.entries) != c.order.Len() || i == 9 && len(c.entries) != 2 {
				t.Errorf("%d bytes, %d by the sum, %d entries", c.weight, sum, len(c.entries))
			}
		}
	}
	if calls.Load() < 18 {
		t.Errorf("%d calls", calls.Load())
	}
}

func TestCacheSharesOneResolve(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int64
		release := make(chan struct{})
		c := Cache(resolverFunc(func(ctx context.Context, id DID, _ At) (*Resolution, error) {
			calls.Add(1)
			select {
			case <-release:
				return &Resolution{Document: &Document{ID: id}}, nil
			case <-ctx.Done():
				return nil, &Error{Unavailable, ctx.Err()}
			}
		}), time.Minute)

		first, leave := context.WithCancel(t.Context())
		var group sync.WaitGroup
		group.Go(func() { // begins the resolve, then leaves: the others must not suffer
			if _, err := c.Resolve(first, DID{subject}, At{}); !errors.Is(err, Unavailable) || !errors.Is(err, context.Canceled) {
				t.Errorf("the one who left: %v", err)
			}
		})
		synctest.Wait()
		for range 5 {
			group.Go(func() {
				if r, err := c.Resolve(t.Context(), DID{subject}, At{}); err != nil || r.Document.ID.String() != subject {
					t.Errorf("a waiter: %v", err)
				}
			})
		}
		synctest.Wait()
		leave()
		synctest.Wait()
		close(release)
		group.Wait()
		if calls.Load() != 1 {
			t.Errorf("%d calls, want 1", calls.Load())
		}
	})
}

func TestCacheLimitsAHangingResolve(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := Cache(resolverFunc(func(ctx context.Context, _ DID, _ At) (*Resolution, error) {
			<-ctx.Done()
			return nil, &Error{Unavailable, ctx.Err()}
		}), time.Minute)
		began := time.Now()
		if _, err := c.Resolve(t.Context(), DID{subject}, At{}); !errors.Is(err, Unavailable) || time.Since(began) != fetchTimeout {
			t.Errorf("%v after %v", err, time.Since(began))
		}
	})
}

// TestCallersThatComeAndGo: each leaves a resolve behind, but only so many; then a caller's resolve ends with the caller.
func TestCallersThatComeAndGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var running atomic.Int64
		c := Cache(resolverFunc(func(ctx context.Context, _ DID, _ At) (*Resolution, error) {
			running.Add(1)
			defer running.Add(-1)
			<-ctx.Done()
			return nil, &Error{Unavailable, ctx.Err()}
		}), time.Minute).(*cache)
		c.size = 3
		for i := range 10 {
			ctx, leave := context.WithCancel(t.Context())
			var group sync.WaitGroup
			group.Go(func() {
				if _, err := c.Resolve(ctx, DID{fmt.Sprint("did:example:", i)}, At{}); !errors.Is(err, Unavailable) {
					t.Error(err)
				}
			})
			synctest.Wait()
			leave()
			group.Wait()
		}
		if running.Load() != 3 {
			t.Errorf("%d resolves are left, want 3", running.Load())
		}
		time.Sleep(fetchTimeout)
		synctest.Wait()
		if running.Load() != 0 {
			t.Errorf("%d resolves are left for ever", running.Load())
		}
	})
}

func TestCacheSurvivesAFaultyResolver(t *testing.T) {
	for name, r := range map[string]Resolver{
		"panic":     resolverFunc(func(context.Context, DID, At) (*Resolution, error) { panic("boom") }),
		"no answer": resolverFunc(func(context.Context, DID, At) (*Resolution, error) { return nil, nil }),
		"exit":      resolverFunc(func(context.Context, DID, At) (*Resolution, error) { runtime.Goexit(); return nil, nil }),
	} {
		c := Cache(r, time.Minute)
		for range 2 {
			if res, err := c.Resolve(t.Context(), DID{subject}, At{}); !errors.Is(err, InternalError) || res != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

// TestCacheWeighsWhatItKeeps: no document of at most MaxDocument takes more memory than the cache believes, by which it bounds itself.
func TestCacheWeighsWhatItKeeps(t *testing.T) {
	repeat := func(s string) string {
		return strings.TrimSuffix(strings.Repeat(s+",", (MaxDocument-200)/(len(s)+1)), ",")
	}
	numbered := func(form string) string { // as many as there is room for, each with a number
		var b strings.Builder
		for i := 0; b.Len() < MaxDocument-300; i++ {
			fmt.Fprintf(&b, form+",", i)
		}
		return strings.TrimSuffix(b.String(), ",")
	}
	for name, member := range map[string]string{
		"types of a service":    `"service":[{"type":[` + repeat(`"ab"`) + `],"serviceEndpoint":"x"}]`,
		"empty names":           `"alsoKnownAs":[` + repeat(`""`) + `]`,
		"one long type":         `"service":[{"type":"` + strings.Repeat("x", 250_000) + `","serviceEndpoint":"x"}]`,
		"services":              `"service":[` + repeat(`{"type":"","serviceEndpoint":""}`) + `]`,
		"services with members": `"service":[` + repeat(`{"type":"","serviceEndpoint":"","a":0}`) + `]`,
		"members":               numbered(`"%x":0`),
		"methods":               `"verificationMethod":[` + numbered(`{"id":"#%x","type":"x","controller":"did:a:b","x":1}`) + `]`,
		"references":            `"assertionMethod":[` + numbered(`"#%x"`) + `]`,
		"contexts":              `"@context":[` + repeat(`{}`) + `]`,
	} {
		const n = 4
		kept := make([]*Resolution, n)
		heap := func() int {
			runtime.GC()
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			return int(m.HeapAlloc)
		}
		texts := make([][]byte, n)
		for i := range texts {
			texts[i] = []byte(`{"id":"did:example:` + strconv.Itoa(i) + `",` + member + `}`)
		}
		before := heap()
		for i := range kept {
			doc, err := ParseDocument(texts[i])
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if kept[i], err = NewResolution(doc); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		used, guessed := heap()-before, 0
		for _, r := range kept {
			guessed += weight(r)
		}
		if used > guessed*5/4 {
			t.Errorf("%s: a document takes %d KiB and weighs %d KiB", name, used/n>>10, guessed/n>>10)
		}
		runtime.KeepAlive(kept)
		runtime.KeepAlive(texts)
	}
}
