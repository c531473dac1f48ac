package verifiertest_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/khyer/khyer/credential/status"
	"github.com/khyer/khyer/verifier/verifiertest"
)

// brokenEnv breaks the store of TestMemoryStatusStore.
const brokenEnv = "KHYER_BROKEN_STATUS_STORE"

func TestMemoryStatusStore(t *testing.T) {
	store := status.NewMemory()
	verifiertest.StatusStore(t, func(*testing.T) status.Store {
		if how := os.Getenv(brokenEnv); how != "" {
			return &brokenStore{Store: store, how: how}
		}
		return store
	})
}

// TestBrokenStatusStores: the contract test fails for stores that break the contract, and says of what. It runs itself as a process of its own, since a
// failure there is what it wants.
func TestBrokenStatusStores(t *testing.T) {
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for how, want := range map[string]string{
		"keeps what failed":        "kept of failures",
		"cuts values":              "a value came back changed",
		"finds what is not there":  "a key that is not there",
		"scans beyond the prefix":  "scan of",
		"puts in a view":           "a put in a view",
		"works after its context":  "after the end of its context succeeded",
		"loses the caller's error": "the function's error",
		"loses updates":            "counts became",
	} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			child := exec.CommandContext(t.Context(), program, "-test.run=^TestMemoryStatusStore$", "-test.count=1")
			child.Env = append(os.Environ(), brokenEnv+"="+how)
			out, err := child.CombinedOutput()
			var failed *exec.ExitError
			if !errors.As(err, &failed) || !bytes.Contains(out, []byte(want)) {
				t.Errorf("%v, want a failure that says %q:\n%s", err, want, out)
			}
		})
	}
}

// brokenStore is a store that breaks its contract in one way.
type brokenStore struct {
	status.Store
	how string
}

func (b *brokenStore) Update(ctx context.Context, f func(status.Tx) error) error {
	switch b.how {
	case "works after its context":
		ctx = context.WithoutCancel(ctx)
	case "keeps what failed":
		var failed error
		err := b.Store.Update(ctx, func(tx status.Tx) error { failed = f(tx); return nil })
		return errors.Join(err, failed)
	case "loses the caller's error":
		if err := b.Store.Update(ctx, func(tx status.Tx) error { return f(b.tx(tx)) }); err != nil {
			return errors.New("failed: " + err.Error())
		}
		return nil
	case "loses updates":
		return b.lose(ctx, f)
	}
	return b.Store.Update(ctx, func(tx status.Tx) error { return f(b.tx(tx)) })
}

// lose reads in one transaction and writes in another one.
func (b *brokenStore) lose(ctx context.Context, f func(status.Tx) error) error {
	late := &lateTx{put: map[string][]byte{}}
	if err := b.Store.Update(ctx, func(tx status.Tx) error { late.Tx = tx; return f(late) }); err != nil || len(late.put) == 0 {
		return err
	}
	time.Sleep(time.Millisecond)
	return b.Store.Update(ctx, func(tx status.Tx) error {
		for k, v := range late.put {
			if err := tx.Put([]byte(k), v); err != nil {
				return err
			}
		}
		return nil
	})
}

type lateTx struct {
	status.Tx
	put map[string][]byte
}

func (l *lateTx) Put(key, value []byte) error {
	if string(key) != "count" {
		return l.Tx.Put(key, value)
	}
	l.put[string(key)] = bytes.Clone(value)
	return nil
}

func (b *brokenStore) View(ctx context.Context, f func(status.Tx) error) error {
	if b.how == "puts in a view" {
		return b.Store.Update(ctx, f)
	}
	return b.Store.View(ctx, func(tx status.Tx) error { return f(b.tx(tx)) })
}

func (b *brokenStore) tx(tx status.Tx) status.Tx { return brokenTx{tx, b.how} }

type brokenTx struct {
	status.Tx
	how string
}

func (b brokenTx) Get(key []byte) ([]byte, error) {
	v, err := b.Tx.Get(key)
	if v == nil && err == nil && b.how == "finds what is not there" {
		return []byte{}, nil
	}
	return v, err
}

func (b brokenTx) Put(key, value []byte) error {
	if b.how == "cuts values" && len(value) > 4096 {
		value = value[:4096]
	}
	return b.Tx.Put(key, value)
}

func (b brokenTx) Scan(prefix []byte, visit func(key, value []byte) bool) error {
	if b.how == "scans beyond the prefix" {
		prefix = []byte(strings.TrimSuffix(string(prefix), "/"))
	}
	return b.Tx.Scan(prefix, visit)
}
