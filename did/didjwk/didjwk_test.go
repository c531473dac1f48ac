package didjwk_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/khyer/khyer/did"
	"github.com/khyer/khyer/did/didjwk"
	"github.com/khyer/khyer/did/pubkey"
)

// The two examples of the did:jwk specification.
const (
	exampleEC = "did:jwk:eyJjcnYiOiJQLTI1NiIsImt0eSI6IkVDIiwieCI6ImFjYklRaXVNczNpOF91c3pFakoydHBUdFJNNEVVM3l6OTFQSDZDZEgyVjAiLCJ5IjoiX0tjeUxqOXZXTXB0bm1LdG00NkdxRHo4d2Y3NEk1TEtncmwyR3pIM25TRSJ9"
	exampleX  = "did:jwk:eyJrdHkiOiJPS1AiLCJjcnYiOiJYMjU1MTkiLCJ1c2UiOiJlbmMiLCJ4IjoiM3A3YmZYdDl3YlRUVzJIQzdPUTFOei1EUThoYmVHZE5yZngtRkctSUswOCJ9"
)

func resolve(t *testing.T, s string) (*did.Resolution, error) {
	t.Helper()
	id, err := did.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return didjwk.Resolver{}.Resolve(t.Context(), id, did.At{})
}

func TestExamplesOfTheSpecification(t *testing.T) {
	r, err := resolve(t, exampleEC)
	if err != nil {
		t.Fatal(err)
	}
	got, err := json.Marshal(r.Document)
	if err != nil {
		t.Fatal(err)
	}
	ref := `"` + exampleEC + `#0"`
	want := `{"@context":["https://www.w3.org/ns/did/v1","https://w3id.org/security/suites/jws-2020/v1"],"id":"` + exampleEC + `",` +
		`"verificationMethod":[{"id":` + ref + `,"type":"JsonWebKey2020","controller":"` + exampleEC + `","publicKeyJwk":{"crv":"P-256","kty":"EC",` +
		`"x":"acbIQiuMs3i8_uszEjJ2tpTtRM4EU3yz91PH6CdH2V0","y":"_KcyLj9vWMptnmKtm46GqDz8wf74I5LKgrl2GzH3nSE"}}],"authentication":[` + ref +
		`],"assertionMethod":[` + ref + `],"keyAgreement":[` + ref + `],"capabilityInvocation":[` + ref + `],"capabilityDelegation":[` + ref + `]}`
	if string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	r, err = resolve(t, exampleX)
	if err != nil {
		t.Fatal(err)
	}
	k, err := r.Key("#0", did.KeyAgreement, time.Time{})
	if err != nil || k.Public.Curve() != "X25519" || !slices.Equal(k.Purposes, []did.Purpose{did.KeyAgreement}) {
		t.Errorf("%+v, %v", k, err)
	}
	if _, err := r.Key("#0", did.AssertionMethod, time.Time{}); !errors.Is(err, did.KeyWrongPurpose) {
		t.Errorf("X25519 for assertions: %v", err)
	}
	if _, err := (didjwk.Resolver{}).Resolve(t.Context(), r.Document.ID, did.At{Block: 1}); !errors.Is(err, did.FeatureNotSupported) {
		t.Errorf("a version: %v", err)
	}
}

func of(jwk string) string { return "did:jwk:" + base64.RawURLEncoding.EncodeToString([]byte(jwk)) }

const ec = `"kty":"EC","crv":"P-256","x":"acbIQiuMs3i8_uszEjJ2tpTtRM4EU3yz91PH6CdH2V0","y":"_KcyLj9vWMptnmKtm46GqDz8wf74I5LKgrl2GzH3nSE"`

