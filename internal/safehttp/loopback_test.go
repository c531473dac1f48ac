package safehttp

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// http is for this machine alone, whatever a name resolves to, and only where it was asked for.
func TestInsecureLoopback(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.Write([]byte(r.Method)) }))
	defer s.Close()
	local, err := New(Config{InsecureLoopback: true})
	if err != nil {
		t.Fatal(err)
	}
	if res, err := local.Get(t.Context(), s.URL, "*/*"); err != nil || string(res.Body) != "GET" {
		t.Errorf("%+v, %v", res, err)
	}
	if res, err := local.Post(t.Context(), strings.Replace(s.URL, "127.0.0.1", "localhost", 1), nil, []byte("x")); err != nil || string(res.Body) != "POST" {
		t.Errorf("%+v, %v", res, err)
	}
	for _, u := range []string{"http://192.0.2.1/", "http://0.0.0.0:1/", "http://10.0.0.1/", "http://[::ffff:10.0.0.1]/"} {
		if _, err := local.Get(t.Context(), u, "*/*"); reason(err) != Forbidden {
			t.Errorf("%s: %v", u, err)
		}
	}
	if _, err := local.Get(t.Context(), strings.Replace(s.URL, "http:", "https:", 1), "*/*"); reason(err) != Forbidden { // https is guarded as before
		t.Errorf("https to this machine: %v", err)
	}
	strict, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := strict.Get(t.Context(), s.URL, "*/*"); reason(err) != BadURL {
		t.Errorf("not asked for: %v", err)
	}
}

func reason(err error) Reason {
	if e, ok := err.(*Error); ok {
		return e.Reason
	}
	return ""
}
