package didweb

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/khyer/khyer/did"
)

func parse(t *testing.T, s string) did.DID {
	t.Helper()
	d, err := did.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

const registry = "did:web:registry.example"

func document(id string) string {
	return `{"@context":"https://www.w3.org/ns/did/v1","id":"` + id + `","verificationMethod":[{"id":"` + id + `#key-1","type":"Multikey","controller":"` + id + `",
		"publicKeyMultibase":"zDnaerDaTF5BXEavCrfRZEk316dpbLsfPDZ3WJ5hRTPFU2169"}],"assertionMethod":["` + id + `#key-1"]}`
}

// site is a web server that stands for registry.example.
func site(t *testing.T, answer http.HandlerFunc) (*Resolver, *atomic.Int32) {
	t.Helper()
	var hits atomic.Int32
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		hits.Add(1)
		answer(w, r)
	}))
	t.Cleanup(s.Close)
	r, err := New(Config{Timeout: time.Second, InsecureHosts: map[string]string{
		"registry.example": s.URL, "registry.example:3000": s.URL + "/port", "xn--bcher-kva.example": s.URL + "/idn", "localhost:3000": s.URL + "/here",
	}})
	if err != nil {
		t.Fatal(err)
	}
	return r, &hits
}

func send(media, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", media)
		io.WriteString(w, body)
	}
}

func TestResolve(t *testing.T) {
	files := map[string]string{
		"/.well-known/did.json":                      registry,
		"/user/alice/did.json":                       registry + ":user:alice",
		"/u%20x/did.json":                            registry + ":u%20x",
		"/port/.well-known/did.json":                 registry + "%3A3000",
		"/port/issuer/did.json":                      registry + "%3A3000:issuer",
		"/idn/.well-known/did.json":                  "did:web:xn--bcher-kva.example",
		"/here/x/did.json":                           "did:web:localhost%3A3000:x",
		"/%E0%BD%A0/did.json":                        registry + ":%E0%BD%A0",
		"/" + strings.Repeat("a/", 300) + "did.json": registry + strings.Repeat(":a", 300),
	}
	for _, media := range []string{"application/did+json", "application/did+ld+json", "application/did", "application/json; charset=utf-8", "application/ld+json"} {
		r, hits := site(t, func(w http.ResponseWriter, q *http.Request) {
			id := files[q.URL.EscapedPath()]
			if id == "" {
				http.NotFound(w, q)
				return
			}
			send(media, document(id))(w, q)
		})
		for _, id := range files {
			res, err := r.Resolve(t.Context(), parse(t, id), did.At{})
			if err != nil || res.Document.ID.String() != id {
				t.Errorf("%s, %s: %v", media, id, err)
				continue
			}
			if _, err := res.Key("#key-1", did.AssertionMethod, time.Time{}); err != nil {
				t.Errorf("%s: %v", id, err)
			}
		}
		if int(hits.Load()) != len(files) {
			t.Errorf("%d requests", hits.Load())
		}
	}
}

func TestLocation(t *testing.T) {
	for id, want := range map[string]string{
		"w3c-ccg.github.io":             "https://w3c-ccg.github.io/.well-known/did.json",
		"w3c-ccg.github.io:user:alice":  "https://w3c-ccg.github.io/user/alice/did.json",
		"example.com%3A3000":            "https://example.com:3000/.well-known/did.json",
		"example.com%3a3000:user:alice": "https://example.com:3000/user/alice/did.json",
		"example.com%3A65535":           "https://example.com:65535/.well-known/did.json",
		"a.b:c%40d":                     "https://a.b/c%40d/did.json",
		"a.b:...x":                      "https://a.b/...x/did.json",
	} {
		if got, err := location(id, nil); err != nil || got != want {
			t.Errorf("%s: %s, %v", id, got, err)
		}
	}
}

