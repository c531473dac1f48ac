// Package ethrpc is a small JSON-RPC 2.0 client over HTTP: batches, bounded answers.
package ethrpc

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
)

// Call is one call of a batch.
type Call struct {
	Method string
	Params []any
	Result json.RawMessage
	Err    error // *Error if the node refused this call
}

// Error is an error that the node answered for one call.
type Error struct {
	Code    int
	Message string
}

func (e *Error) Error() string { return e.Message }

// Client talks to one node. It is safe for concurrent use.
type Client struct{}

// Dial makes a client for the JSON-RPC endpoint at url; a nil hc means a client of its own with time limits.
func Dial(url string, hc *http.Client) (*Client, error) { return nil, errors.New("ethrpc: skeleton") }

// Batch sends all calls in one HTTP request.
func (c *Client) Batch(ctx context.Context, calls []Call) error {
	return errors.New("ethrpc: skeleton")
}

// Call sends one call and decodes its result into result.
func (c *Client) Call(ctx context.Context, result any, method string, params ...any) error {
	return errors.New("ethrpc: skeleton")
}
