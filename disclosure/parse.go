package disclosure

import (
	"bytes"
	"crypto"
	_ "crypto/sha256" // the hash functions of section 4.1.1
	_ "crypto/sha512"
	"encoding/base64"
	"fmt"

	"github.com/khyer/khyer/internal/strictjson"
)

// Signature is a JWS signature as it was received: Protected is the decoded header, Input the bytes that were signed, Value the
// decoded signature.
type Signature struct{ Protected, Input, Value []byte }

// Unverified is a parsed SD-JWT or SD-JWT+KB whose signature nobody has checked. No claim can be read from it. It is read-only and
// safe for concurrent use.
type Unverified struct {
	text        []byte       // the compact serialisation: as it came in, or as section 8.1 makes it of a JWS JSON serialisation
	first       [1]Signature // the issuer's, or the first of them; an array, so that Signatures need not copy it
	binding     Signature
	bound       bool // there is a binding
	payload     strictjson.Value
	hash        crypto.Hash
	disclosures []piece
	decoded     []byte // the disclosures, one after the other
	limits      Limits

	form *jsonForm // nil if it came in compact
}

// piece is one disclosure: where it stands in text, and decoded in decoded.
type piece struct{ from, to, rawFrom, rawTo uint32 }

func (u *Unverified) disclosure(i int) []byte {
	p := u.disclosures[i]
	return u.text[p.from:p.to]
}

// hashes are the hash functions by the names of section 4.1.1.
func hashByName(name string) (crypto.Hash, bool) {
	switch name {
	case "sha-256":
		return crypto.SHA256, true
	case "sha-384":
		return crypto.SHA384, true
	case "sha-512":
		return crypto.SHA512, true
	}
	return 0, false
}

// Parse reads an SD-JWT or SD-JWT+KB within limits: the compact serialisation of RFC 9901 section 4, or, if it begins with "{", the
// JWS JSON serialisation of section 8, flattened or general. It keeps a copy of sdjwt. Errors are *Error.
func Parse(sdjwt []byte, l Limits) (*Unverified, error) {
	l = l.orDefault()
	if len(sdjwt) > l.Bytes {
		return nil, &Error{Reason: TooLarge}
	}
	u := &Unverified{limits: l}
	if t := bytes.TrimLeft(sdjwt, " \t\r\n"); len(t) > 0 && t[0] == '{' {
		if err := u.parseJSON(sdjwt); err != nil {
			return nil, err
		}
		return u, nil
	}
	if err := u.parseCompact(sdjwt); err != nil {
		return nil, err
	}
	return u, nil
}

// parseCompact copies sdjwt and decodes it. Nothing is allocated for a stranger that is not in proportion to what he sent.
func (u *Unverified) parseCompact(sdjwt []byte) error {
	first := bytes.IndexByte(sdjwt, '~')
	if first < 0 {
		return &Error{Reason: Malformed}
	}
	count := bytes.Count(sdjwt, []byte{'~'}) - 1
	if count > u.limits.Disclosures {
		return &Error{Reason: TooManyDisclosures}
	}
	// One piece of memory for the text and all that is decoded from it: what is decoded is shorter than what it came from.
	buf := append(make([]byte, 0, len(sdjwt)+base64.RawURLEncoding.DecodedLen(len(sdjwt))), sdjwt...)
	u.text = buf[:len(sdjwt):len(sdjwt)]
	free := buf[len(sdjwt):]
	payload, free, err := u.first[0].split(u.text[:first], free)
	if err != nil {
		return err
	}
	if err := u.readPayload(payload); err != nil {
		return err
	}
	u.disclosures = make([]piece, count)
	u.decoded = free[len(free):]
	at := first + 1
	for i := range u.disclosures {
		n := bytes.IndexByte(u.text[at:], '~')
		if n == 0 {
			return &Error{Reason: Malformed}
		}
		p := piece{from: uint32(at), to: uint32(at + n), rawFrom: uint32(len(u.decoded))}
		var ok bool
		if u.decoded, ok = strictjson.AppendBase64URL(u.decoded, u.text[at:at+n]); !ok {
			return &Error{Reason: BadEncoding}
		}
		p.rawTo = uint32(len(u.decoded))
		u.disclosures[i] = p
		at += n + 1
	}
	if u.bound = at < len(u.text); u.bound {
		free = u.decoded[len(u.decoded):]
		u.decoded = u.decoded[:len(u.decoded):len(u.decoded)]
		_, _, err = u.binding.split(u.text[at:], free)
	}
	return err
}

