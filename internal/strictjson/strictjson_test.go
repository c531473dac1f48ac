package strictjson_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"github.com/khyer/khyer/internal/strictjson"
)

func ExampleParse() {
	v, err := strictjson.Parse([]byte(`{"Full Name":"Dorji","ids":[1, 2.50]}`), strictjson.Limits{})
	if err != nil {
		panic(err)
	}
	name, _ := v.Get("Full Name").Text()
	fmt.Println(name, string(v.Get("ids").At(1).Raw()))
	_, err = strictjson.Parse([]byte(`{"a":1,"\u0061":2}`), strictjson.Limits{})
	fmt.Println(err)
	// Output:
	// Dorji 2.50
	// strictjson: json_duplicate_member
}

func TestParseRefusesForItsReason(t *testing.T) {
	many := "{"
	for i := range 40 {
		many += fmt.Sprintf(`"k%d":0,`, i)
	}
	for _, c := range []struct {
		in   string
		want strictjson.Reason
	}{
		{``, strictjson.Malformed},
		{` `, strictjson.Malformed},
		{`{} x`, strictjson.Malformed},
		{`{}{}`, strictjson.Malformed},
		{`{"a":1,}`, strictjson.Malformed},
		{`[1,]`, strictjson.Malformed},
		{`{"a" 1}`, strictjson.Malformed},
		{`{a:1}`, strictjson.Malformed},
		{`{"a":1`, strictjson.Malformed},
		{`"a`, strictjson.Malformed},
		{"\"a\nb\"", strictjson.Malformed},
		{`"\x"`, strictjson.Malformed},
		{`"\u12g4"`, strictjson.Malformed},
		{`"\`, strictjson.Malformed},
		{`tru`, strictjson.Malformed},
		{`nullx`, strictjson.Malformed},
		{`01`, strictjson.Malformed},
		{`+1`, strictjson.Malformed},
		{`.5`, strictjson.Malformed},
		{`5.`, strictjson.Malformed},
		{`1e`, strictjson.Malformed},
		{`-`, strictjson.Malformed},
		{`NaN`, strictjson.Malformed},
		{"\ufeff{}", strictjson.Malformed},
		{"\"\xff\"", strictjson.Encoding},
		{"\"\xed\xa0\x80\"", strictjson.Encoding},
		{`"\ud800"`, strictjson.Encoding},
		{`"\ud800\u0041"`, strictjson.Encoding},
		{`"\udc00\ud800"`, strictjson.Encoding},
		{`{"a":1,"a":1}`, strictjson.Duplicate},
		{`{"a":1,"\u0061":1}`, strictjson.Duplicate},
		{`{"\u0061":1,"a":1}`, strictjson.Duplicate},
		{`{"b":1,"\u0061":1,"c":1,"a":1}`, strictjson.Duplicate},
		{`{"":1,"":1}`, strictjson.Duplicate},
		{`[{"x":{"a":1,"b":2,"a":3}}]`, strictjson.Duplicate},
		{many + `"k3":1}`, strictjson.Duplicate},
		{many + `"\u006b39":1}`, strictjson.Duplicate},
		{strings.Repeat("[", 33) + strings.Repeat("]", 33), strictjson.TooDeep},
		{`"` + strings.Repeat("x", strictjson.DefaultBytes) + `"`, strictjson.TooLarge},
	} {
		_, err := strictjson.Parse([]byte(c.in), strictjson.Limits{})
		var e *strictjson.Error
		if !errors.As(err, &e) || e.Reason != c.want {
			t.Errorf("%.40q: got %v, want %s", c.in, err, c.want)
		}
	}
}

func TestLimitsAreExact(t *testing.T) {
	deep := []byte(`[[[]]]`)
	if _, err := strictjson.Parse(deep, strictjson.Limits{Depth: 3, Bytes: 6}); err != nil {
		t.Error(err)
	}
	for _, l := range []strictjson.Limits{{Depth: 2}, {Bytes: 5}} {
		if _, err := strictjson.Parse(deep, l); err == nil {
			t.Errorf("%+v: accepted", l)
		}
	}
	// The depth is that of nesting, not the number of containers.
	if _, err := strictjson.Parse([]byte(`[[],[],[],{}]`), strictjson.Limits{Depth: 2}); err != nil {
		t.Error(err)
	}
}

func TestValuesKeepTheirBytes(t *testing.T) {
	in := `{"big":123456789012345678901234567890,"f":1.50E+2,"s":"a\/b\u0f56","e":{},"l":[ ],"n":null,"t":true}`
	v, err := strictjson.Parse([]byte(in), strictjson.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"big": "123456789012345678901234567890", "f": "1.50E+2", "s": `"a\/b\u0f56"`, "e": "{}", "l": "[ ]", "n": "null", "t": "true"} {
		if got := string(v.Get(name).Raw()); got != want {
			t.Errorf("%s: %s", name, got)
		}
	}
	if s, ok := v.Get("s").Text(); !ok || s != "a/b\u0f56" {
		t.Errorf("%q", s)
	}
	if _, ok := v.Get("big").Int64(); ok {
		t.Error("an integer beyond int64 was returned")
	}
	if v.Get("none").Exists() || v.Get("none").Get("x").At(0).Raw() != nil || !v.Get("n").Exists() {
		t.Error("absence and null differ")
	}
}

// FuzzParse holds the reader against encoding/json: what we accept it reads alike; what we refuse and it accepts must be one of
// the leniencies that we refuse on purpose.
func FuzzParse(f *testing.F) {
	for _, s := range []string{`{"a":[1,2,{"b":null}]}`, `"\ud83d\ude00"`, `{"a":1,"a":2}`, `-0.0e-1`, "\"\xff\"", `[[[[`, `{"":""}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		v, err := strictjson.Parse(in, strictjson.Limits{})
		var std any
		dec := json.NewDecoder(bytes.NewReader(in))
		dec.UseNumber()
		stdErr := dec.Decode(&std)
		if err != nil {
			var e *strictjson.Error
			if !errors.As(err, &e) {
				t.Fatalf("untyped error %v", err)
			}
			if e.Reason == strictjson.Malformed && json.Valid(in) {
				t.Fatalf("valid JSON was called malformed: %q", in)
			}
			return
		}
		if stdErr != nil {
			t.Fatalf("accepted what encoding/json refuses: %q", in)
		}
		if got := plain(v); !reflect.DeepEqual(got, std) {
			t.Fatalf("read %#v, encoding/json reads %#v", got, std)
		}
	})
}

func plain(v strictjson.Value) any {
	switch v.Kind() {
	case strictjson.Bool:
		b, _ := v.Bool()
		return b
	case strictjson.Number:
		return json.Number(v.Raw())
	case strictjson.String:
		s, _ := v.Text()
		return s
	case strictjson.Array:
		out := []any{}
		for e := range v.Elements() {
			out = append(out, plain(e))
		}
		return out
	case strictjson.Object:
		out := map[string]any{}
		for k, e := range v.Members() {
			out[k] = plain(e)
		}
		return out
	}
	return nil
}

// Objects of a few names, plain and with escapes, have a duplicate exactly if a map of their names says so.
func TestDuplicatesAmongFewNames(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	dup := 0
	for range 30_000 {
		var text strings.Builder
		seen, want := map[string]bool{}, false
		for i := range 1 + r.IntN(14) {
			name := ""
			for range r.IntN(3) {
				name += string("abAB"[r.IntN(4)])
			}
			want = want || seen[name]
			seen[name] = true
			spelt := name
			if r.IntN(4) == 0 && name != "" {
				spelt = fmt.Sprintf(`\u%04x`, name[0]) + name[1:]
			}
			if i > 0 {
				text.WriteByte(',')
			}
			fmt.Fprintf(&text, `"%s":%d`, spelt, i)
		}
		_, err := strictjson.Parse([]byte("{"+text.String()+"}"), strictjson.Limits{})
		var e *strictjson.Error
		if got := errors.As(err, &e) && e.Reason == strictjson.Duplicate; got != want || err != nil && !got {
			t.Fatalf("{%s}: %v, duplicate %v", text.String(), err, want)
		}
		if want {
			dup++
		}
	}
	if dup < 5000 || dup > 29_000 {
		t.Errorf("%d of 30,000 have duplicates", dup)
	}
}

// AppendAsBase64URL writes what encoding/base64 writes, behind what is there, in place if there is room, and nothing further on.
func TestAppendAsBase64URL(t *testing.T) {
	every := make([]byte, 0, 1<<16*6)
	for i := range 1 << 16 { // all pairs of characters in all four places
		every = append(every, byte(i>>8), byte(i), byte(i*7), byte(i*7>>8), byte(i*31), byte(i>>3))
	}
	if got, want := strictjson.AppendAsBase64URL(nil, every), base64.RawURLEncoding.EncodeToString(every); string(got) != want {
		t.Error("many bytes are encoded in another way")
	}
	for n := range 70 {
		data := every[5000 : 5000+n]
		want := "before" + base64.RawURLEncoding.EncodeToString(data)
		room := bytes.Repeat([]byte("#"), 200)
		copy(room, "before")
		got := strictjson.AppendAsBase64URL(room[:6], data)
		if string(got) != want || string(room) != want+strings.Repeat("#", 200-len(want)) {
			t.Errorf("%d bytes: %s in %s", n, got, room)
		}
		if got := strictjson.AppendAsBase64URL([]byte("before")[:6:6], data); string(got) != want {
			t.Errorf("%d bytes without room: %s", n, got)
		}
	}
}

func BenchmarkParse(b *testing.B) {
	in := []byte(`{"iss":"did:example:1","_sd":["` + strings.Repeat(`Qg_O64zqAxe412a108iroA2kZuTDXO3qH8pGJZpmV7o","`, 12) + `x"],"vct":"https://registry.example/types/foundational-id","cnf":{"jwk":{"kty":"EC","crv":"P-256","x":"TCAER19Zvu3OHF4j4W4vfSVoHIP1ILilDls7vCeGemc","y":"ZxjiWWbZMQGHVWKVQ4hbSIirsVfuecCE6t4jT9F2HZQ"}}}`)
	b.Run("strictjson", func(b *testing.B) {
		b.SetBytes(int64(len(in)))
		b.ReportAllocs()
		for b.Loop() {
			if _, err := strictjson.Parse(in, strictjson.Limits{}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("floor-json.Valid", func(b *testing.B) {
		b.SetBytes(int64(len(in)))
		for b.Loop() {
			if !json.Valid(in) {
				b.Fatal("invalid")
			}
		}
	})
}
