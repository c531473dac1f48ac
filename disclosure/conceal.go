package disclosure

import (
	"bufio"
	"crypto"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"io"
	"slices"

	"github.com/khyer/khyer/internal/strictjson"
)

// ConcealOptions says what an issuer conceals.
type ConcealOptions struct {
	// Paths of the claims that become selectively disclosable. A claim may be listed together with claims inside it, which makes
	// recursive disclosures (RFC 9901 section 4.2.6).
	Paths []Path
	// Decoys is the number of decoy digests that are added wherever claims are concealed, and at the top level (section 4.2.5).
	Decoys int
	// Hash is sha-256 (also if empty), sha-384 or sha-512.
	Hash string
	// Rand is where salts come from. Leave it nil for crypto/rand; anything else is for tests that need the same card twice.
	Rand io.Reader
}

// saltBytes is the 128 bits that RFC 9901 section 9.3 recommends.
const saltBytes = 16

// Conceal replaces the claims that o names by digests and returns the payload to be signed and the disclosures, base64url as they
// travel. Other claims keep their bytes. The order of the digests tells nothing of the order of the claims.
//
// Claims must be a JSON object without the reserved names _sd, _sd_alg and "..."; each path must point to something. Errors are
// *Error.
func Conceal(claims json.RawMessage, o ConcealOptions) (payload json.RawMessage, disclosures []string, err error) {
	c := &concealer{decoys: o.Decoys, hash: crypto.SHA256}
	if o.Hash != "" {
		var ok bool
		if c.hash, ok = hashByName(o.Hash); !ok {
			return nil, nil, &Error{Reason: HashUnsupported}
		}
	}
	if o.Rand == nil {
		o.Rand = rand.Reader
	}
	c.rand = bufio.NewReaderSize(o.Rand, 512) // one read of randomness serves many salts
	c.encode = c.withSalt
	payload, err = c.run(claims, o.Paths)
	return payload, c.disclosures, err
}

// choice is a set of paths as a tree.
type choice struct {
	hide     bool
	matched  bool
	path     Path
	children map[any]*choice
}

func (n *choice) add(p Path) error {
	if err := p.Check(); err != nil {
		return err
	}
	at := n
	for _, e := range p {
		if at.children == nil {
			at.children = map[any]*choice{}
		}
		next := at.children[e]
		if next == nil {
			next = &choice{}
			at.children[e] = next
		}
		at = next
	}
	at.hide, at.path = true, p
	return nil
}

type concealer struct {
	hash        crypto.Hash
	decoys      int
	rand        io.Reader
	disclosures []string
	// encode makes the disclosure of a claim; name is nil for an array element. Tests put published disclosures here.
	encode func(name, value []byte) (string, error)
	err    error
}

func (c *concealer) run(claims []byte, paths []Path) ([]byte, error) {
	depth := strictjson.DefaultDepth
	if len(paths) > 0 || c.decoys > 0 {
		depth-- // the digests of the innermost claims stand one level deeper, and readers have the same bound
	}
	v, err := strictjson.Parse(claims, strictjson.Limits{Bytes: 1 << 30, Depth: depth})
	if err != nil {
		return nil, jsonReason(err)
	}
	if v.Kind() != strictjson.Object {
		return nil, &Error{Reason: NothingToConceal}
	}
	root := &choice{}
	for _, p := range paths {
		if err := root.add(p); err != nil {
			return nil, err
		}
	}
	out := c.object(make([]byte, 0, len(claims)+64*len(paths)+64), v, []*choice{root}, true)
	if c.err != nil {
		return nil, c.err
	}
	return out, unmatched(root)
}

func unmatched(n *choice) error {
	if n.hide && !n.matched {
		return &Error{Reason: NoSuchClaim, Path: n.path}
	}
	for _, child := range n.children {
		if err := unmatched(child); err != nil {
			return err
		}
	}
	return nil
}

// below returns what the choices say of one child, and whether it is to be hidden itself.
func below(choices []*choice, keys ...any) (sub []*choice, hide bool) {
	for _, n := range choices {
		for _, k := range keys {
			if child := n.children[k]; child != nil {
				child.matched = true
				hide = hide || child.hide
				sub = append(sub, child)
			}
		}
	}
	return sub, hide
}

