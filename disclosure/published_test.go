package disclosure

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/khyer/khyer/internal/strictjson"
)

// published returns the files of the published vectors that match the pattern below the folder that KHYER_VECTORS names.
func published(t *testing.T, pattern string) []string {
	t.Helper()
	dir := os.Getenv("KHYER_VECTORS")
	if dir == "" {
		if os.Getenv("KHYER_REQUIRE") != "" {
			t.Fatal("KHYER_VECTORS is not set")
		}
		t.Skip("skipped: needs KHYER_VECTORS, the folder with the published vectors")
	}
	files, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil || len(files) == 0 {
		t.Fatalf("no files match %s: %v", pattern, err)
	}
	return files
}

type jwk struct{ Kty, Crv, X, Y string }

// es256 is a bare check of a signature: this package knows none, and its tests may not import those that do.
func (k jwk) es256(s Signature) error {
	x, _ := base64.RawURLEncoding.DecodeString(k.X)
	y, _ := base64.RawURLEncoding.DecodeString(k.Y)
	pub, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), append(append([]byte{4}, x...), y...))
	if err != nil {
		return err
	}
	h := sha256.Sum256(s.Input)
	if len(s.Value) != 64 || !ecdsa.Verify(pub, h[:], new(big.Int).SetBytes(s.Value[:32]), new(big.Int).SetBytes(s.Value[32:])) {
		return errors.New("signature does not verify")
	}
	return nil
}

func readJSON(t *testing.T, file string, into any) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, into); err != nil {
		t.Fatal(err)
	}
}

func TestPublishedRFC9901(t *testing.T) {
	compact := 0
	for _, file := range published(t, "sd-jwt-rfc9901-published/*.json") {
		var v struct {
			Issuer  jwk             `json:"issuer_jwk"`
			SDJWT   string          `json:"sd_jwt"`
			Payload json.RawMessage `json:"payload"`
		}
		readJSON(t, file, &v)
		if v.SDJWT == "" {
			continue // JWS JSON serialisation
		}
		compact++
		if !strings.Contains(v.SDJWT, "~") {
			v.SDJWT += "~" // the first one is printed as the issuer-signed JWT alone
		}
		t.Run(filepath.Base(file), func(t *testing.T) {
			same(t, roundTripPublished(t, v.SDJWT, v.Issuer), string(v.Payload))
		})
	}
	if compact != 9 {
		t.Errorf("%d compact vectors, expected 9", compact)
	}
}

// The issuer's key of the test cases, from settings.yml of sd-jwt-python.
var (
	caseIssuer = jwk{"EC", "P-256", "b28d4MwZMjw8-00CG4xfnn9SLMVMM19SlqZpVb_uNtQ", "Xv5zWwuoaTgdS6hV43yI6gBwTnjukmFQQnJ_kCxzqk8"}
)

func TestPublishedCases(t *testing.T) {
	for _, folder := range []string{"sd-jwt-testcases", "sd-jwt-rfc9901-examples"} {
		ran := 0
		for _, file := range published(t, folder+"/*/verified_contents.json") {
			dir := filepath.Dir(file)
			read := func(name string) string {
				data, err := os.ReadFile(filepath.Join(dir, name))
				if err != nil {
					t.Fatal(err)
				}
				return strings.TrimSpace(string(data))
			}
			if _, err := os.Stat(filepath.Join(dir, "sd_jwt_issuance.json")); err == nil {
				continue // JWS JSON serialisation
			}
			ran++
			t.Run(filepath.Base(dir), func(t *testing.T) {
				payload := roundTripPublished(t, read("sd_jwt_issuance.txt"), caseIssuer)
				same(t, payload, read("sd_jwt_payload.json"))
				shown, err := Parse([]byte(read("sd_jwt_presentation.txt")), Limits{})
				if err != nil {
					t.Fatal(err)
				}
				v, err := shown.Verify(caseIssuer.es256)
				if err != nil {
					t.Fatal(err)
				}
				same(t, v.Claims(), read("verified_contents.json"))
				checkBinding(t, shown)
			})
		}
		if ran < 8 {
			t.Errorf("%s: only %d cases", folder, ran)
		}
	}
}

