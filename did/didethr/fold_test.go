package didethr

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"

	"github.com/khyer/khyer/did"
)

// TestRecordedHistories compares every recorded query with what the stock resolver of either generation answered, and where that shows
// a fault, with the right answer.
func TestRecordedHistories(t *testing.T) {
	all := recordings(t)
	for _, g := range generations {
		compared, faulty := map[string]int{}, map[string]int{}
		for i := range all {
			r := &all[i]
			t.Run(g.name+"/"+r.Name, func(t *testing.T) {
				n, h := r.history(t)
				n.Profile = g.profile
				for j := range r.Queries {
					q := &r.Queries[j]
					if q.Accept != nil && *q.Accept == "application/did+cbor" || q.result(r, g) == nil {
						continue // a representation is no matter of this package; version 11 knows no versionTime
					}
					name := fmt.Sprintf("%s %s?%s clock %d", q.Kind, q.DID, q.Params, q.Clock)
					got, err := r.answer(n, h, q)
					if want := right(t, r, q, g); !same(t, name, want, got, err) {
						continue
					}
					compared[q.Kind]++
					for _, f := range q.Faults {
						if slices.Contains(f.In, g.name) {
							faulty[f.ID]++
						}
					}
				}
			})
		}
		t.Logf("%s: %d histories; queries that agree, by kind: %v; of them with the right result in place of a stock fault: %v",
			g.name, len(all), compared, faulty)
	}
}

// wanted is the right answer to a recorded query.
type wanted struct {
	code     did.Code // of the error, or empty
	document map[string]any
	metadata map[string]any
	ld       bool
}

func same(t *testing.T, name string, want wanted, got *did.Resolution, err error) bool {
	t.Helper()
	if want.code != "" || err != nil {
		if !errors.Is(err, want.code) {
			t.Errorf("%s: error %v, want %q", name, err, want.code)
			return false
		}
		return true
	}
	ok := true
	if m := plainMetadata(got); !reflect.DeepEqual(m, want.metadata) {
		t.Errorf("%s: metadata %v, want %v", name, m, want.metadata)
		ok = false
	}
	if d := plain(t, got.Document, want.ld); !reflect.DeepEqual(d, want.document) {
		t.Errorf("%s: document\n got %s\nwant %s", name, text(d), text(want.document))
		ok = false
	}
	return ok
}

func text(v any) string {
	b, _ := json.Marshal(v)
	return string(b)
}

// TestEveryKeyHasAJWK: for readers that know only publicKeyJwk, every usable key of a document can be written so. What names an address has none.
func TestEveryKeyHasAJWK(t *testing.T) {
	rendered := 0
	for _, r := range recordings(t) {
		n, h := r.history(t)
		for i := range r.Queries {
			q := &r.Queries[i]
			res, err := r.answer(n, h, q)
			if err != nil || q.Kind != "latest" {
				continue
			}
			methods := map[string]did.Method{}
			for _, m := range res.Document.JSONWebKeys().VerificationMethod {
				methods[m.ID] = m
			}
			for _, k := range res.Keys {
				m, listed := methods[k.ID]
				if !listed || k.Public.JWK() == nil {
					continue
				}
				rendered++
				if m.Type != "JsonWebKey" || string(m.PublicKeyJwk) != string(k.Public.JWK()) {
					t.Errorf("%s: %s of type %s is %s, want %s", r.Name, k.ID, m.Type, m.PublicKeyJwk, k.Public.JWK())
				}
			}
		}
	}
	if rendered < 400 {
		t.Errorf("only %d keys", rendered)
	}
}
