package main

import (
	"context"

	"github.com/khyer/khyer/disclosure"
	"github.com/khyer/khyer/disclosure/dcql"
	"github.com/khyer/khyer/internal/strictjson"
)

// matchDCQL is dcql.match: which credentials of a wallet answer a query. All of them can be bound to their holder.
func matchDCQL(_ context.Context, r *request) (answer, error) {
	query := r.object("query")
	var wallet []dcql.Candidate
	r.each("credentials", func(v strictjson.Value) {
		e := request{v: v}
		wallet = append(wallet, dcql.Candidate{ID: e.text("id"), Format: e.text("format"), Type: e.text("type"), Claims: e.object("claims")})
		r.take(e.err)
	})
	if r.err != nil {
		return nil, nil
	}
	q, err := dcql.Parse(query)
	if err != nil {
		return nil, err
	}
	matches := map[string][]answer{}
	for id, choices := range q.Matches(wallet) {
		for _, c := range choices {
			matches[id] = append(matches[id], answer{"id": c.Candidate, "reveal": append([]disclosure.Path{}, c.Reveal...)})
		}
	}
	_, err = q.Match(wallet)
	return answer{"matches": matches, "satisfiable": err == nil}, nil
}
