package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/khyer/khyer/did"
	"github.com/khyer/khyer/did/didethr"
	"github.com/khyer/khyer/did/didethr/anchor"
)

var order = []string{"story", "history", "deploy", "create", "add", "rotate", "retire", "revoke", "service", "owner", "deactivate"}

func init() { // not a composite literal: usage, which commands call, reads it
	keys := "[flags] KEY..."
	commands = map[string]command{
		"story":      {"[flags]", "the life of an issuer's DID, on an embedded chain or on a node; the default", prepareStory},
		"history":    {"[flags] DID", "reads the history of any did:ethr DID", prepareHistory},
		"deploy":     {"[flags]", "puts our registry on a chain", prepareDeploy},
		"create":     {keys, "publishes the first keys of a DID, and a service", prepareCreate},
		"add":        {keys, "publishes keys, or renews them", prepareAdd},
		"rotate":     {"[flags] OLD NEW", "publishes a new key and retires the old one", prepareRotate},
		"retire":     {keys, "ends the time of keys: what they signed until then stays good", prepareRetire},
		"revoke":     {keys, "revokes stolen keys: none of their cards is accepted any more, whatever its date", prepareRevoke},
		"service":    {"[flags] TYPE ENDPOINT", "publishes a service, or takes it back", prepareService},
		"owner":      {"[flags] -sure DID ADDRESS", "hands the DID over to another account", prepareOwner},
		"deactivate": {"[flags] -sure DID", "ends the DID for good, and with it every card", prepareDeactivate},
	}
}

func prepareStory(f *flag.FlagSet) action {
	var s settings
	f.StringVar(&s.rpc, "rpc", "", "JSON-RPC `URL` of a node; empty means an embedded chain")
	f.StringVar(&s.registry, "registry", "", "`address` of our registry on that chain; empty deploys one")
	s.account.flags(f, "that pays on that chain")
	f.StringVar(&s.finality, "finality", "finalized",
		"the block to read at: finalized, safe or latest. The story waits for it six times, on public chains a quarter of an hour each")
	return func(ctx context.Context, args []string, p *page) error {
		if len(args) > 0 {
			return usageError("the story takes flags alone")
		}
		return tell(ctx, s, p)
	}
}

func prepareHistory(f *flag.FlagSet) action {
	var s settings
	f.StringVar(&s.rpc, "rpc", "", "JSON-RPC `URL` of a node")
	f.StringVar(&s.registry, "registry", "", "`address` of the registry; empty means the public one of the DID's network")
	f.StringVar(&s.finality, "finality", "finalized", "the block to read at: finalized, safe or latest")
	chain := f.Uint64("chain", 0, "`id` of the chain, where the DID names it by a name that is not publicly known")
	from := f.Uint64("from", 0, "first `block` to tell of")
	limit := f.Int("limit", 1000, "how many blocks with changes to tell of")
	asJSON := f.Bool("json", false, "print one JSON document")
	return func(ctx context.Context, args []string, p *page) error {
		if len(args) != 1 || s.rpc == "" || *limit < 1 {
			return usageError("history takes a DID, and -rpc")
		}
		id, err := did.Parse(args[0])
		if err == nil && !strings.HasPrefix(args[0], "did:ethr:") {
			err = errors.New("no did:ethr DID")
		}
		if err != nil {
			return usageError(err.Error())
		}
		r, err := s.reader(id, *chain)
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
func (s *settings) reader(id did.DID, chain uint64) (did.Resolver, error) {
	name := networkName(id)
	n, known := didethr.Known(name)
	switch digits, numbered := strings.CutPrefix(name, "0x"); {
	case known && chain != 0 && chain != n.ChainID:
		return nil, usageError(fmt.Sprintf("%s is chain %d", name, n.ChainID))
	case known:
	case numbered:
		chain, _ = strconv.ParseUint(digits, 16, 64)
		for _, public := range []string{"mainnet", "sepolia", "holesky", "gno", "polygon"} {
			if k, _ := didethr.Known(public); k.ChainID == chain {
				n = k
			}
		}
		n.ChainID = chain
	default:
		n.Name, n.ChainID = name, chain
	}
	if n.RPC = []string{s.rpc}; s.registry != "" {
		var err error
		if n.Registry, err = didethr.ParseAddress(s.registry); err != nil {
			return nil, usageError("-registry: " + err.Error())
		}
		n.CodeHash = [32]byte{} // whatever is there
	}
	switch {
	case n.Registry == didethr.Address{}:
		return nil, usageError("no public registry is known for this DID's network: give -registry")
	case n.ChainID == 0:
		return nil, usageError("the DID does not say the number of its chain: give -chain")
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

func prepareDeploy(f *flag.FlagSet) action {
	var s settings
	f.StringVar(&s.rpc, "rpc", "", "JSON-RPC `URL` of a node")
	s.account.flags(f, "that pays")
	f.StringVar(&s.finality, "finality", "finalized", "what to wait for: finalized, safe or latest")
	return func(ctx context.Context, args []string, p *page) error {
		if len(args) > 0 || s.rpc == "" || !s.given() {
			return usageError("deploy takes -rpc, and -key or -signer")
		}
		payer, err := s.account.open()
		if err != nil {
			return err
		}
		config := anchor.Config{Network: didethr.Network{RPC: []string{s.rpc}}, Finality: s.finality, Progress: p.transaction}
		on, receipt, err := anchor.Deploy(ctx, config, payer)
		if err != nil {
			return err
		}
		if _, err := on.Final(ctx, receipt); err != nil {
			return err
		}
		p.settled()
		p.line("%s", on.Network().Registry)
		return nil
	}
}
