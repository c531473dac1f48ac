package openid4vp_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/khyer/khyer/internal/oid4vp"
	"github.com/khyer/khyer/verifier"
	"github.com/khyer/khyer/verifier/openid4vp"
)

func contextFor(r *http.Request, d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(r.Context(), d)
}

// prefixes are the ways in which an agency is known.
var prefixes = map[string]func(*rig){
	"decentralized_identifier": nil,
	"x509_hash":                withCertificate(""),
	"x509_san_dns":             withCertificate("x509_san_dns"),
	"redirect_uri": func(g *rig) {
		g.config.Signer, g.config.KeyID, g.config.Prefix, g.config.RequestBy = nil, "", "redirect_uri", "value"
	},
}

// Every prefix with every mode, by reference with either method and by value: asked, answered, verified, given to the browser.
func TestEveryWayToAskIsAnswered(t *testing.T) {
	for prefix, who := range prefixes {
		for _, mode := range []string{"direct_post.jwt", "direct_post", "fragment", "dc_api", "dc_api.jwt"} {
			for _, by := range []string{"get", "post", "value"} {
				if prefix == "redirect_uri" && by != "value" {
					continue
				}
				t.Run(prefix+" "+mode+" "+by, func(t *testing.T) {
					g := newRig(t, func(f *openid4vp.Template) {
						f.Mode, f.CrossDevice = mode, false
					}, func(g *rig) {
						g.config.RequestBy = by
						if who != nil {
							who(g)
						}
					})
					b := g.browser()
					tx := b.begin()
					if _, err := b.wait(tx.Handle); err != openid4vp.ErrPending {
						t.Fatalf("before the answer: %v", err)
					}
					res, err := everyMode(g, b, tx)
					if err != nil {
						t.Fatal(err)
					}
					if name, err := res.Text("Full Name"); err != nil || name != marker {
						t.Errorf("%q, %v", name, err)
					}
					if _, err := b.wait(tx.Handle); err != openid4vp.ErrExpired {
						t.Errorf("read twice: %v", err)
					}
				})
			}
		}
	}
}

// everyMode answers a transaction in its mode and returns what the browser gets.
func everyMode(g *rig, b *browser, tx *openid4vp.Transaction) (*verifier.Result, error) {
	g.t.Helper()
	if tx.DCAPI != nil {
		ask := g.fromDCAPI(tx)
		r := b.request("POST", tx.Answer, g.dcData(ask, g.show(ask)))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Origin", origin)
		status(g.t, g.do(r), http.StatusOK)
		return b.wait(tx.Handle)
	}
	ask := g.fetch(tx.Link)
	if ask.Mode == oid4vp.Fragment {
		r := b.request("POST", tx.Answer, g.show(ask).Form().Encode())
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		status(g.t, g.do(r), http.StatusOK)
		return b.wait(tx.Handle)
	}
	res := g.answer(ask, g.show(ask))
	status(g.t, res, http.StatusOK)
	return b.waitAt(redirect(g, res), tx.Handle)
}

// redirect is where the door sends the wallet's browser.
func redirect(g *rig, res *http.Response) string {
	g.t.Helper()
	var body struct {
		To string `json:"redirect_uri"`
	}
	g.must(json.NewDecoder(res.Body).Decode(&body))
	if !strings.HasPrefix(body.To, back+"?") {
		g.t.Fatalf("redirect_uri is %q", body.To)
	}
	return body.To
}

// fromDCAPI reads a request as a browser hands it to a wallet.
func (g *rig) fromDCAPI(tx *openid4vp.Transaction) *oid4vp.Request {
	g.t.Helper()
	var q struct {
		Protocol string
		Data     json.RawMessage
	}
	g.must(json.Unmarshal(tx.DCAPI, &q))
	if q.Protocol == "openid4vp-v1-unsigned" {
		ask, err := oid4vp.ParseRequest(q.Data)
		g.must(err)
		return ask
	}
	var signed struct{ Request string }
	g.must(json.Unmarshal(q.Data, &signed))
	ask, err := oid4vp.Verify(g.t.Context(), []byte(signed.Request), "", g.trust())
	g.must(err)
	if !reflect.DeepEqual(ask.ExpectedOrigins, []string{origin}) || q.Protocol != "openid4vp-v1-signed" {
		g.t.Fatalf("%s for %v", q.Protocol, ask.ExpectedOrigins)
	}
	return ask
}

func (g *rig) dcData(ask *oid4vp.Request, a *oid4vp.Response) string {
	g.t.Helper()
	a.State = ""
	if ask.Mode.Encrypted() {
		text, _ := json.Marshal(map[string]string{"response": g.encrypt(ask, a)})
		return string(text)
	}
	text, err := a.JSON()
	g.must(err)
	return string(text)
}

