package did

import (
	"bytes"
	"slices"
)

const (
	typeJSONWebKey = "JsonWebKey"                       // CID 1.0 section 2.2.3
	contextJWK     = "https://w3id.org/security/jwk/v1" // defines it, for JSON-LD
	contextCID     = "https://www.w3.org/ns/cid/v1"     // does too, as does the context of DID Core 1.1
)

// JSONWebKeys returns a copy of the document in which every method with a usable key holds it as a publicKeyJwk, with the type JsonWebKey,
// for readers that know no other form. Ids, controllers, relationships and all else stay. A method without a usable key stays as it is,
// as does one that names an address: an address has no JWK.
func (d *Document) JSONWebKeys() *Document {
	out := *d
	out.VerificationMethod = slices.Clone(d.VerificationMethod)
	changed := false
	for i := range out.VerificationMethod {
		m := &out.VerificationMethod[i]
		pub, ok := m.key()
		if !ok {
			continue
		}
		jwk := bytes.Clone(m.PublicKeyJwk) // one that is there stays, with its "kid" and "use"
		if jwk == nil {
			jwk = pub.JWK()
		}
		if jwk == nil {
			continue
		}
		*m = Method{ID: m.ID, Type: typeJSONWebKey, Controller: m.Controller, PublicKeyJwk: jwk, Expires: m.Expires, Revoked: m.Revoked, Extra: m.Extra}
		changed = true
	}
	defined := func(c string) bool { return c == contextJWK || c == contextCID || c == contextV11 }
	if changed && len(d.Context) > 0 && !slices.ContainsFunc(d.Context, defined) {
		out.Context = append(slices.Clone(d.Context), contextJWK)
	}
	return &out
}
