package main

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"
)

// run signs what is left of the rows. One goroutine reads, some sign, and this one writes in the order of the rows; a fixed number of
// batches goes around between them, which bounds the memory. When ctx ends, what has been read is finished and written.
func run(ctx context.Context, in *rows, parsers func() parser, p *press, d *delivery, workers int, every time.Duration) error {
	around := 4*workers + 2
	free, todo, order := make(chan *batch, around), make(chan *batch, around), make(chan *batch, around)
	for range around {
		free <- &batch{done: make(chan struct{}, 1)}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)

	var all sync.WaitGroup
	all.Go(func() {
		defer close(order)
		defer close(todo)
		for {
			var b *batch
			select {
			case <-ctx.Done():
				return
			case b = <-free:
			}
			if err := in.fill(b); err != nil {
				if err != io.EOF {
					cancel(err)
				}
				return
			}
			order <- b
			todo <- b
		}
	})
	for range workers {
		w := p.worker(parsers())
		all.Go(func() {
			for b := range todo {
				w.work(context.WithoutCancel(ctx), b)
				b.done <- struct{}{}
			}
		})
	}

	safe := newKeeper(d, every)
	var failed error
	for b := range order {
		<-b.done
		if failed == nil {
			if failed = errors.Join(b.broken, safe.fault()); failed == nil {
				failed = d.write(b)
			}
			if failed != nil {
				cancel(failed)
			} else {
				failed = safe.perhaps()
			}
		}
		free <- b
	}
	all.Wait()
	if failed == nil && in.left() > 0 {
		if failed = context.Cause(ctx); failed == nil {
			failed = errors.New("-in became shorter while it was read")
		}
	}
	// Whatever ended the run, the batches that were written are whole.
	return errors.Join(failed, safe.finish())
}

// keeper makes what has been written safe from time to time, while the writing goes on.
type keeper struct {
	d     *delivery
	every time.Duration
	last  time.Time
	busy  bool
	done  chan error
}

func newKeeper(d *delivery, every time.Duration) *keeper {
	return &keeper{d: d, every: every, last: time.Now(), done: make(chan error, 1)}
}

// perhaps begins a checkpoint if it is time and none is under way.
func (k *keeper) perhaps() error {
	if k.busy || time.Since(k.last) < k.every {
		return nil
	}
	sync, err := k.d.checkpoint()
	if err != nil {
		return err
	}
	k.busy = true
	go func() { k.done <- sync() }()
	return nil
}

// fault takes note of a checkpoint that has ended.
func (k *keeper) fault() error {
	if !k.busy {
		return nil
	}
	select {
	case err := <-k.done:
		k.busy, k.last = false, time.Now()
		return err
	default:
		return nil
	}
}

// finish waits for a checkpoint that is under way and makes the last one.
func (k *keeper) finish() error {
	if k.busy {
		k.busy = false
		if err := <-k.done; err != nil {
			return err
		}
	}
	sync, err := k.d.checkpoint()
	if err != nil {
		return err
	}
	return sync()
}
