package anchor

import (
	"bytes"
	"context"
	"encoding/json"
	"math/big"
	"slices"
	"sync"

	"github.com/khyer/khyer/did/didethr"
)

// Journal remembers what was signed, so that a crash neither loses an operation nor doubles one: a signed transaction is in the journal
// before it is sent, and the next process that opens the journal hands it in again. One journal serves any number of accounts and chains,
// and one process at a time. It is safe for concurrent use.
//
// It holds no secrets: what stands in it is public once it is sent. It grows by about a kilobyte for each transaction.
type Journal struct {
	store Store
	close func() error

	mu   sync.Mutex
	ids  map[string]*job // operations with a name, done or under way
	open map[string]*job // of a process before this one, and not known to have ended; by job.key
	from map[*job]place
}

// Store keeps a journal's records where a crash does not reach them.
type Store interface {
	// Append adds a record of less than 256 KiB. When it returns nil, the record survives a crash of the machine. When it returns an
	// error, the record may be there or not.
	Append(record []byte) error
	// Records returns all records in the order in which they were appended.
	Records() ([][]byte, error)
}

// place says on which chain a job is.
type place struct {
	chain   uint64
	genesis [32]byte
}

// record is a line of the journal: either what was signed for jobs, or how jobs ended.
type record struct {
	Signed []signedRecord `json:"signed,omitempty"`
	Ended  []endedRecord  `json:"ended,omitempty"`
}

// signedRecord has a transaction with its parts, so that it can be sent again as it is or signed again with other fees.
type signedRecord struct {
	Job     string      `json:"job"`
	ID      string      `json:"id,omitempty"`
	Chain   hexUint     `json:"chain"`
	Genesis hexHash     `json:"genesis"`
	From    hexAddress  `json:"from"`
	To      *hexAddress `json:"to,omitempty"`
	Value   *hexBig     `json:"value,omitempty"`
	Data    hexBytes    `json:"data"`
	Nonce   hexUint     `json:"nonce"`
	Gas     hexUint     `json:"gas"`
	Tip     hexBig      `json:"tip"`
	FeeCap  hexBig      `json:"feeCap"`
	Raw     hexBytes    `json:"raw"`
}

type endedRecord struct {
	Job   string `json:"job"`
	State State  `json:"state"`
}

// NewJournal reads a journal that is kept in a Store.
func NewJournal(s Store) (*Journal, error) {
	j := &Journal{store: s, ids: map[string]*job{}, open: map[string]*job{}, from: map[*job]place{}}
	records, err := s.Records()
	if err != nil {
		return nil, &Error{Reason: JournalFailed, Err: err}
	}
	all := map[string]*job{}
	for n, line := range records {
		var r record
		d := json.NewDecoder(bytes.NewReader(line))
		d.DisallowUnknownFields()
		if err := d.Decode(&r); err != nil || d.More() {
			return nil, fail(JournalFailed, "record %d cannot be read", n+1)
		}
		for _, s := range r.Signed {
			if err := j.load(all, s); err != nil {
				return nil, fail(JournalFailed, "record %d: %w", n+1, err)
			}
		}
		for _, e := range r.Ended {
			if all[e.Job] == nil {
				return nil, fail(JournalFailed, "record %d ends what did not begin", n+1)
			}
			j.end(all[e.Job], e.State)
		}
	}
	return j, nil
}

func (j *Journal) load(all map[string]*job, s signedRecord) error {
	raw := []byte(s.Raw)
	if s.Job == "" || len(raw) == 0 {
		return errIncomplete
	}
	x := all[s.Job]
	if x == nil {
		x = &job{key: s.Job, id: s.ID, from: didethr.Address(s.From), to: (*didethr.Address)(s.To), data: s.Data, busy: make(chan struct{}, 1)}
		if s.Value != nil {
			x.value = &s.Value.n
		}
		all[s.Job] = x
	}
	x.tx = transaction{chainID: uint64(s.Chain), nonce: uint64(s.Nonce), tip: &s.Tip.n, feeCap: &s.FeeCap.n, gas: uint64(s.Gas), to: x.to,
		value: x.value, data: x.data}
	x.attempts = append(x.attempts, attempt{keccak(raw), raw, uint64(s.Nonce)})
	x.receipt = Receipt{State: Pending, ID: x.id, Tx: keccak(raw)}
	j.open[x.key] = x
	j.from[x] = place{uint64(s.Chain), s.Genesis}
	if x.id != "" {
		j.ids[x.id] = x
	}
	return nil
}

var errIncomplete = fail(JournalFailed, "a part is missing")

// end forgets a job, unless its name must be remembered because it was done.
func (j *Journal) end(x *job, s State) {
	delete(j.open, x.key)
	if s == Mined && x.id != "" {
		return
	}
	if j.ids[x.id] == x {
		delete(j.ids, x.id)
	}
	delete(j.from, x)
}

