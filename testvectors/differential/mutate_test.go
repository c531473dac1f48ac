package differential

import (
	"encoding/asn1"
	"math/big"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
)

// mutation changes a presentation before it is written and signed, so that a fault inside the signed part is the only fault.
type mutation struct {
	name string
	do   func(r *rand.Rand, p *presentation)
}

// mutations by what they touch.
var mutations = slices.Concat(headerMutations, payloadMutations, digestMutations, disclosureMutations, bindingMutations, textMutations)

// anyJWT picks the card or the key binding.
func anyJWT(r *rand.Rand, p *presentation) *jws {
	if !p.noKB && r.IntN(2) == 0 {
		return &p.kb
	}
	return &p.card
}

func odd(r *rand.Rand) *val {
	return pick(r, raw("null"), raw("0"), raw("1"), raw("true"), raw("false"), str(""), str("x"), arr(), obj(), arr(str("ES256")), raw("1e3"), raw("-1"))
}

// oddTexts are JSON values that readers disagree about.
func oddValue(r *rand.Rand) *val {
	switch r.IntN(10) {
	case 0:
		return raw(pick(r, "9007199254740993", "12345678901234567890123", "1.10", "0.1", "1e400", "-1e400", "1e-400", "-0", "1.7976931348623157e308", "5e-324", "1E+2"))
	case 1:
		return nested(pick(r, 5, 25, 29, 30, 31, 32, 33, 40), r.IntN(2) == 0)
	case 2:
		return raw(pick(r, `"\ud800"`, `"\udc00\ud800"`, `"\ud83d\ude00"`, `"\u0000"`, `"\\ud800"`, `"a\ud83d"`, `"\ud83d\u0041"`, `"\ud83dA"`))
	case 3:
		return raw(pick(r, "\"\xff\"", "\"\xc0\xaf\"", "\"\xed\xa0\x80\""))
	case 4:
		return raw(pick(r, `{"a":1,"a":2}`, `{"a":1,"\u0061":2}`, `[{"a":{"b":1,"b":1}}]`))
	case 5:
		return raw(pick(r, "01", "+1", ".5", "1.", "NaN", "Infinity", "'x'", "[1,]", "{\"a\":1,}", "\"\t\"", "tru", "{a:1}", "/**/1", "\"\\x\""))
	case 6:
		return obj(pick(r, "__proto__", "constructor", "toString", "", "_SD", "_sd ", "....", "..", "_sd_jwt"), pick(r, obj("a", raw("1")), str("x"), raw("null")))
	case 7:
		return arr(arr(), obj(), arr(obj()), raw("null"))
	case 8:
		return str(strings.Repeat("ཨ", pick(r, 1, 50, 400)))
	default:
		return str(pick(r, "\ufeff", "\u2028\u2029", "e\u0301", "é", "\U0010ffff", "a\u202eb", "~", "eyJ~eyJ."))
	}
}

func nested(n int, object bool) *val {
	v := raw("1")
	for range n {
		if object {
			v = obj("d", v)
		} else {
			v = arr(v)
		}
	}
	return v
}

// each calls f for every object in v, through disclosures too.
func each(v *val, f func(o *val)) {
	switch v.kind {
	case 'o':
		f(v)
		for _, m := range v.mem {
			each(m.v, f)
		}
	case 'a':
		for _, e := range v.el {
			each(e, f)
		}
	}
}

// objects lists the objects of the payload and of all disclosed values, except placeholders.
func (p *presentation) objects() (out []*val) {
	add := func(o *val) {
		if o.get("...") == nil {
			out = append(out, o)
		}
	}
	each(p.card.payload, add)
	for _, d := range p.all {
		if d.value != nil {
			each(d.value, add)
		}
	}
	return out
}

func (p *presentation) arrays() (out []*val) {
	var walk func(v *val)
	walk = func(v *val) {
		if v.kind == 'a' {
			out = append(out, v)
		}
		for _, e := range v.el {
			walk(e)
		}
		for _, m := range v.mem {
			if m.name != "_sd" {
				walk(m.v)
			}
		}
	}
	walk(p.card.payload)
	for _, d := range p.all {
		if d.value != nil {
			walk(d.value)
		}
	}
	return out
}

// sds lists the _sd arrays.
func (p *presentation) sds() (out []*val) {
	for _, o := range p.objects() {
		if sd := o.get("_sd"); sd != nil && sd.kind == 'a' {
			out = append(out, sd)
		}
	}
	return out
}

