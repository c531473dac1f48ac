package ethrtest

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"math/big"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/consensus"
	"github.com/ethereum/go-ethereum/consensus/misc/eip1559"
	"github.com/ethereum/go-ethereum/consensus/misc/eip4844"
	"github.com/ethereum/go-ethereum/core"
	"github.com/ethereum/go-ethereum/core/rawdb"
	"github.com/ethereum/go-ethereum/core/state"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/core/types/bal"
	"github.com/ethereum/go-ethereum/core/vm"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/params"
	"github.com/ethereum/go-ethereum/triedb"
)

// gasLimit is mainnet's at the end of 2026.
const gasLimit = 60_000_000

// entry is a block with what its execution left behind.
type entry struct {
	block    *types.Block
	receipts types.Receipts
}

func (e *entry) number() uint64 { return e.block.NumberU64() }

func (e *entry) name() Block {
	return Block{e.block.NumberU64(), e.block.Hash(), time.Unix(int64(e.block.Time()), 0).UTC()}
}

// place says where a transaction of the canonical chain stands.
type place struct {
	entry *entry
	index int
}

// ledger holds all blocks and all their states. Its lock is the Chain's.
type ledger struct {
	config    *params.ChainConfig
	tries     *triedb.Database
	states    state.Database
	byHash    map[common.Hash]*entry
	canonical []*entry // by number
	txs       map[common.Hash]place
	branch    uint64 // counts reorganisations, so that no block is made twice
}

func newLedger(o Options, rich types.GenesisAlloc) (*ledger, error) {
	config, err := chainConfig(o.ChainID, o.Fork)
	if err != nil {
		return nil, err
	}
	alloc := core.SystemContractAllocs()
	for a, acc := range rich {
		alloc[a] = acc
	}
	db := rawdb.NewMemoryDatabase()
	// The hash-based scheme keeps every state that was ever committed.
	tries := triedb.NewDatabase(db, triedb.HashDefaults)
	extra := []byte("ethrtest") // 32 bytes at most (Yellow Paper, section 4.4.4)
	if !o.Fixed {
		extra = append(extra, make([]byte, 16)...)
		rand.Read(extra[len(extra)-16:]) // never fails
	}
	genesis := &core.Genesis{
		Config:     config,
		Timestamp:  uint64(o.Start.Unix()),
		ExtraData:  extra,
		GasLimit:   gasLimit,
		Difficulty: new(big.Int),
		Alloc:      alloc,
		BaseFee:    big.NewInt(params.InitialBaseFee),
	}
	block, err := genesis.Commit(db, tries, nil)
	if err != nil {
		return nil, fmt.Errorf("ethrtest: genesis: %w", err)
	}
	l := &ledger{
		config: config,
		tries:  tries,
		states: state.NewDatabase(tries, nil),
		byHash: map[common.Hash]*entry{},
		txs:    map[common.Hash]place{},
	}
	return l, l.append(&entry{block: block})
}

func (l *ledger) close() { l.tries.Close() }

// chainConfig activates all rules up to the fork from the first block on, with mainnet's blob schedule.
func chainConfig(id uint64, f Fork) (*params.ChainConfig, error) {
	zero, always := new(big.Int), new(uint64)
	c := &params.ChainConfig{
		ChainID:        new(big.Int).SetUint64(id),
		HomesteadBlock: zero, EIP150Block: zero, EIP155Block: zero, EIP158Block: zero, ByzantiumBlock: zero,
		ConstantinopleBlock: zero, PetersburgBlock: zero, IstanbulBlock: zero, MuirGlacierBlock: zero, BerlinBlock: zero,
		LondonBlock: zero, ArrowGlacierBlock: zero, GrayGlacierBlock: zero, MergeNetsplitBlock: zero,
		TerminalTotalDifficulty: zero,
		ShanghaiTime:            always, CancunTime: always, PragueTime: always,
		DepositContractAddress: params.MainnetChainConfig.DepositContractAddress,
		BlobScheduleConfig:     params.MainnetChainConfig.BlobScheduleConfig,
	}
	switch f {
	case Prague:
		return c, nil
	case Amsterdam:
		c.AmsterdamTime = always
		fallthrough
	case Osaka:
		c.OsakaTime, c.BPO1Time, c.BPO2Time = always, always, always
		return c, nil
	}
	return nil, fmt.Errorf("ethrtest: unknown fork %q", f)
}

