package anchor

import (
	"context"
	"encoding/json"
	"math/big"
	"sync"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"

	"github.com/khyer/khyer/did/didethr"
	"github.com/khyer/khyer/internal/ethrpc"
)

// Receipt says where a transaction stands.
type Receipt struct {
	Tx        [32]byte
	Block     uint64
	BlockHash [32]byte
	GasUsed   uint64
	GasPrice  *big.Int        // wei for each unit of gas that was paid
	Contract  didethr.Address // the contract that the transaction created, or zero
}

// A limit above the estimate: what a transaction needs can grow between estimate and block, such as when another one made the
// identity's history longer or, on the other hand, was undone. Unused gas is not paid.
const (
	marginNum = 5
	marginDen = 4
)

// transact signs, hands in and follows a transaction until it is in a block. A nil to creates a contract, a nil value pays nothing.
func (r *Registry) transact(ctx context.Context, from Signer, to *didethr.Address, value *big.Int, data []byte) (Receipt, error) {
	if from == nil {
		return Receipt{}, fail(BadConfig, "no signer")
	}
	tx, err := r.send(ctx, from, to, value, data)
	if err != nil {
		return Receipt{}, err
	}
	return r.mined(ctx, tx.Hash(), from.Address(), to, value, data)
}

// send holds the account's lock from reading its nonce until the node has the transaction, so that no two get the same one.
func (r *Registry) send(ctx context.Context, from Signer, to *didethr.Address, value *big.Int, data []byte) (*types.Transaction, error) {
	lock := r.lock(from.Address())
	lock.Lock()
	defer lock.Unlock()
	inner, err := r.prepare(ctx, from.Address(), to, value, data)
	if err != nil {
		return nil, err
	}
	unsigned := types.NewTx(inner)
	digest := [32]byte(r.signing.Hash(unsigned))
	sig, err := from.SignDigest(ctx, digest)
	if err != nil {
		return nil, &Error{Reason: BadSignature, Err: err}
	}
	if err := check(from.Address(), digest, sig); err != nil {
		return nil, &Error{Reason: BadSignature, Err: err}
	}
	tx, err := unsigned.WithSignature(r.signing, sig[:])
	if err != nil {
		return nil, &Error{Reason: BadSignature, Err: err}
	}
	raw, err := tx.MarshalBinary()
	if err != nil {
		return nil, &Error{Reason: BadConfig, Err: err}
	}
	r.progress(Progress{Tx: tx.Hash()})
	var hash hexBytes
	if err := r.node.Call(ctx, &hash, "eth_sendRawTransaction", hexBytes(raw)); err != nil {
		e := nodeError(err)
		e.Tx = tx.Hash()
		return nil, e
	}
	return tx, nil
}

func (r *Registry) lock(a didethr.Address) *sync.Mutex {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.locks[a] == nil {
		r.locks[a] = new(sync.Mutex)
	}
	return r.locks[a]
}

// call is a transaction as eth_call and eth_estimateGas take it.
type call struct {
	From  string   `json:"from"`
	To    string   `json:"to,omitempty"`
	Value string   `json:"value,omitempty"`
	Data  hexBytes `json:"data"`
}

func newCall(from didethr.Address, to *didethr.Address, value *big.Int, data []byte) call {
	c := call{From: from.String(), Data: data}
	if to != nil {
		c.To = to.String()
	}
	if value != nil {
		c.Value = "0x" + value.Text(16)
	}
	return c
}

// prepare asks, in one request, for all that a transaction needs to be priced and numbered, and for the chain: the node behind a URL
// may have changed since it was last asked.
func (r *Registry) prepare(ctx context.Context, from didethr.Address, to *didethr.Address, value *big.Int, data []byte) (*types.DynamicFeeTx, error) {
	const lookBack = 5 // blocks whose priority fees are looked at
	calls := []ethrpc.Call{
		{Method: "eth_chainId"},
		{Method: "eth_getTransactionCount", Params: []any{from.String(), "pending"}},
		{Method: "eth_feeHistory", Params: []any{hexUint(lookBack), "latest", []float64{50}}},
		{Method: "eth_maxPriorityFeePerGas"},
		{Method: "eth_estimateGas", Params: []any{newCall(from, to, value, data)}},
	}
	if err := r.batch(ctx, calls); err != nil {
		return nil, err
	}
	if err := r.sameChain(calls[0]); err != nil {
		return nil, err
	}
	var nonce, gas hexUint
	if err := decode(calls[4], &gas); err != nil {
		return nil, err
	}
	if err := decode(calls[1], &nonce); err != nil {
		return nil, err
	}
	tip, feeCap, err := fees(calls[2], calls[3])
	if err != nil {
		return nil, err
	}
	return &types.DynamicFeeTx{
		ChainID:   r.chainID,
		Nonce:     uint64(nonce),
		GasTipCap: tip,
		GasFeeCap: feeCap,
		Gas:       limit(uint64(gas)),
		To:        (*common.Address)(to),
		Value:     value,
		Data:      data,
	}, nil
}

func limit(estimate uint64) uint64 {
	const most = 1 << 40 // no chain has blocks of that size; the sum cannot overflow
	return min(estimate, most) * marginNum / marginDen
}

