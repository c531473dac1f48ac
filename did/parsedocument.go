package did

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/khyer/khyer/internal/strictjson"
)

// MaxDocument bounds the text of a DID document, in bytes.
const MaxDocument = 256 << 10

// ParseDocument reads a DID document in JSON or JSON-LD form (DID Core 1.0 section 6). It is strict JSON, at most MaxDocument bytes,
// without duplicate members. Methods that are embedded in a relationship are lifted into VerificationMethod, relative ids become
// absolute against the document's id, and a second method or service with the same id is refused. Members that are not known are
// kept in Extra, but for those of a method whose name says that they hold a private key, and a publicKeyJwk that holds one is left out: that
// method gives no key, here or to whom the document is passed on. The error is *Error with InvalidDIDDocument.
//
// The caller compares the document's id with the DID that was asked for.
func ParseDocument(data []byte) (*Document, error) {
	d, err := parseDocument(data)
	if err != nil {
		return nil, &Error{InvalidDIDDocument, err}
	}
	return d, nil
}

func parseDocument(data []byte) (*Document, error) {
	v, err := strictjson.Parse(data, strictjson.Limits{Bytes: MaxDocument})
	if err != nil {
		return nil, err
	}
	if v.Kind() != strictjson.Object {
		return nil, errors.New("not an object")
	}
	id, ok := v.Get("id").Text()
	if !ok {
		return nil, errors.New("id: missing or no string")
	}
	if err := checkDID(id); err != nil {
		return nil, wrap("id", err)
	}
	p := documentParser{doc: &Document{ID: DID{id}}, methods: map[string]bool{}}
	for _, part := range []struct {
		member string
		read   func(strictjson.Value) error
	}{
		{"@context", p.context}, {"controller", p.controller}, {"alsoKnownAs", p.alsoKnownAs},
		{"verificationMethod", p.verificationMethod}, {"service", p.service},
	} {
		if m := v.Get(part.member); m.Exists() {
			if err := part.read(m); err != nil {
				return nil, wrap(part.member, err)
			}
		}
	}
	for _, purpose := range purposes {
		if m := v.Get(string(purpose)); m.Exists() {
			if err := p.relationship(purpose, m); err != nil {
				return nil, wrap(string(purpose), err)
			}
		}
	}
	p.doc.Extra = extra(v, documentMembers)
	return p.doc, nil
}

// extra collects the members of an object that are not known.
func extra(object strictjson.Value, known []string) (out map[string]json.RawMessage) {
	for name, v := range object.Members() {
		if slices.Contains(known, name) {
			continue
		}
		if out == nil {
			out = map[string]json.RawMessage{}
		}
		out[name] = bytes.Clone(v.Raw())
	}
	return out
}

func wrap(member string, err error) error { return errors.New(member + ": " + err.Error()) }

var (
	errArray     = errors.New("not an array")
	errString    = errors.New("not a string")
	errObject    = errors.New("not an object")
	errDuplicate = errors.New("an id occurs twice")
	errRelative  = errors.New("neither an absolute DID URL nor relative to the document")
)

type documentParser struct {
	doc     *Document
	methods map[string]bool // ids seen
}

func (p *documentParser) context(v strictjson.Value) error {
	if v.Kind() != strictjson.Array {
		return p.contextEntry(v)
	}
	p.doc.Context = []string{}
	for e := range v.Elements() {
		if err := p.contextEntry(e); err != nil {
			return err
		}
	}
	return nil
}

func (p *documentParser) contextEntry(v strictjson.Value) error {
	switch v.Kind() {
	case strictjson.String:
		s, _ := v.Text()
		if s == "" || s[0] == '{' {
			return errors.New("not a URL")
		}
		p.doc.Context = append(p.doc.Context, s)
	case strictjson.Object:
		var b bytes.Buffer
		if err := json.Compact(&b, v.Raw()); err != nil {
			return errObject
		}
		p.doc.Context = append(p.doc.Context, b.String())
	default:
		return errors.New("neither a string nor an object")
	}
	return nil
}

func (p *documentParser) controller(v strictjson.Value) (err error) {
	p.doc.Controller, err = stringSet(v)
	for _, c := range p.doc.Controller {
		if err == nil {
			err = checkController(c)
		}
	}
	return err
}

