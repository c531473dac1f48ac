package main

import (
	"bytes"
	"compress/zlib"
	"encoding/json"
	"fmt"
)

const (
	secStatusToken = "Token Status List 5.1"
	secStatusBytes = "Token Status List 4.1"
	secStatusRules = "Token Status List 8.3"
	secStatusTrust = "Token Status List 11.3; the trust list of package trust"

	listURI = "https://registry.example/status/1"
)

// statusToken is a status list token in the making; a scenario starts from a faultless one and changes one thing.
type statusToken struct {
	signer      key
	header      members
	payload     members // without status_list
	list        members
	headerText  string
	payloadText string
	signature   func([]byte) []byte
	edit        func(string) string
}

// newStatusToken has sixteen cards of two bits; card 1 is revoked, card 2 suspended, card 3 has a value without a meaning here.
func newStatusToken() *statusToken {
	return &statusToken{
		signer:  registry,
		header:  members{{"alg", `"ES256"`}, {"kid", quote(issuer + "#key-1")}, {"typ", `"statuslist+jwt"`}},
		payload: members{{"sub", quote(listURI)}, {"iat", fmt.Sprint(now - 600)}, {"exp", fmt.Sprint(now + 3600)}, {"ttl", "900"}},
		list:    members{{"bits", "2"}, {"lst", quote(b64(zipped([]byte{0b11_10_01_00, 0, 0, 0b01_00_00_00})))}},
	}
}

func zipped(data []byte) []byte {
	var out bytes.Buffer
	w, err := zlib.NewWriterLevel(&out, zlib.BestCompression)
	if err != nil {
		panic(err)
	}
	if _, err := w.Write(data); err != nil {
		panic(err)
	}
	if err := w.Close(); err != nil {
		panic(err)
	}
	return out.Bytes()
}

func (s *statusToken) text() string {
	payload := append(append(members{}, s.payload...), member{"status_list", s.list.text()})
	if s.list == nil {
		payload = s.payload
	}
	out := sign(s.signer, or(s.headerText, s.header.text()), b64([]byte(or(s.payloadText, payload.text()))), s.signature)
	if s.edit != nil {
		out = s.edit(out)
	}
	return out
}

// statuses: tokens by themselves, with the signer's key given.
func (g *generator) statuses() {
	g.statusValues()
	g.statusTokens()
	g.statusListBytes()
	g.statusOfCards()
}

func (g *generator) status(fault, section, why string, expect members, index int, change func(*statusToken)) {
	s := newStatusToken()
	change(s)
	request := members{
		{"token", quote(s.text())}, {"index", fmt.Sprint(index)}, {"issuer_jwk", registry.public}, {"uri", quote(listURI)}, {"issuer", quote(issuer)},
		{"now", fmt.Sprint(now)}, {"clock_skew_s", fmt.Sprint(skew)},
	}
	g.put(vector{"status/" + fault, section, why, "status.check", json.RawMessage(request.text()), json.RawMessage(expect.text())})
}

func is(status int) members { return append(accept(), member{"status", fmt.Sprint(status)}) }

func (g *generator) statusValues() {
	same := func(*statusToken) {}
	g.status("valid", secStatusRules, "the first card", is(0), 0, same)
	g.status("revoked", secStatusRules, "0x01, INVALID", is(1), 1, same)
	g.status("suspended", secStatusRules, "0x02", is(2), 2, same)
	g.status("value-of-an-application", "Token Status List 7.1", "0x03 is for applications", is(3), 3, same)
	g.status("last-index", secStatusBytes, "the highest bits of the last byte", is(1), 15, same)
	g.status("index-behind-the-end", secStatusRules+" step 6", "no statement can be made", reject("status_index_out_of_range"), 16, same)
	g.status("index-far-behind-the-end", secStatusRules+" step 6", "a product that overflows", reject("status_index_out_of_range"), 1<<62, same)
	for _, c := range []struct {
		bits  int
		data  []byte
		index int
		want  int
	}{
		{1, []byte{0xb9, 0xa3}, 7, 1}, {1, []byte{0xb9, 0xa3}, 6, 0}, {4, []byte{0x21, 0x43}, 3, 4}, {8, []byte{0, 200}, 1, 200},
	} {
		g.status(fmt.Sprintf("%d-bits-index-%d", c.bits, c.index), secStatusBytes, "blocks are packed from the least significant bit on", is(c.want), c.index, func(s *statusToken) {
			s.list = members{{"bits", fmt.Sprint(c.bits)}, {"lst", quote(b64(zipped(c.data)))}}
		})
	}
}

