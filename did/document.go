package did

import (
	"bytes"
	"encoding/json"
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
}

// Service is a service of a DID document (DID Core 1.0 section 5.4). Endpoint is a JSON string, object or array.
type Service struct {
	ID        string
	Type      string
	MoreTypes []string // further types, where a service has several
	Endpoint  json.RawMessage
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
	VerificationMethod   []methodJSON      `json:"verificationMethod,omitzero"`
	Authentication       []string          `json:"authentication,omitzero"`
	AssertionMethod      []string          `json:"assertionMethod,omitzero"`
	KeyAgreement         []string          `json:"keyAgreement,omitzero"`
	CapabilityInvocation []string          `json:"capabilityInvocation,omitzero"`
	CapabilityDelegation []string          `json:"capabilityDelegation,omitzero"`
	Service              []serviceJSON     `json:"service,omitzero"`
}

type methodJSON struct {
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
}

type serviceJSON struct {
	ID       string          `json:"id"`
	Type     any             `json:"type"`
	Endpoint json.RawMessage `json:"serviceEndpoint"`
}

// MarshalJSON writes the document in the data model of DID Core 1.0 section 5. Lists that are nil are left out, lists that are empty
// are written as such; @context is always an array; one controller is a string, several are an array.
func (d Document) MarshalJSON() ([]byte, error) {
	out := documentJSON{ID: d.ID.s, Controller: oneOrMany(d.Controller), AlsoKnownAs: d.AlsoKnownAs}
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
	if d.VerificationMethod != nil {
		out.VerificationMethod = make([]methodJSON, 0, len(d.VerificationMethod))
	}
	for _, m := range d.VerificationMethod {
		out.VerificationMethod = append(out.VerificationMethod, methodJSON{
			m.ID, m.Type, m.Controller, m.PublicKeyJwk, m.PublicKeyMultibase, m.PublicKeyHex, m.PublicKeyBase58, m.PublicKeyBase64,
			m.PublicKeyPem, m.BlockchainAccountID, m.Value, stamp(m.Expires), stamp(m.Revoked),
		})
	}
	for p, ids := range d.Relationships {
		if ids == nil {
			ids = []string{}
		}
		if slot := out.relationship(p); slot != nil {
			*slot = ids
		}
	}
	if d.Service != nil {
		out.Service = make([]serviceJSON, 0, len(d.Service))
	}
	for _, s := range d.Service {
		types := any(s.Type)
		if len(s.MoreTypes) > 0 {
			types = append([]string{s.Type}, s.MoreTypes...)
		}
		out.Service = append(out.Service, serviceJSON{s.ID, types, s.Endpoint})
	}
	return marshal(out)
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
