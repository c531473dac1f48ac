package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"io"
	"math/big"
	"time"
)

// Sections about certificates.
const (
	secX5C      = "SD-JWT VC 2.5, 2.4"
	secX5CForm  = "SD-JWT VC 2.5; RFC 7515 4.1.6"
	secX5CHAIP  = "SD-JWT VC 2.5; HAIP 1.0 6.1.1"
	secX5CPath  = "SD-JWT VC 2.5; RFC 5280 6.1"
	secX5CUse   = "SD-JWT VC 2.5; RFC 5280 4.2.1"
	secX5CMixed = "SD-JWT VC 7.3, 2.5"
)

const siteName = "registry.example"

// deterministic signs without randomness (RFC 6979).
type deterministic struct{ *ecdsa.PrivateKey }

func (d deterministic) Sign(_ io.Reader, digest []byte, o crypto.SignerOpts) ([]byte, error) {
	return d.PrivateKey.Sign(nil, digest, o)
}

func certKey(name string, c elliptic.Curve) deterministic {
	d := seed(name)
	if n := (c.Params().BitSize + 7) / 8; n > len(d) {
		d = append(make([]byte, n-len(d)), d...)
	} else {
		d = d[:n]
	}
	k, err := ecdsa.ParseRawPrivateKey(c, d)
	if err != nil {
		panic(err)
	}
	return deterministic{k}
}

// party is somebody with a certificate.
type party struct {
	template *x509.Certificate
	key      deterministic
	der      []byte
}

// chain is root, intermediate and leaf in the making.
type chain struct {
	root, middle, leaf party
	alone              bool // the leaf is self-signed
	x5c                func(root, middle, leaf string) string
	roots              func(root, middle string) string
	entry              members
}

func authority(serial int64, name string, k deterministic) party {
	return party{key: k, template: &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: name}, NotBefore: time.Unix(issued-5*365*86400, 0), NotAfter: time.Unix(expires+5*365*86400, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}}
}

func (p *party) certify(by party) {
	der, err := x509.CreateCertificate(nil, p.template, by.template, p.key.Public(), by.key)
	if err != nil {
		panic(err)
	}
	p.der = der
}

func (p party) text() string { return base64.StdEncoding.EncodeToString(p.der) }

// certified makes a scene whose issuer is known by certificates.
func (g *generator) certified(fault, section, why string, expect members, change func(*scene, *chain)) {
	g.scene("x5c-"+fault, section, why, expect, func(s *scene) {
		c := &chain{
			root: authority(1, "Invented Root", certKey("certificates: root", elliptic.P384())), middle: authority(2, "Invented Office", certKey("certificates: office", elliptic.P256())),
			leaf: party{key: certKey("issuer: registry", elliptic.P256()), template: &x509.Certificate{
				SerialNumber: big.NewInt(3), Subject: pkix.Name{CommonName: "Invented Registry"}, NotBefore: time.Unix(issued-86400, 0), NotAfter: time.Unix(expires, 0),
				KeyUsage: x509.KeyUsageDigitalSignature, DNSNames: []string{siteName},
			}},
			x5c:   func(_, middle, leaf string) string { return list([]string{leaf, middle}) },
			roots: func(root, _ string) string { return list([]string{root}) },
			entry: members{{"iss", quote(site)}, {"name", quote(siteName)}},
		}
		s.payload.set("iss", quote(site))
		s.header.drop("kid")
		s.by, s.keyID, s.documents = site, registry.thumbprint(), members{}
		change(s, c)
		c.root.certify(c.root)
		c.middle.certify(c.root)
		if c.alone {
			c.leaf.certify(c.leaf)
		} else {
			c.leaf.certify(c.middle)
		}
		if c.x5c != nil {
			s.header.set("x5c", c.x5c(c.root.text(), c.middle.text(), c.leaf.text()))
		}
		if len(s.issuers) == 1 && s.issuers[0].name == issuer {
			c.entry.set("roots", c.roots(c.root.text(), c.middle.text()))
			s.issuers = members{{site, members{{"x5c", c.entry.text()}, {"types", `[` + quote(vct) + `]`}}.text()}}
		}
	})
}

