// Package didweb resolves did:web, the method whose documents are files on web servers.
//
// The DID names one https URL, and the document there must have that DID as its id. Redirects are not followed: they would let another
// place, which the DID does not name, speak for it. Nothing is asked of an address that is not public, so that a DID cannot make a server
// talk to its own network. A document has no history here: lapsed and revoked keys are what its author writes into "expires" and
// "revoked".
//
// Source: the did:web method specification. Where it wants every DID URL in a document to be absolute, relative ones are read too, and
// become absolute against the id that was checked.
package didweb

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"time"

	"github.com/khyer/khyer/did"
	"github.com/khyer/khyer/internal/safehttp"
)

// Config says how to fetch. The zero value is ready to use.
type Config struct {
	Timeout time.Duration // of a whole request; 0 means 10 s
	// InsecureHosts sends the requests for a host ("registry.example", "localhost:8443") to a base URL instead, http or https, without
	// any look at its name or address: for tests. All other hosts stay guarded.
	InsecureHosts map[string]string
}

// Resolver resolves did:web. It is safe for concurrent use. Only New makes one that works.
type Resolver struct {
	client *safehttp.Client
	named  map[string]string // Config.InsecureHosts
}

// New makes a Resolver. It fails if InsecureHosts holds something that is no base URL.
func New(c Config) (*Resolver, error) {
	hosts := maps.Clone(c.InsecureHosts)
	client, err := safehttp.New(safehttp.Config{Timeout: c.Timeout, MaxBytes: did.MaxDocument, InsecureHosts: hosts})
	if err != nil {
		return nil, err
	}
	return &Resolver{client, hosts}, nil
}

const accept = did.MediaDID + ", " + did.MediaJSONLD + ", " + did.MediaJSON + ", application/json, application/ld+json"

// Resolve implements did.Resolver. Errors are *did.Error: InvalidDID for what names no URL, NotFound where the server says 404 or 410,
// InvalidDIDDocument for a document that is malformed, larger than did.MaxDocument or of another DID, FeatureNotSupported for an at that is
// not zero. Everything else is inconclusive: Unavailable for a host that does not answer, answers with another status or has no public
// address, GarbledAnswer for a redirect, a compressed body or a media type that is none of a DID document's.
func (r *Resolver) Resolve(ctx context.Context, id did.DID, at did.At) (*did.Resolution, error) {
	if id.Method() != "web" {
		return nil, &did.Error{Code: did.MethodNotSupported}
	}
	if r == nil || r.client == nil {
		return nil, &did.Error{Code: did.InternalError, Err: errors.New("a didweb.Resolver that New did not make")}
	}
	location, err := location(id.SpecificID(), r.named)
	if err != nil {
		return nil, &did.Error{Code: did.InvalidDID, Err: err}
	}
	if at.Block != 0 || !at.Time.IsZero() || at.Anchor != nil {
		return nil, &did.Error{Code: did.FeatureNotSupported, Err: errors.New("did:web has no versions")}
	}
	res, err := r.client.Get(ctx, location, accept)
	if err != nil {
		return nil, &did.Error{Code: code(err), Err: err}
	}
	switch res.Status {
	case http.StatusOK:
	case http.StatusNotFound, http.StatusGone:
		return nil, &did.Error{Code: did.NotFound}
	default:
		return nil, &did.Error{Code: did.Unavailable, Err: errors.New("the server answers with " + http.StatusText(res.Status))}
	}
	switch res.MediaType {
	case did.MediaDID, did.MediaJSONLD, did.MediaJSON, "application/json", "application/ld+json":
	default:
		return nil, &did.Error{Code: did.GarbledAnswer, Err: errors.New("not the media type of a DID document")}
	}
	doc, err := did.ParseDocument(res.Body)
	if err != nil {
		return nil, err
	}
	if doc.ID != id {
		return nil, &did.Error{Code: did.InvalidDIDDocument, Err: errors.New("the document is that of another DID")}
	}
	return did.NewResolution(doc)
}

func code(err error) did.Code {
	var e *safehttp.Error
	if errors.As(err, &e) {
		switch e.Reason {
		case safehttp.BadURL:
			return did.InvalidDID
		case safehttp.TooLarge:
			return did.InvalidDIDDocument
		case safehttp.Redirected, safehttp.Encoded:
			return did.GarbledAnswer
		}
	}
	return did.Unavailable
}
