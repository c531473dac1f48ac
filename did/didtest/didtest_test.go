package didtest_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/khyer/khyer/did"
	"github.com/khyer/khyer/did/didtest"
	"github.com/khyer/khyer/did/pubkey"
)

const registry = "did:example:registry"

func day(n int) time.Time { return time.Date(2026, 1, n, 0, 0, 0, 0, time.UTC) }

func newKey(t *testing.T) pubkey.Key {
	t.Helper()
	s, err := pubkey.Generate(pubkey.ES256)
	if err != nil {
		t.Fatal(err)
	}
	return s.Public()
}

func TestHistory(t *testing.T) {
	var r didtest.Resolver
	current, lapsed, revoked := newKey(t), newKey(t), newKey(t)
	id := r.Put(didtest.Subject{
		ID:     registry,
		Anchor: did.Anchor{Chain: "eip155:1337", Block: 20, Time: day(20)},
		Keys: []did.Key{
			{ID: "#lapsed", Public: lapsed, From: day(1), Until: day(10)},
			{ID: "#revoked", Public: revoked, Revoked: day(5)},
			{Public: current, Aliases: []string{"#now"}},
			{ID: "#login", Public: current, Purposes: []did.Purpose{did.Authentication}},
			{ID: "#address", Public: pubkey.FromAddress([20]byte{1}), Class: "controller"},
		},
		Services: []did.Service{{ID: registry + "#hub", Type: "Hub", Endpoint: json.RawMessage(`"https://registry.example/"`)}},
	})
	res, err := r.Resolve(t.Context(), id, did.At{})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		id     string
		signed time.Time
		want   error
	}{
		{"#key-3", day(2), nil}, {"#now", time.Time{}, nil}, {"#lapsed", day(2), nil}, {"#lapsed", time.Time{}, did.KeyLapsed},
		{"#revoked", day(2), did.KeyRevoked}, {"#login", day(2), did.KeyWrongPurpose}, {"#other", day(2), did.KeyNotFound}, {"#address", day(2), nil},
	} {
		if _, err := res.Key(c.id, did.AssertionMethod, c.signed); !errors.Is(err, c.want) {
			t.Errorf("%s on %v: got %v, want %v", c.id, c.signed, err, c.want)
		}
	}
	if n := len(res.Document.VerificationMethod); n != 3 || len(res.Keys) != 5 || res.Keys[0].ID != registry+"#key-3" || res.Keys[0].Class != "" {
		t.Errorf("%d methods, keys %+v", n, res.Keys)
	}
	// The document alone holds the current keys and reads like any other.
	text, err := json.Marshal(res.Document)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := did.ParseDocument(text)
	if err != nil {
		t.Fatal(err)
	}
	alone, err := did.NewResolution(doc)
	if err != nil || len(alone.Keys) != 3 || len(doc.Service) != 1 {
		t.Errorf("%d keys, %v", len(alone.Keys), err)
	}
}

func TestStates(t *testing.T) {
	var r didtest.Resolver
	first, second := newKey(t), newKey(t)
	id := r.Put(didtest.Subject{ID: registry, Anchor: did.Anchor{Block: 10, Time: day(10)}, Keys: []did.Key{{ID: "#a", Public: first}}})
	r.Put(didtest.Subject{ID: registry, Anchor: did.Anchor{Block: 20, Time: day(20)}, Keys: []did.Key{{ID: "#a", Public: second}}})
	r.Put(didtest.Subject{ID: registry, Anchor: did.Anchor{Block: 30, Time: day(30)}, Keys: []did.Key{{ID: "#a", Public: second}}, Deactivated: true})
	for _, c := range []struct {
		at   did.At
		want pubkey.Key
		err  error
	}{
		{did.At{Block: 9}, pubkey.Key{}, did.NotFound}, {did.At{Time: day(9)}, pubkey.Key{}, did.NotFound},
		{did.At{Block: 10}, first, nil}, {did.At{Block: 19}, first, nil}, {did.At{Time: day(19)}, first, nil},
		{did.At{Block: 20}, second, nil}, {did.At{Anchor: &did.Anchor{Block: 25}}, second, nil},
		{did.At{}, pubkey.Key{}, did.Deactivated}, {did.At{Block: 30}, pubkey.Key{}, did.Deactivated},
	} {
		res, err := r.Resolve(t.Context(), id, c.at)
		var k did.Key
		if err == nil {
			k, err = res.Key("#a", did.AssertionMethod, day(25))
		}
		if !errors.Is(err, c.err) || err == nil && !k.Public.Equal(c.want) {
			t.Errorf("%+v: got %v, want %v", c.at, err, c.err)
		}
	}
	res, err := r.Resolve(t.Context(), id, did.At{})
	if err != nil || !res.Deactivated || len(res.Document.VerificationMethod) != 0 {
		t.Errorf("%+v, %v", res, err)
	}
}

