package storetest_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/khyer/khyer/verifier/openid4vp"
	"github.com/khyer/khyer/verifier/openid4vp/storetest"
)

// How a store is checked.
func TestStore(t *testing.T) {
	s, err := openid4vp.NewMemory(openid4vp.MemoryConfig{})
	if err != nil {
		t.Fatal(err)
	}
	storetest.Run(t, func(*testing.T) openid4vp.Store { return s })
}

// broken are stores with one fault each, and the check that finds it.
var broken = map[string]struct {
	store func(openid4vp.Store) openid4vp.Store
	by    string
}{
	"looks at the version, then writes":  {func(s openid4vp.Store) openid4vp.Store { return &lookThenWrite{s} }, "RacingReplaces"},
	"replaces whatever is there":         {func(s openid4vp.Store) openid4vp.Store { return &blind{s} }, "ReplaceByVersion"},
	"creates over what is there":         {func(s openid4vp.Store) openid4vp.Store { return &overwrite{s} }, "CreateOnce"},
	"says that a lost race is not found": {func(s openid4vp.Store) openid4vp.Store { return &confused{s} }, "ReplaceByVersion"},
	"forgets nothing":                    {func(s openid4vp.Store) openid4vp.Store { return &eternal{s} }, "Lapse"},
	"does not look at its context":       {func(s openid4vp.Store) openid4vp.Store { return &deaf{s} }, "CancelledContext"},
	"counts versions for each key":       {func(s openid4vp.Store) openid4vp.Store { return &counting{s} }, "VersionsNeverComeBack"},
}

type (
	lookThenWrite struct{ openid4vp.Store }
	blind         struct{ openid4vp.Store }
	overwrite     struct{ openid4vp.Store }
	confused      struct{ openid4vp.Store }
	eternal       struct{ openid4vp.Store }
	deaf          struct{ openid4vp.Store }
	counting      struct{ openid4vp.Store }
)

func (s *lookThenWrite) Replace(ctx context.Context, key string, version uint64, record []byte, until time.Time) error {
	_, now, err := s.Load(ctx, key)
	if err == nil && now != version {
		return openid4vp.ErrConflict
	}
	time.Sleep(10 * time.Millisecond)
	return (&blind{s.Store}).Replace(ctx, key, version, record, until)
}

func (s *blind) Replace(ctx context.Context, key string, _ uint64, record []byte, until time.Time) error {
	for {
		_, version, err := s.Load(ctx, key)
		if err != nil {
			return err
		}
		if err := s.Store.Replace(ctx, key, version, record, until); !errors.Is(err, openid4vp.ErrConflict) {
			return err
		}
	}
}

func (s *overwrite) Create(ctx context.Context, key string, record []byte, until time.Time) error {
	err := s.Store.Create(ctx, key, record, until)
	if errors.Is(err, openid4vp.ErrExists) {
		return (&blind{s.Store}).Replace(ctx, key, 0, record, until)
	}
	return err
}

func (s *confused) Replace(ctx context.Context, key string, version uint64, record []byte, until time.Time) error {
	err := s.Store.Replace(ctx, key, version, record, until)
	if errors.Is(err, openid4vp.ErrConflict) {
		return openid4vp.ErrNotFound
	}
	return err
}

func (s *eternal) Create(ctx context.Context, key string, record []byte, _ time.Time) error {
	return s.Store.Create(ctx, key, record, time.Now().Add(time.Hour))
}

func (s *deaf) Delete(ctx context.Context, key string) error {
	return s.Store.Delete(context.WithoutCancel(ctx), key)
}

// The version stands before the record and begins with 1 in each.
func (s *counting) Create(ctx context.Context, key string, record []byte, until time.Time) error {
	return s.Store.Create(ctx, key, append([]byte{1}, record...), until)
}

func (s *counting) Load(ctx context.Context, key string) ([]byte, uint64, error) {
	record, _, err := s.Store.Load(ctx, key)
	if err != nil {
		return nil, 0, err
	}
	return record[1:], uint64(record[0]), nil
}

func (s *counting) Replace(ctx context.Context, key string, version uint64, record []byte, until time.Time) error {
	old, now, err := s.Store.Load(ctx, key)
	if err != nil {
		return err
	}
	if uint64(old[0]) != version {
		return openid4vp.ErrConflict
	}
	return s.Store.Replace(ctx, key, now, append([]byte{byte(version + 1)}, record...), until)
}

// Run fails for each broken store: in a process of its own, since a failing test fails its parents.
func TestRunFindsBrokenStores(t *testing.T) {
	const env = "KHYER_STORETEST_CHILD"
	if name := os.Getenv(env); name != "" {
		s, err := openid4vp.NewMemory(openid4vp.MemoryConfig{})
		if err != nil {
			t.Fatal(err)
		}
		s = broken[name].store(s)
		storetest.Run(t, func(*testing.T) openid4vp.Store { return s })
		return
	}
	for name, c := range broken {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cmd := exec.Command(os.Args[0], "-test.run=^TestRunFindsBrokenStores$", "-test.timeout=1m")
			cmd.Env = append(os.Environ(), env+"="+name)
			out, err := cmd.CombinedOutput()
			var exit *exec.ExitError
			if !errors.As(err, &exit) {
				t.Fatalf("it passes (%v):\n%s", err, out)
			}
			if !bytes.Contains(out, []byte("--- FAIL: TestRunFindsBrokenStores/"+c.by)) || strings.Contains(string(out), "panic:") {
				t.Errorf("%s does not find it:\n%s", c.by, out)
			}
		})
	}
}
