package did

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"time"
)

// Document is a DID document (DID Core 1.0 section 5). Relationships hold absolute method ids; a method that was embedded in a
// relationship stands in VerificationMethod like any other.
type Document struct {
	// Context holds the JSON-LD contexts in order. An entry that begins with "{" is an inline context object in JSON text.
	Context            []string
	ID                 DID
	Controller         []string
	AlsoKnownAs        []string
	VerificationMethod []Method
	Relationships      map[Purpose][]string
	Service            []Service
	// Extra holds the members that are not known here, by name: a document that is passed on keeps them. No decision looks at them, and
	// a name that is known here is left out.
	Extra map[string]json.RawMessage
}

// Method is a verification method (DID Core 1.0 section 5.2, CID 1.0 section 2.2). At most one of the material members is set.
type Method struct {
	ID, Type, Controller string
	PublicKeyJwk         json.RawMessage
	PublicKeyMultibase   string
	PublicKeyHex         string
	PublicKeyBase58      string
	PublicKeyBase64      string
	PublicKeyPem         string
	BlockchainAccountID  string
	// Value is what the stock did:ethr resolver writes for an encoding that it does not know. It gives no key.
	Value string
	// Expires and Revoked are the members of CID 1.0 section 2.2; zero means absent.
	Expires, Revoked time.Time
	Extra            map[string]json.RawMessage // as in Document; private keys are never among them
}

// Service is a service of a DID document (DID Core 1.0 section 5.4). ID may be empty (CID 1.0 section 2.1.4). Endpoint is a JSON string,
// object or array.
type Service struct {
	ID        string
	Type      string
	MoreTypes []string // further types, where a service has several
	Endpoint  json.RawMessage
	Extra     map[string]json.RawMessage // as in Document
}

// purposes in the order in which documents show them.
var purposes = []Purpose{Authentication, AssertionMethod, KeyAgreement, CapabilityInvocation, CapabilityDelegation}

// The members in the order of DID Core's examples. A nil slice is left out, an empty one is written: a deactivated did:ethr document
// shows its empty lists.
type documentJSON struct {
	Context              []json.RawMessage `json:"@context,omitzero"`
	ID                   string            `json:"id"`
	Controller           any               `json:"controller,omitempty"`
	AlsoKnownAs          []string          `json:"alsoKnownAs,omitzero"`
	VerificationMethod   []Method          `json:"verificationMethod,omitzero"`
	Authentication       []string          `json:"authentication,omitzero"`
	AssertionMethod      []string          `json:"assertionMethod,omitzero"`
	KeyAgreement         []string          `json:"keyAgreement,omitzero"`
	CapabilityInvocation []string          `json:"capabilityInvocation,omitzero"`
	CapabilityDelegation []string          `json:"capabilityDelegation,omitzero"`
	Service              []Service         `json:"service,omitzero"`
}

// MarshalJSON writes the document in the data model of DID Core 1.0 section 5. Lists that are nil are left out, lists that are empty
// are written as such; @context is always an array; one controller is a string, several are an array.
func (d Document) MarshalJSON() ([]byte, error) {
	out := documentJSON{
		ID: d.ID.s, Controller: oneOrMany(d.Controller), AlsoKnownAs: d.AlsoKnownAs, VerificationMethod: d.VerificationMethod, Service: d.Service,
	}
	if d.Context != nil {
		out.Context = make([]json.RawMessage, 0, len(d.Context))
	}
	for _, c := range d.Context {
		raw := json.RawMessage(c)
		if len(c) == 0 || c[0] != '{' {
			var err error
			if raw, err = json.Marshal(c); err != nil {
				return nil, err
			}
		}
		out.Context = append(out.Context, raw)
	}
	for p, ids := range d.Relationships {
		if ids == nil {
			ids = []string{}
		}
		if slot := out.relationship(p); slot != nil {
			*slot = ids
		}
	}
	return marshalWith(out, d.Extra, documentMembers)
}