func TestFaults(t *testing.T) {
	var r didtest.Resolver
	id := r.Put(didtest.Subject{ID: registry, Keys: []did.Key{{Public: newKey(t)}}})
	other := r.Put(didtest.Subject{ID: "did:example:other"})
	resolve := func(id did.DID) error {
		_, err := r.Resolve(t.Context(), id, did.At{})
		return err
	}
	for _, code := range []did.Code{did.Unavailable, did.GarbledAnswer, did.IncompleteAnswer, did.StaleAnswer, did.WrongChain, did.InternalError} {
		r.Fail(registry, code)
		if err := resolve(id); !errors.Is(err, code) || !code.Inconclusive() {
			t.Errorf("got %v, want %s", err, code)
		}
	}
	if err := resolve(other); err != nil {
		t.Errorf("another DID: %v", err)
	}
	r.Fail(registry, "")
	if err := resolve(id); err != nil {
		t.Errorf("after the fault: %v", err)
	}
	r.Fail("", did.Unavailable)
	if err := resolve(other); !errors.Is(err, did.Unavailable) {
		t.Errorf("all fail: %v", err)
	}
	r.Fail("", "")
	unknown, err := did.Parse("did:example:unknown")
	if err != nil {
		t.Fatal(err)
	}
	if err := resolve(unknown); !errors.Is(err, did.NotFound) {
		t.Errorf("unknown: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.Resolve(ctx, id, did.At{}); !errors.Is(err, did.Unavailable) || !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if r.Resolved(registry) != 7 || r.Resolved("") != 10 || r.Resolved("did:example:unknown") != 1 {
		t.Errorf("resolved %d, %d, %d", r.Resolved(registry), r.Resolved(""), r.Resolved("did:example:unknown"))
	}
}

// What a test changes in its own values after Put, the resolver does not see.
func TestWhatWasPutIsACopy(t *testing.T) {
	var r didtest.Resolver
	keys := []did.Key{{ID: "#a", Public: newKey(t), Purposes: []did.Purpose{did.AssertionMethod}, Aliases: []string{"#b"}}}
	id := r.Put(didtest.Subject{ID: registry, Keys: keys})
	keys[0].Purposes[0], keys[0].Aliases[0] = did.KeyAgreement, "#c"
	res, err := r.Resolve(t.Context(), id, did.At{})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"#a", "#b"} {
		if _, err := res.Key(name, did.AssertionMethod, day(1)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if res.Document.VerificationMethod[0].ID != registry+"#a" || res.Document.Relationships[did.AssertionMethod][0] != registry+"#a" {
		t.Error("the document changed")
	}
}

func TestWrongTests(t *testing.T) {
	k := newKey(t)
	for name, subjects := range map[string][]didtest.Subject{
		"no DID":        {{ID: "registry"}},
		"no public key": {{ID: registry, Keys: []did.Key{{ID: "#a"}}}},
		"an older state": {{ID: registry, Anchor: did.Anchor{Block: 2}, Keys: []did.Key{{Public: k}}},
			{ID: registry, Anchor: did.Anchor{Block: 1}, Keys: []did.Key{{Public: k}}}},
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			var r didtest.Resolver
			for _, s := range subjects {
				r.Put(s)
			}
		})
	}
}

func TestConcurrentUse(t *testing.T) {
	var r didtest.Resolver
	id := r.Put(didtest.Subject{ID: registry, Keys: []did.Key{{Public: newKey(t)}}})
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			r.Fail("did:example:other", did.Unavailable)
			r.Put(didtest.Subject{ID: "did:example:other"})
			if _, err := r.Resolve(t.Context(), id, did.At{}); err != nil {
				t.Error(err)
			}
			r.Resolved("")
		})
	}
	group.Wait()
}

func Example() {
	signer, err := pubkey.Generate(pubkey.ES256)
	if err != nil {
		fmt.Println(err)
		return
	}
	last, err := pubkey.Generate(pubkey.ES256)
	if err != nil {
		fmt.Println(err)
		return
	}
	var resolver didtest.Resolver
	id := resolver.Put(didtest.Subject{
		ID: "did:example:registry",
		Keys: []did.Key{
			{ID: "#2026", Public: signer.Public()},
			{ID: "#2025", Public: last.Public(), Revoked: time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)},
		},
	})

	res, err := resolver.Resolve(context.Background(), id, did.At{})
	if err != nil {
		fmt.Println(err)
		return
	}
	key, err := res.Key("#2026", did.AssertionMethod, time.Time{})
	fmt.Println(key.ID, err)
	_, err = res.Key("#2025", did.AssertionMethod, time.Time{})
	fmt.Println(err)

	resolver.Fail("did:example:registry", did.Unavailable)
	_, err = resolver.Resolve(context.Background(), id, did.At{})
	fmt.Println(err, did.Unavailable.Inconclusive())
	// Output:
	// did:example:registry#2026 <nil>
	// did: keyRevoked
	// did: unavailable true
}
