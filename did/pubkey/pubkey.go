// Package pubkey holds public keys that know their algorithms.
package pubkey

import "context"

// Algorithm is a JOSE signature algorithm name.
type Algorithm string

// The algorithms.
const (
	ES256  Algorithm = "ES256"
	ES384  Algorithm = "ES384"
	ES256K Algorithm = "ES256K" // RFC 8812
	EdDSA  Algorithm = "EdDSA"
)

// Key is a screened public key, or an Ethereum address that stands for one. The zero value verifies nothing.
type Key struct{ k *key }

type key struct{}

// Signer signs with a private key that may live elsewhere.
type Signer interface {
	Public() Key
	// Sign returns the JOSE form of the signature (r||s for ECDSA) over input, which it hashes as a demands.
	Sign(ctx context.Context, a Algorithm, input []byte) ([]byte, error)
}
