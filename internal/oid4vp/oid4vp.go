// Package oid4vp is what travels in OpenID for Verifiable Presentations 1.0 (V below) between an agency's door and a wallet: client identifiers, requests,
// links, answers, and how requests are signed. Both sides read and write it with the same code.
//
// Nothing here opens a connection, and nothing decides whether a verifier may ask. What a stranger sends is bounded before it is parsed; members that are
// not known are ignored, as section 5 wants, but members that are there twice are refused.
package oid4vp

import "github.com/khyer/khyer/disclosure"

// Reasons why a request or an answer is refused.
const (
	RequestMalformed      disclosure.Reason = "request_malformed"            // no request of section 5, or one that contradicts itself
	RequestTooLarge       disclosure.Reason = "request_too_large"            // refused before it was read
	ClientIDMalformed     disclosure.Reason = "client_id_malformed"          // V 5.9: what follows the prefix is not what the prefix asks for
	ClientIDPrefix        disclosure.Reason = "client_id_prefix_unsupported" // V 5.9: none, unknown, or origin, which nobody may call himself
	ClientIDMismatch      disclosure.Reason = "client_id_mismatch"           // V 5.10.1: the link is of another client than the request object
	RequestUnsigned       disclosure.Reason = "request_unsigned"             // V 5.9.3: the prefix asks for a signature
	RequestMustBeUnsigned disclosure.Reason = "request_must_be_unsigned"     // V 5.9.3: redirect_uri has no key that could sign
	RequestType           disclosure.Reason = "request_typ_mismatch"         // V 5: typ is not oauth-authz-req+jwt
	RequestAlgorithm      disclosure.Reason = "request_alg_unsupported"      // none, a MAC, or not the algorithm of the key
	RequestKey            disclosure.Reason = "request_key_unusable"         // V 5.9.3: kid, or the certificate, does not lead to a key of this client
	RequestSignature      disclosure.Reason = "request_signature_invalid"
	RequestUnresolved     disclosure.Reason = "request_client_unresolved" // the DID could not be resolved now: the one reason that is worth a retry
	RequestExpired        disclosure.Reason = "request_expired"           // exp has passed, or iat lies in the future
	NonceMissing          disclosure.Reason = "request_nonce_missing"     // V 5.2: no nonce, or with characters that are not URL safe
	ModeUnsupported       disclosure.Reason = "response_mode_unsupported"
	ResponseMalformed     disclosure.Reason = "response_malformed" // V 8.1, 8.2: no answer, or one that contradicts itself
)

// Error says why. errors.Is finds the Reason. It holds no value of a claim.
type Error struct {
	Reason disclosure.Reason
	Detail string // for who builds a wallet or a verifier; may be empty
}

func (e *Error) Error() string {
	if e.Detail == "" {
		return "oid4vp: " + string(e.Reason)
	}
	return "oid4vp: " + string(e.Reason) + ": " + e.Detail
}

// Is reports whether target is the Reason of e.
func (e *Error) Is(target error) bool {
	r, ok := target.(disclosure.Reason)
	return ok && r == e.Reason
}

func fail(r disclosure.Reason, detail string) error { return &Error{r, detail} }

// Mode is a response_mode.
type Mode string

// Modes.
const (
	Fragment      Mode = "fragment"        // V 8: in the fragment of redirect_uri
	DirectPost    Mode = "direct_post"     // V 8.2
	DirectPostJWT Mode = "direct_post.jwt" // V 8.3.1
	DCAPI         Mode = "dc_api"          // V A.2
	DCAPIJWT      Mode = "dc_api.jwt"      // V A.2
)

// Encrypted tells whether the answer has to be encrypted.
func (m Mode) Encrypted() bool { return m == DirectPostJWT || m == DCAPIJWT }

// Posted tells whether the answer goes to response_uri.
func (m Mode) Posted() bool { return m == DirectPost || m == DirectPostJWT }

// InBrowser tells whether the answer goes through the Digital Credentials API.
func (m Mode) InBrowser() bool { return m == DCAPI || m == DCAPIJWT }

func (m Mode) known() bool { return m == Fragment || m.Posted() || m.InBrowser() }
