package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"unicode/utf8"

	"github.com/khyer/khyer/credential/catalogue"
	"github.com/khyer/khyer/disclosure"
)

// columns is what a header says. It is read by all workers.
type columns struct {
	reference, holder, unbound, status int // -1: there is none
	claims                             []column
	count                              int
}

type column struct {
	at     int
	name   string // of the claim
	member []byte // the name as JSON, with its colon
	text   bool   // the cell is the value; otherwise it holds JSON
	maybe  bool   // the claim is not mandatory: an empty cell is none
}

// readHeader finds each column's place. What is wrong with a header is wrong with every row, so it is an error and no fault.
func readHeader(header []byte, kind *catalogue.Type, status bool) (*columns, error) {
	names, err := csv.NewReader(bytes.NewReader(header)).Read()
	if err != nil || !utf8.Valid(header) {
		return nil, errors.New("the CSV header is malformed or no UTF-8")
	}
	c := &columns{reference: -1, holder: -1, unbound: -1, status: -1, count: len(names)}
	known := map[string]*int{fieldReference: &c.reference, fieldHolder: &c.holder, fieldUnbound: &c.unbound, fieldStatus: &c.status}
	have := map[string]bool{}
	for i, name := range names {
		if have[name] {
			return nil, fmt.Errorf("the CSV header names %q twice", name)
		}
		have[name] = true
		if at := known[name]; at != nil {
			*at = i
			continue
		}
		claim, err := kind.Find(disclosure.Path{name})
		if err != nil {
			return nil, fmt.Errorf("the CSV header: %w", err) // which says what was probably meant
		}
		if claim.AgeOver != 0 {
			return nil, fmt.Errorf("the CSV header names %q, which is computed", name)
		}
		member, _ := json.Marshal(name) // a string always has an encoding
		c.claims = append(c.claims, column{
			at: i, name: name, member: append(member, ':'), maybe: !claim.Mandatory,
			text: claim.Format == catalogue.Text || claim.Format == catalogue.Date || claim.Format == catalogue.ISODate,
		})
	}
	return c, c.complete(kind, have, status)
}

func (c *columns) complete(kind *catalogue.Type, have map[string]bool, status bool) error {
	for _, claim := range kind.Claims {
		name, ok := claim.Path[0].(string)
		if ok && len(claim.Path) == 1 && claim.Mandatory && claim.AgeOver == 0 && !have[name] {
			return fmt.Errorf("the CSV header lacks the claim %q", name)
		}
	}
	switch {
	case c.reference < 0:
		return fmt.Errorf("the CSV header lacks %s", fieldReference)
	case c.holder < 0 && c.unbound < 0:
		return fmt.Errorf("the CSV header has neither %s nor %s", fieldHolder, fieldUnbound)
	case status != (c.status >= 0):
		return fmt.Errorf("%s and -status need each other", fieldStatus)
	}
	return nil
}

// csvParser gives encoding/csv one line after another. It belongs to one worker.
type csvParser struct {
	*columns
	line  *bytes.Reader
	csv   *csv.Reader
	cells [][]byte
	plain []byte // scratch: cells without their quotes
	text  []byte // scratch: claims
}

func (c *columns) parser() parser {
	p := &csvParser{columns: c, line: bytes.NewReader(nil)}
	p.csv = csv.NewReader(p.line)
	p.csv.ReuseRecord = true
	p.csv.FieldsPerRecord = -1 // counted here, where it is a fault of one row
	return p
}

