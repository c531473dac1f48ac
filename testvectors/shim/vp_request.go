package main

import (
	"context"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"strings"

	"github.com/khyer/khyer/disclosure"
	"github.com/khyer/khyer/internal/oid4vp"
	"github.com/khyer/khyer/internal/strictjson"
	"github.com/khyer/khyer/verifier"
	"github.com/khyer/khyer/verifier/openid4vp/wallet"
)

// checkRequest is vp.request: what a wallet makes of a request for cards, before it asks whether the verifier may ask.
func checkRequest(ctx context.Context, r *request) (answer, error) {
	trust := oid4vp.Trust{Resolver: r.resolver(), Roots: r.roots(), Now: r.now(), Skew: r.duration("clock_skew_s", 0)}
	client, nonce, given := r.text("client_id"), r.text("wallet_nonce"), r.v.Get("request")
	if r.err != nil {
		return nil, nil
	}
	q, err := readVPRequest(ctx, given, client, trust)
	if err == nil && nonce != "" && q.WalletNonce != nonce {
		err = &wallet.Refusal{Reason: wallet.WalletNonceMismatch}
	}
	if err != nil {
		return nil, requestVerdict(err)
	}
	place := q.ResponseURI
	if place == "" {
		place = q.RedirectURI
	}
	return answer{"client_id": q.ClientID.String(), "response_mode": q.Mode, "response_uri": place, "nonce": q.Nonce, "query": q.DCQL}, nil
}

// readVPRequest takes a request object, a link with a request in it, or the data of the Digital Credentials API.
func readVPRequest(ctx context.Context, given strictjson.Value, client string, trust oid4vp.Trust) (*oid4vp.Request, error) {
	text, isText := given.Text()
	switch {
	case given.Kind() == strictjson.Object:
		object, q, err := oid4vp.ParseData(given.Raw())
		if err != nil || q != nil {
			return q, err
		}
		return oid4vp.Verify(ctx, []byte(object), client, trust)
	case !isText:
		return nil, unusable("request is no text and no object")
	case !strings.Contains(text, "?"):
		return oid4vp.Verify(ctx, []byte(text), client, trust)
	}
	l, err := oid4vp.ParseLink(text)
	switch {
	case err != nil:
		return nil, err
	case client != "" && client != l.Client:
		return nil, &oid4vp.Error{Reason: oid4vp.ClientIDMismatch}
	case l.Object != "":
		return oid4vp.Verify(ctx, []byte(l.Object), l.Client, trust)
	case l.Request == nil:
		return nil, unusable("request is a link by reference: what it leads to goes here")
	case l.Request.ClientID.Prefix != oid4vp.RedirectURI:
		return nil, &oid4vp.Error{Reason: oid4vp.RequestUnsigned}
	}
	return l.Request, nil
}

// requestVerdict turns a refusal into an error that verdict knows.
func requestVerdict(err error) error {
	var wire *oid4vp.Error
	var refusal *wallet.Refusal
	switch {
	case errors.As(err, &wire) && wire.Reason == oid4vp.RequestUnresolved:
		return &verifier.Inconclusive{Reason: wire.Reason}
	case errors.As(err, &wire):
		return &disclosure.Error{Reason: wire.Reason}
	case errors.As(err, &refusal):
		return &disclosure.Error{Reason: refusal.Reason}
	}
	return err
}

// roots reads certificates: DER in base64, or PEM.
func (r *request) roots() (out []*x509.Certificate) {
	for _, text := range r.texts("roots") {
		der, err := base64.StdEncoding.DecodeString(text)
		if block, _ := pem.Decode([]byte(text)); block != nil {
			der, err = block.Bytes, nil
		}
		cert, parseErr := x509.ParseCertificate(der)
		if err != nil || parseErr != nil {
			r.fail("roots", "is no array of certificates")
			return nil
		}
		out = append(out, cert)
	}
	return out
}
