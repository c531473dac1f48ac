package openid4vp_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/khyer/khyer/disclosure"
	"github.com/khyer/khyer/internal/oid4vp"
	"github.com/khyer/khyer/verifier"
	"github.com/khyer/khyer/verifier/openid4vp"
)

var webhookKey = []byte("a key that door and records share")

// records is the receiver: a service of the agency that keeps what it was sent, byte by byte.
type records struct {
	*httptest.Server
	mu     sync.Mutex
	got    []*http.Request
	bodies []string
	status int
}

func newRecords(t *testing.T) *records {
	r := &records{status: http.StatusNoContent}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		r.mu.Lock()
		defer r.mu.Unlock()
		body, _ := io.ReadAll(q.Body)
		r.got, r.bodies = append(r.got, q), append(r.bodies, string(body))
		w.WriteHeader(r.status)
	}))
	t.Cleanup(r.Close)
	return r
}

// message is one that arrived, as often as it is wanted.
func (r *records) message(i int) *http.Request {
	q := httptest.NewRequest("POST", "/notice", strings.NewReader(r.bodies[i]))
	q.Header = r.got[i].Header.Clone()
	return q
}

func (g *rig) webhook(r *records) *openid4vp.Webhook {
	g.t.Helper()
	h, err := openid4vp.NewWebhook(openid4vp.WebhookConfig{
		Door: g.door, URL: "https://records.example/notice", Key: webhookKey, InsecureHosts: map[string]string{"records.example": r.URL},
	})
	g.must(err)
	return h
}

func (g *rig) seen() openid4vp.Store { return newMemory(g.t, openid4vp.MemoryConfig{Now: g.world.Now}) }

func (g *rig) ask(transaction string) *http.Request {
	g.t.Helper()
	r, err := openid4vp.NewClaimsRequest(g.t.Context(), "https://hospital.example/claims", webhookKey, transaction, g.world.Now())
	g.must(err)
	return r
}

// refused posts an answer that is for somebody else.
func (g *rig) refused(tx *openid4vp.Transaction) {
	g.t.Helper()
	ask := g.fetch(tx.Link)
	shown := g.card.Present(verifier.Expect{Audience: "somebody else", Nonce: ask.Nonce, Query: ask.Query})
	status(g.t, g.answer(ask, &oid4vp.Response{Token: token(g, ask, shown), State: ask.State}), http.StatusBadRequest)
}

func TestWebhook(t *testing.T) {
	g := newRig(t, func(t *openid4vp.Template) { t.Retention = time.Hour }, nil)
	r, seen := newRecords(t), g.seen()
	h := g.webhook(r)
	tx := g.browser().begin()
	if err := h.Send(t.Context(), tx.ID); !errors.Is(err, openid4vp.ErrPending) {
		t.Fatalf("before an answer: %v", err)
	}
	_ = g.answerAt(tx)
	g.must(h.Send(t.Context(), tx.ID))
	if len(r.bodies) != 1 || r.bodies[0] != `{"transaction":"`+tx.ID+`","verdict":"accepted"}` {
		t.Fatalf("sent: %q", r.bodies)
	}
	if all := fmt.Sprint(r.got[0].Header, r.bodies); strings.Contains(all, marker) || r.got[0].Host != "records.example" {
		t.Errorf("sent: %s", all)
	}
	n, err := openid4vp.ReadNotice(r.message(0), webhookKey, seen, g.world.Now())
	if err != nil || n != (openid4vp.Notice{Transaction: tx.ID, Verdict: "accepted"}) {
		t.Fatalf("%+v, %v", n, err)
	}

	// The claims are pulled.
	res := serve(h, g.ask(n.Transaction))
	text, _ := io.ReadAll(res.Body)
	want := `{"cards":[{"query":"card","vct":"` + idCard + `","iss":"` + g.issuer.ID + `","claims":[{"path":["Full Name"],"value":"` + marker + `"}]}]}`
	if res.StatusCode != http.StatusOK || string(text) != want || res.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("%s %s, want %s", res.Status, text, want)
	}

	// No longer than the citizen was told.
	g.world.Sleep(time.Hour)
	status(t, serve(h, g.ask(n.Transaction)), http.StatusNotFound)
}

