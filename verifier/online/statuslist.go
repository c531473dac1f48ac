package online

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/khyer/khyer/credential"
	"github.com/khyer/khyer/credential/status"
	"github.com/khyer/khyer/did"
	"github.com/khyer/khyer/did/pubkey"
	"github.com/khyer/khyer/internal/strictjson"
	"github.com/khyer/khyer/verifier/trust"
)

type listKey struct{ uri, signer string }

// Faults of status lists, beside those of package status.
var (
	ErrRollback  = errors.New("online: the server gave an older list than before")
	ErrNotListed = errors.New("online: the issuer's aggregation does not have this list")
	ErrSigner    = errors.New("online: the list's signer has no key of that name that may sign")
)

// StatusList implements status.Source. A list of an issuer that lists its lists is never fetched by itself because a card named it: then all that
// are not here are fetched.
func (o *Online) StatusList(ctx context.Context, uri, signer string, now time.Time) (*status.List, error) {
	key := listKey{uri, signer}
	if l, ok := o.lists.fresh(key, now); ok {
		return l, nil
	}
	if all := o.aggregation(key); all != nil && !o.lists.has(key) {
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
		if err := o.fetchListed(ctx, *all); err != nil {
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

// fetchListed fetches every list of an aggregation that is not here. One that fails does not keep the others from being fetched (section 9).
func (o *Online) fetchListed(ctx context.Context, all listed) error {
	uris, err := o.listed.get(ctx, all, o.c.Now())
	if err != nil {
		return err
	}
	for _, uri := range uris {
		if key := (listKey{uri, all.signer}); !o.lists.has(key) {
			if _, err := o.lists.fetch(ctx, key, o.c.Now()); err != nil && ctx.Err() != nil {
				return ctx.Err()
			}
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
		life = min(life, l.TTL)
	}
	return found[*status.List]{l, o.c.Now().Add(life), l.Expires}, nil
}

// read verifies a token, and that it is no older than the newest that was seen at its URI.
func (o *Online) read(ctx context.Context, token []byte, key listKey) (*status.List, error) {
	t, err := status.ParseToken(token)
	if err != nil {
		return nil, err
	}
	now := o.c.Now()
	pub, err := o.signerKey(ctx, t, key.signer, now)
	if err != nil {
		return nil, err
	}
	l, err := t.Verify(pub, status.Want{URI: key.uri, Issuer: key.signer, Now: now, Skew: o.c.Skew})
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
			return ErrRollback
		}
		return tx.Put(k, binary.BigEndian.AppendUint64(nil, uint64(l.Issued.UnixNano())))
	})
}

// signerKey finds the key that may have signed a list of signer, by the mechanism by which signer's cards are verified: the trust list and not the
// token decides which.
func (o *Online) signerKey(ctx context.Context, t *status.Token, signer string, now time.Time) (key pubkey.Key, err error) {
	acc := o.entry(signer)
	switch {
	case strings.HasPrefix(signer, "did:"):
		key, err = o.keyOfDID(ctx, t, signer, acc, now)
	case acc != nil && acc.Mechanism == trust.ByX5C:
		chain, err := t.Chain()
		if err != nil {
			return key, err
		}
		k, err := o.c.Issuers.Certify(ctx, signer, chain, now)
		if err != nil {
			return key, err
		}
		for _, c := range chain {
			if ck, err := pubkey.New(c.PublicKey); err != nil || acc.IsCompromised(ck, nil) {
				return key, ErrSigner
			}
		}
		key = *k
	default:
		key, err = o.keyOfMetadata(ctx, t, signer, acc)
	}
	if err == nil && acc != nil && acc.IsCompromised(key, nil) {
		err = ErrSigner
	}
	return key, err
}

// entry returns what the trust list says of a signer, with its mechanism; nil for a signer that issues nothing itself.
func (o *Online) entry(signer string) *trust.Accreditation {
	for _, i := range o.c.Issuers.Issuers() {
		acc := i.Accreditation
		switch {
		case slices.Contains(i.DIDs, signer):
			acc.Mechanism = trust.ByDID
		case slices.Contains(i.URLs, signer):
			acc.Mechanism = trust.ByMetadata
		case slices.ContainsFunc(i.Certified, func(c trust.Certified) bool { return c.Issuer == signer || c.Issuer == "" && c.Name == signer }):
			acc.Mechanism = trust.ByX5C
		default:
			continue
		}
		return &acc
	}
	return nil
}

func (o *Online) keyOfDID(ctx context.Context, t *status.Token, signer string, acc *trust.Accreditation, now time.Time) (key pubkey.Key, err error) {
	if o.c.Resolver == nil {
		return key, errors.New("online: Config.Resolver is missing")
	}
	kid := t.KeyID()
	if strings.HasPrefix(kid, "#") {
		kid = signer + kid
	}
	if !strings.HasPrefix(kid, signer+"#") {
		return key, ErrSigner
	}
	id, err := did.Parse(signer)
	if err != nil {
		return key, err
	}
	r, err := o.c.Resolver.Resolve(ctx, id, did.At{})
	if err != nil {
		return key, err
	}
	if r.Document == nil || r.Document.ID != id {
		return key, errors.New("online: the resolver answered with another DID's document")
	}
	late := now
	if r.Anchor.Time.After(late) {
		late = r.Anchor.Time
	}
	k, err := r.Key(kid, did.AssertionMethod, late) // a list is made anew all the time: its key is valid now, or it is none
	if err != nil {
		return key, fmt.Errorf("%w: %w", ErrSigner, err)
	}
	var classes []string
	if acc != nil {
		classes = acc.KeyClasses
		if acc.IsCompromised(k.Public, r) {
			return key, ErrSigner
		}
	}
	if k.Class != "" && !slices.Contains(classes, k.Class) {
		return key, ErrSigner
	}
	return k.Public, nil
}

func (o *Online) keyOfMetadata(ctx context.Context, t *status.Token, signer string, acc *trust.Accreditation) (key pubkey.Key, err error) {
	at, err := credential.IssuerMetadataURL(signer)
	if err != nil {
		return key, err
	}
	doc, err := o.Document(ctx, at)
	if err != nil {
		return key, err
	}
	m, err := credential.ParseIssuerMetadata(doc, signer)
	if err != nil {
		return key, err
	}
	keys := m.Keys
	if keys == nil {
		if m.OtherHost != "" && (acc == nil || !slices.Contains(acc.Hosts, m.OtherHost)) {
			return key, ErrSigner
		}
		if doc, err = o.Document(ctx, m.KeysURL); err != nil {
			return key, err
		}
		if keys, err = credential.ParseIssuerKeys(doc); err != nil {
			return key, err
		}
	}
	found := keys.Find(t.KeyID())
	if len(found) != 1 || len(found[0].Algorithms()) == 0 {
		return key, ErrSigner
	}
	return found[0], nil
}
