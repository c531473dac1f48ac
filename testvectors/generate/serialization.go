package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Sections about the JWS JSON serialisation.
const (
	secJSONForm    = "RFC 9901 8, 8.2, RFC 7515 7.2.2"
	secJSONGeneral = "RFC 9901 8.3, RFC 7515 7.2.1"
	secJSONHeader  = "RFC 9901 8.1, RFC 7515 7.2.1"
	secJSONHash    = "RFC 9901 8.1, 8.4, 4.3.1"
	secJSONBinding = "RFC 9901 8.1, 7.3 step 2"
	secJSONDigests = "RFC 9901 8.4, 7.1 step 5"
)

// jws is a JWS JSON serialisation in the making (RFC 7515 section 7.2).
type jws struct {
	payload    string // JSON text, as the others
	signatures []members
	general    bool
	more       members
	text       func(string) string // the finished text, which travels as a string then
}

// serialized takes a compact text apart.
func serialized(compact string, general bool) *jws {
	parts := strings.Split(compact, "~")
	jwt := strings.Split(parts[0], ".")
	header := members{{"disclosures", list(parts[1 : len(parts)-1])}}
	if kb := parts[len(parts)-1]; kb != "" {
		header.set("kb_jwt", quote(kb))
	}
	first := members{{"header", header.text()}, {"protected", quote(jwt[0])}, {"signature", quote(jwt[2])}}
	return &jws{payload: quote(jwt[1]), signatures: []members{first}, general: general}
}

// sign adds a signature over the payload.
func (j *jws) sign(k key, protected string, header members) {
	var part string
	if err := json.Unmarshal([]byte(j.payload), &part); err != nil {
		panic(err)
	}
	input := b64([]byte(protected)) + "." + part
	j.signatures = append(j.signatures, members{
		{"header", header.text()}, {"protected", quote(b64([]byte(protected)))}, {"signature", quote(b64(k.sign([]byte(input))))},
	})
}

// header changes the unprotected header of a signature.
func (j *jws) header(i int, change func(*members)) {
	var m map[string]json.RawMessage
	for _, e := range j.signatures[i] {
		if e.name == "header" {
			if err := json.Unmarshal([]byte(e.value), &m); err != nil {
				panic(err)
			}
		}
	}
	var names []string
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	var out members
	for _, name := range names {
		out.set(name, string(m[name]))
	}
	change(&out)
	j.signatures[i].set("header", out.text())
}

// value is the JSON text of it, or of the string that it travels in.
func (j *jws) value() string {
	out := members{}
	if j.payload != "" {
		out.set("payload", j.payload)
	}
	if j.general {
		var texts []string
		for _, s := range j.signatures {
			texts = append(texts, s.text())
		}
		out.set("signatures", `[`+strings.Join(texts, ",")+`]`)
	} else {
		out = append(out, j.signatures[0]...)
	}
	text := append(out, j.more...).text()
	if j.text != nil {
		return quote(j.text(text))
	}
	return text
}

const secondHead = `{"alg":"ES256","typ":"example+sd-jwt","cty":"json"}`

// jsonCard makes a vector of sdjwt.verify of a card in JWS JSON serialisation.
func (g *generator) jsonCard(c *card, section, why string, expect members, general bool, change func(*jws)) {
	j := serialized(c.text(), general)
	change(j)
	request := append(members{{"sd_jwt", j.value()}}, c.request...)
	if expect[0].value == `"accept"` {
		expect = append(expect, member{"claims", c.claims()}, member{"key_bound", fmt.Sprint(c.kb != nil)})
	}
	g.put(vector{c.name, section, why, "sdjwt.verify", json.RawMessage(request.text()), json.RawMessage(expect.text())})
}

// json changes a card without key binding: one claim shown, one hidden.
func (g *generator) json(fault, section, why string, expect members, general bool, change func(*card, *jws)) {
	c := plainCard("disclosure/json-" + fault)
	c.reveal("full_name", `"Pema Lhamo"`)
	c.hide("id_number", `"10000000001"`)
	g.jsonCard(c, section, why, expect, general, func(j *jws) { change(c, j) })
}

// jsonBound changes a card with key binding.
func (g *generator) jsonBound(fault, section, why string, expect members, general bool, before func(*card), change func(*card, *jws)) {
	c := boundCard("credential/json-" + fault)
	if before != nil {
		before(c)
	}
	g.jsonCard(c, section, why, expect, general, func(j *jws) { change(c, j) })
}

// unshown is what such a card says when its disclosures are not looked at.
const unshown = `{"iss":"` + issuer + `","iat":1767225600}`

