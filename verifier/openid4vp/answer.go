package openid4vp

import (
	"context"
	"crypto/ecdh"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/khyer/khyer/disclosure/dcql"
	"github.com/khyer/khyer/internal/jose"
	"github.com/khyer/khyer/internal/oid4vp"
	"github.com/khyer/khyer/internal/strictjson"
	"github.com/khyer/khyer/verifier"
	"github.com/khyer/khyer/verifier/trust"
)

// serveAnswer takes an answer: from the wallet in the direct_post modes, and else from the page, which posts what it got.
func (d *Door) serveAnswer(ctx context.Context, w http.ResponseWriter, r *http.Request, handle string) {
	var t *transaction
	if handle != "" { // before the body is read
		var err error
		if t, err = d.load(ctx, handle); err != nil {
			d.refuseLoad(w, err)
			return
		}
	}
	json := isContent(r, "application/json")
	if !json && !isContent(r, "application/x-www-form-urlencoded") {
		fault(w, http.StatusBadRequest)
		return
	}
	body, err := d.bodies.read(w, r, maxAnswer)
	if err != nil {
		refuseBody(w, err)
		return
	}
	defer d.bodies.release(body)
	a := posted{json: json}
	a.read(body)
	if t == nil {
		if t, err = d.load(ctx, a.names()); err != nil {
			d.refuseLoad(w, err)
			return
		}
	}
	f := d.templates[t.Template]
	if f == nil || json != f.mode.InBrowser() || !f.mode.Posted() && (!t.begun(r) || foreign(r, d.origin)) {
		fault(w, http.StatusBadRequest)
		return
	}
	lane, err := d.enter(ctx, t.handle)
	if err != nil {
		retry(w, http.StatusTooManyRequests)
		return
	}
	defer d.exit(t.handle, lane)
	d.answer(ctx, w, f, t, a, lane)
}

// foreign tells whether a browser says that another site's page posts.
func foreign(r *http.Request, origin string) bool {
	from := r.Header.Get("Origin")
	return from != "" && from != origin
}

func (d *Door) refuseLoad(w http.ResponseWriter, err error) {
	if lapsed(err) == ErrExpired {
		fault(w, http.StatusBadRequest)
		return
	}
	retry(w, http.StatusServiceUnavailable)
}

// posted is what came in.
type posted struct {
	json     bool
	response *oid4vp.Response
	jwe      string
	err      error
}

func (a *posted) read(body []byte) {
	if !a.json {
		a.response, a.jwe, a.err = oid4vp.ParseForm(string(body))
		return
	}
	// The data of a DigitalCredential (appendix A.4): a response, or one member with the JWE of one.
	v, err := strictjson.Parse(body, strictjson.Limits{Bytes: maxAnswer})
	if err != nil {
		a.err = err
		return
	}
	if jwe, ok := v.Get("response").Text(); ok && !v.Get("vp_token").Exists() && !v.Get("error").Exists() {
		a.jwe = jwe
		return
	}
	a.response, a.err = oid4vp.ParseResponse(body)
}

// names is the transaction that an answer names, where its path does not: by state or, in an encrypted one, by the key that it is encrypted for.
func (a *posted) names() string {
	if a.response != nil {
		return a.response.State
	}
	protected, _, _ := strings.Cut(a.jwe, ".")
	raw, ok := strictjson.AppendBase64URL(nil, []byte(protected[:min(len(protected), 4<<10)]))
	if !ok {
		return ""
	}
	header, err := strictjson.Parse(raw, strictjson.Limits{})
	if err != nil {
		return ""
	}
	kid, _ := header.Get("kid").Text()
	return kid
}

// refusal is why something is no answer to a request. Anybody may have sent it.
type refusal string

func (r refusal) Error() string { return string(r) }

// What the log says of them.
const (
	notOpen       refusal = "the request was answered before, or has lapsed"
	notForm       refusal = "no form or JSON of an answer"
	notEncrypted  refusal = "a plain answer to a request for an encrypted one"
	notDecrypted  refusal = "not encrypted for the key of this request, or in another way than it says"
	notPlain      refusal = "an encrypted answer to a request for a plain one"
	notItsState   refusal = "state is missing, or of another request"
	notAToken     refusal = "vp_token is no object of arrays of presentations"
	walletDetails         = "an error code that is none of OpenID4VP"
)

