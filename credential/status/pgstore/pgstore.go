// Package pgstore keeps an issuer's statuses in PostgreSQL (github.com/jackc/pgx/v5): the store for an issuer whose registry runs on several
// machines.
package pgstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/khyer/khyer/credential/status"
)

// schema is one table. bytea compares byte by byte.
const schema = `CREATE TABLE IF NOT EXISTS khyer_status (key bytea PRIMARY KEY, value bytea NOT NULL)`

// lockID is this store's advisory lock ("khyer" and a version): updates take turns, across machines, which is simpler than to repeat
// those that ran into each other, and no slower, because nearly all of them count in one row.
const lockID = 0x6b687965720001

// Open returns a store in the table khyer_status of a database, which is made if it is not there and may be made. The pool stays the caller's, and is
// closed by him. What was committed is as safe as the database's synchronous_commit says.
func Open(ctx context.Context, pool *pgxpool.Pool) (status.Store, error) {
	s := &store{pool}
	err := s.run(ctx, pgx.TxOptions{}, func(t pgx.Tx) error {
		if _, err := t.Exec(ctx, `SELECT pg_advisory_xact_lock($1)`, int64(lockID)); err != nil { // CREATE IF NOT EXISTS can fail beside another
			return err
		}
		var there bool
		if err := t.QueryRow(ctx, `SELECT to_regclass('khyer_status') IS NOT NULL`).Scan(&there); err != nil || there {
			return err
		}
		_, err := t.Exec(ctx, schema)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("pgstore: the table cannot be had: %w", err)
	}
	return s, nil
}

type store struct{ pool *pgxpool.Pool }

func (s *store) run(ctx context.Context, o pgx.TxOptions, f func(pgx.Tx) error) error {
	return pgx.BeginTxFunc(ctx, s.pool, o, f)
}

// Update implements status.Store.
func (s *store) Update(ctx context.Context, f func(status.Tx) error) error {
	return s.run(ctx, pgx.TxOptions{}, func(t pgx.Tx) error {
		if _, err := t.Exec(ctx, `SELECT pg_advisory_xact_lock($1)`, int64(lockID)); err != nil {
			return err
		}
		return f(&tx{ctx, t, true})
	})
}

// View implements status.Store.
func (s *store) View(ctx context.Context, f func(status.Tx) error) error {
	return s.run(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(t pgx.Tx) error {
		return f(&tx{ctx, t, false})
	})
}

type tx struct {
	ctx   context.Context
	t     pgx.Tx
	write bool
}

func (t *tx) Get(key []byte) (value []byte, err error) {
	err = t.t.QueryRow(t.ctx, `SELECT value FROM khyer_status WHERE key = $1`, bytea(key)).Scan(&value)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	return value, err
}

func (t *tx) Put(key, value []byte) error {
	if !t.write || len(value) == 0 {
		return status.StoreMisused
	}
	_, err := t.t.Exec(t.ctx, `INSERT INTO khyer_status (key, value) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = EXCLUDED.value`, bytea(key), value)
	return err
}

func (t *tx) Scan(prefix []byte, f func(key, value []byte) bool) error {
	query, args := `SELECT key, value FROM khyer_status WHERE key >= $1 ORDER BY key`, []any{bytea(prefix)}
	if end := after(prefix); end != nil {
		query, args = `SELECT key, value FROM khyer_status WHERE key >= $1 AND key < $2 ORDER BY key`, append(args, end)
	}
	rows, err := t.t.Query(t.ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var key, value []byte
		if err := rows.Scan(&key, &value); err != nil {
			return err
		}
		if !f(key, value) {
			return nil
		}
	}
	return rows.Err()
}

// bytea keeps an empty slice from becoming NULL.
func bytea(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// after returns the first key behind all that begin with prefix; nil if there is none.
func after(prefix []byte) []byte {
	end := bytes.Clone(prefix)
	for len(end) > 0 {
		if end[len(end)-1]++; end[len(end)-1] != 0 {
			return end
		}
		end = end[:len(end)-1]
	}
	return nil
}
