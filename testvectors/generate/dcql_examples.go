package main

import "encoding/json"

// The queries of OpenID4VP 1.0, as openid/OpenID4VP publishes them: at 46f6965b07e9, and where a file is not there at 144417beb184
// (credentials_alternatives.json) and 6cb5e82d6ee0 (value_matching_simple.json). OpenID Foundation copyright licence. The wallets are ours.
const (
	exampleSimple       = `{"credentials":[{"id":"my_credential","format":"dc+sd-jwt","meta":{"vct_values":["https://credentials.example.com/identity_credential"]},"claims":[{"path":["family_name"]},{"path":["given_name"]},{"path":["address","street_address"]}]}]}`
	exampleSimpleMdoc   = `{"credentials":[{"id":"my_credential","format":"mso_mdoc","meta":{"doctype_value":"org.iso.7367.1.mVRC"},"claims":[{"path":["org.iso.7367.1","vehicle_holder"]},{"path":["org.iso.18013.5.1","given_name"]}]}]}`
	exampleMulti        = `{"credentials":[{"id":"pid","format":"dc+sd-jwt","meta":{"vct_values":["https://credentials.example.com/identity_credential"]},"claims":[{"path":["given_name"]},{"path":["family_name"]},{"path":["address","street_address"]}]},{"id":"mdl","format":"mso_mdoc","meta":{"doctype_value":"org.iso.7367.1.mVRC"},"claims":[{"path":["org.iso.7367.1","vehicle_holder"]},{"path":["org.iso.18013.5.1","given_name"]}]}]}`
	exampleAlternatives = `{"credentials":[{"id":"pid","format":"dc+sd-jwt","meta":{"vct_values":["https://credentials.example.com/identity_credential"]},"claims":[{"path":["given_name"]},{"path":["family_name"]},{"path":["address","street_address"]}]},{"id":"other_pid","format":"dc+sd-jwt","meta":{"vct_values":["https://othercredentials.example/pid"]},"claims":[{"path":["given_name"]},{"path":["family_name"]},{"path":["address","street_address"]}]},{"id":"pid_reduced_cred_1","format":"dc+sd-jwt","meta":{"vct_values":["https://credentials.example.com/reduced_identity_credential"]},"claims":[{"path":["family_name"]},{"path":["given_name"]}]},{"id":"pid_reduced_cred_2","format":"dc+sd-jwt","meta":{"vct_values":["https://cred.example/residence_credential"]},"claims":[{"path":["postal_code"]},{"path":["locality"]},{"path":["region"]}]},{"id":"nice_to_have","format":"dc+sd-jwt","meta":{"vct_values":["https://company.example/company_rewards"]},"claims":[{"path":["rewards_number"]}]}],"credential_sets":[{"options":[["pid"],["other_pid"],["pid_reduced_cred_1","pid_reduced_cred_2"]]},{"required":false,"options":[["nice_to_have"]]}]}`
	exampleComplexMdoc  = `{"credentials":[{"id":"mdl-id","format":"mso_mdoc","meta":{"doctype_value":"org.iso.18013.5.1.mDL"},"claims":[{"id":"given_name","path":["org.iso.18013.5.1","given_name"]},{"id":"family_name","path":["org.iso.18013.5.1","family_name"]},{"id":"portrait","path":["org.iso.18013.5.1","portrait"]}]},{"id":"mdl-address","format":"mso_mdoc","meta":{"doctype_value":"org.iso.18013.5.1.mDL"},"claims":[{"id":"resident_address","path":["org.iso.18013.5.1","resident_address"]},{"id":"resident_country","path":["org.iso.18013.5.1","resident_country"]}]},{"id":"photo_card-id","format":"mso_mdoc","meta":{"doctype_value":"org.iso.23220.photoid.1"},"claims":[{"id":"given_name","path":["org.iso.18013.5.1","given_name"]},{"id":"family_name","path":["org.iso.18013.5.1","family_name"]},{"id":"portrait","path":["org.iso.18013.5.1","portrait"]}]},{"id":"photo_card-address","format":"mso_mdoc","meta":{"doctype_value":"org.iso.23220.photoid.1"},"claims":[{"id":"resident_address","path":["org.iso.18013.5.1","resident_address"]},{"id":"resident_country","path":["org.iso.18013.5.1","resident_country"]}]}],"credential_sets":[{"options":[["mdl-id"],["photo_card-id"]]},{"required":false,"options":[["mdl-address"],["photo_card-address"]]}]}`
	exampleClaims       = `{"credentials":[{"id":"pid","format":"dc+sd-jwt","meta":{"vct_values":["https://credentials.example.com/identity_credential"]},"claims":[{"id":"a","path":["family_name"]},{"id":"b","path":["postal_code"]},{"id":"c","path":["locality"]},{"id":"d","path":["region"]},{"id":"e","path":["date_of_birth"]}],"claim_sets":[["a","c","d","e"],["a","b","e"]]}]}`
	exampleValues       = `{"credentials":[{"id":"my_credential","format":"dc+sd-jwt","meta":{"vct_values":["https://credentials.example.com/identity_credential"]},"claims":[{"path":["family_name"],"values":["Doe"]},{"path":["given_name"]},{"path":["address","street_address"]},{"path":["postal_code"],"values":["90210","90211"]}]}]}`
	exampleJWT          = `{"credentials":[{"id":"example_jwt_vc","format":"jwt_vc_json","meta":{"type_values":[["IDCredential"]]},"claims":[{"path":["credentialSubject","family_name"]},{"path":["credentialSubject","given_name"]}]}]}`
	exampleLDP          = `{"credentials":[{"id":"example_ldp_vc","format":"ldp_vc","meta":{"type_values":[["IDCredential"]]},"claims":[{"path":["credentialSubject","family_name"]},{"path":["credentialSubject","given_name"]},{"path":["credentialSubject","birthdate"]},{"path":["credentialSubject","address","street_address"]},{"path":["credentialSubject","address","locality"]},{"path":["credentialSubject","address","postal_code"]},{"path":["credentialSubject","address","country"]}]}]}`
	exampleRequest      = `{"credentials":[{"id":"some_identity_credential","format":"dc+sd-jwt","meta":{"vct_values":["https://credentials.example.com/identity_credential"]},"claims":[{"path":["last_name"]},{"path":["first_name"]}]}]}`
	exampleEncrypted    = `{"credentials":[{"id":"my_credential","format":"dc+sd-jwt","meta":{"vct_values":["https://credentials.example.com/identity_credential"]},"claims":[{"path":["last_name"]},{"path":["first_name"]},{"path":["address","postal_code"]}]}]}`
	exampleAKI          = `{"credentials":[{"id":"a","format":"dc+sd-jwt","meta":{},"trusted_authorities":[{"type":"aki","values":["s9tIpPmhxdiuNkHMEWNpYim8S8Y"]}]}]}`
	exampleETSI         = `{"credentials":[{"id":"a","format":"dc+sd-jwt","meta":{},"trusted_authorities":[{"type":"etsi_tl","values":["https://lotl.example.com"]}]}]}`
	exampleFederation   = `{"credentials":[{"id":"a","format":"dc+sd-jwt","meta":{},"trusted_authorities":[{"type":"openid_federation","values":["https://trustanchor.example.com"]}]}]}`
)

