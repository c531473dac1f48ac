package main

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/khyer/khyer/did/didethr"
	"github.com/khyer/khyer/did/didethr/anchor"
	"github.com/khyer/khyer/did/didethr/ethrtest"
	"github.com/khyer/khyer/did/pubkey"
)

type ran struct {
	code     int
	out, err string
}

func execute(t *testing.T, args ...string) ran {
	t.Helper()
	var out, err bytes.Buffer
	code := run(t.Context(), args, &page{out: &out, err: &err})
	return ran{code, out.String(), err.String()}
}

// operator has a key file, a chain and our registry on it.
type operator struct {
	*testing.T
	chain    *ethrtest.Chain
	registry string
	keyFile  string
	secret   []byte
	DID      string
}

func newOperator(t *testing.T) *operator {
	t.Helper()
	chain, err := ethrtest.New(ethrtest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { chain.Close() })
	o := &operator{T: t, chain: chain}
	account := chain.Accounts()[1]
	o.secret = account.Key[:]
	o.keyFile = o.file("owner.key", hex.EncodeToString(o.secret)+"\n")
	got := execute(t, "deploy", "-rpc", chain.URL(), "-key", o.keyFile, "-finality", "latest")
	if got.code != done {
		t.Fatalf("%+v", got)
	}
	o.registry = strings.TrimSpace(got.out)
	if _, err := didethr.ParseAddress(o.registry); err != nil {
		t.Fatalf("deploy printed %q", got.out)
	}
	o.DID = "did:ethr:0x539:" + strings.ToLower(account.String())
	return o
}

func (o *operator) file(name, text string) string {
	o.Helper()
	path := filepath.Join(o.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		o.Fatal(err)
	}
	return path
}

// do runs a command that writes, and looks for secrets in what it prints.
func (o *operator) do(name string, args ...string) ran {
	o.Helper()
	got := execute(o.T, append([]string{name, "-rpc", o.chain.URL(), "-registry", o.registry, "-key", o.keyFile, "-finality", "latest"}, args...)...)
	for _, text := range []string{got.out, got.err} {
		if strings.Contains(strings.ToLower(text), hex.EncodeToString(o.secret)) {
			o.Errorf("%s prints the private key:\n%s", name, text)
		}
		printable(o.T, text)
	}
	return got
}

// must runs a command that must succeed and print some texts.
func (o *operator) must(name string, args []string, texts ...string) {
	o.Helper()
	got := o.do(name, args...)
	if got.code != done {
		o.Fatalf("%s: exit %d\n%s%s", name, got.code, got.out, got.err)
	}
	for _, text := range texts {
		if !strings.Contains(got.out, text) {
			o.Errorf("%s: %q is not in:\n%s", name, text, got.out)
		}
	}
}

func issuerKey(t *testing.T) (k pubkey.Key, multikey string) {
	t.Helper()
	s, err := pubkey.Generate(pubkey.ES256)
	if err != nil {
		t.Fatal(err)
	}
	multikey, _ = s.Public().Multikey()
	return s.Public(), multikey
}

// TestOperator is the life of a DID, command by command.
func TestOperator(t *testing.T) {
	o := newOperator(t)
	first, firstText := issuerKey(t)
	second, _ := issuerKey(t)
	_, third := issuerKey(t)
	jwk := o.file("second.jwk", string(second.JWK()))

	o.must("create", []string{"-service", "CardOffice=https://office.example", firstText}, o.DID, "key 1 added (P-256, #delegate-1)", `service added CardOffice "https://office.example"`, "(issue-batch -key-from)")
	o.must("rotate", []string{"-days", "400", "#" + first.Thumbprint(), jwk}, "added (P-256, #delegate-2)", "retired: no new cards from")
	o.must("revoke", []string{second.Thumbprint()}, "is revoked in block", second.Thumbprint(), "revoked: none of its cards is accepted any more", "issuer_key_revoked")
	o.must("add", []string{"-did", o.DID, third}, "added (P-256, #delegate-5)")
	o.must("retire", []string{"#delegate-5"}, "retired: no new cards from")

	heir, err := anchor.Generate()
	if err != nil {
		t.Fatal(err)
	}
	if got := o.do("owner", heir.Address().String()); got.code != wrongUsage || !strings.Contains(got.err, "confirm with -sure "+o.DID) {
		t.Errorf("%+v", got)
	}
	o.must("owner", []string{"-sure", o.DID, heir.Address().String()}, "owner changed from")
	if got := o.do("add", third); got.code != refused || !strings.Contains(got.err, "does not own "+o.DID) || got.out != "" {
		t.Errorf("the former owner: %+v", got)
	}

	got := execute(t, "history", "-rpc", o.chain.URL(), "-registry", o.registry, "-finality", "latest", "-json", o.DID)
	var h history
	if err := json.Unmarshal([]byte(got.out), &h); err != nil || got.code != done {
		t.Fatalf("%v: %+v", err, got)
	}
	var what []string
	for _, e := range h.Events {
		if e.Block != 0 {
			what = append(what, e.Key+e.What)
		}
	}
	if want := "key 1key added, service added, key 2key added, key 1key retired, key 2key revoked, key 3key added, key 3key retired, owner changed"; strings.Join(what, ", ") != want {
		t.Errorf("%q", what)
	}
}

