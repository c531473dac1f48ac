package main

import (
	"encoding/json"
	"strings"
	"testing"
)

// TestFlippedBitIsNeverAccepted changes one bit of each byte of each presentation that is accepted, one after the other. With a key
// binding nothing may be left that somebody could change.
func TestFlippedBitIsNeverAccepted(t *testing.T) {
	tried := 0
	for _, v := range vectors(t) {
		request, expect := decode(t, v.Request), decode(t, v.Expect)
		name := map[string]string{"sdjwt.verify": "sd_jwt", "vc.verify": "presentation"}[v.Op]
		if name == "" || expect["verdict"] != "accept" || expect["key_bound"] == false {
			continue
		}
		whole := text(request[name])
		if _, isObject := request[name].(map[string]any); isObject {
			if strings.Contains(v.Name, "general") || strings.Contains(v.Name, "unprotected") {
				continue // a second signature, or a member that nothing protects, is nobody's business
			}
			whole = show(request[name])
		}
		step := 1
		if strings.HasPrefix(v.Name, "verifier/type-") {
			step = 13 // many cards that differ in nothing here
		}
		if testing.Short() {
			step = 97
		}
		for i := 0; i < len(whole); i += step {
			changed := []byte(whole)
			changed[i] ^= 1
			if changed[i] >= 0x80 || changed[i] < 0x20 {
				changed[i] ^= 3 // stay within what a JSON string can carry as it is
			}
			request[name] = string(changed)
			if got := ask(t, v.Op, request); got["verdict"] != "reject" {
				t.Errorf("%s: byte %d changed: %s", v.Name, i, show(got))
			}
			tried++
		}
	}
	if tried < 1000 && !testing.Short() {
		t.Errorf("only %d changes were tried", tried)
	}
	t.Logf("%d changes", tried)
}

// TestTruncatedIsNeverAccepted cuts each presentation at every length.
func TestTruncatedIsNeverAccepted(t *testing.T) {
	for _, v := range vectors(t) {
		if v.Name != "credential/key-bound" && v.Name != "credential/holder-es256k" {
			continue
		}
		request := decode(t, v.Request)
		whole := text(request["sd_jwt"])
		for n := range len(whole) {
			request["sd_jwt"] = whole[:n]
			if got := ask(t, v.Op, request); got["verdict"] != "reject" {
				t.Errorf("%s: cut at %d: %s", v.Name, n, show(got))
			}
		}
	}
}

// TestNoClaimInRejections plants a marker in every claim of a card and looks for it in what a rejection says.
func TestNoClaimInRejections(t *testing.T) {
	const marker = "MARKER-7f3a"
	issued := ask(t, "sdjwt.issue", map[string]any{
		"claims":  map[string]any{"vct": marker, "full_name": marker, "n": []any{marker}, "o": map[string]any{"p": marker}},
		"conceal": []any{[]any{"full_name"}, []any{"n", 0}, []any{"o", "p"}}, "issuer_private_jwk": issuerKey(t), "header": map[string]any{"typ": "dc+sd-jwt"},
	})
	card := text(issued["sd_jwt"])
	if card == "" {
		t.Fatal(show(issued))
	}
	verify := func(card string) {
		t.Helper()
		got := ask(t, "sdjwt.verify", map[string]any{"sd_jwt": card, "issuer_jwk": publicOf(issuerKey(t)), "audience": "a", "nonce": "n"})
		if got["verdict"] != "reject" || strings.Contains(show(got), marker) {
			t.Errorf("got %s", show(got))
		}
	}
	verify(card)
	parts := strings.Split(card, "~")
	for i := range parts {
		verify(strings.Join(append(append([]string{}, parts[:i]...), parts[i+1:]...), "~"))
	}
	got := ask(t, "sdjwt.present", map[string]any{"sd_jwt": card, "reveal": []any{[]any{"full_name", "x"}}})
	if got["reason"] != "path_not_found" || strings.Contains(show(got), marker) {
		t.Errorf("got %s", show(got))
	}
}

// FuzzLine: no line ends the shim or is answered with anything but one line that has a verdict.
func FuzzLine(f *testing.F) {
	for i, v := range vectors(f) {
		if i%9 == 0 && len(v.Request) < 8<<10 {
			f.Add([]byte(`{"op":"` + v.Op + `",` + strings.TrimSpace(string(v.Request))[1:]))
		}
	}
	f.Add([]byte(`{"op":"did.ethr.fold","history":{"blocks":[{}],"logs":[{"topics":[1]}],"end":{"head":0}},"did":"did:ethr:0x00"}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		out, err := handle(line).line()
		if err != nil || strings.Count(string(out), "\n") != 1 {
			t.Fatalf("%v: %q", err, out)
		}
		var a struct{ Verdict, Message string }
		if err := json.Unmarshal(out, &a); err != nil || a.Verdict == "" || strings.Contains(a.Message, "panicked") {
			t.Fatalf("%v: %s", err, out)
		}
	})
}
