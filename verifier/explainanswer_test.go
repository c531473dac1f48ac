package verifier_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/khyer/khyer/credential"
	"github.com/khyer/khyer/credential/status"
	"github.com/khyer/khyer/verifier"
)

// told writes findings as "query: reason path".
func told(found []verifier.Finding) (out []string) {
	for _, f := range found {
		s := string(f.Reason)
		if f.Query != "" {
			s = f.Query + ": " + s
		}
		if len(f.Path) > 0 {
			s += " " + f.Path.String()
		}
		out = append(out, s)
	}
	return out
}

// TestExplainAnswer: of each card all that is wrong with it, and then what is wrong with them together.
func TestExplainAnswer(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*family, verifier.Answer)
		want   []string
	}{
		"nothing": {func(*family, verifier.Answer) {}, nil},
		"a card, a claim, a value and another card": {func(f *family, a verifier.Answer) {
			f.registry.SetStatus(f.marriage, status.Revoked)
			a["mother"] = f.show(f.father, "Full Name", "Gender")
			a["father"] = f.show(f.father)
		}, []string{`mother: claim_missing "ID Number"`, `father: claim_missing "ID Number"`, "marriage: card_revoked", "holders_differ"}},
		"another value alone": {func(f *family, a verifier.Answer) { a["mother"] = f.show(f.father, "ID Number", "Gender") },
			[]string{"mother: dcql_not_satisfied", `marriage: linked_claims_differ "Wife"`}},
		"missing, and another that nobody asked for": {func(f *family, a verifier.Answer) {
			delete(a, "marriage")
			a["aunt"] = a["mother"]
		}, []string{"dcql_not_asked_for", "dcql_not_satisfied", "holders_differ"}},
		"two fathers": {func(f *family, a verifier.Answer) { a["father"] = append(a["father"], a["father"]...) },
			[]string{"father: dcql_not_asked_for"}},
		"one request of another nonce, one of nobody": {func(f *family, a verifier.Answer) {
			f.expect.Nonce = "another"
			a["father"] = f.show(f.father, "ID Number")
			f.expect.Nonce = "nonce"
			a["marriage"] = [][]byte{[]byte("x")}
		}, []string{"father: nonce_mismatch", "marriage: sd_jwt_malformed", "holders_differ"}},
		"neither claim set": {func(f *family, a verifier.Answer) {
			clear(a)
			a["guardian"] = f.show(f.father, "Gender")
			f.expect.Linked, f.expect.DifferentHolders, f.expect.RefuseSurplus = nil, false, true
		}, []string{"guardian: dcql_not_satisfied"}},
		"two holders and two transactions": {func(f *family, a verifier.Answer) {
			f.expect.Linked, f.expect.DifferentHolders = nil, false
			f.expect.TransactionData = []string{transaction("", "mother"), transaction(`,"to":"school"`, "father")}
		}, []string{"holders_differ", "transaction_data_missing"}},
		"nothing at all": {func(f *family, a verifier.Answer) { clear(a) }, []string{"dcql_not_satisfied"}},
		"an expired card that was asked for otherwise": {func(f *family, a verifier.Answer) {
			f.w.Sleep(2 * 366 * 24 * time.Hour)
			a["mother"] = f.show(f.marriage, "Wife")
		}, nil},
	} {
		f := newFamily(t)
		a := f.answer()
		c.change(f, a)
		found := f.v.ExplainAnswer(t.Context(), a, f.expect)
		if name == "an expired card that was asked for otherwise" {
			for _, want := range []string{"mother: type_mismatch", "mother: expired", `mother: claim_missing "ID Number"`, `mother: claim_missing "Gender"`, "father: expired", "father: key_binding_too_old"} {
				if !slices.Contains(told(found), want) {
					t.Errorf("%s: %q, want %s among them", name, told(found), want)
				}
			}
		} else if !slices.Equal(told(found), c.want) {
			t.Errorf("%s: %q, want %q", name, told(found), c.want)
		}
		for _, one := range found {
			if one.Section == "" {
				t.Errorf("%s: %s without a section", name, one.Reason)
			}
		}
		_, err := f.v.VerifyAnswer(t.Context(), a, f.expect)
		if (err == nil) != (len(found) == 0) || err != nil && !slices.ContainsFunc(found, func(one verifier.Finding) bool { return errors.Is(err, one.Reason) }) {
			t.Errorf("%s: VerifyAnswer says %v, and ExplainAnswer %q", name, err, told(found))
		}
	}
}

func TestExplainAnswerOfMistakes(t *testing.T) {
	f := newFamily(t)
	bad := f.expect
	bad.Query = nil
	var none *verifier.Verifier
	for _, found := range [][]verifier.Finding{
		f.v.ExplainAnswer(t.Context(), f.answer(), bad), none.ExplainAnswer(t.Context(), f.answer(), f.expect), f.v.ExplainAnswer(t.Context(), nil, verifier.Expect{}),
	} {
		if !slices.Equal(reasons(found), []verifier.Reason{credential.CallerFault}) {
			t.Errorf("%v", found)
		}
	}
	// As many cards as an answer never has cost nothing.
	many := verifier.Answer{"mother": slices.Repeat(f.show(f.mother, "ID Number"), 40)}
	if got := told(f.v.ExplainAnswer(t.Context(), many, f.expect)); !slices.Equal(got, []string{"mother: dcql_not_asked_for", "dcql_not_asked_for"}) {
		t.Errorf("%q", got)
	}
}
