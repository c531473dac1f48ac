package wallet_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/khyer/khyer/credential"
	"github.com/khyer/khyer/did"
	"github.com/khyer/khyer/disclosure"
	"github.com/khyer/khyer/disclosure/dcql"
	"github.com/khyer/khyer/internal/oid4vp"
	"github.com/khyer/khyer/verifier/openid4vp/wallet"
	"github.com/khyer/khyer/verifier/trust"
)

// Each response mode: where the answer goes, in which form, and for whom the card is bound.
func TestEachMode(t *testing.T) {
	w := newTown(t)
	plain := func(r *oid4vp.Request) { r.Metadata = nil }
	for _, c := range []struct {
		mode   oid4vp.Mode
		change func(*oid4vp.Request)
	}{
		{oid4vp.DirectPost, plain}, {oid4vp.DirectPostJWT, nil},
		{oid4vp.Fragment, func(r *oid4vp.Request) {
			r.Metadata, r.ResponseURI, r.RedirectURI = nil, "", "https://hospital.example/back?a=1"
		}},
		{oid4vp.DCAPI, plain}, {oid4vp.DCAPIJWT, nil},
	} {
		t.Run(string(c.mode), func(t *testing.T) {
			w.got = nil
			change := func(r *oid4vp.Request) {
				if c.change != nil {
					c.change(r)
				}
				if r.Mode = c.mode; c.mode.InBrowser() {
					r.ResponseURI, r.State, r.ExpectedOrigins = "", "", []string{"https://hospital.example"}
				}
			}
			if !c.mode.InBrowser() {
				r := w.opened(change)
				out, err := r.Answer(t.Context(), w.choose(r))
				must(t, err)
				var got *oid4vp.Response
				if c.mode == oid4vp.Fragment {
					at, fragment, _ := strings.Cut(out.Follow, "#")
					if got = w.read(fragment); at != "https://hospital.example/back?a=1" {
						t.Error(at)
					}
				} else {
					got = w.response()
				}
				if got.State != "a-state" {
					t.Errorf("state %q", got.State)
				}
				w.shown(got.Token, client)
				return
			}
			for _, data := range []string{w.data(change), w.unsigned(change)} {
				r, err := w.wallet(nil).OpenData(t.Context(), []byte(data), "https://hospital.example")
				must(t, err)
				out, err := r.Answer(t.Context(), w.choose(r))
				must(t, err)
				var members map[string]any
				must(t, json.Unmarshal(out.Data, &members))
				form := url.Values{}
				for name, v := range members {
					text, ok := v.(string)
					if !ok {
						raw, _ := json.Marshal(v)
						text = string(raw)
					}
					form.Set(name, text)
				}
				if len(members) != 1 || (members["response"] != nil) != (c.mode == oid4vp.DCAPIJWT) {
					t.Errorf("%d members", len(members))
				}
				w.shown(w.read(form.Encode()).Token, "origin:https://hospital.example")
			}
		})
	}
}

func (w *town) data(change func(*oid4vp.Request)) string {
	return `{"request":"` + string(w.sign(w.hospital, w.request(change))) + `"}`
}

func (w *town) unsigned(change func(*oid4vp.Request)) string {
	w.t.Helper()
	text, err := w.request(func(r *oid4vp.Request) {
		change(r)
		r.ClientID, r.ExpectedOrigins = oid4vp.ClientID{}, nil
	}).JSON()
	must(w.t, err)
	return string(text)
}

// What the citizen reads is what is sent, and no more is sent than was asked for.
func TestWhatIsShownIsWhatIsSent(t *testing.T) {
	w := newTown(t)
	r := w.opened(nil)
	if !r.Listed || r.Purpose.Name != "hospital-admission" || r.Client != client || !r.SaysKept || r.Kept != 0 || r.AnswerTo != "https://hospital.example/answer" || len(r.Asked) != 1 {
		t.Errorf("%+v", r.Purpose)
	}
	c := w.choose(r)
	s := c.Shown[0]
	if len(c.Shown) != 1 || s.Query != "card" || s.Card != "id" || s.Type != idCard || len(s.Claims) != 1 || s.Claims[0].Label() != "Blood Group" ||
		string(s.Claims[0].Value) != `"B+"` || !s.Claims[0].Asked {
		t.Errorf("%d cards, %q", len(c.Shown), s.Type)
	}
	if len(w.got) != 0 {
		t.Error("something was sent before the citizen agreed")
	}
	_, err := r.Answer(t.Context(), c)
	must(t, err)
	v := w.shown(w.response().Token, client)
	if got := v.Body.Revealed(); len(got) != 1 || got[0][0] != "Blood Group" {
		t.Errorf("revealed %v", got)
	}
	for _, hidden := range []string{"Full Name", "ID Number"} {
		if _, has := v.Body.Claim(disclosure.Path{hidden}); has {
			t.Errorf("%s was shown", hidden)
		}
	}
}

