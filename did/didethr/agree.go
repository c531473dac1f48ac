package didethr

import (
	"bytes"
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/khyer/khyer/did"
)

// The levels of did.Anchor.Trust that reading gives.
const (
	trustAsserted = "asserted"
	trustAgreed   = "agreed"
)

// statement is something that a node says as of a block.
type statement[T any] interface {
	block() Block
	same(T) bool
	latest() uint64 // time of the newest block, about which nodes may differ
}

// agree asks all nodes at once for the same thing and returns what k of them say, as soon as they do. Nodes differ about which block
// is the newest. So where no k say the same at first, all others are waited for, up to patience: whoever is the only one to have answered
// besides an honest node would choose the block. Then each block that k know to be final by their own word is taken in turn, the
// newest first, and the others are asked about that block. If no more than k have answered, or not all, that block is at most
// lag older than the newest that any named.
func agree[T statement[T]](ctx context.Context, nodes []*node, k int, lag time.Duration, ask func(context.Context, *node, *Block) (T, error)) (T, error) {
	var none T
	votes := make([]vote[T], len(nodes))
	if t, ok := poll(ctx, nodes, k, votes, nil, patience, ask); ok {
		return t, nil
	}
	for _, head := range candidates(votes, k, lag) {
		again := make([]vote[T], len(nodes))
		for i, v := range votes {
			if v.said && v.err == nil && v.what.block() == head {
				again[i] = v
			}
		}
		if t, ok := poll(ctx, nodes, k, again, &head, 0, ask); ok {
			return t, nil
		}
		for i := range votes { // who was too slow at first may have answered now
			if !votes[i].said || votes[i].err != nil {
				votes[i] = again[i]
			}
		}
	}
	answered, first := 0, error(nil)
	for i, v := range votes {
		if v.said && v.err == nil {
			answered++
		} else if v.err != nil && first == nil {
			first = nodes[i].named(v.err)
		}
	}
	switch {
	case answered >= k:
		return none, fault(did.Disagreement, "the operators that were asked contradict each other, or are at blocks too far apart")
	case first != nil:
		return none, first
	}
	return none, fault(did.Unavailable, "too few of the endpoints answered")
}

// patience is how long, from the question on, the slower nodes are waited for once enough have answered and do not say the same.
const patience = 2 * time.Second

// How much older than the newest block that any operator named the agreed one may be, where one operator could have chosen it. Nodes come
// to know of final blocks epoch by epoch, of 32 slots of 12 s each on mainnet, and one may be a whole epoch behind another that is
// early.
const (
	lagFinal  = 15 * time.Minute
	lagLatest = time.Minute
)

func lagOf(finality string) time.Duration {
	if finality == "latest" {
		return lagLatest
	}
	return lagFinal
}

type vote[T any] struct {
	said bool
	what T
	err  error
}

// poll asks those whose vote is open, until k votes are the same. It cancels the rest and waits for that. With a limit, it waits for
// those who are slower than k others no longer than that from its beginning, however early the others answered.
func poll[T statement[T]](ctx context.Context, nodes []*node, k int, votes []vote[T], pin *Block, limit time.Duration,
	ask func(context.Context, *node, *Block) (T, error)) (t T, ok bool) {
	begin := time.Now()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type arrival struct {
		i int
		v vote[T]
	}
	arrivals := make(chan arrival, len(nodes))
	waiting, answered := 0, 0
	for i, n := range nodes {
		if votes[i].said {
			answered++
			continue
		}
		waiting++
		go func() {
			what, err := ask(ctx, n, pin)
			arrivals <- arrival{i, vote[T]{true, what, err}}
		}()
	}
	var late <-chan time.Time
	done := false
	for waiting > 0 {
		select {
		case a := <-arrivals:
			waiting--
			if done {
				continue // cancelled: that is no vote
			}
			votes[a.i] = a.v
			if a.v.err != nil {
				continue
			}
			answered++
			same, least := 0, a.v.what
			for _, v := range votes {
				if v.said && v.err == nil && v.what.same(a.v.what) {
					if same++; v.what.latest() < least.latest() {
						least = v.what // k nodes say that it is at least that late
					}
				}
			}
			if same >= k {
				t, ok, done = least, true, true
				cancel()
			} else if answered >= k && limit > 0 && late == nil {
				late = time.After(limit - time.Since(begin))
			}
		case <-late:
			done = true
			cancel()
		}
	}
	return t, ok
}

// candidates are the blocks that nodes named and that at least k nodes are not behind of, the newest first.
func candidates[T statement[T]](votes []vote[T], k int, lag time.Duration) []Block {
	var heads []Block
	for _, v := range votes {
		if v.said && v.err == nil {
			heads = append(heads, v.what.block())
		}
	}
	slices.SortFunc(heads, func(a, b Block) int {
		return cmp.Or(cmp.Compare(b.Number, a.Number), bytes.Compare(a.Hash[:], b.Hash[:]))
	})
	if len(heads) < k {
		return nil
	}
	// Nothing newer than the k-th can be final for k of those who have answered. Where no more than k have, the oldest is the k-th, and
	// whoever named it chose it.
	newest, oldest := heads[k-1].Number, uint64(0)
	if len(heads) == k || len(heads) < len(votes) {
		oldest = heads[0].Time - min(heads[0].Time, uint64(lag/time.Second))
	}
	heads = slices.DeleteFunc(heads, func(b Block) bool { return b.Number > newest || b.Time < oldest })
	return slices.Compact(heads)
}

func (v view) block() Block { return v.head }

func (v view) latest() uint64 { return v.newest }

// same tells whether two nodes say the same about an identity, in everything.
func (v view) same(w view) bool {
	if v.head != w.head || v.version != w.version {
		return false
	}
	return v.record == w.record || v.record.same(w.record)
}

func (rec *record) same(other *record) bool {
	if rec.changed != other.changed || rec.owner != other.owner || len(rec.events) != len(other.events) || (rec.sum == nil) != (other.sum == nil) ||
		rec.sum != nil && *rec.sum != *other.sum {
		return false
	}
	for i := range rec.events {
		e, f := &rec.events[i], &other.events[i]
		if e.block != f.block || e.index != f.index || !e.equal(*f) || rec.blocks[e.block] != other.blocks[f.block] {
			return false
		}
	}
	return true
}
