package disclosure

import (
	"encoding/json"
	"fmt"

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
	for _, e := range p {
		if e == nil {
			out := []byte{'['}
			for i, val := range found {
				if i > 0 {
					out = append(out, ',')
				}
				out = v.t.append(out, val)
			}
			return append(out, ']'), true
		}
	}
	return v.t.append(nil, found[0]), true
}

// Revealed returns the paths of the claims that came from disclosures, in the order of the document. Elements of arrays are counted
// as in Claims: hidden elements do not count.
func (v *Verified) Revealed() []Path {
	if len(v.t.parts) == 0 {
		return nil
	}
	out := make([]Path, 0, len(v.t.parts))
	v.t.visit(v.t.payload, make(Path, 0, 8), func(p Path, disclosed bool) {
		if disclosed {
			out = append(out, append(Path(nil), p...))
		}
	})
	return out
}

// Concealed returns how many digests have no disclosure here: claims that stayed hidden, and decoys.
func (v *Verified) Concealed() int { return v.t.concealed }

// Payload lets package credential read the claims that the issuer signed in the clear.
func (v *Verified) Payload(strictjson.Inside) strictjson.Value { return v.t.payload }

// isPlaceholder tells whether a member of an array stands for a disclosure, and for which.
func (t *tree) element(e strictjson.Value) (val strictjson.Value, part int32) {
	if t.places != nil {
		if i, ok := t.places[e]; ok {
			if i == hidden {
				return strictjson.Value{}, hidden
			}
			return t.parts[i].value, i
		}
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
		for _, i := range t.members[v] {
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

// visit calls f for every claim below v; the path is only valid during the call.
func (t *tree) visit(v strictjson.Value, at Path, f func(p Path, disclosed bool)) {
	switch v.Kind() {
	case strictjson.Object:
		for name, val := range v.Pairs() {
			if !structural(name) && val.Len() > 0 {
				s, _ := name.Text()
				t.visit(val, append(at, s), f)
			}
		}
		for _, i := range t.members[v] {
			s, _ := t.parts[i].name.Text()
			f(append(at, s), true)
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
				f(append(at, n), true)
			}
			t.visit(val, append(at, n), f)
			n++
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
	if val := v.Get(name); val.Exists() {
		return val, plain
	}
	for _, i := range t.members[v] {
		if t.parts[i].name.Is(name) {
			return t.parts[i].value, i
		}
	}
	return strictjson.Value{}, plain
}

// RevealedNames lets package credential see which top-level claims came from disclosures, without building paths.
func (v *Verified) RevealedNames(strictjson.Inside) []string {
	parts := v.t.members[v.t.payload]
	out := make([]string, len(parts))
	for i, n := range parts {
		out[i], _ = v.t.parts[n].name.Text()
	}
	return out
}
