package main

import (
	"encoding/json"
	"fmt"
	"strings"
)

const (
	secProfile = "SD-JWT VC 2.5, 2.4; the DID profile of package credential"
	secNoKey   = "SD-JWT VC 2.5, 2.4, 7.3; the DID profile of package credential"
	secKeys    = "the DID profile; DID Core 5.3.2, CID 1.0 2.2"
	secTrust   = "the trust list of package trust"
	secAsked   = "the verifier's request"

	secAuthority = "SD-JWT VC 7.7; the trust list of package trust"
)

// scene is a request of vc.verify in the making.
type scene struct {
	*card
	documents members // DID -> document
	issuers   members // DID -> entry of the trust list
	history   members // DID -> [dates of a key]
	types     members // type -> text of its metadata
	published members // URL -> text of issuer metadata or of a key set
	lists     members // URI -> status list token
	asked     string
	by        string // the issuer, in the answer
	keyID     string
	surplus   string
	signed    string     // transactions, in the answer
	more      members    // of the request
	serialize func(*jws) // JWS JSON serialisation, and what is changed in it
	general   bool
}

// document makes a DID document with one key for signing cards.
func document(id, fragment string, k key) string {
	return documentOf(id, `[`+method(id, fragment, k)+`]`, `[`+quote("#"+fragment)+`]`)
}

func documentOf(id, methods, assertions string) string {
	return `{"@context":["https://www.w3.org/ns/did/v1"],"id":` + quote(id) + `,"verificationMethod":` + methods + `,"assertionMethod":` + assertions + `}`
}

func method(id, fragment string, k key) string {
	return `{"id":` + quote(id+"#"+fragment) + `,"type":"JsonWebKey","controller":` + quote(id) + `,"publicKeyJwk":` + k.public + `}`
}

func entry(id string, more ...member) string {
	return append(members{{"did", quote(id)}, {"types", `[` + quote(vct) + `]`}}, more...).text()
}

func dates(fragment string, more ...member) string {
	return `[` + append(members{{"key_id", quote(issuer + "#" + fragment)}}, more...).text() + `]`
}

func (g *generator) scene(fault, section, why string, expect members, change func(*scene)) {
	s := &scene{card: boundCard("verifier/" + fault), asked: `[["full_name"]]`, by: issuer, keyID: issuer + "#key-1", surplus: `[]`}
	s.documents = members{{issuer, document(issuer, "key-1", registry)}, {other, document(other, "key-1", transport)}}
	s.issuers = members{{issuer, entry(issuer)}}
	s.request = members{{"audience", quote(audience)}, {"nonce", quote(nonce)}, {"type", quote(vct)}}
	change(s)
	s.request.set("claims", s.asked)
	var trusted []string
	for _, e := range s.issuers {
		trusted = append(trusted, e.value)
	}
	presentation := quote(s.text())
	if s.serialize != nil {
		j := serialized(s.text(), s.general)
		s.serialize(j)
		presentation = j.value()
	}
	request := members{
		{"presentation", presentation}, {"resolver", s.documents.text()}, {"issuers", `[` + strings.Join(trusted, ",") + `]`},
		{"expect", s.request.text()}, {"now", fmt.Sprint(now)}, {"clock_skew_s", fmt.Sprint(skew)},
	}
	if len(s.history) > 0 {
		request.set("history", s.history.text())
	}
	if s.types != nil {
		request.set("type_metadata", s.types.text())
	}
	if s.published != nil {
		request.set("issuer_metadata", s.published.text())
	}
	if s.lists != nil {
		request.set("status_lists", s.lists.text())
	}
	request = append(request, s.more...)
	if expect[0].value == `"accept"` {
		claims := s.want
		if claims == "" {
			claims = `{"full_name":"Pema Lhamo"}`
		}
		expect = append(expect, member{"cards", `[{"claims":` + claims + `,"issuer":` + quote(s.by) + `,"key_id":` + quote(s.keyID) + `,"status":0,"surplus":` + s.surplus + s.signed + `}]`})
	}
	g.put(vector{s.name, section, why, "vc.verify", json.RawMessage(request.text()), json.RawMessage(expect.text())})
}

// stranger is a rejection that anybody can cause: no issuer's signature was verified. known is one of a card that the issuer signed.
func stranger(reason string) members {
	return append(reject(reason), member{"unauthenticated", "true"})
}

func known(reason string) members { return append(reject(reason), member{"unauthenticated", "false"}) }

