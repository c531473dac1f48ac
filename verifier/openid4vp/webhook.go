package openid4vp

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/khyer/khyer/disclosure"
	"github.com/khyer/khyer/internal/safehttp"
	"github.com/khyer/khyer/internal/strictjson"
	"github.com/khyer/khyer/verifier"
)

// ErrNotice is the error for a message between a Webhook and its receiver that is not signed with their key, was changed, is older or newer than five minutes, or
// is none of theirs. What is wrong with it is not said.
var ErrNotice = errors.New("openid4vp: not a message of now that is signed with this key")

// WebhookConfig says which other service of the agency is told what became of transactions.
type WebhookConfig struct {
	Door *Door  // required
	URL  string // https, and of a public address, that takes what ReadNotice reads; required
	// Key signs what goes either way: at least 32 random bytes that only the two services have. Libraries for Standard Webhooks read it as "whsec_" and base64.
	Key []byte
	// InsecureHosts sends requests for a host ("records.example") to a base URL instead, without any look at its address: for tests.
	InsecureHosts map[string]string
}

// Webhook tells a receiver the verdict on a transaction, and gives it the claims when it asks for them.
//
// What is sent is {"transaction": id, "verdict": "accepted"} and no more, by the rules of Standard Webhooks (headers webhook-id, webhook-timestamp,
// webhook-signature: v1, HMAC-SHA-256): a log on the way holds no claim. The receiver pulls the claims, with a signed request of its own, while the template's
// retention lasts. A Webhook is safe for concurrent use and starts no goroutine.
type Webhook struct {
	d      *Door
	url    string
	key    []byte
	client *safehttp.Client
}

// NewWebhook returns a Webhook. The error is a *verifier.Misuse.
func NewWebhook(c WebhookConfig) (*Webhook, error) {
	bad := func(text string) (*Webhook, error) {
		return nil, &verifier.Misuse{Detail: "openid4vp.WebhookConfig: " + text}
	}
	u, err := url.Parse(c.URL)
	switch {
	case c.Door == nil:
		return bad("Door is missing")
	case err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || u.Fragment != "":
		return bad("URL is not one of https")
	case !goodKey(c.Key):
		return bad("Key is not 32 random bytes or more")
	}
	client, err := safehttp.New(safehttp.Config{InsecureHosts: c.InsecureHosts})
	if err != nil {
		return bad(err.Error())
	}
	return &Webhook{c.Door, c.URL, bytes.Clone(c.Key), client}, nil
}

func goodKey(key []byte) bool { return len(key) >= 32 && !same(key, make([]byte, len(key))) }

// Notice is what a receiver is told.
type Notice struct {
	Transaction string `json:"transaction"` // Transaction.ID
	Verdict     string `json:"verdict"`     // "accepted", "rejected" or "inconclusive"
}

// Send tells the receiver what became of the transaction with this ID, once. It takes as long as the receiver does, so Config.Observe does not call it, but leaves the
// id to somebody who does. "accepted" is final; after the other verdicts, which whoever has seen the link or the QR code can bring about, the citizen may still try again
// while the request lasts. Sent again, a verdict has the same webhook-id.
//
// The error is ErrPending if there is no verdict yet, also while a wallet on the same device has not sent the browser back; ErrExpired; a *verifier.Inconclusive if the
// store does not answer; or it says that the receiver could not be reached or did not answer with a status of 2xx: send it again.
func (h *Webhook) Send(ctx context.Context, id string) error {
	t, err := h.d.byID(ctx, id)
	if err != nil {
		return err
	}
	n := Notice{Transaction: id, Verdict: t.verdict()}
	if n.Verdict == "" {
		return ErrPending
	}
	body, err := json.Marshal(n)
	if err != nil {
		return err
	}
	name := "msg_" + encode(mac(h.key, "name of a notice: "+n.Transaction+" "+n.Verdict)[:16])
	header := http.Header{"Content-Type": {"application/json"}}
	signMessage(header, h.key, name, h.d.now(), body)
	res, err := h.client.Post(ctx, h.url, header, body)
	if err != nil {
		return fmt.Errorf("openid4vp: the webhook was not delivered: %w", err)
	}
	if res.Status < 200 || res.Status > 299 {
		return fmt.Errorf("openid4vp: the webhook's receiver answers %d", res.Status)
	}
	return nil
}

