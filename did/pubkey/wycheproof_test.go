package pubkey

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

type wycheproof struct {
	NumberOfTests int `json:"numberOfTests"`
	TestGroups    []struct {
		Comment      string          `json:"comment"`
		PublicKeyJwk json.RawMessage `json:"publicKeyJwk"`
		PublicKey    struct {
			Uncompressed string `json:"uncompressed"`
			PK           string `json:"pk"`
		} `json:"publicKey"`
		Public  json.RawMessage `json:"public"`
		Private json.RawMessage `json:"private"`
		Tests   []struct {
			ID      int    `json:"tcId"`
			Comment string `json:"comment"`
			Msg     string `json:"msg"`
			Sig     string `json:"sig"`
			JWS     any    `json:"jws"`
			Result  string `json:"result"`
		} `json:"tests"`
	} `json:"testGroups"`
}

// The signature vectors of the Wycheproof project, each key through ParseJWK or ParseMultikey, each answer compared.
func TestWycheproofSignatures(t *testing.T) {
	for _, set := range []struct {
		file string
		alg  Algorithm
	}{
		{"ecdsa_secp256r1_sha256_p1363_test.json", ES256},
		{"ecdsa_secp384r1_sha384_p1363_test.json", ES384},
		{"ecdsa_secp256k1_sha256_p1363_test.json", ES256K},
		{"ed25519_test.json", EdDSA},
	} {
		t.Run(string(set.alg), func(t *testing.T) {
			var w wycheproof
			vectors(t, "wycheproof/"+set.file, &w)
			ran, refused := 0, 0
			for _, g := range w.TestGroups {
				k := wycheproofKey(t, set.alg, g.PublicKeyJwk, g.PublicKey.Uncompressed)
				for _, c := range g.Tests {
					ran++
					msg, sig := unhex(t, c.Msg), unhex(t, c.Sig)
					err := k.Verify(set.alg, msg, sig)
					switch {
					case c.Result == "valid" && err != nil:
						t.Errorf("%d (%s): refused: %v", c.ID, c.Comment, err)
					case c.Result == "invalid" && !errors.Is(err, SignatureInvalid):
						t.Errorf("%d (%s): got %v, want %s", c.ID, c.Comment, err, SignatureInvalid)
					}
					if c.Result == "invalid" {
						refused++
					}
				}
			}
			if ran != w.NumberOfTests || refused == 0 {
				t.Fatalf("ran %d of %d, %d of them invalid", ran, w.NumberOfTests, refused)
			}
		})
	}
}

// wycheproofKey takes the JWK of a group. Some groups have none, or one whose coordinates lost their leading zeros; those come by
// their point.
func wycheproofKey(t *testing.T, a Algorithm, jwk json.RawMessage, point string) Key {
	t.Helper()
	if jwk != nil {
		k, err := ParseJWK(jwk)
		if err == nil {
			return k
		}
		if !errors.Is(err, Malformed) || a == EdDSA {
			t.Fatalf("a key of the vectors was refused: %v", err)
		}
	}
	b := unhex(t, point)
	for _, c := range curves {
		if c.alg == a {
			k, err := fromRaw(c, compress(b[1:]))
			if err != nil {
				t.Fatal(err)
			}
			return k
		}
	}
	t.Fatal("no curve")
	return Key{}
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The JWS and JWK vectors whose key is one of ours: compact JWS, key as given, header reduced to its algorithm.
func TestWycheproofJWS(t *testing.T) {
	for _, file := range []string{"json_web_signature_test.json", "json_web_key_test.json"} {
		var w wycheproof
		vectors(t, "wycheproof/"+file, &w)
		ran := 0
		for _, g := range w.TestGroups {
			doc := g.Public
			if doc == nil {
				doc = g.Private
			}
			var set struct{ Keys []json.RawMessage }
			if json.Unmarshal(doc, &set) == nil && len(set.Keys) == 1 {
				doc = set.Keys[0]
			}
			var kind struct{ Kty, Crv string }
			if json.Unmarshal(doc, &kind) != nil || kind.Kty != "EC" || kind.Crv == "P-521" {
				continue
			}
			for _, c := range g.Tests {
				jws, ok := c.JWS.(string)
				if !ok {
					continue
				}
				ran++
				if c.Comment == "rejectsModifiedPayload" { // the same signature over the payload that was signed
					if err := compactJWS(doc, strings.Replace(jws, ".WG9v.", ".Zm9v.", 1)); err != nil {
						t.Errorf("%d: the unmodified form is refused: %v", c.ID, err)
					}
				}
				if got, want := compactJWS(doc, jws) == nil, c.Result == "valid"; got != want {
					t.Errorf("%s %s %d (%s): accepted %v", file, g.Comment, c.ID, c.Comment, got)
				}
			}
		}
		if ran < 4 {
			t.Fatalf("%s: only %d cases ran", file, ran)
		}
	}
}

// compactJWS is the least a caller does: three canonical parts, an algorithm in the header, the key's own decision.
func compactJWS(jwk []byte, jws string) error {
	k, err := ParseJWK(jwk)
	if err != nil {
		return err
	}
	parts := strings.Split(jws, ".")
	if len(parts) != 3 {
		return errors.New("not three parts")
	}
	head, err := base64.RawURLEncoding.Strict().DecodeString(parts[0])
	if err != nil {
		return err
	}
	var h struct{ Alg string }
	if err := json.Unmarshal(head, &h); err != nil {
		return err
	}
	sig, err := base64.RawURLEncoding.Strict().DecodeString(parts[2])
	if err != nil {
		return err
	}
	return k.Verify(Algorithm(h.Alg), []byte(parts[0]+"."+parts[1]), sig)
}
