package ethrtest

import (
	"context"
	"encoding/json"
	"errors"
	"math/big"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/consensus"
	"github.com/ethereum/go-ethereum/core"
	"github.com/ethereum/go-ethereum/core/rawdb"
	"github.com/ethereum/go-ethereum/core/state"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/core/vm"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/trie"

	"github.com/khyer/khyer/internal/ethrpc"
)

// box keeps a word in slot 0: called with a word it stores and logs it (as the only topic), and reverts if the word is zero; called
// with nothing it returns the word.
var box = hexutil.MustDecode("0x601f8060095f395ff3" + "36600c575f545f5260205ff35b5f358015601b57805f555f5fa1005b5f5ffd")

func word(n int64) []byte { return common.BigToHash(big.NewInt(n)).Bytes() }

func open(t testing.TB, o Options) (*Chain, *ethrpc.Client) {
	t.Helper()
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	client, err := ethrpc.Dial(c.URL(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.CloseIdleConnections(); c.Close() })
	return c, client
}

func call[T any](t testing.TB, c *ethrpc.Client, method string, params ...any) T {
	t.Helper()
	var v T
	if err := c.Call(context.Background(), &v, method, params...); err != nil {
		t.Fatalf("%s: %v", method, err)
	}
	return v
}

// refused returns the node's error.
func refused(t testing.TB, c *ethrpc.Client, method string, params ...any) *ethrpc.Error {
	t.Helper()
	var e *ethrpc.Error
	if err := c.Call(context.Background(), nil, method, params...); !errors.As(err, &e) {
		t.Fatalf("%s: got %v, want a refusal", method, err)
	}
	return e
}

func transact(t testing.TB, c *Chain, from int, to *[20]byte, data []byte) Receipt {
	t.Helper()
	hash, err := c.Transact(c.Accounts()[from], to, nil, data)
	if err != nil {
		t.Fatal(err)
	}
	r, ok := c.Receipt(hash)
	if !ok {
		t.Fatal("the transaction is in no block")
	}
	return r
}

func deployBox(t testing.TB, c *Chain) *[20]byte {
	t.Helper()
	r := transact(t, c, 0, nil, box)
	if !r.OK {
		t.Fatal("deployment was reverted")
	}
	return &r.Contract
}

// TestHeadersHashToTheirBlocks takes a block apart as a client sees it, and computes each root and the hash anew.
func TestHeadersHashToTheirBlocks(t *testing.T) {
	for _, fork := range []Fork{Prague, Osaka, Amsterdam} {
		t.Run(string(fork), func(t *testing.T) {
			c, rpc := open(t, Options{Fork: fork, Manual: true})
			for i := range 3 {
				if _, err := c.Transact(c.Accounts()[i], nil, nil, box); err != nil {
					t.Fatal(err)
				}
			}
			if err := c.Mine(2); err != nil {
				t.Fatal(err)
			}
			parent := common.Hash{}
			for n := range 3 {
				at := hexutil.EncodeUint64(uint64(n))
				raw := call[json.RawMessage](t, rpc, "eth_getBlockByNumber", at, true)
				var h types.Header
				var b struct {
					Hash         common.Hash
					Transactions types.Transactions
				}
				if json.Unmarshal(raw, &h) != nil || json.Unmarshal(raw, &b) != nil {
					t.Fatalf("no block: %s", raw)
				}
				receipts := call[types.Receipts](t, rpc, "eth_getBlockReceipts", at)
				if h.Hash() != b.Hash || h.ParentHash != parent {
					t.Fatalf("block %d: header hashes to %x, the block is %x", n, h.Hash(), b.Hash)
				}
				parent = b.Hash
				if want := map[bool]int{true: 3, false: 0}[n == 1]; len(b.Transactions) != want || len(receipts) != want {
					t.Fatalf("block %d has %d transactions and %d receipts", n, len(b.Transactions), len(receipts))
				}
				if types.DeriveSha(b.Transactions, trie.NewStackTrie(nil)) != h.TxHash {
					t.Fatal("transactions do not hash to their root")
				}
				if types.DeriveSha(receipts, trie.NewStackTrie(nil)) != h.ReceiptHash {
					t.Fatal("receipts do not hash to their root")
				}
				if types.MergeBloom(receipts) != h.Bloom {
					t.Fatal("the bloom filter is not that of the receipts")
				}
			}
		})
	}
}

