// Package credential issues, holds and verifies SD-JWT VCs: credentials of type dc+sd-jwt, RFC 9901 with the rules of
// draft-ietf-oauth-sd-jwt-vc-19.
//
// An issuer makes cards with [NewIssuer] and [Issuer.Issue]. A holder takes them with [Holder.Receive] and shows a part of one, bound
// to one audience and one nonce, with [Holder.Present]. A verifier calls [Parse], finds the issuer's key by the [Hint], and then
// [Presentation.Verify]. An agency uses package verifier, which does the finding and the deciding.
//
// # Versions
//
// RFC 9901 and draft 19 of SD-JWT VC decide. OpenID4VP 1.0 pins draft 09 and HAIP 1.0 pins draft 13; where they differ:
//
//	what                     draft 09          draft 13                draft 19        here
//	typ                      dc+sd-jwt         dc+sd-jwt               dc+sd-jwt       dc+sd-jwt. vc+sd-jwt, which 13 recommends to accept
//	                                                                                   for a time and 19 does not, is refused: it has
//	                                                                                   become the media type of another format
//	iss                                        optional                optional        optional where certificates say who issues
//	keys                     DID, x5c, web     x5c, web; DID: profile  the same        all three; the trust entry says which
//	aka_vcts                 unknown           unknown                 added (18)      checked where it stands; gives no accreditation
//	vct#integrity            may be disclosed  in the clear (11)       in the clear    in the clear
//	status                   any mechanism     status_list: a JWT (11) the same        status_list; another mechanism is a fault
//	display of a type        lang              locale (12)             locale          locale, or lang where there is no locale
//	schema of a type         a JSON Schema     removed (12)            removed         not looked at
//	mandatory of a claim     unknown           added (12)              judged (17)     judged
//	serialisation            compact; JSON optional in all three                       both
//
// # Issuer keys
//
// The trust entry of an issuer says how its key is found, never a header. [Hint.VerificationMethod] leads to a key in a DID document;
// [Hint.Chain] gives the certificates of x5c (section 2.5), which package verifier/trust judges; [ParseIssuerMetadata] reads JWT VC
// Issuer Metadata (section 4).
//
// # Issuer keys in DID documents: our profile
//
// The drafts leave them to a profile (section 2.5 of draft 19); this is ours.
//
//   - iss is a DID, and the trust entry for that exact string fixes that the key is found through the DID. A header never does: x5c,
//     jwk, jku and x5u beside a DID are refused.
//   - kid is required. It is iss + "#" + fragment, byte for byte, or only "#" + fragment, which is read relative to iss. Bare names,
//     paths, queries and other DIDs are refused ([Hint.VerificationMethod]).
//   - It names exactly one verification method, whose controller is iss and which stands in assertionMethod.
//   - The key fixes the algorithm: ES256 for P-256, ES384 for P-384, ES256K for secp256k1, EdDSA for Ed25519. alg must be that one.
//   - cnf holds a jwk without private members. Nothing in it is fetched; kid, key_ops, ext and the like are ignored, because real
//     wallets send them.
//   - iss, nbf, exp, cnf, vct, vct#integrity, aka_vcts and status stand in the clear, with all that is in them (section 2.2.2.3).
//     Times are JSON numbers; anything else is a fault and not an absence.
//
// This package resolves nothing and fetches nothing: it is given keys.
//
// Example in example_test.go issues, receives, shows and verifies a card; ExampleIssuer_IssueBatch in batch_test.go makes and shows one-time
// cards, and ExampleResolveType in example_typemetadata_test.go reads a type.
package credential

import (
	"math"
	"strings"
	"time"

	"github.com/khyer/khyer/credential/status"
	"github.com/khyer/khyer/did/pubkey"
	"github.com/khyer/khyer/disclosure"
	"github.com/khyer/khyer/internal/strictjson"
)

// Profile says which rules a presentation must keep.
type Profile int

