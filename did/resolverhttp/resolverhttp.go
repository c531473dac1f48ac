// Package resolverhttp offers a did.Resolver over HTTP: the GET form of the binding of DID Resolution section 12.1.
//
//	GET /1.0/identifiers/did:example:1234                           Accept: application/did
//	GET /1.0/identifiers/did:example:1234?versionId=7               Accept: application/did-resolution
//	GET /1.0/identifiers/did%3Aexample%3A1234%23key-1?versionId=7   Accept: application/did-url-dereferencing
//
// Where the colons of the DID are encoded, all of it is, and the query holds options; where they stand as themselves, what follows is the
// DID URL as it is, and the query is its own. There an encoded "#" before the query begins the fragment, because HTTP clients send no other.
//
// What an Accept header may ask for:
//
//	application/did+ld+json            the document (the default), or the method or service that a fragment names
//	application/did                    the same, as DID Core 1.1 has it
//	application/did+json               the same without @context
//	application/did-resolution         the resolution result: document, its metadata, those of the resolution; of a DID only
//	application/did-url-dereferencing  the same of a DID URL, as content, its metadata, those of the dereferencing
//	text/uri-list                      of a URL with the parameter service or serviceType: a redirect to the first endpoint of a selected
//	                                   service that is an http or https URL. There is no list in the answer, and nothing was asked of the endpoint.
//
// Statuses, with the result or the error in the body:
//
//	200  the document, or what the DID URL names
//	303  text/uri-list: Location is the endpoint, the body is empty
//	400  invalidDid, invalidDidUrl, invalidOptions
//	404  notFound; a path, a parameter or a fragment that names nothing; a service without a web address
//	405  another method than GET and HEAD, as text
//	406  representationNotSupported: none of the types above, or text/uri-list for what has no endpoints
//	410  the DID is deactivated; the metadata say so
//	500  all else, also an issuer's node that does not answer: the error's detail has the code
//	501  methodNotSupported, featureNotSupported
//	503  too many at once, as text
//
// The section wants TLS: it is the server's matter, as are limits on connections and on how often one client may ask.
package resolverhttp

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/khyer/khyer/did"
	"github.com/khyer/khyer/internal/mediatype"
)

// Prefix is the path that a DID or DID URL follows.
const Prefix = "/1.0/identifiers/"

// The media types of the binding, beside those of documents.
const (
	resultMedia  = "application/did-resolution"
	contentMedia = "application/did-url-dereferencing"
	urlsMedia    = "text/uri-list"
)

const (
	maxQuery   = 4 << 10          // of options, in bytes
	maxTime    = 30 * time.Second // of one resolve, and then of writing its answer
	concurrent = 256              // resolves at once
)

type handler struct {
	resolver did.Resolver
	slots    chan struct{}
}

// New makes a handler for GET and HEAD requests below Prefix. It resolves DIDs and dereferences DID URLs by r, each for at most 30 s and at
// most 256 at once; beyond that it answers 503. A client has 30 s to read its answer, or what the server's WriteTimeout says. Answers hold
// no text of an error, only its code.
func New(r did.Resolver) http.Handler { return &handler{r, make(chan struct{}, concurrent)} }

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	head := w.Header()
	head.Set("Vary", "Accept")
	head.Set("X-Content-Type-Options", "nosniff")
	rest, ok := strings.CutPrefix(r.URL.EscapedPath(), Prefix)
	if !ok {
		http.NotFound(w, r)
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		head.Set("Allow", "GET, HEAD")
		http.Error(w, "405 method not allowed", http.StatusMethodNotAllowed)
		return
	}
	select {
	case h.slots <- struct{}{}:
	default:
		head.Set("Retry-After", "1")
		http.Error(w, "503 too many requests at once", http.StatusServiceUnavailable)
		return
	}
	out := h.resolve(r, rest)
	limitWriting(w, r)
	out.write(w)
}

// resolve holds a slot until the answer is there, and not while a client takes its time to read it.
func (h *handler) resolve(r *http.Request, rest string) reply {
	defer func() { <-h.slots }()
	ctx, cancel := context.WithTimeout(r.Context(), maxTime)
	defer cancel()
	accept := strings.Join(r.Header.Values("Accept"), ",")
	return h.answer(ctx, rest, r.URL.RawQuery, accept)
}

// limitWriting ends the connection of a client that does not read, unless the server has a WriteTimeout of its own, which is kept.
func limitWriting(w http.ResponseWriter, r *http.Request) {
	if s, ok := r.Context().Value(http.ServerContextKey).(*http.Server); ok && s.WriteTimeout > 0 {
		return
	}
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(maxTime)) // a writer that knows no deadlines is the server's matter
}

// reply is a result and how to send it.
type reply struct {
	did.Result
	media string // that was asked for; empty if none is offered
	urls  []string
}

// answer is never a panic: a faulty resolver is an internal error.
func (h *handler) answer(ctx context.Context, rest, query, accept string) (out reply) {
	media := mediatype.Choose(accept, did.MediaJSONLD, resultMedia, contentMedia, did.MediaDID, did.MediaJSON, urlsMedia)
	defer func() {
		if recover() != nil {
			out = reply{did.Represent(nil, &did.Error{Code: did.InternalError}, ""), media, nil}
		}
	}()
	u, err := request(rest, query)
	whole := err == nil && u.Path == "" && u.Fragment == "" && !strings.Contains(u.String(), "#")
	if err == nil && media == "" {
		err = &did.Error{Code: did.RepresentationNotSupported}
	}
	if err == nil && media == resultMedia && (!whole || !onlyVersions(u.Query)) {
		err = &did.Error{Code: did.InvalidDID} // the result of a resolve is asked for, and that takes a DID
	}
	var c *did.Content
	if err == nil {
		c, err = did.Dereference(ctx, h.resolver, u)
	}
	// In a complete result the document is in the representation that is asked for beside it, if there is one.
	document := mediatype.Choose(accept, did.MediaJSONLD, did.MediaDID, did.MediaJSON)
	out = reply{Result: did.RepresentContent(c, err, document), media: media}
	if media == urlsMedia && err == nil {
		switch out.urls = web(c.URLs); {
		case c.Selected == nil: // not what a list of URLs could show
			out.Result = did.RepresentContent(nil, &did.Error{Code: did.RepresentationNotSupported}, "")
		case len(out.urls) == 0:
			out.Result = did.RepresentContent(nil, &did.Error{Code: did.NotFound}, "")
		}
	}
	return out
}

