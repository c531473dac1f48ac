package verifier

// Reasons of this package. Those of disclosure, credential and trust come through as they are.
const (
	TypeMismatch          Reason = "type_mismatch"
	IssuerDIDMalformed    Reason = "issuer_did_malformed"
	IssuerDIDNotFound     Reason = "issuer_did_not_found"
	IssuerDeactivated     Reason = "issuer_deactivated"
	IssuerKeyUnknown      Reason = "issuer_key_unknown"
	IssuerKeyAmbiguous    Reason = "issuer_key_ambiguous"
	IssuerKeyWrongPurpose Reason = "issuer_key_wrong_purpose"
	IssuerKeyNotAccepted  Reason = "issuer_key_not_accepted"
	IssuerKeyNotYetValid  Reason = "issuer_key_not_yet_valid"
	IssuerKeyExpired      Reason = "issuer_key_expired"
	IssuerKeyRevoked      Reason = "issuer_key_revoked"
	IssuerKeyCompromised  Reason = "issuer_key_compromised"
	ClaimMissing          Reason = "claim_missing"
	SurplusClaims         Reason = "surplus_claims"
	CardRevoked           Reason = "card_revoked"
	CardSuspended         Reason = "card_suspended"
	CardStatusUnknown     Reason = "card_status_unknown"
	StatusOutOfRange      Reason = "status_index_out_of_range"
	Replayed              Reason = "replayed"

	// Inconclusive.
	TrustUnavailable  Reason = "trust_source_unavailable"
	ResolverFailed    Reason = "resolver_failed"
	NetworkUnknown    Reason = "did_network_unknown"
	MethodUnknown     Reason = "did_method_unknown"
	ChainUnavailable  Reason = "chain_unavailable"
	ChainGarbled      Reason = "chain_answer_garbled"
	ChainIncomplete   Reason = "chain_answer_incomplete"
	ChainStale        Reason = "chain_head_stale"
	ChainWrong        Reason = "chain_is_another"
	StatusUnavailable Reason = "status_unavailable"
	StatusStale       Reason = "status_stale"
	ReplayGuardFailed Reason = "replay_guard_failed"

	// In Result.Skipped.
	StatusNotChecked     Reason = "status_not_checked"
	KeyBindingNotChecked Reason = "key_binding_not_checked"
)
