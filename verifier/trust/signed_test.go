package trust_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/khyer/khyer/did/pubkey"
	"github.com/khyer/khyer/verifier/trust"
)

type officers []pubkey.Signer

func newOfficers(tb testing.TB, n int) (o officers) {
	tb.Helper()
	for i := range n {
		s, err := pubkey.Generate([]pubkey.Algorithm{pubkey.ES256, pubkey.EdDSA}[i%2])
		if err != nil {
			tb.Fatal(err)
		}
		o = append(o, s)
	}
	return o
}

func (o officers) quorum(number uint64, threshold int) trust.Quorum {
	q := trust.Quorum{Number: number, Threshold: threshold}
	for _, s := range o {
		q.Keys = append(q.Keys, s.Public())
	}
	return q
}

func (o officers) sign(tb testing.TB, s *trust.Sealed, err error) *trust.Sealed {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
	for _, officer := range o {
		if err := s.Sign(context.Background(), officer); err != nil {
			tb.Fatal(err)
		}
	}
	return s
}

func (o officers) list(tb testing.TB, sequence int, change ...string) *trust.Sealed {
	tb.Helper()
	doc := strings.Replace(document, `"sequence": 7`, fmt.Sprint(`"sequence": `, sequence), 1)
	doc = strings.NewReplacer(change...).Replace(doc)
	s, err := trust.SealDocument([]byte(doc))
	return o.sign(tb, s, err)
}

func (o officers) next(tb testing.TB, q trust.Quorum) *trust.Sealed {
	tb.Helper()
	s, err := trust.SealQuorum(q)
	return o.sign(tb, s, err)
}

func file(tb testing.TB, list *trust.Sealed, quorums ...*trust.Sealed) []byte {
	tb.Helper()
	f, err := trust.SignedFile(list, quorums...)
	if err != nil {
		tb.Fatal(err)
	}
	return f
}

var signedAt = time.Date(2026, 11, 25, 0, 0, 0, 0, time.UTC)

func accept(s *trust.Signed, f []byte) error {
	d, err := s.Accept(f, signedAt, 30*time.Second)
	if err == nil && len(d.Issuers) != 1 {
		return errors.New("a document without its issuers")
	}
	return err
}

func pinned(tb testing.TB, q trust.Quorum) *trust.Signed {
	tb.Helper()
	s, err := trust.NewSigned(q)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func ExampleSigned() {
	ctx := context.Background()
	var signers []pubkey.Signer
	quorum := trust.Quorum{Number: 1, Threshold: 2}
	for range 3 {
		s, err := pubkey.Generate(pubkey.EdDSA)
		if err != nil {
			panic(err)
		}
		signers, quorum.Keys = append(signers, s), append(quorum.Keys, s.Public())
	}
	// Two of three officers sign the list.
	list, err := trust.SealDocument([]byte(`{"format": "khyer-trust/1", "sequence": 1, "issued": "2026-11-24T00:00:00Z", "expires": "2026-12-24T00:00:00Z",
		"issuers": [{"name": "Example Civil Registry", "dids": ["did:example:registry"], "types": ["https://registry.example/types/foundational-id"]}]}`))
	if err != nil {
		panic(err)
	}
	for _, officer := range signers[:2] {
		if err := list.Sign(ctx, officer); err != nil {
			panic(err)
		}
	}
	published, err := trust.SignedFile(list)
	if err != nil {
		panic(err)
	}
	// A deployment that has pinned the quorum reads it. This is its first start; later ones give the State that was kept.
	var kept []byte
	follower, err := trust.OpenSigned(kept, quorum)
	if err != nil {
		panic(err)
	}
	d, err := follower.Accept(published, time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC), 30*time.Second)
	if err != nil {
		panic(err) // or go on with the list from before
	}
	kept = follower.State() // into a file, before the list is used
	l, err := d.List()
	if err != nil {
		panic(err)
	}
	var live trust.Live // is verifier.Config.Issuers
	live.Store(l)
	fmt.Println(live.Issuers()[0].Name, len(kept) > 0)
	// Output:
	// Example Civil Registry true
}

