package did

import (
	"container/list"
	"context"
	"encoding/json"
	"errors"
	"sync"
	"time"
)

const (
	cacheSize    = 4096             // resolutions kept, the one not asked for longest goes first; and resolves under way
	cacheWeight  = 64 << 20         // of the resolutions kept together, in bytes, as weight guesses them
	fetchTimeout = 30 * time.Second // of one resolve, which may outlive the caller that began it
)

// Cache keeps what r answers for the newest state (the zero At) for as long as keep says, counted from the moment it was asked for. Questions about a
// block or a time go to r. Errors are never kept. Callers that ask for the same DID at the same time share one resolve, which has a
// time limit of its own; each caller stops waiting when its own context ends, with Unavailable. At most 4096 answers are kept, and 64 MiB
// of them.
//
// What it answers may be as old as keep: a key that was revoked meanwhile still counts. A didethr.Resolver needs no Cache to be fast: it keeps what it
// has read and asks in one small request whether that still holds, and under its Watch it need not even ask.
//
// Callers share the returned *Resolution: it must not be changed. A keep that is not positive returns r itself.
func Cache(r Resolver, keep time.Duration) Resolver {
	if keep <= 0 {
		return r
	}
	return &cache{
		resolver: r, keep: keep, size: cacheSize, heaviest: cacheWeight, now: time.Now,
		entries: map[DID]*list.Element{}, order: list.New(), flights: map[DID]*flight{},
	}
}

type cache struct {
	resolver Resolver
	keep     time.Duration
	size     int
	heaviest int
	now      func() time.Time

	mu      sync.Mutex
	entries map[DID]*list.Element // of *entry
	order   *list.List            // last asked for at the front
	weight  int                   // of all entries
	flights map[DID]*flight
}

type entry struct {
	id     DID
	res    *Resolution
	since  time.Time
	weight int
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
			c.store(&entry{id, f.res, since, weight(f.res)})
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
	if e.weight > c.heaviest {
		return
	}
	for len(c.entries) >= c.size || c.weight+e.weight > c.heaviest {
		c.drop(c.order.Back())
	}
	c.entries[e.id] = c.order.PushFront(e)
	c.weight += e.weight
}

func (c *cache) drop(e *list.Element) {
	kept := e.Value.(*entry)
	delete(c.entries, kept.id)
	c.weight -= kept.weight
	c.order.Remove(e)
}

// weight guesses the memory of a resolution in bytes, rather too much of it than too little: strangers write documents, and the largest, kept 4096
// times, would be a gigabyte. Every text, element and member counts, also one that is empty.
func weight(r *Resolution) int {
	const (
		each = 512 // a struct with its texts, or a key
		word = 32  // what stands for a text and is lost to its rounding up, beside its bytes
		name = 64  // a place in a map
	)
	n := each
	texts := func(list ...string) {
		for _, s := range list {
			n += word + len(s)
		}
	}
	members := func(m map[string]json.RawMessage) {
		for member, v := range m {
			n += name + word + len(member) + cap(v)
		}
	}
	texts(r.Anchor.Chain, r.Anchor.Tag, r.Anchor.Trust, r.Metadata.VersionID, r.Metadata.NextVersionID)
	for i := range r.Keys {
		k := &r.Keys[i]
		n += each
		texts(k.ID, k.Class)
		texts(k.Aliases...)
		for _, p := range k.Purposes {
			texts(string(p))
		}
	}
	d := r.Document
	if d == nil {
		return n
	}
	texts(d.ID.s)
	texts(d.Context...)
	texts(d.Controller...)
	texts(d.AlsoKnownAs...)
	for i := range d.VerificationMethod {
		m := &d.VerificationMethod[i]
		n += each + cap(m.PublicKeyJwk)
		texts(m.ID, m.Type, m.Controller, m.PublicKeyMultibase, m.PublicKeyHex, m.PublicKeyBase58, m.PublicKeyBase64, m.PublicKeyPem,
			m.BlockchainAccountID, m.Value)
		members(m.Extra)
	}
	for i := range d.Service {
		s := &d.Service[i]
		n += each + cap(s.Endpoint)
		texts(s.ID, s.Type)
		texts(s.MoreTypes...)
		members(s.Extra)
	}
	for p, ids := range d.Relationships {
		n += name
		texts(string(p))
		texts(ids...)
	}
	members(d.Extra)
	return n
}
