package credential

import (
	"bytes"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/khyer/khyer/credential/status"
	"github.com/khyer/khyer/did/pubkey"
	"github.com/khyer/khyer/disclosure"
	"github.com/khyer/khyer/internal/strictjson"
)

// Binding is what a verifier demands of the key binding.
type Binding struct {
	// Audience and Nonce must be equal to aud and nonce, byte for byte. Both are required.
	Audience, Nonce string
	// MaxAge is how long ago the key binding may have been made; zero means 5 minutes.
	MaxAge time.Duration
	// Skew is how far clocks may differ, for every check of a time; zero means 30 seconds, negative none.
	Skew time.Duration
	// InsecureUnbound accepts a card without key binding, which anyone who copied it can show. A key binding that is there is
	// checked all the same, unless Audience and Nonce are both empty: then it is ignored.
	InsecureUnbound bool

	receiving bool // the holder's own look at a card, which is meant for others
}

func (b Binding) orDefault() Binding {
	if b.MaxAge <= 0 {
		b.MaxAge = 5 * time.Minute
	}
	if b.Skew == 0 {
		b.Skew = 30 * time.Second
	}
	b.Skew = max(b.Skew, 0)
	return b
}

// Presentation is a parsed presentation that nobody has verified. It is read-only and safe for concurrent use.
type Presentation struct {
	u       *disclosure.Unverified
	profile Profile
	headers []issuerHeader // of the signatures
	hint    Hint
	expires time.Time
	starts  time.Time
	aud     []string // whom the issuer meant the card for, if it says so
	// audHidden tells that some of aud is concealed, so that only the processed payload has it all.
	audHidden bool
	status    *status.Reference
	binding   *binding
}

// issuerHeader is the header of one of the issuer's signatures, or why it cannot be one.
type issuerHeader struct {
	header
	err error
}

// binding is a parsed key binding JWT.
type binding struct {
	sig             disclosure.Signature
	alg             pubkey.Algorithm
	aud, nonce      string
	issued          time.Time
	starts, expires time.Time // zero if absent
	sdHash          []byte    // as computed over what came in
	claimed         string    // as the JWT says
	transactions    *transactions
}

// Parse reads a presentation within limits and checks everything that needs no key and no clock. Errors are *disclosure.Error.
func Parse(sdjwt []byte, profile Profile, l disclosure.Limits) (*Presentation, error) {
	u, err := disclosure.Parse(sdjwt, l)
	if err != nil {
		return nil, err
	}
	p := &Presentation{u: u, profile: profile}
	if faults := p.readCard(false); len(faults) > 0 {
		return nil, faults[0]
	}
	if err := p.readBinding(); err != nil {
		return nil, err
	}
	return p, nil
}

// Format implements fmt.Formatter, because fmt would print the claims.
func (p Presentation) Format(f fmt.State, _ rune) { fmt.Fprint(f, "unverified presentation") }

// readCard returns what is wrong with the form of the card, in the order of checks: the first fault, or all.
func (p *Presentation) readCard(all bool) (faults []error) {
	// Of several signatures some may be for readers of other algorithms (RFC 7515 section 7.2.1); the first that can be ours speaks.
	protected := p.u.Headers(strictjson.Inside{})
	p.headers = make([]issuerHeader, len(protected))
	h := &p.headers[0]
	for i, raw := range protected {
		p.headers[i].header, p.headers[i].err = p.issuerHeader(raw)
		if h.err != nil && p.headers[i].err == nil {
			h = &p.headers[i]
		}
	}
	if h.err != nil {
		if faults = append(faults, h.err); !all {
			return faults
		}
	}
	c := p.u.Payload(strictjson.Inside{})
	p.hint.speaks(h.header)
	var errs [9]error
	p.hint.Issuer, errs[0] = text(c.Get("iss"), "iss")
	p.hint.IssuedAt, errs[2] = numericDate(c.Get("iat"), "iat")
	p.expires, errs[3] = numericDate(c.Get("exp"), "exp")
	p.starts, errs[4] = numericDate(c.Get("nbf"), "nbf")
	p.aud, p.audHidden, errs[6] = audiences(c.Get("aud"))
	if p.profile == SDJWTVC {
		if err := checkPlain(c); err != nil {
			faults = append(faults, err)
		}
		p.hint.Type, errs[1] = text(c.Get("vct"), "vct")
		p.status, errs[5] = readStatus(c.Get("status"))
		_, errs[8] = readIntegrity(c, "vct#integrity")
		errs[7] = checkOtherTypes(c.Get("aka_vcts"), p.hint.Type)
	} else if holdsDigests(c.Get("cnf")) {
		faults = append(faults, failAt(MustBePlain, "cnf")) // what the key is may not depend on what the holder shows
	}
	for _, err := range errs {
		if err != nil {
			faults = append(faults, err)
		}
	}
	if p.profile == SDJWTVC && p.hint.Type == "" && errs[1] == nil {
		faults = append(faults, fail(TypeMissing))
	}
	return faults
}

