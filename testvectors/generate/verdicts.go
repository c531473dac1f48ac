package main

import "fmt"

const (
	secTransactions = "OpenID4VP 1.0 sections 5.1 and 8.4, appendix B.3.3.1"
	secResolve      = "the rule of package verifier: what could not be looked up is never accepted and never refused"
)

// verdicts: what surrounds a card that is as it must be: the trust entry, the request, the chain.
func (g *generator) verdicts() {
	g.scene("card-without-status", secTrust, "this issuer's cards must be revocable", known("card_without_status"), func(s *scene) {
		s.issuers.set(issuer, entry(issuer, member{"status_required", "true"}, member{"status_lists", `[{"prefix":"https://registry.example/status/"}]`}))
	})
	g.scene("surplus-refused", secAsked, "more was shown than was asked for, and the request refuses that", known("surplus_claims"), func(s *scene) {
		s.reveal("blood_group", `"O+"`)
		s.request.set("refuse_surplus", "true")
	})
	g.scene("presentation-a-second-time", "OpenID4VP 1.0 14.1; the replay guard of package verifier", "the nonce was used up by the first", known("replayed"), func(s *scene) { s.more = members{{"again", "true"}} })
	g.scene("issuer-deactivated", "DID Resolution 4", "the issuer's DID was ended for good", stranger("issuer_deactivated"), func(s *scene) {
		s.more = members{{"deactivated", `[` + quote(issuer) + `]`}}
	})
	g.scene("key-of-a-class-that-does-not-count", secKeys, "such as the owner of a did:ethr identity, whose key signs transactions", stranger("issuer_key_not_accepted"), func(s *scene) {
		s.history = members{{issuer, dates("key-1", member{"class", `"controller"`})}}
	})
	g.scene("key-of-a-class-that-counts", secKeys, "the trust entry names the class", accept(), func(s *scene) {
		s.history = members{{issuer, dates("key-1", member{"class", `"controller"`})}}
		s.issuers.set(issuer, entry(issuer, member{"key_classes", `["controller"]`}))
	})
	g.scene("trust-list-expired", secTrust, "a newer list may trust more, or less", inconclusive("trust_source_unavailable"), func(s *scene) {
		s.more = members{{"issuers_expire", fmt.Sprint(now)}}
	})
	window := func(fault, why string, expect members, bounds ...member) {
		g.scene("window-"+fault, secTrust, why, expect, func(s *scene) {
			s.issuers.set(issuer, entry(issuer, member{"windows", `[` + append(members{{"of", quote(issuer)}}, bounds...).text() + `]`}))
		})
	}
	window("of-a-name-that-counts-still", "the issuer has another name now, and its old cards are still accepted", accept(), member{"until", fmt.Sprint(now + 1)}, member{"signed_until", fmt.Sprint(issued + 1)})
	window("of-a-name-that-is-over", "the end is not part of it", stranger("type_not_accredited"), member{"until", fmt.Sprint(now)})
	window("of-a-name-that-is-not-yet-one", "before its beginning", stranger("type_not_accredited"), member{"from", fmt.Sprint(now + 1)})
	window("of-a-name-under-which-nothing-is-signed-any-more", "the card says that it was signed after the issuer's move", stranger("type_not_accredited"), member{"signed_until", fmt.Sprint(issued)})
	for _, c := range []struct{ fault, code, reason string }{
		{"resolver-network-unknown", "unknownNetwork", "did_network_unknown"},
		{"resolver-method-unknown", "methodNotSupported", "did_method_unknown"},
		{"resolver-node-silent", "unavailable", "chain_unavailable"},
		{"resolver-answer-garbled", "garbledAnswer", "chain_answer_garbled"},
		{"resolver-answer-incomplete", "incompleteAnswer", "chain_answer_incomplete"},
		{"resolver-operators-disagree", "disagreement", "chain_disagreement"},
		{"resolver-head-stale", "staleAnswer", "chain_head_stale"},
		{"resolver-chain-of-another-id", "wrongChain", "chain_is_another"},
		{"resolver-fails", "internalError", "resolver_failed"},
		{"resolver-says-what-nobody-knows", "somethingElse", "resolver_failed"},
	} {
		g.scene(c.fault, secResolve, "the issuer's DID could not be resolved", inconclusive(c.reason), func(s *scene) {
			s.more = members{{"resolver_errors", members{{issuer, quote(c.code)}}.text()}}
		})
	}
	read := func(fault, why string, expect members, at members, change func(*scene)) {
		g.scene(fault, secResolve, why, expect, func(s *scene) {
			at.set("chain", `"eip155:1"`)
			s.more = members{{"anchors", members{{issuer, at.text()}}.text()}}
			change(s)
		})
	}
	same := func(*scene) {}
	read("block-fresh", "read at a block of a quarter of an hour ago", accept(), members{{"block", "9"}, {"time", fmt.Sprint(now - 900)}, {"newest", fmt.Sprint(now - 12)}}, same)
	read("block-too-old", "the chain, or the way to it, stands still", inconclusive("chain_head_stale"), members{{"block", "9"}, {"time", fmt.Sprint(now - 1801)}, {"newest", fmt.Sprint(now - 1801)}}, same)
	read("block-of-the-future", "this machine's clock is behind the chain's", inconclusive("chain_head_stale"), members{{"block", "9"}, {"time", fmt.Sprint(now - 900)}, {"newest", fmt.Sprint(now + 31)}}, same)
	read("card-younger-than-the-block", "its key may be younger than the block that was read", inconclusive("issuer_key_not_final"), members{{"block", "9"}, {"time", fmt.Sprint(now - 900)}, {"newest", fmt.Sprint(now - 12)}}, func(s *scene) {
		s.payload.set("iat", fmt.Sprint(now-600))
		s.header.set("kid", quote(issuer+"#key-2"))
	})
}

