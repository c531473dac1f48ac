package catalogue

import "github.com/khyer/khyer/disclosure"

// Reasons of this package. They are about an issuer's record and never about a presentation, so their words are kept apart from the
// verifier's.
const (
	BadCatalogue    disclosure.Reason = "catalogue_malformed"
	BadClaims       disclosure.Reason = "record_malformed"          // not one JSON object without duplicate members
	UnknownClaim    disclosure.Reason = "record_claim_unknown"      // the type has no claim of that name
	NearMiss        disclosure.Reason = "record_claim_near_miss"    // it has none, but Error.Near is one letter or space away
	MissingClaim    disclosure.Reason = "record_claim_missing"      // the type has a claim that the card lacks
	WrongType       disclosure.Reason = "record_claim_wrong_type"   // such as a number where a string is due
	WrongFormat     disclosure.Reason = "record_claim_wrong_format" // empty, outside the pattern, no such day
	ImplausibleDate disclosure.Reason = "record_date_implausible"   // a birth after the day of issue, or more than 150 years before
	AlreadyComputed disclosure.Reason = "record_claim_computed"     // Compute was given a claim that it computes
	NoTime          disclosure.Reason = "record_time_missing"       // Compute was given the zero time
)

// Error is the error of this package. It names claims, never their values.
type Error struct {
	Reason disclosure.Reason
	Type   string          // name of the credential type; empty for a fault of a whole file
	Path   disclosure.Path // the claim, as the caller wrote its name
	Near   string          // for NearMiss: the exact name that was probably meant instead of the last one of Path
	Detail string          // for BadCatalogue: the line of the file, and what is wrong there
}

func (e *Error) Error() string {
	s := "catalogue: " + string(e.Reason)
	if e.Type != "" {
		s += " in " + e.Type
	}
	if len(e.Path) > 0 {
		s += " at " + e.Path.String()
	}
	if e.Near != "" {
		s += ", did you mean " + disclosure.Path{e.Near}.String()
	}
	if e.Detail != "" {
		s += ": " + e.Detail
	}
	return s
}

// Unwrap returns the Reason.
func (e *Error) Unwrap() error { return e.Reason }
