package didethr

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/khyer/khyer/did"
	"github.com/khyer/khyer/did/pubkey"
)

// Block names a block and its time.
type Block struct {
	Number uint64
	Hash   [32]byte
	Time   uint64 // unix seconds
}

// History is what a chain says about one or more identities, up to a block.
type History struct {
	Head Block
	// Logs up to Head, of any contracts and identities, in any order. Those that are not the registry's ERC-1056 events about the
	// DID asked for are left out of account.
	Logs []Log
	// Blocks gives the time of every block that has such an event, and of the block that did.At.Block asks for.
	Blocks map[uint64]Block
}

// Fold turns events into a resolution: the document, the history of the keys, the metadata. It is a pure function: no network, no
// clock of its own. at chooses a block not after h.Head, or a time (at.Anchor is left out of account). clock is the verifier's, and counts
// only where at is zero: an entry is listed while its validTo is later than both h.Head.Time and clock. Which events exist never
// depends on clock.
//
// It believes h: whether the logs are complete must be checked before (the Resolver does), and of a time after h.Head it takes for granted
// that nothing happens until then (the Resolver refuses such a time). Errors are *did.Error: InvalidDID,
// UnknownNetwork, InvalidOptions (also for an unknown n.Profile), NotFound for a block after h.Head, GarbledAnswer for a log that the
// registry cannot have written or that is of another block than h has, IncompleteAnswer for a block whose time is missing.
func Fold(n Network, h History, id did.DID, at did.At, clock time.Time) (*did.Resolution, error) {
	ident, err := parseIdentifier(id)
	if err != nil {
		return nil, err
	}
	if !n.serves(ident.network) {
		return nil, fault(did.UnknownNetwork, "the DID is of another network")
	}
	if n.Profile != Current && n.Profile != V11 {
		return nil, fault(did.InvalidOptions, "an unknown profile")
	}
	events, err := decodeAll(h.Logs, n.Registry, ident.identity)
	if err != nil {
		return nil, wrap(did.GarbledAnswer, err)
	}
	return fold(&n, ident, events, h.Head, h.Blocks, at, clock)
}

// moment is the point in time of a question.
type moment struct {
	block uint64 // events after it have not happened yet
	time  uint64 // nor have events after this time, if asked by time; entries are listed while validTo > now
	now   uint64
}

func momentOf(head Block, blocks map[uint64]Block, at did.At, clock time.Time) (moment, error) {
	switch {
	case at.Block != 0 && !at.Time.IsZero():
		return moment{}, fault(did.InvalidOptions, "a block and a time exclude each other")
	case at.Block > head.Number:
		return moment{}, fault(did.NotFound, "the block does not exist yet, or is newer than the one that is read from")
	case at.Block == head.Number && at.Block != 0:
		return moment{head.Number, math.MaxInt64, head.Time}, nil
	case at.Block != 0:
		b, ok := blocks[at.Block]
		if !ok {
			return moment{}, fault(did.IncompleteAnswer, "the time of the block asked for is missing")
		}
		return moment{at.Block, math.MaxInt64, b.Time}, nil
	case !at.Time.IsZero():
		t := at.Time.Unix()
		if t < 0 || t > maxTime {
			return moment{}, fault(did.InvalidOptions, "the time is out of range")
		}
		return moment{head.Number, uint64(t), uint64(t)}, nil
	}
	return moment{head.Number, math.MaxInt64, uint64(max(int64(head.Time), clock.Unix()))}, nil
}

// entry is everything that the subject set under one (type, value): a delegate of a type, a key, a service. The method specification's
// ids number events, so setting an entry again gives it another id; its history of ids stays here.
type entry struct {
	kind     entryKind
	purposes []did.Purpose
	class    string
	name     attributeName // attributes only
	value    []byte
	delegate Address
	public   public // zero if the entry gives no usable key
	hidden   bool   // from documents of this profile
	order    int    // place in the document; 0 while it is not listed
	listedAs string // its id there, once the document is made
	lives    []life
}

type entryKind uint8

const (
	delegateEntry entryKind = iota
	keyEntry
	serviceEntry
)

// entryName tells entries apart: what kind of event set it, the attribute's name or delegate's type, and the value or delegate.
type entryName struct {
	kind        eventKind
	name, value string
}

