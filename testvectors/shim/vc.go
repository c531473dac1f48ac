package main

import (
	"context"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"time"

	"github.com/khyer/khyer/credential"
	"github.com/khyer/khyer/did"
	"github.com/khyer/khyer/disclosure"
	"github.com/khyer/khyer/disclosure/dcql"
	"github.com/khyer/khyer/internal/strictjson"
	"github.com/khyer/khyer/verifier"
	"github.com/khyer/khyer/verifier/trust"
)

// verifyVC is vc.verify: one presentation of one card with type and claims, or the answer to a query.
func verifyVC(ctx context.Context, r *request) (answer, error) {
	q, err := r.verification()
	if err != nil || r.err != nil {
		return nil, err
	}
	v, err := verifier.New(q.config)
	if err != nil {
		return nil, err
	}
	want, several := q.want, q.want.Query != nil
	var res *verifier.Result
	if several {
		res, err = v.VerifyAnswer(ctx, q.answer, want)
	} else {
		res, err = v.Verify(ctx, q.presentation, want)
	}
	if err != nil {
		return nil, err
	}
	cards := []answer{}
	for _, c := range res.Cards {
		paths := want.Claims
		if several {
			paths = queried(want.Query, c)
		}
		claims, err := asked(c, paths)
		if err != nil {
			return nil, err
		}
		status := 0 // also of a card that names no list: the answer has no word for that
		if c.Status != nil {
			status = int(*c.Status)
		}
		cards = append(cards, answer{
			"claims": claims, "issuer": c.Issuer, "key_id": c.KeyID, "status": status,
			"surplus": append([]disclosure.Path{}, c.Surplus...),
		})
		if several {
			cards[len(cards)-1]["query"] = c.Query
		}
	}
	return answer{"cards": cards}, nil
}

// verification is what a request of vc.verify asks.
type verification struct {
	config       verifier.Config
	want         verifier.Expect
	presentation []byte          // with want.Type
	answer       verifier.Answer // with want.Query
}

func (r *request) verification() (q verification, err error) {
	expect := request{v: r.v.Get("expect")}
	several, now := expect.v.Get("query").Exists(), r.now()
	if !several {
		q.presentation = r.sdJWT("presentation")
	}
	lists := r.statusLists()
	issuers := r.issuers(lists)
	resolver := r.resolver()
	q.config = verifier.Config{
		Resolver: resolver, Now: func() time.Time { return now },
		Skew: r.duration("clock_skew_s", -1),
	}
	q.want = verifier.Expect{
		Audience: expect.text("audience"), Nonce: expect.text("nonce"), Type: expect.text("type"), Claims: expect.paths("claims"),
	}
	if types := r.documents("type_metadata"); types != nil {
		q.config.Types = credential.TypeDocuments(types)
	}
	if published := r.documents("issuer_metadata"); published != nil {
		q.config.Documents = websites(published)
	}
	if r.take(expect.err); r.err != nil {
		return q, nil
	}
	list, err := trust.NewList(issuers...)
	if err != nil {
		return q, unusable("issuers: " + err.Error())
	}
	q.config.Issuers = list
	if lists != nil {
		lists.reader = verifier.StatusReader{Issuers: list, Resolver: resolver, Documents: q.config.Documents, Skew: r.duration("clock_skew_s", 0)}
		q.config.Status = lists
	}
	if several {
		if q.want.Query, err = dcql.Parse(expect.object("query")); err != nil {
			return q, unusable("expect.query: " + err.Error())
		}
		q.answer = r.presentations()
	}
	return q, nil
}

// presentations reads a map from the id of a credential query to an array of presentations.
func (r *request) presentations() verifier.Answer {
	out := verifier.Answer{}
	r.members("presentations", func(id string, v strictjson.Value) {
		if v.Kind() != strictjson.Array {
			r.fail("presentations", "is no object of arrays")
		}
		for e := range v.Elements() {
			if e.Kind() == strictjson.Object {
				out[id] = append(out[id], e.Raw())
				continue
			}
			s, ok := e.Text()
			if !ok {
				r.fail("presentations", "has an element that is neither a string nor an object")
			}
			out[id] = append(out[id], []byte(s))
		}
	})
	return out
}

// queried returns every claim that a card's credential query names: the card has those that it was asked for.
func queried(q *dcql.Query, c verifier.Card) (paths []disclosure.Path) {
	for _, of := range q.Credentials {
		if of.ID == c.Query {
			for _, claim := range of.Claims {
				paths = append(paths, claim.Path)
			}
		}
	}
	return paths
}

