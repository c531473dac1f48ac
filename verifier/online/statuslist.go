package online

import (
	"context"
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/khyer/khyer/credential/status"
	"github.com/khyer/khyer/did"
	"github.com/khyer/khyer/internal/strictjson"
	"github.com/khyer/khyer/verifier"
	"github.com/khyer/khyer/verifier/trust"
)

type listKey struct{ uri, signer string }

// Faults of status lists, beside those of package status.
var (
	ErrRollback  = errors.New("online: the server gave an older list than before")
	ErrNotListed = errors.New("online: the issuer's aggregation does not have this list")
	errSlow      = errors.New("online: the issuer's lists are not all here yet")
)

// rollback is ErrRollback, and knows what was seen before.
type rollback struct{ newest time.Time }

func (*rollback) Error() string        { return ErrRollback.Error() }
func (*rollback) Is(target error) bool { return target == ErrRollback }

// isUnfit tells whether a list that is kept must not be used, because of why another could not be had: a newer one has been seen, by another
// process perhaps, or the signer's keys sign nothing any more. For other faults of the server it is still the last good one.
func isUnfit(kept *status.List, err error) bool {
	if r := (*rollback)(nil); errors.As(err, &r) {
		return kept.Issued.Before(r.newest)
	}
	return errors.Is(err, did.KeyRevoked) || errors.Is(err, did.Deactivated) || errors.Is(err, verifier.IssuerKeyCompromised)
}

// StatusList implements status.Source. A list of an issuer that lists its lists is never fetched by itself because a card named it: then all that
// are not here are fetched.
func (o *Online) StatusList(ctx context.Context, uri, signer string, now time.Time) (*status.List, error) {
	key := listKey{uri, signer}
	if l, ok := o.lists.fresh(key, now); ok {
		return l, nil
	}
	if all := o.aggregation(key); all != nil && !o.lists.has(key, now) {
		uris, err := o.listed.get(ctx, *all, now)
		if err == nil && !slices.Contains(uris, uri) {
			uris, err = o.listed.renew(ctx, *all, now) // perhaps a new list
		}
		if err != nil {
			return nil, err
		}
		if !slices.Contains(uris, uri) {
			return nil, ErrNotListed
		}
		if err := o.fetchListed(ctx, *all, uris, uri); err != nil {
			return nil, err
		}
	}
	return o.lists.get(ctx, key, now)
}

// listed is where the lists under a prefix are listed, and who signs them.
type listed struct{ url, prefix, signer string }

// aggregation finds the aggregation that covers a list; nil if none does.
func (o *Online) aggregation(key listKey) *listed {
	for _, l := range o.aggregations() {
		if l.signer == key.signer && strings.HasPrefix(key.uri, l.prefix) {
			return &l
		}
	}
	return nil
}

func (o *Online) aggregations() (out []listed) {
	for _, i := range o.c.Issuers.Issuers() {
		for _, s := range i.StatusLists {
			if s.Aggregation == "" {
				continue
			}
			for _, signer := range signersOf(i, s) {
				out = append(out, listed{s.Aggregation, s.Prefix, signer})
			}
		}
	}
	return out
}

// signersOf returns everybody who may sign lists under a prefix.
func signersOf(i trust.Issuer, s trust.StatusLists) []string {
	if s.Signer != "" {
		return []string{s.Signer}
	}
	signers := slices.Concat(i.DIDs, i.URLs)
	for _, c := range i.Certified {
		if c.Issuer != "" {
			signers = append(signers, c.Issuer)
		} else {
			signers = append(signers, c.Name)
		}
	}
	return signers
}

// sweep is the fetching of all lists of an aggregation that are not here.
type sweep struct {
	done map[string]chan struct{} // by URI; closed when its fetch is over
	end  chan struct{}            // closed when nothing more is fetched
}

// sweepTime bounds a sweep. What was not reached is left to the next.
const sweepTime = 5 * time.Minute

// sweep begins to fetch every list of an aggregation that is not here, in the aggregation's order, unless that is under way; nil if all are here. It goes on
// when the caller has what it came for. One list that fails does not keep the others from being fetched (section 9).
func (o *Online) sweep(ctx context.Context, all listed, uris []string) *sweep {
	o.mu.Lock()
	defer o.mu.Unlock()
	if s := o.sweeps[all]; s != nil {
		return s
	}
	s := &sweep{map[string]chan struct{}{}, make(chan struct{})}
	var work []func(context.Context)
	for _, uri := range uris {
		key := listKey{uri, all.signer}
		if s.done[uri] != nil || o.lists.has(key, o.c.Now()) {
			continue
		}
		done := make(chan struct{})
		s.done[uri] = done
		work = append(work, func(ctx context.Context) {
			_, _ = o.lists.get(ctx, key, o.c.Now()) // the item has the error
			close(done)
		})
	}
	if len(work) == 0 {
		return nil
	}
	o.sweeps[all] = s
	go func() {
		ctx, cancel := context.WithTimeout(ctx, sweepTime)
		defer cancel()
		each(ctx, work)
		o.mu.Lock()
		delete(o.sweeps, all)
		o.mu.Unlock()
		close(s.end)
	}()
	return s
}

