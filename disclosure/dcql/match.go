package dcql

import (
	"encoding/json"
	"slices"

	"github.com/khyer/khyer/disclosure"
	"github.com/khyer/khyer/internal/strictjson"
)

// Candidate is a credential: one in a wallet with all its claims, or one that was shown, with those that were shown.
type Candidate struct {
	ID           string // the caller's own
	Format, Type string
	Claims       []byte      // a JSON object: the processed payload
	Authorities  []Authority // what is known of who certifies its issuer
	Unbound      bool        // no proof of the holder's key can be, or was, given
}

// Choice is a credential to be shown in answer to one credential query, and the claims to reveal. Reveal is empty if none is asked for.
type Choice struct {
	Query, Candidate string
	Reveal           []disclosure.Path
}

// Matches returns, for each credential query by its id, every candidate that answers it by itself, in the order of candidates, each with the fewest
// claims: those of the first claim set that it has.
func (q *Query) Matches(candidates []Candidate) map[string][]Choice {
	parsed := make([]strictjson.Value, len(candidates))
	for i, c := range candidates {
		// A candidate is the caller's own; what is no object matches nothing.
		if v, err := strictjson.Parse(c.Claims, strictjson.Limits{Bytes: len(c.Claims), Depth: 1 << 10}); err == nil {
			parsed[i] = v
		}
	}
	out := make(map[string][]Choice, len(q.Credentials))
	for i := range q.Credentials {
		c := &q.Credentials[i]
		for j := range candidates {
			if reveal, ok := c.match(&candidates[j], parsed[j]); ok {
				out[c.ID] = append(out[c.ID], Choice{c.ID, candidates[j].ID, reveal})
			}
		}
	}
	return out
}

// Match returns the smallest answer: for each credential that must be shown, the first candidate that matches. Of credential sets that are required
// the first option that can be satisfied is taken, and optional ones are left out. The error is *Error with NotSatisfied: then nothing may be
// shown (section 6.4.2).
func (q *Query) Match(candidates []Candidate) ([]Choice, error) {
	matches := q.Matches(candidates)
	asked, err := q.needed(func(id string) bool { return len(matches[id]) > 0 })
	if err != nil {
		return nil, err
	}
	var out []Choice
	for _, c := range q.Credentials {
		if slices.Contains(asked, c.ID) {
			out = append(out, matches[c.ID][0])
		}
	}
	return out, nil
}

// needed returns the ids of a smallest set of credential queries that satisfies the whole query.
func (q *Query) needed(has func(id string) bool) (ids []string, err error) {
	if len(q.Sets) == 0 {
		for _, c := range q.Credentials {
			if !has(c.ID) {
				return nil, &Error{Reason: NotSatisfied, Query: c.ID}
			}
			ids = append(ids, c.ID)
		}
		return ids, nil
	}
	for _, s := range q.Sets {
		if s.Optional {
			continue
		}
		n := slices.IndexFunc(s.Options, func(option []string) bool {
			return !slices.ContainsFunc(option, func(id string) bool { return !has(id) })
		})
		if n < 0 {
			return nil, &Error{Reason: NotSatisfied, Query: s.Options[0][0], Detail: "no option of a credential set"}
		}
		ids = append(ids, s.Options[n]...)
	}
	return ids, nil
}

