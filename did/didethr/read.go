package didethr

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/khyer/khyer/did"
	"github.com/khyer/khyer/internal/ethrpc"
)

// Bounds of what one resolution believes from one node.
const (
	maxAnswer = 16 << 20 // bytes of one answer
	maxEvents = 10_000   // of one identity
	maxWalk   = 1_000    // requests of a walk
	walkSpan  = 1_000    // blocks that a walk asks for at once, unless the node allows less: what providers are known to allow at least
	maxBatch  = 100      // headers in one request
	atOnce    = 4        // requests to one node at a time
)

// node is one endpoint.
type node struct {
	client *ethrpc.Client
	place  int         // in Network.RPC, from 1: errors name it so, because URLs hold access keys
	known  atomic.Bool // its chain id and the registry's code have been compared
	sums   atomic.Bool // the registry has an accumulator: it was read once

	span       atomic.Uint64 // of blocks whose logs it gives at once, where it has refused more; 0 means not known
	noReceipts atomic.Bool   // it does not know eth_getBlockReceipts
	confirmed  memory        // how many events its receipts have for an identity in a block
	reached    atomic.Uint64 // the highest block that it has answered from
}

// reading is one resolution's conversation with one node.
type reading struct {
	network  *Network
	node     *node
	identity Address
	at       did.At
	tag      string
	warm     *record // what was read before: the node need only say that it still holds
	older    *record // what no longer is the whole history
	final    bool    // a block that others named counts only if it is not newer than this node's own block of the tag

	head    Block
	newest  uint64 // the time of the node's newest block, where the question is about now
	version Block  // of at.Block
	changed uint64
	owner   Address
	sum     *[32]byte // the registry's accumulator, if it has one
	events  []event
	blocks  map[uint64]Block // of the events
}

var (
	selectorChanged = selector("changed(address)")
	selectorOwner   = selector("identityOwner(address)")
	selectorHistory = selector("history(address)")
)

func selector(signature string) []byte {
	sum := keccak([]byte(signature))
	return sum[:4]
}

func open(what string) error { return fmt.Errorf("%w: %s", errOpen, what) }

// run reads as of pin, or asks once by tag: in one batch, the block, the identity's last change, its owner, its logs, the block again, and the
// accumulator. If the block moved meanwhile or the parts do not fit, it asks once more, about that block alone. What still does not
// fit then is incomplete.
func (r *reading) run(ctx context.Context, pin *Block) error {
	if pin != nil {
		r.head = *pin
		return r.pinned(ctx)
	}
	err := r.batch(ctx, r.tag, r.tag)
	if errors.Is(err, errOpen) {
		return r.pinned(ctx)
	}
	return err
}

// pinned reads as of r.head, whose hash the node must confirm with every answer.
func (r *reading) pinned(ctx context.Context) error {
	want := r.head
	number := quantity(want.Number)
	state := any(number)
	if want.Hash != ([32]byte{}) {
		// EIP-1898. Without requireCanonical a node may answer from a block that a reorganisation has dropped.
		state = map[string]any{"blockHash": hex32(want.Hash), "requireCanonical": true}
	}
	err := r.batch(ctx, number, state)
	if err == nil && want.Hash != ([32]byte{}) && r.head.Hash != want.Hash {
		err = open("the block is no longer in the chain")
	}
	if errors.Is(err, errOpen) {
		return wrap(did.IncompleteAnswer, err)
	}
	return err
}

// batch reads as of block: with one request, or with two if there was something to confirm and it no longer holds.
func (r *reading) batch(ctx context.Context, block string, state any) error {
	if r.warm != nil {
		err := r.confirm(ctx, block, state)
		if !errors.Is(err, errOther) {
			return err
		}
		r.warm, r.older = nil, r.warm
	}
	q := r.ask(block)
	changed := q.add(r.call(selectorChanged, state))
	owner := q.add(r.call(selectorOwner, state))
	logs := q.add(r.logs(quantity(r.network.FromBlock), block))
	sum := q.add(r.call(selectorHistory, state))
	if err := q.send(ctx); err != nil {
		return err
	}
	if err := r.state(&q.calls[changed], &q.calls[owner]); err != nil {
		return err
	}
	r.node.known.Store(true)
	if err := r.accumulator(&q.calls[sum]); err != nil {
		return err
	}
	return r.history(ctx, &q.calls[logs])
}

