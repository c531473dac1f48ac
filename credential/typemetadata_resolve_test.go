package credential_test

import (
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/khyer/khyer/credential"
	"github.com/khyer/khyer/disclosure"
)

func sri(name string, sum []byte) string {
	return name + "-" + base64.StdEncoding.EncodeToString(sum)
}

func TestIntegrityOverReceivedBytes(t *testing.T) {
	doc := []byte(`{ "vct": "urn:example:a" }`)
	s256, s384, s512 := sha256.Sum256(doc), sha512.Sum384(doc), sha512.Sum512(doc)
	h256, h384, h512 := sri("sha256", s256[:]), sri("sha384", s384[:]), sri("sha512", s512[:])
	wrong := func(h string) string {
		return h[:10] + strings.Map(func(r rune) rune { return 'A' + (r-'A'+1)%26 }, h[10:11]) + h[11:]
	}
	const ok disclosure.Reason = ""
	for _, c := range []struct {
		name, integrity string
		want            disclosure.Reason
	}{
		{"none", "", ok}, {"sha256", h256, ok}, {"sha384", h384, ok}, {"sha512", h512, ok}, {"own", credential.Integrity(doc), ok},
		{"without padding", strings.TrimRight(h256, "="), ok},
		{"with options", h256 + "?ct=application/json", ok},
		{"hash in capitals", "SHA256" + h256[6:], ok},
		{"white space", "\t " + h256 + "  ", ok},
		{"one of two", wrong(h256) + " " + h256, ok},
		{"weaker ones do not count when they match", h256 + " " + h384 + " " + wrong(h512), credential.IntegrityMismatch},
		{"weaker ones do not count when they do not", wrong(h256) + " " + h512, ok},
		{"unknown beside known", "blake3-abc= " + h256, ok},
		{"unknown with other letters beside known", "blake3-a_b:c " + h256, ok},
		{"unknown beside wrong", "blake3-abc= " + wrong(h256), credential.IntegrityMismatch},
		{"only unknown", "blake3-abc= md5-rL0Y20zC+Fzt72VPzMSk2A==", credential.IntegrityUnsupported},
		{"wrong", wrong(h256), credential.IntegrityMismatch},
		{"cut short", h256[:30], credential.IntegrityMismatch},
		{"another hash's name", "sha256" + h384[6:], credential.IntegrityMismatch},
		{"non-canonical end", h256[:len(h256)-2] + string(h256[len(h256)-2]+1) + "=", credential.IntegrityMismatch},
		{"white space alone", "  ", credential.IntegrityMalformed},
		{"no hash name", h256[6:], credential.IntegrityMalformed},
		{"no value", "sha256-", credential.IntegrityMalformed},
		{"only options", "sha256-?" + h256, credential.IntegrityMalformed},
		{"hexadecimal with a colon", "sha256:00", credential.IntegrityMalformed},
		{"base64url", "sha256-" + strings.Repeat("_", 43), credential.IntegrityMalformed},
		{"too much padding", h256 + "==", credential.IntegrityMalformed},
		{"only padding", "sha256-==", credential.IntegrityMalformed},
		{"a word beside it", h256 + " and more", credential.IntegrityMalformed},
		{"a control character", h256 + " sha1-\x01", credential.IntegrityMalformed},
		{"a line break", h256 + "\n" + h256, credential.IntegrityMalformed},
		{"too long", strings.Repeat(h256+" ", 100), credential.IntegrityMalformed},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, err := credential.ResolveType(ctx, credential.TypeDocuments{"urn:example:a": doc}, "urn:example:a", c.integrity)
			if c.want == ok {
				if err != nil || m.Type() != "urn:example:a" {
					t.Error(err)
				}
				return
			}
			expectFault(t, err, c.want, "")
		})
	}
}

