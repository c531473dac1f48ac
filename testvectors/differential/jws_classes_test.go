package differential

import (
	"encoding/base64"
	"slices"
	"strings"
)

// jwsClass is a class of facts about a JWS and its key. See class.
type jwsClass struct {
	name, section string
	ours          []string
	goJose, jwx   verdict
	right         string
}

var jwsClasses = []jwsClass{
	{name: "form", section: "RFC 7515 7.1", ours: []string{"sd_jwt_malformed"}},
	{name: "encoding", section: "RFC 7515 2", ours: []string{"base64url_malformed"}},
	{name: "encoding not canonical", section: "RFC 4648 3.5", ours: []string{"base64url_malformed"}},
	{name: "signature encoding", section: "RFC 7515 2", ours: []string{"base64url_malformed"}, goJose: accepts, jwx: accepts, right: ours},
	{name: "json", section: "RFC 7515 5.2", ours: []string{"header_malformed", "json_malformed", "json_duplicate_member"}},
	{name: "utf-8", section: "RFC 8259 8.1", ours: []string{"header_malformed", "json_malformed"}},
	{name: "byte order mark", section: "RFC 8259 8.1", ours: []string{"header_malformed", "json_malformed"}},
	{name: "lone surrogate", section: "RFC 8259 8.2", ours: []string{"header_malformed", "json_malformed"}},
	{name: "duplicate member", section: "RFC 7515 4", ours: []string{"header_malformed", "json_duplicate_member"}, jwx: accepts, right: either},
	{name: "too deep", section: "RFC 8259 9", ours: []string{"header_malformed"}},
	{name: "header is no object", section: "RFC 7515 4", ours: []string{"header_malformed"}},
	{name: "header name in another case", section: "RFC 7515 4", ours: []string{"header_malformed"}, goJose: accepts, jwx: accepts, right: either},
	{name: "header name with an escape", section: "RFC 7515 5.3", ours: []string{"header_malformed"}, goJose: accepts, jwx: accepts, right: peers},
	{name: "header crit", section: "RFC 7515 4.1.11", ours: []string{"header_crit_unknown"}, goJose: accepts, jwx: accepts, right: ours},
	{name: "header b64", section: "RFC 7797 6", ours: []string{"header_crit_unknown", "base64url_malformed", "json_malformed"}, goJose: accepts, jwx: accepts, right: either},
	{name: "alg", section: "RFC 8725 3.1", ours: []string{"alg_unsupported", "alg_mismatch", "header_malformed"}, jwx: accepts, right: ours},
	{name: "typ", section: "RFC 7515 4.1.9", ours: []string{"typ_mismatch", "header_malformed"}, goJose: accepts, jwx: accepts, right: ours},
	{name: "signature", section: "RFC 7515 5.2", ours: []string{"signature_invalid"}},
	{name: "key json", section: "RFC 7517 4", ours: []string{"key_malformed"}, jwx: accepts, right: ours},
	{name: "key duplicate member", section: "RFC 7517 4", ours: []string{"key_malformed"}, jwx: accepts, right: ours},
	{name: "key kind", section: "RFC 7517 4.1", ours: []string{"key_malformed", "key_unsupported", "key_wrong_length", "key_off_curve", "key_low_order", "key_non_canonical", "alg_mismatch"}},
	{name: "key private member", section: "RFC 7517 9.2", ours: []string{"key_private_member"}, goJose: accepts, jwx: accepts, right: ours},
	{name: "key coordinate", section: "RFC 7518 6.2.1.2", ours: []string{"key_malformed", "key_wrong_length", "key_non_canonical"}, goJose: accepts, jwx: accepts, right: ours},
	{name: "key has a superfluous y", section: "RFC 8037 2", ours: []string{"key_malformed"}, goJose: accepts, jwx: accepts, right: either},
	{name: "key point", section: "RFC 7518 6.2.1", ours: []string{"key_off_curve", "key_low_order", "key_non_canonical", "signature_invalid"}},
	{name: "key alg", section: "RFC 7517 4.4", ours: []string{"key_algorithm_mismatch", "key_malformed", "alg_mismatch"}, goJose: accepts, jwx: accepts, right: ours},
	{name: "key use", section: "RFC 7517 4.2", ours: []string{"alg_mismatch", "key_malformed"}, goJose: accepts, jwx: accepts, right: ours},
	{name: "key name in another case", section: "RFC 7517 4", ours: []string{"key_malformed"}, goJose: accepts, jwx: accepts, right: either},
	{name: "header member of another type", section: "RFC 7515 4.1", goJose: differs, jwx: differs, right: either},
	{name: "white space around the header", section: "RFC 7515 5.2", jwx: differs, right: ours},
	{name: "key member of another type", section: "RFC 7517 4", goJose: differs, jwx: differs, right: either},
}

