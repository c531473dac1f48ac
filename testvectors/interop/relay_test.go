package interop_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// relay stands before a node, whichever it is: it counts what is asked, makes the way longer, and can lie.
type relay struct {
	url string

	delay    atomic.Int64 // nanoseconds before each request is passed on
	requests atomic.Int64 // over HTTP
	calls    atomic.Int64 // of JSON-RPC within them

	mu    sync.Mutex
	fault fault
}

// fault answers in the node's place. honest sends a request to the node and returns its answer. A nil body gives no answer at all
// until the client gives up.
type fault func(request []byte, honest func([]byte) []byte) (status int, body []byte)

func openRelay(t testing.TB, node string) *relay {
	t.Helper()
	return openRelayAt(t, "127.0.0.1", node)
}

// openRelayAt listens on an address of its own, since endpoints of one host count as one operator.
func openRelayAt(t testing.TB, host, node string) *relay {
	t.Helper()
	listener, err := net.Listen("tcp4", host+":0")
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{}
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16}}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, in *http.Request) {
		request, err := io.ReadAll(in.Body)
		if err != nil {
			return
		}
		r.requests.Add(1)
		r.calls.Add(int64(callsOf(request)))
		time.Sleep(time.Duration(r.delay.Load()))
		honest := func(request []byte) []byte {
			out, err := client.Post(node, "application/json", bytes.NewReader(request))
			if err != nil {
				return nil
			}
			defer out.Body.Close()
			answer, err := io.ReadAll(out.Body)
			if err != nil {
				return nil
			}
			return answer
		}
		r.mu.Lock()
		f := r.fault
		r.mu.Unlock()
		status, body := http.StatusOK, []byte(nil)
		if f == nil {
			body = honest(request)
		} else {
			status, body = f(request, honest)
		}
		if body == nil {
			<-in.Context().Done()
			panic(http.ErrAbortHandler)
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		w.Write(body)
	}))
	server.Listener.Close()
	server.Listener = listener
	server.Start()
	r.url = server.URL
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
		client.CloseIdleConnections()
	})
	return r
}

// lie sets what the relay does from now on; nil makes it honest.
func (r *relay) lie(f fault) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fault = f
}

// count returns what passed since it was last asked.
func (r *relay) count() (requests, calls int64) { return r.requests.Swap(0), r.calls.Swap(0) }

func callsOf(request []byte) int {
	var batch []json.RawMessage
	if json.Unmarshal(request, &batch) == nil {
		return len(batch)
	}
	return 1
}

// rpcCall is one call of a request, and what the node answered it.
type rpcCall struct {
	Method string
	Params []any
	Result any
}

// altered makes a liar of a function that changes the honest result of each call.
func altered(t testing.TB, change func(*rpcCall)) fault {
	return func(request []byte, honest func([]byte) []byte) (int, []byte) {
		type one struct {
			ID     json.RawMessage `json:"id"`
			Method string          `json:"method"`
			Params []any           `json:"params"`
		}
		var asked []one
		single := json.Unmarshal(request, &asked) != nil
		if single {
			asked = make([]one, 1)
			if err := json.Unmarshal(request, &asked[0]); err != nil {
				t.Error(err)
			}
		}
		answer := honest(request)
		var answers []map[string]any
		if single {
			answer = append(append([]byte("["), answer...), ']')
		}
		if err := json.Unmarshal(answer, &answers); err != nil {
			t.Error(err)
			return http.StatusOK, answer
		}
		for _, a := range answers {
			result, ok := a["result"]
			if !ok {
				continue
			}
			id, _ := json.Marshal(a["id"])
			for _, q := range asked {
				if string(q.ID) == string(id) {
					c := &rpcCall{q.Method, q.Params, result}
					change(c)
					a["result"] = c.Result
				}
			}
		}
		var out []byte
		var err error
		if single {
			out, err = json.Marshal(answers[0])
		} else {
			out, err = json.Marshal(answers)
		}
		if err != nil {
			t.Error(err)
		}
		return http.StatusOK, out
	}
}

// always answers the same.
func always(status int, body string) fault {
	return func([]byte, func([]byte) []byte) (int, []byte) { return status, []byte(body) }
}
