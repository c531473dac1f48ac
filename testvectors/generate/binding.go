package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"strings"
)

const (
	secHolderKey = "RFC 9901 7.3 step 5.1, RFC 7800 3.2"
	secKB        = "RFC 9901 4.3"
	secKBForm    = "RFC 9901 4, 7.3 step 3; SD-JWT VC 2.2"
	secKBTyp     = "RFC 9901 7.3 step 5.4, 4.3"
	secKBSign    = "RFC 9901 7.3 step 5.3, 4.3.2; SD-JWT VC 2.2.2.3, 2.4"
	secKBTime    = "RFC 9901 7.3 step 5.5"
	secKBAud     = "RFC 9901 7.3 step 5.6"
	secKBHash    = "RFC 9901 7.3 step 5.7, 4.3.1"
)

// mac makes HMAC-SHA-256 tags with a text as the secret: the attack on readers that take a public key for one.
func mac(secret string) func([]byte) []byte {
	return func(input []byte) []byte {
		h := hmac.New(sha256.New, []byte(secret))
		h.Write(input)
		return h.Sum(nil)
	}
}

// holderKeys: cnf.
func (g *generator) holderKeys() {
	full := pema.public
	for _, m := range []member{{"kid", `"wallet-1"`}, {"use", `"sig"`}, {"key_ops", `["verify"]`}, {"ext", `true`}, {"alg", `"ES256"`}, {"x_wallet", `{"v":2}`}} {
		full = with(full, m.name, m.value)
	}
	g.vc("cnf-key-as-wallets-send-it", secHolderKey, "kid, use, key_ops, ext and alg beside the key", accept(), func(c *card) { c.payload.set("cnf", `{"jwk":`+full+`}`) })
	g.vc("cnf-key-for-signing", secHolderKey, "key_ops of the private key, as some wallets copy it", accept(), func(c *card) {
		c.payload.set("cnf", `{"jwk":`+with(pema.public, "key_ops", `["sign"]`)+`}`)
	})
	g.vc("cnf-with-kid-beside-jwk", secHolderKey, "a reference beside the key is ignored", accept(), func(c *card) { c.payload.set("cnf", `{"kid":"wallet-1","jwk":`+pema.public+`}`) })
	g.vc("cnf-absent", "RFC 9901 7.3 step 5.1, 7.1 step 6, 3.3; SD-JWT VC 2.2.2.3", "a key binding and no key that it is bound to", reject("cnf_missing"), func(c *card) { c.payload.drop("cnf") })
	short := strings.Replace(pema.public, `"x":"`, `"x":"AA`, 1)
	for fault, value := range map[string]string{
		"cnf-with-private-key":          `{"jwk":` + pema.private + `}`,
		"cnf-with-symmetric-key":        `{"jwk":{"kty":"oct","k":"c2VjcmV0"}}`,
		"cnf-key-with-symmetric-member": `{"jwk":` + with(pema.public, "k", `"c2VjcmV0"`) + `}`,
		"cnf-without-jwk":               `{"kid":"wallet-1"}`,
		"cnf-with-url-to-fetch":         `{"jku":"https://thief.example/keys","kid":"1"}`,
		"cnf-is-a-string":               quote(pema.public),
		"cnf-is-null":                   `null`,
		"cnf-jwk-is-an-array":           `{"jwk":[` + pema.public + `]}`,
		"cnf-key-for-encryption":        `{"jwk":` + with(pema.public, "use", `"enc"`) + `}`,
		"cnf-key-off-the-curve":         `{"jwk":` + strings.Replace(pema.public, `"y":"`+yOf(pema), `"y":"`+yOf(karma), 1) + `}`,
		"cnf-key-of-wrong-length":       `{"jwk":` + short + `}`,
		"cnf-key-of-unknown-curve":      `{"jwk":` + strings.Replace(pema.public, `"P-256"`, `"P-192"`, 1) + `}`,
		"cnf-key-names-another-alg":     `{"jwk":` + with(pema.public, "alg", `"RS256"`) + `}`,
	} {
		g.vc(fault, secHolderKey, "cnf must hold an acceptable public key", reject("cnf_malformed"), func(c *card) { c.payload.set("cnf", value) })
	}
	g.vc("cnf-duplicate-member", secJSON, "two keys in one", reject("json_duplicate_member"), func(c *card) {
		c.payload.set("cnf", `{"jwk":`+pema.public+`,"jwk":`+thief.public+`}`)
	})
}

func yOf(k key) string {
	_, rest, _ := strings.Cut(k.public, `"y":"`)
	return rest[:strings.IndexByte(rest, '"')]
}

