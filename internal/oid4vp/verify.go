package oid4vp

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"slices"
	"time"

	"github.com/khyer/khyer/did"
	"github.com/khyer/khyer/did/pubkey"
	"github.com/khyer/khyer/internal/jws"
	"github.com/khyer/khyer/internal/strictjson"
)

// Trust is what a wallet needs to tell by whom a request is signed.
type Trust struct {
	Resolver did.Resolver        // for Decentralized; nil: requests of DIDs are refused
	Roots    []*x509.Certificate // for X509SanDNS and X509Hash; none: they are refused
	Now      time.Time
	Skew     time.Duration // by which clocks may differ
	// Ask is called with the client that a request object says it is of, before anything is fetched or resolved for it: an error refuses it. nil asks
	// nobody.
	Ask func(ClientID) error
}

// maxObject bounds a request object in the compact serialization.
const maxObject = MaxRequest*4/3 + 96<<10

// Verify reads a request object of at most about 260 KiB and verifies that its client has signed it (sections 5, 5.9.3, 5.10.1). client is the full client
// identifier beside it in the link; empty through the Digital Credentials API, where there is none. The error is *Error, *dcql.Error, or that of Ask;
// RequestUnresolved alone means that it may be worth to try again.
func Verify(ctx context.Context, object []byte, client string, t Trust) (*Request, error) {
	if len(object) > maxObject {
		return nil, fail(RequestTooLarge, "")
	}
	protected, input, start, sig, ok := jws.Split(object)
	if !ok {
		return nil, fail(RequestMalformed, "no JWS in the compact serialization")
	}
	h, err := jws.ReadHeader(protected)
	switch {
	case err != nil:
		return nil, fail(RequestMalformed, "the header")
	case h.Type != typ:
		return nil, fail(RequestType, "")
	case h.ForeignKey:
		return nil, fail(RequestKey, "a key in the header that its sender vouches for")
	}
	payload, ok := strictjson.AppendBase64URL(nil, input[start:])
	if !ok {
		return nil, fail(RequestMalformed, "the payload is not base64url")
	}
	r, err := ParseRequest(payload) // who it says it is of: not believed before the signature is verified
	if err != nil {
		return nil, err
	}
	if client != "" && r.ClientID.String() != client {
		return nil, fail(ClientIDMismatch, "")
	}
	if t.Ask != nil {
		if err := t.Ask(r.ClientID); err != nil {
			return nil, err
		}
	}
	if err := r.checkTime(t); err != nil { // cheap, and may only refuse
		return nil, err
	}
	key, err := t.key(ctx, r.ClientID, h)
	if err != nil {
		return nil, err
	}
	if err := key.Verify(pubkey.Algorithm(h.Algorithm), input, sig); errors.Is(err, pubkey.AlgorithmMismatch) {
		return nil, fail(RequestAlgorithm, "")
	} else if err != nil {
		return nil, fail(RequestSignature, "")
	}
	return r, nil
}

func (r *Request) checkTime(t Trust) error {
	if !r.Expires.IsZero() && !t.Now.Before(r.Expires.Add(t.Skew)) {
		return fail(RequestExpired, "exp has passed")
	}
	if r.Issued.After(t.Now.Add(t.Skew)) {
		return fail(RequestExpired, "iat lies in the future")
	}
	return nil
}

// key returns the key by which a client signs. Nothing in the header says how it is found: the prefix does.
func (t Trust) key(ctx context.Context, c ClientID, h jws.Header) (pubkey.Key, error) {
	switch c.Prefix {
	case Decentralized:
		if h.X5C != nil {
			return pubkey.Key{}, fail(RequestKey, "certificates beside a DID")
		}
		return t.keyOfDID(ctx, c, h)
	case X509SanDNS, X509Hash:
		return t.keyOfCertificate(c, h)
	case RedirectURI:
		return pubkey.Key{}, fail(RequestMustBeUnsigned, "")
	}
	return pubkey.Key{}, fail(ClientIDMalformed, "client_id is missing")
}

