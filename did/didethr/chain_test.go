package didethr

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/khyer/khyer/did"
)

// chain is a node for tests: it answers the few calls that the resolver makes from a list of logs, and lets a test falsify them.
type chain struct {
	chainID  uint64
	registry Address
	blocks   []Block // consecutive
	logs     []Log
	tagged   map[string]uint64 // blocks of the tags; those not set are the newest block
	stamps   bool              // whether logs carry blockTimestamp
	sums     bool              // whether the registry has our accumulator
	receipts bool              // whether the node serves receipts
	code     []byte
	branch   byte // of the blocks that are mined

	mu       sync.Mutex
	held     bool                                              // by hold, which the test's own goroutine calls
	tamper   func(method string, params []any, result any) any // may return *rpcError
	raw      func(w http.ResponseWriter, r *http.Request) bool // whether it has answered
	requests int
	calls    []string
}

type rpcError struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
}

// refused is an answer with an error of any shape.
type refused struct{ reason any }

const testRegistry = "0x00000000000000000000000000000000000e1056"

var testTime = time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)

// newChain has block 0 to 9, one a minute.
func newChain() *chain {
	registry, _ := ParseAddress(testRegistry)
	c := &chain{chainID: 1337, registry: registry, tagged: map[string]uint64{}, stamps: true, code: []byte{0x60}}
	c.mine(10)
	return c
}

// turn keeps a change apart from requests that a resolver has left, since they may still be answered. It does nothing within hold.
func (c *chain) turn() (end func()) {
	if c.held {
		return func() {}
	}
	c.mu.Lock()
	return c.mu.Unlock
}

// hold makes several changes one.
func (c *chain) hold(change func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.held = true
	change()
	c.held = false
}

func (c *chain) mine(n int) {
	defer c.turn()()
	for range n {
		number := uint64(len(c.blocks))
		c.blocks = append(c.blocks, Block{number, keccak([]byte("block"), binary.BigEndian.AppendUint64(nil, number), []byte{c.branch}), uint64(testTime.Unix()) + 60*number})
	}
}

func (c *chain) head() Block { return c.blocks[len(c.blocks)-1] }

// emit adds a log to the newest block, linked as the registry does.
func (c *chain) emit(identity Address, topic [32]byte, data func(previous []byte) []byte) {
	defer c.turn()()
	previous, _ := c.stateAt(identity, c.head().Number)
	index := uint64(0)
	for _, l := range c.logs {
		if l.Block == c.head().Number {
			index = l.Index + 1
		}
	}
	c.logs = append(c.logs, Log{Address: c.registry, Topics: [][32]byte{topic, addressWord(identity)},
		Data: data(uintWord(previous)), Block: c.head().Number, BlockHash: c.head().Hash, Index: index})
}

func uintWord(n uint64) []byte { return binary.BigEndian.AppendUint64(make([]byte, 24), n) }

func textWord(s string) []byte { return append([]byte(s), make([]byte, 32-len(s))...) }

func (c *chain) changeOwner(identity, owner Address) {
	w := addressWord(owner)
	c.emit(identity, topicOwner, func(previous []byte) []byte { return append(w[:], previous...) })
}

func (c *chain) delegate(identity Address, kind string, delegate Address, validTo uint64) {
	w := addressWord(delegate)
	c.emit(identity, topicDelegate, func(previous []byte) []byte {
		return append(append(append(textWord(kind), w[:]...), uintWord(validTo)...), previous...)
	})
}

func (c *chain) attribute(identity Address, name string, value []byte, validTo uint64) {
	c.emit(identity, topicAttribute, func(previous []byte) []byte {
		return attributeData(name, value, uintWord(validTo), previous)
	})
}

func attributeData(name string, value, validTo, previous []byte) []byte {
	d := append(append(append(textWord(name), uintWord(128)...), validTo...), previous...)
	d = append(append(d, uintWord(uint64(len(value)))...), value...)
	return append(d, make([]byte, (32-len(value)%32)%32)...)
}

