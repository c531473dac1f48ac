package verifier_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/khyer/khyer/disclosure"
	"github.com/khyer/khyer/disclosure/dcql"
	"github.com/khyer/khyer/verifier"
)

// TestAnswerFromJSON reads what a wallet posts, and nothing that is no vp_token.
func TestAnswerFromJSON(t *testing.T) {
	var got struct {
		Token verifier.Answer `json:"vp_token"`
	}
	err := json.Unmarshal([]byte(`{"vp_token": {"a": ["x~y~", { "payload" : "z" }], "b": ["w\u007e"]}}`), &got)
	want := verifier.Answer{"a": {[]byte("x~y~"), []byte(`{ "payload" : "z" }`)}, "b": {[]byte("w~")}}
	if err != nil || !reflect.DeepEqual(got.Token, want) {
		t.Errorf("%q, %v", got.Token, err)
	}
	if text, err := json.Marshal(want); err != nil || string(text) != `{"a":["x~y~",{"payload":"z"}],"b":["w~"]}` {
		t.Errorf("%s, %v", text, err)
	}
	list := func(n int) string { return `["x"` + strings.Repeat(`,"x"`, n-1) + `]` }
	if err := json.Unmarshal([]byte(`{"a":`+list(32)+`}`), new(verifier.Answer)); err != nil {
		t.Errorf("32 presentations: %v", err)
	}
	for text, want := range map[string]verifier.Reason{
		`null`: disclosure.BadJSON, `"x"`: disclosure.BadJSON, `["x"]`: disclosure.BadJSON, `{"a":"x"}`: disclosure.BadJSON, `{"a":[]}`: disclosure.BadJSON,
		`{"a":[null]}`: disclosure.BadJSON, `{"a":[["x"]]}`: disclosure.BadJSON, `{"a":[1]}`: disclosure.BadJSON, `{"a":["\ud800"]}`: disclosure.BadJSON,
		`{"a":["x"],"a":["y"]}`: disclosure.DuplicateMember, `{"a":[{"x":1,"x":2}]}`: disclosure.DuplicateMember,
		`{"a":[{"x":` + strings.Repeat("[", 40) + strings.Repeat("]", 40) + `}]}`: disclosure.TooDeep,
		`{"a":` + list(33) + `}`:                       dcql.NotAskedFor,
		`{"a":` + list(20) + `,"b":` + list(13) + `}`:  dcql.NotAskedFor,
		`{"a":["` + strings.Repeat("x", 2<<20) + `"]}`: disclosure.TooLarge,
	} {
		before := verifier.Answer{"z": nil}
		err := json.Unmarshal([]byte(text), &before)
		var rejection *verifier.Rejection
		if !errors.As(err, &rejection) || rejection.Reason != want || !rejection.Unauthenticated || len(before) != 1 {
			t.Errorf("%.40s: %v, want %s", text, err, want)
		}
	}
	// What was read is what is verified.
	f := newFamily(t)
	text, err := json.Marshal(f.answer())
	if err != nil {
		t.Fatal(err)
	}
	var answer verifier.Answer
	if err := json.Unmarshal(text, &answer); err != nil {
		t.Fatal(err)
	}
	if _, err := f.v.VerifyAnswer(t.Context(), answer, f.expect); err != nil {
		t.Error(err)
	}
}

// FuzzAnswer: what was read is written and read again as the same, and nothing panics.
func FuzzAnswer(f *testing.F) {
	for _, s := range []string{`{"a":["x~y~",{"payload":"z"}]}`, `{"a":["{}"],"b":[""]}`, `{"a":["{"]}`, `null`, `{"a":[[]]}`, `{}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var a, b verifier.Answer
		if a.UnmarshalJSON(data) != nil {
			return
		}
		text, err := json.Marshal(a)
		if err != nil {
			t.Fatalf("%q: %v", data, err)
		}
		if err := json.Unmarshal(text, &b); err != nil || len(a) != len(b) {
			t.Fatalf("%q became %q: %v", data, text, err)
		}
	})
}
