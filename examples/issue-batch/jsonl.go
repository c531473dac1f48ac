package main

import (
	"bytes"
	"encoding/json"
	"io"
	"unicode/utf8"
)

// jsonParser reads a JSON line. encoding/json takes the last of two members with one name and any letter case for a known one; here
// both are faults. What is in claims is read by the catalogue, which is as strict.
type jsonParser struct{ status bool }

func (p jsonParser) parse(line []byte) (r record, _ *fault) {
	r.status = -1
	if !utf8.Valid(line) {
		return r, &fault{"", rowEncoding}
	}
	m, f := members(line)
	// The reference first and in any case, so that the error about a faulty row can say whose it is.
	if f2 := r.setReference(m.text(fieldReference)); f2 != nil {
		if raw := m[fieldReference]; len(raw) > 0 && raw[0] != '"' {
			f2.Reason = referenceMalformed
		}
		if f == nil {
			f = f2
		}
	}
	if f != nil {
		return r, f
	}
	unbound := false
	switch string(m[fieldUnbound]) {
	case "", "false":
	case "true":
		unbound = true
	default:
		return r, &fault{fieldUnbound, unboundMalformed}
	}
	holder := m.text(fieldHolder)
	if raw := m[fieldHolder]; len(raw) > 0 && holder == "" {
		holder = string(raw) // a JWK stands as an object; what is no object either is refused as malformed
	}
	if f := r.setHolder(holder, unbound); f != nil {
		return r, f
	}
	switch raw, ok := m[fieldStatus]; {
	case ok && !p.status:
		return r, &fault{fieldStatus, rowMember}
	case !ok && p.status:
		return r, &fault{fieldStatus, statusMissing}
	case ok:
		if r.status, ok = index(string(raw)); !ok {
			return r, &fault{fieldStatus, statusMalformed}
		}
	}
	r.claims = m[fieldClaims]
	return r, nil
}

type object map[string]json.RawMessage

// text returns a member that is a string, or nothing.
func (m object) text(name string) (s string) {
	if raw := m[name]; len(raw) > 0 && raw[0] == '"' {
		_ = json.Unmarshal(raw, &s) // it has been read as JSON once
	}
	return s
}

// members reads an object of known members. With a fault it returns what it has read.
func members(line []byte) (object, *fault) {
	m := object{}
	d := json.NewDecoder(bytes.NewReader(line))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return m, &fault{"", rowMalformed}
	}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return m, &fault{"", rowMalformed}
		}
		name, _ := t.(string)
		switch name {
		case fieldReference, fieldHolder, fieldUnbound, fieldStatus, fieldClaims:
		default:
			return m, &fault{"", rowMember}
		}
		if _, twice := m[name]; twice {
			return m, &fault{name, rowRepeats}
		}
		var raw json.RawMessage
		if err := d.Decode(&raw); err != nil {
			return m, &fault{name, rowMalformed}
		}
		m[name] = raw
	}
	if _, err := d.Token(); err != nil {
		return m, &fault{"", rowMalformed}
	}
	if _, err := d.Token(); err != io.EOF {
		return m, &fault{"", rowMalformed} // something behind the object
	}
	return m, nil
}
