package differential

import (
	"encoding/base64"
	"encoding/hex"
	"math/rand/v2"
	"slices"
	"strings"
)

var digestMutations = []mutation{
	{"_sd_alg: value", func(r *rand.Rand, p *presentation) {
		alg := pick(r, "sha-256", "sha-384", "sha-512", "SHA-256", "sha256", "sha-1", "md5", "sha3-256", "sha-256-128", "", "sha-224")
		if p.card.payload.kind != 'o' {
			return
		}
		p.card.payload.set("_sd_alg", str(alg))
		if strings.HasPrefix(alg, "sha-") && r.IntN(2) == 0 {
			p.hash = alg
		}
	}},
	{"_sd_alg: type or absence", func(r *rand.Rand, p *presentation) {
		if r.IntN(3) == 0 {
			p.card.payload.drop("_sd_alg")
			return
		}
		p.card.payload.set("_sd_alg", odd(r))
	}},
	{"_sd_alg: below the top", func(r *rand.Rand, p *presentation) {
		pick(r, p.objects()...).set("_sd_alg", pick(r, str("sha-256"), odd(r)))
	}},
	{"_sd: of another type", func(r *rand.Rand, p *presentation) {
		o := pick(r, p.objects()...)
		o.set("_sd", pick(r, odd(r), str(p.digest(saltOf(r))), obj("x", arr()), arr(odd(r)), arr(raw("null")), arr(arr())))
	}},
	{"_sd: odd element", func(r *rand.Rand, p *presentation) {
		if sds := p.sds(); len(sds) > 0 {
			sd := pick(r, sds...)
			sd.el = slices.Insert(sd.el, r.IntN(len(sd.el)+1), pick(r, odd(r), str("constructor"), str("__proto__"), str("toString"), str("é")))
		}
	}},
	{"_sd: digest repeated", func(r *rand.Rand, p *presentation) {
		sds := p.sds()
		if len(sds) == 0 {
			return
		}
		from, to := pick(r, sds...), pick(r, sds...)
		if len(from.el) == 0 {
			return
		}
		e := pick(r, from.el...)
		if arrays := p.arrays(); r.IntN(3) == 0 && len(arrays) > 0 {
			a := pick(r, arrays...)
			a.el = append(a.el, placeholder(e))
			return
		}
		to.el = slices.Insert(to.el, r.IntN(len(to.el)+1), e)
	}},
	{"_sd: digest spelled otherwise", func(r *rand.Rand, p *presentation) {
		sds := p.sds()
		if len(sds) == 0 {
			return
		}
		sd := pick(r, sds...)
		for i, e := range sd.el {
			if e.kind != 'd' {
				continue
			}
			text := p.digest(p.disclosure(e.ref))
			b, _ := base64.RawURLEncoding.DecodeString(text)
			sd.el[i] = str(pick(r, text+"=", strings.ToUpper(text), " "+text, hex.EncodeToString(b), base64.RawStdEncoding.EncodeToString(b), text[:len(text)-1], text+"\n", tail.encode(b)))
			return
		}
	}},
	{"_sd: more decoys", func(r *rand.Rand, p *presentation) {
		o := pick(r, p.objects()...)
		if o.get("_sd") == nil {
			o.set("_sd", arr())
		}
		if sd := o.get("_sd"); sd.kind == 'a' {
			for range r.IntN(4) {
				sd.el = append(sd.el, str(p.digest(saltOf(r))))
			}
		}
	}},
	{"placeholder: form", func(r *rand.Rand, p *presentation) {
		d := p.disc(r, nil)
		d.value = pick(r, str("x"), obj("y", raw("1")), arr(raw("1")))
		if r.IntN(3) == 0 {
			d.name = str("z")
		}
		v := pick(r, obj("...", digestOf(d), "x", raw("1")), obj("x", raw("1"), "...", digestOf(d)), obj("...", odd(r)), placeholder(digestOf(d)),
			placeholder(str("constructor")), placeholder(str("__proto__")), placeholder(placeholder(digestOf(d))), obj("...", digestOf(d), "_sd", arr()), placeholder(arr(digestOf(d))))
		arrays := p.arrays()
		if len(arrays) == 0 || r.IntN(3) == 0 {
			pick(r, p.objects()...).set(pick(r, "w", "..."), pick(r, v, arr(v), digestOf(d)))
		} else {
			a := pick(r, arrays...)
			a.el = slices.Insert(a.el, r.IntN(len(a.el)+1), v)
		}
		if r.IntN(2) == 0 {
			p.discs = append(p.discs, d)
		}
	}},
	{"placeholder: digest repeated", func(r *rand.Rand, p *presentation) {
		for _, a := range p.arrays() {
			for _, e := range a.el {
				if e.kind == 'o' && e.get("...") != nil && r.IntN(2) == 0 {
					a.el = append(a.el, placeholder(e.get("...")))
					return
				}
			}
		}
	}},
	{"disclosure in the place of the other kind", func(r *rand.Rand, p *presentation) {
		d := p.disc(r, nil)
		d.value = pick(r, str("x"), obj("y", raw("1")), arr(raw("1")))
		if arrays := p.arrays(); r.IntN(2) == 0 && len(arrays) > 0 {
			d.name = str("z")
			a := pick(r, arrays...)
			a.el = append(a.el, placeholder(digestOf(d)))
		} else {
			p.link(pick(r, p.objects()...), d)
		}
		p.discs = append(p.discs, d)
	}},
}

