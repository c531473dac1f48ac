package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/khyer/khyer/testvectors"
)

//go:generate go run . -o .

// entry is a demand and what holds it.
type entry struct {
	found
	To      string   `json:"to"`                // who is addressed
	Demand  string   `json:"demand"`            // in our words
	Vectors []string `json:"vectors,omitempty"` // names of vectors
	Tests   []string `json:"tests,omitempty"`   // <folder>.<name> of Go tests, for what no vector can show
	NotOurs string   `json:"not_ours,omitempty"`
}

// roles are those whom the standards address.
var roles = []string{"issuer", "holder", "verifier", "recipient", "consumer", "publisher", "application", "ecosystem", "everybody"}

// document and section of an id.
func (e entry) place() (document, string) {
	for _, d := range documents {
		if rest, ok := strings.CutPrefix(e.ID, d.short+"-"); ok {
			section, _, _ := strings.Cut(rest, "-")
			return d, section
		}
	}
	return document{}, ""
}

func load(path string) (out []entry, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	err = d.Decode(&out)
	return out, err
}

func save(path string, entries []entry) error {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(entries); err != nil {
		return err
	}
	return os.WriteFile(path, buf.Bytes(), 0o644)
}

// merge keeps what people wrote. An entry follows its sentence: the hash decides, and the id among sentences of one hash.
func merge(entries []entry, all []found) []entry {
	byID, byHash := map[string]entry{}, map[string]entry{}
	for _, e := range entries {
		byID[e.ID+e.Hash], byHash[e.Hash+e.Keyword] = e, e
	}
	out := make([]entry, len(all))
	for i, f := range all {
		e, ok := byID[f.ID+f.Hash]
		if !ok {
			e = byHash[f.Hash+f.Keyword]
		}
		e.found = f
		out[i] = e
	}
	return out
}

// scope is a section that a vector names.
type scope struct{ doc, section string }

var sectionNumber = regexp.MustCompile(`^\d+(\.\d+)*`)

// scopes reads the section of a vector, "RFC 9901 7.3 step 5.7, 4.3.1; SD-JWT VC 2.5": what has no name belongs to the one before it.
func scopes(section string) (out []scope) {
	doc := ""
	for _, part := range strings.FieldsFunc(section, func(r rune) bool { return r == ',' || r == ';' }) {
		part = strings.TrimSpace(part)
		if !sectionNumber.MatchString(part) {
			doc = ""
			for _, d := range documents {
				if rest, ok := strings.CutPrefix(part, d.name+" "); ok {
					doc, part = d.short, rest
				}
			}
		}
		if number := sectionNumber.FindString(part); doc != "" && number != "" {
			out = append(out, scope{doc, number})
		}
	}
	return out
}

func vectors() (map[string]testvectors.Vector, error) {
	all, err := testvectors.Vectors()
	out := map[string]testvectors.Vector{}
	for _, v := range all {
		out[v.Name] = v
	}
	return out, err
}

// count says how many entries are held by what.
type count struct{ total, byVectors, byTests, notOurs int }

func (e entry) add(c *count) {
	c.total++
	switch {
	case len(e.Vectors) > 0:
		c.byVectors++
	case len(e.Tests) > 0:
		c.byTests++
	case e.NotOurs != "":
		c.notOurs++
	}
}

