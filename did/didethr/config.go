package didethr

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/khyer/khyer/did"
	"github.com/khyer/khyer/internal/ethrpc"
)

// Network is a chain with an ERC-1056 registry on it.
type Network struct {
	// Name is what stands in DIDs, did:ethr:<Name>:0x…; it may be empty. DIDs may give the chain id in hexadecimal instead, and those of
	// Ethereum's mainnet may give nothing. A name that begins with 0x must be the network's own chain id.
	Name     string
	ChainID  uint64
	Registry Address
	// RPC holds the http or https URLs of nodes' JSON-RPC endpoints. Unless Agree says otherwise they are asked in order, each one only
	// if those before it gave no conclusive answer.
	RPC []string
	// Agree is how many of the endpoints must say the same about one block, in everything: then did.Anchor.Trust is "agreed". Endpoints
	// of one host count as one operator, whatever their ports, so that each host may be named once; only on the machine itself (localhost
	// and loopback addresses) does each port count, for tests. All are asked at the same time, and the first Agree
	// of them that say the same decide: one that is down or lies changes nothing as long as Agree others do not. 0 and 1 mean that one
	// endpoint's word is taken ("asserted"). Agree should be more than half of the endpoints; with fewer, two different answers can both
	// find enough voices. Where they are at different blocks, the slower ones are waited for, up to two seconds, and the newest block that
	// Agree of them vouch for is taken. If an endpoint is silent, or all must agree, that block may be 15 minutes older than the newest
	// that was named, with the finality latest one minute; otherwise it is Disagreement.
	Agree int
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
	cache    *cache
	since    func() time.Time // of a monotonic clock: how long ago a Watch last saw the chain
	watching atomic.Bool
}

type network struct {
	Network
	nodes []*node
}

// New checks the configuration. It sends nothing.
func New(c Config) (*Resolver, error) {
	r := &Resolver{finality: c.Finality, maxAge: c.MaxAge, now: c.Now, cache: newCache(), since: time.Now}
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
	r.cache.clock = r.now
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
		case strings.HasPrefix(n.Name, "0x") && !isChainID(n.Name, n.ChainID):
			return nil, errors.New("didethr: a network's name looks like a chain id, and is not its own")
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
		for _, endpoint := range n.RPC {
			client, err := ethrpc.Dial(endpoint, c.Client)
			if err != nil {
				return nil, err
			}
			client.MaxAnswer = maxAnswer
			net.nodes = append(net.nodes, &node{client: client, place: len(net.nodes) + 1})
		}
		if err := checkOperators(&n); err != nil {
			return nil, err
		}
		r.networks = append(r.networks, net)
	}
	return r, nil
}

// checkOperators sees to it that nobody has two votes.
func checkOperators(n *Network) error {
	if n.Agree < 0 || n.Agree > len(n.RPC) {
		return errors.New("didethr: Agree is negative, or more than there are endpoints")
	}
	seen := map[string]bool{}
	for _, endpoint := range n.RPC {
		u, err := url.Parse(endpoint)
		if err != nil {
			return errors.New("didethr: the endpoint is no URL")
		}
		operator := strings.TrimSuffix(strings.ToLower(u.Hostname()), ".")
		if a, err := netip.ParseAddr(operator); operator == "localhost" || err == nil && a.Unmap().IsLoopback() {
			operator = strings.ToLower(u.Host)
		}
		if n.Agree < 2 {
			operator = endpoint
		}
		if seen[operator] {
			return errors.New("didethr: an endpoint is named twice, or two have one host; one operator has one vote")
		}
		seen[operator] = true
	}
	return nil
}

