package anchor_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/khyer/khyer/did/didethr"
	"github.com/khyer/khyer/did/didethr/anchor"
	"github.com/khyer/khyer/did/didethr/ethrtest"
	"github.com/khyer/khyer/did/pubkey"
)

// A process that signed a transaction ends before a block has it. The next one finds it in the journal and brings it to an end, and what the
// program does anyway, because it cannot know better, is done once.
func ExampleJournal() {
	ctx := context.Background()
	chain := must(ethrtest.New(ethrtest.Options{}))
	defer chain.Close()
	account := chain.Accounts()[0]
	owner := must(anchor.NewSigner(account.Key[:]))
	network := didethr.Network{RPC: []string{chain.URL()}}
	deployed, _, err := anchor.Deploy(ctx, anchor.Config{Network: network}, owner)
	if err != nil {
		panic(err)
	}
	network = deployed.Network() // with the registry and its first block: keep it
	dir := must(os.MkdirTemp("", "journal"))
	defer os.RemoveAll(dir)
	key := must(pubkey.Generate(pubkey.ES256)).Public()

	process := func(ctx context.Context, name string) {
		journal := must(anchor.OpenJournal(filepath.Join(dir, "journal")))
		defer journal.Close()
		registry := must(anchor.Open(ctx, anchor.Config{Network: network, Journal: journal})) // hands in what is unfinished
		for _, r := range must(registry.Resume(ctx, owner)) {
			fmt.Println(name, "resumed", r.ID, r.State)
		}
		first := anchor.AddKey(key, anchor.VeriKey, 2*year).Once("the first key")
		receipts, err := registry.Identity(owner.Address(), owner).Apply(ctx, first)
		fmt.Println(name, "applied", receipts[0].ID, receipts[0].State, err == nil)
	}

	// The network goes away, as soon as the node has the transaction.
	dying, die := context.WithCancel(ctx)
	chain.Interfere(func(request, answer []byte) []byte {
		if bytes.Contains(request, []byte("eth_getTransactionReceipt")) {
			die()
			return nil
		}
		return answer
	})
	process(dying, "the first process")
	chain.Interfere(nil)
	process(ctx, "the second process")
	process(ctx, "the third process")
	// Output:
	// the first process applied the first key pending false
	// the second process resumed the first key mined
	// the second process applied the first key mined true
	// the third process applied the first key mined true
}

// A key that signs for years is made once, kept, and read by each process. Here a file keeps it, which only its owner can read; keys that
// are worth money stay in an HSM, behind pubkey.FromCrypto.
func ExampleAddKey() {
	dir := must(os.MkdirTemp("", "keys"))
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "issuer.jwk")

	// Once: the public members, and "d" (RFC 7518 section 6.2.2).
	private := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	var jwk map[string]string
	if err := json.Unmarshal(must(pubkey.FromCrypto(private)).Public().JWK(), &jwk); err != nil {
		panic(err)
	}
	jwk["d"] = base64.RawURLEncoding.EncodeToString(must(private.Bytes()))
	if err := os.WriteFile(path, must(json.Marshal(jwk)), 0o600); err != nil {
		panic(err)
	}

	// In each process.
	signer := must(pubkey.ParsePrivateJWK(must(os.ReadFile(path))))
	publish := anchor.AddKey(signer.Public(), anchor.VeriKey, 2*365*24*time.Hour) // for Identity.Apply
	fmt.Println(publish, signer.Public().Equal(must(pubkey.New(&private.PublicKey))))
	// Output: AddKey true
}
