package arch

import (
	"bytes"
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func rootDir(t testing.TB) string {
	t.Helper()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	return root
}

// tree lists the files of the repository, but not what .gitignore names, which is not committed.
func tree(t testing.TB, root string) (out []string) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() && (name == ".git" || name == "node_modules") {
			return fs.SkipDir
		}
		if !d.IsDir() && name != ".git" && !strings.HasSuffix(name, ".test") && !strings.HasSuffix(name, ".out") {
			rel, err := filepath.Rel(root, path)
			out = append(out, filepath.ToSlash(rel))
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// allowed is what may stand at the top, beside names that begin with a dot.
var allowed = []string{"credential", "did", "disclosure", "verifier", "examples", "testvectors", "internal",
	"go.mod", "go.sum", "README.md", "LICENSE", "CHANGELOG.md"}

func TestTopLevel(t *testing.T) {
	entries, err := os.ReadDir(rootDir(t))
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, e := range entries {
		seen[e.Name()] = true
		if !strings.HasPrefix(e.Name(), ".") && !slices.Contains(allowed, e.Name()) {
			t.Errorf("%s has no place at the top of the house", e.Name())
		}
	}
	for _, name := range append([]string{".ci", ".github"}, allowed...) {
		if !seen[name] {
			t.Errorf("%s is missing", name)
		}
	}
}

// banned is what no file may hold. The words are taken apart here, so that this file passes its own test.
var banned = []struct {
	what string
	re   *regexp.Regexp
}{
	{"a path of one machine", regexp.MustCompile(`(^|[\s"'` + "`" + `(=:])/(wo` + `rk|t` + `mp|fa` + `rm)/`)},
	{"the host of a package registry", regexp.MustCompile(`(?i)(proxy|sum)\.gol` + `ang\.org|registry\.(np` + `mjs\.org|yar` + `npkg\.com)|py` + `pi\.org|pythonho` + `sted\.org|cra` + `tes\.io|repo1?\.ma` + `ven|deb\.deb` + `ian\.org`)},
	{"a tool of the place where it was written", regexp.MustCompile(`(?i)\b(cla` + `ude|anth` + `ropic|chat` + `gpt|open` + `ai|cop` + `ilot|l` + `lms?|farm-` + `(studio|bench)|language mo` + `dels?|A` + `I (assistant|agent)s?)\b`)},
}

// look returns what is banned in a text, with the line where it stands.
func look(text []byte) (out []string) {
	for i, l := range bytes.Split(text, []byte("\n")) {
		for _, b := range banned {
			if m := b.re.Find(l); m != nil {
				out = append(out, fmt.Sprintf("line %d: ", i+1)+b.what+": "+string(m))
			}
		}
	}
	return out
}

func TestNoFileNamesAMachineARegistryOrAWorkplace(t *testing.T) {
	root := rootDir(t)
	for _, path := range tree(t, root) {
		text, err := os.ReadFile(filepath.Join(root, path))
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range look(text) {
			t.Errorf("%s, %s", path, s)
		}
	}
}

func TestBannedWordsAreFound(t *testing.T) {
	for text, found := range map[string]bool{
		"see /wo" + "rk/main": true, `"/t` + `mp/x"`: true, "mktemp -d": false, "https://example.org/wo" + "rk/x": false, "homework/x": false,
		`"resolved": "https://registry.np` + `mjs.org/jose/-/jose-6.tgz"`: true, "npm ci": false, "Anth" + "ropic": true, "OpenID4VP": false, "open" + "ai": true, "ll" + "m": true, "ll" + "msx": false,
	} {
		if got := look([]byte("first\n" + text)); (len(got) > 0) != found {
			t.Errorf("%q: %v", text, got)
		}
	}
}

// Habits that a reviewer would have to see each time.
func TestHabits(t *testing.T) {
	root := rootDir(t)
	mod, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	if regexp.MustCompile(`(?m)^\s*(replace|exclude)\b`).Match(mod) {
		t.Error("go.mod: a replace does not reach who imports the module")
	}
	for _, path := range tree(t, root) {
		if !strings.HasSuffix(path, ".go") || strings.HasPrefix(path, "internal/arch/") {
			continue
		}
		text, err := os.ReadFile(filepath.Join(root, path))
		if err != nil {
			t.Fatal(err)
		}
		for _, h := range habits {
			if h.test && !strings.HasSuffix(path, "_test.go") {
				continue
			}
			if at := h.re.FindIndex(text); at != nil {
				t.Errorf("%s:%d: %s", path, 1+bytes.Count(text[:at[0]], []byte("\n")), h.why)
			}
		}
	}
}

var habits = []struct {
	re   *regexp.Regexp
	test bool
	why  string
}{
	{regexp.MustCompile(`\bwantErr\s+bool\b`), true, "name the reason that is expected, not that there is one"},
	{regexp.MustCompile(`(?m)^//go:linkname`), false, "no way around the type system"},
	{regexp.MustCompile(`InsecureSkipVerify\s*[:=]+\s*true`), false, "TLS verification stays on, in tests too"},
}

// TestEveryPackageIsExplained asks for a package comment, and of public packages for an example that is run.
func TestEveryPackageIsExplained(t *testing.T) {
	h := load(t)
	example := regexp.MustCompile(`(?m)^func Example\w*\(\) \{`)
	output := regexp.MustCompile(`(?m)^\s*// (Unordered output|Output):`)
	for _, path := range h.ours() {
		p := h[path]
		commented := func(name string) bool {
			f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(p.Dir, name), nil, parser.PackageClauseOnly|parser.ParseComments)
			return err == nil && f.Doc != nil
		}
		runs := func(name string) bool {
			text, err := os.ReadFile(filepath.Join(p.Dir, name))
			return err == nil && example.Match(text) && output.Match(text)
		}
		if len(p.GoFiles) > 0 && !slices.ContainsFunc(p.GoFiles, commented) {
			t.Errorf("%s has no package comment", short(path))
		}
		if _, let := examplesNotRun[short(path)]; let {
			continue
		}
		if p.Name != "main" && !strings.Contains(path, "/internal/") && !slices.ContainsFunc(append(p.TestGoFiles, p.XTestGoFiles...), runs) {
			t.Errorf("%s has no Example with its output", short(path))
		}
	}
}

// examplesNotRun are the packages whose examples go test cannot run everywhere, with the reason.
var examplesNotRun = map[string]string{
	"credential/status/pgstore":     "needs a server: the Example is compiled, and its tests run where there is one",
	"verifier/openid4vp/redisstore": "needs a server, as pgstore does",
	"verifier/openid4vp/storetest":  "is given a *testing.T: its tests are the examples",
	"verifier/verifiertest":         "is given a *testing.T: its tests are the examples",
}

// TestSecurityNamesTestsThatExist keeps the threat model from claiming a test that nobody runs.
func TestSecurityNamesTestsThatExist(t *testing.T) {
	root := rootDir(t)
	policy, err := os.ReadFile(filepath.Join(root, ".github", "SECURITY.md"))
	if err != nil {
		t.Fatal(err)
	}
	var code strings.Builder
	for _, path := range tree(t, root) {
		if strings.HasSuffix(path, "_test.go") {
			text, err := os.ReadFile(filepath.Join(root, path))
			if err != nil {
				t.Fatal(err)
			}
			code.Write(text)
		}
	}
	named := regexp.MustCompile("`((?:Test|Fuzz)[A-Za-z0-9_]+)(?:/([A-Za-z0-9_]+))?`").FindAllSubmatch(policy, -1)
	if len(named) == 0 {
		t.Error("no row names a test")
	}
	for _, m := range named {
		// A case of a table is named by a string.
		sub := string(m[2])
		if !strings.Contains(code.String(), "\nfunc "+string(m[1])+"(") || sub != "" && !strings.Contains(code.String(), `"`+sub+`"`) {
			t.Errorf("SECURITY.md says that %s shows something, and there is no such test", m[0])
		}
	}
}