const (
	// SDJWTVC are the rules of SD-JWT VC, the zero value.
	SDJWTVC Profile = iota
	// SDJWT are those of RFC 9901 alone: no typ, no vct, validity claims may be disclosed.
	SDJWT
)

// Media types of the typ header.
const (
	typVC = "dc+sd-jwt"
	typKB = "kb+jwt"
)

// Reasons of this package; those of package disclosure come through as they are. Sections are of RFC 9901 (R) and SD-JWT VC (V).
const (
	HeaderMalformed      disclosure.Reason = "header_malformed"       // no JSON object, a duplicate member, a member in another case
	HeaderCritical       disclosure.Reason = "header_crit_unknown"    // crit names an extension; none is known here (RFC 7515 4.1.11)
	HeaderForeignKey     disclosure.Reason = "header_carries_key"     // x5c, jwk, jku or x5u beside a DID
	TypeHeader           disclosure.Reason = "typ_mismatch"           // V 2.2.1
	AlgorithmUnsupported disclosure.Reason = "alg_unsupported"        // R 7.1 step 2.1: none, a MAC, an unknown name
	AlgorithmMismatch    disclosure.Reason = "alg_mismatch"           // the key has another algorithm
	SignatureInvalid     disclosure.Reason = "signature_invalid"      // R 7.1 step 2.2
	IssuerMissing        disclosure.Reason = "iss_missing"            // the DID profile
	TypeMissing          disclosure.Reason = "vct_missing"            // V 2.2.2.1
	KeyIDMissing         disclosure.Reason = "kid_missing"            // the DID profile
	KeyIDMalformed       disclosure.Reason = "kid_malformed"          // the DID profile
	KeyIDForeign         disclosure.Reason = "kid_names_other_issuer" // the DID profile
	ClaimMalformed       disclosure.Reason = "claim_malformed"        // a registered claim of the wrong JSON type
	MustBePlain          disclosure.Reason = "claim_must_be_plain"    // V 2.2.2.3
	Expired              disclosure.Reason = "expired"                // exp
	NotYetValid          disclosure.Reason = "not_yet_valid"          // nbf
	IssuedInFuture       disclosure.Reason = "issued_in_future"       // iat
	StatusMalformed      disclosure.Reason = "status_malformed"       // no status_list, or not of its form
	HolderKeyMissing     disclosure.Reason = "cnf_missing"            // R 7.3 step 5.1
	HolderKeyMalformed   disclosure.Reason = "cnf_malformed"
	HolderKeyMismatch    disclosure.Reason = "cnf_names_other_key"   // the card is for another holder
	BindingMissing       disclosure.Reason = "key_binding_missing"   // R 7.3 step 2
	BindingMalformed     disclosure.Reason = "key_binding_malformed" // R 4.3
	BindingSignature     disclosure.Reason = "key_binding_signature" // R 7.3 step 5.3
	BindingTooOld        disclosure.Reason = "key_binding_too_old"   // R 7.3 step 5.5
	BindingInFuture      disclosure.Reason = "key_binding_in_future" // R 7.3 step 5.5
	AudienceMismatch     disclosure.Reason = "audience_mismatch"     // R 7.3 step 5.6
	NonceMismatch        disclosure.Reason = "nonce_mismatch"        // R 7.3 step 5.6
	HashMismatch         disclosure.Reason = "sd_hash_mismatch"      // R 7.3 step 5.7
	ClaimReserved        disclosure.Reason = "claim_reserved"        // Issue: a claim that the issuer's own fields set
	CallerFault          disclosure.Reason = "caller_error"          // an argument that is missing or contradicts another; Path names the field
	SignerFailed         disclosure.Reason = "signer_failed"         // the signer did not sign
)

func fail(r disclosure.Reason) error { return &disclosure.Error{Reason: r} }

func failAt(r disclosure.Reason, name string) error {
	return &disclosure.Error{Reason: r, Path: disclosure.Path{name}}
}