// claims lists the places of claims that are no registered ones: a pointer to each value.
func (p *presentation) claims() (out []**val) {
	for _, o := range p.objects() {
		for i := range o.mem {
			if m := &o.mem[i]; (o != p.card.payload || !slices.Contains(plain, m.name)) && m.name != "_sd" && m.name != "_sd_alg" && m.name != "..." && m.name != "iat" {
				out = append(out, &m.v)
			}
		}
	}
	for _, d := range p.all {
		if d.value != nil {
			out = append(out, &d.value)
		}
	}
	return out
}

// reveal conceals a value at the payload's top level and shows it.
func (p *presentation) reveal(r *rand.Rand, name string, v *val) *disc {
	d := p.disc(r, nil)
	d.name, d.value = str(name), v
	p.link(p.card.payload, d)
	p.discs = append(p.discs, d)
	return d
}

func (p *presentation) link(o *val, d *disc) {
	if sd := o.get("_sd"); sd != nil && sd.kind == 'a' {
		sd.el = append(sd.el, digestOf(d))
		return
	}
	o.set("_sd", arr(digestOf(d)))
}

var headerMutations = []mutation{
	{"header: duplicate member", func(r *rand.Rand, p *presentation) {
		h := anyJWT(r, p).header
		if len(h.mem) == 0 {
			return
		}
		m := pick(r, h.mem...)
		if r.IntN(2) == 0 {
			m.v = pick(r, odd(r), str("none"), str("kb+jwt"), str("HS256"))
		}
		if r.IntN(2) == 0 {
			m.raw = `"\u00` + strconv.FormatInt(int64(m.name[0]), 16) + m.name[1:] + `"`
		}
		h.mem = slices.Insert(h.mem, r.IntN(len(h.mem)+1), m)
	}},
	{"header: another case", func(r *rand.Rand, p *presentation) {
		anyJWT(r, p).header.add(pick(r, "ALG", "Alg", "TYP", "Kid", "CRIT", "B64", "JWK", "x5C"), pick(r, str("none"), str("ES256"), arr(str("exp")), obj()))
	}},
	{"header: escaped name", func(r *rand.Rand, p *presentation) {
		h := anyJWT(r, p).header
		if len(h.mem) == 0 {
			return
		}
		i := r.IntN(len(h.mem))
		h.mem[i].raw = `"\u00` + strconv.FormatInt(int64(h.mem[i].name[0]), 16) + h.mem[i].name[1:] + `"`
	}},
	{"header: crit", func(r *rand.Rand, p *presentation) {
		anyJWT(r, p).header.add(pick(r, "crit", "b64"), pick(r, arr(str("exp")), arr(), arr(str("b64")), raw("true"), raw("false"), raw("null"), arr(str("alg"))))
	}},
	{"header: member dropped", func(r *rand.Rand, p *presentation) {
		anyJWT(r, p).header.drop(pick(r, "alg", "typ", "kid"))
	}},
	{"header: member of another type", func(r *rand.Rand, p *presentation) {
		anyJWT(r, p).header.set(pick(r, "alg", "typ", "kid"), odd(r))
	}},
	{"header: alg", func(r *rand.Rand, p *presentation) {
		anyJWT(r, p).header.set("alg", str(pick(r, "none", "None", "HS256", "ES384", "ES256K", "EdDSA", "RS256", "es256", "ES256 ", "ES512")))
	}},
	{"header: typ", func(r *rand.Rand, p *presentation) {
		anyJWT(r, p).header.set("typ", str(pick(r, "kb+jwt", "dc+sd-jwt", "vc+sd-jwt", "DC+SD-JWT", "application/dc+sd-jwt", "JWT", "KB+JWT", "kb+jwt ", "application/kb+jwt")))
	}},
	{"header: key material", func(r *rand.Rand, p *presentation) {
		anyJWT(r, p).header.add(pick(r, "x5c", "jwk", "jku", "x5u", "x5t", "nonce", "cty", "iss"), odd(r))
	}},
	{"header: whole", func(r *rand.Rand, p *presentation) { anyJWT(r, p).header = odd(r) }},
	{"header: text around", func(r *rand.Rand, p *presentation) { anyJWT(r, p).headerStyle = oddStyle(r) }},
	{"header: spelling", func(r *rand.Rand, p *presentation) { anyJWT(r, p).headerEnc = spelling(r.IntN(int(spellings))) }},
	{"header: odd value", func(r *rand.Rand, p *presentation) { anyJWT(r, p).header.add("x", oddValue(r)) }},
	{"signature: by another", func(r *rand.Rand, p *presentation) { anyJWT(r, p).signer = pick(r, thief, holder, issuer) }},
	{"signature: spelling", func(r *rand.Rand, p *presentation) { anyJWT(r, p).sigEnc = spelling(r.IntN(int(spellings))) }},
	{"signature: form", func(r *rand.Rand, p *presentation) { j := anyJWT(r, p); j.sign = signatureForm(r, j.signer.order) }},
}

