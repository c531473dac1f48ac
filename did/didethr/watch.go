package didethr

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/khyer/khyer/did"
	"github.com/khyer/khyer/internal/ethrpc"
	"github.com/khyer/khyer/internal/strictjson"
)

// Bounds of a watch.
const (
	watchGap   = 256 // blocks that one step may span; after a longer pause the watch begins anew
	watchTrail = 64  // heads that are remembered, to find out where a reorganisation began
	watchLimit = 3   // times the interval: how old the newest look may be
)

// Watch keeps everything that was resolved before fresh, until ctx ends; then it returns the context's error. Every so often it asks
// each network's nodes for the newest block (of Config.Finality) and, if that is a new one, for the registry's logs since, of all
// identities together. So ten thousand DIDs cost no more requests than one: one for each new block, one more if several blocks are new
// or one has events. An interval of a block's time is right.
//
// While the watch is current, Resolve answers the newest state of what it knows without a request, as of the watched block. Identities
// with a new event are read again when they are next asked for. Every block's parent must be the one that was seen before, and no step
// leads behind a block that is still in the chain: after a reorganisation whatever was read from blocks that are gone is dropped. That no
// log is missing is checked with the blocks' blooms and receipts; where a node gives no receipts, only those identities still count
// as confirmed of which the blooms say that they have no event. After more than 256 blocks at once, or too many logs, none does: Resolve
// asks the nodes about it, as it does without a watch. It also does if the last look that succeeded began more than three
// intervals ago, or if the watched block is older than Config.MaxAge. So faults of nodes cost requests, and never make a stale answer a
// fresh one. What was resolved before the watch began, or while it was not current, is asked for once more when it is next resolved.
//
// With Network.Agree, each step counts only if that many endpoints report the same one. A Resolver runs one Watch at a time; Watch
// returns an error at once if another is running or every is not positive.
func (r *Resolver) Watch(ctx context.Context, every time.Duration) error {
	if every <= 0 {
		return errors.New("didethr: a watch needs an interval")
	}
	if !r.watching.CompareAndSwap(false, true) {
		return errors.New("didethr: the resolver is being watched already")
	}
	defer r.watching.Store(false)
	var networks sync.WaitGroup
	for _, n := range r.networks {
		networks.Go(func() { r.watch(ctx, n, every) })
	}
	networks.Wait()
	return context.Cause(ctx)
}

func (r *Resolver) watch(ctx context.Context, n *network, every time.Duration) {
	r.cache.begin(n, watchLimit*every)
	defer r.cache.end(n)
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		r.look(ctx, n, max(watchLimit*every, 10*time.Second))
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// look makes one step. An error changes nothing; the next look covers its blocks too.
func (r *Resolver) look(ctx context.Context, n *network, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	begin := r.since()
	trail, before := r.cache.trail(n)
	ask := func(ctx context.Context, node *node, pin *Block) (step, error) {
		s := stride{network: &n.Network, node: node, tag: r.finality, trail: trail, final: pin != nil}
		out, err := s.run(ctx, pin)
		if err == nil {
			err = node.forward(ctx, r.finality, before, out.head, n.Agree > 1)
		}
		return out, err
	}
	var s step
	err := error(nil)
	if n.Agree > 1 {
		s, err = agree(ctx, n.nodes, n.Agree, lagOf(r.finality), ask)
	} else {
		for _, node := range n.nodes {
			if s, err = ask(ctx, node, nil); err == nil || ctx.Err() != nil {
				break
			}
		}
	}
	if err == nil {
		r.cache.advance(n, s, begin, before)
	}
	return err
}

// watch is how far a network's blocks have been looked at.
type watch struct {
	head  Block
	trail []Block // heads up to and with head, the oldest first
	// epoch names a time in which nothing was missed. Records that hold as of head carry it; a watch that missed something begins
	// another. 0 is before the first block.
	epoch  uint64
	newest uint64    // time of the newest block, which need not be final
	seen   time.Time // when the newest look that succeeded began
	limit  time.Duration
}

func (w *watch) current(now time.Time) bool {
	return w.epoch != 0 && now.Sub(w.seen) <= w.limit
}

func (c *cache) begin(n *network, limit time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.watches[n] = &watch{limit: limit}
}

func (c *cache) end(n *network) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.watches, n)
}

// trail returns the heads that the watch has seen, and the newest that an answer was from.
func (c *cache) trail(n *network) (trail []Block, before Block) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.watches[n].trail), c.heads[n]
}

