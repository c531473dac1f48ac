package catalogue

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/khyer/khyer/disclosure"
)

// document is the type metadata of SD-JWT VC draft 19 sections 5.2, 5.5 and 5.6, and nothing else.
type document struct {
	VCT, Name, Description string
	Display                []struct{ Locale, Name, Description string }
	Claims                 []struct {
		Path      []any
		Display   []struct{ Locale, Label string }
		Mandatory bool
		SD        string
	}
}

func read(t *testing.T, ty *Type) (m document) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(ty.Metadata()))
	d.DisallowUnknownFields()
	if err := d.Decode(&m); err != nil {
		t.Fatalf("%s: %v", ty.Name, err)
	}
	return m
}

func TestMetadataSayWhatTheTypeSays(t *testing.T) {
	for _, c := range []*Catalogue{NDI(), Invented(), country(t)} {
		for i := range c.Types {
			ty := &c.Types[i]
			m := read(t, ty)
			if m.VCT != ty.VCT || m.Name != ty.Name || m.Description == "" || len(m.Display) == 0 || len(m.Claims) != len(ty.Claims) {
				t.Errorf("%s: %+v", ty.Name, m)
				continue
			}
			for n, row := range m.Claims {
				path := disclosure.Path(row.Path)
				if err := path.Check(); err != nil || !slices.Equal(path, ty.Claims[n].Path) {
					t.Errorf("%s: path %v", ty.Name, row.Path)
				}
				concealed := ty.Claims[n].Hidden
				if want := map[bool]string{true: "always", false: "never"}[concealed]; row.SD != want {
					t.Errorf("%s: %v is %s, Conceal says %s", ty.Name, row.Path, row.SD, want)
				}
				// Section 5.6.2: a label for each language that the type supports.
				if len(row.Display) != len(m.Display) {
					t.Errorf("%s: %v has %d labels, the type %d languages", ty.Name, row.Path, len(row.Display), len(m.Display))
				}
				for l := range row.Display {
					if row.Display[l].Label == "" || row.Display[l].Locale != m.Display[l].Locale || m.Display[l].Name == "" {
						t.Errorf("%s: %v: %+v", ty.Name, row.Path, row.Display)
					}
				}
			}
			if !bytes.Equal(ty.Metadata(), ty.Metadata()) {
				t.Errorf("%s: the bytes are not the same each time, so vct#integrity cannot name them", ty.Name)
			}
		}
	}
}

func TestMetadataCallMandatoryWhatEveryCardHas(t *testing.T) {
	mandatory := func(ty *Type) map[string]bool {
		out := map[string]bool{}
		for _, row := range read(t, ty).Claims {
			out[disclosure.Path(row.Path).String()] = row.Mandatory
		}
		return out
	}
	got := mandatory(typ(t, country(t), "urn:example:varendal:resident_card:1"))
	for path, want := range map[string]bool{
		`"ονοματεπώνυμο"`: true, `"address"`: true, `"address"."street"`: true, `"address"."floor"`: false, `"nationalities"`: true,
		`"nationalities".*`:   false, // the array may be empty
		`"permits"`:           false,
		`"permits".*."class"`: false, // each permit has one, but not each card has a permit
		`"age_over_16"`:       false, // added by Compute; Check passes without it
	} {
		if have, ok := got[path]; !ok || have != want {
			t.Errorf("%s: mandatory %v, want %v", path, have, want)
		}
	}
	c, err := Load([]byte(one(named("o", `,"format":"object","mandatory":false`), `{"path":["o","in"],"label":"L"}`)))
	if err != nil {
		t.Fatal(err)
	}
	if mandatory(&c.Types[0])[`"o"."in"`] {
		t.Error("a card without the optional object would be refused for what is inside it")
	}
}

