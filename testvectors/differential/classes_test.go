package differential

import (
	"github.com/khyer/khyer/credential"
	"github.com/khyer/khyer/disclosure"
)

// class is one fact about a presentation that a verifier may stumble over, found by the reader of read_test.go, which shares no code with
// either side. A class in which the two sides part has a heading in DIVERGENCES.md.
type class struct {
	name    string
	section string // that decides
	// ours: the reasons with which ours refuses; none if it must accept.
	ours []disclosure.Reason
	peer verdict
	says string // what the peer says, if it refuses what is no fault
	// right: who does what the section demands.
	right string
}

// verdict is what the peer does with a presentation of a class.
type verdict int

const (
	refuses verdict = iota // as ours does: no divergence
	accepts                // it does not look: a divergence, although another fault may make it refuse
	differs                // no fault, yet it refuses, or reads other claims
)

type reasons = []disclosure.Reason

const (
	ours   = "ours"
	peers  = "the peer"
	either = "either"
)

var malformed = reasons{disclosure.BadJSON, credential.HeaderMalformed, credential.BindingMalformed}[:3:3]

// classes of facts about presentations. Sections without a name are of RFC 9901.
var classes = []class{
	// What both refuse.
	{name: "form", section: "4", ours: reasons{disclosure.Malformed}},
	{name: "encoding", section: "RFC 7515 2", ours: reasons{disclosure.BadEncoding}},
	{name: "json", section: "RFC 7515 5.2", ours: append(malformed, disclosure.DuplicateMember, disclosure.TooDeep)}, // whatever comes first in the text
	{name: "utf-8", section: "RFC 8259 8.1", ours: malformed},
	{name: "payload is no object at all", section: "4.1", ours: reasons{disclosure.BadJSON}},
	{name: "signature", section: "7.1 step 2.2", ours: reasons{credential.SignatureInvalid}},
	{name: "digest repeated", section: "7.1 step 4", ours: reasons{disclosure.DigestRepeated}},
	{name: "disclosure not referenced", section: "7.1 step 5", ours: reasons{disclosure.NotReferenced}},
	{name: "claim exists", section: "7.1 step 3.3.2.3", ours: reasons{disclosure.ClaimExists}},
	{name: "expired", section: "7.1 step 6", ours: reasons{credential.Expired}},
	{name: "not yet valid", section: "7.1 step 6", ours: reasons{credential.NotYetValid}},
	{name: "issued in the future", section: "7.1 step 6", ours: reasons{credential.IssuedInFuture}},
	{name: "key binding missing", section: "7.3 step 2", ours: reasons{credential.BindingMissing}},
	{name: "key binding typ", section: "7.3 step 5.4", ours: reasons{credential.BindingMalformed, credential.HeaderMalformed}},
	{name: "key binding alg none", section: "7.3 step 5.2", ours: reasons{credential.AlgorithmUnsupported}},
	{name: "key binding signature", section: "7.3 step 5.3", ours: reasons{credential.BindingSignature}},
	{name: "key binding nonce", section: "7.3 step 5.6", ours: reasons{credential.NonceMismatch}},
	{name: "key binding sd_hash", section: "7.3 step 5.7", ours: reasons{credential.HashMismatch}},
	{name: "key binding in the future", section: "7.3 step 5.5", ours: reasons{credential.BindingInFuture}},
	{name: "key binding expired", section: "7.3 step 5.8", ours: reasons{credential.BindingTooOld}},
	{name: "holder key of no use", section: "7.3 step 5.1", ours: reasons{credential.HolderKeyMalformed, credential.AlgorithmMismatch}},
	{name: "holder key missing", section: "7.3 step 5.1", ours: reasons{credential.HolderKeyMissing}},

	// What ours refuses and the peer may accept.
	{name: "no tilde", section: "4", ours: reasons{disclosure.Malformed}, peer: accepts, right: ours},
	{name: "encoding not canonical", section: "RFC 4648 3.5", ours: reasons{disclosure.BadEncoding}, peer: accepts, right: ours},
	{name: "signature encoding", section: "RFC 7515 2", ours: reasons{disclosure.BadEncoding}, peer: accepts, right: ours},
	{name: "byte order mark", section: "RFC 8259 8.1", ours: malformed, peer: accepts, right: either},
	{name: "lone surrogate", section: "RFC 8259 8.2", ours: malformed, peer: accepts, right: either},
	{name: "duplicate member", section: "RFC 7519 4", ours: append(malformed, disclosure.DuplicateMember, disclosure.TooDeep), peer: accepts, right: either},
	{name: "too deep", section: "RFC 8259 9", ours: append(malformed, disclosure.TooDeep), peer: accepts, right: either},
	{name: "header is no object", section: "RFC 7515 4", ours: reasons{credential.HeaderMalformed}, peer: accepts, right: ours},
	{name: "header name in another case", section: "RFC 7515 4", ours: reasons{credential.HeaderMalformed}, peer: accepts, right: either},
	{name: "header name with an escape", section: "RFC 7515 5.3", ours: reasons{credential.HeaderMalformed}, peer: accepts, right: peers},
	{name: "header crit", section: "RFC 7515 4.1.11", ours: reasons{credential.HeaderCritical}, peer: accepts, right: ours},
	{name: "header b64", section: "RFC 7797 6", ours: reasons{credential.HeaderCritical}, peer: accepts, right: either},
	{name: "alg", section: "7.1 step 2.1", ours: reasons{credential.AlgorithmUnsupported, credential.AlgorithmMismatch, credential.HeaderMalformed}, peer: accepts, right: ours},
	{name: "typ", section: "SD-JWT VC 2.2.1", ours: reasons{credential.TypeHeader, credential.HeaderMalformed}, peer: accepts, right: ours},
	{name: "kid", section: "RFC 7515 4.1.4", ours: reasons{credential.HeaderMalformed}, peer: accepts, right: ours},
	{name: "payload is no object", section: "4.1", ours: reasons{disclosure.BadJSON}, peer: accepts, right: ours},
	{name: "_sd_alg", section: "4.1.1", ours: reasons{disclosure.HashUnsupported}, peer: accepts, right: ours},
	{name: "_sd_alg below the top", section: "4.1.1", ours: reasons{disclosure.HashNested}, peer: accepts, right: ours},
	{name: "_sd is no array of strings", section: "4.2.4.1", ours: reasons{disclosure.DigestsMalformed}, peer: accepts, right: ours},
	{name: "three dots outside an array", section: "4.1", ours: reasons{disclosure.ReservedName}, peer: accepts, right: ours},
	{name: "placeholder", section: "4.2.4.2", ours: reasons{disclosure.PlaceholderMalformed}, peer: accepts, right: ours},
	{name: "disclosure form", section: "4.2.1", ours: reasons{disclosure.DisclosureMalformed}, peer: accepts, right: ours},
	{name: "disclosure twice", section: "4", ours: reasons{disclosure.NotReferenced}, peer: accepts, right: ours},
	{name: "disclosure of the other kind", section: "7.1 step 3.3", ours: reasons{disclosure.DisclosureMalformed}, peer: accepts, right: ours},
	{name: "reserved name disclosed", section: "7.1 step 3.3.2.2", ours: reasons{disclosure.ReservedName, disclosure.HashNested}, peer: accepts, right: ours},
	{name: "two disclosures of one name", section: "7.1 step 3.3.2.3", ours: reasons{disclosure.ClaimExists}, peer: accepts, right: ours},
	{name: "fault out of the peer's sight", section: "7.1 step 3.3", ours: reasons{disclosure.DigestRepeated, disclosure.ClaimExists}, peer: accepts, right: ours},
	{name: "claim type", section: "RFC 7519 4.1", ours: reasons{credential.ClaimMalformed}, peer: accepts, right: ours},
	{name: "time out of range", section: "RFC 7519 2", ours: reasons{credential.ClaimMalformed}, peer: accepts, right: either},
	{name: "the second of expiry", section: "RFC 7519 4.1.4", ours: reasons{credential.Expired, credential.BindingTooOld}, peer: accepts, right: ours},
	{name: "validity claim disclosed", section: "9.7", ours: reasons{credential.Expired, credential.NotYetValid, credential.IssuedInFuture, credential.ClaimMalformed}, peer: accepts, right: ours},
	{name: "audience of the card", section: "7.1 step 6", ours: reasons{credential.AudienceMismatch}, peer: accepts, right: ours},
	{name: "vct missing", section: "SD-JWT VC 2.2.2.1", ours: reasons{credential.TypeMissing}, peer: accepts, right: ours},
	{name: "registered claim hidden", section: "SD-JWT VC 2.2.2.3", ours: reasons{credential.MustBePlain}, peer: accepts, right: ours},
	{name: "status", section: "SD-JWT VC 2.2.2.3", ours: reasons{credential.StatusMalformed}, peer: accepts, right: ours},
	{name: "holder key hidden", section: "9.7", ours: reasons{credential.HolderKeyMissing, credential.MustBePlain}, peer: accepts, right: either},
	{name: "holder key", section: "RFC 7800 3", ours: reasons{credential.HolderKeyMalformed}, peer: accepts, right: ours},
	{name: "key binding form", section: "4.3", ours: reasons{credential.BindingMalformed}, peer: accepts, right: ours},
	{name: "key binding not wanted", section: "4", ours: reasons{credential.BindingMalformed, credential.HeaderMalformed, disclosure.Malformed}, peer: accepts, right: either},
	{name: "key binding alg", section: "7.3 step 5.2", ours: reasons{credential.AlgorithmUnsupported, credential.AlgorithmMismatch, credential.HeaderMalformed}, peer: accepts, right: ours},
	{name: "key binding audience", section: "7.3 step 5.6", ours: reasons{credential.AudienceMismatch}, peer: accepts, right: ours},
	{name: "key binding too old", section: "7.3 step 5.5", ours: reasons{credential.BindingTooOld}, peer: accepts, right: ours},

	// What is no fault.
	{name: "names of Object.prototype", section: "7.1 step 3.3.2.4", peer: differs, says: `conflicts with existing payload key|Converting circular|JSON`, right: ours},
	{name: "claim without a name", section: "4.2.1", peer: differs, says: `^Unreferenced disclosure`, right: ours},
	{name: "numbers as doubles", section: "RFC 8259 6", peer: differs, right: ours},
	{name: "holder key ext", section: "RFC 7517 4", peer: differs, says: `(?i)key|ext`, right: ours},
}

func classByName(name string) *class {
	for i := range classes {
		if classes[i].name == name {
			return &classes[i]
		}
	}
	return nil
}
