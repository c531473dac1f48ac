package dcql

import (
	"bytes"

	"github.com/khyer/khyer/disclosure"
	"github.com/khyer/khyer/internal/strictjson"
)

// selected processes a claims path pointer (OpenID4VP section 7.1.1). ok is false where the text says to abort: a component that does not fit
// what is selected, or nothing selected in the end.
func selected(root strictjson.Value, path disclosure.Path) (found []strictjson.Value, ok bool) {
	found = []strictjson.Value{root}
	for _, step := range path {
		var next []strictjson.Value
		for _, v := range found {
			switch s := step.(type) {
			case string:
				if v.Kind() != strictjson.Object {
					return nil, false
				}
				if e := v.Get(s); e.Exists() {
					next = append(next, e)
				}
			case int:
				if v.Kind() != strictjson.Array {
					return nil, false
				}
				if e := v.At(s); e.Exists() {
					next = append(next, e)
				}
			case nil:
				if v.Kind() != strictjson.Array {
					return nil, false
				}
				for e := range v.Elements() {
					next = append(next, e)
				}
			default:
				return nil, false
			}
		}
		found = next
	}
	return found, len(found) > 0
}

// equal compares a claim with a value of the query: type and value, exactly. Integers are compared as they are written, so that none is too
// large; a claim 1.0 is not the integer 1.
func equal(v strictjson.Value, want []byte) bool {
	w, err := strictjson.Parse(want, strictjson.Limits{Bytes: len(want), Depth: 1})
	if err != nil || v.Kind() != w.Kind() {
		return false
	}
	if a, ok := v.Text(); ok {
		b, _ := w.Text()
		return a == b
	}
	switch v.Kind() {
	case strictjson.Number, strictjson.Bool:
		return bytes.Equal(v.Raw(), w.Raw())
	}
	return false
}
