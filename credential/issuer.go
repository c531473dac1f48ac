package credential

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/khyer/khyer/credential/status"
	"github.com/khyer/khyer/did/pubkey"
	"github.com/khyer/khyer/disclosure"
	"github.com/khyer/khyer/internal/strictjson"
)

// IssuerConfig says who issues. Verifiers know an issuer in one of three ways, and ID and Chain say which: by a DID, by JWT VC Issuer
// Metadata (ID is an https URL), or by certificates (Chain).
type IssuerConfig struct {
	// ID becomes iss. With Chain it may be empty: then the certificate alone says who the issuer is.
	ID string
	// KeyID becomes kid. For a DID it is required: ID + "#" + fragment, or "#" + fragment. For metadata it is the kid of the key in the
	// key set, and may be empty if that holds one key. With Chain it is empty.
	KeyID  string
	Signer pubkey.Signer    // holds the private key
	Now    func() time.Time // nil means time.Now
	// Chain becomes x5c (SD-JWT VC section 2.5): the certificate of the signer's key, then those that lead to the root. The root may not
	// be among them, nor any other that is self-signed.
	Chain []*x509.Certificate
}

// Issuer signs cards. It is safe for concurrent use if its Signer is.
type Issuer struct {
	c      IssuerConfig
	alg    pubkey.Algorithm
	header []byte // as every card begins: the header encoded, and the dot
	names  []byte // as every payload begins: iss if there is one, and the name of vct
}

