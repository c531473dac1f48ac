package did

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestRepresent(t *testing.T) {
	doc := &Document{Context: []string{contextV1, "https://w3id.org/security/multikey/v1"}, ID: DID{subject}}
	r := &Resolution{Document: doc, Metadata: Metadata{VersionID: "7", NextVersionID: "9", Updated: time.Date(2026, 1, 2, 3, 4, 5, 6, time.FixedZone("", 3600)), NextUpdate: day(3)}}
	const meta = `"didDocumentMetadata":{"versionId":"7","updated":"2026-01-02T02:04:05Z","nextVersionId":"9","nextUpdate":"2026-01-03T00:00:00Z"}`
	const full = `"@context":["https://www.w3.org/ns/did/v1","https://w3id.org/security/multikey/v1"],`
	for accept, want := range map[string]struct{ media, context string }{
		"": {MediaJSONLD, full}, "*/*": {MediaJSONLD, full}, MediaJSONLD: {MediaJSONLD, full}, MediaDID: {MediaDID, full}, MediaJSON: {MediaJSON, ""},
		"text/html, application/did;q=0.5, application/did+json;q=0.6": {MediaJSON, ""},
	} {
		got := Represent(r, nil, accept)
		text, err := json.Marshal(got)
		whole := `{"didDocument":{` + want.context + `"id":"did:example:registry"},` + meta + `,"didResolutionMetadata":{"contentType":"` + want.media + `"}}`
		if err != nil || string(text) != whole || got.ContentType != want.media || got.Code != "" || got.Deactivated {
			t.Errorf("%s: %s, %v, want %s", accept, text, err, whole)
		}
	}
	if len(doc.Context) != 2 {
		t.Errorf("the document was changed: %v", doc.Context)
	}
	// What came without a context of DID Core, or with it in another place, gets it in JSON-LD and only there.
	for context, want := range map[string]string{
		`null`:                  `["https://www.w3.org/ns/did/v1"]`,
		`["https://a.example"]`: `["https://www.w3.org/ns/did/v1","https://a.example"]`,
		`["https://a.example","` + contextV1 + `"]`:  `["https://www.w3.org/ns/did/v1","https://a.example"]`,
		`["` + contextV11 + `","https://a.example"]`: `["https://www.w3.org/ns/did/v1.1","https://a.example"]`,
	} {
		d := Document{ID: DID{subject}}
		if err := json.Unmarshal([]byte(context), &d.Context); err != nil {
			t.Fatal(err)
		}
		if got := string(Represent(&Resolution{Document: &d}, nil, MediaJSONLD).Document); got != `{"@context":`+want+`,"id":"did:example:registry"}` {
			t.Errorf("%s: %s", context, got)
		}
		if got := string(Represent(&Resolution{Document: &d}, nil, MediaDID).Document); context != "null" && !strings.Contains(got, `"@context":`+context) {
			t.Errorf("%s: %s", context, got)
		}
	}
	r.Deactivated = true
	if got := Represent(r, nil, ""); !got.Deactivated || !strings.HasSuffix(string(got.Metadata), `,"deactivated":true}`) || got.Document == nil {
		t.Errorf("deactivated: %+v", got)
	}
}

// Each error has the name of DID Resolution section 11, the document is null and its metadata are empty (section 4.4).
func TestRepresentErrors(t *testing.T) {
	secret := errors.New("https://node.example/?key=MARKER")
	for code, want := range map[Code]string{
		InvalidDID: "INVALID_DID", InvalidDIDURL: "INVALID_DID_URL", InvalidOptions: "INVALID_OPTIONS", InvalidDIDDocument: "INVALID_DID_DOCUMENT",
		NotFound: "NOT_FOUND", RepresentationNotSupported: "REPRESENTATION_NOT_SUPPORTED", MethodNotSupported: "METHOD_NOT_SUPPORTED",
		FeatureNotSupported: "FEATURE_NOT_SUPPORTED", InternalError: "INTERNAL_ERROR", Unavailable: "INTERNAL_ERROR", WrongChain: "INTERNAL_ERROR",
		UnknownNetwork: "INTERNAL_ERROR", KeyRevoked: "INTERNAL_ERROR",
	} {
		for _, err := range []error{&Error{code, secret}, fmt.Errorf("more: %w", &Error{Code: code})} {
			got := Represent(nil, err, "")
			text, jsonErr := json.Marshal(got)
			var back struct {
				Document   any `json:"didDocument"`
				Metadata   map[string]any
				Resolution struct {
					Error map[string]string
				} `json:"didResolutionMetadata"`
			}
			if jsonErr != nil || json.Unmarshal(text, &back) != nil || !strings.HasPrefix(string(text), `{"didDocument":null,"didDocumentMetadata":{},`) {
				t.Fatalf("%s, %v", text, jsonErr)
			}
			if e := back.Resolution.Error; e["type"] != "https://www.w3.org/ns/did#"+want || e["title"] == "" || got.Code != code || (e["detail"] == "") != (string(code) == code.Resolution() && code != KeyRevoked) {
				t.Errorf("%s: %s", code, text)
			}
			if strings.Contains(string(text), "MARKER") {
				t.Errorf("%s tells the address of a node: %s", code, text)
			}
		}
	}
	for name, got := range map[string]Result{
		"an error of another kind": Represent(nil, secret, ""), "no answer": Represent(nil, nil, ""), "no document": Represent(&Resolution{}, nil, ""),
		"an error beside a document": Represent(&Resolution{Document: &Document{}}, secret, ""),
	} {
		if got.Code != InternalError || got.Document != nil {
			t.Errorf("%s: %+v", name, got)
		}
	}
	r := &Resolution{Document: &Document{ID: DID{subject}}}
	if got := Represent(r, nil, "application/did+cbor"); got.Code != RepresentationNotSupported || got.Document != nil || string(got.Metadata) != "{}" {
		t.Errorf("%+v", got)
	}
	r.Document.Service = []Service{{Endpoint: []byte("x")}}
	if got := Represent(r, nil, ""); got.Code != InvalidDIDDocument || got.Document != nil {
		t.Errorf("a document that cannot be written: %+v", got)
	}
	if text, err := json.Marshal(Represent(nil, &Error{Code: Deactivated}, "")); err != nil || string(text) != `{"didDocument":null,"didDocumentMetadata":{"deactivated":true},"didResolutionMetadata":{}}` {
		t.Errorf("%s, %v", text, err)
	}
}

// TestErrorWithoutACode: it is no success.
func TestErrorWithoutACode(t *testing.T) {
	if r := Represent(nil, &Error{}, ""); r.Code != InternalError || r.Document != nil {
		t.Errorf("%+v", r)
	}
}
