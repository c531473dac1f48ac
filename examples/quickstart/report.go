package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"runtime"
	"strings"

	"github.com/khyer/khyer/disclosure"
	"github.com/khyer/khyer/verifier"
)

// report is what happened, and with -json what is printed.
type report struct {
	Chain struct {
		ID       uint64 `json:"id"`
		Embedded bool   `json:"embedded"`
		Registry string `json:"registry"`
		Finality string `json:"finality"`
	} `json:"chain"`
	Issuers  []anchored `json:"issuers"`
	Accepted []showing  `json:"accepted"`
	Refused  []*refusal `json:"refused"`
	// NoBirthDate names the agencies that received the date of birth nowhere.
	NoBirthDate []string `json:"never_saw_the_date_of_birth"`
	ChangeAt    string   `json:"change_the_claims_at"`
}

type anchored struct {
	Name  string `json:"name"`
	DID   string `json:"did"`
	Block uint64 `json:"block"`
}

type showing struct {
	Agency    string  `json:"agency"`
	Claims    []claim `json:"claims"`
	Concealed int     `json:"concealed"`
	Issuer    string  `json:"issuer"`
	SignedBy  string  `json:"signed_by"`
	KeyID     string  `json:"key_id"`
	Block     uint64  `json:"checked_at_block"`
	Finality  string  `json:"finality"`
}

type claim struct {
	Path  disclosure.Path `json:"path"`
	Value json.RawMessage `json:"value"`
}

// String writes the claim as a person would.
func (c claim) String() string {
	name := c.Path.String()
	if s, ok := c.Path[0].(string); ok && len(c.Path) == 1 {
		name = s
	}
	return name + ": " + strings.Trim(string(c.Value), `"`)
}

// refusal is the outcome of an attempt that must not be accepted.
type refusal struct {
	What    string          `json:"what"`
	Verdict string          `json:"verdict"` // accepted, rejected, inconclusive
	Reason  verifier.Reason `json:"reason"`
	Meaning string          `json:"meaning"`
	Want    verifier.Reason `json:"want"`
	Again   string          `json:"again,omitempty"` // the verdict when the same was tried again later
}

func (l *ledger) report(issuers ...*issuer) *report {
	r := &report{ChangeAt: changeHere}
	r.Chain.ID, r.Chain.Embedded, r.Chain.Finality = l.registry.Network().ChainID, l.embedded != nil, l.finality
	r.Chain.Registry = l.registry.Network().Registry.String()
	for _, i := range issuers {
		r.Issuers = append(r.Issuers, anchored{i.Name, i.DID, i.last.Block})
	}
	return r
}

func (r *report) accepted(a *agency, res *verifier.Result, presentation []byte) {
	card := res.Cards[0]
	s := showing{
		Agency: a.Name, Concealed: card.Concealed, Issuer: card.Issuer, SignedBy: card.IssuerName, KeyID: card.KeyID,
		Block: card.Anchor.Block, Finality: card.Anchor.Tag,
	}
	for _, p := range a.Claims {
		value, _ := card.Claim(p)
		s.Claims = append(s.Claims, claim{p, value})
	}
	r.Accepted = append(r.Accepted, s)
	if !received(presentation, birthDate) {
		r.NoBirthDate = append(r.NoBirthDate, a.Name)
	}
}

// received looks for a text in every part of a presentation, decoded.
func received(presentation []byte, text string) bool {
	for _, part := range bytes.FieldsFunc(presentation, func(c rune) bool { return c == '~' || c == '.' }) {
		raw, err := base64.RawURLEncoding.DecodeString(string(part))
		if err != nil || bytes.Contains(raw, []byte(text)) {
			return true // what cannot be looked into counts as seen
		}
	}
	return false
}

// refused verifies a presentation that must not be accepted, and for one reason.
func (r *report) refused(ctx context.Context, what string, v *verifier.Verifier, presentation []byte, e verifier.Expect, want verifier.Reason) *refusal {
	f := &refusal{What: what, Want: want}
	f.Verdict, f.Reason = outcome(v.Verify(ctx, presentation, e))
	f.Meaning = verifier.Describe(f.Reason).Meaning
	r.Refused = append(r.Refused, f)
	return f
}

// outcome tells the three outcomes apart.
func outcome(_ *verifier.Result, err error) (verdict string, reason verifier.Reason) {
	var rejected *verifier.Rejection
	var inconclusive *verifier.Inconclusive
	switch {
	case err == nil:
		return "accepted", ""
	case errors.As(err, &rejected):
		return "rejected", rejected.Reason
	case errors.As(err, &inconclusive):
		return "inconclusive", inconclusive.Reason
	}
	return "misuse", "" // a mistake of this program
}

// must returns the outcome that it must have.
func (f *refusal) must() string {
	if f.Want == verifier.ChainUnavailable {
		return "inconclusive " + string(f.Want)
	}
	return "rejected " + string(f.Want)
}

func (f *refusal) got() string { return strings.TrimSpace(f.Verdict + " " + string(f.Reason)) }

// asExpected tells whether the attempt failed as it must, and went well when it was tried again.
func (f *refusal) asExpected() bool {
	return f.got() == f.must() && (f.Again == "" || f.Again == "accepted")
}

// surprise returns an error if anything ended otherwise than it must.
func (r *report) surprise() error {
	var errs []error
	for _, f := range r.Refused {
		if !f.asExpected() {
			errs = append(errs, fmt.Errorf("%s: got %s, want %s", f.What, strings.TrimSpace(f.got()+" "+f.Again), f.must()))
		}
	}
	return errors.Join(errs...)
}

// nextLine names the line below the one that it is called from.
func nextLine() string {
	_, file, line, _ := runtime.Caller(1)
	return fmt.Sprintf("examples/quickstart/%s:%d", path.Base(file), line+1)
}
