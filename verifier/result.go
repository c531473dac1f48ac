package verifier

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/khyer/khyer/credential/status"
	"github.com/khyer/khyer/did"
	"github.com/khyer/khyer/disclosure"
	"github.com/khyer/khyer/internal/strictjson"
	"github.com/khyer/khyer/verifier/trust"
)

// Result is an accepted presentation. Everything in it was verified. It is read-only and safe for concurrent use.
type Result struct {
	Cards []Card
	// Skipped names the checks that an Insecure field turned off.
	Skipped []Reason
	At      time.Time
}

func (r *Result) skip(what Reason) {
	if !slices.Contains(r.Skipped, what) {
		r.Skipped = append(r.Skipped, what)
	}
}

// Text is Card.Text of the only card. The error is a *Misuse, also if there are several cards.
func (r *Result) Text(path ...any) (string, error) {
	if r == nil || len(r.Cards) != 1 {
		return "", &Misuse{"Result.Text needs exactly one card"}
	}
	return r.Cards[0].Text(path...)
}

// Card is one accepted card. Printing or logging it shows no claim.
type Card struct {
	Query      string // the credential query that it answers, with VerifyAnswer
	Type       string // vct
	Issuer     string // iss; for a card without it, the name in the certificate that the trust source knows
	IssuerName string // as the trust source has it
	// Mechanism is how the issuer's key was found, and KeyID which it is: the DID URL of a verification method, or else the RFC 7638
	// thumbprint of the key.
	Mechanism trust.Mechanism
	KeyID     string
	// Status is nil if nobody looked whether the card was revoked: it names no status list and its issuer's trust entry does not say
	// StatusRequired, or the list was not asked, which Result.Skipped tells.
	Status   *status.Value
	StatusAt time.Time  // when the status list was signed
	SignedAt time.Time  // iat, as the issuer says; zero if it does not
	Expires  time.Time  // exp; zero if there is none
	Anchor   did.Anchor // where and when the issuer's DID was read; zero for other mechanisms
	// Surplus are the paths of claims that were shown without having been asked for. Their values were dropped.
	Surplus []disclosure.Path
	// Concealed is how many digests had no disclosure: claims that stayed hidden (and decoys, if the issuer added any).
	Concealed int
	// Transactions are the indexes of the strings of Expect.TransactionData that the holder authorized with this card.
	Transactions []int

	claims []shown
}

type shown struct {
	path  disclosure.Path
	value json.RawMessage
}

// Claim returns a claim that was asked for, or something inside one, as the issuer wrote it.
func (c Card) Claim(p disclosure.Path) (json.RawMessage, bool) {
	for _, s := range c.claims {
		if len(s.path) > len(p) || !slices.Equal(s.path, p[:len(s.path)]) {
			continue
		}
		if len(s.path) == len(p) {
			return slices.Clone(s.value), true
		}
		if slices.Contains(s.path, nil) {
			continue // the value is a list of what was found, which the rest of p does not fit
		}
		if v, ok := inside(s.value, p[len(s.path):]); ok {
			return v, true
		}
	}
	return nil, false
}

// Text returns a claim that is a JSON string. The error is a *Misuse if the claim was not asked for, or is no string.
func (c Card) Text(path ...any) (string, error) {
	raw, ok := c.Claim(path)
	if !ok {
		return "", &Misuse{"the claim " + disclosure.Path(path).String() + " was not asked for"}
	}
	var s string
	if err := json.Unmarshal(raw, &s); err != nil || raw[0] != '"' {
		return "", &Misuse{"the claim " + disclosure.Path(path).String() + " is no text"}
	}
	return s, nil
}

func inside(raw json.RawMessage, p disclosure.Path) (json.RawMessage, bool) {
	v, err := strictjson.Parse(raw, strictjson.Limits{Bytes: len(raw), Depth: 1 << 10})
	if err != nil {
		return nil, false
	}
	for _, e := range p {
		switch e := e.(type) {
		case string:
			v = v.Get(e)
		case int:
			v = v.At(e)
		default:
			return nil, false
		}
	}
	return slices.Clone(v.Raw()), v.Exists()
}

// LogValue implements slog.LogValuer without any claim.
func (c Card) LogValue() slog.Value {
	return slog.GroupValue(slog.String("type", c.Type), slog.String("issuer", c.Issuer), slog.String("key", c.KeyID),
		slog.Uint64("block", c.Anchor.Block), slog.Int("claims", len(c.claims)), slog.Int("surplus", len(c.Surplus)))
}

// Format implements fmt.Formatter, because fmt would print unexported fields.
func (c Card) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "card of type %s from %s (%d claims)", c.Type, c.Issuer, len(c.claims))
}
