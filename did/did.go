// Package did holds what all DID methods share: the syntax of DIDs and DID URLs, DID documents, and the one-method Resolver interface.
package did

import (
	"context"
	"time"

	"github.com/khyer/khyer/did/pubkey"
)

// DID is a parsed, syntactically valid DID (DID Core 1.0 section 3.1). The zero value is no DID. It is comparable.
type DID struct{ s string }

// String returns the DID exactly as it was parsed.
func (d DID) String() string { return d.s }

// Purpose is a verification relationship (DID Core 1.0 section 5.3).
type Purpose string

// The verification relationships.
const (
	Authentication       Purpose = "authentication"
	AssertionMethod      Purpose = "assertionMethod"
	KeyAgreement         Purpose = "keyAgreement"
	CapabilityInvocation Purpose = "capabilityInvocation"
	CapabilityDelegation Purpose = "capabilityDelegation"
)

// Anchor says at which point of a ledger a resolution was read, and how far that can be trusted.
// Methods without a ledger leave it zero.
type Anchor struct {
	Chain string    // CAIP-2 name, such as eip155:1
	Block uint64    // number of the block that was read
	Hash  [32]byte  // its hash
	Time  time.Time // its time
	// Newest is the time of the newest block, final or not, where the method knows it: no right clock is behind it. It is zero in answers
	// about the past.
	Newest time.Time
	Tag    string // the finality asked for: finalized, safe, latest or a number
	// Trust is asserted (one node said so) or agreed (several operators did). No method here gives a higher one; "proved" is kept for proofs
	// against a block's state root.
	Trust string
}

// At asks for a document as of a block or a time. The zero value asks for the method's default, the newest finalized state.
type At struct {
	Block  uint64
	Time   time.Time
	Anchor *Anchor
}

// Resolver resolves a DID. The Document of the answer has that DID as its ID. Errors are *Error. Implementations are safe for concurrent use.
type Resolver interface {
	Resolve(ctx context.Context, id DID, at At) (*Resolution, error)
}

// Resolution is what a Resolver answers. It and all that it holds may be shared between callers: it is read-only.
type Resolution struct {
	Document *Document
	// Keys are all that the DID has ever had, as far as the method knows: those that count now, in the order of the document, then the others.
	// The first is not the one that signs cards: did:ethr begins with the owner's address, of the class "controller". Ask [Resolution.Key]
	// by id and purpose, or look at Class and Purposes.
	Keys        []Key
	Deactivated bool
	Anchor      Anchor
	Metadata    Metadata
}

// Metadata is the DID document metadata of DID Resolution section 7.3 that a method knows.
type Metadata struct {
	VersionID, NextVersionID string
	Updated, NextUpdate      time.Time
}

// Key is a verification method that has a usable public key, with its history.
type Key struct {
	ID       string   // absolute DID URL
	Aliases  []string // other absolute DID URLs that name the same key
	Purposes []Purpose
	Public   pubkey.Key
	// Class is empty for a key that the subject published as a signing key. Otherwise it names how the key came to be in the
	// document, and the key counts for an issuer only where the trust entry names that class. did:ethr has the classes
	// "controller", "controllerKey", "delegate", "sigAuth" and "attribute" (an attribute that is no Multikey).
	Class string
	// From and Until bound the key's validity; zero means unbounded. Revoked is when it was explicitly revoked; zero means never.
	From, Until, Revoked time.Time
}
