package did

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/khyer/khyer/did/pubkey"
)

func newKey(t testing.TB) pubkey.Key {
	t.Helper()
	s, err := pubkey.Generate(pubkey.ES256)
	if err != nil {
		t.Fatal(err)
	}
	return s.Public()
}

func day(n int) time.Time { return time.Date(2026, 1, n, 0, 0, 0, 0, time.UTC) }

const subject = "did:example:registry"

// history is a resolution read on day 20, with a key for each state that a key can be in.
func history(t testing.TB) *Resolution {
	shared, renewed, parallel, assertion := newKey(t), newKey(t), newKey(t), []Purpose{AssertionMethod}
	return &Resolution{
		Document: &Document{ID: DID{subject}},
		Anchor:   Anchor{Time: day(20)},
		Keys: []Key{
			{ID: subject + "#plain", Aliases: []string{subject + "#other-name"}, Purposes: assertion, Public: newKey(t)},
			{ID: subject + "#bounded", Purposes: assertion, Public: newKey(t), From: day(5), Until: day(10)},
			{ID: subject + "#later", Purposes: assertion, Public: newKey(t), From: day(25)},
			{ID: subject + "#revoked", Purposes: assertion, Public: newKey(t), From: day(1), Revoked: day(8)},
			{ID: subject + "#login", Purposes: []Purpose{Authentication}, Public: newKey(t)},
			{ID: subject + "#twice", Purposes: assertion, Public: newKey(t)},
			{ID: subject + "#twice", Purposes: assertion, Public: newKey(t)},
			{ID: subject + "#mine", Purposes: assertion, Public: newKey(t)},
			{ID: subject + "#thief", Aliases: []string{subject + "#mine"}, Purposes: assertion, Public: newKey(t)},
			{ID: subject + "#same-1", Purposes: []Purpose{Authentication}, Public: shared, Aliases: []string{subject + "#same"}},
			{ID: subject + "#same-2", Purposes: assertion, Public: shared, Aliases: []string{subject + "#same"}},
			{ID: subject + "#renewed", Purposes: assertion, Public: renewed, Revoked: day(3)},
			{ID: subject + "#again", Purposes: assertion, Public: renewed, From: day(3), Aliases: []string{subject + "#renewed"}},
			{ID: subject + "#parallel-1", Purposes: assertion, Public: parallel, From: day(1), Revoked: day(8)},
			{ID: subject + "#parallel-2", Purposes: []Purpose{AssertionMethod, Authentication}, Public: parallel, From: day(1)},
			{ID: subject + "#none", Purposes: assertion},
			{ID: "did:example:other#foreign", Purposes: assertion, Public: newKey(t)},
		},
	}
}

func TestResolutionKey(t *testing.T) {
	r := history(t)
	for _, c := range []struct {
		id      string
		p       Purpose
		signed  time.Time
		want    string // the id of the key that is found
		refused Code
	}{
		{"#plain", AssertionMethod, day(2), "#plain", ""},
		{subject + "#plain", AssertionMethod, day(2), "#plain", ""},
		{"#other-name", AssertionMethod, day(2), "#plain", ""},
		{subject + "#other-name", AssertionMethod, time.Time{}, "#plain", ""},
		{"#plain", Authentication, day(2), "", KeyWrongPurpose},
		{"#login", AssertionMethod, day(2), "", KeyWrongPurpose},
		{"#plain", "", day(2), "", KeyWrongPurpose},

		{"#bounded", AssertionMethod, day(5), "#bounded", ""}, // From belongs to the interval
		{"#bounded", AssertionMethod, day(5).Add(-1), "", KeyNotYetValid},
		{"#bounded", AssertionMethod, day(10).Add(-1), "#bounded", ""}, // lapsed since, but not then
		{"#bounded", AssertionMethod, day(10), "", KeyLapsed},          // Until does not
		{"#bounded", AssertionMethod, time.Time{}, "", KeyLapsed},      // as of the anchor, day 20
		{"#later", AssertionMethod, time.Time{}, "", KeyNotYetValid},
		{"#later", AssertionMethod, day(25), "#later", ""},

		{"#revoked", AssertionMethod, day(2), "", KeyRevoked}, // dated before the revocation: a thief writes any date
		{"#revoked", AssertionMethod, day(9), "", KeyRevoked},
		{"#revoked", Authentication, day(2), "", KeyRevoked},

		{"#twice", AssertionMethod, day(2), "", KeyAmbiguous},
		{"#mine", AssertionMethod, day(2), "", KeyAmbiguous}, // an alias does not take over an id
		{"#thief", AssertionMethod, day(2), "#thief", ""},
		{"#same", AssertionMethod, day(2), "#same-2", ""}, // the same public key twice
		{"#same", Authentication, day(2), "#same-1", ""},
		{"#same", KeyAgreement, day(2), "", KeyWrongPurpose},
		{"#renewed", AssertionMethod, day(9), "", KeyRevoked},      // one revocation is enough
		{"#again", AssertionMethod, day(9), "#again", ""},          // set anew after the revocation
		{"#parallel-2", AssertionMethod, day(9), "", KeyRevoked},   // the same public key, revoked under its other name
		{"#parallel-2", Authentication, day(9), "#parallel-2", ""}, // but not for this

		{"#none", AssertionMethod, day(2), "", KeyNotFound}, // no public key
		{"did:example:other#foreign", AssertionMethod, day(2), "did:example:other#foreign", ""},
		{"#foreign", AssertionMethod, day(2), "", KeyNotFound},
		{"", AssertionMethod, day(2), "", KeyNotFound},
		{"#", AssertionMethod, day(2), "", KeyNotFound},
		{"plain", AssertionMethod, day(2), "", KeyNotFound},
		{subject, AssertionMethod, day(2), "", KeyNotFound},
		{subject + "#Plain", AssertionMethod, day(2), "", KeyNotFound},
		{subject + "#%70lain", AssertionMethod, day(2), "", KeyNotFound}, // bytes, not meaning
		{subject + "?x#plain", AssertionMethod, day(2), "", KeyNotFound},
		{"#" + strings.Repeat("a", MaxLength), AssertionMethod, day(2), "", KeyNotFound},
	} {
		k, err := r.Key(c.id, c.p, c.signed)
		if c.refused != "" {
			var e *Error
			if !errors.As(err, &e) || e.Code != c.refused || !errors.Is(err, c.refused) || !k.Public.IsZero() {
				t.Errorf("%.40s for %s on %v: got %v, want %s", c.id, c.p, c.signed, err, c.refused)
			}
			continue
		}
		if err != nil || k.ID != c.want && k.ID != subject+c.want {
			t.Errorf("%s for %s on %v: got %s, %v", c.id, c.p, c.signed, k.ID, err)
		}
	}
}

