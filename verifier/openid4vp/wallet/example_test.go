package wallet_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http/httptest"
	"time"

	"github.com/khyer/khyer/credential"
	"github.com/khyer/khyer/did/didjwk"
	"github.com/khyer/khyer/did/pubkey"
	"github.com/khyer/khyer/disclosure"
	"github.com/khyer/khyer/verifier"
	"github.com/khyer/khyer/verifier/openid4vp"
	"github.com/khyer/khyer/verifier/openid4vp/wallet"
	"github.com/khyer/khyer/verifier/trust"
)

const idCard = "https://registry.example/types/foundational-id"

// A citizen answers a hospital's link: the wallet says who asks and what would be shown, and the hospital gets that and nothing else.
func Example() {
	registry, _ := pubkey.Generate(pubkey.ES256)
	issuer, _ := didjwk.FromKey(registry.Public())
	key, _ := pubkey.Generate(pubkey.ES256) // the hospital's
	hospital, _ := didjwk.FromKey(key.Public())

	// The signed list: who may ask for what, and where answers may go.
	policy, _ := trust.NewPolicy(trust.Purpose{
		Agency: "decentralized_identifier:" + hospital.String(), Name: "hospital-admission", Basis: "an invented act, section 4",
		Hosts: []string{"hospital.example"}, Claims: map[string][]disclosure.Path{idCard: {{"Full Name"}, {"Blood Group"}}},
	})

	server, link, result := theHospital(policy, issuer.String(), hospital.String(), key)
	defer server.Close()

	// The wallet has the registry's card, received and verified.
	phone, _ := pubkey.Generate(pubkey.ES256)
	holder := credential.NewHolder(phone)
	held, err := holder.Receive(issue(registry, issuer.String(), phone.Public()), registry.Public(), time.Now())
	check(err)

	w, err := wallet.New(wallet.Config{
		Policy: policy, Resolver: didjwk.Resolver{}, InsecureHosts: map[string]string{"hospital.example": server.URL}, // the last is for this example
	})
	check(err)
	r, err := w.Open(context.Background(), link)
	var refusal *wallet.Refusal
	if errors.As(err, &refusal) {
		fmt.Println("refused:", refusal.Reason, refusal.TooMuch)
		return
	}
	choice, err := r.Choose(wallet.Card{ID: "my id card", Held: held, Holder: holder})
	check(err)

	// What the citizen reads before anything is shown.
	fmt.Println(r.Agency["en"], "asks for the purpose", r.Purpose.Name, "under", r.Purpose.Basis)
	fmt.Println(r.Why["en"])
	for _, s := range choice.Shown {
		for _, c := range s.Claims {
			fmt.Printf("from %s: %s: %s\n", s.Card, c.Label(), c.Value)
		}
	}
	_, err = r.Answer(context.Background(), choice)
	check(err)
	fmt.Println("the hospital reads:", result())
	// Output:
	// Example Hospital asks for the purpose hospital-admission under an invented act, section 4
	// So that you are given the right blood.
	// from my id card: Blood Group: "B+"
	// the hospital reads: B+
}

// issue makes a card of which everything can be hidden.
func issue(registry pubkey.Signer, iss string, holder pubkey.Key) []byte {
	by, err := credential.NewIssuer(credential.IssuerConfig{ID: iss, KeyID: "#0", Signer: registry})
	check(err)
	sdjwt, err := by.Issue(context.Background(), credential.Card{
		Type: idCard, Claims: json.RawMessage(`{"Full Name":"Pema Example","Blood Group":"B+","ID Number":"10000000001"}`), Holder: holder,
		Conceal: disclosure.ConcealOptions{Paths: []disclosure.Path{{"Full Name"}, {"Blood Group"}, {"ID Number"}}},
	})
	check(err)
	return sdjwt
}

// theHospital begins a transaction, and reads its result.
func theHospital(policy *trust.Policy, issuer, hospital string, key pubkey.Signer) (server *httptest.Server, link string, result func() string) {
	issuers, err := trust.NewList(trust.Issuer{DIDs: []string{issuer}, Types: []string{idCard}, Accreditation: trust.Accreditation{Name: "Example Civil Registry"}})
	check(err)
	v, err := verifier.New(verifier.Config{Resolver: didjwk.Resolver{}, Issuers: issuers})
	check(err)
	door, err := openid4vp.New(openid4vp.Config{
		Verifier: v, Policy: policy, Signer: key, KeyID: hospital + "#0", BaseURL: "https://hospital.example/verify", Name: map[string]string{"en": "Example Hospital"},
		Templates: []openid4vp.Template{{
			Name: "hospital-admission", Type: idCard, Claims: []disclosure.Path{{"Blood Group"}}, CrossDevice: true,
			Why:   map[string]string{"en": "So that you are given the right blood."},
			Paper: map[string]string{"en": "The desk takes your paper card as well."},
		}},
	})
	check(err)
	begun := httptest.NewRecorder()
	tx, err := door.Begin(begun, httptest.NewRequest("POST", "https://hospital.example/admission", nil), "hospital-admission")
	check(err)
	return httptest.NewServer(door), tx.Link, func() string {
		page := httptest.NewRequest("GET", "https://hospital.example/admission", nil)
		page.AddCookie(begun.Result().Cookies()[0])
		res, err := door.Wait(page, tx.Handle)
		check(err)
		group, err := res.Text("Blood Group")
		check(err)
		return group
	}
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
