package trust_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"math/big"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/khyer/khyer/verifier/trust"
)

var at = time.Date(2026, 11, 24, 6, 0, 0, 0, time.UTC)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// ca makes a self-signed certificate, as crypto/x509 parses it.
func ca(key crypto.Signer, change func(*x509.Certificate)) *x509.Certificate {
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Example Root"}, NotBefore: at.AddDate(-1, 0, 0), NotAfter: at.AddDate(1, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	if change != nil {
		change(c)
	}
	return must(x509.ParseCertificate(must(x509.CreateCertificate(rand.Reader, c, c, key.Public(), key))))
}

// leaf makes a certificate for one DNS name.
func leaf(root *x509.Certificate, rootKey crypto.Signer, name string) *x509.Certificate {
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	c := &x509.Certificate{
		SerialNumber: big.NewInt(2), NotBefore: at.AddDate(0, -1, 0), NotAfter: at.AddDate(0, 1, 0), KeyUsage: x509.KeyUsageDigitalSignature, DNSNames: []string{name},
	}
	return must(x509.ParseCertificate(must(x509.CreateCertificate(rand.Reader, c, root, key.Public(), rootKey))))
}

// An issuer that signs with certificates is known by the root that certifies it and by its name in the leaf. The answer has the key.
func ExampleCertified() {
	rootKey := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	root := ca(rootKey, nil)

	list, err := trust.NewList(trust.Issuer{
		Certified: []trust.Certified{{
			Issuer: "https://registry.example", // as iss has it
			Name:   "registry.example",         // as the leaf has it
			Roots:  []*x509.Certificate{root},
		}},
		Types:         []string{"https://registry.example/types/foundational-id"},
		Accreditation: trust.Accreditation{Name: "Example Civil Registry"},
	})
	if err != nil {
		panic(err)
	}
	for _, name := range []string{"registry.example", "health.example"} { // both certified by the same root
		a, err := list.Accreditation(context.Background(), trust.Query{
			Issuer: "https://registry.example", Type: "https://registry.example/types/foundational-id",
			Chain: []*x509.Certificate{leaf(root, rootKey, name)}, // from x5c
			Now:   time.Date(2026, 11, 24, 6, 0, 0, 0, time.UTC),
		})
		if err != nil {
			fmt.Println(err)
			continue
		}
		fmt.Println(a.Name, a.Mechanism, a.Key.Curve())
	}
	// Output:
	// Example Civil Registry x5c P-256
	// certificate_names_other_issuer
}

