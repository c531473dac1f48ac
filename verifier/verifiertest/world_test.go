package verifiertest_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/khyer/khyer/credential"
	"github.com/khyer/khyer/credential/status"
	"github.com/khyer/khyer/disclosure"
	"github.com/khyer/khyer/disclosure/dcql"
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

// TestCardOfAnotherWorld is a stranger's, though its issuer has the same name and place.
func TestCardOfAnotherWorld(t *testing.T) {
	here, there := verifiertest.NewWorld(t), verifiertest.NewWorld(t)
	here.NewIssuer("Example Civil Registry", nil, idCard)
	card := there.NewIssuer("Example Civil Registry", nil, idCard).Issue(there.NewHolder(), idCard, map[string]string{"Full Name": "x"}, nil)
	service := &admission{v: here.Verifier()}
	e := service.request()
	_, err := service.admit(t, card.Present(e), e)
	var rejection *verifier.Rejection
	if !errors.As(err, &rejection) || rejection.Reason != trust.IssuerNotTrusted {
		t.Errorf("%v", err)
	}
}

// TestPresentShowsWhatTheCardHas: a service is to meet cards that lack what it asks for.
func TestPresentShowsWhatTheCardHas(t *testing.T) {
	w := verifiertest.NewWorld(t)
	card := w.NewIssuer("Example Civil Registry", nil, idCard).Issue(w.NewHolder(), idCard, map[string]string{"Full Name": "x"}, nil)
	service := &admission{v: w.Verifier()}
	e := service.request()
	e.Claims = append(e.Claims, disclosure.Path{"Blood Group"})
	_, err := service.admit(t, card.Present(e), e)
	var rejection *verifier.Rejection
	if !errors.As(err, &rejection) || rejection.Reason != verifier.ClaimMissing || len(rejection.Path) != 1 || rejection.Path[0] != "Blood Group" {
		t.Errorf("%v", err)
	}
}

