package trust

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/khyer/khyer/did/pubkey"
	"github.com/khyer/khyer/disclosure"
)

// Certified identifies an issuer by the certificate that signs its cards (SD-JWT VC section 2.5, "Inline X.509 Certificates").
//
// A card is this issuer's if its x5c leads from a leaf that has Name to one of Roots. The rules are those of HAIP 1.0 section 6.1.1
// and RFC 5280: the root is not in x5c, no certificate but the one that signs comes without its issuer being the next one, the leaf
// is no CA, is not self-signed and may be used for digital signatures; keys are on P-256, P-384 or Ed25519, signatures ECDSA with
// SHA-2 or Ed25519, in the roots too.
//
// Every certificate of the path must be valid when the card is verified, and the leaf must have been valid when the card says that it
// was signed. LapsedUntil does not prolong a certificate: who issued it no longer says whether it was revoked. Nothing asks for
// revocation lists either; a stolen key is declared in Compromised, that of a leaf, of an intermediate or of a root.
type Certified struct {
	// Issuer is the iss of the cards, exactly; no DID. Empty means that they have none: then Name alone tells the issuer, and a leaf with
	// two names that the list knows is nobody's.
	Issuer string
	// Name is the subject alternative name that the leaf must have: a DNS name, compared without regard to case and without wildcards, or
	// a URI, compared byte for byte. The common name of the subject counts for nothing.
	Name string
	// Roots are the trust anchors. They should certify signers of credentials and nothing else: with the roots of the public web,
	// whoever runs the web server under Name could sign cards.
	Roots []*x509.Certificate
}

// Reasons for which certificates are refused. H is HAIP 1.0, P is RFC 5280.
const (
	ChainMissing                disclosure.Reason = "x5c_missing"                    // the issuer signs with certificates, and the card has none
	ChainHoldsAnchor            disclosure.Reason = "x5c_holds_trust_anchor"         // H 6.1.1: a root, or another self-signed certificate, behind the leaf
	ChainNotTrusted             disclosure.Reason = "x5c_not_trusted"                // P 6.1: x5c does not lead, in its order, to a root of this issuer
	CertificateSelfSigned       disclosure.Reason = "certificate_self_signed"        // H 6.1.1: the leaf
	CertificateNotForSigning    disclosure.Reason = "certificate_not_for_signing"    // P 4.2.1.3, 4.2.1.9, 4.2.1.12: the leaf is a CA's, or made for something else
	CertificateOfOther          disclosure.Reason = "certificate_names_other_issuer" // the leaf does not have the issuer's name
	CertificateExpired          disclosure.Reason = "certificate_expired"            // P 6.1.3 (a)(2), of any certificate of the path
	CertificateNotYetValid      disclosure.Reason = "certificate_not_yet_valid"      // the same
	CertificateAlgorithm        disclosure.Reason = "certificate_alg_unsupported"    // RSA, SHA-1, a small or unusual curve
	CertificateExtensionUnknown disclosure.Reason = "certificate_extension_unknown"  // P 4.2: critical, and not understood
)

// anchors is a checked Certified. Only newAnchors makes one, so that there is no pool without roots: crypto/x509 takes a missing pool
// for the roots of the operating system.
type anchors struct {
	name    string
	roots   []*x509.Certificate // all that were named, since none may stand in x5c
	trusted []*x509.Certificate // those whose keys are not declared compromised: whoever has such a key can make any leaf
	pool    *x509.CertPool      // trusted
}

