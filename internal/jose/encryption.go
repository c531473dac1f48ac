package jose

import (
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"strings"

	"github.com/go-jose/go-jose/v4"
	josecipher "github.com/go-jose/go-jose/v4/cipher"
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
	return EncryptFor(to, kid, enc, nil, plaintext)
}

// EncryptFor is Encrypt with apv in the header if it is not empty: what the recipient knows the message by (RFC 7518 section 4.6.1.3). It goes into the key
// derivation. go-jose writes none, so that only its parts are used here.
func EncryptFor(to *ecdh.PublicKey, kid, enc string, apv, plaintext []byte) (string, error) {
	size, known := map[string]int{string(jose.A128GCM): 16, string(jose.A256GCM): 32}[enc]
	if to == nil || to.Curve() != ecdh.P256() || !known {
		return "", ErrEncrypt
	}
	once, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		return "", ErrEncrypt
	}
	secret, err := once.ECDH(to)
	if err != nil {
		return "", ErrEncrypt
	}
	encode := base64.RawURLEncoding.EncodeToString
	point := once.PublicKey().Bytes() // 4, x, y
	header := map[string]any{"alg": jose.ECDH_ES, "enc": enc, "epk": map[string]string{"kty": "EC", "crv": "P-256", "x": encode(point[1:33]), "y": encode(point[33:])}}
	if kid != "" {
		header["kid"] = kid
	}
	if len(apv) > 0 {
		header["apv"] = encode(apv)
	}
	text, err := json.Marshal(header)
	if err != nil {
		return "", ErrEncrypt
	}
	key := make([]byte, size)
	bits := binary.BigEndian.AppendUint32(nil, uint32(size)*8)
	if _, err := josecipher.NewConcatKDF(crypto.SHA256, secret, prefixed([]byte(enc)), prefixed(nil), prefixed(apv), bits, nil).Read(key); err != nil {
		return "", ErrEncrypt
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return "", ErrEncrypt
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return "", ErrEncrypt
	}
	nonce := make([]byte, aead.NonceSize())
	if _, err := rand.Read(nonce); err != nil {
		return "", ErrEncrypt
	}
	protected := encode(text)
	sealed := aead.Seal(nil, nonce, plaintext, []byte(protected))
	tag := len(sealed) - aead.Overhead()
	return protected + ".." + encode(nonce) + "." + encode(sealed[:tag]) + "." + encode(sealed[tag:]), nil
}

// prefixed puts the length before a value (NIST SP 800-56A, as RFC 7518 section 4.6.2 uses it).
func prefixed(b []byte) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(b))), b...)
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