func oddStyle(r *rand.Rand) style {
	return pick(r, style{space: " "}, style{space: "\n\t\r "}, style{escape: true}, style{before: "\ufeff"}, style{before: "\n "}, style{after: "\n "},
		style{after: "x"}, style{after: "{}"}, style{after: "\x00"}, style{before: "\x00"}, style{space: "\u00a0"}, style{after: ","}, style{space: "\f"})
}

// signatureForm is one of the ways to write a signature; the one with the other s is as valid as the first (RFC 7518 section 3.4).
func signatureForm(r *rand.Rand, order *big.Int) func([]byte) []byte {
	k, at := r.IntN(9), r.IntN(64)
	return func(sig []byte) []byte {
		out, n := slices.Clone(sig), len(sig)/2
		first, second := new(big.Int).SetBytes(sig[:n]), new(big.Int).SetBytes(sig[n:])
		switch k {
		case 0:
			if other := new(big.Int).Sub(order, second); other.Sign() > 0 && other.BitLen() <= 8*n {
				other.FillBytes(out[n:])
			}
		case 1:
			out[at] ^= 1
		case 2:
			return out[:2*n-1]
		case 3:
			return append(out, 0)
		case 4:
			return make([]byte, 2*n)
		case 5:
			der, err := asn1.Marshal([]*big.Int{first, second})
			if err != nil {
				panic(err)
			}
			return der
		case 6:
			return append(append([]byte{0}, sig[:n]...), append([]byte{0}, sig[n:]...)...)
		case 7:
			return append(out[n:], sig[:n]...)
		case 8: // the same residue, a second spelling
			if second.Add(second, order); second.BitLen() <= 8*n {
				second.FillBytes(out[n:])
			}
		}
		return out
	}
}

var times = []string{"1769999669", "1769999670", "1769999671", "1769999969", "1769999970", "1769999970.5", "1769999971", "1770000000", "1770000029",
	"1770000030", "1770000030.5", "1770000031", "1.77e9", "1770000000.0", "0", "-1", "-0", "1e10", "253402300799", "253402300800", "1e308", "1e400",
	"\"1780000000\"", "null", "true", "[]", "{}", "1780000000000"}