func (t Trust) keyOfDID(ctx context.Context, c ClientID, h jws.Header) (pubkey.Key, error) {
	id, err := did.Parse(c.Name)
	if err != nil || t.Resolver == nil {
		return pubkey.Key{}, fail(RequestKey, "no DID, or no resolver for DIDs")
	}
	// An absolute DID URL, or one relative to the client's DID (see package credential).
	if !h.KeyIDIsText || len(h.KeyID) < 2 {
		return pubkey.Key{}, fail(RequestKey, "kid is missing")
	}
	if h.KeyID[0] != '#' {
		if u, err := did.ParseURL(h.KeyID); err != nil || u.DID != id || u.Fragment == "" || u.Path != "" || u.Query != "" {
			return pubkey.Key{}, fail(RequestKey, "kid names no key of the client's DID")
		}
	}
	res, err := t.Resolver.Resolve(ctx, id, did.At{})
	if err != nil {
		var e *did.Error
		if errors.As(err, &e) && (e.Code == did.NotFound || e.Code == did.Deactivated || e.Code == did.InvalidDID || e.Code == did.MethodNotSupported) {
			return pubkey.Key{}, fail(RequestKey, "the client's DID: "+string(e.Code))
		}
		return pubkey.Key{}, fail(RequestUnresolved, "")
	}
	// "A private key associated with the DID", from verificationMethod: authentication is the relationship in which a DID's subject speaks for itself,
	// assertionMethod the one in which issuers have theirs, and agencies often are both.
	for _, p := range []did.Purpose{did.Authentication, did.AssertionMethod} {
		if k, err := res.Key(h.KeyID, p, t.Now); err == nil {
			return k.Public, nil
		}
	}
	return pubkey.Key{}, fail(RequestKey, "kid names no usable key of the client's DID")
}

// keyOfCertificate verifies x5c (HAIP 1.0 section 5): the leaf has the client's name, no certificate that comes with the request is its own issuer or one
// of the roots, and the rest is RFC 5280 section 6.1.
func (t Trust) keyOfCertificate(c ClientID, h jws.Header) (pubkey.Key, error) {
	bad := func(detail string) (pubkey.Key, error) { return pubkey.Key{}, fail(RequestKey, detail) }
	if len(t.Roots) == 0 || t.Now.IsZero() {
		return bad("no roots for certificates")
	}
	chain, ok := jws.Certificates(h.X5C)
	if !ok {
		return bad("x5c is missing or holds no certificates")
	}
	leaf := chain[0]
	if err := c.named(leaf); err != nil {
		return pubkey.Key{}, err
	}
	if leaf.IsCA || leaf.KeyUsage != 0 && leaf.KeyUsage&x509.KeyUsageDigitalSignature == 0 {
		return bad("the certificate is a CA's, or not for signatures")
	}
	roots, between := x509.NewCertPool(), x509.NewCertPool()
	for _, root := range t.Roots {
		roots.AddCert(root)
	}
	var key pubkey.Key
	for i, cert := range slices.Backward(chain) { // keys and algorithms before any signature is looked at; the leaf last, whose key it is
		switch {
		case bytes.Equal(cert.RawIssuer, cert.RawSubject):
			return bad("a certificate that is self-signed")
		case slices.ContainsFunc(t.Roots, func(root *x509.Certificate) bool {
			return bytes.Equal(root.RawSubjectPublicKeyInfo, cert.RawSubjectPublicKeyInfo)
		}):
			return bad("a root in x5c")
		case !signedUsefully(cert):
			return bad("a certificate under an algorithm that is not in use")
		}
		var err error
		if key, err = pubkey.New(cert.PublicKey); err != nil {
			return bad("a certificate of a key that is not in use")
		}
		if i > 0 {
			between.AddCert(cert)
		}
	}
	paths, err := leaf.Verify(x509.VerifyOptions{Roots: roots, Intermediates: between, CurrentTime: t.Now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
	if err != nil || !slices.ContainsFunc(paths, func(p []*x509.Certificate) bool { return len(p) == len(chain)+1 }) {
		return bad("x5c does not lead to a root")
	}
	return key, nil
}

func signedUsefully(c *x509.Certificate) bool {
	switch c.SignatureAlgorithm {
	case x509.ECDSAWithSHA256, x509.ECDSAWithSHA384, x509.ECDSAWithSHA512, x509.PureEd25519:
		return true
	}
	return false
}
