package anchor

import (
	"context"
	"encoding/json"
	"errors"
	"math/big"
	"time"

	"github.com/khyer/khyer/did/didethr"
	"github.com/khyer/khyer/internal/ethrpc"
)

type receipt struct {
	Tx        hexHash  `json:"transactionHash"`
	Block     hexUint  `json:"blockNumber"`
	BlockHash hexHash  `json:"blockHash"`
	GasUsed   hexUint  `json:"gasUsed"`
	GasPrice  *hexBig  `json:"effectiveGasPrice"`
	Contract  hexBytes `json:"contractAddress"`
	Status    *hexUint `json:"status"`
}

// readReceipt returns nil while the transaction has none.
func readReceipt(raw json.RawMessage, tx [32]byte) (*receipt, error) {
	if string(raw) == "null" {
		return nil, nil
	}
	got := new(receipt)
	if err := json.Unmarshal(raw, got); err != nil || got.Tx != tx || got.Status == nil || *got.Status > 1 {
		return nil, fail(NoAnswer, "the node's receipt is not one of this transaction")
	}
	return got, nil
}

// ask returns the transaction's receipt, or nil while it has none.
func (r *Registry) ask(ctx context.Context, tx [32]byte) (*receipt, error) {
	var raw json.RawMessage
	if err := r.node.Call(ctx, &raw, "eth_getTransactionReceipt", hexHash(tx)); err != nil {
		return nil, nodeError(err)
	}
	return readReceipt(raw, tx)
}

func (g *receipt) public(j *job) Receipt {
	out := Receipt{State: Mined, Tx: g.Tx, Block: uint64(g.Block), BlockHash: g.BlockHash, GasUsed: uint64(g.GasUsed), job: j}
	if j != nil {
		out.ID = j.id
	}
	if *g.Status == 0 {
		out.State = Failed
	}
	if g.GasPrice != nil {
		out.GasPrice = &g.GasPrice.n
	}
	if len(g.Contract) == len(out.Contract) {
		out.Contract = didethr.Address(g.Contract)
	}
	return out
}

// look asks for the receipts of all that was signed for a job, and for the account's count of mined transactions. The count stands
// first: a node that answers in order cannot count a transaction whose receipt it did not have.
func (r *Registry) look(ctx context.Context, j *job) (found *receipt, count uint64, err error) {
	calls := []ethrpc.Call{{Method: "eth_getTransactionCount", Params: []any{j.from.String(), "latest"}}}
	for _, a := range j.attempts {
		calls = append(calls, ethrpc.Call{Method: "eth_getTransactionReceipt", Params: []any{hexHash(a.hash)}})
	}
	if err := r.batch(ctx, calls); err != nil {
		return nil, 0, err
	}
	for i, a := range j.attempts {
		if err := calls[i+1].Err; err != nil {
			return nil, 0, nodeError(err)
		}
		if got, err := readReceipt(calls[i+1].Result, a.hash); err != nil || got != nil {
			return got, 0, err
		}
	}
	var n hexUint
	if err := decode(calls[0], &n); err != nil {
		return nil, 0, err
	}
	return nil, uint64(n), nil
}

// follow waits until a job is in a block. While it waits it hands the transaction in again if the node may have lost it, replaces one
// that is stuck, and gives a job another nonce if its own went to another transaction. A job is followed by one caller at a time.
func (r *Registry) follow(ctx context.Context, j *job) (Receipt, error) {
	if err := j.acquire(ctx); err != nil {
		return Receipt{State: Pending, ID: j.id, job: j}, err
	}
	defer j.release()
	if len(j.attempts) == 0 {
		return Receipt{ID: j.id}, fail(NodeRefused, "the transaction was not sent")
	}
	p := pursuit{r: r, j: j, account: r.account(j.from)}
	err := p.run(ctx)
	if e := (*Error)(nil); errors.As(err, &e) && e.Tx == ([32]byte{}) {
		e.Tx = j.receipt.Tx
	}
	j.receipt.ID, j.receipt.job = j.id, j
	if j.receipt.State != Pending || r.journal == nil {
		p.account.remove(j)
	}
	if j.receipt.State != Pending {
		r.journal.ended([]*job{j}, j.receipt.State)
	}
	return j.receipt, err
}

// pursuit is the following of one job.
type pursuit struct {
	r       *Registry
	j       *job
	account *account
	gone    time.Time // since when the nonce has been counted as used, without a receipt
	refused int       // answers that were refusals
}

func (p *pursuit) run(ctx context.Context) error {
	const patience = 10 // refusals; the transaction is with the node, and a limit on requests passes
	j := p.j
	j.receipt.State, j.receipt.Tx = Pending, j.newest().hash
	last := error(nil)
	for wait := range pauses(ctx) {
		found, count, err := p.r.look(ctx, j)
		if e := (*Error)(nil); errors.As(err, &e) {
			last = e
			if e.Reason != NoAnswer {
				if p.refused++; p.refused >= patience {
					return e
				}
			}
			wait()
			continue
		}
		p.refused = 0
		if found != nil {
			return p.ended(ctx, found)
		}
		done, err := p.push(ctx, count)
		if err != nil || done {
			return err
		}
		wait()
	}
	return &Error{Reason: NoAnswer, Err: errors.Join(context.Cause(ctx), last)}
}