// advance makes a step count.
func (c *cache) advance(n *network, s step, begin time.Time, before Block) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.accept(n, s.head, before)
	w := c.watches[n]
	w.seen, w.newest = begin, s.newest
	if s.lost {
		c.epochs++
		w.epoch, w.head, w.trail = c.epochs, s.head, []Block{s.head}
		return
	}
	if s.base != w.head { // a reorganisation
		for k, e := range c.known {
			if k.network == n && e.Value.(*cached).record.changed.Number > s.base.Number {
				c.drop(e)
			}
		}
		w.trail = w.trail[:slices.Index(w.trail, s.base)+1]
	}
	if !s.checked {
		c.doubt(n, s.blooms)
	}
	for _, a := range s.touched {
		if e, ok := c.known[cacheKey{n, a}]; ok {
			c.drop(e)
		}
	}
	if w.head = s.head; s.head != s.base {
		w.trail = append(w.trail, s.head)
		w.trail = w.trail[max(0, len(w.trail)-watchTrail):]
	}
}

// doubt unconfirms the identities that may have events in blocks with these blooms.
func (c *cache) doubt(n *network, blooms [][256]byte) {
	for k, e := range c.known {
		entry := e.Value.(*cached)
		if k.network != n || len(blooms) == 0 || entry.epoch == 0 {
			continue
		}
		word := addressWord(k.identity)
		bits := bloomBits(word[:])
		if slices.ContainsFunc(blooms, func(b [256]byte) bool { return bits.in(&b) }) {
			entry.epoch = 0
		}
	}
}

// step is what a node says has happened on a network since the last one.
type step struct {
	base    Block     // the newest block of the trail that is still in the chain
	head    Block     // now
	touched []Address // identities with events after base, sorted
	lost    bool      // nobody can tell what happened
	newest  uint64    // time of the newest block

	blooms  [][256]byte // of the blocks that may have the registry's events
	checked bool        // those blocks' receipts have no events but the identities'
}

func (s step) block() Block { return s.head }

func (s step) latest() uint64 { return s.newest }

func (s step) same(t step) bool {
	return s.base == t.base && s.head == t.head && s.lost == t.lost && slices.Equal(s.touched, t.touched) && slices.Equal(s.blooms, t.blooms)
}

// blockHeader is a block with what connects it to its parent and to its logs.
type blockHeader struct {
	Block
	parent [32]byte
	bloom  [256]byte
}

func headerOf(c *ethrpc.Call) (h blockHeader, err error) {
	if h.Block, err = blockOf(c); err != nil {
		return h, err
	}
	if parseInto(h.parent[:], c.Value.Get("parentHash")) != nil || parseInto(h.bloom[:], c.Value.Get("logsBloom")) != nil {
		return h, wrap(did.GarbledAnswer, errShape)
	}
	return h, nil
}

// bits are the three places that stand for a value in a bloom filter (Ethereum yellow paper, section 4.4.1, equation M3:2048).
type bits [3]uint16

func bloomBits(value []byte) (b bits) {
	sum := keccak(value)
	for i := range b {
		b[i] = (uint16(sum[2*i])<<8 | uint16(sum[2*i+1])) & 2047
	}
	return b
}

// in asks a filter about the value; a no is certain.
func (b bits) in(bloom *[256]byte) bool {
	for _, bit := range b {
		if bloom[255-bit/8]&(1<<(bit%8)) == 0 {
			return false
		}
	}
	return true
}

func (h *blockHeader) mayHave(value []byte) bool { return bloomBits(value).in(&h.bloom) }

// stride is the conversation with one node about one step.
type stride struct {
	network *Network
	node    *node
	tag     string
	trail   []Block
	final   bool
}

func (s *stride) run(ctx context.Context, pin *Block) (step, error) {
	out, head, err := s.once(ctx, pin)
	if errors.Is(err, errOpen) && pin == nil && head != (Block{}) {
		out, _, err = s.once(ctx, &head)
	}
	if errors.Is(err, errOpen) {
		err = wrap(did.IncompleteAnswer, err)
	}
	return out, err
}