func newAnchors(c Certified, compromised []string) (*anchors, error) {
	if err := checkName(c.Name); err != nil {
		return nil, err
	}
	if len(c.Roots) == 0 {
		return nil, errors.New("certificates without a root are anybody's")
	}
	a := &anchors{name: c.Name, pool: x509.NewCertPool()}
	for n, given := range c.Roots {
		if given == nil {
			return nil, fmt.Errorf("root %d is missing", n)
		}
		root, err := x509.ParseCertificate(given.Raw) // a copy, and what its fields say is what was signed
		if err != nil {
			return nil, fmt.Errorf("root %d is no certificate that crypto/x509 has parsed", n)
		}
		key, err := certifiedKey(root)
		if err != nil {
			return nil, fmt.Errorf("root %d: %w", n, err)
		}
		if !root.BasicConstraintsValid || !root.IsCA || root.KeyUsage != 0 && root.KeyUsage&x509.KeyUsageCertSign == 0 {
			return nil, fmt.Errorf("root %d may not issue certificates", n)
		}
		if len(root.UnhandledCriticalExtensions) > 0 {
			return nil, fmt.Errorf("root %d has a critical extension that is not known", n)
		}
		a.roots = append(a.roots, root)
		if !slices.Contains(compromised, key.Thumbprint()) {
			a.trusted = append(a.trusted, root)
			a.pool.AddCert(root)
		}
	}
	return a, nil
}

// checkName wants the one spelling that a certificate is compared with.
func checkName(name string) error {
	if isURI(name) {
		if u, err := url.Parse(name); err != nil || u.String() != name {
			return fmt.Errorf("%q is no URI in its usual form", name)
		}
		return nil
	}
	if name == "" || strings.HasPrefix(name, ".") || strings.HasSuffix(name, ".") ||
		strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-.") != "" {
		return fmt.Errorf("%q is no DNS name in lower case and no URI", name)
	}
	return nil
}

func isURI(name string) bool { return strings.Contains(name, ":") }

// names returns the DNS names and URIs of a certificate, spelled as Certified.Name is.
func names(c *x509.Certificate) []string {
	out := make([]string, 0, len(c.DNSNames)+len(c.URIs))
	for _, n := range c.DNSNames {
		out = append(out, strings.ToLower(n))
	}
	for _, s := range uris(c) {
		if isURI(s) { // or it could pass for a DNS name
			out = append(out, s)
		}
	}
	return out
}

// uris returns the URIs of the subject alternative name as they were signed (RFC 5280 section 4.2.1.6): crypto/x509 has parsed them, and
// what it would write of them is not always the same.
func uris(c *x509.Certificate) (out []string) {
	for _, e := range c.Extensions {
		if !e.Id.Equal(asn1.ObjectIdentifier{2, 5, 29, 17}) {
			continue
		}
		var names []asn1.RawValue
		if rest, err := asn1.Unmarshal(e.Value, &names); err != nil || len(rest) > 0 {
			return nil
		}
		for _, n := range names {
			if n.Class == asn1.ClassContextSpecific && n.Tag == 6 {
				out = append(out, string(n.Bytes))
			}
		}
	}
	return out
}

// verify returns the key of the leaf, if it is the issuer's. Cheap checks come first; no signature is looked at before all keys and
// algorithms were found to be of the kinds that are in use, because checking one with a huge key is expensive.
func (a *anchors) verify(chain []*x509.Certificate, now time.Time) (key pubkey.Key, err error) {
	if len(chain) == 0 {
		return key, ChainMissing
	}
	if now.IsZero() || slices.Contains(chain, nil) { // crypto/x509 would take no time for the time of the system
		return key, ChainNotTrusted
	}
	if key, err = a.checkLeaf(chain[0]); err != nil {
		return key, err
	}
	for _, c := range chain[1:] {
		if err := a.checkIntermediate(c); err != nil {
			return key, err
		}
	}
	for _, c := range chain {
		switch {
		case len(c.UnhandledCriticalExtensions) > 0:
			return key, CertificateExtensionUnknown
		case now.Before(c.NotBefore):
			return key, CertificateNotYetValid
		case now.After(c.NotAfter):
			return key, CertificateExpired
		}
	}
	return key, a.checkPath(chain, now)
}

