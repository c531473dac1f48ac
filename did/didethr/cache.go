package didethr

import (
	"container/list"
	"maps"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/khyer/khyer/did"
)

// What a Resolver has read it keeps, and asks only whether it still holds: that costs one small request, and nothing is answered
// that a node did not confirm as of the block which the answer names. did.Cache is another thing: it answers for a while without
// asking at all. While a Watch is current, the first needs no request either.

// record is the history of an identity as it was read once. It is never changed.
type record struct {
	changed Block // of the last change; zero if there was none
	owner   Address
	sum     *[32]byte
	events  []event
	blocks  map[uint64]Block // of the events
	from    *node            // who said so; nil if several operators agreed

	folded atomic.Pointer[folded]
}

// view is what one node, or several that agree, say about an identity as of a block.
type view struct {
	head    Block
	newest  uint64 // time of the newest block; 0 in answers about the past
	version Block  // of at.Block
	tag     string
	trust   string
	*record
}

func (r *reading) view() view {
	v := view{head: r.head, newest: r.newest, version: r.version, tag: r.tag, trust: trustAsserted, record: r.warm}
	if v.record == nil {
		v.record = &record{changed: r.blocks[r.changed], owner: r.owner, sum: r.sum, events: r.events, blocks: r.blocks, from: r.node}
	}
	return v
}

// folded is a resolution at the newest block, which stays the same but for its anchor until the next entry ends.
type folded struct {
	id          did.DID
	from, until uint64 // unix seconds; until is excluded
	res         *did.Resolution
}

// resolution folds the events. At the newest block it does so again only once an entry has ended meanwhile.
func (v *view) resolution(n *Network, ident identifier, at did.At, clock time.Time) (*did.Resolution, error) {
	if t := at.Time.Unix(); !at.Time.IsZero() && t > int64(v.head.Time) && t <= maxTime {
		return nil, fault(did.NotFound, "the time is later than that of the block that was read: what happens until then is not known yet")
	}
	newest := at.Block == 0 && at.Time.IsZero()
	now := uint64(max(int64(v.head.Time), clock.Unix()))
	res := (*did.Resolution)(nil)
	if f := v.folded.Load(); newest && f != nil && f.id == ident.did && f.from <= now && now < f.until {
		shared := *f.res
		shared.Anchor = did.Anchor{Chain: n.chain(), Block: v.head.Number, Hash: v.head.Hash, Time: unix(v.head.Time)}
		res = &shared
	} else {
		blocks := v.blocks
		if v.version != (Block{}) {
			blocks = maps.Clone(blocks)
			blocks[v.version.Number] = v.version
		}
		var err error
		if res, err = fold(n, ident, v.events, v.head, blocks, at, clock); err != nil {
			return nil, err
		}
		if newest {
			v.folded.Store(&folded{id: ident.did, from: now, until: v.nextEnd(now), res: res})
			shared := *res
			res = &shared
		}
	}
	res.Anchor.Trust = v.trust
	if v.newest != 0 {
		res.Anchor.Newest = unix(v.newest)
	}
	if res.Anchor.Tag == "" {
		res.Anchor.Tag = v.tag
	}
	return res, nil
}

// nextEnd is the first moment after now at which a validTo passes. Until then every comparison with the time comes out the same.
func (rec *record) nextEnd(now uint64) uint64 {
	end := uint64(math.MaxUint64)
	for i := range rec.events {
		if t := rec.events[i].validTo; t > now && t < end {
			end = t
		}
	}
	return end
}

// weight estimates the bytes that a record keeps, with what is folded from it.
func (rec *record) weight() int {
	n := 512 + len(rec.events)*1024 + len(rec.blocks)*96
	for i := range rec.events {
		n += 3 * len(rec.events[i].data)
	}
	return n
}

// Bounds of the cache. Those who ask for DIDs choose what is in it, so both hold at any time.
const (
	cacheEntries = 1 << 16
	cacheBytes   = 64 << 20
)

type cacheKey struct {
	network  *network // stands for the chain and the registry
	identity Address
}

type cached struct {
	key    cacheKey
	record *record
	weight int
	epoch  uint64 // the time of a Watch in which it holds; see watch
}

// cache keeps the records used last, and the watched heads, because what holds under which must change together.
type cache struct {
	clock          func() time.Time // nil: no block is too far ahead
	entries, bytes int              // bounds

	mu      sync.Mutex
	known   map[cacheKey]*list.Element // of *cached
	order   *list.List                 // used last at the front
	weight  int
	watches map[*network]*watch
	epochs  uint64
	heads   map[*network]Block // the newest block of Config.Finality that an answer was from: none goes back behind it; see forward
}

func newCache() *cache {
	return &cache{entries: cacheEntries, bytes: cacheBytes, known: map[cacheKey]*list.Element{}, order: list.New(),
		watches: map[*network]*watch{}, heads: map[*network]Block{}}
}

// knowledge is what a question begins with.
type knowledge struct {
	record  *record // of the identity; may be nil
	watched *Block  // the head of a current watch, unless answers were from newer ones
	newest  uint64  // time of the newest block that the watch has seen
	holds   bool    // whether the record holds as of watched
	before  Block   // the newest block that an answer was from
}

// get returns what is known of an identity.
func (c *cache) get(k cacheKey, now time.Time) (n knowledge) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n.before = c.heads[k.network]
	w := c.watches[k.network]
	if w != nil && w.current(now) && w.head.Number >= n.before.Number {
		b := w.head
		n.watched, n.newest = &b, w.newest
	}
	e, ok := c.known[k]
	if !ok {
		return n
	}
	c.order.MoveToFront(e)
	entry := e.Value.(*cached)
	n.record, n.holds = entry.record, n.watched != nil && entry.epoch == w.epoch
	return n
}

// farAhead is how far a block may be ahead of the clock for others to be held against it. A verifier takes neither for good.
const farAhead = time.Hour

// accept remembers that an answer was from head. before is what the question began with: if others have got further since, head counts
// only if it is newer.
func (c *cache) accept(n *network, head, before Block) {
	if c.clock != nil && int64(head.Time) > c.clock().Add(farAhead).Unix() {
		return // or one node that once named a block of next year would make all others stale until then
	}
	if now := c.heads[n]; now == before || head.Number > now.Number {
		c.heads[n] = head
	}
}

// put keeps a record that holds as of head, to which the chain had come from before.
func (c *cache) put(k cacheKey, rec *record, head, before Block) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.accept(k.network, head, before)
	epoch := uint64(0)
	if w := c.watches[k.network]; w != nil && w.head == head {
		epoch = w.epoch
	}
	if e, ok := c.known[k]; ok {
		if old := e.Value.(*cached); old.record == rec {
			if epoch != 0 {
				old.epoch = epoch
			}
			c.order.MoveToFront(e)
			return
		}
		c.drop(e)
	}
	entry := &cached{key: k, record: rec, weight: rec.weight(), epoch: epoch}
	if entry.weight > c.bytes/4 {
		return // it would drive out too many others
	}
	c.known[k] = c.order.PushFront(entry)
	c.weight += entry.weight
	for c.weight > c.bytes || len(c.known) > c.entries {
		c.drop(c.order.Back())
	}
}

func (c *cache) drop(e *list.Element) {
	entry := e.Value.(*cached)
	delete(c.known, entry.key)
	c.order.Remove(e)
	c.weight -= entry.weight
}