// stateAt is what the contract's storage holds: the last change and the owner.
func (c *chain) stateAt(identity Address, block uint64) (changed uint64, owner Address) {
	owner = identity
	for i := range c.logs {
		l := &c.logs[i]
		if l.Block > block || !l.isERC1056(c.registry, identity) {
			continue
		}
		changed = l.Block
		if l.Topics[0] == topicOwner && len(l.Data) >= 32 {
			if owner = Address(l.Data[12:32]); owner == (Address{}) {
				owner = identity
			}
		}
	}
	return changed, owner
}

// sum is the contract's accumulator, written from its Solidity.
func (c *chain) sum(identity Address, block uint64) (sum [32]byte) {
	for _, l := range c.logs {
		if l.Block > block || !l.isERC1056(c.registry, identity) {
			continue
		}
		id := l.Topics[1]
		leaf := append(uintWord(1), id[:]...)
		switch l.Topics[0] {
		case topicOwner:
			leaf = append(append(leaf, uintWord(1)...), l.Data...)
		case topicDelegate:
			leaf = append(append(leaf, uintWord(2)...), l.Data...)
		default:
			leaf = append(append(append(append(leaf, uintWord(3)...), l.Data[:32]...), uintWord(7*32)...), l.Data[64:]...)
		}
		hash := keccak(leaf)
		b, _ := c.block(l.Block)
		sum = keccak(sum[:], hash[:], uintWord(b.Number), uintWord(b.Time))
	}
	return sum
}

func (c *chain) number(tag string) uint64 {
	if n, err := strconv.ParseUint(strings.TrimPrefix(tag, "0x"), 16, 64); err == nil && tag[0] == '0' {
		return n
	}
	if n, ok := c.tagged[tag]; ok {
		return n
	}
	return c.head().Number
}

func (c *chain) block(n uint64) (Block, bool) {
	first := c.blocks[0].Number
	if n < first || n > c.head().Number {
		return Block{}, false
	}
	return c.blocks[n-first], true
}

func (c *chain) answer(method string, params []any) any {
	switch method {
	case "eth_chainId":
		return quantity(c.chainID)
	case "eth_getCode":
		return "0x" + hex.EncodeToString(c.code)
	case "eth_getBlockByNumber":
		if b, ok := c.block(c.number(params[0].(string))); ok {
			return c.sealed(b)
		}
		return nil
	case "eth_call":
		return c.view(params)
	case "eth_getBlockReceipts":
		if !c.receipts {
			return &rpcError{-32601, "no such method"}
		}
		logs := []any{}
		for _, l := range c.logs {
			if l.Block == c.number(params[0].(string)) {
				logs = append(logs, c.logJSON(l))
			}
		}
		return []any{map[string]any{"logs": logs}, map[string]any{"logs": []any{}}}
	case "eth_getLogs":
		return c.filter(params[0].(map[string]any))
	}
	return &rpcError{-32601, "no such method"}
}

func header(b Block) map[string]any {
	return map[string]any{"number": quantity(b.Number), "hash": hex32(b.Hash), "timestamp": quantity(b.Time)}
}

// sealed is a header with its parent and bloom.
func (c *chain) sealed(b Block) map[string]any {
	h := header(b)
	parent, _ := c.block(b.Number - 1)
	h["parentHash"] = hex32(parent.Hash)
	var bloom [256]byte
	for _, l := range c.logs {
		if l.Block != b.Number {
			continue
		}
		for _, v := range append([][]byte{l.Address[:]}, l.Topics[0][:], l.Topics[1][:]) {
			sum := keccak(v)
			for i := range 3 {
				bit := binary.BigEndian.Uint16(sum[2*i:]) % 2048
				bloom[255-bit/8] |= 1 << (bit % 8)
			}
		}
	}
	h["logsBloom"] = "0x" + hex.EncodeToString(bloom[:])
	return h
}

// fork makes block n the newest one and drops what came after it; blocks mined from now on have other hashes.
func (c *chain) fork(n uint64) {
	defer c.turn()()
	c.blocks, c.branch = c.blocks[:n+1], c.branch+1
	c.logs = slices.DeleteFunc(c.logs, func(l Log) bool { return l.Block > n })
}

