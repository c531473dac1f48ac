package dcql_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/khyer/khyer/disclosure/dcql"
)

const (
	idType    = "https://registry.example/types/foundational-id"
	bloodType = "https://health.example/types/health-card"
)

func Example() {
	query, err := dcql.Parse([]byte(`{"credentials": [{
		"id": "id", "format": "dc+sd-jwt", "meta": {"vct_values": ["https://registry.example/types/foundational-id"]},
		"claims": [
			{"id": "adult", "path": ["age_over_18"], "values": [true]},
			{"id": "born", "path": ["Date of Birth"]}],
		"claim_sets": [["adult"], ["born"]]}]}`))
	if err != nil {
		panic(err)
	}
	wallet := []dcql.Candidate{
		{ID: "health", Format: dcql.FormatSDJWT, Type: "https://health.example/types/health-card", Claims: []byte(`{"Blood Group": "O+"}`)},
		{ID: "card 1", Format: dcql.FormatSDJWT, Type: "https://registry.example/types/foundational-id",
			Claims: []byte(`{"Full Name": "Pema Example", "Date of Birth": "1960-06-02", "age_over_18": true}`)},
	}
	choices, err := query.Match(wallet)
	if err != nil {
		panic(err)
	}
	fmt.Println(choices[0].Candidate, choices[0].Reveal[0]) // her age, and not her date of birth
	// Output:
	// card 1 "age_over_18"
}

func parse(t testing.TB, text string) *dcql.Query {
	t.Helper()
	q, err := dcql.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return q
}

func credential(more string) string {
	return `{"credentials":[{"id":"a","format":"dc+sd-jwt","meta":{"vct_values":["` + idType + `"]}` + more + `}]}`
}

func card(id, vct, claims string) dcql.Candidate {
	return dcql.Candidate{ID: id, Format: dcql.FormatSDJWT, Type: vct, Claims: []byte(claims)}
}

