package main

import (
	"encoding/binary"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"golang.org/x/crypto/sha3"
)

// Histories of did:ethr, put together by hand: the logs of an ERC-1056 registry, encoded as the ABI has it.

const (
	ethrNow      = 1770000000 // the verifier's clock, unless a case is about clocks
	ethrStart    = ethrNow - 10000
	ethrNever    = ethrNow + 31536000
	ethrFirst    = 1000 // number of the first block
	ethrName     = "dev"
	ethrChain    = 31337
	ethrRegistry = "0x00000000000000000000000000000000000e1056"
)

func keccak(parts ...[]byte) []byte {
	h := sha3.NewLegacyKeccak256()
	for _, p := range parts {
		h.Write(p)
	}
	return h.Sum(nil)
}

func uintWord(n uint64) []byte { return binary.BigEndian.AppendUint64(make([]byte, 24), n) }

func textWord(s string) []byte { return append([]byte(s), make([]byte, 32-len(s))...) }

func addressWord(a []byte) []byte { return append(make([]byte, 12), a...) }

// coordinatesOf are x and y of a point.
func coordinatesOf(k key) []byte {
	var pub struct{ X, Y string }
	if err := json.Unmarshal([]byte(k.public), &pub); err != nil {
		panic(err)
	}
	return append(unb64(pub.X), unb64(pub.Y)...)
}

// ethAddress is the address of a secp256k1 key.
func ethAddress(k key) []byte { return keccak(coordinatesOf(k))[12:] }

// checksummed is EIP-55.
func checksummed(a []byte) string {
	digits := []byte(hexOf(a))
	sum := keccak(digits)
	for i, c := range digits {
		if c >= 'a' && sum[i/2]>>(4*(1-i%2))&0xf >= 8 {
			digits[i] = c - 'a' + 'A'
		}
	}
	return "0x" + string(digits)
}

// ethHistory is what a chain says, up to its newest block.
type ethHistory struct {
	name     string
	chain    uint64
	identity []byte // whom the next events are about
	registry string
	times    []uint64 // of the blocks from ethrFirst on
	logs     []string
	foreign  []string
	changed  map[string]uint64
	index    int    // of the next log in the newest block
	beyond   uint64 // blocks after the one that the history calls the newest
}

func newEthHistory() *ethHistory {
	h := &ethHistory{name: ethrName, chain: ethrChain, identity: ethAddress(registryK), registry: ethrRegistry, changed: map[string]uint64{}}
	return h.mine(10)
}

// mine adds blocks, one every 12 seconds.
func (h *ethHistory) mine(n int) *ethHistory {
	for range n {
		h.times = append(h.times, ethrStart+12*uint64(len(h.times)))
	}
	h.index = 0
	return h
}

// mineAtOnce adds a block with the time of the one before.
func (h *ethHistory) mineAtOnce() {
	h.times = append(h.times, h.now())
	h.index = 0
}

func (h *ethHistory) head() uint64 { return ethrFirst + uint64(len(h.times)) - 1 }

func (h *ethHistory) now() uint64 { return h.times[len(h.times)-1] }

func blockHash(n uint64) string {
	return "0x" + hexOf(keccak([]byte("khyer test block "), uintWord(n)))
}

// emit adds a log to the newest block. data is followed by the block of the identity's change before, as a word, and then by rest.
func (h *ethHistory) emit(event string, data, rest []byte) *ethHistory {
	data = append(append(data[:len(data):len(data)], uintWord(h.changed[string(h.identity)])...), rest...)
	h.raw(event, data)
	h.changed[string(h.identity)] = h.head()
	return h
}

func (h *ethHistory) raw(event string, data []byte) {
	log := members{
		{"address", quote(h.registry)}, {"topics", `[` + quote("0x"+hexOf(keccak([]byte(event)))) + `,` + quote("0x"+hexOf(addressWord(h.identity))) + `]`},
		{"data", quote("0x" + hexOf(data))}, {"blockNumber", number(h.head())}, {"blockHash", quote(blockHash(h.head()))}, {"logIndex", strconv.Itoa(h.index)},
	}.text()
	h.index++
	if h.registry != ethrRegistry {
		h.foreign = append(h.foreign, log)
		return
	}
	h.logs = append(h.logs, log)
}

