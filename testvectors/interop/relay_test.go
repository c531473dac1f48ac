package interop_test

import (
	"bytes"
	"encoding/json"
	"io"
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
	r := &relay{}
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, in *http.Request) {
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
	server.Config.ErrorLog = nil
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
