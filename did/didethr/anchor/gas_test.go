package anchor

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"math/big"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/khyer/khyer/did/didethr/ethrtest"
)

// The gas table of ../contract/README.md. Our column is measured here. Those of the deployed registries stand in testdata/gas-stock.json: the
// interop tests (testvectors/interop) measure them, where npm has the bytecode, with the very calls of testdata/gas-calls.json, and
// fail when the file is out of date.
//
//	go test ./did/didethr/anchor -run GasTable -update

var update = flag.Bool("update", false, "write the gas table and the calls it was measured with")

const (
	gasReadme = "../contract/README.md"
	gasCalls  = "testdata/gas-calls.json"
	gasStock  = "testdata/gas-stock.json"
	gasBegin  = "<!-- go test ./did/didethr/anchor -run GasTable -update writes from here -->\n"
	gasEnd    = "<!-- to here -->\n"
)

// gasCall is one operation of the table: a call of the registry by an account of the chain.
type gasCall struct {
	Operation string `json:"operation"`
	From      int    `json:"from"`             // who sends it
	Signer    *int   `json:"signer,omitempty"` // who signs it, if it is a signed operation; Data is the direct one then
	Data      string `json:"data"`             // hexadecimal
}

const gasAccounts = 8

// gasScript lists the operations in their order. An account's first one is the identity's first change.
func gasScript(w *world) (script []gasCall, calls []modelCall) {
	const first, heir, second, third, fourth = 3, 4, 5, 6, 7
	add := func(operation string, from int, c modelCall) {
		if c.validity == nil {
			c.validity = big.NewInt(86400)
		}
		script = append(script, gasCall{operation, from, nil, hex.EncodeToString(c.calldata(nil))})
		calls = append(calls, c)
	}
	attribute := func(operation, op, name string, value []byte) {
		add(operation, first, modelCall{op: op, identity: w.id(first), name: name, value: value})
	}
	const multikey = "did/pub/Multikey/veriKey"
	p256 := func(n byte) []byte { return append([]byte{0x80, 0x24, 2, n}, bytes.Repeat([]byte{0xa5}, 31)...) }
	attribute("P-256 key, first change of an identity", "SetAttribute", multikey, p256(1))
	attribute("P-256 key, later", "SetAttribute", multikey, p256(2))
	attribute("Ed25519 key, later", "SetAttribute", "did/pub/Ed25519/veriKey", bytes.Repeat([]byte{0xa5}, 32))
	attribute("ML-DSA-44 key (1,314 bytes), later", "SetAttribute", multikey, bytes.Repeat([]byte{0xa5}, 1314))
	attribute("service (40 bytes), later", "SetAttribute", "did/svc/Example", bytes.Repeat([]byte{'a'}, 40))
	attribute("revoke a P-256 key", "RevokeAttribute", multikey, p256(1))
	delegate := modelCall{op: "AddDelegate", identity: w.id(first), name: "veriKey", party: w.id(heir)}
	add("add a delegate, later", first, delegate)
	add("renew a delegate", first, delegate)
	delegate.op = "RevokeDelegate"
	add("revoke a delegate", first, delegate)
	owner := func(operation string, from int, id, to [20]byte) {
		add(operation, from, modelCall{op: "ChangeOwner", identity: id, party: to})
	}
	owner("change of owner, first of an identity that changed before", first, w.id(first), w.id(heir))
	owner("change of owner, later", heir, w.id(first), w.id(first))
	owner("deactivation, later", first, w.id(first), [20]byte{})
	owner("change of owner, first change of an identity", second, w.id(second), w.id(heir))
	signed := func(operation string, signer int, c modelCall) {
		c.identity, c.signed, c.deadline = w.id(signer), false, noDeadline
		add(operation, relay, c)
		script[len(script)-1].Signer, calls[len(calls)-1].signed = &signer, true
	}
	signed("signed: P-256 key, first change of an identity", third, modelCall{op: "SetAttribute", name: multikey, value: p256(1)})
	signed("signed: P-256 key, later", third, modelCall{op: "SetAttribute", name: multikey, value: p256(2)})
	signed("signed: change of owner, first change of an identity", fourth, modelCall{op: "ChangeOwner", party: w.id(heir)})
	return script, calls
}

const (
	gasDeploy = "deployment"
	gasWallet = "signed by a contract's key (ERC-1271): P-256 key, later"
)

