// Package dcql reads, writes and answers queries in the Digital Credentials Query Language (OpenID for Verifiable Presentations 1.0, sections 6
// and 7): which credentials a verifier asks for, and which claims of each.
//
// A holder gives [Query.Match] what is in the wallet and gets the smallest answer, or shows the citizen all [Query.Matches] to choose from; a
// verifier gives [Query.Satisfied] what was shown. Queries come from strangers: they are bounded in size, matching is linear in queries,
// candidates and their claims, and the search for the smallest answer has a bound.
//
// # Where the text leaves a choice
//
//   - A second claims query for a path is ignored, as section 6.1 wants of wallets; of one combination the first counts, with its values.
//   - An empty claim set is refused, since whatever is shown would satisfy it, and so are an empty list of values and an empty option.
//   - An empty meta asks for any type (section 6.1). A meta for dc+sd-jwt with other members only lacks vct_values, which appendix B.3.5 requires.
//   - A claim that is null is there; a claim of value null is named by no values.
//   - Types match as they are written. A wallet may show a type that extends one that is asked for (appendix B.3.5); this one does not, because the
//     verifier relies on the type that it named.
//   - An index counts the elements that a reader sees (RFC 9901 section 7.1 removes the hidden ones), so that the same element can have another index
//     in a wallet and before a verifier. Where elements can be hidden, ask with null, and with values if one of them is meant.
//
// # Trusted authorities
//
// What a wallet shows only to those who will accept it (section 6.1.1). aki, etsi_tl and openid_federation are compared as strings with what the caller
// knows of a candidate: [AuthorityKeyIDs] gives the first, the others need a list or a federation and are for the caller. Issuers that are
// anchored by a DID have no such authority; for them there is [AuthorityIssuer], which names issuers by iss. A wallet that does not know a type
// would find no card, so that a verifier takes what a wallet may not know out of a query with [Query.Knowing] before it is sent. In each case it
// decides by itself whom it trusts, and checks the authorities again.
package dcql

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/khyer/khyer/disclosure"
	"github.com/khyer/khyer/internal/strictjson"
)

// Reasons.
const (
	Malformed    disclosure.Reason = "dcql_malformed"     // section 6: no query, or one that contradicts itself
	NotSatisfied disclosure.Reason = "dcql_not_satisfied" // section 6.4.2: what is asked for is not there
	NotAskedFor  disclosure.Reason = "dcql_not_asked_for" // section 8.1: an answer to no query, or more of them than were asked for
)

// Error says which credential query a Reason is about. errors.Is finds the Reason.
type Error struct {
	Reason disclosure.Reason
	Query  string // id of a credential query; empty if it is about the whole, or the query is malformed
	Detail string // for people
}

func (e *Error) Error() string {
	s := "dcql: " + string(e.Reason)
	if e.Query != "" {
		s += ": " + e.Query
	}
	if e.Detail != "" {
		s += ": " + e.Detail
	}
	return s
}

// Is reports whether target is the Reason of e.
func (e *Error) Is(target error) bool {
	r, ok := target.(disclosure.Reason)
	return ok && r == e.Reason
}

// Query is a parsed query. It is read-only.
type Query struct {
	Credentials []Credential
	Sets        []Set // none: all credentials are asked for
}

// Credential asks for a credential (section 6.1).
type Credential struct {
	ID, Format  string
	Multiple    bool        // several may be shown
	Types       []string    // meta.vct_values of dc+sd-jwt: one of these; empty means any
	Authorities []Authority // one of these; empty means any
	Unbound     bool        // require_cryptographic_holder_binding is false
	Claims      []Claim     // none: no claim that could be hidden is asked for
	ClaimSets   [][]int     // indexes into Claims, the preferred set first; none: all claims

	meta json.RawMessage // of other formats
}

// Claim asks for a claim (section 6.3).
type Claim struct {
	ID     string
	Path   disclosure.Path
	Values []json.RawMessage // one of these; empty means any
}

// Set asks for one of several combinations of credentials, named by their queries (section 6.2).
type Set struct {
	Options  [][]string
	Optional bool
}

