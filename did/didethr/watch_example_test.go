package didethr_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"time"

	"github.com/khyer/khyer/did"
	"github.com/khyer/khyer/did/didethr"
	"github.com/khyer/khyer/did/didethr/anchor"
	"github.com/khyer/khyer/did/didethr/ethrtest"
)

// Many DIDs stay fresh with one request for each block; resolving them again needs none.
func ExampleResolver_Watch() {
	ctx, stop := context.WithCancel(context.Background())
	chain, err := ethrtest.New(ethrtest.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer chain.Close()
	key := chain.Accounts()[0].Key
	payer, err := anchor.NewSigner(key[:])
	if err != nil {
		log.Fatal(err)
	}
	registry, _, err := anchor.Deploy(ctx, anchor.Config{Network: didethr.Network{Name: "test", ChainID: chain.ChainID(), RPC: []string{chain.URL()}}}, payer)
	if err != nil {
		log.Fatal(err)
	}
	way := &line{}
	resolver, err := didethr.New(didethr.Config{
		Networks: []didethr.Network{registry.Network()}, Finality: "latest", Now: chain.Now, Client: &http.Client{Transport: way},
	})
	if err != nil {
		log.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		_ = resolver.Watch(ctx, time.Hour) // a block's time in earnest: 12 s on mainnet
		close(ended)
	}()
	id := registry.DID(didethr.Address{0x15})
	for asked := -1; asked != 0; { // until the watch has begun, and knows the DID
		before := way.count()
		if _, err := resolver.Resolve(ctx, id, did.At{}); err != nil {
			log.Fatal(err)
		}
		asked = way.count() - before
	}
	before := way.count()
	res, err := resolver.Resolve(ctx, id, did.At{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(res.Keys), "key as of the newest block:", res.Anchor.Hash == chain.Head().Hash)
	fmt.Println("requests:", way.count()-before)
	stop()
	<-ended
	// Output:
	// 1 key as of the newest block: true
	// requests: 0
}
