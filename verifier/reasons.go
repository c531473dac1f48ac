package verifier

// Reasons of this package. Those of disclosure, credential and trust come through as they are.
const (
	TypeMismatch            Reason = "type_mismatch"             // another type of credential than was asked for
	IssuerDIDMalformed      Reason = "issuer_did_malformed"      // iss is no well-formed DID of its method
	IssuerDIDNotFound       Reason = "issuer_did_not_found"      // the issuer's DID does not exist
	IssuerDeactivated       Reason = "issuer_deactivated"        // the issuer's DID was deactivated for good
	IssuerKeyUnknown        Reason = "issuer_key_unknown"        // the issuer's DID never had the key that the card names
	IssuerKeyAmbiguous      Reason = "issuer_key_ambiguous"      // the key id names several keys
	IssuerKeyWrongPurpose   Reason = "issuer_key_wrong_purpose"  // the key is not one for signing cards
	IssuerKeyNotAccepted    Reason = "issuer_key_not_accepted"   // the key is of a class that the trust entry does not accept
	IssuerKeyNotYetValid    Reason = "issuer_key_not_yet_valid"  // the card says that it was signed before the key was valid
	IssuerKeyExpired        Reason = "issuer_key_expired"        // the key's validity has ended
	IssuerKeyRevoked        Reason = "issuer_key_revoked"        // the issuer revoked the key
	IssuerKeyCompromised    Reason = "issuer_key_compromised"    // the key was declared compromised
	TransactionDataMissing  Reason = "transaction_data_missing"  // the holder did not sign a transaction that was to be authorized
	TransactionDataMismatch Reason = "transaction_data_mismatch" // the holder signed another transaction than those, or in another way
	ClaimMissing            Reason = "claim_missing"             // a claim that was asked for was not shown
	SurplusClaims           Reason = "surplus_claims"            // more was shown than was asked for, and the request refuses that
	CardWithoutStatus       Reason = "card_without_status"       // the card names no status list, and the trust entry demands one
	CardRevoked             Reason = "card_revoked"              // the status list says revoked
	CardSuspended           Reason = "card_suspended"            // the status list says suspended
	CardStatusUnknown       Reason = "card_status_unknown"       // the status list has a value without a meaning here
	StatusOutOfRange        Reason = "status_index_out_of_range" // the status index lies behind the end of the list
	HoldersDiffer           Reason = "holders_differ"            // the cards of one answer are bound to different keys, and nothing ties them together
	LinkedClaimsDiffer      Reason = "linked_claims_differ"      // claims that must be equal across cards are not, or say nothing
	Replayed                Reason = "replayed"                  // this nonce was accepted before

	// Inconclusive.
	TrustUnavailable     Reason = "trust_source_unavailable"    // the trust source did not answer
	ResolverFailed       Reason = "resolver_failed"             // the resolver failed
	NetworkUnknown       Reason = "did_network_unknown"         // no resolver is configured for the network of the issuer's DID
	MethodUnknown        Reason = "did_method_unknown"          // no resolver is configured for the method of the issuer's DID
	ChainUnavailable     Reason = "chain_unavailable"           // the node did not answer
	ChainGarbled         Reason = "chain_answer_garbled"        // the node answered something that is no answer
	ChainIncomplete      Reason = "chain_answer_incomplete"     // the node's answer has a hole
	ChainDisagreement    Reason = "chain_disagreement"          // the operators of the chain that were asked contradict each other
	ChainStale           Reason = "chain_head_stale"            // the block that the issuer's DID was read at, the newest finalized one by default, is too old
	IssuerKeyNotFinal    Reason = "issuer_key_not_final"        // the block that the issuer's DID was read at does not have the key that the card names, and is older than the card
	ChainWrong           Reason = "chain_is_another"            // the node serves another chain or registry
	MetadataUnavailable  Reason = "issuer_metadata_unavailable" // the JWT VC Issuer Metadata could not be had
	HostNotAllowed       Reason = "issuer_host_not_allowed"     // the metadata lead to a host that the trust entry does not name
	StatusListNotAllowed Reason = "status_list_not_allowed"     // the card names a status list where the trust entry has none of its issuer's
	StatusUnavailable    Reason = "status_unavailable"          // the status list could not be had
	StatusStale          Reason = "status_stale"                // the status list is too old
	ReplayGuardFailed    Reason = "replay_guard_failed"         // the replay guard failed or is full

	// In Result.Skipped.
	StatusNotChecked     Reason = "status_not_checked"      // skipped by InsecureNoStatus: the status of the card
	KeyBindingNotChecked Reason = "key_binding_not_checked" // skipped by InsecureUnbound: that the holder showed the card
)
