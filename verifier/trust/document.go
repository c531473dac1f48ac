package trust

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"time"

	"github.com/khyer/khyer/disclosure"
	"github.com/khyer/khyer/internal/strictjson"
)

// Document is what a governing body publishes: who may issue what, and who may ask for what. As a file it is JSON:
//
//	{"format": "khyer-trust/1", "sequence": 7, "issued": "2026-11-24T00:00:00Z", "expires": "2026-12-24T00:00:00Z",
//	 "issuers": [{"name": "…", "dids": ["did:…"], "types": ["https://…"], …}],
//	 "purposes": [{"agency": "https://…", "name": "ekyc", "basis": "…", "hosts": ["verify.bank.example"], "claims": {"https://…": [["Full Name"]]}}]}
//
// Members have the names of the fields of [Issuer], [Window], [Accreditation], [Certified], [StatusLists] and [Purpose], in lower case with underscores. Times are
// RFC 3339, roots are certificates in PEM. A member that is not known is an error, because the one that was meant would be missing.
type Document struct {
	Sequence        uint64 // grows with each document; only [Signed] asks for it
	Issued, Expires time.Time
	Issuers         []Issuer
	Purposes        []Purpose
}

const (
	format      = "khyer-trust/1"
	maxDocument = 8 << 20
)

// ParseDocument reads a document of at most 8 MiB. Errors say where it is wrong. It must have issuers or purposes.
func ParseDocument(data []byte) (*Document, error) {
	v, err := strictjson.Parse(data, strictjson.Limits{Bytes: maxDocument, Depth: 16})
	if err != nil {
		return nil, fmt.Errorf("trust: the document is no strict JSON: %w", err)
	}
	d, r := &Document{}, &reader{}
	var form string
	r.object(v, "the document", fields{
		"format": r.text(&form), "sequence": r.number(&d.Sequence), "issued": r.time(&d.Issued), "expires": r.time(&d.Expires),
		"issuers":  each(r, &d.Issuers, r.issuer),
		"purposes": each(r, &d.Purposes, r.purpose),
	})
	switch {
	case r.err != nil:
		return nil, r.err
	case form != format:
		return nil, fmt.Errorf("trust: format is not %q", format)
	case len(d.Issuers)+len(d.Purposes) == 0:
		return nil, fmt.Errorf("trust: the document has neither issuers nor purposes")
	}
	return d, nil
}

// List makes a list of the document's issuers. After Expires it answers nothing; the verifier then says that the trust source did not answer.
func (d *Document) List() (*List, error) {
	l, err := NewList(d.Issuers...)
	if err == nil {
		l.expires = d.Expires
	}
	return l, err
}

// Policy makes a policy of the document's purposes. After Expires nobody may ask for anything by it: ErrListLapsed.
func (d *Document) Policy() (*Policy, error) {
	p, err := NewPolicy(d.Purposes...)
	if err == nil {
		p.expires = d.Expires
	}
	return p, err
}

func (r *reader) issuer(v strictjson.Value, at string) (i Issuer) {
	r.object(v, at, fields{
		"name": r.text(&i.Name), "dids": r.texts(&i.DIDs), "urls": r.texts(&i.URLs), "types": r.texts(&i.Types),
		"certified": each(r, &i.Certified, r.certified),
		"windows":   each(r, &i.Windows, r.window),
		"from":      r.time(&i.From), "until": r.time(&i.Until),
		"key_classes": r.texts(&i.KeyClasses), "lapsed_until": r.time(&i.LapsedUntil), "hosts": r.texts(&i.Hosts),
		"status_lists": each(r, &i.StatusLists, r.statusLists), "status_required": r.boolean(&i.StatusRequired),
		"suspended": r.time(&i.Suspended), "suspended_keeps_older": r.boolean(&i.SuspendedKeepsOlder),
		"compromised": r.texts(&i.Compromised),
	})
	return i
}

func (r *reader) window(v strictjson.Value, at string) (w Window) {
	r.object(v, at, fields{"of": r.text(&w.Of), "from": r.time(&w.From), "until": r.time(&w.Until), "signed_until": r.time(&w.SignedUntil)})
	return w
}