// What the request says, member by member.
func TestRequestSaysWhatTheStandardDemands(t *testing.T) {
	g := newRig(t, nil, func(g *rig) { g.config.Name = map[string]string{"en": "Example Hospital"} })
	tx := g.browser().begin()
	ask := g.fetch(tx.Link)
	if ask.Audience != "https://self-issued.me/v2" || ask.Mode != "direct_post.jwt" || ask.State != tx.Handle || len(ask.Nonce) < 22 {
		t.Errorf("%+v", ask)
	}
	if ask.ClientID.Prefix != "decentralized_identifier" || ask.ResponseURI != base+"/answer/"+tx.Handle || !ask.Expires.Equal(tx.Expires.Truncate(time.Second)) {
		t.Errorf("%+v", ask)
	}
	if m := ask.Metadata; len(m.Keys) != 1 || !reflect.DeepEqual(m.Encs, []string{"A128GCM", "A256GCM"}) || !strings.Contains(string(m.Formats), "dc+sd-jwt") {
		t.Errorf("%+v", m)
	}
	why, ok := ask.Statement()
	if !ok || why.Purpose != "admission" || why.Why["en"] == "" || why.Paper["en"] == "" || why.Verifier["en"] != "Example Hospital" {
		t.Errorf("%+v", why)
	}
	other := g.fetch(g.browser().begin().Link)
	if other.Nonce == ask.Nonce || other.State == ask.State || other.Metadata.Keys[0].Public.Equal(ask.Metadata.Keys[0].Public) {
		t.Error("two requests share something")
	}
	if strings.Contains(tx.Link, strings.Split(tx.ID, ".")[1]) {
		t.Error("the transaction id leaves the agency")
	}
}

func TestCookieIsBoundToTheHost(t *testing.T) {
	g := newRig(t, nil, nil)
	b := g.browser()
	first := b.begin()
	c := b.cookies[0]
	if !strings.HasPrefix(c.Name, "__Host-") || !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" {
		t.Errorf("%+v", c)
	}
	second := b.begin() // another tab
	if b.cookies[0].Value != c.Value {
		t.Error("a second tab ends the first")
	}
	for _, tx := range []*openid4vp.Transaction{second, first} {
		ask := g.fetch(tx.Link)
		status(t, g.answer(ask, g.show(ask)), http.StatusOK)
		if _, err := b.wait(tx.Handle); err != nil {
			t.Error(err)
		}
	}
}

