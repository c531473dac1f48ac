package verifier_test

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"testing"

	"github.com/khyer/khyer/disclosure/dcql"
	"github.com/khyer/khyer/verifier"
)

// authorizedBy makes a query for one card with these trusted authorities.
func authorizedBy(t *testing.T, authorities ...dcql.Authority) *dcql.Query {
	t.Helper()
	var list []map[string]any
	for _, a := range authorities {
		list = append(list, map[string]any{"type": a.Type, "values": a.Values})
	}
	raw, _ := json.Marshal(list)
	q, err := dcql.Parse([]byte(`{"credentials":[{"id":"id","format":"dc+sd-jwt","meta":{"vct_values":["` + idCard + `"]},"trusted_authorities":` + string(raw) + `,"claims":[{"path":["Full Name"]}]}]}`))
	if err != nil {
		t.Fatal(err)
	}
	return q
}

// answered verifies one card as the answer to a query.
func (w *world) answered(q *dcql.Query) error {
	w.expect = verifier.Expect{Audience: civil, Nonce: "nonce", Query: q}
	_, err := w.verifier().VerifyAnswer(w.t.Context(), verifier.Answer{"id": {w.present()}}, w.expect)
	return err
}

// TestCardOfAnotherAuthority: a trusted issuer whose cards this request does not ask for.
func TestCardOfAnotherAuthority(t *testing.T) {
	aki := func(ids ...string) dcql.Authority { return dcql.Authority{Type: dcql.AuthorityKeyID, Values: ids} }
	iss := func(ids ...string) dcql.Authority { return dcql.Authority{Type: dcql.AuthorityIssuer, Values: ids} }
	tl := dcql.Authority{Type: dcql.AuthorityETSI, Values: []string{"https://lotl.example"}}
	for name, c := range map[string]struct {
		authorities []dcql.Authority
		want        error
	}{
		"the issuer":               {[]dcql.Authority{iss(other, registry)}, nil},
		"another issuer":           {[]dcql.Authority{iss(other)}, dcql.NotSatisfied},
		"a longer name":            {[]dcql.Authority{iss(registry + "#")}, dcql.NotSatisfied},
		"a beginning of it":        {[]dcql.Authority{iss(registry[:len(registry)-1])}, dcql.NotSatisfied},
		"a key of no certificate":  {[]dcql.Authority{aki("AAAA")}, dcql.NotSatisfied},
		"one of two kinds":         {[]dcql.Authority{aki("AAAA"), iss(registry)}, nil},
		"a kind that nobody knows": {[]dcql.Authority{tl}, nil},
		"such a kind beside ours":  {[]dcql.Authority{iss(other), tl}, nil},
	} {
		w := newWorld(t)
		err := w.answered(authorizedBy(t, c.authorities...))
		var rej *verifier.Rejection
		if !errors.Is(err, c.want) || c.want != nil && (!errors.As(err, &rej) || rej.Unauthenticated || rej.Query != "id") {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

// TestCardUnderAnotherAuthorityKey: aki is compared with the certificates of the path that was verified, the leaf's and the intermediate's.
func TestCardUnderAnotherAuthorityKey(t *testing.T) {
	id := func(b byte) []byte { return []byte{b, b, b, b} }
	text := func(b byte) string { return base64.RawURLEncoding.EncodeToString(id(b)) }
	for name, c := range map[string]struct {
		values []string
		want   error
	}{
		"the intermediate's key": {[]string{text(2)}, nil},
		"the root's key":         {[]string{"AAAA", text(1)}, nil},
		"the leaf's own key":     {[]string{text(3)}, dcql.NotSatisfied},
		"another key":            {[]string{text(9)}, dcql.NotSatisfied},
		"with padding":           {[]string{text(2) + "=="}, dcql.NotSatisfied},
	} {
		w := newCertified(t)
		w.root = func(c *x509.Certificate) { c.SubjectKeyId = id(1) }
		w.middle = func(c *x509.Certificate) { c.SubjectKeyId = id(2) }
		w.leaf = func(c *x509.Certificate) { c.SubjectKeyId = id(3) }
		w.build()
		if err := w.answered(authorizedBy(t, dcql.Authority{Type: dcql.AuthorityKeyID, Values: c.values})); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}
