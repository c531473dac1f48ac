// Package status holds the status of credentials as a Token Status List tells it (draft-ietf-oauth-status-list-20): what a reference
// in a card looks like, the signed token that a list travels in, and how a value is read from it. Fetching tokens, and knowing who may
// sign which, is the part of a Source.
//
// [Sign] makes a token and [ParseToken] reads one; nothing can be read from a [Token] before [Token.Verify]. Lists in CBOR are not read.
//
// # Drafts
//
// HAIP 1.0 pins draft 14 and demands x5c (section 6.1); this package goes by draft 20. A JWT of the one is a JWT of the other: header, claims, bytes of the list
// and values are the same in both, and x5c stands beside or instead of kid. What differs, and what is done here:
//
//	                                draft 14              draft 20               here
//	index behind the end (8.3)      SHOULD reject         MUST reject            rejects
//	GET of the list's URI (8.1)     SHOULD work           MUST work              only GET
//	RFC 8725 for JWTs (11.2)        SHOULD follow         MUST follow            typ is exact, no alg is believed, no key that comes with a token
//	registered values (7.1)         SHOULD be used        MUST be used           those of Value; a verifier accepts no other
//	error for time= (8.4)           406                   404                    no history is asked for
//
// In both, redirects (8.2) SHOULD be followed, and are not here: package online asks for no place that the trust list does not name. Both allow MACs, which are
// refused; exp and ttl are RECOMMENDED, and Sign demands exp. iss, which both have dropped, may stand, and then names the signer. The extended key usage of
// section 10 has no number yet: a certificate may have it, and need not.
//
// Section 9 names three ways to an aggregation. Package online takes the one by the trust list, and follows neither aggregation_uri nor issuers' metadata.
//
// ExampleSign in token_test.go publishes a list and reads it, ExampleRegistry in registry_test.go allocates a place and revokes a card.
package status

import (
	"context"
	"strconv"
	"time"
)

// Value is the status of one credential (section 7.1).
type Value uint8

// The registered values.
const (
	Valid     Value = 0
	Revoked   Value = 1 // the specification's name is INVALID: for good
	Suspended Value = 2
)

func (v Value) String() string {
	switch v {
	case Valid:
		return "valid"
	case Revoked:
		return "revoked"
	case Suspended:
		return "suspended"
	}
	return "status " + strconv.Itoa(int(v))
}

// Reference is where a credential's status stands: the status_list member of its status claim (section 6.2).
type Reference struct {
	URI   string
	Index uint64
}

// Source gives the list at uri after checking that signer, a DID or an https issuer, signed it: the caller has looked up that
// uri and signer go together. It is safe for concurrent use. Any error means that the status is not known.
type Source interface {
	StatusList(ctx context.Context, uri, signer string, now time.Time) (*List, error)
}

// Reason says why a list was refused.
type Reason string

func (r Reason) Error() string { return string(r) }

// Reasons.
const (
	BadBits    Reason = "status_bits_unsupported"   // not 1, 2, 4 or 8 bits for each status
	OutOfRange Reason = "status_index_out_of_range" // the reference points behind the end of the list
)

// List is an inflated status list. It is read-only and safe for concurrent use.
type List struct {
	bits        int
	data        []byte
	URI         string        // where it is; empty if the list did not come from a token, as the rest below
	Issued      time.Time     // when the list was signed
	Expires     time.Time     // from when on it must not be relied on; zero if the issuer did not say
	TTL         time.Duration // how long it may be kept before a fresh one is fetched; zero if the issuer did not say
	Aggregation string        // where the issuer lists its lists (section 9); not fetched by anybody
}

// Len returns the number of statuses in the list.
func (l *List) Len() uint64 {
	if l == nil || l.bits == 0 {
		return 0
	}
	return uint64(len(l.data)) * uint64(8/l.bits)
}

// NewList makes a list of the bytes of section 4.1: bits is 1, 2, 4 or 8, and the lowest index stands in the least significant bits.
// The list keeps data.
func NewList(bits int, data []byte, issued time.Time) (*List, error) {
	switch bits {
	case 1, 2, 4, 8:
		return &List{bits: bits, data: data, Issued: issued}, nil
	}
	return nil, BadBits
}

// At returns the status with that index. An index out of range is an error: it never means valid.
func (l *List) At(index uint64) (Value, error) {
	if l == nil || l.bits == 0 {
		return 0, BadBits // not made by NewList
	}
	perByte := uint64(8 / l.bits)
	if index/perByte >= uint64(len(l.data)) {
		return 0, OutOfRange
	}
	shift := index % perByte * uint64(l.bits)
	return Value(l.data[index/perByte] >> shift & (1<<l.bits - 1)), nil
}
