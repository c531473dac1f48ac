package main

import (
	"crypto"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
)

// Private keys of the published test cases (settings.yml of sd-jwt-python's tests).
const (
	casesIssuer = `{"kty":"EC","d":"Ur2bNKuBPOrAaxsRnbSH6hIhmNTxSGXshDSUD1a1y7g","crv":"P-256","x":"b28d4MwZMjw8-00CG4xfnn9SLMVMM19SlqZpVb_uNtQ","y":"Xv5zWwuoaTgdS6hV43yI6gBwTnjukmFQQnJ_kCxzqk8"}`
	casesHolder = `{"kty":"EC","d":"5K5SCos8zf9zRemGGUl6yfok-_NiiryNZsvANWMhF-I","crv":"P-256","x":"TCAER19Zvu3OHF4j4W4vfSVoHIP1ILilDls7vCeGemc","y":"ZxjiWWbZMQGHVWKVQ4hbSIirsVfuecCE6t4jT9F2HZQ"}`
)

func issuerKey(t testing.TB) map[string]any { return decode(t, []byte(casesIssuer)) }

func holderKey(t testing.TB) map[string]any { return decode(t, []byte(casesHolder)) }

func publicOf(private map[string]any) map[string]any {
	out := map[string]any{}
	for k, v := range private {
		if k != "d" {
			out[k] = v
		}
	}
	return out
}

const (
	roundAudience = "https://hospital.example"
	roundNonce    = "n-0"
	roundNow      = 1770000000
)

// round issues, presents with key binding and verifies, and returns the SD-JWT, the presentation and the last answer.
func round(t *testing.T, issue map[string]any, reveal []any) (card, shown string, verified map[string]any) {
	t.Helper()
	issue["issuer_private_jwk"], issue["holder_jwk"] = issuerKey(t), publicOf(holderKey(t))
	issued := ask(t, "sdjwt.issue", issue)
	card = text(issued["sd_jwt"])
	if issued["verdict"] != "accept" || card == "" {
		t.Fatalf("issue: %s", show(issued))
	}
	presented := ask(t, "sdjwt.present", map[string]any{
		"sd_jwt": card, "reveal": reveal, "holder_private_jwk": holderKey(t), "audience": roundAudience, "nonce": roundNonce, "now": roundNow,
	})
	shown = text(presented["sd_jwt"])
	if presented["verdict"] != "accept" {
		t.Fatalf("present: %s", show(presented))
	}
	if jwt := card[:strings.IndexByte(card, '~')+1]; !strings.HasPrefix(shown, jwt) {
		t.Error("the issuer-signed part changed")
	}
	return card, shown, ask(t, "sdjwt.verify", map[string]any{
		"sd_jwt": shown, "issuer_jwk": publicOf(issuerKey(t)), "profile": "sd-jwt", "audience": roundAudience, "nonce": roundNonce, "now": roundNow,
	})
}

