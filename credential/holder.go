package credential

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"github.com/khyer/khyer/did/pubkey"
	"github.com/khyer/khyer/disclosure"
	"github.com/khyer/khyer/internal/strictjson"
)

// Holder holds the private key that cards are bound to. It is safe for concurrent use if its Signer is.
type Holder struct{ signer pubkey.Signer }

// NewHolder makes a holder. Its methods fail if s is nil.
func NewHolder(s pubkey.Signer) *Holder { return &Holder{s} }

// Held is a card that a holder has received and verified. It is read-only.
type Held struct {
	Verified *Verified
	u        *disclosure.Unverified
	body     *disclosure.Verified // what u was read as, whatever a caller puts into Verified
	sdjwt    []byte
}

// Format implements fmt.Formatter, because fmt would print the claims.
func (h Held) Format(f fmt.State, _ rune) { fmt.Fprint(f, "held card") }

// Bytes returns the card as it was received, to be stored.
func (h *Held) Bytes() []byte { return append([]byte(nil), h.sdjwt...) }

// Receive checks a card when it arrives (RFC 9901 section 7.2): the issuer's signature, that every disclosure has its place, that it
// is valid at now, that it carries no key binding, and that it is bound to this holder's key. A stored card is received again.
// Errors are *disclosure.Error.
func (h *Holder) Receive(sdjwt []byte, issuer pubkey.Key, now time.Time) (*Held, error) {
	if h == nil || h.signer == nil {
		return nil, failAt(CallerFault, "Holder")
	}
	p, err := Parse(sdjwt, SDJWTVC, disclosure.Limits{Bytes: 16 << 20, Disclosures: 100_000})
	if err != nil {
		return nil, err
	}
	if p.binding != nil {
		return nil, fail(disclosure.KeyBindingPresent)
	}
	b := Binding{InsecureUnbound: true, receiving: true}
	v, err := p.Verify(issuer, b, now)
	if errors.Is(err, SignatureInvalid) || errors.Is(err, AlgorithmMismatch) {
		for _, q := range p.Others(strictjson.Inside{}) { // of several signatures one by this key is enough, whatever it calls the key
			if other, e := q.Verify(issuer, b, now); e == nil {
				v, err = other, nil
				break
			}
		}
	}
	if err != nil {
		return nil, err
	}
	if v.Holder.IsZero() {
		return nil, fail(HolderKeyMissing)
	}
	if !v.Holder.Equal(h.signer.Public()) {
		return nil, fail(HolderKeyMismatch)
	}
	return &Held{Verified: v, u: p.u, body: v.Body, sdjwt: append([]byte(nil), sdjwt...)}, nil
}

// Showing says what is shown to whom.
type Showing struct {
	Reveal          []disclosure.Path // see disclosure.Unverified.Select
	Audience, Nonce string            // what the verifier sent; required
	At              time.Time         // becomes iat of the key binding; required
	// TransactionHashes are hashes of what the holder authorizes with the card (OpenID4VP 1.0 appendix B.3.3.1), in base64url, at most 64, and
	// TransactionAlgorithm is the name of their algorithm, empty where the request named none and it is sha-256. Verified.TransactionHashes reads them.
	TransactionHashes    []string
	TransactionAlgorithm string
}

// Present returns a presentation (SD-JWT+KB): the issuer-signed part as it was received, the disclosures that Reveal needs, and a
// key binding for one audience and nonce (RFC 9901 section 4.3). Errors are *disclosure.Error; NoSuchClaim names the path.
func (h *Holder) Present(ctx context.Context, card *Held, s Showing) ([]byte, error) {
	if card == nil || card.u == nil {
		return nil, failAt(CallerFault, "card")
	}
	return present(ctx, h, card.u, card.body, s)
}

// PresentSDJWT is Present for an SD-JWT of any type that the holder has not received with Receive and does not vouch for.
func (h *Holder) PresentSDJWT(ctx context.Context, sdjwt []byte, s Showing) ([]byte, error) {
	u, err := disclosure.Parse(sdjwt, disclosure.Limits{Bytes: 16 << 20, Disclosures: 100_000})
	if err != nil {
		return nil, err
	}
	if _, _, ok := u.KeyBinding(); ok {
		return nil, fail(disclosure.KeyBindingPresent)
	}
	return present(ctx, h, u, nil, s)
}

// kbRoom is about what a key binding needs beside audience and nonce.
const kbRoom = 400

func present(ctx context.Context, h *Holder, u *disclosure.Unverified, v *disclosure.Verified, s Showing) ([]byte, error) {
	switch {
	case h == nil || h.signer == nil:
		return nil, failAt(CallerFault, "Holder")
	case s.Audience == "":
		return nil, failAt(CallerFault, "Audience")
	case s.Nonce == "":
		return nil, failAt(CallerFault, "Nonce")
	case s.At.IsZero():
		return nil, failAt(CallerFault, "At")
	case len(s.TransactionHashes) > maxTransactions, len(s.TransactionHashes) == 0 && s.TransactionAlgorithm != "":
		return nil, failAt(CallerFault, "TransactionHashes")
	}
	algs := h.signer.Public().Algorithms()
	if len(algs) == 0 {
		return nil, fail(AlgorithmUnsupported)
	}
	shown, err := u.Reveal(strictjson.Inside{}, v, s.Reveal, kbRoom+2*(len(s.Audience)+len(s.Nonce))+100*len(s.TransactionHashes))
	if err != nil {
		return nil, err
	}
	hash := u.Hash().New()
	hash.Write(shown)
	claims := object("aud", s.Audience, "nonce", s.Nonce, "sd_hash", base64.RawURLEncoding.EncodeToString(hash.Sum(nil)))
	claims = appendNumber(claims[:len(claims)-1], `,"iat":`, s.At)
	claims = append(appendTransactions(claims, s.TransactionHashes, s.TransactionAlgorithm), '}')
	header := object("alg", string(algs[0]), "typ", typKB)
	if shown, err = appendJWS(shown, ctx, h.signer, algs[0], header, claims); err != nil {
		return nil, err
	}
	return u.Restore(strictjson.Inside{}, shown), nil
}