// Deactivation wants to be confirmed and is final.
func TestOperatorDeactivates(t *testing.T) {
	o := newOperator(t)
	_, key := issuerKey(t)
	o.must("create", []string{key}, "key 1 added")
	if got := o.do("deactivate", "-sure", "did:ethr:0x539:0x0000000000000000000000000000000000000001"); got.code != wrongUsage {
		t.Errorf("%+v", got)
	}
	o.must("deactivate", []string{"-sure", o.DID}, "deactivated: for good", "issuer_deactivated")
	if got := o.do("add", key); got.code != refused || !strings.Contains(got.err, "deactivated") {
		t.Errorf("%+v", got)
	}
}

// Mistakes have an exit code of their own, and cost nothing: no transaction is sent.
func TestMistakes(t *testing.T) {
	o := newOperator(t)
	before := o.chain.Head().Number
	k, multikey := issuerKey(t)
	private, err := pubkey.Generate(pubkey.ES256)
	if err != nil {
		t.Fatal(err)
	}
	_ = private
	pemOf := o.file("private.pem", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
	node := []string{"-rpc", o.chain.URL(), "-registry", o.registry, "-key", o.keyFile, "-finality", "latest"}
	with := func(name string, args ...string) []string { return append(append([]string{name}, node...), args...) }
	const garbage = "0x00000000000000000000000000000000000000aa"
	for name, c := range map[string]struct {
		args []string
		code int
		says string
	}{
		"no such command":         {[]string{"destroy"}, wrongUsage, "usage: anchor"},
		"no such flag":            {[]string{"history", "-frob"}, wrongUsage, "-frob"},
		"a story with arguments":  {[]string{"story", "x"}, wrongUsage, "flags alone"},
		"-key alone":              {[]string{"-key", "x"}, wrongUsage, "-rpc too"},
		"-rpc alone":              {[]string{"-rpc", "http://127.0.0.1:1"}, wrongUsage, "needs -key"},
		"help":                    {[]string{"help"}, done, ""},
		"help by a flag":          {[]string{"-help"}, done, ""},
		"help of a command":       {[]string{"revoke", "-help"}, done, "Private keys of issuers have no business here"},
		"no DID":                  {[]string{"history", "-rpc", o.chain.URL()}, wrongUsage, "takes a DID"},
		"a malformed DID":         {[]string{"history", "-rpc", o.chain.URL(), "did:ethr"}, wrongUsage, "invalidDid"},
		"another method":          {[]string{"history", "-rpc", o.chain.URL(), "-registry", o.registry, "did:web:a.example"}, refused, "did:"},
		"an unknown network":      {[]string{"history", "-rpc", o.chain.URL(), o.DID}, wrongUsage, "give -registry"},
		"mainnet elsewhere":       {[]string{"history", "-rpc", o.chain.URL(), "did:ethr:" + garbage}, notKnown, "wrongChain"},
		"no registry there":       {[]string{"history", "-rpc", o.chain.URL(), "-registry", garbage, "-finality", "latest", o.DID}, notKnown, "wrongChain"},
		"nobody listens":          {[]string{"history", "-rpc", "http://127.0.0.1:1", "-registry", garbage, o.DID}, notKnown, "does not answer"},
		"a URL that is none":      {[]string{"history", "-rpc", "127.0.0.1", "-registry", garbage, o.DID}, wrongUsage, "no URL"},
		"a finality of its own":   {[]string{"history", "-rpc", o.chain.URL(), "-registry", o.registry, "-finality", "soon", o.DID}, wrongUsage, "finalized"},
		"no key":                  {with("add"), wrongUsage, "no key"},
		"a private key":           {with("add", pemOf), wrongUsage, "that is a private key"},
		"a key of nobody":         {with("revoke", "#delegate-9"), wrongUsage, "no signing key"},
		"a key that is no key":    {with("add", "zz"+multikey), wrongUsage, "Multikey"},
		"no time":                 {with("add", "-days", "0", multikey), wrongUsage, "-days"},
		"rotate one key":          {with("rotate", multikey), wrongUsage, "two keys"},
		"a service without URL":   {with("create", "-service", "x", multikey), wrongUsage, "TYPE=URL"},
		"a DID of another chain":  {with("add", "-did", "did:ethr:0x1:"+garbage, multikey), wrongUsage, "of this chain"},
		"somebody else's DID":     {with("add", "-did", "did:ethr:0x539:"+garbage, multikey), refused, "does not own"},
		"a key file that is open": {[]string{"add", "-rpc", o.chain.URL(), "-registry", o.registry, "-key", openFile(t), multikey}, refused, "bad_key"},
		"no key file":             {[]string{"add", "-rpc", o.chain.URL(), "-registry", o.registry, "-key", "nowhere", multikey}, refused, "bad_key"},
		"a registry of others":    {[]string{"add", "-rpc", o.chain.URL(), "-registry", garbage, "-key", o.keyFile, multikey}, refused, "wrong_registry"},
	} {
		got := execute(t, c.args...)
		if got.code != c.code || !strings.Contains(got.err, c.says) {
			t.Errorf("%s: exit %d, want %d, and %q in:\n%s%s", name, got.code, c.code, c.says, got.err, got.out)
		}
		printable(t, got.err+got.out)
	}
	if after := o.chain.Head().Number; after != before {
		t.Errorf("%d blocks were made", after-before)
	}
	_ = k
}

func openFile(t *testing.T) string {
	path := filepath.Join(t.TempDir(), "open.key")
	if err := os.WriteFile(path, []byte(strings.Repeat("11", 32)), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}
