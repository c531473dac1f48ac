package didkey_test

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/multiformats/go-multibase"

	"github.com/khyer/khyer/did"
	"github.com/khyer/khyer/did/didkey"
	"github.com/khyer/khyer/did/pubkey"
)

func parse(t *testing.T, s string) did.DID {
	t.Helper()
	d, err := did.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestResolve(t *testing.T) {
	for _, a := range []pubkey.Algorithm{pubkey.ES256, pubkey.ES384, pubkey.ES256K, pubkey.EdDSA} {
		s, err := pubkey.Generate(a)
		if err != nil {
			t.Fatal(err)
		}
		id, err := didkey.FromKey(s.Public())
		if err != nil {
			t.Fatal(err)
		}
		r, err := didkey.Resolver{}.Resolve(t.Context(), id, did.At{})
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range []did.Purpose{did.Authentication, did.AssertionMethod, did.CapabilityInvocation, did.CapabilityDelegation} {
			k, err := r.Key("#"+id.SpecificID(), p, time.Time{})
			if err != nil || !k.Public.Equal(s.Public()) {
				t.Errorf("%s, %s: %v", a, p, err)
			}
		}
		if _, err := r.Key("#"+id.SpecificID(), did.KeyAgreement, time.Time{}); !errors.Is(err, did.KeyWrongPurpose) {
			t.Errorf("%s: %v", a, err)
		}
		text, err := json.Marshal(r.Document)
		if err != nil {
			t.Fatal(err)
		}
		if d, err := did.ParseDocument(text); err != nil || d.ID != id {
			t.Errorf("%s: %v", a, err)
		}
	}
}

func TestResolveRefuses(t *testing.T) {
	const key = "z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK"
	for name, c := range map[string]struct {
		id   string
		want error
	}{
		"another method":     {"did:jwk:" + key, did.MethodNotSupported},
		"another alphabet":   {"did:key:f" + key, did.InvalidDID},
		"a version":          {"did:key:1.1:" + key, did.InvalidDID},
		"one letter less":    {"did:key:" + key[:len(key)-1], did.InvalidDID},
		"percent-encoded":    {"did:key:%7A" + key[1:], did.InvalidDID},
		"P-521":              {"did:key:z2J9gaYxrKVpdoG9A4gRnmpnRCcxU6agDtFVVBVdn1JedouoZN7SzcyREXXzWgt3gGiwpoHq7K68X4m32D8HgzG8wv3sY5j7", pubkey.Unsupported},
		"as long as allowed": {"did:key:z" + strings.Repeat("6", did.MaxLength-9), pubkey.TooLarge},
	} {
		r, err := didkey.Resolver{}.Resolve(t.Context(), parse(t, c.id), did.At{})
		if !errors.Is(err, c.want) || r != nil {
			t.Errorf("%s: got %v, want %v", name, err, c.want)
		}
	}
	if _, err := (didkey.Resolver{}).Resolve(t.Context(), did.DID{}, did.At{}); !errors.Is(err, did.MethodNotSupported) {
		t.Errorf("the zero DID: %v", err)
	}
	for _, k := range []pubkey.Key{{}, pubkey.FromAddress([20]byte{1})} {
		if _, err := didkey.FromKey(k); !errors.Is(err, did.InvalidDID) {
			t.Errorf("got %v", err)
		}
	}
}

// unsupported are the published DIDs whose keys this module does not hold, by the letters that their multicodec begins with. BLS12-381 (G2,
// and G1 with G2) signs in no algorithm here; P-521 has no hardware and no wallet in the field; RSA keys are longer than what an
// identifier may cost to decode.
var unsupported = []string{"zUC7", "z5Tc", "z2J9", "z4MX", "zgg"}

// differences are the files whose documents are not ours, each with one such document.
var differences = map[string]string{
	"did-key-2018-db.json": "the id of the derived key, which is the same key, lacks the multicodec of X25519",
	"did-key-mattr.json":   "the key of the signatures stands in publicKey, a member that DID Core 1.0 has no more",
}

// TestVectors: each published document has the methods, keys and relationships of ours. They are in the method types of 2018 to 2020, so
// keys are compared and not texts.
func TestVectors(t *testing.T) {
	dir := os.Getenv("KHYER_VECTORS")
	if dir == "" {
		if os.Getenv("KHYER_REQUIRE") == "1" {
			t.Fatal("KHYER_REQUIRE=1 and KHYER_VECTORS is not set")
		}
		t.Skip("skipped: needs KHYER_VECTORS, the folder of published test vectors")
	}
	ran := map[string]int{}
	var files []string
	for _, pattern := range []string{"did-key/*.json", "w3c-did-test-suite/did-key-*.json"} {
		found, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, found...)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for id, text := range documents(t, data) {
			r, err := didkey.Resolver{}.Resolve(t.Context(), parse(t, id), did.At{})
			multikey := strings.TrimPrefix(id, "did:key:")
			if slices.ContainsFunc(unsupported, func(p string) bool { return strings.HasPrefix(multikey, p) }) {
				ran["refused"]++
				if !errors.Is(err, pubkey.Unsupported) && !errors.Is(err, pubkey.TooLarge) {
					t.Errorf("%s: %v", id, err)
				}
				continue
			}
			if err != nil {
				t.Errorf("%s: %v", id, err)
				continue
			}
			want := published(t, text)
			curve := r.Keys[0].Public.Curve()
			if strings.HasPrefix(curve, "P-") || curve == "secp256k1" {
				// The published documents let the key of a signature encrypt as well. The text has no such rule: its encryption key is
				// derived, and only from Ed25519.
				if ids := want.purposes[did.KeyAgreement]; !slices.Equal(ids, []string{id + "#" + multikey}) {
					t.Errorf("%s: the published keyAgreement is %v", id, ids)
				}
				delete(want.purposes, did.KeyAgreement)
			}
			ours := facts{map[string]string{}, r.Document.Relationships}
			for _, m := range r.Document.VerificationMethod {
				k, err := pubkey.ParseMultikey(m.PublicKeyMultibase)
				if err != nil || m.Controller != id {
					t.Errorf("%s: %v", id, err)
				}
				ours.keys[m.ID] = hex.EncodeToString(k.Bytes())
			}
			reason, known := differences[filepath.Base(file)]
			if reflect.DeepEqual(ours, want) == known {
				t.Errorf("%s %s (%s):\ngot  %v\nwant %v", file, id, reason, ours, want)
			}
			ran[curve]++
		}
	}
	if want := map[string]int{"P-256": 4, "P-384": 2, "secp256k1": 5, "Ed25519": 8, "X25519": 5, "refused": 10}; !reflect.DeepEqual(ran, want) {
		t.Errorf("%v, want %v", ran, want)
	}
	t.Log(ran)
}

