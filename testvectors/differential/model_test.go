package differential

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"strings"
)

// val is a JSON value as a mutation sees it: members keep their order and may repeat, scalars keep their spelling, and a digest stands
// as a reference to its disclosure until everything is written.
type val struct {
	kind byte // o(bject), a(rray), s(tring), r(aw text), d(igest), h(ash of the presentation)
	mem  []mem
	el   []*val
	text string
	ref  *disc
}

type mem struct {
	name string
	raw  string // the spelling of the name, quotes included, if it is not the usual one
	v    *val
}

func str(s string) *val            { return &val{kind: 's', text: s} }
func raw(s string) *val            { return &val{kind: 'r', text: s} }
func arr(el ...*val) *val          { return &val{kind: 'a', el: el} }
func digestOf(d *disc) *val        { return &val{kind: 'd', ref: d} }
func obj(pairs ...any) *val        { o := &val{kind: 'o'}; o.add(pairs...); return o }
func placeholder(digest *val) *val { return obj("...", digest) }

func (v *val) add(pairs ...any) {
	for i := 0; i < len(pairs); i += 2 {
		v.mem = append(v.mem, mem{name: pairs[i].(string), v: pairs[i+1].(*val)})
	}
}

func (v *val) get(name string) *val {
	for _, m := range v.mem {
		if m.name == name {
			return m.v
		}
	}
	return nil
}

func (v *val) set(name string, to *val) {
	for i, m := range v.mem {
		if m.name == name {
			v.mem[i].v = to
			return
		}
	}
	v.add(name, to)
}

func (v *val) drop(name string) {
	kept := v.mem[:0:0]
	for _, m := range v.mem {
		if m.name != name {
			kept = append(kept, m)
		}
	}
	v.mem = kept
}

// disc is a disclosure.
type disc struct {
	salt, name, value *val // name is nil for an array element
	whole             *val // stands for the whole array, if the mutation wants something else
	style             style
	enc               spelling
	parent            *disc // whose value holds the digest; nil for the payload

	text string // written once, so that a digest and what is shown agree
}

// style is how a JSON text is written.
type style struct {
	space         string // between tokens
	escape        bool   // each character of a string as \uXXXX
	before, after string
}

// spelling is how bytes become base64url; anything but canonical is a fault.
type spelling int

const (
	canonical spelling = iota
	padded
	alphabet // the one with + and /
	tail     // bits behind the last byte that are not zero
	newline
	space
	foreign // a character of no alphabet
	stray   // a single character too many, in which no byte fits
	spellings
)

const alphabet64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

func (s spelling) encode(b []byte) string {
	text := base64.RawURLEncoding.EncodeToString(b)
	mid := len(text) / 2
	switch s {
	case padded:
		return base64.URLEncoding.EncodeToString(b)
	case alphabet:
		return base64.RawStdEncoding.EncodeToString(b)
	case tail:
		if len(text)%4 != 0 && len(text) > 0 {
			return text[:len(text)-1] + string(alphabet64[strings.IndexByte(alphabet64, text[len(text)-1])|1])
		}
	case newline:
		return text[:mid] + "\n" + text[mid:]
	case space:
		return text[:mid] + " " + text[mid:]
	case foreign:
		return text[:mid] + "é" + text[mid:]
	case stray:
		for len(text)%4 != 0 {
			text += "A"
		}
		return text + "A"
	}
	return text
}

// jwt is a JWS before it is written.
type jws struct {
	header, payload        *val
	headerStyle, bodyStyle style
	headerEnc, bodyEnc     spelling
	sigEnc                 spelling
	signer                 *signer
	sign                   func(sig []byte) []byte // changes the signature; nil leaves it
}

// presentation is everything that a mutation can change. write makes the text of it.
type presentation struct {
	vc, bound bool
	card, kb  jws
	noKB      bool
	hash      string  // that digests are taken with
	discs     []*disc // in the order of the presentation
	all       []*disc // those that the card has
	reencode  func(i int, text string) string
	edit      []func(text string) string // of the whole text, after everything was signed
	applied   []string                   // names of mutations
}

// signer signs in one algorithm, deterministically (RFC 6979, RFC 8032), so that a seed makes the same bytes each time.
type signer struct {
	sign  func(input string) []byte
	order *big.Int // of the curve
}

func es256(k *ecdsa.PrivateKey) *signer {
	return &signer{func(input string) []byte { return signES256(k, input) }, k.Params().N}
}

// Keys of everybody, for nothing else.
var (
	issuerKey, holderKey, thiefKey = fixedKey("issuer"), fixedKey("holder"), fixedKey("thief")
	issuer, holder, thief          = es256(issuerKey), es256(holderKey), es256(thiefKey)
)

func fixedKey(name string) *ecdsa.PrivateKey {
	d := sha256.Sum256([]byte("differential " + name))
	k, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), d[:])
	if err != nil {
		panic(err)
	}
	return k
}

