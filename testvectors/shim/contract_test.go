package main

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/khyer/khyer/did/didethr"
	"github.com/khyer/khyer/did/didethr/anchor"
	"github.com/khyer/khyer/did/didethr/ethrtest"
	"github.com/khyer/khyer/did/didjwk"
	"github.com/khyer/khyer/did/didkey"
	"github.com/khyer/khyer/did/didweb"
	"github.com/khyer/khyer/did/pubkey"
	"github.com/khyer/khyer/verifier/verifiertest"
)

// TestResolversKeepTheContract holds every DID method of this module against what a verifier relies on.
func TestResolversKeepTheContract(t *testing.T) {
	s, err := pubkey.Generate(pubkey.ES256)
	if err != nil {
		t.Fatal(err)
	}
	multikey, _ := s.Public().Multikey()
	t.Run("did:key", func(t *testing.T) {
		verifiertest.Resolver(t, didkey.Resolver{}, verifiertest.Resolvable{Known: "did:key:" + multikey})
	})
	t.Run("did:jwk", func(t *testing.T) {
		id, err := didjwk.FromKey(s.Public())
		if err != nil {
			t.Fatal(err)
		}
		verifiertest.Resolver(t, didjwk.Resolver{}, verifiertest.Resolvable{Known: id.String()})
	})
	t.Run("did:web", func(t *testing.T) { webContract(t, s.Public()) })
	t.Run("did:ethr", func(t *testing.T) { chainContract(t, s.Public()) })
}

func webContract(t *testing.T, key pubkey.Key) {
	const id = "did:web:registry.example:issuer"
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/issuer/did.json" {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/did")
		w.Write([]byte(`{"id":"` + id + `","verificationMethod":[{"id":"#key-1","type":"JsonWebKey","controller":"` + id + `","publicKeyJwk":` + string(key.JWK()) + `}],"assertionMethod":["#key-1"]}`))
	}))
	defer site.Close()
	r, err := didweb.New(didweb.Config{InsecureHosts: map[string]string{"registry.example": site.URL}})
	if err != nil {
		t.Fatal(err)
	}
	verifiertest.Resolver(t, r, verifiertest.Resolvable{Known: id, Unknown: "did:web:registry.example:nobody"})
}

// chainContract has two identities on a real EVM, one of which is ended. Every well-formed did:ethr exists, so there is no unknown one.
func chainContract(t *testing.T, key pubkey.Key) {
	chain, err := ethrtest.New(ethrtest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer chain.Close()
	network := didethr.Network{Name: "test", ChainID: chain.ChainID(), RPC: []string{chain.URL()}}
	var names []string
	var changed time.Time
	var registry *anchor.Registry
	chain.Advance(time.Minute)
	for n, account := range chain.Accounts()[:2] {
		owner, err := anchor.NewSigner(account.Key[:])
		if err != nil {
			t.Fatal(err)
		}
		if registry == nil {
			if registry, _, err = anchor.Deploy(t.Context(), anchor.Config{Network: network}, owner); err != nil {
				t.Fatal(err)
			}
		}
		identity := registry.Identity(owner.Address(), owner)
		ops := []anchor.Op{anchor.AddKey(key, anchor.VeriKey, 365*24*time.Hour)}
		if n == 1 {
			ops = []anchor.Op{anchor.Deactivate()}
		}
		if _, err := identity.Apply(t.Context(), ops...); err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			changed = chain.Now()
		}
		names = append(names, registry.DID(identity.Address()).String())
	}
	if err := chain.Finalize(); err != nil {
		t.Fatal(err)
	}
	r, err := didethr.New(didethr.Config{Networks: []didethr.Network{registry.Network()}})
	if err != nil {
		t.Fatal(err)
	}
	verifiertest.Resolver(t, r, verifiertest.Resolvable{Known: names[0], Deactivated: names[1], Changed: changed.Truncate(time.Second)})
}
