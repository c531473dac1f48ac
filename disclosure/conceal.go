package disclosure

import (
	"bytes"
	"cmp"
	"crypto"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"io"
	"slices"
	"sync"

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
	c := concealers.Get().(*concealer)
	defer c.release()
	if err := c.run([]byte{'{'}, claims, o, nil); err != nil {
		return nil, nil, err
	}
	for d := range bytes.SplitSeq(c.texts, []byte{'~'}) {
		if len(d) > 0 {
			disclosures = append(disclosures, string(d))
		}
	}
	return bytes.Clone(c.payload), disclosures, nil
}

// ConcealBeside is Conceal for package credential, which gets a whole card in one piece of memory: head, the payload encoded, room bytes
// for a signature, and the disclosures, each with a "~" behind it. The signature belongs at text[signed:]. The payload begins with
// before, which begins with "{" and ends in that or in the comma behind a member. An error of refuse, which sees the names at the top
// level, is returned.
func ConcealBeside(_ strictjson.Inside, head, before, claims []byte, o ConcealOptions, refuse func(name strictjson.Value) error, room int) (text []byte, signed int, err error) {
	c := concealers.Get().(*concealer)
	defer c.release()
	if err := c.run(before, claims, o, refuse); err != nil {
		return nil, 0, err
	}
	signed = len(head) + base64.RawURLEncoding.EncodedLen(len(c.payload))
	text = make([]byte, signed+room+len(c.texts))
	strictjson.AppendAsBase64URL(append(text[:0], head...), c.payload)
	copy(text[signed+room:], c.texts)
	return text, signed, nil
}

// concealers are used again and again, because a nation's cards are made with the same few buffers. None of their memory is reachable
// from a result, and what one citizen's card left in it is wiped before it goes back.
var concealers = sync.Pool{New: func() any { return new(concealer) }}

type concealer struct {
	hash    crypto.Hash
	decoys  int
	rand    io.Reader
	random  []byte // what was read from rand: one read serves many salts
	unused  []byte // the part of it that was not used
	more    int    // how many to read the next time
	payload []byte
	texts   []byte // the disclosures, each with a "~" behind it
	sums    []byte // digests of the objects that are being written, the innermost last
	text    []byte // one disclosure before it is encoded
	order   []place
	tape    strictjson.Tape
	plan    plan
	// encode, if set, makes the disclosure of a claim; name is nil for an array element. Tests put published disclosures here.
	encode func(name, value []byte) (string, error)
	err    error
}

// release wipes what c wrote and gives it back, unless it is so large that few would need it.
func (c *concealer) release() {
	const most = 64 << 10
	if cap(c.payload)+cap(c.texts) > most || len(c.plan.nodes) > most/64 {
		return
	}
	clear(c.payload)
	clear(c.texts)
	clear(c.random)
	clear(c.text[:cap(c.text)])
	clear(c.sums[:cap(c.sums)])
	c.tape.Reset(nil)
	c.rand, c.encode, c.err = nil, nil, nil
	concealers.Put(c)
}

