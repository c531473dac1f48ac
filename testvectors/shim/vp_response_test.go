package main

import (
	"crypto/ecdh"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"testing"
	"time"

	"github.com/khyer/khyer/credential"
	"github.com/khyer/khyer/did"
	"github.com/khyer/khyer/did/didjwk"
	"github.com/khyer/khyer/did/pubkey"
	"github.com/khyer/khyer/disclosure"
	"github.com/khyer/khyer/internal/jose"
	"github.com/khyer/khyer/internal/oid4vp"
	"github.com/khyer/khyer/verifier"
)

// TestResponses gives vp.response what an agency's door gets in every response mode, and faults that an answer can have by itself.
func TestResponses(t *testing.T) {
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	now := time.Unix(1770000000, 0)
	registry, err := pubkey.Generate(pubkey.ES256)
	must(err)
	citizen, err := pubkey.Generate(pubkey.ES256)
	must(err)
	id, err := didjwk.FromKey(registry.Public())
	must(err)
	res, err := didjwk.Resolver{}.Resolve(t.Context(), id, did.At{})
	must(err)
	doc, err := res.Document.MarshalJSON()
	must(err)
	issuer, err := credential.NewIssuer(credential.IssuerConfig{ID: id.String(), KeyID: "#0", Signer: registry, Now: func() time.Time { return now }})
	must(err)
	sdjwt, err := issuer.Issue(t.Context(), credential.Card{
		Type: "t", Claims: json.RawMessage(`{"Full Name":"Pema Example"}`), Holder: citizen.Public(),
		Conceal: disclosure.ConcealOptions{Paths: []disclosure.Path{{"Full Name"}}},
	})
	must(err)
	holder := credential.NewHolder(citizen)
	card, err := holder.Receive(sdjwt, registry.Public(), now)
	must(err)
	key, err := ecdh.P256().GenerateKey(rand.Reader)
	must(err)
	client := oid4vp.ClientOfDID(id) // any will do: the request was verified by the wallet

	ask := func(mode oid4vp.Mode) *oid4vp.Request {
		q := &oid4vp.Request{
			ClientID: client, Mode: mode, Nonce: "nonce-of-the-request", State: "s", Metadata: &oid4vp.Metadata{},
			DCQL: json.RawMessage(`{"credentials":[{"id":"card","format":"dc+sd-jwt","meta":{"vct_values":["t"]},"claims":[{"path":["Full Name"]}]}]}`),
		}
		if mode.Posted() {
			q.ResponseURI = "https://hospital.example/answer"
		}
		if mode == oid4vp.Fragment {
			q.RedirectURI = "https://hospital.example/page"
		}
		if mode.Encrypted() {
			q.Metadata.Keys = []oid4vp.EncryptionKey{{ID: "k", Public: key.PublicKey()}}
		}
		return q
	}
	// line is a request of the shim with the answer of an honest wallet.
	line := func(q *oid4vp.Request, change func(*oid4vp.Response, *string)) map[string]any {
		audience := client.String()
		if q.Mode.InBrowser() {
			audience = "origin:https://hospital.example"
		}
		shown, err := holder.Present(t.Context(), card, credential.Showing{Reveal: []disclosure.Path{{"Full Name"}}, Audience: audience, Nonce: "nonce-of-the-request", At: now})
		must(err)
		token, err := verifier.Answer{"card": {shown}}.MarshalJSON()
		must(err)
		a, as := &oid4vp.Response{Token: token, State: q.State}, string(q.Mode)
		if change != nil {
			change(a, &as)
		}
		text, err := a.JSON()
		must(err)
		request, err := q.JSON()
		must(err)
		var response any = a.Form().Encode()
		switch oid4vp.Mode(as) {
		case oid4vp.DCAPI:
			response = json.RawMessage(text)
		case oid4vp.DirectPostJWT, oid4vp.DCAPIJWT:
			jwe, err := jose.Encrypt(key.PublicKey(), "k", "A128GCM", text)
			must(err)
			response = map[string]string{"response": jwe}
			if as == string(oid4vp.DirectPostJWT) {
				response = url.Values{"response": {jwe}}.Encode()
			}
		}
		return map[string]any{
			"op": "vp.response", "request": json.RawMessage(request), "response": response, "origin": "https://hospital.example", "now": now.Unix(),
			"decryption_jwk": map[string]string{"kty": "EC", "crv": "P-256", "d": base64.RawURLEncoding.EncodeToString(key.Bytes())},
			"resolver":       map[string]any{id.String(): json.RawMessage(doc)}, "issuers": []any{map[string]any{"did": id.String(), "types": []string{"t"}}},
		}
	}
	reply := func(r map[string]any) answer {
		t.Helper()
		text, err := json.Marshal(r)
		must(err)
		out, err := handle(text).line()
		must(err)
		var got answer
		must(json.Unmarshal(out, &got))
		return got
	}
	modes := []oid4vp.Mode{oid4vp.DirectPostJWT, oid4vp.DirectPost, oid4vp.Fragment, oid4vp.DCAPI, oid4vp.DCAPIJWT}
	for _, mode := range modes {
		got := reply(line(ask(mode), nil))
		if got["verdict"] != "accept" || len(got["cards"].([]any)) != 1 {
			t.Errorf("%s: %v", mode, got)
		}
		if got = reply(line(ask(mode), func(a *oid4vp.Response, _ *string) { a.Token, a.Error = nil, "access_denied" })); got["reason"] != "wallet_error" {
			t.Errorf("%s, declined: %v", mode, got)
		}
		for _, other := range modes {
			if got := reply(line(ask(mode), func(_ *oid4vp.Response, as *string) { *as = string(other) })); mode.Encrypted() != other.Encrypted() && got["reason"] != "response_malformed" {
				t.Errorf("%s in the form of %s: %v", mode, other, got)
			}
		}
	}
	for name, c := range map[string]struct {
		change func(map[string]any)
		reason string
	}{
		"another nonce": {func(r map[string]any) { q := ask(oid4vp.DirectPostJWT); q.Nonce = "another"; r["request"] = q }, "nonce_mismatch"},
		"another key": {func(r map[string]any) {
			r["decryption_jwk"] = map[string]string{"crv": "P-256", "d": base64.RawURLEncoding.EncodeToString(append(make([]byte, 31), 1))}
		}, "response_malformed"},
		"no key":        {func(r map[string]any) { delete(r, "decryption_jwk") }, "response_malformed"},
		"another state": {func(r map[string]any) { q := ask(oid4vp.DirectPostJWT); q.State = "another"; r["request"] = q }, "response_malformed"},
		"nobody trusts": {func(r map[string]any) {
			r["issuers"] = []any{map[string]any{"did": "did:example:other", "types": []string{"t"}}}
		}, "issuer_not_trusted"},
		"no answer": {func(r map[string]any) { r["response"] = "" }, "response_malformed"},
	} {
		r := line(ask(oid4vp.DirectPostJWT), nil)
		c.change(r)
		if q, ok := r["request"].(*oid4vp.Request); ok {
			text, err := q.JSON()
			must(err)
			r["request"] = json.RawMessage(text)
		}
		if got := reply(r); got["verdict"] != "reject" || got["reason"] != c.reason {
			t.Errorf("%s: %v", name, got)
		}
	}
}
