package did

import (
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/khyer/khyer/internal/mediatype"
)

// Media types of the representations of a DID document.
const (
	MediaJSONLD = "application/did+ld+json" // DID Core 1.0 section 6.3
	MediaJSON   = "application/did+json"    // DID Core 1.0 section 6.2: without @context
	MediaDID    = "application/did"         // DID Core 1.1 section 6.2
)

// The contexts that the two versions of DID Core put first.
const (
	contextV1  = "https://www.w3.org/ns/did/v1"
	contextV11 = "https://www.w3.org/ns/did/v1.1"
)

// Result is a DID resolution result (DID Resolution section 9): a document in one representation with its metadata, or the error.
type Result struct {
	ContentType string          // media type of Document; empty if there is none
	Document    json.RawMessage // the DID document; nil if there is none
	Metadata    json.RawMessage // the DID document metadata, an object (section 4.3)
	Deactivated bool
	Code        Code // why there is no document; empty if there is one
}

// Represent writes the outcome of a resolve, the two values that a Resolver returned, in the representation that accept asks for (DID
// Resolution section 4). accept is what an Accept header may hold; empty means MediaJSONLD, the form of stock resolvers. A representation
// other than the three is RepresentationNotSupported, an error that is no *Error, or has no Code, is InternalError.
//
// A document in MediaJSONLD begins with the context of DID Core, one in MediaJSON has none. Where a method has a document for a deactivated DID,
// as did:ethr with its empty lists, it stays in the result (section 4.4 would leave it out), and the metadata say so.
func Represent(r *Resolution, err error, accept string) Result {
	if err == nil && (r == nil || r.Document == nil) {
		err = &Error{Code: InternalError}
	}
	if err != nil {
		return failed(err)
	}
	media := mediatype.Choose(accept, MediaJSONLD, MediaDID, MediaJSON)
	if media == "" {
		return Result{Code: RepresentationNotSupported, Metadata: json.RawMessage("{}")}
	}
	text, err := r.Document.inMedia(media).MarshalJSON()
	if err != nil {
		return failed(&Error{InvalidDIDDocument, err})
	}
	return Result{ContentType: media, Document: text, Metadata: r.metadata(), Deactivated: r.Deactivated}
}

func failed(err error) Result {
	code := InternalError
	var e *Error
	if errors.As(err, &e) && e.Code != "" {
		code = e.Code
	}
	result := Result{Code: code, Metadata: json.RawMessage("{}")}
	if code == Deactivated {
		result.Metadata, result.Deactivated = json.RawMessage(`{"deactivated":true}`), true
	}
	return result
}

// inMedia returns the document with the contexts that a representation has.
func (d *Document) inMedia(media string) *Document {
	out := *d
	switch {
	case media == MediaJSON:
		out.Context = nil
	case media == MediaJSONLD && (len(d.Context) == 0 || d.Context[0] != contextV1 && d.Context[0] != contextV11):
		rest := slices.DeleteFunc(slices.Clone(d.Context), func(c string) bool { return c == contextV1 })
		out.Context = append([]string{contextV1}, rest...)
	}
	return &out
}

// metadata writes the DID document metadata.
func (r *Resolution) metadata() json.RawMessage {
	text, err := json.Marshal(struct {
		VersionID     string `json:"versionId,omitempty"`
		Updated       string `json:"updated,omitempty"`
		NextVersionID string `json:"nextVersionId,omitempty"`
		NextUpdate    string `json:"nextUpdate,omitempty"`
		Deactivated   bool   `json:"deactivated,omitempty"`
	}{r.Metadata.VersionID, second(r.Metadata.Updated), r.Metadata.NextVersionID, second(r.Metadata.NextUpdate), r.Deactivated})
	if err != nil { // not reached: there are only texts
		return json.RawMessage("{}")
	}
	return text
}

// second writes a time in UTC without fractions (DID Resolution section 3.1).
func second(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// resolutionMetadata is section 4.2: contentType, or error.
type resolutionMetadata struct {
	ContentType string   `json:"contentType,omitempty"`
	Error       *problem `json:"error,omitempty"`
}

// MarshalJSON writes the members didDocument, didDocumentMetadata and didResolutionMetadata.
func (r Result) MarshalJSON() ([]byte, error) {
	return marshal(struct {
		Document   json.RawMessage    `json:"didDocument"`
		Metadata   json.RawMessage    `json:"didDocumentMetadata"`
		Resolution resolutionMetadata `json:"didResolutionMetadata"`
	}{r.Document, r.Metadata, resolutionMetadata{r.ContentType, r.Code.problem()}})
}

// problem is the error of a result in the form of RFC 9457 (DID Resolution section 11). It says nothing but the code: the text of an
// error may hold the address of a node, with the password in it.
type problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Detail string `json:"detail,omitempty"`
}

func (c Code) problem() *problem {
	if c == "" || c == Deactivated {
		return nil
	}
	for _, p := range problems {
		if string(p.code) == c.Resolution() {
			out := &problem{"https://www.w3.org/ns/did#" + p.name, p.title, ""}
			if c != p.code {
				out.Detail = string(c)
			}
			return out
		}
	}
	return &problem{"https://www.w3.org/ns/did#INTERNAL_ERROR", "The DID could not be resolved", string(c)}
}

// problems are the errors of DID Resolution section 11.
var problems = []struct {
	code        Code
	name, title string
}{
	{InvalidDID, "INVALID_DID", "Not a valid DID"},
	{InvalidDIDURL, "INVALID_DID_URL", "Not a valid DID URL"},
	{InvalidOptions, "INVALID_OPTIONS", "An option is not valid"},
	{InvalidDIDDocument, "INVALID_DID_DOCUMENT", "The DID document is malformed"},
	{NotFound, "NOT_FOUND", "Not found"},
	{RepresentationNotSupported, "REPRESENTATION_NOT_SUPPORTED", "The representation is not supported"},
	{MethodNotSupported, "METHOD_NOT_SUPPORTED", "The DID method is not supported"},
	{FeatureNotSupported, "FEATURE_NOT_SUPPORTED", "An option is not supported"},
	{InternalError, "INTERNAL_ERROR", "The DID could not be resolved"},
}