func (s *stride) once(ctx context.Context, pin *Block) (out step, seen Block, err error) {
	block := s.tag
	if pin != nil {
		block = quantity(pin.Number)
	}
	r := &reading{network: s.network, node: s.node, tag: s.tag, final: s.final}
	q := r.ask(block)
	logs := 0
	if len(s.trail) > 0 {
		logs = q.add(s.logs(s.trail[len(s.trail)-1].Number+1, block))
	}
	if err := q.send(ctx); err != nil {
		return out, r.head, err
	}
	r.node.known.Store(true)
	out.newest = r.newest
	if pin != nil && r.head.Hash != pin.Hash {
		return out, r.head, open("the block is no longer in the chain")
	}
	head, err := headerOf(&q.calls[0])
	if err != nil {
		return out, r.head, err
	}
	out.head = head.Block
	if len(s.trail) == 0 {
		out.lost = true
		return out, r.head, nil
	}
	if out.base = s.trail[len(s.trail)-1]; out.base == out.head {
		return out, r.head, nil
	}
	if out.head.Number > out.base.Number+watchGap {
		out.base, out.lost = Block{}, true
		return out, r.head, nil
	}
	blocks, ok, err := s.between(ctx, out.base, head)
	answer := &q.calls[logs]
	if err == nil && !ok {
		blocks, answer, err = s.reorganised(ctx, &out, head)
	}
	if err != nil || out.lost {
		return out, r.head, err
	}
	err = s.touched(ctx, &out, blocks, answer)
	return out, r.head, err
}

func (s *stride) logs(first uint64, last string) ethrpc.Call {
	return ethrpc.Call{Method: "eth_getLogs", Params: []any{map[string]any{
		"address":   s.network.Registry.String(),
		"topics":    []any{[]string{hex32(topicOwner), hex32(topicDelegate), hex32(topicAttribute)}},
		"fromBlock": quantity(first), "toBlock": last,
	}}}
}

// between returns the headers after base up to head, each of which must be the next one's parent. ok is false if head does not stand on
// base, or too far from it.
func (s *stride) between(ctx context.Context, base Block, head blockHeader) (blocks []blockHeader, ok bool, err error) {
	if head.Number <= base.Number || head.Number-base.Number > watchGap {
		return nil, false, nil
	}
	calls := make([]ethrpc.Call, 0, head.Number-base.Number-1)
	for n := base.Number + 1; n < head.Number; n++ {
		calls = append(calls, headerCall(quantity(n)))
	}
	if err := s.node.sendParts(ctx, calls, maxBatch); err != nil {
		return nil, false, err
	}
	for i := range calls {
		h, err := headerOf(&calls[i])
		if err != nil {
			return nil, false, err
		}
		if h.Number != base.Number+1+uint64(i) {
			return nil, false, fault(did.GarbledAnswer, "another block than asked for")
		}
		blocks = append(blocks, h)
	}
	blocks = append(blocks, head)
	for i := range blocks[1:] {
		if blocks[i+1].parent != blocks[i].Hash {
			return nil, false, open("the chain moved while it was looked at")
		}
	}
	return blocks, blocks[0].parent == base.Hash, nil
}

// reorganised looks for the newest block of the trail that head still stands on. Also a node that is behind looks like this.
func (s *stride) reorganised(ctx context.Context, out *step, head blockHeader) ([]blockHeader, *ethrpc.Call, error) {
	calls := make([]ethrpc.Call, 0, len(s.trail))
	for _, b := range slices.Backward(s.trail) {
		calls = append(calls, headerCall(quantity(b.Number)))
	}
	if err := s.node.send(ctx, calls); err != nil {
		return nil, nil, err
	}
	for i := range calls {
		b, err := blockOf(&calls[i])
		if err != nil || b != s.trail[len(s.trail)-1-i] || b.Number > head.Number {
			continue
		}
		if out.base = b; b == head.Block {
			return nil, &ethrpc.Call{}, nil
		}
		blocks, ok, err := s.between(ctx, b, head)
		if err != nil {
			return nil, nil, err
		}
		if !ok {
			break
		}
		again := []ethrpc.Call{s.logs(b.Number+1, quantity(head.Number))}
		return blocks, &again[0], s.node.send(ctx, again)
	}
	out.base, out.lost = Block{}, true
	return nil, nil, nil
}

