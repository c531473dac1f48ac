// Package storetest checks that an implementation of openid4vp.Store keeps what the door builds on it. The stores of this module pass it;
// one that an agency writes for the database that it already has should too.
package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/khyer/khyer/verifier/openid4vp"
)

// Run checks a store in subtests, with the machine's clock, in about a second. open returns a handle on one and the same store each time it
// is called: as two processes would have, where the store is meant for several. The store is empty at first, and Run leaves nothing in it
// that does not lapse within a minute.
func Run(t *testing.T, open func(*testing.T) openid4vp.Store) {
	t.Helper()
	for _, c := range []struct {
		name string
		test func(*bench)
	}{
		{"KeepsWhatItIsGiven", keeps},
		{"CreateOnce", createOnce},
		{"RacingCreates", racingCreates},
		{"ReplaceByVersion", replaceByVersion},
		{"RacingReplaces", racingReplaces},
		{"NoIncrementIsLost", noIncrementIsLost},
		{"Delete", deletes},
		{"VersionsNeverComeBack", versionsNeverComeBack},
		{"Lapse", lapse},
		{"LapsedFromTheStart", lapsedFromTheStart},
		{"Bounds", bounds},
		{"CancelledContext", cancelled},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.test(&bench{T: t, a: open(t), b: open(t), until: time.Now().Add(time.Minute)})
		})
	}
}

// bench is a test with two handles on the store.
type bench struct {
	*testing.T
	a, b  openid4vp.Store
	until time.Time
}

// key returns a key that no other test of this run uses.
func (b *bench) key(name string) string {
	return b.Name()[strings.LastIndexByte(b.Name(), '/')+1:] + "." + name
}

// want checks that err is exactly what is expected: nil, or one of the errors that package openid4vp names and none of the others.
func (b *bench) want(what string, err, expected error) {
	b.Helper()
	if !errors.Is(err, expected) {
		b.Fatalf("%s: %v, want %v", what, err, expected)
	}
	for _, other := range named {
		if errors.Is(err, other) != (other == expected) {
			b.Fatalf("%s: %v, want %v alone", what, err, expected)
		}
	}
}

var named = []error{openid4vp.ErrExists, openid4vp.ErrNotFound, openid4vp.ErrConflict, openid4vp.ErrFull, openid4vp.ErrLapsed, openid4vp.ErrTooLarge, openid4vp.ErrUncertain}

// create makes a record and returns its version.
func (b *bench) create(key, record string) uint64 {
	b.Helper()
	b.want("Create", b.a.Create(b.Context(), key, []byte(record), b.until), nil)
	return b.holds(b.a, key, record)
}

// holds checks what is under a key and returns its version.
func (b *bench) holds(s openid4vp.Store, key, record string) uint64 {
	b.Helper()
	got, version, err := s.Load(b.Context(), key)
	b.want("Load", err, nil)
	if string(got) != record {
		b.Fatalf("Load: %d bytes that are not the %d bytes written", len(got), len(record))
	}
	return version
}

func (b *bench) gone(key string) {
	b.Helper()
	for _, s := range []openid4vp.Store{b.a, b.b} {
		record, version, err := s.Load(b.Context(), key)
		b.want("Load", err, openid4vp.ErrNotFound)
		if record != nil || version != 0 {
			b.Fatal("Load: a record beside an error")
		}
	}
}

func keeps(b *bench) {
	b.gone(b.key("nobody"))
	every := make([]byte, 256)
	for i := range every {
		every[i] = byte(i)
	}
	for i, key := range []string{"plain", "\x00", "\xff\xfe", "a b\r\n", "{a}", "a:b*?[c]", "{", "ཁྱེར"} {
		key, record := b.key(key), append(bytes.Clone(every), byte(i))
		before := string(record)
		b.want("Create", b.a.Create(b.Context(), key, record, b.until), nil)
		clear(record) // the caller's again
		b.holds(b.b, key, before)
		got, _, _ := b.a.Load(b.Context(), key)
		clear(got)
		version := b.holds(b.a, key, before)

		next := append(bytes.Clone(every), byte(i), 1)
		after := string(next)
		b.want("Replace", b.b.Replace(b.Context(), key, version, next, b.until), nil)
		clear(next)
		b.holds(b.a, key, after)
	}
	b.create(b.key("empty"), "")
}

func createOnce(b *bench) {
	key := b.key("k")
	version := b.create(key, "first")
	for _, s := range []openid4vp.Store{b.a, b.b} {
		b.want("second Create", s.Create(b.Context(), key, []byte("second"), b.until), openid4vp.ErrExists)
		if got := b.holds(s, key, "first"); got != version {
			b.Fatal("a refused Create changed the version")
		}
	}
}

// racers is how many calls race for one step.
const racers = 200