// FormatSDJWT is the format identifier of SD-JWT VC (OpenID4VP appendix B.3). Queries for other formats are read, and nothing here matches them.
const FormatSDJWT = "dc+sd-jwt"

// Bounds of a query.
const (
	maxQuery = 64 << 10
	maxItems = 64 // credentials, claims of one, sets, options of one, values, authorities
	maxPath  = 16
)

// Parse reads a query of at most 64 KiB. Members that are not known are ignored (section 6). The error is *Error with Malformed.
func Parse(data []byte) (*Query, error) {
	v, err := strictjson.Parse(data, strictjson.Limits{Bytes: maxQuery, Depth: 12})
	if err != nil || v.Kind() != strictjson.Object {
		return nil, malformed("no JSON object within the bounds")
	}
	q := &Query{}
	ids := map[string]bool{}
	err = elements(v, "credentials", true, func(e strictjson.Value) error {
		c, err := readCredential(e)
		if err == nil && ids[c.ID] {
			err = malformed("two credential queries of one id")
		}
		ids[c.ID] = true
		q.Credentials = append(q.Credentials, c)
		return err
	})
	if err != nil {
		return nil, err
	}
	err = elements(v, "credential_sets", false, func(e strictjson.Value) error {
		s, err := readSet(e, ids)
		q.Sets = append(q.Sets, s)
		return err
	})
	if err != nil {
		return nil, err
	}
	return q, nil
}

func malformed(detail string) error { return &Error{Reason: Malformed, Detail: detail} }

// elements visits a non-empty array.
func elements(v strictjson.Value, name string, required bool, visit func(strictjson.Value) error) error {
	a := v.Get(name)
	if !a.Exists() && !required {
		return nil
	}
	if a.Kind() != strictjson.Array || a.Len() == 0 || a.Len() > maxItems {
		return malformed(name + " is no array of 1 to 64 elements")
	}
	for e := range a.Elements() {
		if err := visit(e); err != nil {
			return err
		}
	}
	return nil
}

func texts(v strictjson.Value, name string, required bool) (out []string, err error) {
	err = elements(v, name, required, func(e strictjson.Value) error {
		s, ok := e.Text()
		if !ok {
			return malformed(name + " has an element that is no string")
		}
		out = append(out, s)
		return nil
	})
	return out, err
}

func boolean(v strictjson.Value, name string, absent bool) (bool, error) {
	m := v.Get(name)
	if !m.Exists() {
		return absent, nil
	}
	b, ok := m.Bool()
	if !ok {
		return false, malformed(name + " is no boolean")
	}
	return b, nil
}

// identifier reads an id: letters, digits, "_" and "-".
func identifier(v strictjson.Value) (string, error) {
	s, ok := v.Get("id").Text()
	const signs = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"
	if !ok || s == "" || strings.Trim(s, signs) != "" {
		return "", malformed("id is missing, or has other characters than letters, digits, _ and -")
	}
	return s, nil
}

func readCredential(v strictjson.Value) (c Credential, err error) {
	if v.Kind() != strictjson.Object {
		return c, malformed("a credential query is no object")
	}
	if c.ID, err = identifier(v); err != nil {
		return c, err
	}
	var ok bool
	if c.Format, ok = v.Get("format").Text(); !ok || c.Format == "" {
		return c, malformed("format is missing or no string")
	}
	meta := v.Get("meta")
	if meta.Kind() != strictjson.Object {
		return c, malformed("meta is missing or no object")
	}
	if c.Format == FormatSDJWT {
		if c.Types, err = texts(meta, "vct_values", meta.Len() > 0); err != nil {
			return c, err
		}
	} else {
		c.meta = slices.Clone(meta.Raw())
	}
	if c.Multiple, err = boolean(v, "multiple", false); err != nil {
		return c, err
	}
	bound, err := boolean(v, "require_cryptographic_holder_binding", true)
	if err != nil {
		return c, err
	}
	c.Unbound = !bound
	err = elements(v, "trusted_authorities", false, func(e strictjson.Value) error {
		var a Authority
		if a.Type, ok = e.Get("type").Text(); !ok || a.Type == "" {
			return malformed("a trusted authority without a type")
		}
		a.Values, err = texts(e, "values", true)
		c.Authorities = append(c.Authorities, a)
		return err
	})
	if err != nil {
		return c, err
	}
	return c, c.readClaims(v)
}

