package verifier_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/khyer/khyer/did/pubkey"
	"github.com/khyer/khyer/disclosure"
	"github.com/khyer/khyer/verifier"
	"github.com/khyer/khyer/verifier/trust"
)

// Citizens of three issuers with three mechanisms pass through one Verifier at once, some with what is wrong, and each comes out with
// nothing of another: in claims, paths, errors and events. Each caller uses his buffer again as soon as he has his answer.
func TestCitizensDoNotMix(t *testing.T) {
	const citizens = 6
	x5c := newCertified(t)
	x5c.build()
	hosted, src := newHosted(t)
	hosted.claims["iss"] = site + "/hosted"
	src.documents[site+"/.well-known/jwt-vc-issuer/hosted"] = metadata(site+"/hosted", `"jwks":{"keys":[`+named(hosted.registry, "key-1")+`]}`)
	plain := newWorld(t)
	plain.resolver.Put(plain.subject)

	list, err := trust.NewList(plain.issuer, x5c.issuer, trust.Issuer{URLs: []string{site + "/hosted"}, Types: []string{idCard}, Accreditation: trust.Accreditation{Name: "Hosted"}})
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var events []verifier.Event
	v, err := verifier.New(verifier.Config{
		Now: func() time.Time { return now }, Issuers: list, Resolver: plain.resolver, Documents: readOnly(src.documents),
		Observe: func(_ context.Context, e verifier.Event) { mu.Lock(); events = append(events, e); mu.Unlock() },
	})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for n := range citizens {
		base := []*world{plain, x5c.world, hosted}[n%3]
		wg.Go(func() {
			for round := range 25 {
				w := *base
				mark := fmt.Sprintf("MARK-%d.", n)
				w.citizen = generate(t, pubkey.ES256)
				w.claims = map[string]any{"iss": base.claims["iss"], "Full Name": mark + "name", "ID Number": mark + "number", "Date of Birth": mark + "birth", mark + "own": mark}
				if base == plain {
					w.claims["iss"] = registry
				}
				w.expect.Nonce = fmt.Sprint("nonce ", n, round)
				w.expect.Claims = []disclosure.Path{{"Full Name"}, {"ID Number"}, {mark + "own"}}
				if round%5 == 4 {
					w.expect.Claims = append(w.expect.Claims, disclosure.Path{mark + "missing"})
				}
				p := w.present()
				res, err := v.Verify(context.Background(), p, w.expect)
				for i := range p {
					p[i] = 'x'
				}
				checkCitizen(t, n, mark, round%5 == 4, res, err)
			}
		})
	}
	wg.Wait()
	if len(events) != citizens*25 {
		t.Errorf("%d events", len(events))
	}
	if text := fmt.Sprint(events); strings.Contains(text, "MARK") {
		t.Error("an event has a claim")
	}
}

func checkCitizen(t *testing.T, n int, mark string, missing bool, res *verifier.Result, err error) {
	t.Helper()
	var rej *verifier.Rejection
	switch {
	case missing:
		if res != nil || !errors.As(err, &rej) || rej.Reason != verifier.ClaimMissing || rej.Path[0] != mark+"missing" {
			t.Errorf("%d: %v", n, err)
		}
		return
	case err != nil:
		t.Errorf("%d: %v", n, err)
		return
	}
	c := res.Cards[0]
	for name, want := range map[string]string{"Full Name": mark + "name", "ID Number": mark + "number", mark + "own": mark} {
		raw, ok := c.Claim(disclosure.Path{name})
		var got string
		if !ok || json.Unmarshal(raw, &got) != nil || got != want {
			t.Errorf("%d: %s in the result of %s", n, raw, want)
		}
	}
	if want := []trust.Mechanism{trust.ByDID, trust.ByX5C, trust.ByMetadata}[n%3]; c.Mechanism != want || len(c.Surplus) != 0 {
		t.Errorf("%d: %s, %v", n, c.Mechanism, c.Surplus)
	}
}

type readOnly map[string]string

func (r readOnly) Document(_ context.Context, url string) ([]byte, error) { return []byte(r[url]), nil }
