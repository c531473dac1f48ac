// Package safehttp fetches documents from hosts that a stranger may have chosen. It makes the only outgoing HTTP clients of the module,
// but for those of internal/ethrpc, whose nodes the operator names.
//
// What a stranger must not get out of it: a request to an address that is not public, whatever a name resolves to and whenever (the
// address is looked at when the connection is opened, not before); a request to a second place (redirects are not followed, no proxy is
// used); memory or time without bound; a request that carries a cookie, a password or a referrer.
package safehttp

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
	"time"
)

// Reason says why there is no answer.
type Reason string

// Reasons.
const (
	BadURL      Reason = "bad URL"               // not an absolute https URL, or one with a user in it
	Forbidden   Reason = "address is not public" // the host is or resolves to a private, local or special address
	Unreachable Reason = "unreachable"           // no name, no connection, no TLS, too slow, cut off
	Redirected  Reason = "redirected"            // redirects are not followed
	Encoded     Reason = "encoded"               // a Content-Encoding that nobody asked for
	TooLarge    Reason = "too large"
)

// Error is the error of every function here.
type Error struct {
	Reason Reason
	Err    error // may be nil
}

func (e *Error) Error() string {
	if e.Err == nil {
		return "safehttp: " + string(e.Reason)
	}
	return "safehttp: " + string(e.Reason) + ": " + e.Err.Error()
}

func (e *Error) Unwrap() error { return e.Err }

// Config says how to fetch. The zero value is ready to use.
type Config struct {
	Timeout  time.Duration // of a whole request, with its body; 0 means 10 s
	MaxBytes int64         // of a body; 0 means 256 KiB
	// InsecureHosts sends the requests to a host ("registry.example", "registry.example:8443") to a base URL instead, http or https,
	// without any look at its address: for tests.
	InsecureHosts map[string]string
	// InsecureLoopback allows http to a loopback address, written as such or as localhost: for tests and examples on one machine.
	InsecureLoopback bool
}

// Client fetches. It is safe for concurrent use.
type Client struct {
	timeout  time.Duration
	maxBytes int64
	insecure map[string]*url.URL
	plain    *http.Client // for the hosts in insecure; nil if there are none
	loopback *http.Client // for http on this machine; nil if it is not allowed
	guarded  *http.Client
	dialer   net.Dialer
	roots    *x509.CertPool        // nil: the system's
	allowed  func(netip.Addr) bool // public, but in tests
}

// Response is an answer. Body is nil unless Status is 200.
type Response struct {
	Status    int
	MediaType string // of Content-Type, in lower case and without parameters; empty if there is none
	Body      []byte
}

// New makes a client. The error, *Error with BadURL, is about InsecureHosts.
func New(c Config) (*Client, error) { return newClient(c, nil, public) }

func newClient(c Config, roots *x509.CertPool, allowed func(netip.Addr) bool) (*Client, error) {
	client := &Client{timeout: c.Timeout, maxBytes: c.MaxBytes, roots: roots, allowed: allowed}
	if client.timeout <= 0 {
		client.timeout = 10 * time.Second
	}
	if client.maxBytes <= 0 {
		client.maxBytes = 256 << 10
	}
	client.dialer = net.Dialer{Timeout: client.timeout, Control: client.control}
	client.guarded = client.client(client.dial)
	for host, base := range c.InsecureHosts {
		u, err := url.Parse(base)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			return nil, &Error{BadURL, errors.New("a base URL of InsecureHosts is not one of http or https")}
		}
		if client.insecure == nil {
			client.insecure, client.plain = map[string]*url.URL{}, client.client(nil)
		}
		client.insecure[host] = u
	}
	if c.InsecureLoopback {
		local := net.Dialer{Timeout: client.timeout, Control: onlyLoopback}
		client.loopback = client.client(local.DialContext)
	}
	return client, nil
}

