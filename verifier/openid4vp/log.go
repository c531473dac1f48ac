package openid4vp

import (
	"context"
	"strings"
	"time"

	"github.com/khyer/khyer/disclosure"
)

// Step is what happened in a transaction.
type Step string

// Steps.
const (
	Begun        Step = "begun"
	Fetched      Step = "request_fetched" // a wallet has the request
	Refused      Step = "answer_refused"  // what came was no answer to this request: anybody could have sent it
	Rejected     Step = "answer_rejected" // the verifier's Reason says why
	Inconclusive Step = "answer_inconclusive"
	Accepted     Step = "answer_accepted"
	WalletSaid   Step = "wallet_error" // Detail is its error code
	Returned     Step = "browser_returned"
	Read         Step = "result_read"
)

// Event is a step in the log of a transaction. It holds no value of a claim, and nothing that a wallet wrote but an error code that is known.
type Event struct {
	At     time.Time         `json:"at"`
	Step   Step              `json:"step"`
	Reason disclosure.Reason `json:"reason,omitempty"` // of Refused, Rejected and Inconclusive
	Query  string            `json:"query,omitempty"`  // the credential query that Reason is about
	Path   disclosure.Path   `json:"path,omitempty"`   // the claim that Reason is about
	Detail string            `json:"detail,omitempty"` // for who mends it
}

const (
	logLife   = 5 * time.Minute // how much longer than the transaction its log is kept
	logEvents = 48              // more are counted and not kept: see record.Failed
)

// note adds an event to a transaction, which the caller stores.
func (d *Door) note(t *transaction, e Event) {
	e.At = d.now()
	if len(t.Log) < logEvents || e.Step == Accepted || e.Step == Returned || e.Step == Read { // which come once
		t.Log = append(t.Log, e)
	}
	t.fresh = append(t.fresh, e)
}

// observe tells Config.Observe what has been stored.
func (d *Door) observe(ctx context.Context, t *transaction) {
	for _, e := range t.fresh {
		if d.c.Observe != nil {
			d.c.Observe(ctx, t.handle+"."+encode(t.Secret), e)
		}
	}
	t.fresh = nil
}

// Log returns what happened in the transaction with this ID, for whoever wants to know why a wallet says no more than that something went wrong: the first 48 steps
// and its end. It is kept five minutes longer than the transaction. The error is ErrExpired if there is none of this id any more, or the store's.
func (d *Door) Log(ctx context.Context, id string) ([]Event, error) {
	t, err := d.byID(ctx, id)
	if err != nil {
		return nil, err
	}
	return t.Log, nil
}

// byID loads a transaction for the agency itself.
func (d *Door) byID(ctx context.Context, id string) (*transaction, error) {
	handle, secret, _ := strings.Cut(id, ".")
	t, err := d.load(ctx, handle)
	if err != nil {
		return nil, lapsed(err)
	}
	if !same([]byte(encode(t.Secret)), []byte(secret)) {
		return nil, ErrExpired
	}
	return t, nil
}
