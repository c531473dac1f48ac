// Package ethrtest is an Ethereum chain of one's own, in memory, that speaks JSON-RPC over HTTP on the loopback interface: for tests
// and for examples that must run without a network.
//
// The chain is honest where a client can look. Transactions are signed and their senders recovered; go-ethereum's own state
// transition and EVM execute them under the rules of a chosen fork (today's mainnet by default); state, transaction and receipt
// roots are computed over real tries, so that a header hashes to its block hash and proofs hold. What it leaves out is consensus:
// nobody proposes or votes. Blocks are made on demand, their times come from a clock that the test owns, and finality follows a
// rule of its own (see Chain.Finalize).
//
// It compiles go-ethereum's core without its node, database engines, peer-to-peer and RPC packages, which halves a newcomer's first
// build against go-ethereum's simulated backend.
package ethrtest

import (
	"errors"
	"fmt"
	"math/big"
	"sync"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/params"
	"github.com/holiman/uint256"
)

// DefaultChainID is the chain id of a chain whose Options name none.
const DefaultChainID = 1337

// EpochLength is the number of blocks of an epoch; see Chain.Finalize.
const EpochLength = 32

// Fork names the rules under which a chain runs, from its first block on.
type Fork string

// The forks to choose from.
const (
	Prague    Fork = "prague"
	Osaka     Fork = "osaka"     // with BPO2, as on mainnet since 2026: the default
	Amsterdam Fork = "amsterdam" // with state-growth pricing (EIP-8037)
)

// Options configure a chain. The zero value is ready for use.
type Options struct {
	ChainID uint64 // 0 means DefaultChainID
	Fork    Fork   // "" means Osaka

	// Start is the time of block 0. Zero means twenty minutes before now: each block is at least a second later than its parent,
	// so a chain that started now would soon run ahead of the world's clocks.
	Start time.Time

	// Fixed gives the same block 0 whenever the other options are the same, and with it the same hashes throughout, if the same is done to
	// the chain at the same times. Otherwise each chain has one of its own: clients keep nonces and caches under its hash.
	Fixed bool

	Accounts int  // how many accounts hold a thousand ether from the start; 0 means 4
	Manual   bool // blocks are made by Mine alone, not for each transaction that arrives

	// MaxLogRange makes eth_getLogs refuse ranges of more blocks, as providers do. 0 means no limit.
	MaxLogRange uint64
}

// Account holds ether from block 0 on. Its key is derived from its number and known to everybody.
type Account struct {
	Address [20]byte
	Key     [32]byte // secp256k1
}

// String returns the address.
func (a Account) String() string { return common.Address(a.Address).Hex() }

// Block names a block.
type Block struct {
	Number uint64
	Hash   [32]byte
	Time   time.Time
}

// Chain is a running chain. It is safe for concurrent use.
type Chain struct {
	opt      Options
	accounts []Account

	mu     sync.Mutex // guards what follows, and everything behind ledger and pool
	ledger *ledger
	pool   *pool
	clock  uint64 // no block made from now on has an earlier time
	fault  func(request, answer []byte) []byte

	server *server
}

// New starts a chain and its JSON-RPC server. Close it after use.
func New(o Options) (*Chain, error) {
	if o.ChainID == 0 {
		o.ChainID = DefaultChainID
	}
	if o.Fork == "" {
		o.Fork = Osaka
	}
	if o.Start.IsZero() {
		o.Start = time.Now().Add(-20 * time.Minute)
	}
	if o.Start.Unix() < 0 {
		return nil, errors.New("ethrtest: the chain starts before 1970")
	}
	if o.Accounts <= 0 {
		o.Accounts = 4
	}
	c := &Chain{opt: o, clock: uint64(o.Start.Unix())}
	rich := types.GenesisAlloc{}
	for i := range o.Accounts {
		a := account(i)
		c.accounts = append(c.accounts, a)
		rich[a.Address] = types.Account{Balance: new(big.Int).Mul(big.NewInt(1000), big.NewInt(1e18))}
	}
	var err error
	if c.ledger, err = newLedger(o, rich); err != nil {
		return nil, err
	}
	c.pool = newPool(c.ledger)
	if c.server, err = serve(c); err != nil {
		c.ledger.close()
		return nil, err
	}
	return c, nil
}

func account(i int) Account {
	key := crypto.Keccak256Hash(fmt.Appendf(nil, "ethrtest account %d", i))
	priv, err := crypto.ToECDSA(key[:])
	if err != nil {
		panic("ethrtest: unlucky account number") // cannot be: the numbers are ours
	}
	return Account{Address: crypto.PubkeyToAddress(priv.PublicKey), Key: key}
}

// Close stops the server; requests that are under way get no answer.
func (c *Chain) Close() error {
	err := c.server.close()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ledger.close()
	return err
}

// URL returns the address of the JSON-RPC endpoint, such as http://127.0.0.1:40417. Its port is open to this machine alone, and requests are
// answered if their Host is 127.0.0.1 or localhost: under any other name, such as a container's for its host or that of a page in a
// browser, the answer is 403 Forbidden.
func (c *Chain) URL() string { return c.server.url }

// ChainID returns the chain id.
func (c *Chain) ChainID() uint64 { return c.opt.ChainID }

// Accounts returns the accounts that hold ether from the start.
func (c *Chain) Accounts() []Account { return append([]Account(nil), c.accounts...) }

// Head returns the newest block.
func (c *Chain) Head() Block {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ledger.head().name()
}

// Finalized returns the newest finalized block.
func (c *Chain) Finalized() Block {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ledger.finalized().name()
}

// Now returns the time of the newest block, or the later time that SetTime or Advance set for the next one.
func (c *Chain) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Unix(int64(max(c.clock, c.ledger.head().block.Time())), 0).UTC()
}