// What names no host on the public network names no document. Nothing is asked of anybody.
func TestHostsThatAreNone(t *testing.T) {
	r, err := New(Config{InsecureHosts: map[string]string{"localhost:3000": "http://127.0.0.1:1"}}) // opens no other host
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{
		"localhost", "localhost%3A3001", "LOCALHOST%3A3000", "127.0.0.1", "127.1", "10.0.0.1:x", "169.254.169.254", "2130706433", "0x7f000001", "0x7f.0.0.1", "0x7f.0x0.0x0.0x1", "017700000001", "1.2.3.08",
		"127.0.0.1%3A80", "%5B%3A%3A1%5D", "%5B%3A%3Affff%3A127.0.0.1%5D%3A443", "%3A%3A1", // addresses in all their notations
		"user%40registry.example", "user%3Apw%40registry.example", "registry.example%3A80%40thief.example", // userinfo
		"registry.example%2F..", "registry.example%23", "registry.example%3Fx", "registry.example%5C", "registry.example%00", "registry.example%0d%0aX", // another part of a URL
		"b%C3%BCcher.example", "registry%E3%80%82example", "%72egistry.example", // other scripts stand as A-labels, and letters as themselves
		"registry.example%3A", "registry.example%3A0", "registry.example%3A080", "registry.example%3A65536", "registry.example%3A-1", "registry.example%3A+1", "registry.example%3A%38",
		"registry.example%3A80%3A81", "registry.example%3A8x",
		".", "..", "registry.", "registry.example.", ".example", "a..b", "-a.example", "a-.example", "a_b.example", strings.Repeat("a", 64) + ".example", strings.Repeat("a.", 130) + "example",
		"registry.example:..", "registry.example:.", "registry.example:%2e%2e", "registry.example:%2E%2e:x", "registry.example::x", "registry.example:a%2Fb", "registry.example:..%2F..",
		"registry.example:a%5Cb", "registry.example:%00", "registry.example:%0A", "registry.example:%252e%252e", "registry.example:%7f",
	} {
		d, err := did.Parse("did:web:" + id)
		if err != nil {
			continue // no DID to begin with
		}
		if res, err := r.Resolve(t.Context(), d, did.At{}); !errors.Is(err, did.InvalidDID) || res != nil {
			t.Errorf("%s: %v, want %s", id, err, did.InvalidDID)
		}
	}
}

