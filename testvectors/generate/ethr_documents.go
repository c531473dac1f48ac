package main

import (
	"encoding/base64"
	"strings"
)

// ethrDocuments: how a document is made where no other resolver is known to fail, in both profiles.
func (g *generator) ethrDocuments() {
	g.ethrKeys()
	g.ethrEntries()
	g.ethrNames()
	g.ethrVersions()
	g.ethrGarbled()
}

// ethrKeys: a key of each kind, as the method specification has it and as version 11 does.
func (g *generator) ethrKeys() {
	x := seed("agreement: registry")
	edwards, point := registryE.raw, registryK.raw
	coordinates := coordinatesOf(registryK)
	hexed := func(b []byte) string { return quote(hexOf(b)) }
	base64ed := func(b []byte) string { return quote(base64.StdEncoding.EncodeToString(b)) }
	const secp, old = "EcdsaSecp256k1VerificationKey2019", "VerificationKey2018"
	for fault, c := range map[string]struct {
		attribute                string
		value                    []byte
		kind, member, text       string // current
		kind11, member11, text11 string
		counts                   string
	}{
		"key-p-256":                    {veriKey, multikeyValue(registry), "Multikey", "publicKeyMultibase", quote(registry.multikey()), "Multikey", "publicKeyHex", hexed(multikeyValue(registry)), "assert"},
		"key-p-256-for-authentication": {"did/pub/Multikey/sigAuth", multikeyValue(registry), "Multikey", "publicKeyMultibase", quote(registry.multikey()), "Multikey", "publicKeyHex", hexed(multikeyValue(registry)), "auth"},
		"key-secp256k1":                {"did/pub/Secp256k1/veriKey", point, secp, "publicKeyJwk", registryK.public, secp, "publicKeyHex", hexed(point), "assert"},
		"key-secp256k1-in-base64":      {"did/pub/Secp256k1/sigAuth/base64", point, secp, "publicKeyJwk", registryK.public, secp, "publicKeyBase64", base64ed(point), "auth"},
		"key-secp256k1-uncompressed":   {"did/pub/Secp256k1/veriKey/hex", append([]byte{4}, coordinates...), secp, "publicKeyJwk", registryK.public, secp, "publicKeyHex", hexed(append([]byte{4}, coordinates...)), "assert"},
		"key-secp256k1-without-prefix": {"did/pub/Secp256k1/veriKey", coordinates, secp, "publicKeyJwk", registryK.public, secp, "publicKeyHex", hexed(coordinates), "assert"},
		"key-ed25519":                  {"did/pub/Ed25519/veriKey", edwards, "Ed25519VerificationKey2020", "publicKeyMultibase", quote(multikey(0xed, edwards)), "Ed25519" + old, "publicKeyHex", hexed(edwards), "assert"},
		"key-ed25519-in-base58":        {"did/pub/Ed25519/veriKey/base58", edwards, "Ed25519VerificationKey2020", "publicKeyMultibase", quote(multikey(0xed, edwards)), "Ed25519" + old, "publicKeyBase58", quote(base58(edwards)), "assert"},
		"key-x25519":                   {"did/pub/X25519/enc", x, "X25519KeyAgreementKey2020", "publicKeyMultibase", quote(multikey(0xec, x)), "X25519KeyAgreementKey2019", "publicKeyHex", hexed(x), "enc"},
		"key-of-unknown-algorithm":     {"did/pub/Dilithium/veriKey", []byte("key"), "Dilithium", "publicKeyHex", hexed([]byte("key")), "Dilithium", "publicKeyHex", hexed([]byte("key")), "assert"},
		"key-of-unknown-hint":          {"did/pub/Dilithium/veriKey/base32", []byte("key"), "Dilithium", "value", hexed([]byte("key")), "Dilithium", "value", hexed([]byte("key")), "assert"},
		"key-rsa-in-pem":               {"did/pub/RSA/veriKey/pem", []byte("-----BEGIN"), "RSA", "value", hexed([]byte("-----BEGIN")), "RSA" + old, "publicKeyPem", quote("-----BEGIN"), "assert"},
		"key-with-long-purpose":        {"did/pub/RSA/VerificationKey2018", []byte("key"), "RSA", "publicKeyHex", hexed([]byte("key")), "RSA" + old, "publicKeyHex", hexed([]byte("key")), "assert"},
		"key-without-purpose":          {"did/pub/Ed25519", edwards, "Ed25519VerificationKey2020", "publicKeyMultibase", quote(multikey(0xed, edwards)), "Ed25519", "publicKeyHex", hexed(edwards), "assert"},
		"key-ed25519-for-agreement":    {"did/pub/Ed25519/enc", edwards, "Ed25519VerificationKey2020", "publicKeyMultibase", quote(multikey(0xed, edwards)), "Ed25519", "publicKeyHex", hexed(edwards), "enc"},
	} {
		h := newEthHistory().attribute(c.attribute, c.value, ethrNever)
		meta := h.meta(h.head(), 0)
		g.fold(fault, secPublic, "as the method specification has it", h, ethQuestion{}, h.document(h.doc(h.did(), h.identity).method("#delegate-1", c.kind, c.member, c.text, c.counts), meta))
		g.fold(fault+"-in-version-11", "ethr-did-resolver 11.1.3", "as version 11 writes it", h, ethQuestion{profile: v11}, h.document(h.doc(h.did(), h.identity).method("#delegate-1", c.kind11, c.member11, c.text11, c.counts), meta))
	}
	h := newEthHistory().attribute("did/pub/Secp256k1/veriKey", append([]byte{2}, strings.Repeat("\xff", 32)...), ethrNever)
	h.attribute(veriKey, multikeyValue(registry), ethrNever)
	g.fold("key-off-the-curve", secPublic, "what is no point is not listed, and counts for the ids", h, ethQuestion{}, h.document(h.doc(h.did(), h.identity).multikey("#delegate-2", registry), h.meta(h.head(), 0)))
	h = newEthHistory().attribute("did/pub/RSA/veriKey/pem", []byte{0xff}, ethrNever)
	h.attribute(veriKey, multikeyValue(registry), ethrNever)
	g.fold("key-in-pem-that-is-no-text-in-version-11", "ethr-did-resolver 11.1.3", "version 11 does not list it, and counts it", h, ethQuestion{profile: v11},
		h.document(h.doc(h.did(), h.identity).method("#delegate-2", "Multikey", "publicKeyHex", quote(multikeyHex(registry)), "assert"), h.meta(h.head(), 0)))

	// The contexts of JSON-LD follow the methods; those of version 11 do not.
	h = newEthHistory()
	id := h.keyDID()
	d := h.doc(id, h.identity).controllerKey(false)
	d.context = `["https://www.w3.org/ns/did/v1","https://w3id.org/security/suites/secp256k1recovery-2020/v2","https://w3id.org/security/v2",` +
		`{"publicKeyJwk":{"@id":"https://w3id.org/security#publicKeyJwk","@type":"@json"}}]`
	g.fold("controller-key", secEthr+"Create (Register)", "a DID that was never written: the key in it is its key", h, ethQuestion{did: id, accept: ld}, h.document(d, nil))
	d = h.doc(id, h.identity).controllerKey(true)
	d.context = `["https://www.w3.org/ns/did/v1","https://w3id.org/security/suites/secp256k1recovery-2020/v2","https://w3id.org/security/v3-unstable"]`
	g.fold("controller-key-in-version-11", "ethr-did-resolver 11.1.3", "the document of NDI's present DIDs", h, ethQuestion{did: id, accept: ld, profile: v11}, h.document(d, nil))
	d = h.doc(h.did(), h.identity)
	d.context = `["https://www.w3.org/ns/did/v1","https://w3id.org/security/suites/secp256k1recovery-2020/v2"]`
	g.fold("address", secEthr+"Create (Register)", "a DID that was never written", h, ethQuestion{accept: ld}, h.document(d, nil))
}

