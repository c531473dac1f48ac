package credential_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/khyer/khyer/credential"
	"github.com/khyer/khyer/disclosure"
)

func parseType(t testing.TB, doc string) *credential.TypeMetadata {
	t.Helper()
	m, err := credential.ParseTypeMetadata([]byte(doc))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// expectFault wants an error of a reason at a path.
func expectFault(t testing.TB, err error, want disclosure.Reason, path string) {
	t.Helper()
	var e *disclosure.Error
	if !errors.As(err, &e) || e.Reason != want || e.Path.String() != path {
		t.Errorf("got %v, want %s at %s", err, want, path)
	}
}

// Every property of section 5, once, and one of each that nobody knows.
const wholeType = `{
 "vct": "https://registry.example/types/degree", "name": "Degree", "description": "for developers", "unknown": [1],
 "display": [
  {"locale": "en", "name": "University degree", "description": "What was studied", "rendering": {
    "simple": {"logo": {"uri": "https://registry.example/logo.png", "uri#integrity": "sha256-LmXfh+9cLlJNXN+TsMk+PmKjZ5t0WRL5ca/xGgX3c1U=", "alt_text": "a wheel"},
      "background_image": {"uri": "data:image/png;base64,AAAA"}, "background_color": "#12107c", "text_color": "#FFFFFF", "font": "any"},
    "svg_templates": [
      {"uri": "https://registry.example/a.svg", "properties": {"orientation": "landscape", "color_scheme": "light", "contrast": "high"}},
      {"uri": "https://registry.example/b.svg", "properties": {"orientation": "portrait"}}],
    "hologram": "unknown"}},
  {"locale": "dz", "name": "གཙུག་ལག"},
  {"locale": "de-CH-1996", "name": "Abschluss"}],
 "claims": [
  {"path": ["Full Name"], "mandatory": true, "sd": "always", "svg_id": "full_name", "display": [{"locale": "en", "label": "Name", "description": "of the student"}, {"locale": "dz", "label": "མིང"}]},
  {"path": ["degrees"], "sd": "never", "colour": "unknown"},
  {"path": ["degrees", null]},
  {"path": ["degrees", 0, "field"], "sd": "allowed", "mandatory": false, "svg_id": "_f1"}]
}`

func TestTypeMetadataIsReadWhole(t *testing.T) {
	m := parseType(t, wholeType)
	name, description := m.Name()
	if m.Type() != "https://registry.example/types/degree" || name != "Degree" || description != "for developers" {
		t.Errorf("%s, %s, %s", m.Type(), name, description)
	}
	if vct, hash := m.Extends(); vct != "" || hash != "" {
		t.Errorf("extends %q %q", vct, hash)
	}
	if got := fmt.Sprint(m.Locales()); got != "[en dz de-CH-1996]" {
		t.Error(got)
	}
	d, ok := m.Display("en")
	if !ok || d.Name != "University degree" || d.Description != "What was studied" || !strings.Contains(string(d.Rendering), `"hologram": "unknown"`) {
		t.Errorf("%+v", d)
	}
	want := []string{`"Full Name" true always full_name`, `"degrees" false never `, `"degrees".* false allowed `, `"degrees".0."field" false allowed _f1`}
	for i, c := range m.Claims() {
		if got := fmt.Sprint(c.Path.String(), " ", c.Mandatory, " ", c.SD, " ", c.SVGID); got != want[i] {
			t.Errorf("got %s, want %s", got, want[i])
		}
	}
	if l, ok := m.Claims()[0].Display("dz"); !ok || l.Label != "མིང" {
		t.Errorf("%+v", l)
	}
	if _, ok := m.Claims()[1].Display("dz"); ok {
		t.Error("a claim without display has one")
	}
}

func TestTypeMetadataCannotBeChanged(t *testing.T) {
	m := parseType(t, wholeType)
	m.Claims()[0].Path[0] = "changed"
	m.Claims()[0] = credential.ClaimMetadata{}
	d, _ := m.Display("en")
	d.Rendering[0] = 'x'
	again, _ := m.Display("en")
	if m.Claims()[0].Path[0] != "Full Name" || again.Rendering[0] != '{' {
		t.Error("what was returned leads into the metadata")
	}
}

func TestTypeDisplayInSeveralLanguages(t *testing.T) {
	m := parseType(t, `{"vct":"v","display":[{"locale":"en-US","name":"US"},{"locale":"dz","name":"DZ"},{"locale":"zh-Hant","name":"HANT"},
		{"locale":"en-GB-oxendict","name":"OX"},{"locale":"x-wheel","name":"WHEEL"}]}`)
	for want, name := range map[string]string{
		"en-US": "US", "EN-us": "US", "dz": "DZ", "dz-BT": "DZ", "dz-Tibt-BT-x-old": "DZ", "zh-Hant-TW": "HANT", "zh-Hant-a-foo": "HANT",
		"en": "US", "en-GB": "OX", "en-NZ": "US", "zh": "HANT", "zh-Hans": "HANT", "fr": "US", "": "US", "-": "US", "x-wheel-2": "WHEEL", "d": "US",
	} {
		if d, ok := m.Display(want); !ok || d.Name != name {
			t.Errorf("%q: got %s, want %s", want, d.Name, name)
		}
	}
	if _, ok := parseType(t, `{"vct":"v"}`).Display("en"); ok {
		t.Error("a type without display has one")
	}
}

func TestTypeMetadataFaults(t *testing.T) {
	display := func(s string) string { return `{"vct":"v","display":[{"locale":"en","name":"N"},` + s + `]}` }
	rendering := func(s string) string { return display(`{"locale":"dz","name":"N","rendering":` + s + `}`) }
	simple := func(s string) string { return rendering(`{"simple":` + s + `}`) }
	svg := func(s string) string { return rendering(`{"svg_templates":` + s + `}`) }
	claim := func(s string) string { return `{"vct":"v","claims":[{"path":["a"],"svg_id":"a"},` + s + `]}` }
	label := func(s string) string { return claim(`{"path":["b"],"display":` + s + `}`) }
	uri := func(s string) string { return simple(`{"logo":{"uri":"` + s + `"}}`) }
	const d1, c1 = `"display".1`, `"claims".1`
	const logo, template = d1 + `."rendering"."simple"."logo"`, d1 + `."rendering"."svg_templates"`
	for _, c := range []struct {
		name, doc string
		want      disclosure.Reason
		path      string
	}{
		{"empty", ``, credential.TypeMalformed, ""},
		{"no JSON", `{"vct":`, credential.TypeMalformed, ""},
		{"a list", `[{"vct":"v"}]`, credential.TypeMalformed, ""},
		{"two documents", `{"vct":"v"}{"vct":"v"}`, credential.TypeMalformed, ""},
		{"vct twice", `{"vct":"v","vct":"v"}`, credential.TypeMalformed, ""},
		{"invalid UTF-8", "{\"vct\":\"v\xff\"}", credential.TypeMalformed, ""},
		{"no vct", `{"name":"N"}`, credential.TypeNameMissing, ""},
		{"vct null", `{"vct":null}`, credential.TypeNameMissing, ""},
		{"vct empty", `{"vct":""}`, credential.TypeNameMissing, ""},
		{"vct a list", `{"vct":["v"]}`, credential.TypeNameMissing, ""},
		{"name a number", `{"vct":"v","name":1}`, credential.TypeProperty, `"name"`},
		{"description null", `{"vct":"v","description":null}`, credential.TypeProperty, `"description"`},
		{"extends a list", `{"vct":"v","extends":["w:a"]}`, credential.TypeProperty, `"extends"`},
		{"extends empty", `{"vct":"v","extends":""}`, credential.TypeProperty, `"extends"`},
		{"extends no URI", `{"vct":"v","extends":"degree"}`, credential.TypeProperty, `"extends"`},
		{"extends with a space", `{"vct":"v","extends":"urn:a b"}`, credential.TypeProperty, `"extends"`},
		{"extends with a line break", `{"vct":"v","extends":"urn:a\nb"}`, credential.TypeProperty, `"extends"`},
		{"extends beyond ASCII", `{"vct":"v","extends":"urn:ä"}`, credential.TypeProperty, `"extends"`},
		{"extends#integrity a number", `{"vct":"v","extends":"w:a","extends#integrity":1}`, credential.IntegrityMalformed, `"extends#integrity"`},
		{"extends#integrity empty", `{"vct":"v","extends":"w:a","extends#integrity":""}`, credential.IntegrityMalformed, `"extends#integrity"`},
		{"display an object", `{"vct":"v","display":{"locale":"en","name":"N"}}`, credential.TypeProperty, `"display"`},
		{"display null", `{"vct":"v","display":null}`, credential.TypeProperty, `"display"`},
		{"display a text", display(`"en"`), credential.TypeDisplayFault, d1},
		{"display without locale", display(`{"name":"N"}`), credential.TypeDisplayFault, d1},
		{"display without name", display(`{"locale":"dz"}`), credential.TypeDisplayFault, d1},
		{"display with a number for a description", display(`{"locale":"dz","name":"N","description":1}`), credential.TypeDisplayFault, d1},
		{"locale with underscore", display(`{"locale":"en_US","name":"N"}`), credential.TypeLocale, d1 + `."locale"`},
		{"locale with empty subtag", display(`{"locale":"en--US","name":"N"}`), credential.TypeLocale, d1 + `."locale"`},
		{"locale of a language too long", display(`{"locale":"englishes","name":"N"}`), credential.TypeLocale, d1 + `."locale"`},
		{"locale of one letter", display(`{"locale":"e","name":"N"}`), credential.TypeLocale, d1 + `."locale"`},
		{"locale with a dangling singleton", display(`{"locale":"en-a","name":"N"}`), credential.TypeLocale, d1 + `."locale"`},
		{"locale with a line break", display(`{"locale":"en\n","name":"N"}`), credential.TypeLocale, d1 + `."locale"`},
		{"rendering a list", rendering(`[]`), credential.TypeRendering, d1 + `."rendering"`},
		{"simple a list", simple(`[]`), credential.TypeRendering, d1 + `."rendering"."simple"`},
		{"a number for a colour", simple(`{"background_color":1}`), credential.TypeRendering, d1 + `."rendering"."simple"`},
		{"a number for the text's colour", simple(`{"text_color":1}`), credential.TypeRendering, d1 + `."rendering"."simple"`},
		{"logo a text", simple(`{"logo":"https://a.example"}`), credential.TypeRendering, logo},
		{"logo without uri", simple(`{"logo":{"alt_text":"a"}}`), credential.TypeRendering, logo},
		{"alt_text a number", simple(`{"logo":{"uri":"https://a.example","alt_text":1}}`), credential.TypeRendering, logo},
		{"background without uri", simple(`{"background_image":{}}`), credential.TypeRendering, d1 + `."rendering"."simple"."background_image"`},
		{"logo over http", uri("http://a.example/l.png"), credential.TypeRenderingURI, logo + `."uri"`},
		{"logo in a file", uri("file:///etc/passwd"), credential.TypeRenderingURI, logo + `."uri"`},
		{"logo that is a script", uri("javascript:alert(1)"), credential.TypeRenderingURI, logo + `."uri"`},
		{"logo without host", uri("https:///l.png"), credential.TypeRenderingURI, logo + `."uri"`},
		{"logo on a port without host", uri("https://:443/l.png"), credential.TypeRenderingURI, logo + `."uri"`},
		{"logo relative", uri("l.png"), credential.TypeRenderingURI, logo + `."uri"`},
		{"uri#integrity no hash", simple(`{"logo":{"uri":"https://a.example","uri#integrity":"abc"}}`), credential.IntegrityMalformed, logo + `."uri#integrity"`},
		{"templates an object", svg(`{}`), credential.TypeRendering, template},
		{"template without uri", svg(`[{}]`), credential.TypeRendering, template + `.0`},
		{"template over http", svg(`[{"uri":"http://a.example"}]`), credential.TypeRenderingURI, template + `.0."uri"`},
		{"two templates, one without properties", svg(`[{"uri":"https://a.example","properties":{"contrast":"high"}},{"uri":"https://a.example"}]`), credential.TypeRendering, template + `.1."properties"`},
		{"properties without any", svg(`[{"uri":"https://a.example","properties":{}}]`), credential.TypeRendering, template + `.0."properties"`},
		{"properties a text", svg(`[{"uri":"https://a.example","properties":"high"}]`), credential.TypeRendering, template + `.0."properties"`},
		{"orientation unknown", svg(`[{"uri":"https://a.example","properties":{"orientation":"diagonal"}}]`), credential.TypeRendering, template + `.0."properties"."orientation"`},
		{"color_scheme unknown", svg(`[{"uri":"https://a.example","properties":{"color_scheme":"high"}}]`), credential.TypeRendering, template + `.0."properties"."color_scheme"`},
		{"contrast unknown", svg(`[{"uri":"https://a.example","properties":{"contrast":1}}]`), credential.TypeRendering, template + `.0."properties"."contrast"`},
		{"claims an object", `{"vct":"v","claims":{}}`, credential.TypeProperty, `"claims"`},
		{"claim a text", claim(`"b"`), credential.TypeClaim, c1},
		{"mandatory a text", claim(`{"path":["b"],"mandatory":"true"}`), credential.TypeClaim, c1 + `."mandatory"`},
		{"mandatory null", claim(`{"path":["b"],"mandatory":null}`), credential.TypeClaim, c1 + `."mandatory"`},
		{"no path", claim(`{}`), credential.TypeClaimPath, c1 + `."path"`},
		{"path a text", claim(`{"path":"b"}`), credential.TypeClaimPath, c1 + `."path"`},
		{"path empty", claim(`{"path":[]}`), credential.TypeClaimPath, c1 + `."path"`},
		{"path negative", claim(`{"path":["b",-1]}`), credential.TypeClaimPath, c1 + `."path"`},
		{"path with a fraction", claim(`{"path":["b",1.5]}`), credential.TypeClaimPath, c1 + `."path"`},
		{"path with a list", claim(`{"path":["b",[]]}`), credential.TypeClaimPath, c1 + `."path"`},
		{"path with a boolean", claim(`{"path":["b",true]}`), credential.TypeClaimPath, c1 + `."path"`},
		{"one path twice", claim(`{"path":["\u0061"]}`), credential.TypeClaimRepeated, c1 + `."path"`},
		{"sd unknown", claim(`{"path":["b"],"sd":"sometimes"}`), credential.TypeClaimSD, c1 + `."sd"`},
		{"sd in capitals", claim(`{"path":["b"],"sd":"Always"}`), credential.TypeClaimSD, c1 + `."sd"`},
		{"sd a boolean", claim(`{"path":["b"],"sd":true}`), credential.TypeClaimSD, c1 + `."sd"`},
		{"svg_id with a dash", claim(`{"path":["b"],"svg_id":"a-b"}`), credential.TypeSVGID, c1 + `."svg_id"`},
		{"svg_id beyond ASCII", claim(`{"path":["b"],"svg_id":"é"}`), credential.TypeSVGID, c1 + `."svg_id"`},
		{"svg_id with a digit first", claim(`{"path":["b"],"svg_id":"1a"}`), credential.TypeSVGID, c1 + `."svg_id"`},
		{"svg_id empty", claim(`{"path":["b"],"svg_id":""}`), credential.TypeSVGID, c1 + `."svg_id"`},
		{"svg_id a number", claim(`{"path":["b"],"svg_id":1}`), credential.TypeSVGID, c1 + `."svg_id"`},
		{"svg_id twice", claim(`{"path":["b"],"svg_id":"a"}`), credential.TypeSVGIDRepeated, c1 + `."svg_id"`},
		{"claim display an object", label(`{}`), credential.TypeClaimDisplay, c1 + `."display"`},
		{"claim display a text", label(`["x"]`), credential.TypeClaimDisplay, c1 + `."display".0`},
		{"claim display without label", label(`[{"locale":"en"}]`), credential.TypeClaimDisplay, c1 + `."display".0`},
		{"claim display without locale", label(`[{"label":"L"}]`), credential.TypeClaimDisplay, c1 + `."display".0`},
		{"claim description a number", label(`[{"locale":"en","label":"L","description":1}]`), credential.TypeClaimDisplay, c1 + `."display".0`},
		{"second claim display without label", label(`[{"locale":"en","label":"L"},{"locale":"dz"}]`), credential.TypeClaimDisplay, c1 + `."display".1`},
		{"claim locale malformed", label(`[{"locale":"*","label":"L"}]`), credential.TypeLocale, c1 + `."display".0."locale"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := credential.ParseTypeMetadata([]byte(c.doc))
			expectFault(t, err, c.want, c.path)
		})
	}
}

func TestTypeMetadataThatAreNoFault(t *testing.T) {
	for name, doc := range map[string]string{
		"one template without properties": `{"vct":"v","display":[{"locale":"en","name":"N","rendering":{"svg_templates":[{"uri":"https://a.example/t.svg"}]}}]}`,
		"data: in capitals":               `{"vct":"v","display":[{"locale":"en","name":"N","rendering":{"simple":{"logo":{"uri":"DATA:,"}}}}]}`,
		"svg_id from end to end":          `{"vct":"v","claims":[{"path":["a"],"svg_id":"_azAZ09"}]}`,
		"lang, as before draft 12":        `{"vct":"v","display":[{"lang":"en","name":"N"}],"claims":[{"path":["a"],"display":[{"lang":"dz","label":"L"}]}]}`,
		"lists that are empty":            `{"vct":"v","display":[],"claims":[]}`,
		"extends as a URN":                `{"vct":"v","extends":"urn:example:a:1","extends#integrity":"sha256-AAAA"}`,
		"a vct that is no URI":            `{"vct":"ID card "}`,
	} {
		if _, err := credential.ParseTypeMetadata([]byte(doc)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestLanguageTags(t *testing.T) {
	for tag, ok := range map[string]bool{
		"dz": true, "zh-cmn-Hans-CN": true, "sl-rozaj-biske-1994": true, "de-CH-1901": true, "es-419": true, "en-a-myext-b-another": true,
		"x-whatever": true, "i-klingon": true, "en-GB-oed": true, "sgn-BE-FR": true, "zh-min-nan": true, "DZ-bt": true, "hy-Latn-IT-arevela": true,
		"de-419-DE": false, "a-DE": false, "x": false, "i-unknown": false, "en-": false, "-en": false, "en US": false, "en-x": false, "1en": false,
		"ar-aao-aaa-bbb-ccc": false, strings.Repeat("en-aaaaa", 20): false,
	} {
		doc, _ := json.Marshal(map[string]any{"vct": "v", "display": []any{map[string]string{"locale": tag, "name": "N"}}})
		switch _, err := credential.ParseTypeMetadata(doc); {
		case ok && err != nil:
			t.Errorf("%s: %v", tag, err)
		case !ok && !errors.Is(err, credential.TypeLocale):
			t.Errorf("%s: %v", tag, err)
		}
	}
}

func TestTypeMetadataBounds(t *testing.T) {
	list := func(n int, f func(i int) string) string {
		out := make([]string, n)
		for i := range out {
			out[i] = f(i)
		}
		return "[" + strings.Join(out, ",") + "]"
	}
	claims := func(n int) string {
		return `{"vct":"v","claims":` + list(n, func(i int) string { return fmt.Sprintf(`{"path":["c%d"]}`, i) }) + `}`
	}
	locales := func(n int) string {
		return `{"vct":"v","display":` + list(n, func(int) string { return `{"locale":"en","name":"N"}` }) + `}`
	}
	labels := func(n int) string {
		return `{"vct":"v","claims":[{"path":["a"],"display":` + list(n, func(int) string { return `{"locale":"en","label":"N"}` }) + `}]}`
	}
	path := func(n int) string {
		return `{"vct":"v","claims":[{"path":` + list(n, func(int) string { return `"a"` }) + `}]}`
	}
	deep := func(n int) string { return `{"vct":"v","x":` + strings.Repeat("[", n) + strings.Repeat("]", n) + `}` }
	size := func(n int) string {
		s := `{"vct":"v","x":""}`
		return s[:len(s)-2] + strings.Repeat("x", n-len(s)) + `"}`
	}
	for _, c := range []struct {
		name string
		doc  func(int) string
		most int
		path string
	}{
		{"claims", claims, 1000, `"claims"`}, {"locales", locales, 200, `"display"`}, {"labels", labels, 200, `"claims".0."display"`},
		{"path", path, 64, `"claims".0."path"`}, {"depth", deep, 15, ""}, {"bytes", size, 1 << 20, ""},
	} {
		if _, err := credential.ParseTypeMetadata([]byte(c.doc(c.most))); err != nil {
			t.Errorf("%s: %d is not too much: %v", c.name, c.most, err)
		}
		_, err := credential.ParseTypeMetadata([]byte(c.doc(c.most + 1)))
		expectFault(t, err, credential.TypeTooLarge, c.path)
	}
}

// The published cards of the draft have no published metadata; these say what their specification files say of them.
func TestPublishedCardsKeepTheirType(t *testing.T) {
	dir := os.Getenv("KHYER_VECTORS")
	if dir == "" {
		if os.Getenv("KHYER_REQUIRE") != "" {
			t.Fatal("KHYER_VECTORS is not set")
		}
		t.Skip("skipped: needs KHYER_VECTORS, the folder with the published vectors")
	}
	pid := `{"vct":"urn:example:eudi:pid:aendgard:1","claims":[{"path":["given_name"],"sd":"always","mandatory":true},{"path":["address"],"sd":"always"},
		{"path":["address","locality"],"sd":"always"},{"path":["nationalities"],"sd":"always"},{"path":["nationalities",null],"sd":"never"},
		{"path":["nationalities",0],"mandatory":true},{"path":["age_equal_or_over","18"],"sd":"always","mandatory":true},{"path":["cnf"],"sd":"never","mandatory":true}]}`
	identity := `{"vct":"https://credentials.example.com/identity_credential","claims":[{"path":["address"],"sd":"always","mandatory":true},
		{"path":["address","locality"],"sd":"never"},{"path":["is_over_65"],"sd":"always"},{"path":["vct"],"sd":"never","mandatory":true}]}`
	for file, doc := range map[string]string{"01": identity, "02": identity, "03": identity, "04": pid, "05": pid} {
		data, err := os.ReadFile(dir + "/sd-jwt-vc-published/" + file + ".json")
		if err != nil {
			t.Fatal(err)
		}
		var v struct {
			Issuer json.RawMessage `json:"issuer_jwk"`
			SDJWT  string          `json:"sd_jwt"`
		}
		if err := json.Unmarshal(data, &v); err != nil {
			t.Fatal(err)
		}
		verified := verifyWith(t, []byte(v.SDJWT), v.Issuer)
		if err := parseType(t, doc).CheckPresentation(verified, []byte(v.SDJWT)); err != nil {
			t.Errorf("%s: %v", file, err)
		}
		broken := strings.Replace(doc, `"sd":"always"},`, `"sd":"never"},`, 1) // the address, or whether over 65
		if file == "05" {
			broken = strings.Replace(doc, `["nationalities"],"sd":"always"`, `["nationalities"],"sd":"never"`, 1)
		} else if file != "04" {
			broken = strings.Replace(doc, `["is_over_65"],"sd":"always"`, `["is_over_65"],"sd":"never"`, 1)
		}
		if err := parseType(t, broken).CheckPresentation(verified, []byte(v.SDJWT)); !errors.Is(err, credential.MustNotBeHidden) {
			t.Errorf("%s: %v", file, err)
		}
	}
}
