package differential

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/khyer/khyer/disclosure"
	"github.com/khyer/khyer/disclosure/dcql"
)

const defaultQueries = 20000

// queryTrial is a query before a wallet.
type queryTrial struct {
	name   string
	query  string
	wallet []dcqlCard
}

func makeTrial(seed, index uint64) queryTrial {
	r := rand.New(rand.NewPCG(seed, index))
	return queryTrial{fmt.Sprint("query ", index), makeQuery(r), makeWallet(r)}
}

// oursOf is what our library makes of it.
func oursOf(t queryTrial) (a dcqlAnswer, err error) {
	q, err := dcql.Parse([]byte(t.query))
	if err != nil {
		if !errors.Is(err, dcql.Malformed) {
			return a, err
		}
		return dcqlAnswer{Refused: true}, nil
	}
	var wallet []dcql.Candidate
	for i, c := range t.wallet {
		w := dcql.Candidate{ID: fmt.Sprint(i), Format: dcql.FormatSDJWT, Type: c.Type, Claims: c.Claims, Unbound: c.Unbound, Hidden: everyPath(c.claims, nil)}
		if c.Authority != nil {
			w.Authorities = []dcql.Authority{dcql.Authority(*c.Authority)}
		}
		wallet = append(wallet, w)
	}
	a.Matches = map[string][]dcqlMatch{}
	all := q.Matches(wallet)
	for _, c := range q.Credentials {
		a.Matches[c.ID] = nil
		for _, choice := range all[c.ID] {
			m := dcqlMatch{Card: slices.IndexFunc(wallet, func(w dcql.Candidate) bool { return w.ID == choice.Candidate }), leaves: map[string]bool{}}
			for _, p := range choice.Reveal {
				m.paths = append(m.paths, jsonText(p))
			}
			scalars := map[string]bool{}
			leaves(nil, t.wallet[m.Card].claims, scalars)
			for _, p := range choice.Disclose {
				if at := jsonText(p); scalars[at] {
					m.leaves[at] = true
				}
			}
			a.Matches[c.ID] = append(a.Matches[c.ID], m)
		}
	}
	_, err = q.Match(wallet)
	a.Satisfiable = err == nil
	return a, nil
}

func everyPath(n *node, at disclosure.Path) (out []disclosure.Path) {
	for _, m := range n.members {
		p := append(slices.Clone(at), m.name)
		out = append(append(out, p), everyPath(m.v, p)...)
	}
	for i, e := range n.items {
		p := append(slices.Clone(at), i)
		out = append(append(out, p), everyPath(e, p)...)
	}
	return out
}

// What of two matches is compared.
var (
	byPaths  = func(a, b dcqlMatch) bool { return slices.Equal(a.paths, b.paths) && maps.Equal(a.leaves, b.leaves) }
	bySets   = func(a, b dcqlMatch) bool { return a.Set == b.Set }
	byLeaves = func(a, b dcqlMatch) bool { return a.Set == b.Set && maps.Equal(a.leaves, b.leaves) }
)

// same compares answers: whether there is one, which cards, and what of them.
func same(a, b dcqlAnswer, what func(a, b dcqlMatch) bool) bool {
	if a.Refused || b.Refused {
		return a.Refused == b.Refused
	}
	return a.Satisfiable == b.Satisfiable && maps.EqualFunc(a.Matches, b.Matches, func(a, b []dcqlMatch) bool {
		return slices.EqualFunc(a, b, func(a, b dcqlMatch) bool { return a.Card == b.Card && what(a, b) })
	})
}

// partsOf says in which classes the sides part, none if they agree, or why that is unexplained.
func partsOf(t queryTrial, theirs answer) (parts []string, agreed dcqlAnswer, unexplained string) {
	habits := map[string]bool{}
	for _, c := range queryClasses {
		habits[c.name] = true
	}
	plain, peers := (&queryReader{}).answer(t.query, t.wallet), (&queryReader{habits}).answer(t.query, t.wallet)
	own, err := oursOf(t)
	if err != nil || !same(own, plain, byPaths) {
		return nil, own, fmt.Sprintf("ours is not as the text: %v %+v, want %+v", err, own, plain)
	}
	their := dcqlAnswer{Refused: true}
	if theirs.Error == nil {
		their = dcqlAnswer{}
		if err := json.Unmarshal(theirs.OK, &their); err != nil {
			return nil, own, err.Error()
		}
	}
	if !same(their, peers, bySets) {
		return nil, own, fmt.Sprintf("the peer is not as its habits: %s %+v, want %+v", theirs.OK, errorOf(theirs), peers)
	}
	if same(peers, plain, byLeaves) {
		if plain.Refused {
			return nil, own, ""
		}
		return nil, own, sameOutput(their, plain)
	}
	for _, c := range queryClasses {
		one, without := map[string]bool{c.name: true}, maps.Clone(habits)
		delete(without, c.name)
		if !same((&queryReader{one}).answer(t.query, t.wallet), plain, byLeaves) || !same((&queryReader{without}).answer(t.query, t.wallet), peers, byLeaves) {
			parts = append(parts, c.name)
		}
	}
	if len(parts) == 0 {
		return nil, own, "they part in no class alone"
	}
	return parts, own, ""
}

