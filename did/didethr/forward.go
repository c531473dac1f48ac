package didethr

import (
	"context"

	"github.com/khyer/khyer/did"
	"github.com/khyer/khyer/internal/ethrpc"
	"github.com/khyer/khyer/internal/strictjson"
)

// forward sees to it that answers do not go back in time: whoever answers truthfully as of an old block could otherwise undo a revocation
// that was seen already. head is the block that the node answered from, before the newest one that an answer was from. Final blocks stay, so
// behind one of them nothing counts. Others can be dropped by a reorganisation, and if that is so, an older head counts. The node
// is asked, and must name another block in that place. That it has none there yet says only that it is behind, except where one
// node's word is enough (strict is false) and this one has had a block there.
func (n *node) forward(ctx context.Context, finality string, before, head Block, strict bool) error {
	n.reach(head.Number)
	if head.Number > before.Number || head.Hash == before.Hash || before == (Block{}) {
		return nil
	}
	switch {
	case finality == "finalized" && head.Number == before.Number:
		return fault(did.Disagreement, "another final block than before in the same place")
	case finality == "finalized":
		return fault(did.StaleAnswer, "an older final block than was read from before")
	case head.Number == before.Number:
		return nil
	}
	calls := []ethrpc.Call{headerCall(quantity(before.Number))}
	if err := n.send(ctx, calls); err != nil {
		return err
	}
	if v := calls[0].Value; calls[0].Err == nil && v.Kind() == strictjson.Null {
		if strict || n.reached.Load() < before.Number {
			return fault(did.StaleAnswer, "a block older than one that was read from before, and the node has not got that far")
		}
		return nil
	}
	b, err := blockOf(&calls[0])
	switch {
	case err != nil:
		return err
	case b.Number != before.Number:
		return fault(did.GarbledAnswer, "another block than asked for")
	case b.Hash == before.Hash:
		return fault(did.StaleAnswer, "a block older than one that was read from before and is still in the chain")
	}
	return nil
}

func (n *node) reach(number uint64) {
	for old := n.reached.Load(); number > old && !n.reached.CompareAndSwap(old, number); old = n.reached.Load() {
	}
}
