package catalogue

import (
	"bytes"
	"encoding/json"
	"strings"

	"github.com/khyer/khyer/disclosure"
)

// book holds what is said to people: the file's own language and what native speakers have read in others.
type book struct {
	source   string   // the file's own language
	others   []string // as the file writes them
	reviewed map[string]map[string]string
}

// say returns text in the language that comes nearest to a language tag by dropping its last parts (RFC 4647 section 3.4), and as
// it is if there is none.
func (b *book) say(text, locale string) string {
	for b != nil && locale != "" {
		if strings.EqualFold(locale, b.source) {
			break
		}
		if s := b.reviewed[strings.ToLower(locale)][text]; s != "" {
			return s
		}
		locale = locale[:max(0, strings.LastIndexByte(locale, '-'))]
	}
	return text
}

// Label returns the type's name for people, in the language of a language tag such as dz, or in the file's own where nobody has
// reviewed a translation.
func (t *Type) Label(locale string) string { return t.book.say(t.title, locale) }

// Description says in one sentence what the type is, in the language that Label would use; see there.
func (t *Type) Description(locale string) string { return t.book.say(t.description, locale) }

// Label returns the claim's name for people, in the language of a language tag such as dz, or in the file's own where nobody has
// reviewed a translation.
func (c *Claim) Label(locale string) string { return c.book.say(c.label, locale) }

type typeMetadata struct {
	VCT         string          `json:"vct"`
	Name        string          `json:"name"`
	Description string          `json:"description"`
	Display     []typeDisplay   `json:"display"`
	Claims      []claimMetadata `json:"claims"`
}

type typeDisplay struct {
	Locale      string `json:"locale"`
	Name        string `json:"name"`
	Description string `json:"description,omitempty"`
}

type claimMetadata struct {
	Path      disclosure.Path `json:"path"`
	Display   []claimDisplay  `json:"display"`
	Mandatory bool            `json:"mandatory,omitempty"`
	SD        string          `json:"sd"`
}

type claimDisplay struct {
	Locale string `json:"locale"`
	Label  string `json:"label"`
}

// Metadata returns the type metadata document of SD-JWT VC (draft 19 section 5.2), to be published at the type's identifier or
// handed to a registry. Its bytes are the same each time, so that an issuer can put their hash into vct#integrity (section 6).
//
// A language is in it only if name and all labels of the type have been reviewed in it, because each claim must have a label in
// every language that the type supports (section 5.6.2). A claim is called mandatory there only if every card has it: not if it
// is inside an array or an optional claim, and not if Compute adds it.
func (t *Type) Metadata() json.RawMessage {
	locales := t.supported()
	m := typeMetadata{VCT: t.VCT, Name: t.Name, Description: t.description}
	for _, l := range locales {
		d := typeDisplay{Locale: l, Name: t.Label(l), Description: t.description}
		if l != locales[0] {
			d.Description = t.book.reviewed[strings.ToLower(l)][t.description]
		}
		m.Display = append(m.Display, d)
	}
	for i := range t.Claims {
		c := &t.Claims[i]
		row := claimMetadata{Path: c.Path, Mandatory: t.everyCard(c.Path), SD: "never"}
		if c.Hidden {
			row.SD = "always"
		}
		for _, l := range locales {
			row.Display = append(row.Display, claimDisplay{l, c.Label(l)})
		}
		m.Claims = append(m.Claims, row)
	}
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false) // names have ampersands
	if err := e.Encode(m); err != nil {
		panic(err) // texts, booleans and null always have an encoding
	}
	return bytes.TrimSpace(out.Bytes())
}

// supported lists the languages that the whole type can be shown in, the file's own first.
func (t *Type) supported() []string {
	if t.book == nil {
		return nil
	}
	out := []string{t.book.source}
	for _, l := range t.book.others {
		read := t.book.reviewed[strings.ToLower(l)]
		complete := read[t.title] != ""
		for i := range t.Claims {
			complete = complete && read[t.Claims[i].label] != ""
		}
		if complete {
			out = append(out, l)
		}
	}
	return out
}

func (t *Type) everyCard(p disclosure.Path) bool {
	for i := range p {
		if n := t.root.at(p[:i+1]); n == nil || !n.claim.Mandatory {
			return false
		}
	}
	return true
}
