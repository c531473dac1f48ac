package interop_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"github.com/khyer/khyer/did/didethr"
	"github.com/khyer/khyer/did/didethr/anchor"
	"github.com/khyer/khyer/did/didethr/ethrtest"
	"github.com/khyer/khyer/internal/ethrpc"
)

// ledger is a chain with a registry on it, and our resolver for it. Both sides read the newest block: the peer cannot do otherwise.
type ledger struct {
	rpc      string
	node     *ethrpc.Client
	chain    *ethrtest.Chain // nil on anvil
	registry didethr.Network
	open     *anchor.Registry // nil until deploy
	resolver *didethr.Resolver
	kill     func() // ends anvil before the test ends
	rich     string // geth's own account, which it signs for
	manual   bool   // blocks are made by tick
}

// openEthrtest starts our own chain, openAnvil the foreign one; both are ended with the test.
func openEthrtest(t testing.TB, o ethrtest.Options) *ledger {
	t.Helper()
	chain, err := ethrtest.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { chain.Close() })
	l := dial(t, chain.URL())
	l.chain = chain
	l.registry = didethr.Network{Name: "interop", ChainID: chain.ChainID(), RPC: []string{l.rpc}}
	return l
}

// chains are those that a test may be run on; see geth_test.go for one more.
var chains = map[string]func(testing.TB) *ledger{
	"our chain": func(t testing.TB) *ledger { return openEthrtest(t, ethrtest.Options{}) },
	"anvil":     openSteadyAnvil,
}

const anvilChain = 31337

func openAnvil(t testing.TB) *ledger { return openAnvilWith(t) }

func openAnvilWith(t testing.TB, flags ...string) *ledger {
	t.Helper()
	rpc, kill := startAnvil(t, flags...)
	l := dial(t, rpc)
	l.kill = kill
	l.registry = didethr.Network{Name: "interop", ChainID: anvilChain, RPC: []string{l.rpc}}
	return l
}

// openSteadyAnvil starts one on which a block is later than its parent, as on every real chain; by itself anvil makes many in a second. So
// that it does not run ahead of the world's clocks, it begins in the past.
func openSteadyAnvil(t testing.TB) *ledger {
	t.Helper()
	l := openAnvilWith(t, "--timestamp", fmt.Sprint(time.Now().Add(-20*time.Minute).Unix()))
	l.call(t, nil, "anvil_setBlockTimestampInterval", 1)
	return l
}

func dial(t testing.TB, rpc string) *ledger {
	t.Helper()
	c, err := ethrpc.Dial(rpc, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.CloseIdleConnections)
	return &ledger{rpc: rpc, node: c}
}

// startAnvil runs the native binary, not npm's wrapper, so that what is killed at the end is the chain itself. Port 0 lets the system
// choose a free one.
func startAnvil(t testing.TB, flags ...string) (rpc string, kill func()) {
	t.Helper()
	node(t)
	arch := map[string]string{"amd64": "amd64", "arm64": "arm64"}[runtime.GOARCH]
	program, err := filepath.Abs(filepath.Join("node_modules", "@foundry-rs", "anvil-"+runtime.GOOS+"-"+arch, "bin", "anvil"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(program); err != nil {
		t.Fatalf("anvil is not installed for this machine (was `npm ci` run?): %v", err)
	}
	home := t.TempDir() // it looks for settings there, and keeps files
	cmd := exec.Command(program, append([]string{"--host", "127.0.0.1", "--port", "0", "--chain-id", fmt.Sprint(anvilChain)}, flags...)...)
	cmd.Env = append(os.Environ(), "HOME="+home, "TMPDIR="+home, "NO_COLOR=1")
	out := &watched{line: make(chan string, 1), want: "Listening on "}
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	kill = sync.OnceFunc(func() { cmd.Process.Kill(); cmd.Wait() })
	t.Cleanup(kill)
	select {
	case address := <-out.line:
		return "http://" + address, kill
	case <-time.After(time.Minute):
		t.Fatalf("anvil does not listen:\n%s", out.String())
	}
	return "", kill
}

// watched looks for a line in what a process prints, and keeps the end of all of it.
type watched struct {
	tail
	line chan string
	want string
	once sync.Once
}

func (w *watched) Write(b []byte) (int, error) {
	w.tail.Write(b)
	if _, rest, ok := strings.Cut(w.tail.String()+"\n", w.want); ok {
		if address, _, ok := strings.Cut(rest, "\n"); ok {
			w.once.Do(func() { w.line <- strings.TrimSpace(address) })
		}
	}
	return len(b), nil
}

// call asks the node and ends the test if it refuses.
func (l *ledger) call(t testing.TB, result any, name string, params ...any) {
	t.Helper()
	if err := l.node.Call(t.Context(), result, name, params...); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

// owner makes an account with a new key and ten ether.
func (l *ledger) owner(t testing.TB) *anchor.KeySigner {
	t.Helper()
	s, err := anchor.Generate()
	if err != nil {
		t.Fatal(err)
	}
	l.fund(t, s.Address())
	return s
}

func (l *ledger) fund(t testing.TB, a didethr.Address) { t.Helper(); l.pay(t, a, 10) }

func (l *ledger) pay(t testing.TB, a didethr.Address, ether int64) {
	t.Helper()
	wei := new(big.Int).Mul(big.NewInt(ether), big.NewInt(1e18))
	switch {
	case l.rich != "":
		var hash string
		l.call(t, &hash, "eth_sendTransaction", map[string]any{"from": l.rich, "to": a.String(), "value": "0x" + wei.Text(16), "gas": "0x61a80"})
		(&hand{l: l}).mined(t, common.HexToHash(hash))
		return
	case l.chain == nil:
		l.call(t, nil, "anvil_setBalance", a.String(), "0x"+wei.Text(16))
		return
	}
	to := [20]byte(a)
	if _, err := l.chain.Transact(l.chain.Accounts()[0], &to, wei, nil); err != nil {
		t.Fatal(err)
	}
}

// deploy puts our registry on the chain.
func (l *ledger) deploy(t testing.TB) {
	t.Helper()
	r, _, err := anchor.Deploy(t.Context(), anchor.Config{Network: l.registry, Finality: "latest"}, l.owner(t))
	if err != nil {
		t.Fatal(err)
	}
	l.use(t, r)
}

// use takes a registry that is there.
func (l *ledger) use(t testing.TB, r *anchor.Registry) {
	t.Helper()
	l.open, l.registry = r, r.Network()
	l.read(t)
}

// read makes the resolver.
func (l *ledger) read(t testing.TB) {
	t.Helper()
	var err error
	if l.resolver, err = didethr.New(didethr.Config{Networks: []didethr.Network{l.registry}, Finality: "latest"}); err != nil {
		t.Fatal(err)
	}
}

// head is the number of the newest block.
func (l *ledger) head(t testing.TB) uint64 {
	t.Helper()
	var n hexUint
	l.call(t, &n, "eth_blockNumber")
	return uint64(n)
}

type hexUint uint64

func (n *hexUint) UnmarshalJSON(b []byte) error {
	v, ok := new(big.Int).SetString(string(bytes.Trim(b, `"`)), 0)
	if !ok || !v.IsUint64() {
		return errors.New("no number")
	}
	*n = hexUint(v.Uint64())
	return nil
}

// block makes what anchor did count: its block, or the end of the test.
func block(t testing.TB) func(anchor.Receipt, error) uint64 {
	return func(r anchor.Receipt, err error) uint64 {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return r.Block
	}
}
