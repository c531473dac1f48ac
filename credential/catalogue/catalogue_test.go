package catalogue

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/khyer/khyer/disclosure"
)

const (
	foundational = "https://registry.example/types/foundational-id"
	healthCard   = "https://health.example/types/health-card"
)

func typ(t testing.TB, c *Catalogue, vct string) *Type {
	t.Helper()
	out, ok := c.Type(vct)
	if !ok {
		t.Fatalf("no type %s", vct)
	}
	return out
}

func names(t *Type) (out []string) {
	for _, c := range t.Claims {
		out = append(out, c.Name)
	}
	return out
}

// The six attributes and the two schemas, as the reference lists them (public integrations of NDI, November 2026).
func TestFoundationalIDHasNDIsNamesByteForByte(t *testing.T) {
	id := typ(t, NDI(), foundational)
	want := []string{"ID Type", "ID Number", "Full Name", "Gender", "Date of Birth", "Citizenship", "age_over_18", "age_over_60"}
	if got := names(id); !slices.Equal(got, want) {
		t.Errorf("claims %q, want %q", got, want)
	}
	schemas := []string{"https://schema.ngotag.com/schemas/fb675203-b317-4675-a657-be7f5d1d57fb", "https://dev-schema.ngotag.com/schemas/c7952a0a-e9b5-4a4b-a714-1e5d0a1ae076"}
	if !slices.Equal(id.Schemas, schemas) || id.Issuer != "Foundational" || id.Name != "Foundational ID" || id.Invented {
		t.Errorf("got %+v", id)
	}
}

// The published catalogue stands beside the vectors; it is not committed.
func TestFoundationalIDAgainstTheReference(t *testing.T) {
	dir := os.Getenv("KHYER_VECTORS")
	if dir == "" {
		if os.Getenv("KHYER_REQUIRE") == "1" {
			t.Fatal("needs KHYER_VECTORS")
		}
		t.Skip("skipped: needs KHYER_VECTORS")
	}
	file, err := os.ReadFile(filepath.Join(dir, "..", "reference", "ndi-catalogue.json"))
	if err != nil {
		t.Fatal(err)
	}
	var reference struct {
		Types []struct {
			Issuer, Type      string
			Attributes        []string
			StagingSchema     string `json:"staging_schema"`
			ProductionSchema  string `json:"production_schema"`
			SchemaReliability string `json:"schema_reliability"`
		}
	}
	if err := json.Unmarshal(file, &reference); err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, ours := range NDI().Types {
		for _, r := range reference.Types {
			if r.Type != ours.Name || r.Issuer != ours.Issuer {
				continue
			}
			found++
			var given []string
			for _, c := range ours.Claims {
				if c.AgeOver == 0 {
					given = append(given, c.Name)
				}
			}
			if !slices.Equal(given, r.Attributes) {
				t.Errorf("%s: claims %q, the reference has %q", ours.Name, given, r.Attributes)
			}
			for _, id := range []string{r.ProductionSchema, r.StagingSchema} {
				if id != "" && !slices.ContainsFunc(ours.Schemas, func(s string) bool { return strings.HasSuffix(s, "/"+id) }) {
					t.Errorf("%s: schema %s is missing", ours.Name, id)
				}
			}
		}
	}
	if found != len(NDI().Types) {
		t.Errorf("%d of %d types stand in the reference", found, len(NDI().Types))
	}
}

func TestInventedTypesAreMarked(t *testing.T) {
	for _, ty := range Invented().Types {
		if !ty.Invented {
			t.Errorf("%s is not marked as invented", ty.Name)
		}
		if !strings.Contains(ty.VCT, ".example/") || len(ty.Schemas) > 0 {
			t.Errorf("%s: an invented type names only .example hosts and no schema", ty.Name)
		}
	}
	for _, ty := range NDI().Types {
		if ty.Invented {
			t.Errorf("%s: NDI's file holds only NDI's types", ty.Name)
		}
	}
	if card := typ(t, Invented(), healthCard); len(card.Claims) != 12 {
		t.Errorf("the health card has %d claims, the examples speak of twelve", len(card.Claims))
	}
}

