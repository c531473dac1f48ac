package disclosure_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/khyer/khyer/disclosure"
)

// An issuer conceals two of three claims; the holder shows one; the verifier reads what was shown. Signing is left out here: package
// credential does it.
func Example() {
	claims := json.RawMessage(`{"Full Name":"Pema Example","Blood Group":"O+","Issued In":"Thimphu"}`)
	payload, disclosures, err := disclosure.Conceal(claims, disclosure.ConcealOptions{
		Paths: []disclosure.Path{{"Full Name"}, {"Blood Group"}},
	})
	if err != nil {
		panic(err)
	}
	b64 := base64.RawURLEncoding.EncodeToString
	card := b64([]byte(`{"alg":"ES256"}`)) + "." + b64(payload) + "." + b64([]byte("signature")) + "~"
	for _, d := range disclosures {
		card += d + "~"
	}

	held, err := disclosure.Parse([]byte(card), disclosure.Limits{})
	if err != nil {
		panic(err)
	}
	shown, err := held.Select([]disclosure.Path{{"Blood Group"}})
	if err != nil {
		panic(err)
	}

	received, err := disclosure.Parse(shown, disclosure.Limits{})
	if err != nil {
		panic(err)
	}
	verified, err := received.Verify(func(s disclosure.Signature) error {
		if string(s.Value) != "signature" { // a real check is pubkey.Key.Verify(alg, s.Input, s.Value)
			return errors.New("bad signature")
		}
		return nil
	})
	if err != nil {
		panic(err)
	}
	fmt.Println(string(verified.Claims()))
	_, ok := verified.Claim(disclosure.Path{"Full Name"})
	fmt.Println(ok, verified.Concealed())
	// Output:
	// {"Issued In":"Thimphu","Blood Group":"O+"}
	// false 1
}
