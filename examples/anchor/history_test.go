package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/khyer/khyer/did/didethr/anchor"
	"github.com/khyer/khyer/did/pubkey"
)

// printable fails the test if a terminal would do anything with the text but show it, line by line.
func printable(t *testing.T, text string) {
	t.Helper()
	if !utf8.ValidString(text) {
		t.Error("not UTF-8")
	}
	for n, line := range strings.Split(text, "\n") {
		for _, r := range strings.TrimPrefix(line, "    \t") { // package flag's
			if !unicode.IsPrint(r) {
				t.Errorf("line %d has %U: %q", n+1, r, line)
				break
			}
		}
	}
}

// Whoever owns a DID writes what he likes into its history, and whoever runs a node answers what he likes. All of it is printed as text.
func TestHostileHistory(t *testing.T) {
	o, ctx := stage(t, "latest", &page{}), t.Context()
	if err := o.create(ctx); err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{
		"did/svc/\x1b[2J\x1b[1;1H":         "https://a.example",
		"did/svc/Clipboard":                "\x1b]52;c;cm0gLXJmIC8K\x07",
		"did/svc/Object":                   `{"uri":"\u001b[31mred","note":"` + "\u202egnirts\u2066" + `"}`,
		"did/svc/\u202eelbisivni":          "\u200b\u00ad\ufeff",
		"did/svc/Zalgo":                    "z" + strings.Repeat("\u0337", 200),
		"did/svc/Lines":                    "one\r\ntwo\n  9  2026-01-01 00:00:00  key 1 revoked\x00",
		"did/svc/Wide":                     strings.Repeat("界", 300),
		"did/svc/NotText":                  "\xff\xfe\xf0\x28\x8c\x28",
		"did/svc/Dzongkha":                 "https://འཁྱེར.example",
		"did/svc/\xff\xfe":                 "a name that is no text",
		"did/svc/Huge":                     strings.Repeat("a", 16<<10),
		"did/svc/Large":                    strings.Repeat("\x1b", 8<<10),
		"something/\x1b[5m":                "else",
		"did/pub/Ed25519/veriKey/base58":   "not a key \x1b[7m",
		"did/pub/X\x1b[1mX/veriKey/hex":    "\x1b",
		"did/pub/Secp256k1/sigAuth/\x07\n": "\x07",
	} {
		if len(name) > 32 {
			name = name[:32]
		}
		if _, err := one(o.identity.Apply(ctx, anchor.SetAttribute(name, []byte(value), year))); err != nil {
			t.Fatalf("%q: %v", name, err)
		}
	}
	if err := o.look(ctx); err != nil {
		t.Fatal(err)
	}
	h := o.history(t)
	var out bytes.Buffer
	(&page{out: &out}).timeline(h)
	printable(t, out.String())
	for line := range strings.Lines(out.String()) {
		if n := utf8.RuneCountInString(line); n > 2*longestText+80 {
			t.Errorf("a line of %d characters", n)
		}
	}
	for _, want := range []string{
		`service added Clipboard "\u001b]52;c;cm0gLXJmIC8K\u0007"`, `\u001b[31mred`, "https://འཁྱེར.example", `\u202egnirts`, "something else that no document shows",
		"bytes more)", `"one\r\ntwo\n  9 `, "z̷̷̷̷\\u0337\\u0337",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in:\n%s", want, out.String())
		}
	}
	if strings.Contains(out.String(), "revoked:") {
		t.Error("a stranger's text passes for an event")
	}
	text, err := json.Marshal(h)
	if err != nil {
		t.Fatal(err)
	}
	printable(t, string(text))
}

// A node's words are a stranger's, too.
func TestHostileNode(t *testing.T) {
	o := stage(t, "latest", &page{})
	for name, answer := range map[string]string{
		"an error":          `{"jsonrpc":"2.0","id":1,"error":{"code":-32000,"message":"\u001b[2J` + strings.Repeat("x", 5000) + `"}}`,
		"no number":         `{"jsonrpc":"2.0","id":1,"result":"\u001b]0;title\u0007"}`,
		"another form":      `{"jsonrpc":"2.0","id":1,"result":{"a":"\u001b[1m"}}`,
		"no answer of one":  "\x1b[31mnot JSON",
		"nothing in it":     `{"jsonrpc":"2.0","id":1}`,
		"a number too long": `{"jsonrpc":"2.0","id":1,"result":"0x` + strings.Repeat("f", 64) + `"}`,
	} {
		o.embedded.Interfere(func(_, _ []byte) []byte { return []byte(answer) })
		got := execute(t, "history", "-rpc", o.rpc, "-registry", o.registryText(), o.DID)
		if got.code != notKnown || got.out != "" || len(got.err) > longestError+50 {
			t.Errorf("%s: exit %d\n%s%s", name, got.code, got.out, got.err)
		}
		printable(t, got.err)
	}
}

