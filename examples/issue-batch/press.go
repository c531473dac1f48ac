package main

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"hash"

	"github.com/khyer/khyer/credential"
	"github.com/khyer/khyer/credential/catalogue"
	"github.com/khyer/khyer/credential/status"
	"github.com/khyer/khyer/disclosure"
)

// press makes cards. Workers share it; it knows nothing of any citizen.
type press struct {
	issuer  *credential.Issuer
	kind    *catalogue.Type
	terms   terms
	conceal []disclosure.Path // nil if that depends on the card
	refKey  []byte
}

func newPress(p *plan, t terms) (*press, error) {
	issuer, err := newIssuer(p, t)
	if err != nil {
		return nil, err
	}
	m := &press{issuer: issuer, kind: p.kind, terms: t, refKey: p.referenceKey}
	for _, c := range p.kind.Claims {
		if c.Hidden && (len(c.Path) > 1 || !c.Mandatory && c.AgeOver == 0) {
			m.conceal = nil
			break
		}
		if c.Hidden {
			m.conceal = append(m.conceal, c.Path)
		}
	}
	return m, nil
}

// tag stands for a reference in everything that leaves the issuer: who lacks the key can neither read it nor try all references.
type tag [16]byte

// reference hashes the registry's number of a record.
func reference(mac hash.Hash, number []byte) (t tag) {
	mac.Reset()
	mac.Write(number)
	var sum [sha256.Size]byte
	copy(t[:], mac.Sum(sum[:0]))
	return t
}

// slip is what is known of a row when a worker is done with it.
type slip struct {
	end       int // of its card in the batch's cards, line end included; as before if there is none
	hash      [sha256.Size]byte
	reference []byte // as the row has it; never written
	tag       tag
	status    int64
	fault     *fault
}

// worker is one of several at a press.
type worker struct {
	*press
	parser parser
	mac    hash.Hash
}

func (p *press) worker(rows parser) *worker {
	return &worker{p, rows, hmac.New(sha256.New, p.refKey)}
}

// work makes the cards of a batch. A row's fault is the row's; a signer's ends the run.
func (w *worker) work(ctx context.Context, b *batch) {
	b.cards, b.slips, b.broken = b.cards[:0], b.slips[:0], nil
	from := 0
	for _, l := range b.lines {
		s := slip{status: -1}
		if l.long {
			s.fault = &fault{"", rowTooLong}
		} else if err := w.row(ctx, b, b.text[from:l.end], &s); err != nil {
			b.broken = err
			return
		}
		from, s.end = l.end, len(b.cards)
		b.slips = append(b.slips, s)
	}
}

func (w *worker) row(ctx context.Context, b *batch, line []byte, s *slip) error {
	r, f := w.parser.parse(line)
	if r.reference != nil {
		s.reference, s.tag = r.reference, reference(w.mac, r.reference)
	}
	if f != nil {
		s.fault = f
		return nil
	}
	card, err := w.card(ctx, r)
	if err != nil {
		s.fault = w.faultOf(err, r.claims)
		if s.fault == nil {
			return err
		}
		return nil
	}
	s.status, s.hash = r.status, sha256.Sum256(card)
	b.cards = append(append(b.cards, card...), '\n')
	return nil
}

// card is where the library is used: the catalogue checks the claims, computes the ages and says what may be hidden, and the issuer
// signs.
func (w *worker) card(ctx context.Context, r record) ([]byte, error) {
	claims, err := w.kind.Compute(r.claims, w.terms.Begun)
	if err != nil {
		return nil, err
	}
	c := credential.Card{
		Type: w.kind.VCT, Claims: claims, Conceal: disclosure.ConcealOptions{Paths: w.conceal},
		Holder: r.holder, InsecureUnbound: r.unbound, Expires: w.terms.Expires,
	}
	if w.conceal == nil {
		if c.Conceal.Paths, err = w.kind.Conceal(claims); err != nil {
			return nil, err
		}
	}
	if r.status >= 0 {
		c.Status = &status.Reference{URI: w.terms.Status, Index: uint64(r.status)}
	}
	return w.issuer.Issue(ctx, c)
}

// faultOf turns what is wrong with claims into a fault, nil if it is something else. A claim is named only if the type has one of
// that name: a name that a row made up may be anything, a value too.
func (w *worker) faultOf(err error, claims []byte) *fault {
	var c *catalogue.Error
	var d *disclosure.Error
	switch {
	case errors.As(err, &c):
		name := ""
		switch {
		case c.Reason == catalogue.BadClaims && len(c.Path) == 0:
			name = unreadable(claims)
		case c.Reason == catalogue.NearMiss && len(c.Path) == 1:
			name = c.Near // the type's own name, which was meant
		case len(c.Path) > 0:
			name, _ = c.Path[0].(string)
		}
		if _, err := w.kind.Find(disclosure.Path{name}); err != nil {
			name = fieldClaims
		}
		return &fault{name, string(c.Reason)}
	case errors.Is(err, credential.SignerFailed):
		return nil
	case errors.As(err, &d):
		return &fault{fieldClaims, string(d.Reason)}
	}
	return nil
}

// unreadable returns the name of the member at which claims stop being an object of different names, if there is one.
func unreadable(claims []byte) (name string) {
	d := json.NewDecoder(bytes.NewReader(claims))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return ""
	}
	seen := map[string]bool{}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return "" // no value's fault
		}
		name, _ = t.(string)
		if seen[name] {
			return name
		}
		seen[name] = true
		if err := d.Decode(new(json.RawMessage)); err != nil {
			return name
		}
	}
	return ""
}
