package anchor_test

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/khyer/khyer/did"
	"github.com/khyer/khyer/did/didethr"
	"github.com/khyer/khyer/did/didethr/anchor"
	"github.com/khyer/khyer/did/didethr/ethrtest"
	"github.com/khyer/khyer/did/pubkey"
)

const year = 365 * 24 * time.Hour

// must keeps the examples short.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// An issuer publishes the key with which it signs credentials, and a verifier finds it. A year later another key takes its place.
func Example() {
	ctx := context.Background()
	chain := must(ethrtest.New(ethrtest.Options{})) // in production: a node's URL
	defer chain.Close()
	account := chain.Accounts()[0]
	owner := must(anchor.NewSigner(account.Key[:])) // in production: LoadKeystore, or a Signer before an HSM

	network := didethr.Network{Name: "test", RPC: []string{chain.URL()}} // in production with its ChainID
	registry, _, err := anchor.Deploy(ctx, anchor.Config{Network: network}, owner)
	if err != nil { // once for everybody
		panic(err)
	}
	issuer := registry.Identity(owner.Address(), owner)
	first, second := must(pubkey.Generate(pubkey.ES256)), must(pubkey.Generate(pubkey.ES256))
	receipts := must(issuer.Apply(ctx,
		anchor.AddKey(first.Public(), anchor.VeriKey, 2*year),
		anchor.AddService("Cards", "https://agency.example/cards", 2*year)))

	if err := chain.Finalize(); err != nil { // in production: time does it
		panic(err)
	}
	for _, r := range receipts {
		must(registry.Final(ctx, r))
	}
	resolver := must(didethr.New(didethr.Config{Networks: []didethr.Network{registry.Network()}, Now: chain.Now}))
	show := func() {
		found := must(resolver.Resolve(ctx, registry.DID(issuer.Address()), did.At{}))
		for _, k := range found.Keys {
			for name, public := range map[string]pubkey.Key{"first": first.Public(), "second": second.Public()} {
				if k.Public.Equal(public) {
					fmt.Println(name, k.Purposes, "lapsed:", k.Until.Before(chain.Now()), "revoked:", !k.Revoked.IsZero())
				}
			}
		}
	}
	show()

	chain.Advance(year)
	must(issuer.Apply(ctx, anchor.Rotate(first.Public(), second.Public(), anchor.VeriKey, 2*year)...))
	if err := chain.Finalize(); err != nil {
		panic(err)
	}
	show()
	// Output:
	// first [assertionMethod] lapsed: false revoked: false
	// second [assertionMethod] lapsed: false revoked: false
	// first [assertionMethod] lapsed: true revoked: false
}

// An owner without ether signs on a machine without a network; an agency pays.
func ExampleMetaTx() {
	ctx := context.Background()
	chain := must(ethrtest.New(ethrtest.Options{}))
	defer chain.Close()
	account := chain.Accounts()[0]
	agency := must(anchor.NewSigner(account.Key[:]))
	registry, _, err := anchor.Deploy(ctx, anchor.Config{Network: didethr.Network{RPC: []string{chain.URL()}}}, agency)
	if err != nil {
		panic(err)
	}
	owner := must(anchor.Generate())
	prepared := must(registry.Prepare(ctx, owner.Address(), chain.Now().Add(time.Hour), anchor.AddService("Site", "https://office.example", year)))

	// To the owner and back goes JSON, which wallets take for eth_signTypedData_v4 too.
	var paper anchor.MetaTx
	if err := json.Unmarshal(must(json.Marshal(prepared[0])), &paper); err != nil {
		panic(err)
	}
	if err := paper.Sign(ctx, owner); err != nil {
		panic(err)
	}

	receipts := must(registry.Relay(ctx, agency, &paper))
	fmt.Println(receipts[0].State)
	_, err = registry.Relay(ctx, agency, &paper)
	fmt.Println(err)
	// Output:
	// mined
	// anchor: stale: the operation has number 0, and the identity's next is 1
}
