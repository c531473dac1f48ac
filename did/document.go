package did

import "encoding/json"

// Document is a DID document (DID Core 1.0 section 5). Relationships hold absolute method ids; a method that was embedded in a
// relationship stands in VerificationMethod like any other.
type Document struct {
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
}

// Service is a service of a DID document (DID Core 1.0 section 5.4). Endpoint is a JSON string, object or array.
type Service struct {
	ID       string
	Type     string
	Endpoint json.RawMessage
}
