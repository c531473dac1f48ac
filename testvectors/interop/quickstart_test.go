package interop_test

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/khyer/khyer/did/didethr"
	"github.com/khyer/khyer/did/didethr/anchor"
	"github.com/khyer/khyer/did/didethr/ethrtest"
	"github.com/khyer/khyer/did/pubkey"
)

// told is what quickstart -json says, as far as this test looks at it.
type told struct {
	Chain struct {
		ID       uint64
		Embedded bool
		Registry string
		Finality string
	}
	Issuers []struct {
		Name, DID string
		Block     uint64
	}
	Accepted []struct {
		Agency    string
		Concealed int
		Issuer    string
		Block     uint64 `json:"checked_at_block"`
		Finality  string
	}
	Refused []struct{ What, Verdict, Reason string }
}

// refused are the outcomes that the story must have, in any order.
var refused = map[string]string{
	"audience_mismatch":      "rejected",
	"signature_invalid":      "rejected",
	"issuer_not_trusted":     "rejected",
	"expired":                "rejected",
	"card_revoked":           "rejected",
	"issuer_key_compromised": "rejected",
	"issuer_key_revoked":     "rejected",
	"issuer_deactivated":     "rejected",
	"chain_unavailable":      "inconclusive",
}

// TestQuickstartOnAnvil runs the story against a chain that is not ours: with a registry that it deploys, with one that is there, for
// people, and with finality that has to be waited for. The peer then finds both issuers in the state in which the story left them.
func TestQuickstartOnAnvil(t *testing.T) {
	startPeer(t)
	program := build(t, "quickstart")

	l := openAnvil(t)
	key := keyFile(t, l)
	fresh := l.quickstart(t, program, "latest", "-key", key)
	again := l.quickstart(t, program, "latest", "-key", key, "-registry", fresh.Chain.Registry)
	if again.Chain.Registry != fresh.Chain.Registry {
		t.Errorf("it used the registry %s, not %s", again.Chain.Registry, fresh.Chain.Registry)
	}
	for _, story := range []told{fresh, again} {
		l.left(t, story)
	}
	text := run(t, program, "-rpc", l.rpc, "-key", key, "-finality", "latest")
	if bytes.Contains(text, []byte("\x1b[")) || !bytes.Contains(text, []byte("issuer_deactivated")) || !bytes.Contains(text, []byte("latest")) {
		t.Errorf("for people it prints\n%s", text)
	}

	t.Run("finalized", func(t *testing.T) {
		l := openAnvilWith(t, "--block-time", "1", "--slots-in-an-epoch", "1")
		l.left(t, l.quickstart(t, program, "finalized", "-key", keyFile(t, l)))
	})
}

// quickstart runs the story and compares its outcomes.
func (l *ledger) quickstart(t *testing.T, program, finality string, args ...string) told {
	t.Helper()
	out := run(t, program, append([]string{"-json", "-rpc", l.rpc, "-finality", finality}, args...)...)
	var s told
	if err := json.Unmarshal(out, &s); err != nil {
		t.Fatalf("%v in\n%s", err, out)
	}
	if s.Chain.ID != anvilChain || s.Chain.Embedded || s.Chain.Finality != finality {
		t.Errorf("it says that it ran on %+v", s.Chain)
	}
	if len(s.Issuers) != 2 || len(s.Accepted) != 3 {
		t.Fatalf("%d issuers, %d presentations accepted\n%s", len(s.Issuers), len(s.Accepted), out)
	}
	for _, a := range s.Accepted {
		if a.Concealed == 0 || a.Block == 0 || a.Finality != finality {
			t.Errorf("%+v", a)
		}
	}
	got := map[string]string{}
	for _, r := range s.Refused {
		got[r.Reason] = r.Verdict
	}
	if len(s.Refused) != len(refused) || !reflect.DeepEqual(got, refused) {
		t.Errorf("refused: %v\nwant: %v", got, refused)
	}
	return s
}

