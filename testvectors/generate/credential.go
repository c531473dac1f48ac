package main

import (
	"encoding/hex"
	"fmt"
	"math/big"
	"strings"
)

const (
	secJOSE      = "RFC 7515 4, RFC 8725 3.1"
	secHeaders   = "the header rules of package credential; RFC 7515 4 and 5.3 alone would allow it"
	secCrit      = "RFC 7515 4.1.11"
	secTyp       = "SD-JWT VC 2.2.1, 2.1"
	secAlg       = "RFC 9901 7.1 step 2.1, 4.1"
	secSignature = "RFC 9901 7.1 step 2.2, 4.1, 9.1"
	secTimes     = "RFC 9901 7.1 step 6, RFC 7519 4.1; SD-JWT VC 2.2.2.3"
	secNotHidden = "SD-JWT VC 2.2.2.3; RFC 9901 9.7"
	secVCT       = "SD-JWT VC 2.2.2.1"
	secStatus    = "Token Status List 6.2"
)

// headers: the JOSE header of the card.
func (g *generator) headers() {
	header := func(fault, section, why, reason, text string) {
		g.vc(fault, section, why, reject(reason), func(c *card) { c.headerText = text })
	}
	head := `"typ":"dc+sd-jwt","kid":` + quote(issuer+"#key-1") + `}`
	header("header-no-json", secJOSE, "a header is a JSON object", "header_malformed", `alg=ES256`)
	header("header-is-an-array", secJOSE, "a header is a JSON object", "header_malformed", `["ES256"]`)
	header("header-alg-twice", secJOSE, "two readers would take different algorithms", "header_malformed", `{"alg":"none","alg":"ES256",`+head)
	header("header-alg-in-upper-case", secHeaders, "some readers ignore case and would take it for alg", "header_malformed", `{"alg":"ES256","ALG":"none",`+head)
	header("header-alg-by-escape", secHeaders, "a name that hides", "header_malformed", `{"al\u0067":"ES256",`+head)
	header("header-typ-twice", secJOSE, "one member each", "header_malformed", `{"alg":"ES256","typ":"JWT",`+head)
	header("header-kid-is-a-number", "RFC 7515 4.1.4", "kid is a string", "header_malformed", `{"alg":"ES256","typ":"dc+sd-jwt","kid":1}`)
	header("header-alg-is-null", "RFC 7515 4.1.1", "alg is a string", "header_malformed", `{"alg":null,`+head)
	header("header-crit-unknown", secCrit, "an extension that must be understood", "header_crit_unknown", `{"alg":"ES256","crit":["exp"],"exp":1,`+head)
	header("header-crit-empty", secCrit, "crit may not be empty", "header_crit_unknown", `{"alg":"ES256","crit":[],`+head)
	header("header-crit-b64", "RFC 7797 3", "an unencoded payload would be another text", "header_crit_unknown", `{"alg":"ES256","crit":["b64"],"b64":false,`+head)
	header("alg-absent", "RFC 7515 4.1.1", "alg is required", "alg_unsupported", `{`+head)
	for fault, alg := range map[string]string{"alg-none": "none", "alg-none-in-mixed-case": "nOnE", "alg-rsa": "RS256", "alg-in-lower-case": "es256", "alg-unknown": "ES257"} {
		header(fault, secAlg, "an algorithm that is not accepted", "alg_unsupported", `{"alg":`+quote(alg)+`,`+head)
	}
	g.vc("alg-mac-with-the-public-key", secAlg, "a public key is no secret: whoever knows it could sign", reject("alg_unsupported"), func(c *card) {
		c.header.set("alg", `"HS256"`)
		c.signer.sign = mac(registry.public)
	})
	g.vc("alg-none-without-signature", "RFC 9901 4.1, 9.1, 7.1 step 2.1", "an unsecured JWS is no JWT of an issuer", reject("sd_jwt_malformed"), func(c *card) {
		c.header.set("alg", `"none"`)
		c.signature = func([]byte) []byte { return nil }
	})
	for fault, alg := range map[string]string{"alg-of-another-curve": "ES384", "alg-of-secp256k1": "ES256K", "alg-eddsa-for-p256": "EdDSA"} {
		g.vc(fault, secAlg, "the key decides about the algorithm", reject("alg_mismatch"), func(c *card) { c.header.set("alg", quote(alg)) })
	}
	g.typs()
	g.vc("kid-is-a-number-without-the-vc-rules", "RFC 7515 4.1.4", "RFC 9901 alone has no use for kid; sd-jwt-python's test cases have one such header", accept(), func(c *card) {
		c.header.set("kid", `42`)
		c.request.set("profile", `"sd-jwt"`)
	})
	g.vc("header-with-unknown-members", "RFC 7515 4", "members that are not understood are ignored", accept(), func(c *card) {
		c.header.set("cty", `"json"`)
		c.header.set("x_office", `{"desk":4}`)
	})
}

