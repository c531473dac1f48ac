package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/khyer/khyer/credential"
	"github.com/khyer/khyer/credential/status"
	"github.com/khyer/khyer/did/didjwk"
	"github.com/khyer/khyer/did/pubkey"
	"github.com/khyer/khyer/disclosure"
)

// The demo's country: one issuer, one hospital, one citizen. Names and numbers are invented.
const (
	healthCard   = "https://health.example/types/health-card"
	healthRecord = `{"Health ID": "H10000001", "Full Name": "Pema Example", "Date of Birth": "02/06/1960", "Blood Group": "O+", "Allergies": ["penicillin"],
		"Emergency Contact": "Karma Example"}`
	statusHost = "status.health.example"
)

// What the hospital asks for. Change the claims in the folder's templates and start again with -config: "Emergency Contact" is more than
// the trust file allows, and the service does not start.
var demoTemplates = map[string]string{
	"hospital-admission": `{
	"type": "` + healthCard + `",
	"claims": [["Full Name"], ["Blood Group"]],
	"why": {"en": "So that you are given the right blood."},
	"paper": {"en": "The desk takes your paper health card as well."},
	"cross_device": true
}`,
	"medicines": `{
	"purpose": "hospital-admission",
	"type": "` + healthCard + `",
	"claims": [["Allergies"]],
	"why": {"en": "So that you are given no medicine that harms you."},
	"paper": {"en": "A nurse asks you the same."}
}`,
}

// country is what the demo makes up.
type country struct {
	folder, page string
	lists        net.Listener // the issuer's web server
	registry     *status.Registry
	card         status.Reference
	sign         status.By
	mu           sync.Mutex
	tokens       map[string][]byte
}

func runDemo(ctx context.Context, folder string, log *slog.Logger) error {
	if folder == "" {
		made, err := os.MkdirTemp("", "khyer-agency-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(made)
		folder = made
	}
	n, err := newCountry(ctx, folder)
	if err != nil {
		return err
	}
	defer n.lists.Close()
	go http.Serve(n.lists, http.HandlerFunc(n.serve))
	c, err := readConfig(filepath.Join(folder, "agency.json"))
	if err != nil {
		return err
	}
	s, err := open(ctx, c, log)
	if err != nil {
		return err
	}
	fmt.Printf(`Everything is in %s.

  1. Open %s and press a button.
  2. Be the citizen, in a second terminal, with the link behind "Open the wallet on this device":

     go run ./examples/agency/wallet -folder %s 'openid4vp://…'

  3. Lose the card, wait a minute, and show it again: curl -X POST http://%s/revoke

Ctrl-C ends it.
`, folder, n.page, folder, n.lists.Addr())
	return s.run(ctx)
}

// newCountry writes the files of a deployment, the hospital's, and of a wallet, the citizen's.
func newCountry(ctx context.Context, folder string) (*country, error) {
	if err := os.MkdirAll(filepath.Join(folder, "templates"), 0o700); err != nil {
		return nil, err
	}
	if left, err := os.ReadDir(folder); err != nil || len(left) != 1 {
		return nil, errors.Join(err, fmt.Errorf("%s is not empty", folder))
	}
	issuer, _, err := newKey()
	if err != nil {
		return nil, err
	}
	hospital, hospitalPEM, err := newKey()
	if err != nil {
		return nil, err
	}
	issuerDID, err := didjwk.FromKey(issuer.Public())
	if err != nil {
		return nil, err
	}
	hospitalDID, err := didjwk.FromKey(hospital.Public())
	if err != nil {
		return nil, err
	}
	n := &country{folder: folder, sign: status.By{Signer: issuer, KeyID: "#0"}, tokens: map[string][]byte{}}
	if n.lists, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return nil, err
	}
	if err := n.issue(ctx, issuer, issuerDID.String()); err != nil {
		return nil, err
	}
	listen, err := freeAddress()
	if err != nil {
		return nil, err
	}
	_, port, _ := net.SplitHostPort(listen)
	n.page = "http://localhost:" + port
	lists := "https://" + statusHost + "/lists"
	config := map[string]any{
		"listen": listen, "base_url": n.page, "name": map[string]string{"en": "Example Hospital"}, "key": "agency-key.pem", "key_id": hospitalDID.String() + "#0",
		"trust": "trust.json", "templates": "templates", "insecure_hosts": map[string]string{statusHost: "http://" + n.lists.Addr().String()},
	}
	trusted := map[string]any{
		"format": "khyer-trust/1", "sequence": 1, "issued": time.Now().UTC().Format(time.RFC3339), "expires": time.Now().AddDate(0, 1, 0).UTC().Format(time.RFC3339),
		"issuers": []any{map[string]any{
			"name": "Example Health Authority", "dids": []string{issuerDID.String()}, "types": []string{healthCard},
			"status_lists": []any{map[string]string{"prefix": lists + "/", "aggregation": lists + "/all"}}, "status_required": true,
		}},
		"purposes": []any{map[string]any{
			"agency": "decentralized_identifier:" + hospitalDID.String(), "name": "hospital-admission", "basis": "an invented decision of an invented council", "hosts": []string{"localhost:" + port},
			"claims": map[string]any{healthCard: [][]string{{"Full Name"}, {"Blood Group"}, {"Allergies"}}},
		}},
	}
	err = errors.Join(n.write("agency-key.pem", hospitalPEM), n.writeJSON("agency.json", config), n.writeJSON("trust.json", trusted))
	for name, text := range demoTemplates {
		err = errors.Join(err, n.write(filepath.Join("templates", name+".json"), []byte(text)))
	}
	return n, err
}

