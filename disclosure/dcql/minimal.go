package dcql

import (
	"cmp"
	"math/bits"
	"slices"

	"github.com/khyer/khyer/disclosure"
)

// Match returns the smallest answer: the one that shows the fewest things, each card counting as one and each claim as one, whatever is revealed twice
// of one card, or lies inside another claim, counting once. Of equals it takes fewer cards, then fewer answers to credential queries, then what comes
// first in the query and among the candidates. Optional credential sets are left out: that nothing is shown for them is the smallest.
//
// The order of claim sets comes first, though: it is the verifier's preference (section 6.4.1), so that for each credential query only candidates
// with the earliest claim set that any of them has are looked at, even if a later one is smaller. Options of a credential set have no order of
// preference (section 6.4.2).
//
// Finding the smallest is a search (of two queries that one card could answer together, and options that overlap). It ends after 20,000 steps, which
// only a query made for it needs: then the smallest answer found so far is returned, which still shows nothing that was not asked for.
//
// The error is *Error with NotSatisfied: then nothing may be shown (section 6.4.2), and the holder asks the citizen before the verifier hears
// of it, because it tells that a value differs (section 15.4.1). With more than 64 credential queries, which Parse refuses, it is Malformed.
func (q *Query) Match(candidates []Candidate) ([]Choice, error) {
	if len(q.Credentials) > maxItems {
		return nil, malformed("more than 64 credential queries")
	}
	s := q.search(candidates)
	if err := q.complete(func(id string) bool { _, ok := s.has(id); return ok }); err != nil {
		return nil, err
	}
	if len(q.Sets) == 0 {
		s.assign(1<<len(q.Credentials) - 1)
	} else {
		s.options(0, 0)
	}
	var out []Choice
	for i := range q.Credentials {
		if n := s.best[i]; n >= 0 {
			m := s.found[i][n]
			out = append(out, q.Credentials[i].choice(&candidates[m.candidate], m))
		}
	}
	return out, nil
}

// maxSteps bounds a search. A query of four credential sets with four options each over cards that each answer one query takes 300.
const maxSteps = 20000

// search looks for the smallest answer.
type search struct {
	q     *Query
	index map[string]int // of credential queries, by id
	found [][]found      // for each credential query, of the earliest claim set that there is; one for all cards that answer the same queries
	asks  []uint64       // by candidate: the credential queries that it answers

	picked []int         // for each credential query an index into found, -1 if it is not answered
	shown  map[int][]int // by candidate: the credential queries that it is picked for
	best   []int
	size   cost
	any    bool // best is an answer
	steps  int
}

// cost is the size of an answer.
type cost struct{ things, cards, answers int }

func (c cost) less(d cost) bool {
	return cmp.Or(cmp.Compare(c.things, d.things), cmp.Compare(c.cards, d.cards), cmp.Compare(c.answers, d.answers)) < 0
}

func (q *Query) search(candidates []Candidate) *search {
	s := &search{q: q, found: q.find(candidates), index: make(map[string]int, len(q.Credentials)), asks: make([]uint64, len(candidates)),
		picked: make([]int, len(q.Credentials)), shown: map[int][]int{}}
	for i := range q.Credentials {
		s.index[q.Credentials[i].ID] = i
		s.picked[i] = -1
		first := maxItems
		for _, m := range s.found[i] {
			first = min(first, m.set)
		}
		s.found[i] = slices.DeleteFunc(s.found[i], func(m found) bool { return m.set > first })
		for _, m := range s.found[i] {
			s.asks[m.candidate] |= 1 << i
		}
	}
	s.best = slices.Clone(s.picked)
	// Cards that answer the same queries stand for each other: whatever two of them show together, one shows as well.
	stands := map[uint64]int{}
	for n, asks := range s.asks {
		if _, ok := stands[asks]; !ok {
			stands[asks] = n
		}
	}
	for i := range s.found {
		s.found[i] = slices.DeleteFunc(s.found[i], func(m found) bool { return stands[s.asks[m.candidate]] != m.candidate })
	}
	return s
}

