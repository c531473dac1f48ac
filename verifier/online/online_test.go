package online_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/khyer/khyer/credential/status"
	"github.com/khyer/khyer/did"
	"github.com/khyer/khyer/did/didtest"
	"github.com/khyer/khyer/did/pubkey"
	"github.com/khyer/khyer/verifier/online"
	"github.com/khyer/khyer/verifier/trust"
)

const (
	registry  = "did:example:registry"
	health    = "did:example:health"
	publisher = "did:example:publisher" // signs lists for the health service
	site      = "https://registry.example"
	idCard    = site + "/types/foundational-id"
)

// world is three DIDs, a web server, and a clock.
type world struct {
	t       testing.TB
	keys    map[string]pubkey.Signer
	issuer  map[string]trust.Issuer
	config  online.Config
	o       *online.Online
	trusted trust.Live // config.Issuers

	mu       sync.Mutex
	now      time.Time
	pages    map[string][]byte // by host and path
	asked    map[string]int
	hold     chan struct{} // requests wait for it
	failures []online.Failure
}

func newWorld(t testing.TB) *world {
	w := &world{t: t, keys: map[string]pubkey.Signer{}, now: time.Date(2026, 11, 24, 6, 0, 0, 0, time.UTC), pages: map[string][]byte{}, asked: map[string]int{}}
	resolver := &didtest.Resolver{}
	for _, id := range []string{registry, health, publisher} {
		s, err := pubkey.Generate(pubkey.ES256)
		if err != nil {
			t.Fatal(err)
		}
		w.keys[id] = s
		resolver.Put(didtest.Subject{ID: id, Keys: []did.Key{{ID: "#key-1", Public: s.Public()}}})
	}
	server := httptest.NewServer(http.HandlerFunc(w.serve))
	t.Cleanup(server.Close)
	w.issuer = map[string]trust.Issuer{
		registry: {DIDs: []string{registry}, Types: []string{idCard}, Accreditation: trust.Accreditation{
			Name: "Example Civil Registry", StatusLists: []trust.StatusLists{{Prefix: site + "/lists/"}},
		}},
		health: {DIDs: []string{health}, Types: []string{"https://health.example/types/card"}, Accreditation: trust.Accreditation{
			Name: "Example Health", StatusLists: []trust.StatusLists{{Prefix: "https://status.example/health/", Signer: publisher, Aggregation: "https://status.example/health/all"}},
		}},
	}
	w.config = online.Config{
		Resolver: resolver, Now: w.clock, Newest: status.NewMemory(), FetchUnlisted: true,
		Observe: func(f online.Failure) { w.mu.Lock(); defer w.mu.Unlock(); w.failures = append(w.failures, f) },
		InsecureHosts: map[string]string{
			"registry.example": server.URL + "/registry.example", "status.example": server.URL + "/status.example", "health.example": server.URL + "/health.example",
		},
	}
	return w
}