// serializations: the JWS JSON serialisation (RFC 9901 section 8).
func (g *generator) serializations() {
	g.jsonAccepted()
	g.jsonForms()
	g.jsonHeaders()
	g.jsonTexts()
	g.jsonSignatures()
	g.jsonBindings()
	g.jsonShown()
}

func (g *generator) jsonAccepted() {
	as := func(*card, *jws) {}
	g.json("flattened", secJSONForm, "the same SD-JWT as an object", accept(), false, as)
	g.json("general", secJSONGeneral, "the same SD-JWT with a list of one signature", accept(), true, as)
	g.json("without-unprotected-header", secJSONForm, "nothing to disclose, no header", accept(), false, func(c *card, j *jws) {
		j.signatures[0].drop("header")
		c.want = unshown
	})
	g.json("further-members", secJSONForm, "members that are not understood are ignored", accept(), false, func(c *card, j *jws) {
		j.more = members{{"office", `{"desk":4}`}, {"count", `2`}}
		j.header(0, func(m *members) { m.set("kid", `"registry-1"`); m.set("x_office", `["desk",4]`) })
	})
	second := func(_ *card, j *jws) { j.sign(transport, secondHead, members{{"kid", `"transport-1"`}}) }
	g.json("signed-by-two", secJSONGeneral, "a second issuer has signed too", accept(), true, second)
	g.json("second-signature-is-the-issuers", "RFC 7515 5.2, 7.2.1", "one signature of this issuer is enough, wherever it stands", accept(), true, func(c *card, j *jws) {
		own := j.signatures[0]
		j.signatures = nil
		j.sign(transport, secondHead, members{})
		j.sign(registry, c.header.text(), members{})
		for _, m := range own {
			if m.name == "header" {
				j.signatures[0].set("header", m.value)
			}
		}
	})
	g.json("second-signature-invalid", "RFC 7515 5.2, 7.2.1", "a signature that is of no use here takes nothing from the other", accept(), true, func(c *card, j *jws) {
		second(c, j)
		j.signatures[1].set("signature", quote(b64(make([]byte, 64))))
	})
	g.json("second-signature-of-another-algorithm", "RFC 7515 5.2, 7.2.1", "a signature for other readers", accept(), true, func(_ *card, j *jws) {
		j.sign(transport, `{"alg":"RS256","typ":"example+sd-jwt"}`, members{})
	})
	g.json("disclosures-in-the-protected-header", secJSONHeader, "disclosures are a member of the unprotected header; elsewhere nobody looks for them", accept(), false, func(c *card, j *jws) {
		protected := c.header
		protected.set("disclosures", list(c.shown))
		j.signatures = nil
		j.sign(registry, protected.text(), members{})
		c.want = unshown
	})
	g.json("disclosures-beside-the-header", secJSONHeader, "disclosures are a member of the unprotected header; elsewhere nobody looks for them", accept(), false, func(c *card, j *jws) {
		j.signatures[0].drop("header")
		j.more = members{{"disclosures", list(c.shown)}}
		c.want = unshown
	})
}

// jsonForms: objects that are not of the form.
func (g *generator) jsonForms() {
	bad := reject("sd_jwt_malformed")
	form := func(fault, why string, general bool, change func(*card, *jws)) {
		section := secJSONForm
		if general {
			section = secJSONGeneral
		}
		g.json(fault, section, why, bad, general, change)
	}
	form("signature-and-signatures", "flattened or general, and not both", true, func(_ *card, j *jws) { j.more = j.signatures[0] })
	for _, name := range []string{"protected", "signature", "header"} {
		form(name+"-beside-signatures", "flattened or general, and not both", true, func(_ *card, j *jws) {
			for _, m := range j.signatures[0] {
				if m.name == name {
					j.more = members{m}
				}
			}
		})
	}
	form("signatures-empty", "a JWS has a signature", true, func(_ *card, j *jws) { j.signatures = nil })
	form("signatures-is-an-object", "signatures is an array", false, func(_ *card, j *jws) {
		j.more = members{{"signatures", j.signatures[0].text()}}
		j.signatures[0] = members{}
	})
	form("signatures-holds-a-string", "a signature is an object", false, func(c *card, j *jws) {
		j.more = members{{"signatures", list([]string{c.text()})}}
		j.signatures[0] = members{}
	})
	form("signature-absent", "a JWS has a signature", false, func(_ *card, j *jws) { j.signatures[0].drop("signature") })
	form("signature-empty", "an unsecured JWS is no JWT of an issuer", false, func(_ *card, j *jws) { j.signatures[0].set("signature", `""`) })
	form("payload-absent", "payload is required", false, func(_ *card, j *jws) { j.payload = "" })
	form("payload-is-an-object", "payload is the base64url text of the claims", false, func(c *card, j *jws) { j.payload = c.payload.text() })
	form("payload-is-empty", "payload is the base64url text of the claims", false, func(_ *card, j *jws) { j.payload = `""` })
	form("protected-absent", "the algorithm must be protected", false, func(_ *card, j *jws) {
		j.signatures[0].drop("protected")
		j.header(0, func(m *members) { m.set("alg", `"ES256"`); m.set("typ", `"example+sd-jwt"`) })
	})
	form("protected-is-an-object", "the protected header is base64url text", false, func(c *card, j *jws) { j.signatures[0].set("protected", c.header.text()) })
	form("header-is-an-array", "the unprotected header is an object", false, func(_ *card, j *jws) { j.signatures[0].set("header", `[]`) })
	for fault, value := range map[string]string{"are-a-string": `"x"`, "are-null": `null`, "are-an-object": `{"0":"x"}`, "hold-a-number": `[1]`, "hold-an-array": `[["x"]]`, "hold-an-empty-string": `[""]`} {
		form("disclosures-"+fault, "disclosures is an array of strings, and each is a disclosure", false, func(_ *card, j *jws) {
			j.header(0, func(m *members) { m.set("disclosures", value) })
		})
	}
	g.json("too-many-signatures", secBounds, "17 signatures", reject("too_large"), true, func(_ *card, j *jws) {
		for range 16 {
			j.signatures = append(j.signatures, j.signatures[0])
		}
	})
	g.json("too-many-disclosures", secBounds, "1,001 disclosures", reject("too_many_disclosures"), false, func(_ *card, j *jws) {
		j.header(0, func(m *members) { m.set("disclosures", list(slices.Repeat([]string{"W10"}, 1001))) })
	})
}

