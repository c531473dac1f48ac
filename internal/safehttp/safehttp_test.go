package safehttp

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func everywhere(netip.Addr) bool { return true }

// server answers https requests for any name of the test, and counts them.
type server struct {
	*httptest.Server
	hits atomic.Int32
	last atomic.Pointer[http.Request]
}

func serve(t *testing.T, answer http.HandlerFunc) *server {
	t.Helper()
	s := &server{}
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.hits.Add(1)
		s.last.Store(r)
		answer(w, r)
	}))
	s.Config.ErrorLog = nil
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

func (s *server) port() string {
	_, port, _ := net.SplitHostPort(s.Listener.Addr().String())
	return port
}

// client trusts the server's certificate, which is for example.com and 127.0.0.1, and finds every name at one of addresses.
func (s *server) client(t *testing.T, c Config, allowed func(netip.Addr) bool, addresses ...string) *Client {
	t.Helper()
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	client, err := newClient(c, roots, allowed)
	if err != nil {
		t.Fatal(err)
	}
	client.dialer.Resolver = names(t, addresses...)
	return client
}

// names is a resolver whose only server answers every question with these addresses.
func names(t *testing.T, addresses ...string) *net.Resolver {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	go func() {
		buf := make([]byte, 1500)
		for {
			n, from, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			if reply := dnsReply(buf[:n], addresses); reply != nil {
				conn.WriteTo(reply, from)
			}
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
}

// dnsReply answers a question of RFC 1035 section 4.
func dnsReply(question []byte, addresses []string) []byte {
	end := 12
	for end < len(question) && question[end] != 0 {
		end += int(question[end]) + 1
	}
	if end += 5; end > len(question) {
		return nil
	}
	kind := question[end-3] // 1 for A, 28 for AAAA
	reply := append([]byte{question[0], question[1], 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0}, question[12:end]...)
	for _, text := range addresses {
		a := netip.MustParseAddr(text)
		if a.Is4() != (kind == 1) {
			continue
		}
		reply[7]++
		reply = append(reply, 0xc0, 12, 0, kind, 0, 1, 0, 0, 0, 0, 0, byte(len(a.AsSlice())))
		reply = append(reply, a.AsSlice()...)
	}
	return reply
}

func want(t *testing.T, err error, reason Reason) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) || e.Reason != reason {
		t.Errorf("got %v, want %s", err, reason)
	}
}

func TestGet(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "Application/JSON; charset=utf-8")
		w.Header().Set("Set-Cookie", "a=b")
		if r.URL.Path == "/gone" {
			w.WriteHeader(http.StatusGone)
		}
		io.WriteString(w, "{}")
	})
	c := s.client(t, Config{MaxBytes: 2}, everywhere, "127.0.0.1")
	for range 2 {
		res, err := c.Get(t.Context(), "https://example.com:"+s.port()+"/a%2Fb/did.json", "application/did")
		if err != nil || res.Status != 200 || res.MediaType != "application/json" || string(res.Body) != "{}" {
			t.Fatalf("%+v, %v", res, err)
		}
		r := s.last.Load()
		if r.URL.EscapedPath() != "/a%2Fb/did.json" || r.Host != "example.com:"+s.port() || r.Header.Get("Accept") != "application/did" ||
			r.Header.Get("Cookie") != "" || r.Header.Get("Accept-Encoding") != "" || r.Header.Get("Referer") != "" {
			t.Errorf("%s %s %v", r.Host, r.URL.EscapedPath(), r.Header)
		}
	}
	res, err := c.Get(t.Context(), "https://example.com:"+s.port()+"/gone", "")
	if err != nil || res.Status != http.StatusGone || res.Body != nil {
		t.Errorf("%+v, %v", res, err)
	}
	_, err = c.Get(t.Context(), "https://other.example:"+s.port()+"/", "")
	want(t, err, Unreachable) // the certificate is for example.com
	for _, bad := range []string{"", "http://example.com/", "ftp://example.com/", "//example.com/", "https:///x", "https://user@example.com/", "https://user:pw@example.com/", "https://a b/", "file:///etc/passwd"} {
		_, err := c.Get(t.Context(), bad, "")
		want(t, err, BadURL)
	}
}