func TestDeactivatedHasNoKeys(t *testing.T) {
	r := history(t)
	r.Deactivated = true
	if _, err := r.Key("#plain", AssertionMethod, day(2)); !errors.Is(err, Deactivated) {
		t.Errorf("got %v", err)
	}
	var none *Resolution
	if _, err := none.Key("#plain", AssertionMethod, day(2)); !errors.Is(err, KeyNotFound) {
		t.Errorf("got %v", err)
	}
	if _, err := new(Resolution).Key("#plain", AssertionMethod, day(2)); !errors.Is(err, KeyNotFound) {
		t.Errorf("got %v", err)
	}
}

// Without an anchor, "now" is the clock.
func TestKeyWithoutAnchor(t *testing.T) {
	r := &Resolution{Document: &Document{ID: DID{subject}}, Keys: []Key{
		{ID: subject + "#past", Purposes: []Purpose{AssertionMethod}, Public: newKey(t), Until: time.Now().Add(-time.Second)},
		{ID: subject + "#now", Purposes: []Purpose{AssertionMethod}, Public: newKey(t), Until: time.Now().Add(time.Hour)},
	}}
	if _, err := r.Key("#past", AssertionMethod, time.Time{}); !errors.Is(err, KeyLapsed) {
		t.Errorf("got %v", err)
	}
	if _, err := r.Key("#now", AssertionMethod, time.Time{}); err != nil {
		t.Error(err)
	}
}

func TestCodes(t *testing.T) {
	for c, want := range map[Code]struct {
		inconclusive bool
		name         string
	}{
		Unavailable: {true, "internalError"}, GarbledAnswer: {true, "internalError"}, IncompleteAnswer: {true, "internalError"},
		StaleAnswer: {true, "internalError"}, WrongChain: {true, "internalError"}, InternalError: {true, "internalError"},
		UnknownNetwork: {false, "internalError"}, NotFound: {false, "notFound"}, InvalidDID: {false, "invalidDid"},
		MethodNotSupported: {false, "methodNotSupported"}, KeyRevoked: {false, "keyRevoked"}, Deactivated: {false, "deactivated"},
	} {
		if c.Inconclusive() != want.inconclusive || c.Resolution() != want.name {
			t.Errorf("%s: %v, %s", c, c.Inconclusive(), c.Resolution())
		}
	}
	inner := errors.New("inner")
	err := error(&Error{NotFound, inner})
	if !errors.Is(err, NotFound) || errors.Is(err, KeyNotFound) || !errors.Is(err, inner) || err.Error() != "did: notFound: inner" {
		t.Errorf("%v", err)
	}
}

type resolverFunc func(context.Context, DID, At) (*Resolution, error)

func (f resolverFunc) Resolve(ctx context.Context, id DID, at At) (*Resolution, error) {
	return f(ctx, id, at)
}

func TestMux(t *testing.T) {
	asked := At{Block: 7}
	m := Mux{"example": resolverFunc(func(_ context.Context, id DID, at At) (*Resolution, error) {
		if at != asked {
			t.Errorf("at %v", at)
		}
		return &Resolution{Document: &Document{ID: id}}, nil
	}), "empty": nil}
	if r, err := m.Resolve(t.Context(), DID{subject}, asked); err != nil || r.Document.ID.String() != subject {
		t.Errorf("%v", err)
	}
	for _, s := range []string{"did:exampl:x", "did:empty:x", "did:examples:x"} {
		if _, err := m.Resolve(t.Context(), DID{s}, At{}); !errors.Is(err, MethodNotSupported) {
			t.Errorf("%s: %v", s, err)
		}
	}
	if _, err := m.Resolve(t.Context(), DID{}, At{}); !errors.Is(err, MethodNotSupported) {
		t.Errorf("the zero DID: %v", err)
	}
	for name, answer := range map[string]*Resolution{
		"another DID's document": {Document: &Document{ID: DID{"did:example:thief"}}}, "no document": {}, "nothing": nil,
	} {
		m["example"] = resolverFunc(func(context.Context, DID, At) (*Resolution, error) { return answer, nil })
		if r, err := m.Resolve(t.Context(), DID{subject}, At{}); !errors.Is(err, InternalError) || r != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
