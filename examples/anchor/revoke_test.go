package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/khyer/khyer/did/didethr"
	"github.com/khyer/khyer/did/didethr/anchor"
	"github.com/khyer/khyer/did/pubkey"
)

// publish writes as other software might: under other names than the commands do.
func (o *operator) publish(ops ...anchor.Op) {
	o.Helper()
	signer, err := anchor.NewSigner(o.secret)
	if err != nil {
		o.Fatal(err)
	}
	registry, err := didethr.ParseAddress(o.registry)
	if err != nil {
		o.Fatal(err)
	}
	r, err := anchor.Open(o.Context(), anchor.Config{Network: didethr.Network{RPC: []string{o.chain.URL()}, Registry: registry}})
	if err != nil {
		o.Fatal(err)
	}
	if _, err := r.Identity(signer.Address(), signer).Apply(o.Context(), ops...); err != nil {
		o.Fatal(err)
	}
}

// In a hurry a hand takes the wrong file. Nobody may believe then that the stolen key has ended, or tell trust lists of a harmless one.
func TestRevokingTheWrongKey(t *testing.T) {
	o := newOperator(t)
	stolen, multikey := issuerKey(t)
	wrong, wrongText := issuerKey(t)
	file := o.file("wrong.jwk", string(wrong.JWK()))
	o.must("create", []string{multikey}, "key 1 added")
	height := o.chain.Head().Number
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{file}, refused, "not_published"},
		{[]string{wrongText}, refused, "not_published"},
		{[]string{wrong.Thumbprint()}, wrongUsage, "no key of"},
		{[]string{"-new", wrongText, file}, refused, "not_published"},
		{[]string{multikey, file}, refused, "not_published"},
	} {
		got := o.do("revoke", c.args...)
		if got.code != c.code || !strings.Contains(got.err, c.says) || got.out != "" {
			t.Errorf("%q: %+v, want exit %d and %q", c.args, got, c.code, c.says)
		}
	}
	if got := o.do("service", "-remove", "Cards", "https://a.example"); got.code != refused || !strings.Contains(got.err, "not_published") {
		t.Errorf("%+v", got)
	}
	if o.chain.Head().Number != height {
		t.Error("something was sent")
	}
	o.must("revoke", []string{multikey}, "Revoked.", "  "+stolen.Thumbprint()+"\n", "issuer_key_revoked")
	if got := o.do("revoke", multikey); got.code != refused || !strings.Contains(got.err, "revoked") || got.out != "" {
		t.Errorf("once more: %+v", got)
	}
}

// One revoke takes a key out of all its names, whichever of them is given.
func TestRevokingAllNames(t *testing.T) {
	for name, how := range map[string]func(k pubkey.Key) string{
		"by its thumbprint":    func(k pubkey.Key) string { return k.Thumbprint() },
		"by its Multikey":      func(k pubkey.Key) string { text, _ := k.Multikey(); return text },
		"by one of its ids":    func(pubkey.Key) string { return "#delegate-1" },
		"by another of them":   func(pubkey.Key) string { return "#delegate-2" },
		"without looking":      func(k pubkey.Key) string { text, _ := k.Multikey(); return text },
		"by a file with a JWK": nil,
	} {
		o := newOperator(t)
		k, _ := issuerKey(t)
		_, other := issuerKey(t)
		o.publish(anchor.AddKey(k, anchor.VeriKey, year), anchor.AddKey(k, anchor.SigAuth, year))
		o.must("add", []string{other}, "key 2 added")
		args := []string{o.file("stolen.jwk", string(k.JWK()))}
		if how != nil {
			args = []string{how(k)}
		}
		if name == "without looking" {
			args = append([]string{"-unchecked"}, args...)
		}
		got := o.do("revoke", args...)
		if got.code != done {
			t.Errorf("%s: %+v", name, got)
			continue
		}
		got = execute(t, "history", "-rpc", o.chain.URL(), "-registry", o.registry, "-finality", "latest", o.DID)
		// A verifier refuses after one revocation already, but for authentication the other name would stay.
		if n := strings.Count(got.out, "key 1 revoked:"); n != 2 || strings.Count(got.out, "  accepted\n") != 1 { // the other key's
			t.Errorf("%s: %d of its two names are revoked:\n%s", name, n, got.out)
		}
	}
}

// A node that gives no logs lets nobody look. The refusal says how to go on, and it works.
func TestRevokingWithoutLooking(t *testing.T) {
	o := newOperator(t)
	k, multikey := issuerKey(t)
	o.must("create", []string{multikey}, "key 1 added")
	o.chain.Interfere(func(request, answer []byte) []byte {
		if bytes.Contains(request, []byte("eth_getLogs")) {
			return bytes.ReplaceAll(answer, []byte(`"topics"`), []byte(`"tropics"`))
		}
		return answer
	})
	if got := o.do("revoke", multikey); got.code == done || !strings.Contains(got.err, "-unchecked") || got.out != "" {
		t.Errorf("%+v", got)
	}
	if got := o.do("revoke", "-unchecked", k.Thumbprint()); got.code == done || got.out != "" {
		t.Errorf("a name cannot be looked up: %+v", got)
	}
	if got := o.do("revoke", "-unchecked", multikey); !strings.Contains(got.out, "Sent without looking") || !strings.Contains(got.out, k.Thumbprint()) {
		t.Errorf("%+v", got)
	}
	o.chain.Interfere(nil)
	got := execute(t, "history", "-rpc", o.chain.URL(), "-registry", o.registry, "-finality", "latest", o.DID)
	if !strings.Contains(got.out, "issuer_key_revoked") {
		t.Errorf("%+v", got)
	}
}
