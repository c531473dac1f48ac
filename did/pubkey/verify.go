package pubkey

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/sha512"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	koblitzdsa "github.com/decred/dcrd/dcrec/secp256k1/v4/ecdsa"
)

// Verify checks a signature in JOSE form over input, which it hashes as a demands (RFC 7518 section 3.4, RFC 8037 section 3.1, RFC
// 8812 section 3.2). The algorithm must be the key's own; the length of sig must be exact; r and s lie between 1 and the order.
//
// ECDSA signatures with a high s are accepted, for neither RFC 7518 section 3.4 nor RFC 8812 section 3.2 forbids them, and real signers
// make them: do not use a signature's bytes as an identifier. Ed25519 has one form only, S below the order (RFC 8032 section 5.1.7). An
// address is checked by recovering the key, from 65 bytes (r, s and the recovery id 0, 1, 27 or 28) or from 64 bytes, trying both ids;
// there s must be low, as in Ethereum since EIP-2.
func (k Key) Verify(a Algorithm, input, sig []byte) error {
	if k.k == nil || k.k.noSign || a == "" || k.k.curve.alg != a {
		return fail(AlgorithmMismatch)
	}
	ok := false
	switch k.k.curve {
	case p256:
		if len(sig) == 64 {
			h := sha256.Sum256(input)
			ok = verifyNIST(&k.k.nist, h[:], sig)
		}
	case p384:
		if len(sig) == 96 {
			h := sha512.Sum384(input)
			ok = verifyNIST(&k.k.nist, h[:], sig)
		}
	case koblitz:
		ok = verifyKoblitz(k.k.koblitz, input, sig)
	case edwards:
		ok = len(sig) == ed25519.SignatureSize && ed25519.Verify(k.k.form(), input, sig)
	case address:
		ok = recovers([20]byte(k.k.form()), input, sig)
	}
	if !ok {
		return fail(SignatureInvalid)
	}
	return nil
}

// verifyNIST hands r and s to crypto/ecdsa, whose only public entry that takes no detour through big.Int reads DER. The detour costs
// under 1 %. crypto/ecdsa checks the point again each time (about 0.5 %); there is no public way around that.
func verifyNIST(pub *ecdsa.PublicKey, hash, sig []byte) bool {
	// Two integers of at most 49 bytes: 102 bytes of content, so every length has one byte. crypto/ecdsa lets its argument escape, so
	// this is the one allocation of ours, and no longer than it has to be.
	n := len(sig) / 2
	der := append(make([]byte, 0, 2+2*(3+n)), 0x30, 0)
	der = appendInteger(der, sig[:n])
	der = appendInteger(der, sig[n:])
	der[1] = byte(len(der) - 2)
	return ecdsa.VerifyASN1(pub, hash, der)
}

// appendInteger writes a DER INTEGER (X.690 sections 8.3 and 10) from an unsigned big-endian number.
func appendInteger(der, b []byte) []byte {
	for len(b) > 1 && b[0] == 0 {
		b = b[1:]
	}
	if b[0]&0x80 != 0 {
		der = append(der, 2, byte(len(b)+1), 0)
	} else {
		der = append(der, 2, byte(len(b)))
	}
	return append(der, b...)
}

// scalars reads r and s, each between 1 and the order of secp256k1.
func scalars(sig []byte) (r, s secp256k1.ModNScalar, ok bool) {
	if r.SetByteSlice(sig[:32]) || s.SetByteSlice(sig[32:64]) { // true means too large
		return r, s, false
	}
	return r, s, !r.IsZero() && !s.IsZero()
}

func verifyKoblitz(pub *secp256k1.PublicKey, input, sig []byte) bool {
	if len(sig) != 64 {
		return false
	}
	r, s, ok := scalars(sig)
	if !ok {
		return false
	}
	h := sha256.Sum256(input)
	return koblitzdsa.NewSignature(&r, &s).Verify(h[:], pub)
}

// recovers reports whether the key that made sig has that address. Recovery gives a key under which sig is valid, so comparing the
// addresses is the whole check.
func recovers(want [20]byte, input, sig []byte) bool {
	if len(sig) != 64 && len(sig) != 65 {
		return false
	}
	_, s, ok := scalars(sig)
	if !ok || s.IsOverHalfOrder() {
		return false
	}
	ids := []byte{0, 1}
	if len(sig) == 65 {
		id := sig[64]
		if id == 27 || id == 28 {
			id -= 27
		}
		if id > 1 {
			return false
		}
		ids = []byte{id}
	}
	h := sha256.Sum256(input)
	var compact [65]byte
	copy(compact[1:], sig[:64])
	for _, id := range ids {
		compact[0] = 27 + id
		pub, _, err := koblitzdsa.RecoverCompact(compact[:], h[:])
		if err == nil && addressOf(pub.SerializeUncompressed()[1:]) == want {
			return true
		}
	}
	return false
}
