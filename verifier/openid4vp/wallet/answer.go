package wallet

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"

	"github.com/khyer/khyer/credential"
	"github.com/khyer/khyer/internal/jose"
	"github.com/khyer/khyer/internal/oid4vp"
	"github.com/khyer/khyer/internal/safehttp"
	"github.com/khyer/khyer/internal/strictjson"
	"github.com/khyer/khyer/verifier/trust"
)

// Outcome is what is left to do after an answer.
type Outcome struct {
	// Follow is where the citizen's browser goes next; empty: nowhere. In the mode fragment it carries the answer. It has not been visited.
	Follow string
	// Data is the data of the DigitalCredential that the page gets, through the Digital Credentials API.
	Data json.RawMessage
}

// message is an answer as it leaves.
type message struct {
	form url.Values
	data json.RawMessage
}

// Answer presents what was chosen, in the way that the request wants it. Each card is bound to the request: to the audience, its nonce, and the transactions that it
// authorizes. A request is answered once; after NotSent a further call sends the same answer again, and shows no further card. The error is a *Refusal; other errors
// are those of package credential (no_card_left, signer_failed), after which nothing was sent.
func (r *Request) Answer(ctx context.Context, c *Choice) (*Outcome, error) {
	switch {
	case r.refused != nil:
		return nil, r.refused
	case c == nil || c.of != r || len(c.Shown) == 0:
		return nil, refuse(RequestMalformed, errors.New("a choice of another request, or an empty one"))
	}
	return r.respond(ctx, func() (*message, error) {
		token, err := r.present(ctx, c)
		if err != nil {
			return nil, err
		}
		return r.message(&oid4vp.Response{Token: token, State: r.wire.State})
	})
}

// Decline tells the agency that it gets no answer: access_denied, whether the citizen does not want to or has no card that fits (V 8.5), or what
// is wrong with a request that was refused. Call it only if the citizen agrees that the agency hears of it. Errors are those of Answer.
func (r *Request) Decline(ctx context.Context) (*Outcome, error) {
	return r.respond(ctx, func() (*message, error) {
		code := r.code()
		if r.wire.Mode.InBrowser() { // V A.4: one member, in the clear
			data, err := json.Marshal(map[string]string{"error": code})
			return &message{data: data}, err
		}
		return r.message(&oid4vp.Response{Error: code, State: r.wire.State})
	})
}

// code is the error code for what is wrong with the request.
func (r *Request) code() string {
	switch {
	case errors.Is(r.refused, TransactionUnknown):
		return oid4vp.InvalidTransactionData
	case errors.Is(r.refused, NothingInCommon):
		return oid4vp.FormatsNotSupported
	case errors.Is(r.refused, trust.AsksTooMuch), errors.Is(r.refused, trust.PurposeUnknown):
		return oid4vp.InvalidRequest
	}
	return oid4vp.AccessDenied
}

// respond sends one answer, made by make unless one may be on its way.
func (r *Request) respond(ctx context.Context, make func() (*message, error)) (*Outcome, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.done {
		return nil, refuse(AlreadyAnswered, nil)
	}
	if !r.Expires.IsZero() && !r.w.c.Now().Before(r.Expires.Add(skew)) {
		return nil, refuse(RequestExpired, nil)
	}
	m := r.pending
	if m == nil {
		var err error
		if m, err = make(); err != nil {
			return nil, err
		}
	}
	out, err := r.send(ctx, m)
	if errors.Is(err, NotSent) {
		r.pending = m
		return nil, err
	}
	r.done, r.pending = true, nil
	return out, err
}

