//go:build unix

package verifier_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/khyer/khyer/credential"
	"github.com/khyer/khyer/did/pubkey"
	"github.com/khyer/khyer/disclosure"
)

// The benchmarks print, beside the time of the work, its ratio to a floor measured in turn with it in the same run: for Verify two
// bare P-256 verifications, for Issue and Present one bare signature. Times are process CPU time; the ratio is the median of ten
// rounds. Each asserts a complete result and that a flipped byte is rejected.

func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// ratio runs work and floor in turn and reports work's time and the median of their ratios.
func ratio(b *testing.B, work, floor func()) {
	b.Helper()
	const rounds = 10
	per := max(b.N/rounds, 1)
	var ratios []float64
	var worked time.Duration
	b.ReportAllocs()
	b.ResetTimer()
	for range rounds {
		from := cpu()
		for range per {
			work()
		}
		w := cpu() - from
		b.StopTimer()
		from = cpu()
		for range per {
			floor()
		}
		f := cpu() - from
		b.StartTimer()
		worked += w
		ratios = append(ratios, float64(w)/float64(max(f, 1)))
	}
	b.StopTimer()
	slices.Sort(ratios)
	b.ReportMetric((ratios[4]+ratios[5])/2, "x-floor")
	b.ReportMetric(float64(worked.Nanoseconds())/float64(rounds*per), "cpu-ns/op")
}

func bareVerify(tb testing.TB) func() {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	h := sha256.Sum256([]byte("floor"))
	sig, _ := ecdsa.SignASN1(rand.Reader, key, h[:])
	return func() {
		for range 2 {
			if !ecdsa.VerifyASN1(&key.PublicKey, h[:], sig) {
				panic("floor")
			}
		}
	}
}

func bareSign(tb testing.TB) func() {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	h := sha256.Sum256([]byte("floor"))
	return func() {
		if _, err := ecdsa.SignASN1(rand.Reader, key, h[:]); err != nil {
			panic(err)
		}
	}
}

func claimsOf(n int) (json.RawMessage, []disclosure.Path) {
	m, paths := map[string]string{}, []disclosure.Path{}
	for i := range n {
		name := fmt.Sprintf("Claim %02d", i)
		m[name] = fmt.Sprintf("value of the claim %02d", i)
		paths = append(paths, disclosure.Path{name})
	}
	raw, _ := json.Marshal(m)
	return raw, paths
}

func BenchmarkVerify(b *testing.B) {
	for _, c := range []struct{ show, of int }{{3, 12}, {20, 20}, {100, 100}} {
		b.Run(fmt.Sprintf("%d-of-%d", c.show, c.of), func(b *testing.B) {
			ctx := context.Background()
			w := newWorld(b)
			v := w.verifier()
			raw, paths := claimsOf(c.of)
			show := paths[:c.show]
			w.expect.Claims = show
			issuer, err := credential.NewIssuer(credential.IssuerConfig{ID: registry, KeyID: "#key-1", Signer: w.registry, Now: w.config.Now})
			if err != nil {
				b.Fatal(err)
			}
			// A fresh holder key for every presentation: nothing derived from one may help with another.
			count := max(b.N/10, 1) * 10
			type shown struct {
				p     []byte
				nonce string
			}
			ready := make([]shown, 0, count+1)
			for range count + 1 {
				citizen, _ := pubkey.Generate(pubkey.ES256)
				card, err := issuer.Issue(ctx, credential.Card{Type: idCard, Claims: raw, Conceal: disclosure.ConcealOptions{Paths: paths}, Holder: citizen.Public(), Expires: now.Add(time.Hour)})
				if err != nil {
					b.Fatal(err)
				}
				nonce := rand.Text()
				p, err := credential.NewHolder(citizen).PresentSDJWT(ctx, card, credential.Showing{Reveal: show, Audience: agency, Nonce: nonce, At: now})
				if err != nil {
					b.Fatal(err)
				}
				ready = append(ready, shown{p, nonce})
			}
			flipped := slices.Clone(ready[count].p)
			flipped[len(flipped)/2] ^= 1
			w.expect.Nonce = ready[count].nonce
			if _, err := v.Verify(ctx, flipped, w.expect); err == nil {
				b.Fatal("a flipped byte was accepted")
			}
			i := 0
			ratio(b, func() {
				w.expect.Nonce = ready[i].nonce
				res, err := v.Verify(ctx, ready[i].p, w.expect)
				i++
				if err != nil {
					panic(err)
				}
				if _, ok := res.Cards[0].Claim(show[len(show)-1]); !ok {
					panic("incomplete result")
				}
			}, bareVerify(b))
		})
	}
}

func BenchmarkIssue12(b *testing.B) {
	w := newWorld(b)
	issuer, _ := credential.NewIssuer(credential.IssuerConfig{ID: registry, KeyID: "#key-1", Signer: w.registry})
	raw, paths := claimsOf(12)
	card := credential.Card{Type: idCard, Claims: raw, Conceal: disclosure.ConcealOptions{Paths: paths}, Holder: w.citizen.Public()}
	ratio(b, func() {
		if _, err := issuer.Issue(context.Background(), card); err != nil {
			panic(err)
		}
	}, bareSign(b))
}

func BenchmarkPresent3of12(b *testing.B) {
	w := newWorld(b)
	issuer, _ := credential.NewIssuer(credential.IssuerConfig{ID: registry, KeyID: "#key-1", Signer: w.registry})
	raw, paths := claimsOf(12)
	sdjwt, err := issuer.Issue(context.Background(), credential.Card{Type: idCard, Claims: raw, Conceal: disclosure.ConcealOptions{Paths: paths}, Holder: w.citizen.Public()})
	if err != nil {
		b.Fatal(err)
	}
	holder := credential.NewHolder(w.citizen)
	card, err := holder.Receive(sdjwt, w.registry.Public(), time.Now())
	if err != nil {
		b.Fatal(err)
	}
	ratio(b, func() {
		if _, err := holder.Present(context.Background(), card, credential.Showing{Reveal: paths[:3], Audience: agency, Nonce: "n", At: now}); err != nil {
			panic(err)
		}
	}, bareSign(b))
}
