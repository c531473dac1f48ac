package resolverhttp

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/khyer/khyer/did"
)

const registry = `{"@context":["https://www.w3.org/ns/did/v1"],"id":"did:example:1234","verificationMethod":[
	{"id":"#key-1","type":"Multikey","controller":"did:example:1234","publicKeyMultibase":"z6MkmM42vxfqZQsv4ehtTjFFxQ4sQKS2w6WR7emozFAn5cxu"}],
	"service":[{"id":"#files","type":"Files","serviceEndpoint":"https://files.example/a/"},
	{"id":"#odd","type":"Odd","serviceEndpoint":["javascript:alert(1)","did:example:2"]},{"id":"#map","type":"Odd","serviceEndpoint":{"uri":"https://map.example"}}]}`

type function func(context.Context, did.DID, did.At) (*did.Resolution, error)

func (f function) Resolve(ctx context.Context, id did.DID, at did.At) (*did.Resolution, error) {
	return f(ctx, id, at)
}

// resolver knows did:example:1234, its versions 7 and 9, and a DID for each kind of failure.
func resolver(t *testing.T) did.Resolver {
	return did.Mux{"example": function(func(_ context.Context, id did.DID, at did.At) (*did.Resolution, error) {
		switch s := id.SpecificID(); s {
		case "1234", "gone":
			doc, err := did.ParseDocument([]byte(strings.ReplaceAll(registry, "did:example:1234", id.String())))
			if err != nil {
				t.Error(err)
				return nil, err
			}
			version := "9"
			if at.Block == 7 || !at.Time.IsZero() {
				version = "7"
			}
			if at.Block > 9 {
				return nil, &did.Error{Code: did.NotFound}
			}
			return &did.Resolution{Document: doc, Deactivated: s == "gone", Metadata: did.Metadata{VersionID: version}}, nil
		case "panic":
			panic("MARKER")
		case "nothing":
			return nil, nil
		case "plain":
			return nil, errors.New("MARKER")
		default:
			return nil, &did.Error{Code: did.Code(s), Err: errors.New("https://node.example/MARKER")}
		}
	})}
}

func get(t *testing.T, h http.Handler, target, accept string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, target, nil)
	if accept != "" {
		r.Header.Set("Accept", accept)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if strings.Contains(w.Body.String(), "MARKER") {
		t.Errorf("%s: an error's text: %s", target, w.Body)
	}
	if w.Body.Len() > 0 && strings.HasPrefix(w.Header().Get("Content-Type"), "application/") && !json.Valid(w.Body.Bytes()) {
		t.Errorf("%s: no JSON: %s", target, w.Body)
	}
	return w
}