// certificates: keys in the header, under roots that the trust entry names.
func (g *generator) certificates() {
	g.certified("accepted", secX5C, "from the leaf to a root of the trust entry", accept(), func(*scene, *chain) {})
	g.certified("without-iss", secX5C, "the name in the certificate says who the issuer is", accept(), func(s *scene, c *chain) {
		s.payload.drop("iss")
		c.entry.drop("iss")
		s.by = siteName
	})
	g.certified("with-kid", secX5C, "a kid that is no DID URL names nothing here", accept(), func(s *scene, _ *chain) { s.header.set("kid", `"key-1"`) })
	g.certified("leaf-for-an-unknown-use", secX5CUse, "there is no common use for signing cards, so one that is not known may be it", accept(), func(_ *scene, c *chain) {
		c.leaf.template.UnknownExtKeyUsage = []asn1.ObjectIdentifier{{1, 3, 6, 1, 4, 1, 99999, 1}}
	})
	form := func(fault, why, reason string, value func(root, middle, leaf string) string) {
		g.certified(fault, secX5CForm, why, stranger(reason), func(_ *scene, c *chain) { c.x5c = value })
	}
	form("absent", "the issuer signs with certificates, and the card has none", "x5c_missing", nil)
	form("empty", "x5c has one certificate at least", "x5c_malformed", func(_, _, _ string) string { return `[]` })
	form("is-a-string", "x5c is an array", "x5c_malformed", func(_, _, leaf string) string { return quote(leaf) })
	form("holds-a-number", "x5c is an array of strings", "x5c_malformed", func(_, _, leaf string) string { return `[` + quote(leaf) + `,1]` })
	form("no-certificate", "base64 of something else", "x5c_malformed", func(_, _, leaf string) string { return `[` + quote(leaf) + `,"bm90aGluZw=="]` })
	form("in-base64url", "x5c is base64 and not base64url", "x5c_malformed", func(_, _, leaf string) string {
		raw, _ := base64.StdEncoding.DecodeString(leaf)
		return list([]string{b64(raw)})
	})
	form("with-line-break", "one certificate has one spelling", "x5c_malformed", func(_, middle, leaf string) string { return list([]string{leaf[:64] + "\n" + leaf[64:], middle}) })
	form("too-long", "nine certificates: a bound of this library", "x5c_malformed", func(_, m, leaf string) string { return list([]string{leaf, m, m, m, m, m, m, m, m}) })
	path := func(fault, why, reason string, change func(*scene, *chain)) {
		g.certified(fault, secX5CPath, why, stranger(reason), change)
	}
	form("out-of-order", "the certificate that signed comes first", "certificate_not_for_signing", func(_, middle, leaf string) string { return list([]string{middle, leaf}) })
	path("without-the-intermediate", "the way to the root has a hole", "x5c_not_trusted", func(_ *scene, c *chain) { c.x5c = func(_, _, leaf string) string { return list([]string{leaf}) } })
	path("of-another-root", "a chain that somebody made, with all the right names", "x5c_not_trusted", func(_ *scene, c *chain) {
		own := c.root
		own.key = certKey("certificates: thief's root", elliptic.P384())
		own.certify(own)
		c.roots = func(string, string) string { return list([]string{own.text()}) }
	})
	path("leaf-signed-by-another", "the intermediate did not sign the leaf", "x5c_not_trusted", func(_ *scene, c *chain) {
		other := c.middle
		other.key = certKey("certificates: thief's office", elliptic.P256())
		other.certify(c.root)
		c.x5c = func(_, _, leaf string) string { return list([]string{leaf, other.text()}) }
	})
	path("intermediate-no-authority", "who may not issue certificates has issued one", "x5c_not_trusted", func(_ *scene, c *chain) {
		c.middle.template.IsCA, c.middle.template.KeyUsage = false, x509.KeyUsageDigitalSignature
	})
	g.certified("with-the-root", secX5CHAIP, "the trust anchor is not in x5c", stranger("x5c_holds_trust_anchor"), func(_ *scene, c *chain) {
		c.x5c = func(root, middle, leaf string) string { return list([]string{leaf, middle, root}) }
	})
	g.certified("leaf-self-signed", secX5CHAIP, "a leaf that vouches for itself", stranger("certificate_self_signed"), func(_ *scene, c *chain) {
		c.alone = true
		c.x5c = func(_, _, leaf string) string { return list([]string{leaf}) }
	})
	use := func(fault, why string, change func(*x509.Certificate)) {
		g.certified(fault, secX5CUse, why, stranger("certificate_not_for_signing"), func(_ *scene, c *chain) { change(c.leaf.template) })
	}
	use("leaf-of-an-authority", "who issues certificates signs no cards", func(t *x509.Certificate) { t.IsCA, t.BasicConstraintsValid = true, true })
	use("leaf-for-key-agreement", "the key usage has no digital signature", func(t *x509.Certificate) { t.KeyUsage = x509.KeyUsageKeyAgreement })
	use("leaf-for-web-servers", "whoever runs the web server could sign cards", func(t *x509.Certificate) { t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} })
	named := func(fault, why string, names ...string) {
		g.certified(fault, secX5C, why, stranger("certificate_names_other_issuer"), func(_ *scene, c *chain) { c.leaf.template.DNSNames = names })
	}
	named("leaf-of-another-issuer", "a certificate of the same root for somebody else", "transport.example")
	named("leaf-of-a-subdomain", "names are compared whole", "www.registry.example")
	named("leaf-with-wildcard", "a wildcard names nobody", "*.example")
	named("leaf-without-names", "the common name counts for nothing")
	g.certified("iss-of-another", secX5CMixed, "the certificate of one issuer and the name of another", stranger("issuer_not_trusted"), func(s *scene, _ *chain) {
		s.payload.set("iss", `"https://transport.example"`)
	})
	path("leaf-expired", "the certificate's time is over", "certificate_expired", func(_ *scene, c *chain) { c.leaf.template.NotAfter = time.Unix(now-1, 0) })
	path("root-expired", "nor is it valid longer than its root", "certificate_expired", func(_ *scene, c *chain) { c.root.template.NotAfter = time.Unix(now-1, 0) })
	g.certified("certificate-too-large", secX5CForm, "more than 8 KiB: a bound of this library", stranger("x5c_malformed"), func(_ *scene, c *chain) {
		c.leaf.template.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 99999, 3}, Value: make([]byte, 8<<10)}}
	})
	path("leaf-not-yet-valid", "the certificate's time has not begun", "certificate_not_yet_valid", func(_ *scene, c *chain) { c.leaf.template.NotBefore = time.Unix(now+1, 0) })
	path("intermediate-expired", "every certificate of the path is valid now", "certificate_expired", func(_ *scene, c *chain) { c.middle.template.NotAfter = time.Unix(now-1, 0) })
	path("card-before-the-leaf", "the card says that it was signed before the certificate was valid", "issuer_key_not_yet_valid", func(_ *scene, c *chain) {
		c.leaf.template.NotBefore = time.Unix(issued+1, 0)
	})
	path("leaf-on-a-small-curve", "P-224 is not in use here", "certificate_alg_unsupported", func(_ *scene, c *chain) { c.leaf.key = certKey("certificates: small", elliptic.P224()) })
	path("critical-extension-unknown", "an extension that must be understood", "certificate_extension_unknown", func(_ *scene, c *chain) {
		c.leaf.template.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 99999, 2}, Critical: true, Value: []byte{5, 0}}}
	})
	g.certified("key-of-the-leaf-compromised", secX5C, "declared compromised: no card of it", stranger("issuer_key_compromised"), func(s *scene, c *chain) {
		c.root.certify(c.root)
		c.entry.set("roots", list([]string{c.root.text()}))
		s.issuers = members{{site, members{{"x5c", c.entry.text()}, {"types", `[` + quote(vct) + `]`}, {"compromised", `[` + quote(registry.thumbprint()) + `]`}}.text()}}
	})
	g.certified("self-made-card", secX5C, "somebody else's certificates before a self-made card", stranger("signature_invalid"), func(s *scene, _ *chain) { s.signer = thief })
	for _, name := range []string{"jwk", "jku", "x5u"} {
		value := map[string]string{"jwk": thief.public, "jku": `"https://thief.example/keys"`, "x5u": `"https://thief.example/chain"`}[name]
		g.certified("beside-"+name, secX5CMixed, "two ways to a key", stranger("header_carries_key"), func(s *scene, _ *chain) { s.header.set(name, value) })
	}
	g.certified("with-kid-of-a-did", secX5CMixed, "a card under certificates is not one under a DID too", stranger("kid_names_other_issuer"), func(s *scene, _ *chain) {
		s.header.set("kid", quote(other+"#key-1"))
	})
	g.certified("where-metadata-are-trusted", secX5CMixed, "the trust entry says how the key is found, and not the card", stranger("header_carries_key"), func(s *scene, _ *chain) {
		s.issuers = members{{site, urlEntry(site)}}
		s.published = members{{wellKnown, quote(members{{"issuer", quote(site)}, {"jwks", keySet(registry.public)}}.text())}}
	})
	g.certified("absent-where-metadata-exist", secX5CMixed, "metadata of an issuer that is trusted by certificates are not asked for", stranger("x5c_missing"), func(s *scene, c *chain) {
		c.x5c = nil
		s.published = members{{wellKnown, quote(members{{"issuer", quote(site)}, {"jwks", keySet(registry.public)}}.text())}}
	})
	g.scene("x5c-in-the-unprotected-header", secX5CMixed+"; RFC 9901 8.1", "what anybody can add counts for nothing", accept(), func(s *scene) {
		s.serialize = func(j *jws) { j.header(0, func(m *members) { m.set("x5c", `["MIIB"]`) }) }
	})
}