func TestWebhookVerdicts(t *testing.T) {
	g := newRig(t, nil, nil)
	r := newRecords(t)
	h := g.webhook(r)
	tx := g.browser().begin()
	ask := g.fetch(tx.Link)
	g.post(ask.ResponseURI, "response=nonsense")
	if err := h.Send(t.Context(), tx.ID); !errors.Is(err, openid4vp.ErrPending) {
		t.Errorf("after nonsense that anybody can post: %v", err)
	}
	g.refused(tx)
	g.must(h.Send(t.Context(), tx.ID))
	_ = g.answerAt(tx)
	g.must(h.Send(t.Context(), tx.ID))
	if len(r.bodies) != 2 || !strings.Contains(r.bodies[0], `"rejected"`) || !strings.Contains(r.bodies[1], `"accepted"`) {
		t.Errorf("sent: %q", r.bodies)
	}
	if r.got[0].Header.Get("webhook-id") == r.got[1].Header.Get("webhook-id") {
		t.Error("two verdicts have one name")
	}
	if err := h.Send(t.Context(), tx.Handle); !errors.Is(err, openid4vp.ErrExpired) {
		t.Errorf("by the handle, which stands in the QR code: %v", err)
	}
}

// An answer counts when the browser that began has brought the response code: before that its wallet may have been somebody else's.
func TestWebhookDoesNotTellOfARelayedAnswer(t *testing.T) {
	g := newRig(t, keptFor(time.Hour), nil)
	r := newRecords(t)
	h := g.webhook(r)
	b := g.browser()
	tx := b.begin()
	g.refused(tx)
	page := g.answerAt(tx)
	if err := h.Send(t.Context(), tx.ID); !errors.Is(err, openid4vp.ErrPending) {
		t.Errorf("before the browser is back: %v", err)
	}
	status(t, serve(h, g.ask(tx.ID)), http.StatusNotFound)
	_, err := b.waitAt(page, tx.Handle)
	g.must(err)
	g.must(h.Send(t.Context(), tx.ID))
	if len(r.bodies) != 1 {
		t.Errorf("sent: %q", r.bodies)
	}
}

func TestWebhookThatIsNotDelivered(t *testing.T) {
	g := newRig(t, nil, nil)
	r := newRecords(t)
	h := g.webhook(r)
	tx := g.browser().begin()
	_ = g.answerAt(tx)
	for _, code := range []int{http.StatusInternalServerError, http.StatusUnauthorized, http.StatusFound, http.StatusNotModified} {
		r.status = code
		if err := h.Send(t.Context(), tx.ID); err == nil {
			t.Errorf("%d: no error", code)
		}
	}
	r.status = http.StatusOK
	g.world.Sleep(time.Minute)
	g.must(h.Send(t.Context(), tx.ID))
	last := len(r.got) - 1
	if a, b := r.got[0].Header, r.got[last].Header; a.Get("webhook-id") != b.Get("webhook-id") || a.Get("webhook-timestamp") == b.Get("webhook-timestamp") {
		t.Error("sent again, a verdict has its name and a new time")
	}
	seen := g.seen()
	_, err := openid4vp.ReadNotice(r.message(0), webhookKey, seen, g.world.Now())
	g.must(err)
	n, err := openid4vp.ReadNotice(r.message(last), webhookKey, seen, g.world.Now())
	if !errors.Is(err, openid4vp.ErrExists) || n.Transaction != tx.ID {
		t.Errorf("the second time: %+v, %v", n, err)
	}
	r.Close()
	if err := h.Send(t.Context(), tx.ID); err == nil {
		t.Error("nobody there: no error")
	}
}

func TestReplayedWebhook(t *testing.T) {
	g := newRig(t, nil, nil)
	r, seen := newRecords(t), g.seen()
	h := g.webhook(r)
	tx := g.browser().begin()
	_ = g.answerAt(tx)
	g.must(h.Send(t.Context(), tx.ID))
	if _, err := openid4vp.ReadNotice(r.message(0), webhookKey, seen, g.world.Now()); err != nil {
		t.Fatal(err)
	}
	for _, after := range []time.Duration{0, 5 * time.Minute} {
		g.world.Sleep(after)
		if _, err := openid4vp.ReadNotice(r.message(0), webhookKey, seen, g.world.Now()); !errors.Is(err, openid4vp.ErrExists) {
			t.Errorf("after %v: %v, want ErrExists", after, err)
		}
	}
	g.world.Sleep(time.Second)
	for _, s := range []openid4vp.Store{seen, g.seen()} { // whether it is remembered or not
		if _, err := openid4vp.ReadNotice(r.message(0), webhookKey, s, g.world.Now()); !errors.Is(err, openid4vp.ErrNotice) {
			t.Errorf("later: %v, want ErrNotice", err)
		}
	}
	if _, err := openid4vp.ReadNotice(r.message(0), webhookKey, g.seen(), g.world.Now().Add(-10*time.Minute-2*time.Second)); !errors.Is(err, openid4vp.ErrNotice) {
		t.Errorf("before it was sent: %v, want ErrNotice", err)
	}
}

