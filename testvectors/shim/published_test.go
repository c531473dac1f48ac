package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// published returns the files of the published vectors that match a pattern, or skips.
func published(t *testing.T, pattern string) []string {
	t.Helper()
	dir := os.Getenv("KHYER_VECTORS")
	if dir == "" {
		if os.Getenv("KHYER_REQUIRE") == "1" {
			t.Fatal("needs KHYER_VECTORS, the folder with the published vectors")
		}
		t.Skip("skipped: needs KHYER_VECTORS, the folder with the published vectors")
	}
	files, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil || len(files) == 0 {
		t.Fatalf("no files match %s: %v", pattern, err)
	}
	return files
}

func readFile(t *testing.T, parts ...string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(parts...))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestPublishedStrings verifies every signed SD-JWT that RFC 9901 and the SD-JWT VC draft print.
func TestPublishedStrings(t *testing.T) {
	compact, objects, bound := 0, 0, 0
	for _, file := range slices.Concat(published(t, "sd-jwt-rfc9901-published/*.json"), published(t, "sd-jwt-vc-published/*.json")) {
		v := decode(t, readFile(t, file))
		t.Run(filepath.Base(filepath.Dir(file))+"/"+filepath.Base(file), func(t *testing.T) {
			request := map[string]any{"issuer_jwk": v["issuer_jwk"], "profile": "sd-jwt", "now": json.Number("1748536900"), "require_key_binding": false}
			if v["sd_jwt"] == nil {
				objects++
				bound += publishedObject(t, v["jws_json"].(map[string]any), request)
				return
			}
			compact++
			card := text(v["sd_jwt"])
			if !strings.Contains(card, "~") {
				card += "~" // the first one is printed as the issuer-signed JWT alone
			}
			header := v["header"].(map[string]any)
			if header["typ"] == "dc+sd-jwt" {
				request["profile"] = "sd-jwt-vc"
			}
			request["sd_jwt"] = card
			if v["has_key_binding"] == true {
				bound++
				kb := v["kb_payload"].(map[string]any)
				delete(request, "require_key_binding")
				request["audience"], request["nonce"], request["now"] = kb["aud"], kb["nonce"], kb["iat"]
			}
			got := ask(t, "sdjwt.verify", request)
			if got["verdict"] != "accept" || got["key_bound"] != v["has_key_binding"] {
				t.Fatal(show(got))
			}
			checkPlain(t, got["claims"], v["payload"])
			reject := func(what string, value any, reason string) {
				t.Helper()
				old := request[what]
				request[what] = value
				if got := ask(t, "sdjwt.verify", request); got["verdict"] != "reject" || got["reason"] != reason {
					t.Errorf("%s: %s, want %s", what, show(got), reason)
				}
				request[what] = old
			}
			reject("issuer_jwk", publicOf(decode(t, []byte(casesHolder))), "signature_invalid")
			if v["has_key_binding"] == true {
				reject("audience", "https://thief.example", "audience_mismatch")
				reject("nonce", "0987654321", "nonce_mismatch")
				reject("sd_jwt", card[:strings.LastIndexByte(card, '~')+1], "key_binding_missing")
			}
		})
	}
	if compact != 14 || objects != 3 || bound != 7 {
		t.Errorf("%d compact strings and %d objects, %d of them with key binding; 14, 3 and 7 are published", compact, objects, bound)
	}
}

// publishedObject verifies an SD-JWT in JWS JSON serialisation, and returns 1 if it has a key binding.
func publishedObject(t *testing.T, object map[string]any, request map[string]any) (bound int) {
	t.Helper()
	first := object
	if list, ok := object["signatures"].([]any); ok {
		first = list[0].(map[string]any)
	}
	header := first["header"].(map[string]any)
	if kb := text(header["kb_jwt"]); kb != "" {
		bound = 1
		payload := takeApart(t, kb+"~").payload
		delete(request, "require_key_binding")
		request["audience"], request["nonce"], request["now"] = payload["aud"], payload["nonce"], payload["iat"]
	}
	request["sd_jwt"] = object
	got := ask(t, "sdjwt.verify", request)
	if got["verdict"] != "accept" || got["key_bound"] != (bound == 1) {
		t.Fatal(show(got))
	}
	claims := got["claims"].(map[string]any)
	for _, d := range header["disclosures"].([]any) {
		var elements []any
		if err := json.Unmarshal(decode64(t, text(d)), &elements); err != nil {
			t.Fatal(err)
		}
		if name, value := text(elements[1]), elements[2]; !reflect.DeepEqual(claims[name], value) {
			t.Errorf("%s: %s, want %s", name, show(claims[name]), show(value))
		}
	}
	header["disclosures"] = header["disclosures"].([]any)[1:]
	got = ask(t, "sdjwt.verify", request)
	if bound == 1 && got["reason"] != "sd_hash_mismatch" || bound == 0 && got["verdict"] != "accept" {
		t.Errorf("without the first disclosure: %s", show(got))
	}
	return bound
}