// lock is what fits one request alone: what its answer has to be, apart from the presentations in it.
type lock struct {
	mode    oid4vp.Mode
	key     *ecdh.PrivateKey // if the answer has to be encrypted
	kid     string
	state   string
	unbound bool // a card without a proof of its holder is asked for
}

// open decrypts an answer if it has to be, and holds it against the request.
func (l lock) open(a posted) (*oid4vp.Response, error) {
	response := a.response
	switch {
	case a.err != nil:
		return nil, notForm
	case response != nil && response.Error != "": // also in the clear: a wallet may be unable to encrypt (section 8.3.1)
	case l.mode.Encrypted() && response != nil:
		return nil, notEncrypted
	case !l.mode.Encrypted() && response == nil:
		return nil, notPlain
	case l.mode.Encrypted():
		text, err := jose.Decrypt(l.key, l.kid, a.jwe, maxAnswer)
		if err != nil {
			return nil, notDecrypted
		}
		if response, err = oid4vp.ParseResponse(text); err != nil {
			return nil, notForm
		}
	}
	// The path or the key has named the transaction. A state must not contradict them, and where cards without a proof are asked for it must be there, for there is
	// no nonce in them (section 5.3).
	if !l.mode.InBrowser() && response.State != l.state && (response.State != "" || l.unbound || !l.mode.Encrypted()) {
		return nil, notItsState
	}
	return response, nil
}

func (f *form) lock(t *transaction) (lock, error) {
	l := lock{mode: f.mode, kid: t.handle, state: t.handle, unbound: unbound(f.query)}
	if !f.mode.Encrypted() {
		return l, nil
	}
	var err error
	l.key, err = ecdh.P256().NewPrivateKey(t.Key)
	return l, err
}

func unbound(q *dcql.Query) bool {
	return slices.ContainsFunc(q.Credentials, func(c dcql.Credential) bool { return c.Unbound })
}

// answer looks at an answer and says what became of it.
func (d *Door) answer(ctx context.Context, w http.ResponseWriter, f *form, t *transaction, a posted, queue *lane) {
	if t.Failed >= freeFailures {
		select {
		case queue.paused <- struct{}{}:
			defer func() { <-queue.paused }()
		case <-ctx.Done():
			retry(w, http.StatusTooManyRequests)
			return
		}
	}
	if t.Accepted || !d.now().Before(t.Until) {
		fault(w, http.StatusBadRequest)
		return
	}
	l, err := f.lock(t)
	if err != nil {
		d.fail(ctx, w, t, err)
		return
	}
	response, err := l.open(a)
	if err != nil {
		d.fail(ctx, w, t, err)
		return
	}
	if response.Error != "" {
		d.declined(ctx, w, t, response.Error)
		return
	}
	var token verifier.Answer
	if err := token.UnmarshalJSON(response.Token); err != nil {
		d.fail(ctx, w, t, notAToken)
		return
	}
	res, err := d.c.Verifier.VerifyAnswer(ctx, token, d.expect(f, t))
	if err == nil && d.c.Profile == HAIP && !byCertificates(res) {
		err = &verifier.Rejection{Reason: trust.ChainMissing}
	}
	if err != nil {
		d.fail(ctx, w, t, err)
		return
	}
	d.accept(ctx, w, f, t, res)
}

func (d *Door) expect(f *form, t *transaction) verifier.Expect {
	return verifier.Expect{
		Audience: d.audience(f.mode), Nonce: t.Nonce, Query: f.query, DifferentHolders: f.DifferentHolders, Linked: f.Linked,
		RefuseSurplus: f.RefuseSurplus, TransactionData: t.TransactionData,
	}
}

// byCertificates tells whether every card is of an issuer that is known by its certificates (HAIP 1.0 section 6.1.1).
func byCertificates(res *verifier.Result) bool {
	for _, c := range res.Cards {
		if c.Mechanism != trust.ByX5C {
			return false
		}
	}
	return true
}

