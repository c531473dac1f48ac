package didethr

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync"

	"github.com/khyer/khyer/did"
	"github.com/khyer/khyer/internal/ethrpc"
	"github.com/khyer/khyer/internal/strictjson"
)

// The links between changes do not show everything: within a block, every event after the first points to the block itself, so one
// of them can be missing unnoticed. Two more sources close the gap, as far as one node's word goes: the accumulator of our registry, in
// the same request, and for other registries the receipts of the blocks with a change, once for each block.

// fold hashes the events as the contract's accumulator does: see contract/README.md.
func (r *reading) fold() (sum [32]byte) {
	identity := addressWord(r.identity)
	for i := range r.events {
		e := &r.events[i]
		leaf := e.leaf(identity)
		sum = keccak(sum[:], leaf[:], word(e.block), word(r.blocks[e.block].Time))
	}
	return sum
}

// leaf is keccak256(abi.encode(version, identity, kind, every field of the event)). The log's data is the encoding of the fields already;
// of an attribute, whose value stands behind the others, only the place of the value moves: three more words come before it.
func (e *event) leaf(identity [32]byte) [32]byte {
	const version, words = 1, 7
	head := [][]byte{word(version), identity[:], word(uint64(e.kind) + 1)}
	if e.kind != attributeChanged {
		return keccak(append(head, e.data)...)
	}
	return keccak(append(head, e.data[:32], word(32*words), e.data[64:])...)
}

func word(n uint64) []byte {
	w := make([]byte, 32)
	for i := 31; n > 0; i-- {
		w[i], n = byte(n), n>>8
	}
	return w
}

// accumulator takes the answer to history(identity). Registries without one revert, and where there is no code a call gives nothing.
// Any other refusal may be over the next time, so it says nothing about the registry.
func (r *reading) accumulator(c *ethrpc.Call) error {
	r.sum = nil
	var b []byte
	if !reverted(c.Err) {
		var err error
		if b, err = bytesOfCall(c); err != nil {
			return err
		}
	}
	switch len(b) {
	case 0:
		if r.node.sums.Load() {
			return fault(did.IncompleteAnswer, "the node no longer gives the registry's accumulator, which it gave before")
		}
	case 32:
		r.sum = (*[32]byte)(b)
		r.node.sums.Store(true)
	default:
		return wrap(did.GarbledAnswer, errShape)
	}
	return nil
}

// complete checks that no event is missing in any block.
func (r *reading) complete(ctx context.Context) error {
	if r.sum != nil {
		if r.fold() != *r.sum {
			return open("the logs are not those that the registry's accumulator has seen")
		}
		return nil
	}
	counts := map[uint64]int{}
	var order []uint64
	for i := range r.events {
		n := r.events[i].block
		if counts[n]++; counts[n] == 1 {
			order = append(order, n)
		}
	}
	var unknown []uint64
	for _, n := range order {
		switch seen, ok := r.node.confirmed.get(place{r.blocks[n].Hash, r.network.Registry, r.identity}); {
		case !ok:
			unknown = append(unknown, n)
		case seen != counts[n]:
			return open("a block has other logs than it had before")
		}
	}
	return r.receipts(ctx, unknown, counts)
}

// reverted tells a contract's refusal from a node's. Code 3 is what geth, and those that follow it, give; others have codes of their own (-32000,
// -32015, -32603) that also mean other things, and name it in the message or in its data.
func reverted(err error) bool {
	var e *ethrpc.Error
	if !errors.As(err, &e) {
		return false
	}
	const code = 3
	return e.Code == code || strings.Contains(strings.ToLower(e.Message), "revert") || bytes.Contains(bytes.ToLower(e.Data), []byte("revert"))
}

// unsupported tells a node that does not know a method from one that refuses a call now.
func unsupported(err error) bool {
	const (
		methodNotFound     = -32601 // JSON-RPC 2.0 section 5.1
		methodNotSupported = -32004 // EIP-1474, section "Error codes"
	)
	var e *ethrpc.Error
	return errors.As(err, &e) && (e.Code == methodNotFound || e.Code == methodNotSupported)
}

// Receipts of a full block on mainnet are about a megabyte, those of a small chain's a thousandth: the first few show what the others
// will weigh.
const (
	receiptsFirst = 8       // blocks in the first request; also the most in one, if they are large
	receiptsMost  = 100     // blocks in a later one
	receiptsBytes = 4 << 20 // aimed at in an answer
)

// receipts compares the numbers of events in blocks with the blocks' receipts. A node that does not know the method has no say.
func (r *reading) receipts(ctx context.Context, blocks []uint64, counts map[uint64]int) error {
	size, part, rest := receiptsFirst, blocks, []uint64(nil)
	if len(blocks) > atOnce*size {
		part, rest = blocks[:size], blocks[size:]
	}
	for len(part) > 0 && !r.node.noReceipts.Load() {
		weight, refused, err := r.receiptsOf(ctx, part, size, counts)
		if refused || err != nil {
			return err
		}
		size = min(max(receiptsBytes/(weight/len(part)+1), receiptsFirst), receiptsMost)
		part, rest = rest, nil
	}
	return nil
}

func (r *reading) receiptsOf(ctx context.Context, blocks []uint64, size int, counts map[uint64]int) (weight int, refused bool, err error) {
	calls := make([]ethrpc.Call, len(blocks))
	for i, n := range blocks {
		calls[i] = ethrpc.Call{Method: "eth_getBlockReceipts", Params: []any{quantity(n)}}
	}
	if err := r.sendParts(ctx, calls, size); err != nil {
		return 0, false, err
	}
	for i, n := range blocks {
		if unsupported(calls[i].Err) {
			r.node.noReceipts.Store(true)
			return 0, true, nil
		}
		v, err := result(&calls[i])
		if err != nil {
			return 0, false, err
		}
		found, err := r.inReceipts(v, n)
		if err != nil {
			return 0, false, err
		}
		if found != counts[n] {
			return 0, false, open("the receipts of a block have other logs than the node gave")
		}
		weight += len(calls[i].Result)
		r.node.confirmed.put(place{r.blocks[n].Hash, r.network.Registry, r.identity}, found)
	}
	return weight, false, nil
}

func (r *reading) inReceipts(receipts strictjson.Value, block uint64) (found int, err error) {
	if receipts.Kind() == strictjson.Null {
		return 0, fault(did.Unavailable, "the node has no receipts of a block with a change")
	}
	for receipt := range receipts.Elements() {
		logs := receipt.Get("logs")
		room := newRoom(logs.Len())
		for e := range logs.Elements() {
			l, _, _, err := room.log(e)
			if err != nil {
				return 0, wrap(did.GarbledAnswer, err)
			}
			if !l.isERC1056(r.network.Registry, r.identity) {
				continue
			}
			if l.Block != block || l.BlockHash != r.blocks[block].Hash {
				return 0, open("receipts of another block")
			}
			found++
		}
	}
	return found, nil
}

// place names an identity's events in a block. Blocks never change, so what a node's receipts once said about one is remembered.
type place struct {
	block              [32]byte
	registry, identity Address
}

type memory struct {
	mu   sync.Mutex
	seen map[place]int
}

const maxMemory = 1 << 16 // entries of some 100 bytes

func (m *memory) get(p place) (int, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n, ok := m.seen[p]
	return n, ok
}

func (m *memory) put(p place, n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.seen == nil || len(m.seen) >= maxMemory {
		m.seen = map[place]int{}
	}
	m.seen[p] = n
}

// errOpen says that the parts of an answer do not fit together: something is missing, or the chain moved while it was read.
var errOpen = errors.New("didethr: the answer's parts do not fit together")
