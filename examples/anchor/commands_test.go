package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
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
	o.DID = fmt.Sprintf("did:ethr:0x%x:%s", chain.ChainID(), strings.ToLower(account.String()))
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
	o.must("revoke", []string{"-new", third, second.Thumbprint()},
		"Revoked. Until that is final", "  "+second.Thumbprint()+"\n", "revoked: none of its cards is accepted any more", "issuer_key_revoked", "added (P-256, #delegate-5)")
	o.must("add", []string{"-did", o.DID, "-days", "1000", third}, "renewed (P-256, #delegate-6)")
	o.must("service", []string{"CardOffice", "https://new.example"}, `service added CardOffice "https://new.example"`)
	o.must("service", []string{"-remove", "CardOffice", "https://office.example"}, `service ended CardOffice "https://office.example"`)
	o.must("retire", []string{"-in", "720h", "#delegate-5"}, "retired: no new cards from")

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
	if want := "key 1key added, service added, key 2key added, key 1key retired, key 2key revoked, key 3key added, key 3key renewed, service added, service ended, key 3key retired, owner changed"; strings.Join(what, ", ") != want {
		t.Errorf("%q", what)
	}
}

// One thumbprint in 64 begins with a dash, like a flag.
func TestThumbprintLikeAFlag(t *testing.T) {
	o := newOperator(t)
	k, text := issuerKey(t)
	for k.Thumbprint()[0] != '-' {
		k, text = issuerKey(t)
	}
	o.must("create", []string{text}, "key 1 added")
	o.must("revoke", []string{k.Thumbprint()}, "issuer_key_revoked")
	o.must("add", []string{text}, "key 1 added")
	_, other := issuerKey(t)
	o.must("rotate", []string{k.Thumbprint(), other}, "key 1 retired")
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
	_, multikey := issuerKey(t)
	pemOf := o.file("private.pem", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
	node := []string{"-rpc", o.chain.URL(), "-registry", o.registry, "-key", o.keyFile, "-finality", "latest"}
	with := func(name string, args ...string) []string { return append(append([]string{name}, node...), args...) }
	const garbage = "0x00000000000000000000000000000000000000aa"
	for name, c := range map[string]struct {
		args []string
		code int
		says string
	}{
		"no such command":             {[]string{"destroy"}, wrongUsage, "usage: anchor"},
		"no such flag":                {[]string{"history", "-frob"}, wrongUsage, "-frob"},
		"a story with arguments":      {[]string{"story", "x"}, wrongUsage, "flags alone"},
		"-key alone":                  {[]string{"-key", "x"}, wrongUsage, "-rpc too"},
		"-rpc alone":                  {[]string{"-rpc", "http://127.0.0.1:1"}, wrongUsage, "needs -key"},
		"help":                        {[]string{"help"}, done, ""},
		"help by a flag":              {[]string{"-help"}, done, ""},
		"help of a command":           {[]string{"revoke", "-help"}, done, "Private keys of issuers have no business here"},
		"no DID":                      {[]string{"history", "-rpc", o.chain.URL()}, wrongUsage, "takes a DID"},
		"a malformed DID":             {[]string{"history", "-rpc", o.chain.URL(), "did:ethr"}, wrongUsage, "invalidDid"},
		"another method":              {[]string{"history", "-rpc", o.chain.URL(), "-registry", o.registry, "did:web:a.example"}, wrongUsage, "no did:ethr DID"},
		"an unknown network":          {[]string{"history", "-rpc", o.chain.URL(), o.DID}, wrongUsage, "give -registry"},
		"a chain without number":      {[]string{"history", "-rpc", o.chain.URL(), "-registry", garbage, "did:ethr:valley:" + garbage}, wrongUsage, "give -chain"},
		"a chain with another number": {[]string{"history", "-rpc", o.chain.URL(), "-chain", "7", "did:ethr:sepolia:" + garbage}, wrongUsage, "sepolia is chain 11155111"},
		"the named chain is another":  {[]string{"history", "-rpc", o.chain.URL(), "-chain", "7", "-registry", o.registry, "did:ethr:valley:" + garbage}, notKnown, "wrongChain"},
		"sepolia by its number":       {[]string{"history", "-rpc", o.chain.URL(), "did:ethr:0xaa36a7:" + garbage}, notKnown, "wrongChain"},
		"a journal that is none":      {with("add", "-journal", o.keyFile, multikey), refused, "journal"},
		"a service without end":       {with("service", "x"), wrongUsage, "a type and an endpoint"},
		"retired at once":             {with("retire", "-in", "0s", multikey), refused, "bad_"},
		"retired, and never there":    {with("retire", multikey), refused, "bad_key"},
		"an owner that is none":       {with("owner", "0x12"), wrongUsage, "address"},
		"the owner zero":              {with("owner", "-sure", o.DID, "0x0000000000000000000000000000000000000000"), refused, "bad_config"},
		"mainnet elsewhere":           {[]string{"history", "-rpc", o.chain.URL(), "did:ethr:" + garbage}, notKnown, "wrongChain"},
		"no registry there":           {[]string{"history", "-rpc", o.chain.URL(), "-registry", garbage, "-finality", "latest", o.DID}, notKnown, "wrongChain"},
		"nobody listens":              {[]string{"history", "-rpc", "http://127.0.0.1:1", "-registry", garbage, o.DID}, notKnown, "unavailable"},
		"a URL that is none":          {[]string{"history", "-rpc", "127.0.0.1", "-registry", garbage, o.DID}, wrongUsage, "no http or https URL"},
		"a finality of its own":       {[]string{"history", "-rpc", o.chain.URL(), "-registry", o.registry, "-finality", "soon", o.DID}, wrongUsage, "finalized"},
		"no key":                      {with("add"), wrongUsage, "no key"},
		"a private key":               {with("add", pemOf), wrongUsage, "that is a private key"},
		"a key of nobody":             {with("revoke", "#delegate-9"), wrongUsage, "no key of"},
		"a key that is no key":        {with("add", "zz"+multikey), wrongUsage, "Multikey"},
		"no time":                     {with("add", "-days", "0", multikey), wrongUsage, "-days"},
		"rotate one key":              {with("rotate", multikey), wrongUsage, "two keys"},
		"a service without URL":       {with("create", "-service", "x", multikey), wrongUsage, "TYPE=URL"},
		"a DID of another chain":      {with("add", "-did", "did:ethr:0x1:"+garbage, multikey), wrongUsage, "of this chain"},
		"somebody else's DID":         {with("add", "-did", "did:ethr:0x539:"+garbage, multikey), refused, "does not own"},
		"a key file that is open":     {[]string{"add", "-rpc", o.chain.URL(), "-registry", o.registry, "-key", openFile(t), multikey}, refused, "bad_key"},
		"no key file":                 {[]string{"add", "-rpc", o.chain.URL(), "-registry", o.registry, "-key", "nowhere", multikey}, wrongUsage, "cannot be opened"},
		"a registry of others":        {[]string{"add", "-rpc", o.chain.URL(), "-registry", garbage, "-key", o.keyFile, multikey}, refused, "wrong_registry"},
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

// TestInterruptedRevocation: the node takes the transaction and no block does, the program is stopped, and the next one with the same journal
// brings it to an end.
func TestInterruptedRevocation(t *testing.T) {
	o := newOperator(t)
	chain := o.chain
	k, multikey := issuerKey(t)
	o.must("create", []string{multikey}, "key 1 added")
	journal := filepath.Join(t.TempDir(), "journal")

	// The answer to the transaction is lost, and so is the transaction.
	sent := make(chan struct{})
	ctx, stop := context.WithCancel(t.Context())
	var once sync.Once
	chain.Interfere(func(request, answer []byte) []byte {
		if bytes.Contains(request, []byte("eth_getTransactionReceipt")) {
			once.Do(func() { close(sent) })
			return []byte(`{"jsonrpc":"2.0","id":1,"error":{"code":-32000,"message":"try later"}}`)
		}
		return answer
	})
	go func() { <-sent; stop() }()
	var out, errs bytes.Buffer
	code := run(ctx, []string{"revoke", "-rpc", chain.URL(), "-registry", o.registry, "-key", o.keyFile, "-finality", "latest", "-journal", journal, k.Thumbprint()},
		&page{out: &out, err: &errs})
	if code != notKnown || !strings.Contains(errs.String(), "look with `anchor history`") {
		t.Errorf("exit %d\n%s%s", code, out.String(), errs.String())
	}
	chain.Interfere(nil)
	o.must("service", []string{"-journal", journal, "CardOffice", "https://office.example"}, "left from before: transaction", "is mined", "issuer_key_revoked")
}
