// Package boltstore keeps an issuer's statuses in one file (go.etcd.io/bbolt): the store for an issuer whose registry runs on one machine.
package boltstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/khyer/khyer/credential/status"
)

var bucket = []byte("khyer status 1")

// Open returns a store in the file at path, which is made if it is not there, for its owner alone. The file is opened for each transaction and
// locked while it lasts, so that processes take turns; nothing needs to be closed. What was committed is on the disk. Whether the file can be
// used is found out now.
func Open(path string) (status.Store, error) {
	s := &store{path: path}
	return s, s.Update(context.Background(), func(status.Tx) error { return nil })
}

type store struct {
	path string
	mu   sync.Mutex // the lock of a file is one between processes; goroutines of one need their own
}

// with opens the file, waiting for other processes until ctx ends.
func (s *store) with(ctx context.Context, f func(*bbolt.DB) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		db, err := bbolt.Open(s.path, 0o600, &bbolt.Options{Timeout: 100 * time.Millisecond})
		if errors.Is(err, bolterrors.ErrTimeout) {
			continue
		}
		if err != nil {
			var p *os.PathError
			if errors.As(err, &p) {
				err = p.Err // where the file is is nobody's business
			}
			return fmt.Errorf("boltstore: the file cannot be opened: %w", err)
		}
		return errors.Join(f(db), db.Close())
	}
}

// Update implements status.Store.
func (s *store) Update(ctx context.Context, f func(status.Tx) error) error {
	return s.with(ctx, func(db *bbolt.DB) error {
		return db.Update(func(t *bbolt.Tx) error {
			b, err := t.CreateBucketIfNotExists(bucket)
			if err != nil {
				return err
			}
			return f(&tx{b, true})
		})
	})
}

// View implements status.Store.
func (s *store) View(ctx context.Context, f func(status.Tx) error) error {
	return s.with(ctx, func(db *bbolt.DB) error {
		return db.View(func(t *bbolt.Tx) error {
			b := t.Bucket(bucket) // there since Open
			if b == nil {
				return status.StoreDamaged
			}
			return f(&tx{b, false})
		})
	})
}

type tx struct {
	b     *bbolt.Bucket
	write bool
}

func (t *tx) Get(key []byte) ([]byte, error) { return t.b.Get(key), nil }

func (t *tx) Put(key, value []byte) error {
	if !t.write || len(value) == 0 {
		return status.StoreMisused
	}
	return t.b.Put(bytes.Clone(key), bytes.Clone(value))
}

func (t *tx) Scan(prefix []byte, f func(key, value []byte) bool) error {
	c := t.b.Cursor()
	for k, v := c.Seek(prefix); k != nil && bytes.HasPrefix(k, prefix); k, v = c.Next() {
		if !f(k, v) {
			break
		}
	}
	return nil
}
