package verifiertest_test

import (
	"strings"
	"testing"

	"github.com/khyer/khyer/disclosure"
	"github.com/khyer/khyer/disclosure/dcql"
	"github.com/khyer/khyer/verifier"
	"github.com/khyer/khyer/verifier/trust"
	"github.com/khyer/khyer/verifier/verifiertest"
)

func TestAsksNoMore(t *testing.T) {
	const idCard = "https://registry.example/types/foundational-id"
	policy, err := trust.NewPolicy(trust.Purpose{
		Agency: "https://hospital.example", Name: "hospital-admission", Claims: map[string][]disclosure.Path{idCard: {{"Full Name"}, {"Blood Group"}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	admission := verifier.Expect{Audience: "https://hospital.example", Type: idCard, Claims: []disclosure.Path{{"Full Name"}}}
	verifiertest.AsksNoMore(t, policy, "hospital-admission", admission)

	greedy := admission
	greedy.Claims = []disclosure.Path{{"Full Name"}, {"Tax Number"}}
	var r recorder
	verifiertest.AsksNoMore(&r, policy, "hospital-admission", admission, greedy)
	verifiertest.AsksNoMore(&r, policy, "login", admission)
	verifiertest.AsksNoMore(&r, policy, "hospital-admission")
	if len(r.said) != 3 || !strings.Contains(r.said[0], `"Tax Number"`) || strings.Contains(r.said[0], "Full Name") || !strings.Contains(r.said[1], "purpose_unknown") {
		t.Errorf("%q", r.said)
	}
}

// TestQueryAsksNoMore: a request for several cards is judged query by query.
func TestQueryAsksNoMore(t *testing.T) {
	const idCard, bloodCard = "https://registry.example/types/foundational-id", "https://health.example/types/blood"
	policy, err := trust.NewPolicy(trust.Purpose{
		Agency: "https://hospital.example", Name: "hospital-admission",
		Claims: map[string][]disclosure.Path{idCard: {{"Full Name"}}, bloodCard: {{"Blood Group"}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	const name, blood, tax = `{"id":"n","path":["Full Name"]}`, `{"id":"b","path":["Blood Group"]}`, `{"id":"t","path":["Tax Number"]}`
	query := func(id, types, claims, more string) string {
		return `{"id":"` + id + `","format":"dc+sd-jwt","meta":{` + types + `},"claims":[` + claims + `]` + more + `}`
	}
	types := func(all ...string) string { return `"vct_values":["` + strings.Join(all, `","`) + `"]` }
	for what, c := range map[string]struct {
		credentials []string
		want        string
	}{
		"what is allowed":       {[]string{query("a", types(idCard), name, ""), query("b", types(bloodCard), blood, "")}, ""},
		"a claim too many":      {[]string{query("a", types(idCard), name, ""), query("b", types(bloodCard), blood+","+tax, "")}, `of ` + bloodCard + `: "Tax Number"`},
		"in one set of several": {[]string{query("a", types(idCard), name+","+tax, `,"claim_sets":[["n"],["t"]]`)}, `of ` + idCard + `: "Tax Number"`},
		"of the second type":    {[]string{query("a", types(bloodCard, idCard), blood, "")}, `of ` + idCard + `: "Blood Group"`},
		"of any type":           {[]string{query("a", "", name, "")}, `of : "Full Name"`},
		"another type":          {[]string{query("a", types("https://tax.example/types/card"), name, "")}, `of https://tax.example/types/card: "Full Name"`},
	} {
		q, err := dcql.Parse([]byte(`{"credentials":[` + strings.Join(c.credentials, ",") + `]}`))
		if err != nil {
			t.Fatal(err)
		}
		var r recorder
		verifiertest.AsksNoMore(&r, policy, "hospital-admission", verifier.Expect{Audience: "https://hospital.example", Query: q})
		if said := strings.Join(r.said, "; "); (said == "") != (c.want == "") || !strings.HasSuffix(said, c.want) {
			t.Errorf("%s: %q, want %q", what, said, c.want)
		}
	}
	q, err := dcql.Parse([]byte(`{"credentials":[{"id":"a","format":"dc+sd-jwt","meta":{}}]}`))
	if err != nil {
		t.Fatal(err)
	}
	var r recorder
	verifiertest.AsksNoMore(&r, policy, "hospital-admission", verifier.Expect{Audience: "https://hospital.example", Query: q})
	if len(r.said) != 1 {
		t.Errorf("a card of any type, with no claim: %q", r.said)
	}
}