func TestQueriesThatAreRefused(t *testing.T) {
	claims := func(s string) string { return credential(`,"claims":[` + s + `]`) }
	for name, text := range map[string]string{
		"no JSON": `{`, "an array": `[]`, "no credentials": `{}`, "credentials empty": `{"credentials":[]}`, "credentials an object": `{"credentials":{}}`,
		"a credential that is a text": `{"credentials":["a"]}`, "a member twice": `{"credentials":[],"credentials":[]}`,
		"no id": `{"credentials":[{"format":"dc+sd-jwt","meta":{}}]}`, "an empty id": `{"credentials":[{"id":"","format":"dc+sd-jwt","meta":{}}]}`,
		"an id with a space": `{"credentials":[{"id":"a b","format":"dc+sd-jwt","meta":{}}]}`, "an id with a letter of elsewhere": `{"credentials":[{"id":"ä","format":"dc+sd-jwt","meta":{}}]}`,
		"two of one id": `{"credentials":[{"id":"a","format":"x","meta":{}},{"id":"a","format":"x","meta":{}}]}`,
		"no format":     `{"credentials":[{"id":"a","meta":{}}]}`, "no meta": `{"credentials":[{"id":"a","format":"dc+sd-jwt"}]}`, "meta an array": `{"credentials":[{"id":"a","format":"dc+sd-jwt","meta":[]}]}`,
		"meta without vct_values": `{"credentials":[{"id":"a","format":"dc+sd-jwt","meta":{"x":1}}]}`, "vct_values empty": `{"credentials":[{"id":"a","format":"dc+sd-jwt","meta":{"vct_values":[]}}]}`,
		"vct_values of numbers": `{"credentials":[{"id":"a","format":"dc+sd-jwt","meta":{"vct_values":[1]}}]}`,
		"multiple a text":       credential(`,"multiple":"true"`), "holder binding null": credential(`,"require_cryptographic_holder_binding":null`),
		"authorities empty": credential(`,"trusted_authorities":[]`), "an authority without values": credential(`,"trusted_authorities":[{"type":"aki"}]`), "an authority without a type": credential(`,"trusted_authorities":[{"values":["x"]}]`),
		"claims empty": credential(`,"claims":[]`), "a claim that is a path": claims(`["x"]`), "no path": claims(`{"id":"x"}`), "an empty path": claims(`{"path":[]}`),
		"a path with a fraction": claims(`{"path":["x",0.5]}`), "a path with -1": claims(`{"path":["x",-1]}`), "a path with an object": claims(`{"path":[{}]}`), "a path with true": claims(`{"path":[true]}`),
		"a path of 17": claims(`{"path":["x"` + strings.Repeat(`,"x"`, 16) + `]}`), "a set of nothing": credential(`,"claims":[{"id":"x","path":["x"]}],"claim_sets":[["x"],[]]`),
		"values empty": claims(`{"path":["x"],"values":[]}`), "a value null": claims(`{"path":["x"],"values":[null]}`), "a value 1.0": claims(`{"path":["x"],"values":[1.0]}`), "a value that is a list": claims(`{"path":["x"],"values":[[]]}`),
		"sets without claims": credential(`,"claim_sets":[["x"]]`), "sets and a claim without an id": credential(`,"claims":[{"path":["x"]}],"claim_sets":[["x"]]`),
		"a set of what is not there": credential(`,"claims":[{"id":"x","path":["x"]}],"claim_sets":[["y"]]`),
		"two claims of one id":       claims(`{"id":"x","path":["x"]},{"id":"x","path":["y"]}`), "sets empty": credential(`,"claims":[{"id":"x","path":["x"]}],"claim_sets":[]`),
		"credential_sets empty":          `{"credentials":[{"id":"a","format":"x","meta":{}}],"credential_sets":[]}`,
		"a set without options":          `{"credentials":[{"id":"a","format":"x","meta":{}}],"credential_sets":[{}]}`,
		"an empty option":                `{"credentials":[{"id":"a","format":"x","meta":{}}],"credential_sets":[{"options":[[]]}]}`,
		"an option of what is not there": `{"credentials":[{"id":"a","format":"x","meta":{}}],"credential_sets":[{"options":[["b"]]}]}`,
		"required a number":              `{"credentials":[{"id":"a","format":"x","meta":{}}],"credential_sets":[{"options":[["a"]],"required":1}]}`,
		"65 credentials":                 `{"credentials":[` + strings.Repeat(`{},`, 64) + `{}]}`,
		"more than 64 KiB":               credential(`,"x":"` + strings.Repeat("a", 64<<10) + `"`),
		"thirteen levels":                credential(`,"x":` + strings.Repeat("[", 13) + strings.Repeat("]", 13)),
		"something behind":               credential(``) + "x",
	} {
		if _, err := dcql.Parse([]byte(text)); !errors.Is(err, dcql.Malformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestClaims: which claims of a card answer a query, and which must not be shown.
func TestClaims(t *testing.T) {
	const claims = `{"name":"Pema Example","n":1,"f":1.0,"big":9007199254740993,"ok":true,"nil":null,"address":{"village":"Punakha","gewog":"Kabisa"},
		"degrees":[{"type":"BSc","by":"a"},{"type":"MSc"},{"by":"c"}],"nationalities":["x","y"],"empty":[],"mixed":[{"a":1},"x"],"lists":[[1],"x"]}`
	for name, c := range map[string]struct {
		claims string
		want   string // JSON of the paths; empty: no match
	}{
		"none asked for":                 {``, `[]`},
		"one":                            {`,"claims":[{"path":["name"]}]`, `[["name"]]`},
		"an object":                      {`,"claims":[{"path":["address"]}]`, `[["address"]]`},
		"inside":                         {`,"claims":[{"path":["address","village"]}]`, `[["address","village"]]`},
		"an element":                     {`,"claims":[{"path":["nationalities",1]}]`, `[["nationalities",1]]`},
		"behind the last element":        {`,"claims":[{"path":["nationalities",2]}]`, ``},
		"all elements":                   {`,"claims":[{"path":["degrees",null,"type"]}]`, `[["degrees",null,"type"]]`},
		"a member that no element has":   {`,"claims":[{"path":["degrees",null,"x"]}]`, ``},
		"all elements of none":           {`,"claims":[{"path":["empty",null]}]`, ``},
		"a name in some elements only":   {`,"claims":[{"path":["mixed",null,"a"]}]`, ``},
		"all of some elements only":      {`,"claims":[{"path":["lists",null,null]}]`, ``},
		"an index in some elements only": {`,"claims":[{"path":["lists",null,0]}]`, ``},
		"a name in a list":               {`,"claims":[{"path":["degrees","type"]}]`, ``},
		"an index in an object":          {`,"claims":[{"path":["address",0]}]`, ``},
		"all elements of an object":      {`,"claims":[{"path":["address",null]}]`, ``},
		"inside a text":                  {`,"claims":[{"path":["name","x"]}]`, ``},
		"null is there":                  {`,"claims":[{"path":["nil"]}]`, `[["nil"]]`},
		"not there":                      {`,"claims":[{"path":["name"]},{"path":["x"]}]`, ``},
		"another case":                   {`,"claims":[{"path":["Name"]}]`, ``},
		"its value":                      {`,"claims":[{"path":["name"],"values":["x","Pema Example"]}]`, `[["name"]]`},
		"its value, escaped":             {`,"claims":[{"path":["name"],"values":["\u0050ema Example"]}]`, `[["name"]]`},
		"another value":                  {`,"claims":[{"path":["name"],"values":["Pema"]}]`, ``},
		"a number for a text":            {`,"claims":[{"path":["n"],"values":["1"]}]`, ``},
		"an integer":                     {`,"claims":[{"path":["n"],"values":[1]}]`, `[["n"]]`},
		"true for one":                   {`,"claims":[{"path":["n"],"values":[true]}]`, ``},
		"a fraction is no integer":       {`,"claims":[{"path":["f"],"values":[1]}]`, ``},
		"a large integer":                {`,"claims":[{"path":["big"],"values":[9007199254740993]}]`, `[["big"]]`},
		"a large integer, rounded":       {`,"claims":[{"path":["big"],"values":[9007199254740992]}]`, ``},
		"true":                           {`,"claims":[{"path":["ok"],"values":[true]}]`, `[["ok"]]`},
		"one of the elements":            {`,"claims":[{"path":["nationalities",null],"values":["y"]}]`, `[["nationalities",null]]`},
		"the first set":                  {`,"claims":[{"id":"a","path":["name"]},{"id":"b","path":["ok"]}],"claim_sets":[["b"],["a"]]`, `[["ok"]]`},
		"the second set":                 {`,"claims":[{"id":"a","path":["name"]},{"id":"b","path":["x"]}],"claim_sets":[["b","a"],["a"]]`, `[["name"]]`},
		"a set by value":                 {`,"claims":[{"id":"a","path":["name"]},{"id":"b","path":["n"],"values":[2]}],"claim_sets":[["b"],["a"]]`, `[["name"]]`},
		"no set":                         {`,"claims":[{"id":"b","path":["x"]},{"id":"c","path":["y"]}],"claim_sets":[["b"],["c"]]`, ``},
		"one path twice":                 {`,"claims":[{"path":["n"]},{"path":["n"],"values":[7]},{"path":["ok"]}]`, `[["n"],["ok"]]`},
		"one path twice in a set":        {`,"claims":[{"id":"a","path":["n"]},{"id":"b","path":["n"],"values":[7]},{"id":"c","path":["ok"]}],"claim_sets":[["a","b","c"]]`, `[["n"],["ok"]]`},
		"one claim twice in a set":       {`,"claims":[{"id":"a","path":["n"]},{"id":"b","path":["ok"]}],"claim_sets":[["a","b","a"]]`, `[["n"],["ok"]]`},
		"the second of them alone":       {`,"claims":[{"id":"a","path":["n"]},{"id":"b","path":["n"]}],"claim_sets":[["b"]]`, `[["n"]]`},
		"one path with different values": {`,"claims":[{"id":"a","path":["n"],"values":[2]},{"id":"b","path":["n"],"values":[1]}],"claim_sets":[["a"],["b"]]`, `[["n"]]`},
	} {
		q := parse(t, credential(c.claims))
		choices, err := q.Match([]dcql.Candidate{card("c", idType, claims)})
		if c.want == "" {
			if !errors.Is(err, dcql.NotSatisfied) || choices != nil {
				t.Errorf("%s: %v %v", name, choices, err)
			}
			continue
		}
		if err != nil || len(choices) != 1 {
			t.Errorf("%s: %v %v", name, choices, err)
			continue
		}
		if got, _ := json.Marshal(choices[0].Reveal); string(got) != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

// TestCandidates: which cards answer at all.
func TestCandidates(t *testing.T) {
	for name, c := range map[string]struct {
		query string
		card  dcql.Candidate
		want  bool
	}{
		"the type":          {credential(``), card("c", idType, `{}`), true},
		"another type":      {credential(``), card("c", bloodType, `{}`), false},
		"any type":          {`{"credentials":[{"id":"a","format":"dc+sd-jwt","meta":{}}]}`, card("c", bloodType, `{}`), true},
		"another format":    {`{"credentials":[{"id":"a","format":"mso_mdoc","meta":{}}]}`, card("c", idType, `{}`), false},
		"of another format": {credential(``), dcql.Candidate{Format: "mso_mdoc", Type: idType, Claims: []byte(`{}`)}, false},
		"no object":         {credential(``), card("c", idType, `[]`), false},
		"no JSON":           {credential(``), card("c", idType, `{`), false},
		"unbound":           {credential(``), dcql.Candidate{Format: dcql.FormatSDJWT, Type: idType, Claims: []byte(`{}`), Unbound: true}, false},
		"unbound, allowed":  {credential(`,"require_cryptographic_holder_binding":false`), dcql.Candidate{Format: dcql.FormatSDJWT, Type: idType, Claims: []byte(`{}`), Unbound: true}, true},
		"an authority": {credential(`,"trusted_authorities":[{"type":"aki","values":["k"]},{"type":"x","values":["a","b"]}]`),
			dcql.Candidate{Format: dcql.FormatSDJWT, Type: idType, Claims: []byte(`{}`), Authorities: []dcql.Authority{{Type: "x", Values: []string{"c", "b"}}}}, true},
		"an authority of another kind": {credential(`,"trusted_authorities":[{"type":"aki","values":["k"]}]`),
			dcql.Candidate{Format: dcql.FormatSDJWT, Type: idType, Claims: []byte(`{}`), Authorities: []dcql.Authority{{Type: "x", Values: []string{"k"}}}}, false},
		"no authority known": {credential(`,"trusted_authorities":[{"type":"aki","values":["k"]}]`), card("c", idType, `{}`), false},
	} {
		if _, err := parse(t, c.query).Match([]dcql.Candidate{c.card}); (err == nil) != c.want {
			t.Errorf("%s: %v", name, err)
		}
	}
}

const birth = `{"credentials":[
	{"id":"mother","format":"dc+sd-jwt","meta":{"vct_values":["id"]},"claims":[{"path":["role"],"values":["mother"]}]},
	{"id":"father","format":"dc+sd-jwt","meta":{"vct_values":["id"]},"claims":[{"path":["role"],"values":["father"]}]},
	{"id":"guardian","format":"dc+sd-jwt","meta":{"vct_values":["id"]},"claims":[{"path":["role"],"values":["guardian"]}]},
	{"id":"marriage","format":"dc+sd-jwt","meta":{"vct_values":["marriage"]}},
	{"id":"aunt","format":"dc+sd-jwt","meta":{"vct_values":["id"]}},
	{"id":"extra","format":"dc+sd-jwt","meta":{"vct_values":["extra"]},"multiple":true}],
	"credential_sets":[{"options":[["mother","father","marriage"],["guardian"]]},{"options":[["extra"]],"required":false}]}`

func TestCredentialSets(t *testing.T) {
	mother, father := card("m", "id", `{"role":"mother"}`), card("f", "id", `{"role":"father"}`)
	guardian, marriage, extra := card("g", "id", `{"role":"guardian"}`), card("w", "marriage", `{}`), card("e", "extra", `{}`)
	for name, c := range map[string]struct {
		wallet []dcql.Candidate
		want   []string
	}{
		"the smaller option": {[]dcql.Candidate{extra, marriage, father, mother, guardian}, []string{"g"}},
		"the larger one":     {[]dcql.Candidate{extra, marriage, father, mother}, []string{"m", "f", "w"}},
		"the only one":       {[]dcql.Candidate{extra, father, mother, guardian}, []string{"g"}},
		"neither":            {[]dcql.Candidate{extra, father, mother}, nil},
		"nothing":            {nil, nil},
	} {
		choices, err := parse(t, birth).Match(c.wallet)
		var got []string
		for _, choice := range choices {
			got = append(got, choice.Candidate)
		}
		if !reflect.DeepEqual(got, c.want) || (err == nil) != (c.want != nil) {
			t.Errorf("%s: %v %v, want %v", name, got, err, c.want)
		}
	}
	type shown = map[string][]dcql.Candidate
	for name, c := range map[string]struct {
		shown shown
		want  error
	}{
		"the first option":         {shown{"mother": {mother}, "father": {father}, "marriage": {marriage}}, nil},
		"the second":               {shown{"guardian": {guardian}}, nil},
		"with the optional one":    {shown{"guardian": {guardian}, "extra": {extra, extra}}, nil},
		"the optional one alone":   {shown{"extra": {extra}}, dcql.NotSatisfied},
		"the same card as both":    {shown{"mother": {mother}, "father": {mother}, "marriage": {marriage}}, dcql.NotSatisfied},
		"without the marriage":     {shown{"mother": {mother}, "father": {father}}, dcql.NotSatisfied},
		"two mothers":              {shown{"mother": {mother, mother}, "father": {father}, "marriage": {marriage}}, dcql.NotAskedFor},
		"an answer to no query":    {shown{"guardian": {guardian}, "x": {extra}}, dcql.NotAskedFor},
		"an empty answer":          {shown{"guardian": {guardian}, "extra": {}}, dcql.NotSatisfied},
		"a card of another type":   {shown{"guardian": {guardian}, "extra": {marriage}}, dcql.NotSatisfied},
		"claims that are no JSON":  {shown{"guardian": {card("g", "id", `{`)}}, dcql.NotSatisfied},
		"nothing":                  {shown{}, dcql.NotSatisfied},
		"half of the other option": {shown{"guardian": {guardian}, "mother": {mother}, "father": {father}}, dcql.NotAskedFor},
		"of no set":                {shown{"guardian": {guardian}, "aunt": {guardian}}, dcql.NotAskedFor},
		"half of an option":        {shown{"mother": {mother}, "father": {father}, "guardian": {marriage}}, dcql.NotSatisfied},
	} {
		if err := parse(t, birth).Satisfied(c.shown); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

// TestPublishedQueries reads every query among the published examples of OpenID4VP.
func TestPublishedQueries(t *testing.T) {
	dir := os.Getenv("KHYER_VECTORS")
	if dir == "" {
		if os.Getenv("KHYER_REQUIRE") == "1" {
			t.Fatal("KHYER_REQUIRE=1 and KHYER_VECTORS is not set")
		}
		t.Skip("skipped: needs KHYER_VECTORS, the folder of published test vectors")
	}
	read := 0
	err := filepath.WalkDir(filepath.Join(dir, "openid4vp-1_0"), func(path string, _ os.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".json" {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		var top map[string]json.RawMessage
		if json.Unmarshal(data, &top) != nil {
			return nil
		}
		query := data
		if inner := top["dcql_query"]; inner != nil {
			query = inner
		} else if top["credentials"] == nil {
			return nil
		}
		if _, err := dcql.Parse(query); err != nil {
			t.Errorf("%s: %v", filepath.Base(path), err)
		}
		read++
		return nil
	})
	if err != nil || read < 5 {
		t.Errorf("%d queries: %v", read, err)
	}
	t.Logf("%d queries", read)
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(birth), []byte(`{"role":"mother"}`))
	f.Add([]byte(credential(`,"claims":[{"id":"a","path":["x",null,0],"values":[1,"a",true]}],"claim_sets":[["a"]]`)), []byte(`{"x":[[1]]}`))
	f.Fuzz(func(t *testing.T, query, claims []byte) {
		q, err := dcql.Parse(query)
		if err != nil {
			return
		}
		var wallet []dcql.Candidate
		for _, vct := range []string{"id", "marriage", "extra", idType} {
			wallet = append(wallet, card(vct, vct, string(claims)))
		}
		choices, err := q.Match(wallet)
		if err != nil {
			return
		}
		// What Match chooses satisfies the query.
		shown := map[string][]dcql.Candidate{}
		for _, c := range choices {
			for _, w := range wallet {
				if w.ID == c.Candidate {
					shown[c.Query] = append(shown[c.Query], w)
				}
			}
		}
		if err := q.Satisfied(shown); err != nil {
			t.Fatalf("%s with %s: %v", query, claims, err)
		}
	})
}