// run makes payload and texts.
func (c *concealer) run(before, claims []byte, o ConcealOptions, refuse func(strictjson.Value) error) error {
	c.payload, c.texts, c.sums, c.unused = c.payload[:0], c.texts[:0], c.sums[:0], nil // nothing of the last run, even if it panicked
	c.decoys, c.hash, c.rand, c.err = max(o.Decoys, 0), crypto.SHA256, o.Rand, nil
	if o.Hash != "" {
		var ok bool
		if c.hash, ok = hashByName(o.Hash); !ok {
			return &Error{Reason: HashUnsupported}
		}
	}
	if c.rand == nil {
		c.rand = rand.Reader
	}
	depth := strictjson.DefaultDepth
	if len(o.Paths) > 0 || c.decoys > 0 {
		depth-- // the digests of the innermost claims stand one level deeper, and readers have the same bound
	}
	c.tape.Reset(claims)
	v, err := c.tape.Parse(0, len(claims), strictjson.Limits{Bytes: 1 << 30, Depth: depth})
	if err != nil {
		return jsonReason(err)
	}
	if v.Kind() != strictjson.Object {
		return &Error{Reason: NothingToConceal}
	}
	if refuse != nil {
		for name := range v.Pairs() {
			if err := refuse(name); err != nil {
				return err
			}
		}
	}
	root, err := c.plan.root(o.Paths)
	if err != nil {
		return err
	}
	hidden := len(o.Paths) + c.decoys
	c.more = hidden * saltBytes
	digest := encodedLen(c.hash.Size())
	c.texts = slices.Grow(c.texts, base64.RawURLEncoding.EncodedLen(len(claims)+hidden*(saltBytes*4/3+8))+hidden)
	c.sums = slices.Grow(c.sums, hidden*c.hash.Size())
	c.payload = append(slices.Grow(c.payload, len(before)+len(claims)+hidden*(digest+3)+64), before...)
	c.payload = c.object(c.payload, v, []*choice{root}, true)
	if c.err != nil {
		return c.err
	}
	return root.unmatched()
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
		c.order = append(c.order, place{binary.BigEndian.Uint64(sums[i:]), i})
	}
	slices.SortFunc(c.order, func(a, b place) int {
		if a.begins == b.begins {
			return bytes.Compare(sums[a.at:][:size], sums[b.at:][:size])
		}
		return cmp.Compare(a.begins, b.begins)
	})
	for n, p := range c.order {
		if n > 0 {
			dst = append(dst, ',')
		}
		dst = append(strictjson.AppendAsBase64URL(append(dst, '"'), sums[p.at:][:size]), '"')
	}
	return dst
}

// place is where a digest stands, with its first bytes, by which nearly all are told apart.
type place struct {
	begins uint64
	at     int
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
	dst = append(strictjson.AppendAsBase64URL(append(dst, `{"...":"`...), c.sums[last:]), `"}`...)
	c.sums = c.sums[:last]
	return dst
}

// disclose makes a disclosure and appends its digest to sums. It works on variables of its own, because c lives long and the garbage
// collector notes each pointer that is put into it.
func (c *concealer) disclose(name, value []byte) {
	texts := c.texts
	from := len(texts)
	if c.encode != nil {
		d, err := c.encode(name, value)
		if err != nil {
			c.fail(err)
		}
		texts = append(texts, d...)
	} else {
		text := strictjson.AppendAsBase64URL(append(c.text[:0], `["`...), c.salt(saltBytes))
		text = append(text, `",`...)
		if name != nil {
			text = append(append(text, name...), ',')
		}
		text = append(append(text, value...), ']')
		texts = strictjson.AppendAsBase64URL(texts, text)
		c.text = text
	}
	sum := hashOf(c.hash, texts[from:])
	c.sums = append(c.sums, sum[:c.hash.Size()]...)
	c.texts = append(texts, '~')
}

// decoy appends a digest that no disclosure has (section 4.2.5).
func (c *concealer) decoy() {
	sum := hashOf(c.hash, c.salt(c.hash.Size()))
	c.sums = append(c.sums, sum[:c.hash.Size()]...)
}

// salt returns n random bytes, valid until the next call.
func (c *concealer) salt(n int) []byte {
	if len(c.unused) < n {
		size := max(n, c.more)
		buf := slices.Grow(c.random[:0], size)[:size]
		have := copy(buf, c.unused)
		got, err := io.ReadAtLeast(c.rand, buf[have:], n-have)
		if err != nil {
			c.fail(&Error{Reason: RandomFailed})
			return make([]byte, n) // nothing of this is returned
		}
		c.random, c.unused, c.more = buf, buf[:have+got], 512
	}
	out := c.unused[:n]
	c.unused = c.unused[n:]
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
