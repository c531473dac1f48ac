package main

import (
	"context"
	"encoding/json"
	"time"

	"github.com/khyer/khyer/credential"
	"github.com/khyer/khyer/disclosure"
	"github.com/khyer/khyer/internal/strictjson"
)

// maxDecoys keeps one line from filling the machine's memory; the library leaves the number to the issuer.
const maxDecoys = 10_000

// sdJWT reads an SD-JWT: a string, or an object for the JWS JSON serialisation (RFC 9901 section 8).
func (r *request) sdJWT(name string) []byte {
	v := r.v.Get(name)
	if v.Kind() == strictjson.Object {
		return v.Raw()
	}
	s, ok := v.Text()
	if !ok {
		r.fail(name, "is missing or neither a string nor an object")
	}
	return []byte(s)
}

// answered is an SD-JWT as it stands in an answer.
func answered(sdJWT []byte) any {
	if len(sdJWT) > 0 && sdJWT[0] == '{' {
		return json.RawMessage(sdJWT)
	}
	return string(sdJWT)
}

// verifySDJWT is sdjwt.verify: an SD-JWT by itself, with the issuer's key given.
func verifySDJWT(_ context.Context, r *request) (answer, error) {
	var profile credential.Profile
	switch p := r.text("profile"); p {
	case "sd-jwt":
		profile = credential.SDJWT
	case "sd-jwt-vc", "":
		profile = credential.SDJWTVC
	default:
		r.fail("profile", "is neither sd-jwt nor sd-jwt-vc")
	}
	binding := credential.Binding{
		Audience: r.text("audience"), Nonce: r.text("nonce"),
		MaxAge: r.duration("kb_max_age_s", time.Nanosecond), Skew: r.duration("clock_skew_s", -1),
		InsecureUnbound: !r.bool("require_key_binding", true),
	}
	key, now := r.public("issuer_jwk"), r.now()
	if key.IsZero() {
		r.fail("issuer_jwk", "is missing")
	}
	sdJWT := r.sdJWT("sd_jwt")
	if r.err != nil {
		return nil, nil
	}
	p, err := credential.Parse(sdJWT, profile, disclosure.Limits{})
	if err != nil {
		return nil, err
	}
	v, err := p.Verify(key, binding, now)
	if err != nil {
		return nil, err
	}
	return answer{"claims": v.Body.Claims(), "key_bound": v.Bound}, nil
}

// issueSDJWT is sdjwt.issue.
func issueSDJWT(ctx context.Context, r *request) (answer, error) {
	serialize := func(sdJWT []byte) ([]byte, error) { return sdJWT, nil }
	switch r.text("serialization") {
	case "compact", "":
	case "json-flattened":
		serialize = disclosure.Flattened
	case "json-general":
		serialize = func(sdJWT []byte) ([]byte, error) { return disclosure.General(sdJWT) }
	default:
		r.fail("serialization", "is unknown")
	}
	claims := r.v.Get("claims")
	if !claims.Exists() {
		r.fail("claims", "is missing")
	}
	options := disclosure.ConcealOptions{
		Paths: r.paths("conceal"), Decoys: int(r.integer("decoys", maxDecoys)), Hash: r.text("sd_alg"),
	}
	signer, holder, header := r.private("issuer_private_jwk"), r.public("holder_jwk"), r.object("header")
	if signer == nil {
		r.fail("issuer_private_jwk", "is missing or not acceptable")
	}
	if r.err != nil {
		return nil, nil
	}
	if header == nil {
		header = json.RawMessage("{}")
	}
	text := claims.Raw()
	if jwk := holder.JWK(); jwk != nil && claims.Kind() == strictjson.Object {
		text = withHolder(claims, jwk)
	}
	payload, disclosures, err := disclosure.Conceal(text, options)
	if err != nil {
		return nil, err
	}
	sdJWT, err := credential.Sign(ctx, signer, header, payload, disclosures)
	if err != nil {
		return nil, err
	}
	if sdJWT, err = serialize(sdJWT); err != nil {
		return nil, err
	}
	return answer{"sd_jwt": answered(sdJWT)}, nil
}

// withHolder adds cnf (RFC 7800 section 3.2) to claims. Claims that have one already have two then, and are refused.
func withHolder(claims strictjson.Value, jwk []byte) []byte {
	out := append(append([]byte(`{"cnf":{"jwk":`), jwk...), '}')
	if claims.Len() > 0 {
		out = append(out, ',')
	}
	return append(out, claims.Raw()[1:]...)
}

// presentSDJWT is sdjwt.present.
func presentSDJWT(ctx context.Context, r *request) (answer, error) {
	reveal, holder := r.paths("reveal"), r.private("holder_private_jwk")
	showing := credential.Showing{Reveal: reveal, Audience: r.text("audience"), Nonce: r.text("nonce"), At: r.now()}
	sdJWT := r.sdJWT("sd_jwt")
	if r.err != nil {
		return nil, nil
	}
	var shown []byte
	var err error
	if holder != nil {
		shown, err = credential.NewHolder(holder).PresentSDJWT(ctx, sdJWT, showing)
	} else {
		var u *disclosure.Unverified
		// A holder's limits, not a verifier's: the same that PresentSDJWT sets.
		if u, err = disclosure.Parse(sdJWT, disclosure.Limits{Bytes: 16 << 20, Disclosures: 100_000}); err == nil {
			shown, err = u.Select(reveal)
		}
	}
	if err != nil {
		return nil, err
	}
	return answer{"sd_jwt": answered(shown)}, nil
}
