package openid4vp_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// certifier is a certificate authority of this run: it signs the servers on the loopback interface and the verifiers that are known by x509.
type certifier struct {
	dir    string
	file   string // the root in PEM, for Node
	server string // a certificate for localhost and its key in PEM, for peers that serve
	root   *x509.Certificate
	key    *ecdsa.PrivateKey
}

var ca struct {
	once      sync.Once
	authority *certifier
	err       error
}

func authority(t testing.TB) *certifier {
	t.Helper()
	ca.once.Do(func() { ca.authority, ca.err = newCertifier() })
	if ca.err != nil {
		t.Fatal(ca.err)
	}
	return ca.authority
}

func newCertifier() (*certifier, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	root := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Example Root"}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, root, root, key.Public(), key)
	if err != nil {
		return nil, err
	}
	if root, err = x509.ParseCertificate(der); err != nil {
		return nil, err
	}
	c := &certifier{root: root, key: key}
	if c.dir, err = os.MkdirTemp("", "khyer-openid4vp-"); err != nil {
		return nil, err
	}
	c.file = filepath.Join(c.dir, "root.pem")
	if err := os.WriteFile(c.file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		return c, err
	}
	return c, c.writeServer()
}

func (c *certifier) writeServer() error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	leaf, err := c.sign(key.Public(), "localhost", x509.ExtKeyUsageServerAuth)
	if err != nil {
		return err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	c.server = filepath.Join(c.dir, "server.pem")
	return os.WriteFile(c.server, append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: leaf.Raw}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})...), 0o600)
}

// certify signs a certificate of a host name, for signatures: of cards and of requests.
func (c *certifier) certify(t testing.TB, pub crypto.PublicKey, host string) *x509.Certificate {
	t.Helper()
	leaf, err := c.sign(pub, host)
	if err != nil {
		t.Fatal(err)
	}
	return leaf
}

func (c *certifier) sign(pub crypto.PublicKey, host string, uses ...x509.ExtKeyUsage) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		return nil, err
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "Example Hospital"}, NotBefore: now.Add(-time.Minute), NotAfter: now.Add(12 * time.Hour),
		DNSNames: []string{host}, KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: uses,
	}
	if host == "localhost" {
		template.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, c.root, pub, c.key)
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}

// encoded is the root as Credo takes it.
func (c *certifier) encoded() string { return base64.StdEncoding.EncodeToString(c.root.Raw) }

// server is an https server on a free port of the loopback interface whose certificate the peers trust; its URL begins with
// https://localhost. The handler may be set later, because handlers often want to know the address.
type server struct {
	URL, Host string
	mu        sync.Mutex
	handler   http.Handler
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	h := s.handler
	s.mu.Unlock()
	h.ServeHTTP(w, r)
}

func (s *server) handle(h http.Handler) {
	s.mu.Lock()
	s.handler = h
	s.mu.Unlock()
}

func serve(t testing.TB) *server {
	t.Helper()
	c := authority(t)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s := &server{handler: http.NotFoundHandler()}
	h := httptest.NewUnstartedServer(s)
	leaf, err := c.sign(key.Public(), "localhost", x509.ExtKeyUsageServerAuth)
	if err != nil {
		t.Fatal(err)
	}
	chain := [][]byte{leaf.Raw, c.root.Raw} // the browser looks for the root in what the server sends
	h.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: chain, PrivateKey: key}}}
	h.StartTLS()
	t.Cleanup(h.Close)
	_, port, err := net.SplitHostPort(h.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	s.Host = "localhost:" + port
	s.URL = "https://" + s.Host
	return s
}