func jwsClassByName(name string) *jwsClass {
	for i := range jwsClasses {
		if jwsClasses[i].name == name {
			return &jwsClasses[i]
		}
	}
	return nil
}

// readJWS is the third reader for a JWS and its key.
func readJWS(t jwsTrial) map[string]bool {
	r := &reading{facts: map[string]bool{}, alg: string(t.pair.alg)}
	parts := strings.Split(t.text, ".")
	if len(parts) == 3 && plainAlphabet(parts[0]) {
		// Whoever honours b64 takes the payload as it stands: its spelling is no fault of its own.
		if h, _, _ := parseJSON(decode(parts[0])); h.get("b64") != nil && parts[1] != "" {
			parts[1] = "e30"
		}
	}
	j := r.jwt(strings.Join(parts, "."), "")
	j.input = t.text[:max(strings.LastIndexByte(t.text, '.'), 0)]
	for name, kind := range map[string]byte{"jku": 's', "x5u": 's', "jwk": 'o', "x5c": 'a', "x5t": 's', "nonce": 's', "cty": 's', "kid": 's'} {
		if v := j.header.get(name); v != nil && (v.kind != kind || kind != 's') {
			r.fact("header member of another type")
		}
	}
	if head, _, _ := strings.Cut(t.text, "."); plainAlphabet(head) && strings.TrimSpace(string(decode(head))) != string(decode(head)) {
		r.fact("white space around the header")
	}
	intact := r.key(t.jwk, t.pair)
	if j.sig != nil && intact && !t.pair.valid(j.input, j.sig) {
		r.fact("signature")
	}
	return r.facts
}

// key looks at a JWK; intact tells that it is still the key of the pair.
func (r *reading) key(text string, p *pair) (intact bool) {
	k, odd, ok := parseJSON([]byte(text))
	if odd.duplicate {
		r.fact("key duplicate member")
	}
	if !ok || odd.bom || odd.utf8 || odd.surrogate || k.kind != 'o' || k.depth() > 8 {
		r.fact("key json")
		return false
	}
	for _, name := range privateNames {
		if k.get(name) != nil {
			r.fact("key private member")
		}
	}
	for _, m := range k.members {
		for _, n := range privateNames {
			if m.name != n && strings.EqualFold(m.name, n) {
				r.fact("key private member")
			}
		}
		for _, n := range []string{"kty", "crv", "x", "y", "alg", "use", "key_ops"} {
			if m.name != n && strings.EqualFold(m.name, n) {
				r.fact("key name in another case")
			}
		}
	}
	want := p.jwk()
	same := func(name string) bool { return k.get(name).is('s') && k.get(name).text == want.get(name).text }
	for _, name := range []string{"kty", "crv"} {
		// Whoever ignores case finds a missing member under its other name: a fault, and noted already.
		other := k.get(name) == nil && slices.ContainsFunc(k.members, func(m member) bool {
			return strings.EqualFold(m.name, name) && m.v.is('s') && m.v.text == want.get(name).text
		})
		if !same(name) && !other {
			r.fact("key kind")
		}
	}
	if !same("kty") || !same("crv") {
		return false
	}
	r.keyUse(k, p)
	names := []string{"x", "y"}
	if want.get("y") == nil {
		names = names[:1]
		if k.get("y") != nil {
			r.fact("key has a superfluous y")
		}
	}
	form, point := true, true
	for _, name := range names {
		v := k.get(name)
		b := []byte(nil)
		if v.is('s') && plainAlphabet(v.text) {
			b = decode(v.text)
		}
		form = form && len(b) == p.size && base64.RawURLEncoding.EncodeToString(b) == v.text
		point = point && same(name)
	}
	switch {
	case !form:
		r.fact("key coordinate")
	case !point: // a random one, which could be on the curve only for Ed25519, where half of all values are
		r.fact("key point")
	}
	return form && point
}

func (r *reading) keyUse(k *node, p *pair) {
	if alg := k.get("alg"); alg != nil && (!alg.is('s') || alg.text != string(p.alg)) {
		r.fact("key alg")
	}
	if use := k.get("use"); use != nil && (!use.is('s') || use.text != "sig") {
		r.fact("key use")
	}
	if ops := k.get("key_ops"); ops != nil {
		isText := func(o *node) bool { return o.is('s') }
		if !ops.is('a') || slices.ContainsFunc(ops.items, func(o *node) bool { return !isText(o) }) ||
			!slices.ContainsFunc(ops.items, func(o *node) bool { return o.text == "verify" || o.text == "sign" }) {
			r.fact("key use")
		}
	}
	for _, name := range []string{"kid", "x5c", "x5u", "nbf", "ext"} {
		if k.get(name) != nil {
			r.fact("key member of another type")
		}
	}
}
