package openid4vp_test

import (
	"crypto/x509"
	"net/http"
	"strings"
	"testing"

	"github.com/khyer/khyer/credential"
	"github.com/khyer/khyer/did"
	"github.com/khyer/khyer/verifier"
	"github.com/khyer/khyer/verifier/openid4vp"
	"github.com/khyer/khyer/verifier/trust"
)

// certified is a registry that is known by its certificate, and the verifier that trusts it.
func certified(t testing.TB) (*registry, *verifier.Verifier) {
	t.Helper()
	ca, key := authority(t), generate(t)
	leaf := ca.certify(t, public(t, key.Public().JWK()), "registry.example")
	i, err := credential.NewIssuer(credential.IssuerConfig{Signer: key, Chain: []*x509.Certificate{leaf}})
	if err != nil {
		t.Fatal(err)
	}
	issuers, err := trust.NewList(trust.Issuer{
		Certified: []trust.Certified{{Name: "registry.example", Roots: []*x509.Certificate{ca.root}}}, Types: []string{vct},
		Accreditation: trust.Accreditation{Name: "Example Registry"},
	})
	if err != nil {
		t.Fatal(err)
	}
	v, err := verifier.New(verifier.Config{Resolver: did.Mux{}, Issuers: issuers})
	if err != nil {
		t.Fatal(err)
	}
	return &registry{signer: key, issuer: i}, v
}

// TestCredoInTheHAIPProfile: x509_hash, encrypted, by reference, a card under x5c.
func TestCredoInTheHAIPProfile(t *testing.T) {
	r, v := certified(t)
	c := withCard(t, r)
	way := ways(t)["x509_hash"]
	way.Profile = openid4vp.HAIP
	for _, cross := range []bool{false, true} {
		d := newDesk(t, v, way, openid4vp.Template{CrossDevice: cross})
		if link := newBrowser(t).begin(t, d).Link; !strings.HasPrefix(link, "haip-vp://?") {
			t.Errorf("link %s", link)
		}
		admit(t, c, d, cross)
	}
}

// TestCardOfADIDInTheHAIPProfile: a card whose issuer is trusted by its DID is good, and no card of the profile.
func TestCardOfADIDInTheHAIPProfile(t *testing.T) {
	r := newRegistry(t)
	c, b, way := withCard(t, r), newBrowser(t), ways(t)["x509_hash"]
	way.Profile = openid4vp.HAIP
	d := newDesk(t, agency(t, r), way, openid4vp.Template{CrossDevice: true})
	page := b.begin(t, d)
	if got, err := c.answer(t, page.Link); err != nil || got.OK || got.Status != http.StatusBadRequest {
		t.Error(got, err)
	}
	if said := b.result(t, d, page.Handle); said.Reason != trust.ChainMissing {
		t.Errorf("%+v", said)
	}
}