func TestResolve(t *testing.T) {
	for name, c := range map[string]struct {
		id   string
		want error
	}{
		"another order of members": {of(`{` + ec + `}`), nil},
		"white space":              {of("{ " + ec + " }\n"), nil},
		"own members":              {of(`{` + ec + `,"kid":"key-1","own":[1]}`), nil},
		"a private key":            {of(`{` + ec + `,"d":"AA"}`), pubkey.PrivateMember},
		"RSA":                      {of(`{"kty":"RSA","n":"AQAB","e":"AQAB"}`), pubkey.TooSmall},
		"a member twice":           {of(`{` + ec + `,"kty":"EC"}`), pubkey.Malformed},
		"no JSON":                  {of("x"), pubkey.Malformed},
		"bad UTF-8":                {of("{" + ec + ",\"kid\":\"\xff\"}"), pubkey.Malformed},
		"one letter":               {"did:jwk:e", did.InvalidDID},
		"a second spelling":        {exampleX[:len(exampleX)-1] + "R", did.InvalidDID},
		"a colon":                  {"did:jwk:" + strings.TrimPrefix(exampleX, "did:jwk:") + ":x", did.InvalidDID},
		"percent-encoded":          {"did:jwk:%65" + strings.TrimPrefix(exampleX, "did:jwk:e"), did.InvalidDID},
		"a dot":                    {exampleX + ".", did.InvalidDID},
		"another method":           {"did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK", did.MethodNotSupported},
	} {
		r, err := resolve(t, c.id)
		if !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", name, err, c.want)
			continue
		}
		if c.want != nil {
			continue
		}
		if r.Document.ID.String() != c.id { // made from the input, not from a re-encoding
			t.Errorf("%s: the id became %s", name, r.Document.ID)
		}
		for _, kid := range []string{"#key-1", "#1", "", "#"} {
			if _, err := r.Key(kid, did.AssertionMethod, time.Time{}); !errors.Is(err, did.KeyNotFound) {
				t.Errorf("%s: %q names a key: %v", name, kid, err)
			}
		}
	}
}

// "use" decides about the relationships, and a key for encryption verifies nothing.
func TestUse(t *testing.T) {
	all := []did.Purpose{did.Authentication, did.AssertionMethod, did.KeyAgreement, did.CapabilityInvocation, did.CapabilityDelegation}
	for use, purposes := range map[string][]did.Purpose{
		"":                  all,
		`,"use":"own"`:      all,
		`,"use":"enc"`:      {did.KeyAgreement},
		`,"use":"\u0065nc"`: {did.KeyAgreement},
		`,"use":"sig"`:      {did.Authentication, did.AssertionMethod, did.CapabilityInvocation, did.CapabilityDelegation},
	} {
		r, err := resolve(t, of(`{`+ec+use+`}`))
		if err != nil {
			t.Fatalf("%s: %v", use, err)
		}
		if !slices.Equal(r.Keys[0].Purposes, purposes) {
			t.Errorf("%s: %v", use, r.Keys[0].Purposes)
		}
		if signs := use == "" || use == `,"use":"sig"`; signs != (len(r.Keys[0].Public.Algorithms()) == 1) {
			t.Errorf("%s: algorithms %v", use, r.Keys[0].Public.Algorithms())
		}
	}
}

func TestFromKey(t *testing.T) {
	for _, a := range []pubkey.Algorithm{pubkey.ES256, pubkey.ES384, pubkey.ES256K, pubkey.EdDSA} {
		s, err := pubkey.Generate(a)
		if err != nil {
			t.Fatal(err)
		}
		id, err := didjwk.FromKey(s.Public())
		if err != nil {
			t.Fatal(err)
		}
		r, err := resolve(t, id.String())
		if err != nil || !r.Keys[0].Public.Equal(s.Public()) || r.Keys[0].ID != id.String()+"#0" {
			t.Errorf("%s: %v", a, err)
		}
	}
	for _, k := range []pubkey.Key{{}, pubkey.FromAddress([20]byte{1})} {
		if _, err := didjwk.FromKey(k); !errors.Is(err, did.InvalidDID) {
			t.Errorf("got %v", err)
		}
	}
}

func Example() {
	id, err := did.Parse(exampleEC)
	if err != nil {
		fmt.Println(err)
		return
	}
	res, err := didjwk.Resolver{}.Resolve(context.Background(), id, did.At{})
	if err != nil {
		fmt.Println(err)
		return
	}
	key, err := res.Key("#0", did.AssertionMethod, time.Time{})
	fmt.Println(key.Public.Thumbprint(), key.Public.Algorithms(), err)
	// Output: wKIg-QPOd75_AJLdvvo-EACSpCPE5IOJu-MUpQVk1c4 [ES256] <nil>
}
