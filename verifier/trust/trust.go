// Package trust answers the question that comes before every key: may this issuer issue this type of credential? With it comes how
// the issuer's key is found, which is a property of the issuer and never of a card: see [Mechanism].
//
// The answer comes from a [Source]. [NewList] makes one of Go values, [ParseDocument] reads one from a file, [Signed] follows the signed lists of a
// governing body, and [Live] exchanges the list of a verifier that runs. There is no source that trusts everybody.
//
// An issuer of a list is known by DIDs, by https addresses that publish its keys, by certificates, or by several of these: [Issuer].
package trust

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/khyer/khyer/did"
	"github.com/khyer/khyer/did/pubkey"
	"github.com/khyer/khyer/disclosure"
)

// Query asks whether Issuer may issue Type. Both are compared byte for byte.
type Query struct {
	Issuer, Type string
	// Chain are the certificates of the card's x5c, the one that signed first: parsed, and not verified by anybody. Issuer is empty if
	// the card has certificates and no iss.
	Chain  []*x509.Certificate
	Signed time.Time // when the card says it was signed; zero if it does not say
	Now    time.Time
}

// Mechanism is how the key of an issuer is found (SD-JWT VC section 2.5). The entry for the issuer says which; a card that comes with
// the means of another one is rejected, whatever they would prove (section 7.3).
type Mechanism string

// Mechanisms.
const (
	ByDID      Mechanism = "did"           // kid names a verification method of the DID document of iss
	ByX5C      Mechanism = "x5c"           // the leaf of x5c, if its chain leads to a root of the entry: see Certified
	ByMetadata Mechanism = "jwt-vc-issuer" // kid names a key of the JWT VC Issuer Metadata of iss (section 4)
)

// Accreditation is the permission of one issuer to issue one type.
type Accreditation struct {
	Name        string    // of the issuer, for people
	From, Until time.Time // when cards may have been accepted; zero means unbounded
	// KeyClasses names the classes of keys that count beside the ordinary ones: see did.Key.Class.
	KeyClasses []string
	// LapsedUntil is until when a key whose validity has ended, without having been revoked, still verifies cards that were signed
	// before; zero means never.
	LapsedUntil time.Time
	// Hosts may serve documents of this issuer, beside the host in iss: "keys.registry.example", or with a port that is not 443.
	Hosts []string
	// StatusLists are where the status lists of this issuer's cards may be. A card that names another place is not looked up.
	StatusLists []StatusLists
	// StatusRequired refuses a card of this issuer that names no status list. Without it such a card is accepted, and cannot be revoked: say so
	// of every issuer whose cards live longer than you are willing to accept one that was stolen.
	StatusRequired bool
	// Suspended is from when on the issuer's cards are not accepted until further notice; zero means that it is not suspended. With
	// SuspendedKeepsOlder, cards that say that they were signed before are accepted still: say so only of an issuer who would not write an
	// earlier date.
	Suspended           time.Time
	SuspendedKeepsOlder bool
	// Compromised names keys of which no card is accepted, whatever its date: by RFC 7638 thumbprint, which holds under every DID of this
	// issuer; by Ethereum address (0x and 40 hex digits), which a secp256k1 key needs where a document shows no more than that; or by
	// DID URL, which holds for that DID as long as its document, or its history, knows the URL.
	Compromised []string

	// The rest is the answer of a source, and not for entries of a list.

	// Mechanism is how the key is found; empty means ByDID.
	Mechanism Mechanism
	// Key is the key of the leaf of Query.Chain, which the source has verified; with ByX5C only.
	Key *pubkey.Key
	// Subject is the name in the certificate by which the issuer of a card without iss was told.
	Subject string
}

// Reasons.
const (
	IssuerNotTrusted  disclosure.Reason = "issuer_not_trusted"  // nobody vouches for this issuer
	TypeNotAccredited disclosure.Reason = "type_not_accredited" // the issuer is known, and may not issue this type
	IssuerSuspended   disclosure.Reason = "issuer_suspended"    // the issuer's accreditation is suspended
)

// Source answers queries. An error that is a Reason of this package is an answer; any other means that the answer is not known. It is
// safe for concurrent use. verifiertest.TrustSource checks an implementation.
type Source interface {
	Accreditation(context.Context, Query) (*Accreditation, error)
}

// Issuer is an entry of a list. What it is known by is compared exactly, and fixes the Mechanism for cards with that iss.
type Issuer struct {
	DIDs      []string    // every DID of this issuer, exactly as iss has it
	URLs      []string    // every https iss of this issuer whose keys its JWT VC Issuer Metadata has
	Certified []Certified // for cards under certificates
	Types     []string    // the types that it may issue, exactly as vct has them
	// Windows say when each of these names counts. A name without one counts as long as the entry.
	Windows []Window
	Accreditation
}

// Directory is a source that can say whom it knows, so that documents, keys and status lists can be fetched before a citizen arrives.
type Directory interface {
	Source
	// Issuers returns all entries.
	Issuers() []Issuer
	// Certify returns the key of chain[0] if the certificates make it issuer's, which is a Certified.Issuer or, for cards without iss, a
	// Certified.Name. Errors are those of Accreditation.
	Certify(ctx context.Context, issuer string, chain []*x509.Certificate, now time.Time) (*pubkey.Key, error)
}

