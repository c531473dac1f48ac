package openid4vp_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/khyer/khyer/disclosure"
	"github.com/khyer/khyer/internal/oid4vp"
	"github.com/khyer/khyer/verifier"
	"github.com/khyer/khyer/verifier/openid4vp"
	"github.com/khyer/khyer/verifier/trust"
)

// Two hundred posts of good answers at once, to two processes with one store: one is accepted. Each process has a replay guard of its own, so that
// nothing but the store decides.
func TestTwoHundredRacingPosts(t *testing.T) {
	g := newRig(t, nil, nil)
	g.config.Store = newMemory(t, openid4vp.MemoryConfig{Now: g.world.Now})
	g.config.Key = bytes.Repeat([]byte{7}, 32)
	var doors [2]*openid4vp.Door
	for i := range doors {
		g.config.Verifier = g.world.Verifier()
		var err error
		doors[i], err = openid4vp.New(g.config)
		g.must(err)
	}
	for round := range 5 {
		g.door = doors[0]
		b := g.browser()
		tx := b.begin()
		ask := g.fetch(tx.Link)
		var bodies [200]string
		for i := range bodies {
			bodies[i] = g.form(ask, g.show(ask))
		}
		var accepted, refused atomic.Int32
		var all sync.WaitGroup
		start := make(chan struct{})
		for i, body := range bodies {
			all.Go(func() {
				<-start
				r := httptest.NewRequest("POST", ask.ResponseURI, strings.NewReader(body))
				r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
				w := httptest.NewRecorder()
				doors[i%2].ServeHTTP(w, r)
				if w.Code == http.StatusOK {
					accepted.Add(1)
				} else {
					refused.Add(1)
				}
			})
		}
		close(start)
		all.Wait()
		if accepted.Load() != 1 || refused.Load() != 199 {
			t.Fatalf("round %d: %d accepted, %d refused", round, accepted.Load(), refused.Load())
		}
		g.door = doors[1] // the browser's next request comes to the other process
		if _, err := b.wait(tx.Handle); err != nil {
			t.Errorf("round %d: %v", round, err)
		}
		if _, err := b.wait(tx.Handle); err != openid4vp.ErrExpired {
			t.Errorf("round %d: read twice: %v", round, err)
		}
	}
}

// Two hundred requests for the result at once: one gets it.
func TestTwoHundredRacingReaders(t *testing.T) {
	g := newRig(t, nil, nil)
	b := g.browser()
	tx := b.begin()
	ask := g.fetch(tx.Link)
	status(t, g.answer(ask, g.show(ask)), http.StatusOK)
	var got atomic.Int32
	var all sync.WaitGroup
	for range 200 {
		all.Go(func() {
			if _, err := g.door.Result(t.Context(), tx.ID); err == nil {
				got.Add(1)
			}
		})
	}
	all.Wait()
	if got.Load() != 1 {
		t.Errorf("%d have the result", got.Load())
	}
}

// Who answers in the clear what was to be encrypted is refused, and encrypted what was to be in the clear too.
func TestPlaintextAnswerToEncryptedRequest(t *testing.T) {
	g := newRig(t, nil, nil)
	b := g.browser()
	tx := b.begin()
	ask := g.fetch(tx.Link)
	plain := g.show(ask).Form()
	status(t, g.post(ask.ResponseURI, plain.Encode()), http.StatusBadRequest)
	if got := g.last(tx); !strings.Contains(got, "a plain answer") {
		t.Error(got)
	}
	plain.Set("response", g.encrypt(ask, g.show(ask)))
	status(t, g.post(ask.ResponseURI, plain.Encode()), http.StatusBadRequest) // both at once
	text, err := g.show(ask).JSON()
	g.must(err)
	status(t, g.post(ask.ResponseURI, url.Values{"response": {string(text)}}.Encode()), http.StatusBadRequest) // the member's name alone
	status(t, g.answer(ask, g.show(ask)), http.StatusOK)

	// On the Digital Credentials API too.
	g = newRig(t, func(f *openid4vp.Template) { f.Mode, f.CrossDevice = "dc_api.jwt", false }, nil)
	b = g.browser()
	tx = b.begin()
	ask = g.fromDCAPI(tx)
	text, err = g.show(ask).JSON()
	g.must(err)
	r := b.request("POST", tx.Answer, string(text))
	r.Header.Set("Content-Type", "application/json")
	status(t, g.do(r), http.StatusBadRequest)
	if got := g.last(tx); !strings.Contains(got, "a plain answer") {
		t.Error(got)
	}
}

