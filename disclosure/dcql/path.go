package dcql

import (
	"encoding/json"
	"slices"

	"github.com/khyer/khyer/disclosure"
	"github.com/khyer/khyer/internal/strictjson"
)

// selected processes a claims path pointer (OpenID4VP section 7.1.1). ok is false where the text says to abort: a component that does not fit
// what is selected, or nothing selected in the end.
func selected(root strictjson.Value, path disclosure.Path) (found []strictjson.Value, ok bool) {
	found = []strictjson.Value{root}
	for _, step := range path {
		var next []strictjson.Value
		for _, v := range found {
			switch s := step.(type) {
			case string:
				if v.Kind() != strictjson.Object {
					return nil, false
				}
				if e := v.Get(s); e.Exists() {
					next = append(next, e)
				}
			case int:
				if v.Kind() != strictjson.Array {
					return nil, false
				}
				if e := v.At(s); e.Exists() {
					next = append(next, e)
				}
			case nil:
				if v.Kind() != strictjson.Array {
					return nil, false
				}
				for e := range v.Elements() {
					next = append(next, e)
				}
			default:
				return nil, false
			}
		}
		found = next
	}
	return found, len(found) > 0
}

// has tells whether a value is one that the claims query names.
func (c *Claim) has(v strictjson.Value) bool {
	return slices.ContainsFunc(c.Values, func(want json.RawMessage) bool { return equal(v, want) })
}

// equal compares a claim with a value of the query: type and value, exactly (section 6.3). Integers are compared as they are written, so that none
// is too large; a claim 1.0 is not the integer 1.
func equal(v strictjson.Value, want []byte) bool {
	w, err := strictjson.Parse(want, strictjson.Limits{Bytes: len(want), Depth: 1})
	if err != nil || v.Kind() != w.Kind() {
		return false
	}
	switch v.Kind() {
	case strictjson.String:
		a, _ := v.Text()
		b, _ := w.Text()
		return a == b
	case strictjson.Number:
		return integer(v) == integer(w)
	case strictjson.Bool:
		a, _ := v.Bool()
		b, _ := w.Bool()
		return a == b
	}
	return false
}

func integer(v strictjson.Value) string {
	if s := string(v.Raw()); s != "-0" {
		return s
	}
	return "0"
}

// disclose returns those of the hidden paths that lie on the way to a claim that is asked for, at it, or in it.
func (c *Credential) disclose(hidden []disclosure.Path, m found) (out []disclosure.Path) {
	if len(hidden) == 0 || len(m.claims) == 0 {
		return nil
	}
	asked := &node{}
	for _, n := range m.claims {
		c.Claims[n].mark(m.root, c.Claims[n].Path, make(disclosure.Path, 0, maxPath), asked)
	}
	for _, p := range hidden {
		if asked.needs(p) {
			out = append(out, p)
		}
	}
	return out
}

// mark adds the path of each value that the claims query selects and, if it names values, has. The query matches: every step fits.
func (c *Claim) mark(v strictjson.Value, rest, at disclosure.Path, asked *node) {
	if len(rest) == 0 {
		if len(c.Values) == 0 || c.has(v) {
			asked.add(at)
		}
		return
	}
	switch s := rest[0].(type) {
	case string:
		if e := v.Get(s); e.Exists() {
			c.mark(e, rest[1:], append(at, s), asked)
		}
	case int:
		if e := v.At(s); e.Exists() {
			c.mark(e, rest[1:], append(at, s), asked)
		}
	default:
		i := 0
		for e := range v.Elements() {
			c.mark(e, rest[1:], append(at, i), asked)
			i++
		}
	}
}

// node is a node of a tree of paths without null.
type node struct {
	end  bool
	next map[any]*node
}

func (n *node) add(p disclosure.Path) {
	for _, step := range p {
		child := n.next[step]
		if child == nil {
			if n.next == nil {
				n.next = map[any]*node{}
			}
			child = &node{}
			n.next[step] = child
		}
		n = child
	}
	n.end = true
}

// needs tells whether p begins with a path of the tree, or a path of the tree with p.
func (n *node) needs(p disclosure.Path) bool {
	for _, step := range p {
		if n.end {
			return true
		}
		switch step.(type) { // a path with anything else is none, and no key of a map
		case string, int:
		default:
			return false
		}
		if n = n.next[step]; n == nil {
			return false
		}
	}
	return true
}