func (t *transaction) verdict() string {
	if t.Accepted && t.Returned {
		return "accepted"
	}
	for i := len(t.Log) - 1; i >= 0 && !t.Accepted; i-- {
		switch t.Log[i].Step {
		case Rejected:
			return "rejected"
		case Inconclusive:
			return "inconclusive"
		}
	}
	return ""
}

// Headers of Standard Webhooks.
const (
	messageID        = "Webhook-Id"
	messageTime      = "Webhook-Timestamp"
	messageSignature = "Webhook-Signature"
)

const (
	messageAge = 5 * time.Minute // how far the clocks of the two may be apart
	maxMessage = 4 << 10         // bytes
)

func signMessage(h http.Header, key []byte, name string, now time.Time, body []byte) {
	at := strconv.FormatInt(now.Unix(), 10)
	h.Set(messageID, name)
	h.Set(messageTime, at)
	h.Set(messageSignature, "v1,"+base64.StdEncoding.EncodeToString(messageMAC(key, name, at, body)))
}

// messageMAC cannot be confused: neither a name nor a time has a dot.
func messageMAC(key []byte, name, at string, body []byte) []byte {
	h := hmac.New(sha256.New, key)
	fmt.Fprintf(h, "%s.%s.", name, at)
	h.Write(body)
	return h.Sum(nil)
}

// readMessage returns what was signed: a JSON object that has these members, all of them texts, and no others. The two kinds of messages differ by them, so that
// neither can be sent back to who signed it. The error is ErrNotice, ErrExists for one that was seen before, or the store's.
func readMessage(r *http.Request, key []byte, seen Store, now time.Time, members ...string) ([]string, error) {
	name, at := r.Header.Get(messageID), r.Header.Get(messageTime)
	seconds, err := strconv.ParseInt(at, 10, 64)
	if err != nil || r.Method != http.MethodPost || !goodKey(key) || name == "" || len(name) > 64 || strings.Contains(name, ".") {
		return nil, ErrNotice
	}
	signed := time.Unix(seconds, 0)
	if age := now.Sub(signed); age > messageAge || age < -messageAge {
		return nil, ErrNotice
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxMessage+1))
	if err != nil || len(body) > maxMessage || !isSigned(r.Header.Get(messageSignature), messageMAC(key, name, at, body)) {
		return nil, ErrNotice
	}
	v, err := strictjson.Parse(body, strictjson.Limits{Bytes: maxMessage})
	if err != nil || v.Kind() != strictjson.Object || v.Len() != len(members) {
		return nil, ErrNotice
	}
	var texts []string
	for _, m := range members {
		text, ok := v.Get(m).Text()
		if !ok {
			return nil, ErrNotice
		}
		texts = append(texts, text)
	}
	// Until it is too old.
	if err := seen.Create(r.Context(), "message "+encode(hashOf(name)), nil, signed.Add(messageAge+time.Second)); err != nil {
		return texts, err
	}
	return texts, nil
}

// isSigned looks for the signature among those of the header: of another key or kind where these are being changed.
func isSigned(header string, want []byte) (ok bool) {
	if len(header) > 1<<10 {
		return false
	}
	for text := range strings.FieldsSeq(header) {
		encoded, v1 := strings.CutPrefix(text, "v1,")
		got, err := base64.StdEncoding.Strict().DecodeString(encoded)
		if v1 && err == nil && hmac.Equal(got, want) {
			ok = true
		}
	}
	return ok
}