// accept is the one step that one of any number of answers makes.
func (d *Door) accept(ctx context.Context, w http.ResponseWriter, f *form, t *transaction, res *verifier.Result) {
	text, err := res.Carry(strictjson.Inside{})
	if err != nil {
		d.fail(ctx, w, t, err)
		return
	}
	code := ""
	err = d.update(ctx, t, func(r *record) error {
		now := d.now()
		if r.Accepted || !now.Before(r.Until) {
			return notOpen
		}
		r.Accepted, r.Returned, r.Result, r.Key, r.Failure = true, true, text, nil, nil
		r.Keep = now.Add(max(f.Retention, requestLife))
		r.LogEnds = r.Keep.Add(logLife)
		if f.mode.Posted() && !f.CrossDevice {
			code = encode(random(secretBytes))
			r.Returned, r.Code = false, hashOf(code)
		}
		d.note(t, Event{Step: Accepted})
		return nil
	})
	if err != nil {
		d.fail(ctx, w, t, err)
		return
	}
	d.wake(t.handle)
	body := map[string]string{}
	if code != "" {
		body["redirect_uri"] = d.back(t.handle, code)
	}
	reply(w, http.StatusOK, body)
}

// back is where a wallet on the same device sends the browser (section 8.2).
func (d *Door) back(handle, code string) string {
	u, _ := url.Parse(d.c.ReturnURL) // was parsed by New
	q := u.Query()
	q.Set("transaction", handle)
	q.Set("response_code", code)
	u.RawQuery = q.Encode()
	return u.String()
}

// fail counts an answer that was not accepted, and leaves the transaction open.
func (d *Door) fail(ctx context.Context, w http.ResponseWriter, t *transaction, err error) {
	e := Event{Step: Refused, Reason: oid4vp.ResponseMalformed, Detail: err.Error()}
	var told *failure
	var why refusal
	if !errors.As(err, &why) {
		told = failed(err)
		e = Event{Step: Rejected, Reason: told.Reason, Query: told.Query, Path: told.Path}
		if told.Inconclusive {
			e.Step, e.Detail = Inconclusive, err.Error()
		}
		if told.Reason == verifier.Replayed {
			told = nil // the same answer twice: what became of the first is told
		}
	}
	_ = d.update(ctx, t, func(r *record) error {
		if r.Accepted {
			return errNoChange
		}
		r.Failed++
		if told != nil {
			r.Failure = told
		}
		d.note(t, e)
		return nil
	})
	if t.Failed > freeFailures {
		time.Sleep(pauseOfFailure)
	}
	d.wake(t.handle)
	if told != nil && told.Inconclusive {
		retry(w, http.StatusServiceUnavailable)
		return
	}
	fault(w, http.StatusBadRequest)
}

// codes are what a wallet may say in the place of an answer (section 8.5, RFC 6749 section 4.1.2.1).
var codes = map[string]bool{
	"access_denied": true, "invalid_request": true, "invalid_client": true, "invalid_scope": true, "invalid_transaction_data": true, "invalid_request_uri_method": true,
	"vp_formats_not_supported": true, "wallet_unavailable": true, "unauthorized_client": true, "unsupported_response_type": true, "server_error": true,
	"temporarily_unavailable": true,
}

// declined notes what the wallet said. The request stays open: anybody can say it.
func (d *Door) declined(ctx context.Context, w http.ResponseWriter, t *transaction, code string) {
	e := Event{Step: WalletSaid, Detail: code}
	if !codes[code] {
		code, e.Detail = "invalid_request", walletDetails
	}
	_ = d.update(ctx, t, func(r *record) error {
		if r.Accepted {
			return errNoChange
		}
		r.Failed++
		r.Failure = &failure{Declined: code}
		d.note(t, e)
		return nil
	})
	if t.Failed > freeFailures {
		time.Sleep(pauseOfFailure)
	}
	d.wake(t.handle)
	reply(w, http.StatusOK, map[string]string{})
}

// parseForm reads parameters, each of which may be there once (RFC 6749 section 3.1).
func parseForm(body string) (map[string]string, error) {
	if strings.Count(body, "&") >= 64 {
		return nil, notForm
	}
	values, err := url.ParseQuery(body)
	if err != nil {
		return nil, notForm
	}
	out := make(map[string]string, len(values))
	for name, v := range values {
		if len(v) > 1 {
			return nil, notForm
		}
		out[name] = v[0]
	}
	return out, nil
}