// asked writes the claims of a card as an object: names lead inwards, and what an index or null points to stands in an array.
func asked(c verifier.Card, paths []disclosure.Path) (answer, error) {
	out := answer{}
	for _, p := range paths {
		value, ok := c.Claim(p)
		if !ok {
			continue
		}
		at := out
		for n, step := range p {
			name, ok := step.(string)
			if !ok {
				return nil, errUnsupported // an index at the top: no claim is there
			}
			if n+1 == len(p) {
				at[name] = value
				break
			}
			if _, isName := p[n+1].(string); !isName {
				if p[n+1] != nil {
					value = json.RawMessage("[" + string(value) + "]")
				}
				at[name] = value
				break
			}
			inner, ok := at[name].(answer)
			if !ok {
				inner = answer{}
				at[name] = inner
			}
			at = inner
		}
	}
	return out, nil
}

// issuers reads the trust list: an issuer is known by did, by url (whose issuer metadata have its keys), or by x5c: certificates that
// lead to one of roots from a leaf with name, for cards with iss or, without it, for those that have none.
func (r *request) issuers(lists *statusLists) (out []trust.Issuer) {
	r.each("issuers", func(v strictjson.Value) {
		e := request{v: v}
		i := trust.Issuer{Types: e.texts("types"), Accreditation: trust.Accreditation{
			LapsedUntil: e.time("lapsed_until"), Compromised: e.texts("compromised"), Hosts: e.texts("hosts"),
			Suspended: e.time("suspended"), SuspendedKeepsOlder: e.bool("suspended_keeps_older", false),
		}}
		if id := e.text("did"); id != "" {
			i.DIDs, i.Name = []string{id}, id
		}
		if url := e.text("url"); url != "" {
			i.URLs, i.Name = []string{url}, url
		}
		if c := (request{v: v.Get("x5c")}); c.v.Exists() {
			by := trust.Certified{Issuer: c.text("iss"), Name: c.text("name")}
			for _, text := range c.texts("roots") {
				der, err := base64.StdEncoding.DecodeString(text)
				root, err2 := x509.ParseCertificate(der)
				if err != nil || err2 != nil {
					c.fail("roots", "is no array of certificates")
				}
				by.Roots = append(by.Roots, root)
			}
			i.Certified, i.Name = []trust.Certified{by}, by.Name
			r.take(c.err)
		}
		lists.places(&i, v)
		out = append(out, i)
		r.take(e.err)
	})
	return out
}

// documents reads an object of texts; nil if it is absent.
func (r *request) documents(name string) map[string][]byte {
	if !r.v.Get(name).Exists() {
		return nil
	}
	out := map[string][]byte{}
	r.members(name, func(key string, v strictjson.Value) {
		text, ok := v.Text()
		if !ok {
			r.fail(name, "is no object of texts")
		}
		out[key] = []byte(text)
	})
	return out
}

// websites is what is behind URLs.
type websites map[string][]byte

// Document implements verifier.DocumentSource.
func (w websites) Document(_ context.Context, url string) ([]byte, error) {
	if doc, ok := w[url]; ok {
		return doc, nil
	}
	return nil, errors.New("not in the request")
}

// documents is a resolver of documents that stand in the request.
type documents map[string]*did.Resolution

// Resolve implements did.Resolver.
func (d documents) Resolve(_ context.Context, id did.DID, _ did.At) (*did.Resolution, error) {
	if res := d[id.String()]; res != nil {
		return res, nil
	}
	return nil, &did.Error{Code: did.NotFound}
}

// resolver reads the documents, and the times of those of their keys that are not current.
func (r *request) resolver() documents {
	out := documents{}
	r.members("resolver", func(id string, v strictjson.Value) {
		doc, err := did.ParseDocument(v.Raw())
		if err == nil && doc.ID.String() == id {
			out[id], err = did.NewResolution(doc)
		}
		if err != nil || out[id] == nil {
			r.fail("resolver", "has a document that cannot be used")
		}
	})
	r.members("history", func(id string, v strictjson.Value) {
		for e := range v.Elements() {
			entry := request{v: e}
			if !out.date(id, &entry) {
				r.fail("history", "names a key that is not in the document")
			}
			r.take(entry.err)
		}
	})
	return out
}

func (d documents) date(id string, entry *request) (found bool) {
	res := d[id]
	if res == nil {
		return false
	}
	for i := range res.Keys {
		if k := &res.Keys[i]; k.ID == entry.text("key_id") {
			k.From, k.Until, k.Revoked = entry.time("from"), entry.time("until"), entry.time("revoked")
			found = true
		}
	}
	return found
}
