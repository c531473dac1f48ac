package disclosure

import (
	"crypto"
	"crypto/sha256"
	"crypto/sha512"
	"slices"

	"github.com/khyer/khyer/internal/strictjson"
)

// tree is a payload with its disclosures put in their places, without being copied: two small tables say what stands where.
type tree struct {
	payload strictjson.Value
	parts   []part
	members map[strictjson.Value][]int32 // an object -> the parts that are members of it
	places  map[strictjson.Value]int32   // a placeholder {"...": digest} -> its part, or hidden

	concealed int // digests without a disclosure
}

const hidden = -1

// part is one disclosure.
type part struct {
	name  strictjson.Value // absent for an array element
	value strictjson.Value
	used  bool
}

// digest is the decoded digest of a disclosure, with zeros behind it if the hash is shorter.
type digest [sha512.Size]byte

// processor runs RFC 9901 section 7.1 steps 3 to 5. Each byte and each digest is looked at a fixed number of times.
type processor struct {
	tree
	hash  crypto.Hash
	table map[digest]entry
	odd   map[string]struct{} // embedded strings that cannot be digests: decoys, but they must not repeat either
}

type entry struct {
	part int32 // or hidden: no disclosure of this digest was presented
	seen bool
}

func (u *Unverified) process() (*tree, error) {
	p := &processor{hash: u.hash}
	p.payload = u.payload
	p.parts = make([]part, len(u.disclosures))
	p.table = make(map[digest]entry, len(u.disclosures)+u.payload.Get("_sd").Len())
	if err := p.readDisclosures(u); err != nil {
		return nil, err
	}
	if err := p.walk(u.payload, u.limits.Depth, true); err != nil {
		return nil, err
	}
	for _, d := range p.parts {
		if !d.used {
			return nil, &Error{Reason: NotReferenced}
		}
	}
	return &p.tree, nil
}

func (p *processor) readDisclosures(u *Unverified) error {
	size := 0
	for _, text := range u.disclosures {
		size += len(text)
	}
	buf := make([]byte, 0, size) // decoding never grows, so the pieces of buf stay where they are
	for i, text := range u.disclosures {
		from := len(buf)
		var ok bool
		if buf, ok = strictjson.AppendBase64URL(buf, text); !ok {
			return &Error{Reason: BadEncoding}
		}
		v, err := strictjson.Parse(buf[from:], strictjson.Limits{Bytes: u.limits.Bytes, Depth: u.limits.Depth + 1})
		if err != nil {
			return jsonReason(err)
		}
		if p.parts[i], ok = readPart(v); !ok {
			return &Error{Reason: DisclosureMalformed}
		}
		key := hashOf(p.hash, text)
		if _, twice := p.table[key]; twice {
			return &Error{Reason: NotReferenced} // the second copy can have no place of its own
		}
		p.table[key] = entry{part: int32(i)}
	}
	return nil
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
func (p *processor) find(text strictjson.Value) (int32, error) {
	plain, ok := text.Plain()
	if !ok {
		s, _ := text.Text()
		plain = []byte(s)
	}
	var key digest
	if len(plain) == encodedLen(p.hash.Size()) {
		_, ok = strictjson.AppendBase64URL(key[:0], plain)
	} else {
		ok = false
	}
	if !ok {
		s := string(plain)
		if _, twice := p.odd[s]; twice {
			return hidden, &Error{Reason: DigestRepeated}
		}
		if p.odd == nil {
			p.odd = map[string]struct{}{}
		}
		p.odd[s] = struct{}{}
		p.concealed++
		return hidden, nil
	}
	e, known := p.table[key]
	if e.seen {
		return hidden, &Error{Reason: DigestRepeated}
	}
	if !known {
		e.part = hidden
		p.concealed++
	}
	e.seen = true
	p.table[key] = e
	return e.part, nil
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
	var found []int32
	for d := range digests.Elements() {
		if d.Kind() != strictjson.String {
			return &Error{Reason: DigestsMalformed}
		}
		i, err := p.find(d)
		if err != nil {
			return err
		}
		if i != hidden {
			found = append(found, i)
		}
	}
	if len(found) == 0 {
		return nil
	}
	// In the order in which they were presented: the order of _sd tells nothing.
	slices.Sort(found)
	if err := p.checkNames(v, found); err != nil {
		return err
	}
	if p.members == nil {
		p.members = map[strictjson.Value][]int32{}
	}
	p.members[v] = found
	for _, i := range found {
		p.parts[i].used = true
		if err := p.walk(p.parts[i].value, depth, false); err != nil {
			return err
		}
	}
	return nil
}

func (p *processor) checkNames(v strictjson.Value, found []int32) error {
	var taken map[string]struct{}
	if v.Len()+len(found) > 24 { // comparing each with each would let a stranger make it quadratic
		taken = make(map[string]struct{}, v.Len()+len(found))
		for name := range v.Members() {
			taken[name] = struct{}{}
		}
	}
	for n, i := range found {
		name, ok := p.parts[i].name.Text()
		switch {
		case !ok:
			return &Error{Reason: DisclosureMalformed} // an array element's disclosure among an object's
		case name == "_sd" || name == "...":
			return &Error{Reason: ReservedName}
		case name == "_sd_alg":
			return &Error{Reason: HashNested} // section 4.1.1: it stands at the top level of the payload or nowhere
		}
		exists := false
		if taken != nil {
			_, exists = taken[name]
			taken[name] = struct{}{}
		} else {
			exists = v.Get(name).Exists()
			for _, j := range found[:n] {
				exists = exists || p.parts[j].name.Is(name)
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
	if p.places == nil {
		p.places = map[strictjson.Value]int32{}
	}
	p.places[e] = i
	if i == hidden {
		return nil
	}
	if p.parts[i].name.Exists() {
		return &Error{Reason: DisclosureMalformed} // an object member's disclosure in an array
	}
	p.parts[i].used = true
	return p.walk(p.parts[i].value, depth, false)
}
