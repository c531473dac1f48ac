package differential

import (
	"crypto/ecdsa"
	"crypto/sha256"
	"encoding/base64"
	"math/big"
	"slices"
	"strings"
)

// reading is what a third reader, slow and written after the text of RFC 9901 alone, finds in a presentation: the classes of all its
// faults and oddities, not only the first, and the processed payload where there is one.
type reading struct {
	facts     map[string]bool
	processed *node
	peersView *node // the processed payload as the peer is known to misread it

	alg       string // of the card's key
	vc, bound bool
	hash      string
	table     map[string]*found // digest -> disclosure
	seen      map[string]bool   // true if it was seen where the peer looks
	unseen    int               // how deep we are in values that the peer does not look at
}

type found struct {
	name, value *node
	malformed   bool
	used        bool
}

func read(text string, vc, bound bool) *reading {
	r := &reading{facts: map[string]bool{}, alg: "ES256", vc: vc, bound: bound, hash: "sha-256", table: map[string]*found{}, seen: map[string]bool{}}
	parts := strings.Split(text, "~")
	if len(parts) == 1 {
		r.fact("no tilde")
		parts = append(parts, "")
	}
	last := len(parts) - 1
	card := r.jwt(parts[0], "")
	var kb *token
	if parts[last] != "" {
		kb = r.jwt(parts[last], "key binding ")
	}
	payload := r.cardBefore(card)
	r.disclosures(parts[1:last])
	if payload != nil {
		r.processed = r.process(payload)
	}
	if card.sig != nil && !validES256(&issuerKey.PublicKey, card.input, card.sig) {
		r.fact("signature")
	}
	if payload != nil {
		r.cardAfter(payload)
	}
	r.binding(kb, payload, text[:len(text)-len(parts[last])])
	if r.processed != nil {
		r.peersView = r.view(r.processed)
		r.processed = withoutHoles(r.processed)
	}
	return r
}

func (r *reading) fact(name string) { r.facts[name] = true }

// token is a JWS that was taken apart; header and payload are nil if they cannot be read.
type token struct {
	header, payload *node
	input           string
	sig             []byte
}

func (r *reading) jwt(text, of string) *token {
	t := &token{}
	parts := strings.Split(text, ".")
	switch {
	case len(parts) == 3 && !slices.Contains(parts, ""):
	case of == "":
		r.fact("form")
	default:
		r.bindingFact("form")
	}
	for len(parts) < 3 {
		parts = append(parts, "")
	}
	t.input = text[:max(strings.LastIndexByte(text, '.'), 0)]
	t.header = r.part(parts[0])
	t.payload = r.part(parts[1])
	if sig := parts[len(parts)-1]; plainAlphabet(sig) && base64.RawURLEncoding.EncodeToString(decode(sig)) == sig {
		t.sig = decode(sig)
	} else {
		r.fact("signature encoding")
	}
	if t.header != nil {
		r.header(t.header, of)
		if t.header.depth() > 8 {
			r.fact("too deep")
		}
	}
	return t
}

// part decodes base64url and JSON.
func (r *reading) part(text string) *node {
	switch {
	case text == "":
		return nil
	case !plainAlphabet(text):
		r.fact("encoding")
		return nil
	case len(text)%4 == 1 || base64.RawURLEncoding.EncodeToString(decode(text)) != text:
		r.fact("encoding not canonical")
	}
	n, odd, ok := parseJSON(decode(text))
	for name, is := range map[string]bool{"byte order mark": odd.bom, "utf-8": odd.utf8, "lone surrogate": odd.surrogate, "duplicate member": odd.duplicate} {
		if is {
			r.fact(name)
		}
	}
	if !ok && !(odd.bom && n != nil) {
		if n == nil {
			r.fact("json")
		}
		return nil
	}
	return n
}

func plainAlphabet(text string) bool {
	return strings.Trim(text, alphabet64) == "" && strings.IndexFunc(text, func(c rune) bool { return !strings.ContainsRune(alphabet64, c) }) < 0
}

// decode is as lenient as can be: a stray character at the end is left out.
func decode(text string) []byte {
	if len(text)%4 == 1 {
		text = text[:len(text)-1]
	}
	b, _ := base64.RawURLEncoding.DecodeString(text)
	return b
}

func validES256(k *ecdsa.PublicKey, input string, sig []byte) bool {
	h := sha256.Sum256([]byte(input))
	return len(sig) == 64 && ecdsa.Verify(k, h[:], new(big.Int).SetBytes(sig[:32]), new(big.Int).SetBytes(sig[32:]))
}

// header looks at a JOSE header; of says whose.
func (r *reading) header(h *node, of string) {
	if h.kind != 'o' {
		r.fact("header is no object")
		if of != "" {
			r.bindingFact("key binding typ")
		}
		return
	}
	for _, m := range h.members {
		if m.escaped {
			r.fact("header name with an escape")
		}
		switch lower := strings.ToLower(m.name); {
		case m.name == "crit":
			r.fact("header crit")
		case m.name == "b64":
			r.fact("header b64")
		case m.name != lower && slices.Contains([]string{"alg", "typ", "kid", "crit", "b64", "x5c", "jwk", "jku", "x5u"}, lower):
			r.fact("header name in another case")
		}
	}
	alg, typ := h.get("alg"), h.get("typ")
	if !alg.is('s') || of == "" && alg.text != r.alg || of != "" && alg.text != "ES256" {
		if r.bound && of != "" && (alg.falsy() || alg.text == "none") {
			r.fact("key binding alg none")
		}
		if of == "" || r.bound || !alg.is('s') || !slices.Contains([]string{"ES384", "ES256K", "EdDSA"}, alg.text) {
			r.fact(of + "alg")
		}
	}
	if of == "" {
		if typ != nil && (typ.kind != 's' || typ.text == "kb+jwt") || r.vc && (typ == nil || typ.text != "dc+sd-jwt") {
			r.fact("typ")
		}
		if kid := h.get("kid"); r.vc && kid != nil && kid.kind != 's' {
			r.fact("kid")
		}
		return
	}
	if !typ.is('s') || typ.text != "kb+jwt" {
		r.bindingFact("key binding typ")
	}
}

// bindingFact notes a fault of the key binding that nobody looks for where none is wanted; ours reads it all the same.
func (r *reading) bindingFact(name string) {
	if !r.bound && classByName(name).peer == refuses {
		name = "key binding not wanted"
	}
	r.fact(name)
}
