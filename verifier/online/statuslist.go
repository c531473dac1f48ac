package online

import (
	"context"
	"encoding/binary"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/khyer/khyer/credential/status"
	"github.com/khyer/khyer/did"
	"github.com/khyer/khyer/internal/strictjson"
	"github.com/khyer/khyer/verifier"
	"github.com/khyer/khyer/verifier/trust"
)

// Faults of status lists, beside those of package status.
var (
	ErrRollback  = errors.New("online: the server gave an older list than before")
	ErrNotListed = errors.New("online: no aggregation in the trust list has this list")
	errNoSigner  = errors.New("online: in the trust list this signer has no lists there")
	errSlow      = errors.New("online: the issuer's lists are not all here yet")
)

// token is a fetched token, as it was verified for everybody who may have signed what is at its URI: an issuer with several DIDs, or several issuers with one
// provider of lists. So it is fetched once.
type token struct {
	lists   []signed
	refused refusals
}

type signed struct {
	signer string
	list   *status.List
}

// refusals are the errors of those who did not sign a token, by name.
type refusals map[string]error

func (r refusals) Error() string { return errors.Join(r.Unwrap()...).Error() }

func (r refusals) Unwrap() (errs []error) {
	for _, name := range slices.Sorted(maps.Keys(r)) {
		errs = append(errs, r[name])
	}
	return errs
}

// by returns the list if that signer signed it, or why it is not his.
func (t *token) by(signer string) (*status.List, error) {
	for i := range t.lists {
		if t.lists[i].signer == signer {
			return t.lists[i].list, nil
		}
	}
	if err := t.refused[signer]; err != nil {
		return nil, err
	}
	return nil, errNoSigner
}

func (t *token) has(signer string) bool {
	return slices.ContainsFunc(t.lists, func(s signed) bool { return s.signer == signer })
}

// room is how many bytes a token takes at most: no more than it has cards.
func (t token) room() (n int) {
	for _, l := range t.lists {
		n += int(min(l.list.Len(), maxToken))
	}
	return n
}

// rollback is ErrRollback, and knows what was seen before.
type rollback struct{ newest time.Time }

func (*rollback) Error() string        { return ErrRollback.Error() }
func (*rollback) Is(target error) bool { return target == ErrRollback }

// still returns what of a kept token may be used, after another could not be had for err.
func still(kept token, err error) (token, bool) {
	var refused refusals
	errors.As(err, &refused)
	kept.lists = slices.DeleteFunc(slices.Clone(kept.lists), func(l signed) bool { return isUnfit(l.list, refused[l.signer]) })
	return kept, len(kept.lists) > 0
}

// isUnfit tells whether a list that is kept must not be used, because of why another could not be had: a newer one has been seen, by another
// process perhaps, or the signer's keys sign nothing any more. For other faults of the server it is still the last good one.
func isUnfit(kept *status.List, err error) bool {
	if r := (*rollback)(nil); errors.As(err, &r) {
		return kept.Issued.Before(r.newest)
	}
	return errors.Is(err, did.KeyRevoked) || errors.Is(err, did.Deactivated) || errors.Is(err, verifier.IssuerKeyCompromised)
}

// StatusList implements status.Source, for signers and places that go together in the trust list. A list is never fetched by itself because a card named
// it: if it is not here, all lists of its aggregation that are not here are fetched, after a look whether the aggregation has it by now; and without an
// aggregation it cannot be had unless Config.FetchUnlisted says otherwise. The list is the caller's to read, at most as old as its ttl and Config.Refresh say while its server answers, and afterwards
// until its exp.
func (o *Online) StatusList(ctx context.Context, uri, signer string, now time.Time) (*status.List, error) {
	if t, ok := o.lists.fresh(uri, now); ok {
		if l, err := t.by(signer); err == nil {
			return l, nil
		}
	}
	all, listed, ok := o.listing(uri, signer)
	switch {
	case !ok:
		return nil, errNoSigner
	case o.lists.has(uri, now):
	case listed:
		if err := o.wantListed(ctx, all, uri, now); err != nil {
			return nil, err
		}
	case !o.c.FetchUnlisted:
		return nil, ErrNotListed
	}
	t, err := o.lists.get(ctx, uri, now)
	if err != nil {
		var refused refusals
		if errors.As(err, &refused) && refused[signer] != nil {
			err = refused[signer]
		}
		return nil, err
	}
	if t.refused[signer] == nil && !t.has(signer) { // the trust list did not name him when it was fetched
		if t, err = o.lists.renew(ctx, uri, now); err != nil {
			return nil, err
		}
	}
	return t.by(signer)
}

// wantListed sees to it that a list is fetched with its aggregation's others.
func (o *Online) wantListed(ctx context.Context, all listed, uri string, now time.Time) error {
	uris, err := o.listed.get(ctx, all, now)
	if err == nil && !slices.Contains(uris, uri) {
		uris, err = o.listed.renew(ctx, all, now) // perhaps a new list
	}
	if err != nil {
		return err
	}
	if !slices.Contains(uris, uri) {
		return ErrNotListed
	}
	return o.fetchListed(ctx, all, uris, uri)
}

