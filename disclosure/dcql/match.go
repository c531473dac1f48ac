package dcql

import (
	"slices"

	"github.com/khyer/khyer/disclosure"
	"github.com/khyer/khyer/internal/strictjson"
)

// Candidate is a credential: one in a wallet with all its claims, or one that was shown, with those that were shown.
type Candidate struct {
	ID           string // the caller's own
	Format, Type string
	Claims       []byte            // a JSON object: the processed payload
	Authorities  []Authority       // what is known of who certifies its issuer, AuthorityIssuer apart: that is in Claims
	Unbound      bool              // no proof of the holder's key can be, or was, given
	Hidden       []disclosure.Path // in a wallet: the claims that are shown only if they are disclosed, as disclosure.Verified.Revealed lists them
}

// Choice is a credential to be shown in answer to one credential query, and what to show of it.
type Choice struct {
	Query, Candidate string
	// Reveal are the paths that the query asks for, of the claim set that was taken. Empty if it asks for no claim.
	Reveal []disclosure.Path
	// Disclose are those of the candidate's Hidden that the answer needs, for credential.Showing: the claims asked for, what contains them, and what
	// is in them (section 7.3: an object is selected with its sub-claims). Of the elements that null selects, only those with a value that is
	// asked for (section 6.4.1: the others count as if they were not there).
	Disclose []disclosure.Path
}

// Matches returns, for each credential query by its id, every candidate that answers it by itself, in the order of candidates, each with the claims
// of the first claim set that it has (section 6.4.1).
func (q *Query) Matches(candidates []Candidate) map[string][]Choice {
	out := make(map[string][]Choice, len(q.Credentials))
	for i, found := range q.find(candidates) {
		c := &q.Credentials[i]
		for _, m := range found {
			out[c.ID] = append(out[c.ID], c.choice(&candidates[m.candidate], m))
		}
	}
	return out
}

// found is a candidate that answers a credential query by itself.
type found struct {
	candidate int
	set       int   // the claim set, 0 if there are none
	claims    []int // what is asked for: indexes into Claims
	root      strictjson.Value
}

// find returns for each credential query what answers it, in the order of candidates.
func (q *Query) find(candidates []Candidate) [][]found {
	out := make([][]found, len(q.Credentials))
	for j := range candidates {
		// A candidate is the caller's own; what is no object matches nothing.
		v, err := strictjson.Parse(candidates[j].Claims, strictjson.Limits{Bytes: len(candidates[j].Claims), Depth: 1 << 10})
		if err != nil {
			continue
		}
		for i := range q.Credentials {
			if m, ok := q.Credentials[i].match(&candidates[j], v); ok {
				m.candidate = j
				out[i] = append(out[i], m)
			}
		}
	}
	return out
}

func (c *Credential) choice(of *Candidate, m found) Choice {
	reveal := make([]disclosure.Path, len(m.claims))
	for i, n := range m.claims {
		reveal[i] = c.Claims[n].Path
	}
	return Choice{c.ID, of.ID, reveal, c.disclose(of.Hidden, m)}
}

// match tells whether a candidate answers the query, and with which claims.
func (c *Credential) match(of *Candidate, claims strictjson.Value) (m found, ok bool) {
	if c.Format != FormatSDJWT || of.Format != c.Format || claims.Kind() != strictjson.Object || of.Unbound && !c.Unbound ||
		len(c.Types) > 0 && !slices.Contains(c.Types, of.Type) || !c.certified(of, claims) {
		return m, false
	}
	m.root = claims
	if len(c.ClaimSets) == 0 {
		m.claims = make([]int, len(c.Claims))
		for i := range c.Claims {
			if !c.Claims[i].in(claims) {
				return m, false
			}
			m.claims[i] = i
		}
		return m, true
	}
	known := make([]int8, len(c.Claims)) // 0 not looked at, 1 there, -1 not
	for n, set := range c.ClaimSets {
		if !slices.ContainsFunc(set, func(n int) bool {
			if known[n] == 0 {
				known[n] = -1
				if c.Claims[n].in(claims) {
					known[n] = 1
				}
			}
			return known[n] < 0
		}) {
			m.set, m.claims = n, set
			return m, true
		}
	}
	return m, false
}

// in tells whether a claim is there, with one of the values if any are named.
func (c *Claim) in(claims strictjson.Value) bool {
	found, ok := selected(claims, c.Path)
	return ok && (len(c.Values) == 0 || slices.ContainsFunc(found, c.has))
}

// Satisfied says whether what was shown, by the id of the credential query that it answers, is what was asked for: each answers its query,
// none that was not asked for is there, no more than one unless multiple, and no required credential is missing. With credential sets, what is
// asked for are the credentials of an option that was shown as a whole. Whether the credentials are genuine is not its business, nor may a check
// rest on values that a query names (section 6.4.1): look at the claim. The error is *Error with NotSatisfied or NotAskedFor.
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
	if err := q.complete(has); err != nil || len(q.Sets) == 0 {
		return err
	}
	return q.ofOptions(has)
}

// complete checks that nothing that is required is missing (section 6.4.2).
func (q *Query) complete(has func(id string) bool) error {
	if len(q.Sets) == 0 {
		for _, c := range q.Credentials {
			if !has(c.ID) {
				return &Error{Reason: NotSatisfied, Query: c.ID}
			}
		}
	}
	for _, s := range q.Sets {
		if !s.Optional && !slices.ContainsFunc(s.Options, func(option []string) bool { return whole(option, has) }) {
			return &Error{Reason: NotSatisfied, Query: slices.Concat(s.Options...)[0], Detail: "no option of a credential set"}
		}
	}
	return nil
}

func whole(option []string, has func(id string) bool) bool {
	return !slices.ContainsFunc(option, func(id string) bool { return !has(id) })
}

// ofOptions checks that all that was shown belongs to options of credential sets that are there as a whole (section 6.4.2). Half of another option
// was asked for by nobody, nor was a credential that no set names.
func (q *Query) ofOptions(has func(id string) bool) error {
	asked := map[string]bool{}
	for _, s := range q.Sets {
		for _, option := range s.Options {
			if whole(option, has) {
				for _, id := range option {
					asked[id] = true
				}
			}
		}
	}
	for _, c := range q.Credentials { // in the order of the query, so that the same answer has the same error
		if has(c.ID) && !asked[c.ID] {
			return &Error{Reason: NotAskedFor, Query: c.ID, Detail: "of no option that is there as a whole"}
		}
	}
	return nil
}