// List is a Directory of Go values. It is read-only and safe for concurrent use.
type List struct {
	expires  time.Time // zero: never
	issuers  []Issuer
	byIssuer map[string]*entry
	byName   map[string]*entry // for cards without iss, by the name in the certificate
}

type entry struct {
	types       []string
	answer      Accreditation
	signedUntil time.Time
	anchors     *anchors // nil unless by certificates
}

// NewList makes a list. Each entry needs a name, at least one DID, URL or Certified, and at least one type; none of them stands in
// two entries.
func NewList(issuers ...Issuer) (*List, error) {
	if len(issuers) == 0 {
		return nil, errors.New("trust: an empty list trusts nobody")
	}
	l := &List{time.Time{}, make([]Issuer, 0, len(issuers)), make(map[string]*entry, len(issuers)), map[string]*entry{}}
	for n, i := range issuers {
		i = i.clone() // what the caller does to his values afterwards changes nothing
		err := i.check()
		if err == nil {
			err = l.add(i)
		}
		l.issuers = append(l.issuers, i)
		if err != nil {
			return nil, fmt.Errorf("trust: entry %d: %w", n, err)
		}
	}
	return l, nil
}

func (i Issuer) clone() Issuer {
	i.DIDs, i.URLs, i.Certified, i.Types = slices.Clone(i.DIDs), slices.Clone(i.URLs), slices.Clone(i.Certified), slices.Clone(i.Types)
	i.Windows = slices.Clone(i.Windows)
	i.KeyClasses, i.Compromised, i.Hosts, i.StatusLists = slices.Clone(i.KeyClasses), slices.Clone(i.Compromised), slices.Clone(i.Hosts), slices.Clone(i.StatusLists)
	return i
}

func (i Issuer) check() error {
	switch {
	case i.Name == "":
		return errors.New("the field Name is missing")
	case len(i.DIDs)+len(i.URLs)+len(i.Certified) == 0:
		return errors.New("what the issuer is known by is missing: DIDs, URLs or Certified")
	case len(i.Types) == 0, slices.Contains(i.Types, ""):
		return errors.New("the field Types is missing, or one of them is empty")
	}
	if i.Mechanism != "" || i.Key != nil || i.Subject != "" {
		return errors.New("the fields Mechanism, Key and Subject are answers")
	}
	if len(i.DIDs) == 0 && (!i.LapsedUntil.IsZero() || len(i.KeyClasses) > 0) {
		return errors.New("the fields LapsedUntil and KeyClasses are about keys of DID documents")
	}
	for _, name := range i.Compromised {
		id, fragment, _ := strings.Cut(name, "#")
		named := slices.Contains(i.DIDs, id) && fragment != "" && !strings.ContainsAny(fragment, "# \t\r\n")
		if !named && !isThumbprint(name) && !isAddress(name) {
			return fmt.Errorf("%q in Compromised is no key of these DIDs, no thumbprint and no address", name)
		}
	}
	if i.StatusRequired && len(i.StatusLists) == 0 {
		return errors.New("the field StatusRequired without StatusLists accepts no card")
	}
	if i.SuspendedKeepsOlder && i.Suspended.IsZero() {
		return errors.New("the field SuspendedKeepsOlder says how an issuer is suspended, and it is not")
	}
	if err := i.checkWindows(); err != nil {
		return err
	}
	for n, s := range i.StatusLists {
		if err := s.check(); err != nil {
			return err
		}
		if slices.ContainsFunc(i.StatusLists[:n], func(other StatusLists) bool { return other.Prefix == s.Prefix }) {
			return fmt.Errorf("%q in StatusLists is there twice", s.Prefix)
		}
	}
	for _, host := range i.Hosts {
		if err := checkHost(host); err != nil {
			return err
		}
	}
	return nil
}

func checkHost(host string) error {
	if u, err := url.Parse("https://" + host); err != nil || u.Host != host || u.Hostname() == "" || host != strings.ToLower(host) || u.Port() == "443" {
		return fmt.Errorf("%q in Hosts is no host in lower case, or has the port that all have", host)
	}
	return nil
}

// Issuers implements Directory. What it returns is shared: it must not be changed.
func (l *List) Issuers() []Issuer { return slices.Clone(l.issuers) }

// Certify implements Directory.
func (l *List) Certify(_ context.Context, issuer string, chain []*x509.Certificate, now time.Time) (*pubkey.Key, error) {
	if l.lapsed(now) {
		return nil, ErrListLapsed
	}
	e := l.byIssuer[issuer]
	if e == nil {
		e = l.byName[issuer]
	}
	if e == nil || e.anchors == nil {
		return nil, IssuerNotTrusted
	}
	key, err := e.anchors.verify(chain, now)
	if err != nil {
		return nil, err
	}
	return &key, nil
}