// gas measures all operations under the rules of a fork.
func gas(t *testing.T, fork ethrtest.Fork) (script []gasCall, used map[string]uint64) {
	w := newWorld(t, ethrtest.Options{Fork: fork, Accounts: gasAccounts, Start: time.Unix(1_800_000_000, 0)})
	script, calls := gasScript(w)
	used = map[string]uint64{gasDeploy: w.deployed}
	sent := func(from, signer int, c modelCall) uint64 {
		c.over = w.nonce(c.identity)
		return w.must(from, c.calldata(w.signature(signer, c.text(w.chain.ChainID(), w.registry)))).GasUsed
	}
	var last modelCall
	for i, s := range script {
		if s.Signer == nil {
			used[s.Operation] = w.must(s.From, calls[i].calldata(nil)).GasUsed
			continue
		}
		used[s.Operation] = sent(s.From, *s.Signer, calls[i])
		if calls[i].op == "SetAttribute" {
			last = calls[i]
		}
	}
	// The last one once more, but now the identity belongs to a contract with a key.
	const third = 6
	w.must(third, changeOwner(last.identity, w.install(walletOf(w.id(karma)))))
	used[gasWallet] = sent(relay, karma, last)
	return script, used
}

// stockGas is testdata/gas-stock.json: registry, fork, operation.
type stockGas map[string]map[string]map[string]uint64

func TestGasTable(t *testing.T) {
	script, osaka := gas(t, ethrtest.Osaka)
	_, amsterdam := gas(t, ethrtest.Amsterdam)
	calls, err := json.MarshalIndent(script, "", "\t")
	if err != nil {
		t.Fatal(err)
	}
	keep(t, gasCalls, append(calls, '\n'))
	text, err := os.ReadFile(gasStock)
	if err != nil {
		t.Fatal(err)
	}
	var stock stockGas
	if err := json.Unmarshal(text, &stock); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	out.WriteString("\n| operation | Osaka: **here** | 0.0.3 | 1.3.0 | Amsterdam: **here** | 1.3.0 |\n|---|---|---|---|---|---|\n")
	row := func(operation string) {
		fmt.Fprintf(&out, "| %s | **%s** | %s | %s | **%s** | %s |\n", operation, figure(osaka[operation]), figure(stock["0.0.3"]["osaka"][operation]),
			figure(stock["1.3.0"]["osaka"][operation]), figure(amsterdam[operation]), figure(stock["1.3.0"]["amsterdam"][operation]))
	}
	row(gasDeploy)
	for _, s := range script {
		row(s.Operation)
		for registry, forks := range stock {
			for fork, used := range forks {
				if used[s.Operation] == 0 {
					t.Errorf("%s has no figure of %s under %s: the interop tests write it", gasStock, registry, fork)
				}
			}
		}
	}
	row(gasWallet)
	out.WriteString("\n")
	readme, err := os.ReadFile(gasReadme)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(readme), gasBegin)
	_, after, ended := strings.Cut(rest, gasEnd)
	if !found || !ended {
		t.Fatalf("%s has no place for the table", gasReadme)
	}
	keep(t, gasReadme, []byte(before+gasBegin+out.String()+gasEnd+after))
}

// keep compares a file with what it should be, or writes it.
func keep(t *testing.T, path string, want []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, want, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s is out of date: go test ./did/didethr/anchor -run GasTable -update", path)
	}
}

// figure writes a number in groups of three digits, and a missing one as a dash.
func figure(n uint64) string {
	if n == 0 {
		return "–"
	}
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + " " + s[i:]
	}
	return s
}

// TestEstimateOnTopOfTheLastChange: a node estimates on the state and with the number of its newest block. If the identity changed in that very
// block, the estimate lacks the price of writing the number of the block, which the next block has another one of. That is a fixed sum, so
// the smaller an operation is, the less a quarter covers it.
func TestEstimateOnTopOfTheLastChange(t *testing.T) {
	for _, fork := range []ethrtest.Fork{ethrtest.Osaka, ethrtest.Amsterdam} {
		ctx := context.Background()
		chain := start(t, ethrtest.Options{Fork: fork})
		r := deploy(t, chain, config(chain))
		owner, deputy := person(t, chain, 0), person(t, chain, 1)
		i := r.Identity(owner.Address(), owner)
		key := signingKey(t)
		for _, o := range []Op{AddKey(key, VeriKey, time.Hour), AddDelegate(deputy.Address(), VeriKey, time.Hour), AddService("S", "https://s.example", time.Hour),
			RevokeDelegate(deputy.Address(), VeriKey), RevokeKey(key, VeriKey), ChangeOwner(owner.Address()), Deactivate()} {
			var estimate hexUint
			registry := r.Network().Registry
			if err := r.node.Call(ctx, &estimate, "eth_estimateGas", newCall(owner.Address(), &registry, nil, o.calldata(owner.Address()))); err != nil {
				t.Fatal(err)
			}
			got, err := i.Apply(ctx, o)
			if err != nil {
				t.Fatal(err)
			}
			short := int(got[0].GasUsed) - int(estimate)
			t.Logf("%s: %s needs %d, %+d of the estimate", fork, o, got[0].GasUsed, short)
			if room := int(limit(uint64(estimate))) - int(got[0].GasUsed); room < 10_000 {
				t.Errorf("%s: %s has %d gas to spare", fork, o, room)
			}
		}
	}
}
