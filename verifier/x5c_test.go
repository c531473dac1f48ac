package verifier_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math/big"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/khyer/khyer/credential"
	"github.com/khyer/khyer/credential/status"
	"github.com/khyer/khyer/did/pubkey"
	"github.com/khyer/khyer/verifier"
	"github.com/khyer/khyer/verifier/trust"
)

const (
	site     = "https://registry.example"
	siteName = "registry.example"
)

// party is somebody with a certificate.
type party struct {
	cert *x509.Certificate
	key  crypto.Signer
}

// certified is a world whose issuer signs under certificates: root, intermediate, leaf. A test says only what differs.
type certified struct {
	*world
	rootKey, middleKey, leafKey crypto.Signer
	root, middle, leaf          func(*x509.Certificate) // changes to the templates
	chain                       func(root, middle, leaf party) []*x509.Certificate
	entry                       trust.Certified
	made                        []*x509.Certificate // what chain returned
}

func newKey(t testing.TB, c elliptic.Curve) crypto.Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(c, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func newCertified(t testing.TB) *certified {
	nothing := func(*x509.Certificate) {}
	c := &certified{
		world:   newWorld(t),
		rootKey: newKey(t, elliptic.P384()), middleKey: newKey(t, elliptic.P256()), leafKey: newKey(t, elliptic.P256()),
		root: nothing, middle: nothing, leaf: nothing,
		chain: func(_, middle, leaf party) []*x509.Certificate { return []*x509.Certificate{leaf.cert, middle.cert} },
		entry: trust.Certified{Issuer: site, Name: siteName},
	}
	c.claims = map[string]any{"iss": site}
	c.header = map[string]any{"kid": nil}
	c.issuer.DIDs = nil
	return c
}

// certify makes a certificate; without a parent it is self-signed.
func certify(t testing.TB, template *x509.Certificate, key crypto.Signer, parent *party) party {
	t.Helper()
	signer, issuer := key, template
	if parent != nil {
		signer, issuer = parent.key, parent.cert
	}
	der, err := x509.CreateCertificate(rand.Reader, template, issuer, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return party{cert, key}
}

func authority(name string) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: now.AddDate(-5, 0, 0), NotAfter: now.AddDate(5, 0, 0),
		IsCA: true, BasicConstraintsValid: true, MaxPathLen: -1, KeyUsage: x509.KeyUsageCertSign,
	}
}

func leafOf(names ...string) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "Example Civil Registry"}, NotBefore: now.AddDate(-1, 0, 0), NotAfter: now.AddDate(1, 0, 0),
		KeyUsage: x509.KeyUsageDigitalSignature, DNSNames: names,
	}
}

// build makes the certificates and puts them into header and trust entry.
func (c *certified) build() {
	c.t.Helper()
	rootT, middleT, leafT := authority("Example Root"), authority("Example Intermediate"), leafOf(siteName)
	c.root(rootT)
	c.middle(middleT)
	c.leaf(leafT)
	root := certify(c.t, rootT, c.rootKey, nil)
	middle := certify(c.t, middleT, c.middleKey, &root)
	leaf := certify(c.t, leafT, c.leafKey, &middle)
	c.made = c.chain(root, middle, leaf)
	if _, set := c.header["x5c"]; !set {
		c.header["x5c"] = x5c(c.made...)
	}
	if c.entry.Roots == nil {
		c.entry.Roots = []*x509.Certificate{root.cert}
	}
	if c.signer == nil {
		s, err := pubkey.FromCrypto(c.leafKey)
		if err != nil {
			s = c.registry // a key that no card can be signed with; the certificate is refused before
		}
		c.signer = s
	}
	if c.issuer.Certified == nil && c.issuer.URLs == nil && c.issuer.DIDs == nil {
		c.issuer.Certified = []trust.Certified{c.entry}
	}
}

func x5c(chain ...*x509.Certificate) (out []any) {
	for _, cert := range chain {
		out = append(out, base64.StdEncoding.EncodeToString(cert.Raw))
	}
	return out
}

