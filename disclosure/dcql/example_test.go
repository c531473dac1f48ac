package dcql_test

import (
	"encoding/json"
	"fmt"

	"github.com/khyer/khyer/disclosure"
	"github.com/khyer/khyer/disclosure/dcql"
)

// A verifier wants either document; the holder has both, and shows the one that gives less away.
func ExampleQuery_Match() {
	query, err := dcql.Parse([]byte(`{"credentials": [
		{"id": "licence", "format": "dc+sd-jwt", "meta": {"vct_values": ["driving-licence"]}, "claims": [{"path": ["name"]}, {"path": ["address"]}]},
		{"id": "person", "format": "dc+sd-jwt", "meta": {"vct_values": ["identity"]}, "claims": [{"path": ["address", "gewog"]}]}],
		"credential_sets": [{"options": [["licence"], ["person"]]}]}`))
	if err != nil {
		panic(err)
	}
	answer, err := query.Match([]dcql.Candidate{
		{ID: "card 1", Format: dcql.FormatSDJWT, Type: "driving-licence", Claims: []byte(`{"name": "Pema Example", "address": {"gewog": "Kabisa"}}`)},
		{ID: "card 2", Format: dcql.FormatSDJWT, Type: "identity", Claims: []byte(`{"name": "Pema Example", "address": {"village": "Wolakha", "gewog": "Kabisa"}}`),
			Hidden: []disclosure.Path{{"name"}, {"address"}, {"address", "village"}, {"address", "gewog"}}},
	})
	if err != nil {
		panic(err) // nothing is shown; ask the citizen before the verifier hears of it
	}
	for _, choice := range answer {
		fmt.Println(choice.Query, "is answered by", choice.Candidate, "with", choice.Reveal)
		fmt.Println("disclosures to send:", choice.Disclose)
	}
	// Output:
	// person is answered by card 2 with ["address"."gewog"]
	// disclosures to send: ["address" "address"."gewog"]
}

// A verifier checks that it got what it asked for. That the cards are genuine is for package verifier.
func ExampleQuery_Satisfied() {
	query, err := dcql.Parse([]byte(`{"credentials": [{"id": "person", "format": "dc+sd-jwt", "meta": {"vct_values": ["identity"]},
		"claims": [{"path": ["age_over_18"], "values": [true]}]}]}`))
	if err != nil {
		panic(err)
	}
	shown := func(claims string) error {
		return query.Satisfied(map[string][]dcql.Candidate{"person": {{Format: dcql.FormatSDJWT, Type: "identity", Claims: []byte(claims)}}})
	}
	fmt.Println(shown(`{"age_over_18": true}`))
	fmt.Println(shown(`{"age_over_18": false}`))
	// Output:
	// <nil>
	// dcql: dcql_not_satisfied: person
}

// A request that names its issuers helps a wallet that knows this library's type of authority, and would keep another from finding any card.
func ExampleQuery_Knowing() {
	query := &dcql.Query{Credentials: []dcql.Credential{{
		ID: "person", Format: dcql.FormatSDJWT, Types: []string{"identity"},
		Authorities: []dcql.Authority{{Type: dcql.AuthorityIssuer, Values: []string{"did:web:registry.example"}}},
	}}}
	for _, knows := range [][]string{{dcql.AuthorityIssuer}, {dcql.AuthorityKeyID}} {
		request, err := json.Marshal(query.Knowing(knows...))
		if err != nil {
			panic(err)
		}
		fmt.Println(string(request))
	}
	// Output:
	// {"credentials":[{"id":"person","format":"dc+sd-jwt","meta":{"vct_values":["identity"]},"trusted_authorities":[{"type":"https://github.com/khyer/khyer#issuer","values":["did:web:registry.example"]}]}]}
	// {"credentials":[{"id":"person","format":"dc+sd-jwt","meta":{"vct_values":["identity"]}}]}
}
