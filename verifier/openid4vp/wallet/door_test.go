package wallet_test

import (
	"encoding/json"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/khyer/khyer/credential"
	"github.com/khyer/khyer/did/didjwk"
	"github.com/khyer/khyer/disclosure"
	"github.com/khyer/khyer/verifier"
	"github.com/khyer/khyer/verifier/openid4vp"
	"github.com/khyer/khyer/verifier/openid4vp/wallet"
	"github.com/khyer/khyer/verifier/trust"
)

// Our door and our wallet, each way in which a request can travel and each mode of an answer.
func TestDoorAndWallet(t *testing.T) {
	registry, key, phone := generate(t), generate(t), generate(t)
	issuer, err := didjwk.FromKey(registry.Public())
	must(t, err)
	hospital, err := didjwk.FromKey(key.Public())
	must(t, err)
	purpose := trust.Purpose{
		Agency: "decentralized_identifier:" + hospital.String(), Name: "hospital-admission", Hosts: []string{"hospital.example"},
		Claims: map[string][]disclosure.Path{idCard: {{"Blood Group"}}},
	}
	post, back, origin := purpose, purpose, purpose
	post.Agency, back.Agency, origin.Agency = "redirect_uri:https://hospital.example/verify/answer", "redirect_uri:https://hospital.example/done", "origin:https://hospital.example"
	policy, err := trust.NewPolicy(purpose, post, back, origin)
	must(t, err)
	issuers, err := trust.NewList(trust.Issuer{DIDs: []string{issuer.String()}, Types: []string{idCard}, Accreditation: trust.Accreditation{Name: "Example Civil Registry"}})
	must(t, err)
	v, err := verifier.New(verifier.Config{Resolver: didjwk.Resolver{}, Issuers: issuers})
	must(t, err)
	holder := credential.NewHolder(phone)
	held, err := holder.Receive(issue(registry, issuer.String(), phone.Public()), registry.Public(), time.Now())
	must(t, err)

	for _, c := range []struct {
		mode, by, prefix string
		crossDevice      bool
	}{
		{"direct_post.jwt", "get", "", true}, {"direct_post.jwt", "post", "", false}, {"direct_post.jwt", "value", "", false}, {"direct_post", "get", "", true},
		{"direct_post", "post", "", false}, {"fragment", "get", "", false}, {"dc_api", "", "", false}, {"dc_api.jwt", "", "", false},
		{"direct_post.jwt", "value", "redirect_uri", true}, {"direct_post", "value", "redirect_uri", false}, {"fragment", "value", "redirect_uri", false}, {"dc_api.jwt", "value", "redirect_uri", false},
	} {
		t.Run(c.mode+" "+c.by+c.prefix, func(t *testing.T) {
			config := openid4vp.Config{
				Verifier: v, Policy: policy, BaseURL: "https://hospital.example/verify", ReturnURL: "https://hospital.example/done", RequestBy: c.by, Prefix: c.prefix,
				Templates: []openid4vp.Template{{
					Name: "hospital-admission", Type: idCard, Claims: []disclosure.Path{{"Blood Group"}}, CrossDevice: c.crossDevice, Mode: c.mode,
					Why: map[string]string{"en": "For the right blood."}, Paper: map[string]string{"en": "Paper will do."}, Transactions: []string{"consent"},
				}},
			}
			if c.prefix == "" {
				config.Signer, config.KeyID = key, hospital.String()+"#0"
			}
			door, err := openid4vp.New(config)
			must(t, err)
			server := httptest.NewServer(door)
			defer server.Close()
			w, err := wallet.New(wallet.Config{
				Policy: policy, Resolver: didjwk.Resolver{}, Transactions: []string{"consent"}, InsecureHosts: map[string]string{"hospital.example": server.URL},
			})
			must(t, err)
			begun := httptest.NewRecorder()
			tx, err := door.Begin(begun, httptest.NewRequest("POST", "https://hospital.example/", nil), "hospital-admission", json.RawMessage(`{"type":"consent","text":"an operation"}`))
			must(t, err)
			cookie := begun.Result().Cookies()[0]

			var r *wallet.Request
			if tx.Link != "" {
				r, err = w.Open(t.Context(), tx.Link)
			} else {
				var dc struct{ Data json.RawMessage }
				must(t, json.Unmarshal(tx.DCAPI, &dc))
				r, err = w.OpenData(t.Context(), dc.Data, "https://hospital.example")
			}
			must(t, err)
			if !r.Listed || r.Why["en"] != "For the right blood." || !r.SaysKept || len(r.Transactions) != 1 {
				t.Errorf("%+v", r.Why)
			}
			choice, err := r.Choose(wallet.Card{ID: "id", Held: held, Holder: holder})
			must(t, err)
			out, err := r.Answer(t.Context(), choice)
			must(t, err)

			page := httptest.NewRequest("GET", "https://hospital.example/done", nil)
			switch {
			case out.Data != nil, c.mode == "fragment": // the page posts what it got
				body, media := string(out.Data), "application/json"
				if out.Data == nil {
					_, body, _ = strings.Cut(out.Follow, "#")
					media = "application/x-www-form-urlencoded"
				}
				sent := httptest.NewRequest("POST", tx.Answer, strings.NewReader(body))
				sent.Header.Set("Content-Type", media)
				sent.AddCookie(cookie)
				reply := httptest.NewRecorder()
				if door.ServeHTTP(reply, sent); reply.Code != 200 {
					t.Fatal(reply.Code, reply.Body)
				}
			case c.crossDevice:
				if out.Follow != "" {
					t.Errorf("follow %q", out.Follow)
				}
			default: // the browser comes back with a code
				u, err := url.Parse(out.Follow)
				if err != nil || u.Query().Get("response_code") == "" {
					t.Fatalf("%q, %v", out.Follow, err)
				}
				page = httptest.NewRequest("GET", out.Follow, nil)
			}
			page.AddCookie(cookie)
			res, err := door.Wait(page, tx.Handle)
			must(t, err)
			if group, err := res.Text("Blood Group"); err != nil || group != "B+" || len(res.Cards) != 1 {
				t.Errorf("%v", err)
			}
		})
	}
}
