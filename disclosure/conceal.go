package disclosure

import (
	"bytes"
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
	c, err := newConcealer(o)
	if err != nil {
		return nil, nil, err
	}
	if payload, err = c.run([]byte{'{'}, claims, o.Paths, nil); err != nil {
		return nil, nil, err
	}
	for d := range bytes.SplitSeq(c.texts, []byte{'~'}) {
		if len(d) > 0 {
			disclosures = append(disclosures, string(d))
		}
	}
	return payload, disclosures, nil
}

// ConcealBeside is Conceal for package credential: the payload is appended to before, which begins with "{" and ends in that or in the
// comma behind a member, and every disclosure has a "~" behind it. An error of refuse, which sees the names at the top level, is
// returned.
func ConcealBeside(_ strictjson.Inside, before, claims []byte, o ConcealOptions, refuse func(name strictjson.Value) error) (payload, disclosures []byte, err error) {
	c, err := newConcealer(o)
	if err != nil {
		return nil, nil, err
	}
	payload, err = c.run(before, claims, o.Paths, refuse)
	return payload, c.texts, err
}

func newConcealer(o ConcealOptions) (*concealer, error) {
	c := &concealer{decoys: max(o.Decoys, 0), hash: crypto.SHA256, rand: o.Rand}
	if o.Hash != "" {
		var ok bool
		if c.hash, ok = hashByName(o.Hash); !ok {
			return nil, &Error{Reason: HashUnsupported}
		}
	}
	if c.rand == nil {
		c.rand = rand.Reader
	}
	return c, nil
}

type concealer struct {
	hash   crypto.Hash
	decoys int
	rand   io.Reader
	pool   []byte // random bytes that were read and not used: one read serves many salts
	more   int    // how many to read the next time
	texts  []byte // the disclosures, each with a "~" behind it
	sums   []byte // digests of the objects that are being written, the innermost last
	text   []byte // one disclosure before it is encoded
	order  []int32
	// encode, if set, makes the disclosure of a claim; name is nil for an array element. Tests put published disclosures here.
	encode func(name, value []byte) (string, error)
	err    error
}

func (c *concealer) run(before, claims []byte, paths []Path, refuse func(strictjson.Value) error) ([]byte, error) {
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
	if refuse != nil {
		for name := range v.Pairs() {
			if err := refuse(name); err != nil {
				return nil, err
			}
		}
	}
	root, err := choose(paths)
	if err != nil {
		return nil, err
	}
	hidden := len(paths) + c.decoys
	c.more = hidden * saltBytes
	digest := encodedLen(c.hash.Size())
	c.texts = make([]byte, 0, base64.RawURLEncoding.EncodedLen(len(claims)+hidden*(saltBytes*4/3+8))+hidden)
	c.sums = make([]byte, 0, hidden*c.hash.Size())
	c.order = make([]int32, 0, hidden)
	c.text = make([]byte, 0, 160)
	out := c.object(slices.Grow(before, len(claims)+hidden*(digest+3)+64), v, []*choice{root}, true)
	if c.err != nil {
		return nil, c.err
	}
	return out, root.unmatched()
}

// value appends v with all that is concealed below it.
func (c *concealer) value(dst []byte, v strictjson.Value, choices []*choice) []byte {
	switch v.Kind() {
	case strictjson.Object:
		return c.object(append(dst, '{'), v, choices, false)
	case strictjson.Array:
		return c.array(dst, v, choices)
	}
	return append(dst, v.Raw()...)
}

// object appends the members of v and the closing brace.
func (c *concealer) object(dst []byte, v strictjson.Value, choices []*choice, top bool) []byte {
	from, before := len(c.sums), len(c.texts)
	comma := false // what ConcealBeside has written ends in one
	for name, val := range v.Pairs() {
		switch string(name.Characters()) {
		case "_sd", "...", "_sd_alg":
			c.fail(&Error{Reason: ReservedName})
		}
		sub, hide := named(choices, name)
		if hide {
			c.disclose(name.Raw(), c.inner(val, sub))
			continue
		}
		if comma {
			dst = append(dst, ',')
		}
		comma = true
		dst = append(append(dst, name.Raw()...), ':')
		dst = c.value(dst, val, sub)
	}
	if len(c.sums) > from || top {
		for range c.decoys {
			c.decoy()
		}
	}
	if len(c.sums) > from {
		if comma {
			dst = append(dst, ',')
		}
		comma = true
		dst = append(c.appendDigests(append(dst, `"_sd":[`...), from), ']')
	}
	if top && (len(c.texts) > before || len(c.sums) > from) {
		if comma {
			dst = append(dst, ',')
		}
		comma = true
		dst = append(append(append(dst, `"_sd_alg":"`...), hashName(c.hash)...), '"')
	}
	c.sums = c.sums[:from]
	if !comma && dst[len(dst)-1] == ',' {
		dst = dst[:len(dst)-1] // nothing came behind the members that were there before
	}
	return append(dst, '}')
}

