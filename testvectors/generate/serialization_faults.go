package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// jsonTexts: JSON and base64url to the letter. What no JSON object in a request could hold travels as a string.
func (g *generator) jsonTexts() {
	whole := func(fault, why, reason string, edit func(string) string) {
		g.json(fault, secJSON, why+"; the request has the text as a string", reject(reason), false, func(_ *card, j *jws) { j.text = edit })
	}
	whole("payload-twice", "two readers would see two cards", "json_duplicate_member", func(s string) string { return `{"payload":"e30",` + s[1:] })
	whole("payload-twice-by-escape", "the second spelling is the same name", "json_duplicate_member", func(s string) string { return `{"p\u0061yload":"e30",` + s[1:] })
	whole("disclosures-twice", "the rule holds at every level", "json_duplicate_member", func(s string) string {
		return strings.Replace(s, `"header":{`, `"header":{"disclosures":[],`, 1)
	})
	whole("with-trailing-bytes", "one JSON object and nothing behind it", "json_malformed", func(s string) string { return s + "~" })
	whole("truncated", "half an object", "json_malformed", func(s string) string { return s[:len(s)-1] })
	whole("with-comment", "JSON has no comments", "json_malformed", func(s string) string { return `{/* none */` + s[1:] })
	whole("in-an-array", "an SD-JWT is one object", "sd_jwt_malformed", func(s string) string { return `[` + s + `]` })
	part := func(fault, why, reason string, change func(*card, *jws)) {
		g.json(fault, secBase64+"; RFC 9901 8.2", why, reject(reason), false, change)
	}
	part("payload-not-canonical", "the signature is right and the payload has a second spelling", "base64url_malformed", func(c *card, j *jws) {
		header := members{{"disclosures", list(c.shown)}}
		j.payload = quote(slack(b64(unaligned([]byte(append(slices.Clone(c.payload), member{"_sd", list(c.sd)}).text())))))
		j.signatures = nil
		j.sign(registry, c.header.text(), header)
	})
	part("signature-not-canonical", "anybody could make a second SD-JWT of one", "base64url_malformed", func(_ *card, j *jws) {
		for i, m := range j.signatures[0] {
			if m.name == "signature" {
				j.signatures[0][i].value = quote(slack(strings.Trim(m.value, `"`)))
			}
		}
	})
	part("protected-padded", "base64url in JOSE has no padding", "base64url_malformed", func(c *card, j *jws) {
		j.signatures[0].set("protected", quote(padded(b64(unaligned([]byte(c.header.text()))))))
	})
	part("disclosure-padded", "base64url in JOSE has no padding", "base64url_malformed", func(c *card, j *jws) {
		j.header(0, func(m *members) { m.set("disclosures", list([]string{c.shown[0] + "="})) })
	})
	part("two-disclosures-in-one-string", "what is one string must not become two parts of the compact form", "sd_jwt_malformed", func(c *card, j *jws) {
		j.header(0, func(m *members) { m.set("disclosures", list([]string{c.shown[0] + "~" + c.shown[0]})) })
	})
	part("tilde-in-the-signature", "what is one string must not become two parts of the compact form", "sd_jwt_malformed", func(c *card, j *jws) {
		j.header(0, func(m *members) { m.set("disclosures", `[]`) })
		for i, m := range j.signatures[0] {
			if m.name == "signature" {
				j.signatures[0][i].value = quote(strings.Trim(m.value, `"`) + "~" + c.shown[0])
			}
		}
	})
	part("header-and-payload-in-protected", "what is one string must not become two parts of the compact form", "sd_jwt_malformed", func(c *card, j *jws) {
		j.signatures[0].set("protected", quote(b64([]byte(c.header.text()))+"."+strings.Trim(j.payload, `"`)))
	})
}

func (g *generator) jsonSignatures() {
	bad := reject("signature_invalid")
	by := func(fault, why string, change func(*card, *jws)) {
		g.json(fault, "RFC 9901 8.4, 7.1 step 2.2, 9.1", why, bad, true, change)
	}
	by("signature-by-another-key", "a self-made card", func(c *card, j *jws) {
		j.signatures = nil
		j.sign(thief, c.header.text(), members{{"disclosures", list(c.shown)}})
	})
	by("no-signature-of-the-issuer", "two signatures, and none is the issuer's", func(c *card, j *jws) {
		j.signatures = nil
		j.sign(thief, c.header.text(), members{{"disclosures", list(c.shown)}})
		j.sign(transport, secondHead, members{})
	})
	by("payload-changed", "the payload of another card under this signature", func(c *card, j *jws) {
		c.payload.set("iat", "1767225601")
		j.payload = quote(b64([]byte(c.payload.text())))
	})
	by("protected-header-changed", "the signature covers the header", func(_ *card, j *jws) {
		j.signatures[0].set("protected", quote(b64([]byte(secondHead))))
	})
	g.json("disclosure-not-referenced", secJSONDigests, "a disclosure that the issuer never made", reject("disclosure_not_referenced"), false, func(c *card, j *jws) {
		j.header(0, func(m *members) {
			m.set("disclosures", list(append(slices.Clone(c.shown), c.disclosure(`"age_over_60"`, `true`))))
		})
	})
	g.json("disclosure-twice", "RFC 9901 8.4, 4", "a holder may not send a disclosure twice", reject("disclosure_not_referenced"), false, func(c *card, j *jws) {
		j.header(0, func(m *members) { m.set("disclosures", list([]string{c.shown[0], c.shown[0]})) })
	})
}

