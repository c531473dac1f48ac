package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/khyer/khyer/did"
	"github.com/khyer/khyer/did/didethr/anchor"
	"github.com/khyer/khyer/did/pubkey"
	"github.com/khyer/khyer/verifier"
)

var update = flag.Bool("update", false, "write testdata/story.txt")

// seeded makes keys that are the same in every run, so that all that is printed is too.
func seeded(t *testing.T) (func() (*anchor.KeySigner, error), func() (pubkey.Signer, error)) {
	n := byte(0)
	scalar := func() []byte {
		n++
		return bytes.Repeat([]byte{n}, 32)
	}
	return func() (*anchor.KeySigner, error) { return anchor.NewSigner(scalar()) },
		func() (pubkey.Signer, error) {
			key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), scalar())
			if err != nil {
				t.Fatal(err)
			}
			return pubkey.FromCrypto(key)
		}
}

// stage opens the story's office on an embedded chain.
func stage(t *testing.T, finality string, p *page) *office {
	t.Helper()
	c, err := openChain(t.Context(), settings{finality: finality}, p)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.close)
	account, key := seeded(t)
	o, err := openOffice(t.Context(), c, account, key)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// With the same keys the story is the same, byte for byte: its dates are the chain's own.
func TestStory(t *testing.T) {
	var out bytes.Buffer
	if err := stage(t, "finalized", &page{out: &out}).tell(t.Context()); err != nil {
		t.Fatal(err)
	}
	golden := filepath.Join("testdata", "story.txt")
	if *update {
		if err := os.WriteFile(golden, out.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(out.Bytes(), want) {
		t.Errorf("go test ./examples/anchor -run Story -update writes what is told now:\n%s\nwas:\n%s", out.Bytes(), want)
	}
	for text := range strings.Lines(out.String()) {
		if n := len([]rune(strings.TrimSuffix(text, "\n"))); n > 100 {
			t.Errorf("%d columns: %s", n, text)
		}
	}
	var coloured bytes.Buffer
	if err := stage(t, "finalized", &page{out: &coloured, colours: true}).tell(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(coloured.String(), "\x1b[32m✓\x1b[0m") || escapes.ReplaceAllString(coloured.String(), "") != out.String() {
		t.Errorf("colours change more than colours:\n%s", coloured.String())
	}
}

var escapes = regexp.MustCompile("\x1b\\[[0-9]+m")

// The verdicts are those that the story promises, whatever block is read at.
func TestStoryVerdicts(t *testing.T) {
	const expired, revoked, deactivated = verifier.IssuerKeyExpired, verifier.IssuerKeyRevoked, verifier.IssuerDeactivated
	for _, finality := range []string{"finalized", "safe", "latest"} {
		o := stage(t, finality, &page{})
		if err := o.story(t.Context()); err != nil {
			t.Fatal(err)
		}
		for i, want := range [][]verifier.Reason{
			{"", "", "", "", "", deactivated},
			{"", "", revoked, revoked, deactivated},
			{expired, expired, expired, expired, deactivated},
			{"", revoked, revoked, deactivated},
			{"", "", deactivated},
		} {
			if !reflect.DeepEqual(o.cards[i].verdicts, want) {
				t.Errorf("%s, %s: %q, want %q", finality, o.cards[i].what, o.cards[i].verdicts, want)
			}
		}
	}
}

// TestVerdictsAreTheVerifiers: what the history says about a card of each key is what a verifier does with one.
func TestVerdictsAreTheVerifiers(t *testing.T) {
	o, ctx := stage(t, "latest", &page{}), t.Context()
	for _, scene := range []func(context.Context) error{o.create, o.rotate, o.steal, o.revoke} {
		if err := scene(ctx); err != nil {
			t.Fatal(err)
		}
	}
	brief, err := o.makeKey("brief")
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(
		o.anchor(ctx, anchor.AddKey(brief, anchor.VeriKey, year)),
		o.anchor(ctx, anchor.RevokeKey(brief, anchor.VeriKey)),
	); err != nil {
		t.Fatal(err)
	}
	compare := func(want map[string]string) {
		t.Helper()
		if err := o.look(ctx); err != nil {
			t.Fatal(err)
		}
		h := o.history(t)
		for i, l := range h.Keys {
			if l.Class != "" {
				continue
			}
			if l.Verdict != want[l.Name] {
				t.Errorf("%s: %q, want %q", l.Name, l.Verdict, want[l.Name])
			}
			for name, signer := range o.keys {
				if !signer.Public().Equal(h.last.Keys[i].Public) {
					continue
				}
				o.cards = nil
				if err := o.sign(ctx, "probe", name, l.From); err != nil {
					t.Fatal(err)
				}
				if err := o.judge(ctx); err != nil {
					t.Fatal(err)
				}
				reason := o.cards[0].verdicts[0]
				if reason == "" != strings.HasPrefix(l.Verdict, "accepted") || reason != "" && l.Verdict != string(reason) {
					t.Errorf("%s: %q, the verifier says %q", l.Name, l.Verdict, reason)
				}
			}
		}
	}
	compare(map[string]string{
		"key 1": "accepted where lapsed keys are", "key 2": "issuer_key_revoked", "key 3": "accepted", "key 4": "issuer_key_revoked",
	})
	if _, err := one(o.identity.Apply(ctx, anchor.Deactivate())); err != nil {
		t.Fatal(err)
	}
	const over = "issuer_deactivated"
	compare(map[string]string{"key 1": over, "key 2": over, "key 3": over, "key 4": over})
}

func (o *office) history(t *testing.T) *history {
	t.Helper()
	id, err := did.Parse(o.DID)
	if err != nil {
		t.Fatal(err)
	}
	h, err := readHistory(t.Context(), o.resolver, id, 0, 100, o.now(), func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	return h
}
