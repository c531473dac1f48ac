package main

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strings"
)

// Sections of SD-JWT VC about JWT VC Issuer Metadata.
const (
	secMetadataPlace = "SD-JWT VC 4, 4.1"
	secMetadataForm  = "SD-JWT VC 4.2"
	secMetadataOwner = "SD-JWT VC 4.3, 4.2"
	secMetadataKey   = "SD-JWT VC 4.2, 2.5; RFC 7515 4.1.4"
	secMetadataHTTP  = "SD-JWT VC 3, 4.1"
)

const (
	site      = "https://registry.example"
	wellKnown = "https://registry.example/.well-known/jwt-vc-issuer"
	setURL    = "https://registry.example/keys.jwks"
)

// thumbprint is that of RFC 7638.
func (k key) thumbprint() string {
	var m struct{ Crv, Kty, X, Y string }
	if err := json.Unmarshal([]byte(k.public), &m); err != nil {
		panic(err)
	}
	sum := sha256.Sum256(fmt.Appendf(nil, `{"crv":%q,"kty":%q,"x":%q,"y":%q}`, m.Crv, m.Kty, m.X, m.Y))
	return b64(sum[:])
}

func keySet(keys ...string) string { return `{"keys":[` + strings.Join(keys, ",") + `]}` }

// web is an issuer that is known by an https address.
func (g *generator) web(fault, section, why string, expect members, change func(s *scene, doc *members)) {
	g.scene("metadata-"+fault, section, why, expect, func(s *scene) {
		s.payload.set("iss", quote(site))
		s.header.set("kid", `"key-1"`)
		s.by, s.keyID = site, registry.thumbprint()
		s.documents, s.issuers = members{}, members{{site, urlEntry(site)}}
		doc := members{{"issuer", quote(site)}, {"jwks", keySet(with(registry.public, "kid", `"key-1"`), with(transport.public, "kid", `"key-2"`))}}
		if change(s, &doc); s.published == nil {
			s.published = members{{wellKnown, quote(doc.text())}}
		}
	})
}

func urlEntry(url string, more ...member) string {
	return append(members{{"url", quote(url)}, {"types", `[` + quote(vct) + `]`}}, more...).text()
}

// issuerMetadata: keys that the issuer's web site has.
func (g *generator) issuerMetadata() {
	own := with(registry.public, "kid", `"key-1"`)
	g.web("accepted", secMetadataForm, "keys in the metadata", accept(), func(*scene, *members) {})
	g.web("with-unknown-members", secMetadataForm, "further members may be there", accept(), func(_ *scene, doc *members) { doc.set("office", `{"desk":4}`) })
	at := func(fault, why, iss, place string) {
		g.web(fault, secMetadataPlace, why, accept(), func(s *scene, doc *members) {
			s.payload.set("iss", quote(iss))
			s.by, s.issuers = iss, members{{iss, urlEntry(iss)}}
			doc.set("issuer", quote(iss))
			s.published = members{{place, quote(doc.text())}}
		})
	}
	at("of-a-tenant", "the well-known string stands between host and path", site+"/tenant/7", wellKnown+"/tenant/7")
	at("of-a-tenant-with-slash", "a last slash is dropped", site+"/tenant/7/", wellKnown+"/tenant/7")
	at("at-a-port", "the port belongs to the host", site+":8443", "https://registry.example:8443/.well-known/jwt-vc-issuer")
	g.web("behind-the-path", secMetadataPlace, "a document behind the path is not the issuer's", inconclusive("issuer_metadata_unavailable"), func(s *scene, doc *members) {
		iss := site + "/tenant/7"
		s.payload.set("iss", quote(iss))
		s.issuers = members{{iss, urlEntry(iss)}}
		doc.set("issuer", quote(iss))
		s.published = members{{iss + "/.well-known/jwt-vc-issuer", quote(doc.text())}}
	})
	g.web("iss-with-dot-segments", secMetadataPlace, "an address that leads elsewhere", stranger("iss_not_an_https_url"), func(s *scene, _ *members) {
		iss := site + "/tenant/../7"
		s.payload.set("iss", quote(iss))
		s.issuers = members{{iss, urlEntry(iss)}}
	})
	g.web("iss-by-http", secMetadataPlace, "iss is an https URL", stranger("issuer_not_trusted"), func(s *scene, _ *members) { s.payload.set("iss", `"http://registry.example"`) })
	g.web("unavailable", secMetadataHTTP, "nobody answers: never accepted, and worth another try", inconclusive("issuer_metadata_unavailable"), func(s *scene, _ *members) {
		s.published = members{}
	})
	elsewhere := func(s *scene, doc *members, url, set string) {
		doc.drop("jwks")
		doc.set("jwks_uri", quote(url))
		s.published = members{{wellKnown, quote(doc.text())}, {url, quote(set)}}
	}
	g.web("with-keys-elsewhere", secMetadataForm, "jwks_uri leads to the keys", accept(), func(s *scene, doc *members) { elsewhere(s, doc, setURL, keySet(own)) })
	g.web("with-keys-at-a-host-that-is-allowed", "SD-JWT VC 4.2, 7.1", "the trust entry names the host", accept(), func(s *scene, doc *members) {
		s.issuers = members{{site, urlEntry(site, member{"hosts", `["keys.registry.example"]`})}}
		elsewhere(s, doc, "https://keys.registry.example/1", keySet(own))
	})
	g.web("with-keys-at-another-host", "SD-JWT VC 7.1, 4.2", "nothing is fetched from where an issuer's document points, unless the trust entry names the host", inconclusive("issuer_host_not_allowed"), func(s *scene, doc *members) {
		elsewhere(s, doc, "https://10.0.0.7/keys.jwks", keySet(own))
	})
	g.web("keys-unavailable", secMetadataHTTP, "nobody answers for the keys", inconclusive("issuer_metadata_unavailable"), func(s *scene, doc *members) {
		elsewhere(s, doc, setURL, keySet(own))
		s.published.drop(setURL)
	})
	g.metadataFaults(elsewhere)
	g.metadataKeys()
}

