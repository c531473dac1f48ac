package main

import (
	"encoding/json"
	"strings"
)

// queryFaults: queries with one fault each.
func (g *generator) queryFaults(wallet string) {
	bad := func(fault, section, why, query string) {
		request := members{{"query", query}, {"credentials", wallet}}
		g.put(vector{"dcql/" + fault, section, why, "dcql.match", json.RawMessage(request.text()), json.RawMessage(reject("dcql_malformed").text())})
	}
	credential := func(more string) string {
		return `{"credentials":[{"id":"a","format":"dc+sd-jwt","meta":{"vct_values":["person"]}` + more + `}]}`
	}
	claim := func(more string) string { return credential(`,"claims":[{"id":"x","path":["full_name"]` + more + `}]`) }
	meta := func(meta string) string {
		return `{"credentials":[{"id":"a","format":"dc+sd-jwt","meta":` + meta + `}]}`
	}
	sets := func(sets string) string {
		return `{"credentials":[{"id":"a","format":"dc+sd-jwt","meta":{}}],"credential_sets":` + sets + `}`
	}
	const (
		credentials = secDCQL + ".1"
		authorities = secDCQL + ".1.1"
		options     = secDCQL + ".2"
		claims      = secDCQL + ".3"
		bound       = "RFC 8259 section 9"
	)
	bad("credentials-empty", secDCQL, "a query asks for something", `{"credentials":[]}`)
	bad("credentials-no-array", secDCQL, "credentials is an array", `{"credentials":{"id":"a","format":"dc+sd-jwt","meta":{}}}`)
	bad("credential-no-object", credentials, "a credential query is an object", `{"credentials":["a"]}`)
	bad("id-absent", credentials, "id is required", `{"credentials":[{"format":"dc+sd-jwt","meta":{}}]}`)
	bad("id-empty", credentials, "an id has a character", `{"credentials":[{"id":"","format":"dc+sd-jwt","meta":{}}]}`)
	bad("id-of-another-alphabet", credentials, "letters are those of ASCII", `{"credentials":[{"id":"ཀ","format":"dc+sd-jwt","meta":{}}]}`)
	bad("id-with-a-dot", credentials, "letters, digits, _ and -", `{"credentials":[{"id":"a.b","format":"dc+sd-jwt","meta":{}}]}`)
	bad("format-absent", credentials, "format is required", `{"credentials":[{"id":"a","meta":{}}]}`)
	bad("format-no-text", credentials, "format is a string", `{"credentials":[{"id":"a","format":1,"meta":{}}]}`)
	bad("meta-no-object", credentials, "meta is an object", meta(`[]`))
	bad("vct-values-absent", "OpenID4VP 1.0 appendix B.3.5", "a meta that asks for something names types", meta(`{"x":1}`))
	bad("vct-values-empty", "OpenID4VP 1.0 appendix B.3.5", "a non-empty array", meta(`{"vct_values":[]}`))
	bad("vct-values-no-texts", "OpenID4VP 1.0 appendix B.3.5", "types are strings", meta(`{"vct_values":[1]}`))
	bad("multiple-no-boolean", credentials, "multiple is a boolean", credential(`,"multiple":"true"`))
	bad("holder-binding-no-boolean", credentials, "require_cryptographic_holder_binding is a boolean", credential(`,"require_cryptographic_holder_binding":null`))
	bad("authorities-empty", credentials, "a non-empty array", credential(`,"trusted_authorities":[]`))
	bad("authority-without-type", authorities, "type is required", credential(`,"trusted_authorities":[{"values":["x"]}]`))
	bad("authority-without-values", authorities, "values is required", credential(`,"trusted_authorities":[{"type":"aki"}]`))
	bad("authority-of-no-values", authorities, "a non-empty array", credential(`,"trusted_authorities":[{"type":"aki","values":[]}]`))
	bad("claims-empty", credentials, "a non-empty array", credential(`,"claims":[]`))
	bad("claim-no-object", claims, "a claims query is an object", credential(`,"claims":[["full_name"]]`))
	bad("claim-without-id-beside-sets", claims, "id is required if there are claim sets", credential(`,"claims":[{"id":"x","path":["full_name"]},{"path":["number"]}],"claim_sets":[["x"]]`))
	bad("claim-id-with-a-space", claims, "letters, digits, _ and -", credential(`,"claims":[{"id":"x y","path":["full_name"]}]`))
	bad("two-claims-of-one-id", claims, "an id names one claim", credential(`,"claims":[{"id":"x","path":["full_name"]},{"id":"x","path":["number"]}]`))
	bad("path-absent", claims, "path is required", credential(`,"claims":[{"id":"x"}]`))
	bad("path-with-a-boolean", "OpenID4VP 1.0 section 7", "strings, null and non-negative integers", credential(`,"claims":[{"path":["full_name",true]}]`))
	bad("path-with-a-fraction", "OpenID4VP 1.0 section 7", "an index is an integer", credential(`,"claims":[{"path":["nationalities",0.5]}]`))
	bad("path-of-17-steps", bound, "a bound of this library", credential(`,"claims":[{"path":["full_name"`+strings.Repeat(`,"x"`, 16)+`]}]`))
	bad("values-empty", claims, "a non-empty array", claim(`,"values":[]`))
	bad("value-null", claims, "strings, integers and booleans", claim(`,"values":[null]`))
	bad("value-list", claims, "strings, integers and booleans", claim(`,"values":[["x"]]`))
	bad("claim-sets-empty", credentials, "a non-empty array", credential(`,"claims":[{"id":"x","path":["full_name"]}],"claim_sets":[]`))
	bad("claim-set-of-nothing", credentials, "whatever is shown would satisfy it", credential(`,"claims":[{"id":"x","path":["full_name"]}],"claim_sets":[["x"],[]]`))
	bad("claim-set-no-array", credentials, "a claim set is an array", credential(`,"claims":[{"id":"x","path":["full_name"]}],"claim_sets":["x"]`))
	bad("credential-sets-empty", secDCQL, "a non-empty array", sets(`[]`))
	bad("credential-set-no-object", options, "a credential set is an object", sets(`[["a"]]`))
	bad("options-absent", options, "options is required", sets(`[{}]`))
	bad("options-empty", options, "a non-empty array", sets(`[{"options":[]}]`))
	bad("option-of-nothing", options, "a non-empty array", sets(`[{"options":[["a"],[]]}]`))
	bad("required-no-boolean", options, "required is a boolean", sets(`[{"options":[["a"]],"required":1}]`))
	bad("credentials-65", bound, "a bound of this library", `{"credentials":[`+strings.Repeat(`{"id":"a","format":"x","meta":{}},`, 64)+`{"id":"b","format":"x","meta":{}}]}`)
}