func errorOf(a answer) string {
	if a.Error == nil {
		return ""
	}
	return *a.Error
}

// sameOutput holds what the peer would show of each card to what ours discloses.
func sameOutput(their, plain dcqlAnswer) string {
	for id, all := range their.Matches {
		for i, m := range all {
			n, _, ok := parseJSON(m.Output)
			if !ok {
				return "the peer's output is no JSON"
			}
			shown := map[string]bool{}
			leaves(nil, n, shown)
			if !maps.Equal(shown, plain.Matches[id][i].leaves) {
				return fmt.Sprintf("%s: the peer shows %v, ours %v", id, shown, plain.Matches[id][i].leaves)
			}
		}
	}
	return ""
}

func (p *peer) sendQuery(t queryTrial) error {
	line, err := json.Marshal(map[string]any{"query": t.query, "cards": t.wallet})
	if err != nil {
		return err
	}
	_, err = p.in.Write(append(line, '\n'))
	return err
}

// TestVerdictsOfDCQL gives random queries and wallets to npm's dcql and to ours. They may part only in the classes of DIVERGENCES.md; ours is in
// each case as the text, and the peer as its habits.
func TestVerdictsOfDCQL(t *testing.T) {
	p := start(t, "dcql.mjs")
	seed, count := number(t, seedVar, 1), number(t, countVar, defaultQueries)
	end := deadline(t, &count)
	t.Logf("seed %d", seed)
	score, made, bad := map[string]int{}, uint64(0), 0
	for made < count && (end.IsZero() || time.Now().Before(end)) {
		var batch []queryTrial
		for range min(200, count-made) {
			batch = append(batch, makeTrial(seed, made))
			made++
		}
		failed := make(chan error, 1)
		go func() {
			for _, tr := range batch {
				if err := p.sendQuery(tr); err != nil {
					failed <- err
					return
				}
			}
			failed <- p.in.Flush()
		}()
		for _, tr := range batch {
			theirs, err := p.receive()
			if err != nil {
				t.Fatal(err)
			}
			parts, own, unexplained := partsOf(tr, theirs)
			switch {
			case unexplained != "":
				if bad++; bad <= 5 {
					t.Errorf("%s of seed %d: %s\n%s\n%s", tr.name, seed, unexplained, tr.query, jsonText(tr.wallet))
				}
			case len(parts) > 0:
				score["  they part"]++
			case own.Refused:
				score["  both refuse"]++
			case own.Satisfiable:
				score["  both answer"]++
			default:
				score["  both have no answer"]++
			}
			for _, name := range parts {
				score[name]++
			}
		}
		if err := <-failed; err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d queries, %d unexplained", made, bad)
	for _, name := range slices.Sorted(maps.Keys(score)) {
		t.Logf("%7d %s", score[name], name)
	}
	for _, c := range queryClasses {
		if made >= defaultQueries && score[c.name] == 0 {
			t.Errorf("nothing shows %q any more: does the peer do as ours now?", c.name)
		}
	}
}

// TestQueriesOfTheStandard: every example of a query in OpenID4VP 1.0, before wallets that have what it asks for, or all but one claim. The vectors that
// begin with openid4vp- are these examples.
func TestQueriesOfTheStandard(t *testing.T) {
	p := start(t, "dcql.mjs")
	files, err := filepath.Glob("../vectors/dcql/openid4vp-*.json")
	if err != nil || len(files) < 20 {
		t.Fatalf("%d vectors: %v", len(files), err)
	}
	answered := 0
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var v struct {
			Request struct {
				Query       json.RawMessage
				Credentials []struct {
					Type   string
					Claims json.RawMessage
				}
			}
		}
		if err := json.Unmarshal(data, &v); err != nil {
			t.Fatal(err)
		}
		tr := queryTrial{name: filepath.Base(file), query: string(v.Request.Query), wallet: []dcqlCard{}}
		for _, c := range v.Request.Credentials {
			n, _, _ := parseJSON(c.Claims)
			tr.wallet = append(tr.wallet, dcqlCard{Type: c.Type, Claims: c.Claims, claims: n})
		}
		if err := errors.Join(p.sendQuery(tr), p.in.Flush()); err != nil {
			t.Fatal(err)
		}
		theirs, err := p.receive()
		if err != nil {
			t.Fatal(err)
		}
		parts, own, unexplained := partsOf(tr, theirs)
		if unexplained != "" || len(parts) > 0 {
			t.Errorf("%s: %v %s", tr.name, parts, unexplained)
		}
		if own.Satisfiable {
			answered++
		}
	}
	t.Logf("%d examples before a wallet, %d with an answer", len(files), answered)
	if answered == 0 {
		t.Error("none has an answer")
	}
}
