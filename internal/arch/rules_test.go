package arch

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// house is an import graph. Keys are import paths.
type house map[string]*pkg

type pkg struct {
	ImportPath   string
	ForTest      string
	Name         string
	Dir          string
	Standard     bool
	Imports      []string
	TestImports  []string
	XTestImports []string
	GoFiles      []string
	TestGoFiles  []string
	XTestGoFiles []string
}

// load asks the go command, which knows build constraints and go.mod; it needs no network once the modules are there.
func load(t testing.TB) house {
	t.Helper()
	cmd := exec.Command("go", "list", "-deps", "-test", "-json=ImportPath,ForTest,Name,Dir,Standard,Imports,TestImports,XTestImports,GoFiles,TestGoFiles,XTestGoFiles", module+"/...")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.Bytes())
	}
	h := house{}
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		if err := d.Decode(&p); err == io.EOF {
			return h
		} else if err != nil {
			t.Fatal(err)
		}
		// Packages compiled again for a test stand in the list beside themselves; what their tests import is in TestImports.
		if p.ForTest == "" && !strings.HasSuffix(p.ImportPath, ".test") {
			h[p.ImportPath] = &p
		}
	}
}

func ours(path string) bool { return path == module || strings.HasPrefix(path, module+"/") }

func (h house) ours() (out []string) {
	for path := range h {
		if ours(path) {
			out = append(out, path)
		}
	}
	slices.Sort(out)
	return out
}

// short is the folder of a package of ours, or the path of another.
func short(path string) string { return strings.TrimPrefix(path, module+"/") }

// standard tells the standard library from modules as the go command does: the first element of a module's path has a dot.
func standard(path string) bool {
	first, _, _ := strings.Cut(path, "/")
	return !strings.Contains(first, ".")
}

// match compares a package with patterns. Folders of ours are given without the module's path.
func match(path string, patterns []string) bool {
	for _, p := range patterns {
		if p == "..." {
			return true
		}
		if ours(path) && !ours(p) {
			p = module + "/" + p
		}
		if stem, below := strings.CutSuffix(p, "/..."); path == stem || below && strings.HasPrefix(path, stem+"/") || path == p {
			return true
		}
	}
	return false
}

// breaks returns every way in which h breaks r, as chains of imports.
func (r rule) breaks(h house) (out []string) {
	for _, from := range h.ours() {
		if !match(from, r.from) || match(from, r.not) {
			continue
		}
		for _, chain := range h.chains(from, r) {
			out = append(out, strings.Join(chain, " -> "))
		}
	}
	return out
}

// chains walks from one room breadth first, so that the chain that is shown is a shortest one.
func (h house) chains(from string, r rule) (out [][]string) {
	type step struct{ path, via string }
	start := slices.Clone(h[from].Imports)
	if r.tests {
		start = append(append(start, h[from].TestImports...), h[from].XTestImports...)
	}
	via := map[string]string{from: ""}
	var queue []step
	for _, p := range start {
		queue = append(queue, step{p, from})
	}
	for ; len(queue) > 0; queue = queue[1:] {
		at := queue[0]
		if _, seen := via[at.path]; seen {
			continue
		}
		via[at.path] = at.via
		bad := match(at.path, r.never) || len(r.only) > 0 && !standard(at.path) && !match(at.path, r.only)
		if bad {
			chain := []string{short(at.path)}
			for p := at.via; p != ""; p = via[p] {
				chain = append([]string{short(p)}, chain...)
			}
			out = append(out, chain)
			continue // what stands behind it is not news
		}
		if r.direct || h[at.path] == nil || standard(at.path) && !r.intoStandard() {
			continue
		}
		for _, next := range h[at.path].Imports {
			queue = append(queue, step{next, at.path})
		}
	}
	return out
}

// intoStandard: a package of the standard library can import net/http too (expvar does).
func (r rule) intoStandard() bool { return slices.ContainsFunc(r.never, standard) }

// covers says whether the rule is about any package at all; a rule about nothing holds for ever.
func (r rule) covers(h house) (missing []string) {
	for _, f := range r.from {
		if !slices.ContainsFunc(h.ours(), func(path string) bool { return match(path, []string{f}) && !match(path, r.not) }) {
			missing = append(missing, f)
		}
	}
	return missing
}

// plan holds the packages of h against the list of rooms.
func plan(h house, rooms []room) (out []string) {
	row := map[string]room{}
	for _, r := range rooms {
		for _, i := range r.imports {
			// Folders of ours never begin with a host name.
			if _, above := row[i]; !above && standard(i) {
				out = append(out, fmt.Sprintf("%s may import %s, which does not stand above it in the plan: arrows point down only", r.folder, i))
			}
		}
		row[r.folder] = r
		if h[module+"/"+r.folder] == nil {
			out = append(out, fmt.Sprintf("%s is in the plan and not in the house", r.folder))
		}
	}
	for _, path := range h.ours() {
		r, ok := row[short(path)]
		if !ok {
			out = append(out, fmt.Sprintf("%s is in the house and not in the plan: add it to rooms, with what it may import", short(path)))
			continue
		}
		for _, i := range h[path].Imports {
			if (ours(i) || !standard(i)) && !match(i, r.imports) {
				out = append(out, fmt.Sprintf("%s -> %s is no arrow of the plan", short(path), short(i)))
			}
		}
	}
	return out
}

func TestRoomsAndArrowsOfThePlan(t *testing.T) {
	for _, s := range plan(load(t), rooms) {
		t.Error(s)
	}
}

func TestArrowRules(t *testing.T) {
	h := load(t)
	for _, r := range rules {
		t.Run(r.name, func(t *testing.T) {
			for _, f := range r.covers(h) {
				t.Errorf("the rule is about %s, and there is no such package", f)
			}
			broken := r.breaks(h)
			for _, chain := range broken {
				t.Error(chain)
			}
			if len(broken) > 0 {
				t.Log("why this is a rule: " + r.why)
			}
		})
	}
}