var disclosureMutations = []mutation{
	{"disclosure: dropped", func(r *rand.Rand, p *presentation) {
		if n := len(p.discs); n > 0 {
			i := r.IntN(n)
			p.discs = slices.Delete(slices.Clone(p.discs), i, i+1)
		}
	}},
	{"disclosure: twice", func(r *rand.Rand, p *presentation) {
		if n := len(p.discs); n > 0 {
			p.discs = slices.Insert(slices.Clone(p.discs), r.IntN(n+1), pick(r, p.discs...))
		}
	}},
	{"disclosure: another order", func(r *rand.Rand, p *presentation) { shuffle(r, p.discs) }},
	{"disclosure: not the issuer's", func(r *rand.Rand, p *presentation) {
		d := &disc{salt: str(saltOf(r)), value: odd(r)}
		if r.IntN(2) == 0 {
			d.name = str(pick(r, claimNames...))
		}
		p.discs = slices.Insert(slices.Clone(p.discs), r.IntN(len(p.discs)+1), d)
	}},
	{"disclosure: all of the card", func(r *rand.Rand, p *presentation) { p.discs = slices.Clone(p.all) }},
	{"disclosure: style", func(r *rand.Rand, p *presentation) {
		for _, d := range p.all {
			if r.IntN(2) == 0 {
				d.style = pick(r, style{space: " "}, style{space: "\n"}, style{escape: true}, oddStyle(r))
			}
		}
	}},
	{"disclosure: spelling", func(r *rand.Rand, p *presentation) {
		if len(p.discs) > 0 {
			pick(r, p.discs...).enc = spelling(r.IntN(int(spellings)))
		}
	}},
	{"disclosure: encoded again", func(r *rand.Rand, p *presentation) {
		at, how := r.IntN(len(p.discs)+1), spelling(r.IntN(int(spellings)))
		p.reencode = func(i int, text string) string {
			b, err := base64.RawURLEncoding.DecodeString(text)
			if i != at || err != nil {
				return text
			}
			return how.encode(b)
		}
	}},
	{"disclosure: form", func(r *rand.Rand, p *presentation) {
		if len(p.discs) == 0 {
			return
		}
		d := pick(r, p.discs...)
		if d.value == nil {
			return
		}
		d.whole = pick(r, arr(), arr(d.salt), arr(d.salt, str("x"), d.value, d.value), str("ab"), str("abc"), obj("length", raw("2")), obj("length", raw("3"), "0", str("s"), "1", str("q"), "2", str("v")),
			raw("null"), raw("12"), obj("0", str("s")), arr(str("x"), arr(d.value)), arr(arr(d.salt, d.value)), raw("tru"))
	}},
	{"disclosure: salt", func(r *rand.Rand, p *presentation) {
		if len(p.discs) > 0 {
			pick(r, p.discs...).salt = pick(r, odd(r), str(""), str("s"), raw("\"\\ud800\""), str(strings.Repeat("s", 300)))
		}
	}},
	{"disclosure: name", func(r *rand.Rand, p *presentation) {
		var named []*disc
		for _, d := range p.discs {
			if d.name != nil {
				named = append(named, d)
			}
		}
		if len(named) == 0 || r.IntN(3) == 0 {
			named = []*disc{p.reveal(r, "q", str("v"))}
		}
		d := pick(r, named...)
		d.name = pick(r, str("_sd"), str("..."), str("_sd_alg"), str("iss"), str("exp"), str("cnf"), str("vct"), str(""), str("__proto__"), str("constructor"), str("valueOf"),
			str("é"), str("e\u0301"), str("trailing "), str("_SD"), str("...."), raw("1"), raw("null"), raw("[\"x\"]"), raw(`"\ud800"`), str(strings.Repeat("n", 500)), str("full_name"), raw(`"\u005fsd"`))
	}},
	{"disclosure: two of one name", func(r *rand.Rand, p *presentation) {
		name := pick(r, "twin", "", "é")
		p.reveal(r, name, str("one"))
		p.reveal(r, name, str("two"))
	}},
	{"disclosure: a fault within a claim without a name", func(r *rand.Rand, p *presentation) {
		decoy := str(p.digest(saltOf(r)))
		p.reveal(r, "", pick(r, obj("_sd", arr(decoy, decoy)), arr(placeholder(decoy), placeholder(decoy))))
	}},
	{"disclosure: a claim that is there", func(r *rand.Rand, p *presentation) {
		o := pick(r, p.objects()...)
		if len(o.mem) == 0 {
			return
		}
		d := p.disc(r, nil)
		d.name, d.value = str(pick(r, o.mem...).name), odd(r)
		p.link(o, d)
		p.discs = append(p.discs, d)
	}},
	{"disclosure: odd value", func(r *rand.Rand, p *presentation) { p.reveal(r, pick(r, "odd", "odd "), oddValue(r)) }},
	{"disclosure: chain", func(r *rand.Rand, p *presentation) {
		o := p.card.payload
		var links []*disc
		for range pick(r, 3, 10, 29, 31, 33) {
			d := p.disc(r, nil)
			d.name, d.value = str("n"), obj()
			p.link(o, d)
			o, links = d.value, append(links, d)
		}
		if r.IntN(3) == 0 {
			links = links[1:]
		}
		p.discs = append(p.discs, links...)
	}},
}