// web returns the URLs that a browser may be sent to.
func web(urls []string) (out []string) {
	for _, s := range urls {
		if u, err := url.Parse(s); err == nil && (u.Scheme == "https" || u.Scheme == "http") {
			out = append(out, s)
		}
	}
	return out
}

// request reads the DID or DID URL, and the options as parameters of it.
func request(rest, query string) (did.URL, error) {
	if len(rest) > 3*did.MaxLength || len(query) > maxQuery {
		return did.URL{}, &did.Error{Code: did.InvalidDIDURL}
	}
	if strings.HasPrefix(rest, "did:") {
		rest, fragment, found := strings.Cut(rest, "%23")
		if query != "" {
			rest += "?" + query
		}
		if found {
			rest += "#" + fragment
		}
		return parse(rest)
	}
	rest, err := url.PathUnescape(rest)
	if err != nil {
		return did.URL{}, &did.Error{Code: did.InvalidDID}
	}
	u, err := parse(rest)
	if err != nil {
		return did.URL{}, err
	}
	return u, options(&u, query)
}

// parse tells what is no DID from what is no DID URL.
func parse(s string) (did.URL, error) {
	if strings.ContainsAny(s, "/?#") {
		return did.ParseURL(s)
	}
	id, err := did.Parse(s)
	return did.URL{DID: id}, err
}

// options adds the options of a request. They mean the same as the parameters of their names (section 4.1). expandRelativeUrls changes
// nothing, because every document here has absolute ids.
func options(u *did.URL, query string) error {
	values, err := url.ParseQuery(query)
	if err != nil {
		return &did.Error{Code: did.InvalidOptions}
	}
	for name, value := range values {
		if len(value) != 1 {
			return &did.Error{Code: did.InvalidOptions}
		}
		switch name {
		case "versionId", "versionTime":
			if u.Query != "" {
				u.Query += "&"
			}
			u.Query += name + "=" + strings.ReplaceAll(url.QueryEscape(value[0]), "+", "%20")
		case "expandRelativeUrls":
			if value[0] != "true" && value[0] != "false" {
				return &did.Error{Code: did.InvalidOptions}
			}
		default:
			return &did.Error{Code: did.FeatureNotSupported}
		}
	}
	return nil
}

// onlyVersions reports whether a query holds nothing but parameters that are options of a resolve too.
func onlyVersions(query string) bool {
	for part := range strings.SplitSeq(query, "&") {
		name, _, _ := strings.Cut(part, "=")
		if name, err := url.PathUnescape(name); err != nil || name != "" && name != "versionId" && name != "versionTime" {
			return false
		}
	}
	return true
}

func (r reply) write(w http.ResponseWriter) {
	status := r.status()
	if status == http.StatusSeeOther {
		w.Header().Set("Location", r.urls[0])
		w.WriteHeader(status)
		return
	}
	media, body := r.ContentType, []byte(r.Document)
	switch {
	case r.media == contentMedia:
		media, body = contentMedia, r.content()
	case r.media == resultMedia || status != http.StatusOK:
		media, body = resultMedia, r.result()
	}
	w.Header().Set("Content-Type", media)
	w.WriteHeader(status)
	w.Write(body)
}

func (r reply) result() []byte {
	text, err := r.MarshalJSON()
	if err != nil { // not reached: Represent has written its parts
		return []byte("{}")
	}
	return text
}

// content writes a DID URL dereferencing result (section 10): the parts of a resolution result under other names.
func (r reply) content() []byte {
	var parts struct {
		Document   json.RawMessage `json:"didDocument"`
		Metadata   json.RawMessage `json:"didDocumentMetadata"`
		Resolution json.RawMessage `json:"didResolutionMetadata"`
	}
	if json.Unmarshal(r.result(), &parts) != nil {
		return []byte("{}")
	}
	var text strings.Builder
	text.WriteString(`{"content":`)
	text.Write(parts.Document)
	text.WriteString(`,"contentMetadata":`)
	text.Write(parts.Metadata)
	text.WriteString(`,"dereferencingMetadata":`)
	text.Write(parts.Resolution)
	text.WriteString("}")
	return []byte(text.String())
}

// status is the code of section 12.1, steps 6 to 9.
func (r reply) status() int {
	if r.Deactivated {
		return http.StatusGone
	}
	if r.Code == "" {
		if r.media == urlsMedia {
			return http.StatusSeeOther
		}
		return http.StatusOK
	}
	for _, known := range statuses {
		if r.Code == known.code {
			return known.status
		}
	}
	return http.StatusInternalServerError
}

var statuses = []struct {
	code   did.Code
	status int
}{
	{did.InvalidDID, http.StatusBadRequest}, {did.InvalidDIDURL, http.StatusBadRequest}, {did.InvalidOptions, http.StatusBadRequest},
	{did.NotFound, http.StatusNotFound}, {did.RepresentationNotSupported, http.StatusNotAcceptable},
	{did.MethodNotSupported, http.StatusNotImplemented}, {did.FeatureNotSupported, http.StatusNotImplemented},
}
