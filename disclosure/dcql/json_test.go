package dcql_test

import (
	"encoding/json"
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/khyer/khyer/disclosure"
	"github.com/khyer/khyer/disclosure/dcql"
)

// TestQueriesAreWritten: what is written is read as the same query, and what Parse would refuse is not written.
func TestQueriesAreWritten(t *testing.T) {
	const all = `{"credentials":[{"id":"a","format":"dc+sd-jwt","multiple":true,"meta":{"vct_values":["t","u"]},"trusted_authorities":[{"type":"aki","values":["k"]}],` +
		`"require_cryptographic_holder_binding":false,"claims":[{"id":"x","path":["x",null,0],"values":["\u003c",9007199254740993,true]},{"id":"y","path":["y"]}],"claim_sets":[["y"],["x","y"]]},` +
		`{"id":"b","format":"mso_mdoc","meta":{"doctype_value":"d"}},{"id":"c","format":"dc+sd-jwt","meta":{}}],` +
		`"credential_sets":[{"options":[["a","b"],["c"]]},{"options":[["b"]],"required":false}]}`
	got, err := json.Marshal(parse(t, all))
	if err != nil || string(got) != all {
		t.Errorf("%v\n%s, want\n%s", err, got, all)
	}
	sets := parse(t, credential(`,"claims":[{"id":"x","path":["x"]}],"claim_sets":[["x"]]`))
	sets.Credentials[0].ClaimSets[0][0] = 1
	for name, q := range map[string]*dcql.Query{
		"nothing":                   {},
		"no id":                     {Credentials: []dcql.Credential{{Format: dcql.FormatSDJWT}}},
		"two of an id":              {Credentials: []dcql.Credential{{ID: "a", Format: "x"}, {ID: "a", Format: "x"}}},
		"no path":                   {Credentials: []dcql.Credential{{ID: "a", Format: "x", Claims: []dcql.Claim{{ID: "x"}}}}},
		"a path of bytes":           {Credentials: []dcql.Credential{{ID: "a", Format: "x", Claims: []dcql.Claim{{Path: disclosure.Path{1.5}}}}}},
		"a value that is no JSON":   {Credentials: []dcql.Credential{{ID: "a", Format: "x", Claims: []dcql.Claim{{Path: disclosure.Path{"x"}, Values: []json.RawMessage{[]byte(`{`)}}}}}},
		"an option of nobody":       {Credentials: []dcql.Credential{{ID: "a", Format: "x"}}, Sets: []dcql.Set{{Options: [][]string{{"b"}}}}},
		"a claim that is not there": sets,
		"an authority of no values": {Credentials: []dcql.Credential{{ID: "a", Format: "x", Authorities: []dcql.Authority{{Type: "aki"}}}}},
		"a set of nothing":          {Credentials: []dcql.Credential{{ID: "a", Format: "x"}}, Sets: []dcql.Set{{}}},
	} {
		if got, err := q.MarshalJSON(); !errors.Is(err, dcql.Malformed) {
			t.Errorf("%s: %s %v", name, got, err)
		}
	}
	r := rand.New(rand.NewPCG(2, 6))
	for range 2000 {
		text := randomQuery(r)
		q := parse(t, text)
		written, err := q.MarshalJSON()
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		wallet := randomWallet(r)
		if a, b := choices(t, q, wallet), choices(t, parse(t, string(written)), wallet); a != b {
			t.Fatalf("%s answers %s, and written, %s, %s", text, a, written, b)
		}
	}
}

func choices(t *testing.T, q *dcql.Query, wallet []dcql.Candidate) string {
	t.Helper()
	got, err := q.Match(wallet)
	if err != nil {
		return err.Error()
	}
	return text(got)
}
