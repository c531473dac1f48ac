package openid4vp_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/khyer/khyer/did/pubkey"
)

// credo is a Credo wallet.
type credo struct{ *process }

// credoKey is a key in the wallet.
type credoKey struct {
	KeyID string          `json:"keyId"`
	JWK   json.RawMessage `json:"jwk"`
}

func (k credoKey) public(t testing.TB) pubkey.Key {
	t.Helper()
	key, err := pubkey.ParseJWK(k.JWK)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// newCredo returns the wallet without cards. It opens no http URL, unless it is told to.
func newCredo(t testing.TB) credo { return openCredo(t, "credo.mjs") }

func openCredo(t testing.TB, script string) credo {
	t.Helper()
	c := credo{start(t, script)}
	c.must(t, new(any), "forget", nil)
	return c
}

func (c credo) key(t testing.TB) (k credoKey) {
	t.Helper()
	c.must(t, &k, "key", nil)
	return k
}

// hold gives the wallet a card for one of its keys.
func (c credo) hold(t testing.TB, card []byte, k credoKey) {
	t.Helper()
	c.must(t, new(string), "hold", map[string]any{"card": string(card), "keyId": k.KeyID})
}

// withCard is a wallet that holds a card of ours for a key of its own.
func withCard(t testing.TB, r *registry) credo {
	t.Helper()
	c := newCredo(t)
	k := c.key(t)
	c.hold(t, r.issue(t, k.public(t)), k)
	return c
}

// reading is what the wallet makes of a request.
type reading struct {
	Prefix, ClientID    string
	Signed, Satisfiable bool
	Request             map[string]json.RawMessage
	TransactionData     int
}

func (c credo) read(t testing.TB, request string) (*reading, error) {
	t.Helper()
	r := &reading{}
	return r, c.ask(t, r, "read", map[string]any{"request": request, "roots": []string{authority(t).encoded()}})
}

// answered is what became of an answer that the wallet gave.
type answered struct {
	OK       bool
	Status   int
	Body     json.RawMessage
	Redirect string
	Sent     map[string]json.RawMessage // as it was posted
	Plain    map[string]json.RawMessage // before encryption
}

// String leaves the answer itself out.
func (a *answered) String() string {
	return fmt.Sprintf("ok %v, status %d, body %s, redirect to %q", a.OK, a.Status, a.Body, a.Redirect)
}

func (c credo) answer(t testing.TB, request string) (*answered, error) {
	t.Helper()
	a := &answered{}
	return a, c.ask(t, a, "answer", map[string]any{"request": request, "roots": []string{authority(t).encoded()}})
}

// TestCredoBelievesOurCards: the wallet's own check of a card that we issued, and that it can fail.
func TestCredoBelievesOurCards(t *testing.T) {
	r := newRegistry(t)
	c := newCredo(t)
	k := c.key(t)
	card := r.issue(t, k.public(t))
	check := func(card []byte) (valid bool, why string) {
		var got struct {
			Valid bool
			Why   string
		}
		c.must(t, &got, "check", map[string]any{"card": string(card)})
		return got.Valid, got.Why
	}
	if valid, why := check(card); !valid {
		t.Error("refused: ", why)
	}
	if valid, _ := check(otherSignature(t, card)); valid {
		t.Error("the signature is wrong, and the wallet believes the card")
	}
}
