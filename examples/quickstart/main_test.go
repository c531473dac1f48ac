package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/khyer/khyer/credential"
	"github.com/khyer/khyer/did/didethr"
	"github.com/khyer/khyer/disclosure"
	"github.com/khyer/khyer/verifier"
	"github.com/khyer/khyer/verifier/trust"
)

// run tells the story and returns what it printed for programs.
func run(t *testing.T, o options) report {
	t.Helper()
	var out bytes.Buffer
	o.progress = func(string) {}
	if err := story(context.Background(), o, &printer{w: &out, json: true}); err != nil {
		t.Fatal(err)
	}
	var r report
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		t.Fatalf("%v: %s", err, out.String())
	}
	return r
}

func TestStory(t *testing.T) {
	r := run(t, options{finality: "finalized"})
	if len(r.Accepted) != 3 || len(r.NoBirthDate) != 3 || r.Accepted[0].Finality != "finalized" || r.Accepted[0].Block == 0 {
		t.Errorf("%+v", r)
	}
	var shown []string
	for _, s := range r.Accepted {
		for _, c := range s.Claims {
			shown = append(shown, c.String())
		}
	}
	if want := []string{"Full Name: Pema Example", "Blood Group: O+", "Full Name: Pema Example", "ID Number: 10000000001", "ID Number: 10000000001", "age_over_60: true"}; !reflect.DeepEqual(shown, want) {
		t.Errorf("%q", shown)
	}
	var reasons []verifier.Reason
	for _, f := range r.Refused {
		reasons = append(reasons, f.Reason)
		verdict, again := "rejected", ""
		if f.Reason == verifier.ChainUnavailable {
			verdict, again = "inconclusive", "accepted"
		}
		if f.Verdict != verdict || f.Again != again || f.Meaning == "" {
			t.Errorf("%+v", f)
		}
	}
	if want := []verifier.Reason{"audience_mismatch", "signature_invalid", "issuer_not_trusted", "expired", "card_revoked", "chain_unavailable", "issuer_key_compromised", "issuer_key_revoked", "issuer_deactivated"}; !reflect.DeepEqual(reasons, want) {
		t.Errorf("%v", reasons)
	}
	people := draw(t, &r, false)
	for _, want := range []string{
		"Hospital, Licensing office and Pension office never saw the date of birth.", "✗  an expired card ", "?  a chain that does not answer  inconclusive",
		"the same, when the chain answers: accepted", r.Chain.Registry, changeHere,
	} {
		if !strings.Contains(people, want) {
			t.Errorf("%q is not in:\n%s", want, people)
		}
	}
	if strings.Contains(people, "\x1b") {
		t.Error("colours without a terminal")
	}
	if coloured := draw(t, &r, true); !strings.Contains(coloured, "\x1b[33m?\x1b[0m") || escapes.ReplaceAllString(coloured, "") != people {
		t.Errorf("colours change more than colours:\n%s", coloured)
	}
}

var escapes = regexp.MustCompile("\x1b\\[[0-9]+m")

