package main

import (
	"context"
	"crypto/ecdh"
	"errors"

	"github.com/khyer/khyer/disclosure"
	"github.com/khyer/khyer/internal/strictjson"
	"github.com/khyer/khyer/verifier"
	"github.com/khyer/khyer/verifier/openid4vp"
)

// checkResponse is vp.response: what an agency's door makes of an answer to a request. request is the request, as an object; response is what was posted: a text is
// a form, and an object the data of the Digital Credentials API, whose page stands at origin.
func checkResponse(ctx context.Context, r *request) (answer, error) {
	asked, given, key, origin := r.object("request"), r.v.Get("response"), r.decryptionKey(), r.text("origin")
	body, isForm := given.Text()
	if !isForm {
		body = string(r.object("response"))
	}
	config, err := r.trusted()
	if err != nil || r.err != nil {
		return nil, err
	}
	v, err := verifier.New(config)
	if err != nil {
		return nil, err
	}
	shown, want, err := openid4vp.ReadResponse(strictjson.Inside{}, asked, []byte(body), !isForm, key, origin)
	var declined *openid4vp.Declined
	if errors.As(err, &declined) {
		return nil, &disclosure.Error{Reason: disclosure.Reason(openid4vp.WalletSaid)}
	}
	if err != nil {
		return nil, requestVerdict(err)
	}
	res, err := v.VerifyAnswer(ctx, shown, want)
	if err != nil {
		return nil, err
	}
	return shownCards(res, want)
}

// decryptionKey reads the private key on P-256 that answers are encrypted for; nil if there is none.
func (r *request) decryptionKey() *ecdh.PrivateKey {
	jwk := r.v.Get("decryption_jwk")
	if !jwk.Exists() {
		return nil
	}
	d, _ := jwk.Get("d").Text()
	raw, ok := strictjson.AppendBase64URL(nil, []byte(d))
	key, err := ecdh.P256().NewPrivateKey(raw)
	if !ok || err != nil || !jwk.Get("crv").Is("P-256") {
		r.fail("decryption_jwk", "is no private key on P-256")
		return nil
	}
	return key
}
