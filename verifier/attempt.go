package verifier

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/khyer/khyer/credential"
	"github.com/khyer/khyer/credential/status"
	"github.com/khyer/khyer/did"
	"github.com/khyer/khyer/disclosure"
	"github.com/khyer/khyer/verifier/trust"
)

// attempt is the verification of one presentation.
type attempt struct {
	*Verifier
	ctx    context.Context
	expect Expect
	now    time.Time

	// card is set once issuer and holder were verified, and not before.
	card *credential.Verified
}

func (a *attempt) binding() credential.Binding {
	return credential.Binding{
		Audience: a.expect.Audience, Nonce: a.expect.Nonce,
		MaxAge: a.c.BindingAge, Skew: a.c.Skew, InsecureUnbound: a.expect.InsecureUnbound,
	}
}

func (a *attempt) run(presentation []byte) (*Result, error) {
	p, err := credential.Parse(presentation, credential.SDJWTVC, a.c.Limits)
	if err != nil {
		return nil, a.reject(err)
	}
	hint := p.Hint()
	if hint.Type != a.expect.Type {
		return nil, a.reject(TypeMismatch)
	}
	method, err := hint.VerificationMethod()
	if err != nil {
		return nil, a.reject(err)
	}
	acc, err := a.accreditation(hint)
	if err != nil {
		return nil, err
	}
	if err := p.Precheck(a.binding(), a.now); err != nil {
		return nil, a.reject(err)
	}
	key, anchor, err := a.issuerKey(hint, method, acc)
	if err != nil {
		return nil, err
	}
	verified, err := p.Verify(key.Public, a.binding(), a.now)
	if err != nil {
		return nil, a.reject(err)
	}
	// From here on the issuer speaks: hint was read from the bytes whose signature has just been verified.
	a.card = verified
	if verified.IssuedAt.Before(key.From) && !verified.IssuedAt.IsZero() {
		return nil, a.reject(IssuerKeyNotYetValid) // iat came from a disclosure, so that it was not known when the key was looked up
	}
	card, err := a.read(verified)
	if err != nil {
		return nil, err
	}
	if err := a.checkType(verified, presentation); err != nil {
		return nil, err
	}
	card.IssuerName, card.KeyID, card.Anchor = acc.Name, method, anchor
	res := &Result{At: a.now}
	if err := a.status(verified, &card, res); err != nil {
		return nil, err
	}
	if err := a.replay(verified, res); err != nil {
		return nil, err
	}
	res.Cards = []Card{card}
	return res, nil
}

// accreditation asks the trust source, before anything is resolved or fetched for this issuer.
func (a *attempt) accreditation(h credential.Hint) (*trust.Accreditation, error) {
	acc, err := a.c.Issuers.Accreditation(a.ctx, trust.Query{Issuer: h.Issuer, Type: h.Type, Signed: h.IssuedAt, Now: a.now})
	switch {
	case err == nil && acc != nil:
		return acc, nil
	case errors.Is(err, trust.IssuerNotTrusted), errors.Is(err, trust.TypeNotAccredited):
		return nil, a.reject(err)
	}
	return nil, &Inconclusive{Reason: TrustUnavailable, Err: err}
}