// Format implements fmt.Formatter, because fmt would print the claims.
func (u Unverified) Format(f fmt.State, _ rune) { fmt.Fprint(f, "unverified SD-JWT") }

func (u *Unverified) readPayload(raw []byte) (err error) {
	if u.payload, err = strictjson.Parse(raw, strictjson.Limits{Bytes: u.limits.Bytes, Depth: u.limits.Depth}); err != nil {
		return jsonReason(err)
	}
	if u.payload.Kind() != strictjson.Object {
		return &Error{Reason: BadJSON}
	}
	u.hash = crypto.SHA256
	if alg := u.payload.Get("_sd_alg"); alg.Exists() {
		name, isText := alg.Text()
		var ok bool
		if u.hash, ok = hashByName(name); !ok || !isText {
			return &Error{Reason: HashUnsupported}
		}
	}
	return nil
}

// split takes the compact serialisation of a JWS apart (RFC 7515 section 7.1) and decodes it into free.
func (s *Signature) split(jws, free []byte) (payload, rest []byte, err error) {
	a := bytes.IndexByte(jws, '.')
	b := bytes.LastIndexByte(jws, '.')
	if a <= 0 || a+1 >= b || b+1 >= len(jws) || bytes.IndexByte(jws[a+1:b], '.') >= 0 {
		return nil, free, &Error{Reason: Malformed}
	}
	var parts [3][]byte
	for i, text := range [3][]byte{jws[:a], jws[a+1 : b], jws[b+1:]} {
		var ok bool
		from := len(free)
		if free, ok = strictjson.AppendBase64URL(free, text); !ok {
			return nil, free, &Error{Reason: BadEncoding}
		}
		parts[i] = free[from:len(free):len(free)]
	}
	*s = Signature{Protected: parts[0], Input: jws[:b:b], Value: parts[2]}
	return parts[1], free, nil
}

// Signatures returns the issuer's signatures. In the compact serialisation there is one. Its parts must not be changed. Each of several
// has its own copy of the payload in Input: Verify makes them one at a time.
func (u *Unverified) Signatures() []Signature {
	if u.form == nil {
		return u.first[:]
	}
	out := make([]Signature, len(u.form.signatures))
	for i := range out {
		out[i] = u.signature(i)
	}
	return out
}

func (u *Unverified) signature(i int) Signature {
	if i == 0 {
		return u.first[0]
	}
	s := u.form.signatures[i].Signature
	s.Input = u.form.input(i)
	return s
}

// Headers returns the protected headers of the signatures for package credential, which needs no more to look for a key.
func (u *Unverified) Headers(strictjson.Inside) [][]byte {
	if u.form == nil {
		return [][]byte{u.first[0].Protected}
	}
	out := make([][]byte, len(u.form.signatures))
	for i, s := range u.form.signatures {
		out[i] = s.Protected
	}
	return out
}

// KeyBinding returns the signature of the key binding JWT, and the hash that its sd_hash claim must have (RFC 9901 section 4.3.1);
// ok is false if there is no key binding JWT.
func (u *Unverified) KeyBinding() (s Signature, sdHash []byte, ok bool) {
	if !u.bound {
		return Signature{}, nil, false
	}
	end := len(u.text) - len(u.binding.Input) - 1 - encodedLen(len(u.binding.Value))
	sum := hashOf(u.hash, u.text[:end])
	return u.binding, sum[:u.hash.Size()], true
}

// Hash returns the hash function that digests and sd_hash are taken with.
func (u *Unverified) Hash() crypto.Hash { return u.hash }

func encodedLen(n int) int { return (n*8 + 5) / 6 }

// Payload lets package credential look for the issuer, whose key is needed before anything can be verified.
func (u *Unverified) Payload(strictjson.Inside) strictjson.Value { return u.payload }

// Verify asks check about the issuer's signature and then processes the disclosures (RFC 9901 section 7.1 steps 2 to 5). Of several
// signatures (section 8.3) one that check agrees to is enough; check is called for each in turn until it agrees, and its first error
// is returned as it is if it never does. Other errors are *Error. Nothing of what was disclosed is looked at before check has agreed.
func (u *Unverified) Verify(check func(Signature) error) (*Verified, error) {
	err := check(u.first[0])
	if err != nil && u.form != nil {
		for i := 1; i < len(u.form.signatures); i++ {
			if check(u.signature(i)) == nil {
				err = nil
				break
			}
		}
	}
	if err != nil {
		return nil, err
	}
	t, err := u.process()
	if err != nil {
		return nil, err
	}
	return &Verified{t}, nil
}
