package credential_test

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/khyer/khyer/credential"
	"github.com/khyer/khyer/did/didjwk"
	"github.com/khyer/khyer/did/pubkey"
	"github.com/khyer/khyer/disclosure"
)

// An issuer signs a card for a citizen's key; the citizen shows one claim of it; whoever holds the issuer's key verifies. Agencies use
// package verifier, which also finds that key and decides whether the issuer is trusted.
func Example() {
	ctx, now := context.Background(), time.Now()
	issuerKey, _ := pubkey.Generate(pubkey.ES256)
	citizenKey, _ := pubkey.Generate(pubkey.ES256)
	issuerDID, _ := didjwk.FromKey(issuerKey.Public())

	issuer, err := credential.NewIssuer(credential.IssuerConfig{ID: issuerDID.String(), KeyID: "#0", Signer: issuerKey})
	if err != nil {
		panic(err)
	}
	sdjwt, err := issuer.Issue(ctx, credential.Card{
		Type:    "https://registry.example/types/foundational-id",
		Claims:  json.RawMessage(`{"Full Name":"Pema Example","ID Number":"10000000001"}`),
		Conceal: disclosure.ConcealOptions{Paths: []disclosure.Path{{"Full Name"}, {"ID Number"}}},
		Holder:  citizenKey.Public(),
		Expires: now.AddDate(5, 0, 0),
	})
	if err != nil {
		panic(err)
	}

	holder := credential.NewHolder(citizenKey)
	card, err := holder.Receive(sdjwt, issuerKey.Public(), now)
	if err != nil {
		panic(err)
	}
	presentation, err := holder.Present(ctx, card, credential.Showing{
		Reveal: []disclosure.Path{{"ID Number"}}, Audience: "https://licensing.example", Nonce: "n-0S6_WzA2Mj", At: now,
	})
	if err != nil {
		panic(err)
	}

	p, err := credential.Parse(presentation, credential.SDJWTVC, disclosure.Limits{})
	if err != nil {
		panic(err)
	}
	verified, err := p.Verify(issuerKey.Public(), credential.Binding{Audience: "https://licensing.example", Nonce: "n-0S6_WzA2Mj"}, now)
	if err != nil {
		panic(err)
	}
	number, _ := verified.Body.Claim(disclosure.Path{"ID Number"})
	_, named := verified.Body.Claim(disclosure.Path{"Full Name"})
	fmt.Println(string(number), named)

	_, err = p.Verify(issuerKey.Public(), credential.Binding{Audience: "https://elsewhere.example", Nonce: "n-0S6_WzA2Mj"}, now)
	fmt.Println(err)
	// Output:
	// "10000000001" false
	// disclosure: audience_mismatch
}
