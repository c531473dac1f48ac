package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"
)

// printer writes for people or for programs. Colours are for terminals only, and not where NO_COLOR is set.
type printer struct {
	w             io.Writer
	json, colours bool
	said          string // the last progress
}

func newPrinter(f *os.File, asJSON bool) *printer {
	info, err := f.Stat()
	terminal := err == nil && info.Mode()&os.ModeCharDevice != 0
	return &printer{w: f, json: asJSON, colours: terminal && !asJSON && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"}
}

func (p *printer) progress(text string) {
	if !p.json && text != p.said {
		p.said = text
		fmt.Fprintln(os.Stderr, "…", text)
	}
}

// The colours of a terminal.
const (
	bold   = "1"
	dim    = "2"
	red    = "31"
	green  = "32"
	yellow = "33"
)

func (p *printer) paint(colour, text string) string {
	if !p.colours || colour == "" || text == "" {
		return text
	}
	return "\x1b[" + colour + "m" + text + "\x1b[0m"
}

func (p *printer) print(r *report) error {
	if p.json {
		enc := json.NewEncoder(p.w)
		enc.SetIndent("", "  ")
		return enc.Encode(r)
	}
	where := "external"
	if r.Chain.Embedded {
		where = "embedded in this program"
	}
	fmt.Fprintf(p.w, "\nChain %d, %s, read at its %s block. Registry %s\n\n", r.Chain.ID, where, r.Chain.Finality, r.Chain.Registry)

	issuers := table{heads: []string{"Issuer", "DID", "Anchored"}}
	for _, i := range r.Issuers {
		issuers.add("", " ", i.Name, short(i.DID), fmt.Sprintf("in block %d", i.Block))
	}
	issuers.draw(p)

	shown := table{heads: []string{"Agency", "Asked and shown", "Hidden", "Signed by", "Checked"}}
	for _, s := range r.Accepted {
		var claims []string
		for _, c := range s.Claims {
			claims = append(claims, c.String())
		}
		shown.add(green, "✓", s.Agency, strings.Join(claims, "\n"), fmt.Sprintf("%d claims", s.Concealed), s.SignedBy+"\n"+short(s.Issuer),
			fmt.Sprintf("at block %d\n%s", s.Block, s.Finality))
	}
	shown.draw(p)
	if n := len(r.NoBirthDate); n > 0 {
		names := strings.Join(r.NoBirthDate, ", ")
		if i := strings.LastIndex(names, ", "); i > 0 {
			names = names[:i] + " and " + names[i+2:]
		}
		fmt.Fprintf(p.w, "%s\n\n", p.paint(bold, names+" never saw the date of birth."))
	}

	if len(r.Refused) > 0 {
		p.refusals(r.Refused)
	}
	_, err := fmt.Fprintf(p.w, "Now change what is asked: %s\n", r.ChangeAt)
	return err
}

func (p *printer) refusals(all []*refusal) {
	t := table{heads: []string{"Must fail", "Outcome", "Reason"}}
	for _, f := range all {
		reason := strings.Trim(string(f.Reason)+": "+f.Meaning, ": ")
		if f.Again != "" {
			reason += "\nthe same, when the chain answers: " + f.Again
		}
		switch {
		case !f.asExpected():
			t.add(red, "!", f.What, f.Verdict, strings.TrimPrefix(reason+"\n", "\n")+"WRONG: it must be "+f.must())
		case f.Verdict == "inconclusive":
			t.add(yellow, "?", f.What, f.Verdict, reason)
		default:
			t.add(red, "✗", f.What, f.Verdict, reason)
		}
	}
	t.draw(p)
}

// table is drawn in columns as wide as what stands in them. A cell may have several lines.
type table struct {
	heads []string
	rows  []row
}

type row struct {
	colour, mark string
	cells        []string
}

func (t *table) add(colour, mark string, cells ...string) {
	t.rows = append(t.rows, row{colour, mark, cells})
}

func (t *table) draw(p *printer) {
	widths := make([]int, len(t.heads))
	for _, cells := range append([]row{{cells: t.heads}}, t.rows...) {
		for n, cell := range cells.cells {
			for line := range strings.Lines(cell) {
				widths[n] = max(widths[n], utf8.RuneCountInString(strings.TrimSuffix(line, "\n")))
			}
		}
	}
	t.line(p, row{mark: " ", cells: t.heads}, widths, dim)
	for _, r := range t.rows {
		t.line(p, r, widths, "")
	}
	fmt.Fprintln(p.w)
}

// line draws one row, in one colour or with its first cell bold.
func (t *table) line(p *printer, r row, widths []int, colour string) {
	mark := r.mark
	for n, left := 0, true; left; n++ { // its lines, while a cell has any left
		left = false
		var b strings.Builder
		for column, cell := range r.cells {
			lines := strings.Split(cell, "\n")
			text := ""
			if n < len(lines) {
				text = lines[n]
			}
			left = left || n+1 < len(lines)
			paint := colour
			if column == 0 && colour == "" {
				paint = bold
			}
			b.WriteString("  " + p.paint(paint, text) + strings.Repeat(" ", widths[column]-utf8.RuneCountInString(text)))
		}
		fmt.Fprintf(p.w, "%s%s\n", p.paint(r.colour, mark), strings.TrimRight(b.String(), " "))
		mark = " "
	}
}

// short shows the two ends of a long hexadecimal number.
func short(s string) string {
	i := strings.LastIndex(s, "0x")
	if i < 0 || len(s)-i < 16 {
		return s
	}
	return s[:i+6] + "…" + s[len(s)-4:]
}
