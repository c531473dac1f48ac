package online_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/khyer/khyer/credential/status"
	"github.com/khyer/khyer/did"
	"github.com/khyer/khyer/did/didtest"
	"github.com/khyer/khyer/verifier"
	"github.com/khyer/khyer/verifier/online"
)

// TestStatusListRollback: a server, or who stands before it, gives an older list than before, one that has not expired yet: in one process, and after a
// restart.
func TestStatusListRollback(t *testing.T) {
	w := newWorld(t)
	w.publish(list1, registry, w.clock(), time.Minute, status.Revoked)
	w.is(list1, registry, status.Revoked, nil)
	w.publish(list1, registry, w.clock().Add(-10*time.Minute), time.Minute, status.Valid)
	w.later(2 * time.Minute)
	w.is(list1, registry, status.Revoked, nil) // the last good one
	w.o = nil                                  // a restart
	w.is(list1, registry, 0, online.ErrRollback)
	w.publish(list1, registry, w.clock(), time.Minute, status.Revoked)
	w.later(time.Minute)
	w.is(list1, registry, status.Revoked, nil)
}

// TestOwnCopyThatIsRolledBack: two processes share Newest, and one has seen the revocation. The other is given the older list again, knows that it is older, and
// has a copy of it.
func TestOwnCopyThatIsRolledBack(t *testing.T) {
	w := newWorld(t)
	w.publish(list1, registry, w.clock(), time.Minute, status.Valid)
	w.is(list1, registry, status.Valid, nil)
	first, old := w.o, w.pages["/registry.example/lists/1"]
	w.later(time.Minute)
	w.publish(list1, registry, w.clock(), time.Minute, status.Revoked)
	w.o = nil // the other process
	w.is(list1, registry, status.Revoked, nil)
	w.o = first
	w.put(list1, old) // somebody stands before the first process's server
	w.later(time.Minute)
	w.is(list1, registry, 0, online.ErrRollback)
}

// TestCopySignedByAKeyThatIsBadForGood: the server's list is refused for that, and the copy that the same key signed is not used either.
func TestCopySignedByAKeyThatIsBadForGood(t *testing.T) {
	for name, c := range map[string]struct {
		after func(*didtest.Subject, time.Time)
		want  error
	}{
		"revoked":     {func(s *didtest.Subject, now time.Time) { s.Keys[0].Revoked = now }, did.KeyRevoked},
		"deactivated": {func(s *didtest.Subject, _ time.Time) { s.Deactivated = true }, did.Deactivated},
		"compromised": {nil, verifier.IssuerKeyCompromised},
		// The resolver has not seen the new key yet.
		"another key": {func(s *didtest.Subject, _ time.Time) { s.Keys[0].ID = "#key-2" }, nil},
	} {
		w := newWorld(t)
		resolver := &didtest.Resolver{}
		w.config.Resolver = resolver
		declared := w.issuer[registry]
		subject := didtest.Subject{ID: registry, Keys: []did.Key{{ID: "#key-1", Public: w.keys[registry].Public()}}}
		resolver.Put(subject)
		w.publish(list1, registry, w.clock(), time.Minute, status.Valid)
		w.is(list1, registry, status.Valid, nil)
		if c.after != nil {
			c.after(&subject, w.clock())
			resolver.Put(subject)
		} else {
			declared.Accreditation.Compromised = []string{w.keys[registry].Public().Thumbprint()}
			w.trust(declared, w.issuer[health])
		}
		w.later(20 * time.Minute)
		if v, err := w.status(list1, registry); !errors.Is(err, c.want) {
			t.Errorf("%s: %v %v, want %v; failures: %v", name, v, err, c.want, w.failures)
		}
	}
}

// TestStatusListSignedByAnotherTrustedIssuer: the health service is trusted, and does not speak for the registry's cards; nor does the registry for lists that a
// publisher signs.
func TestStatusListSignedByAnotherTrustedIssuer(t *testing.T) {
	for _, c := range []struct{ uri, signer, by string }{
		{list1, registry, health},
		{list1, registry, publisher},
		{"https://status.example/health/1", publisher, health},
		{"https://status.example/health/1", publisher, registry},
	} {
		w := newWorld(t)
		w.put("https://status.example/health/all", []byte(`{"status_lists":["https://status.example/health/1"]}`))
		w.publish(c.uri, c.by, w.clock(), time.Minute, status.Valid)
		w.is(c.uri, c.signer, 0, status.TokenSignature)
		w = newWorld(t)
		w.put("https://status.example/health/all", []byte(`{"status_lists":["https://status.example/health/1"]}`))
		w.publish(c.uri, c.signer, w.clock(), time.Minute, status.Valid)
		w.is(c.uri, c.signer, status.Valid, nil)
	}
}

