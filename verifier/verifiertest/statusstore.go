// Package verifiertest tests what an adopter builds around package verifier. It links no chain and no HTTP.
//
// A service that verifies cards is tested in a [World]: a small country in memory with issuers, holders, agencies and a clock, whose cards are real and can be revoked,
// and whose keys can be retired, revoked and declared compromised. [Faults] are ways to break a presentation, each with the reason for which it is
// refused. [AsksNoMore] fails an agency's build if its requests ask for more than their purpose allows.
//
// Who implements one of the interfaces that the verifier or an issuer is given checks that it keeps what its callers rely on: with [ReplayGuard], [Resolver],
// [TrustSource], [Signer], and [StatusStore] and [StatusStoreKilled].
//
// TestAdmission in world_test.go tests a hospital's service.
package verifiertest

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/khyer/khyer/credential/status"
)

// StatusStore checks an implementation of status.Store. open returns a handle on one and the same store, empty at first, each time it is
// called: as two processes would have, where the store is meant for several.
func StatusStore(t *testing.T, open func(*testing.T) status.Store) {
	t.Helper()
	a, b := open(t), open(t)
	ctx := t.Context()
	update := func(s status.Store, f func(status.Tx) error) {
		t.Helper()
		if err := s.Update(ctx, f); err != nil {
			t.Fatal(err)
		}
	}
	all := func(s status.Store, prefix string) (out []string) {
		t.Helper()
		err := s.View(ctx, func(tx status.Tx) error {
			out = nil
			return tx.Scan([]byte(prefix), func(k, v []byte) bool { out = append(out, fmt.Sprintf("%q=%d", k, len(v))); return true })
		})
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	if got := all(a, ""); len(got) != 0 {
		t.Fatalf("the store is not empty: %q", got)
	}

	// Keys and values of any bytes, in the order of bytes; a prefix bounds a scan on both sides.
	long := bytes.Repeat([]byte{0}, 8<<10)
	keys := []string{"\xff\xff", "a", "a/", "a/\x00", "a/\xff", "a/\xff\xff", "a0", "b", "\x00"}
	update(a, func(tx status.Tx) error {
		for _, k := range keys {
			key, value := []byte(k), bytes.Clone(long)
			if err := tx.Put(key, value); err != nil {
				return err
			}
			key[0], value[0] = 'x', 'x' // they are the caller's again
		}
		return nil
	})
	want := func(keys []string, prefix string) (out []string) {
		for _, k := range slices.Sorted(slices.Values(keys)) {
			if strings.HasPrefix(k, prefix) {
				out = append(out, fmt.Sprintf("%q=%d", k, len(long)))
			}
		}
		return out
	}
	for _, prefix := range []string{"", "a", "a/", "a/\xff", "\xff", "c"} {
		if got := all(b, prefix); !slices.Equal(got, want(keys, prefix)) {
			t.Errorf("scan of %q: %q, want %q", prefix, got, want(keys, prefix))
		}
	}
	update(b, func(tx status.Tx) error {
		if v, err := tx.Get([]byte("a/\x00")); err != nil || !bytes.Equal(v, long) {
			t.Errorf("a value came back changed: %d bytes, %v", len(v), err)
		}
		if v, err := tx.Get([]byte("nothing")); err != nil || v != nil {
			t.Errorf("a key that is not there: %q %v", v, err)
		}
		// A transaction sees what it put itself.
		if err := tx.Put([]byte("a1"), []byte("1")); err != nil {
			return err
		}
		if err := tx.Put([]byte("a1"), []byte("22")); err != nil {
			return err
		}
		n := 0
		err := tx.Scan([]byte("a1"), func(k, v []byte) bool { n += len(v); return true })
		if err != nil || n != 2 {
			t.Errorf("its own puts in a scan: %d bytes, %v", n, err)
		}
		stopped := 0
		err = tx.Scan(nil, func(_, _ []byte) bool { stopped++; return false })
		if err != nil || stopped != 1 {
			t.Errorf("a scan that is stopped: %d calls, %v", stopped, err)
		}
		return nil
	})

	// Nothing is kept of what failed.
	failed := errors.New("failed")
	err := a.Update(ctx, func(tx status.Tx) error { return errors.Join(tx.Put([]byte("f"), []byte("1")), failed) })
	if !errors.Is(err, failed) {
		t.Errorf("the function's error: %v", err)
	}
	ended, cancel := context.WithCancel(ctx)
	cancel()
	if err := a.Update(ended, func(tx status.Tx) error { return tx.Put([]byte("f"), []byte("1")) }); err == nil {
		t.Error("an update after the end of its context succeeded")
	}
	if err := a.View(ctx, func(tx status.Tx) error { return tx.Put([]byte("f"), []byte("1")) }); !errors.Is(err, status.StoreMisused) {
		t.Errorf("a put in a view: %v", err)
	}
	if err := a.Update(ctx, func(tx status.Tx) error { return tx.Put([]byte("f"), nil) }); !errors.Is(err, status.StoreMisused) {
		t.Errorf("an empty value: %v", err)
	}
	if got := all(b, "f"); len(got) != 0 {
		t.Errorf("kept of failures: %q", got)
	}

	// Updates of two handles do not lose each other's counts.
	const workers, each = 6, 25
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for range each {
				s := []status.Store{a, b}[w%2]
				err := s.Update(ctx, func(tx status.Tx) error {
					v, err := tx.Get([]byte("count"))
					if err != nil {
						return err
					}
					return tx.Put([]byte("count"), append(bytes.Clone(v), '.'))
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if got := all(a, "count"); !slices.Equal(got, []string{fmt.Sprintf("%q=%d", "count", workers*each)}) {
		t.Errorf("%d counts became %q", workers*each, got)
	}
}

// childEnv makes the test's own program a child of StatusStoreKilled.
const childEnv = "KHYER_STATUS_CHILD"

// StatusStoreKilled checks a store that outlives its processes: pairs of processes allocate places at the same time and are killed in the
// middle of it, again and again. No place was given out twice, and none is lost that a process had been told of. The test that calls it
// is run as the child, as `-test.run=^<its name>$`: before the call it may only do what the child needs too. open is as in StatusStore, and
// in each process a handle on the same store.
func StatusStoreKilled(t *testing.T, open func(*testing.T) status.Store) {
	t.Helper()
	r, err := status.NewRegistry(status.RegistryConfig{
		Store: open(t), URI: "https://registry.example/status", Key: []byte("thirty-two bytes of a test's key."), Cards: 512,
	})
	if err != nil {
		t.Fatal(err)
	}
	if prefix := os.Getenv(childEnv); prefix != "" {
		for n := 0; ; n++ {
			record := fmt.Sprintf("%s-%d", prefix, n)
			ref, err := r.Allocate(t.Context(), record)
			if err != nil {
				fmt.Printf("child: error %v\n", err)
				os.Exit(1)
			}
			fmt.Printf("child: %s %s %d\n", record, ref.URI, ref.Index)
		}
	}
	told := map[status.Reference]string{}
	for round := range 5 {
		var outs [2]bytes.Buffer
		var children [2]*exec.Cmd
		for i := range children {
			c := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.timeout=1m")
			c.Env = append(os.Environ(), fmt.Sprintf("%s=%d-%d", childEnv, round, i))
			c.Stdout = &outs[i]
			if err := c.Start(); err != nil {
				t.Fatal(err)
			}
			children[i] = c
		}
		time.Sleep(time.Duration(300+70*round) * time.Millisecond)
		for i, c := range children {
			if err := c.Process.Kill(); err != nil {
				t.Fatalf("child %d: %v", i, err)
			}
			_ = c.Wait() // it was killed
		}
		for i := range outs {
			lines := bufio.NewScanner(&outs[i])
			for lines.Scan() {
				var record string
				var ref status.Reference
				if n, _ := fmt.Sscanf(lines.Text(), "child: %s %s %d", &record, &ref.URI, &ref.Index); n != 3 {
					if strings.HasPrefix(lines.Text(), "child: error") {
						t.Error(lines.Text())
					}
					continue // the line that the kill cut short
				}
				if other, twice := told[ref]; twice {
					t.Errorf("%v belongs to %s and to %s", ref, other, record)
				}
				told[ref] = record
			}
		}
	}
	if len(told) < 20 {
		t.Errorf("the children allocated %d places in all: too few to prove anything", len(told))
	}
	for ref, record := range told {
		refs, err := r.Find(t.Context(), record)
		if err != nil || !slices.Contains(refs, ref) {
			t.Errorf("%s was told %v, and the store has %v: %v", record, ref, refs, err)
		}
	}
	t.Logf("%d places in ten processes, all killed", len(told))
}
