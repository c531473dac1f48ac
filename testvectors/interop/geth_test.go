//go:build geth

package interop_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/khyer/khyer/did"
	"github.com/khyer/khyer/did/didethr"
	"github.com/khyer/khyer/did/didethr/anchor"
	"github.com/khyer/khyer/internal/ethrpc"
)

// With the build tag geth there is a third chain: go-ethereum's own node, at the path that KHYER_GETH names. Building it takes minutes, so
// that only the lane geth asks for it.
func init() { chains["geth"] = func(t testing.TB) *ledger { return openGeth(t) } }

const gethChain = 1337

// everySecond keeps the chain's clock beside the world's. Without it each transaction has a block at once, each a second later than the one
// before, and a key is soon valid from a time on that has not come yet.
var everySecond = []string{"--dev.period", "1"}

// openGeth starts geth --dev: a chain of its own in memory, a block for each transaction, an account that it signs for.
func openGeth(t testing.TB, flags ...string) *ledger {
	t.Helper()
	program, home := os.Getenv("KHYER_GETH"), t.TempDir()
	if program == "" {
		t.Fatal("KHYER_GETH names no geth")
	}
	port := freePort(t)
	cmd := exec.Command(program, append([]string{"--dev", "--datadir", home, "--ipcdisable", "--nodiscover", "--maxpeers", "0", "--port", "0", "--authrpc.port", "0",
		"--http", "--http.addr", "127.0.0.1", "--http.port", fmt.Sprint(port), "--http.api", "eth,net,web3,debug", "--verbosity", "2"}, flags...)...)
	cmd.Env = append(os.Environ(), "HOME="+home, "TMPDIR="+home)
	out := &tail{}
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	kill := sync.OnceFunc(func() { cmd.Process.Kill(); cmd.Wait() })
	t.Cleanup(kill)
	l := dial(t, fmt.Sprintf("http://127.0.0.1:%d", port))
	l.kill = kill
	var accounts []string
	for end := time.Now().Add(time.Minute); len(accounts) == 0; time.Sleep(50 * time.Millisecond) {
		calls := []ethrpc.Call{{Method: "eth_accounts"}}
		if err := l.node.Batch(t.Context(), calls); err == nil && calls[0].Err == nil {
			l.call(t, &accounts, "eth_accounts")
		}
		if time.Now().After(end) {
			t.Fatalf("geth does not answer:\n%s", out)
		}
	}
	l.rich = accounts[0]
	l.registry = didethr.Network{Name: "interop", ChainID: gethChain, RPC: []string{l.rpc}}
	return l
}

// freePort is a port that nobody listened on a moment ago: geth does not say which one the system chose for it.
func freePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// TestHistoriesOnGeth: what our anchor package writes into our registry and into the public one, on go-ethereum's own node, both sides read
// alike at every block.
func TestHistoriesOnGeth(t *testing.T) {
	startPeer(t)
	l := openGeth(t)
	t.Run("ours", func(t *testing.T) { everyHistory(t, l) })
	for _, version := range []string{"1.3.0", "0.0.3"} {
		t.Run(version, func(t *testing.T) {
			l.registry.CodeHash = [32]byte{}
			l.deployStock(t, version)
			open, err := anchor.Open(t.Context(), anchor.Config{Network: l.registry, Finality: "latest"})
			if err != nil {
				t.Fatal(err)
			}
			l.use(t, open)
			for name, write := range histories {
				t.Run(name, func(t *testing.T) { l.agree(t, write(t, l).String(), 0) })
			}
		})
	}
}

// TestMainPathOnGeth: deploy, add, revoke, hand over and deactivate, each waited for at the finality that the chain has, and read by a
// verifier. --dev never calls a block final, which a resolver with the default finality says, and believes nothing.
func TestMainPathOnGeth(t *testing.T) {
	c := newCountry(t)
	l := openGeth(t, everySecond...)
	l.deploy(t)
	t.Run("issuer ours, holder peer", func(t *testing.T) { c.anchored(t, l, false) })
	t.Run("issuer peer, holder ours", func(t *testing.T) { c.anchored(t, l, true) })

	ctx := bounded(t, time.Minute)
	owner, heir := l.owner(t), l.owner(t)
	id := l.open.Identity(owner.Address(), owner)
	receipt, err := one(id.Apply(ctx, anchor.AddKey(newSigner(t).Public(), anchor.VeriKey, year)))
	if err != nil {
		t.Fatal(err)
	}
	final, err := l.open.Final(ctx, receipt)
	if err != nil || final.BlockHash != receipt.BlockHash {
		t.Errorf("not final at latest: %v", err)
	}
	name := l.open.DID(id.Address())
	byDefault, err := didethr.New(didethr.Config{Networks: []didethr.Network{l.registry}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := byDefault.Resolve(ctx, name, did.At{}); !errors.Is(err, did.Unavailable) {
		t.Errorf("before the registry is final: %v, want %s", err, did.Unavailable)
	}
	block(t)(one(id.Apply(ctx, anchor.ChangeOwner(heir.Address()))))
	if _, err := one(id.Apply(ctx, anchor.AddKey(newSigner(t).Public(), anchor.VeriKey, year))); !errors.As(err, new(*anchor.Error)) {
		t.Errorf("the former owner: %v", err)
	}
	block(t)(one(l.open.Identity(id.Address(), heir).Apply(ctx, anchor.Deactivate())))
	if doc := l.agree(t, name.String(), 0); !doc.Deactivated {
		t.Error("it is not deactivated")
	}
}

// TestReorganisationOnGeth: the node drops its newest blocks, and other ones take their place.
func TestReorganisationOnGeth(t *testing.T) {
	startPeer(t)
	l := openGeth(t, everySecond...)
	l.deploy(t)
	reorganise(t, l, func(to uint64) {
		l.call(t, nil, "debug_setHead", "0x"+hexNumber(to))
		// For a moment it cannot give logs, which makes every outcome inconclusive.
		filter := map[string]any{"fromBlock": "0x0", "toBlock": "latest", "address": l.registry.Registry.String()}
		for end := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
			err := l.node.Call(t.Context(), nil, "eth_getLogs", filter)
			if err == nil {
				return
			}
			if time.Now().After(end) {
				t.Fatal(err)
			}
		}
	})
}
