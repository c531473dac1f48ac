package differential

import (
	"encoding/json"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"
)

// The reader's own JSON, on encoding/json's tokens: it shares nothing with internal/strictjson, keeps duplicate members, and only
// notes what a strict reader refuses.

// node is a JSON value as the reader sees it.
type node struct {
	kind    byte // o a s n(umber) b(oolean) 0 (null)
	members []member
	items   []*node
	text    string // of a string, decoded; of a number or boolean, as written
}

type member struct {
	name      string
	escaped   bool // the name is spelled with an escape
	disclosed bool
	v         *node
}

func (n *node) get(name string) *node {
	if n == nil {
		return nil
	}
	for _, m := range n.members {
		if m.name == name {
			return m.v
		}
	}
	return nil
}

func (n *node) is(kind byte) bool { return n != nil && n.kind == kind }

// float reads a number as JavaScript does; too large is infinite.
func (n *node) float() float64 {
	f, _ := strconv.ParseFloat(n.text, 64)
	return f
}

// depth counts the arrays and objects around the innermost value.
func (n *node) depth() int {
	deepest := 0
	for _, m := range n.members {
		deepest = max(deepest, m.v.depth())
	}
	for _, e := range n.items {
		deepest = max(deepest, e.depth())
	}
	if n.kind == 'o' || n.kind == 'a' {
		return deepest + 1
	}
	return deepest
}

// oddities of a JSON text that readers disagree about.
type oddities struct{ bom, utf8, surrogate, duplicate bool }

func parseJSON(text []byte) (n *node, odd oddities, ok bool) {
	odd.utf8 = !utf8.Valid(text)
	odd.surrogate = loneSurrogate(string(text))
	if rest, has := strings.CutPrefix(string(text), "\ufeff"); has {
		odd.bom, text = true, []byte(rest)
	}
	d := json.NewDecoder(strings.NewReader(string(text)))
	d.UseNumber()
	r := &tokens{d: d, text: string(text)}
	if n, ok = r.value(); !ok {
		return nil, odd, false
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, odd, false
	}
	odd.duplicate = r.duplicate
	return n, odd, json.Valid(text)
}

type tokens struct {
	d         *json.Decoder
	text      string
	duplicate bool
}

func (r *tokens) value() (*node, bool) {
	t, err := r.d.Token()
	if err != nil {
		return nil, false
	}
	switch t := t.(type) {
	case string:
		return &node{kind: 's', text: t}, true
	case json.Number:
		return &node{kind: 'n', text: t.String()}, true
	case bool:
		return &node{kind: 'b', text: strconv.FormatBool(t)}, true
	case nil:
		return &node{kind: '0'}, true
	case json.Delim:
		if t == '[' {
			return r.array()
		}
		if t == '{' {
			return r.object()
		}
	}
	return nil, false
}

func (r *tokens) array() (*node, bool) {
	n := &node{kind: 'a'}
	for r.d.More() {
		e, ok := r.value()
		if !ok {
			return nil, false
		}
		n.items = append(n.items, e)
	}
	_, err := r.d.Token()
	return n, err == nil
}

func (r *tokens) object() (*node, bool) {
	n := &node{kind: 'o'}
	for r.d.More() {
		from := r.d.InputOffset()
		t, err := r.d.Token()
		name, isText := t.(string)
		if err != nil || !isText {
			return nil, false
		}
		m := member{name: name, escaped: strings.Contains(r.text[from:r.d.InputOffset()], `\`)}
		var ok bool
		if m.v, ok = r.value(); !ok {
			return nil, false
		}
		if n.get(name) != nil { // the last one counts, as for the peer (RFC 7519 section 4)
			r.duplicate = true
			n.drop(name)
		}
		n.members = append(n.members, m)
	}
	_, err := r.d.Token()
	return n, err == nil
}

// loneSurrogate tells whether an escape names half of a character.
func loneSurrogate(text string) bool {
	unit := func(i int) (uint64, bool) {
		if i+6 > len(text) || text[i] != '\\' || text[i+1] != 'u' {
			return 0, false
		}
		u, err := strconv.ParseUint(text[i+2:i+6], 16, 16)
		return u, err == nil
	}
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' {
			continue
		}
		u, ok := unit(i)
		switch {
		case !ok:
			i++ // the character behind the backslash
		case u >= 0xdc00 && u <= 0xdfff:
			return true
		case u >= 0xd800 && u <= 0xdbff:
			if low, ok := unit(i + 6); !ok || low < 0xdc00 || low > 0xdfff {
				return true
			}
			i += 11
		default:
			i += 5
		}
	}
	return false
}

// sameJSON compares what was read; number says when two numbers are the same.
func sameJSON(a, b *node, number func(a, b *node) bool) bool {
	if a.kind != b.kind || len(a.items) != len(b.items) || len(a.members) != len(b.members) {
		return false
	}
	for i := range a.items {
		if !sameJSON(a.items[i], b.items[i], number) {
			return false
		}
	}
	for _, m := range a.members {
		other := b.get(m.name)
		if other == nil || !sameJSON(m.v, other, number) {
			return false
		}
	}
	if a.kind == 'n' {
		return number(a, b)
	}
	return a.text == b.text
}

func asWritten(a, b *node) bool { return a.text == b.text }

func asDouble(a, b *node) bool { return a.float() == b.float() }
