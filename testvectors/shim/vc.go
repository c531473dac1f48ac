package main

import (
	"context"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"time"

	"github.com/khyer/khyer/credential"
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
	verify := func() (*verifier.Result, error) {
		if several {
			return v.VerifyAnswer(ctx, q.answer, want)
		}
		return v.Verify(ctx, q.presentation, want)
	}
	res, err := verify()
	if err == nil && q.again {
		res, err = verify()
	}
	if err != nil {
		return nil, err
	}
	return shownCards(res, want)
}

// shownCards is the answer about an accepted presentation.
func shownCards(res *verifier.Result, want verifier.Expect) (answer, error) {
	several := want.Query != nil
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
		if len(want.TransactionData) > 0 {
			cards[len(cards)-1]["transactions"] = append([]int{}, c.Transactions...)
		}
	}
	return answer{"cards": cards, "skipped": append([]verifier.Reason{}, res.Skipped...)}, nil
}

// verification is what a request of vc.verify asks.
type verification struct {
	config       verifier.Config
	want         verifier.Expect
	presentation []byte          // with want.Type
	answer       verifier.Answer // with want.Query
	again        bool            // the answer is that of the second of two equal requests to one verifier
}

func (r *request) verification() (q verification, err error) {
	expect := request{v: r.v.Get("expect")}
	several := expect.v.Get("query").Exists()
	if !several {
		q.presentation = r.sdJWT("presentation")
	}
	q.want = verifier.Expect{
		Audience: expect.text("audience"), Nonce: expect.text("nonce"), Type: expect.text("type"), Claims: expect.paths("claims"),
		TransactionData: expect.texts("transaction_data"), RefuseSurplus: expect.bool("refuse_surplus", false),
		DifferentHolders: expect.bool("different_holders", false), Linked: expect.links("linked"),
	}
	q.again = r.bool("again", false)
	r.take(expect.err)
	if q.config, err = r.trusted(); err != nil || r.err != nil {
		return q, err
	}
	if several {
		if q.want.Query, err = dcql.Parse(expect.object("query")); err != nil {
			return q, unusable("expect.query: " + err.Error())
		}
		q.answer = r.presentations()
	}
	return q, nil
}

// trusted is what the deployment of a request trusts.
func (r *request) trusted() (c verifier.Config, err error) {
	now := r.now()
	lists := r.statusLists()
	issuers := r.issuers(lists)
	resolver := r.resolver()
	c = verifier.Config{
		Resolver: resolver, Now: func() time.Time { return now },
		Skew: r.duration("clock_skew_s", -1),
	}
	until := r.time("issuers_expire")
	if types := r.documents("type_metadata"); types != nil {
		c.Types = credential.TypeDocuments(types)
	}
	if published := r.documents("issuer_metadata"); published != nil {
		c.Documents = websites(published)
	}
	if r.err != nil {
		return c, nil
	}
	list, err := (&trust.Document{Issuers: issuers, Expires: until}).List()
	if err != nil {
		return c, unusable("issuers: " + err.Error())
	}
	c.Issuers = list
	if lists != nil {
		lists.reader = verifier.StatusReader{Issuers: list, Resolver: resolver, Documents: c.Documents, Skew: r.duration("clock_skew_s", 0)}
		c.Status = lists
	}
	return c, nil
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

// links reads an array of arrays of objects with query and path: claims that must be equal.
func (r *request) links(name string) (out [][]verifier.Link) {
	r.each(name, func(v strictjson.Value) {
		var group []verifier.Link
		for e := range v.Elements() {
			link := request{v: e}
			one := verifier.Link{Query: link.text("query")}
			if link.err != nil || one.Path.UnmarshalJSON(e.Get("path").Raw()) != nil {
				r.fail(name, "is no array of arrays of query and path")
			}
			group = append(group, one)
		}
		out = append(out, group)
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
			StatusRequired: e.bool("status_required", false), KeyClasses: e.texts("key_classes"),
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
		e.each("windows", func(v strictjson.Value) {
			w := request{v: v}
			i.Windows = append(i.Windows, trust.Window{Of: w.text("of"), From: w.time("from"), Until: w.time("until"), SignedUntil: w.time("signed_until")})
			e.take(w.err)
		})
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