func TestMetadataKeepNamesByteForByte(t *testing.T) {
	raw := string(typ(t, NDI(), "https://registry.example/types/moenr/forest-clearance-private-removal").Metadata())
	if !strings.Contains(raw, `{"path":["Total Trees & Poles Marked"],`) {
		t.Error(raw)
	}
	raw = string(typ(t, NDI(), "https://registry.example/types/work-permit").Metadata())
	if !strings.Contains(raw, `{"path":["Location Gewog "],"display":[{"locale":"en","label":"Gewog of the workplace"}],"mandatory":true,"sd":"always"}`) {
		t.Error(raw)
	}
}

// Nobody who reads Dzongkha has read a text yet. When somebody has, this test changes together with the file.
func TestNoDzongkhaThatNobodyHasRead(t *testing.T) {
	for name, file := range map[string][]byte{"ndi": ndi, "invented": invented} {
		var f struct {
			Translations map[string]map[string]map[string]string
		}
		if err := json.Unmarshal(file, &f); err != nil {
			t.Fatal(err)
		}
		rows := f.Translations["dz"]
		if len(f.Translations) != 1 || len(rows) == 0 {
			t.Fatalf("%s: no Dzongkha", name)
		}
		for source, row := range rows {
			if _, ok := row["reviewed_on"]; !ok || len(row) != 3 || row["text"] != "" || row["reviewed_by"] != "" {
				t.Errorf("%s: %q: %v", name, source, row)
			}
		}
		// Tibetan letters anywhere else would be a text that nobody was named for.
		if bytes.ContainsFunc(file, func(r rune) bool { return r >= 0x0f00 && r <= 0x0fff }) {
			t.Errorf("%s: has Tibetan letters", name)
		}
	}
	for _, ty := range append(NDI().Types, Invented().Types...) {
		if got := read(t, &ty).Display; len(got) != 1 || got[0].Locale != "en" {
			t.Errorf("%s: languages %v", ty.Name, got)
		}
		if ty.Label("dz") != ty.Label("en") || ty.Label("dz") == "" || ty.Description("dz-BT") != ty.Description("en") {
			t.Errorf("%s: an empty text was not answered in English", ty.Name)
		}
	}
}

// row is a translation; translated is a catalogue with a table of them.
func row(source, text, by, on string) string {
	return fmt.Sprintf(`%q:{"text":%q,"reviewed_by":%q,"reviewed_on":%q}`, source, text, by, on)
}

func translated(rows ...string) string {
	return strings.TrimSuffix(one(named("a", "")), "}") + `,"translations":{"xx":{` + "\n" + strings.Join(rows, ",\n") + `}}}`
}

func TestLabelsComeFromTheNearestReviewedLanguage(t *testing.T) {
	const by, on = "Invented Reader", "2026-11-24"
	file := translated(row("T", "t-xx", by, on), row("D", "", "", ""), row("L", "l-xx", by, on))
	c, err := Load([]byte(strings.TrimSuffix(file, "}}") + `,"xx-YY":{` + row("T", "", "", "") + "," + row("D", "", "", "") + "," + row("L", "l-xx-YY", by, on) + `}}}`))
	if err != nil {
		t.Fatal(err)
	}
	ty := &c.Types[0]
	for locale, want := range map[string]string{
		"en": "T L D", "en-GB": "T L D", "": "T L D", "fr": "T L D", "xx": "t-xx l-xx D", "XX": "t-xx l-xx D",
		"xx-YY": "t-xx l-xx-YY D", "xx-yy-1996": "t-xx l-xx-YY D", "xx-ZZ": "t-xx l-xx D", "x": "T L D", "-": "T L D", strings.Repeat("-x", 1000): "T L D",
	} {
		if got := ty.Label(locale) + " " + ty.Claims[0].Label(locale) + " " + ty.Description(locale); got != want {
			t.Errorf("%q: got %s, want %s", locale, got, want)
		}
	}
	// xx is complete but for the description, which is optional; xx-YY lacks the name and is not shown.
	m := read(t, ty)
	if len(m.Display) != 2 || m.Display[1].Locale != "xx" || m.Display[1].Name != "t-xx" || m.Display[1].Description != "" || m.Display[0].Description != "D" {
		t.Errorf("languages %+v", m.Display)
	}
	if l := m.Claims[0].Display; len(l) != 2 || l[1].Label != "l-xx" {
		t.Errorf("labels %+v", l)
	}
}

