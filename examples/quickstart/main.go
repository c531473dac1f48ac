// Quickstart tells the whole story on real parts: two issuers anchor their DIDs on an Ethereum chain and sign two cards for a citizen;
// three agencies each verify the claims that they asked for, and see nothing else. Then everything that must fail fails.
//
//	go run ./examples/quickstart
//	go run ./examples/quickstart -json
//	go run ./examples/quickstart -keep
//	go run ./examples/quickstart -rpc http://127.0.0.1:8545 -key funded.key -finality latest
//
// Without -rpc the chain is embedded: a real EVM behind real JSON-RPC on the loopback interface. Everybody in it is invented.
package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/khyer/khyer/credential"
	"github.com/khyer/khyer/credential/catalogue"
	"github.com/khyer/khyer/credential/status"
	"github.com/khyer/khyer/did/pubkey"
	"github.com/khyer/khyer/disclosure"
	"github.com/khyer/khyer/verifier"
	"github.com/khyer/khyer/verifier/trust"
)

// What each agency asks for. Change the claims and run it again: any of the two records below, and age_over_18 and age_over_60.
var (
	changeHere = nextLine()
	hospital   = agency{Name: "Hospital", Audience: "https://hospital.example", Card: healthCard, Claims: []disclosure.Path{{"Full Name"}, {"Blood Group"}}}
	licensing  = agency{Name: "Licensing office", Audience: "https://licensing.example", Card: identityCard, Claims: []disclosure.Path{{"Full Name"}, {"ID Number"}}}
	pension    = agency{Name: "Pension office", Audience: "https://pension.example", Card: identityCard, Claims: []disclosure.Path{{"ID Number"}, {"age_over_60"}}}
)

// What the citizen's cards say. The ages are computed when the card is issued, so that nobody needs the date of birth.
const (
	birthDate = "02/06/1960"

	identityCard   = "https://registry.example/types/foundational-id"
	identityRecord = `{"ID Type": "Citizenship", "ID Number": "10000000001", "Full Name": "Pema Example", "Gender": "Female",
		"Date of Birth": "` + birthDate + `", "Citizenship": "Bhutanese"}`

	healthCard   = "https://health.example/types/health-card"
	healthRecord = `{"Health ID": "H10000001", "Full Name": "Pema Example", "Date of Birth": "` + birthDate + `", "Gender": "Female",
		"Blood Group": "O+", "Allergies": ["penicillin"], "Chronic Conditions": [], "Regular Medicines": [], "Immunisations": ["tetanus"],
		"Organ Donor": true, "Emergency Contact": "Karma Example", "Home Clinic": "Example Clinic"}`
)

func main() {
	var o options
	flag.StringVar(&o.rpc, "rpc", "", "JSON-RPC `URL` of an external chain; empty means an embedded one")
	flag.StringVar(&o.registry, "registry", "", "`address` of our registry on that chain; empty deploys one")
	flag.StringVar(&o.key, "key", "", "`file` with the private key (64 hex digits) of the account that pays on that chain")
	flag.StringVar(&o.finality, "finality", "finalized", "the block to read at: finalized, safe or latest")
	flag.BoolVar(&o.keep, "keep", false, "after the showing, keep the chain and the citizen's phone running for a program of your own")
	asJSON := flag.Bool("json", false, "print one JSON document")
	flag.Parse()
	if flag.NArg() > 0 || *asJSON && o.keep {
		fmt.Fprintln(os.Stderr, "quickstart: it takes flags alone, and not -json and -keep at once; see -help")
		os.Exit(2)
	}
	out := newPrinter(os.Stdout, *asJSON)
	o.progress = out.progress
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := story(ctx, o, out); err != nil {
		fmt.Fprintln(os.Stderr, "quickstart:", err)
		os.Exit(1)
	}
}

