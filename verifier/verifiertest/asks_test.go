package verifiertest_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/khyer/khyer/disclosure"
	"github.com/khyer/khyer/verifier"
	"github.com/khyer/khyer/verifier/trust"
	"github.com/khyer/khyer/verifier/verifiertest"
)

// recorder is a testing.TB that keeps what it is told.
type recorder struct {
	testing.TB
	said []string
}

func (r *recorder) Helper()           {}
func (r *recorder) Error(args ...any) { r.said = append(r.said, fmt.Sprint(args...)) }

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
