package verifier

import (
	"time"

	"github.com/khyer/khyer/disclosure"
)

// Reason is a stable word for why something was not accepted. It is an error, so that errors.Is(err, verifier.Replayed) works.
// Reasons lists all of them with their meaning.
type Reason = disclosure.Reason

// Rejection says that a presentation is not acceptable.
type Rejection struct {
	Reason Reason
	Query  string          // with VerifyAnswer, the credential query whose answer it is about; empty if it is about the whole
	Path   disclosure.Path // of the claim that the reason is about, if there is one
	// Near is, with ClaimMissing, the path of a claim that the card shows and whose name people would take for the one that was asked
	// for: "Department " for "Department". Nothing is accepted because of it; the request has to be mended.
	Near disclosure.Path
	// Unauthenticated means that issuer and holder had not both been verified when this was found: anybody who has seen a card, or none,
	// can cause it, so it says nothing about an issuer.
	Unauthenticated bool
	Err             error // detail for developers; never holds a claim's value
}

func (r *Rejection) Error() string {
	s := "verifier: rejected: " + string(r.Reason)
	if len(r.Path) > 0 {
		s += " at " + r.Path.String()
	}
	if len(r.Near) > 0 {
		s += "; the card has " + r.Near.String()
	}
	return s
}

// Unwrap returns the Reason and Err.
func (r *Rejection) Unwrap() []error { return withReason(r.Reason, r.Err) }

// Inconclusive says that a presentation could not be checked. Never accept it; trying again may help.
type Inconclusive struct {
	Reason     Reason
	RetryAfter time.Duration // zero if waiting does not help: somebody has to mend something
	Err        error
}

func (i *Inconclusive) Error() string {
	s := "verifier: inconclusive: " + string(i.Reason)
	if i.Err != nil {
		s += ": " + i.Err.Error()
	}
	return s
}

// Unwrap returns the Reason and Err.
func (i *Inconclusive) Unwrap() []error { return withReason(i.Reason, i.Err) }

func withReason(r Reason, err error) []error {
	if err == nil {
		return []error{r}
	}
	return []error{r, err}
}

// Misuse is a mistake in the calling program: nothing was decided about a presentation.
type Misuse struct{ Detail string }

func (m *Misuse) Error() string { return "verifier: misuse: " + m.Detail }
