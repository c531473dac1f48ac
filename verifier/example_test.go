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
	"github.com/khyer/khyer/disclosure/dcql"
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

func showIDNumber(ctx context.Context, registry, citizen pubkey.Signer, did, vct string, e verifier.Expect) []byte {
	return showClaim(ctx, registry, citizen, did, vct, "ID Number", e)
}

// showClaim is what the issuer and the holder do.
func showClaim(ctx context.Context, registry, citizen pubkey.Signer, did, vct, claim string, e verifier.Expect) []byte {
	issuer, err := credential.NewIssuer(credential.IssuerConfig{ID: did, KeyID: "#0", Signer: registry})
	if err != nil {
		panic(err)
	}
	sdjwt, err := issuer.Issue(ctx, credential.Card{
		Type: vct, Claims: json.RawMessage(`{"Full Name":"Pema Example","` + claim + `":"10000000001"}`),
		Conceal: disclosure.ConcealOptions{Paths: []disclosure.Path{{"Full Name"}, {claim}}}, Holder: citizen.Public(),
	})
	if err != nil {
		panic(err)
	}
	holder := credential.NewHolder(citizen)
	card, err := holder.Receive(sdjwt, registry.Public(), time.Now())
	if err != nil {
		panic(err)
	}
	shown, err := holder.Present(ctx, card, credential.Showing{Reveal: []disclosure.Path{{claim}}, Audience: e.Audience, Nonce: e.Nonce, At: time.Now()})
	if err != nil {
		panic(err)
	}
	return shown
}

// An agency asks for two cards in one request: the ID and the marriage card of the same citizen. What a wallet posts as vp_token is read into an
// Answer.
func ExampleVerifier_VerifyAnswer() {
	ctx := context.Background()
	registry, _ := pubkey.Generate(pubkey.ES256)
	citizen, _ := pubkey.Generate(pubkey.ES256)
	issuer, _ := didjwk.FromKey(registry.Public())
	const idCard, marriage = "https://registry.example/types/foundational-id", "https://registry.example/types/marriage"
	issuers, err := trust.NewList(trust.Issuer{
		DIDs: []string{issuer.String()}, Types: []string{idCard, marriage},
		Accreditation: trust.Accreditation{Name: "Example Civil Registry"},
	})
	if err != nil {
		panic(err)
	}
	v, err := verifier.New(verifier.Config{Resolver: didjwk.Resolver{}, Issuers: issuers})
	if err != nil {
		panic(err)
	}
	query, err := dcql.Parse([]byte(`{"credentials": [
		{"id": "person", "format": "dc+sd-jwt", "meta": {"vct_values": ["https://registry.example/types/foundational-id"]}, "claims": [{"path": ["ID Number"]}]},
		{"id": "marriage", "format": "dc+sd-jwt", "meta": {"vct_values": ["https://registry.example/types/marriage"]}, "claims": [{"path": ["Wife"]}]}]}`))
	if err != nil {
		panic(err)
	}
	expect := verifier.Expect{
		Audience: "https://civil.example", Nonce: "fresh-for-every-request", Query: query,
		// Both cards have one holder. That the marriage is hers the registry says:
		Linked: [][]verifier.Link{{
			{Query: "person", Path: disclosure.Path{"ID Number"}}, {Query: "marriage", Path: disclosure.Path{"Wife"}},
		}},
	}

	// What the wallet posts.
	show := func(vct, claim string) string {
		return string(showClaim(ctx, registry, citizen, issuer.String(), vct, claim, expect))
	}
	token, _ := json.Marshal(map[string][]string{"person": {show(idCard, "ID Number")}, "marriage": {show(marriage, "Wife")}})

	var answer verifier.Answer
	if err := json.Unmarshal(token, &answer); err != nil {
		panic(err)
	}
	res, err := v.VerifyAnswer(ctx, answer, expect)
	if err != nil {
		panic(err)
	}
	for _, card := range res.Cards {
		for _, claim := range []string{"ID Number", "Wife"} {
			if text, err := card.Text(claim); err == nil {
				fmt.Println(card.Query, claim, text)
			}
		}
	}

	// Without the marriage card it is no answer.
	delete(answer, "marriage")
	_, err = v.VerifyAnswer(ctx, answer, expect)
	fmt.Println(err)
	// Output:
	// person ID Number 10000000001
	// marriage Wife 10000000001
	// verifier: rejected: dcql_not_satisfied
}
