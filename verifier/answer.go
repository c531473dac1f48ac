package verifier

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/khyer/khyer/credential"
	"github.com/khyer/khyer/did/pubkey"
	"github.com/khyer/khyer/disclosure/dcql"
	"github.com/khyer/khyer/internal/strictjson"
)

func (e Expect) checkAnswer() error {
	switch {
	case e.Query == nil:
		return &Misuse{"Expect.Query is missing"}
	case e.Type != "" || len(e.Claims) > 0:
		return &Misuse{"Expect.Type and Claims do not go with Query"}
	case e.InsecureUnbound:
		return &Misuse{"Expect.InsecureUnbound does not go with Query, which says it of each card"}
	case e.Audience == "" || e.Nonce == "":
		return &Misuse{"Expect.Audience or Expect.Nonce is missing"}
	case e.DifferentHolders && len(e.Linked) == 0:
		return &Misuse{"Expect.DifferentHolders without Linked: nothing makes the cards belong together"}
	}
	for _, group := range e.Linked {
		if len(group) < 2 {
			return &Misuse{"Expect.Linked has a list of fewer than two claims"}
		}
		for _, l := range group {
			i := slices.IndexFunc(e.Query.Credentials, named(l.Query))
			if i < 0 || !slices.ContainsFunc(e.Query.Credentials[i].Claims, func(c dcql.Claim) bool { return slices.Equal(c.Path, l.Path) }) {
				return &Misuse{"Expect.Linked names a claim that Query does not ask for"}
			}
		}
	}
	return e.checkTransactions()
}

// named tells the credential query of that id.
func named(id string) func(dcql.Credential) bool {
	return func(c dcql.Credential) bool { return c.ID == id }
}

// VerifyAnswer verifies the presentations of several cards that answer one request. Each is verified as by Verify, with the claims that its
// credential query asks for: those of the first claim set that was shown. All cards are bound to one holder key, unless the request states another
// rule (Expect.DifferentHolders), and the nonce is used up once. One card that is not acceptable makes the answer not acceptable. The error is
// *Rejection, *Inconclusive or *Misuse.
//
// What the query says of values and of trusted authorities is held against what was shown: dcql.AuthorityIssuer against iss, and dcql.AuthorityKeyID
// against the certificates by which the issuer's key was found. A credential query that names an authority of another type names none, here: nobody
// can check those. Whom this deployment trusts, Config.Issuers decides before, whatever the query says.
func (v *Verifier) VerifyAnswer(ctx context.Context, answer Answer, e Expect) (*Result, error) {
	if v == nil || v.c.Now == nil {
		return nil, &Misuse{"a Verifier is made by New"}
	}
	if err := e.checkAnswer(); err != nil {
		return nil, err
	}
	begun := time.Now()
	w := &whole{Verifier: v, ctx: ctx, expect: e, now: v.c.Now()}
	res, err := w.run(answer)
	if v.c.Observe != nil {
		for _, event := range w.events(err, time.Since(begun)) {
			v.c.Observe(ctx, event)
		}
	}
	if err != nil {
		return nil, err
	}
	return res, nil
}

// whole is the verification of one answer.
type whole struct {
	*Verifier
	ctx    context.Context
	expect Expect
	now    time.Time

	attempts []*attempt // those that were made, the one that failed last
}

func (w *whole) run(answer Answer) (*Result, error) {
	if err := w.asked(answer); err != nil {
		return nil, err
	}
	res := &Result{At: w.now}
	shown := map[string][]dcql.Candidate{}
	for i := range w.expect.Query.Credentials {
		c := &w.expect.Query.Credentials[i]
		for _, presentation := range answer[c.ID] {
			a := &attempt{Verifier: w.Verifier, ctx: w.ctx, expect: w.expect, query: c, now: w.now}
			w.attempts = append(w.attempts, a)
			card, err := a.check(presentation, res)
			if err != nil {
				return nil, err
			}
			card.Query = c.ID
			res.Cards = append(res.Cards, card)
			shown[c.ID] = append(shown[c.ID], candidate(c, a.card))
		}
	}
	// Each answers its query; what is left is whether all that is required is there, and nothing else.
	if err := checkable(w.expect.Query).Satisfied(shown); err != nil {
		reason := dcql.NotSatisfied
		if errors.Is(err, dcql.NotAskedFor) {
			reason = dcql.NotAskedFor
		}
		return nil, w.reject(reason, err)
	}
	if err := w.belongTogether(res); err != nil {
		return nil, err
	}
	if err := w.authorized(res.Cards); err != nil {
		return nil, err
	}
	bound := false
	for _, a := range w.attempts {
		if bound = bound || a.card.Bound; !a.card.Bound {
			res.skip(KeyBindingNotChecked)
		}
	}
	if err := w.attempts[0].replay(bound); err != nil {
		return nil, err
	}
	return res, nil
}

