package did

import (
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