// checkController takes a DID (DID Core 1.0 section 5.1.2), or a URL as DID Core 1.1 allows by CID 1.0 section 2.1.2. Of a method the
// controller is a DID in both.
func checkController(s string) error {
	if strings.HasPrefix(s, "did:") {
		return checkDID(s)
	}
	u, err := url.Parse(s)
	if err != nil || u.Scheme == "" || u.Host == "" && u.Opaque == "" {
		return errors.New("neither a DID nor a URL")
	}
	return nil
}

func (p *documentParser) alsoKnownAs(v strictjson.Value) (err error) {
	if v.Kind() != strictjson.Array {
		return errArray
	}
	p.doc.AlsoKnownAs, err = stringSet(v)
	return err
}

// stringSet reads a string or an array of strings.
func stringSet(v strictjson.Value) ([]string, error) {
	if s, ok := v.Text(); ok {
		return []string{s}, nil
	}
	if v.Kind() != strictjson.Array {
		return nil, errString
	}
	set := make([]string, 0, v.Len())
	for e := range v.Elements() {
		s, ok := e.Text()
		if !ok {
			return nil, errString
		}
		set = append(set, s)
	}
	return set, nil
}

func (p *documentParser) verificationMethod(v strictjson.Value) error {
	if v.Kind() != strictjson.Array {
		return errArray
	}
	p.doc.VerificationMethod = make([]Method, 0, v.Len())
	for e := range v.Elements() {
		if _, err := p.method(e); err != nil {
			return err
		}
	}
	return nil
}

// relationship reads references and embedded methods (DID Core 1.0 section 5.3).
func (p *documentParser) relationship(purpose Purpose, v strictjson.Value) error {
	if v.Kind() != strictjson.Array {
		return errArray
	}
	ids := make([]string, 0, v.Len())
	seen := make(map[string]bool, v.Len())
	for e := range v.Elements() {
		var id string
		var err error
		if e.Kind() == strictjson.Object {
			id, err = p.method(e)
		} else {
			id, err = p.absolute(e)
		}
		if err != nil {
			return err
		}
		if !seen[id] { // a set: naming a method twice adds nothing
			seen[id] = true
			ids = append(ids, id)
		}
	}
	if p.doc.Relationships == nil {
		p.doc.Relationships = map[Purpose][]string{}
	}
	p.doc.Relationships[purpose] = ids
	return nil
}

// absolute reads a DID URL and makes one that is relative (DID Core 1.0 section 3.2.2) absolute.
func (p *documentParser) absolute(v strictjson.Value) (string, error) {
	s, ok := v.Text()
	if !ok {
		return "", errString
	}
	if s == "" {
		return "", errRelative
	}
	if strings.IndexByte("#/?", s[0]) >= 0 {
		s = p.doc.ID.s + s
	}
	if _, err := parseURL(s); err != nil {
		return "", errRelative
	}
	return s, nil
}

func (p *documentParser) method(v strictjson.Value) (string, error) {
	if v.Kind() != strictjson.Object {
		return "", errObject
	}
	id, err := p.absolute(v.Get("id"))
	if err != nil {
		return "", wrap("id", err)
	}
	if p.methods[id] {
		return "", errDuplicate
	}
	p.methods[id] = true
	m := Method{ID: id}
	var ok bool
	if m.Type, ok = v.Get("type").Text(); !ok || m.Type == "" {
		return "", errors.New("type: missing or no string")
	}
	if m.Controller, ok = v.Get("controller").Text(); !ok {
		return "", errors.New("controller: missing or no string")
	}
	if err := checkDID(m.Controller); err != nil {
		return "", wrap("controller", err)
	}
	if err := m.material(v); err != nil {
		return "", err
	}
	if m.Expires, err = dateTime(v.Get("expires")); err != nil {
		return "", wrap("expires", err)
	}
	if m.Revoked, err = dateTime(v.Get("revoked")); err != nil {
		return "", wrap("revoked", err)
	}
	m.Extra = extra(v, methodMembers)
	maps.DeleteFunc(m.Extra, func(name string, _ json.RawMessage) bool { return isPrivate(name) })
	p.doc.VerificationMethod = append(p.doc.VerificationMethod, m)
	return id, nil
}