// An answer to one transaction is none to another: neither where it is posted, nor by its key, nor by its nonce.
func TestAnswerToAnotherTransaction(t *testing.T) {
	g := newRig(t, nil, nil)
	mine := g.fetch(g.browser().begin().Link)
	victim := g.browser()
	tx := victim.begin()
	theirs := g.fetch(tx.Link)
	status(t, g.post(theirs.ResponseURI, g.form(mine, g.show(mine))), http.StatusBadRequest)
	if got := g.last(tx); !strings.Contains(got, "not encrypted for the key of this request") {
		t.Error(got)
	}
	a := g.show(theirs)
	a.State = mine.State
	status(t, g.answer(theirs, a), http.StatusBadRequest)
	if got := g.last(tx); !strings.Contains(got, "state is missing, or of another request") {
		t.Error(got)
	}
}

func TestNonceOfAnotherRequest(t *testing.T) {
	g := newRig(t, nil, nil)
	mine := g.fetch(g.browser().begin().Link)
	victim := g.browser()
	tx := victim.begin()
	theirs := g.fetch(tx.Link)
	a := g.show(mine) // a presentation that was made for another request, wrapped for this one
	a.State = theirs.State
	status(t, g.answer(theirs, a), http.StatusBadRequest)
	if got := g.last(tx); got != "answer_rejected nonce_mismatch" {
		t.Error(got)
	}
}