// has tells whether a card answers a credential query, and which query that is.
func (s *search) has(id string) (index int, ok bool) {
	index, ok = s.index[id]
	return index, ok && len(s.found[index]) > 0
}

// options takes an option of each required set from the n-th on, and looks at what is asked for in the end.
func (s *search) options(n int, asked uint64) {
	if n == len(s.q.Sets) {
		s.assign(asked)
		return
	}
	set := &s.q.Sets[n]
	if set.Optional {
		s.options(n+1, asked)
		return
	}
	for _, option := range set.Options {
		more := asked
		for _, id := range option {
			i, ok := s.has(id)
			if !ok {
				more = 0
				break
			}
			more |= 1 << i
		}
		if more == 0 {
			continue
		}
		s.options(n+1, more)
		if more == asked || s.over() { // nothing is smaller than what is asked for anyhow
			return
		}
	}
}

// over counts a step, and tells whether the search is at its end. It goes on until there is an answer.
func (s *search) over() bool {
	s.steps++
	return s.any && s.steps > maxSteps
}

// assign picks a card for each credential query that is asked for, in their order.
func (s *search) assign(asked uint64) {
	if asked == 0 {
		if size := s.cost(); !s.any || size.less(s.size) {
			s.any, s.size = true, size
			copy(s.best, s.picked)
		}
		return
	}
	i := bits.TrailingZeros64(asked)
	for pass := range 2 { // first the cards that are shown anyhow
		for n, m := range s.found[i] {
			if had := s.shown[m.candidate]; len(had) > 0 == (pass == 1) {
				continue
			}
			s.picked[i] = n
			s.shown[m.candidate] = append(s.shown[m.candidate], i)
			if !s.any || s.atLeast().less(s.size) {
				s.assign(asked &^ (1 << i))
			}
			s.drop(m.candidate)
			s.picked[i] = -1
			if s.over() {
				return
			}
		}
	}
}

func (s *search) drop(candidate int) {
	if had := s.shown[candidate]; len(had) > 1 {
		s.shown[candidate] = had[:len(had)-1]
	} else {
		delete(s.shown, candidate)
	}
}

// paths returns what is revealed of a card.
func (s *search) paths(queries []int) (all []disclosure.Path) {
	for _, i := range queries {
		c := &s.q.Credentials[i]
		for _, n := range s.found[i][s.picked[i]].claims {
			all = append(all, c.Claims[n].Path)
		}
	}
	return all
}

// cost is the size of what is picked.
func (s *search) cost() cost {
	size := cost{things: len(s.shown), cards: len(s.shown)}
	for _, queries := range s.shown {
		size.answers += len(queries)
		all := s.paths(queries)
		for i, p := range all {
			if !slices.ContainsFunc(all[:i], func(o disclosure.Path) bool { return contains(o, p) }) &&
				!slices.ContainsFunc(all[i+1:], func(o disclosure.Path) bool { return contains(o, p) && !slices.Equal(o, p) }) {
				size.things++
			}
		}
	}
	return size
}

// atLeast is what no answer with these cards can go below: as queries are added a claim can come to lie inside another, but not outside the
// top-level claim that it is of.
func (s *search) atLeast() cost {
	size := cost{things: len(s.shown), cards: len(s.shown)}
	for _, queries := range s.shown {
		size.answers += len(queries)
		tops := map[any]bool{}
		for _, p := range s.paths(queries) {
			tops[p[0]] = true
		}
		size.things += len(tops)
	}
	return size
}

// contains tells whether all that p points to is what o points to, or inside.
func contains(o, p disclosure.Path) bool {
	if len(o) > len(p) {
		return false
	}
	for i, step := range o {
		_, name := p[i].(string)
		if step != p[i] && (step != nil || name) {
			return false
		}
	}
	return true
}
