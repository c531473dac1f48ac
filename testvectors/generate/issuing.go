package main

import (
	"encoding/json"
	"fmt"
	"strings"
)

const (
	secPresent  = "RFC 9901 7.2, 4"
	secConnects = "RFC 9901 4.2.6, 7.2 step 2.2, 4"
)

// issuing: what an issuer is refused. What it is given has fresh salts and signatures, so that no vector can hold it; the tests of the
// shim make round trips.
func (g *generator) issuing() {
	refuse := func(fault, section, why, reason string, change func(*members)) {
		request := members{
			{"claims", `{"full_name":"Pema Lhamo","address":{"city":"Thimphu"},"licences":["A","B"]}`},
			{"conceal", `[["full_name"]]`}, {"issuer_private_jwk", registry.private}, {"header", `{"typ":"example+sd-jwt"}`},
		}
		change(&request)
		g.put(vector{"disclosure/" + fault, section, why, "sdjwt.issue", json.RawMessage(request.text()), json.RawMessage(reject(reason).text())})
	}
	for fault, claims := range map[string]string{
		"issue-claim-called-sd": `{"full_name":"x","_sd":[]}`, "issue-claim-called-ellipsis": `{"full_name":"x","a":[{"...":"x"}]}`,
		"issue-claim-called-sd-alg": `{"full_name":"x","a":{"_sd_alg":"sha-256"}}`,
	} {
		refuse(fault, secPayload+", 4.1.1, 4.2.1", "claims may not pretend to be digests", "reserved_claim_name", func(r *members) { r.set("claims", claims) })
	}
	refuse("issue-claims-no-object", "RFC 7519 4", "the payload is a JSON object", "claims_not_an_object", func(r *members) { r.set("claims", `[]`) })
	refuse("issue-path-to-nothing", secMember, "a misspelled path would leave a claim in the clear", "path_not_found", func(r *members) {
		r.set("conceal", `[["full_name"],["fullname"]]`)
	})
	refuse("issue-index-behind-the-end", secElement, "a path to no element", "path_not_found", func(r *members) { r.set("conceal", `[["licences",2]]`) })
	refuse("issue-name-in-an-array", secMember, "an array has no members", "path_not_found", func(r *members) { r.set("conceal", `[["licences","0"]]`) })
	refuse("issue-hash-unknown", secHash+", 9.4", "an unknown hash", "sd_alg_unsupported", func(r *members) { r.set("sd_alg", `"md5"`) })
	refuse("issue-hash-truncated", secHash+", 9.4", "a registered hash that is cut too short for this", "sd_alg_unsupported", func(r *members) { r.set("sd_alg", `"sha-256-32"`) })
	refuse("issue-too-deep-for-its-digests", secBounds, "32 levels, and the digests of the innermost object would stand on a 33rd: nobody could read the card", "too_deep", func(r *members) {
		r.set("claims", strings.Repeat(`{"in":`, 31)+`{"x":1}`+strings.Repeat(`}`, 31))
		r.set("conceal", `[[`+strings.Repeat(`"in",`, 31)+`"x"]]`)
	})
	refuse("issue-header-names-alg", "RFC 7515 4.1.1", "the key decides about the algorithm", "header_malformed", func(r *members) { r.set("header", `{"alg":"none"}`) })
}

// presenting: which disclosures a holder keeps. Without a key binding the answer is the same bytes each time.
func (g *generator) presenting() {
	start := func(fault string) (c *card, all map[string]string) {
		c, all = plainCard("disclosure/"+fault), map[string]string{}
		all["full_name"] = c.hide("full_name", `"Pema Lhamo"`)
		all["city"] = c.disclosure(`"city"`, `"Thimphu"`)
		all["address"] = c.hide("address", `{"country":"BT","_sd":[`+quote(c.digest(all["city"]))+`]}`)
		pa, a := c.element(`"A"`)
		pb, b := c.element(`"B"`)
		all["A"], all["B"] = a, b
		c.payload.set("licences", `[`+pa+`,"C",`+pb+`]`)
		for _, name := range []string{"full_name", "city", "address", "A", "B"} {
			c.shown = append(c.shown, all[name])
		}
		return c, all
	}
	put := func(c *card, section, why, reveal string, expect members) {
		request := members{{"sd_jwt", quote(c.text())}, {"reveal", reveal}}
		request = append(request, c.request...)
		g.put(vector{c.name, section, why, "sdjwt.present", json.RawMessage(request.text()), json.RawMessage(expect.text())})
	}
	keep := func(fault, section, why, reveal string, kept ...string) {
		c, all := start(fault)
		text := c.text()
		text = text[:strings.IndexByte(text, '~')+1]
		for _, name := range kept {
			text += all[name] + "~"
		}
		c.request = nil
		put(c, section, why, reveal, append(accept(), member{"sd_jwt", quote(text)}))
	}
	keep("present-nothing", secPresent, "a holder may show nothing", `[]`)
	keep("present-one-claim", secPresent, "the issuer-signed part keeps its bytes", `[["full_name"]]`, "full_name")
	keep("present-plain-claim", secPresent, "a claim in the clear needs no disclosure", `[["iss"]]`)
	keep("present-child-brings-its-parent", secConnects, "without the parent the child has no place", `[["address","city"]]`, "city", "address")
	keep("present-parent-without-its-child", secConnects, "what is concealed by itself stays hidden", `[["address"]]`, "address")
	keep("present-one-element", secPresent, "an index counts all elements that the holder has", `[["licences",2]]`, "B")
	keep("present-all-elements", secPresent, "null in a path means every element", `[["licences",null]]`, "A", "B")
	refuse := func(fault, section, why, reveal, reason string, change func(*card)) {
		c, _ := start(fault)
		c.request = members{{"holder_private_jwk", pema.private}, {"audience", quote(audience)}, {"nonce", quote(nonce)}, {"now", fmt.Sprint(now)}}
		change(c)
		put(c, section, why, reveal, reject(reason))
	}
	nothing := func(*card) {}
	refuse("present-path-to-nothing", secPresent, "a holder must not believe that he showed what he did not", `[["full_name"],["fullname"]]`, "path_not_found", nothing)
	refuse("present-index-behind-the-end", secPresent, "a path to no element", `[["licences",3]]`, "path_not_found", nothing)
	refuse("present-key-binding-came-from-the-issuer", secPresent, "a holder gets an SD-JWT and not an SD-JWT+KB", `[]`, "unexpected_key_binding", func(c *card) {
		c.kb = &binding{signer: thief, header: members{{"alg", `"ES256"`}, {"typ", `"kb+jwt"`}}, payload: members{{"aud", quote(audience)}}}
	})
	refuse("present-disclosure-twice", secCompact, "a holder may not send a disclosure twice", `[]`, "disclosure_not_referenced", func(c *card) {
		c.shown = append(c.shown, c.shown[0])
	})
	refuse("present-disclosure-not-referenced", "RFC 9901 7.2 step 1, 7.1 step 5, 4", "a holder checks what came before showing it", `[]`, "disclosure_not_referenced", func(c *card) {
		c.shown = append(c.shown, c.disclosure(`"age_over_60"`, `true`))
	})
}
