package anchor

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/khyer/khyer/did/didethr"
	"github.com/khyer/khyer/internal/strictjson"
)

// RemoteConfig says where a signing service is.
type RemoteConfig struct {
	// URL is called with POST. It is https, or http on the machine itself.
	URL string
	// Address is the account whose key the service has.
	Address didethr.Address
	// Authorization, if not empty, is sent as the header of that name, such as "Bearer …".
	Authorization string
	// Client sends the requests, such as with a client certificate; nil means one with time limits.
	Client *http.Client
}

// RemoteSigner is a Signer whose key is with a service. It asks
//
//	POST <URL>
//	{"address":"0x<40 digits>","digest":"0x<64 digits>"}
//
// and expects {"signature":"0x<130 digits>"}: r, s, and 0 or 1 or, as many services have it, 27 or 28. The service signs the digest as it
// is. That is a small protocol of this package's own, for a few lines before an HSM or a KMS: the sign call of Web3Signer for Ethereum
// accounts takes data and hashes it itself, so that a digest cannot be given to it.
//
// The signature is checked against the address before it is used. Errors have the reason SignerFailed or BadSignature and quote neither the
// URL nor the service's words.
type RemoteSigner struct {
	url     string
	header  string
	address didethr.Address
	http    *http.Client
}

const remoteTimeout = 30 * time.Second

// NewRemoteSigner checks the configuration. It sends nothing.
func NewRemoteSigner(c RemoteConfig) (*RemoteSigner, error) {
	u, err := url.Parse(c.URL)
	if err != nil || u.Host == "" || u.Scheme != "https" && (u.Scheme != "http" || !loopback(u.Hostname())) {
		return nil, fail(BadConfig, "a signing service has an https URL, or http on this machine")
	}
	if c.Address == (didethr.Address{}) {
		return nil, fail(BadConfig, "a signing service signs for an address")
	}
	own := http.Client{}
	if c.Client != nil {
		own = *c.Client
	}
	if own.Timeout <= 0 {
		own.Timeout = remoteTimeout
	}
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &RemoteSigner{u.String(), c.Authorization, c.Address, &own}, nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Address implements Signer.
func (s *RemoteSigner) Address() didethr.Address { return s.address }

// String returns the address. The URL and the header may hold secrets.
func (s *RemoteSigner) String() string { return "anchor.RemoteSigner(" + s.address.String() + ")" }

// GoString keeps them out of %#v too.
func (s *RemoteSigner) GoString() string { return s.String() }

// SignDigest implements Signer.
func (s *RemoteSigner) SignDigest(ctx context.Context, digest [32]byte) (sig [65]byte, err error) {
	body, err := json.Marshal(map[string]string{"address": s.address.String(), "digest": "0x" + hex.EncodeToString(digest[:])})
	if err != nil {
		return sig, &Error{Reason: SignerFailed, Err: err}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url, bytes.NewReader(body))
	if err != nil {
		return sig, fail(SignerFailed, "the request cannot be built")
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	if s.header != "" {
		req.Header.Set("Authorization", s.header)
	}
	answer, err := s.http.Do(req)
	if err != nil {
		var u *url.Error // quotes the URL
		if errors.As(err, &u) {
			err = u.Err
		}
		return sig, fail(SignerFailed, "the signing service does not answer: %w", err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return sig, fail(SignerFailed, "the signing service answers with status %d", answer.StatusCode)
	}
	const longest = 4 << 10
	text, err := io.ReadAll(io.LimitReader(answer.Body, longest+1))
	if err != nil || len(text) > longest {
		return sig, fail(SignerFailed, "the signing service's answer breaks off or is too long")
	}
	v, err := strictjson.Parse(text, strictjson.Limits{Bytes: longest, Depth: 4})
	if err != nil || v.Kind() != strictjson.Object {
		return sig, fail(SignerFailed, "the signing service's answer is no JSON object")
	}
	raw, ok := hexMember(v.Get("signature"), len(sig))
	if !ok {
		return sig, fail(SignerFailed, "the signing service's answer has no signature of 65 bytes")
	}
	copy(sig[:], raw)
	if sig[64] == 27 || sig[64] == 28 {
		sig[64] -= 27
	}
	if err := check(s.address, digest, sig); err != nil {
		return [65]byte{}, &Error{Reason: BadSignature, Err: err}
	}
	return sig, nil
}
