package pubkey

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
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

// The JWS and JWK vectors: compact JWS, key as given, header reduced to its algorithm. Keys of kinds that are not in use here are refused
// as keys, whatever the vector says of the signature, and every vector is counted.
func TestWycheproofJWS(t *testing.T) {
	for file, want := range map[string]map[string]int{
		"json_web_signature_test.json": {"EC P-256": 27, "EC P-521": 1, "RSA": 213, "oct": 27},
		"json_web_key_test.json":       {"EC P-256": 3, "EC P-384": 1, "RSA": 3, "oct": 8, "two keys": 3},
	} {
		var w wycheproof
		vectors(t, "wycheproof/"+file, &w)
		got, total := map[string]int{}, 0
		for _, g := range w.TestGroups {
			doc := g.Public
			if doc == nil {
				doc = g.Private
			}
			var set struct{ Keys []json.RawMessage }
			if json.Unmarshal(doc, &set) == nil && len(set.Keys) == 1 {
				doc = set.Keys[0]
			}
			var key struct{ Kty, Crv string }
			if err := json.Unmarshal(doc, &key); err != nil {
				t.Fatal(err)
			}
			kind := strings.TrimSpace(key.Kty + " " + key.Crv)
			if len(set.Keys) == 2 {
				kind = "two keys" // which of them is meant is the caller's to say
			}
			for _, c := range g.Tests {
				got[kind]++
				total++
				what := fmt.Sprintf("%s %s %d (%s)", file, g.Comment, c.ID, c.Comment)
				jws, ok := c.JWS.(string)
				if !ok {
					t.Errorf("%s: not in the compact form", what)
				}
				switch kind {
				case "EC P-256", "EC P-384":
					if c.Comment == "rejectsModifiedPayload" { // the same signature over the payload that was signed
						if err := compactJWS(doc, strings.Replace(jws, ".WG9v.", ".Zm9v.", 1)); err != nil {
							t.Errorf("%s: the unmodified form is refused: %v", what, err)
						}
					}
					if got, want := compactJWS(doc, jws) == nil, c.Result == "valid"; got != want {
						t.Errorf("%s: accepted %v", what, got)
					}
				case "two keys":
					for _, one := range set.Keys {
						refusedKind(t, what, one)
					}
				default:
					refusedKind(t, what, doc)
				}
			}
		}
		if !maps.Equal(got, want) || total != w.NumberOfTests {
			t.Errorf("%s: %v, want %v; %d of %d", file, got, want, total, w.NumberOfTests)
		}
	}
}

// refusedKind wants a key refused for its kind: RSA and P-521 are not in use, and who has a symmetric or private key has a secret.
func refusedKind(t *testing.T, what string, jwk []byte) {
	t.Helper()
	var key struct{ Kty, Crv, D string }
	if err := json.Unmarshal(jwk, &key); err != nil {
		t.Fatal(err)
	}
	want := []Reason{Unsupported, TooSmall}
	if key.D != "" || key.Kty == "oct" {
		want = []Reason{PrivateMember}
	}
	_, err := ParseJWK(jwk)
	if key.Crv == "P-256" && key.D == "" { // beside a symmetric one, under which an attacker would like it to be taken
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
		return
	}
	var e *Error
	if !errors.As(err, &e) || !slices.Contains(want, e.Reason) {
		t.Errorf("%s: %s is %v, want one of %v", what, key.Kty, err, want)
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