// The members that are known here.
var (
	documentMembers = []string{
		"@context", "id", "controller", "alsoKnownAs", "verificationMethod", "authentication", "assertionMethod", "keyAgreement",
		"capabilityInvocation", "capabilityDelegation", "service",
	}
	methodMembers = []string{
		"id", "type", "controller", "publicKeyJwk", "publicKeyMultibase", "publicKeyHex", "publicKeyBase58", "publicKeyBase64", "publicKeyPem",
		"blockchainAccountId", "value", "expires", "revoked",
	}
	serviceMembers = []string{"id", "type", "serviceEndpoint"}
)

// MarshalJSON writes the method as a document holds it.
func (m Method) MarshalJSON() ([]byte, error) {
	return marshalWith(struct {
		ID                  string          `json:"id"`
		Type                string          `json:"type,omitempty"`
		Controller          string          `json:"controller"`
		PublicKeyJwk        json.RawMessage `json:"publicKeyJwk,omitempty"`
		PublicKeyMultibase  string          `json:"publicKeyMultibase,omitempty"`
		PublicKeyHex        string          `json:"publicKeyHex,omitempty"`
		PublicKeyBase58     string          `json:"publicKeyBase58,omitempty"`
		PublicKeyBase64     string          `json:"publicKeyBase64,omitempty"`
		PublicKeyPem        string          `json:"publicKeyPem,omitempty"`
		BlockchainAccountID string          `json:"blockchainAccountId,omitempty"`
		Value               string          `json:"value,omitempty"`
		Expires             string          `json:"expires,omitempty"`
		Revoked             string          `json:"revoked,omitempty"`
	}{
		m.ID, m.Type, m.Controller, m.PublicKeyJwk, m.PublicKeyMultibase, m.PublicKeyHex, m.PublicKeyBase58, m.PublicKeyBase64,
		m.PublicKeyPem, m.BlockchainAccountID, m.Value, stamp(m.Expires), stamp(m.Revoked),
	}, m.Extra, methodMembers)
}

// MarshalJSON writes the service as a document holds it.
func (s Service) MarshalJSON() ([]byte, error) {
	types := any(s.Type)
	if len(s.MoreTypes) > 0 {
		types = append([]string{s.Type}, s.MoreTypes...)
	}
	return marshalWith(struct {
		ID       string          `json:"id,omitempty"`
		Type     any             `json:"type"`
		Endpoint json.RawMessage `json:"serviceEndpoint"`
	}{s.ID, types, s.Endpoint}, s.Extra, serviceMembers)
}

// marshalWith writes a struct that has at least one member and after it the further ones, in the order of their names.
func marshalWith(v any, extra map[string]json.RawMessage, known []string) ([]byte, error) {
	text, err := marshal(v)
	if err != nil || len(extra) == 0 {
		return text, err
	}
	text = text[:len(text)-1]
	for _, name := range slices.Sorted(maps.Keys(extra)) {
		if slices.Contains(known, name) {
			continue
		}
		key, err := marshal(name)
		if err != nil {
			return nil, err
		}
		if !json.Valid(extra[name]) {
			return nil, errors.New("a further member is no JSON")
		}
		text = append(append(append(append(text, ','), key...), ':'), extra[name]...)
	}
	return append(text, '}'), nil
}

// marshal is json.Marshal without escapes for the <, > and & of a URL.
func marshal(v any) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n")), nil
}

func (d *documentJSON) relationship(p Purpose) *[]string {
	switch p {
	case Authentication:
		return &d.Authentication
	case AssertionMethod:
		return &d.AssertionMethod
	case KeyAgreement:
		return &d.KeyAgreement
	case CapabilityInvocation:
		return &d.CapabilityInvocation
	case CapabilityDelegation:
		return &d.CapabilityDelegation
	}
	return nil
}

func oneOrMany(s []string) any {
	switch len(s) {
	case 0:
		return nil
	case 1:
		return s[0]
	}
	return s
}

// stamp writes a dateTimeStamp of XML Schema 1.1 part 2.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}
