package differential

import (
	"encoding/base64"
	"math/rand/v2"
)

// The world of the comparison: one clock, one audience, one nonce.
const (
	now      = 1770000000
	skew     = 30
	maxAge   = 300
	audience = "https://hospital.example"
	nonce    = "n-0S6_WzA2Mj"
	issuerID = "did:web:registry.example"
	typeID   = "https://registry.example/types/person"
)

var claimNames = []string{"full_name", "id_number", "Blood Group", "Household Number ", "address", "languages", "མིང་", "Zoë", "😀", "quote\"back\\slash",
	"a.b", "0", "1", "-1", "sub", "given_name", "photo", "x", "y", "a\u0000b", "e\u0301", "null", "true", "length", "key", "value"}

var texts = []string{"", "Pema Lhamo", "10000000001", "B+", "པད་མ་", "🏔️ 𝄞", "line\nbreak\t\u0000", "\u2028</script>", "~.~", "eyJ", "a\u00a0b", "\ufeff"}

var scalars = []string{"null", "true", "false", "0", "1", "-12.5", "1.5e-7", "9007199254740991", "1e3", "[]", "{}"}

// base makes a valid presentation.
func base(r *rand.Rand) *presentation {
	p := &presentation{vc: r.IntN(3) == 0, bound: r.IntN(8) != 0, hash: "sha-256"}
	ix, iy := jwkOf(holderKey)
	payload := obj("iss", str(issuerID), "iat", raw("1769990000"), "exp", raw("1780000000"), "vct", str(typeID),
		"cnf", obj("jwk", obj("kty", str("EC"), "crv", str("P-256"), "x", str(ix), "y", str(iy))))
	typ := "example+sd-jwt"
	if p.vc {
		typ = "dc+sd-jwt"
	}
	p.card = jws{header: obj("alg", str("ES256"), "typ", str(typ), "kid", str(issuerID+"#key-1")), payload: payload, signer: issuer}
	p.kb = jws{header: obj("alg", str("ES256"), "typ", str("kb+jwt")), signer: holder,
		payload: obj("iat", raw("1769999990"), "aud", str(audience), "nonce", str(nonce), "sd_hash", &val{kind: 'h'})}
	switch r.IntN(6) {
	case 0:
		p.hash = "sha-384"
	case 1:
		p.hash = "sha-512"
	}
	if p.hash != "sha-256" || r.IntN(2) == 0 {
		payload.add("_sd_alg", str(p.hash))
	}
	p.fill(r, payload, nil, 1+r.IntN(6), 3)
	shuffle(r, payload.mem)
	for _, d := range p.all {
		if r.IntN(3) > 0 && (d.parent == nil || contains(p.discs, d.parent)) {
			p.discs = append(p.discs, d)
		}
	}
	shuffle(r, p.discs)
	if !p.bound {
		p.noKB = r.IntN(4) != 0
	}
	return p
}

func shuffle[T any](r *rand.Rand, s []T) {
	r.Shuffle(len(s), func(i, j int) { s[i], s[j] = s[j], s[i] })
}

func contains(all []*disc, d *disc) bool {
	for _, x := range all {
		if x == d {
			return true
		}
	}
	return false
}

func pick[T any](r *rand.Rand, from ...T) T { return from[r.IntN(len(from))] }

// fill gives an object claims, some of them concealed.
func (p *presentation) fill(r *rand.Rand, o *val, parent *disc, n, depth int) {
	sd := arr()
	for range n {
		name := pick(r, claimNames...)
		if o.get(name) != nil || nameTaken(sd, name) {
			continue
		}
		if r.IntN(2) == 0 {
			o.add(name, p.value(r, parent, depth))
			continue
		}
		d := p.disc(r, parent)
		d.name, d.value = str(name), p.value(r, d, depth)
		sd.el = append(sd.el, digestOf(d))
	}
	for range r.IntN(3) {
		sd.el = append(sd.el, str(p.digest(saltOf(r))))
	}
	if len(sd.el) > 0 {
		shuffle(r, sd.el)
		o.add("_sd", sd)
	}
}

func nameTaken(sd *val, name string) bool {
	for _, e := range sd.el {
		if e.kind == 'd' && e.ref.name.text == name {
			return true
		}
	}
	return false
}

func (p *presentation) disc(r *rand.Rand, parent *disc) *disc {
	d := &disc{salt: str(saltOf(r)), parent: parent}
	p.all = append(p.all, d)
	return d
}

func saltOf(r *rand.Rand) string {
	var b [16]byte
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return base64.RawURLEncoding.EncodeToString(b[:])
}

func (p *presentation) value(r *rand.Rand, parent *disc, depth int) *val {
	switch k := r.IntN(8); {
	case k < 3 || depth == 0:
		return str(pick(r, texts...))
	case k < 5:
		return raw(pick(r, scalars...))
	case k == 5:
		a := arr()
		for range r.IntN(4) {
			if r.IntN(2) == 0 {
				a.el = append(a.el, p.value(r, parent, depth-1))
				continue
			}
			d := p.disc(r, parent)
			d.value = p.value(r, d, depth-1)
			a.el = append(a.el, placeholder(digestOf(d)))
		}
		if r.IntN(4) == 0 {
			a.el = append(a.el, placeholder(str(p.digest(saltOf(r)))))
		}
		return a
	default:
		o := obj()
		p.fill(r, o, parent, r.IntN(4), depth-1)
		return o
	}
}
