package boltstore_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/khyer/khyer/credential/status"
	"github.com/khyer/khyer/credential/status/boltstore"
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