func TestCardUnderCertificates(t *testing.T) {
	for name, change := range map[string]func(*certified){
		"P-256":   func(*certified) {},
		"P-384":   func(c *certified) { c.leafKey = newKey(t, elliptic.P384()) },
		"Ed25519": func(c *certified) { _, c.leafKey, _ = ed25519.GenerateKey(rand.Reader) },
		"NameInCapitals": func(c *certified) {
			c.leaf = func(l *x509.Certificate) { l.DNSNames = []string{"other.example", "Registry.EXAMPLE"} }
		},
		"NoKeyUsage":     func(c *certified) { c.leaf = func(l *x509.Certificate) { l.KeyUsage = 0 } },
		"KidThatIsNoDID": func(c *certified) { c.header["kid"] = "key-1" },
		"LastSecond":     func(c *certified) { c.leaf = func(l *x509.Certificate) { l.NotAfter = now } },
		"FirstSecond":    func(c *certified) { c.leaf = func(l *x509.Certificate) { l.NotBefore = now.Add(-time.Hour) } },
		"OwnPurpose": func(c *certified) {
			c.leaf = func(l *x509.Certificate) {
				l.UnknownExtKeyUsage = []asn1.ObjectIdentifier{{1, 3, 6, 1, 4, 1, 32473, 1}}
			}
		},
		"PermittedSubtree": func(c *certified) {
			c.middle = func(m *x509.Certificate) {
				m.PermittedDNSDomainsCritical, m.PermittedDNSDomains = true, []string{siteName}
			}
		},
		"AnyPurpose": func(c *certified) {
			c.leaf = func(l *x509.Certificate) {
				l.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageAny}
			}
		},
		"URI": func(c *certified) {
			c.entry.Name = site + "/cards"
			c.leaf = func(l *x509.Certificate) {
				l.DNSNames, l.URIs = nil, []*url.URL{{Scheme: "https", Host: siteName, Path: "/cards"}}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCertified(t)
			change(c)
			c.build()
			card := c.accepted().Cards[0]
			key, _ := pubkey.New(c.leafKey.Public())
			if card.Issuer != site || card.Mechanism != trust.ByX5C || card.KeyID != key.Thumbprint() || card.IssuerName != "Example Civil Registry" || card.Anchor.Chain != "" {
				t.Errorf("%+v", card)
			}
		})
	}
	// The root itself may sign leaves.
	c := newCertified(t)
	c.chain = func(root, _, _ party) []*x509.Certificate {
		return []*x509.Certificate{certify(t, leafOf(siteName), c.leafKey, &root).cert}
	}
	c.build()
	c.accepted()
	// And two intermediates may stand in a row.
	c = newCertified(t)
	c.chain = func(_, middle, _ party) []*x509.Certificate {
		second := certify(t, authority("Second"), newKey(t, elliptic.P256()), &middle)
		return []*x509.Certificate{certify(t, leafOf(siteName), c.leafKey, &second).cert, second.cert, middle.cert}
	}
	c.build()
	c.accepted()
}

// A card without iss is the issuer's whose name is in the certificate (SD-JWT VC section 2.2.2.3).
func TestCardWithoutIssuer(t *testing.T) {
	c := newCertified(t)
	c.claims["iss"] = nil
	c.entry.Issuer = ""
	list, _ := status.NewList(8, []byte{0}, now)
	src := &lists{list: list}
	c.issuer.StatusLists = []trust.StatusLists{{Prefix: "https://registry.example/lists/"}}
	c.claims["status"], c.config.Status = map[string]any{"status_list": map[string]any{"idx": 0, "uri": "https://registry.example/lists/1"}}, src
	var heard verifier.Event
	c.config.Observe = func(_ context.Context, e verifier.Event) { heard = e }
	c.build()
	card := c.accepted().Cards[0]
	if card.Issuer != siteName || src.iss != siteName || heard.Issuer != siteName || card.Mechanism != trust.ByX5C {
		t.Errorf("%+v, status asked for %q, %+v", card, src.iss, heard)
	}
}