// checkBinding checks a key binding JWT, if there is one, with the key that the card names.
func checkBinding(t *testing.T, u *Unverified) {
	t.Helper()
	s, sdHash, ok := u.KeyBinding()
	if !ok {
		return
	}
	var cnf struct{ JWK jwk }
	if err := json.Unmarshal(u.payload.Get("cnf").Raw(), &cnf); err != nil {
		t.Fatal(err)
	}
	holder := cnf.JWK
	if err := holder.es256(s); err != nil {
		t.Error(err)
	}
	var kb struct {
		Hash string `json:"sd_hash"`
	}
	raw, _ := base64.RawURLEncoding.DecodeString(string(s.Input[strings.IndexByte(string(s.Input), '.')+1:]))
	if err := json.Unmarshal(raw, &kb); err != nil || kb.Hash != encode(sdHash) {
		t.Errorf("sd_hash %s, computed %s (%v)", kb.Hash, encode(sdHash), err)
	}
}

// roundTripPublished verifies a published SD-JWT, conceals its claims again with the published disclosures, and expects the payload
// that was signed. It returns that payload.
func roundTripPublished(t *testing.T, text string, issuer jwk) []byte {
	u, err := Parse([]byte(text), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	v, err := u.Verify(issuer.es256)
	if err != nil {
		t.Fatal(err)
	}
	checkBinding(t, u)
	payload := canon(t, u.payload.Raw())
	if v.Concealed() > 0 || len(u.disclosures) == 0 {
		return u.payload.Raw() // a presentation, or decoys: what is hidden cannot be concealed again
	}
	queue := map[string][]string{}
	for i := range u.disclosures {
		p := v.t.parts[i]
		key := string(p.name.Raw()) + " " + canon(t, p.value.Raw())
		if p.name.Exists() {
			name, _ := p.name.Text()
			key = string(strictName(name)) + " " + canon(t, p.value.Raw())
		}
		queue[key] = append(queue[key], string(u.disclosure(i)))
	}
	c := &concealer{encode: func(name, value []byte) (string, error) {
		key := ""
		if name != nil {
			n, err := strictjson.Parse(name, strictjson.Limits{})
			if err != nil {
				return "", err
			}
			text, _ := n.Text()
			key = string(strictName(text))
		}
		key += " " + canon(t, value)
		if len(queue[key]) == 0 {
			return "", errors.New("no published disclosure left for a claim")
		}
		d := queue[key][0]
		queue[key] = queue[key][1:]
		return d, nil
	}}
	err = c.run([]byte{'{'}, v.Claims(), ConcealOptions{Paths: v.Revealed(), Hash: hashName(u.hash)}, nil)
	got := c.payload
	if err != nil {
		t.Fatal(err)
	}
	if canon(t, got) != payload {
		t.Errorf("concealed again: %s\npublished: %s", canon(t, got), payload)
	}
	return u.payload.Raw()
}

func strictName(s string) []byte { b, _ := json.Marshal(s); return b }

// canon writes JSON with sorted members, and _sd sorted: the published order of digests is the choice of another program.
func canon(t *testing.T, data []byte) string {
	t.Helper()
	dec := json.NewDecoder(strings.NewReader(string(data)))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		t.Fatal(err)
	}
	var sortSD func(any)
	sortSD = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			for k, e := range v {
				if l, ok := e.([]any); ok && k == "_sd" {
					slices.SortFunc(l, func(a, b any) int { return strings.Compare(a.(string), b.(string)) })
				}
				sortSD(e)
			}
		case []any:
			for _, e := range v {
				sortSD(e)
			}
		}
	}
	sortSD(v)
	out, _ := json.Marshal(v)
	return string(out)
}