// fees offers a priority fee that recent blocks took, and twice the base fee beside it: room for six full blocks in a row (EIP-1559
// lets it grow by an eighth each).
func fees(history, suggestion ethrpc.Call) (tip, feeCap *big.Int, err error) {
	var h struct {
		BaseFee []hexBig   `json:"baseFeePerGas"`
		Reward  [][]hexBig `json:"reward"`
	}
	if err := decode(history, &h); err != nil {
		return nil, nil, err
	}
	if len(h.BaseFee) == 0 {
		return nil, nil, fail(NoAnswer, "the node gives no base fee")
	}
	tip = new(big.Int)
	var s hexBig
	if suggestion.Err == nil { // not every node offers one
		if err := decode(suggestion, &s); err != nil {
			return nil, nil, err
		}
		tip.Set(&s.n)
	} else {
		for _, block := range h.Reward {
			if len(block) > 0 && block[0].n.Cmp(tip) > 0 {
				tip.Set(&block[0].n)
			}
		}
	}
	feeCap = new(big.Int).Mul(&h.BaseFee[len(h.BaseFee)-1].n, big.NewInt(2))
	return tip, feeCap.Add(feeCap, tip), nil
}

type receipt struct {
	Tx        hexHash  `json:"transactionHash"`
	Block     hexUint  `json:"blockNumber"`
	BlockHash hexHash  `json:"blockHash"`
	GasUsed   hexUint  `json:"gasUsed"`
	GasPrice  *hexBig  `json:"effectiveGasPrice"`
	Contract  hexBytes `json:"contractAddress"`
	Status    *hexUint `json:"status"`
}

// ask returns the transaction's receipt, or nil while it has none.
func (r *Registry) ask(ctx context.Context, tx [32]byte) (*receipt, error) {
	var raw json.RawMessage
	if err := r.node.Call(ctx, &raw, "eth_getTransactionReceipt", hexHash(tx)); err != nil {
		return nil, nodeError(err)
	}
	if string(raw) == "null" {
		return nil, nil
	}
	got := new(receipt)
	if err := json.Unmarshal(raw, got); err != nil || got.Tx != tx || got.Status == nil || *got.Status > 1 {
		return nil, fail(NoAnswer, "the node's receipt is not one of this transaction")
	}
	return got, nil
}

func (g *receipt) public() Receipt {
	out := Receipt{Tx: g.Tx, Block: uint64(g.Block), BlockHash: g.BlockHash, GasUsed: uint64(g.GasUsed)}
	if g.GasPrice != nil {
		out.GasPrice = &g.GasPrice.n
	}
	if len(g.Contract) == len(out.Contract) {
		out.Contract = didethr.Address(g.Contract)
	}
	return out
}

// mined waits for the transaction's block.
func (r *Registry) mined(ctx context.Context, tx [32]byte, from didethr.Address, to *didethr.Address, value *big.Int, data []byte) (Receipt, error) {
	for wait := range pauses(ctx) {
		got, err := r.ask(ctx, tx)
		if err != nil {
			if e := nodeError(err); e.Reason != NoAnswer || ctx.Err() != nil {
				e.Tx = tx
				return Receipt{Tx: tx}, e
			}
			// The transaction is with the node; a missed answer about it changes nothing.
		} else if got != nil {
			out := got.public()
			if *got.Status == 0 {
				return out, r.whyReverted(ctx, got, from, to, value, data)
			}
			r.progress(Progress{Tx: tx, Block: out.Block})
			return out, nil
		}
		wait()
	}
	return Receipt{Tx: tx}, &Error{Reason: NoAnswer, Tx: tx, Err: context.Cause(ctx)}
}

// whyReverted tries the call again at the block before and reports the contract's word.
func (r *Registry) whyReverted(ctx context.Context, got *receipt, from didethr.Address, to *didethr.Address, value *big.Int, data []byte) error {
	before := got.Block - min(got.Block, 1)
	err := r.node.Call(ctx, nil, "eth_call", newCall(from, to, value, data), before)
	e := &Error{Reason: Reverted, Tx: got.Tx}
	if err != nil {
		if again := nodeError(err); again.Reason == Reverted {
			e.Revert = again.Revert
		}
	}
	return e
}

// Final waits until the transaction's block is as final as Config.Finality asks, and returns where the transaction then stands: a
// reorganisation may have put it into another block. If it has left the chain, the error's reason is Dropped.
func (r *Registry) Final(ctx context.Context, of Receipt) (Receipt, error) {
	for wait := range pauses(ctx) {
		var head *struct {
			Number hexUint `json:"number"`
		}
		err := r.node.Call(ctx, &head, "eth_getBlockByNumber", r.finality, false)
		switch {
		case err != nil:
			if e := nodeError(err); e.Reason != NoAnswer || ctx.Err() != nil {
				return of, e
			}
		case head == nil:
			// A young chain without a final block.
		default:
			r.progress(Progress{Tx: of.Tx, Block: of.Block, Reached: uint64(head.Number)})
			if uint64(head.Number) < of.Block {
				break
			}
			got, err := r.ask(ctx, of.Tx)
			if err != nil {
				return of, err
			}
			if got == nil || *got.Status != 1 {
				return of, &Error{Reason: Dropped, Tx: of.Tx}
			}
			if of = got.public(); of.Block <= uint64(head.Number) {
				return of, nil
			}
		}
		wait()
	}
	return of, &Error{Reason: NoAnswer, Tx: of.Tx, Err: context.Cause(ctx)}
}

// pauses yields until ctx ends; what it yields waits, each time a little longer.
func pauses(ctx context.Context) func(yield func(func()) bool) {
	return func(yield func(func()) bool) {
		const longest = 2 * time.Second
		pause := 20 * time.Millisecond
		for ctx.Err() == nil {
			wait := func() {
				t := time.NewTimer(pause)
				defer t.Stop()
				select {
				case <-t.C:
				case <-ctx.Done():
				}
				pause = min(pause*3/2, longest)
			}
			if !yield(wait) {
				return
			}
		}
	}
}
