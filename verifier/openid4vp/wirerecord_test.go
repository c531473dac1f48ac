package openid4vp

import (
	"reflect"
	"testing"
	"time"

	"github.com/khyer/khyer/disclosure"
)

func TestRecordIsReadAsItWasWritten(t *testing.T) {
	at := time.Unix(1_800_000_000, 5)
	full := &record{
		Secret: []byte("s"), Browser: []byte("b"), Template: "t", Nonce: "n", Key: []byte("k"), TransactionData: []string{"x", "y"}, Until: at, Failed: 7,
		Failure:  &failure{Reason: "r", Query: "q", Path: disclosure.Path{"a", 1, nil}, Near: disclosure.Path{"b"}, Unauthenticated: true, RetryAfter: 3, Declined: "d"},
		Accepted: true, Result: []byte("res"), Keep: at, Code: []byte("c"), Guessed: 2, Returned: true,
		Log: []Event{{At: at, Step: Begun}, {At: at, Step: Rejected, Reason: "x", Query: "q", Path: disclosure.Path{"p", 0}, Detail: "d"}}, LogEnds: at,
	}
	for name, r := range map[string]*record{"full": full, "empty": {}} {
		text, err := r.encode()
		if err != nil {
			t.Fatal(err)
		}
		got, err := decodeRecord(text)
		if err != nil || !reflect.DeepEqual(got, r) {
			t.Errorf("%s: got %+v, %v", name, got, err)
		}
		for n := range text { // cut short anywhere, or of another version: an error and no panic
			if _, err := decodeRecord(text[:n]); err == nil {
				t.Errorf("%s: %d of %d bytes are read", name, n, len(text))
			}
		}
		if _, err := decodeRecord(append(text, 0)); err == nil {
			t.Error("more than a record is read")
		}
		text[0]++
		if _, err := decodeRecord(text); err != errRecord {
			t.Errorf("another version: %v", err)
		}
	}
	// A new field of record belongs into the form.
	if n := reflect.TypeFor[record]().NumField(); n != 18 {
		t.Errorf("record has %d fields, and encode writes 17 of 18", n)
	}
}
