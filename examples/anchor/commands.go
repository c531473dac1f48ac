package main

import (
	"context"
	"encoding/json"
	"flag"
	"strings"
	"time"

	"github.com/khyer/khyer/did"
	"github.com/khyer/khyer/did/didethr"
	"github.com/khyer/khyer/did/didethr/anchor"
)

var order = []string{"story", "history", "deploy", "create", "add", "rotate", "retire", "revoke", "owner", "deactivate"}

func init() { // not a composite literal: usage, which commands call, reads it
	keys := "[flags] KEY..."
	commands = map[string]command{
		"story":   {"[flags]", "the life of an issuer's DID, on an embedded chain or on a node; the default", prepareStory},
		"history": {"[flags] DID", "reads the history of any did:ethr DID", prepareHistory},
		"deploy":  {"[flags]", "puts our registry on a chain", prepareDeploy},
		"create":  {keys, "publishes the first keys of a DID, and a service", prepareCreate},
		"add":     {keys, "publishes keys, or renews them", prepareAdd},
		"rotate":  {"[flags] OLD NEW", "publishes a new key and retires the old one", prepareRotate},
		"retire":  {keys, "ends the time of keys: what they signed until now stays good", keyCommand(nil, retireAll)},
		"revoke":  {keys, "revokes stolen keys: none of their cards is accepted any more, whatever its date", keyCommand(nil, revokeAll)},
		"owner": {"[flags] -sure DID ADDRESS", "hands the DID over to another account",
			once("the address of the new owner", "this account can write nothing afterwards", changeOwner)},
		"deactivate": {"[flags] -sure DID", "ends the DID for good, and with it every card",
			once("", "nobody can undo it, and no card of this issuer is accepted afterwards", deactivate)},
	}
}

func prepareStory(f *flag.FlagSet) func(context.Context, []string, *page) error {
	var s settings
	f.StringVar(&s.rpc, "rpc", "", "JSON-RPC `URL` of a node; empty means an embedded chain")
	f.StringVar(&s.registry, "registry", "", "`address` of our registry on that chain; empty deploys one")
	f.StringVar(&s.key, "key", "", "`file` with the private key of the account that pays on that chain")
	f.StringVar(&s.finality, "finality", "finalized",
		"the block to read at: finalized, safe or latest. The story waits for it six times, on public chains a quarter of an hour each")
	return func(ctx context.Context, args []string, p *page) error {
		if len(args) > 0 {
			return usageError("the story takes flags alone")
		}
		return tell(ctx, s, p)
	}
}

func prepareHistory(f *flag.FlagSet) func(context.Context, []string, *page) error {
	var s settings
	f.StringVar(&s.rpc, "rpc", "", "JSON-RPC `URL` of a node")
	f.StringVar(&s.registry, "registry", "", "`address` of the registry; empty means the public one of the DID's network")
	f.StringVar(&s.finality, "finality", "finalized", "the block to read at: finalized, safe or latest")
	from := f.Uint64("from", 0, "first `block` to tell of")
	limit := f.Int("limit", 1000, "how many blocks with changes to tell of")
	asJSON := f.Bool("json", false, "print one JSON document")
	return func(ctx context.Context, args []string, p *page) error {
		if len(args) != 1 || s.rpc == "" || *limit < 1 {
			return usageError("history takes a DID, and -rpc")
		}
		id, err := did.Parse(args[0])
		if err != nil {
			return usageError(err.Error())
		}
		r, err := s.reader(ctx, id)
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

// reader makes a resolver for the network of a DID.
func (s *settings) reader(ctx context.Context, id did.DID) (did.Resolver, error) {
	name := networkName(id)
	n, known := didethr.Known(name)
	switch {
	case s.registry != "":
		var err error
		if n, err = networkAt(ctx, s.rpc, s.registry); err != nil {
			return nil, err
		}
		if !strings.HasPrefix(name, "0x") && name != "mainnet" {
			n.Name = name
		}
	case !known:
		return nil, usageError("no public registry is known for this DID's network: give -registry")
	default:
		n.RPC = []string{s.rpc}
	}
	r, err := didethr.New(didethr.Config{Networks: []didethr.Network{n}, Finality: s.finality})
	if err != nil {
		return nil, usageError(err.Error())
	}
	return r, nil
}

// networkName returns the network that a DID names: did:ethr:<name or chain id>:0x…. Nothing means mainnet.
func networkName(id did.DID) string {
	rest := strings.TrimPrefix(id.String(), "did:ethr:")
	if i := strings.LastIndexByte(rest, ':'); i > 0 {
		return rest[:i]
	}
	return "mainnet"
}

func prepareDeploy(f *flag.FlagSet) func(context.Context, []string, *page) error {
	w := &writing{}
	f.StringVar(&w.rpc, "rpc", "", "JSON-RPC `URL` of a node")
	f.StringVar(&w.key, "key", "", "`file` with the private key of the account that pays")
	f.StringVar(&w.finality, "finality", "finalized", "what to wait for: finalized, safe or latest")
	return func(ctx context.Context, args []string, p *page) error {
		w.page = p
		if len(args) > 0 || w.rpc == "" || w.key == "" {
			return usageError("deploy takes -rpc and -key")
		}
		payer, err := anchor.LoadKeyFile(w.key)
		if err != nil {
			return err
		}
		n, err := networkAt(ctx, w.rpc, "")
		if err != nil {
			return err
		}
		on, receipt, err := anchor.Deploy(ctx, anchor.Config{Network: n, Finality: w.finality, Progress: w.progress}, payer)
		if err == nil {
			_, err = on.Final(ctx, receipt)
		}
		if err != nil {
			return w.wrote("deploying", receipt, err)
		}
		p.settled()
		p.line("%s", on.Network().Registry)
		return nil
	}
}
