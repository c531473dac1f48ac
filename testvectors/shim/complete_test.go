package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// notByVectors are reasons that no vector can show, with the cause.
var notByVectors = map[string]string{
	// The caller's own mistakes and surroundings.
	"path_malformed":              "the shim answers error: a path of another form is no request",
	"random_source_failed":        "the system's randomness",
	"claim_reserved":              "Issuer.Issue alone; sdjwt.issue makes SD-JWTs of any type",
	"caller_error":                "the shim answers error",
	"signer_failed":               "a key in a device that does not answer",
	"serialization_inputs_differ": "the issuer's own mistake: Flattened and General get what he signed",
	// Holder.Receive alone: no operation of the shim receives or keeps cards.
	"cnf_names_other_key": "Holder.Receive alone",
	"no_card_left":        "a holder's batch alone",
	// The issuer's side of status lists: no operation of the shim keeps one.
	"status_signer_unfit":        "an issuer's own mistake",
	"status_statement_malformed": "an issuer's own mistake",
	"status_store_misused":       "a store's own mistake",
	"status_store_damaged":       "an issuer's store",
	"status_registry_config":     "an issuer's own mistake",
	"status_change_malformed":    "an issuer's own mistake",
	"status_index_not_allocated": "an issuer's own mistake",
	"status_revoked_for_good":    "an issuer's own mistake",
	"status_value_does_not_fit":  "an issuer's own mistake",
	"status_clock_behind":        "an issuer's own clock",
	"status_publish_interrupted": "an issuer's own publishers",
	// One request is one verifier, with a replay guard of its own that does not fail.
	"purpose_unknown":     "about requests, which no operation of the shim makes",
	"asks_too_much":       "about requests, which no operation of the shim makes",
	"replay_guard_failed": "one request is one guard",
	"status_not_checked":  "InsecureNoStatus is the deployment's, and no request can ask for it",
}

// TestEveryReasonHasAVector reads the reasons from the rooms' sources, so that a new one needs a vector or a word here.
func TestEveryReasonHasAVector(t *testing.T) {
	shown := map[string]bool{}
	for _, v := range vectors(t) {
		expect := decode(t, v.Expect)
		shown[text(expect["reason"])] = true
		skipped, _ := expect["skipped"].([]any)
		for _, reason := range skipped {
			shown[text(reason)] = true
		}
	}
	total := 0
	for _, room := range []string{"disclosure", "disclosure/dcql", "credential", "credential/status", "verifier", "verifier/trust"} {
		reasons := declared(t, room)
		if len(reasons) == 0 {
			t.Errorf("%s declares no reason", room)
		}
		total += len(reasons)
		for _, reason := range reasons {
			why, excepted := notByVectors[reason]
			switch {
			case excepted && why == "":
				t.Errorf("%s: %s is excepted without a cause", room, reason)
			case excepted && shown[reason]:
				t.Errorf("%s: %s is excepted, and a vector shows it", room, reason)
			case !excepted && !shown[reason]:
				t.Errorf("%s: no vector shows %s", room, reason)
			}
		}
	}
	t.Logf("%d reasons, %d of them shown by no vector", total, len(notByVectors))
}

// declared returns the words of the constants of type Reason in a package.
func declared(t *testing.T, room string) (out []string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("..", "..", filepath.FromSlash(room), "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range files {
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		ast.Inspect(f, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok || len(spec.Values) != 1 || !isReason(spec.Type) {
				return true
			}
			if word, ok := spec.Values[0].(*ast.BasicLit); ok {
				s, err := strconv.Unquote(word.Value)
				if err != nil {
					t.Fatal(err)
				}
				out = append(out, s)
			}
			return true
		})
	}
	return out
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
