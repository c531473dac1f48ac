package differential

import (
	"encoding/json"
	"fmt"
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// The third reader of queries. It knows the text of sections 6 and 7 and what npm's dcql does otherwise: with no habit of the peer it must do
// as ours does, with all of them as the peer does. A disagreement belongs to those classes that alone change what the reader does.
type queryReader struct{ as map[string]bool }

// dcqlAnswer is what a side makes of a query and a wallet.
type dcqlAnswer struct {
	Refused     bool                   `json:"-"`
	Satisfiable bool                   `json:"satisfiable"`
	Matches     map[string][]dcqlMatch `json:"matches"`
}

type dcqlMatch struct {
	Card   int             `json:"card"`
	Set    int             `json:"set"`
	Output json.RawMessage `json:"output"`
	paths  []string        // of the claims that are asked for, as JSON
	leaves map[string]bool // what is selected, without null
}

type dcqlCard struct {
	Type      string          `json:"type"`
	Claims    json.RawMessage `json:"claims"`
	Unbound   bool            `json:"unbound"`
	Authority *dcqlAuthority  `json:"authority,omitempty"`
	claims    *node
}

type dcqlAuthority struct {
	Type   string   `json:"type"`
	Values []string `json:"values"`
}

var (
	idText       = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)
	peersB64     = regexp.MustCompile(`^(?:[\w-]{4})*(?:[\w-]{2}(?:==)?|[\w-]{3}=?)?$`)
	integer      = regexp.MustCompile(`^-?[0-9]+$`)
	peersFormats = []string{"dc+sd-jwt", "mso_mdoc", "jwt_vc_json", "ldp_vc"}
	peersTypes   = []string{"aki", "etsi_tl", "openid_federation"}
)

// list takes a non-empty array, or nothing where it may be absent.
func (r *queryReader) list(n *node, required, mayBeEmpty bool) (items []*node, ok bool) {
	if n == nil {
		return nil, !required
	}
	return n.items, n.is('a') && (len(n.items) > 0 || mayBeEmpty) && (len(n.items) <= 64 || r.as["bounds"])
}

func isBoolean(n *node) bool { return n == nil || n.is('b') }

func (r *queryReader) isInteger(n *node, negative bool) bool {
	if !n.is('n') {
		return false
	}
	whole := integer.MatchString(n.text)
	if r.as["integer with a fraction or an exponent"] {
		f := n.float()
		whole = f == float64(int64(f))
	}
	return whole && (negative || n.float() >= 0)
}

// valid tells whether a query is one.
func (r *queryReader) valid(q *node) bool {
	credentials, ok := r.list(q.get("credentials"), true, false)
	sets, ok2 := r.list(q.get("credential_sets"), false, false)
	if !q.is('o') || !ok || !ok2 {
		return false
	}
	ids := map[string]bool{}
	for _, c := range credentials {
		id := c.get("id")
		if !r.credential(c) || ids[id.text] {
			return false
		}
		ids[id.text] = true
	}
	for _, s := range sets {
		options, ok := r.list(s.get("options"), true, false)
		if !s.is('o') || !ok || !isBoolean(s.get("required")) {
			return false
		}
		if p := s.get("purpose"); r.as["purpose"] && p != nil && !p.is('s') && !p.is('n') && !p.is('o') && !p.is('a') { // an array is an object to it
			return false
		}
		for _, o := range options {
			names, ok := r.list(o, true, r.as["empty option"])
			if !ok || slices.ContainsFunc(names, func(n *node) bool { return !n.is('s') || !ids[n.text] }) {
				return false
			}
		}
	}
	return true
}

func (r *queryReader) credential(c *node) bool {
	id, format, meta := c.get("id"), c.get("format"), c.get("meta")
	if !c.is('o') || !id.is('s') || !idText.MatchString(id.text) || !format.is('s') || format.text == "" ||
		!isBoolean(c.get("multiple")) || !isBoolean(c.get("require_cryptographic_holder_binding")) {
		return false
	}
	if r.as["format of nobody"] && !slices.Contains(peersFormats, format.text) {
		return false
	}
	if meta == nil && !r.as["meta missing"] || meta != nil && !meta.is('o') && !(meta.is('a') && r.as["meta an array"]) {
		return false
	}
	if format.text == "dc+sd-jwt" && meta != nil {
		types, ok := r.list(meta.get("vct_values"), len(meta.members) > 0 && !r.as["meta without vct_values"], r.as["vct_values empty"])
		if !ok || slices.ContainsFunc(types, func(n *node) bool { return !n.is('s') }) {
			return false
		}
	}
	authorities, ok := r.list(c.get("trusted_authorities"), false, false)
	if !ok || slices.ContainsFunc(authorities, func(a *node) bool { return !r.authority(a) }) {
		return false
	}
	return r.claims(c)
}

