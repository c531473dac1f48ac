package status

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Reasons of a Registry.
const (
	StoreMisused   Reason = "status_store_misused"       // a Put outside Update, or of an empty value
	StoreDamaged   Reason = "status_store_damaged"       // the store holds what no Registry writes, or is not the one that was opened
	BadRegistry    Reason = "status_registry_config"     // a field of RegistryConfig that cannot be right, or is not that of the store
	BadChange      Reason = "status_change_malformed"    // a record, By or Why that is empty, too long or no UTF-8
	NotAllocated   Reason = "status_index_not_allocated" // the reference is to no card of this registry
	FinallyRevoked Reason = "status_revoked_for_good"    // a revoked card cannot become anything else
	ValueTooLarge  Reason = "status_value_does_not_fit"  // the value needs more bits than the lists have
	ClockBehind    Reason = "status_clock_behind"        // the clock shows a time before the newest token's: it is wrong, or was when that was signed
	PublishFailed  Reason = "status_publish_interrupted" // other publishers came in between too often
)

// RegistryConfig says how an issuer keeps the statuses of its cards.
type RegistryConfig struct {
	Store Store // required
	// URI is where the lists are: the nth is at URI + "/" + n. It must not end in a slash; required.
	URI string
	// Key is a secret of at least 32 bytes with which records are hashed, so that the store names no citizen; required. Whoever has it and the store
	// can try all record numbers. It must stay the same as long as the store, as URI must.
	Key []byte
	// Cards is how many cards a list has room for: 65,536 if zero, at most 16 million. The more share a list, the less does fetching one
	// tell about a single card.
	Cards uint64
	// Bits is the room for a status: 2 if zero, enough for valid, revoked and suspended.
	Bits int
	Now  func() time.Time // nil means time.Now
}

// Registry gives each card of an issuer its place in a status list, changes its status, and publishes the lists. It is safe for concurrent
// use, and several registries of one store, in any number of processes, never give out the same place.
type Registry struct {
	c RegistryConfig
}

const (
	defaultCards = 1 << 16
	pageSize     = 4 << 10 // bytes of a list that are stored together
)

// NewRegistry checks c and makes a Registry. Errors are a Reason.
func NewRegistry(c RegistryConfig) (*Registry, error) {
	if c.Cards == 0 {
		c.Cards = defaultCards
	}
	if c.Bits == 0 {
		c.Bits = 2
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	switch c.Bits {
	case 1, 2, 4, 8:
	default:
		return nil, BadBits
	}
	switch {
	case c.Store == nil, len(c.Key) < 32, c.Cards < 8, c.Cards*uint64(c.Bits)/8 > maxInflated, c.Cards > maxInflated,
		!strings.HasPrefix(c.URI, "https://"), strings.HasSuffix(c.URI, "/"), !utf8.ValidString(c.URI):
		return nil, BadRegistry
	}
	c.Key = bytes.Clone(c.Key)
	return &Registry{c}, nil
}

// Allocate gives a card of that record a place in a list: what Card.Status takes. The record is whatever the issuer's own registry knows its
// cards by; it is hashed before it is stored. A record may have any number of cards. If the caller fails before the card is signed, the place
// stays unused, and nothing else happens. Errors are a Reason or the store's.
func (r *Registry) Allocate(ctx context.Context, record string) (Reference, error) {
	refs, err := r.AllocateAll(ctx, []string{record})
	if err != nil {
		return Reference{}, err
	}
	return refs[0], nil
}

// AllocateAll is Allocate for many cards in one transaction: all get a place, or none.
func (r *Registry) AllocateAll(ctx context.Context, records []string) ([]Reference, error) {
	for _, record := range records {
		if !isNote(record) {
			return nil, BadChange
		}
	}
	var refs []Reference
	err := r.c.Store.Update(ctx, func(tx Tx) error {
		refs = make([]Reference, 0, len(records))
		if err := r.own(tx, true); err != nil {
			return err
		}
		count, err := lists(tx)
		if err != nil {
			return err
		}
		var l list
		if count > 0 {
			if l, err = r.list(tx, count-1); err != nil {
				return err
			}
		}
		order := newPermutation(l.Order, max(l.Cards, 1))
		for _, record := range records {
			if l.Used == l.Cards { // also if there is no list yet
				if count > 0 {
					if err := put(tx, listKey(count-1), l); err != nil {
						return err
					}
				}
				l = list{Cards: r.c.Cards, Bits: r.c.Bits, Version: 1}
				if _, err := rand.Read(l.Order[:]); err != nil {
					return err
				}
				order = newPermutation(l.Order, l.Cards)
				count++
				if err := tx.Put([]byte("lists"), binary.BigEndian.AppendUint32(nil, count)); err != nil {
					return err
				}
			}
			index := order.order(l.Used)
			l.Used++
			refs = append(refs, Reference{r.uri(count - 1), index})
			key := binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint32(r.recordKey(record), count-1), index)
			if err := tx.Put(key, []byte{1}); err != nil {
				return err
			}
		}
		if count == 0 {
			return nil
		}
		return put(tx, listKey(count-1), l)
	})
	if err != nil {
		return nil, err
	}
	return refs, nil
}

