package wallet

import (
	"errors"

	"github.com/khyer/khyer/disclosure"
	"github.com/khyer/khyer/internal/oid4vp"
	"github.com/khyer/khyer/verifier/trust"
)

// Reasons of refusals. Others are those of package trust (purpose_unknown, asks_too_much) and of package dcql.
const (
	RequestMalformed      = oid4vp.RequestMalformed      // no request, or one that contradicts itself
	RequestTooLarge       = oid4vp.RequestTooLarge       // refused before it was read
	ClientIDMalformed     = oid4vp.ClientIDMalformed     // V 5.9: what follows the prefix is not what the prefix asks for
	ClientIDPrefix        = oid4vp.ClientIDPrefix        // V 5.9: none, unknown, or origin, which nobody may call himself
	ClientIDMismatch      = oid4vp.ClientIDMismatch      // V 5.10.1: the request object is of another client than the link
	RequestUnsigned       = oid4vp.RequestUnsigned       // V 5.9.3: the prefix asks for a signature, and there is none
	RequestMustBeUnsigned = oid4vp.RequestMustBeUnsigned // V 5.9.3: redirect_uri has no key that could sign
	RequestType           = oid4vp.RequestType           // V 5: typ is not oauth-authz-req+jwt
	RequestAlgorithm      = oid4vp.RequestAlgorithm      // none, a MAC, or not the algorithm of the key
	RequestKey            = oid4vp.RequestKey            // V 5.9.3, HAIP 5: kid or x5c does not lead to a key of this client
	RequestSignature      = oid4vp.RequestSignature
	RequestUnresolved     = oid4vp.RequestUnresolved // the client's DID could not be resolved now: try again
	RequestExpired        = oid4vp.RequestExpired
	NonceMissing          = oid4vp.NonceMissing // V 5.2
	ModeUnsupported       = oid4vp.ModeUnsupported

	VerifierUnknown     disclosure.Reason = "verifier_unknown"             // the list does not know who asks
	PlaceNotAccredited  disclosure.Reason = "place_not_accredited"         // the request is elsewhere, or wants the answer elsewhere, than the list has for who asks; or not https
	NotFetched          disclosure.Reason = "request_not_fetched"          // no answer, or another than a request object: try again
	WalletNonceMismatch disclosure.Reason = "wallet_nonce_mismatch"        // V 5.10.1: not made for this wallet's question
	OriginMismatch      disclosure.Reason = "origin_mismatch"              // V A.2: the page is none of those that the request is for
	NothingInCommon     disclosure.Reason = "nothing_in_common"            // no format or encryption that both know
	TransactionUnknown  disclosure.Reason = "transaction_data_unsupported" // V 5.1: a type that this wallet does not know, or a hash
	AlreadyAnswered     disclosure.Reason = "request_already_answered"     // a request is answered once
	NotSent             disclosure.Reason = "answer_not_sent"              // no answer, and nobody knows whether it has arrived: Answer sends the same again
	NotAccepted         disclosure.Reason = "answer_not_accepted"          // the agency's server said no
)

// Refusal is the error for a request that is not answered, or could not be. errors.Is finds the Reason. It holds no value of a claim.
type Refusal struct {
	Reason disclosure.Reason
	// TooMuch is every claim that the purpose does not need, with trust.AsksTooMuch.
	TooMuch []trust.Asked
	// Request is there if who asks has proved it: then it can be declined. It cannot be answered.
	Request *Request
	Err     error // what is behind it; may be nil
}

func (r *Refusal) Error() string {
	if r.Err == nil {
		return "wallet: " + string(r.Reason)
	}
	return "wallet: " + string(r.Reason) + ": " + r.Err.Error()
}

// Is reports whether target is the Reason of r.
func (r *Refusal) Is(target error) bool {
	reason, ok := target.(disclosure.Reason)
	return ok && reason == r.Reason
}

func (r *Refusal) Unwrap() error { return r.Err }

// Retry tells that the same may work later: nothing is wrong with the request.
func (r *Refusal) Retry() bool {
	return r.Reason == RequestUnresolved || r.Reason == NotFetched || r.Reason == NotSent
}

func refuse(r disclosure.Reason, err error) error { return &Refusal{Reason: r, Err: err} }

// refusalOf makes a refusal of an error of a room below, with its reason.
func refusalOf(err error) error {
	var (
		wire *oid4vp.Error
		over *trust.OverAsking
		done *Refusal
	)
	switch {
	case errors.As(err, &done):
		return done
	case errors.As(err, &wire):
		return refuse(wire.Reason, err)
	case errors.As(err, &over):
		return &Refusal{Reason: over.Reason, TooMuch: over.TooMuch, Err: err}
	}
	return refuse(RequestMalformed, err) // dcql_malformed and a list that has lapsed are found behind it
}
