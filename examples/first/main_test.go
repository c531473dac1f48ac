package main

import (
	"bytes"
	"errors"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/khyer/khyer/disclosure"
)

func TestStory(t *testing.T) {
	var out bytes.Buffer
	if err := story(&out); err != nil {
		t.Fatal(err)
	}
	text := out.String()
	for _, want := range []string{
		`Full Name         ✓ "Pema Example"`, `Blood Group       ✓ "O+"`, "Date of Birth       hidden", "10 claims stayed hidden. Signed by Example Registry.",
		"replayed to a bank   audience_mismatch", "changed            signature_invalid", "self-made issuer              issuer_not_trusted", changeHere,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in:\n%s", want, text)
		}
	}
	if strings.Count(text, "✓") != len(show) || strings.Contains(text, "1990") {
		t.Errorf("the hospital saw more than it asked for:\n%s", text)
	}
}

// The reader may change what is shown, and the story still holds.
func TestOtherClaims(t *testing.T) {
	defer func(asked []disclosure.Path) { show = asked }(show)
	show = []disclosure.Path{{"Allergies", 0}, {"Organ Donor"}, {"Gewog"}}
	var out bytes.Buffer
	if err := story(&out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`✓ "penicillin"`, "✓ true", "9 claims stayed hidden"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in:\n%s", want, out.String())
		}
	}
	show = []disclosure.Path{{"Shoe Size"}}
	if err := story(&out); !errors.Is(err, disclosure.NoSuchClaim) {
		t.Errorf("a claim that the card lacks: %v", err)
	}
}

// The place that the program names last is where the claims are chosen.
func TestNamedLine(t *testing.T) {
	name, number, _ := strings.Cut(strings.TrimPrefix(changeHere, "examples/first/"), ":")
	src, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(number)
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Split(string(src), "\n")[n-1]; !strings.HasPrefix(got, "\tshow ") {
		t.Errorf("%s is %q", changeHere, got)
	}
}
