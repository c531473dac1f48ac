package trust

import (
	"context"
	"crypto/x509"
	"errors"
	"sync/atomic"
	"time"

	"github.com/khyer/khyer/did/pubkey"
)

// Live is a Directory whose list is exchanged while it runs: what a verifier gets whose list a governing body publishes anew. The zero value has no
// list and answers ErrNoList. It is safe for concurrent use, and must not be copied.
type Live struct{ list atomic.Pointer[List] }

// ErrNoList is the error of a Live that was given no list yet. It is no answer.
var ErrNoList = errors.New("trust: there is no list yet")

// Store makes l the list, for every question from now on; nil takes the list away. A verification that has asked already goes on with the answer that
// it had.
func (v *Live) Store(l *List) { v.list.Store(l) }

// Accreditation implements Source.
func (v *Live) Accreditation(ctx context.Context, q Query) (*Accreditation, error) {
	l := v.list.Load()
	if l == nil {
		return nil, ErrNoList
	}
	return l.Accreditation(ctx, q)
}

// Issuers implements Directory. It is empty without a list.
func (v *Live) Issuers() []Issuer {
	l := v.list.Load()
	if l == nil {
		return nil
	}
	return l.Issuers()
}

// Certify implements Directory.
func (v *Live) Certify(ctx context.Context, issuer string, chain []*x509.Certificate, now time.Time) (*pubkey.Key, error) {
	l := v.list.Load()
	if l == nil {
		return nil, ErrNoList
	}
	return l.Certify(ctx, issuer, chain, now)
}