func (g *generator) typs() {
	for fault, typ := range map[string]string{
		"typ-jwt": `"JWT"`, "typ-of-earlier-drafts": `"vc+sd-jwt"`, "typ-in-upper-case": `"DC+SD-JWT"`, "typ-with-prefix": `"application/dc+sd-jwt"`,
		"typ-key-binding": `"kb+jwt"`, "typ-status-list": `"statuslist+jwt"`,
	} {
		g.vc(fault, secTyp, "typ must be dc+sd-jwt, so that a JWT of another kind is no card", reject("typ_mismatch"), func(c *card) { c.header.set("typ", typ) })
	}
	g.vc("typ-absent", secTyp, "typ must be dc+sd-jwt", reject("typ_mismatch"), func(c *card) { c.header.drop("typ") })
	g.vc("typ-other-without-the-vc-rules", "RFC 9901 9.11", "RFC 9901 alone leaves typ to the application", accept(), func(c *card) {
		c.header.set("typ", `"example+sd-jwt"`)
		c.request.set("profile", `"sd-jwt"`)
	})
	g.vc("typ-key-binding-without-the-vc-rules", "RFC 9901 9.11", "a key binding JWT must not pass for an issuer's", reject("typ_mismatch"), func(c *card) {
		c.header.set("typ", `"kb+jwt"`)
		c.request.set("profile", `"sd-jwt"`)
	})
}

// signatures: who signed what.
func (g *generator) signatures() {
	for _, k := range []key{registry, registryK, registry3, registryE} {
		g.vc("issuer-"+strings.ToLower(k.alg), secSignature, "a card signed with "+k.alg, accept(), func(c *card) { c.signedBy(k) })
	}
	for _, k := range []key{pema, pemaK, pemaE} {
		g.vc("holder-"+strings.ToLower(k.alg), "RFC 9901 7.3 step 5.3", "a key binding signed with "+k.alg, accept(), func(c *card) { c.bound(k) })
	}
	bad := reject("signature_invalid")
	g.vc("signature-by-another-key", secSignature, "a self-made card", bad, func(c *card) { c.signer = thief })
	g.vc("signature-by-the-holder", secSignature, "a holder who signs his own card", bad, func(c *card) { c.signer = pema })
	g.vc("signature-by-another-key-es256k", secSignature, "a self-made card", bad, func(c *card) {
		c.signedBy(registryK)
		c.signer = pemaK
	})
	shape := func(fault, why string, change func([]byte) []byte) {
		g.vc(fault, secSignature, why, bad, func(c *card) { c.signature = change })
	}
	shape("signature-flipped-bit", "one bit of the signature", func(s []byte) []byte { s[40] ^= 1; return s })
	shape("signature-halves-swapped", "s||r", func(s []byte) []byte { return append(s[32:], s[:32]...) })
	shape("signature-zero", "r = s = 0", func([]byte) []byte { return make([]byte, 64) })
	shape("signature-one-byte-short", "ES256 has 64 bytes", func(s []byte) []byte { return s[:63] })
	shape("signature-one-byte-long", "ES256 has 64 bytes", func(s []byte) []byte { return append(s, 0) })
	shape("signature-in-der", "JOSE has r||s", der)
	shape("signature-r-plus-order", "r must be below the order", func(s []byte) []byte {
		n, _ := hex.DecodeString("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551")
		sum := new(big.Int).Add(new(big.Int).SetBytes(s[:32]), new(big.Int).SetBytes(n)).Bytes()
		return append(sum[len(sum)-32:], s[32:]...)
	})
	g.vc("payload-changed", secSignature, "the payload of another card under this signature", bad, func(c *card) {
		c.edit = func(s string) string {
			parts := strings.SplitN(s, ".", 3)
			return parts[0] + "." + b64([]byte(strings.Replace(string(unb64(parts[1])), "2", "3", 1))) + "." + parts[2]
		}
		c.kb = nil
		c.request.set("require_key_binding", "false")
	})
	g.vc("header-changed", secSignature, "the signature covers the header", bad, func(c *card) {
		c.edit = func(s string) string {
			return b64([]byte(`{"alg":"ES256","typ":"dc+sd-jwt"}`)) + s[strings.IndexByte(s, '.'):]
		}
		c.kb = nil
		c.request.set("require_key_binding", "false")
	})
}

