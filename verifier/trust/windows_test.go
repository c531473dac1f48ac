package trust_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/khyer/khyer/verifier/trust"
)

// TestWindows: an issuer is known by two DIDs and an address, each for a while of its own.
func TestWindows(t *testing.T) {
	day := func(n int) time.Time { return time.Date(2026, 1, n, 0, 0, 0, 0, time.UTC) }
	list, err := trust.NewList(trust.Issuer{
		DIDs: []string{"did:example:old", "did:example:new"}, URLs: []string{"https://registry.example"}, Types: []string{"t"},
		Windows: []trust.Window{
			{Of: "did:example:old", Until: day(20), SignedUntil: day(10)},
			{Of: "did:example:new", From: day(9)},
			{Of: "https://registry.example", From: day(1), Until: day(31)}, // wider than the entry
		},
		Accreditation: trust.Accreditation{Name: "n", From: day(2), Until: day(25)},
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		issuer      string
		now, signed time.Time
		want        error
	}{
		"under the old name":                      {"did:example:old", day(5), day(5), nil},
		"under the old name, afterwards":          {"did:example:old", day(15), day(5), nil},
		"signed after the move":                   {"did:example:old", day(15), day(10), trust.TypeNotAccredited},
		"that does not say when it was signed":    {"did:example:old", day(15), time.Time{}, trust.TypeNotAccredited},
		"when the old name is over":               {"did:example:old", day(20), day(5), trust.TypeNotAccredited},
		"before the entry begins":                 {"did:example:old", day(1), day(1), trust.TypeNotAccredited},
		"under the new name":                      {"did:example:new", day(15), day(14), nil},
		"under the new name, too early":           {"did:example:new", day(8), day(8), trust.TypeNotAccredited},
		"under the new name, when the entry ends": {"did:example:new", day(25), day(14), trust.TypeNotAccredited},
		"a window does not widen the entry":       {"https://registry.example", day(1), day(1), trust.TypeNotAccredited},
		"and not at its end":                      {"https://registry.example", day(26), day(26), trust.TypeNotAccredited},
		"within both":                             {"https://registry.example", day(3), time.Time{}, nil},
	} {
		_, err := list.Accreditation(t.Context(), trust.Query{Issuer: c.issuer, Type: "t", Now: c.now, Signed: c.signed})
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

func TestWindowsThatAreRefused(t *testing.T) {
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for want, windows := range map[string][]trust.Window{
		"no name of this issuer": {{Of: "did:example:b", Until: at}},
		"there twice":            {{Of: "did:example:a", Until: at}, {Of: "did:example:a", From: at}},
		"has no bound":           {{Of: "did:example:a"}},
		"ends before it begins":  {{Of: "did:example:a", From: at, Until: at}},
	} {
		_, err := trust.NewList(trust.Issuer{DIDs: []string{"did:example:a"}, Types: []string{"t"}, Windows: windows, Accreditation: trust.Accreditation{Name: "n"}})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

func TestWindowsOfADocument(t *testing.T) {
	d, err := trust.ParseDocument([]byte(`{"format": "khyer-trust/1", "issuers": [{"name": "n", "dids": ["did:example:a"], "types": ["t"],
		"windows": [{"of": "did:example:a", "from": "2026-01-01T00:00:00Z", "until": "2026-02-01T00:00:00Z", "signed_until": "2026-01-15T00:00:00Z"}]}]}`))
	if err != nil {
		t.Fatal(err)
	}
	if w := d.Issuers[0].Windows; len(w) != 1 || w[0].Of != "did:example:a" || w[0].From.Day() != 1 || w[0].Until.Month() != 2 || w[0].SignedUntil.Day() != 15 {
		t.Errorf("%+v", w)
	}
	for _, wrong := range []string{`{"of": "did:example:a", "till": "2026-01-01T00:00:00Z"}`, `{"of": "", "from": "2026-01-01T00:00:00Z"}`, `[]`} {
		if _, err := trust.ParseDocument([]byte(`{"format": "khyer-trust/1", "issuers": [{"name": "n", "dids": ["did:example:a"], "types": ["t"], "windows": [` + wrong + `]}]}`)); err == nil {
			t.Errorf("%s is read", wrong)
		}
	}
}
