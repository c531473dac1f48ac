package openid4vp

import (
	"context"
	"encoding/json"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/khyer/khyer/internal/oid4vp"
)

// Paths below BaseURL.
const (
	requestPath = "/request"
	answerPath  = "/answer"
)

// ServeHTTP answers wallets: GET and POST of request/{handle}, the request object (section 5.10), and POST of answer/{handle}, the answer (section 8.2). What it says of
// a fault is the same for all: Log says more.
func (d *Door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	rc := http.NewResponseController(w)
	now := time.Now() // of the connection, not of Config.Now
	// A server that knows no deadlines, such as one in a test, has the bounds of size.
	_ = rc.SetReadDeadline(now.Add(readWithin))
	_ = rc.SetWriteDeadline(now.Add(handleWithin))

	rest, ok := strings.CutPrefix(r.URL.EscapedPath(), d.path)
	if !ok || r.URL.RawQuery != "" {
		http.NotFound(w, r)
		return
	}
	// What was read must be answered though the other side has gone: an answer that was verified has to be kept.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), handleWithin)
	defer cancel()
	if handle, ok := strings.CutPrefix(rest, requestPath+"/"); ok {
		d.serveRequest(ctx, w, r, handle)
		return
	}
	handle, ok := strings.CutPrefix(rest, answerPath+"/")
	switch {
	case rest == answerPath:
		handle = "" // the answer names it
	case !ok || handle == "":
		http.NotFound(w, r)
		return
	}
	if !methods(w, r, http.MethodPost) {
		return
	}
	d.serveAnswer(ctx, w, r, handle)
}

func methods(w http.ResponseWriter, r *http.Request, allowed ...string) bool {
	for _, m := range allowed {
		if r.Method == m {
			return true
		}
	}
	w.Header().Set("Allow", strings.Join(allowed, ", "))
	w.WriteHeader(http.StatusMethodNotAllowed)
	return false
}

// serveRequest gives out the request object, as often as it is asked for while the request lasts: each time the same request.
func (d *Door) serveRequest(ctx context.Context, w http.ResponseWriter, r *http.Request, handle string) {
	if !methods(w, r, http.MethodGet, http.MethodPost) {
		return
	}
	t, err := d.load(ctx, handle)
	if err != nil && lapsed(err) != ErrExpired {
		retry(w, http.StatusServiceUnavailable)
		return
	}
	if err != nil || t.Accepted || !d.now().Before(t.Until) || d.c.RequestBy == "value" {
		fault(w, http.StatusNotFound)
		return
	}
	f := d.templates[t.Template]
	if f == nil || f.mode.InBrowser() {
		fault(w, http.StatusNotFound)
		return
	}
	q := d.request(f, t)
	if r.Method == http.MethodPost {
		var ok bool
		if q.WalletNonce, ok = d.walletNonce(w, r); !ok {
			return
		}
	}
	signed, err := d.signer.Sign(ctx, q)
	if err != nil { // a key service that does not answer
		retry(w, http.StatusServiceUnavailable)
		return
	}
	if !d.markFetched(ctx, t) {
		fault(w, http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", oid4vp.MediaType)
	_, _ = w.Write(signed)
}

// markFetched tells the log that a wallet has the request, the first time. Nothing hangs on it but whether the request is still open.
func (d *Door) markFetched(ctx context.Context, t *transaction) (open bool) {
	open = true
	_ = d.update(ctx, t, func(r *record) error {
		if open = !r.Accepted; !open {
			return errNoChange
		}
		for _, e := range r.Log {
			if e.Step == Fetched {
				return errNoChange
			}
		}
		d.note(t, Event{Step: Fetched})
		return nil
	})
	return open
}

// walletNonce reads what a wallet posts to fetch a request (section 5.10). What it says of itself changes nothing in the request.
func (d *Door) walletNonce(w http.ResponseWriter, r *http.Request) (nonce string, ok bool) {
	if !isContent(r, "application/x-www-form-urlencoded") {
		fault(w, http.StatusBadRequest)
		return "", false
	}
	body, err := d.bodies.read(w, r, maxFetch)
	if err != nil {
		refuseBody(w, err)
		return "", false
	}
	defer d.bodies.release(body)
	values, err := parseForm(string(body))
	if err != nil || len(values["wallet_nonce"]) > 1024 {
		fault(w, http.StatusBadRequest)
		return "", false
	}
	return values["wallet_nonce"], true
}

// isContent wants exactly that media type, in UTF-8, and nothing to unpack.
func isContent(r *http.Request, want string) bool {
	if r.Header.Get("Content-Encoding") != "" || len(r.Header.Values("Content-Type")) != 1 {
		return false
	}
	got, parameters, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || got != want {
		return false
	}
	for name, value := range parameters {
		if name != "charset" || !strings.EqualFold(value, "utf-8") {
			return false
		}
	}
	return true
}

func refuseBody(w http.ResponseWriter, err error) {
	if err == errBusy {
		retry(w, http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Connection", "close") // the rest of the body is not waited for
	fault(w, http.StatusBadRequest)
}

// fault is all that a wallet is told of what went wrong (RFC 6749 section 5.2).
func fault(w http.ResponseWriter, status int) {
	reply(w, status, map[string]string{"error": "invalid_request"})
}

// retry says that the same may work a little later.
func retry(w http.ResponseWriter, status int) {
	w.Header().Set("Retry-After", strconv.Itoa(1))
	reply(w, status, map[string]string{"error": "temporarily_unavailable"})
}

func reply(w http.ResponseWriter, status int, body map[string]string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	text, _ := json.Marshal(body) // a map of strings
	_, _ = w.Write(text)
}