// left resolves a story's issuers with both sides: the story ends with one whose key is revoked and one that is deactivated.
func (l *ledger) left(t *testing.T, s told) {
	t.Helper()
	registry, err := didethr.ParseAddress(s.Chain.Registry)
	if err != nil {
		t.Fatal(err)
	}
	n := l.registry
	n.Name, n.Registry = "", registry
	here := &ledger{rpc: l.rpc, node: l.node, registry: n}
	if here.resolver, err = didethr.New(didethr.Config{Networks: []didethr.Network{n}, Finality: "latest"}); err != nil {
		t.Fatal(err)
	}
	deactivated, withoutKey := 0, 0
	for _, i := range s.Issuers {
		doc := here.agree(t, i.DID, 0)
		before := here.agree(t, i.DID, i.Block)
		if before.Deactivated || before.Methods["delegate-1"].Kind != "Multikey" {
			t.Errorf("%s had no key in block %d: %+v", i.Name, i.Block, before)
		}
		switch {
		case doc.Deactivated:
			deactivated++
		case doc.Methods["delegate-1"].Key == "":
			withoutKey++
		}
	}
	if deactivated != 1 || withoutKey != 1 {
		t.Errorf("%d issuers are deactivated, %d have no key", deactivated, withoutKey)
	}
}

// keyFile makes the key of an account with ten ether.
func keyFile(t *testing.T, l *ledger) string {
	t.Helper()
	secret := make([]byte, 32)
	if _, err := rand.Read(secret); err != nil {
		t.Fatal(err)
	}
	signer, err := anchor.NewSigner(secret)
	if err != nil {
		t.Fatal(err)
	}
	l.fund(t, signer.Address())
	path := filepath.Join(t.TempDir(), "funded.key")
	if err := os.WriteFile(path, []byte(hex.EncodeToString(secret)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// build compiles one of the examples.
func build(t *testing.T, name string) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), name)
	cmd := exec.CommandContext(bounded(t, 8*time.Minute), "go", "build", "-o", program, "github.com/khyer/khyer/examples/"+name)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return program
}

// run runs a program that must exit with 0 and returns its standard output.
func run(t *testing.T, program string, args ...string) []byte {
	t.Helper()
	cmd := exec.CommandContext(bounded(t, 3*time.Minute), program, args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s %s: %v\n%s\n%s", filepath.Base(program), strings.Join(args, " "), err, stderr.String(), stdout.String())
	}
	return stdout.Bytes()
}

// historyOf is what anchor history -json says, as far as these tests look at it.
type historyOf struct {
	DID, Owner string
	Block      uint64 `json:"read_at_block"`
	Tag        string `json:"finality"`
	Events     []struct {
		Block     uint64
		What, Key string
	}
	Keys []struct {
		Name    string
		Verdict string `json:"card_of_its_time"`
	}
}

func (h historyOf) what() (all []string) {
	for _, e := range h.Events {
		all = append(all, strings.TrimPrefix(e.Key+": "+e.What, ": "))
	}
	return all
}

func readHistory(t *testing.T, program string, args ...string) (h historyOf) {
	t.Helper()
	out := run(t, program, append([]string{"history", "-json"}, args...)...)
	if err := json.Unmarshal(out, &h); err != nil {
		t.Fatalf("%v in\n%s", err, out)
	}
	return h
}

// TestAnchorExampleOnAnvil plays the life of an issuer's DID on a chain that is not ours, with finality that has to be waited for. The
// verdicts must be those of the embedded chain; the history that the program reads back is compared with the peer's last word.
func TestAnchorExampleOnAnvil(t *testing.T) {
	startPeer(t)
	program := build(t, "anchor")
	for finality, flags := range map[string][]string{"latest": nil, "finalized": {"--block-time", "1", "--slots-in-an-epoch", "1"}} {
		t.Run(finality, func(t *testing.T) {
			t.Parallel() // most of the time they wait
			l := openAnvilWith(t, flags...)
			text := string(run(t, program, "-rpc", l.rpc, "-key", keyFile(t, l), "-finality", finality))
			lines := strings.Split(text, "\n")
			for _, want := range []string{
				"Pema's card ✓ ✓ ✓ ✓ ✓ ✗ deactivated",
				"Karma's card ✓ ✓ ✗ revoked ✗ revoked ✗ deactivated",
				"signed with the retired key ✗ expired ✗ expired ✗ expired ✗ expired ✗ deactivated",
				"the thief's, dated back ✓ ✗ revoked ✗ revoked ✗ deactivated",
				"Karma's card, signed anew ✓ ✓ ✗ deactivated",
			} {
				if !slices.ContainsFunc(lines, func(line string) bool { return strings.Join(strings.Fields(line), " ") == want }) {
					t.Errorf("%q is not in:\n%s", want, text)
				}
			}
			if strings.Contains(text, "\x1b") {
				t.Error("colours without a terminal")
			}
			id, registry := between(text, "\ndid:ethr:", "\n"), between(text, "Registry ", " on chain")
			h := readHistory(t, program, "-rpc", l.rpc, "-registry", registry, "-finality", finality, "did:ethr:"+id)
			if got := strings.Join(h.what(), ", "); got != "key 1: key added, service added, key 2: key added, key 1: key retired, key 1: key lapsed, "+
				"key 2: key revoked, key 3: key added, owner changed, deactivated" {
				t.Errorf("%s\n%s", got, text)
			}
			if h.Owner != "" || h.Tag != finality || len(h.Keys) != 4 {
				t.Errorf("%+v", h)
			}
			n := l.registry
			var err error
			if n.Registry, err = didethr.ParseAddress(registry); err != nil {
				t.Fatal(err)
			}
			n.Name = ""
			here := &ledger{rpc: l.rpc, node: l.node, registry: n}
			if here.resolver, err = didethr.New(didethr.Config{Networks: []didethr.Network{n}, Finality: finality}); err != nil {
				t.Fatal(err)
			}
			if doc := here.agree(t, "did:ethr:"+id, 0); !doc.Deactivated {
				t.Errorf("the peer: %+v", doc)
			}
			for _, e := range h.Events {
				if e.Block != 0 {
					here.agree(t, "did:ethr:"+id, e.Block)
				}
			}
		})
	}
}

