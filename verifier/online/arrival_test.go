package online_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/khyer/khyer/credential"
	"github.com/khyer/khyer/credential/status"
	"github.com/khyer/khyer/did"
	"github.com/khyer/khyer/did/didtest"
	"github.com/khyer/khyer/did/pubkey"
	"github.com/khyer/khyer/disclosure"
	"github.com/khyer/khyer/verifier"
	"github.com/khyer/khyer/verifier/online"
	"github.com/khyer/khyer/verifier/trust"
)

// service is an agency's: a verifier before an Online, in a world whose registry lists its lists.
type service struct {
	*world
	resolver *didtest.Resolver
	verifier *verifier.Verifier
	citizen  pubkey.Signer
}

func newService(t testing.TB) *service {
	w := newWorld(t)
	s := &service{world: w, resolver: w.config.Resolver.(*didtest.Resolver)}
	i := w.issuer[registry]
	i.StatusLists = []trust.StatusLists{{Prefix: site + "/lists/", Aggregation: site + "/lists"}}
	w.issuer[registry] = i
	w.config.FetchUnlisted, w.config.Types = false, true
	w.config.Resolver = did.Cache(s.resolver, time.Hour)
	w.put(site+"/lists", []byte(`{"status_lists":["`+list1+`"]}`))
	w.publish(list1, registry, w.clock(), time.Minute, status.Valid)
	w.put(idCard, []byte(`{"vct":"`+idCard+`","extends":"`+site+`/types/any-card"}`))
	w.put(site+"/types/any-card", []byte(`{"vct":"`+site+`/types/any-card"}`))
	w.put("https://status.example/health/all", []byte(`{"status_lists":[]}`))
	w.put("https://health.example/types/card", []byte(`{"vct":"https://health.example/types/card"}`))
	var err error
	if s.citizen, err = pubkey.Generate(pubkey.ES256); err != nil {
		t.Fatal(err)
	}
	o := w.online()
	if s.verifier, err = verifier.New(verifier.Config{Resolver: w.config.Resolver, Issuers: &w.trusted, Status: o, Documents: o, Types: o, Now: w.clock}); err != nil {
		t.Fatal(err)
	}
	return s
}

// arrive is a citizen who shows a card that signer signed as iss.
func (s *service) arrive(signer pubkey.Signer, iss, vct, list, nonce string) error {
	s.t.Helper()
	issuer, err := credential.NewIssuer(credential.IssuerConfig{ID: iss, KeyID: "#key-1", Signer: signer, Now: s.clock})
	if err != nil {
		s.t.Fatal(err)
	}
	card, err := issuer.Issue(s.t.Context(), credential.Card{
		Type: vct, Claims: json.RawMessage(`{"ID Number":"10000000001"}`), Conceal: disclosure.ConcealOptions{Paths: []disclosure.Path{{"ID Number"}}},
		Holder: s.citizen.Public(), Status: &status.Reference{URI: list},
	})
	if err != nil {
		s.t.Fatal(err)
	}
	holder := credential.NewHolder(s.citizen)
	held, err := holder.Receive(card, signer.Public(), s.clock())
	if err != nil {
		s.t.Fatal(err)
	}
	shown, err := holder.Present(s.t.Context(), held, credential.Showing{Reveal: []disclosure.Path{{"ID Number"}}, Audience: "https://agency.example", Nonce: nonce, At: s.clock()})
	if err != nil {
		s.t.Fatal(err)
	}
	_, err = s.verifier.Verify(s.t.Context(), shown, verifier.Expect{Audience: "https://agency.example", Nonce: nonce, Type: vct, Claims: []disclosure.Path{{"ID Number"}}})
	return err
}