// SetTime makes the next block, and with it all later ones, no earlier than t, in whole seconds. An earlier t than Now changes
// nothing: time on a chain only grows.
func (c *Chain) SetTime(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s := t.Unix(); s > 0 {
		c.clock = max(c.clock, uint64(s))
	}
}

// Advance is SetTime(Now() + d).
func (c *Chain) Advance(d time.Duration) { c.SetTime(c.Now().Add(d)) }

// Mine makes n blocks. The first one holds the transactions that wait and can be executed; the others are most often empty.
func (c *Chain) Mine(n int) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for range n {
		if err := c.mine(); err != nil {
			return err
		}
	}
	return nil
}

// Finalize makes blocks until the block that is newest now is finalized. The rule, a simple form of mainnet's: an epoch has 32
// blocks; the block with which the newest epoch begins is "safe", the one with which the epoch before began is "finalized". So a
// block is finalized after at least 32 and at most 63 further ones. Block 0 always is.
func (c *Chain) Finalize() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	want := c.ledger.head().number()
	for c.ledger.finalized().number() < want {
		if err := c.mine(); err != nil {
			return err
		}
	}
	return nil
}

// Rewind makes block number the newest one: a reorganisation. The blocks above it stay readable by their hashes, as on a real node;
// their transactions are dropped, and blocks made from now on have other hashes. A finalized block cannot be undone.
func (c *Chain) Rewind(number uint64) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if number < c.ledger.finalized().number() {
		return errors.New("ethrtest: a finalized block cannot be undone")
	}
	if err := c.ledger.rewind(number); err != nil {
		return err
	}
	c.pool = newPool(c.ledger)
	return nil
}

// Interfere lets f change every answer before it is sent, to try out what a broken or lying node does. It gets the bodies of the
// request and of the honest answer. If f returns nil, the client gets no answer at all until it gives up. A nil f ends this.
func (c *Chain) Interfere(f func(request, answer []byte) []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fault = f
}

// Transact signs a transaction of type 2 with the account's key and hands it in, as any client would through eth_sendRawTransaction. A
// nil to creates a contract. Nonce, fees and gas come from the chain. Unless the chain is Manual, its block is made on return; see
// Receipt for the outcome.
func (c *Chain) Transact(from Account, to *[20]byte, value *big.Int, data []byte) (hash [32]byte, err error) {
	key, err := crypto.ToECDSA(from.Key[:])
	if err != nil {
		return hash, errors.New("ethrtest: the account has no valid key")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	amount, overflow := uint256.FromBig(value)
	if overflow {
		return hash, errors.New("ethrtest: a value has 256 bits at most")
	}
	if value == nil {
		amount = new(uint256.Int)
	}
	tip := big.NewInt(1e9)
	feeCap := new(big.Int).Mul(c.ledger.nextBaseFee(), big.NewInt(2))
	inner := &types.DynamicFeeTx{
		ChainID:   new(big.Int).SetUint64(c.opt.ChainID),
		Nonce:     c.pool.nextNonce(from.Address),
		GasTipCap: tip,
		GasFeeCap: feeCap.Add(feeCap, tip),
		Gas:       c.gasFor(from.Address, (*common.Address)(to), amount, data),
		To:        (*common.Address)(to),
		Value:     amount.ToBig(),
		Data:      data,
	}
	tx, err := types.SignNewTx(key, types.LatestSigner(c.ledger.config), inner)
	if err != nil {
		return hash, err
	}
	return tx.Hash(), c.submit(tx)
}

// gasFor estimates a gas limit; a call that reverts gets one with which it does so on the chain, because tests want that.
func (c *Chain) gasFor(from common.Address, to *common.Address, value *uint256.Int, data []byte) uint64 {
	const ample = 10_000_000
	pending, err := c.ledger.pending(c.pool, c.blockTime())
	if err != nil {
		return ample
	}
	gas, _, err := c.ledger.estimate(message(from, to, value, data), pending)
	if err != nil {
		return ample
	}
	// A quarter more, as wallets give, but never more than a transaction may have (EIP-7825).
	return max(gas, min(gas+gas/4, params.MaxTxGas))
}

// Receipt is the outcome of a transaction.
type Receipt struct {
	Block    Block
	OK       bool // false if the transaction was reverted
	GasUsed  uint64
	Contract [20]byte // the contract that the transaction created, or zero
}

// Receipt returns the outcome of a transaction; ok is false while it is in no block.
func (c *Chain) Receipt(hash [32]byte) (r Receipt, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	at, ok := c.ledger.txs[hash]
	if !ok {
		return r, false
	}
	receipt := at.entry.receipts[at.index]
	return Receipt{
		Block:    at.entry.name(),
		OK:       receipt.Status == types.ReceiptStatusSuccessful,
		GasUsed:  receipt.GasUsed,
		Contract: receipt.ContractAddress,
	}, true
}

// submit hands a transaction in and, unless the chain is Manual, makes its block.
func (c *Chain) submit(tx *types.Transaction) error {
	if err := c.pool.add(tx, c.ledger); err != nil {
		return err
	}
	if c.opt.Manual || !c.pool.executable(c.ledger) {
		return nil
	}
	return c.mine()
}

func (c *Chain) blockTime() uint64 { return max(c.clock, c.ledger.head().block.Time()+1) }

func (c *Chain) mine() error {
	sealed, err := c.ledger.build(c.pool.ready(c.ledger), c.blockTime())
	if err != nil {
		return fmt.Errorf("ethrtest: the block cannot be made: %w", err)
	}
	if err := c.ledger.append(sealed); err != nil {
		return err
	}
	c.clock = max(c.clock, sealed.block.Time())
	c.pool.prune(c.ledger)
	return nil
}
