package verifier

import (
	"slices"

	"github.com/khyer/khyer/credential"
	"github.com/khyer/khyer/disclosure"
	"github.com/khyer/khyer/disclosure/dcql"
	"github.com/khyer/khyer/verifier/trust"
)

// Info explains a Reason.
type Info struct {
	Reason  Reason
	Meaning string // for developers
	// English and Dzongkha are for the citizen. Reviewed says that a native speaker has read the Dzongkha, which is empty until then.
	English, Dzongkha string
	HelpCode          string // short enough to be read out on the telephone; never changes its meaning
	HTTPStatus        int    // that a service may answer with; zero where none fits
	Retry, Reviewed   bool   // Retry: inconclusive, trying again may help
}

// Reasons returns every Reason that this module gives, with its explanation. The rooms F (form), H (holder), C (card), I (issuer), R
// (retry), S (skipped) and E (caller's error) are the first letters of the help codes.
func Reasons() []Info { return slices.Clone(reasons) }

// Describe returns the explanation of one Reason; its HelpCode is empty for a word that is none of this module's.
func Describe(r Reason) Info {
	for _, i := range reasons {
		if i.Reason == r {
			return i
		}
	}
	return Info{Reason: r}
}

var reasons = []Info{
	{Reason: disclosure.TooLarge, Meaning: "the presentation is larger than Limits.Bytes", English: "This is not a card that can be read. Please show it again.", HelpCode: "F01", HTTPStatus: 400, Retry: false},
	{Reason: disclosure.TooManyDisclosures, Meaning: "more disclosures than Limits.Disclosures", English: "This is not a card that can be read. Please show it again.", HelpCode: "F02", HTTPStatus: 400, Retry: false},
	{Reason: disclosure.TooDeep, Meaning: "JSON nested deeper than Limits.Depth", English: "This is not a card that can be read. Please show it again.", HelpCode: "F03", HTTPStatus: 400, Retry: false},
	{Reason: disclosure.Malformed, Meaning: "not of the form of an SD-JWT; cut short, perhaps", English: "This is not a card that can be read. Please show it again.", HelpCode: "F04", HTTPStatus: 400, Retry: false},
	{Reason: disclosure.BadEncoding, Meaning: "a part is not canonical base64url; a line break or padding, perhaps, or cut short", English: "This is not a card that can be read. Please show it again.", HelpCode: "F05", HTTPStatus: 400, Retry: false},
	{Reason: disclosure.BadJSON, Meaning: "header, payload or a disclosure is not the JSON that it must be", English: "This is not a card that can be read. Please show it again.", HelpCode: "F06", HTTPStatus: 400, Retry: false},
	{Reason: disclosure.DuplicateMember, Meaning: "a JSON object has two members of one name", English: "This is not a card that can be read. Please show it again.", HelpCode: "F07", HTTPStatus: 400, Retry: false},
	{Reason: disclosure.HashUnsupported, Meaning: "_sd_alg names an unknown hash", English: "This is not a card that can be read. Please show it again.", HelpCode: "F08", HTTPStatus: 400, Retry: false},
	{Reason: disclosure.HashNested, Meaning: "_sd_alg stands below the top level", English: "This is not a card that can be read. Please show it again.", HelpCode: "F09", HTTPStatus: 400, Retry: false},
	{Reason: disclosure.DigestsMalformed, Meaning: "_sd is not an array of strings", English: "This is not a card that can be read. Please show it again.", HelpCode: "F10", HTTPStatus: 400, Retry: false},
	{Reason: disclosure.PlaceholderMalformed, Meaning: "an array digest has other members or is no string", English: "This is not a card that can be read. Please show it again.", HelpCode: "F11", HTTPStatus: 400, Retry: false},
	{Reason: disclosure.ReservedName, Meaning: "a claim has a reserved name", English: "This is not a card that can be read. Please show it again.", HelpCode: "F12", HTTPStatus: 400, Retry: false},
	{Reason: disclosure.DisclosureMalformed, Meaning: "a disclosure is not an array of the form that its place demands", English: "This is not a card that can be read. Please show it again.", HelpCode: "F13", HTTPStatus: 400, Retry: false},
	{Reason: disclosure.ClaimExists, Meaning: "a disclosure brings a claim that is there already", English: "This is not a card that can be read. Please show it again.", HelpCode: "F14", HTTPStatus: 400, Retry: false},
	{Reason: disclosure.DigestRepeated, Meaning: "a digest stands in the card twice", English: "This is not a card that can be read. Please show it again.", HelpCode: "F15", HTTPStatus: 400, Retry: false},
	{Reason: disclosure.NotReferenced, Meaning: "a disclosure belongs to no digest of the card", English: "This is not a card that can be read. Please show it again.", HelpCode: "F16", HTTPStatus: 400, Retry: false},
	{Reason: disclosure.KeyBindingPresent, Meaning: "a key binding where a card without one was wanted", English: "This is not a card that can be read. Please show it again.", HelpCode: "F17", HTTPStatus: 400, Retry: false},
	{Reason: credential.HeaderMalformed, Meaning: "a JOSE header is malformed", English: "This is not a card that can be read. Please show it again.", HelpCode: "F18", HTTPStatus: 400, Retry: false},
	{Reason: credential.HeaderCritical, Meaning: "a JOSE header demands an unknown extension", English: "This is not a card that can be read. Please show it again.", HelpCode: "F19", HTTPStatus: 400, Retry: false},
	{Reason: credential.HeaderForeignKey, Meaning: "the header brings a key, or certificates beside an issuer that does not sign with certificates", English: "This is not a card that can be read. Please show it again.", HelpCode: "F20", HTTPStatus: 400, Retry: false},
	{Reason: credential.TypeHeader, Meaning: "typ is not dc+sd-jwt", English: "This is not a card that can be read. Please show it again.", HelpCode: "F21", HTTPStatus: 400, Retry: false},
	{Reason: credential.AlgorithmUnsupported, Meaning: "alg is none, a MAC or unknown", English: "This is not a card that can be read. Please show it again.", HelpCode: "F22", HTTPStatus: 400, Retry: false},
	{Reason: credential.AlgorithmMismatch, Meaning: "alg is not that of the key", English: "This is not a card that can be read. Please show it again.", HelpCode: "F23", HTTPStatus: 400, Retry: false},
	{Reason: credential.IssuerMissing, Meaning: "iss is missing, and no certificate stands for it", English: "This is not a card that can be read. Please show it again.", HelpCode: "F24", HTTPStatus: 400, Retry: false},
	{Reason: credential.TypeMissing, Meaning: "vct is missing", English: "This is not a card that can be read. Please show it again.", HelpCode: "F25", HTTPStatus: 400, Retry: false},
	{Reason: credential.KeyIDMissing, Meaning: "kid is missing", English: "This is not a card that can be read. Please show it again.", HelpCode: "F26", HTTPStatus: 400, Retry: false},
	{Reason: credential.KeyIDMalformed, Meaning: "kid is no fragment of iss", English: "This is not a card that can be read. Please show it again.", HelpCode: "F27", HTTPStatus: 400, Retry: false},
	{Reason: credential.KeyIDForeign, Meaning: "kid names another DID than iss, or a DID beside x5c", English: "This is not a card that can be read. Please show it again.", HelpCode: "F28", HTTPStatus: 400, Retry: false},
	{Reason: credential.ClaimMalformed, Meaning: "a registered claim has the wrong JSON type", English: "This is not a card that can be read. Please show it again.", HelpCode: "F29", HTTPStatus: 400, Retry: false},
	{Reason: credential.MustBePlain, Meaning: "a claim that must stand in the clear was made selectively disclosable", English: "This is not a card that can be read. Please show it again.", HelpCode: "F30", HTTPStatus: 400, Retry: false},
	{Reason: credential.StatusMalformed, Meaning: "the status claim names no status list", English: "This is not a card that can be read. Please show it again.", HelpCode: "F31", HTTPStatus: 400, Retry: false},
	{Reason: credential.HolderKeyMissing, Meaning: "the card is bound to no key", English: "This is not a card that can be read. Please show it again.", HelpCode: "F32", HTTPStatus: 400, Retry: false},
	{Reason: credential.HolderKeyMalformed, Meaning: "cnf holds no acceptable public key", English: "This is not a card that can be read. Please show it again.", HelpCode: "F33", HTTPStatus: 400, Retry: false},
	{Reason: credential.BindingMalformed, Meaning: "the key binding JWT is not of its form", English: "This is not a card that can be read. Please show it again.", HelpCode: "F34", HTTPStatus: 400, Retry: false},
	{Reason: credential.BindingMissing, Meaning: "no key binding", English: "This card was not shown for this request. Please scan the code again.", HelpCode: "H01", HTTPStatus: 403, Retry: false},
	{Reason: credential.BindingSignature, Meaning: "the key binding was not signed by the card's holder", English: "This card was not shown for this request. Please scan the code again.", HelpCode: "H02", HTTPStatus: 403, Retry: false},
	{Reason: credential.BindingTooOld, Meaning: "the key binding was made too long ago", English: "This card was not shown for this request. Please scan the code again.", HelpCode: "H03", HTTPStatus: 403, Retry: false},
	{Reason: credential.BindingInFuture, Meaning: "the key binding was made in the future", English: "This card was not shown for this request. Please scan the code again.", HelpCode: "H04", HTTPStatus: 403, Retry: false},
	{Reason: credential.AudienceMismatch, Meaning: "the presentation was made for somebody else", English: "This card was not shown for this request. Please scan the code again.", HelpCode: "H05", HTTPStatus: 403, Retry: false},
	{Reason: credential.NonceMismatch, Meaning: "the presentation was made for another request", English: "This card was not shown for this request. Please scan the code again.", HelpCode: "H06", HTTPStatus: 403, Retry: false},
	{Reason: credential.HashMismatch, Meaning: "the key binding belongs to other disclosures or another card", English: "This card was not shown for this request. Please scan the code again.", HelpCode: "H07", HTTPStatus: 403, Retry: false},
	{Reason: Replayed, Meaning: "this nonce was accepted before", English: "This card was not shown for this request. Please scan the code again.", HelpCode: "H08", HTTPStatus: 403, Retry: false},
	{Reason: credential.HolderKeyMismatch, Meaning: "the card is bound to another holder's key", English: "This card belongs to another wallet.", HelpCode: "H09", HTTPStatus: 403, Retry: false},
	{Reason: credential.SignatureInvalid, Meaning: "the issuer's signature does not verify", English: "This card was changed or is not genuine.", HelpCode: "C01", HTTPStatus: 403, Retry: false},
	{Reason: credential.Expired, Meaning: "exp has passed", English: "This card has expired. Please renew it at the office that issued it.", HelpCode: "C02", HTTPStatus: 403, Retry: false},
	{Reason: credential.NotYetValid, Meaning: "nbf has not come", English: "This card is not valid yet.", HelpCode: "C03", HTTPStatus: 403, Retry: false},
	{Reason: credential.IssuedInFuture, Meaning: "iat lies in the future", English: "This card cannot be accepted.", HelpCode: "C04", HTTPStatus: 403, Retry: false},
	{Reason: TypeMismatch, Meaning: "another type of credential than was asked for", English: "Another card was asked for.", HelpCode: "C05", HTTPStatus: 403, Retry: false},
	{Reason: ClaimMissing, Meaning: "a claim that was asked for was not shown", English: "Something that was asked for was not shown.", HelpCode: "C06", HTTPStatus: 403, Retry: false},
	{Reason: SurplusClaims, Meaning: "more was shown than was asked for, and the request refuses that", English: "More was shown than was asked for. Please show less.", HelpCode: "C07", HTTPStatus: 403, Retry: false},
	{Reason: CardRevoked, Meaning: "the status list says revoked", English: "This card was withdrawn by the office that issued it.", HelpCode: "C08", HTTPStatus: 403, Retry: false},
	{Reason: CardSuspended, Meaning: "the status list says suspended", English: "This card is suspended by the office that issued it.", HelpCode: "C09", HTTPStatus: 403, Retry: false},
	{Reason: CardStatusUnknown, Meaning: "the status list has a value without a meaning here", English: "This card cannot be accepted.", HelpCode: "C10", HTTPStatus: 403, Retry: false},
	{Reason: StatusOutOfRange, Meaning: "the status index lies behind the end of the list", English: "This card cannot be accepted.", HelpCode: "C11", HTTPStatus: 403, Retry: false},
	{Reason: HoldersDiffer, Meaning: "the cards of one answer are bound to different keys", English: "These cards do not belong together.", HelpCode: "C12", HTTPStatus: 403, Retry: false},
	{Reason: LinkedClaimsDiffer, Meaning: "claims that must be equal across the cards of an answer are not", English: "These cards do not belong together.", HelpCode: "C13", HTTPStatus: 403, Retry: false},
	{Reason: dcql.NotSatisfied, Meaning: "a card or a claim that the query asks for was not shown, or has another value than it names", English: "Something that was asked for was not shown.", HelpCode: "C14", HTTPStatus: 403, Retry: false},
	{Reason: dcql.NotAskedFor, Meaning: "an answer to a credential query that is not there, or more cards than were asked for", English: "More was shown than was asked for. Please show less.", HelpCode: "C15", HTTPStatus: 403, Retry: false},
	{Reason: dcql.Malformed, Meaning: "the query is no DCQL query", English: "Something is wrong on our side.", HelpCode: "E09", HTTPStatus: 500, Retry: false},
	{Reason: trust.IssuerNotTrusted, Meaning: "nobody vouches for this issuer", English: "The office that signed this card is not accepted here.", HelpCode: "I01", HTTPStatus: 403, Retry: false},
	{Reason: trust.TypeNotAccredited, Meaning: "the issuer may not issue this type, or not now", English: "The office that signed this card is not accepted here.", HelpCode: "I02", HTTPStatus: 403, Retry: false},
	{Reason: trust.IssuerSuspended, Meaning: "the issuer's accreditation is suspended", English: "The office that signed this card is not accepted here at present.", HelpCode: "I14", HTTPStatus: 403, Retry: false},
	{Reason: IssuerDIDMalformed, Meaning: "iss is no well-formed DID of its method", English: "The office that signed this card is not accepted here.", HelpCode: "I03", HTTPStatus: 403, Retry: false},
	{Reason: IssuerDIDNotFound, Meaning: "the issuer's DID does not exist", English: "The office that signed this card is not accepted here.", HelpCode: "I04", HTTPStatus: 403, Retry: false},
	{Reason: IssuerDeactivated, Meaning: "the issuer's DID was deactivated for good", English: "The office that signed this card is not accepted here.", HelpCode: "I05", HTTPStatus: 403, Retry: false},
	{Reason: IssuerKeyUnknown, Meaning: "the issuer's DID never had the key that the card names, or its metadata do not have it", English: "The office that signed this card is not accepted here.", HelpCode: "I06", HTTPStatus: 403, Retry: false},
	{Reason: IssuerKeyAmbiguous, Meaning: "the key id names several keys", English: "The office that signed this card is not accepted here.", HelpCode: "I07", HTTPStatus: 403, Retry: false},
	{Reason: IssuerKeyWrongPurpose, Meaning: "the key is not one for signing cards", English: "The office that signed this card is not accepted here.", HelpCode: "I08", HTTPStatus: 403, Retry: false},
	{Reason: IssuerKeyNotAccepted, Meaning: "the key is of a class that the trust entry does not accept", English: "The office that signed this card is not accepted here.", HelpCode: "I09", HTTPStatus: 403, Retry: false},
	{Reason: IssuerKeyNotYetValid, Meaning: "the card says that it was signed before the key was valid", English: "The office that signed this card is not accepted here.", HelpCode: "I10", HTTPStatus: 403, Retry: false},
	{Reason: IssuerKeyExpired, Meaning: "the key's validity has ended", English: "The office that signed this card is not accepted here.", HelpCode: "I11", HTTPStatus: 403, Retry: false},
	{Reason: IssuerKeyRevoked, Meaning: "the issuer revoked the key", English: "The office that signed this card is not accepted here.", HelpCode: "I12", HTTPStatus: 403, Retry: false},
	{Reason: IssuerKeyCompromised, Meaning: "the key was declared compromised", English: "The office that signed this card is not accepted here.", HelpCode: "I13", HTTPStatus: 403, Retry: false},
	{Reason: credential.ChainMalformed, Meaning: "x5c is no array of at most 8 certificates in base64, of at most 8 KiB each", English: "This is not a card that can be read. Please show it again.", HelpCode: "F40", HTTPStatus: 400, Retry: false},
	{Reason: trust.ChainMissing, Meaning: "the issuer signs with certificates, and the card has no x5c", English: "The office that signed this card is not accepted here.", HelpCode: "I20", HTTPStatus: 403, Retry: false},
	{Reason: trust.ChainHoldsAnchor, Meaning: "x5c has the trust anchor, or another self-signed certificate, behind the leaf", English: "The office that signed this card is not accepted here.", HelpCode: "I21", HTTPStatus: 403, Retry: false},
	{Reason: trust.ChainNotTrusted, Meaning: "x5c does not lead, in its order, to a root of this issuer", English: "The office that signed this card is not accepted here.", HelpCode: "I22", HTTPStatus: 403, Retry: false},
	{Reason: trust.CertificateSelfSigned, Meaning: "the certificate that signs the card is self-signed", English: "The office that signed this card is not accepted here.", HelpCode: "I23", HTTPStatus: 403, Retry: false},
	{Reason: trust.CertificateNotForSigning, Meaning: "the certificate that signs the card is a CA's, or was made for something else", English: "The office that signed this card is not accepted here.", HelpCode: "I24", HTTPStatus: 403, Retry: false},
	{Reason: trust.CertificateOfOther, Meaning: "the certificate that signs the card does not have the issuer's name, or has two names that the trust source knows", English: "The office that signed this card is not accepted here.", HelpCode: "I25", HTTPStatus: 403, Retry: false},
	{Reason: trust.CertificateExpired, Meaning: "a certificate of the path has expired", English: "The office that signed this card is not accepted here.", HelpCode: "I26", HTTPStatus: 403, Retry: false},
	{Reason: trust.CertificateNotYetValid, Meaning: "a certificate of the path is not valid yet", English: "The office that signed this card is not accepted here.", HelpCode: "I27", HTTPStatus: 403, Retry: false},
	{Reason: trust.CertificateAlgorithm, Meaning: "a certificate of the path has a key or a signature of a kind that is not accepted: RSA, SHA-1, a small or unusual curve", English: "The office that signed this card is not accepted here.", HelpCode: "I28", HTTPStatus: 403, Retry: false},
	{Reason: trust.CertificateExtensionUnknown, Meaning: "a certificate of the path has a critical extension that is not known", English: "The office that signed this card is not accepted here.", HelpCode: "I29", HTTPStatus: 403, Retry: false},
	{Reason: credential.IssuerNoURL, Meaning: "iss is no https URL that leads to JWT VC Issuer Metadata", English: "The office that signed this card is not accepted here.", HelpCode: "I30", HTTPStatus: 403, Retry: false},
	{Reason: trust.PurposeUnknown, Meaning: "a request: the agency was not admitted for this purpose, or not at this time", English: "This office may not ask for this.", HelpCode: "A01", HTTPStatus: 403, Retry: false},
	{Reason: trust.AsksTooMuch, Meaning: "a request: its purpose does not need every claim that is asked for", English: "This office asks for more than it may.", HelpCode: "A02", HTTPStatus: 403, Retry: false},
	{Reason: TrustUnavailable, Meaning: "the trust source did not answer", English: "The card could not be checked just now. This says nothing about the card. Please try again.", HelpCode: "R01", HTTPStatus: 503, Retry: true},
	{Reason: ResolverFailed, Meaning: "the resolver failed", English: "The card could not be checked just now. This says nothing about the card. Please try again.", HelpCode: "R02", HTTPStatus: 503, Retry: true},
	{Reason: NetworkUnknown, Meaning: "no resolver is configured for the network of the issuer's DID", English: "The card could not be checked just now. This says nothing about the card. Please try again.", HelpCode: "R03", HTTPStatus: 503, Retry: true},
	{Reason: MethodUnknown, Meaning: "no resolver is configured for the method of the issuer's DID", English: "The card could not be checked just now. This says nothing about the card. Please try again.", HelpCode: "R04", HTTPStatus: 503, Retry: true},
	{Reason: ChainUnavailable, Meaning: "the node did not answer", English: "The card could not be checked just now. This says nothing about the card. Please try again.", HelpCode: "R05", HTTPStatus: 503, Retry: true},
	{Reason: ChainGarbled, Meaning: "the node answered something that is no answer", English: "The card could not be checked just now. This says nothing about the card. Please try again.", HelpCode: "R06", HTTPStatus: 503, Retry: true},
	{Reason: ChainIncomplete, Meaning: "the node's answer has a hole", English: "The card could not be checked just now. This says nothing about the card. Please try again.", HelpCode: "R07", HTTPStatus: 503, Retry: true},
	{Reason: ChainDisagreement, Meaning: "the operators of the chain that were asked contradict each other", English: "The card could not be checked just now. This says nothing about the card. Please try again.", HelpCode: "R15", HTTPStatus: 503, Retry: true},
	{Reason: ChainStale, Meaning: "the block that the issuer's DID was read at, the newest finalized one by default, is too old", English: "The card could not be checked just now. This says nothing about the card. Please try again.", HelpCode: "R08", HTTPStatus: 503, Retry: true},
	{Reason: IssuerKeyNotFinal, Meaning: "the block that the issuer's DID was read at does not have the key that the card names, and is older than the card", English: "This card is very new and cannot be checked yet. Please try again in a quarter of an hour.", HelpCode: "R14", HTTPStatus: 503, Retry: true},
	{Reason: ChainWrong, Meaning: "the node serves another chain or registry", English: "The card could not be checked just now. This says nothing about the card. Please try again.", HelpCode: "R09", HTTPStatus: 503, Retry: true},
	{Reason: MetadataUnavailable, Meaning: "the JWT VC Issuer Metadata or the key set could not be had", English: "The card could not be checked just now. This says nothing about the card. Please try again.", HelpCode: "R30", HTTPStatus: 503, Retry: true},
	{Reason: HostNotAllowed, Meaning: "the JWT VC Issuer Metadata lead to a host that the trust entry does not name; nothing was fetched from there", English: "The card could not be checked just now. This says nothing about the card. Please try again.", HelpCode: "R31", HTTPStatus: 503, Retry: true},
	{Reason: credential.MetadataMalformed, Meaning: "the JWT VC Issuer Metadata are not of their form, or have both or none of jwks and jwks_uri", English: "The card could not be checked just now. This says nothing about the card. Please try again.", HelpCode: "R32", HTTPStatus: 503, Retry: true},
	{Reason: credential.MetadataOfOther, Meaning: "the JWT VC Issuer Metadata say that they are another issuer's", English: "The card could not be checked just now. This says nothing about the card. Please try again.", HelpCode: "R33", HTTPStatus: 503, Retry: true},
	{Reason: credential.KeySetMalformed, Meaning: "the issuer's key set is not of its form, or holds a private, symmetric or malformed key", English: "The card could not be checked just now. This says nothing about the card. Please try again.", HelpCode: "R34", HTTPStatus: 503, Retry: true},
	{Reason: StatusListNotAllowed, Meaning: "the card names a status list where the trust entry has none of its issuer's; nothing was fetched", English: "The card could not be checked just now. This says nothing about the card. Please try again.", HelpCode: "R13", HTTPStatus: 503, Retry: false},
	{Reason: StatusUnavailable, Meaning: "the status list could not be had", English: "The card could not be checked just now. This says nothing about the card. Please try again.", HelpCode: "R10", HTTPStatus: 503, Retry: true},
	{Reason: StatusStale, Meaning: "the status list is too old", English: "The card could not be checked just now. This says nothing about the card. Please try again.", HelpCode: "R11", HTTPStatus: 503, Retry: true},
	{Reason: ReplayGuardFailed, Meaning: "the replay guard failed or is full", English: "The card could not be checked just now. This says nothing about the card. Please try again.", HelpCode: "R12", HTTPStatus: 503, Retry: true},
	{Reason: StatusNotChecked, Meaning: "skipped by InsecureNoStatus: the status of the card", English: "", HelpCode: "S01", HTTPStatus: 0, Retry: false},
	{Reason: KeyBindingNotChecked, Meaning: "skipped by InsecureUnbound: that the holder showed the card", English: "", HelpCode: "S02", HTTPStatus: 0, Retry: false},
	{Reason: disclosure.BadPath, Meaning: "a path is malformed", English: "Something is wrong on our side.", HelpCode: "E01", HTTPStatus: 500, Retry: false},
	{Reason: disclosure.NoSuchClaim, Meaning: "a path points to nothing", English: "Something is wrong on our side.", HelpCode: "E02", HTTPStatus: 500, Retry: false},
	{Reason: disclosure.NothingToConceal, Meaning: "claims are no JSON object", English: "Something is wrong on our side.", HelpCode: "E03", HTTPStatus: 500, Retry: false},
	{Reason: disclosure.SignersDiffer, Meaning: "what was to be put into one JWS JSON serialisation does not belong together", English: "Something is wrong on our side.", HelpCode: "E08", HTTPStatus: 500, Retry: false},
	{Reason: disclosure.RandomFailed, Meaning: "the random source failed", English: "Something is wrong on our side.", HelpCode: "E04", HTTPStatus: 500, Retry: false},
	{Reason: credential.ClaimReserved, Meaning: "a claim that the issuer's own fields set", English: "Something is wrong on our side.", HelpCode: "E05", HTTPStatus: 500, Retry: false},
	{Reason: credential.CallerFault, Meaning: "an argument is missing or contradicts another", English: "Something is wrong on our side.", HelpCode: "E06", HTTPStatus: 500, Retry: false},
	{Reason: credential.NoCardLeft, Meaning: "every one-time card of the holder has been shown or has expired", English: "There is no unused card left. Please ask the office for new ones.", HelpCode: "C24", HTTPStatus: 409, Retry: false},
	{Reason: credential.SignerFailed, Meaning: "the signer did not sign", English: "Something is wrong on our side.", HelpCode: "E07", HTTPStatus: 500, Retry: false},
	{Reason: credential.TypeMalformed, Meaning: "Type Metadata are no JSON object", English: "The rules for this kind of card are faulty. Please tell the office that issued it.", HelpCode: "F60", HTTPStatus: 403, Retry: false},
	{Reason: credential.TypeTooLarge, Meaning: "Type Metadata are larger, deeper or have more claims or languages than can be read", English: "The rules for this kind of card are faulty. Please tell the office that issued it.", HelpCode: "F61", HTTPStatus: 403, Retry: false},
	{Reason: credential.TypeNameMissing, Meaning: "Type Metadata do not say which vct they describe", English: "The rules for this kind of card are faulty. Please tell the office that issued it.", HelpCode: "F62", HTTPStatus: 403, Retry: false},
	{Reason: credential.TypeNameMismatch, Meaning: "Type Metadata describe another vct than the one that refers to them", English: "The rules for this kind of card are faulty. Please tell the office that issued it.", HelpCode: "F63", HTTPStatus: 403, Retry: false},
	{Reason: credential.TypeProperty, Meaning: "name, description, extends, display or claims of Type Metadata has the wrong form", English: "The rules for this kind of card are faulty. Please tell the office that issued it.", HelpCode: "F64", HTTPStatus: 403, Retry: false},
	{Reason: credential.TypeDisplayFault, Meaning: "a display of the type lacks its locale or name, or has the wrong form", English: "The rules for this kind of card are faulty. Please tell the office that issued it.", HelpCode: "F65", HTTPStatus: 403, Retry: false},
	{Reason: credential.TypeLocale, Meaning: "a locale in Type Metadata is no language tag", English: "The rules for this kind of card are faulty. Please tell the office that issued it.", HelpCode: "F66", HTTPStatus: 403, Retry: false},
	{Reason: credential.TypeRendering, Meaning: "a rendering in Type Metadata has the wrong form", English: "The rules for this kind of card are faulty. Please tell the office that issued it.", HelpCode: "F67", HTTPStatus: 403, Retry: false},
	{Reason: credential.TypeRenderingURI, Meaning: "a logo, image or template is named by neither an https: nor a data: URI", English: "The rules for this kind of card are faulty. Please tell the office that issued it.", HelpCode: "F68", HTTPStatus: 403, Retry: false},
	{Reason: credential.TypeClaim, Meaning: "claim metadata are no object, or mandatory is no boolean", English: "The rules for this kind of card are faulty. Please tell the office that issued it.", HelpCode: "F69", HTTPStatus: 403, Retry: false},
	{Reason: credential.TypeClaimPath, Meaning: "the path of claim metadata is missing or malformed", English: "The rules for this kind of card are faulty. Please tell the office that issued it.", HelpCode: "F70", HTTPStatus: 403, Retry: false},
	{Reason: credential.TypeClaimRepeated, Meaning: "two claim metadata have the same path", English: "The rules for this kind of card are faulty. Please tell the office that issued it.", HelpCode: "F71", HTTPStatus: 403, Retry: false},
	{Reason: credential.TypeClaimDisplay, Meaning: "a display of a claim lacks its locale or label, or has the wrong form", English: "The rules for this kind of card are faulty. Please tell the office that issued it.", HelpCode: "F72", HTTPStatus: 403, Retry: false},
	{Reason: credential.TypeClaimSD, Meaning: "sd of claim metadata is not always, allowed or never", English: "The rules for this kind of card are faulty. Please tell the office that issued it.", HelpCode: "F73", HTTPStatus: 403, Retry: false},
	{Reason: credential.TypeSVGID, Meaning: "a svg_id has other characters than letters, digits and underscores, or begins with a digit", English: "The rules for this kind of card are faulty. Please tell the office that issued it.", HelpCode: "F74", HTTPStatus: 403, Retry: false},
	{Reason: credential.TypeSVGIDRepeated, Meaning: "two claims have the same svg_id", English: "The rules for this kind of card are faulty. Please tell the office that issued it.", HelpCode: "F75", HTTPStatus: 403, Retry: false},
	{Reason: credential.TypeCircular, Meaning: "a type extends itself, directly or through others", English: "The rules for this kind of card are faulty. Please tell the office that issued it.", HelpCode: "F76", HTTPStatus: 403, Retry: false},
	{Reason: credential.TypeChainTooLong, Meaning: "a type extends another through a chain of more than 8 types", English: "The rules for this kind of card are faulty. Please tell the office that issued it.", HelpCode: "F77", HTTPStatus: 403, Retry: false},
	{Reason: credential.TypeChangesSD, Meaning: "a type changes an sd of always or never that it inherits", English: "The rules for this kind of card are faulty. Please tell the office that issued it.", HelpCode: "F78", HTTPStatus: 403, Retry: false},
	{Reason: credential.TypeDropsClaim, Meaning: "a type makes a claim optional that is mandatory in the type that it extends", English: "The rules for this kind of card are faulty. Please tell the office that issued it.", HelpCode: "F79", HTTPStatus: 403, Retry: false},
	{Reason: credential.IntegrityMalformed, Meaning: "a #integrity value is no integrity metadata", English: "The rules for this kind of card are faulty. Please tell the office that issued it.", HelpCode: "F80", HTTPStatus: 403, Retry: false},
	{Reason: credential.IntegrityUnsupported, Meaning: "a #integrity value has no hash that is known", English: "The rules for this kind of card are faulty. Please tell the office that issued it.", HelpCode: "F81", HTTPStatus: 403, Retry: false},
	{Reason: credential.IntegrityMismatch, Meaning: "Type Metadata are not the document whose hash was given", English: "The rules for this kind of card are faulty. Please tell the office that issued it.", HelpCode: "F82", HTTPStatus: 403, Retry: false},
	{Reason: credential.ClaimPathMismatch, Meaning: "a path of the type leads into a claim that is no object or no array", English: "This card does not keep the rules for its kind. Please tell the office that issued it.", HelpCode: "C20", HTTPStatus: 403, Retry: false},
	{Reason: credential.MandatoryMissing, Meaning: "the issuer left out a claim that the type makes mandatory", English: "This card does not keep the rules for its kind. Please tell the office that issued it.", HelpCode: "C21", HTTPStatus: 403, Retry: false},
	{Reason: credential.MustBeConcealed, Meaning: "a claim that the type makes always selectively disclosable stands in the clear", English: "This card does not keep the rules for its kind. Please tell the office that issued it.", HelpCode: "C22", HTTPStatus: 403, Retry: false},
	{Reason: credential.MustNotBeHidden, Meaning: "a claim that the type makes never selectively disclosable is a disclosure", English: "This card does not keep the rules for its kind. Please tell the office that issued it.", HelpCode: "C23", HTTPStatus: 403, Retry: false},
	{Reason: credential.TypeUnavailable, Meaning: "the Type Metadata could not be had", English: "The card could not be checked just now. This says nothing about the card. Please try again.", HelpCode: "R20", HTTPStatus: 503, Retry: true},
}
