package verifiertest_test

import (
	"errors"
	"testing"
	"time"

	"github.com/khyer/khyer/credential"
	"github.com/khyer/khyer/credential/status"
	"github.com/khyer/khyer/disclosure"
	"github.com/khyer/khyer/verifier"
	"github.com/khyer/khyer/verifier/trust"
	"github.com/khyer/khyer/verifier/verifiertest"
)

const idCard = "https://registry.example/types/foundational-id"

// admission is a service under test: what a hospital does with what a patient shows.
type admission struct {
	v     *verifier.Verifier
	count int
}

func (a *admission) request() verifier.Expect {
	a.count++
	return verifier.Expect{Audience: "https://hospital.example", Nonce: "nonce " + time.Duration(a.count).String(), Type: idCard, Claims: []disclosure.Path{{"Full Name"}}}
}

// admit returns the patient's name, or why there is none.
func (a *admission) admit(t *testing.T, presentation []byte, e verifier.Expect) (string, error) {
	t.Helper()
	res, err := a.v.Verify(t.Context(), presentation, e)
	if err != nil {
		return "", err
	}
	return res.Text("Full Name")
}

// TestAdmission is how an agency tests its own service.
func TestAdmission(t *testing.T) {
	w := verifiertest.NewWorld(t)
	registry := w.NewIssuer("Example Civil Registry", nil, idCard)
	citizen := w.NewHolder()
	card := registry.Issue(citizen, idCard, map[string]any{"Full Name": "Pema Example", "ID Number": "10000000001"}, nil)
	service := &admission{v: w.Verifier()}

	show := func(want verifier.Reason, wantName string) {
		t.Helper()
		e := service.request()
		name, err := service.admit(t, card.Present(e), e)
		var rejection *verifier.Rejection
		var inconclusive *verifier.Inconclusive
		switch {
		case want == "" && (err != nil || name != wantName):
			t.Errorf("%q %v", name, err)
		case errors.As(err, &rejection) && rejection.Reason == want, errors.As(err, &inconclusive) && inconclusive.Reason == want, want == "":
		default:
			t.Errorf("%v, want %s", err, want)
		}
	}
	show("", "Pema Example")

	for _, f := range verifiertest.Faults() {
		e := service.request()
		_, err := service.admit(t, f.Break(card.Present(e)), e)
		var rejection *verifier.Rejection
		if !errors.As(err, &rejection) || rejection.Reason != f.Want {
			t.Errorf("%s: %v, want %s", f.Name, err, f.Want)
		}
	}

	registry.SetStatus(card, status.Suspended)
	show(verifier.CardSuspended, "")
	registry.SetStatus(card, status.Valid)
	show("", "Pema Example")

	w.Sleep(24 * time.Hour)
	registry.Rotate()
	registry.Retire() // the key that signed the card lapses: its cards are still good
	show("", "Pema Example")
	registry.Suspend()
	show(trust.IssuerSuspended, "")
}

func TestStolenKeys(t *testing.T) {
	for name, c := range map[string]struct {
		steal func(*verifiertest.Issuer)
		want  verifier.Reason
	}{
		"revoked in the DID":         {func(i *verifiertest.Issuer) { i.RevokeKeys(); i.Rotate() }, verifier.IssuerKeyRevoked},
		"declared in the trust list": {func(i *verifiertest.Issuer) { i.Compromise(); i.Rotate() }, verifier.IssuerKeyCompromised},
		"the DID ended":              {(*verifiertest.Issuer).Deactivate, verifier.IssuerDeactivated},
	} {
		w := verifiertest.NewWorld(t)
		registry := w.NewIssuer("Example Civil Registry", nil, idCard)
		citizen := w.NewHolder()
		old := registry.Issue(citizen, idCard, map[string]string{"Full Name": "Pema Example"}, nil)
		w.Sleep(time.Hour)
		c.steal(registry)
		service := &admission{v: w.Verifier()}
		e := service.request()
		_, err := service.admit(t, old.Present(e), e)
		var rejection *verifier.Rejection
		if !errors.As(err, &rejection) || rejection.Reason != c.want {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
		if c.want == verifier.IssuerDeactivated {
			continue
		}
		fresh := registry.Issue(citizen, idCard, map[string]string{"Full Name": "Pema Example"}, nil)
		e = service.request()
		if _, err := service.admit(t, fresh.Present(e), e); err != nil {
			t.Errorf("%s, a new card: %v", name, err)
		}
	}
}

func TestWorldsOddCards(t *testing.T) {
	w := verifiertest.NewWorld(t)
	registry := w.NewIssuer("Example Civil Registry", nil, idCard)
	health := w.NewIssuer("Example Health", func(i *trust.Issuer) { i.LapsedUntil = time.Time{} }, "https://health.example/types/card")
	citizen := w.NewHolder()
	service := &admission{v: w.Verifier()}
	for name, c := range map[string]struct {
		card *verifiertest.Card
		want verifier.Reason
	}{
		"an issuer's card of another's type": {health.Issue(citizen, idCard, map[string]string{"Full Name": "x"}, nil), trust.TypeNotAccredited},
		"another card":                       {health.Issue(citizen, "https://health.example/types/card", map[string]string{"Full Name": "x"}, nil), verifier.TypeMismatch},
	} {
		e := service.request()
		_, err := service.admit(t, c.card.Present(e), e)
		var rejection *verifier.Rejection
		if !errors.As(err, &rejection) || rejection.Reason != c.want {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
	short := registry.Issue(citizen, idCard, map[string]string{"Full Name": "x"}, func(c *credential.Card) { c.Expires = w.Now().Add(time.Hour) })
	w.Sleep(2 * time.Hour)
	e := service.request()
	_, err := service.admit(t, short.Present(e), e)
	var rejection *verifier.Rejection
	if !errors.As(err, &rejection) || rejection.Reason != credential.Expired {
		t.Errorf("an expired card: %v", err)
	}
}