// Nobody but the browser that began has the result, whatever he has seen of the transaction.
func TestWaitFromAnotherBrowser(t *testing.T) {
	g := newRig(t, nil, nil)
	mine, other := g.browser(), g.browser()
	tx := mine.begin()
	other.begin() // who has a cookie of his own
	ask := g.fetch(tx.Link)
	status(t, g.answer(ask, g.show(ask)), http.StatusOK)
	for name, b := range map[string]*browser{
		"another browser": other,
		"no cookie":       g.browser(),
		"both cookies":    {g, append(append([]*http.Cookie{}, other.cookies...), mine.cookies...)},
		"an empty one":    {g, []*http.Cookie{{Name: mine.cookies[0].Name}}},
	} {
		if _, err := b.wait(tx.Handle); err != openid4vp.ErrNotYours {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, id := range []string{tx.Handle, tx.Handle + ".", tx.ID[:len(tx.ID)-1], tx.Handle + "." + mine.cookies[0].Value, ""} {
		if _, err := g.door.Result(t.Context(), id); err != openid4vp.ErrExpired {
			t.Errorf("by %d characters of the id: %v", len(id), err)
		}
	}
	if _, err := mine.wait(tx.Handle); err != nil {
		t.Error(err)
	}
}

// On the same device nothing is given out before the wallet's browser came back, and then to the one that began only.
func TestSessionFixationOnTheSameDevice(t *testing.T) {
	g := newRig(t, func(f *openid4vp.Template) { f.CrossDevice = false }, nil)
	attacker, victim := g.browser(), g.browser()
	tx := attacker.begin() // and sends the link to the victim, whose wallet answers
	ask := g.fetch(tx.Link)
	res := g.answer(ask, g.show(ask))
	status(t, res, http.StatusOK)
	page := redirect(g, res) // opens in the victim's browser
	if _, err := victim.waitAt(page, tx.Handle); err != openid4vp.ErrNotYours {
		t.Errorf("the victim: %v", err)
	}
	if _, err := attacker.wait(tx.Handle); err != openid4vp.ErrPending {
		t.Errorf("the attacker: %v", err)
	}
	if _, err := g.door.Result(t.Context(), tx.ID); err != openid4vp.ErrPending {
		t.Errorf("the agency's other services: %v", err)
	}
	g.world.Sleep(2 * time.Minute)
	if _, err := attacker.wait(tx.Handle); err != openid4vp.ErrExpired {
		t.Errorf("the attacker, later: %v", err)
	}
}

// Whoever guesses response codes has five tries, and only for his own transaction.
func TestResponseCodeGuess(t *testing.T) {
	g := newRig(t, func(f *openid4vp.Template) { f.CrossDevice, f.Retention = false, time.Minute }, nil)
	answered := func() (*browser, *openid4vp.Transaction, string) {
		b := g.browser()
		tx := b.begin()
		ask := g.fetch(tx.Link)
		res := g.answer(ask, g.show(ask))
		status(t, res, http.StatusOK)
		return b, tx, redirect(g, res)
	}
	guess := func(n int) string {
		return back + "?" + url.Values{"response_code": {fmt.Sprintf("%043d", n)}}.Encode()
	}
	b, tx, page := answered()
	for n := range 4 {
		if _, err := b.waitAt(guess(n), tx.Handle); err != openid4vp.ErrNotYours {
			t.Errorf("guess %d: %v", n, err)
		}
	}
	for n := range 20 { // a stranger's guesses do not count
		if _, err := g.browser().waitAt(guess(n), tx.Handle); err != openid4vp.ErrNotYours {
			t.Errorf("a stranger's: %v", err)
		}
	}
	if _, err := b.waitAt(page, tx.Handle); err != nil {
		t.Errorf("the right code: %v", err)
	}
	if _, err := b.waitAt(guess(9), tx.Handle); err != nil {
		t.Errorf("the code is used up and asked for no more: %v", err)
	}
	b, tx, page = answered()
	for n := range 5 {
		b.waitAt(guess(n), tx.Handle)
	}
	if _, err := b.waitAt(page, tx.Handle); err == nil {
		t.Error("the sixth try was accepted")
	}
	// The code of one transaction is none of another.
	_, _, foreign := answered()
	b, tx, _ = answered()
	if _, err := b.waitAt(foreign, tx.Handle); err != openid4vp.ErrNotYours {
		t.Errorf("another's code: %v", err)
	}
}

// A stranger who has seen the QR code posts junk of every kind. The citizen is answered all the same, and the log holds nothing of it.
func TestStrangerCannotBurnSession(t *testing.T) {
	g := newRig(t, nil, nil)
	b := g.browser()
	tx := b.begin()
	ask := g.fetch(tx.Link)
	stranger := g.world.NewIssuer("Somebody", func(i *trust.Issuer) { i.Types = []string{"https://other.example"} }, "https://other.example")
	card := stranger.Issue(g.world.NewHolder(), idCard, map[string]string{"Full Name": "Somebody"}, nil)
	junk := []string{
		"", "response=x.y", "response=" + strings.Repeat(".", 100), "vp_token=" + url.QueryEscape(`{"card":["x"]}`) + "&state=" + ask.State,
		"error=" + url.QueryEscape("access_denied") + "&state=" + ask.State, "error=" + marker + "&state=" + ask.State, "state=" + ask.State, "error=x&error=y",
		g.form(ask, &oid4vp.Response{Token: token(g, ask, card.Present(expect(ask))), State: ask.State}),
		g.form(ask, &oid4vp.Response{Token: json.RawMessage(`{"card":["` + marker + `"]}`), State: ask.State}),
	}
	begun := time.Now()
	for i := range 80 {
		if res := g.post(ask.ResponseURI, junk[i%len(junk)]); res.StatusCode != 400 && res.StatusCode != 200 {
			t.Fatalf("junk %d: %s", i, res.Status)
		}
	}
	if took := time.Since(begun); took < 40*50*time.Millisecond {
		t.Errorf("80 failures took %v: they are not slowed down", took)
	}
	// While the flood goes on from 20 connections at once.
	done := make(chan struct{})
	ctx, stop := context.WithCancel(t.Context())
	go func() {
		defer close(done)
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() {
				for ctx.Err() == nil {
					g.post(ask.ResponseURI, junk[9])
				}
			})
		}
		all.Wait()
	}()
	time.Sleep(100 * time.Millisecond)
	status(t, g.answer(ask, g.show(ask)), http.StatusOK)
	stop()
	<-done
	for {
		_, err := b.wait(tx.Handle)
		if err == nil {
			break
		}
		if err == openid4vp.ErrPending || err == openid4vp.ErrExpired || err == openid4vp.ErrNotYours {
			t.Fatal(err)
		}
	}
	steps := g.steps(tx)
	if len(steps) > 60 || strings.Contains(fmt.Sprint(steps), "MARKER") {
		t.Errorf("%d steps in the log, or a stranger's words in it", len(steps))
	}
}

