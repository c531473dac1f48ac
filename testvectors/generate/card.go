package main

import (
	"crypto/sha256"
	"crypto/sha512"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// The fixed world of the scenarios.
const (
	now      = 1770000000 // 2026-02-02T02:40:00Z
	issued   = 1767225600 // 2026-01-01T00:00:00Z
	expires  = 1798761600 // 2027-01-01T00:00:00Z
	issuer   = "did:web:registry.example"
	other    = "did:web:transport.example"
	vct      = "https://registry.example/types/person"
	audience = "https://hospital.example"
	nonce    = "n-8P2QhVxkzOqgT5ma"
	skew     = 30
	maxAge   = 300
)

// card is an SD-JWT or SD-JWT+KB in the making. A scenario starts from a faultless one and changes one thing.
type card struct {
	name    string // of the vector; salts are made from it
	salts   int
	signer  key
	header  members
	payload members  // without _sd
	sd      []string // digests at the top level
	shown   []string // disclosures that travel
	found   members  // claims that the disclosures bring

	headerText, payloadText string // in place of header and payload, if not empty
	payloadPart             string // in place of the encoded payload, if not empty
	signature               func([]byte) []byte
	hash                    string
	kb                      *binding
	edit                    func(string) string // the finished text

	request members
	want    string // claims, in place of payload and found
}

// binding is a key binding JWT in the making.
type binding struct {
	signer      key
	header      members
	payload     members // sd_hash is added unless it is there
	payloadText string
	hash        string              // of sd_hash; empty means the card's
	over        func(string) string // what sd_hash is over
	spell       func(string) string // the encoded payload
	signature   func([]byte) []byte
}

func digestBy(hash, text string) string {
	switch hash {
	case "sha-384":
		h := sha512.Sum384([]byte(text))
		return b64(h[:])
	case "sha-512":
		h := sha512.Sum512([]byte(text))
		return b64(h[:])
	}
	h := sha256.Sum256([]byte(text))
	return b64(h[:])
}

func (c *card) digest(disclosure string) string { return digestBy(c.hash, disclosure) }

func (c *card) salt() string {
	c.salts++
	h := sha256.Sum256(fmt.Appendf(nil, "khyer test vectors, salt %d of %s", c.salts, c.name))
	return b64(h[:16])
}

// disclosure makes [salt, elements...]; the elements are JSON text.
func (c *card) disclosure(elements ...string) string {
	return b64([]byte("[" + strings.Join(append([]string{quote(c.salt())}, elements...), ",") + "]"))
}

// refer puts the digest of a disclosure at the top level.
func (c *card) refer(disclosure string) string {
	c.sd = append(c.sd, c.digest(disclosure))
	return disclosure
}

// hide conceals a claim at the top level and does not show it.
func (c *card) hide(name, value string) string { return c.refer(c.disclosure(quote(name), value)) }

// reveal conceals a claim at the top level and shows it.
func (c *card) reveal(name, value string) {
	c.shown = append(c.shown, c.hide(name, value))
	c.found.set(name, value)
}

// element makes the placeholder of an array element, and its disclosure.
func (c *card) element(value string) (placeholder, disclosure string) {
	disclosure = c.disclosure(value)
	return place(c.digest(disclosure)), disclosure
}

func place(digest string) string { return `{"...":` + quote(digest) + `}` }

func (c *card) decoy() string { return digestBy(c.hash, "decoy "+c.salt()) }

// plainCard is an SD-JWT without key binding: RFC 9901 alone.
func plainCard(name string) *card {
	c := &card{name: name, signer: registry}
	c.header = members{{"alg", `"ES256"`}, {"typ", `"example+sd-jwt"`}}
	c.payload = members{{"iss", quote(issuer)}, {"iat", fmt.Sprint(issued)}, {"_sd_alg", `"sha-256"`}}
	c.request = members{
		{"issuer_jwk", registry.public}, {"profile", `"sd-jwt"`}, {"require_key_binding", "false"},
		{"now", fmt.Sprint(now)}, {"clock_skew_s", fmt.Sprint(skew)},
	}
	return c
}

// boundCard is an SD-JWT VC with key binding, one claim shown and one hidden.
func boundCard(name string) *card {
	c := &card{name: name, signer: registry}
	c.header = members{{"alg", `"ES256"`}, {"typ", `"dc+sd-jwt"`}, {"kid", quote(issuer + "#key-1")}}
	c.payload = members{
		{"iss", quote(issuer)}, {"iat", fmt.Sprint(issued)}, {"exp", fmt.Sprint(expires)}, {"vct", quote(vct)},
		{"cnf", `{"jwk":` + pema.public + `}`}, {"_sd_alg", `"sha-256"`},
	}
	c.kb = &binding{
		signer: pema, header: members{{"alg", `"ES256"`}, {"typ", `"kb+jwt"`}},
		payload: members{{"aud", quote(audience)}, {"nonce", quote(nonce)}, {"iat", fmt.Sprint(now - 5)}},
	}
	c.reveal("full_name", `"Pema Lhamo"`)
	c.hide("id_number", `"10000000001"`)
	c.sd = append(c.sd, c.decoy())
	c.request = members{
		{"issuer_jwk", registry.public}, {"profile", `"sd-jwt-vc"`}, {"audience", quote(audience)}, {"nonce", quote(nonce)},
		{"now", fmt.Sprint(now)}, {"kb_max_age_s", fmt.Sprint(maxAge)}, {"clock_skew_s", fmt.Sprint(skew)},
	}
	return c
}

func (c *card) bound(k key) {
	c.payload.set("cnf", `{"jwk":`+k.public+`}`)
	c.kb.signer = k
	c.kb.header.set("alg", quote(k.alg))
}

func (c *card) signedBy(k key) {
	c.signer = k
	c.header.set("alg", quote(k.alg))
	c.request.set("issuer_jwk", k.public)
}

// text is the compact serialisation (RFC 9901 section 4).
func (c *card) text() string {
	payload := c.payload
	if len(c.sd) > 0 {
		payload = append(slices.Clone(payload), member{"_sd", list(c.sd)})
	}
	part := c.payloadPart
	if part == "" {
		part = b64([]byte(or(c.payloadText, payload.text())))
	}
	out := sign(c.signer, or(c.headerText, c.header.text()), part, c.signature) + "~"
	for _, d := range c.shown {
		out += d + "~"
	}
	if c.kb != nil {
		out += c.kb.text(out, c.hash)
	}
	if c.edit != nil {
		out = c.edit(out)
	}
	return out
}

// text is the key binding JWT for an SD-JWT (RFC 9901 section 4.3).
func (b *binding) text(sdJWT, hash string) string {
	if b.over != nil {
		sdJWT = b.over(sdJWT)
	}
	payload := slices.Clone(b.payload)
	if !payload.has("sd_hash") {
		payload.set("sd_hash", quote(digestBy(or(b.hash, hash), sdJWT)))
	}
	part := b64([]byte(or(b.payloadText, payload.text())))
	if b.spell != nil {
		part = b.spell(part)
	}
	return sign(b.signer, b.header.text(), part, b.signature)
}

func sign(k key, header, payloadPart string, change func([]byte) []byte) string {
	input := b64([]byte(header)) + "." + payloadPart
	sig := k.sign([]byte(input))
	if change != nil {
		sig = change(sig)
	}
	return input + "." + b64(sig)
}

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

func list(texts []string) string {
	b, _ := json.Marshal(texts)
	return string(b)
}

// claims is the processed payload (RFC 9901 section 7.1).
func (c *card) claims() string {
	if c.want != "" {
		return c.want
	}
	var out members
	for _, m := range append(slices.Clone(c.payload), c.found...) {
		if m.name != "_sd" && m.name != "_sd_alg" {
			out = append(out, m)
		}
	}
	return out.text()
}

// verify puts a vector of sdjwt.verify.
func (g *generator) verify(c *card, section, why string, expect members) {
	request := append(members{{"sd_jwt", quote(c.text())}}, c.request...)
	if expect[0].value == `"accept"` {
		expect = append(expect, member{"claims", c.claims()}, member{"key_bound", fmt.Sprint(c.kb != nil)})
	}
	g.put(vector{c.name, section, why, "sdjwt.verify", json.RawMessage(request.text()), json.RawMessage(expect.text())})
}

// plain changes a plainCard into a vector of the room disclosure.
func (g *generator) plain(fault, section, why string, expect members, change func(*card)) {
	c := plainCard("disclosure/" + fault)
	change(c)
	g.verify(c, section, why, expect)
}

// vc changes a boundCard into a vector of the room credential.
func (g *generator) vc(fault, section, why string, expect members, change func(*card)) {
	c := boundCard("credential/" + fault)
	change(c)
	g.verify(c, section, why, expect)
}
