package main

import (
	"encoding/json"
	"fmt"
	"strings"
)

const secAnswer = "OpenID4VP 1.0 sections 6.4.2 and 8.1; the rule of package verifier for holders"

// answers: several cards in one answer to a query for two: a person's card with its name, and a health card with the blood group.
func (g *generator) answers() {
	const query = `{"credentials":[
		{"id":"id","format":"dc+sd-jwt","meta":{"vct_values":["https://registry.example/types/person"]},"claims":[{"path":["full_name"]}]},
		{"id":"blood","format":"dc+sd-jwt","meta":{"vct_values":["https://registry.example/types/health"]},"claims":[{"path":["blood_group"]}]}]}`
	type parts struct {
		id, blood *card
		shown     map[string][]*card
		query     string
		types     string
		asked     members // further members of expect
	}
	put := func(fault, why string, expect members, change func(*parts)) {
		name := "verifier/answer-" + fault
		p := &parts{id: boundCard(name + ", id"), blood: boundCard(name + ", blood"), query: query, types: `["https://registry.example/types/person","https://registry.example/types/health"]`}
		p.blood.payload.set("vct", `"https://registry.example/types/health"`)
		p.blood.sd, p.blood.shown, p.blood.found = nil, nil, nil
		p.blood.reveal("blood_group", `"O+"`)
		p.shown = map[string][]*card{"id": {p.id}, "blood": {p.blood}}
		change(p)
		var shown members
		for _, id := range []string{"id", "blood", "other"} {
			cards, ok := p.shown[id]
			if !ok {
				continue
			}
			texts := []string{}
			for _, c := range cards {
				texts = append(texts, c.text())
			}
			shown.set(id, list(texts))
		}
		request := members{
			{"presentations", shown.text()}, {"resolver", members{{issuer, document(issuer, "key-1", registry)}}.text()},
			{"issuers", `[{"did":` + quote(issuer) + `,"types":` + p.types + `}]`},
			{"expect", append(members{{"audience", quote(audience)}, {"nonce", quote(nonce)}, {"query", p.query}}, p.asked...).text()}, {"now", fmt.Sprint(now)}, {"clock_skew_s", fmt.Sprint(skew)},
		}
		if expect[0].value == `"accept"` {
			one := func(query, claims string) string {
				return `{"query":` + quote(query) + `,"claims":` + claims + `,"issuer":` + quote(issuer) + `,"key_id":` + quote(issuer+"#key-1") + `,"status":0,"surplus":[]}`
			}
			var cards []string
			if p.shown["id"] != nil {
				cards = append(cards, one("id", `{"full_name":"Pema Lhamo"}`))
			}
			if p.shown["blood"] != nil {
				cards = append(cards, one("blood", `{"blood_group":"O+"}`))
			}
			expect = append(expect, member{"cards", `[` + strings.Join(cards, ",") + `]`})
		}
		g.put(vector{name, secAnswer, why, "vc.verify", json.RawMessage(request.text()), json.RawMessage(expect.text())})
	}
	put("of-two-cards", "both cards of one holder", accept(), func(*parts) {})
	put("with-a-card-missing", "all credentials of the query are asked for", known("dcql_not_satisfied"), func(p *parts) { delete(p.shown, "blood") })
	put("by-an-option", "one option of a credential set", accept(), func(p *parts) {
		delete(p.shown, "blood")
		p.query = strings.TrimSuffix(query, "}") + `,"credential_sets":[{"options":[["blood"],["id"]]}]}`
	})
	put("of-nothing", "an answer without a card", stranger("dcql_not_satisfied"), func(p *parts) { clear(p.shown) })
	put("to-no-query", "a card that nobody asked for", stranger("dcql_not_asked_for"), func(p *parts) { p.shown["other"] = []*card{p.id} })
	put("with-a-card-twice", "one card for a query that is not multiple", stranger("dcql_not_asked_for"), func(p *parts) { p.shown["id"] = []*card{p.id, p.id} })
	put("of-two-holders", "somebody else's health card", known("holders_differ"), func(p *parts) { p.blood.bound(karma) })
	put("with-the-cards-exchanged", "a card in place of another", stranger("type_mismatch"), func(p *parts) {
		p.shown["id"], p.shown["blood"] = p.shown["blood"], p.shown["id"]
	})
	put("with-a-claim-missing", "the claim stays hidden", known("claim_missing"), func(p *parts) {
		p.blood.shown = nil
		p.blood.found = nil
	})
	put("with-another-value", "the query names the value", known("dcql_not_satisfied"), func(p *parts) {
		p.query = strings.Replace(query, `{"path":["blood_group"]}`, `{"path":["blood_group"],"values":["A+"]}`, 1)
	})
	put("with-a-card-of-another-request", "one key binding is another request's", stranger("nonce_mismatch"), func(p *parts) { p.blood.kb.payload.set("nonce", `"another"`) })
	put("with-a-card-for-another-agency", "one key binding is for another audience", stranger("audience_mismatch"), func(p *parts) { p.blood.kb.payload.set("aud", `"https://other.example"`) })
	put("with-a-self-made-card", "one good card does not vouch for another", stranger("signature_invalid"), func(p *parts) { p.blood.signer = thief })
	put("with-a-type-that-is-not-accredited", "the issuer may issue one of the two", stranger("type_not_accredited"), func(p *parts) {
		p.types = `["https://registry.example/types/person"]`
	})
	put("with-an-expired-card", "one card is over", stranger("expired"), func(p *parts) { p.blood.payload.set("exp", fmt.Sprint(now-60)) })
	linked := func(p *parts) {
		p.blood.bound(karma)
		p.id.sd, p.id.shown, p.id.found = nil, nil, nil
		p.id.reveal("full_name", `"Pema Lhamo"`)
		p.asked = members{{"different_holders", "true"}, {"linked", `[[{"query":"id","path":["full_name"]},{"query":"blood","path":["blood_group"]}]]`}}
	}
	put("with-linked-claims-that-differ", "cards of two people, whom only the linked claims tie together", known("linked_claims_differ"), linked)
	put("with-cards-that-nothing-ties", "one of the linked claims says nothing", known("linked_claims_differ"), func(p *parts) {
		linked(p)
		p.id.sd, p.id.shown = nil, nil
		p.id.reveal("full_name", `""`)
		p.blood.sd, p.blood.shown = nil, nil
		p.blood.reveal("blood_group", `""`)
	})
	put("without-the-proof-of-the-holder", "the query asks for none, and the answer says what was left out", append(accept(), member{"skipped", `["key_binding_not_checked"]`}), func(p *parts) {
		p.id.kb, p.blood.kb = nil, nil
		p.query = strings.ReplaceAll(query, `"meta"`, `"require_cryptographic_holder_binding":false,"meta"`)
	})
	authorities := func(list string) func(*parts) {
		return func(p *parts) {
			p.query = strings.Replace(query, `"meta"`, `"trusted_authorities":`+list+`,"meta"`, 1)
		}
	}
	const byIssuer = "https://github.com/khyer/khyer#issuer"
	put("of-an-issuer-that-is-asked-for", "the query names issuers by iss, in a type of this library's", accept(), authorities(`[{"type":"`+byIssuer+`","values":[`+quote(other)+`,`+quote(issuer)+`]}]`))
	put("of-an-issuer-that-is-not-asked-for", "a trusted issuer, and none of those that the query names", known("dcql_not_satisfied"), authorities(`[{"type":"`+byIssuer+`","values":[`+quote(other)+`]}]`))
	put("without-the-certificate-that-is-asked-for", "a card under a DID has no authority key identifier", known("dcql_not_satisfied"), authorities(`[{"type":"aki","values":["s9tIpPmhxdiuNkHMEWNpYim8S8Y"]}]`))
	put("of-an-authority-that-cannot-be-checked", "each is an alternative; whom to trust is the trust list's to say", accept(), authorities(`[{"type":"`+byIssuer+`","values":[`+quote(other)+`]},{"type":"etsi_tl","values":["https://lotl.example.com"]}]`))
}