// plainClaims must not be disclosed selectively (SD-JWT VC section 2.2.2.3).
var plainClaims = []string{"iss", "nbf", "exp", "cnf", "vct", "vct#integrity", "aka_vcts", "status"}

// mustBePlain tells whether a claim is one of plainClaims.
func mustBePlain(name []byte) bool {
	switch string(name) {
	case "iss", "nbf", "exp", "cnf", "vct", "vct#integrity", "aka_vcts", "status":
		return true
	}
	return false
}

// Hint is what an unverified card says of itself: enough to look for a key, never a reason to trust.
type Hint struct {
	Issuer    string // iss
	Type      string // vct
	KeyID     string // kid
	Algorithm pubkey.Algorithm
	IssuedAt  time.Time // iat, zero if there is none
	// CarriesKey tells that the header has x5c, jwk, jku or x5u.
	CarriesKey bool

	x5c        []byte // as it stands in the protected header: see Chain
	foreignKey bool   // jwk, jku or x5u, which no mechanism takes
}

// VerificationMethod returns the absolute DID URL of the issuer's key as the DID profile demands (see the package comment). Errors
// are *disclosure.Error with HeaderForeignKey, IssuerMissing, KeyIDMissing, KeyIDForeign or KeyIDMalformed.
func (h Hint) VerificationMethod() (string, error) {
	if h.CarriesKey {
		return "", fail(HeaderForeignKey)
	}
	if h.Issuer == "" {
		return "", fail(IssuerMissing)
	}
	if h.KeyID == "" {
		return "", fail(KeyIDMissing)
	}
	did, fragment, ok := strings.Cut(h.KeyID, "#")
	if !ok || fragment == "" || strings.ContainsRune(fragment, '#') {
		return "", fail(KeyIDMalformed)
	}
	switch {
	case did == "" || did == h.Issuer:
		return h.Issuer + "#" + fragment, nil
	case strings.HasPrefix(did, "did:"):
		return "", fail(KeyIDForeign)
	}
	return "", fail(KeyIDMalformed)
}

// header is a parsed JOSE header.
type header struct {
	alg        pubkey.Algorithm
	typ, kid   string
	kidIsText  bool   // or absent; RFC 9901 alone has no use for kid, and a published case has a number
	x5c        []byte // JSON, not looked into
	foreignKey bool   // jwk, jku or x5u
}

// parseHeader reads a JOSE header strictly: a member that differs from a known one only in case is a fault, since some readers would
// take it for that one.
func parseHeader(raw []byte) (h header, err error) {
	v, err := strictjson.Parse(raw, strictjson.Limits{Bytes: 64 << 10, Depth: 8})
	if err != nil || v.Kind() != strictjson.Object {
		return h, fail(HeaderMalformed)
	}
	h.kidIsText = true
	for name, val := range v.Pairs() {
		plain, ok := name.Plain()
		if !ok {
			return h, fail(HeaderMalformed) // no registered name needs an escape, and a hidden one is an attack
		}
		var text string
		switch string(plain) {
		case "kid":
			h.kid, h.kidIsText = val.Text()
		case "alg", "typ":
			if text, ok = val.Text(); !ok {
				return h, fail(HeaderMalformed)
			}
			if string(plain) == "alg" {
				h.alg = pubkey.Algorithm(text)
			} else {
				h.typ = text
			}
		case "crit", "b64":
			return h, fail(HeaderCritical)
		case "x5c":
			h.x5c = val.Raw()
		case "jwk", "jku", "x5u":
			h.foreignKey = true
		default:
			switch strings.ToLower(string(plain)) {
			case "alg", "typ", "kid", "crit", "b64", "x5c", "jwk", "jku", "x5u":
				return h, fail(HeaderMalformed)
			}
		}
	}
	switch h.alg {
	case pubkey.ES256, pubkey.ES384, pubkey.ES256K, pubkey.EdDSA:
		return h, nil
	}
	return h, fail(AlgorithmUnsupported)
}

