package openid4vp_test

import (
	"encoding/json"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/khyer/khyer/did"
	"github.com/khyer/khyer/did/didethr"
	"github.com/khyer/khyer/did/didethr/anchor"
	"github.com/khyer/khyer/did/didethr/ethrtest"
	"github.com/khyer/khyer/did/didkey"
	"github.com/khyer/khyer/did/pubkey"
	"github.com/khyer/khyer/did/resolverhttp"
	"github.com/khyer/khyer/internal/oid4vp"
)

// didKey is a verifier of ours as a did:key.
func didKey(t testing.TB) (id, method string, key pubkey.Signer) {
	t.Helper()
	key = generate(t)
	d, err := didkey.FromKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	return d.String(), d.String() + "#" + strings.TrimPrefix(d.String(), "did:key:"), key
}

// didWeb is one as a did:web, whose document a server of the loopback interface has.
func didWeb(t testing.TB) (id, method string, key pubkey.Signer) {
	t.Helper()
	key = generate(t)
	s := serve(t)
	id = "did:web:" + strings.Replace(s.Host, ":", "%3A", 1)
	document, err := json.Marshal(map[string]any{
		"@context": []string{"https://www.w3.org/ns/did/v1", "https://w3id.org/security/jwk/v1"}, "id": id,
		"verificationMethod": []any{map[string]any{"id": id + "#key-1", "type": "JsonWebKey2020", "controller": id, "publicKeyJwk": json.RawMessage(key.Public().JWK())}},
		"authentication":     []string{id + "#key-1"}, "assertionMethod": []string{id + "#key-1"},
	})
	if err != nil {
		t.Fatal(err)
	}
	s.handle(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/.well-known/did.json" {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/did+json")
		w.Write(document)
	}))
	return id, id + "#key-1", key
}

// country is a chain with a registry on it, read by our resolver, and that behind HTTP.
type country struct {
	chain    *ethrtest.Chain
	registry *anchor.Registry
	payer    anchor.Signer
	resolver *didethr.Resolver
	server   string // of DID Resolution, up to the DID
}

func newCountry(t testing.TB) *country {
	t.Helper()
	chain, err := ethrtest.New(ethrtest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { chain.Close() })
	account := chain.Accounts()[0]
	c := &country{chain: chain}
	if c.payer, err = anchor.NewSigner(account.Key[:]); err != nil {
		t.Fatal(err)
	}
	network := didethr.Network{Name: "interop", ChainID: chain.ChainID(), RPC: []string{chain.URL()}}
	if c.registry, _, err = anchor.Deploy(t.Context(), anchor.Config{Network: network, Finality: "latest"}, c.payer); err != nil {
		t.Fatal(err)
	}
	if c.resolver, err = didethr.New(didethr.Config{Networks: []didethr.Network{c.registry.Network()}, Finality: "latest"}); err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(resolverhttp.New(did.Mux{"ethr": c.resolver}))
	t.Cleanup(s.Close)
	c.server = s.URL + resolverhttp.Prefix
	return c
}

// anchored is a DID on the chain with a key of P-256 in its document.
type anchored struct {
	id, method string
	key        pubkey.Signer
	identity   *anchor.Identity
}

func (c *country) anchor(t testing.TB, use anchor.Use) *anchored {
	t.Helper()
	owner, err := anchor.Generate()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.registry.Fund(t.Context(), c.payer, owner.Address(), big.NewInt(1e16)); err != nil {
		t.Fatal(err)
	}
	id := c.registry.DID(owner.Address()).String()
	a := &anchored{id: id, method: id + "#delegate-1", key: generate(t), identity: c.registry.Identity(owner.Address(), owner)}
	a.apply(t, anchor.AddKey(a.key.Public(), use, 365*24*time.Hour))
	return a
}

func (a *anchored) apply(t testing.TB, op anchor.Op) {
	t.Helper()
	if _, err := a.identity.Apply(t.Context(), op); err != nil {
		t.Fatal(err)
	}
}

// linkOf is the link of a request by a DID, signed with a key under the name of a method.
func linkOf(t testing.TB, id, method string, key pubkey.Signer) (link string) {
	t.Helper()
	client := oid4vp.ClientID{Prefix: oid4vp.Decentralized, Name: id}
	r, _ := requestOf(t, client, oid4vp.DirectPost, "https://localhost/response")
	object, err := oid4vp.Signer{Key: key, KeyID: method}.Sign(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	return oid4vp.Link{Client: client.String(), Object: string(object)}.String("openid4vp://")
}

// TestCredoKnowsOurDIDs: the wallet believes requests that our keys sign, with DIDs of three methods, and not those of another key; for did:ethr
// through a resolver class that asks our server of DID Resolution.
func TestCredoKnowsOurDIDs(t *testing.T) {
	wallet, c := newCredo(t), newCountry(t)
	wallet.must(t, new(any), "ethr", map[string]any{"server": c.server})
	for name, make := range map[string]func(testing.TB) (id, method string, key pubkey.Signer){
		"did:key": didKey, "did:web": didWeb,
		"did:ethr": func(t testing.TB) (id, method string, key pubkey.Signer) {
			a := c.anchor(t, anchor.SigAuth)
			return a.id, a.method, a.key
		},
	} {
		t.Run(name, func(t *testing.T) {
			id, method, key := make(t)
			read, err := wallet.read(t, linkOf(t, id, method, key))
			if err != nil {
				t.Fatal(err)
			}
			if !read.Signed || read.ClientID != "decentralized_identifier:"+id {
				t.Errorf("%+v", read)
			}
			if read, err := wallet.read(t, linkOf(t, id, method, generate(t))); err == nil {
				t.Errorf("signed with another key, and believed: %+v", read)
			}
		})
	}
}

// TestCredoSeesARevokedKey: what was believed a moment ago is refused once the chain says that the key is revoked.
func TestCredoSeesARevokedKey(t *testing.T) {
	wallet, c := newCredo(t), newCountry(t)
	wallet.must(t, new(any), "ethr", map[string]any{"server": c.server})
	a := c.anchor(t, anchor.SigAuth)
	link := linkOf(t, a.id, a.method, a.key)
	if _, err := wallet.read(t, link); err != nil {
		t.Fatal(err)
	}
	a.apply(t, anchor.RevokeKey(a.key.Public(), anchor.SigAuth))
	if _, err := wallet.read(t, link); err == nil || !strings.Contains(err.Error(), "Unable to locate verification method") {
		t.Errorf("the key was revoked: %v", err)
	}
}

// TestDifferenceCredoWantsAuthentication: Credo takes requests of a DID only by a key that stands in authentication. An issuer's key on the chain
// is a veriKey, which stands in assertionMethod alone, so an agency that is both needs a sigAuth key to ask with. Ours takes both.
func TestDifferenceCredoWantsAuthentication(t *testing.T) {
	wallet, c := newCredo(t), newCountry(t)
	wallet.must(t, new(any), "ethr", map[string]any{"server": c.server})
	a := c.anchor(t, anchor.VeriKey)
	link := linkOf(t, a.id, a.method, a.key)
	if _, err := wallet.read(t, link); err == nil || !strings.Contains(err.Error(), "in purposes authentication") {
		t.Errorf("the difference is gone: %v", err)
	}
	parsed, err := oid4vp.ParseLink(link)
	if err != nil {
		t.Fatal(err)
	}
	trust := oid4vp.Trust{Resolver: did.Mux{"ethr": c.resolver}, Now: time.Now(), Skew: time.Minute}
	if _, err := oid4vp.Verify(t.Context(), []byte(parsed.Object), parsed.Client, trust); err != nil {
		t.Error(err)
	}
}
