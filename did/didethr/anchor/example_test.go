package anchor_test

import (
	"context"
	"fmt"
	"time"

	"github.com/khyer/khyer/did"
	"github.com/khyer/khyer/did/didethr"
	"github.com/khyer/khyer/did/didethr/anchor"
	"github.com/khyer/khyer/did/didethr/ethrtest"
	"github.com/khyer/khyer/did/pubkey"
)

// An issuer publishes the key with which it signs credentials, and a verifier finds it.
func Example() {
	ctx := context.Background()
	chain, err := ethrtest.New(ethrtest.Options{}) // in production: a node's URL
	if err != nil {
		panic(err)
	}
	defer chain.Close()
	account := chain.Accounts()[0]
	owner, err := anchor.NewSigner(account.Key[:]) // in production: LoadKeyFile, or a Signer before an HSM
	if err != nil {
		panic(err)
	}

	network := didethr.Network{Name: "test", ChainID: chain.ChainID(), RPC: []string{chain.URL()}}
	registry, _, err := anchor.Deploy(ctx, anchor.Config{Network: network}, owner) // once for everybody
	if err != nil {
		panic(err)
	}
	issuer := registry.Identity(owner.Address(), owner)
	signing, err := pubkey.Generate(pubkey.ES256)
	if err != nil {
		panic(err)
	}
	receipt, err := issuer.AddKey(ctx, signing.Public(), 365*24*time.Hour)
	if err != nil {
		panic(err)
	}
	if err := chain.Finalize(); err != nil { // in production: time does it
		panic(err)
	}
	if _, err := registry.Final(ctx, receipt); err != nil {
		panic(err)
	}

	resolver, err := didethr.New(didethr.Config{Networks: []didethr.Network{registry.Network()}, Now: chain.Now})
	if err != nil {
		panic(err)
	}
	found, err := resolver.Resolve(ctx, registry.DID(issuer.Address()), did.At{})
	if err != nil {
		panic(err)
	}
	for _, k := range found.Keys {
		if k.Public.Equal(signing.Public()) {
			fmt.Println("found with purposes", k.Purposes)
		}
	}
	// Output:
	// found with purposes [assertionMethod]
}
