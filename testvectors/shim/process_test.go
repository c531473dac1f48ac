package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestMain lets the test binary be the shim: a child with this variable serves its standard input.
func TestMain(m *testing.M) {
	if os.Getenv("KHYER_SHIM_CHILD") == "1" {
		main()
		return
	}
	os.Exit(m.Run())
}

// process starts the shim as a suite would.
func process(t *testing.T) (in io.WriteCloser, out *bufio.Reader, wait func() error) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "KHYER_SHIM_CHILD=1")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close(); cmd.Wait() })
	return in, bufio.NewReader(stdout), cmd.Wait
}

// TestProcessAnswersEachLineInOrder talks to the program line by line, good and bad, and ends it by closing its input.
func TestProcessAnswersEachLineInOrder(t *testing.T) {
	in, out, wait := process(t)
	say := func(line string) map[string]any {
		t.Helper()
		if _, err := io.WriteString(in, line+"\n"); err != nil {
			t.Fatal(err)
		}
		reply, err := out.ReadBytes('\n')
		if err != nil {
			t.Fatal(err)
		}
		return decode(t, reply)
	}
	for _, c := range []struct{ line, id, verdict string }{
		{`{"id":1,"op":"did.resolve","did":"did:example:1"}`, `1`, "reject"},
		{`{"id":"two","op":"di.verify"}`, `"two"`, "unsupported"},
		{`{"id":{"n":[3]},"op":"di.verify"}`, `{"n":[3]}`, "unsupported"},
		{`no JSON`, `null`, "error"},
		{``, `null`, "error"},
		{`[]`, `null`, "error"},
		{`{"id":4}`, `4`, "error"},
		{`{"id":5,"op":5}`, `5`, "error"},
		{`{"id":6,"op":"did.resolve","did":"did:example:1","did":"did:example:2"}`, `null`, "error"},
		{`{"id":7,"op":"did.resolve","did":["did:example:1"]}`, `7`, "error"},
		{"{\"id\":8,\"op\":\"did.resolve\",\"did\":\"did:example:1\",\"unknown\":true}\r", `8`, "reject"},
		{`{"id":9,"op":"x","deep":` + strings.Repeat("[", 1000) + strings.Repeat("]", 1000) + `}`, `null`, "error"},
		{`{"id":10,"op":"x","long":"` + strings.Repeat("A", maxLine) + `"}`, `null`, "error"},
		{`{"id":11,"op":"did.resolve","did":"did:example:1"}`, `11`, "reject"},
	} {
		if got := say(c.line); got["verdict"] != c.verdict || show(got["id"]) != c.id {
			t.Errorf("%.60s: %s", c.line, show(got))
		}
	}
	for _, v := range vectors(t) {
		if !strings.HasPrefix(v.Name, "verifier/") {
			continue
		}
		var line bytes.Buffer
		fmt.Fprintf(&line, `{"id":%q,"op":%q,%s`, v.Name, v.Op, strings.ReplaceAll(strings.TrimSpace(string(v.Request))[1:], "\n", ""))
		got, want := say(line.String()), decode(t, v.Expect)
		if got["id"] != v.Name || got["verdict"] != want["verdict"] || got["reason"] != want["reason"] {
			t.Errorf("%s: %s", v.Name, show(got))
		}
	}
	in.Close()
	if err := wait(); err != nil {
		t.Errorf("the shim ended with %v", err)
	}
}

// TestLastLineWithoutBreak is answered too, and a line of exactly the bound is read.
func TestLastLineWithoutBreak(t *testing.T) {
	var out bytes.Buffer
	fill := `{"op":"x","f":"` + strings.Repeat("A", maxLine-len(`{"op":"x","f":""}`)-1) + `"}` + "\n"
	if len(fill) != maxLine {
		t.Fatal(len(fill))
	}
	if err := serve(strings.NewReader(fill+strings.Replace(fill, "A", "AA", 1)+`{"id":1,"op":"x"}`), &out); err != nil {
		t.Fatal(err)
	}
	want := `{"verdict":"unsupported"}` + "\n" + `{"message":"the line is longer than 8 MiB","verdict":"error"}` + "\n" + `{"id":1,"verdict":"unsupported"}` + "\n"
	if out.String() != want {
		t.Errorf("got %s", out.String())
	}
}