func (a *anchors) checkLeaf(leaf *x509.Certificate) (key pubkey.Key, err error) {
	switch {
	case bytes.Equal(leaf.RawIssuer, leaf.RawSubject):
		return key, CertificateSelfSigned
	case leaf.IsCA, leaf.KeyUsage != 0 && leaf.KeyUsage&x509.KeyUsageDigitalSignature == 0, forOtherUse(leaf):
		return key, CertificateNotForSigning
	case !slices.Contains(names(leaf), a.name):
		return key, CertificateOfOther
	}
	return certifiedKey(leaf)
}

func (a *anchors) checkIntermediate(c *x509.Certificate) error {
	isAnchor := func(root *x509.Certificate) bool { // in whatever certificate
		return bytes.Equal(c.RawSubject, root.RawSubject) && bytes.Equal(c.RawSubjectPublicKeyInfo, root.RawSubjectPublicKeyInfo)
	}
	switch {
	case bytes.Equal(c.RawIssuer, c.RawSubject), slices.ContainsFunc(a.roots, isAnchor):
		return ChainHoldsAnchor
	case forOtherUse(c): // RFC 5280 section 4.2.1.12: a CA for web servers does not certify signers of cards
		return CertificateNotForSigning
	}
	_, err := certifiedKey(c)
	return err
}

// forOtherUse tells that extended key usages are named, all of them of the common protocols and none of them signing cards. For that
// there is no common purpose, so one that is not known may be it.
func forOtherUse(leaf *x509.Certificate) bool {
	return len(leaf.ExtKeyUsage) > 0 && len(leaf.UnknownExtKeyUsage) == 0 && !slices.Contains(leaf.ExtKeyUsage, x509.ExtKeyUsageAny)
}

// certifiedKey screens the key of a certificate, and the algorithm by which it was signed.
func certifiedKey(c *x509.Certificate) (pubkey.Key, error) {
	switch c.SignatureAlgorithm {
	case x509.ECDSAWithSHA256, x509.ECDSAWithSHA384, x509.ECDSAWithSHA512, x509.PureEd25519:
	default:
		return pubkey.Key{}, CertificateAlgorithm
	}
	key, err := pubkey.New(c.PublicKey)
	if err != nil {
		return pubkey.Key{}, CertificateAlgorithm
	}
	return key, nil
}

// checkPath validates the path (RFC 5280 section 6.1): signatures, CA bits, path lengths, name constraints. The path has to be x5c as
// it came and a root behind it: certificates that were not needed, or not in this place, are not what RFC 7515 section 4.1.6 asks for.
// It is walked from the root, so that a stranger, who has nothing that a root has signed, costs one signature a root, and crypto/x509 has
// no other paths to try.
func (a *anchors) checkPath(chain []*x509.Certificate, now time.Time) error {
	roots := issuersOf(chain[len(chain)-1], a.trusted)
	if len(roots) == 0 {
		return ChainNotTrusted
	}
	between := x509.NewCertPool()
	for i := len(chain) - 1; i > 0; i-- {
		if len(issuersOf(chain[i-1], chain[i:i+1])) == 0 {
			return ChainNotTrusted
		}
		between.AddCert(chain[i])
	}
	paths, err := chain[0].Verify(x509.VerifyOptions{
		Roots: a.pool, Intermediates: between, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	})
	var invalid x509.CertificateInvalidError
	if errors.As(err, &invalid) && invalid.Reason == x509.Expired { // a root: the others were looked at
		if now.Before(roots[0].NotBefore) {
			return CertificateNotYetValid
		}
		return CertificateExpired
	}
	for _, p := range paths {
		if len(p) == len(chain)+1 && slices.EqualFunc(p[:len(chain)], chain, (*x509.Certificate).Equal) {
			return nil
		}
	}
	return ChainNotTrusted
}

// issuersOf returns those that have signed c.
func issuersOf(c *x509.Certificate, candidates []*x509.Certificate) (out []*x509.Certificate) {
	for _, p := range candidates {
		if bytes.Equal(c.RawIssuer, p.RawSubject) && c.CheckSignatureFrom(p) == nil {
			out = append(out, p)
		}
	}
	return out
}
