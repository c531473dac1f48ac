package did_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/khyer/khyer/did"
)

// one resolves to a single document and notes what it was asked for.
type one struct {
	res *did.Resolution
	err error
	at  *did.At
}

func (o one) Resolve(_ context.Context, _ did.DID, at did.At) (*did.Resolution, error) {
	if o.at != nil {
		*o.at = at
	}
	return o.res, o.err
}

const site = `{"@context":["https://www.w3.org/ns/did/v1"],"id":"did:example:123","verificationMethod":[
	{"id":"#keys-1","type":"Multikey","controller":"did:example:123","publicKeyMultibase":"z6MkmM42vxfqZQsv4ehtTjFFxQ4sQKS2w6WR7emozFAn5cxu"},
	{"id":"did:example:other#keys-2","type":"Multikey","controller":"did:example:123","publicKeyMultibase":"z6MkmM42vxfqZQsv4ehtTjFFxQ4sQKS2w6WR7emozFAn5cxu"}],
	"authentication":[{"id":"#login","type":"Multikey","controller":"did:example:123","publicKeyMultibase":"z6MkmM42vxfqZQsv4ehtTjFFxQ4sQKS2w6WR7emozFAn5cxu"}],
	"service":[
	{"id":"#messages","type":"Messaging","serviceEndpoint":"https://example.com/messages/8377464"},
	{"id":"did:example:123#files","type":["Files","Archive"],"serviceEndpoint":["https://a.example/x/?q","mailto:a@b.example",{"uri":"https://map.example"},"https://b.example#own"],"further":true},
	{"id":"https://services.example/#3","type":"Archive","serviceEndpoint":{"uri":"https://map.example"}},
	{"type":"Nameless","serviceEndpoint":"https://c.example"},
	{"id":"#odd","type":"Odd","serviceEndpoint":["/relative","https://d.example/\r\nX: y","https://e.example/a b","http://[::1","did:example:456#x","tag"]}]}`