func (g *generator) metadataFaults(elsewhere func(*scene, *members, string, string)) {
	whole := func(fault, why, text string) {
		g.web(fault, "SD-JWT VC 4.2, 3", why, inconclusive("issuer_metadata_malformed"), func(s *scene, _ *members) { s.published = members{{wellKnown, quote(text)}} })
	}
	whole("no-json", "a page that is no document", `<html><body>Not found</body></html>`)
	whole("is-an-array", "metadata are a JSON object", `[]`)
	whole("duplicate-member", "two readers would see two issuers", `{"issuer":"https://registry.example","issuer":"https://registry.example","jwks":{"keys":[]}}`)
	form := func(fault, section, why, reason string, change func(doc *members)) {
		g.web(fault, section, why, inconclusive(reason), func(_ *scene, doc *members) { change(doc) })
	}
	form("issuer-absent", secMetadataForm, "issuer is required", "issuer_metadata_malformed", func(doc *members) { doc.drop("issuer") })
	form("issuer-is-a-number", secMetadataForm, "issuer is a string", "issuer_metadata_malformed", func(doc *members) { doc.set("issuer", `1`) })
	other := "issuer_metadata_names_other_issuer"
	form("names-other-issuer", secMetadataOwner, "the keys of another issuer", other, func(doc *members) { doc.set("issuer", `"https://transport.example"`) })
	form("names-issuer-with-slash", secMetadataOwner, "issuer and iss are compared byte for byte", other, func(doc *members) { doc.set("issuer", quote(site+"/")) })
	form("names-issuer-in-upper-case", secMetadataOwner, "issuer and iss are compared byte for byte", other, func(doc *members) { doc.set("issuer", `"https://REGISTRY.example"`) })
	form("with-two-key-sets", secMetadataForm, "jwks or jwks_uri, and not both", "issuer_metadata_malformed", func(doc *members) { doc.set("jwks_uri", quote(setURL)) })
	form("without-keys", secMetadataForm, "jwks or jwks_uri", "issuer_metadata_malformed", func(doc *members) { doc.drop("jwks") })
	for fault, url := range map[string]string{"http": "http://registry.example/keys.jwks", "file": "file:///keys.jwks", "relative": "/keys.jwks", "with-user": "https://registry.example@10.0.0.7/keys.jwks", "with-port-out-of-range": "https://registry.example:65536/keys.jwks"} {
		form("jwks-uri-"+fault, "SD-JWT VC 3, 7.1, 4.2", "keys are fetched by https alone", "issuer_metadata_malformed", func(doc *members) {
			doc.drop("jwks")
			doc.set("jwks_uri", quote(url))
		})
	}
	set := func(fault, why, value string) {
		form("jwks-"+fault, "SD-JWT VC 4.2; RFC 7517 5", why, "issuer_jwks_malformed", func(doc *members) { doc.set("jwks", value) })
	}
	set("is-an-array", "jwks is an object with keys", `[`+registry.public+`]`)
	set("without-keys", "jwks is an object with keys", `{}`)
	set("with-private-key", "who publishes a private key has lost control of the set", keySet(with(registry.private, "kid", `"key-1"`)))
	set("with-symmetric-key", "a secret that everybody can read", keySet(with(registry.public, "kid", `"key-1"`), `{"kty":"oct","k":"c2VjcmV0"}`))
	g.web("jwks-uri-to-no-key-set", "SD-JWT VC 4.2, 3; RFC 7517 5", "jwks_uri leads to a key set", inconclusive("issuer_jwks_malformed"), func(s *scene, doc *members) {
		elsewhere(s, doc, setURL, `["keys"]`)
	})
}