// Who makes certificates is told whether the leaf has a wrong name or none, and a stranger's names are not repeated.
func TestNamesOfTheLeafInTheError(t *testing.T) {
	for _, iss := range []string{"", site} {
		want := verifier.Reason(trust.IssuerNotTrusted)
		if iss != "" {
			want = trust.CertificateOfOther
		}
		for says, names := range map[string][]string{"no DNS name and no URI": nil, "none of the 2 DNS names": {"marker.example", "other.example"}} {
			c := newCertified(t)
			c.entry.Issuer = iss
			if c.claims["iss"] = iss; iss == "" {
				c.claims["iss"] = nil
			}
			c.leaf = func(l *x509.Certificate) { l.DNSNames = names }
			c.build()
			r := c.rejected(want, true)
			if r.Err == nil || !strings.Contains(r.Err.Error(), says) || strings.Contains(r.Err.Error(), "marker") {
				t.Errorf("iss %q, names %q: %v", iss, names, r.Err)
			}
		}
	}
}

// Attacks and faults, each by what differs from an acceptable card.
func TestRejectedCertificates(t *testing.T) {
	thief := newKey(t, elliptic.P256())
	thiefs := func(c *certified) { c.signer, _ = pubkey.FromCrypto(thief) }
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	unknown := pkix.Extension{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 32473, 2}, Critical: true, Value: []byte{5, 0}}
	type cert = x509.Certificate
	type certs = []*x509.Certificate
	for _, c := range []struct {
		name   string
		change func(c *certified)
		want   verifier.Reason
	}{
		{"ChainWithoutTrustedRoot", func(c *certified) { // all names are the real ones
			thiefs(c)
			c.chain = func(party, party, party) certs {
				root := certify(t, authority("Example Root"), newKey(t, elliptic.P384()), nil)
				middle := certify(t, authority("Example Intermediate"), newKey(t, elliptic.P256()), &root)
				return certs{certify(t, leafOf(siteName), thief, &middle).cert, middle.cert}
			}
		}, trust.ChainNotTrusted},
		{"SelfSignedLeaf", func(c *certified) {
			thiefs(c)
			c.chain = func(party, party, party) certs { return certs{certify(t, leafOf(siteName), thief, nil).cert} }
		}, trust.CertificateSelfSigned},
		{"SelfSignedLeafBeforeTheRealChain", func(c *certified) {
			thiefs(c)
			c.chain = func(_, middle, leaf party) certs {
				return certs{certify(t, leafOf(siteName), thief, nil).cert, leaf.cert, middle.cert}
			}
		}, trust.CertificateSelfSigned},
		{"ThiefsLeafUnderTheRealIntermediate", func(c *certified) { // by name, not by signature
			thiefs(c)
			c.chain = func(_, middle, _ party) certs {
				like := certify(t, authority("Example Intermediate"), newKey(t, elliptic.P256()), nil)
				return certs{certify(t, leafOf(siteName), thief, &like).cert, middle.cert}
			}
		}, trust.ChainNotTrusted},
		{"RootInsideX5c", func(c *certified) {
			c.chain = func(root, middle, leaf party) certs { return certs{leaf.cert, middle.cert, root.cert} }
		}, trust.ChainHoldsAnchor},
		{"RootsKeyInsideX5cUnderAnotherCertificate", func(c *certified) {
			c.chain = func(root, middle, leaf party) certs {
				above := certify(t, authority("Above"), newKey(t, elliptic.P256()), nil)
				return certs{leaf.cert, middle.cert, certify(t, authority("Example Root"), c.rootKey, &above).cert}
			}
		}, trust.ChainHoldsAnchor},
		{"ForeignRootInsideX5c", func(c *certified) {
			c.chain = func(_, middle, leaf party) certs {
				return certs{leaf.cert, middle.cert, certify(t, authority("Other Root"), thief, nil).cert}
			}
		}, trust.ChainHoldsAnchor},
		{"DIDKidUnderX5cEntry", func(c *certified) { c.header["kid"] = registry + "#key-1" }, credential.KeyIDForeign},
		{"DIDKidInsteadOfX5c", func(c *certified) {
			c.header["kid"], c.header["x5c"] = registry+"#key-1", nil
			c.signer = c.registry
		}, trust.ChainMissing},
		{"KeyBesideX5c", func(c *certified) { c.header["jwk"] = map[string]any{"kty": "EC"} }, credential.HeaderForeignKey},
		{"ReferenceBesideX5c", func(c *certified) { c.header["x5u"] = "https://thief.example" }, credential.HeaderForeignKey},
		{"KeyInsteadOfX5c", func(c *certified) { c.header["x5c"], c.header["jwk"] = nil, map[string]any{"kty": "EC"} }, credential.HeaderForeignKey},
		{"StrangersSignatureUnderTheRealChain", thiefs, credential.SignatureInvalid},
		{"LeafForAnotherIssuer", func(c *certified) { // of the same CA
			c.leaf = func(l *cert) { l.DNSNames = []string{"health.example"} }
		}, trust.CertificateOfOther},
		{"LeafForASubdomain", func(c *certified) { c.leaf = func(l *cert) { l.DNSNames = []string{"www." + siteName} } }, trust.CertificateOfOther},
		{"WildcardLeaf", func(c *certified) {
			c.leaf = func(l *cert) { l.DNSNames = []string{"*.example"} }
		}, trust.CertificateOfOther},
		{"NameInTheSubjectOnly", func(c *certified) {
			c.leaf = func(l *cert) { l.DNSNames, l.Subject.CommonName = []string{"other.example"}, siteName }
		}, trust.CertificateOfOther},
		{"NameAsMailbox", func(c *certified) {
			c.leaf = func(l *cert) { l.DNSNames, l.EmailAddresses = nil, []string{siteName} }
		}, trust.CertificateOfOther},
		{"NameAsRelativeURI", func(c *certified) {
			c.leaf = func(l *cert) { l.DNSNames, l.URIs = nil, []*url.URL{{Path: siteName}} }
		}, trust.CertificateOfOther},
		{"ExpiredLeaf", func(c *certified) { c.leaf = func(l *cert) { l.NotAfter = now.Add(-time.Second) } }, trust.CertificateExpired},
		{"ExpiredLeafThoughSignedBefore", func(c *certified) { // LapsedUntil is about DIDs
			c.leaf = func(l *cert) { l.NotAfter = now.Add(-time.Minute) }
			c.claims["iat"] = now.AddDate(0, -1, 0).Unix()
			c.issuer.LapsedUntil, c.issuer.DIDs = now.AddDate(1, 0, 0), []string{registry}
			c.issuer.Certified = []trust.Certified{}
		}, trust.CertificateExpired},
		{"LeafNotYetValid", func(c *certified) { c.leaf = func(l *cert) { l.NotBefore = now.Add(time.Second) } }, trust.CertificateNotYetValid},
		{"ExpiredIntermediate", func(c *certified) { c.middle = func(m *cert) { m.NotAfter = now.Add(-time.Second) } }, trust.CertificateExpired},
		{"IntermediateNotYetValid", func(c *certified) { c.middle = func(m *cert) { m.NotBefore = now.Add(time.Second) } }, trust.CertificateNotYetValid},
		{"ExpiredRoot", func(c *certified) { c.root = func(r *cert) { r.NotAfter = now.Add(-time.Second) } }, trust.CertificateExpired},
		{"IntermediateAsLeaf", func(c *certified) {
			c.leafKey = c.middleKey
			c.middle = func(m *cert) {
				m.DNSNames, m.KeyUsage = []string{siteName}, x509.KeyUsageCertSign|x509.KeyUsageDigitalSignature
			}
			c.chain = func(_, middle, _ party) certs { return certs{middle.cert} }
		}, trust.CertificateNotForSigning},
		{"LeafForEncryption", func(c *certified) { c.leaf = func(l *cert) { l.KeyUsage = x509.KeyUsageKeyAgreement } }, trust.CertificateNotForSigning},
		{"LeafOfAWebServer", func(c *certified) {
			c.leaf = func(l *cert) {
				l.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
			}
		}, trust.CertificateNotForSigning},
		{"LeafAsIntermediate", func(c *certified) { // the issuer's neighbour makes himself a CA
			thiefs(c)
			c.chain = func(_, middle, _ party) certs {
				neighbour := certify(t, leafOf("health.example"), newKey(t, elliptic.P256()), &middle)
				l := leafOf(siteName)
				l.Subject.CommonName = "x"
				return certs{certify(t, l, thief, &neighbour).cert, neighbour.cert, middle.cert}
			}
		}, trust.ChainNotTrusted},
		{"PathLongerThanTheRootAllows", func(c *certified) {
			c.root = func(r *cert) { r.MaxPathLen, r.MaxPathLenZero = 0, true }
		}, trust.ChainNotTrusted},
		{"NameOutsideTheIntermediatesConstraints", func(c *certified) {
			c.middle = func(m *cert) { m.PermittedDNSDomainsCritical, m.PermittedDNSDomains = true, []string{"health.example"} }
		}, trust.ChainNotTrusted},
		{"IntermediateThatMayNotCertify", func(c *certified) { c.middle = func(m *cert) { m.KeyUsage = x509.KeyUsageDigitalSignature } }, trust.ChainNotTrusted},
		{"RSALeaf", func(c *certified) { c.leafKey = rsaKey }, trust.CertificateAlgorithm},
		{"RSAIntermediate", func(c *certified) { c.middleKey = rsaKey }, trust.CertificateAlgorithm},
		{"IntermediateOnAnUnusualCurve", func(c *certified) { c.middleKey = newKey(t, elliptic.P521()) }, trust.CertificateAlgorithm},
		{"SmallCurve", func(c *certified) { c.leafKey = newKey(t, elliptic.P224()) }, trust.CertificateAlgorithm},
		{"UnusualCurve", func(c *certified) { c.leafKey = newKey(t, elliptic.P521()) }, trust.CertificateAlgorithm},
		{"SHA1", func(c *certified) { c.header["x5c"] = sha1Leaf(t) }, trust.CertificateAlgorithm},
		{"CriticalExtensionInTheLeaf", func(c *certified) {
			c.leaf = func(l *cert) { l.ExtraExtensions = []pkix.Extension{unknown} }
		}, trust.CertificateExtensionUnknown},
		{"CriticalExtensionInTheIntermediate", func(c *certified) {
			c.middle = func(m *cert) { m.ExtraExtensions = []pkix.Extension{unknown} }
		}, trust.CertificateExtensionUnknown},
		{"IntermediateMissing", func(c *certified) {
			c.chain = func(_, _, leaf party) certs { return certs{leaf.cert} }
		}, trust.ChainNotTrusted},
		{"WrongOrder", func(c *certified) {
			c.chain = func(_, middle, _ party) certs {
				second := certify(t, authority("Second"), newKey(t, elliptic.P256()), &middle)
				return certs{certify(t, leafOf(siteName), c.leafKey, &second).cert, middle.cert, second.cert}
			}
		}, trust.ChainNotTrusted},
		{"CertificateThatIsNotNeeded", func(c *certified) {
			c.chain = func(root, middle, leaf party) certs {
				return certs{leaf.cert, middle.cert, certify(t, authority("Second"), thief, &root).cert}
			}
		}, trust.ChainNotTrusted},
		{"IntermediateTwice", func(c *certified) {
			c.chain = func(_, middle, leaf party) certs { return certs{leaf.cert, middle.cert, middle.cert} }
		}, trust.ChainNotTrusted},
		{"CompromisedLeaf", func(c *certified) {
			key, _ := pubkey.New(c.leafKey.Public())
			c.issuer.Compromised = []string{key.Thumbprint()}
		}, verifier.IssuerKeyCompromised},
		{"CompromisedIntermediate", func(c *certified) {
			key, _ := pubkey.New(c.middleKey.Public())
			c.issuer.Compromised = []string{key.Thumbprint()}
		}, verifier.IssuerKeyCompromised},
		{"CardFromBeforeTheCertificate", func(c *certified) {
			c.leaf = func(l *cert) { l.NotBefore = now.Add(-time.Minute) }
		}, verifier.IssuerKeyNotYetValid},
		{"TypeOfAnother", func(c *certified) { c.issuer.Types = []string{"https://registry.example/types/other"} }, trust.TypeNotAccredited},
		{"UnknownIssuer", func(c *certified) { c.claims["iss"] = site + "/" }, trust.IssuerNotTrusted},
		{"IssuerWhereTheEntryHasNone", func(c *certified) { c.entry.Issuer = "" }, trust.IssuerNotTrusted},
		{"NoIssuerWhereTheEntryHasOne", func(c *certified) { c.claims["iss"] = nil }, trust.IssuerNotTrusted},
		{"NoIssuerAndNoCertificates", func(c *certified) { c.claims["iss"], c.header["x5c"] = nil, nil }, credential.IssuerMissing},
		{"NoIssuerAndAnUnknownName", func(c *certified) {
			c.claims["iss"], c.entry.Issuer = nil, ""
			c.leaf = func(l *cert) { l.DNSNames = []string{"other.example"} }
		}, trust.IssuerNotTrusted},
		{"NamesOfTwoIssuers", func(c *certified) {
			c.claims["iss"], c.entry.Issuer = nil, ""
			c.leaf = func(l *cert) { l.DNSNames = []string{siteName, "health.example"} }
			c.issuer.Certified = []trust.Certified{}
			c.build()
			health := trust.Certified{Name: "health.example", Roots: c.entry.Roots}
			c.issuer.Certified = []trust.Certified{c.entry, health}
		}, trust.CertificateOfOther},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newCertified(t)
			c.change(w)
			if w.made == nil {
				w.build()
			}
			if len(w.issuer.Certified) == 0 && w.issuer.Certified != nil {
				w.issuer.Certified = []trust.Certified{w.entry}
			}
			w.rejected(c.want, true)
		})
	}
}