// Resolve implements did.Resolver. at.Block and at.Time are the method's versionId and versionTime; with neither, the answer is from
// the block that Config.Finality names, or from at.Anchor, which must still be in the chain.
//
// Errors are *did.Error. InvalidDID, UnknownNetwork, InvalidOptions and NotFound (a block or time after the one that is read from, final or not) are about the
// question. Of the nodes' faults, Unavailable is no answer or a refusal; GarbledAnswer is one that no honest node gives;
// IncompleteAnswer is one whose parts do not fit together, so that something is missing; WrongChain is another chain or registry
// than configured; StaleAnswer is a newest block older than Config.MaxAge, or older than one that was
// answered from before. Where no endpoint gave an answer that counts, the code is that of
// the first one in the list. With Agree, Disagreement means that at least Agree endpoints gave answers that would count, and too few the
// same; if fewer did, the code is that of the first endpoint that did not, and Unavailable if all of those were only slow. The detail
// says which endpoint it is about by its place in Network.RPC, from 1.
//
// Histories that were read are kept, within bounds, and the next question about the DID only asks the nodes whether they still hold as
// of the newest block: the answer is as fresh as a first one. While a Watch is current, that needs no request.
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
	key := cacheKey{n, ident.identity}
	k := r.cache.get(key, r.since())
	pin := k.watched
	if pin != nil && r.stale(*pin) {
		pin = nil
	}
	if k.holds && pin != nil && at.Block == 0 && at.Anchor == nil {
		v := view{head: *pin, tag: r.finality, trust: n.trust(), record: k.record}
		if at.Time.IsZero() {
			v.newest = k.newest
		}
		return v.resolution(&n.Network, ident, at, r.now())
	}
	if at.Anchor != nil {
		pin = &Block{Number: at.Anchor.Block, Hash: at.Anchor.Hash}
	}
	v, err := r.read(ctx, n, ident.identity, at, k, pin)
	if pin != nil && at.Anchor == nil && inconclusive(err) && ctx.Err() == nil {
		// The node asked may not have the watched block, or no longer.
		v, err = r.read(ctx, n, ident.identity, at, k, nil)
	}
	if err != nil {
		return nil, err
	}
	if at.Anchor == nil {
		r.cache.put(key, v.record, v.head, k.before)
	}
	return v.resolution(&n.Network, ident, at, r.now())
}

func (n *Network) trust() string {
	if n.Agree > 1 {
		return trustAgreed
	}
	return trustAsserted
}

func (r *Resolver) stale(head Block) bool {
	return r.maxAge > 0 && r.now().Sub(unix(head.Time)) > r.maxAge
}

// read asks one node after another, or all at once until enough agree. pin, if not nil, is the block to read as of.
func (r *Resolver) read(ctx context.Context, n *network, identity Address, at did.At, k knowledge, pin *Block) (view, error) {
	known := k.record
	ask := func(ctx context.Context, node *node, block *Block) (view, error) {
		rd := &reading{network: &n.Network, node: node, identity: identity, at: at, tag: r.finality, warm: known}
		if at.Anchor != nil {
			rd.tag = at.Anchor.Tag
		}
		if known != nil && known.from != nil && known.from != node {
			rd.warm = nil // another node's word
		}
		if known != nil && known.sum == nil && node.sums.Load() {
			rd.warm = nil // it was read without the accumulator
		}
		rd.final = block != pin
		if err := rd.run(ctx, block); err != nil {
			return view{}, err
		}
		if at.Anchor == nil && r.stale(rd.head) {
			return view{}, fault(did.StaleAnswer, "the newest block is older than the policy allows")
		}
		if at.Anchor == nil {
			if err := node.forward(ctx, r.finality, k.before, rd.head, n.Agree > 1); err != nil {
				return view{}, err
			}
		}
		return rd.view(), nil
	}
	if n.Agree > 1 {
		v, err := agree(ctx, n.nodes, n.Agree, lagOf(r.finality), func(ctx context.Context, node *node, block *Block) (view, error) {
			if block == nil {
				block = pin
			}
			return ask(ctx, node, block)
		})
		if err == nil && v.from != nil {
			v.from = nil // before anybody else knows the record
		}
		v.trust = trustAgreed
		return v, err
	}
	var first error
	for _, node := range n.nodes {
		v, err := ask(ctx, node, pin)
		if err == nil || !inconclusive(err) {
			return v, err
		}
		if first == nil {
			first = node.named(err)
		}
		if ctx.Err() != nil {
			break
		}
	}
	return view{}, first
}

func inconclusive(err error) bool {
	var e *did.Error
	return errors.As(err, &e) && e.Code.Inconclusive()
}
