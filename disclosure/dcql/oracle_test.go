package dcql_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/khyer/khyer/disclosure"
	"github.com/khyer/khyer/disclosure/dcql"
	"github.com/khyer/khyer/internal/strictjson"
)

// The oracle reads a query that Parse accepts after sections 6 and 7 with encoding/json, shares no code with the package, and finds the smallest
// answer by looking at every one.
type oracle struct {
	Credentials []oracleCredential
	Sets        []oracleSet `json:"credential_sets"`
}

type oracleCredential struct {
	ID, Format  string
	Meta        map[string]json.RawMessage
	Authorities []struct {
		Type   string
		Values []string
	} `json:"trusted_authorities"`
	Bound     *bool `json:"require_cryptographic_holder_binding"`
	Claims    []oracleClaim
	ClaimSets [][]string `json:"claim_sets"`
}

type oracleClaim struct {
	ID     string
	Path   []any
	Values []any
}

type oracleSet struct {
	Options  [][]string
	Required *bool
}

// answer is a candidate that answers a credential query, and with what.
type answer struct {
	candidate, set int
	claims         []oracleClaim
}

// readOracle reads a query. encoding/json takes a member ID for id; to DCQL it is unknown.
func readOracle(query []byte) (o oracle, err error) {
	var v any
	if err = numbers(query, &v); err != nil {
		return o, err
	}
	exact(v)
	if err = numbers([]byte(text(v)), &o); err != nil {
		return o, err
	}
	for _, c := range o.Credentials {
		for _, claim := range c.Claims {
			for i, step := range claim.Path {
				if n, ok := step.(json.Number); ok {
					at, err := n.Int64()
					if err != nil {
						return o, err
					}
					claim.Path[i] = json.Number(fmt.Sprint(at)) // -0 is 0
				}
			}
		}
	}
	return o, nil
}

var members = []string{"credentials", "credential_sets", "id", "format", "meta", "vct_values", "trusted_authorities", "type", "values", "require_cryptographic_holder_binding",
	"claims", "path", "claim_sets", "options", "required", "multiple"}

func exact(v any) {
	switch v := v.(type) {
	case map[string]any:
		for name, e := range v {
			if !slices.Contains(members, name) {
				delete(v, name)
			} else {
				exact(e)
			}
		}
	case []any:
		for _, e := range v {
			exact(e)
		}
	}
}

// readable tells whether claims are such as a card can have: an object that encoding/json and we read alike.
func readable(claims []byte) bool {
	v, err := strictjson.Parse(claims, strictjson.Limits{Depth: 100})
	return err == nil && v.Kind() == strictjson.Object
}

func numbers(data []byte, to any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	return d.Decode(to)
}

// pointed processes a claims path pointer (section 7.1.1) and returns what it selects by its path, as JSON.
func pointed(root any, path []any) (out map[string]any, ok bool) {
	type place struct {
		path  []any
		value any
	}
	at := []place{{nil, root}}
	for _, step := range path {
		var next []place
		for _, p := range at {
			below := func(step, value any) { next = append(next, place{append(slices.Clone(p.path), step), value}) }
			object, isObject := p.value.(map[string]any)
			array, isArray := p.value.([]any)
			switch step := step.(type) {
			case string:
				if !isObject {
					return nil, false
				}
				if v, ok := object[step]; ok {
					below(step, v)
				}
			case json.Number:
				n, _ := step.Int64()
				if !isArray {
					return nil, false
				}
				if n < int64(len(array)) {
					below(step, array[n])
				}
			default:
				if !isArray {
					return nil, false
				}
				for i, v := range array {
					below(json.Number(fmt.Sprint(i)), v)
				}
			}
		}
		at = next
	}
	out = map[string]any{}
	for _, p := range at {
		out[text(p.path)] = p.value
	}
	return out, len(out) > 0
}

func text(v any) string {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(data)
}

// wanted drops what a claims query selects and does not have a value that it names.
func (c oracleClaim) wanted(claims any) map[string]any {
	out, ok := pointed(claims, c.Path)
	if !ok {
		return nil
	}
	if c.Values == nil {
		return out
	}
	for at, v := range out {
		if !slices.ContainsFunc(c.Values, func(want any) bool {
			switch v.(type) {
			case string, bool:
				return v == want
			case json.Number:
				n, ok := want.(json.Number)
				return ok && strings.Replace(text(v), "-0", "0", 1) == strings.Replace(n.String(), "-0", "0", 1) // no integer begins with 0
			}
			return false
		}) {
			delete(out, at)
		}
	}
	return out
}