// issuerKeys: how a card names its issuer's key.
func (g *generator) issuerKeys() {
	g.scene("card-accepted", secProfile, "a card as it must be", accept(), func(*scene) {})
	several := func(fault, why string, expect members, first, second string) {
		g.scene("general-"+fault, "RFC 7515 5.2, 7.2.1", why, expect, func(s *scene) {
			s.header.set("kid", quote(first))
			s.general, s.serialize = true, func(j *jws) {
				protected := append(members{}, s.header...)
				protected.set("kid", quote(second))
				j.sign(registry, protected.text(), members{})
			}
		})
	}
	several("first-kid-unknown", "one signature of this issuer is enough, wherever it stands", accept(), issuer+"#key-9", issuer+"#key-1")
	several("first-kid-of-another", "a signature for other readers", accept(), other+"#key-1", issuer+"#key-1")
	several("every-kid-unknown", "none of the signatures is of a key of the issuer", stranger("issuer_key_unknown"), issuer+"#key-9", issuer+"#key-8")
	g.scene("kid-relative", secProfile, "only a fragment, read relative to iss", accept(), func(s *scene) { s.header.set("kid", `"#key-1"`) })
	g.scene("key-es256k", secKeys, "a key on secp256k1", accept(), func(s *scene) {
		s.signedBy(registryK)
		s.request.drop("issuer_jwk")
		s.documents.set(issuer, document(issuer, "key-1", registryK))
	})
	g.scene("key-as-multikey", secKeys, "a key in Multikey form", accept(), func(s *scene) {
		s.documents.set(issuer, documentOf(issuer, `[{"id":"#key-1","type":"Multikey","controller":`+quote(issuer)+`,"publicKeyMultibase":`+quote(registry.multikey())+`}]`, `["#key-1"]`))
	})
	g.scene("key-embedded-in-its-purpose", secKeys, "a method that stands in assertionMethod itself", accept(), func(s *scene) {
		s.documents.set(issuer, documentOf(issuer, `[]`, `[`+method(issuer, "key-1", registry)+`]`))
	})
	kid := func(fault, why, reason, value string) {
		g.scene(fault, secProfile, why, stranger(reason), func(s *scene) {
			if s.header.set("kid", quote(value)); value == "" {
				s.header.drop("kid")
			}
		})
	}
	kid("kid-names-other-issuer", "the key of one issuer and the name of another", "kid_names_other_issuer", other+"#key-1")
	kid("kid-names-a-longer-did", "iss is only the beginning of it", "kid_names_other_issuer", issuer+".thief.example#key-1")
	kid("kid-absent", "kid is required", "kid_missing", "")
	kid("kid-without-fragment", "a DID is no key", "kid_malformed", issuer)
	kid("kid-a-bare-name", "bare names are refused", "kid_malformed", "key-1")
	kid("kid-fragment-empty", "a fragment that names nothing", "kid_malformed", issuer+"#")
	kid("kid-two-fragments", "one number sign", "kid_malformed", issuer+"#key-1#key-2")
	kid("kid-with-query", "queries are refused: they choose another document", "kid_names_other_issuer", issuer+"?versionId=1#key-1")
	kid("kid-of-no-key", "the document has no such key", "issuer_key_unknown", issuer+"#key-9")
	kid("kid-in-another-case", "fragments are compared byte for byte", "issuer_key_unknown", issuer+"#KEY-1")
	for _, name := range []string{"x5c", "jwk", "jku", "x5u"} {
		value := map[string]string{"x5c": `["MIIB"]`, "jwk": thief.public, "jku": `"https://thief.example/keys"`, "x5u": `"https://thief.example/chain"`}[name]
		g.scene("header-"+name, secNoKey, "a header cannot bring its key beside a DID", stranger("header_carries_key"), func(s *scene) {
			s.header.set(name, value)
			s.signer = thief
		})
	}
	g.scene("iss-absent", secProfile, "a card of nobody", stranger("iss_missing"), func(s *scene) { s.payload.drop("iss") })
	g.scene("iss-disclosed", secNotHidden, "an issuer that a holder could leave out", stranger("iss_missing"), func(s *scene) {
		s.payload.drop("iss")
		s.reveal("iss", quote(issuer))
	})
	g.scene("iss-of-another-trusted-issuer", "RFC 9901 7.1 step 2.3; SD-JWT VC 2.4", "one trusted issuer signs in the name of another", stranger("signature_invalid"), func(s *scene) {
		s.issuers.set(other, entry(other))
		s.signer = transport
	})
	g.scene("self-made-card-of-a-trusted-issuer", "RFC 9901 7.1 step 2.3; SD-JWT VC 2.4", "the right names and the wrong key", stranger("signature_invalid"), func(s *scene) { s.signer = thief })
	wrong := func(fault, why, reason, doc string) {
		g.scene(fault, secKeys, why, stranger(reason), func(s *scene) { s.documents.set(issuer, doc) })
	}
	wrong("key-for-authentication-only", "the key is not one for signing cards", "issuer_key_wrong_purpose",
		`{"id":`+quote(issuer)+`,"verificationMethod":[`+method(issuer, "key-1", registry)+`],"authentication":["#key-1"]}`)
	wrong("key-of-another-controller", "somebody else's key in the document", "issuer_key_unknown",
		documentOf(issuer, `[`+strings.Replace(method(issuer, "key-1", registry), `"controller":`+quote(issuer), `"controller":`+quote(other), 1)+`]`, `["#key-1"]`))
	wrong("key-of-unknown-type", "a verification method of a type that is not known", "issuer_key_unknown",
		documentOf(issuer, `[`+strings.Replace(method(issuer, "key-1", registry), "JsonWebKey", "HomemadeKey2024", 1)+`]`, `["#key-1"]`))
	wrong("key-with-private-part", "whoever reads the document can sign", "issuer_key_unknown",
		documentOf(issuer, `[`+strings.Replace(method(issuer, "key-1", registry), registry.public, registry.private, 1)+`]`, `["#key-1"]`))
	wrong("key-on-another-curve", "alg does not fit the key in the document", "alg_mismatch", document(issuer, "key-1", registryK))
}

