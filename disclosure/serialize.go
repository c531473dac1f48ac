package disclosure

import (
	"bytes"
	"encoding/base64"

	"github.com/khyer/khyer/internal/strictjson"
)

// maxSignatures bounds the general JWS JSON serialisation.
const maxSignatures = 16

// jsonForm is what a JWS JSON serialisation has beside its compact form (RFC 7515 section 7.2, RFC 9901 section 8).
type jsonForm struct {
	general    bool
	payload    []byte // encoded
	signatures []jsonSignature
}

type jsonSignature struct {
	Signature                         // without Input: see input
	protected, value []byte           // encoded
	header           strictjson.Value // unprotected
}

// input makes what was signed. It is not kept, or a stranger's many signatures would each hold a copy of the payload.
func (f *jsonForm) input(i int) []byte {
	p := f.signatures[i].protected
	out := append(make([]byte, 0, len(p)+1+len(f.payload)), p...)
	return append(append(out, '.'), f.payload...)
}

// parseJSON turns the JWS JSON serialisation into the compact one, as section 8.1 wants it for sd_hash, and keeps what is beside it.
func (u *Unverified) parseJSON(sdjwt []byte) error {
	// The header of a signature is nested four levels deep, what it holds beside ours may be deeper.
	v, err := strictjson.Parse(bytes.Clone(sdjwt), strictjson.Limits{Bytes: u.limits.Bytes, Depth: max(u.limits.Depth, 8)})
	if err != nil {
		return jsonReason(err)
	}
	u.form = &jsonForm{}
	list := v.Get("signatures")
	u.form.general = list.Exists()
	if v.Kind() != strictjson.Object || u.form.general &&
		(list.Kind() != strictjson.Array || list.Len() == 0 || v.Get("signature").Exists() || v.Get("protected").Exists() || v.Get("header").Exists()) {
		return &Error{Reason: Malformed}
	}
	if list.Len() > maxSignatures {
		return &Error{Reason: TooLarge}
	}
	var ok bool
	if u.form.payload, ok = encoded(v.Get("payload")); !ok {
		return &Error{Reason: Malformed}
	}
	if !u.form.general {
		err = u.addSignature(v)
	}
	for s := range list.Elements() {
		if err == nil {
			err = u.addSignature(s)
		}
	}
	if err != nil {
		return err
	}
	text, err := u.form.compact(u.limits)
	if err != nil {
		return err
	}
	if err := u.parseCompact(text); err != nil {
		return err
	}
	return nil
}

// encoded returns a base64url text, unless it is empty, no string, or holds what would change the compact form.
func encoded(v strictjson.Value) ([]byte, bool) {
	s, ok := v.Text()
	return []byte(s), ok && s != "" && !bytes.ContainsAny([]byte(s), "~.")
}

// addSignature reads an object with protected, signature and header.
func (u *Unverified) addSignature(v strictjson.Value) error {
	var s jsonSignature
	var ok1, ok2, ok bool
	s.protected, ok1 = encoded(v.Get("protected"))
	s.value, ok2 = encoded(v.Get("signature"))
	s.header = v.Get("header")
	if !ok1 || !ok2 || s.header.Exists() && s.header.Kind() != strictjson.Object {
		return &Error{Reason: Malformed}
	}
	if s.Protected, ok1 = strictjson.AppendBase64URL(nil, s.protected); ok1 {
		s.Value, ok = strictjson.AppendBase64URL(nil, s.value)
	}
	if !ok {
		return &Error{Reason: BadEncoding}
	}
	first := len(u.form.signatures) == 0
	u.form.signatures = append(u.form.signatures, s)
	return s.checkHeader(first)
}

// checkHeader refuses an unprotected header that repeats the protected one (RFC 7515 section 7.2.1), that holds what must be protected
// (crit, 4.1.11; b64, RFC 7797 section 3), or that carries disclosures or a key binding anywhere but in the first (RFC 9901 section 8.3).
func (s *jsonSignature) checkHeader(first bool) error {
	if !s.header.Exists() {
		return nil
	}
	protected, err := strictjson.Parse(s.Protected, strictjson.Limits{})
	if err != nil {
		return jsonReason(err)
	}
	for name := range s.header.Members() {
		switch {
		case protected.Get(name).Exists(), name == "crit", name == "b64":
			return &Error{Reason: Malformed}
		case !first && (name == "disclosures" || name == "kb_jwt"):
			return &Error{Reason: Malformed}
		}
	}
	return nil
}

// compact makes the compact serialisation of the first signature.
func (f *jsonForm) compact(l Limits) ([]byte, error) {
	s := f.signatures[0]
	out := append(f.input(0), '.')
	out = append(append(out, s.value...), '~')
	list := s.header.Get("disclosures")
	if list.Exists() && list.Kind() != strictjson.Array {
		return nil, &Error{Reason: Malformed}
	}
	if list.Len() > l.Disclosures {
		return nil, &Error{Reason: TooManyDisclosures}
	}
	for e := range list.Elements() {
		d, ok := encoded(e)
		if !ok {
			return nil, &Error{Reason: Malformed}
		}
		out = append(append(out, d...), '~')
	}
	if kb := s.header.Get("kb_jwt"); kb.Exists() {
		text, ok := kb.Text()
		if !ok || text == "" || bytes.IndexByte([]byte(text), '~') >= 0 {
			return nil, &Error{Reason: Malformed}
		}
		out = append(out, text...)
	}
	return out, nil
}

