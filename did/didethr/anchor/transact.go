package anchor

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"math/big"
	"strings"
	"time"

	"github.com/khyer/khyer/did/didethr"
	"github.com/khyer/khyer/internal/ethrpc"
)

// Receipt says where a transaction stands.
type Receipt struct {
	State     State
	ID        string // of the operation, if it has one; see Op.Once
	Tx        [32]byte
	Block     uint64
	BlockHash [32]byte
	GasUsed   uint64
	GasPrice  *big.Int        // wei for each unit of gas that was paid
	Contract  didethr.Address // the contract that the transaction created, or zero

	job *job // with which Final can send it again; nil if the receipt was made elsewhere
}

// A limit above the estimate: what a transaction needs can grow between estimate and block, such as when another one made the
// identity's history longer or, on the other hand, was undone. Unused gas is not paid.
//
// Beside a quarter there is a fixed sum. A node estimates in its newest block; if that has the identity's last change, writing the number of
// the block changes nothing there, and in the next block costs 2,800 more (Osaka) or 10,000 (Amsterdam), however small the rest is.
const (
	marginNum  = 5
	marginDen  = 4
	marginFlat = 15_000
)

// A stuck transaction is replaced by one that pays an eighth more on both counts: nodes want a tenth (go-ethereum, Erigon, Besu and
// Nethermind by default), some wanted an eighth.
const (
	bumpNum  = 9
	bumpDen  = 8
	maxBumps = 8 // together 2.6 times the first fee
)

const (
	lookBack    = 5  // blocks whose priority fees are looked at
	maxRenumber = 3  // other nonces for a job that lost its own after it was handed in
	maxTaken    = 12 // nonces that a node may refuse because another process was faster; one of a lying node costs a fee each
	maxOps      = 64 // in one call: go-ethereum's pool keeps that many of an account whose turn has not come
)

