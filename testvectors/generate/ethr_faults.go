package main

import (
	"encoding/binary"
	"slices"
	"strings"
)

const (
	secEthr      = "did:ethr, "
	secDelegates = secEthr + "Delegate Keys (DIDDelegateChanged)"
	secPublic    = secEthr + "Public Keys"
	secOwner     = secEthr + "Controller changes (DIDOwnerChanged)"
	secIDs       = secEthr + "id properties of entries"
	secDelete    = secEthr + "Delete (Revoke)"
	secVersions  = secEthr + "Resolving DID URLs with query parameters"
	secSpecific  = secEthr + "Method Specific Identifier"
	secServices  = secEthr + "Service Endpoints"
	secBlockTime = "a rule of this library: which events exist is decided by the chain, never by a local clock"
	secLastWord  = "a rule of this library: of events of one second the later one is the last word"
	secRegistry  = "a rule of this library: what no registry can have written is not read"
	veriKey      = "did/pub/Multikey/veriKey"
	v11          = "v11"
)

// multikeyValue is a key as an attribute Multikey holds it.
func multikeyValue(k key) []byte { return append(binary.AppendUvarint(nil, codecs[k.alg]), k.raw...) }

// somebody is an address that nobody has the key of.
func somebody(name string) []byte { return keccak([]byte("khyer test address of " + name))[12:] }

// ethrFaults: the faults F1 to F12 and N1 to N7, EQ and R of other resolvers and registries, under their numbers. DIVERGENCES.md of package
// didethr lists them.
func (g *generator) ethrFaults() {
	g.ethrTimes()
	g.ethrRegistries()
	g.ethrParsing()
	g.ethrRendering()
	g.ethrOneSecond()
}

// ethrTimes: F1, F2, EQ, F7.
func (g *generator) ethrTimes() {
	friend := somebody("a delegate")
	plain := func(h *ethHistory, meta members) members { return h.document(h.doc(h.did(), h.identity), meta) }

	h := newEthHistory().delegate("veriKey", friend, ethrNever)
	set := h.now()
	h.mine(1).delegate("veriKey", friend, h.now())
	revoked := append(plain(h, h.meta(h.head(), 0)), keysText(controllerOf(h.did()),
		ethKey{id: h.did() + "#delegate-1", purposes: "assert", class: "delegate", from: set, until: ethrNever, revoked: h.now()}))
	g.fold("f1-revocation-at-its-own-block", secDelegates, "validTo of a revocation is the block's own time: it must not read as an addition there", h, ethQuestion{params: "versionId=" + number(h.head())}, revoked)
	g.fold("f1-revocation-in-the-newest-block", secDelegates, "the same, asked without a version and with a clock that stands at the block", h, ethQuestion{clock: h.now()}, revoked)
	h = newEthHistory()
	h.delegate("veriKey", friend, h.now())
	g.fold("f1-delegate-that-was-never-added", secDelegates, "revoked, never added", h, ethQuestion{params: "versionId=" + number(h.head())}, append(plain(h, h.meta(h.head(), 0)), keysText(controllerOf(h.did()))))

	h = newEthHistory().mine(50)
	h.owner(friend)
	g.fold("f2-slow-clock-before-a-rotation", secBlockTime, "with a clock ten minutes slow the owner of before the rotation would come back", h, ethQuestion{clock: h.now() - 600},
		h.document(h.doc(h.did(), friend), h.meta(h.head(), 0)))
	h = newEthHistory().attribute(veriKey, multikeyValue(registry), ethrNever)
	h.mine(1).attribute(veriKey, multikeyValue(registry), 0)
	g.fold("f2-slow-clock-before-a-revocation", secBlockTime, "with a slow clock a key that is revoked would come back", h, ethQuestion{clock: h.now() - 600}, plain(h, h.meta(h.head(), 0)))

	h = newEthHistory().attribute(veriKey, multikeyValue(registry), ethrStart+200).mine(50)
	g.fold("f2-slow-clock-before-an-end", secBlockTime, "the key has ended by the newest block's time, if not yet by the clock", h, ethQuestion{clock: h.now() - 600}, plain(h, h.meta(ethrFirst+9, 0)))

	h = newEthHistory()
	end := h.now() + 60
	h.attribute(veriKey, multikeyValue(registry), end).mine(20)
	version := uint64(ethrFirst + 9)
	g.fold("eq-second-of-the-end", "ERC-1056, validDelegate: validity > now; the method specification's text says >=", "an entry is listed while validTo is later than the time asked about", h,
		ethQuestion{params: "versionTime=" + number(end)}, plain(h, h.meta(version, 0)))
	g.fold("eq-second-before-the-end", "ERC-1056, validDelegate: validity > now", "the last second in which it is listed", h,
		ethQuestion{params: "versionTime=" + number(end-1)}, h.document(h.doc(h.did(), h.identity).multikey("#delegate-1", registry), h.meta(version, 0)))

	h = newEthHistory().attribute(veriKey, multikeyValue(registry), 41)
	h.attribute(veriKey, multikeyValue(retired), ethrNever)
	g.fold("f7-validity-that-overflowed", "ERC-1056 as npm ethr-did-registry 0.0.3 has it", "now + validity wrapped around: an entry whose end is before its beginning never was; it counts for the ids", h, ethQuestion{},
		h.document(h.doc(h.did(), h.identity).multikey("#delegate-2", retired), h.meta(h.head(), 0)))
	h = newEthHistory()
	h.attributeUntil(veriKey, multikeyValue(registry), append(append(make([]byte, 6), 1), make([]byte, 25)...)) // 2^200
	g.fold("f7-validity-beyond-every-calendar", "ERC-1056: validTo is a uint256", "an end in the year 10^52 is no number to compute dates with: it counts as the end of the year 9999", h, ethQuestion{},
		append(h.document(h.doc(h.did(), h.identity).multikey("#delegate-1", registry), h.meta(h.head(), 0)), keysText(controllerOf(h.did()),
			ethKey{id: h.did() + "#delegate-1", aliases: []string{h.did() + "#" + registry.thumbprint()}, purposes: "assert", from: h.now(), until: 253402300799})))
}