// lastSecond is the end of the year 9999.
const lastSecond = 253402300799

// numericDate reads a NumericDate (RFC 7519 section 2). An absent claim is the zero time; one of another type is a fault.
func numericDate(v strictjson.Value, name string) (time.Time, error) {
	if !v.Exists() {
		return time.Time{}, nil
	}
	if n, ok := v.Int64(); ok && n >= 0 && n <= lastSecond {
		return time.Unix(n, 0).UTC(), nil
	}
	f, ok := v.Float64()
	if !ok || f < 0 || f > lastSecond {
		return time.Time{}, failAt(ClaimMalformed, name)
	}
	whole, part := math.Modf(f)
	return time.Unix(int64(whole), int64(part*1e9)).UTC(), nil
}

// audiences reads an aud claim: a string or an array of strings (RFC 7519 section 4.1.3). Entries that are concealed (RFC 9901 section
// 9.7) are skipped; hidden tells that there are some, so that the list is not known before the disclosures are processed.
func audiences(v strictjson.Value) (list []string, hidden bool, err error) {
	if !v.Exists() {
		return nil, false, nil
	}
	if s, ok := v.Text(); ok {
		return []string{s}, false, nil
	}
	for e := range v.Elements() {
		s, ok := e.Text()
		switch {
		case ok:
			list = append(list, s)
		case e.Get("...").Exists():
			hidden = true
		default:
			return nil, false, failAt(ClaimMalformed, "aud")
		}
	}
	if len(list) == 0 && !hidden {
		return nil, false, failAt(ClaimMalformed, "aud") // another type, or for nobody
	}
	return list, hidden, nil
}

// checkOtherTypes checks aka_vcts: a non-empty array of names of which none is vct (SD-JWT VC section 2.2.2.2). Nothing is made of it:
// accreditation is for vct (section 7.7).
func checkOtherTypes(v strictjson.Value, vct string) error {
	if !v.Exists() {
		return nil
	}
	for e := range v.Elements() {
		if s, ok := e.Text(); !ok || s == "" || s == vct {
			return failAt(ClaimMalformed, "aka_vcts")
		}
	}
	if v.Kind() != strictjson.Array || v.Len() == 0 {
		return failAt(ClaimMalformed, "aka_vcts")
	}
	return nil
}

// text reads a claim that must be a string if it is there.
func text(v strictjson.Value, name string) (string, error) {
	if !v.Exists() {
		return "", nil
	}
	s, ok := v.Text()
	if !ok || s == "" {
		return "", failAt(ClaimMalformed, name)
	}
	return s, nil
}

// readStatus reads a status claim. A mechanism that is not known must not look like no status at all.
func readStatus(v strictjson.Value) (*status.Reference, error) {
	if !v.Exists() {
		return nil, nil
	}
	list := v.Get("status_list")
	uri, ok := list.Get("uri").Text()
	idx, ok2 := list.Get("idx").Int64()
	if !ok || !ok2 || uri == "" || idx < 0 {
		return nil, fail(StatusMalformed)
	}
	return &status.Reference{URI: uri, Index: uint64(idx)}, nil
}

// readHolder reads the holder's key (RFC 7800 section 3.2).
func readHolder(cnf strictjson.Value) (pubkey.Key, error) {
	if !cnf.Exists() {
		return pubkey.Key{}, nil
	}
	jwk := cnf.Get("jwk")
	// One key, by value: RFC 7800 section 3 allows no second member beside it that names another.
	if jwk.Kind() != strictjson.Object || cnf.Get("jwe").Exists() || cnf.Get("jku").Exists() {
		return pubkey.Key{}, fail(HolderKeyMalformed)
	}
	k, err := pubkey.FromValue(strictjson.Inside{}, jwk)
	if err != nil || len(k.Algorithms()) == 0 {
		return pubkey.Key{}, fail(HolderKeyMalformed)
	}
	return k, nil
}
