package online

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// shelf keeps what was fetched, by a key, in bounded room. One fetch serves everybody who needs it, runs with its own time limit, and survives the caller
// that started it; each caller leaves when its own context ends.
type shelf[K comparable, V any] struct {
	now   func() time.Time
	load  func(context.Context, K) (found[V], error)
	owner func(K) string                    // whose a document is: nobody takes room from those who have less
	size  func(V) int                       // bytes
	still func(kept V, err error) (V, bool) // what of it may be used after a fetch that failed for err; nil for all
	room  int                               // bytes; each item takes itemCost besides its size

	mu    sync.RWMutex
	items map[K]*item[V]
	taken int // bytes
}

// found is what a fetch brought.
type found[V any] struct {
	value   V
	refresh time.Time // when it is fetched again
	until   time.Time // until when it is used if that fails; zero means for ever
}

type item[V any] struct {
	found[V]
	have   bool
	owner  string
	cost   int
	used   atomic.Int64 // seconds; when somebody asked for it last
	at     time.Time    // when it was fetched
	due    time.Time    // when Run fetches it again, before refresh
	flight chan struct{}
	err    error     // of the last fetch
	failed time.Time // when that was
	fails  int       // in a row
}

const (
	itemCost = 16 << 10
	// What is not here, and nobody has tried to fetch for so long, is forgotten. Sooner, the next caller would ask the server again at once.
	forgotten = 10 * time.Minute
	// The next fetch waits after a failed one, each time twice as long, so that a server in trouble is not asked by every citizen.
	firstPause, lastPause = 2 * time.Second, 2 * time.Minute
)

func (i *item[V]) paused(now time.Time) bool {
	since := now.Sub(i.failed)
	return i.err != nil && since >= 0 && since < min(firstPause<<min(i.fails-1, 10), lastPause)
}

var errFull = errors.New("online: too many documents")

func (i *item[V]) usable(now time.Time) bool {
	return i.have && (i.until.IsZero() || now.Before(i.until))
}

func (i *item[V]) touch(now time.Time) {
	if t := now.Unix(); i.used.Load() != t { // so that readers on several processors do not wait for each other
		i.used.Store(t)
	}
}

// fresh returns what need not be fetched again yet.
func (s *shelf[K, V]) fresh(key K, now time.Time) (v V, ok bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if i := s.items[key]; i != nil && now.Before(i.refresh) && i.usable(now) {
		i.touch(now)
		return i.value, true
	}
	return v, false
}

// get returns what is fresh; or else fetches; or else returns what is kept; or else says why there is nothing.
func (s *shelf[K, V]) get(ctx context.Context, key K, now time.Time) (V, error) {
	if v, ok := s.fresh(key, now); ok {
		return v, nil
	}
	v, err := s.fetchIf(ctx, key, now, func(i *item[V]) bool { return !now.Before(i.refresh) })
	s.mu.RLock()
	defer s.mu.RUnlock()
	if i := s.items[key]; i != nil {
		i.touch(now)
	}
	return v, err
}

// fetch fetches even what is fresh, unless that is under way or has just failed.
func (s *shelf[K, V]) fetch(ctx context.Context, key K, now time.Time) (v V, err error) {
	return s.fetchIf(ctx, key, now, func(*item[V]) bool { return true })
}

