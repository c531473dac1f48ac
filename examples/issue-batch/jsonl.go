package main

import (
	"bytes"
	"encoding/json"
	"unicode/utf8"
)

// jsonParser reads a JSON line. encoding/json takes the last of two members with one name and any letter case for a known one; here
// both are faults. What is in a member is read by whoever it is for, all of whom are as strict: pubkey a holder, the catalogue claims.
type jsonParser struct{ status bool }

func (p jsonParser) parse(line []byte) (r record, _ *fault) {
	r.status = -1
	if !utf8.Valid(line) {
		return r, &fault{"", rowEncoding}
	}
	var m members
	f := m.read(line)
	// The reference first and in any case, so that the error about a faulty row can say whose it is.
	text, ok := characters(m.reference)
	f2 := r.setReference(text)
	if !ok && m.reference != nil {
		f2 = &fault{fieldReference, referenceMalformed}
	}
	if f == nil {
		f = f2
	}
	if f != nil {
		return r, f
	}
	unbound := false
	switch string(m.unbound) {
	case "", "false":
	case "true":
		unbound = true
	default:
		return r, &fault{fieldUnbound, unboundMalformed}
	}
	holder, ok := characters(m.holder)
	if !ok || len(holder) == 0 {
		holder = m.holder // a JWK stands as an object; what is no object either is refused as malformed
	}
	if f := r.setHolder(holder, unbound); f != nil {
		return r, f
	}
	switch {
	case m.status != nil && !p.status:
		return r, &fault{fieldStatus, rowMember}
	case m.status == nil && p.status:
		return r, &fault{fieldStatus, statusMissing}
	case m.status != nil:
		if r.status, ok = index(string(m.status)); !ok {
			return r, &fault{fieldStatus, statusMalformed}
		}
	}
	r.claims = m.claims
	return r, nil
}

// characters returns a string's, unless the value is none.
func characters(raw []byte) (text []byte, ok bool) {
	if len(raw) < 2 || raw[0] != '"' {
		return nil, false
	}
	for _, c := range raw[1 : len(raw)-1] {
		if c < ' ' || c == '\\' {
			var s string
			err := json.Unmarshal(raw, &s)
			return []byte(s), err == nil
		}
	}
	return raw[1 : len(raw)-1], true
}

// members are the parts of a row as they stand there, nil for one that is not there.
type members struct{ reference, holder, unbound, status, claims []byte }

func (m *members) part(name []byte) *[]byte {
	switch string(name) {
	case fieldReference:
		return &m.reference
	case fieldHolder:
		return &m.holder
	case fieldUnbound:
		return &m.unbound
	case fieldStatus:
		return &m.status
	case fieldClaims:
		return &m.claims
	}
	return nil
}

// read takes an object of known members apart. With a fault m holds what was read before it.
func (m *members) read(line []byte) *fault {
	at := space(line, 0)
	if at == len(line) || line[at] != '{' {
		return &fault{"", rowMalformed}
	}
	for at, first := space(line, at+1), true; ; first = false {
		if at < len(line) && line[at] == '}' && first {
			return ends(line, at+1)
		}
		end, ok := skip(line, at)
		if !ok {
			return &fault{"", rowMalformed}
		}
		name, ok := characters(line[at:end])
		if !ok {
			return &fault{"", rowMalformed}
		}
		part := m.part(name)
		switch {
		case part == nil:
			return &fault{meant(name), rowMember}
		case *part != nil:
			return &fault{string(name), rowRepeats}
		}
		if at = space(line, end); at == len(line) || line[at] != ':' {
			return &fault{string(name), rowMalformed}
		}
		at = space(line, at+1)
		if end, ok = skip(line, at); !ok {
			return &fault{string(name), rowMalformed}
		}
		*part = line[at:end]
		switch at = space(line, end); {
		case at < len(line) && line[at] == ',':
			at = space(line, at+1)
		case at < len(line) && line[at] == '}':
			return ends(line, at+1)
		default:
			return &fault{"", rowMalformed}
		}
	}
}

// meant returns the field that a name is in other letter case.
func meant(name []byte) string {
	if lower := bytes.ToLower(name); new(members).part(lower) != nil {
		return string(lower)
	}
	return ""
}

func ends(line []byte, at int) *fault {
	if space(line, at) < len(line) {
		return &fault{"", rowMalformed} // something behind the object
	}
	return nil
}

func space(line []byte, at int) int {
	for at < len(line) && (line[at] == ' ' || line[at] == '\t' || line[at] == '\r') {
		at++
	}
	return at
}

// skip returns the end of the value that begins at at. It sees where strings and brackets end, which is all that is needed to know
// where the value does: if it is JSON at all, it ends there.
func skip(line []byte, at int) (end int, ok bool) {
	const deepest = 64
	var open [deepest]byte
	depth := 0
	for from := at; at < len(line); {
		switch c := line[at]; c {
		case '"':
			if at = quoted(line, at); at < 0 {
				return 0, false
			}
		case '{', '[':
			if depth == deepest {
				return 0, false
			}
			open[depth] = c + 2 // the closing bracket, as ASCII has it
			depth++
			at++
			continue
		case '}', ']':
			if depth == 0 {
				return at, at > from // a number or a word ended before
			}
			if depth--; open[depth] != c {
				return 0, false
			}
			at++
		case ',', ':', ' ', '\t', '\r':
			if depth == 0 {
				return at, at > from
			}
			at++
			continue
		default:
			at++
			continue
		}
		if depth == 0 {
			return at, true
		}
	}
	return at, false
}

// quoted returns the end of the string that begins at at, or -1.
func quoted(line []byte, at int) int {
	for at++; ; {
		n := bytes.IndexByte(line[at:], '"')
		if n < 0 {
			return -1
		}
		at += n + 1
		slashes := 0
		for line[at-2-slashes] == '\\' {
			slashes++
		}
		if slashes%2 == 0 {
			return at
		}
	}
}
