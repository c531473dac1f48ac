package oid4vp_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/khyer/khyer/disclosure"
	"github.com/khyer/khyer/disclosure/dcql"
	"github.com/khyer/khyer/internal/oid4vp"
)

const hospital = "decentralized_identifier:did:example:hospital"

func TestLink(t *testing.T) {
	for _, l := range []oid4vp.Link{
		{Client: hospital, Reference: "https://hospital.example/request/1"},
		{Client: hospital, Reference: "https://hospital.example/request/1?a=b&c", Post: true},
		{Client: hospital, Object: "e30.e30.AA"},
	} {
		for _, at := range []string{"openid4vp://", "haip-vp://", "https://wallet.example/present"} {
			got, err := oid4vp.ParseLink(l.String(at))
			if err != nil || *got != l {
				t.Errorf("%s: %+v, %v", l.String(at), got, err)
			}
		}
	}
}

func TestRequestInALink(t *testing.T) {
	q := url.Values{
		"client_id": {"redirect_uri:https://client.example.org/cb"}, "response_type": {"vp_token"}, "nonce": {"n-0S6_WzA2Mj"}, "dcql_query": {query},
		"client_metadata": {`{"vp_formats_supported":{"dc+sd-jwt":{}}}`},
	}
	l, err := oid4vp.ParseLink("openid4vp://?" + q.Encode())
	if err != nil || l.Request.RedirectURI != "https://client.example.org/cb" || l.Request.Mode != oid4vp.Fragment || l.Request.Query.Credentials[0].ID != "card" {
		t.Errorf("%+v, %v", l, err)
	}
	for name, c := range map[string]struct {
		change [2]string
		want   disclosure.Reason
	}{
		"text after the query": {[2]string{"dcql_query", query + "}"}, oid4vp.RequestMalformed},
		"members in a query":   {[2]string{"dcql_query", query + `,"nonce":"other"`}, oid4vp.RequestMalformed},
		"no query":             {[2]string{"dcql_query", "{}"}, dcql.Malformed},
		"through the browser":  {[2]string{"response_mode", "dc_api"}, oid4vp.ModeUnsupported},
		"a nonce of JSON":      {[2]string{"nonce", `"`}, oid4vp.NonceMissing},
	} {
		p := url.Values{}
		for k, v := range q {
			p[k] = v
		}
		p.Set(c.change[0], c.change[1])
		_, err := oid4vp.ParseLink("openid4vp://?" + p.Encode())
		refused(t, name, err, c.want)
	}
}

func TestLinkRefused(t *testing.T) {
	ref := "&request_uri=https%3A%2F%2Fhospital.example%2Fr"
	for name, c := range map[string]struct {
		link string
		want disclosure.Reason
	}{
		"no parameters":           {"openid4vp://", oid4vp.RequestMalformed},
		"no scheme":               {"?client_id=" + hospital + ref, oid4vp.RequestMalformed},
		"no client":               {"openid4vp://?x=y" + ref, oid4vp.ClientIDPrefix},
		"two clients":             {"openid4vp://?client_id=" + hospital + "&client_id=" + hospital + ref, oid4vp.RequestMalformed},
		"two references":          {"openid4vp://?client_id=" + hospital + ref + ref, oid4vp.RequestMalformed},
		"reference and value":     {"openid4vp://?client_id=" + hospital + ref + "&request=e30.e30.AA", oid4vp.RequestMalformed},
		"a method without a URI":  {"openid4vp://?client_id=" + hospital + "&request=e30.e30.AA&request_uri_method=post", oid4vp.RequestMalformed},
		"an unknown method":       {"openid4vp://?client_id=" + hospital + ref + "&request_uri_method=POST", oid4vp.RequestMalformed},
		"a file":                  {"openid4vp://?client_id=" + hospital + "&request_uri=file%3A%2F%2F%2Fetc", oid4vp.RequestMalformed},
		"a password in the URL":   {"openid4vp://?client_id=" + hospital + "&request_uri=https%3A%2F%2Fa%3Ab%40hospital.example", oid4vp.RequestMalformed},
		"semicolons":              {"openid4vp://?client_id=" + hospital + ref + ";a=b", oid4vp.RequestMalformed},
		"a thousand parameters":   {"openid4vp://?client_id=" + hospital + ref + strings.Repeat("&a", 1000), oid4vp.RequestMalformed},
		"very long":               {"openid4vp://?client_id=" + hospital + ref + strings.Repeat("a", 200<<10), oid4vp.RequestTooLarge},
		"origin":                  {"openid4vp://?client_id=origin%3Ahttps%3A%2F%2Fhospital.example" + ref, oid4vp.ClientIDPrefix},
		"parameters, and no kind": {"openid4vp://?client_id=" + hospital, oid4vp.RequestMalformed},
	} {
		_, err := oid4vp.ParseLink(c.link)
		refused(t, name, err, c.want)
	}
}

