package differential

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/khyer/khyer/did/pubkey"
	"github.com/khyer/khyer/internal/jose"
	"github.com/khyer/khyer/internal/jwks"
)

type wycheproof struct {
	NumberOfTests int
	TestGroups    []struct {
		Public, Private, PublicKeyJwk json.RawMessage
		PublicKey                     struct{ Uncompressed string }
		Tests                         []struct {
			ID       int `json:"tcId"`
			Comment  string
			JWS, JWE any
			Result   string
		}
	}
}

// notOurs are the keys of Wycheproof that this library has no use for, with the reason that it gives for refusing them.
var notOurs = map[string]string{
	"RSA":      "ES256, ES384, ES256K and EdDSA are what cards are signed with (SD-JWT VC names none; HAIP 1.0 demands ES256)",
	"oct":      "a verifier that could check a MAC could make the card",
	"EC P-521": "40 times the cost of P-256 for who verifies, and no wallet signs with it",
	"set":      "a key is named by iss and kid, never picked from a set that came along; and these sets hold symmetric keys",
}

// TestWycheproofJOSE goes through each case of the three JOSE files: it is judged, or its key is refused for a reason, or it is a JWE.
// The files of bare signatures are did/pubkey's; that P-521 is refused is looked at here.
func TestWycheproofJOSE(t *testing.T) {
	for file, want := range map[string]map[string]int{
		"json_web_signature_test.json":           {"judged": 27, "RSA": 213, "oct": 27, "EC P-521": 1},
		"json_web_key_test.json":                 {"judged": 4, "RSA": 3, "oct": 8, "set": 3},
		"json_web_crypto_test.json":              {"judged": 10, "RSA": 9, "oct": 12, "set": 2, "JWE": 23},
		"json_web_encryption_test.json":          {"JWE": 93}, // encryption belongs to the presentation protocol, which has its own issue
		"ecdsa_secp521r1_sha512_p1363_test.json": {"EC P-521": 212},
	} {
		w := published(t, file)
		got, all := map[string]int{}, 0
		for _, g := range w.TestGroups {
			key, kind := wycheproofKey(g.Public, g.Private, g.PublicKeyJwk, g.PublicKey.Uncompressed)
			for _, c := range g.Tests {
				all++
				switch jws, _ := c.JWS.(string); {
				case c.JWE != nil:
					got["JWE"]++
				case kind == "":
					got["judged"]++
					judgeWycheproof(t, file, c.ID, key, jws, c.Result == "valid")
				default:
					if got[kind]++; notOurs[kind] == "" {
						t.Errorf("%s %d: %s is neither judged nor has it a reason", file, c.ID, kind)
					}
					if _, err := pubkey.ParseJWK(key); err == nil {
						t.Errorf("%s %d: a key of kind %s is accepted", file, c.ID, kind)
					}
				}
			}
		}
		if all != w.NumberOfTests {
			t.Errorf("%s: %d of %d cases", file, all, w.NumberOfTests)
		}
		for kind, n := range want {
			if got[kind] != n || len(got) != len(want) {
				t.Errorf("%s: %v, want %v", file, got, want)
				break
			}
		}
	}
}

func published(t *testing.T, file string) (w wycheproof) {
	t.Helper()
	dir := os.Getenv("KHYER_VECTORS")
	if dir == "" {
		const why = "skipped: needs KHYER_VECTORS, the folder with the published vectors"
		if os.Getenv("KHYER_REQUIRE") == "1" {
			t.Fatal(why)
		}
		t.Skip(why)
	}
	text, err := os.ReadFile(filepath.Join(dir, "wycheproof", file))
	if err == nil {
		err = json.Unmarshal(text, &w)
	}
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// wycheproofKey returns the key of a group, and why it is not ours.
func wycheproofKey(public, private, jwk json.RawMessage, point string) (key []byte, kind string) {
	doc := public
	switch {
	case doc == nil && jwk != nil:
		doc = jwk
	case doc == nil && point != "":
		b, err := hex.DecodeString(point)
		if err != nil || len(b) != 133 {
			return nil, "no key"
		}
		e := base64.RawURLEncoding.EncodeToString
		doc = []byte(`{"kty":"EC","crv":"P-521","x":"` + e(b[1:67]) + `","y":"` + e(b[67:]) + `"}`)
	case doc == nil:
		doc = private
	}
	var k struct {
		Kty, Crv string
		Keys     []json.RawMessage
	}
	if json.Unmarshal(doc, &k) != nil {
		return nil, "no key"
	}
	if len(k.Keys) == 1 {
		doc = k.Keys[0]
		if json.Unmarshal(doc, &k) != nil {
			return nil, "no key"
		}
	}
	switch {
	case len(k.Keys) > 1:
		return doc, "set"
	case k.Kty == "EC" && (k.Crv == "P-256" || k.Crv == "P-384"):
		return doc, ""
	case k.Kty == "EC":
		return doc, "EC " + k.Crv
	}
	return doc, k.Kty
}

// judgeWycheproof asks ours, and the other libraries where they must agree: a case that is valid is valid for everybody.
func judgeWycheproof(t *testing.T, file string, id int, jwk []byte, jws string, valid bool) {
	t.Helper()
	if err := wycheproofOurs(jwk, jws); (err == nil) != valid {
		t.Errorf("%s %d: ours says %v", file, id, err)
	}
	if !valid {
		return
	}
	if err := jose.VerifyCompact(jws, jwk); err != nil {
		t.Errorf("%s %d: go-jose says %v", file, id, err)
	}
	if err := jwks.VerifyCompact(jws, pubkey.ES256, jwk); err != nil {
		t.Errorf("%s %d: jwx says %v", file, id, err)
	}
}

// wycheproofOurs is the least that a caller of did/pubkey does with a JWS whose payload is no card.
func wycheproofOurs(jwk []byte, jws string) error {
	k, err := pubkey.ParseJWK(jwk)
	if err != nil {
		return err
	}
	parts := strings.Split(jws, ".")
	if len(parts) != 3 {
		return errInvalid
	}
	strict := base64.RawURLEncoding.Strict()
	head, err := strict.DecodeString(parts[0])
	sig, err2 := strict.DecodeString(parts[2])
	var h struct{ Alg pubkey.Algorithm }
	if err := errors.Join(err, err2, json.Unmarshal(head, &h)); err != nil {
		return err
	}
	return k.Verify(h.Alg, []byte(parts[0]+"."+parts[1]), sig)
}
