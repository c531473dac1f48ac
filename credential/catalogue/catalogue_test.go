package catalogue

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

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

// given returns the names of the claims that the authority itself has.
func given(t *Type) (out []string) {
	for _, c := range t.Claims {
		if c.AgeOver == 0 && len(c.Path) == 1 {
			out = append(out, c.Path[0].(string))
		}
	}
	return out
}

func digest(issuer, name string, claims []string) string {
	return fmt.Sprintf("%x", sha256.Sum256([]byte(strings.Join(append([]string{issuer, name}, claims...), "\n")+"\n")))
}

// Each line of the file has the SHA-256 of issuer, type and attributes as the reference lists them (public integrations of NDI,
// November 2026), each with a line feed; the number of attributes; and for people, issuer and type. It was made from the reference
// and not from ndi.json.
func TestEachOfNDIs57TypesHasItsNamesByteForByte(t *testing.T) {
	file, err := os.ReadFile("testdata/ndi.sha256")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(string(file), "\n"), "\n")
	types := NDI().Types
	if len(types) != 57 || len(lines) != 57 {
		t.Fatalf("%d types and %d digests, want 57", len(types), len(lines))
	}
	total := 0
	for i := range types {
		want := strings.SplitN(lines[i], "  ", 3)
		names := given(&types[i])
		total += len(names)
		if digest(types[i].Issuer, types[i].Name, names) != want[0] || strconv.Itoa(len(names)) != want[1] {
			t.Errorf("%s / %s differs from the reference's %s: %q", types[i].Issuer, types[i].Name, want[2], names)
		}
	}
	if total != 312 {
		t.Errorf("%d attributes, the reference has 312", total)
	}
}