// ethrRegistries: F3, F4, F5, F8, F10, F11, F12.
func (g *generator) ethrRegistries() {
	friend, thiefs := somebody("a friend"), somebody("a thief")
	h := newEthHistory().attribute(veriKey, multikeyValue(registry), ethrNever)
	h.mine(1).owner(make([]byte, 20))
	ended := h.head()
	h.mine(1).attribute(veriKey, multikeyValue(thief), ethrNever).owner(h.identity)
	g.fold("f3-writes-after-the-end", secDelete, "a stock registry lets the first key go on after the owner became zero: nothing of it counts", h, ethQuestion{},
		h.document(&ethDoc{id: h.did()}, append(members{{"deactivated", "true"}}, h.meta(ended, 0)...)))

	h = newEthHistory()
	h.identity = make([]byte, 20)
	h.attribute(veriKey, multikeyValue(thief), ethrNever).attribute("did/svc/Page", []byte("https://thief.example"), ethrNever)
	g.fold("f4-identity-zero", "a rule of this library", "everybody can write for the zero address: it has no keys", h, ethQuestion{}, append(h.document(&ethDoc{id: h.did()}, h.meta(h.head(), 0)), member{"keys", "[]"}))

	h = newEthHistory().delegate("veriKey", friend, ethrNever)
	h.mine(1).delegate("veriKey", friend, h.now())
	h.mine(1).delegate("veriKey", friend, ethrNever)
	g.fold("f5-replayed-operation", "ERC-1056 as npm ethr-did-registry 0.0.3 has it", "a revoked delegate was added again, by its owner or by who replayed the owner's signature: logs cannot tell, so nobody may sign operations for such a registry", h,
		ethQuestion{}, h.document(h.delegateMethod(h.doc(h.did(), h.identity), "#delegate-3", friend, "assert"), h.meta(h.head(), 0)))

	h = newEthHistory()
	h.attribute(veriKey, multikeyValue(registry), ethrNever).mine(1)
	h.logs = append(h.logs, strings.Replace(h.logs[0], multikeyHex(registry), multikeyHex(thief), 1))
	g.fold("f8-two-logs-in-one-place", secRegistry, "one log index holds one log", h, ethQuestion{}, members{{"verdict", `"inconclusive"`}, {"reason", `"garbledAnswer"`}})
	h = newEthHistory()
	h.attribute(veriKey, multikeyValue(registry), ethrNever)
	h.logs[0] = strings.Replace(h.logs[0], `"blockNumber":1009`, `"blockNumber":900`, 1)
	g.fold("f8-block-that-is-missing", secBlockTime, "without the time of an event's block nothing can be said", h, ethQuestion{}, members{{"verdict", `"inconclusive"`}, {"reason", `"incompleteAnswer"`}})

	g.resolve("didethr-f10-did-polygon", "a rule of this library", "did:polygon's registry lets everybody write a document for every address", "did:polygon:"+checksummed(friend), reject("methodNotSupported"))

	h = newEthHistory().mine(1)
	h.owner(friend)
	id := h.keyDID()
	g.fold("f11-rotation-is-seen", secOwner, "the key in the DID does not speak for it any more", h, ethQuestion{did: id}, h.document(h.doc(id, friend), h.meta(h.head(), 0)))
	h = newEthHistory().owner(make([]byte, 20))
	g.fold("f11-deactivation-is-seen", secDelete, "no key of the DID counts", h, ethQuestion{did: id},
		h.document(&ethDoc{id: id}, append(members{{"deactivated", "true"}}, h.meta(h.head(), 0)...)))

	h = newEthHistory()
	own := h.identity
	h.identity = thiefs
	h.attribute(veriKey, multikeyValue(thief), ethrNever)
	h.identity = own
	h.attribute(veriKey, multikeyValue(registry), ethrNever)
	g.fold("f12-log-of-another-identity", secEthr+"Enumerating Contract Events to build the DID Document", "somebody else's key in the same block", h, ethQuestion{},
		h.document(h.doc(h.did(), h.identity).multikey("#delegate-1", registry), h.meta(h.head(), 0)))
	h = newEthHistory()
	h.registry = "0x" + hexOf(thiefs)
	h.attribute(veriKey, multikeyValue(thief), ethrNever)
	g.fold("f12-log-of-another-contract", secEthr+"Enumerating Contract Events to build the DID Document", "a contract of the thief's says the same words", h, ethQuestion{},
		h.document(h.doc(h.did(), h.identity), nil))
}