// ethrEntries: delegates, services, ids, order.
func (g *generator) ethrEntries() {
	friend, other := somebody("a friend"), somebody("another friend")
	h := newEthHistory().delegate("veriKey", friend, ethrNever).delegate("sigAuth", other, ethrNever).delegate("raiden", other, ethrNever).delegate("veriKey", other, ethrNever)
	d := h.doc(h.did(), h.identity)
	h.delegateMethod(d, "#delegate-1", friend, "assert")
	h.delegateMethod(d, "#delegate-2", other, "auth")
	h.delegateMethod(d, "#delegate-4", other, "assert")
	g.fold("delegates", secDelegates, "types that are not listed count; an address may have several roles", h, ethQuestion{}, h.document(d, h.meta(h.head(), 0)))

	h = newEthHistory()
	d = h.doc(h.did(), h.identity)
	for i, c := range [][2]string{
		{"https://registry.example/?a=1&b=2", quote("https://registry.example/?a=1&b=2")}, {`{"uri":"https://registry.example"}`, `{"uri":"https://registry.example"}`},
		{`["https://a.example","https://b.example"]`, `["https://a.example","https://b.example"]`}, {`"https://registry.example"`, `"https://registry.example"`}, {"", `""`},
		{"https://registry.example/ " + "é", quote("https://registry.example/ é")}, {`{"broken"`, quote(`{"broken"`)},
	} {
		h.attribute("did/svc/Page", []byte(c[0]), ethrNever)
		d.service("#service-"+number(uint64(i+1)), "Page", c[1])
	}
	g.fold("services", secServices, "a text, or the JSON that the text is; services have numbers of their own", h, ethQuestion{}, h.document(d, h.meta(h.head(), 0)))
	h = newEthHistory().attribute("did/svc/Page", []byte{0xff, 0xfe}, ethrNever)
	h.attribute("did/svc/Page", []byte("https://registry.example"), ethrNever)
	g.fold("service-that-is-no-text", secServices, "not listed, and counted", h, ethQuestion{}, h.document(h.doc(h.did(), h.identity).service("#service-2", "Page", quote("https://registry.example")), h.meta(h.head(), 0)))
	h = newEthHistory().attribute("did/note", []byte("no DID data"), ethrNever).attribute("did/pub/a/b/c/d", []byte("four words"), ethrNever)
	h.emit(attributeEvent, append(append(append([]byte{0xff}, make([]byte, 31)...), uintWord(128)...), uintWord(ethrNever)...), append(uintWord(1), textWord("x")...))
	h.attribute(veriKey, multikeyValue(registry), ethrNever)
	g.fold("names-outside-the-grammar", secIDs, "only what begins did/pub/ counts for the ids; a name that is no text is no DID data", h, ethQuestion{}, h.document(h.doc(h.did(), h.identity).multikey("#delegate-2", registry), h.meta(h.head(), 0)))

	// The example of the section.
	h = newEthHistory().attribute(veriKey, multikeyValue(registry), ethrNever).attribute(veriKey, multikeyValue(retired), ethrNever)
	h.delegate("veriKey", friend, h.now()+60).attribute("did/svc/Page", []byte("https://registry.example"), ethrNever)
	h.mine(1).attribute(veriKey, multikeyValue(registry), h.now())
	h.mine(1).delegate("veriKey", other, ethrNever)
	page := quote("https://registry.example")
	d = h.doc(h.did(), h.identity).multikey("#delegate-2", retired).service("#service-1", "Page", page)
	h.delegateMethod(d, "#delegate-3", friend, "assert")
	h.delegateMethod(d, "#delegate-5", other, "assert")
	g.fold("ids", secIDs+", example", "a revocation counts", h, ethQuestion{clock: h.now()}, h.document(d, h.meta(h.head(), 0)))
	d = h.doc(h.did(), h.identity).multikey("#delegate-2", retired).service("#service-1", "Page", page)
	h.delegateMethod(d, "#delegate-5", other, "assert")
	g.fold("ids-after-an-end", secIDs+", example", "an entry that ends moves no other's id", h, ethQuestion{}, h.document(d, h.meta(h.head(), 0)))

	h = newEthHistory().owner(friend)
	h.mine(1).owner(other)
	g.fold("owner", secOwner, "the newest owner controls the DID", h, ethQuestion{}, append(h.document(h.doc(h.did(), other), h.meta(h.head(), 0)),
		keysText(ethKey{id: h.did() + "#controller", purposes: "auth", class: "controller", from: h.now()})))
}

