package verifier

import (
	"context"
	"crypto/x509"
	"errors"
	"slices"

	"github.com/khyer/khyer/credential"
	"github.com/khyer/khyer/disclosure"
	"github.com/khyer/khyer/internal/strictjson"
	"github.com/khyer/khyer/verifier/trust"
)

// Finding is one thing that Explain found. It holds no claim's value.
type Finding struct {
	Reason       Reason
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
// It takes one presentation, with Expect.Type and Claims. Explain a card of an answer by the type and the claims of its credential
// query. A mistake of the caller is the only finding, credential.CallerFault.
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

// explanation is an attempt that goes on.
type explanation struct {
	attempt
	findings []Finding
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
		f.Reason, f.Path = rejected.Reason, rejected.Path
	default:
		rejected = x.reject(err)
		f.Reason, f.Path = rejected.Reason, rejected.Path
	}
	f.Path = slices.Clone(f.Path)
	f.Section = Describe(f.Reason).Section
	same := func(g Finding) bool { return g.Reason == f.Reason && slices.Equal(g.Path, f.Path) }
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
	if v.Bound {
		_, err := x.authorized(v)
		x.found(err)
	}
	x.asked(v)
	if s.notTrusted != nil || s.notSigned != nil {
		return
	}
	// From here on the issuer speaks. That a card has another fault does not keep its status from being asked for (Token Status List
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

// asked looks for every claim that was asked for.
func (x *explanation) asked(v *credential.Verified) {
	values, surplus := v.Body.Take(strictjson.Inside{}, x.expect.Claims)
	for i, p := range x.expect.Claims {
		if values[i] == nil {
			x.found(&disclosure.Error{Reason: ClaimMissing, Path: p})
		}
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
