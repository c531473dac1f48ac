package ethrpc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// node answers each batch with what answer makes of its calls.
func node(t testing.TB, status int, answer func(ids []uint64) string) *Client {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var batch []struct{ ID uint64 }
		if err := json.NewDecoder(r.Body).Decode(&batch); err != nil {
			t.Error(err)
		}
		var ids []uint64
		for _, b := range batch {
			ids = append(ids, b.ID)
		}
		w.WriteHeader(status)
		io.WriteString(w, answer(ids))
	}))
	t.Cleanup(s.Close)
	c, err := Dial(s.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.CloseIdleConnections)
	return c
}

func ok(id uint64, result string) string {
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"result":%s}`, id, result)
}

func bad(id uint64) string {
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"error":{"code":3,"message":"execution reverted","data":"0x08"}}`, id)
}

func TestBatchMatchesByID(t *testing.T) {
	c := node(t, 200, func(id []uint64) string {
		return " [" + ok(id[2], `{"c":1}`) + "," + bad(id[1]) + "," + ok(id[0], "null") + "]\n"
	})
	for range 2 { // ids differ from batch to batch
		calls := []Call{{Method: "a"}, {Method: "b", Params: []any{1}}, {Method: "c"}}
		if err := c.Batch(context.Background(), calls); err != nil {
			t.Fatal(err)
		}
		if string(calls[0].Result) != "null" || string(calls[2].Result) != `{"c":1}` || calls[0].Err != nil || calls[2].Err != nil {
			t.Fatalf("answers stand at the wrong calls: %s, %s", calls[0].Result, calls[2].Result)
		}
		var e *Error
		if !errors.As(calls[1].Err, &e) || e.Code != 3 || e.Message != "execution reverted" || string(e.Data) != `"0x08"` {
			t.Fatalf("the node's refusal is %v", calls[1].Err)
		}
	}
}

func TestFaultsAreToldApart(t *testing.T) {
	whole := func(id []uint64) string { return "[" + ok(id[0], `"0x1"`) + "," + ok(id[1], `"0x2"`) + "]" }
	for _, tt := range []struct {
		name   string
		status int
		answer func(id []uint64) string
		want   error
	}{
		{"nothing", 200, func([]uint64) string { return "" }, ErrGarbled},
		{"html", 200, func([]uint64) string { return "<html>busy</html>" }, ErrGarbled},
		{"gateway page", 502, func([]uint64) string { return "<html>bad gateway</html>" }, ErrNoAnswer},
		{"redirect", 302, func([]uint64) string { return "" }, ErrNoAnswer},
		{"result beside status 500", 500, whole, ErrNoAnswer},
		{"text cut off", 200, func(id []uint64) string { s := whole(id); return s[:len(s)-9] }, ErrIncomplete},
		{"text cut through a literal", 200, func(id []uint64) string { return `[{"jsonrpc":"2.0","id":1,"result":tru` }, ErrIncomplete},
		{"a call without an answer", 200, func(id []uint64) string { return "[" + ok(id[1], "1") + "]" }, ErrIncomplete},
		{"empty batch", 200, func([]uint64) string { return "[]" }, ErrIncomplete},
		{"answered twice", 200, func(id []uint64) string { return "[" + ok(id[1], "1") + "," + ok(id[1], "2") + "]" }, ErrGarbled},
		{"unknown id", 200, func(id []uint64) string { return "[" + ok(id[0], "1") + "," + ok(id[1]+1, "2") + "]" }, ErrGarbled},
		{"id as text", 200, func(id []uint64) string {
			return fmt.Sprintf(`[%s,{"jsonrpc":"2.0","id":"%d","result":1}]`, ok(id[0], "1"), id[1])
		}, ErrGarbled},
		{"third answer", 200, func(id []uint64) string {
			return "[" + ok(id[0], "1") + "," + ok(id[1], "2") + "," + ok(id[1]+1, "2") + "]"
		}, ErrGarbled},
		{"version 1", 200, func(id []uint64) string { return strings.ReplaceAll(whole(id), `"2.0"`, `"1.0"`) }, ErrGarbled},
		{"no version", 200, func(id []uint64) string { return strings.ReplaceAll(whole(id), `"jsonrpc":"2.0",`, ``) }, ErrGarbled},
		{"result and error", 200, func(id []uint64) string {
			return strings.Replace(whole(id), `"result"`, `"error":{"code":1,"message":""},"result"`, 1)
		}, ErrGarbled},
		{"neither result nor error", 200, func(id []uint64) string { return strings.Replace(whole(id), `"result"`, `"Result"`, 1) }, ErrGarbled},
		{"error without a code", 200, func(id []uint64) string {
			return fmt.Sprintf(`[%s,{"jsonrpc":"2.0","id":%d,"error":{"message":"m"}}]`, ok(id[0], "1"), id[1])
		}, ErrGarbled},
		{"member twice", 200, func(id []uint64) string { return strings.Replace(whole(id), `"result"`, `"result":1,"result"`, 1) }, ErrGarbled},
		{"one object for a batch", 200, func(id []uint64) string { return ok(id[0], "1") }, ErrGarbled},
		{"a number", 200, func(id []uint64) string { return "7" }, ErrGarbled},
		{"array of numbers", 200, func(id []uint64) string { return "[7,8]" }, ErrGarbled},
		{"text behind", 200, func(id []uint64) string { return whole(id) + "x" }, ErrGarbled},
		{"depth", 200, func(id []uint64) string { return strings.Repeat("[", 10000) }, ErrGarbled},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := node(t, tt.status, tt.answer)
			calls := []Call{{Method: "a"}, {Method: "b"}}
			err := c.Batch(context.Background(), calls)
			if !errors.Is(err, tt.want) {
				t.Fatalf("got %v, want %v", err, tt.want)
			}
			for _, other := range []error{ErrNoAnswer, ErrGarbled, ErrIncomplete} {
				if other != tt.want && errors.Is(err, other) {
					t.Fatalf("%v is also %v", err, other)
				}
			}
			if calls[0].Result != nil || calls[1].Result != nil {
				t.Fatal("a call was filled although the batch failed")
			}
		})
	}
}