// issuerHeader reads the protected header of one of the issuer's signatures.
func (p *Presentation) issuerHeader(protected []byte) (header, error) {
	h, err := parseHeader(protected)
	switch {
	case err != nil:
		return h, err
	case p.profile == SDJWTVC && h.typ != typVC, h.typ == typKB:
		return h, fail(TypeHeader)
	case p.profile == SDJWTVC && !h.kidIsText:
		return h, fail(HeaderMalformed)
	}
	return h, nil
}

// checkPlain refuses digests within the claims that must stand in the clear: what a key or a status says may not depend on what the
// holder chose to show.
func checkPlain(c strictjson.Value) error {
	for _, name := range plainClaims {
		if holdsDigests(c.Get(name)) {
			return failAt(MustBePlain, name)
		}
	}
	return nil
}

func holdsDigests(v strictjson.Value) bool {
	if v.Get("_sd").Exists() || v.Get("...").Exists() {
		return true
	}
	for _, e := range v.Pairs() {
		if holdsDigests(e) {
			return true
		}
	}
	for e := range v.Elements() {
		if holdsDigests(e) {
			return true
		}
	}
	return false
}

func (p *Presentation) readBinding() error {
	sig, sdHash, ok := p.u.KeyBinding()
	if !ok {
		return nil
	}
	h, err := parseHeader(sig.Protected)
	if err != nil {
		return err
	}
	if h.typ != typKB {
		return fail(BindingMalformed)
	}
	raw, ok := strictjson.AppendBase64URL(nil, sig.Input[bytes.IndexByte(sig.Input, '.')+1:])
	if !ok {
		return fail(disclosure.BadEncoding)
	}
	c, err := strictjson.Parse(raw, strictjson.Limits{Bytes: 64 << 10, Depth: 8})
	if err != nil || c.Kind() != strictjson.Object {
		return fail(BindingMalformed)
	}
	b := &binding{sig: sig, alg: h.alg, sdHash: sdHash}
	var ok1, ok2, ok3 bool
	b.aud, ok1 = c.Get("aud").Text() // a single string: section 4.3 of RFC 9901 allows no array
	b.nonce, ok2 = c.Get("nonce").Text()
	b.claimed, ok3 = c.Get("sd_hash").Text()
	var errs [4]error
	b.issued, errs[0] = numericDate(c.Get("iat"), "iat")
	b.starts, errs[1] = numericDate(c.Get("nbf"), "nbf") // nothing asks for these two, but a JWT that has them means them
	b.expires, errs[2] = numericDate(c.Get("exp"), "exp")
	b.transactions, errs[3] = readTransactions(c)
	if !ok1 || !ok2 || !ok3 || errors.Join(errs[:]...) != nil || b.issued.IsZero() {
		return fail(BindingMalformed)
	}
	p.binding = b
	return nil
}

// Hint returns what the card says of itself.
func (p *Presentation) Hint() Hint { return p.hint }

// Others lets package verifier look for the key of another of the issuer's signatures, when that of the first is of no use (RFC 9901
// section 8.3: one valid signature is enough). Each result is p with the Hint of another header; most presentations have none.
func (p *Presentation) Others(strictjson.Inside) []*Presentation {
	var out []*Presentation
	for _, h := range p.headers[1:] {
		known := func(q *Presentation) bool { return q.hint.isOf(h.header) }
		if h.err != nil || known(p) || slices.ContainsFunc(out, known) {
			continue
		}
		q := *p
		q.hint.speaks(h.header)
		out = append(out, &q)
	}
	return out
}

