package dcql_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/khyer/khyer/disclosure/dcql"
)

// TestMatchIsTheSmallestAnswer asks small random wallets small random queries and looks at every answer that there is.
func TestMatchIsTheSmallestAnswer(t *testing.T) {
	count := 10000
	if testing.Short() {
		count = 2000
	}
	r := rand.New(rand.NewPCG(6, 4))
	answered := 0
	for range count {
		if judge(t, []byte(randomQuery(r)), randomWallet(r), 5000) {
			answered++
		}
	}
	t.Logf("%d queries, %d of them answered", count, answered)
	if answered < count/5 {
		t.Errorf("of %d queries %d were answered: the generator asks too much", count, answered)
	}
}

func oneOf[T any](r *rand.Rand, of ...T) T { return of[r.IntN(len(of))] }

func list(r *rand.Rand, most int, element func(i int) string) string {
	var all []string
	for i := range 1 + r.IntN(most) {
		all = append(all, element(i))
	}
	return "[" + strings.Join(all, ",") + "]"
}

var randomPaths = []string{`["a"]`, `["b"]`, `["o"]`, `["o","a"]`, `["o","l"]`, `["o","l",null]`, `["l"]`, `["l",null]`, `["l",0]`, `["l",1]`, `["p",null,"a"]`, `["p",null]`, `["p",0,"a"]`, `["p",0]`, `["m",null,null]`, `["m",null,0]`, `["iss"]`}

func randomQuery(r *rand.Rand) string {
	n := 0
	credentials := list(r, 4, func(i int) string {
		n++
		claims := ""
		if r.IntN(4) > 0 {
			m := 0
			claims = `,"claims":` + list(r, 4, func(i int) string {
				m++
				values := ""
				if r.IntN(4) == 0 {
					values = `,"values":` + list(r, 2, func(int) string { return oneOf(r, `0`, `1`, `"x"`, `"y"`, `true`, `-0`) })
				}
				return fmt.Sprintf(`{"id":"%d","path":%s%s}`, i, oneOf(r, randomPaths...), values)
			})
			if r.IntN(2) == 0 {
				claims += `,"claim_sets":` + list(r, 3, func(int) string {
					return list(r, 3, func(int) string { return fmt.Sprintf(`"%d"`, r.IntN(m)) })
				})
			}
		}
		if r.IntN(8) == 0 {
			claims += `,"trusted_authorities":` + list(r, 2, func(int) string {
				return fmt.Sprintf(`{"type":%q,"values":%s}`, oneOf(r, dcql.AuthorityKeyID, dcql.AuthorityIssuer), oneOf(r, `["i"]`, `["j","k"]`))
			})
		}
		if r.IntN(8) == 0 {
			claims += `,"require_cryptographic_holder_binding":` + oneOf(r, `true`, `false`)
		}
		return fmt.Sprintf(`{"id":"q%d","format":%q,"meta":%s%s}`, i, oneOf(r, slices.Repeat([]string{"dc+sd-jwt"}, 15)...),
			oneOf(r, `{}`, `{"vct_values":["t"]}`, `{"vct_values":["u"]}`, `{"vct_values":["t","u"]}`), claims)
	})
	sets := ""
	if r.IntN(3) > 0 {
		sets = `,"credential_sets":` + list(r, 3, func(int) string {
			return `{"options":` + list(r, 3, func(int) string {
				return list(r, 3, func(int) string { return fmt.Sprintf(`"q%d"`, r.IntN(n)) })
			}) + oneOf(r, `}`, `}`, `,"required":true}`, `,"required":false}`)
		})
	}
	return `{"credentials":` + credentials + sets + `}`
}