func (p *csvParser) parse(line []byte) (r record, _ *fault) {
	r.status = -1
	if !utf8.Valid(line) {
		return r, &fault{"", rowEncoding}
	}
	cells, err := p.split(line)
	switch {
	case err == io.EOF: // an empty line
		return r, &fault{"", rowColumns}
	case err != nil:
		return r, &fault{"", rowMalformed}
	case len(cells) != p.count:
		return r, &fault{"", rowColumns}
	}
	if f := r.setReference(cells[p.reference]); f != nil {
		return r, f
	}
	unbound, ok := truth(p.cell(cells, p.unbound))
	if !ok {
		return r, &fault{fieldUnbound, unboundMalformed}
	}
	if f := r.setHolder(p.cell(cells, p.holder), unbound); f != nil {
		return r, f
	}
	if p.status >= 0 {
		if len(cells[p.status]) == 0 {
			return r, &fault{fieldStatus, statusMissing}
		}
		if r.status, ok = index(string(cells[p.status])); !ok {
			return r, &fault{fieldStatus, statusMalformed}
		}
	}
	var f *fault
	r.claims, f = p.object(cells)
	return r, f
}

// split takes a record apart, as encoding/csv would but without its copies. The cells are valid until the next call.
func (p *csvParser) split(line []byte) ([][]byte, error) {
	p.cells, p.plain = p.cells[:0], p.plain[:0]
	if len(line) == 0 || bytes.IndexByte(line, '\r') >= 0 { // rare
		p.line.Reset(line)
		cells, err := p.csv.Read()
		for _, cell := range cells {
			p.cells = append(p.cells, []byte(cell))
		}
		return p.cells, err
	}
	for rest := line; ; rest = rest[1:] {
		var cell []byte
		if len(rest) > 0 && rest[0] == '"' {
			var ok bool
			if cell, rest, ok = p.unquote(rest[1:]); !ok {
				return nil, csv.ErrQuote
			}
		} else {
			end := bytes.IndexByte(rest, ',')
			if end < 0 {
				end = len(rest)
			}
			if cell, rest = rest[:end], rest[end:]; bytes.IndexByte(cell, '"') >= 0 {
				return nil, csv.ErrBareQuote
			}
		}
		p.cells = append(p.cells, cell)
		if len(rest) == 0 {
			return p.cells, nil
		}
	}
}

// unquote returns a cell behind its first quote, and what follows it: nothing or a comma. Two quotes are one.
func (p *csvParser) unquote(text []byte) (cell, rest []byte, ok bool) {
	from := len(p.plain)
	for {
		end := bytes.IndexByte(text, '"')
		if end < 0 {
			return nil, nil, false
		}
		p.plain, rest = append(p.plain, text[:end]...), text[end+1:]
		if len(rest) == 0 || rest[0] != '"' {
			return p.plain[from:], rest, len(rest) == 0 || rest[0] == ','
		}
		p.plain, text = append(p.plain, '"'), rest[1:]
	}
}

func (p *csvParser) cell(cells [][]byte, at int) []byte {
	if at < 0 {
		return nil
	}
	return cells[at]
}

func truth(text []byte) (value, ok bool) {
	switch string(text) {
	case "true":
		return true, true
	case "false", "":
		return false, true
	}
	return false, false
}

// index reads a status index in its one spelling.
func index(text string) (int64, bool) {
	n, err := strconv.ParseInt(text, 10, 64)
	return n, err == nil && n >= 0 && strconv.FormatInt(n, 10) == text
}

// object writes the claims as JSON. What they must be, the catalogue checks; here a cell must not become more than one value.
func (p *csvParser) object(cells [][]byte) (json.RawMessage, *fault) {
	out := append(p.text[:0], '{')
	for _, c := range p.claims {
		cell := cells[c.at]
		if len(cell) == 0 && c.maybe {
			continue
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(out, c.member...)
		switch {
		case c.text:
			out = appendText(out, cell)
		case !json.Valid(cell):
			return nil, &fault{c.name, claimMalformed}
		default:
			out = append(out, cell...)
		}
	}
	p.text = append(out, '}')
	return p.text, nil
}

// appendText writes a JSON string.
func appendText(dst, s []byte) []byte {
	for i := range len(s) {
		if s[i] < ' ' || s[i] == '"' || s[i] == '\\' {
			quoted, _ := json.Marshal(string(s)) // a string always has an encoding
			return append(dst, quoted...)
		}
	}
	return append(append(append(dst, '"'), s...), '"')
}
