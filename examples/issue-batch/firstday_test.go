package main

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/khyer/khyer/credential"
	"github.com/khyer/khyer/did"
	"github.com/khyer/khyer/did/didtest"
	"github.com/khyer/khyer/did/pubkey"
	"github.com/khyer/khyer/disclosure"
	"github.com/khyer/khyer/verifier"
	"github.com/khyer/khyer/verifier/trust"
)

// A registry anchors a new key and signs on the same day. Cards dated to the beginning of that day would say that they are older than
// their key, and be refused everywhere, for ever: -key-from is against that, as Batch.KeyFrom is in IssueBatch.
func TestTheFirstDayOfAKey(t *testing.T) {
	here(t)
	const registry, agency = "did:web:registry.example", "https://licensing.example"
	citizen, err := pubkey.Generate(pubkey.ES256)
	if err != nil {
		t.Fatal(err)
	}
	m, _ := citizen.Public().Multikey()
	write(t, "people.csv", strings.Join(columnNames, ",")+"\nR-1,did:key:"+m+",,Citizenship,10000000001,Pema Example,Female,02/06/1990,Bhutanese\n")
	from := time.Now().Add(-time.Second)
	sign := []string{"sign", "-in", "people.csv", "-issuer", registry, "-kid", "#key-1", "-out"}
	must(t, 0, append(sign, "right", "-key-from", from.Format(time.RFC3339Nano))...)
	must(t, 0, append(sign, "wrong")...)

	key, err := issuerKey("issuer-key.pem")
	if err != nil {
		t.Fatal(err)
	}
	var resolver didtest.Resolver
	resolver.Put(didtest.Subject{ID: registry, Keys: []did.Key{{ID: "#key-1", Public: key.Public(), From: from}}})
	expect := verifier.Expect{Audience: agency, Type: "https://registry.example/types/foundational-id", Claims: []disclosure.Path{{"ID Number"}}}
	trusted, err := trust.NewList(trust.Issuer{DIDs: []string{registry}, Types: []string{expect.Type}, Accreditation: trust.Accreditation{Name: "Example Registry"}})
	if err != nil {
		t.Fatal(err)
	}
	v, err := verifier.New(verifier.Config{Resolver: &resolver, Issuers: trusted})
	if err != nil {
		t.Fatal(err)
	}
	show := func(dir string) error {
		phone := credential.NewHolder(citizen)
		held, err := phone.Receive(card(t, dir, entries(t, dir)[0]), key.Public(), time.Now())
		if err != nil {
			t.Fatal(err)
		}
		expect.Nonce = dir
		p, err := phone.Present(t.Context(), held, credential.Showing{Reveal: expect.Claims, Audience: agency, Nonce: dir, At: time.Now()})
		if err != nil {
			t.Fatal(err)
		}
		_, err = v.Verify(t.Context(), p, expect)
		return err
	}
	if err := show("right"); err != nil {
		t.Errorf("with -key-from: %v", err)
	}
	var rejected *verifier.Rejection
	if err := show("wrong"); !errors.As(err, &rejected) || rejected.Reason != verifier.IssuerKeyNotYetValid {
		t.Errorf("without: %v", err) // at midnight, for one second, there is no difference
	}
}