// race lets calls begin together, every other one on the other handle, and returns which won; all others must have got lost.
func (b *bench) race(lost error, call func(s openid4vp.Store, i int) error) (winner int) {
	b.Helper()
	var wg sync.WaitGroup
	start := make(chan struct{})
	errs := make([]error, racers)
	for i := range errs {
		wg.Go(func() {
			<-start
			errs[i] = call([]openid4vp.Store{b.a, b.b}[i%2], i)
		})
	}
	close(start)
	wg.Wait()
	winner = -1
	for i, err := range errs {
		switch {
		case err != nil:
			b.want("a loser", err, lost)
		case winner >= 0:
			b.Fatalf("%d and %d both won", winner, i)
		default:
			winner = i
		}
	}
	if winner < 0 {
		b.Fatalf("nobody of %d won", racers)
	}
	return winner
}

func racingCreates(b *bench) {
	key := b.key("k")
	winner := b.race(openid4vp.ErrExists, func(s openid4vp.Store, i int) error {
		return s.Create(b.Context(), key, fmt.Append(nil, "racer ", i), b.until)
	})
	b.holds(b.b, key, fmt.Sprint("racer ", winner))
}

func replaceByVersion(b *bench) {
	key := b.key("k")
	first := b.create(key, "first")
	for _, wrong := range []uint64{first + 1, first - 1, 0, ^uint64(0)} {
		if wrong != first {
			b.want("Replace of a version that never was", b.a.Replace(b.Context(), key, wrong, []byte("forged"), b.until), openid4vp.ErrConflict)
		}
	}
	if b.holds(b.b, key, "first") != first {
		b.Fatal("a refused Replace changed the version")
	}
	b.want("Replace", b.b.Replace(b.Context(), key, first, []byte("second"), b.until), nil)
	b.want("Replace of the version before", b.a.Replace(b.Context(), key, first, []byte("third"), b.until), openid4vp.ErrConflict)
	second := b.holds(b.a, key, "second")
	b.want("Replace by the same bytes", b.a.Replace(b.Context(), key, second, []byte("second"), b.until), nil)
	b.want("Replace of a version whose bytes came back", b.a.Replace(b.Context(), key, second, []byte("third"), b.until), openid4vp.ErrConflict)
	b.want("Replace of nothing", b.a.Replace(b.Context(), b.key("nobody"), first, []byte("forged"), b.until), openid4vp.ErrNotFound)
	b.gone(b.key("nobody"))
}

// A response code that is used once is this.
func racingReplaces(b *bench) {
	key := b.key("k")
	version := b.create(key, "waiting")
	winner := b.race(openid4vp.ErrConflict, func(s openid4vp.Store, i int) error {
		return s.Replace(b.Context(), key, version, fmt.Append(nil, "racer ", i), b.until)
	})
	b.holds(b.a, key, fmt.Sprint("racer ", winner))
}

// A cap of failed posts is this.
func noIncrementIsLost(b *bench) {
	key := b.key("k")
	b.create(key, "")
	const writers, each = 8, 10
	var wg sync.WaitGroup
	for i := range writers {
		s := []openid4vp.Store{b.a, b.b}[i%2]
		wg.Go(func() {
			for done := 0; done < each; {
				record, version, err := s.Load(b.Context(), key)
				if err != nil {
					b.Errorf("Load: %v", err)
					return
				}
				switch err := s.Replace(b.Context(), key, version, append(record, 'x'), b.until); {
				case err == nil:
					done++
				case !errors.Is(err, openid4vp.ErrConflict):
					b.Errorf("Replace: %v", err)
					return
				}
			}
		})
	}
	wg.Wait()
	b.holds(b.a, key, strings.Repeat("x", writers*each))
}

func deletes(b *bench) {
	key := b.key("k")
	version := b.create(key, "first")
	b.create(b.key("other"), "other")
	b.want("Delete", b.b.Delete(b.Context(), key), nil)
	b.gone(key)
	b.want("Replace of a deleted record", b.a.Replace(b.Context(), key, version, []byte("risen"), b.until), openid4vp.ErrNotFound)
	b.gone(key)
	b.want("Delete of nothing", b.a.Delete(b.Context(), key), nil)
	b.holds(b.a, b.key("other"), "other")
}

// Otherwise who loaded the first record could replace the second, which says something else.
func versionsNeverComeBack(b *bench) {
	seen := map[uint64]bool{}
	old := func(version uint64) uint64 {
		b.Helper()
		if seen[version] {
			b.Fatal("a version came back")
		}
		seen[version] = true
		return version
	}
	for round := range 20 {
		for _, key := range []string{b.key("k"), b.key("l")} {
			first := old(b.create(key, "same bytes"))
			b.want("Replace", b.a.Replace(b.Context(), key, first, []byte("same bytes"), b.until), nil)
			second := old(b.holds(b.b, key, "same bytes"))
			b.want("Delete", b.b.Delete(b.Context(), key), nil)
			b.want("Create after Delete", b.a.Create(b.Context(), key, []byte("same bytes"), b.until), nil)
			third := old(b.holds(b.a, key, "same bytes"))
			for _, stale := range []uint64{first, second} {
				b.want("Replace by a version of a deleted record", b.b.Replace(b.Context(), key, stale, []byte("forged"), b.until), openid4vp.ErrConflict)
			}
			if b.holds(b.a, key, "same bytes") != third {
				b.Fatal("a refused Replace changed the version")
			}
			if round < 19 {
				b.want("Delete", b.a.Delete(b.Context(), key), nil)
			}
		}
	}
}

