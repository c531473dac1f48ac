package did

// Code says why a DID could not be resolved or a key not be used.
type Code string

// Codes. Those that DID Resolution section 11 names have its spelling.
const (
	InvalidDID                 Code = "invalidDid"
	InvalidDIDURL              Code = "invalidDidUrl"
	InvalidOptions             Code = "invalidOptions"
	InvalidDIDDocument         Code = "invalidDidDocument"
	NotFound                   Code = "notFound"
	RepresentationNotSupported Code = "representationNotSupported"
	MethodNotSupported         Code = "methodNotSupported"
	FeatureNotSupported        Code = "featureNotSupported" // an option that the method does not have
	InternalError              Code = "internalError"

	UnknownNetwork Code = "unknownNetwork" // the method is known, the network is not configured

	// Faults of the way to the registry: nothing is known about the DID. Code.Inconclusive tells these from the others.
	Unavailable      Code = "unavailable"      // no answer
	GarbledAnswer    Code = "garbledAnswer"    // an answer that is not what was asked for
	IncompleteAnswer Code = "incompleteAnswer" // an answer with a part missing: a log, a header, a call of the batch
	StaleAnswer      Code = "staleAnswer"      // a head older than the policy allows
	WrongChain       Code = "wrongChain"       // another chain id or registry code than configured
	Disagreement     Code = "disagreement"     // operators that should say the same do not

	KeyNotFound     Code = "keyNotFound"
	KeyAmbiguous    Code = "keyAmbiguous"
	KeyWrongPurpose Code = "keyWrongPurpose"
	KeyNotYetValid  Code = "keyNotYetValid"
	KeyLapsed       Code = "keyLapsed"  // its validity ended; it was never revoked
	KeyRevoked      Code = "keyRevoked" // it was explicitly revoked
	Deactivated     Code = "deactivated"
)

// Error is the error of every function here and of every Resolver.
type Error struct {
	Code Code
	Err  error // detail for people; may be nil
}

func (e *Error) Error() string {
	if e.Err == nil {
		return "did: " + string(e.Code)
	}
	return "did: " + string(e.Code) + ": " + e.Err.Error()
}

func (e *Error) Unwrap() error { return e.Err }

// Is reports whether target is the Code of e, so that errors.Is(err, did.KeyRevoked) works.
func (e *Error) Is(target error) bool {
	c, ok := target.(Code)
	return ok && c == e.Code
}

// Error makes a Code an error for errors.Is.
func (c Code) Error() string { return string(c) }

// Inconclusive reports whether nothing is known about the DID: the way to the registry failed, and a later try may answer.
func (c Code) Inconclusive() bool {
	switch c {
	case Unavailable, GarbledAnswer, IncompleteAnswer, StaleAnswer, WrongChain, Disagreement, InternalError:
		return true
	}
	return false
}

// Resolution returns the error name of DID Resolution section 11 for c. Names of ours that the specification does not have become
// internalError.
func (c Code) Resolution() string {
	switch c {
	case UnknownNetwork, Unavailable, GarbledAnswer, IncompleteAnswer, StaleAnswer, WrongChain, Disagreement:
		return string(InternalError)
	}
	return string(c)
}
