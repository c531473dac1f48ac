package did

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/khyer/khyer/did/pubkey"
)

const x256 = `{"crv":"P-256","kty":"EC","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}` // RFC 7515 appendix A.3

const full = `{
  "@context": ["https://www.w3.org/ns/did/v1", {"own": "https://registry.example/own#"}],
  "id": "did:example:registry",
  "controller": ["did:example:registry", "did:example:ministry"],
  "alsoKnownAs": ["https://registry.example/"],
  "verificationMethod": [
    {"id": "#key-1", "type": "JsonWebKey2020", "controller": "did:example:registry", "publicKeyJwk": ` + x256 + `},
    {"id": "did:example:registry#key-2", "type": "Multikey", "controller": "did:example:registry",
     "publicKeyMultibase": "zDnaerDaTF5BXEavCrfRZEk316dpbLsfPDZ3WJ5hRTPFU2169", "expires": "2027-01-01T00:00:00Z", "unknown": 1}
  ],
  "authentication": [{"id": "#login", "type": "Multikey", "controller": "did:example:registry",
    "publicKeyMultibase": "z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK"}, "#key-1", "#key-1"],
  "assertionMethod": ["#key-1", "did:example:registry#key-2", "did:example:other#key-9"],
  "service": [{"id": "#hub", "type": ["Hub", "Relay"], "serviceEndpoint": {"uri": "https://registry.example/a?b=1&c=<d>"}},
    {"id": "did:example:registry#two", "type": "Hub", "serviceEndpoint": "https://registry.example/"}],
  "unknown": {"a":[]}
}`

func TestParseDocument(t *testing.T) {
	d, err := ParseDocument([]byte(full))
	if err != nil {
		t.Fatal(err)
	}
	want := &Document{
		Context:     []string{"https://www.w3.org/ns/did/v1", `{"own":"https://registry.example/own#"}`},
		ID:          DID{subject},
		Controller:  []string{subject, "did:example:ministry"},
		AlsoKnownAs: []string{"https://registry.example/"},
		VerificationMethod: []Method{
			{ID: subject + "#key-1", Type: "JsonWebKey2020", Controller: subject, PublicKeyJwk: json.RawMessage(x256)},
			{ID: subject + "#key-2", Type: "Multikey", Controller: subject, PublicKeyMultibase: "zDnaerDaTF5BXEavCrfRZEk316dpbLsfPDZ3WJ5hRTPFU2169",
				Expires: time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC), Extra: map[string]json.RawMessage{"unknown": json.RawMessage("1")}},
			{ID: subject + "#login", Type: "Multikey", Controller: subject, PublicKeyMultibase: "z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK"},
		},
		Relationships: map[Purpose][]string{
			Authentication:  {subject + "#login", subject + "#key-1"},
			AssertionMethod: {subject + "#key-1", subject + "#key-2", "did:example:other#key-9"},
		},
		Service: []Service{
			{ID: subject + "#hub", Type: "Hub", MoreTypes: []string{"Relay"}, Endpoint: json.RawMessage(`{"uri": "https://registry.example/a?b=1&c=<d>"}`)},
			{ID: subject + "#two", Type: "Hub", Endpoint: json.RawMessage(`"https://registry.example/"`)},
		},
		Extra: map[string]json.RawMessage{"unknown": json.RawMessage(`{"a":[]}`)},
	}
	if !reflect.DeepEqual(d, want) {
		t.Errorf("got  %+v\nwant %+v", d, want)
	}
}

