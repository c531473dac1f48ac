package catalogue

import (
	"bytes"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/khyer/khyer/disclosure"
	"github.com/khyer/khyer/internal/strictjson"
)

// Bounds of a catalogue file.
const (
	maxFile    = 1 << 20
	maxTypes   = 1000
	maxClaims  = 200 // of a type
	maxPath    = 8
	maxLocales = 20
	maxName    = 128 // bytes
	maxText    = 2048
	maxPattern = 200
	maxAge     = 150 // years
)

// Load reads a catalogue file, at most 1 MiB. Members that it does not know are refused, so that a misspelt "sd" cannot go
// unnoticed. Errors are *[Error] with BadCatalogue; they name line, type and claim.
func Load(file []byte) (*Catalogue, error) {
	l := loader{file: file, book: &book{reviewed: map[string]map[string]string{}}, said: map[string]bool{}}
	v, err := strictjson.Parse(file, strictjson.Limits{Bytes: maxFile, Depth: 8})
	if err != nil {
		var at *strictjson.Error
		if errors.As(err, &at) && at.Reason != strictjson.TooLarge {
			l.at = at.Offset
		}
		l.fail(strictjson.Value{}, err.Error())
		return nil, l.err
	}
	l.object(v, "catalogue", "name", "about", "locale", "utc_offset", "types", "translations")
	if n, ok := v.Get("catalogue").Int64(); !ok || n != 1 {
		l.must(v.Get("catalogue"), "member catalogue", "be 1, the version of this form")
	}
	c := &Catalogue{Name: l.text(v, "name", maxName), About: l.optional(v, "about", maxText)}
	l.book.source = l.locale(v.Get("locale"), l.text(v, "locale", maxName), "member locale")
	l.zone(v)
	l.translations(v.Get("translations"))
	c.Types = l.types(v)
	l.inside(v)
	l.unused(v.Get("translations"))
	if l.err != nil {
		return nil, l.err
	}
	return c, nil
}

// loader keeps the first fault, and where it was.
type loader struct {
	file []byte
	at   int    // where the object begins that is being read; errors name the line
	what string // such as type 3, claim 2
	typ  string
	path disclosure.Path
	zon  *time.Location
	book *book
	said map[string]bool // texts for people
	err  error
}

// fail notes a fault at a value, or, if that is absent, at the object that is being read.
func (l *loader) fail(v strictjson.Value, detail string) {
	if l.err != nil {
		return
	}
	at := l.at
	if v.Exists() {
		at = v.Offset()
	}
	if l.what != "" {
		detail = l.what + ", " + detail
	}
	line := 1 + bytes.Count(l.file[:min(at, len(l.file))], []byte("\n"))
	l.err = &Error{Reason: BadCatalogue, Type: l.typ, Path: l.path, Detail: fmt.Sprintf("line %d, %s", line, detail)}
}

// must notes that a value is not what it has to be, or is not there at all.
func (l *loader) must(v strictjson.Value, what, demand string) {
	if !v.Exists() {
		demand = "is missing, and must " + demand
	} else {
		demand = "must " + demand
	}
	l.fail(v, what+": "+demand)
}

// inside begins the reading of an object, so that faults name its line.
func (l *loader) inside(v strictjson.Value) { l.at = v.Offset() }

func (l *loader) object(v strictjson.Value, known ...string) {
	if !v.Exists() {
		l.fail(v, "an object is missing, with the members "+strings.Join(known, ", "))
		return
	}
	l.inside(v)
	if v.Kind() != strictjson.Object {
		l.fail(v, "must be an object")
		return
	}
	for name, member := range v.Members() {
		if !slices.Contains(known, name) {
			l.fail(member, fmt.Sprintf("has a member that this form does not know: %.40q", name))
		}
	}
}

// text returns a member that must be a string of visible characters and spaces. Spaces at either end are kept: names have them.
func (l *loader) text(v strictjson.Value, name string, limit int) string {
	return l.visible(v.Get(name), "member "+name, limit)
}

func (l *loader) visible(v strictjson.Value, what string, limit int) string {
	s, ok := v.Text()
	if !ok || strings.TrimSpace(s) == "" || len(s) > limit {
		l.must(v, what, fmt.Sprintf("be a string of 1 to %d bytes", limit))
		return ""
	}
	if strings.ContainsFunc(s, unseen) {
		l.fail(v, what+": has a character that cannot be seen")
		return ""
	}
	return s
}

func unseen(r rune) bool {
	return r != ' ' && (!unicode.IsGraphic(r) || unicode.Is(unicode.Zs, r) || r == '\u115f' || r == '\u1160' || r == '\u3164' || r == '\uffa0')
}

func (l *loader) optional(v strictjson.Value, name string, limit int) string {
	if !v.Get(name).Exists() {
		return ""
	}
	return l.text(v, name, limit)
}

// spoken is a text for people, to be shown in several languages.
func (l *loader) spoken(v strictjson.Value, name string) string {
	m := v.Get(name)
	s := l.prose(m, "member "+name)
	for _, other := range l.book.others {
		if _, ok := l.book.reviewed[strings.ToLower(other)][s]; !ok {
			l.fail(m, "member "+name+": has no row in the translations to "+other)
		}
	}
	l.said[s] = true
	return s
}

