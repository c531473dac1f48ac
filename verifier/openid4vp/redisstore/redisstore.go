// Package redisstore keeps the door's transactions in Redis (github.com/redis/go-redis/v9): the store for an agency whose service runs in
// several processes.
//
// Redis confirms a write before its replicas and its disk have it. After a failover, or a restart from disk, a transaction that was answered
// can look as if it were still open, and a second answer would be accepted. Therefore each record names the history that it was written in:
// the replication id (INFO replication, master_replid), which a server takes anew whenever it becomes a primary. A record of another
// history, and every record on a server that is a replica, is openid4vp.ErrUncertain: inconclusive, begin again. Redis also takes a new id
// when its first replica connects, and an hour (repl-backlog-ttl) after the last one left; a Cluster moves records to servers with other
// ids. The transactions that are open then, of the last minutes, are inconclusive too, though nothing was lost.
//
// What no store can tell is that a key was lost as a whole: Create succeeds again. The door's keys are random and asked for once.
//
// The server needs no persistence, and an eviction policy that spares what is in use: with maxmemory-policy noeviction a full server is
// openid4vp.ErrFull; any other lets a flood of requests end open transactions.
package redisstore

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/khyer/khyer/verifier/openid4vp"
)

// Open returns a store in the server or cluster that client speaks to, all of whose keys begin with prefix; an empty one means
// "khyer:openid4vp:". Stores of one prefix are one store. It asks the server once: the error says that it cannot be reached, is a
// replica, or is too different from Redis to tell its histories apart.
//
// The client stays the caller's, and is closed by him; its timeouts apply, beside those of a context where its ContextTimeoutEnabled is set.
// It must lead to a primary.
func Open(ctx context.Context, client redis.UniversalClient, prefix string) (openid4vp.Store, error) {
	if prefix == "" {
		prefix = "khyer:openid4vp:"
	}
	s := &store{client, prefix}
	if _, _, err := s.Load(ctx, "nobody"); !errors.Is(err, openid4vp.ErrNotFound) {
		return nil, fmt.Errorf("redisstore: the server cannot be used: %w", err)
	}
	return s, nil
}

type store struct {
	client redis.UniversalClient
	prefix string
}

// A record is one string: 8 bytes of version, 40 of the replication id, then the caller's. The version is random, so that none comes back
// even when a server forgets; it is chosen by the caller, so that a command that the client sends twice, because the first reply was lost,
// finds its own version and is not refused for having won.
const (
	versionSize = 8
	headSize    = versionSize + 40
)

// here begins each script, which Redis runs as one step: no failover comes in between.
const here = `
local info = redis.call('INFO', 'replication')
local id = string.match(info, 'master_replid:(%x+)')
if not id or #id ~= 40 then return {'unknown'} end
if not string.find(info, 'role:master', 1, true) then return {'uncertain'} end
local head = redis.call('GETRANGE', KEYS[1], 0, 47)
`

var (
	// KEYS: key. ARGV: new version, record, milliseconds.
	createScript = redis.NewScript(here + `
if head ~= '' and string.sub(head, 1, 8) ~= ARGV[1] then return {'exists'} end
redis.call('SET', KEYS[1], ARGV[1] .. id .. ARGV[2], 'PX', ARGV[3])
return {'ok'}`)

	// KEYS: key.
	loadScript = redis.NewScript(here + `
if head == '' then return {'absent'} end
if string.sub(head, 9) ~= id then return {'uncertain'} end
return {'ok', redis.call('GET', KEYS[1])}`)

	// KEYS: key. ARGV: new version, record, milliseconds, version.
	replaceScript = redis.NewScript(here + `
if head == '' then return {'absent'} end
if string.sub(head, 9) ~= id then return {'uncertain'} end
local version = string.sub(head, 1, 8)
if version == ARGV[1] then return {'ok'} end
if version ~= ARGV[4] then return {'conflict'} end
redis.call('SET', KEYS[1], ARGV[1] .. id .. ARGV[2], 'PX', ARGV[3])
return {'ok'}`)
)

// Create implements openid4vp.Store.
func (s *store) Create(ctx context.Context, key string, record []byte, until time.Time) error {
	life, err := check(key, record, until)
	if err != nil {
		return err
	}
	_, err = s.run(ctx, createScript, key, fresh(), record, life)
	return err
}

// Load implements openid4vp.Store.
func (s *store) Load(ctx context.Context, key string) ([]byte, uint64, error) {
	if key == "" || len(key) > openid4vp.MaxStoreKey {
		return nil, 0, openid4vp.ErrNotFound
	}
	value, err := s.run(ctx, loadScript, key)
	if err != nil {
		return nil, 0, err
	}
	if len(value) < headSize {
		return nil, 0, errStrange
	}
	return []byte(value[headSize:]), binary.BigEndian.Uint64([]byte(value[:versionSize])), nil
}

// Replace implements openid4vp.Store.
func (s *store) Replace(ctx context.Context, key string, version uint64, record []byte, until time.Time) error {
	life, err := check(key, record, until)
	if err != nil {
		return err
	}
	_, err = s.run(ctx, replaceScript, key, fresh(), record, life, binary.BigEndian.AppendUint64(nil, version))
	return err
}

// Delete implements openid4vp.Store. A record of a lost history can be deleted.
func (s *store) Delete(ctx context.Context, key string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if key == "" || len(key) > openid4vp.MaxStoreKey {
		return nil
	}
	if err := s.client.Del(ctx, s.prefix+key).Err(); err != nil {
		return fmt.Errorf("redisstore: %w", err)
	}
	return nil
}

var errStrange = errors.New("redisstore: the server holds or says something that this store did not write")

// run runs a script and turns what it says into the errors of the contract.
func (s *store) run(ctx context.Context, script *redis.Script, key string, args ...any) (value string, err error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	said, err := script.Run(ctx, s.client, []string{s.prefix + key}, args...).StringSlice()
	switch {
	case err != nil && strings.HasPrefix(err.Error(), "OOM "):
		return "", openid4vp.ErrFull
	case err != nil:
		return "", fmt.Errorf("redisstore: %w", err)
	case len(said) == 0:
		return "", errStrange
	}
	switch said[0] {
	case "ok":
		if len(said) > 1 {
			value = said[1]
		}
		return value, nil
	case "exists":
		return "", openid4vp.ErrExists
	case "absent":
		return "", openid4vp.ErrNotFound
	case "conflict":
		return "", openid4vp.ErrConflict
	case "uncertain":
		return "", openid4vp.ErrUncertain
	case "unknown":
		return "", errors.New("redisstore: the server names no replication id (INFO replication)")
	}
	return "", errStrange
}

// check bounds what is sent to the server, and returns how long the record is to live, in milliseconds: by the caller's clock, which need
// not agree with the server's.
func check(key string, record []byte, until time.Time) (int64, error) {
	if key == "" || len(key) > openid4vp.MaxStoreKey || len(record) > openid4vp.MaxStoreRecord {
		return 0, openid4vp.ErrTooLarge
	}
	life := time.Until(until)
	if life <= 0 {
		return 0, openid4vp.ErrLapsed
	}
	return max(1, life.Milliseconds()), nil
}

// fresh returns a version that never was.
func fresh() []byte {
	version := make([]byte, versionSize)
	rand.Read(version) // never fails (crypto/rand)
	return version
}