// TestListsOfOtherPlaces: a good list of the same signer under another URI, and keys that must not sign.
func TestListsOfOtherPlaces(t *testing.T) {
	w := newWorld(t)
	w.publish(site+"/lists/2", registry, w.clock(), time.Minute, status.Valid)
	w.mu.Lock()
	w.pages["/registry.example/lists/1"] = w.pages["/registry.example/lists/2"]
	w.mu.Unlock()
	w.is(list1, registry, 0, status.ListOfOtherURI)
	for name, kid := range map[string]string{"another's key": health + "#key-1", "no fragment": registry, "no such key": "#key-2", "a longer name": registry + "x#key-1"} {
		w := newWorld(t)
		token, err := status.Sign(t.Context(), status.By{Signer: w.keys[registry], KeyID: kid}, status.Statement{URI: list1, Issued: w.clock(), Expires: w.clock().Add(time.Hour), Bits: 1, Data: []byte{0}})
		if err != nil {
			t.Fatal(err)
		}
		w.put(list1, token)
		if _, err := w.status(list1, registry); !errors.Is(err, verifier.ErrStatusSigner) {
			t.Errorf("%s: %v", name, err)
		}
	}
	w = newWorld(t)
	i := w.issuer[registry]
	i.Compromised = []string{w.keys[registry].Public().Thumbprint()}
	w.issuer[registry] = i
	w.publish(list1, registry, w.clock(), time.Minute, status.Valid)
	w.is(list1, registry, 0, verifier.ErrStatusSigner)
}

// TestNoListIsFetchedBecauseACitizenArrived: where an issuer lists its lists, whoever watches its server sees all of them fetched, or none.
func TestNoListIsFetchedBecauseACitizenArrived(t *testing.T) {
	w := newWorld(t)
	var uris []string
	for n := range 8 {
		uri := fmt.Sprintf("https://status.example/health/%d", n)
		uris = append(uris, uri)
		w.publish(uri, publisher, w.clock(), 10*time.Minute, status.Value(n))
	}
	w.put("https://status.example/health/all", []byte(`{"status_lists":["`+strings.Join(uris, `","`)+`","https://elsewhere.example/1","https://status.example/health/../x"]}`))
	w.is(uris[5], publisher, 5, nil)
	for n, uri := range uris {
		w.is(uri, publisher, status.Value(n), nil)
		if got := w.requests("/" + strings.TrimPrefix(uri, "https://")); got != 1 {
			t.Errorf("list %d was fetched %d times", n, got)
		}
	}
	if n := w.requests("/"); n != 9 {
		t.Errorf("%d requests, want 8 lists and their list", n)
	}
	w.publish("https://status.example/health/hidden", publisher, w.clock(), time.Minute, status.Valid)
	w.is("https://status.example/health/hidden", publisher, 0, online.ErrNotListed)
	if n := w.requests("/status.example/health/hidden"); n != 0 {
		t.Error("a list that is not listed was fetched")
	}
	// A new list is found once it is listed.
	w.put("https://status.example/health/all", []byte(`{"status_lists":["https://status.example/health/hidden"]}`))
	w.later(time.Minute)
	w.is("https://status.example/health/hidden", publisher, status.Valid, nil)
}

// TestListBehindOthersThatHang: two lists of the aggregation that nobody wants do not answer.
func TestListBehindOthersThatHang(t *testing.T) {
	w := newWorld(t)
	const prefix = "https://status.example/health/"
	w.put(prefix+"all", []byte(`{"status_lists":["`+prefix+`1","`+prefix+`2","`+prefix+`3","`+prefix+`3"]}`))
	w.publish(prefix+"3", publisher, w.clock(), time.Minute, status.Valid)
	release := make(chan struct{})
	hang := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/1") || strings.HasSuffix(r.URL.Path, "/2") {
			<-release
			return
		}
		r.URL.Path = "/status.example" + r.URL.Path
		w.serve(rw, r)
	}))
	defer hang.Close()
	defer close(release)
	w.config.InsecureHosts["status.example"] = hang.URL
	w.online()
	start := time.Now()
	w.is(prefix+"3", publisher, status.Valid, nil)
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("waited %v", took.Round(time.Second))
	}
	// Who wants one that hangs leaves when his time is up.
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := w.o.StatusList(ctx, prefix+"2", publisher, w.clock()); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	if n := w.requests("/status.example/health/3"); n != 1 {
		t.Errorf("%d requests", n)
	}
}

// TestShortTTL (draft 20 section 11.5): one of a second would make of every citizen a request to the issuer, at the moment at which he stands there.
func TestShortTTL(t *testing.T) {
	for floor, want := range map[time.Duration]int{0: 2, 10 * time.Second: 6, time.Second: 60} {
		w := newWorld(t)
		w.config.MinTTL = floor
		w.publish(list1, registry, w.clock(), time.Second, status.Valid)
		for range 60 {
			w.is(list1, registry, status.Valid, nil)
			w.later(time.Second)
		}
		if n := w.requests("/"); n != want {
			t.Errorf("a floor of %v: %d requests for 60 citizens in a minute, want %d", floor, n, want)
		}
	}
}

// TestListWhoseSignerWasReadLongAgo is the resolver's cache of a chain that cannot be reached.
func TestListWhoseSignerWasReadLongAgo(t *testing.T) {
	for limit, want := range map[time.Duration]error{0: verifier.ChainStale, 2 * time.Hour: nil} {
		w := newWorld(t)
		w.config.Resolver, w.config.AnchorAge = anchored{w.config.Resolver, w.clock().Add(-time.Hour)}, limit
		w.publish(list1, registry, w.clock(), time.Minute, status.Valid)
		w.is(list1, registry, status.Valid, want)
	}
}

// anchored says that its answers are from a block of that time.
type anchored struct {
	did.Resolver
	at time.Time
}

func (a anchored) Resolve(ctx context.Context, id did.DID, at did.At) (*did.Resolution, error) {
	r, err := a.Resolver.Resolve(ctx, id, at)
	if err != nil {
		return nil, err
	}
	c := *r
	c.Anchor = did.Anchor{Chain: "eip155:1", Block: 7, Time: a.at, Tag: "finalized"}
	return &c, nil
}
