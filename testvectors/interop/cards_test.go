package interop_test

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"reflect"
	"testing"
	"time"

	"github.com/khyer/khyer/credential"
	"github.com/khyer/khyer/did"
	"github.com/khyer/khyer/did/didjwk"
	"github.com/khyer/khyer/did/pubkey"
	"github.com/khyer/khyer/disclosure"
	"github.com/khyer/khyer/verifier"
	"github.com/khyer/khyer/verifier/trust"
)

const vct = "https://registry.example/types/interop"

// card is a card that both sides can issue: its claims, what is concealed and what is shown, in our words (paths) and in the peer's
// (frames), and what the verifier must then read.
type card struct {
	name         string
	claims       string
	conceal      []disclosure.Path
	decoys       int
	frame        string // the peer's disclosure frame; decoys in it too
	reveal       []disclosure.Path
	presentation string // the peer's presentation frame
	want         string // the claims that are readable, without the registered ones
	// ask is what the verifier asks for; nil means reveal. Positions in arrays differ: the verifier does not count hidden elements.
	ask []disclosure.Path
}

func p(path ...any) disclosure.Path { return path }

var cards = []card{
	{
		name:         "plain: nothing is concealed",
		claims:       `{"Full Name":"Pema Lhaden","Gender":"Female"}`,
		frame:        `null`,
		presentation: `{}`,
		want:         `{"Full Name":"Pema Lhaden","Gender":"Female"}`,
	},
	{
		name:         "flat: two of five are shown",
		claims:       `{"Full Name":"Pema Lhaden","Gender":"Female","ID Number":"10000000001","Blood Group":"B+","age_over_18":true}`,
		conceal:      []disclosure.Path{p("Full Name"), p("Gender"), p("ID Number"), p("Blood Group"), p("age_over_18")},
		frame:        `{"_sd":["Full Name","Gender","ID Number","Blood Group","age_over_18"]}`,
		reveal:       []disclosure.Path{p("Blood Group"), p("age_over_18")},
		presentation: `{"Blood Group":true,"age_over_18":true}`,
		want:         `{"Blood Group":"B+","age_over_18":true}`,
	},
	{
		name: "unicode, and names with spaces at the end",
		claims: `{"Household Number ":"H 12","མིང་":"པད་མ་ལྷ་ལྡན།","😀 ":"🏔️ 𝄞","quote\"back\\slash":"line\nbreak\ttab\u0000end",
			"Zoë":"e\u0301 is not é","html <&>":"\u2028</script>\u2029","plain ":" "}`,
		conceal: []disclosure.Path{p("Household Number "), p("མིང་"), p("😀 "), p("quote\"back\\slash"), p("Zoë"), p("html <&>")},
		frame:   `{"_sd":["Household Number ","མིང་","😀 ","quote\"back\\slash","Zoë","html <&>"]}`,
		reveal:  []disclosure.Path{p("Household Number "), p("མིང་"), p("😀 "), p("quote\"back\\slash"), p("html <&>")},
		presentation: `{"Household Number ":true,"མིང་":true,"😀 ":true,
			"quote\"back\\slash":true,"html <&>":true}`,
		want: `{"Household Number ":"H 12","མིང་":"པད་མ་ལྷ་ལྡན།","😀 ":"🏔️ 𝄞","quote\"back\\slash":"line\nbreak\ttab\u0000end",
			"html <&>":"\u2028</script>\u2029","plain ":" "}`,
	},
	{
		name: "values of every JSON type",
		claims: `{"string":"","null":null,"true":true,"false":false,"zero":0,"negative":-12.5,"exponent":1.5e-7,"large":9007199254740991,
			"object":{},"array":[],"mixed":[null,[],{},"",0,false]}`,
		conceal: []disclosure.Path{p("string"), p("null"), p("true"), p("false"), p("zero"), p("negative"), p("exponent"), p("large"),
			p("object"), p("array"), p("mixed")},
		frame: `{"_sd":["string","null","true","false","zero","negative","exponent","large","object","array","mixed"]}`,
		reveal: []disclosure.Path{p("string"), p("null"), p("true"), p("false"), p("zero"), p("negative"), p("exponent"), p("large"),
			p("object"), p("array"), p("mixed")},
		presentation: `{"string":true,"null":true,"true":true,"false":true,"zero":true,"negative":true,"exponent":true,"large":true,
			"object":true,"array":true,"mixed":true}`,
		want: `{"string":"","null":null,"true":true,"false":false,"zero":0,"negative":-12.5,"exponent":1.5e-7,"large":9007199254740991,
			"object":{},"array":[],"mixed":[null,[],{},"",0,false]}`,
	},
	{
		name:         "members of an object that stays in the clear",
		claims:       `{"Address":{"Village":"Changangkha","Gewog":"Chang","Dzongkhag":"Thimphu"},"Name":"Karma"}`,
		conceal:      []disclosure.Path{p("Address", "Village"), p("Address", "Gewog"), p("Name")},
		frame:        `{"_sd":["Name"],"Address":{"_sd":["Village","Gewog"]}}`,
		reveal:       []disclosure.Path{p("Address", "Gewog")},
		presentation: `{"Address":{"Gewog":true}}`,
		want:         `{"Address":{"Gewog":"Chang","Dzongkhag":"Thimphu"}}`,
	},
	{
		name:   "recursive: three floors, the lowest opened on one side",
		claims: `{"Address":{"Place":{"Village":"Changangkha","Gewog":"Chang"},"Dzongkhag":"Thimphu"}}`,
		conceal: []disclosure.Path{p("Address"), p("Address", "Place"), p("Address", "Dzongkhag"), p("Address", "Place", "Village"),
			p("Address", "Place", "Gewog")},
		frame:        `{"_sd":["Address"],"Address":{"_sd":["Place","Dzongkhag"],"Place":{"_sd":["Village","Gewog"]}}}`,
		reveal:       []disclosure.Path{p("Address", "Place", "Gewog")},
		presentation: `{"Address":{"Place":{"Gewog":true}}}`,
		want:         `{"Address":{"Place":{"Gewog":"Chang"}}}`,
	},
	{
		name:         "elements of arrays",
		claims:       `{"Languages":["dzo","eng","nep","tsj"],"Name":"Karma"}`,
		conceal:      []disclosure.Path{p("Languages", 0), p("Languages", 1), p("Languages", 3)},
		frame:        `{"Languages":{"_sd":[0,1,3]}}`,
		reveal:       []disclosure.Path{p("Languages", 1), p("Languages", 3)},
		presentation: `{"Languages":{"1":true,"3":true}}`,
		want:         `{"Languages":["eng","nep","tsj"],"Name":"Karma"}`,
		ask:          []disclosure.Path{p("Languages", nil), p("Languages", 2)},
	},
	{
		name:   "recursive: a hidden array with hidden elements that hide members",
		claims: `{"Licences":[{"Class":"B","Until":"2031"},{"Class":"C","Until":"2029"}]}`,
		conceal: []disclosure.Path{p("Licences"), p("Licences", 0), p("Licences", 1), p("Licences", 0, "Until"), p("Licences", 1, "Class"),
			p("Licences", 1, "Until")},
		frame:        `{"_sd":["Licences"],"Licences":{"_sd":[0,1],"0":{"_sd":["Until"]},"1":{"_sd":["Class","Until"]}}}`,
		reveal:       []disclosure.Path{p("Licences", 1, "Class")},
		presentation: `{"Licences":{"1":{"Class":true}}}`,
		want:         `{"Licences":[{"Class":"C"}]}`,
		ask:          []disclosure.Path{p("Licences", 0, "Class")},
	},
	{
		name:         "decoys at the top, in an object and in an array",
		claims:       `{"Name":"Karma","Gender":"Male","Address":{"Village":"Changangkha"},"Languages":["dzo","eng"]}`,
		conceal:      []disclosure.Path{p("Name"), p("Gender"), p("Address", "Village"), p("Languages", 0)},
		decoys:       3,
		frame:        `{"_sd":["Name","Gender"],"_sd_decoy":3,"Address":{"_sd":["Village"],"_sd_decoy":3},"Languages":{"_sd":[0],"_sd_decoy":3}}`,
		reveal:       []disclosure.Path{p("Gender"), p("Address", "Village"), p("Languages", 0)},
		presentation: `{"Gender":true,"Address":{"Village":true},"Languages":{"0":true}}`,
		want:         `{"Gender":"Male","Address":{"Village":"Changangkha"},"Languages":["dzo","eng"]}`,
	},
	{
		name:         "everything is shown",
		claims:       `{"Name":"Karma","Address":{"Village":"Changangkha"},"Languages":["dzo","eng"]}`,
		conceal:      []disclosure.Path{p("Name"), p("Address"), p("Address", "Village"), p("Languages", 0), p("Languages", 1)},
		frame:        `{"_sd":["Name","Address"],"Address":{"_sd":["Village"]},"Languages":{"_sd":[0,1]}}`,
		reveal:       []disclosure.Path{p("Name"), p("Address", "Village"), p("Languages", 0), p("Languages", 1)},
		presentation: `{"Name":true,"Address":{"Village":true},"Languages":{"0":true,"1":true}}`,
		want:         `{"Name":"Karma","Address":{"Village":"Changangkha"},"Languages":["dzo","eng"]}`,
	},
	{
		name:         "nothing is shown",
		claims:       `{"Name":"Karma","Gender":"Male","issued in the clear":1}`,
		conceal:      []disclosure.Path{p("Name"), p("Gender")},
		frame:        `{"_sd":["Name","Gender"]}`,
		presentation: `{}`,
		want:         `{"issued in the clear":1}`,
	},
}