func multikeyHex(k key) string { return hexOf(multikeyValue(k)) }

// ethrParsing: F9 and N7.
func (g *generator) ethrParsing() {
	h := newEthHistory().mine(1)
	digits := "0x" + hexOf(h.identity)
	for fault, id := range map[string]string{
		"another-character-for-the-colon": "did:ethr:dev." + digits, "letter-for-the-colon": "did:ethr:0x7a69Z" + digits, "no-colon": "did:ethr:dev" + digits,
		"empty-network": "did:ethr::" + digits, "upper-case-x": "did:ethr:dev:0X" + digits[2:], "no-0x": "did:ethr:dev:" + digits[2:],
		"one-digit-short": "did:ethr:dev:" + digits[:41], "one-digit-long": "did:ethr:dev:" + digits + "0",
		"key-off-the-curve": "did:ethr:dev:0x02" + strings.Repeat("f", 64), "key-of-another-parity": "did:ethr:dev:0x04" + hexOf(registryK.raw[1:]),
	} {
		g.fold("f9-"+fault, secSpecific, "not of the grammar", h, ethQuestion{did: id}, reject("invalidDid"))
	}
	for fault, c := range map[string][2]string{
		"version-that-is-no-number": {"versionId=abc", "notFound"}, "version-negative": {"versionId=-5", "notFound"}, "version-empty": {"versionId=", "notFound"},
		"version-with-rubbish-after-it": {"versionId=1001abc", "notFound"}, "version-in-hex": {"versionId=0x3e9", "notFound"}, "version-with-leading-zero": {"versionId=01001", "notFound"},
		"version-zero": {"versionId=0", "notFound"}, "version-twice": {"versionId=1001&versionId=1002", "invalidOptions"},
		"version-and-time": {"versionId=1001&versionTime=1769990030", "invalidOptions"}, "time-that-is-none": {"versionTime=soon", "invalidOptions"},
		"time-empty": {"versionTime=", "invalidOptions"}, "time-without-a-zone": {"versionTime=2026-02-02T02:00:00", "invalidOptions"},
		"version-of-the-future": {"versionId=1011", "notFound"},
	} {
		g.fold("f9-"+fault, secVersions, "no version is named, so none is shown", h, ethQuestion{params: c[0]}, reject(c[1]))
	}
	wrong := []byte(checksummed(h.identity))
	i := slices.IndexFunc(wrong, func(c byte) bool { return c >= 'a' && c <= 'f' })
	wrong[i] -= 'a' - 'A'
	id := "did:ethr:dev:" + string(wrong)
	g.fold("n7-letter-case-of-no-checksum", secSpecific+": case-insensitive", "a wrong EIP-55 checksum is a right address", h, ethQuestion{did: id}, h.document(h.doc(id, h.identity), nil))
	id = strings.ToUpper("0x" + hexOf(registryK.raw))
	id = "did:ethr:dev:0x" + id[2:]
	g.fold("n7-key-in-upper-case", secSpecific+": case-insensitive", "documents keep the case of the question", h, ethQuestion{did: id}, h.document(h.doc(id, h.identity).controllerKey(false), nil))
}

