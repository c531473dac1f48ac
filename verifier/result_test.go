package verifier_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/khyer/khyer/credential/status"
	"github.com/khyer/khyer/did"
	"github.com/khyer/khyer/disclosure"
	"github.com/khyer/khyer/verifier"
	"github.com/khyer/khyer/verifier/trust"
)

// walk visits every value that hangs on v, also in fields that are not exported.
func walk(v reflect.Value, visit func(reflect.Value)) {
	visit(v)
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			walk(v.Elem(), visit)
		}
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			return
		}
		for i := range v.NumField() {
			walk(v.Field(i), visit)
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			walk(v.Index(i), visit)
		}
	case reflect.Map:
		for _, k := range v.MapKeys() {
			walk(k, visit)
			walk(v.MapIndex(k), visit)
		}
	}
}

// TestNoListIndexAndNoHolderKeyLeaveTheResult: both would tell one visit of a citizen from another's, at every agency. They are looked for in memory, by
// reflection, and in all that can be written of a result; and so is a value that nobody asked for.
func TestNoListIndexAndNoHolderKeyLeaveTheResult(t *testing.T) {
	const index = 48151623 >> 4 // of a list that has so many
	w := newWorld(t)
	list, err := status.NewList(1, make([]byte, index/8+1), now.Add(-time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	src := &lists{list: list}
	w.config.Status = src
	w.claims = map[string]any{"status": map[string]any{"status_list": map[string]any{"idx": index, "uri": "https://registry.example/lists/1"}}, "iat": now.Add(-time.Hour).Unix()}
	w.hidden = map[string]any{"Nickname": "nobody asked for this"}
	w.config.Observe = func(_ context.Context, e verifier.Event) { refuseIn(t, "an event", fmt.Sprintf("%+v", e), w, index) }
	res := w.accepted()
	if src.uri == "" {
		t.Fatal("the list was not asked for")
	}
	w.kid, w.claims["status"] = registry+"#key-9", nil
	_, rejected := w.verify()

	key := w.citizen.Public()
	walk(reflect.ValueOf(res), func(v reflect.Value) {
		switch {
		case v.CanUint() && v.Uint() == index, v.CanInt() && v.Int() == index:
			t.Errorf("the list index is in the result, as a %s", v.Type())
		case v.Kind() == reflect.String:
			refuseIn(t, "a text of the result", v.String(), w, index)
		case v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Uint8:
			refuseIn(t, "bytes of the result", string(v.Bytes()), w, index)
		case v.Type() == reflect.TypeOf(key):
			t.Error("a key is in the result")
		}
	})
	asJSON, err := json.Marshal(res)
	if err != nil {
		t.Fatal(err)
	}
	refuseIn(t, "JSON", string(asJSON), w, index)
	if strings.Contains(string(asJSON), "Pema") {
		t.Error("a claim is in the JSON of a result, whose caller asks for it by name")
	}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "result", res, "card", res.Cards[0], "err", rejected)
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "result", *res, "card", &res.Cards[0], "err", rejected)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x", "%X", "%t", "%T", "%p"} {
		for _, value := range []any{res, *res, res.Cards, res.Cards[0], &res.Cards[0], rejected} {
			fmt.Fprintf(&log, verb, value)
		}
	}
	refuseIn(t, "what is printed", log.String(), w, index)
	if strings.Contains(log.String(), "Pema") || strings.Contains(log.String(), hex.EncodeToString([]byte("Pema"))) {
		t.Error("a claim is in what is printed")
	}
}

// refuseIn looks for the holder's key in every spelling, for the index, and for what was not asked for.
func refuseIn(t *testing.T, where, text string, w *world, index int) {
	t.Helper()
	k := w.citizen.Public()
	multikey, _ := k.Multikey()
	var jwk struct{ X, Y string }
	if err := json.Unmarshal(k.JWK(), &jwk); err != nil || jwk.X == "" {
		t.Fatal("no key to look for")
	}
	x, _ := base64.RawURLEncoding.DecodeString(jwk.X)
	for what, word := range map[string]string{
		"the holder's key": jwk.X, "the holder's key, y": jwk.Y, "its thumbprint": k.Thumbprint(), "its multikey": multikey, "its bytes": string(x), "its bytes in hexadecimal": hex.EncodeToString(x),
		"the list index": fmt.Sprint(index), "a value that nobody asked for": "nobody asked for this",
	} {
		if strings.Contains(text, word) || strings.Contains(strings.ToLower(text), hex.EncodeToString([]byte(word))) {
			t.Errorf("%s is in %s", what, where)
		}
	}
}

// TestResultSaysOnWhatItRests: issuer, type, status and its age, block and trust level, and what was skipped.
func TestResultSaysOnWhatItRests(t *testing.T) {
	w := newWorld(t)
	list, err := status.NewList(8, []byte{0}, now.Add(-7*time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	w.config.Status = &lists{list: list}
	w.claims = map[string]any{"status": map[string]any{"status_list": map[string]any{"idx": 0, "uri": "https://registry.example/lists/1"}}}
	at := did.Anchor{Chain: "eip155:1337", Block: 1000, Hash: [32]byte{1}, Time: now.Add(-13 * time.Minute), Newest: now, Tag: "finalized", Trust: "agreed"}
	w.subject.Anchor = at
	w.reveal = append(w.reveal, disclosure.Path{"Date of Birth"})
	res := w.accepted()
	c := res.Cards[0]
	if c.Issuer != registry || c.IssuerName != "Example Civil Registry" || c.Type != idCard || c.KeyID != registry+"#key-1" || c.Mechanism != trust.ByDID {
		t.Errorf("%+v", c)
	}
	if *c.Status != status.Valid || res.At.Sub(c.StatusAt) != 7*time.Minute || c.SignedAt.IsZero() || c.Expires.IsZero() {
		t.Errorf("status %v of %v, at %v", *c.Status, c.StatusAt, res.At)
	}
	if c.Anchor != at {
		t.Errorf("%+v, want %+v", c.Anchor, at)
	}
	if len(res.Skipped) != 0 || len(c.Surplus) != 1 || c.Surplus[0].String() != `"Date of Birth"` {
		t.Errorf("skipped %v, surplus %v", res.Skipped, c.Surplus)
	}
	if _, ok := c.Claim(disclosure.Path{"Date of Birth"}); ok {
		t.Error("a surplus value was kept")
	}

	w = newWorld(t)
	w.claims = map[string]any{"status": map[string]any{"status_list": map[string]any{"idx": 0, "uri": "https://registry.example/lists/1"}}}
	w.config.InsecureNoStatus, w.expect.InsecureUnbound = true, true
	w.altered = func(s string) string { return s[:strings.LastIndexByte(s, '~')+1] }
	res = w.accepted()
	if fmt.Sprint(res.Skipped) != "[status_not_checked key_binding_not_checked]" || res.Cards[0].Status != nil {
		t.Errorf("skipped %v, status %v", res.Skipped, res.Cards[0].Status)
	}
}