func resolution(t *testing.T, text string) *did.Resolution {
	t.Helper()
	doc, err := did.ParseDocument([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	res, err := did.NewResolution(doc)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

func dereference(t *testing.T, r did.Resolver, s string) (*did.Content, error) {
	t.Helper()
	u, err := did.ParseURL(s)
	if err != nil {
		t.Fatal(err)
	}
	return did.Dereference(t.Context(), r, u)
}

func TestDereference(t *testing.T) {
	r := one{res: resolution(t, site)}
	for tail, want := range map[string]string{
		"":          "document",
		"?":         "document",
		"#keys-1":   "method did:example:123#keys-1",
		"#login":    "method did:example:123#login",
		"#messages": "service did:example:123#messages",
		"#files":    "service did:example:123#files",

		"?service=messages":                      "selected did:example:123#messages: https://example.com/messages/8377464",
		"?service=%23messages":                   "selected did:example:123#messages: https://example.com/messages/8377464",
		"?service=did:example:123%23messages":    "selected did:example:123#messages: https://example.com/messages/8377464",
		"?%73ervice=m%65ssages":                  "selected did:example:123#messages: https://example.com/messages/8377464",
		"?service=messages#frag":                 "selected did:example:123#messages: https://example.com/messages/8377464#frag",
		"?service=https://services.example/%233": "selected https://services.example/#3:",
		"?serviceType=Archive":                   "selected did:example:123#files https://services.example/#3: https://a.example/x/?q mailto:a@b.example https://b.example#own",
		"?serviceType=Archive&service=files":     "selected did:example:123#files: https://a.example/x/?q mailto:a@b.example https://b.example#own",
		"?serviceType=Nameless":                  "selected : https://c.example",
		"?service=odd":                           "selected did:example:123#odd: did:example:456#x",
		"?service=odd&relativeRef=/x":            "selected did:example:123#odd:",

		// The example of DID Resolution section 5.5.2 appends instead; its rule, which counts (section 1.2), is RFC 3986's.
		"?service=messages&relativeRef=%2Fsome%2Fpath%3Fquery#frag": "selected did:example:123#messages: https://example.com/some/path?query#frag",
		"?service=messages&relativeRef=/some/path?query#frag":       "selected did:example:123#messages: https://example.com/some/path?query#frag",
		"?service=messages&relativeRef=x+y":                         "selected did:example:123#messages: https://example.com/messages/x+y",
		"?service=messages&relativeRef=":                            "selected did:example:123#messages: https://example.com/messages/8377464",
		"?service=messages&relativeRef=%3Fa%3D%2526":                "selected did:example:123#messages: https://example.com/messages/8377464?a=%26",
		"?service=messages&relativeRef=%23part":                     "selected did:example:123#messages: https://example.com/messages/8377464#part",
		"?service=messages&relativeRef=../../../../x":               "selected did:example:123#messages: https://example.com/x",
		"?service=messages&relativeRef=a%252Fb":                     "selected did:example:123#messages: https://example.com/messages/a%2Fb",
		"?relativeRef=y&service=files":                              "selected did:example:123#files: https://a.example/x/y https://b.example/y",
	} {
		c, err := dereference(t, r, "did:example:123"+tail)
		if err != nil {
			t.Errorf("%s: %v", tail, err)
			continue
		}
		got := "document"
		switch {
		case c.Method != nil:
			got = "method " + c.Method.ID
		case c.Service != nil:
			got = "service " + c.Service.ID
		case c.Selected != nil:
			var ids []string
			for _, s := range c.Selected {
				ids = append(ids, s.ID)
			}
			got = strings.TrimSpace("selected " + strings.Join(ids, " ") + ": " + strings.Join(c.URLs, " "))
		}
		if got != want || c.Resolution != r.res {
			t.Errorf("%s: %s, want %s", tail, got, want)
		}
	}
}

func TestDereferenceRefuses(t *testing.T) {
	r := one{res: resolution(t, site)}
	twice := resolution(t, site)
	twice.Document.Service = append(slices.Clone(twice.Document.Service), did.Service{ID: "#keys-1", Type: "X", Endpoint: []byte(`"https://x.example"`)})
	relative := resolution(t, site)
	relative.Document.VerificationMethod = []did.Method{{ID: "#a"}, {ID: "did:example:123#a"}}
	gone := resolution(t, `{"id":"did:example:123"}`)
	gone.Deactivated = true
	for tail, test := range map[string]struct {
		resolver did.Resolver
		want     did.Code
	}{
		"#nothing": {r, did.NotFound}, "#": {r, did.NotFound}, "#keys-2": {r, did.NotFound}, "#Keys-1": {r, did.NotFound}, "#keys%2D1": {r, did.NotFound},
		"?service=nothing": {r, did.NotFound}, "?service=": {r, did.NotFound}, "?service": {r, did.NotFound}, "?service=%23": {r, did.NotFound}, "?serviceType=": {r, did.NotFound},
		"?service=messages&serviceType=Archive": {r, did.NotFound}, "?serviceType=messaging": {r, did.NotFound},
		"/path": {r, did.NotFound}, "/": {r, did.NotFound}, "?unknown=1": {r, did.NotFound}, "?hl=zQm": {r, did.NotFound}, "?hl=zQm#keys-1": {r, did.NotFound},
		"?Service=messages": {r, did.NotFound}, "?relativeRef=/x": {r, did.NotFound}, "?relativeRef=/x#keys-1": {r, did.NotFound},

		"?service=messages&service=files": {r, did.InvalidDIDURL}, "?service=messages&s%65rvice=messages": {r, did.InvalidDIDURL}, "?serviceType=a&serviceType=a": {r, did.InvalidDIDURL},
		"?service=messages&relativeRef=a&relativeRef=b": {r, did.InvalidDIDURL},
		"?serviceType=Archive#frag":                     {r, did.InvalidDIDURL}, // one endpoint has a fragment of its own
		"?service=messages&relativeRef=%23part#frag":    {r, did.InvalidDIDURL},

		"?versionId=x": {r, did.NotFound}, "?versionId=1&versionId=1": {r, did.InvalidOptions}, "?versionTime=soon": {r, did.InvalidOptions}, "?versionId=1&versionTime=1#keys-1": {r, did.InvalidOptions},

		"#keys-1": {one{res: twice}, did.InvalidDIDDocument}, "#a": {one{res: relative}, did.InvalidDIDDocument},
		"#login": {one{res: gone}, did.Deactivated}, "?service=files": {one{res: gone}, did.Deactivated},
		"":             {one{err: &did.Error{Code: did.Unavailable}}, did.Unavailable},
		"?versionId=1": {one{err: &did.Error{Code: did.NotFound}}, did.NotFound},
		"?versionId=2": {one{}, did.InternalError}, "?versionId=3": {one{res: &did.Resolution{}}, did.InternalError},
		"?versionId=4": {one{res: resolution(t, `{"id":"did:example:thief"}`)}, did.InternalError},
	} {
		if c, err := dereference(t, test.resolver, "did:example:123"+tail); !errors.Is(err, test.want) || c != nil {
			t.Errorf("%s: %+v, %v, want %s", tail, c, err, test.want)
		}
	}
	if c, err := dereference(t, one{res: gone}, "did:example:123"); err != nil || !c.Resolution.Deactivated {
		t.Errorf("a deactivated document as a whole: %v", err)
	}
	u, err := did.ParseURL("did:example:123")
	if err != nil {
		t.Fatal(err)
	}
	for _, query := range []string{"service=%zz", "%zz=1", "versionId=%z"} { // no parser lets them through
		u.Query = query
		if _, err := did.Dereference(t.Context(), r, u); !errors.Is(err, did.InvalidDIDURL) && !errors.Is(err, did.InvalidOptions) {
			t.Errorf("%s: %v", query, err)
		}
	}
}

// TestRelativeRefToAnotherHost: the URL of a link must not make the issuer's service point to the place of a thief.
func TestRelativeRefToAnotherHost(t *testing.T) {
	r := one{res: resolution(t, site)}
	for _, ref := range []string{
		"https://thief.example/", "//thief.example/", "%2F%2Fthief.example", "%2f/thief.example", "///thief.example", "%5C%5Cthief.example", "/%5Cthief.example",
		"javascript:alert(1)", "data:,x", "https:thief.example", ":80/", "x:y", "/%0D%0ALocation:%20https://thief.example", "/%00", "%20//thief.example", "/%E0%BD%A0", "/%25", "/%252", "/%5B",
	} {
		if c, err := dereference(t, r, "did:example:123?service=messages&relativeRef="+ref); !errors.Is(err, did.InvalidDIDURL) {
			t.Errorf("%s: %+v, %v", ref, c, err)
		}
	}
}

func TestDereferenceAsksForTheVersion(t *testing.T) {
	var at did.At
	r := one{res: resolution(t, site), at: &at}
	if _, err := dereference(t, r, "did:example:123?versionId=7#keys-1"); err != nil || at.Block != 7 {
		t.Errorf("%+v, %v", at, err)
	}
	if _, err := dereference(t, r, "did:example:123?service=files&versionTime=2026-01-02T00:00:00Z"); err != nil || !at.Time.Equal(time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)) || at.Block != 0 {
		t.Errorf("%+v, %v", at, err)
	}
}

func TestRepresentContent(t *testing.T) {
	r := one{res: resolution(t, site)}
	r.res.Metadata.VersionID = "7"
	const context = `"@context":["https://www.w3.org/ns/did/v1"],`
	const key = `"id":"did:example:123#keys-1","type":"Multikey","controller":"did:example:123","publicKeyMultibase":"z6MkmM42vxfqZQsv4ehtTjFFxQ4sQKS2w6WR7emozFAn5cxu"}`
	for _, test := range []struct{ tail, accept, media, text, meta string }{
		{"#keys-1", "", did.MediaJSONLD, `{` + context + key, `{}`},
		{"#keys-1", did.MediaDID, did.MediaDID, `{` + context + key, `{}`},
		{"#keys-1", did.MediaJSON, did.MediaJSON, `{` + key, `{}`},
		{"#files", did.MediaJSON, did.MediaJSON, `{"id":"did:example:123#files","type":["Files","Archive"],"serviceEndpoint":["https://a.example/x/?q","mailto:a@b.example",{"uri":"https://map.example"},"https://b.example#own"],"further":true}`, `{}`},
		{"?serviceType=Nameless", did.MediaDID, did.MediaDID, `"service":[{"type":"Nameless","serviceEndpoint":"https://c.example"}]}`, `{"versionId":"7"}`},
		{"", did.MediaJSON, did.MediaJSON, `{"id":"did:example:123","verificationMethod":`, `{"versionId":"7"}`},
	} {
		c, err := dereference(t, r, "did:example:123"+test.tail)
		if err != nil {
			t.Fatal(err)
		}
		got := did.RepresentContent(c, nil, test.accept)
		if got.Code != "" || got.ContentType != test.media || string(got.Metadata) != test.meta || !strings.Contains(string(got.Document), test.text) || !json.Valid(got.Document) {
			t.Errorf("%+v: %s %s %s", test, got.ContentType, got.Metadata, got.Document)
		}
		if got := did.RepresentContent(c, nil, "application/json"); got.Code != did.RepresentationNotSupported || got.Document != nil {
			t.Errorf("%+v", got)
		}
	}
	if n := len(r.res.Document.Service); n != 5 {
		t.Errorf("the document was changed: %d services", n)
	}
	for want, got := range map[did.Code]did.Result{
		did.InternalError: did.RepresentContent(nil, nil, ""), did.NotFound: did.RepresentContent(nil, &did.Error{Code: did.NotFound}, ""),
		did.InvalidDIDDocument: did.RepresentContent(&did.Content{Resolution: r.res, Service: &did.Service{Endpoint: []byte("x")}}, nil, ""),
	} {
		if got.Code != want || got.Document != nil {
			t.Errorf("%+v, want %s", got, want)
		}
	}
	own := &did.Content{Resolution: r.res, Method: &did.Method{ID: "#a", Extra: map[string]json.RawMessage{"@context": []byte(`"https://own.example"`)}}}
	if got := string(did.RepresentContent(own, nil, "").Document); got != `{"id":"#a","controller":"","@context":"https://own.example"}` {
		t.Error(got)
	}
}

// FuzzDereference: no DID URL panics, and no URL of a service leads to a host that the document does not name.
func FuzzDereference(f *testing.F) {
	doc, err := did.ParseDocument([]byte(site))
	if err != nil {
		f.Fatal(err)
	}
	r := one{res: &did.Resolution{Document: doc}}
	for _, s := range []string{"", "#keys-1", "?service=files&relativeRef=%2Fa%3Fb%23c", "?serviceType=Archive&relativeRef=..%2F..%2Fx#y", "?versionId=1", "/p", "?relativeRef=//x&service=odd"} {
		f.Add("did:example:123" + s)
	}
	hosts := map[string]bool{"example.com": true, "a.example": true, "b.example": true, "c.example": true, "": true}
	f.Fuzz(func(t *testing.T, s string) {
		u, err := did.ParseURL(s)
		if err != nil {
			return
		}
		u.DID = doc.ID
		c, err := did.Dereference(t.Context(), r, u)
		if err != nil {
			var e *did.Error
			if !errors.As(err, &e) || c != nil {
				t.Fatalf("%v", err)
			}
			return
		}
		for _, located := range c.URLs {
			at, err := url.Parse(located)
			if err != nil || !hosts[at.Host] || at.User != nil || strings.ContainsAny(located, "\r\n \\\"<>") {
				t.Fatalf("%q: %v", located, err)
			}
		}
		if res := did.RepresentContent(c, nil, ""); res.Code != "" || !json.Valid(res.Document) {
			t.Fatalf("%s: %s", res.Code, res.Document)
		}
	})
}
