package ethrtest

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"time"
)

const (
	maxRequest = 5 << 20 // bytes of a request's body
	maxBatch   = 1000    // calls of a batch
)

// server answers JSON-RPC 2.0 on a free port of the loopback interface.
type server struct {
	chain *Chain
	http  *http.Server
	url   string
	stop  chan struct{} // closed by close; ends requests that are kept waiting
	done  chan struct{} // closed when the listener has ended
}

func serve(c *Chain) (*server, error) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &server{chain: c, url: "http://" + l.Addr().String(), stop: make(chan struct{}), done: make(chan struct{})}
	s.http = &http.Server{Handler: s, ReadHeaderTimeout: 10 * time.Second, ErrorLog: nil}
	go func() {
		defer close(s.done)
		s.http.Serve(l) // ends with http.ErrServerClosed
	}()
	return s, nil
}

func (s *server) close() error {
	select {
	case <-s.stop:
		return nil
	default:
	}
	close(s.stop)
	err := s.http.Close()
	<-s.done
	return err
}

// ServeHTTP answers one call or one batch.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	// A page in a browser may reach a loopback port under a name of its own; such a request carries that name.
	if host, _, err := net.SplitHostPort(r.Host); err != nil || (host != "127.0.0.1" && host != "localhost") {
		http.Error(w, "unknown host", http.StatusForbidden)
		return
	}
	if r.Method != http.MethodPost {
		http.Error(w, "JSON-RPC is spoken with POST", http.StatusMethodNotAllowed)
		return
	}
	request, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequest))
	if err != nil {
		http.Error(w, "request too large or broken off", http.StatusRequestEntityTooLarge)
		return
	}
	answer := s.answer(request)
	s.chain.mu.Lock()
	fault := s.chain.fault
	s.chain.mu.Unlock()
	if fault != nil {
		if answer = fault(request, answer); answer == nil {
			select {
			case <-r.Context().Done():
			case <-s.stop:
			}
			panic(http.ErrAbortHandler) // no answer, not even a status
		}
	}
	w.Header().Set("Content-Type", "application/json")
	w.Write(answer)
}

type request struct {
	Version string            `json:"jsonrpc"`
	ID      json.RawMessage   `json:"id"`
	Method  string            `json:"method"`
	Params  []json.RawMessage `json:"params"`
}

type response struct {
	Version string          `json:"jsonrpc"`
	ID      json.RawMessage `json:"id"`
	Result  json.RawMessage `json:"result,omitempty"`
	Error   *rpcError       `json:"error,omitempty"`
}

// rpcError is an error of JSON-RPC 2.0 section 5.1.
type rpcError struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
	Data    any    `json:"data,omitempty"`
}

func (e *rpcError) Error() string { return e.Message }

// The codes of JSON-RPC 2.0 and those that go-ethereum adds.
const (
	codeParse          = -32700
	codeInvalidRequest = -32600
	codeNoMethod       = -32601
	codeInvalidParams  = -32602
	codeServer         = -32000
	codeReverted       = 3
)

var null = json.RawMessage("null")

func (s *server) answer(body []byte) []byte {
	body = bytes.TrimSpace(body)
	if len(body) == 0 || body[0] != '[' {
		return encode(s.one(body))
	}
	var batch []json.RawMessage
	if err := json.Unmarshal(body, &batch); err != nil {
		return encode(failed(null, &rpcError{Code: codeParse, Message: "parse error"}))
	}
	if len(batch) == 0 || len(batch) > maxBatch {
		return encode(failed(null, &rpcError{Code: codeInvalidRequest, Message: "batch empty or too large"}))
	}
	out := make([]response, len(batch))
	for i, b := range batch {
		out[i] = s.one(b)
	}
	return encode(out)
}

func (s *server) one(body []byte) response {
	var r request
	if err := json.Unmarshal(body, &r); err != nil {
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) {
			return failed(null, &rpcError{Code: codeParse, Message: "parse error"})
		}
		return failed(null, &rpcError{Code: codeInvalidRequest, Message: "invalid request"})
	}
	if r.ID == nil {
		r.ID = null
	}
	if r.Version != "2.0" || r.Method == "" {
		return failed(r.ID, &rpcError{Code: codeInvalidRequest, Message: "invalid request"})
	}
	method, known := methods[r.Method]
	if !known {
		return failed(r.ID, &rpcError{Code: codeNoMethod, Message: "the method " + r.Method + " does not exist/is not available"})
	}
	s.chain.mu.Lock()
	result, err := method(s.chain, r.Params)
	var encoded []byte
	if err == nil {
		encoded, err = json.Marshal(result)
	}
	s.chain.mu.Unlock()
	if err != nil {
		return failed(r.ID, err)
	}
	return response{Version: "2.0", ID: r.ID, Result: encoded}
}

func failed(id json.RawMessage, err error) response {
	var e *rpcError
	if !errors.As(err, &e) {
		e = &rpcError{Code: codeServer, Message: err.Error()}
	}
	return response{Version: "2.0", ID: id, Error: e}
}

func encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		return []byte(`{"jsonrpc":"2.0","id":null,"error":{"code":-32603,"message":"internal error"}}`)
	}
	return b
}
