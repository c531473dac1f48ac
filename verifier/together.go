package verifier

import (
	"bytes"
	"slices"
	"strings"

	"github.com/khyer/khyer/did/pubkey"
	"github.com/khyer/khyer/internal/strictjson"
)

// together holds the cards of an answer against the rules that the request states of the whole: one holder key, or linked claims, or both; and each
// transaction authorized. found is told of what is wrong, in this order, until it returns false.
func (w *whole) together(cards []Card, found func(error) bool) {
	_ = w.oneHolder(found) && w.linked(cards, found) && w.authorized(cards, found)
}

// oneHolder wants one key in all cards, also in those whose holder has proved nothing: a card of somebody else can be copied, and its key binding
// cut off. A card that names no key is bound to nobody.
func (w *whole) oneHolder(found func(error) bool) bool {
	if w.expect.DifferentHolders {
		return true
	}
	var holder pubkey.Key
	for _, a := range w.attempts {
		switch {
		case a.card.Holder.IsZero():
		case holder.IsZero():
			holder = a.card.Holder
		case !holder.Equal(a.card.Holder):
			return found(w.reject(HoldersDiffer, nil))
		}
	}
	return true
}

// linked wants each group of claims equal; where holders may differ, they and the keys tie all cards together.
func (w *whole) linked(cards []Card, found func(error) bool) bool {
	ties := newTies(len(w.attempts))
	for _, group := range w.expect.Linked {
		var first []byte
		at := -1 // the card of first
		for _, l := range group {
			for n, card := range cards {
				if card.Query != l.Query {
					continue
				}
				value, ok := card.Claim(l.Path)
				fault := ClaimMissing
				switch {
				case !ok:
				case at < 0:
					first, at = value, n
					continue
				case saysNothing(value) || !sameValue(first, value):
					fault = LinkedClaimsDiffer
				default:
					ties.tie(at, n)
					continue
				}
				if !found(&Rejection{Reason: fault, Query: l.Query, Path: l.Path}) {
					return false
				}
			}
		}
	}
	if !w.expect.DifferentHolders {
		return true
	}
	// Who holds the key of one card holds those of the others that have it: for these the ordinary rule is kept.
	for n, a := range w.attempts {
		same := func(b *attempt) bool { return a.card.Bound && b.card.Bound && a.card.Holder.Equal(b.card.Holder) }
		ties.tie(slices.IndexFunc(w.attempts[:n], same), n)
	}
	return ties.one() || found(w.reject(HoldersDiffer, nil))
}

// ties tells which cards belong together: each has the number of the first one that it is tied to.
type ties []int

func newTies(n int) ties {
	t := make(ties, n)
	for i := range t {
		t[i] = i
	}
	return t
}

// tie makes one of what a and b belong to; a negative a is none.
func (t ties) tie(a, b int) {
	if a < 0 {
		return
	}
	from, to := max(t[a], t[b]), min(t[a], t[b])
	for i := range t {
		if t[i] == from {
			t[i] = to
		}
	}
}

// one tells whether all belong together.
func (t ties) one() bool { return !slices.ContainsFunc(t, func(n int) bool { return n != 0 }) }

// saysNothing tells whether a value is null, blank, or empty in all its parts. That two cards have none of something ties nobody to anybody.
func saysNothing(raw []byte) bool {
	v, err := strictjson.Parse(raw, strictjson.Limits{Bytes: len(raw), Depth: 1 << 10})
	return err != nil || blank(v)
}

func blank(v strictjson.Value) bool {
	switch v.Kind() {
	case strictjson.Null:
		return true
	case strictjson.String:
		s, _ := v.Text()
		return strings.TrimSpace(s) == ""
	case strictjson.Array:
		for e := range v.Elements() {
			if !blank(e) {
				return false
			}
		}
		return true
	case strictjson.Object:
		for _, e := range v.Members() {
			if !blank(e) {
				return false
			}
		}
		return true
	}
	return false
}

// sameValue compares texts by their characters, and everything else as it is written.
func sameValue(a, b []byte) bool {
	v, err1 := strictjson.Parse(a, strictjson.Limits{Bytes: len(a), Depth: 1 << 10})
	u, err2 := strictjson.Parse(b, strictjson.Limits{Bytes: len(b), Depth: 1 << 10})
	if err1 != nil || err2 != nil {
		return false
	}
	s, text1 := v.Text()
	t, text2 := u.Text()
	if text1 && text2 {
		return s == t
	}
	return bytes.Equal(a, b)
}