// sets returns the combinations of claims that are asked for, without second queries for a path.
func (c oracleCredential) sets() (out [][]oracleClaim) {
	all := [][]oracleClaim{c.Claims}
	if c.ClaimSets != nil {
		all = nil
		for _, ids := range c.ClaimSets {
			var set []oracleClaim
			for _, id := range ids {
				i := slices.IndexFunc(c.Claims, func(c oracleClaim) bool { return c.ID == id })
				set = append(set, c.Claims[i])
			}
			all = append(all, set)
		}
	}
	for _, set := range all {
		seen := map[string]bool{}
		out = append(out, slices.DeleteFunc(slices.Clone(set), func(c oracleClaim) bool {
			twice := seen[text(c.Path)]
			seen[text(c.Path)] = true
			return twice
		}))
	}
	return out
}

func (c oracleCredential) answers(wallet []dcql.Candidate) (out []answer) {
	var types []string
	if c.Meta["vct_values"] != nil {
		if err := json.Unmarshal(c.Meta["vct_values"], &types); err != nil {
			panic(err)
		}
	}
	for i, w := range wallet {
		var claims map[string]any
		if numbers(w.Claims, &claims) != nil || claims == nil {
			continue
		}
		certified := c.Authorities == nil
		for _, a := range c.Authorities {
			for _, v := range a.Values {
				certified = certified || a.Type == dcql.AuthorityIssuer && claims["iss"] == v
				for _, have := range w.Authorities {
					certified = certified || a.Type != dcql.AuthorityIssuer && have.Type == a.Type && slices.Contains(have.Values, v)
				}
			}
		}
		bound := c.Bound == nil || *c.Bound
		if c.Format != "dc+sd-jwt" || w.Format != c.Format || !certified || bound && w.Unbound || types != nil && !slices.Contains(types, w.Type) {
			continue
		}
		for n, set := range c.sets() {
			if !slices.ContainsFunc(set, func(c oracleClaim) bool { return len(c.wanted(claims)) == 0 }) {
				out = append(out, answer{i, n, set})
				break
			}
		}
	}
	return out
}

// shown is what is shown of one card: the paths that are revealed, as JSON.
type shown map[int]map[string]bool

func (s shown) add(candidate int, paths ...string) {
	if s[candidate] == nil {
		s[candidate] = map[string]bool{}
	}
	for _, p := range paths {
		s[candidate][p] = true
	}
}

// things counts cards, and claims that lie in no other; of equals, cards decide, and then to how many queries there is an answer.
func (s shown) things(queries int) int {
	n := len(s)
	for _, paths := range s {
		for p := range paths {
			inside := false
			for o := range paths {
				inside = inside || o != p && covers(o, p)
			}
			if !inside {
				n++
			}
		}
	}
	return n*1_000_000 + len(s)*1000 + queries
}

// covers compares paths as texts: what stands before the bracket at the end of the one begins the other, null standing for any index.
func covers(outer, inner string) bool {
	var o, p []any
	if numbers([]byte(outer), &o) != nil || numbers([]byte(inner), &p) != nil || len(o) > len(p) {
		return false
	}
	for i := range o {
		if o[i] == nil {
			if _, isName := p[i].(string); isName {
				return false
			}
		} else if text(o[i]) != text(p[i]) {
			return false
		}
	}
	return true
}

// smallest looks at every answer. ok is false if there is none, or more than limit.
func (o oracle) smallest(answers map[string][]answer, limit int) (things int, ok, tooMany bool) {
	requests := [][]string{{}}
	if o.Sets == nil {
		for _, c := range o.Credentials {
			requests[0] = append(requests[0], c.ID)
		}
	}
	for _, s := range o.Sets {
		if s.Required != nil && !*s.Required {
			continue
		}
		var more [][]string
		for _, r := range requests {
			for _, option := range s.Options {
				more = append(more, append(slices.Clone(r), option...))
			}
		}
		if requests = more; len(requests) > limit {
			return 0, false, true
		}
	}
	things = -1
	for _, r := range requests {
		slices.Sort(r)
		r = slices.Compact(r)
		ways := 1
		for _, id := range r {
			if ways *= len(answers[id]); ways > limit {
				return 0, false, true
			}
		}
		for way := range ways {
			s := shown{}
			for _, id := range r {
				a := answers[id][way%len(answers[id])]
				way /= len(answers[id])
				s.add(a.candidate)
				for _, c := range a.claims {
					s.add(a.candidate, text(c.Path))
				}
			}
			if n := s.things(len(r)); things < 0 || n < things {
				things = n
			}
		}
	}
	return things, things >= 0, false
}