// story runs everything and prints what happened. It fails if any outcome is not the one that it must be.
func story(ctx context.Context, o options, out *printer) error {
	l, err := openLedger(ctx, o)
	if err != nil {
		return err
	}
	defer l.close()

	// Two issuers, and a stranger who does all that they do. Each anchors a DID with a P-256 key; the second DID names its whole public
	// key, which is the form that NDI uses.
	registry, err1 := l.newIssuer(ctx, "Example Civil Registry", addressForm)
	health, err2 := l.newIssuer(ctx, "Example Health Authority", keyForm)
	stranger, err3 := l.newIssuer(ctx, "A stranger", addressForm)
	if err := errors.Join(err1, err2, err3); err != nil {
		return err
	}
	if err := l.settle(ctx, registry, health, stranger); err != nil {
		return err
	}

	// A citizen with a key in her phone, and two cards bound to it.
	pema, err := newCitizen(l.now)
	if err != nil {
		return err
	}
	if err := errors.Join(
		pema.take(ctx, registry, catalogue.NDI(), identityCard, identityRecord),
		pema.take(ctx, health, catalogue.Invented(), healthCard, healthRecord),
	); err != nil {
		return err
	}

	// Three agencies. Each trusts the registry for identity and the health authority for health, and nobody for anything else.
	trusted, err := trust.NewList(
		trust.Issuer{DIDs: []string{registry.DID}, Types: []string{identityCard}, Accreditation: trust.Accreditation{Name: registry.Name}},
		trust.Issuer{DIDs: []string{health.DID}, Types: []string{healthCard}, Accreditation: trust.Accreditation{Name: health.Name}},
	)
	if err != nil {
		return err
	}
	rep := l.report(registry, health)
	for _, a := range []*agency{&hospital, &licensing, &pension} {
		if a.verifier, err = l.newVerifier(trusted); err != nil {
			return err
		}
		ask := a.ask()
		presentation, err := pema.show(ctx, ask)
		if err != nil {
			return fmt.Errorf("for the %s: %w", a.Name, err)
		}
		result, err := a.verifier.Verify(ctx, presentation, ask)
		if err != nil {
			return fmt.Errorf("at the %s: %w", a.Name, err)
		}
		rep.accepted(a, result, presentation)
	}

	if o.keep {
		return errors.Join(out.print(rep), keep(ctx, out.w, l, pema, registry))
	}
	s := &scene{l, rep, pema, registry, health, stranger, trusted}
	if err := s.mustFail(ctx); err != nil {
		return err
	}
	return errors.Join(out.print(rep), rep.surprise())
}

// agency is who asks.
type agency struct {
	Name, Audience, Card string
	Claims               []disclosure.Path
	verifier             *verifier.Verifier
}

// ask makes a request: what to show, to whom, and a nonce for this one time.
func (a *agency) ask() verifier.Expect {
	return verifier.Expect{Audience: a.Audience, Nonce: rand.Text(), Type: a.Card, Claims: a.Claims}
}

// citizen has a phone with a key and cards.
type citizen struct {
	key   pubkey.Key
	phone *credential.Holder
	cards map[string]*credential.Held
	now   func() time.Time
}

func newCitizen(now func() time.Time) (*citizen, error) {
	key, err := pubkey.Generate(pubkey.ES256)
	if err != nil {
		return nil, err
	}
	return &citizen{key.Public(), credential.NewHolder(key), map[string]*credential.Held{}, now}, nil
}

// take has an issuer sign a card of a catalogue's type, and keeps it after checking it.
func (c *citizen) take(ctx context.Context, i *issuer, from *catalogue.Catalogue, vct, record string) error {
	sdjwt, err := i.sign(ctx, from, vct, record, c.key, c.now().AddDate(5, 0, 0), nil)
	if err != nil {
		return err
	}
	c.cards[vct], err = c.phone.Receive(sdjwt, i.key.Public(), c.now())
	return err
}

// show answers a request with the claims that it asks for.
func (c *citizen) show(ctx context.Context, e verifier.Expect) ([]byte, error) {
	return c.phone.Present(ctx, c.cards[e.Type], credential.Showing{Reveal: e.Claims, Audience: e.Audience, Nonce: e.Nonce, At: c.now()})
}

// sign makes a card: the catalogue checks the record, computes the ages, and says what may be hidden.
func (i *issuer) sign(ctx context.Context, from *catalogue.Catalogue, vct, record string, holder pubkey.Key, expires time.Time, place *status.Reference) ([]byte, error) {
	kind, ok := from.Type(vct)
	if !ok {
		return nil, fmt.Errorf("no type %s in catalogue %s", vct, from.Name)
	}
	claims, err := kind.Compute(json.RawMessage(record), i.now())
	if err != nil {
		return nil, err
	}
	hidden, err := kind.Conceal(claims)
	if err != nil {
		return nil, err
	}
	return i.issuer.Issue(ctx, credential.Card{
		Type: vct, Claims: claims, Conceal: disclosure.ConcealOptions{Paths: hidden}, Holder: holder, Expires: expires, Status: place,
	})
}
