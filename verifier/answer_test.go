package verifier_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/khyer/khyer/credential"
	"github.com/khyer/khyer/credential/status"
	"github.com/khyer/khyer/disclosure"
	"github.com/khyer/khyer/disclosure/dcql"
	"github.com/khyer/khyer/verifier"
	"github.com/khyer/khyer/verifier/trust"
	"github.com/khyer/khyer/verifier/verifiertest"
)

const (
	marriageCard = "https://registry.example/types/marriage"
	civil        = "https://civil.example"
)

// birth asks for what registering a birth needs: both parents' IDs and their marriage, or a guardian's ID.
func birth(t testing.TB) *dcql.Query {
	t.Helper()
	q, err := dcql.Parse([]byte(`{"credentials":[
		{"id":"mother","format":"dc+sd-jwt","meta":{"vct_values":["` + idCard + `"]},"claims":[{"path":["ID Number"]},{"path":["Gender"],"values":["Female"]}]},
		{"id":"father","format":"dc+sd-jwt","meta":{"vct_values":["` + idCard + `"]},"claims":[{"path":["ID Number"]}]},
		{"id":"marriage","format":"dc+sd-jwt","meta":{"vct_values":["` + marriageCard + `"]},"claims":[{"path":["Wife"]},{"path":["Husband"]}]},
		{"id":"guardian","format":"dc+sd-jwt","meta":{"vct_values":["` + idCard + `"]},
			"claims":[{"id":"n","path":["Full Name"]},{"id":"i","path":["ID Number"]}],"claim_sets":[["i"],["n"]]}],
		"credential_sets":[{"options":[["mother","father","marriage"],["guardian"]]}]}`))
	if err != nil {
		t.Fatal(err)
	}
	return q
}

// family is two parents with their cards in one wallet each, and a registry.
type family struct {
	w                        *verifiertest.World
	registry                 *verifiertest.Issuer
	mother, father, marriage *verifiertest.Card
	expect                   verifier.Expect
	v                        *verifier.Verifier
}

func newFamily(t testing.TB) *family {
	f := &family{w: verifiertest.NewWorld(t)}
	f.registry = f.w.NewIssuer("Example Civil Registry", nil, idCard, marriageCard)
	deki, karma := f.w.NewHolder(), f.w.NewHolder()
	f.mother = f.registry.Issue(deki, idCard, map[string]any{"Full Name": "Deki Example", "ID Number": "10000000001", "Gender": "Female"}, nil)
	f.father = f.registry.Issue(karma, idCard, map[string]any{"Full Name": "Karma Example", "ID Number": "10000000002", "Gender": "Male"}, nil)
	f.marriage = f.registry.Issue(deki, marriageCard, map[string]any{"Wife": "10000000001", "Husband": "10000000002", "Place": "Punakha"}, nil)
	f.expect = verifier.Expect{
		Audience: civil, Nonce: "nonce", Query: birth(t), DifferentHolders: true,
		Linked: [][]verifier.Link{
			{{Query: "mother", Path: disclosure.Path{"ID Number"}}, {Query: "marriage", Path: disclosure.Path{"Wife"}}},
			{{Query: "father", Path: disclosure.Path{"ID Number"}}, {Query: "marriage", Path: disclosure.Path{"Husband"}}},
		},
	}
	f.v = f.w.Verifier()
	return f
}

// show presents claims of a card for the family's request.
func (f *family) show(c *verifiertest.Card, claims ...string) [][]byte {
	e := verifier.Expect{Audience: f.expect.Audience, Nonce: f.expect.Nonce}
	for _, name := range claims {
		e.Claims = append(e.Claims, disclosure.Path{name})
	}
	return [][]byte{c.Present(e)}
}

func (f *family) answer() verifier.Answer {
	return verifier.Answer{"mother": f.show(f.mother, "ID Number", "Gender"), "father": f.show(f.father, "ID Number"), "marriage": f.show(f.marriage, "Wife", "Husband")}
}

