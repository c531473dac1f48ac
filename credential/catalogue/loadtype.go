package catalogue

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/khyer/khyer/disclosure"
	"github.com/khyer/khyer/internal/strictjson"
)

// reserved are the names that SD-JWT VC keeps for itself: draft 13 section 3.2.2.2, draft 19 section 2.2.2.3, RFC 7519 section 4.1.
// A type that declared one would have its issuer write, say, its own expiry as personal data.
var reserved = []string{"iss", "sub", "aud", "exp", "nbf", "iat", "jti", "cnf", "vct", "vct#integrity", "aka_vcts", "status"}

// structural are names that no object of an SD-JWT may have: RFC 9901 sections 4.1.1, 4.2.4.1 and 4.2.4.2.
var structural = []string{"_sd", "_sd_alg", "..."}

func (l *loader) types(v strictjson.Value) []Type {
	values := l.list(v, "types", 1, maxTypes)
	out := make([]Type, 0, len(values))
	names, vcts, schemas := map[[2]string]bool{}, map[string]bool{}, map[string]Reliability{}
	for i, e := range values {
		if l.err != nil {
			return nil
		}
		l.what, l.typ = fmt.Sprintf("type %d", i+1), ""
		t := l.kind(e)
		key := [2]string{simple(t.Issuer), simple(t.Name)}
		if names[key] {
			l.fail(e.Get("name"), "member name: another type of the issuer has it too, or one that differs only in case or spaces")
		}
		if vcts[t.VCT] {
			l.fail(e.Get("vct"), "member vct: another type has it too")
		}
		for n, s := range t.Schemas {
			if r, taken := schemas[s.URI]; taken && (r != Conflicting || s.Reliability != Conflicting) {
				l.fail(e.Get("schemas").At(n), "member schemas: another type has the schema too, so it must be conflicting in each")
			}
			schemas[s.URI] = s.Reliability
		}
		names[key], vcts[t.VCT] = true, true
		out = append(out, t)
	}
	l.what, l.typ = "", ""
	for i := range out {
		if r, ok := schemas[out[i].VCT]; ok && r != Confirmed {
			l.fail(values[i].Get("vct"), fmt.Sprintf("type %d, member vct: a schema that is not confirmed identifies no type", i+1))
		}
	}
	return out
}

func (l *loader) kind(v strictjson.Value) Type {
	l.object(v, "name", "issuer", "vct", "invented", "display", "schemas", "claims")
	t := Type{Name: l.text(v, "name", maxName), Issuer: l.text(v, "issuer", maxName), VCT: l.uri(v.Get("vct"), "vct"), Invented: l.flag(v, "invented", false),
		zone: l.zon, book: l.book}
	l.typ = t.Name
	for _, s := range []string{t.Name, t.Issuer} {
		if spaced(s) {
			l.fail(v, "name or issuer: has a space at an end, or two in a row")
		}
	}
	display := v.Get("display")
	l.object(display, "name", "description")
	t.title, t.description = l.spoken(display, "name"), l.spoken(display, "description")
	l.inside(v)
	if v.Get("schemas").Exists() {
		for _, s := range l.list(v, "schemas", 1, 10) {
			t.Schemas = append(t.Schemas, l.schema(s))
		}
	}
	l.inside(v)
	rows := l.list(v, "claims", 1, maxClaims)
	t.Claims = make([]Claim, len(rows)) // its final place: the tree points into it
	what := l.what
	for i, e := range rows {
		if l.err != nil {
			return t
		}
		l.what, l.path = fmt.Sprintf("%s, claim %d", what, i+1), nil
		t.Claims[i] = l.claim(e)
		l.place(e, &t.root, &t.Claims[i])
	}
	for i, e := range rows {
		l.what = fmt.Sprintf("%s, claim %d", what, i+1)
		l.whole(e, &t.root, &t.Claims[i])
	}
	l.what, l.path = what, nil
	return t
}

func (l *loader) schema(v strictjson.Value) Schema {
	l.object(v, "uri", "environment", "reliability")
	s := Schema{URI: l.uri(v.Get("uri"), "uri"), Production: v.Get("environment").Is("production")}
	if !s.Production && !v.Get("environment").Is("staging") {
		l.must(v.Get("environment"), "member environment", "be production or staging")
	}
	text, _ := v.Get("reliability").Text()
	s.Reliability = Reliability(text)
	if !slices.Contains([]Reliability{Confirmed, SingleSource, Conflicting}, s.Reliability) {
		l.must(v.Get("reliability"), "member reliability", "be confirmed, single source or conflicting")
	}
	return s
}

// spaced tells whether spaces in a name are easily lost.
func spaced(s string) bool { return s != strings.TrimSpace(s) || strings.Contains(s, "  ") }