func TestResponse(t *testing.T) {
	for _, r := range []oid4vp.Response{
		{Token: []byte(`{"card":["a~b~"]}`), State: "s 1"}, {Error: oid4vp.AccessDenied, Description: "not now", State: "s"},
	} {
		got, jwe, err := oid4vp.ParseForm(r.Form().Encode())
		if err != nil || jwe != "" || string(got.Token) != string(r.Token) || got.State != r.State || got.Error != r.Error || got.Description != r.Description {
			t.Errorf("%+v, %q, %v", got, jwe, err)
		}
		text, err := r.JSON()
		if err != nil {
			t.Fatal(err)
		}
		got, err = oid4vp.ParseResponse(text)
		if err != nil || string(got.Token) != string(r.Token) || got.State != r.State || got.Error != r.Error || got.Description != r.Description {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
	if r, jwe, err := oid4vp.ParseForm("response=a.b.c.d.e"); err != nil || r != nil || jwe != "a.b.c.d.e" {
		t.Errorf("%+v, %q, %v", r, jwe, err)
	}
	for name, form := range map[string]string{
		"nothing":             "",
		"token and error":     "vp_token=%7B%7D&error=access_denied",
		"encrypted and plain": "response=a.b.c.d.e&vp_token=%7B%7D",
		"two tokens":          "vp_token=%7B%7D&vp_token=%7B%7D",
		"no form":             "%zz",
		"an odd error":        "error=%22%3Cscript%3E",
		"a huge token":        "vp_token=" + strings.Repeat("a", 3<<20),
		"too large":           "x=" + strings.Repeat("a", 5<<20),
	} {
		_, _, err := oid4vp.ParseForm(form)
		refused(t, name, err, oid4vp.ResponseMalformed)
	}
	for name, text := range map[string]string{"nothing": "{}", "an array": "[]", "both": `{"vp_token":{},"error":"x"}`, "a state twice": `{"vp_token":{},"state":"a","state":"b"}`} {
		_, err := oid4vp.ParseResponse([]byte(text))
		refused(t, name, err, oid4vp.ResponseMalformed)
	}
	r, _, err := oid4vp.ParseForm("error=access_denied&error_description=a%0Ab")
	if err != nil || r.Description != "" {
		t.Errorf("%+v, %v", r, err)
	}
}

func FuzzParseLink(f *testing.F) {
	f.Add("openid4vp://?client_id=" + hospital + "&request_uri=https%3A%2F%2Fhospital.example%2Fr&request_uri_method=post")
	f.Add("openid4vp://?" + url.Values{"client_id": {"redirect_uri:https://client.example.org/cb"}, "response_type": {"vp_token"}, "nonce": {"n"}, "dcql_query": {query}}.Encode())
	f.Fuzz(func(t *testing.T, link string) {
		l, err := oid4vp.ParseLink(link)
		if err != nil {
			return
		}
		if (l.Reference != "") == (l.Object != "") && l.Request == nil {
			t.Fatalf("%+v", l)
		}
		if l.Request != nil && l.Request.ClientID.String() != l.Client {
			t.Fatalf("%+v", l)
		}
	})
}

func FuzzParseForm(f *testing.F) {
	f.Add("vp_token=%7B%22card%22%3A%5B%22a%22%5D%7D&state=s")
	f.Add("error=access_denied")
	f.Fuzz(func(t *testing.T, form string) {
		if r, jwe, err := oid4vp.ParseForm(form); err == nil && (r == nil) == (jwe == "") {
			t.Fatalf("%+v, %q", r, jwe)
		}
	})
}
