package verifiertest

import (
	"testing"
	"time"

	"github.com/khyer/khyer/verifier"
	"github.com/khyer/khyer/verifier/trust"
)

// AsksNoMore fails the test if a request asks for more than its purpose allows, and names each claim too many: an agency puts what its service
// expects into it, so that its build fails before a citizen is asked. The agency is each request's Audience.
func AsksNoMore(t testing.TB, policy *trust.Policy, purpose string, requests ...verifier.Expect) {
	t.Helper()
	if len(requests) == 0 {
		t.Error("no request was given to check")
	}
	for _, e := range requests {
		if err := policy.Check(e.Audience, purpose, time.Now(), trust.Asked{Type: e.Type, Claims: e.Claims}); err != nil {
			t.Error(err)
		}
	}
}