func TestEverythingMayBeHiddenAndConcealAcceptsThePaths(t *testing.T) {
	for vct, body := range map[string]string{foundational: person("01/01/1990"), healthCard: health} {
		c := NDI()
		if vct == healthCard {
			c = Invented()
		}
		ty := typ(t, c, vct)
		claims, err := ty.Compute([]byte(body), noon)
		if err != nil {
			t.Fatal(err)
		}
		payload, disclosures, err := disclosure.Conceal(claims, disclosure.ConcealOptions{Paths: ty.Conceal()})
		if err != nil {
			t.Fatal(err)
		}
		if len(disclosures) != len(ty.Claims) {
			t.Errorf("%s: %d disclosures for %d claims", ty.Name, len(disclosures), len(ty.Claims))
		}
		for _, name := range names(ty) {
			if bytes.Contains(payload, []byte(name)) {
				t.Errorf("%s: %q is in plain sight", ty.Name, name)
			}
		}
	}
}

func TestACopyIsTheCallersOwn(t *testing.T) {
	NDI().Types[0].Claims[0].Name = "changed"
	if NDI().Types[0].Claims[0].Name != "ID Type" {
		t.Error("one caller's change reached another")
	}
	if _, ok := NDI().Type("https://registry.example/types/foundational-ID"); ok {
		t.Error("type identifiers are compared byte for byte (SD-JWT VC draft 13 section 3.2.2.1)")
	}
}

func TestLoadRefuses(t *testing.T) {
	const head = `{"catalogue":1,"name":"n","utc_offset":"+06:00","types":[`
	one := func(claims string) string {
		return head + `{"name":"T","issuer":"I","vct":"urn:example:t","claims":[` + claims + `]}]}`
	}
	many := strings.TrimSuffix(strings.Repeat(`{"name":"x"},`, maxClaims+1), ",")
	for _, c := range []struct{ name, file, detail string }{
		{"nothing", ``, "malformed"},
		{"trailing text", string(ndi) + "x", "malformed"},
		{"a duplicate member", `{"catalogue":1,"catalogue":1}`, "duplicate"},
		{"too large", `{"x":"` + strings.Repeat("a", maxFile) + `"}`, "too_large"},
		{"another version", strings.Replace(string(ndi), `"catalogue": 1`, `"catalogue": 2`, 1), "file, member catalogue"},
		{"no zone", `{"catalogue":1,"name":"n","types":[]}`, "file, member utc_offset"},
		{"a zone name", strings.Replace(string(ndi), "+06:00", "Bhutan", 1), "file, member utc_offset"},
		{"no type", head + `]}`, "file, member types"},
		{"an array", `[]`, "file, must be an object"},
		{"a misspelt member", one(`{"name":"a","hiden":true}`), "type 1 claim 1, has a member"},
		{"no claim", one(``), "type 1, member claims"},
		{"too many claims", one(many), "type 1, member claims"},
		{"a claim without a name", one(`{"format":"text"}`), "type 1 claim 1, member name"},
		{"a name of spaces", one(`{"name":"  "}`), "type 1 claim 1, member name"},
		{"a name with a no-break space", one(`{"name":"Full\u00a0Name"}`), "cannot be seen"},
		{"a name with a zero-width space", one(`{"name":"Full\u200bName"}`), "cannot be seen"},
		{"a long name", one(`{"name":"` + strings.Repeat("a", maxName+1) + `"}`), "type 1 claim 1, member name"},
		{"a name twice", one(`{"name":"a"},{"name":"a"}`), "type 1 claim 2, member name: another"},
		{"a reserved name", one(`{"name":"exp"}`), "reserves"},
		{"a digest's name", one(`{"name":"_sd"}`), "reserves"},
		{"an unknown format", one(`{"name":"a","format":"number"}`), "member format"},
		{"sd allowed", one(`{"name":"a","sd":"allowed"}`), "member sd"},
		{"sd null", one(`{"name":"a","sd":null}`), "member sd"},
		{"a bad pattern", one(`{"name":"a","pattern":"("}`), "member pattern"},
		{"a pattern that would escape its anchors", one(`{"name":"a","pattern":"a)|(b"}`), "member pattern"},
		{"a pattern for a flag", one(`{"name":"a","format":"boolean","pattern":"t"}`), "member pattern"},
		{"an age of nothing", one(`{"name":"a","format":"boolean","age_over":18}`), "member of"},
		{"an age of a text", one(`{"name":"a","format":"boolean","age_over":18,"of":"b"},{"name":"b"}`), "member of"},
		{"an age that is no flag", one(`{"name":"a","age_over":18,"of":"b"},{"name":"b","format":"dd/mm/yyyy"}`), "member age_over"},
		{"an age of zero", one(`{"name":"a","format":"boolean","age_over":0,"of":"b"},{"name":"b","format":"dd/mm/yyyy"}`), "member age_over"},
		{"a relative vct", head + `{"name":"T","issuer":"I","vct":"types/t","claims":[{"name":"a"}]}]}`, "member vct"},
		{"invented as text", head + `{"name":"T","issuer":"I","vct":"urn:example:t","invented":"no","claims":[{"name":"a"}]}]}`, "member invented"},
		{"a vct twice", head + `{"name":"T","issuer":"I","vct":"urn:example:t","claims":[{"name":"a"}]},{"name":"U","issuer":"I","vct":"urn:example:t","claims":[{"name":"a"}]}]}`, "type 2, member vct: another"},
	} {
		got, err := Load([]byte(c.file))
		var e *Error
		if !errors.As(err, &e) || e.Reason != BadCatalogue || !strings.Contains(e.Detail, c.detail) {
			t.Errorf("%s: got %v, want %s with %q", c.name, err, BadCatalogue, c.detail)
		}
		if got != nil {
			t.Errorf("%s: half a catalogue came back", c.name)
		}
	}
}

