package anchor

import (
	"errors"
	"fmt"

	"github.com/khyer/khyer/internal/ethrpc"
)

// Reason says why something was not anchored.
type Reason string

// Reasons.
const (
	BadConfig      Reason = "bad_config"      // the caller's configuration or argument cannot be right
	BadKey         Reason = "bad_key"         // a key or key file that cannot be used
	NoAnswer       Reason = "no_answer"       // the node did not answer in time, or not in a form that can be believed
	NodeRefused    Reason = "node_refused"    // the node understood and refused
	WrongChain     Reason = "wrong_chain"     // the node serves another chain than configured
	WrongRegistry  Reason = "wrong_registry"  // there is no registry at the address, or other code than pinned
	LegacyRegistry Reason = "legacy_registry" // signed operations are for the embedded registry only: on others they can be replayed
	FeeTooHigh     Reason = "fee_too_high"    // the transaction could cost more than Config.MaxFee
	Unfunded       Reason = "unfunded"        // the account has not what the transactions may cost
	SignerFailed   Reason = "signer_failed"   // the Signer gave no signature
	BadSignature   Reason = "bad_signature"   // the Signer signed with another key than its address says, or something else
	JournalFailed  Reason = "journal_failed"  // the journal cannot be read or written; what is not in it was not sent
	Reverted       Reason = "reverted"        // the registry refused; Error.Revert has its word
	NotPublished   Reason = "not_published"   // what is to be revoked is not published, or has been revoked already
	Stale          Reason = "stale"           // a signed operation that has been carried out, or whose turn has not come
	Dropped        Reason = "dropped"         // another transaction took the nonce, or a reorganisation threw this one out for good
)

// Error is the error of everything here that talks to a node or a Signer.
type Error struct {
	Reason Reason
	// Revert is the word with which the contract refused: bad_actor (not the owner), deactivated, bad_identity, bad_validity,
	// bad_delegate, bad_signature, expired. Registries that were deployed by others may use other words.
	Revert string
	// Tx is the transaction's hash if it was signed. With NoAnswer it may still be mined: look before doing the same again.
	Tx  [32]byte
	Err error // detail for people; may be nil
}

func (e *Error) Error() string {
	s := "anchor: " + string(e.Reason)
	if e.Revert != "" {
		s += ": " + e.Revert
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

func (e *Error) Unwrap() error { return e.Err }

func fail(r Reason, format string, args ...any) *Error {
	return &Error{Reason: r, Err: fmt.Errorf(format, args...)}
}

// nodeError sorts what came of a call to the node.
func nodeError(err error) *Error {
	var own *Error
	if errors.As(err, &own) {
		return own
	}
	var e *ethrpc.Error
	if !errors.As(err, &e) {
		return &Error{Reason: NoAnswer, Err: err}
	}
	if word, ok := revertWord(e); ok {
		return &Error{Reason: Reverted, Revert: word, Err: err}
	}
	return &Error{Reason: NodeRefused, Err: err}
}
