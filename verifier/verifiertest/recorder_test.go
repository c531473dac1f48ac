package verifiertest_test

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
)

// recorder is a testing.TB that keeps what it is told, so that a test that must fail can be seen to do so.
type recorder struct {
	testing.TB
	mu   sync.Mutex
	said []string
}

func (r *recorder) Helper() {}

func (r *recorder) Error(args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.said = append(r.said, fmt.Sprint(args...))
}

func (r *recorder) Errorf(form string, args ...any) { r.Error(fmt.Sprintf(form, args...)) }

func (r *recorder) Fatal(args ...any) { r.Error(args...); runtime.Goexit() }

func (r *recorder) Fatalf(form string, args ...any) { r.Fatal(fmt.Sprintf(form, args...)) }

// mustFail runs a contract test against what breaks the contract, and wants it to say so.
func mustFail(t *testing.T, what, want string, contract func(testing.TB)) {
	t.Helper()
	r := &recorder{TB: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		contract(r)
	}()
	<-done
	if !slices.ContainsFunc(r.said, func(s string) bool { return strings.Contains(s, want) }) {
		t.Errorf("%s: the contract test says %q, want %q", what, r.said, want)
	}
}
