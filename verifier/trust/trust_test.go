package trust_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/khyer/khyer/verifier/trust"
)

// A deployment names its issuers, and for each the types that it may issue.
func ExampleNewList() {
	list, err := trust.NewList(trust.Issuer{
		DIDs:  []string{"did:ethr:0x539:0x2222222222222222222222222222222222222222"},
		Types: []string{"https://registry.example/types/foundational-id"},
		Accreditation: trust.Accreditation{
			Name:  "Example Civil Registry",
			Until: time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC),
		},
	})
	if err != nil {
		panic(err)
	}
	for _, q := range []trust.Query{
		{Issuer: "did:ethr:0x539:0x2222222222222222222222222222222222222222", Type: "https://registry.example/types/foundational-id"},
		{Issuer: "did:ethr:0x539:0x2222222222222222222222222222222222222222", Type: "https://health.example/types/health-card"},
		{Issuer: "did:jwk:e30", Type: "https://registry.example/types/foundational-id"},
	} {
		q.Now = time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)
		a, err := list.Accreditation(context.Background(), q)
		if err != nil {
			fmt.Println(err)
			continue
		}
		fmt.Println(a.Name)
	}
	// Output:
	// Example Civil Registry
	// type_not_accredited
	// issuer_not_trusted
}

// What the caller does to his values afterwards changes nothing, and an entry has an end and a beginning.
func TestListIsItsOwn(t *testing.T) {
	at := time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)
	types := []string{"t"}
	list, err := trust.NewList(trust.Issuer{DIDs: []string{"did:example:a", "did:example:b"}, Types: types, Accreditation: trust.Accreditation{Name: "n", From: at, Until: at.Add(time.Hour)}})
	if err != nil {
		t.Fatal(err)
	}
	types[0] = "u"
	for _, c := range []struct {
		q    trust.Query
		want error
	}{
		{trust.Query{Issuer: "did:example:a", Type: "t", Now: at}, nil},
		{trust.Query{Issuer: "did:example:b", Type: "t", Now: at}, nil},
		{trust.Query{Issuer: "did:example:a", Type: "u", Now: at}, trust.TypeNotAccredited},
		{trust.Query{Issuer: "did:example:a", Type: "t", Now: at.Add(-1)}, trust.TypeNotAccredited},
		{trust.Query{Issuer: "did:example:a", Type: "t", Now: at.Add(time.Hour)}, trust.TypeNotAccredited},
		{trust.Query{Issuer: "did:example:A", Type: "t", Now: at}, trust.IssuerNotTrusted},
		{trust.Query{Issuer: "", Type: "t", Now: at}, trust.IssuerNotTrusted},
	} {
		if _, err := list.Accreditation(context.Background(), c.q); !errors.Is(err, c.want) {
			t.Errorf("%+v: %v, want %v", c.q, err, c.want)
		}
	}
}

// TestNearerPrefixSaysWhoSigns: whoever signs all lists of a host signs none of those that have a signer of their own.
func TestNearerPrefixSaysWhoSigns(t *testing.T) {
	lists := []trust.StatusLists{
		{Prefix: "https://status.example/", Signer: "did:example:all"},
		{Prefix: "https://status.example/health/", Signer: "did:example:health"},
		{Prefix: "https://status.example/health/own/"},
	}
	for range lists {
		lists = append(lists[1:], lists[0])
		a := trust.Accreditation{StatusLists: lists}
		for uri, want := range map[string]string{
			"https://status.example/1": "did:example:all", "https://status.example/health/1": "did:example:health", "https://status.example/health/own/1": "did:example:issuer",
			"https://status.example/health": "did:example:all", "https://status.example/healthy/1": "did:example:all",
			"https://status.example/health/": "", "https://status.example/health/../1": "", "https://status.example/": "", "https://other.example/1": "",
		} {
			if signer, ok := a.StatusSigner(uri, "did:example:issuer"); signer != want || ok != (want != "") {
				t.Errorf("%s: signed by %q, want %q", uri, signer, want)
			}
		}
	}
	_, err := trust.NewList(trust.Issuer{DIDs: []string{"did:example:a"}, Types: []string{"t"}, Accreditation: trust.Accreditation{Name: "n", StatusLists: append(lists, lists[0])}})
	if err == nil {
		t.Error("one prefix twice")
	}
}
