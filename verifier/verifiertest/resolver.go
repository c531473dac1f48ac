package verifiertest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/khyer/khyer/did"
)

// Resolvable are DIDs that a resolver under test is asked for.
type Resolvable struct {
	Known       string // exists, and has a key
	Unknown     string // of the same method, well formed, and does not exist; empty if every such DID exists
	Deactivated string // was ended; empty if the method has no end
	// Changed is when the document of Known was changed last, to one that it has not been before; zero if the method has no history.
	Changed time.Time
}

// Resolver checks an implementation of did.Resolver.
//
// What it holds a resolver to: the document of the answer has the DID that was asked for as its id, and its keys are usable; an answer that was given
// does not change any more, since callers share it; a DID that does not exist is did.NotFound, an ended one is did.Deactivated or says so, and another
// method's is an error too, all of the type *did.Error and without an answer; a caller who has gone is never told that a DID does not exist or was
// ended; what is asked for as of a block or a time is refused or answered, and not with what came later; and all of it for many callers at once.
func Resolver(t testing.TB, r did.Resolver, of Resolvable) {
	t.Helper()
	known := parse(t, of.Known)
	res := answered(t, r, known)
	if res == nil {
		return
	}
	before := picture(res)
	refused(t, r, did.DID{}, "")
	refused(t, r, parse(t, "did:nosuchmethod:1"), "")
	if of.Unknown != "" {
		refused(t, r, parse(t, of.Unknown), did.NotFound)
	}
	if of.Deactivated != "" {
		ended(t, r, parse(t, of.Deactivated))
	}
	gone(t, r, known)
	if !of.Changed.IsZero() {
		asOf(t, r, known, of.Changed)
	}

	var all sync.WaitGroup
	for n := range 40 {
		all.Go(func() {
			if of.Unknown != "" && n%2 == 0 {
				refused(t, r, parse(t, of.Unknown), did.NotFound)
				return
			}
			answered(t, r, known)
		})
	}
	all.Wait()
	if picture(res) != before {
		t.Errorf("the first answer for %s has changed since it was given", known)
	}
}

func parse(t testing.TB, s string) did.DID {
	t.Helper()
	id, err := did.Parse(s)
	if err != nil {
		t.Errorf("the test asks for %q, which is no DID", s)
	}
	return id
}

// answered resolves a DID that exists; nil if it was not found.
func answered(t testing.TB, r did.Resolver, id did.DID) *did.Resolution {
	t.Helper()
	res, err := r.Resolve(t.Context(), id, did.At{})
	if err != nil || res == nil || res.Document == nil {
		t.Errorf("%s: no answer, %v", id, err)
		return nil
	}
	whole(t, res, id)
	return res
}

func whole(t testing.TB, res *did.Resolution, id did.DID) {
	t.Helper()
	if res.Document.ID != id {
		t.Errorf("asked for %s, answered with the document of %s", id, res.Document.ID)
	}
	if len(res.Keys) == 0 {
		t.Errorf("%s: no keys", id)
	}
	for _, k := range res.Keys {
		if _, err := did.ParseURL(k.ID); err != nil || k.Public.IsZero() {
			t.Errorf("%s: the key %q has no absolute DID URL as its id, or no public key", id, k.ID)
		}
	}
}

// refused resolves what has no answer. An empty code means any.
func refused(t testing.TB, r did.Resolver, id did.DID, want did.Code) {
	t.Helper()
	res, err := r.Resolve(t.Context(), id, did.At{})
	var e *did.Error
	switch {
	case res != nil:
		t.Errorf("%q: an answer, want an error", id)
	case !errors.As(err, &e):
		t.Errorf("%q: %v is no *did.Error", id, err)
	case want != "" && e.Code != want:
		t.Errorf("%q: %s, want %s", id, e.Code, want)
	}
}

func ended(t testing.TB, r did.Resolver, id did.DID) {
	t.Helper()
	res, err := r.Resolve(t.Context(), id, did.At{})
	if err == nil && res != nil && res.Deactivated {
		for _, k := range res.Keys {
			if _, err := res.Key(k.ID, did.AssertionMethod, time.Now()); err == nil {
				t.Errorf("%s was ended, and its key %s still counts", id, k.ID)
			}
		}
		return
	}
	if res != nil || !errors.Is(err, did.Deactivated) {
		t.Errorf("%s was ended: %v, want an answer that says so, or %s", id, err, did.Deactivated)
	}
}

// gone asks for a DID that exists with a context that has ended. From memory it may be answered all the same.
func gone(t testing.TB, r did.Resolver, id did.DID) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	begun := time.Now()
	res, err := r.Resolve(ctx, id, did.At{})
	if time.Since(begun) > 5*time.Second {
		t.Error("a caller whose context had ended was kept waiting")
	}
	var e *did.Error
	switch {
	case err == nil && res != nil:
		whole(t, res, id)
	case res != nil:
		t.Error("an error came with an answer")
	case !errors.As(err, &e) || !e.Code.Inconclusive():
		t.Errorf("to a caller who has gone: %v, want a *did.Error of a code that is inconclusive", err)
	}
}

// asOf asks for what was before the last change.
func asOf(t testing.TB, r did.Resolver, id did.DID, changed time.Time) {
	t.Helper()
	present := answered(t, r, id)
	for _, at := range []did.At{{Block: 1}, {Time: changed.Add(-time.Second)}} {
		res, err := r.Resolve(t.Context(), id, at)
		var e *did.Error
		switch {
		case err != nil && (res != nil || !errors.As(err, &e)):
			t.Errorf("%s as of %s: %v is no *did.Error, or came with an answer", id, moment(at), err)
		case err != nil || present == nil:
		case res.Document == nil || res.Document.ID != id:
			t.Errorf("%s as of %s: the document of another", id, moment(at))
		case document(res) == document(present):
			t.Errorf("%s as of %s: answered with the document of today, which was changed since", id, moment(at))
		}
	}
}

func document(res *did.Resolution) string {
	text, _ := json.Marshal(res.Document)
	return string(text)
}

func moment(at did.At) string {
	if at.Block != 0 {
		return fmt.Sprintf("block %d", at.Block)
	}
	return at.Time.UTC().Format(time.RFC3339)
}

// picture is an answer as text.
func picture(res *did.Resolution) string {
	out := fmt.Sprintf("%s %v %v %v", document(res), res.Deactivated, res.Anchor, res.Metadata)
	for _, k := range res.Keys {
		out += fmt.Sprintf(" %s %q %q %s %q %v %v %v", k.ID, k.Aliases, k.Purposes, k.Public.Thumbprint(), k.Class, k.From, k.Until, k.Revoked)
	}
	return out
}
