package didethr

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	"github.com/multiformats/go-multibase"

	"github.com/khyer/khyer/did"
	"github.com/khyer/khyer/did/pubkey"
)

// Verification method types (method specification, table "Known Key Types").
const (
	typeRecovery  = "EcdsaSecp256k1RecoveryMethod2020"
	typeSecp256k1 = "EcdsaSecp256k1VerificationKey2019"
	typeEd25519   = "Ed25519VerificationKey2020"
	typeX25519    = "X25519KeyAgreementKey2020"
	typeMultikey  = "Multikey"
)

// maxKey bounds the bytes of a key value that is listed: base58 costs the square of it.
const maxKey = 4 << 10

// bounded reports whether a value is small enough to be read.
func bounded(n attributeName, value []byte) bool {
	return len(value) <= maxValue && (n.section == "svc" || len(value) <= maxKey)
}

// renders reports whether a document can list the entry. Others still count for the numbering.
func (s *state) renders(x *entry) bool {
	switch {
	case x.kind == serviceEntry:
		return utf8.Valid(x.value)
	case s.profile == V11:
		return rendersV11(x.name, x.value)
	}
	return x.name.algorithm != "Secp256k1" || x.public.usable
}

// parseSecp256k1 takes a point: compressed, uncompressed, or uncompressed without its first byte. Hybrid points and everything else,
// among it 32 bytes, which stock ethr-did-resolver 14 takes for a private key and publishes (fault N5), give nil.
func parseSecp256k1(value []byte) *secp256k1.PublicKey {
	switch {
	case len(value) == 64:
		value = append([]byte{4}, value...)
	case len(value) == 33, len(value) == 65 && value[0] == 4:
	default:
		return nil
	}
	key, err := secp256k1.ParsePubKey(value)
	if err != nil {
		return nil
	}
	return key
}

func (s *state) method(fragment, kind string) did.Method {
	id := s.ident.did.String()
	return did.Method{ID: id + fragment, Type: kind, Controller: id}
}

// account is the CAIP-10 name of an address on the network.
func (s *state) account(a Address) string {
	return "eip155:" + strconv.FormatUint(s.chainID, 10) + ":" + a.String()
}

// document builds the DID document (method specification, sections "Read (Resolve)" and "Delete (Revoke)").
func (s *state) document(listed []*entry) *did.Document {
	doc := &did.Document{
		ID:                 s.ident.did,
		VerificationMethod: make([]did.Method, 0, len(listed)+2),
		Relationships:      map[did.Purpose][]string{did.Authentication: {}, did.AssertionMethod: make([]string, 0, len(listed)+2)},
	}
	defer func() {
		if s.profile == V11 {
			doc.Context = contextsV11()
		} else {
			doc.Context = contexts(doc.VerificationMethod)
		}
	}()
	if s.ended != 0 || s.nobodys() {
		return doc
	}
	add := func(m did.Method, purposes ...did.Purpose) {
		doc.VerificationMethod = append(doc.VerificationMethod, m)
		for _, p := range purposes {
			doc.Relationships[p] = append(doc.Relationships[p], m.ID)
		}
	}
	controller := s.method("#controller", typeRecovery)
	controller.BlockchainAccountID = s.account(s.owner)
	add(controller, did.Authentication, did.AssertionMethod)
	if s.ident.key != nil && s.owner == s.ident.identity {
		m := s.method("#controllerKey", typeSecp256k1)
		if s.profile == V11 {
			m.PublicKeyHex = s.ident.digits
		} else {
			m.PublicKeyJwk = s.identityKey().JWK()
		}
		add(m, did.Authentication, did.AssertionMethod)
	}
	for _, x := range listed {
		if x.hidden {
			continue
		}
		if x.kind == serviceEntry {
			doc.Service = append(doc.Service, did.Service{ID: s.current(x), Type: x.name.algorithm, Endpoint: endpoint(x.value)})
			continue
		}
		add(s.entryMethod(x), x.purposes...)
	}
	return doc
}

func (s *state) identityKey() pubkey.Key {
	k, _ := pubkey.New(s.ident.key) // parseIdentifier has checked the point
	return k
}

