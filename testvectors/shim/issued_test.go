package main

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	_ "crypto/sha256"
	_ "crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"
)

// These tests look at what an issuer and a holder make, which has fresh salts and signatures so that no vector can hold it. They decode
// it with the standard library alone.

// made is an SD-JWT taken apart.
type made struct {
	header, payload map[string]any
	input           string // of the signature
	signature       []byte
	disclosures     []string
	decoded         [][]any
	binding         string
}

func decode64(t *testing.T, s string) []byte {
	t.Helper()
	raw, err := base64.RawURLEncoding.Strict().DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func takeApart(t *testing.T, sdJWT string) (m made) {
	t.Helper()
	parts := strings.Split(sdJWT, "~")
	jwt := strings.Split(parts[0], ".")
	if len(parts) < 2 || len(jwt) != 3 {
		t.Fatalf("%d parts, the first of %d", len(parts), len(jwt))
	}
	m.header, m.payload = decode(t, decode64(t, jwt[0])), decode(t, decode64(t, jwt[1]))
	m.input, m.signature = jwt[0]+"."+jwt[1], decode64(t, jwt[2])
	m.disclosures, m.binding = parts[1:len(parts)-1], parts[len(parts)-1]
	for _, d := range m.disclosures {
		var elements []any
		if err := json.Unmarshal(decode64(t, d), &elements); err != nil {
			t.Fatal(err)
		}
		m.decoded = append(m.decoded, elements)
	}
	return m
}

// digests returns all digests below v, in their order, and checks the form of what holds them (RFC 9901 sections 4.2.4.1 and 4.2.4.2).
func digests(t *testing.T, v any) (out []string) {
	t.Helper()
	put := func(digest any) {
		s, ok := digest.(string)
		if !ok {
			t.Errorf("a digest is no string")
		}
		out = append(out, s)
	}
	switch v := v.(type) {
	case map[string]any:
		for name, e := range v {
			if name == "_sd" {
				list, ok := e.([]any)
				if !ok {
					t.Error("_sd is no array")
				}
				for _, d := range list {
					put(d)
				}
				continue
			}
			if name == "..." {
				t.Error("a placeholder outside of an array")
			}
			out = append(out, digests(t, e)...)
		}
	case []any:
		for _, e := range v {
			if o, ok := e.(map[string]any); ok && o["..."] != nil {
				if len(o) != 1 {
					t.Error("a placeholder has another member")
				}
				put(o["..."])
				continue
			}
			out = append(out, digests(t, e)...)
		}
	}
	return out
}

var hashes = map[string]crypto.Hash{"sha-256": crypto.SHA256, "sha-384": crypto.SHA384, "sha-512": crypto.SHA512}

func digestOf(h crypto.Hash, text string) string {
	sum := h.New()
	sum.Write([]byte(text))
	return base64.RawURLEncoding.EncodeToString(sum.Sum(nil))
}

// household is issued in most of the tests here: names that repeat, arrays, depth.
const household = `{"name":"Pema","child":{"name":"Pema","child":{"name":"Pema"}},"licences":["A","A",{"kind":"A"}],"plain":true}`

const householdConceal = `[["name"],["child"],["child","name"],["child","child"],["child","child","name"],["licences",null],["licences",2,"kind"]]`

func issue(t *testing.T, members map[string]any) string {
	t.Helper()
	request := map[string]any{"claims": json.RawMessage(household), "conceal": json.RawMessage(householdConceal), "issuer_private_jwk": issuerKey(t)}
	for name, v := range members {
		request[name] = v
	}
	got := ask(t, "sdjwt.issue", request)
	if got["verdict"] != "accept" {
		t.Fatal(show(got))
	}
	return text(got["sd_jwt"])
}

// TestIssuedHeaders: the algorithm is that of the key and never none; the signature is right; a type that was given stays (RFC 9901
// sections 4.1 and 9.1).
func TestIssuedHeaders(t *testing.T) {
	m := takeApart(t, issue(t, map[string]any{"header": map[string]any{"typ": "example+sd-jwt"}}))
	if m.header["alg"] != "ES256" || m.header["typ"] != "example+sd-jwt" {
		t.Errorf("header: %s", show(m.header))
	}
	key := publicOf(issuerKey(t))
	point := slices.Concat([]byte{4}, decode64(t, text(key["x"])), decode64(t, text(key["y"])))
	pub, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
	if err != nil {
		t.Fatal(err)
	}
	sum := crypto.SHA256.New()
	sum.Write([]byte(m.input))
	r, s := new(big.Int).SetBytes(m.signature[:32]), new(big.Int).SetBytes(m.signature[32:])
	if len(m.signature) != 64 || !ecdsa.Verify(pub, sum.Sum(nil), r, s) {
		t.Error("the signature is not right")
	}
}

// TestIssuedDisclosures: salt, name and value in base64url (sections 4.2.1 and 4.2.2).
func TestIssuedDisclosures(t *testing.T) {
	m := takeApart(t, issue(t, nil))
	members, elements := 0, 0
	for _, d := range m.decoded {
		if _, ok := d[0].(string); !ok {
			t.Error("a salt is no string")
		}
		switch len(d) {
		case 3:
			members++
			if _, ok := d[1].(string); !ok {
				t.Error("a name is no string")
			}
		case 2:
			elements++
		default:
			t.Errorf("a disclosure of %d elements", len(d))
		}
	}
	if members != 6 || elements != 3 || m.binding != "" {
		t.Errorf("%d disclosures of members and %d of elements; the last part is %q", members, elements, m.binding)
	}
}

// TestIssuedDigests: each disclosure has one digest, over its base64url text and in base64url, by the hash that _sd_alg names at the
// top; no digest is there twice (sections 4.1, 4.1.1, 4.2.3 and 4.2.4).
func TestIssuedDigests(t *testing.T) {
	for name, hash := range hashes {
		m := takeApart(t, issue(t, map[string]any{"sd_alg": name, "decoys": 3}))
		if m.payload["_sd_alg"] != name {
			t.Errorf("_sd_alg is %v, want %s", m.payload["_sd_alg"], name)
		}
		found := digests(t, m.payload)
		for _, d := range m.decoded {
			found = append(found, digests(t, d[len(d)-1])...)
		}
		for _, d := range m.disclosures {
			if i := slices.Index(found, digestOf(hash, d)); i < 0 {
				t.Errorf("%s: a disclosure without a digest", name)
			}
		}
		slices.Sort(found)
		if n := len(found); len(slices.Compact(found)) != n {
			t.Errorf("%s: a digest is there twice", name)
		}
	}
	if m := takeApart(t, issue(t, nil)); m.payload["_sd_alg"] != nil && m.payload["_sd_alg"] != "sha-256" {
		t.Errorf("the default is %v", m.payload["_sd_alg"])
	}
}

// TestIssuedSalts: 128 bits at least, no two alike in one card or in two cards of the same claims, and no claim or salt in the clear
// (sections 4.2.1 and 9.3).
func TestIssuedSalts(t *testing.T) {
	seen := map[string]bool{}
	var bits [16 * 8]int
	const cards = 40
	for range cards {
		card := issue(t, nil)
		m := takeApart(t, card)
		for _, d := range m.decoded {
			salt := text(d[0])
			if seen[salt] {
				t.Fatal("a salt is there twice")
			}
			seen[salt] = true
			raw := decode64(t, salt)
			if len(raw) < 16 {
				t.Fatalf("a salt of %d bytes", len(raw))
			}
			for i := range bits {
				bits[i] += int(raw[i/8] >> (i % 8) & 1)
			}
			if strings.Contains(show(m.payload), salt) || strings.Contains(show(m.header), salt) {
				t.Error("a salt in the JWT")
			}
		}
	}
	for i, n := range bits { // of 360 salts; outside of 100..260 about once in 10^17 runs
		if n < 100 || n > 260 {
			t.Errorf("bit %d is set in %d of %d salts", i, n, len(seen))
		}
	}
}

// TestIssuedOrderTellsNothing: where the digest of a claim stands does not depend on where the claim stood (section 4.2.4.1).
func TestIssuedOrderTellsNothing(t *testing.T) {
	place := map[int]int{}
	for range 60 {
		m := takeApart(t, issue(t, map[string]any{"claims": json.RawMessage(`{"a":1,"b":2,"c":3}`), "conceal": json.RawMessage(`[["a"],["b"],["c"]]`)}))
		for i, d := range m.disclosures {
			if m.decoded[i][1] == "a" {
				place[slices.Index(digests(t, m.payload), digestOf(crypto.SHA256, d))]++
			}
		}
	}
	for i := range 3 { // one of three places in 60 cards: fewer than 3 about once in 10^7 runs
		if place[i] < 3 {
			t.Errorf("the first claim's digest stands at the places %v", place)
		}
	}
}

// TestIssuedDecoys: decoys are of the form of digests (section 4.2.5).
func TestIssuedDecoys(t *testing.T) {
	for name, hash := range hashes {
		for _, d := range digests(t, takeApart(t, issue(t, map[string]any{"sd_alg": name, "decoys": 20})).payload) {
			if raw := decode64(t, d); len(raw) != hash.Size() {
				t.Errorf("%s: %d bytes", name, len(raw))
			}
		}
	}
}

// TestNothingConcealed: a card without concealed claims has no _sd and no disclosures (SD-JWT VC section 2.2.2.5).
func TestNothingConcealed(t *testing.T) {
	m := takeApart(t, issue(t, map[string]any{"conceal": []any{}, "header": map[string]any{"typ": "dc+sd-jwt"}}))
	if m.payload["_sd"] != nil || len(m.disclosures) > 0 || len(digests(t, m.payload)) > 0 {
		t.Errorf("%s, %d disclosures", show(m.payload), len(m.disclosures))
	}
}

// TestIssuedKeyBinding: the JWT that a holder makes (section 4.3).
func TestIssuedKeyBinding(t *testing.T) {
	for name, hash := range hashes {
		_, shown, got := round(t, map[string]any{"claims": json.RawMessage(household), "conceal": json.RawMessage(householdConceal), "sd_alg": name}, []any{[]any{"name"}})
		if got["verdict"] != "accept" {
			t.Fatal(show(got))
		}
		m := takeApart(t, shown)
		kb := takeApart(t, m.binding+"~")
		if want := (map[string]any{"alg": "ES256", "typ": "kb+jwt"}); fmt.Sprint(kb.header) != fmt.Sprint(want) {
			t.Errorf("header: %s", show(kb.header))
		}
		want := map[string]any{
			"aud": roundAudience, "nonce": roundNonce, "iat": json.Number(fmt.Sprint(roundNow)),
			"sd_hash": digestOf(hash, shown[:strings.LastIndexByte(shown, '~')+1]),
		}
		if !bytes.Equal([]byte(show(kb.payload)), []byte(show(want))) {
			t.Errorf("%s: payload %s\nwant %s", name, show(kb.payload), show(want))
		}
		if len(m.disclosures) != 1 || m.decoded[0][1] != "name" {
			t.Errorf("%d disclosures", len(m.disclosures))
		}
	}
}
