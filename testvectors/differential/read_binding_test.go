package differential

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"encoding/base64"
	"slices"
)

// binding looks at the holder's key and the key binding JWT; text is what sd_hash is taken over.
func (r *reading) binding(kb *token, payload *node, text string) {
	holder := r.holder(payload)
	if kb == nil {
		if r.bound {
			r.fact("key binding missing")
		}
		return
	}
	c := kb.payload
	if c == nil {
		return
	}
	if c.depth() > 8 {
		r.fact("too deep")
		r.fact("key binding form")
	}
	for _, name := range []string{"aud", "nonce", "sd_hash"} {
		if !c.get(name).is('s') {
			r.fact("key binding form")
		}
	}
	iat, ok := r.time(c, "iat", "key binding form")
	if !ok {
		r.fact("key binding form")
	}
	nbf, hasNbf := r.time(c, "nbf", "key binding form")
	exp, hasExp := r.time(c, "exp", "key binding form")
	if !r.bound {
		return
	}
	if aud := c.get("aud"); aud.is('s') && aud.text != audience {
		r.fact("key binding audience")
	}
	if n := c.get("nonce"); n != nil && (n.kind != 's' || n.text != nonce) {
		r.fact("key binding nonce")
	}
	switch {
	case ok && iat-skew > now, hasNbf && nbf-skew > now:
		r.fact("key binding in the future")
	case ok && iat+maxAge+skew < now:
		r.fact("key binding too old")
	}
	switch {
	case hasExp && exp+skew < now:
		r.fact("key binding expired")
	case hasExp && exp+skew == now:
		r.fact("the second of expiry")
	}
	if h := c.get("sd_hash"); h != nil && (h.kind != 's' || h.text != r.digest(text)) {
		r.fact("key binding sd_hash")
	}
	if kb.sig != nil && holder != nil && !validES256(holder, kb.input, kb.sig) {
		r.fact("key binding signature")
	}
}

// privateNames are the members of a JWK that hold private or symmetric keys (RFC 7518 sections 6.2.2, 6.3.2, 6.4.1, and AKP).
var privateNames = []string{"d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"}

// holder looks at cnf and returns the holder's key, if that is one of P-256 with which a key binding can be checked.
func (r *reading) holder(payload *node) *ecdsa.PublicKey {
	cnf := payload.get("cnf")
	if cnf == nil {
		switch {
		case r.bound && r.processed.get("cnf") != nil:
			r.fact("holder key hidden")
		case r.bound && payload != nil:
			r.fact("holder key missing")
		}
		return nil
	}
	if hides(cnf) || !r.bound && !r.vc {
		return nil // another fault; or RFC 9901 alone has no use for it then
	}
	jwk := cnf.get("jwk")
	if !jwk.is('o') || cnf.get("jwe") != nil || cnf.get("jku") != nil {
		r.fact("holder key")
	}
	for _, name := range privateNames {
		if jwk.get(name) != nil {
			r.fact("holder key")
		}
	}
	if use := jwk.get("use"); use != nil && (use.kind != 's' || use.text != "sig") {
		r.fact("holder key")
	}
	if alg := jwk.get("alg"); alg != nil && (alg.kind != 's' || alg.text != "ES256") {
		r.fact("holder key")
	}
	if ops := jwk.get("key_ops"); ops != nil {
		if ops.kind != 'a' || !slices.ContainsFunc(ops.items, func(o *node) bool { return o.text == "verify" || o.text == "sign" }) ||
			slices.ContainsFunc(ops.items, func(o *node) bool { return o.kind != 's' }) {
			r.fact("holder key")
		}
		r.fact("holder key ext") // WebCrypto has its own rules about combinations
	}
	if jwk.get("ext") != nil {
		r.fact("holder key ext")
	}
	kty, crv := jwk.get("kty"), jwk.get("crv")
	if kty.is('s') && kty.text == "EC" && crv.is('s') && crv.text == "P-256" {
		if key := onP256(jwk.get("x"), jwk.get("y")); key != nil {
			return key
		}
	}
	if r.bound {
		r.fact("holder key of no use")
	} else {
		r.fact("holder key")
	}
	return nil
}

func onP256(x, y *node) *ecdsa.PublicKey {
	point := []byte{4}
	for _, n := range []*node{x, y} {
		if !n.is('s') || !plainAlphabet(n.text) || len(n.text) != 43 || base64.RawURLEncoding.EncodeToString(decode(n.text)) != n.text {
			return nil
		}
		point = append(point, decode(n.text)...)
	}
	key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
	if err != nil {
		return nil
	}
	return key
}
