package strictjson

import (
	"iter"
	"strconv"
	"unicode/utf8"
)

// Value is one value of a parsed text. The zero Value is Absent: all its methods answer as for a member that is not there.
type Value struct {
	d *doc
	i uint32
}

func (v Value) node() *node { return &v.d.nodes[v.i] }

// inner returns the bytes between the quotes of a string.
func (v Value) inner() []byte {
	n := v.node()
	return v.d.src[n.start+1 : n.end-1]
}

// Kind returns the JSON type.
func (v Value) Kind() Kind {
	if v.d == nil {
		return Absent
	}
	return v.d.nodes[v.i].kind()
}

// Exists tells whether the value is there at all; null is there.
func (v Value) Exists() bool { return v.d != nil }

// Raw returns the bytes of the value as they came in, without white space around it. The caller must not change them.
func (v Value) Raw() []byte {
	if v.d == nil {
		return nil
	}
	n := v.node()
	return v.d.src[n.start:n.end:n.end]
}

// Offset returns where the value begins in the input.
func (v Value) Offset() int {
	if v.d == nil {
		return 0
	}
	return int(v.node().start)
}

// Len returns the number of elements or members; zero for other kinds.
func (v Value) Len() int {
	if v.d == nil {
		return 0
	}
	return v.node().count()
}

// Node returns the number of the value among all values and names of its text or tape, in the order of the text.
func (v Value) Node() int { return int(v.i) }

// Nodes returns how many there are.
func (v Value) Nodes() int {
	if v.d == nil {
		return 0
	}
	return len(v.d.nodes)
}

// SameText tells whether both values stand in one text or tape.
func (v Value) SameText(w Value) bool { return v.d == w.d }

// Get returns the member of that name, compared by characters, or the absent value.
func (v Value) Get(name string) Value {
	if v.Kind() != Object {
		return Value{}
	}
	n := v.node()
	for i := v.i + 1; i < n.next; {
		key, val := Value{v.d, i}, Value{v.d, i + 1}
		if key.is(name) {
			return val
		}
		i = val.node().next
	}
	return Value{}
}

func (v Value) is(text string) bool {
	if !v.node().escaped() {
		return string(v.inner()) == text
	}
	return v.decoded() == text
}

// At returns the element with that index, or the absent value. It walks: use Elements to visit all.
func (v Value) At(index int) Value {
	if v.Kind() != Array || index < 0 || index >= v.Len() {
		return Value{}
	}
	i := v.i + 1
	for ; index > 0; index-- {
		i = v.d.nodes[i].next
	}
	return Value{v.d, i}
}

// Members visits the members of an object in the order of the text.
func (v Value) Members() iter.Seq2[string, Value] {
	return func(yield func(string, Value) bool) {
		for key, val := range v.Pairs() {
			if !yield(key.decoded(), val) {
				return
			}
		}
	}
}

// Pairs is Members with the name as a Value, so that its bytes can be kept and nothing is copied.
func (v Value) Pairs() iter.Seq2[Value, Value] {
	return func(yield func(Value, Value) bool) {
		if v.Kind() != Object {
			return
		}
		n := v.node()
		for i := v.i + 1; i < n.next; {
			val := Value{v.d, i + 1}
			if !yield(Value{v.d, i}, val) {
				return
			}
			i = val.node().next
		}
	}
}

// Elements visits the elements of an array.
func (v Value) Elements() iter.Seq[Value] {
	return func(yield func(Value) bool) {
		if v.Kind() != Array {
			return
		}
		n := v.node()
		for i := v.i + 1; i < n.next; i = v.d.nodes[i].next {
			if !yield(Value{v.d, i}) {
				return
			}
		}
	}
}

// Text returns the decoded string; ok is false for other kinds.
func (v Value) Text() (text string, ok bool) {
	if v.Kind() != String {
		return "", false
	}
	return v.decoded(), true
}

// Plain returns the bytes between the quotes of a string that has no escapes, without copying.
func (v Value) Plain() (text []byte, ok bool) {
	if v.Kind() != String || v.node().escaped() {
		return nil, false
	}
	return v.inner(), true
}

// Characters returns the characters of a string, without a copy unless one of them is escaped; nothing for other kinds.
func (v Value) Characters() []byte {
	if b, ok := v.Plain(); ok {
		return b
	}
	s, _ := v.Text()
	return []byte(s)
}

// Is tells whether the value is the string text.
func (v Value) Is(text string) bool { return v.Kind() == String && v.is(text) }

func (v Value) decoded() string {
	in := v.inner()
	if !v.node().escaped() {
		return string(in)
	}
	out := make([]byte, 0, len(in))
	for i := 0; i < len(in); {
		if in[i] != '\\' {
			out = append(out, in[i])
			i++
			continue
		}
		r, n, _ := unescape(in[i:]) // Parse has checked it
		out = utf8.AppendRune(out, r)
		i += n
	}
	return string(out)
}

// Int64 returns an integer that is written as one: no fraction, no exponent, within the range of int64.
func (v Value) Int64() (int64, bool) {
	if v.Kind() != Number {
		return 0, false
	}
	n, err := strconv.ParseInt(string(v.Raw()), 10, 64)
	return n, err == nil
}

// Float64 returns any JSON number; ok is false for other kinds and beyond the range of float64.
func (v Value) Float64() (float64, bool) {
	if v.Kind() != Number {
		return 0, false
	}
	f, err := strconv.ParseFloat(string(v.Raw()), 64)
	return f, err == nil
}

// Bool returns a boolean; ok is false for other kinds.
func (v Value) Bool() (value, ok bool) {
	if v.Kind() != Bool {
		return false, false
	}
	return v.d.src[v.node().start] == 't', true
}
