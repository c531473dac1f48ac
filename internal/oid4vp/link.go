package oid4vp

import (
	"encoding/json"
	"net/url"
	"strings"

	"github.com/khyer/khyer/internal/strictjson"
)

// Link is what a QR code or a deep link holds (section 5.10): a client, and the request by reference, by value, or in parameters. Exactly one of Reference,
// Object and Request is there.
type Link struct {
	Client    string   // client_id, in full
	Reference string   // request_uri
	Post      bool     // request_uri_method is post
	Object    string   // request: a request object
	Request   *Request // an unsigned request
}

const maxLink = MaxRequest

// String writes the link. at is what calls the wallet, without a query: "openid4vp://", "haip-vp://", or the https address of one wallet. It writes a
// Reference or an Object.
func (l Link) String(at string) string {
	q := url.Values{"client_id": {l.Client}}
	switch {
	case l.Object != "":
		q.Set("request", l.Object)
	default:
		q.Set("request_uri", l.Reference)
		if l.Post {
			q.Set("request_uri_method", "post")
		}
	}
	return at + "?" + q.Encode()
}

// objects are the parameters that hold JSON (section 5.1).
var objects = map[string]bool{"dcql_query": true, "client_metadata": true, "transaction_data": true, "verifier_info": true, "expected_origins": true}

// ParseLink reads a link of any scheme: nothing of it is authenticated. A parameter that is there twice is refused (RFC 6749 section 3.1). The error is
// *Error or *dcql.Error.
func ParseLink(link string) (*Link, error) {
	if len(link) > maxLink {
		return nil, fail(RequestTooLarge, "")
	}
	at, query, ok := strings.Cut(link, "?")
	if scheme, _, colon := strings.Cut(at, ":"); !ok || !colon || scheme == "" {
		return nil, fail(RequestMalformed, "no link with parameters")
	}
	query, _, _ = strings.Cut(query, "#")
	q, err := parameters(query)
	if err != nil {
		return nil, err
	}
	l := &Link{Client: q["client_id"], Reference: q["request_uri"], Object: q["request"]}
	if _, err := ParseClientID(l.Client); err != nil {
		return nil, err
	}
	method, named := q["request_uri_method"]
	switch {
	case l.Reference != "" && l.Object != "":
		return nil, fail(RequestMalformed, "request and request_uri")
	case named && (l.Reference == "" || method != "get" && method != "post"):
		return nil, fail(RequestMalformed, "request_uri_method")
	case l.Reference != "" && !absolute(l.Reference):
		return nil, fail(RequestMalformed, "request_uri is no URL")
	case l.Reference != "", l.Object != "":
		l.Post = method == "post"
		return l, nil
	}
	l.Request, err = unsigned(q)
	return l, err
}

// unsigned reads a request that stands in the parameters of a link.
func unsigned(q map[string]string) (*Request, error) {
	members := make(map[string]any, len(q))
	for name, text := range q {
		members[name] = text
		if !objects[name] {
			continue
		}
		// Before it is put into the whole, where a member that is there twice would be found too, but text after the value would not.
		if _, err := strictjson.Parse([]byte(text), strictjson.Limits{Bytes: MaxRequest, Depth: 16}); err != nil {
			return nil, fail(RequestMalformed, name+" is no JSON")
		}
		members[name] = json.RawMessage(text)
	}
	text, err := marshal(members)
	if err != nil {
		return nil, fail(RequestMalformed, "the parameters")
	}
	r, err := ParseRequest(text)
	if err != nil {
		return nil, err
	}
	if r.Mode.InBrowser() { // a link comes from no browser that says its origin
		return nil, fail(ModeUnsupported, "")
	}
	return r, nil
}

const maxParameters = 64

// parameters reads application/x-www-form-urlencoded and refuses a name that is there twice.
func parameters(query string) (map[string]string, error) {
	if strings.Count(query, "&") >= maxParameters {
		return nil, fail(RequestMalformed, "too many parameters")
	}
	q, err := url.ParseQuery(query)
	if err != nil {
		return nil, fail(RequestMalformed, "parameters that are no parameters")
	}
	out := make(map[string]string, len(q))
	for name, values := range q {
		if len(values) > 1 {
			return nil, fail(RequestMalformed, "a parameter is there twice")
		}
		out[name] = values[0]
	}
	return out, nil
}