func number(n uint64) string { return strconv.FormatUint(n, 10) }

func (h *ethHistory) owner(a []byte) *ethHistory {
	return h.emit("DIDOwnerChanged(address,address,uint256)", addressWord(a), nil)
}

func (h *ethHistory) delegate(kind string, a []byte, validTo uint64) *ethHistory {
	data := append(append(textWord(kind), addressWord(a)...), uintWord(validTo)...)
	return h.emit("DIDDelegateChanged(address,bytes32,address,uint256,uint256)", data, nil)
}

const attributeEvent = "DIDAttributeChanged(address,bytes32,bytes,uint256,uint256)"

func (h *ethHistory) attribute(name string, value []byte, validTo uint64) *ethHistory {
	return h.attributeUntil(name, value, uintWord(validTo))
}

func (h *ethHistory) attributeUntil(name string, value, validTo []byte) *ethHistory {
	head := append(append(textWord(name), uintWord(128)...), validTo...)
	rest := append(uintWord(uint64(len(value))), value...)
	rest = append(rest, make([]byte, (32-len(value)%32)%32)...)
	return h.emit(attributeEvent, head, rest)
}

func (h *ethHistory) text() string {
	blocks := make([]string, len(h.times))
	for i, t := range h.times {
		n := ethrFirst + uint64(i)
		blocks[i] = members{{"number", number(n)}, {"hash", quote(blockHash(n))}, {"timestamp", number(t)}}.text()
	}
	return members{
		{"network", members{{"name", quote(h.name)}, {"chainId", number(h.chain)}, {"registry", quote(ethrRegistry)}}.text()},
		{"blocks", array(blocks)}, {"logs", array(h.logs)}, {"foreignLogs", array(h.foreign)},
		{"end", `{"head":` + number(h.head()-h.beyond) + `}`},
	}.text()
}

func array(items []string) string { return "[" + strings.Join(items, ",") + "]" }

// did is the address form of the identity's DID, in lower case.
func (h *ethHistory) did() string { return "did:ethr:" + h.name + ":0x" + hexOf(h.identity) }

// keyDID is the public-key form for the key of which identity is the address.
func (h *ethHistory) keyDID() string { return "did:ethr:" + h.name + ":0x" + hexOf(registryK.raw) }

// account names an address on the chain (CAIP-10).
func (h *ethHistory) account(a []byte) string {
	return quote("eip155:" + number(h.chain) + ":" + checksummed(a))
}

// ethDoc is an expected document.
type ethDoc struct {
	id                         string
	methods, auth, assert, enc []string
	services                   []string
	context                    string
}

// doc begins with #controller.
func (h *ethHistory) doc(id string, owner []byte) *ethDoc {
	d := &ethDoc{id: id}
	d.method("#controller", "EcdsaSecp256k1RecoveryMethod2020", "blockchainAccountId", h.account(owner), "auth")
	return d
}

// method adds an entry; counts is assert, auth (which implies assert) or enc.
func (d *ethDoc) method(fragment, kind, member1, value, counts string) *ethDoc {
	id := quote(d.id + fragment)
	d.methods = append(d.methods, members{{"id", id}, {"type", quote(kind)}, {"controller", quote(d.id)}, {member1, value}}.text())
	switch counts {
	case "enc":
		d.enc = append(d.enc, id)
		return d
	case "auth":
		d.auth = append(d.auth, id)
	}
	d.assert = append(d.assert, id)
	return d
}

func (d *ethDoc) controllerKey(v11 bool) *ethDoc {
	if v11 {
		return d.method("#controllerKey", "EcdsaSecp256k1VerificationKey2019", "publicKeyHex", quote(hexOf(registryK.raw)), "auth")
	}
	return d.method("#controllerKey", "EcdsaSecp256k1VerificationKey2019", "publicKeyJwk", registryK.public, "auth")
}

func (d *ethDoc) multikey(fragment string, k key) *ethDoc {
	return d.method(fragment, "Multikey", "publicKeyMultibase", quote(k.multikey()), "assert")
}

