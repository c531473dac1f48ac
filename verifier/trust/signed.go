package trust

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/khyer/khyer/did/pubkey"
	"github.com/khyer/khyer/internal/jws"
	"github.com/khyer/khyer/internal/strictjson"
)

// Quorum is the governing body as it signs: Threshold of its Keys together. Numbers count the quorums that it has had, from 1.
type Quorum struct {
	Number    uint64
	Threshold int
	Keys      []pubkey.Key
}

const (
	maxQuorum     = 32
	maxQuorums    = 256 // in one file
	maxSignatures = 64
)

func (q Quorum) check() error {
	if q.Number == 0 || q.Threshold < 1 || q.Threshold > len(q.Keys) || len(q.Keys) > maxQuorum {
		return fmt.Errorf("trust: a quorum has a number from 1, at most %d keys, and a threshold that they reach", maxQuorum)
	}
	seen := map[string]bool{}
	for _, k := range q.Keys {
		if len(k.Algorithms()) == 0 || seen[k.Thumbprint()] {
			return errors.New("trust: a key of a quorum that cannot sign, or is there twice")
		}
		seen[k.Thumbprint()] = true
	}
	return nil
}

// Sealed is a payload with the signatures of officers, who may add theirs one after the other, each on his own machine: it travels as
// JSON (RFC 7515 section 7.2.1).
type Sealed struct {
	Payload    string          `json:"payload"`
	Signatures []SealSignature `json:"signatures"`
}

// SealSignature is one officer's signature.
type SealSignature struct {
	Protected string `json:"protected"`
	Signature string `json:"signature"`
}

// The types in the headers keep a quorum from being taken for a list.
const (
	typeList   = "khyer-trust-list+json"
	typeQuorum = "khyer-trust-quorum+json"
)

// SealDocument begins the signing of a document, which must be one that [ParseDocument] reads, with Sequence, Issued and Expires.
func SealDocument(document []byte) (*Sealed, error) {
	d, err := ParseDocument(document)
	if err == nil {
		err = d.checkSigned()
	}
	if err != nil {
		return nil, err
	}
	return &Sealed{Payload: base64.RawURLEncoding.EncodeToString(document)}, nil
}

// SealQuorum begins the signing of the next quorum, by the one before it.
func SealQuorum(next Quorum) (*Sealed, error) {
	if err := next.check(); err != nil {
		return nil, err
	}
	type quorum struct {
		Number    uint64            `json:"number"`
		Threshold int               `json:"threshold"`
		Keys      []json.RawMessage `json:"keys"`
	}
	q := quorum{next.Number, next.Threshold, nil}
	for _, k := range next.Keys {
		q.Keys = append(q.Keys, k.JWK())
	}
	payload, err := json.Marshal(q)
	if err != nil {
		return nil, err
	}
	return &Sealed{Payload: base64.RawURLEncoding.EncodeToString(payload)}, nil
}

// Sign adds an officer's signature. Whoever signs reads first what is in the payload.
func (s *Sealed) Sign(ctx context.Context, signer pubkey.Signer) error {
	payload, err := base64.RawURLEncoding.DecodeString(s.Payload)
	if err != nil || len(signer.Public().Algorithms()) == 0 {
		return errors.New("trust: no payload, or a key that cannot sign")
	}
	typ := typeQuorum
	if v, err := strictjson.Parse(payload, strictjson.Limits{Bytes: maxDocument, Depth: 16}); err == nil && v.Get("format").Exists() {
		typ = typeList
	}
	alg := signer.Public().Algorithms()[0]
	header, err := json.Marshal(map[string]string{"alg": string(alg), "kid": signer.Public().Thumbprint(), "typ": typ})
	if err != nil {
		return err
	}
	protected := base64.RawURLEncoding.EncodeToString(header)
	sig, err := signer.Sign(ctx, alg, []byte(protected+"."+s.Payload))
	if err != nil {
		return err
	}
	s.Signatures = append(s.Signatures, SealSignature{protected, base64.RawURLEncoding.EncodeToString(sig)})
	return nil
}