func (o *office) registryText() string { return o.registry.Network().Registry.String() }

// A history is read in parts, without losing an event or telling one twice, and with several operations in one block.
func TestHistoryInParts(t *testing.T) {
	o, ctx := stage(t, "latest", &page{}), t.Context()
	if err := o.story(ctx); err != nil {
		t.Fatal(err)
	}
	whole := o.history(t)
	if len(whole.Events) != 9 {
		t.Fatalf("%d events: %+v", len(whole.Events), whole.Events)
	}
	id := whole.last.Document.ID
	var told []string
	for from, n := uint64(0), 0; ; n++ {
		if n == 20 {
			t.Fatal("it does not end")
		}
		h, err := readHistory(ctx, o.resolver, id, from, 2, o.now(), func(string) {})
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range h.Events {
			told = append(told, fmt.Sprint(e.Block, e.What))
		}
		if h.More == "" {
			break
		}
		if _, err := fmt.Sscan(h.More, &from); err != nil {
			t.Fatal(err)
		}
	}
	for _, e := range whole.Events {
		if got := count(told, fmt.Sprint(e.Block, e.What)); got != 1 {
			t.Errorf("%d %s: told %d times in %v", e.Block, e.What, got, told)
		}
	}
	if len(told) != len(whole.Events) {
		t.Errorf("%v", told)
	}
}

func count(list []string, s string) (n int) {
	for _, x := range list {
		if x == s {
			n++
		}
	}
	return n
}

// What becomes of keys and services is told as what it is, also when the same is set again.
func TestHistoryOfOneKey(t *testing.T) {
	o, ctx := stage(t, "latest", &page{}), t.Context()
	key, err := pubkey.Generate(pubkey.ES384)
	if err != nil {
		t.Fatal(err)
	}
	k := key.Public()
	other, err := anchor.Generate()
	if err != nil {
		t.Fatal(err)
	}
	svc := []byte(`["https://a.example","https://b.example"]`)
	for _, op := range []anchor.Op{
		anchor.AddKey(k, anchor.VeriKey, year),
		anchor.AddKey(k, anchor.VeriKey, 2*year),
		anchor.AddKey(k, anchor.VeriKey, day),
		anchor.RevokeKey(k, anchor.VeriKey),
		anchor.AddKey(k, anchor.VeriKey, year),
		anchor.SetAttribute("did/svc/Two", svc, year),
		anchor.SetAttribute("did/svc/Two", svc, 2*year),
		anchor.RevokeAttribute("did/svc/Two", svc),
		anchor.AddDelegate(other.Address(), anchor.VeriKey, year),
		anchor.RevokeDelegate(other.Address(), anchor.VeriKey),
		anchor.AddDelegate(other.Address(), anchor.SigAuth, year),
	} {
		if _, err := o.identity.Apply(ctx, op); err != nil {
			t.Fatal(err)
		}
		o.embedded.Advance(time.Hour)
	}
	if err := o.pass(ctx, 3*year); err != nil {
		t.Fatal(err)
	}
	h := o.history(t)
	var got []string
	for _, e := range h.Events {
		got = append(got, strings.TrimSpace(e.Key+" "+e.What))
	}
	acc := ends(strings.ToLower(other.Address().String()))
	want := []string{
		"key 1 key added", "key 1 key renewed", "key 1 key retired", "key 1 key revoked", "key 1 key added",
		"service added", "service renewed", "service ended",
		acc + " key added", acc + " key revoked", acc + " key added", "key 1 key lapsed", acc + " key lapsed",
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	var verdicts []string
	for _, l := range h.Keys {
		verdicts = append(verdicts, l.Name+" "+l.Verdict)
	}
	want = []string{
		"owner issuer_key_not_accepted", "key 1 issuer_key_revoked", "key 1 accepted where lapsed keys are",
		acc + " issuer_key_revoked", acc + " issuer_key_not_accepted",
	}
	if fmt.Sprint(verdicts) != fmt.Sprint(want) {
		t.Errorf("got  %q\nwant %q", verdicts, want)
	}
}

// A key counts until whichever came first: its time was over, or it was revoked.
func TestUntilWhicheverCameFirst(t *testing.T) {
	lapsed, revoked := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC), time.Date(2027, 5, 1, 9, 0, 0, 0, time.UTC)
	for want, l := range map[string]line{
		"2026-03-01 09:00": {Until: lapsed, Revoked: revoked},
		"2027-05-01 09:00": {Until: revoked.AddDate(1, 0, 0), Revoked: revoked},
		"2027-05-01 09:01": {Revoked: revoked.Add(time.Minute)},
	} {
		var out bytes.Buffer
		(&page{out: &out}).timeline(&history{Keys: []line{l}})
		if strings.Count(out.String(), want) != 1 {
			t.Errorf("%s is not in:\n%s", want, out.String())
		}
	}
}