// bindings: key bindings of the right form that are not for this verifier, request, card or time.
func (g *generator) bindings() {
	g.vc("key-bound", "RFC 9901 4.3, 7.3, 3.3; SD-JWT VC 2.4", "a presentation as it must be", accept(), func(*card) {})
	g.vc("key-binding-missing", "RFC 9901 7.3 step 2, 9.5", "a copied card without its holder", reject("key_binding_missing"), func(c *card) { c.kb = nil })
	g.vc("key-binding-not-required", "RFC 9901 7.3 step 1, 9.5", "the verifier decides whether it is needed", accept(), func(c *card) {
		c.kb = nil
		c.request.set("require_key_binding", "false")
	})
	for fault, aud := range map[string]string{
		"audience-of-another-verifier": "https://licensing.example", "audience-with-slash": audience + "/", "audience-in-upper-case": strings.ToUpper(audience),
		"audience-a-prefix": audience[:len(audience)-1], "audience-empty": "",
	} {
		g.vc(fault, secKBAud, "a stolen presentation to somebody else", reject("audience_mismatch"), func(c *card) { c.kb.payload.set("aud", quote(aud)) })
	}
	g.vc("audience-mismatch-though-not-required", "RFC 9901 7.3 step 1, 7.3 step 5.6", "a key binding that is there is checked", reject("audience_mismatch"), func(c *card) {
		c.kb.payload.set("aud", `"https://licensing.example"`)
		c.request.set("require_key_binding", "false")
	})
	const secOwnAud = "RFC 9901 7.1 step 6, RFC 7519 4.1.3"
	for fault, aud := range map[string]string{"card-for-this-audience": quote(audience), "card-for-several-audiences": `["https://licensing.example",` + quote(audience) + `]`} {
		g.vc(fault, secOwnAud, "the issuer may say whom a card is for", accept(), func(c *card) { c.payload.set("aud", aud) })
	}
	secPartly := "RFC 9901 9.7, 7.1 step 6"
	g.vc("card-for-this-audience-and-a-hidden-one", secPartly, "entries of aud may be disclosed selectively; the one in the clear counts", accept(), func(c *card) {
		p, _ := c.element(`"https://licensing.example"`)
		c.payload.set("aud", `[`+quote(audience)+`,`+p+`]`)
		c.want = strings.Replace(c.claims(), p+`]`, `]`, 1)
		c.want = strings.Replace(c.want, quote(audience)+`,]`, quote(audience)+`]`, 1)
	})
	g.vc("card-for-a-disclosed-audience", secPartly, "entries of aud may be disclosed selectively; one that is disclosed counts", accept(), func(c *card) {
		p, d := c.element(quote(audience))
		c.payload.set("aud", `["https://licensing.example",`+p+`]`)
		c.shown = append(c.shown, d)
		c.want = strings.Replace(c.claims(), p, quote(audience), 1)
	})
	g.vc("card-for-another-audience-and-a-hidden-one", secPartly, "what is hidden counts for nothing", reject("audience_mismatch"), func(c *card) {
		p, _ := c.element(quote(audience))
		c.payload.set("aud", `["https://licensing.example",`+p+`]`)
	})
	g.vc("card-for-another-audience", secOwnAud, "a card that is for others only", reject("audience_mismatch"), func(c *card) {
		c.payload.set("aud", `"https://licensing.example"`)
	})
	g.vc("nonce-of-another-request", secKBAud, "a replayed presentation", reject("nonce_mismatch"), func(c *card) { c.kb.payload.set("nonce", `"n-0S6_WzA2MjaaaaaaaA"`) })
	g.vc("nonce-empty", secKBAud, "no nonce is not any nonce", reject("nonce_mismatch"), func(c *card) { c.kb.payload.set("nonce", `""`) })
	for _, c := range []struct {
		fault  string
		iat    int64
		expect members
	}{
		{"key-binding-too-old", now - 3600, reject("key_binding_too_old")},
		{"key-binding-too-old-by-a-second", now - maxAge - skew - 1, reject("key_binding_too_old")},
		{"key-binding-as-old-as-allowed", now - maxAge - skew, accept()},
		{"key-binding-from-the-beginning-of-time", 0, reject("key_binding_too_old")},
		{"key-binding-in-the-future", now + 3600, reject("key_binding_in_future")},
		{"key-binding-in-the-future-by-a-second", now + skew + 1, reject("key_binding_in_future")},
		{"key-binding-in-the-future-within-the-skew", now + skew, accept()},
	} {
		g.vc(c.fault, secKBTime, "the time of iat", c.expect, func(k *card) { k.kb.payload.set("iat", fmt.Sprint(c.iat)) })
	}
	g.hashesOfBindings()
	bad := reject("key_binding_signature")
	g.vc("key-binding-by-another-key", secKBSign, "a stolen card and the thief's own key", bad, func(c *card) { c.kb.signer = thief })
	g.vc("key-binding-by-the-issuer", secKBSign, "the issuer is not the holder", bad, func(c *card) { c.kb.signer = registry })
	g.vc("key-binding-brings-its-own-key", secKBSign, "the key of the key binding's header is not the holder's", bad, func(c *card) {
		c.kb.signer = thief
		c.kb.header.set("jwk", thief.public)
	})
	g.vc("key-binding-flipped-bit", secKBSign, "one bit of the signature", bad, func(c *card) { c.kb.signature = func(s []byte) []byte { s[3] ^= 1; return s } })
	g.vc("key-binding-signature-in-der", secKBSign, "JOSE has r||s", bad, func(c *card) { c.kb.signature = der })
}

