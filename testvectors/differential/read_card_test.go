package differential

import (
	"slices"
	"strings"
)

// plain are the claims that an SD-JWT VC may not hide.
var plain = []string{"iss", "nbf", "exp", "cnf", "vct", "vct#integrity", "aka_vcts", "status"}

// cardBefore looks at the payload as it was signed; nil if it cannot be processed.
func (r *reading) cardBefore(card *token) *node {
	c := card.payload
	if c == nil {
		return nil
	}
	if c.depth() > 32 {
		r.fact("too deep")
	}
	if c.kind != 'o' {
		if c.falsy() {
			r.fact("payload is no object at all")
		} else {
			r.fact("payload is no object")
		}
		return nil
	}
	if alg := c.get("_sd_alg"); alg != nil {
		if alg.is('s') && slices.Contains([]string{"sha-256", "sha-384", "sha-512"}, alg.text) {
			r.hash = alg.text
		} else {
			r.fact("_sd_alg")
		}
	}
	for _, name := range plain {
		if (r.vc || name == "cnf") && hides(c.get(name)) {
			r.fact("registered claim hidden")
			if name == "cnf" && !r.vc {
				r.fact("holder key hidden")
			}
		}
	}
	for _, name := range []string{"iss", "vct"} {
		if v := c.get(name); v != nil && (name == "iss" || r.vc) && (v.kind != 's' || v.text == "") {
			r.fact("claim type")
		}
	}
	if r.vc && c.get("vct") == nil {
		r.fact("vct missing")
	}
	if s := c.get("status"); r.vc && s != nil {
		uri, idx := s.get("status_list").get("uri"), s.get("status_list").get("idx")
		if !uri.is('s') || uri.text == "" || !idx.is('n') || strings.ContainsAny(idx.text, ".eE-") && idx.text != "-0" || idx.float() > 1<<63 {
			r.fact("status")
		}
	}
	if others := c.get("aka_vcts"); r.vc && others != nil {
		named := func(o *node) bool { return o.is('s') && o.text != "" && o.text != textOf(c.get("vct")) }
		if !others.is('a') || len(others.items) == 0 || slices.ContainsFunc(others.items, func(o *node) bool { return !named(o) }) {
			r.fact("claim type")
		}
	}
	r.times(c, "")
	return c
}

// falsy is what JavaScript takes for no value.
func (n *node) falsy() bool {
	if n == nil {
		return true
	}
	switch n.kind {
	case 'o', 'a':
		return false
	case 'n':
		return n.float() == 0
	}
	return n.text == "" || n.kind == 'b' && n.text == "false"
}

func hides(n *node) bool {
	if n == nil {
		return false
	}
	for _, m := range n.members {
		if m.name == "_sd" || m.name == "..." || hides(m.v) {
			return true
		}
	}
	return slices.ContainsFunc(n.items, hides)
}

// time reads a NumericDate; ok is false if it is missing or none.
func (r *reading) time(c *node, name, malformed string) (float64, bool) {
	v := c.get(name)
	switch {
	case v == nil:
		return 0, false
	case v.kind != 'n':
		r.fact(malformed)
		return 0, false
	case v.float() < 0 || v.float() > 253402300799:
		if malformed == "claim type" {
			malformed = "time out of range"
		}
		r.fact(malformed)
		// The clock has its say too, for whoever takes such a number.
	}
	return v.float(), true
}

// times looks at exp, nbf and iat of the card; disclosed is the class if they came from disclosures.
func (r *reading) times(c *node, disclosed string) {
	class := func(name string) string {
		if disclosed != "" {
			return disclosed
		}
		return name
	}
	if t, ok := r.time(c, "exp", class("claim type")); ok {
		switch {
		case t+skew < now:
			r.fact(class("expired"))
		case t+skew == now:
			r.fact(class("the second of expiry"))
		}
	}
	if t, ok := r.time(c, "nbf", class("claim type")); ok && t-skew > now {
		r.fact(class("not yet valid"))
	}
	if t, ok := r.time(c, "iat", class("claim type")); ok && t-skew > now {
		r.fact(class("issued in the future"))
	}
}

// cardAfter looks at the processed payload.
func (r *reading) cardAfter(signed *node) {
	shown := &node{kind: 'o'}
	for _, m := range r.processed.members {
		if !m.disclosed {
			continue
		}
		if r.vc && slices.Contains(plain, m.name) {
			r.fact("registered claim hidden")
		}
		shown.members = append(shown.members, m)
	}
	if r.vc {
		shown.drop(plain...)
	}
	r.times(shown, "validity claim disclosed")
	if aud := r.processed.get("aud"); aud != nil {
		r.audience(aud)
	}
}

// textOf is a string's text; "" of anything else.
func textOf(n *node) string {
	if n.is('s') {
		return n.text
	}
	return ""
}

func (n *node) drop(names ...string) {
	n.members = slices.DeleteFunc(n.members, func(m member) bool { return slices.Contains(names, m.name) })
}

// audience looks at the aud of the card (RFC 7519 section 4.1.3).
func (r *reading) audience(aud *node) {
	want, meant := audience, false
	if !r.bound {
		want = "" // a verifier that named none
	}
	list := slices.DeleteFunc(slices.Clone(aud.items), func(e *node) bool { return e.kind == '?' })
	if aud.kind == 's' {
		list = []*node{aud}
	}
	for _, e := range list {
		if e.kind != 's' {
			r.fact("claim type")
		}
		meant = meant || e.kind == 's' && e.text == want
	}
	if len(list) == 0 {
		r.fact("claim type")
	}
	if !meant {
		r.fact("audience of the card")
	}
}