func (g *generator) statusTokens() {
	bad := func(fault, why, reason string, change func(*statusToken)) {
		g.status(fault, secStatusToken, why, reject(reason), 0, change)
	}
	bad("token-type-absent", "typ must be statuslist+jwt", "status_token_type", func(s *statusToken) { s.header.drop("typ") })
	bad("token-type-of-a-card", "a card is no list", "status_token_type", func(s *statusToken) { s.header.set("typ", `"dc+sd-jwt"`) })
	bad("token-type-with-prefix", "typ is exact", "status_token_type", func(s *statusToken) { s.header.set("typ", `"application/statuslist+jwt"`) })
	bad("token-alg-none", "lists are signed", "status_token_algorithm_unsupported", func(s *statusToken) {
		s.header.set("alg", `"none"`)
		s.signature = func([]byte) []byte { return nil }
	})
	bad("token-alg-mac-with-the-public-key", "a public key is no secret", "status_token_algorithm_unsupported", func(s *statusToken) {
		s.header.set("alg", `"HS256"`)
		s.signer.sign = mac(registry.public)
	})
	bad("token-crit", "an extension that must be understood", "status_token_header", func(s *statusToken) { s.header.set("crit", `["exp"]`) })
	bad("token-with-a-key-of-its-own", "a key that its sender vouches for", "status_token_header", func(s *statusToken) { s.header.set("jwk", thief.public) })
	bad("token-alg-twice", "two readers would take different algorithms", "status_token_header", func(s *statusToken) {
		s.headerText = `{"alg":"none","alg":"ES256","typ":"statuslist+jwt"}`
	})
	bad("token-signed-by-another-key", "anybody could publish", "status_token_signature_invalid", func(s *statusToken) { s.signer = thief })
	bad("token-signature-flipped-bit", "one bit of the signature", "status_token_signature_invalid", func(s *statusToken) {
		s.signature = func(sig []byte) []byte { sig[40] ^= 1; return sig }
	})
	bad("token-of-two-parts", "no compact JWS", "status_token_malformed", func(s *statusToken) { s.edit = func(t string) string { return t[:40] } })
	bad("sub-absent", "sub names the list", "status_token_malformed", func(s *statusToken) { s.payload.drop("sub") })
	bad("sub-of-another-list", "a list under another's URI", "status_list_of_other_uri", func(s *statusToken) { s.payload.set("sub", quote(listURI+"0")) })
	bad("iss-of-another", "earlier drafts had iss; if it is there it is the signer", "status_list_of_other_issuer", func(s *statusToken) { s.payload.set("iss", quote(other)) })
	g.status("iss-of-the-signer", secStatusToken, "earlier drafts had iss", is(0), 0, func(s *statusToken) { s.payload.set("iss", quote(issuer)) })
	bad("iat-absent", "iat is required", "status_token_malformed", func(s *statusToken) { s.payload.drop("iat") })
	bad("iat-is-a-text", "iat is a number", "status_token_malformed", func(s *statusToken) { s.payload.set("iat", quote(fmt.Sprint(now))) })
	bad("iat-in-the-future", "a clock is wrong, or it was dated ahead to stay", "status_list_from_the_future", func(s *statusToken) { s.payload.set("iat", fmt.Sprint(now+31)) })
	g.status("iat-ahead-within-the-skew", secStatusToken, "clocks differ", is(0), 0, func(s *statusToken) { s.payload.set("iat", fmt.Sprint(now+30)) })
	bad("nbf-in-the-future", "RFC 7519 4.1.5", "status_list_from_the_future", func(s *statusToken) { s.payload.set("nbf", fmt.Sprint(now+31)) })
	bad("expired", "exp, if present, must be checked", "status_list_expired", func(s *statusToken) { s.payload.set("exp", fmt.Sprint(now-30)) })
	g.status("expired-within-the-skew", secStatusToken, "clocks differ", is(0), 0, func(s *statusToken) { s.payload.set("exp", fmt.Sprint(now-29)) })
	bad("exp-is-null", "a claim of another type is a fault and no absence", "status_token_malformed", func(s *statusToken) { s.payload.set("exp", "null") })
	g.status("exp-and-ttl-absent", secStatusToken, "both are recommended only", is(0), 0, func(s *statusToken) {
		s.payload.drop("exp")
		s.payload.drop("ttl")
	})
	bad("ttl-is-zero", "ttl is a positive number", "status_token_malformed", func(s *statusToken) { s.payload.set("ttl", "0") })
	bad("ttl-below-zero", "ttl is a positive number", "status_token_malformed", func(s *statusToken) { s.payload.set("ttl", "-1") })
	bad("ttl-is-a-text", "ttl is a number", "status_token_malformed", func(s *statusToken) { s.payload.set("ttl", `"900"`) })
	bad("status-list-absent", "status_list is required", "status_token_malformed", func(s *statusToken) { s.list = nil })
	bad("a-claim-twice", "two readers would take different values", "status_token_malformed", func(s *statusToken) {
		s.payloadText = `{"sub":` + quote(listURI) + `,"iat":1,"iat":2,"status_list":` + s.list.text() + `}`
	})
}