func (g *generator) hashesOfBindings() {
	bad := reject("sd_hash_mismatch")
	g.vc("disclosure-added-after-key-binding", secKBHash, "the holder agreed to show less", bad, func(c *card) {
		extra := c.hide("blood_group", `"O+"`)
		c.edit = func(s string) string { i := strings.LastIndexByte(s, '~'); return s[:i+1] + extra + "~" + s[i+1:] }
	})
	g.vc("disclosure-removed-after-key-binding", secKBHash, "the holder agreed to show something else", bad, func(c *card) {
		c.edit = func(s string) string { return strings.Replace(s, c.shown[0]+"~", "", 1) }
	})
	g.vc("disclosures-swapped-after-key-binding", secKBHash, "the hash is over the text in its order", bad, func(c *card) {
		c.reveal("blood_group", `"O+"`)
		swapped := c.shown[1] + "~" + c.shown[0]
		c.edit = func(s string) string { return strings.Replace(s, c.shown[0]+"~"+c.shown[1], swapped, 1) }
	})
	g.vc("key-binding-of-another-card", secKBHash, "the same holder, audience and nonce, another card", bad, func(c *card) {
		second := boundCard(c.name + ", the other card").text()
		c.kb.over = func(string) string { return second[:strings.LastIndexByte(second, '~')+1] }
	})
	g.vc("sd-hash-without-last-tilde", secKBHash, "the last tilde belongs to it", bad, func(c *card) { c.kb.over = func(s string) string { return s[:len(s)-1] } })
	g.vc("sd-hash-over-the-jwt-alone", secKBHash, "the disclosures belong to it", bad, func(c *card) {
		c.kb.over = func(s string) string { return s[:strings.IndexByte(s, '~')+1] }
	})
	g.vc("sd-hash-in-hexadecimal", secKBHash, "base64url of the hash's bytes", bad, func(c *card) {
		h := hexOf(unb64(digestBy("", c.name)))
		c.kb.payload.set("sd_hash", quote(h))
	})
	g.vc("sd-hash-empty", secKBHash, "no hash is not any hash", bad, func(c *card) { c.kb.payload.set("sd_hash", `""`) })
	long := func(c *card) {
		*c = *boundCard(c.name)
		c.hash, c.sd, c.shown, c.found = "sha-512", nil, nil, nil
		c.payload.set("_sd_alg", `"sha-512"`)
		c.reveal("full_name", `"Pema Lhamo"`)
	}
	g.vc("sd-hash-sha-512", secKBHash, "_sd_alg is the hash of sd_hash too", accept(), long)
	g.vc("sd-hash-with-another-hash", secKBHash, "sd_hash with sha-256 where _sd_alg says sha-512", bad, func(c *card) {
		long(c)
		c.kb.hash = "sha-256"
	})
}

