package main

import (
	"encoding/json"
	"net/url"
	"testing"

	"github.com/khyer/khyer/did"
	"github.com/khyer/khyer/did/didjwk"
	"github.com/khyer/khyer/did/pubkey"
	"github.com/khyer/khyer/disclosure"
	"github.com/khyer/khyer/disclosure/dcql"
	"github.com/khyer/khyer/internal/oid4vp"
	"github.com/khyer/khyer/verifier/openid4vp/wallet"
)

// TestRequests gives vp.request what a wallet gets, and faults that a request can have by itself.
func TestRequests(t *testing.T) {
	key, err := pubkey.Generate(pubkey.ES256)
	if err != nil {
		t.Fatal(err)
	}
	id, err := didjwk.FromKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	res, err := didjwk.Resolver{}.Resolve(t.Context(), id, did.At{})
	if err != nil {
		t.Fatal(err)
	}
	doc, err := res.Document.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	const query = `{"credentials":[{"id":"card","format":"dc+sd-jwt","meta":{"vct_values":["t"]}}]}`
	client := oid4vp.ClientOfDID(id)
	object, err := oid4vp.Signer{Key: key, KeyID: id.String() + "#0"}.Sign(t.Context(), &oid4vp.Request{
		ClientID: client, Mode: oid4vp.DirectPost, ResponseURI: "https://hospital.example/answer", Nonce: "n", WalletNonce: "w", DCQL: json.RawMessage(query),
	})
	if err != nil {
		t.Fatal(err)
	}
	base := func() map[string]any {
		return map[string]any{
			"request": string(object), "client_id": client.String(), "resolver": map[string]any{id.String(): parse(t, string(doc))}, "now": 1770000000,
		}
	}
	plain := "openid4vp://?" + url.Values{
		"client_id": {"redirect_uri:https://hospital.example/answer"}, "response_type": {"vp_token"}, "response_mode": {"direct_post"}, "nonce": {"n"}, "dcql_query": {query},
	}.Encode()
	for name, c := range map[string]struct {
		change func(map[string]any)
		reason disclosure.Reason // empty: accept
	}{
		"a request object": {func(map[string]any) {}, ""},
		"in a link": {func(r map[string]any) {
			r["request"] = oid4vp.Link{Client: client.String(), Object: string(object)}.String("openid4vp://")
		}, ""},
		"in parameters":  {func(r map[string]any) { r["request"], r["client_id"] = plain, "" }, ""},
		"its nonce":      {func(r map[string]any) { r["wallet_nonce"] = "w" }, ""},
		"another nonce":  {func(r map[string]any) { r["wallet_nonce"] = "x" }, wallet.WalletNonceMismatch},
		"another client": {func(r map[string]any) { r["client_id"] = "decentralized_identifier:did:example:other" }, wallet.ClientIDMismatch},
		"another signature": {func(r map[string]any) {
			r["request"] = string(object[:len(object)-4]) + "AAAA"
		}, wallet.RequestSignature},
		"unsigned, in the name of a DID": {func(r map[string]any) {
			q := url.Values{"client_id": {client.String()}, "response_type": {"vp_token"}, "response_mode": {"direct_post"}, "response_uri": {"https://hospital.example/answer"}, "nonce": {"n"}, "dcql_query": {query}}
			r["request"] = "openid4vp://?" + q.Encode()
		}, wallet.RequestUnsigned},
		"no query": {func(r map[string]any) { r["request"], r["client_id"] = plain+"&x=y&dcql_query=1", "" }, wallet.RequestMalformed},
		"a query that is none": {func(r map[string]any) {
			r["request"] = map[string]any{"response_type": "vp_token", "response_mode": "dc_api", "nonce": "n", "dcql_query": map[string]any{}}
		}, dcql.Malformed},
		"nobody's DID": {func(r map[string]any) { r["resolver"] = map[string]any{} }, wallet.RequestKey},
	} {
		request := base()
		c.change(request)
		text, err := json.Marshal(request)
		if err != nil {
			t.Fatal(err)
		}
		got := ask(t, "vp.request", decode(t, text))
		if c.reason != "" {
			if got["verdict"] != "reject" || got["reason"] != string(c.reason) {
				t.Errorf("%s: %s, want %s", name, show(got), c.reason)
			}
			continue
		}
		if got["verdict"] != "accept" || got["response_uri"] != "https://hospital.example/answer" || got["response_mode"] != "direct_post" || got["nonce"] != "n" || got["query"] == nil {
			t.Errorf("%s: %s", name, show(got))
		}
	}

	request := base()
	request["resolver"], request["resolver_errors"] = map[string]any{}, map[string]any{id.String(): "unavailable"}
	text, _ := json.Marshal(request)
	if got := ask(t, "vp.request", decode(t, text)); got["verdict"] != "inconclusive" || got["reason"] != string(wallet.RequestUnresolved) {
		t.Errorf("%s", show(got))
	}
	for member, value := range map[string]any{"request": 1, "roots": []string{"AAAA"}, "now": "x"} {
		request := base()
		request[member] = value
		text, _ := json.Marshal(request)
		if got := ask(t, "vp.request", decode(t, text)); got["verdict"] != "error" {
			t.Errorf("%s: %s", member, show(got))
		}
	}
}
