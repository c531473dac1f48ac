package verifier

import (
	"context"
	"crypto/x509"
	"errors"
	"slices"

	"github.com/khyer/khyer/credential"
	"github.com/khyer/khyer/disclosure"
	"github.com/khyer/khyer/disclosure/dcql"
	"github.com/khyer/khyer/internal/strictjson"
	"github.com/khyer/khyer/verifier/trust"
)

// Finding is one thing that Explain found. It holds no claim's value.
type Finding struct {
	Reason       Reason
	Query        string          // with ExplainAnswer, the credential query whose answer it is about; empty if it is about the whole
	Path         disclosure.Path // of the claim that the reason is about, if there is one
	Section      string          // where the rule stands, as Describe says
	Inconclusive bool            // it could not be checked, which says nothing about the card
}

// Explain makes every check of Verify, in the published order, and goes on after a fault: it returns all that is wrong with a
// presentation, and nothing if Verify would accept it, apart from a nonce that was used before. It is for those who build a service or
// a wallet and want to see more than the first reason, and not for the door of a service. Nothing is accepted by it: it returns no claim, asks
// no replay guard and tells Config.Observe nothing.
//
// What needs the result of another check is left out where that is missing. In bytes that are no SD-JWT there is nothing else to find; of a card
// or key binding whose header or registered claims are not of their form, all such faults are told, and those of type, times and key binding. The
// signature needs the issuer's key; the rules of the type and the status, for which something may be fetched, need the signature. Nothing is
// resolved or fetched for an issuer that the trust source does not accept for the type. Of a key only the first fault is told.
//
// It takes one presentation, with Expect.Type and Claims; ExplainAnswer takes an answer. A mistake of the caller is the only finding,
// credential.CallerFault.
func (v *Verifier) Explain(ctx context.Context, presentation []byte, e Expect) []Finding {
	x := explanation{}
	if v == nil || v.c.Now == nil || e.check() != nil {
		x.found(credential.CallerFault)
		return x.findings
	}
	x.attempt = attempt{Verifier: v, ctx: ctx, expect: e, now: v.c.Now()}
	x.run(presentation)
	return x.findings
}

// ExplainAnswer is Explain for an answer to Expect.Query: first what is wrong with its form, then all that is wrong with each card, in the order of the
// queries, and then what the answer as a whole must be. What holds several cards against each other takes them as they are, also those that have a
// fault of their own, but not those whose disclosures cannot be processed.
func (v *Verifier) ExplainAnswer(ctx context.Context, answer Answer, e Expect) []Finding {
	x := explanation{}
	if v == nil || v.c.Now == nil || e.checkAnswer() != nil {
		x.found(credential.CallerFault)
		return x.findings
	}
	x.attempt = attempt{Verifier: v, ctx: ctx, expect: e, now: v.c.Now()}
	x.answer(answer)
	return x.findings
}

// explanation is an attempt that goes on.
type explanation struct {
	attempt
	findings []Finding

	// Of a card whose disclosures can be processed: itself, and what it says of the claims that were asked for. Neither was verified.
	seen  *credential.Verified
	shown Card
}

func (x *explanation) answer(answer Answer) {
	w := &whole{Verifier: x.Verifier, ctx: x.ctx, expect: x.expect, now: x.now}
	if !x.form(w, answer) {
		return
	}
	var cards []Card
	for i := range x.expect.Query.Credentials {
		c := &x.expect.Query.Credentials[i]
		for _, presentation := range answer[c.ID] {
			of := explanation{attempt: attempt{Verifier: x.Verifier, ctx: x.ctx, expect: x.expect, query: c, now: x.now}}
			of.run(presentation)
			x.findings = append(x.findings, of.findings...)
			if of.seen != nil {
				w.attempts = append(w.attempts, &attempt{card: of.seen})
				cards = append(cards, of.shown)
			}
		}
	}
	w.together(cards, func(err error) bool { x.found(err); return true })
}