func (g *generator) jsonBindings() {
	as := func(*card, *jws) {}
	g.jsonBound("key-bound", secJSONHash, "sd_hash is over the compact form, which is made for this", accept(), false, nil, as)
	g.jsonBound("general-key-bound", secJSONHash, "of several signatures the first stands in the compact form", accept(), true, nil, func(_ *card, j *jws) {
		j.sign(transport, `{"alg":"ES256","typ":"dc+sd-jwt","kid":"`+other+`#key-1"}`, members{{"kid_of", `"transport"`}})
	})
	g.jsonBound("key-bound-sha-512", secJSONHash, "_sd_alg is the hash of sd_hash too", accept(), false, func(c *card) {
		c.hash, c.sd, c.shown, c.found = "sha-512", nil, nil, nil
		c.payload.set("_sd_alg", `"sha-512"`)
		c.reveal("full_name", `"Pema Lhamo"`)
	}, as)
	missing := func(fault, why string, change func(*card, *jws)) {
		g.jsonBound(fault, secJSONBinding, why, reject("key_binding_missing"), false, nil, change)
	}
	drop := func(j *jws) { j.header(0, func(m *members) { m.drop("kb_jwt") }) }
	missing("key-binding-missing", "a copied card without its holder", func(_ *card, j *jws) { drop(j) })
	missing("key-binding-beside-the-header", "kb_jwt is a member of the unprotected header", func(c *card, j *jws) {
		text := c.text()
		drop(j)
		j.more = members{{"kb_jwt", quote(text[strings.LastIndexByte(text, '~')+1:])}}
	})
	missing("key-binding-in-the-protected-header", "kb_jwt is a member of the unprotected header", func(c *card, j *jws) {
		text := c.text()
		protected := c.header
		protected.set("kb_jwt", quote(text[strings.LastIndexByte(text, '~')+1:]))
		j.signatures = nil
		j.sign(registry, protected.text(), members{{"disclosures", list(c.shown)}})
	})
	hash := func(fault, why string, general bool, before func(*card), change func(*card, *jws)) {
		g.jsonBound(fault, secJSONHash, why, reject("sd_hash_mismatch"), general, before, change)
	}
	hash("sd-hash-over-the-object", "sd_hash over the JSON text", false, func(c *card) {
		c.kb.over = func(s string) string { return serialized(s, false).value() }
	}, as)
	hash("sd-hash-of-other-disclosures", "the holder agreed to show something else", false, func(c *card) {
		c.kb.over = func(s string) string { return s[:strings.IndexByte(s, '~')+1] }
	}, as)
	hash("disclosure-removed-after-key-binding", "the holder agreed to show something else", false, nil, func(_ *card, j *jws) {
		j.header(0, func(m *members) { m.set("disclosures", `[]`) })
	})
	hash("disclosure-added-after-key-binding", "the holder agreed to show less", false, func(c *card) {
		extra := c.hide("blood_group", `"O+"`)
		c.edit = func(s string) string { i := strings.LastIndexByte(s, '~'); return s[:i+1] + extra + "~" + s[i+1:] }
	}, as)
	hash("signatures-swapped-after-key-binding", "the first signature stands in the compact form", true, nil, func(_ *card, j *jws) {
		j.sign(transport, `{"alg":"ES256","typ":"dc+sd-jwt"}`, members{})
		var header string
		for _, m := range j.signatures[0] {
			if m.name == "header" {
				header = m.value
			}
		}
		j.signatures[0].set("header", `{}`)
		j.signatures[1].set("header", header)
		j.signatures[0], j.signatures[1] = j.signatures[1], j.signatures[0]
	})
	bad := func(fault, section, why string, general bool, change func(*card, *jws)) {
		g.jsonBound(fault, section, why, reject("sd_jwt_malformed"), general, nil, change)
	}
	for _, both := range []bool{false, true} {
		fault := map[bool]string{false: "key-binding-in-the-second-header", true: "key-binding-in-both-headers"}[both]
		bad(fault, secJSONGeneral, "kb_jwt stands in the first header and in no other", true, func(c *card, j *jws) {
			text := c.text()
			j.sign(transport, `{"alg":"ES256","typ":"dc+sd-jwt"}`, members{{"kb_jwt", quote(text[strings.LastIndexByte(text, '~')+1:])}})
			if !both {
				drop(j)
			}
		})
	}
	for fault, value := range map[string]string{"is-a-number": `1`, "is-null": `null`, "is-empty": `""`, "is-an-array": `["a.b.c"]`} {
		bad("key-binding-"+fault, secJSONHeader, "kb_jwt is a JWT", false, func(_ *card, j *jws) { j.header(0, func(m *members) { m.set("kb_jwt", value) }) })
	}
	bad("disclosure-in-the-key-binding", secJSONHeader, "what is one string must not become two parts of the compact form", false, func(c *card, j *jws) {
		text := c.text()
		kb := text[strings.LastIndexByte(text, '~')+1:]
		j.header(0, func(m *members) { m.set("disclosures", `[]`); m.set("kb_jwt", quote(c.shown[0]+"~"+kb)) })
	})
	for _, c := range []struct {
		fault, section, reason string
		change                 func(*card)
	}{
		{"audience-of-another-verifier", secKBAud, "audience_mismatch", func(c *card) { c.kb.payload.set("aud", `"https://licensing.example"`) }},
		{"key-binding-by-another-key", secKBSign, "key_binding_signature", func(c *card) { c.kb.signer = thief }},
		{"expired", secTimes, "expired", func(c *card) { c.payload.set("exp", fmt.Sprint(issued)) }},
		{"typ-jwt", secTyp, "typ_mismatch", func(c *card) { c.header.set("typ", `"JWT"`) }},
	} {
		g.jsonBound(c.fault, c.section, "the same rules hold in every serialisation", reject(c.reason), false, c.change, as)
	}
}

