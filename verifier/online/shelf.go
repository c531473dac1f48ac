package online

import (
	"context"
	"errors"
	"sync"
	"time"
)

// shelf keeps what was fetched, by a key. One fetch serves everybody who needs it, runs with its own time limit, and survives the caller
// that started it; each caller leaves when its own context ends.
type shelf[K comparable, V any] struct {
	now   func() time.Time
	load  func(context.Context, K) (found[V], error)
	mu    sync.RWMutex
	items map[K]*item[V]
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
	at     time.Time // when it was fetched
	due    time.Time // when Run fetches it again, before refresh
	flight chan struct{}
	err    error     // of the last fetch
	failed time.Time // when that was
	fails  int       // in a row
}

const (
	maxItems = 20_000
	// The next fetch waits after a failed one, each time twice as long, so that a server in trouble is not asked by every citizen.
	firstPause, lastPause = 2 * time.Second, 2 * time.Minute
)

func (i *item[V]) paused(now time.Time) bool {
	since := now.Sub(i.failed)
	return i.err != nil && since >= 0 && since < min(firstPause<<min(i.fails-1, 10), lastPause)
}

var errFull = errors.New("online: too many documents")

func newShelf[K comparable, V any](now func() time.Time, load func(context.Context, K) (found[V], error)) *shelf[K, V] {
	return &shelf[K, V]{now: now, load: load, items: map[K]*item[V]{}}
}

// fresh returns what need not be fetched again yet.
func (s *shelf[K, V]) fresh(key K, now time.Time) (v V, ok bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if i := s.items[key]; i != nil && i.have && now.Before(i.refresh) {
		return i.value, true
	}
	return v, false
}

// get returns what is fresh; or else fetches; or else returns what is kept; or else says why there is nothing.
func (s *shelf[K, V]) get(ctx context.Context, key K, now time.Time) (V, error) {
	if v, ok := s.fresh(key, now); ok {
		return v, nil
	}
	return s.fetch(ctx, key, now)
}

// fetch fetches even what is fresh, unless that is under way or has just failed.
func (s *shelf[K, V]) fetch(ctx context.Context, key K, now time.Time) (v V, err error) {
	s.mu.Lock()
	i := s.items[key]
	if i == nil {
		if len(s.items) >= maxItems {
			s.mu.Unlock()
			return v, errFull
		}
		i = &item[V]{}
		s.items[key] = i
	}
	if i.flight == nil {
		if i.paused(now) {
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
	if i.have && (i.until.IsZero() || now.Before(i.until)) {
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
		} else {
			i.failed = s.now()
			i.fails++
		}
		close(i.flight)
		i.flight = nil
	}()
	got, err = s.load(ctx, key)
}

// due returns the work of fetching again what is due.
func (s *shelf[K, V]) due(now time.Time) (work []func(context.Context)) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for k, i := range s.items {
		if i.have && !now.Before(i.due) && i.flight == nil && !i.paused(now) {
			work = append(work, func(ctx context.Context) { _, _ = s.fetch(ctx, k, s.now()) }) // the item has the error
		}
	}
	return work
}

// renew fetches what is older than a pause.
func (s *shelf[K, V]) renew(ctx context.Context, key K, now time.Time) (v V, err error) {
	s.mu.RLock()
	i := s.items[key]
	young := i != nil && i.have && now.Sub(i.at) < firstPause
	if young {
		v = i.value
	}
	s.mu.RUnlock()
	if young {
		return v, nil
	}
	return s.fetch(ctx, key, now)
}

// has tells whether there is anything under a key.
func (s *shelf[K, V]) has(key K) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	i := s.items[key]
	return i != nil && i.have
}