// table writes REQUIREMENTS.md.
func table(entries []entry, all map[string]testvectors.Vector) []byte {
	var b bytes.Buffer
	b.WriteString("# What the standards demand, and what holds it\n\n" +
		"Made by `go generate ./testvectors/requirements` from `requirements.json`; do not edit.\n\n" +
		"A row is one keyword MUST, MUST NOT or REQUIRED of BCP 14 (neither text uses SHALL), or one step of a list that such a keyword\n" +
		"introduces. *Line* is that of the keyword in the text that the hash in `requirements.json` was taken from. The words are ours; the\n" +
		"standard's count. A row is held by vectors (names in `testvectors/vectors`), by Go tests where a vector cannot show it, or is not this\n" +
		"library's to keep, with the reason.\n\n")
	b.WriteString("| document | rows | with vectors | with tests only | not ours |\n|---|---|---|---|---|\n")
	var sum count
	for _, d := range documents {
		var c count
		for _, e := range entries {
			if in, _ := e.place(); in.short == d.short {
				e.add(&c)
				e.add(&sum)
			}
		}
		fmt.Fprintf(&b, "| %s | %d | %d | %d | %d |\n", d.title, c.total, c.byVectors, c.byTests, c.notOurs)
	}
	fmt.Fprintf(&b, "| both | %d | %d | %d | %d |\n", sum.total, sum.byVectors, sum.byTests, sum.notOurs)
	for _, d := range documents {
		fmt.Fprintf(&b, "\n## %s\n", d.title)
		last := ""
		for _, e := range entries {
			in, section := e.place()
			if in.short != d.short {
				continue
			}
			if section != last {
				fmt.Fprintf(&b, "\n### %s\n\n| id | line | | to | demand | held by |\n|---|---|---|---|---|---|\n", section)
				last = section
			}
			keyword := e.Keyword
			if e.Step != "" {
				keyword += " (step " + e.Step + ")"
			}
			fmt.Fprintf(&b, "| %s | %d | %s | %s | %s | %s |\n", e.ID, e.Line, keyword, e.To, cell(e.Demand), e.holders(all))
		}
	}
	return b.Bytes()
}

func (e entry) holders(all map[string]testvectors.Vector) string {
	var out []string
	for _, name := range e.Vectors {
		out = append(out, fmt.Sprintf("[%s](../vectors/%s.json)", name, name))
	}
	for _, name := range e.Tests {
		out = append(out, "`"+name+"`")
	}
	if e.NotOurs != "" {
		out = append(out, "*not ours:* "+cell(e.NotOurs))
	}
	return strings.Join(out, "<br>")
}

func cell(s string) string { return strings.ReplaceAll(s, "|", "\\|") }

// faults returns what is wrong with the entries themselves; without the texts.
func faults(entries []entry, all map[string]testvectors.Vector, exists func(test string) bool) (out []string) {
	say := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	seen, used, demanding := map[string]bool{}, map[string]bool{}, map[scope]bool{}
	for _, e := range entries {
		doc, section := e.place()
		if doc.short == "" || seen[e.ID] {
			say("%s: the id is of no document, or there twice", e.ID)
		}
		seen[e.ID], demanding[scope{doc.short, section}] = true, true
		if !slices.Contains(roles, e.To) || e.Demand == "" {
			say("%s: it does not say who is addressed, or what is demanded", e.ID)
		}
		held := len(e.Vectors) + len(e.Tests)
		if held == 0 && e.NotOurs == "" {
			say("%s: no vector, no test and no reason why it is not ours", e.ID)
		}
		if held > 0 && e.NotOurs != "" {
			say("%s: it is held and not ours at once", e.ID)
		}
		declared := len(e.Vectors) == 0
		for _, name := range e.Vectors {
			v, ok := all[name]
			if !ok {
				say("%s: there is no vector %s", e.ID, name)
			}
			used[name] = true
			declared = declared || slices.Contains(scopes(v.Section), scope{doc.short, section})
		}
		if !declared {
			say("%s: none of its vectors names %s %s", e.ID, doc.name, section)
		}
		for _, name := range e.Tests {
			if !exists(name) {
				say("%s: there is no test %s", e.ID, name)
			}
		}
	}
	for name, v := range all {
		if slices.ContainsFunc(scopes(v.Section), func(s scope) bool { return demanding[s] }) && !used[name] {
			say("%s names %q and stands in no row of the table", name, v.Section)
		}
	}
	slices.Sort(out)
	return out
}

// differences compares the entries with the demands of the texts.
func differences(entries []entry, all []found) (out []string) {
	texts := map[string]found{}
	for _, f := range all {
		texts[f.ID] = f
	}
	for _, e := range entries {
		f, ok := texts[e.ID]
		switch {
		case !ok:
			out = append(out, e.ID+": the text has no such demand")
		case f.Hash != e.Hash || f.Keyword != e.Keyword || f.Step != e.Step:
			out = append(out, e.ID+": the text says something else now")
		case f.Line != e.Line:
			out = append(out, fmt.Sprintf("%s: the text has it in line %d, not %d", e.ID, f.Line, e.Line))
		}
		delete(texts, e.ID)
	}
	for id, f := range texts {
		out = append(out, fmt.Sprintf("%s (line %d): no entry", id, f.Line))
	}
	slices.Sort(out)
	return out
}