// listen serves the door on loopback: what is about connections is shown on connections.
func listen(t *testing.T, g *rig) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(g.door)
	s.Config.ReadHeaderTimeout = 2 * time.Second
	s.Start()
	t.Cleanup(s.Close)
	return s
}

// Who sends a byte now and then is cut off, and others are served meanwhile.
func TestSlowLoris(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped: it waits eleven seconds")
	}
	t.Parallel()
	g := newRig(t, nil, nil)
	s := listen(t, g)
	tx := g.browser().begin()
	ask := g.fetch(tx.Link)
	path, _ := strings.CutPrefix(ask.ResponseURI, origin)
	var cut sync.WaitGroup
	for range 50 {
		cut.Go(func() {
			c, err := net.Dial("tcp", s.Listener.Addr().String())
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			fmt.Fprintf(c, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 1000000\r\n\r\nresponse=", path)
			gone := make(chan error, 1)
			go func() {
				_, err := io.Copy(io.Discard, c)
				gone <- err
			}()
			begun := time.Now()
			for {
				select {
				case <-gone:
					if took := time.Since(begun); took > 15*time.Second {
						t.Errorf("cut off after %v", took)
					}
					return
				case <-time.After(500 * time.Millisecond):
					c.Write([]byte("a"))
					if time.Since(begun) > 20*time.Second {
						t.Error("not cut off")
						return
					}
				}
			}
		})
	}
	time.Sleep(time.Second)
	res, err := http.Post(s.URL+path, "application/x-www-form-urlencoded", strings.NewReader(g.form(ask, g.show(ask))))
	if err != nil || res.StatusCode != http.StatusOK {
		t.Errorf("beside the slow ones: %v, %v", res, err)
	}
	cut.Wait()
}

// Ten megabytes are not read, whether their length is announced or not.
func TestTenMegabyteBody(t *testing.T) {
	g := newRig(t, nil, nil)
	s := listen(t, g)
	tx := g.browser().begin()
	ask := g.fetch(tx.Link)
	path, _ := strings.CutPrefix(ask.ResponseURI, origin)
	for name, body := range map[string]func(io.Reader) io.Reader{
		"announced":     func(r io.Reader) io.Reader { return r },
		"not announced": func(r io.Reader) io.Reader { return io.MultiReader(r) },
	} {
		for _, target := range []string{path, "/verify/request/" + tx.Handle} {
			sent := &counter{of: strings.NewReader("response=" + strings.Repeat("a", 10<<20))}
			r, err := http.NewRequest("POST", s.URL+target, body(sent))
			g.must(err)
			if name == "announced" {
				r.ContentLength = 10<<20 + 9
			}
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			res, err := http.DefaultClient.Do(r)
			if err == nil && res.StatusCode != http.StatusBadRequest {
				t.Errorf("%s: %s", name, res.Status)
			}
			if n := sent.n.Load(); n > 9<<20 { // what the kernel's buffers take is sent
				t.Errorf("%s: %d bytes were taken", name, n)
			}
		}
	}
	status(t, g.answer(ask, g.show(ask)), http.StatusOK)
}