func TestAnswerOfSeveralCards(t *testing.T) {
	f := newFamily(t)
	res, err := f.v.VerifyAnswer(t.Context(), f.answer(), f.expect)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range res.Cards {
		number, _ := c.Claim(disclosure.Path{"ID Number"})
		wife, _ := c.Claim(disclosure.Path{"Wife"})
		got = append(got, fmt.Sprintf("%s %s %s%s", c.Query, strings.TrimPrefix(c.Type, "https://registry.example/types/"), number, wife))
	}
	want := []string{`mother foundational-id "10000000001"`, `father foundational-id "10000000002"`, `marriage marriage "10000000001"`}
	if !slices.Equal(got, want) || len(res.Skipped) != 0 {
		t.Errorf("%q, want %q; skipped %v", got, want, res.Skipped)
	}
	if _, err := res.Text("ID Number"); err == nil {
		t.Error("Text of several cards")
	}
	if text, err := res.Cards[1].Text("ID Number"); err != nil || text != "10000000002" {
		t.Errorf("%q, %v", text, err)
	}
	var misuse *verifier.Misuse
	if _, err := res.Cards[1].Text("Gender"); !errors.As(err, &misuse) {
		t.Errorf("a claim that was not asked for: %v", err)
	}
	// The nonce is used up for the whole.
	if _, err := f.v.VerifyAnswer(t.Context(), f.answer(), f.expect); !errors.Is(err, verifier.Replayed) {
		t.Errorf("again: %v", err)
	}
}

