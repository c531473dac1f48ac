package main

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/khyer/khyer/internal/strictjson"
	"github.com/khyer/khyer/testvectors"
	"github.com/khyer/khyer/verifier"
)

// asVerification reads the request of a vector of vc.verify; ok is false for other vectors.
func asVerification(t *testing.T, v testvectors.Vector) (q verification, ok bool) {
	t.Helper()
	if v.Op != "vc.verify" {
		return q, false
	}
	value, err := strictjson.Parse(v.Request, strictjson.Limits{Bytes: maxLine, Depth: 256})
	if err != nil {
		t.Fatal(v.Name, err)
	}
	r := &request{v: value}
	if q, err = r.verification(); err != nil || r.err != nil {
		return q, false // a request that cannot be used
	}
	return q, true
}

// TestExplainFindsWhatVerifyDoes: among the findings is the reason of every vector that is not accepted, and there are none for those that
// are.
func TestExplainFindsWhatVerifyDoes(t *testing.T) {
	verdicts, several := map[string]int{}, 0
	for _, v := range vectors(t) {
		q, ok := asVerification(t, v)
		if !ok || q.again { // Explain uses up no nonce
			continue
		}
		check, err := verifier.New(q.config)
		if err != nil {
			t.Fatal(v.Name, err)
		}
		want := decode(t, v.Expect)
		found := q.explain(check)
		verdicts[text(want["verdict"])]++
		switch {
		case want["verdict"] == "error":
			if len(found) != 1 || found[0].Reason != "caller_error" {
				t.Errorf("%s: %v", v.Name, found)
			}
		case want["verdict"] == "accept":
			if len(found) > 0 {
				t.Errorf("%s is accepted, and Explain finds %v", v.Name, found)
			}
		default:
			open := want["verdict"] == "inconclusive"
			if !slices.ContainsFunc(found, func(f verifier.Finding) bool {
				return string(f.Reason) == want["reason"] && f.Inconclusive == open && f.Section != ""
			}) {
				t.Errorf("%s: %v, want %s among them", v.Name, found, want["reason"])
			}
		}
		if len(found) > 1 {
			several++
			t.Logf("%s: %v", v.Name, reasonsOf(found))
		}
	}
	if verdicts["reject"] < 100 || verdicts["accept"] < 30 || verdicts["inconclusive"] < 10 {
		t.Errorf("looked only at %v", verdicts)
	}
	t.Logf("%v, %d with several findings", verdicts, several)
}

func (q verification) explain(v *verifier.Verifier) []verifier.Finding {
	if q.want.Query != nil {
		return v.ExplainAnswer(context.Background(), q.answer, q.want)
	}
	return v.Explain(context.Background(), q.presentation, q.want)
}

func reasonsOf(found []verifier.Finding) string {
	var out []string
	for _, f := range found {
		out = append(out, string(f.Reason))
	}
	return strings.Join(out, " ")
}

// TestNothingIsSaidOfCardsThatNobodySigned: what a citizen is told of a rejection that a stranger can cause is that something could not be read.
func TestNothingIsSaidOfCardsThatNobodySigned(t *testing.T) {
	told := map[string]bool{}
	for _, v := range vectors(t) {
		want := decode(t, v.Expect)
		if v.Op != "vc.verify" || want["verdict"] != "reject" {
			continue
		}
		i := verifier.Describe(verifier.Reason(text(want["reason"])))
		if got := ask(t, v.Op, v.Request); got["unauthenticated"] == true && !strings.Contains(i.English, "could not be read") {
			t.Errorf("%s: %s: %q", v.Name, i.Reason, i.English)
		}
		told[string(i.Reason)] = true
	}
	if len(told) < 40 {
		t.Errorf("only %d reasons", len(told))
	}
}