// NewIssuer checks c: the signer's key must be one that signs, and ID, KeyID and Chain must fit together as a verifier will demand.
// Errors are *disclosure.Error.
func NewIssuer(c IssuerConfig) (*Issuer, error) {
	switch {
	case c.Signer == nil:
		return nil, failAt(CallerFault, "Signer")
	case c.ID == "" && len(c.Chain) == 0, !utf8.ValidString(c.ID):
		return nil, failAt(CallerFault, "ID")
	case !utf8.ValidString(c.KeyID):
		return nil, failAt(CallerFault, "KeyID")
	}
	algs := c.Signer.Public().Algorithms()
	if len(algs) == 0 {
		return nil, fail(AlgorithmUnsupported)
	}
	header, err := c.header(algs[0])
	if err != nil {
		return nil, err
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	names := []byte{'{'}
	if c.ID != "" {
		names = append(appendString(append(names, `"iss":`...), c.ID), ',')
	}
	return &Issuer{
		c: c, alg: algs[0], header: append(base64.RawURLEncoding.AppendEncode(nil, header), '.'), names: append(names, `"vct":`...),
	}, nil
}

func (c IssuerConfig) header(alg pubkey.Algorithm) ([]byte, error) {
	out := object("alg", string(alg), "typ", typVC)
	switch {
	case len(c.Chain) > 0:
		switch {
		case strings.HasPrefix(c.ID, "did:"):
			return nil, failAt(CallerFault, "ID")
		case c.KeyID != "":
			return nil, failAt(CallerFault, "KeyID")
		case slices.ContainsFunc(c.Chain, selfSigned):
			return nil, failAt(CallerFault, "Chain")
		}
		if leaf, err := pubkey.New(c.Chain[0].PublicKey); err != nil || !leaf.Equal(c.Signer.Public()) {
			return nil, failAt(CallerFault, "Chain")
		}
		out = append(out[:len(out)-1], `,"x5c":[`...)
		for n, cert := range c.Chain {
			if n > 0 {
				out = append(out, ',')
			}
			out = append(base64.StdEncoding.AppendEncode(append(out, '"'), cert.Raw), '"')
		}
		out = append(out, "]}"...)
		h, err := parseHeader(out)
		if err != nil {
			return nil, err // longer than any reader takes
		}
		_, err = Hint{x5c: h.x5c}.Chain()
		return out, err
	case strings.HasPrefix(c.ID, "https://"):
		if _, err := IssuerMetadataURL(c.ID); err != nil {
			return nil, err
		}
		if c.KeyID == "" {
			return out, nil
		}
	case !strings.HasPrefix(c.ID, "did:"):
		return nil, failAt(CallerFault, "ID")
	default:
		if _, err := (Hint{Issuer: c.ID, KeyID: c.KeyID}).VerificationMethod(); err != nil {
			return nil, err
		}
	}
	out = append(appendString(append(out[:len(out)-1], `,"kid":`...), c.KeyID), '}')
	return out, nil
}

// selfSigned tells what may not stand in x5c: a root, or a leaf that nobody vouches for (HAIP 1.0 section 6.1.1). Nor may nothing.
func selfSigned(c *x509.Certificate) bool {
	return c == nil || bytes.Equal(c.RawIssuer, c.RawSubject)
}

// Card is what an issuer puts into one credential.
type Card struct {
	Type      string          // vct
	Integrity string          // becomes vct#integrity unless empty: see the function Integrity
	Claims    json.RawMessage // a JSON object; its values are kept byte for byte
	Conceal   disclosure.ConcealOptions
	Holder    pubkey.Key        // becomes cnf; required unless InsecureUnbound
	NotBefore time.Time         // becomes nbf unless zero
	Expires   time.Time         // becomes exp unless zero; a date that has passed makes a card that is over
	Status    *status.Reference // becomes status unless nil

	// InsecureUnbound allows a card that whoever copies it can show.
	InsecureUnbound bool
}

// Issue signs a card and returns it as a compact SD-JWT. Times are whole seconds. Errors are *disclosure.Error (ClaimReserved and
// MustBePlain name the claim), or wrap SignerFailed and what the signer said.
func (i *Issuer) Issue(ctx context.Context, c Card) ([]byte, error) {
	now := i.c.Now()
	if err := c.check(); err != nil {
		return nil, err
	}
	hidesIssuedAt := false // which SD-JWT VC section 2.2.2.3 allows
	for _, p := range c.Conceal.Paths {
		if len(p) == 0 {
			continue // Conceal will say so
		}
		name, _ := p[0].(string)
		switch {
		case name == "iat":
			hidesIssuedAt = true
		case mustBePlain([]byte(name)):
			return nil, failAt(MustBePlain, name)
		}
	}
	var buf [1 << 10]byte
	before, claims, refuse := i.registered(buf[:0], c), []byte(c.Claims), refuseReserved
	if hidesIssuedAt {
		var err error
		if claims, err = withIssuedAt(claims, now); err != nil {
			return nil, err
		}
		refuse = nil // it has seen them
	} else {
		before = append(appendNumber(before, `"iat":`, now), ',')
	}
	text, signed, err := disclosure.ConcealBeside(strictjson.Inside{}, i.header, before, claims, c.Conceal, refuse, sigRoom)
	if err != nil {
		return nil, err
	}
	disclosures := text[signed+sigRoom:]
	out, err := signJWS(ctx, text[:signed:signed+sigRoom-1], 0, i.c.Signer, i.alg)
	if err != nil {
		return nil, err
	}
	if len(out) >= signed+sigRoom {
		return slices.Concat(out, []byte{'~'}, disclosures), nil // no algorithm has such signatures, but the signer is not ours
	}
	return append(append(text[:len(out)], '~'), disclosures...), nil
}

// check refuses what no reader would take.
func (c Card) check() error {
	date := func(t time.Time) bool { return t.IsZero() || t.Unix() >= 0 && t.Unix() <= lastSecond }
	switch {
	case c.Type == "" || !utf8.ValidString(c.Type):
		return failAt(CallerFault, "Type")
	case c.Holder.IsZero() != c.InsecureUnbound:
		return failAt(CallerFault, "Holder")
	case !date(c.NotBefore):
		return failAt(CallerFault, "NotBefore")
	case !date(c.Expires), !c.Expires.IsZero() && !c.Expires.After(c.NotBefore): // over before it begins
		return failAt(CallerFault, "Expires")
	case c.Status != nil && (c.Status.URI == "" || !utf8.ValidString(c.Status.URI) || c.Status.Index > math.MaxInt64):
		return failAt(CallerFault, "Status")
	case c.Integrity != "" && !isIntegrity(c.Integrity):
		return failAt(IntegrityMalformed, "Integrity")
	}
	return nil
}

// sigRoom is what the longest signature needs, encoded, with a dot before it and a tilde behind.
const sigRoom = 140

// refuseReserved refuses the names of claims that the issuer's own fields set.
func refuseReserved(name strictjson.Value) error {
	if text := name.Characters(); string(text) == "iat" || mustBePlain(text) {
		return failAt(ClaimReserved, string(text))
	}
	return nil
}

// registered begins the payload with the registered claims, each with a comma behind it.
func (i *Issuer) registered(out []byte, c Card) []byte {
	out = append(appendString(append(out, i.names...), c.Type), ',')
	if c.Integrity != "" {
		out = append(appendString(append(out, `"vct#integrity":`...), c.Integrity), ',')
	}
	if !c.NotBefore.IsZero() {
		out = append(appendNumber(out, `"nbf":`, c.NotBefore), ',')
	}
	if !c.Expires.IsZero() {
		out = append(appendNumber(out, `"exp":`, c.Expires), ',')
	}
	if !c.Holder.IsZero() {
		out = append(append(append(out, `"cnf":{"jwk":`...), c.Holder.JWK()...), "},"...)
	}
	if c.Status != nil {
		out = append(out, `"status":{"status_list":{"idx":`...)
		out = strconv.AppendUint(out, c.Status.Index, 10)
		out = append(out, `,"uri":`...)
		out = append(appendString(out, c.Status.URI), "}},"...)
	}
	return out
}

// withIssuedAt puts iat among the claims of the card, so that it can be concealed like one of them.
func withIssuedAt(claims []byte, now time.Time) ([]byte, error) {
	v, err := strictjson.Parse(claims, strictjson.Limits{Bytes: 1 << 30})
	if err != nil || v.Kind() != strictjson.Object {
		return nil, fail(disclosure.NothingToConceal)
	}
	for name := range v.Pairs() {
		if err := refuseReserved(name); err != nil {
			return nil, err
		}
	}
	out := appendNumber([]byte{'{'}, `"iat":`, now)
	if v.Len() > 0 {
		out = append(out, ',')
	}
	return append(out, v.Raw()[1:]...), nil
}

// Sign makes a compact SD-JWT of a payload and disclosures that disclosure.Conceal returned. The header is a JSON object without alg,
// which the signer's key fixes, and without crit. Issuer.Issue is the way to make an SD-JWT VC; Sign is for SD-JWTs of other types.
func Sign(ctx context.Context, s pubkey.Signer, header, payload json.RawMessage, disclosures []string) ([]byte, error) {
	if s == nil {
		return nil, failAt(CallerFault, "Signer")
	}
	algs := s.Public().Algorithms()
	if len(algs) == 0 {
		return nil, fail(AlgorithmUnsupported)
	}
	h, err := strictjson.Parse(header, strictjson.Limits{Bytes: 64 << 10})
	if err != nil || h.Kind() != strictjson.Object || h.Get("alg").Exists() {
		return nil, fail(HeaderMalformed)
	}
	full := object("alg", string(algs[0]))
	if h.Len() > 0 {
		full = append(append(full[:len(full)-1], ','), h.Raw()[1:]...)
	}
	if _, err := parseHeader(full); err != nil {
		return nil, err // crit, a second spelling: a card that nobody could read
	}
	size := 128 + (len(full)+len(payload))*4/3
	for _, d := range disclosures {
		size += len(d) + 1
	}
	out, err := appendJWS(make([]byte, 0, size), ctx, s, algs[0], full, payload)
	if err != nil {
		return nil, err
	}
	out = append(out, '~')
	for _, d := range disclosures {
		out = append(append(out, d...), '~')
	}
	return out, nil
}

func appendJWS(dst []byte, ctx context.Context, s pubkey.Signer, alg pubkey.Algorithm, header, payload []byte) ([]byte, error) {
	from := len(dst)
	dst = base64.RawURLEncoding.AppendEncode(dst, header)
	dst = append(dst, '.')
	return signJWS(ctx, base64.RawURLEncoding.AppendEncode(dst, payload), from, s, alg)
}

// signJWS appends the signature of what stands from from.
func signJWS(ctx context.Context, dst []byte, from int, s pubkey.Signer, alg pubkey.Algorithm) ([]byte, error) {
	sig, err := s.Sign(ctx, alg, dst[from:])
	if err != nil {
		return nil, &signerError{err}
	}
	return strictjson.AppendAsBase64URL(append(dst, '.'), sig), nil
}

// signerError keeps what an HSM or a KMS said, for those who run it.
type signerError struct{ err error }

func (e *signerError) Error() string {
	return "credential: " + string(SignerFailed) + ": " + e.err.Error()
}
func (e *signerError) Unwrap() []error { return []error{SignerFailed, e.err} }

// object writes a JSON object of string members.
func object(namesAndValues ...string) []byte {
	out := []byte{'{'}
	for i := 0; i < len(namesAndValues); i += 2 {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(appendString(out, namesAndValues[i]), ':')
		out = appendString(out, namesAndValues[i+1])
	}
	return append(out, '}')
}

// appendString appends a JSON string.
func appendString(dst []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < 0x20 || c > 0x7e || c == '"' || c == '\\' {
			b, _ := json.Marshal(s) // a string always marshals
			return append(dst, b...)
		}
	}
	return append(append(append(dst, '"'), s...), '"')
}

func appendNumber(dst []byte, name string, t time.Time) []byte {
	return strconv.AppendInt(append(dst, name...), t.Unix(), 10)
}