func jwkOf(k *ecdsa.PrivateKey) (x, y string) {
	point, err := k.PublicKey.Bytes()
	if err != nil {
		panic(err)
	}
	e := base64.RawURLEncoding.EncodeToString
	return e(point[1:33]), e(point[33:])
}

func signES256(k *ecdsa.PrivateKey, input string) []byte {
	h := sha256.Sum256([]byte(input))
	return signDigest(k, crypto.SHA256, h[:], 32)
}

// signDigest returns r and s of size bytes each.
func signDigest(k *ecdsa.PrivateKey, h crypto.Hash, digest []byte, size int) []byte {
	der, err := k.Sign(nil, digest, h)
	if err != nil {
		panic(err)
	}
	r, s := readDER(der)
	sig := make([]byte, 2*size)
	r.FillBytes(sig[:size])
	s.FillBytes(sig[size:])
	return sig
}

// readDER reads a signature that the standard library has just written.
func readDER(der []byte) (r, s *big.Int) {
	n := int(der[3])
	return new(big.Int).SetBytes(der[4 : 4+n]), new(big.Int).SetBytes(der[6+n:])
}

func (p *presentation) write() string {
	for _, d := range p.all {
		d.text = ""
	}
	for _, d := range p.discs {
		d.text = ""
	}
	text := p.card.write(p, "") + "~"
	for i, d := range p.discs {
		one := p.disclosure(d)
		if p.reencode != nil {
			one = p.reencode(i, one)
		}
		text += one + "~"
	}
	if !p.noKB {
		text += p.kb.write(p, p.digest(text))
	}
	for _, edit := range p.edit {
		text = edit(text)
	}
	return text
}

func (j *jws) write(p *presentation, sdHash string) string {
	input := j.headerEnc.encode(p.json(j.header, j.headerStyle, sdHash)) + "." + j.bodyEnc.encode(p.json(j.payload, j.bodyStyle, sdHash))
	sig := j.signer.sign(input)
	if j.sign != nil {
		sig = j.sign(sig)
	}
	return input + "." + j.sigEnc.encode(sig)
}

func (p *presentation) disclosure(d *disc) string {
	if d.text == "" {
		d.text = "cycle" // what a digest of a disclosure that holds this digest is taken over
		whole := d.whole
		if whole == nil {
			whole = arr(d.salt)
			if d.name != nil {
				whole.el = append(whole.el, d.name)
			}
			whole.el = append(whole.el, d.value)
		}
		d.text = d.enc.encode(p.json(whole, d.style, ""))
	}
	return d.text
}

func (p *presentation) digest(text string) string {
	var sum []byte
	switch p.hash {
	case "sha-384":
		h := sha512.Sum384([]byte(text))
		sum = h[:]
	case "sha-512":
		h := sha512.Sum512([]byte(text))
		sum = h[:]
	default:
		h := sha256.Sum256([]byte(text))
		sum = h[:]
	}
	return base64.RawURLEncoding.EncodeToString(sum)
}

func (p *presentation) json(v *val, s style, sdHash string) []byte {
	var b strings.Builder
	b.WriteString(s.before)
	p.append(&b, v, s, sdHash)
	b.WriteString(s.after)
	return []byte(b.String())
}

func (p *presentation) append(b *strings.Builder, v *val, s style, sdHash string) {
	switch v.kind {
	case 'o':
		b.WriteString("{" + s.space)
		for i, m := range v.mem {
			if i > 0 {
				b.WriteString("," + s.space)
			}
			if m.raw != "" {
				b.WriteString(m.raw)
			} else {
				b.WriteString(s.quote(m.name))
			}
			b.WriteString(s.space + ":" + s.space)
			p.append(b, m.v, s, sdHash)
		}
		b.WriteString(s.space + "}")
	case 'a':
		b.WriteString("[" + s.space)
		for i, e := range v.el {
			if i > 0 {
				b.WriteString("," + s.space)
			}
			p.append(b, e, s, sdHash)
		}
		b.WriteString(s.space + "]")
	case 's':
		b.WriteString(s.quote(v.text))
	case 'r':
		b.WriteString(v.text)
	case 'd':
		b.WriteString(s.quote(p.digest(p.disclosure(v.ref)) + v.text))
	case 'h':
		b.WriteString(s.quote(sdHash + v.text))
	}
}

func (s style) quote(text string) string {
	if !s.escape {
		out, err := json.Marshal(text)
		if err != nil {
			panic(err)
		}
		return string(out)
	}
	const hex = "0123456789abcdef"
	var b strings.Builder
	b.WriteByte('"')
	unit := func(u uint16) {
		b.WriteString(`\u`)
		for shift := 12; shift >= 0; shift -= 4 {
			b.WriteByte(hex[u>>shift&15])
		}
	}
	for _, r := range text {
		if r > 0xffff {
			r -= 0x10000
			unit(uint16(0xd800 + r>>10))
			unit(uint16(0xdc00 + r&0x3ff))
		} else {
			unit(uint16(r))
		}
	}
	b.WriteByte('"')
	return b.String()
}
