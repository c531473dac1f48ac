package main

import "strings"

// Sections of RFC 9901.
const (
	secCompact  = "RFC 9901 4"
	secForm     = "RFC 9901 4, 7.1 step 1; SD-JWT VC 2.2"
	secPayload  = "RFC 9901 4.1"
	secHash     = "RFC 9901 4.1.1"
	secGoodHash = "RFC 9901 4.1.1, 7.1 step 2.4, 9.4"
	secMember   = "RFC 9901 4.2.1"
	secElement  = "RFC 9901 4.2.2"
	secDigest   = "RFC 9901 4.2.3"
	secSD       = "RFC 9901 4.2.4.1"
	secArray    = "RFC 9901 4.2.4.2"
	secDecoys   = "RFC 9901 4.2.5"
	secRecurse  = "RFC 9901 4.2.6, 7.1 step 3.3.2.5"
	secInsert   = "RFC 9901 7.1 step 3.3.2"
	secReplace  = "RFC 9901 7.1 step 3.3.3"
	secRepeated = "RFC 9901 7.1 step 4, 4.1"
	secUnused   = "RFC 9901 7.1 step 5, 9.2"
)

// revealed: what an honest holder may show.
func (g *generator) revealed() {
	g.plain("no-selective-disclosure", secCompact, "an SD-JWT without disclosures ends in its first tilde", accept(), func(c *card) {
		c.payload.set("full_name", `"Pema Lhamo"`)
		c.payload.drop("_sd_alg")
	})
	g.plain("member-revealed", secInsert, "a disclosed claim stands where its digest stood", accept(), func(c *card) {
		c.reveal("full_name", `"Pema Lhamo"`)
		c.hide("id_number", `"10000000001"`)
	})
	g.plain("nothing-revealed", secInsert, "a holder may show nothing", accept(), func(c *card) { c.hide("full_name", `"Pema Lhamo"`) })
	g.plain("disclosures-in-another-order", secCompact, "the order of disclosures has no meaning", accept(), func(c *card) {
		c.reveal("full_name", `"Pema Lhamo"`)
		c.reveal("id_number", `"10000000001"`)
		c.shown[0], c.shown[1] = c.shown[1], c.shown[0]
	})
	g.plain("claim-values-of-every-kind", secMember, "a claim's value can be of any JSON type", accept(), func(c *card) {
		for i, v := range []string{`null`, `false`, `true`, `0`, `-1`, `12345678901234567890`, `1.50`, `""`, `"ཀ\u0f0b"`, `[]`, `{}`, `[1,{"a":[]}]`} {
			c.reveal("claim "+string(rune('a'+i)), v)
		}
	})
	g.plain("empty-claim-name", secMember, "the empty string is a name like any other in JSON", accept(), func(c *card) { c.reveal("", `"x"`) })
	g.plain("one-name-at-two-levels", secInsert, "a name must be new at its own level only", accept(), func(c *card) {
		inner := c.disclosure(`"name"`, `"inner"`)
		c.payload.set("employer", `{"_sd":[`+quote(c.digest(inner))+`]}`)
		c.shown = append(c.shown, inner)
		c.reveal("name", `"outer"`)
		c.want = `{"iss":` + quote(issuer) + `,"iat":1767225600,"employer":{"name":"inner"},"name":"outer"}`
	})
	g.plain("object-left-empty", "RFC 9901 7.1 step 3.5", "an object of which nothing is shown becomes {}", accept(), func(c *card) {
		c.payload.set("address", `{"_sd":[`+quote(c.digest(c.disclosure(`"city"`, `"Thimphu"`)))+`]}`)
		c.want = `{"iss":` + quote(issuer) + `,"iat":1767225600,"address":{}}`
	})
	g.arraysAndRecursion()
	g.hashesAndSpellings()
}

