package dcql

import (
	"crypto/x509"
	"encoding/base64"
	"slices"

	"github.com/khyer/khyer/internal/strictjson"
)

// Authority is a type of trusted authority and identifiers of that type (section 6.1.1).
type Authority struct {
	Type   string
	Values []string
}

// Types of trusted authorities.
const (
	AuthorityKeyID      = "aki"               // section 6.1.1.1: key identifiers, in base64url, of who signed a certificate of the issuer's chain
	AuthorityETSI       = "etsi_tl"           // section 6.1.1.2: identifiers of trusted lists
	AuthorityFederation = "openid_federation" // section 6.1.1.3: entity identifiers

	// AuthorityIssuer is a type of this library, named by a URI as no standard defines it: each value is the iss of an issuer whose cards are accepted,
	// a DID for example, compared with the candidate's claim iss as a string, without any normalisation. It tells a wallet which of
	// several cards to show. Send it only to wallets that are known to support it (Query.Knowing).
	AuthorityIssuer = "https://github.com/khyer/khyer#issuer"
)

// AuthorityKeyIDs returns what a chain of certificates, as it stands in a credential's header, answers to a trusted authority of type aki: the key
// identifiers of those who signed them, in base64url without padding. A chain says nothing before it is verified.
func AuthorityKeyIDs(chain []*x509.Certificate) Authority {
	a := Authority{Type: AuthorityKeyID}
	for _, c := range chain {
		if id := base64.RawURLEncoding.EncodeToString(c.AuthorityKeyId); id != "" && !slices.Contains(a.Values, id) {
			a.Values = append(a.Values, id)
		}
	}
	return a
}

// Knowing returns the query for somebody who knows only authorities of these types: for a wallet before it is sent, for a verifier who checks an
// answer. A credential query with an authority of another type comes without any: each of its authorities is an alternative, and
// with one left out a wallet would find no card where there is one. The query returned shares the rest with this one.
func (q *Query) Knowing(types ...string) *Query {
	out := &Query{Credentials: slices.Clone(q.Credentials), Sets: q.Sets}
	for i := range out.Credentials {
		c := &out.Credentials[i]
		if slices.ContainsFunc(c.Authorities, func(a Authority) bool { return !slices.Contains(types, a.Type) }) {
			c.Authorities = nil
		}
	}
	return out
}

// certified tells whether one of the authorities certifies the candidate's issuer.
func (c *Credential) certified(of *Candidate, claims strictjson.Value) bool {
	if len(c.Authorities) == 0 {
		return true
	}
	for _, want := range c.Authorities {
		if want.Type == AuthorityIssuer {
			if iss, ok := claims.Get("iss").Text(); ok && slices.Contains(want.Values, iss) {
				return true
			}
			continue
		}
		for _, have := range of.Authorities {
			if want.Type == have.Type && slices.ContainsFunc(want.Values, func(v string) bool { return slices.Contains(have.Values, v) }) {
				return true
			}
		}
	}
	return false
}
