package verifier

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/khyer/khyer/credential"
	"github.com/khyer/khyer/credential/status"
	"github.com/khyer/khyer/did"
	"github.com/khyer/khyer/disclosure"
	"github.com/khyer/khyer/disclosure/dcql"
	"github.com/khyer/khyer/internal/strictjson"
	"github.com/khyer/khyer/verifier/trust"
)

// attempt is the verification of one presentation.
type attempt struct {
	*Verifier
	ctx    context.Context
	expect Expect
	query  *dcql.Credential // what the presentation answers, if it is one of an Answer
	now    time.Time

	// What was had for the key of one signature serves those of the others: a stranger may put sixteen on a card.
	resolution *did.Resolution
	documents  map[string][]byte

	// Both are set once issuer and holder were verified, and not before.
	card   *credential.Verified
	issuer string // iss, or what stands for it in a certificate
}

func (a *attempt) binding() credential.Binding {
	return credential.Binding{
		Audience: a.expect.Audience, Nonce: a.expect.Nonce,
		MaxAge: a.c.BindingAge, Skew: a.c.Skew, InsecureUnbound: a.expect.InsecureUnbound || a.query != nil && a.query.Unbound,
	}
}

func (a *attempt) run(presentation []byte) (*Result, error) {
	res := &Result{At: a.now}
	card, err := a.check(presentation, res)
	if err != nil {
		return nil, err
	}
	if !a.card.Bound {
		res.skip(KeyBindingNotChecked)
	}
	if err := a.replay(a.card.Bound); err != nil {
		return nil, err
	}
	res.Cards = []Card{card}
	return res, nil
}

// check makes every check but that of the replay guard.
func (a *attempt) check(presentation []byte, res *Result) (none Card, err error) {
	p, err := credential.Parse(presentation, credential.SDJWTVC, a.c.Limits)
	if err != nil {
		return none, a.reject(err)
	}
	if !a.asksFor(p.Hint().Type) {
		return none, a.reject(TypeMismatch)
	}
	verified, key, acc, err := a.signed(p)
	if err != nil {
		return none, err
	}
	// From here on the issuer speaks: hint was read from the bytes whose signature has just been verified.
	a.card, a.issuer = verified, verified.Issuer
	if a.issuer == "" {
		a.issuer = acc.Subject
	}
	if verified.IssuedAt.Before(key.from) && !verified.IssuedAt.IsZero() {
		return none, a.reject(IssuerKeyNotYetValid) // iat came from a disclosure, so that it was not known when the key was looked up
	}
	transactions, err := a.authorized(verified)
	if err != nil {
		return none, err
	}
	if a.query != nil {
		if err := a.choose(verified); err != nil {
			return none, err
		}
	}
	card, err := a.read(verified)
	if err != nil {
		return none, err
	}
	if err := a.checkType(verified, presentation); err != nil {
		return none, err
	}
	card.Issuer, card.IssuerName, card.KeyID, card.Anchor, card.Transactions = a.issuer, acc.Name, key.id, key.anchor, transactions
	if card.Mechanism = acc.Mechanism; card.Mechanism == "" {
		card.Mechanism = trust.ByDID
	}
	return card, a.status(verified, acc, &card, res)
}

// asksFor tells whether a card of that type was asked for.
func (a *attempt) asksFor(vct string) bool {
	if a.query == nil {
		return vct == a.expect.Type
	}
	return len(a.query.Types) == 0 || slices.Contains(a.query.Types, vct)
}

// signed verifies a presentation by the key that one of the issuer's signatures names. Of several signatures one that is good is enough,
// whatever the others are; if there is none, the first says why.
func (a *attempt) signed(p *credential.Presentation) (*credential.Verified, issuerKey, *trust.Accreditation, error) {
	verified, key, acc, err := a.by(p)
	var rejected *Rejection
	if err == nil || !errors.As(err, &rejected) {
		return verified, key, acc, err
	}
	for _, q := range p.Others(strictjson.Inside{}) {
		if q.Precheck(a.binding(), a.now) != nil {
			break // it is not about signatures
		}
		var undecided *Inconclusive
		verified, key, acc, other := a.by(q)
		if other == nil || errors.As(other, &undecided) {
			return verified, key, acc, other
		}
	}
	return nil, issuerKey{}, nil, err
}

// by is signed for the signature that p's hint is of.
func (a *attempt) by(p *credential.Presentation) (v *credential.Verified, key issuerKey, acc *trust.Accreditation, err error) {
	hint := p.Hint()
	acc, chain, err := a.accreditation(p, hint)
	if err != nil {
		return nil, key, nil, err
	}
	method, err := a.mechanism(hint, acc, chain)
	if err != nil {
		return nil, key, nil, err
	}
	if err := p.Precheck(a.binding(), a.now); err != nil {
		return nil, key, nil, a.reject(err)
	}
	if key, err = a.key(hint, method, acc, chain); err != nil {
		return nil, key, nil, err
	}
	if v, err = p.Verify(key.public, a.binding(), a.now); err != nil {
		return nil, key, nil, a.reject(err)
	}
	return v, key, acc, nil
}