// ethrRendering: N1 to N6, R.
func (g *generator) ethrRendering() {
	friend := somebody("a friend")
	x25519 := seed("agreement: registry")
	h := newEthHistory().attribute("did/pub/X25519/enc", x25519, ethrNever)
	h.mine(1).attribute("did/pub/X25519/enc", x25519, h.now())
	g.fold("n1-agreement-key-revoked", secPublic+", purpose enc", "its id must go from keyAgreement with it", h, ethQuestion{profile: v11}, h.document(h.doc(h.did(), h.identity), h.meta(h.head(), 0)))

	h = newEthHistory().attribute("did/pub/no-algorithm/veriKey", []byte("value"), ethrNever)
	h.attribute(veriKey, multikeyValue(registry), ethrNever)
	g.fold("n2-name-outside-the-grammar-counts", secIDs, "an attribute that is not listed counts while it is valid too, or ids of others would move", h, ethQuestion{profile: v11},
		h.document(h.doc(h.did(), h.identity).method("#delegate-2", "Multikey", "publicKeyHex", quote(multikeyHex(registry)), "assert"), h.meta(h.head(), 0)))

	for fault, name := range map[string]string{"constructor": "constructor", "to-string": "toString", "proto": "__proto__"} {
		h = newEthHistory().attribute("did/pub/"+name+"/veriKey", []byte("value"), ethrNever)
		g.fold("n3-algorithm-called-"+fault, secPublic+": an unknown algorithm is presented verbatim", "a name that means something to a language means nothing here", h, ethQuestion{},
			h.document(h.doc(h.did(), h.identity).method("#delegate-1", name, "publicKeyHex", quote(hexOf([]byte("value"))), "assert"), h.meta(h.head(), 0)))
	}

	h = newEthHistory().owner(friend)
	moved := h.now()
	h.mine(1).owner(h.identity)
	id := h.keyDID()
	back := h.now()
	g.fold("n4-ownership-returns", secOwner, "the key in the DID speaks for it again, from now on", h, ethQuestion{did: id},
		append(h.document(h.doc(id, h.identity).controllerKey(false), h.meta(h.head(), 0)), keysText(ethKey{id: id + "#controller", purposes: "auth", class: "controller", from: back},
			ethKey{id: id + "#controllerKey", aliases: []string{id + "#" + registryK.thumbprint()}, purposes: "auth", class: "controllerKey", from: back})))
	g.fold("n4-ownership-is-elsewhere", secOwner, "while somebody else is owner it does not", h, ethQuestion{did: id, params: "versionTime=" + number(moved)},
		append(h.document(h.doc(id, friend), h.meta(ethrFirst+9, ethrFirst+10)), keysText(ethKey{id: id + "#controller", purposes: "auth", class: "controller", from: moved},
			ethKey{id: id + "#controllerKey", aliases: []string{id + "#" + registryK.thumbprint()}, purposes: "auth", class: "controllerKey", revoked: moved})))

	h = newEthHistory().attribute("did/pub/Secp256k1/veriKey", seed("a number of 32 bytes"), ethrNever)
	h.attribute(veriKey, multikeyValue(registry), ethrNever)
	g.fold("n5-value-of-32-bytes", secPublic, "no point: whoever takes it for a private key publishes a key that everybody can sign with", h, ethQuestion{},
		append(h.document(h.doc(h.did(), h.identity).multikey("#delegate-2", registry), h.meta(h.head(), 0)), keysText(controllerOf(h.did()),
			ethKey{id: h.did() + "#delegate-2", aliases: []string{h.did() + "#" + registry.thumbprint()}, purposes: "assert", from: h.now(), until: ethrNever})))
	g.fold("n5-value-of-32-bytes-in-version-11", secPublic, "version 11 lists any bytes; they are no key", h, ethQuestion{profile: v11},
		append(h.document(h.doc(h.did(), h.identity).method("#delegate-1", "EcdsaSecp256k1VerificationKey2019", "publicKeyHex", quote(hexOf(seed("a number of 32 bytes"))), "assert").
			method("#delegate-2", "Multikey", "publicKeyHex", quote(multikeyHex(registry)), "assert"), h.meta(h.head(), 0)), keysText(controllerOf(h.did()),
			ethKey{id: h.did() + "#delegate-2", aliases: []string{h.did() + "#" + registry.thumbprint()}, purposes: "assert", from: h.now(), until: ethrNever})))

	for fault, value := range map[string]string{"number": "42", "large-number": "12345678901234567890", "boolean": "true", "null": "null"} {
		h = newEthHistory().attribute("did/svc/Page", []byte(value), ethrNever)
		g.fold("n6-endpoint-is-a-"+fault, "DID Core 5.4: a string, an object or an array", "what is none of them stands as a text", h, ethQuestion{},
			h.document(h.doc(h.did(), h.identity).service("#service-1", "Page", quote(value)), h.meta(h.head(), 0)))
	}

	h = newEthHistory().attribute(veriKey, multikeyValue(registry), ethrNow+100)
	from := h.now()
	h.mine(1).attribute(veriKey, multikeyValue(retired), ethrNever)
	second := h.now()
	h.mine(1).attribute(veriKey, multikeyValue(registry), ethrNever)
	g.fold("r-renewed-key", secIDs, "renewed it has another number, but keeps its place; the old number, and the thumbprint, go on naming it", h, ethQuestion{},
		append(h.document(h.doc(h.did(), h.identity).multikey("#delegate-3", registry).multikey("#delegate-2", retired), h.meta(h.head(), 0)), keysText(controllerOf(h.did()),
			ethKey{id: h.did() + "#delegate-3", aliases: []string{h.did() + "#delegate-1", h.did() + "#" + registry.thumbprint()}, purposes: "assert", from: from, until: ethrNever},
			ethKey{id: h.did() + "#delegate-2", aliases: []string{h.did() + "#" + retired.thumbprint()}, purposes: "assert", from: second, until: ethrNever})))
}