var payloadMutations = []mutation{
	{"payload: duplicate member", func(r *rand.Rand, p *presentation) {
		o := pick(r, p.objects()...)
		if len(o.mem) == 0 {
			return
		}
		m := pick(r, o.mem...)
		if r.IntN(2) == 0 {
			m.v = odd(r)
		}
		o.mem = slices.Insert(o.mem, r.IntN(len(o.mem)+1), m)
	}},
	{"payload: registered claim of another type", func(r *rand.Rand, p *presentation) {
		p.card.payload.set(pick(r, "iss", "exp", "nbf", "iat", "vct", "cnf", "aud", "sub", "status", "jti"), odd(r))
	}},
	{"payload: registered claim dropped", func(r *rand.Rand, p *presentation) {
		p.card.payload.drop(pick(r, "iss", "exp", "iat", "vct", "cnf"))
	}},
	{"payload: time", func(r *rand.Rand, p *presentation) {
		p.card.payload.set(pick(r, "exp", "nbf", "iat"), raw(pick(r, times...)))
	}},
	{"payload: registered claim concealed", func(r *rand.Rand, p *presentation) {
		name := pick(r, "iss", "exp", "nbf", "iat", "vct", "cnf", "aud", "sub", "status", "vct#integrity")
		v := p.card.payload.get(name)
		if slices.Contains([]string{"exp", "nbf", "iat"}, name) {
			v = raw(pick(r, times...))
		} else if v == nil || r.IntN(3) == 0 {
			v = pick(r, raw(pick(r, times...)), str(audience), arr(str(audience)), str("x"))
		}
		p.card.payload.drop(name)
		p.reveal(r, name, v)
	}},
	{"payload: part of a registered claim concealed", func(r *rand.Rand, p *presentation) {
		o := p.card.payload.get("cnf")
		if o == nil || r.IntN(3) == 0 {
			o = obj()
			p.card.payload.set(pick(r, "status", "aud", "iss", "aka_vcts"), pick(r, o, arr(o)))
		}
		if o.kind != 'o' {
			return
		}
		d := p.disc(r, nil)
		d.name, d.value = str("x"), odd(r)
		if jwk := o.get("jwk"); jwk != nil && r.IntN(2) == 0 {
			o.drop("jwk")
			d.name, d.value = str("jwk"), jwk
		}
		p.link(o, d)
		if r.IntN(2) == 0 {
			p.discs = append(p.discs, d)
		}
	}},
	{"payload: aud", func(r *rand.Rand, p *presentation) {
		d := p.disc(r, nil)
		d.value = str(pick(r, audience, "https://other.example"))
		hidden := placeholder(digestOf(d))
		v := pick(r, str(audience), str("https://other.example"), arr(str(audience)), arr(str("a"), str(audience)), arr(), arr(raw("1")), str(""), hidden, arr(hidden), arr(str(audience), hidden))
		p.card.payload.set("aud", v)
		if (v.kind == 'a' && slices.Contains(v.el, hidden)) && r.IntN(2) == 0 {
			p.discs = append(p.discs, d)
		}
	}},
	{"payload: aka_vcts", func(r *rand.Rand, p *presentation) {
		p.card.payload.set("aka_vcts", pick(r, arr(), arr(str("https://registry.example/types/being")), arr(str(typeID)), arr(str("")), arr(raw("1")), str("x"), odd(r)))
	}},
	{"payload: status", func(r *rand.Rand, p *presentation) {
		p.card.payload.set("status", pick(r, obj(), obj("status_list", obj("uri", str("https://registry.example/1"), "idx", raw(pick(r, "0", "7", "-1", "1.5", "1e2", "\"3\"", "99999999999999999999")))),
			obj("status_list", obj("idx", raw("1"))), obj("other", obj()), obj("status_list", arr())))
	}},
	{"payload: cnf", func(r *rand.Rand, p *presentation) {
		cnf := p.card.payload.get("cnf")
		if cnf == nil || cnf.kind != 'o' || cnf.get("jwk") == nil || cnf.get("jwk").kind != 'o' {
			return
		}
		jwk := cnf.get("jwk")
		x, y := jwkOf(thiefKey)
		switch r.IntN(12) {
		case 0:
			cnf.add(pick(r, "jku", "jwe", "kid", "x5t#S256"), str("x"))
		case 1:
			jwk.add(pick(r, "d", "k", "p", "priv"), str("AA"))
		case 2:
			jwk.set("x", str(x))
			jwk.set("y", str(y))
		case 3:
			jwk.set(pick(r, "x", "y"), str(x))
		case 4:
			jwk.add("kid", odd(r))
		case 5:
			jwk.add("use", pick(r, str("sig"), str("enc"), raw("1")))
		case 6:
			jwk.add("key_ops", pick(r, arr(str("verify")), arr(str("sign")), arr(), arr(str("deriveKey")), str("verify"), arr(str("verify"), str("verify"))))
		case 7:
			jwk.add("ext", pick(r, raw("true"), raw("false"), str("x")))
		case 8:
			jwk.add("alg", pick(r, str("ES256"), str("ES384"), raw("1")))
		case 9:
			jwk.drop(pick(r, "kty", "crv", "x", "y"))
		case 10:
			jwk.set(pick(r, "x", "y"), pick(r, str("AA"), str(x+"="), str(" "+x), odd(r)))
		case 11:
			jwk.set(pick(r, "kty", "crv"), pick(r, str("OKP"), str("P-521"), str("p-256"), raw("1")))
		}
	}},
	{"payload: whole", func(r *rand.Rand, p *presentation) { p.card.payload = odd(r) }},
	{"payload: text around", func(r *rand.Rand, p *presentation) { anyJWT(r, p).bodyStyle = oddStyle(r) }},
	{"payload: spelling", func(r *rand.Rand, p *presentation) { anyJWT(r, p).bodyEnc = spelling(r.IntN(int(spellings))) }},
	{"payload: odd value", func(r *rand.Rand, p *presentation) {
		if c := p.claims(); len(c) > 0 {
			*pick(r, c...) = oddValue(r)
			return
		}
		p.card.payload.set("x", oddValue(r))
	}},
	{"payload: odd name", func(r *rand.Rand, p *presentation) {
		pick(r, p.objects()...).add(pick(r, "", "__proto__", "constructor", "hasOwnProperty", "_SD", "_sd ", "..", "e\u0301", "é", "a ", "exp", "_sd_alg", "..."), odd(r))
	}},
}
