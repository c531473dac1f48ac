package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// document is a standard that the table is about.
type document struct {
	short    string   // begins the ids
	name     string   // as vectors name it in "section"
	file     string   // its text, in the folder specs beside the published vectors
	title    string   // for the table
	sections []string // the top sections that bind somebody; the others are introduction, examples, registries, references
}

var documents = []document{
	{"rfc9901", "RFC 9901", "sd-jwt-rfc9901-as-draft22.txt", "RFC 9901, Selective Disclosure for JWTs", []string{"3", "4", "6", "7", "8", "9", "10"}},
	{"sd-jwt-vc", "SD-JWT VC", "sd-jwt-vc-draft19-wip.txt", "draft-ietf-oauth-sd-jwt-vc-19, SD-JWT-based Verifiable Digital Credentials", []string{"2", "3", "4", "5", "6", "7", "8"}},
}

// found is a demand as the text of a standard has it. Its words stay there: only their hash is kept.
type found struct {
	ID      string `json:"id"`             // document, section, running number in the section
	Step    string `json:"step,omitempty"` // of the numbered list that it stands in
	Line    int    `json:"line"`           // of the keyword
	Keyword string `json:"keyword"`        // or "step"
	Hash    string `json:"hash"`           // of the sentence without its white space: 16 hexadecimal digits
	words   string `json:"-"`              // the sentence, for who writes the table
}

// step is the keyword of an item that has none itself, in a list that a sentence with a keyword introduces ("MUST perform the
// following checks:").
const step = "step"

// word is a word and the line where it stands.
type word struct {
	text string
	line int
}

// block is a paragraph or the item of a list.
type block struct {
	indent   int // of its text
	marker   string
	words    []word
	parent   *block
	children bool
}

var (
	heading = regexp.MustCompile(`^(\d+(?:\.\d+)*)\.  \S`)
	other   = regexp.MustCompile(`^\S`) // appendices and addresses
	item    = regexp.MustCompile(`^( +)([*-]|\d+\.) +(\S.*)$`)
	number  = regexp.MustCompile(`^\d+\.$`)
)

// extract finds every demand in the text of a document: each keyword MUST, MUST NOT, SHALL, SHALL NOT and REQUIRED (BCP 14) by itself,
// however many stand in one sentence; and the first sentence of each item of a list that such a sentence introduces, if it has no
// keyword, the item says neither MAY nor OPTIONAL, and it is not itself the head of a list. REQUIRED counts wherever it stands: a member
// that "is REQUIRED" must be there. A must in lower case demands nothing (RFC 8174).
func extract(d document, text string) (out []found) {
	walk(text, func(section string, blocks []*block) {
		if slices.Contains(d.sections, strings.SplitN(section, ".", 2)[0]) {
			out = append(out, demands(d, section, blocks)...)
		}
	})
	return out
}

// outline returns the numbers of all sections, and of the steps in them as "7.1 step 2.1".
func outline(text string) (out []string) {
	walk(text, func(section string, blocks []*block) {
		out = append(out, section)
		for _, b := range blocks {
			if p := b.path(); p != "" {
				out = append(out, section+" step "+p)
			}
		}
	})
	return out
}

// walk reads a text section by section.
func walk(text string, visit func(section string, blocks []*block)) {
	section := ""
	var stack, blocks []*block
	flush := func() {
		if section != "" {
			visit(section, blocks)
		}
		section, blocks, stack = "", nil, nil
	}
	blank := true
	for i, line := range strings.Split(text, "\n") {
		if m := heading.FindStringSubmatch(line); m != nil {
			flush()
			section = m[1]
			continue
		}
		if other.MatchString(line) {
			if !strings.HasPrefix(line, "<") { // a format that is printed at the margin
				flush()
			}
			continue
		}
		words := strings.Fields(line)
		if len(words) == 0 || section == "" {
			blank = true
			continue
		}
		indent := len(line) - len(strings.TrimLeft(line, " "))
		marker := ""
		if m := item.FindStringSubmatch(line); m != nil {
			marker, words = m[2], words[1:]
			for len(stack) > 0 && stack[len(stack)-1].indent > indent {
				stack = stack[:len(stack)-1]
			}
			indent = len(line) - len(m[3])
		} else if !blank && len(stack) > 0 && stack[len(stack)-1].indent == indent {
			stack[len(stack)-1].add(words, i+1)
			continue
		} else {
			for len(stack) > 0 && stack[len(stack)-1].indent >= indent {
				stack = stack[:len(stack)-1]
			}
		}
		blank = false
		b := &block{indent: indent, marker: marker}
		if len(stack) > 0 {
			b.parent = stack[len(stack)-1]
			b.parent.children = b.parent.children || marker != ""
		}
		b.add(words, i+1)
		stack, blocks = append(stack, b), append(blocks, b)
	}
	flush()
}

