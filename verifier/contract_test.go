package verifier_test

import (
	"testing"

	"github.com/khyer/khyer/verifier/trust"
	"github.com/khyer/khyer/verifier/verifiertest"
)

// TestListOfCertificatesKeepsTheContract: issuers under certificates, with iss and without.
func TestListOfCertificatesKeepsTheContract(t *testing.T) {
	for _, issuer := range []string{site, ""} {
		c := newCertified(t)
		c.entry.Issuer = issuer
		c.build()
		list, err := trust.NewList(c.issuer)
		if err != nil {
			t.Fatal(err)
		}
		verifiertest.TrustSource(t, list, trust.Query{Issuer: issuer, Type: idCard, Chain: c.made, Signed: now, Now: now})
	}
}
