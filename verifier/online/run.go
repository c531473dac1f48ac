package online

import (
	"context"
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

// Run fetches everything that the trust list names (Type Metadata only if Config.Types says so), and keeps it fresh until ctx ends, whose error it returns. Each document is fetched again at a random moment of the
// second half of its time. Without Run everything still works, and the first citizen waits for the first fetch, which tells the issuer when that was.
func (o *Online) Run(ctx context.Context) error {
	var dids time.Time // when the DIDs are resolved again
	for {
		now := o.c.Now()
		var work []func(context.Context)
		if !now.Before(dids) {
			work = append(work, o.resolutions()...)
			dids = between(now, now.Add(o.c.Refresh))
		}
		work = append(work, o.firstFetches()...)
		work = append(work, o.lists.due(now)...)
		work = append(work, o.listed.due(now)...)
		work = append(work, o.documents.due(now)...)
		work = append(work, o.types.due(now)...)
		each(ctx, work)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(tick):
		}
	}
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

// resolutions ask for every DID of the trust list, so that a caching resolver has them.
func (o *Online) resolutions() (work []func(context.Context)) {
	if o.c.Resolver == nil {
		return nil
	}
	seen := map[string]bool{}
	for _, i := range o.c.Issuers.Issuers() {
		names := i.DIDs
		for _, s := range i.StatusLists {
			names = append(names[:len(names):len(names)], s.Signer)
		}
		for _, name := range names {
			id, err := did.Parse(name)
			if err != nil || seen[name] {
				continue
			}
			seen[name] = true
			work = append(work, func(ctx context.Context) {
				ctx, cancel := context.WithTimeout(ctx, timeout)
				defer cancel()
				if _, err := o.c.Resolver.Resolve(ctx, id, did.At{}); err != nil {
					o.failed(name, err)
				}
			})
		}
	}
	return work
}

// firstFetches are those of documents that the trust list names, directly or through an aggregation, and that are not here.
func (o *Online) firstFetches() (work []func(context.Context)) {
	now := o.c.Now()
	for _, i := range o.c.Issuers.Issuers() {
		for _, iss := range i.URLs {
			if at, err := credential.IssuerMetadataURL(iss); err == nil && !o.documents.has(at, now) {
				work = append(work, func(ctx context.Context) { o.fetchMetadata(ctx, at, iss, i.Hosts) })
			}
		}
		for _, vct := range i.Types {
			if o.c.Types && strings.HasPrefix(vct, "https://") && !o.types.has(vct, now) {
				work = append(work, func(ctx context.Context) { _, _ = o.TypeMetadata(ctx, vct, "") })
			}
		}
	}
	for _, l := range o.aggregations() {
		work = append(work, func(ctx context.Context) {
			if uris, err := o.listed.get(ctx, l, o.c.Now()); err == nil {
				o.sweep(ctx, l, uris) // in the background: lists that hang keep nothing else from being fetched
			}
		})
	}
	return work
}

// fetchMetadata fetches issuer metadata, and the key set that it leads to if the trust list allows that.
func (o *Online) fetchMetadata(ctx context.Context, at, iss string, hosts []string) {
	doc, err := o.Document(ctx, at)
	if err != nil {
		return
	}
	m, err := credential.ParseIssuerMetadata(doc, iss)
	if err != nil {
		o.failed(at, err)
		return
	}
	if m.Keys == nil && allowed(m.OtherHost, hosts) {
		_, _ = o.Document(ctx, m.KeysURL)
	}
}

func allowed(host string, hosts []string) bool { return host == "" || slices.Contains(hosts, host) }
