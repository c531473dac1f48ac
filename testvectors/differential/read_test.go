package differential

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"math"
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

func (r *reading) disclosures(texts []string) {
	for _, text := range texts {
		if text == "" {
			r.fact("form")
			continue
		}
		n := r.part(text)
		d := r.digest(text)
		if r.table[d] != nil {
			r.fact("disclosure twice")
			continue
		}
		f := &found{malformed: true}
		r.table[d] = f
		if n == nil {
			f.used = true // nobody gets as far as missing it
			continue
		}
		if n.depth() > 33 {
			r.fact("too deep")
		}
		switch {
		case n.kind == 'a' && len(n.items) == 2 && n.items[0].kind == 's':
			*f = found{value: n.items[1]}
		case n.kind == 'a' && len(n.items) == 3 && n.items[0].kind == 's' && n.items[1].kind == 's':
			*f = found{name: n.items[1], value: n.items[2]}
		default:
			r.fact("disclosure form")
			f.used, f.value = true, n
		}
	}
}

func (r *reading) digest(text string) string {
	switch r.hash {
	case "sha-384":
		h := sha512.Sum384([]byte(text))
		return base64.RawURLEncoding.EncodeToString(h[:])
	case "sha-512":
		h := sha512.Sum512([]byte(text))
		return base64.RawURLEncoding.EncodeToString(h[:])
	}
	h := sha256.Sum256([]byte(text))
	return base64.RawURLEncoding.EncodeToString(h[:])
}

// process is section 7.1 step 3, recursive and in the order of the text.
func (r *reading) process(payload *node) *node {
	out := r.value(payload, true)
	for _, f := range r.table {
		if !f.used {
			r.fact("disclosure not referenced")
		}
	}
	if out.depth() > 32 {
		r.fact("too deep")
	}
	return out
}

// find returns the disclosure of an embedded digest, if there is one.
func (r *reading) find(digest string) *found {
	if inSight, twice := r.seen[digest]; twice {
		r.faultInSight("digest repeated", inSight)
	}
	r.seen[digest] = r.seen[digest] || r.unseen == 0
	f := r.table[digest]
	if f == nil {
		return nil
	}
	f.used = true
	if f.malformed {
		if f.value != nil {
			r.excuse(f.value)
		}
		return nil
	}
	return f
}

// faultInSight notes a fault that the peer finds if it looks there.
func (r *reading) faultInSight(name string, inSight bool) {
	if r.unseen > 0 || !inSight {
		name = "fault out of the peer's sight"
	}
	r.fact(name)
}

func (r *reading) value(n *node, top bool) *node {
	switch n.kind {
	case 'a':
		return r.array(n)
	case 'o':
		return r.object(n, top)
	}
	return n
}

func (r *reading) object(n *node, top bool) *node {
	out := &node{kind: 'o'}
	var digests *node
	for _, m := range n.members {
		switch {
		case m.name == "_sd":
			digests = m.v
			continue
		case m.name == "...":
			r.fact("three dots outside an array")
		case m.name == "_sd_alg" && top:
			continue
		case m.name == "_sd_alg":
			r.fact("_sd_alg below the top")
		}
		out.members = append(out.members, member{name: m.name, v: r.value(m.v, false)})
	}
	if digests == nil {
		return out
	}
	if digests.kind != 'a' {
		r.fact("_sd is no array of strings")
		r.excuse(digests)
		return out
	}
	permanent := len(out.members)
	for _, e := range digests.items {
		if e.kind != 's' {
			r.fact("_sd is no array of strings")
			r.excuse(e)
			continue
		}
		if f := r.find(e.text); f != nil {
			r.insert(out, f, permanent)
		}
	}
	return out
}

func (r *reading) insert(out *node, f *found, permanent int) {
	if f.name == nil {
		r.fact("disclosure of the other kind")
		r.unseen++
		r.value(f.value, false)
		r.unseen--
		return
	}
	name := f.name.text
	switch {
	case name == "_sd" || name == "..." || name == "_sd_alg":
		r.fact("reserved name disclosed")
	case name == "" && out.get(name) != nil:
		r.fact("two disclosures of one name") // the peer looks at no claim without a name
	case slices.ContainsFunc(out.members[:permanent], func(m member) bool { return m.name == name }):
		r.faultInSight("claim exists", true)
	case out.get(name) != nil:
		r.fact("two disclosures of one name")
	}
	if name == "" {
		r.fact("claim without a name")
	}
	if inPrototype[name] {
		r.fact("names of Object.prototype")
	}
	if name == "" {
		r.unseen++
		defer func() { r.unseen-- }()
	}
	out.members = append(out.members, member{name: name, disclosed: true, v: r.value(f.value, false)})
}

