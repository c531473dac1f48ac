package disclosure

import (
	"encoding/json"
	"fmt"
	"iter"
	"slices"

	"github.com/khyer/khyer/internal/strictjson"
)

// Verified is an SD-JWT whose signature was checked and whose disclosures were processed: the Processed SD-JWT Payload of RFC 9901
// section 7.1. It is read-only and safe for concurrent use. Values are returned as the issuer wrote them, byte for byte.
type Verified struct{ t *tree }

// Format implements fmt.Formatter, because fmt would print the claims.
func (v Verified) Format(f fmt.State, _ rune) { fmt.Fprint(f, "verified SD-JWT") }

// Claims returns the whole processed payload, without _sd, _sd_alg and placeholders.
func (v *Verified) Claims() json.RawMessage { return v.t.append(nil, v.t.payload) }

// Claim returns the value that the path points to. With nil in the path the result is an array of all values that it points to, and
// ok is false if there are none.
func (v *Verified) Claim(p Path) (value json.RawMessage, ok bool) {
	if p.Check() != nil {
		return nil, false
	}
	var found []strictjson.Value
	v.t.follow(v.t.payload, p, func(val strictjson.Value) { found = append(found, val) }, nil)
	if len(found) == 0 {
		return nil, false
	}
	return v.t.appendFound(nil, p, found), true
}

func (t *tree) appendFound(dst []byte, p Path, found []strictjson.Value) []byte {
	if !slices.Contains(p, nil) {
		return t.append(dst, found[0])
	}
	dst = append(dst, '[')
	for i, val := range found {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = t.append(dst, val)
	}
	return append(dst, ']')
}

// Revealed returns the paths of the claims that came from disclosures, in the order of the document, those that only contain a claim
// that was to be shown among them. Elements of arrays are counted
// as in Claims: hidden elements do not count.
func (v *Verified) Revealed() []Path {
	if len(v.t.parts) == 0 {
		return nil
	}
	out := make([]Path, 0, len(v.t.parts))
	v.t.visit(v.t.payload, make(Path, 0, 8), func(p Path, _ int32) { out = append(out, slices.Clone(p)) })
	return out
}

// Concealed returns how many digests have no disclosure here: claims that stayed hidden, and decoys.
func (v *Verified) Concealed() int { return v.t.concealed }

// Payload lets package credential read the claims that the issuer signed in the clear.
func (v *Verified) Payload(strictjson.Inside) strictjson.Value { return v.t.payload }

// isPlaceholder tells whether a member of an array stands for a disclosure, and for which.
func (t *tree) element(e strictjson.Value) (val strictjson.Value, part int32) {
	switch n := t.note(e); {
	case n == hidden:
		return strictjson.Value{}, hidden
	case n < hidden:
		return t.parts[-2-n].value, -2 - n
	}
	return e, plain
}

const plain = -2 // not from a disclosure

// structural tells the members that carry digests and are no claims. Nested _sd_alg was refused by walkObject.
func structural(name strictjson.Value) bool { return name.Is("_sd") || name.Is("_sd_alg") }

// append writes a value with all that was disclosed below it.
func (t *tree) append(dst []byte, v strictjson.Value) []byte {
	switch v.Kind() {
	case strictjson.Object:
		dst = append(dst, '{')
		first := true
		member := func(name, val strictjson.Value) {
			if !first {
				dst = append(dst, ',')
			}
			first = false
			dst = append(append(dst, name.Raw()...), ':')
			dst = t.append(dst, val)
		}
		for name, val := range v.Pairs() {
			if !structural(name) {
				member(name, val)
			}
		}
		for _, i := range t.members(v) {
			member(t.parts[i].name, t.parts[i].value)
		}
		return append(dst, '}')
	case strictjson.Array:
		dst = append(dst, '[')
		n := 0
		for e := range v.Elements() {
			val, i := t.element(e)
			if i == hidden {
				continue
			}
			if n > 0 {
				dst = append(dst, ',')
			}
			n++
			dst = t.append(dst, val)
		}
		return append(dst, ']')
	}
	return append(dst, v.Raw()...)
}