// What is written is read back as the same document, in the stock order of members.
func TestDocumentRoundTrip(t *testing.T) {
	d, err := ParseDocument([]byte(full))
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	back, err := ParseDocument(text)
	if err != nil {
		t.Fatal(err)
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, d.Service[0].Endpoint); err != nil {
		t.Fatal(err)
	}
	back.Service[0].Endpoint = bytes.ReplaceAll(bytes.ReplaceAll(back.Service[0].Endpoint, []byte(`\u003c`), []byte("<")), []byte(`\u003e`), []byte(">"))
	back.Service[0].Endpoint = bytes.ReplaceAll(back.Service[0].Endpoint, []byte(`\u0026`), []byte("&")) // json.Marshal escapes what a Marshaler wrote
	d.Service[0].Endpoint = compact.Bytes()
	if !reflect.DeepEqual(d, back) {
		t.Errorf("got  %+v\nwant %+v", back, d)
	}
	last := -1
	for _, member := range []string{"@context", "id", "controller", "alsoKnownAs", "verificationMethod", "authentication", "assertionMethod", "service"} {
		i := bytes.Index(text, []byte(`"`+member+`":`))
		if i <= last {
			t.Errorf("%s stands at %d, after %d", member, i, last)
		}
		last = i
	}
	direct, err := d.MarshalJSON()
	if err != nil || !bytes.Contains(direct, []byte("?b=1&c=<d>")) {
		t.Errorf("MarshalJSON escapes a URL: %s, %v", direct, err)
	}
}

func TestMarshalDocument(t *testing.T) {
	for want, d := range map[string]Document{
		`{"id":"did:example:registry"}`: {ID: DID{subject}},
		`{"@context":[],"id":"did:example:registry","controller":"did:example:a","alsoKnownAs":[],"verificationMethod":[],"authentication":[],"assertionMethod":[],"service":[]}`: {
			Context: []string{}, ID: DID{subject}, Controller: []string{"did:example:a"}, AlsoKnownAs: []string{}, VerificationMethod: []Method{},
			Relationships: map[Purpose][]string{Authentication: {}, AssertionMethod: nil, "unknown": {"#x"}}, Service: []Service{},
		},
		`{"id":"did:example:registry","verificationMethod":[{"id":"#1","type":"A","controller":"did:example:a","blockchainAccountId":"eip155:1:0x","expires":"2026-01-01T00:00:00Z","revoked":"2026-01-02T00:00:00.5Z"},` +
			`{"id":"#2","controller":"","value":"0x00"}],"keyAgreement":["#1"]}`: {
			ID: DID{subject}, VerificationMethod: []Method{{ID: "#1", Type: "A", Controller: "did:example:a", BlockchainAccountID: "eip155:1:0x",
				Expires: day(1).In(time.FixedZone("", 3600)), Revoked: day(2).Add(time.Second / 2)}, {ID: "#2", Value: "0x00"}},
			Relationships: map[Purpose][]string{KeyAgreement: {"#1"}},
		},
	} {
		got, err := json.Marshal(d)
		if err != nil || string(got) != want {
			t.Errorf("got  %s, %v\nwant %s", got, err, want)
		}
	}
	for name, d := range map[string]Document{
		"a context that is no JSON": {Context: []string{"{"}}, "a key that is no JSON": {VerificationMethod: []Method{{PublicKeyJwk: []byte("{")}}},
		"an endpoint that is no JSON": {Service: []Service{{Endpoint: []byte("x")}}},
	} {
		if _, err := json.Marshal(d); err == nil {
			t.Errorf("%s: written", name)
		}
	}
}

