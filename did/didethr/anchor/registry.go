package anchor

import (
	"context"
	"encoding/hex"
	"math/big"
	"net/http"
	"strconv"
	"time"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"

	"github.com/khyer/khyer/did"
	"github.com/khyer/khyer/did/didethr"
	"github.com/khyer/khyer/internal/ethrpc"
)

// Config says where to write.
type Config struct {
	// Network is the chain and its registry. The first of its RPC endpoints is written to. If ChainID is zero, the node is asked for it and
	// believed; a configured one is compared, so that nothing is signed for another chain. If CodeHash is zero, the registry must be the
	// embedded one.
	Network didethr.Network
	// Client sends the requests; nil means one with time limits.
	Client *http.Client
	// Finality is the block that Registry.Final waits for: "finalized" (also if empty), "safe" or "latest".
	Finality string
	// MaxFee is the most, in wei, that one transaction may cost: gas limit times fee for each unit, raised fees included. What the node says
	// about prices cannot make an account pay more. Nil means a tenth of an ether.
	MaxFee *big.Int
	// BumpAfter is how long a transaction may be the account's next without getting into a block before it is replaced by one that pays an
	// eighth more, up to eight times. Zero means a minute: five blocks of mainnet.
	BumpAfter time.Duration
	// Journal, if set, remembers what was signed before it is sent, so that the next process can bring to an end what a crash interrupted.
	Journal *Journal
	// Progress, if set, is told how a transaction gets on. It must not block.
	Progress func(Progress)
}

// Stage is where a transaction is on its way.
type Stage string

// The stages, in the order in which they come. What Open hands in again out of a journal comes without Sending; Resume reports the rest.
const (
	Sending    Stage = "sending"    // about to be handed to the node
	Replacing  Stage = "replacing"  // handed in again with a higher fee or another nonce, under another hash
	InBlock    Stage = "in_block"   // mined
	Finalizing Stage = "finalizing" // Registry.Final waits, for the block is not final yet
	IsFinal    Stage = "final"
)

// Progress is how far a transaction has got.
type Progress struct {
	Stage   Stage
	Tx      [32]byte
	Block   uint64 // its block, from InBlock on
	Reached uint64 // with Finalizing and IsFinal: the newest block that is final so far; 0 is the chain's first
}

// Registry is a registry on a chain, ready to be written to. It is safe for concurrent use, and so are several of them for the same
// accounts: nonces are handed out in one place in a process. Two processes that write with one account get on too, if slower: whoever
// loses a nonce to the other takes the next.
type Registry struct {
	node      *ethrpc.Client
	http      *http.Client
	network   didethr.Network
	genesis   [32]byte
	finality  string
	maxFee    *big.Int
	bumpAfter time.Duration
	settle    time.Duration // how long a used nonce without a receipt may be a node that lags
	journal   *Journal
	progress  func(Progress)
}

// defaultMaxFee is 0.1 ether.
var defaultMaxFee = big.NewInt(1e17)

// connect checks the configuration and that the node serves its chain.
func connect(ctx context.Context, c Config) (*Registry, error) {
	r := &Registry{http: c.Client, network: c.Network, finality: c.Finality, maxFee: c.MaxFee, bumpAfter: c.BumpAfter, settle: 15 * time.Second,
		journal: c.Journal, progress: c.Progress}
	switch c.Finality {
	case "":
		r.finality = "finalized"
	case "finalized", "safe", "latest":
	default:
		return nil, fail(BadConfig, "Finality is finalized, safe or latest")
	}
	if r.maxFee == nil {
		r.maxFee = defaultMaxFee
	}
	if r.bumpAfter == 0 {
		r.bumpAfter = time.Minute
	}
	if r.maxFee.Sign() <= 0 || r.bumpAfter < 0 {
		return nil, fail(BadConfig, "MaxFee and BumpAfter are positive")
	}
	if r.progress == nil {
		r.progress = func(Progress) {}
	}
	if len(c.Network.RPC) == 0 {
		return nil, fail(BadConfig, "a network needs an endpoint")
	}
	var err error
	if r.node, err = ethrpc.Dial(c.Network.RPC[0], c.Client); err != nil {
		return nil, &Error{Reason: BadConfig, Err: err}
	}
	calls := []ethrpc.Call{{Method: "eth_chainId"}, {Method: "eth_getBlockByNumber", Params: []any{"0x0", false}}}
	if err := r.batch(ctx, calls); err != nil {
		return nil, err
	}
	if c.Network.ChainID == 0 {
		var id hexUint
		if err := decode(calls[0], &id); err != nil {
			return nil, err
		}
		r.network.ChainID = uint64(id)
	}
	if err := r.sameChain(calls[0]); err != nil {
		return nil, err
	}
	var first header
	if err := decode(calls[1], &first); err != nil {
		return nil, err
	}
	r.genesis = first.Hash
	return r, nil
}

