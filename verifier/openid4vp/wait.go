package openid4vp

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/khyer/khyer/disclosure"
	"github.com/khyer/khyer/internal/strictjson"
	"github.com/khyer/khyer/verifier"
)

// What Wait and Result answer while there is no result; compare with errors.Is.
var (
	ErrPending  = errors.New("openid4vp: no answer yet")
	ErrExpired  = errors.New("openid4vp: the request has lapsed, or its result was read or has lapsed")
	ErrNotYours = errors.New("openid4vp: another browser began this transaction")
)

// StoreFailed is the Reason of an *verifier.Inconclusive when the store did not tell what became of a transaction.
const StoreFailed disclosure.Reason = "transaction_store_failed"

// Declined is the error when the wallet sent an error in the place of an answer. Whoever has seen the link or the QR code can send one too, so the request stays open.
type Declined struct{ Code string } // one of section 8.5, such as "access_denied"

func (e *Declined) Error() string { return "openid4vp: the wallet answers " + e.Code }

const (
	waitFor  = 20 * time.Second // how long a page's request is kept open
	waitPoll = time.Second      // how often the store is asked, for answers that came in by another process
	maxGuess = 5                // wrong response codes from the browser itself
)

// Wait waits for the answer to the transaction with this handle, up to 20 seconds or as long as r's context lives, and only for the browser that began it. Where the
// wallet is on the same device, the answer is given out once the wallet has sent the browser to Config.ReturnURL, which calls Wait with the parameter
// response_code in r; any tab of the browser may wait for that.
//
// It returns the result, as often as the template's retention allows. Otherwise the error is ErrPending: call it again; *verifier.Rejection or *Declined: an answer
// came and was not accepted, which each is told once, and the citizen may try again while the request lasts; *verifier.Inconclusive: it could not be checked, and
// he should try again; ErrExpired: begin anew; ErrNotYours; or the error of r's context.
func (d *Door) Wait(r *http.Request, handle string) (*verifier.Result, error) {
	ctx, cancel := context.WithTimeout(r.Context(), waitFor)
	defer cancel()
	code := r.URL.Query().Get("response_code")
	for {
		news, leave := d.listen(handle) // before the transaction is loaded, so that nothing is missed
		res, err := d.look(ctx, r, handle, code)
		if err == ErrPending {
			pause(ctx, news)
		}
		leave()
		var open *verifier.Inconclusive
		switch {
		case ctx.Err() != nil && (err == ErrPending || errors.As(err, &open) && open.Reason == StoreFailed):
			return nil, timedOut(r.Context())
		case err != ErrPending:
			return res, err
		}
	}
}

// pause ends with the news, and after a second all the same: another process may have it.
func pause(ctx context.Context, news <-chan struct{}) {
	timer := time.NewTimer(waitPoll)
	defer timer.Stop()
	select {
	case <-news:
	case <-timer.C:
	case <-ctx.Done():
	}
}

// look is what there is to say now to the browser behind r.
func (d *Door) look(ctx context.Context, r *http.Request, handle, code string) (*verifier.Result, error) {
	t, err := d.load(ctx, handle)
	switch {
	case err != nil:
		return nil, lapsed(err)
	case !t.begun(r):
		return nil, ErrNotYours
	}
	if code != "" && t.Accepted && !t.Returned {
		if err := d.redeem(ctx, t, code); err != nil {
			return nil, err
		}
		if t, err = d.load(ctx, handle); err != nil {
			return nil, lapsed(err)
		}
	}
	return d.outcome(ctx, t, true)
}

func timedOut(caller context.Context) error {
	if err := caller.Err(); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return ErrPending
}

// lapsed is what a caller is told when a transaction could not be loaded.
func lapsed(err error) error {
	if errors.Is(err, ErrNotFound) || errors.Is(err, ErrLapsed) {
		return ErrExpired
	}
	return &verifier.Inconclusive{Reason: StoreFailed, RetryAfter: time.Second, Err: err}
}