type counter struct {
	of io.Reader
	n  atomic.Int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.of.Read(p)
	c.n.Add(int64(n))
	return n, err
}

func TestDeepJSON(t *testing.T) {
	deep := strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000)
	g := newRig(t, func(f *openid4vp.Template) { f.Mode = "direct_post" }, nil)
	ask := g.fetch(g.browser().begin().Link)
	for _, text := range []string{deep, `{"card":` + deep + `}`, `{"card":[` + strings.Repeat(`{"a":`, 50_000) + "1" + strings.Repeat("}", 50_000) + `]}`} {
		status(t, g.post(ask.ResponseURI, url.Values{"vp_token": {text}, "state": {ask.State}}.Encode()), http.StatusBadRequest)
	}
	status(t, g.answer(ask, g.show(ask)), http.StatusOK)
	g = newRig(t, nil, nil)
	ask = g.fetch(g.browser().begin().Link)
	status(t, g.answer(ask, &oid4vp.Response{Token: json.RawMessage(`{"card":` + deep[95_000:105_000] + `}`), State: ask.State}), http.StatusBadRequest)
	g = newRig(t, func(f *openid4vp.Template) { f.Mode, f.CrossDevice = "dc_api", false }, nil)
	b := g.browser()
	r := b.request("POST", b.begin().Answer, `{"vp_token":`+deep+`}`)
	r = b.request("POST", r.URL.String(), `{"vp_token":`+deep+`}`) // with the cookie
	r.Header.Set("Content-Type", "application/json")
	status(t, g.do(r), http.StatusBadRequest)
}

// Whoever opens transactions by the hundred thousand fills the store and no more: he gets an error, those who came before are answered, and the memory comes back.
func TestHundredThousandOpenTransactions(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped: it begins a hundred thousand transactions")
	}
	g := newRig(t, nil, nil)
	b := g.browser()
	tx := b.begin()
	ask := g.fetch(tx.Link)
	heap := func() int64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	before, full := heap(), 0
	flood := g.browser().request("POST", back, "")
	for range 100_100 {
		_, err := g.door.Begin(httptest.NewRecorder(), flood, "admission")
		switch {
		case errors.Is(err, openid4vp.ErrFull):
			full++
		case err != nil:
			t.Fatal(err)
		}
	}
	grown := heap() - before
	t.Logf("100,000 open transactions: %d bytes each; %d were refused", grown/100_000, full)
	if full != 101 || grown > 100_000*2048 {
		t.Errorf("%d were refused, and each takes %d bytes", full, grown/100_000)
	}
	status(t, g.answer(ask, g.show(ask)), http.StatusOK)
	if _, err := b.wait(tx.Handle); err != nil {
		t.Error(err)
	}
	g.world.Sleep(10 * time.Minute)
	b.begin()
	if left := heap() - before; left > 8<<20 {
		t.Errorf("%d KiB are kept for transactions that have lapsed", left>>10)
	}
}