// inner is value as a text of its own, without a copy where nothing is concealed in it.
func (c *concealer) inner(v strictjson.Value, choices []*choice) []byte {
	if v.Kind() == strictjson.Object || v.Kind() == strictjson.Array {
		return c.value(nil, v, choices)
	}
	return v.Raw()
}

// appendDigests appends the digests that were taken since from in an order that hides that of the claims (section 4.2.4.1).
func (c *concealer) appendDigests(dst []byte, from int) []byte {
	size := c.hash.Size()
	sums := c.sums[from:]
	c.order = c.order[:0]
	for i := 0; i < len(sums); i += size {
		c.order = append(c.order, int32(i))
	}
	slices.SortFunc(c.order, func(a, b int32) int { return bytes.Compare(sums[a:][:size], sums[b:][:size]) })
	for n, i := range c.order {
		if n > 0 {
			dst = append(dst, ',')
		}
		dst = append(base64.RawURLEncoding.AppendEncode(append(dst, '"'), sums[i:][:size]), '"')
	}
	return dst
}

func (c *concealer) array(dst []byte, v strictjson.Value, choices []*choice) []byte {
	dst = append(dst, '[')
	i, hidAny := 0, false
	for e := range v.Elements() {
		if i > 0 {
			dst = append(dst, ',')
		}
		sub, hide := indexed(choices, i)
		if hide {
			hidAny = true
			c.disclose(nil, c.inner(e, sub))
			dst = c.appendPlaceholder(dst)
		} else {
			dst = c.value(dst, e, sub)
		}
		i++
	}
	if hidAny {
		for range c.decoys {
			c.decoy()
			dst = c.appendPlaceholder(append(dst, ','))
		}
	}
	return append(dst, ']')
}

// appendPlaceholder takes the last digest away.
func (c *concealer) appendPlaceholder(dst []byte) []byte {
	last := len(c.sums) - c.hash.Size()
	dst = append(base64.RawURLEncoding.AppendEncode(append(dst, `{"...":"`...), c.sums[last:]), `"}`...)
	c.sums = c.sums[:last]
	return dst
}

// disclose makes a disclosure and appends its digest to sums.
func (c *concealer) disclose(name, value []byte) {
	from := len(c.texts)
	if c.encode != nil {
		d, err := c.encode(name, value)
		if err != nil {
			c.fail(err)
		}
		c.texts = append(c.texts, d...)
	} else {
		salt := c.random(saltBytes)
		c.text = base64.RawURLEncoding.AppendEncode(append(c.text[:0], `["`...), salt)
		c.text = append(c.text, `",`...)
		if name != nil {
			c.text = append(append(c.text, name...), ',')
		}
		c.text = append(append(c.text, value...), ']')
		c.texts = base64.RawURLEncoding.AppendEncode(c.texts, c.text)
	}
	sum := hashOf(c.hash, c.texts[from:])
	c.sums = append(c.sums, sum[:c.hash.Size()]...)
	c.texts = append(c.texts, '~')
}

// decoy appends a digest that no disclosure has (section 4.2.5).
func (c *concealer) decoy() {
	sum := hashOf(c.hash, c.random(c.hash.Size()))
	c.sums = append(c.sums, sum[:c.hash.Size()]...)
}

// random returns n random bytes, valid until the next call.
func (c *concealer) random(n int) []byte {
	if len(c.pool) < n {
		buf := make([]byte, max(n, c.more))
		have := copy(buf, c.pool)
		got, err := io.ReadAtLeast(c.rand, buf[have:], n-have)
		if err != nil {
			c.fail(&Error{Reason: RandomFailed})
			return make([]byte, n) // nothing of this is returned
		}
		c.pool, c.more = buf[:have+got], 512
	}
	out := c.pool[:n]
	c.pool = c.pool[n:]
	return out
}

func (c *concealer) fail(err error) {
	if c.err == nil {
		c.err = err
	}
}

func hashName(h crypto.Hash) string {
	switch h {
	case crypto.SHA384:
		return "sha-384"
	case crypto.SHA512:
		return "sha-512"
	}
	return "sha-256"
}
