package openid4vp_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/khyer/khyer/credential"
	"github.com/khyer/khyer/did/didethr/anchor"
	"github.com/khyer/khyer/disclosure"
	"github.com/khyer/khyer/verifier"
	"github.com/khyer/khyer/verifier/openid4vp"
	"github.com/khyer/khyer/verifier/trust"
)

func cut(url string) (did, fragment string, ok bool) { return strings.Cut(url, "#") }

var pema = told{Name: "Pema Lhaden", Blood: "B+", Village: "Changangkha"}

// TestCredoAnswersOurDoor: the wallet answers the door in every way that the door can ask it: known by a DID, by a certificate or not at all,
// posted in the clear and encrypted, the request fetched, fetched with POST and handed over, the wallet on the same device and on another one.
func TestCredoAnswersOurDoor(t *testing.T) {
	r := newRegistry(t)
	c, v := withCard(t, r), agency(t, r)
	for name, way := range ways(t) {
		for _, mode := range []string{"direct_post", "direct_post.jwt"} {
			for _, by := range []string{"get", "post", "value"} {
				if name == "redirect_uri" && by != "value" {
					continue
				}
				for _, cross := range []bool{false, true} {
					t.Run(strings.Join([]string{name, mode, by, map[bool]string{true: "cross-device", false: "same device"}[cross]}, " "), func(t *testing.T) {
						way := way
						way.RequestBy = by
						admit(t, c, newDesk(t, v, way, openid4vp.Template{Mode: mode, CrossDevice: cross}), cross)
					})
				}
			}
		}
	}
}