// form tells of an answer what needs none of its presentations. It returns false if there is nothing else to look at, or too much.
func (x *explanation) form(w *whole, answer Answer) bool {
	total := 0
	shape := &dcql.Query{Sets: x.expect.Query.Sets}
	shown := map[string][]dcql.Candidate{}
	for _, c := range x.expect.Query.Credentials {
		n := len(answer[c.ID])
		if total += n; n > 1 && !c.Multiple {
			x.found(&Rejection{Reason: dcql.NotAskedFor, Query: c.ID})
		}
		// Anything answers these, so that what is left is which are there.
		shape.Credentials = append(shape.Credentials, dcql.Credential{ID: c.ID, Format: dcql.FormatSDJWT, Multiple: true, Unbound: true})
		if n > 0 {
			shown[c.ID] = []dcql.Candidate{{Format: dcql.FormatSDJWT, Claims: []byte("{}")}}
		}
	}
	for id, all := range answer {
		if total += len(all); slices.ContainsFunc(x.expect.Query.Credentials, named(id)) {
			total -= len(all) // it was counted
			continue
		}
		x.found(w.reject(dcql.NotAskedFor, nil))
	}
	if total > maxCards {
		x.found(w.reject(dcql.NotAskedFor, nil))
		return false
	}
	if err := shape.Satisfied(shown); err != nil {
		x.found(w.reject(satisfaction(err), err))
	}
	return total > 0
}

// found notes a fault; nil is none.
func (x *explanation) found(err error) {
	if err == nil {
		return
	}
	f := Finding{}
	var open *Inconclusive
	var rejected *Rejection
	switch {
	case errors.As(err, &open):
		f.Reason, f.Inconclusive = open.Reason, true
	case errors.As(err, &rejected):
		f.Reason, f.Path, f.Query = rejected.Reason, rejected.Path, rejected.Query
	default:
		rejected = x.reject(err)
		f.Reason, f.Path = rejected.Reason, rejected.Path
	}
	if x.query != nil {
		f.Query = x.query.ID
	}
	f.Path = slices.Clone(f.Path)
	f.Section = Describe(f.Reason).Section
	same := func(g Finding) bool {
		return g.Reason == f.Reason && g.Query == f.Query && slices.Equal(g.Path, f.Path)
	}
	if !slices.ContainsFunc(x.findings, same) {
		x.findings = append(x.findings, f)
	}
}

func (x *explanation) run(presentation []byte) {
	p, err := credential.Parse(presentation, credential.SDJWTVC, x.c.Limits)
	if err != nil {
		x.malformed(presentation)
		return
	}
	if !x.asksFor(p.Hint().Type) {
		x.found(TypeMismatch)
	}
	seen := p.Examine(strictjson.Inside{}, x.binding(), x.now)
	s := x.signer(p, len(seen.Cheap) == 0)
	x.found(s.notTrusted)
	for _, err := range seen.Cheap {
		x.found(err)
	}
	x.found(s.notSigned)
	for _, err := range seen.Disclosed {
		x.found(err)
	}
	v := seen.Card
	if v == nil {
		return
	}
	if s.hasKey && !v.IssuedAt.IsZero() && v.IssuedAt.Before(s.key.from) {
		x.found(IssuerKeyNotYetValid)
	}
	transactions, err := x.authorized(v)
	if v.Bound {
		x.found(err)
	}
	if x.query != nil {
		x.chosen(v)
	}
	x.asked(v, transactions)
	if s.notTrusted != nil || s.notSigned != nil {
		return
	}
	// That a card has another fault does not keep its status from being asked for (Token Status List
	// section 8.3: unless the use case requires further evaluation).
	x.card, x.issuer = v, v.Issuer
	if x.issuer == "" {
		x.issuer = s.acc.Subject
	}
	x.found(x.checkType(v, presentation))
	x.found(x.status(v, s.acc, &Card{}, &Result{}))
}