// Satisfied says whether what was shown, by the id of the credential query that it answers, is what was asked for: each answers its query,
// none that was not asked for is there, no more than one unless multiple, and no required credential is missing. With credential sets, what is
// asked for are the credentials of an option that was shown as a whole. Whether the credentials are genuine is not its business. The error
// is *Error with NotSatisfied or NotAskedFor.
func (q *Query) Satisfied(shown map[string][]Candidate) error {
	for id, all := range shown {
		i := slices.IndexFunc(q.Credentials, func(c Credential) bool { return c.ID == id })
		if i < 0 {
			return &Error{Reason: NotAskedFor, Detail: "an answer to a credential query that is not there"}
		}
		c := &q.Credentials[i]
		switch {
		case len(all) == 0:
			return &Error{Reason: NotSatisfied, Query: id, Detail: "an empty answer"}
		case len(all) > 1 && !c.Multiple:
			return &Error{Reason: NotAskedFor, Query: id, Detail: "more than one credential"}
		}
		for j := range all {
			v, err := strictjson.Parse(all[j].Claims, strictjson.Limits{Bytes: len(all[j].Claims), Depth: 1 << 10})
			if err != nil {
				return &Error{Reason: NotSatisfied, Query: id, Detail: "claims that are no JSON"}
			}
			if _, ok := c.match(&all[j], v); !ok {
				return &Error{Reason: NotSatisfied, Query: id}
			}
		}
	}
	has := func(id string) bool { return len(shown[id]) > 0 }
	if _, err := q.needed(has); err != nil || len(q.Sets) == 0 {
		return err
	}
	return q.ofOptions(shown, has)
}

// ofOptions checks that all that was shown belongs to options of credential sets that are there as a whole (section 6.4.2). Half of another option
// was asked for by nobody, nor was a credential that no set names.
func (q *Query) ofOptions(shown map[string][]Candidate, has func(id string) bool) error {
	whole := map[string]bool{}
	for _, s := range q.Sets {
		for _, option := range s.Options {
			if slices.ContainsFunc(option, func(id string) bool { return !has(id) }) {
				continue
			}
			for _, id := range option {
				whole[id] = true
			}
		}
	}
	for _, c := range q.Credentials { // in the order of the query, so that the same answer has the same error
		if has(c.ID) && !whole[c.ID] {
			return &Error{Reason: NotAskedFor, Query: c.ID, Detail: "of no option that is there as a whole"}
		}
	}
	return nil
}

// match tells whether a candidate answers the query, and with which claims.
func (c *Credential) match(of *Candidate, claims strictjson.Value) ([]disclosure.Path, bool) {
	if c.Format != FormatSDJWT || of.Format != c.Format || claims.Kind() != strictjson.Object || of.Unbound && !c.Unbound ||
		len(c.Types) > 0 && !slices.Contains(c.Types, of.Type) || !c.certified(of) {
		return nil, false
	}
	if len(c.ClaimSets) == 0 {
		reveal := make([]disclosure.Path, 0, len(c.Claims))
		for i := range c.Claims {
			if !c.Claims[i].in(claims) {
				return nil, false
			}
			reveal = append(reveal, c.Claims[i].Path)
		}
		return reveal, true
	}
	known := make([]int8, len(c.Claims)) // 0 not looked at, 1 there, -1 not
	for _, set := range c.ClaimSets {
		reveal := make([]disclosure.Path, 0, len(set))
		for _, n := range set {
			if known[n] == 0 {
				known[n] = -1
				if c.Claims[n].in(claims) {
					known[n] = 1
				}
			}
			if known[n] < 0 {
				break
			}
			reveal = append(reveal, c.Claims[n].Path)
		}
		if len(reveal) == len(set) {
			return reveal, true
		}
	}
	return nil, false
}

func (c *Credential) certified(of *Candidate) bool {
	if len(c.Authorities) == 0 {
		return true
	}
	for _, want := range c.Authorities {
		for _, have := range of.Authorities {
			if want.Type == have.Type && slices.ContainsFunc(want.Values, func(v string) bool { return slices.Contains(have.Values, v) }) {
				return true
			}
		}
	}
	return false
}

// in tells whether a claim is there, with one of the values if any are named.
func (c *Claim) in(claims strictjson.Value) bool {
	found, ok := selected(claims, c.Path)
	if !ok {
		return false
	}
	if len(c.Values) == 0 {
		return true
	}
	for _, v := range found {
		if slices.ContainsFunc(c.Values, func(want json.RawMessage) bool { return equal(v, want) }) {
			return true
		}
	}
	return false
}