// everything lists all paths of a JSON value, without null.
func everything(v any, at disclosure.Path) (out []disclosure.Path) {
	switch v := v.(type) {
	case map[string]any:
		for name, e := range v {
			p := append(slices.Clone(at), name)
			out = append(append(out, p), everything(e, p)...)
		}
	case []any:
		for i, e := range v {
			p := append(slices.Clone(at), i)
			out = append(append(out, p), everything(e, p)...)
		}
	}
	return out
}

// judge holds Match, Matches and Satisfied to the oracle, for a query that Parse accepts and a wallet in which every claim is hidden. It tells whether there is an answer.
func judge(t *testing.T, query []byte, wallet []dcql.Candidate, limit int) (answered bool) {
	t.Helper()
	q, err := dcql.Parse(query)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	o, err := readOracle(query)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	for i := range wallet {
		var claims any
		if numbers(wallet[i].Claims, &claims) == nil {
			wallet[i].Hidden = everything(claims, nil)
		}
	}
	answers, all := map[string][]answer{}, q.Matches(wallet)
	for _, c := range o.Credentials {
		answers[c.ID] = c.answers(wallet)
		if len(answers[c.ID]) != len(all[c.ID]) {
			t.Fatalf("%s\n%s: %d cards match, want %d", query, c.ID, len(all[c.ID]), len(answers[c.ID]))
		}
		for i, a := range answers[c.ID] {
			sameChoice(t, query, wallet[a.candidate], a, all[c.ID][i])
		}
		// The earliest claim set that the wallet has comes first.
		first := slices.MinFunc(append(answers[c.ID], answer{set: 1 << 20}), func(a, b answer) int { return a.set - b.set }).set
		answers[c.ID] = slices.DeleteFunc(answers[c.ID], func(a answer) bool { return a.set > first })
	}
	choices, err := q.Match(wallet)
	things, ok, tooMany := o.smallest(answers, limit)
	if tooMany {
		return err == nil
	}
	if ok != (err == nil) {
		t.Fatalf("%s: %v, and an answer: %v", query, err, ok)
	}
	if !ok {
		return false
	}
	s, given := shown{}, map[string][]dcql.Candidate{}
	for _, c := range choices {
		n := slices.IndexFunc(wallet, func(w dcql.Candidate) bool { return w.ID == c.Candidate })
		if !slices.ContainsFunc(answers[c.Query], func(a answer) bool { return a.candidate == n }) {
			t.Fatalf("%s: %s is answered by %s", query, c.Query, c.Candidate)
		}
		s.add(n)
		for _, p := range c.Reveal {
			s.add(n, text(p))
		}
		given[c.Query] = append(given[c.Query], wallet[n])
	}
	if n := s.things(len(choices)); n != things {
		t.Fatalf("%s: the answer shows %d things, the smallest %d: %v", query, n, things, choices)
	}
	if err := q.Satisfied(given); err != nil {
		t.Fatalf("%s: the answer does not satisfy: %v", query, err)
	}
	return true
}

func sameChoice(t *testing.T, query []byte, card dcql.Candidate, want answer, got dcql.Choice) {
	t.Helper()
	paths := []string{}
	asked := []string{}
	var claims any
	if err := numbers(card.Claims, &claims); err != nil {
		t.Fatal(err)
	}
	for _, c := range want.claims {
		paths = append(paths, text(c.Path))
		for at := range c.wanted(claims) {
			asked = append(asked, at)
		}
	}
	revealed := []string{}
	for _, p := range got.Reveal {
		revealed = append(revealed, text(p))
	}
	if got.Candidate != card.ID || !slices.Equal(paths, revealed) {
		t.Fatalf("%s: %v, want %s %v", query, got, card.ID, paths)
	}
	for _, p := range card.Hidden {
		need := slices.ContainsFunc(asked, func(at string) bool { return covers(at, text(p)) || covers(text(p), at) })
		if have := slices.ContainsFunc(got.Disclose, func(d disclosure.Path) bool { return slices.Equal(d, p) }); have != need {
			t.Fatalf("%s\nwith %s: %v is disclosed: %v, needed: %v", query, card.Claims, p, have, need)
		}
	}
}
