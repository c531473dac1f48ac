// Package differential holds tests in which this library and others judge the same inputs: mutated presentations before npm's @sd-jwt,
// queries before npm's dcql, mutated JWS and keys before go-jose (behind internal/jose) and jwx (behind internal/jwks), what this library signs before these, the
// standard library and for secp256k1 go-ethereum. DIVERGENCES.md explains each class of disagreement. It has no code that anybody
// imports.
package differential