// prose reads a text for people. Scripts such as Persian are written with joiners, which a name may not have.
func (l *loader) prose(v strictjson.Value, what string) string {
	s, _ := v.Text()
	hidden := strings.ContainsFunc(s, func(r rune) bool { return r != '\u200c' && r != '\u200d' && unseen(r) })
	if hidden || s != strings.TrimSpace(s) || s == "" || len(s) > maxText {
		l.must(v, what, fmt.Sprintf("be a string of 1 to %d bytes that can be seen, without a space at an end", maxText))
	}
	return s
}

func (l *loader) list(v strictjson.Value, name string, least, most int) []strictjson.Value {
	a := v.Get(name)
	if a.Kind() != strictjson.Array || a.Len() < least || a.Len() > most {
		l.must(a, "member "+name, fmt.Sprintf("be an array of %d to %d", least, most))
		return nil
	}
	return slices.Collect(a.Elements())
}

func (l *loader) flag(v strictjson.Value, name string, absent bool) bool {
	m := v.Get(name)
	if !m.Exists() {
		return absent
	}
	on, ok := m.Bool()
	if !ok {
		l.fail(m, "member "+name+": must be true or false")
	}
	return on
}

// zone reads an offset and not a name such as Asia/Thimphu, because a name needs a time zone database, which small containers lack.
func (l *loader) zone(v strictjson.Value) {
	t, err := time.Parse("-07:00", l.text(v, "utc_offset", 6))
	if err != nil {
		l.must(v.Get("utc_offset"), "member utc_offset", "look like +06:00")
		return
	}
	_, seconds := t.Zone()
	l.zon = time.FixedZone("", seconds)
}

func (l *loader) uri(v strictjson.Value, name string) string {
	s, _ := v.Text()
	u, err := url.Parse(s)
	if err != nil || !u.IsAbs() || len(s) > maxText || u.Scheme == "https" && u.Host == "" || strings.ContainsFunc(s, func(r rune) bool { return r == ' ' || unseen(r) }) {
		l.must(v, "member "+name, "be an absolute URI")
	}
	return s
}

// locale reads a language tag of RFC 5646: letters, then parts of letters and digits.
func (l *loader) locale(v strictjson.Value, tag, what string) string {
	for i, part := range strings.Split(tag, "-") {
		plain := !strings.ContainsFunc(part, func(r rune) bool {
			return r >= 0x80 || !unicode.IsLetter(r) && (i == 0 || !unicode.IsDigit(r))
		})
		if !plain || len(part) > 8 || len(part) == 0 || i == 0 && len(part) < 2 {
			l.fail(v, what+": must be a language tag such as en")
			return ""
		}
	}
	return tag
}

// translations reads the tables of texts in other languages. A text counts only with who has read it and when.
func (l *loader) translations(v strictjson.Value) {
	if !v.Exists() {
		return
	}
	if v.Kind() != strictjson.Object || v.Len() > maxLocales {
		l.fail(v, fmt.Sprintf("member translations: must be an object of at most %d languages", maxLocales))
		return
	}
	for tag, table := range v.Members() {
		l.what = "translations"
		tag = l.locale(table, tag, "name of a member")
		low := strings.ToLower(tag)
		if low == strings.ToLower(l.book.source) || l.book.reviewed[low] != nil {
			l.fail(table, "has "+tag+" twice, or the language of the file")
		}
		l.what = "translations to " + tag
		if table.Kind() != strictjson.Object {
			l.fail(table, "must be an object")
		}
		read := map[string]string{}
		for source, row := range table.Members() {
			read[source] = l.reviewed(row)
		}
		l.book.others = append(l.book.others, tag)
		l.book.reviewed[low] = read
		l.what = ""
	}
}

func (l *loader) reviewed(row strictjson.Value) string {
	l.object(row, "text", "reviewed_by", "reviewed_on")
	if row.Len() != 3 {
		l.fail(row, "must have text, reviewed_by and reviewed_on")
	}
	if row.Get("text").Is("") && row.Get("reviewed_by").Is("") && row.Get("reviewed_on").Is("") {
		return ""
	}
	by := l.text(row, "reviewed_by", maxName)
	on, _ := row.Get("reviewed_on").Text()
	if _, ok := (&Claim{Format: ISODate}).day(on); !ok {
		l.fail(row.Get("reviewed_on"), "member reviewed_on: must be a day such as 2026-11-24; a text that nobody has read stays empty")
	}
	s := l.prose(row.Get("text"), "member text")
	if by == "" {
		return ""
	}
	return s
}

// unused finds rows of the translations that translate nothing, such as those of a text that has been changed.
func (l *loader) unused(v strictjson.Value) {
	for tag, table := range v.Members() {
		for source, row := range table.Members() {
			if !l.said[source] {
				l.fail(row, "translations to "+tag+" have a row for a text that no type and no claim has")
			}
		}
	}
}