func (b *block) add(words []string, line int) {
	for _, w := range words {
		b.words = append(b.words, word{w, line})
	}
}

// path is the number of an item: those of the items around it and its own.
func (b *block) path() string {
	if b == nil || b.parent == nil || !number.MatchString(b.marker) {
		return ""
	}
	own := strings.TrimSuffix(b.marker, ".")
	if outer := b.parent.path(); outer != "" {
		return outer + "." + own
	}
	return own
}

// binding says whether a list below b is part of what a keyword demands.
func (b *block) binding() bool {
	if b == nil {
		return false
	}
	s := sentences(b.words)
	last := s[len(s)-1]
	if strings.HasSuffix(last[len(last)-1].text, ":") && len(keywords(last)) > 0 {
		return true
	}
	return b.marker != "" && b.parent.binding()
}

func demands(d document, section string, blocks []*block) (out []found) {
	put := func(b *block, sentence []word, line int, keyword string) {
		var text []string
		if b.marker != "" && line != b.words[0].line || keyword == "REQUIRED" {
			text = append(text, b.words[0].text) // the name of a member and the like: "This property is REQUIRED" stands in many items
		}
		for _, w := range sentence {
			text = append(text, w.text)
		}
		sum := sha256.Sum256([]byte(strings.Join(text, "")))
		out = append(out, found{
			ID: fmt.Sprintf("%s-%s-%d", d.short, section, len(out)+1), Step: b.path(), Line: line, Keyword: keyword,
			Hash: hex.EncodeToString(sum[:8]), words: strings.Join(text, " "),
		})
	}
	for _, b := range blocks {
		all := sentences(b.words)
		if first := all[0]; b.marker != "" && !b.children && b.parent.binding() && len(keywords(first)) == 0 && !permits(b.words) {
			put(b, first, first[0].line, step)
		}
		for _, s := range all {
			for _, k := range keywords(s) {
				put(b, s, k.line, k.text)
			}
		}
	}
	return out
}

// keywords returns the demanding words of BCP 14 in a sentence, NOT included.
func keywords(sentence []word) (out []word) {
	for i, w := range sentence {
		k := strings.Trim(w.text, ".,;:()")
		if k != "MUST" && k != "SHALL" && k != "REQUIRED" {
			continue
		}
		if i+1 < len(sentence) && strings.Trim(sentence[i+1].text, ".,;:()") == "NOT" {
			k += " NOT"
		}
		out = append(out, word{k, w.line})
	}
	return out
}

func permits(words []word) bool {
	return slices.ContainsFunc(words, func(w word) bool {
		return slices.Contains([]string{"MAY", "SHOULD", "OPTIONAL", "RECOMMENDED"}, strings.Trim(w.text, ".,;:()"))
	})
}

// sentences splits at full stops. The three dots that are a member's name end nothing.
func sentences(words []word) (out [][]word) {
	start := 0
	for i, w := range words {
		t := strings.TrimRight(w.text, ")\"'")
		if i+1 == len(words) || strings.HasSuffix(t, ".") && !strings.HasSuffix(t, "...") && !slices.Contains([]string{"e.g.", "i.e.", "etc."}, strings.TrimLeft(t, "(")) {
			out = append(out, words[start:i+1])
			start = i + 1
		}
	}
	return out
}