func (s *state) entryMethod(x *entry) did.Method {
	m := did.Method{ID: s.current(x), Controller: s.ident.did.String()}
	if x.kind == delegateEntry {
		m.Type, m.BlockchainAccountID = typeRecovery, s.account(x.delegate)
		return m
	}
	if s.profile == V11 {
		methodV11(&m, x.name, x.value)
		return m
	}
	switch x.name.algorithm {
	case "Secp256k1":
		m.Type = typeSecp256k1
		m.PublicKeyJwk = x.public.key.JWK()
	case "Ed25519":
		m.Type, m.PublicKeyMultibase = typeEd25519, x.multibase()
	case "X25519":
		m.Type, m.PublicKeyMultibase = typeX25519, x.multibase()
	case "Multikey":
		m.Type, m.PublicKeyMultibase = typeMultikey, x.multibase()
	default:
		// An algorithm without a type of its own appears under its name, encoded as its hint asks.
		m.Type = x.name.algorithm
		encodeByHint(&m, x.name.hint, x.value)
	}
	return m
}

// contexts gives the JSON-LD contexts that the methods need (method specification, section "JSON-LD Context Definition").
func contexts(methods []did.Method) []string {
	types := map[string]bool{}
	var hexKeys, jwk, b58, b64 bool
	for i := range methods {
		m := &methods[i]
		types[m.Type] = true
		hexKeys = hexKeys || m.PublicKeyHex != ""
		jwk = jwk || m.PublicKeyJwk != nil
		b58 = b58 || m.PublicKeyBase58 != ""
		b64 = b64 || m.PublicKeyBase64 != ""
	}
	out := []string{"https://www.w3.org/ns/did/v1", "https://w3id.org/security/suites/secp256k1recovery-2020/v2"}
	if types[typeSecp256k1] || b58 {
		out = append(out, "https://w3id.org/security/v2") // defines publicKeyBase58 too
	}
	if types[typeEd25519] {
		out = append(out, "https://w3id.org/security/suites/ed25519-2020/v1")
	}
	if types[typeX25519] {
		out = append(out, "https://w3id.org/security/suites/x25519-2020/v1")
	}
	if types[typeMultikey] {
		out = append(out, "https://w3id.org/security/multikey/v1")
	}
	var inline []string
	if hexKeys {
		inline = append(inline, `"publicKeyHex":"https://w3id.org/security#publicKeyHex"`)
	}
	if jwk {
		inline = append(inline, `"publicKeyJwk":{"@id":"https://w3id.org/security#publicKeyJwk","@type":"@json"}`)
	}
	if b64 {
		inline = append(inline, `"publicKeyBase64":"https://w3id.org/security#publicKeyBase64"`)
	}
	if len(inline) > 0 {
		out = append(out, "{"+strings.Join(inline, ",")+"}")
	}
	return out
}

// multibase is the key as publicKeyMultibase has it.
func (x *entry) multibase() string {
	if x.public.usable {
		return x.public.multibase
	}
	return base58(codecs[x.name.algorithm], x.value)
}

// codecs are the multicodecs that the method specification puts before the values of attributes; a Multikey's value has its own.
var codecs = map[string]string{"Ed25519": "\xed\x01", "X25519": "\xec\x01", "Multikey": ""}

// base58 is multibase base58btc of a multicodec and a key.
func base58(codec string, key []byte) string {
	s, _ := multibase.Encode(multibase.Base58BTC, append([]byte(codec), key...)) // fails only for an unknown base
	return s
}

// endpoint gives a service's value as the JSON that it is, or else as a text. DID Core 1.0 section 5.4 allows a string, an object or
// an array; a number, a boolean or null is taken for a text (fault N6). The value is written anew, so that a member that occurs twice
// occurs once (the last counts, as in JavaScript).
func endpoint(value []byte) json.RawMessage {
	if isPlainText(value) {
		return slices.Concat([]byte{'"'}, value, []byte{'"'}) // the usual case, a URL, without the work
	}
	var v any
	d := json.NewDecoder(bytes.NewReader(value))
	d.UseNumber()
	if !json.Valid(value) || d.Decode(&v) != nil || !isEndpoint(v) {
		v = string(value)
	}
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if e.Encode(v) != nil { // not reached: v came from a decoder
		return json.RawMessage(`""`)
	}
	return bytes.TrimSpace(out.Bytes())
}

// isPlainText reports whether value begins no JSON value and stands in a JSON string as it is.
func isPlainText(value []byte) bool {
	if len(value) == 0 || strings.IndexByte("{[\"-0123456789tfn", value[0]) >= 0 {
		return false
	}
	for _, c := range value {
		if c <= ' ' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}

func isEndpoint(v any) bool {
	switch v.(type) {
	case string, map[string]any, []any:
		return true
	}
	return false
}