// onlyLoopback is control for addresses of this machine.
func onlyLoopback(_, address string, _ syscall.RawConn) error {
	if a, err := netip.ParseAddrPort(address); err != nil || !a.Addr().Unmap().IsLoopback() {
		return &Error{Reason: Forbidden}
	}
	return nil
}

func (c *Client) dial(ctx context.Context, network, address string) (net.Conn, error) {
	return c.dialer.DialContext(ctx, network, address)
}

// control runs between the choice of an address and the connection: no later lookup can give another one.
func (c *Client) control(_, address string, _ syscall.RawConn) error {
	if a, err := netip.ParseAddrPort(address); err != nil || !c.allowed(a.Addr()) {
		return &Error{Reason: Forbidden}
	}
	return nil
}

func (c *Client) client(dial func(context.Context, string, string) (net.Conn, error)) *http.Client {
	return &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			// No Proxy: the guard would see the proxy's address.
			DialContext:            dial,
			TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: c.roots},
			TLSHandshakeTimeout:    c.timeout,
			DisableCompression:     true, // a body is as long as what travels
			MaxResponseHeaderBytes: 16 << 10,
			MaxIdleConns:           16,
			MaxConnsPerHost:        8,
			IdleConnTimeout:        30 * time.Second,
		},
	}
}

// Get asks for an https URL. accept is the Accept header. Any status but a redirect is an answer; the error is *Error.
func (c *Client) Get(ctx context.Context, rawURL, accept string) (*Response, error) {
	return c.do(ctx, http.MethodGet, rawURL, http.Header{"Accept": {accept}}, nil)
}

// Post sends a body to an https URL once, with the caller's headers and no others that say who asks. Any status but a redirect is an answer; the error
// is *Error, after which the body may have arrived.
func (c *Client) Post(ctx context.Context, rawURL string, header http.Header, body []byte) (*Response, error) {
	return c.do(ctx, http.MethodPost, rawURL, header.Clone(), body)
}

func (c *Client) do(ctx context.Context, method, rawURL string, header http.Header, body []byte) (*Response, error) {
	u, err := url.Parse(rawURL)
	if err != nil || u.Host == "" || u.User != nil || u.Scheme != "https" && (u.Scheme != "http" || c.loopback == nil) {
		return nil, &Error{Reason: BadURL}
	}
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	client, host := c.guarded, u.Host
	if u.Scheme == "http" {
		client = c.loopback
	} else if base := c.insecure[host]; base != nil {
		client = c.plain
		u = base.JoinPath(u.EscapedPath())
	}
	req, err := http.NewRequestWithContext(ctx, method, u.String(), bytes.NewReader(body))
	if err != nil {
		return nil, &Error{BadURL, err}
	}
	req.Host = host
	if header == nil {
		header = http.Header{}
	}
	header.Set("User-Agent", "khyer")
	req.Header = header
	res, err := client.Do(req)
	if err != nil {
		var refused *Error
		if errors.As(err, &refused) {
			return nil, refused
		}
		return nil, &Error{Unreachable, err}
	}
	defer res.Body.Close()
	return c.read(res)
}

func (c *Client) read(res *http.Response) (*Response, error) {
	out := &Response{Status: res.StatusCode}
	switch {
	case res.StatusCode >= 300 && res.StatusCode < 400:
		return nil, &Error{Reason: Redirected}
	case res.StatusCode != http.StatusOK:
		return out, nil
	}
	if e := res.Header.Get("Content-Encoding"); e != "" && !strings.EqualFold(e, "identity") {
		return nil, &Error{Reason: Encoded}
	}
	if media, _, err := mime.ParseMediaType(res.Header.Get("Content-Type")); err == nil {
		out.MediaType = media
	}
	if res.ContentLength > c.maxBytes {
		return nil, &Error{Reason: TooLarge}
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, c.maxBytes+1))
	switch {
	case int64(len(body)) > c.maxBytes:
		return nil, &Error{Reason: TooLarge}
	case err != nil:
		return nil, &Error{Unreachable, err}
	}
	out.Body = body
	return out, nil
}