func (w *world) serve(rw http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	w.asked[r.URL.Path]++
	page, hold := w.pages[r.URL.Path], w.hold
	w.mu.Unlock()
	if hold != nil {
		<-hold
	}
	if page == nil {
		http.NotFound(rw, r)
		return
	}
	_, _ = rw.Write(page)
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *world) later(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

func (w *world) requests(path string) (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for p, k := range w.asked {
		if strings.HasPrefix(p, path) {
			n += k
		}
	}
	return n
}

func (w *world) online() *online.Online {
	w.t.Helper()
	if w.o != nil {
		return w.o
	}
	w.trust(w.issuer[registry], w.issuer[health])
	w.config.Issuers = &w.trusted
	var err error
	if w.o, err = online.New(w.config); err != nil {
		w.t.Fatal(err)
	}
	return w.o
}

// trust changes the trust list.
func (w *world) trust(issuers ...trust.Issuer) {
	w.t.Helper()
	list, err := trust.NewList(issuers...)
	if err != nil {
		w.t.Fatal(err)
	}
	w.trusted.Store(list)
}

// publish puts a list with one card's status at a URI.
func (w *world) publish(uri, signer string, issued time.Time, ttl time.Duration, v status.Value) {
	w.t.Helper()
	token, err := status.Sign(context.Background(), status.By{Signer: w.keys[signer], KeyID: "#key-1"}, status.Statement{
		URI: uri, Issued: issued, Expires: issued.Add(time.Hour), TTL: ttl, Bits: 8, Data: []byte{byte(v)},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.put(uri, token)
}

func (w *world) put(uri string, page []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.pages["/"+strings.TrimPrefix(uri, "https://")] = page
}

func (w *world) status(uri, signer string) (status.Value, error) {
	w.t.Helper()
	l, err := w.online().StatusList(context.Background(), uri, signer, w.clock())
	if err != nil {
		return 255, err
	}
	return l.At(0)
}

func (w *world) is(uri, signer string, want status.Value, wantErr error) {
	w.t.Helper()
	v, err := w.status(uri, signer)
	switch {
	case wantErr == nil && (err != nil || v != want):
		w.t.Errorf("%v %v, want %v", v, err, want)
	case wantErr != nil && !errors.Is(err, wantErr):
		w.t.Errorf("%v %v, want %v", v, err, wantErr)
	}
}

const list1 = site + "/lists/1"

func TestListIsFetchedWhenItsTimeIsUp(t *testing.T) {
	w := newWorld(t)
	w.publish(list1, registry, w.clock(), time.Minute, status.Valid)
	w.is(list1, registry, status.Valid, nil)
	w.publish(list1, registry, w.clock().Add(time.Second), time.Minute, status.Revoked)
	w.later(59 * time.Second)
	w.is(list1, registry, status.Valid, nil)
	w.later(time.Second)
	w.is(list1, registry, status.Revoked, nil)
	if n := w.requests("/"); n != 2 {
		t.Errorf("%d requests", n)
	}
}

// TestLastGoodListIsKept: the server is down. The list stays until it expires, with its age; then there is none.
func TestLastGoodListIsKept(t *testing.T) {
	w := newWorld(t)
	issued := w.clock()
	w.publish(list1, registry, issued, time.Minute, status.Valid)
	w.is(list1, registry, status.Valid, nil)
	w.put(list1, nil)
	for range 10 {
		w.later(5 * time.Minute)
		l, err := w.online().StatusList(t.Context(), list1, registry, w.clock())
		if err != nil || !l.Issued.Equal(issued) {
			t.Errorf("%v", err)
		}
	}
	if len(w.failures) == 0 || w.failures[0].URL != list1 {
		t.Errorf("nobody was told: %v", w.failures)
	}
	w.later(11 * time.Minute)
	if _, err := w.status(list1, registry); err == nil {
		t.Error("a list that expired is used")
	}
}

// TestServerInTrouble: citizens who come while a server is down do not all ask it.
func TestServerInTrouble(t *testing.T) {
	w := newWorld(t)
	for range 100 {
		if _, err := w.status(list1, registry); err == nil {
			t.Fatal("a list that nobody has")
		}
		w.later(100 * time.Millisecond)
	}
	if n := w.requests("/"); n > 4 {
		t.Errorf("%d requests in ten seconds", n)
	}
	w.publish(list1, registry, w.clock(), time.Minute, status.Valid)
	w.later(2 * time.Minute)
	w.is(list1, registry, status.Valid, nil)
}

// TestOneFetchForManyCallers also has one caller leave before the answer comes, and the answer come all the same.
func TestOneFetchForManyCallers(t *testing.T) {
	w := newWorld(t)
	w.publish(list1, registry, w.clock(), time.Minute, status.Suspended)
	hold := make(chan struct{})
	w.hold = hold
	o := w.online()
	first, cancel := context.WithCancel(t.Context())
	left := make(chan error)
	go func() {
		_, err := o.StatusList(first, list1, registry, w.clock())
		left <- err
	}()
	for w.requests("/") == 0 {
		time.Sleep(time.Millisecond)
	}
	cancel()
	if err := <-left; !errors.Is(err, context.Canceled) {
		t.Errorf("who left: %v", err)
	}
	var wg sync.WaitGroup
	for range 200 {
		wg.Go(func() {
			l, err := o.StatusList(t.Context(), list1, registry, w.clock())
			if err != nil {
				t.Error(err)
				return
			}
			if v, err := l.At(0); err != nil || v != status.Suspended {
				t.Error(v, err)
			}
		})
	}
	close(hold)
	wg.Wait()
	if n := w.requests("/"); n != 1 {
		t.Errorf("%d requests", n)
	}
}

// TestRunFetchesBeforeAnybodyComes: DIDs, lists that are listed, types; and again when their time comes.
func TestRunFetchesBeforeAnybodyComes(t *testing.T) {
	w := newWorld(t)
	counting := &countingResolver{of: w.config.Resolver}
	w.config.Resolver, w.config.Types = counting, true
	w.put("https://status.example/health/all", []byte(`{"status_lists":["https://status.example/health/1"]}`))
	w.publish("https://status.example/health/1", publisher, w.clock(), 2*time.Minute, status.Valid)
	w.put(idCard, []byte(`{"vct":"`+idCard+`"}`))
	o := w.online()
	ctx, stop := context.WithCancel(t.Context())
	ran := make(chan error)
	go func() { ran <- o.Run(ctx) }()
	until := time.Now().Add(20 * time.Second)
	wait := func(what string, done func() bool) {
		t.Helper()
		for !done() {
			if time.Now().After(until) {
				t.Fatal("not in twenty seconds: ", what)
			}
			time.Sleep(5 * time.Millisecond)
		}
	}
	wait("first fetches", func() bool {
		return w.requests("/status.example/health/1") == 1 && w.requests("/registry.example/types") == 1 && counting.seen(registry, health, publisher)
	})
	before := w.requests("/")
	w.is("https://status.example/health/1", publisher, status.Valid, nil)
	if doc, err := o.TypeMetadata(t.Context(), idCard, ""); err != nil || len(doc) == 0 {
		t.Error(err)
	}
	if n := w.requests("/"); n != before {
		t.Errorf("a citizen caused %d requests", n-before)
	}
	w.publish("https://status.example/health/1", publisher, w.clock().Add(time.Second), 2*time.Minute, status.Revoked)
	w.later(119 * time.Second) // before its time is up: it is fetched in the second half
	wait("the second fetch", func() bool {
		v, err := w.status("https://status.example/health/1", publisher)
		return err == nil && v == status.Revoked
	})
	if n := w.requests("/status.example/health/1"); n != 2 {
		t.Errorf("%d fetches", n)
	}
	stop()
	if err := <-ran; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	w.is("https://status.example/health/1", publisher, status.Revoked, nil)
}

// TestTypesNobodyAskedFor: a verifier that asks no Type Metadata needs none of them.
func TestTypesNobodyAskedFor(t *testing.T) {
	w := newWorld(t)
	o := w.online()
	ctx, stop := context.WithCancel(t.Context())
	ran := make(chan error)
	go func() { ran <- o.Run(ctx) }()
	for until := time.Now().Add(10 * time.Second); w.requests("/status.example/health/all") == 0 && time.Now().Before(until); {
		time.Sleep(5 * time.Millisecond)
	}
	time.Sleep(20 * time.Millisecond)
	stop()
	<-ran
	if n := w.requests("/status.example/health/all"); n != 1 {
		t.Errorf("%d requests for the aggregation", n)
	}
	if n := w.requests("/registry.example/types") + w.requests("/health.example/types"); n != 0 {
		t.Errorf("%d requests for types", n)
	}
}

type countingResolver struct {
	of did.Resolver
	mu sync.Mutex
	n  map[string]int
}

func (r *countingResolver) Resolve(ctx context.Context, id did.DID, at did.At) (*did.Resolution, error) {
	r.mu.Lock()
	if r.n == nil {
		r.n = map[string]int{}
	}
	r.n[id.String()]++
	r.mu.Unlock()
	return r.of.Resolve(ctx, id, at)
}

func (r *countingResolver) seen(ids ...string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, id := range ids {
		if r.n[id] == 0 {
			return false
		}
	}
	return true
}

func TestTypesOfOtherHosts(t *testing.T) {
	w := newWorld(t)
	w.put(idCard, []byte(`{}`))
	for _, vct := range []string{"https://evil.example/type", "http://registry.example/types/foundational-id", "urn:type", "", "https://registry.example@evil.example/", "https://registry.example:8443/types"} {
		if _, err := w.online().TypeMetadata(t.Context(), vct, ""); !errors.Is(err, online.ErrTypeHost) {
			t.Errorf("%q: %v", vct, err)
		}
	}
	if _, err := w.online().TypeMetadata(t.Context(), idCard, ""); err != nil {
		t.Error(err)
	}
}

// TestAddressesThatAreNotPublic: without InsecureHosts a list on this machine is not fetched, however its host is written.
func TestAddressesThatAreNotPublic(t *testing.T) {
	for _, host := range []string{"127.0.0.1", "localhost", "[::1]", "169.254.169.254", "10.0.0.1", "[::ffff:127.0.0.1]"} {
		w := newWorld(t)
		w.config.InsecureHosts = nil
		uri := "https://" + host + "/lists/1"
		i := w.issuer[registry]
		i.StatusLists = []trust.StatusLists{{Prefix: "https://" + host + "/lists/"}}
		w.issuer[registry] = i
		if _, err := w.status(uri, registry); err == nil || !strings.Contains(err.Error(), "not public") {
			t.Errorf("%s: %v", host, err)
		}
	}
}

// BenchmarkCachedCheck is what the status of a card costs when its list is at hand.
func BenchmarkCachedCheck(b *testing.B) {
	w := newWorld(b)
	now := w.clock()
	w.publish(list1, registry, now, time.Hour, status.Valid)
	w.is(list1, registry, status.Valid, nil)
	o, ctx := w.online(), b.Context()
	b.ReportAllocs()
	for b.Loop() {
		l, err := o.StatusList(ctx, list1, registry, now)
		if err != nil {
			b.Fatal(err)
		}
		if v, err := l.At(0); err != nil || v != status.Valid {
			b.Fatal(v, err)
		}
	}
}
