package oid4vp_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/khyer/khyer/did"
	"github.com/khyer/khyer/did/didtest"
	"github.com/khyer/khyer/did/pubkey"
	"github.com/khyer/khyer/disclosure"
	"github.com/khyer/khyer/internal/oid4vp"
)

func must[T any](t testing.TB) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// asking is a request of that client.
func asking(c oid4vp.ClientID) *oid4vp.Request {
	return &oid4vp.Request{ClientID: c, Mode: oid4vp.DirectPost, ResponseURI: "https://hospital.example/answer", Nonce: "n", DCQL: json.RawMessage(query)}
}

type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// certify makes a certificate under parent, or one that is self-signed.
func certify(t testing.TB, parent *authority, change func(*x509.Certificate)) *authority {
	t.Helper()
	key := must[*ecdsa.PrivateKey](t)(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	c := &x509.Certificate{
		SerialNumber: must[*big.Int](t)(rand.Int(rand.Reader, big.NewInt(1<<60))), NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, DNSNames: []string{"hospital.example"},
	}
	c.Subject = pkix.Name{CommonName: fmt.Sprint("certificate ", c.SerialNumber)}
	if change != nil {
		change(c)
	}
	if parent == nil {
		parent = &authority{c, key}
	}
	der := must[[]byte](t)(x509.CreateCertificate(rand.Reader, c, parent.cert, key.Public(), parent.key))
	return &authority{must[*x509.Certificate](t)(x509.ParseCertificate(der)), key}
}

func ca(c *x509.Certificate) {
	c.IsCA, c.BasicConstraintsValid, c.KeyUsage, c.DNSNames = true, true, x509.KeyUsageCertSign, nil
}

func signer(t testing.TB, k crypto.Signer) pubkey.Signer {
	t.Helper()
	return must[pubkey.Signer](t)(pubkey.FromCrypto(k))
}

func TestRequestOfADID(t *testing.T) {
	resolver := &didtest.Resolver{}
	key, other := must[pubkey.Signer](t)(pubkey.Generate(pubkey.ES256)), must[pubkey.Signer](t)(pubkey.Generate(pubkey.ES256))
	resolver.Put(didtest.Subject{ID: "did:example:hospital", Keys: []did.Key{
		{Public: key.Public()}, {Public: other.Public(), Revoked: now.Add(-time.Hour)}, {ID: "#agree", Public: other.Public(), Purposes: []did.Purpose{did.KeyAgreement}},
	}})
	resolver.Put(didtest.Subject{ID: "did:example:stranger", Keys: []did.Key{{Public: other.Public()}}})
	resolver.Put(didtest.Subject{ID: "did:example:closed", Deactivated: true})
	client := oid4vp.ClientID{Prefix: oid4vp.Decentralized, Name: "did:example:hospital"}
	trust := oid4vp.Trust{Resolver: resolver, Now: now}
	sign := func(c oid4vp.ClientID, s oid4vp.Signer) []byte {
		t.Helper()
		return must[[]byte](t)(s.Sign(t.Context(), asking(c)))
	}
	good := sign(client, oid4vp.Signer{Key: key, KeyID: "did:example:hospital#key-1"})
	r, err := oid4vp.Verify(t.Context(), good, client.String(), trust)
	if err != nil || r.ClientID != client || r.Nonce != "n" {
		t.Fatalf("%+v, %v", r, err)
	}
	if _, err := oid4vp.Verify(t.Context(), good, "", trust); err != nil { // the Digital Credentials API has no other client_id
		t.Error(err)
	}
	// raw signs a header that Sign would not write.
	raw := func(k pubkey.Signer, header, payload string) []byte {
		input := []byte(b64(header) + "." + b64(payload))
		return append(append(input, '.'), b64(string(must[[]byte](t)(k.Sign(t.Context(), pubkey.ES256, input))))...)
	}
	head := func(kid string) string { return `{"alg":"ES256","typ":"oauth-authz-req+jwt","kid":"` + kid + `"}` }
	if _, err := oid4vp.Verify(t.Context(), raw(key, head("#key-1"), request(t)), client.String(), trust); err != nil {
		t.Errorf("a relative kid: %v", err)
	}
	parts := strings.Split(string(good), ".")
	first, last := parts[0], parts[2]
	for name, c := range map[string]struct {
		object []byte
		want   disclosure.Reason
	}{
		"another key":               {raw(other, head("did:example:hospital#key-1"), request(t)), oid4vp.RequestSignature},
		"a key of another DID":      {raw(other, head("did:example:stranger#key-1"), request(t)), oid4vp.RequestKey},
		"a revoked key":             {raw(other, head("#key-2"), request(t)), oid4vp.RequestKey},
		"a key for agreement":       {raw(other, head("#agree"), request(t)), oid4vp.RequestKey},
		"an unknown key":            {raw(key, head("#key-9"), request(t)), oid4vp.RequestKey},
		"no kid":                    {raw(key, `{"alg":"ES256","typ":"oauth-authz-req+jwt"}`, request(t)), oid4vp.RequestKey},
		"a bare kid":                {raw(key, head("key-1"), request(t)), oid4vp.RequestKey},
		"a key in the header":       {raw(other, `{"alg":"ES256","typ":"oauth-authz-req+jwt","kid":"#key-1","jwk":`+string(other.Public().JWK())+`}`, request(t)), oid4vp.RequestKey},
		"certificates beside a DID": {raw(key, `{"alg":"ES256","typ":"oauth-authz-req+jwt","kid":"#key-1","x5c":["AA=="]}`, request(t)), oid4vp.RequestKey},
		"no typ":                    {raw(key, `{"alg":"ES256","kid":"#key-1"}`, request(t)), oid4vp.RequestType},
		"typ of a token":            {raw(key, `{"alg":"ES256","typ":"JWT","kid":"#key-1"}`, request(t)), oid4vp.RequestType},
		"alg none":                  {raw(key, `{"alg":"none","typ":"oauth-authz-req+jwt","kid":"#key-1"}`, request(t)), oid4vp.RequestAlgorithm},
		"alg of a MAC":              {raw(key, `{"alg":"HS256","typ":"oauth-authz-req+jwt","kid":"#key-1"}`, request(t)), oid4vp.RequestAlgorithm},
		"a critical header":         {raw(key, `{"alg":"ES256","typ":"oauth-authz-req+jwt","kid":"#key-1","crit":["b64"],"b64":false}`, request(t)), oid4vp.RequestMalformed},
		"another client":            {raw(other, head("#key-1"), request(t, "did:example:hospital", "did:example:stranger")), oid4vp.ClientIDMismatch},
		"a changed request":         {[]byte(first + "." + b64(request(t, "n-0S6_WzA2Mj", "other")) + "." + last), oid4vp.RequestSignature},
		"redirect_uri signed":       {raw(key, head("#key-1"), request(t, "decentralized_identifier:did:example:hospital", "redirect_uri:https://hospital.example/answer")), oid4vp.ClientIDMismatch},
		"lapsed":                    {raw(key, head("#key-1"), request(t, `"state"`, `"exp":`+fmt.Sprint(now.Unix())+`,"state"`)), oid4vp.RequestExpired},
		"of tomorrow":               {raw(key, head("#key-1"), request(t, `"state"`, `"iat":`+fmt.Sprint(now.Unix()+60)+`,"state"`)), oid4vp.RequestExpired},
		"four parts":                {append(good, ".AA"...), oid4vp.RequestMalformed},
		"too large":                 {make([]byte, 1<<20), oid4vp.RequestTooLarge},
	} {
		before := resolver.Resolved("")
		_, err := oid4vp.Verify(t.Context(), c.object, client.String(), trust)
		refused(t, name, err, c.want)
		if name == "a key of another DID" && resolver.Resolved("") != before {
			t.Error("resolved for a kid that is nobody's here")
		}
	}
	mine := oid4vp.ClientID{Prefix: oid4vp.RedirectURI, Name: "https://hospital.example/answer"}
	_, err = oid4vp.Verify(t.Context(), raw(key, head("#key-1"), request(t, client.String(), mine.String())), mine.String(), trust)
	refused(t, "redirect_uri signed", err, oid4vp.RequestMustBeUnsigned)

	gone := oid4vp.ClientID{Prefix: oid4vp.Decentralized, Name: "did:example:closed"}
	_, err = oid4vp.Verify(t.Context(), raw(key, head("#key-1"), request(t, client.Name, gone.Name)), gone.String(), trust)
	refused(t, "a deactivated DID", err, oid4vp.RequestKey)
	resolver.Fail(client.Name, did.Unavailable)
	_, err = oid4vp.Verify(t.Context(), good, client.String(), trust)
	refused(t, "no answer", err, oid4vp.RequestUnresolved)
	_, err = oid4vp.Verify(t.Context(), good, client.String(), oid4vp.Trust{Now: now})
	refused(t, "no resolver", err, oid4vp.RequestKey)
}

// Nothing is resolved for somebody whom the caller does not know.
func TestAskedBeforeAnythingIsResolved(t *testing.T) {
	resolver := &didtest.Resolver{}
	key := must[pubkey.Signer](t)(pubkey.Generate(pubkey.ES256))
	client := oid4vp.ClientID{Prefix: oid4vp.Decentralized, Name: "did:example:stranger"}
	object := must[[]byte](t)(oid4vp.Signer{Key: key, KeyID: "did:example:stranger#k"}.Sign(t.Context(), asking(client)))
	unknown := errors.New("who is this?")
	_, err := oid4vp.Verify(t.Context(), object, client.String(), oid4vp.Trust{Resolver: resolver, Now: now, Ask: func(c oid4vp.ClientID) error {
		if c != client {
			t.Errorf("%v", c)
		}
		return unknown
	}})
	if !errors.Is(err, unknown) || resolver.Resolved("") != 0 {
		t.Errorf("%v, resolved %d times", err, resolver.Resolved(""))
	}
}

func TestRequestUnderACertificate(t *testing.T) {
	root := certify(t, nil, ca)
	between := certify(t, root, ca)
	leaf := certify(t, between, nil)
	trust := oid4vp.Trust{Roots: []*x509.Certificate{root.cert}, Now: now}
	chain := func(c ...*authority) (out []*x509.Certificate) {
		for _, a := range c {
			out = append(out, a.cert)
		}
		return out
	}
	for name, client := range map[string]oid4vp.ClientID{
		"hash": oid4vp.ClientOfCertificate(leaf.cert), "name": {Prefix: oid4vp.X509SanDNS, Name: "hospital.example"},
	} {
		object := must[[]byte](t)(oid4vp.Signer{Key: signer(t, leaf.key), Chain: chain(leaf, between)}.Sign(t.Context(), asking(client)))
		if r, err := oid4vp.Verify(t.Context(), object, client.String(), trust); err != nil || r.ClientID != client {
			t.Errorf("%s: %v", name, err)
		}
		late := trust
		late.Now = now.Add(2 * time.Hour)
		_, err := oid4vp.Verify(t.Context(), object, client.String(), late)
		refused(t, name+", later", err, oid4vp.RequestKey)
		_, err = oid4vp.Verify(t.Context(), object, client.String(), oid4vp.Trust{Now: now})
		refused(t, name+", no roots", err, oid4vp.RequestKey)
	}

	stranger := certify(t, nil, ca)
	selfSigned := certify(t, nil, nil)
	renamed := certify(t, nil, func(c *x509.Certificate) { c.Subject = leaf.cert.Issuer })
	for name, c := range map[string]struct {
		leaf  *authority
		chain []*x509.Certificate
	}{
		"self-signed leaf":          {selfSigned, chain(selfSigned)},
		"self-signed leaf, renamed": {renamed, chain(renamed, between)},
		"the root in x5c":           {leaf, chain(leaf, between, root)},
		"the root as the leaf":      {certify(t, root, nil), nil},
		"a stranger's root":         {certify(t, stranger, nil), nil},
		"no intermediate":           {leaf, chain(leaf)},
		"one that is not needed":    {leaf, chain(leaf, between, certify(t, stranger, ca))},
		"a CA as the leaf":          {certify(t, root, func(c *x509.Certificate) { c.IsCA, c.BasicConstraintsValid = true, true }), nil},
		"not for signatures":        {certify(t, root, func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyAgreement }), nil},
		"signed by a leaf":          {certify(t, leaf, nil), chain(leaf, leaf, between)},
	} {
		if c.chain == nil {
			c.chain = chain(c.leaf)
		} else if c.chain[0] != c.leaf.cert {
			c.chain[0] = c.leaf.cert
		}
		if name == "the root as the leaf" {
			c.leaf, c.chain = root, chain(root)
		}
		client := oid4vp.ClientOfCertificate(c.leaf.cert)
		object := must[[]byte](t)(oid4vp.Signer{Key: signer(t, c.leaf.key), Chain: c.chain}.Sign(t.Context(), asking(client)))
		_, err := oid4vp.Verify(t.Context(), object, client.String(), trust)
		refused(t, name, err, oid4vp.RequestKey)
	}

	// A certificate of another client, with its own key.
	other := certify(t, root, func(c *x509.Certificate) { c.DNSNames = []string{"stranger.example"} })
	wild := certify(t, root, func(c *x509.Certificate) { c.DNSNames = []string{"*.example"} })
	for _, l := range []*authority{other, wild} {
		for _, client := range []oid4vp.ClientID{oid4vp.ClientOfCertificate(leaf.cert), {Prefix: oid4vp.X509SanDNS, Name: "hospital.example"}} {
			payload := must[[]byte](t)(asking(client).JSON())
			header := must[[]byte](t)(json.Marshal(map[string]any{"alg": "ES256", "typ": "oauth-authz-req+jwt", "x5c": [][]byte{l.cert.Raw}}))
			input := []byte(b64(string(header)) + "." + b64(string(payload)))
			object := append(append(input, '.'), b64(string(must[[]byte](t)(signer(t, l.key).Sign(t.Context(), pubkey.ES256, input))))...)
			_, err := oid4vp.Verify(t.Context(), object, client.String(), trust)
			refused(t, "another's certificate", err, oid4vp.RequestKey)
		}
	}
	// The certificate of the client, and another key.
	client := oid4vp.ClientOfCertificate(leaf.cert)
	payload := must[[]byte](t)(asking(client).JSON())
	header := must[[]byte](t)(json.Marshal(map[string]any{"alg": "ES256", "typ": "oauth-authz-req+jwt", "x5c": [][]byte{leaf.cert.Raw, between.cert.Raw}}))
	input := []byte(b64(string(header)) + "." + b64(string(payload)))
	object := append(append(input, '.'), b64(string(must[[]byte](t)(signer(t, other.key).Sign(t.Context(), pubkey.ES256, input))))...)
	_, err := oid4vp.Verify(t.Context(), object, client.String(), trust)
	refused(t, "another key", err, oid4vp.RequestSignature)
}