// jsonPresented: whole presentations in JWS JSON serialisation.
func (g *generator) jsonPresented() {
	g.scene("json-card-accepted", secJSONForm+"; SD-JWT VC 2.2, 2.4", "the same rules hold in every serialisation", accept(), func(s *scene) { s.serialize = func(*jws) {} })
	g.scene("json-kid-unprotected", "SD-JWT VC 2.5; RFC 9901 8.1", "a name of the key that anybody can change", stranger("kid_missing"), func(s *scene) {
		s.header.drop("kid")
		s.serialize = func(j *jws) { j.header(0, func(m *members) { m.set("kid", quote(issuer+"#key-1")) }) }
	})
	g.scene("json-stolen-card", secKBSign, "the same rules hold in every serialisation", reject("key_binding_signature"), func(s *scene) {
		s.kb.signer = thief
		s.serialize = func(*jws) {}
	})
}

// jsonShown: what a holder makes of a card in JWS JSON serialisation.
func (g *generator) jsonShown() {
	for _, general := range []bool{false, true} {
		fault := map[bool]string{false: "present-json-flattened", true: "present-json-general"}[general]
		section := map[bool]string{false: secJSONForm + "; RFC 9901 7.2", true: secJSONGeneral + "; RFC 9901 7.2"}[general]
		c := plainCard("disclosure/" + fault)
		name, number := c.hide("full_name", `"Pema Lhamo"`), c.hide("id_number", `"10000000001"`)
		c.shown = []string{name, number}
		j := serialized(c.text(), general)
		j.header(0, func(m *members) { m.set("kid", `"registry-1"`) })
		if general {
			j.sign(transport, secondHead, members{{"kid", `"transport-1"`}})
		}
		request := members{{"sd_jwt", j.value()}, {"reveal", `[["full_name"]]`}}
		j.header(0, func(m *members) { m.set("disclosures", list([]string{name})); m.drop("kid") })
		if general {
			j.signatures[1].drop("header")
		}
		expect := append(accept(), member{"sd_jwt", j.value()})
		g.put(vector{c.name, section, "what was signed stays, and so does the serialisation; what nobody signed and no verifier needs does not travel", "sdjwt.present", json.RawMessage(request.text()), json.RawMessage(expect.text())})
	}
	c := boundCard("disclosure/present-json-key-binding-came-from-the-issuer")
	request := members{{"sd_jwt", serialized(c.text(), false).value()}, {"reveal", `[]`}, {"holder_private_jwk", pema.private}, {"audience", quote(audience)}, {"nonce", quote(nonce)}, {"now", fmt.Sprint(now)}}
	g.put(vector{c.name, "RFC 9901 7.2, 8.1", "a holder gets an SD-JWT and not an SD-JWT+KB", "sdjwt.present", json.RawMessage(request.text()), json.RawMessage(reject("unexpected_key_binding").text())})
}
