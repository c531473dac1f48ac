// Package strictjson reads JSON from strangers in one bounded pass.
//
// It is stricter than encoding/json where leniency is an attack: duplicate member names, invalid UTF-8, lone surrogates, bytes
// after the value are refused, never silently resolved. Values keep the bytes that came
// in (Value.Raw), so that what is hashed or handed on is what was received, never a re-encoding.
//
// A parsed value is a flat list of nodes over the input; nothing is copied and no map is built. The input must not be changed
// while a Value is in use. Values are read-only and safe for concurrent use.
package strictjson

import (
	"bytes"
	"unicode/utf8"
)

// Defaults of Limits.
const (
	DefaultBytes = 1 << 20
	DefaultDepth = 32
)

// Limits bounds what Parse reads. A zero field means the default.
type Limits struct{ Bytes, Depth int }

// Reason says why a text was refused.
type Reason string

// Reasons.
const (
	TooLarge  Reason = "json_too_large"
	TooDeep   Reason = "json_too_deep"
	Malformed Reason = "json_malformed"
	Duplicate Reason = "json_duplicate_member"
	Encoding  Reason = "json_encoding" // invalid UTF-8 or a lone surrogate
)

// Error is the error of Parse. It never quotes the input.
type Error struct {
	Reason Reason
	Offset int
}

func (e *Error) Error() string { return "strictjson: " + string(e.Reason) }

// Kind is the JSON type of a Value.
type Kind uint8

// Kinds. Absent is the kind of the zero Value.
const (
	Absent Kind = iota
	Null
	Bool
	Number
	String
	Array
	Object
)

// node is one JSON value, or the name of a member, which stands directly before its value.
type node struct {
	start, end uint32 // bytes of the input
	next       uint32 // index behind the last node of this value
	tag        uint32 // the kind, whether a string has a backslash, and how many elements or members there are
}

const (
	kindBits   = 7
	escapedBit = 8
	countShift = 4
	// maxText keeps every count within its bits: an element needs two bytes at least.
	maxText = 1 << 29
)

func (n *node) kind() Kind    { return Kind(n.tag & kindBits) }
func (n *node) escaped() bool { return n.tag&escapedBit != 0 }
func (n *node) count() int    { return int(n.tag >> countShift) }

type doc struct {
	src   []byte
	nodes []node
	few   [12]node // where nodes begins: most texts are headers and disclosures, and need no more
}

// Tape parses several values that lie in one buffer, so that many small texts cost no more than one of their size. The zero Tape has an
// empty buffer: see Reset. It is not safe for concurrent use before the last Parse.
type Tape struct{ d doc }

// NewTape makes a tape over buf, which must not be changed any more, with room for about that many nodes: values and member names.
func NewTape(buf []byte, nodes int) *Tape {
	t := &Tape{}
	t.d.src = buf
	t.d.nodes = t.d.few[:0]
	if nodes > len(t.d.few) {
		t.d.nodes = make([]node, 0, nodes)
	}
	return t
}

// Reset makes t a tape over another buffer, with the memory that it has. Values that were read before must not be used any more.
func (t *Tape) Reset(buf []byte) {
	if t.d.nodes == nil {
		t.d.nodes = t.d.few[:0]
	}
	t.d.src, t.d.nodes = buf, t.d.nodes[:0]
}

// Parse reads exactly one JSON value from buf[from:to] as the function Parse does.
func (t *Tape) Parse(from, to int, l Limits) (Value, error) {
	if to > maxText || to-from > l.bytes() {
		return Value{}, &Error{TooLarge, l.bytes()}
	}
	p := parser{d: &t.d, src: t.d.src[:to], pos: from, depth: l.depth()}
	return p.one()
}

// Parse reads exactly one JSON value (RFC 8259) with optional white space around it.
func Parse(data []byte, l Limits) (Value, error) {
	if len(data) > l.bytes() || len(data) > maxText {
		return Value{}, &Error{TooLarge, l.bytes()}
	}
	t := NewTape(data, len(data)/28+10)
	p := parser{d: &t.d, src: data, depth: l.depth()}
	return p.one()
}

func (l Limits) bytes() int {
	if l.Bytes <= 0 {
		return DefaultBytes
	}
	return l.Bytes
}

func (l Limits) depth() int {
	if l.Depth <= 0 {
		return DefaultDepth
	}
	return l.Depth
}

type parser struct {
	d     *doc
	src   []byte // up to where this text ends
	pos   int
	depth int
	fault Reason
}

