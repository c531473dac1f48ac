package didethr

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/khyer/khyer/did"
	"github.com/khyer/khyer/internal/ethrpc"
)

// Network is a chain with an ERC-1056 registry on it.
type Network struct {
	// Name is what stands in DIDs, did:ethr:<Name>:0x…; it may be empty. DIDs may give the chain id in hexadecimal instead, and those of
	// Ethereum's mainnet may give nothing.
	Name     string
	ChainID  uint64
	Registry Address
	// RPC holds the http or https URLs of nodes' JSON-RPC endpoints. They are asked in order, each one only if those before it gave no
	// conclusive answer.
	RPC []string
	// FromBlock is the block in which the registry was deployed: nothing before it is looked at. 0 is right, if perhaps slow.
	FromBlock uint64
	// CodeHash is the Keccak-256 of the registry's runtime code. If it is not zero, each node's code is compared with it once.
	CodeHash [32]byte
	// Profile is how documents are written.
	Profile Profile
	// Legacy marks a registry of the first build (npm ethr-did-registry 0.0.3): signed operations can be replayed on it (fault F5). Reading
	// makes no difference.
	Legacy bool
}

func (n *Network) chain() string { return "eip155:" + strconv.FormatUint(n.ChainID, 10) }

// Config says what a Resolver reads.
type Config struct {
	Networks []Network
	// Finality is the block that a question about the newest state is answered from: "finalized" (also if empty), "safe" or "latest".
	// A document read at latest may be undone by a reorganisation.
	Finality string
	// MaxAge is the age at which the newest block counts as stale; 0 means that the caller judges Resolution.Anchor.Time.
	MaxAge time.Duration
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Client sends the requests; nil means one with time limits.
	Client *http.Client
}

// Resolver reads did:ethr DIDs from nodes. It is safe for concurrent use.
type Resolver struct {
	networks []*network
	finality string
	maxAge   time.Duration
	now      func() time.Time
}

type network struct {
	Network
	nodes []*node
}

// New checks the configuration. It sends nothing.
func New(c Config) (*Resolver, error) {
	r := &Resolver{finality: c.Finality, maxAge: c.MaxAge, now: c.Now}
	switch c.Finality {
	case "":
		r.finality = "finalized"
	case "finalized", "safe", "latest":
	default:
		return nil, errors.New("didethr: Finality is finalized, safe or latest")
	}
	if r.now == nil {
		r.now = time.Now
	}
	if c.MaxAge < 0 {
		return nil, errors.New("didethr: MaxAge is negative")
	}
	if len(c.Networks) == 0 {
		return nil, errors.New("didethr: no network")
	}
	names, chains := map[string]bool{}, map[uint64]bool{}
	for _, n := range c.Networks {
		switch {
		case n.ChainID == 0:
			return nil, errors.New("didethr: a network without a chain id")
		case n.Name == "mainnet" && n.ChainID != 1:
			return nil, errors.New("didethr: only chain 1 is called mainnet")
		case n.Profile != Current && n.Profile != V11:
			return nil, errors.New("didethr: an unknown profile")
		case n.Registry == Address{}:
			return nil, errors.New("didethr: a network without a registry")
		case len(n.RPC) == 0:
			return nil, errors.New("didethr: a network without an endpoint")
		case chains[n.ChainID] || n.Name != "" && names[n.Name]:
			return nil, errors.New("didethr: two networks of one name or chain id")
		}
		names[n.Name], chains[n.ChainID] = true, true
		net := &network{Network: n}
		for _, url := range n.RPC {
			client, err := ethrpc.Dial(url, c.Client)
			if err != nil {
				return nil, err
			}
			client.MaxAnswer = maxAnswer
			net.nodes = append(net.nodes, &node{client: client})
		}
		r.networks = append(r.networks, net)
	}
	return r, nil
}

// Resolve implements did.Resolver. at.Block and at.Time are the method's versionId and versionTime; with neither, the answer is from
// the block that Config.Finality names, or from at.Anchor, which must still be in the chain.
//
// Errors are *did.Error. InvalidDID, UnknownNetwork, InvalidOptions and NotFound (a block that does not exist yet) are about the
// question. Of the nodes' faults, Unavailable is no answer or a refusal; GarbledAnswer is one that no honest node gives;
// IncompleteAnswer is one whose parts do not fit together, so that something is missing; WrongChain is another chain or registry
// than configured; StaleAnswer is a newest block older than Config.MaxAge.
func (r *Resolver) Resolve(ctx context.Context, id did.DID, at did.At) (*did.Resolution, error) {
	ident, err := parseIdentifier(id)
	if err != nil {
		return nil, err
	}
	if at.Block != 0 && !at.Time.IsZero() {
		return nil, fault(did.InvalidOptions, "a block and a time exclude each other")
	}
	for _, n := range r.networks {
		if n.serves(ident.network) {
			if a := at.Anchor; a != nil && a.Chain != "" && a.Chain != n.chain() {
				return nil, fault(did.InvalidOptions, "the anchor is of another chain")
			}
			return r.resolve(ctx, n, ident, at)
		}
	}
	return nil, fault(did.UnknownNetwork, "the DID's network is not configured")
}

func (r *Resolver) resolve(ctx context.Context, n *network, ident identifier, at did.At) (*did.Resolution, error) {
	var first error
	for _, node := range n.nodes {
		res, err := r.ask(ctx, n, node, ident, at)
		if err == nil {
			return res, nil
		}
		var e *did.Error
		if !errors.As(err, &e) || !e.Code.Inconclusive() {
			return nil, err
		}
		if first == nil {
			first = err
		}
		if ctx.Err() != nil {
			break
		}
	}
	return nil, first
}

func (r *Resolver) ask(ctx context.Context, n *network, node *node, ident identifier, at did.At) (*did.Resolution, error) {
	rd := &reading{network: &n.Network, node: node, identity: ident.identity, at: at, tag: r.finality}
	if err := rd.run(ctx); err != nil {
		return nil, err
	}
	now := r.now()
	if r.maxAge > 0 && at.Anchor == nil && now.Sub(unix(rd.head.Time)) > r.maxAge {
		return nil, fault(did.StaleAnswer, "the newest block is older than the policy allows")
	}
	res, err := fold(&n.Network, ident, rd.events, rd.head, rd.blocks, at, now)
	if err == nil && res.Anchor.Tag == "" {
		res.Anchor.Tag = rd.tag
	}
	return res, err
}