// judge is the ledger with an engine to which go-ethereum's block processor may hand a block.
type judge struct{ *ledger }

func (judge) Engine() consensus.Engine { return noRewards{} }

type noRewards struct{ noConsensus }

func (noRewards) Finalize(consensus.ChainHeaderReader, *types.Header, vm.StateDB, *types.Body) {}

// TestBlocksPassGoEthereumsProcessor executes our blocks again with go-ethereum's own block processor.
func TestBlocksPassGoEthereumsProcessor(t *testing.T) {
	for _, fork := range []Fork{Prague, Osaka, Amsterdam} {
		c, _ := open(t, Options{Fork: fork})
		b := deployBox(t, c)
		transact(t, c, 1, b, word(7))
		transact(t, c, 1, b, word(0)) // reverts
		transact(t, c, 2, b, word(9))
		if err := c.Mine(2); err != nil {
			t.Fatal(err)
		}
		c.judge(t, fork)
	}
}

// judge holds the lock also if it fails: Close needs it.
func (c *Chain) judge(t *testing.T, fork Fork) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	p := core.NewStateProcessor(judge{c.ledger})
	for i, e := range c.ledger.canonical[1:] {
		s, err := c.ledger.stateAt(c.ledger.canonical[i].block.Root())
		if err != nil {
			t.Fatal(err)
		}
		got, err := p.Process(context.Background(), e.block, s, nil, nil, vm.Config{}, nil)
		if err != nil {
			t.Fatalf("%s block %d: %v", fork, i+1, err)
		}
		h := e.block.Header()
		if got.GasUsed != h.GasUsed || types.DeriveSha(types.Receipts(got.Receipts), trie.NewStackTrie(nil)) != h.ReceiptHash ||
			s.IntermediateRoot(c.ledger.rules(h)) != h.Root || types.CalcRequestsHash(got.Requests) != *h.RequestsHash {
			t.Fatalf("%s block %d: go-ethereum comes to another result", fork, i+1)
		}
	}
}

func TestStateOfThePast(t *testing.T) {
	c, rpc := open(t, Options{})
	b := deployBox(t, c)
	seven := transact(t, c, 1, b, word(7)).Block
	nine := transact(t, c, 1, b, word(9)).Block
	if err := c.Mine(3); err != nil {
		t.Fatal(err)
	}
	to := map[string]any{"to": common.Address(*b)}
	for _, tt := range []struct {
		at   any
		want int64
	}{
		{hexutil.EncodeUint64(seven.Number), 7},
		{hexutil.EncodeUint64(nine.Number), 9},
		{"latest", 9},
		{"pending", 9},
		{map[string]any{"blockHash": common.Hash(seven.Hash), "requireCanonical": true}, 7},
		{map[string]any{"blockNumber": hexutil.EncodeUint64(seven.Number)}, 7},
	} {
		if got := call[common.Hash](t, rpc, "eth_call", to, tt.at); got.Big().Int64() != tt.want {
			t.Errorf("eth_call at %v: %v, want %d", tt.at, got, tt.want)
		}
		if got := call[common.Hash](t, rpc, "eth_getStorageAt", common.Address(*b), "0x0", tt.at); got.Big().Int64() != tt.want {
			t.Errorf("slot at %v: %v, want %d", tt.at, got, tt.want)
		}
	}
	if code := call[hexutil.Bytes](t, rpc, "eth_getCode", common.Address(*b), "earliest"); len(code) != 0 {
		t.Error("the contract has code before it exists")
	}
	if e := refused(t, rpc, "eth_call", to, "0xffff"); e.Message != "header not found" {
		t.Error(e)
	}
	if e := refused(t, rpc, "eth_call", map[string]any{"to": common.Address(*b), "data": hexutil.Encode(word(0))}, "latest"); e.Code != codeReverted {
		t.Error(e)
	}
}