// read takes the claims that were asked for, and notes what else was shown.
func (a *attempt) read(v *credential.Verified) (Card, error) {
	card := Card{
		Type: v.Type, SignedAt: v.IssuedAt, Expires: v.Expires, Concealed: v.Body.Concealed(),
		claims: make([]shown, 0, len(a.expect.Claims)),
	}
	var values []json.RawMessage
	values, card.Surplus = v.Body.Take(strictjson.Inside{}, a.expect.Claims)
	size := 0
	for _, p := range a.expect.Claims {
		size += len(p)
	}
	steps := make(disclosure.Path, 0, size) // a copy of all paths, since they belong to the caller
	for i, p := range a.expect.Claims {
		if values[i] == nil {
			rejection := a.reject(&disclosure.Error{Reason: ClaimMissing, Path: p})
			rejection.Near = v.Body.Near(strictjson.Inside{}, p)
			return Card{}, rejection
		}
		from := len(steps)
		steps = append(steps, p...)
		card.claims = append(card.claims, shown{steps[from:len(steps):len(steps)], values[i]})
	}
	if len(card.Surplus) > 0 && a.expect.RefuseSurplus {
		return Card{}, a.reject(&disclosure.Error{Reason: SurplusClaims, Path: card.Surplus[0]})
	}
	return card, nil
}

// status looks the card's status up, where the trust entry says that the issuer's lists may be.
func (a *attempt) status(v *credential.Verified, acc *trust.Accreditation, card *Card, res *Result) error {
	if v.Status == nil {
		if acc.StatusRequired {
			return a.reject(CardWithoutStatus)
		}
		return nil
	}
	if a.c.Status == nil {
		if a.c.InsecureNoStatus {
			res.skip(StatusNotChecked)
			return nil
		}
		return &Inconclusive{Reason: StatusUnavailable}
	}
	signer, ok := acc.StatusSigner(v.Status.URI, a.issuer)
	if !ok {
		return &Inconclusive{Reason: StatusListNotAllowed}
	}
	list, err := a.c.Status.StatusList(a.ctx, v.Status.URI, signer, a.now)
	if err != nil || list == nil {
		return &Inconclusive{Reason: StatusUnavailable, Err: err, RetryAfter: 10 * time.Second}
	}
	// The list's own exp may be sooner than the age that this deployment allows, and is never later.
	if a.unfit(a.now.Sub(list.Issued), a.c.StatusAge) || !list.Expires.IsZero() && !a.now.Before(list.Expires.Add(max(a.c.Skew, 0))) {
		return &Inconclusive{Reason: StatusStale, RetryAfter: time.Minute}
	}
	value, err := list.At(v.Status.Index)
	switch {
	case errors.Is(err, status.OutOfRange):
		return a.reject(StatusOutOfRange)
	case err != nil:
		return &Inconclusive{Reason: StatusUnavailable, Err: err}
	case value == status.Revoked:
		return a.reject(CardRevoked)
	case value == status.Suspended:
		return a.reject(CardSuspended)
	case value != status.Valid:
		return a.reject(CardStatusUnknown)
	}
	card.Status, card.StatusAt = &value, list.Issued
	return nil
}

// replay uses the nonce up. It comes last, so that nobody but the holder of an acceptable presentation can use up a nonce.
func (a *attempt) replay(bound bool) error {
	if !bound {
		return nil
	}
	// Ages were judged by the clock as it stood at the beginning. The guard forgets by its own, and must not do so while a slower attempt
	// with the same presentation may still be on its way.
	if took := a.c.Now().Sub(a.now); took < -max(a.c.Skew, 0) || took > slowest {
		return &Inconclusive{Reason: ReplayGuardFailed, Err: errors.New("the verification took too long, or the clock was set back"), RetryAfter: time.Second}
	}
	until := a.now.Add(a.c.BindingAge + 2*max(a.c.Skew, 0) + 2*slowest)
	fresh, err := a.c.Replay.Use(a.ctx, replayKey(a.expect.Audience, a.expect.Nonce), until)
	switch {
	case err != nil:
		return &Inconclusive{Reason: ReplayGuardFailed, Err: err, RetryAfter: 10 * time.Second}
	case !fresh:
		return a.reject(Replayed)
	}
	return nil
}

// slowest is how long a verification may take.
const slowest = 5 * time.Minute

// replayKey hashes audience and nonce with the length of the first, so that no two pairs look alike.
func replayKey(audience, nonce string) [32]byte {
	var room [256]byte // more than most audiences need
	buf := binary.BigEndian.AppendUint64(room[:0], uint64(len(audience)))
	return sha256.Sum256(append(append(buf, audience...), nonce...))
}

// reject makes a Rejection of a Reason or of an error of a room below.
func (a *attempt) reject(err error) *Rejection {
	r := &Rejection{Unauthenticated: a.card == nil, Err: err}
	if a.query != nil {
		r.Query = a.query.ID
	}
	var d *disclosure.Error
	switch {
	case errors.As(err, &d):
		r.Reason, r.Path = d.Reason, d.Path
	case errors.As(err, &r.Reason):
		r.Err = nil
	}
	return r
}

func (a *attempt) event(err error, took time.Duration) Event {
	e := Event{Verdict: "accepted", Took: took}
	if a.card != nil {
		e.Issuer, e.Type = a.issuer, a.card.Type
	}
	var rej *Rejection
	var inc *Inconclusive
	switch {
	case errors.As(err, &rej):
		e.Verdict, e.Reason = "rejected", rej.Reason
	case errors.As(err, &inc):
		e.Verdict, e.Reason = "inconclusive", inc.Reason
	}
	return e
}