// SignedFile puts a list and every quorum since the first into the file that is published. Verifiers that have missed a quorum find it there.
func SignedFile(list *Sealed, quorums ...*Sealed) ([]byte, error) {
	return json.Marshal(struct {
		Quorums []*Sealed `json:"quorums"`
		List    *Sealed   `json:"list"`
	}{append([]*Sealed{}, quorums...), list})
}

// Signed follows the signed lists of a governing body: answers of a trust registry that can be verified, as the NDI Act 2023 wants them (section 93). It is
// not safe for concurrent use.
//
// A process opens it once, with [OpenSigned] of the State that it kept; at its first start there is none. For each file that it fetches it calls
// Accept, keeps the new State, and only then uses the document: the other way round, a process that ends in between would take an older list
// again after it had followed a newer one. Document.List goes to a [Live], which verifiers have.
type Signed struct {
	quorum   Quorum
	sequence uint64
	hash     [sha256.Size]byte // of the newest list
}

// NewSigned begins with a pinned quorum: the keys that a deployment was told by a way that it trusts.
func NewSigned(pinned Quorum) (*Signed, error) {
	if err := pinned.check(); err != nil {
		return nil, err
	}
	return &Signed{quorum: pinned}, nil
}

// Reasons for which a signed list is refused. They are errors of this package's caller, who reads the file; a verifier goes on with the list that it has.
var (
	ErrSignedForm = errors.New("trust: no signed list")
	ErrQuorum     = errors.New("trust: too few of the quorum's keys have signed")
	ErrRollback   = errors.New("trust: an older list than the one before, or another of the same sequence")
	ErrOutOfDate  = errors.New("trust: the list has expired, or comes from the future")
)

// Accept reads a signed file: it follows the quorums from the one that it knows to the newest, each signed by the one before, and takes
// the list if that quorum has signed it, it has not expired, and its sequence is not lower than that of the list before. Only if all is
// well does it remember the quorum and the sequence. skew is how far clocks may differ.
func (s *Signed) Accept(file []byte, now time.Time, skew time.Duration) (*Document, error) {
	v, err := strictjson.Parse(file, strictjson.Limits{Bytes: 2 * maxDocument, Depth: 16})
	quorums := v.Get("quorums")
	if err != nil || v.Kind() != strictjson.Object || quorums.Kind() != strictjson.Array || quorums.Len() > maxQuorums {
		return nil, ErrSignedForm
	}
	quorum := s.quorum
	for e := range quorums.Elements() {
		payload, err := payloadOf(e)
		if err != nil {
			return nil, err
		}
		next, err := readQuorum(payload)
		if err != nil {
			return nil, err
		}
		if next.Number <= quorum.Number {
			continue // known, or older than what was pinned
		}
		if next.Number != quorum.Number+1 {
			return nil, ErrQuorum
		}
		if err := quorum.verify(e, typeQuorum); err != nil {
			return nil, err
		}
		quorum = next
	}
	if err := quorum.verify(v.Get("list"), typeList); err != nil {
		return nil, err
	}
	payload, err := payloadOf(v.Get("list"))
	if err != nil {
		return nil, err
	}
	d, err := ParseDocument(payload)
	if err != nil {
		return nil, err
	}
	hash := sha256.Sum256(payload)
	switch {
	case d.checkSigned() != nil:
		return nil, ErrSignedForm
	case d.Sequence < s.sequence, d.Sequence == s.sequence && hash != s.hash:
		return nil, ErrRollback
	case !now.Before(d.Expires), d.Issued.After(now.Add(skew)):
		return nil, ErrOutOfDate
	}
	s.quorum, s.sequence, s.hash = quorum, d.Sequence, hash
	return d, nil
}

func (d *Document) checkSigned() error {
	if d.Sequence == 0 || d.Issued.IsZero() || !d.Expires.After(d.Issued) {
		return errors.New("trust: a signed document needs a sequence from 1, issued, and an expires after it")
	}
	return nil
}

func payloadOf(v strictjson.Value) ([]byte, error) {
	text, ok := v.Get("payload").Plain()
	if !ok {
		return nil, ErrSignedForm
	}
	payload, ok := strictjson.AppendBase64URL(nil, text)
	if !ok {
		return nil, ErrSignedForm
	}
	return payload, nil
}

