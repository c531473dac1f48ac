package jwks

import (
	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jwk"
	"github.com/lestrrat-go/jwx/v2/jws"

	"github.com/khyer/khyer/did/pubkey"
)

// VerifyCompact is a second opinion about a whole JWS, for tests that compare it with ours: jwx's own reading of header, signature and
// key (JWK), with nothing of ours before it. It panics on some keys.
func VerifyCompact(text string, a pubkey.Algorithm, doc []byte) error {
	k, err := jwk.ParseKey(doc)
	if err != nil {
		return err
	}
	_, err = jws.Verify([]byte(text), jws.WithKey(jwa.SignatureAlgorithm(a), k))
	return err
}
