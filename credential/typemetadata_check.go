package credential

import (
	"bytes"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"slices"

	"github.com/khyer/khyer/disclosure"
	"github.com/khyer/khyer/internal/strictjson"
)

// rule is a node of the tree that all claim paths of a type make together, so that a card is walked once and not once for each path.
type rule struct {
	id     int
	claim  int // of TypeMetadata.claims, or -1
	names  map[string]*rule
	every  *rule // null: all elements
	at     map[int]*rule
	sample [2]int // a claim below that goes on with a name, and one that goes on with an element
}

// finish builds the tree; from here on the metadata can be used.
func (t *TypeMetadata) finish() {
	n := 0
	node := func() *rule { n++; return &rule{id: n - 1, claim: -1} }
	t.rules = node()
	for i, c := range t.claims {
		r := t.rules
		for _, e := range c.Path {
			var next *rule
			switch e := e.(type) {
			case string:
				if next = r.names[e]; next == nil {
					if r.names == nil {
						r.names, r.sample[0] = map[string]*rule{}, i
					}
					next = node()
					r.names[e] = next
				}
			case int:
				r.elements(i)
				if next = r.at[e]; next == nil {
					next = node()
					r.at[e] = next
				}
			default:
				r.elements(i)
				if r.every == nil {
					r.every = node()
				}
				next = r.every
			}
			r = next
		}
		r.claim = i
	}
	t.nodes, t.resolved = n, true
}

func (r *rule) elements(claim int) {
	if r.at == nil {
		r.at, r.sample[1] = map[int]*rule{}, claim
	}
}

// CheckPresentation holds a verified card against its type (SD-JWT VC section 5.6): no path may lead into something of another JSON type, claims
// whose sd is always were selectively disclosable, those whose sd is never were not, and no mandatory claim is missing. That a holder did
// not show a claim is no evidence that the issuer left it out: only what can be seen to be missing is.
//
// presentation is what v was verified from, because a place in a list counts the elements that are hidden. Errors are
// *disclosure.Error with the path of the claim metadata.
func (t *TypeMetadata) CheckPresentation(v *Verified, presentation []byte) error {
	return t.checkVerified(v, presentation, false)
}

// CheckHeld is CheckPresentation for a card as the issuer sent it, with all disclosures: a mandatory claim that is not in it is missing.
func (t *TypeMetadata) CheckHeld(h *Held) error {
	if h == nil {
		return fail(CallerFault)
	}
	return t.checkVerified(h.Verified, h.sdjwt, true)
}

// CheckIssue tells an issuer whether a card would keep the rules of its type, before it is signed. Errors are those of
// CheckPresentation and of disclosure.Conceal.
func (t *TypeMetadata) CheckIssue(c Card) error {
	if t == nil || !t.resolved {
		return fail(CallerFault)
	}
	if c.Type != t.vct {
		return fail(TypeNameMismatch)
	}
	claims, err := strictjson.Parse(c.Claims, strictjson.Limits{Bytes: 1 << 30})
	if err != nil || claims.Kind() != strictjson.Object {
		return fail(disclosure.NothingToConceal)
	}
	// The claims that Issue adds, with any value: their places are what counts.
	whole := []byte(`{"iss":"","vct":"","iat":0`)
	if !c.NotBefore.IsZero() {
		whole = append(whole, `,"nbf":0`...)
	}
	if !c.Expires.IsZero() {
		whole = append(whole, `,"exp":0`...)
	}
	if !c.Holder.IsZero() {
		whole = append(append(append(whole, `,"cnf":{"jwk":`...), c.Holder.JWK()...), '}')
	}
	if c.Status != nil {
		whole = append(whole, `,"status":{"status_list":{"idx":0,"uri":""}}`...)
	}
	if claims.Len() > 0 {
		whole = append(whole, ',')
	}
	o := c.Conceal
	o.Rand, o.Decoys = nil, 0 // the card's own salts stay unused
	payload, disclosures, err := disclosure.Conceal(append(whole, claims.Raw()[1:]...), o)
	if err != nil {
		return err
	}
	v, err := strictjson.Parse(payload, strictjson.Limits{Bytes: 1 << 30})
	if err != nil {
		return fail(disclosure.NothingToConceal)
	}
	texts := make([][]byte, len(disclosures))
	for i, d := range disclosures {
		texts[i] = []byte(d)
	}
	return t.check(v, texts, true)
}

