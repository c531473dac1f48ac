package verifier_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/khyer/khyer/verifier"
)

// Every Reason that is declared in a room below stands in the table once, and the table holds nothing else.
func TestReasonTableIsComplete(t *testing.T) {
	declared := map[string]string{}
	for _, dir := range []string{"../disclosure", "../disclosure/dcql", "../credential", "../credential/status", "../credential/catalogue", "trust", "."} {
		files, _ := filepath.Glob(filepath.Join(dir, "*.go"))
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range f.Decls {
				g, ok := d.(*ast.GenDecl)
				if !ok || g.Tok != token.CONST {
					continue
				}
				for _, s := range g.Specs {
					v := s.(*ast.ValueSpec)
					if !isReason(v.Type) {
						continue
					}
					word, err := strconv.Unquote(v.Values[0].(*ast.BasicLit).Value)
					if err != nil {
						t.Fatal(err)
					}
					if declared[word] != "" && word != string(verifier.StatusOutOfRange) { // a list's reason, and the card's because of it
						t.Errorf("%s and %s are the same word", declared[word], v.Names[0].Name)
					}
					declared[word] = v.Names[0].Name
				}
			}
		}
	}
	if len(declared) < 150 {
		t.Fatalf("only %d reasons found: the test looks in the wrong place", len(declared))
	}
	codes, listed := map[string]bool{}, map[string]bool{}
	for _, i := range verifier.Reasons() {
		word := string(i.Reason)
		if declared[word] == "" || listed[word] {
			t.Errorf("%s is in the table twice, or declared nowhere", word)
		}
		listed[word] = true
		if codes[i.HelpCode] || !regexp.MustCompile(`^[AFHCIRSE]\d\d$`).MatchString(i.HelpCode) || i.Meaning == "" || i.Section == "" {
			t.Errorf("%s: help code %q, meaning %q, section %q", word, i.HelpCode, i.Meaning, i.Section)
		}
		codes[i.HelpCode] = true
		if i.Retry && i.HTTPStatus != 503 || i.English == "" && i.HelpCode[0] != 'S' {
			t.Errorf("%s: retry %v, HTTP status %d, English %q", word, i.Retry, i.HTTPStatus, i.English)
		}
		// What another minute does not mend is not to be tried again: whoever runs the service has to set something up.
		if strings.HasSuffix(i.English, "Please try again.") != i.Retry && i.HelpCode[0] == 'R' && word != "issuer_key_not_final" || i.HTTPStatus == 503 && i.HelpCode[0] != 'R' {
			t.Errorf("%s: retry %v, HTTP status %d, English %q", word, i.Retry, i.HTTPStatus, i.English)
		}
		// F are the form, H the holder and I the issuer: all of them can be found before a signature was verified.
		if strings.Contains("FHI", i.HelpCode[:1]) && i.HelpCode != "H09" && i.HelpCode != "H10" && i.HelpCode != "H11" && !(i.HelpCode[0] == 'F' && i.HelpCode >= "F60") && !strings.Contains(i.English, "could not be read") {
			t.Errorf("%s can be caused by a stranger: %q", word, i.English)
		}
		if i.Reviewed && i.Dzongkha == "" {
			t.Errorf("%s: nothing was reviewed", word)
		}
	}
	for word := range declared {
		if !listed[word] {
			t.Errorf("%s is not in the table", word)
		}
	}
}

func TestDescribe(t *testing.T) {
	if i := verifier.Describe(verifier.Replayed); i.Reason != verifier.Replayed || i.HelpCode != "H08" || i.English == "" || i.Code("LIC-") != "LIC-H08" {
		t.Errorf("%+v", i)
	}
	if i := verifier.Describe("no such word"); i.Code("LIC-") != "" || i.Reason != "no such word" {
		t.Errorf("%+v", i)
	}
}

func isReason(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name == "Reason"
	case *ast.SelectorExpr:
		return e.Sel.Name == "Reason"
	}
	return false
}
