// First shows the idea in thirty seconds, without a chain: an issuer signs a card of twelve claims, its holder shows two of them, an
// agency verifies those two and sees nothing else; and three presentations that must be refused are refused.
//
//	go run ./examples/first
//
// Everybody in it is invented.
package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/khyer/khyer/credential"
	"github.com/khyer/khyer/did/didjwk"
	"github.com/khyer/khyer/did/pubkey"
	"github.com/khyer/khyer/disclosure"
	"github.com/khyer/khyer/verifier"
	"github.com/khyer/khyer/verifier/trust"
)

var (
	changeHere = nextLine()
	show       = []disclosure.Path{{"Full Name"}, {"Blood Group"}} // what the hospital asks for and the citizen shows
)

// record is what the card says of its citizen.
var record = map[string]any{
	"Full Name": "Pema Example", "ID Number": "10000000001", "Date of Birth": "02/06/1990", "Gender": "Female",
	"Blood Group": "O+", "Village": "Example Village", "Gewog": "Example Gewog", "Dzongkhag": "Example Dzongkhag",
	"Occupation": "Teacher", "Organ Donor": true, "Allergies": []string{"penicillin"}, "Emergency Contact": "Karma Example",
}

const (
	cardType = "https://registry.example/types/first-card"
	hospital = "https://hospital.example"
	bank     = "https://bank.example"
)

func main() {
	if err := story(os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "first:", err)
		os.Exit(1)
	}
}

func story(out io.Writer) error {
	ctx := context.Background()

	// A registry has a key, and a DID that is that key (did:jwk). A citizen has a key in her phone.
	registryKey, err1 := pubkey.Generate(pubkey.ES256)
	citizenKey, err2 := pubkey.Generate(pubkey.ES256)
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	registry, err := newIssuer(registryKey)
	if err != nil {
		return err
	}

	// Issue: every claim can be hidden, and the card is bound to the citizen's key.
	sdjwt, err := registry.Issue(ctx, newCard(citizenKey.Public()))
	if err != nil {
		return err
	}

	// Hold: the phone checks what it was given and keeps it.
	phone := credential.NewHolder(citizenKey)
	card, err := phone.Receive(sdjwt, registryKey.Public(), time.Now())
	if err != nil {
		return err
	}

	// Ask: the hospital wants some claims of one type of card, for itself, this one time.
	ask := verifier.Expect{Audience: hospital, Nonce: rand.Text(), Type: cardType, Claims: show}

	// Present: the phone shows these claims to this agency, for this request.
	presentation, err := phone.Present(ctx, card, showing(ask))
	if err != nil {
		return err
	}

	// Verify: the hospital trusts one issuer for this type of card.
	v, err := newVerifier(registryKey.Public())
	if err != nil {
		return err
	}
	result, err := v.Verify(ctx, presentation, ask)
	if err != nil {
		return err
	}
	draw(out, result.Cards[0])

	// Refuse: what was shown to somebody else, what was changed, what a stranger signed.
	fmt.Fprintln(out, "\nRefused:")
	if err := errors.Join(
		replayed(ctx, out, v, phone, card),
		changed(ctx, out, v, phone, card),
		selfMade(ctx, out, v, phone, citizenKey),
	); err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "\nNow change which claims are shown: %s\n", changeHere)
	return err
}

func newIssuer(key pubkey.Signer) (*credential.Issuer, error) {
	id, err := didjwk.FromKey(key.Public())
	if err != nil {
		return nil, err
	}
	return credential.NewIssuer(credential.IssuerConfig{ID: id.String(), KeyID: "#0", Signer: key})
}

func newCard(holder pubkey.Key) credential.Card {
	claims, err := json.Marshal(record)
	if err != nil {
		panic(err) // strings and booleans
	}
	var all []disclosure.Path
	for name := range record {
		all = append(all, disclosure.Path{name})
	}
	return credential.Card{
		Type: cardType, Claims: claims, Conceal: disclosure.ConcealOptions{Paths: all},
		Holder: holder, Expires: time.Now().AddDate(1, 0, 0),
	}
}

func showing(e verifier.Expect) credential.Showing {
	return credential.Showing{Reveal: e.Claims, Audience: e.Audience, Nonce: e.Nonce, At: time.Now()}
}

func newVerifier(registry pubkey.Key) (*verifier.Verifier, error) {
	id, err := didjwk.FromKey(registry)
	if err != nil {
		return nil, err
	}
	trusted, err := trust.NewList(trust.Issuer{
		DIDs: []string{id.String()}, Types: []string{cardType},
		Accreditation: trust.Accreditation{Name: "Example Registry"},
	})
	if err != nil {
		return nil, err
	}
	return verifier.New(verifier.Config{Resolver: didjwk.Resolver{}, Issuers: trusted})
}

// draw writes what the hospital knows of each claim on the card.
func draw(out io.Writer, card verifier.Card) {
	fmt.Fprintf(out, "On the card          What the hospital sees\n\n")
	for _, name := range slices.Sorted(maps.Keys(record)) {
		mark, seen := " ", "hidden"
		for _, asked := range show {
			if value, ok := card.Claim(asked); ok && asked[0] == name {
				mark, seen = "✓", string(value)
			}
		}
		fmt.Fprintf(out, "  %-17s %s %s\n", name, mark, seen)
	}
	fmt.Fprintf(out, "\n%d claims stayed hidden. Signed by %s.\n", card.Concealed, card.IssuerName)
}
