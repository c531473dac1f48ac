package credential_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/khyer/khyer/credential"
	"github.com/khyer/khyer/credential/status"
	"github.com/khyer/khyer/did/pubkey"
	"github.com/khyer/khyer/disclosure"
)

var published = time.Date(2026, 8, 25, 0, 0, 0, 0, time.UTC) // when the published cards are valid

func verifyWith(t testing.TB, sdjwt []byte, jwk json.RawMessage) *credential.Verified {
	t.Helper()
	key, err := pubkey.ParseJWK(jwk)
	if err != nil {
		t.Fatal(err)
	}
	p, err := credential.Parse(sdjwt, credential.SDJWTVC, disclosure.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	v, err := p.Verify(key, credential.Binding{InsecureUnbound: true}, published)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

type paths = []disclosure.Path

// shown signs claims, some of them concealed, and shows some of those. Claims are written without iss and vct.
func shown(t testing.TB, claims string, o disclosure.ConcealOptions, reveal paths) (*credential.Verified, []byte) {
	t.Helper()
	key := generate(t, pubkey.ES256)
	whole := strings.Replace(claims, "{", `{"iss":"`+iss+`","vct":"`+vct+`",`, 1)
	payload, ds, err := disclosure.Conceal(json.RawMessage(strings.Replace(whole, ",}", "}", 1)), o)
	if err != nil {
		t.Fatal(err)
	}
	card, err := credential.Sign(ctx, key, json.RawMessage(`{"typ":"dc+sd-jwt"}`), payload, ds)
	if err != nil {
		t.Fatal(err)
	}
	u, err := disclosure.Parse(card, disclosure.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if card, err = u.Select(reveal); err != nil {
		t.Fatal(err)
	}
	return verifyWith(t, card, key.Public().JWK()), card
}

// typeOf makes metadata with these claims.
func typeOf(t testing.TB, claims string) *credential.TypeMetadata {
	t.Helper()
	return parseType(t, `{"vct":"`+vct+`","claims":[`+claims+`]}`)
}

const studies = `{"name":"Pema Example","address":{"village":"Olakha","gewog":"Chang"},"flat":{"a":1},
	"degrees":[{"field":"Hydrology","awarded":"2020"},{"field":"Botany","awarded":"2018"},{"field":"Law","awarded":"2016"}],"nations":["Bhutan","Elsewhere"],"n":7}`

var studiesHidden = paths{{"name"}, {"address"}, {"address", "village"}, {"degrees", nil}, {"degrees", nil, "awarded"}, {"nations"}, {"nations", 1}}

func TestCardAgainstItsType(t *testing.T) {
	all := paths{{"name"}, {"address"}, {"address", "village"}, {"degrees", nil, "awarded"}, {"nations", nil}}
	const ok disclosure.Reason = ""
	for _, c := range []struct {
		name   string
		reveal paths
		claim  string
		want   disclosure.Reason
	}{
		{"hidden as it must be", all, `{"path":["name"],"sd":"always","mandatory":true}`, ok},
		{"in the clear and allowed", all, `{"path":["n"]}`, ok},
		{"hidden and allowed", all, `{"path":["name"],"sd":"allowed"}`, ok},
		{"in the clear as it must be", all, `{"path":["n"],"sd":"never","mandatory":true}`, ok},
		{"always, and in the clear", all, `{"path":["n"],"sd":"always"}`, credential.MustBeConcealed},
		{"never, and hidden", all, `{"path":["name"],"sd":"never"}`, credential.MustNotBeHidden},
		{"never, hidden, and not shown", nil, `{"path":["name"],"sd":"never"}`, ok}, // nobody can see it
		{"never below hidden is in the clear", all, `{"path":["address","gewog"],"sd":"never"}`, ok},
		{"always below hidden is not hidden by its parent", all, `{"path":["address","gewog"],"sd":"always"}`, credential.MustBeConcealed},
		{"always below hidden", all, `{"path":["address","village"],"sd":"always"}`, ok},
		{"never, and hidden below hidden", all, `{"path":["address","village"],"sd":"never"}`, credential.MustNotBeHidden},

		{"mandatory, in the clear", nil, `{"path":["n"],"mandatory":true}`, ok},
		{"mandatory, not shown", nil, `{"path":["name"],"mandatory":true}`, ok},
		{"mandatory below what is not shown", nil, `{"path":["address","village"],"mandatory":true}`, ok},
		{"mandatory, perhaps hidden", all, `{"path":["missing"],"mandatory":true}`, credential.MandatoryMissing}, // all is shown
		{"mandatory, never, and not there", nil, `{"path":["missing"],"mandatory":true,"sd":"never"}`, credential.MandatoryMissing},
		{"mandatory below never, and not there", nil, `{"path":["missing"],"sd":"never"},{"path":["missing","x"],"mandatory":true}`, credential.MandatoryMissing},
		{"mandatory below allowed, perhaps hidden", nil, `{"path":["missing","x"],"mandatory":true}`, ok},
		{"mandatory in an object that hides nothing", nil, `{"path":["flat","b"],"mandatory":true}`, credential.MandatoryMissing},
		{"mandatory in an object that hides something", paths{{"address"}}, `{"path":["address","village"],"mandatory":true}`, ok},
		{"mandatory in a shown object", paths{{"address", "village"}}, `{"path":["address","dzongkhag"],"mandatory":true}`, credential.MandatoryMissing},
		{"mandatory in a list that is perhaps hidden", nil, `{"path":["missing",null],"mandatory":true}`, ok},
		{"mandatory element behind the end", nil, `{"path":["degrees",3],"mandatory":true}`, credential.MandatoryMissing},
		{"mandatory element, hidden", nil, `{"path":["degrees",2],"mandatory":true}`, ok},
		{"mandatory in a hidden element", nil, `{"path":["degrees",null,"awarded"],"mandatory":true}`, ok},
		{"mandatory in a hidden element by its place", nil, `{"path":["degrees",2,"awarded"],"mandatory":true}`, ok},
		{"mandatory in shown elements", all, `{"path":["degrees",null,"grade"],"mandatory":true}`, credential.MandatoryMissing},

		{"elements always", nil, `{"path":["degrees",null],"sd":"always"}`, ok},
		{"elements never, all hidden", nil, `{"path":["degrees",null],"sd":"never"}`, credential.MustNotBeHidden},
		{"elements never, shown", all, `{"path":["degrees",null],"sd":"never"}`, credential.MustNotBeHidden},
		{"elements never, hidden in a shown list", paths{{"nations"}}, `{"path":["nations",null],"sd":"never"}`, credential.MustNotBeHidden},
		{"elements always, one in the clear", paths{{"nations"}}, `{"path":["nations",null],"sd":"always"}`, credential.MustBeConcealed},
		{"first element never", paths{{"nations"}}, `{"path":["nations",0],"sd":"never"}`, ok},
		{"second element always, hidden", paths{{"nations"}}, `{"path":["nations",1],"sd":"always"}`, ok},
		{"second element never, hidden", paths{{"nations"}}, `{"path":["nations",1],"sd":"never"}`, credential.MustNotBeHidden},
		{"field of a degree, never", all, `{"path":["degrees",null,"field"],"sd":"never"}`, ok},
		{"field of a degree, always", all, `{"path":["degrees",null,"field"],"sd":"always"}`, credential.MustBeConcealed},
		{"award of a degree, never", all, `{"path":["degrees",null,"awarded"],"sd":"never"}`, credential.MustNotBeHidden},
		// The first degree is not shown, and counts: the second of the card is the first that is seen.
		{"place counts what is hidden", paths{{"degrees", 1, "awarded"}}, `{"path":["degrees",1,"awarded"],"sd":"never"}`, credential.MustNotBeHidden},
		{"place of what is hidden", paths{{"degrees", 1, "awarded"}}, `{"path":["degrees",0,"awarded"],"sd":"never"}`, ok},

		// Paths that begin alike are all followed.
		{"first of two below all elements", all, `{"path":["degrees",null,"field"],"sd":"always"},{"path":["degrees",null,"awarded"]}`, credential.MustBeConcealed},
		{"first of two below one element", all, `{"path":["degrees",0,"field"],"sd":"always"},{"path":["degrees",0,"awarded"]}`, credential.MustBeConcealed},
		{"first of two elements", paths{{"nations"}}, `{"path":["nations",0],"sd":"always"},{"path":["nations",1]}`, credential.MustBeConcealed},
		{"first of two names", nil, `{"path":["flat","a"],"sd":"always"},{"path":["flat","b"]}`, credential.MustBeConcealed},
		{"all elements and one", paths{{"nations"}}, `{"path":["nations",null],"sd":"always"},{"path":["nations",1]}`, credential.MustBeConcealed},

		{"a name in a number", nil, `{"path":["n","x"]}`, credential.ClaimPathMismatch},
		{"a name in a list", nil, `{"path":["degrees","x"]}`, credential.ClaimPathMismatch},
		{"an element of an object", nil, `{"path":["flat",0]}`, credential.ClaimPathMismatch},
		{"an element of what has a name", nil, `{"path":["flat","a"]},{"path":["flat",0]}`, credential.ClaimPathMismatch},
		{"all elements of an object", nil, `{"path":["flat",null]}`, credential.ClaimPathMismatch},
		{"all elements of a text", all, `{"path":["name",null]}`, credential.ClaimPathMismatch},
		{"a name in a disclosed text", all, `{"path":["nations",1,"x"]}`, credential.ClaimPathMismatch},
		{"a name in a text that is not shown", nil, `{"path":["name","x"]}`, ok},
		{"an element of the card", nil, `{"path":[0]}`, credential.ClaimPathMismatch},
		{"_sd is no claim", nil, `{"path":["_sd",null],"sd":"never"},{"path":["_sd_alg"],"sd":"always"}`, ok},
	} {
		t.Run(c.name, func(t *testing.T) {
			v, raw := shown(t, studies, disclosure.ConcealOptions{Paths: studiesHidden}, c.reveal)
			err := typeOf(t, c.claim).CheckPresentation(v, raw)
			var e *disclosure.Error
			switch {
			case c.want == ok && err != nil:
				t.Error(err)
			case c.want != ok && (!errors.As(err, &e) || e.Reason != c.want || len(e.Path) == 0):
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
}

func TestFaultNamesThePathOfTheType(t *testing.T) {
	v, raw := shown(t, studies, disclosure.ConcealOptions{Paths: studiesHidden}, paths{{"degrees", 1, "awarded"}})
	err := typeOf(t, `{"path":["n"]},{"path":["degrees",null,"awarded"],"sd":"never"}`).CheckPresentation(v, raw)
	expectFault(t, err, credential.MustNotBeHidden, `"degrees".*."awarded"`)
	if strings.Contains(fmt.Sprintf("%+v %v", err, err), "2018") {
		t.Error("a claim's value is in the error")
	}
	err = typeOf(t, `{"path":["n"]},{"path":["flat","b"],"mandatory":true}`).CheckPresentation(v, raw)
	expectFault(t, err, credential.MandatoryMissing, `"flat"."b"`)
}

// The hashes of the card decide what a digest is, whichever of them it uses.
func TestCardAgainstItsTypeWithEveryHash(t *testing.T) {
	for _, hash := range []string{"sha-256", "sha-384", "sha-512"} {
		v, raw := shown(t, studies, disclosure.ConcealOptions{Paths: studiesHidden, Hash: hash}, paths{{"name"}})
		err := typeOf(t, `{"path":["name"],"sd":"never"}`).CheckPresentation(v, raw)
		expectFault(t, err, credential.MustNotBeHidden, `"name"`)
	}
}

func TestCheckPresentationRefusesWhatDoesNotBelongTogether(t *testing.T) {
	o := disclosure.ConcealOptions{Paths: studiesHidden}
	v, raw := shown(t, studies, o, paths{{"name"}})
	plain, _ := shown(t, studies, disclosure.ConcealOptions{}, nil)
	tilde := strings.Split(string(raw), "~")
	_, more := shown(t, studies, o, paths{{"name"}, {"address"}})
	m := typeOf(t, `{"path":["name"]}`)
	extending := parseType(t, `{"vct":"`+vct+`","extends":"urn:example:base"}`)
	for name, err := range map[string]error{
		"nothing":                      m.CheckPresentation(v, nil),
		"another presentation":         m.CheckPresentation(v, more),
		"nothing, and nothing hidden":  m.CheckPresentation(plain, []byte("no card")),
		"JSON, and nothing hidden":     m.CheckPresentation(plain, []byte("{")),
		"a disclosure in base64":       m.CheckPresentation(v, []byte(tilde[0]+"~a+b=~")),
		"a disclosure that is no JSON": m.CheckPresentation(v, []byte(tilde[0]+"~YWFh~")),
		"the issuer's part alone":      m.CheckPresentation(v, raw[:strings.IndexByte(string(raw), '~')+1]),
		"no card":                      m.CheckPresentation(nil, raw),
		"an empty card":                m.CheckPresentation(&credential.Verified{}, raw),
		"no held card":                 m.CheckHeld(nil),
		"no metadata":                  (*credential.TypeMetadata)(nil).CheckPresentation(v, raw),
		"empty metadata":               (&credential.TypeMetadata{}).CheckPresentation(v, raw),
		"metadata without their base":  extending.CheckPresentation(v, raw),
		"the same, issuing":            extending.CheckIssue(credential.Card{Type: vct, Claims: json.RawMessage(`{}`)}),
	} {
		if !errors.Is(err, credential.CallerFault) {
			t.Errorf("%s: %v", name, err)
		}
	}
	other := parseType(t, `{"vct":"urn:example:other"}`)
	expectFault(t, other.CheckPresentation(v, raw), credential.TypeNameMismatch, "")
}

// A document that extends another is of no use before it was put together with it (section 5.7).
func TestExtendingMetadataAloneShowNothing(t *testing.T) {
	m := parseType(t, `{"vct":"v","extends":"urn:example:base","display":[{"locale":"en","name":"N"}],"claims":[{"path":["a"]}]}`)
	if _, ok := m.Display("en"); ok || m.Claims() != nil || m.Locales() != nil {
		t.Error("metadata are shown before they were processed")
	}
	if base, _ := m.Extends(); base != "urn:example:base" {
		t.Error(base)
	}
}

func TestHeldCardAgainstItsType(t *testing.T) {
	key, citizen := generate(t, pubkey.ES256), generate(t, pubkey.ES256)
	c := card(citizen)
	c.Claims, c.Conceal = json.RawMessage(studies), disclosure.ConcealOptions{Paths: studiesHidden, Decoys: 3}
	sdjwt, err := newIssuer(t, key).Issue(ctx, c)
	if err != nil {
		t.Fatal(err)
	}
	h, err := credential.NewHolder(citizen).Receive(sdjwt, key.Public(), now)
	if err != nil {
		t.Fatal(err)
	}
	// The holder has every disclosure: what has none is a decoy, and what is not there was left out.
	if err := typeOf(t, `{"path":["name"],"mandatory":true,"sd":"always"},{"path":["degrees",null,"awarded"],"mandatory":true}`).CheckHeld(h); err != nil {
		t.Error(err)
	}
	for _, path := range []string{`"missing"`, `"address"."missing"`} {
		claim := strings.ReplaceAll(path, ".", ",")
		expectFault(t, typeOf(t, `{"path":[`+claim+`],"mandatory":true}`).CheckHeld(h), credential.MandatoryMissing, path)
	}
}

// A placeholder in a list that the holder has no disclosure for is a decoy; a verifier cannot tell it from a hidden element.
func TestDecoyInAListIsNoClaim(t *testing.T) {
	key, citizen := generate(t, pubkey.ES256), generate(t, pubkey.ES256)
	decoy := `{"...":"` + strings.Repeat("A", 43) + `"}`
	for list, held := range map[string]bool{`[` + decoy + `]`: false, `["Bhutan",` + decoy + `]`: true, `[` + decoy + `,"Bhutan"]`: true} {
		payload := `{"iss":"` + iss + `","vct":"` + vct + `","cnf":{"jwk":` + string(citizen.Public().JWK()) + `},"nations":` + list + `}`
		sdjwt, err := credential.Sign(ctx, key, json.RawMessage(`{"typ":"dc+sd-jwt"}`), json.RawMessage(payload), nil)
		if err != nil {
			t.Fatal(err)
		}
		h, err := credential.NewHolder(citizen).Receive(sdjwt, key.Public(), now)
		if err != nil {
			t.Fatal(err)
		}
		m := typeOf(t, `{"path":["nations",null],"mandatory":true}`)
		if err := m.CheckPresentation(h.Verified, h.Bytes()); err != nil {
			t.Errorf("%s, shown: %v", list, err)
		}
		if err := m.CheckHeld(h); held && err != nil {
			t.Errorf("%s, held: %v", list, err)
		} else if !held {
			expectFault(t, err, credential.MandatoryMissing, `"nations".*`)
		}
	}
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) {
	return 0, errors.New("a card's salts are used up by looking at it")
}

func TestCheckIssue(t *testing.T) {
	citizen := generate(t, pubkey.ES256)
	for _, c := range []struct {
		name, claim string
		want        disclosure.Reason
		path        string
	}{
		{"never", `{"path":["name"],"sd":"never"}`, credential.MustNotBeHidden, `"name"`},
		{"always", `{"path":["n"],"sd":"always"}`, credential.MustBeConcealed, `"n"`},
		{"mandatory", `{"path":["missing"],"mandatory":true}`, credential.MandatoryMissing, `"missing"`},
		{"mandatory in a hidden list", `{"path":["nations",2],"mandatory":true}`, credential.MandatoryMissing, `"nations".2`},
		{"path", `{"path":["n",null]}`, credential.ClaimPathMismatch, `"n".*`},
	} {
		k := credential.Card{Type: vct, Claims: json.RawMessage(studies), Conceal: disclosure.ConcealOptions{Paths: studiesHidden, Decoys: 2}, Holder: citizen.Public()}
		expectFault(t, typeOf(t, c.claim).CheckIssue(k), c.want, c.path)
	}
	k := credential.Card{Type: vct, Claims: json.RawMessage(studies), Conceal: disclosure.ConcealOptions{Paths: studiesHidden}, Holder: citizen.Public(),
		Expires: now, NotBefore: now, Status: &status.Reference{}}
	if err := typeOf(t, `{"path":["name"],"sd":"always","mandatory":true},{"path":["iss"],"sd":"never","mandatory":true},{"path":["exp"],"mandatory":true},
		{"path":["nbf"],"mandatory":true},{"path":["iat"],"mandatory":true},{"path":["cnf","jwk","kty"],"mandatory":true},{"path":["status","status_list","uri"],"mandatory":true}`).CheckIssue(k); err != nil {
		t.Error(err)
	}
	k.Expires = time.Time{}
	expectFault(t, typeOf(t, `{"path":["exp"],"mandatory":true}`).CheckIssue(k), credential.MandatoryMissing, `"exp"`)
	k.NotBefore, k.Holder, k.Status, k.InsecureUnbound = time.Time{}, pubkey.Key{}, nil, true
	for _, name := range []string{"nbf", "cnf", "status"} {
		expectFault(t, typeOf(t, `{"path":["`+name+`"],"mandatory":true}`).CheckIssue(k), credential.MandatoryMissing, `"`+name+`"`)
	}
	m := typeOf(t, `{"path":["name"]}`)
	k.Conceal.Rand = brokenReader{}
	if err := m.CheckIssue(k); err != nil {
		t.Error(err)
	}
	k.Type = "urn:example:other"
	expectFault(t, m.CheckIssue(k), credential.TypeNameMismatch, "")
	k.Type, k.Claims = vct, json.RawMessage(`[]`)
	expectFault(t, m.CheckIssue(k), disclosure.NothingToConceal, "")
	k.Claims = json.RawMessage(`{}`)
	expectFault(t, m.CheckIssue(k), disclosure.NoSuchClaim, `"name"`)
	k.Conceal = disclosure.ConcealOptions{}
	if err := m.CheckIssue(k); err != nil {
		t.Error(err)
	}
}

// A card in the JWS JSON serialisation is judged by the same rules (RFC 9901 section 8).
func TestCardInJSONAgainstItsType(t *testing.T) {
	v, raw := shown(t, studies, disclosure.ConcealOptions{Paths: studiesHidden}, paths{{"name"}, {"nations"}})
	parts := strings.Split(string(raw), "~")
	jws := strings.Split(parts[0], ".")
	header, _ := json.Marshal(map[string]any{"disclosures": parts[1 : len(parts)-1]})
	flat := fmt.Sprintf(` {"payload":%q,"protected":%q,"signature":%q,"header":%s}`, jws[1], jws[0], jws[2], header)
	general := fmt.Sprintf(`{"payload":%q,"signatures":[{"protected":%q,"signature":%q,"header":%s}]}`, jws[1], jws[0], jws[2], header)
	m := typeOf(t, `{"path":["nations",1],"sd":"never"}`)
	for _, text := range []string{flat, general} {
		expectFault(t, m.CheckPresentation(v, []byte(text)), credential.MustNotBeHidden, `"nations".1`)
	}
	if err := m.CheckPresentation(v, []byte(`{"header":`)); !errors.Is(err, credential.CallerFault) {
		t.Error(err)
	}
}
