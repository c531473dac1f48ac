package interop_test

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/khyer/khyer/did/didethr"
	"github.com/khyer/khyer/did/didethr/anchor"
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
	"audience_mismatch":  "rejected",
	"signature_invalid":  "rejected",
	"issuer_not_trusted": "rejected",
	"expired":            "rejected",
	"issuer_key_revoked": "rejected",
	"issuer_deactivated": "rejected",
	"chain_unavailable":  "inconclusive",
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
