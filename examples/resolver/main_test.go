package main

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/khyer/khyer/did/didethr"
	"github.com/khyer/khyer/did/didethr/anchor"
	"github.com/khyer/khyer/did/didethr/ethrtest"
	"github.com/khyer/khyer/did/pubkey"
)

// TestServed: DIDs of three methods over HTTP, did:ethr from an embedded chain.
func TestServed(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	chain, err := ethrtest.New(ethrtest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { chain.Close() })
	account := chain.Accounts()[0]
	payer, err := anchor.NewSigner(account.Key[:])
	if err != nil {
		t.Fatal(err)
	}
	registry, _, err := anchor.Deploy(ctx, anchor.Config{Network: didethr.Network{ChainID: ethrtest.DefaultChainID, RPC: []string{chain.URL()}}, Finality: "latest"}, payer)
	if err != nil {
		t.Fatal(err)
	}
	key, err := pubkey.Generate(pubkey.ES256)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := registry.Identity(payer.Address(), payer).Apply(ctx, anchor.AddKey(key.Public(), anchor.VeriKey, time.Hour)); err != nil {
		t.Fatal(err)
	}
	n := registry.Network()
	n.RPC = []string{chain.URL()}

	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, "127.0.0.1:0", "latest", []didethr.Network{n}, w) }()
	base, err := bufio.NewReader(r).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	for id, want := range map[string]int{
		"did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK": 200,
		registry.DID(payer.Address()).String():                     200,
		"did:jwk:e30":                                              400,
		"did:nobody:1234":                                          501,
		"did:ethr:0x1:0x00":                                        400,
		"did:web:localhost":                                        400, // no domain name of a public host
	} {
		res, err := http.Get(strings.TrimSpace(base) + id)
		if err != nil {
			t.Fatal(err)
		}
		var doc struct{ ID string }
		err = json.NewDecoder(res.Body).Decode(&doc)
		res.Body.Close()
		if res.StatusCode != want || err != nil || want == 200 && doc.ID != id {
			t.Errorf("%s: %d, want %d; %q %v", id, res.StatusCode, want, doc.ID, err)
		}
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestNetworksOnTheCommandLine(t *testing.T) {
	n, err := parseNetwork("sepolia=https://a.example,https://b.example,agree=2")
	if err != nil || n.ChainID != 11155111 || len(n.RPC) != 2 || n.Agree != 2 || n.CodeHash == ([32]byte{}) {
		t.Errorf("%+v %v", n, err)
	}
	n, err = parseNetwork("0x539=http://127.0.0.1:8545,registry=0x1111111111111111111111111111111111111111")
	if err != nil || n.ChainID != 1337 || n.Registry == (didethr.Address{}) {
		t.Errorf("%+v %v", n, err)
	}
	for _, bad := range []string{"", "sepolia", "nowhere=https://a.example", "0x539=x,registry=0x1", "0x539=x,agree=two"} {
		if _, err := parseNetwork(bad); err == nil {
			t.Errorf("%q is a network", bad)
		}
	}
}