var bindingMutations = []mutation{
	{"binding: left out", func(r *rand.Rand, p *presentation) { p.noKB = !p.noKB }},
	{"binding: claim dropped", func(r *rand.Rand, p *presentation) {
		p.kb.payload.drop(pick(r, "iat", "aud", "nonce", "sd_hash"))
	}},
	{"binding: claim of another type", func(r *rand.Rand, p *presentation) {
		p.kb.payload.set(pick(r, "iat", "aud", "nonce", "sd_hash", "exp", "nbf"), pick(r, odd(r), arr(str(audience)), arr(str(nonce))))
	}},
	{"binding: duplicate claim", func(r *rand.Rand, p *presentation) {
		if len(p.kb.payload.mem) == 0 {
			return
		}
		m := pick(r, p.kb.payload.mem...)
		if r.IntN(2) == 0 {
			m.v = odd(r)
		}
		p.kb.payload.mem = slices.Insert(p.kb.payload.mem, r.IntN(len(p.kb.payload.mem)+1), m)
	}},
	{"binding: aud", func(r *rand.Rand, p *presentation) {
		p.kb.payload.set("aud", str(pick(r, "https://other.example", audience+"/", strings.ToUpper(audience), audience+" ", "")))
	}},
	{"binding: nonce", func(r *rand.Rand, p *presentation) {
		p.kb.payload.set("nonce", str(pick(r, "other", nonce+" ", "", strings.ToLower(nonce), nonce+"\u0000")))
	}},
	{"binding: time", func(r *rand.Rand, p *presentation) {
		p.kb.payload.set(pick(r, "iat", "iat", "exp", "nbf"), raw(pick(r, times...)))
	}},
	{"binding: sd_hash", func(r *rand.Rand, p *presentation) {
		p.kb.payload.set("sd_hash", pick(r, &val{kind: 'h', text: "="}, &val{kind: 'h', text: " "}, str(p.digest("x")), str("")))
		if r.IntN(3) == 0 {
			p.kb.payload.drop("sd_hash")
			p.kb.payload.add("_sd_hash", &val{kind: 'h'})
		}
	}},
	{"binding: whole", func(r *rand.Rand, p *presentation) { p.kb.payload = odd(r) }},
	{"binding: more claims", func(r *rand.Rand, p *presentation) {
		p.kb.payload.add(pick(r, "x", "_sd", "...", "__proto__", "cnf"), oddValue(r))
	}},
	{"binding: another card's", func(r *rand.Rand, p *presentation) {
		other := p.kb.write(p, p.digest("another"))
		p.edit = append(p.edit, func(text string) string { return text[:strings.LastIndexByte(text, '~')+1] + other })
	}},
}

