// First shows the idea in thirty seconds, without a chain: an issuer signs a card of twelve claims, its holder shows two of them, an
// agency verifies those two and nothing else; and three presentations that must be refused are refused.
//
//	go run ./examples/first
package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/khyer/khyer/credential"
	"github.com/khyer/khyer/did/didjwk"
	"github.com/khyer/khyer/did/pubkey"
	"github.com/khyer/khyer/disclosure"
	"github.com/khyer/khyer/verifier"
	"github.com/khyer/khyer/verifier/trust"
)

// The claims that the holder shows, of the twelve on her card. Change them and run it again.
var show = []disclosure.Path{{"Full Name"}, {"Blood Group"}}

var showLine = line(-2)

// An invented citizen's card.
const claims = `{
	"Full Name": "Pema Example", "ID Number": "10000000001", "Date of Birth": "02/06/1990", "Gender": "Female",
	"Blood Group": "O+", "Village": "Example Village", "Gewog": "Example Gewog", "Dzongkhag": "Example Dzongkhag",
	"Occupation": "Teacher", "Organ Donor": true, "Allergies": ["penicillin"], "Emergency Contact": "Karma Example"
}`

const (
	cardType = "https://registry.example/types/first-card"
	hospital = "https://hospital.example"
	bank     = "https://bank.example"
)

func main() {
	if err := story(); err != nil {
		fmt.Fprintln(os.Stderr, "first:", err)
		os.Exit(1)
	}
}

func story() error {
	ctx := context.Background()

	// The issuer has a key and a DID that is that key (did:jwk); the citizen has a key in her phone.
	registry, err1 := pubkey.Generate(pubkey.ES256)
	citizen, err2 := pubkey.Generate(pubkey.ES256)
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	issuer, err := newIssuer(registry)
	if err != nil {
		return err
	}

	// Issue: every claim can be hidden, the card is bound to the citizen's key.
	sdjwt, err := issuer.Issue(ctx, newCard(citizen.Public()))
	if err != nil {
		return err
	}

	// Hold: the phone checks what it was given, and shows a part of it to one agency, for one request.
	phone := credential.NewHolder(citizen)
	card, err := phone.Receive(sdjwt, registry.Public(), time.Now())
	if err != nil {
		return err
	}
	nonce := rand.Text() // the agency's, fresh for each request
	presentation, err := phone.Present(ctx, card, credential.Showing{Reveal: show, Audience: hospital, Nonce: nonce, At: time.Now()})
	if err != nil {
		return err
	}

	// Verify: the hospital trusts one issuer for this type of card, and asks for two claims.
	v, err := newVerifier(registry.Public())
	if err != nil {
		return err
	}
	expect := verifier.Expect{Audience: hospital, Nonce: nonce, Type: cardType, Claims: show}
	res, err := v.Verify(ctx, presentation, expect)
	if err != nil {
		return err
	}
	fmt.Println("The hospital asked, and saw:")
	for _, p := range show {
		value, _ := res.Cards[0].Claim(p)
		fmt.Printf("  %-14s %s\n", p[0], value)
	}
	fmt.Printf("%d claims stayed hidden. Signed by %s.\n\n", res.Cards[0].Concealed, res.Cards[0].IssuerName)

	// Refuse: what the bank overheard, what the citizen changed, what a stranger signed.
	self, err := selfMade(ctx, citizen, nonce)
	if err != nil {
		return err
	}
	toBank := verifier.Expect{Audience: bank, Nonce: rand.Text(), Type: cardType, Claims: show}
	fmt.Println("Refused:")
	if err := errors.Join(
		refused(v, presentation, toBank, credential.AudienceMismatch, "shown to the hospital, replayed to a bank"),
		refused(v, changed(presentation), expect, credential.HashMismatch, "a claim changed on the way"),
		refused(v, self, expect, trust.IssuerNotTrusted, "a card from a self-made issuer"),
	); err != nil {
		return err
	}
	fmt.Printf("\nNow change what is shown: %s\n", showLine)
	return nil
}

// refused verifies a presentation that must be rejected for one reason.
func refused(v *verifier.Verifier, presentation []byte, e verifier.Expect, want verifier.Reason, what string) error {
	_, err := v.Verify(context.Background(), presentation, e)
	var rejected *verifier.Rejection
	if !errors.As(err, &rejected) || rejected.Reason != want {
		return fmt.Errorf("%s: got %v, want %s", what, err, want)
	}
	fmt.Printf("  %-42s %s\n", what, rejected.Reason)
	return nil
}

func newIssuer(key pubkey.Signer) (*credential.Issuer, error) {
	id, err := didjwk.FromKey(key.Public())
	if err != nil {
		return nil, err
	}
	return credential.NewIssuer(credential.IssuerConfig{ID: id.String(), KeyID: "#0", Signer: key})
}

func newCard(holder pubkey.Key) credential.Card {
	var names map[string]any
	if err := json.Unmarshal([]byte(claims), &names); err != nil {
		panic(err)
	}
	var all []disclosure.Path
	for name := range names {
		all = append(all, disclosure.Path{name})
	}
	return credential.Card{
		Type: cardType, Claims: json.RawMessage(claims), Conceal: disclosure.ConcealOptions{Paths: all},
		Holder: holder, Expires: time.Now().AddDate(1, 0, 0),
	}
}

// newVerifier trusts one issuer.
func newVerifier(registry pubkey.Key) (*verifier.Verifier, error) {
	id, err := didjwk.FromKey(registry)
	if err != nil {
		return nil, err
	}
	trusted, err := trust.NewList(trust.Issuer{
		DIDs: []string{id.String()}, Types: []string{cardType},
		Accreditation: trust.Accreditation{Name: "the Example Registry"},
	})
	if err != nil {
		return nil, err
	}
	return verifier.New(verifier.Config{Resolver: didjwk.Resolver{}, Issuers: trusted})
}

// selfMade is the citizen as her own issuer: every signature is good, and nobody vouches for her.
func selfMade(ctx context.Context, citizen pubkey.Signer, nonce string) ([]byte, error) {
	issuer, err := newIssuer(citizen)
	if err != nil {
		return nil, err
	}
	sdjwt, err := issuer.Issue(ctx, newCard(citizen.Public()))
	if err != nil {
		return nil, err
	}
	phone := credential.NewHolder(citizen)
	card, err := phone.Receive(sdjwt, citizen.Public(), time.Now())
	if err != nil {
		return nil, err
	}
	return phone.Present(ctx, card, credential.Showing{Reveal: show, Audience: hospital, Nonce: nonce, At: time.Now()})
}

// changed gives the first shown claim another value.
func changed(presentation []byte) []byte {
	parts := strings.Split(string(presentation), "~")
	parts[1] = base64.RawURLEncoding.EncodeToString([]byte(`["c2FsdA","Full Name","Somebody Else"]`))
	return []byte(strings.Join(parts, "~"))
}

// line names a place near the one that it is called from.
func line(offset int) string {
	_, file, n, _ := runtime.Caller(1)
	return fmt.Sprintf("examples/first/%s, line %d", file[strings.LastIndexByte(file, '/')+1:], n+offset)
}
