package status

import (
	"bytes"
	"compress/zlib"
	"context"
	"crypto/x509"
	"io"
	"math"
	"time"

	"github.com/khyer/khyer/did/pubkey"
	"github.com/khyer/khyer/internal/jws"
	"github.com/khyer/khyer/internal/strictjson"
)

// Reasons why a Status List Token was refused. They are about whoever serves the list and prove nothing about a card.
const (
	TokenMalformed     Reason = "status_token_malformed"             // no compact JWS of bounded size with the claims of section 5.1, each of its type
	TokenType          Reason = "status_token_type"                  // typ is not statuslist+jwt
	TokenHeader        Reason = "status_token_header"                // crit, b64, jwk, jku or x5u, or a known member in another case
	TokenAlgorithm     Reason = "status_token_algorithm_unsupported" // alg is none of ES256, ES384, ES256K, EdDSA
	TokenSignature     Reason = "status_token_signature_invalid"     // the signature is not the key's
	ListOfOtherURI     Reason = "status_list_of_other_uri"           // sub is not the URI that the card names
	ListOfOtherIssuer  Reason = "status_list_of_other_issuer"        // iss is there, and is another
	ListExpired        Reason = "status_list_expired"                // exp has passed
	ListFromTheFuture  Reason = "status_list_from_the_future"        // iat or nbf lies ahead
	ListMalformed      Reason = "status_list_malformed"              // lst is no base64url of one ZLIB stream, or bits does not fit its length
	ListTooLarge       Reason = "status_list_too_large"              // more than 16 MiB when inflated
	SigningKeyNotFit   Reason = "status_signer_unfit"                // when publishing: the signer has no algorithm, or its signature is not its own
	StatementMalformed Reason = "status_statement_malformed"         // when publishing: a field that no verifier would take
)

// Bounds of what a server may send. Sixteen MiB hold 134 million cards of one bit, or 16 million of eight.
const (
	maxToken    = 32 << 20
	maxInflated = 16 << 20
)

const tokenType = "statuslist+jwt"

// Token is a Status List Token (section 5.1) whose signature has not been checked: nothing can be read from it but the names of a key.
type Token struct {
	header    jws.Header
	input     []byte
	payload   []byte // encoded
	signature []byte
}

// ParseToken reads the header of a Status List Token in JWT form, of at most 32 MiB. It keeps token. Errors are a Reason.
func ParseToken(token []byte) (*Token, error) {
	if len(token) > maxToken {
		return nil, TokenMalformed
	}
	protected, input, payload, signature, ok := jws.Split(token)
	if !ok {
		return nil, TokenMalformed
	}
	h, err := jws.ReadHeader(protected)
	switch {
	case err != nil, h.ForeignKey:
		return nil, TokenHeader
	case h.Type != tokenType:
		return nil, TokenType
	case !h.KeyIDIsText:
		return nil, TokenHeader
	}
	switch pubkey.Algorithm(h.Algorithm) {
	case pubkey.ES256, pubkey.ES384, pubkey.ES256K, pubkey.EdDSA:
		return &Token{h, input, input[payload:], signature}, nil
	}
	return nil, TokenAlgorithm
}

// KeyID returns kid, which whoever made the token wrote; empty if there is none.
func (t *Token) KeyID() string { return t.header.KeyID }

// Chain parses the certificates of x5c, the one that signed first, and verifies nothing. It returns nil without an error if there are
// none. At most 8 of at most 8 KiB each are read; the error is TokenHeader.
func (t *Token) Chain() ([]*x509.Certificate, error) {
	if t.header.X5C == nil {
		return nil, nil
	}
	chain, ok := jws.Certificates(t.header.X5C)
	if !ok {
		return nil, TokenHeader
	}
	return chain, nil
}

// Want says which list is wanted.
type Want struct {
	URI string // as the card names it; required
	// Issuer is who signed it, to whom the key belongs. The token need not name an issuer; one that names another is refused.
	Issuer string
	Now    time.Time
	Skew   time.Duration // how far clocks may differ
}

// Verify checks the signature over the received bytes, then that the list is the one that is wanted and valid now (section 8.3), and
// inflates it. key must belong to whoever may publish that list: finding it, and knowing that, is the caller's part. Errors are a Reason.
func (t *Token) Verify(key pubkey.Key, w Want) (*List, error) {
	if err := key.Verify(pubkey.Algorithm(t.header.Algorithm), t.input, t.signature); err != nil {
		return nil, TokenSignature
	}
	payload, ok := strictjson.AppendBase64URL(make([]byte, 0, len(t.payload)*3/4+3), t.payload)
	if !ok {
		return nil, TokenMalformed
	}
	c, err := strictjson.Parse(payload, strictjson.Limits{Bytes: len(payload), Depth: 16})
	if err != nil || c.Kind() != strictjson.Object {
		return nil, TokenMalformed
	}
	l, err := readClaims(c, w)
	if err != nil {
		return nil, err
	}
	if err := l.inflate(c.Get("status_list").Get("lst")); err != nil {
		return nil, err
	}
	return l, nil
}

