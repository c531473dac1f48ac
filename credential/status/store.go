package status

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"sync"
)

// Store keeps what a [Registry] knows. It is a map of bytes with transactions: boltstore and pgstore keep it on disk, [NewMemory] in memory.
// Whoever writes another checks it with verifiertest.StatusStore. Implementations are safe for concurrent use by any number of
// goroutines and, unless they are in memory, of processes.
type Store interface {
	// Update runs f in a transaction that sees everything that was committed before it and nothing of transactions that are under way. If f
	// returns nil, all that it put is kept, together, before Update returns nil; else nothing is, and Update returns f's error. f may be
	// run again from the beginning. An error of the store itself may come after the commit.
	Update(ctx context.Context, f func(Tx) error) error
	// View is Update for an f that puts nothing.
	View(ctx context.Context, f func(Tx) error) error
}

// Tx is a transaction. It ends with the function that it was given to, and is used by one goroutine. Keys and values are not longer
// than 8 KiB; what it returns and what it is given may be changed by nobody until then.
type Tx interface {
	Get(key []byte) (value []byte, err error) // nil if there is none
	Put(key, value []byte) error              // a value is never empty
	// Scan calls f with every key that begins with prefix, in the order of bytes, until f returns false. f puts nothing.
	Scan(prefix []byte, f func(key, value []byte) bool) error
}

// NewMemory makes a Store that is lost with the process: for tests and examples.
func NewMemory() Store { return &memory{data: map[string][]byte{}} }

type memory struct {
	mu   sync.RWMutex
	data map[string][]byte
}

type memoryTx struct {
	of   *memory
	puts map[string][]byte // nil in a View
}

func (m *memory) Update(ctx context.Context, f func(Tx) error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	tx := &memoryTx{m, map[string][]byte{}}
	if err := f(tx); err != nil {
		return err
	}
	for k, v := range tx.puts {
		m.data[k] = v
	}
	return nil
}

func (m *memory) View(ctx context.Context, f func(Tx) error) error {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	return f(&memoryTx{of: m})
}

func (tx *memoryTx) Get(key []byte) ([]byte, error) {
	if v, ok := tx.puts[string(key)]; ok {
		return v, nil
	}
	return tx.of.data[string(key)], nil
}

func (tx *memoryTx) Put(key, value []byte) error {
	if tx.puts == nil || len(value) == 0 {
		return StoreMisused
	}
	tx.puts[string(key)] = bytes.Clone(value)
	return nil
}

func (tx *memoryTx) Scan(prefix []byte, f func(key, value []byte) bool) error {
	var keys []string
	for k := range tx.of.data {
		if _, again := tx.puts[k]; !again && strings.HasPrefix(k, string(prefix)) {
			keys = append(keys, k)
		}
	}
	for k := range tx.puts {
		if strings.HasPrefix(k, string(prefix)) {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	for _, k := range keys {
		v, err := tx.Get([]byte(k))
		if err != nil {
			return err
		}
		if !f([]byte(k), v) {
			return nil
		}
	}
	return nil
}