// add enters an issuer under all that it is known by.
func (l *List) add(i Issuer) error {
	types, acc := i.Types, i.Accreditation
	enter := func(in map[string]*entry, name string, m Mechanism, a *anchors) error {
		if in[name] != nil {
			return fmt.Errorf("%q stands in the list twice", name)
		}
		e := &entry{types: types, answer: acc, anchors: a}
		e.answer.Mechanism = m
		e.bounded(i.Windows, name)
		in[name] = e
		return nil
	}
	for _, id := range i.DIDs {
		if !strings.HasPrefix(id, "did:") {
			return fmt.Errorf("%q is no DID", id)
		}
		if err := enter(l.byIssuer, id, ByDID, nil); err != nil {
			return err
		}
	}
	for _, iss := range i.URLs {
		if u, err := url.Parse(iss); err != nil || !strings.HasPrefix(iss, "https://") || u.Host == "" || u.User != nil || strings.ContainsAny(iss, "?#") {
			return fmt.Errorf("%q is no https URL without query and fragment", iss)
		}
		if err := enter(l.byIssuer, iss, ByMetadata, nil); err != nil {
			return err
		}
	}
	for _, c := range i.Certified {
		a, err := newAnchors(c, i.Compromised)
		if err != nil {
			return err
		}
		in, name := l.byIssuer, c.Issuer
		if name == "" {
			in, name = l.byName, c.Name
		}
		if strings.HasPrefix(name, "did:") {
			return fmt.Errorf("%q is a DID, whose keys are in its document", name)
		}
		if err := enter(in, name, ByX5C, a); err != nil {
			return err
		}
	}
	return nil
}

// IsCompromised tells whether a key was declared compromised: as itself, or under any of the names that r, the issuer's document with its
// history, gives to it. r may be nil.
func (a *Accreditation) IsCompromised(key pubkey.Key, r *did.Resolution) bool {
	if len(a.Compromised) == 0 {
		return false
	}
	if address, ok := key.Address(); ok && slices.ContainsFunc(a.Compromised, func(s string) bool { return strings.EqualFold(s, "0x"+hex.EncodeToString(address[:])) }) {
		return true
	}
	if slices.Contains(a.Compromised, key.Thumbprint()) {
		return true
	}
	if r == nil {
		return false
	}
	for _, k := range r.Keys {
		if !k.Public.Equal(key) {
			continue
		}
		// A document may show one key as an address and as itself.
		if slices.Contains(a.Compromised, k.ID) || a.IsCompromised(k.Public, nil) ||
			slices.ContainsFunc(k.Aliases, func(alias string) bool { return slices.Contains(a.Compromised, alias) }) {
			return true
		}
	}
	return false
}

func isThumbprint(s string) bool {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(s)
	return err == nil && len(raw) == sha256.Size && len(s) == 43 // the decoder skips line breaks
}

func isAddress(s string) bool {
	digits, ok := strings.CutPrefix(s, "0x")
	raw, err := hex.DecodeString(digits)
	return ok && err == nil && len(raw) == 20
}

// ErrListLapsed is the error of a list, or a policy, whose document has expired. It is no answer: a newer one may trust more or less.
var ErrListLapsed = errors.New("trust: the list has expired")

func (l *List) lapsed(now time.Time) bool { return !l.expires.IsZero() && !now.Before(l.expires) }

// Accreditation implements Source.
func (l *List) Accreditation(_ context.Context, q Query) (*Accreditation, error) {
	if l.lapsed(q.Now) {
		return nil, ErrListLapsed
	}
	e := l.byIssuer[q.Issuer]
	if q.Issuer == "" && len(q.Chain) > 0 && q.Chain[0] != nil {
		var err error
		if e, err = l.named(q.Chain[0]); err != nil {
			return nil, err
		}
	}
	switch {
	case e == nil:
		return nil, IssuerNotTrusted
	case !slices.Contains(e.types, q.Type),
		!e.answer.From.IsZero() && q.Now.Before(e.answer.From),
		!e.answer.Until.IsZero() && !q.Now.Before(e.answer.Until),
		!e.signedUntil.IsZero() && (q.Signed.IsZero() || !q.Signed.Before(e.signedUntil)):
		return nil, TypeNotAccredited
	case e.answer.suspended(q):
		return nil, IssuerSuspended
	case e.anchors == nil:
		return &e.answer, nil
	}
	key, err := e.anchors.verify(q.Chain, q.Now)
	if err != nil {
		return nil, err
	}
	answer := e.answer
	answer.Key = &key
	if q.Issuer == "" {
		answer.Subject = e.anchors.name
	}
	return &answer, nil
}

func (a *Accreditation) suspended(q Query) bool {
	if a.Suspended.IsZero() || q.Now.Before(a.Suspended) {
		return false
	}
	return !a.SuspendedKeepsOlder || q.Signed.IsZero() || !q.Signed.Before(a.Suspended)
}

// named finds the entry for a card without iss: that of the one name in the leaf that the list knows. The leaf is not verified yet.
func (l *List) named(leaf *x509.Certificate) (found *entry, err error) {
	for _, name := range names(leaf) {
		switch e := l.byName[name]; {
		case e == nil, e == found:
		case found != nil:
			return nil, CertificateOfOther // of two issuers at once, so of neither
		default:
			found = e
		}
	}
	return found, nil
}
