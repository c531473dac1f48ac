package did

import (
	"errors"
	"strings"
)

// MaxLength bounds a DID and a DID URL, in bytes.
const MaxLength = 2048

// Parse reads a DID (DID Core 1.0 section 3.1). It allows no path, query or fragment, nothing but the characters of the grammar, and
// at most MaxLength bytes. The error is *Error with InvalidDID.
func Parse(s string) (DID, error) {
	if err := checkDID(s); err != nil {
		return DID{}, &Error{InvalidDID, err}
	}
	return DID{s}, nil
}

// IsZero reports whether d is the zero DID.
func (d DID) IsZero() bool { return d.s == "" }

// Method returns the method name, such as ethr.
func (d DID) Method() string {
	m, _, _ := strings.Cut(strings.TrimPrefix(d.s, "did:"), ":")
	return m
}

// SpecificID returns the method-specific id: what follows the method name and its colon.
func (d DID) SpecificID() string {
	_, id, _ := strings.Cut(strings.TrimPrefix(d.s, "did:"), ":")
	return id
}

// URL is a parsed DID URL (DID Core 1.0 section 3.2). The parts are as they were written, still percent-encoded; Query and Fragment
// stand without their delimiter, Path with its slash. It is comparable.
type URL struct {
	DID                   DID
	Path, Query, Fragment string

	emptyQuery, emptyFragment bool // the delimiter stands there with nothing after it
}

// ParseURL reads a DID URL. A DID is one. The error is *Error with InvalidDIDURL.
func ParseURL(s string) (URL, error) {
	u, err := parseURL(s)
	if err != nil {
		return URL{}, &Error{InvalidDIDURL, err}
	}
	return u, nil
}

func parseURL(s string) (URL, error) {
	if len(s) > MaxLength {
		return URL{}, errLong
	}
	var u URL
	rest, fragment, has := strings.Cut(s, "#")
	u.Fragment, u.emptyFragment = fragment, has && fragment == ""
	rest, query, has := strings.Cut(rest, "?")
	u.Query, u.emptyQuery = query, has && query == ""
	if i := strings.IndexByte(rest, '/'); i >= 0 {
		rest, u.Path = rest[:i], rest[i:]
	}
	if err := checkDID(rest); err != nil {
		return URL{}, err
	}
	u.DID = DID{rest}
	// RFC 3986: path-abempty is segments of pchar, query and fragment may hold "/" and "?" too.
	if !check(u.Path, pchar|slash) || !check(u.Query, pchar|slash|question) || !check(u.Fragment, pchar|slash|question) {
		return URL{}, errChar
	}
	return u, nil
}

// String returns the URL as it was parsed.
func (u URL) String() string {
	s := u.DID.s + u.Path
	if u.Query != "" || u.emptyQuery {
		s += "?" + u.Query
	}
	if u.Fragment != "" || u.emptyFragment {
		s += "#" + u.Fragment
	}
	return s
}

// Errors never quote the input: a header of a presentation may be all that it is.
var (
	errLong   = errors.New("longer than 2048 bytes")
	errScheme = errors.New("the scheme is not did")
	errMethod = errors.New("the method name is not lower-case letters and digits")
	errID     = errors.New("the method-specific id is empty or ends in a colon")
	errChar   = errors.New("a character that the grammar does not allow, or a bad percent-encoding")
)

// checkDID follows the ABNF of DID Core 1.0 section 3.1:
//
//	did                = "did:" method-name ":" method-specific-id
//	method-name        = 1*method-char                   ; lower-case letters and digits
//	method-specific-id = *( *idchar ":" ) 1*idchar       ; letters, digits, ".", "-", "_", percent-encoded
func checkDID(s string) error {
	if len(s) > MaxLength {
		return errLong
	}
	rest, ok := strings.CutPrefix(s, "did:")
	if !ok {
		return errScheme
	}
	method, id, ok := strings.Cut(rest, ":")
	if !ok || method == "" {
		return errMethod
	}
	for i := range len(method) {
		if c := method[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			return errMethod
		}
	}
	if id == "" || id[len(id)-1] == ':' {
		return errID
	}
	if !check(id, idchar|colon) {
		return errChar
	}
	return nil
}

// Classes of characters.
const (
	idchar   = 1 << iota // ALPHA DIGIT . - _
	colon                // :
	pcharX               // what pchar has beyond idchar: ~ sub-delims : @
	slash                // /
	question             // ?

	pchar = idchar | pcharX
)

var classes = func() (t [256]uint8) {
	for c := range 256 {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '.', c == '-', c == '_':
			t[c] = idchar
		case c == ':':
			t[c] = colon | pcharX
		case c < 128 && strings.IndexByte("~!$&'()*+,;=@", byte(c)) >= 0:
			t[c] = pcharX
		case c == '/':
			t[c] = slash
		case c == '?':
			t[c] = question
		}
	}
	return t
}()

// check reports whether s consists of characters of the allowed classes and of percent-encoded octets.
func check(s string, allowed uint8) bool {
	for i := 0; i < len(s); i++ {
		if s[i] == '%' {
			if i+2 >= len(s) || !isHex(s[i+1]) || !isHex(s[i+2]) {
				return false
			}
			i += 2
			continue
		}
		if classes[s[i]]&allowed == 0 {
			return false
		}
	}
	return true
}

// isHex allows lower case too: RFC 3986 section 2.1 calls both equivalent.
func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}
