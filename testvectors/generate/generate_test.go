package main

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestRegenerate holds the committed vectors against what the generator writes: byte for byte, none more and none less.
func TestRegenerate(t *testing.T) {
	want := generate()
	if !maps.EqualFunc(want, generate(), bytes.Equal) {
		t.Error("two runs in one process differ")
	}
	dir := filepath.Join("..", "vectors")
	found, err := filepath.Glob(filepath.Join(dir, "*", "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range found {
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimSuffix(filepath.ToSlash(rel), ".json")
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(text, want[name]) {
			t.Errorf("%s is not what the generator writes: go generate ./testvectors", name)
		}
		delete(want, name)
	}
	if len(want) > 0 {
		t.Errorf("missing: %q: go generate ./testvectors", slices.Sorted(maps.Keys(want)))
	}
}

func TestWriteReplaces(t *testing.T) {
	dir := t.TempDir()
	stale := filepath.Join(dir, "did", "of-yesterday.json")
	if err := os.MkdirAll(filepath.Dir(stale), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(stale, []byte("{}"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := write(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(stale); !os.IsNotExist(err) {
		t.Error("a vector that is not made any more stays")
	}
	if found, _ := filepath.Glob(filepath.Join(dir, "*", "*.json")); len(found) != len(generate()) {
		t.Errorf("%d files for %d vectors", len(found), len(generate()))
	}
}

// TestBase58 is the one encoding here that no package of the standard library has (values: the multibase specification's tests, base58btc).
func TestBase58(t *testing.T) {
	for text, want := range map[string]string{"yes mani !": "7paNL19xttacUY", "\x00yes mani !": "17paNL19xttacUY", "\x00\x00yes mani !": "117paNL19xttacUY", "": ""} {
		if got := base58([]byte(text)); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}