func TestReorganisation(t *testing.T) {
	c, rpc := open(t, Options{})
	b := deployBox(t, c)
	base := c.Head()
	var empty [2]Block // of the two branches
	for i := range empty {
		if err := c.Mine(1); err != nil {
			t.Fatal(err)
		}
		empty[i] = c.Head()
		if err := c.Rewind(base.Number); err != nil {
			t.Fatal(err)
		}
	}
	if empty[0].Number != empty[1].Number || empty[0].Hash == empty[1].Hash {
		t.Fatal("two branches have the same block")
	}
	lost := transact(t, c, 1, b, word(7)).Block
	if err := c.Rewind(base.Number); err != nil {
		t.Fatal(err)
	}
	won := transact(t, c, 1, b, word(8)).Block
	if won.Number != lost.Number || won.Hash == lost.Hash {
		t.Fatal("the new branch is the old one")
	}
	to := map[string]any{"to": common.Address(*b)}
	orphan := map[string]any{"blockHash": common.Hash(lost.Hash)}
	if got := call[common.Hash](t, rpc, "eth_call", to, orphan); got.Big().Int64() != 7 {
		t.Error("an orphaned state cannot be read by hash")
	}
	orphan["requireCanonical"] = true
	if e := refused(t, rpc, "eth_call", to, orphan); e.Message != "hash is not currently canonical" {
		t.Error(e)
	}
	if err := c.Mine(40); err != nil {
		t.Fatal(err)
	}
	if err := c.Finalize(); err != nil {
		t.Fatal(err)
	}
	if err := c.Rewind(base.Number); err == nil {
		t.Error("a finalized block was undone")
	}
}

func TestFinality(t *testing.T) {
	c, rpc := open(t, Options{})
	number := func(tag string) uint64 {
		return uint64(call[struct{ Number hexutil.Uint64 }](t, rpc, "eth_getBlockByNumber", tag, false).Number)
	}
	for _, tt := range []struct{ mine, latest, safe, final uint64 }{{0, 0, 0, 0}, {31, 31, 0, 0}, {1, 32, 32, 0}, {31, 63, 32, 0}, {1, 64, 64, 32}} {
		if err := c.Mine(int(tt.mine)); err != nil {
			t.Fatal(err)
		}
		if l, s, f := number("latest"), number("safe"), number("finalized"); l != tt.latest || s != tt.safe || f != tt.final {
			t.Errorf("latest %d safe %d finalized %d, want %+v", l, s, f, tt)
		}
	}
	head := c.Head()
	if err := c.Finalize(); err != nil {
		t.Fatal(err)
	}
	if c.Finalized().Number < head.Number || c.Head().Number-head.Number > 63 {
		t.Errorf("after Finalize: head %d, finalized %d", c.Head().Number, c.Finalized().Number)
	}
}

func TestClock(t *testing.T) {
	start := time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)
	c, _ := open(t, Options{Start: start})
	if err := c.Mine(2); err != nil || !c.Head().Time.Equal(start.Add(2*time.Second)) {
		t.Fatal(c.Head().Time, err)
	}
	c.Advance(time.Hour)
	c.SetTime(start) // earlier: changes nothing
	if err := c.Mine(1); err != nil || !c.Head().Time.Equal(start.Add(time.Hour+2*time.Second)) || !c.Now().Equal(c.Head().Time) {
		t.Fatal(c.Head().Time, err)
	}
}