// A template that asks for more than the agency may ask for fails when the program starts, and every claim too many is named.
func TestOverAskingTemplateFailsAtStart(t *testing.T) {
	g := newRig(t, nil, nil)
	over := template(func(f *openid4vp.Template) {
		f.Name, f.Purpose = "curious", "admission"
		f.Claims = append(f.Claims, disclosure.Path{"ID Number"}, disclosure.Path{"Address", "Village"})
	})
	stranger := template(func(f *openid4vp.Template) { f.Name = "marketing" })
	g.config.Templates = append(g.config.Templates, over, stranger)
	_, err := openid4vp.New(g.config)
	var too *trust.OverAsking
	if !errors.As(err, &too) || !errors.Is(err, trust.AsksTooMuch) || !errors.Is(err, trust.PurposeUnknown) {
		t.Fatalf("%v", err)
	}
	for _, want := range []string{`"curious"`, `"ID Number"`, `"Address"."Village"`, `"marketing"`} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not name %s: %v", want, err)
		}
	}
	if strings.Contains(err.Error(), `"Full Name"`) {
		t.Errorf("the error names a claim that is allowed: %v", err)
	}

	// A policy that no longer allows a template ends it while the program runs.
	narrow, err := trust.NewPolicy(trust.Purpose{
		Agency: "decentralized_identifier:" + strings.TrimSuffix(g.config.KeyID, "#0"), Name: "admission", Claims: map[string][]disclosure.Path{idCard: {{"Blood Group"}}},
	})
	g.must(err)
	if err := g.door.SetPolicy(narrow); !errors.Is(err, trust.AsksTooMuch) {
		t.Errorf("%v", err)
	}
	if _, err := g.door.Begin(httptest.NewRecorder(), g.browser().request("POST", back, ""), "admission"); !errors.Is(err, trust.AsksTooMuch) {
		t.Errorf("%v", err)
	}
}

// What the store holds is sealed: no claim, nonce or key in it, and a record that somebody put in the place of another is refused.
func TestStoreSeesNothingAndChangesNothing(t *testing.T) {
	spy := &spyStore{Store: newMemory(t, openid4vp.MemoryConfig{}), records: map[string][]byte{}}
	g := newRig(t, func(f *openid4vp.Template) { f.Retention = time.Hour }, func(g *rig) {
		spy.Store = newMemory(t, openid4vp.MemoryConfig{Now: g.world.Now})
		g.config.Store, g.config.Key = spy, bytes.Repeat([]byte{9}, 32)
	})
	b := g.browser()
	var txs []*openid4vp.Transaction
	for range 2 {
		tx := b.begin()
		txs = append(txs, tx)
		ask := g.fetch(tx.Link)
		status(t, g.answer(ask, g.show(ask)), http.StatusOK)
		for key, record := range spy.records {
			for _, secret := range []string{marker, ask.Nonce, tx.Handle, idCard, "admission"} {
				if strings.Contains(key+string(record), secret) {
					t.Errorf("the store sees %q", secret)
				}
			}
		}
	}
	spy.swap = true // each record is given out for the other's key
	var open *verifier.Inconclusive
	if _, err := b.wait(txs[0].Handle); err != openid4vp.ErrPending && !errors.As(err, &open) {
		t.Errorf("an exchanged record: %v", err)
	}
	if _, err := g.door.Result(t.Context(), txs[1].ID); !errors.As(err, &open) || open.Reason != openid4vp.StoreFailed {
		t.Errorf("an exchanged record: %v", err)
	}
}

type spyStore struct {
	openid4vp.Store
	mu      sync.Mutex
	records map[string][]byte
	swap    bool
}

func (s *spyStore) Create(ctx context.Context, key string, record []byte, until time.Time) error {
	s.mu.Lock()
	s.records[key] = record
	s.mu.Unlock()
	return s.Store.Create(ctx, key, record, until)
}

func (s *spyStore) Replace(ctx context.Context, key string, v uint64, record []byte, until time.Time) error {
	s.mu.Lock()
	s.records[key] = record
	s.mu.Unlock()
	return s.Store.Replace(ctx, key, v, record, until)
}

