package verifiertest

import (
	"crypto/rand"
	"slices"

	"github.com/khyer/khyer/disclosure"
	"github.com/khyer/khyer/verifier"
	"github.com/khyer/khyer/verifier/trust"
)

// Agency is somebody in a world who asks citizens for cards.
type Agency struct {
	ID string // the Audience of its requests

	w *World
}

// NewAgency adds an agency to the world, and to its policy for these purposes; their Agency is set.
func (w *World) NewAgency(id string, purposes ...trust.Purpose) *Agency {
	w.t.Helper()
	for _, p := range purposes {
		p.Agency = id
		w.mu.Lock()
		w.purposes = append(w.purposes, p)
		w.mu.Unlock()
	}
	w.Policy()
	return &Agency{id, w}
}

// Policy says who may ask for what in this world: the purposes of its agencies.
func (w *World) Policy() *trust.Policy {
	w.t.Helper()
	w.mu.Lock()
	purposes := slices.Clone(w.purposes)
	w.mu.Unlock()
	p, err := trust.NewPolicy(purposes...)
	w.must(err)
	return p
}

// Request is what a request of the agency expects, with a nonce of its own. It fails the test and names each claim too many if the purpose does not
// allow what is asked for, now by the world's clock.
func (a *Agency) Request(purpose, vct string, claims ...disclosure.Path) verifier.Expect {
	a.w.t.Helper()
	if err := a.w.Policy().Check(a.ID, purpose, a.w.Now(), trust.Asked{Type: vct, Claims: claims}); err != nil {
		a.w.t.Error(err)
	}
	return verifier.Expect{Audience: a.ID, Nonce: rand.Text(), Type: vct, Claims: claims}
}
