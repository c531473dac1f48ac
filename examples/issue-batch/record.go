package main

import (
	"bytes"
	"encoding/json"
	"errors"

	"github.com/khyer/khyer/did/pubkey"
)

// record is what a row says. Its parts are checked one by one, so that the fault of one names that one.
type record struct {
	reference []byte
	holder    pubkey.Key
	unbound   bool
	status    int64 // -1 for none
	claims    json.RawMessage
}

// fault says why a row is no card: a field and a reason, never a value.
type fault struct{ Field, Reason string }

func (f *fault) Error() string { return f.Field + ": " + f.Reason }

// Fields of a row beside its claims.
const (
	fieldReference = "reference"
	fieldHolder    = "holder"
	fieldUnbound   = "unbound"
	fieldStatus    = "status_index"
	fieldClaims    = "claims"
)

// Reasons for refusing a row, beside those of packages catalogue and pubkey.
const (
	rowTooLong         = "row_too_long"
	rowEncoding        = "row_not_utf8"
	rowMalformed       = "row_malformed"    // quotes in the wrong place, no JSON object
	rowColumns         = "row_column_count" // not as many as the header has
	rowMember          = "row_member_unknown"
	rowRepeats         = "row_member_repeated"
	referenceMissing   = "reference_missing"
	referenceMalformed = "reference_malformed" // no string, or longer than 256 bytes
	referenceRepeated  = "reference_repeated"  // a row before has it, and became a card
	holderMissing      = "holder_missing"
	holderMalformed    = "holder_malformed" // neither did:key nor a JWK
	holderAndUnbound   = "holder_and_unbound"
	unboundMalformed   = "unbound_malformed" // neither true nor false
	statusMissing      = "status_index_missing"
	statusMalformed    = "status_index_malformed"
	statusRepeated     = "status_index_repeated"
	claimMalformed     = "claim_malformed" // a cell that should hold JSON
)

// parser reads one row. It keeps nothing of it.
type parser interface {
	parse(line []byte) (record, *fault)
}

// setReference comes first, so that an error can say whose row it is.
func (r *record) setReference(text []byte) *fault {
	switch {
	case len(text) == 0:
		return &fault{fieldReference, referenceMissing}
	case len(text) > maxReference:
		return &fault{fieldReference, referenceMalformed}
	}
	r.reference = bytes.Clone(text)
	return nil
}

// setHolder wants either a key or the word that there is to be none. A card that anyone can show is never made by omission.
func (r *record) setHolder(holder []byte, unbound bool) *fault {
	r.unbound = unbound
	switch {
	case len(holder) == 0 && !unbound:
		return &fault{fieldHolder, holderMissing}
	case len(holder) > 0 && unbound:
		return &fault{fieldHolder, holderAndUnbound}
	case unbound:
		return nil
	}
	var err error
	if multikey, ok := bytes.CutPrefix(holder, []byte("did:key:")); ok {
		r.holder, err = pubkey.ParseMultikey(string(multikey))
	} else if holder[0] == '{' {
		r.holder, err = pubkey.ParseJWK(holder)
	} else {
		return &fault{fieldHolder, holderMalformed}
	}
	if err == nil && len(r.holder.Algorithms()) == 0 {
		return &fault{fieldHolder, string(pubkey.AlgorithmMismatch)}
	}
	return pubkeyFault(err)
}

func pubkeyFault(err error) *fault {
	if err == nil {
		return nil
	}
	var e *pubkey.Error
	if errors.As(err, &e) {
		return &fault{fieldHolder, string(e.Reason)}
	}
	return &fault{fieldHolder, holderMalformed}
}
