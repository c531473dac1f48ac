package status_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/khyer/khyer/credential/status"
)

var registryKey = []byte("thirty-two bytes of a test's key.")

func registry(tb testing.TB, change func(*status.RegistryConfig)) *status.Registry {
	tb.Helper()
	c := status.RegistryConfig{Store: status.NewMemory(), URI: "https://registry.example/status", Key: registryKey, Now: func() time.Time { return now }}
	if change != nil {
		change(&c)
	}
	r, err := status.NewRegistry(c)
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

func ExampleRegistry() {
	ctx := context.Background()
	r, err := status.NewRegistry(status.RegistryConfig{
		Store: status.NewMemory(), // boltstore or pgstore where it must last
		URI:   "https://registry.example/status",
		Key:   []byte("a secret of at least thirty-two bytes"),
	})
	if err != nil {
		panic(err)
	}
	// Before a card is signed it gets its place; the record is what the civil registry knows it by.
	ref, err := r.Allocate(ctx, "record 4711")
	if err != nil {
		panic(err)
	}
	fmt.Println(ref.URI)

	// Later an officer revokes it.
	cards, err := r.Find(ctx, "record 4711")
	if err != nil {
		panic(err)
	}
	for _, card := range cards {
		if err := r.Set(ctx, card, status.Revoked, "officer 12", "reported lost"); err != nil {
			panic(err)
		}
	}
	changes, err := r.History(ctx, ref)
	if err != nil {
		panic(err)
	}
	fmt.Println(changes[0].Value, changes[0].By, changes[0].Why)
	fmt.Println(r.Set(ctx, ref, status.Valid, "officer 12", "found again"))
	// Output:
	// https://registry.example/status/0
	// revoked officer 12 reported lost
	// status_revoked_for_good
}

// TestNoIndexTwice: several registries of one store, as several processes have, allocate at once over several lists.
func TestNoIndexTwice(t *testing.T) {
	store := status.NewMemory()
	const workers, each, cards = 8, 250, 300
	var mu sync.Mutex
	seen := map[status.Reference]bool{}
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			r := registry(t, func(c *status.RegistryConfig) { c.Store, c.Cards = store, cards })
			for n := range each {
				ref, err := r.Allocate(t.Context(), fmt.Sprint("record ", w, " ", n))
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				if seen[ref] {
					t.Errorf("%v was given out twice", ref)
				}
				seen[ref] = true
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	lists := map[string]int{}
	for ref := range seen {
		if ref.Index >= cards {
			t.Errorf("%v is behind the end", ref)
		}
		lists[ref.URI]++
	}
	if len(lists) != 7 || lists["https://registry.example/status/0"] != cards {
		t.Errorf("2,000 cards in lists of 300: %v", lists)
	}
}

// TestOrderTellsNothing: cards that were issued one after the other stand anywhere, and in another order in every list.
func TestOrderTellsNothing(t *testing.T) {
	const cards = 1 << 12
	var orders [][]uint64
	for range 2 {
		r := registry(t, func(c *status.RegistryConfig) { c.Cards = cards })
		refs, err := r.AllocateAll(t.Context(), slices.Repeat([]string{"a"}, cards))
		if err != nil {
			t.Fatal(err)
		}
		var order []uint64
		up := 0
		for i, ref := range refs {
			order = append(order, ref.Index)
			if i > 0 && ref.Index > refs[i-1].Index {
				up++
			}
		}
		if up < cards*45/100 || up > cards*55/100 {
			t.Errorf("%d of %d indexes are greater than the one before", up, cards)
		}
		orders = append(orders, slices.Clone(order))
		slices.Sort(order)
		for i, index := range order {
			if index != uint64(i) {
				t.Fatalf("a full list lacks index %d", i)
			}
		}
	}
	same := 0
	for i := range orders[0] {
		if orders[0][i] == orders[1][i] {
			same++
		}
	}
	if same > 20 {
		t.Errorf("two lists have %d places in common", same)
	}
}

func TestChangesOfStatus(t *testing.T) {
	ctx := t.Context()
	at := now
	r := registry(t, func(c *status.RegistryConfig) { c.Now = func() time.Time { return at } })
	ref, err := r.Allocate(ctx, "a")
	if err != nil {
		t.Fatal(err)
	}
	if h, err := r.History(ctx, ref); err != nil || len(h) != 0 {
		t.Errorf("a new card: %v %v", h, err)
	}
	for i, step := range []struct {
		to   status.Value
		want error
	}{
		{status.Valid, nil}, // changes nothing
		{status.Suspended, nil},
		{status.Valid, nil},
		{status.Suspended, nil},
		{status.Suspended, nil}, // changes nothing
		{4, status.ValueTooLarge},
		{status.Revoked, nil},
		{status.Revoked, nil}, // changes nothing
		{status.Valid, status.FinallyRevoked},
		{status.Suspended, status.FinallyRevoked},
	} {
		at = at.Add(time.Minute)
		if err := r.Set(ctx, ref, step.to, "officer", fmt.Sprint("step ", i)); !errors.Is(err, step.want) {
			t.Errorf("step %d to %v: %v, want %v", i, step.to, err, step.want)
		}
	}
	if l, err := r.List(ctx, ref.URI); err != nil {
		t.Error(err)
	} else if v, err := l.At(ref.Index); err != nil || v != status.Revoked || l.URI != ref.URI {
		t.Errorf("the list as it stands: %v %v", v, err)
	}
	if _, err := r.List(ctx, ref.URI+"0"); !errors.Is(err, status.NotAllocated) {
		t.Errorf("another list: %v", err)
	}
	h, err := r.History(ctx, ref)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range h {
		got = append(got, fmt.Sprintf("%v %s %s %v", c.Value, c.By, c.Why, c.At.Sub(now)))
	}
	want := []string{"suspended officer step 1 2m0s", "valid officer step 2 3m0s", "suspended officer step 3 4m0s", "revoked officer step 6 7m0s"}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestWhatARegistryRefuses(t *testing.T) {
	ctx := t.Context()
	r := registry(t, func(c *status.RegistryConfig) { c.Cards = 64 })
	ref, err := r.Allocate(ctx, "a")
	if err != nil {
		t.Fatal(err)
	}
	free := status.Reference{URI: ref.URI, Index: (ref.Index + 1) % 64}
	for name, bad := range map[string]status.Reference{
		"an index nobody has": free, "behind the end": {URI: ref.URI, Index: 64}, "far behind": {URI: ref.URI, Index: 1 << 63},
		"no such list": {URI: "https://registry.example/status/1"}, "another's list": {URI: "https://other.example/status/0", Index: ref.Index},
		"a list in another spelling": {URI: "https://registry.example/status/00", Index: ref.Index}, "no list": {},
		"a longer URI": {URI: ref.URI + "/", Index: ref.Index},
	} {
		if err := r.Set(ctx, bad, status.Revoked, "by", "why"); !errors.Is(err, status.NotAllocated) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := r.History(ctx, bad); !errors.Is(err, status.NotAllocated) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, call := range map[string]func() error{
		"no record":       func() error { _, err := r.Allocate(ctx, ""); return err },
		"a record of 2 K": func() error { _, err := r.Allocate(ctx, strings.Repeat("a", 2<<10)); return err },
		"nobody":          func() error { return r.Set(ctx, ref, status.Revoked, "", "why") },
		"no ground":       func() error { return r.Set(ctx, ref, status.Revoked, "by", "") },
		"bad UTF-8":       func() error { return r.Set(ctx, ref, status.Revoked, "by", "\xff") },
	} {
		if err := call(); !errors.Is(err, status.BadChange) {
			t.Errorf("%s: %v", name, err)
		}
	}
	foreign := status.NewMemory()
	if _, err := registry(t, func(c *status.RegistryConfig) { c.Store, c.URI = foreign, "https://health.example/status" }).Allocate(ctx, "a"); err != nil {
		t.Fatal(err)
	}
	if _, err := registry(t, func(c *status.RegistryConfig) { c.Store = foreign }).Allocate(ctx, "a"); !errors.Is(err, status.BadRegistry) {
		t.Errorf("another registry's store: %v", err)
	}
	for name, change := range map[string]func(*status.RegistryConfig){
		"no store": func(c *status.RegistryConfig) { c.Store = nil }, "a short key": func(c *status.RegistryConfig) { c.Key = c.Key[:31] },
		"http": func(c *status.RegistryConfig) { c.URI = "http://registry.example" }, "a slash": func(c *status.RegistryConfig) { c.URI += "/" },
		"too many cards": func(c *status.RegistryConfig) { c.Cards = 1<<24 + 1 }, "too many bits": func(c *status.RegistryConfig) { c.Cards, c.Bits = 1<<24+8, 8 },
	} {
		c := status.RegistryConfig{Store: status.NewMemory(), URI: "https://registry.example/status", Key: registryKey}
		change(&c)
		if _, err := status.NewRegistry(c); !errors.Is(err, status.BadRegistry) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestStoreNamesNobody: what is in the store after cards of marked records were allocated and revoked.
func TestStoreNamesNobody(t *testing.T) {
	store := status.NewMemory()
	r := registry(t, func(c *status.RegistryConfig) { c.Store = store })
	ref, err := r.Allocate(t.Context(), "MARKER-10000000001")
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Set(t.Context(), ref, status.Revoked, "by", "why"); err != nil {
		t.Fatal(err)
	}
	entries := 0
	err = store.View(t.Context(), func(tx status.Tx) error {
		return tx.Scan(nil, func(key, value []byte) bool {
			entries++
			if strings.Contains(string(key)+string(value), "MARKER") {
				t.Errorf("%q names the record", key)
			}
			return true
		})
	})
	if err != nil || entries < 4 {
		t.Errorf("%d entries, %v", entries, err)
	}
	if refs, err := r.Find(t.Context(), "MARKER-10000000001"); err != nil || !slices.Equal(refs, []status.Reference{ref}) {
		t.Errorf("%v %v", refs, err)
	}
}

// TestStoreOfAnotherRegistry: with another URI a registry would publish what is the cards' elsewhere, and note it as done; with another Key it would find no
// card of any record, and revoke none.
func TestStoreOfAnotherRegistry(t *testing.T) {
	ctx, key, web, at := t.Context(), signer(t), &server{}, now
	store := status.NewMemory()
	open := func(change func(*status.RegistryConfig)) *status.Registry {
		return registry(t, func(c *status.RegistryConfig) {
			c.Store, c.Now = store, func() time.Time { return at }
			if change != nil {
				change(c)
			}
		})
	}
	c := status.PublishConfig{By: status.By{Signer: key, KeyID: "#key-1"}, Lifetime: 24 * time.Hour, Put: web.put}
	r := open(nil)
	ref, err := r.Allocate(ctx, "a")
	if err == nil {
		_, err = r.Publish(ctx, c)
	}
	if err == nil {
		err = r.Set(ctx, ref, status.Revoked, "by", "why")
	}
	if err != nil {
		t.Fatal(err)
	}
	at = at.Add(time.Hour)
	for name, change := range map[string]func(*status.RegistryConfig){
		"another URI": func(c *status.RegistryConfig) { c.URI = "https://new.example/status" },
		"another key": func(c *status.RegistryConfig) { c.Key = []byte("another key of thirty-two bytes..") },
	} {
		other := open(change)
		for what, call := range map[string]func() error{
			"Allocate":    func() error { _, err := other.Allocate(ctx, "b"); return err },
			"Find":        func() error { _, err := other.Find(ctx, "a"); return err },
			"Set":         func() error { return other.Set(ctx, ref, status.Suspended, "by", "why") },
			"History":     func() error { _, err := other.History(ctx, ref); return err },
			"List":        func() error { _, err := other.List(ctx, ref.URI); return err },
			"Publish":     func() error { _, err := other.Publish(ctx, c); return err },
			"Aggregation": func() error { _, err := other.Aggregation(ctx); return err },
		} {
			if err := call(); !errors.Is(err, status.BadRegistry) {
				t.Errorf("%s, %s: %v", name, what, err)
			}
		}
	}
	if _, err := r.Publish(ctx, c); err != nil {
		t.Fatal(err)
	}
	if v, err := web.list(t, ref.URI, key.Public(), at).At(ref.Index); err != nil || v != status.Revoked {
		t.Errorf("the list of the card says %s, %v", v, err)
	}
}