// appendJSON writes the form with other disclosures and another key binding, both as they travel. Nothing else of the unprotected headers
// goes with it: nobody signed it, and whoever delivered the card could mark it there, for every verifier to see.
func (f *jsonForm) appendJSON(dst []byte, disclosures [][]byte, kb []byte) []byte {
	dst = append(append(append(dst, `{"payload":"`...), f.payload...), '"')
	if !f.general {
		return append(f.appendFirst(append(dst, ','), disclosures, kb), '}')
	}
	dst = append(f.appendFirst(append(dst, `,"signatures":[{`...), disclosures, kb), '}')
	for i := range f.signatures[1:] {
		dst = append(f.signatures[i+1].appendTo(append(dst, ",{"...)), '}')
	}
	return append(dst, "]}"...)
}

func (s *jsonSignature) appendTo(dst []byte) []byte {
	dst = append(append(append(dst, `"protected":"`...), s.protected...), `","signature":"`...)
	return append(append(dst, s.value...), '"')
}

// appendFirst writes the first signature, whose header holds the disclosures (RFC 9901 section 8.3).
func (f *jsonForm) appendFirst(dst []byte, disclosures [][]byte, kb []byte) []byte {
	dst = append(f.signatures[0].appendTo(dst), `,"header":{"disclosures":[`...)
	for i, d := range disclosures {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(append(append(dst, '"'), d...), '"')
	}
	dst = append(dst, ']')
	if len(kb) > 0 {
		dst = append(append(append(dst, `,"kb_jwt":"`...), kb...), '"')
	}
	return append(dst, '}')
}

// Flattened returns an SD-JWT or SD-JWT+KB, given in any serialisation with one signature, in the flattened JWS JSON serialisation
// (RFC 9901 section 8.2). What was signed stays byte for byte; of an unprotected header only disclosures and kb_jwt stay. Errors are
// *Error.
func Flattened(sdjwt []byte) ([]byte, error) {
	return serialize(false, sdjwt)
}

// General returns an SD-JWT in the general JWS JSON serialisation (RFC 9901 section 8.3), with the signatures of all that are given:
// the same payload, signed by several keys or by one. The disclosures are those of the first; the others must have the same or
// none. Only a single SD-JWT may carry a key binding, since that is bound to the bytes of one. Errors are *Error, SignersDiffer if
// the payloads or the disclosures are not the same.
func General(sdjwts ...[]byte) ([]byte, error) {
	return serialize(true, sdjwts...)
}

func serialize(general bool, sdjwts ...[]byte) ([]byte, error) {
	f := &jsonForm{general: general}
	var disclosures [][]byte
	var kb []byte
	for i, text := range sdjwts {
		u, err := Parse(text, Limits{Bytes: 1 << 30, Disclosures: 1 << 20})
		if err != nil {
			return nil, err
		}
		own := u.encodedDisclosures()
		g := u.form
		if g == nil {
			g = u.asForm()
		}
		if i == 0 {
			f.payload, disclosures = g.payload, own
			if u.bound {
				kb = u.text[len(u.text)-len(u.binding.Input)-1-encodedLen(len(u.binding.Value)):]
			}
		} else if u.bound || !bytes.Equal(f.payload, g.payload) || len(own) > 0 && !equalAll(own, disclosures) {
			return nil, &Error{Reason: SignersDiffer}
		}
		for _, s := range g.signatures {
			if v, err := strictjson.Parse(s.Protected, strictjson.Limits{}); err != nil {
				return nil, jsonReason(err)
			} else if v.Kind() != strictjson.Object {
				return nil, &Error{Reason: BadJSON}
			}
		}
		f.signatures = append(f.signatures, g.signatures...)
	}
	switch n := len(f.signatures); {
	case n == 0 || !general && n > 1 || len(sdjwts) > 1 && len(kb) > 0:
		return nil, &Error{Reason: SignersDiffer}
	case n > maxSignatures:
		return nil, &Error{Reason: TooLarge}
	}
	return f.appendJSON(nil, disclosures, kb), nil
}

func equalAll(a, b [][]byte) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !bytes.Equal(a[i], b[i]) {
			return false
		}
	}
	return true
}

func (u *Unverified) encodedDisclosures() [][]byte {
	out := make([][]byte, len(u.disclosures))
	for i := range out {
		out[i] = u.disclosure(i)
	}
	return out
}

// asForm takes a compact serialisation apart.
func (u *Unverified) asForm() *jsonForm {
	protected, payload, _ := bytes.Cut(u.first[0].Input, []byte{'.'})
	value := base64.RawURLEncoding.AppendEncode(nil, u.first[0].Value)
	return &jsonForm{payload: payload, signatures: []jsonSignature{{Signature: u.first[0], protected: protected, value: value}}}
}