// TestAnswersThatAreRefused: each answer is acceptable but for one thing.
func TestAnswersThatAreRefused(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*family, verifier.Answer)
		want   verifier.Reason
		query  string
	}{
		"the other option": {func(f *family, a verifier.Answer) {
			clear(a)
			a["guardian"] = f.show(f.father, "ID Number")
			f.expect.Linked = f.expect.Linked[:0]
			f.expect.DifferentHolders = false
		}, "", ""},
		"its second claim set": {func(f *family, a verifier.Answer) {
			clear(a)
			a["guardian"] = f.show(f.father, "Full Name")
			f.expect.Linked = f.expect.Linked[:0]
			f.expect.DifferentHolders = false
		}, "", ""},
		"neither claim set":    {func(f *family, a verifier.Answer) { clear(a); a["guardian"] = f.show(f.father, "Gender") }, dcql.NotSatisfied, "guardian"},
		"without the marriage": {func(f *family, a verifier.Answer) { delete(a, "marriage") }, dcql.NotSatisfied, ""},
		"nothing":              {func(f *family, a verifier.Answer) { clear(a) }, dcql.NotSatisfied, ""},
		"an empty list":        {func(f *family, a verifier.Answer) { clear(a); a["guardian"] = nil }, dcql.NotSatisfied, ""},
		"to no query":          {func(f *family, a verifier.Answer) { a["aunt"] = f.show(f.mother, "ID Number") }, dcql.NotAskedFor, ""},
		"two mothers":          {func(f *family, a verifier.Answer) { a["mother"] = append(a["mother"], a["mother"]...) }, dcql.NotAskedFor, ""},
		"another value":        {func(f *family, a verifier.Answer) { a["mother"] = f.show(f.father, "ID Number", "Gender") }, dcql.NotSatisfied, "mother"},
		"a claim too few":      {func(f *family, a verifier.Answer) { a["marriage"] = f.show(f.marriage, "Wife") }, verifier.ClaimMissing, "marriage"},
		"another type":         {func(f *family, a verifier.Answer) { a["father"] = f.show(f.marriage, "Wife") }, verifier.TypeMismatch, "father"},
		"another couple": {func(f *family, a verifier.Answer) {
			other := f.registry.Issue(f.w.NewHolder(), marriageCard, map[string]any{"Wife": "10000000001", "Husband": "10000000003"}, nil)
			a["marriage"] = f.show(other, "Wife", "Husband")
		}, verifier.LinkedClaimsDiffer, "marriage"},
		"two wallets": {func(f *family, a verifier.Answer) { f.expect.DifferentHolders = false }, verifier.HoldersDiffer, ""},
		"one of another request": {func(f *family, a verifier.Answer) {
			f.expect.Nonce = "another"
			a["father"] = f.show(f.father, "ID Number")
			f.expect.Nonce = "nonce"
		}, credential.NonceMismatch, "father"},
		"one without its holder": {func(f *family, a verifier.Answer) {
			p := a["father"][0]
			a["father"][0] = p[:strings.LastIndexByte(string(p), '~')+1]
		}, credential.BindingMissing, "father"},
		"one revoked": {func(f *family, a verifier.Answer) { f.registry.SetStatus(f.marriage, status.Revoked) }, verifier.CardRevoked, "marriage"},
		"one of nobody's issuer": {func(f *family, a verifier.Answer) {
			i := f.w.NewIssuer("Example Health", nil, "https://health.example/types/card")
			a["father"] = f.show(i.Issue(f.w.NewHolder(), idCard, map[string]any{"ID Number": "10000000002"}, nil), "ID Number")
		}, trust.TypeNotAccredited, "father"},
		"half of the other option": {func(f *family, a verifier.Answer) {
			delete(a, "marriage")
			a["guardian"] = f.show(f.father, "ID Number")
		}, dcql.NotAskedFor, ""},
		"a stranger beside the family": {func(f *family, a verifier.Answer) { a["guardian"] = f.show(f.stranger(), "ID Number") }, verifier.HoldersDiffer, ""},
		"surplus that is refused": {func(f *family, a verifier.Answer) {
			f.expect.RefuseSurplus = true
			a["father"] = f.show(f.father, "ID Number", "Full Name")
		}, verifier.SurplusClaims, "father"},
	} {
		f := newFamily(t)
		a := f.answer()
		c.change(f, a)
		res, err := f.v.VerifyAnswer(t.Context(), a, f.expect)
		if c.want == "" {
			if err != nil || len(res.Cards) != 1 {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		var rejection *verifier.Rejection
		if res != nil || !errors.As(err, &rejection) || rejection.Reason != c.want || rejection.Query != c.query {
			t.Errorf("%s: %+v, want %s at %q", name, rejection, c.want, c.query)
			continue
		}
		// A refused answer has not used the nonce up.
		f.expect = newFamilyExpect(f.expect)
		if c.want != verifier.CardRevoked {
			if _, err := f.v.VerifyAnswer(t.Context(), f.answer(), f.expect); err != nil {
				t.Errorf("%s, the right answer afterwards: %v", name, err)
			}
		}
	}
}

// newFamilyExpect takes back what a case changed in a request.
func newFamilyExpect(e verifier.Expect) verifier.Expect {
	e.DifferentHolders, e.RefuseSurplus = true, false
	return e
}

func TestSameHolder(t *testing.T) {
	f := newFamily(t)
	q, err := dcql.Parse([]byte(`{"credentials":[
		{"id":"id","format":"dc+sd-jwt","meta":{"vct_values":["` + idCard + `"]},"claims":[{"path":["ID Number"]}]},
		{"id":"marriage","format":"dc+sd-jwt","meta":{"vct_values":["` + marriageCard + `"]}}]}`))
	if err != nil {
		t.Fatal(err)
	}
	f.expect = verifier.Expect{Audience: civil, Nonce: "nonce", Query: q}
	res, err := f.v.VerifyAnswer(t.Context(), verifier.Answer{"id": f.show(f.mother, "ID Number"), "marriage": f.show(f.marriage)}, f.expect)
	if err != nil || len(res.Cards) != 2 || len(res.Cards[1].Surplus) != 0 {
		t.Errorf("%v", err)
	}
	f.expect.Nonce = "another"
	_, err = f.v.VerifyAnswer(t.Context(), verifier.Answer{"id": f.show(f.father, "ID Number"), "marriage": f.show(f.marriage)}, f.expect)
	if !errors.Is(err, verifier.HoldersDiffer) {
		t.Errorf("somebody else's marriage: %v", err)
	}
}

// stranger is the card of somebody whom nothing ties to the family.
func (f *family) stranger() *verifiertest.Card {
	return f.registry.Issue(f.w.NewHolder(), idCard, map[string]any{"Full Name": "Stranger Example", "ID Number": "10000000099", "Gender": "Male"}, nil)
}

// TestCardsThatNothingTiesTogether: where holders may differ, links and keys make one group of all cards that are shown.
func TestCardsThatNothingTiesTogether(t *testing.T) {
	f := newFamily(t)
	q, err := dcql.Parse([]byte(`{"credentials":[
		{"id":"a","format":"dc+sd-jwt","meta":{"vct_values":["` + idCard + `"]},"claims":[{"path":["ID Number"]}]},
		{"id":"b","format":"dc+sd-jwt","meta":{"vct_values":["` + idCard + `"]},"claims":[{"path":["ID Number"]}]},
		{"id":"c","format":"dc+sd-jwt","meta":{"vct_values":["` + idCard + `"]},"claims":[{"path":["ID Number"]}]}],
		"credential_sets":[{"options":[["a"],["b"],["c"]]}]}`))
	if err != nil {
		t.Fatal(err)
	}
	link := func(queries ...string) (out []verifier.Link) {
		for _, id := range queries {
			out = append(out, verifier.Link{Query: id, Path: disclosure.Path{"ID Number"}})
		}
		return out
	}
	f.expect.Query = q
	again := f.registry.Issue(f.w.NewHolder(), idCard, map[string]any{"ID Number": "10000000001"}, nil)
	third := f.registry.Issue(f.w.NewHolder(), idCard, map[string]any{"ID Number": "10000000001"}, nil)
	for name, c := range map[string]struct {
		linked [][]verifier.Link
		shown  map[string]*verifiertest.Card
		want   error
	}{
		"one card":                   {[][]verifier.Link{link("a", "b")}, map[string]*verifiertest.Card{"c": f.father}, nil},
		"a link":                     {[][]verifier.Link{link("a", "b")}, map[string]*verifiertest.Card{"a": f.mother, "b": again}, nil},
		"a chain of links":           {[][]verifier.Link{link("c", "b"), link("a", "b")}, map[string]*verifiertest.Card{"a": f.mother, "b": again, "c": third}, nil},
		"a link over a missing one":  {[][]verifier.Link{link("a", "b", "c")}, map[string]*verifiertest.Card{"a": f.mother, "c": third}, nil},
		"half of each link":          {[][]verifier.Link{link("a", "b"), link("b", "c")}, map[string]*verifiertest.Card{"a": f.mother, "c": third}, verifier.HoldersDiffer},
		"a third that hangs on none": {[][]verifier.Link{link("a", "b")}, map[string]*verifiertest.Card{"a": f.mother, "b": again, "c": third}, verifier.HoldersDiffer},
		"one key":                    {[][]verifier.Link{link("a", "b")}, map[string]*verifiertest.Card{"a": f.mother, "c": f.mother}, nil},
		"a link and a key":           {[][]verifier.Link{link("a", "b")}, map[string]*verifiertest.Card{"a": f.mother, "b": again, "c": again}, nil},
		"two people":                 {[][]verifier.Link{link("a", "b")}, map[string]*verifiertest.Card{"a": f.mother, "b": f.father}, verifier.LinkedClaimsDiffer},
	} {
		f.expect.Nonce, f.expect.Linked = name, c.linked
		answer := verifier.Answer{}
		for id, card := range c.shown {
			answer[id] = f.show(card, "ID Number")
		}
		if _, err := f.v.VerifyAnswer(t.Context(), answer, f.expect); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

// TestCopiesTieNothing: a card without key binding was shown by anybody, so that the key in it ties it to no other.
func TestCopiesTieNothing(t *testing.T) {
	f := newFamily(t)
	q, err := dcql.Parse([]byte(`{"credentials":[
		{"id":"a","format":"dc+sd-jwt","require_cryptographic_holder_binding":false,"meta":{"vct_values":["` + idCard + `"]},"claims":[{"path":["ID Number"]}]},
		{"id":"b","format":"dc+sd-jwt","require_cryptographic_holder_binding":false,"meta":{"vct_values":["` + marriageCard + `"]},"claims":[{"path":["Wife"]}]},
		{"id":"c","format":"dc+sd-jwt","meta":{"vct_values":["` + idCard + `"]},"claims":[{"path":["ID Number"]}]}],
		"credential_sets":[{"options":[["a","b"]]},{"options":[["c"]],"required":false}]}`))
	if err != nil {
		t.Fatal(err)
	}
	f.expect.Query = q
	f.expect.Linked = [][]verifier.Link{{{Query: "a", Path: disclosure.Path{"ID Number"}}, {Query: "c", Path: disclosure.Path{"ID Number"}}}}
	copied := func(shown [][]byte) [][]byte { return [][]byte{shown[0][:bytes.LastIndexByte(shown[0], '~')+1]} }
	answer := verifier.Answer{"a": copied(f.show(f.mother, "ID Number")), "b": copied(f.show(f.marriage, "Wife"))} // one key in both
	if _, err := f.v.VerifyAnswer(t.Context(), answer, f.expect); !errors.Is(err, verifier.HoldersDiffer) {
		t.Errorf("two copies: %v", err)
	}
	answer["c"] = f.show(f.mother, "ID Number")
	if _, err := f.v.VerifyAnswer(t.Context(), answer, f.expect); !errors.Is(err, verifier.HoldersDiffer) {
		t.Errorf("a copy beside a card of its holder: %v", err)
	}
}

// TestLinkOfNothing: that two cards have none of something says nothing about their holders.
func TestLinkOfNothing(t *testing.T) {
	q, err := dcql.Parse([]byte(`{"credentials":[
		{"id":"a","format":"dc+sd-jwt","meta":{"vct_values":["` + idCard + `"]},"claims":[{"path":["Household"]}]},
		{"id":"b","format":"dc+sd-jwt","meta":{"vct_values":["` + idCard + `"]},"claims":[{"path":["Household"]}]}]}`))
	if err != nil {
		t.Fatal(err)
	}
	f := newFamily(t)
	deki, karma := f.w.NewHolder(), f.w.NewHolder()
	f.expect.Query = q
	f.expect.Linked = [][]verifier.Link{{{Query: "a", Path: disclosure.Path{"Household"}}, {Query: "b", Path: disclosure.Path{"Household"}}}}
	for text, want := range map[string]error{
		`null`: verifier.LinkedClaimsDiffer, `""`: verifier.LinkedClaimsDiffer, `" "`: verifier.LinkedClaimsDiffer, `[]`: verifier.LinkedClaimsDiffer,
		`{}`: verifier.LinkedClaimsDiffer, `[null,""]`: verifier.LinkedClaimsDiffer, `{"x":[]}`: verifier.LinkedClaimsDiffer,
		`"7"`: nil, `7`: nil, `[7]`: nil, `{"x":[0]}`: nil,
	} {
		claims := map[string]any{"Household": json.RawMessage(text)}
		one, two := f.registry.Issue(deki, idCard, claims, nil), f.registry.Issue(karma, idCard, claims, nil)
		f.expect.Nonce = text
		_, err := f.v.VerifyAnswer(t.Context(), verifier.Answer{"a": f.show(one, "Household"), "b": f.show(two, "Household")}, f.expect)
		if !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", text, err, want)
		}
	}
}

// TestCopiedCardBesideOnesOwn: a card of somebody else, copied, does not pass because its key binding was cut off where the query asks for none.
func TestCopiedCardBesideOnesOwn(t *testing.T) {
	f := newFamily(t)
	q, err := dcql.Parse([]byte(`{"credentials":[
		{"id":"id","format":"dc+sd-jwt","meta":{"vct_values":["` + idCard + `"]},"claims":[{"path":["ID Number"]}]},
		{"id":"marriage","format":"dc+sd-jwt","require_cryptographic_holder_binding":false,"meta":{"vct_values":["` + marriageCard + `"]},"claims":[{"path":["Wife"]}]}]}`))
	if err != nil {
		t.Fatal(err)
	}
	f.expect = verifier.Expect{Audience: civil, Nonce: "nonce", Query: q}
	marriage := f.show(f.marriage, "Wife") // Deki's
	unbound := [][]byte{marriage[0][:bytes.LastIndexByte(marriage[0], '~')+1]}
	for name, c := range map[string]struct {
		id       *verifiertest.Card
		marriage [][]byte
		want     error
	}{
		"bound":   {f.father, marriage, verifier.HoldersDiffer},
		"cut off": {f.father, unbound, verifier.HoldersDiffer},
		"her own": {f.mother, unbound, nil},
	} {
		_, err := f.v.VerifyAnswer(t.Context(), verifier.Answer{"id": f.show(c.id, "ID Number"), "marriage": c.marriage}, f.expect)
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

func TestAnswersMisuse(t *testing.T) {
	f := newFamily(t)
	for name, change := range map[string]func(*verifier.Expect){
		"no query": func(e *verifier.Expect) { e.Query = nil }, "a type": func(e *verifier.Expect) { e.Type = idCard }, "no nonce": func(e *verifier.Expect) { e.Nonce = "" },
		"claims": func(e *verifier.Expect) { e.Claims = []disclosure.Path{{"x"}} }, "unbound": func(e *verifier.Expect) { e.InsecureUnbound = true },
		"no rule":       func(e *verifier.Expect) { e.Linked = nil },
		"a link of one": func(e *verifier.Expect) { e.Linked = [][]verifier.Link{e.Linked[0][:1]} },
		"a link to no query": func(e *verifier.Expect) {
			e.Linked = [][]verifier.Link{{{Query: "x", Path: disclosure.Path{"y"}}, e.Linked[0][0]}}
		},
		"a link to no claim": func(e *verifier.Expect) {
			e.Linked = [][]verifier.Link{{{Query: "mother", Path: disclosure.Path{"y"}}, e.Linked[0][0]}}
		},
	} {
		e := f.expect
		change(&e)
		var misuse *verifier.Misuse
		if _, err := f.v.VerifyAnswer(t.Context(), f.answer(), e); !errors.As(err, &misuse) {
			t.Errorf("%s: %v", name, err)
		}
	}
	var misuse *verifier.Misuse
	if _, err := f.v.Verify(t.Context(), nil, f.expect); !errors.As(err, &misuse) {
		t.Errorf("Verify with a query: %v", err)
	}
}

// TestEventsOfAnAnswer: one for each card that was accepted, and one for the card at which an answer failed.
func TestEventsOfAnAnswer(t *testing.T) {
	f := newFamily(t)
	var mu sync.Mutex
	var heard []string
	c := f.w.Config()
	c.Observe = func(_ context.Context, e verifier.Event) {
		mu.Lock()
		defer mu.Unlock()
		heard = append(heard, fmt.Sprintf("%s %s %s", e.Verdict, e.Reason, strings.TrimPrefix(e.Type, "https://registry.example/types/")))
	}
	v, err := verifier.New(c)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.VerifyAnswer(t.Context(), f.answer(), f.expect); err != nil {
		t.Fatal(err)
	}
	f.registry.SetStatus(f.marriage, status.Revoked)
	_, _ = v.VerifyAnswer(t.Context(), f.answer(), f.expect)
	want := []string{"accepted  foundational-id", "accepted  foundational-id", "accepted  marriage", "rejected card_revoked marriage"}
	if !slices.Equal(heard, want) {
		t.Errorf("%q, want %q", heard, want)
	}
}
