//go:build unix

package verifier_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/khyer/khyer/credential"
	"github.com/khyer/khyer/did/pubkey"
	"github.com/khyer/khyer/disclosure"
	"github.com/khyer/khyer/verifier"
)

// The benchmarks print, beside the time of the work, its ratio (x-floor) to a floor measured in turn with it in the same run: for
// Verify two bare P-256 verifications, for Issue and Present one bare signature, for a refusal an acceptance, for ten thousand
// disclosures one thousand, for junk one look at each byte. Times are process CPU time; the ratio is the median of ten rounds. Each
// asserts a complete result, and that a flipped byte is rejected.
//
//	go test ./verifier -run '^$' -bench . -benchtime 3000x

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
	ratioOf(b, max(b.N/rounds, 1), work, floor)
}

const rounds = 10

// ratioOf is ratio with so many repetitions in each round.
func ratioOf(b *testing.B, per int, work, floor func()) {
	b.Helper()
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
	b.ReportMetric(median(ratios), "x-floor")
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

// showings makes presentations that are all good, each from a citizen of its own and with its own nonce: nothing derived from one may
// help with another.
func showings(b *testing.B, w *world, count, of int, show []disclosure.Path, expires time.Time) []showing {
	b.Helper()
	ctx := context.Background()
	raw, paths := claimsOf(of)
	issuer, err := credential.NewIssuer(credential.IssuerConfig{ID: registry, KeyID: "#key-1", Signer: w.registry, Now: w.config.Now})
	if err != nil {
		b.Fatal(err)
	}
	out := make([]showing, 0, count)
	for range count {
		citizen, err := pubkey.Generate(pubkey.ES256)
		if err != nil {
			b.Fatal(err)
		}
		card, err := issuer.Issue(ctx, credential.Card{Type: idCard, Claims: raw, Conceal: disclosure.ConcealOptions{Paths: paths}, Holder: citizen.Public(), Expires: expires})
		if err != nil {
			b.Fatal(err)
		}
		nonce := rand.Text()
		p, err := credential.NewHolder(citizen).PresentSDJWT(ctx, card, credential.Showing{Reveal: show, Audience: agency, Nonce: nonce, At: now})
		if err != nil {
			b.Fatal(err)
		}
		out = append(out, showing{p, nonce})
	}
	return out
}

type showing struct {
	p     []byte
	nonce string
}

// accept panics unless s is accepted with all that was asked for.
func accept(v *verifier.Verifier, e verifier.Expect, s showing) {
	e.Nonce = s.nonce
	res, err := v.Verify(context.Background(), s.p, e)
	if err != nil {
		panic(err)
	}
	if _, ok := res.Cards[0].Claim(e.Claims[len(e.Claims)-1]); !ok {
		panic("incomplete result")
	}
}

func mustNotAcceptFlipped(b *testing.B, v *verifier.Verifier, e verifier.Expect, s showing) {
	b.Helper()
	flipped := slices.Clone(s.p)
	flipped[len(flipped)/2] ^= 1
	e.Nonce = s.nonce
	if _, err := v.Verify(context.Background(), flipped, e); err == nil {
		b.Fatal("a flipped byte was accepted")
	}
}

func BenchmarkVerify(b *testing.B) {
	for _, c := range []struct{ show, of int }{{3, 12}, {20, 20}, {100, 100}} {
		b.Run(fmt.Sprintf("%d-of-%d", c.show, c.of), func(b *testing.B) {
			w := newWorld(b)
			v := w.verifier()
			_, paths := claimsOf(c.of)
			w.expect.Claims = paths[:c.show]
			ready := showings(b, w, max(b.N/rounds, 1)*rounds+1, c.of, w.expect.Claims, now.Add(time.Hour))
			mustNotAcceptFlipped(b, v, w.expect, ready[0])
			i := 0
			ratio(b, func() { i++; accept(v, w.expect, ready[i]) }, bareVerify(b))
		})
	}
}

// Cheap checks come first: a wrong presentation costs a small part of a good one, and no curve.
func BenchmarkRefuse(b *testing.B) {
	for _, c := range []struct {
		name    string
		want    verifier.Reason
		expires time.Duration
		spoil   func(*verifier.Expect, *showing)
	}{
		{"audience", credential.AudienceMismatch, time.Hour, func(e *verifier.Expect, _ *showing) { e.Audience = "https://other.example" }},
		{"nonce", credential.NonceMismatch, time.Hour, func(e *verifier.Expect, _ *showing) { e.Nonce = "another" }},
		{"sd_hash", credential.HashMismatch, time.Hour, func(_ *verifier.Expect, s *showing) {
			first := bytes.IndexByte(s.p, '~') // the first disclosure is taken away
			next := first + 1 + bytes.IndexByte(s.p[first+1:], '~')
			s.p = slices.Concat(s.p[:first], s.p[next:])
		}},
		{"expired", credential.Expired, -time.Hour, func(*verifier.Expect, *showing) {}},
	} {
		b.Run(c.name, func(b *testing.B) {
			w := newWorld(b)
			v := w.verifier()
			_, paths := claimsOf(12)
			w.expect.Claims = paths[:3]
			good := showings(b, w, max(b.N/rounds, 1)*rounds+1, 12, w.expect.Claims, now.Add(time.Hour))
			mustNotAcceptFlipped(b, v, w.expect, good[0])
			bad := showings(b, w, 1, 12, w.expect.Claims, now.Add(c.expires))[0]
			e := w.expect
			e.Nonce = bad.nonce
			c.spoil(&e, &bad)
			i := 0
			ratio(b, func() {
				_, err := v.Verify(context.Background(), bad.p, e)
				var r *verifier.Rejection
				if !errors.As(err, &r) || r.Reason != c.want {
					panic(err)
				}
			}, func() { i++; accept(v, w.expect, good[i]) })
		})
	}
}

// Ten times the disclosures cost about ten times as much.
func Benchmark10000Disclosures(b *testing.B) {
	w := newWorld(b)
	w.config.Limits = disclosure.Limits{Bytes: 16 << 20, Disclosures: 20_000}
	v := w.verifier()
	per := max(b.N/rounds/100, 1)
	ready := map[int][]showing{}
	expect := map[int]verifier.Expect{}
	for _, n := range []int{1_000, 10_000} {
		_, paths := claimsOf(n)
		e := w.expect
		e.Claims = paths
		expect[n] = e
		ready[n] = showings(b, w, per*rounds+1, n, paths, now.Add(time.Hour))
		mustNotAcceptFlipped(b, v, e, ready[n][0])
	}
	run := func(n int) func() {
		i := 0
		return func() { i++; accept(v, expect[n], ready[n][i]) }
	}
	ratioOf(b, per, run(10_000), run(1_000))
}

// A megabyte of junk is refused by its size, whatever it is and wherever it stands: TestJunk says the rest.
func BenchmarkJunk(b *testing.B) {
	w := newWorld(b)
	v := w.verifier()
	_, paths := claimsOf(12)
	w.expect.Claims = paths[:3]
	good := showings(b, w, 1, 12, w.expect.Claims, now.Add(time.Hour))[0]
	mustNotAcceptFlipped(b, v, w.expect, good)
	accept(v, w.expect, good)
	junk := append(good.p, bytes.Repeat([]byte{'A'}, 1<<20)...)
	var seen byte
	ratio(b, func() {
		_, err := v.Verify(context.Background(), junk, w.expect)
		var r *verifier.Rejection
		if !errors.As(err, &r) || r.Reason != disclosure.TooLarge {
			panic(err)
		}
	}, func() {
		for _, c := range junk {
			seen ^= c
		}
	})
	_ = seen
}

// BenchmarkTwoCores prints how much faster two cores are than one, for Verify (x-two) and for the bare primitive in the same run
// (bare-x-two), and the one as a part of the other (x-floor), medians of ten rounds of wall time.
func BenchmarkTwoCores(b *testing.B) {
	w := newWorld(b)
	v := w.verifier()
	_, paths := claimsOf(12)
	w.expect.Claims = paths[:3]
	per := max(b.N/rounds, 2)
	good := showings(b, w, 2*per*rounds+1, 12, w.expect.Claims, now.Add(time.Hour))
	mustNotAcceptFlipped(b, v, w.expect, good[0])
	next := atomic.Int64{}
	verify := func() { accept(v, w.expect, good[next.Add(1)]) }
	bare := bareVerify(b)
	var ours, theirs, parts []float64
	b.ResetTimer()
	for range rounds {
		x, y := speedup(per, verify), speedup(per, bare)
		ours, theirs, parts = append(ours, x), append(theirs, y), append(parts, x/y)
	}
	b.StopTimer()
	b.ReportMetric(median(ours), "x-two")
	b.ReportMetric(median(theirs), "bare-x-two")
	b.ReportMetric(median(parts), "x-floor")
}

// speedup is how much faster n calls are on two goroutines than on one.
func speedup(n int, f func()) float64 {
	from := time.Now()
	for range n {
		f()
	}
	one := time.Since(from)
	from = time.Now()
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for range n / 2 {
				f()
			}
		})
	}
	wg.Wait()
	return float64(one) / float64(time.Since(from))
}

func median(x []float64) float64 {
	slices.Sort(x)
	return (x[len(x)/2-1] + x[len(x)/2]) / 2
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