// Find returns the places of all cards of a record, in no order that means anything.
func (r *Registry) Find(ctx context.Context, record string) ([]Reference, error) {
	var refs []Reference
	err := r.view(ctx, func(tx Tx) error {
		refs = nil
		prefix := r.recordKey(record)
		return tx.Scan(prefix, func(key, _ []byte) bool {
			rest := key[len(prefix):]
			if len(rest) == 12 {
				refs = append(refs, Reference{r.uri(binary.BigEndian.Uint32(rest)), binary.BigEndian.Uint64(rest[4:])})
			}
			return true
		})
	})
	if err != nil {
		return nil, err
	}
	return refs, nil
}

// Change is one change of a card's status.
type Change struct {
	Value Value     `json:"value"`
	At    time.Time `json:"at"`
	By    string    `json:"by"`  // who decided
	Why   string    `json:"why"` // on what ground
}

// isNote bounds texts that go into the store.
func isNote(s string) bool { return s != "" && len(s) <= 1<<10 && utf8.ValidString(s) }

// Set changes the status of a card: Suspended, Valid again, or Revoked, which is for good. by and why are kept, and neither leaves the
// store: no names of citizens. Setting what is there already changes nothing. The change is seen by verifiers once it is published and
// their own copy has lapsed. Errors are a Reason or the store's.
func (r *Registry) Set(ctx context.Context, ref Reference, v Value, by, why string) error {
	if !isNote(by) || !isNote(why) {
		return BadChange
	}
	if int(v) >= 1<<r.c.Bits {
		return ValueTooLarge
	}
	return r.update(ctx, func(tx Tx) error {
		n, l, err := r.allocated(tx, ref)
		if err != nil {
			return err
		}
		page, at := ref.Index/r.perPage(), ref.Index%r.perPage()
		data, err := tx.Get(pageKey(n, page))
		if err != nil {
			return err
		}
		if data == nil {
			data = make([]byte, pageSize)
		} else if len(data) != pageSize {
			return StoreDamaged
		}
		data = bytes.Clone(data)
		old, err := (&List{bits: l.Bits, data: data}).At(at)
		switch {
		case err != nil:
			return StoreDamaged
		case old == v:
			return nil
		case old == Revoked:
			return FinallyRevoked
		}
		setStatus(data, l.Bits, at, v)
		if err := tx.Put(pageKey(n, page), data); err != nil {
			return err
		}
		l.Version++
		if err := put(tx, listKey(n), l); err != nil {
			return err
		}
		key := binary.BigEndian.AppendUint64(changeKey(n, ref.Index), l.Version)
		return put(tx, key, Change{v, r.c.Now().UTC().Truncate(time.Second), by, why})
	})
}

// History returns the changes of a card's status, oldest first; none means that it has been valid all along.
func (r *Registry) History(ctx context.Context, ref Reference) ([]Change, error) {
	var changes []Change
	err := r.view(ctx, func(tx Tx) error {
		changes = nil
		n, _, err := r.allocated(tx, ref)
		if err != nil {
			return err
		}
		damaged := false
		err = tx.Scan(changeKey(n, ref.Index), func(_, value []byte) bool {
			var c Change
			damaged = json.Unmarshal(value, &c) != nil
			changes = append(changes, c)
			return !damaged
		})
		if err == nil && damaged {
			err = StoreDamaged
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return changes, nil
}

// List returns a list as it stands now, signed by nobody: for an issuer's own look, and for tests.
func (r *Registry) List(ctx context.Context, uri string) (*List, error) {
	var l *List
	err := r.view(ctx, func(tx Tx) error {
		n, entry, err := r.number(tx, uri)
		if err != nil {
			return err
		}
		data, err := pages(tx, n, entry.size())
		if err != nil {
			return err
		}
		l, err = NewList(entry.Bits, data, r.c.Now())
		l.URI = uri
		return err
	})
	if err != nil {
		return nil, err
	}
	return l, nil
}

func (l list) size() uint64 { return (l.Cards*uint64(l.Bits) + 7) / 8 }

func (r *Registry) perPage() uint64 { return pageSize * 8 / uint64(r.c.Bits) }

func setStatus(data []byte, bits int, index uint64, v Value) {
	perByte := uint64(8 / bits)
	shift := index % perByte * uint64(bits)
	data[index/perByte] = data[index/perByte]&^(byte(1<<bits-1)<<shift) | byte(v)<<shift
}

// number finds a list of this registry.
func (r *Registry) number(tx Tx, uri string) (uint32, list, error) {
	digits, ok := strings.CutPrefix(uri, r.c.URI+"/")
	number, err := strconv.ParseUint(digits, 10, 32)
	if !ok || err != nil || digits != strconv.FormatUint(number, 10) {
		return 0, list{}, NotAllocated
	}
	count, err := lists(tx)
	if err != nil {
		return 0, list{}, err
	}
	n := uint32(number)
	if n >= count {
		return 0, list{}, NotAllocated
	}
	l, err := r.list(tx, n)
	return n, l, err
}

// allocated finds the list of a reference that this registry has given out.
func (r *Registry) allocated(tx Tx, ref Reference) (uint32, list, error) {
	n, l, err := r.number(tx, ref.URI)
	if err != nil {
		return 0, list{}, err
	}
	if ref.Index >= l.Cards || newPermutation(l.Order, l.Cards).place(ref.Index) >= l.Used {
		return 0, list{}, NotAllocated
	}
	return n, l, nil
}
