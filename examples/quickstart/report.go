package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
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
	Refused  []refusal  `json:"refused"`
	// NoBirthDate tells, for each agency that never asked for it, that the date of birth is nowhere in what it received.
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

type refusal struct {
	What    string          `json:"what"`
	Verdict string          `json:"verdict"`
	Reason  verifier.Reason `json:"reason"`
}

func (l *ledger) report(issuers ...*issuer) *report {
	r := &report{ChangeAt: asksLine}
	r.Chain.ID, r.Chain.Embedded, r.Chain.Finality = l.registry.Network().ChainID, l.embedded != nil, l.finality
	r.Chain.Registry = l.registry.Network().Registry.String()
	for _, i := range issuers {
		r.Issuers = append(r.Issuers, anchored{i.Name, i.DID, i.last.Block})
	}
	return r
}

func (r *report) accepted(a agency, res *verifier.Result, presentation []byte) {
	card := res.Cards[0]
	s := showing{Agency: a.Name, Concealed: card.Concealed, Issuer: card.Issuer, SignedBy: card.IssuerName, KeyID: card.KeyID, Block: card.Anchor.Block, Finality: card.Anchor.Tag}
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

// rejected verifies a presentation that must be rejected for one reason.
func (r *report) rejected(ctx context.Context, what string, v *verifier.Verifier, presentation []byte, e verifier.Expect, want verifier.Reason) error {
	_, err := v.Verify(ctx, presentation, e)
	var rej *verifier.Rejection
	if !errors.As(err, &rej) || rej.Reason != want {
		return fmt.Errorf("%s: got %v, want rejected: %s", what, err, want)
	}
	r.Refused = append(r.Refused, refusal{what, "rejected", rej.Reason})
	return nil
}

// printer writes for people or for programs. Colours are for terminals only, and not where NO_COLOR is set.
type printer struct {
	w             io.Writer
	json, colours bool
}

func newPrinter(f *os.File, asJSON bool) *printer {
	info, err := f.Stat()
	terminal := err == nil && info.Mode()&os.ModeCharDevice != 0
	return &printer{f, asJSON, terminal && !asJSON && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"}
}

func (p *printer) progress(text string) {
	if !p.json {
		fmt.Fprintln(os.Stderr, "…", text)
	}
}

func (p *printer) paint(colour, text string) string {
	if !p.colours {
		return text
	}
	return "\x1b[" + colour + "m" + text + "\x1b[0m"
}

const (
	green  = "32"
	red    = "31"
	yellow = "33"
	bold   = "1"
)

func (p *printer) print(r *report) error {
	if p.json {
		enc := json.NewEncoder(p.w)
		enc.SetIndent("", "  ")
		return enc.Encode(r)
	}
	where := "an external chain"
	if r.Chain.Embedded {
		where = "a chain embedded in this program"
	}
	fmt.Fprintf(p.w, "\n%s %d, %s; registry %s, read at %q\n", p.paint(bold, "Chain"), r.Chain.ID, where, short(r.Chain.Registry), r.Chain.Finality)
	for _, i := range r.Issuers {
		fmt.Fprintf(p.w, "  %-26s %-34s anchored in block %d\n", i.Name, short(i.DID), i.Block)
	}
	fmt.Fprintf(p.w, "\n%s\n", p.paint(bold, "Asked, shown, verified"))
	for _, s := range r.Accepted {
		mark := p.paint(green, "✓")
		for n, c := range s.Claims {
			left, right := "", ""
			switch n {
			case 0:
				left, right = s.Agency, fmt.Sprintf("%2d stayed hidden, signed by %s", s.Concealed, s.SignedBy)
			case 1:
				right = fmt.Sprintf("%s, checked at block %d (%s)", short(s.Issuer), s.Block, s.Finality)
			}
			fmt.Fprintf(p.w, "%s %-17s %-26s %s\n", mark, left, c.String(), right)
			mark = " "
		}
	}
	for _, name := range r.NoBirthDate {
		fmt.Fprintf(p.w, "  %s never saw the date of birth.\n", name)
	}
	if len(r.Refused) > 0 {
		fmt.Fprintf(p.w, "\n%s\n", p.paint(bold, "Refused"))
	}
	for _, f := range r.Refused {
		mark, verdict := p.paint(red, "✗"), p.paint(red, string(f.Reason))
		if f.Verdict == "inconclusive" {
			mark, verdict = p.paint(yellow, "?"), p.paint(yellow, string(f.Reason)+": could not be checked, try again")
		}
		fmt.Fprintf(p.w, "%s %-62s %s\n", mark, f.What, verdict)
	}
	_, err := fmt.Fprintf(p.w, "\nNow change what is asked: %s\n", r.ChangeAt)
	return err
}

// short shows the two ends of a long hexadecimal number.
func short(s string) string {
	i := strings.LastIndex(s, "0x")
	if i < 0 || len(s)-i < 16 {
		return s
	}
	return s[:i+6] + "…" + s[len(s)-4:]
}
