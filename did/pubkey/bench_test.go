package pubkey

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	koblitzdsa "github.com/decred/dcrd/dcrec/secp256k1/v4/ecdsa"

	"github.com/khyer/khyer/internal/strictjson"
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
			beside(b, func() bool { return k.Verify(a, input, sig) == nil }, floor(b, k, a, input, sig))
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

// beside runs work and its floor in turn, so that other load hits both, and reports the times and the ratio. The allocations of work
// alone are reported, those of the floor as "floor-allocs/op".
func beside(b *testing.B, work, floor func() bool) {
	b.Helper()
	floorAllocs := testing.AllocsPerRun(100, func() { floor() })
	allocs := testing.AllocsPerRun(100, func() { work() })
	size := bytesPerRun(work)
	var ours, theirs time.Duration
	for b.Loop() {
		t0 := time.Now()
		ok := floor()
		t1 := time.Now()
		ok2 := work()
		ours, theirs = ours+time.Since(t1), theirs+t1.Sub(t0)
		if !ok || !ok2 {
			b.Fatal("not the complete result")
		}
	}
	n := float64(b.N)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(ours.Nanoseconds())/n, "work-ns/op")
	b.ReportMetric(float64(theirs.Nanoseconds())/n, "floor-ns/op")
	b.ReportMetric(float64(ours)/float64(theirs), "ratio")
	b.ReportMetric(allocs, "work-allocs/op")
	b.ReportMetric(floorAllocs, "floor-allocs/op")
	b.ReportMetric(size, "work-B/op")
}

// bytesPerRun measures what a call of work allocates.
func bytesPerRun(work func() bool) float64 {
	const runs = 100
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for range runs {
		work()
	}
	runtime.ReadMemStats(&after)
	return float64(after.TotalAlloc-before.TotalAlloc) / runs
}

// ParseJWK beside what the libraries below take to make a checked key of a point that lies ready.
func BenchmarkParseJWK(b *testing.B) {
	for _, a := range algorithms {
		b.Run(string(a), func(b *testing.B) {
			want := generate(b, a).Public()
			doc := []byte(strings.Replace(string(want.JWK()), "{", `{"kid":"holder-1","use":"sig",`, 1))
			if _, err := ParseJWK(append([]byte{'['}, doc...)); err == nil {
				b.Fatal("a broken document is accepted")
			}
			work := func() bool {
				k, err := ParseJWK(doc)
				return err == nil && k.Equal(want)
			}
			form := want.k.form()
			bare := func() bool { return true }
			switch a {
			case ES256, ES384:
				bare = func() bool {
					pub, err := ecdsa.ParseUncompressedPublicKey(want.k.curve.params, form)
					return err == nil && pub != nil
				}
			case ES256K:
				bare = func() bool {
					pub, err := secp256k1.ParsePubKey(form)
					return err == nil && pub != nil
				}
			case EdDSA: // nothing public below checks a point of edwards25519
				bare = func() bool { return screenEdwards(form) == nil }
			}
			beside(b, work, bare)
		})
	}
}

// FromValue is what a presentation costs: its payload has been parsed already.
func BenchmarkFromValue(b *testing.B) {
	want := generate(b, ES256).Public()
	v, err := strictjson.Parse(want.JWK(), strictjson.Limits{})
	if err != nil {
		b.Fatal(err)
	}
	form := want.k.form()
	beside(b, func() bool {
		k, err := FromValue(strictjson.Inside{}, v)
		return err == nil && k.Equal(want)
	}, func() bool {
		pub, err := ecdsa.ParseUncompressedPublicKey(want.k.curve.params, form)
		return err == nil && pub != nil
	})
}

// Sign beside the bare call of the library below.
func BenchmarkSign(b *testing.B) {
	input := make([]byte, 1000)
	for _, a := range []Algorithm{ES256, ES384, EdDSA} {
		b.Run(string(a), func(b *testing.B) {
			var private crypto.Signer
			bare := func() bool { return true }
			switch a {
			case ES256, ES384:
				c, hash := elliptic.P256(), func() []byte { h := sha256.Sum256(input); return h[:] }
				if a == ES384 {
					c, hash = elliptic.P384(), func() []byte { h := sha512.Sum384(input); return h[:] }
				}
				priv, err := ecdsa.GenerateKey(c, rand.Reader)
				if err != nil {
					b.Fatal(err)
				}
				private, bare = priv, func() bool {
					sig, err := ecdsa.SignASN1(rand.Reader, priv, hash())
					return err == nil && len(sig) > 0
				}
			case EdDSA:
				_, priv, err := ed25519.GenerateKey(rand.Reader)
				if err != nil {
					b.Fatal(err)
				}
				private, bare = priv, func() bool { return len(ed25519.Sign(priv, input)) == ed25519.SignatureSize }
			}
			s, err := FromCrypto(private)
			if err != nil {
				b.Fatal(err)
			}
			sig := sign(b, s, a, input)
			if s.Public().Verify(a, input, sig) != nil || s.Public().Verify(a, input[1:], sig) == nil {
				b.Fatal("the signature does not cover the input")
			}
			ctx := b.Context()
			beside(b, func() bool {
				sig, err := s.Sign(ctx, a, input)
				return err == nil && len(sig) > 0
			}, bare)
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
