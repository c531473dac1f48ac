package verifier_test

import (
	"crypto/elliptic"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
	"testing"
	"time"

	"github.com/khyer/khyer/did/pubkey"
	"github.com/khyer/khyer/verifier"
	"github.com/khyer/khyer/verifier/trust"
)

// refused wants the card under these certificates rejected for that reason, or accepted if there is none.
func (c *certified) refused(what string, want verifier.Reason) {
	c.t.Helper()
	c.build()
	_, err := c.verify()
	var r *verifier.Rejection
	switch {
	case want == "" && err != nil:
		c.t.Errorf("%s: %v", what, err)
	case want != "" && (!errors.As(err, &r) || r.Reason != want):
		c.t.Errorf("%s: got %v, want %s", what, err, want)
	}
}

// Whoever has the key of a root can make any leaf: a root that is declared compromised certifies nobody, and another goes on.
func TestCompromisedRoot(t *testing.T) {
	c := newCertified(t)
	root, err := pubkey.New(c.rootKey.Public())
	if err != nil {
		t.Fatal(err)
	}
	c.issuer.Compromised = []string{root.Thumbprint()}
	c.refused("the root", trust.ChainNotTrusted)

	c = newCertified(t)
	c.issuer.Compromised = []string{generate(t, pubkey.ES256).Public().Thumbprint()}
	c.refused("another key", "")
}

func TestRootThatIsNotValidYet(t *testing.T) {
	c := newCertified(t)
	c.root = func(r *x509.Certificate) { r.NotBefore = now.Add(time.Hour) }
	c.refused("not yet", trust.CertificateNotYetValid)
}

// A CA that is kept to web servers does not certify signers of cards, whatever the leaf says of itself (RFC 5280 section 4.2.1.12).
func TestIntermediateForWebServers(t *testing.T) {
	for name, uses := range map[string][]x509.ExtKeyUsage{"no use": nil, "any use": {x509.ExtKeyUsageAny}} {
		c := newCertified(t)
		c.middle = func(m *x509.Certificate) { m.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }
		c.leaf = func(l *x509.Certificate) { l.ExtKeyUsage = uses }
		c.refused("a leaf of "+name, trust.CertificateNotForSigning)
	}
}

// A URI in a certificate is compared as it was signed: what a URL parser makes of it may be the same for two names.
func TestURINamesByteForByte(t *testing.T) {
	for uri, want := range map[string]verifier.Reason{
		site + "/cards":                    "",
		site + "/cards#":                   trust.CertificateOfOther,
		site + "/cards?":                   trust.CertificateOfOther,
		"HTTPS://registry.example/cards":   trust.CertificateOfOther,
		"https://Registry.example/cards":   trust.CertificateOfOther,
		"https://@registry.example/cards":  trust.CertificateOfOther,
		"https://registry.example/%63ards": trust.CertificateOfOther,
	} {
		names, err := asn1.Marshal([]asn1.RawValue{{Class: asn1.ClassContextSpecific, Tag: 6, Bytes: []byte(uri)}})
		if err != nil {
			t.Fatal(err)
		}
		c := newCertified(t)
		c.entry.Name = site + "/cards"
		c.leaf = func(l *x509.Certificate) {
			l.DNSNames = nil
			l.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 17}, Value: names}}
		}
		c.refused(uri, want)
	}
}

// A stranger's certificates that certify each other in a circle have many paths and none to a root: the walk begins at the root.
func TestCertificatesThatCertifyEachOther(t *testing.T) {
	c := newCertified(t)
	a, b := party{authority("A"), newKey(t, elliptic.P384())}, party{authority("B"), newKey(t, elliptic.P384())}
	c.chain = func(_, _, _ party) []*x509.Certificate {
		out := []*x509.Certificate{certify(t, leafOf(siteName), c.leafKey, &a).cert}
		for i := range 7 {
			me, by := a, b
			if i%2 == 1 {
				me, by = b, a
			}
			template := authority(me.cert.Subject.CommonName)
			template.SerialNumber = big.NewInt(int64(100 + i))
			template.DNSNames = []string{fmt.Sprintf("n%d.example", i)}
			out = append(out, certify(t, template, me.key, &by).cert)
		}
		return out
	}
	c.refused("a circle", trust.ChainNotTrusted)
}
