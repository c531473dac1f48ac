// Package differential holds tests in which other libraries judge what this one signs, and this one and they judge the same inputs:
// jwx (behind internal/jwks), crypto/ecdsa and crypto/ed25519 with keys as go-jose reads them (behind internal/jose), and for secp256k1
// go-ethereum. It has no code that anybody imports.
package differential