// The published catalogue stands beside the vectors; it is not committed.
func TestNDIAgainstTheReference(t *testing.T) {
	dir := os.Getenv("KHYER_VECTORS")
	if dir == "" {
		if os.Getenv("KHYER_REQUIRE") == "1" {
			t.Fatal("needs KHYER_VECTORS")
		}
		t.Skip("skipped: needs KHYER_VECTORS, the folder beside which the reference is")
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
	ours := NDI().Types
	if len(reference.Types) != len(ours) {
		t.Fatalf("%d types, the reference has %d", len(ours), len(reference.Types))
	}
	for i, r := range reference.Types {
		if ours[i].Issuer != r.Issuer || ours[i].Name != r.Type || !slices.Equal(given(&ours[i]), r.Attributes) {
			t.Errorf("%s / %s %q, the reference has %s / %s %q", ours[i].Issuer, ours[i].Name, given(&ours[i]), r.Issuer, r.Type, r.Attributes)
		}
		var want []Schema
		if r.ProductionSchema != "" {
			want = append(want, Schema{"https://schema.ngotag.com/schemas/" + r.ProductionSchema, true, Reliability(r.SchemaReliability)})
		}
		want = append(want, Schema{"https://dev-schema.ngotag.com/schemas/" + r.StagingSchema, false, Reliability(r.SchemaReliability)})
		if !slices.Equal(ours[i].Schemas, want) {
			t.Errorf("%s / %s: schemas %v, the reference has %v", r.Issuer, r.Type, ours[i].Schemas, want)
		}
	}
}

func TestNamesThatAreEasilyLost(t *testing.T) {
	for vct, name := range map[string]string{
		"https://registry.example/types/work-permit":                                "Location Dzongkhag ",
		"https://registry.example/types/druk-air/employee-detail":                   "Department ",
		"https://registry.example/types/rsta/vehicle-ownership":                     "Unlade Weight",
		"https://registry.example/types/moenr/forest-clearance-private-removal":     "Total Trees & Poles Marked",
		"https://registry.example/types/moenr/rtps-flagpoles-firewood-fencing-post": "Source of Timber/Log",
		"https://registry.example/types/mobile-verifier/verifier-role":              "Organization Id",
		"https://registry.example/types/ibls/business-licence":                      "Activity details",
		"https://registry.example/types/e-signature-selise/signature-contract":      "Document Hash",
		"https://registry.example/types/rsp/revocation-credential":                  "statusListCredential",
		"https://registry.example/types/self-attested/passport-size-photo":          "Passport-Size Photo",
		"https://registry.example/types/g2c/environmental-clearance":                "EC Approve Date",
		"https://registry.example/types/dratshang-lhentshog/monk-id":                "Monk ID",
	} {
		ty := typ(t, NDI(), vct)
		c, err := ty.Find(disclosure.Path{name})
		if err != nil || c.Path[0] != name {
			t.Errorf("%s: %v", vct, err)
		}
		if label := c.Label("en"); label != strings.TrimSpace(label) {
			t.Errorf("%s: the label %q is for people and keeps the space", vct, label)
		}
	}
}

// One identifier is given for the monk's card, the driving licence and the business licence, one for the voter's card and an
// airline's employees. Neither may tell which card is meant; nor may what was seen only once.
func TestAConflictingSchemaIdentifiesNoType(t *testing.T) {
	c := NDI()
	count := map[Reliability]int{}
	for i := range c.Types {
		for _, s := range c.Types[i].Schemas {
			count[s.Reliability]++
			found, ok := c.BySchema(s.URI)
			if ok != (s.Reliability == Confirmed) || ok && found != &c.Types[i] {
				t.Errorf("%s: %s is %s, found %v", c.Types[i].Name, s.URI, s.Reliability, ok)
			}
		}
	}
	if count[Confirmed] != 12 || count[SingleSource] != 42 || count[Conflicting] != 5 {
		t.Errorf("schemas by reliability: %v", count)
	}
	if _, ok := c.BySchema("https://dev-schema.ngotag.com/schemas/fe62fe63-4930-4c13-92e3-6e9d967eb8e0"); ok {
		t.Error("a voter's card and an employee's card were taken for one another")
	}
	if found, ok := c.BySchema("https://schema.ngotag.com/schemas/fb675203-b317-4675-a657-be7f5d1d57fb"); !ok || found.VCT != foundational {
		t.Error("the confirmed schema of the Foundational ID was not found")
	}
	if _, ok := c.BySchema("https://dev-schema.ngotag.com/schemas/fb675203-b317-4675-a657-be7f5d1d57fb"); ok {
		t.Error("a production identifier was found under the staging host")
	}
}

func TestInventedTypesAreMarked(t *testing.T) {
	for _, ty := range slices.Concat(Invented().Types, country(t).Types) {
		if !ty.Invented {
			t.Errorf("%s is not marked as invented", ty.Name)
		}
		if !strings.Contains(ty.VCT, ".example/") && !strings.HasPrefix(ty.VCT, "urn:example:") {
			t.Errorf("%s: an invented type names only .example hosts", ty.Name)
		}
	}
	for _, ty := range NDI().Types {
		if ty.Invented {
			t.Errorf("%s: NDI's file holds only NDI's types", ty.Name)
		}
		if !strings.HasPrefix(ty.VCT, "https://registry.example/") {
			t.Errorf("%s: NDI has published no type identifiers, so none may look like NDI's", ty.Name)
		}
	}
	if n := hidden(typ(t, Invented(), healthCard)); n != 12 {
		t.Errorf("%d claims of the health card may be hidden, the examples speak of twelve", n)
	}
}

func hidden(t *Type) (n int) {
	for _, c := range t.Claims {
		if c.Hidden {
			n++
		}
	}
	return n
}

func TestEverythingOfACitizensMayBeHidden(t *testing.T) {
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
		paths, err := ty.Conceal(claims)
		if err != nil {
			t.Fatal(err)
		}
		payload, _, err := disclosure.Conceal(claims, disclosure.ConcealOptions{Paths: paths})
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range ty.Claims {
			if name := c.Path[0].(string); bytes.Contains(payload, []byte(name)) {
				t.Errorf("%s: %q is in plain sight", ty.Name, name)
			}
		}
	}
	for _, ty := range NDI().Types {
		if hidden(&ty) != len(ty.Claims) {
			t.Errorf("%s: a claim of NDI's cannot be hidden", ty.Name)
		}
	}
}

func TestACopyIsTheCallersOwn(t *testing.T) {
	NDI().Types[0].Claims[0].Path[0] = "changed"
	if NDI().Types[0].Claims[0].Path[0] != "ID Type" {
		t.Error("one caller's change reached another")
	}
	if _, ok := NDI().Type("https://registry.example/types/foundational-ID"); ok {
		t.Error("type identifiers are compared byte for byte (SD-JWT VC draft 19 section 2.2.2.1)")
	}
}
