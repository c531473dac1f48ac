package main

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/khyer/khyer/did/didethr/anchor"
)

// page is what is printed on. Colours and progress are for terminals.
type page struct {
	out, err io.Writer
	colours  bool // on out
	live     bool // err is a terminal: progress overwrites itself
	said     string
}

func newPage(out, err *os.File) *page {
	return &page{out: out, err: err, live: terminal(err), colours: terminal(out) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"}
}

func terminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

const clearLine = "\r\x1b[K"

// progress says what is going on: one line that changes on a terminal, a line for each step elsewhere.
func (p *page) progress(text string) {
	switch {
	case p.err == nil || text == p.said:
	case p.live:
		fmt.Fprint(p.err, clearLine, "… ", text)
	case text != "":
		fmt.Fprintln(p.err, "…", text)
	}
	p.said = text
}

// transaction is progress of what is written.
func (p *page) transaction(t anchor.Progress) {
	switch t.Stage {
	case anchor.Sending:
		p.progress(fmt.Sprintf("handing in transaction 0x%x", t.Tx))
	case anchor.Replacing:
		p.progress(fmt.Sprintf("no block takes it: handing it in again for a higher fee, as 0x%x", t.Tx))
	case anchor.InBlock:
		p.progress(fmt.Sprintf("transaction 0x%x is in block %d", t.Tx, t.Block))
	case anchor.Finalizing:
		p.progress(fmt.Sprintf("waiting for block %d to be final: at %d", t.Block, t.Reached))
	}
}

// settled takes the line of progress away.
func (p *page) settled() {
	if p.live && p.said != "" {
		fmt.Fprint(p.err, clearLine)
	}
	p.said = ""
}

func (p *page) line(format string, args ...any) { fmt.Fprintf(p.out, format+"\n", args...) }

// style is a colour of a terminal (ECMA-48, select graphic rendition).
type style string

const (
	plain  style = ""
	bold   style = "1"
	dim    style = "2"
	red    style = "31"
	green  style = "32"
	yellow style = "33"
)

func (p *page) paint(s style, text string) string {
	if !p.colours || s == plain {
		return text
	}
	return "\x1b[" + string(s) + "m" + text + "\x1b[0m"
}

// cell is a text in a grid.
type cell struct {
	text  string
	style style
}

func cells(s style, texts ...string) (row []cell) {
	for _, t := range texts {
		row = append(row, cell{t, s})
	}
	return row
}

// grid draws rows in columns, two spaces apart. The last cell of a row may be as long as it likes.
func (p *page) grid(rows [][]cell) {
	var widths []int
	for _, row := range rows {
		for i := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			if i < len(row)-1 {
				widths[i] = max(widths[i], utf8.RuneCountInString(row[i].text))
			}
		}
	}
	for _, row := range rows {
		var b strings.Builder
		for i, c := range row {
			b.WriteString("  " + p.paint(c.style, c.text))
			if i < len(row)-1 {
				b.WriteString(strings.Repeat(" ", widths[i]-utf8.RuneCountInString(c.text)))
			}
		}
		fmt.Fprintln(p.out, b.String())
	}
	fmt.Fprintln(p.out)
}

// Text from a chain or a node is a stranger's. A terminal obeys control characters, and some others turn the direction of a line around
// or are not seen: all of these are written as escapes, and long texts are cut.
const (
	longestText  = 120 // characters, as written
	longestError = 600
	longestPile  = 4 // marks on one letter; Dzongkha needs three
)

func safe(s string, longest int) string {
	var b strings.Builder
	pile, written := 0, 0
	for len(s) > 0 {
		r, size := utf8.DecodeRuneInString(s)
		if pile++; !unicode.Is(unicode.M, r) {
			pile = 0
		}
		text := s[:size]
		if r == utf8.RuneError && size == 1 || !unicode.IsPrint(r) || pile > longestPile {
			text = strconv.QuoteToASCII(text)
			text = text[1 : len(text)-1]
		}
		if written += utf8.RuneCountInString(text); written > longest {
			fmt.Fprintf(&b, "… (%d bytes more)", len(s))
			break
		}
		b.WriteString(text)
		s = s[size:]
	}
	return b.String()
}

// ends shows the two ends of what is long and says little.
func ends(s string) string {
	if len(s) < 16 {
		return s
	}
	return s[:6] + "…" + s[len(s)-4:]
}
