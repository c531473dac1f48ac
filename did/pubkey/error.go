package pubkey

// Reason says why a key or a signature was refused. It is an error, so that errors.Is(err, pubkey.SignatureInvalid) works.
type Reason string

// Reasons.
const (
	Malformed         Reason = "key_malformed"          // not the form that was asked for: syntax, encoding, a missing or duplicate member
	TooLarge          Reason = "key_too_large"          // beyond the bound, refused before it is read
	Unsupported       Reason = "key_unsupported"        // a key type, curve or multicodec that is not in use here: RSA, P-521, Ed448 and more
	TooSmall          Reason = "key_too_small"          // RSA below 2048 bits (RFC 7518 section 3.3); RSA of any size is not in use here
	WrongLength       Reason = "key_wrong_length"       // a coordinate or a key has not exactly the length of its curve
	OffCurve          Reason = "key_off_curve"          // the coordinates are no point of the curve, or its identity
	LowOrder          Reason = "key_low_order"          // a point of a small subgroup: signatures under it prove nothing
	NonCanonical      Reason = "key_non_canonical"      // a second spelling, a coordinate not reduced or base64url with bits left over: identifiers would not be unique
	PrivateMember     Reason = "key_private_member"     // private key material where only a public key may stand
	NotPrivate        Reason = "key_not_private"        // a private key was asked for and its private part is missing or out of range
	Mismatch          Reason = "key_mismatch"           // the public part does not belong to the private part
	AlgorithmMismatch Reason = "key_algorithm_mismatch" // the key does not know that algorithm, or is not meant for signatures
	SignatureInvalid  Reason = "signature_invalid"
	SignerFault       Reason = "signer_fault" // a signer failed or returned something that is no signature
)

func (r Reason) Error() string { return string(r) }

// Error is the error of every function here. It never holds key material.
type Error struct {
	Reason Reason
	Err    error // what a signer answered; nil otherwise
}

func (e *Error) Error() string {
	if e.Err != nil {
		return "pubkey: " + string(e.Reason) + ": " + e.Err.Error()
	}
	return "pubkey: " + string(e.Reason)
}

// Is reports whether target is the Reason of e.
func (e *Error) Is(target error) bool {
	r, ok := target.(Reason)
	return ok && r == e.Reason
}

func (e *Error) Unwrap() error { return e.Err }

func fail(r Reason) error { return &Error{Reason: r} }