// country has both sides' issuers and holders. Issuers' DIDs are did:jwk, which need no registry.
type country struct {
	peer   *peer
	ours   pubkey.Signer // our issuer
	holder pubkey.Signer // our holder
}

func newCountry(t testing.TB) *country {
	t.Helper()
	c := &country{peer: startPeer(t)}
	for _, s := range []*pubkey.Signer{&c.ours, &c.holder} {
		var err error
		if *s, err = pubkey.Generate(pubkey.ES256); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

func (c *country) issuerKey(t testing.TB, byPeer bool) pubkey.Key {
	if byPeer {
		return key(t, c.peer.Issuer)
	}
	return c.ours.Public()
}

func (c *country) holderKey(t testing.TB, atPeer bool) pubkey.Key {
	if atPeer {
		return key(t, c.peer.Holder)
	}
	return c.holder.Public()
}

func jwkDID(t testing.TB, k pubkey.Key) string {
	t.Helper()
	id, err := didjwk.FromKey(k)
	if err != nil {
		t.Fatal(err)
	}
	return id.String()
}

// issue makes a card: byPeer says who signs it, forPeer who holds it.
func (c *country) issue(t testing.TB, of card, byPeer, forPeer bool) []byte {
	t.Helper()
	iss := jwkDID(t, c.issuerKey(t, byPeer))
	if byPeer {
		holder := json.RawMessage(c.peer.Holder) // with key_ops and ext, as WebCrypto exports it
		if !forPeer {
			holder = c.holder.Public().JWK()
		}
		return c.peer.issue(t, of, iss, holder, nil)
	}
	i, err := credential.NewIssuer(credential.IssuerConfig{ID: iss, KeyID: iss + "#0", Signer: c.ours})
	if err != nil {
		t.Fatal(err)
	}
	sdjwt, err := i.Issue(t.Context(), credential.Card{
		Type: vct, Claims: json.RawMessage(of.claims), Holder: c.holderKey(t, forPeer), Expires: time.Now().Add(time.Hour),
		Conceal: disclosure.ConcealOptions{Paths: of.conceal, Decoys: of.decoys},
	})
	if err != nil {
		t.Fatal(err)
	}
	return sdjwt
}

// issue lets the peer issue a card; extra members of the payload or the header overwrite the usual ones, nil takes one out.
func (p *peer) issue(t testing.TB, of card, iss string, holder json.RawMessage, extra map[string]any) []byte {
	t.Helper()
	var claims map[string]json.RawMessage
	if err := json.Unmarshal([]byte(of.claims), &claims); err != nil {
		t.Fatal(err)
	}
	payload := map[string]any{"iss": iss, "vct": vct, "iat": time.Now().Unix(), "exp": time.Now().Add(time.Hour).Unix(),
		"cnf": map[string]any{"jwk": holder}}
	header := map[string]any{"kid": iss + "#0"}
	for k, v := range claims {
		payload[k] = v
	}
	for k, v := range extra {
		switch {
		case k == "typ" || k == "kid":
			header[k] = v
		case v == nil:
			delete(payload, k)
		default:
			payload[k] = v
		}
	}
	var sdjwt string
	p.must(t, &sdjwt, "issue", map[string]any{"payload": payload, "frame": json.RawMessage(of.frame), "header": header})
	return []byte(sdjwt)
}

const audience = "https://licensing.example"

// present shows a card: atPeer says who holds it.
func (c *country) present(t testing.TB, of card, sdjwt []byte, issuer pubkey.Key, atPeer bool, nonce string) []byte {
	t.Helper()
	if atPeer {
		var shown string
		c.peer.must(t, &shown, "present", map[string]any{"sdjwt": string(sdjwt), "frame": json.RawMessage(of.presentation),
			"binding": map[string]any{"iat": time.Now().Unix(), "aud": audience, "nonce": nonce}})
		return []byte(shown)
	}
	h := credential.NewHolder(c.holder)
	held, err := h.Receive(sdjwt, issuer, time.Now())
	if err != nil {
		t.Fatalf("our holder does not receive the card: %v", err)
	}
	if !bytes.Equal(held.Bytes(), sdjwt) {
		t.Error("our holder keeps other bytes than it received")
	}
	shown, err := h.Present(t.Context(), held, credential.Showing{Reveal: of.reveal, Audience: audience, Nonce: nonce, At: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	return shown
}

// read lets our credential package read a presentation.
func (c *country) read(t testing.TB, shown []byte, issuer pubkey.Key, nonce string) (*credential.Verified, error) {
	t.Helper()
	parsed, err := credential.Parse(shown, credential.SDJWTVC, disclosure.Limits{})
	if err != nil {
		return nil, err
	}
	b := credential.Binding{Audience: audience, Nonce: nonce}
	if err := parsed.Precheck(b, time.Now()); err != nil {
		return nil, err
	}
	return parsed.Verify(issuer, b, time.Now())
}

// seen is what the peer's verifier answers.
type seen struct {
	Payload json.RawMessage `json:"payload"`
	Header  json.RawMessage `json:"header"`
	KB      *struct {
		Payload struct {
			Aud   any
			Nonce string
		} `json:"payload"`
	} `json:"kb"`
}

// read lets the peer's verifier read a presentation; without a nonce it does not look at the key binding.
func (p *peer) read(t testing.TB, shown []byte, issuer pubkey.Key, nonce string) (*seen, error) {
	t.Helper()
	args := map[string]any{"sdjwt": string(shown), "issuer": json.RawMessage(issuer.JWK())}
	if nonce != "" {
		args["nonce"] = nonce
	}
	out := &seen{}
	return out, p.ask(t, out, "verify", args)
}

// agency is our verifier, which trusts both issuers and accepts cards without a status list.
func (c *country) agency(t testing.TB) *verifier.Verifier {
	t.Helper()
	issuers, err := trust.NewList(trust.Issuer{
		DIDs: []string{jwkDID(t, c.issuerKey(t, true)), jwkDID(t, c.issuerKey(t, false))}, Types: []string{vct},
		Accreditation: trust.Accreditation{Name: "Example Registry"},
	})
	if err != nil {
		t.Fatal(err)
	}
	v, err := verifier.New(verifier.Config{Resolver: did.Mux{"jwk": didjwk.Resolver{}}, Issuers: issuers})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func verify(t testing.TB, v *verifier.Verifier, shown []byte, nonce string, claims ...disclosure.Path) (*verifier.Result, error) {
	t.Helper()
	return v.Verify(context.Background(), shown, verifier.Expect{Audience: audience, Nonce: nonce, Type: vct, Claims: claims})
}

// claims decodes a JSON object without the members that SD-JWT VC registers.
func claims(t testing.TB, text []byte) (all, own map[string]any) {
	t.Helper()
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	own = maps.Clone(all)
	for _, name := range []string{"iss", "iat", "exp", "nbf", "cnf", "vct", "status"} {
		delete(own, name)
	}
	return all, own
}

func same(t testing.TB, what string, got, want map[string]any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		g, _ := json.Marshal(got)
		w, _ := json.Marshal(want)
		t.Errorf("%s\n got %s\nwant %s", what, g, w)
	}
}
