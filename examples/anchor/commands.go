package main

import (
	"context"
	"encoding/json"
	"flag"
	"strings"
	"time"

	"github.com/khyer/khyer/did"
	"github.com/khyer/khyer/did/didethr"
)

var order = []string{"story", "history"}

func init() {
	commands = map[string]command{
		"story":   {"[flags]", "tells the life of an issuer's DID, on an embedded chain or on a node", prepareStory},
		"history": {"[flags] DID", "reads the history of a did:ethr DID", prepareHistory},
	}
}

func prepareStory(f *flag.FlagSet) func(context.Context, []string, *page) error {
	var s settings
	f.StringVar(&s.rpc, "rpc", "", "JSON-RPC `URL` of a node; empty means an embedded chain")
	f.StringVar(&s.registry, "registry", "", "`address` of our registry on that chain; empty deploys one")
	f.StringVar(&s.key, "key", "", "`file` with the private key of the account that pays on that chain")
	f.StringVar(&s.finality, "finality", "finalized", "the block to read at: finalized, safe or latest")
	return func(ctx context.Context, args []string, p *page) error {
		if len(args) > 0 {
			return usageError("the story takes flags alone")
		}
		return tell(ctx, s, p)
	}
}

func prepareHistory(f *flag.FlagSet) func(context.Context, []string, *page) error {
	endpoint := f.String("rpc", "", "JSON-RPC `URL` of a node")
	registry := f.String("registry", "", "`address` of the registry")
	finality := f.String("finality", "finalized", "the block to read at: finalized, safe or latest")
	from := f.Uint64("from", 0, "first `block` to read from")
	limit := f.Int("limit", 1000, "how many versions to read")
	asJSON := f.Bool("json", false, "print one JSON document")
	return func(ctx context.Context, args []string, p *page) error {
		if len(args) != 1 || *endpoint == "" || *registry == "" || *limit < 1 {
			return usageError("history takes a DID, -rpc and -registry")
		}
		id, err := did.Parse(args[0])
		if err != nil {
			return usageError(err.Error())
		}
		r, err := resolverFor(ctx, id, *endpoint, *registry, *finality)
		if err != nil {
			return err
		}
		h, err := readHistory(ctx, r, id, *from, *limit, time.Now(), p.progress)
		if err != nil {
			return err
		}
		p.settled()
		if *asJSON {
			enc := json.NewEncoder(p.out)
			enc.SetIndent("", "  ")
			return enc.Encode(h)
		}
		p.timeline(h)
		return nil
	}
}

func resolverFor(ctx context.Context, id did.DID, endpoint, registry, finality string) (did.Resolver, error) {
	n, err := networkAt(ctx, endpoint, registry)
	if err != nil {
		return nil, err
	}
	n.Name = networkName(id)
	r, err := didethr.New(didethr.Config{Networks: []didethr.Network{n}, Finality: finality})
	if err != nil {
		return nil, usageError(err.Error())
	}
	return r, nil
}

// networkName returns the network that a DID names: did:ethr:<name>:0x…. Chain ids and nothing name none.
func networkName(id did.DID) string {
	parts := strings.Split(id.String(), ":")
	if len(parts) != 4 || strings.HasPrefix(parts[2], "0x") {
		return ""
	}
	return parts[2]
}
