// Package ethrpc is a small JSON-RPC 2.0 client over HTTP for Ethereum nodes: one POST for a whole batch, answers matched by id
// whatever their order, every answer bounded before it is parsed, no redirect followed.
//
// It exists beside go-ethereum's rpc package for three reasons: that one reads an answer of any size, it believes a batch in
// which answers are missing until each call is looked at, and it brings WebSockets and IPC, which a verifier has no use for and a
// newcomer's first build would pay for.
//
// Errors tell four things apart. ErrNoAnswer: nobody answered. ErrGarbled: what came is no JSON-RPC answer to this batch.
// ErrIncomplete: an answer with a part missing, a call of the batch or the end of the text. *Error: the node understood and
// refused. Only the last carries text from the node. No error names the endpoint's URL, because providers put access keys into it.
package ethrpc

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
	"unicode"

	"github.com/khyer/khyer/internal/strictjson"
)

// DefaultMaxAnswer is the size in bytes of the largest answer that a Client reads unless told otherwise.
const DefaultMaxAnswer = 32 << 20

const defaultTimeout = 30 * time.Second

// The kinds of fault on the way to the node; use errors.Is.
var (
	ErrNoAnswer   = errors.New("ethrpc: no answer")
	ErrGarbled    = errors.New("ethrpc: garbled answer")
	ErrIncomplete = errors.New("ethrpc: incomplete answer")
	// ErrTooLarge comes together with ErrGarbled. A caller may ask for less at a time.
	ErrTooLarge = errors.New("ethrpc: answer too large")
)

// Call is one call of a batch.
type Call struct {
	Method string
	Params []any
	Result json.RawMessage
	Value  strictjson.Value // Result, as it was parsed with the whole answer
	Err    error            // *Error if the node refused this call
}

// Error is an error that the node answered for one call (JSON-RPC 2.0 section 5.1), or for the batch as a whole.
type Error struct {
	Code    int
	Message string
	Data    json.RawMessage // such as the bytes with which a contract reverted; nil if absent
}

// Error returns the node's message, shortened and without control characters: it is a stranger's text.
func (e *Error) Error() string {
	var b strings.Builder
	for i, r := range e.Message {
		if i >= 200 {
			b.WriteString("...")
			break
		}
		if !unicode.IsPrint(r) {
			r = ' '
		}
		b.WriteRune(r)
	}
	return fmt.Sprintf("ethrpc: node error %d: %s", e.Code, b.String())
}

// Client talks to one node. It is safe for concurrent use.
type Client struct {
	// MaxAnswer bounds the bytes of one answer; 0 means DefaultMaxAnswer. Set it before the first use.
	MaxAnswer int

	url  string
	http *http.Client
	id   atomic.Uint64
}

// Dial makes a client for the JSON-RPC endpoint at url; a nil hc means a client of its own with time limits. It sends nothing. hc is
// copied: the copy follows no redirects, and has a time limit of 30 s where hc has none.
func Dial(endpoint string, hc *http.Client) (*Client, error) {
	u, err := url.Parse(endpoint)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return nil, errors.New("ethrpc: the endpoint is no http or https URL")
	}
	var own http.Client
	if hc != nil {
		own = *hc
	} else {
		own.Transport = &http.Transport{
			Proxy:                  http.ProxyFromEnvironment,
			DialContext:            (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
			ForceAttemptHTTP2:      true,
			TLSHandshakeTimeout:    10 * time.Second,
			MaxIdleConnsPerHost:    8,
			IdleConnTimeout:        time.Minute,
			MaxResponseHeaderBytes: 64 << 10,
		}
	}
	if own.Timeout <= 0 {
		own.Timeout = defaultTimeout
	}
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &Client{url: u.String(), http: &own}, nil
}

// CloseIdleConnections closes connections that wait for a next use.
func (c *Client) CloseIdleConnections() { c.http.CloseIdleConnections() }

// Batch sends all calls in one HTTP request and fills Result or Err of each. If it returns an error, no call was filled: a batch
// is answered as a whole or not at all.
func (c *Client) Batch(ctx context.Context, calls []Call) error {
	if len(calls) == 0 {
		return nil
	}
	first := c.id.Add(uint64(len(calls))) - uint64(len(calls)) + 1
	body, err := encode(calls, first)
	if err != nil {
		return err
	}
	answer, status, err := c.post(ctx, body)
	if err != nil {
		return err
	}
	got, err := parse(answer, first, len(calls), c.maxAnswer())
	if status != http.StatusOK && !refusal(got, err) {
		// Whatever came, perhaps a gateway's page, is not the node speaking.
		return fmt.Errorf("%w: HTTP status %d", ErrNoAnswer, status)
	}
	if err != nil {
		return err
	}
	for i := range calls {
		calls[i].Result, calls[i].Value, calls[i].Err = got[i].result.Raw(), got[i].result, nil
		if got[i].err != nil {
			calls[i].Err = got[i].err
		}
	}
	return nil
}

