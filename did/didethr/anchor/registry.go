package anchor

import (
	"context"
	"encoding/hex"
	"math/big"
	"net/http"
	"strconv"
	"sync"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	"github.com/ethereum/go-ethereum/core/types"

	"github.com/khyer/khyer/did"
	"github.com/khyer/khyer/did/didethr"
	"github.com/khyer/khyer/internal/ethrpc"
)

// Config says where to write.
type Config struct {
	// Network is the chain and its registry. The first of its RPC endpoints is written to. If CodeHash is zero, the registry must be
	// the embedded one.
	Network didethr.Network
	// Client sends the requests; nil means one with time limits.
	Client *http.Client
	// Finality is the block that Registry.Final waits for: "finalized" (also if empty), "safe" or "latest".
	Finality string
	// Progress, if set, is told how a transaction gets on. It must not block.
	Progress func(Progress)
}

// Progress is how far a transaction has got.
type Progress struct {
	Tx      [32]byte
	Block   uint64 // its block; 0 while it waits for one
	Reached uint64 // while Registry.Final waits: the newest block that is final so far
}

// Registry is a registry on a chain, ready to be written to. It is safe for concurrent use.
type Registry struct {
	node     *ethrpc.Client
	network  didethr.Network
	chainID  *big.Int
	signing  types.Signer
	finality string
	progress func(Progress)

	mu    sync.Mutex
	locks map[didethr.Address]*sync.Mutex // one for each account: from reading its nonce until its transaction is handed in
}

func dial(c Config) (*Registry, error) {
	r := &Registry{network: c.Network, finality: c.Finality, progress: c.Progress, locks: map[didethr.Address]*sync.Mutex{}}
	switch c.Finality {
	case "":
		r.finality = "finalized"
	case "finalized", "safe", "latest":
	default:
		return nil, fail(BadConfig, "Finality is finalized, safe or latest")
	}
	if r.progress == nil {
		r.progress = func(Progress) {}
	}
	if c.Network.ChainID == 0 || len(c.Network.RPC) == 0 {
		return nil, fail(BadConfig, "a network needs a chain id and an endpoint")
	}
	var err error
	if r.node, err = ethrpc.Dial(c.Network.RPC[0], c.Client); err != nil {
		return nil, &Error{Reason: BadConfig, Err: err}
	}
	r.chainID = new(big.Int).SetUint64(c.Network.ChainID)
	r.signing = types.LatestSignerForChainID(r.chainID)
	return r, nil
}

// Open connects to a registry and checks that the node serves the configured chain and that the registry's code is the pinned one.
func Open(ctx context.Context, c Config) (*Registry, error) {
	r, err := dial(c)
	if err != nil {
		return nil, err
	}
	if c.Network.Registry == (didethr.Address{}) {
		return nil, fail(BadConfig, "a network needs a registry; Deploy makes one")
	}
	if r.network.CodeHash == [32]byte{} {
		r.network.CodeHash = RegistryCodeHash()
	}
	if err := r.checkCode(ctx); err != nil {
		return nil, err
	}
	return r, nil
}

// Deploy puts the embedded registry on a chain, paid by payer, and opens it. Network says where it is; its FromBlock is the
// deployment's, as soon as that is final. A registry has no owner: the payer gets no rights.
func Deploy(ctx context.Context, c Config, payer Signer) (*Registry, Receipt, error) {
	r, err := dial(c)
	if err != nil {
		return nil, Receipt{}, err
	}
	if c.Network.CodeHash != [32]byte{} && c.Network.CodeHash != RegistryCodeHash() {
		return nil, Receipt{}, fail(BadConfig, "the embedded registry has another code hash than the one that is pinned")
	}
	receipt, err := r.transact(ctx, payer, nil, nil, unhex(registryCode))
	if err != nil {
		return nil, receipt, err
	}
	r.network.Registry = receipt.Contract
	r.network.FromBlock = receipt.Block
	r.network.CodeHash = RegistryCodeHash()
	return r, receipt, r.checkCode(ctx)
}

func (r *Registry) checkCode(ctx context.Context) error {
	calls := []ethrpc.Call{
		{Method: "eth_chainId"},
		{Method: "eth_getCode", Params: []any{r.network.Registry.String(), "latest"}},
	}
	if err := r.batch(ctx, calls); err != nil {
		return err
	}
	if err := r.sameChain(calls[0]); err != nil {
		return err
	}
	var code hexBytes
	if err := decode(calls[1], &code); err != nil {
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
	if id.n.Cmp(r.chainID) != 0 {
		return fail(WrongChain, "the node serves chain %v, configured is %v", &id.n, r.chainID)
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
