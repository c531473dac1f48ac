package credential_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/khyer/khyer/credential"
	"github.com/khyer/khyer/did/pubkey"
	"github.com/khyer/khyer/disclosure"
)

// The well-known string stands between host and path.
func ExampleIssuerMetadataURL() {
	url, err := credential.IssuerMetadataURL("https://registry.example/tenant/1234")
	fmt.Println(url, err)
	// Output: https://registry.example/.well-known/jwt-vc-issuer/tenant/1234 <nil>
}

func TestIssuerMetadataURL(t *testing.T) {
	for iss, want := range map[string]string{
		"https://example.com":              "https://example.com/.well-known/jwt-vc-issuer",             // section 4.1, figure 12
		"https://example.com/tenant/1234":  "https://example.com/.well-known/jwt-vc-issuer/tenant/1234", // figure 13
		"https://example.com/":             "https://example.com/.well-known/jwt-vc-issuer",
		"https://example.com/tenant/1234/": "https://example.com/.well-known/jwt-vc-issuer/tenant/1234",
		"https://example.com:8443/t":       "https://example.com:8443/.well-known/jwt-vc-issuer/t",
		"https://example.com:443":          "https://example.com:443/.well-known/jwt-vc-issuer",
		"https://Example.com/T":            "https://Example.com/.well-known/jwt-vc-issuer/T",
		"https://example.com/a%20b":        "https://example.com/.well-known/jwt-vc-issuer/a%20b",
		"https://[2001:db8::1]:1/x":        "https://[2001:db8::1]:1/.well-known/jwt-vc-issuer/x",
	} {
		if got, err := credential.IssuerMetadataURL(iss); got != want || err != nil {
			t.Errorf("%s: %s %v, want %s", iss, got, err, want)
		}
	}
	for _, iss := range []string{
		"", "https://", "https:///x", "https://:443", "http://example.com", "HTTPS://example.com", "//example.com", "example.com", "did:web:example.com",
		"https://example.com?x=1", "https://example.com?", "https://example.com#x", "https://example.com#", "https://example.com/x?y#z",
		"https://user@example.com", "https://user:secret@example.com", "https://@example.com",
		"https://example.com:", "https://example.com:0", "https://example.com:65536", "https://example.com:x",
		"https://example.com/..", "https://example.com/../x", "https://example.com/./x", "https://example.com/%2e%2e/x", "https://example.com/a%2F..%2Fb",
		"https://example.com//", "https://example.com//x", "https://example.com/a//b", "https://example.com/a//", "https://example.com/%",
		"https://example.com\\x", "https://example.com/a b", " https://example.com", "https://example.com\n", "https://ex\u00e4mple.com", "https://example.com/\u00e4", "https://example.com/%5C..",
	} {
		if got, err := credential.IssuerMetadataURL(iss); !errors.Is(err, credential.IssuerNoURL) {
			t.Errorf("%q: %s %v", iss, got, err)
		}
	}
}

func publicKey(t testing.TB, alg pubkey.Algorithm) pubkey.Key {
	t.Helper()
	s, err := pubkey.Generate(alg)
	if err != nil {
		t.Fatal(err)
	}
	return s.Public()
}

// jwk writes a key with more members.
func jwk(k pubkey.Key, more string) string {
	return strings.TrimSuffix(string(k.JWK()), "}") + more + "}"
}