// present makes the vp_token (V 8.1).
func (r *Request) present(ctx context.Context, c *Choice) (json.RawMessage, error) {
	token := map[string][]string{}
	for _, s := range c.Shown {
		showing := credential.Showing{Reveal: s.disclose, Audience: r.audience, Nonce: r.wire.Nonce, At: r.w.c.Now()}
		if err := r.bind(&showing, s.Transactions); err != nil {
			return nil, err
		}
		var shown []byte
		var err error
		if s.card.Stock != nil {
			shown, err = s.card.Stock.Present(ctx, showing)
		} else {
			shown, err = s.card.Holder.Present(ctx, s.card.Held, showing)
		}
		if err != nil {
			return nil, err
		}
		token[s.Query] = append(token[s.Query], string(shown))
	}
	return json.Marshal(token)
}

// bind adds the transactions that a card authorizes (V B.3.3.1).
func (r *Request) bind(s *credential.Showing, which []int) error {
	if len(which) == 0 {
		return nil
	}
	var elements []oid4vp.TransactionData
	for _, n := range which {
		elements = append(elements, r.Transactions[n].read)
	}
	alg, _, ok := oid4vp.ChooseTransactionHash(elements)
	if !ok {
		return refuse(TransactionUnknown, errors.New("no hash that all transactions allow"))
	}
	for _, n := range which {
		hash, _ := oid4vp.HashTransactionData(alg, r.Transactions[n].encoded)
		s.TransactionHashes = append(s.TransactionHashes, hash)
	}
	s.TransactionAlgorithm = alg // required only where the request named hashes; there are verifiers that want it always
	return nil
}

// message writes a response as the mode wants it. What has to be encrypted is, or is not sent.
func (r *Request) message(response *oid4vp.Response) (*message, error) {
	if r.wire.Mode.Encrypted() && r.enc != "" {
		text, err := response.JSON()
		if err != nil {
			return nil, err
		}
		to := r.wire.Metadata.Keys[0]
		// The nonce as apv, as other wallets have it: there are verifiers that find the request by it and by nothing else.
		jwe, err := jose.EncryptFor(to.Public, to.ID, r.enc, []byte(r.wire.Nonce), text)
		if err != nil {
			return nil, refuse(NothingInCommon, err)
		}
		data, err := json.Marshal(map[string]string{"response": jwe})
		return &message{url.Values{"response": {jwe}}, data}, err
	}
	if r.wire.Mode.Encrypted() && response.Error == "" { // a request without an encryption in common was refused
		return nil, refuse(NothingInCommon, nil)
	}
	data, err := response.JSON()
	return &message{response.Form(), data}, err
}

func (r *Request) send(ctx context.Context, m *message) (*Outcome, error) {
	switch {
	case r.wire.Mode.InBrowser():
		return &Outcome{Data: m.data}, nil
	case r.wire.Mode == oid4vp.Fragment:
		u, err := url.Parse(r.wire.RedirectURI)
		if err != nil {
			return nil, refuse(RequestMalformed, nil)
		}
		u.Fragment, u.RawFragment = "", ""
		return &Outcome{Follow: u.String() + "#" + m.form.Encode()}, nil
	}
	res, err := r.w.http.Post(ctx, r.wire.ResponseURI, http.Header{"Content-Type": {formType}, "Accept": {"application/json"}}, []byte(m.form.Encode()))
	var failed *safehttp.Error
	switch {
	case errors.As(err, &failed) && failed.Reason != safehttp.Unreachable: // an answer that is none, or a place to which nothing goes
		return nil, refuse(NotAccepted, err)
	case err != nil, res.Status >= 500, res.Status == http.StatusTooManyRequests:
		return nil, refuse(NotSent, err)
	case res.Status != http.StatusOK:
		return nil, refuse(NotAccepted, nil)
	}
	return &Outcome{Follow: r.follow(res.Body)}, nil
}

// follow reads redirect_uri of the agency's answer (V 8.2): an address of the agency's, or nothing.
func (r *Request) follow(body []byte) string {
	v, err := strictjson.Parse(body, strictjson.Limits{Bytes: 64 << 10})
	if err != nil {
		return ""
	}
	to, ok := v.Get("redirect_uri").Text()
	if !ok || !r.w.accredited(to, r.Purpose.Hosts, !r.Listed) {
		return ""
	}
	return to
}