// queryExamples: each of them before a wallet that has what it asks for, and where it asks for cards that can be matched here, before one that lacks a claim.
func (g *generator) queryExamples() {
	const identity = "https://credentials.example.com/identity_credential"
	put := func(name, section, why, query, wallet, matches, satisfiable string) {
		request := members{{"query", query}, {"credentials", wallet}}
		expect := append(accept(), member{"matches", matches}, member{"satisfiable", satisfiable})
		g.put(vector{"dcql/openid4vp-" + name, "OpenID4VP 1.0 " + section, why, "dcql.match", json.RawMessage(request.text()), json.RawMessage(expect.text())})
	}
	card := func(id, vct, claims string) string {
		return `{"id":"` + id + `","format":"dc+sd-jwt","type":"` + vct + `","claims":` + claims + `}`
	}
	const all = `{"given_name":"Pema","family_name":"Doe","first_name":"Pema","last_name":"Doe","address":{"street_address":"Norzin Lam 1","postal_code":"11001"},` +
		`"postal_code":"90211","locality":"Thimphu","region":"Thimphu","date_of_birth":"1960-06-02"}`
	person := "[" + card("id", identity, all) + "]"
	const other = `[{"id":"x","format":"dc+sd-jwt","type":"x","claims":{"org.iso.18013.5.1":{"given_name":"Pema","family_name":"Doe","portrait":"x"},"credentialSubject":{"family_name":"Doe","given_name":"Pema"}}}]`

	put("simple", "section 7.4", "the claims are there", exampleSimple, person, `{"my_credential":[{"id":"id","reveal":[["family_name"],["given_name"],["address","street_address"]]}]}`, `true`)
	put("simple-without-a-claim", "section 7.4", "street_address is missing", exampleSimple, "["+card("id", identity, `{"given_name":"Pema","family_name":"Doe","address":{}}`)+"]", `{}`, `false`)
	put("request", "section 5.4", "the claims are there", exampleRequest, person, `{"some_identity_credential":[{"id":"id","reveal":[["last_name"],["first_name"]]}]}`, `true`)
	put("request-without-a-claim", "section 5.4", "first_name is missing", exampleRequest, "["+card("id", identity, `{"last_name":"Doe"}`)+"]", `{}`, `false`)
	put("encrypted", "section 8.3", "the claims are there", exampleEncrypted, person, `{"my_credential":[{"id":"id","reveal":[["last_name"],["first_name"],["address","postal_code"]]}]}`, `true`)
	put("encrypted-with-another-type", "section 8.3", "no card of this type", exampleEncrypted, "["+card("id", "x", all)+"]", `{}`, `false`)
	put("multi-credentials", "appendix D", "the second is an mdoc, which is not here", exampleMulti, person, `{"pid":[{"id":"id","reveal":[["given_name"],["family_name"],["address","street_address"]]}]}`, `false`)
	put("simple-mdoc", "appendix D", "an mdoc is not here", exampleSimpleMdoc, other, `{}`, `false`)
	put("complex-mdoc", "appendix D", "an mdoc is not here", exampleComplexMdoc, other, `{}`, `false`)
	put("jwt-vc", "appendix B.1.3.1.4", "a W3C credential is not here", exampleJWT, other, `{}`, `false`)
	put("ldp-vc", "appendix B.1.3.2.4", "a W3C credential is not here", exampleLDP, other, `{}`, `false`)
	put("claims-alternatives", "appendix D", "locality and region come first", exampleClaims, person, `{"pid":[{"id":"id","reveal":[["family_name"],["locality"],["region"],["date_of_birth"]]}]}`, `true`)
	put("claims-alternatives-by-postal-code", "appendix D", "no region", exampleClaims, "["+card("id", identity, `{"family_name":"Doe","postal_code":"11001","locality":"Thimphu","date_of_birth":"1960-06-02"}`)+"]",
		`{"pid":[{"id":"id","reveal":[["family_name"],["postal_code"],["date_of_birth"]]}]}`, `true`)
	put("claims-alternatives-without-either", "appendix D", "neither region nor postal code", exampleClaims, "["+card("id", identity, `{"family_name":"Doe","locality":"Thimphu","date_of_birth":"1960-06-02"}`)+"]", `{}`, `false`)
	put("value-matching", "appendix D", "one of the values", exampleValues, person, `{"my_credential":[{"id":"id","reveal":[["family_name"],["given_name"],["address","street_address"],["postal_code"]]}]}`, `true`)
	put("value-matching-with-another-value", "appendix D", "another postal code", exampleValues, "["+card("id", identity, `{"given_name":"Pema","family_name":"Doe","address":{"street_address":"Norzin Lam 1"},"postal_code":"11001"}`)+"]", `{}`, `false`)
	put("credentials-alternatives-pid", "appendix D", "the first option", exampleAlternatives, person, `{"pid":[{"id":"id","reveal":[["given_name"],["family_name"],["address","street_address"]]}]}`, `true`)
	reduced := card("one", "https://credentials.example.com/reduced_identity_credential", `{"given_name":"Pema","family_name":"Doe"}`)
	residence := card("two", "https://cred.example/residence_credential", `{"postal_code":"11001","locality":"Thimphu","region":"Thimphu"}`)
	rewards := card("three", "https://company.example/company_rewards", `{"rewards_number":"7"}`)
	put("credentials-alternatives-two-cards", "appendix D", "the third option, and the optional card", exampleAlternatives, "["+reduced+","+residence+","+rewards+"]",
		`{"pid_reduced_cred_1":[{"id":"one","reveal":[["family_name"],["given_name"]]}],"pid_reduced_cred_2":[{"id":"two","reveal":[["postal_code"],["locality"],["region"]]}],"nice_to_have":[{"id":"three","reveal":[["rewards_number"]]}]}`, `true`)
	put("credentials-alternatives-half-of-an-option", "appendix D", "one of two cards", exampleAlternatives, "["+reduced+","+rewards+"]",
		`{"pid_reduced_cred_1":[{"id":"one","reveal":[["family_name"],["given_name"]]}],"nice_to_have":[{"id":"three","reveal":[["rewards_number"]]}]}`, `false`)
	put("aki", "section 6.1.1.1", "no certificate is known", exampleAKI, person, `{}`, `false`)
	put("etsi-tl", "section 6.1.1.2", "no list is known", exampleETSI, person, `{}`, `false`)
	put("openid-federation", "section 6.1.1.3", "no federation is known", exampleFederation, person, `{}`, `false`)
}