// confirm asks whether r.warm is still the whole history: the last change is in the same block of the same chain (a block's hash stands
// for all that came before it), and the accumulator, if there is one, is the same. If not, it is errOther.
func (r *reading) confirm(ctx context.Context, block string, state any) error {
	w := r.warm
	q := r.ask(block)
	changed := q.add(r.call(selectorChanged, state))
	last, sum := -1, -1
	if w.changed != (Block{}) {
		last = q.add(headerCall(quantity(w.changed.Number)))
	}
	if w.sum != nil {
		sum = q.add(r.call(selectorHistory, state))
	}
	if err := q.send(ctx); err != nil {
		return err
	}
	word, err := wordOfCall(&q.calls[changed])
	if err != nil {
		return err
	}
	if n, err := wordUint(word[:]); err != nil || n != w.changed.Number {
		return errOther
	}
	if last >= 0 {
		if b, err := blockOf(&q.calls[last]); err != nil || b != w.changed {
			return errOther
		}
	}
	if sum >= 0 {
		if word, err := wordOfCall(&q.calls[sum]); err != nil || word != *w.sum {
			return errOther
		}
	}
	r.node.known.Store(true)
	r.changed, r.owner, r.sum, r.events, r.blocks = w.changed.Number, w.owner, w.sum, w.events, w.blocks
	if !r.versionFits() {
		return errOther
	}
	return nil
}

// versionFits compares the block of at.Block with the one in which an event of that block is.
func (r *reading) versionFits() bool {
	known, ok := r.blocks[r.at.Block]
	return !ok || r.version == (Block{}) || known.Hash == r.version.Hash
}

// request is one batch about a block. The block's header stands at both ends: if it is the same twice, what stands between was
// answered as of that block.
type request struct {
	*reading
	block string
	calls []ethrpc.Call

	version, tag, newest, chain, code int // where these answers stand; 0 means not asked for
}

func headerCall(block string) ethrpc.Call {
	return ethrpc.Call{Method: "eth_getBlockByNumber", Params: []any{block, false}}
}

func (r *reading) ask(block string) *request {
	q := &request{reading: r, block: block, calls: make([]ethrpc.Call, 0, 10)}
	q.add(headerCall(block))
	return q
}

func (q *request) add(c ethrpc.Call) int {
	q.calls = append(q.calls, c)
	return len(q.calls) - 1
}

// send sends the batch and looks at everything in it that is not about the identity.
func (q *request) send(ctx context.Context) error {
	r := q.reading
	again := q.add(headerCall(q.block))
	if r.at.Block != 0 {
		q.version = q.add(headerCall(quantity(r.at.Block)))
	}
	if r.final {
		q.tag = q.add(headerCall(r.tag))
	}
	if r.at.Block == 0 && r.at.Time.IsZero() && r.at.Anchor == nil {
		q.newest = q.add(headerCall("latest"))
	}
	if !r.node.known.Load() {
		q.chain = q.add(ethrpc.Call{Method: "eth_chainId"})
		if r.network.CodeHash != ([32]byte{}) {
			q.code = q.add(ethrpc.Call{Method: "eth_getCode", Params: []any{r.network.Registry.String(), q.block}})
		}
	}
	if err := r.send(ctx, q.calls); err != nil {
		return err
	}
	if q.chain != 0 {
		if err := compareChain(r.network, &q.calls[q.chain]); err != nil {
			return err
		}
	}
	before, err := blockOf(&q.calls[0])
	if err != nil {
		return err
	}
	if r.head, err = blockOf(&q.calls[again]); err != nil {
		return err
	}
	if q.version != 0 {
		if err := r.versionOf(&q.calls[q.version]); err != nil {
			return err
		}
	}
	if before.Hash != r.head.Hash {
		return open("the block moved while it was read")
	}
	if before != r.head {
		return fault(did.GarbledAnswer, "one block hash with two times or numbers")
	}
	if r.head.Number < r.network.FromBlock {
		return fault(did.Unavailable, "the registry is younger than the block read from ("+r.tag+")")
	}
	if q.tag != 0 {
		if newest, err := blockOf(&q.calls[q.tag]); err != nil || newest.Number < r.head.Number {
			return fault(did.Unavailable, "the block is not "+r.tag+" yet")
		}
	}
	if q.newest != 0 {
		newest, err := blockOf(&q.calls[q.newest])
		if err != nil {
			return err
		}
		if newest.Number < r.head.Number || newest.Time < r.head.Time {
			return open("the newest block is older than the one that was read")
		}
		r.newest = newest.Time
	}
	if q.code != 0 {
		return compareCode(r.network, &q.calls[q.code])
	}
	return nil
}

