package did

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"strings"

	"github.com/khyer/khyer/internal/mediatype"
	"github.com/khyer/khyer/internal/strictjson"
)

// Content is what a DID URL names in the DID's document: a Method or a Service for a URL with a fragment, Selected for one with the
// parameter service or serviceType, and the whole document if all three are empty. RepresentContent writes one.
type Content struct {
	Resolution *Resolution // of the DID, as of the version that the URL asks for
	Method     *Method
	Service    *Service
	Selected   []Service
	// URLs are those endpoints of the selected services that are URLs, with the parameter relativeRef and the fragment applied. Nothing was
	// asked of them: whoever fetches one fetches from a host that the DID's author chose.
	URLs []string
}

// Dereference finds what a DID URL names (DID Resolution section 5.4). The parameters are versionId and versionTime, service, serviceType
// and relativeRef. What no rule gives a meaning, a path or another parameter, is NotFound and not ignored: a parameter such as hl may say
// what the author wants checked.
//
// A fragment names exactly one method or service by its id, byte for byte. A service is named by its id or by its fragment alone.
// relativeRef is resolved against the endpoint as RFC 3986 section 5 has it, so that one that begins with a slash replaces the endpoint's
// path; it must be relative in the strict sense and cannot lead to another host. Endpoints are asked for nothing.
//
// The error is *Error: of the resolver, or InvalidDIDURL, InvalidOptions, NotFound, InvalidDIDDocument where an id occurs twice,
// Deactivated for a part of a document that has none any more, InternalError for a resolver that answers with another document.
func Dereference(ctx context.Context, r Resolver, u URL) (*Content, error) {
	q, err := u.query()
	if err != nil {
		return nil, err
	}
	if u.Path != "" || u.emptyFragment {
		return nil, &Error{NotFound, errors.New("no rule says what a path or an empty fragment names")}
	}
	at, err := u.At()
	if err != nil {
		return nil, err
	}
	res, err := r.Resolve(ctx, u.DID, at)
	if err != nil {
		return nil, err
	}
	if err := answers(res, u.DID); err != nil {
		return nil, err
	}
	c := &Content{Resolution: res}
	switch {
	case !q.selects && u.Fragment == "":
		return c, nil
	case res.Deactivated:
		return nil, &Error{Code: Deactivated}
	case q.selects:
		err = c.choose(q, u)
	default:
		err = c.part(u)
	}
	if err != nil {
		return nil, err
	}
	return c, nil
}

// answers checks that a resolver kept its contract.
func answers(r *Resolution, id DID) error {
	if r == nil || r.Document == nil || r.Document.ID != id {
		return &Error{InternalError, errors.New("the resolver answers with no document or with another one")}
	}
	return nil
}

// query is what the parameters that choose services say.
type query struct {
	selects           bool // there is a service or a serviceType
	service, kind     string
	byService, byKind bool
	relative          *url.URL // nil if there is none
}

func (u URL) query() (q query, err error) {
	for part := range strings.SplitSeq(u.Query, "&") {
		name, _, _ := strings.Cut(part, "=")
		name, err := url.PathUnescape(name)
		if err != nil {
			return q, &Error{InvalidDIDURL, errEncoding}
		}
		switch name {
		case "", "versionId", "versionTime", "service", "serviceType", "relativeRef":
		default:
			return q, &Error{NotFound, errors.New("no rule says what a parameter means")}
		}
	}
	get := func(name string) (string, bool) {
		value, found, e := u.parameter(name)
		if e != nil && err == nil {
			err = &Error{InvalidDIDURL, errors.Unwrap(e)}
		}
		return value, found
	}
	q.service, q.byService = get("service")
	q.kind, q.byKind = get("serviceType")
	ref, hasRef := get("relativeRef")
	if err != nil {
		return q, err
	}
	q.selects = q.byService || q.byKind
	if hasRef {
		if !q.selects {
			return q, &Error{NotFound, errors.New("relativeRef without a service")}
		}
		q.relative, err = relativeReference(ref)
	}
	return q, err
}

// relativeReference reads a reference that stays with the host of its base: no scheme, and no authority (RFC 3986 section 4.2 would allow
// "//host"). Its characters are those of a URL, so that neither a line break nor a backslash comes into one.
func relativeReference(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	rest, fragment, _ := strings.Cut(s, "#")
	if err != nil || u.IsAbs() || u.Host != "" || u.User != nil || strings.HasPrefix(s, "//") ||
		!check(rest, pchar|slash|question) || !check(fragment, pchar|slash|question) {
		return nil, &Error{InvalidDIDURL, errors.New("relativeRef is no relative reference")}
	}
	return u, nil
}

func (c *Content) choose(q query, u URL) error {
	for _, s := range c.Resolution.Document.Service {
		if q.byService && !c.named(s.ID, q.service) || q.byKind && s.Type != q.kind && !slices.Contains(s.MoreTypes, q.kind) {
			continue
		}
		c.Selected = append(c.Selected, s)
		for _, endpoint := range endpoints(s.Endpoint) {
			located, ok, err := locate(endpoint, q.relative, u.Fragment)
			if err != nil {
				return err
			}
			if ok {
				c.URLs = append(c.URLs, located)
			}
		}
	}
	if len(c.Selected) == 0 {
		return &Error{NotFound, errors.New("no such service")}
	}
	return nil
}