// jsonHeaders: what stands in which header.
func (g *generator) jsonHeaders() {
	bad := reject("sd_jwt_malformed")
	two := func(j *jws) { j.sign(transport, secondHead, members{{"kid", `"transport-1"`}}) }
	g.json("disclosures-in-the-second-header", secJSONGeneral, "disclosures stand in the first header", bad, true, func(c *card, j *jws) {
		two(j)
		j.signatures[0].drop("header")
		j.header(1, func(m *members) { m.set("disclosures", list(c.shown)) })
	})
	g.json("disclosures-in-both-headers", secJSONGeneral, "and in no other", bad, true, func(c *card, j *jws) {
		two(j)
		j.header(1, func(m *members) { m.set("disclosures", list(c.shown)) })
	})
	g.json("no-disclosures-in-the-second-header", secJSONGeneral, "not even an empty list", bad, true, func(_ *card, j *jws) {
		two(j)
		j.header(1, func(m *members) { m.set("disclosures", `[]`) })
	})
	disjoint := func(fault, why string, protect func(*members), name, value string) {
		g.json(fault, "RFC 7515 7.2.1; RFC 9901 8.1", why, bad, false, func(c *card, j *jws) {
			protected := c.header
			protect(&protected)
			header := members{{"disclosures", list(c.shown)}}
			header.set(name, value)
			j.signatures = nil
			j.sign(registry, protected.text(), header)
		})
	}
	disjoint("disclosures-protected-and-unprotected", "a name stands in one of the two headers", func(m *members) { m.set("disclosures", `[]`) }, "office", `4`)
	disjoint("kid-protected-and-unprotected", "a name stands in one of the two headers", func(m *members) { m.set("kid", `"registry-1"`) }, "kid", `"registry-2"`)
	disjoint("alg-protected-and-unprotected", "a name stands in one of the two headers", func(*members) {}, "alg", `"none"`)
	g.json("alg-unprotected", "RFC 7515 4.1.1, RFC 8725 3.1; RFC 9901 7.1 step 2.1", "an algorithm that anybody can change", reject("alg_unsupported"), false, func(c *card, j *jws) {
		j.signatures = nil
		j.sign(registry, `{"typ":"example+sd-jwt"}`, members{{"disclosures", list(c.shown)}, {"alg", `"ES256"`}})
	})
	for _, name := range []string{"crit", "b64"} {
		value := map[string]string{"crit": `["exp"]`, "b64": `false`}[name]
		section := map[string]string{"crit": "RFC 7515 4.1.11; RFC 9901 8.1", "b64": "RFC 7797 3; RFC 9901 8.1"}[name]
		g.json(name+"-unprotected", section, "it must be protected", bad, false, func(_ *card, j *jws) {
			j.header(0, func(m *members) { m.set(name, value) })
		})
	}
	g.json("crit-unknown", secCrit, "an extension that must be understood", reject("header_crit_unknown"), false, func(c *card, j *jws) {
		j.signatures = nil
		j.sign(registry, `{"alg":"ES256","typ":"example+sd-jwt","crit":["x"],"x":1}`, members{{"disclosures", list(c.shown)}})
	})
}