// keyHistories: keys that are not current.
func (g *generator) keyHistories() {
	const retire = now - 86400
	dated := func(fault, why string, expect members, more ...member) {
		g.scene(fault, secKeys, why, expect, func(s *scene) { s.history = members{{issuer, dates("key-1", more...)}} })
	}
	until := member{"until", fmt.Sprint(retire)}
	dated("key-revoked", "a revoked key verifies nothing, whatever iat says", stranger("issuer_key_revoked"), until, member{"revoked", fmt.Sprint(retire)})
	dated("key-revoked-after-this-card", "a thief writes any iat", stranger("issuer_key_revoked"), member{"revoked", fmt.Sprint(now - 1)})
	dated("key-lapsed", "the key's validity ended and the trust entry allows no lapsed keys", stranger("issuer_key_expired"), until)
	dated("key-ends-this-second", "the end is not part of the validity", stranger("issuer_key_expired"), member{"until", fmt.Sprint(now)})
	dated("key-ends-in-a-second", "and the second before is", accept(), member{"until", fmt.Sprint(now + 1)})
	dated("key-lapsed-before-the-card", "the card says that it was signed after the key's end", stranger("issuer_key_expired"), member{"until", fmt.Sprint(issued)})
	dated("key-newer-than-the-card", "the card says that it was signed before the key was valid", stranger("issuer_key_not_yet_valid"), member{"from", fmt.Sprint(issued + 1)})
	lapsed := func(s *scene, more ...member) {
		s.history = members{{issuer, dates("key-1", more...)}}
		s.issuers.set(issuer, entry(issuer, member{"lapsed_until", fmt.Sprint(now + 86400)}))
	}
	g.scene("key-lapsed-and-allowed", secKeys, "the trust entry allows cards of keys that have lapsed", accept(), func(s *scene) { lapsed(s, until) })
	g.scene("card-without-date-of-a-lapsed-key", secKeys, "a card that does not say when it was signed needs a key that is valid now", stranger("issuer_key_expired"), func(s *scene) {
		lapsed(s, until)
		s.payload.drop("iat")
	})
	g.scene("key-lapsed-and-not-allowed-any-more", secKeys, "the permission has ended too", stranger("issuer_key_expired"), func(s *scene) {
		lapsed(s, until)
		s.issuers.set(issuer, entry(issuer, member{"lapsed_until", fmt.Sprint(now)}))
	})
	g.scene("key-revoked-though-lapsed-allowed", secKeys, "revoked is not lapsed", stranger("issuer_key_revoked"), func(s *scene) {
		lapsed(s, until, member{"revoked", fmt.Sprint(retire)})
	})
	g.scene("key-rotated", secKeys, "a new key beside the one before", accept(), func(s *scene) {
		s.documents.set(issuer, documentOf(issuer, `[`+method(issuer, "key-0", retired)+`,`+method(issuer, "key-1", registry)+`]`, `["#key-0","#key-1"]`))
		s.history = members{{issuer, dates("key-0", until)}}
	})
	g.scene("key-before-rotation-signs-as-the-new-one", "RFC 9901 7.1 step 2.3; SD-JWT VC 2.4", "kid names the new key and the old one signed", stranger("signature_invalid"), func(s *scene) {
		s.documents.set(issuer, documentOf(issuer, `[`+method(issuer, "key-0", retired)+`,`+method(issuer, "key-1", registry)+`]`, `["#key-0","#key-1"]`))
		s.signer = retired
	})
	g.scene("key-compromised", secTrust, "declared compromised: no card of it, from whatever date", stranger("issuer_key_compromised"), func(s *scene) {
		s.issuers.set(issuer, entry(issuer, member{"compromised", `[` + quote(issuer+"#key-1") + `]`}))
	})
	g.scene("key-compromised-by-thumbprint", secTrust, "a key is itself under every name", stranger("issuer_key_compromised"), func(s *scene) {
		s.issuers.set(issuer, entry(issuer, member{"compromised", `[` + quote(registry.thumbprint()) + `]`}))
	})
	g.scene("key-expires-in-the-document", "CID 1.0 2.2", "expires of the verification method has passed", stranger("issuer_key_expired"), func(s *scene) {
		s.documents.set(issuer, documentOf(issuer, `[`+with(method(issuer, "key-1", registry), "expires", `"2026-02-01T00:00:00Z"`)+`]`, `["#key-1"]`))
	})
	g.scene("key-revoked-in-the-document", "CID 1.0 2.2", "revoked of the verification method", stranger("issuer_key_revoked"), func(s *scene) {
		s.documents.set(issuer, documentOf(issuer, `[`+with(method(issuer, "key-1", registry), "revoked", `"2026-02-01T00:00:00Z"`)+`]`, `["#key-1"]`))
	})
}