func TestForgedWebhook(t *testing.T) {
	g := newRig(t, nil, nil)
	r := newRecords(t)
	h := g.webhook(r)
	tx := g.browser().begin()
	_ = g.answerAt(tx)
	g.must(h.Send(t.Context(), tx.ID))
	now := g.world.Now()
	header := func(name, value string) func(*http.Request) {
		return func(q *http.Request) { q.Header.Set(name, value) }
	}
	signature := r.got[0].Header.Get("webhook-signature")
	name, at := r.got[0].Header.Get("webhook-id"), r.got[0].Header.Get("webhook-timestamp")
	for what, forge := range map[string]func(*http.Request){
		"another verdict":    func(q *http.Request) { replaceBody(q, strings.Replace(r.bodies[0], "accepted", "rejected", 1)) },
		"a byte more":        func(q *http.Request) { replaceBody(q, r.bodies[0]+" ") },
		"no body":            func(q *http.Request) { replaceBody(q, "") },
		"a large body":       func(q *http.Request) { replaceBody(q, r.bodies[0]+strings.Repeat(" ", 1<<20)) },
		"another name":       header("webhook-id", "msg_other"),
		"no name":            header("webhook-id", ""),
		"another time":       header("webhook-timestamp", strconv.FormatInt(now.Unix()+1, 10)),
		"time moved to name": func(q *http.Request) { q.Header.Set("webhook-id", name+"."+at); q.Header.Set("webhook-timestamp", at) },
		"no time":            header("webhook-timestamp", ""),
		"time of words":      header("webhook-timestamp", "now"),
		"no signature":       func(q *http.Request) { q.Header.Del("webhook-signature") },
		"empty signature":    header("webhook-signature", "v1,"),
		"another version":    header("webhook-signature", strings.Replace(signature, "v1,", "v1a,", 1)),
		"no version":         header("webhook-signature", strings.TrimPrefix(signature, "v1,")),
		"cut signature":      header("webhook-signature", signature[:len(signature)-4]),
		"many signatures":    header("webhook-signature", strings.Repeat("v1,AAAA ", 1000)+signature),
		"by GET":             func(q *http.Request) { q.Method = "GET" },
	} {
		q := r.message(0)
		forge(q)
		if n, err := openid4vp.ReadNotice(q, webhookKey, g.seen(), now); !errors.Is(err, openid4vp.ErrNotice) || n != (openid4vp.Notice{}) {
			t.Errorf("%s: %v, want ErrNotice", what, err)
		}
	}
	for _, key := range [][]byte{[]byte("a key that is of somebody else...."), nil, make([]byte, 32)} {
		if _, err := openid4vp.ReadNotice(r.message(0), key, g.seen(), now); !errors.Is(err, openid4vp.ErrNotice) {
			t.Errorf("with another key: %v, want ErrNotice", err)
		}
	}
	q := r.message(0) // while keys are being changed there are two signatures
	q.Header.Set("webhook-signature", "v1,"+strings.Repeat("A", 43)+"= v1a,x "+signature)
	if _, err := openid4vp.ReadNotice(q, webhookKey, g.seen(), now); err != nil {
		t.Errorf("one of two signatures: %v", err)
	}
}

func replaceBody(q *http.Request, body string) { q.Body = io.NopCloser(strings.NewReader(body)) }

// What the door signed is no request for claims, and what the receiver signed is no notice, though both have one key.
func TestReflectedWebhook(t *testing.T) {
	g := newRig(t, func(t *openid4vp.Template) { t.Retention = time.Hour }, nil)
	r := newRecords(t)
	h := g.webhook(r)
	tx := g.browser().begin()
	_ = g.answerAt(tx)
	g.must(h.Send(t.Context(), tx.ID))
	res := serve(h, r.message(0))
	status(t, res, http.StatusUnauthorized)
	if _, err := openid4vp.ReadNotice(g.ask(tx.ID), webhookKey, g.seen(), g.world.Now()); !errors.Is(err, openid4vp.ErrNotice) {
		t.Errorf("got %v, want ErrNotice", err)
	}
}

