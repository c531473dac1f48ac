package didethr

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/khyer/khyer/did"
)

// TestDivergencesAreHeld: every fault has a row, every name in it is a vector or a test that exists, and every vector about a fault
// stands in its row.
func TestDivergencesAreHeld(t *testing.T) {
	page, err := os.ReadFile("DIVERGENCES.md")
	if err != nil {
		t.Fatal(err)
	}
	const vectors = "../../testvectors/vectors"
	tests := testNames(t, "*_test.go", "anchor/*_test.go")
	rows := map[string][]string{}
	for line := range strings.Lines(string(page)) {
		cells := strings.Split(line, "|")
		if len(cells) != 7 || strings.Contains(cells[1], "--") {
			continue
		}
		first := strings.TrimSpace(cells[1])
		column := 3
		if !regexp.MustCompile(`^([FN]\d+|EQ|R)$`).MatchString(first) {
			column = 2
		}
		for _, name := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(cells[column], -1) {
			rows[first] = append(rows[first], name[1])
			_, err := os.Stat(filepath.Join(vectors, name[1]+".json"))
			if isVector := strings.HasPrefix(name[1], "did/"); isVector && err != nil || !isVector && !slices.Contains(tests, name[1]) {
				t.Errorf("%s: %s does not exist", first, name[1])
			}
		}
		if len(rows[first]) == 0 && first != "Known as" && first != "" {
			t.Errorf("%s is held by nothing", first)
		}
	}
	for _, fault := range strings.Fields("F1 F2 F3 F4 F5 F6 F7 F8 F9 F10 F11 F12 N1 N2 N3 N4 N5 N6 N7 EQ R") {
		if len(rows[fault]) == 0 {
			t.Errorf("%s has no row", fault)
		}
		files, err := filepath.Glob(filepath.Join(vectors, "did", "didethr-"+strings.ToLower(fault)+"-*.json"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if name := "did/" + strings.TrimSuffix(filepath.Base(file), ".json"); !slices.Contains(rows[fault], name) {
				t.Errorf("%s: %s is not in its row", fault, name)
			}
		}
	}
}

func testNames(t *testing.T, patterns ...string) (names []string) {
	t.Helper()
	for _, pattern := range patterns {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %v, %v", pattern, files, err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range regexp.MustCompile(`(?m)^func (Test\w+)\(`).FindAllStringSubmatch(string(text), -1) {
				names = append(names, m[1])
			}
		}
	}
	return names
}

// TestEntriesTooLargeToList: a stranger's large values cost nothing but their number.
func TestEntriesTooLargeToList(t *testing.T) {
	for _, profile := range []Profile{Current, V11} {
		c := newChain()
		a, id := issuer(1)
		c.attribute(a, "did/pub/X/veriKey/base58", make([]byte, maxKey), never)   // 1
		c.attribute(a, "did/pub/X/veriKey/base58", make([]byte, maxKey+1), never) // 2
		c.attribute(a, veriKey, p256Value(1), never)                              // 3
		text := []byte(strings.Repeat("x", maxValue+1))
		c.attribute(a, "did/svc/Page", text, never)            // 1
		c.attribute(a, "did/svc/Page", text[:maxValue], never) // 2
		n := Network{Name: "dev", ChainID: c.chainID, Registry: c.registry, Profile: profile}
		r, err := Fold(n, historyOf(c), id, did.At{}, time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		expectListed(t, r, "#controller", "#delegate-1", "#delegate-3")
		if s := r.Document.Service; len(s) != 1 || fragmentOf(s[0].ID) != "#service-2" {
			t.Errorf("services %+v", s)
		}
	}
}
