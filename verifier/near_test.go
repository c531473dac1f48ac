package verifier_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/khyer/khyer/disclosure"
	"github.com/khyer/khyer/verifier"
)

// Real cards have names with spaces at the end, and requests have other spellings: the rejection says so.
func TestNearMissIsSaid(t *testing.T) {
	type p = disclosure.Path
	for _, c := range []struct {
		has   string
		asked p
		near  p
	}{
		{"Department ", p{"Department"}, p{"Department "}},
		{"Department", p{"Department "}, p{"Department"}},
		{"Department", p{"department"}, p{"Department"}},
		{"Date  of Issue", p{"Date of Issue"}, p{"Date  of Issue"}},
		{"Date\u00a0of Issue", p{"date of issue"}, p{"Date\u00a0of Issue"}}, // a space that breaks no line
		{"Date of\tIssue", p{"Date of Issue"}, p{"Date of\tIssue"}},
		{"Dept\u200bName", p{"DeptName"}, p{"Dept\u200bName"}},       // a space of no width
		{"Caf\u00e9", p{"Cafe\u0301"}, p{"Caf\u00e9"}},               // one character, and two
		{"Cafe\u0301", p{"CAF\u00c9"}, p{"Cafe\u0301"}},              // in capitals too
		{"\u0f43\u0f0c", p{"\u0f42\u0fb7\u0f0b"}, p{"\u0f43\u0f0c"}}, // Tibetan script: GHA in both forms, and both kinds of tsheg
		{"\u0f73", p{"\u0f71\u0f72"}, p{"\u0f73"}},                   // a vowel sign in both forms
		{"Department ", p{"Department", "Name"}, nil},                // near, but a text has no members
		{"Department ", p{"Departments"}, nil},                       // another word
		{"Cafe", p{"Caf\u00e9"}, nil},                                // another letter
		{"\u0f40\u0f72", p{"\u0f40\u0f74"}, nil},                     // another vowel
		{"Department ", p{"Department", nil}, nil},                   // no list
		{"Department ", p{"home", "gewog"}, p{"Home", "Gewog"}},      // inside an object, both
		{"Department ", p{"Home", "GEWOG"}, p{"Home", "Gewog"}},      // the second
		{"Department ", p{"Home", "Village"}, nil},                   // not there at all
		{"Department ", p{"date of birth"}, nil},                     // on the card, but not shown
		{"Department ", p{"_SD"}, nil},                               // no claim
		{"Department ", p{"FULL NAME"}, p{"Full Name"}},              // an ordinary one
		{"Department ", p{"Children", 0}, nil},                       // hidden: no name is wrong
	} {
		w := newWorld(t)
		w.hidden = map[string]any{c.has: "MARKER"}
		w.reveal = []disclosure.Path{{"Full Name"}, {"Home"}, {"Home", "Gewog"}}
		w.expect.Claims = []disclosure.Path{{"vct"}, c.asked}
		rej := w.rejected(verifier.ClaimMissing, false)
		if !reflect.DeepEqual(rej.Near, c.near) || !reflect.DeepEqual(rej.Path, c.asked) {
			t.Errorf("%q: asked for %v, near is %v, want %v", c.has, c.asked, rej.Near, c.near)
		}
		if text := rej.Error(); strings.Contains(text, "MARKER") || c.near != nil && !strings.Contains(text, "the card has "+c.near.String()) {
			t.Errorf("%s", text)
		}
	}
}

// In the clear, too; and a rejection for another reason has nothing to say.
func TestNearMissInTheClear(t *testing.T) {
	w := newWorld(t)
	w.claims = map[string]any{"Blood Group ": "B+"}
	w.expect.Claims = []disclosure.Path{{"Blood group"}}
	if rej := w.rejected(verifier.ClaimMissing, false); !reflect.DeepEqual(rej.Near, disclosure.Path{"Blood Group "}) {
		t.Errorf("%v", rej.Near)
	}
	w = newWorld(t)
	w.expect.Claims, w.expect.RefuseSurplus = []disclosure.Path{{"ID Number"}}, true
	if rej := w.rejected(verifier.SurplusClaims, false); rej.Near != nil {
		t.Errorf("%v", rej.Near)
	}
}