// checkPlain holds the claims that a published payload has in the clear, all but the structures that digests stand in.
func checkPlain(t *testing.T, claims, payload any) {
	t.Helper()
	got := claims.(map[string]any)
	for name, value := range payload.(map[string]any) {
		if name == "_sd" || name == "_sd_alg" {
			if got[name] != nil {
				t.Errorf("%s is left in the claims", name)
			}
			continue
		}
		if raw := show(value); !strings.Contains(raw, `"_sd"`) && !strings.Contains(raw, `"..."`) && !reflect.DeepEqual(got[name], value) {
			t.Errorf("%s: %s, want %s", name, show(got[name]), raw)
		}
	}
	if raw := show(claims); strings.Contains(raw, `"_sd"`) || strings.Contains(raw, `"..."`) {
		t.Errorf("digests are left in the claims: %s", raw)
	}
}

// TestPublishedCases: the presentation of each published case verifies with the published claims; presented from the published
// issuance with the same claims, it is the same SD-JWT.
func TestPublishedCases(t *testing.T) {
	ran, objects, bound := 0, 0, 0
	for _, pattern := range []string{"sd-jwt-testcases/*/verified_contents.json", "sd-jwt-rfc9901-examples/*/verified_contents.json"} {
		for _, file := range published(t, pattern) {
			dir := filepath.Dir(file)
			if _, err := os.Stat(filepath.Join(dir, "sd_jwt_issuance.txt")); err != nil {
				objects += publishedCase(t, dir)
				continue
			}
			ran++
			t.Run(filepath.Base(dir), func(t *testing.T) {
				card := strings.TrimSpace(string(readFile(t, dir, "sd_jwt_presentation.txt")))
				request := map[string]any{
					"sd_jwt": card, "issuer_jwk": publicOf(issuerKey(t)), "profile": "sd-jwt", "now": json.Number("1748536900"), "require_key_binding": false,
				}
				if !strings.HasSuffix(card, "~") {
					bound++
					kb := decode(t, readFile(t, dir, "kb_jwt_payload.json"))
					delete(request, "require_key_binding")
					request["audience"], request["nonce"], request["now"] = kb["aud"], kb["nonce"], kb["iat"]
				}
				got := ask(t, "sdjwt.verify", request)
				if want := decode(t, readFile(t, file)); got["verdict"] != "accept" || !reflect.DeepEqual(got["claims"], any(want)) {
					t.Errorf("got %s\nwant %s", show(got), show(want))
				}
				issuance := strings.TrimSpace(string(readFile(t, dir, "sd_jwt_issuance.txt")))
				whole := ask(t, "sdjwt.present", map[string]any{"sd_jwt": issuance, "reveal": []any{}})
				if text(whole["sd_jwt"]) != issuance[:strings.IndexByte(issuance, '~')+1] {
					t.Errorf("shown with nothing revealed: %s", show(whole))
				}
			})
		}
	}
	if ran < 20 || objects < 2 || bound < 4 {
		t.Errorf("only %d cases and %d objects, %d with key binding", ran, objects, bound)
	}
	t.Logf("%d cases and %d objects, %d with key binding", ran, objects, bound)
}

// publishedCase is a case in JWS JSON serialisation: what is presented from the issuance has the published disclosures, and verifies
// with the published claims.
func publishedCase(t *testing.T, dir string) (ran int) {
	t.Helper()
	t.Run(filepath.Base(dir), func(t *testing.T) {
		ran = 1
		object := func(name string) map[string]any { // the files hold the text as a JSON string
			var text string
			if err := json.Unmarshal(readFile(t, dir, name), &text); err != nil {
				t.Fatal(err)
			}
			return decode(t, []byte(text))
		}
		presentation := object("sd_jwt_presentation.json")
		request := map[string]any{
			"sd_jwt": presentation, "issuer_jwk": publicOf(issuerKey(t)), "profile": "sd-jwt", "now": json.Number("1748536900"), "require_key_binding": false,
		}
		if _, err := os.Stat(filepath.Join(dir, "kb_jwt_payload.json")); err == nil {
			kb := decode(t, readFile(t, dir, "kb_jwt_payload.json"))
			delete(request, "require_key_binding")
			request["audience"], request["nonce"], request["now"] = kb["aud"], kb["nonce"], kb["iat"]
		}
		got := ask(t, "sdjwt.verify", request)
		if want := decode(t, readFile(t, dir, "verified_contents.json")); got["verdict"] != "accept" || !reflect.DeepEqual(got["claims"], any(want)) {
			t.Errorf("got %s\nwant %s", show(got), show(want))
		}
		issuance := object("sd_jwt_issuance.json")
		none := ask(t, "sdjwt.present", map[string]any{"sd_jwt": issuance, "reveal": []any{}})
		shown, ok := none["sd_jwt"].(map[string]any)
		if !ok || shown["payload"] != issuance["payload"] || shown["signature"] != issuance["signature"] || shown["protected"] != issuance["protected"] ||
			len(shown["header"].(map[string]any)["disclosures"].([]any)) != 0 {
			t.Errorf("shown with nothing revealed: %s", show(none))
		}
	})
	return ran
}