// refusal reports whether an answer says nothing but errors. Some nodes send those with another HTTP status than 200; a result
// beside such a status is not believed.
func refusal(got []reply, err error) bool {
	var node *Error
	if err != nil {
		return errors.As(err, &node)
	}
	for _, r := range got {
		if r.err == nil {
			return false
		}
	}
	return true
}

// Call sends one call and decodes its result into result, unless that is nil. The node's refusal is an *Error.
func (c *Client) Call(ctx context.Context, result any, method string, params ...any) error {
	calls := []Call{{Method: method, Params: params}}
	if err := c.Batch(ctx, calls); err != nil {
		return err
	}
	if calls[0].Err != nil {
		return calls[0].Err
	}
	if result == nil {
		return nil
	}
	if err := json.Unmarshal(calls[0].Result, result); err != nil {
		return fmt.Errorf("%w: the result has another shape than asked for", ErrGarbled)
	}
	return nil
}

func (c *Client) maxAnswer() int {
	if c.MaxAnswer > 0 {
		return c.MaxAnswer
	}
	return DefaultMaxAnswer
}

// encode always writes an array, also for one call: section 6 of JSON-RPC 2.0 allows it and one shape of answer is enough.
func encode(calls []Call, first uint64) ([]byte, error) {
	out := make([]byte, 0, 256*len(calls))
	out = append(out, '[')
	for i := range calls {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, `{"jsonrpc":"2.0","id":`...)
		out = strconv.AppendUint(out, first+uint64(i), 10)
		out = append(out, `,"method":`...)
		var err error
		if out, err = appendJSON(out, calls[i].Method); err != nil {
			return nil, err
		}
		out = append(out, `,"params":[`...)
		for j, p := range calls[i].Params {
			if j > 0 {
				out = append(out, ',')
			}
			if out, err = appendJSON(out, p); err != nil {
				return nil, err
			}
		}
		out = append(out, "]}"...)
	}
	return append(out, ']'), nil
}

// appendJSON writes the few kinds of values that most calls have without reflection.
func appendJSON(out []byte, v any) ([]byte, error) {
	switch v := v.(type) {
	case bool:
		return strconv.AppendBool(out, v), nil
	case json.RawMessage:
		return append(out, v...), nil
	case string:
		if plain(v) {
			out = append(out, '"')
			out = append(out, v...)
			return append(out, '"'), nil
		}
	}
	b, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("ethrpc: parameters cannot be encoded: %w", err)
	}
	return append(out, b...), nil
}

func plain(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}

func (c *Client) post(ctx context.Context, body []byte) (answer []byte, status int, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, bytes.NewReader(body))
	if err != nil {
		return nil, 0, errors.New("ethrpc: the request cannot be built")
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, 0, noAnswer(ctx, err)
	}
	defer resp.Body.Close()
	limit := c.maxAnswer()
	answer, err = readAll(resp.Body, resp.ContentLength, limit+1)
	if err != nil {
		var timeout net.Error
		if ctx.Err() != nil || (errors.As(err, &timeout) && timeout.Timeout()) {
			return nil, 0, noAnswer(ctx, err)
		}
		return nil, 0, fmt.Errorf("%w: the connection broke before the end", ErrIncomplete)
	}
	if len(answer) > limit {
		return nil, 0, fmt.Errorf("%w: %w: more than %d bytes", ErrGarbled, ErrTooLarge, limit)
	}
	return answer, resp.StatusCode, nil
}

// readAll reads at most limit bytes. What the node says about the length saves copies, but it gets little memory for it in advance.
func readAll(body io.Reader, length int64, limit int) ([]byte, error) {
	const modest = 1 << 20
	var b bytes.Buffer
	b.Grow(int(min(max(length, 4<<10), modest, int64(limit))) + bytes.MinRead)
	_, err := b.ReadFrom(io.LimitReader(body, int64(limit)))
	return b.Bytes(), err
}

// noAnswer drops the *url.Error around err, which quotes the URL.
func noAnswer(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("%w: %w", ErrNoAnswer, context.Cause(ctx))
	}
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	return fmt.Errorf("%w: %w", ErrNoAnswer, err)
}