func TestRootsThatAreNone(t *testing.T) {
	ec := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	good := ca(ec, nil)
	other := trust.Certified{Issuer: "https://other.example", Name: "other.example", Roots: []*x509.Certificate{good}}
	entry := func(c ...trust.Certified) []trust.Issuer {
		return []trust.Issuer{{Certified: c, Types: []string{"t"}, Accreditation: trust.Accreditation{Name: "x"}}}
	}
	if _, err := trust.NewList(entry(other)...); err != nil {
		t.Fatal(err)
	}
	with := func(root *x509.Certificate) []trust.Issuer {
		return entry(trust.Certified{Name: "x.example", Roots: []*x509.Certificate{root}})
	}
	for name, c := range map[string]struct {
		issuers []trust.Issuer
		want    string
	}{
		"no roots":            {entry(trust.Certified{Issuer: "https://x.example", Name: "x.example"}), "without a root"},
		"empty roots":         {entry(trust.Certified{Name: "x.example", Roots: []*x509.Certificate{}}), "without a root"},
		"no root":             {with(nil), "root 0 is missing"},
		"not parsed":          {with(&x509.Certificate{IsCA: true, BasicConstraintsValid: true}), "no certificate that crypto/x509 has parsed"},
		"no CA":               {with(ca(ec, func(c *x509.Certificate) { c.IsCA, c.KeyUsage = false, 0 })), "may not issue certificates"},
		"no signing of certs": {with(ca(ec, func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageDigitalSignature })), "may not issue certificates"},
		"RSA":                 {with(ca(must(rsa.GenerateKey(rand.Reader, 2048)), nil)), "certificate_alg_unsupported"},
		"P-521":               {with(ca(must(ecdsa.GenerateKey(elliptic.P521(), rand.Reader)), nil)), "certificate_alg_unsupported"},
		"critical": {with(ca(ec, func(c *x509.Certificate) {
			c.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 32473, 2}, Critical: true, Value: []byte{5, 0}}}
		})), "critical extension"},
		"no name":            {entry(trust.Certified{Issuer: "x", Roots: []*x509.Certificate{good}}), "no DNS name"},
		"capitals":           {entry(trust.Certified{Name: "X.example", Roots: []*x509.Certificate{good}}), "no DNS name"},
		"wildcard":           {entry(trust.Certified{Name: "*.example", Roots: []*x509.Certificate{good}}), "no DNS name"},
		"dot":                {entry(trust.Certified{Name: "x.example.", Roots: []*x509.Certificate{good}}), "no DNS name"},
		"unusual URI":        {entry(trust.Certified{Name: "HTTPS://x.example", Roots: []*x509.Certificate{good}}), "no URI"},
		"DID as iss":         {entry(trust.Certified{Issuer: "did:example:x", Name: "x.example", Roots: []*x509.Certificate{good}}), "is a DID"},
		"DID as name":        {entry(trust.Certified{Name: "did:example:x", Roots: []*x509.Certificate{good}}), "is a DID"},
		"twice":              {entry(other, other), "twice"},
		"twice by name":      {append(entry(trust.Certified{Name: "x.example", Roots: []*x509.Certificate{good}}), with(good)...), "twice"},
		"by two mechanisms":  {[]trust.Issuer{{Certified: []trust.Certified{other}, URLs: []string{"https://other.example"}, Types: []string{"t"}, Accreditation: trust.Accreditation{Name: "x"}}}, "twice"},
		"http":               {[]trust.Issuer{{URLs: []string{"http://x.example"}, Types: []string{"t"}, Accreditation: trust.Accreditation{Name: "x"}}}, "no https URL"},
		"query":              {[]trust.Issuer{{URLs: []string{"https://x.example?"}, Types: []string{"t"}, Accreditation: trust.Accreditation{Name: "x"}}}, "no https URL"},
		"user":               {[]trust.Issuer{{URLs: []string{"https://u@x.example"}, Types: []string{"t"}, Accreditation: trust.Accreditation{Name: "x"}}}, "no https URL"},
		"host with a path":   {[]trust.Issuer{{URLs: []string{"https://x.example"}, Types: []string{"t"}, Accreditation: trust.Accreditation{Name: "x", Hosts: []string{"y.example/"}}}}, "no host"},
		"host in capitals":   {[]trust.Issuer{{URLs: []string{"https://x.example"}, Types: []string{"t"}, Accreditation: trust.Accreditation{Name: "x", Hosts: []string{"Y.example"}}}}, "no host"},
		"host with a scheme": {[]trust.Issuer{{URLs: []string{"https://x.example"}, Types: []string{"t"}, Accreditation: trust.Accreditation{Name: "x", Hosts: []string{"https://y.example"}}}}, "no host"},
		"lapsed":             {[]trust.Issuer{{URLs: []string{"https://x.example"}, Types: []string{"t"}, Accreditation: trust.Accreditation{Name: "x", LapsedUntil: at}}}, "keys of DID documents"},
		"an answer":          {[]trust.Issuer{{URLs: []string{"https://x.example"}, Types: []string{"t"}, Accreditation: trust.Accreditation{Name: "x", Mechanism: trust.ByDID}}}, "are answers"},
	} {
		if _, err := trust.NewList(c.issuers...); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

// What the caller does to a root afterwards, or wrote into its fields before, changes nothing.
func TestRootsAreCopied(t *testing.T) {
	key, thief := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)), must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	root, forged := ca(key, nil), ca(thief, nil)
	roots := []*x509.Certificate{root}
	list, err := trust.NewList(trust.Issuer{Certified: []trust.Certified{{Issuer: "i", Name: "x.example", Roots: roots}}, Types: []string{"t"}, Accreditation: trust.Accreditation{Name: "x"}})
	if err != nil {
		t.Fatal(err)
	}
	q := trust.Query{Issuer: "i", Type: "t", Now: at, Chain: []*x509.Certificate{leaf(forged, thief, "x.example")}}
	roots[0] = forged
	*root = *forged
	if _, err := list.Accreditation(context.Background(), q); !errors.Is(err, trust.ChainNotTrusted) {
		t.Errorf("%v", err)
	}
}

