package trust_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/khyer/khyer/disclosure"
	"github.com/khyer/khyer/verifier/trust"
)

const document = `{
	"format": "khyer-trust/1", "sequence": 7, "issued": "2026-11-24T00:00:00Z", "expires": "2026-12-24T00:00:00Z",
	"issuers": [{
		"name": "Example Civil Registry",
		"dids": ["did:ethr:0x539:0x2222222222222222222222222222222222222222"], "urls": ["https://registry.example"],
		"types": ["https://registry.example/types/foundational-id"],
		"from": "2026-01-01T00:00:00Z", "until": "2030-01-01T00:00:00+06:00", "lapsed_until": "2028-01-01T00:00:00Z",
		"key_classes": ["controllerKey"], "hosts": ["keys.registry.example"],
		"status_lists": [{"prefix": "https://status.example/registry/", "signer": "did:ethr:0x539:0x3333333333333333333333333333333333333333", "aggregation": "https://status.example/registry/all"}], "status_required": true,
		"suspended": "2026-11-30T00:00:00Z", "suspended_keeps_older": true,
		"compromised": ["0x4444444444444444444444444444444444444444"]
	}],
	"purposes": [{
		"agency": "https://hospital.example", "name": "hospital-admission", "basis": "an invented act, section 4",
		"claims": {"https://registry.example/types/foundational-id": [["Full Name"], ["Parents", null, "Name"], ["Addresses", 0]]}
	}]
}`

func ExampleParseDocument() {
	d, err := trust.ParseDocument([]byte(`{"format": "khyer-trust/1", "issuers": [
		{"name": "Example Civil Registry", "dids": ["did:example:registry"], "types": ["https://registry.example/types/foundational-id"], "hots": []}]}`))
	fmt.Println(d, err)
	// Output:
	// <nil> trust: the document, issuers 0 has a member "hots", which is not known
}

func TestDocument(t *testing.T) {
	d, err := trust.ParseDocument([]byte(document))
	if err != nil {
		t.Fatal(err)
	}
	i := d.Issuers[0]
	if d.Sequence != 7 || i.Name != "Example Civil Registry" || len(i.DIDs) != 1 || len(i.URLs) != 1 || len(i.Types) != 1 || !i.SuspendedKeepsOlder ||
		i.KeyClasses[0] != "controllerKey" || i.Hosts[0] != "keys.registry.example" || i.StatusLists[0].Aggregation == "" || len(i.Compromised) != 1 || !i.StatusRequired ||
		!i.Until.Equal(time.Date(2029, 12, 31, 18, 0, 0, 0, time.UTC)) || i.From.IsZero() || i.LapsedUntil.IsZero() || i.Suspended.IsZero() {
		t.Errorf("%+v", i)
	}
	policy, err := d.Policy()
	if err != nil {
		t.Fatal(err)
	}
	asked := trust.Asked{Type: i.Types[0], Claims: []disclosure.Path{{"Full Name"}, {"Parents", 3, "Name"}, {"Addresses", 0, "Village"}}}
	if err := policy.Check("https://hospital.example", "hospital-admission", d.Issued, asked); err != nil {
		t.Error(err)
	}
	list, err := d.List()
	if err != nil {
		t.Fatal(err)
	}
	q := trust.Query{Issuer: i.DIDs[0], Type: i.Types[0], Now: d.Issued}
	if acc, err := list.Accreditation(context.Background(), q); err != nil || acc.Name != i.Name {
		t.Error(acc, err)
	}
	q.Now = d.Expires
	if _, err := list.Accreditation(context.Background(), q); !errors.Is(err, trust.ErrListLapsed) {
		t.Errorf("a document that has expired: %v", err)
	}
	if err := policy.Check("https://hospital.example", "hospital-admission", d.Expires, asked); !errors.Is(err, trust.ErrListLapsed) {
		t.Errorf("the policy of a document that has expired: %v", err)
	}
}

func TestDocumentsThatAreRefused(t *testing.T) {
	for name, c := range map[string]struct{ old, new, want string }{
		"a misspelt member":     {`"compromised"`, `"compromized"`, `a member "compromized"`},
		"another case":          {`"compromised"`, `"Compromised"`, `a member "Compromised"`},
		"a member twice":        {`"sequence": 7`, `"sequence": 7, "sequence": 8`, "no strict JSON"},
		"another format":        {"khyer-trust/1", "khyer-trust/2", "format"},
		"no format":             {`"format": "khyer-trust/1", `, ``, "format"},
		"a time without a zone": {"2026-01-01T00:00:00Z", "2026-01-01T00:00:00", "no time"},
		"the first time of all": {"2026-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "no time"},
		"a number as a text":    {`"sequence": 7`, `"sequence": "7"`, "no whole number"},
		"below zero":            {`"sequence": 7`, `"sequence": -7`, "no whole number"},
		"a boolean as a text":   {`"suspended_keeps_older": true`, `"suspended_keeps_older": "true"`, "neither true nor false"},
		"a text for texts":      {`["controllerKey"]`, `"controllerKey"`, "no array"},
		"an empty text":         {`"controllerKey"`, `""`, "no text"},
		"an issuer in a list":   {`"issuers": [{`, `"issuers": [[], {`, "no object"},
		"half an index":         {`["Addresses", 0]`, `["Addresses", 0.5]`, "no claims path"},
		"a path of objects":     {`["Addresses", 0]`, `[{}]`, "no claims path"},
		"claims as a list":      {`"claims": {`, `"basis2": {`, "not known"},
		"something behind it":   {`"expires": "2026-12-24T00:00:00Z"`, `"expires": "2026-12-24T00:00:00Z"}{`, "no strict JSON"},
		"no root":               {`"types": [`, `"certified": [{"issuer": "https://a.example", "name": "a.example", "roots": ["x"]}], "types": [`, "PEM"},
	} {
		if !strings.Contains(document, c.old) {
			t.Fatalf("%s: %q is not in the document", name, c.old)
		}
		_, err := trust.ParseDocument([]byte(strings.Replace(document, c.old, c.new, 1)))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	if _, err := trust.ParseDocument([]byte(`{"format": "khyer-trust/1"}`)); err == nil {
		t.Error("a document of nothing")
	}
}

func FuzzParseDocument(f *testing.F) {
	f.Add([]byte(document))
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := trust.ParseDocument(data)
		if err != nil {
			return
		}
		_, _ = d.List()
		_, _ = d.Policy()
	})
}