// bindingForms: key binding JWTs of the wrong form.
func (g *generator) bindingForms() {
	bad := reject("key_binding_malformed")
	claim := func(fault, name, value string) {
		g.vc(fault, secKB, "aud, nonce and sd_hash are strings, iat is a time, and all are required", bad, func(c *card) {
			if c.kb.payload.set(name, value); value == "" {
				c.kb.payload.drop(name)
			}
		})
	}
	claim("audience-is-an-array", "aud", `[`+quote(audience)+`]`)
	claim("audience-absent", "aud", "")
	claim("nonce-absent", "nonce", "")
	claim("nonce-is-a-number", "nonce", `1234567890`)
	claim("sd-hash-is-null", "sd_hash", `null`)
	claim("key-binding-iat-absent", "iat", "")
	claim("key-binding-iat-is-a-string", "iat", quote(fmt.Sprint(now)))
	whole := func(fault, why, text string) {
		g.vc(fault, secKB, why, bad, func(c *card) { c.kb.payloadText = text })
	}
	claims := `"aud":` + quote(audience) + `,"nonce":` + quote(nonce) + `,"iat":1769999995`
	whole("sd-hash-absent", "sd_hash is required", `{`+claims+`}`)
	whole("key-binding-no-json", "the payload is a JSON object", `aud=`+audience)
	whole("key-binding-is-an-array", "the payload is a JSON object", `[]`)
	whole("key-binding-duplicate-nonce", "two readers would see two nonces", `{`+claims+`,"nonce":"other","sd_hash":""}`)
	g.vc("key-binding-not-canonical", secBase64, "the signature is right and the payload has a second spelling", reject("base64url_malformed"), func(c *card) {
		c.kb.spell = func(part string) string { return slack(b64(unaligned(unb64(part)))) }
	})
	for fault, typ := range map[string]string{"key-binding-typ-jwt": `"JWT"`, "key-binding-typ-of-a-card": `"dc+sd-jwt"`, "key-binding-typ-in-upper-case": `"KB+JWT"`} {
		g.vc(fault, secKBTyp, "typ must be kb+jwt, so that no other JWT of the holder passes for one", bad, func(c *card) { c.kb.header.set("typ", typ) })
	}
	g.vc("key-binding-typ-absent", secKBTyp, "typ must be kb+jwt", bad, func(c *card) { c.kb.header.drop("typ") })
	header := func(fault, section, why, reason string, change func(*binding)) {
		g.vc(fault, section, why, reject(reason), func(c *card) { change(c.kb) })
	}
	header("key-binding-alg-none", "RFC 9901 7.3 step 5.2, 4.3", "none must not be accepted", "alg_unsupported", func(b *binding) { b.header.set("alg", `"none"`) })
	header("key-binding-alg-absent", "RFC 9901 4.3, 7.3 step 5.2", "alg is required", "alg_unsupported", func(b *binding) { b.header.drop("alg") })
	header("key-binding-mac-with-the-public-key", "RFC 9901 7.3 step 5.2, 4.3", "a public key is no secret", "alg_unsupported", func(b *binding) {
		b.header.set("alg", `"HS256"`)
		b.signer.sign = mac(pema.public)
	})
	header("key-binding-alg-of-another-key", "RFC 9901 7.3 step 5.2, 4.3", "the key decides about the algorithm", "alg_mismatch", func(b *binding) { b.header.set("alg", `"ES256K"`) })
	header("key-binding-crit-unknown", secCrit, "an extension that must be understood", "header_crit_unknown", func(b *binding) { b.header.set("crit", `["x"]`) })
	g.vc("key-binding-with-further-claims", secKB, "further claims may be added", accept(), func(c *card) {
		c.kb.payload.set("transaction", `{"desk":4}`)
		c.kb.header.set("kid", `"wallet-1"`)
	})
	g.vc("key-binding-with-exp-ahead", "RFC 9901 4.3, 7.3 step 5.8", "further claims may be added, and this one allows the time", accept(), func(c *card) {
		c.kb.payload.set("exp", fmt.Sprint(now+60))
	})
	g.vc("key-binding-expired", "RFC 9901 7.3 step 5.8, RFC 7519 4.1.4", "a JWT that has exp means it", reject("key_binding_too_old"), func(c *card) {
		c.kb.payload.set("exp", fmt.Sprint(now-skew))
	})
	g.vc("key-binding-not-valid-yet", "RFC 9901 7.3 step 5.8, RFC 7519 4.1.5", "a JWT that has nbf means it", reject("key_binding_in_future"), func(c *card) {
		c.kb.payload.set("nbf", fmt.Sprint(now+skew+1))
	})
	g.vc("key-binding-before-disclosures", secKBForm, "the key binding JWT is the last part", reject("base64url_malformed"), func(c *card) {
		c.edit = func(s string) string {
			i, j := strings.IndexByte(s, '~'), strings.LastIndexByte(s, '~')
			return s[:i] + s[j:] + s[i:j+1]
		}
	})
	g.vc("two-key-bindings", secKBForm, "there is one key binding JWT and it is the last part", reject("base64url_malformed"), func(c *card) {
		c.edit = func(s string) string { return s + s[strings.LastIndexByte(s, '~'):] }
	})
	g.vc("tilde-after-key-binding", secKBForm, "there is one key binding JWT and it is the last part", reject("base64url_malformed"), func(c *card) {
		c.edit = func(s string) string { return s + "~" }
	})
	g.vc("key-binding-truncated", secKBForm, "a key binding JWT has three parts", reject("sd_jwt_malformed"), func(c *card) {
		c.edit = func(s string) string { return s[:strings.LastIndexByte(s, '.')] }
	})
}