// value appends v with all that is concealed below it.
func (c *concealer) value(dst []byte, v strictjson.Value, choices []*choice) []byte {
	switch v.Kind() {
	case strictjson.Object:
		return c.object(dst, v, choices, false)
	case strictjson.Array:
		return c.array(dst, v, choices)
	}
	return append(dst, v.Raw()...)
}

func (c *concealer) object(dst []byte, v strictjson.Value, choices []*choice, top bool) []byte {
	before := len(c.disclosures)
	var digests []string
	dst = append(dst, '{')
	first := true
	for name, val := range v.Pairs() {
		text, _ := name.Text()
		if text == "_sd" || text == "..." || text == "_sd_alg" {
			c.fail(&Error{Reason: ReservedName})
		}
		sub, hide := below(choices, text)
		if hide {
			digests = append(digests, c.disclose(name.Raw(), c.value(nil, val, sub)))
			continue
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = append(append(dst, name.Raw()...), ':')
		dst = c.value(dst, val, sub)
	}
	if len(digests) > 0 || top {
		for range c.decoys {
			digests = append(digests, c.decoy())
		}
	}
	if len(digests) > 0 {
		slices.Sort(digests) // section 4.2.4.1: hides the order of the claims
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = append(dst, `"_sd":["`...)
		for i, d := range digests {
			if i > 0 {
				dst = append(dst, `","`...)
			}
			dst = append(dst, d...)
		}
		dst = append(dst, `"]`...)
	}
	if top && (len(c.disclosures) > before || len(digests) > 0) {
		if !first {
			dst = append(dst, ',')
		}
		dst = append(append(append(dst, `"_sd_alg":"`...), hashName(c.hash)...), '"')
	}
	return append(dst, '}')
}

func (c *concealer) array(dst []byte, v strictjson.Value, choices []*choice) []byte {
	dst = append(dst, '[')
	i, hidAny := 0, false
	for e := range v.Elements() {
		if i > 0 {
			dst = append(dst, ',')
		}
		sub, hide := below(choices, i, nil)
		if hide {
			hidAny = true
			dst = appendPlaceholder(dst, c.disclose(nil, c.value(nil, e, sub)))
		} else {
			dst = c.value(dst, e, sub)
		}
		i++
	}
	if hidAny {
		for range c.decoys {
			dst = appendPlaceholder(append(dst, ','), c.decoy())
		}
	}
	return append(dst, ']')
}

func appendPlaceholder(dst []byte, digest string) []byte {
	return append(append(append(dst, `{"...":"`...), digest...), `"}`...)
}

// disclose makes a disclosure and returns its digest.
func (c *concealer) disclose(name, value []byte) string {
	d, err := c.encode(name, value)
	if err != nil {
		c.fail(err)
		return ""
	}
	c.disclosures = append(c.disclosures, d)
	h := hashOf(c.hash, []byte(d))
	return encode(h[:c.hash.Size()])
}

func (c *concealer) withSalt(name, value []byte) (string, error) {
	var salt [saltBytes]byte
	if _, err := io.ReadFull(c.rand, salt[:]); err != nil {
		return "", &Error{Reason: RandomFailed}
	}
	text := make([]byte, 0, len(name)+len(value)+encodedLen(saltBytes)+6)
	text = append(text, `["`...)
	text = base64.RawURLEncoding.AppendEncode(text, salt[:])
	text = append(text, `",`...)
	if name != nil {
		text = append(append(text, name...), ',')
	}
	return encode(append(append(text, value...), ']')), nil
}

// decoy returns a digest that no disclosure has (section 4.2.5).
func (c *concealer) decoy() string {
	seed := make([]byte, c.hash.Size())
	if _, err := io.ReadFull(c.rand, seed); err != nil {
		c.fail(&Error{Reason: RandomFailed})
	}
	h := hashOf(c.hash, seed)
	return encode(h[:c.hash.Size()])
}

func (c *concealer) fail(err error) {
	if c.err == nil {
		c.err = err
	}
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func hashName(h crypto.Hash) string {
	switch h {
	case crypto.SHA384:
		return "sha-384"
	case crypto.SHA512:
		return "sha-512"
	}
	return "sha-256"
}