func (c *Credential) readClaims(v strictjson.Value) error {
	byID := map[string]int{}
	sets := v.Get("claim_sets").Exists()
	err := elements(v, "claims", false, func(e strictjson.Value) error {
		claim, err := readClaim(e, sets)
		if err != nil {
			return err
		}
		if _, twice := byID[claim.ID]; twice && claim.ID != "" {
			return malformed("two claims of one id")
		}
		byID[claim.ID] = len(c.Claims)
		if sets || !c.pointsTo(claim.Path, nil) {
			c.Claims = append(c.Claims, claim)
		}
		return nil
	})
	if err != nil || !sets {
		return err
	}
	if len(c.Claims) == 0 {
		return malformed("claim_sets without claims")
	}
	return elements(v, "claim_sets", true, func(e strictjson.Value) error {
		if e.Kind() != strictjson.Array || e.Len() == 0 || e.Len() > maxItems {
			return malformed("a claim set is no array of 1 to 64 ids") // whatever is shown would satisfy an empty one
		}
		set := make([]int, 0, e.Len())
		for name := range e.Elements() {
			id, ok := name.Text()
			n, known := byID[id]
			if !ok || !known {
				return malformed("a claim set names a claim that is not there")
			}
			if !c.pointsTo(c.Claims[n].Path, set) {
				set = append(set, n)
			}
		}
		c.ClaimSets = append(c.ClaimSets, set)
		return nil
	})
}

// pointsTo tells whether one of the claims of a set, of all if set is nil, has that path. What points to the same claim again is ignored, as
// section 6.1 wants of wallets: of one combination, the first query for a path counts. In claim sets that stand for each other a path may occur
// with different values.
func (c *Credential) pointsTo(path disclosure.Path, set []int) bool {
	for n := range c.Claims {
		if slices.Equal(c.Claims[n].Path, path) && (set == nil || slices.Contains(set, n)) {
			return true
		}
	}
	return false
}

func readClaim(v strictjson.Value, named bool) (c Claim, err error) {
	if v.Kind() != strictjson.Object {
		return c, malformed("a claims query is no object")
	}
	if named || v.Get("id").Exists() {
		if c.ID, err = identifier(v); err != nil {
			return c, err
		}
	}
	path := v.Get("path")
	if path.Kind() != strictjson.Array || path.Len() > maxPath || c.Path.UnmarshalJSON(path.Raw()) != nil {
		return c, malformed("path is no claims path pointer of 1 to 16 components")
	}
	return c, elements(v, "values", false, func(e strictjson.Value) error {
		switch e.Kind() {
		case strictjson.String, strictjson.Bool:
		case strictjson.Number:
			if strings.ContainsAny(string(e.Raw()), ".eE") {
				return malformed("a value is no integer")
			}
		default:
			return malformed("a value is no string, integer or boolean")
		}
		c.Values = append(c.Values, json.RawMessage(slices.Clone(e.Raw())))
		return nil
	})
}

func readSet(v strictjson.Value, ids map[string]bool) (s Set, err error) {
	if v.Kind() != strictjson.Object {
		return s, malformed("a credential set is no object")
	}
	required, err := boolean(v, "required", true)
	if err != nil {
		return s, err
	}
	s.Optional = !required
	return s, elements(v, "options", true, func(e strictjson.Value) error {
		if e.Kind() != strictjson.Array || e.Len() == 0 || e.Len() > maxItems {
			return malformed("an option is no array of 1 to 64 ids")
		}
		option := make([]string, 0, e.Len())
		for name := range e.Elements() {
			id, ok := name.Text()
			if !ok || !ids[id] {
				return malformed("an option names a credential query that is not there")
			}
			if !slices.Contains(option, id) {
				option = append(option, id)
			}
		}
		s.Options = append(s.Options, option)
		return nil
	})
}
