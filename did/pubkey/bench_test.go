package pubkey

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/sha512"
	"testing"
	"time"

	koblitzdsa "github.com/decred/dcrd/dcrec/secp256k1/v4/ecdsa"
)

// Verify beside its floor, the bare call of the library below with a key and a signature that are already in its form. Both run in
// turn, so that other load hits both; "ratio" is what counts.
func BenchmarkVerify(b *testing.B) {
	input := make([]byte, 1000)
	for _, a := range algorithms {
		b.Run(string(a), func(b *testing.B) {
			s := generate(b, a)
			k, sig := s.Public(), sign(b, s, a, input)
			bad := append([]byte(nil), sig...)
			bad[len(bad)-1] ^= 1
			if k.Verify(a, input, bad) == nil {
				b.Fatal("a flipped bit is accepted")
			}
			bare := floor(b, k, a, input, sig)
			var ours, theirs time.Duration
			b.ReportAllocs()
			for b.Loop() {
				t0 := time.Now()
				ok := bare()
				t1 := time.Now()
				err := k.Verify(a, input, sig)
				ours, theirs = ours+time.Since(t1), theirs+t1.Sub(t0)
				if !ok || err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(ours.Nanoseconds())/float64(b.N), "verify-ns/op")
			b.ReportMetric(float64(theirs.Nanoseconds())/float64(b.N), "floor-ns/op")
			b.ReportMetric(float64(ours)/float64(theirs), "ratio")
		})
	}
}

func floor(b *testing.B, k Key, a Algorithm, input, sig []byte) func() bool {
	b.Helper()
	switch a {
	case ES256, ES384:
		n := len(sig) / 2
		der := appendInteger(appendInteger([]byte{0x30, 0}, sig[:n]), sig[n:])
		der[1] = byte(len(der) - 2)
		pub := k.Public().(*ecdsa.PublicKey)
		if a == ES384 {
			return func() bool { h := sha512.Sum384(input); return ecdsa.VerifyASN1(pub, h[:], der) }
		}
		return func() bool { h := sha256.Sum256(input); return ecdsa.VerifyASN1(pub, h[:], der) }
	case ES256K:
		r, s, _ := scalars(sig)
		ready := koblitzdsa.NewSignature(&r, &s)
		return func() bool { h := sha256.Sum256(input); return ready.Verify(h[:], k.k.koblitz) }
	case EdDSA:
		pub := k.Public().(ed25519.PublicKey)
		return func() bool { return ed25519.Verify(pub, input, sig) }
	}
	b.Fatal("no floor")
	return nil
}

func BenchmarkVerifyAllocs(b *testing.B) {
	s := generate(b, ES256)
	k, sig := s.Public(), sign(b, s, ES256, []byte("input"))
	b.ReportAllocs()
	for b.Loop() {
		if k.Verify(ES256, []byte("input"), sig) != nil {
			b.Fatal("refused")
		}
	}
}

func BenchmarkParseJWK(b *testing.B) {
	for _, a := range algorithms {
		doc := generate(b, a).Public().JWK()
		b.Run(string(a), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := ParseJWK(doc); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkParseMultikey(b *testing.B) {
	for _, a := range algorithms {
		doc, _ := generate(b, a).Public().Multikey()
		b.Run(string(a), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := ParseMultikey(doc); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