func (g *generator) metadataKeys() {
	key := func(fault, why string, expect members, change func(s *scene, doc *members)) {
		g.web(fault, secMetadataKey, why, expect, change)
	}
	own := func(kid string) string { return with(registry.public, "kid", quote(kid)) }
	key("kid-of-no-key", "the set has no such key", stranger("issuer_key_unknown"), func(s *scene, _ *members) { s.header.set("kid", `"key-9"`) })
	ignored := func(fault, why, odd string) {
		g.web("jwks-with-"+fault, "RFC 7517 5; SD-JWT VC 4.2", why, stranger("issuer_key_unknown"), func(_ *scene, doc *members) { doc.set("jwks", keySet(odd)) })
		g.web("jwks-with-"+fault+"-beside-ours", "RFC 7517 5; SD-JWT VC 4.2", "keys that are not understood are ignored", accept(), func(_ *scene, doc *members) {
			doc.set("jwks", keySet(odd, own("key-1")))
		})
	}
	ignored("kid-that-is-a-number", "kid is a string", with(registry.public, "kid", `1`))
	ignored("key-off-the-curve", "a key that is none", with(strings.Replace(registry.public, yOf(registry), yOf(transport), 1), "kid", `"key-1"`))
	ignored("key-without-type", "kty is required", with(strings.Replace(registry.public, `"kty":"EC",`, "", 1), "kid", `"key-1"`))
	key("kid-of-two-keys", "the name tells nothing", stranger("issuer_key_ambiguous"), func(_ *scene, doc *members) {
		doc.set("jwks", keySet(own("key-1"), with(transport.public, "kid", `"key-1"`)))
	})
	key("kid-absent-and-one-key", "with one key there is no doubt", accept(), func(s *scene, doc *members) {
		s.header.drop("kid")
		doc.set("jwks", keySet(registry.public))
	})
	key("kid-absent-and-two-keys", "nobody tries keys until one fits", stranger("kid_missing"), func(s *scene, _ *members) { s.header.drop("kid") })
	key("key-for-encryption", "a key for another use verifies nothing", stranger("issuer_key_wrong_purpose"), func(_ *scene, doc *members) {
		doc.set("jwks", keySet(with(own("key-1"), "use", `"enc"`)))
	})
	key("key-compromised", "declared compromised: no card of it", stranger("issuer_key_compromised"), func(s *scene, _ *members) {
		s.issuers = members{{site, urlEntry(site, member{"compromised", `[` + quote(registry.thumbprint()) + `]`})}}
	})
	key("self-made-card", "the right names and the wrong key", stranger("signature_invalid"), func(s *scene, _ *members) { s.signer = thief })
	for _, name := range []string{"jwk", "jku", "x5u"} {
		value := map[string]string{"jwk": thief.public, "jku": `"https://thief.example/keys"`, "x5u": `"https://thief.example/chain"`}[name]
		g.web("beside-header-"+name, "SD-JWT VC 7.3, 2.5", "a header cannot bring its key", stranger("header_carries_key"), func(s *scene, _ *members) {
			s.header.set(name, value)
			s.signer = thief
		})
	}
}