func randomWallet(r *rand.Rand) (out []dcql.Candidate) {
	scalar := func() string { return oneOf(r, `0`, `1`, `"x"`, `"y"`, `true`, `null`, `-0`, `"1"`) }
	for i := range r.IntN(5) {
		var members []string
		add := func(name string, odds int, value func() string) {
			if r.IntN(odds) > 0 {
				members = append(members, fmt.Sprintf("%q:%s", name, value()))
			}
		}
		elements := func() string { return list(r, 3, func(int) string { return scalar() }) }
		add("a", 5, scalar)
		add("b", 3, scalar)
		add("iss", 2, func() string { return oneOf(r, `"i"`, `"j"`, `"x"`) })
		add("o", 3, func() string {
			return oneOf(r, `{}`, `{"a":`+scalar()+`}`, `{"a":`+scalar()+`,"l":`+elements()+`}`, `{"l":`+elements()+`}`, scalar())
		})
		add("l", 3, func() string { return oneOf(r, `[]`, elements(), elements(), scalar()) })
		add("p", 3, func() string {
			return list(r, 3, func(int) string {
				return oneOf(r, `{"a":`+scalar()+`}`, `{"a":`+scalar()+`,"b":1}`, `{"b":`+scalar()+`}`, `{}`)
			})
		})
		add("m", 2, func() string {
			return list(r, 2, func(int) string { return oneOf(r, elements(), elements(), elements(), `[]`, scalar()) })
		})
		w := card(fmt.Sprint("c", i), oneOf(r, "t", "t", "u"), "{"+strings.Join(members, ",")+"}")
		w.Unbound = r.IntN(8) == 0
		if r.IntN(2) == 0 {
			w.Authorities = []dcql.Authority{{Type: dcql.AuthorityKeyID, Values: []string{oneOf(r, "i", "j", "x")}}}
		}
		out = append(out, w)
	}
	return out
}

// TestMinimalAnswers: the cases that a first fit gets wrong, and those where the order of the query decides.
func TestMinimalAnswers(t *testing.T) {
	query := func(credentials, sets string) string { return `{"credentials":[` + credentials + `]` + sets + `}` }
	ask := func(id, more string) string { return `{"id":"` + id + `","format":"dc+sd-jwt","meta":{}` + more + `}` }
	old, newer := card("old", "t", `{"name":"x"}`), card("new", "t", `{"name":"x","age":1,"address":{"village":"x","gewog":"y"}}`)
	for name, c := range map[string]struct {
		query  string
		wallet []dcql.Candidate
		want   string
	}{
		"one card that answers both queries": {query(ask("a", `,"claims":[{"path":["name"]}]`)+","+ask("b", `,"claims":[{"path":["age"]}]`), ``),
			[]dcql.Candidate{old, newer}, `a:new["name"] b:new["age"]`},
		"an option that another set needs anyhow": {query(ask("a", ``)+","+ask("b", ``), `,"credential_sets":[{"options":[["a"],["b"]]},{"options":[["b"]]}]`),
			[]dcql.Candidate{old}, `b:old`},
		"the option with fewer claims": {query(ask("a", `,"claims":[{"path":["name"]},{"path":["age"]}]`)+","+ask("b", `,"claims":[{"path":["age"]}]`), `,"credential_sets":[{"options":[["a"],["b"]]}]`),
			[]dcql.Candidate{newer}, `b:new["age"]`},
		"the first of equal options": {query(ask("a", `,"claims":[{"path":["name"]}]`)+","+ask("b", `,"claims":[{"path":["age"]}]`), `,"credential_sets":[{"options":[["b"],["a"]]}]`),
			[]dcql.Candidate{newer}, `b:new["age"]`},
		"the first of equal cards": {query(ask("a", ``), ``), []dcql.Candidate{old, newer}, `a:old`},
		"one card rather than two with as many things": {query(ask("a", `,"claims":[{"path":["name"]},{"path":["age"]}]`)+`,{"id":"b","format":"dc+sd-jwt","meta":{"vct_values":["u"]}},`+ask("c", `,"claims":[{"path":["name"]}]`),
			`,"credential_sets":[{"options":[["b","c"],["a"]]}]`), []dcql.Candidate{newer, card("u", "u", `{}`)}, `a:new["name"]["age"]`},
		"two cards with fewer things": {query(ask("a", `,"claims":[{"path":["name"]},{"path":["age"]},{"path":["address","village"]},{"path":["address","gewog"]}]`)+`,{"id":"b","format":"dc+sd-jwt","meta":{"vct_values":["u"]}},`+ask("c", `,"claims":[{"path":["name"]}]`),
			`,"credential_sets":[{"options":[["a"],["b","c"]]}]`), []dcql.Candidate{newer, card("u", "u", `{}`)}, `b:u c:new["name"]`},
		"a claim inside another that is shown": {query(ask("a", `,"claims":[{"path":["address"]}]`)+","+ask("b", `,"claims":[{"path":["address","village"]},{"path":["address","gewog"]}]`)+","+ask("c", `,"claims":[{"path":["name"]}]`),
			`,"credential_sets":[{"options":[["a"]]},{"options":[["c"],["b"]]}]`), []dcql.Candidate{newer}, `a:new["address"] b:new["address","village"]["address","gewog"]`},
		"the verifier's claim set before a smaller one": {query(ask("a", `,"claims":[{"id":"n","path":["name"]},{"id":"g","path":["age"]},{"id":"v","path":["address"]}],"claim_sets":[["g","v"],["n"]]`), ``),
			[]dcql.Candidate{old, newer}, `a:new["age"]["address"]`},
		"all sets optional": {query(ask("a", ``), `,"credential_sets":[{"options":[["a"]],"required":false}]`), []dcql.Candidate{old}, ``},
	} {
		choices, err := parse(t, c.query).Match(c.wallet)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		var got []string
		for _, choice := range choices {
			s := choice.Query + ":" + choice.Candidate
			for _, p := range choice.Reveal {
				s += text(p)
			}
			got = append(got, s)
		}
		if s := strings.Join(got, " "); s != c.want {
			t.Errorf("%s: %s, want %s", name, s, c.want)
		}
		judge(t, []byte(c.query), c.wallet, 1000)
	}
}

