package wallet

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/khyer/khyer/did"
	"github.com/khyer/khyer/internal/oid4vp"
	"github.com/khyer/khyer/internal/safehttp"
	"github.com/khyer/khyer/verifier/trust"
)

// Config is what a wallet trusts.
type Config struct {
	// Policy says who may ask for what, and where answers may go: the signed list's. Required. When there is a newer list, make another Wallet.
	Policy *trust.Policy
	// Resolver gives the keys of agencies that are known by DIDs. nil: their requests are refused.
	Resolver did.Resolver
	// Roots certify agencies that are known by certificates. They should certify verifiers and nothing else. None: their requests are refused.
	Roots []*x509.Certificate
	// Transactions are the types of transaction data that this wallet can explain to a citizen. A request with another one is refused (V 5.1).
	Transactions []string
	// Now is the clock; nil means time.Now.
	Now func() time.Time

	// InsecureHTTP allows http to loopback addresses, for tests and for examples on one machine.
	InsecureHTTP bool
	// InsecureUnlisted takes requests of verifiers that Policy does not know, to be tried with other people's verifiers: then nobody has said that they may ask, and
	// Request.Listed is false. The signature is still verified.
	InsecureUnlisted bool
	// InsecureHosts sends what goes to a host ("hospital.example") to a base URL instead, for tests.
	InsecureHosts map[string]string
}

// Wallet opens requests. It is safe for concurrent use and starts no goroutine.
type Wallet struct {
	c    Config
	http *safehttp.Client
}

// skew is by how much an agency's clock may be ahead or behind.
const skew = time.Minute