func TestQRIsAPicture(t *testing.T) {
	for name, cross := range map[string]bool{"cross device": true, "same device": false} {
		tx := newRig(t, func(f *openid4vp.Template) { f.CrossDevice = cross }, nil).browser().begin()
		png, err := tx.QR()
		var misuse *verifier.Misuse
		if cross && (err != nil || http.DetectContentType(png) != "image/png") || !cross && !errors.As(err, &misuse) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestResultIsKeptAsLongAsTheTemplateSays(t *testing.T) {
	for name, retention := range map[string]time.Duration{"once": 0, "ten minutes": 10 * time.Minute} {
		t.Run(name, func(t *testing.T) {
			g := newRig(t, func(f *openid4vp.Template) { f.Retention = retention }, nil)
			answered := func() (*browser, *openid4vp.Transaction) {
				b := g.browser()
				tx := b.begin()
				ask := g.fetch(tx.Link)
				status(t, g.answer(ask, g.show(ask)), http.StatusOK)
				return b, tx
			}
			b, tx := answered()
			read := func(want error) {
				t.Helper()
				if _, err := b.wait(tx.Handle); err != want {
					t.Errorf("got %v, want %v", err, want)
				}
			}
			read(nil)
			if retention > 0 {
				read(nil)
				if _, err := g.door.Result(t.Context(), tx.ID); err != nil {
					t.Errorf("for the agency's other services: %v", err)
				}
				g.world.Sleep(retention - time.Second)
				read(nil)
				g.world.Sleep(time.Second)
			}
			read(openid4vp.ErrExpired)
			b, tx = answered()
			g.world.Sleep(max(retention, 2*time.Minute)) // and never read
			read(openid4vp.ErrExpired)
			if got := g.last(tx); got != "answer_accepted" {
				t.Errorf("the log ends with %s", got)
			}
			g.world.Sleep(5 * time.Minute)
			if _, err := g.door.Log(t.Context(), tx.ID); err != openid4vp.ErrExpired {
				t.Errorf("the log: %v", err)
			}
		})
	}
}

func TestRequestLapsesAfterTwoMinutes(t *testing.T) {
	g := newRig(t, nil, nil)
	b := g.browser()
	tx := b.begin()
	ask := g.fetch(tx.Link)
	late := g.form(ask, g.show(ask))
	g.world.Sleep(2 * time.Minute)
	status(t, g.post(ask.ResponseURI, late), http.StatusBadRequest)
	l, _ := oid4vp.ParseLink(tx.Link)
	status(t, g.do(httptest.NewRequest("GET", l.Reference, nil)), http.StatusNotFound)
	if _, err := b.wait(tx.Handle); err != openid4vp.ErrExpired {
		t.Errorf("%v", err)
	}
}

// A wallet says no, and then yes.
func TestDeclinedMayBeTriedAgain(t *testing.T) {
	g := newRig(t, nil, nil)
	b := g.browser()
	tx := b.begin()
	ask := g.fetch(tx.Link)
	status(t, g.post(ask.ResponseURI, url.Values{"error": {"access_denied"}, "error_description": {marker}, "state": {ask.State}}.Encode()), http.StatusOK)
	var declined *openid4vp.Declined
	if _, err := b.wait(tx.Handle); !errors.As(err, &declined) || declined.Code != "access_denied" {
		t.Fatalf("%v", err)
	}
	if _, err := b.wait(tx.Handle); err != openid4vp.ErrPending {
		t.Errorf("told twice: %v", err)
	}
	status(t, g.answer(ask, g.show(ask)), http.StatusOK)
	if _, err := b.wait(tx.Handle); err != nil {
		t.Error(err)
	}
	want := []string{"begun", "request_fetched", "wallet_error: access_denied", "answer_accepted", "result_read"}
	if got := g.steps(tx); !reflect.DeepEqual(got, want) {
		t.Errorf("got %q", got)
	}
}

// Somebody waits while the answer comes.
func TestWaitIsWokenByTheAnswer(t *testing.T) {
	g := newRig(t, nil, nil)
	b := g.browser()
	tx := b.begin()
	ask := g.fetch(tx.Link)
	begun, done := time.Now(), make(chan error)
	go func() {
		_, err := g.door.Wait(b.request("GET", back, ""), tx.Handle)
		done <- err
	}()
	time.Sleep(10 * time.Millisecond)
	status(t, g.answer(ask, g.show(ask)), http.StatusOK)
	if err := <-done; err != nil || time.Since(begun) > 900*time.Millisecond {
		t.Errorf("%v after %v", err, time.Since(begun))
	}
}

func TestWalletsLearnOneErrorOnly(t *testing.T) {
	g := newRig(t, nil, nil)
	ask := g.fetch(g.browser().begin().Link)
	seen := map[string]bool{}
	for name, res := range map[string]*http.Response{
		"unknown":   g.post(base+"/answer/"+strings.Repeat("A", 22), g.form(ask, g.show(ask))),
		"malformed": g.post(ask.ResponseURI, "response=x"),
		"no form":   g.post(ask.ResponseURI, "%%%"),
		"a token":   g.answer(ask, &oid4vp.Response{Token: []byte(`{}`), State: ask.State}),
		"a card":    g.answer(ask, &oid4vp.Response{Token: token(g, ask, []byte("a~b")), State: ask.State}),
	} {
		text, _ := io.ReadAll(res.Body)
		seen[res.Status+string(text)+res.Header.Get("Content-Type")] = true
		if res.StatusCode != 400 {
			t.Errorf("%s: %s", name, res.Status)
		}
	}
	if len(seen) != 1 {
		t.Errorf("wallets can tell faults apart: %v", seen)
	}
}

func TestMethodsPathsAndContentTypesAreExact(t *testing.T) {
	g := newRig(t, nil, nil)
	tx := g.browser().begin()
	ask := g.fetch(tx.Link)
	good := g.form(ask, g.show(ask))
	const form = "application/x-www-form-urlencoded"
	for name, c := range map[string]struct {
		method, target, content, encoding string
		want                              int
	}{
		"GET of an answer":       {"GET", ask.ResponseURI, form, "", 405},
		"PUT of an answer":       {"PUT", ask.ResponseURI, form, "", 405},
		"DELETE of a request":    {"DELETE", base + "/request/" + tx.Handle, form, "", 405},
		"another path":           {"POST", base + "/answers/" + tx.Handle, form, "", 404},
		"a slash at the end":     {"POST", ask.ResponseURI + "/", form, "", 400},
		"an escaped path":        {"POST", base + "/%61nswer/" + tx.Handle, form, "", 404},
		"a query":                {"POST", ask.ResponseURI + "?state=" + tx.Handle, form, "", 404},
		"outside":                {"POST", origin + "/answer/" + tx.Handle, form, "", 404},
		"JSON":                   {"POST", ask.ResponseURI, "application/json", "", 400},
		"multipart":              {"POST", ask.ResponseURI, "multipart/form-data; boundary=x", "", 400},
		"no content type":        {"POST", ask.ResponseURI, "", "", 400},
		"another charset":        {"POST", ask.ResponseURI, form + "; charset=utf-16", "", 400},
		"another parameter":      {"POST", ask.ResponseURI, form + "; x=y", "", 400},
		"compressed":             {"POST", ask.ResponseURI, form, "gzip", 400},
		"POST of a request, GET": {"POST", base + "/request/" + tx.Handle, "text/plain", "", 400},
	} {
		r := httptest.NewRequest(c.method, c.target, strings.NewReader(good))
		r.Header.Set("Content-Type", c.content)
		if c.encoding != "" {
			r.Header.Set("Content-Encoding", c.encoding)
		}
		if res := g.do(r); res.StatusCode != c.want {
			t.Errorf("%s: got %s, want %d", name, res.Status, c.want)
		}
	}
	r := httptest.NewRequest("POST", ask.ResponseURI, strings.NewReader(good))
	r.Header.Set("Content-Type", form+"; charset=UTF-8")
	status(t, g.do(r), http.StatusOK)
}