// crypto/x509 takes a zero time for the system's time, and panics at nothing.
func TestQueryWithoutTimeOrCertificates(t *testing.T) {
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	root := ca(key, func(c *x509.Certificate) { c.NotAfter = time.Now().AddDate(1, 0, 0) })
	list := must(trust.NewList(trust.Issuer{
		Certified: []trust.Certified{{Issuer: "i", Name: "x.example", Roots: []*x509.Certificate{root}}, {Name: "x.example", Roots: []*x509.Certificate{root}}},
		Types:     []string{"t"}, Accreditation: trust.Accreditation{Name: "x"},
	}))
	good := leaf(root, key, "x.example")
	for name, c := range map[string]struct {
		q    trust.Query
		want error
	}{
		"good":                {trust.Query{Issuer: "i", Type: "t", Now: at, Chain: []*x509.Certificate{good}}, nil},
		"no time":             {trust.Query{Issuer: "i", Type: "t", Chain: []*x509.Certificate{good}}, trust.ChainNotTrusted},
		"no chain":            {trust.Query{Issuer: "i", Type: "t", Now: at}, trust.ChainMissing},
		"nil":                 {trust.Query{Issuer: "i", Type: "t", Now: at, Chain: []*x509.Certificate{nil}}, trust.ChainNotTrusted},
		"nil behind":          {trust.Query{Issuer: "i", Type: "t", Now: at, Chain: []*x509.Certificate{good, nil}}, trust.ChainNotTrusted},
		"empty":               {trust.Query{Issuer: "i", Type: "t", Now: at, Chain: []*x509.Certificate{{}}}, trust.CertificateSelfSigned},
		"no issuer, good":     {trust.Query{Type: "t", Now: at, Chain: []*x509.Certificate{good}}, nil},
		"no issuer, nil":      {trust.Query{Type: "t", Now: at, Chain: []*x509.Certificate{nil}}, trust.IssuerNotTrusted},
		"no issuer, no chain": {trust.Query{Type: "t", Now: at}, trust.IssuerNotTrusted},
		"another type":        {trust.Query{Issuer: "i", Type: "u", Now: at, Chain: []*x509.Certificate{good}}, trust.TypeNotAccredited},
	} {
		a, err := list.Accreditation(context.Background(), c.q)
		if !errors.Is(err, c.want) || (err == nil) != (a != nil && a.Key != nil) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

// TestVerifyOptionsNameTheirRoots reads every file of the module: crypto/x509 takes missing roots for those of the operating system,
// with which everybody who has a web server could issue cards.
func TestVerifyOptionsNameTheirRoots(t *testing.T) {
	var found []string
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() && (d.Name() == "node_modules" || d.Name() == ".git") {
			if err == nil {
				err = fs.SkipDir
			}
			return err
		}
		if d.IsDir() || !strings.HasSuffix(path, ".go") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		named := 0
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CompositeLit:
				if !isVerifyOptions(n.Type) {
					break
				}
				for _, e := range n.Elts {
					kv, ok := e.(*ast.KeyValueExpr)
					if !ok {
						continue
					}
					if key, ok := kv.Key.(*ast.Ident); !ok || key.Name != "Roots" {
						continue
					}
					if value, ok := kv.Value.(*ast.Ident); !ok || value.Name != "nil" {
						named++
						found = append(found, filepath.ToSlash(path))
					}
				}
			case *ast.SelectorExpr:
				if isVerifyOptions(n) {
					named--
				}
			}
			return true
		})
		if named != 0 { // also new(x509.VerifyOptions), var o x509.VerifyOptions
			t.Errorf("%s has x509.VerifyOptions without Roots", path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	// One for issuers, and one for those who send a wallet requests.
	if want := []string{"../../internal/oid4vp/verify.go", "../../verifier/trust/certificates.go"}; !slices.Equal(found, want) {
		t.Errorf("certificates are verified in %q, and were meant to be in %q", found, want)
	}
}

func isVerifyOptions(e ast.Expr) bool {
	s, ok := e.(*ast.SelectorExpr)
	if !ok || s.Sel.Name != "VerifyOptions" {
		return false
	}
	x, ok := s.X.(*ast.Ident)
	return ok && x.Name == "x509"
}
