package openid4vp_test

import (
	"errors"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/khyer/khyer/verifier/openid4vp"
	"github.com/khyer/khyer/verifier/openid4vp/storetest"
)

func newMemory(t testing.TB, c openid4vp.MemoryConfig) openid4vp.Store {
	t.Helper()
	s, err := openid4vp.NewMemory(c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestMemoryContract(t *testing.T) {
	s := newMemory(t, openid4vp.MemoryConfig{})
	storetest.Run(t, func(*testing.T) openid4vp.Store { return s })
}

func TestMemoryRefusesNegativeBounds(t *testing.T) {
	for _, c := range []openid4vp.MemoryConfig{{Records: -1}, {Bytes: -1}} {
		if _, err := openid4vp.NewMemory(c); err == nil {
			t.Errorf("%+v: no error", c)
		}
	}
}

// Who floods the door with requests cannot end the transactions of those who came before, and the room comes back when his lapse.
func TestFloodEndsNobodysTransaction(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	for name, c := range map[string]openid4vp.MemoryConfig{
		"records": {Records: 101},
		"bytes":   {Bytes: 101 * 10},
	} {
		t.Run(name, func(t *testing.T) {
			c.Now = func() time.Time { return now }
			s := newMemory(t, c)
			citizen, record := "citizen", []byte("abc") // 10 bytes
			if err := s.Create(t.Context(), citizen, record, now.Add(time.Hour)); err != nil {
				t.Fatal(err)
			}
			full := 0
			for i := range 1000 {
				err := s.Create(t.Context(), fmt.Sprintf("flood-%03d", i), []byte("1"), now.Add(time.Minute)) // 10 bytes
				switch {
				case errors.Is(err, openid4vp.ErrFull):
					full++
				case err != nil:
					t.Fatal(err)
				}
			}
			if full != 900 {
				t.Errorf("%d of 1000 were refused, want 900", full)
			}
			got, version, err := s.Load(t.Context(), citizen)
			if err != nil || string(got) != "abc" {
				t.Fatalf("the citizen's transaction: %v", err)
			}
			if err := s.Replace(t.Context(), citizen, version, []byte("xyz"), now.Add(time.Hour)); err != nil {
				t.Errorf("a full store must still let transactions go on: %v", err)
			}
			now = now.Add(2 * time.Minute)
			for i := range 100 {
				if err := s.Create(t.Context(), fmt.Sprintf("after-%03d", i), []byte("1"), now.Add(time.Minute)); err != nil {
					t.Fatalf("the flood has lapsed: %v", err)
				}
			}
			if got, _, err := s.Load(t.Context(), citizen); err != nil || string(got) != "xyz" {
				t.Errorf("the citizen's transaction: %v", err)
			}
		})
	}
}

// The bytes are counted through every change, so that the bound neither leaks nor shrinks.
func TestMemoryCountsBytes(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	s := newMemory(t, openid4vp.MemoryConfig{Bytes: 100, Now: func() time.Time { return now }})
	for round := range 50 {
		until := now.Add(time.Minute)
		if err := s.Create(t.Context(), "k", make([]byte, 40), until); err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		_, version, _ := s.Load(t.Context(), "k")
		if err := s.Replace(t.Context(), "k", version, make([]byte, 100), until); !errors.Is(err, openid4vp.ErrFull) {
			t.Fatalf("round %d: 101 bytes: %v", round, err)
		}
		if err := s.Replace(t.Context(), "k", version, make([]byte, 99), until); err != nil {
			t.Fatalf("round %d: 100 bytes: %v", round, err)
		}
		if err := s.Create(t.Context(), "l", nil, until); !errors.Is(err, openid4vp.ErrFull) {
			t.Fatalf("round %d: a 101st byte: %v", round, err)
		}
		_, version, _ = s.Load(t.Context(), "k")
		if err := s.Replace(t.Context(), "k", version, nil, until); err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		if round%2 == 0 {
			now = until // it lapses exactly then
		} else if err := s.Delete(t.Context(), "k"); err != nil {
			t.Fatal(err)
		}
	}
}

// 100,000 open transactions take little more than their bytes, and their room is given back when they have lapsed.
func TestMemoryOfOneHundredThousandTransactions(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	heap := func() int64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	s := newMemory(t, openid4vp.MemoryConfig{Now: func() time.Time { return now }})
	before, record := heap(), make([]byte, 1000)
	for i := range 100_000 {
		if err := s.Create(t.Context(), fmt.Sprintf("transaction-%06d", i), record, now.Add(time.Duration(i%120+1)*time.Second)); err != nil {
			t.Fatal(err)
		}
	}
	open := heap() - before
	now = now.Add(2 * time.Minute)
	if _, _, err := s.Load(t.Context(), "transaction-000000"); !errors.Is(err, openid4vp.ErrNotFound) {
		t.Fatal(err)
	}
	after := heap() - before
	t.Logf("100,000 records of 1,000 bytes: %d bytes of heap each; %d KiB in all when they have lapsed", open/100_000, after>>10)
	if open > 100_000*1500 {
		t.Errorf("%d bytes of heap for each record", open/100_000)
	}
	if after > 4<<20 {
		t.Errorf("%d KiB are kept for records that have lapsed", after>>10)
	}
	runtime.KeepAlive(s)
}

func BenchmarkMemory(b *testing.B) {
	s := newMemory(b, openid4vp.MemoryConfig{})
	until, record := time.Now().Add(time.Hour), make([]byte, 4000)
	for i := range 99_000 {
		if err := s.Create(b.Context(), fmt.Sprint("other ", i), record, until); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		if err := s.Create(b.Context(), "k", record, until); err != nil {
			b.Fatal(err)
		}
		_, version, err := s.Load(b.Context(), "k")
		if err != nil {
			b.Fatal(err)
		}
		if err := s.Replace(b.Context(), "k", version, record, until); err != nil {
			b.Fatal(err)
		}
		if err := s.Delete(b.Context(), "k"); err != nil {
			b.Fatal(err)
		}
	}
}