// sha1Leaf is a leaf whose signature algorithm says ECDSA with SHA-1: crypto/x509 makes none, so the algorithm is written over.
func sha1Leaf(t *testing.T) []any {
	t.Helper()
	root := certify(t, authority("Example Root"), newKey(t, elliptic.P256()), nil)
	leaf := certify(t, leafOf(siteName), newKey(t, elliptic.P256()), &root)
	sha256, sha1 := []byte{6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2}, []byte{6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 1}
	// The outer lengths change by two bytes, so the structure is taken apart and put together again.
	var outer struct {
		TBS asn1.RawValue
		Alg asn1.RawValue
		Sig asn1.BitString
	}
	if _, err := asn1.Unmarshal(leaf.cert.Raw, &outer); err != nil {
		t.Fatal(err)
	}
	replace := func(raw []byte) []byte { // content of a SEQUENCE, with its header written anew
		var v asn1.RawValue
		if _, err := asn1.Unmarshal(raw, &v); err != nil {
			t.Fatal(err)
		}
		content := v.Bytes
		for i := 0; i+len(sha256) <= len(content); i++ {
			if string(content[i:i+len(sha256)]) == string(sha256) {
				if i >= 2 && content[i-2] == 0x30 && int(content[i-1]) == len(sha256) { // AlgorithmIdentifier within the TBS
					content = slices.Concat(content[:i-2], []byte{0x30, byte(len(sha1))}, sha1, content[i+len(sha256):])
				} else {
					content = slices.Concat(content[:i], sha1, content[i+len(sha256):])
				}
				break
			}
		}
		out, err := asn1.Marshal(asn1.RawValue{Class: 0, Tag: 16, IsCompound: true, Bytes: content})
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	der, err := asn1.Marshal(struct {
		TBS asn1.RawValue
		Alg asn1.RawValue
		Sig asn1.BitString
	}{asn1.RawValue{FullBytes: replace(outer.TBS.FullBytes)}, asn1.RawValue{FullBytes: replace(outer.Alg.FullBytes)}, outer.Sig})
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil || cert.SignatureAlgorithm != x509.ECDSAWithSHA1 {
		t.Fatalf("%v", err)
	}
	return x5c(cert)
}

// Under a DID certificates are refused without being looked at, whatever they are.
func TestX5cBesideDID(t *testing.T) {
	for name, value := range map[string]any{"junk": []any{"MII"}, "nothing": nil, "real": "real"} {
		c := newCertified(t)
		c.build()
		if value == nil {
			c.header["x5c"] = []any{}
		} else if value != "real" {
			c.header["x5c"] = value
		}
		c.claims["iss"], c.header["kid"] = registry, registry+"#key-1"
		c.signer = nil
		c.issuer.DIDs = []string{registry}
		t.Run(name, func(t *testing.T) { c.rejected(credential.HeaderForeignKey, true) })
	}
}

// x5c has one form (RFC 7515 section 4.1.6).
func TestMalformedX5c(t *testing.T) {
	c := newCertified(t)
	c.build()
	for len(c.made[0].Raw)%3 == 0 { // signatures vary in length; this one needs padding
		c = newCertified(t)
		c.build()
	}
	good := c.header["x5c"].([]any)
	leaf, der := good[0].(string), c.made[0].Raw
	spoiled := slices.Clone(der)
	spoiled[4] ^= 1
	many := slices.Repeat(good[1:], 9)
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	last := strings.IndexByte(leaf, '=') - 1
	leftOver := leaf[:last] + string(alphabet[strings.IndexByte(alphabet, leaf[last])+1]) + leaf[last+1:]
	for name, value := range map[string]any{
		"empty": []any{}, "text": leaf, "object": map[string]any{"0": leaf}, "number": 7, "numbers": []any{7}, "nested": []any{good},
		"nine":           many,
		"base64url":      []any{base64.URLEncoding.EncodeToString(der), good[1]},
		"no padding":     []any{strings.TrimRight(leaf, "="), good[1]},
		"line break":     []any{leaf[:64] + "\n" + leaf[64:], good[1]},
		"bits left over": []any{leftOver, good[1]},
		"space":          []any{" " + leaf, good[1]},
		"PEM":            []any{"-----BEGIN CERTIFICATE-----\n" + leaf + "\n-----END CERTIFICATE-----", good[1]},
		"bytes after":    []any{base64.StdEncoding.EncodeToString(append(slices.Clone(der), 0)), good[1]},
		"no DER":         []any{base64.StdEncoding.EncodeToString(spoiled), good[1]},
		"half":           []any{base64.StdEncoding.EncodeToString(der[:len(der)/2]), good[1]},
		"no certificate": []any{""},
		"too large":      []any{base64.StdEncoding.EncodeToString(make([]byte, 8<<10+1))},
	} {
		t.Run(name, func(t *testing.T) {
			c.header["x5c"] = value
			c.rejected(credential.ChainMalformed, true)
		})
	}
	// A header of null is no header (merge would drop nil).
	c.header["x5c"] = (*int)(nil)
	c.rejected(credential.ChainMalformed, true)
}

// Certificates are parsed for whoever was asked, and not for everybody.
func TestCheapChecksComeBeforeCertificates(t *testing.T) {
	for want, kb := range map[verifier.Reason]map[string]any{
		credential.NonceMismatch: {"nonce": "x"}, credential.AudienceMismatch: {"aud": "https://other.example"},
	} {
		c := newCertified(t)
		c.kb, c.header["x5c"] = kb, []any{"junk"}
		asked := &counting{}
		c.config.Issuers = asked
		c.build()
		c.rejected(want, true)
		if asked.n != 0 {
			t.Error("the trust source was asked")
		}
	}
}

type counting struct{ n int }

func (c *counting) Accreditation(context.Context, trust.Query) (*trust.Accreditation, error) {
	c.n++
	return nil, trust.IssuerNotTrusted
}

// A trust source that contradicts itself is no reason to accept.
func TestTrustSourceThatContradictsItself(t *testing.T) {
	key := generate(t, pubkey.ES256).Public()
	for name, acc := range map[string]trust.Accreditation{
		"x5c without a key":     {Mechanism: trust.ByX5C},
		"DID with a key":        {Mechanism: trust.ByDID, Key: &key},
		"nothing with a key":    {Key: &key},
		"metadata with a key":   {Mechanism: trust.ByMetadata, Key: &key},
		"an unknown mechanism":  {Mechanism: "x"},
		"x5c without the chain": {Mechanism: trust.ByX5C, Key: &key},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCertified(t)
			if name == "x5c without the chain" {
				c.header["x5c"] = nil
			}
			c.config.Issuers = saying{acc}
			c.build()
			c.inconclusive(verifier.TrustUnavailable)
		})
	}
	// An error of another room that comes out of a source is no answer.
	w := newWorld(t)
	w.config.Issuers = broken{credential.Expired}
	w.inconclusive(verifier.TrustUnavailable)
}

