package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"

	"github.com/khyer/khyer/verifier"
	"github.com/khyer/khyer/verifier/openid4vp"
)

// metrics counts what happened, in the text format that Prometheus reads. Every label is one of a fixed list: no stranger adds one, and
// nothing of a citizen is among them.
type metrics struct {
	mu     sync.Mutex
	counts map[string]uint64
}

func (m *metrics) add(line string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.counts == nil {
		m.counts = map[string]uint64{}
	}
	m.counts[line]++
}

func (m *metrics) verified(_ context.Context, e verifier.Event) {
	m.add(fmt.Sprintf("khyer_verifications_total{verdict=%q,reason=%q}", e.Verdict, e.Reason))
}

func (m *metrics) step(_ context.Context, _ string, e openid4vp.Event) {
	m.add(fmt.Sprintf("khyer_transaction_steps_total{step=%q}", e.Step))
}

func (m *metrics) write(w io.Writer) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, line := range slices.Sorted(maps.Keys(m.counts)) {
		fmt.Fprintln(w, line, m.counts[line])
	}
}