// ethrNames: the same identity under the names of networks.
func (g *generator) ethrNames() {
	h := newEthHistory()
	digits := ":0x" + hexOf(h.identity)
	bare := "did:ethr" + digits
	for fault, c := range map[string]struct {
		name  string
		chain uint64
		did   string
	}{
		"network-by-name": {"dev", 31337, "did:ethr:dev" + digits}, "network-by-chain": {"dev", 31337, "did:ethr:0x7a69" + digits}, "network-by-chain-in-upper-case": {"dev", 31337, "did:ethr:0x7A69" + digits},
		"mainnet-bare": {"mainnet", 1, bare}, "mainnet-by-name": {"mainnet", 1, "did:ethr:mainnet" + digits}, "mainnet-by-chain": {"mainnet", 1, "did:ethr:0x1" + digits},
		"network-of-two-words": {"artis:sigma1", 246529, "did:ethr:artis:sigma1" + digits},
	} {
		h := newEthHistory()
		h.name, h.chain = c.name, c.chain
		g.fold(fault, secSpecific, "documents keep the name of the question", h, ethQuestion{did: c.did}, h.document(h.doc(c.did, h.identity), nil))
	}
	for fault, id := range map[string]string{
		"network-unknown": "did:ethr:elsewhere" + digits, "chain-unknown": "did:ethr:0x7a6a" + digits, "network-not-mainnet": bare, "chain-with-leading-zero": "did:ethr:0x07a69" + digits,
		"chain-in-decimal": "did:ethr:31337" + digits,
	} {
		g.fold(fault, secSpecific, "the history is of another network", h, ethQuestion{did: id}, reject("internalError"))
	}
}

