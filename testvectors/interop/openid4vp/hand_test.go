package openid4vp_test

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"sync"
	"testing"

	"github.com/khyer/khyer/credential"
	"github.com/khyer/khyer/disclosure"
	"github.com/khyer/khyer/disclosure/dcql"
	"github.com/khyer/khyer/verifier"
	"github.com/khyer/khyer/verifier/trust"
)

const bloodGroup = `{"credentials":[{"id":"citizen","format":"dc+sd-jwt","meta":{"vct_values":["` + vct + `"]},
	"claims":[{"path":["Full Name"]},{"path":["Blood Group"]},{"path":["Address","Village"]}]}]}`

// handDoor is a door made by hand, with no line of ours in the protocol: what is tried with it is the wallet, the card and the verifier.
type handDoor struct {
	*server
	mu     sync.Mutex
	posted url.Values
}

func newHandDoor(t testing.TB) *handDoor {
	d := &handDoor{server: serve(t)}
	d.handle(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseForm(); err != nil || r.Method != http.MethodPost || r.URL.Path != "/response" {
			http.NotFound(w, r)
			return
		}
		d.mu.Lock()
		d.posted = r.PostForm
		d.mu.Unlock()
		w.Header().Set("Content-Type", "application/json")
		w.Write([]byte(`{"redirect_uri":"` + d.URL + `/done"}`))
	}))
	return d
}

// request is the deep link of a request that asks for bloodGroup.
func (d *handDoor) request(t testing.TB, nonce string) (link, clientID string) {
	t.Helper()
	s := generate(t)
	id := jwkDID(t, s)
	clientID = "decentralized_identifier:" + id
	object := sign(t, s, map[string]any{"typ": "oauth-authz-req+jwt", "kid": id + "#0"}, map[string]any{
		"aud": "https://self-issued.me/v2", "client_id": clientID, "response_type": "vp_token", "response_mode": "direct_post",
		"response_uri": d.URL + "/response", "nonce": nonce, "state": rand.Text(), "dcql_query": json.RawMessage(bloodGroup),
		"client_metadata": map[string]any{"vp_formats_supported": map[string]any{"dc+sd-jwt": map[string]any{"sd-jwt_alg_values": []string{"ES256"},
			"kb-jwt_alg_values": []string{"ES256"}}}},
	})
	return "openid4vp://?" + url.Values{"client_id": {clientID}, "request": {object}}.Encode(), clientID
}

// vpToken is the answer that was posted.
func (d *handDoor) vpToken(t testing.TB) (a verifier.Answer) {
	t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := json.Unmarshal([]byte(d.posted.Get("vp_token")), &a); err != nil {
		t.Fatalf("%v in %s", err, d.posted)
	}
	return a
}

func expect(t testing.TB, clientID, nonce string) verifier.Expect {
	t.Helper()
	q, err := dcql.Parse([]byte(bloodGroup))
	if err != nil {
		t.Fatal(err)
	}
	return verifier.Expect{Audience: clientID, Nonce: nonce, Query: q, RefuseSurplus: true}
}

// TestCredoShowsOurCard: a card of ours, held by Credo, shown on a request that no code of ours made, accepted by our verifier with the three
// claims that were asked for and no other.
func TestCredoShowsOurCard(t *testing.T) {
	r := newRegistry(t)
	c, d := withCard(t, r), newHandDoor(t)
	nonce := rand.Text()
	link, clientID := d.request(t, nonce)
	read, err := c.read(t, link)
	if err != nil {
		t.Fatal(err)
	}
	if read.Prefix != "decentralized_identifier" || read.ClientID != clientID || !read.Signed || !read.Satisfiable {
		t.Errorf("%+v", read)
	}
	got, err := c.answer(t, link)
	if err != nil {
		t.Fatal(err)
	}
	if !got.OK || got.Status != http.StatusOK || got.Redirect != d.URL+"/done" {
		t.Errorf("%d, redirect to %q", got.Status, got.Redirect)
	}
	result, err := agency(t, r).VerifyAnswer(t.Context(), d.vpToken(t), expect(t, clientID, nonce))
	if err != nil {
		t.Fatal(err)
	}
	if len(result.Cards) != 1 {
		t.Fatalf("%d cards", len(result.Cards))
	}
	shown(t, result.Cards[0], map[string]disclosure.Path{"Pema Lhaden": {"Full Name"}, "B+": {"Blood Group"}, "Changangkha": {"Address", "Village"}})
	if _, there := result.Cards[0].Claim(disclosure.Path{"ID Number"}); there {
		t.Error("the number was not asked for")
	}
}

// TestCredoShowsABadCard: what the wallet was made to hold, our verifier refuses.
func TestCredoShowsABadCard(t *testing.T) {
	r := newRegistry(t)
	for name, bad := range map[string]struct {
		card func(mine, other credoKey) []byte
		want verifier.Reason
	}{
		"wrong signature": {func(mine, _ credoKey) []byte { return otherSignature(t, r.issue(t, mine.public(t))) }, credential.SignatureInvalid},
		"foreign issuer":  {func(mine, _ credoKey) []byte { return newRegistry(t).issue(t, mine.public(t)) }, trust.IssuerNotTrusted},
		// Copied from somebody's wallet: cnf is another's key. Credo signs the key binding with the key that the record names all the same.
		"stolen card": {func(_, other credoKey) []byte { return r.issue(t, other.public(t)) }, credential.BindingSignature},
	} {
		t.Run(name, func(t *testing.T) {
			c, d := newCredo(t), newHandDoor(t)
			mine, other := c.key(t), c.key(t)
			c.hold(t, bad.card(mine, other), mine)
			nonce := rand.Text()
			link, clientID := d.request(t, nonce)
			if _, err := c.answer(t, link); err != nil {
				t.Fatal(err)
			}
			_, err := agency(t, r).VerifyAnswer(t.Context(), d.vpToken(t), expect(t, clientID, nonce))
			var rejection *verifier.Rejection
			if !errors.As(err, &rejection) || rejection.Reason != bad.want {
				t.Errorf("%v, want %s", err, bad.want)
			}
		})
	}
}

// otherSignature is a card whose issuer's signature has one other character.
func otherSignature(t testing.TB, card []byte) []byte {
	t.Helper()
	at := bytes.IndexByte(card, '~') - 10
	if at < 0 {
		t.Fatal("no card")
	}
	return flip(card, at)
}

// shown checks the texts of claims.
func shown(t testing.TB, card verifier.Card, want map[string]disclosure.Path) {
	t.Helper()
	for text, path := range want {
		if got, err := card.Text(path...); err != nil || got != text {
			t.Errorf("%v is %q, %v; want %q", path, got, err, text)
		}
	}
}
