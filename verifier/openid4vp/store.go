package openid4vp

import (
	"context"
	"errors"
	"time"
)

// MaxStoreKey and MaxStoreRecord bound what a [Store] takes, in bytes. A longer
// key or record, and an empty key, is [ErrTooLarge] and never reaches a server.
const (
	MaxStoreKey    = 128
	MaxStoreRecord = 256 << 10
)

// Store keeps the door's transactions until they lapse. It sees random keys and
// sealed records only: the door seals each record (AES-256-GCM, key outside the
// store, the record's key as associated data), so whoever reads the store reads
// no claim, and whoever writes to it cannot make up a transaction. He can lose
// one or put back an older state of it: the store's server is to be guarded.
//
// [Store.Replace] is the one atomic step. That a response code is used once,
// that failed posts are counted and that one of two racing answers wins are all
// built on it. A store may be shared by several processes, which then agree.
//
// An error that is none of the ones named with a method, [ErrUncertain] and a
// cancelled context among them, says that the outcome is unknown: the caller
// treats the transaction as inconclusive and never as accepted. In particular
// a Replace that failed so may have happened.
//
// A Store is safe for concurrent use. It neither keeps nor changes the slices
// that it is given, and the ones that it returns belong to the caller.
type Store interface {
	// Create keeps record under key until the instant until. It is ErrExists if
	// the key holds a record that has not lapsed, ErrLapsed if until has passed,
	// ErrTooLarge beyond MaxStoreKey and MaxStoreRecord, ErrFull where the store
	// has no room.
	Create(ctx context.Context, key string, record []byte, until time.Time) error

	// Load returns the record under key and its version. A version names one
	// state of one record: it never comes back, not even when the key is deleted
	// and created anew. It is ErrNotFound if the key holds none or it has lapsed.
	Load(ctx context.Context, key string) (record []byte, version uint64, err error)

	// Replace puts record in the place of the one that Load returned with this
	// version. Of any number of racing calls with the same version exactly one
	// returns nil. It is ErrConflict if somebody else was first, ErrNotFound if
	// the record has been deleted or has lapsed, ErrLapsed, ErrTooLarge and ErrFull
	// as in Create; none of these changes anything.
	Replace(ctx context.Context, key string, version uint64, record []byte, until time.Time) error

	// Delete forgets the record under key. It is no error if there is none.
	Delete(ctx context.Context, key string) error
}

// What a [Store] answers; compare with errors.Is.
var (
	ErrExists    = errors.New("openid4vp: the store holds a record under this key")
	ErrNotFound  = errors.New("openid4vp: the store holds no record under this key")
	ErrConflict  = errors.New("openid4vp: the record has been replaced by somebody else")
	ErrFull      = errors.New("openid4vp: the store has no room for another record")
	ErrLapsed    = errors.New("openid4vp: the record would have lapsed before it is kept")
	ErrTooLarge  = errors.New("openid4vp: the key or the record is larger than the store takes")
	ErrUncertain = errors.New("openid4vp: the store cannot tell whether writes were lost, as after a failover")
)

// checkWrite says whether a store takes a record: ErrTooLarge, ErrLapsed or nil.
func checkWrite(key string, record []byte, until, now time.Time) error {
	if key == "" || len(key) > MaxStoreKey || len(record) > MaxStoreRecord {
		return ErrTooLarge
	}
	if !until.After(now) {
		return ErrLapsed
	}
	return nil
}
