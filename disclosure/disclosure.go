// Package disclosure does the selective disclosure of SD-JWT (RFC 9901): an issuer conceals claims, a holder selects what to show,
// a verifier checks the signature and reads what was shown.
//
// The two ends are Conceal and Parse. What Parse returns holds no readable claim: claims are reached through
// [Unverified.Verify], which asks the caller's check about the signature first and processes the disclosures only then.
//
//	claims --Conceal--> payload + disclosures --(sign, join with "~")--> SD-JWT
//	SD-JWT --Parse--> Unverified --Select--> SD-JWT with fewer disclosures
//	                  Unverified --Verify(check)--> Verified --Claim--> values
//
// The package knows no keys and no algorithms of signatures; package credential adds them, with key binding and the rules of
// SD-JWT VC. Bytes that came in are never encoded again: digests and signatures are taken over what was received.
//
// Supported: object members, array elements, nested and recursive disclosures, decoys, sha-256, sha-384 and sha-512; the compact
// serialisation and both JWS JSON serialisations (section 8), which Parse tells apart by the first character.
//
// Example in example_test.go goes the whole way from claims to what a verifier reads.
package disclosure

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/khyer/khyer/internal/strictjson"
)

// Path points to claims as a claims path pointer does (OpenID4VP 1.0 section 7): a string names a member of an object, an int that
// is not negative an element of an array, nil every element of an array.
type Path []any

// Check returns an *Error with BadPath unless p has at least one element and each is a string, an int >= 0 or nil.
func (p Path) Check() error {
	for _, e := range p {
		switch e := e.(type) {
		case string, nil:
			continue
		case int:
			if e >= 0 {
				continue
			}
		}
		return &Error{Reason: BadPath, Path: p}
	}
	if len(p) == 0 {
		return &Error{Reason: BadPath}
	}
	return nil
}

// UnmarshalJSON reads a claims path pointer.
func (p *Path) UnmarshalJSON(data []byte) error {
	v, err := strictjson.Parse(data, strictjson.Limits{Depth: 1})
	if err != nil || v.Kind() != strictjson.Array {
		return &Error{Reason: BadPath}
	}
	out := make(Path, 0, v.Len())
	for e := range v.Elements() {
		switch e.Kind() {
		case strictjson.String:
			s, _ := e.Text()
			out = append(out, s)
		case strictjson.Null:
			out = append(out, nil)
		default:
			n, ok := e.Int64()
			if !ok || n < 0 || int64(int(n)) != n {
				return &Error{Reason: BadPath}
			}
			out = append(out, int(n))
		}
	}
	if err := out.Check(); err != nil {
		return err
	}
	*p = out
	return nil
}

// String writes the path for people: names quoted, elements as they are, "*" for all elements.
func (p Path) String() string {
	parts := make([]string, len(p))
	for i, e := range p {
		switch e := e.(type) {
		case nil:
			parts[i] = "*"
		case string:
			parts[i] = strconv.Quote(e)
		default:
			parts[i] = fmt.Sprint(e)
		}
	}
	return strings.Join(parts, ".")
}

// Reason says why an SD-JWT was refused. It is an error, so that errors.Is(err, disclosure.DigestRepeated) works.
type Reason string

func (r Reason) Error() string { return string(r) }

// Reasons, with the section of RFC 9901 that they come from.
const (
	TooLarge             Reason = "too_large"                   // over Limits.Bytes
	TooManyDisclosures   Reason = "too_many_disclosures"        // over Limits.Disclosures
	TooDeep              Reason = "too_deep"                    // over Limits.Depth
	Malformed            Reason = "sd_jwt_malformed"            // not of the form of section 4
	BadEncoding          Reason = "base64url_malformed"         // not the one base64url spelling of its bytes
	BadJSON              Reason = "json_malformed"              // header, payload or disclosure is no JSON of the expected kind
	DuplicateMember      Reason = "json_duplicate_member"       // an object has two members of one name
	HashUnsupported      Reason = "sd_alg_unsupported"          // 4.1.1
	HashNested           Reason = "sd_alg_nested"               // 4.1.1
	DigestsMalformed     Reason = "sd_not_an_array_of_strings"  // 4.2.4.1
	PlaceholderMalformed Reason = "array_digest_malformed"      // 4.2.4.2
	ReservedName         Reason = "reserved_claim_name"         // 4.2.1, 7.1 step 3.3.2.2
	DisclosureMalformed  Reason = "disclosure_malformed"        // 4.2.1, 4.2.2, 7.1 step 3.3
	ClaimExists          Reason = "claim_exists"                // 7.1 step 3.3.2.3
	DigestRepeated       Reason = "digest_repeated"             // 7.1 step 4
	NotReferenced        Reason = "disclosure_not_referenced"   // 7.1 step 5
	BadPath              Reason = "path_malformed"              // a Path that Path.Check refuses
	NoSuchClaim          Reason = "path_not_found"              // a path that points to nothing
	NothingToConceal     Reason = "claims_not_an_object"        // Conceal was not given a JSON object
	RandomFailed         Reason = "random_source_failed"        // ConcealOptions.Rand
	SignersDiffer        Reason = "serialization_inputs_differ" // Flattened or General was given what does not belong together
	KeyBindingPresent    Reason = "unexpected_key_binding"      // 7.2: an SD-JWT was wanted, not an SD-JWT+KB
)

// Error is the error of this package. It names a path where there is one and never a claim's value.
type Error struct {
	Reason Reason
	Path   Path
	// Near is with NoSuchClaim the path of a claim whose name looks like the one in Path, if there is one: "Department " for "Department".
	Near Path
}

func (e *Error) Error() string {
	if len(e.Path) == 0 {
		return "disclosure: " + string(e.Reason)
	}
	at := "disclosure: " + string(e.Reason) + " at " + e.Path.String()
	if len(e.Near) > 0 {
		at += "; the card has " + e.Near.String()
	}
	return at
}

// Unwrap returns the Reason.
func (e *Error) Unwrap() error { return e.Reason }

// Limits bounds what is read from a stranger. A zero field means the default.
type Limits struct {
	Bytes       int // of the whole text; default 256 KiB. Raise it for cards with photographs
	Disclosures int // default 1,000
	Depth       int // of nesting, through disclosures too; default 32
}

func (l Limits) orDefault() Limits {
	if l.Bytes <= 0 {
		l.Bytes = 256 << 10
	}
	if l.Disclosures <= 0 {
		l.Disclosures = 1000
	}
	if l.Depth <= 0 {
		l.Depth = strictjson.DefaultDepth
	}
	return l
}

// jsonReason turns a refusal of strictjson into one of ours.
func jsonReason(err error) error {
	if e, ok := err.(*strictjson.Error); ok {
		switch e.Reason {
		case strictjson.TooDeep:
			return &Error{Reason: TooDeep}
		case strictjson.TooLarge:
			return &Error{Reason: TooLarge}
		case strictjson.Duplicate:
			return &Error{Reason: DuplicateMember}
		}
	}
	return &Error{Reason: BadJSON}
}