func TestTooFewOfTheQuorum(t *testing.T) {
	o, strangers := newOfficers(t, 3), newOfficers(t, 3)
	q := o.quorum(1, 2)
	one, two := o[:1].list(t, 7), o[1:].list(t, 7)
	double := o[:1].list(t, 7)
	double.Signatures = append(double.Signatures, o[:1].list(t, 7).Signatures...)
	mixed := o[:1].list(t, 7)
	mixed.Signatures = append(mixed.Signatures, strangers.list(t, 7).Signatures...)
	borrowed := o[:1].list(t, 7)
	borrowed.Signatures = append(borrowed.Signatures, o[1:2].list(t, 8).Signatures...) // of another document
	renamed := o[:1].list(t, 7)
	theirs := strangers[:1].list(t, 7).Signatures[0]
	theirs.Protected = o[1:2].list(t, 7).Signatures[0].Protected // under an officer's name
	renamed.Signatures = append(renamed.Signatures, theirs)
	for name, c := range map[string]struct {
		list *trust.Sealed
		want error
	}{
		"two of three": {two, nil}, "all": {o.list(t, 7), nil}, "one": {one, trust.ErrQuorum}, "one, twice": {double, trust.ErrQuorum},
		"one and strangers": {mixed, trust.ErrQuorum}, "one and a signature of another list": {borrowed, trust.ErrQuorum},
		"one and a stranger under another's name": {renamed, trust.ErrQuorum}, "strangers": {strangers.list(t, 7), trust.ErrQuorum}, "nobody": {officers{}.list(t, 7), trust.ErrSignedForm},
	} {
		if err := accept(pinned(t, q), file(t, c.list)); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

func TestRotationOfTheQuorum(t *testing.T) {
	first, second, third := newOfficers(t, 3), newOfficers(t, 2), newOfficers(t, 1)
	q1, q2, q3 := first.quorum(1, 2), second.quorum(2, 2), third.quorum(3, 1)
	to2, to3 := first[:2].next(t, q2), second.next(t, q3)
	s := pinned(t, q1)
	for _, step := range []struct {
		name string
		file []byte
		want error
	}{
		{"the first quorum's list", file(t, first.list(t, 7)), nil},
		{"the second's, without the rotation", file(t, second.list(t, 8)), trust.ErrQuorum},
		{"a rotation that too few have signed", file(t, second.list(t, 8), first[:1].next(t, q2)), trust.ErrQuorum},
		{"a rotation that the new quorum signed itself", file(t, second.list(t, 8), second.next(t, q2)), trust.ErrQuorum},
		{"a rotation that leaves one out", file(t, third.list(t, 8), to3), trust.ErrQuorum},
		{"the second's list", file(t, second.list(t, 8), to2), nil},
		{"the first's list afterwards", file(t, first.list(t, 9)), trust.ErrQuorum},
		{"the first's list with the rotation", file(t, first.list(t, 9), to2), trust.ErrQuorum},
		{"two quorums at once for who has missed one", file(t, third.list(t, 9), to2, to3), nil},
		{"and again", file(t, third.list(t, 9), to2, to3), nil},
	} {
		if err := accept(s, step.file); !errors.Is(err, step.want) {
			t.Errorf("%s: %v, want %v", step.name, err, step.want)
		}
	}
	late := pinned(t, q1)
	if err := accept(late, file(t, third.list(t, 9), to2, to3)); err != nil {
		t.Errorf("who comes late: %v", err)
	}
	// A list is no quorum, and a quorum no list, whatever it is put in place of.
	if err := accept(pinned(t, q1), file(t, to2)); !errors.Is(err, trust.ErrSignedForm) {
		t.Errorf("a quorum in place of a list: %v", err)
	}
	if err := accept(pinned(t, q1), file(t, first.list(t, 7), first.list(t, 7))); !errors.Is(err, trust.ErrSignedForm) {
		t.Errorf("a list in place of a quorum: %v", err)
	}
}

// TestTrustListRollback: an older list, another one of the same sequence, an expired one, after a restart too; a refused file leaves no trace.
func TestTrustListRollback(t *testing.T) {
	o := newOfficers(t, 1)
	q := o.quorum(1, 1)
	s := pinned(t, q)
	if err := accept(s, file(t, o.list(t, 7))); err != nil {
		t.Fatal(err)
	}
	restarted, err := trust.OpenSigned(s.State(), q)
	if err != nil {
		t.Fatal(err)
	}
	for name, s := range map[string]*trust.Signed{"running": s, "restarted": restarted} {
		for _, step := range []struct {
			name string
			list *trust.Sealed
			want error
		}{
			{"older", o.list(t, 6), trust.ErrRollback},
			{"the same sequence", o.list(t, 7, "Example Civil", "Another"), trust.ErrRollback},
			{"expired", o.list(t, 9, "2026-12-24T00:00:00Z", "2026-11-24T12:00:00Z"), trust.ErrOutOfDate},
			{"from the future", o.list(t, 9, `"issued": "2026-11-24`, `"issued": "2026-11-26`), trust.ErrOutOfDate},
			{"the same list", o.list(t, 7), nil},
			{"a newer one", o.list(t, 8), nil},
			{"the list before", o.list(t, 7), trust.ErrRollback},
		} {
			if err := accept(s, file(t, step.list)); !errors.Is(err, step.want) {
				t.Errorf("%s, %s: %v, want %v", name, step.name, err, step.want)
			}
		}
	}
	first, err := trust.OpenSigned(nil, q)
	if err != nil {
		t.Fatal(err)
	}
	if err := accept(first, file(t, o.list(t, 1))); err != nil {
		t.Errorf("the first list of a deployment: %v", err)
	}
	newer, err := trust.OpenSigned(s.State(), newOfficers(t, 1).quorum(5, 1))
	if err != nil {
		t.Fatal(err)
	}
	if err := accept(newer, file(t, o.list(t, 9))); !errors.Is(err, trust.ErrQuorum) {
		t.Errorf("a newer quorum was pinned: %v", err)
	}
	for _, damaged := range [][]byte{{}, []byte(`{}`), bytes.Replace(s.State(), []byte(`"sequence":8`), []byte(`"sequence":-8`), 1)} {
		if _, err := trust.OpenSigned(damaged, q); err == nil {
			t.Errorf("%q was opened", damaged)
		}
	}
}

func TestFlippedByteOfASignedList(t *testing.T) {
	o := newOfficers(t, 1)
	good := file(t, o.list(t, 7))
	if err := accept(pinned(t, o.quorum(1, 1)), good); err != nil {
		t.Fatal(err)
	}
	for i := range good {
		bad := slices.Clone(good)
		bad[i] ^= 2
		if err := accept(pinned(t, o.quorum(1, 1)), bad); err == nil {
			t.Fatalf("byte %d changed: accepted", i)
		}
	}
}

func TestSealsThatAreRefused(t *testing.T) {
	o := newOfficers(t, 2)
	for name, old := range map[string]string{"no sequence": `"sequence": 7, `, "no end": `, "expires": "2026-12-24T00:00:00Z"`} {
		if _, err := trust.SealDocument([]byte(strings.Replace(document, old, "", 1))); err == nil {
			t.Errorf("%s: sealed", name)
		}
	}
	for name, q := range map[string]trust.Quorum{
		"no number": o.quorum(0, 1), "no threshold": o.quorum(1, 0), "a threshold nobody reaches": o.quorum(1, 3), "a key twice": append(o, o[0]).quorum(1, 2), "nobody": {Number: 1, Threshold: 1},
	} {
		if _, err := trust.SealQuorum(q); err == nil {
			t.Errorf("%s: sealed", name)
		}
		if _, err := trust.NewSigned(q); err == nil {
			t.Errorf("%s: pinned", name)
		}
	}
	sealed := o.list(t, 7)
	sealed.Signatures[0].Protected = base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"ES256","kid":"x","typ":"khyer-trust-list+json","crit":["x"]}`))
	if err := accept(pinned(t, o.quorum(1, 1)), file(t, sealed)); !errors.Is(err, trust.ErrSignedForm) {
		t.Errorf("crit: %v", err)
	}
	many := o.list(t, 7)
	for len(many.Signatures) <= 64 {
		many.Signatures = append(many.Signatures, many.Signatures...)
	}
	if err := accept(pinned(t, o.quorum(1, 1)), file(t, many)); !errors.Is(err, trust.ErrSignedForm) {
		t.Errorf("%d signatures: %v", len(many.Signatures), err)
	}
	if raw, err := json.Marshal(o.list(t, 7)); err != nil || !bytes.Contains(raw, []byte(`"protected"`)) {
		t.Errorf("a sealed list travels as JSON: %s %v", raw, err)
	}
}

func FuzzSigned(f *testing.F) {
	o, strangers := newOfficers(f, 2), newOfficers(f, 2)
	f.Add(file(f, strangers.list(f, 7), strangers.next(f, strangers.quorum(2, 1))))
	f.Add([]byte(`{"quorums":[],"list":{"payload":"","signatures":[]}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if accept(pinned(t, o.quorum(1, 1)), data) == nil {
			t.Fatal("a list that nobody signed")
		}
	})
}
