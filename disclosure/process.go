package disclosure

import (
	"crypto"
	"crypto/sha256"
	"crypto/sha512"
	"slices"

	"github.com/khyer/khyer/internal/strictjson"
)

// tree is a payload with its disclosures put in their places, without being copied: notes say what stands where. It is not changed
// once it is made.
type tree struct {
	payload strictjson.Value
	parts   []part
	notes   []int32 // for each value of the payload and then of the disclosures: see note
	lists   []list  // of the objects that have disclosed members
	order   []int32 // the parts of those lists

	concealed int // digests without a disclosure
}

const hidden = -1

// part is one disclosure.
type part struct {
	name  strictjson.Value // absent for an array element
	value strictjson.Value
	used  bool
}

// list are the disclosed members of one object: parts order[from:to].
type list struct {
	from, to int32
	plain    int32 // members that the object has by itself
	names    *set  // of all members, those first; nil if there are few
}

// place returns where the note of a value stands.
func (t *tree) place(v strictjson.Value) int {
	if v.SameText(t.payload) {
		return v.Node()
	}
	return t.payload.Nodes() + v.Node()
}

// note of a value: zero for nothing, n > 0 for an object whose disclosed members are lists[n-1], below zero for a placeholder
// {"...": digest}: -1 if it is hidden, else -2 - its part.
func (t *tree) note(v strictjson.Value) int32 { return t.notes[t.place(v)] }

// members returns the parts that are members of an object.
func (t *tree) members(v strictjson.Value) []int32 {
	if n := t.note(v); n > 0 {
		l := t.lists[n-1]
		return t.order[l.from:l.to]
	}
	return nil
}

// digest is the digest of a disclosure, with zeros behind it if the hash is shorter.
type digest [sha512.Size]byte

// processor runs RFC 9901 section 7.1 steps 3 to 5. Each byte and each digest is looked at a fixed number of times.
type processor struct {
	*tree
	hash    crypto.Hash
	digests *set   // those of the disclosures first, so that their numbers are those of the parts
	seen    []bool // by number: it was found in the payload or in a disclosure
	sums    []byte // where digests lie
	odd     *set   // embedded strings that cannot be digests: decoys, but they must not repeat either
}

func (u *Unverified) process() (*tree, error) {
	n := len(u.disclosures)
	p := &processor{tree: &tree{payload: u.payload, parts: make([]part, n)}, hash: u.hash}
	some := max(n, u.payload.Get("_sd").Len())
	p.digests = newSet(some)
	p.seen = make([]bool, n, some)
	p.sums = make([]byte, 0, some*p.hash.Size())
	nodes, err := p.readDisclosures(u)
	if err != nil {
		return nil, err
	}
	p.notes = make([]int32, u.payload.Nodes()+nodes)
	if err := p.walk(u.payload, u.limits.Depth, true); err != nil {
		return nil, err
	}
	for i := range p.parts {
		if !p.parts[i].used {
			return nil, &Error{Reason: NotReferenced}
		}
	}
	return p.tree, nil
}

func (p *processor) readDisclosures(u *Unverified) (nodes int, err error) {
	tape := strictjson.NewTape(u.decoded, 4*len(u.disclosures)+len(u.decoded)/512)
	limits := strictjson.Limits{Bytes: u.limits.Bytes, Depth: u.limits.Depth + 1}
	for i, d := range u.disclosures {
		v, err := tape.Parse(int(d.rawFrom), int(d.rawTo), limits)
		if err != nil {
			return 0, jsonReason(err)
		}
		var ok bool
		if p.parts[i], ok = readPart(v); !ok {
			return 0, &Error{Reason: DisclosureMalformed}
		}
		nodes = v.Nodes()
		sum := hashOf(p.hash, u.disclosure(i))
		from := len(p.sums)
		p.sums = append(p.sums, sum[:p.hash.Size()]...)
		if _, fresh := p.digests.add(p.sums[from:]); !fresh {
			return 0, &Error{Reason: NotReferenced} // the second copy can have no place of its own
		}
	}
	return nodes, nil
}

// readPart reads [salt, name, value] or [salt, value] (sections 4.2.1 and 4.2.2).
func readPart(v strictjson.Value) (part, bool) {
	n := v.Len()
	if v.Kind() != strictjson.Array || n < 2 || n > 3 || v.At(0).Kind() != strictjson.String {
		return part{}, false
	}
	if n == 2 {
		return part{value: v.At(1)}, true
	}
	name := v.At(1)
	return part{name: name, value: v.At(2)}, name.Kind() == strictjson.String
}

// hashOf hashes without an allocation, which hash.Hash would need.
func hashOf(h crypto.Hash, text []byte) (d digest) {
	switch h {
	case crypto.SHA384:
		s := sha512.Sum384(text)
		copy(d[:], s[:])
	case crypto.SHA512:
		d = sha512.Sum512(text)
	default:
		s := sha256.Sum256(text)
		copy(d[:], s[:])
	}
	return d
}

