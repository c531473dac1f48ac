package disclosure

import (
	"strings"
	"unicode"

	"github.com/khyer/khyer/internal/strictjson"
)

// Near lets package verifier say what was probably meant: the path of a claim that is shown and whose name looks like one that was
// asked for and is not there: other case, other white space, another form of the same characters. Real cards have "Department ". It is
// nil if there is none.
func (v *Verified) Near(_ strictjson.Inside, asked Path) Path { return v.t.near(asked) }

func (t *tree) near(asked Path) Path {
	out := make(Path, 0, len(asked))
	for _, e := range asked {
		name, ok := e.(string)
		if !ok {
			return nil // what stands in a list has no name that could be mistaken
		}
		object := t.payload
		t.follow(t.payload, out, func(v strictjson.Value) { object = v }, nil)
		found, ok := lookalike(t.append(nil, object), name)
		if !ok {
			return nil
		}
		out = append(out, found)
	}
	return out
}

// lookalike returns the member of that name, or the first that looks like it.
func lookalike(object []byte, name string) (found string, ok bool) {
	v, err := strictjson.Parse(object, strictjson.Limits{Bytes: len(object), Depth: 1 << 10})
	if err != nil {
		return "", false
	}
	if v.Get(name).Exists() {
		return name, true
	}
	want := asRead(name)
	for member := range v.Members() {
		if !ok && asRead(member) == want {
			found, ok = member, true
		}
	}
	return found, ok
}

// asRead writes a name as people read it: without case, with single spaces and none at the ends, without characters that are not
// seen, and with letters taken apart into base and marks (for those letters of Latin and Tibetan script that have two forms).
func asRead(name string) string {
	var b strings.Builder
	for _, r := range name {
		switch parts, ok := decomposed[r]; {
		case ok:
			b.WriteString(parts)
		case r == nonBreakingTsheg:
			b.WriteRune(tsheg)
		case unicode.IsSpace(r):
			b.WriteByte(' ')
		case !unicode.Is(unicode.Cf, r): // zero-width spaces and joiners, soft hyphens, marks of direction
			b.WriteRune(r)
		}
	}
	return strings.ToLower(strings.Join(strings.Fields(b.String()), " "))
}

// Dzongkha ends a syllable with a tsheg, and has one at which no line breaks (Unicode, block Tibetan).
const tsheg, nonBreakingTsheg = '\u0f0b', '\u0f0c'

// decomposed holds canonical decompositions of the Unicode Character Database, fully applied.
var decomposed = func() map[rune]string {
	m := map[rune]string{ // Tibetan, U+0F43 to U+0FB9
		0x0f43: "\u0f42\u0fb7", 0x0f4d: "\u0f4c\u0fb7", 0x0f52: "\u0f51\u0fb7", 0x0f57: "\u0f56\u0fb7", 0x0f5c: "\u0f5b\u0fb7", 0x0f69: "\u0f40\u0fb5",
		0x0f73: "\u0f71\u0f72", 0x0f75: "\u0f71\u0f74", 0x0f76: "\u0fb2\u0f80", 0x0f78: "\u0fb3\u0f80", 0x0f81: "\u0f71\u0f80",
		0x0f93: "\u0f92\u0fb7", 0x0f9d: "\u0f9c\u0fb7", 0x0fa2: "\u0fa1\u0fb7", 0x0fa7: "\u0fa6\u0fb7", 0x0fac: "\u0fab\u0fb7", 0x0fb9: "\u0f90\u0fb5",
	}
	const grave, acute, circumflex, tilde, diaeresis, ring, cedilla, caron = 0x300, 0x301, 0x302, 0x303, 0x308, 0x30a, 0x327, 0x30c
	for _, f := range []struct {
		mark            rune
		letters, single string
	}{ // Latin-1 Supplement, and of Latin Extended-A what is common
		{grave, "AEIOUaeiou", "ÀÈÌÒÙàèìòù"},
		{acute, "AEIOUYaeiouyCcNnSsZz", "ÁÉÍÓÚÝáéíóúýĆćŃńŚśŹź"},
		{circumflex, "AEIOUaeiou", "ÂÊÎÔÛâêîôû"},
		{tilde, "ANOano", "ÃÑÕãñõ"},
		{diaeresis, "AEIOUYaeiouy", "ÄËÏÖÜŸäëïöüÿ"},
		{ring, "Aa", "Åå"},
		{cedilla, "CcSs", "ÇçŞş"},
		{caron, "CcEeRrSsZz", "ČčĚěŘřŠšŽž"},
	} {
		base := []rune(f.letters)
		for i, r := range []rune(f.single) {
			m[r] = string([]rune{base[i], f.mark})
		}
	}
	return m
}()
