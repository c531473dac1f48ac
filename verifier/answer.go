package verifier

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/khyer/khyer/credential"
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
		return nil, w.reject(satisfaction(err), err)
	}
	var fault error
	w.together(res.Cards, func(err error) bool { fault = err; return false })
	if fault != nil {
		return nil, fault
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

// satisfaction is the reason in an error of dcql.Query.Satisfied.
func satisfaction(err error) Reason {
	if errors.Is(err, dcql.NotAskedFor) {
		return dcql.NotAskedFor
	}
	return dcql.NotSatisfied
}

// reject is about the answer as a whole. It is authenticated if every card in it was verified.
func (w *whole) reject(r Reason, err error) error {
	return &Rejection{Reason: r, Err: err, Unauthenticated: len(w.attempts) == 0}
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
