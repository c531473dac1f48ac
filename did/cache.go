package did

import (
	"container/list"
	"context"
	"errors"
	"sync"
	"time"
)

const (
	cacheSize    = 4096             // resolutions kept, the one not asked for longest goes first; and resolves under way
	fetchTimeout = 30 * time.Second // of one resolve, which may outlive the caller that began it
)

// Cache keeps what r answers for the newest state (the zero At) for as long as keep says, counted from the moment it was asked for. Questions about a
// block or a time go to r. Errors are never kept. Callers that ask for the same DID at the same time share one resolve, which has a
// time limit of its own; each caller stops waiting when its own context ends, with Unavailable.
//
// Callers share the returned *Resolution: it must not be changed. A keep that is not positive returns r itself.
func Cache(r Resolver, keep time.Duration) Resolver {
	if keep <= 0 {
		return r
	}
	return &cache{
		resolver: r, keep: keep, size: cacheSize, now: time.Now,
		entries: map[DID]*list.Element{}, order: list.New(), flights: map[DID]*flight{},
	}
}

type cache struct {
	resolver Resolver
	keep     time.Duration
	size     int
	now      func() time.Time

	mu      sync.Mutex
	entries map[DID]*list.Element // of *entry
	order   *list.List            // last asked for at the front
	flights map[DID]*flight
}

type entry struct {
	id    DID
	res   *Resolution
	since time.Time
}

type flight struct {
	done chan struct{} // closed when res and err are set
	res  *Resolution
	err  error
}

func (c *cache) Resolve(ctx context.Context, id DID, at At) (*Resolution, error) {
	if at.Block != 0 || !at.Time.IsZero() || at.Anchor != nil {
		return c.resolver.Resolve(ctx, id, at)
	}
	c.mu.Lock()
	if e, ok := c.entries[id]; ok {
		kept := e.Value.(*entry)
		if age := c.now().Sub(kept.since); age >= 0 && age < c.keep {
			c.order.MoveToFront(e)
			c.mu.Unlock()
			return kept.res, nil
		}
		c.drop(e)
	}
	f := c.flights[id]
	if f == nil && len(c.flights) >= c.size {
		c.mu.Unlock() // callers that come and go leave resolves behind; beyond a number of them each caller waits for its own
		return c.resolver.Resolve(ctx, id, at)
	}
	if f == nil {
		f = &flight{done: make(chan struct{})}
		c.flights[id] = f
		go c.fetch(context.WithoutCancel(ctx), id, f)
	}
	c.mu.Unlock()
	select {
	case <-f.done:
		return f.res, f.err
	case <-ctx.Done():
		return nil, &Error{Unavailable, ctx.Err()}
	}
}

func (c *cache) fetch(ctx context.Context, id DID, f *flight) {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	since := c.now()
	// A panic here would end the process, not one request.
	returned := false
	defer func() {
		if recover() != nil || !returned {
			f.res, f.err = nil, &Error{InternalError, errors.New("the resolver panicked")}
		}
		c.mu.Lock()
		delete(c.flights, id)
		if f.err == nil {
			c.store(&entry{id, f.res, since})
		}
		c.mu.Unlock()
		close(f.done)
	}()
	f.res, f.err = c.resolver.Resolve(ctx, id, At{})
	returned = true
	if f.err == nil && f.res == nil {
		f.err = &Error{InternalError, errors.New("the resolver gave no answer")}
	}
}

func (c *cache) store(e *entry) {
	if old, ok := c.entries[e.id]; ok {
		c.drop(old)
	}
	for len(c.entries) >= c.size {
		c.drop(c.order.Back())
	}
	c.entries[e.id] = c.order.PushFront(e)
}

func (c *cache) drop(e *list.Element) {
	delete(c.entries, e.Value.(*entry).id)
	c.order.Remove(e)
}
