package strictjson

import "encoding/base64"

// urlAlphabet marks the 64 characters of base64url (RFC 4648 section 5).
var urlAlphabet = func() (ok [256]bool) {
	for _, c := range []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") {
		ok[c] = true
	}
	return ok
}()

var canonical = base64.RawURLEncoding.Strict()

// IsBase64URL tells whether every byte is of the base64url alphabet and the length is possible. The standard decoder skips line
// breaks, so that one text would have several spellings; this does not.
func IsBase64URL(text []byte) bool {
	for _, c := range text {
		if !urlAlphabet[c] {
			return false
		}
	}
	return len(text)%4 != 1
}

// AppendBase64URL appends the bytes that text encodes. It accepts exactly one spelling of them: base64url without padding, without
// white space, with zero bits in the tail (RFC 7515 section 2, RFC 4648 section 3.5).
func AppendBase64URL(dst, text []byte) ([]byte, bool) {
	if !IsBase64URL(text) {
		return dst, false
	}
	out, err := canonical.AppendDecode(dst, text)
	return out, err == nil
}

// Inside is an argument that only packages of this module can name. Methods that give a look at unverified content demand it, so
// that a user of the library cannot call them by accident.
type Inside struct{}
