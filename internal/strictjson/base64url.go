package strictjson

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"slices"
)

var canonical = base64.RawURLEncoding.Strict()

// AppendBase64URL appends the bytes that text encodes. It accepts exactly one spelling of them: base64url without padding, without
// white space, with zero bits in the tail (RFC 7515 section 2, RFC 4648 section 3.5).
func AppendBase64URL(dst, text []byte) ([]byte, bool) {
	// The standard decoder skips line breaks even when it is strict, so that one value would have several spellings.
	if bytes.IndexByte(text, '\n') >= 0 || bytes.IndexByte(text, '\r') >= 0 {
		return dst, false
	}
	out, err := canonical.AppendDecode(dst, text)
	return out, err == nil
}

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_" // RFC 4648 section 5

// pairs holds the two characters of each twelve bits, the first in the lower byte.
var pairs = func() (t [1 << 12]uint16) {
	for i := range t {
		t[i] = uint16(alphabet[i>>6]) | uint16(alphabet[i&63])<<8
	}
	return t
}()

// AppendAsBase64URL appends data encoded, without padding. It is what encoding/base64 does, in half the time: an issuer encodes each
// claim twice, and its digest.
func AppendAsBase64URL(dst, data []byte) []byte {
	n := base64.RawURLEncoding.EncodedLen(len(data))
	dst = slices.Grow(dst, n)
	out := dst[len(dst) : len(dst)+n]
	for len(data) >= 8 && len(out) >= 8 { // six of eight bytes at a time
		v := binary.BigEndian.Uint64(data)
		binary.LittleEndian.PutUint64(out, uint64(pairs[v>>52])|uint64(pairs[v>>40&0xfff])<<16|uint64(pairs[v>>28&0xfff])<<32|uint64(pairs[v>>16&0xfff])<<48)
		data, out = data[6:], out[8:]
	}
	base64.RawURLEncoding.Encode(out, data)
	return dst[:len(dst)+n]
}

// Inside is an argument that only packages of this module can name. Methods that give a look at unverified content demand it, so
// that a user of the library cannot call them by accident.
type Inside struct{}
