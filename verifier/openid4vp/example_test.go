package openid4vp_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"time"

	"github.com/khyer/khyer/credential"
	"github.com/khyer/khyer/did/didjwk"
	"github.com/khyer/khyer/did/pubkey"
	"github.com/khyer/khyer/disclosure"
	"github.com/khyer/khyer/internal/jose"
	"github.com/khyer/khyer/internal/oid4vp"
	"github.com/khyer/khyer/verifier"
	"github.com/khyer/khyer/verifier/openid4vp"
	"github.com/khyer/khyer/verifier/trust"
)

const idCard = "https://registry.example/types/foundational-id"

// A hospital asks for one claim. Its page shows a QR code, a wallet answers it, and the page gets the claim and nothing else.
func Example() {
	registry, _ := pubkey.Generate(pubkey.ES256)
	issuer, _ := didjwk.FromKey(registry.Public())
	key, _ := pubkey.Generate(pubkey.ES256) // the hospital's
	hospital, _ := didjwk.FromKey(key.Public())

	// What the hospital trusts, and what it may ask for. Both come from the governing body's signed lists.
	issuers, _ := trust.NewList(trust.Issuer{DIDs: []string{issuer.String()}, Types: []string{idCard}, Accreditation: trust.Accreditation{Name: "Example Civil Registry"}})
	policy, _ := trust.NewPolicy(trust.Purpose{
		Agency: "decentralized_identifier:" + hospital.String(), Name: "hospital-admission", Claims: map[string][]disclosure.Path{idCard: {{"Full Name"}, {"Blood Group"}}},
	})
	v, _ := verifier.New(verifier.Config{Resolver: didjwk.Resolver{}, Issuers: issuers})

	// The ten lines.
	door, err := openid4vp.New(openid4vp.Config{
		Verifier: v, Policy: policy, Signer: key, KeyID: hospital.String() + "#0", BaseURL: "https://hospital.example/verify",
		Templates: []openid4vp.Template{{
			Name: "hospital-admission", Type: idCard, Claims: []disclosure.Path{{"Blood Group"}}, CrossDevice: true,
			Why:   map[string]string{"en": "So that you are given the right blood."},
			Paper: map[string]string{"en": "The desk takes your paper card as well."},
		}},
	})
	if err != nil {
		panic(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/verify/", door)
	mux.HandleFunc("POST /admission", func(w http.ResponseWriter, r *http.Request) {
		tx, err := door.Begin(w, r, "hospital-admission")
		if err != nil {
			http.Error(w, "try again later", http.StatusServiceUnavailable)
			return
		}
		json.NewEncoder(w).Encode(map[string]string{"transaction": tx.Handle, "link": tx.Link}) // a page would show tx.QR()
	})
	mux.HandleFunc("GET /admission", func(w http.ResponseWriter, r *http.Request) {
		res, err := door.Wait(r, r.FormValue("transaction"))
		if err != nil {
			http.Error(w, err.Error(), http.StatusConflict)
			return
		}
		group, _ := res.Text("Blood Group")
		fmt.Fprintln(w, group, "says", res.Cards[0].IssuerName)
	})

	// A browser begins, a wallet answers what the QR code says, and the browser has the result.
	page := map[string]string{}
	begun := serve(mux, httptest.NewRequest("POST", "https://hospital.example/admission", nil))
	json.NewDecoder(begun.Body).Decode(&page)
	answerLink(mux, page["link"], registry, issuer.String())
	poll := httptest.NewRequest("GET", "https://hospital.example/admission?transaction="+page["transaction"], nil)
	poll.AddCookie(begun.Cookies()[0])
	text, _ := io.ReadAll(serve(mux, poll).Body)
	fmt.Print(string(text))

	// Somebody else who has seen the QR code does not get it.
	poll = httptest.NewRequest("GET", "https://hospital.example/admission?transaction="+page["transaction"], nil)
	text, _ = io.ReadAll(serve(mux, poll).Body)
	fmt.Print(string(text))
	// Output:
	// B+ says Example Civil Registry
	// openid4vp: another browser began this transaction
}

func serve(h http.Handler, r *http.Request) *http.Response {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

// answerLink is the citizen's wallet: it has a card of the registry, and shows what is asked for.
func answerLink(door http.Handler, link string, registry pubkey.Signer, issuer string) {
	l, err := oid4vp.ParseLink(link)
	check(err)
	object, err := io.ReadAll(serve(door, httptest.NewRequest("GET", l.Reference, nil)).Body)
	check(err)
	ask, err := oid4vp.Verify(context.Background(), object, l.Client, oid4vp.Trust{Resolver: didjwk.Resolver{}, Now: time.Now(), Skew: time.Minute})
	check(err)

	citizen, _ := pubkey.Generate(pubkey.ES256)
	by, err := credential.NewIssuer(credential.IssuerConfig{ID: issuer, KeyID: "#0", Signer: registry})
	check(err)
	sdjwt, err := by.Issue(context.Background(), credential.Card{
		Type: idCard, Claims: json.RawMessage(`{"Full Name":"Pema Example","Blood Group":"B+"}`), Holder: citizen.Public(),
		Conceal: disclosure.ConcealOptions{Paths: []disclosure.Path{{"Full Name"}, {"Blood Group"}}},
	})
	check(err)
	holder := credential.NewHolder(citizen)
	card, err := holder.Receive(sdjwt, registry.Public(), time.Now())
	check(err)
	shown, err := holder.Present(context.Background(), card, credential.Showing{
		Reveal: []disclosure.Path{ask.Query.Credentials[0].Claims[0].Path}, Audience: ask.ClientID.String(), Nonce: ask.Nonce, At: time.Now(),
	})
	check(err)

	token, err := verifier.Answer{ask.Query.Credentials[0].ID: {shown}}.MarshalJSON()
	check(err)
	text, err := (&oid4vp.Response{Token: token, State: ask.State}).JSON()
	check(err)
	to := ask.Metadata.Keys[0]
	jwe, err := jose.Encrypt(to.Public, to.ID, "A256GCM", text)
	check(err)
	post := httptest.NewRequest("POST", ask.ResponseURI, strings.NewReader(url.Values{"response": {jwe}}.Encode()))
	post.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if res := serve(door, post); res.StatusCode != http.StatusOK {
		panic(res.Status)
	}
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