func (g *generator) arraysAndRecursion() {
	g.plain("array-element-revealed", secReplace, "the elements that are not shown disappear", accept(), func(c *card) {
		_, a := c.element(`"A"`)
		pb, b := c.element(`"B"`)
		c.payload.set("licences", `["plain",`+place(c.digest(a))+`,`+pb+`,{"kind":"C"}]`)
		c.shown = []string{b}
		c.want = `{"iss":` + quote(issuer) + `,"iat":1767225600,"licences":["plain","B",{"kind":"C"}]}`
	})
	g.plain("array-null-element-revealed", secReplace, "null is a value and not an absence", accept(), func(c *card) {
		p, d := c.element(`null`)
		c.payload.set("readings", `[`+p+`]`)
		c.shown = []string{d}
		c.want = `{"iss":` + quote(issuer) + `,"iat":1767225600,"readings":[null]}`
	})
	g.plain("element-values-of-every-kind", secElement, "an element can be of any JSON type", accept(), func(c *card) {
		var places, values []string
		for _, v := range []string{`null`, `false`, `0`, `-1.50`, `12345678901234567890`, `""`, `[]`, `{}`, `[["A"]]`, `{"kind":"A"}`} {
			p, d := c.element(v)
			places, values, c.shown = append(places, p), append(values, v), append(c.shown, d)
		}
		c.payload.set("readings", `[`+strings.Join(places, ",")+`]`)
		c.want = `{"iss":` + quote(issuer) + `,"iat":1767225600,"readings":[` + strings.Join(values, ",") + `]}`
	})
	g.plain("array-left-empty", "RFC 9901 7.1 step 3.4", "an array of which nothing is shown becomes []", accept(), func(c *card) {
		p, _ := c.element(`"A"`)
		c.payload.set("licences", `[`+p+`,`+place(c.decoy())+`]`)
		c.want = `{"iss":` + quote(issuer) + `,"iat":1767225600,"licences":[]}`
	})
	address := func(c *card) (parent, child string) {
		child = c.disclosure(`"city"`, `"Thimphu"`)
		hidden := c.disclosure(`"street"`, `"Norzin Lam 1"`)
		return c.disclosure(`"address"`, `{"country":"BT","_sd":[`+quote(c.digest(hidden))+`,`+quote(c.digest(child))+`]}`), child
	}
	g.plain("recursive-parent-alone", secRecurse, "a parent is shown and its children stay hidden", accept(), func(c *card) {
		parent, _ := address(c)
		c.shown = []string{c.refer(parent)}
		c.found = members{{"address", `{"country":"BT"}`}}
	})
	g.plain("recursive-parent-and-child", secRecurse, "the digest of the child stands in the parent's disclosure", accept(), func(c *card) {
		parent, child := address(c)
		c.shown = []string{child, c.refer(parent)} // in any order
		c.found = members{{"address", `{"country":"BT","city":"Thimphu"}`}}
	})
	g.plain("recursive-child-without-parent", secRecurse, "without the parent nothing says where the child belongs", reject("disclosure_not_referenced"), func(c *card) {
		parent, child := address(c)
		c.refer(parent)
		c.shown = []string{child}
	})
	g.plain("recursive-array-in-array", "RFC 9901 4.2.6, 7.1 step 3.3.3.3", "an element that is an array with concealed elements", accept(), func(c *card) {
		pi, inner := c.element(`"deep"`)
		ph, _ := c.element(`"hidden"`)
		po, outer := c.element(`["open",` + ph + `,` + pi + `]`)
		c.payload.set("nested", `[`+po+`]`)
		c.shown = []string{outer, inner}
		c.want = `{"iss":` + quote(issuer) + `,"iat":1767225600,"nested":[["open","deep"]]}`
	})
	g.plain("decoys-everywhere", secDecoys, "digests without a disclosure are left out of account", accept(), func(c *card) {
		p, d := c.element(`"A"`)
		c.payload.set("licences", `[`+place(c.decoy())+`,`+p+`]`)
		c.payload.set("address", `{"country":"BT","_sd":[`+quote(c.decoy())+`,"no digest at all"]}`)
		c.shown = []string{d}
		c.sd = []string{c.decoy(), c.decoy()}
		c.want = `{"iss":` + quote(issuer) + `,"iat":1767225600,"licences":["A"],"address":{"country":"BT"}}`
	})
	g.plain("empty-sd", secSD, "_sd may be empty", accept(), func(c *card) {
		c.payload.set("_sd", `[]`)
		c.payload.set("full_name", `"Pema Lhamo"`)
	})
}

