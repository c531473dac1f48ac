package status

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"math/bits"
)

// permutation puts the numbers below size into an order that nobody can tell without its key: the nth card of a list gets the index
// order(n). So indexes look random, none comes twice, and all that a store has to count is n. It is a Feistel network of ten rounds with
// AES as its function, walked until it comes back into the range (format-preserving encryption as in NIST SP 800-38G, without its tweak).
type permutation struct {
	block cipher.Block
	size  uint64
	half  int // bits
}

func newPermutation(key [16]byte, size uint64) permutation {
	block, err := aes.NewCipher(key[:])
	if err != nil {
		panic("status: sixteen bytes are an AES key")
	}
	return permutation{block, size, (bits.Len64(max(size-1, 1)) + 1) / 2}
}

const feistelRounds = 10

func (p permutation) round(n int, half uint64) uint64 {
	var b [16]byte
	b[0] = byte(n)
	binary.BigEndian.PutUint64(b[8:], half)
	p.block.Encrypt(b[:], b[:])
	return binary.BigEndian.Uint64(b[:]) & (1<<p.half - 1)
}

// order returns the index of the nth card.
func (p permutation) order(n uint64) uint64 {
	for {
		left, right := n>>p.half, n&(1<<p.half-1)
		for r := range feistelRounds {
			left, right = right, left^p.round(r, right)
		}
		if n = left<<p.half | right; n < p.size {
			return n
		}
	}
}

// place is the inverse of order.
func (p permutation) place(index uint64) uint64 {
	for {
		left, right := index>>p.half, index&(1<<p.half-1)
		for r := feistelRounds - 1; r >= 0; r-- {
			left, right = right^p.round(r, left), left
		}
		if index = left<<p.half | right; index < p.size {
			return index
		}
	}
}
