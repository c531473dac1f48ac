package did_test

import (
	"context"
	"errors"
	"fmt"
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