func TestResolve(t *testing.T) {
	h := New(resolver(t))
	for _, test := range []struct{ target, accept, media, body string }{
		{"did:example:1234", "", did.MediaJSONLD, `{"@context":["https://www.w3.org/ns/did/v1"],"id":"did:example:1234",`},
		{"did:example:1234", "*/*", did.MediaJSONLD, `{"@context":`},
		{"did:example:1234", "text/html,application/xhtml+xml,*/*;q=0.8", did.MediaJSONLD, `{"@context":`},
		{"did:example:1234", did.MediaDID, did.MediaDID, `{"@context":`},
		{"did:example:1234", did.MediaJSON, did.MediaJSON, `{"id":"did:example:1234",`},
		{"did%3Aexample%3A1234", did.MediaJSON, did.MediaJSON, `{"id":"did:example:1234",`},
		{"did%3aexample:1234", did.MediaJSON, did.MediaJSON, `{"id":"did:example:1234",`},
		{"did:example:1234", resultMedia, resultMedia, `"didDocumentMetadata":{"versionId":"9"},"didResolutionMetadata":{"contentType":"application/did+ld+json"}}`},
		{"did:example:1234", resultMedia + ", application/did+json;q=0.5", resultMedia, `"didResolutionMetadata":{"contentType":"application/did+json"}}`},
		{"did:example:1234?versionId=7", resultMedia, resultMedia, `"didDocumentMetadata":{"versionId":"7"}`},
		{"did%3Aexample%3A1234?versionId=7", resultMedia, resultMedia, `"didDocumentMetadata":{"versionId":"7"}`},
		{"did%3Aexample%3A1234%3FversionId=7", resultMedia, resultMedia, `"didDocumentMetadata":{"versionId":"7"}`},
		{"did%3Aexample%3A1234?versionTime=2026-01-02T00:00:00Z&expandRelativeUrls=true", resultMedia, resultMedia, `"versionId":"7"`},
		{"did%3Aexample%3A1234?versionTime=2026-01-02T06%3A00%3A00%2B06%3A00", resultMedia, resultMedia, `"versionId":"7"`},

		{"did:example:1234%23key-1", did.MediaJSON, did.MediaJSON, `{"id":"did:example:1234#key-1",`},
		{"did%3Aexample%3A1234%23key-1?versionId=7", contentMedia, contentMedia, `{"content":{"@context":["https://www.w3.org/ns/did/v1"],"id":"did:example:1234#key-1",`},
		{"did:example:1234%23key-1?versionId=7", did.MediaDID, did.MediaDID, `{"@context":["https://www.w3.org/ns/did/v1"],"id":"did:example:1234#key-1",`},
		{"did:example:1234", contentMedia, contentMedia, `,"contentMetadata":{"versionId":"9"},"dereferencingMetadata":{"contentType":"application/did+ld+json"}}`},
		{"did:example:1234?service=files", did.MediaDID, did.MediaDID, `"service":[{"id":"did:example:1234#files","type":"Files","serviceEndpoint":"https://files.example/a/"}]}`},
	} {
		w := get(t, h, Prefix+test.target, test.accept)
		if w.Code != 200 || w.Header().Get("Content-Type") != test.media || !strings.Contains(w.Body.String(), test.body) || w.Header().Get("Vary") != "Accept" {
			t.Errorf("%+v: %d %v %s", test, w.Code, w.Header(), w.Body)
		}
	}
}

func TestServiceEndpoint(t *testing.T) {
	h := New(resolver(t))
	for target, want := range map[string]string{
		"did:example:1234?service=files&relativeRef=/resume.pdf":                     "https://files.example/resume.pdf",
		"did%3Aexample%3A1234%3Fservice%3Dfiles%26relativeRef%3D%2Fresume.pdf":       "https://files.example/resume.pdf",
		"did%3Aexample%3A1234%3Fservice%3Dfiles%26relativeRef%3Dx%2523y?versionId=7": "https://files.example/a/x#y",
		"did:example:1234?service=files&relativeRef=x%23y":                           "https://files.example/a/x#y",
		"did:example:1234%23frag?service=files":                                      "https://files.example/a/#frag",
	} {
		w := get(t, h, Prefix+target, urlsMedia)
		if w.Code != http.StatusSeeOther || w.Header().Get("Location") != want || w.Body.Len() != 0 {
			t.Errorf("%s: %d %v %s", target, w.Code, w.Header(), w.Body)
		}
	}
	for target, status := range map[string]int{
		"did:example:1234?service=odd": 404, "did:example:1234?service=map": 404, "did:example:1234": 406, "did:example:1234%23key-1": 406, "did:example:gone?service=files": 410,
		"did:example:1234?service=files&relativeRef=//thief.example": 400, "did:example:1234?service=files&relativeRef=/%0d%0aX:y": 400,
	} {
		if w := get(t, h, Prefix+target, urlsMedia); w.Code != status || w.Header().Get("Location") != "" || w.Header().Get("Content-Type") != resultMedia {
			t.Errorf("%s: %d %v %s", target, w.Code, w.Header(), w.Body)
		}
	}
}

