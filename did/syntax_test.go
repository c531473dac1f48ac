package did

import (
	"errors"
	"regexp"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	for _, s := range []string{
		"did:example:123456789abcdefghi", "did:ethr:0x539:0x02b97c30de767f084ce3080168ee293053ba33b235d7116a3263d29f1450936b71",
		"did:web:registry.example%3A3000:user", "did:a:b", "did:1:-", "did:example::x", "did:example:a:b:c", "did:example:%41%ff",
		"did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK", "did:example:" + strings.Repeat("a", MaxLength-12),
	} {
		d, err := Parse(s)
		if err != nil || d.String() != s || d.IsZero() {
			t.Errorf("%q: %v", s, err)
		}
		if u, err := ParseURL(s); err != nil || u.DID != d || u.String() != s {
			t.Errorf("%q as a URL: %v", s, err)
		}
	}
	for _, s := range []string{
		"", "did", "did:", "did::", "did:example", "did:example:", "did::x", "did:example:x:", "DID:example:x", "Did:example:x",
		"did:Example:x", "did:exam-ple:x", "did:exämple:x", "did:example:ä", "did:example:x y", " did:example:x", "did:example:x ",
		"did:example:x\n", "did:example:x\x00", "did:example:x/y", "did:example:x?y", "did:example:x#y", "did:example:x#",
		"did:example:%", "did:example:%4", "did:example:%4g", "did:example:%g4", "did:example:a%", "did:example:x~", "did:example:x@y",
		"did:example:x,y", "did:example:x*", "urn:example:x", "did:example:" + strings.Repeat("a", MaxLength-11),
	} {
		d, err := Parse(s)
		var e *Error
		if !errors.As(err, &e) || e.Code != InvalidDID || !d.IsZero() {
			t.Errorf("%.40q: got %v, want %s", s, err, InvalidDID)
		}
	}
	d, err := Parse("did:ethr:0x539:0xabc")
	if err != nil {
		t.Fatal(err)
	}
	if d.Method() != "ethr" || d.SpecificID() != "0x539:0xabc" {
		t.Errorf("%q, %q", d.Method(), d.SpecificID())
	}
	var zero DID
	if zero.Method() != "" || zero.SpecificID() != "" || zero.String() != "" {
		t.Error("the zero DID has parts")
	}
}

func TestParseURL(t *testing.T) {
	for s, want := range map[string]URL{
		"did:example:123#key-1":                {Fragment: "key-1"},
		"did:example:123/path/x;y":             {Path: "/path/x;y"},
		"did:example:123/":                     {Path: "/"},
		"did:example:123?versionId=1&a=b/c?d":  {Query: "versionId=1&a=b/c?d"},
		"did:example:123/p?q#f/g?h":            {Path: "/p", Query: "q", Fragment: "f/g?h"},
		"did:example:123#":                     {emptyFragment: true},
		"did:example:123?":                     {emptyQuery: true},
		"did:example:123?#":                    {emptyQuery: true, emptyFragment: true},
		"did:example:123#%20":                  {Fragment: "%20"},
		"did:example:123/a:b@c!$&'()*+,;=~-._": {Path: "/a:b@c!$&'()*+,;=~-._"},
		"did:example:123#a?b":                  {Fragment: "a?b"},
	} {
		u, err := ParseURL(s)
		want.DID = DID{"did:example:123"}
		if err != nil || u != want || u.String() != s {
			t.Errorf("%q: %+v, %v", s, u, err)
		}
	}
	for _, s := range []string{
		"", "#key-1", "/path", "did:example:#x", "did:example:123#a#b", "did:example:123#a b", "did:example:123#a\"", "did:example:123#<",
		"did:example:123#[0]", "did:example:123#a\\b", "did:example:123#{}", "did:example:123?a^b", "did:example:123/ä", "did:example:123#%",
		"did:example:123#%2", "did:example:123#%zz", "did:example:123:/x", "did:example:123#\x00", "did:example:123#\n", "https://example.org/",
		"did:example:123#" + strings.Repeat("a", MaxLength),
	} {
		u, err := ParseURL(s)
		var e *Error
		if !errors.As(err, &e) || e.Code != InvalidDIDURL || u != (URL{}) {
			t.Errorf("%.40q: got %v, want %s", s, err, InvalidDIDURL)
		}
	}
}

