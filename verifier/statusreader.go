package verifier

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/khyer/khyer/credential"
	"github.com/khyer/khyer/credential/status"
	"github.com/khyer/khyer/did"
	"github.com/khyer/khyer/did/pubkey"
	"github.com/khyer/khyer/verifier/trust"
)

// StatusReader verifies status list tokens that somebody has fetched or carried: it is what stands behind a status.Source. That a list is no older than one seen
// before is the source's own part.
type StatusReader struct {
	Issuers   trust.Directory // required
	Resolver  did.Resolver    // for signers with DIDs
	Documents DocumentSource  // for signers with metadata
	Skew      time.Duration
	AnchorAge time.Duration // how old the block that a signer's DID was read at may be, as in Config; zero means 30 minutes
}

// ErrStatusSigner says that the signer has no key of that name that may sign status lists now. The error is did.KeyRevoked or IssuerKeyCompromised besides if
// that is why: then no list of that key is good, whenever it was fetched.
var ErrStatusSigner = errors.New("verifier: the list's signer has no key of that name that may sign")

var errStatusKeyCompromised = fmt.Errorf("%w: %w", ErrStatusSigner, IssuerKeyCompromised)

const defaultAnchorAge = 30 * time.Minute // that of Config too

// Read verifies the token of the list at uri, which signer must have signed. Errors are a status.Reason, ErrStatusSigner, an *Inconclusive of ChainStale, or
// what the trust list, the resolver or the document source said.
func (r StatusReader) Read(ctx context.Context, token []byte, uri, signer string, now time.Time) (*status.List, error) {
	t, err := status.ParseToken(token)
	if err != nil {
		return nil, err
	}
	key, err := r.signerKey(ctx, t, signer, now)
	if err != nil {
		return nil, err
	}
	return t.Verify(key, status.Want{URI: uri, Issuer: signer, Now: now, Skew: r.Skew})
}

// signerKey finds the key that may have signed a list of signer, by the mechanism by which signer's cards are verified: the trust list and not the
// token decides which.
func (r StatusReader) signerKey(ctx context.Context, t *status.Token, signer string, now time.Time) (key pubkey.Key, err error) {
	acc := r.entry(signer)
	switch {
	case strings.HasPrefix(signer, "did:"):
		key, err = r.keyOfDID(ctx, t, signer, acc, now)
	case acc != nil && acc.Mechanism == trust.ByX5C:
		chain, err := t.Chain()
		if err != nil {
			return key, err
		}
		k, err := r.Issuers.Certify(ctx, signer, chain, now)
		if err != nil {
			return key, err
		}
		for _, c := range chain {
			if ck, err := pubkey.New(c.PublicKey); err != nil || acc.IsCompromised(ck, nil) {
				return key, errStatusKeyCompromised
			}
		}
		key = *k
	default:
		key, err = r.keyOfMetadata(ctx, t, signer, acc)
	}
	if err == nil && acc != nil && acc.IsCompromised(key, nil) {
		err = errStatusKeyCompromised
	}
	return key, err
}

// entry returns what the trust list says of a signer, with its mechanism; nil for a signer that issues nothing itself.
func (r StatusReader) entry(signer string) *trust.Accreditation {
	for _, i := range r.Issuers.Issuers() {
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

func (r StatusReader) keyOfDID(ctx context.Context, t *status.Token, signer string, acc *trust.Accreditation, now time.Time) (key pubkey.Key, err error) {
	if r.Resolver == nil {
		return key, errors.New("verifier: StatusReader.Resolver is missing")
	}
	kid := t.KeyID()
	if strings.HasPrefix(kid, "#") {
		kid = signer + kid
	}
	if !strings.HasPrefix(kid, signer+"#") {
		return key, ErrStatusSigner
	}
	id, err := did.Parse(signer)
	if err != nil {
		return key, err
	}
	begun := time.Now()
	res, err := r.Resolver.Resolve(ctx, id, did.At{})
	if err != nil {
		return key, err
	}
	if res.Document == nil || res.Document.ID != id {
		return key, errors.New("verifier: the resolver answered with another DID's document")
	}
	if err := r.recent(res.Anchor, now, time.Since(begun)); err != nil {
		return key, err
	}
	late := now
	if res.Anchor.Time.After(late) {
		late = res.Anchor.Time
	}
	k, err := res.Key(kid, did.AssertionMethod, late) // a list is made anew all the time: its key is valid now, or it is none
	if err != nil {
		return key, fmt.Errorf("%w: %w", ErrStatusSigner, err)
	}
	var classes []string
	if acc != nil {
		classes = acc.KeyClasses
		if acc.IsCompromised(k.Public, res) {
			return key, errStatusKeyCompromised
		}
	}
	if k.Class != "" && !slices.Contains(classes, k.Class) {
		return key, ErrStatusSigner
	}
	return k.Public, nil
}

// recent refuses a chain that was read too long ago, or that goes by another clock, as the Verifier does for a card's issuer (keyOfDID). took is for how
// long it has been read since now.
func (r StatusReader) recent(a did.Anchor, now time.Time, took time.Duration) error {
	limit, ahead := r.AnchorAge, max(r.Skew, 0)+took
	if limit <= 0 {
		limit = defaultAnchorAge
	}
	var err error
	switch age := now.Sub(a.Time); {
	case a.Chain != "" && (age > limit || age < -ahead):
		err = fmt.Errorf("block %d (%s) is %v old, StatusReader.AnchorAge is %v", a.Block, a.Tag, age.Round(time.Second), limit)
	case a.Newest.Sub(now) > ahead:
		err = fmt.Errorf("the newest block is %v ahead of this machine's clock", a.Newest.Sub(now).Round(time.Second))
	default:
		return nil
	}
	return &Inconclusive{Reason: ChainStale, RetryAfter: time.Minute, Err: err}
}

func (r StatusReader) keyOfMetadata(ctx context.Context, t *status.Token, signer string, acc *trust.Accreditation) (key pubkey.Key, err error) {
	if r.Documents == nil {
		return key, errors.New("verifier: StatusReader.Documents is missing")
	}
	at, err := credential.IssuerMetadataURL(signer)
	if err != nil {
		return key, err
	}
	doc, err := r.Documents.Document(ctx, at)
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
			return key, ErrStatusSigner
		}
		if doc, err = r.Documents.Document(ctx, m.KeysURL); err != nil {
			return key, err
		}
		if keys, err = credential.ParseIssuerKeys(doc); err != nil {
			return key, err
		}
	}
	found := keys.Find(t.KeyID())
	if len(found) != 1 || len(found[0].Algorithms()) == 0 {
		return key, ErrStatusSigner
	}
	return found[0], nil
}
