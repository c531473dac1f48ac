package anchor

import (
	"context"
	"errors"
	"time"
)

// Head is a block of the chain.
type Head struct {
	Number uint64
	Hash   [32]byte
	Time   time.Time
}

type header struct {
	Number hexUint `json:"number"`
	Hash   hexHash `json:"hash"`
	Time   hexUint `json:"timestamp"`
}

// Head returns the newest block that the node has.
func (r *Registry) Head(ctx context.Context) (Head, error) {
	h, err := r.block(ctx, "latest")
	if err != nil {
		return Head{}, err
	}
	if h == nil {
		return Head{}, fail(NoAnswer, "the node has no newest block")
	}
	return Head{uint64(h.Number), h.Hash, time.Unix(int64(min(h.Time, 1<<40)), 0).UTC()}, nil
}

// block returns nil if the node has none of that name, as a young chain has no final one.
func (r *Registry) block(ctx context.Context, tag string) (*header, error) {
	var h *header
	if err := r.node.Call(ctx, &h, "eth_getBlockByNumber", tag, false); err != nil {
		return nil, nodeError(err)
	}
	return h, nil
}

// Final waits until the receipt's block is as final as Config.Finality asks, and returns where the transaction then stands: a
// reorganisation may have put it into another block. A transaction that has left the chain is sent again, if the receipt comes from this
// package's functions; if another has taken its nonce meanwhile, the error's reason is Dropped. A receipt that is not Mined is refused
// with BadConfig.
//
// It waits until ctx ends, with NoAnswer, on a chain on which nobody makes blocks any more, such as that of a development node that makes
// one for each transaction: there, read and wait at "latest".
func (r *Registry) Final(ctx context.Context, of Receipt) (Receipt, error) {
	if of.State != Mined {
		return of, fail(BadConfig, "a transaction that is in no block does not become final")
	}
	err := r.final(ctx, &of)
	return of, err
}

func (r *Registry) final(ctx context.Context, of *Receipt) error {
	last := error(nil)
	for wait := range pauses(ctx) {
		head, err := r.block(ctx, r.finality)
		var e *Error
		if errors.As(err, &e) {
			if last = err; e.Reason != NoAnswer {
				e.Tx = of.Tx
				return e
			}
		} else {
			p := Progress{Stage: Finalizing, Tx: of.Tx, Block: of.Block}
			if head != nil {
				p.Reached = uint64(head.Number)
			}
			if head == nil || p.Reached < of.Block {
				r.progress(p)
			} else {
				if err := r.confirm(ctx, of); err != nil {
					return err
				}
				if of.Block <= p.Reached {
					r.progress(Progress{Stage: IsFinal, Tx: of.Tx, Block: of.Block, Reached: p.Reached})
					return nil
				}
			}
		}
		wait()
	}
	return &Error{Reason: NoAnswer, Tx: of.Tx, Err: errors.Join(context.Cause(ctx), last)}
}

// confirm looks where the transaction is now, and brings it back if it is nowhere.
func (r *Registry) confirm(ctx context.Context, of *Receipt) error {
	got, err := r.ask(ctx, of.Tx)
	if e := (*Error)(nil); errors.As(err, &e) {
		e.Tx = of.Tx
		return e
	}
	if got != nil {
		if *of = got.public(of.job); of.State == Failed {
			return &Error{Reason: Reverted, Tx: of.Tx}
		}
		return nil
	}
	if of.job == nil {
		of.State = Lost
		return &Error{Reason: Dropped, Tx: of.Tx}
	}
	j := of.job
	if err := j.acquire(ctx); err != nil {
		return err
	}
	j.handed = time.Time{} // the node may have lost it with the block
	j.release()
	*of, err = r.follow(ctx, j)
	return err
}
