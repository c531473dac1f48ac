package status

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"slices"
	"strconv"
	"time"
)

// list is what the store knows of one list, beside its pages.
type list struct {
	Cards     uint64   `json:"cards"`
	Bits      int      `json:"bits"`
	Order     [16]byte `json:"order"`     // key of the permutation
	Used      uint64   `json:"used"`      // places given out
	Version   uint64   `json:"version"`   // changes made
	Published uint64   `json:"published"` // the version that was published last
	Issued    int64    `json:"issued"`    // iat of the newest token
	Since     int64    `json:"since"`     // iat of the newest token that was published
	Expires   int64    `json:"expires"`   // exp of it
	// Begun are the tokens whose publishers have not told that the newest one is in its place. Each of them may be put over a newer one still.
	Begun []begun `json:"begun,omitempty"`
}

// begun is a token that is being published.
type begun struct {
	Issued int64 `json:"issued"` // its iat; zero stands for several, which are nobody's any more
	At     int64 `json:"at"`
}

// maxBegun bounds what a list's record holds of publishers that died.
const maxBegun = 32

func (l *list) begin(b begun) {
	if len(l.Begun) == maxBegun {
		l.Begun[1] = begun{0, max(l.Begun[0].At, l.Begun[1].At)}
		l.Begun = l.Begun[1:]
	}
	l.Begun = append(l.Begun, b)
}

// over tells whether a publisher is too late to put its token, if its clock and this one differ by no more than two clocks may.
func (b begun) over(now int64) bool {
	const enough = int64((putTime + 2*maxAhead) / time.Second)
	return now-b.At > enough || b.At-now > enough
}

// doubtful tells whether what is in place may be older than what was put there last.
func (l *list) doubtful(now int64) bool {
	return slices.ContainsFunc(l.Begun, func(b begun) bool { return b.Issued < l.Issued || b.over(now) })
}

func (r *Registry) uri(n uint32) string { return r.c.URI + "/" + strconv.FormatUint(uint64(n), 10) }

// Keys of the store. Numbers are big-endian, so that their order is that of the bytes.
func listKey(n uint32) []byte { return binary.BigEndian.AppendUint32([]byte("l/"), n) }

func pageKey(n uint32, page uint64) []byte {
	return binary.BigEndian.AppendUint64(append(binary.BigEndian.AppendUint32([]byte("p/"), n), '/'), page)
}

func changeKey(n uint32, index uint64) []byte {
	return append(binary.BigEndian.AppendUint64(append(binary.BigEndian.AppendUint32([]byte("h/"), n), '/'), index), '/')
}

// recordKey hashes what the issuer's own registry calls the record: an identity number is guessed in a second from a bare hash.
func (r *Registry) recordKey(record string) []byte {
	mac := hmac.New(sha256.New, r.c.Key)
	mac.Write([]byte(record))
	return append(mac.Sum([]byte("r/")), '/')
}

func get(tx Tx, key []byte, into any) (found bool, err error) {
	raw, err := tx.Get(key)
	if err != nil || raw == nil {
		return false, err
	}
	if json.Unmarshal(raw, into) != nil {
		return false, StoreDamaged
	}
	return true, nil
}

func put(tx Tx, key []byte, v any) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return tx.Put(key, raw)
}

// lists returns the number of lists in the store.
func lists(tx Tx) (n uint32, err error) {
	raw, err := tx.Get([]byte("lists"))
	switch {
	case err != nil || raw == nil:
		return 0, err
	case len(raw) != 4:
		return 0, StoreDamaged
	}
	return binary.BigEndian.Uint32(raw), nil
}

func (r *Registry) list(tx Tx, n uint32) (list, error) {
	var l list
	found, err := get(tx, listKey(n), &l)
	if err == nil && (!found || l.Cards == 0 || l.Cards > maxInflated || l.Used > l.Cards) {
		err = StoreDamaged
	}
	if err == nil && l.Bits != r.c.Bits {
		err = BadRegistry // lists of one store have one size of status
	}
	return l, err
}

// owner is whose a store is.
type owner struct {
	URI string `json:"uri"`
	Key []byte `json:"key"` // keyCheck
}

var ownerKey = []byte("registry")

// own keeps registries of another URI or Key from a store: the lists of the one would have the same numbers, and the other would find no record.
// A store that nobody has allocated in is anybody's, which claim changes for good.
func (r *Registry) own(tx Tx, claim bool) error {
	var o owner
	switch found, err := get(tx, ownerKey, &o); {
	case err != nil:
		return err
	case !found && claim:
		return put(tx, ownerKey, owner{r.c.URI, r.keyCheck()})
	case found && (o.URI != r.c.URI || !hmac.Equal(o.Key, r.keyCheck())):
		return BadRegistry
	}
	return nil
}

// keyCheck tells one Key from another. It is the hash of no record, which is UTF-8.
func (r *Registry) keyCheck() []byte {
	mac := hmac.New(sha256.New, r.c.Key)
	mac.Write([]byte("\xff"))
	return mac.Sum(nil)
}

// view is Store.View for a store that is this registry's.
func (r *Registry) view(ctx context.Context, f func(Tx) error) error {
	return r.c.Store.View(ctx, func(tx Tx) error {
		if err := r.own(tx, false); err != nil {
			return err
		}
		return f(tx)
	})
}

// update is Store.Update for a store that is this registry's.
func (r *Registry) update(ctx context.Context, f func(Tx) error) error {
	return r.c.Store.Update(ctx, func(tx Tx) error {
		if err := r.own(tx, false); err != nil {
			return err
		}
		return f(tx)
	})
}
