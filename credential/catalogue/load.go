package catalogue

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/khyer/khyer/internal/strictjson"
)

// Bounds of a catalogue file.
const (
	maxFile    = 1 << 20
	maxTypes   = 1000
	maxClaims  = 200 // of a type
	maxName    = 128 // bytes
	maxText    = 2048
	maxPattern = 200
	maxAge     = 150 // years
)

// reserved are the names that SD-JWT VC keeps for itself: draft 13 section 3.2.2.2, draft 19 section 2.2.2.3, RFC 7519 section 4.1,
// RFC 9901 section 4.1.1 and 4.2.4. A type that declared one would have its issuer write, say, its own expiry as personal data.
var reserved = []string{"iss", "sub", "aud", "exp", "nbf", "iat", "jti", "cnf", "vct", "vct#integrity", "aka_vcts", "status",
	"_sd", "_sd_alg", "..."}

// Load reads a catalogue file, at most 1 MiB. Members that it does not know are refused, so that a misspelt "sd" cannot go
// unnoticed. Errors are *[Error] with BadCatalogue.
func Load(file []byte) (*Catalogue, error) {
	v, err := strictjson.Parse(file, strictjson.Limits{Bytes: maxFile, Depth: 8})
	if err != nil {
		return nil, &Error{Reason: BadCatalogue, Detail: err.Error()}
	}
	l := loader{where: "file"}
	l.members(v, "catalogue", "name", "about", "utc_offset", "types")
	if n, ok := v.Get("catalogue").Int64(); !ok || n != 1 {
		l.fail("member catalogue: must be 1, the version of this form")
	}
	c := &Catalogue{Name: l.text(v, "name", maxName), About: l.optional(v, "about", maxText)}
	zone := l.zone(v)
	types := l.list(v, "types", 1, maxTypes)
	seen := map[string]bool{}
	for i := 0; i < len(types) && l.err == nil; i++ {
		l.where = fmt.Sprintf("type %d", i+1)
		t := l.typ(types[i])
		t.zone = zone
		if seen[t.VCT] {
			l.fail("member vct: another type has it too")
		}
		seen[t.VCT] = true
		c.Types = append(c.Types, t)
	}
	if l.err != nil {
		return nil, l.err
	}
	return c, nil
}

// loader keeps the first fault, and where it was.
type loader struct {
	where string
	err   error
}

func (l *loader) fail(detail string) {
	if l.err == nil {
		l.err = &Error{Reason: BadCatalogue, Detail: l.where + ", " + detail}
	}
}

func (l *loader) members(v strictjson.Value, known ...string) {
	if v.Kind() != strictjson.Object {
		l.fail("must be an object")
		return
	}
	for name := range v.Members() {
		if !slices.Contains(known, name) {
			l.fail("has a member that this form does not know")
		}
	}
}

// text returns a member that must be a string of visible characters and spaces. Spaces at either end are kept: names have them.
func (l *loader) text(v strictjson.Value, name string, limit int) string {
	s, ok := v.Get(name).Text()
	if !ok || strings.TrimSpace(s) == "" || len(s) > limit {
		l.fail(fmt.Sprintf("member %s: must be a string of 1 to %d bytes", name, limit))
		return ""
	}
	if strings.ContainsFunc(s, func(r rune) bool { return r != ' ' && !unicode.IsGraphic(r) || unicode.Is(unicode.Zs, r) && r != ' ' }) {
		l.fail("member " + name + ": has a character that cannot be seen")
	}
	return s
}

func (l *loader) optional(v strictjson.Value, name string, limit int) string {
	if !v.Get(name).Exists() {
		return ""
	}
	return l.text(v, name, limit)
}

func (l *loader) list(v strictjson.Value, name string, least, most int) []strictjson.Value {
	a := v.Get(name)
	if a.Kind() != strictjson.Array || a.Len() < least || a.Len() > most {
		l.fail(fmt.Sprintf("member %s: must be an array of %d to %d", name, least, most))
		return nil
	}
	return slices.Collect(a.Elements())
}

