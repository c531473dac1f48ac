// Package trust answers the question that comes before every key: may this issuer issue this type of credential?
//
// The answer comes from a [Source]. [NewList] makes one of Go values. There is no source that trusts everybody.
package trust

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/khyer/khyer/disclosure"
)

// Query asks whether Issuer may issue Type. Both are compared byte for byte.
type Query struct {
	Issuer, Type string
	Signed       time.Time // when the card says it was signed; zero if it does not say
	Now          time.Time
}

// Accreditation is the permission of one issuer to issue one type.
type Accreditation struct {
	Name        string    // of the issuer, for people
	From, Until time.Time // when cards may have been accepted; zero means unbounded
	// KeyClasses names the classes of keys that count beside the ordinary ones: see did.Key.Class.
	KeyClasses []string
	// LapsedUntil is until when a key whose validity has ended, without having been revoked, still verifies cards that were signed
	// before; zero means never.
	LapsedUntil time.Time
	// Compromised names keys of which no card is accepted, whatever its date: by RFC 7638 thumbprint, which holds under every DID of this
	// issuer; by Ethereum address (0x and 40 hex digits), which a secp256k1 key needs where a document shows no more than that; or by
	// DID URL, which holds for that DID as long as its document, or its history, knows the URL.
	Compromised []string
}

// Reasons.
const (
	IssuerNotTrusted  disclosure.Reason = "issuer_not_trusted"  // nobody vouches for this issuer
	TypeNotAccredited disclosure.Reason = "type_not_accredited" // the issuer is known, and may not issue this type
)

// Source answers queries. An error that is IssuerNotTrusted or TypeNotAccredited is an answer; any other means that the answer is
// not known. It is safe for concurrent use.
type Source interface {
	Accreditation(context.Context, Query) (*Accreditation, error)
}

// Issuer is an entry of a list.
type Issuer struct {
	DIDs  []string // every DID of this issuer, exactly as iss has it
	Types []string // the types that it may issue, exactly as vct has them
	Accreditation
}

// List is a Source of Go values. It is read-only and safe for concurrent use.
type List struct {
	entries map[string]*Issuer
}

// NewList makes a list. Each entry needs a name, at least one DID and at least one type; a DID stands in one entry only.
func NewList(issuers ...Issuer) (*List, error) {
	if len(issuers) == 0 {
		return nil, errors.New("trust: an empty list trusts nobody")
	}
	l := &List{make(map[string]*Issuer, len(issuers))}
	for n, e := range issuers {
		if e.Name == "" || len(e.DIDs) == 0 || len(e.Types) == 0 || slices.Contains(e.Types, "") {
			return nil, fmt.Errorf("trust: entry %d lacks a name, a DID or a type", n)
		}
		e.DIDs, e.Types = slices.Clone(e.DIDs), slices.Clone(e.Types)
		e.KeyClasses, e.Compromised = slices.Clone(e.KeyClasses), slices.Clone(e.Compromised)
		for _, name := range e.Compromised {
			id, fragment, _ := strings.Cut(name, "#")
			isURL := slices.Contains(e.DIDs, id) && fragment != "" && !strings.ContainsAny(fragment, "# \t\r\n")
			if !isURL && !isThumbprint(name) && !isAddress(name) {
				return nil, fmt.Errorf("trust: entry %d: %q in Compromised is no key of these DIDs, no thumbprint and no address", n, name)
			}
		}
		for _, id := range e.DIDs {
			if !strings.HasPrefix(id, "did:") {
				return nil, fmt.Errorf("trust: entry %d: %q is no DID", n, id)
			}
			if l.entries[id] != nil {
				return nil, fmt.Errorf("trust: %q stands in two entries", id)
			}
			l.entries[id] = &e
		}
	}
	return l, nil
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

// Accreditation implements Source.
func (l *List) Accreditation(_ context.Context, q Query) (*Accreditation, error) {
	e := l.entries[q.Issuer]
	switch {
	case e == nil:
		return nil, IssuerNotTrusted
	case !slices.Contains(e.Types, q.Type),
		!e.From.IsZero() && q.Now.Before(e.From),
		!e.Until.IsZero() && !q.Now.Before(e.Until):
		return nil, TypeNotAccredited
	}
	return &e.Accreditation, nil
}