func between(text, before, after string) string {
	_, text, _ = strings.Cut(text, before)
	text, _, _ = strings.Cut(text, after)
	return text
}

// TestOperatorOnAnvil: the commands with which an operator writes, on a chain that is not ours.
func TestOperatorOnAnvil(t *testing.T) {
	node(t)
	program := build(t, "anchor")
	l := openAnvil(t)
	key := keyFile(t, l)
	registry := strings.TrimSpace(string(run(t, program, "deploy", "-rpc", l.rpc, "-key", key, "-finality", "latest")))
	write := func(name string, args ...string) string {
		t.Helper()
		return string(run(t, program, append([]string{name, "-rpc", l.rpc, "-registry", registry, "-key", key, "-finality", "latest"}, args...)...))
	}
	keys := make([]string, 3)
	for i := range keys {
		s, err := pubkey.Generate(pubkey.ES256)
		if err != nil {
			t.Fatal(err)
		}
		keys[i], _ = s.Public().Multikey()
	}
	text := write("create", "-service", "CardOffice=https://office.example", keys[0])
	id := "did:ethr:" + between(text, "did:ethr:", "\n")
	write("rotate", "#delegate-1", keys[1])
	write("revoke", "#delegate-2")
	write("add", keys[2])
	write("deactivate", "-sure", id)
	h := readHistory(t, program, "-rpc", l.rpc, "-registry", registry, "-finality", "latest", id)
	var got []string
	for _, w := range h.what() {
		if !strings.HasSuffix(w, "lapsed") { // whether it has by now depends on how fast all this was
			got = append(got, w)
		}
	}
	if got := strings.Join(got, ", "); got != "key 1: key added, service added, key 2: key added, key 1: key retired, key 2: key revoked, key 3: key added, deactivated" {
		t.Error(got)
	}
}

// TestHistoryOnTheStockRegistry reads histories of the registry that others have deployed on public chains.
func TestHistoryOnTheStockRegistry(t *testing.T) {
	node(t)
	program := build(t, "anchor")
	s := openStock(t, ethrtest.Options{})
	read := 0
	defer func() {
		if read < 10 {
			t.Errorf("%d events in all histories", read)
		}
	}()
	for name, write := range histories {
		t.Run(name, func(t *testing.T) {
			id := write(t, s.ledger).String()
			args := []string{"-rpc", s.rpc, "-chain", fmt.Sprint(s.registry.ChainID), "-registry", s.registry.Registry.String(), "-finality", "latest"}
			h := readHistory(t, program, append(args, id)...)
			text := run(t, program, append(append([]string{"history"}, args...), id)...)
			if h.DID != id || len(h.Keys) == 0 || (len(h.Events) == 0) != bytes.Contains(text, []byte("nothing: the DID is as it was born")) {
				t.Errorf("%+v\n%s", h, text)
			}
			read += len(h.Events)
			for _, e := range h.Events {
				if e.Block != 0 && !bytes.Contains(text, fmt.Appendf(nil, "  %d ", e.Block)) {
					t.Errorf("block %d is not in\n%s", e.Block, text)
				}
			}
		})
	}
}