// speaks takes over what a header says of the key.
func (h *Hint) speaks(of header) {
	h.KeyID, h.Algorithm, h.x5c, h.foreignKey = of.kid, of.alg, of.x5c, of.foreignKey
	h.CarriesKey = of.foreignKey || of.x5c != nil
}

// isOf tells whether the hint leads to the key of a header.
func (h *Hint) isOf(of header) bool {
	return h.KeyID == of.kid && bytes.Equal(h.x5c, of.x5c) && h.foreignKey == of.foreignKey
}

// Precheck makes the checks that cost no curve: key binding present, audience, nonce, sd_hash, times. It may only reject. Whoever
// made the presentation may have written anything, so a rejection says nothing about an issuer.
func (p *Presentation) Precheck(b Binding, now time.Time) error {
	if p == nil || p.u == nil {
		return fail(CallerFault)
	}
	b = b.orDefault()
	switch {
	case b.InsecureUnbound:
	case b.Audience == "":
		return failAt(CallerFault, "Audience")
	case b.Nonce == "":
		return failAt(CallerFault, "Nonce")
	}
	if err := p.checkBinding(b, now); err != nil {
		return err
	}
	if !p.audHidden {
		if err := b.checkAudience(p.aud); err != nil {
			return err
		}
	}
	return checkTimes(p.hint.IssuedAt, p.starts, p.expires, b.Skew, now)
}

// ignored tells whether the caller wants no key binding looked at.
func (b Binding) ignored() bool { return b.InsecureUnbound && b.Audience == "" && b.Nonce == "" }

func (p *Presentation) checkBinding(b Binding, now time.Time) error {
	if b.ignored() || p.binding == nil && b.InsecureUnbound {
		return nil
	}
	if p.binding == nil {
		return fail(BindingMissing)
	}
	for i, bad := range p.binding.faults(b, now) {
		if bad {
			return fail(bindingFaults[i])
		}
	}
	return nil
}

// bindingFaults are what faults tells of, in the order in which Precheck does.
var bindingFaults = [...]disclosure.Reason{AudienceMismatch, NonceMismatch, BindingInFuture, BindingTooOld, HashMismatch}

func (k *binding) faults(b Binding, now time.Time) [len(bindingFaults)]bool {
	return [...]bool{
		!equal(k.aud, b.Audience),
		!equal(k.nonce, b.Nonce),
		k.issued.After(now.Add(b.Skew)) || k.starts.After(now.Add(b.Skew)),
		k.issued.Before(now.Add(-b.MaxAge-b.Skew)) || !k.expires.IsZero() && !now.Before(k.expires.Add(b.Skew)),
		!equal(k.claimed, base64.RawURLEncoding.EncodeToString(k.sdHash)),
	}
}

// checkAudience compares the card's own aud, which few cards have (RFC 9901 section 7.1 step 6). A holder who receives a card has no
// audience and is not the one meant.
func (b Binding) checkAudience(aud []string) error {
	if len(aud) > 0 && !b.receiving && !slices.Contains(aud, b.Audience) {
		return fail(AudienceMismatch)
	}
	return nil
}

