package arch

import (
	"slices"
	"strings"
	"testing"
)

// invent makes a house from lines "room: import import | import of a test".
func invent(lines ...string) house {
	h := house{}
	full := func(names string) (out []string) {
		for _, n := range strings.Fields(names) {
			if strings.HasPrefix(n, "~") { // a folder of ours
				n = module + "/" + n[1:]
			}
			out = append(out, n)
		}
		return out
	}
	for _, l := range lines {
		name, rest, _ := strings.Cut(l, ":")
		code, tests, _ := strings.Cut(rest, "|")
		p := &pkg{ImportPath: full(name)[0], Imports: full(code), XTestImports: full(tests)}
		h[p.ImportPath] = p
	}
	return h
}

// For each rule a house that breaks it, with the chain that must be shown, and one beside it that does not.
func TestEachRuleCanFail(t *testing.T) {
	cases := map[string]struct {
		bad   []string
		chain string
		good  []string
	}{
		"the core is light": {
			[]string{"~verifier: ~credential", "~credential: example.org/x", "example.org/x: expvar", "expvar: net/http"}, "verifier -> credential -> example.org/x -> expvar -> net/http",
			[]string{"~verifier: ~credential fmt", "~credential: net/url"},
		},
		"the core's tests are light": {
			[]string{"~did: |net/http/httptest"}, "did -> net/http/httptest",
			[]string{"~did: |testing"},
		},
		"go-ethereum stays with the chain": {
			[]string{"~internal/ethrpc: github.com/ethereum/go-ethereum/rpc"}, "internal/ethrpc -> github.com/ethereum/go-ethereum/rpc",
			[]string{"~did/didethr/anchor: github.com/ethereum/go-ethereum/core/types"},
		},
		"who resolves links no go-ethereum": {
			[]string{"~did/didethr: ~did/didethr/anchor", "~did/didethr/anchor: github.com/ethereum/go-ethereum/core/types"}, "did/didethr -> did/didethr/anchor -> github.com/ethereum/go-ethereum/core/types",
			[]string{"~did/didethr: |~did/didethr/ethrtest", "~did/didethr/ethrtest: github.com/ethereum/go-ethereum/core/vm"},
		},
		"only internal/jwks imports jwx": {
			[]string{"~testvectors/differential: |github.com/lestrrat-go/jwx/v2/jws"}, "testvectors/differential -> github.com/lestrrat-go/jwx/v2/jws",
			[]string{"~internal/jwks: github.com/lestrrat-go/jwx/v2/jwk", "~testvectors/differential: ~internal/jwks"},
		},
		"jwks stays at the edge": {
			[]string{"~credential: ~internal/jwks"}, "credential -> internal/jwks",
			[]string{"~verifier/online: ~internal/jwks"},
		},
		"only internal/jose imports go-jose": {
			[]string{"~credential: github.com/go-jose/go-jose/v4"}, "credential -> github.com/go-jose/go-jose/v4",
			[]string{"~credential: ~internal/jose", "~internal/jose: github.com/go-jose/go-jose/v4"},
		},
		"disclosure stands alone": {
			[]string{"~disclosure: ~internal/strictjson", "~internal/strictjson: golang.org/x/crypto/sha3"}, "disclosure -> internal/strictjson -> golang.org/x/crypto/sha3",
			[]string{"~disclosure: ~internal/strictjson crypto/sha256"},
		},
		"the ground floor is the standard library's": {
			[]string{"~internal/strictjson: |github.com/stretchr/testify/require"}, "internal/strictjson -> github.com/stretchr/testify/require",
			[]string{"~internal/strictjson: unicode/utf8 |testing"},
		},
		"credential never resolves": {
			[]string{"~credential/status: ~did"}, "credential/status -> did",
			[]string{"~credential: ~did/pubkey ~credential/status"},
		},
		"verifier names no DID method": {
			[]string{"~verifier: ~verifier/trust", "~verifier/trust: ~did/didethr/anchor"}, "verifier -> verifier/trust -> did/didethr/anchor",
			[]string{"~verifier: ~did ~did/pubkey"},
		},
		"internal/jose imports nothing of ours": {
			[]string{"~internal/jose: ~did/pubkey"}, "internal/jose -> did/pubkey",
			[]string{"~internal/jose: github.com/go-jose/go-jose/v4"},
		},
		"the generator imports nothing of ours": {
			[]string{"~testvectors/generate: ~internal/strictjson"}, "testvectors/generate -> internal/strictjson",
			[]string{"~testvectors/generate: encoding/json"},
		},
		"examples use what a user can use": {
			[]string{"~examples/first: ~internal/jose"}, "examples/first -> internal/jose",
			[]string{"~examples/first: ~verifier", "~verifier: ~internal/jose"},
		},
		"no math/rand": {
			[]string{"~disclosure: math/rand/v2"}, "disclosure -> math/rand/v2",
			[]string{"~disclosure: crypto/rand math/big |math/rand", "math/big: math/rand"},
		},
		"no unsafe, no cgo": {
			[]string{"~internal/strictjson: |unsafe"}, "internal/strictjson -> unsafe",
			[]string{"~internal/strictjson: strings", "strings: unsafe"},
		},
		"few packages speak HTTP": {
			[]string{"~did/didkey: net/http"}, "did/didkey -> net/http",
			[]string{"~did/didethr/ethrtest: net/http", "~internal/ethrpc: net"},
		},
	}
	for _, r := range rules {
		c, ok := cases[r.name]
		if !ok {
			t.Errorf("%s: no house breaks this rule here", r.name)
			continue
		}
		if got := r.breaks(invent(c.bad...)); !slices.Contains(got, c.chain) {
			t.Errorf("%s: %v passes or shows %q, want %q", r.name, c.bad, got, c.chain)
		}
		if got := r.breaks(invent(c.good...)); len(got) > 0 {
			t.Errorf("%s: %v is refused: %q", r.name, c.good, got)
		}
		if r.why == "" || (len(r.never) == 0) == (len(r.only) == 0) {
			t.Errorf("%s: needs a reason, and one of never and only", r.name)
		}
	}
}

