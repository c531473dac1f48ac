package interop_test

import (
	"crypto/ecdsa"
	"encoding/json"
	"math/big"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/accounts/abi"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"

	"github.com/khyer/khyer/did/didethr"
)

// hand writes with one account and without asking for prices: a thousand changes in seconds, on any chain.
type hand struct {
	l       *ledger
	key     *ecdsa.PrivateKey
	address common.Address
	nonce   uint64
}

const handGas = 6_000_000 // of a deployment; other transactions use a small part of it

// newHand makes an account with ten ether.
func (l *ledger) newHand(t testing.TB) *hand {
	t.Helper()
	k, err := crypto.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	h := &hand{l: l, key: k, address: crypto.PubkeyToAddress(k.PublicKey)}
	l.fund(t, [20]byte(h.address))
	return h
}

// send hands a transaction in and does not wait for its block.
func (h *hand) send(t testing.TB, to *common.Address, data []byte) common.Hash {
	t.Helper()
	gas := uint64(handGas)
	if to != nil {
		gas = 300_000
	}
	gwei := big.NewInt(1e9)
	tx, err := types.SignNewTx(h.key, types.LatestSignerForChainID(new(big.Int).SetUint64(h.l.registry.ChainID)), &types.DynamicFeeTx{
		ChainID: new(big.Int).SetUint64(h.l.registry.ChainID), Nonce: h.nonce, GasTipCap: gwei, GasFeeCap: new(big.Int).Mul(gwei, big.NewInt(20)),
		Gas: gas, To: to, Data: data})
	if err != nil {
		t.Fatal(err)
	}
	raw, err := tx.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	// geth has a block a moment before its pool knows what an account owns there.
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		err := h.l.node.Call(t.Context(), nil, "eth_sendRawTransaction", hexutil.Encode(raw))
		if err == nil {
			break
		}
		if !strings.Contains(err.Error(), "insufficient funds") || time.Now().After(end) {
			t.Fatalf("eth_sendRawTransaction: %v", err)
		}
	}
	h.nonce++
	return tx.Hash()
}

type handReceipt struct {
	Status, BlockNumber hexUint
	ContractAddress     *common.Address
}

// receipt waits for a transaction's block.
func (h *hand) receipt(t testing.TB, hash common.Hash) handReceipt {
	t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		var r *handReceipt
		// geth refuses for a moment after its start, while it indexes what is there.
		if err := h.l.node.Call(t.Context(), &r, "eth_getTransactionReceipt", hash); err != nil {
			continue
		}
		if r != nil && r.BlockNumber != 0 {
			return *r
		}
	}
	t.Fatal("a transaction comes into no block")
	return handReceipt{}
}

// mined is the block of a transaction, which must have succeeded.
func (h *hand) mined(t testing.TB, hash common.Hash) uint64 {
	t.Helper()
	r := h.receipt(t, hash)
	if r.Status != 1 {
		t.Fatal("the registry refused")
	}
	return uint64(r.BlockNumber)
}

// write calls the registry.
func (h *hand) write(t testing.TB, function string, args ...any) common.Hash {
	t.Helper()
	to := common.Address(h.l.registry.Registry)
	return h.send(t, &to, erc1056Call(t, function, args...))
}

// erc1056Call encodes a call of ERC-1056. Its functions are the same in all registries, ours included.
func erc1056Call(t testing.TB, function string, args ...any) []byte {
	t.Helper()
	data, err := artifact(t, "1.3.0").ABI.Pack(function, args...)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// compiled is a registry as npm has it.
type compiled struct {
	ABI      abi.ABI
	Bytecode hexutil.Bytes
}

// artifacts are the two generations of the registry: that of Sepolia, Gnosis and others, and that of mainnet and Polygon.
var artifacts = map[string]string{
	"1.3.0": "node_modules/ethr-did-registry/artifacts/contracts/EthereumDIDRegistry.sol/EthereumDIDRegistry.json",
	"0.0.3": "node_modules/ethr-did-registry-legacy/build/contracts/EthereumDIDRegistry.json",
}

var readArtifacts = map[string]*compiled{}

func artifact(t testing.TB, version string) *compiled {
	t.Helper()
	if a := readArtifacts[version]; a != nil {
		return a
	}
	text, err := os.ReadFile(artifacts[version])
	if err != nil {
		t.Fatalf("was `npm ci` run? %v", err)
	}
	a := new(compiled)
	if err := json.Unmarshal(text, a); err != nil {
		t.Fatal(err)
	}
	if len(a.Bytecode) == 0 || !strings.Contains(string(text), "changeOwnerSigned") {
		t.Fatal("that is no registry")
	}
	readArtifacts[version] = a
	return a
}

// deployStock puts one of npm's registries on the chain.
func (l *ledger) deployStock(t testing.TB, version string) {
	t.Helper()
	l.deployCode(t, artifact(t, version).Bytecode)
}

func (l *ledger) deployCode(t testing.TB, code []byte) {
	t.Helper()
	h := l.newHand(t)
	if l.manual {
		l.tick(t, time.Time{})
	}
	hash := h.send(t, nil, code)
	if l.manual {
		l.tick(t, time.Time{})
	}
	r := h.receipt(t, hash)
	if r.Status != 1 || r.ContractAddress == nil {
		t.Fatal("the registry was not deployed")
	}
	l.registry.Registry, l.registry.FromBlock = [20]byte(*r.ContractAddress), uint64(r.BlockNumber)
	var runtime hexutil.Bytes
	l.call(t, &runtime, "eth_getCode", l.registry.Registry.String(), "latest")
	l.registry.CodeHash = crypto.Keccak256Hash(runtime)
	l.read(t)
}

// other is the compressed public key of somebody else.
func (h *hand) other(t testing.TB) []byte {
	t.Helper()
	k, err := crypto.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	return crypto.CompressPubkey(&k.PublicKey)
}

// history is what the node has about an identity, as didethr.Fold takes it.
func (l *ledger) history(t testing.TB, identity common.Address) didethr.History {
	t.Helper()
	type block struct {
		Number, Timestamp hexUint
		Hash              common.Hash
	}
	at := func(number string) didethr.Block {
		var b block
		l.call(t, &b, "eth_getBlockByNumber", number, false)
		return didethr.Block{Number: uint64(b.Number), Hash: b.Hash, Time: uint64(b.Timestamp)}
	}
	var logs []struct {
		Address               common.Address
		Topics                []common.Hash
		Data                  hexutil.Bytes
		BlockNumber, LogIndex hexUint
		BlockHash             common.Hash
	}
	l.call(t, &logs, "eth_getLogs", map[string]any{"address": l.registry.Registry.String(), "fromBlock": "0x0", "toBlock": "latest",
		"topics": []any{nil, common.BytesToHash(identity[:])}})
	h := didethr.History{Head: at("latest"), Blocks: map[uint64]didethr.Block{}}
	for _, x := range logs {
		log := didethr.Log{Address: [20]byte(x.Address), Data: x.Data, Block: uint64(x.BlockNumber), BlockHash: x.BlockHash, Index: uint64(x.LogIndex)}
		for _, topic := range x.Topics {
			log.Topics = append(log.Topics, topic)
		}
		h.Logs = append(h.Logs, log)
		if _, ok := h.Blocks[log.Block]; !ok {
			h.Blocks[log.Block] = at(hexutil.EncodeUint64(log.Block))
		}
	}
	return h
}
