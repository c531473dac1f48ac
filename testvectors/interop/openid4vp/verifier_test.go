package openid4vp_test

import (
	"encoding/base64"
	"encoding/json"
	"testing"

	"github.com/khyer/khyer/internal/oid4vp"
)

// credoVerifier is Credo as a verifier.
type credoVerifier struct{ *process }

func newCredoVerifier(t testing.TB) credoVerifier {
	t.Helper()
	return credoVerifier{start(t, "credo-verifier.mjs")}
}

// asking is a request of the verifier.
type asking struct {
	Link, ID string
	Data     json.RawMessage // for the Digital Credentials API
}

// asksFrom is the origin of the page that asks through the Digital Credentials API.
const asksFrom = "https://hospital.example"

// askers are the ways in which the verifier is known.
func (v credoVerifier) askers(t testing.TB) map[string]any {
	t.Helper()
	var k credoKey
	v.must(t, &k, "key", nil)
	chain := []string{base64.StdEncoding.EncodeToString(authority(t).certify(t, public(t, k.JWK), "localhost").Raw)}
	return map[string]any{
		"did:key":      map[string]any{"did": "key"},
		"did:jwk":      map[string]any{"did": "jwk"},
		"x509_hash":    map[string]any{"chain": chain, "keyId": k.KeyID, "prefix": "x509_hash"},
		"x509_san_dns": map[string]any{"chain": chain, "keyId": k.KeyID, "prefix": "x509_san_dns"},
	}
}

func (v credoVerifier) asks(t testing.TB, signer any, mode oid4vp.Mode) (a asking) {
	t.Helper()
	v.must(t, &a, "ask", map[string]any{"signer": signer, "mode": mode, "query": json.RawMessage(bloodGroup), "origin": asksFrom})
	return a
}

// verdict is what became of a request.
type verdict struct {
	State, Error    string
	Cards           map[string][]json.RawMessage
	TransactionData int
}

func (v credoVerifier) verdict(t testing.TB, a asking) (got verdict) {
	t.Helper()
	v.must(t, &got, "session", map[string]any{"id": a.ID})
	return got
}

// TestCredoAnswersCredo: the two peers agree with each other about our card, in every way that ours are tried in. What they cannot do between
// themselves nobody can ask of us.
func TestCredoAnswersCredo(t *testing.T) {
	v, r := newCredoVerifier(t), newRegistry(t)
	for name, signer := range v.askers(t) {
		for _, mode := range []oid4vp.Mode{oid4vp.DirectPost, oid4vp.DirectPostJWT} {
			t.Run(name+" "+string(mode), func(t *testing.T) {
				a := v.asks(t, signer, mode)
				got, err := withCard(t, r).answer(t, a.Link)
				if err != nil {
					t.Fatal(err)
				}
				if verdict := v.verdict(t, a); !got.OK || verdict.State != "ResponseVerified" || len(verdict.Cards["citizen"]) != 1 {
					t.Error(got, verdict.State, verdict.Error)
				}
			})
		}
	}
}
