package anchor

import (
	"context"
	"math/big"
	"sync"
	"time"

	"github.com/khyer/khyer/did/didethr"
)

// State says what has become of a transaction.
type State string

// The states.
const (
	Unsent  State = ""        // it was not sent, or the node would not have it: nothing was done
	Pending State = "pending" // it was sent, or perhaps so: it may be mined yet
	Mined   State = "mined"   // it is in a block, and done; see Registry.Final
	Failed  State = "failed"  // it is in a block, and reverted: it cost its fee and did nothing
	Lost    State = "lost"    // another transaction took its nonce: it will never be mined
)

// job is one thing to be done by a transaction, and every form in which that was signed so far: with higher fees, or with another nonce.
type job struct {
	key    string // names it among the journal's records
	id     string // of Op.Once
	from   didethr.Address
	signer Signer // nil if the job was found in a journal and nobody who may sign has come yet
	to     *didethr.Address
	value  *big.Int
	data   []byte

	busy chan struct{} // holds one token while somebody follows the job

	// What follows belongs to whoever sends or follows the job.
	tx       transaction // as it was signed last
	attempts []attempt
	handed   time.Time // when the node was last given it; zero if it has not been
	bumps    int
	renumber int // how often it got another nonce
	receipt  Receipt
}

type attempt struct {
	hash  [32]byte
	raw   []byte
	nonce uint64
}

// newJob makes a job that its maker holds until it has been sent.
func newJob(from Signer, to *didethr.Address, value *big.Int, data []byte) *job {
	j := &job{key: randomName(), from: from.Address(), signer: from, to: to, value: value, data: data, busy: make(chan struct{}, 1)}
	j.busy <- struct{}{}
	return j
}

// repeatable reports whether doing it twice is only a waste. A node that lies can bring that about where a job may get another nonce; so
// payments and deployments never get one.
func (j *job) repeatable() bool { return j.value == nil && j.to != nil }

func (j *job) newest() *attempt { return &j.attempts[len(j.attempts)-1] }

// acquire makes the caller the one who follows the job.
func (j *job) acquire(ctx context.Context) error { return acquire(ctx, j.busy) }

func (j *job) release() { <-j.busy }

// account hands out the nonces of an address on a chain. There is one in the process for each, however many Registry values write.
type account struct {
	turn chan struct{} // holds one token from reading the nonce until the transactions are handed in

	mu    sync.Mutex
	under map[*job]attempt // under way: their nonces are taken, whatever a node says
}

type accountID struct {
	chain   uint64
	genesis [32]byte
	address didethr.Address
}

var accounts = struct {
	sync.Mutex
	all map[accountID]*account
}{all: map[accountID]*account{}}

func (r *Registry) account(a didethr.Address) *account {
	id := accountID{r.network.ChainID, r.genesis, a}
	accounts.Lock()
	defer accounts.Unlock()
	if accounts.all[id] == nil {
		accounts.all[id] = &account{turn: make(chan struct{}, 1), under: map[*job]attempt{}}
	}
	return accounts.all[id]
}

func (a *account) acquire(ctx context.Context) error { return acquire(ctx, a.turn) }

func (a *account) release() { <-a.turn }

// acquire puts a token into c; one that can be had at once is had also if ctx has ended.
func acquire(ctx context.Context, c chan struct{}) error {
	select {
	case c <- struct{}{}:
		return nil
	default:
	}
	select {
	case c <- struct{}{}:
		return nil
	case <-ctx.Done():
		return &Error{Reason: NoAnswer, Err: context.Cause(ctx)}
	}
}

// add notes what was signed last for each job.
func (a *account) add(jobs ...*job) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, j := range jobs {
		a.under[j] = *j.newest()
	}
}

func (a *account) remove(jobs ...*job) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, j := range jobs {
		delete(a.under, j)
	}
}

// next returns the first nonce behind all that the account has under way here, or 0.
func (a *account) next() (n uint64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, t := range a.under {
		n = max(n, t.nonce+1)
	}
	return n
}

// below returns what has to be mined before a nonce's turn comes, as it is handed in.
func (a *account) below(nonce uint64) (raws [][]byte) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, t := range a.under {
		if t.nonce < nonce {
			raws = append(raws, t.raw)
		}
	}
	return raws
}

// What a node says of an account's transactions is not believed beyond this: pools keep far fewer that wait, and no account sends so many.
const (
	mostWaiting = 10_000
	mostNonce   = 1 << 40
)

// nonce chooses the account's next one. The node's count of what waits may lag behind, be another node's behind the same URL, or be a
// lie; what is under way here counts at least, and so does floor, which a refusal has taught.
func (r *Registry) nonce(ctx context.Context, a *account, from didethr.Address, floor uint64) (uint64, error) {
	latest, pending, err := r.counts(ctx, from)
	if err != nil {
		return 0, err
	}
	if pending > latest && pending-latest > mostWaiting || max(pending, latest) > mostNonce {
		return 0, fail(NoAnswer, "the node counts more transactions of the account than can be")
	}
	return max(latest, pending, a.next(), floor), nil
}