// signed writes down what was signed last for the jobs, in one record: they are in the journal all or none.
func (j *Journal) signed(r *Registry, jobs []*job) error {
	if j == nil {
		return nil
	}
	var line record
	for _, x := range jobs {
		s := signedRecord{Job: x.key, ID: x.id, Chain: hexUint(r.network.ChainID), Genesis: r.genesis, From: hexAddress(x.from), To: (*hexAddress)(x.to), Data: x.data,
			Nonce: hexUint(x.tx.nonce), Gas: hexUint(x.tx.gas), Tip: hexBig{*x.tx.tip}, FeeCap: hexBig{*x.tx.feeCap}, Raw: x.newest().raw}
		if x.value != nil {
			s.Value = &hexBig{*x.value}
		}
		line.Signed = append(line.Signed, s)
	}
	return j.append(line)
}

// ended writes down how jobs ended. If that fails, the next process finds out from the chain.
func (j *Journal) ended(jobs []*job, s State) {
	if j == nil {
		return
	}
	var line record
	for _, x := range jobs {
		line.Ended = append(line.Ended, endedRecord{x.key, s})
	}
	_ = j.append(line)
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, x := range jobs {
		j.end(x, s)
	}
}

func (j *Journal) append(line record) error {
	text, err := json.Marshal(line)
	if err == nil {
		err = j.store.Append(text)
	}
	if err != nil {
		return &Error{Reason: JournalFailed, Err: err}
	}
	return nil
}

// claim takes a job's name. If the journal has a job of that name already, that one is returned instead.
func (j *Journal) claim(r *Registry, x *job) (*job, error) {
	if x.id == "" {
		return x, nil
	}
	if j == nil {
		return nil, fail(BadConfig, "an operation with a name needs a Config.Journal that remembers it")
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	have := j.ids[x.id]
	here := place{r.network.ChainID, r.genesis}
	if have == nil {
		j.ids[x.id], j.from[x] = x, here
		return x, nil
	}
	if have.from != x.from || j.from[have] != here || !sameAddress(have.to, x.to) || !bytes.Equal(have.data, x.data) {
		return nil, fail(BadConfig, "the name of an operation stands for another one in the journal")
	}
	return have, nil
}

// adopt lets a job that was signed before be signed again, if it is not in somebody's hands at the moment.
func (r *Registry) adopt(j *job, s Signer) {
	select {
	case j.busy <- struct{}{}:
		j.signer = s
		j.release()
	default:
	}
}

// unclaim gives the name back if nothing came of the job.
func (j *Journal) unclaim(x *job) {
	if j == nil || x.id == "" || len(x.attempts) > 0 {
		return
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.end(x, Unsent)
}

func sameAddress(a, b *didethr.Address) bool {
	return a == b || a != nil && b != nil && *a == *b
}

// unfinished returns the jobs on the registry's chain that a process before this one left, in the order of accounts and nonces.
func (j *Journal) unfinished(r *Registry) (jobs []*job) {
	if j == nil {
		return nil
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	here := place{r.network.ChainID, r.genesis}
	for _, x := range j.open {
		if j.from[x] == here {
			jobs = append(jobs, x)
		}
	}
	slices.SortFunc(jobs, func(a, b *job) int {
		if c := bytes.Compare(a.from[:], b.from[:]); c != 0 {
			return c
		}
		return new(big.Int).SetUint64(a.tx.nonce).Cmp(new(big.Int).SetUint64(b.tx.nonce))
	})
	return jobs
}

// attach takes the nonces of what is unfinished, and hands it in again: what is signed from now on comes after it.
func (j *Journal) attach(ctx context.Context, r *Registry) error {
	for _, x := range j.unfinished(r) {
		if err := x.acquire(ctx); err != nil {
			return err
		}
		r.account(x.from).add(x)
		_ = r.handIn(ctx, x.newest().raw) // Resume says what became of it
		x.release()
	}
	return nil
}

// Resume brings to an end what a process before this one had signed and not seen in a block, and says what became of it; operations that
// were given a name with Op.Once have it in Receipt.ID. Open has handed it all in again already. Whoever applies the same named operations
// again needs no Resume. The signers are asked if a transaction of theirs must be replaced; without its signer a stuck transaction waits.
func (r *Registry) Resume(ctx context.Context, signers ...Signer) ([]Receipt, error) {
	var out []Receipt
	var first error
	for _, x := range r.journal.unfinished(r) {
		for _, s := range signers {
			if s != nil && s.Address() == x.from {
				r.adopt(x, s)
			}
		}
		got, err := r.follow(ctx, x)
		out = append(out, got)
		if err != nil && first == nil {
			first = err
		}
	}
	return out, first
}

// Close closes the file of a journal that OpenJournal opened.
func (j *Journal) Close() error {
	if j.close == nil {
		return nil
	}
	return j.close()
}
