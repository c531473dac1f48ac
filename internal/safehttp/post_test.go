package safehttp

import (
	"errors"
	"io"
	"net/http"
	"testing"
)

func TestPost(t *testing.T) {
	var got string
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = r.Method + " " + r.Header.Get("Content-Type") + " " + string(body)
		w.WriteHeader(http.StatusAccepted)
	})
	header := http.Header{"Content-Type": {"application/json"}, "Authorization": {"signed"}}
	res, err := s.client(t, Config{}, everywhere, "127.0.0.1").Post(t.Context(), "https://example.com:"+s.port()+"/notice", header, []byte(`{"a":1}`))
	if err != nil || res.Status != http.StatusAccepted {
		t.Fatalf("%v, %v", res, err)
	}
	if want := `POST application/json {"a":1}`; got != want {
		t.Errorf("the server got %q, want %q", got, want)
	}
	if r := s.last.Load(); r.Header.Get("Authorization") != "signed" || r.UserAgent() != "khyer" {
		t.Errorf("headers: %v", r.Header)
	}
	if len(header) != 2 {
		t.Errorf("the caller's headers were changed: %v", header)
	}
	if _, err := s.client(t, Config{}, everywhere, "127.0.0.1").Post(t.Context(), "https://example.com:"+s.port(), nil, nil); err != nil {
		t.Errorf("without headers and body: %v", err)
	}
}

// A redirect that keeps method and body (307, 308) does not carry them to a second host.
func TestPostIsNotForwarded(t *testing.T) {
	second := serve(t, func(http.ResponseWriter, *http.Request) {})
	for _, status := range []int{http.StatusFound, http.StatusTemporaryRedirect, http.StatusPermanentRedirect} {
		first := serve(t, func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://example.com:"+second.port()+"/", status)
		})
		_, err := first.client(t, Config{}, everywhere, "127.0.0.1").Post(t.Context(), "https://example.com:"+first.port()+"/", nil, []byte("body"))
		var e *Error
		if !errors.As(err, &e) || e.Reason != Redirected {
			t.Errorf("%d: %v, want %s", status, err, Redirected)
		}
	}
	if n := second.hits.Load(); n != 0 {
		t.Errorf("the second host was asked %d times", n)
	}
}

func TestPostToNoPublicPlace(t *testing.T) {
	s := serve(t, func(http.ResponseWriter, *http.Request) {})
	client := s.client(t, Config{}, public, "127.0.0.1")
	for url, want := range map[string]Reason{
		"https://example.com:" + s.port() + "/": Forbidden,
		"https://127.0.0.1:" + s.port() + "/":   Forbidden,
		"http://example.com/":                   BadURL,
		"https://user@example.com/":             BadURL,
		"":                                      BadURL,
	} {
		_, err := client.Post(t.Context(), url, nil, []byte("body"))
		var e *Error
		if !errors.As(err, &e) || e.Reason != want {
			t.Errorf("%q: %v, want %s", url, err, want)
		}
	}
	if n := s.hits.Load(); n != 0 {
		t.Errorf("the server was asked %d times", n)
	}
}
