package main

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/khyer/khyer/testvectors"
)

func entries(t *testing.T) []entry {
	t.Helper()
	out, err := load("requirements.json")
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func allVectors(t *testing.T) map[string]testvectors.Vector {
	t.Helper()
	all, err := vectors()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// specs returns the texts of the standards, or skips. They stand beside the published vectors and are not committed.
func specs(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("KHYER_VECTORS")
	if dir == "" {
		if os.Getenv("KHYER_REQUIRE") == "1" {
			t.Fatal("needs KHYER_VECTORS, the folder beside which the standards' texts are")
		}
		t.Skip("skipped: needs KHYER_VECTORS, the folder beside which the standards' texts are")
	}
	return filepath.Join(dir, "..", "specs")
}

// tests reads the names of the tests of a folder, once.
type tests map[string]map[string]bool

func (c tests) exists(t *testing.T, name string) bool {
	t.Helper()
	slash := strings.LastIndexByte(name, '/')
	dot := strings.IndexByte(name[slash+1:], '.')
	if dot < 0 {
		return false
	}
	folder, test := name[:slash+1+dot], name[slash+dot+2:]
	if c[folder] == nil {
		c[folder] = map[string]bool{}
		files, err := filepath.Glob(filepath.Join("..", "..", filepath.FromSlash(folder), "*_test.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range files {
			f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range f.Decls {
				if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && (strings.HasPrefix(fn.Name.Name, "Test") || strings.HasPrefix(fn.Name.Name, "Fuzz")) {
					c[folder][fn.Name.Name] = true
				}
			}
		}
	}
	return c[folder][test]
}

// TestEveryDemandIsHeld: each entry has vectors that exist, tests that exist, or the reason why it is not ours; and each vector that
// names one of the standards stands in the table.
func TestEveryDemandIsHeld(t *testing.T) {
	cache := tests{}
	list := entries(t)
	for _, f := range faults(list, allVectors(t), func(name string) bool { return cache.exists(t, name) }) {
		t.Error(f)
	}
	var c count
	for _, e := range list {
		e.add(&c)
	}
	t.Logf("%d demands: %d with vectors, %d with tests only, %d not ours", c.total, c.byVectors, c.byTests, c.notOurs)
}

// TestTableIsUpToDate holds REQUIREMENTS.md against requirements.json.
func TestTableIsUpToDate(t *testing.T) {
	got, err := os.ReadFile("REQUIREMENTS.md")
	if err != nil || !bytes.Equal(got, table(entries(t), allVectors(t))) {
		t.Errorf("REQUIREMENTS.md is not what requirements.json says (%v): go generate ./testvectors/requirements", err)
	}
}

// TestEntriesAreTheTextsDemands: an entry for each demand of the texts, with its line and hash, and no other.
func TestEntriesAreTheTextsDemands(t *testing.T) {
	all, err := read(specs(t))
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 200 {
		t.Errorf("only %d demands were found", len(all))
	}
	for _, d := range differences(entries(t), all) {
		t.Error(d)
	}
	// By another way: as many keywords as the sections in question have, read as words without regard to sentences.
	for _, d := range documents {
		text, err := os.ReadFile(filepath.Join(specs(t), d.file))
		if err != nil {
			t.Fatal(err)
		}
		want, got := 0, 0
		in := false
		for line := range strings.Lines(string(text)) {
			if m := regexp.MustCompile(`^(\d+|Appendix [A-Z])[. ]`).FindStringSubmatch(line); m != nil {
				in = false
				for _, s := range d.sections {
					in = in || m[1] == s
				}
			}
			if in {
				want += len(regexp.MustCompile(`\b(MUST|SHALL|REQUIRED)\b`).FindAllString(line, -1))
			}
		}
		for _, f := range all {
			if strings.HasPrefix(f.ID, d.short) && f.Keyword != step {
				got++
			}
		}
		if got != want || want == 0 {
			t.Errorf("%s: %d keywords in sentences, %d in the text", d.name, got, want)
		}
	}
}

// TestSectionsOfVectorsExist: what a vector says about where its rule stands can be looked up.
func TestSectionsOfVectorsExist(t *testing.T) {
	dir := specs(t)
	places := map[string]bool{}
	for _, d := range documents {
		text, err := os.ReadFile(filepath.Join(dir, d.file))
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range outline(string(text)) {
			places[d.name+" "+p] = true
		}
	}
	checked := 0
	for name, v := range allVectors(t) {
		doc := ""
		for _, part := range strings.FieldsFunc(v.Section, func(r rune) bool { return r == ',' || r == ';' }) {
			part = strings.TrimSpace(part)
			if sectionNumber.MatchString(part) {
				part = doc + part
			} else {
				doc = ""
				for _, d := range documents {
					if strings.HasPrefix(part, d.name+" ") {
						doc = d.name + " "
					}
				}
			}
			if doc == "" {
				continue
			}
			checked++
			if !places[part] {
				t.Errorf("%s: %s: there is no %s", name, v.Section, part)
			}
		}
	}
	if checked < 300 {
		t.Errorf("only %d sections were looked up", checked)
	}
}

const sample = `
1.  Scope

   A scope MUST NOT count.

4.  Form

   The form MUST
   NOT be odd (e.g. MUST it?).  Such as ... MUST be even.

   Readers MUST do the following:

   1.  Read.  That is easy.
   2.  Check:
       1.  That it is REQUIRED.
       2.  That it fits,
           well.
       3.  That it MAY fit.
   3.  Stop.

   Writers MAY do the following:

   *  Write.

4.1.  Details

   None.

5.  Example

   An example MUST NOT count.
`

// TestExtract: what is a demand and what is not.
func TestExtract(t *testing.T) {
	var got []string
	for _, f := range extract(document{short: "x", sections: []string{"4"}}, sample) {
		got = append(got, strings.TrimSpace(fmt.Sprintf("%s %s %d %s", f.ID, f.Step, f.Line, f.Keyword)))
	}
	want := []string{
		"x-4-1  8 MUST NOT", "x-4-2  9 MUST", "x-4-3  9 MUST", "x-4-4  11 MUST", "x-4-5 1 13 step", "x-4-6 2.1 15 REQUIRED",
		"x-4-7 2.2 16 step", "x-4-8 3 19 step",
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if a, b := extract(documents[0], sample), extract(documents[0], strings.ReplaceAll(sample, "That it fits,\n", "That it fits\n")); a[6].Hash == b[6].Hash || a[5].Hash != b[5].Hash {
		t.Error("the hash is not that of the sentence")
	}
	if p := outline(sample); fmt.Sprint(p) != "[1 4 4 step 1 4 step 2 4 step 2.1 4 step 2.2 4 step 2.3 4 step 3 4.1 5]" {
		t.Errorf("outline: %q", p)
	}
}

// TestFaultsAreFound breaks one entry after the other.
func TestFaultsAreFound(t *testing.T) {
	all := map[string]testvectors.Vector{"a/b": {Name: "a/b", Section: "RFC 9901 7.1 step 2, 4.1"}, "a/c": {Name: "a/c", Section: "RFC 7519 4.1"}}
	good := entry{found: found{ID: "rfc9901-4.1-1", Line: 7, Keyword: "MUST", Hash: "h"}, To: "issuer", Demand: "x", Vectors: []string{"a/b"}}
	exists := func(name string) bool { return name == "p.TestX" }
	if f := faults([]entry{good}, all, exists); len(f) > 0 {
		t.Fatal(f)
	}
	for _, c := range []struct {
		name, want string
		change     func(*entry)
	}{
		{"nothing holds it", "no vector, no test and no reason", func(e *entry) { e.Vectors = nil }},
		{"held and not ours", "held and not ours", func(e *entry) { e.NotOurs = "x" }},
		{"no such vector", "there is no vector a/d", func(e *entry) { e.Vectors = append(e.Vectors, "a/d") }},
		{"no such test", "there is no test p.TestY", func(e *entry) { e.Tests = []string{"p.TestY"} }},
		{"another section", "none of its vectors names RFC 9901 4.2", func(e *entry) { e.ID = "rfc9901-4.2-1" }},
		{"another standard's section", "none of its vectors names", func(e *entry) { e.Vectors = []string{"a/c"} }},
		{"nobody", "who is addressed", func(e *entry) { e.To = "" }},
		{"no document", "the id is of no document", func(e *entry) { e.ID = "rfc7519-4.1-1" }},
		{"a vector without a row", "a/b names", func(e *entry) { e.Vectors, e.NotOurs = nil, "x" }},
	} {
		e := good
		c.change(&e)
		if f := faults([]entry{e}, all, exists); !strings.Contains(strings.Join(f, "\n"), c.want) {
			t.Errorf("%s: %q", c.name, f)
		}
	}
	text := []found{good.found}
	for _, c := range []struct {
		want   string
		change func(*entry)
	}{
		{"no such demand", func(e *entry) { e.ID = "rfc9901-4.1-2" }}, {"no entry", func(e *entry) { e.ID = "rfc9901-4.1-2" }},
		{"says something else", func(e *entry) { e.Hash = "i" }}, {"in line 7, not 8", func(e *entry) { e.Line = 8 }},
	} {
		e := good
		c.change(&e)
		if d := differences([]entry{e}, text); !strings.Contains(strings.Join(d, "\n"), c.want) {
			t.Errorf("%q, want %s", d, c.want)
		}
	}
}