func equal(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

func checkTimes(issued, starts, expires time.Time, skew time.Duration, now time.Time) error {
	for i, bad := range badTimes(issued, starts, expires, skew, now) {
		if bad {
			return fail(timeFaults[i])
		}
	}
	return nil
}

// timeFaults are what badTimes tells of, in the order in which Precheck does.
var timeFaults = [...]disclosure.Reason{Expired, NotYetValid, IssuedInFuture}

func badTimes(issued, starts, expires time.Time, skew time.Duration, now time.Time) [len(timeFaults)]bool {
	return [...]bool{!expires.IsZero() && !now.Before(expires.Add(skew)), now.Add(skew).Before(starts), issued.After(now.Add(skew))}
}

// Verified is a verified presentation: every value was signed by the key that was given.
type Verified struct {
	Hint
	Expires time.Time
	Status  *status.Reference
	// Holder is the key that cnf names, zero if there is none.
	Holder pubkey.Key
	// Bound tells that the holder proved to have that key, for this audience and nonce.
	Bound bool
	Body  *disclosure.Verified

	transactions *transactions // what a binding that was verified says
}

// Verify checks everything about a presentation that an issuer's key and a clock can show: the signature by key, the disclosures,
// the times, and the key binding as b demands (RFC 9901 sections 7.1 and 7.3). Whether key is the issuer's and whether the issuer
// is trusted is the caller's part. Errors are *disclosure.Error.
func (p *Presentation) Verify(key pubkey.Key, b Binding, now time.Time) (*Verified, error) {
	if err := p.Precheck(b, now); err != nil {
		return nil, err
	}
	b = b.orDefault()
	n := 0 // check is called for the signatures in their order
	var h *issuerHeader
	body, err := p.u.Verify(func(s disclosure.Signature) error {
		h = &p.headers[n]
		n++
		return p.signedBy(key, h, s)
	})
	if err != nil {
		return nil, err
	}
	hint := p.hint
	hint.speaks(h.header) // that of the signature that was verified
	v := &Verified{Hint: hint, Expires: p.expires, Status: p.status, Body: body}
	if err := p.checkDisclosed(v, b, now); err != nil {
		return nil, err
	}
	unbound := p.binding == nil || b.ignored()
	if v.Holder, err = readHolder(body.Payload(strictjson.Inside{}).Get("cnf")); err != nil && (p.profile == SDJWTVC || !unbound) {
		return nil, err
	}
	if unbound {
		return v, nil
	}
	if v.Holder.IsZero() {
		return nil, fail(HolderKeyMissing)
	}
	if err := checkSignature(v.Holder, p.binding.alg, p.binding.sig, BindingSignature); err != nil {
		return nil, err
	}
	v.Bound, v.transactions = true, p.binding.transactions
	return v, nil
}

// signedBy checks one of the issuer's signatures, which is under h.
func (p *Presentation) signedBy(key pubkey.Key, h *issuerHeader, s disclosure.Signature) error {
	if h.err != nil {
		return h.err
	}
	// The key was looked up for what the hint says. A signature under another kid or chain is none of that key, even if it verifies:
	// nothing that stands in one header may be believed because of a signature over another.
	if p.profile == SDJWTVC && !p.hint.isOf(h.header) {
		return fail(SignatureInvalid)
	}
	return checkSignature(key, h.alg, s, SignatureInvalid)
}

// checkSignature turns a refusal of package pubkey into a reason of ours.
func checkSignature(key pubkey.Key, alg pubkey.Algorithm, s disclosure.Signature, invalid disclosure.Reason) error {
	switch err := key.Verify(alg, s.Input, s.Value); {
	case err == nil:
		return nil
	case errors.Is(err, pubkey.AlgorithmMismatch):
		return fail(AlgorithmMismatch)
	}
	return fail(invalid)
}

// checkDisclosed looks at what came from disclosures: an SD-JWT VC may not hide a registered claim, and in any SD-JWT a validity claim
// counts wherever it stands (RFC 9901 section 9.7).
func (p *Presentation) checkDisclosed(v *Verified, b Binding, now time.Time) error {
	audChanged := p.audHidden
	for key, val := range v.Body.Disclosed(strictjson.Inside{}) {
		text := key.Characters()
		if p.profile == SDJWTVC && mustBePlain(text) {
			return failAt(MustBePlain, string(text))
		}
		name := ""
		switch string(text) {
		case "aud":
			audChanged = true
			continue
		case "exp":
			name = "exp"
		case "nbf":
			name = "nbf"
		case "iat":
			name = "iat"
		default:
			continue
		}
		t, err := numericDate(val, name)
		if err != nil {
			return err
		}
		switch name {
		case "exp":
			v.Expires = t
			err = checkTimes(time.Time{}, time.Time{}, t, b.Skew, now)
		case "nbf":
			err = checkTimes(time.Time{}, t, time.Time{}, b.Skew, now)
		default:
			v.IssuedAt = t
			err = checkTimes(t, time.Time{}, time.Time{}, b.Skew, now)
		}
		if err != nil {
			return err
		}
	}
	if !audChanged {
		return nil
	}
	raw, _ := v.Body.Claim(disclosure.Path{"aud"})
	val, err := strictjson.Parse(raw, strictjson.Limits{Bytes: len(raw)})
	if err != nil {
		return failAt(ClaimMalformed, "aud")
	}
	aud, _, err := audiences(val)
	if err != nil {
		return err
	}
	return b.checkAudience(aud)
}