func (l *loader) claim(v strictjson.Value) Claim {
	l.object(v, "path", "label", "format", "pattern", "sd", "mandatory", "byte_exact", "age_over", "of")
	c := Claim{Path: l.claimPath(v, "path"), Format: Text, book: l.book}
	l.path = c.Path
	c.label, c.exact = l.spoken(v, "label"), l.flag(v, "byte_exact", false)
	if s := v.Get("format"); s.Exists() {
		text, _ := s.Text()
		c.Format = Format(text)
		if !slices.Contains([]Format{Text, Boolean, Integer, Number, Date, ISODate, Object, Array}, c.Format) {
			l.fail(s, "member format: must be text, boolean, integer, number, dd/mm/yyyy, yyyy-mm-dd, object or array")
		}
	}
	c.Hidden = !v.Get("sd").Is("never")
	if s := v.Get("sd"); s.Exists() && c.Hidden && !s.Is("always") {
		l.fail(s, "member sd: must be always or never")
	}
	if v.Get("pattern").Exists() {
		l.pattern(v, &c)
	}
	computed := v.Get("age_over").Exists() || v.Get("of").Exists()
	element := len(c.Path) > 0 && c.Path[len(c.Path)-1] == nil
	if m := v.Get("mandatory"); m.Exists() && (computed || element) {
		l.fail(m, "member mandatory: has no place at an element of an array or a claim that is computed")
	}
	c.Mandatory = l.flag(v, "mandatory", true) && !computed && !element
	if computed {
		l.age(v, &c)
	}
	return c
}

func (l *loader) claimPath(v strictjson.Value, name string) disclosure.Path {
	var p disclosure.Path
	for i, e := range l.list(v, name, 1, maxPath) {
		if e.Kind() == strictjson.Null && i > 0 {
			p = append(p, nil)
			continue
		}
		s := l.visible(e, "member "+name, maxName)
		if i == 0 && slices.Contains(reserved, s) || slices.Contains(structural, s) {
			l.fail(e, "member "+name+": SD-JWT VC reserves the name")
		}
		p = append(p, s)
	}
	if l.err != nil {
		return nil
	}
	return p
}

func (l *loader) pattern(v strictjson.Value, c *Claim) {
	c.Pattern = l.text(v, "pattern", maxPattern)
	// On its own first: "a)|(b" would be an expression only inside the brackets, and would escape the anchors there.
	if _, err := regexp.Compile(c.Pattern); err != nil || c.Format != Text {
		l.fail(v.Get("pattern"), "member pattern: must be a regular expression, and the format text")
		return
	}
	p, err := regexp.Compile(`\A(?:` + c.Pattern + `)\z`)
	if err != nil {
		l.fail(v.Get("pattern"), "member pattern: is too deep")
		return
	}
	c.pattern = p
}

func (l *loader) age(v strictjson.Value, c *Claim) {
	years, ok := v.Get("age_over").Int64()
	if !ok || years < 1 || years > maxAge || c.Format != Boolean || len(c.Path) != 1 {
		l.must(v.Get("age_over"), "member age_over", fmt.Sprintf("be 1 to %d, the format boolean, and the path one name", maxAge))
	}
	c.AgeOver, c.Of = int(years), l.claimPath(v, "of")
}

// place puts a claim where its path says, and finds names that are easily taken for each other.
func (l *loader) place(v strictjson.Value, root *node, c *Claim) {
	if l.err != nil {
		return
	}
	last := len(c.Path) - 1
	above := root.at(c.Path[:last])
	name, named := c.Path[last].(string)
	want := Array
	if named {
		want = Object
	}
	switch {
	case above == nil || above != root && above.claim.Format != want:
		l.fail(v.Get("path"), "member path: what contains the claim must stand before it, with the format "+string(want))
	case !named && above.element != nil || named && above.member(name) != nil:
		l.fail(v.Get("path"), "member path: another claim of the type has it too")
	case !named:
		above.element = &node{claim: c}
	default:
		if spaced(name) && !c.exact {
			l.fail(v.Get("path"), "member path: a name with a space at an end, or two in a row, must say byte_exact")
		}
		for _, m := range above.members {
			if simple(m.name) == simple(name) && !c.exact && !m.claim.exact {
				l.fail(v.Get("path"), "member path: differs from another only in case or spaces; one of them must say byte_exact")
			}
		}
		quoted, _ := json.Marshal(name) // a string always has an encoding
		above.members = append(above.members, &node{claim: c, name: name, step: name, quoted: quoted})
	}
}

// whole looks at what can be seen only when all claims are in their places.
func (l *loader) whole(v strictjson.Value, root *node, c *Claim) {
	if l.err != nil {
		return
	}
	l.path = c.Path
	l.inside(v)
	n := root.at(c.Path)
	if c.Format == Object && len(n.members) == 0 || c.Format == Array && n.element == nil {
		l.fail(v.Get("format"), "member format: no claim says what is inside")
	}
	if c.AgeOver == 0 {
		return
	}
	of := root.at(c.Of)
	if of == nil || of.claim.Format != Date && of.claim.Format != ISODate {
		l.fail(v.Get("of"), "member of: names no claim with the format of a date")
		return
	}
	for i := range c.Of {
		if !root.at(c.Of[:i+1]).claim.Mandatory {
			l.fail(v.Get("of"), "member of: names a claim that not every card has")
		}
	}
}