// fetchListed fetches every list of an aggregation that is not here, and waits for the one that is wanted.
func (o *Online) fetchListed(ctx context.Context, all listed, uris []string, wanted string) error {
	for range 2 { // a sweep that is under way may have begun before this list was listed
		s := o.sweep(context.WithoutCancel(ctx), all, uris)
		if s == nil {
			return nil
		}
		done, in := s.done[wanted]
		select {
		case <-done:
			return nil
		case <-s.end:
		case <-ctx.Done():
			return ctx.Err()
		}
		select {
		case <-done:
			return nil
		default:
		}
		if in {
			return errSlow // to fetch it by itself would tell which one is wanted
		}
	}
	return nil
}

func (o *Online) loadListed(ctx context.Context, all listed) (found[[]string], error) {
	doc, err := o.get(ctx, o.small, all.url, "application/json")
	if err != nil {
		return found[[]string]{}, err
	}
	uris, err := readAggregation(doc, all.prefix)
	if err != nil {
		o.failed(all.url, err)
	}
	now := o.c.Now()
	return found[[]string]{uris, now.Add(o.c.Refresh), now.Add(o.c.Keep)}, err
}

// readAggregation reads the document of section 9.3. URIs elsewhere than under the prefix are left out: the trust list does not name them.
func readAggregation(doc []byte, prefix string) ([]string, error) {
	v, err := strictjson.Parse(doc, strictjson.Limits{Bytes: maxDocument, Depth: 8})
	lists := v.Get("status_lists")
	if err != nil || v.Kind() != strictjson.Object || lists.Kind() != strictjson.Array || lists.Len() > maxListed {
		return nil, errors.New("online: an aggregation that is none")
	}
	uris := make([]string, 0, lists.Len())
	entry := trust.Accreditation{StatusLists: []trust.StatusLists{{Prefix: prefix}}}
	for e := range lists.Elements() {
		uri, ok := e.Text()
		if !ok {
			return nil, errors.New("online: an aggregation that is none")
		}
		if _, under := entry.StatusSigner(uri, ""); under {
			uris = append(uris, uri)
		}
	}
	return uris, nil
}

func (o *Online) loadList(ctx context.Context, key listKey) (found[*status.List], error) {
	// Servers give lists various media types; the token's own type is what counts.
	token, err := o.get(ctx, o.large, key.uri, "application/statuslist+jwt")
	if err != nil {
		return found[*status.List]{}, err
	}
	l, err := o.read(ctx, token, key)
	if err != nil {
		o.failed(key.uri, err)
		return found[*status.List]{}, err
	}
	life := o.c.Refresh
	if l.TTL > 0 {
		life = min(life, max(l.TTL, o.c.MinTTL)) // section 11.5: within reasonable ranges
	}
	refresh := o.c.Now().Add(life)
	if !l.Expires.IsZero() && l.Expires.Before(refresh) {
		refresh = l.Expires
	}
	return found[*status.List]{l, refresh, l.Expires}, nil
}

// read verifies a token, and that it is no older than the newest that was seen at its URI.
func (o *Online) read(ctx context.Context, token []byte, key listKey) (*status.List, error) {
	r := verifier.StatusReader{Issuers: o.c.Issuers, Resolver: o.c.Resolver, Documents: o, Skew: o.c.Skew, AnchorAge: o.c.AnchorAge}
	l, err := r.Read(ctx, token, key.uri, key.signer, o.c.Now())
	if err != nil {
		return nil, err
	}
	return l, o.c.Newest.Update(ctx, func(tx status.Tx) error {
		k := []byte("newest/" + key.signer + " " + key.uri)
		old, err := tx.Get(k)
		if err != nil {
			return err
		}
		if len(old) == 8 && int64(binary.BigEndian.Uint64(old)) > l.Issued.UnixNano() {
			return &rollback{time.Unix(0, int64(binary.BigEndian.Uint64(old)))}
		}
		return tx.Put(k, binary.BigEndian.AppendUint64(nil, uint64(l.Issued.UnixNano())))
	})
}
