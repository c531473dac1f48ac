package didkey_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
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

// The published vectors have the method types of 2018 to 2020; their ids and keys must be ours.
func TestVectors(t *testing.T) {
	dir := os.Getenv("KHYER_VECTORS")
	if dir == "" {
		if os.Getenv("KHYER_REQUIRE") == "1" {
			t.Fatal("KHYER_REQUIRE=1 and KHYER_VECTORS is not set")
		}
		t.Skip("skipped: needs KHYER_VECTORS, the folder of published test vectors")
	}
	ran := map[string]int{}
	for _, file := range []string{"ed25519-x25519", "nist-curves", "secp256k1", "x25519", "bls12381", "rsa"} {
		data, err := os.ReadFile(filepath.Join(dir, "did-key", file+".json"))
		if err != nil {
			t.Fatal(err)
		}
		for id, text := range documents(t, data) {
			r, err := didkey.Resolver{}.Resolve(t.Context(), parse(t, id), did.At{})
			multikey := strings.TrimPrefix(id, "did:key:")
			if strings.HasPrefix(multikey, "zUC7") || strings.HasPrefix(multikey, "z2J9") || file == "rsa" {
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
			doc, err := did.ParseDocument(text)
			if err != nil {
				t.Fatal(err)
			}
			want, err := did.NewResolution(doc)
			if err != nil {
				t.Fatal(err)
			}
			p := did.AssertionMethod
			if strings.HasPrefix(multikey, "z6LS") {
				p = did.KeyAgreement
			}
			ours, err1 := r.Key(id+"#"+multikey, p, time.Time{})
			if m := doc.VerificationMethod[0]; m.Type == "P256Key2021" { // a type of one supplier: read by hand
				_, raw, err := multibase.Decode("z" + m.PublicKeyBase58)
				if err1 != nil || err != nil || !bytes.Equal(ours.Public.Bytes(), raw) {
					t.Errorf("%s: %v, %v", id, err1, err)
				}
				continue
			}
			theirs, err2 := want.Key(id+"#"+multikey, p, time.Time{})
			if err1 != nil || err2 != nil || !ours.Public.Equal(theirs.Public) {
				t.Errorf("%s: %v, %v", id, err1, err2)
			}
			ran[ours.Public.Curve()]++
		}
	}
	for _, kind := range []string{"P-256", "P-384", "secp256k1", "Ed25519", "X25519", "refused"} {
		if ran[kind] == 0 {
			t.Errorf("no vector for %s: %v", kind, ran)
		}
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
		}
		if err := json.Unmarshal(raw, &entry); err != nil {
			t.Fatal(err)
		}
		found[id] = entry.DIDDocument
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
