package disclosure

import (
	"bytes"
	"crypto"
	_ "crypto/sha256" // the hash functions of section 4.1.1
	_ "crypto/sha512"
	"fmt"

	"github.com/khyer/khyer/internal/strictjson"
)

// Signature is a JWS signature as it was received: Protected is the decoded header, Input the bytes that were signed, Value the
// decoded signature.
type Signature struct{ Protected, Input, Value []byte }

// Unverified is a parsed SD-JWT or SD-JWT+KB whose signature nobody has checked. No claim can be read from it. It is read-only and
// safe for concurrent use.
type Unverified struct {
	text        []byte // all that came in
	issuer      Signature
	binding     *Signature
	payload     strictjson.Value
	hash        crypto.Hash
	disclosures [][]byte // as received, base64url
	limits      Limits
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

// Parse reads the compact serialisation of RFC 9901 section 4 within limits. It keeps a copy of sdjwt. Errors are *Error.
func Parse(sdjwt []byte, l Limits) (*Unverified, error) {
	l = l.orDefault()
	if len(sdjwt) > l.Bytes {
		return nil, &Error{Reason: TooLarge}
	}
	first := bytes.IndexByte(sdjwt, '~')
	if first < 0 {
		return nil, &Error{Reason: Malformed}
	}
	u := &Unverified{text: bytes.Clone(sdjwt), limits: l}
	jwt, rest := u.text[:first], u.text[first+1:]
	count := bytes.Count(rest, []byte{'~'})
	if count > l.Disclosures {
		return nil, &Error{Reason: TooManyDisclosures}
	}
	var err error
	if u.issuer, err = splitJWS(jwt); err != nil {
		return nil, err
	}
	u.disclosures = make([][]byte, 0, count)
	for range count {
		i := bytes.IndexByte(rest, '~')
		if i == 0 {
			return nil, &Error{Reason: Malformed}
		}
		if !strictjson.IsBase64URL(rest[:i]) {
			return nil, &Error{Reason: BadEncoding}
		}
		u.disclosures = append(u.disclosures, rest[:i])
		rest = rest[i+1:]
	}
	if len(rest) > 0 {
		kb, err := splitJWS(rest)
		if err != nil {
			return nil, err
		}
		u.binding = &kb
	}
	if err := u.readPayload(); err != nil {
		return nil, err
	}
	return u, nil
}

// Format implements fmt.Formatter, because fmt would print the claims.
func (u Unverified) Format(f fmt.State, _ rune) { fmt.Fprint(f, "unverified SD-JWT") }

func (u *Unverified) readPayload() error {
	dot := bytes.IndexByte(u.issuer.Input, '.')
	raw, ok := strictjson.AppendBase64URL(nil, u.issuer.Input[dot+1:])
	if !ok {
		return &Error{Reason: BadEncoding}
	}
	var err error
	if u.payload, err = strictjson.Parse(raw, strictjson.Limits{Bytes: u.limits.Bytes, Depth: u.limits.Depth}); err != nil {
		return jsonReason(err)
	}
	if u.payload.Kind() != strictjson.Object {
		return &Error{Reason: BadJSON}
	}
	u.hash = crypto.SHA256
	if alg := u.payload.Get("_sd_alg"); alg.Exists() {
		name, isText := alg.Text()
		if u.hash, ok = hashByName(name); !ok || !isText {
			return &Error{Reason: HashUnsupported}
		}
	}
	return nil
}

// splitJWS takes the compact serialisation of a JWS apart (RFC 7515 section 7.1).
func splitJWS(jws []byte) (Signature, error) {
	a := bytes.IndexByte(jws, '.')
	b := bytes.LastIndexByte(jws, '.')
	if a <= 0 || a+1 >= b || b+1 >= len(jws) || bytes.IndexByte(jws[a+1:b], '.') >= 0 {
		return Signature{}, &Error{Reason: Malformed}
	}
	header, ok := strictjson.AppendBase64URL(nil, jws[:a])
	value, ok2 := strictjson.AppendBase64URL(nil, jws[b+1:])
	if !ok || !ok2 || !strictjson.IsBase64URL(jws[a+1:b]) {
		return Signature{}, &Error{Reason: BadEncoding}
	}
	return Signature{Protected: header, Input: jws[:b:b], Value: value}, nil
}

// Signatures returns the issuer's signatures; in the compact serialisation there is one. Its parts must not be changed.
func (u *Unverified) Signatures() []Signature { return []Signature{u.issuer} }

// KeyBinding returns the signature of the key binding JWT, and the hash that its sd_hash claim must have (RFC 9901 section 4.3.1);
// ok is false if there is no key binding JWT.
func (u *Unverified) KeyBinding() (s Signature, sdHash []byte, ok bool) {
	if u.binding == nil {
		return Signature{}, nil, false
	}
	jwt := len(u.binding.Input) + 1 + encodedLen(len(u.binding.Value))
	return *u.binding, u.digest(u.text[:len(u.text)-jwt]), true
}

// Hash returns the hash function that digests and sd_hash are taken with.
func (u *Unverified) Hash() crypto.Hash { return u.hash }

func encodedLen(n int) int { return (n*8 + 5) / 6 }

func (u *Unverified) digest(text []byte) []byte {
	h := u.hash.New()
	h.Write(text)
	return h.Sum(nil)
}

// Payload lets package credential look for the issuer, whose key is needed before anything can be verified.
func (u *Unverified) Payload(strictjson.Inside) strictjson.Value { return u.payload }

// Verify asks check about the issuer's signature and then processes the disclosures (RFC 9901 section 7.1 steps 2 to 5). An error
// of check is returned as it is; others are *Error. Nothing of what was disclosed is looked at before check has agreed.
func (u *Unverified) Verify(check func(Signature) error) (*Verified, error) {
	if err := check(u.issuer); err != nil {
		return nil, err
	}
	t, err := u.process()
	if err != nil {
		return nil, err
	}
	return &Verified{t}, nil
}