func (l *ledger) head() *entry { return l.canonical[len(l.canonical)-1] }

func (l *ledger) safe() *entry {
	return l.canonical[l.head().number()/EpochLength*EpochLength]
}

func (l *ledger) finalized() *entry {
	n := l.safe().number()
	return l.canonical[n-min(n, EpochLength)]
}

func (l *ledger) isCanonical(e *entry) bool {
	n := e.number()
	return n < uint64(len(l.canonical)) && l.canonical[n] == e
}

func (l *ledger) append(e *entry) error {
	if len(l.canonical) > 0 && e.block.ParentHash() != l.head().block.Hash() {
		return errors.New("ethrtest: a block does not follow the head")
	}
	l.canonical = append(l.canonical, e)
	l.byHash[e.block.Hash()] = e
	for i, tx := range e.block.Transactions() {
		l.txs[tx.Hash()] = place{e, i}
	}
	return nil
}

func (l *ledger) rewind(number uint64) error {
	if number > l.head().number() {
		return errors.New("ethrtest: there is no such block yet")
	}
	for l.head().number() > number {
		for _, tx := range l.head().block.Transactions() {
			delete(l.txs, tx.Hash())
		}
		l.canonical = l.canonical[:len(l.canonical)-1]
	}
	l.branch++
	return nil
}

func (l *ledger) stateAt(root common.Hash) (*state.StateDB, error) { return state.New(root, l.states) }

// snapshot is a state with the header in whose context code runs on it.
type snapshot struct {
	header *types.Header
	state  *state.StateDB
}

func (l *ledger) at(e *entry) (snapshot, error) {
	s, err := l.stateAt(e.block.Root())
	return snapshot{e.block.Header(), s}, err
}

// pending executes what the next block would hold without keeping it.
func (l *ledger) pending(p *pool, time uint64) (snapshot, error) {
	sealed, s, err := l.execute(p.ready(l), time)
	if err != nil {
		return snapshot{}, err
	}
	return snapshot{sealed.block.Header(), s}, nil
}

func (l *ledger) nextBaseFee() *big.Int {
	return eip1559.CalcBaseFee(l.config, l.head().block.Header())
}

// build makes the block that follows the head out of those transactions that can be executed, and commits its state.
func (l *ledger) build(txs []*types.Transaction, time uint64) (*entry, error) {
	sealed, s, err := l.execute(txs, time)
	if err != nil {
		return nil, err
	}
	h := sealed.block.Header()
	root, err := s.Commit(l.rules(h), h.Number.Uint64())
	if err != nil {
		return nil, err
	}
	if root != h.Root {
		return nil, errors.New("the committed state has another root than the header")
	}
	return sealed, nil
}

func (l *ledger) rules(h *types.Header) params.Rules {
	return l.config.Rules(h.Number, true, h.Time)
}