func draw(t *testing.T, r *report, colours bool) string {
	t.Helper()
	var out bytes.Buffer
	if err := (&printer{w: &out, colours: colours}).print(r); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// The reader may change what is asked: then the story says something else, and still holds.
func TestOtherClaims(t *testing.T) {
	defer func(h, l, p []disclosure.Path) { hospital.Claims, licensing.Claims, pension.Claims = h, l, p }(hospital.Claims, licensing.Claims, pension.Claims)
	hospital.Claims = []disclosure.Path{{"Allergies", 0}}
	licensing.Claims = []disclosure.Path{{"age_over_18"}, {"Gender"}, {"ID Type"}}
	pension.Claims = []disclosure.Path{{"Date of Birth"}}
	r := run(t, options{finality: "finalized"})
	if !reflect.DeepEqual(r.NoBirthDate, []string{"Hospital", "Licensing office"}) || r.Accepted[1].Concealed != 5 {
		t.Errorf("%+v", r)
	}
	if text := draw(t, &r, false); !strings.Contains(text, "Hospital and Licensing office never saw") || !strings.Contains(text, "ID Type: Citizenship") {
		t.Errorf("%s", text)
	}
	pension.Claims = []disclosure.Path{{"Shoe Size"}}
	err := story(context.Background(), options{finality: "latest", progress: func(string) {}}, &printer{w: io.Discard})
	if !errors.Is(err, disclosure.NoSuchClaim) || !strings.Contains(err.Error(), "Shoe Size") {
		t.Errorf("a claim that the card lacks: %v", err)
	}
}

// Whatever ends otherwise than it must is drawn as such and fails the program.
func TestSurprise(t *testing.T) {
	for _, f := range []refusal{
		{Verdict: "accepted", Want: credential.Expired},
		{Verdict: "rejected", Reason: credential.NonceMismatch, Want: credential.Expired},
		{Verdict: "inconclusive", Reason: verifier.ChainUnavailable, Want: credential.Expired},
		{Verdict: "inconclusive", Reason: credential.Expired, Want: credential.Expired},
		{Verdict: "rejected", Reason: verifier.ChainUnavailable, Want: verifier.ChainUnavailable},
		{Verdict: "inconclusive", Reason: verifier.ChainUnavailable, Want: verifier.ChainUnavailable, Again: "rejected"},
		{Verdict: "misuse", Want: credential.Expired},
	} {
		r := &report{Refused: []*refusal{&f}}
		if r.surprise() == nil || !strings.Contains(draw(t, r, false), "WRONG") {
			t.Errorf("nobody is surprised by %+v", f)
		}
	}
	if err := (&report{Refused: []*refusal{{Verdict: "rejected", Reason: credential.Expired, Want: credential.Expired}}}).surprise(); err != nil {
		t.Error(err)
	}
}

// With -keep, a program of the reader's own can verify: here it is.
func TestKeep(t *testing.T) {
	ctx, stop := context.WithCancel(context.Background())
	out, w := io.Pipe()
	done := make(chan error, 1)
	go func() {
		done <- story(ctx, options{finality: "finalized", keep: true, progress: func(string) {}}, &printer{w: w})
		w.Close()
	}()
	said := map[string]string{}
	for in := bufio.NewScanner(out); said["phone"] == "" && in.Scan(); {
		for _, name := range []string{"RPC", "registry", "issuer", "type", "phone"} {
			if rest, ok := strings.CutPrefix(in.Text(), "  "+name+" "); ok {
				said[name] = strings.TrimSpace(rest)
			}
		}
	}
	go func() { _, _ = io.Copy(io.Discard, out) }()
	registry, err := didethr.ParseAddress(said["registry"])
	if err != nil {
		t.Fatal(err)
	}
	resolver, err := didethr.New(didethr.Config{Networks: []didethr.Network{{ChainID: 1337, Registry: registry, RPC: []string{said["RPC"]}}}})
	if err != nil {
		t.Fatal(err)
	}
	trusted, err := trust.NewList(trust.Issuer{DIDs: []string{said["issuer"]}, Types: []string{said["type"]}, Accreditation: trust.Accreditation{Name: "x"}})
	if err != nil {
		t.Fatal(err)
	}
	v, err := verifier.New(verifier.Config{Resolver: resolver, Issuers: trusted})
	if err != nil {
		t.Fatal(err)
	}
	phone, _, _ := strings.Cut(strings.Trim(strings.TrimPrefix(said["phone"], "curl -s "), "'"), "?")
	if resp, err := http.Get(phone + "?audience=me"); err != nil || resp.StatusCode != http.StatusBadRequest {
		t.Errorf("the phone answers a request without a nonce: %v %v", resp, err)
	}
	resp, err := http.Get(phone + "?audience=me&nonce=once")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	p, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	res, err := v.Verify(ctx, p, verifier.Expect{Audience: "me", Nonce: "once", Type: said["type"], Claims: []disclosure.Path{{"ID Number"}, {"Full Name"}}})
	if err != nil {
		t.Fatal(err)
	}
	if age := time.Since(res.Cards[0].Anchor.Time); age < 0 || age > 5*time.Minute {
		t.Errorf("the finalized block is %v old: it must stay young for as long as the chain is kept", age)
	}
	if name, _ := res.Text("Full Name"); name != "Pema Example" {
		t.Errorf("%q", name)
	}
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// The sentence about the date of birth is looked up in what was received: an agency that did receive it does not get the sentence.
func TestBirthDateIsLookedFor(t *testing.T) {
	part := func(s string) []byte { return []byte("e30." + s + ".AA~") }
	if received(part("eyJhIjoxfQ"), birthDate) {
		t.Error("found where it is not")
	}
	if !received(append(part("e30"), "WyJzIiwiRGF0ZSBvZiBCaXJ0aCIsIjAyLzA2LzE5NjAiXQ~"...), birthDate) {
		t.Error("not found where it is")
	}
	if !received(part("a"), birthDate) {
		t.Error("what cannot be decoded was taken for clean")
	}
}

func TestLatestFinality(t *testing.T) {
	if r := run(t, options{finality: "latest"}); r.Accepted[0].Finality != "latest" {
		t.Fatalf("%+v", r)
	}
}

func TestExternalChainNeedsAKey(t *testing.T) {
	for _, o := range []options{{rpc: "http://127.0.0.1:1"}, {key: "x"}, {rpc: "ftp://127.0.0.1", key: "x"}} {
		if err := story(context.Background(), o, nil); err == nil {
			t.Errorf("%+v: no error", o)
		}
	}
}

// The place that the program names last is where the claims are chosen.
func TestNamedLine(t *testing.T) {
	src, err := os.ReadFile("main.go")
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(strings.TrimPrefix(changeHere, "examples/quickstart/main.go:"))
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Split(string(src), "\n")[n-1]; !strings.HasPrefix(got, "\thospital ") {
		t.Errorf("%s is %q", changeHere, got)
	}
}
