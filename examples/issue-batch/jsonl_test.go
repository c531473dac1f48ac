package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"io"
	"math/rand/v2"
	"slices"
	"testing"
	"unicode/utf8"
)

// FuzzMembers holds the row reader against encoding/json: in what that takes for one object, both see the same parts, unless the row
// reader refuses for a reason of its own; and what a part holds is never more than one value.
func FuzzMembers(f *testing.F) {
	for _, s := range []string{
		`{"reference":"a","holder":{"x":[1,"}"]},"unbound":true,"claims":{"a":"\"}"}}`, ` {"claims" : [ ] } `, `{}`, `{"reference":"\u0061\\"}`, `{"reference":1e5,"unbound":null}`,
		`{"reference":"a","reference":"b"}`, `{"ref\u0065rence":"a"}`, `{"claims":[{]}`, `{"claims":{"a":1}}}`, `{"unbound":tru"e"}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		if bytes.ContainsAny(line, "\n") || !utf8.Valid(line) {
			return
		}
		var m members
		fault := m.read(line)
		var want map[string]json.RawMessage
		if json.Unmarshal(line, &want) != nil || want == nil {
			// No object: then a part is none either, or the fault is the row's.
			parts := [][]byte{m.reference, m.holder, m.unbound, m.status, m.claims}
			if fault == nil && !slices.ContainsFunc(parts, func(p []byte) bool { return p != nil && !json.Valid(p) }) {
				t.Fatalf("%q is no object and every part is good", line)
			}
			return
		}
		if fault != nil {
			if fault.Reason == rowMalformed && !deeper(line, 60) {
				t.Fatalf("%q is an object: %v", line, fault)
			}
			return
		}
		for name, raw := range want {
			part := m.part([]byte(name))
			if part == nil || !bytes.Equal(*part, raw) {
				t.Fatalf("%q: %q is %q, should be %q", line, name, *part, raw)
			}
		}
	})
}

func deeper(line []byte, than int) bool {
	return bytes.Count(line, []byte("{"))+bytes.Count(line, []byte("[")) > than
}

// Records are split, and refused, as encoding/csv does it.
func TestSplitAsCSV(t *testing.T) {
	p := (&columns{}).parser().(*csvParser)
	r := rand.New(rand.NewPCG(1, 2))
	plain, quoted, refused := 0, 0, 0
	for range 100_000 {
		line := make([]byte, r.IntN(14))
		for i := range line {
			line[i] = ",,, \tab\"\"\"\"\"\"\r#;"[r.IntN(16)]
		}
		cells, err := p.split(line)
		var got []string
		for _, cell := range cells {
			got = append(got, string(cell))
		}
		want, err2 := csv.NewReader(bytes.NewReader(line)).Read()
		if (err == nil) != (err2 == nil) || (err == io.EOF) != (err2 == io.EOF) || err == nil && !slices.Equal(got, want) {
			t.Fatalf("%q: %q (%v), should be %q (%v)", line, got, err, want, err2)
		}
		switch {
		case bytes.IndexByte(line, '\r') >= 0: // encoding/csv has split it
		case err != nil:
			refused++
		case bytes.IndexByte(line, '"') >= 0:
			quoted++
		default:
			plain++
		}
	}
	if plain < 1000 || quoted < 1000 || refused < 1000 {
		t.Errorf("only %d lines without quotes, %d with them, %d refused", plain, quoted, refused)
	}
}