// A proxy of the environment would see every request, and the guard only the proxy's address.
func TestProxyOfTheEnvironmentIsNotUsed(t *testing.T) {
	t.Setenv("HTTPS_PROXY", "http://127.0.0.1:1")
	t.Setenv("https_proxy", "http://127.0.0.1:1")
	s := serve(t, func(http.ResponseWriter, *http.Request) {})
	if _, err := s.client(t, Config{}, everywhere, "127.0.0.1").Get(t.Context(), "https://example.com:"+s.port()+"/", ""); err != nil {
		t.Error(err)
	}
}

func TestRequestToAnAddressThatIsNotPublic(t *testing.T) {
	s := serve(t, func(http.ResponseWriter, *http.Request) {})
	c := s.client(t, Config{Timeout: 2 * time.Second}, public)
	for _, host := range []string{
		"127.0.0.1", "127.1.2.3", "[::1]", "[::ffff:127.0.0.1]", "[::127.0.0.1]", "0.0.0.0", "[::]", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254",
		"[fe80::1]", "[fd00::1]", "[fec0::1]", "100.64.0.1", "198.18.0.1", "240.0.0.1", "255.255.255.255", "224.0.0.1", "[ff02::1]",
		"[64:ff9b::7f00:1]", "[64:ff9b::a00:1]", "[64:ff9b:1::1]", "[2002:7f00:1::]", "[2001::1]", "[2001:db8::1]",
	} {
		_, err := c.Get(t.Context(), "https://"+host+":"+s.port()+"/", "")
		want(t, err, Forbidden)
	}
	if s.hits.Load() != 0 {
		t.Errorf("%d requests arrived", s.hits.Load())
	}
}

// A name of the thief's that leads into the network of the one who asks; the address is looked at when the connection is opened, so a
// second lookup that gives another one is of no use.
func TestNameThatLeadsIntoTheOwnNetwork(t *testing.T) {
	s := serve(t, func(http.ResponseWriter, *http.Request) {})
	for _, address := range []string{"127.0.0.1", "::1", "10.0.0.1", "169.254.169.254", "::ffff:127.0.0.1"} {
		c := s.client(t, Config{Timeout: 2 * time.Second}, public, address)
		_, err := c.Get(t.Context(), "https://example.com:"+s.port()+"/", "")
		want(t, err, Forbidden)
	}
	if s.hits.Load() != 0 {
		t.Errorf("%d requests arrived", s.hits.Load())
	}
}

// TestRebinding: the first lookup gives an allowed address at which nobody answers, the next one the address of the victim.
func TestRebinding(t *testing.T) {
	s := serve(t, func(http.ResponseWriter, *http.Request) {})
	victim := netip.MustParseAddr("127.0.0.1")
	c := s.client(t, Config{Timeout: 2 * time.Second}, func(a netip.Addr) bool { return a != victim }, "127.0.0.9", "127.0.0.1")
	for range 3 {
		if _, err := c.Get(t.Context(), "https://example.com:"+s.port()+"/", ""); err == nil {
			t.Error("answered")
		}
	}
	if s.hits.Load() != 0 {
		t.Errorf("%d requests arrived", s.hits.Load())
	}
}

