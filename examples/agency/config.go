package main

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/khyer/khyer/did/didethr"
	"github.com/khyer/khyer/did/pubkey"
)

// config is the file. Paths in it are relative to its folder.
type config struct {
	Listen  string            `json:"listen"`   // host:port
	BaseURL string            `json:"base_url"` // scheme and host by which browsers and wallets reach the service
	Name    map[string]string `json:"name"`     // by language tag
	TLS     *struct {
		Certificate string `json:"certificate"`
		Key         string `json:"key"`
	} `json:"tls"`

	Key     string `json:"key"`               // PKCS #8 in PEM: signs the requests
	KeyID   string `json:"key_id"`            // its DID URL, or
	Chain   string `json:"certificate_chain"` // its certificates in PEM, without the root
	Profile string `json:"profile"`           // "did" or "haip"

	Trust     string    `json:"trust"`     // who may issue what, and who may ask for what (package trust: Document)
	Templates string    `json:"templates"` // folder with what this agency asks for
	Networks  []network `json:"networks"`  // chains of did:ethr issuers

	Redis    string `json:"redis"`    // redis://… : transactions are shared by several processes
	SealKey  string `json:"seal_key"` // file with 64 hexadecimal digits; required with redis
	Postgres string `json:"postgres"` // postgres://… : what the newest status lists were is remembered across restarts

	InsecureHosts map[string]string `json:"insecure_hosts"` // host -> base URL, for tests and the demo

	folder string
}

type network struct {
	Known    string   `json:"known"` // a name of didethr.Known; then chain_id and registry are not given
	Name     string   `json:"name"`
	ChainID  uint64   `json:"chain_id"`
	Registry string   `json:"registry"`
	RPC      []string `json:"rpc"`
	Agree    int      `json:"agree"`
}

// readConfig reads the file and looks at what can be wrong without opening anything else. A member that is not known is an error: the
// one that was meant would be missing.
func readConfig(file string) (*config, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	c := &config{folder: filepath.Dir(file)}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(c); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	if d.More() {
		return nil, fmt.Errorf("%s: something follows the object", file)
	}
	if err := c.check(); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return c, nil
}

func (c *config) check() error {
	for name, text := range map[string]string{"listen": c.Listen, "base_url": c.BaseURL, "key": c.Key, "trust": c.Trust, "templates": c.Templates} {
		if text == "" {
			return fmt.Errorf("%s is missing", name)
		}
	}
	host, _, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	u, err := url.Parse(c.BaseURL)
	switch {
	case err != nil || u.Host == "" || strings.Trim(u.Path, "/") != "":
		return errors.New("base_url is a scheme and a host, without a path")
	case c.TLS == nil && !loopback(host):
		return errors.New("without tls the service listens on a loopback address only, behind something that ends TLS")
	case (c.KeyID == "") == (c.Chain == ""):
		return errors.New("the agency is known by key_id or by certificate_chain")
	case c.Redis != "" && c.SealKey == "":
		return errors.New("redis needs seal_key: the store must not be able to read what it keeps")
	}
	return nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func (c *config) path(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(c.folder, name)
}

// signer reads the agency's key.
func (c *config) signer() (pubkey.Signer, error) {
	block, err := c.pem(c.Key)
	if err != nil {
		return nil, err
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%s holds no PKCS #8 key", c.Key) // without the parser's words: they may quote
	}
	s, ok := key.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("%s: the key cannot sign", c.Key)
	}
	return pubkey.FromCrypto(s)
}

func (c *config) pem(name string) (*pem.Block, error) {
	data, err := os.ReadFile(c.path(name))
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(data)
	if block == nil {
		return nil, fmt.Errorf("%s is no PEM", name)
	}
	return block, nil
}

func (c *config) chain() (out []*x509.Certificate, err error) {
	if c.Chain == "" {
		return nil, nil
	}
	data, err := os.ReadFile(c.path(c.Chain))
	for block, rest := pem.Decode(data); err == nil && block != nil; block, rest = pem.Decode(rest) {
		var cert *x509.Certificate
		if cert, err = x509.ParseCertificate(block.Bytes); err == nil {
			out = append(out, cert)
		}
	}
	if err == nil && len(out) == 0 {
		err = errors.New("no certificate in it")
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.Chain, err)
	}
	return out, nil
}

func (c *config) sealKey() ([]byte, error) {
	if c.SealKey == "" {
		return nil, nil
	}
	text, err := os.ReadFile(c.path(c.SealKey))
	if err != nil {
		return nil, err
	}
	key, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(key) != 32 {
		return nil, fmt.Errorf("%s holds no 64 hexadecimal digits", c.SealKey)
	}
	return key, nil
}

func (c *config) networks() (out []didethr.Network, err error) {
	for _, n := range c.Networks {
		net := didethr.Network{Name: n.Name, ChainID: n.ChainID}
		if n.Known != "" {
			var ok bool
			if net, ok = didethr.Known(n.Known); !ok {
				return nil, fmt.Errorf("networks: %q is not known", n.Known)
			}
		} else if net.Registry, err = didethr.ParseAddress(n.Registry); err != nil {
			return nil, fmt.Errorf("networks: %w", err)
		}
		net.RPC, net.Agree = n.RPC, n.Agree
		out = append(out, net)
	}
	return out, nil
}