func (t *TypeMetadata) checkVerified(v *Verified, sdjwt []byte, complete bool) error {
	if t == nil || !t.resolved || v == nil || v.Body == nil {
		return fail(CallerFault)
	}
	if v.Type != t.vct {
		return fail(TypeNameMismatch)
	}
	texts, ok := disclosuresOf(sdjwt)
	if !ok || len(texts) != len(v.Body.Revealed()) {
		return fail(CallerFault) // not what v was verified from
	}
	return t.check(v.Body.Payload(strictjson.Inside{}), texts, complete)
}

// disclosuresOf finds the disclosures of an SD-JWT, compact or in the JSON serialisation (RFC 9901 sections 4 and 8). They are not believed for standing
// there: only those are used whose digest the issuer signed.
func disclosuresOf(sdjwt []byte) (out [][]byte, ok bool) {
	if text := bytes.TrimLeft(sdjwt, " \t\r\n"); len(text) > 0 && text[0] == '{' {
		v, err := strictjson.Parse(text, strictjson.Limits{Bytes: len(text), Depth: 1 << 10})
		if err != nil {
			return nil, false
		}
		header := v.Get("header")
		if list := v.Get("signatures"); list.Exists() {
			header = list.At(0).Get("header") // section 8.3: the first alone carries them
		}
		for e := range header.Get("disclosures").Elements() {
			s, _ := e.Text()
			out = append(out, []byte(s))
		}
		return out, true
	}
	first, last := bytes.IndexByte(sdjwt, '~'), bytes.LastIndexByte(sdjwt, '~')
	if first < 0 {
		return nil, false
	}
	if first == last {
		return nil, true
	}
	return bytes.Split(sdjwt[first+1:last], []byte{'~'}), true
}

// checker walks one card. complete means that every disclosure is at hand, so that digests without one are decoys.
type checker struct {
	t        *TypeMetadata
	complete bool
	table    map[string]strictjson.Value // a digest as it stands in the card -> its disclosure
	found    []bool                      // a claim was in the issued card
	doubted  []bool                      // of a rule: what it addresses may be hidden
}

func (t *TypeMetadata) check(payload strictjson.Value, disclosures [][]byte, complete bool) error {
	c := &checker{t: t, complete: complete, found: make([]bool, len(t.claims)), doubted: make([]bool, t.nodes)}
	hash, _ := payload.Get("_sd_alg").Text()
	c.table = make(map[string]strictjson.Value, len(disclosures))
	for _, text := range disclosures {
		raw, ok := strictjson.AppendBase64URL(nil, text)
		v, err := strictjson.Parse(raw, strictjson.Limits{Bytes: max(len(raw), 1), Depth: 1 << 10})
		if !ok || err != nil {
			return fail(CallerFault)
		}
		c.table[digestOf(hash, text)] = v
	}
	if err := c.below(t.rules, payload); err != nil {
		return err
	}
	unsure := make([]bool, len(t.claims))
	t.rules.claims(func(r *rule) { unsure[r.claim] = c.doubted[r.id] })
	for i, m := range t.claims {
		if m.Mandatory && !c.found[i] && !unsure[i] {
			return &disclosure.Error{Reason: MandatoryMissing, Path: slices.Clone(m.Path)}
		}
	}
	return nil
}

func digestOf(name string, text []byte) string {
	var sum []byte
	switch name {
	case "sha-384":
		s := sha512.Sum384(text)
		sum = s[:]
	case "sha-512":
		s := sha512.Sum512(text)
		sum = s[:]
	default:
		s := sha256.Sum256(text)
		sum = s[:]
	}
	return base64.RawURLEncoding.EncodeToString(sum)
}

// claims calls f for each claim of the tree.
func (r *rule) claims(f func(*rule)) {
	if r.claim >= 0 {
		f(r)
	}
	for _, n := range r.names {
		n.claims(f)
	}
	for _, n := range r.at {
		n.claims(f)
	}
	if r.every != nil {
		r.every.claims(f)
	}
}

