// Package online fetches what a verifier needs over HTTPS: status lists, Type Metadata, and the JWT VC Issuer Metadata of issuers. It is
// the online twin of a bundle that is carried.
//
// One [Online] is a status.Source, a credential.TypeSource and a verifier.DocumentSource. What it fetches is decided by the trust list and never by a
// stranger: requests go to public addresses alone, follow no redirect, and are bounded in size and time, and what is kept is bounded too: whoever has most there makes
// room for the others. [Online.Run] fetches everything that the
// trust list names before a citizen arrives, and again at moments that tell nothing about a citizen; what could not be fetched again stays in use with
// its age, which the verifier judges. Any number of callers that need a document at the same moment share one request.
package online

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/khyer/khyer/credential/status"
	"github.com/khyer/khyer/did"
	"github.com/khyer/khyer/internal/safehttp"
	"github.com/khyer/khyer/verifier/trust"
)

// Config says whose documents are fetched.
type Config struct {
	// Issuers says who is trusted, and where their documents are; required.
	Issuers trust.Directory
	// Resolver finds the keys of status lists whose signer is a DID, and keeps the issuers' DIDs warm if it is a cache. Nil if no signer has a DID.
	Resolver did.Resolver
	// Newest remembers how new the newest list at each URI was, so that an older one is refused after a restart too: a status.Store of its own. Nil
	// means in memory: a restart then believes an older list that has not expired.
	Newest status.Store
	// Refresh is how long a document is used before it is fetched again; a status list's own ttl may make it shorter. Who signed
	// a list is looked at when it is fetched: so long, at most, counts a list of a key that was just revoked or declared compromised. Zero means 5 minutes.
	Refresh time.Duration
	// MinTTL is the shortest ttl that is obeyed, so that no issuer makes of each citizen a request to it; zero means 30 seconds.
	MinTTL time.Duration
	// Keep is how long issuer metadata and Type Metadata are used when they cannot be fetched again; zero means one hour. A key that an issuer takes out of its metadata
	// is used no longer than that. Status lists are kept until their exp; the verifier has its own limit.
	Keep time.Duration
	// Skew is how far clocks may differ; zero means 30 seconds.
	Skew time.Duration
	// FetchUnlisted fetches a status list that no aggregation in the trust list has, when a card names it first. Whoever watches the server then learns when a
	// card of that list was first shown here, and an issuer who gives each card a list of its own learns whose. Without it such cards are inconclusive.
	FetchUnlisted bool
	// AnchorAge is how old the block that a list's signer was read at may be: as in verifier.Config. Zero means 30 minutes.
	AnchorAge time.Duration
	// Types makes Run fetch the Type Metadata of the types in the trust list too: for a verifier whose Config.Types is this Online.
	Types bool
	Now   func() time.Time // nil means time.Now
	// Observe, if set, is told of every fetch that failed.
	Observe func(Failure)
	// InsecureHosts sends requests for a host ("registry.example") to a base URL instead, without any look at its address: for tests.
	InsecureHosts map[string]string
}

// Failure is a fetch that failed. URL is from the trust list, from a document that it led to, or from a card of a trusted issuer.
type Failure struct {
	URL string
	Err error
}

// Online fetches documents and keeps them. It is safe for concurrent use. It starts no goroutine that outlives the request that it
// serves by more than a request's time limit, or five minutes if the other lists of an aggregation are fetched with the one that was wanted.
type Online struct {
	c         Config
	small     *safehttp.Client
	large     *safehttp.Client
	lists     *shelf[string, token]
	listed    *shelf[listed, []string]
	documents *shelf[string, []byte] // issuer metadata and key sets
	types     *shelf[string, []byte]

	mu     sync.Mutex
	sweeps map[listed]*sweep    // under way
	swept  map[listed]time.Time // when Run began the last
	done   map[string]time.Time // until when a chore need not be done again, by its name
}

// Bounds of what is fetched.
const (
	maxDocument = 256 << 10
	maxToken    = 32 << 20
	maxListed   = 10_000 // lists in one aggregation
	timeout     = 15 * time.Second
	// What is kept. A list of 65,536 cards takes 80 KiB of it at most.
	roomForLists, roomForDocuments = 512 << 20, 64 << 20
)