// agencies: trust, and what was asked.
func (g *generator) agencies() {
	g.scene("issuer-not-trusted", secAuthority, "a self-made issuer with a document of its own", stranger("issuer_not_trusted"), func(s *scene) {
		s.payload.set("iss", quote(other))
		s.header.set("kid", quote(other+"#key-1"))
		s.signer = transport
	})
	g.scene("issuer-in-another-case", secAuthority, "issuers are compared byte for byte", stranger("issuer_not_trusted"), func(s *scene) {
		id := strings.Replace(issuer, "registry", "Registry", 1)
		s.payload.set("iss", quote(id))
		s.header.set("kid", quote(id+"#key-1"))
		s.documents.set(id, document(id, "key-1", registry))
	})
	g.scene("type-not-accredited", secAuthority, "a trusted issuer and a type that is not its business", stranger("type_not_accredited"), func(s *scene) {
		s.issuers.set(issuer, members{{"did", quote(issuer)}, {"types", `["https://registry.example/types/licence"]`}}.text())
	})
	g.scene("type-mismatch", "SD-JWT VC 7.7; the verifier's request", "another card than was asked for", stranger("type_mismatch"), func(s *scene) { s.payload.set("vct", `"https://registry.example/types/licence"`) })
	g.scene("type-with-slash", "SD-JWT VC 2.2.2.1; the verifier's request", "types are compared byte for byte", stranger("type_mismatch"), func(s *scene) { s.payload.set("vct", quote(vct+"/")) })
	g.scene("type-in-another-case", "SD-JWT VC 2.2.2.1; the verifier's request", "types are compared byte for byte", stranger("type_mismatch"), func(s *scene) {
		s.payload.set("vct", quote(strings.Replace(vct, "person", "Person", 1)))
	})
	const wider, narrower = "https://registry.example/types/resident", "https://registry.example/types/resident-of-a-valley"
	accredited := func(s *scene, typ string) {
		s.issuers.set(issuer, members{{"did", quote(issuer)}, {"types", `[` + quote(typ) + `]`}}.text())
	}
	g.scene("accreditation-for-the-type-extended", secAuthority, "whoever may issue a type may not for that reason issue what extends it", stranger("type_not_accredited"), func(s *scene) {
		accredited(s, wider)
		s.payload.set("vct", quote(narrower))
		s.request.set("type", quote(narrower))
	})
	g.scene("aka-vcts-names-an-accredited-type", secAuthority, "the issuer says what else a card is; that is no accreditation for its type", stranger("type_not_accredited"), func(s *scene) {
		accredited(s, wider)
		s.payload.set("vct", quote(narrower))
		s.payload.set("aka_vcts", `[`+quote(wider)+`]`)
		s.request.set("type", quote(narrower))
	})
	g.scene("aka-vcts-names-the-type-that-was-asked-for", secAuthority, "a card of a type that was not asked for, whatever else it says it is", stranger("type_mismatch"), func(s *scene) {
		accredited(s, narrower)
		s.payload.set("vct", quote(narrower))
		s.payload.set("aka_vcts", `[`+quote(vct)+`]`)
	})
	g.scene("issuer-did-not-found", secTrust, "trusted, and nowhere to be found", stranger("issuer_did_not_found"), func(s *scene) { s.documents.drop(issuer) })
	g.scene("issuer-did-malformed", "DID Core 3.1", "trusted by mistake: no DID", stranger("issuer_did_malformed"), func(s *scene) {
		s.payload.set("iss", `"did:web:"`)
		s.header.set("kid", `"#key-1"`)
		s.issuers.set("did:web:", entry("did:web:"))
	})
	g.scene("claim-not-shown", secAsked, "the holder showed less than was asked", known("claim_missing"), func(s *scene) { s.asked = `[["full_name"],["id_number"]]` })
	g.scene("claim-nested-not-shown", secAsked, "a path into a claim that has no such part", known("claim_missing"), func(s *scene) { s.asked = `[["full_name","given"]]` })
	g.scene("surplus-dropped", secAsked, "what was not asked for is left out, and its path reported", accept(), func(s *scene) {
		s.reveal("blood_group", `"O+"`)
		s.surplus = `[["blood_group"]]`
	})
	g.scene("claims-in-depth", "OpenID4VP 7", "paths into objects and arrays", accept(), func(s *scene) {
		city := s.disclosure(`"city"`, `"Thimphu"`)
		pa, a := s.element(`"A"`)
		ph, _ := s.element(`"B"`)
		s.payload.set("licences", `[`+pa+`,`+ph+`]`)
		s.shown = append(s.shown, city, a, s.hide("address", `{"_sd":[`+quote(s.digest(city))+`]}`))
		s.asked = `[["address","city"],["licences",null]]`
		s.surplus = `[["full_name"]]`
		s.want = `{"address":{"city":"Thimphu"},"licences":["A"]}`
	})
	for _, c := range []struct {
		fault, section, reason string
		change                 func(*scene)
	}{
		{"stolen-presentation-to-other-audience", secKBAud, "audience_mismatch", func(s *scene) { s.kb.payload.set("aud", `"https://licensing.example"`) }},
		{"replayed-presentation", secKBAud, "nonce_mismatch", func(s *scene) { s.kb.payload.set("nonce", `"n-before"`) }},
		{"expired-card", "RFC 9901 7.1 step 6, 7.3 step 4; SD-JWT VC 2.4", "expired", func(s *scene) { s.payload.set("exp", fmt.Sprint(issued+1)) }},
		{"copied-card", "RFC 9901 7.3 step 2, 9.5; SD-JWT VC 2.4", "key_binding_missing", func(s *scene) { s.kb = nil }},
	} {
		g.scene(c.fault, c.section, "the cheap checks come before the issuer's key is looked for", stranger(c.reason), c.change)
	}
	for _, c := range []struct {
		fault, section, reason string
		change                 func(*scene)
	}{
		{"stolen-card", secKBSign, "key_binding_signature", func(s *scene) { s.kb.signer = thief }},
		{"disclosure-of-another-card", "RFC 9901 7.1 step 5, 7.3 step 4; SD-JWT VC 2.4", "disclosure_not_referenced", func(s *scene) { s.shown = append(s.shown, s.disclosure(`"age_over_60"`, `true`)) }},
	} {
		g.scene(c.fault, c.section, "found after the issuer's signature, in what the holder added", reject(c.reason), c.change)
	}
	g.scene("status-cannot-be-asked", secStatus, "a card with a status and no status list", members{{"verdict", `"inconclusive"`}, {"reason", `"status_unavailable"`}}, func(s *scene) {
		s.payload.set("status", `{"status_list":{"idx":1,"uri":"https://registry.example/status/1"}}`)
	})
}