func TestIssuerMetadata(t *testing.T) {
	const iss = "https://example.com/tenant/"
	a, b, c := publicKey(t, pubkey.ES256), publicKey(t, pubkey.ES384), publicKey(t, pubkey.EdDSA)
	set := `{"keys":[` + strings.Join([]string{jwk(a, `,"kid":"a"`), jwk(b, `,"kid":"twice"`), jwk(c, `,"kid":"twice","use":"sig"`),
		jwk(b, `,"kid":"enc","use":"enc"`), jwk(c, ""), `{"kty":"RSA","n":"AQAB","e":"AQAB","kid":"a"}`, `{"kty":"new"}`, `{"kty":"EC","crv":"P-521","x":"","y":"","kid":"p"}`,
		jwk(a, `,"kid":"other-alg","alg":"ES384"`)}, ",") + `],"more":[{"deep":1}]}`
	m, err := credential.ParseIssuerMetadata([]byte(`{"issuer":"`+iss+`","jwks":`+set+`,"display":[{}]}`), iss)
	if err != nil || m.KeysURL != "" || m.OtherHost != "" {
		t.Fatalf("%+v %v", m, err)
	}
	for kid, want := range map[string][]pubkey.Key{"a": {a}, "twice": {b, c}, "enc": {b}, "A": nil, "p": nil, "other-alg": nil, "": {a, b, c, c}, "a ": nil} {
		got := m.Keys.Find(kid)
		if len(got) != len(want) {
			t.Errorf("%q: %d keys, want %d", kid, len(got), len(want))
			continue
		}
		for n := range got {
			if !got[n].Equal(want[n]) {
				t.Errorf("%q: another key at %d", kid, n)
			}
		}
	}
	if k := m.Keys.Find("enc"); len(k) != 1 || len(k[0].Algorithms()) != 0 {
		t.Error("a key for encryption verifies signatures")
	}
	for url, host := range map[string]string{
		"https://example.com/keys": "", "https://EXAMPLE.com:443/keys": "", "https://keys.example/k?v=2": "keys.example",
		"https://Keys.example:8443/k": "keys.example:8443", "https://example.com.thief.example/": "example.com.thief.example",
	} {
		m, err := credential.ParseIssuerMetadata([]byte(`{"issuer":"`+iss+`","jwks_uri":"`+url+`"}`), iss)
		if err != nil || m.Keys != nil || m.KeysURL != url || m.OtherHost != host {
			t.Errorf("%s: %+v %v", url, m, err)
		}
	}
}

