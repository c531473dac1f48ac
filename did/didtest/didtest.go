// Package didtest is an in-memory did.Resolver for tests: documents, keys with a history, deactivation, and the faults of a way to a
// registry that does not answer.
package didtest

import (
	"context"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/khyer/khyer/did"
)

// Subject describes a DID at one moment.
type Subject struct {
	ID string // a DID
	// Keys are the keys with their history. An ID or alias that begins with "#" is relative to the subject; an empty ID becomes
	// "#key-1", "#key-2" and so on; nil Purposes become assertionMethod and authentication.
	Keys        []did.Key
	Services    []did.Service
	Deactivated bool
	// Anchor is where the state was read. Keys that have lapsed by its time, or by now if it is zero, and keys that were revoked,
	// stand in the history but not in the document.
	Anchor did.Anchor
}

// Resolver is an in-memory did.Resolver. The zero value is empty and ready. It is safe for concurrent use.
type Resolver struct {
	mu       sync.Mutex
	states   map[string][]*did.Resolution // by DID, oldest first
	faults   map[string]did.Code
	resolved map[string]int
}

// Put adds a state of a DID, newer than those before it, and returns the DID. It panics if s.ID is not a DID, a key has no public
// key or the anchor is older than the last one: the test is wrong then.
func (r *Resolver) Put(s Subject) did.DID {
	res := s.resolution()
	id := res.Document.ID
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.states == nil {
		r.states = map[string][]*did.Resolution{}
	}
	states := r.states[id.String()]
	if n := len(states); n > 0 && (res.Anchor.Block < states[n-1].Anchor.Block || res.Anchor.Time.Before(states[n-1].Anchor.Time)) {
		panic("didtest: the anchor is older than the last one of this DID")
	}
	r.states[id.String()] = append(states, res)
	return id
}

// Fail makes every resolve of that DID fail with code, until it is called again with an empty code. An empty id means all DIDs. A DID
// that was never Put needs no Fail: it is NotFound.
func (r *Resolver) Fail(id string, code did.Code) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.faults == nil {
		r.faults = map[string]did.Code{}
	}
	if code == "" {
		delete(r.faults, id)
		return
	}
	r.faults[id] = code
}

// Resolved returns how often that DID was asked for, failures included; an empty id means all DIDs together.
func (r *Resolver) Resolved(id string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.resolved[id]
}

// Resolve implements did.Resolver. A zero at gives the newest state; a block or a time, or the block of an anchor, gives the newest
// state that is not younger. The answer is the caller's own copy.
func (r *Resolver) Resolve(ctx context.Context, id did.DID, at did.At) (*did.Resolution, error) {
	if err := ctx.Err(); err != nil {
		return nil, &did.Error{Code: did.Unavailable, Err: err}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.resolved == nil {
		r.resolved = map[string]int{}
	}
	r.resolved[id.String()]++
	r.resolved[""]++
	for _, key := range []string{id.String(), ""} {
		if code, ok := r.faults[key]; ok {
			return nil, &did.Error{Code: code}
		}
	}
	states := r.states[id.String()]
	for _, res := range slices.Backward(states) {
		if included(res.Anchor, at) {
			return res, nil
		}
	}
	return nil, &did.Error{Code: did.NotFound}
}

func included(a did.Anchor, at did.At) bool {
	if at.Anchor != nil && a.Block > at.Anchor.Block {
		return false
	}
	if at.Block != 0 && a.Block > at.Block {
		return false
	}
	return at.Time.IsZero() || !a.Time.After(at.Time)
}

func (s Subject) resolution() *did.Resolution {
	id, err := did.Parse(s.ID)
	if err != nil {
		panic("didtest: " + err.Error())
	}
	doc := &did.Document{
		Context:            []string{"https://www.w3.org/ns/did/v1"},
		ID:                 id,
		VerificationMethod: []did.Method{},
		Relationships:      map[did.Purpose][]string{},
		Service:            slices.Clone(s.Services),
	}
	res := &did.Resolution{Document: doc, Deactivated: s.Deactivated, Anchor: s.Anchor}
	now := s.Anchor.Time
	if now.IsZero() {
		now = time.Now()
	}
	var past []did.Key
	for i, k := range s.Keys {
		k = complete(k, s.ID, i)
		current := !s.Deactivated && k.Revoked.IsZero() && (k.Until.IsZero() || now.Before(k.Until)) && !now.Before(k.From)
		if !current {
			past = append(past, k)
			continue
		}
		res.Keys = append(res.Keys, k)
		doc.VerificationMethod = append(doc.VerificationMethod, method(k, s.ID))
		for _, p := range k.Purposes {
			doc.Relationships[p] = append(doc.Relationships[p], k.ID)
		}
	}
	res.Keys = append(res.Keys, past...)
	return res
}

func complete(k did.Key, id string, i int) did.Key {
	if k.Public.IsZero() {
		panic("didtest: a key without a public key")
	}
	if k.ID == "" {
		k.ID = "#key-" + strconv.Itoa(i+1)
	}
	if strings.HasPrefix(k.ID, "#") {
		k.ID = id + k.ID
	}
	k.Aliases = slices.Clone(k.Aliases)
	for j, a := range k.Aliases {
		if strings.HasPrefix(a, "#") {
			k.Aliases[j] = id + a
		}
	}
	if k.Purposes = slices.Clone(k.Purposes); k.Purposes == nil {
		k.Purposes = []did.Purpose{did.AssertionMethod, did.Authentication}
	}
	return k
}

func method(k did.Key, id string) did.Method {
	m := did.Method{ID: k.ID, Type: "JsonWebKey2020", Controller: id, PublicKeyJwk: k.Public.JWK()}
	if m.PublicKeyJwk == nil { // an address
		a, _ := k.Public.Address()
		m.Type, m.BlockchainAccountID = "EcdsaSecp256k1RecoveryMethod2020", "eip155:1:0x"+hex.EncodeToString(a[:])
	}
	return m
}