// hardQuery asks 64 times, each time for one of many claims that only some cards have; every set has two options.
func hardQuery() (query string, wallet []dcql.Candidate) {
	var credentials, sets []string
	for i := range 64 {
		credentials = append(credentials, fmt.Sprintf(`{"id":"q%d","format":"dc+sd-jwt","meta":{},"claims":[{"path":["c%d"]}]}`, i, i))
		sets = append(sets, fmt.Sprintf(`{"options":[["q%d","q%d"],["q%d","q%d"]]}`, i, (i*7+1)%64, (i*13+5)%64, (i*29+3)%64))
	}
	r := rand.New(rand.NewPCG(1, 2))
	for n := range 100 {
		var claims []string
		for i := range 64 {
			if r.IntN(8) == 0 {
				claims = append(claims, fmt.Sprintf(`"c%d":1`, i))
			}
		}
		wallet = append(wallet, card(fmt.Sprint(n), "t", "{"+strings.Join(claims, ",")+"}"))
	}
	return `{"credentials":[` + strings.Join(credentials, ",") + `],"credential_sets":[` + strings.Join(sets, ",") + `]}`, wallet
}

// TestQueryMadeToSearchForEver: a stranger's query cannot keep a wallet busy, and what it gets is an answer that shows nothing else.
func TestQueryMadeToSearchForEver(t *testing.T) {
	text, wallet := hardQuery()
	q := parse(t, text)
	begin := time.Now()
	choices, err := q.Match(wallet)
	took := time.Since(begin)
	if err != nil || took > 5*time.Second {
		t.Fatalf("%v after %v", err, took)
	}
	given := map[string][]dcql.Candidate{}
	for _, c := range choices {
		n := slices.IndexFunc(wallet, func(w dcql.Candidate) bool { return w.ID == c.Candidate })
		given[c.Query] = append(given[c.Query], wallet[n])
	}
	if err := q.Satisfied(given); err != nil {
		t.Error(err)
	}
	t.Logf("%d presentations after %v", len(choices), took)
	all := dcql.Query{Credentials: slices.Repeat(q.Credentials, 2)}
	if _, err := all.Match(nil); !errors.Is(err, dcql.Malformed) {
		t.Errorf("128 credential queries: %v", err)
	}
}

func FuzzMatch(f *testing.F) {
	f.Add([]byte(birth), []byte(`{"role":"mother"}`), []byte(`{"role":"father"}`), []byte(`{}`))
	r := rand.New(rand.NewPCG(1, 1))
	for range 200 {
		claims := [3][]byte{}
		for i, w := range append(randomWallet(r), randomWallet(r)...) {
			claims[i%3] = w.Claims
		}
		f.Add([]byte(randomQuery(r)), claims[0], claims[1], claims[2])
	}
	f.Fuzz(func(t *testing.T, query, one, two, three []byte) {
		if _, err := dcql.Parse(query); err != nil {
			return
		}
		wallet := []dcql.Candidate{card("1", "t", string(one)), card("2", "u", string(two)), card("3", "t", string(three))}
		for i, w := range wallet {
			if !readable(w.Claims) {
				wallet[i].Claims = []byte(`{}`)
			}
		}
		judge(t, query, wallet, 500)
	})
}