func (s *spyStore) Load(ctx context.Context, key string) ([]byte, uint64, error) {
	record, v, err := s.Store.Load(ctx, key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.swap && err == nil {
		for other, r := range s.records {
			if other != key {
				return r, v, nil
			}
		}
	}
	return record, v, err
}

// A store that cannot tell what it did makes an answer inconclusive, and never accepted.
func TestUncertainStoreAcceptsNothing(t *testing.T) {
	doubt := &doubtfulStore{}
	g := newRig(t, nil, func(g *rig) {
		doubt.Store = newMemory(t, openid4vp.MemoryConfig{Now: g.world.Now})
		g.config.Store, g.config.Key = doubt, bytes.Repeat([]byte{9}, 32)
	})
	b := g.browser()
	tx := b.begin()
	ask := g.fetch(tx.Link)
	doubt.on.Store(true)
	res := g.answer(ask, g.show(ask))
	status(t, res, http.StatusServiceUnavailable)
	if res.Header.Get("Retry-After") == "" {
		t.Error("the wallet is not told to try again")
	}
	if _, err := b.wait(tx.Handle); err == nil {
		t.Error("a result")
	}
	doubt.on.Store(false)
	if _, err := b.wait(tx.Handle); err != openid4vp.ErrPending {
		t.Errorf("later: %v", err)
	}
}

type doubtfulStore struct {
	openid4vp.Store
	on atomic.Bool
}

func (s *doubtfulStore) Replace(ctx context.Context, key string, v uint64, record []byte, until time.Time) error {
	if s.on.Load() {
		return openid4vp.ErrUncertain
	}
	return s.Store.Replace(ctx, key, v, record, until)
}

// Another site's page cannot post an answer in the name of the citizen's browser, and none without its cookie is taken.
func TestAnswerFromAnotherSite(t *testing.T) {
	for _, mode := range []string{"dc_api", "dc_api.jwt", "fragment"} {
		g := newRig(t, func(f *openid4vp.Template) { f.Mode, f.CrossDevice = mode, false }, nil)
		b := g.browser()
		tx := b.begin()
		var body, content string
		if mode == "fragment" {
			ask := g.fetch(tx.Link)
			body, content = g.show(ask).Form().Encode(), "application/x-www-form-urlencoded"
		} else {
			ask := g.fromDCAPI(tx)
			body, content = g.dcData(ask, g.show(ask)), "application/json"
		}
		for name, c := range map[string]struct {
			b    *browser
			from string
		}{"another site": {b, "https://evil.example"}, "no cookie": {g.browser(), origin}} {
			r := c.b.request("POST", tx.Answer, body)
			r.Header.Set("Content-Type", content)
			r.Header.Set("Origin", c.from)
			status(t, g.do(r), http.StatusBadRequest)
			if _, err := b.wait(tx.Handle); err != openid4vp.ErrPending {
				t.Errorf("%s, %s: %v", mode, name, err)
			}
		}
	}
}

// No claim in the log, an error, or what a wallet is told, whatever goes wrong.
func TestNoClaimLeavesTheResult(t *testing.T) {
	var seen strings.Builder
	g := newRig(t, nil, func(g *rig) {
		g.config.Observe = func(_ context.Context, _ string, e openid4vp.Event) { fmt.Fprintf(&seen, "%+v", e) }
	})
	b := g.browser()
	tx := b.begin()
	ask := g.fetch(tx.Link)
	e := expect(ask)
	e.Audience = marker
	for _, a := range []*oid4vp.Response{
		{Token: token(g, ask, g.card.Present(e)), State: ask.State}, {Token: json.RawMessage(`{"` + marker + `":["` + marker + `"]}`), State: ask.State},
		{Error: marker, Description: marker, State: ask.State}, {Token: json.RawMessage(`"` + marker + `"`), State: ask.State}, g.show(ask),
	} {
		text, _ := io.ReadAll(g.answer(ask, a).Body)
		seen.Write(text)
		res, err := b.wait(tx.Handle)
		fmt.Fprint(&seen, err)
		if res != nil {
			fmt.Fprintf(&seen, "%v %+v", res, res.Cards)
		}
	}
	fmt.Fprint(&seen, g.steps(tx))
	if strings.Contains(seen.String(), marker) || !strings.Contains(seen.String(), "answer_accepted") {
		t.Error(seen.String())
	}
}
