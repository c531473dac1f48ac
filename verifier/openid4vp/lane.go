package openid4vp

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync/atomic"
	"time"
)

// Bounds of what strangers can make the door do.
const (
	maxAnswer      = 1 << 20          // bytes of an answer as it is posted
	maxFetch       = 64 << 10         // bytes of what is posted to fetch a request
	maxBodies      = 256 << 20        // bytes of all bodies that are being read or looked at
	readWithin     = 10 * time.Second // for a body
	handleWithin   = 30 * time.Second // for a request in all
	maxAtOnce      = 8                // answers to one transaction that are looked at at once
	maxQueued      = 64               // and that wait for it
	freeFailures   = 32               // answers that may fail before a pause is made after each
	pauseOfFailure = 50 * time.Millisecond
)

var errBusy = errors.New("openid4vp: too much at once")

// budget bounds the bytes of bodies in memory. They are counted as they arrive, so that who sends little holds little.
type budget struct{ held atomic.Int64 }

// read reads a body of at most max bytes. What it returns is given back with release.
func (b *budget) read(w http.ResponseWriter, r *http.Request, max int64) (body []byte, err error) {
	if r.ContentLength > max {
		return nil, &http.MaxBytesError{Limit: max}
	}
	from := http.MaxBytesReader(w, r.Body, max)
	more := int64(4 << 10)
	if r.ContentLength >= 0 {
		more = min(r.ContentLength+1, 16<<10) // the 1 is for the end
	}
	for {
		if len(body) == cap(body) {
			if b.held.Add(more) > maxBodies {
				b.held.Add(-more)
				b.release(body)
				return nil, errBusy
			}
			grown := make([]byte, len(body), int64(cap(body))+more)
			copy(grown, body)
			body, more = grown, int64(cap(grown)) // twice as much the next time
		}
		n, err := from.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		if err == io.EOF {
			return body, nil
		}
		if err != nil {
			b.release(body)
			return nil, err
		}
	}
}

func (b *budget) release(body []byte) { b.held.Add(-int64(cap(body))) }

// lane is where answers to one transaction queue.
type lane struct {
	users  int
	at     chan struct{} // who looks at an answer
	paused chan struct{} // of those, who has to pause after a failure
}

// enter waits for a place in the lane of a transaction. It is errBusy if too many wait.
func (d *Door) enter(ctx context.Context, handle string) (*lane, error) {
	d.mu.Lock()
	l := d.lanes[handle]
	if l == nil {
		l = &lane{at: make(chan struct{}, maxAtOnce), paused: make(chan struct{}, 1)}
		d.lanes[handle] = l
	}
	if l.users >= maxAtOnce+maxQueued {
		d.mu.Unlock()
		return nil, errBusy
	}
	l.users++
	d.mu.Unlock()
	select {
	case l.at <- struct{}{}:
		return l, nil
	case <-ctx.Done():
		d.forgetUser(handle, l)
		return nil, errBusy
	}
}

func (d *Door) exit(handle string, l *lane) {
	<-l.at
	d.forgetUser(handle, l)
}

func (d *Door) forgetUser(handle string, l *lane) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if l.users--; l.users == 0 {
		delete(d.lanes, handle)
	}
}
