// Package boltstore keeps an issuer's statuses in one file (go.etcd.io/bbolt): the store for an issuer whose registry runs on one machine. In a file of
// its own it also keeps how new a verifier's lists were (online.Config.Newest).
package boltstore

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/khyer/khyer/credential/status"
)

var (
	bucket = []byte("khyer status 1")
	about  = []byte("khyer store") // a bucket beside it
	idKey  = []byte("id")
)

// Open returns a store in the file at path, which is made if it is not there, for its owner alone: here, and never later. If the file goes away under a
// running process, or another comes in its place, every call fails with status.StoreDamaged, because a store that is begun anew would give places
// out again, and say that every card is valid. (Who starts a program must see to the rest: that its volume is there.) The file is opened for each transaction and locked while it lasts, so that processes take turns;
// nothing needs to be closed. What was committed is on the disk. Whether the file can be used is found out now.
func Open(path string) (status.Store, error) {
	s := &store{path: path}
	err := s.with(context.Background(), os.OpenFile, func(db *bbolt.DB) error {
		return db.Update(func(t *bbolt.Tx) error {
			if _, err := t.CreateBucketIfNotExists(bucket); err != nil {
				return err
			}
			b, err := t.CreateBucketIfNotExists(about)
			if err != nil {
				return err
			}
			if s.id = bytes.Clone(b.Get(idKey)); s.id != nil {
				return nil
			}
			s.id = make([]byte, 16)
			if _, err := rand.Read(s.id); err != nil {
				return err
			}
			return b.Put(idKey, s.id)
		})
	})
	if err != nil {
		return nil, err
	}
	return s, nil
}

type store struct {
	path string
	id   []byte     // of the file that was opened first
	mu   sync.Mutex // the lock of a file is one between processes; goroutines of one need their own
}

// existing opens a file that Open has made. bbolt would begin anew in an empty one.
func existing(path string, flag int, mode os.FileMode) (*os.File, error) {
	f, err := os.OpenFile(path, flag&^os.O_CREATE, mode)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, status.StoreDamaged
	}
	if err != nil {
		return nil, err
	}
	if info, err := f.Stat(); err != nil || info.Size() == 0 {
		return nil, errors.Join(status.StoreDamaged, err, f.Close())
	}
	return f, nil
}

// with opens the file, waiting for other processes until ctx ends.
func (s *store) with(ctx context.Context, open func(string, int, os.FileMode) (*os.File, error), f func(*bbolt.DB) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		db, err := bbolt.Open(s.path, 0o600, &bbolt.Options{Timeout: 100 * time.Millisecond, OpenFile: open})
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

// bucket returns the statuses, if this is the file that was opened first.
func (s *store) bucket(t *bbolt.Tx) (*bbolt.Bucket, error) {
	b, of := t.Bucket(bucket), t.Bucket(about)
	if b == nil || of == nil || !bytes.Equal(of.Get(idKey), s.id) {
		return nil, status.StoreDamaged
	}
	return b, nil
}

// Update implements status.Store.
func (s *store) Update(ctx context.Context, f func(status.Tx) error) error {
	return s.with(ctx, existing, func(db *bbolt.DB) error {
		return db.Update(func(t *bbolt.Tx) error {
			b, err := s.bucket(t)
			if err != nil {
				return err
			}
			return f(&tx{b, true})
		})
	})
}

// View implements status.Store.
func (s *store) View(ctx context.Context, f func(status.Tx) error) error {
	return s.with(ctx, existing, func(db *bbolt.DB) error {
		return db.View(func(t *bbolt.Tx) error {
			b, err := s.bucket(t)
			if err != nil {
				return err
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