func (p *pursuit) ended(ctx context.Context, found *receipt) error {
	p.j.receipt = found.public(p.j)
	if p.j.receipt.State == Failed {
		return p.r.whyReverted(ctx, found, p.j)
	}
	p.r.progress(Progress{Stage: InBlock, Tx: found.Tx, Block: uint64(found.Block)})
	return nil
}

// push does what can be done for a transaction that is in no block.
func (p *pursuit) push(ctx context.Context, count uint64) (done bool, err error) {
	j, r := p.j, p.r
	nonce := j.newest().nonce
	if count > nonce {
		return p.overtaken(ctx)
	}
	p.gone = time.Time{}
	if !j.handed.IsZero() && time.Since(j.handed) < r.bumpAfter {
		return false, nil
	}
	stuck := !j.handed.IsZero()
	if count < nonce { // others of ours come first; the node may have lost them
		for _, raw := range p.account.below(nonce) {
			_ = r.handIn(ctx, raw) // whoever follows them looks after them
		}
	}
	err = r.handIn(ctx, j.newest().raw)
	e := (*Error)(nil)
	switch {
	case err == nil:
		j.handed = time.Now()
	case errors.Is(err, errNonceTaken):
		// Either the count will say so, or another transaction waits in the pool: one of ours that pays more, which look asks after, or a
		// stranger's with the account's key.
		j.handed = time.Now()
	case errors.As(err, &e) && e.Reason == NoAnswer:
		return false, nil
	default:
		return false, err
	}
	if stuck && count == nonce {
		p.bump(ctx)
	}
	return false, nil
}

// bump replaces the transaction by one that pays more. Whatever goes wrong, the one before goes on waiting.
func (p *pursuit) bump(ctx context.Context) {
	j, r := p.j, p.r
	if j.signer == nil || j.bumps >= maxBumps {
		return
	}
	base, tip, err := r.prices(ctx)
	if err != nil {
		return
	}
	before := j.tx
	tip = maxBig(tip, raised(before.tip))
	feeCap, err := r.feeCap(base, tip, before.gas)
	if err != nil {
		return
	}
	if feeCap = maxBig(feeCap, raised(before.feeCap)); r.tooMuch(feeCap, before.gas) {
		return
	}
	j.tx.tip, j.tx.feeCap = tip, feeCap
	if err := r.sign(ctx, j); err != nil {
		j.tx = before
		return
	}
	if err := r.journal.signed(r, []*job{j}); err != nil {
		j.tx = before
		unsign([]*job{j})
		return
	}
	j.bumps++
	p.account.add(j)
	j.receipt.Tx = j.newest().hash
	r.progress(Progress{Stage: Replacing, Tx: j.receipt.Tx})
	_ = r.handIn(ctx, j.newest().raw)
}

func raised(n *big.Int) *big.Int {
	more := new(big.Int).Mul(n, big.NewInt(bumpNum))
	return more.Add(more.Div(more, big.NewInt(bumpDen)), big.NewInt(1))
}

func maxBig(a, b *big.Int) *big.Int {
	if a.Cmp(b) < 0 {
		return b
	}
	return a
}

// overtaken: the chain counts the nonce as used and there is no receipt. For a moment that may be two nodes behind one URL, one of which
// lags; after that another transaction has it.
func (p *pursuit) overtaken(ctx context.Context) (done bool, err error) {
	if p.gone.IsZero() {
		p.gone = time.Now()
	}
	if time.Since(p.gone) < p.r.settle {
		return false, nil
	}
	p.gone = time.Time{}
	j := p.j
	if j.signer == nil || !j.repeatable() || j.renumber >= maxRenumber {
		j.receipt.State = Lost
		return true, &Error{Reason: Dropped, Err: errNonceTaken}
	}
	j.renumber++
	q, err := p.r.quote(ctx, []*job{j})
	if err == nil {
		err = p.r.send(ctx, q, []*job{j})
	}
	if err != nil {
		j.receipt.State = Lost
		return true, err
	}
	p.r.progress(Progress{Stage: Replacing, Tx: j.newest().hash})
	return false, nil
}

// whyReverted tries the call again at the block before and reports the contract's word.
func (r *Registry) whyReverted(ctx context.Context, got *receipt, j *job) error {
	before := got.Block - min(got.Block, 1)
	err := r.node.Call(ctx, nil, "eth_call", j.call(), before)
	e := &Error{Reason: Reverted, Tx: got.Tx}
	if err != nil {
		if again := nodeError(err); again.Reason == Reverted {
			e.Revert = again.Revert
		}
	}
	return e
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

// prices asks for the fees of the next block.
func (r *Registry) prices(ctx context.Context) (base, tip *big.Int, err error) {
	calls := []ethrpc.Call{
		{Method: "eth_feeHistory", Params: []any{hexUint(lookBack), "latest", []float64{50}}},
		{Method: "eth_maxPriorityFeePerGas"},
	}
	if err := r.batch(ctx, calls); err != nil {
		return nil, nil, err
	}
	return fees(calls[0], calls[1])
}

func (r *Registry) tooMuch(feeCap *big.Int, gas uint64) bool {
	return new(big.Int).Mul(feeCap, new(big.Int).SetUint64(gas)).Cmp(r.maxFee) > 0
}
