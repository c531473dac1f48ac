package disclosure

import (
	"bytes"
	"hash/maphash"
)

// set numbers byte strings in the order in which they first come. Strangers choose what goes in, so the place of a string depends on
// a seed that is drawn anew in each process: nobody can prepare strings that collide. It is a map without copies of its keys.
type set struct {
	slots []int32 // a power of two; number + 1, or zero
	keys  [][]byte
}

var seed = maphash.MakeSeed()

func newSet(n int) *set {
	size := 8
	for size < n+n/3 {
		size *= 2
	}
	return &set{slots: make([]int32, size), keys: make([][]byte, 0, n)}
}

// add returns the number of key; fresh tells that it was not there. key must not be changed afterwards.
func (s *set) add(key []byte) (number int, fresh bool) {
	slot, number := s.slot(key)
	if number >= 0 {
		return number, false
	}
	s.keys = append(s.keys, key)
	s.slots[slot] = int32(len(s.keys))
	if 4*len(s.keys) > 3*len(s.slots) {
		s.slots = make([]int32, 2*len(s.slots))
		for i, k := range s.keys {
			slot, _ := s.slot(k)
			s.slots[slot] = int32(i) + 1
		}
	}
	return len(s.keys) - 1, true
}

// slot returns where key stands and its number, or where it would stand and -1.
func (s *set) slot(key []byte) (slot, number int) {
	mask := len(s.slots) - 1
	for i := int(maphash.Bytes(seed, key)) & mask; ; i = (i + 1) & mask {
		n := s.slots[i]
		if n == 0 {
			return i, -1
		}
		if bytes.Equal(s.keys[n-1], key) {
			return i, int(n) - 1
		}
	}
}

func (s *set) find(key []byte) int {
	_, number := s.slot(key)
	return number
}