func TestAnswersThatAreNoDocument(t *testing.T) {
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	z.Write(make([]byte, 10<<20))
	z.Close()
	other := serve(t, func(http.ResponseWriter, *http.Request) {})
	for name, test := range map[string]struct {
		answer http.HandlerFunc
		reason Reason
	}{
		"a redirect elsewhere": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://example.com:"+other.port()+"/", http.StatusFound)
		}, Redirected},
		"a redirect to itself": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, r.URL.Path, http.StatusMovedPermanently)
		}, Redirected},
		"gzip bomb": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			w.Write(packed.Bytes())
		}, Encoded},
		"too long by one": {func(w http.ResponseWriter, _ *http.Request) { w.Write(make([]byte, 1001)) }, TooLarge},
		"announced as long": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "99999999999")
		}, TooLarge},
		"endless": {func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				if _, err := w.Write(make([]byte, 4096)); err != nil {
					return
				}
			}
		}, TooLarge},
		"endless headers": {func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X", strings.Repeat("a", 1<<20)) }, Unreachable},
		"slow": {func(w http.ResponseWriter, r *http.Request) {
			for range 100 {
				io.WriteString(w, " ")
				w.(http.Flusher).Flush()
				select {
				case <-r.Context().Done():
					return
				case <-time.After(50 * time.Millisecond):
				}
			}
		}, Unreachable},
		"silent": {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, Unreachable},
		"cut off": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			io.WriteString(w, "{")
		}, Unreachable},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, test.answer)
			c := s.client(t, Config{MaxBytes: 1000, Timeout: time.Second}, everywhere, "127.0.0.1")
			start := time.Now()
			res, err := c.Get(t.Context(), "https://example.com:"+s.port()+"/", "")
			want(t, err, test.reason)
			if res != nil || time.Since(start) > 5*time.Second {
				t.Errorf("%+v after %s", res, time.Since(start))
			}
		})
	}
	if other.hits.Load() != 0 {
		t.Error("the redirect was followed")
	}
}

func TestInsecureHosts(t *testing.T) {
	var seen atomic.Pointer[http.Request]
	plain := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen.Store(r)
		if strings.HasSuffix(r.URL.Path, "/away") {
			http.Redirect(w, r, "/", http.StatusFound)
			return
		}
		io.WriteString(w, "{}")
	}))
	defer plain.Close()
	c, err := New(Config{InsecureHosts: map[string]string{"registry.example:8443": plain.URL + "/base"}, Timeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	res, err := c.Get(t.Context(), "https://registry.example:8443/a%2Fb/did.json", "")
	if err != nil || string(res.Body) != "{}" {
		t.Fatalf("%+v, %v", res, err)
	}
	if r := seen.Load(); r.URL.EscapedPath() != "/base/a%2Fb/did.json" || r.Host != "registry.example:8443" {
		t.Errorf("%s %s", r.Host, r.URL.EscapedPath())
	}
	_, err = c.Get(t.Context(), "https://registry.example:8443/away", "")
	want(t, err, Redirected)
	_, err = c.Get(t.Context(), strings.Replace(plain.URL, "http:", "https:", 1), "") // all others stay guarded
	want(t, err, Forbidden)
	for _, base := range []string{"", "registry.example", "ftp://x", "http://", "://"} {
		_, err := New(Config{InsecureHosts: map[string]string{"a.example": base}})
		want(t, err, BadURL)
	}
}

func TestPublic(t *testing.T) {
	for _, text := range []string{"1.1.1.1", "93.184.216.34", "172.15.255.255", "172.32.0.1", "100.63.255.255", "100.128.0.1", "192.0.1.1", "223.255.255.255",
		"2606:4700:4700::1111", "2001:4860:4860::8888", "::ffff:1.1.1.1", "64:ff9b::101:101"} {
		if !public(netip.MustParseAddr(text)) {
			t.Errorf("%s is refused", text)
		}
	}
	for _, text := range []string{"192.0.0.1", "192.88.99.1", "203.0.113.1", "239.0.0.1", "2606:4700::1%eth0", "4000::1", "::2", "3fff::1", "2001:1ff::1"} {
		if public(netip.MustParseAddr(text)) {
			t.Errorf("%s is allowed", text)
		}
	}
	if public(netip.Addr{}) {
		t.Error("the zero address is allowed")
	}
}

func Example() {
	client, err := New(Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = client.Get(context.Background(), "https://169.254.169.254/latest/meta-data/", "*/*")
	fmt.Println(err)
	// Output: safehttp: address is not public
}
