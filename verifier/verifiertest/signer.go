package verifiertest

import (
	"bytes"
	"context"
	"encoding/binary"
	"math/big"
	"sync"
	"testing"

	"github.com/khyer/khyer/did/pubkey"
)

// Signer checks an implementation of pubkey.Signer, such as a client of an HSM or a KMS. It makes some 600 signatures with the key.
//
// What it holds a signer to: it signs by the algorithms of its public key and no other; a signature is the JOSE form (RFC 7518 section 3.4: r and s of
// fixed length, one after the other; for secp256k1 with the lower s) over the input as it came, and belongs to the caller; an error never comes with a
// signature; and all of it by many callers at once.
func Signer(t testing.TB, s pubkey.Signer) {
	t.Helper()
	public := s.Public()
	if public.IsZero() || len(public.Algorithms()) == 0 {
		t.Fatal("the public key is missing, or can verify nothing")
	}
	for _, alg := range public.Algorithms() {
		signs(t, s, alg)
		manyAtOnce(t, s, alg)
	}
	if !s.Public().Equal(public) {
		t.Error("the public key has changed")
	}
	for _, alg := range []pubkey.Algorithm{pubkey.ES256, pubkey.ES384, pubkey.ES256K, pubkey.EdDSA, "ES512", "RS256", "HS256", "none", "es256", ""} {
		if has(public, alg) {
			continue
		}
		if sig, err := s.Sign(t.Context(), alg, []byte("input")); err == nil || sig != nil {
			t.Errorf("it signed by %q, which its key does not have", alg)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	sig, err := s.Sign(ctx, public.Algorithms()[0], []byte("input"))
	if err != nil && sig != nil {
		t.Error("an error came with a signature")
	}
	if err == nil && public.Verify(public.Algorithms()[0], []byte("input"), sig) != nil {
		t.Error("for a context that has ended it gave neither an error nor a signature")
	}
}

func has(k pubkey.Key, alg pubkey.Algorithm) bool {
	for _, a := range k.Algorithms() {
		if a == alg {
			return true
		}
	}
	return false
}

// signs makes signatures over inputs of every size.
func signs(t testing.TB, s pubkey.Signer, alg pubkey.Algorithm) {
	t.Helper()
	for _, size := range []int{0, 1, 31, 32, 33, 64, 1000, 200_000} {
		input := bytes.Repeat([]byte{'.'}, size)
		kept := bytes.Clone(input)
		sig, err := s.Sign(t.Context(), alg, input)
		if err != nil {
			t.Errorf("%s, %d bytes: %v", alg, size, err)
			return
		}
		if !bytes.Equal(input, kept) {
			t.Errorf("%s: it changed its input", alg)
		}
		wellFormed(t, s.Public(), alg, kept, sig)
		if s.Public().Verify(alg, append(kept, '.'), sig) == nil {
			t.Errorf("%s: its signature is one over another input too", alg)
		}
	}
}

// wellFormed checks one signature.
func wellFormed(t testing.TB, public pubkey.Key, alg pubkey.Algorithm, input, sig []byte) {
	t.Helper()
	if want := map[pubkey.Algorithm]int{pubkey.ES256: 64, pubkey.ES256K: 64, pubkey.EdDSA: 64, pubkey.ES384: 96}[alg]; want != 0 && len(sig) != want {
		t.Errorf("%s: a signature of %d bytes, want %d: r and s, each of the length of the curve's order", alg, len(sig), want)
		return
	}
	if alg == pubkey.ES256K && new(big.Int).SetBytes(sig[32:]).Cmp(halfOrder) > 0 {
		t.Errorf("%s: s is the higher one of two, which Ethereum and some verifiers refuse", alg)
	}
	if err := public.Verify(alg, input, sig); err != nil {
		t.Errorf("%s: its signature over %d bytes does not verify: %v", alg, len(input), err)
	}
}

// halfOrder is half the order of secp256k1 (SEC 2 section 2.4.1).
var halfOrder = func() *big.Int {
	n, _ := new(big.Int).SetString("FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141", 16)
	return n.Rsh(n, 1)
}()

// manyAtOnce makes so many signatures that one with a leading zero in r or s is among them, nearly always: some write those shorter.
func manyAtOnce(t testing.TB, s pubkey.Signer, alg pubkey.Algorithm) {
	t.Helper()
	const callers, each = 16, 36
	var all sync.WaitGroup
	for n := range callers {
		all.Go(func() {
			for i := range each {
				input := binary.BigEndian.AppendUint32([]byte("caller "), uint32(n*each+i))
				sig, err := s.Sign(t.Context(), alg, input)
				if err != nil {
					t.Errorf("%s, one of many callers: %v", alg, err)
					return
				}
				wellFormed(t, s.Public(), alg, input, sig)
				clear(sig) // it is the caller's
			}
		})
	}
	all.Wait()
}
