package didethr

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"unicode/utf8"
)

// Log is one event log as a node gives it, of a registry's contract or any other.
type Log struct {
	Address   Address
	Topics    [][32]byte
	Data      []byte
	Block     uint64
	BlockHash [32]byte
	Index     uint64 // within the block
}

// The events' topics: Keccak of their signatures (ERC-1056, section "Events").
var (
	topicOwner     = keccak([]byte("DIDOwnerChanged(address,address,uint256)"))
	topicDelegate  = keccak([]byte("DIDDelegateChanged(address,bytes32,address,uint256,uint256)"))
	topicAttribute = keccak([]byte("DIDAttributeChanged(address,bytes32,bytes,uint256,uint256)"))
)

type eventKind uint8

const (
	ownerChanged eventKind = iota
	delegateChanged
	attributeChanged
)

// event is a decoded log of the registry about one identity.
type event struct {
	kind      eventKind
	block     uint64
	blockHash [32]byte
	index     uint64
	previous  uint64 // block of the identity's change before this one, 0 if none

	party   Address // the owner or delegate
	name    string  // the attribute's name or delegate's type, without the zeros at its end
	text    bool    // name is UTF-8; others are no DID data but count in the chain of links
	value   []byte
	validTo uint64 // unix seconds; clamped to maxTime
	data    []byte // the log's, for the accumulator
}

// maxTime is the last second of the year 9999. The registry's uint256 seconds are clamped to it, so that they fit every time type.
const maxTime = 253402300799

// maxValue bounds the bytes of one attribute. Post-quantum keys need 2.6 KB; each byte costs its writer gas, but every reader time.
const maxValue = 16 << 10

var errLog = errors.New("didethr: a log that the registry cannot have written")

func logFault(what string) error { return fmt.Errorf("%w: %s", errLog, what) }

// isERC1056 reports whether the log is one of the registry's three events about identity.
func (l *Log) isERC1056(registry, identity Address) bool {
	return l.Address == registry && len(l.Topics) == 2 && l.Topics[1] == addressWord(identity) &&
		(l.Topics[0] == topicOwner || l.Topics[0] == topicDelegate || l.Topics[0] == topicAttribute)
}

func addressWord(a Address) (w [32]byte) {
	copy(w[12:], a[:])
	return w
}

// decode reads the data of a log that isERC1056 (Solidity ABI, "Formal Specification of the Encoding"; the identity is indexed and
// stands in a topic). It allocates nothing: value is a part of l.Data.
func (l *Log) decode() (event, error) {
	e := event{block: l.Block, blockHash: l.BlockHash, index: l.Index, data: l.Data}
	words := l.Data
	word := func() []byte {
		w := words[:32]
		words = words[32:]
		return w
	}
	var err error
	switch l.Topics[0] {
	case topicOwner:
		if e.kind = ownerChanged; len(words) != 2*32 {
			return e, logFault("an owner event's data has a wrong length")
		}
		if e.party, err = wordAddress(word()); err != nil {
			return e, err
		}
	case topicDelegate:
		if e.kind = delegateChanged; len(words) != 4*32 {
			return e, logFault("a delegate event's data has a wrong length")
		}
		e.name, e.text = wordText(word())
		if e.party, err = wordAddress(word()); err != nil {
			return e, err
		}
		e.validTo = wordTime(word())
	case topicAttribute:
		if e.kind = attributeChanged; len(words) < 5*32 {
			return e, logFault("an attribute event's data is too short")
		}
		if e.value, err = tail(words); err != nil {
			return e, err
		}
		e.name, e.text = wordText(word())
		word() // the offset, checked by tail
		e.validTo = wordTime(word())
	default:
		return e, logFault("an unknown event")
	}
	if e.previous, err = wordUint(word()); err != nil {
		return e, err
	}
	if e.previous > e.block {
		return e, logFault("its previousChange lies in the future")
	}
	return e, nil
}

// tail returns the dynamic bytes of an attribute event, whose encoding has one form: offset 128, the length, the bytes, zeros up to a
// whole word. What fills the last word is not looked at, because compilers of the first registries left rubbish there.
func tail(data []byte) ([]byte, error) {
	offset, err := wordUint(data[32:64])
	if err != nil || offset != 4*32 {
		return nil, logFault("an attribute's value is not where it must be")
	}
	size, err := wordUint(data[128:160])
	rest := data[160:]
	if err != nil || size > uint64(len(rest)) {
		return nil, logFault("an attribute's value is shorter than it says")
	}
	if padded := (size + 31) / 32 * 32; uint64(len(rest)) != size && uint64(len(rest)) != padded {
		return nil, logFault("bytes after an attribute's value")
	}
	return rest[:size:size], nil
}

func wordAddress(w []byte) (Address, error) {
	if !allZero(w[:12]) {
		return Address{}, logFault("an address wider than 20 bytes")
	}
	return Address(w[12:]), nil
}

func wordUint(w []byte) (uint64, error) {
	n := binary.BigEndian.Uint64(w[24:])
	if !allZero(w[:24]) || n > math.MaxInt64 {
		return 0, logFault("a number too large for a block or a length")
	}
	return n, nil
}

func wordTime(w []byte) uint64 {
	if n := binary.BigEndian.Uint64(w[24:]); allZero(w[:24]) && n < maxTime {
		return n
	}
	return maxTime
}

func wordText(w []byte) (string, bool) {
	w = bytes.TrimRight(w, "\x00")
	return string(w), utf8.Valid(w)
}

func allZero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}

// decodeAll picks the registry's events about identity, in the order of the chain, without duplicates.
func decodeAll(logs []Log, registry, identity Address) ([]event, error) {
	out := make([]event, 0, len(logs))
	for i := range logs {
		l := &logs[i]
		if !l.isERC1056(registry, identity) {
			continue
		}
		e, err := l.decode()
		if err != nil {
			return nil, err
		}
		out = append(out, e)
	}
	slices.SortStableFunc(out, func(a, b event) int {
		return cmp.Or(cmp.Compare(a.block, b.block), cmp.Compare(a.index, b.index))
	})
	kept := out[:0]
	for _, e := range out {
		if n := len(kept); n > 0 && kept[n-1].block == e.block && kept[n-1].index == e.index {
			if !kept[n-1].equal(e) {
				return nil, logFault("two logs in one place")
			}
			continue
		}
		kept = append(kept, e)
	}
	return kept, nil
}

func (e event) equal(f event) bool {
	return e.kind == f.kind && e.blockHash == f.blockHash && bytes.Equal(e.data, f.data)
}