func (g *generator) statusListBytes() {
	bad := func(fault, why, reason, name, value string) {
		g.status(fault, "Token Status List 4.1, 4.2", why, reject(reason), 0, func(s *statusToken) {
			if value == "" {
				s.list.drop(name)
			} else {
				s.list.set(name, value)
			}
		})
	}
	bad("bits-absent", "bits is required", "status_token_malformed", "bits", "")
	bad("bits-3", "1, 2, 4 or 8", "status_bits_unsupported", "bits", "3")
	bad("bits-0", "1, 2, 4 or 8", "status_bits_unsupported", "bits", "0")
	bad("bits-is-a-text", "an integer", "status_token_malformed", "bits", `"2"`)
	bad("lst-absent", "lst is required", "status_token_malformed", "lst", "")
	bad("lst-padded", "base64url without padding", "status_list_malformed", "lst", `"eNrbuRgAAhcBXQ=="`)
	bad("lst-no-zlib", "DEFLATE in the ZLIB format", "status_list_malformed", "lst", `"AAAA"`)
	bad("lst-raw-deflate", "DEFLATE without ZLIB", "status_list_malformed", "lst", quote(b64(zipped([]byte{1, 2, 3})[2:])))
	bad("lst-cut-short", "half a stream", "status_list_malformed", "lst", quote(b64(zipped([]byte{1, 2, 3})[:6])))
	bad("lst-with-another-checksum", "the checksum of ZLIB", "status_list_malformed", "lst", `"eNrbuRgAAhcBXA"`)
	bad("lst-with-something-behind", "one stream and nothing else", "status_list_malformed", "lst", quote(b64(append(zipped([]byte{1, 2, 3}), 0))))
	bad("lst-of-no-card", "a list of no byte", "status_list_malformed", "lst", quote(b64(zipped(nil))))
	bad("lst-a-bomb", "twenty kilobytes that inflate to seventeen megabytes", "status_list_too_large", "lst", quote(b64(zipped(make([]byte, 17<<20)))))
}

// statusOfCards: cards that name a list, with the list.
func (g *generator) statusOfCards() {
	card := func(fault, section, why string, expect members, index int, uri string, change func(*statusToken)) {
		g.scene(fault, section, why, expect, func(s *scene) {
			s.payload.set("status", `{"status_list":{"idx":`+fmt.Sprint(index)+`,"uri":`+quote(uri)+`}}`)
			token := newStatusToken()
			change(token)
			s.lists = members{{listURI, quote(token.text())}}
		})
	}
	unknown := func(reason string) members { return members{{"verdict", `"inconclusive"`}, {"reason", quote(reason)}} }
	same := func(*statusToken) {}
	card("status-valid", secStatusRules, "a card whose list says valid", accept(), 0, listURI, same)
	card("status-revoked", secStatusRules, "a revoked card", known("card_revoked"), 1, listURI, same)
	card("status-suspended", secStatusRules, "a suspended card", known("card_suspended"), 2, listURI, same)
	card("status-without-a-meaning", secStatusRules, "what is not known is not valid", known("card_status_unknown"), 3, listURI, same)
	card("status-index-behind-the-end", secStatusRules+" step 6", "must be rejected", known("status_index_out_of_range"), 16, listURI, same)
	card("status-list-not-there", secStatusRules, "no list, no statement", unknown("status_unavailable"), 0, "https://registry.example/status/2", same)
	card("status-list-elsewhere", secStatusTrust, "the trust list does not know this place: nothing is fetched from there", unknown("status_list_not_allowed"), 0, "https://elsewhere.example/status/1", same)
	card("status-list-by-dot-segments", secStatusTrust, "a URI that leaves its prefix", unknown("status_list_not_allowed"), 0, "https://registry.example/status/../secret", same)
	card("status-list-of-another-trusted-issuer", secStatusTrust, "the transport office is trusted, and not for this issuer's cards", unknown("status_unavailable"), 1, listURI, func(s *statusToken) {
		s.signer = transport
		s.header.set("kid", quote(other+"#key-1"))
	})
	card("status-list-signed-by-a-thief", secStatusTrust, "under the issuer's kid", unknown("status_unavailable"), 0, listURI, func(s *statusToken) { s.signer = thief })
	card("status-list-expired", secStatusRules+" step 4.c", "an old list, in which the card was still valid", unknown("status_unavailable"), 0, listURI, func(s *statusToken) { s.payload.set("exp", fmt.Sprint(now-60)) })
	card("status-list-too-old", secStatusRules+" step 4.b", "older than a day, which is this verifier's policy", unknown("status_stale"), 0, listURI, func(s *statusToken) { s.payload.set("iat", fmt.Sprint(now-86401)) })
	g.scene("issuer-suspended", secTrust, "the accreditation is suspended", stranger("issuer_suspended"), func(s *scene) {
		s.issuers.set(issuer, entry(issuer, member{"suspended", fmt.Sprint(now - 60)}))
	})
	g.scene("issuer-suspended-later-than-the-card", secTrust, "this issuer's older cards are kept", accept(), func(s *scene) {
		s.issuers.set(issuer, entry(issuer, member{"suspended", fmt.Sprint(now - 60)}, member{"suspended_keeps_older", "true"}))
	})
}
