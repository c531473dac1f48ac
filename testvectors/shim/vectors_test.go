package main

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/khyer/khyer/testvectors"
)

// ask gives the handler a request and returns its answer as it would stand on the line.
func ask(t testing.TB, op string, request any) map[string]any {
	t.Helper()
	text, err := json.Marshal(request)
	if err != nil {
		t.Fatal(err)
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(text, &members); err != nil {
		t.Fatal(err)
	}
	members["op"] = json.RawMessage(`"` + op + `"`)
	line, err := json.Marshal(members)
	if err != nil {
		t.Fatal(err)
	}
	out, err := handle(line).line()
	if err != nil {
		t.Fatal(err)
	}
	return decode(t, out)
}

// decode keeps numbers as they are written.
func decode(t testing.TB, text []byte) (out map[string]any) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&out); err != nil {
		t.Fatal(err)
	}
	return out
}

func vectors(t testing.TB) []testvectors.Vector {
	t.Helper()
	all, err := testvectors.Vectors()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestVectors: the library's answer to each vector, verdict, reason and everything else that it expects.
func TestVectors(t *testing.T) {
	for _, v := range vectors(t) {
		t.Run(v.Name, func(t *testing.T) {
			got, want := ask(t, v.Op, v.Request), decode(t, v.Expect)
			var wrong []string
			for name, value := range want {
				if !reflect.DeepEqual(got[name], value) {
					wrong = append(wrong, name)
				}
			}
			if len(wrong) > 0 {
				t.Errorf("%s differs\n got %s\nwant %s", strings.Join(wrong, ", "), show(got), show(want))
			}
		})
	}
}

func text(v any) string { s, _ := v.(string); return s }

func show(v any) string { b, _ := json.Marshal(v); return string(b) }