func TestErrorsQuoteNothing(t *testing.T) {
	const marker = "MARKER"
	for _, s := range []string{"did:example:" + marker + " ", "did:" + marker + ":x", marker, "did:example:x#" + marker + "#"} {
		_, err := Parse(s)
		_, errURL := ParseURL(s)
		for _, err := range []error{err, errURL} {
			if err == nil || strings.Contains(err.Error(), marker) {
				t.Errorf("%v", err)
			}
		}
	}
}

func FuzzParseURL(f *testing.F) {
	for _, s := range []string{"did:example:123", "did:example:123/p?q#f", "did:a:%41#?", "did:a::b?#", "did:A:b", "#x", "did:a:b%"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		u, err := ParseURL(s)
		if err != nil {
			if _, err := Parse(s); err == nil {
				t.Fatal("a DID that is no DID URL")
			}
			return
		}
		if u.String() != s {
			t.Fatalf("%q came back as %q", s, u)
		}
		if len(s) > MaxLength || strings.ContainsAny(s, " \t\r\n\"<>\\^`{|}\x00\x7f") {
			t.Fatalf("%q is accepted", s)
		}
		d, err := Parse(u.DID.String())
		if err != nil || d != u.DID || d.String() != "did:"+d.Method()+":"+d.SpecificID() {
			t.Fatalf("%q: %v", u.DID, err)
		}
	})
}

// TestABNF holds the parser against the grammar of DID Core 1.0 section 3 and RFC 3986 appendix A, written out as expressions, on strings of
// every length up to three over the characters at which the grammar branches, put in each part of a DID URL, and on mutations.
func TestABNF(t *testing.T) {
	const (
		pct    = `%[0-9A-Fa-f]{2}`
		idchar = `(?:[A-Za-z0-9._-]|` + pct + `)`
		id     = `did:[a-z0-9]+:(?:` + idchar + `*:)*` + idchar + `+`
		pchar  = `(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|` + pct + `)`
		rest   = `(?:` + pchar + `|[/?])*`
	)
	theDID := regexp.MustCompile(`\A` + id + `\z`)
	theURL := regexp.MustCompile(`\A` + id + `(?:/` + pchar + `*)*(?:\?` + rest + `)?(?:#` + rest + `)?\z`)
	check := func(s string) {
		_, err := Parse(s)
		if theDID.MatchString(s) != (err == nil) {
			t.Errorf("%q: %v", s, err)
		}
		if _, err := ParseURL(s); theURL.MatchString(s) != (err == nil) {
			t.Errorf("%q as a URL: %v", s, err)
		}
	}
	const alphabet = "a:/?#%4.~@ Z"
	var words func(prefix string, n int)
	words = func(w string, n int) {
		for _, frame := range [][2]string{{"did:a:", ""}, {"did:a:b", ""}, {"did:", ":b"}, {"did:a:", "b"}, {"did:a:b/", "c"}, {"did:a:b?", "c"}, {"did:a:b#", "c"}, {"", "did:a:b"}} {
			check(frame[0] + w + frame[1])
		}
		if n > 0 {
			for _, c := range alphabet {
				words(w+string(c), n-1)
			}
		}
	}
	words("", 3)
	const long = "did:ex4mple:a%2Fb:c._-:%00/p;a=1/@?q=/?&r#f/?"
	for i := range long {
		for c := range 256 {
			check(long[:i] + string([]byte{byte(c)}) + long[i+1:])
			check(long[:i] + string([]byte{byte(c)}) + long[i:])
		}
	}
}
