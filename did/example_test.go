package did_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/khyer/khyer/did"
	"github.com/khyer/khyer/did/didjwk"
	"github.com/khyer/khyer/did/didkey"
)

func Example() {
	resolver := did.Cache(did.Mux{"key": didkey.Resolver{}, "jwk": didjwk.Resolver{}}, time.Minute)

	kid, err := did.ParseURL("did:key:zDnaerDaTF5BXEavCrfRZEk316dpbLsfPDZ3WJ5hRTPFU2169#zDnaerDaTF5BXEavCrfRZEk316dpbLsfPDZ3WJ5hRTPFU2169")
	if err != nil {
		fmt.Println(err)
		return
	}
	res, err := resolver.Resolve(context.Background(), kid.DID, did.At{})
	if err != nil {
		var e *did.Error
		if errors.As(err, &e) && e.Code.Inconclusive() {
			fmt.Println("try again later")
		}
		return
	}
	key, err := res.Key(kid.String(), did.AssertionMethod, time.Time{})
	fmt.Println(key.Public.Algorithms(), err)

	other, err := did.Parse("did:web:registry.example")
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = resolver.Resolve(context.Background(), other, did.At{})
	fmt.Println(err)
	// Output:
	// [ES256] <nil>
	// did: methodNotSupported
}

func ExampleParseDocument() {
	doc, err := did.ParseDocument([]byte(`{
		"id": "did:web:registry.example",
		"verificationMethod": [{"id": "#key-1", "type": "Multikey", "controller": "did:web:registry.example",
			"publicKeyMultibase": "zDnaerDaTF5BXEavCrfRZEk316dpbLsfPDZ3WJ5hRTPFU2169"}],
		"assertionMethod": ["#key-1"]}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	res, err := did.NewResolution(doc)
	if err != nil {
		fmt.Println(err)
		return
	}
	key, err := res.Key("#key-1", did.AssertionMethod, time.Time{})
	fmt.Println(key.ID, err)
	// Output: did:web:registry.example#key-1 <nil>
}

// A resolver's answer as the result that DID Resolution defines, for a reader that knows no form of a key but the JWK.
func ExampleRepresent() {
	id, err := did.Parse("did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK")
	if err != nil {
		fmt.Println(err)
		return
	}
	res, err := didkey.Resolver{}.Resolve(context.Background(), id, did.At{})
	if err != nil {
		fmt.Println(err)
		return
	}
	plain := *res
	plain.Document = res.Document.JSONWebKeys()
	result := did.Represent(&plain, nil, "application/did+json")
	fmt.Println(result.ContentType, strings.Count(string(result.Document), `"publicKeyJwk"`))

	_, err = did.Mux{}.Resolve(context.Background(), id, did.At{})
	text, err := json.Marshal(did.Represent(nil, err, ""))
	fmt.Println(string(text), err)
	// Output:
	// application/did+json 2
	// {"didDocument":null,"didDocumentMetadata":{},"didResolutionMetadata":{"error":{"type":"https://www.w3.org/ns/did#METHOD_NOT_SUPPORTED","title":"The DID method is not supported"}}} <nil>
}

// A DID URL names a service, with the URL of a file below its endpoint, or the service itself. Nothing is asked of the endpoint.
func ExampleDereference() {
	resolver := document(`{"id":"did:example:registry","service":[
		{"id":"#lists","type":"StatusLists","serviceEndpoint":"https://registry.example/lists/"}]}`)
	for _, s := range []string{"did:example:registry?service=lists&relativeRef=2026%2F1", "did:example:registry#lists", "did:example:registry#key-1"} {
		u, err := did.ParseURL(s)
		if err != nil {
			fmt.Println(err)
			return
		}
		c, err := did.Dereference(context.Background(), resolver, u)
		switch {
		case err != nil:
			fmt.Println(err)
		case c.Service != nil:
			fmt.Println(c.Service.Type)
		default:
			fmt.Println(c.URLs)
		}
	}
	// Output:
	// [https://registry.example/lists/2026/1]
	// StatusLists
	// did: notFound: the document has no such id
}

// document is a Resolver that knows one document.
type document string

func (d document) Resolve(context.Context, did.DID, did.At) (*did.Resolution, error) {
	doc, err := did.ParseDocument([]byte(d))
	if err != nil {
		return nil, err
	}
	return did.NewResolution(doc)
}

// What a DID URL names, as JSON.
func ExampleRepresentContent() {
	u, err := did.ParseURL("did:key:zDnaerDaTF5BXEavCrfRZEk316dpbLsfPDZ3WJ5hRTPFU2169#zDnaerDaTF5BXEavCrfRZEk316dpbLsfPDZ3WJ5hRTPFU2169")
	if err != nil {
		fmt.Println(err)
		return
	}
	content, err := did.Dereference(context.Background(), did.Mux{"key": didkey.Resolver{}}, u)
	result := did.RepresentContent(content, err, did.MediaJSON)
	var method struct{ Type, PublicKeyMultibase string }
	err = json.Unmarshal(result.Document, &method)
	fmt.Println(result.ContentType, method.Type, method.PublicKeyMultibase, err)
	// Output: application/did+json Multikey zDnaerDaTF5BXEavCrfRZEk316dpbLsfPDZ3WJ5hRTPFU2169 <nil>
}
