package catalogue

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

var noon = time.Date(2026, 11, 24, 6, 0, 0, 0, time.UTC) // midday in Bhutan

// country is another than Bhutan.
func country(t testing.TB) *Catalogue {
	t.Helper()
	file, err := os.ReadFile("testdata/varendal.json")
	if err != nil {
		t.Fatal(err)
	}
	c, err := Load(file)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

const (
	head = `{"catalogue":1,"name":"n","locale":"en","utc_offset":"+06:00",`
	show = `"display":{"name":"T","description":"D"},`
)

// kinds is a catalogue of types that are given, one a line after the first.
func kinds(types ...string) string {
	return head + `"types":[` + "\n" + strings.Join(types, ",\n") + `]}`
}

func kind(members string) string {
	return `{"name":"T","issuer":"I","vct":"urn:example:t",` + show + members + `}`
}

// one is a catalogue of one type with the claims that are given, each of which begins a line: the first is line 3.
func one(claims ...string) string {
	return kinds(kind(`"claims":[` + "\n" + strings.Join(claims, ",\n") + `]`))
}

// named is a claim with a label.
func named(name, more string) string {
	path, _ := json.Marshal([]string{name})
	return fmt.Sprintf(`{"path":%s,"label":"L"%s}`, path, more)
}

func malformed(t *testing.T, name, file, detail string) *Error {
	t.Helper()
	got, err := Load([]byte(file))
	var e *Error
	if !errors.As(err, &e) || e.Reason != BadCatalogue || !strings.Contains(e.Detail, detail) {
		t.Errorf("%s: got %v, want %s with %q", name, err, BadCatalogue, detail)
		return &Error{}
	}
	if got != nil {
		t.Errorf("%s: half a catalogue came back", name)
	}
	return e
}

func TestLoadRefusesFiles(t *testing.T) {
	good := one(named("a", ""))
	if _, err := Load([]byte(good)); err != nil {
		t.Fatal(err)
	}
	with := func(old, new string) string { return strings.Replace(good, old, new, 1) }
	for _, c := range []struct{ name, file, detail string }{
		{"nothing", ``, "json_malformed"},
		{"trailing text", good + "x", "json_malformed"},
		{"a duplicate member", `{"catalogue":1,"catalogue":1}`, "json_duplicate_member"},
		{"too large", `{"x":"` + strings.Repeat("a", maxFile) + `"}`, "json_too_large"},
		{"an array", `[]`, "line 1, must be an object"},
		{"another version", with(`"catalogue":1`, `"catalogue":2`), "member catalogue"},
		{"no version", with(`"catalogue":1,`, ``), "member catalogue"},
		{"a misspelt member", with(`"locale"`, `"locals":"en","locale"`), `has a member that this form does not know: "locals"`},
		{"no language", with(`"locale":"en",`, ``), "member locale"},
		{"a language of one letter", with(`"en"`, `"e"`), "member locale: must be a language tag"},
		{"a language of nine letters", with(`"en"`, `"en-abcdefghi"`), "member locale: must be a language tag"},
		{"a language with an underscore", with(`"en"`, `"en_GB"`), "member locale: must be a language tag"},
		{"no zone", with(`"utc_offset":"+06:00",`, ``), "member utc_offset"},
		{"a zone's name", with("+06:00", "Bhutan"), "member utc_offset"},
		{"no type", kinds(), "member types"},
		{"too many types", kinds(strings.Split(strings.Repeat("1,", maxTypes), ",")...), "json_malformed"},
		{"a type that is no object", kinds("1"), "line 2, type 1, must be an object"},
		{"an unknown member of a type", kinds(kind(`"claim":[],"claims":[` + named("a", "") + `]`)), "line 2, type 1, has a member that this form does not know"},
		{"no display", kinds(`{"name":"T","issuer":"I","vct":"urn:example:t","claims":[` + named("a", "") + `]}`), "line 2, type 1, an object is missing, with the members name, description"},
		{"no name to display", with(`"display":{"name":"T",`, `"display":{`), "type 1, member name: is missing, and must be a string"},
		{"no description", with(`,"description":"D"`, ``), "type 1, member description"},
		{"a relative vct", with(`urn:example:t`, `types/t`), "type 1, member vct"},
		{"a vct with a space", with(`urn:example:t`, `urn:example:t `), "type 1, member vct"},
		{"invented as text", with(`"issuer"`, `"invented":"no","issuer"`), "member invented"},
		{"a type's name with a space at the end", with(`"name":"T","issuer"`, `"name":"T ","issuer"`), "name or issuer: has a space"},
		{"an issuer's name with two spaces", with(`"issuer":"I"`, `"issuer":"I  I"`), "name or issuer: has a space"},
		{"a vct twice", kinds(kind(`"claims":[`+named("a", "")+`]`), strings.Replace(kind(`"claims":[`+named("a", "")+`]`), `"T"`, `"U"`, 1)), "line 3, type 2, member vct: another"},
		{"a type twice", kinds(kind(`"claims":[`+named("a", "")+`]`), strings.Replace(strings.Replace(kind(`"claims":[`+named("a", "")+`]`), `"T"`, `"t"`, 1), "example:t", "example:u", 1)),
			"line 3, type 2, member name: another type of the issuer"},
		{"no claims", kinds(kind(`"claims":[]`)), "type 1, member claims"},
		{"too many claims", kinds(kind(`"claims":[` + strings.Repeat(`1,`, maxClaims) + `1]`)), "type 1, member claims"},
	} {
		malformed(t, c.name, c.file, c.detail)
	}
}

// What is not there is called missing, and the line is that of the object that lacks it.
func TestMissingMembers(t *testing.T) {
	good := kinds(`{"name":"T","issuer":"I","vct":"urn:example:t","display":{"name":"T","description":"D"},"schemas":[{"uri":"urn:example:s","environment":"staging","reliability":"confirmed"}],"claims":[` +
		"\n" + `{"path":["b"],"label":"Born","format":"dd/mm/yyyy"},` + "\n" + `{"path":["a"],"label":"Adult","format":"boolean","age_over":18,"of":["b"]}]}`)
	if _, err := Load([]byte(good)); err != nil {
		t.Fatal(err)
	}
	for member, detail := range map[string]string{
		`"catalogue":1,`: "line 1, member catalogue", `"name":"n",`: "line 1, member name", `"locale":"en",`: "line 1, member locale", `"utc_offset":"+06:00",`: "line 1, member utc_offset",
		`"name":"T","issuer"`: "line 2, type 1, member name", `"issuer":"I",`: "line 2, type 1, member issuer", `"vct":"urn:example:t",`: "line 2, type 1, member vct",
		`,"description":"D"`: "line 2, type 1, member description", `"uri":"urn:example:s",`: "line 2, type 1, member uri", `"environment":"staging",`: "line 2, type 1, member environment",
		`,"reliability":"confirmed"`: "line 2, type 1, member reliability", `"path":["b"],`: "line 3, type 1, claim 1, member path", `"label":"Born",`: "line 3, type 1, claim 1, member label",
		`"age_over":18,`: "line 4, type 1, claim 2, member age_over", `,"of":["b"]`: "line 4, type 1, claim 2, member of",
	} {
		without := strings.Replace(good, member, map[bool]string{true: `"issuer"`}[strings.HasSuffix(member, `"issuer"`)], 1)
		malformed(t, "without "+member, without, detail+": is missing, and must ")
	}
	malformed(t, "without claims", kinds(`{"name":"T","issuer":"I","vct":"urn:example:t","display":{"name":"T","description":"D"}}`), "line 2, type 1, member claims: is missing, and must ")
	malformed(t, "without types", head[:len(head)-1]+`}`, "line 1, member types: is missing, and must ")
}

func TestLoadRefusesClaims(t *testing.T) {
	birth := named("b", `,"format":"dd/mm/yyyy"`)
	for _, c := range []struct{ name, file, detail string }{
		{"a misspelt member", one(named("a", `,"hiden":true`)), "line 3, type 1, claim 1, has a member"},
		{"no path", one(`{"label":"L"}`), "line 3, type 1, claim 1, member path: is missing, and must be an array"},
		{"a name instead of a path", one(`{"path":"a","label":"L"}`), "claim 1, member path: must be an array"},
		{"an empty path", one(`{"path":[],"label":"L"}`), "claim 1, member path: must be an array"},
		{"a path that begins with an element", one(`{"path":[null],"label":"L"}`), "claim 1, member path: must be a string"},
		{"a path with an index", one(`{"path":["a",0],"label":"L"}`), "claim 1, member path: must be a string"},
		{"no label", one(`{"path":["a"]}`), "line 3, type 1, claim 1, member label"},
		{"an empty label", one(`{"path":["a"],"label":""}`), "claim 1, member label"},
		{"a label with a space at the end", one(`{"path":["a"],"label":"L "}`), "claim 1, member label"},
		{"a label that turns the line round", one(`{"path":["a"],"label":"L\u202e"}`), "claim 1, member label"},
		{"a name of spaces", one(named("  ", "")), "claim 1, member path: must be a string"},
		{"a name with a no-break space", one(named("Full\u00a0Name", "")), "cannot be seen"},
		{"a name with a zero-width space", one(named("Full\u200bName", "")), "cannot be seen"},
		{"a name with a joiner", one(named("Full\u200dName", "")), "cannot be seen"},
		{"a name with a filler", one(named("Full\u3164Name", "")), "cannot be seen"},
		{"a name with a line feed", one(named("Full\nName", "")), "cannot be seen"},
		{"a long name", one(named(strings.Repeat("a", maxName+1), "")), "claim 1, member path: must be a string of 1 to 128 bytes"},
		{"a name twice", one(named("a", ""), named("a", "")), "line 4, type 1, claim 2, member path: another claim"},
		{"a name twice, byte_exact", one(named("a", `,"byte_exact":true`), named("a", `,"byte_exact":true`)), "claim 2, member path: another claim"},
		{"a name that ends with a space", one(named("Department ", "")), "claim 1, member path: a name with a space at an end"},
		{"a name that begins with a space", one(named(" Department", "")), "claim 1, member path: a name with a space at an end"},
		{"a name with two spaces", one(named("Full  Name", "")), "claim 1, member path: a name with a space at an end, or two in a row"},
		{"a name in another case", one(named("Issue Date", ""), named("Issue date", "")), "line 4, type 1, claim 2, member path: differs from another only in case or spaces"},
		{"a name with an underscore", one(named("Issue Date", ""), named("issue_date", "")), "claim 2, member path: differs from another only in case or spaces"},
		{"a reserved name", one(named("exp", "")), "reserves"},
		{"a digest's name", one(named("_sd", "")), "reserves"},
		{"a digest's name inside", one(named("a", `,"format":"object"`), `{"path":["a","_sd"],"label":"L"}`), "reserves"},
		{"an element's placeholder inside", one(named("a", `,"format":"object"`), `{"path":["a","..."],"label":"L"}`), "reserves"},
		{"an unknown format", one(named("a", `,"format":"email"`)), "member format"},
		{"an array of texts by its old name", one(named("a", `,"format":"texts"`)), "member format"},
		{"sd allowed", one(named("a", `,"sd":"allowed"`)), "member sd"},
		{"sd null", one(named("a", `,"sd":null`)), "member sd"},
		{"mandatory as text", one(named("a", `,"mandatory":"false"`)), "member mandatory"},
		{"a mandatory element", one(named("a", `,"format":"array"`), `{"path":["a",null],"label":"L","mandatory":true}`), "member mandatory: has no place"},
		{"byte_exact as a number", one(named("a", `,"byte_exact":1`)), "member byte_exact"},
		{"a bad pattern", one(named("a", `,"pattern":"("`)), "member pattern"},
		{"a pattern that would escape its anchors", one(named("a", `,"pattern":"a)|(b"`)), "member pattern"},
		{"a pattern for a flag", one(named("a", `,"format":"boolean","pattern":"t"`)), "member pattern"},
		{"an object of nothing", one(named("a", `,"format":"object"`)), "line 3, type 1, claim 1, member format: no claim says"},
		{"an array of nothing", one(named("a", `,"format":"array"`)), "line 3, type 1, claim 1, member format: no claim says"},
		{"a claim inside nothing", one(`{"path":["a","b"],"label":"L"}`), "claim 1, member path: what contains the claim"},
		{"a claim before what contains it", one(`{"path":["a","b"],"label":"L"}`, named("a", `,"format":"object"`)), "claim 1, member path: what contains the claim"},
		{"a claim inside a text", one(named("a", ""), `{"path":["a","b"],"label":"L"}`), "claim 2, member path: what contains the claim must stand before it, with the format object"},
		{"a claim inside an array without an element", one(named("a", `,"format":"array"`), `{"path":["a","b"],"label":"L"}`), "claim 2, member path: what contains the claim"},
		{"an element of an object", one(named("a", `,"format":"object"`), `{"path":["a",null],"label":"L"}`), "claim 2, member path: what contains the claim must stand before it, with the format array"},
		{"an element twice", one(named("a", `,"format":"array"`), `{"path":["a",null],"label":"L"}`, `{"path":["a",null],"label":"L"}`), "claim 3, member path: another"},
		{"an age of nothing", one(named("a", `,"format":"boolean","age_over":18`)), "member of"},
		{"an age of a text", one(named("a", `,"format":"boolean","age_over":18,"of":["b"]`), named("b", "")), "member of: names no claim with the format of a date"},
		{"an age of a date that is not there", one(named("a", `,"format":"boolean","age_over":18,"of":["c"]`), birth), "member of: names no claim"},
		{"an age of an optional date", one(named("b", `,"format":"dd/mm/yyyy","mandatory":false`), named("a", `,"format":"boolean","age_over":18,"of":["b"]`)), "member of: names a claim that not every card has"},
		{"an age of a date in an optional object", one(named("o", `,"format":"object","mandatory":false`), `{"path":["o","b"],"label":"L","format":"dd/mm/yyyy"}`, named("a", `,"format":"boolean","age_over":18,"of":["o","b"]`)), "member of: names a claim that not every card has"},
		{"an age of one of many dates", one(named("b", `,"format":"array"`), `{"path":["b",null],"label":"L","format":"dd/mm/yyyy"}`, named("a", `,"format":"boolean","age_over":18,"of":["b",null]`)), "member of: names a claim that not every card has"},
		{"an age that is no flag", one(named("a", `,"age_over":18,"of":["b"]`), birth), "member age_over"},
		{"an age of zero", one(named("a", `,"format":"boolean","age_over":0,"of":["b"]`), birth), "member age_over"},
		{"an age of 151", one(named("a", `,"format":"boolean","age_over":151,"of":["b"]`), birth), "member age_over"},
		{"an age inside an object", one(birth, named("o", `,"format":"object"`), `{"path":["o","a"],"label":"L","format":"boolean","age_over":18,"of":["b"]}`), "member age_over"},
		{"a mandatory age", one(birth, named("a", `,"format":"boolean","age_over":18,"of":["b"],"mandatory":true`)), "member mandatory: has no place"},
	} {
		malformed(t, c.name, c.file, c.detail)
	}
}

func TestLoadSaysWhere(t *testing.T) {
	e := malformed(t, "format", one(named("First", ""), named("Second ", `,"byte_exact":true,"format":"x"`)), "line 4, type 1, claim 2, member format")
	if e.Type != "T" || len(e.Path) != 1 || e.Path[0] != "Second " {
		t.Errorf("got type %q, claim %v", e.Type, e.Path)
	}
	if got := e.Error(); !strings.HasPrefix(got, `catalogue: catalogue_malformed in T at "Second ": line 4, type 1, claim 2, member format`) {
		t.Error(got)
	}
	malformed(t, "syntax", "{\n\"catalogue\": 1,\n}", "line 3, ")
	malformed(t, "twice", "{\n\"name\": \"a\",\n\"name\": \"b\"}", "line 3, ")
}

func TestLoadKeepsNamesThatSayByteExact(t *testing.T) {
	c, err := Load([]byte(one(named("Department", ""), named("Department ", `,"byte_exact":true`), named("Issue  date", `,"byte_exact":true`), named("Issue Date", ""))))
	if err != nil {
		t.Fatal(err)
	}
	if got := given(&c.Types[0]); strings.Join(got, "|") != "Department|Department |Issue  date|Issue Date" {
		t.Errorf("got %q", got)
	}
}

func TestLoadRefusesSchemas(t *testing.T) {
	schema := func(uri, reliability string) string {
		return fmt.Sprintf(`"schemas":[{"uri":%q,"environment":"staging","reliability":%q}],`, uri, reliability)
	}
	rows := `"claims":[` + named("a", "") + `]`
	two := func(first, second string) string {
		return kinds(kind(first+rows), strings.NewReplacer(`"name":"T","issuer"`, `"name":"U","issuer"`, "example:t", "example:u").Replace(kind(second+rows)))
	}
	const uri = "https://schema.example/1"
	for _, c := range []struct{ name, file, detail string }{
		{"no schema", kinds(kind(`"schemas":[],` + rows)), "member schemas"},
		{"a text", kinds(kind(`"schemas":["https://schema.example/1"],` + rows)), "must be an object"},
		{"relative", kinds(kind(schema("schemas/1", "confirmed") + rows)), "member uri"},
		{"an environment", kinds(kind(strings.Replace(schema(uri, "confirmed"), "staging", "test", 1) + rows)), "member environment"},
		{"a reliability", kinds(kind(schema(uri, "probable") + rows)), "member reliability"},
		{"of two types", two(schema(uri, "confirmed"), schema(uri, "confirmed")), "line 3, type 2, member schemas: another type has the schema too"},
		{"of two types, one of which claims it", two(schema(uri, "conflicting"), schema(uri, "confirmed")), "type 2, member schemas: another"},
		{"of two types, the other of which claims it", two(schema(uri, "single source"), schema(uri, "conflicting")), "type 2, member schemas: another"},
		{"conflicting, as identity of the type", strings.Replace(two(schema(uri, "conflicting"), schema(uri, "conflicting")), "urn:example:u", uri, 1), "type 2, member vct: a schema that is not confirmed"},
		{"conflicting, as identity of an earlier type", strings.Replace(two("", schema(uri, "conflicting")), "urn:example:t", uri, 1), "line 2, type 1, member vct: a schema that is not confirmed"},
		{"seen once, as identity", strings.Replace(kinds(kind(schema(uri, "single source")+rows)), "urn:example:t", uri, 1), "member vct: a schema that is not confirmed"},
	} {
		malformed(t, c.name, c.file, c.detail)
	}
	c, err := Load([]byte(two(schema(uri, "conflicting"), schema(uri, "conflicting"))))
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := c.BySchema(uri); ok {
		t.Error("a conflicting schema identified a type")
	}
	if _, err := Load([]byte(strings.Replace(kinds(kind(schema(uri, "confirmed")+rows)), "urn:example:t", uri, 1))); err != nil {
		t.Errorf("a confirmed schema may be the type's identifier: %v", err)
	}
}

func FuzzLoad(f *testing.F) {
	other, err := os.ReadFile("testdata/varendal.json")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(ndi)
	f.Add(invented)
	f.Add(other)
	f.Add([]byte(one(named("a", `,"pattern":"[a-"`))))
	f.Add([]byte(one(named("a", `,"format":"array"`), `{"path":["a",null],"label":"L","format":"array"}`, `{"path":["a",null,null],"label":"L","format":"integer"}`)))
	f.Add([]byte(one(named("Date of Birth", `,"format":"yyyy-mm-dd"`), named("a", `,"format":"boolean","age_over":18,"of":["Date of Birth"]`))))
	f.Fuzz(func(t *testing.T, file []byte) {
		c, err := Load(file)
		if err != nil {
			if !errors.Is(err, BadCatalogue) || c != nil {
				t.Fatalf("%v, %v", c, err)
			}
			return
		}
		for i := range c.Types {
			ty := &c.Types[i]
			if len(ty.Claims) == 0 || ty.VCT == "" || ty.zone == nil || ty.Label("dz") == "" || ty.Description("x-") == "" {
				t.Fatal("a type without its parts was believed")
			}
			for _, claim := range ty.Claims {
				if found, err := ty.Find(claim.Path); err != nil || found.Label("en") == "" {
					t.Fatalf("a claim is not at its path: %v", err)
				}
			}
			if !json.Valid(ty.Metadata()) {
				t.Fatal("metadata that are no JSON")
			}
			sample, err := ty.Compute([]byte(`{"Date of Birth":"2000-02-29"}`), noon)
			if err == nil && !json.Valid(sample) {
				t.Fatal("Compute made text that is no JSON")
			}
			if paths, err := ty.Conceal([]byte(`{"Date of Birth":"2000-02-29"}`)); err == nil && len(paths) > len(ty.Claims) {
				t.Fatal("paths from nowhere")
			}
		}
	})
}
