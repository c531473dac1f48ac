package did

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"
)

// TestJSONWebKeys: each form in which a document can hold a key gives the same key as a JWK.
func TestJSONWebKeys(t *testing.T) {
	const (
		p256      = "zDnaerDaTF5BXEavCrfRZEk316dpbLsfPDZ3WJ5hRTPFU2169"
		ed        = "z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK"
		own       = `{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0","kid":"a","use":"sig"}`
		withD     = `{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0","d":"AQ"}`
		koblitz58 = "23o6Sau8NxxzXcgSc3PLcNxrzrZpbLeBn1izfv3jbKhuv" // did-key vectors, secp256k1.json
	)
	methods := []Method{
		{ID: subject + "#1", Type: "Multikey", Controller: subject, PublicKeyMultibase: p256, Expires: day(3), Revoked: day(2), Extra: map[string]json.RawMessage{"note": json.RawMessage(`1`)}},
		{ID: subject + "#2", Type: "Ed25519VerificationKey2020", Controller: "did:example:other", PublicKeyMultibase: ed},
		{ID: subject + "#3", Type: "JsonWebKey2020", Controller: subject, PublicKeyJwk: []byte(own)},
		{ID: subject + "#4", Type: "EcdsaSecp256k1VerificationKey2019", Controller: subject, PublicKeyBase58: koblitz58},
		{ID: subject + "#address", Type: "EcdsaSecp256k1RecoveryMethod2020", Controller: subject, BlockchainAccountID: "eip155:1:0x89a932207c485f85226d86f7cd486a89a24fcc12"},
		{ID: subject + "#unknown", Type: "RsaVerificationKey2018", Controller: subject, PublicKeyPem: "x"},
		{ID: subject + "#private", Type: "JsonWebKey", Controller: subject, PublicKeyJwk: []byte(withD)},
		{ID: subject + "#foreign", Type: "Ed25519VerificationKey2020", Controller: subject, PublicKeyMultibase: p256},
	}
	doc := &Document{
		Context: []string{contextV1, "https://w3id.org/security/multikey/v1"}, ID: DID{subject}, VerificationMethod: methods,
		Relationships: map[Purpose][]string{AssertionMethod: {subject + "#1", subject + "#2", subject + "#3", subject + "#4"}},
		Service:       []Service{{ID: subject + "#s", Type: "Hub", Endpoint: []byte(`"https://registry.example/"`)}},
	}
	before, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	got := doc.JSONWebKeys()
	if after, _ := json.Marshal(doc); !bytes.Equal(before, after) {
		t.Error("the document was changed")
	}
	for i, m := range got.VerificationMethod {
		if i >= 4 {
			if !reflect.DeepEqual(m, methods[i]) {
				t.Errorf("%s: %+v", m.ID, m)
			}
			continue
		}
		theirs, _ := methods[i].key()
		ours, ok := m.key()
		if !ok || m.Type != "JsonWebKey" || m.materials() != 1 || m.PublicKeyJwk == nil || !ours.Equal(theirs) || m.ID != methods[i].ID || m.Controller != methods[i].Controller {
			t.Errorf("%s: %+v", m.ID, m)
		}
	}
	if m := got.VerificationMethod[0]; !m.Expires.Equal(day(3)) || !m.Revoked.Equal(day(2)) || string(m.Extra["note"]) != "1" {
		t.Errorf("%+v", m)
	}
	if jwk := string(got.VerificationMethod[2].PublicKeyJwk); jwk != own {
		t.Errorf("a JWK was written anew: %s", jwk)
	}
	if !reflect.DeepEqual(got.Relationships, doc.Relationships) || !reflect.DeepEqual(got.Service, doc.Service) ||
		!reflect.DeepEqual(got.Context, append(doc.Context[:2:2], contextJWK)) {
		t.Errorf("%+v", got)
	}
	for _, context := range [][]string{nil, {contextV11}, {contextV1, contextJWK}, {contextV1, contextCID}} {
		if got := (&Document{Context: context, ID: DID{subject}, VerificationMethod: methods}).JSONWebKeys(); !reflect.DeepEqual(got.Context, context) {
			t.Errorf("%v: %v", context, got.Context)
		}
	}
}

// What is passed on is passed on whole, but for what would pass on a private key or write a member a second time.
func TestDocumentKeepsWhatItDoesNotKnow(t *testing.T) {
	const in = `{"id":"did:example:registry","controller":"https://registry.example/","verificationMethod":[{"id":"did:example:registry#a","type":"Other2030",
	"controller":"did:example:registry","publicKeyOther":{"a":[1.50,"<"]},"privateKeyOther":"MARKER","secretKeyMultibase":"MARKER"},
	{"id":"did:example:registry#b","type":"Other2030","controller":"did:example:registry","value":"00"}],
	"service":[{"type":["A","B"],"serviceEndpoint":["https://a.example/?a&b"],"accept":["didcomm/v2"]},{"type":"C","serviceEndpoint":"x"}],"proof":{"z":1,"a":2},"Extension":null}`
	const want = `{"id":"did:example:registry","controller":"https://registry.example/","verificationMethod":[{"id":"did:example:registry#a","type":"Other2030",` +
		`"controller":"did:example:registry","publicKeyOther":{"a":[1.50,"<"]}},{"id":"did:example:registry#b","type":"Other2030","controller":"did:example:registry","value":"00"}],` +
		`"service":[{"type":["A","B"],"serviceEndpoint":["https://a.example/?a&b"],"accept":["didcomm/v2"]},{"type":"C","serviceEndpoint":"x"}],"Extension":null,"proof":{"z":1,"a":2}}`
	d, err := ParseDocument([]byte(in))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := d.MarshalJSON(); err != nil || string(got) != want {
		t.Errorf("got  %s, %v\nwant %s", got, err, want)
	}
	back, err := ParseDocument([]byte(want))
	if err != nil {
		t.Fatal(err)
	}
	if text, err := back.MarshalJSON(); err != nil || string(text) != want {
		t.Errorf("again: %s, %v", text, err)
	}
	d = &Document{ID: DID{subject}, Extra: map[string]json.RawMessage{"id": []byte(`"did:example:thief"`), "service": []byte("1"), "x\"": []byte(`"y"`)}}
	if got, err := d.MarshalJSON(); err != nil || string(got) != `{"id":"did:example:registry","x\"":"y"}` {
		t.Errorf("%s, %v", got, err)
	}
	for _, raw := range []string{"", "1,\"id\":2", "}", "{"} {
		if got, err := (Document{Extra: map[string]json.RawMessage{"x": []byte(raw)}}).MarshalJSON(); err == nil {
			t.Errorf("%q: %s", raw, got)
		}
	}
}