// TestUnusableRequests: each operation, a member that is missing or of the wrong kind.
func TestUnusableRequests(t *testing.T) {
	base := map[string]string{
		"sdjwt.verify":  `{"sd_jwt":"a.b.c~","issuer_jwk":` + strings.Replace(casesIssuer, `"d":"Ur2bNKuBPOrAaxsRnbSH6hIhmNTxSGXshDSUD1a1y7g",`, "", 1) + `,"audience":"a","nonce":"n","now":1}`,
		"sdjwt.issue":   `{"claims":{"a":1},"issuer_private_jwk":` + casesIssuer + `}`,
		"sdjwt.present": `{"sd_jwt":"a.b.c~","reveal":[]}`,
		"status.check":  `{"token":"a.b.c","uri":"u","issuer_jwk":` + strings.Replace(casesIssuer, `"d":"Ur2bNKuBPOrAaxsRnbSH6hIhmNTxSGXshDSUD1a1y7g",`, "", 1) + `}`,
		"vc.verify":     `{"presentation":"a.b.c~","resolver":{},"issuers":[{"did":"did:web:a.example","types":["t"]}],"expect":{"audience":"a","nonce":"n","type":"t","claims":[["a"]]},"now":1}`,
	}
	for op, request := range base {
		if got := ask(t, op, decode(t, []byte(request))); got["verdict"] != "reject" && got["verdict"] != "accept" {
			t.Fatalf("%s: %s", op, show(got))
		}
	}
	for _, c := range []struct{ op, member, value string }{
		{"sdjwt.verify", "sd_jwt", `1`}, {"sdjwt.verify", "issuer_jwk", `null`}, {"sdjwt.verify", "issuer_jwk", `"x"`}, {"sdjwt.verify", "issuer_jwk", casesIssuer},
		{"sdjwt.verify", "profile", `"mdoc"`}, {"sdjwt.verify", "now", `"1"`}, {"sdjwt.verify", "now", `1e300`}, {"sdjwt.verify", "clock_skew_s", `-1`},
		{"sdjwt.verify", "kb_max_age_s", `"5"`}, {"sdjwt.verify", "require_key_binding", `"yes"`}, {"sdjwt.verify", "audience", `["a"]`},
		{"sdjwt.issue", "claims", ``}, {"sdjwt.issue", "conceal", `["a"]`}, {"sdjwt.issue", "conceal", `[[-1]]`}, {"sdjwt.issue", "conceal", `[[]]`}, {"sdjwt.issue", "conceal", `[[1.5]]`},
		{"sdjwt.issue", "decoys", `-1`}, {"sdjwt.issue", "decoys", `10001`}, {"sdjwt.issue", "decoys", `0.5`}, {"sdjwt.issue", "issuer_private_jwk", `{"kty":"EC"}`},
		{"sdjwt.issue", "issuer_private_jwk", ``}, {"sdjwt.issue", "holder_jwk", casesHolder}, {"sdjwt.issue", "header", `[]`}, {"sdjwt.issue", "serialization", `"cbor"`},
		{"sdjwt.present", "reveal", `[["a"],{}]`}, {"sdjwt.present", "holder_private_jwk", `{}`}, {"sdjwt.present", "sd_jwt", ``},
		{"vc.verify", "presentation", `1`}, {"vc.verify", "resolver", `[]`}, {"vc.verify", "resolver", `{"did:web:a.example":{"id":"did:web:b.example"}}`},
		{"vc.verify", "issuers", `[]`}, {"vc.verify", "issuers", `{}`}, {"vc.verify", "expect", `{"audience":"a","nonce":"n","type":"t"}`},
		{"vc.verify", "type_metadata", `[]`}, {"vc.verify", "type_metadata", `{"t":{"vct":"t"}}`}, {"vc.verify", "issuer_metadata", `"x"`}, {"vc.verify", "issuer_metadata", `{"u":1}`},
		{"vc.verify", "issuers", `[{"x5c":{"name":"a.example","roots":["AAAA"]},"types":["t"]}]`}, {"vc.verify", "issuers", `[{"x5c":{"name":"a.example","roots":[]},"types":["t"]}]`},
		{"vc.verify", "issuers", `[{"url":"http://a.example","types":["t"]}]`}, {"vc.verify", "presentation", ``},
		{"vc.verify", "expect", `{"type":"t","claims":[["a"]]}`}, {"vc.verify", "history", `{"did:web:a.example":[{"key_id":"did:web:a.example#1"}]}`},
	} {
		request := decode(t, []byte(base[c.op]))
		if delete(request, c.member); c.value != "" {
			request[c.member] = parse(t, c.value)
		}
		if got := ask(t, c.op, request); got["verdict"] != "error" || text(got["message"]) == "" {
			t.Errorf("%s, %s = %s: %s", c.op, c.member, c.value, show(got))
		}
	}
	for _, c := range []struct{ op, member, value string }{
		{"status.check", "credential", `{}`},
	} {
		request := decode(t, []byte(base[c.op]))
		request[c.member] = parse(t, c.value)
		if got := ask(t, c.op, request); got["verdict"] != "unsupported" {
			t.Errorf("%s, %s = %s: %s", c.op, c.member, c.value, show(got))
		}
	}
}

// TestExplicitZeroes: a skew or age of zero that is given is no skew and no age, not the default.
func TestExplicitZeroes(t *testing.T) {
	_, shown, _ := round(t, map[string]any{"claims": map[string]any{"exp": roundNow + 10, "nbf": roundNow - 10}}, []any{})
	for _, c := range []struct {
		name    string
		now     int
		members map[string]any
		want    string
	}{
		{"default skew", roundNow + 39, nil, ""},
		{"no skew, last second", roundNow + 9, map[string]any{"clock_skew_s": 0}, ""},
		{"no skew, expired", roundNow + 10, map[string]any{"clock_skew_s": 0}, "expired"},
		{"half a second of skew", roundNow + 10, map[string]any{"clock_skew_s": 0.5}, ""},
		{"default age", roundNow + 30, map[string]any{"clock_skew_s": 30}, ""},
		{"no age, same second", roundNow, map[string]any{"clock_skew_s": 0, "kb_max_age_s": 0}, ""},
		{"no age, next second", roundNow + 1, map[string]any{"clock_skew_s": 0, "kb_max_age_s": 0}, "key_binding_too_old"},
		{"no skew, binding in the future", roundNow - 1, map[string]any{"clock_skew_s": 0}, "key_binding_in_future"},
	} {
		request := map[string]any{"sd_jwt": shown, "issuer_jwk": publicOf(issuerKey(t)), "profile": "sd-jwt", "audience": roundAudience, "nonce": roundNonce, "now": c.now}
		for k, v := range c.members {
			request[k] = v
		}
		if got := ask(t, "sdjwt.verify", request); text(got["reason"]) != c.want {
			t.Errorf("%s: %s, want %q", c.name, show(got), c.want)
		}
	}
}