// issuerKey resolves the issuer and returns the key that the card names, if it may be used for this card.
func (a *attempt) issuerKey(h credential.Hint, method string, acc *trust.Accreditation) (did.Key, did.Anchor, error) {
	none := did.Key{}
	id, err := did.Parse(h.Issuer)
	if err != nil {
		return none, did.Anchor{}, a.reject(IssuerDIDMalformed)
	}
	r, err := a.c.Resolver.Resolve(a.ctx, id, did.At{})
	if err != nil || r == nil {
		return none, did.Anchor{}, a.resolveFault(err)
	}
	if r.Document == nil || r.Document.ID != id {
		return none, did.Anchor{}, &Inconclusive{Reason: ResolverFailed, Err: errors.New("the resolver answered with another DID's document")}
	}
	if age := a.now.Sub(r.Anchor.Time); r.Anchor.Chain != "" && a.unfit(age, a.c.AnchorAge) {
		err := fmt.Errorf("block %d (%s) is %v old, Config.AnchorAge is %v", r.Anchor.Block, r.Anchor.Tag, age.Round(time.Second), a.c.AnchorAge)
		return none, did.Anchor{}, &Inconclusive{Reason: ChainStale, RetryAfter: time.Minute, Err: err}
	}
	signed := h.IssuedAt
	if signed.IsZero() {
		signed = a.now // a card that does not say when it was signed needs a key that is valid now
	}
	key, err := r.Key(method, did.AssertionMethod, signed)
	if err != nil {
		return none, did.Anchor{}, a.keyFault(err)
	}
	late := a.now // whether a key has expired is decided by the later of block time and clock
	if r.Anchor.Time.After(late) {
		late = r.Anchor.Time
	}
	switch {
	case isCompromised(r, key, acc.Compromised):
		err = IssuerKeyCompromised
	case key.Class != "" && !slices.Contains(acc.KeyClasses, key.Class):
		err = IssuerKeyNotAccepted
	case !key.Until.IsZero() && !late.Before(key.Until) && !late.Before(acc.LapsedUntil):
		err = IssuerKeyExpired
	default:
		return key, r.Anchor, nil
	}
	return none, did.Anchor{}, a.reject(err)
}

// unfit tells whether something signed or mined that long ago cannot be relied on: it is too old, or from the future, which means that
// a clock is wrong. What was made while the verification went on is not from the future.
func (a *attempt) unfit(age, limit time.Duration) bool {
	return age > limit || age < -max(a.c.Skew, 0)-max(a.c.Now().Sub(a.now), 0)
}

// isCompromised tells whether the key was declared compromised, under any of the names that the document gives to it, or as an address.
func isCompromised(r *did.Resolution, key did.Key, declared []string) bool {
	if len(declared) == 0 {
		return false
	}
	if a, ok := key.Public.Address(); ok && slices.ContainsFunc(declared, func(s string) bool { return strings.EqualFold(s, "0x"+hex.EncodeToString(a[:])) }) {
		return true
	}
	for _, k := range r.Keys {
		if k.Public.Equal(key.Public) && (slices.Contains(declared, k.ID) || slices.Contains(declared, k.Public.Thumbprint()) ||
			slices.ContainsFunc(k.Aliases, func(alias string) bool { return slices.Contains(declared, alias) })) {
			return true
		}
	}
	return false
}

// resolveFault tells a DID that does not exist from a way to it that does not work.
func (a *attempt) resolveFault(err error) error {
	var e *did.Error
	if !errors.As(err, &e) {
		return &Inconclusive{Reason: ResolverFailed, Err: err}
	}
	switch e.Code {
	case did.Deactivated:
		return a.reject(IssuerDeactivated)
	case did.NotFound:
		return a.reject(IssuerDIDNotFound)
	case did.InvalidDID, did.InvalidDIDURL:
		return a.reject(IssuerDIDMalformed)
	case did.UnknownNetwork:
		return &Inconclusive{Reason: NetworkUnknown, Err: err}
	case did.MethodNotSupported:
		return &Inconclusive{Reason: MethodUnknown, Err: err}
	case did.Unavailable:
		return &Inconclusive{Reason: ChainUnavailable, Err: err, RetryAfter: 10 * time.Second}
	case did.GarbledAnswer:
		return &Inconclusive{Reason: ChainGarbled, Err: err, RetryAfter: 10 * time.Second}
	case did.IncompleteAnswer:
		return &Inconclusive{Reason: ChainIncomplete, Err: err, RetryAfter: 10 * time.Second}
	case did.StaleAnswer:
		return &Inconclusive{Reason: ChainStale, Err: err, RetryAfter: time.Minute}
	case did.WrongChain:
		return &Inconclusive{Reason: ChainWrong, Err: err}
	}
	return &Inconclusive{Reason: ResolverFailed, Err: err}
}