// Each document has one fault.
func TestIssuerMetadataThatIsOfNoUse(t *testing.T) {
	const iss = "https://example.com"
	good := string(publicKey(t, pubkey.ES256).JWK())
	private := `{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0","d":"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"}` // RFC 7515 appendix A.3
	many := `{"keys":[` + strings.TrimSuffix(strings.Repeat(good+",", 101), ",") + `]}`
	for name, c := range map[string]struct {
		doc  string
		want disclosure.Reason
	}{
		"IssuerOfOther":         {`{"issuer":"https://thief.example","jwks":{"keys":[]}}`, credential.MetadataOfOther},
		"IssuerWithSlash":       {`{"issuer":"https://example.com/","jwks":{"keys":[]}}`, credential.MetadataOfOther},
		"IssuerInCapitals":      {`{"issuer":"https://EXAMPLE.com","jwks":{"keys":[]}}`, credential.MetadataOfOther},
		"NoIssuer":              {`{"jwks":{"keys":[]}}`, credential.MetadataMalformed},
		"IssuerIsAList":         {`{"issuer":["` + iss + `"],"jwks":{"keys":[]}}`, credential.MetadataMalformed},
		"IssuerTwice":           {`{"issuer":"` + iss + `","issuer":"` + iss + `","jwks":{"keys":[]}}`, credential.MetadataMalformed},
		"Both":                  {`{"issuer":"` + iss + `","jwks":{"keys":[]},"jwks_uri":"https://example.com/k"}`, credential.MetadataMalformed},
		"BothOneOfThemNull":     {`{"issuer":"` + iss + `","jwks":{"keys":[]},"jwks_uri":null}`, credential.MetadataMalformed},
		"Neither":               {`{"issuer":"` + iss + `"}`, credential.MetadataMalformed},
		"NotJSON":               {`<html>`, credential.MetadataMalformed},
		"Nothing":               {``, credential.MetadataMalformed},
		"AList":                 {`[]`, credential.MetadataMalformed},
		"BytesAfter":            {`{"issuer":"` + iss + `","jwks":{"keys":[]}}x`, credential.MetadataMalformed},
		"TooLarge":              {`{"issuer":"` + iss + `","jwks":{"keys":[]},"x":"` + strings.Repeat("x", 256<<10) + `"}`, credential.MetadataMalformed},
		"TooDeep":               {`{"issuer":"` + iss + `","jwks":{"keys":[]},"x":` + strings.Repeat("[", 17) + strings.Repeat("]", 17) + `}`, credential.MetadataMalformed},
		"KeysURLIsANumber":      {`{"issuer":"` + iss + `","jwks_uri":7}`, credential.MetadataMalformed},
		"KeysURLOverHTTP":       {`{"issuer":"` + iss + `","jwks_uri":"http://example.com/k"}`, credential.MetadataMalformed},
		"KeysURLOfAFile":        {`{"issuer":"` + iss + `","jwks_uri":"file:///etc/keys"}`, credential.MetadataMalformed},
		"KeysURLWithUser":       {`{"issuer":"` + iss + `","jwks_uri":"https://example.com@thief.example/k"}`, credential.MetadataMalformed},
		"KeysURLWithFragment":   {`{"issuer":"` + iss + `","jwks_uri":"https://example.com/k#x"}`, credential.MetadataMalformed},
		"KeysURLWithBackslash":  {`{"issuer":"` + iss + `","jwks_uri":"https://thief.example\\@example.com/k"}`, credential.MetadataMalformed},
		"KeySetIsAList":         {`{"issuer":"` + iss + `","jwks":[` + good + `]}`, credential.KeySetMalformed},
		"KeySetIsNull":          {`{"issuer":"` + iss + `","jwks":null}`, credential.KeySetMalformed},
		"KeysIsAnObject":        {`{"issuer":"` + iss + `","jwks":{"keys":{}}}`, credential.KeySetMalformed},
		"TooManyKeys":           {`{"issuer":"` + iss + `","jwks":` + many + `}`, credential.KeySetMalformed},
		"PrivateKeyInTheSet":    {`{"issuer":"` + iss + `","jwks":{"keys":[` + good + `,` + private + `]}}`, credential.KeySetMalformed},
		"PrivateRSAKeyInTheSet": {`{"issuer":"` + iss + `","jwks":{"keys":[` + good + `,{"kty":"RSA","n":"AQAB","e":"AQAB","d":"AQAB"}]}}`, credential.KeySetMalformed},
		"SymmetricKeyInTheSet":  {`{"issuer":"` + iss + `","jwks":{"keys":[` + good + `,{"kty":"oct","k":"AAAA"}]}}`, credential.KeySetMalformed},
		"KeyIsAString":          {`{"issuer":"` + iss + `","jwks":{"keys":["x"]}}`, credential.KeySetMalformed},
		"KeyIsNull":             {`{"issuer":"` + iss + `","jwks":{"keys":[null]}}`, credential.KeySetMalformed},
		"PrivateKeyWithoutType": {`{"issuer":"` + iss + `","jwks":{"keys":[` + good + `,{"crv":"P-256","D":"x"}]}}`, credential.KeySetMalformed},
		"PrivateKeyKidANumber":  {`{"issuer":"` + iss + `","jwks":{"keys":[` + good + `,` + strings.TrimSuffix(private, "}") + `,"kid":1}]}}`, credential.KeySetMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			m, err := credential.ParseIssuerMetadata([]byte(c.doc), iss)
			if m != nil || !errors.Is(err, c.want) {
				t.Errorf("%v, want %s", err, c.want)
			}
			var set struct {
				JWKS json.RawMessage `json:"jwks"`
			}
			if c.want == credential.KeySetMalformed && json.Unmarshal([]byte(c.doc), &set) == nil { // the same set, by jwks_uri
				if _, err := credential.ParseIssuerKeys(set.JWKS); !errors.Is(err, c.want) {
					t.Errorf("by itself: %v", err)
				}
			}
		})
	}
	if _, err := credential.ParseIssuerKeys([]byte("{")); !errors.Is(err, credential.KeySetMalformed) {
		t.Errorf("%v", err)
	}
}

