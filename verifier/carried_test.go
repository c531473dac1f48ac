package verifier

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/khyer/khyer/credential/status"
	"github.com/khyer/khyer/did"
	"github.com/khyer/khyer/disclosure"
	"github.com/khyer/khyer/internal/strictjson"
	"github.com/khyer/khyer/verifier/trust"
)

func TestCarriedResultIsTheSame(t *testing.T) {
	valid := status.Value(2)
	at := time.Date(2026, 11, 24, 12, 0, 0, 5, time.UTC)
	r := &Result{Skipped: []Reason{StatusNotChecked}, At: at, Cards: []Card{{
		Query: "id", Type: "t", Issuer: "did:example:1", IssuerName: "Registry", Mechanism: trust.ByDID, KeyID: "did:example:1#k", Status: &valid, StatusAt: at,
		SignedAt: at, Expires: at, Anchor: did.Anchor{Chain: "0x539", Block: 7, Hash: [32]byte{1, 2}, Time: at, Trust: "asserted"},
		Surplus: []disclosure.Path{{"x", 3, nil}}, Concealed: 4,
		claims: []shown{{disclosure.Path{"Full Name"}, []byte(`"Pema <Example>"`)}, {disclosure.Path{"list", nil, 0}, []byte(`[1, 2.50 ]`)}},
	}, {Query: "other"}}}
	text, err := r.Carry(strictjson.Inside{})
	if err != nil {
		t.Fatal(err)
	}
	got, err := Carried(strictjson.Inside{}, text)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, r) {
		t.Errorf("got  %#v\nwant %#v", got, r)
	}
}

func TestCarriedErrorQuotesNothing(t *testing.T) {
	if _, err := Carried(strictjson.Inside{}, []byte(`{"At":"MARKER"}`)); err == nil || strings.Contains(err.Error(), "MARKER") {
		t.Errorf("got %v", err)
	}
}