// keyReasons are the reasons for the codes of did.Resolution.Key.
var keyReasons = map[did.Code]Reason{
	did.Deactivated:     IssuerDeactivated,
	did.KeyNotFound:     IssuerKeyUnknown,
	did.KeyAmbiguous:    IssuerKeyAmbiguous,
	did.KeyWrongPurpose: IssuerKeyWrongPurpose,
	did.KeyNotYetValid:  IssuerKeyNotYetValid,
	did.KeyLapsed:       IssuerKeyExpired,
	did.KeyRevoked:      IssuerKeyRevoked,
}

func (a *attempt) keyFault(err error) error {
	var e *did.Error
	if errors.As(err, &e) && keyReasons[e.Code] != "" {
		return a.reject(keyReasons[e.Code])
	}
	return &Inconclusive{Reason: ResolverFailed, Err: err}
}

// read takes the claims that were asked for, and notes what else was shown.
func (a *attempt) read(v *credential.Verified) (Card, error) {
	card := Card{
		Type: v.Type, Issuer: v.Issuer, SignedAt: v.IssuedAt, Expires: v.Expires, Concealed: v.Body.Concealed(),
		claims: make([]shown, 0, len(a.expect.Claims)),
	}
	for _, p := range a.expect.Claims {
		value, ok := v.Body.Claim(p)
		if !ok {
			return Card{}, a.reject(&disclosure.Error{Reason: ClaimMissing, Path: p})
		}
		card.claims = append(card.claims, shown{slices.Clone(p), value})
	}
	for _, p := range v.Body.Revealed() {
		if !slices.ContainsFunc(a.expect.Claims, func(asked disclosure.Path) bool { return related(asked, p) }) {
			card.Surplus = append(card.Surplus, p)
		}
	}
	if len(card.Surplus) > 0 && a.expect.RefuseSurplus {
		return Card{}, a.reject(&disclosure.Error{Reason: SurplusClaims, Path: card.Surplus[0]})
	}
	return card, nil
}

// related tells whether one path leads to or through the other: what is inside an asked claim was asked for, and what contains it
// has to be shown to show it.
func related(asked, shown disclosure.Path) bool {
	for i := range min(len(asked), len(shown)) {
		if _, isIndex := shown[i].(int); asked[i] == nil && isIndex {
			continue
		}
		if asked[i] != shown[i] {
			return false
		}
	}
	return true
}

func (a *attempt) status(v *credential.Verified, card *Card, res *Result) error {
	if v.Status == nil {
		return nil
	}
	if a.c.Status == nil {
		if a.c.InsecureNoStatus {
			res.Skipped = append(res.Skipped, StatusNotChecked)
			return nil
		}
		return &Inconclusive{Reason: StatusUnavailable}
	}
	list, err := a.c.Status.StatusList(a.ctx, v.Status.URI, v.Issuer, a.now)
	if err != nil || list == nil {
		return &Inconclusive{Reason: StatusUnavailable, Err: err, RetryAfter: 10 * time.Second}
	}
	if a.unfit(a.now.Sub(list.Issued), a.c.StatusAge) {
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
func (a *attempt) replay(v *credential.Verified, res *Result) error {
	if !v.Bound {
		res.Skipped = append(res.Skipped, KeyBindingNotChecked)
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
	buf := binary.BigEndian.AppendUint64(make([]byte, 0, 8+len(audience)+len(nonce)), uint64(len(audience)))
	return sha256.Sum256(append(append(buf, audience...), nonce...))
}

// reject makes a Rejection of a Reason or of an error of a room below.
func (a *attempt) reject(err error) error {
	r := &Rejection{Unauthenticated: a.card == nil, Err: err}
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
		e.Issuer, e.Type = a.card.Issuer, a.card.Type
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