// Half a language is none: a label would be missing in it, which section 5.6.2 forbids.
func TestALanguageThatLacksALabelIsNotPublished(t *testing.T) {
	const by, on = "Invented Reader", "2026-11-24"
	for unread, want := range map[string]int{"T": 1, "D": 2, "L": 1, "": 2} {
		var rows []string
		for _, source := range []string{"T", "D", "L"} {
			if source == unread {
				rows = append(rows, row(source, "", "", ""))
			} else {
				rows = append(rows, row(source, "read", by, on))
			}
		}
		c, err := Load([]byte(translated(rows...)))
		if err != nil {
			t.Fatal(err)
		}
		if got := read(t, &c.Types[0]).Display; len(got) != want {
			t.Errorf("%q is unread: languages %+v, want %d", unread, got, want)
		}
	}
}

func TestLoadRefusesTranslations(t *testing.T) {
	const by, on = "Invented Reader", "2026-11-24"
	name, about, label := row("T", "", "", ""), row("D", "", "", ""), row("L", "", "", "")
	if _, err := Load([]byte(translated(name, about, label))); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, file, detail string }{
		{"a text that nobody has read", translated(name, about, row("L", "l", "", "")), "line 6, translations to xx, member reviewed_by"},
		{"a text of an unknown day", translated(name, about, row("L", "l", by, "")), "member reviewed_on"},
		{"a day that does not exist", translated(name, about, row("L", "l", by, "2026-02-30")), "member reviewed_on"},
		{"a day of another form", translated(name, about, row("L", "l", by, "24/11/2026")), "member reviewed_on"},
		{"a reader of nothing", translated(name, about, row("L", "", by, on)), "member text"},
		{"a day of nothing", translated(name, about, row("L", "", "", on)), "member reviewed_by"},
		{"a text with a space at the end", translated(name, about, row("L", "l ", by, on)), "member text"},
		{"a text that turns the line round", translated(name, about, row("L", "l\u202e", by, on)), "member text"},
		{"no day", translated(name, about, `"L":{"text":"","reviewed_by":""}`), "must have text, reviewed_by and reviewed_on"},
		{"a row that is a text", translated(name, about, `"L":"l"`), "must be an object"},
		{"no row for a label", translated(name, about), "type 1, claim 1, member label: has no row in the translations to xx"},
		{"no row for a type's name", translated(about, label), "type 1, member name: has no row in the translations to xx"},
		{"no row for a description", translated(name, label), "type 1, member description: has no row"},
		{"a row for a text that was changed", translated(name, about, label, row("Old", "l", by, on)), "line 7, translations to xx have a row for a text that no type"},
		{"a row twice", translated(name, about, label, label), "json_duplicate_member"},
		{"the language of the file", strings.Replace(translated(name, about, label), `"xx"`, `"EN"`, 1), "twice, or the language of the file"},
		{"a language in two cases", strings.TrimSuffix(translated(name, about, label), "}}") + `,"XX":{` + name + "," + about + "," + label + `}}}`, "has XX twice"},
		{"no language", strings.Replace(translated(name, about, label), `"xx"`, `"x_x"`, 1), "must be a language tag"},
		{"an array", strings.Replace(one(named("a", "")), `"types"`, `"translations":[],"types"`, 1), "member translations: must be an object"},
		{"a table that is an array", strings.Replace(one(named("a", "")), `"types"`, `"translations":{"xx":[]},"types"`, 1), "must be an object"},
	} {
		malformed(t, c.name, c.file, c.detail)
	}
	// Persian is written with joiners that cannot be seen.
	if _, err := Load([]byte(translated(name, about, row("L", "\u0645\u06cc\u200c\u0631\u0648\u062f", by, on)))); err != nil {
		t.Errorf("a joiner in a text for people: %v", err)
	}
}
