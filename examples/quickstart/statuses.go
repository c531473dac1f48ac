package main

import (
	"context"
	"crypto/rand"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/khyer/khyer/credential/catalogue"
	"github.com/khyer/khyer/credential/status"
	"github.com/khyer/khyer/verifier"
	"github.com/khyer/khyer/verifier/online"
	"github.com/khyer/khyer/verifier/trust"
)

const statusHost = "status.registry.example"

// website serves what was put there.
type website struct {
	mu    sync.Mutex
	pages map[string][]byte
}

func (w *website) put(_ context.Context, uri string, page []byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.pages == nil {
		w.pages = map[string][]byte{}
	}
	w.pages[strings.TrimPrefix(uri, "https://"+statusHost)] = page
	return nil
}

func (w *website) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	page := w.pages[r.URL.Path]
	w.mu.Unlock()
	if page == nil {
		http.NotFound(rw, r)
		return
	}
	_, _ = rw.Write(page)
}

// lost: a card of the citizen's was lost, and the registry revokes it: it says so in a signed status list on its website, which the agency fetches.
func (s *scene) lost(ctx context.Context) error {
	web := &website{}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{Handler: web, ReadHeaderTimeout: time.Second}
	defer server.Close()
	go func() { _ = server.Serve(listener) }() // until it is closed
	secret := make([]byte, 32)                 // hashes the registry's record numbers
	if _, err := rand.Read(secret); err != nil {
		return err
	}
	statuses, err := status.NewRegistry(status.RegistryConfig{Store: status.NewMemory(), URI: "https://" + statusHost + "/cards", Key: secret, Now: s.now})
	if err != nil {
		return err
	}
	place, err := statuses.Allocate(ctx, "record 4711")
	if err != nil {
		return err
	}
	card, err := s.registry.sign(ctx, catalogue.NDI(), identityCard, identityRecord, s.pema.key, s.now().AddDate(5, 0, 0), &place)
	if err != nil {
		return err
	}
	if err := statuses.Set(ctx, place, status.Revoked, "officer 12", "reported lost"); err != nil {
		return err
	}
	_, err = statuses.Publish(ctx, status.PublishConfig{By: status.By{Signer: s.registry.key, KeyID: "#delegate-1"}, Lifetime: 24 * time.Hour, TTL: time.Hour, Aggregation: "https://" + statusHost + "/cards", Put: web.put})
	if err != nil {
		return err
	}

	trusted, err := trust.NewList(trust.Issuer{DIDs: []string{s.registry.DID}, Types: []string{identityCard}, Accreditation: trust.Accreditation{
		Name: s.registry.Name, StatusLists: []trust.StatusLists{{Prefix: "https://" + statusHost + "/cards/", Aggregation: "https://" + statusHost + "/cards"}},
	}})
	if err != nil {
		return err
	}
	resolver, err := s.resolverAt(s.rpc)
	if err != nil {
		return err
	}
	lists, err := online.New(online.Config{
		Issuers: trusted, Resolver: resolver, Now: s.now,
		InsecureHosts: map[string]string{statusHost: "http://" + listener.Addr().String()}, // the website is in this program
	})
	if err != nil {
		return err
	}
	v, err := verifier.New(verifier.Config{Resolver: resolver, Issuers: trusted, Status: lists, Now: s.now})
	if err != nil {
		return err
	}
	desk := licensing
	desk.verifier = v
	return s.try(ctx, "a card that was lost", &desk, card, desk.ask(), verifier.CardRevoked)
}

// stolen: the health authority's key was stolen. The governing body declares it in the trust list, without waiting for the chain: no card that the key signed counts any
// more, whatever its date.
func (s *scene) stolen(ctx context.Context) error {
	trusted, err := trust.NewList(trust.Issuer{DIDs: []string{s.health.DID}, Types: []string{healthCard}, Accreditation: trust.Accreditation{
		Name: s.health.Name, Compromised: []string{s.health.key.Public().Thumbprint()},
	}})
	if err != nil {
		return err
	}
	ward := hospital
	if ward.verifier, err = s.newVerifier(trusted); err != nil {
		return err
	}
	return s.try(ctx, "an issuer's stolen key", &ward, s.pema.cards[healthCard].Bytes(), ward.ask(), verifier.IssuerKeyCompromised)
}