func (r *reading) send(ctx context.Context, calls []ethrpc.Call) error {
	return r.node.send(ctx, calls)
}

func (r *reading) sendParts(ctx context.Context, calls []ethrpc.Call, size int) error {
	return r.node.sendParts(ctx, calls, size)
}

// sendParts sends many calls as several requests, a few at a time.
func (n *node) sendParts(ctx context.Context, calls []ethrpc.Call, size int) error {
	if len(calls) <= size {
		if len(calls) == 0 {
			return nil
		}
		return n.send(ctx, calls)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	parts := slices.Collect(slices.Chunk(calls, size))
	var next atomic.Int64
	errs := make([]error, min(atOnce, len(parts)))
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() {
			for at := int(next.Add(1)) - 1; at < len(parts); at = int(next.Add(1)) - 1 {
				if errs[i] = n.send(ctx, parts[at]); errs[i] != nil {
					next.Store(int64(len(parts)))
					return
				}
			}
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// named says in an error which endpoint it is about.
func (n *node) named(err error) error {
	var e *did.Error
	if !errors.As(err, &e) {
		return err
	}
	return &did.Error{Code: e.Code, Err: fmt.Errorf("endpoint %d: %w", n.place, cmp.Or(e.Err, error(e.Code)))}
}

func (n *node) send(ctx context.Context, calls []ethrpc.Call) error {
	err := n.client.Batch(ctx, calls)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, ethrpc.ErrGarbled):
		return wrap(did.GarbledAnswer, err)
	case errors.Is(err, ethrpc.ErrIncomplete):
		return wrap(did.IncompleteAnswer, err)
	}
	return wrap(did.Unavailable, err) // no answer, or a refusal of the whole batch
}

// call reads the registry about the identity.
func (r *reading) call(selector []byte, state any) ethrpc.Call {
	word := addressWord(r.identity)
	return ethrpc.Call{Method: "eth_call", Params: []any{
		map[string]string{"to": r.network.Registry.String(), "data": "0x" + hex.EncodeToString(append(selector[:4:4], word[:]...))}, state,
	}}
}

func (r *reading) logs(first, last string) ethrpc.Call {
	return ethrpc.Call{Method: "eth_getLogs", Params: []any{map[string]any{
		"address": r.network.Registry.String(),
		"topics": []any{
			[]string{hex32(topicOwner), hex32(topicDelegate), hex32(topicAttribute)},
			hex32(addressWord(r.identity)),
		},
		"fromBlock": first, "toBlock": last,
	}}}
}

func compareChain(n *Network, c *ethrpc.Call) error {
	id, err := quantityOf(c)
	if err != nil {
		return err
	}
	if id != n.ChainID {
		return fault(did.WrongChain, "the node is on another chain")
	}
	return nil
}

func compareCode(n *Network, c *ethrpc.Call) error {
	code, err := bytesOfCall(c)
	if err != nil {
		return err
	}
	if keccak(code) != n.CodeHash {
		return fault(did.WrongChain, "the registry has another code than configured")
	}
	return nil
}

// versionOf takes the header of the block asked for by number. A block after the head is no version, even if the node has it.
func (r *reading) versionOf(c *ethrpc.Call) error {
	if r.at.Block > r.head.Number {
		return nil // momentOf answers
	}
	b, err := blockOf(c)
	if err != nil {
		return err
	}
	if b.Number != r.at.Block {
		return fault(did.GarbledAnswer, "another block than asked for")
	}
	r.version = b
	return nil
}

func (r *reading) state(changed, owner *ethrpc.Call) error {
	word, err := wordOfCall(changed)
	if err != nil {
		return err
	}
	if r.changed, err = wordUint(word[:]); err != nil || r.changed > r.head.Number {
		return fault(did.GarbledAnswer, "the last change lies in the future")
	}
	if word, err = wordOfCall(owner); err != nil {
		return err
	}
	if r.owner, err = wordAddress(word[:]); err != nil {
		return wrap(did.GarbledAnswer, err)
	}
	return nil
}
