package trust_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/khyer/khyer/disclosure"
	"github.com/khyer/khyer/verifier/trust"
)

const (
	hospital = "https://hospital.example"
	idType   = "https://registry.example/types/foundational-id"
)

func admission() trust.Purpose {
	return trust.Purpose{
		Agency: hospital, Name: "hospital-admission", Basis: "an invented act, section 4",
		Claims: map[string][]disclosure.Path{
			idType:                               {{"Full Name"}, {"Address"}, {"Parents", nil, "Name"}},
			"https://health.example/types/blood": {{"Blood Group"}},
		},
	}
}

func ExamplePolicy_Check() {
	policy, err := trust.NewPolicy(trust.Purpose{
		Agency: "https://hospital.example", Name: "hospital-admission", Basis: "an invented act, section 4",
		Claims: map[string][]disclosure.Path{"https://registry.example/types/foundational-id": {{"Full Name"}, {"Blood Group"}}},
	})
	if err != nil {
		panic(err)
	}
	err = policy.Check("https://hospital.example", "hospital-admission", time.Now(),
		trust.Asked{Type: "https://registry.example/types/foundational-id", Claims: []disclosure.Path{{"Full Name"}, {"Tax Number"}}})
	fmt.Println(err)
	// Output:
	// trust: asks_too_much: https://hospital.example, for the purpose "hospital-admission"; of https://registry.example/types/foundational-id: "Tax Number"
}

func TestOverAsking(t *testing.T) {
	day := time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)
	u := admission()
	u.From, u.Until = day, day.AddDate(1, 0, 0)
	policy, err := trust.NewPolicy(u)
	if err != nil {
		t.Fatal(err)
	}
	u.Claims[idType][0][0] = "Tax Number" // what the caller does afterwards changes nothing
	ask := func(paths ...disclosure.Path) []trust.Asked { return []trust.Asked{{Type: idType, Claims: paths}} }
	for name, c := range map[string]struct {
		agency, purpose string
		at              time.Time
		asked           []trust.Asked
		want            error
		too             int
	}{
		"allowed":                        {hospital, "hospital-admission", day, ask(disclosure.Path{"Full Name"}), nil, 0},
		"below an allowed one":           {hospital, "hospital-admission", day, ask(disclosure.Path{"Address", "Village"}), nil, 0},
		"elements":                       {hospital, "hospital-admission", day, ask(disclosure.Path{"Parents", nil, "Name"}, disclosure.Path{"Parents", 1, "Name"}), nil, 0},
		"two types":                      {hospital, "hospital-admission", day, append(ask(disclosure.Path{"Full Name"}), trust.Asked{Type: "https://health.example/types/blood", Claims: []disclosure.Path{{"Blood Group"}}}), nil, 0},
		"another claim":                  {hospital, "hospital-admission", day, ask(disclosure.Path{"Tax Number"}), trust.AsksTooMuch, 1},
		"another case":                   {hospital, "hospital-admission", day, ask(disclosure.Path{"full name"}), trust.AsksTooMuch, 1},
		"above an allowed one":           {hospital, "hospital-admission", day, ask(disclosure.Path{"Parents"}), trust.AsksTooMuch, 1},
		"another member of the elements": {hospital, "hospital-admission", day, ask(disclosure.Path{"Parents", 0, "ID Number"}), trust.AsksTooMuch, 1},
		"a member for an element":        {hospital, "hospital-admission", day, ask(disclosure.Path{"Parents", "x", "Name"}), trust.AsksTooMuch, 1},
		"two too many":                   {hospital, "hospital-admission", day, append(ask(disclosure.Path{"A"}), trust.Asked{Type: "https://health.example/types/blood", Claims: []disclosure.Path{{"HIV"}}}), trust.AsksTooMuch, 2},
		"another type":                   {hospital, "hospital-admission", day, []trust.Asked{{Type: "https://tax.example/types/tax", Claims: []disclosure.Path{{"Full Name"}}}}, trust.AsksTooMuch, 1},
		"another type, no claim":         {hospital, "hospital-admission", day, []trust.Asked{{Type: "https://tax.example/types/tax"}}, trust.AsksTooMuch, 1},
		"another purpose":                {hospital, "login", day, ask(disclosure.Path{"Full Name"}), trust.PurposeUnknown, 0},
		"another agency":                 {"https://bank.example", "hospital-admission", day, ask(disclosure.Path{"Full Name"}), trust.PurposeUnknown, 0},
		"too early":                      {hospital, "hospital-admission", day.Add(-1), ask(disclosure.Path{"Full Name"}), trust.PurposeUnknown, 0},
		"too late":                       {hospital, "hospital-admission", day.AddDate(1, 0, 0), ask(disclosure.Path{"Full Name"}), trust.PurposeUnknown, 0},
	} {
		err := policy.Check(c.agency, c.purpose, c.at, c.asked...)
		var over *trust.OverAsking
		errors.As(err, &over)
		switch {
		case c.want == nil && err != nil:
			t.Errorf("%s: %v", name, err)
		case c.want != nil && (!errors.Is(err, c.want) || over == nil || len(over.TooMuch) != c.too):
			t.Errorf("%s: %v, want %v with %d types", name, err, c.want, c.too)
		}
	}
	if policy.Check(hospital, "hospital-admission", day) == nil {
		t.Error("a request for nothing is allowed")
	}
}

