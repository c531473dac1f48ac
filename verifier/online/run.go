package online

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/khyer/khyer/credential"
	"github.com/khyer/khyer/did"
)

// tick is how often Run looks for what is due.
const tick = time.Second

// parallel is how many documents are fetched at once.
const parallel = 4

// Run is Prefetch, and keeps everything fresh until ctx ends, whose error it returns. Each document is fetched again, and each DID resolved again, at a random
// moment of the second half of its time; what failed is tried again soon.
func (o *Online) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	// Lists have their own turns, so that documents of servers that hang keep no list from being fresh.
	for _, due := range []func() []func(context.Context){o.dueLists, o.dueDocuments} {
		wg.Go(func() {
			for ctx.Err() == nil {
				each(ctx, due())
				select {
				case <-ctx.Done():
				case <-time.After(tick):
				}
			}
		})
	}
	wg.Wait()
	return ctx.Err()
}

// Prefetch fetches everything that the trust list names and that is not here, and returns when that is done: a service that calls it before it opens its door, and
// Run from then on, sends no request because a citizen came. That is: DIDs of issuers and of signers of lists, if there is a Config.Resolver, which must
// be a cache; lists in aggregations; metadata and key sets of issuers; with Config.Types the Type Metadata of types and of what they extend. The error says what could not be
// had; the rest is here, and Run tries again.
func (o *Online) Prefetch(ctx context.Context) error {
	var mu sync.Mutex
	var failed []error
	var work []func(context.Context)
	for _, c := range o.chores() {
		work = append(work, func(ctx context.Context) {
			if err := o.do(ctx, c); err != nil {
				mu.Lock()
				defer mu.Unlock()
				failed = append(failed, fmt.Errorf("online: %s: %w", c.name, err))
			}
		})
	}
	each(ctx, work)
	for _, l := range o.aggregations() {
		uris, err := o.listed.get(ctx, l, o.c.Now())
		if err != nil {
			failed = append(failed, fmt.Errorf("online: %s: %w", l.url, err))
		}
		if s := o.sweep(ctx, l, uris); s != nil {
			select {
			case <-s.end:
			case <-ctx.Done():
			}
		}
		for _, uri := range uris {
			if !o.lists.has(uri, o.c.Now()) {
				_, err := o.lists.get(ctx, uri, o.c.Now()) // says why, and asks nobody: it has just failed
				failed = append(failed, fmt.Errorf("online: %s: %w", uri, err))
			}
		}
	}
	return errors.Join(append(failed, ctx.Err())...)
}

// dueLists looks at each aggregation no more often than at a list: one whose lists have no room here would else be fetched without end.
func (o *Online) dueLists() (work []func(context.Context)) {
	for _, l := range o.aggregations() {
		if !o.sweepIsDue(l) {
			continue
		}
		work = append(work, func(ctx context.Context) {
			if uris, err := o.listed.get(ctx, l, o.c.Now()); err == nil {
				o.sweep(ctx, l, uris) // in the background: lists that hang keep nothing else from being fetched
			}
		})
	}
	now := o.c.Now()
	return slices.Concat(work, o.lists.due(now), o.listed.due(now))
}

func (o *Online) sweepIsDue(l listed) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	now := o.c.Now()
	if since := now.Sub(o.swept[l]); o.sweeps[l] != nil || since >= 0 && since < o.c.MinTTL {
		return false
	}
	o.swept[l] = now
	return true
}

func (o *Online) dueDocuments() (work []func(context.Context)) {
	now := o.c.Now()
	for _, c := range o.chores() {
		if o.isDue(c, now) {
			work = append(work, func(ctx context.Context) { _ = o.do(ctx, c) }) // who fetched has told Observe
		}
	}
	return slices.Concat(work, o.documents.due(now), o.types.due(now))
}

// chore is something that must be here, with all that it leads to: a DID, an issuer's metadata, a type.
type chore struct {
	name string
	do   func(context.Context) error
}

func (o *Online) isDue(c chore, now time.Time) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return !now.Before(o.done[c.name])
}

func (o *Online) do(ctx context.Context, c chore) error {
	err := c.do(ctx)
	now := o.c.Now()
	next := between(now, now.Add(o.c.Refresh))
	if err != nil {
		next = between(now, now.Add(again))
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.done[c.name] = next
	return err
}

// again is when a chore that failed is tried again, at the latest.
const again = 10 * time.Second

// chores are those of the trust list as it is now. One that is no more is not done any more.
func (o *Online) chores() (out []chore) {
	seen := map[string]bool{}
	add := func(name string, do func(context.Context) error) {
		if !seen[name] {
			seen[name] = true
			out = append(out, chore{name, do})
		}
	}
	for _, i := range o.c.Issuers.Issuers() {
		names := slices.Concat(i.DIDs)
		for _, s := range i.StatusLists {
			names = append(names, s.Signer)
		}
		for _, name := range names {
			if id, err := did.Parse(name); err == nil && o.c.Resolver != nil {
				add(name, func(ctx context.Context) error { return o.resolve(ctx, id) })
			}
		}
		for _, iss := range i.URLs {
			add("metadata of "+iss, func(ctx context.Context) error { return o.fetchMetadata(ctx, iss, i.Hosts) })
		}
		for _, vct := range i.Types {
			if o.c.Types && strings.HasPrefix(vct, "https://") {
				add(vct, func(ctx context.Context) error {
					_, err := credential.ResolveType(ctx, o, vct, "") // with what it extends
					return err
				})
			}
		}
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	maps.DeleteFunc(o.done, func(name string, _ time.Time) bool { return !seen[name] })
	maps.DeleteFunc(o.swept, func(_ listed, at time.Time) bool { return o.c.Now().Sub(at) > forgotten })
	return out
}

// resolve asks for a DID, so that a caching resolver has it.
func (o *Online) resolve(ctx context.Context, id did.DID) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	_, err := o.c.Resolver.Resolve(ctx, id, did.At{})
	if err != nil {
		o.failed(id.String(), err)
	}
	return err
}

// each does the work, a few pieces at a time.
func each(ctx context.Context, work []func(context.Context)) {
	queue := make(chan func(context.Context))
	var wg sync.WaitGroup
	for range min(parallel, len(work)) {
		wg.Go(func() {
			for f := range queue {
				f(ctx)
			}
		})
	}
	for _, f := range work {
		if ctx.Err() != nil {
			break
		}
		queue <- f
	}
	close(queue)
	wg.Wait()
}

// fetchMetadata fetches issuer metadata, and the key set that it leads to if the trust list allows that.
func (o *Online) fetchMetadata(ctx context.Context, iss string, hosts []string) error {
	at, err := credential.IssuerMetadataURL(iss)
	if err != nil {
		return err
	}
	doc, err := o.Document(ctx, at)
	if err != nil {
		return err
	}
	m, err := credential.ParseIssuerMetadata(doc, iss)
	if err != nil {
		o.failed(at, err)
		return err
	}
	if m.Keys == nil && allowed(m.OtherHost, hosts) {
		_, err = o.Document(ctx, m.KeysURL)
	}
	return err
}

func allowed(host string, hosts []string) bool { return host == "" || slices.Contains(hosts, host) }