// A document that was replaced is not even parsed, and one with another white space is another.
func TestReplacedTypeMetadata(t *testing.T) {
	meant := []byte(`{"vct":"urn:example:a"}`)
	for _, got := range []string{`{"vct":"urn:example:a" }`, `{"vct":"urn:example:a","claims":[{"path":["n"],"sd":"never"}]}`, `no JSON`, "\uFEFF" + `{"vct":"urn:example:a"}`} {
		_, err := credential.ResolveType(ctx, credential.TypeDocuments{"urn:example:a": []byte(got)}, "urn:example:a", credential.Integrity(meant))
		expectFault(t, err, credential.IntegrityMismatch, "")
	}
}

// askedSource notes what it was asked.
type askedSource struct {
	credential.TypeDocuments
	asked []string
}

func (s *askedSource) TypeMetadata(ctx context.Context, vct, integrity string) ([]byte, error) {
	s.asked = append(s.asked, vct+" "+integrity)
	return s.TypeDocuments.TypeMetadata(ctx, vct, integrity)
}

func TestExtends(t *testing.T) {
	// The example of section 5.6.5.2 of the draft, with its types renamed, and one more type between.
	base := `{"vct":"urn:example:base","display":[{"locale":"en","name":"Base"}],"claims":[{"path":["name"],"sd":"always","mandatory":true,"svg_id":"n","display":[{"locale":"en","label":"Full Name"},{"locale":"dz","label":"མིང"}]},
		{"path":["address","city"],"display":[{"locale":"en","label":"City"}]}]}`
	middle := `{"vct":"urn:example:middle","extends":"urn:example:base","extends#integrity":"` + credential.Integrity([]byte(base)) + `","claims":[{"path":["nationalities",null],"sd":"never"},{"path":["name"],"display":[{"locale":"en","label":"Name"}]}]}`
	top := `{"vct":"urn:example:top","extends":"urn:example:middle","name":"T","display":[{"locale":"fr","name":"Haut"}],"claims":[{"path":["address","city"],"display":[{"locale":"en","label":"Town"}],"sd":"never","mandatory":true,"svg_id":"c"},
		{"path":["nationalities"],"display":[{"locale":"en","label":"Nationalities"}]},{"path":["name"],"sd":"always","mandatory":true}]}`
	src := &askedSource{TypeDocuments: credential.TypeDocuments{"urn:example:base": []byte(base), "urn:example:middle": []byte(middle), "urn:example:top": []byte(top)}}
	m, err := credential.ResolveType(ctx, src, "urn:example:top", credential.Integrity([]byte(top)))
	if err != nil {
		t.Fatal(err)
	}
	want := "[urn:example:top " + credential.Integrity([]byte(top)) + " urn:example:middle  urn:example:base " + credential.Integrity([]byte(base)) + "]"
	if got := fmt.Sprint(src.asked); got != want {
		t.Errorf("asked %s, want %s", got, want)
	}
	var got []string
	for _, c := range m.Claims() {
		d, _ := c.Display("en")
		dz, _ := c.Display("dz")
		got = append(got, fmt.Sprint(c.Path, c.SD, c.Mandatory, c.SVGID, " ", d.Label, " ", dz.Label))
	}
	claims := []string{`"name" always true n Name Name`, `"address"."city" never true c Town Town`, `"nationalities".* never false   `, `"nationalities" allowed false  Nationalities Nationalities`}
	for i, w := range claims {
		if i >= len(got) || strings.ReplaceAll(got[i], " ", "") != strings.ReplaceAll(w, " ", "") {
			t.Errorf("got %v, want %v", got, claims)
			break
		}
	}
	if d, _ := m.Display("en"); d.Name != "Haut" {
		t.Error("the base's display was not ignored")
	}
	if m, err = credential.ResolveType(ctx, src, "urn:example:middle", ""); err != nil {
		t.Fatal(err)
	}
	if d, _ := m.Display("en"); d.Name != "Base" || m.Type() != "urn:example:middle" {
		t.Error("the base's display was not inherited")
	}
}