var textMutations = []mutation{
	{"text: a character changed", func(r *rand.Rand, p *presentation) {
		at, c := r.Float64(), pick(r, "A", "_", "~", ".", "=", " ", "é", "\x00", "\"", "\n")
		p.edit = append(p.edit, func(text string) string {
			i := int(at * float64(len(text)))
			return text[:i] + c + text[i+1:]
		})
	}},
	{"text: a character more or less", func(r *rand.Rand, p *presentation) {
		at, c := r.Float64(), pick(r, "", "A", "~", ".", "\n")
		p.edit = append(p.edit, func(text string) string {
			i := int(at * float64(len(text)))
			if c == "" {
				return text[:i] + text[i+1:]
			}
			return text[:i] + c + text[i:]
		})
	}},
	{"text: around", func(r *rand.Rand, p *presentation) {
		before, after := pick(r, "", " ", "~", "\ufeff"), pick(r, "", "~", "\n", " ", ".", "~~")
		p.edit = append(p.edit, func(text string) string { return before + text + after })
	}},
	{"text: separators", func(r *rand.Rand, p *presentation) {
		from, to := pick(r, "~", "."), pick(r, "~~", "..", "", "~.", ".~")
		p.edit = append(p.edit, func(text string) string { return strings.Replace(text, from, to, 1) })
	}},
	{"text: no tilde", func(_ *rand.Rand, p *presentation) {
		p.edit = append(p.edit, func(text string) string { jwt, _, _ := strings.Cut(text, "~"); return jwt })
	}},
	{"text: segments swapped", func(r *rand.Rand, p *presentation) {
		i, j := r.Int(), r.Int()
		p.edit = append(p.edit, func(text string) string {
			parts := strings.Split(text, "~")
			i, j := i%len(parts), j%len(parts)
			parts[i], parts[j] = parts[j], parts[i]
			return strings.Join(parts, "~")
		})
	}},
	{"text: cut", func(r *rand.Rand, p *presentation) {
		at := r.Float64()
		p.edit = append(p.edit, func(text string) string { return text[:int(at*float64(len(text)))] })
	}},
}