type saying struct{ acc trust.Accreditation }

func (s saying) Accreditation(context.Context, trust.Query) (*trust.Accreditation, error) {
	return &s.acc, nil
}

type broken struct{ err error }

func (b broken) Accreditation(context.Context, trust.Query) (*trust.Accreditation, error) {
	return nil, b.err
}

// iat in a disclosure is known late, and counts all the same.
func TestHiddenDateBeforeTheCertificate(t *testing.T) {
	c := newCertified(t)
	c.leaf = func(l *x509.Certificate) { l.NotBefore = now.Add(-time.Minute) }
	c.claims["iat"] = nil
	c.hidden = map[string]any{"iat": now.Add(-time.Hour).Unix()}
	c.build()
	c.rejected(verifier.IssuerKeyNotYetValid, false)
}

// flattened presents in the flattened JWS JSON serialisation, with more members in its unprotected header.
func (c *certified) flattened(more map[string]any) []byte {
	c.t.Helper()
	parts := strings.Split(string(c.present()), "~")
	jws := strings.Split(parts[0], ".")
	header := map[string]any{"disclosures": parts[1 : len(parts)-1], "kb_jwt": parts[len(parts)-1]}
	merge(header, more)
	out, err := json.Marshal(map[string]any{"payload": jws[1], "protected": jws[0], "signature": jws[2], "header": header})
	if err != nil {
		c.t.Fatal(err)
	}
	return out
}

// What a stranger adds outside of what was signed is no certificate of the issuer.
func TestX5cOutsideTheProtectedHeader(t *testing.T) {
	c := newCertified(t)
	c.build()
	chain := c.header["x5c"]
	c.header["x5c"] = nil
	p := c.flattened(map[string]any{"x5c": chain})
	_, err := c.verifier().Verify(context.Background(), p, c.expect)
	var rej *verifier.Rejection
	if !errors.As(err, &rej) || rej.Reason != trust.ChainMissing {
		t.Errorf("%v", err)
	}
	c.header["x5c"] = chain // where it belongs, it is accepted
	if _, err := c.verifier().Verify(context.Background(), c.flattened(nil), c.expect); err != nil {
		t.Error(err)
	}
}