func (s *service) prefetch() {
	s.t.Helper()
	if err := s.o.Prefetch(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
}

// TestFirstCitizenCausesNoRequest: after Prefetch neither the first citizen nor those after him cause one, to whatever server, nor a question about a DID.
func TestFirstCitizenCausesNoRequest(t *testing.T) {
	s := newService(t)
	s.prefetch()
	for _, page := range []string{"/registry.example/lists/1", "/registry.example/types/foundational-id", "/registry.example/types/any-card", "/status.example/health/all"} {
		if s.requests(page) != 1 {
			t.Errorf("%s was fetched %d times before anybody came", page, s.requests(page))
		}
	}
	requests, resolved := s.requests("/"), s.resolver.Resolved("")
	for n := range 20 {
		if err := s.arrive(s.keys[registry], registry, idCard, list1, fmt.Sprint("nonce ", n)); err != nil {
			t.Fatal(err)
		}
	}
	if n, m := s.requests("/")-requests, s.resolver.Resolved("")-resolved; n != 0 || m != 0 {
		t.Errorf("citizens caused %d requests and %d resolutions", n, m)
	}
	s.prefetch()
	if n := s.requests("/") - requests; n != 0 {
		t.Errorf("a second Prefetch caused %d requests", n)
	}
}

// TestStrangerCausesNoFetch: neither who is in no trust list, nor who claims to be of it, nor a trusted issuer's card of a type that is not his, nor one whose list
// is elsewhere causes a request or a resolution; one whose list is in no aggregation may cause a look for a new list, which tells nothing about which.
func TestStrangerCausesNoFetch(t *testing.T) {
	for name, c := range map[string]struct {
		signer, iss, vct, list string
		want                   error
	}{
		"a stranger":                   {health, "did:example:stranger", idCard, list1, trust.IssuerNotTrusted},
		"a stranger by did:web":        {health, "did:web:stranger.example", idCard, list1, trust.IssuerNotTrusted},
		"a stranger by https":          {health, "https://stranger.example", idCard, list1, trust.IssuerNotTrusted},
		"another's type":               {health, health, idCard, list1, trust.TypeNotAccredited},
		"a type of the stranger's own": {registry, registry, "https://stranger.example/type", list1, trust.TypeNotAccredited},
		"a thief":                      {health, registry, idCard, list1, credential.SignatureInvalid},
		"a list elsewhere":             {registry, registry, idCard, "https://stranger.example/lists/1", verifier.StatusListNotAllowed},
		"a list by dot segments":       {registry, registry, idCard, site + "/lists/../secret", verifier.StatusListNotAllowed},
		"a list in no aggregation":     {registry, registry, idCard, site + "/lists/for-him-alone", online.ErrNotListed},
	} {
		s := newService(t)
		s.prefetch()
		s.later(3 * time.Second) // longer than an aggregation is too fresh to look for a new list in it
		requests, resolved := s.requests("/"), s.resolver.Resolved("")
		err := s.arrive(s.keys[c.signer], c.iss, c.vct, c.list, "nonce")
		var rejected *verifier.Rejection
		var unknown *verifier.Inconclusive
		switch {
		case errors.Is(err, c.want):
		case errors.As(err, &rejected) && error(rejected.Reason) == c.want:
		case errors.As(err, &unknown) && error(unknown.Reason) == c.want:
		default:
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
		n, m := s.requests("/")-requests, s.resolver.Resolved("")-resolved
		if again := s.requests("/registry.example/lists") - s.requests("/registry.example/lists/"); errors.Is(c.want, online.ErrNotListed) && again == 2 {
			n-- // whether the list is a new one; it tells nothing about which
		}
		if n != 0 || m != 0 {
			t.Errorf("%s caused %d requests and %d resolutions: %v", name, n, m, s.asked)
		}
	}
}

// TestRevokedCardByTheWholeWay: a card that is revoked is refused once its list has been fetched again, and a list that nobody can renew is not believed for ever.
func TestRevokedCardByTheWholeWay(t *testing.T) {
	s := newService(t)
	s.prefetch()
	if err := s.arrive(s.keys[registry], registry, idCard, list1, "1"); err != nil {
		t.Fatal(err)
	}
	s.later(time.Minute)
	s.publish(list1, registry, s.clock(), time.Minute, status.Revoked)
	var rejected *verifier.Rejection
	if err := s.arrive(s.keys[registry], registry, idCard, list1, "2"); !errors.As(err, &rejected) || rejected.Reason != verifier.CardRevoked {
		t.Errorf("%v, want %v", err, verifier.CardRevoked)
	}
	s.put(list1, nil)
	s.later(59 * time.Minute)
	if err := s.arrive(s.keys[registry], registry, idCard, list1, "3"); !errors.As(err, &rejected) || rejected.Reason != verifier.CardRevoked {
		t.Errorf("by the last list: %v, want %v", err, verifier.CardRevoked)
	}
	s.later(2 * time.Minute)
	var unknown *verifier.Inconclusive
	if err := s.arrive(s.keys[registry], registry, idCard, list1, "4"); !errors.As(err, &unknown) || unknown.Reason != verifier.StatusUnavailable {
		t.Errorf("after its end: %v, want %v", err, verifier.StatusUnavailable)
	}
}

// TestUnlistedList is fetched by nobody unless the deployment says so.
func TestUnlistedList(t *testing.T) {
	w := newWorld(t)
	w.config.FetchUnlisted = false
	w.publish(list1, registry, w.clock(), time.Minute, status.Valid)
	w.is(list1, registry, 0, online.ErrNotListed)
	if n := w.requests("/"); n != 0 {
		t.Errorf("%d requests", n)
	}
}

// TestIssuerWithTwoDIDs moves from one chain to another, and signs the lists of both DIDs' cards at one place. Each token is fetched once, and believed for the DID
// whose key signed it; a list of a place that the trust list gives to another is not fetched at all.
func TestIssuerWithTwoDIDs(t *testing.T) {
	w := newWorld(t)
	const moved, list2 = "did:example:registry-moved", site + "/lists/2"
	key, err := pubkey.Generate(pubkey.ES256)
	if err != nil {
		t.Fatal(err)
	}
	w.keys[moved] = key
	w.config.Resolver.(*didtest.Resolver).Put(didtest.Subject{ID: moved, Keys: []did.Key{{ID: "#key-1", Public: key.Public()}}})
	i := w.issuer[registry]
	i.DIDs = []string{registry, moved}
	i.StatusLists = []trust.StatusLists{{Prefix: site + "/lists/", Aggregation: site + "/lists"}}
	w.issuer[registry] = i
	w.config.FetchUnlisted = false
	w.put(site+"/lists", []byte(`{"status_lists":["`+list1+`","`+list2+`"]}`))
	w.put("https://status.example/health/all", []byte(`{"status_lists":[]}`))
	w.publish(list1, registry, w.clock(), time.Hour, status.Suspended)
	w.publish(list2, moved, w.clock(), time.Hour, status.Revoked)
	if err := w.online().Prefetch(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.is(list1, registry, status.Suspended, nil)
	w.is(list2, moved, status.Revoked, nil)
	w.is(list1, moved, 0, status.TokenSignature)
	w.is(list2, registry, 0, status.TokenSignature)
	if _, err := w.status(list1, health); err == nil {
		t.Error("a list for who has none there")
	}
	w.later(4 * time.Minute)
	w.is(list1, registry, status.Suspended, nil)
	if n := w.requests("/registry.example/lists/"); n != 2 || len(w.failures) != 0 {
		t.Errorf("%d fetches of two lists, failures %v", n, w.failures)
	}
}

// TestSignerThatTheTrustListNamesLater: a list that is here already is looked at again for him.
func TestSignerThatTheTrustListNamesLater(t *testing.T) {
	w := newWorld(t)
	w.publish(list1, registry, w.clock(), time.Hour, status.Valid)
	w.is(list1, registry, status.Valid, nil)
	i := w.issuer[registry]
	i.StatusLists = []trust.StatusLists{{Prefix: site + "/lists/", Signer: publisher}}
	w.trust(i, w.issuer[health])
	w.publish(list1, publisher, w.clock().Add(time.Second), time.Hour, status.Revoked)
	w.later(2 * time.Second)
	w.is(list1, publisher, status.Revoked, nil)
	if _, err := w.status(list1, registry); err == nil {
		t.Error("the former signer is believed")
	}
}

// TestListThatExpiresAtOnce, again and again, would make of every citizen a request to the issuer: draft 20 section 11.5.
func TestListThatExpiresAtOnce(t *testing.T) {
	w := newWorld(t)
	for range 60 {
		token, err := status.Sign(t.Context(), status.By{Signer: w.keys[registry], KeyID: "#key-1"}, status.Statement{URI: list1, Issued: w.clock(), Expires: w.clock().Add(time.Second), Bits: 8, Data: []byte{0}})
		if err != nil {
			t.Fatal(err)
		}
		w.put(list1, token)
		_, _ = w.status(list1, registry) // what it says is of no matter here
		w.later(time.Second)
	}
	if n := w.requests("/"); n != 2 {
		t.Errorf("%d requests for 60 citizens in a minute", n)
	}
	if v, err := w.status(list1, registry); err == nil && v != status.Valid {
		t.Error(v)
	}
}

// TestKeySetThatMoves: an issuer's metadata name another jwks_uri than before. It is fetched before the next citizen comes.
func TestKeySetThatMoves(t *testing.T) {
	w := newWorld(t)
	i := w.issuer[registry]
	i.URLs = []string{site}
	w.issuer[registry] = i
	w.put("https://status.example/health/all", []byte(`{"status_lists":[]}`))
	metadata := func(keys string) {
		w.put(site+"/.well-known/jwt-vc-issuer", []byte(`{"issuer":"`+site+`","jwks_uri":"`+keys+`"}`))
		w.put(keys, []byte(`{"keys":[]}`))
	}
	metadata(site + "/keys/1")
	for _, keys := range []string{site + "/keys/1", site + "/keys/2"} {
		metadata(keys)
		if err := w.online().Prefetch(t.Context()); err != nil {
			t.Fatal(err)
		}
		before := w.requests("/")
		if doc, err := w.o.Document(t.Context(), keys); err != nil || len(doc) == 0 {
			t.Error(err)
		}
		if n := w.requests("/") - before; n != 0 {
			t.Errorf("%s was not here", keys)
		}
		w.later(5 * time.Minute)
	}
}

// TestPrefetchSaysWhatIsMissing, and fetches the rest.
func TestPrefetchSaysWhatIsMissing(t *testing.T) {
	s := newService(t)
	s.put(site+"/lists", []byte(`{"status_lists":["`+list1+`","`+site+`/lists/2"]}`))
	s.put(site+"/types/any-card", nil)
	s.resolver.Fail(health, did.Unavailable)
	err := s.o.Prefetch(t.Context())
	if err == nil {
		t.Fatal("nothing is missing")
	}
	for _, name := range []string{site + "/lists/2", idCard, health} {
		if !strings.Contains(err.Error(), name+": ") {
			t.Errorf("%s is not named: %v", name, err)
		}
	}
	if !errors.Is(err, credential.TypeUnavailable) {
		t.Error(err)
	}
	s.is(list1, registry, status.Valid, nil)
	before := s.requests("/")
	if _, err := s.status(site+"/lists/2", registry); err == nil || !strings.Contains(err.Error(), "404") {
		t.Error(err)
	}
	if n := s.requests("/") - before; n != 0 {
		t.Errorf("%d requests for what has just failed", n)
	}
}

// TestCachedCheckAllocatesNothing.
func TestCachedCheckAllocatesNothing(t *testing.T) {
	w := newWorld(t)
	now := w.clock()
	w.publish(list1, registry, now, time.Hour, status.Valid)
	w.is(list1, registry, status.Valid, nil)
	o, ctx := w.online(), t.Context()
	if n := testing.AllocsPerRun(100, func() {
		if l, err := o.StatusList(ctx, list1, registry, now); err != nil || l.Len() != 1 {
			t.Error(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
