package verifiertest

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/khyer/khyer/verifier/trust"
)

// TrustSource checks an implementation of trust.Source. accredited is a question that it answers with an accreditation; its Chain, if it has one, is that of a
// card under certificates.
//
// What it holds a source to: issuer and type are compared byte for byte, so that no name that looks or sounds alike is another's; who is not known is
// trust.IssuerNotTrusted, what an issuer may not issue is trust.TypeNotAccredited, both as errors.Is finds them and without an accreditation; a caller who
// has gone is not told that anybody is not trusted; and all of it for many callers at once.
func TrustSource(t testing.TB, s trust.Source, accredited trust.Query) {
	t.Helper()
	ask := func(q trust.Query) (*trust.Accreditation, error) {
		t.Helper()
		acc, err := s.Accreditation(t.Context(), q)
		if (acc == nil) == (err == nil) {
			t.Errorf("%q, %q: an accreditation and an error, or neither", q.Issuer, q.Type)
		}
		return acc, err
	}
	granted := func() {
		t.Helper()
		acc, err := ask(accredited)
		switch {
		case err != nil:
			t.Errorf("%q may issue %q: %v", accredited.Issuer, accredited.Type, err)
		case acc != nil && (acc.Mechanism == trust.ByX5C) != (len(accredited.Chain) > 0 && acc.Key != nil):
			t.Error("the mechanism, the chain and the key do not go together")
		case acc != nil && acc.Key != nil && acc.Mechanism != trust.ByX5C:
			t.Error("a key comes with certificates alone")
		}
	}
	refused := func(q trust.Query, want error) {
		t.Helper()
		if _, err := ask(q); !errors.Is(err, want) {
			t.Errorf("%q, %q: %v, want %v", q.Issuer, q.Type, err, want)
		}
	}
	granted()
	if accredited.Issuer != "" {
		for _, name := range append(alike(accredited.Issuer), "did:example:nobody", "https://nobody.example") {
			q := accredited
			q.Issuer = name
			refused(q, trust.IssuerNotTrusted)
		}
	}
	for _, vct := range append(alike(accredited.Type), "", "*") {
		q := accredited
		q.Type = vct
		refused(q, trust.TypeNotAccredited)
	}
	if len(accredited.Chain) > 0 {
		q := accredited
		q.Chain = nil
		if _, err := ask(q); err == nil {
			t.Error("an issuer who signs with certificates is trusted without one")
		}
	}
	departed(t, s, accredited)

	var all sync.WaitGroup
	for n := range 40 {
		all.Go(func() {
			if n%2 == 0 {
				granted()
				return
			}
			q := accredited
			q.Type += "x"
			refused(q, trust.TypeNotAccredited)
		})
	}
	all.Wait()
}

// departed asks with a context that has ended. A source in memory may answer all the same.
func departed(t testing.TB, s trust.Source, q trust.Query) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	begun := time.Now()
	acc, err := s.Accreditation(ctx, q)
	if time.Since(begun) > 5*time.Second {
		t.Error("a caller whose context had ended was kept waiting")
	}
	if (acc == nil) == (err == nil) {
		t.Error("for a context that has ended: an accreditation and an error, or neither")
	}
	for _, answer := range []error{trust.IssuerNotTrusted, trust.TypeNotAccredited, trust.IssuerSuspended} {
		if errors.Is(err, answer) {
			t.Errorf("to a caller who has gone: %v, which is an answer", err)
		}
	}
}

// alike are names that a careless comparison takes for name.
func alike(name string) (out []string) {
	last := name[len(name)-1:]
	for _, other := range []string{
		name + "/", name + " ", " " + name, name + "\n", name + "\x00", name + "#", name + "?", name + "#key-1", name + "x", name + ".", name + "%20", name + "*",
		strings.TrimSuffix(name, last), strings.ToUpper(name), strings.ToLower(name), strings.ToUpper(name[:1]) + name[1:],
		strings.TrimSuffix(name, last) + "*", strings.TrimSuffix(name, last) + "%" + "7", strings.Replace(name, "e", "\u0435", 1), // a Cyrillic letter
		strings.TrimSuffix(name, last) + strings.ToUpper(last), strings.Replace(name, ":", "%3A", 1), strings.Replace(name, "a", "a\u200b", 1), // one without width
	} {
		if other != name && other != "" {
			out = append(out, other)
		}
	}
	return out
}
