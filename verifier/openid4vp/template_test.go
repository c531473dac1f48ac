package openid4vp_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/khyer/khyer/disclosure"
	"github.com/khyer/khyer/verifier"
	"github.com/khyer/khyer/verifier/openid4vp"
)

const admission = `{
	"type": "https://registry.example/types/foundational-id",
	"claims": [["Full Name"], ["Blood Group"]],
	"why": {"en": "So that you are given the right blood.", "dz": "…"},
	"paper": {"en": "The desk takes your paper card as well."},
	"retention": "15m",
	"cross_device": true
}`

// Templates are files that lie beside the program.
func ExampleReadTemplates() {
	files := fstest.MapFS{"hospital-admission.json": {Data: []byte(admission)}} // os.DirFS("templates"), or embed.FS
	templates, err := openid4vp.ReadTemplates(files)
	if err != nil {
		panic(err)
	}
	for _, t := range templates {
		fmt.Println(t.Name, "asks for", len(t.Claims), "claims and keeps them for", t.Retention)
	}
	// Output:
	// hospital-admission asks for 2 claims and keeps them for 15m0s
}

func TestReadTemplatesReadsEveryMember(t *testing.T) {
	const text = `{"purpose":"p","dcql_query":{"credentials":[]},"different_holders":true,"linked":[[{"query":"a","path":["x"]},{"query":"b","path":["y",0,null]}]],
		"refuse_surplus":true,"why":{"en":"w"},"paper":{"en":"q"},"retention":"1h","response_mode":"dc_api.jwt","transaction_types":["payment"]}`
	got, err := openid4vp.ReadTemplates(fstest.MapFS{"all.json": {Data: []byte(text)}, "readme.txt": {Data: []byte("x")}})
	want := []openid4vp.Template{{
		Name: "all", Purpose: "p", Query: json.RawMessage(`{"credentials":[]}`), DifferentHolders: true, RefuseSurplus: true,
		Linked: [][]verifier.Link{{{Query: "a", Path: disclosure.Path{"x"}}, {Query: "b", Path: disclosure.Path{"y", 0, nil}}}},
		Why:    map[string]string{"en": "w"}, Paper: map[string]string{"en": "q"}, Retention: time.Hour, Mode: "dc_api.jwt", Transactions: []string{"payment"},
	}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestTemplatesThatAreRefused(t *testing.T) {
	for name, c := range map[string]struct{ from, to, want string }{
		"an unknown member":                 {`"retention"`, `"retension"`, "retension"},
		"a member twice":                    {`"retention"`, `"type":"x","retention"`, "duplicate"},
		"a retention of none":               {`"15m"`, `"15 minutes"`, "no duration"},
		"a long retention":                  {`"15m"`, `"48h"`, "longer than a day"},
		"no reason":                         {`"why": {"en"`, `"why": {"de"`, "why is missing"},
		"no paper way":                      {`"paper": {"en"`, `"paper": {"dz"`, "paper is missing"},
		"no claims":                         {`[["Full Name"], ["Blood Group"]]`, `[]`, "claims is empty"},
		"another mode":                      {`"cross_device": true`, `"response_mode": "query"`, "response_mode"},
		"people that nothing ties together": {`"cross_device"`, `"different_holders": true, "cross_device"`, "belong together"},
		"a QR code for none":                {`"cross_device": true`, `"response_mode": "dc_api", "cross_device": true`, "cross_device"},
		"both ways to ask":                  {`"cross_device"`, `"dcql_query": {}, "cross_device"`, "either"},
		"another format":                    {`"type": "https://registry.example/types/foundational-id",` + "\n\t" + `"claims": [["Full Name"], ["Blood Group"]],`, `"dcql_query": {"credentials":[{"id":"x","format":"mso_mdoc","meta":{"doctype_value":"d"}}]},`, "format"},
		"no JSON":                           {`}`, ``, ""},
	} {
		t.Run(name, func(t *testing.T) {
			text := strings.Replace(admission, c.from, c.to, 1)
			if text == admission {
				t.Fatal("nothing was changed")
			}
			g := newRig(t, nil, nil)
			templates, err := openid4vp.ReadTemplates(fstest.MapFS{"admission.json": {Data: []byte(text)}})
			if err == nil {
				g.config.Templates = templates
				_, err = openid4vp.New(g.config)
			}
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "admission") {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
	if _, err := openid4vp.ReadTemplates(fstest.MapFS{}); err == nil {
		t.Error("no template at all")
	}
}

func TestConfigThatIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*openid4vp.Config)
		want   string
	}{
		"no verifier":           {func(c *openid4vp.Config) { c.Verifier = nil }, "Verifier"},
		"no policy":             {func(c *openid4vp.Config) { c.Policy = nil }, "Policy"},
		"no templates":          {func(c *openid4vp.Config) { c.Templates = nil }, "Templates"},
		"the same twice":        {func(c *openid4vp.Config) { c.Templates = append(c.Templates, c.Templates[0]) }, "two of this name"},
		"http":                  {func(c *openid4vp.Config) { c.BaseURL = "http://hospital.example/verify" }, "https"},
		"no key":                {func(c *openid4vp.Config) { c.Signer = nil }, "Signer"},
		"another's key id":      {func(c *openid4vp.Config) { c.KeyID = "did:example:1" }, "KeyID"},
		"a page elsewhere":      {func(c *openid4vp.Config) { c.ReturnURL = "https://evil.example/" }, "origin"},
		"a store and no key":    {func(c *openid4vp.Config) { c.Store = newMemory(t, openid4vp.MemoryConfig{}) }, "Key is missing"},
		"a key of zeros":        {func(c *openid4vp.Config) { c.Key = make([]byte, 32) }, "32 random bytes"},
		"a short key":           {func(c *openid4vp.Config) { c.Key = []byte("short") }, "32 random bytes"},
		"an unknown profile":    {func(c *openid4vp.Config) { c.Profile = "eidas" }, "Profile"},
		"an unknown prefix":     {func(c *openid4vp.Config) { c.Prefix = "openid_federation" }, "Prefix"},
		"signed and redirect":   {func(c *openid4vp.Config) { c.Prefix = "redirect_uri" }, "cannot be signed"},
		"no page to return to":  {func(c *openid4vp.Config) { c.ReturnURL, c.Templates[0].CrossDevice = "", false }, "ReturnURL"},
		"info without a format": {func(c *openid4vp.Config) { c.VerifierInfo = []json.RawMessage{[]byte(`{"data":"x"}`)} }, "VerifierInfo"},
		"info about no card": {func(c *openid4vp.Config) {
			c.VerifierInfo = []json.RawMessage{[]byte(`{"format":"jwt","data":7}`)}
		}, "verifier_info"},
	} {
		g := newRig(t, nil, nil)
		c.change(&g.config)
		if _, err := openid4vp.New(g.config); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
}

// What is to be authorized reaches the wallet, and an answer that does not authorize it is refused.
func TestTransactionDataIsAskedFor(t *testing.T) {
	g := newRig(t, func(f *openid4vp.Template) { f.Transactions = []string{"payment"} }, nil)
	b := g.browser()
	payment := json.RawMessage(`{"type":"payment","amount":"100 BTN"}`)
	tx := b.begin(payment)
	ask := g.fetch(tx.Link)
	if len(ask.TransactionData) != 1 {
		t.Fatalf("%v", ask.TransactionData)
	}
	sent, err := base64.RawURLEncoding.DecodeString(ask.TransactionData[0])
	if err != nil || string(sent) != `{"credential_ids":["card"],"type":"payment","amount":"100 BTN"}` {
		t.Errorf("%s, %v", sent, err)
	}
	status(t, g.answer(ask, g.show(ask)), http.StatusBadRequest) // the test's citizen authorizes nothing
	if got := g.last(tx); got != "answer_rejected transaction_data_missing" {
		t.Error(got)
	}
	for name, transactions := range map[string][]json.RawMessage{
		"another type": {[]byte(`{"type":"login"}`)}, "twice": {payment, payment}, "no object": {[]byte(`"x"`)},
		"another card": {[]byte(`{"type":"payment","credential_ids":["other"]}`)},
	} {
		var misuse *verifier.Misuse
		if _, err := g.door.Begin(nopWriter{}, b.request("POST", back, ""), "admission", transactions...); !errors.As(err, &misuse) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

type nopWriter struct{}

func (nopWriter) Header() http.Header         { return http.Header{} }
func (nopWriter) Write(p []byte) (int, error) { return len(p), nil }
func (nopWriter) WriteHeader(int)             {}