func (g *generator) hashesAndSpellings() {
	for _, hash := range []string{"sha-384", "sha-512"} {
		g.plain(hash, secHash, "a hash of the registry of named information hashes", accept(), func(c *card) {
			c.hash = hash
			c.payload.set("_sd_alg", quote(hash))
			c.reveal("full_name", `"Pema Lhamo"`)
		})
	}
	g.plain("sd-alg-absent", secHash, "the default is sha-256", accept(), func(c *card) {
		c.payload.drop("_sd_alg")
		c.reveal("full_name", `"Pema Lhamo"`)
	})
	raw := func(c *card, text string) {
		c.shown = []string{c.refer(b64([]byte(strings.ReplaceAll(text, "SALT", c.salt()))))}
	}
	g.plain("disclosure-with-white-space", secMember, "digests are over what was sent, so any JSON spelling will do", accept(), func(c *card) {
		raw(c, "\r\n[ \"SALT\" ,\n\t\"full_name\",\"Pema Lhamo\" ]\n")
		c.found = members{{"full_name", `"Pema Lhamo"`}}
	})
	g.plain("disclosure-with-escapes", secMember, "an escaped spelling of a name or value is the same name or value", accept(), func(c *card) {
		raw(c, `["SALT","full\u005fname","P\u0065ma \uD83C\uDDE7"]`)
		c.found = members{{"full_name", `"Pema 🇧"`}}
	})
	g.plain("sd-spelled-with-an-escape", secSD, "_sd is _sd however it is spelled: the digest counts and the member goes away", accept(), func(c *card) {
		d := c.disclosure(`"full_name"`, `"Pema Lhamo"`)
		c.payloadText = `{"iss":` + quote(issuer) + `,"iat":1767225600,"\u005fsd":[` + quote(c.digest(d)) + `]}`
		c.shown = []string{d}
		c.want = `{"iss":` + quote(issuer) + `,"iat":1767225600,"full_name":"Pema Lhamo"}`
	})
}

// digests: what may not stand in a payload.
func (g *generator) digests() {
	repeated := reject("digest_repeated")
	g.plain("digest-repeated-in-sd", secRepeated, "one digest twice in one _sd", repeated, func(c *card) {
		c.reveal("full_name", `"Pema Lhamo"`)
		c.sd = append(c.sd, c.sd[0])
	})
	g.plain("digest-repeated-at-two-levels", secRepeated, "one disclosure would appear in two places", repeated, func(c *card) {
		c.reveal("full_name", `"Pema Lhamo"`)
		c.payload.set("employer", `{"_sd":[`+quote(c.sd[0])+`]}`)
	})
	g.plain("digest-repeated-in-array", secRepeated, "one element would appear twice", repeated, func(c *card) {
		p, d := c.element(`"A"`)
		c.payload.set("licences", `[`+p+`,`+p+`]`)
		c.shown = []string{d}
	})
	g.plain("digest-repeated-in-disclosure", secRepeated, "the second time through another disclosure", repeated, func(c *card) {
		c.reveal("full_name", `"Pema Lhamo"`)
		d := c.disclosure(`"employer"`, `{"_sd":[`+quote(c.sd[0])+`]}`)
		c.shown = append(c.shown, c.refer(d))
	})
	g.plain("decoy-repeated", secRepeated, "the rule is about digests, with or without a disclosure", repeated, func(c *card) {
		c.sd = []string{c.decoy()}
		c.payload.set("address", `{"_sd":[`+quote(c.sd[0])+`]}`)
	})
	g.plain("decoy-of-odd-form-repeated", secRepeated, "a string that cannot be a digest is a digest of nothing, and must not repeat either", repeated, func(c *card) {
		c.sd = []string{"no digest at all"}
		c.payload.set("licences", `[`+place(c.sd[0])+`]`)
	})
	malformed := reject("sd_not_an_array_of_strings")
	for fault, value := range map[string]string{"sd-is-a-string": `"x"`, "sd-is-null": `null`, "sd-is-an-object": `{}`, "sd-holds-a-number": `["x",1]`, "sd-holds-an-array": `[["x"]]`} {
		g.plain(fault, secSD, "_sd must be an array of strings", malformed, func(c *card) { c.payload.set("_sd", value) })
	}
	g.plain("sd-malformed-in-disclosure", secSD, "the rule holds inside disclosures too", malformed, func(c *card) { c.reveal("address", `{"_sd":{"city":"Thimphu"}}`) })
	placeholder := reject("array_digest_malformed")
	g.plain("array-digest-with-another-member", secArray, "a placeholder has one member", placeholder, func(c *card) {
		c.payload.set("licences", `[{"...":`+quote(c.decoy())+`,"kind":"A"}]`)
	})
	g.plain("array-digest-is-a-number", secArray, "a placeholder's value is a digest", placeholder, func(c *card) { c.payload.set("licences", `[{"...":1}]`) })
	g.plain("array-digest-under-another-name", secArray, "the name is three dots; one character that looks like them is a claim's name", reject("disclosure_not_referenced"), func(c *card) {
		_, d := c.element(`"A"`)
		c.payload.set("licences", `[{"…":`+quote(c.digest(d))+`}]`)
		c.shown = []string{d}
	})
	g.plain("array-digest-over-decoded-disclosure", secArray, "the digest of an element is over the base64url text too", reject("disclosure_not_referenced"), func(c *card) {
		_, d := c.element(`"A"`)
		c.payload.set("licences", `[`+place(digestBy("", string(unb64(d))))+`]`)
		c.shown = []string{d}
	})
	g.plain("ellipsis-outside-of-an-array", secPayload, "... is reserved for elements of arrays", reject("reserved_claim_name"), func(c *card) {
		c.payload.set("address", place(c.decoy()))
	})
	for fault, value := range map[string]string{"sd-alg-unknown": `"sha3-1024"`, "sd-alg-broken-hash": `"md5"`, "sd-alg-truncated-hash": `"sha-256-64"`, "sd-alg-in-upper-case": `"SHA-256"`, "sd-alg-is-a-number": `256`, "sd-alg-is-null": `null`} {
		g.plain(fault, secGoodHash, "_sd_alg must name a hash that is understood and secure", reject("sd_alg_unsupported"), func(c *card) { c.payload.set("_sd_alg", value) })
	}
	g.plain("sd-alg-nested", secHash, "_sd_alg stands at the top level or nowhere", reject("sd_alg_nested"), func(c *card) {
		c.payload.set("address", `{"_sd_alg":"sha-512"}`)
	})
	g.plain("sd-alg-nested-in-disclosure", secHash, "_sd_alg stands at the top level or nowhere", reject("sd_alg_nested"), func(c *card) {
		c.reveal("address", `{"_sd_alg":"sha-512"}`)
	})
	g.plain("sd-alg-in-disclosure", secHash, "a disclosure cannot choose the hash that it is found by", reject("sd_alg_nested"), func(c *card) {
		c.payload.drop("_sd_alg")
		c.reveal("_sd_alg", `"sha-256"`)
	})
}