// TestErrors holds the table of section 12.1, step 6, whatever is asked for.
func TestErrors(t *testing.T) {
	h := New(resolver(t))
	for target, want := range map[string]struct {
		status int
		name   string
	}{
		"did:example":                  {400, "INVALID_DID"},
		"":                             {400, "INVALID_DID"},
		"did":                          {400, "INVALID_DID"},
		"example:1234":                 {400, "INVALID_DID"},
		"DID:example:1234":             {400, "INVALID_DID"},
		"did%3Aexample%3A1234%0a":      {400, "INVALID_DID"},
		"did:exam_ple:1":               {400, "INVALID_DID"},
		"did%3Aexample%3A12%2534x%253": {400, "INVALID_DID"},
		"did:example:" + strings.Repeat("a", did.MaxLength):     {400, "INVALID_DID"},
		strings.Repeat("a", 4*did.MaxLength):                    {400, "INVALID_DID_URL"},
		"did:example?versionId=7":                               {400, "INVALID_DID_URL"},
		"did:example:1234?versionId=7&versionId=7":              {400, "INVALID_OPTIONS"},
		"did:example:1234?versionTime=soon":                     {400, "INVALID_OPTIONS"},
		"did%3Aexample%3A1234?versionId=7&versionId=8":          {400, "INVALID_OPTIONS"},
		"did%3Aexample%3A1234%3FversionId=7?versionId=7":        {400, "INVALID_OPTIONS"},
		"did%3Aexample%3A1234?versionId=7&versionTime=1":        {400, "INVALID_OPTIONS"},
		"did%3Aexample%3A1234?versionTime=2026-01-02+00:00:00Z": {400, "INVALID_OPTIONS"},
		"did%3Aexample%3A1234?expandRelativeUrls=yes":           {400, "INVALID_OPTIONS"},
		"did%3Aexample%3A1234?a;b=1":                            {400, "INVALID_OPTIONS"},
		"did%3Aexample%3A1234?%zz":                              {400, "INVALID_OPTIONS"},
		"did%3Aexample%3A1234?" + strings.Repeat("a=1&", 2000):  {400, "INVALID_DID_URL"},
		"did%3Aexample%3A1234?transformKeys=jwks":               {501, "FEATURE_NOT_SUPPORTED"},
		"did%3Aexample%3A1234?versionId=x":                      {404, "NOT_FOUND"},
		"did:example:1234?versionId=10":                         {404, "NOT_FOUND"},
		"did:example:notFound":                                  {404, "NOT_FOUND"},
		"did:other:1":                                           {501, "METHOD_NOT_SUPPORTED"},
		"did:example:featureNotSupported":                       {501, "FEATURE_NOT_SUPPORTED"},
		"did:example:invalidDid":                                {400, "INVALID_DID"},
		"did:example:invalidDidDocument":                        {500, "INVALID_DID_DOCUMENT"},
		"did:example:internalError":                             {500, "INTERNAL_ERROR"},
		"did:example:unavailable":                               {500, "INTERNAL_ERROR"},
		"did:example:unknownNetwork":                            {500, "INTERNAL_ERROR"},
		"did:example:plain":                                     {500, "INTERNAL_ERROR"},
		"did:example:nothing":                                   {500, "INTERNAL_ERROR"},
		"did:example:panic":                                     {500, "INTERNAL_ERROR"},
		"did:example:panic%23key":                               {500, "INTERNAL_ERROR"},
	} {
		for accept, members := range map[string][3]string{
			"": {"didDocument", "didDocumentMetadata", "didResolutionMetadata"}, resultMedia: {"didDocument", "didDocumentMetadata", "didResolutionMetadata"},
			contentMedia: {"content", "contentMetadata", "dereferencingMetadata"},
		} {
			if accept == resultMedia && strings.Contains(target, "%23") {
				continue
			}
			w := get(t, h, Prefix+target, accept)
			var body map[string]json.RawMessage
			if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil || len(body) != 3 || string(body[members[0]]) != "null" || string(body[members[1]]) != "{}" {
				t.Errorf("%.80s, %s: %s, %v", target, accept, w.Body, err)
				continue
			}
			if !strings.HasPrefix(string(body[members[2]]), `{"error":{"type":"https://www.w3.org/ns/did#`+want.name+`"`) || w.Code != want.status {
				t.Errorf("%.80s, %s: %d %s, want %d %s", target, accept, w.Code, w.Body, want.status, want.name)
			}
		}
	}
	for _, target := range []string{"did:example:1234%23key-1", "did:example:1234?service=files", "did:example:1234/path", "did:example:1234%23"} {
		if w := get(t, h, Prefix+target, resultMedia); w.Code != 400 || !strings.Contains(w.Body.String(), "INVALID_DID") {
			t.Errorf("%s as a DID: %d %s", target, w.Code, w.Body)
		}
		if w := get(t, h, Prefix+target, "application/json"); w.Code != 406 || !strings.Contains(w.Body.String(), "REPRESENTATION_NOT_SUPPORTED") {
			t.Errorf("%s: %d %s", target, w.Code, w.Body)
		}
	}
	for _, target := range []string{"did:example:1234/path", "did:example:1234%23nothing", "did:example:1234%23", "did:example:1234?service=no", "did:example:1234?hl=x"} {
		if w := get(t, h, Prefix+target, ""); w.Code != 404 {
			t.Errorf("%s: %d %s", target, w.Code, w.Body)
		}
	}
}

