package openid4vp_test

import (
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/khyer/khyer/credential"
	"github.com/khyer/khyer/did"
	"github.com/khyer/khyer/did/didjwk"
	"github.com/khyer/khyer/did/didkey"
	"github.com/khyer/khyer/disclosure"
	"github.com/khyer/khyer/internal/oid4vp"
	"github.com/khyer/khyer/verifier"
	"github.com/khyer/khyer/verifier/openid4vp/wallet"
	"github.com/khyer/khyer/verifier/trust"
)

// allowed is what a list allows a hospital to ask for.
var allowed = map[string][]disclosure.Path{vct: {{"Full Name"}, {"Blood Group"}, {"Address", "Village"}}}

// ownCard is a card of ours with our holder.
func ownCard(t testing.TB, r *registry) wallet.Card {
	t.Helper()
	key := generate(t)
	h := credential.NewHolder(key)
	held, err := h.Receive(r.issue(t, key.Public()), r.signer.Public(), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return wallet.Card{ID: "citizen", Held: held, Holder: h}
}

// newWallet is a wallet of ours. Without purposes it takes requests of verifiers that nobody has listed.
func newWallet(t testing.TB, hosts map[string]string, purposes ...trust.Purpose) *wallet.Wallet {
	t.Helper()
	c := wallet.Config{Resolver: did.Mux{"jwk": didjwk.Resolver{}, "key": didkey.Resolver{}}, Roots: []*x509.Certificate{authority(t).root}, InsecureHosts: hosts,
		Transactions: []string{"https://hospital.example/operation"}}
	if c.InsecureUnlisted = len(purposes) == 0; c.InsecureUnlisted {
		purposes = []trust.Purpose{{Agency: "redirect_uri:https://nobody.example/", Name: "none", Claims: allowed}}
	}
	var err error
	if c.Policy, err = trust.NewPolicy(purposes...); err != nil {
		t.Fatal(err)
	}
	w, err := wallet.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// show answers a request with what shows the least.
func show(t testing.TB, w *wallet.Wallet, link string, cards ...wallet.Card) (*wallet.Request, *wallet.Outcome, error) {
	t.Helper()
	r, err := w.Open(t.Context(), link)
	if err != nil {
		return nil, nil, err
	}
	choice, err := r.Choose(cards...)
	if err != nil {
		return r, nil, err
	}
	out, err := r.Answer(t.Context(), choice)
	return r, out, err
}

// TestOurWalletAnswersCredo: Credo's verifier asks our wallet by its DIDs, by its certificate and unsigned, in both modes, verifies the answer, and has the three claims
// and no fourth.
func TestOurWalletAnswersCredo(t *testing.T) {
	v, r := newCredoVerifier(t), newRegistry(t)
	host := strings.TrimPrefix(v.URL, "https://")
	w := newWallet(t, map[string]string{host: v.Plain})
	askers := v.askers(t)
	askers["redirect_uri"] = nil
	for name, signer := range askers {
		for _, mode := range []oid4vp.Mode{oid4vp.DirectPost, oid4vp.DirectPostJWT} {
			t.Run(name+" "+string(mode), func(t *testing.T) {
				a := v.asks(t, signer, mode)
				request, out, err := show(t, w, a.Link, ownCard(t, r))
				if err != nil {
					t.Fatal(err, v.verdict(t, a))
				}
				if request.Listed || out.Follow != v.URL+"/done" {
					t.Errorf("listed %v; sent to %q", request.Listed, out.Follow)
				}
				got := v.verdict(t, a)
				if got.State != "ResponseVerified" || len(got.Cards["citizen"]) != 1 {
					t.Fatalf("%+v", got)
				}
				var claims map[string]any
				if err := json.Unmarshal(got.Cards["citizen"][0], &claims); err != nil {
					t.Fatal(err)
				}
				if _, there := claims["ID Number"]; there || claims["Blood Group"] != "B+" || claims["Full Name"] != "Pema Lhaden" {
					t.Errorf("%s", got.Cards["citizen"][0])
				}
			})
		}
	}
}

// TestOurWalletAnswersCredoThroughTheBrowser: the Digital Credentials API, in the clear and encrypted, signed and unsigned; for a page of another origin the
// wallet refuses a signed request, and Credo the answer to an unsigned one.
func TestOurWalletAnswersCredoThroughTheBrowser(t *testing.T) {
	v, r, w := newCredoVerifier(t), newRegistry(t), newWallet(t, nil)
	askers := v.askers(t)
	askers["unsigned"] = nil
	for name, signer := range askers {
		for _, mode := range []oid4vp.Mode{oid4vp.DCAPI, oid4vp.DCAPIJWT} {
			t.Run(name+" "+string(mode), func(t *testing.T) {
				answer := func(origin string) (asking, error) {
					a := v.asks(t, signer, mode)
					request, err := w.OpenData(t.Context(), a.Data, origin)
					if err != nil {
						return a, err
					}
					choice, err := request.Choose(ownCard(t, r))
					if err != nil {
						t.Fatal(err)
					}
					out, err := request.Answer(t.Context(), choice)
					if err != nil {
						t.Fatal(err)
					}
					return a, v.process.ask(t, new(any), "take", map[string]any{"id": a.ID, "answer": out.Data, "origin": asksFrom})
				}
				a, err := answer(asksFrom)
				if err != nil {
					t.Fatal(err)
				}
				if got := v.verdict(t, a); got.State != "ResponseVerified" || len(got.Cards["citizen"]) != 1 {
					t.Errorf("%+v", got)
				}
				if _, err := answer("https://evil.example"); err == nil || errors.Is(err, wallet.OriginMismatch) != (signer != nil) {
					t.Errorf("for another origin: %v", err)
				}
			})
		}
	}
}

// TestOurWalletAuthorizesATransactionOfCredo: the hashes in our key binding are those that Credo computes.
func TestOurWalletAuthorizesATransactionOfCredo(t *testing.T) {
	v, r := newCredoVerifier(t), newRegistry(t)
	w := newWallet(t, map[string]string{strings.TrimPrefix(v.URL, "https://"): v.Plain})
	authorize := func(algs ...string) (verdict, error) {
		data := map[string]any{"type": "https://hospital.example/operation", "credential_ids": []string{"citizen"}, "what": "appendix"}
		if algs != nil {
			data["transaction_data_hashes_alg"] = algs
		}
		var a asking
		v.must(t, &a, "ask", map[string]any{"signer": map[string]any{"did": "jwk"}, "mode": "direct_post", "query": json.RawMessage(bloodGroup), "transactionData": []any{data}})
		_, _, err := show(t, w, a.Link, ownCard(t, r))
		return v.verdict(t, a), err
	}
	if got, err := authorize("sha-256"); err != nil || got.State != "ResponseVerified" || got.TransactionData != 1 {
		t.Errorf("%+v, %v", got, err)
	}
	// Where the request names no hash, the answer need not (appendix B.3.3.1); Credo's verifier wants it all the same, so that ours has it.
	if got, err := authorize(); err != nil || got.TransactionData != 1 {
		t.Errorf("%+v, %v", got, err)
	}
}

// TestCredoRefusesABadCardOfOurWallet: what its verifier's acceptance above is worth.
func TestCredoRefusesABadCardOfOurWallet(t *testing.T) {
	v, r := newCredoVerifier(t), newRegistry(t)
	w := newWallet(t, map[string]string{strings.TrimPrefix(v.URL, "https://"): v.Plain})
	other := &registry{id: r.id, signer: generate(t)} // signs in the name of the first
	var err error
	if other.issuer, err = credential.NewIssuer(credential.IssuerConfig{ID: r.id, KeyID: r.id + "#0", Signer: other.signer}); err != nil {
		t.Fatal(err)
	}
	a := v.asks(t, map[string]any{"did": "jwk"}, oid4vp.DirectPost)
	_, _, err = show(t, w, a.Link, ownCard(t, other))
	if !errors.Is(err, wallet.NotAccepted) {
		t.Errorf("%v, want %s", err, wallet.NotAccepted)
	}
	if got := v.verdict(t, a); got.State == "ResponseVerified" || got.Error == "" {
		t.Errorf("%+v", got)
	}
}

// peerDesk is a service on @openid4vc: it has the request object of one transaction, and what was posted to it.
type peerDesk struct {
	oid4vc
	plain   string // of https://hospital.example
	request map[string]any
	link    string

	mu     sync.Mutex
	object string
	posted url.Values
}

const hospital = "https://hospital.example"

func newPeerDesk(t testing.TB) *peerDesk {
	t.Helper()
	d := &peerDesk{oid4vc: newOid4vc(t)}
	d.leaf = authority(t).certify(t, public(t, d.jwk), "hospital.example")
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		d.mu.Lock()
		defer d.mu.Unlock()
		switch {
		case r.URL.Path == "/request" && r.Method == http.MethodGet:
			w.Header().Set("Content-Type", "application/oauth-authz-req+jwt")
			w.Write([]byte(d.object))
		case r.URL.Path == "/response" && r.ParseForm() == nil:
			d.posted = r.PostForm
			w.Header().Set("Content-Type", "application/json")
			w.Write([]byte(`{}`))
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(s.Close)
	d.plain = s.URL
	return d
}

// asks makes a request; purpose is what it says of why it asks, if it says so.
func (d *peerDesk) asks(t testing.TB, clientID string, signer any, mode, purpose string) {
	t.Helper()
	var key json.RawMessage
	d.must(t, &key, "answerKey", nil)
	d.request = map[string]any{"client_id": clientID, "response_type": "vp_token", "response_mode": mode, "response_uri": hospital + "/response",
		"nonce": rand.Text(), "state": rand.Text(), "dcql_query": json.RawMessage(bloodGroup), "client_metadata": map[string]any{
			"vp_formats_supported": map[string]any{"dc+sd-jwt": map[string]any{"sd-jwt_alg_values": []string{"ES256"}, "kb-jwt_alg_values": []string{"ES256"}}},
			"jwks":                 map[string]any{"keys": []any{key}}, "encrypted_response_enc_values_supported": []string{"A256GCM"}}}
	if purpose != "" {
		d.request["verifier_info"] = []any{map[string]any{"format": oid4vp.StatementFormat, "data": map[string]any{"purpose": purpose}}}
	}
	var made struct{ Link, Object string }
	d.must(t, &made, "ask", map[string]any{"signer": signer, "requestUri": hospital + "/request", "request": d.request, "aud": oid4vp.StaticAudience})
	d.mu.Lock()
	d.link, d.object, d.posted = made.Link, made.Object, nil
	d.mu.Unlock()
}

// TestOurWalletAnswersTheProtocolPeer: @openid4vc asks our wallet and reads its answer; Credo and our verifier believe what it shows.
func TestOurWalletAnswersTheProtocolPeer(t *testing.T) {
	d, r, c := newPeerDesk(t), newRegistry(t), newCredo(t)
	w := newWallet(t, map[string]string{"hospital.example": d.plain})
	chain := []string{base64.StdEncoding.EncodeToString(d.leaf.Raw)}
	for id, signer := range map[string]any{
		"decentralized_identifier:" + d.did: "did", oid4vp.ClientOfCertificate(d.leaf).String(): chain, "x509_san_dns:hospital.example": chain,
		"redirect_uri:" + hospital + "/response": nil,
	} {
		for _, mode := range []string{"direct_post", "direct_post.jwt"} {
			prefix, _, _ := strings.Cut(id, ":")
			t.Run(prefix+" "+mode, func(t *testing.T) {
				d.asks(t, id, signer, mode, "")
				if _, _, err := show(t, w, d.link, ownCard(t, r)); err != nil {
					t.Fatal(err)
				}
				answer := map[string]any{}
				for name, v := range d.posted {
					answer[name] = v[0]
					if name == "vp_token" {
						answer[name] = json.RawMessage(v[0])
					}
				}
				var got struct {
					Type, Nonce, Encrypted string
					VPToken                verifier.Answer
					Header                 struct{ Enc string }
				}
				d.must(t, &got, "understand", map[string]any{"request": d.request, "answer": answer})
				if want := map[string]string{"direct_post": "", "direct_post.jwt": "A256GCM"}[mode]; got.Type != "dcql" || got.Header.Enc != want || len(got.VPToken["citizen"]) != 1 {
					t.Errorf("%+v", got)
				}
				if _, err := agency(t, r).VerifyAnswer(t.Context(), got.VPToken, expect(t, id, d.request["nonce"].(string))); err != nil {
					t.Error(err)
				}
				var judged struct {
					Valid bool
					Why   string
				}
				for nonce, want := range map[string]bool{d.request["nonce"].(string): true, "another": false} {
					c.must(t, &judged, "check", map[string]any{"card": string(got.VPToken["citizen"][0]), "keyBinding": map[string]any{"audience": id, "nonce": nonce}})
					if judged.Valid != want {
						t.Errorf("Credo, nonce %s: %+v", nonce, judged)
					}
				}
			})
		}
	}
}

// TestOurWalletAndAListedPeer: where the list knows the peer, its request is held against what it may ask for, to what end and where. To what end stands
// in verifier_info, which any verifier can write.
func TestOurWalletAndAListedPeer(t *testing.T) {
	d, r := newPeerDesk(t), newRegistry(t)
	id := "decentralized_identifier:" + d.did
	less := map[string][]disclosure.Path{vct: {{"Blood Group"}}}
	for name, c := range map[string]struct {
		says    string
		purpose trust.Purpose
		want    disclosure.Reason // none: answered
	}{
		"as listed":       {"admission", trust.Purpose{Agency: id, Name: "admission", Claims: allowed, Hosts: []string{"hospital.example"}}, ""},
		"other purpose":   {"research", trust.Purpose{Agency: id, Name: "admission", Claims: allowed, Hosts: []string{"hospital.example"}}, trust.PurposeUnknown},
		"no purpose":      {"", trust.Purpose{Agency: id, Name: "admission", Claims: allowed, Hosts: []string{"hospital.example"}}, trust.PurposeUnknown},
		"asks too much":   {"admission", trust.Purpose{Agency: id, Name: "admission", Claims: less, Hosts: []string{"hospital.example"}}, trust.AsksTooMuch},
		"other place":     {"admission", trust.Purpose{Agency: id, Name: "admission", Claims: allowed, Hosts: []string{"clinic.example"}}, wallet.PlaceNotAccredited},
		"another's entry": {"admission", trust.Purpose{Agency: id + "x", Name: "admission", Claims: allowed, Hosts: []string{"hospital.example"}}, wallet.VerifierUnknown},
	} {
		t.Run(name, func(t *testing.T) {
			d.asks(t, id, "did", "direct_post.jwt", c.says)
			w := newWallet(t, map[string]string{"hospital.example": d.plain}, c.purpose)
			request, _, err := show(t, w, d.link, ownCard(t, r))
			if c.want != "" {
				if !errors.Is(err, c.want) || d.posted != nil {
					t.Errorf("%v, want %s; posted %v", err, c.want, slices.Collect(maps.Keys(d.posted)))
				}
				return
			}
			if err != nil || !request.Listed || request.Purpose.Name != "admission" || !d.posted.Has("response") {
				t.Errorf("%+v, %v", request, err)
			}
		})
	}
}
