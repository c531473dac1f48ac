package main

import (
	"context"
	"math"

	"github.com/khyer/khyer/did"
	"github.com/khyer/khyer/internal/strictjson"
)

// documents is a resolver of documents that stand in the request.
type documents struct {
	found  map[string]*did.Resolution
	faults map[string]did.Code // of DIDs that cannot be resolved
}

// Resolve implements did.Resolver.
func (d documents) Resolve(_ context.Context, id did.DID, _ did.At) (*did.Resolution, error) {
	if code := d.faults[id.String()]; code != "" {
		return nil, &did.Error{Code: code}
	}
	if res := d.found[id.String()]; res != nil {
		return res, nil
	}
	return nil, &did.Error{Code: did.NotFound}
}

// resolver reads the documents, and the times of those of their keys that are not current.
func (r *request) resolver() documents {
	out := documents{map[string]*did.Resolution{}, map[string]did.Code{}}
	r.members("resolver", func(id string, v strictjson.Value) {
		doc, err := did.ParseDocument(v.Raw())
		if err == nil && doc.ID.String() == id {
			out.found[id], err = did.NewResolution(doc)
		}
		if err != nil || out.found[id] == nil {
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
	r.members("resolver_errors", func(id string, v strictjson.Value) {
		code, ok := v.Text()
		if !ok || code == "" {
			r.fail("resolver_errors", "is no object of texts")
		}
		out.faults[id] = did.Code(code)
	})
	r.members("anchors", func(id string, v strictjson.Value) {
		entry := request{v: v}
		at := did.Anchor{Chain: entry.text("chain"), Block: uint64(entry.integer("block", math.MaxInt64)), Time: entry.time("time"), Newest: entry.time("newest")}
		if r.take(entry.err); out.found[id] == nil {
			r.fail("anchors", "names a DID without a document")
			return
		}
		out.found[id].Anchor = at
	})
	for _, id := range r.texts("deactivated") {
		if out.found[id] == nil {
			r.fail("deactivated", "names a DID without a document")
			continue
		}
		out.found[id].Deactivated = true
	}
	return out
}

func (d documents) date(id string, entry *request) (found bool) {
	res := d.found[id]
	if res == nil {
		return false
	}
	for i := range res.Keys {
		if k := &res.Keys[i]; k.ID == entry.text("key_id") {
			k.From, k.Until, k.Revoked, k.Class = entry.time("from"), entry.time("until"), entry.time("revoked"), entry.text("class")
			found = true
		}
	}
	return found
}
