package online_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/khyer/khyer/credential"
	"github.com/khyer/khyer/credential/status"
	"github.com/khyer/khyer/credential/status/boltstore"
	"github.com/khyer/khyer/did"
	"github.com/khyer/khyer/did/didtest"
	"github.com/khyer/khyer/did/pubkey"
	"github.com/khyer/khyer/disclosure"
	"github.com/khyer/khyer/verifier"
	"github.com/khyer/khyer/verifier/online"
	"github.com/khyer/khyer/verifier/trust"
)

// Both sides as they are wired in production: a registry that keeps the statuses of its cards in a file and publishes them, and an agency whose service fetches them
// before its door opens, and from then on by itself.
func Example_service() {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	dir, err := os.MkdirTemp("", "")
	check(err)
	defer os.RemoveAll(dir)
	web := &website{pages: map[string][]byte{}} // https://registry.example
	server := httptest.NewServer(web)
	defer server.Close()
	const registry, idCard = "did:example:registry", "https://registry.example/types/foundational-id"
	key, err := pubkey.Generate(pubkey.ES256)
	check(err)
	chain := &didtest.Resolver{} // a didethr.Resolver, in earnest
	chain.Put(didtest.Subject{ID: registry, Keys: []did.Key{{ID: "#key-1", Public: key.Public()}}})

	// THE REGISTRY. The secret is kept as long as the file; pgstore instead of boltstore if several machines write.
	secret := []byte(rand.Text() + rand.Text())
	file, err := boltstore.Open(filepath.Join(dir, "statuses"))
	check(err)
	statuses, err := status.NewRegistry(status.RegistryConfig{Store: file, URI: "https://registry.example/lists", Key: secret})
	check(err)
	publish := func() { // after changes, and every few minutes
		_, err := statuses.Publish(ctx, status.PublishConfig{
			By: status.By{Signer: key, KeyID: "#key-1"}, Lifetime: 24 * time.Hour, TTL: time.Minute,
			Aggregation: "https://registry.example/lists", Put: web.put,
		})
		check(err)
	}
	place, err := statuses.Allocate(ctx, "record 4711")
	check(err)
	citizen := newCitizen(ctx, registry, idCard, key, place)
	publish()

	// THE AGENCY. What it trusts it was told by the governing body; trust.Live exchanges it while the service runs.
	trusted, err := trust.NewList(trust.Issuer{DIDs: []string{registry}, Types: []string{idCard}, Accreditation: trust.Accreditation{
		Name: "Example Civil Registry", StatusRequired: true,
		StatusLists: []trust.StatusLists{{Prefix: "https://registry.example/lists/", Aggregation: "https://registry.example/lists"}},
	}})
	check(err)
	newest, err := boltstore.Open(filepath.Join(dir, "newest")) // so that no older list is believed after a restart
	check(err)
	fetched, err := online.New(online.Config{
		Issuers: trusted, Resolver: chain, Newest: newest,
		Observe:       func(f online.Failure) { fmt.Println("not fetched:", f.URL, f.Err) },
		InsecureHosts: map[string]string{"registry.example": server.URL}, // for this example: its server is on this machine
	})
	check(err)
	v, err := verifier.New(verifier.Config{Resolver: chain, Issuers: trusted, Status: fetched, Documents: fetched, StatusAge: 24 * time.Hour})
	check(err)
	check(fetched.Prefetch(ctx)) // before the door opens; an error says what is missing, and need not keep it shut
	go fetched.Run(ctx)

	before := web.count()
	show(ctx, v, citizen, idCard)
	fmt.Println("requests that the citizen caused:", web.count()-before)

	// The card is lost. Whoever has it is refused as soon as the agency has fetched the list again: here by a process that starts, else within the list's TTL.
	refs, err := statuses.Find(ctx, "record 4711")
	check(err)
	check(statuses.Set(ctx, refs[0], status.Revoked, "officer 12", "reported lost"))
	publish()
	restarted, err := online.New(online.Config{Issuers: trusted, Resolver: chain, Newest: newest, InsecureHosts: map[string]string{"registry.example": server.URL}})
	check(err)
	check(restarted.Prefetch(ctx))
	v, err = verifier.New(verifier.Config{Resolver: chain, Issuers: trusted, Status: restarted, Documents: restarted})
	check(err)
	show(ctx, v, citizen, idCard)
	// Output:
	// ID Number: 10000000001
	// requests that the citizen caused: 0
	// rejected: card_revoked
}

// show is the agency's door: the citizen is asked for one claim.
func show(ctx context.Context, v *verifier.Verifier, present func(nonce string) []byte, vct string) {
	nonce := rand.Text()
	res, err := v.Verify(ctx, present(nonce), verifier.Expect{Audience: "https://agency.example", Nonce: nonce, Type: vct, Claims: []disclosure.Path{{"ID Number"}}})
	var rejected *verifier.Rejection
	switch {
	case err == nil:
		number, _ := res.Text("ID Number")
		fmt.Println("ID Number:", number)
	case errors.As(err, &rejected):
		fmt.Println("rejected:", rejected.Reason)
	default: // not known now: try again, and accept nothing
		fmt.Println(err)
	}
}

// newCitizen is issued a card with that place in a status list, and shows it.
func newCitizen(ctx context.Context, did, vct string, key pubkey.Signer, place status.Reference) func(nonce string) []byte {
	own, err := pubkey.Generate(pubkey.ES256)
	check(err)
	issuer, err := credential.NewIssuer(credential.IssuerConfig{ID: did, KeyID: "#key-1", Signer: key})
	check(err)
	card, err := issuer.Issue(ctx, credential.Card{
		Type: vct, Claims: json.RawMessage(`{"ID Number":"10000000001"}`), Conceal: disclosure.ConcealOptions{Paths: []disclosure.Path{{"ID Number"}}},
		Holder: own.Public(), Status: &place,
	})
	check(err)
	holder := credential.NewHolder(own)
	held, err := holder.Receive(card, key.Public(), time.Now())
	check(err)
	return func(nonce string) []byte {
		shown, err := holder.Present(ctx, held, credential.Showing{Reveal: []disclosure.Path{{"ID Number"}}, Audience: "https://agency.example", Nonce: nonce, At: time.Now()})
		check(err)
		return shown
	}
}

// website serves what was put there.
type website struct {
	mu    sync.Mutex
	pages map[string][]byte
	n     int
}

func (w *website) put(_ context.Context, uri string, page []byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.pages[uri] = page
	return nil
}

func (w *website) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.n
}

func (w *website) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.n++
	if page := w.pages["https://registry.example"+r.URL.Path]; page != nil {
		_, _ = rw.Write(page)
		return
	}
	http.NotFound(rw, r)
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