// Open connects to a registry and checks that the node serves the configured chain and that the registry's code is the pinned one. It does
// not find out where the registry was deployed: Network.FromBlock stays as configured, and from 0 on nodes may refuse to list events. Keep
// what Deploy gave.
func Open(ctx context.Context, c Config) (*Registry, error) {
	if c.Network.Registry == (didethr.Address{}) {
		return nil, fail(BadConfig, "a network needs a registry; Deploy makes one")
	}
	r, err := connect(ctx, c)
	if err != nil {
		return nil, err
	}
	if r.network.CodeHash == [32]byte{} {
		r.network.CodeHash = RegistryCodeHash()
	}
	if err := r.checkCode(ctx); err != nil {
		return nil, err
	}
	return r, r.journal.attach(ctx, r)
}

// Deploy puts the embedded registry on a chain, paid by payer, and opens it. Network says where it is, and its FromBlock is the
// deployment's: keep both for Open, once Final says that the block stays. A registry has no owner: the payer gets no rights.
func Deploy(ctx context.Context, c Config, payer Signer) (*Registry, Receipt, error) {
	if c.Network.CodeHash != [32]byte{} && c.Network.CodeHash != RegistryCodeHash() {
		return nil, Receipt{}, fail(BadConfig, "the embedded registry has another code hash than the one that is pinned")
	}
	if payer == nil {
		return nil, Receipt{}, fail(BadConfig, "no signer")
	}
	r, err := connect(ctx, c)
	if err != nil {
		return nil, Receipt{}, err
	}
	if err := r.journal.attach(ctx, r); err != nil {
		return nil, Receipt{}, err
	}
	receipt, err := r.transact(ctx, newJob(payer, nil, nil, unhex(registryCode)))
	if err != nil {
		return nil, receipt, err
	}
	r.network.Registry = receipt.Contract
	r.network.FromBlock = receipt.Block
	r.network.CodeHash = RegistryCodeHash()
	return r, receipt, r.checkCode(ctx)
}

func (r *Registry) checkCode(ctx context.Context) error {
	calls := []ethrpc.Call{{Method: "eth_getCode", Params: []any{r.network.Registry.String(), "latest"}}}
	if err := r.batch(ctx, calls); err != nil {
		return err
	}
	var code hexBytes
	if err := decode(calls[0], &code); err != nil {
		return err
	}
	if len(code) == 0 {
		return fail(WrongRegistry, "there is no code at the registry's address")
	}
	if keccak(code) != r.network.CodeHash {
		return fail(WrongRegistry, "the code at the registry's address is not the pinned one")
	}
	return nil
}

func (r *Registry) sameChain(c ethrpc.Call) error {
	var id hexBig
	if err := decode(c, &id); err != nil {
		return err
	}
	if !id.n.IsUint64() || id.n.Uint64() != r.network.ChainID || r.network.ChainID == 0 {
		return fail(WrongChain, "the node serves chain %v, configured is %v", &id.n, r.network.ChainID)
	}
	return nil
}

// Network returns the chain and the registry, as package didethr reads them.
func (r *Registry) Network() didethr.Network {
	n := r.network
	n.RPC = append([]string(nil), n.RPC...)
	return n
}

// DID returns the DID of an address: did:ethr:<network>:0x<40 digits>, with the network's name or, without one, its chain id.
func (r *Registry) DID(a didethr.Address) did.DID { return r.did(a[:]) }

// KeyDID returns the DID of a compressed secp256k1 public key: did:ethr:<network>:0x<66 digits>. Its document has the public key
// itself, and not its address alone, for as long as nobody else owns the identity. The identity is the key's address, which is
// returned too.
func (r *Registry) KeyDID(compressed [33]byte) (did.DID, didethr.Address, error) {
	pub, err := secp256k1.ParsePubKey(compressed[:])
	if err != nil {
		return did.DID{}, didethr.Address{}, fail(BadKey, "not a compressed point of secp256k1")
	}
	sum := keccak(pub.SerializeUncompressed()[1:])
	return r.did(compressed[:]), didethr.Address(sum[12:]), nil
}

func (r *Registry) did(id []byte) did.DID {
	name := r.network.Name
	if name == "" {
		name = "0x" + strconv.FormatUint(r.network.ChainID, 16)
	}
	d, err := did.Parse("did:ethr:" + name + ":0x" + hex.EncodeToString(id))
	if err != nil {
		return did.DID{} // a network name that is no part of a DID; Open has no business with names
	}
	return d
}