func TestAnswers(t *testing.T) {
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	z.Write(bytes.Repeat([]byte(" "), 10<<20))
	z.Close()
	status := func(code int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/did")
			w.WriteHeader(code)
			io.WriteString(w, document(registry))
		}
	}
	redirect := func(to string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, to, http.StatusFound) }
	}
	good := document(registry)
	for name, test := range map[string]struct {
		answer http.HandlerFunc
		want   did.Code
	}{
		"404": {status(404), did.NotFound}, "410": {status(410), did.NotFound},
		"401": {status(401), did.Unavailable}, "403": {status(403), did.Unavailable}, "429": {status(429), did.Unavailable}, "500": {status(500), did.Unavailable},
		"503": {status(503), did.Unavailable}, "204": {status(204), did.Unavailable}, "206": {status(206), did.Unavailable}, "203": {status(203), did.Unavailable},
		"a redirect to another host": {redirect("https://thief.example/did.json"), did.GarbledAnswer},
		"a redirect to metadata":     {redirect("http://169.254.169.254/"), did.GarbledAnswer},
		"a redirect to itself":       {redirect("/.well-known/did.json"), did.GarbledAnswer},
		"gzip bomb": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/did")
			w.Header().Set("Content-Encoding", "gzip")
			w.Write(bomb.Bytes())
		}, did.GarbledAnswer},
		"a page": {send("text/html", good), did.GarbledAnswer}, "no media type": {send("", good), did.GarbledAnswer}, "text": {send("text/plain", good), did.GarbledAnswer},
		"another DID":            {send("application/did", document("did:web:thief.example")), did.InvalidDIDDocument},
		"another path":           {send("application/did", document(registry+":user")), did.InvalidDIDDocument},
		"another case":           {send("application/did", document("did:web:Registry.example")), did.InvalidDIDDocument},
		"another method":         {send("application/did", document("did:key:registry.example")), did.InvalidDIDDocument},
		"two ids":                {send("application/did", strings.Replace(good, `"id"`, `"id":"did:web:thief.example","id"`, 1)), did.InvalidDIDDocument},
		"two ids, one escaped":   {send("application/did", strings.Replace(good, `"id"`, `"i\u0064":"did:web:registry.example","id"`, 1)), did.InvalidDIDDocument},
		"no id":                  {send("application/did", `{}`), did.InvalidDIDDocument},
		"no JSON":                {send("application/did", `<html>`), did.InvalidDIDDocument},
		"half":                   {send("application/did", good[:len(good)/2]), did.InvalidDIDDocument},
		"two documents":          {send("application/did", good+good), did.InvalidDIDDocument},
		"nothing":                {send("application/did", ""), did.InvalidDIDDocument},
		"too large":              {send("application/did", good+strings.Repeat(" ", did.MaxDocument)), did.InvalidDIDDocument},
		"too deep":               {send("application/did", strings.Replace(good, `"id"`, `"x":`+strings.Repeat("[", 5000)+strings.Repeat("]", 5000)+`,"id"`, 1)), did.InvalidDIDDocument},
		"a key of somebody else": {send("application/did", strings.Replace(good, registry+`#key-1","type"`, `did:web:thief.example#key-1","type"`, 1)), ""},
		"cut off": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/did")
			w.Header().Set("Content-Length", "10000")
			io.WriteString(w, good)
		}, did.Unavailable},
		"silent": {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, did.Unavailable},
		"slow": {func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/did")
			for _, c := range []byte(good) {
				if _, err := w.Write([]byte{c}); err != nil {
					return
				}
				w.(http.Flusher).Flush()
				time.Sleep(20 * time.Millisecond)
			}
		}, did.Unavailable},
	} {
		t.Run(name, func(t *testing.T) {
			r, hits := site(t, test.answer)
			res, err := r.Resolve(t.Context(), parse(t, registry), did.At{})
			if hits.Load() != 1 {
				t.Errorf("%d requests", hits.Load())
			}
			if test.want == "" {
				if err != nil || len(res.Keys) != 0 {
					t.Errorf("%v, %+v", err, res)
				}
				return
			}
			if !errors.Is(err, test.want) || res != nil {
				t.Errorf("%v, want %s", err, test.want)
			}
		})
	}
}

func TestResolveRefuses(t *testing.T) {
	r, hits := site(t, send("application/did", document(registry)))
	for _, at := range []did.At{{Block: 1}, {Time: time.Unix(1, 0)}, {Anchor: &did.Anchor{}}} {
		if _, err := r.Resolve(t.Context(), parse(t, registry), at); !errors.Is(err, did.FeatureNotSupported) {
			t.Errorf("%+v: %v", at, err)
		}
	}
	if _, err := r.Resolve(t.Context(), parse(t, "did:key:registry.example"), did.At{}); !errors.Is(err, did.MethodNotSupported) {
		t.Error(err)
	}
	if _, err := r.Resolve(t.Context(), did.DID{}, did.At{}); !errors.Is(err, did.MethodNotSupported) {
		t.Error(err)
	}
	for _, zero := range []*Resolver{nil, {}} {
		if _, err := zero.Resolve(t.Context(), parse(t, registry), did.At{}); !errors.Is(err, did.InternalError) {
			t.Error(err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.Resolve(ctx, parse(t, registry), did.At{}); !errors.Is(err, did.Unavailable) || !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if hits.Load() != 0 {
		t.Errorf("%d requests", hits.Load())
	}
	if _, err := New(Config{InsecureHosts: map[string]string{"a.example": "b.example"}}); err == nil {
		t.Error("a host without scheme is taken for a base URL")
	}
}

func Example() {
	resolver, err := New(Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	id, err := did.Parse("did:web:127.0.0.1%3A8080")
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = resolver.Resolve(context.Background(), id, did.At{})
	fmt.Println(err)
	// Output: did: invalidDid: the host is no fully qualified domain name
}