// one reads one value and nothing else.
func (p *parser) one() (Value, error) {
	first := uint32(len(p.d.nodes))
	p.space()
	if !p.value() {
		return Value{}, &Error{p.fault, p.pos}
	}
	p.space()
	if p.pos != len(p.src) {
		return Value{}, &Error{Malformed, p.pos}
	}
	return Value{p.d, first}, nil
}

func (p *parser) fail(r Reason) bool {
	p.fault = r
	return false
}

func (p *parser) space() {
	src := p.src
	for p.pos < len(src) {
		switch src[p.pos] {
		case ' ', '\t', '\n', '\r':
			p.pos++
		default:
			return
		}
	}
}

func (p *parser) add(k Kind) int {
	p.d.nodes = append(p.d.nodes, node{start: uint32(p.pos), tag: uint32(k)})
	return len(p.d.nodes) - 1
}

func (p *parser) close(i int, count uint32) bool {
	n := &p.d.nodes[i]
	n.end, n.next = uint32(p.pos), uint32(len(p.d.nodes))
	n.tag |= count << countShift
	return true
}

func (p *parser) value() bool {
	src := p.src
	if p.pos >= len(src) {
		return p.fail(Malformed)
	}
	switch c := src[p.pos]; c {
	case '{':
		return p.object()
	case '[':
		return p.array()
	case '"':
		return p.str()
	case 't':
		return p.literal("true", Bool)
	case 'f':
		return p.literal("false", Bool)
	case 'n':
		return p.literal("null", Null)
	default:
		return p.number()
	}
}

func (p *parser) literal(word string, k Kind) bool {
	if len(p.src)-p.pos < len(word) || string(p.src[p.pos:p.pos+len(word)]) != word {
		return p.fail(Malformed)
	}
	i := p.add(k)
	p.pos += len(word)
	return p.close(i, 0)
}

func (p *parser) number() bool {
	i := p.add(Number)
	if p.peek() == '-' {
		p.pos++
	}
	if p.peek() == '0' {
		p.pos++
	} else if !p.digits() {
		return p.fail(Malformed)
	}
	if p.peek() == '.' {
		p.pos++
		if !p.digits() {
			return p.fail(Malformed)
		}
	}
	if c := p.peek(); c == 'e' || c == 'E' {
		p.pos++
		if c := p.peek(); c == '+' || c == '-' {
			p.pos++
		}
		if !p.digits() {
			return p.fail(Malformed)
		}
	}
	return p.close(i, 0)
}

// peek returns the next byte, or zero at the end: no JSON token begins with a zero byte.
func (p *parser) peek() byte {
	if p.pos < len(p.src) {
		return p.src[p.pos]
	}
	return 0
}

func (p *parser) digits() bool {
	from := p.pos
	for c := p.peek(); '0' <= c && c <= '9'; c = p.peek() {
		p.pos++
	}
	return p.pos > from
}

func (p *parser) str() bool {
	src := p.src
	i := p.add(String)
	p.pos++
	for {
		for p.pos < len(src) && ordinary[src[p.pos]] {
			p.pos++
		}
		if p.pos == len(src) {
			return p.fail(Malformed)
		}
		switch c := src[p.pos]; {
		case c == '"':
			p.pos++
			return p.close(i, 0)
		case c == '\\':
			p.d.nodes[i].tag |= escapedBit
			if _, ok := p.escape(); !ok {
				return false
			}
		case c < 0x20:
			return p.fail(Malformed)
		default:
			r, n := utf8.DecodeRune(src[p.pos:])
			if r == utf8.RuneError && n == 1 {
				return p.fail(Encoding)
			}
			p.pos += n
		}
	}
}

// ordinary marks the bytes that stand for themselves in a string.
var ordinary = func() (ok [256]bool) {
	for c := 0x20; c < utf8.RuneSelf; c++ {
		ok[c] = c != '"' && c != '\\'
	}
	return ok
}()

// escape reads one escape sequence, or two that are a surrogate pair.
func (p *parser) escape() (rune, bool) {
	r, n, reason := unescape(p.src[p.pos:])
	if reason != "" {
		return 0, p.fail(reason)
	}
	p.pos += n
	return r, true
}