// life is a time in which an entry was set and not revoked. A revocation ends it for good; setting the entry again afterwards begins
// another one. Two events can have one time: what came first is decided by their positions in the history, never by their times.
type life struct {
	ids         []int // numbers of its events, the newest last
	from        uint64
	until       uint64
	revoked     uint64 // 0 if it was not
	confirmed   uint64 // when it was last revoked: what is revoked may be revoked again, to end what was set under other names meanwhile
	first, last int    // positions of the events that began it and that last touched it
}

// state is a document in the making.
type state struct {
	ident    identifier
	profile  Profile
	chainID  uint64
	now      uint64
	owner    Address
	owners   []tenure
	entries  map[entryName]*entry
	sequence []*entry // in the order of creation
	begun    int      // lives
	placed   int
	keys     int // the two counters of the method specification, section "id properties of entries"
	services int
	ended    uint64 // time of the deactivation
	meta     did.Metadata

	prefixes [2]string // of the ids of methods and services
	purposes [3][]did.Purpose
	memory   struct {
		entries slab[entry]
		lives   slab[life]
		ids     slab[int]
	}
}

// tenure is a time in which an address owned the identity. The newest has no end.
type tenure struct {
	owner       Address
	from, until uint64
	first       int // position of the event that began it; -1 for the first owner
}

// fold applies events, which are all that the chain has up to head.
func fold(n *Network, ident identifier, events []event, head Block, blocks map[uint64]Block, at did.At, clock time.Time) (*did.Resolution, error) {
	m, err := momentOf(head, blocks, at, clock)
	if err != nil {
		return nil, err
	}
	s := &state{ident: ident, profile: n.Profile, chainID: n.ChainID, now: m.now, owner: ident.identity, entries: map[entryName]*entry{}}
	s.purposes = purposesOf()
	s.prefixes = [2]string{ident.did.String() + "#delegate-", ident.did.String() + "#service-"}
	s.owners = []tenure{{owner: ident.identity, first: -1}}
	if err := s.run(events, m, head, blocks); err != nil {
		return nil, err
	}
	anchor := did.Anchor{Chain: n.chain(), Block: head.Number, Hash: head.Hash, Time: unix(head.Time), Trust: "asserted"}
	if at.Block != 0 && at.Block != head.Number {
		b := blocks[at.Block]
		anchor.Block, anchor.Hash, anchor.Time = b.Number, b.Hash, unix(b.Time)
	}
	if at.Block != 0 {
		anchor.Tag = strconv.FormatUint(at.Block, 10)
	}
	listed := s.listed()
	return &did.Resolution{
		Document:    s.document(listed),
		Keys:        s.history(listed),
		Deactivated: s.ended != 0,
		Metadata:    s.meta,
		Anchor:      anchor,
	}, nil
}

// run applies the events that have happened by m, and learns of the first one that has not.
func (s *state) run(events []event, m moment, head Block, blocks map[uint64]Block) error {
	var current, last Block // of the event, and of the newest one that has happened
	defer func() {
		if last.Number != 0 || last.Time != 0 {
			s.meta.VersionID, s.meta.Updated = strconv.FormatUint(last.Number, 10), unix(last.Time)
		}
	}()
	for i := range events {
		e := &events[i]
		if !e.text && e.kind != ownerChanged {
			continue // not DID data: no version of the document, and no number
		}
		if i == 0 || e.block != current.Number {
			var ok bool
			current, ok = blocks[e.block]
			if e.block == head.Number {
				current, ok = head, true
			}
			if !ok {
				return fault(did.IncompleteAnswer, "the time of a block with an event is missing")
			}
		}
		if e.blockHash != current.Hash || e.block > head.Number {
			return fault(did.GarbledAnswer, "an event of another block than the history has")
		}
		if e.block > m.block || current.Time > m.time {
			s.meta.NextVersionID, s.meta.NextUpdate = strconv.FormatUint(e.block, 10), unix(current.Time)
			break
		}
		last = current
		if s.apply(e, current.Time, i) {
			break // the deactivation: whatever the registry let somebody write after it does not count (fault F3)
		}
	}
	return nil
}

func unix(t uint64) time.Time { return time.Unix(int64(t), 0).UTC() }

