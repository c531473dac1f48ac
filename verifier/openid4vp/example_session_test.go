package openid4vp_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"

	"github.com/khyer/khyer/did/didjwk"
	"github.com/khyer/khyer/did/pubkey"
	"github.com/khyer/khyer/disclosure"
	"github.com/khyer/khyer/verifier"
	"github.com/khyer/khyer/verifier/openid4vp"
	"github.com/khyer/khyer/verifier/trust"
)

// A service lets citizens sign in with their cards. It knows each by a name that no other service has for him.
func ExampleSession() {
	registry, _ := pubkey.Generate(pubkey.ES256)
	issuer, _ := didjwk.FromKey(registry.Public())
	key, _ := pubkey.Generate(pubkey.ES256)
	library, _ := didjwk.FromKey(key.Public())
	issuers, _ := trust.NewList(trust.Issuer{DIDs: []string{issuer.String()}, Types: []string{idCard}, Accreditation: trust.Accreditation{Name: "Example Civil Registry"}})
	policy, _ := trust.NewPolicy(trust.Purpose{
		Agency: "decentralized_identifier:" + library.String(), Name: "sign-in", Claims: map[string][]disclosure.Path{idCard: {{"Full Name"}}},
	})
	v, _ := verifier.New(verifier.Config{Resolver: didjwk.Resolver{}, Issuers: issuers})
	door, err := openid4vp.New(openid4vp.Config{
		Verifier: v, Policy: policy, Signer: key, KeyID: library.String() + "#0", BaseURL: "https://library.example/verify", ReturnURL: "https://library.example/back",
		Templates: []openid4vp.Template{{
			Name: "sign-in", Type: idCard, Claims: []disclosure.Path{{"Full Name"}}, // an ID number would be better
			Why:   map[string]string{"en": "So that the books that you borrow are on your account."},
			Paper: map[string]string{"en": "The desk gives you a password."},
		}},
	})
	check(err)

	// The ten lines.
	login, err := openid4vp.NewSession(openid4vp.SessionConfig{
		Door: door, Template: "sign-in", Subject: disclosure.Path{"Full Name"}, Key: []byte("32 random bytes, kept for as long as the accounts"),
	})
	check(err)
	mux := http.NewServeMux()
	mux.Handle("/verify/", door)
	mux.HandleFunc("POST /sign-in", func(w http.ResponseWriter, r *http.Request) {
		tx, err := door.Begin(w, r, "sign-in")
		if err != nil {
			http.Error(w, "try again later", http.StatusServiceUnavailable)
			return
		}
		http.Redirect(w, r, tx.Link, http.StatusSeeOther) // opens the wallet
	})
	mux.HandleFunc("GET /back", func(w http.ResponseWriter, r *http.Request) { // the wallet sends the browser here
		if _, _, err := login.SignIn(w, r, r.FormValue("transaction")); err != nil {
			http.Error(w, err.Error(), http.StatusForbidden)
			return
		}
		http.Redirect(w, r, "/books", http.StatusSeeOther)
	})
	mux.HandleFunc("GET /books", func(w http.ResponseWriter, r *http.Request) {
		subject, err := login.Subject(r)
		if err != nil {
			http.Error(w, err.Error(), http.StatusForbidden)
			return
		}
		fmt.Fprintln(w, "an account with a name of", len(subject), "characters that tells nothing")
	})
	mux.HandleFunc("POST /sign-out", func(w http.ResponseWriter, r *http.Request) { _ = login.SignOut(w, r) })

	// A browser that does so.
	var cookies []*http.Cookie
	visit := func(method, target string) *http.Response {
		r := httptest.NewRequest(method, target, nil)
		for _, c := range cookies {
			r.AddCookie(c)
		}
		res := serve(mux, r)
		cookies = append(cookies, res.Cookies()...)
		return res
	}
	link := visit("POST", "https://library.example/sign-in").Header.Get("Location")
	var said map[string]string // to the wallet
	answerLink(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		res := serve(mux, r)
		text, _ := io.ReadAll(res.Body)
		_ = json.Unmarshal(text, &said)
		w.WriteHeader(res.StatusCode)
		_, _ = w.Write(text)
	}), link, registry, issuer.String())
	fmt.Println(visit("GET", said["redirect_uri"]).Header.Get("Location"))
	text, _ := io.ReadAll(visit("GET", "https://library.example/books").Body)
	fmt.Print(string(text))
	copied := cookies
	visit("POST", "https://library.example/sign-out")
	cookies = copied
	text, _ = io.ReadAll(visit("GET", "https://library.example/books").Body)
	fmt.Print(string(text))
	// Output:
	// /books
	// an account with a name of 43 characters that tells nothing
	// openid4vp: nobody is signed in with this browser
}