func (r *queryReader) authority(a *node) bool {
	kind := a.get("type")
	values, ok := r.list(a.get("values"), true, false)
	if !a.is('o') || !kind.is('s') || kind.text == "" || !ok || slices.ContainsFunc(values, func(n *node) bool { return !n.is('s') }) ||
		r.as["type of authority"] && !slices.Contains(peersTypes, kind.text) {
		return false
	}
	return !r.as["form of authorities"] || !slices.ContainsFunc(values, func(n *node) bool {
		return kind.text == "aki" && !peersB64.MatchString(n.text) ||
			kind.text != "aki" && slices.Contains(peersTypes, kind.text) && !strings.HasPrefix(n.text, "https://")
	})
}

func (r *queryReader) claims(c *node) bool {
	claims, ok := r.list(c.get("claims"), false, false)
	sets, ok2 := r.list(c.get("claim_sets"), false, false)
	if !ok || !ok2 || len(sets) > 0 && claims == nil {
		return false
	}
	ids := map[string]bool{}
	for _, claim := range claims {
		id := claim.get("id")
		path, ok := r.list(claim.get("path"), true, false)
		values, ok2 := r.list(claim.get("values"), false, r.as["values empty"])
		if !claim.is('o') || !ok || !ok2 || len(path) > 16 && !r.as["bounds"] || id != nil && (!id.is('s') || !idText.MatchString(id.text)) ||
			slices.ContainsFunc(path, func(n *node) bool { return !n.is('s') && !n.is('0') && !r.isInteger(n, false) }) ||
			slices.ContainsFunc(values, func(n *node) bool { return !n.is('s') && !n.is('b') && !r.isInteger(n, true) }) {
			return false
		}
		if id == nil {
			if len(sets) > 0 && !r.as["claim without an id"] {
				return false
			}
			continue
		}
		if ids[id.text] && !r.as["claims of one id"] {
			return false
		}
		ids[id.text] = true
	}
	for _, s := range sets {
		names, ok := r.list(s, true, false)
		if !ok || slices.ContainsFunc(names, func(n *node) bool { return !n.is('s') || !ids[n.text] }) {
			return false
		}
	}
	return true
}

// answer reads a query and looks through a wallet.
func (r *queryReader) answer(text string, wallet []dcqlCard) (a dcqlAnswer) {
	q, odd, ok := parseJSON([]byte(text))
	if !ok || !r.as["bounds"] && (len(text) > 64<<10 || q.depth() > 12) || odd.duplicate && !r.as["duplicate member"] || !r.valid(q) {
		return dcqlAnswer{Refused: true}
	}
	a.Matches = map[string][]dcqlMatch{}
	for _, c := range q.get("credentials").items {
		id := c.get("id").text
		a.Matches[id] = nil
		for i := range wallet {
			if r.as["name of an ancestor"] && r.stumbles(c, &wallet[i]) {
				return dcqlAnswer{Refused: true}
			}
			if m, ok := r.match(c, &wallet[i]); ok {
				m.Card = i
				a.Matches[id] = append(a.Matches[id], m)
			}
		}
	}
	a.Satisfiable = true
	sets := q.get("credential_sets")
	for id := range a.Matches {
		a.Satisfiable = a.Satisfiable && (sets != nil || len(a.Matches[id]) > 0)
	}
	if sets == nil {
		return a
	}
	for _, s := range sets.items {
		if required := s.get("required"); required != nil && required.text == "false" {
			continue
		}
		a.Satisfiable = a.Satisfiable && slices.ContainsFunc(s.get("options").items, func(o *node) bool {
			return !slices.ContainsFunc(o.items, func(n *node) bool { return len(a.Matches[n.text]) == 0 })
		})
	}
	return a
}

// stumbles tells whether the peer breaks off: it reports a claim of this name that does not fit in an object that has a function there.
func (r *queryReader) stumbles(c *node, w *dcqlCard) bool {
	claims := c.get("claims")
	return claims != nil && slices.ContainsFunc(claims.items, func(claim *node) bool {
		_, ok := r.selects(claim, w.claims)
		return !ok && pathText(claim.get("path")) == `["toString"]`
	})
}

func (r *queryReader) match(c *node, w *dcqlCard) (m dcqlMatch, ok bool) {
	if c.get("format").text != "dc+sd-jwt" || w.Unbound && (c.get("require_cryptographic_holder_binding") == nil || c.get("require_cryptographic_holder_binding").text == "true") {
		return m, false
	}
	if types := c.get("meta").get("vct_values"); types != nil && !slices.ContainsFunc(types.items, func(n *node) bool { return n.text == w.Type }) {
		return m, false
	}
	if a := c.get("trusted_authorities"); a != nil && !slices.ContainsFunc(a.items, func(a *node) bool {
		return w.Authority != nil && a.get("type").text == w.Authority.Type && slices.ContainsFunc(a.get("values").items, func(n *node) bool { return slices.Contains(w.Authority.Values, n.text) })
	}) {
		return m, false
	}
	var all []*node
	if claims := c.get("claims"); claims != nil {
		all = claims.items
	}
	combinations := [][]*node{all}
	if sets := c.get("claim_sets"); sets != nil {
		combinations = nil
		for _, s := range sets.items {
			var combination []*node
			for _, name := range s.items {
				combination = append(combination, r.named(all, name.text, w))
			}
			combinations = append(combinations, combination)
		}
	}
	for n, combination := range combinations {
		m = dcqlMatch{Set: n, leaves: map[string]bool{}}
		fits := true
		for _, claim := range combination {
			path := pathText(claim.get("path"))
			if !r.as["one path twice"] && slices.Contains(m.paths, path) {
				continue
			}
			m.paths = append(m.paths, path)
			found, ok := r.selects(claim, w.claims)
			fits = fits && ok
			for _, f := range found {
				leaves(f.at, f.v, m.leaves)
			}
		}
		if fits {
			return m, true
		}
	}
	return m, false
}