// asked looks at the form of an answer, before anything costs.
func (w *whole) asked(answer Answer) error {
	total := 0
	for id, all := range answer {
		i := slices.IndexFunc(w.expect.Query.Credentials, named(id))
		total += len(all)
		if i < 0 || len(all) > 1 && !w.expect.Query.Credentials[i].Multiple || total > maxCards {
			return w.reject(dcql.NotAskedFor, nil)
		}
	}
	if total == 0 {
		return w.reject(dcql.NotSatisfied, nil)
	}
	return nil
}

// reject is about the answer as a whole. It is authenticated if every card in it was verified.
func (w *whole) reject(r Reason, err error) error {
	return &Rejection{Reason: r, Err: err, Unauthenticated: len(w.attempts) == 0}
}

// belongTogether holds the cards against the rule that the request states: one holder key, or linked claims, or both.
func (w *whole) belongTogether(res *Result) error {
	if err := w.oneHolder(); err != nil {
		return err
	}
	ties := newTies(len(w.attempts))
	for _, group := range w.expect.Linked {
		var first []byte
		at := -1 // the card of first
		for _, l := range group {
			for n, card := range res.Cards {
				if card.Query != l.Query {
					continue
				}
				value, ok := card.Claim(l.Path)
				if !ok {
					return &Rejection{Reason: ClaimMissing, Query: l.Query, Path: l.Path}
				}
				switch {
				case at < 0:
					first, at = value, n
				case saysNothing(value) || !sameValue(first, value):
					return &Rejection{Reason: LinkedClaimsDiffer, Query: l.Query, Path: l.Path}
				default:
					ties.tie(at, n)
				}
			}
		}
	}
	if !w.expect.DifferentHolders {
		return nil
	}
	// Who holds the key of one card holds those of the others that have it: for these the ordinary rule is kept.
	for n, a := range w.attempts {
		same := func(b *attempt) bool { return a.card.Bound && b.card.Bound && a.card.Holder.Equal(b.card.Holder) }
		ties.tie(slices.IndexFunc(w.attempts[:n], same), n)
	}
	if !ties.one() {
		return w.reject(HoldersDiffer, nil)
	}
	return nil
}

// oneHolder wants one key in all cards, also in those whose holder has proved nothing: a card of somebody else can be copied, and its key binding
// cut off. A card that names no key is bound to nobody.
func (w *whole) oneHolder() error {
	if w.expect.DifferentHolders {
		return nil
	}
	var holder pubkey.Key
	for _, a := range w.attempts {
		switch {
		case a.card.Holder.IsZero():
		case holder.IsZero():
			holder = a.card.Holder
		case !holder.Equal(a.card.Holder):
			return w.reject(HoldersDiffer, nil)
		}
	}
	return nil
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

// choose takes the claims of the first claim set that was shown for those that were asked for.
func (a *attempt) choose(v *credential.Verified) error {
	one := checkable(&dcql.Query{Credentials: []dcql.Credential{*a.query}})
	is := candidate(a.query, v)
	matches := one.Matches([]dcql.Candidate{is})[a.query.ID]
	if len(matches) == 1 {
		a.expect.Claims = matches[0].Reveal
		return nil
	}
	rejection := a.reject(dcql.NotSatisfied)
	if c := one.Credentials[0]; len(c.Authorities) > 0 {
		one.Credentials[0].Authorities = nil
		if len(one.Matches([]dcql.Candidate{is})) > 0 {
			rejection.Err = errors.New("the issuer of the card is of none of the authorities that the query names")
			return rejection
		}
	}
	for _, c := range a.query.Claims {
		if _, ok := v.Body.Claim(c.Path); !ok && len(a.query.ClaimSets) == 0 {
			rejection.Reason, rejection.Path, rejection.Near = ClaimMissing, c.Path, v.Body.Near(strictjson.Inside{}, c.Path)
			break
		}
	}
	return rejection
}

// candidate is a verified card as the query sees it. Its certificates, if it has any, are those by which its issuer's key was found: for every other
// mechanism a card with certificates is refused.
func candidate(q *dcql.Credential, v *credential.Verified) dcql.Candidate {
	c := dcql.Candidate{Format: dcql.FormatSDJWT, Type: v.Type, Claims: v.Body.Claims(), Unbound: !v.Bound}
	if len(q.Authorities) == 0 {
		return c
	}
	if chain, err := v.Chain(); err == nil && len(chain) > 0 {
		c.Authorities = []dcql.Authority{dcql.AuthorityKeyIDs(chain)}
	}
	return c
}

// checkable is a query without the authorities of types that nobody can check here.
func checkable(q *dcql.Query) *dcql.Query {
	return q.Knowing(dcql.AuthorityKeyID, dcql.AuthorityIssuer)
}

// events tells of each card of an accepted answer, and else of the card at which it failed.
func (w *whole) events(err error, took time.Duration) (out []Event) {
	if len(w.attempts) == 0 {
		return []Event{(&attempt{Verifier: w.Verifier}).event(err, took)}
	}
	if err != nil {
		return []Event{w.attempts[len(w.attempts)-1].event(err, took)}
	}
	for _, a := range w.attempts {
		out = append(out, a.event(nil, took))
	}
	return out
}