// execute follows go-ethereum's core.StateProcessor step by step: system calls before, transactions, system calls after, assembly.
func (l *ledger) execute(txs []*types.Transaction, time uint64) (*entry, *state.StateDB, error) {
	parent := l.head().block.Header()
	s, err := l.stateAt(parent.Root)
	if err != nil {
		return nil, nil, err
	}
	header := l.nextHeader(parent, time)
	ctx := context.Background()
	evm := vm.NewEVM(core.NewEVMBlockContext(header, l, &header.Coinbase), s, l.config, vm.Config{})
	defer evm.Release()
	access := bal.NewConstructionBlockAccessList()
	access.Merge(core.PreExecution(ctx, header.ParentBeaconRoot, parent, l.config, evm, header.Number, header.Time))

	var (
		pool     = core.NewGasPool(header.GasLimit)
		body     = types.Body{Withdrawals: []*types.Withdrawal{}}
		receipts types.Receipts
		logs     []*types.Log
	)
	for _, tx := range txs {
		undo, left := s.Snapshot(), pool.Snapshot()
		s.SetTxContext(tx.Hash(), len(body.Transactions), uint32(len(body.Transactions)+1))
		receipt, touched, err := core.ApplyTransaction(ctx, evm, pool, s, header, tx)
		if err != nil {
			// It does not fit any more or cannot be paid: the pool keeps or drops it.
			s.RevertToSnapshot(undo)
			pool.Set(left)
			continue
		}
		access.Merge(touched)
		body.Transactions = append(body.Transactions, tx)
		receipts = append(receipts, receipt)
		logs = append(logs, receipt.Logs...)
	}
	requests, touched, err := core.PostExecution(ctx, l.config, header.Number, header.Time, logs, body.Withdrawals, evm, uint32(len(body.Transactions)+1))
	if err != nil {
		return nil, nil, err
	}
	access.Merge(touched)
	if requests != nil {
		hash := types.CalcRequestsHash(requests)
		header.RequestsHash = &hash
	}
	header.GasUsed = pool.Used()
	block := core.AssembleBlock(l, header, s, &body, receipts, access)
	err = receipts.DeriveFields(l.config, block.Hash(), block.NumberU64(), block.Time(), block.BaseFee(), eip4844.CalcBlobFee(l.config, block.Header()), block.Transactions())
	return &entry{block, receipts}, s, err
}

func (l *ledger) nextHeader(parent *types.Header, time uint64) *types.Header {
	// What consensus would deliver, drawn from the parent and the count of reorganisations instead.
	draw := func(what string) common.Hash {
		return crypto.Keccak256Hash([]byte(what), parent.Hash().Bytes(), binary.BigEndian.AppendUint64(nil, l.branch))
	}
	beacon := draw("beacon root")
	excess := eip4844.CalcExcessBlobGas(l.config, parent, time)
	h := &types.Header{
		ParentHash:       parent.Hash(),
		Coinbase:         common.BytesToAddress([]byte("ethrtest proposer")),
		Difficulty:       new(big.Int),
		Number:           new(big.Int).Add(parent.Number, common.Big1),
		GasLimit:         parent.GasLimit,
		Time:             time,
		Extra:            []byte("ethrtest"),
		MixDigest:        draw("randao"),
		BaseFee:          eip1559.CalcBaseFee(l.config, parent),
		BlobGasUsed:      new(uint64),
		ExcessBlobGas:    &excess,
		ParentBeaconRoot: &beacon,
	}
	if l.config.IsAmsterdam(h.Number, h.Time) {
		slot := uint64(1)
		if parent.SlotNumber != nil {
			slot += *parent.SlotNumber
		}
		h.SlotNumber = &slot
	}
	return h
}

// The methods of core.ChainContext, through which the EVM asks for headers and a block's beneficiary.

func (l *ledger) Config() *params.ChainConfig  { return l.config }
func (l *ledger) CurrentHeader() *types.Header { return l.head().block.Header() }
func (l *ledger) Engine() consensus.Engine     { return noConsensus{} }
func (l *ledger) GetHeaderByNumber(n uint64) *types.Header {
	if n >= uint64(len(l.canonical)) {
		return nil
	}
	return l.canonical[n].block.Header()
}
func (l *ledger) GetHeaderByHash(h common.Hash) *types.Header {
	if e := l.byHash[h]; e != nil {
		return e.block.Header()
	}
	return nil
}
func (l *ledger) GetHeader(h common.Hash, _ uint64) *types.Header { return l.GetHeaderByHash(h) }

// noConsensus knows a block's beneficiary and nothing else; go-ethereum asks for nothing else here.
type noConsensus struct{ consensus.Engine }

func (noConsensus) Author(h *types.Header) (common.Address, error) { return h.Coinbase, nil }