// TestPresentAnswersAQuery: the claims of the first claim set that the card has, and no others.
func TestPresentAnswersAQuery(t *testing.T) {
	w := verifiertest.NewWorld(t)
	registry := w.NewIssuer("Example Civil Registry", nil, idCard)
	citizen := w.NewHolder()
	claims := map[string]string{"Full Name": "Pema Example", "ID Number": "10000000001", "Gender": "female"}
	card := registry.Issue(citizen, idCard, claims, nil)
	other := registry.Issue(citizen, "https://registry.example/types/other", claims, nil)
	query, err := dcql.Parse([]byte(`{"credentials":[
		{"id":"permit","format":"dc+sd-jwt","meta":{"vct_values":["https://registry.example/types/permit"]},"claims":[{"path":["Gender"]}]},
		{"id":"id","format":"dc+sd-jwt","meta":{"vct_values":["` + idCard + `"]},
			"claims":[{"id":"a","path":["Address"]},{"id":"b","path":["Full Name"]},{"id":"c","path":["ID Number"]}],
			"claim_sets":[["a","b"],["b","c"]]}],
		"credential_sets":[{"options":[["id"]]},{"options":[["permit"]],"required":false}]}`))
	if err != nil {
		t.Fatal(err)
	}
	e := verifier.Expect{Audience: "https://hospital.example", Nonce: "nonce 1", Query: query, RefuseSurplus: true}
	res, err := w.Verifier().VerifyAnswer(t.Context(), verifier.Answer{"id": {card.Present(e)}}, e)
	if err != nil {
		t.Fatal(err)
	}
	if len(res.Cards) != 1 {
		t.Fatalf("%d cards", len(res.Cards))
	}
	for name, want := range map[string]string{"Full Name": "Pema Example", "ID Number": "10000000001", "Gender": ""} {
		if got, _ := res.Cards[0].Text(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	poor := registry.Issue(citizen, idCard, map[string]string{"Full Name": "Pema Example", "Gender": "female"}, nil)
	for name, c := range map[string]struct {
		card  *verifiertest.Card
		shown int
	}{"a card that lacks something": {poor, 1}, "a card nobody asked for": {other, 0}} {
		if got := bytes.Count(c.card.Present(e), []byte("~")) - 1; got != c.shown {
			t.Errorf("%s shows %d claims, want %d", name, got, c.shown)
		}
	}
}

// TestHospitalAsksForTooMuch is how an agency sees in its own tests that a request asks for more than its purpose allows; a card is revoked meanwhile.
func TestHospitalAsksForTooMuch(t *testing.T) {
	r := &recorder{TB: t}
	w := verifiertest.NewWorld(r)
	registry := w.NewIssuer("Example Civil Registry", nil, idCard)
	card := registry.Issue(w.NewHolder(), idCard, map[string]string{"Full Name": "Pema Example", "Blood Group": "O+", "Tax Number": "x"}, nil)
	hospital := w.NewAgency("https://hospital.example",
		trust.Purpose{Name: "hospital-admission", Claims: map[string][]disclosure.Path{idCard: {{"Full Name"}, {"Blood Group"}}}, Until: w.Now().Add(24 * time.Hour)},
		trust.Purpose{Name: "login", Claims: map[string][]disclosure.Path{idCard: {{"Full Name"}}}})
	v := w.Verifier()
	verify := func(e verifier.Expect) error {
		_, err := v.Verify(t.Context(), card.Present(e), e)
		return err
	}
	if err := verify(hospital.Request("hospital-admission", idCard, disclosure.Path{"Blood Group"})); err != nil {
		t.Error(err)
	}
	if len(r.said) > 0 {
		t.Fatalf("%q", r.said)
	}
	hospital.Request("hospital-admission", idCard, disclosure.Path{"Full Name"}, disclosure.Path{"Tax Number"})
	hospital.Request("login", idCard, disclosure.Path{"Blood Group"})
	hospital.Request("ekyc", idCard, disclosure.Path{"Full Name"})
	w.Sleep(25 * time.Hour)
	hospital.Request("hospital-admission", idCard, disclosure.Path{"Full Name"})
	for n, want := range []string{`: "Tax Number"`, `: "Blood Group"`, "purpose_unknown", "purpose_unknown"} {
		if len(r.said) != 4 || !strings.Contains(r.said[n], want) || n == 0 && strings.Contains(r.said[n], "Full Name") {
			t.Fatalf("%q, want %q", r.said, want)
		}
	}
	registry.SetStatus(card, status.Revoked)
	if err := verify(hospital.Request("login", idCard, disclosure.Path{"Full Name"})); !errors.Is(err, verifier.CardRevoked) {
		t.Error(err)
	}
}

// TestCitizenAuthorizesAPayment: with the card that the payment names first, whatever hash the request names; and not another payment.
func TestCitizenAuthorizesAPayment(t *testing.T) {
	w := verifiertest.NewWorld(t)
	card := w.NewIssuer("Example Civil Registry", nil, idCard).Issue(w.NewHolder(), idCard, map[string]string{"Full Name": "Pema Example"}, nil)
	query, err := dcql.Parse([]byte(`{"credentials":[{"id":"id","format":"dc+sd-jwt","meta":{"vct_values":["` + idCard + `"]},"claims":[{"path":["Full Name"]}]}]}`))
	if err != nil {
		t.Fatal(err)
	}
	pay := func(more string) string {
		return base64.RawURLEncoding.EncodeToString([]byte(`{"type":"https://revenue.example/payment","credential_ids":["id"]` + more + `}`))
	}
	for n, sent := range [][]string{{pay("")}, {pay(`,"transaction_data_hashes_alg":["sha-512","sha-384"]`)}, {pay(`,"transaction_data_hashes_alg":["sha-384"]`)}, {pay(`,"transaction_data_hashes_alg":["sha-512","sha-256"]`), pay(`,"to":"school"`)}} {
		single := verifier.Expect{Audience: "https://revenue.example", Nonce: fmt.Sprint("single ", n), Type: idCard, Claims: []disclosure.Path{{"Full Name"}}, TransactionData: sent}
		several := verifier.Expect{Audience: single.Audience, Nonce: fmt.Sprint("several ", n), Query: query, TransactionData: sent}
		one, err := w.Verifier().Verify(t.Context(), card.Present(single), single)
		if err != nil || len(one.Cards[0].Transactions) != len(sent) {
			t.Errorf("%d: %v", n, err)
		}
		all, err := w.Verifier().VerifyAnswer(t.Context(), verifier.Answer{"id": {card.Present(several)}}, several)
		if err != nil || len(all.Cards[0].Transactions) != len(sent) {
			t.Errorf("%d: %v", n, err)
		}
		shown := card.Present(single)
		single.TransactionData = []string{pay(`,"to":"thief"`)}
		if _, err := w.Verifier().Verify(t.Context(), shown, single); !errors.Is(err, verifier.TransactionDataMismatch) {
			t.Errorf("%d: another payment: %v", n, err)
		}
	}
}