// facts is what two documents are compared by: the bytes of a key by the id of its method, and the relationships.
type facts struct {
	keys     map[string]string
	purposes map[did.Purpose][]string
}

func published(t *testing.T, text []byte) facts {
	t.Helper()
	doc, err := did.ParseDocument(text)
	if err != nil {
		t.Fatal(err)
	}
	f := facts{map[string]string{}, doc.Relationships}
	for _, m := range doc.JSONWebKeys().VerificationMethod {
		if m.Type == "P256Key2021" || m.Type == "P384Key2021" { // types of one supplier, with the bare point
			_, raw, err := multibase.Decode("z" + m.PublicKeyBase58)
			if err != nil {
				t.Fatal(err)
			}
			f.keys[m.ID] = hex.EncodeToString(raw)
			continue
		}
		k, err := pubkey.ParseJWK(m.PublicKeyJwk)
		if err != nil {
			t.Fatalf("%s: %v", m.ID, err)
		}
		f.keys[m.ID] = hex.EncodeToString(k.Bytes())
	}
	return f
}

// TestDerivedKey: the example of the did:key text.
func TestDerivedKey(t *testing.T) {
	const id = "did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK"
	const derived = "z6LSj72tK8brWgZja8NLRwPigth2T9QRiG1uH9oKZuKjdh9p"
	r, err := didkey.Resolver{}.Resolve(t.Context(), parse(t, id), did.At{Time: time.Unix(1, 0)})
	if err != nil {
		t.Fatal(err)
	}
	k, err := r.Key("#"+derived, did.KeyAgreement, time.Time{})
	if err != nil || k.Public.Curve() != "X25519" {
		t.Errorf("%+v, %v", k, err)
	}
	if _, err := r.Key("#"+derived, did.AssertionMethod, time.Time{}); !errors.Is(err, did.KeyWrongPurpose) {
		t.Errorf("the derived key signs: %v", err)
	}
	if _, err := r.Key("#z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK", did.KeyAgreement, time.Time{}); !errors.Is(err, did.KeyWrongPurpose) {
		t.Errorf("the key of the signatures encrypts: %v", err)
	}
	if _, err := (didkey.Resolver{}).Resolve(t.Context(), parse(t, id), did.At{Block: 1}); !errors.Is(err, did.FeatureNotSupported) {
		t.Errorf("a version: %v", err)
	}
}

// documents finds the DID documents of a vector file, by DID.
func documents(t *testing.T, data []byte) map[string]json.RawMessage {
	t.Helper()
	var file map[string]json.RawMessage
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	found := map[string]json.RawMessage{}
	for id, raw := range file {
		if id == "didDocument" { // x25519.json has the documents one level lower
			if err := json.Unmarshal(raw, &found); err != nil {
				t.Fatal(err)
			}
			continue
		}
		var entry struct {
			DIDDocument json.RawMessage `json:"didDocument"`
			W3C         struct {
				Representation string
			} `json:"application/did+ld+json"`
		}
		if !strings.HasPrefix(id, "did:") {
			continue
		}
		if err := json.Unmarshal(raw, &entry); err != nil {
			t.Fatal(err)
		}
		if found[id] = entry.DIDDocument; entry.W3C.Representation != "" {
			found[id] = json.RawMessage(entry.W3C.Representation)
		}
	}
	return found
}

func Example() {
	id, err := did.Parse("did:key:zDnaerDaTF5BXEavCrfRZEk316dpbLsfPDZ3WJ5hRTPFU2169")
	if err != nil {
		fmt.Println(err)
		return
	}
	res, err := didkey.Resolver{}.Resolve(context.Background(), id, did.At{})
	if err != nil {
		fmt.Println(err)
		return
	}
	key, err := res.Key("#zDnaerDaTF5BXEavCrfRZEk316dpbLsfPDZ3WJ5hRTPFU2169", did.AssertionMethod, time.Time{})
	fmt.Println(key.Public.Curve(), key.Public.Algorithms(), err)
	// Output: P-256 [ES256] <nil>
}
