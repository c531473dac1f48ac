// Package jwks carries key documents that travel: published key sets (RFC 7517 section 5) and PEM. It is the only importer of jwx/v2,
// which its authors have deprecated in favour of v3: nothing of jwx shows in a signature here, and no key reaches it that did/pubkey
// has not screened first (a PEM block is bounded, and what comes out of it is screened), so that moving to v3 changes this file only.
// It links net/http.
package jwks

import (
	"bytes"
	"encoding/json"
	"encoding/pem"
	"errors"

	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jwk"
	"github.com/lestrrat-go/jwx/v2/jws"

	"github.com/khyer/khyer/did/pubkey"
	"github.com/khyer/khyer/internal/strictjson"
)

// Bounds of what is read.
const (
	maxSet  = 256 << 10
	maxKeys = 256
	maxPEM  = 16 << 10
)

// Errors. None quotes its input.
var (
	ErrSet     = errors.New("jwks: no acceptable key set")
	ErrPEM     = errors.New("jwks: no acceptable PEM public key")
	ErrPrivate = errors.New("jwks: private key material")
	ErrKey     = errors.New("jwks: a key of this kind cannot be carried") // an address, or secp256k1, which jwx leaves out by default
	ErrInvalid = errors.New("jwks: the signature is not valid")
)

// Key is a public key with the members of a key set that select it.
type Key struct {
	ID        string // "kid"; may be empty
	Use       string // "use": sig, enc or empty
	Algorithm string // "alg"; may be empty
	Public    pubkey.Key
}

// Parse reads a key set. Keys that are not understood are left out (RFC 7517 section 5): of types, curves, sizes and algorithms that are
// not in use here, malformed ones, and those whose "kid" is no string. A key that has private members, and a "kid" that occurs twice,
// make the set unacceptable.
func Parse(data []byte) ([]Key, error) {
	v, err := strictjson.Parse(data, strictjson.Limits{Bytes: maxSet, Depth: 8})
	if err != nil {
		return nil, ErrSet
	}
	list := v.Get("keys")
	if list.Kind() != strictjson.Array || list.Len() > maxKeys {
		return nil, ErrSet
	}
	keys := []Key{}
	seen := map[string]bool{}
	for e := range list.Elements() {
		pub, err := pubkey.ParseJWK(e.Raw())
		kid := e.Get("kid")
		switch {
		case e.Kind() != strictjson.Object:
			return nil, ErrSet
		case errors.Is(err, pubkey.PrivateMember):
			return nil, ErrPrivate
		case err != nil, kid.Exists() && kid.Kind() != strictjson.String:
			continue
		}
		k := Key{Public: pub}
		if k.ID, _ = kid.Text(); kid.Exists() {
			if seen[k.ID] {
				return nil, ErrSet
			}
			seen[k.ID] = true
		}
		k.Use, _ = e.Get("use").Text() // ParseJWK has seen that these are strings
		k.Algorithm, _ = e.Get("alg").Text()
		keys = append(keys, k)
	}
	return keys, nil
}

// Marshal writes a key set for publication. No two keys may have one ID.
func Marshal(keys []Key) ([]byte, error) {
	set := jwk.NewSet()
	seen := map[string]bool{}
	for _, k := range keys {
		if k.ID != "" && seen[k.ID] {
			return nil, ErrSet
		}
		seen[k.ID] = true
		j, err := toJWX(k.Public)
		if err != nil {
			return nil, err
		}
		for name, value := range map[string]string{jwk.KeyIDKey: k.ID, jwk.KeyUsageKey: k.Use, jwk.AlgorithmKey: k.Algorithm} {
			if value == "" {
				continue
			}
			if err := j.Set(name, value); err != nil {
				return nil, ErrKey
			}
		}
		if err := set.AddKey(j); err != nil {
			return nil, ErrSet
		}
	}
	return json.Marshal(set)
}

// toJWX hands a screened key over by its canonical JWK.
func toJWX(k pubkey.Key) (jwk.Key, error) {
	doc := k.JWK()
	if doc == nil || k.Curve() == "secp256k1" {
		return nil, ErrKey
	}
	j, err := jwk.ParseKey(doc)
	if err != nil {
		return nil, ErrKey
	}
	return j, nil
}

// FromPEM reads one public key from a PEM block "PUBLIC KEY" or "CERTIFICATE". Of a certificate only the key is read: nothing is checked about it.
func FromPEM(data []byte) (pubkey.Key, error) {
	if len(data) > maxPEM {
		return pubkey.Key{}, ErrPEM
	}
	block, rest := pem.Decode(data)
	if block == nil || len(bytes.TrimSpace(rest)) > 0 {
		return pubkey.Key{}, ErrPEM
	}
	switch block.Type {
	case "PUBLIC KEY", "CERTIFICATE":
	case "PRIVATE KEY", "EC PRIVATE KEY", "RSA PRIVATE KEY", "ENCRYPTED PRIVATE KEY":
		return pubkey.Key{}, ErrPrivate
	default:
		return pubkey.Key{}, ErrPEM
	}
	j, err := jwk.ParseKey(pem.EncodeToMemory(block), jwk.WithPEM(true))
	if err != nil {
		return pubkey.Key{}, ErrPEM
	}
	var raw any
	if err := j.Raw(&raw); err != nil {
		return pubkey.Key{}, ErrPEM
	}
	pub, err := pubkey.New(raw)
	if err != nil {
		return pubkey.Key{}, ErrPEM
	}
	return pub, nil
}

// ToPEM writes a public key as a PEM block "PUBLIC KEY" (RFC 7468 section 13).
func ToPEM(k pubkey.Key) ([]byte, error) {
	j, err := toJWX(k)
	if err != nil {
		return nil, err
	}
	data, err := jwk.Pem(j)
	if err != nil {
		return nil, ErrKey
	}
	return data, nil
}

// Verify is a second opinion about a JWS signature, for tests that compare it with pubkey.Key.Verify.
func Verify(k pubkey.Key, a pubkey.Algorithm, input, sig []byte) error {
	j, err := toJWX(k)
	if err != nil {
		return err
	}
	v, err := jws.NewVerifier(jwa.SignatureAlgorithm(a))
	if err != nil {
		return ErrKey
	}
	var raw any
	if err := j.Raw(&raw); err != nil {
		return ErrKey
	}
	if err := v.Verify(input, sig, raw); err != nil {
		return ErrInvalid
	}
	return nil
}
