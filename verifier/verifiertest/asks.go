package verifiertest

import (
	"testing"
	"time"

	"github.com/khyer/khyer/disclosure"
	"github.com/khyer/khyer/verifier"
	"github.com/khyer/khyer/verifier/trust"
)

// AsksNoMore fails the test if a request asks for more than its purpose allows, and names each claim too many: an agency puts what its service
// expects into it, so that its build fails before a citizen is asked. The agency is each request's Audience. Of a request for several cards
// every credential query is checked with all its claims, for each type that it takes; one that takes any type asks for too much.
func AsksNoMore(t testing.TB, policy *trust.Policy, purpose string, requests ...verifier.Expect) {
	t.Helper()
	if len(requests) == 0 {
		t.Error("no request was given to check")
	}
	for _, e := range requests {
		if err := policy.Check(e.Audience, purpose, time.Now(), asked(e)...); err != nil {
			t.Error(err)
		}
	}
}

func asked(e verifier.Expect) (all []trust.Asked) {
	if e.Query == nil || e.Type != "" || len(e.Claims) > 0 { // with both, which no Verifier takes, both are checked
		all = append(all, trust.Asked{Type: e.Type, Claims: e.Claims})
	}
	if e.Query == nil {
		return all
	}
	for _, c := range e.Query.Credentials {
		paths := make([]disclosure.Path, 0, len(c.Claims))
		for _, claim := range c.Claims {
			paths = append(paths, claim.Path)
		}
		if len(c.Types) == 0 { // no policy allows a type without a name
			all = append(all, trust.Asked{Claims: paths})
		}
		for _, vct := range c.Types {
			all = append(all, trust.Asked{Type: vct, Claims: paths})
		}
	}
	return all
}
