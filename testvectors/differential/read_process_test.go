package differential

import (
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"math"
	"math/big"
	"slices"
)

func (r *reading) disclosures(texts []string) {
	for _, text := range texts {
		if text == "" {
			r.fact("form")
			continue
		}
		n := r.part(text)
		d := r.digest(text)
		if r.table[d] != nil {
			r.fact("disclosure twice")
			continue
		}
		f := &found{malformed: true}
		r.table[d] = f
		if n == nil {
			f.used = true // nobody gets as far as missing it
			continue
		}
		if n.depth() > 33 {
			r.fact("too deep")
		}
		switch {
		case n.kind == 'a' && len(n.items) == 2 && n.items[0].kind == 's':
			*f = found{value: n.items[1]}
		case n.kind == 'a' && len(n.items) == 3 && n.items[0].kind == 's' && n.items[1].kind == 's':
			*f = found{name: n.items[1], value: n.items[2]}
		default:
			r.fact("disclosure form")
			f.used, f.value = true, n
		}
	}
}

func (r *reading) digest(text string) string {
	switch r.hash {
	case "sha-384":
		h := sha512.Sum384([]byte(text))
		return base64.RawURLEncoding.EncodeToString(h[:])
	case "sha-512":
		h := sha512.Sum512([]byte(text))
		return base64.RawURLEncoding.EncodeToString(h[:])
	}
	h := sha256.Sum256([]byte(text))
	return base64.RawURLEncoding.EncodeToString(h[:])
}

// process is section 7.1 step 3, recursive and in the order of the text.
func (r *reading) process(payload *node) *node {
	out := r.value(payload, true)
	for _, f := range r.table {
		if !f.used {
			r.fact("disclosure not referenced")
		}
	}
	if out.depth() > 32 {
		r.fact("too deep")
	}
	return out
}

// find returns the disclosure of an embedded digest, if there is one.
func (r *reading) find(digest string) *found {
	if inSight, twice := r.seen[digest]; twice {
		r.faultInSight("digest repeated", inSight)
	}
	r.seen[digest] = r.seen[digest] || r.unseen == 0
	f := r.table[digest]
	if f == nil {
		return nil
	}
	f.used = true
	if f.malformed {
		if f.value != nil {
			r.excuse(f.value)
		}
		return nil
	}
	return f
}

// faultInSight notes a fault that the peer finds if it looks there.
func (r *reading) faultInSight(name string, inSight bool) {
	if r.unseen > 0 || !inSight {
		name = "fault out of the peer's sight"
	}
	r.fact(name)
}

func (r *reading) value(n *node, top bool) *node {
	switch n.kind {
	case 'a':
		return r.array(n)
	case 'o':
		return r.object(n, top)
	}
	return n
}

func (r *reading) object(n *node, top bool) *node {
	out := &node{kind: 'o'}
	var digests *node
	for _, m := range n.members {
		switch {
		case m.name == "_sd":
			digests = m.v
			continue
		case m.name == "...":
			r.fact("three dots outside an array")
		case m.name == "_sd_alg" && top:
			continue
		case m.name == "_sd_alg":
			r.fact("_sd_alg below the top")
		}
		out.members = append(out.members, member{name: m.name, v: r.value(m.v, false)})
	}
	if digests == nil {
		return out
	}
	if digests.kind != 'a' {
		r.fact("_sd is no array of strings")
		r.excuse(digests)
		return out
	}
	permanent := len(out.members)
	for _, e := range digests.items {
		if e.kind != 's' {
			r.fact("_sd is no array of strings")
			r.excuse(e)
			continue
		}
		if f := r.find(e.text); f != nil {
			r.insert(out, f, permanent)
		}
	}
	return out
}

func (r *reading) insert(out *node, f *found, permanent int) {
	if f.name == nil {
		r.fact("disclosure of the other kind")
		r.unseen++
		r.value(f.value, false)
		r.unseen--
		return
	}
	name := f.name.text
	switch {
	case name == "_sd" || name == "..." || name == "_sd_alg":
		r.fact("reserved name disclosed")
	case name == "" && out.get(name) != nil:
		r.fact("two disclosures of one name") // the peer looks at no claim without a name
	case slices.ContainsFunc(out.members[:permanent], func(m member) bool { return m.name == name }):
		r.faultInSight("claim exists", true)
	case out.get(name) != nil:
		r.fact("two disclosures of one name")
	}
	if name == "" {
		r.fact("claim without a name")
	}
	if inPrototype[name] {
		r.fact("names of Object.prototype")
	}
	if name == "" {
		r.unseen++
		defer func() { r.unseen-- }()
	}
	out.members = append(out.members, member{name: name, disclosed: true, v: r.value(f.value, false)})
}

func (r *reading) array(n *node) *node {
	out := &node{kind: 'a'}
	for _, e := range n.items {
		digest := e.get("...")
		if digest == nil {
			out.items = append(out.items, r.value(e, false))
			continue
		}
		if len(e.members) != 1 || digest.kind != 's' {
			r.fact("placeholder")
			r.excuse(e)
			continue
		}
		f := r.find(digest.text)
		if inPrototype[digest.text] {
			r.fact("names of Object.prototype")
			out.items = append(out.items, &node{kind: '?'})
		}
		if f == nil {
			continue
		}
		if f.name != nil {
			r.fact("disclosure of the other kind")
		}
		out.items = append(out.items, r.value(f.value, false))
	}
	return out
}

// excuse keeps digests within something malformed from being called missing: the fault is another.
func (r *reading) excuse(n *node) {
	if n.kind == 's' {
		if f := r.table[n.text]; f != nil && (!f.used || f.malformed) {
			f.used, f.malformed = true, false
			if f.value != nil {
				r.excuse(f.value)
			}
		}
	}
	for _, m := range n.members {
		r.excuse(m.v)
	}
	for _, e := range n.items {
		r.excuse(e)
	}
}

// view makes of a processed payload what the peer is known to make of it.
func (r *reading) view(n *node) *node {
	out := &node{kind: n.kind, text: n.text}
	for _, m := range n.members {
		switch {
		case m.name == "" && m.disclosed, m.name == "__proto__":
			if m.name == "__proto__" {
				r.fact("names of Object.prototype")
			}
			continue
		}
		out.members = append(out.members, member{name: m.name, v: r.view(m.v)})
	}
	for _, e := range n.items {
		out.items = append(out.items, r.view(e))
	}
	switch exact, ok := new(big.Rat).SetString(n.text); {
	case n.kind == '?':
		out.kind = '0'
	case n.kind == 'n' && math.IsInf(n.float(), 0):
		r.fact("numbers as doubles")
		out.kind, out.text = '0', ""
	case n.kind == 'n' && (!ok || exact.Cmp(new(big.Rat).SetFloat64(n.float())) != 0):
		r.fact("numbers as doubles")
	}
	return out
}

// withoutHoles drops what only the peer puts into an array.
func withoutHoles(n *node) *node {
	n.items = slices.DeleteFunc(n.items, func(e *node) bool { return e.kind == '?' })
	for _, e := range n.items {
		withoutHoles(e)
	}
	for _, m := range n.members {
		withoutHoles(m.v)
	}
	return n
}

// inPrototype are the names that every JavaScript object answers to.
var inPrototype = map[string]bool{"constructor": true, "__proto__": true, "__defineGetter__": true, "__defineSetter__": true, "hasOwnProperty": true,
	"__lookupGetter__": true, "__lookupSetter__": true, "isPrototypeOf": true, "propertyIsEnumerable": true, "toString": true, "valueOf": true,
	"toLocaleString": true}
