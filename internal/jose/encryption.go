package jose

import (
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"

	"github.com/go-jose/go-jose/v4"
)

// ErrDecrypt says that a JWE cannot be read. It does not say why: who sends many of them must not learn which part was nearly right.
var ErrDecrypt = errors.New("jose: not decrypted")

// ErrEncrypt says that a key or an algorithm is not one of those that are in use here.
var ErrEncrypt = errors.New("jose: not encrypted: another key or algorithm")

// What is in use for encryption: ECDH-ES, direct, on P-256, with AES in GCM (RFC 7518 sections 4.6, 5.3; HAIP 1.0 section 5). No compression, so that a
// short text stays short and its length tells nothing of what is in it but its length.
var (
	keyAgreement = []jose.KeyAlgorithm{jose.ECDH_ES}
	contents     = []jose.ContentEncryption{jose.A128GCM, jose.A256GCM}
)

// maxEncryptedHeader bounds the protected header of a JWE, encoded.
const maxEncryptedHeader = 4 << 10

// Encrypt encrypts for a key on P-256, in the compact serialization. enc is A128GCM or A256GCM. kid stands in the header if it is not empty. The error is
// ErrEncrypt.
func Encrypt(to *ecdh.PublicKey, kid, enc string, plaintext []byte) (string, error) {
	if to == nil || to.Curve() != ecdh.P256() || enc != string(jose.A128GCM) && enc != string(jose.A256GCM) {
		return "", ErrEncrypt
	}
	pub, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), to.Bytes())
	if err != nil {
		return "", ErrEncrypt
	}
	e, err := jose.NewEncrypter(jose.ContentEncryption(enc), jose.Recipient{Algorithm: jose.ECDH_ES, Key: pub, KeyID: kid}, nil)
	if err != nil {
		return "", ErrEncrypt
	}
	o, err := e.Encrypt(plaintext)
	if err != nil {
		return "", ErrEncrypt
	}
	text, err := o.CompactSerialize()
	if err != nil {
		return "", ErrEncrypt
	}
	return text, nil
}

// Decrypt reads a JWE of at most max bytes in the compact serialization that was encrypted for this key with ECDH-ES and A128GCM or A256GCM. Its kid must
// be the one that is given. A JWE that is compressed, or has critical headers, is refused before it is decrypted. The error is ErrDecrypt.
func Decrypt(with *ecdh.PrivateKey, kid, jwe string, max int) ([]byte, error) {
	if with == nil || with.Curve() != ecdh.P256() || len(jwe) > max || strings.ContainsAny(jwe, "\r\n") {
		return nil, ErrDecrypt
	}
	protected, rest, ok := strings.Cut(jwe, ".")
	if !ok || len(protected) > maxEncryptedHeader || !strings.HasPrefix(rest, ".") { // direct agreement: there is no encrypted key
		return nil, ErrDecrypt
	}
	o, err := jose.ParseEncryptedCompact(jwe, keyAgreement, contents) // refuses members that are there twice
	if err != nil || o.Header.KeyID != kid || !plainHeader(protected) {
		return nil, ErrDecrypt
	}
	priv, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), with.Bytes())
	if err != nil {
		return nil, ErrDecrypt
	}
	text, err := o.Decrypt(priv)
	if err != nil {
		return nil, ErrDecrypt
	}
	return text, nil
}

// plainHeader tells that nothing has to be done with what is decrypted, and that the ephemeral key is on the curve of ours.
func plainHeader(protected string) bool {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(protected)
	if err != nil {
		return false
	}
	// encoding/json takes names in any case: a Zip is as bad as a zip.
	var h struct {
		Zip, Crit, B64 json.RawMessage
		EPK            struct{ Crv string }
	}
	return json.Unmarshal(raw, &h) == nil && h.Zip == nil && h.Crit == nil && h.B64 == nil && h.EPK.Crv == "P-256"
}