// absolute makes an id absolute against the document (DID Core 1.0 section 3.2.2).
func (c *Content) absolute(id string) string {
	if strings.HasPrefix(id, "#") {
		return c.Resolution.Document.ID.s + id
	}
	return id
}

// named reports whether the parameter service names a service of that id: by the id, relative or absolute, or by its fragment alone.
func (c *Content) named(id, name string) bool {
	if id == "" || name == "" {
		return false
	}
	id = c.absolute(id)
	return id == c.absolute(name) || id == c.absolute("#"+name)
}

// endpoints returns those that are strings: one, or the strings of an array (section 5.4.1 step 7.2.1).
func endpoints(raw json.RawMessage) (out []string) {
	v, err := strictjson.Parse(raw, strictjson.Limits{Bytes: MaxDocument})
	if err != nil {
		return nil
	}
	if s, ok := v.Text(); ok {
		return []string{s}
	}
	if v.Kind() != strictjson.Array {
		return nil
	}
	for e := range v.Elements() {
		if s, ok := e.Text(); ok {
			out = append(out, s)
		}
	}
	return out
}

// locate applies a relative reference and a fragment to an endpoint. ok is false for what is no URL, and for one without a host if there
// is a reference to resolve.
func locate(endpoint string, ref *url.URL, fragment string) (s string, ok bool, err error) {
	base, parseErr := url.Parse(endpoint)
	if parseErr != nil || base.Scheme == "" || strings.ContainsFunc(endpoint, func(c rune) bool { return c <= ' ' || c >= 0x7f }) {
		return "", false, nil
	}
	s = endpoint
	if ref != nil {
		if base.Host == "" {
			return "", false, nil
		}
		s = base.ResolveReference(ref).String()
	}
	if fragment == "" {
		return s, true, nil
	}
	if strings.Contains(s, "#") { // section 5.4.2 step 2.1
		return "", false, &Error{InvalidDIDURL, errors.New("the endpoint has a fragment of its own")}
	}
	return s + "#" + fragment, true, nil
}

// part finds the method or service that the fragment names.
func (c *Content) part(u URL) error {
	id, found := u.DID.s+"#"+u.Fragment, 0
	doc := c.Resolution.Document
	for i := range doc.VerificationMethod {
		if c.absolute(doc.VerificationMethod[i].ID) == id {
			c.Method = &doc.VerificationMethod[i]
			found++
		}
	}
	for i := range doc.Service {
		if c.absolute(doc.Service[i].ID) == id {
			c.Service = &doc.Service[i]
			found++
		}
	}
	switch found {
	case 0:
		return &Error{NotFound, errors.New("the document has no such id")}
	case 1:
		return nil
	}
	return &Error{InvalidDIDDocument, errDuplicate}
}

// RepresentContent is Represent of what Dereference returned. A method or a service gets the contexts of its document where the
// representation has them; its metadata are empty. Of a document with selected services, these are the only ones.
//
// This is how a Content is written: json.Marshal of it would show the Go struct. The Result marshals under the names of a resolution result,
// also for a part of a document; package resolverhttp has the names of a dereferencing result (section 10): content for didDocument,
// contentMetadata for didDocumentMetadata, dereferencingMetadata for didResolutionMetadata.
func RepresentContent(c *Content, err error, accept string) Result {
	if err == nil && c == nil {
		err = &Error{Code: InternalError}
	}
	if err != nil {
		return failed(err)
	}
	if c.Selected != nil {
		res := *c.Resolution
		doc := *res.Document
		doc.Service, res.Document = c.Selected, &doc
		return Represent(&res, nil, accept)
	}
	if c.Method == nil && c.Service == nil {
		return Represent(c.Resolution, nil, accept)
	}
	media := mediatype.Choose(accept, MediaJSONLD, MediaDID, MediaJSON)
	if media == "" {
		return failed(&Error{Code: RepresentationNotSupported})
	}
	part, extra := any(c.Method), map[string]json.RawMessage(nil)
	if c.Service != nil {
		part, extra = c.Service, c.Service.Extra
	} else {
		extra = c.Method.Extra
	}
	text, err := marshal(part)
	if err == nil && extra["@context"] == nil { // one of its own stays
		text, err = withContext(text, c.Resolution.Document, media)
	}
	if err != nil {
		return failed(&Error{InvalidDIDDocument, err})
	}
	return Result{ContentType: media, Document: text, Metadata: json.RawMessage("{}")}
}

// withContext puts the contexts of a document before the members of an object, which is not empty.
func withContext(object []byte, d *Document, media string) ([]byte, error) {
	d = d.inMedia(media)
	if len(d.Context) == 0 {
		return object, nil
	}
	text, err := (&Document{Context: d.Context}).MarshalJSON() // {"@context":[...],"id":""}
	if err != nil {
		return nil, err
	}
	return append(text[:len(text)-len(`"id":""}`)], object[1:]...), nil
}