// quote is what transactions cost now.
type quote struct {
	base, tip *big.Int
	gas       []uint64 // limit of each job
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

func (j *job) call() call { return newCall(j.from, j.to, j.value, j.data) }

// quote asks, in one request, for all that the jobs of one account need to be priced, and for the chain: the node behind a URL may have
// changed since it was last asked. A job that the registry would refuse fails here, before it costs anything.
func (r *Registry) quote(ctx context.Context, jobs []*job) (*quote, error) {
	calls := []ethrpc.Call{
		{Method: "eth_chainId"},
		{Method: "eth_feeHistory", Params: []any{hexUint(lookBack), "latest", []float64{50}}},
		{Method: "eth_maxPriorityFeePerGas"},
		{Method: "eth_getBalance", Params: []any{jobs[0].from.String(), "latest"}},
	}
	first := len(calls)
	for _, j := range jobs {
		calls = append(calls, ethrpc.Call{Method: "eth_estimateGas", Params: []any{j.call()}})
	}
	if err := r.batch(ctx, calls); err != nil {
		return nil, err
	}
	if err := r.sameChain(calls[0]); err != nil {
		return nil, err
	}
	q := new(quote)
	for i := range jobs {
		var gas hexUint
		if err := decode(calls[first+i], &gas); err != nil {
			return nil, err
		}
		q.gas = append(q.gas, limit(uint64(gas)))
	}
	var err error
	if q.base, q.tip, err = fees(calls[1], calls[2]); err != nil {
		return nil, err
	}
	var balance hexBig
	if err := decode(calls[3], &balance); err != nil {
		return nil, err
	}
	most := new(big.Int)
	for i, j := range jobs {
		feeCap, err := r.feeCap(q.base, q.tip, q.gas[i])
		if err != nil {
			return nil, err
		}
		most.Add(most, new(big.Int).Mul(feeCap, new(big.Int).SetUint64(q.gas[i])))
		if j.value != nil {
			most.Add(most, j.value)
		}
	}
	if balance.n.Cmp(most) < 0 {
		return nil, fail(Unfunded, "the account has %v wei, and this may cost %v", &balance.n, most)
	}
	return q, nil
}

func limit(estimate uint64) uint64 {
	const most = 1 << 40 // no chain has blocks of that size; the sum cannot overflow
	return min(estimate, most)*marginNum/marginDen + marginFlat
}

// fees returns the next block's base fee, and a priority fee that recent blocks took.
func fees(history, suggestion ethrpc.Call) (base, tip *big.Int, err error) {
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
	return new(big.Int).Set(&h.BaseFee[len(h.BaseFee)-1].n), tip, nil
}

// feeCap offers twice the base fee beside the priority fee: room for six full blocks in a row (EIP-1559 lets it grow by an eighth each).
// Where that could cost more than Config.MaxFee, it offers what that allows, if the next block would take it.
func (r *Registry) feeCap(base, tip *big.Int, gas uint64) (*big.Int, error) {
	most := new(big.Int).Div(r.maxFee, new(big.Int).SetUint64(max(gas, 1)))
	want := new(big.Int).Add(tip, new(big.Int).Lsh(base, 1))
	if want.Cmp(most) <= 0 {
		return want, nil
	}
	if least := new(big.Int).Add(base, tip); least.Cmp(most) > 0 {
		cost := least.Mul(least, new(big.Int).SetUint64(gas))
		return nil, fail(FeeTooHigh, "%d gas at the node's prices could cost %v wei, and Config.MaxFee is %v", gas, cost, r.maxFee)
	}
	return most, nil
}

// send signs the jobs of one account with consecutive nonces and hands them in, in order and without waiting for blocks. The error is of
// the first job that could not be: it and those behind it were not sent, as their State says.
func (r *Registry) send(ctx context.Context, q *quote, jobs []*job) error {
	from := jobs[0].from
	a := r.account(from)
	if err := a.acquire(ctx); err != nil {
		return err
	}
	defer a.release()
	var floor uint64
	tries := 0
	for rest := jobs; len(rest) > 0; {
		done := len(jobs) - len(rest)
		nonce, err := r.nonce(ctx, a, from, floor)
		if err != nil {
			return err
		}
		for i, j := range rest {
			if err := r.price(j, q, done+i); err != nil {
				return err
			}
			j.tx.nonce = nonce + uint64(i)
			if err := r.sign(ctx, j); err != nil {
				unsign(rest[:i])
				return err
			}
		}
		if err := r.journal.signed(r, rest); err != nil {
			unsign(rest)
			return err
		}
		a.add(rest...)
		taken, err := r.handInAll(ctx, rest)
		rest = rest[taken:]
		if err == nil {
			return nil
		}
		a.remove(rest...)
		first := rest[0]
		taught := errors.Is(err, errNonceTaken) && first.repeatable() && tries < maxTaken
		tx := first.newest().hash
		r.journal.ended(rest, Unsent)
		unsign(rest)
		if !taught {
			e := nodeError(err)
			e.Tx = tx
			return e
		}
		tries++
		floor = first.tx.nonce + 1
		if tries > 1 {
			yieldTurn(ctx, tries)
		}
	}
	return nil
}

// yieldTurn waits a little, at random: two processes that write with one account would keep taking the same nonce.
func yieldTurn(ctx context.Context, tries int) {
	var b [2]byte
	rand.Read(b[:]) // never fails
	t := time.NewTimer(time.Duration(int(b[0])<<8|int(b[1])) * time.Microsecond / 8 * time.Duration(tries))
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// price takes the quote's fees; a job that is signed again keeps its gas.
func (r *Registry) price(j *job, q *quote, i int) error {
	feeCap, err := r.feeCap(q.base, q.tip, q.gas[i])
	if err != nil {
		return err
	}
	j.tx = transaction{chainID: r.network.ChainID, tip: q.tip, feeCap: feeCap, gas: q.gas[i], to: j.to, value: j.value, data: j.data}
	if j.tx.tip.Cmp(feeCap) > 0 {
		j.tx.tip = feeCap
	}
	return nil
}

// sign makes an attempt of the job's transaction.
func (r *Registry) sign(ctx context.Context, j *job) error {
	sig, err := signDigest(ctx, j.signer, j.tx.digest())
	if err != nil {
		return err
	}
	raw := j.tx.signed(sig)
	j.attempts = append(j.attempts, attempt{hash: keccak(raw), raw: raw, nonce: j.tx.nonce})
	return nil
}

// signDigest asks a signer and looks at what it gives: a Signer may be a service far away, and a transaction signed by another key
// would be another account's.
func signDigest(ctx context.Context, s Signer, digest [32]byte) (sig [65]byte, err error) {
	address := s.Address()
	sig, err = s.SignDigest(ctx, digest)
	if err != nil {
		var e *Error
		if errors.As(err, &e) {
			return sig, e
		}
		return sig, &Error{Reason: SignerFailed, Err: err}
	}
	if err := check(address, digest, sig); err != nil {
		return sig, &Error{Reason: BadSignature, Err: err}
	}
	return sig, nil
}

// unsign forgets the newest attempts, which no node has taken.
func unsign(jobs []*job) {
	for _, j := range jobs {
		if n := len(j.attempts); n > 0 {
			j.attempts = j.attempts[:n-1]
		}
		if len(j.attempts) == 0 {
			j.receipt.State = Unsent
		}
	}
}

// handInAll hands jobs in until the node refuses one. Where it gives no answer, it may have the transaction nevertheless: whoever
// follows the job tries again.
func (r *Registry) handInAll(ctx context.Context, jobs []*job) (taken int, err error) {
	for i, j := range jobs {
		if i > 0 && ctx.Err() != nil {
			return i, &Error{Reason: NoAnswer, Err: context.Cause(ctx)}
		}
		r.progress(Progress{Stage: Sending, Tx: j.newest().hash})
		err := r.handIn(ctx, j.newest().raw)
		if e := (*Error)(nil); errors.As(err, &e) && e.Reason == NoAnswer {
			j.handed = time.Time{}
		} else if err != nil {
			return i, err
		} else {
			j.handed = time.Now()
		}
		j.receipt.State, j.receipt.Tx = Pending, j.newest().hash
	}
	return len(jobs), nil
}

// errNonceTaken: the nonce belongs to another transaction, in a block or in the pool.
var errNonceTaken = errors.New("the node has another transaction with this nonce")

// handIn gives a node a signed transaction. A node that has it already is as good as one that takes it.
func (r *Registry) handIn(ctx context.Context, raw []byte) error {
	err := r.node.Call(ctx, nil, "eth_sendRawTransaction", hexBytes(raw))
	var e *ethrpc.Error
	if err == nil || errors.As(err, &e) && says(e, knownWords) {
		return nil
	}
	if e == nil || !says(e, takenWords) {
		return nodeError(err)
	}
	// What a node calls too low may be this very transaction, mined since it was handed in before.
	if got, err := r.ask(ctx, keccak(raw)); err == nil && got != nil {
		return nil
	}
	return &Error{Reason: NodeRefused, Err: errors.Join(errNonceTaken, e)}
}

// The words of go-ethereum, Erigon, Besu, Nethermind, OpenEthereum and anvil, in lower case. JSON-RPC has no codes for them.
var (
	knownWords = []string{"already known", "alreadyknown", "known transaction", "already imported", "already in mempool", "already exists"}
	takenWords = []string{"nonce too low", "nonce is too low", "oldnonce", "replacement transaction underpriced", "replacementnotallowed",
		"could not replace existing tx", "gas price is too low. there is another transaction with same nonce"}
)

func says(e *ethrpc.Error, words []string) bool {
	message := strings.ToLower(e.Message)
	for _, w := range words {
		if strings.Contains(message, w) {
			return true
		}
	}
	return false
}

// counts returns how many transactions of an account are in blocks, and how many with those that wait.
func (r *Registry) counts(ctx context.Context, a didethr.Address) (latest, pending uint64, err error) {
	calls := []ethrpc.Call{
		{Method: "eth_getTransactionCount", Params: []any{a.String(), "latest"}},
		{Method: "eth_getTransactionCount", Params: []any{a.String(), "pending"}},
	}
	if err := r.batch(ctx, calls); err != nil {
		return 0, 0, err
	}
	var n [2]hexUint
	for i := range n {
		if err := decode(calls[i], &n[i]); err != nil {
			return 0, 0, err
		}
	}
	return uint64(n[0]), uint64(n[1]), nil
}

func randomName() string {
	var b [16]byte
	rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}