// unescape decodes the escape at the beginning of b and returns its length.
func unescape(b []byte) (rune, int, Reason) {
	if len(b) < 2 {
		return 0, 0, Malformed
	}
	switch b[1] {
	case '"', '\\', '/':
		return rune(b[1]), 2, ""
	case 'b':
		return '\b', 2, ""
	case 'f':
		return '\f', 2, ""
	case 'n':
		return '\n', 2, ""
	case 'r':
		return '\r', 2, ""
	case 't':
		return '\t', 2, ""
	case 'u':
	default:
		return 0, 0, Malformed
	}
	hi, ok := hex4(b[2:])
	if !ok {
		return 0, 0, Malformed
	}
	if hi < 0xd800 || hi > 0xdfff {
		return hi, 6, ""
	}
	// A surrogate must be the first half of a pair; anything else names no character, and readers disagree on it.
	if hi > 0xdbff || len(b) < 12 || b[6] != '\\' || b[7] != 'u' {
		return 0, 0, Encoding
	}
	lo, ok := hex4(b[8:])
	if !ok {
		return 0, 0, Malformed
	}
	if lo < 0xdc00 || lo > 0xdfff {
		return 0, 0, Encoding
	}
	return 0x10000 + (hi-0xd800)<<10 + (lo - 0xdc00), 12, ""
}

func hex4(b []byte) (rune, bool) {
	if len(b) < 4 {
		return 0, false
	}
	var r rune
	for _, c := range b[:4] {
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c && c <= 'f':
			c -= 'a' - 10
		case 'A' <= c && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

func (p *parser) array() bool {
	i, ok := p.open(Array)
	if !ok {
		return false
	}
	p.space()
	var count uint32
	if p.peek() == ']' {
		return p.shut(i, count)
	}
	for {
		p.space()
		if !p.value() {
			return false
		}
		count++
		p.space()
		switch p.peek() {
		case ',':
			p.pos++
		case ']':
			return p.shut(i, count)
		default:
			return p.fail(Malformed)
		}
	}
}

func (p *parser) object() bool {
	i, ok := p.open(Object)
	if !ok {
		return false
	}
	p.space()
	var names nameSet
	var count uint32
	if p.peek() == '}' {
		return p.shut(i, count)
	}
	for {
		p.space()
		if p.peek() != '"' {
			return p.fail(Malformed)
		}
		name := len(p.d.nodes)
		if !p.str() {
			return false
		}
		if !names.add(p.d, name) {
			return p.fail(Duplicate)
		}
		p.space()
		if p.peek() != ':' {
			return p.fail(Malformed)
		}
		p.pos++
		p.space()
		if !p.value() {
			return false
		}
		count++
		p.space()
		switch p.peek() {
		case ',':
			p.pos++
		case '}':
			return p.shut(i, count)
		default:
			return p.fail(Malformed)
		}
	}
}

func (p *parser) open(k Kind) (int, bool) {
	if p.depth == 0 {
		return 0, p.fail(TooDeep)
	}
	p.depth--
	i := p.add(k)
	p.pos++
	return i, true
}

func (p *parser) shut(i int, count uint32) bool {
	p.depth++
	p.pos++
	return p.close(i, count)
}

// nameSet finds duplicate member names: by comparing while an object is small, by a map once it is not, so that a stranger's
// object of many members costs no quadratic time.
type nameSet struct {
	small [12]int32
	n     int
	marks uint64 // of the names without escapes: a new mark is a new name
	other bool   // a name has an escape
	large map[string]struct{}
}

func (s *nameSet) add(d *doc, name int) bool {
	if s.large == nil {
		v := Value{d, uint32(name)}
		mark := v.mark()
		if fresh := mark != 0 && !s.other && s.marks&mark == 0; !fresh {
			for _, i := range s.small[:s.n] {
				if v.sameString(Value{d, uint32(i)}) {
					return false
				}
			}
		}
		s.marks |= mark
		s.other = s.other || mark == 0
		if s.n < len(s.small) {
			s.small[s.n] = int32(name)
			s.n++
			return true
		}
		s.large = make(map[string]struct{}, 4*len(s.small))
		for _, i := range s.small[:s.n] {
			s.large[Value{d, uint32(i)}.decoded()] = struct{}{}
		}
	}
	text := Value{d, uint32(name)}.decoded()
	if _, dup := s.large[text]; dup {
		return false
	}
	s.large[text] = struct{}{}
	return true
}

// mark returns one bit of 64 for a name: the same for the same characters, none if there are escapes.
func (v Value) mark() uint64 {
	if v.node().escaped() {
		return 0
	}
	in := v.inner()
	n := len(in)
	if n == 0 {
		return 1
	}
	h := uint32(n)*5 + uint32(in[0])*3 + uint32(in[n/2])*7 + uint32(in[n-1])
	if n > 1 {
		h += uint32(in[n-2]) * 11
	}
	return 1 << (h & 63)
}

func (v Value) sameString(w Value) bool {
	a, b := v.node(), w.node()
	if !a.escaped() && !b.escaped() {
		return bytes.Equal(v.inner(), w.inner())
	}
	return v.decoded() == w.decoded()
}