// touched finds the identities that have events in blocks. Two sources must say the same of each block whose bloom leaves it open: the
// logs that were asked for, if the node gave them, and the receipts, if it serves them.
func (s *stride) touched(ctx context.Context, out *step, blocks []blockHeader, c *ethrpc.Call) (err error) {
	var listed map[uint64][]Address
	if len(blocks) > 0 && c.Err == nil {
		if listed, out.lost, err = s.listed(blocks, c.Value); out.lost || err != nil {
			return err
		}
	}
	var unsure []blockHeader
	for _, h := range blocks {
		if s.mayTouch(&h) {
			unsure = append(unsure, h)
			out.blooms = append(out.blooms, h.bloom)
		} else if len(listed[h.Number]) > 0 {
			return fault(did.GarbledAnswer, "logs that the block's bloom does not know")
		}
	}
	received, err := s.received(ctx, unsure)
	if err != nil {
		return err
	}
	out.checked = received != nil
	for i, h := range unsure {
		found := listed[h.Number]
		if out.checked {
			if listed != nil && !slices.Equal(distinct(received[i]), distinct(found)) {
				return open("the receipts of a block have other logs than the node gave")
			}
			found = received[i]
		}
		out.touched = append(out.touched, found...)
	}
	out.touched = distinct(out.touched)
	return nil
}

func distinct(all []Address) []Address {
	slices.SortFunc(all, func(a, b Address) int { return bytes.Compare(a[:], b[:]) })
	return slices.Compact(all)
}

func (s *stride) mayTouch(h *blockHeader) bool {
	return h.mayHave(s.network.Registry[:]) &&
		(h.mayHave(topicOwner[:]) || h.mayHave(topicDelegate[:]) || h.mayHave(topicAttribute[:]))
}

// identityOf returns whose event a log of the registry is.
func (s *stride) identityOf(l *Log) (a Address, ok bool) {
	if len(l.Topics) != 2 {
		return a, false
	}
	a = Address(l.Topics[1][12:])
	return a, l.isERC1056(s.network.Registry, a)
}

// listed sorts the logs of an answer by their blocks. More of them than one history may have are a flood, and lost.
func (s *stride) listed(blocks []blockHeader, v strictjson.Value) (out map[uint64][]Address, lost bool, err error) {
	if v.Kind() != strictjson.Array {
		return nil, false, wrap(did.GarbledAnswer, errShape)
	}
	if v.Len() > maxEvents {
		return nil, true, nil
	}
	out = map[uint64][]Address{}
	room := newRoom(v.Len())
	first := blocks[0].Number
	for e := range v.Elements() {
		l, _, removed, err := room.log(e)
		if err != nil {
			return nil, false, wrap(did.GarbledAnswer, err)
		}
		if removed {
			continue
		}
		a, ok := s.identityOf(&l)
		if !ok || l.Block < first || l.Block-first >= uint64(len(blocks)) {
			return nil, false, fault(did.GarbledAnswer, "a log that was not asked for")
		}
		if l.BlockHash != blocks[l.Block-first].Hash {
			return nil, false, open("a log of another block")
		}
		out[l.Block] = append(out[l.Block], a)
	}
	return out, false, nil
}

// received finds the identities in the receipts of blocks; nil if the node serves none.
func (s *stride) received(ctx context.Context, blocks []blockHeader) ([][]Address, error) {
	if s.node.noReceipts.Load() {
		return nil, nil
	}
	calls := make([]ethrpc.Call, len(blocks))
	for i, h := range blocks {
		calls[i] = ethrpc.Call{Method: "eth_getBlockReceipts", Params: []any{quantity(h.Number)}}
	}
	if err := s.node.sendParts(ctx, calls, receiptsFirst); err != nil {
		return nil, err
	}
	out := make([][]Address, len(blocks))
	for i, h := range blocks {
		if unsupported(calls[i].Err) {
			s.node.noReceipts.Store(true)
			return nil, nil
		}
		v, err := result(&calls[i])
		if err != nil {
			return nil, err
		}
		if v.Kind() != strictjson.Array {
			return nil, fault(did.Unavailable, "the node has no receipts of a block")
		}
		for receipt := range v.Elements() {
			logs := receipt.Get("logs")
			room := newRoom(logs.Len())
			for e := range logs.Elements() {
				l, _, _, err := room.log(e)
				if err != nil {
					return nil, wrap(did.GarbledAnswer, err)
				}
				a, ok := s.identityOf(&l)
				if !ok {
					continue
				}
				if l.Block != h.Number || l.BlockHash != h.Hash {
					return nil, open("receipts of another block")
				}
				out[i] = append(out[i], a)
			}
		}
	}
	return out, nil
}
