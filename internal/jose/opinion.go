package jose

import "github.com/go-jose/go-jose/v4"

// VerifyCompact is a second opinion about a whole JWS, for tests that compare it with ours: go-jose's own reading of header, signature
// and key (JWK), with nothing of ours before it.
func VerifyCompact(jws string, jwk []byte) error {
	var k jose.JSONWebKey
	if err := k.UnmarshalJSON(jwk); err != nil {
		return err
	}
	o, err := jose.ParseSignedCompact(jws, []jose.SignatureAlgorithm{jose.ES256, jose.ES384, jose.EdDSA})
	if err != nil {
		return err
	}
	_, err = o.Verify(&k)
	return err
}