// Who learned a transaction's id, from a log on the way, has no claims of it.
func TestClaimsAreForTheReceiverOnly(t *testing.T) {
	g := newRig(t, func(t *openid4vp.Template) { t.Retention = time.Hour }, nil)
	h := g.webhook(newRecords(t))
	tx := g.browser().begin()
	_ = g.answerAt(tx)
	forged, err := openid4vp.NewClaimsRequest(t.Context(), "https://hospital.example/claims", []byte("a key that is of somebody else...."), tx.ID, g.world.Now())
	g.must(err)
	plain := httptest.NewRequest("POST", "/claims", strings.NewReader(`{"transaction":"`+tx.ID+`"}`))
	good := g.ask(tx.ID)
	body, _ := io.ReadAll(good.Body)
	again := func() *http.Request {
		q := good.Clone(t.Context())
		q.Body = io.NopCloser(bytes.NewReader(body))
		return q
	}
	old := g.ask(tx.ID)
	for what, c := range map[string]struct {
		r    *http.Request
		want int
	}{
		"not signed":         {plain, http.StatusUnauthorized},
		"signed by another":  {forged, http.StatusUnauthorized},
		"by GET":             {httptest.NewRequest("GET", "/claims?transaction="+tx.ID, nil), http.StatusUnauthorized},
		"by the handle":      {g.ask(tx.Handle), http.StatusNotFound},
		"nobody's":           {g.ask("AAAA.BBBB"), http.StatusNotFound},
		"the receiver's own": {again(), http.StatusOK},
	} {
		res := serve(h, c.r)
		text, _ := io.ReadAll(res.Body)
		if res.StatusCode != c.want || (c.want == http.StatusOK) != bytes.Contains(text, []byte(marker)) {
			t.Errorf("%s: %s, want %d", what, res.Status, c.want)
		}
	}
	status(t, serve(h, again()), http.StatusConflict) // a request that was written down on the way
	g.world.Sleep(5*time.Minute + time.Second)
	status(t, serve(h, old), http.StatusUnauthorized)
}

func TestClaimsOfTwoCards(t *testing.T) {
	g := newRig(t, func(t *openid4vp.Template) {
		one := `{"id":"ID","format":"dc+sd-jwt","meta":{"vct_values":["` + idCard + `"]},"claims":[{"path":["Full Name"]}`
		t.Type, t.Claims, t.Retention = "", nil, time.Hour
		t.Query = json.RawMessage(`{"credentials":[` + strings.Replace(one, "ID", "own", 1) + `]},` + strings.Replace(one, "ID", "child", 1) + `,{"path":["Blood Group"]}]}]}`)
	}, nil)
	h := g.webhook(newRecords(t))
	tx := g.browser().begin()
	ask := g.fetch(tx.Link)
	holder := g.world.NewHolder()
	own := g.issuer.Issue(holder, idCard, map[string]string{"Full Name": "Pema Example", "Blood Group": "B+"}, nil)
	child := g.issuer.Issue(holder, idCard, map[string]string{"Full Name": "Dorji Example", "Blood Group": "A+"}, nil)
	both := verifier.Expect{Audience: ask.ClientID.String(), Nonce: ask.Nonce, Claims: []disclosure.Path{{"Full Name"}, {"Blood Group"}}}
	text, err := verifier.Answer{"own": {own.Present(expect(ask))}, "child": {child.Present(both)}}.MarshalJSON()
	g.must(err)
	status(t, g.answer(ask, &oid4vp.Response{Token: text, State: ask.State}), http.StatusOK)
	var got struct {
		Cards []struct {
			Query  string
			Claims []struct {
				Path  []string
				Value string
			}
		}
	}
	g.must(json.NewDecoder(serve(h, g.ask(tx.ID)).Body).Decode(&got))
	shown := map[string]string{}
	for _, c := range got.Cards {
		shown[c.Query] = fmt.Sprint(c.Claims)
	}
	if want := map[string]string{"own": "[{[Full Name] Pema Example}]", "child": "[{[Full Name] Dorji Example} {[Blood Group] A+}]"}; !maps.Equal(shown, want) {
		t.Errorf("%v, want %v", shown, want)
	}
}

// A template without retention gives its result out once, whoever is first.
func TestClaimsAreGivenOutOnce(t *testing.T) {
	g := newRig(t, nil, nil)
	h := g.webhook(newRecords(t))
	b := g.browser()
	tx := b.begin()
	_ = g.answerAt(tx)
	var given atomic.Int64
	var wg sync.WaitGroup
	for range 20 {
		q := g.ask(tx.ID)
		wg.Go(func() {
			if serve(h, q).StatusCode == http.StatusOK {
				given.Add(1)
			}
		})
	}
	wg.Wait()
	if _, err := b.wait(tx.Handle); !errors.Is(err, openid4vp.ErrExpired) {
		t.Errorf("the page: %v, want ErrExpired", err)
	}
	if n := given.Load(); n != 1 {
		t.Errorf("given out %d times", n)
	}
}