func TestPurposesThatAreRefused(t *testing.T) {
	for want, change := range map[string]func(*trust.Purpose){
		"Agency or Name":  func(u *trust.Purpose) { u.Agency = "" },
		"Claims is empty": func(u *trust.Purpose) { u.Claims = nil },
		"without claims":  func(u *trust.Purpose) { u.Claims = map[string][]disclosure.Path{idType: nil} },
		"malformed path":  func(u *trust.Purpose) { u.Claims[idType] = []disclosure.Path{{1.5}} },
	} {
		u := admission()
		change(&u)
		if _, err := trust.NewPolicy(u); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	if _, err := trust.NewPolicy(admission(), admission()); err == nil {
		t.Error("one purpose twice")
	}
}

// A wallet finds where an agency may have answers sent to, as long as the entry holds.
func TestPurposesOfAnAgency(t *testing.T) {
	day := time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)
	u, login := admission(), admission()
	u.Until, u.Hosts = day.AddDate(1, 0, 0), []string{"verify.hospital.example:8443"}
	login.Name = "login"
	policy, err := trust.NewPolicy(login, u)
	if err != nil {
		t.Fatal(err)
	}
	u.Hosts[0] = "stranger.example"
	if got := policy.Purposes(hospital, day); len(got) != 2 || got[0].Name != "hospital-admission" || got[0].Hosts[0] != "verify.hospital.example:8443" || got[0].Basis == "" {
		t.Errorf("%+v", got)
	}
	if got := policy.Purposes(hospital, u.Until); len(got) != 1 || got[0].Name != "login" {
		t.Errorf("a year later: %+v", got)
	}
	if got := policy.Purposes("https://stranger.example", day); got != nil {
		t.Errorf("%+v", got)
	}
	for _, host := range []string{"https://hospital.example", "Hospital.example", "hospital.example/answer", "hospital.example:443", "", "a@hospital.example"} {
		u := admission()
		u.Hosts = []string{host}
		if _, err := trust.NewPolicy(u); err == nil || !strings.Contains(err.Error(), "Hosts") {
			t.Errorf("%q: %v", host, err)
		}
	}
	d, err := trust.ParseDocument([]byte(`{"format":"khyer-trust/1","expires":"2026-11-25T00:00:00Z","purposes":[{"agency":"https://hospital.example","name":"ekyc","hosts":["hospital.example"],"claims":{"x":[["a"]]}}]}`))
	if err != nil {
		t.Fatal(err)
	}
	if policy, err = d.Policy(); err != nil {
		t.Fatal(err)
	}
	if got := policy.Purposes(hospital, day); len(got) != 1 || got[0].Hosts[0] != "hospital.example" {
		t.Errorf("%+v", got)
	}
	if got := policy.Purposes(hospital, d.Expires); got != nil {
		t.Errorf("a list that has expired: %+v", got)
	}
}