func TestDeactivated(t *testing.T) {
	h := New(resolver(t))
	for target, accepts := range map[string][]string{
		"did:example:gone": {"", resultMedia, contentMedia, did.MediaDID}, "did:example:gone%23key-1": {"", contentMedia},
	} {
		for _, accept := range accepts {
			w := get(t, h, Prefix+target, accept)
			if w.Code != http.StatusGone || !strings.Contains(w.Body.String(), `"deactivated":true`) || strings.Contains(w.Body.String(), `"error"`) {
				t.Errorf("%s, %s: %d %s", target, accept, w.Code, w.Body)
			}
		}
	}
}

func TestRequestsThatAreNone(t *testing.T) {
	h := New(resolver(t))
	for _, target := range []string{"/", "/1.0/identifiers", "/1.0/Identifiers/did:example:1234", "/1.0/../1.0/identifiers/did:example:1234", "/2.0/identifiers/did:example:1234"} {
		if w := get(t, h, target, ""); w.Code != 404 {
			t.Errorf("%s: %d", target, w.Code)
		}
	}
	for _, method := range []string{"POST", "PUT", "DELETE", "OPTIONS", "TRACE"} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(method, Prefix+"did:example:1234", strings.NewReader("{}")))
		if w.Code != 405 || w.Header().Get("Allow") != "GET, HEAD" {
			t.Errorf("%s: %d %v", method, w.Code, w.Header())
		}
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("HEAD", Prefix+"did:example:1234", nil))
	if w.Code != 200 {
		t.Errorf("HEAD: %d", w.Code)
	}
}

// TestResolveThatHangs: it ends with the client, and so many at once leave the handler able to say no.
func TestResolveThatHangs(t *testing.T) {
	began := make(chan struct{}, concurrent)
	h := New(function(func(ctx context.Context, _ did.DID, _ did.At) (*did.Resolution, error) {
		began <- struct{}{}
		<-ctx.Done()
		if left, ok := ctx.Deadline(); !ok || time.Until(left) > maxTime {
			t.Error("no time limit")
		}
		return nil, &did.Error{Code: did.Unavailable, Err: ctx.Err()}
	}))
	ctx, leave := context.WithCancel(t.Context())
	var group sync.WaitGroup
	for range concurrent {
		group.Go(func() {
			w := httptest.NewRecorder()
			h.ServeHTTP(w, httptest.NewRequest("GET", Prefix+"did:example:1234", nil).WithContext(ctx))
			if w.Code != 500 {
				t.Errorf("%d", w.Code)
			}
		})
	}
	for range concurrent {
		<-began
	}
	if w := get(t, h, Prefix+"did:example:1234", ""); w.Code != 503 || w.Header().Get("Retry-After") == "" {
		t.Errorf("%d %v", w.Code, w.Header())
	}
	leave()
	group.Wait()
	if n := len(h.(*handler).slots); n != 0 {
		t.Errorf("%d slots are still taken", n)
	}
}