// readClaims reads everything but the list's bytes.
func readClaims(c strictjson.Value, w Want) (*List, error) {
	l := &List{}
	var starts time.Time
	var ok [8]bool
	l.URI, ok[0] = c.Get("sub").Text()
	l.Issued, ok[1] = date(c.Get("iat"))
	l.Expires, ok[2] = optionalDate(c.Get("exp"))
	starts, ok[3] = optionalDate(c.Get("nbf"))
	l.TTL, ok[4] = ttl(c.Get("ttl"))
	s := c.Get("status_list")
	ok[5] = s.Kind() == strictjson.Object && s.Get("lst").Kind() == strictjson.String
	bits, isInt := s.Get("bits").Int64()
	ok[6] = isInt
	l.Aggregation, ok[7] = optionalText(s.Get("aggregation_uri"))
	for _, good := range ok {
		if !good {
			return nil, TokenMalformed
		}
	}
	issuer, isText := optionalText(c.Get("iss"))
	switch bits {
	case 1, 2, 4, 8:
		l.bits = int(bits)
	default:
		return nil, BadBits
	}
	switch {
	case !isText:
		return nil, TokenMalformed
	case l.URI != w.URI || w.URI == "":
		return nil, ListOfOtherURI
	case issuer != "" && issuer != w.Issuer:
		return nil, ListOfOtherIssuer
	case !l.Expires.IsZero() && !w.Now.Before(l.Expires.Add(w.Skew)):
		return nil, ListExpired
	case l.Issued.After(w.Now.Add(w.Skew)), starts.After(w.Now.Add(w.Skew)):
		return nil, ListFromTheFuture
	}
	return l, nil
}

// inflate reads one ZLIB stream (RFC 1950) and nothing behind it.
func (l *List) inflate(lst strictjson.Value) error {
	text, plain := lst.Plain()
	if !plain {
		return ListMalformed // base64url needs no escape
	}
	packed, ok := strictjson.AppendBase64URL(make([]byte, 0, len(text)*3/4+3), text)
	if !ok {
		return ListMalformed
	}
	in := bytes.NewReader(packed)
	z, err := zlib.NewReader(in)
	if err != nil {
		return ListMalformed
	}
	// A list in which one card in a hundred is revoked grows twelvefold.
	data := bytes.NewBuffer(make([]byte, 0, min(16*len(packed), maxInflated)+bytes.MinRead))
	n, err := data.ReadFrom(io.LimitReader(z, maxInflated+1))
	switch {
	case n > maxInflated:
		return ListTooLarge
	case err != nil || in.Len() != 0 || n == 0:
		return ListMalformed
	}
	l.data = data.Bytes()
	return nil
}

const lastSecond = 253402300799 // the end of the year 9999

func date(v strictjson.Value) (time.Time, bool) {
	if n, ok := v.Int64(); ok {
		return time.Unix(n, 0).UTC(), n >= 0 && n <= lastSecond
	}
	f, ok := v.Float64() // RFC 7519 section 2: a NumericDate may have a fraction
	if !ok || f < 0 || f > lastSecond {
		return time.Time{}, false
	}
	whole, part := math.Modf(f)
	return time.Unix(int64(whole), int64(part*1e9)).UTC(), true
}

func optionalDate(v strictjson.Value) (time.Time, bool) {
	if !v.Exists() {
		return time.Time{}, true
	}
	return date(v)
}

func optionalText(v strictjson.Value) (string, bool) {
	if !v.Exists() {
		return "", true
	}
	return v.Text()
}

// ttl reads a positive number of seconds; more than a year means a year.
func ttl(v strictjson.Value) (time.Duration, bool) {
	if !v.Exists() {
		return 0, true
	}
	const longest = 366 * 24 * 3600
	f, ok := v.Float64()
	return time.Duration(min(f, longest) * float64(time.Second)), ok && f > 0
}

// Statement is what an issuer publishes about its cards at one URI.
type Statement struct {
	URI         string        // becomes sub; required
	Issued      time.Time     // iat, to the second; required
	Expires     time.Time     // exp; required: a list without an end could be shown for ever
	TTL         time.Duration // how long a verifier may keep it; whole seconds, zero to say nothing
	Aggregation string        // where the issuer lists its lists (section 9); may be empty
	Bits        int           // 1, 2, 4 or 8 for each card
	Data        []byte        // as NewList takes it; at least one byte, at most 16 MiB
}

// By says who signs a list, and where verifiers find the key: KeyID, or Chain, or both.
type By struct {
	Signer pubkey.Signer // required
	// KeyID becomes kid: for an issuer with a DID, "#" and the fragment, or the whole DID URL; for one with metadata, the kid of the key there.
	KeyID string
	// Chain becomes x5c: the certificate of the signer's key, then those that lead to the root, which is not among them.
	Chain []*x509.Certificate
}

// Sign makes a Status List Token. The signature is checked before it is returned. Errors are a Reason or the signer's.
func Sign(ctx context.Context, by By, s Statement) ([]byte, error) {
	if by.Signer == nil || len(by.Signer.Public().Algorithms()) == 0 {
		return nil, SigningKeyNotFit
	}
	payload, err := s.payload()
	if err != nil {
		return nil, err
	}
	key := by.Signer.Public()
	alg := key.Algorithms()[0]
	header, err := by.header(key, alg)
	if err != nil {
		return nil, err
	}
	token := appendBase64URL(nil, header)
	token = appendBase64URL(append(token, '.'), payload)
	sig, err := by.Signer.Sign(ctx, alg, token)
	if err != nil {
		return nil, err
	}
	if key.Verify(alg, token, sig) != nil {
		return nil, SigningKeyNotFit
	}
	return appendBase64URL(append(token, '.'), sig), nil
}