// isPrivate reports whether a member holds a private key by its name (CID 1.0 section 2.2.4, and what older suites have). Whoever published
// it has lost the key; passing it on would make it worse.
func isPrivate(name string) bool {
	return strings.HasPrefix(name, "secretKey") || strings.HasPrefix(name, "privateKey")
}

// holdsPrivateKey reports whether a JWK has a member of a private or symmetric key (RFC 7518 sections 6.2.2, 6.3.2 and 6.4.1, and the "priv" of
// the AKP key type), in any letter case. Without that member it would pass for a good key whose private half everybody knows.
func holdsPrivateKey(jwk strictjson.Value) bool {
	for name := range jwk.Members() {
		switch strings.ToLower(name) {
		case "d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv":
			return true
		}
	}
	return false
}

// material reads the key. A method may hold it in one form only (DID Core 1.0 section 5.2.1). An account beside a key occurs in
// documents of did:pkh; such a method parses and gives no key.
func (m *Method) material(v strictjson.Value) error {
	found := 0
	if jwk := v.Get("publicKeyJwk"); jwk.Exists() {
		if jwk.Kind() != strictjson.Object {
			return wrap("publicKeyJwk", errObject)
		}
		if !holdsPrivateKey(jwk) {
			m.PublicKeyJwk = bytes.Clone(jwk.Raw())
		}
		found++
	}
	for _, part := range []struct {
		member string
		to     *string
	}{
		{"publicKeyMultibase", &m.PublicKeyMultibase}, {"publicKeyHex", &m.PublicKeyHex}, {"publicKeyBase58", &m.PublicKeyBase58},
		{"publicKeyBase64", &m.PublicKeyBase64}, {"publicKeyPem", &m.PublicKeyPem}, {"blockchainAccountId", &m.BlockchainAccountID},
	} {
		e := v.Get(part.member)
		if !e.Exists() {
			continue
		}
		text, ok := e.Text()
		if !ok {
			return wrap(part.member, errString)
		}
		*part.to = text
		if part.to != &m.BlockchainAccountID {
			found++
		}
	}
	if found > 1 {
		return errors.New("a method holds several keys")
	}
	if found == 0 && m.BlockchainAccountID == "" {
		m.Value, _ = v.Get("value").Text()
	}
	return nil
}

// dateTime reads a dateTimeStamp (CID 1.0 section 2.2).
func dateTime(v strictjson.Value) (time.Time, error) {
	if !v.Exists() {
		return time.Time{}, nil
	}
	s, ok := v.Text()
	if !ok {
		return time.Time{}, errString
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil || t.IsZero() {
		return time.Time{}, errors.New("not a time with a zone")
	}
	return t.UTC(), nil
}

func (p *documentParser) service(v strictjson.Value) error {
	if v.Kind() != strictjson.Array {
		return errArray
	}
	p.doc.Service = make([]Service, 0, v.Len())
	seen := make(map[string]bool, v.Len())
	for e := range v.Elements() {
		if e.Kind() != strictjson.Object {
			return errObject
		}
		id, ok := e.Get("id").Text()
		switch {
		case !e.Get("id").Exists(): // allowed by CID 1.0 section 2.1.4
		case !ok || id == "":
			return wrap("id", errString)
		case id[0] == '#':
			id = p.doc.ID.s + id
		}
		if id != "" && seen[id] {
			return errDuplicate
		}
		seen[id] = true
		types, err := stringSet(e.Get("type"))
		if err != nil || len(types) == 0 {
			return wrap("type", errString)
		}
		endpoint := e.Get("serviceEndpoint")
		switch endpoint.Kind() {
		case strictjson.String, strictjson.Object, strictjson.Array:
		default:
			return errors.New("serviceEndpoint: neither a string, an object nor an array")
		}
		s := Service{ID: id, Type: types[0], Endpoint: bytes.Clone(endpoint.Raw()), Extra: extra(e, serviceMembers)}
		if len(types) > 1 {
			s.MoreTypes = types[1:]
		}
		p.doc.Service = append(p.doc.Service, s)
	}
	return nil
}
