package main

import (
	"bytes"
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/sha512"
	"encoding/json"
	"math/big"
	"strings"
)

const (
	secSyntax = "DID Core 3.1"
	secDIDKey = "did:key, 3.1 Create"
	secDIDJWK = "did:jwk, Read"
	ld        = "application/did+ld+json"
)

func (g *generator) resolve(fault, section, why, id string, expect members, more ...member) {
	request := append(members{{"did", quote(id)}}, more...)
	g.put(vector{"did/" + fault, section, why, "did.resolve", json.RawMessage(request.text()), json.RawMessage(expect.text())})
}

func resolved(doc, contentType string) members {
	return append(accept(), member{"didDocument", doc}, member{"didDocumentMetadata", `{}`}, member{"didResolutionMetadata", `{"contentType":` + quote(contentType) + `}`})
}

// keyDocument is the document of a did:key: one Multikey.
func keyDocument(k key, contexts bool, relationships ...string) (id, doc string) {
	mk := k.multikey()
	id = "did:key:" + mk
	d := members{{"id", quote(id)}, {"verificationMethod", `[{"id":` + quote(id+"#"+mk) + `,"type":"Multikey","controller":` + quote(id) + `,"publicKeyMultibase":` + quote(mk) + `}]`}}
	if contexts {
		d = append(members{{"@context", `["https://www.w3.org/ns/did/v1","https://w3id.org/security/multikey/v1"]`}}, d...)
	}
	for _, r := range relationships {
		d.set(r, `[`+quote(id+"#"+mk)+`]`)
	}
	return id, d.text()
}

// withAgreement adds the X25519 key that belongs to an Ed25519 key: by way of the private key, where a reader goes by way of the public one.
// The scalar of both is the first half of the hash of the seed (RFC 8032 section 5.1.5).
func withAgreement(id, doc string, k key) string {
	h := sha512.Sum512(seed("issuer: registry, Ed25519"))
	priv, err := ecdh.X25519().NewPrivateKey(h[:32])
	if err != nil || !bytes.Equal(ed25519.NewKeyFromSeed(seed("issuer: registry, Ed25519")).Public().(ed25519.PublicKey), k.raw) {
		panic("not the seed of the key")
	}
	mk := multikey(0xec, priv.PublicKey().Bytes())
	method := `,{"id":` + quote(id+"#"+mk) + `,"type":"Multikey","controller":` + quote(id) + `,"publicKeyMultibase":` + quote(mk) + `}],"authentication"`
	doc = strings.Replace(doc, `],"authentication"`, method, 1)
	return strings.TrimSuffix(doc, "}") + `,"keyAgreement":[` + quote(id+"#"+mk) + `]}`
}

var signing = []string{"authentication", "assertionMethod", "capabilityInvocation", "capabilityDelegation"}

// dids: the methods that need no network, and the syntax of all.
func (g *generator) dids() {
	for _, k := range []key{registry, registryK, registry3, registryE} {
		id, doc := keyDocument(k, true, signing...)
		if k.alg == "EdDSA" {
			doc = withAgreement(id, doc, k)
		}
		g.resolve("did-key-"+strings.ToLower(k.alg), secDIDKey, "a public key as a DID", id, resolved(doc, ld))
	}
	id, doc := keyDocument(registry, false, signing...)
	g.resolve("accept-did-json", "DID Core 6.2", "the JSON representation has no @context", id, resolved(doc, "application/did+json"), member{"accept", `"application/did+json"`})
	g.resolve("accept-unknown", "DID Resolution 11", "a representation that does not exist", id, reject("representationNotSupported"), member{"accept", `"application/did+cbor"`})
	_, doc = keyDocument(registry, true, signing...)
	g.resolve("url-with-fragment", "DID Core 3.2", "the document of the DID in a DID URL", id+"#"+registry.multikey(), resolved(doc, ld))
	bad := func(fault, why, id string) { g.resolve(fault, secDIDKey, why, id, reject("invalidDid")) }
	bad("did-key-off-the-curve", "an x without a y", "did:key:"+multikey(codecs["ES256"], offCurve()))
	bad("did-key-private", "the multicodec of a private key", "did:key:"+multikey(0x1306, seed("nobody")))
	bad("did-key-one-byte-short", "33 bytes", "did:key:"+multikey(codecs["ES256"], registry.raw[:32]))
	bad("did-key-one-byte-long", "33 bytes", "did:key:"+multikey(codecs["ES256"], append(registry.raw[:33:33], 0)))
	bad("did-key-uncompressed", "did:key has compressed points", "did:key:"+multikey(codecs["ES256"], append([]byte{4}, make([]byte, 64)...)))
	bad("did-key-of-small-order", "an Ed25519 point under which one signature fits many messages", "did:key:"+multikey(codecs["EdDSA"], append([]byte{1}, make([]byte, 31)...)))
	bad("did-key-of-unknown-codec", "a multicodec that is no key here", "did:key:"+multikey(0x55, registry.raw))
	bad("did-key-of-another-base", "base64url is no base of did:key here", "did:key:u"+b64(registry.raw))
	bad("did-key-with-codec-in-long-form", "a varint has one spelling", "did:key:z"+base58(append([]byte{0x80, 0xa4, 0x00}, registry.raw...)))
	g.didJWKs()
	for fault, id := range map[string]string{
		"no-did": "https://registry.example", "method-in-upper-case": "did:KEY:" + registry.multikey(), "scheme-in-upper-case": "DID:key:" + registry.multikey(),
		"method-empty": "did::" + registry.multikey(), "identifier-empty": "did:key:", "with-space": "did:key: " + registry.multikey(), "with-bad-percent-encoding": "did:web:registry%2.example",
		"with-line-break": "did:key:" + registry.multikey() + "\n", "too-long": "did:web:" + strings.Repeat("a", 2048), "empty": "",
	} {
		reason := "invalidDid"
		if strings.Contains(id, "/") {
			reason = "invalidDidUrl"
		}
		g.resolve(fault, secSyntax, "not of the grammar", id, reject(reason))
	}
	g.resolve("url-of-no-did", "DID Core 3.2", "a fragment and no DID before it", "#key-1", reject("invalidDidUrl"))
	g.resolve("method-unknown", "DID Resolution 11", "a method that nobody here reads", "did:example:123", reject("methodNotSupported"))
	g.resolve("method-without-network", "DID Resolution 11", "did:ethr and no network configured", "did:ethr:0x"+strings.Repeat("0", 39)+"1", reject("methodNotSupported"))
}

