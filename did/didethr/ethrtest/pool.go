package ethrtest

import (
	"errors"
	"fmt"
	"math/big"
	"slices"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/params"
)

// maxPool bounds the transactions that wait; on a chain of one's own that many mean a mistake.
const maxPool = 10_000

// pool holds transactions that wait for a block. Its lock is the Chain's.
type pool struct {
	signer  types.Signer
	waiting []*types.Transaction // in the order of arrival
	byHash  map[common.Hash]*types.Transaction
	nonces  func(common.Address) uint64 // of the head's state
}

func newPool(l *ledger) *pool {
	p := &pool{signer: types.LatestSigner(l.config), byHash: map[common.Hash]*types.Transaction{}}
	p.nonces = func(a common.Address) uint64 {
		s, err := l.stateAt(l.head().block.Root())
		if err != nil {
			return 0
		}
		return s.GetNonce(a)
	}
	return p
}

func (p *pool) from(tx *types.Transaction) common.Address {
	a, _ := types.Sender(p.signer, tx) // was recovered once in add, and is cached in tx
	return a
}

// add checks a transaction as a node's pool does. The errors that go-ethereum has words for are its own, because clients match them.
func (p *pool) add(tx *types.Transaction, l *ledger) error {
	if _, known := p.byHash[tx.Hash()]; known {
		return errors.New("already known")
	}
	if _, mined := l.txs[tx.Hash()]; mined {
		return errors.New("already known")
	}
	if len(p.waiting) >= maxPool {
		return errors.New("txpool is full")
	}
	if tx.Type() == types.BlobTxType {
		return fmt.Errorf("%w: blob transactions", core.ErrTxTypeNotSupported)
	}
	if !tx.Protected() {
		return errors.New("only replay-protected (EIP-155) transactions allowed over RPC")
	}
	from, err := types.Sender(p.signer, tx)
	if err != nil {
		return fmt.Errorf("invalid sender: %w", err)
	}
	if err := static(tx, from, l); err != nil {
		return err
	}
	s, err := l.stateAt(l.head().block.Root())
	if err != nil {
		return err
	}
	if next := s.GetNonce(from); tx.Nonce() < next {
		return fmt.Errorf("%w: next nonce %d, tx nonce %d", core.ErrNonceTooLow, next, tx.Nonce())
	}
	replaced := -1
	cost := tx.Cost()
	for i, w := range p.waiting {
		if p.from(w) != from {
			continue
		}
		if w.Nonce() != tx.Nonce() {
			cost.Add(cost, w.Cost())
			continue
		}
		if !outbids(tx.GasFeeCap(), w.GasFeeCap()) || !outbids(tx.GasTipCap(), w.GasTipCap()) {
			return errors.New("replacement transaction underpriced")
		}
		replaced = i
	}
	if balance := s.GetBalance(from).ToBig(); balance.Cmp(cost) < 0 {
		return fmt.Errorf("%w: balance %v, tx cost %v", core.ErrInsufficientFunds, balance, cost)
	}
	if replaced >= 0 {
		delete(p.byHash, p.waiting[replaced].Hash())
		p.waiting = slices.Delete(p.waiting, replaced, replaced+1)
	}
	p.waiting = append(p.waiting, tx)
	p.byHash[tx.Hash()] = tx
	return nil
}

// static makes the checks that need no state.
func static(tx *types.Transaction, from common.Address, l *ledger) error {
	head := l.head().block.Header()
	rules := l.rules(head)
	if tx.Gas() > head.GasLimit {
		return errors.New("exceeds block gas limit")
	}
	if rules.IsOsaka && !rules.IsAmsterdam && tx.Gas() > params.MaxTxGas {
		return fmt.Errorf("%w (cap: %d, tx: %d)", core.ErrGasLimitTooHigh, uint64(params.MaxTxGas), tx.Gas())
	}
	if tx.GasFeeCap().BitLen() > 256 {
		return core.ErrFeeCapVeryHigh
	}
	if tx.GasTipCap().BitLen() > 256 {
		return core.ErrTipVeryHigh
	}
	if tx.GasFeeCapIntCmp(tx.GasTipCap()) < 0 {
		return core.ErrTipAboveFeeCap
	}
	value, overflow := tx.Value(), tx.Value().BitLen() > 256
	if overflow {
		return errors.New("value exceeds 256 bits")
	}
	gas, err := core.IntrinsicGas(tx.Data(), tx.AccessList(), tx.SetCodeAuthorizations(), from, tx.To(), toU256(value), rules)
	if err != nil {
		return err
	}
	if tx.Gas() < gas {
		return fmt.Errorf("%w: gas %v, minimum needed %v", core.ErrIntrinsicGas, tx.Gas(), gas)
	}
	return nil
}

// outbids says whether a price replaces another: at least a tenth more, as in go-ethereum's pool.
func outbids(price, old *big.Int) bool {
	least := new(big.Int).Mul(old, big.NewInt(110))
	return new(big.Int).Mul(price, big.NewInt(100)).Cmp(least) >= 0 && price.Cmp(old) > 0
}

// ready returns the transactions that the next block may hold: each account's in the order of nonces without a gap, otherwise in the
// order of arrival, and only those that can pay the base fee.
func (p *pool) ready(l *ledger) []*types.Transaction {
	baseFee := l.nextBaseFee()
	next := map[common.Address]uint64{}
	left := slices.Clone(p.waiting)
	var out []*types.Transaction
	for {
		kept := left[:0]
		before := len(out)
		for _, tx := range left {
			from := p.from(tx)
			if _, seen := next[from]; !seen {
				next[from] = p.nonces(from)
			}
			if tx.Nonce() == next[from] && tx.GasFeeCapIntCmp(baseFee) >= 0 {
				out = append(out, tx)
				next[from]++
			} else {
				kept = append(kept, tx)
			}
		}
		left = kept
		if len(out) == before {
			return out
		}
	}
}

func (p *pool) executable(l *ledger) bool { return len(p.ready(l)) > 0 }

// nextNonce counts the account's transactions, with those that wait in an unbroken row.
func (p *pool) nextNonce(a common.Address) uint64 {
	next := p.nonces(a)
	for found := true; found; {
		found = false
		for _, tx := range p.waiting {
			if tx.Nonce() == next && p.from(tx) == a {
				next++
				found = true
			}
		}
	}
	return next
}

// prune drops what is in a block now, or can never be.
func (p *pool) prune(l *ledger) {
	p.waiting = slices.DeleteFunc(p.waiting, func(tx *types.Transaction) bool {
		gone := tx.Nonce() < p.nonces(p.from(tx))
		if gone {
			delete(p.byHash, tx.Hash())
		}
		return gone
	})
}
