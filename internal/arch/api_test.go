package arch

import (
	"bytes"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/printer"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write testdata/api.txt anew")

const golden = "testdata/api.txt"

// TestAPI makes each exported name, and each change of one, a visible change.
func TestAPI(t *testing.T) {
	h := load(t)
	var lines []string
	count := map[string]int{}
	for _, path := range h.ours() {
		p := h[path]
		if p.Name == "main" || strings.Contains(path+"/", "/internal/") || len(p.GoFiles) == 0 {
			continue
		}
		var files []*ast.File
		for _, name := range p.GoFiles {
			f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(p.Dir, name), nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			files = append(files, f)
		}
		api := exported(files)
		for _, l := range api {
			lines = append(lines, short(path)+": "+l)
			if !strings.HasPrefix(l, "field ") && !strings.HasPrefix(l, "const ") {
				count[short(path)]++
			}
		}
	}
	total := 0
	for _, room := range []string{"disclosure", "did", "did/pubkey", "credential", "credential/status", "verifier", "verifier/trust"} {
		total += count[room]
	}
	t.Logf("the core exports %d names, constants and fields aside; DESIGN aims at about 160", total)
	text := strings.Join(lines, "\n") + "\n"
	if *update {
		if err := os.MkdirAll(filepath.Dir(golden), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(golden, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatalf("%v\nmake it: go test ./internal/arch -run API -update", err)
	}
	if d := diff(strings.Split(strings.TrimSpace(string(want)), "\n"), lines); d != "" {
		t.Errorf("the exported API is not that of %s:\n%s\nif this is meant, name a break in CHANGELOG.md and run: go test ./internal/arch -run API -update", golden, d)
	}
}

// diff lists what went and what came; order carries no meaning in an API.
func diff(old, new []string) string {
	var out []string
	for _, l := range old {
		if !slices.Contains(new, l) {
			out = append(out, "- "+l)
		}
	}
	for _, l := range new {
		if !slices.Contains(old, l) {
			out = append(out, "+ "+l)
		}
	}
	return strings.Join(out, "\n")
}

// exported returns one line for each exported constant, variable, function, type, method, field and interface method of a package,
// sorted. Names of parameters are left out: renaming one breaks nobody.
func exported(files []*ast.File) []string {
	var out []string
	for _, f := range files {
		for _, d := range f.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				out = append(out, function(d)...)
			case *ast.GenDecl:
				out = append(out, general(d)...)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func function(d *ast.FuncDecl) []string {
	if !d.Name.IsExported() {
		return nil
	}
	if d.Recv == nil {
		return []string{"func " + d.Name.Name + typeParams(d.Type.TypeParams) + signature(d.Type)}
	}
	recv := d.Recv.List[0].Type
	if !ast.IsExported(strings.TrimLeft(strings.SplitN(source(recv), "[", 2)[0], "*")) {
		return nil
	}
	return []string{"method (" + source(recv) + ") " + d.Name.Name + signature(d.Type)}
}

func general(d *ast.GenDecl) (out []string) {
	var last *ast.ValueSpec // in a group of constants, what a bare name repeats
	for _, s := range d.Specs {
		switch s := s.(type) {
		case *ast.TypeSpec:
			if s.Name.IsExported() {
				out = append(out, typeSpec(s)...)
			}
		case *ast.ValueSpec:
			if d.Tok == token.CONST && s.Type == nil && len(s.Values) == 0 && last != nil {
				s.Type = last.Type
			} else {
				last = s
			}
			for i, n := range s.Names {
				if !n.IsExported() {
					continue
				}
				line := d.Tok.String() + " " + n.Name
				if s.Type != nil {
					line += " " + source(s.Type)
				}
				// The value of a constant is part of the contract: reasons travel as words.
				if d.Tok == token.CONST && i < len(s.Values) {
					line += " = " + source(s.Values[i])
				}
				out = append(out, line)
			}
		}
	}
	return out
}

func typeSpec(s *ast.TypeSpec) []string {
	head := "type " + s.Name.Name + typeParams(s.TypeParams)
	if s.Assign.IsValid() {
		head += " ="
	}
	switch t := s.Type.(type) {
	case *ast.StructType:
		out := []string{head + " struct"}
		for _, f := range t.Fields.List {
			tag := ""
			if f.Tag != nil {
				tag = " " + f.Tag.Value
			}
			for _, n := range f.Names {
				if n.IsExported() {
					out = append(out, "field "+s.Name.Name+"."+n.Name+" "+source(f.Type)+tag)
				}
			}
			if len(f.Names) == 0 {
				name := strings.TrimLeft(source(f.Type), "*")
				if ast.IsExported(name[strings.LastIndex(name, ".")+1:]) {
					out = append(out, "field "+s.Name.Name+" embeds "+source(f.Type)+tag)
				}
			}
		}
		return out
	case *ast.InterfaceType:
		out := []string{head + " interface"}
		for _, m := range t.Methods.List {
			if ft, ok := m.Type.(*ast.FuncType); ok {
				// An unexported method counts too: nobody else can implement the interface then.
				out = append(out, "method "+s.Name.Name+"."+m.Names[0].Name+signature(ft))
			} else {
				out = append(out, "method "+s.Name.Name+" embeds "+source(m.Type))
			}
		}
		return out
	}
	return []string{head + " " + source(s.Type)}
}

func signature(f *ast.FuncType) string {
	out := "(" + types(f.Params) + ")"
	switch r := types(f.Results); {
	case r == "":
	case strings.Contains(r, ", "):
		out += " (" + r + ")"
	default:
		out += " " + r
	}
	return out
}

func types(l *ast.FieldList) string {
	if l == nil {
		return ""
	}
	var out []string
	for _, f := range l.List {
		for range max(1, len(f.Names)) {
			out = append(out, source(f.Type))
		}
	}
	return strings.Join(out, ", ")
}

func typeParams(l *ast.FieldList) string {
	if l == nil {
		return ""
	}
	var out []string
	for _, f := range l.List {
		for _, n := range f.Names {
			out = append(out, n.Name+" "+source(f.Type))
		}
	}
	return "[" + strings.Join(out, ", ") + "]"
}

// source prints an expression on one line.
func source(n ast.Node) string {
	var b bytes.Buffer
	if err := printer.Fprint(&b, token.NewFileSet(), n); err != nil {
		return fmt.Sprint(err)
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

func TestExportedWritesEachKindOfName(t *testing.T) {
	const text = `package p
type Kind uint8
const ( A Kind = iota; B; c )
const Word Reason = "word"
var ErrX, errY = 1, 2
type T struct { Name, Other string ` + "`json:\"n\"`" + `; hidden int; *Inner; lower }
type I interface { Do(ctx C, a, b int) (x int, err error); io.Reader; secret() }
type G[K comparable, V any] map[K]V
type Alias = T
type lower struct{ Field int }
func F(a, b []byte, f func(x int) error) error { return nil }
func (t *T) M(_ ...string) {}
func (g G[K, V]) N() V { panic(0) }
func (l lower) Out() {}
func f() {}
`
	f, err := parser.ParseFile(token.NewFileSet(), "p.go", text, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"const A Kind = iota", "const B Kind", `const Word Reason = "word"`,
		"field T embeds *Inner", "field T.Name string `json:\"n\"`", "field T.Other string `json:\"n\"`",
		"func F([]byte, []byte, func(x int) error) error",
		"method (*T) M(...string)", "method (G[K, V]) N() V", "method I embeds io.Reader", "method I.Do(C, int, int) (int, error)", "method I.secret()",
		"type Alias = T", "type G[K comparable, V any] map[K]V", "type I interface", "type Kind uint8", "type T struct",
		"var ErrX",
	}
	got := exported([]*ast.File{f})
	if d := diff(want, got); d != "" {
		t.Errorf("\n%s", d)
	}
	if d := diff([]string{"func F()", "func G()"}, []string{"func F(int)", "func G()"}); d != "- func F()\n+ func F(int)" {
		t.Errorf("a changed signature shows as %q", d)
	}
}