func TestExtendsFaults(t *testing.T) {
	// doc extends the next one unless it is the last.
	chain := func(n int, last string) credential.TypeDocuments {
		d := credential.TypeDocuments{}
		for i := range n {
			d[fmt.Sprintf("urn:t:%d", i)] = fmt.Appendf(nil, `{"vct":"urn:t:%d","extends":"urn:t:%d"}`, i, i+1)
		}
		if last != "" {
			d[fmt.Sprintf("urn:t:%d", n)] = []byte(last)
		}
		return d
	}
	pair := func(child, base string) credential.TypeDocuments {
		return credential.TypeDocuments{"urn:t:0": []byte(`{"vct":"urn:t:0","extends":"urn:t:1","claims":[` + child + `]}`), "urn:t:1": []byte(`{"vct":"urn:t:1","claims":[` + base + `]}`)}
	}
	many := func(from, n int) string {
		out := make([]string, n)
		for i := range out {
			out[i] = fmt.Sprintf(`{"path":["c%d"]}`, from+i)
		}
		return strings.Join(out, ",")
	}
	for _, c := range []struct {
		name string
		src  credential.TypeDocuments
		want disclosure.Reason
		path string
	}{
		{"a base that is not there", chain(1, ""), credential.TypeUnavailable, ""},
		{"a circle of one", credential.TypeDocuments{"urn:t:0": []byte(`{"vct":"urn:t:0","extends":"urn:t:0"}`)}, credential.TypeCircular, ""},
		{"a circle of three", chain(2, `{"vct":"urn:t:2","extends":"urn:t:0"}`), credential.TypeCircular, ""},
		{"a circle further on", chain(3, `{"vct":"urn:t:3","extends":"urn:t:2"}`), credential.TypeCircular, ""},
		{"nine types", chain(8, `{"vct":"urn:t:8"}`), credential.TypeChainTooLong, ""},
		{"a base that says to be another type", chain(1, `{"vct":"urn:t:2"}`), credential.TypeNameMismatch, ""},
		{"a base that says to be the child", chain(1, `{"vct":"urn:t:0"}`), credential.TypeNameMismatch, ""},
		{"a base that is malformed", chain(1, `{"vct":1}`), credential.TypeNameMissing, ""},
		{"a base that was replaced", credential.TypeDocuments{"urn:t:0": []byte(`{"vct":"urn:t:0","extends":"urn:t:1","extends#integrity":"sha256-AAAA"}`), "urn:t:1": []byte(`{"vct":"urn:t:1"}`)}, credential.IntegrityMismatch, ""},
		{"a base of unknown hash", credential.TypeDocuments{"urn:t:0": []byte(`{"vct":"urn:t:0","extends":"urn:t:1","extends#integrity":"sha1-AAAA"}`), "urn:t:1": []byte(`{"vct":"urn:t:1"}`)}, credential.IntegrityUnsupported, ""},
		{"always to never", pair(`{"path":["a"],"sd":"never"}`, `{"path":["a"],"sd":"always"}`), credential.TypeChangesSD, `"a"`},
		{"always to allowed", pair(`{"path":["a"],"sd":"allowed"}`, `{"path":["a"],"sd":"always"}`), credential.TypeChangesSD, `"a"`},
		{"never to always", pair(`{"path":["a"],"sd":"always"}`, `{"path":["a"],"sd":"never"}`), credential.TypeChangesSD, `"a"`},
		{"never to allowed", pair(`{"path":["a",null],"sd":"allowed"}`, `{"path":["a",null],"sd":"never"}`), credential.TypeChangesSD, `"a".*`},
		{"mandatory to optional", pair(`{"path":["a"],"mandatory":false}`, `{"path":["a"],"mandatory":true}`), credential.TypeDropsClaim, `"a"`},
		{"svg_id of another claim of the base", pair(`{"path":["b"],"svg_id":"x"}`, `{"path":["a"],"svg_id":"x"}`), credential.TypeSVGIDRepeated, `"claims".1."svg_id"`},
		{"too many claims together", pair(many(0, 600), many(600, 401)), credential.TypeTooLarge, `"claims"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := credential.ResolveType(ctx, c.src, "urn:t:0", "")
			if c.want == credential.TypeUnavailable {
				if !errors.Is(err, c.want) {
					t.Error(err)
				}
				return
			}
			expectFault(t, err, c.want, c.path)
		})
	}
	for name, src := range map[string]credential.TypeDocuments{
		"eight types":                      chain(7, `{"vct":"urn:t:7"}`),
		"allowed to always":                pair(`{"path":["a"],"sd":"always"}`, `{"path":["a"],"sd":"allowed"}`),
		"omitted to never":                 pair(`{"path":["a"],"sd":"never"}`, `{"path":["a"]}`),
		"always stays":                     pair(`{"path":["a"],"sd":"always","mandatory":true}`, `{"path":["a"],"sd":"always","mandatory":true}`),
		"omitted inherits":                 pair(`{"path":["a"]}`, `{"path":["a"],"sd":"always","mandatory":true}`),
		"optional to mandatory":            pair(`{"path":["a"],"mandatory":true}`, `{"path":["a"],"mandatory":false}`),
		"a place and all places":           pair(`{"path":["a",0],"sd":"always"}`, `{"path":["a",null],"sd":"never"}`),
		"as many claims together as allow": pair(many(0, 600), many(600, 400)),
	} {
		if _, err := credential.ResolveType(ctx, src, "urn:t:0", ""); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What was omitted is inherited, and then judges cards.
func TestInheritedRulesJudgeCards(t *testing.T) {
	src := credential.TypeDocuments{
		vct:                []byte(`{"vct":"` + vct + `","extends":"urn:example:base","claims":[{"path":["name"],"display":[]}]}`),
		"urn:example:base": []byte(`{"vct":"urn:example:base","claims":[{"path":["name"],"sd":"always","mandatory":true},{"path":["flat","b"],"mandatory":true}]}`),
	}
	m, err := credential.ResolveType(ctx, src, vct, "")
	if err != nil {
		t.Fatal(err)
	}
	v, raw := shown(t, studies, disclosure.ConcealOptions{}, nil)
	expectFault(t, m.CheckPresentation(v, raw), credential.MustBeConcealed, `"name"`)
	v, raw = shown(t, studies, disclosure.ConcealOptions{Paths: paths{{"name"}}}, nil)
	expectFault(t, m.CheckPresentation(v, raw), credential.MandatoryMissing, `"flat"."b"`)
}

type brokenSource struct{ err error }

func (s brokenSource) TypeMetadata(context.Context, string, string) ([]byte, error) {
	return nil, s.err
}

func TestTypeSourceFaults(t *testing.T) {
	down := errors.New("registry is down")
	_, err := credential.ResolveType(ctx, brokenSource{down}, "urn:t:0", "")
	if !errors.Is(err, credential.TypeUnavailable) || !errors.Is(err, down) || err.Error() != "credential: type_metadata_unavailable: registry is down" {
		t.Error(err)
	}
	for _, src := range []credential.TypeSource{brokenSource{}, credential.TypeDocuments(nil), credential.TypeDocuments{"urn:t:0": nil}} {
		_, err = credential.ResolveType(ctx, src, "urn:t:0", "")
		if !errors.Is(err, credential.TypeUnavailable) || err.Error() != "credential: type_metadata_unavailable" {
			t.Error(err)
		}
	}
	huge := credential.TypeDocuments{"urn:t:0": append([]byte(`{"vct":"urn:t:0"}`), make([]byte, 1<<20)...)}
	_, err = credential.ResolveType(ctx, huge, "urn:t:0", "sha256-AAAA")
	expectFault(t, err, credential.TypeTooLarge, "")
	_, err = credential.ResolveType(ctx, nil, "urn:t:0", "")
	expectFault(t, err, credential.CallerFault, "")
	_, err = credential.ResolveType(ctx, huge, "", "")
	expectFault(t, err, credential.CallerFault, "")
	_, err = (*credential.Verified)(nil).ResolveType(ctx, huge)
	expectFault(t, err, credential.CallerFault, "")
	src := &askedSource{}
	_, err = credential.ResolveType(ctx, src, "urn:t:0", "no hash")
	expectFault(t, err, credential.IntegrityMalformed, "")
	if len(src.asked) > 0 {
		t.Error("a document was asked for that could not have been checked")
	}
}

// The integrity that the issuer signed decides, and one that cannot be read is a fault and not an absence.
func TestResolveTypeOfACard(t *testing.T) {
	doc := []byte(`{"vct":"` + vct + `","claims":[{"path":["n"],"sd":"never"}]}`)
	src := credential.TypeDocuments{vct: doc}
	for integrity, want := range map[string]disclosure.Reason{
		`,"vct#integrity":"` + credential.Integrity(doc) + `"`: "",
		"":                                     "",
		`,"vct#integrity":"sha256-AAAA"`:       credential.IntegrityMismatch,
		`,"vct#integrity":"sha1-AAAA"`:         credential.IntegrityUnsupported,
		`,"vct#integr\u0069ty":"sha256-AAAA"`:  credential.IntegrityMismatch,
		`,"vct#Integrity":"sha256-AAAA","x":1`: "",
	} {
		v, raw := shown(t, `{"n":1`+integrity+`}`, disclosure.ConcealOptions{}, nil)
		m, err := v.ResolveType(ctx, src)
		if want == "" {
			if err == nil {
				err = m.CheckPresentation(v, raw)
			}
			if err != nil {
				t.Errorf("%s: %v", integrity, err)
			}
			continue
		}
		if !errors.Is(err, want) {
			t.Errorf("%s: got %v, want %s", integrity, err, want)
		}
	}
}

// FuzzTypeMetadata reads documents, puts them together and holds a card against them: none of it may panic, and what was accepted keeps to
// what the parser promises.
func FuzzTypeMetadata(f *testing.F) {
	f.Add([]byte(wholeType), []byte(studies))
	f.Add([]byte(`{"vct":"v","extends":"urn:example:base","extends#integrity":"sha256-AAAA?x blake-z"}`), []byte(`{}`))
	f.Add([]byte(`{"vct":"v","claims":[{"path":["degrees",null,"awarded"],"sd":"never","mandatory":true},{"path":["degrees",1,"field"],"sd":"always"}]}`), []byte(studies))
	f.Add([]byte(`{"vct":"v","claims":[{"path":["a",0,null,0]},{"path":["a",null,0,null]}]}`), []byte(`{"a":[[[1],2],{"...":1}],"_sd":["x"]}`))
	f.Add([]byte(`{"vct":"v","display":[{"locale":"en-a-b","name":"N","rendering":{"svg_templates":[{"uri":"data:,","properties":{}}]}}]}`), []byte(`{"n":[]}`))
	base := []byte(`{"vct":"urn:example:base","claims":[{"path":["degrees"],"mandatory":true},{"path":["degrees",null],"sd":"always"}]}`)
	f.Fuzz(func(t *testing.T, doc, claims []byte) {
		m, err := credential.ParseTypeMetadata(doc)
		if err != nil {
			var e *disclosure.Error
			if m != nil || !errors.As(err, &e) {
				t.Fatalf("%v is no *disclosure.Error", err)
			}
			return
		}
		if m.Type() == "" {
			t.Fatal("a document without vct")
		}
		whole, err := credential.ResolveType(ctx, credential.TypeDocuments{"urn:example:base": base, m.Type(): doc}, m.Type(), credential.Integrity(doc))
		if err != nil {
			return
		}
		seen := map[string]bool{}
		for _, c := range whole.Claims() {
			if c.Path.Check() != nil || seen[c.Path.String()] || c.SD != "always" && c.SD != "allowed" && c.SD != "never" {
				t.Fatalf("claim %v", c.Path)
			}
			seen[c.Path.String()] = true
		}
		if d, ok := whole.Display("dz-BT"); ok && (d.Locale == "" || d.Name == "" || d.Rendering != nil && !json.Valid(d.Rendering)) {
			t.Fatalf("display %q", d.Locale)
		}
		_ = whole.CheckIssue(credential.Card{Type: m.Type(), Claims: claims})
		_ = whole.CheckIssue(credential.Card{Type: m.Type(), Claims: claims, Conceal: disclosure.ConcealOptions{Paths: paths{{"degrees", nil}}}})
	})
}
