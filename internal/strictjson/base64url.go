package strictjson

import (
	"bytes"
	"encoding/base64"
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

// Inside is an argument that only packages of this module can name. Methods that give a look at unverified content demand it, so
// that a user of the library cannot call them by accident.
type Inside struct{}