// ethrOneSecond: events of one block, or of several blocks of one second.
func (g *generator) ethrOneSecond() {
	alias := func(h *ethHistory, k key) []string { return []string{h.did() + "#" + k.thumbprint()} }
	for _, c := range []struct {
		name string
		next func(*ethHistory)
	}{{"block", func(*ethHistory) {}}, {"second", (*ethHistory).mineAtOnce}} {
		h := newEthHistory()
		h.attribute(veriKey, multikeyValue(registry), ethrNever)
		c.next(h)
		h.attribute(veriKey, multikeyValue(registry), 0)
		at := h.now()
		g.fold("set-and-revoked-in-one-"+c.name, secLastWord, "the key is revoked", h, ethQuestion{}, append(h.document(h.doc(h.did(), h.identity), h.meta(h.head(), 0)),
			keysText(controllerOf(h.did()), ethKey{id: h.did() + "#delegate-1", aliases: alias(h, registry), purposes: "assert", from: at, until: ethrNever, revoked: at})))
		c.next(h)
		h.attribute(veriKey, multikeyValue(registry), ethrNever)
		g.fold("revoked-and-set-again-in-one-"+c.name, secLastWord, "the key counts, under its new number and its thumbprint", h, ethQuestion{},
			append(h.document(h.doc(h.did(), h.identity).multikey("#delegate-3", registry), h.meta(h.head(), 0)), keysText(controllerOf(h.did()),
				ethKey{id: h.did() + "#delegate-3", aliases: alias(h, registry), purposes: "assert", from: at, until: ethrNever},
				ethKey{id: h.did() + "#delegate-1", purposes: "assert", from: at, until: ethrNever, revoked: at})))

		h = newEthHistory()
		h.attribute("did/pub/Multikey/sigAuth", multikeyValue(registry), ethrNever)
		before := h.now()
		h.mine(1).attribute(veriKey, multikeyValue(registry), ethrNever)
		c.next(h)
		h.attribute("did/pub/Multikey/sigAuth", multikeyValue(registry), 0)
		at = h.now()
		g.fold("revoked-under-another-name-in-one-"+c.name, secLastWord, "the document lists the entry that was not revoked, but its key was", h, ethQuestion{},
			append(h.document(h.doc(h.did(), h.identity).multikey("#delegate-2", registry), h.meta(h.head(), 0)), keysText(controllerOf(h.did()),
				ethKey{id: h.did() + "#delegate-2", aliases: alias(h, registry), purposes: "assert", from: at, until: ethrNever, revoked: at},
				ethKey{id: h.did() + "#delegate-1", purposes: "auth", class: "sigAuth", from: before, until: ethrNever, revoked: at})))

		h = newEthHistory().owner(somebody("a thief"))
		c.next(h)
		h.owner(h.identity)
		id := h.keyDID()
		g.fold("owner-there-and-back-in-one-"+c.name, secLastWord, "the identity is its own again", h, ethQuestion{did: id}, h.document(h.doc(id, h.identity).controllerKey(false), h.meta(h.head(), 0)))

		h = newEthHistory().attribute(veriKey, multikeyValue(registry), ethrNever)
		c.next(h)
		h.owner(make([]byte, 20))
		ended := h.head()
		c.next(h)
		h.attribute(veriKey, multikeyValue(thief), ethrNever)
		at = h.now()
		g.fold("deactivated-and-set-in-one-"+c.name, secLastWord, "what was set before is revoked, what comes afterwards never was", h, ethQuestion{},
			append(h.document(&ethDoc{id: h.did()}, append(members{{"deactivated", "true"}}, h.meta(ended, 0)...)), keysText(
				ethKey{id: h.did() + "#controller", purposes: "auth", class: "controller", revoked: at},
				ethKey{id: h.did() + "#delegate-1", aliases: alias(h, registry), purposes: "assert", from: at, until: ethrNever, revoked: at})))
	}
}
