package openid4vp_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/khyer/khyer/did/pubkey"
	"github.com/khyer/khyer/disclosure"
	"github.com/khyer/khyer/internal/oid4vp"
	"github.com/khyer/khyer/verifier"
	"github.com/khyer/khyer/verifier/openid4vp"
	"github.com/khyer/khyer/verifier/trust"
)

// ways are those in which a hospital of ours is known to wallets.
func ways(t testing.TB) map[string]openid4vp.Config {
	t.Helper()
	key := generate(t)
	leaf := authority(t).certify(t, public(t, key.Public().JWK()), "localhost")
	chain := []*x509.Certificate{leaf}
	return map[string]openid4vp.Config{
		"decentralized_identifier": {Signer: key, KeyID: jwkDID(t, key) + "#0"},
		"x509_hash":                {Signer: key, Chain: chain},
		"x509_san_dns":             {Signer: key, Chain: chain, Prefix: "x509_san_dns"},
		"redirect_uri":             {Prefix: "redirect_uri", RequestBy: "value"},
	}
}

func byDID(method string, key pubkey.Signer) openid4vp.Config {
	return openid4vp.Config{Signer: key, KeyID: method}
}

// desk is a hospital's service with our door in it.
type desk struct {
	*server
	door *openid4vp.Door

	mu  sync.Mutex
	ids map[string]string // transactions by their handles
}

// newDesk opens one. Its template asks for what bloodGroup asks.
func newDesk(t testing.TB, v *verifier.Verifier, c openid4vp.Config, template openid4vp.Template) *desk {
	t.Helper()
	d := &desk{server: serve(t), ids: map[string]string{}}
	c.Verifier, c.BaseURL, c.ReturnURL = v, d.URL+"/verify", d.URL+"/result"
	template.Name, template.Query = "admission", json.RawMessage(bloodGroup)
	template.RefuseSurplus = true
	template.Why = map[string]string{"en": "So that you are given the right blood."}
	template.Paper = map[string]string{"en": "The desk takes your paper card as well."}
	c.Templates = []openid4vp.Template{template}
	agency := "decentralized_identifier:"
	switch {
	case c.Prefix == "redirect_uri" && oid4vp.Mode(template.Mode).InBrowser():
		agency = "origin:" + d.URL
	case c.Prefix == "redirect_uri":
		agency = "redirect_uri:" + c.BaseURL + "/answer"
	case c.Prefix == "x509_san_dns":
		agency = "x509_san_dns:localhost"
	case c.Chain != nil:
		agency = oid4vp.ClientOfCertificate(c.Chain[0]).String()
	default:
		u, _, _ := cut(c.KeyID)
		agency += u
	}
	var err error
	c.Policy, err = trust.NewPolicy(trust.Purpose{Agency: agency, Name: "admission",
		Claims: map[string][]disclosure.Path{vct: {{"Full Name"}, {"Blood Group"}, {"Address", "Village"}}}})
	if err != nil {
		t.Fatal(err)
	}
	if d.door, err = openid4vp.New(c); err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/verify/", d.door)
	mux.HandleFunc("POST /begin", d.begin)
	mux.HandleFunc("GET /result", d.result)
	d.handle(mux)
	return d
}

// begun is what the page has of a transaction.
type begun struct {
	Handle, Link, Answer string
	DCAPI                json.RawMessage
}

func (d *desk) begin(w http.ResponseWriter, r *http.Request) {
	var transactions []json.RawMessage
	for _, text := range r.URL.Query()["transaction"] {
		transactions = append(transactions, json.RawMessage(text))
	}
	tx, err := d.door.Begin(w, r, "admission", transactions...)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	d.mu.Lock()
	d.ids[tx.Handle] = tx.ID
	d.mu.Unlock()
	json.NewEncoder(w).Encode(begun{tx.Handle, tx.Link, tx.Answer, tx.DCAPI})
}

// told is what the page is told of a transaction.
type told struct {
	Name, Blood, Village string
	Transactions         []int
	Reason               verifier.Reason
	Error                string
}

func (d *desk) result(w http.ResponseWriter, r *http.Request) {
	var out told
	res, err := d.door.Wait(r, r.FormValue("transaction"))
	var rejection *verifier.Rejection
	switch {
	case errors.As(err, &rejection):
		out.Reason = rejection.Reason
	case err != nil:
		out.Error = err.Error()
	default:
		out.Name, _ = res.Text("Full Name")
		out.Blood, _ = res.Text("Blood Group")
		out.Village, _ = res.Text("Address", "Village")
		out.Transactions = res.Cards[0].Transactions
	}
	json.NewEncoder(w).Encode(out)
}

// log is what the door wrote down of a transaction: steps, each with its reason if it has one.
func (d *desk) log(t testing.TB, handle string) (steps []string) {
	t.Helper()
	d.mu.Lock()
	id := d.ids[handle]
	d.mu.Unlock()
	events, err := d.door.Log(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range events {
		steps = append(steps, strings.TrimSpace(string(e.Step)+" "+string(e.Reason)))
	}
	return steps
}

// browser is a browser without pages: it keeps cookies and trusts the authority of this run.
type browser struct{ *http.Client }

func newBrowser(t testing.TB) browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(authority(t).root)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}
	t.Cleanup(transport.CloseIdleConnections)
	return browser{&http.Client{Jar: jar, Transport: transport}}
}

func (b browser) do(t testing.TB, ctx context.Context, method, url string, body io.Reader, contentType string, out any) (status int) {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	res, err := b.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if out != nil && res.StatusCode == http.StatusOK {
		if err := json.Unmarshal(text, out); err != nil {
			t.Fatalf("%v in %s", err, text)
		}
	}
	if out != nil && res.StatusCode != http.StatusOK {
		t.Logf("%s %s: %d %s", method, url, res.StatusCode, text)
	}
	return res.StatusCode
}

// begin is a citizen who asks for admission.
func (b browser) begin(t testing.TB, d *desk, transactions ...string) (got begun) {
	t.Helper()
	if status := b.do(t, t.Context(), "POST", d.URL+"/begin?"+url.Values{"transaction": transactions}.Encode(), nil, "", &got); status != http.StatusOK {
		t.Fatal("the page does not begin: ", status)
	}
	return got
}

// result is what the page tells this browser.
func (b browser) result(t testing.TB, d *desk, handle string) (got told) {
	t.Helper()
	b.do(t, t.Context(), "GET", d.URL+"/result?transaction="+handle, nil, "", &got)
	return got
}

// open is what the page says to which a wallet sent this browser.
func (b browser) open(t testing.TB, url string) (got told) {
	t.Helper()
	b.do(t, t.Context(), "GET", url, nil, "", &got)
	return got
}