// malformed tells of a presentation that is not of its form what can be told.
func (x *explanation) malformed(presentation []byte) {
	faults, cheap, vct := credential.FormFaults(strictjson.Inside{}, presentation, credential.SDJWTVC, x.c.Limits, x.binding(), x.now)
	for _, err := range faults {
		x.found(err)
	}
	if vct != "" && !x.asksFor(vct) {
		x.found(TypeMismatch)
	}
	for _, err := range cheap {
		x.found(err)
	}
}

// chosen takes the claims of the first claim set that was shown for those that were asked for; if there is none, all that the query names. What is said
// elsewhere, that the type is another one or that the card is not bound, is not said again.
func (x *explanation) chosen(v *credential.Verified) {
	try := func(c dcql.Credential) (*attempt, error) {
		a := x.attempt
		c.Unbound, c.Types, a.query = true, nil, &c
		return &a, a.choose(v)
	}
	authorities, claims := *x.query, *x.query
	authorities.Claims, authorities.ClaimSets, claims.Authorities = nil, nil, nil
	_, err := try(authorities)
	x.found(err)
	a, err := try(claims)
	if x.expect.Claims = a.expect.Claims; err == nil {
		return
	}
	if len(x.query.ClaimSets) > 0 { // which of them was meant nobody can say
		x.expect.RefuseSurplus = false
		x.found(err)
		return
	}
	for _, c := range x.query.Claims {
		x.expect.Claims = append(x.expect.Claims, c.Path)
	}
	if !errors.Is(err, ClaimMissing) { // which is found for each claim
		x.found(err)
	}
}

// asked looks for every claim that was asked for.
func (x *explanation) asked(v *credential.Verified, transactions []int) {
	values, surplus := v.Body.Take(strictjson.Inside{}, x.expect.Claims)
	x.seen, x.shown = v, Card{Type: v.Type, Transactions: transactions}
	if x.query != nil {
		x.shown.Query = x.query.ID
	}
	for i, p := range x.expect.Claims {
		if values[i] == nil {
			x.found(&disclosure.Error{Reason: ClaimMissing, Path: p})
			continue
		}
		x.shown.claims = append(x.shown.claims, shown{p, values[i]})
	}
	if x.expect.RefuseSurplus {
		for _, p := range surplus {
			x.found(&disclosure.Error{Reason: SurplusClaims, Path: p})
		}
	}
}

// signer is what was found out about one of the issuer's signatures: at most one of the errors.
type signer struct {
	acc        *trust.Accreditation
	key        issuerKey
	hasKey     bool
	notTrusted error // what comes before the cheap checks
	notSigned  error // what comes after them
}

// signer looks at the issuer's signatures as signed does: of several one that is good is enough, whatever the others are.
func (x *explanation) signer(p *credential.Presentation, others bool) signer {
	first := x.signature(p)
	if !others || !isRejection(first.notTrusted) && !isRejection(first.notSigned) {
		return first
	}
	for _, q := range p.Others(strictjson.Inside{}) {
		if s := x.signature(q); !isRejection(s.notTrusted) && !isRejection(s.notSigned) {
			return s
		}
	}
	return first
}

func isRejection(err error) bool {
	var r *Rejection
	return errors.As(err, &r)
}

func (x *explanation) signature(p *credential.Presentation) (s signer) {
	h := p.Hint()
	var chain []*x509.Certificate
	if s.acc, chain, s.notTrusted = x.vouched(h); s.notTrusted != nil {
		return s
	}
	method, err := x.mechanism(h, s.acc, chain)
	if err != nil {
		s.notTrusted = err
		return s
	}
	if s.key, s.notSigned = x.key(h, method, s.acc, chain); s.notSigned != nil {
		return s
	}
	s.hasKey = true
	if err := p.SignedBy(strictjson.Inside{}, s.key.public); err != nil {
		s.notSigned = x.reject(err)
	}
	return s
}
