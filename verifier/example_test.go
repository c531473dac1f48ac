package verifier_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/khyer/khyer/credential"
	"github.com/khyer/khyer/did/didjwk"
	"github.com/khyer/khyer/did/pubkey"
	"github.com/khyer/khyer/disclosure"
	"github.com/khyer/khyer/verifier"
	"github.com/khyer/khyer/verifier/trust"
)

// An agency asks for one claim, and gets that and nothing else.
func Example() {
	ctx := context.Background()
	registry, _ := pubkey.Generate(pubkey.ES256) // the issuer's key
	citizen, _ := pubkey.Generate(pubkey.ES256)  // the holder's key
	issuer, _ := didjwk.FromKey(registry.Public())
	const idCard = "https://registry.example/types/foundational-id"

	// What this deployment trusts, once.
	issuers, err := trust.NewList(trust.Issuer{
		DIDs: []string{issuer.String()}, Types: []string{idCard},
		Accreditation: trust.Accreditation{Name: "Example Civil Registry"},
	})
	if err != nil {
		panic(err)
	}
	v, err := verifier.New(verifier.Config{Resolver: didjwk.Resolver{}, Issuers: issuers})
	if err != nil {
		panic(err)
	}

	// What this request expects, every time. The nonce is fresh, from crypto/rand.
	expect := verifier.Expect{
		Audience: "https://licensing.example", Nonce: "fresh-for-every-request",
		Type: idCard, Claims: []disclosure.Path{{"ID Number"}},
	}
	presentation := showIDNumber(ctx, registry, citizen, issuer.String(), idCard, expect)

	res, err := v.Verify(ctx, presentation, expect)
	if err != nil {
		panic(err)
	}
	number, _ := res.Text("ID Number")
	fmt.Println(number, "signed by", res.Cards[0].IssuerName)

	// The same presentation again: the nonce was used up.
	_, err = v.Verify(ctx, presentation, expect)
	var rejected *verifier.Rejection
	if errors.As(err, &rejected) {
		fmt.Println("rejected:", rejected.Reason)
	}
	// Output:
	// 10000000001 signed by Example Civil Registry
	// rejected: replayed
}

// showIDNumber is what the issuer and the holder do.
func showIDNumber(ctx context.Context, registry, citizen pubkey.Signer, did, vct string, e verifier.Expect) []byte {
	issuer, err := credential.NewIssuer(credential.IssuerConfig{ID: did, KeyID: "#0", Signer: registry})
	if err != nil {
		panic(err)
	}
	sdjwt, err := issuer.Issue(ctx, credential.Card{
		Type: vct, Claims: json.RawMessage(`{"Full Name":"Pema Example","ID Number":"10000000001"}`),
		Conceal: disclosure.ConcealOptions{Paths: []disclosure.Path{{"Full Name"}, {"ID Number"}}}, Holder: citizen.Public(),
	})
	if err != nil {
		panic(err)
	}
	holder := credential.NewHolder(citizen)
	card, err := holder.Receive(sdjwt, registry.Public(), time.Now())
	if err != nil {
		panic(err)
	}
	shown, err := holder.Present(ctx, card, credential.Showing{Reveal: e.Claims, Audience: e.Audience, Nonce: e.Nonce, At: time.Now()})
	if err != nil {
		panic(err)
	}
	return shown
}
