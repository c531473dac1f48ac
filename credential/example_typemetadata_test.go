package credential_test

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/khyer/khyer/credential"
	"github.com/khyer/khyer/did/pubkey"
	"github.com/khyer/khyer/disclosure"
)

// A registry publishes a type that extends a more general one. An issuer checks a card against it before signing, and a wallet shows
// the card in the citizen's language. An agency sets verifier.Config.Types, and its verifier does the rest.
func ExampleResolveType() {
	person := []byte(`{"vct": "https://registry.example/types/person",
	  "claims": [{"path": ["Full Name"], "mandatory": true, "sd": "always",
	    "display": [{"locale": "en", "label": "Full name"}, {"locale": "de", "label": "Name"}]}]}`)
	citizen := []byte(`{"vct": "https://registry.example/types/citizen",
	  "extends": "https://registry.example/types/person", "extends#integrity": "` + credential.Integrity(person) + `",
	  "display": [{"locale": "en", "name": "Citizen card"}, {"locale": "de", "name": "Bürgerkarte"}],
	  "claims": [{"path": ["Nationality"], "sd": "never"}]}`)
	types := credential.TypeDocuments{
		"https://registry.example/types/person":  person,
		"https://registry.example/types/citizen": citizen,
	}

	t, err := credential.ResolveType(context.Background(), types, "https://registry.example/types/citizen", credential.Integrity(citizen))
	if err != nil {
		panic(err)
	}
	display, _ := t.Display("de-AT")
	fmt.Println(display.Name)
	for _, claim := range t.Claims() {
		label, ok := claim.Display("de-AT")
		fmt.Println(claim.Path, claim.SD, claim.Mandatory, label.Label, ok)
	}

	holder, _ := pubkey.Generate(pubkey.ES256)
	card := credential.Card{
		Type: t.Type(), Holder: holder.Public(),
		Claims:  json.RawMessage(`{"Full Name": "Pema Example", "Nationality": "Bhutanese"}`),
		Conceal: disclosure.ConcealOptions{Paths: []disclosure.Path{{"Full Name"}, {"Nationality"}}},
	}
	fmt.Println(t.CheckIssue(card))
	card.Conceal.Paths = card.Conceal.Paths[:1]
	fmt.Println(t.CheckIssue(card))

	// Whoever replaces a document is found out, because the hash of what was meant is known.
	types["https://registry.example/types/person"] = []byte(`{"vct": "https://registry.example/types/person"}`)
	_, err = credential.ResolveType(context.Background(), types, "https://registry.example/types/citizen", credential.Integrity(citizen))
	fmt.Println(err)
	// Output:
	// Bürgerkarte
	// "Full Name" always true Name true
	// "Nationality" never false  false
	// disclosure: claim_must_not_be_concealed at "Nationality"
	// <nil>
	// disclosure: integrity_mismatch
}
