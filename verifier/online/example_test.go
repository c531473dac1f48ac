package online_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/khyer/khyer/credential/status"
	"github.com/khyer/khyer/did"
	"github.com/khyer/khyer/did/didtest"
	"github.com/khyer/khyer/did/pubkey"
	"github.com/khyer/khyer/verifier/online"
	"github.com/khyer/khyer/verifier/trust"
)

// An issuer's web server has a status list; a deployment trusts the issuer, and says where its lists are.
func Example() {
	priv, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	key, err := pubkey.FromCrypto(priv)
	if err != nil {
		panic(err)
	}
	token, err := status.Sign(context.Background(), status.By{Signer: key, KeyID: "#key-1"}, status.Statement{
		URI: "https://registry.example/lists/1", Issued: time.Now(), Expires: time.Now().Add(time.Hour), TTL: time.Minute,
		Bits: 2, Data: []byte{0b_00_01_00_00}, // card 2 is revoked
	})
	if err != nil {
		panic(err)
	}
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.Write(token) }))
	defer web.Close()

	resolver := &didtest.Resolver{} // a didethr.Resolver, in earnest
	resolver.Put(didtest.Subject{ID: "did:example:registry", Keys: []did.Key{{ID: "#key-1", Public: key.Public()}}})
	trusted, err := trust.NewList(trust.Issuer{
		DIDs: []string{"did:example:registry"}, Types: []string{"https://registry.example/types/foundational-id"},
		Accreditation: trust.Accreditation{
			Name: "Example Civil Registry", StatusLists: []trust.StatusLists{{Prefix: "https://registry.example/lists/"}},
		},
	})
	if err != nil {
		panic(err)
	}
	o, err := online.New(online.Config{
		Issuers: trusted, Resolver: resolver,
		FetchUnlisted: true,                                           // for want of an aggregation
		InsecureHosts: map[string]string{"registry.example": web.URL}, // for this example: its server is on this machine
	})
	if err != nil {
		panic(err)
	}
	// In a service: see Example_service.
	list, err := o.StatusList(context.Background(), "https://registry.example/lists/1", "did:example:registry", time.Now())
	if err != nil {
		panic(err)
	}
	for card := range uint64(3) {
		v, err := list.At(card)
		fmt.Println(card, v, err)
	}
	// Output:
	// 0 valid <nil>
	// 1 valid <nil>
	// 2 revoked <nil>
}
