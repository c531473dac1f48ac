package dcql_test

import (
	"encoding/base64"
	"encoding/json"
	"testing"

	"github.com/khyer/khyer/disclosure"
	"github.com/khyer/khyer/disclosure/dcql"
)

// read takes a card whose signature is not looked at.
func read(t testing.TB, card []byte) (*disclosure.Unverified, *disclosure.Verified) {
	t.Helper()
	u, err := disclosure.Parse(card, disclosure.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	v, err := u.Verify(func(disclosure.Signature) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	return u, v
}

// TestWhatAnswerDiscloses: a holder discloses what Disclose names, and the verifier sees what was asked for and nothing else. In the card all is hidden, and inside
// objects and lists again by itself.
func TestWhatAnswerDiscloses(t *testing.T) {
	const claims = `{"name":"Pema Example","address":{"village":"Punakha","gewog":"Kabisa"},"nationalities":["x","y","z"],
		"degrees":[{"type":"BSc","by":"a"},{"type":"MSc","by":"b"},{"by":"c"}],"open":{"inside":1,"hidden":2}}`
	payload, disclosures, err := disclosure.Conceal(json.RawMessage(claims), disclosure.ConcealOptions{Paths: []disclosure.Path{
		{"name"}, {"address"}, {"address", "village"}, {"address", "gewog"}, {"nationalities"}, {"nationalities", nil}, {"degrees"}, {"degrees", nil},
		{"degrees", nil, "type"}, {"degrees", nil, "by"}, {"open", "hidden"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	b64 := base64.RawURLEncoding.EncodeToString
	held := b64([]byte(`{"alg":"ES256"}`)) + "." + b64(payload) + "." + b64([]byte("signature")) + "~"
	for _, d := range disclosures {
		held += d + "~"
	}
	u, v := read(t, []byte(held))
	for name, c := range map[string]struct{ claims, want string }{
		"no claim":                    {``, `{"open":{"inside":1}}`},
		"a claim":                     {`,"claims":[{"path":["name"]}]`, `{"name":"Pema Example","open":{"inside":1}}`},
		"an object with all in it":    {`,"claims":[{"path":["address"]}]`, `{"address":{"gewog":"Kabisa","village":"Punakha"},"open":{"inside":1}}`},
		"a claim in an object":        {`,"claims":[{"path":["address","gewog"]}]`, `{"address":{"gewog":"Kabisa"},"open":{"inside":1}}`},
		"all elements":                {`,"claims":[{"path":["nationalities",null]}]`, `{"nationalities":["x","y","z"],"open":{"inside":1}}`},
		"the elements with a value":   {`,"claims":[{"path":["nationalities",null],"values":["y","w"]}]`, `{"nationalities":["y"],"open":{"inside":1}}`},
		"a claim of all elements":     {`,"claims":[{"path":["degrees",null,"type"]}]`, `{"degrees":[{"type":"BSc"},{"type":"MSc"}],"open":{"inside":1}}`},
		"of those with a value":       {`,"claims":[{"path":["degrees",null,"type"],"values":["MSc"]}]`, `{"degrees":[{"type":"MSc"}],"open":{"inside":1}}`},
		"a list with all in it":       {`,"claims":[{"path":["degrees"]}]`, `{"degrees":[{"by":"a","type":"BSc"},{"by":"b","type":"MSc"},{"by":"c"}],"open":{"inside":1}}`},
		"what is open with all in it": {`,"claims":[{"path":["open"]}]`, `{"open":{"hidden":2,"inside":1}}`},
		"what is open":                {`,"claims":[{"path":["open","inside"]}]`, `{"open":{"inside":1}}`},
		"the first element":           {`,"claims":[{"path":["degrees",0,"by"]}]`, `{"degrees":[{"by":"a"}],"open":{"inside":1}}`},
		"the claim set that is there": {`,"claims":[{"id":"a","path":["x"]},{"id":"b","path":["name"]}],"claim_sets":[["a","b"],["b"]]`, `{"name":"Pema Example","open":{"inside":1}}`},
	} {
		q := parse(t, credential(c.claims))
		got, err := q.Match([]dcql.Candidate{{ID: "c", Format: dcql.FormatSDJWT, Type: idType, Claims: v.Claims(), Hidden: v.Revealed()}})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		shown, err := u.Select(got[0].Disclose)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		_, seen := read(t, shown)
		var sorted any
		if err := json.Unmarshal(seen.Claims(), &sorted); err != nil {
			t.Fatal(err)
		}
		if text(sorted) != c.want {
			t.Errorf("%s: the verifier sees %s, want %s", name, text(sorted), c.want)
		}
		if len(seen.Revealed()) != len(got[0].Disclose) {
			t.Errorf("%s: %d are disclosed, %d named", name, len(seen.Revealed()), len(got[0].Disclose))
		}
		if err := q.Satisfied(map[string][]dcql.Candidate{"a": {{Format: dcql.FormatSDJWT, Type: idType, Claims: seen.Claims()}}}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
