package verifier

import (
	"container/heap"
	"context"
	"errors"
	"sync"
	"time"
)

// guardEntries bounds the memory of the default replay guard: about 100 bytes each. Entries live a few minutes, so this is some
// thousand acceptances a second.
const guardEntries = 1 << 20

// memoryGuard is the ReplayGuard of one process.
type memoryGuard struct {
	mu    sync.Mutex
	now   func() time.Time
	used  map[[32]byte]struct{}
	order expiries
}

func newMemoryGuard(now func() time.Time) *memoryGuard {
	return &memoryGuard{now: now, used: map[[32]byte]struct{}{}}
}

func (g *memoryGuard) Use(_ context.Context, key [32]byte, until time.Time) (bool, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.now()
	for len(g.order) > 0 && g.order[0].until < now.UnixNano() {
		delete(g.used, heap.Pop(&g.order).(expiry).key)
	}
	if _, used := g.used[key]; used {
		return false, nil
	}
	if len(g.used) >= guardEntries {
		return false, errors.New("verifier: the replay guard is full")
	}
	g.used[key] = struct{}{}
	heap.Push(&g.order, expiry{until.UnixNano(), key})
	return true, nil
}

type expiry struct {
	until int64 // Unix time in nanoseconds
	key   [32]byte
}

// expiries is a heap with the soonest first.
type expiries []expiry

func (e expiries) Len() int           { return len(e) }
func (e expiries) Less(i, j int) bool { return e[i].until < e[j].until }
func (e expiries) Swap(i, j int)      { e[i], e[j] = e[j], e[i] }
func (e *expiries) Push(x any)        { *e = append(*e, x.(expiry)) }
func (e *expiries) Pop() any {
	old := *e
	last := old[len(old)-1]
	*e = old[:len(old)-1]
	return last
}
