package status_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/khyer/khyer/credential/status"
	"github.com/khyer/khyer/did/pubkey"
)

// server is where lists are put. It remembers every token.
type server struct {
	mu     sync.Mutex
	tokens map[string][]byte
	puts   int
	fail   error
}

func (s *server) put(_ context.Context, uri string, token []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail != nil {
		return s.fail
	}
	if s.tokens == nil {
		s.tokens = map[string][]byte{}
	}
	s.tokens[uri] = token
	if strings.HasPrefix(uri, "https://registry.example/status/") {
		s.puts++
	}
	return nil
}

func (s *server) list(t *testing.T, uri string, key pubkey.Key, at time.Time) *status.List {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	tok, err := status.ParseToken(s.tokens[uri])
	if err != nil {
		t.Fatal(err)
	}
	l, err := tok.Verify(key, status.Want{URI: uri, Now: at, Skew: 30 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestPublishSignsOnlyWhatChanged(t *testing.T) {
	ctx, key, web, at := t.Context(), signer(t), &server{}, now
	r := registry(t, func(c *status.RegistryConfig) { c.Cards, c.Now = 100, func() time.Time { return at } })
	c := status.PublishConfig{By: status.By{Signer: key, KeyID: "#key-1"}, Lifetime: 24 * time.Hour, TTL: time.Hour, Put: web.put, Aggregation: "https://registry.example/status"}
	publish := func(want ...string) {
		t.Helper()
		got, err := r.Publish(ctx, c)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("published %q, want %q: %v", got, want, err)
		}
	}
	publish()
	refs, err := r.AllocateAll(ctx, slices.Repeat([]string{"a"}, 250))
	if err != nil {
		t.Fatal(err)
	}
	const first, second, third = "https://registry.example/status/0", "https://registry.example/status/1", "https://registry.example/status/2"
	publish(first, second, third)
	publish()
	if err := r.Set(ctx, refs[120], status.Suspended, "by", "why"); err != nil {
		t.Fatal(err)
	}
	at = at.Add(time.Minute)
	publish(second)
	for i, ref := range refs {
		want := status.Valid
		if i == 120 {
			want = status.Suspended
		}
		l := web.list(t, ref.URI, key.Public(), at)
		if v, err := l.At(ref.Index); err != nil || v != want || l.Len() != 100 || l.Aggregation != c.Aggregation || l.TTL != time.Hour {
			t.Errorf("card %d: %v %v, want %v", i, v, err, want)
		}
	}
	if err := r.Set(ctx, refs[120], status.Suspended, "by", "again"); err != nil {
		t.Fatal(err)
	}
	publish() // it was suspended already
	at = at.Add(12*time.Hour - 2*time.Minute)
	publish()
	at = at.Add(90 * time.Second)
	publish(first, third)
	at = at.Add(time.Minute)
	publish(second)
	doc, err := r.Aggregation(ctx)
	if want := `{"status_lists":["` + first + `","` + second + `","` + third + `"]}`; err != nil || string(doc) != want {
		t.Errorf("%s %v, want %s", doc, err, want)
	} else if string(web.tokens[c.Aggregation]) != want {
		t.Errorf("what is in place lists %s, want %s", web.tokens[c.Aggregation], want)
	}
}

// TestAggregationListsWhatIsInPlace: neither a list that was never put, nor too few because another publisher came in between.
func TestAggregationListsWhatIsInPlace(t *testing.T) {
	key, web, at := signer(t), &server{}, now
	r := registry(t, func(c *status.RegistryConfig) { c.Cards, c.Now = 100, func() time.Time { return at } })
	if _, err := r.AllocateAll(t.Context(), slices.Repeat([]string{"a"}, 150)); err != nil {
		t.Fatal(err)
	}
	const first, second, third, all = "https://registry.example/status/0", "https://registry.example/status/1", "https://registry.example/status/2", "https://registry.example/status"
	full := errors.New("507 insufficient storage")
	c := status.PublishConfig{By: status.By{Signer: key, KeyID: "#key-1"}, Lifetime: 24 * time.Hour, Put: web.put, Aggregation: all}
	broken := c
	broken.Put = func(ctx context.Context, uri string, token []byte) error {
		if uri == second {
			return full
		}
		return web.put(ctx, uri, token)
	}
	is := func(lists ...string) {
		t.Helper()
		if want := `{"status_lists":["` + strings.Join(lists, `","`) + `"]}`; string(web.tokens[all]) != want {
			t.Errorf("%s is in place, want %s", web.tokens[all], want)
		}
	}
	if _, err := r.Publish(t.Context(), broken); !errors.Is(err, full) {
		t.Fatal(err)
	}
	is(first)
	at = at.Add(time.Minute)
	slow := c
	held := false
	slow.Put = func(ctx context.Context, uri string, token []byte) error {
		if uri == all && !held { // its document lists two when another process publishes the third
			held = true
			if _, err := r.AllocateAll(t.Context(), slices.Repeat([]string{"a"}, 100)); err != nil {
				t.Error(err)
			}
			if _, err := r.Publish(t.Context(), c); err != nil {
				t.Error(err)
			}
			is(first, second, third)
		}
		return web.put(ctx, uri, token)
	}
	if _, err := r.Publish(t.Context(), slow); err != nil {
		t.Fatal(err)
	}
	is(first, second, third)
}

func TestPublishAfterAnInterruption(t *testing.T) {
	ctx, key, web := t.Context(), signer(t), &server{fail: errors.New("the disk is full")}
	r := registry(t, nil)
	ref, err := r.Allocate(ctx, "a")
	if err != nil {
		t.Fatal(err)
	}
	c := status.PublishConfig{By: status.By{Signer: key, KeyID: "#key-1"}, Lifetime: time.Hour, Put: web.put}
	if got, err := r.Publish(ctx, c); !errors.Is(err, web.fail) || len(got) != 0 {
		t.Errorf("%q %v", got, err)
	}
	web.fail = nil
	if got, err := r.Publish(ctx, c); err != nil || !slices.Equal(got, []string{ref.URI}) {
		t.Errorf("%q %v", got, err)
	}
	if l := web.list(t, ref.URI, key.Public(), now); !l.Issued.After(now) {
		t.Error("two tokens of one time")
	}
}

// TestClockSetBack: tokens whose time does not grow would be taken for older ones by verifiers, and refused.
func TestClockSetBack(t *testing.T) {
	ctx, key, web, at := t.Context(), signer(t), &server{}, now
	r := registry(t, func(c *status.RegistryConfig) { c.Now = func() time.Time { return at } })
	ref, err := r.Allocate(ctx, "a")
	if err != nil {
		t.Fatal(err)
	}
	c := status.PublishConfig{By: status.By{Signer: key, KeyID: "#key-1"}, Lifetime: time.Hour, Put: web.put}
	if _, err := r.Publish(ctx, c); err != nil {
		t.Fatal(err)
	}
	if err := r.Set(ctx, ref, status.Revoked, "by", "why"); err != nil {
		t.Fatal(err)
	}
	at = now.Add(-time.Hour)
	if _, err := r.Publish(ctx, c); !errors.Is(err, status.ClockBehind) {
		t.Errorf("an hour back: %v", err)
	}
	at = now.Add(-10 * time.Second)
	if got, err := r.Publish(ctx, c); err != nil || len(got) != 1 {
		t.Errorf("ten seconds back: %q %v", got, err)
	}
	if l := web.list(t, ref.URI, key.Public(), at); !l.Issued.After(now) {
		t.Errorf("issued %v, which is not after %v", l.Issued, now)
	}
}

// TestPublishersAtOnce: eight processes publish while cards are revoked. In the end the newest list is in its place.
func TestPublishersAtOnce(t *testing.T) {
	ctx, key, web := t.Context(), signer(t), &server{}
	var clock sync.Mutex
	at := now
	tick := func() time.Time { // each look at the clock is a second later, so that it keeps up with the tokens
		clock.Lock()
		defer clock.Unlock()
		at = at.Add(time.Second)
		return at
	}
	store := status.NewMemory()
	r := registry(t, func(c *status.RegistryConfig) { c.Store, c.Cards, c.Now = store, 1000, tick })
	refs, err := r.AllocateAll(ctx, slices.Repeat([]string{"a"}, 400))
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			r := registry(t, func(c *status.RegistryConfig) { c.Store, c.Cards, c.Now = store, 1000, tick })
			for _, ref := range refs[w*50 : w*50+50] {
				if err := r.Set(ctx, ref, status.Revoked, "by", "why"); err != nil {
					t.Error(err)
				}
				_, err := r.Publish(ctx, status.PublishConfig{By: status.By{Signer: key, KeyID: "#key-1"}, Lifetime: time.Hour, Put: web.put})
				if err != nil && !errors.Is(err, status.PublishFailed) {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if _, err := r.Publish(ctx, status.PublishConfig{By: status.By{Signer: key, KeyID: "#key-1"}, Lifetime: time.Hour, Put: web.put}); err != nil {
		t.Error(err)
	}
	l := web.list(t, refs[0].URI, key.Public(), tick())
	for i, ref := range refs {
		if v, err := l.At(ref.Index); err != nil || v != status.Revoked {
			t.Errorf("card %d is %v in the list that is served: %v", i, v, err)
		}
	}
	if web.puts < 8 {
		t.Errorf("%d puts", web.puts)
	}
}

func TestPublishIsConfigured(t *testing.T) {
	web, key := &server{}, signer(t)
	good := status.PublishConfig{By: status.By{Signer: key, KeyID: "#key-1"}, Lifetime: time.Hour, Put: web.put}
	for name, change := range map[string]func(*status.PublishConfig){
		"no signer": func(c *status.PublishConfig) { c.Signer = nil }, "no key id": func(c *status.PublishConfig) { c.KeyID = "" },
		"no put": func(c *status.PublishConfig) { c.Put = nil }, "no life": func(c *status.PublishConfig) { c.Lifetime = 0 },
		"a year":         func(c *status.PublishConfig) { c.Lifetime = 365 * 24 * time.Hour },
		"a longer cache": func(c *status.PublishConfig) { c.TTL = 2 * time.Hour },
	} {
		c := good
		change(&c)
		if _, err := registry(t, nil).Publish(t.Context(), c); !errors.Is(err, status.StatementMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestPublisherThatDiesAfterItsPut (or whose context ends) has put its list over that of another, which has a revocation, and has told nobody. Whoever
// publishes next puts a newer one over it; and once it is certain that nothing comes any more, nothing is signed without need.
func TestPublisherThatDiesAfterItsPut(t *testing.T) {
	key, web, at := signer(t), &server{}, now
	r := registry(t, func(c *status.RegistryConfig) { c.Now = func() time.Time { return at } })
	ref, err := r.Allocate(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	c := status.PublishConfig{By: status.By{Signer: key, KeyID: "#key-1"}, Lifetime: 90 * 24 * time.Hour, TTL: time.Hour, Put: web.put}
	ctx, die := context.WithCancel(t.Context())
	slow := c
	slow.Put = func(ctx context.Context, uri string, token []byte) error {
		if err := r.Set(t.Context(), ref, status.Revoked, "by", "why"); err != nil {
			t.Error(err)
		}
		if _, err := r.Publish(t.Context(), c); err != nil { // the other process: its list has the revocation
			t.Error(err)
		}
		err := web.put(ctx, uri, token) // arrives late
		die()                           // and the process ends
		return err
	}
	if _, err := r.Publish(ctx, slow); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if v, err := web.list(t, ref.URI, key.Public(), at).At(ref.Index); err != nil || v != status.Valid {
		t.Fatalf("the older list is not in place: %s, %v", v, err)
	}
	for minute := range 60 {
		at = at.Add(time.Minute)
		published, err := r.Publish(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		if v, err := web.list(t, ref.URI, key.Public(), at).At(ref.Index); err != nil || v != status.Revoked {
			t.Errorf("%s after the revocation was published the list says %s, %v", at.Sub(now), v, err)
		}
		if minute > 10 && len(published) > 0 {
			t.Errorf("minute %d: signed without need", minute)
		}
	}
}

// TestPublishersThatDieByTheHundred leave a record of a list that can be stored still, and is mended all the same.
func TestPublishersThatDieByTheHundred(t *testing.T) {
	key, web, at := signer(t), &server{fail: errors.New("the server is down")}, now
	store := status.NewMemory()
	r := registry(t, func(c *status.RegistryConfig) { c.Store, c.Now = store, func() time.Time { return at } })
	if _, err := r.Allocate(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	c := status.PublishConfig{By: status.By{Signer: key, KeyID: "#key-1"}, Lifetime: 24 * time.Hour, Put: web.put}
	for range 300 {
		at = at.Add(time.Second)
		if _, err := r.Publish(t.Context(), c); !errors.Is(err, web.fail) {
			t.Fatal(err)
		}
	}
	err := store.View(t.Context(), func(tx status.Tx) error {
		return tx.Scan(nil, func(key, value []byte) bool {
			if len(value) > 4<<10 {
				t.Errorf("%q has %d bytes", key, len(value))
			}
			return true
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	web.fail = nil
	signed := 0
	for range 30 {
		at = at.Add(time.Minute)
		published, err := r.Publish(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		signed += len(published)
	}
	if signed < 5 || signed > 8 { // until the last that failed cannot come any more
		t.Errorf("signed %d times in half an hour", signed)
	}
}

// TestListThatFailsKeepsNoOtherBack: the server takes one list and not the other.
func TestListThatFailsKeepsNoOtherBack(t *testing.T) {
	key, web, at := signer(t), &server{}, now
	r := registry(t, func(c *status.RegistryConfig) { c.Cards, c.Now = 100, func() time.Time { return at } })
	refs, err := r.AllocateAll(t.Context(), slices.Repeat([]string{"a"}, 150))
	if err != nil {
		t.Fatal(err)
	}
	c := status.PublishConfig{By: status.By{Signer: key, KeyID: "#key-1"}, Lifetime: 24 * time.Hour, Put: web.put}
	if _, err := r.Publish(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	for _, ref := range []status.Reference{refs[0], refs[149]} {
		if err := r.Set(t.Context(), ref, status.Revoked, "by", "why"); err != nil {
			t.Fatal(err)
		}
	}
	at = at.Add(time.Minute)
	full := errors.New("507 insufficient storage")
	c.Put = func(ctx context.Context, uri string, token []byte) error {
		if uri == refs[0].URI {
			return full
		}
		return web.put(ctx, uri, token)
	}
	if published, err := r.Publish(t.Context(), c); !errors.Is(err, full) || !slices.Equal(published, []string{refs[149].URI}) {
		t.Errorf("published %q: %v", published, err)
	}
	if v, _ := web.list(t, refs[149].URI, key.Public(), at).At(refs[149].Index); v != status.Revoked {
		t.Errorf("the card of the other list is %s", v)
	}
}

// TestClockThatRanAhead while a list was published, and was put right: no verifier takes that list, and the publisher must hear of it.
func TestClockThatRanAhead(t *testing.T) {
	key, web, at := signer(t), &server{}, now.AddDate(1, 0, 0)
	r := registry(t, func(c *status.RegistryConfig) { c.Now = func() time.Time { return at } })
	ref, err := r.Allocate(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	c := status.PublishConfig{By: status.By{Signer: key, KeyID: "#key-1"}, Lifetime: 24 * time.Hour, Put: web.put}
	if _, err := r.Publish(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	at = now
	token, err := status.ParseToken(web.tokens[ref.URI])
	if err != nil {
		t.Fatal(err)
	}
	if _, err := token.Verify(key.Public(), status.Want{URI: ref.URI, Now: at, Skew: 30 * time.Second}); !errors.Is(err, status.ListFromTheFuture) {
		t.Fatal(err)
	}
	if published, err := r.Publish(t.Context(), c); !errors.Is(err, status.ClockBehind) {
		t.Errorf("published %q: %v", published, err)
	}
}

// TestQuietList: verifiers take no list that is older than 24 hours unless they are told otherwise, however long it would live.
func TestQuietList(t *testing.T) {
	key, web, at := signer(t), &server{}, now
	r := registry(t, func(c *status.RegistryConfig) { c.Now = func() time.Time { return at } })
	ref, err := r.Allocate(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	c := status.PublishConfig{By: status.By{Signer: key, KeyID: "#key-1"}, Lifetime: 7 * 24 * time.Hour, TTL: time.Hour, Put: web.put}
	for range 72 {
		if _, err := r.Publish(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		if age := at.Sub(web.list(t, ref.URI, key.Public(), at).Issued); age >= 12*time.Hour {
			t.Errorf("the list in place is %v old", age)
		}
		at = at.Add(time.Hour)
	}
	if web.puts != 6 {
		t.Errorf("signed %d times in three days", web.puts)
	}
}
