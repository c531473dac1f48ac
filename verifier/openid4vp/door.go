package openid4vp

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/khyer/khyer/did"
	"github.com/khyer/khyer/did/pubkey"
	"github.com/khyer/khyer/internal/oid4vp"
	"github.com/khyer/khyer/internal/strictjson"
	"github.com/khyer/khyer/verifier"
	"github.com/khyer/khyer/verifier/trust"
)

// Profile says which rules a door keeps.
type Profile string

// Profiles.
const (
	DID  Profile = "did"  // OpenID4VP 1.0
	HAIP Profile = "haip" // OpenID4VC High Assurance Interoperability Profile 1.0, in full
)

// Config is what a deployment trusts and is.
type Config struct {
	// Verifier verifies the answers; required.
	Verifier *verifier.Verifier
	// Policy says what this agency may ask for; required. The agency is known there by the client identifier that wallets see: "decentralized_identifier:did:…"
	// with KeyID, "x509_hash:…" with Chain. If Policy does not know it, the error of New has it in full.
	Policy *trust.Policy
	// Templates are what can be asked for; at least one. See ReadTemplates.
	Templates []Template
	// BaseURL is where the door is mounted: "https://hospital.example/verify". http will do for a loopback address.
	BaseURL string
	// ReturnURL is the page, of the same origin, that a wallet on the same device sends its browser to, with the parameters transaction and response_code; it
	// calls Wait. Required unless every template is CrossDevice or of the Digital Credentials API.
	ReturnURL string

	// Signer signs the requests; required unless Prefix is "redirect_uri".
	Signer pubkey.Signer
	// KeyID is the DID URL under which Signer's key stands in the agency's DID document.
	KeyID string
	// Chain is the certificate of Signer's key, then those that lead to the root, without it. None is self-signed (HAIP 1.0 section 5).
	Chain []*x509.Certificate
	// Prefix is the client identifier prefix (section 5.9.3). Empty means what follows from KeyID ("decentralized_identifier") or Chain ("x509_hash"). The
	// others are "x509_san_dns", for the host of BaseURL, and "redirect_uri": unsigned requests, which prove nothing to a wallet of who asks.
	Prefix string
	// Profile is DID if it is empty.
	Profile Profile
	// RequestBy is how a wallet gets the request: "get" from a link, which empty means, "post" with a nonce of its own (section 5.10), or "value" in the link.
	RequestBy string
	// Name is the agency's, for people, by language tag. Wallets show it beside what their own lists say.
	Name map[string]string
	// VerifierInfo are attestations about the agency for wallets, each an object of section 5.11.
	VerifierInfo []json.RawMessage
	// Wallet is what links begin with; empty means "openid4vp://", with HAIP "haip-vp://".
	Wallet string

	// Store keeps the transactions; nil means in this process's memory.
	Store Store
	// Key seals what Store keeps: 32 random bytes that every process with this store has, and the store has not. It may be missing where Store is: then it is
	// made afresh.
	Key []byte
	// Observe, if set, is told of each step of each transaction, with the transaction's id. It holds no claim and nothing of the holder.
	Observe func(ctx context.Context, id string, e Event)
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// requestLife is how long a citizen may take to answer.
const requestLife = 2 * time.Minute

// Door asks wallets, and verifies what they answer. It is an http.Handler for the wallet's side, to be mounted at the path of Config.BaseURL and everything below.
// It is safe for concurrent use and starts no goroutine.
type Door struct {
	c         Config
	store     Store
	keys      keys
	now       func() time.Time
	templates map[string]*form
	info      []oid4vp.VerifierInfo
	signer    oid4vp.Signer
	prefix    oid4vp.Prefix
	client    oid4vp.ClientID // zero with redirect_uri, where it depends on the mode
	origin    string
	path      string // of BaseURL
	policy    atomic.Pointer[trust.Policy]
	// cookieLife lasts for the transaction that begins when the cookie is set, and for reading its result.
	cookieLife time.Duration

	bodies budget

	mu      sync.Mutex
	lanes   map[string]*lane
	waiting map[string]*waiters
}

// New checks c and returns a Door. A template that asks for more than the policy allows fails here, and the error names every claim too many: it wraps
// a *trust.OverAsking for each template. Other errors are a *verifier.Misuse, or say what is wrong with a template.
func New(c Config) (*Door, error) {
	d := &Door{c: c, now: c.Now, templates: map[string]*form{}, lanes: map[string]*lane{}, waiting: map[string]*waiters{}}
	if d.now == nil {
		d.now = time.Now
	}
	for _, check := range []func() error{d.readPlace, d.readClient, d.readStore, d.readTemplates, d.checkProfile} {
		if err := check(); err != nil {
			return nil, err
		}
	}
	return d, nil
}

func misuse(format string, args ...any) error {
	return &verifier.Misuse{Detail: "openid4vp.Config: " + fmt.Sprintf(format, args...)}
}

// readPlace looks at where the door is.
func (d *Door) readPlace() error {
	c := &d.c
	if c.Verifier == nil || c.Policy == nil {
		return misuse("Verifier or Policy is missing")
	}
	d.policy.Store(c.Policy)
	base, err := url.Parse(c.BaseURL)
	if err != nil || !safeOrigin(base) || base.RawQuery != "" || base.Fragment != "" || base.Path != base.EscapedPath() {
		return misuse("BaseURL is no https URL of a plain path")
	}
	d.origin = base.Scheme + "://" + base.Host
	d.path = strings.TrimRight(base.Path, "/")
	c.BaseURL = d.origin + d.path
	if c.ReturnURL != "" {
		back, err := url.Parse(c.ReturnURL)
		if err != nil || back.Scheme+"://"+back.Host != d.origin || back.Fragment != "" || back.User != nil {
			return misuse("ReturnURL is not of the origin of BaseURL, or has a fragment")
		}
	}
	if c.Wallet == "" {
		c.Wallet = "openid4vp://"
		if c.Profile == HAIP {
			c.Wallet = "haip-vp://"
		}
	}
	if strings.ContainsAny(c.Wallet, "?#") {
		return misuse("Wallet has a query or a fragment")
	}
	switch c.RequestBy {
	case "":
		c.RequestBy = "get"
	case "get", "post", "value":
	default:
		return misuse(`RequestBy is not "get", "post" or "value"`)
	}
	return nil
}

// safeOrigin wants https, or http on this machine.
func safeOrigin(u *url.URL) bool {
	if u.Host == "" || u.User != nil || u.Host != strings.ToLower(u.Host) {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	local := u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
	return u.Scheme == "https" && u.Port() != "443" || u.Scheme == "http" && local
}

// readClient finds out who asks.
func (d *Door) readClient() error {
	c := &d.c
	switch {
	case c.Prefix != "":
	case c.KeyID != "" && len(c.Chain) == 0:
		c.Prefix = string(oid4vp.Decentralized)
	case c.KeyID == "" && len(c.Chain) > 0:
		c.Prefix = string(oid4vp.X509Hash)
	default:
		return misuse("KeyID or Chain says who asks; with both or none of them, Prefix must")
	}
	d.prefix = oid4vp.Prefix(c.Prefix)
	if d.prefix == oid4vp.RedirectURI {
		if c.Signer != nil {
			return misuse("Signer does not go with redirect_uri, whose requests cannot be signed (section 5.9.3)")
		}
		return d.readInfo()
	}
	if c.Signer == nil || c.Signer.Public().IsZero() {
		return misuse("Signer is missing")
	}
	if err := d.readKey(); err != nil {
		return err
	}
	d.signer = oid4vp.Signer{Key: c.Signer, KeyID: c.KeyID, Chain: c.Chain}
	if err := d.signer.Check(d.client); err != nil {
		return misuse("Signer: %v", err)
	}
	return d.readInfo()
}

func (d *Door) readKey() error {
	c := &d.c
	switch d.prefix {
	case oid4vp.Decentralized:
		key, err := did.ParseURL(c.KeyID)
		if err != nil || key.Fragment == "" || len(c.Chain) > 0 {
			return misuse("KeyID is not the DID URL of a key, or Chain is there too")
		}
		d.client = oid4vp.ClientOfDID(key.DID)
		return nil
	case oid4vp.X509Hash, oid4vp.X509SanDNS:
	default:
		return misuse("Prefix is none that is in use here")
	}
	if c.KeyID != "" {
		return misuse("KeyID does not go with %s", d.prefix)
	}
	if err := checkChain(c.Chain); err != nil {
		return err
	}
	d.client = oid4vp.ClientOfCertificate(c.Chain[0])
	if d.prefix == oid4vp.X509SanDNS {
		base, _ := url.Parse(c.BaseURL) // was parsed before
		d.client = oid4vp.ClientID{Prefix: oid4vp.X509SanDNS, Name: base.Hostname()}
	}
	return nil
}

func checkChain(chain []*x509.Certificate) error {
	if len(chain) == 0 {
		return misuse("Chain is missing")
	}
	for n, cert := range chain {
		if cert.CheckSignatureFrom(cert) == nil || string(cert.RawIssuer) == string(cert.RawSubject) {
			return misuse("certificate %d of Chain is self-signed: wallets have the root, or do not trust it (HAIP 1.0 section 5)", n)
		}
		if n > 0 && chain[n-1].CheckSignatureFrom(cert) != nil {
			return misuse("certificate %d of Chain did not sign the one before it", n)
		}
	}
	return nil
}

func (d *Door) readInfo() error {
	for n, raw := range d.c.VerifierInfo {
		v, err := strictjson.Parse(raw, strictjson.Limits{Bytes: oid4vp.MaxRequest})
		format, _ := v.Get("format").Text()
		if err != nil || format == "" || !v.Get("data").Exists() {
			return misuse("VerifierInfo %d is no object with format and data", n)
		}
		i := oid4vp.VerifierInfo{Format: format, Data: v.Get("data").Raw()}
		for e := range v.Get("credential_ids").Elements() {
			id, _ := e.Text()
			i.CredentialIDs = append(i.CredentialIDs, id)
		}
		d.info = append(d.info, i)
	}
	return nil
}

func (d *Door) readStore() (err error) {
	key := d.c.Key
	switch d.store = d.c.Store; {
	case d.store == nil:
		if d.store, err = NewMemory(MemoryConfig{Now: d.now}); err != nil {
			return err
		}
		if key == nil {
			key = random(32)
		}
	case key == nil:
		return misuse("Key is missing: it seals what Store keeps")
	}
	if len(key) != 32 || same(key, make([]byte, 32)) {
		return misuse("Key is not 32 random bytes")
	}
	d.keys = newKeys(key)
	return nil
}

// readTemplates holds each template against the policy.
func (d *Door) readTemplates() error {
	if len(d.c.Templates) == 0 {
		return misuse("Templates is empty")
	}
	var faults []error
	for _, t := range d.c.Templates {
		f, err := t.check()
		if err == nil && d.templates[t.Name] != nil {
			err = errors.New("there are two of this name")
		}
		if err == nil {
			err = d.allowed(f)
		}
		if err != nil {
			faults = append(faults, fmt.Errorf("openid4vp: template %q: %w", t.Name, err))
			continue
		}
		d.templates[t.Name] = f
		d.cookieLife = max(d.cookieLife, requestLife+max(f.Retention, requestLife))
	}
	return errors.Join(faults...)
}

// SetPolicy exchanges the policy, for agencies that follow a list which is published anew. It holds from now on. The error says which templates it does not allow
// any more, as that of New does: Begin refuses them.
func (d *Door) SetPolicy(p *trust.Policy) error {
	if p == nil {
		return misuse("Policy is missing")
	}
	d.policy.Store(p)
	var faults []error
	for _, f := range d.templates {
		if err := p.Check(d.agency(f.mode), f.Purpose, d.now(), f.asked()...); err != nil {
			faults = append(faults, fmt.Errorf("openid4vp: template %q: %w", f.Name, err))
		}
	}
	return errors.Join(faults...)
}

func (d *Door) allowed(f *form) error {
	if f.mode == oid4vp.Fragment || f.mode.Posted() && !f.CrossDevice {
		if d.c.ReturnURL == "" {
			return misuse("ReturnURL is missing: where does a wallet on the same device send the browser to?")
		}
	}
	if d.prefix == oid4vp.RedirectURI && d.c.RequestBy != "value" && !f.mode.InBrowser() {
		return misuse(`RequestBy is not "value": requests of the prefix redirect_uri cannot be signed, and so not be fetched`)
	}
	if err := d.policy.Load().Check(d.agency(f.mode), f.Purpose, d.now(), f.asked()...); err != nil {
		return err
	}
	kept := int64(f.Retention / time.Second)
	why, err := oid4vp.Statement{Purpose: f.Purpose, Verifier: d.c.Name, Why: f.Why, Paper: f.Paper, Retention: &kept}.Info()
	if err != nil {
		return err
	}
	f.info = append([]oid4vp.VerifierInfo{why}, d.info...)
	t, err := d.newTransaction(f, "")
	if err != nil {
		return err
	}
	_, err = d.request(f, t).JSON() // a request that no wallet would take
	return err
}

// checkProfile holds everything against HAIP 1.0.
func (d *Door) checkProfile() error {
	switch d.c.Profile {
	case "", DID:
		return nil
	case HAIP:
	default:
		return misuse("Profile is none that is known")
	}
	if d.prefix != oid4vp.X509Hash {
		return misuse("HAIP 1.0 section 5 wants x509_hash: Chain, and no other Prefix")
	}
	if d.c.RequestBy == "value" {
		return misuse("HAIP 1.0 section 5.1 wants request_uri: RequestBy is value")
	}
	if !slices.Contains(d.c.Signer.Public().Algorithms(), pubkey.ES256) {
		return misuse("HAIP 1.0 section 7 wants ES256: Signer has another key")
	}
	for _, f := range d.templates {
		if !f.mode.Encrypted() {
			return misuse("template %q: HAIP 1.0 sections 5.1 and 5.2 want direct_post.jwt or dc_api.jwt", f.Name)
		}
	}
	return nil
}

// clientID is who asks in a mode: the zero value where a request says nothing of it.
func (d *Door) clientID(m oid4vp.Mode) oid4vp.ClientID {
	switch {
	case d.prefix != oid4vp.RedirectURI:
		return d.client
	case m.InBrowser():
		return oid4vp.ClientID{}
	case m == oid4vp.Fragment:
		return oid4vp.ClientID{Prefix: oid4vp.RedirectURI, Name: d.c.ReturnURL}
	}
	return oid4vp.ClientID{Prefix: oid4vp.RedirectURI, Name: d.c.BaseURL + answerPath}
}

// agency is the name that the policy knows.
func (d *Door) agency(m oid4vp.Mode) string {
	if id := d.clientID(m); id != (oid4vp.ClientID{}) {
		return id.String()
	}
	return "origin:" + d.origin
}

// audience is what key bindings of answers in a mode name: one exact string (sections 14.1.2 and 14.8; appendix A.4).
func (d *Door) audience(m oid4vp.Mode) string {
	if m.InBrowser() {
		return "origin:" + d.origin
	}
	return d.clientID(m).String()
}