// New checks c and makes an Online. It fetches nothing yet.
func New(c Config) (*Online, error) {
	if c.Issuers == nil {
		return nil, errors.New("online: Config.Issuers is missing")
	}
	if min(c.Refresh, c.MinTTL, c.Keep, c.Skew, c.AnchorAge) < 0 {
		return nil, errors.New("online: a duration in Config is negative")
	}
	for d, standard := range map[*time.Duration]time.Duration{&c.Refresh: 5 * time.Minute, &c.MinTTL: 30 * time.Second, &c.Keep: time.Hour, &c.Skew: 30 * time.Second} {
		if *d == 0 {
			*d = standard
		}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Newest == nil {
		c.Newest = status.NewMemory()
	}
	small, err := safehttp.New(safehttp.Config{Timeout: timeout, MaxBytes: maxDocument, InsecureHosts: c.InsecureHosts})
	if err != nil {
		return nil, err
	}
	large, err := safehttp.New(safehttp.Config{Timeout: timeout, MaxBytes: maxToken, InsecureHosts: c.InsecureHosts})
	if err != nil {
		return nil, err
	}
	o := &Online{c: c, small: small, large: large, sweeps: map[listed]*sweep{}, swept: map[listed]time.Time{}, done: map[string]time.Time{}}
	o.lists = &shelf[string, token]{now: c.Now, load: o.loadList, room: roomForLists, still: still, owner: o.owner, size: token.room}
	o.listed = &shelf[listed, []string]{
		now: c.Now, load: o.loadListed, room: roomForDocuments,
		owner: func(l listed) string { return l.prefix },
		size: func(uris []string) (n int) {
			for _, uri := range uris {
				n += len(uri)
			}
			return n
		},
	}
	documents := func() *shelf[string, []byte] {
		return &shelf[string, []byte]{now: c.Now, load: o.loadDocument, room: roomForDocuments, owner: httpsHost, size: func(doc []byte) int { return len(doc) }}
	}
	o.documents, o.types = documents(), documents()
	return o, nil
}

// get fetches a document; anything but 200 is an error.
func (o *Online) get(ctx context.Context, client *safehttp.Client, url, accept string) ([]byte, error) {
	res, err := client.Get(ctx, url, accept)
	if err == nil && res.Status != http.StatusOK {
		err = fmt.Errorf("online: the server answered %d", res.Status)
	}
	if err != nil {
		o.failed(url, err)
		return nil, err
	}
	return res.Body, nil
}

func (o *Online) failed(url string, err error) {
	if o.c.Observe != nil {
		o.c.Observe(Failure{url, err})
	}
}

// Document implements verifier.DocumentSource. The verifier asks for nothing that the trust list does not name.
func (o *Online) Document(ctx context.Context, url string) ([]byte, error) {
	return o.documents.get(ctx, url, o.c.Now())
}

// ErrTypeHost says that Type Metadata are at a host at which the trust list has no type.
var ErrTypeHost = errors.New("online: the trust list has no type at this host")

// TypeMetadata implements credential.TypeSource, for types whose names are https URLs at a host of some type in the trust list, or of Hosts there: a type may
// extend one that is elsewhere, and its publisher does not decide where requests go.
func (o *Online) TypeMetadata(ctx context.Context, vct, integrity string) ([]byte, error) {
	if !o.knowsHost(vct) {
		return nil, ErrTypeHost
	}
	return o.types.get(ctx, vct, o.c.Now())
}

func (o *Online) knowsHost(vct string) bool {
	host := httpsHost(vct)
	if host == "" {
		return false
	}
	for _, i := range o.c.Issuers.Issuers() {
		if slices.Contains(i.Hosts, host) || slices.ContainsFunc(i.Types, func(t string) bool { return httpsHost(t) == host }) {
			return true
		}
	}
	return false
}

// httpsHost returns the host of an https URL, with the port if there is one; empty for anything else.
func httpsHost(s string) string {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "https" || u.User != nil {
		return ""
	}
	return strings.ToLower(u.Host)
}

func (o *Online) loadDocument(ctx context.Context, url string) (found[[]byte], error) {
	doc, err := o.get(ctx, o.small, url, "application/json")
	now := o.c.Now()
	return found[[]byte]{doc, now.Add(o.c.Refresh), now.Add(o.c.Keep)}, err
}

// between returns a moment in the second half of the time between two, at random: requests at regular intervals, or all at once, would tell
// more, and meet a server together.
func between(from, to time.Time) time.Time {
	var b [8]byte
	if _, err := rand.Read(b[:]); err != nil {
		return to
	}
	half := to.Sub(from) / 2
	if half <= 0 {
		return to
	}
	return from.Add(half + time.Duration(binary.BigEndian.Uint64(b[:])>>1%uint64(half)))
}