func TestParseDocumentRefuses(t *testing.T) {
	with := func(members string) string { return `{"id":"did:example:registry",` + members + `}` }
	method := func(id, rest string) string {
		return `{"id":"` + id + `","type":"Multikey","controller":"did:example:registry"` + rest + `}`
	}
	const key = `,"publicKeyMultibase":"zDnaerDaTF5BXEavCrfRZEk316dpbLsfPDZ3WJ5hRTPFU2169"`
	for name, doc := range map[string]string{
		"nothing": "", "an array": "[]", "a string": `"did:example:registry"`, "half": `{"id":"did:example:registry"`,
		"no id": `{}`, "id is a number": `{"id":1}`, "id is a DID URL": `{"id":"did:example:registry#x"}`, "id twice": `{"id":"did:example:registry","id":"did:example:thief"}`,
		"id twice by escape":  `{"id":"did:example:registry","\u0069d":"did:example:thief"}`,
		"trailing bytes":      with(`"service":[]`) + "{}",
		"context is a number": with(`"@context":1`), "context holds null": with(`"@context":[null]`), "context is a text in braces": with(`"@context":["{}"]`),
		"controller is an object": with(`"controller":{}`), "controller is no DID": with(`"controller":"registry"`), "controllers hold a number": with(`"controller":[1]`),
		"alsoKnownAs is a string": with(`"alsoKnownAs":"x"`),
		"methods are an object":   with(`"verificationMethod":{}`), "a method is a string": with(`"verificationMethod":["#x"]`),
		"a method without id":            with(`"verificationMethod":[{"type":"Multikey","controller":"did:example:registry"}]`),
		"a bare method id":               with(`"verificationMethod":[` + method("key-1", key) + `]`),
		"an empty method id":             with(`"verificationMethod":[` + method("", key) + `]`),
		"a bad method id":                with(`"verificationMethod":[` + method("#a b", key) + `]`),
		"a method without type":          with(`"verificationMethod":[{"id":"#x","controller":"did:example:registry"}]`),
		"a method without controller":    with(`"verificationMethod":[{"id":"#x","type":"Multikey"}]`),
		"a controller that is no DID":    with(`"verificationMethod":[{"id":"#x","type":"Multikey","controller":"#x"}]`),
		"two methods of one id":          with(`"verificationMethod":[` + method("#x", key) + `,` + method("#x", key) + `]`),
		"one id, relative and absolute":  with(`"verificationMethod":[` + method("#x", key) + `,` + method("did:example:registry#x", key) + `]`),
		"an embedded method takes an id": with(`"verificationMethod":[` + method("#x", key) + `],"assertionMethod":[` + method("#x", key) + `]`),
		"two keys in one method":         with(`"verificationMethod":[` + method("#x", key+`,"publicKeyJwk":`+x256) + `]`),
		"a JWK that is a string":         with(`"verificationMethod":[` + method("#x", `,"publicKeyJwk":"x"`) + `]`),
		"a Multikey that is a number":    with(`"verificationMethod":[` + method("#x", `,"publicKeyMultibase":1`) + `]`),
		"expires without a zone":         with(`"verificationMethod":[` + method("#x", key+`,"expires":"2026-01-01T00:00:00"`) + `]`),
		"revoked is a number":            with(`"verificationMethod":[` + method("#x", key+`,"revoked":1`) + `]`),
		"revoked is null":                with(`"verificationMethod":[` + method("#x", key+`,"revoked":null`) + `]`),
		"a relationship is a string":     with(`"assertionMethod":"#x"`), "a reference is a number": with(`"assertionMethod":[1]`),
		"a bare reference": with(`"assertionMethod":["key-1"]`), "services are an object": with(`"service":{}`), "a service is a string": with(`"service":["x"]`),
		"a service with an id that is empty": with(`"service":[{"id":"","type":"x","serviceEndpoint":"y"}]`), "a service with an id of null": with(`"service":[{"id":null,"type":"x","serviceEndpoint":"y"}]`),
		"controller is a DID URL": with(`"controller":"did:example:a#b"`), "controller is a relative URL": with(`"controller":"/a"`), "controller is half a URL": with(`"controller":"https:"`),
		"a service without type":     with(`"service":[{"id":"#x","serviceEndpoint":"y"}]`),
		"a service without endpoint": with(`"service":[{"id":"#x","type":"y"}]`),
		"two services of one id":     with(`"service":[{"id":"#x","type":"y","serviceEndpoint":"z"},{"id":"did:example:registry#x","type":"y","serviceEndpoint":"z"}]`),
		"too large":                  with(`"x":"` + strings.Repeat("a", MaxDocument) + `"`),
		"too deep":                   with(`"x":` + strings.Repeat("[", 200) + strings.Repeat("]", 200)),
	} {
		d, err := ParseDocument([]byte(doc))
		var e *Error
		if !errors.As(err, &e) || e.Code != InvalidDIDDocument || d != nil {
			t.Errorf("%s: got %v, want %s", name, err, InvalidDIDDocument)
		}
	}
}

