package oid4vp

import (
	"bytes"
	"crypto/ecdh"
	"crypto/ecdsa"
	"encoding/base64"
	"encoding/json"

	"github.com/khyer/khyer/did/pubkey"
	"github.com/khyer/khyer/internal/strictjson"
)

// Metadata is what a verifier says of itself in client_metadata (section 5.1, 11.1). Members that are not here are ignored, as section 5.1 demands.
type Metadata struct {
	// Keys are those of jwks for which an answer can be encrypted here: ECDH-ES on P-256, with a kid. Others are passed over.
	Keys []EncryptionKey
	// Encs are the content encryptions that the verifier reads. Without them it reads A128GCM.
	Encs []string
	// Formats is vp_formats_supported, an object; nil if it is absent.
	Formats json.RawMessage
}

// EncryptionKey is a public key of P-256 for which answers are encrypted.
type EncryptionKey struct {
	ID     string // kid
	Public *ecdh.PublicKey
}

// Content encryptions (RFC 7518 section 5.3).
const (
	A128GCM = "A128GCM"
	A256GCM = "A256GCM"
)

func readMetadata(v strictjson.Value) (*Metadata, error) {
	if !v.Exists() {
		return nil, nil
	}
	if v.Kind() != strictjson.Object {
		return nil, fail(RequestMalformed, "client_metadata is no object")
	}
	m, f := &Metadata{}, &fields{of: v}
	f.texts("encrypted_response_enc_values_supported", &m.Encs)
	if f.err != nil {
		return nil, f.err
	}
	if formats := v.Get("vp_formats_supported"); formats.Kind() == strictjson.Object {
		m.Formats = bytes.Clone(formats.Raw())
	} else if formats.Exists() {
		return nil, fail(RequestMalformed, "vp_formats_supported is no object")
	}
	jwks := v.Get("jwks")
	if !jwks.Exists() {
		return m, nil
	}
	keys := jwks.Get("keys")
	if keys.Kind() != strictjson.Array || keys.Len() > maxItems {
		return nil, fail(RequestMalformed, "jwks has no array keys of up to 32 elements")
	}
	seen := map[string]bool{}
	for e := range keys.Elements() {
		if e.Kind() != strictjson.Object {
			return nil, fail(RequestMalformed, "jwks has a key that is no object")
		}
		if id, ok := e.Get("kid").Text(); ok && seen[id] {
			return nil, fail(RequestMalformed, "jwks has two keys of one kid")
		} else if ok {
			seen[id] = true
		}
		if k, ok := readEncryptionKey(e); ok {
			m.Keys = append(m.Keys, k)
		}
	}
	return m, nil
}

// readEncryptionKey reads a key if it is of the kind that is in use here (HAIP 1.0 section 5).
func readEncryptionKey(v strictjson.Value) (k EncryptionKey, ok bool) {
	if k.ID, ok = v.Get("kid").Text(); !ok || k.ID == "" || len(k.ID) > maxText {
		return k, false
	}
	if !v.Get("alg").Is("ECDH-ES") || v.Get("use").Exists() && !v.Get("use").Is("enc") {
		return k, false
	}
	key, err := pubkey.FromValue(strictjson.Inside{}, v)
	if err != nil || key.Curve() != "P-256" {
		return k, false
	}
	pub, isECDSA := key.Public().(*ecdsa.PublicKey)
	if !isECDSA {
		return k, false
	}
	k.Public, err = pub.ECDH()
	return k, err == nil
}

// MarshalJSON writes client_metadata.
func (m *Metadata) MarshalJSON() ([]byte, error) {
	type jwk struct {
		KeyType string `json:"kty"`
		Curve   string `json:"crv"`
		X       string `json:"x"`
		Y       string `json:"y"`
		Use     string `json:"use"`
		Alg     string `json:"alg"`
		ID      string `json:"kid"`
	}
	type set struct {
		Keys []jwk `json:"keys"`
	}
	out := struct {
		Keys    *set            `json:"jwks,omitempty"`
		Encs    []string        `json:"encrypted_response_enc_values_supported,omitempty"`
		Formats json.RawMessage `json:"vp_formats_supported,omitempty"`
	}{nil, m.Encs, m.Formats}
	for _, k := range m.Keys {
		point := k.Public.Bytes() // 4, x, y
		half := 1 + len(point)/2
		if out.Keys == nil {
			out.Keys = &set{}
		}
		out.Keys.Keys = append(out.Keys.Keys, jwk{"EC", "P-256", encode(point[1:half]), encode(point[half:]), "enc", "ECDH-ES", k.ID})
	}
	return marshal(out)
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// marshal is json.Marshal without escapes for the <, > and & of a URL.
func marshal(v any) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n")), nil
}