func parse(t *testing.T, text string) (v any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// TestRoundTrips: issue, present, verify.
func TestRoundTrips(t *testing.T) {
	const claims = `{"name":"Pema","address":{"street":"Norzin Lam 1","city":"Thimphu","geo":[27.5,89.6]},"licences":["A",["B","C"],{"kind":"D","until":2030}],"<&>":"<&>","n":12345678901234567890}`
	recursive := `[["name"],["address"],["address","city"],["address","street"],["address","geo"],["address","geo",null],["licences"],["licences",0],["licences",1],["licences",1,0],["licences",2],["licences",2,"until"],["<&>"]]`
	for _, c := range []struct {
		name, conceal, reveal, want string
		disclosures, decoys         int
		sdAlg                       string
	}{
		{name: "flat", disclosures: 2, conceal: `[["name"],["n"]]`, reveal: `[["name"]]`,
			want: `{"name":"Pema","address":{"street":"Norzin Lam 1","city":"Thimphu","geo":[27.5,89.6]},"licences":["A",["B","C"],{"kind":"D","until":2030}],"<&>":"<&>"}`},
		{name: "nothing shown", disclosures: 5, conceal: `[["name"],["address"],["licences"],["<&>"],["n"]]`, reveal: `[]`, want: `{}`},
		{name: "recursive, one leaf", disclosures: 14, conceal: recursive, reveal: `[["address","geo",1]]`, want: `{"address":{"geo":[89.6]},"n":12345678901234567890}`},
		{name: "recursive, parent alone", disclosures: 14, conceal: recursive, reveal: `[["address"],["licences",2]]`, want: `{"address":{},"licences":[{"kind":"D"}],"n":12345678901234567890}`},
		{name: "recursive, element of an element", disclosures: 14, conceal: recursive, reveal: `[["licences",1,0],["<&>"]]`, want: `{"licences":[["B","C"]],"<&>":"<&>","n":12345678901234567890}`},
		{name: "recursive, everything", disclosures: 14, conceal: recursive, reveal: `[["name"],["address","city"],["address","street"],["address","geo",null],["licences",0],["licences",1,0],["licences",2,"until"],["<&>"]]`, want: claims},
		{name: "array with decoys", disclosures: 4, conceal: `[["licences",null],["address","city"]]`, decoys: 7, reveal: `[["licences",0],["licences",2]]`,
			want: `{"name":"Pema","address":{"street":"Norzin Lam 1","geo":[27.5,89.6]},"licences":["A",{"kind":"D","until":2030}],"<&>":"<&>","n":12345678901234567890}`},
		{name: "sha-512", disclosures: 14, conceal: recursive, sdAlg: "sha-512", decoys: 1, reveal: `[["name"]]`, want: `{"name":"Pema","n":12345678901234567890}`},
		{name: "sha-384", disclosures: 1, conceal: `[["name"]]`, sdAlg: "sha-384", reveal: `[["name"]]`, want: claims},
	} {
		t.Run(c.name, func(t *testing.T) {
			issue := map[string]any{"claims": json.RawMessage(claims), "conceal": json.RawMessage(c.conceal), "decoys": c.decoys}
			if c.sdAlg != "" {
				issue["sd_alg"] = c.sdAlg
			}
			card, _, got := round(t, issue, parse(t, c.reveal).([]any))
			if got["verdict"] != "accept" || got["key_bound"] != true {
				t.Fatalf("verify: %s", show(got))
			}
			shown := got["claims"].(map[string]any)
			delete(shown, "cnf")
			if want := decode(t, []byte(c.want)); show(shown) != show(want) {
				t.Errorf("claims %s\nwant   %s", show(shown), show(want))
			}
			if n := strings.Count(card, "~") - 1; n != c.disclosures {
				t.Errorf("%d disclosures, want %d", n, c.disclosures)
			}
		})
	}
}

// TestDecoys counts digests: decoys stand wherever claims are concealed and at the top level, and bring no disclosure.
func TestDecoys(t *testing.T) {
	card, _, got := round(t, map[string]any{
		"claims": parse(t, `{"licences":["A","B"],"address":{"city":"Thimphu"},"plain":{"x":[1]}}`), "conceal": parse(t, `[["licences",0],["address","city"]]`), "decoys": 5,
	}, []any{})
	if got["verdict"] != "accept" {
		t.Fatal(show(got))
	}
	payload := payloadOf(t, card)
	placeholders := 0
	for _, e := range payload["licences"].([]any) {
		if _, ok := e.(map[string]any); ok {
			placeholders++
		}
	}
	top, nested := len(payload["_sd"].([]any)), len(payload["address"].(map[string]any)["_sd"].([]any))
	if top != 5 || nested != 6 || placeholders != 6 || strings.Count(card, "~") != 3 {
		t.Errorf("digests: %d at the top, %d in the object, %d in the array; %d disclosures", top, nested, placeholders, strings.Count(card, "~")-1)
	}
}

func payloadOf(t *testing.T, card string) map[string]any {
	t.Helper()
	raw, err := base64.RawURLEncoding.DecodeString(strings.SplitN(card, ".", 3)[1])
	if err != nil {
		t.Fatal(err)
	}
	return decode(t, raw)
}

// TestJSONRoundTrips: issue, present and verify in JWS JSON serialisation. The holder gives back the serialisation that he got, with
// what was signed in it, and sd_hash is over the compact form of the first signature (RFC 9901 section 8).
func TestJSONRoundTrips(t *testing.T) {
	for _, serialization := range []string{"json-flattened", "json-general"} {
		t.Run(serialization, func(t *testing.T) {
			issued := ask(t, "sdjwt.issue", map[string]any{
				"claims": json.RawMessage(household), "conceal": json.RawMessage(householdConceal), "issuer_private_jwk": issuerKey(t), "holder_jwk": publicOf(holderKey(t)),
				"serialization": serialization, "decoys": 2,
			})
			card, signed := oneSignature(t, issued["sd_jwt"], serialization == "json-general")
			if all := signed["header"].(map[string]any); len(all["disclosures"].([]any)) != 9 || all["kb_jwt"] != nil {
				t.Errorf("issued: %s", show(all))
			}
			presented := ask(t, "sdjwt.present", map[string]any{
				"sd_jwt": issued["sd_jwt"], "reveal": parse(t, `[["child","name"]]`), "holder_private_jwk": holderKey(t), "audience": roundAudience, "nonce": roundNonce, "now": roundNow,
			})
			again, shown := oneSignature(t, presented["sd_jwt"], serialization == "json-general")
			if again["payload"] != card["payload"] || shown["protected"] != signed["protected"] || shown["signature"] != signed["signature"] {
				t.Error("the issuer-signed part changed")
			}
			header := shown["header"].(map[string]any)
			compact := text(shown["protected"]) + "." + text(again["payload"]) + "." + text(shown["signature"]) + "~"
			for _, d := range header["disclosures"].([]any) {
				compact += text(d) + "~"
			}
			kb := takeApart(t, text(header["kb_jwt"])+"~")
			if len(header["disclosures"].([]any)) != 2 || kb.payload["sd_hash"] != digestOf(crypto.SHA256, compact) {
				t.Errorf("presented: %s", show(header))
			}
			request := map[string]any{
				"sd_jwt": presented["sd_jwt"], "issuer_jwk": publicOf(issuerKey(t)), "profile": "sd-jwt", "audience": roundAudience, "nonce": roundNonce, "now": roundNow,
			}
			got := ask(t, "sdjwt.verify", request)
			claims, _ := got["claims"].(map[string]any)
			if delete(claims, "cnf"); got["verdict"] != "accept" || got["key_bound"] != true || show(claims) != `{"child":{"name":"Pema"},"licences":[],"plain":true}` {
				t.Errorf("verified: %s", show(got))
			}
			request["sd_jwt"] = compact + text(header["kb_jwt"])
			if got := ask(t, "sdjwt.verify", request); got["verdict"] != "accept" {
				t.Errorf("the compact form of it: %s", show(got))
			}
		})
	}
}

// oneSignature returns an object and what it has beside the payload: itself, or the one in its list.
func oneSignature(t *testing.T, sdJWT any, general bool) (object, signature map[string]any) {
	t.Helper()
	object, _ = sdJWT.(map[string]any)
	list, isList := object["signatures"].([]any)
	if object == nil || isList != general || general && len(list) != 1 {
		t.Fatalf("no object of that serialisation: %s", show(sdJWT))
	}
	if general {
		return object, list[0].(map[string]any)
	}
	return object, object
}