// payment is what a request asks the holder to authorize; the text has a space that a reader who writes it anew would lose.
func payment(to, more string) string {
	return b64([]byte(`{"type":"https://revenue.example/transactions/payment", "credential_ids":["id"],"to":` + quote(to) + more + `}`))
}

// transactions: what the holder authorizes with a card.
func (g *generator) transactions() {
	asked := func(fault, why string, expect members, sent, hashes []string, alg string) {
		g.scene("transaction-"+fault, secTransactions, why, expect, func(s *scene) {
			if sent != nil {
				s.request.set("transaction_data", list(sent))
				s.signed = `,"transactions":[0]`
			}
			if hashes != nil {
				s.kb.payload.set("transaction_data_hashes", list(hashes))
			}
			if alg != "" {
				s.kb.payload.set("transaction_data_hashes_alg", quote(alg))
			}
		})
	}
	school, thief := payment("school", ""), payment("thief", "")
	strong := payment("school", `,"transaction_data_hashes_alg":["sha-512"]`)
	of := func(alg, text string) []string { return []string{digestBy(alg, text)} }
	missing, mismatch := known("transaction_data_missing"), known("transaction_data_mismatch")
	asked("authorized", "the hash of the text as it was sent, by the default algorithm", accept(), []string{school}, of("", school), "")
	asked("authorized-by-sha-512", "the algorithm that the request names, and the answer says", accept(), []string{strong}, of("sha-512", strong), "sha-512")
	asked("not-authorized", "the holder showed the card and signed no transaction", missing, []string{school}, nil, "")
	asked("of-another-payee", "the holder signed another transaction", mismatch, []string{school}, of("", thief), "")
	asked("and-another", "the holder signed one more than was asked for", mismatch, []string{school}, append(of("", school), of("", thief)...), "")
	asked("that-nobody-asked-for", "the request had none", mismatch, nil, of("", school), "")
	asked("hashed-by-what-was-not-asked", "no algorithm in the request means sha-256", mismatch, []string{school}, of("sha-512", school), "sha-512")
	asked("hashed-without-saying-how", "the request names algorithms, so the answer says which", mismatch, []string{strong}, of("sha-512", strong), "")
	g.scene("transaction-hashes-empty", secTransactions, "an array that has no hash", stranger("key_binding_malformed"), func(s *scene) { s.kb.payload.set("transaction_data_hashes", "[]") })
	g.scene("transaction-hashes-no-array", secTransactions, "a hash by itself", stranger("key_binding_malformed"), func(s *scene) {
		s.kb.payload.set("transaction_data_hashes", quote(digestBy("", school)))
	})
}