func (r *reading) array(n *node) *node {
	out := &node{kind: 'a'}
	for _, e := range n.items {
		digest := e.get("...")
		if digest == nil {
			out.items = append(out.items, r.value(e, false))
			continue
		}
		if len(e.members) != 1 || digest.kind != 's' {
			r.fact("placeholder")
			r.excuse(e)
			continue
		}
		f := r.find(digest.text)
		if inPrototype[digest.text] {
			r.fact("names of Object.prototype")
			out.items = append(out.items, &node{kind: '?'})
		}
		if f == nil {
			continue
		}
		if f.name != nil {
			r.fact("disclosure of the other kind")
		}
		out.items = append(out.items, r.value(f.value, false))
	}
	return out
}

// excuse keeps digests within something malformed from being called missing: the fault is another.
func (r *reading) excuse(n *node) {
	if n.kind == 's' {
		if f := r.table[n.text]; f != nil && (!f.used || f.malformed) {
			f.used, f.malformed = true, false
			if f.value != nil {
				r.excuse(f.value)
			}
		}
	}
	for _, m := range n.members {
		r.excuse(m.v)
	}
	for _, e := range n.items {
		r.excuse(e)
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
	list := aud.items
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

// view makes of a processed payload what the peer is known to make of it.
func (r *reading) view(n *node) *node {
	out := &node{kind: n.kind, text: n.text}
	for _, m := range n.members {
		switch {
		case m.name == "" && m.disclosed, m.name == "__proto__":
			if m.name == "__proto__" {
				r.fact("names of Object.prototype")
			}
			continue
		}
		out.members = append(out.members, member{name: m.name, v: r.view(m.v)})
	}
	for _, e := range n.items {
		out.items = append(out.items, r.view(e))
	}
	switch exact, ok := new(big.Rat).SetString(n.text); {
	case n.kind == '?':
		out.kind = '0'
	case n.kind == 'n' && math.IsInf(n.float(), 0):
		r.fact("numbers as doubles")
		out.kind, out.text = '0', ""
	case n.kind == 'n' && (!ok || exact.Cmp(new(big.Rat).SetFloat64(n.float())) != 0):
		r.fact("numbers as doubles")
	}
	return out
}

// withoutHoles drops what only the peer puts into an array.
func withoutHoles(n *node) *node {
	n.items = slices.DeleteFunc(n.items, func(e *node) bool { return e.kind == '?' })
	for _, e := range n.items {
		withoutHoles(e)
	}
	for _, m := range n.members {
		withoutHoles(m.v)
	}
	return n
}

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
	if kb.sig != nil && holder && !validES256(&holderKey.PublicKey, kb.input, kb.sig) {
		r.fact("key binding signature")
	}
}

// holder looks at cnf and tells whether it names the holder's key.
func (r *reading) holder(payload *node) bool {
	cnf := payload.get("cnf")
	if cnf == nil {
		switch {
		case r.bound && r.processed.get("cnf") != nil:
			r.fact("holder key hidden")
		case r.bound && payload != nil:
			r.fact("holder key missing")
		}
		return false
	}
	if hides(cnf) || !r.bound && !r.vc {
		return false // another fault; or RFC 9901 alone has no use for it then
	}
	jwk := cnf.get("jwk")
	if !jwk.is('o') || cnf.get("jwe") != nil || cnf.get("jku") != nil {
		r.fact("holder key")
	}
	for _, name := range []string{"d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"} {
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
	x, y := jwkOf(holderKey)
	kty, crv, jx, jy := jwk.get("kty"), jwk.get("crv"), jwk.get("x"), jwk.get("y")
	if !kty.is('s') || kty.text != "EC" || !crv.is('s') || crv.text != "P-256" || !jx.is('s') || jx.text != x || !jy.is('s') || jy.text != y {
		if r.bound {
			r.fact("holder key is not the signer's")
		} else if !kty.is('s') || kty.text != "EC" || !crv.is('s') || crv.text != "P-256" || !onP256(jx, jy) {
			r.fact("holder key")
		}
		return false
	}
	return true
}

func onP256(x, y *node) bool {
	point := []byte{4}
	for _, n := range []*node{x, y} {
		if !n.is('s') || !plainAlphabet(n.text) || len(n.text) != 43 || base64.RawURLEncoding.EncodeToString(decode(n.text)) != n.text {
			return false
		}
		point = append(point, decode(n.text)...)
	}
	_, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
	return err == nil
}

// inPrototype are the names that every JavaScript object answers to.
var inPrototype = map[string]bool{"constructor": true, "__proto__": true, "__defineGetter__": true, "__defineSetter__": true, "hasOwnProperty": true,
	"__lookupGetter__": true, "__lookupSetter__": true, "isPrototypeOf": true, "propertyIsEnumerable": true, "toString": true, "valueOf": true,
	"toLocaleString": true}