func TestSignerChecks(t *testing.T) {
	key := must[pubkey.Signer](t)(pubkey.Generate(pubkey.ES256))
	leaf := certify(t, nil, nil)
	of := oid4vp.ClientID{Prefix: oid4vp.Decentralized, Name: "did:example:hospital"}
	for name, c := range map[string]struct {
		s      oid4vp.Signer
		client oid4vp.ClientID
		want   disclosure.Reason
	}{
		"no key":                  {oid4vp.Signer{KeyID: "did:example:hospital#k"}, of, oid4vp.RequestKey},
		"a key of another DID":    {oid4vp.Signer{Key: key, KeyID: "did:example:stranger#k"}, of, oid4vp.RequestKey},
		"no fragment":             {oid4vp.Signer{Key: key, KeyID: "did:example:hospital"}, of, oid4vp.RequestKey},
		"a certificate for a DID": {oid4vp.Signer{Key: key, KeyID: "did:example:hospital#k", Chain: []*x509.Certificate{leaf.cert}}, of, oid4vp.RequestKey},
		"no certificate":          {oid4vp.Signer{Key: key}, oid4vp.ClientOfCertificate(leaf.cert), oid4vp.RequestKey},
		"another's certificate":   {oid4vp.Signer{Key: key, Chain: []*x509.Certificate{leaf.cert}}, oid4vp.ClientOfCertificate(leaf.cert), oid4vp.RequestKey},
		"nobody's key":            {oid4vp.Signer{Key: key, KeyID: "did:example:hospital#k"}, oid4vp.ClientID{Prefix: oid4vp.RedirectURI, Name: "https://hospital.example/answer"}, oid4vp.RequestMustBeUnsigned},
	} {
		_, err := c.s.Sign(context.Background(), asking(c.client))
		refused(t, name, err, c.want)
	}
}
