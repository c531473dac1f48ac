package oid4vp

import (
	"context"
	"crypto/x509"
	"encoding/base64"
	"strings"

	"github.com/khyer/khyer/did"
	"github.com/khyer/khyer/did/pubkey"
)

// MediaType is the media type of a request object (RFC 9101 section 10.2), and typ is what its header says (section 5).
const (
	MediaType = "application/oauth-authz-req+jwt"
	typ       = "oauth-authz-req+jwt"
)

// Signer signs request objects as one client. Exactly one of KeyID and Chain is set.
type Signer struct {
	Key pubkey.Signer
	// KeyID is the DID URL of the key, for Decentralized.
	KeyID string
	// Chain is the certificate of the key and those between it and a root, for X509SanDNS and X509Hash. The root is not among them (HAIP 1.0 section 5).
	Chain []*x509.Certificate
}

// Check says whether requests of this client can be signed so: the key is of the DID, or the leaf has the name and the key.
func (s Signer) Check(c ClientID) error {
	if s.Key == nil || len(s.Key.Public().Algorithms()) == 0 {
		return fail(RequestKey, "no key")
	}
	switch c.Prefix {
	case Decentralized:
		u, err := did.ParseURL(s.KeyID)
		if err != nil || u.DID.String() != c.Name || u.Fragment == "" || len(s.Chain) > 0 {
			return fail(RequestKey, "the key id is no DID URL of the client's DID with a fragment")
		}
		return nil
	case X509SanDNS, X509Hash:
		if len(s.Chain) == 0 || s.KeyID != "" {
			return fail(RequestKey, "no certificate")
		}
		key, err := pubkey.New(s.Chain[0].PublicKey)
		if err != nil || !key.Equal(s.Key.Public()) {
			return fail(RequestKey, "the certificate is of another key")
		}
		return c.named(s.Chain[0])
	}
	return fail(RequestMustBeUnsigned, "")
}

// Sign makes a request object (section 5): JWS in the compact serialization. The error is *Error, *dcql.Error, or what the key answers.
func (s Signer) Sign(ctx context.Context, r *Request) ([]byte, error) {
	if err := s.Check(r.ClientID); err != nil {
		return nil, err
	}
	payload, err := r.JSON()
	if err != nil {
		return nil, err
	}
	alg := s.Key.Public().Algorithms()[0]
	header := struct {
		Algorithm string   `json:"alg"`
		Type      string   `json:"typ"`
		KeyID     string   `json:"kid,omitempty"`
		Chain     []string `json:"x5c,omitempty"`
	}{string(alg), typ, s.KeyID, nil}
	for _, c := range s.Chain {
		header.Chain = append(header.Chain, base64.StdEncoding.EncodeToString(c.Raw))
	}
	protected, err := marshal(header)
	if err != nil {
		return nil, err
	}
	input := []byte(encode(protected) + "." + encode(payload))
	sig, err := s.Key.Sign(ctx, alg, input)
	if err != nil {
		return nil, err
	}
	return append(append(input, '.'), encode(sig)...), nil
}

// named tells whether a certificate is the one that the client identifier is about (section 5.9.3).
func (c ClientID) named(leaf *x509.Certificate) error {
	switch c.Prefix {
	case X509Hash:
		if ClientOfCertificate(leaf) == c {
			return nil
		}
	case X509SanDNS:
		for _, n := range leaf.DNSNames {
			if strings.ToLower(n) == c.Name { // no wildcards: section 5.9.3 wants a match, and a name of a client is one name
				return nil
			}
		}
	}
	return fail(RequestKey, "the certificate does not have the client's name")
}
