package main

import (
	"encoding/base64"
	"encoding/hex"
	"strings"
)

const (
	secJSON   = "RFC 8259 4, RFC 7519 4"
	secBase64 = "RFC 7515 2, RFC 4648 3.5"
	secBounds = "RFC 8259 9: limits of an implementation; here the stated defaults"
)

func unb64(s string) []byte {
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		panic(err)
	}
	return b
}

func hexOf(b []byte) string { return hex.EncodeToString(b) }

// slack sets the unused bits of the last character: lenient decoders read the same bytes from it.
func slack(s string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	i := strings.IndexByte(alphabet, s[len(s)-1])
	if len(s)%4 == 0 || i|1 == i {
		panic("no unused bit in " + s)
	}
	return s[:len(s)-1] + alphabet[i|1:i|1+1]
}

// padded adds what base64url in JOSE leaves out.
func padded(s string) string { return s + strings.Repeat("=", (4-len(s)%4)%4) }

// encodings: texts that are not what they must be, to the letter.
func (g *generator) encodings() {
	g.malformedJSON()
	g.malformedBase64()
	whole := func(fault, why string, edit func(string) string) {
		g.plain(fault, secForm, why, reject("sd_jwt_malformed"), func(c *card) {
			c.reveal("full_name", `"Pema Lhamo"`)
			c.edit = edit
		})
	}
	whole("empty", "nothing was sent", func(string) string { return "" })
	whole("no-tilde", "a JWT alone is no SD-JWT", func(s string) string { return s[:strings.IndexByte(s, '~')] })
	whole("last-tilde-omitted", "the last tilde belongs to the form", func(s string) string { return s[:len(s)-1] })
	whole("truncated-in-disclosure", "what stands after the last tilde must be a key binding JWT", func(s string) string { return s[:len(s)-9] })
	whole("truncated-in-signature", "the first tilde is missing", func(s string) string { return s[:strings.IndexByte(s, '~')-9] })
	whole("empty-disclosure", "a disclosure has at least one character", func(s string) string { return s + "~" })
	whole("jwt-of-two-parts", "a JWT has three parts", func(s string) string { return strings.Replace(s, ".", "", 1) })
	whole("jwt-of-five-parts", "a JWE is no JWS", func(s string) string { return strings.Replace(s, ".", ".AA.AA.", 1) })
	whole("jwt-missing", "a tilde and no JWT before it", func(s string) string { return s[strings.IndexByte(s, '~'):] })
	whole("line-break-at-the-end", "nothing may follow the last tilde but a key binding JWT", func(s string) string { return s + "\n" })
	g.plain("signature-empty", secSignature, "a JWS without a signature", reject("sd_jwt_malformed"), func(c *card) {
		c.edit = func(s string) string {
			i := strings.IndexByte(s, '~')
			return s[:strings.LastIndexByte(s[:i], '.')+1] + s[i:]
		}
	})
}

func (g *generator) malformedJSON() {
	payload := func(fault, why, reason, text string) {
		g.plain(fault, secJSON, why, reject(reason), func(c *card) { c.payloadText = text })
	}
	payload("payload-no-json", "the payload is a JSON object", "json_malformed", `iss=`+issuer)
	payload("payload-is-an-array", "the payload is a JSON object", "json_malformed", `[]`)
	payload("payload-with-trailing-bytes", "one JSON object and nothing behind it", "json_malformed", `{"iat":1767225600}{}`)
	payload("payload-with-byte-order-mark", "JSON text has none", "json_malformed", "\ufeff"+`{"iat":1767225600}`)
	payload("payload-not-utf-8", "JSON text is UTF-8", "json_malformed", "{\"full_name\":\"Pem\xe4\"}")
	payload("payload-with-lone-surrogate", "half a character: readers disagree about what it is", "json_malformed", `{"full_name":"\ud83c"}`)
	payload("payload-with-comment", "JSON has no comments", "json_malformed", `{/* none */"iat":1767225600}`)
	payload("payload-number-with-leading-zero", "JSON has no such number", "json_malformed", `{"iat":01767225600}`)
	payload("payload-duplicate-member", "two readers would see two cards", "json_duplicate_member", `{"full_name":"Pema Lhamo","full_name":"Karma Dorji"}`)
	payload("payload-duplicate-member-by-escape", "the second spelling is the same name", "json_duplicate_member", `{"full_name":"Pema Lhamo","full\u005fname":"Karma Dorji"}`)
	payload("payload-duplicate-sd", "two lists of digests in one object", "json_duplicate_member", `{"_sd":[],"_sd":[]}`)
	payload("payload-duplicate-in-depth", "the rule holds at every level", "json_duplicate_member", `{"a":[{"b":{"c":1,"c":1}}]}`)
	raw := func(fault, why, reason, text string) {
		g.plain(fault, secMember, why, reject(reason), func(c *card) { c.shown = []string{c.refer(b64([]byte(text)))} })
	}
	raw("disclosure-no-json", "a disclosure is a JSON array", "json_malformed", `"salt","full_name","Pema Lhamo"`)
	raw("disclosure-with-trailing-bytes", "one JSON array and nothing behind it", "json_malformed", `["salt","full_name","Pema Lhamo"]]`)
	raw("disclosure-not-utf-8", "JSON text is UTF-8", "json_malformed", "[\"salt\",\"full_name\",\"Pem\xe4\"]")
	raw("disclosure-duplicate-member", "the rule holds inside disclosures too", "json_duplicate_member", `["salt","address",{"city":"Thimphu","city":"Paro"}]`)
}