// FuzzIssuerMetadata looks for documents that are believed and should not be: whatever is taken is for iss, https, and has keys or a place.
func FuzzIssuerMetadata(f *testing.F) {
	f.Add(`{"issuer":"https://example.com","jwks":{"keys":[]}}`, "https://example.com")
	f.Add(`{"issuer":"https://example.com/t","jwks_uri":"https://keys.example/k"}`, "https://example.com/t")
	f.Add(`{"issuer":"https://example.com","jwks":{"keys":[{"kty":"oct","k":"AA"}]}}`, "https://example.com")
	f.Fuzz(func(t *testing.T, doc, iss string) {
		if at, err := credential.IssuerMetadataURL(iss); err == nil && !strings.HasPrefix(at, "https://") {
			t.Errorf("%q leads to %q", iss, at)
		}
		m, err := credential.ParseIssuerMetadata([]byte(doc), iss)
		if err != nil {
			var d *disclosure.Error
			if m != nil || !errors.As(err, &d) {
				t.Errorf("%v", err)
			}
			return
		}
		var plain map[string]any
		if err := json.Unmarshal([]byte(doc), &plain); err != nil || plain["issuer"] != iss || (m.Keys == nil) == (m.KeysURL == "") {
			t.Errorf("%+v of %q", m, doc)
		}
	})
}

// A key that is too large to be read is none of ours, and the others are as good as before (RFC 7517 section 5).
func TestLargeKeyInTheSet(t *testing.T) {
	good := string(publicKey(t, pubkey.ES256).JWK())
	large := `{"kty":"RSA","n":"AQAB","e":"AQAB","x5c":["` + strings.Repeat("A", 9<<10) + `"]}`
	keys, err := credential.ParseIssuerKeys([]byte(`{"keys":[` + large + `,` + good + `]}`))
	if err != nil {
		t.Fatal(err)
	}
	if got := keys.Find(""); len(got) != 1 {
		t.Errorf("%d keys", len(got))
	}
}

// Keys that are not understood are ignored, and the others are as good as before (RFC 7517 section 5).
func TestKeysThatAreNotUnderstood(t *testing.T) {
	good := publicKey(t, pubkey.ES256)
	kid := `,"kid":"a"`
	for name, odd := range map[string]string{
		"NoType":          `{"crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0","kid":"a"}`,
		"TypeIsANumber":   `{"kty":1,"kid":"a"}`,
		"KidIsANumber":    jwk(publicKey(t, pubkey.ES256), `,"kid":1`),
		"KidIsNull":       jwk(publicKey(t, pubkey.ES256), `,"kid":null`),
		"OffTheCurve":     `{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","kid":"a"}`,
		"CoordinateShort": `{"kty":"EC","crv":"P-256","x":"AA","y":"AA","kid":"a"}`,
		"NoCoordinate":    `{"kty":"OKP","crv":"Ed25519","kid":"a"}`,
		"LowOrder":        `{"kty":"OKP","crv":"Ed25519","x":"AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA","kid":"a"}`,
		"UseIsANumber":    jwk(publicKey(t, pubkey.ES256), `,"kid":"a","use":7`),
		"Empty":           `{}`,
	} {
		for _, set := range []string{odd + "," + jwk(good, kid), jwk(good, kid) + "," + odd} {
			keys, err := credential.ParseIssuerKeys([]byte(`{"keys":[` + set + `]}`))
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			if got := keys.Find("a"); len(got) != 1 || !got[0].Equal(good) {
				t.Errorf("%s: %d keys are found", name, len(got))
			}
			if got := keys.Find(""); len(got) != 1 || !got[0].Equal(good) {
				t.Errorf("%s: %d keys are found without kid", name, len(got))
			}
		}
	}
}