// issue gives the citizen a card, with a place in a status list, and publishes the list.
func (n *country) issue(ctx context.Context, signer pubkey.Signer, id string) (err error) {
	secret := make([]byte, 32)
	rand.Read(secret)
	n.registry, err = status.NewRegistry(status.RegistryConfig{Store: status.NewMemory(), URI: "https://" + statusHost + "/lists", Key: secret})
	if err != nil {
		return err
	}
	if n.card, err = n.registry.Allocate(ctx, "H10000001"); err != nil {
		return err
	}
	if err := n.publish(ctx); err != nil {
		return err
	}
	citizen, citizenPEM, err := newKey()
	if err != nil {
		return err
	}
	issuer, err := credential.NewIssuer(credential.IssuerConfig{ID: id, KeyID: "#0", Signer: signer})
	if err != nil {
		return err
	}
	var record map[string]json.RawMessage
	if err := json.Unmarshal([]byte(healthRecord), &record); err != nil {
		return err
	}
	var hidden []disclosure.Path
	for name := range record {
		hidden = append(hidden, disclosure.Path{name})
	}
	card, err := issuer.Issue(ctx, credential.Card{
		Type: healthCard, Claims: json.RawMessage(healthRecord), Holder: citizen.Public(), Conceal: disclosure.ConcealOptions{Paths: hidden},
		Expires: time.Now().AddDate(1, 0, 0), Status: &n.card,
	})
	if err != nil {
		return err
	}
	return n.writeJSON("wallet.json", map[string]any{"key": string(citizenPEM), "cards": []string{string(card)}})
}

// publish signs the list anew and puts it where serveList finds it.
func (n *country) publish(ctx context.Context) error {
	_, err := n.registry.Publish(ctx, status.PublishConfig{By: n.sign, TTL: time.Minute, Lifetime: time.Hour, Put: func(_ context.Context, uri string, token []byte) error {
		n.put(uri, token)
		return nil
	}})
	if err != nil {
		return err
	}
	all, err := n.registry.Aggregation(ctx)
	n.put("https://"+statusHost+"/lists/all", all)
	return err
}

func (n *country) put(uri string, document []byte) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.tokens[uri] = document
}

// serve is the issuer: its lists for everybody, and for whoever sits at this machine a way to revoke the citizen's card.
func (n *country) serve(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodPost && r.URL.Path == "/revoke" {
		if err := errors.Join(n.registry.Set(r.Context(), n.card, status.Revoked, "demo", "reported lost"), n.publish(r.Context())); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		fmt.Fprintln(w, "revoked: the hospital sees it within a minute")
		return
	}
	n.mu.Lock()
	token, ok := n.tokens["https://"+statusHost+r.URL.Path]
	n.mu.Unlock()
	if !ok {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/statuslist+jwt")
	if strings.HasSuffix(r.URL.Path, "/all") {
		w.Header().Set("Content-Type", "application/json")
	}
	w.Write(token)
}

func newKey() (pubkey.Signer, []byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, nil, err
	}
	s, err := pubkey.FromCrypto(key)
	return s, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), err
}

func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

func (n *country) write(name string, data []byte) error {
	return os.WriteFile(filepath.Join(n.folder, name), data, 0o600)
}

func (n *country) writeJSON(name string, v any) error {
	data, err := json.MarshalIndent(v, "", "\t")
	if err != nil {
		return err
	}
	return n.write(name, append(data, '\n'))
}
