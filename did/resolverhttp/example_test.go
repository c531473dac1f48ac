package resolverhttp_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"

	"github.com/khyer/khyer/did"
	"github.com/khyer/khyer/did/didkey"
	"github.com/khyer/khyer/did/resolverhttp"
)

// A server for two methods would have both in its Mux; what is in none of them is 501.
func Example() {
	server := httptest.NewServer(resolverhttp.New(did.Mux{"key": didkey.Resolver{}}))
	defer server.Close()
	for _, id := range []string{"did:key:zDnaerDaTF5BXEavCrfRZEk316dpbLsfPDZ3WJ5hRTPFU2169", "did:web:registry.example"} {
		req, err := http.NewRequest("GET", server.URL+resolverhttp.Prefix+id, nil)
		if err != nil {
			fmt.Println(err)
			return
		}
		req.Header.Set("Accept", "application/did-resolution")
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			fmt.Println(err)
			return
		}
		var result struct {
			Document struct {
				VerificationMethod []struct{ Type string }
			} `json:"didDocument"`
			Resolution struct {
				Error struct{ Type string }
			} `json:"didResolutionMetadata"`
		}
		err = json.NewDecoder(io.LimitReader(res.Body, 1<<20)).Decode(&result)
		res.Body.Close()
		fmt.Println(res.Status, result.Document.VerificationMethod, result.Resolution.Error.Type, err)
	}
	// Output:
	// 200 OK [{Multikey}]  <nil>
	// 501 Not Implemented [] https://www.w3.org/ns/did#METHOD_NOT_SUPPORTED <nil>
}

// The endpoint of a service: the client is sent to it.
func ExampleNew_service() {
	handler := resolverhttp.New(did.Mux{"example": document(`{"id": "did:example:registry",
		"service": [{"id": "#types", "type": "Types", "serviceEndpoint": "https://registry.example/types/"}]}`)})
	r := httptest.NewRequest("GET", resolverhttp.Prefix+"did:example:registry?service=types&relativeRef=id.json", nil)
	r.Header.Set("Accept", "text/uri-list")
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	fmt.Println(w.Code, w.Header().Get("Location"))
	// Output: 303 https://registry.example/types/id.json
}

// document is a Resolver that knows one document.
type document string

func (d document) Resolve(context.Context, did.DID, did.At) (*did.Resolution, error) {
	doc, err := did.ParseDocument([]byte(d))
	if err != nil {
		return nil, err
	}
	return did.NewResolution(doc)
}