func (c *chain) view(params []any) any {
	var at uint64
	switch p := params[1].(type) {
	case string:
		at = c.number(p)
	case map[string]any:
		if p["requireCanonical"] != true {
			return &rpcError{-32602, "requireCanonical is not set"}
		}
		for _, b := range c.blocks {
			if hex32(b.Hash) == p["blockHash"] {
				at = b.Number
			}
		}
		if at == 0 {
			return &rpcError{-32000, "hash is not currently canonical"}
		}
	}
	data, _ := hex.DecodeString(params[0].(map[string]any)["data"].(string)[2:])
	changed, owner := c.stateAt(Address(data[16:]), at)
	if string(data[:4]) == string(selectorHistory) {
		if !c.sums {
			return &rpcError{3, "execution reverted"}
		}
		return hex32(c.sum(Address(data[16:]), at))
	}
	if string(data[:4]) == string(selectorChanged) {
		return "0x" + hex.EncodeToString(uintWord(changed))
	}
	return hex32(addressWord(owner))
}

func (c *chain) filter(f map[string]any) any {
	first, last := c.number(f["fromBlock"].(string)), c.number(f["toBlock"].(string))
	topics := f["topics"].([]any)
	out := []any{}
	for _, l := range c.logs {
		if l.Block >= first && l.Block <= last && l.Address == c.registry && (len(topics) < 2 || hex32(l.Topics[1]) == topics[1]) {
			out = append(out, c.logJSON(l))
		}
	}
	return out
}

func (c *chain) logJSON(l Log) map[string]any {
	m := map[string]any{"address": l.Address.String(), "data": "0x" + hex.EncodeToString(l.Data), "blockNumber": quantity(l.Block),
		"blockHash": hex32(l.BlockHash), "logIndex": quantity(l.Index), "removed": false}
	topics := []string{}
	for _, t := range l.Topics {
		topics = append(topics, hex32(t))
	}
	m["topics"] = topics
	if b, ok := c.block(l.Block); ok && c.stamps {
		m["blockTimestamp"] = quantity(b.Time)
	}
	return m
}

// asked is the number of requests so far, some of which may still be unanswered.
func (c *chain) asked() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.requests
}

func (c *chain) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	raw := c.raw
	c.requests++
	c.mu.Unlock()
	if raw != nil && raw(w, r) {
		return
	}
	body, _ := io.ReadAll(r.Body)
	var in []struct {
		ID     uint64
		Method string
		Params []any
	}
	if json.Unmarshal(body, &in) != nil {
		http.Error(w, "no batch", http.StatusBadRequest)
		return
	}
	out := []map[string]any{}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, q := range in {
		c.calls = append(c.calls, q.Method)
		res := c.answer(q.Method, q.Params)
		if c.tamper != nil {
			res = c.tamper(q.Method, q.Params, res)
		}
		a := map[string]any{"jsonrpc": "2.0", "id": q.ID}
		if e, ok := res.(*rpcError); ok {
			a["error"] = e
		} else if e, ok := res.(refused); ok {
			a["error"] = e.reason
		} else {
			a["result"] = res
		}
		out = append(out, a)
	}
	_ = json.NewEncoder(w).Encode(out)
}

// serve starts the node and a resolver for it. The clock stands at the newest block's time.
func (c *chain) serve(t testing.TB, change ...func(*Config)) *Resolver {
	t.Helper()
	s := httptest.NewServer(c)
	t.Cleanup(s.Close)
	conf := Config{
		Networks: []Network{{Name: "dev", ChainID: c.chainID, Registry: c.registry, RPC: []string{s.URL}}},
		Now:      func() time.Time { return unix(c.head().Time) },
	}
	if c.chainID == 1 {
		conf.Networks[0].Name = "mainnet"
	}
	for _, f := range change {
		f(&conf)
	}
	r, err := New(conf)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// issuer is an identity of the tests, by a number.
func issuer(n byte) (Address, did.DID) {
	a := Address{0x15, 19: n}
	id, err := did.Parse("did:ethr:dev:" + strings.ToLower(a.String()))
	if err != nil {
		panic(err)
	}
	return a, id
}
