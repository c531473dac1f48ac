package anchor

import (
	"encoding/binary"
	"math/big"

	"github.com/khyer/khyer/did/didethr"
)

// transaction is one of type 2 (EIP-1559), the only type that is written here. Encoding it by hand takes less code than go-ethereum's
// types take to import; a test compares the two.
type transaction struct {
	chainID     uint64
	nonce       uint64
	tip, feeCap *big.Int // maxPriorityFeePerGas and maxFeePerGas
	gas         uint64
	to          *didethr.Address // nil creates a contract
	value       *big.Int         // nil pays nothing
	data        []byte
}

const typeDynamicFee = 2

// payload encodes the transaction with its type before it: what is hashed for the signature, or, with the signature's parts, what is
// handed in (EIP-1559; EIP-2718). The access list stays empty.
func (t *transaction) payload(signature ...[]byte) []byte {
	var to []byte
	if t.to != nil {
		to = t.to[:]
	}
	fields := [][]byte{rlpUint(t.chainID), rlpUint(t.nonce), rlpBig(t.tip), rlpBig(t.feeCap), rlpUint(t.gas), rlpBytes(to), rlpBig(t.value),
		rlpBytes(t.data), rlpList()}
	return append([]byte{typeDynamicFee}, rlpList(append(fields, signature...)...)...)
}

func (t *transaction) digest() [32]byte { return keccak(t.payload()) }

// signed returns what is handed in to a node; its Keccak-256 is the transaction's hash.
func (t *transaction) signed(sig [65]byte) []byte {
	return t.payload(rlpUint(uint64(sig[64])), rlpBig(new(big.Int).SetBytes(sig[:32])), rlpBig(new(big.Int).SetBytes(sig[32:64])))
}

// Recursive Length Prefix (Ethereum Yellow Paper, appendix B).

func rlpBytes(b []byte) []byte {
	if len(b) == 1 && b[0] < 0x80 {
		return b
	}
	return append(rlpPrefix(0x80, len(b)), b...)
}

func rlpUint(n uint64) []byte {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], n)
	return rlpBytes(trim(b[:]))
}

func rlpBig(n *big.Int) []byte {
	if n == nil {
		return rlpBytes(nil)
	}
	return rlpBytes(n.Bytes())
}

func rlpList(items ...[]byte) []byte {
	var body []byte
	for _, item := range items {
		body = append(body, item...)
	}
	return append(rlpPrefix(0xc0, len(body)), body...)
}

func rlpPrefix(base byte, n int) []byte {
	if n <= 55 {
		return []byte{base + byte(n)}
	}
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(n))
	size := trim(b[:])
	return append([]byte{base + 55 + byte(len(size))}, size...)
}

func trim(b []byte) []byte {
	for len(b) > 0 && b[0] == 0 {
		b = b[1:]
	}
	return b
}