func (g *generator) malformedBase64() {
	bad := reject("base64url_malformed")
	text := func(fault, why string, edit func(string) string) {
		g.plain(fault, secBase64, why, bad, func(c *card) {
			c.shown = []string{c.refer(edit(c.disclosure(`"full_name"`, `"Pema Lhamo?>"`)))}
		})
	}
	text("disclosure-padded", "base64url in JOSE has no padding", func(s string) string { return s + "=" })
	text("disclosure-with-line-break", "a decoder that skips it gives one disclosure many spellings", func(s string) string { return s[:8] + "\n" + s[8:] })
	text("disclosure-with-plus-sign", "that is base64 and not base64url", func(s string) string { return s[:8] + "+" + s[9:] })
	text("disclosure-of-impossible-length", "no bytes have 4n+1 characters", func(s string) string { return s[:len(s)/4*4] + "A" })
	text("disclosure-not-canonical", "unused bits that are not zero: a second spelling of the same bytes", func(s string) string {
		return slack(b64(unaligned(unb64(s))))
	})
	g.plain("payload-not-canonical", secBase64, "the signature is right and the payload has a second spelling", bad, func(c *card) {
		c.payloadPart = slack(b64(unaligned([]byte(c.payload.text()))))
	})
	g.plain("payload-with-line-break", secBase64, "the signature is right and the payload has a line break", bad, func(c *card) {
		part := b64([]byte(c.payload.text()))
		c.payloadPart = part[:40] + "\r\n" + part[40:]
	})
	g.plain("payload-padded", secBase64, "base64url in JOSE has no padding", bad, func(c *card) {
		c.payloadPart = padded(b64(unaligned([]byte(c.payload.text()))))
	})
	edit := func(fault, why string, edit func(string) string) {
		g.plain(fault, secBase64, why, bad, func(c *card) { c.edit = edit })
	}
	edit("signature-not-canonical", "anybody could make a second SD-JWT of one", func(s string) string { return slack(s[:len(s)-1]) + "~" })
	edit("signature-padded", "base64url in JOSE has no padding", func(s string) string { return padded(s[:len(s)-1]) + "~" })
	edit("space-at-the-beginning", "white space is no base64url", func(s string) string { return " " + s })
}

// unaligned makes the base64url form of a JSON text end in unused bits.
func unaligned(text []byte) []byte {
	if len(text)%3 == 0 {
		text = append(text, ' ')
	}
	return text
}

// sizes: bounds that are checked before anything is parsed. The figures are the defaults of this library.
func (g *generator) sizes() {
	g.plain("too-large", secBounds, "more than 256 KiB", reject("too_large"), func(c *card) {
		c.payload.set("photograph", quote(strings.Repeat("A", 200_000)))
	})
	g.plain("too-many-disclosures", secBounds, "1,001 disclosures", reject("too_many_disclosures"), func(c *card) {
		c.shown = strings.Split(strings.Repeat("W10 ", 1000)+"W10", " ")
	})
	nested := func(levels int) string { return strings.Repeat(`[`, levels) + strings.Repeat(`]`, levels) }
	g.plain("deep", secBounds, "32 levels", accept(), func(c *card) { c.payload.set("nested", nested(31)) })
	g.plain("too-deep", secBounds, "33 levels", reject("too_deep"), func(c *card) { c.payload.set("nested", nested(32)) })
	g.plain("too-deep-in-disclosure", secBounds, "33 levels, all but one in a disclosure", reject("too_deep"), func(c *card) { c.reveal("nested", nested(32)) })
	chain := func(c *card, disclosures int) {
		value := `true`
		for i := range disclosures {
			d := c.disclosure(`"in"`, value)
			c.shown = append(c.shown, d)
			value = `{"_sd":[` + quote(c.digest(d)) + `]}`
			c.want = `{"in":` + strings.Repeat(`{"in":`, i) + `true` + strings.Repeat(`}`, i) + `}`
		}
		c.sd = []string{c.digest(c.shown[disclosures-1])}
		c.want = `{"iss":` + quote(issuer) + `,"iat":1767225600,` + c.want[1:]
	}
	g.plain("deep-through-disclosures", secBounds, "32 levels, one more with each disclosure", accept(), func(c *card) { chain(c, 32) })
	g.plain("too-deep-through-disclosures", secBounds, "33 levels, one more with each disclosure", reject("too_deep"), func(c *card) {
		chain(c, 33)
	})
}
