package main

import "encoding/json"

const (
	secDCQL      = "OpenID4VP 1.0 section 6"
	secSelecting = "OpenID4VP 1.0 section 6.4"
	secPointer   = "OpenID4VP 1.0 section 7.1.1"
)

// queries: DCQL queries before a wallet of two cards.
func (g *generator) queries() {
	wallet := `[{"id":"id","format":"dc+sd-jwt","type":"person","claims":{"full_name":"Pema Lhamo","age_over_18":true,"address":{"village":"Punakha"},"nationalities":["x","y"],
		"degrees":[{"type":"BSc"},{"type":"MSc"}],"number":1}},
		{"id":"blood","format":"dc+sd-jwt","type":"health","claims":{"blood_group":"O+"}}]`
	match := func(fault, section, why, query, matches string, satisfiable string) {
		request := members{{"query", query}, {"credentials", wallet}}
		expect := append(accept(), member{"matches", matches}, member{"satisfiable", satisfiable})
		g.put(vector{"dcql/" + fault, section, why, "dcql.match", json.RawMessage(request.text()), json.RawMessage(expect.text())})
	}
	person := func(more string) string {
		return `{"credentials":[{"id":"a","format":"dc+sd-jwt","meta":{"vct_values":["person"]}` + more + `}]}`
	}
	one := func(reveal string) string { return `{"a":[{"id":"id","reveal":` + reveal + `}]}` }
	match("no-claims", secSelecting+".1", "no claim that could be hidden is asked for", person(``), one(`[]`), `true`)
	match("a-claim", secSelecting+".1", "one claim", person(`,"claims":[{"path":["full_name"]}]`), one(`[["full_name"]]`), `true`)
	match("a-claim-that-is-not-there", secSelecting+".1", "who cannot give all claims gives none", person(`,"claims":[{"path":["full_name"]},{"path":["tax_number"]}]`), `{}`, `false`)
	match("first-claim-set", secSelecting+".1", "the verifier prefers the first", person(`,"claims":[{"id":"n","path":["full_name"]},{"id":"a","path":["age_over_18"]}],"claim_sets":[["a"],["n"]]`), one(`[["age_over_18"]]`), `true`)
	match("second-claim-set", secSelecting+".1", "the first set cannot be satisfied", person(`,"claims":[{"id":"n","path":["full_name"]},{"id":"t","path":["tax_number"]}],"claim_sets":[["t"],["n"]]`), one(`[["full_name"]]`), `true`)
	match("value", secDCQL+".3", "type and value match", person(`,"claims":[{"path":["number"],"values":[1]}]`), one(`[["number"]]`), `true`)
	match("value-of-another-type", secDCQL+".3", "a text is no number", person(`,"claims":[{"path":["number"],"values":["1"]}]`), `{}`, `false`)
	match("path-by-index", secPointer, "an element", person(`,"claims":[{"path":["nationalities",1]}]`), one(`[["nationalities",1]]`), `true`)
	match("path-by-index-behind-the-end", secPointer+" step 3", "nothing is selected", person(`,"claims":[{"path":["nationalities",2]}]`), `{}`, `false`)
	match("path-through-all-elements", secPointer, "null selects all elements", person(`,"claims":[{"path":["degrees",null,"type"]}]`), one(`[["degrees",null,"type"]]`), `true`)
	match("path-by-name-in-a-list", secPointer+" step 2.1", "a list has no names", person(`,"claims":[{"path":["degrees","type"]}]`), `{}`, `false`)
	match("path-through-all-elements-of-an-object", secPointer+" step 2.2", "an object is no list", person(`,"claims":[{"path":["address",null]}]`), `{}`, `false`)
	match("another-type", secDCQL+".1", "no card of this type", `{"credentials":[{"id":"a","format":"dc+sd-jwt","meta":{"vct_values":["tax"]}}]}`, `{}`, `false`)
	match("another-format", secDCQL+".1", "no card of this format", `{"credentials":[{"id":"a","format":"mso_mdoc","meta":{"doctype_value":"x"}}]}`, `{}`, `false`)
	both := `{"credentials":[{"id":"a","format":"dc+sd-jwt","meta":{"vct_values":["person"]}},{"id":"b","format":"dc+sd-jwt","meta":{"vct_values":["tax"]}}]`
	match("all-credentials-are-asked-for", secSelecting+".2", "without credential sets", both+`}`, one(`[]`), `false`)
	match("an-option-of-a-set", secSelecting+".2", "one option is enough", both+`,"credential_sets":[{"options":[["b"],["a"]]}]}`, one(`[]`), `true`)
	match("a-set-that-is-optional", secSelecting+".2", "it need not be satisfied", both+`,"credential_sets":[{"options":[["a"]]},{"options":[["b"]],"required":false}]}`, one(`[]`), `true`)
	match("unknown-members", secDCQL, "are ignored", person(`,"x":{"y":1},"claims":[{"path":["full_name"],"x":1}]`), one(`[["full_name"]]`), `true`)
	bad := func(fault, why, query string) {
		request := members{{"query", query}, {"credentials", wallet}}
		g.put(vector{"dcql/" + fault, secDCQL, why, "dcql.match", json.RawMessage(request.text()), json.RawMessage(reject("dcql_malformed").text())})
	}
	bad("credentials-absent", "credentials is required", `{}`)
	bad("meta-absent", "meta is required", `{"credentials":[{"id":"a","format":"dc+sd-jwt"}]}`)
	bad("two-queries-of-one-id", "an id names one query", `{"credentials":[{"id":"a","format":"x","meta":{}},{"id":"a","format":"x","meta":{}}]}`)
	bad("id-with-a-space", "letters, digits, _ and -", `{"credentials":[{"id":"a b","format":"x","meta":{}}]}`)
	bad("claim-sets-without-claims", "there is nothing to choose from", person(`,"claim_sets":[["x"]]`))
	bad("claim-set-of-an-unknown-claim", "a set names claims of this query", person(`,"claims":[{"id":"x","path":["x"]}],"claim_sets":[["y"]]`))
	bad("path-empty", "a path has a component", person(`,"claims":[{"path":[]}]`))
	bad("path-with-a-negative-index", "an index is not negative", person(`,"claims":[{"path":["x",-1]}]`))
	bad("value-with-a-fraction", "values are strings, integers and booleans", person(`,"claims":[{"path":["x"],"values":[0.5]}]`))
	bad("option-of-an-unknown-query", "an option names credential queries", person(``)[:len(person(``))-1]+`,"credential_sets":[{"options":[["b"]]}]}`)
	g.queryFaults(wallet)
	g.queryPaths(match, person, one)
	g.queryExamples()
}
