package disclosure

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
)

const family = `{"name":"Dorji","age":41.50,"big":12345678901234567890123,"home":{"Gewog":"Chang","Village ":"Olakha","empty":{}},"children":["Karma",{"n":"Deki","x":[1,2,3]},null],"e":[]}`

func issue(t *testing.T, claims string, o ConcealOptions) *Unverified {
	t.Helper()
	payload, ds, err := Conceal([]byte(claims), o)
	if err != nil {
		t.Fatal(err)
	}
	u, err := Parse([]byte(b64(`{"alg":"ES256"}`)+"."+b64(string(payload))+"."+b64("sig")+"~"+strings.Join(append(ds, ""), "~")), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func claimsOf(t *testing.T, u *Unverified) *Verified {
	t.Helper()
	v, err := u.Verify(agree)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func same(t *testing.T, got []byte, want string) {
	t.Helper()
	var a, b any
	if err := json.Unmarshal(got, &a); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(want), &b); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(a, b) {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

var familyPaths = []Path{{"name"}, {"age"}, {"big"}, {"home"}, {"home", "Gewog"}, {"home", "Village "}, {"children", nil}, {"children", 1, "x", 2}, {"children", 1, "n"}, {"e"}}

func TestConcealRevealRoundTrip(t *testing.T) {
	for _, o := range []ConcealOptions{
		{Paths: familyPaths}, {Paths: familyPaths, Decoys: 3}, {Paths: familyPaths, Hash: "sha-384"}, {Paths: familyPaths, Hash: "sha-512", Decoys: 1}, {}, {Decoys: 2},
	} {
		u := issue(t, family, o)
		v := claimsOf(t, u)
		same(t, v.Claims(), family)
		if got := len(v.Revealed()); got != len(o.Paths)+2*min(1, len(o.Paths)) { // children.* are three
			t.Errorf("%d revealed of %d", got, len(o.Paths))
		}
		for _, p := range []Path{{"age"}, {"big"}, {"home", "Village "}, {"children", 1, "x", 2}, {"children", 2}} {
			got, ok := v.Claim(p)
			if !ok || !strings.Contains(family, string(got)) {
				t.Errorf("%v: %s %v: bytes have changed", p, got, ok)
			}
		}
	}
}

func TestConcealedClaimLeavesNoTrace(t *testing.T) {
	payload, _, err := Conceal([]byte(family), ConcealOptions{Paths: familyPaths})
	if err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{"Dorji", "name", "41.50", "Gewog", "Chang", "Olakha", "Karma", "Deki", "12345678901234567890123"} {
		if strings.Contains(string(payload), word) {
			t.Errorf("%s stands in the payload", word)
		}
	}
}

func TestSelect(t *testing.T) {
	u := issue(t, family, ConcealOptions{Paths: familyPaths})
	for _, c := range []struct {
		reveal []Path
		want   string
		shown  int
	}{
		{nil, `{"children":[]}`, 0},
		{[]Path{{"name"}}, `{"name":"Dorji","children":[]}`, 1},
		{[]Path{{"home"}}, `{"home":{"empty":{}},"children":[]}`, 1},
		{[]Path{{"home", "Gewog"}}, `{"home":{"empty":{},"Gewog":"Chang"},"children":[]}`, 2},
		{[]Path{{"children", 1, "x", 2}}, `{"children":[{"x":[1,2,3]}]}`, 2},
		{[]Path{{"children", 1}}, `{"children":[{"x":[1,2]}]}`, 1},
		{[]Path{{"children", nil}}, `{"children":["Karma",{"x":[1,2]},null]}`, 3},
		{[]Path{{"children"}}, `{"children":[]}`, 0},
	} {
		out, err := u.Select(c.reveal)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(string(u.text), string(out[:strings.IndexByte(string(out), '~')+1])) {
			t.Error("the issuer-signed part has changed")
		}
		s, err := Parse(out, Limits{})
		if err != nil {
			t.Fatal(err)
		}
		v := claimsOf(t, s)
		same(t, v.Claims(), c.want)
		if got := strings.Count(string(out), "~") - 1; got != c.shown {
			t.Errorf("%v: %d disclosures, want %d", c.reveal, got, c.shown)
		}
	}
	for _, p := range []Path{{"nobody"}, {"home", "Village"}, {"children", 3}, {"name", 0}, {"_sd"}, {"_sd_alg"}, {"e", nil}} {
		_, err := u.Select([]Path{p})
		var e *Error
		if !errors.As(err, &e) || e.Reason != NoSuchClaim || !reflect.DeepEqual(e.Path, p) {
			t.Errorf("%v: %v", p, err)
		}
	}
	for _, p := range []Path{{}, {-1}, {1.5}, {true}} {
		if _, err := u.Select([]Path{p}); !errors.Is(err, BadPath) {
			t.Errorf("%v: %v", p, err)
		}
	}
}

func TestClaimPaths(t *testing.T) {
	v := claimsOf(t, issue(t, family, ConcealOptions{Paths: familyPaths}))
	for _, c := range []struct {
		p    Path
		want string
	}{
		{Path{"children", nil}, `["Karma",{"x":[1,2,3],"n":"Deki"},null]`},
		{Path{"children", nil, "n"}, `["Deki"]`},
		{Path{"children", 1, "x", nil}, `[1,2,3]`},
		{Path{"home", "empty"}, `{}`},
		{Path{"none"}, ``}, {Path{"home", nil}, ``}, {Path{"children", "0"}, ``}, {Path{"_sd"}, ``}, {Path{"home", "_sd"}, ``}, {Path{}, ``},
	} {
		got, ok := v.Claim(c.p)
		if ok != (c.want != "") || string(got) != c.want {
			t.Errorf("%v: %s %v, want %s", c.p, got, ok, c.want)
		}
	}
}

func TestConcealRefusals(t *testing.T) {
	for _, c := range []struct {
		claims string
		o      ConcealOptions
		want   Reason
	}{
		{`[]`, ConcealOptions{}, NothingToConceal},
		{`{"a":1,"a":2}`, ConcealOptions{}, DuplicateMember},
		{`{`, ConcealOptions{}, BadJSON},
		{`{"_sd":[]}`, ConcealOptions{}, ReservedName},
		{`{"a":[{"...":"x"}]}`, ConcealOptions{}, ReservedName},
		{`{"a":{"_sd_alg":1}}`, ConcealOptions{Paths: []Path{{"a"}}}, ReservedName},
		{`{"Department ":1}`, ConcealOptions{Paths: []Path{{"Department"}}}, NoSuchClaim},
		{`{"a":1}`, ConcealOptions{Paths: []Path{{}}}, BadPath},
		{`{"a":1}`, ConcealOptions{Hash: "sha-1"}, HashUnsupported},
		{`{"a":1}`, ConcealOptions{Paths: []Path{{"a"}}, Rand: strings.NewReader("short")}, RandomFailed},
	} {
		if _, _, err := Conceal([]byte(c.claims), c.o); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.claims, err, c.want)
		}
	}
}

// The order of the digests must not tell the order of the claims (RFC 9901 section 4.2.4.1), and salts must not repeat.
func TestOrderAndSaltsTellNothing(t *testing.T) {
	payload, ds, err := Conceal([]byte(`{"a":1,"b":1,"c":1,"d":1,"e":1}`), ConcealOptions{Paths: []Path{{"a"}, {"b"}, {"c"}, {"d"}, {"e"}}, Decoys: 2})
	if err != nil {
		t.Fatal(err)
	}
	var p struct {
		SD []string `json:"_sd"`
	}
	if err := json.Unmarshal(payload, &p); err != nil {
		t.Fatal(err)
	}
	var sums []string
	for _, d := range p.SD {
		sum, err := base64.RawURLEncoding.DecodeString(d)
		if err != nil {
			t.Fatal(err)
		}
		sums = append(sums, string(sum))
	}
	if !slices.IsSorted(sums) || len(sums) != 7 {
		t.Errorf("%v", p.SD)
	}
	slices.Sort(ds)
	if len(slices.Compact(ds)) != 5 {
		t.Error("disclosures repeat")
	}
}

func TestPathJSON(t *testing.T) {
	var ps []Path
	if err := json.Unmarshal([]byte(`[["a ",0,null,"b"]]`), &ps); err != nil || !reflect.DeepEqual(ps, []Path{{"a ", 0, nil, "b"}}) {
		t.Errorf("%v %v", ps, err)
	}
	if out, _ := json.Marshal(ps); string(out) != `[["a ",0,null,"b"]]` {
		t.Errorf("%s", out)
	}
	for _, bad := range []string{`[]`, `[-1]`, `[1.5]`, `[true]`, `["a",["b"]]`, `"a"`, `[1e2]`, `null`} {
		var p Path
		if err := p.UnmarshalJSON([]byte(bad)); !errors.Is(err, BadPath) {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	payload, ds, _ := Conceal([]byte(family), ConcealOptions{Paths: familyPaths, Decoys: 1})
	f.Add([]byte(b64(`{"alg":"ES256"}`) + "." + b64(string(payload)) + "." + b64("sig") + "~" + strings.Join(append(ds, ""), "~")))
	f.Add([]byte(sdjwt(`{"_sd":[]}`, `["s","a",1]`)))
	f.Add([]byte(sdjwt(`{}`) + sdjwt(`{}`)))
	f.Fuzz(func(t *testing.T, in []byte) {
		u, err := Parse(in, Limits{})
		if err != nil {
			return
		}
		u.KeyBinding()
		v, err := u.Verify(agree)
		if err != nil {
			return
		}
		if !json.Valid(v.Claims()) {
			t.Fatalf("claims are no JSON: %s", v.Claims())
		}
		if strings.Contains(string(v.Claims()), `"_sd":`) || strings.Contains(string(v.Claims()), `"...":`) {
			t.Fatalf("digests among the claims: %s", v.Claims())
		}
		paths := v.Revealed()
		out, err := u.Select(paths)
		if err != nil {
			t.Fatalf("cannot select what was revealed: %v", err)
		}
		again, err := Parse(out, Limits{})
		if err != nil {
			t.Fatal(err)
		}
		w, err := again.Verify(agree)
		if err != nil || string(w.Claims()) != string(v.Claims()) {
			t.Fatalf("selecting everything changed it: %v", err)
		}
	})
}

// FuzzRoundTrip conceals by arbitrary paths and expects the claims back.
func FuzzRoundTrip(f *testing.F) {
	f.Add([]byte(family), uint64(0b1011011), 1)
	f.Fuzz(func(t *testing.T, claims []byte, pick uint64, decoys int) {
		if decoys < 0 || decoys > 4 || len(claims) > 4096 {
			return
		}
		all, _, err := Conceal(claims, ConcealOptions{})
		if err != nil {
			return
		}
		var std any
		if json.Unmarshal(all, &std) != nil {
			return
		}
		var paths []Path
		var collect func(v any, at Path)
		n := 0
		collect = func(v any, at Path) {
			if len(at) > 0 {
				if pick>>(n%64)&1 == 1 {
					paths = append(paths, slices.Clone(at))
				}
				n++
			}
			switch v := v.(type) {
			case map[string]any:
				for k, e := range v {
					collect(e, append(at, k))
				}
			case []any:
				for i, e := range v {
					collect(e, append(at, i))
				}
			}
		}
		collect(std, nil)
		if len(paths) > 500 {
			return
		}
		payload, ds, err := Conceal(claims, ConcealOptions{Paths: paths, Decoys: decoys})
		if err != nil {
			t.Fatal(err)
		}
		u, err := Parse([]byte(b64(`{}`)+"."+b64(string(payload))+"."+b64("sig")+"~"+strings.Join(append(ds, ""), "~")), Limits{})
		if err != nil {
			t.Fatal(err)
		}
		v, err := u.Verify(agree)
		if err != nil {
			t.Fatalf("%v: %s", err, payload)
		}
		if len(v.Revealed()) != len(paths) || len(ds) != len(paths) {
			t.Fatalf("%d revealed, %d concealed", len(v.Revealed()), len(paths))
		}
		var got any
		if err := json.Unmarshal(v.Claims(), &got); err != nil || !reflect.DeepEqual(got, std) {
			t.Fatalf("got %s want %s", v.Claims(), claims)
		}
	})
}

// An object of many members is searched through a table: those that stood in the clear, those that were disclosed, and none else.
func TestClaimsOfALargeObject(t *testing.T) {
	var claims strings.Builder
	var paths []Path
	for i := range 60 {
		name := fmt.Sprintf("n%02d", i)
		fmt.Fprintf(&claims, `,"%s":%d`, name, i)
		if i%2 == 1 {
			paths = append(paths, Path{name})
		}
	}
	payload, ds, err := Conceal([]byte("{"+claims.String()[1:]+"}"), ConcealOptions{Paths: paths})
	if err != nil {
		t.Fatal(err)
	}
	u, err := Parse([]byte(b64(`{}`)+"."+b64(string(payload))+"."+b64("sig")+"~"+strings.Join(append(ds[1:], ""), "~")), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	v, err := u.Verify(agree)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 61 {
		raw, ok := v.Claim(Path{fmt.Sprintf("n%02d", i)})
		if want := i != 1 && i < 60; ok != want || ok && string(raw) != fmt.Sprint(i) { // the first disclosure was left out
			t.Errorf("n%02d is %s, %v", i, raw, ok)
		}
	}
	if raw, ok := v.Claim(Path{"_sd"}); ok {
		t.Errorf("_sd is read as %s", raw)
	}
}

// A holder who asks for "Department" of a card with "Department " learns what was meant, in the error of Select and so of Present.
func TestSelectNamesTheNearMiss(t *testing.T) {
	payload, ds, err := Conceal([]byte(`{"Department ":"x","a":{"City":1},"b":2}`), ConcealOptions{Paths: []Path{{"Department "}, {"a", "City"}}})
	if err != nil {
		t.Fatal(err)
	}
	u, err := Parse([]byte(b64(`{}`)+"."+b64(string(payload))+"."+b64("sig")+"~"+strings.Join(append(ds, ""), "~")), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ asked, near Path }{
		{Path{"Department"}, Path{"Department "}},
		{Path{"A", "city"}, Path{"a", "City"}},
		{Path{"Dept"}, nil},
		{Path{"b", "c"}, nil},
		{Path{"a", 0}, nil},
	} {
		_, err := u.Select([]Path{c.asked})
		var e *Error
		if !errors.As(err, &e) || e.Reason != NoSuchClaim || !slices.Equal(e.Near, c.near) {
			t.Errorf("%v: %v, want %v near", c.asked, err, c.near)
		}
		if err != nil && strings.Contains(err.Error(), `"x"`) {
			t.Errorf("a value in %v", err)
		}
	}
}