// ReadNotice reads what Webhook.Send sent, in the receiver. seen remembers what was read, for ten minutes: a store from NewMemory, or one that all processes of
// the receiver share. The error is ErrNotice, to be answered with a status of 4xx; the store's, with one of 5xx; or ErrExists if the same notice was read before: it was
// sent twice, or replayed. With ErrExists, too, the notice is what was signed, for a receiver that failed the first time; else it answers 204.
func ReadNotice(r *http.Request, key []byte, seen Store, now time.Time) (Notice, error) {
	texts, err := readMessage(r, key, seen, now, "transaction", "verdict")
	if err != nil && !errors.Is(err, ErrExists) {
		return Notice{}, err
	}
	return Notice{texts[0], texts[1]}, err
}

// NewClaimsRequest is the receiver's request for the claims of a transaction, signed with the key that it shares with the Webhook: to be sent once, with its own
// client, within five minutes, to where the Webhook is mounted.
func NewClaimsRequest(ctx context.Context, target string, key []byte, transaction string, now time.Time) (*http.Request, error) {
	if !goodKey(key) {
		return nil, &verifier.Misuse{Detail: "openid4vp: the key is not 32 random bytes or more"}
	}
	body, err := json.Marshal(map[string]string{"transaction": transaction})
	if err != nil {
		return nil, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, target, bytes.NewReader(body))
	if err != nil {
		return nil, &verifier.Misuse{Detail: "openid4vp: the target is no URL"}
	}
	r.Header.Set("Content-Type", "application/json")
	signMessage(r.Header, key, "ask_"+encode(random(16)), now, body)
	return r, nil
}

// claims is a card as a receiver gets it.
type claims struct {
	Query  string          `json:"query"`
	Type   string          `json:"vct"`
	Issuer string          `json:"iss"`
	Claims []claimAndValue `json:"claims"`
}

type claimAndValue struct {
	Path  disclosure.Path `json:"path"`
	Value json.RawMessage `json:"value"`
}

// ServeHTTP gives a receiver that asks by NewClaimsRequest the claims of a transaction: {"cards": [{"query", "vct", "iss", "claims": [{"path", "value"}]}]}, of what
// the template asks for. It is Door.Result otherwise: a template without retention gives its result out once, here or to the page. It answers 401 to what is not
// signed, 409 to what was sent twice, 404 if there is no result, or not yet, or no more, and 503 if the store does not answer. Mount it where only the receiver comes.
func (h *Webhook) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(readWithin)) // where the server knows deadlines
	texts, err := readMessage(r, h.key, h.d.store, h.d.now(), "transaction")
	switch {
	case errors.Is(err, ErrNotice):
		fault(w, http.StatusUnauthorized)
		return
	case errors.Is(err, ErrExists):
		fault(w, http.StatusConflict)
		return
	case err != nil:
		retry(w, http.StatusServiceUnavailable)
		return
	}
	t, err := h.d.byID(r.Context(), texts[0])
	var res *verifier.Result
	if err == nil {
		res, err = h.d.outcome(r.Context(), t, false)
	}
	var open *verifier.Inconclusive
	switch {
	case errors.As(err, &open):
		retry(w, http.StatusServiceUnavailable)
		return
	case err != nil:
		fault(w, http.StatusNotFound)
		return
	}
	text, err := json.Marshal(map[string]any{"cards": h.d.templates[t.Template].claims(res)})
	if err != nil {
		fault(w, http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(text)
}

func (f *form) claims(res *verifier.Result) (cards []claims) {
	for _, card := range res.Cards {
		c := claims{Query: card.Query, Type: card.Type, Issuer: card.Issuer, Claims: []claimAndValue{}}
		for _, q := range f.query.Credentials {
			if q.ID != card.Query {
				continue
			}
			for _, claim := range q.Claims {
				if value, ok := card.Claim(claim.Path); ok {
					c.Claims = append(c.Claims, claimAndValue{claim.Path, value})
				}
			}
		}
		cards = append(cards, c)
	}
	return cards
}