// admit lets a citizen through the door with the wallet.
func admit(t testing.TB, c credo, d *desk, cross bool) {
	t.Helper()
	b, other := newBrowser(t), newBrowser(t)
	page := b.begin(t, d)
	got, err := c.answer(t, page.Link)
	if err != nil {
		t.Fatal(err)
	}
	if !got.OK || got.Status != http.StatusOK {
		t.Fatalf("%d %s; %v", got.Status, got.Body, d.log(t, page.Handle))
	}
	if cross {
		if got.Redirect != "" {
			t.Errorf("the wallet on another device is sent to %q", got.Redirect)
		}
		if said := other.result(t, d, page.Handle); !strings.Contains(said.Error, "another browser") {
			t.Errorf("another browser is told %+v", said)
		}
		if said := b.result(t, d, page.Handle); !reflect.DeepEqual(said, pema) {
			t.Errorf("%+v", said)
		}
		return
	}
	back, err := url.Parse(got.Redirect)
	if err != nil || back.Path != "/result" || back.Query().Get("response_code") == "" {
		t.Fatalf("the wallet is sent to %q", got.Redirect)
	}
	// The browser that began is told nothing before it has come back from the wallet, and another one with the code nothing at all.
	early, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	r, err := http.NewRequestWithContext(early, "GET", d.URL+"/result", nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, cookie := range b.Jar.Cookies(back) {
		r.AddCookie(cookie)
	}
	if _, err := d.door.Wait(r, page.Handle); err != openid4vp.ErrPending {
		t.Errorf("before the browser has come back: %v", err)
	}
	if said := other.open(t, got.Redirect); !strings.Contains(said.Error, "another browser") {
		t.Errorf("another browser is told %+v", said)
	}
	if said := b.open(t, got.Redirect); !reflect.DeepEqual(said, pema) {
		t.Errorf("%+v", said)
	}
	if steps := d.log(t, page.Handle); !slices.Contains(steps, string(openid4vp.Accepted)) || !slices.Contains(steps, string(openid4vp.Returned)) {
		t.Errorf("log %v", steps)
	}
}

// TestCredoAnswersADoorByItsDID: with the DIDs of three more methods, each by reference and encrypted; that of the chain in the issuer's place too.
func TestCredoAnswersADoorByItsDID(t *testing.T) {
	r, chain := newRegistry(t), newCountry(t)
	c, v := withCard(t, r), agency(t, r)
	c.must(t, new(any), "ethr", map[string]any{"server": chain.server})
	_, key, keySigner := didKey(t)
	_, web, webSigner := didWeb(t)
	a := chain.anchor(t, anchor.SigAuth)
	for name, way := range map[string]openid4vp.Config{"did:key": byDID(key, keySigner), "did:web": byDID(web, webSigner), "did:ethr": byDID(a.method, a.key)} {
		t.Run(name, func(t *testing.T) { admit(t, c, newDesk(t, v, way, openid4vp.Template{}), false) })
	}
}

// TestDoorRefusesBadCardsOfCredo: what is wrong with a card reaches the agency's page and not the wallet, and uses nothing up: with the right card
// the same request is answered.
func TestDoorRefusesBadCardsOfCredo(t *testing.T) {
	r := newRegistry(t)
	for name, bad := range map[string]struct {
		card func(mine, other credoKey) []byte
		want verifier.Reason
	}{
		"wrong signature": {func(mine, _ credoKey) []byte { return otherSignature(t, r.issue(t, mine.public(t))) }, credential.SignatureInvalid},
		"foreign issuer":  {func(mine, _ credoKey) []byte { return newRegistry(t).issue(t, mine.public(t)) }, trust.IssuerNotTrusted},
		"stolen card":     {func(_, other credoKey) []byte { return r.issue(t, other.public(t)) }, credential.BindingSignature},
	} {
		for _, mode := range []string{"direct_post", "direct_post.jwt"} {
			t.Run(name+" "+mode, func(t *testing.T) {
				c, b := newCredo(t), newBrowser(t)
				d := newDesk(t, agency(t, r), ways(t)["decentralized_identifier"], openid4vp.Template{Mode: mode, CrossDevice: true})
				mine, other := c.key(t), c.key(t)
				c.hold(t, bad.card(mine, other), mine)
				page := b.begin(t, d)
				got, err := c.answer(t, page.Link)
				if err != nil {
					t.Fatal(err)
				}
				if got.OK || got.Status != http.StatusBadRequest || string(got.Body) != `{"error":"invalid_request"}` {
					t.Errorf("the wallet is told %d %s", got.Status, got.Body)
				}
				if said := b.result(t, d, page.Handle); said.Reason != bad.want {
					t.Errorf("%+v, want %s", said, bad.want)
				}
				c.must(t, new(any), "forget", nil)
				c.hold(t, r.issue(t, mine.public(t)), mine)
				if got, err := c.answer(t, page.Link); err != nil || !got.OK {
					t.Fatal(got, err)
				}
				if said := b.result(t, d, page.Handle); !reflect.DeepEqual(said, pema) {
					t.Errorf("%+v", said)
				}
			})
		}
	}
}

// TestStolenAnswerOfCredo: what the wallet posted is posted again, to its own transaction and to that of a thief, as it is and with the thief's state.
func TestStolenAnswerOfCredo(t *testing.T) {
	r := newRegistry(t)
	for _, mode := range []string{"direct_post", "direct_post.jwt"} {
		t.Run(mode, func(t *testing.T) {
			c, citizen, thief := withCard(t, r), newBrowser(t), newBrowser(t)
			d := newDesk(t, agency(t, r), ways(t)["decentralized_identifier"], openid4vp.Template{Mode: mode, CrossDevice: true})
			page, his := citizen.begin(t, d), thief.begin(t, d)
			got, err := c.answer(t, page.Link)
			if err != nil || !got.OK {
				t.Fatal(got, err)
			}
			posted := url.Values{}
			for name, raw := range got.Sent {
				var text string
				if json.Unmarshal(raw, &text) != nil {
					text = string(raw)
				}
				posted.Set(name, text)
			}
			forged := url.Values{"vp_token": {posted.Get("vp_token")}, "state": {his.Handle}}
			for what, try := range map[string]struct {
				handle string
				form   url.Values
			}{"again": {page.Handle, posted}, "as it is": {his.Handle, posted}, "with his state": {his.Handle, forged}} {
				status := thief.do(t, t.Context(), "POST", d.URL+"/verify/answer/"+try.handle, strings.NewReader(try.form.Encode()), "application/x-www-form-urlencoded", nil)
				if status != http.StatusBadRequest {
					t.Errorf("%s: %d", what, status)
				}
			}
			if steps := d.log(t, his.Handle); slices.Contains(steps, string(openid4vp.Accepted)) {
				t.Errorf("log %v", steps)
			}
			if said := citizen.result(t, d, page.Handle); !reflect.DeepEqual(said, pema) {
				t.Errorf("%+v", said)
			}
		})
	}
}

// TestCredoAuthorizesATransaction: the wallet puts the hashes of transaction data into its key binding, and the door tells which were authorized.
func TestCredoAuthorizesATransaction(t *testing.T) {
	r := newRegistry(t)
	c, b := withCard(t, r), newBrowser(t)
	d := newDesk(t, agency(t, r), ways(t)["decentralized_identifier"], openid4vp.Template{CrossDevice: true, Transactions: []string{"https://hospital.example/operation"}})
	page := b.begin(t, d, `{"type":"https://hospital.example/operation","what":"appendix"}`, `{"type":"https://hospital.example/operation","what":"bed"}`)
	read, err := c.read(t, page.Link)
	if err != nil || read.TransactionData != 2 {
		t.Fatalf("%+v, %v", read, err)
	}
	if got, err := c.answer(t, page.Link); err != nil || !got.OK {
		t.Fatal(got, err)
	}
	want := pema
	want.Transactions = []int{0, 1}
	if said := b.result(t, d, page.Handle); !reflect.DeepEqual(said, want) {
		t.Errorf("%+v", said)
	}
}

// TestCredoAnswersThroughTheBrowser: the Digital Credentials API, whose part the test plays: it hands the request and the page's origin to the wallet
// and posts what comes back as the page would.
func TestCredoAnswersThroughTheBrowser(t *testing.T) {
	r := newRegistry(t)
	c, v := withCard(t, r), agency(t, r)
	for _, name := range []string{"decentralized_identifier", "x509_hash", "x509_san_dns", "redirect_uri"} {
		for _, mode := range []string{"dc_api", "dc_api.jwt"} {
			t.Run(name+" "+mode, func(t *testing.T) {
				b := newBrowser(t)
				d := newDesk(t, v, ways(t)[name], openid4vp.Template{Mode: mode})
				page := b.begin(t, d)
				var asked struct {
					Protocol string
					Data     json.RawMessage
				}
				if err := json.Unmarshal(page.DCAPI, &asked); err != nil {
					t.Fatal(err)
				}
				post := func(origin string) (status int, err error) {
					got := &answered{}
					if err := c.ask(t, got, "answer", map[string]any{"request": asked.Data, "roots": []string{authority(t).encoded()}, "origin": origin}); err != nil {
						return 0, err
					}
					body, err := json.Marshal(got.Sent)
					if err != nil {
						t.Fatal(err)
					}
					return b.do(t, t.Context(), "POST", page.Answer, bytes.NewReader(body), "application/json", nil), nil
				}
				// A page of another origin got hold of the request: the wallet refuses it where it is signed, because it names its origins, and
				// otherwise binds the card to that page, which the door sees.
				if status, err := post("https://evil.example"); err == nil && status != http.StatusBadRequest {
					t.Errorf("for another origin: %d", status)
				} else if (err != nil) != (name != "redirect_uri") {
					t.Errorf("for another origin: %v", err)
				}
				if name == "redirect_uri" {
					if said := b.result(t, d, page.Handle); said.Reason != credential.AudienceMismatch {
						t.Errorf("%+v", said)
					}
				}
				if status, err := post(d.URL); err != nil || status != http.StatusOK {
					t.Fatal(status, err, d.log(t, page.Handle))
				}
				if said := b.result(t, d, page.Handle); !reflect.DeepEqual(said, pema) {
					t.Errorf("%+v", said)
				}
			})
		}
	}
}

// TestProtocolPeerAnswersOurDoor: @openid4vc carries an answer of our own holder to the door, in both encryptions, from requests that it fetched, fetched
// with POST and its metadata, and was handed.
func TestProtocolPeerAnswersOurDoor(t *testing.T) {
	peer, r := newOid4vc(t), newRegistry(t)
	v, key := agency(t, r), generate(t)
	h := credential.NewHolder(key)
	card, err := h.Receive(r.issue(t, key.Public()), r.signer.Public(), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	metadata := map[string]any{"vp_formats_supported": map[string]any{"dc+sd-jwt": map[string]any{"sd-jwt_alg_values": []string{"ES256"}}}}
	for _, by := range []string{"get", "post", "value"} {
		for _, enc := range []string{"", "A128GCM", "A256GCM"} {
			t.Run(by+" "+enc, func(t *testing.T) {
				b, way, mode := newBrowser(t), ways(t)["decentralized_identifier"], "direct_post.jwt"
				if way.RequestBy = by; enc == "" {
					mode = "direct_post"
				}
				d := newDesk(t, v, way, openid4vp.Template{Mode: mode, CrossDevice: true})
				page := b.begin(t, d)
				u, err := peer.read(t, page.Link, map[string]any{"metadata": metadata})
				if err != nil {
					t.Fatal(err)
				}
				var asked struct{ Nonce string }
				if err := json.Unmarshal(u.Request, &asked); err != nil {
					t.Fatal(err)
				}
				shown, err := h.Present(t.Context(), card, credential.Showing{Audience: u.ClientID, Nonce: asked.Nonce, At: time.Now(),
					Reveal: []disclosure.Path{{"Full Name"}, {"Blood Group"}, {"Address", "Village"}}})
				if err != nil {
					t.Fatal(err)
				}
				var done struct {
					OK     bool
					Status int
					Body   string
				}
				peer.must(t, &done, "answer", map[string]any{"request": page.Link, "vpToken": map[string]any{"citizen": []string{string(shown)}}, "encs": []string{enc}})
				if !done.OK {
					t.Fatalf("%+v; %v", done, d.log(t, page.Handle))
				}
				if said := b.result(t, d, page.Handle); !reflect.DeepEqual(said, pema) {
					t.Errorf("%+v", said)
				}
			})
		}
	}
}

// TestCardThatCredoIssued: issuer and wallet are the peer's, verifier and door ours. Credo names its key by a relative kid.
func TestCardThatCredoIssued(t *testing.T) {
	for _, method := range []string{"jwk", "key"} {
		t.Run("did:"+method, func(t *testing.T) {
			c := newCredo(t)
			k := c.key(t)
			payload := map[string]any{}
			if err := json.Unmarshal([]byte(citizen), &payload); err != nil {
				t.Fatal(err)
			}
			payload["vct"], payload["exp"] = vct, time.Now().Add(time.Hour).Unix()
			var issued struct{ Card, DID string }
			c.must(t, &issued, "issue", map[string]any{"method": method, "payload": payload, "jwk": k.JWK, "frame": map[string]any{
				"_sd": []string{"Full Name", "ID Number", "Blood Group"}, "Address": map[string]any{"_sd": []string{"Village", "Dzongkhag"}}}})
			header, err := base64.RawURLEncoding.DecodeString(issued.Card[:strings.IndexByte(issued.Card, '.')])
			if err != nil || !strings.Contains(string(header), `"kid":"#`) {
				t.Errorf("header %s", header)
			}
			c.hold(t, []byte(issued.Card), k)
			admit(t, c, newDesk(t, agency(t, &registry{id: issued.DID}), ways(t)["decentralized_identifier"], openid4vp.Template{}), false)
		})
	}
}