// Result is Wait for the agency's other services, which know the transaction by its ID: it does not wait, and needs no cookie. Keep the ID from everybody else.
func (d *Door) Result(ctx context.Context, id string) (*verifier.Result, error) {
	t, err := d.byID(ctx, id)
	if err != nil {
		return nil, err
	}
	return d.outcome(ctx, t, false)
}

// outcome is what there is to say of a transaction now.
func (d *Door) outcome(ctx context.Context, t *transaction, tell bool) (*verifier.Result, error) {
	now := d.now()
	switch {
	case t.Accepted && !t.Returned && !now.Before(t.Keep):
		return nil, ErrExpired
	case t.Accepted && !t.Returned:
		return nil, ErrPending // and never accepted if the browser does not come back (HAIP 1.0 section 5.1)
	case t.Accepted:
		return d.read(ctx, t)
	case t.Failure != nil && tell:
		return nil, d.tell(ctx, t)
	case !now.Before(t.Until):
		return nil, ErrExpired
	}
	return nil, ErrPending
}

// read gives out the result, and deletes it if that was the last time.
func (d *Door) read(ctx context.Context, t *transaction) (*verifier.Result, error) {
	var text []byte
	err := d.update(ctx, t, func(r *record) error {
		f := d.templates[r.Template]
		text = r.Result
		if text == nil || f == nil || !d.now().Before(r.Keep) {
			return ErrExpired
		}
		if f.Retention > 0 {
			return errNoChange
		}
		r.Result, r.LogEnds = nil, d.now().Add(logLife)
		d.note(t, Event{Step: Read})
		return nil
	})
	if err == ErrExpired {
		return nil, err
	}
	if err != nil {
		return nil, lapsed(err) // it may have been deleted, or read by another: not given out twice
	}
	res, err := verifier.Carried(strictjson.Inside{}, text)
	if err != nil {
		return nil, lapsed(err)
	}
	return res, nil
}

// tell gives out what the last answer failed by, once.
func (d *Door) tell(ctx context.Context, t *transaction) error {
	var told *failure
	err := d.update(ctx, t, func(r *record) error {
		if told = r.Failure; told == nil || r.Accepted {
			return ErrPending
		}
		r.Failure = nil
		return nil
	})
	if err == ErrPending {
		return err
	}
	if err != nil {
		return lapsed(err)
	}
	return told.err()
}

// redeem uses up the response code. Its hash is compared, so that nothing is learnt from the time that it takes; who guesses wrong too often loses his own result.
func (d *Door) redeem(ctx context.Context, t *transaction, code string) error {
	wrong := false
	err := d.update(ctx, t, func(r *record) error {
		wrong = false
		switch {
		case r.Returned:
			return errNoChange
		case same(r.Code, hashOf(code)):
			r.Returned, r.Code = true, nil
			d.note(t, Event{Step: Returned})
		default:
			wrong = true
			if r.Guessed++; r.Guessed >= maxGuess {
				r.Result, r.Code, r.Keep = nil, nil, d.now()
			}
		}
		return nil
	})
	switch {
	case err != nil:
		return lapsed(err)
	case wrong:
		return ErrNotYours
	}
	return nil
}

// waiters are the pages that wait for news of one transaction in this process.
type waiters struct {
	news chan struct{}
	n    int
}

// listen returns what is closed when this process changes the transaction, and what to call when nobody listens any more.
func (d *Door) listen(handle string) (news <-chan struct{}, leave func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	w := d.waiting[handle]
	if w == nil {
		w = &waiters{news: make(chan struct{})}
		d.waiting[handle] = w
	}
	w.n++
	return w.news, func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		if w.n--; w.n == 0 && d.waiting[handle] == w {
			delete(d.waiting, handle)
		}
	}
}

func (d *Door) wake(handle string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if w := d.waiting[handle]; w != nil {
		close(w.news)
		delete(d.waiting, handle)
	}
}