func (h *ethHistory) delegateMethod(d *ethDoc, fragment string, a []byte, counts string) *ethDoc {
	return d.method(fragment, "EcdsaSecp256k1RecoveryMethod2020", "blockchainAccountId", h.account(a), counts)
}

func (d *ethDoc) service(fragment, kind, endpoint string) *ethDoc {
	d.services = append(d.services, members{{"id", quote(d.id + fragment)}, {"type", quote(kind)}, {"serviceEndpoint", endpoint}}.text())
	return d
}

func (d *ethDoc) text() string {
	m := members{}
	if d.context != "" {
		m.set("@context", d.context)
	}
	m = append(m, members{{"id", quote(d.id)}, {"verificationMethod", array(d.methods)}, {"authentication", array(d.auth)}, {"assertionMethod", array(d.assert)}}...)
	if d.enc != nil {
		m.set("keyAgreement", array(d.enc))
	}
	if d.services != nil {
		m.set("service", array(d.services))
	}
	return m.text()
}

// meta is the document's metadata: the blocks of the newest change and of the next one, 0 for none.
func (h *ethHistory) meta(version, next uint64) members {
	m := members{}
	stamp := func(n uint64) string {
		return quote(time.Unix(int64(h.times[n-ethrFirst]), 0).UTC().Format(time.RFC3339))
	}
	if version != 0 {
		m = append(m, member{"versionId", quote(number(version))}, member{"updated", stamp(version)})
	}
	if next != 0 {
		m = append(m, member{"nextVersionId", quote(number(next))}, member{"nextUpdate", stamp(next)})
	}
	return m
}

// ethQuestion is what is asked of a history.
type ethQuestion struct {
	did, params, profile, accept string
	clock                        uint64
}

func (g *generator) fold(fault, section, why string, h *ethHistory, q ethQuestion, expect members) {
	if q.did == "" {
		q.did = h.did()
	}
	if q.clock == 0 {
		q.clock = ethrNow
	}
	if q.accept == "" {
		q.accept = "application/did+json"
	}
	request := members{{"history", h.text()}, {"did", quote(q.did)}, {"accept", quote(q.accept)}, {"clock", number(q.clock)}}
	if q.params != "" {
		request.set("params", quote(q.params))
	}
	if q.profile != "" {
		request.set("profile", quote(q.profile))
	}
	g.put(vector{"did/didethr-" + fault, section, why, "did.ethr.fold", json.RawMessage(request.text()), json.RawMessage(expect.text())})
}

// document is the answer with a document; the newest change is in block version.
func (h *ethHistory) document(d *ethDoc, meta members) members {
	accept := `"application/did+json"`
	if d.context != "" {
		accept = quote(ld)
	}
	return members{{"verdict", `"accept"`}, {"didDocument", d.text()}, {"didDocumentMetadata", meta.text()}, {"didResolutionMetadata", `{"contentType":` + accept + `}`}}
}

// ethKey is an expected member of keys; times of 0 are absent.
type ethKey struct {
	id                   string
	aliases              []string
	purposes             string // as in method
	class                string
	from, until, revoked uint64
}

func keysText(keys ...ethKey) member {
	purposes := map[string]string{
		"assert": `["assertionMethod"]`, "auth": `["authentication","assertionMethod"]`, "enc": `["keyAgreement"]`,
	}
	var out []string
	for _, k := range keys {
		m := members{{"key_id", quote(k.id)}, {"purposes", purposes[k.purposes]}, {"class", quote(k.class)}}
		var aliases []string
		for _, a := range k.aliases {
			aliases = append(aliases, quote(a))
		}
		if aliases != nil {
			m.set("aliases", array(aliases))
		}
		for _, t := range []struct {
			name string
			at   uint64
		}{{"from", k.from}, {"until", k.until}, {"revoked", k.revoked}} {
			if t.at != 0 {
				m.set(t.name, number(t.at))
			}
		}
		out = append(out, m.text())
	}
	return member{"keys", array(out)}
}

func controllerOf(id string) ethKey {
	return ethKey{id: id + "#controller", purposes: "auth", class: "controller"}
}
