package anchor

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/core/types"

	"github.com/khyer/khyer/did/didethr/ethrtest"
)

func gwei(n int64) *big.Int { return new(big.Int).Mul(big.NewInt(n), big.NewInt(1e9)) }

// history is the answer to eth_feeHistory of a node that claims a base fee.
func history(base *big.Int) func(json.RawMessage) (json.RawMessage, bool) {
	return func(json.RawMessage) (json.RawMessage, bool) {
		return json.RawMessage(fmt.Sprintf(`{"oldestBlock":"0x1","baseFeePerGas":["0x%x","0x%x"],"reward":[["0x1"]],"gasUsedRatio":[0.5]}`, base, base)), true
	}
}

func number(n *big.Int) func(json.RawMessage) (json.RawMessage, bool) {
	return func(json.RawMessage) (json.RawMessage, bool) { return json.RawMessage(fmt.Sprintf(`"0x%x"`, n)), true }
}

// TestNodeLiesAboutFees: whatever a node says about prices, a transaction cannot cost more than Config.MaxFee.
func TestNodeLiesAboutFees(t *testing.T) {
	ctx := context.Background()
	chain := start(t, ethrtest.Options{})
	cfg := config(chain)
	cfg.MaxFee = big.NewInt(5e15)
	r := deploy(t, chain, cfg)
	owner := person(t, chain, 0)
	i := r.Identity(owner.Address(), owner)
	height := chain.Head().Number
	for name, f := range map[string]func(_, answer []byte) []byte{
		"base fee":      lying("eth_feeHistory", history(gwei(1e9))),
		"endless fee":   lying("eth_feeHistory", history(new(big.Int).Lsh(big.NewInt(1), 255))),
		"priority fee":  lying("eth_maxPriorityFeePerGas", number(gwei(1e9))),
		"gas":           lying("eth_estimateGas", number(big.NewInt(1e15))),
		"endless gas":   lying("eth_estimateGas", number(new(big.Int).SetUint64(1<<64-1))),
		"just too much": lying("eth_maxPriorityFeePerGas", number(gwei(1000))),
		"reward instead": func(q, a []byte) []byte {
			return lying("eth_maxPriorityFeePerGas", failing)(q, lying("eth_feeHistory", richReward)(q, a))
		},
	} {
		chain.Interfere(f)
		got, err := one(i.Apply(ctx, AddKey(signingKey(t), VeriKey, time.Hour)))
		if wants(t, err, FeeTooHigh); got.State != Unsent {
			t.Errorf("%s: %+v", name, got)
		}
	}
	for name, f := range map[string]func(_, answer []byte) []byte{
		"no base fee":    lying("eth_feeHistory", func(json.RawMessage) (json.RawMessage, bool) { return json.RawMessage(`{"baseFeePerGas":[]}`), true }),
		"a negative fee": lying("eth_maxPriorityFeePerGas", func(json.RawMessage) (json.RawMessage, bool) { return json.RawMessage(`"-0x1"`), true }),
		"more than a word": lying("eth_maxPriorityFeePerGas", func(json.RawMessage) (json.RawMessage, bool) {
			return json.RawMessage(`"0x1` + strings.Repeat("0", 64) + `"`), true
		}),
		"gas of null":       lying("eth_estimateGas", func(json.RawMessage) (json.RawMessage, bool) { return json.RawMessage(`null`), true }),
		"balance of a word": lying("eth_getBalance", func(json.RawMessage) (json.RawMessage, bool) { return json.RawMessage(`"much"`), true }),
	} {
		chain.Interfere(f)
		_, err := one(i.Apply(ctx, AddKey(signingKey(t), VeriKey, time.Hour)))
		if err == nil {
			t.Errorf("%s is believed", name)
			continue
		}
		wants(t, err, NoAnswer)
	}
	if chain.Head().Number != height {
		t.Error("something was sent")
	}
	// Where twice the base fee would be too much and the fee itself is not, the cap is offered.
	chain.Interfere(lying("eth_feeHistory", history(gwei(45))))
	got, err := one(i.Apply(ctx, AddKey(signingKey(t), VeriKey, time.Hour)))
	if err != nil {
		t.Fatal(err)
	}
	if most := new(big.Int).Mul(got.job.tx.feeCap, new(big.Int).SetUint64(got.job.tx.gas)); most.Cmp(cfg.MaxFee) > 0 || got.job.tx.feeCap.Cmp(gwei(46)) < 0 {
		t.Errorf("offered %v for each of %d", got.job.tx.feeCap, got.job.tx.gas)
	}
	for _, wrong := range []Config{{Network: cfg.Network, MaxFee: big.NewInt(0)}, {Network: cfg.Network, MaxFee: big.NewInt(-1)}, {Network: cfg.Network, BumpAfter: -1}} {
		wrong.Network.Registry = r.network.Registry
		_, err := Open(ctx, wrong)
		wants(t, err, BadConfig)
	}
}

func failing(json.RawMessage) (json.RawMessage, bool) {
	return json.RawMessage(`{"code":-32601,"message":"no such method"}`), false
}

func richReward(json.RawMessage) (json.RawMessage, bool) {
	return json.RawMessage(`{"baseFeePerGas":["0x1"],"reward":[["0xffffffffffffffff"]]}`), true
}

