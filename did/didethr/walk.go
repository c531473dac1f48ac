package didethr

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/khyer/khyer/did"
	"github.com/khyer/khyer/internal/ethrpc"
)

// history takes the logs. If the identity never changed there are none, whatever the node says about the range. A node that refuses
// the range is asked block by block.
func (r *reading) history(ctx context.Context, c *ethrpc.Call) error {
	var err error
	r.events, r.blocks = nil, make(map[uint64]Block, c.Value.Len())
	switch {
	case c.Err == nil:
		r.events, err = r.take(c, r.network.FromBlock, r.head.Number)
	case r.changed != 0:
		r.events, err = r.walk(ctx)
	}
	if err != nil {
		return err
	}
	if err := r.closes(); err != nil {
		return err
	}
	if !r.versionFits() {
		return open("two blocks with one number")
	}
	if err := r.times(ctx); err != nil {
		return err
	}
	return r.complete(ctx)
}

// closes checks the events against the registry's state (ERC-1056, section "Efficient lookup of events through linked identity
// events"): the newest block is the one of the last change, the first event of each block points to the block before, its
// later ones to the block itself, and the oldest to none; and the last owner is the owner. What this leaves open, complete closes.
func (r *reading) closes() error {
	if len(r.events) == 0 {
		if r.changed != 0 {
			return open("the log of the last change is missing")
		}
	} else if r.events[len(r.events)-1].block != r.changed {
		return open("the newest log is not that of the last change")
	}
	owner, block := r.identity, uint64(0)
	for i := range r.events {
		e := &r.events[i]
		if e.previous != block {
			return open("a link to an earlier change leads nowhere")
		}
		block = e.block
		if e.kind == ownerChanged {
			owner = e.party
		}
	}
	// After a deactivation the first registries name the identity itself as its owner, ours nobody.
	if r.owner != owner && (owner != Address{} || r.owner != r.identity) {
		return open("the owner is not the one of the last owner event")
	}
	return nil
}

// walk follows the links from the newest change to the oldest. Each request asks for the blocks before a change too, as many as the node
// is found to allow, because changes often come close together; where it allows none, for that block alone. It ends early where a
// history begins that was read before.
func (r *reading) walk(ctx context.Context) ([]event, error) {
	span := r.node.span.Load()
	if span == 0 {
		span = walkSpan
	}
	var parts [][]event // the newest first
	count, weight := 0, 0
	for next, steps := r.changed, 0; next != 0; steps++ {
		if steps == maxWalk {
			return nil, fault(did.IncompleteAnswer, "the node refuses ranges, and the history has too many blocks to ask one by one")
		}
		first := max(r.network.FromBlock, next-min(next, span-1))
		events, header, bytes, err := r.walked(ctx, first, next)
		if e := (*ethrpc.Error)(nil); errors.As(err, &e) && span > 1 {
			if span /= 10; span == 0 {
				span = 1
			}
			r.node.span.Store(span)
			continue
		}
		if err != nil {
			return nil, err
		}
		if known := r.older; known != nil && known.changed == header {
			maps.Copy(r.blocks, known.blocks)
			parts = append(parts, known.events)
			break
		}
		parts = append(parts, events)
		if weight += bytes; weight > maxAnswer {
			return nil, fault(did.IncompleteAnswer, "the node refuses ranges, and the history is larger than one answer may be")
		}
		if count += len(events); count > maxEvents {
			return nil, tooMany()
		}
		next = events[0].previous
	}
	// A reorganisation during the walk would mix two chains.
	calls := []ethrpc.Call{headerCall(quantity(r.head.Number))}
	if err := r.send(ctx, calls); err != nil {
		return nil, err
	}
	if b, err := blockOf(&calls[0]); err != nil || b.Hash != r.head.Hash {
		return nil, open("the chain moved while it was walked")
	}
	slices.Reverse(parts)
	return slices.Concat(parts...), nil
}

// walked reads the events from first to last, a block with a change.
func (r *reading) walked(ctx context.Context, first, last uint64) (events []event, b Block, bytes int, err error) {
	calls := []ethrpc.Call{r.logs(quantity(first), quantity(last)), headerCall(quantity(last))}
	if err := r.send(ctx, calls); err != nil {
		return nil, b, 0, err
	}
	if b, err = blockOf(&calls[1]); err != nil {
		return nil, b, 0, err
	}
	if events, err = r.take(&calls[0], first, last); err != nil {
		return nil, b, 0, err
	}
	if b.Number != last {
		return nil, b, 0, fault(did.GarbledAnswer, "another block than asked for")
	}
	n := len(events)
	if n == 0 || events[n-1].block != last || events[n-1].blockHash != b.Hash || events[0].previous >= events[0].block {
		return nil, b, 0, open("the logs of a block with a change are missing")
	}
	r.blocks[last] = b
	return events, b, len(calls[0].Result), nil
}

var errOther = errors.New("didethr: the history is another one than it was")

func tooMany() error { return fault(did.IncompleteAnswer, "a history of more events than are read") }