// fetchIf fetches what is not here, or if so says of what is here, which may have come since the caller looked.
func (s *shelf[K, V]) fetchIf(ctx context.Context, key K, now time.Time, so func(*item[V]) bool) (v V, err error) {
	s.mu.Lock()
	i := s.items[key]
	if i == nil {
		i = &item[V]{owner: s.owner(key)}
		i.touch(now)
		if s.items == nil {
			s.items = map[K]*item[V]{}
		}
		s.items[key] = i
		s.resize(i, 0)
		if !s.makeRoom(i, now) {
			s.drop(key)
			s.mu.Unlock()
			return v, errFull
		}
	}
	if i.flight == nil {
		if i.paused(now) || i.have && !so(i) {
			defer s.mu.Unlock()
			return i.kept(now)
		}
		i.flight = make(chan struct{})
		go s.fly(context.WithoutCancel(ctx), key, i)
	}
	flight := i.flight
	s.mu.Unlock()
	select {
	case <-flight:
	case <-ctx.Done():
		return v, ctx.Err()
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	return i.kept(now)
}

// kept returns what is there if it may still be used.
func (i *item[V]) kept(now time.Time) (v V, err error) {
	if i.usable(now) {
		return i.value, nil
	}
	if i.err == nil {
		return v, errors.New("online: what was fetched has lapsed")
	}
	return v, i.err
}

func (s *shelf[K, V]) fly(ctx context.Context, key K, i *item[V]) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	begun := s.now()
	var got found[V]
	err := errors.New("online: the fetch panicked") // a panic here would end the process, not one request
	defer func() {
		if p := recover(); p != nil {
			got = found[V]{}
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		if i.err = err; err == nil {
			i.found, i.have, i.at, i.due, i.fails = got, true, begun, between(begun, got.refresh), 0
			s.resize(i, s.size(got.value))
			s.makeRoom(i, begun)
		} else {
			i.failed = s.now()
			i.fails++
			if i.have && s.still != nil {
				if i.value, i.have = s.still(i.value, err); i.have {
					s.resize(i, s.size(i.value))
				} else {
					i.found = found[V]{}
					s.resize(i, 0)
				}
			}
		}
		close(i.flight)
		i.flight = nil
	}()
	got, err = s.load(ctx, key)
}

// resize notes how much room an item takes.
func (s *shelf[K, V]) resize(i *item[V], size int) {
	s.taken += itemCost + size - i.cost
	i.cost = itemCost + size
}

func (s *shelf[K, V]) drop(key K) {
	s.taken -= s.items[key].cost
	delete(s.items, key)
}

// makeRoom takes other items away until what there is has room: something of whoever has most, and of that first what cannot be used, then what
// was asked for least recently. What is being fetched stays.
func (s *shelf[K, V]) makeRoom(keep *item[V], now time.Time) bool {
	for s.taken > s.room {
		taken, least := map[string]int{}, map[string]K{}
		for k, i := range s.items {
			taken[i.owner] += i.cost
			if i == keep || i.flight != nil {
				continue
			}
			if l, ok := least[i.owner]; !ok || i.goesBefore(s.items[l], now) {
				least[i.owner] = k
			}
		}
		most, found := "", false
		for owner := range least {
			if !found || taken[owner] > taken[most] {
				most, found = owner, true
			}
		}
		if !found {
			return false
		}
		s.drop(least[most])
	}
	return true
}

func (i *item[V]) goesBefore(other *item[V], now time.Time) bool {
	if a, b := i.usable(now), other.usable(now); a != b {
		return b
	}
	return i.used.Load() < other.used.Load()
}

// due returns the work of fetching again what is due. What has lapsed is fetched by who needs it.
func (s *shelf[K, V]) due(now time.Time) (work []func(context.Context)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for k, i := range s.items {
		switch {
		case i.flight != nil || i.paused(now):
		case i.usable(now):
			if !now.Before(i.due) {
				work = append(work, func(ctx context.Context) { _, _ = s.fetch(ctx, k, s.now()) }) // the item has the error
			}
		case now.Sub(i.failed) > forgotten && now.Sub(i.at) > forgotten:
			s.drop(k)
		}
	}
	return work
}

// renew fetches what is older than a pause.
func (s *shelf[K, V]) renew(ctx context.Context, key K, now time.Time) (v V, err error) {
	return s.fetchIf(ctx, key, now, func(i *item[V]) bool { return now.Sub(i.at) >= firstPause })
}

// has tells whether there is something under a key that may be used.
func (s *shelf[K, V]) has(key K, now time.Time) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	i := s.items[key]
	return i != nil && i.usable(now)
}
