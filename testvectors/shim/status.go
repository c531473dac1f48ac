package main

import (
	"context"
	"errors"
	"math"
	"strings"
	"time"

	"github.com/khyer/khyer/credential/status"
	"github.com/khyer/khyer/internal/strictjson"
	"github.com/khyer/khyer/verifier"
	"github.com/khyer/khyer/verifier/trust"
)

// checkStatus is status.check for a status list token. Bitstring status list credentials are what the library does not have yet.
func checkStatus(_ context.Context, r *request) (answer, error) {
	if r.v.Get("credential").Exists() {
		return nil, errUnsupported
	}
	token, uri, issuer := r.text("token"), r.text("uri"), r.text("issuer")
	key, now, skew := r.public("issuer_jwk"), r.now(), r.duration("clock_skew_s", 0)
	index := r.integer("index", math.MaxInt64)
	switch {
	case key.IsZero():
		r.fail("issuer_jwk", "is missing")
	case uri == "":
		r.fail("uri", "is missing")
	}
	if r.err != nil {
		return nil, nil
	}
	t, err := status.ParseToken([]byte(token))
	if err != nil {
		return nil, err
	}
	list, err := t.Verify(key, status.Want{URI: uri, Issuer: issuer, Now: now, Skew: skew})
	if err != nil {
		return nil, err
	}
	value, err := list.At(uint64(index))
	if err != nil {
		return nil, err
	}
	return answer{"status": int(value)}, nil
}

// statusLists are the tokens in a request, by URI.
type statusLists struct {
	tokens map[string]string
	reader verifier.StatusReader
}

// statusLists reads the tokens; nil if there are none.
func (r *request) statusLists() *statusLists {
	if !r.v.Get("status_lists").Exists() {
		return nil
	}
	s := &statusLists{tokens: map[string]string{}}
	r.members("status_lists", func(uri string, v strictjson.Value) {
		token, ok := v.Text()
		if !ok {
			r.fail("status_lists", "is no object of texts")
		}
		s.tokens[uri] = token
	})
	return s
}

// StatusList implements status.Source.
func (s *statusLists) StatusList(ctx context.Context, uri, signer string, now time.Time) (*status.List, error) {
	token, ok := s.tokens[uri]
	if !ok {
		return nil, errors.New("not in the request")
	}
	return s.reader.Read(ctx, []byte(token), uri, signer, now)
}

// places lets every issuer have its lists where the request has any, unless the entry says where.
func (s *statusLists) places(of *trust.Issuer, entry strictjson.Value) {
	if v := entry.Get("status_lists"); v.Exists() {
		e := request{v: entry}
		e.each("status_lists", func(v strictjson.Value) {
			p := request{v: v}
			of.StatusLists = append(of.StatusLists, trust.StatusLists{Prefix: p.text("prefix"), Signer: p.text("signer")})
		})
		return
	}
	if s == nil {
		return
	}
	seen := map[string]bool{}
	for uri := range s.tokens {
		if prefix := uri[:strings.LastIndexByte(uri, '/')+1]; strings.HasPrefix(prefix, "https://") && !seen[prefix] {
			seen[prefix] = true
			of.StatusLists = append(of.StatusLists, trust.StatusLists{Prefix: prefix})
		}
	}
}