// visit calls f for every disclosure below v; the path is only valid during the call.
func (t *tree) visit(v strictjson.Value, at Path, f func(p Path, part int32)) {
	switch v.Kind() {
	case strictjson.Object:
		for name, val := range v.Pairs() {
			if !structural(name) && val.Len() > 0 {
				s, _ := name.Text()
				t.visit(val, append(at, s), f)
			}
		}
		for _, i := range t.members(v) {
			s, _ := t.parts[i].name.Text()
			f(append(at, s), i)
			t.visit(t.parts[i].value, append(at, s), f)
		}
	case strictjson.Array:
		n := 0
		for e := range v.Elements() {
			val, i := t.element(e)
			if i == hidden {
				continue
			}
			if i != plain {
				f(append(at, n), i)
			}
			t.visit(val, append(at, n), f)
			n++
		}
	}
}

// within calls f for every disclosure below v, without making paths.
func (t *tree) within(v strictjson.Value, f func(part int32)) {
	switch v.Kind() {
	case strictjson.Object:
		for name, val := range v.Pairs() {
			if !structural(name) {
				t.within(val, f)
			}
		}
		for _, i := range t.members(v) {
			f(i)
			t.within(t.parts[i].value, f)
		}
	case strictjson.Array:
		for e := range v.Elements() {
			val, i := t.element(e)
			if i >= 0 {
				f(i)
			}
			t.within(val, f)
		}
	}
}

// follow calls found for each value that p points to, and through for each disclosure on the way there.
func (t *tree) follow(v strictjson.Value, p Path, found func(strictjson.Value), through func(int32)) bool {
	if len(p) == 0 {
		found(v)
		return true
	}
	if name, ok := p[0].(string); ok {
		val, i := t.member(v, name)
		if !val.Exists() || !t.follow(val, p[1:], found, through) {
			return false
		}
		if i != plain && through != nil {
			through(i)
		}
		return true
	}
	if v.Kind() != strictjson.Array {
		return false
	}
	index, one := p[0].(int)
	n, any := 0, false
	for e := range v.Elements() {
		val, i := t.element(e)
		if i == hidden {
			continue
		}
		if (!one || n == index) && t.follow(val, p[1:], found, through) {
			any = true
			if i != plain && through != nil {
				through(i)
			}
		}
		n++
	}
	return any
}

func (t *tree) member(v strictjson.Value, name string) (strictjson.Value, int32) {
	if v.Kind() != strictjson.Object || name == "_sd" || name == "_sd_alg" {
		return strictjson.Value{}, plain
	}
	n := t.note(v)
	if n <= 0 {
		return v.Get(name), plain
	}
	l := t.lists[n-1]
	parts := t.order[l.from:l.to]
	if l.names != nil {
		i := int32(l.names.find([]byte(name)))
		if i < l.plain {
			return v.Get(name), plain // by itself or not at all
		}
		return t.parts[parts[i-l.plain]].value, parts[i-l.plain]
	}
	if val := v.Get(name); val.Exists() {
		return val, plain
	}
	for _, i := range parts {
		if t.parts[i].name.Is(name) {
			return t.parts[i].value, i
		}
	}
	return strictjson.Value{}, plain
}

// Disclosed lets package credential look at the top-level claims that came from disclosures: names and values.
func (v *Verified) Disclosed(strictjson.Inside) iter.Seq2[strictjson.Value, strictjson.Value] {
	return func(yield func(name, value strictjson.Value) bool) {
		for _, i := range v.t.members(v.t.payload) {
			if !yield(v.t.parts[i].name, v.t.parts[i].value) {
				return
			}
		}
	}
}

// Take lets package verifier read what was asked in one pass: the value of each path as Claim returns it, nil if it points to
// nothing, and the paths of all that was disclosed and not asked. What contains an asked claim, and what is in it, counts as asked.
func (v *Verified) Take(_ strictjson.Inside, asked []Path) (values []json.RawMessage, surplus []Path) {
	t := v.t
	values = make([]json.RawMessage, len(asked))
	wanted := make([]bool, len(t.parts))
	mark := func(i int32) { wanted[i] = true }
	var found []strictjson.Value
	buf := make([]byte, 0, 32*len(asked))
	for n, p := range asked {
		found = found[:0]
		if p.Check() != nil || !t.follow(t.payload, p, func(val strictjson.Value) { found = append(found, val) }, mark) {
			continue
		}
		from := len(buf)
		buf = t.appendFound(buf, p, found)
		values[n] = buf[from:len(buf):len(buf)]
		for _, val := range found {
			t.within(val, mark)
		}
	}
	if slices.Contains(wanted, false) {
		t.visit(t.payload, make(Path, 0, 8), func(p Path, part int32) {
			if !wanted[part] {
				surplus = append(surplus, slices.Clone(p))
			}
		})
	}
	return values, surplus
}
