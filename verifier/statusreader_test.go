package verifier_test

import (
	"crypto/elliptic"
	"crypto/x509"
	"errors"
	"testing"
	"time"

	"github.com/khyer/khyer/credential/status"
	"github.com/khyer/khyer/did"
	"github.com/khyer/khyer/did/didtest"
	"github.com/khyer/khyer/did/pubkey"
	"github.com/khyer/khyer/verifier"
	"github.com/khyer/khyer/verifier/trust"
)

const certifiedList = "https://registry.example/lists/1"

// TestStatusListUnderCertificates: HAIP's way, with x5c in the token, by the issuer's own chain; and everything that must not pass for it.
func TestStatusListUnderCertificates(t *testing.T) {
	thief := newKey(t, elliptic.P256())
	for name, c := range map[string]struct {
		change func(*certified)
		by     func(*certified, *status.By)
		want   error
	}{
		"the issuer's chain": {nil, nil, nil},
		"with a kid beside":  {nil, func(_ *certified, by *status.By) { by.KeyID = "key-1" }, nil},
		"no chain":           {nil, func(_ *certified, by *status.By) { by.KeyID, by.Chain = "key-1", nil }, trust.ChainMissing},
		"the leaf alone":     {nil, func(_ *certified, by *status.By) { by.Chain = by.Chain[:1] }, trust.ChainNotTrusted},
		"a leaf of a thief's": {nil, func(c *certified, by *status.By) {
			own := certify(c.t, authority("Example Root"), thief, nil)
			leaf := certify(c.t, leafOf(siteName), c.leafKey, &own)
			by.Chain = append(by.Chain[:0:0], leaf.cert)
		}, trust.ChainNotTrusted},
		"the name of another": {func(c *certified) { c.entry.Name = "health.example" }, nil, trust.CertificateOfOther},
		"a compromised leaf": {func(c *certified) {
			key, _ := pubkey.New(c.leafKey.Public())
			c.issuer.Compromised = []string{key.Thumbprint()}
		}, nil, verifier.ErrStatusSigner},
		"a compromised intermediate": {func(c *certified) {
			key, _ := pubkey.New(c.middleKey.Public())
			c.issuer.Compromised = []string{key.Thumbprint()}
		}, nil, verifier.ErrStatusSigner},
	} {
		w := newCertified(t)
		if c.change != nil {
			c.change(w)
		}
		w.build()
		list, err := trust.NewList(w.issuer)
		if err != nil {
			t.Fatal(err)
		}
		by := status.By{Signer: w.signer, Chain: w.made}
		if c.by != nil {
			c.by(w, &by)
		}
		token, err := status.Sign(t.Context(), by, status.Statement{URI: certifiedList, Issued: now, Expires: now.Add(time.Hour), Bits: 1, Data: []byte{2}})
		if err != nil {
			t.Fatal(err)
		}
		l, err := verifier.StatusReader{Issuers: list}.Read(t.Context(), token, certifiedList, site, now)
		if !errors.Is(err, c.want) || (err == nil) != (l != nil) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
		if l != nil {
			if v, err := l.At(1); err != nil || v != status.Revoked {
				t.Errorf("%s: %v %v", name, v, err)
			}
		}
	}
	if _, err := status.Sign(t.Context(), status.By{Signer: generate(t, pubkey.ES256), Chain: func() []*x509.Certificate { w := newCertified(t); w.build(); return w.made }()},
		status.Statement{URI: certifiedList, Issued: now, Expires: now.Add(time.Hour), Bits: 1, Data: []byte{2}}); !errors.Is(err, status.SigningKeyNotFit) {
		t.Errorf("a chain of another's key: %v", err)
	}
}

// TestStatusListByADID: the keys of a document that may sign lists now, and those that may not.
func TestStatusListByADID(t *testing.T) {
	signer := generate(t, pubkey.ES256)
	for name, c := range map[string]struct {
		key  did.Key
		want error
	}{
		"a current key":     {did.Key{}, nil},
		"a lapsed key":      {did.Key{Until: now.Add(-time.Minute)}, verifier.ErrStatusSigner},
		"a revoked key":     {did.Key{Revoked: now.Add(-time.Minute)}, verifier.ErrStatusSigner},
		"a key of tomorrow": {did.Key{From: now.Add(time.Hour)}, verifier.ErrStatusSigner},
		"a key for login":   {did.Key{Purposes: []did.Purpose{did.Authentication}}, verifier.ErrStatusSigner},
		"a delegate's key":  {did.Key{Class: "delegate"}, verifier.ErrStatusSigner},
	} {
		c.key.ID, c.key.Public = "#key-1", signer.Public()
		resolver := &didtest.Resolver{}
		resolver.Put(didtest.Subject{ID: registry, Keys: []did.Key{c.key}})
		list, err := trust.NewList(trust.Issuer{DIDs: []string{registry}, Types: []string{idCard}, Accreditation: trust.Accreditation{Name: "Example"}})
		if err != nil {
			t.Fatal(err)
		}
		token, err := status.Sign(t.Context(), status.By{Signer: signer, KeyID: "#key-1"}, status.Statement{URI: certifiedList, Issued: now, Expires: now.Add(time.Hour), Bits: 1, Data: []byte{0}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := (verifier.StatusReader{Issuers: list, Resolver: resolver}).Read(t.Context(), token, certifiedList, registry, now); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	if _, err := (verifier.StatusReader{Issuers: mustList(t)}).Read(t.Context(), nil, certifiedList, registry, now); !errors.Is(err, status.TokenMalformed) {
		t.Errorf("no token: %v", err)
	}
}

func mustList(t *testing.T) *trust.List {
	t.Helper()
	l, err := trust.NewList(trust.Issuer{DIDs: []string{registry}, Types: []string{idCard}, Accreditation: trust.Accreditation{Name: "Example"}})
	if err != nil {
		t.Fatal(err)
	}
	return l
}
