package credential_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/khyer/khyer/credential"
	"github.com/khyer/khyer/did/pubkey"
	"github.com/khyer/khyer/disclosure"
)

// What a holder signs of a transaction is what the verifier reads, and a card that authorizes nothing says nothing of it.
func TestHolderSignsTransactions(t *testing.T) {
	issuer, holder := generate(t, pubkey.ES256), generate(t, pubkey.ES256)

	sdjwt, err := newIssuer(t, issuer).Issue(t.Context(), card(holder))
	if err != nil {
		t.Fatal(err)
	}
	h := credential.NewHolder(holder)
	held, err := h.Receive(sdjwt, issuer.Public(), now)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []struct {
		hashes []string
		alg    string
	}{{[]string{"ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0"}, ""}, {[]string{"a", `b","aud":"other`}, "sha-512"}, {nil, ""}} {
		shown, err := h.Present(t.Context(), held, credential.Showing{Audience: "a", Nonce: "n", At: now, TransactionHashes: want.hashes, TransactionAlgorithm: want.alg})
		if err != nil {
			t.Fatal(err)
		}
		p, err := credential.Parse(shown, credential.SDJWTVC, disclosure.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		v, err := p.Verify(issuer.Public(), credential.Binding{Audience: "a", Nonce: "n", MaxAge: time.Minute}, now)
		if err != nil {
			t.Fatal(err)
		}
		if hashes, alg := v.TransactionHashes(); !slices.Equal(hashes, want.hashes) || alg != want.alg {
			t.Errorf("%q, %q: want %v", hashes, alg, want)
		}
	}
	for name, s := range map[string]credential.Showing{
		"an algorithm of nothing": {TransactionAlgorithm: "sha-256"},
		"too many":                {TransactionHashes: strings.Split(strings.Repeat("a ", 65), " ")},
	} {
		s.Audience, s.Nonce, s.At = "a", "n", now
		if _, err := h.Present(t.Context(), held, s); !errors.Is(err, credential.CallerFault) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