func TestNewResolution(t *testing.T) {
	d, err := ParseDocument([]byte(full))
	if err != nil {
		t.Fatal(err)
	}
	r, err := NewResolution(d)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Keys) != 3 || r.Document != d {
		t.Fatalf("%d keys", len(r.Keys))
	}
	k, err := r.Key("#key-1", AssertionMethod, time.Time{})
	if err != nil || k.ID != subject+"#key-1" || k.Public.Curve() != "P-256" || !reflect.DeepEqual(k.Purposes, []Purpose{Authentication, AssertionMethod}) {
		t.Errorf("%+v, %v", k, err)
	}
	if _, err := r.Key("#key-2", AssertionMethod, time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)); !errors.Is(err, KeyLapsed) {
		t.Errorf("expired: %v", err)
	}
	if _, err := r.Key("#login", AssertionMethod, time.Time{}); !errors.Is(err, KeyWrongPurpose) {
		t.Errorf("embedded for authentication only: %v", err)
	}
	if _, err := r.Key("did:example:other#key-9", AssertionMethod, time.Time{}); !errors.Is(err, KeyNotFound) {
		t.Errorf("a reference to another document: %v", err)
	}
	for name, d := range map[string]*Document{
		"nil": nil, "no id": {}, "two methods of one id": {ID: DID{subject}, VerificationMethod: []Method{{ID: "#x"}, {ID: "#x"}}},
	} {
		if _, err := NewResolution(d); !errors.Is(err, InvalidDIDDocument) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A revoked key comes last and verifies nothing.
func TestNewResolutionRevoked(t *testing.T) {
	r, err := NewResolution(&Document{ID: DID{subject}, Relationships: map[Purpose][]string{AssertionMethod: {subject + "#old", subject + "#new"}}, VerificationMethod: []Method{
		{ID: subject + "#old", Type: "JsonWebKey", Controller: subject, PublicKeyJwk: []byte(x256), Revoked: day(3)},
		{ID: subject + "#new", Type: "JsonWebKey", Controller: subject, PublicKeyJwk: []byte(x256)},
	}})
	if err != nil || len(r.Keys) != 2 || r.Keys[0].ID != subject+"#new" {
		t.Fatalf("%+v, %v", r, err)
	}
	if _, err := r.Key("#old", AssertionMethod, day(1)); !errors.Is(err, KeyRevoked) {
		t.Errorf("got %v", err)
	}
}

// methodKeys holds one method a line: which give a key, and which do not.
func TestMethodKeys(t *testing.T) {
	signer := func(a pubkey.Algorithm) pubkey.Key {
		s, err := pubkey.Generate(a)
		if err != nil {
			t.Fatal(err)
		}
		return s.Public()
	}
	p256, ed, koblitz := signer(pubkey.ES256), signer(pubkey.EdDSA), signer(pubkey.ES256K)
	multikey := func(k pubkey.Key) string {
		s, _ := k.Multikey()
		return s
	}
	koblitzHex := hex.EncodeToString(koblitz.Bytes())
	address, _ := koblitz.Address()
	account := "eip155:1337:0x" + hex.EncodeToString(address[:])
	private := strings.Replace(string(p256.JWK()), "{", `{"d":"AA",`, 1)
	for name, c := range map[string]struct {
		m    Method
		want pubkey.Key
	}{
		"JWK":                               {Method{Type: "JsonWebKey2020", PublicKeyJwk: p256.JWK()}, p256},
		"JWK, secp256k1":                    {Method{Type: "EcdsaSecp256k1VerificationKey2019", PublicKeyJwk: koblitz.JWK()}, koblitz},
		"Multikey":                          {Method{Type: "Multikey", PublicKeyMultibase: multikey(p256)}, p256},
		"Ed25519 2020":                      {Method{Type: "Ed25519VerificationKey2020", PublicKeyMultibase: multikey(ed)}, ed},
		"Ed25519 2018, hexadecimal":         {Method{Type: "Ed25519VerificationKey2018", PublicKeyHex: hex.EncodeToString(ed.Bytes())}, ed},
		"Ed25519 2018, base64":              {Method{Type: "Ed25519VerificationKey2018", PublicKeyBase64: base64.StdEncoding.EncodeToString(ed.Bytes())}, ed},
		"secp256k1, hexadecimal":            {Method{Type: "EcdsaSecp256k1VerificationKey2019", PublicKeyHex: koblitzHex}, koblitz},
		"account":                           {Method{Type: "EcdsaSecp256k1RecoveryMethod2020", BlockchainAccountID: account}, pubkey.FromAddress(address)},
		"a type that is not known":          {Method{Type: "RsaVerificationKey2018", PublicKeyJwk: p256.JWK()}, pubkey.Key{}},
		"no type":                           {Method{PublicKeyJwk: p256.JWK()}, pubkey.Key{}},
		"no material":                       {Method{Type: "Multikey"}, pubkey.Key{}},
		"another curve than the type's":     {Method{Type: "Ed25519VerificationKey2020", PublicKeyMultibase: multikey(p256)}, pubkey.Key{}},
		"another curve in a JWK":            {Method{Type: "EcdsaSecp256k1VerificationKey2019", PublicKeyJwk: p256.JWK()}, pubkey.Key{}},
		"a private JWK":                     {Method{Type: "JsonWebKey2020", PublicKeyJwk: []byte(private)}, pubkey.Key{}},
		"hexadecimal without a curve":       {Method{Type: "Multikey", PublicKeyHex: koblitzHex}, pubkey.Key{}},
		"odd hexadecimal":                   {Method{Type: "EcdsaSecp256k1VerificationKey2019", PublicKeyHex: koblitzHex[1:]}, pubkey.Key{}},
		"a hybrid point":                    {Method{Type: "EcdsaSecp256k1VerificationKey2019", PublicKeyHex: hybrid(koblitz)}, pubkey.Key{}},
		"a long base58":                     {Method{Type: "Ed25519VerificationKey2018", PublicKeyBase58: strings.Repeat("2", 1<<16)}, pubkey.Key{}},
		"a short X25519":                    {Method{Type: "X25519KeyAgreementKey2019", PublicKeyBase58: "22"}, pubkey.Key{}},
		"an account under Multikey":         {Method{Type: "Multikey", BlockchainAccountID: account}, pubkey.Key{}},
		"an account of another chain kind":  {Method{Type: "EcdsaSecp256k1RecoveryMethod2020", BlockchainAccountID: "bip122:1:0x" + account[14:]}, pubkey.Key{}},
		"an account without a chain number": {Method{Type: "EcdsaSecp256k1RecoveryMethod2020", BlockchainAccountID: "eip155::" + account[12:]}, pubkey.Key{}},
		"a key and an account":              {Method{Type: "EcdsaSecp256k1VerificationKey2019", PublicKeyHex: koblitzHex, BlockchainAccountID: account}, pubkey.Key{}},
		"a JWK and a Multikey":              {Method{Type: "JsonWebKey2020", PublicKeyJwk: p256.JWK(), PublicKeyMultibase: multikey(p256)}, pubkey.Key{}},
		"a short account":                   {Method{Type: "EcdsaSecp256k1RecoveryMethod2020", BlockchainAccountID: account[:50]}, pubkey.Key{}},
		"an account with another digit":     {Method{Type: "EcdsaSecp256k1RecoveryMethod2020", BlockchainAccountID: account[:len(account)-1] + "g"}, pubkey.Key{}},
		"another controller":                {Method{Type: "Multikey", PublicKeyMultibase: multikey(p256), Controller: "did:example:thief"}, pubkey.Key{}},
		"a value of did:ethr":               {Method{Type: "EcdsaSecp256k1VerificationKey2019", Value: "0x" + koblitzHex}, pubkey.Key{}},
	} {
		c.m.ID = subject + "#x"
		if c.m.Controller == "" {
			c.m.Controller = subject
		}
		r, err := NewResolution(&Document{ID: DID{subject}, VerificationMethod: []Method{c.m}, Relationships: map[Purpose][]string{AssertionMethod: {c.m.ID}}})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		k, err := r.Key("#x", AssertionMethod, time.Time{})
		if c.want.IsZero() {
			if !errors.Is(err, KeyNotFound) || len(r.Keys) != 0 {
				t.Errorf("%s: got %v, want %s", name, err, KeyNotFound)
			}
		} else if err != nil || !k.Public.Equal(c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A long text is refused before it is decoded, because base58 costs the square of the length.
func TestLongKeyIsNotDecoded(t *testing.T) {
	long := strings.Repeat("2", maxEncodedKey+1)
	for _, m := range []Method{{PublicKeyHex: long}, {PublicKeyBase58: long}, {PublicKeyBase64: long}} {
		if _, err := m.bareKey("Ed25519"); !errors.Is(err, errLong) {
			t.Errorf("got %v, want %v", err, errLong)
		}
	}
}

// hybrid is the third form of a point that SEC 1 allows and nobody should use.
func hybrid(k pubkey.Key) string {
	var jwk struct{ X, Y []byte }
	var text struct{ X, Y string }
	if json.Unmarshal(k.JWK(), &text) != nil {
		return ""
	}
	jwk.X, _ = base64.RawURLEncoding.DecodeString(text.X)
	jwk.Y, _ = base64.RawURLEncoding.DecodeString(text.Y)
	return hex.EncodeToString(append(append([]byte{6 | jwk.Y[31]&1}, jwk.X...), jwk.Y...))
}

func FuzzParseDocument(f *testing.F) {
	for _, s := range []string{full, `{"id":"did:a:b"}`, `{"id":"did:a:b","verificationMethod":[],"service":[]}`, `{}`, `[`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := ParseDocument(data)
		if err != nil {
			return
		}
		r, err := NewResolution(d)
		if err != nil {
			t.Fatal(err) // ParseDocument refuses what NewResolution does
		}
		for _, k := range r.Keys {
			if _, err := ParseURL(k.ID); err != nil || k.Public.IsZero() {
				t.Fatalf("%q: %v", k.ID, err)
			}
		}
		text, err := json.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		if len(text) > MaxDocument {
			return
		}
		back, err := ParseDocument(text)
		if err != nil {
			t.Fatal(err)
		}
		again, err := json.Marshal(back)
		if err != nil || !bytes.Equal(text, again) {
			t.Fatalf("%s\n%s\n%v", text, again, err)
		}
	})
}

// TestPrivateKeyInAJWK: a method whose JWK holds a private key is kept, gives no key, and passes nothing of it on.
func TestPrivateKeyInAJWK(t *testing.T) {
	for _, member := range []string{`"d":"MARKER"`, `"D":"MARKER"`, `"\u0064":"MARKER"`, `"p":"MARKER"`, `"oth":["MARKER"]`, `"k":"MARKER"`, `"priv":"MARKER"`, `"\u212a":"MARKER"`} {
		doc, err := ParseDocument([]byte(`{"id":"did:example:1","verificationMethod":[{"id":"#k","type":"JsonWebKey","controller":"did:example:1","publicKeyJwk":
			{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",` + member + `}}],"assertionMethod":["#k"]}`))
		if err != nil {
			t.Fatal(err)
		}
		r, err := NewResolution(doc)
		if err != nil {
			t.Fatal(err)
		}
		out := Represent(r, nil, "")
		if len(r.Keys) != 0 || out.Code != "" || strings.Contains(string(out.Document), "MARKER") || !strings.Contains(string(out.Document), "did:example:1#k") {
			t.Errorf("%s: %d keys, %s", member, len(r.Keys), out.Document)
		}
	}
}