// selected is called for each value that a rule addresses. A claim is selectively disclosable if it is a disclosure itself; what
// contains it does not count (section 5.6).
func (c *checker) selected(r *rule, concealed bool) error {
	if r.claim < 0 {
		return nil
	}
	c.found[r.claim] = true
	m := &c.t.claims[r.claim]
	switch {
	case m.SD == "always" && !concealed:
		return &disclosure.Error{Reason: MustBeConcealed, Path: slices.Clone(m.Path)}
	case m.SD == "never" && concealed:
		return &disclosure.Error{Reason: MustNotBeHidden, Path: slices.Clone(m.Path)}
	}
	return nil
}

func (c *checker) visit(r *rule, v strictjson.Value, concealed bool) error {
	if err := c.selected(r, concealed); err != nil {
		return err
	}
	return c.below(r, v)
}

// below follows the paths that go on from v (section 5.6.1.2).
func (c *checker) below(r *rule, v strictjson.Value) error {
	if r.names != nil {
		if v.Kind() != strictjson.Object {
			return c.mismatch(r.sample[0])
		}
		if err := c.object(r, v); err != nil {
			return err
		}
	}
	if r.at != nil {
		if v.Kind() != strictjson.Array {
			return c.mismatch(r.sample[1])
		}
		return c.array(r, v)
	}
	return nil
}

func (c *checker) mismatch(claim int) error {
	return &disclosure.Error{Reason: ClaimPathMismatch, Path: slices.Clone(c.t.claims[claim].Path)}
}

func (c *checker) object(r *rule, v strictjson.Value) error {
	present := make(map[*rule]bool, len(r.names))
	member := func(name, value strictjson.Value, concealed bool) error {
		s, _ := name.Text()
		next := r.names[s]
		if next == nil || s == "_sd" || s == "_sd_alg" {
			return nil
		}
		present[next] = true
		return c.visit(next, value, concealed)
	}
	for name, value := range v.Pairs() {
		if err := member(name, value, false); err != nil {
			return err
		}
	}
	hidden := false
	for d := range v.Get("_sd").Elements() {
		digest, _ := d.Text()
		part, ok := c.table[digest]
		if !ok {
			hidden = true
			continue
		}
		if err := member(part.At(1), part.At(2), true); err != nil {
			return err
		}
	}
	if !hidden || c.complete {
		return nil
	}
	for _, next := range r.names {
		// What is never hidden and does not stand there is not in the card.
		if !present[next] && !(next.claim >= 0 && c.t.claims[next.claim].SD == "never") {
			c.doubt(next)
		}
	}
	return nil
}

// array counts elements as the issuer did: those that are hidden count too.
func (c *checker) array(r *rule, v strictjson.Value) error {
	i := 0
	for e := range v.Elements() {
		known, concealed := true, false
		if d := e.Get("..."); d.Exists() {
			digest, _ := d.Text()
			e, known = c.table[digest]
			e, concealed = e.At(1), true
		}
		for _, next := range [2]*rule{r.every, r.at[i]} {
			if next == nil {
				continue
			}
			if err := c.elementOf(next, e, known, concealed); err != nil {
				return err
			}
		}
		i++
	}
	return nil
}

func (c *checker) elementOf(r *rule, v strictjson.Value, known, concealed bool) error {
	if known {
		return c.visit(r, v, concealed)
	}
	before := r.claim >= 0 && c.found[r.claim]
	if err := c.selected(r, true); err != nil {
		return err // a hidden element can be seen to be selectively disclosable
	}
	if c.complete && r.claim >= 0 {
		c.found[r.claim] = before // a decoy
	}
	if !c.complete {
		c.doubt(r)
	}
	return nil
}

// doubt notes that what r addresses may be hidden.
func (c *checker) doubt(r *rule) {
	if c.doubted[r.id] {
		return
	}
	c.doubted[r.id] = true
	for _, n := range r.names {
		c.doubt(n)
	}
	for _, n := range r.at {
		c.doubt(n)
	}
	if r.every != nil {
		c.doubt(r.every)
	}
}