// listed is where the lists under a prefix are listed.
type listed struct{ url, prefix string }

// listing finds the aggregation that covers a list of a signer's; listed is false if there is none, ok if the signer has no lists there.
func (o *Online) listing(uri, signer string) (l listed, inOne, ok bool) {
	for _, i := range o.c.Issuers.Issuers() {
		if !slices.ContainsFunc(namesOf(i), func(name string) bool { s, under := i.StatusSigner(uri, name); return under && s == signer }) {
			continue
		}
		ok = true
		if s := nearest(i, uri); s.Aggregation != "" {
			return listed{s.Aggregation, s.Prefix}, true, true
		}
	}
	return l, false, ok
}

// nearest returns the entry with the longest prefix of a URI, as StatusSigner takes it.
func nearest(i trust.Issuer, uri string) (s trust.StatusLists) {
	for _, l := range i.StatusLists {
		if strings.HasPrefix(uri, l.Prefix) && len(l.Prefix) > len(s.Prefix) {
			s = l
		}
	}
	return s
}

func (o *Online) aggregations() (out []listed) {
	for _, i := range o.c.Issuers.Issuers() {
		for _, s := range i.StatusLists {
			if l := (listed{s.Aggregation, s.Prefix}); s.Aggregation != "" && !slices.Contains(out, l) {
				out = append(out, l)
			}
		}
	}
	return out
}

// namesOf returns everything that an issuer's cards may name as their issuer.
func namesOf(i trust.Issuer) []string {
	names := slices.Concat(i.DIDs, i.URLs)
	for _, c := range i.Certified {
		if c.Issuer != "" {
			names = append(names, c.Issuer)
		} else {
			names = append(names, c.Name)
		}
	}
	return names
}

// signers returns everybody who may have signed what is at a URI.
func (o *Online) signers(uri string) (out []string) {
	for _, i := range o.c.Issuers.Issuers() {
		for _, name := range namesOf(i) {
			if s, ok := i.StatusSigner(uri, name); ok && !slices.Contains(out, s) {
				out = append(out, s)
			}
		}
	}
	return out
}

// owner returns the first prefix of the trust list that a URI is under: whoever fills it makes room for the others.
func (o *Online) owner(uri string) string {
	for _, i := range o.c.Issuers.Issuers() {
		if s := nearest(i, uri); s.Prefix != "" {
			return s.Prefix
		}
	}
	return ""
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
		if s.done[uri] != nil || o.lists.has(uri, o.c.Now()) {
			continue
		}
		done := make(chan struct{})
		s.done[uri] = done
		work = append(work, func(ctx context.Context) {
			_, _ = o.lists.get(ctx, uri, o.c.Now()) // the item has the error
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

func (o *Online) loadList(ctx context.Context, uri string) (found[token], error) {
	// Servers give lists various media types; the token's own type is what counts.
	raw, err := o.get(ctx, o.large, uri, "application/statuslist+jwt")
	if err != nil {
		return found[token]{}, err
	}
	t := token{refused: refusals{}}
	for _, signer := range o.signers(uri) {
		if l, err := o.read(ctx, raw, uri, signer); err == nil {
			t.lists = append(t.lists, signed{signer, l})
		} else {
			t.refused[signer] = err
		}
	}
	if len(t.lists) == 0 {
		if len(t.refused) == 0 {
			t.refused[""] = errNoSigner // it had one when it was asked for
		}
		o.failed(uri, t.refused)
		return found[token]{}, t.refused
	}
	l := t.lists[0].list // what a token says of time it says to all
	life := o.c.Refresh
	if l.TTL > 0 {
		life = min(life, l.TTL)
	}
	now := o.c.Now()
	if !l.Expires.IsZero() {
		life = min(life, l.Expires.Sub(now))
	}
	// Section 11.5: within reasonable ranges. A list that expires sooner cannot be used until it is fetched again.
	return found[token]{t, now.Add(max(life, o.c.MinTTL)), l.Expires}, nil
}

// read verifies a token for one signer, and that it is no older than the newest of that signer that was seen at its URI.
func (o *Online) read(ctx context.Context, raw []byte, uri, signer string) (*status.List, error) {
	r := verifier.StatusReader{Issuers: o.c.Issuers, Resolver: o.c.Resolver, Documents: o, Skew: o.c.Skew, AnchorAge: o.c.AnchorAge}
	l, err := r.Read(ctx, raw, uri, signer, o.c.Now())
	if err != nil {
		return nil, err
	}
	return l, o.c.Newest.Update(ctx, func(tx status.Tx) error {
		k := []byte("newest/" + signer + " " + uri)
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