func TestLoadReadsAnotherCountry(t *testing.T) {
	c, err := Load([]byte(`{"catalogue":1,"name":"elsewhere","utc_offset":"-03:30","types":[
		{"name":"Card","issuer":"Registry","vct":"urn:example:card","claims":[{"name":"Expiry Date","sd":"never"},{"name":"Location Gewog "}]}]}`))
	if err != nil {
		t.Fatal(err)
	}
	ty := typ(t, c, "urn:example:card")
	if p := ty.Conceal(); len(p) != 1 || p[0][0] != "Location Gewog " {
		t.Errorf("may be hidden: %v", p)
	}
	if ty.Claims[0].Hidden {
		t.Error("sd never was not kept")
	}
}

func FuzzLoad(f *testing.F) {
	f.Add(ndi)
	f.Add(invented)
	f.Add([]byte(`{"catalogue":1,"name":"n","utc_offset":"+06:00","types":[{"name":"T","issuer":"I","vct":"urn:t","claims":[{"name":"a","pattern":"[a-"}]}]}`))
	f.Fuzz(func(t *testing.T, file []byte) {
		c, err := Load(file)
		if err != nil {
			if !errors.Is(err, BadCatalogue) || c != nil {
				t.Fatalf("%v, %v", c, err)
			}
			return
		}
		for _, ty := range c.Types {
			if len(ty.Claims) == 0 || ty.VCT == "" || ty.zone == nil {
				t.Fatal("a type without its parts was believed")
			}
			_ = ty.Check([]byte(`{"a":"b"}`))
			if out, err := ty.Compute([]byte(`{"Date of Birth":"29/02/2000"}`), noon); err == nil && !json.Valid(out) {
				t.Fatal("Compute made text that is no JSON")
			}
			_ = ty.Conceal()
		}
	})
}

var noon = time.Date(2026, 11, 24, 6, 0, 0, 0, time.UTC) // midday in Bhutan
