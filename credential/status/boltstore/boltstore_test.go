package boltstore_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/khyer/khyer/credential/status"
	"github.com/khyer/khyer/credential/status/boltstore"
	"github.com/khyer/khyer/credential/status/internal/storetest"
	"github.com/khyer/khyer/verifier/verifiertest"
)

func Example() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	store, err := boltstore.Open(filepath.Join(dir, "statuses"))
	if err != nil {
		panic(err)
	}
	r, err := status.NewRegistry(status.RegistryConfig{Store: store, URI: "https://registry.example/status", Key: []byte("a secret of at least thirty-two bytes")})
	if err != nil {
		panic(err)
	}
	ref, err := r.Allocate(context.Background(), "record 4711")
	fmt.Println(ref.URI, err)
	// Output:
	// https://registry.example/status/0 <nil>
}

func TestContract(t *testing.T) {
	path := filepath.Join(t.TempDir(), "statuses")
	verifiertest.StatusStore(t, func(t *testing.T) status.Store {
		s, err := boltstore.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		return s
	})
}

func TestKilledInTheMiddle(t *testing.T) {
	const env = "KHYER_BOLTSTORE_TEST"
	path := os.Getenv(env)
	if path == "" {
		path = filepath.Join(t.TempDir(), "statuses")
		t.Setenv(env, path) // for the children
	}
	verifiertest.StatusStoreKilled(t, func(t *testing.T) status.Store {
		s, err := boltstore.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		return s
	})
}

func TestFilesThatCannotBeUsed(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "text")
	if err := os.WriteFile(text, []byte(strings.Repeat("no database ", 10_000)), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{text, dir, filepath.Join(dir, "missing", "statuses")} {
		if _, err := boltstore.Open(path); err == nil {
			t.Errorf("%s was opened", filepath.Base(path))
		} else if strings.Contains(err.Error(), dir) {
			t.Errorf("the error names the path: %v", err)
		}
	}
	good := filepath.Join(dir, "statuses")
	if _, err := boltstore.Open(good); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(good); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info.Mode(), err)
	}
}

// TestFileThatGoesAway under a running issuer: a volume that is not mounted any more, a clean-up, a file of another store in its place. Begun anew, the
// store would hand places out again, and the next list would say that every card is valid.
func TestFileThatGoesAway(t *testing.T) {
	ctx := t.Context()
	for name, spoil := range map[string]func(path string) error{
		"removed":   os.Remove,
		"emptied":   func(path string) error { return os.Truncate(path, 0) },
		"cut short": func(path string) error { return os.Truncate(path, 100) },
		"another's": func(path string) error {
			if _, err := boltstore.Open(path + "2"); err != nil {
				return err
			}
			return os.Rename(path+"2", path)
		},
	} {
		path := filepath.Join(t.TempDir(), "statuses")
		store, err := boltstore.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		r, err := status.NewRegistry(status.RegistryConfig{Store: store, URI: "https://registry.example/status", Key: make([]byte, 32), Cards: 8})
		if err != nil {
			t.Fatal(err)
		}
		ref, err := r.Allocate(ctx, "a")
		if err == nil {
			err = r.Set(ctx, ref, status.Revoked, "by", "why")
		}
		if err == nil {
			err = spoil(path)
		}
		if err != nil {
			t.Fatal(err)
		}
		before, _ := os.ReadFile(path)
		_, allocate := r.Allocate(ctx, "b")
		_, view := r.List(ctx, ref.URI)
		for _, err := range []error{allocate, view} {
			if err == nil || name != "cut short" && !errors.Is(err, status.StoreDamaged) || strings.Contains(err.Error(), path) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if after, _ := os.ReadFile(path); !bytes.Equal(before, after) {
			t.Errorf("%s: something was written", name)
		}
	}
}

// TestFileOfAnEarlierProcess is the same store again.
func TestFileOfAnEarlierProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "statuses")
	for n := range 3 {
		store, err := boltstore.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		seen := 0
		err = store.Update(t.Context(), func(tx status.Tx) error {
			if err := tx.Put([]byte{byte(n)}, []byte("there")); err != nil {
				return err
			}
			return tx.Scan(nil, func(_, _ []byte) bool { seen++; return true })
		})
		if err != nil || seen != n+1 {
			t.Errorf("process %d sees %d entries, %v", n, seen, err)
		}
	}
}

func TestKilledWhilePublishing(t *testing.T) {
	const env = "KHYER_BOLTSTORE_TEST"
	path := os.Getenv(env)
	if path == "" {
		path = filepath.Join(t.TempDir(), "statuses")
		t.Setenv(env, path) // for the children
	}
	storetest.Killed(t, func(t *testing.T) status.Store {
		s, err := boltstore.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		return s
	})
}

// BenchmarkNation:
//
//	go test ./credential/status/boltstore -run '^$' -bench Nation -benchtime 1x
func BenchmarkNation(b *testing.B) {
	s, err := boltstore.Open(filepath.Join(b.TempDir(), "statuses"))
	if err != nil {
		b.Fatal(err)
	}
	storetest.Nation(b, s)
}
