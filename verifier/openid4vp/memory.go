package openid4vp

import (
	"bytes"
	"container/heap"
	"context"
	"errors"
	"sync"
	"time"
)

// MemoryConfig bounds a store in memory. The zero value is ready to use.
type MemoryConfig struct {
	Records int              // at most so many that have not lapsed; 0 means 100,000
	Bytes   int64            // at most so many in all their keys and records; 0 means 512 MiB
	Now     func() time.Time // nil means time.Now
}

// NewMemory returns a [Store] in the memory of this process. It keeps no goroutine: what has lapsed is forgotten by the calls that come
// after. A full store refuses a new record (ErrFull) and never gives up one that has not lapsed, so that a flood of requests cannot end the
// transactions of those who came before. The error is about a negative bound.
func NewMemory(c MemoryConfig) (Store, error) {
	if c.Records < 0 || c.Bytes < 0 {
		return nil, errors.New("openid4vp: a bound of the memory store is negative")
	}
	if c.Records == 0 {
		c.Records = 100_000
	}
	if c.Bytes == 0 {
		c.Bytes = 512 << 20
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return &memory{c: c, byKey: map[string]*entry{}}, nil
}

type memory struct {
	c MemoryConfig

	mu      sync.Mutex
	byKey   map[string]*entry
	byUntil lapses // the same entries
	bytes   int64
	version uint64 // of the youngest record: one count for all keys, so that none comes back
}

type entry struct {
	key     string
	record  []byte
	version uint64
	until   time.Time
	place   int // in byUntil
}

func (e *entry) size() int64 { return int64(len(e.key) + len(e.record)) }

// Create implements Store.
func (m *memory) Create(ctx context.Context, key string, record []byte, until time.Time) error {
	now, err := m.begin(ctx)
	if err != nil {
		return err
	}
	defer m.mu.Unlock()
	if err := checkWrite(key, record, until, now); err != nil {
		return err
	}
	if _, there := m.byKey[key]; there {
		return ErrExists
	}
	e := &entry{key: key, record: bytes.Clone(record), until: until}
	if len(m.byKey) >= m.c.Records || m.bytes+e.size() > m.c.Bytes {
		return ErrFull
	}
	m.version++
	e.version = m.version
	m.byKey[key] = e
	heap.Push(&m.byUntil, e)
	m.bytes += e.size()
	return nil
}

// Load implements Store.
func (m *memory) Load(ctx context.Context, key string) ([]byte, uint64, error) {
	if _, err := m.begin(ctx); err != nil {
		return nil, 0, err
	}
	defer m.mu.Unlock()
	e := m.byKey[key]
	if e == nil {
		return nil, 0, ErrNotFound
	}
	return append([]byte{}, e.record...), e.version, nil
}

// Replace implements Store.
func (m *memory) Replace(ctx context.Context, key string, version uint64, record []byte, until time.Time) error {
	now, err := m.begin(ctx)
	if err != nil {
		return err
	}
	defer m.mu.Unlock()
	if err := checkWrite(key, record, until, now); err != nil {
		return err
	}
	e := m.byKey[key]
	switch {
	case e == nil:
		return ErrNotFound
	case e.version != version:
		return ErrConflict
	}
	more := int64(len(record) - len(e.record))
	if more > 0 && m.bytes+more > m.c.Bytes {
		return ErrFull
	}
	m.version++
	e.version, e.until, e.record = m.version, until, bytes.Clone(record)
	m.bytes += more
	heap.Fix(&m.byUntil, e.place)
	return nil
}

// Delete implements Store.
func (m *memory) Delete(ctx context.Context, key string) error {
	if _, err := m.begin(ctx); err != nil {
		return err
	}
	defer m.mu.Unlock()
	if e := m.byKey[key]; e != nil {
		m.forget(e)
	}
	return nil
}

// begin takes the lock and forgets what has lapsed. Each record is forgotten once, so that a call pays on average for one.
func (m *memory) begin(ctx context.Context) (time.Time, error) {
	if err := ctx.Err(); err != nil {
		return time.Time{}, err
	}
	m.mu.Lock()
	now := m.c.Now()
	for len(m.byUntil) > 0 && !m.byUntil[0].until.After(now) {
		m.forget(m.byUntil[0])
	}
	if len(m.byKey) == 0 && len(m.byUntil) == 0 && cap(m.byUntil) > 1024 {
		m.byKey, m.byUntil = map[string]*entry{}, nil // a map never shrinks: after a flood its room is given back
	}
	return now, nil
}

func (m *memory) forget(e *entry) {
	heap.Remove(&m.byUntil, e.place)
	delete(m.byKey, e.key)
	m.bytes -= e.size()
}

// lapses is a heap (container/heap) of entries; the first lapses first.
type lapses []*entry

func (l lapses) Len() int           { return len(l) }
func (l lapses) Less(i, j int) bool { return l[i].until.Before(l[j].until) }
func (l lapses) Swap(i, j int) {
	l[i], l[j] = l[j], l[i]
	l[i].place, l[j].place = i, j
}

// Push implements heap.Interface.
func (l *lapses) Push(x any) {
	e := x.(*entry)
	e.place = len(*l)
	*l = append(*l, e)
}

// Pop implements heap.Interface.
func (l *lapses) Pop() any {
	n := len(*l) - 1
	e := (*l)[n]
	(*l)[n] = nil
	*l = (*l)[:n]
	return e
}
