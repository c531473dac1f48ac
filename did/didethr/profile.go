package didethr

import (
	"encoding/base64"
	"encoding/hex"
	"unicode/utf8"

	"github.com/khyer/khyer/did"
)

// Profile says which generation of ethr-did-resolver a document is written as. It changes how methods are written, and nothing else:
// which entries are listed, their ids, relationships and order, and Resolution.Keys are the same in every profile.
type Profile string

const (
	// Current is the method specification as of 2026 and ethr-did-resolver 14.
	Current Profile = ""
	// V11 is ethr-did-resolver 11, with which Bhutan's NDI resolves: older types of methods, key values in the encoding that the attribute's
	// name asks for, publicKeyHex for #controllerKey. For readers that expect these forms.
	V11 Profile = "v11"
)

// Verification method types of version 11 that the current method specification has no more.
const (
	typeEd25519v11 = "Ed25519VerificationKey2018"
	typeX25519v11  = "X25519KeyAgreementKey2019"
	typeRSAv11     = "RSAVerificationKey2018"
)

// typesV11 are the types by algorithm and purpose, which version 11 joins to one word before it looks. So the long forms of a purpose
// work too (did/pub/RSA/VerificationKey2018). What is not here appears under the name of its algorithm.
var typesV11 = map[string]string{
	"Secp256k1VerificationKey2018":         typeSecp256k1,
	"Secp256k1SignatureAuthentication2018": typeSecp256k1,
	"Ed25519VerificationKey2018":           typeEd25519v11,
	"Ed25519SignatureAuthentication2018":   typeEd25519v11,
	"RSAVerificationKey2018":               typeRSAv11,
	"X25519KeyAgreementKey2019":            typeX25519v11,
}

var purposesV11 = map[string]string{
	"veriKey": "VerificationKey2018",
	"sigAuth": "SignatureAuthentication2018",
	"enc":     "KeyAgreementKey2019",
}

// contextsV11 are the contexts of every document of version 11. (NDI's module puts the last one in the place of all three.)
func contextsV11() []string {
	return []string{
		"https://www.w3.org/ns/did/v1",
		"https://w3id.org/security/suites/secp256k1recovery-2020/v2",
		"https://w3id.org/security/v3-unstable",
	}
}

// methodV11 writes a key attribute as version 11 does: any value, in the encoding of the hint.
func methodV11(m *did.Method, name attributeName, value []byte) {
	purpose, ok := purposesV11[name.purpose]
	if !ok {
		purpose = name.purpose
	}
	if m.Type, ok = typesV11[name.algorithm+purpose]; !ok {
		m.Type = name.algorithm
	}
	if name.hint == "pem" {
		m.PublicKeyPem = string(value)
		return
	}
	encodeByHint(m, name.hint, value)
}

// rendersV11 reports whether version 11 lists a key with this value.
func rendersV11(name attributeName, value []byte) bool {
	return name.hint != "pem" || utf8.Valid(value)
}

// encodeByHint writes a key value in the encoding that its attribute's name asks for.
func encodeByHint(m *did.Method, hint string, value []byte) {
	switch hint {
	case "base64":
		m.PublicKeyBase64 = base64.StdEncoding.EncodeToString(value)
	case "base58":
		m.PublicKeyBase58 = base58("", value)[1:]
	case "", "hex":
		m.PublicKeyHex = hex.EncodeToString(value)
	default:
		m.Value = hex.EncodeToString(value)
	}
}
