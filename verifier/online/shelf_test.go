package online

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/khyer/khyer/verifier/trust"
)

// shelfOf makes a shelf with room for that many items of one byte, at most. What begins with "bad" cannot be had; the part before the slash is the owner.
func shelfOf(items int, at *time.Time) *shelf[string, int] {
	return &shelf[string, int]{
		now: func() time.Time { return *at }, room: items * (itemCost + 1),
		owner: func(k string) string { owner, _, _ := strings.Cut(k, "/"); return owner },
		size:  func(n int) int { return n },
		load: func(_ context.Context, k string) (found[int], error) {
			if strings.HasPrefix(k, "bad") {
				return found[int]{}, errors.New("404")
			}
			size := 1
			if strings.HasPrefix(k, "large") {
				size = 5 * itemCost
			}
			return found[int]{size, at.Add(time.Minute), at.Add(time.Hour)}, nil
		},
	}
}

// TestShelfThatIsFullOfNothing: lists that could not be fetched, or have lapsed, make room for others.
func TestShelfThatIsFullOfNothing(t *testing.T) {
	at := time.Now()
	s := shelfOf(100, &at)
	for i := range 1000 {
		if _, err := s.get(t.Context(), fmt.Sprint("bad/", i), at); err == nil || errors.Is(err, errFull) {
			t.Fatal(err)
		}
	}
	for i := range 1000 {
		if _, err := s.get(t.Context(), fmt.Sprint("good/", i), at); err != nil {
			t.Fatal(err)
		}
		at = at.Add(time.Minute)
	}
	if len(s.items) > 100 || s.taken > s.room {
		t.Errorf("%d items, %d bytes of %d", len(s.items), s.taken, s.room)
	}
}

// TestShelfOfOneWhoTakesAll: whoever has thousands of lists makes room with his own, and what was used least recently goes first.
func TestShelfOfOneWhoTakesAll(t *testing.T) {
	at := time.Now()
	s := shelfOf(100, &at)
	get := func(k string) {
		t.Helper()
		if _, err := s.get(t.Context(), k, at); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 40 {
		get(fmt.Sprint("small/", i))
	}
	at = at.Add(2 * time.Second)
	for i := range 1000 {
		get(fmt.Sprint("greedy/", i))
		if i%10 == 0 {
			at = at.Add(time.Second)
			get("greedy/0")
		}
		if i%7 == 0 {
			get("large/1")
		}
	}
	for _, k := range []string{"small/0", "small/39", "greedy/0", "greedy/999", "large/1"} {
		if !s.has(k, at) {
			t.Errorf("%s is gone", k)
		}
	}
	if s.has("greedy/1", at) || s.taken > s.room {
		t.Errorf("%d items, %d bytes of %d", len(s.items), s.taken, s.room)
	}
}

// TestShelfForgets what is not here and nobody wants.
func TestShelfForgets(t *testing.T) {
	at := time.Now()
	s := shelfOf(100, &at)
	if _, err := s.get(t.Context(), "bad/1", at); err == nil {
		t.Fatal("something")
	}
	if _, err := s.get(t.Context(), "good/1", at); err != nil {
		t.Fatal(err)
	}
	for range 20 {
		at = at.Add(time.Minute)
		for _, work := range s.due(at) {
			work(t.Context())
		}
	}
	if s.has("bad/1", at) || !s.has("good/1", at) || len(s.items) != 1 || s.taken != itemCost+1 {
		t.Errorf("%d items, %d bytes", len(s.items), s.taken)
	}
}

// TestShelfRemembersWhatLapsed: whoever needs it next does not ask the server again before its time.
func TestShelfRemembersWhatLapsed(t *testing.T) {
	at := time.Now()
	s, fetches := shelfOf(100, &at), 0
	s.load = func(context.Context, string) (found[int], error) {
		fetches++
		return found[int]{1, at.Add(time.Minute), at.Add(time.Second)}, nil
	}
	for range 60 {
		_, _ = s.get(t.Context(), "good/1", at) // lapsed, but for the first time
		at = at.Add(time.Second)
		for _, work := range s.due(at) {
			work(t.Context())
		}
	}
	if fetches != 1 {
		t.Errorf("%d fetches in a minute", fetches)
	}
	at = at.Add(time.Hour)
	if s.due(at); len(s.items) != 0 {
		t.Errorf("%d items after an hour", len(s.items))
	}
}

// TestListsWithoutRoom: an issuer has more lists than there is room for. Run does not fetch them without end.
func TestListsWithoutRoom(t *testing.T) {
	requests := 0
	var mu sync.Mutex
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if requests++; r.URL.Path == "/lists" {
			fmt.Fprint(w, `{"status_lists":["https://registry.example/lists/1","https://registry.example/lists/2","https://registry.example/lists/3"]}`)
		}
	}))
	defer server.Close()
	trusted, err := trust.NewList(trust.Issuer{DIDs: []string{"did:example:registry"}, Types: []string{"urn:card"}, Accreditation: trust.Accreditation{
		Name: "Example", StatusLists: []trust.StatusLists{{Prefix: "https://registry.example/lists/", Aggregation: "https://registry.example/lists"}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	at := time.Now()
	o, err := New(Config{Issuers: trusted, Now: func() time.Time { return at }, InsecureHosts: map[string]string{"registry.example": server.URL}})
	if err != nil {
		t.Fatal(err)
	}
	o.lists.room = 2 * itemCost // what cannot be read takes that much too
	for range 60 {
		each(t.Context(), o.dueLists())
		for o.sweeping() {
			time.Sleep(time.Millisecond)
		}
		at = at.Add(time.Second)
	}
	if requests > 10 { // two rounds of four, and what the room holds
		t.Errorf("%d requests in a minute", requests)
	}
}

func (o *Online) sweeping() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.sweeps) > 0
}