// find marks an embedded digest as seen and returns its part, or hidden.
func (p *processor) find(v strictjson.Value) (int32, error) {
	text := v.Characters()
	from := len(p.sums)
	ok := len(text) == encodedLen(p.hash.Size())
	if ok {
		p.sums, ok = strictjson.AppendBase64URL(p.sums, text)
	}
	if !ok {
		p.sums = p.sums[:from]
		if p.odd == nil {
			p.odd = newSet(8)
		}
		if _, fresh := p.odd.add(text); !fresh {
			return hidden, &Error{Reason: DigestRepeated}
		}
		p.concealed++
		return hidden, nil
	}
	i, fresh := p.digests.add(p.sums[from:])
	switch {
	case fresh:
		p.seen = append(p.seen, true)
		p.concealed++
		return hidden, nil
	case p.seen[i]:
		return hidden, &Error{Reason: DigestRepeated}
	}
	p.sums = p.sums[:from] // it is there already
	p.seen[i] = true
	return int32(i), nil
}

func (p *processor) walk(v strictjson.Value, depth int, top bool) error {
	switch v.Kind() {
	case strictjson.Object:
		if depth == 0 {
			return &Error{Reason: TooDeep}
		}
		return p.walkObject(v, depth-1, top)
	case strictjson.Array:
		if depth == 0 {
			return &Error{Reason: TooDeep}
		}
		for e := range v.Elements() {
			if err := p.walkElement(e, depth-1); err != nil {
				return err
			}
		}
	}
	return nil
}

func (p *processor) walkObject(v strictjson.Value, depth int, top bool) error {
	var digests strictjson.Value
	for name, value := range v.Pairs() {
		switch {
		case name.Is("_sd"):
			digests = value
		case name.Is("..."):
			return &Error{Reason: ReservedName}
		case name.Is("_sd_alg") && !top:
			return &Error{Reason: HashNested}
		default:
			if err := p.walk(value, depth, false); err != nil {
				return err
			}
		}
	}
	if !digests.Exists() {
		return nil
	}
	if digests.Kind() != strictjson.Array {
		return &Error{Reason: DigestsMalformed}
	}
	return p.insert(v, digests, depth)
}

// insert puts the disclosed members of one object in their place (7.1 step 3.3.2).
func (p *processor) insert(v, digests strictjson.Value, depth int) error {
	from := len(p.order)
	for d := range digests.Elements() {
		if d.Kind() != strictjson.String {
			return &Error{Reason: DigestsMalformed}
		}
		i, err := p.find(d)
		if err != nil {
			return err
		}
		if i != hidden {
			if p.order == nil {
				p.order = make([]int32, 0, len(p.parts))
			}
			p.order = append(p.order, i)
		}
	}
	found := p.order[from:len(p.order):len(p.order)]
	if len(found) == 0 {
		return nil
	}
	// In the order in which they were presented: the order of _sd tells nothing.
	slices.Sort(found)
	l := list{from: int32(from), to: int32(len(p.order)), plain: int32(v.Len())}
	if err := p.checkNames(v, found, &l); err != nil {
		return err
	}
	p.lists = append(p.lists, l)
	p.notes[p.place(v)] = int32(len(p.lists))
	for _, i := range found {
		p.parts[i].used = true
		if err := p.walk(p.parts[i].value, depth, false); err != nil {
			return err
		}
	}
	return nil
}

func (p *processor) checkNames(v strictjson.Value, found []int32, l *list) error {
	if v.Len()+len(found) > 24 { // comparing each with each would let a stranger make it quadratic
		l.names = newSet(v.Len() + len(found))
		for name := range v.Pairs() {
			l.names.add(name.Characters())
		}
	}
	for n, i := range found {
		name := p.parts[i].name
		switch {
		case !name.Exists():
			return &Error{Reason: DisclosureMalformed} // an array element's disclosure among an object's
		case name.Is("_sd") || name.Is("..."):
			return &Error{Reason: ReservedName}
		case name.Is("_sd_alg"):
			return &Error{Reason: HashNested} // section 4.1.1: it stands at the top level of the payload or nowhere
		}
		exists := false
		if l.names != nil {
			_, fresh := l.names.add(name.Characters())
			exists = !fresh
		} else {
			text, _ := name.Text()
			exists = v.Get(text).Exists()
			for _, j := range found[:n] {
				exists = exists || p.parts[j].name.Is(text)
			}
		}
		if exists {
			return &Error{Reason: ClaimExists}
		}
	}
	return nil
}

// walkElement handles an element of an array, which may be a placeholder (section 4.2.4.2, 7.1 step 3.3.3).
func (p *processor) walkElement(e strictjson.Value, depth int) error {
	text := e.Get("...")
	if !text.Exists() {
		return p.walk(e, depth, false)
	}
	if e.Len() != 1 || text.Kind() != strictjson.String {
		return &Error{Reason: PlaceholderMalformed}
	}
	i, err := p.find(text)
	if err != nil {
		return err
	}
	if i == hidden {
		p.notes[p.place(e)] = hidden
		return nil
	}
	p.notes[p.place(e)] = -2 - i
	if p.parts[i].name.Exists() {
		return &Error{Reason: DisclosureMalformed} // an object member's disclosure in an array
	}
	p.parts[i].used = true
	return p.walk(p.parts[i].value, depth, false)
}