// apply reports whether the event ends the DID's history.
func (s *state) apply(e *event, blockTime uint64, position int) bool {
	switch e.kind {
	case ownerChanged:
		if e.party != s.owner {
			s.owners[len(s.owners)-1].until = blockTime
			s.owners = append(s.owners, tenure{owner: e.party, from: blockTime, first: position})
		}
		if s.owner = e.party; e.party == (Address{}) {
			s.ended = max(blockTime, 1)
			return true
		}
	case delegateChanged:
		s.keys++
		if r, class, ok := delegateRole(e.name); ok {
			x := s.entries[entryName{delegateChanged, e.name, string(e.party[:])}]
			if x == nil && e.validTo > blockTime {
				x = s.create(entryName{delegateChanged, e.name, string(e.party[:])})
				x.kind, x.purposes, x.class, x.delegate = delegateEntry, s.purposes[r], class, e.party
				x.public = publicOf(pubkey.FromAddress(e.party))
			}
			s.set(x, e, s.keys, blockTime, position)
		}
	case attributeChanged:
		s.attribute(e, blockTime, position)
	}
	return false
}

func (s *state) attribute(e *event, blockTime uint64, position int) {
	number := 0
	switch {
	case strings.HasPrefix(e.name, "did/pub/"):
		s.keys++
		number = s.keys
	case strings.HasPrefix(e.name, "did/svc/"):
		s.services++
		number = s.services
	}
	x := s.entries[entryName{attributeChanged, e.name, string(e.value)}]
	if x == nil && e.validTo > blockTime {
		name, ok := parseAttributeName(e.name)
		if !ok || !bounded(name, e.value) {
			return
		}
		x = s.create(entryName{attributeChanged, e.name, string(e.value)})
		x.name, x.value = name, e.value
		if x.kind = serviceEntry; name.section == "pub" {
			x.kind = keyEntry
			r, class := keyRole(name)
			x.purposes, x.class = s.purposes[r], class
			x.public = points.get(name.algorithm, e.value)
		}
		x.hidden = !s.renders(x)
	}
	s.set(x, e, number, blockTime, position)
}

func (s *state) create(n entryName) *entry {
	x := &s.memory.entries.take()[0]
	s.entries[n] = x
	s.sequence = append(s.sequence, x)
	return x
}

// set records that an event set or revoked an entry, which is nil if nothing set it before. validTo decides twice, against two times.
// Against the time of its own block it tells a setting from a revocation, for good (registries revoke by writing the block's own time,
// or 0). Against the time asked about it tells whether the entry is listed, and so its place: an entry that was not listed goes to the
// end.
func (s *state) set(x *entry, e *event, number int, blockTime uint64, position int) {
	if x == nil {
		return
	}
	if e.validTo <= blockTime {
		x.order = 0
		l := x.life()
		if l.last, l.confirmed = position, max(blockTime, 1); l.revoked == 0 {
			l.revoked = l.confirmed
		}
		return
	}
	if len(x.lives) == 0 || x.life().revoked != 0 {
		if x.lives == nil {
			x.lives = s.memory.lives.take()[:0]
		}
		x.lives = append(x.lives, life{ids: s.memory.ids.take()[:0], from: blockTime, first: position})
		s.begun++
	}
	l := x.life()
	l.ids, l.until, l.last = append(l.ids, number), e.validTo, position
	switch {
	case e.validTo <= s.now:
		x.order = 0
	case x.order == 0:
		s.placed++
		x.order = s.placed
	}
}

// life is the newest one. Every entry has one: it exists since an event set it.
func (x *entry) life() *life { return &x.lives[len(x.lives)-1] }

// listed returns the entries that stand in the document, in its order, and those that stand there in another profile.
func (s *state) listed() []*entry {
	out := make([]*entry, 0, len(s.sequence))
	for _, x := range s.sequence {
		if s.shows(x) {
			out = append(out, x)
		}
	}
	slices.SortFunc(out, func(a, b *entry) int { return cmp.Compare(a.order, b.order) })
	return out
}

// shows reports whether documents list the entry.
func (s *state) shows(x *entry) bool { return x.order > 0 && s.ended == 0 }

func (s *state) id(x *entry, number int) string {
	prefix := s.prefixes[0]
	if x.kind == serviceEntry {
		prefix = s.prefixes[1]
	}
	var digits [20]byte
	return prefix + string(strconv.AppendInt(digits[:0], int64(number), 10))
}

// current is the id under which the document lists the entry.
func (s *state) current(x *entry) string {
	if l := x.life(); x.listedAs == "" {
		x.listedAs = s.id(x, l.ids[len(l.ids)-1])
	}
	return x.listedAs
}
