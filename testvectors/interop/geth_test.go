//go:build geth

package interop_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/khyer/khyer/did/didethr"
	"github.com/khyer/khyer/internal/ethrpc"
)

// With the build tag geth there is a third chain: go-ethereum's own node, at the path that KHYER_GETH names. Building it takes minutes, so
// that only the lane geth asks for it.
func init() { chains["geth"] = func(t testing.TB) *ledger { return openGeth(t) } }

const gethChain = 1337

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