func (l *loader) flag(v strictjson.Value, name string) bool {
	m := v.Get(name)
	on, ok := m.Bool()
	if m.Exists() && !ok {
		l.fail("member " + name + ": must be true or false")
	}
	return on
}

// zone reads an offset and not a name such as Asia/Thimphu, because a name needs a time zone database, which small containers lack.
func (l *loader) zone(v strictjson.Value) *time.Location {
	t, err := time.Parse("-07:00", l.text(v, "utc_offset", 6))
	if err != nil {
		l.fail("member utc_offset: must look like +06:00")
		return nil
	}
	_, seconds := t.Zone()
	return time.FixedZone("", seconds)
}

func (l *loader) typ(v strictjson.Value) Type {
	l.members(v, "name", "issuer", "vct", "schemas", "invented", "claims")
	t := Type{Name: l.text(v, "name", maxName), Issuer: l.text(v, "issuer", maxName), VCT: l.uri(v.Get("vct"), "vct"), Invented: l.flag(v, "invented")}
	if v.Get("schemas").Exists() {
		for _, s := range l.list(v, "schemas", 1, 10) {
			t.Schemas = append(t.Schemas, l.uri(s, "schemas"))
		}
	}
	where := l.where
	for i, e := range l.list(v, "claims", 1, maxClaims) {
		l.where = fmt.Sprintf("%s claim %d", where, i+1)
		c := l.claim(e)
		if t.claim(c.Name) != nil {
			l.fail("member name: another claim of the type has it too")
		}
		t.Claims = append(t.Claims, c)
	}
	l.where = where
	for _, c := range t.Claims {
		if c.AgeOver == 0 {
			continue
		}
		if of := t.claim(c.Of); of == nil || of.Format != Date {
			l.fail("member of: names no claim of the format dd/mm/yyyy")
		}
	}
	return t
}

func (l *loader) uri(v strictjson.Value, name string) string {
	s, _ := v.Text()
	u, err := url.Parse(s)
	if err != nil || !u.IsAbs() || len(s) > maxText || u.Scheme == "https" && u.Host == "" || strings.ContainsAny(s, " \t") {
		l.fail("member " + name + ": must be an absolute URI")
	}
	return s
}

func (l *loader) claim(v strictjson.Value) Claim {
	l.members(v, "name", "format", "pattern", "sd", "age_over", "of")
	c := Claim{Name: l.text(v, "name", maxName), Format: Text, Hidden: true}
	if slices.Contains(reserved, c.Name) {
		l.fail("member name: SD-JWT VC reserves it")
	}
	if s := v.Get("format"); s.Exists() {
		text, _ := s.Text()
		c.Format = Format(text)
		if !slices.Contains([]Format{Text, Texts, Boolean, Date}, c.Format) {
			l.fail("member format: must be text, texts, boolean or dd/mm/yyyy")
		}
	}
	switch s := v.Get("sd"); {
	case s.Is("never"):
		c.Hidden = false
	case s.Exists() && !s.Is("always"):
		l.fail("member sd: must be always or never")
	}
	if v.Get("pattern").Exists() {
		l.pattern(v, &c)
	}
	if v.Get("age_over").Exists() || v.Get("of").Exists() {
		years, ok := v.Get("age_over").Int64()
		if !ok || years < 1 || years > maxAge || c.Format != Boolean {
			l.fail(fmt.Sprintf("member age_over: must be 1 to %d, and the format boolean", maxAge))
		}
		c.AgeOver, c.Of = int(years), l.text(v, "of", maxName)
	}
	return c
}

func (l *loader) pattern(v strictjson.Value, c *Claim) {
	c.Pattern = l.text(v, "pattern", maxPattern)
	// On its own first: "a)|(b" would be an expression only inside the brackets, and would escape the anchors there.
	if _, err := regexp.Compile(c.Pattern); err != nil || c.Format != Text {
		l.fail("member pattern: must be a regular expression, and the format text")
		return
	}
	c.pattern = regexp.MustCompile(`\A(?:` + c.Pattern + `)\z`)
}