func (g *generator) didJWKs() {
	put := func(fault, why, jwk string, expect func(id string) members) {
		id := "did:jwk:" + b64([]byte(jwk))
		g.resolve(fault, secDIDJWK, why, id, expect(id))
	}
	doc := func(jwk string, relationships ...string) func(string) members {
		return func(id string) members {
			d := members{
				{"@context", `["https://www.w3.org/ns/did/v1","https://w3id.org/security/suites/jws-2020/v1"]`}, {"id", quote(id)},
				{"verificationMethod", `[{"id":` + quote(id+"#0") + `,"type":"JsonWebKey2020","controller":` + quote(id) + `,"publicKeyJwk":` + jwk + `}]`},
			}
			for _, r := range relationships {
				d.set(r, `[`+quote(id+"#0")+`]`)
			}
			return resolved(d.text(), ld)
		}
	}
	put("did-jwk", "a JWK as a DID", registry.public, doc(registry.public, append(signing, "keyAgreement")...))
	named := with(registry.public, "kid", `"#1"`)
	put("did-jwk-with-kid", "kid in the JWK names nothing: the method is #0", named, doc(named, append(signing, "keyAgreement")...))
	sig := with(registry.public, "use", `"sig"`)
	put("did-jwk-for-signing", "with use sig there is no keyAgreement", sig, doc(sig, signing...))
	bad := func(string) members { return reject("invalidDid") }
	put("did-jwk-private", "a private key as a name", registry.private, bad)
	put("did-jwk-no-json", "no JWK", "kty=EC", bad)
	put("did-jwk-duplicate-member", "two keys in one", registry.public[:len(registry.public)-1]+`,"x":`+quote(yOf(registry))+`}`, bad)
	put("did-jwk-symmetric", "no public key", `{"kty":"oct","k":"c2VjcmV0"}`, bad)
	g.resolve("did-jwk-padded", secDIDJWK, "base64url in JOSE has no padding", "did:jwk:"+b64([]byte(registry.public))+"%3D", reject("invalidDid"))
	g.resolve("did-jwk-not-canonical", secDIDJWK, "a second name for one key", "did:jwk:"+slack(b64(unaligned([]byte(registry.public)))), reject("invalidDid"))
}

// offCurve is a compressed point of P-256 whose x has no y: the smallest x of them.
func offCurve() []byte {
	p, _ := new(big.Int).SetString("ffffffff00000001000000000000000000000000ffffffffffffffffffffffff", 16)
	b, _ := new(big.Int).SetString("5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604b", 16)
	for x := int64(1); ; x++ {
		n := big.NewInt(x)
		yy := new(big.Int).Exp(n, big.NewInt(3), p)
		yy.Sub(yy, new(big.Int).Mul(n, big.NewInt(3))).Add(yy, b).Mod(yy, p)
		if big.Jacobi(yy, p) == -1 {
			return append([]byte{2}, n.FillBytes(make([]byte, 32))...)
		}
	}
}