// named finds a claim by its id: the only one, or as the peer does the first that the card has.
func (r *queryReader) named(all []*node, id string, w *dcqlCard) (found *node) {
	for _, claim := range all {
		if !claim.get("id").is('s') || claim.get("id").text != id {
			continue
		}
		if found == nil {
			found = claim
		}
		if _, ok := r.selects(claim, w.claims); ok {
			return claim
		}
	}
	return found
}

// pathText writes a path; an index as the number that it is.
func pathText(path *node) string {
	var out []any
	for _, step := range path.items {
		switch step.kind {
		case 's':
			out = append(out, step.text)
		case 'n':
			out = append(out, int64(step.float()))
		default:
			out = append(out, nil)
		}
	}
	return jsonText(out)
}

func jsonText(v any) string {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(data)
}

type selection struct {
	at []any
	v  *node
}

// selects processes a claims path pointer (section 7.1.1) and drops what has none of the values.
func (r *queryReader) selects(claim, root *node) (found []selection, ok bool) {
	found, ok, aborted := r.follow(claim, selection{nil, root}, claim.get("path").items)
	return found, ok && !aborted
}

func (r *queryReader) follow(claim *node, s selection, rest []*node) (found []selection, ok, aborted bool) {
	if len(rest) == 0 {
		if r.wanted(claim, s.v) {
			return []selection{s}, true, false
		}
		return nil, false, false
	}
	at := func(step any, v *node) selection { return selection{append(slices.Clone(s.at), step), v} }
	switch step := rest[0]; step.kind {
	case 's':
		v, isObject := s.v.get(step.text), s.v.is('o')
		if v == nil && r.as["name of an ancestor"] && (isObject || s.v.is('a') && r.as["array read as an object"]) && (step.text == "toString" || step.text == "valueOf") {
			v, isObject = &node{kind: 'f'}, true // every object of JavaScript has these functions
		}
		if s.v.is('a') && r.as["array read as an object"] && v == nil {
			isObject = true
			if n, err := strconv.Atoi(step.text); err == nil && n < len(s.v.items) {
				v = s.v.items[n]
			} else if step.text == "length" {
				v = &node{kind: 'n', text: fmt.Sprint(len(s.v.items))}
			}
		}
		if v == nil {
			return nil, false, !isObject
		}
		return r.follow(claim, at(step.text, v), rest[1:])
	case 'n':
		n := int(step.float())
		if !s.v.is('a') {
			return nil, false, true
		}
		if n >= len(s.v.items) {
			return nil, false, false
		}
		return r.follow(claim, at(n, s.v.items[n]), rest[1:])
	}
	if !s.v.is('a') {
		return nil, false, true
	}
	ok = len(s.v.items) == 0 && r.as["all elements of none"]
	for i, e := range s.v.items {
		more, one, abort := r.follow(claim, at(i, e), rest[1:])
		if abort && !r.as["null forgives"] {
			return nil, false, true
		}
		if found = append(found, more...); one {
			ok = true
		}
	}
	return found, ok, false
}

func (r *queryReader) wanted(claim, v *node) bool {
	values := claim.get("values")
	if values == nil {
		return !v.is('0') || !r.as["a claim that is null"]
	}
	return slices.ContainsFunc(values.items, func(want *node) bool {
		switch {
		case want.kind != v.kind || v.kind != 's' && v.kind != 'b' && v.kind != 'n':
			return false
		case v.kind != 'n':
			return v.text == want.text
		}
		a, b := v.text, want.text
		if a == b || strings.TrimPrefix(a, "-") == "0" && strings.TrimPrefix(b, "-") == "0" {
			return true
		}
		// The peer compares doubles: another spelling of a number is the same to it, and so are large integers that lie beside each other.
		x, _ := new(big.Rat).SetString(a)
		y, _ := new(big.Rat).SetString(b)
		if x.Cmp(y) == 0 {
			return r.as["number spelled otherwise"]
		}
		return v.float() == want.float() && r.as["large integer"]
	})
}

// leaves lists what lies in a value, without null.
func leaves(at []any, v *node, into map[string]bool) {
	switch v.kind {
	case 'o':
		for _, m := range v.members {
			leaves(append(slices.Clone(at), m.name), m.v, into)
		}
	case 'a':
		for i, e := range v.items {
			leaves(append(slices.Clone(at), i), e, into)
		}
	case 's', 'b', 'n', 'f':
		into[jsonText(at)] = true
	}
}