func readQuorum(payload []byte) (q Quorum, err error) {
	v, err := strictjson.Parse(payload, strictjson.Limits{Bytes: 256 << 10, Depth: 8})
	number, ok1 := v.Get("number").Int64()
	threshold, ok2 := v.Get("threshold").Int64()
	keys := v.Get("keys")
	if err != nil || !ok1 || !ok2 || number < 1 || threshold < 1 || threshold > maxQuorum || keys.Kind() != strictjson.Array || keys.Len() > maxQuorum {
		return q, ErrSignedForm
	}
	q = Quorum{Number: uint64(number), Threshold: int(threshold)}
	for e := range keys.Elements() {
		k, err := pubkey.ParseJWK(e.Raw())
		if err != nil {
			return q, ErrSignedForm
		}
		q.Keys = append(q.Keys, k)
	}
	if q.check() != nil {
		return q, ErrSignedForm
	}
	return q, nil
}

// verify counts the keys of the quorum that have signed a sealed payload. Signatures of others are nothing; two of one key are one.
func (q Quorum) verify(sealed strictjson.Value, typ string) error {
	payload, ok := sealed.Get("payload").Plain()
	signatures := sealed.Get("signatures")
	if !ok || signatures.Kind() != strictjson.Array || signatures.Len() > maxSignatures {
		return ErrSignedForm
	}
	signed := map[string]bool{}
	for e := range signatures.Elements() {
		protected, ok1 := e.Get("protected").Plain()
		text, ok2 := e.Get("signature").Plain()
		raw, ok3 := strictjson.AppendBase64URL(nil, protected)
		sig, ok4 := strictjson.AppendBase64URL(nil, text)
		if !ok1 || !ok2 || !ok3 || !ok4 {
			return ErrSignedForm
		}
		h, err := jws.ReadHeader(raw)
		if err != nil || h.Type != typ || h.ForeignKey || h.X5C != nil {
			return ErrSignedForm
		}
		for _, k := range q.Keys {
			if k.Thumbprint() != h.KeyID || signed[h.KeyID] {
				continue
			}
			input := append(append(append([]byte{}, protected...), '.'), payload...)
			if k.Verify(pubkey.Algorithm(h.Algorithm), input, sig) == nil {
				signed[h.KeyID] = true
			}
		}
	}
	if len(signed) < q.Threshold {
		return ErrQuorum
	}
	return nil
}

// State is what [OpenSigned] goes on from. Keep it after every Accept that returned a document, before that is used, and write it whole or not at
// all (a new file, synced and renamed over the old one). It holds no secret, but the place must be one that nobody but the deployment writes
// to: whoever can take it away or put an older one there can roll the list back.
func (s *Signed) State() []byte {
	sealed, err := SealQuorum(s.quorum)
	if err != nil {
		panic("trust: a quorum that was checked")
	}
	out, err := json.Marshal(state{sealed.Payload, s.sequence, s.hash[:]})
	if err != nil {
		panic("trust: " + err.Error())
	}
	return out
}

type state struct {
	Quorum   string `json:"quorum"`
	Sequence uint64 `json:"sequence"`
	Hash     []byte `json:"hash"`
}

// OpenSigned goes on from a State. At the first start of a deployment there is none: with nil, which os.ReadFile gives for a file that is not there,
// it is NewSigned. It takes pinned if that is newer: whoever pins a new quorum means it. A State that is damaged, or empty as a file is that
// was cut short, is an error and never a first start.
func OpenSigned(kept []byte, pinned Quorum) (*Signed, error) {
	s, err := NewSigned(pinned)
	if err != nil {
		return nil, err
	}
	if kept == nil {
		return s, nil
	}
	var k state
	if json.Unmarshal(kept, &k) != nil || len(k.Hash) != len(s.hash) {
		return nil, errors.New("trust: the state is damaged")
	}
	payload, err := base64.RawURLEncoding.DecodeString(k.Quorum)
	if err != nil {
		return nil, errors.New("trust: the state is damaged")
	}
	q, err := readQuorum(payload)
	if err != nil {
		return nil, errors.New("trust: the state is damaged")
	}
	if q.Number > pinned.Number {
		s.quorum = q
	}
	s.sequence, s.hash = k.Sequence, [sha256.Size]byte(k.Hash)
	return s, nil
}
