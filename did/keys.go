package did

import (
	"crypto/ecdh"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"slices"
	"strings"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	"github.com/multiformats/go-multibase"

	"github.com/khyer/khyer/did/pubkey"
)

// NewResolution derives the keys of a document that stands for itself, for methods without a history.
//
// A method gives a key if its controller is the document's own DID, its id is that DID and a fragment, its type is known and admits the key's curve, and its public key
// passes the screen of pubkey; other methods stay in the document and give none. Purposes come from the relationships, Until and
// Revoked from the method's "expires" and "revoked" (CID 1.0 section 2.2). The error is *Error with InvalidDIDDocument, for a
// document without an id or with two methods of one id.
func NewResolution(doc *Document) (*Resolution, error) {
	if doc == nil || doc.ID.IsZero() {
		return nil, &Error{InvalidDIDDocument, errors.New("no id")}
	}
	uses := map[string][]Purpose{}
	for _, p := range purposes {
		for _, id := range doc.Relationships[p] {
			if !slices.Contains(uses[id], p) {
				uses[id] = append(uses[id], p)
			}
		}
	}
	r := &Resolution{Document: doc}
	seen := make(map[string]bool, len(doc.VerificationMethod))
	for i := range doc.VerificationMethod {
		m := &doc.VerificationMethod[i]
		if seen[m.ID] {
			return nil, &Error{InvalidDIDDocument, errDuplicate}
		}
		seen[m.ID] = true
		if m.Controller != doc.ID.s || !strings.HasPrefix(m.ID, doc.ID.s+"#") {
			continue // a key of somebody else, or under somebody else's name
		}
		if pub, ok := m.key(); ok {
			r.Keys = append(r.Keys, Key{ID: m.ID, Purposes: uses[m.ID], Public: pub, Until: m.Expires, Revoked: m.Revoked})
		}
	}
	slices.SortStableFunc(r.Keys, func(a, b Key) int { // current ones first
		switch ra, rb := !a.Revoked.IsZero(), !b.Revoked.IsZero(); {
		case ra == rb:
			return 0
		case rb:
			return -1
		}
		return 1
	})
	return r, nil
}

// methodCurves names the curve that a verification method type fixes; empty where the type leaves it to the key. A type that is not
// here gives no key.
var methodCurves = map[string]string{
	"Multikey":                          "",
	"JsonWebKey":                        "",
	"JsonWebKey2020":                    "",
	"Ed25519VerificationKey2018":        "Ed25519",
	"Ed25519VerificationKey2020":        "Ed25519",
	"X25519KeyAgreementKey2019":         "X25519",
	"X25519KeyAgreementKey2020":         "X25519",
	"EcdsaSecp256k1VerificationKey2019": "secp256k1",
	"EcdsaSecp256k1RecoveryMethod2020":  "secp256k1",
	"EcdsaSecp256r1VerificationKey2019": "P-256",
}

// maxEncodedKey bounds the encodings of a bare key; the longest is an uncompressed point in hexadecimal.
const maxEncodedKey = 132

// key reads the public key of a method.
func (m *Method) key() (pubkey.Key, bool) {
	curve, known := methodCurves[m.Type]
	if !known || m.materials() != 1 { // two keys in one method: nobody can say which one it names
		return pubkey.Key{}, false
	}
	var k pubkey.Key
	var err error
	switch {
	case m.PublicKeyJwk != nil:
		k, err = pubkey.ParseJWK(m.PublicKeyJwk)
	case m.PublicKeyMultibase != "":
		k, err = pubkey.ParseMultikey(m.PublicKeyMultibase)
	case m.BlockchainAccountID != "":
		address, ok := accountAddress(m.BlockchainAccountID)
		return pubkey.FromAddress(address), ok && curve == "secp256k1"
	default:
		k, err = m.bareKey(curve)
	}
	if err != nil || k.IsZero() || curve != "" && k.Curve() != curve {
		return pubkey.Key{}, false
	}
	return k, true
}

// materials counts the forms in which a method holds a key.
func (m *Method) materials() (n int) {
	if m.PublicKeyJwk != nil {
		n++
	}
	for _, s := range []string{m.PublicKeyMultibase, m.PublicKeyHex, m.PublicKeyBase58, m.PublicKeyBase64, m.PublicKeyPem, m.BlockchainAccountID, m.Value} {
		if s != "" {
			n++
		}
	}
	return n
}

// bareKey reads the encodings of older suites, which hold a key without saying its curve.
func (m *Method) bareKey(curve string) (pubkey.Key, error) {
	var raw []byte
	var err error
	switch {
	case len(m.PublicKeyHex) > maxEncodedKey || len(m.PublicKeyBase58) > maxEncodedKey || len(m.PublicKeyBase64) > maxEncodedKey:
		return pubkey.Key{}, errLong
	case m.PublicKeyHex != "":
		raw, err = hex.DecodeString(strings.TrimPrefix(m.PublicKeyHex, "0x"))
	case m.PublicKeyBase58 != "":
		_, raw, err = multibase.Decode("z" + m.PublicKeyBase58)
	case m.PublicKeyBase64 != "":
		raw, err = base64.StdEncoding.DecodeString(m.PublicKeyBase64)
	}
	if err != nil {
		return pubkey.Key{}, err
	}
	switch curve {
	case "Ed25519":
		return pubkey.New(ed25519.PublicKey(raw))
	case "X25519":
		pub, err := ecdh.X25519().NewPublicKey(raw)
		if err != nil {
			return pubkey.Key{}, err
		}
		return pubkey.New(pub)
	case "secp256k1":
		if len(raw) == 65 && raw[0] != 4 { // decred reads hybrid points too
			return pubkey.Key{}, errors.New("not a compressed or uncompressed point")
		}
		pub, err := secp256k1.ParsePubKey(raw)
		if err != nil {
			return pubkey.Key{}, err
		}
		return pubkey.New(pub)
	}
	return pubkey.Key{}, errors.New("the type does not say the curve")
}

// accountAddress reads a CAIP-10 account of an EVM chain: eip155:<chain id>:0x<40 hexadecimal digits>.
func accountAddress(s string) (a [20]byte, ok bool) {
	if len(s) > maxEncodedKey {
		return a, false
	}
	rest, ok := strings.CutPrefix(s, "eip155:")
	if !ok {
		return a, false
	}
	chain, account, ok := strings.Cut(rest, ":")
	if !ok || chain == "" || strings.Trim(chain, "0123456789") != "" || len(account) != 42 || account[:2] != "0x" {
		return a, false
	}
	n, err := hex.Decode(a[:], []byte(account[2:]))
	return a, err == nil && n == 20
}