// New checks c.
func New(c Config) (*Wallet, error) {
	if c.Policy == nil {
		return nil, errors.New("wallet: Config.Policy is missing: a wallet that answers everybody needs InsecureUnlisted, and a list")
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	client, err := safehttp.New(safehttp.Config{MaxBytes: 512 << 10, InsecureHosts: c.InsecureHosts, InsecureLoopback: c.InsecureHTTP})
	if err != nil {
		return nil, err
	}
	c.Roots, c.Transactions = slices.Clone(c.Roots), slices.Clone(c.Transactions)
	return &Wallet{c, client}, nil
}

// Open reads a link of any scheme (V 5.10), fetches the request that it names, and checks who asks, for what, and where the answer would go. The error is a *Refusal.
func (w *Wallet) Open(ctx context.Context, link string) (*Request, error) {
	l, err := oid4vp.ParseLink(link)
	if err != nil {
		return nil, refusalOf(err)
	}
	client, err := oid4vp.ParseClientID(l.Client)
	if err != nil {
		return nil, refusalOf(err)
	}
	if err := w.known(client.String()); err != nil { // before anything is fetched
		return nil, err
	}
	wire := l.Request
	switch {
	case wire != nil:
		if client.Prefix != oid4vp.RedirectURI {
			return nil, refuse(RequestUnsigned, nil)
		}
	case l.Object != "":
		wire, err = w.verify(ctx, []byte(l.Object), l.Client)
	default:
		wire, err = w.fetch(ctx, l)
	}
	if err != nil {
		return nil, refusalOf(err)
	}
	if wire.Mode.InBrowser() { // there is no page that could take it
		return nil, refuse(ModeUnsupported, nil)
	}
	return w.check(wire, client.String(), client.String(), "")
}

// OpenData reads what the Digital Credentials API hands over (V appendix A): the data of an openid4vp-v1-signed or openid4vp-v1-unsigned request, and the origin
// that the platform, and not the page, says it comes from ("https://hospital.example"). An unsigned request is of its origin: the list knows it as "origin:" and the
// origin. The error is a *Refusal.
func (w *Wallet) OpenData(ctx context.Context, data []byte, origin string) (*Request, error) {
	u, err := url.Parse(origin)
	if err != nil || u.Host == "" || origin != u.Scheme+"://"+u.Host || !w.usable(u) {
		return nil, refuse(OriginMismatch, errors.New("no https origin"))
	}
	object, wire, err := oid4vp.ParseData(data)
	if err != nil {
		return nil, refusalOf(err)
	}
	agency, audience := "origin:"+origin, "origin:"+origin
	if object == "" {
		if err := w.known(agency); err != nil {
			return nil, err
		}
	} else {
		if wire, err = w.verify(ctx, []byte(object), ""); err != nil {
			return nil, refusalOf(err)
		}
		agency = wire.ClientID.String()
		if !wire.Mode.InBrowser() {
			return nil, refuse(ModeUnsupported, nil)
		}
		if !slices.Contains(wire.ExpectedOrigins, origin) { // a request that somebody else's page has copied
			return nil, refuse(OriginMismatch, nil)
		}
	}
	return w.check(wire, agency, audience, origin)
}

// known says whether the list knows somebody under that name at all.
func (w *Wallet) known(agency string) error {
	if w.c.InsecureUnlisted || len(w.c.Policy.Purposes(agency, w.c.Now())) > 0 {
		return nil
	}
	return refuse(VerifierUnknown, nil)
}

func (w *Wallet) verify(ctx context.Context, object []byte, client string) (*oid4vp.Request, error) {
	return oid4vp.Verify(ctx, object, client, oid4vp.Trust{
		Resolver: w.c.Resolver, Roots: w.c.Roots, Now: w.c.Now(), Skew: skew, Ask: func(c oid4vp.ClientID) error { return w.known(c.String()) },
	})
}

// metadata is what this wallet says of itself when it posts (V 5.10, section 10): what every wallet of this kind says.
const metadata = `{"vp_formats_supported":{"dc+sd-jwt":{}},"client_id_prefixes_supported":["redirect_uri","decentralized_identifier","x509_san_dns","x509_hash"],` +
	`"request_object_signing_alg_values_supported":["ES256","ES384","ES256K","EdDSA"],` +
	`"authorization_encryption_alg_values_supported":["ECDH-ES"],"authorization_encryption_enc_values_supported":["A256GCM","A128GCM"]}`

// fetch gets a request object by reference (V 5.10, RFC 9101 section 5.2.3).
func (w *Wallet) fetch(ctx context.Context, l *oid4vp.Link) (*oid4vp.Request, error) {
	var hosts []string
	for _, u := range w.c.Policy.Purposes(l.Client, w.c.Now()) {
		hosts = append(hosts, u.Hosts...)
	}
	if !w.accredited(l.Reference, hosts, len(hosts) == 0) {
		return nil, refuse(PlaceNotAccredited, errors.New("request_uri"))
	}
	var (
		res   *safehttp.Response
		err   error
		nonce string
	)
	if l.Post {
		nonce = rand.Text()
		form := url.Values{"wallet_metadata": {metadata}, "wallet_nonce": {nonce}}
		res, err = w.http.Post(ctx, l.Reference, http.Header{"Content-Type": {formType}, "Accept": {oid4vp.MediaType}}, []byte(form.Encode()))
	} else {
		res, err = w.http.Get(ctx, l.Reference, oid4vp.MediaType)
	}
	switch {
	case err != nil:
		return nil, refuse(NotFetched, err)
	case res.Status != http.StatusOK || res.MediaType != oid4vp.MediaType:
		return nil, refuse(NotFetched, errors.New("no request object"))
	}
	wire, err := w.verify(ctx, res.Body, l.Client)
	if err != nil {
		return nil, err
	}
	if l.Post && wire.WalletNonce != nonce {
		return nil, refuse(WalletNonceMismatch, nil)
	}
	return wire, nil
}

const formType = "application/x-www-form-urlencoded"

// accredited tells whether a URL is one that this wallet talks to for somebody: https, on one of these hosts; on any of them if there is no list to ask.
func (w *Wallet) accredited(place string, hosts []string, unlisted bool) bool {
	u, err := url.Parse(place)
	if err != nil || u.User != nil || !w.usable(u) {
		return false
	}
	if unlisted && w.c.InsecureUnlisted {
		return true
	}
	host := strings.ToLower(u.Host)
	if u.Port() == "443" && u.Scheme == "https" {
		host = strings.TrimSuffix(host, ":443")
	}
	return slices.Contains(hosts, host)
}

// usable wants https, or http to this machine where that was asked for: safehttp looks at the address.
func (w *Wallet) usable(u *url.URL) bool {
	return u.Host != "" && (u.Scheme == "https" || u.Scheme == "http" && w.c.InsecureHTTP)
}