// disclosures: what may not travel as one.
func (g *generator) disclosures() {
	unused := reject("disclosure_not_referenced")
	g.plain("disclosure-not-referenced", secUnused, "a disclosure that the issuer never made", unused, func(c *card) {
		c.reveal("full_name", `"Pema Lhamo"`)
		c.shown = append(c.shown, c.disclosure(`"age_over_60"`, `true`))
	})
	g.plain("disclosure-twice", secCompact, "a holder may not send a disclosure twice", unused, func(c *card) {
		c.reveal("full_name", `"Pema Lhamo"`)
		c.shown = append(c.shown, c.shown[0])
	})
	g.plain("disclosure-changed", secUnused, "a changed claim has another digest", unused, func(c *card) {
		c.reveal("age_over_60", `false`)
		c.shown[0] = b64([]byte(strings.Replace(string(unb64(c.shown[0])), "false", "true", 1)))
	})
	g.plain("digest-over-decoded-disclosure", secDigest, "the digest is over the base64url text, not over what it encodes", unused, func(c *card) {
		d := c.disclosure(`"full_name"`, `"Pema Lhamo"`)
		c.sd, c.shown = []string{digestBy("", string(unb64(d)))}, []string{d}
	})
	g.plain("digest-in-hexadecimal", secDigest, "the digest is the base64url text of the hash's bytes", unused, func(c *card) {
		d := c.disclosure(`"full_name"`, `"Pema Lhamo"`)
		c.sd, c.shown = []string{hexOf(unb64(c.digest(d)))}, []string{d}
	})
	g.plain("digest-with-padding", secDigest, "a padded spelling of a digest is another string", unused, func(c *card) {
		d := c.disclosure(`"full_name"`, `"Pema Lhamo"`)
		c.sd, c.shown = []string{c.digest(d) + "="}, []string{d}
	})
	g.plain("digest-not-canonical", secDigest, "a second spelling of the same bytes is another string", unused, func(c *card) {
		d := c.disclosure(`"full_name"`, `"Pema Lhamo"`)
		c.sd, c.shown = []string{slack(c.digest(d))}, []string{d}
	})
	g.plain("claim-name-exists-in-plain", secInsert+".3, 4.2.1", "a disclosure may not replace what the issuer signed in the clear", reject("claim_exists"), func(c *card) {
		c.payload.set("full_name", `"Karma Dorji"`)
		c.shown = []string{c.hide("full_name", `"Pema Lhamo"`)}
	})
	g.plain("claim-exists-and-signature-invalid", "RFC 9901 7.1, 9.1", "the first fault ends it: nothing of a disclosure is said before the signature is right", reject("signature_invalid"), func(c *card) {
		c.payload.set("full_name", `"Karma Dorji"`)
		c.shown = []string{c.hide("full_name", `"Pema Lhamo"`)}
		c.signer = thief
	})
	g.plain("claim-name-revealed-twice", secInsert+".3, 4.2.1", "two disclosures of one name", reject("claim_exists"), func(c *card) {
		c.shown = []string{c.hide("full_name", `"Karma Dorji"`), c.hide("full_name", `"Pema Lhamo"`)}
	})
	g.plain("claim-name-revealed-twice-among-many", secInsert+".3, 4.2.1", "the check must hold however many claims there are", reject("claim_exists"), func(c *card) {
		for i := range 40 {
			c.reveal("claim "+string(rune('A'+i)), `true`)
		}
		c.shown = append(c.shown, c.hide("claim A", `false`))
	})
	for fault, name := range map[string]string{"claim-is-called-sd": "_sd", "claim-is-called-ellipsis": "..."} {
		g.plain(fault, secInsert+".2, 4.2.1", "a disclosure may not bring digests in by this name", reject("reserved_claim_name"), func(c *card) { c.reveal(name, `["x"]`) })
	}
	form := func(fault, section, why string, make func(c *card) string) {
		g.plain(fault, section, why, reject("disclosure_malformed"), func(c *card) { c.shown = []string{c.refer(make(c))} })
	}
	form("disclosure-of-one-element", secMember, "a disclosure has two or three elements", func(c *card) string { return c.disclosure() })
	form("disclosure-of-four-elements", secMember, "a disclosure has two or three elements", func(c *card) string { return c.disclosure(`"a"`, `1`, `2`) })
	form("disclosure-is-an-object", secMember, "a disclosure is an array", func(*card) string { return b64([]byte(`{"full_name":"Pema Lhamo"}`)) })
	form("disclosure-salt-is-a-number", secMember, "a salt is a string", func(*card) string { return b64([]byte(`[1,"full_name","Pema Lhamo"]`)) })
	form("disclosure-name-is-a-number", secMember, "a name is a string", func(c *card) string { return c.disclosure(`1`, `"Pema Lhamo"`) })
	form("element-disclosure-among-members", secInsert+".1", "an object's claim has a name", func(c *card) string { return c.disclosure(`"Pema Lhamo"`) })
	inArray := func(fault, why string, make func(c *card) string) {
		g.plain(fault, secElement, why, reject("disclosure_malformed"), func(c *card) {
			d := make(c)
			c.payload.set("licences", `[`+place(c.digest(d))+`]`)
			c.shown = []string{d}
		})
	}
	inArray("element-disclosure-of-one-element", "a salt and no element", func(c *card) string { return c.disclosure() })
	inArray("element-disclosure-of-four-elements", "two elements", func(c *card) string { return c.disclosure(`"A"`, `"B"`, `"C"`) })
	inArray("element-disclosure-is-an-object", "a disclosure is an array", func(*card) string { return b64([]byte(`{"kind":"A"}`)) })
	inArray("element-disclosure-is-a-string", "a disclosure is an array", func(*card) string { return b64([]byte(`"A"`)) })
	inArray("element-disclosure-salt-is-null", "a salt is a string", func(*card) string { return b64([]byte(`[null,"A"]`)) })
	g.plain("member-disclosure-in-array", secReplace+".1", "an array's element has no name", reject("disclosure_malformed"), func(c *card) {
		d := c.disclosure(`"kind"`, `"A"`)
		c.payload.set("licences", `[`+place(c.digest(d))+`]`)
		c.shown = []string{d}
	})
}