func (r *reader) certified(v strictjson.Value, at string) (c Certified) {
	var roots []string
	r.object(v, at, fields{"issuer": r.text(&c.Issuer), "name": r.text(&c.Name), "roots": r.texts(&roots)})
	for n, text := range roots {
		block, rest := pem.Decode([]byte(text))
		if block == nil || block.Type != "CERTIFICATE" || len(bytes.TrimSpace(rest)) > 0 {
			r.fail("%s: root %d is not one certificate in PEM", at, n)
			return c
		}
		root, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			r.fail("%s: root %d is no certificate", at, n)
			return c
		}
		c.Roots = append(c.Roots, root)
	}
	return c
}

func (r *reader) statusLists(v strictjson.Value, at string) (s StatusLists) {
	r.object(v, at, fields{"prefix": r.text(&s.Prefix), "signer": r.text(&s.Signer), "aggregation": r.text(&s.Aggregation)})
	return s
}

func (r *reader) purpose(v strictjson.Value, at string) (p Purpose) {
	r.object(v, at, fields{
		"agency": r.text(&p.Agency), "name": r.text(&p.Name), "basis": r.text(&p.Basis), "hosts": r.texts(&p.Hosts), "from": r.time(&p.From), "until": r.time(&p.Until),
		"claims": func(v strictjson.Value, at string) {
			if v.Kind() != strictjson.Object {
				r.fail("%s is no object", at)
				return
			}
			p.Claims = map[string][]disclosure.Path{}
			for vct, paths := range v.Members() {
				var list []disclosure.Path
				each(r, &list, r.path)(paths, at)
				p.Claims[vct] = list
			}
		},
	})
	return p
}

func (r *reader) path(v strictjson.Value, at string) disclosure.Path {
	var steps []any
	d := json.NewDecoder(bytes.NewReader(v.Raw()))
	d.UseNumber()
	if v.Kind() != strictjson.Array || d.Decode(&steps) != nil {
		r.fail("%s is no claims path", at)
		return nil
	}
	for i, s := range steps {
		if n, ok := s.(json.Number); ok {
			index, err := n.Int64()
			if err != nil {
				r.fail("%s is no claims path", at)
				return nil
			}
			steps[i] = int(index)
		}
	}
	p := disclosure.Path(steps)
	if p.Check() != nil {
		r.fail("%s is no claims path", at)
	}
	return p
}

// reader reads values into fields and keeps the first fault, with its place.
type reader struct{ err error }

type fields map[string]func(v strictjson.Value, at string)

func (r *reader) fail(form string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf("trust: "+form, args...)
	}
}

func (r *reader) object(v strictjson.Value, at string, known fields) {
	if v.Kind() != strictjson.Object {
		r.fail("%s is no object", at)
		return
	}
	for name, member := range v.Members() {
		read := known[name]
		if read == nil {
			r.fail("%s has a member %q, which is not known", at, name)
			return
		}
		read(member, at+", "+name)
	}
}

func each[T any](r *reader, into *[]T, read func(v strictjson.Value, at string) T) func(strictjson.Value, string) {
	return func(v strictjson.Value, at string) {
		if v.Kind() != strictjson.Array {
			r.fail("%s is no array", at)
			return
		}
		n := 0
		for e := range v.Elements() {
			*into = append(*into, read(e, fmt.Sprintf("%s %d", at, n)))
			n++
		}
	}
}

func (r *reader) text(into *string) func(strictjson.Value, string) {
	return func(v strictjson.Value, at string) {
		s, ok := v.Text()
		if !ok || s == "" {
			r.fail("%s is no text, or an empty one", at)
		}
		*into = s
	}
}

func (r *reader) texts(into *[]string) func(strictjson.Value, string) {
	return each(r, into, func(v strictjson.Value, at string) (s string) {
		r.text(&s)(v, at)
		return s
	})
}

func (r *reader) number(into *uint64) func(strictjson.Value, string) {
	return func(v strictjson.Value, at string) {
		n, ok := v.Int64()
		if !ok || n < 0 {
			r.fail("%s is no whole number", at)
			return
		}
		*into = uint64(n)
	}
}

func (r *reader) boolean(into *bool) func(strictjson.Value, string) {
	return func(v strictjson.Value, at string) {
		b, ok := v.Bool()
		if !ok {
			r.fail("%s is neither true nor false", at)
		}
		*into = b
	}
}

func (r *reader) time(into *time.Time) func(strictjson.Value, string) {
	return func(v strictjson.Value, at string) {
		s, ok := v.Text()
		t, err := time.Parse(time.RFC3339, s)
		if !ok || err != nil || t.IsZero() {
			r.fail("%s is no time as in RFC 3339", at)
		}
		*into = t.UTC()
	}
}