// A claim that cannot be hidden is among those that the citizen reads, and is not taken for one that was asked for.
func TestClaimsThatCannotBeHiddenAreSaid(t *testing.T) {
	w := newTown(t)
	by, err := credential.NewIssuer(credential.IssuerConfig{ID: "did:example:registry", KeyID: "#0", Signer: w.registry})
	must(t, err)
	sdjwt, err := by.Issue(t.Context(), credential.Card{
		Type: idCard, Claims: json.RawMessage(`{"Blood Group":"B+","Address":{"Village":"Example","Pets":["a cat",{"Name":"Rex"}]},"Notes":[]}`), Holder: w.phone.Public(),
		Conceal: disclosure.ConcealOptions{Paths: []disclosure.Path{{"Blood Group"}, {"Address", "Pets", 1}}},
	})
	must(t, err)
	held, err := w.holder.Receive(sdjwt, w.registry.Public(), time.Now())
	must(t, err)
	r := w.opened(nil)
	c, err := r.Choose(wallet.Card{ID: "id", Held: held, Holder: w.holder})
	must(t, err)
	var got []string
	for _, claim := range c.Shown[0].Claims {
		got = append(got, fmt.Sprintf("%s=%s %v", claim.Label(), claim.Value, claim.Asked))
	}
	slices.Sort(got)
	if want := []string{`Address › Pets › 1="a cat" false`, `Address › Village="Example" false`, `Blood Group="B+" true`, `Notes=[] false`}; !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

func TestUnsignedRequestByRedirectURI(t *testing.T) {
	w := newTown(t)
	place := "https://hospital.example/answer"
	info, err := json.Marshal([]map[string]any{{"format": oid4vp.StatementFormat, "data": map[string]string{"purpose": "hospital-admission"}}})
	must(t, err)
	q := url.Values{
		"client_id": {"redirect_uri:" + place}, "response_type": {"vp_token"}, "response_mode": {"direct_post"}, "nonce": {"a-nonce"}, "state": {"s"},
		"dcql_query": {query}, "verifier_info": {string(info)},
	}
	r, err := w.wallet(nil).Open(t.Context(), "openid4vp://?"+q.Encode())
	must(t, err)
	_, err = r.Answer(t.Context(), w.choose(r))
	must(t, err)
	w.shown(w.response().Token, "redirect_uri:"+place)
	q.Set("response_uri", "https://stranger.example/answer")
	_, err = w.wallet(nil).Open(t.Context(), "openid4vp://?"+q.Encode())
	refused(t, err, wallet.ClientIDMismatch)
	q.Set("client_id", "redirect_uri:https://stranger.example/answer")
	_, err = w.wallet(nil).Open(t.Context(), "openid4vp://?"+q.Encode())
	refused(t, err, wallet.VerifierUnknown)
}

func TestTransactionsAreAuthorized(t *testing.T) {
	w := newTown(t)
	one := encode([]byte(`{"type":"consent","credential_ids":["card"],"text":"an operation"}`))
	two := encode([]byte(`{"type":"consent","credential_ids":["card"],"transaction_data_hashes_alg":["sha-512","sha-256"]}`))
	r := w.opened(func(r *oid4vp.Request) { r.TransactionData = []string{one, two} })
	if len(r.Transactions) != 2 || !strings.Contains(string(r.Transactions[0].Data), "an operation") {
		t.Errorf("%+v", r.Transactions)
	}
	c := w.choose(r)
	if !slices.Equal(c.Shown[0].Transactions, []int{0, 1}) {
		t.Errorf("%v", c.Shown[0].Transactions)
	}
	_, err := r.Answer(t.Context(), c)
	must(t, err)
	hashes, alg := w.shown(w.response().Token, client).TransactionHashes()
	h1, _ := oid4vp.HashTransactionData("sha-256", one)
	h2, _ := oid4vp.HashTransactionData("sha-256", two)
	if !slices.Equal(hashes, []string{h1, h2}) || alg != "sha-256" {
		t.Errorf("%v, %q", hashes, alg)
	}
}

func TestDecline(t *testing.T) {
	w := newTown(t)
	r := w.opened(nil)
	if _, err := r.Decline(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := w.response(); got.Error != "access_denied" || got.State != "a-state" || got.Token != nil {
		t.Errorf("%+v", got)
	}
	_, err := r.Answer(t.Context(), w.choose(r))
	refused(t, err, wallet.AlreadyAnswered)

	data := w.data(func(r *oid4vp.Request) {
		r.Mode, r.ResponseURI, r.State, r.ExpectedOrigins = oid4vp.DCAPIJWT, "", "", []string{"https://hospital.example"}
	})
	r, err = w.wallet(nil).OpenData(t.Context(), []byte(data), "https://hospital.example")
	must(t, err)
	if out, err := r.Decline(t.Context()); err != nil || string(out.Data) != `{"error":"access_denied"}` {
		t.Errorf("%+v, %v", out, err)
	}
}

// Two fingers, or a program in a hurry.
func TestARequestIsAnsweredOnce(t *testing.T) {
	w := newTown(t)
	r := w.opened(nil)
	c := w.choose(r)
	var group sync.WaitGroup
	var mu sync.Mutex
	accepted := 0
	for range 20 {
		group.Add(1)
		go func() {
			defer group.Done()
			if _, err := r.Answer(context.Background(), c); err == nil {
				mu.Lock()
				accepted++
				mu.Unlock()
			} else if !errors.Is(err, wallet.AlreadyAnswered) {
				t.Error(err)
			}
		}()
	}
	group.Wait()
	if accepted != 1 || len(w.got) != 1 {
		t.Errorf("%d answers, %d posts", accepted, len(w.got))
	}
	other := w.opened(nil)
	_, err := other.Answer(t.Context(), c)
	refused(t, err, wallet.RequestMalformed)
}

// An answer that may not have arrived is sent again as it was, and no second one-time card is shown for it.
func TestRetrySpendsNoSecondCard(t *testing.T) {
	w := newTown(t)
	stock := credential.NewOneTime(nil)
	for range 2 {
		key := generate(t)
		h := credential.NewHolder(key)
		held, err := h.Receive(issue(w.registry, "did:example:registry", key.Public()), w.registry.Public(), time.Now())
		must(t, err)
		must(t, stock.Add(h, held))
		w.held = held
	}
	fails := 2
	w.answer = func(rw http.ResponseWriter, _ url.Values) {
		if fails--; fails >= 0 {
			rw.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		rw.Write([]byte(`{}`))
	}
	r := w.opened(nil)
	c, err := r.Choose(wallet.Card{ID: "stock", Held: w.held, Stock: stock})
	must(t, err)
	for range 2 {
		_, err = r.Answer(t.Context(), c)
		if refusal := refused(t, err, wallet.NotSent); !refusal.Retry() {
			t.Error("no retry")
		}
	}
	if _, err := r.Answer(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	if stock.Left() != 1 || len(w.got) != 3 || w.got[0].Encode() != w.got[2].Encode() {
		t.Errorf("%d cards left, %d posts", stock.Left(), len(w.got))
	}
	first := w.shown(w.response().Token, client).Holder.Thumbprint()
	r = w.opened(nil)
	c, err = r.Choose(wallet.Card{ID: "stock", Held: w.held, Stock: stock})
	must(t, err)
	_, err = r.Answer(t.Context(), c)
	must(t, err)
	if w.shown(w.response().Token, client).Holder.Thumbprint() == first {
		t.Error("one key twice")
	}
	r = w.opened(nil)
	c, err = r.Choose(wallet.Card{ID: "stock", Held: w.held, Stock: stock})
	must(t, err)
	if _, err = r.Answer(t.Context(), c); !errors.Is(err, credential.NoCardLeft) {
		t.Errorf("%v", err)
	}
}

func TestNoCardFits(t *testing.T) {
	w := newTown(t)
	r := w.opened(func(r *oid4vp.Request) {
		r.DCQL = json.RawMessage(strings.Replace(query, `{"path":["Blood Group"]}`, `{"path":["Blood Group"],"values":["A-"]}`, 1))
	})
	if _, err := r.Choose(w.card()); !errors.Is(err, dcql.NotSatisfied) {
		t.Errorf("%v", err)
	}
	if _, err := w.opened(nil).Choose(); !errors.Is(err, dcql.NotSatisfied) {
		t.Errorf("%v", err)
	}
	// A card under an algorithm that the agency says it does not read.
	for name, formats := range map[string]string{"issuer": `{"dc+sd-jwt":{"sd-jwt_alg_values":["EdDSA"]}}`, "holder": `{"dc+sd-jwt":{"kb-jwt_alg_values":["ES384"]}}`} {
		r := w.opened(func(r *oid4vp.Request) { r.Metadata.Formats = json.RawMessage(formats) })
		if _, err := r.Choose(w.card()); !errors.Is(err, dcql.NotSatisfied) {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err := w.open(func(r *oid4vp.Request) { r.Metadata.Formats = json.RawMessage(`{"mso_mdoc":{}}`) })
	refused(t, err, wallet.NothingInCommon)
	if len(w.got) != 0 {
		t.Error("the agency has heard of it")
	}
}

func TestWhatDoesNotAnswer(t *testing.T) {
	w := newTown(t)
	link := w.link(nil)
	w.media = "text/html"
	_, err := w.wallet(nil).Open(t.Context(), link)
	if r := refused(t, err, wallet.NotFetched); !r.Retry() {
		t.Error("no retry")
	}
	w.media = oid4vp.MediaType
	w.object = func(string) []byte { return make([]byte, 1<<20) }
	_, err = w.wallet(nil).Open(t.Context(), link)
	refused(t, err, wallet.NotFetched)
	w.resolver.Fail(hospitalDID, did.Unavailable)
	_, err = w.open(nil)
	if r := refused(t, err, wallet.RequestUnresolved); !r.Retry() {
		t.Error("no retry")
	}
	w.resolver.Fail(hospitalDID, "")
	w.answer = func(rw http.ResponseWriter, _ url.Values) { rw.WriteHeader(http.StatusBadRequest) }
	r := w.opened(nil)
	_, err = r.Answer(t.Context(), w.choose(r))
	refused(t, err, wallet.NotAccepted)
}

func TestRequestThatHasLapsed(t *testing.T) {
	w := newTown(t)
	now := time.Now()
	r, err := w.wallet(func(c *wallet.Config) { c.Now = func() time.Time { return now } }).Open(t.Context(), w.link(func(r *oid4vp.Request) { r.Expires = now.Add(time.Minute) }))
	must(t, err)
	c := w.choose(r)
	now = now.Add(3 * time.Minute)
	_, err = r.Answer(t.Context(), c)
	refused(t, err, wallet.RequestExpired)
	_, err = w.open(func(r *oid4vp.Request) { r.Expires = time.Now().Add(-time.Hour) })
	refused(t, err, wallet.RequestExpired)
}

// http is for this machine, and only where it was asked for.
func TestInsecureHTTP(t *testing.T) {
	w := newTown(t)
	u, err := url.Parse(w.server.URL)
	must(t, err)
	policy, err := trust.NewPolicy(trust.Purpose{Agency: client, Name: "hospital-admission", Hosts: []string{u.Host}, Claims: map[string][]disclosure.Path{idCard: {{"Blood Group"}}}})
	must(t, err)
	object := w.sign(w.hospital, w.request(func(r *oid4vp.Request) { r.ResponseURI = w.server.URL + "/answer" }))
	w.object = func(string) []byte { return object }
	link := oid4vp.Link{Client: client, Reference: w.server.URL + "/request/1"}.String("openid4vp://")
	_, err = w.wallet(func(c *wallet.Config) { c.Policy, c.InsecureHosts = policy, nil }).Open(t.Context(), link)
	refused(t, err, wallet.PlaceNotAccredited)
	r, err := w.wallet(func(c *wallet.Config) { c.Policy, c.InsecureHosts, c.InsecureHTTP = policy, nil, true }).Open(t.Context(), link)
	must(t, err)
	_, err = r.Answer(t.Context(), w.choose(r))
	must(t, err)
	w.shown(w.response().Token, client)
}

func TestNewRefuses(t *testing.T) {
	if _, err := wallet.New(wallet.Config{}); err == nil || !strings.Contains(err.Error(), "Policy") {
		t.Errorf("%v", err)
	}
	if _, err := wallet.New(wallet.Config{Policy: newTown(t).policy(), InsecureHosts: map[string]string{"a": "ftp://b"}}); err == nil {
		t.Error("ftp")
	}
}

// Marker words of the card are in no error, whatever goes wrong.
func TestNoErrorHoldsAClaim(t *testing.T) {
	w := newTown(t)
	var errs []error
	_, err := w.open(func(r *oid4vp.Request) { r.ResponseURI = "https://stranger.example/" })
	errs = append(errs, err)
	r := w.opened(func(r *oid4vp.Request) {
		r.DCQL = json.RawMessage(strings.Replace(query, `{"path":["Blood Group"]}`, `{"path":["Blood Group"],"values":["A-"]}`, 1))
	})
	_, err = r.Choose(w.card())
	errs = append(errs, err)
	w.answer = func(rw http.ResponseWriter, form url.Values) {
		rw.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(rw, form)
	}
	r = w.opened(func(r *oid4vp.Request) { r.Mode, r.Metadata = oid4vp.DirectPost, nil })
	_, err = r.Answer(t.Context(), w.choose(r))
	errs = append(errs, err)
	for _, err := range errs {
		if err == nil || strings.Contains(err.Error(), "B+") || strings.Contains(err.Error(), "A-") || strings.Contains(err.Error(), "Pema") {
			t.Errorf("%v", err)
		}
	}
}