func TestWebhookToNoPublicPlace(t *testing.T) {
	g := newRig(t, nil, nil)
	r := newRecords(t)
	tx := g.browser().begin()
	_ = g.answerAt(tx)
	_, port, _ := strings.Cut(strings.TrimPrefix(r.URL, "http://"), ":")
	for _, url := range []string{"https://127.0.0.1:" + port, "https://localhost:" + port, "https://[::ffff:127.0.0.1]:" + port, "https://10.0.0.1/", "https://100.64.0.1/", "https://[64:ff9b::7f00:1]/"} {
		h, err := openid4vp.NewWebhook(openid4vp.WebhookConfig{Door: g.door, URL: url, Key: webhookKey})
		g.must(err)
		if err := h.Send(t.Context(), tx.ID); err == nil || !strings.Contains(err.Error(), "not public") {
			t.Errorf("%s: %v", url, err)
		}
	}
	if len(r.got) != 0 {
		t.Error("the receiver was asked")
	}
	var misuse *verifier.Misuse
	for what, c := range map[string]openid4vp.WebhookConfig{
		"no door":       {URL: "https://records.example/", Key: webhookKey},
		"no https":      {Door: g.door, URL: "http://records.example/", Key: webhookKey},
		"no URL":        {Door: g.door, Key: webhookKey},
		"a password":    {Door: g.door, URL: "https://a:b@records.example/", Key: webhookKey},
		"a short key":   {Door: g.door, URL: "https://records.example/", Key: webhookKey[:31]},
		"no key":        {Door: g.door, URL: "https://records.example/"},
		"key of zeros":  {Door: g.door, URL: "https://records.example/", Key: make([]byte, 40)},
		"insecure host": {Door: g.door, URL: "https://records.example/", Key: webhookKey, InsecureHosts: map[string]string{"a": "ftp://b"}},
	} {
		if _, err := openid4vp.NewWebhook(c); !errors.As(err, &misuse) {
			t.Errorf("%s: %v, want a Misuse", what, err)
		}
	}
	if _, err := openid4vp.NewClaimsRequest(t.Context(), "https://hospital.example/", nil, "", time.Now()); !errors.As(err, &misuse) {
		t.Errorf("a request without a key: %v", err)
	}
}

// Where the receiver's memory of messages fails, nothing is believed to be new.
func TestWebhookWhenTheReceiversStoreFails(t *testing.T) {
	g := newRig(t, nil, nil)
	r := newRecords(t)
	h := g.webhook(r)
	tx := g.browser().begin()
	_ = g.answerAt(tx)
	g.must(h.Send(t.Context(), tx.ID))
	down := &spy{Store: g.seen(), records: map[string][]byte{}, fails: errors.New("connection refused")}
	if n, err := openid4vp.ReadNotice(r.message(0), webhookKey, down, g.world.Now()); !errors.Is(err, down.fails) || n != (openid4vp.Notice{}) {
		t.Errorf("%+v, %v", n, err)
	}
}

// A hospital's records are told of an admission by the door, and fetch the claims.
func ExampleReadNotice() {
	key := []byte("32 random bytes of the two services")
	seen, err := openid4vp.NewMemory(openid4vp.MemoryConfig{})
	check(err)
	receiver := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		notice, err := openid4vp.ReadNotice(r, key, seen, time.Now())
		switch {
		case errors.Is(err, openid4vp.ErrExists): // it was read before
			w.WriteHeader(http.StatusNoContent)
		case errors.Is(err, openid4vp.ErrNotice):
			w.WriteHeader(http.StatusUnauthorized)
		case err != nil:
			w.WriteHeader(http.StatusServiceUnavailable)
		default:
			ask, err := openid4vp.NewClaimsRequest(r.Context(), "https://hospital.example/claims", key, notice.Transaction, time.Now())
			check(err)
			fmt.Println(notice.Verdict, "and claims from", ask.URL) // http.DefaultClient.Do(ask)
		}
	})
	// Somebody who has not the key tells of an admission.
	body, _ := json.Marshal(openid4vp.Notice{Transaction: "AAAA.BBBB", Verdict: "accepted"})
	fmt.Println(serve(receiver, httptest.NewRequest("POST", "/notice", bytes.NewReader(body))).StatusCode)
	// Output: 401
}
