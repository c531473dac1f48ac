package interop_test

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"

	"github.com/khyer/khyer/did"
	"github.com/khyer/khyer/did/didethr"
	"github.com/khyer/khyer/did/didethr/anchor"
	"github.com/khyer/khyer/did/didethr/ethrtest"
	"github.com/khyer/khyer/did/didkey"
	"github.com/khyer/khyer/did/resolverhttp"
)

// fetched is what a client of ours in another language has in hand.
type fetched struct {
	Status     int
	Type, Body string
}

// TestResolverOverHTTP points a client in Node at our handler, as a universal resolver's clients are: it asks as they do, and gets of a
// did:ethr, at every version, the JSON that npm's resolver gives, in the profile v11.
func TestResolverOverHTTP(t *testing.T) {
	p := startPeer(t)
	l := openEthrtest(t, ethrtest.Options{})
	l.deploy(t)
	server := httptest.NewServer(resolverhttp.New(did.Mux{"ethr": l.with(t, didethr.V11), "key": didkey.Resolver{}}))
	defer server.Close()
	get := func(path, accept string) (f fetched, result stockResult) {
		t.Helper()
		p.must(t, &f, "fetch", map[string]any{"url": server.URL + resolverhttp.Prefix + path, "accept": accept})
		if strings.Contains(f.Type, "json") || strings.Contains(f.Type, "did") {
			if err := json.Unmarshal([]byte(f.Body), &result); err != nil {
				t.Fatalf("%s: %+v", path, f)
			}
		}
		return f, result
	}
	const whole = "application/did-resolution"

	owner := l.owner(t)
	id, name := l.open.Identity(owner.Address(), owner), l.open.DID(owner.Address()).String()
	added := block(t)(one(id.Apply(t.Context(), anchor.AddKey(newSigner(t).Public(), anchor.VeriKey, year))))
	service := block(t)(one(id.Apply(t.Context(), anchor.SetAttribute("did/svc/IssuerPage", []byte("https://registry.example/cards"), year))))
	for _, at := range []uint64{0, added, service} {
		query := ""
		if at != 0 {
			query = fmt.Sprintf("?versionId=%d", at)
		}
		var theirs stockResult
		p.must(t, &theirs, "resolve", l.question(name+query))
		f, ours := get(name+query, whole)
		if f.Status != 200 || f.Type != whole {
			t.Errorf("%s: %d %s", query, f.Status, f.Type)
		}
		if !reflect.DeepEqual(ours.DIDDocument, theirs.DIDDocument) || !reflect.DeepEqual(ours.DIDDocumentMetadata, theirs.DIDDocumentMetadata) {
			t.Errorf("%s\nours %s\npeer %+v", query, f.Body, theirs)
		}
		f, _ = get(name+query, "application/did+ld+json")
		var document object
		if err := json.Unmarshal([]byte(f.Body), &document); err != nil || f.Status != 200 || f.Type != "application/did+ld+json" || !reflect.DeepEqual(document, theirs.DIDDocument) {
			t.Errorf("%s as a document: %+v", query, f)
		}
	}
	if f, _ := get(name+"%23delegate-1", "application/did-url-dereferencing"); f.Status != 200 || !strings.Contains(f.Body, `"`+name+`#delegate-1"`) {
		t.Errorf("a key: %+v", f)
	}
	block(t)(one(id.Apply(t.Context(), anchor.Deactivate())))
	for _, c := range []struct {
		path   string
		status int
		code   string
	}{
		{name, 410, ""},
		{"did:ethr:nowhere:" + owner.Address().String(), 500, "INTERNAL_ERROR"},
		{"did:ethr:interop:0x12", 400, "INVALID_DID"},
		{name + "?versionId=1000000", 404, "NOT_FOUND"},
		{"did:example:1", 501, "METHOD_NOT_SUPPORTED"},
		{"did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK", 200, ""},
	} {
		f, r := get(c.path, whole)
		problem, _ := r.DIDResolutionMetadata["error"].(object)
		code, _ := problem["type"].(string)
		if f.Status != c.status || strings.TrimPrefix(code, "https://www.w3.org/ns/did#") != c.code {
			t.Errorf("%s: %+v, want %d %s", c.path, f, c.status, c.code)
		}
	}
}
