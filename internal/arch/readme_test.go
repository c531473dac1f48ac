package arch

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// block is one fenced block of a Markdown text.
type block struct {
	info string // the word behind the fence
	text string
	line int // of the opening fence
}

func fences(markdown string) (out []block, err error) {
	var open *block
	for i, l := range strings.Split(markdown, "\n") {
		fence := strings.HasPrefix(l, "```")
		switch {
		case fence && open == nil:
			open = &block{info: strings.TrimSpace(l[3:]), line: i + 1}
		case fence:
			out = append(out, *open)
			open = nil
		case open != nil:
			open.text += l + "\n"
		}
	}
	if open != nil {
		return nil, fmt.Errorf("line %d: a block is not closed", open.line)
	}
	return out, nil
}

// TestREADME compiles and runs what the README shows. A go block with "package main" is run, and the text block that directly
// follows it is what it must print. A go block without stands, line for line, in a compiled file of the repository. A sh block
// names only what exists.
func TestREADME(t *testing.T) {
	root := rootDir(t)
	text, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(text, []byte("\n")); n > 110 {
		t.Errorf("%d lines: the README is to fit on two screens", n)
	}
	blocks, err := fences(string(text))
	if err != nil {
		t.Fatal(err)
	}
	h, sources := load(t), goSources(t, root)
	ran, commands := 0, 0
	for i, b := range blocks {
		switch b.info {
		case "go":
			ran++
			if !strings.Contains(b.text, "package main") {
				if !stands(b.text, sources) {
					t.Errorf("README.md:%d: these lines stand together in no .go file, so nobody compiles them", b.line)
				}
				continue
			}
			got := runBlock(t, root, b)
			if i+1 < len(blocks) && blocks[i+1].info == "text" && got != blocks[i+1].text {
				t.Errorf("README.md:%d: prints\n%s\nand the README says\n%s", b.line, got, blocks[i+1].text)
			}
		case "sh":
			for n, c := range strings.Split(strings.TrimSpace(b.text), "\n") {
				commands++
				if err := command(c, h); err != nil {
					t.Errorf("README.md:%d: %q: %v", b.line+1+n, c, err)
				}
			}
		case "text":
		default:
			t.Errorf("README.md:%d: a block of %q, which no test looks at", b.line, b.info)
		}
	}
	if ran == 0 || commands == 0 {
		t.Errorf("%d go blocks and %d commands: the README shows neither code nor how to start", ran, commands)
	}
}

// runBlock compiles the block as a package of the module, which an overlay puts there without writing into the tree, and runs it.
func runBlock(t *testing.T, root string, b block) string {
	t.Helper()
	if strings.Contains(b.text, module+"/internal/") {
		t.Errorf("README.md:%d: imports an internal package, which a reader cannot", b.line)
	}
	dir := t.TempDir()
	main, overlay := filepath.Join(dir, "main.go"), filepath.Join(dir, "overlay.json")
	place := fmt.Sprintf("readme-line-%d", b.line)
	replace, err := json.Marshal(map[string]map[string]string{"Replace": {filepath.Join(root, "examples", place, "main.go"): main}})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.WriteFile(main, []byte(b.text), 0o600), os.WriteFile(overlay, replace, 0o600)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "go", "run", "-overlay", overlay, "./examples/"+place)
	cmd.Dir = root
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Errorf("README.md:%d: %v\n%s%s", b.line, err, stdout.Bytes(), stderr.Bytes())
	}
	return stdout.String()
}

// stands tells whether the lines follow each other in one of the sources, whatever their indentation and white space.
func stands(text string, sources []string) bool {
	want := plainLines(text)
	for _, s := range sources {
		if strings.Contains("\n"+s, "\n"+want) {
			return true
		}
	}
	return false
}

func plainLines(text string) string {
	var b strings.Builder
	for l := range strings.SplitSeq(strings.TrimSpace(text), "\n") {
		b.WriteString(strings.Join(strings.Fields(l), " ") + "\n")
	}
	return b.String()
}

func goSources(t *testing.T, root string) (out []string) {
	t.Helper()
	for _, path := range tree(t, root) {
		if strings.HasSuffix(path, ".go") && !strings.HasPrefix(path, "internal/arch/") {
			text, err := os.ReadFile(filepath.Join(root, path))
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, plainLines(string(text)))
		}
	}
	return out
}

// command checks one line of a sh block. It knows the few commands that a README needs; teach it another when one is shown.
func command(line string, h house) error {
	line, _, _ = strings.Cut(line, " #")
	f := strings.Fields(line)
	if len(f) == 0 {
		return nil
	}
	packages := func(args []string, wantMain bool) error {
		for _, a := range args {
			if !strings.HasPrefix(a, "./") || strings.HasSuffix(a, "/...") {
				continue
			}
			p := h[module+strings.TrimPrefix(strings.TrimSuffix(a, "/"), ".")]
			if p == nil {
				return errors.New("there is no such package")
			}
			if wantMain && p.Name != "main" {
				return errors.New("it is no program")
			}
			if wantMain {
				return nil // the rest is for the program
			}
		}
		if wantMain {
			return errors.New("names no program")
		}
		return nil
	}
	switch {
	case len(f) >= 3 && f[0] == "go" && f[1] == "run":
		return packages(f[2:], true)
	case len(f) >= 3 && f[0] == "go" && (f[1] == "test" || f[1] == "doc" || f[1] == "build"):
		return packages(f[2:], false)
	case len(f) == 3 && f[0] == "go" && f[1] == "get":
		path, _, _ := strings.Cut(f[2], "@")
		if path == module || h[path] != nil {
			return nil
		}
		return errors.New("there is no such module or package")
	case f[0] == ".ci/run" || f[0] == ".ci/fuzz" || f[0] == "bash" && len(f) > 1 && strings.HasPrefix(f[1], ".ci/"):
		return nil
	}
	return errors.New("the test does not know this command")
}

func TestREADMECommandsCanFail(t *testing.T) {
	h := invent("~examples/first: fmt", "~did: fmt")
	h[module+"/examples/first"].Name = "main"
	for line, want := range map[string]string{
		"go run ./examples/first": "", "go run ./examples/first -json ./nothing": "", "go test ./...": "", "go test ./did": "", "": "", "# a remark": "the test does not know this command",
		"go get " + module + "@latest": "", "go run ./examples/second": "there is no such package", "go run ./did": "it is no program",
		"go run -race": "names no program", "go test ./didnt": "there is no such package", "go get example.org/x": "there is no such module or package", "rm -r x": "the test does not know this command",
		".ci/run": "",
	} {
		got := ""
		if err := command(line, h); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%q: got %q, want %q", line, got, want)
		}
	}
}

func TestREADMEBlocks(t *testing.T) {
	got, err := fences("a\n```go\nx\n```\n```text\n\ny\n```\n")
	if err != nil || len(got) != 2 || got[0] != (block{"go", "x\n", 2}) || got[1] != (block{"text", "\ny\n", 5}) {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := fences("```go\nx\n"); err == nil {
		t.Error("an open block is no block")
	}
	source := []string{plainLines("func f() {\n\tx := 1\n\ty  :=  2\n}")}
	if !stands("x := 1\ny := 2\n", source) || stands("x := 1\n}\n", source) || stands(" := 1\n", source) {
		t.Error("lines must stand in a source as they follow each other")
	}
}