func TestRefusalOfTheWholeBatch(t *testing.T) {
	for _, status := range []int{200, 429} {
		c := node(t, status, func([]uint64) string {
			return `{"jsonrpc":"2.0","id":null,"error":{"code":-32005,"message":"limit\u0000 exceeded` + strings.Repeat("x", 500) + `"}}`
		})
		var e *Error
		if err := c.Call(context.Background(), nil, "m"); !errors.As(err, &e) || e.Code != -32005 {
			t.Fatalf("status %d: %v", status, err)
		}
		if s := e.Error(); len(s) > 260 || strings.ContainsRune(s, 0) {
			t.Fatalf("a stranger's text is passed on unbounded: %q", s)
		}
	}
}

func TestAnswerSizeIsBounded(t *testing.T) {
	c := node(t, 200, func(id []uint64) string { return "[" + ok(id[0], `"`+strings.Repeat("a", 4000)+`"`) + "]" })
	c.MaxAnswer = 4096
	if err := c.Call(context.Background(), nil, "m"); err != nil {
		t.Fatal(err)
	}
	c.MaxAnswer = 4000
	if err := c.Call(context.Background(), nil, "m"); !errors.Is(err, ErrTooLarge) || !errors.Is(err, ErrGarbled) {
		t.Fatalf("got %v", err)
	}
}

func TestCallDecodes(t *testing.T) {
	c := node(t, 200, func(id []uint64) string { return "[" + ok(id[0], `"0x7"`) + "]" })
	var s string
	if err := c.Call(context.Background(), &s, "m", "p"); err != nil || s != "0x7" {
		t.Fatal(s, err)
	}
	var n []int
	if err := c.Call(context.Background(), &n, "m"); !errors.Is(err, ErrGarbled) {
		t.Fatalf("got %v", err)
	}
}

func TestSilentNode(t *testing.T) {
	stop := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { <-stop }))
	defer s.Close()
	defer close(stop)
	c, err := Dial(s.URL+"/secret-access-key", &http.Client{Timeout: 50 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	err = c.Call(context.Background(), nil, "m")
	if !errors.Is(err, ErrNoAnswer) {
		t.Fatalf("got %v", err)
	}
	if strings.Contains(err.Error(), "secret-access-key") {
		t.Fatalf("the error names the URL: %v", err)
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	cause := errors.New("citizen left")
	cancel(cause)
	if err := c.Call(ctx, nil, "m"); !errors.Is(err, ErrNoAnswer) || !errors.Is(err, cause) {
		t.Fatalf("got %v", err)
	}
}

func TestConnectionBreaksInTheMiddle(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "1000")
		io.WriteString(w, `[{"jsonrpc"`)
	}))
	defer s.Close()
	c, _ := Dial(s.URL, nil)
	if err := c.Call(context.Background(), nil, "m"); !errors.Is(err, ErrIncomplete) {
		t.Fatalf("got %v", err)
	}
}

func TestRedirectIsNotFollowed(t *testing.T) {
	reached := false
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { reached = true }))
	defer other.Close()
	s := httptest.NewServer(http.RedirectHandler(other.URL, http.StatusTemporaryRedirect))
	defer s.Close()
	c, _ := Dial(s.URL, &http.Client{})
	if err := c.Call(context.Background(), nil, "m"); !errors.Is(err, ErrNoAnswer) || reached {
		t.Fatalf("got %v, other server reached: %v", err, reached)
	}
}

func TestDialRefusesOtherSchemes(t *testing.T) {
	for _, u := range []string{"", "node.example", "file:///etc/hosts", "ws://node.example", "http://", "http://a b/"} {
		if _, err := Dial(u, nil); err == nil {
			t.Errorf("%q is accepted", u)
		}
	}
}

// FuzzParse feeds answers to the parser. Whatever it accepts must survive being written out in order and read again.
func FuzzParse(f *testing.F) {
	f.Add([]byte("[" + ok(5, `"0x1"`) + "," + bad(6) + "]"))
	f.Add([]byte(`{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"Invalid Request"}}`))
	f.Add([]byte("[" + ok(6, `[{"a":[1,2]}]`) + " , " + ok(5, "null") + "]"))
	f.Fuzz(func(t *testing.T, answer []byte) {
		got, err := parse(answer, 5, 2, 1<<16)
		var node *Error
		if err != nil {
			if !errors.Is(err, ErrGarbled) && !errors.Is(err, ErrIncomplete) && !errors.As(err, &node) {
				t.Fatalf("an error of no known kind: %v", err)
			}
			return
		}
		again := []string{}
		for i, r := range got {
			if (r.err == nil) != r.result.Exists() {
				t.Fatal("a reply needs either a result or an error")
			}
			if r.err != nil {
				again = append(again, bad(uint64(5+i)))
			} else {
				again = append(again, ok(uint64(5+i), string(r.result.Raw())))
			}
		}
		if _, err := parse([]byte("["+strings.Join(again, ",")+"]"), 5, 2, 1<<17); err != nil {
			t.Fatalf("accepted, but not when written again: %v", err)
		}
	})
}