// queryPaths: what is found, and what is not.
func (g *generator) queryPaths(match func(fault, section, why, query, matches string, satisfiable string), person func(string) string, one func(string) string) {
	const selecting = secSelecting + ".1"
	claim := func(more string) string { return person(`,"claims":[{` + more + `}]`) }
	yes := func(fault, section, why, query, reveal string) {
		match(fault, section, why, query, one(reveal), `true`)
	}
	no := func(fault, section, why, query string) { match(fault, section, why, query, `{}`, `false`) }
	yes("path-into-an-object", "OpenID4VP 1.0 section 7.3", "a claim in a claim", claim(`"path":["address","village"]`), `[["address","village"]]`)
	yes("path-to-an-object", "OpenID4VP 1.0 section 7.3", "with all that is in it", claim(`"path":["address"]`), `[["address"]]`)
	no("path-into-a-text", secPointer+" step 2.1", "a text has no names", claim(`"path":["full_name","x"]`))
	no("path-by-index-in-an-object", secPointer+" step 2.3", "an object is no list", claim(`"path":["address",0]`))
	no("path-by-a-number-as-name", secPointer+" step 2.1", "an index is a number", claim(`"path":["nationalities","0"]`))
	no("path-to-what-no-element-has", secPointer+" step 3", "nothing is selected", claim(`"path":["degrees",null,"x"]`))
	no("path-through-elements-of-another-kind", secPointer+" step 2.1", "texts have no names", claim(`"path":["nationalities",null,"type"]`))
	no("path-by-name-in-another-case", secPointer+" step 2.1", "names are compared exactly", claim(`"path":["Full_Name"]`))
	no("path-to-a-name-of-the-language", secPointer+" step 2.1", "no member of the card", claim(`"path":["toString"]`))
	yes("value-one-of-several", secDCQL+".3", "one is enough", claim(`"path":["number"],"values":["1",2,1]`), `[["number"]]`)
	yes("value-boolean", secDCQL+".3", "type and value match", claim(`"path":["age_over_18"],"values":[true]`), `[["age_over_18"]]`)
	no("value-another-boolean", secDCQL+".3", "the claim counts as if it were not there", claim(`"path":["age_over_18"],"values":[false]`))
	no("value-text-for-boolean", secDCQL+".3", "a text is no boolean", claim(`"path":["age_over_18"],"values":["true"]`))
	yes("value-of-one-element", secDCQL+".3", "one of those that null selects has it", claim(`"path":["nationalities",null],"values":["y"]`), `[["nationalities",null]]`)
	no("value-of-an-object", secDCQL+".3", "an object is no value", claim(`"path":["address"],"values":["Punakha"]`))
	yes("one-path-twice", secDCQL+".1", "the second query for a claim is ignored", person(`,"claims":[{"path":["number"]},{"path":["number"],"values":[7]}]`), `[["number"]]`)
	yes("claim-twice-in-a-set", secDCQL+".1", "the second is ignored", person(`,"claims":[{"id":"n","path":["number"]}],"claim_sets":[["n","n"]]`), `[["number"]]`)
	yes("larger-claim-set-first", selecting, "the verifier's order, and not the number of claims", person(`,"claims":[{"id":"n","path":["number"]},{"id":"f","path":["full_name"]}],"claim_sets":[["n","f"],["n"]]`), `[["number"],["full_name"]]`)
	yes("claim-set-by-value", selecting, "a claim of another value is not there", person(`,"claims":[{"id":"n","path":["number"],"values":[2]},{"id":"f","path":["full_name"]}],"claim_sets":[["n"],["f"]]`), `[["full_name"]]`)
	no("no-claim-set", selecting, "none can be satisfied", person(`,"claims":[{"id":"t","path":["tax_number"]},{"id":"f","path":["full_name"]}],"claim_sets":[["t"],["f","t"]]`))
	match("meta-empty", secDCQL+".1", "any type", `{"credentials":[{"id":"a","format":"dc+sd-jwt","meta":{}}]}`, `{"a":[{"id":"id","reveal":[]},{"id":"blood","reveal":[]}]}`, `true`)
	match("several-cards-for-one-query", secDCQL+".1", "multiple says how many may be shown, not which match", `{"credentials":[{"id":"a","format":"dc+sd-jwt","meta":{"vct_values":["person","health"]}}]}`, `{"a":[{"id":"id","reveal":[]},{"id":"blood","reveal":[]}]}`, `true`)
	match("one-card-for-two-queries", secDCQL+".1", "queries may ask for the same card", `{"credentials":[{"id":"a","format":"dc+sd-jwt","meta":{"vct_values":["person"]}},{"id":"b","format":"dc+sd-jwt","meta":{"vct_values":["person"]},"claims":[{"path":["number"]}]}]}`,
		`{"a":[{"id":"id","reveal":[]}],"b":[{"id":"id","reveal":[["number"]]}]}`, `true`)
	match("all-sets-optional", secSelecting+".2", "nothing need be shown", `{"credentials":[{"id":"b","format":"dc+sd-jwt","meta":{"vct_values":["tax"]}}],"credential_sets":[{"options":[["b"]],"required":false}]}`, `{}`, `true`)
	match("half-of-an-option", secSelecting+".2", "an option is satisfied as a whole", `{"credentials":[{"id":"a","format":"dc+sd-jwt","meta":{"vct_values":["person"]}},{"id":"b","format":"dc+sd-jwt","meta":{"vct_values":["tax"]}}],"credential_sets":[{"options":[["a","b"]]}]}`, one(`[]`), `false`)
	no("authority-that-the-card-does-not-have", secDCQL+".1.1", "nothing is known of the card's certificates", person(`,"trusted_authorities":[{"type":"aki","values":["s9tIpPmhxdiuNkHMEWNpYim8S8Y"]}]`))
	no("authority-of-an-unknown-type", secDCQL+".1.1", "a type that nobody knows matches no card", person(`,"trusted_authorities":[{"type":"https://x.example/authority","values":["x"]}]`))
	issuer := func(fault, why, values, matches, satisfiable string) {
		request := members{{"query", `{"credentials":[{"id":"a","format":"dc+sd-jwt","meta":{},"trusted_authorities":[{"type":"https://github.com/khyer/khyer#issuer","values":` + values + `}]}]}`},
			{"credentials", `[{"id":"x","format":"dc+sd-jwt","type":"person","claims":{"iss":"did:web:x.example"}},{"id":"registry","format":"dc+sd-jwt","type":"person","claims":{"iss":"did:web:registry.example"}}]`}}
		expect := append(accept(), member{"matches", matches}, member{"satisfiable", satisfiable})
		g.put(vector{"dcql/" + fault, secDCQL + ".1.1", why, "dcql.match", json.RawMessage(request.text()), json.RawMessage(expect.text())})
	}
	issuer("issuer-by-name", "this library's type of authority names the issuer", `["did:web:registry.example"]`, `{"a":[{"id":"registry","reveal":[]}]}`, `true`)
	issuer("issuer-by-name-in-another-case", "names are compared as strings", `["did:web:Registry.example"]`, `{}`, `false`)
}