func TestARuleAboutNothingFails(t *testing.T) {
	h := invent("~did: fmt", "~did/didkey: fmt")
	r := rule{from: []string{"did/...", "verifier", "did/didkey"}, not: []string{"did/didkey"}}
	if got := r.covers(h); !slices.Equal(got, []string{"verifier", "did/didkey"}) {
		t.Errorf("rooms that are missing: %q", got)
	}
}

func TestThePlanCanFail(t *testing.T) {
	plans := []room{{"did/pubkey", nil}, {"did", []string{"did/pubkey", "example.org/x/..."}}}
	for _, c := range []struct {
		name  string
		rooms []room
		house []string
		want  string
	}{
		{"as planned", plans, []string{"~did/pubkey: fmt", "~did: ~did/pubkey example.org/x/y fmt |~did/didtest example.org/z"}, ""},
		{"a new room", plans, []string{"~did/pubkey: fmt", "~did: fmt", "~did/didnew: fmt"}, "did/didnew is in the house and not in the plan"},
		{"a room that went", plans, []string{"~did/pubkey: fmt"}, "did is in the plan and not in the house"},
		{"a new arrow", plans, []string{"~did/pubkey: fmt ~did", "~did: fmt"}, "did/pubkey -> did is no arrow"},
		{"a new module", plans, []string{"~did/pubkey: example.org/x/y", "~did: fmt"}, "did/pubkey -> example.org/x/y is no arrow"},
		{"a plan that points up", []room{{"did/pubkey", []string{"did"}}, {"did", nil}}, []string{"~did/pubkey: fmt", "~did: fmt"}, "arrows point down only"},
	} {
		got := strings.Join(plan(invent(c.house...), c.rooms), "\n")
		if c.want == "" && got != "" || !strings.Contains(got, c.want) {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}

func TestMatch(t *testing.T) {
	for _, c := range []struct {
		path, pattern string
		want          bool
	}{
		{"net/http", "net/http/...", true}, {"net/http/httptest", "net/http/...", true}, {"net/httpx", "net/http/...", false}, {"net", "net/http/...", false},
		{module + "/did", "did", true}, {module + "/did/didkey", "did", false}, {module + "/did/didkey", "did/...", true}, {"did", "did", true},
		{module + "/internal/jose", module + "/...", true}, {module + "x/internal/jose", module + "/...", false}, {"example.org/did", "did", false},
	} {
		if got := match(c.path, []string{c.pattern}); got != c.want {
			t.Errorf("%s against %s: %v", c.path, c.pattern, got)
		}
	}
}