// der writes r||s as SEQUENCE { INTEGER r, INTEGER s }.
func der(s []byte) []byte {
	var body []byte
	for _, half := range [][]byte{s[:32], s[32:]} {
		n := new(big.Int).SetBytes(half).Bytes()
		if n[0]&0x80 != 0 {
			n = append([]byte{0}, n...)
		}
		body = append(append(body, 2, byte(len(n))), n...)
	}
	return append([]byte{0x30, byte(len(body))}, body...)
}

// times: validity, with 30 seconds of difference between clocks allowed.
func (g *generator) times() {
	for _, c := range []struct {
		fault, claim string
		at           int64
		expect       members
	}{
		{"expired", "exp", issued, reject("expired")},
		{"expired-by-the-whole-skew", "exp", now - skew, reject("expired")},
		{"expired-within-the-skew", "exp", now - skew + 1, accept()},
		{"expires-at-the-beginning-of-time", "exp", 0, reject("expired")},
		{"not-yet-valid", "nbf", now + 3600, reject("not_yet_valid")},
		{"not-yet-valid-by-more-than-the-skew", "nbf", now + skew + 1, reject("not_yet_valid")},
		{"not-yet-valid-within-the-skew", "nbf", now + skew, accept()},
		{"issued-in-the-future", "iat", now + 3600, reject("issued_in_future")},
		{"issued-within-the-skew", "iat", now + skew, accept()},
	} {
		g.vc(c.fault, secTimes, "the time of "+c.claim, c.expect, func(k *card) { k.payload.set(c.claim, fmt.Sprint(c.at)) })
	}
	g.vc("exp-with-a-fraction", "RFC 7519 2", "a NumericDate may have a fraction", accept(), func(c *card) { c.payload.set("exp", "1798761600.5") })
	g.vc("exp-with-an-exponent", "RFC 7519 2", "a NumericDate is any JSON number", accept(), func(c *card) { c.payload.set("exp", "1.7987616e9") })
	for _, claim := range []string{"exp", "nbf", "iat"} {
		for what, value := range map[string]string{"a-string": `"1798761600"`, "null": `null`, "a-boolean": `true`, "an-object": `{}`, "negative": `-1`, "beyond-all-numbers": `1e400`} {
			g.vc(claim+"-is-"+what, "RFC 7519 2", "what is no time must not count as no limit", reject("claim_malformed"), func(c *card) { c.payload.set(claim, value) })
		}
	}
	for _, c := range []struct{ claim, value, reason string }{
		{"exp", fmt.Sprint(issued + 1), "expired"}, {"nbf", fmt.Sprint(now + 3600), "not_yet_valid"}, {"iat", fmt.Sprint(now + 3600), "issued_in_future"}, {"exp", `"never"`, "claim_malformed"},
	} {
		g.vc("disclosed-"+c.claim+"-"+strings.ReplaceAll(c.reason, "_", "-"), "RFC 9901 9.7", "without the rules of SD-JWT VC a validity claim may be disclosed, and counts", reject(c.reason), func(k *card) {
			k.request.set("profile", `"sd-jwt"`)
			k.payload.drop(c.claim)
			k.reveal(c.claim, c.value)
		})
	}
	g.vc("disclosed-aud-of-another-verifier", "RFC 9901 9.7, 7.1 step 6", "without the rules of SD-JWT VC a validity claim may be disclosed, and counts", reject("audience_mismatch"), func(c *card) {
		c.request.set("profile", `"sd-jwt"`)
		c.reveal("aud", `["https://licensing.example"]`)
	})
}

