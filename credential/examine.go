package credential

import (
	"time"

	"github.com/khyer/khyer/did/pubkey"
	"github.com/khyer/khyer/disclosure"
	"github.com/khyer/khyer/internal/strictjson"
)

// Examination is what package verifier explains a presentation by. Nothing in it was verified.
type Examination struct {
	// Cheap are the faults that Precheck finds, Disclosed those that Verify finds behind the issuer's signature, each in the order of checks.
	Cheap, Disclosed []error
	// Card is what Verify would return, as it says itself; nil if its disclosures cannot be processed.
	Card *Verified
}

// FormFaults returns all that Parse would stop at, and what else can be found in a presentation of such a form: its type, and the faults
// of its times and of its key binding. It is for package verifier's explanations of what Parse refuses.
func FormFaults(_ strictjson.Inside, sdjwt []byte, profile Profile, l disclosure.Limits, b Binding, now time.Time) (faults, cheap []error, vct string) {
	u, err := disclosure.Parse(sdjwt, l)
	if err != nil {
		return []error{err}, nil, ""
	}
	p := &Presentation{u: u, profile: profile}
	faults = p.readCard(true)
	b = b.orDefault()
	if err := p.readBinding(); err != nil {
		faults = append(faults, err)
		b = Binding{Skew: b.Skew, InsecureUnbound: true, receiving: true} // it is there, and says nothing
	}
	return faults, p.cheapFaults(b, now), p.hint.Type
}

// Examine makes every check of Precheck and Verify but that of the issuer's signature, and does not stop at a fault. It is there for
// the finding of faults, by package verifier alone: what it returns is not to be believed.
func (p *Presentation) Examine(_ strictjson.Inside, b Binding, now time.Time) (x Examination) {
	b = b.orDefault()
	x.Cheap = p.cheapFaults(b, now)
	found := func(err error) {
		if err != nil {
			x.Disclosed = append(x.Disclosed, err)
		}
	}
	body, err := p.u.Verify(func(disclosure.Signature) error { return nil })
	if err != nil {
		found(err)
		return x
	}
	v := &Verified{Hint: p.hint, Expires: p.expires, Status: p.status, Body: body}
	x.Card = v
	found(p.checkDisclosed(v, b, now))
	unbound := p.binding == nil || b.ignored()
	if v.Holder, err = readHolder(body.Payload(strictjson.Inside{}).Get("cnf")); err != nil {
		if p.profile == SDJWTVC || !unbound {
			found(err)
		}
		return x
	}
	switch {
	case unbound:
	case v.Holder.IsZero():
		found(fail(HolderKeyMissing))
	default:
		err := checkSignature(v.Holder, p.binding.alg, p.binding.sig, BindingSignature)
		found(err)
		v.Bound, v.transactions = err == nil, p.binding.transactions
	}
	return x
}

// cheapFaults are all that Precheck would stop at.
func (p *Presentation) cheapFaults(b Binding, now time.Time) (out []error) {
	switch {
	case b.ignored() || p.binding == nil && b.InsecureUnbound:
	case p.binding == nil:
		out = append(out, fail(BindingMissing))
	default:
		for i, bad := range p.binding.faults(b, now) {
			if bad {
				out = append(out, fail(bindingFaults[i]))
			}
		}
	}
	if !p.audHidden {
		if err := b.checkAudience(p.aud); err != nil {
			out = append(out, err)
		}
	}
	for i, bad := range badTimes(p.hint.IssuedAt, p.starts, p.expires, b.Skew, now) {
		if bad {
			out = append(out, fail(timeFaults[i]))
		}
	}
	return out
}

// SignedBy checks the issuer's signature and nothing else, for package verifier's explanations.
func (p *Presentation) SignedBy(_ strictjson.Inside, key pubkey.Key) error {
	var first error
	for n, s := range p.u.Signatures() {
		err := p.signedBy(key, &p.headers[n], s)
		if err == nil {
			return nil
		}
		if first == nil {
			first = err
		}
	}
	return first
}