// soon is how long a record lives in a test that waits for its end.
const soon = 150 * time.Millisecond

func lapse(b *bench) {
	ctx := b.Context()
	created, shortened, prolonged := b.key("created"), b.key("shortened"), b.key("prolonged")
	s, p := b.create(shortened, "1"), uint64(0)
	until := time.Now().Add(soon)
	b.want("Create", b.a.Create(ctx, created, []byte("1"), until), nil)
	c := b.holds(b.b, created, "1")
	b.want("Create", b.a.Create(ctx, prolonged, []byte("1"), until), nil)
	p = b.holds(b.b, prolonged, "1")
	b.want("Replace that shortens", b.a.Replace(ctx, shortened, s, []byte("2"), until), nil)
	s = b.holds(b.b, shortened, "2")
	b.want("Replace that prolongs", b.b.Replace(ctx, prolonged, p, []byte("2"), b.until), nil)
	time.Sleep(time.Until(until) + 20*time.Millisecond)
	b.gone(created)
	b.gone(shortened)
	b.holds(b.a, prolonged, "2")
	b.want("Replace of a lapsed record", b.a.Replace(ctx, created, c, []byte("risen"), b.until), openid4vp.ErrNotFound)
	b.want("Replace of a lapsed record", b.a.Replace(ctx, shortened, s, []byte("risen"), b.until), openid4vp.ErrNotFound)
	b.want("Delete of a lapsed record", b.a.Delete(ctx, shortened), nil)
	if b.create(created, "anew") == c {
		b.Fatal("a version came back")
	}
	b.want("Replace by a version of a lapsed record", b.a.Replace(ctx, created, c, []byte("forged"), b.until), openid4vp.ErrConflict)
}

func lapsedFromTheStart(b *bench) {
	key := b.key("k")
	version := b.create(key, "first")
	for _, until := range []time.Time{{}, time.Unix(0, 0), time.Now().Add(-time.Hour), time.Now().Add(-time.Millisecond)} {
		b.want("Create", b.a.Create(b.Context(), b.key("nobody"), []byte("late"), until), openid4vp.ErrLapsed)
		b.want("Replace", b.a.Replace(b.Context(), key, version, []byte("late"), until), openid4vp.ErrLapsed)
	}
	b.gone(b.key("nobody"))
	if b.holds(b.a, key, "first") != version {
		b.Fatal("a refused Replace changed the version")
	}
}

func bounds(b *bench) {
	ctx, large := b.Context(), strings.Repeat("r", openid4vp.MaxStoreRecord)
	longest := b.key(strings.Repeat("k", openid4vp.MaxStoreKey))[:openid4vp.MaxStoreKey]
	version := b.create(longest, large)
	b.want("Replace by the largest record", b.a.Replace(ctx, longest, version, []byte(large), b.until), nil)
	version = b.holds(b.b, longest, large)
	b.want("Replace by a larger record", b.a.Replace(ctx, longest, version, []byte(large+"r"), b.until), openid4vp.ErrTooLarge)
	b.holds(b.b, longest, large)
	b.want("Create of a larger record", b.a.Create(ctx, b.key("nobody"), []byte(large+"r"), b.until), openid4vp.ErrTooLarge)
	b.gone(b.key("nobody"))
	for _, key := range []string{"", longest + "k"} {
		b.want("Create under a bad key", b.a.Create(ctx, key, nil, b.until), openid4vp.ErrTooLarge)
		b.want("Replace under a bad key", b.a.Replace(ctx, key, version, nil, b.until), openid4vp.ErrTooLarge)
		b.gone(key)
		b.want("Delete of a bad key", b.a.Delete(ctx, key), nil)
	}
	b.want("Delete", b.a.Delete(ctx, longest), nil)
}

func cancelled(b *bench) {
	key := b.key("k")
	version := b.create(key, "first")
	ctx, cancel := context.WithCancel(b.Context())
	cancel()
	_, _, err := b.a.Load(ctx, key)
	for what, err := range map[string]error{
		"Load":    err,
		"Create":  b.a.Create(ctx, b.key("nobody"), []byte("late"), b.until),
		"Replace": b.a.Replace(ctx, key, version, []byte("late"), b.until),
		"Delete":  b.a.Delete(ctx, key),
	} {
		b.want(what, err, context.Canceled)
	}
	b.gone(b.key("nobody"))
	if b.holds(b.b, key, "first") != version {
		b.Fatal("a cancelled call changed the record")
	}
}
