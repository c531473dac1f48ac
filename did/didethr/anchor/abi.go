package anchor

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"strings"

	"golang.org/x/crypto/sha3"

	"github.com/khyer/khyer/internal/ethrpc"
)

// The contract's functions have few kinds of arguments: words of 32 bytes, and byte strings. Packing them by hand takes less code than
// a general ABI library takes to import.

func keccak(data ...[]byte) (sum [32]byte) {
	h := sha3.NewLegacyKeccak256()
	for _, d := range data {
		h.Write(d)
	}
	h.Sum(sum[:0])
	return sum
}

func addressWord(a [20]byte) (w [32]byte) {
	copy(w[12:], a[:])
	return w
}

func uintWord(n uint64) (w [32]byte) {
	binary.BigEndian.PutUint64(w[24:], n)
	return w
}

// tail marks the place of a byte string among the arguments.
type tail []byte

// pack encodes a call (Contract ABI Specification, "Formal Specification of the Encoding"): the selector, a head of one word for
// each argument, and the byte strings behind it.
func pack(signature string, args ...any) []byte {
	selector := keccak([]byte(signature))
	out := append([]byte(nil), selector[:4]...)
	var end []byte
	for _, a := range args {
		switch a := a.(type) {
		case [32]byte:
			out = append(out, a[:]...)
		case tail:
			offset, length := uintWord(uint64(32*len(args)+len(end))), uintWord(uint64(len(a)))
			out = append(out, offset[:]...)
			end = append(end, length[:]...)
			end = append(end, a...)
			end = append(end, make([]byte, (32-len(a)%32)%32)...)
		default:
			panic("anchor: an argument of a kind that no function has")
		}
	}
	return append(out, end...)
}

// revertWord finds out with which word a contract reverted; ok is false if the error is no revert. Nodes differ in where they put
// the data: Error(string) is looked for in it first, then in the message.
func revertWord(e *ethrpc.Error) (word string, ok bool) {
	const marker = "execution reverted"
	at := strings.Index(e.Message, marker)
	data := e.Data
	var object struct {
		Data json.RawMessage `json:"data"`
	}
	if len(data) > 0 && data[0] == '{' && json.Unmarshal(data, &object) == nil {
		data = object.Data
	}
	var text string
	if json.Unmarshal(data, &text) == nil {
		if raw, err := hex.DecodeString(strings.TrimPrefix(text, "0x")); err == nil {
			if word, ok := errorString(raw); ok {
				return clean(word), true
			}
		}
	}
	if at < 0 && e.Code != 3 {
		return "", false
	}
	if at >= 0 {
		word = strings.TrimLeft(e.Message[at+len(marker):], ": ")
	}
	return clean(word), true
}

// errorString decodes Error(string), Solidity's built-in error.
func errorString(data []byte) (string, bool) {
	const head = 4 + 32 + 32
	if len(data) < head || !bytes.Equal(data[:4], []byte{0x08, 0xc3, 0x79, 0xa0}) {
		return "", false
	}
	n := binary.BigEndian.Uint64(data[head-8 : head])
	if n > uint64(len(data)-head) {
		return "", false
	}
	return string(data[head : head+int(n)]), true
}

// clean keeps a stranger's word short and printable.
func clean(s string) string {
	if len(s) > 64 {
		s = s[:64]
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return -1
		}
		return r
	}, s)
}