// plainClaims: what may not be hidden, and what must be there.
func (g *generator) plainClaims() {
	for claim, value := range map[string]string{
		"iss": quote(issuer), "nbf": fmt.Sprint(issued), "exp": fmt.Sprint(expires), "cnf": `{"jwk":` + pema.public + `}`,
		"vct#integrity": `"sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="`, "aka_vcts": `["https://registry.example/types/resident"]`,
		"status": `{"status_list":{"idx":1,"uri":"https://registry.example/status/1"}}`,
	} {
		g.vc("disclosed-"+strings.NewReplacer("#", "-", "_", "-").Replace(claim), secNotHidden, "a holder could leave it out", reject("claim_must_be_plain"), func(c *card) {
			c.payload.drop(claim)
			c.reveal(claim, value)
		})
	}
	g.vc("disclosed-vct", "SD-JWT VC 2.2.2.3, 2.2.2.1", "a card whose type is not in the clear has none", reject("vct_missing"), func(c *card) {
		c.payload.drop("vct")
		c.reveal("vct", quote(vct))
	})
	g.vc("disclosed-iat", secNotHidden, "iat may be disclosed selectively", accept(), func(c *card) {
		c.payload.drop("iat")
		c.reveal("iat", fmt.Sprint(issued))
	})
	inside := func(fault, claim string, value func(*card) string) {
		g.vc(fault, secNotHidden, "their parts may not be hidden either", reject("claim_must_be_plain"), func(c *card) { c.payload.set(claim, value(c)) })
	}
	inside("digest-inside-cnf", "cnf", func(c *card) string { return `{"jwk":` + pema.public + `,"_sd":[` + quote(c.decoy()) + `]}` })
	inside("digest-inside-the-key-of-cnf", "cnf", func(c *card) string { return `{"jwk":` + with(pema.public, "_sd", `[`+quote(c.decoy())+`]`) + `}` })
	inside("digest-inside-status", "status", func(c *card) string {
		return `{"status_list":{"idx":1,"uri":"https://registry.example/status/1","_sd":[` + quote(c.decoy()) + `]}}`
	})
	inside("digest-inside-aka-vcts", "aka_vcts", func(c *card) string { return `["https://registry.example/types/resident",` + place(c.decoy()) + `]` })
	g.vc("vct-absent", "SD-JWT VC 2.2.2.3, 2.2.2.1; RFC 9901 7.1 step 6", "vct is required", reject("vct_missing"), func(c *card) { c.payload.drop("vct") })
	for fault, value := range map[string]string{"vct-is-a-number": `1`, "vct-is-an-array": `[` + quote(vct) + `]`, "vct-is-empty": `""`, "vct-is-null": `null`} {
		g.vc(fault, secVCT, "vct is a string", reject("claim_malformed"), func(c *card) { c.payload.set("vct", value) })
	}
	const secOtherTypes = "SD-JWT VC 2.2.2.2"
	for fault, value := range map[string]string{
		"aka-vcts-is-a-string": `"https://registry.example/types/resident"`, "aka-vcts-is-empty": `[]`, "aka-vcts-is-null": `null`,
		"aka-vcts-holds-a-number": `["https://registry.example/types/resident",1]`, "aka-vcts-holds-an-empty-name": `[""]`,
	} {
		g.vc(fault, secOtherTypes, "aka_vcts is a non-empty array of names", reject("claim_malformed"), func(c *card) { c.payload.set("aka_vcts", value) })
	}
	g.vc("aka-vcts-holds-the-vct", secOtherTypes, "vct is not repeated among the other types", reject("claim_malformed"), func(c *card) {
		c.payload.set("aka_vcts", `["https://registry.example/types/resident",`+quote(vct)+`]`)
	})
	g.vc("aka-vcts", secOtherTypes, "a card that is of other types too", accept(), func(c *card) {
		c.payload.set("aka_vcts", `["https://registry.example/types/resident"]`)
	})
	bare := func(c *card) {
		c.sd, c.shown, c.found = nil, nil, nil
		c.payload.drop("_sd_alg")
	}
	g.vc("nothing-concealed", "SD-JWT VC 2.2.2.5", "a card without _sd and without disclosures", accept(), func(c *card) {
		bare(c)
		c.payload.set("full_name", `"Pema Lhamo"`)
	})
	g.vc("disclosure-where-nothing-is-concealed", "SD-JWT VC 2.2.2.5", "a card without digests has no disclosures", reject("disclosure_not_referenced"), func(c *card) {
		bare(c)
		c.shown = []string{c.disclosure(`"full_name"`, `"Pema Lhamo"`)}
	})
	g.vc("iss-is-an-array", "RFC 7519 4.1.1", "iss is a string", reject("claim_malformed"), func(c *card) { c.payload.set("iss", `[`+quote(issuer)+`]`) })
	for fault, value := range map[string]string{
		"status-is-empty": `{}`, "status-is-null": `null`, "status-of-another-mechanism": `{"office_list":{"page":4}}`, "status-without-uri": `{"status_list":{"idx":1}}`,
		"status-index-negative": `{"status_list":{"idx":-1,"uri":"https://registry.example/status/1"}}`, "status-index-is-a-string": `{"status_list":{"idx":"1","uri":"https://registry.example/status/1"}}`,
		"status-index-with-a-fraction": `{"status_list":{"idx":1.5,"uri":"https://registry.example/status/1"}}`,
	} {
		g.vc(fault, secStatus, "a status that cannot be read must not count as none", reject("status_malformed"), func(c *card) { c.payload.set("status", value) })
	}
}