func TestPoolRefuses(t *testing.T) {
	c, rpc := open(t, Options{})
	rich := c.Accounts()[0]
	key, _ := crypto.ToECDSA(rich.Key[:])
	poor, _ := crypto.GenerateKey()
	gwei := big.NewInt(1e9)
	to := common.Address(c.Accounts()[1].Address)
	fine := types.DynamicFeeTx{ChainID: big.NewInt(1337), GasTipCap: gwei, GasFeeCap: new(big.Int).Mul(gwei, big.NewInt(3)), Gas: 21000, To: &to, Value: big.NewInt(1)}
	send := func(change func(*types.DynamicFeeTx)) string {
		tx := fine
		change(&tx)
		signed := types.MustSignNewTx(key, types.LatestSignerForChainID(tx.ChainID), &tx)
		raw, _ := signed.MarshalBinary()
		return refused(t, rpc, "eth_sendRawTransaction", hexutil.Encode(raw)).Message
	}
	if err := c.Mine(1); err != nil {
		t.Fatal(err)
	}
	transact(t, c, 0, (*[20]byte)(&to), nil)
	for name, tt := range map[string]struct {
		change func(*types.DynamicFeeTx)
		want   string
	}{
		"nonce spent":    {func(tx *types.DynamicFeeTx) {}, "nonce too low"},
		"other chain":    {func(tx *types.DynamicFeeTx) { tx.ChainID = big.NewInt(1) }, "invalid chain id"},
		"too little gas": {func(tx *types.DynamicFeeTx) { tx.Nonce, tx.Gas = 1, 20999 }, "intrinsic gas too low"},
		"too much gas":   {func(tx *types.DynamicFeeTx) { tx.Nonce, tx.Gas = 1, gasLimit+1 }, "exceeds block gas limit"},
		"above the cap":  {func(tx *types.DynamicFeeTx) { tx.Nonce, tx.Gas = 1, 1<<24+1 }, "transaction gas limit too high"},
		"tip above fee":  {func(tx *types.DynamicFeeTx) { tx.Nonce, tx.GasTipCap = 1, big.NewInt(1e18) }, "max priority fee per gas higher than max fee per gas"},
		"too dear":       {func(tx *types.DynamicFeeTx) { tx.Nonce, tx.Value = 1, new(big.Int).Lsh(big.NewInt(1), 80) }, "insufficient funds"},
	} {
		if got := send(tt.change); !strings.Contains(got, tt.want) {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
	tx := types.MustSignNewTx(poor, types.LatestSignerForChainID(fine.ChainID), &fine)
	raw, _ := tx.MarshalBinary()
	if e := refused(t, rpc, "eth_sendRawTransaction", hexutil.Encode(raw)); !strings.Contains(e.Message, "insufficient funds") {
		t.Error(e)
	}
	unprotected := types.MustSignNewTx(key, types.HomesteadSigner{}, &types.LegacyTx{Nonce: 1, Gas: 21000, To: &to, GasPrice: fine.GasFeeCap})
	raw, _ = unprotected.MarshalBinary()
	if e := refused(t, rpc, "eth_sendRawTransaction", hexutil.Encode(raw)); !strings.Contains(e.Message, "replay-protected") {
		t.Error(e)
	}
	for _, garbage := range []string{"0x", "0x02", "0xc0", "0x02c0", "0xff"} {
		refused(t, rpc, "eth_sendRawTransaction", garbage)
	}
}

func TestLegacyTransactionAndQueue(t *testing.T) {
	c, rpc := open(t, Options{})
	key, _ := crypto.ToECDSA(c.Accounts()[0].Key[:])
	to := common.Address(c.Accounts()[1].Address)
	send := func(nonce uint64) common.Hash {
		tx := types.MustSignNewTx(key, types.LatestSignerForChainID(big.NewInt(1337)), &types.LegacyTx{Nonce: nonce, Gas: 21000, To: &to, Value: big.NewInt(5), GasPrice: big.NewInt(5e9)})
		raw, _ := tx.MarshalBinary()
		return call[common.Hash](t, rpc, "eth_sendRawTransaction", hexutil.Encode(raw))
	}
	second := send(1) // waits for the first
	if _, mined := c.Receipt(second); mined || c.Head().Number != 0 {
		t.Fatal("a transaction was mined before its predecessor")
	}
	if got := call[map[string]any](t, rpc, "eth_getTransactionByHash", second); got["blockHash"] != nil {
		t.Fatal("a waiting transaction has a block")
	}
	first := send(0)
	a, okA := c.Receipt(first)
	b, okB := c.Receipt(second)
	if !okA || !okB || !a.OK || !b.OK || a.GasUsed != 21000 || a.Block != b.Block {
		t.Fatal(a, b)
	}
	balance := call[*hexutil.Big](t, rpc, "eth_getBalance", to, "latest").ToInt()
	if want, _ := new(big.Int).SetString("1000000000000000000010", 10); balance.Cmp(want) != 0 {
		t.Error(balance)
	}
	r := call[struct{ EffectiveGasPrice, GasUsed, Status hexutil.Uint64 }](t, rpc, "eth_getTransactionReceipt", first)
	if r.EffectiveGasPrice != 5e9 || r.Status != 1 {
		t.Error(r)
	}
}

func TestManualMining(t *testing.T) {
	c, rpc := open(t, Options{Manual: true})
	from := c.Accounts()[0].Address
	for range 3 {
		if _, err := c.Transact(c.Accounts()[0], nil, nil, box); err != nil {
			t.Fatal(err)
		}
	}
	if n := call[hexutil.Uint64](t, rpc, "eth_getTransactionCount", common.Address(from), "pending"); n != 3 {
		t.Errorf("pending nonce %d", n)
	}
	if n := call[hexutil.Uint64](t, rpc, "eth_getTransactionCount", common.Address(from), "latest"); n != 0 {
		t.Errorf("nonce %d", n)
	}
	pending := call[map[string]any](t, rpc, "eth_getBlockByNumber", "pending", false)
	if pending["hash"] != nil || pending["number"] != "0x1" || len(pending["transactions"].([]any)) != 3 {
		t.Errorf("pending block: %v", pending)
	}
	if err := c.Mine(1); err != nil {
		t.Fatal(err)
	}
	if b := call[map[string]any](t, rpc, "eth_getBlockByNumber", "latest", false); len(b["transactions"].([]any)) != 3 {
		t.Error("the block does not hold the three transactions")
	}
}

func TestLogs(t *testing.T) {
	c, rpc := open(t, Options{MaxLogRange: 8})
	b := deployBox(t, c)
	other := deployBox(t, c)
	var at []Block
	for n := int64(1); n <= 3; n++ {
		at = append(at, transact(t, c, 1, b, word(n)).Block)
		transact(t, c, 2, other, word(n))
	}
	topic := func(n int64) common.Hash { return common.BytesToHash(word(n)) }
	find := func(f map[string]any) (got []int64) {
		t.Helper()
		for _, l := range call[[]types.Log](t, rpc, "eth_getLogs", f) {
			got = append(got, l.Topics[0].Big().Int64())
		}
		return got
	}
	from := hexutil.EncodeUint64(at[0].Number)
	addr := common.Address(*b)
	for name, tt := range map[string]struct {
		f    map[string]any
		want []int64
	}{
		"address":     {map[string]any{"fromBlock": from, "address": addr}, []int64{1, 2, 3}},
		"addresses":   {map[string]any{"fromBlock": from, "address": []any{addr, common.Address(*other)}}, []int64{1, 1, 2, 2, 3, 3}},
		"topic":       {map[string]any{"fromBlock": from, "address": addr, "topics": []any{topic(2)}}, []int64{2}},
		"or":          {map[string]any{"fromBlock": from, "address": addr, "topics": []any{[]any{topic(1), topic(3)}}}, []int64{1, 3}},
		"any":         {map[string]any{"fromBlock": from, "address": addr, "topics": []any{nil}}, []int64{1, 2, 3}},
		"more topics": {map[string]any{"fromBlock": from, "address": addr, "topics": []any{nil, topic(1)}}, nil},
		"block":       {map[string]any{"blockHash": common.Hash(at[1].Hash)}, []int64{2}},
		"newest":      {map[string]any{"topics": []any{}}, []int64{3}},
		"range":       {map[string]any{"fromBlock": from, "toBlock": from}, []int64{1}},
	} {
		got := find(tt.f)
		if len(got) != len(tt.want) {
			t.Errorf("%s: %v, want %v", name, got, tt.want)
			continue
		}
		for i := range got {
			if got[i] != tt.want[i] {
				t.Errorf("%s: %v, want %v", name, got, tt.want)
			}
		}
	}
	for want, f := range map[string]map[string]any{
		"exceed maximum block range 8":                   {"fromBlock": "0x0"},
		"invalid block range params":                     {"fromBlock": "0x3", "toBlock": "0x2"},
		"block range extends beyond current head block":  {"fromBlock": "0x3", "toBlock": "0x99"},
		"can't specify fromBlock/toBlock with blockHash": {"fromBlock": "0x3", "blockHash": common.Hash(at[0].Hash)},
		"unknown block":                                  {"blockHash": common.Hash{1}},
	} {
		if e := refused(t, rpc, "eth_getLogs", f); e.Message != want {
			t.Errorf("got %q, want %q", e.Message, want)
		}
	}
}

func TestEstimateAndFees(t *testing.T) {
	c, rpc := open(t, Options{})
	b := deployBox(t, c)
	store := map[string]any{"from": common.Address(c.Accounts()[1].Address), "to": common.Address(*b), "data": hexutil.Encode(word(7))}
	gas := uint64(call[hexutil.Uint64](t, rpc, "eth_estimateGas", store))
	r := transact(t, c, 1, b, word(7))
	if gas < r.GasUsed || gas > r.GasUsed+r.GasUsed/20 {
		t.Errorf("estimated %d, used %d", gas, r.GasUsed)
	}
	store["data"] = hexutil.Encode(word(0))
	if e := refused(t, rpc, "eth_estimateGas", store); e.Code != codeReverted || e.Message != "execution reverted" {
		t.Error(e)
	}
	h := call[struct {
		OldestBlock   hexutil.Uint64
		Reward        [][]*hexutil.Big
		BaseFeePerGas []*hexutil.Big
		GasUsedRatio  []float64
	}](t, rpc, "eth_feeHistory", "0x5", "latest", []float64{50})
	if h.OldestBlock != 0 || len(h.BaseFeePerGas) != 4 || len(h.GasUsedRatio) != 3 || h.Reward[1][0].ToInt().Int64() != 1e9 || h.GasUsedRatio[1] <= 0 {
		t.Errorf("fee history %+v", h)
	}
	if err := c.Mine(1); err != nil {
		t.Fatal(err)
	}
	head := call[types.Header](t, rpc, "eth_getHeaderByNumber", "latest")
	if head.BaseFee.Cmp(h.BaseFeePerGas[3].ToInt()) != 0 {
		t.Error("the next base fee was foretold wrongly")
	}
}

func TestProofsHold(t *testing.T) {
	c, rpc := open(t, Options{})
	b := deployBox(t, c)
	transact(t, c, 1, b, word(7))
	root := call[types.Header](t, rpc, "eth_getHeaderByNumber", "latest").Root
	type proof struct {
		AccountProof []hexutil.Bytes
		StorageHash  common.Hash
		StorageProof []struct {
			Value *hexutil.Big
			Proof []hexutil.Bytes
		}
	}
	verify := func(root common.Hash, key []byte, nodes []hexutil.Bytes) []byte {
		db := rawdb.NewMemoryDatabase()
		for _, n := range nodes {
			db.Put(crypto.Keccak256(n), n)
		}
		v, err := trie.VerifyProof(root, crypto.Keccak256(key), db)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	p := call[proof](t, rpc, "eth_getProof", common.Address(*b), []string{"0x0", "0x1"}, "latest")
	acc, err := types.FullAccount(verify(root, b[:], p.AccountProof))
	if err == nil && acc.Root != p.StorageHash {
		err = errors.New("another storage root")
	}
	if err != nil {
		t.Fatal(err)
	}
	if got := verify(acc.Root, word(0), p.StorageProof[0].Proof); len(got) != 1 || got[0] != 7 || p.StorageProof[0].Value.ToInt().Int64() != 7 {
		t.Errorf("slot 0 is proved to be %x", got)
	}
	if got := verify(acc.Root, word(1), p.StorageProof[1].Proof); got != nil {
		t.Errorf("slot 1 is proved to be %x", got)
	}
	nobody := call[proof](t, rpc, "eth_getProof", common.Address{9}, []string{}, "latest")
	if got := verify(root, common.Address{9}.Bytes(), nobody.AccountProof); got != nil || nobody.StorageHash != types.EmptyRootHash {
		t.Errorf("an account that is not there is proved to be %x", got)
	}
}

func TestInterference(t *testing.T) {
	c, rpc := open(t, Options{})
	c.Interfere(func(_, answer []byte) []byte { return []byte("<html>") })
	if err := rpc.Call(context.Background(), nil, "eth_chainId"); !errors.Is(err, ethrpc.ErrGarbled) {
		t.Error(err)
	}
	c.Interfere(func(_, answer []byte) []byte { return answer[:len(answer)/2] })
	if err := rpc.Call(context.Background(), nil, "eth_chainId"); !errors.Is(err, ethrpc.ErrIncomplete) {
		t.Error(err)
	}
	c.Interfere(func(_, _ []byte) []byte { return nil })
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Millisecond)
	defer cancel()
	if err := rpc.Call(ctx, nil, "eth_chainId"); !errors.Is(err, ethrpc.ErrNoAnswer) {
		t.Error(err)
	}
	c.Interfere(nil)
	if id := call[hexutil.Uint64](t, rpc, "eth_chainId"); id != 1337 {
		t.Error(id)
	}
}

func TestNonsenseIsRefusedNotFatal(t *testing.T) {
	_, rpc := open(t, Options{})
	values := []any{nil, "", "0x", "0xzz", "latest", -1, 1.5, []any{}, map[string]any{}, strings.Repeat("0", 70), true,
		map[string]any{"blockHash": "0x1"}, map[string]any{"to": "0x1"}, map[string]any{"blockNumber": map[string]any{}}}
	for name := range methods {
		for _, a := range values {
			for _, b := range values {
				calls := []ethrpc.Call{{Method: name}, {Method: name, Params: []any{a}}, {Method: name, Params: []any{a, b}}}
				if err := rpc.Batch(context.Background(), calls); err != nil {
					t.Fatalf("%s %v %v: %v", name, a, b, err)
				}
			}
		}
	}
	if e := refused(t, rpc, "eth_mine"); e.Code != codeNoMethod {
		t.Error(e)
	}
}

// The state of the EVM is go-ethereum's; this line fails to compile if that changes.
var _ vm.StateDB = (*state.StateDB)(nil)

// Clients keep what they know about a chain under its first block. Two chains that were started in one second are two chains.
func TestEveryChainHasAGenesisOfItsOwn(t *testing.T) {
	same := time.Unix(1_800_000_000, 0)
	genesis := func(o Options) [32]byte {
		c, _ := open(t, o)
		return c.Head().Hash
	}
	for _, o := range []Options{{}, {Start: same}} {
		if first, second := genesis(o), genesis(o); first == second {
			t.Error("two chains have one genesis")
		}
	}
	fixed := Options{Start: same, Fixed: true}
	if first, second := genesis(fixed), genesis(fixed); first != second {
		t.Error("a fixed genesis is not fixed")
	}
}

// TestForeignHost: a page in a browser reaches the port under a name of its own, and gets nothing.
func TestForeignHost(t *testing.T) {
	c, _ := open(t, Options{})
	for host, want := range map[string]int{"": http.StatusOK, "localhost": http.StatusOK, "chain.example": http.StatusForbidden, "host.docker.internal": http.StatusForbidden} {
		r, err := http.NewRequest(http.MethodPost, c.URL(), strings.NewReader(`{"jsonrpc":"2.0","id":1,"method":"eth_chainId"}`))
		if err != nil {
			t.Fatal(err)
		}
		if host != "" {
			r.Host = host + c.URL()[strings.LastIndexByte(c.URL(), ':'):]
		}
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != want {
			t.Errorf("%q: %d, want %d", host, answer.StatusCode, want)
		}
	}
	http.DefaultClient.CloseIdleConnections()
}
