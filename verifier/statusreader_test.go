package verifier_test

import (
	"context"
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

// TestStatusListByADIDThatWasReadLongAgo: what happened to the signer's key since is not known; nor, by a clock that is slow, what has expired.
func TestStatusListByADIDThatWasReadLongAgo(t *testing.T) {
	signer := generate(t, pubkey.ES256)
	resolver := &didtest.Resolver{}
	resolver.Put(didtest.Subject{ID: registry, Keys: []did.Key{{ID: "#key-1", Public: signer.Public()}}})
	token, err := status.Sign(t.Context(), status.By{Signer: signer, KeyID: "#key-1"}, status.Statement{URI: certifiedList, Issued: now, Expires: now.Add(time.Hour), Bits: 1, Data: []byte{0}})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		age, newest time.Duration
		limit       time.Duration
		stale       bool
	}{
		"a quarter of an hour":          {15 * time.Minute, time.Second, 0, false},
		"half an hour and a second":     {30*time.Minute + time.Second, time.Second, 0, true},
		"a month":                       {30 * 24 * time.Hour, 30 * 24 * time.Hour, 0, true},
		"what the deployment allows":    {50 * time.Minute, time.Second, time.Hour, false},
		"and a second more":             {time.Hour + time.Second, time.Second, time.Hour, true},
		"a block of the future":         {-2 * time.Minute, 0, 0, true},
		"a clock that is an hour slow":  {-45*time.Minute + time.Hour, -time.Hour, 0, true},
		"a clock that is a second slow": {15 * time.Minute, -time.Second, 0, false},
	} {
		anchored := anchoredAt{resolver, did.Anchor{Chain: "eip155:1", Block: 7, Tag: "finalized", Time: now.Add(-c.age), Newest: now.Add(-c.newest)}}
		_, err := verifier.StatusReader{Issuers: mustList(t), Resolver: anchored, Skew: 30 * time.Second, AnchorAge: c.limit}.Read(t.Context(), token, certifiedList, registry, now)
		var i *verifier.Inconclusive
		if stale := errors.As(err, &i) && i.Reason == verifier.ChainStale; stale != c.stale || !stale && err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// anchoredAt says that its answers are from a block.
type anchoredAt struct {
	did.Resolver
	anchor did.Anchor
}

func (r anchoredAt) Resolve(ctx context.Context, id did.DID, at did.At) (*did.Resolution, error) {
	res, err := r.Resolver.Resolve(ctx, id, at)
	if err != nil {
		return nil, err
	}
	c := *res
	c.Anchor = r.anchor
	return &c, nil
}

// TestStatusListOfAKeyThatIsBadForGood: the error says so, for those who keep a list that the key signed before.
func TestStatusListOfAKeyThatIsBadForGood(t *testing.T) {
	signer := generate(t, pubkey.ES256)
	for name, c := range map[string]struct {
		revoked time.Time
		bad     []string
		want    error
	}{
		"revoked":     {now.Add(-time.Minute), nil, did.KeyRevoked},
		"compromised": {time.Time{}, []string{signer.Public().Thumbprint()}, verifier.IssuerKeyCompromised},
	} {
		resolver := &didtest.Resolver{}
		resolver.Put(didtest.Subject{ID: registry, Keys: []did.Key{{ID: "#key-1", Public: signer.Public(), Revoked: c.revoked}}})
		list, err := trust.NewList(trust.Issuer{DIDs: []string{registry}, Types: []string{idCard}, Accreditation: trust.Accreditation{Name: "Example", Compromised: c.bad}})
		if err != nil {
			t.Fatal(err)
		}
		token, err := status.Sign(t.Context(), status.By{Signer: signer, KeyID: "#key-1"}, status.Statement{URI: certifiedList, Issued: now, Expires: now.Add(time.Hour), Bits: 1, Data: []byte{0}})
		if err != nil {
			t.Fatal(err)
		}
		_, err = verifier.StatusReader{Issuers: list, Resolver: resolver}.Read(t.Context(), token, certifiedList, registry, now)
		if !errors.Is(err, c.want) || !errors.Is(err, verifier.ErrStatusSigner) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