// ethrVersions: versionId, versionTime, what came next.
func (g *generator) ethrVersions() {
	friend := somebody("a friend")
	h := newEthHistory().mine(1).attribute(veriKey, multikeyValue(registry), ethrNever)
	first, at := h.head(), h.now()
	h.mine(3).owner(friend)
	second := h.head()
	h.mine(2)
	before := h.document(h.doc(h.did(), h.identity), h.meta(0, first))
	between := h.document(h.doc(h.did(), h.identity).multikey("#delegate-1", registry), h.meta(first, second))
	after := h.document(h.doc(h.did(), friend).multikey("#delegate-1", registry), h.meta(second, 0))
	for fault, c := range map[string]struct {
		params string
		expect members
	}{
		"version-before-the-first": {"versionId=" + number(first-1), before}, "version-of-a-change": {"versionId=" + number(first), between}, "version-between-changes": {"versionId=" + number(first+1), between},
		"version-newest": {"versionId=" + number(second), after}, "version-of-the-newest-block": {"versionId=" + number(h.head()), after},
		"time-before-the-first": {"versionTime=" + number(at-1), before}, "time-of-a-change": {"versionTime=" + number(at), between}, "time-in-rfc-3339": {"versionTime=2026-02-01T23:55:40Z", between},
		"time-with-another-zone": {"versionTime=2026-02-02T05:55:40%2B06:00", between}, "time-of-today": {"versionTime=" + number(ethrNow), after},
	} {
		g.fold(fault, secVersions, "the newest change at or before it, and the next one", h, ethQuestion{params: c.params}, c.expect)
	}
	h = newEthHistory().owner(make([]byte, 20))
	ended := h.head()
	h.mine(1)
	g.fold("version-before-the-deactivation", secDelete, "what counted then", h, ethQuestion{params: "versionId=" + number(ended-1)}, h.document(h.doc(h.did(), h.identity), h.meta(0, ended)))
}

// ethrGarbled: logs that no registry can have written. Of such a history nothing is believed.
func (g *generator) ethrGarbled() {
	bad := func(fault, why string, event string, data []byte) {
		h := newEthHistory().attribute(veriKey, multikeyValue(registry), ethrNever)
		h.raw(event, data)
		g.fold("garbled-"+fault, secRegistry, why, h, ethQuestion{}, members{{"verdict", `"inconclusive"`}, {"reason", `"garbledAnswer"`}})
	}
	for fault, c := range map[string]struct {
		why    string
		change func(h *ethHistory)
	}{
		"log-of-another-fork":        {"the block of that number has another hash", func(h *ethHistory) { h.logs[0] = strings.Replace(h.logs[0], blockHash(h.head()), blockHash(1), 1) }},
		"log-after-the-newest-block": {"it has not happened yet", func(h *ethHistory) { h.beyond = 1 }},
	} {
		h := newEthHistory().attribute(veriKey, multikeyValue(registry), ethrNever)
		c.change(h)
		g.fold("garbled-"+fault, secRegistry, c.why, h, ethQuestion{}, members{{"verdict", `"inconclusive"`}, {"reason", `"garbledAnswer"`}})
	}
	zero := make([]byte, 32)
	words := func(w ...[]byte) (out []byte) {
		for _, w := range w {
			out = append(out, w...)
		}
		return out
	}
	const owner, delegate = "DIDOwnerChanged(address,address,uint256)", "DIDDelegateChanged(address,bytes32,address,uint256,uint256)"
	wide := []byte(strings.Repeat("\xff", 32))
	bad("owner-without-data", "no words", owner, nil)
	bad("owner-of-32-bytes", "an address has 20", owner, words(wide, zero))
	bad("change-in-the-future", "previousChange after its own block", owner, words(zero, uintWord(ethrFirst+10)))
	bad("delegate-one-word-short", "three words", delegate, words(textWord("veriKey"), zero, zero))
	bad("value-elsewhere", "another offset", attributeEvent, words(textWord(veriKey), uintWord(160), uintWord(ethrNever), zero, zero, zero))
	bad("value-longer-than-the-log", "a length beyond the end", attributeEvent, words(textWord(veriKey), uintWord(128), uintWord(ethrNever), zero, uintWord(33), zero))
	bad("value-with-something-behind", "a word more than the length says", attributeEvent, words(textWord(veriKey), uintWord(128), uintWord(ethrNever), zero, uintWord(1), zero, zero))
}