// TestStuckTransactionIsReplaced: a node that lies about the base fee gets a transaction that no block takes. Once prices are right it is
// replaced by one with the same nonce that pays at least a tenth more on both counts, and that is mined.
func TestStuckTransactionIsReplaced(t *testing.T) {
	chain := start(t, ethrtest.Options{})
	cfg := config(chain)
	cfg.BumpAfter = 50 * time.Millisecond
	replaced := make(chan [32]byte, 10)
	cfg.Progress = func(p Progress) {
		if p.Stage == Replacing {
			replaced <- p.Tx
		}
	}
	r := deploy(t, chain, cfg)
	owner := person(t, chain, 0)
	cheap := lying("eth_feeHistory", history(big.NewInt(1)))
	cheaper := lying("eth_maxPriorityFeePerGas", number(big.NewInt(1)))
	var raws []*types.Transaction
	chain.Interfere(func(request, answer []byte) []byte {
		if bytes.Contains(request, []byte("eth_sendRawTransaction")) {
			raws = append(raws, rawOf(t, request))
			chain.Interfere(nil) // from now on the node is honest
		}
		return cheap(request, cheaper(request, answer))
	})
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	key := signingKey(t)
	got, err := one(r.Identity(owner.Address(), owner).Apply(ctx, AddKey(key, VeriKey, time.Hour)))
	if err != nil {
		t.Fatal(err)
	}
	first, last := raws[0], got.job.tx
	if got.Tx == [32]byte(first.Hash()) || last.nonce != first.Nonce() {
		t.Error("the first transaction was not replaced")
	}
	tenth := func(n *big.Int) *big.Int {
		return new(big.Int).Div(new(big.Int).Add(new(big.Int).Mul(n, big.NewInt(11)), big.NewInt(9)), big.NewInt(10))
	}
	if last.tip.Cmp(tenth(first.GasTipCap())) < 0 || last.feeCap.Cmp(tenth(first.GasFeeCap())) < 0 {
		t.Errorf("%v and %v do not outbid %v and %v", last.tip, last.feeCap, first.GasTipCap(), first.GasFeeCap())
	}
	select {
	case tx := <-replaced:
		if tx == [32]byte(first.Hash()) {
			t.Error("progress names the replaced transaction")
		}
	default:
		t.Error("no progress was told")
	}
	if n := mined(t, r, owner.Address()); n != 1 {
		t.Errorf("%d transactions for one operation", n)
	}
	if there, _ := published(resolve(t, r, chain, r.DID(owner.Address())), key); !there {
		t.Error("the key is not published")
	}
}

// rawOf decodes the one transaction that a request hands in.
func rawOf(t *testing.T, request []byte) *types.Transaction {
	var calls []struct{ Params []hexBytes }
	tx := new(types.Transaction)
	if err := json.Unmarshal(request, &calls); err != nil || len(calls) != 1 || tx.UnmarshalBinary(calls[0].Params[0]) != nil {
		t.Errorf("%s: %v", request, err)
	}
	return tx
}

// TestRaisingStopsAtTheCap: replacing goes on until MaxFee, and never beyond.
func TestRaisingStopsAtTheCap(t *testing.T) {
	chain := start(t, ethrtest.Options{Manual: true})
	stop := mining(t, chain)
	cfg := config(chain)
	cfg.BumpAfter = time.Millisecond
	r := deploy(t, chain, cfg)
	stop()
	owner := person(t, chain, 0)
	r.maxFee = new(big.Int).Mul(gwei(4), big.NewInt(90_000)) // a few steps above what it costs
	seen := handed{raws: map[string]bool{}}
	chain.Interfere(func(request, answer []byte) []byte { seen.note(request); return answer })
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	_, err := one(r.Identity(owner.Address(), owner).Apply(ctx, AddKey(signingKey(t), VeriKey, time.Hour)))
	wants(t, err, NoAnswer)
	if n := seen.count(); n < 2 || n > maxBumps {
		t.Errorf("signed %d times", n)
	}
	for raw := range seen.raws {
		var b hexBytes
		tx := new(types.Transaction)
		if err := json.Unmarshal([]byte(raw), &b); err != nil || tx.UnmarshalBinary(b) != nil {
			t.Fatal(err)
		}
		if cost := new(big.Int).Mul(tx.GasFeeCap(), new(big.Int).SetUint64(tx.Gas())); cost.Cmp(r.maxFee) > 0 {
			t.Errorf("one may cost %v, the cap is %v", cost, r.maxFee)
		}
	}
}

// TestFreshAccountUnderTheNextFork: there, 21 000 gas do not pay for an account that was not there before (EIP-8037).
func TestFreshAccountUnderTheNextFork(t *testing.T) {
	for fork, least := range map[ethrtest.Fork]uint64{ethrtest.Osaka: 21_000, ethrtest.Amsterdam: 100_000} {
		chain := start(t, ethrtest.Options{Fork: fork})
		r := deploy(t, chain, config(chain))
		got, err := r.Fund(context.Background(), person(t, chain, 0), generated(t).Address(), pocketMoney)
		if err != nil || got.GasUsed < least {
			t.Errorf("%s: %d gas, %v", fork, got.GasUsed, err)
		}
	}
}