// unread is the connection of a client that does not read.
type unread struct {
	*httptest.ResponseRecorder
	writing  *sync.WaitGroup
	release  chan struct{}
	deadline time.Time
}

func (u *unread) SetWriteDeadline(t time.Time) error { u.deadline = t; return nil }

func (u *unread) Write(b []byte) (int, error) {
	u.writing.Done()
	<-u.release
	return len(b), nil
}

// TestClientsThatDoNotRead: an answer that is not read takes no slot from others, and not for ever a connection.
func TestClientsThatDoNotRead(t *testing.T) {
	h := New(resolver(t))
	var writing, all sync.WaitGroup
	release := make(chan struct{})
	clients := make([]unread, concurrent)
	for i := range clients {
		clients[i] = unread{httptest.NewRecorder(), &writing, release, time.Time{}}
		writing.Add(1)
		all.Go(func() { h.ServeHTTP(&clients[i], httptest.NewRequest("GET", Prefix+"did:example:1234", nil)) })
	}
	writing.Wait() // no resolve is under way any more
	if w := get(t, h, Prefix+"did:example:1234", ""); w.Code != 200 {
		t.Errorf("another client gets %d", w.Code)
	}
	close(release)
	all.Wait()
	for i := range clients {
		if left := time.Until(clients[i].deadline); left <= 0 || left > maxTime {
			t.Fatalf("%s left to read", left)
		}
	}
	// The server's own limit stays.
	server := http.Server{WriteTimeout: time.Second}
	r := httptest.NewRequest("GET", Prefix+"did:example:1234", nil)
	writing.Add(1)
	w := unread{httptest.NewRecorder(), &writing, release, time.Time{}}
	h.ServeHTTP(&w, r.WithContext(context.WithValue(r.Context(), http.ServerContextKey, &server)))
	if !w.deadline.IsZero() {
		t.Error("the server's WriteTimeout was replaced")
	}
}

// FuzzRequest: no request makes the handler panic, and every answer is JSON with a status of the binding.
func FuzzRequest(f *testing.F) {
	for _, s := range []string{"did:example:1234", "did%3Aexample%3A1234?versionId=7", "did:example:1234?service=files&relativeRef=%2Fx", "did:example:1234%23key-1", "%", "?", "//", "did:%23#?"} {
		path, query, _ := strings.Cut(s, "?")
		f.Add(path, query, "*/*")
		f.Add(path, query, resultMedia)
		f.Add(path, query, urlsMedia+";q=0.1,"+contentMedia)
	}
	h := New(did.Mux{"example": function(func(_ context.Context, id did.DID, _ did.At) (*did.Resolution, error) {
		doc, err := did.ParseDocument([]byte(strings.ReplaceAll(registry, "did:example:1234", id.String())))
		return &did.Resolution{Document: doc}, err
	})}).(*handler)
	f.Fuzz(func(t *testing.T, path, query, accept string) {
		w := httptest.NewRecorder()
		h.answer(t.Context(), path, query, accept).write(w)
		switch w.Code {
		case 200, 400, 404, 406, 501:
			if !json.Valid(w.Body.Bytes()) {
				t.Errorf("no JSON: %s", w.Body)
			}
		case 303:
			if l := w.Header().Get("Location"); !strings.HasPrefix(l, "https://files.example/") || strings.ContainsAny(l, "\r\n \\") {
				t.Errorf("sent to %q", l)
			}
		case 500:
			if !strings.Contains(w.Body.String(), "INVALID_DID_DOCUMENT") { // an id longer than a DID URL may be
				t.Errorf("%s", w.Body)
			}
		default:
			t.Errorf("%d %s", w.Code, w.Body)
		}
	})
}
