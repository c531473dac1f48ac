package status_test

import (
	"context"
	"errors"
	"slices"
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
	s.puts++
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
	}
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
