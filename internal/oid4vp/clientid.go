package oid4vp

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"net/url"
	"strings"

	"github.com/khyer/khyer/did"
	"github.com/khyer/khyer/internal/strictjson"
)

// Prefix says how a client is known and how its requests are authenticated (section 5.9.3).
type Prefix string

// The prefixes that are in use here.
const (
	RedirectURI   Prefix = "redirect_uri"             // known by where the answer goes; never signed
	Decentralized Prefix = "decentralized_identifier" // a DID; signed with a key of its document
	X509SanDNS    Prefix = "x509_san_dns"             // a DNS name of the certificate that signs
	X509Hash      Prefix = "x509_hash"                // the hash of the certificate that signs
)

// ClientID is a client identifier: what follows the prefix, and the prefix. The zero value is the client of an unsigned request through the Digital
// Credentials API, which is known by its origin alone.
type ClientID struct {
	Prefix Prefix
	Name   string
}

// maxClientID bounds a client identifier, in bytes.
const maxClientID = 2048

// ParseClientID reads a client identifier (section 5.9). An identifier without a prefix names a client that was registered before, and none is; origin is
// reserved for what a wallet writes. The error is *Error with ClientIDPrefix or ClientIDMalformed.
func ParseClientID(s string) (ClientID, error) {
	if len(s) > maxClientID {
		return ClientID{}, fail(ClientIDMalformed, "too long")
	}
	prefix, name, _ := strings.Cut(s, ":")
	c := ClientID{Prefix(prefix), name}
	ok := false
	switch c.Prefix {
	case RedirectURI:
		ok = absolute(name)
	case Decentralized:
		_, err := did.Parse(name)
		ok = err == nil
	case X509SanDNS:
		ok = isDNSName(name)
	case X509Hash:
		hash, plain := strictjson.AppendBase64URL(nil, []byte(name))
		ok = plain && len(hash) == sha256.Size
	default:
		return ClientID{}, fail(ClientIDPrefix, "")
	}
	if !ok {
		return ClientID{}, fail(ClientIDMalformed, "not what "+prefix+" asks for")
	}
	return c, nil
}

// String returns the full identifier with its prefix, which is the audience of what is shown to the client (section 14.8); empty for the zero value.
func (c ClientID) String() string {
	if c == (ClientID{}) {
		return ""
	}
	return string(c.Prefix) + ":" + c.Name
}

// ClientOfDID is the client that a DID identifies.
func ClientOfDID(id did.DID) ClientID { return ClientID{Decentralized, id.String()} }

// ClientOfCertificate is the client that the hash of a certificate identifies.
func ClientOfCertificate(leaf *x509.Certificate) ClientID {
	h := sha256.Sum256(leaf.Raw)
	return ClientID{X509Hash, base64.RawURLEncoding.EncodeToString(h[:])}
}

// absolute tells whether s is an http or https URL without a user in it. Whether http will do is for the caller.
func absolute(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" && u.User == nil && len(s) <= maxClientID
}

// isDNSName wants a DNS name in lower case.
func isDNSName(s string) bool {
	return s != "" && len(s) <= 253 && s[0] != '.' && s[len(s)-1] != '.' && !strings.Contains(s, "..") &&
		strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-.") == ""
}
