//go:build unix

package status_test

import (
	"bytes"
	"compress/zlib"
	"context"
	"encoding/base64"
	"io"
	"math/rand/v2"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/khyer/khyer/credential/status"
	"github.com/khyer/khyer/did/pubkey"
)

// BenchmarkVerifyMillion verifies a list of a million cards, of which one in a hundred is revoked. The floor (x-floor is the median of ten
// rounds' ratios, by processor time) is inflating that list into fresh memory and checking that signature alone.
//
//	go test ./credential/status -run '^$' -bench . -benchtime 50x
func BenchmarkVerifyMillion(b *testing.B) {
	const cards = 1_000_000
	data := make([]byte, cards/8)
	rng := rand.New(rand.NewPCG(1, 2)) // which cards are revoked is of no matter; that they are scattered is
	for range cards / 100 {
		i := rng.IntN(cards)
		data[i/8] |= 1 << (i % 8)
	}
	key := signer(b)
	tok, err := status.Sign(context.Background(), status.By{Signer: key, KeyID: "#key-1"}, status.Statement{URI: listURI, Issued: now.Add(-time.Hour), Expires: now.Add(time.Hour), Bits: 1, Data: data})
	if err != nil {
		b.Fatal(err)
	}
	dot := bytes.LastIndexByte(tok, '.')
	sig, err := base64.RawURLEncoding.DecodeString(string(tok[dot+1:]))
	if err != nil {
		b.Fatal(err)
	}
	var packed bytes.Buffer
	z, _ := zlib.NewWriterLevel(&packed, zlib.BestCompression)
	z.Write(data)
	z.Close()

	flipped := bytes.Clone(tok)
	flipped[dot/2] ^= 1
	if _, err := read(flipped, key.Public()); err == nil {
		b.Fatal("a flipped bit was accepted")
	}
	work := func() {
		l, err := read(tok, key.Public())
		if err != nil || l.Len() != cards {
			b.Fatal(err)
		}
	}
	floor := func() {
		if key.Public().Verify(pubkey.ES256, tok[:dot], sig) != nil {
			b.Fatal("the floor's signature")
		}
		r, err := zlib.NewReader(bytes.NewReader(packed.Bytes()))
		if err != nil {
			b.Fatal(err)
		}
		out := make([]byte, len(data))
		if _, err := io.ReadFull(r, out); err != nil || !bytes.Equal(out, data) {
			b.Fatal(err)
		}
	}
	ratio(b, work, floor)
}

// BenchmarkAt is the check of one card against a list that is at hand.
func BenchmarkAt(b *testing.B) {
	l, err := status.NewList(2, make([]byte, 1<<18), now)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	i := uint64(0)
	for b.Loop() {
		if v, err := l.At(i & (1<<20 - 1)); err != nil || v != status.Valid {
			b.Fatal(v, err)
		}
		i += 7919
	}
}

func ratio(b *testing.B, work, floor func()) {
	b.Helper()
	const rounds = 10
	per := max(b.N/rounds, 1)
	took := func(f func()) time.Duration {
		from := cpu()
		for range per {
			f()
		}
		return cpu() - from
	}
	var ratios []float64
	var worked time.Duration
	b.ReportAllocs()
	b.ResetTimer()
	for range rounds {
		w, f := took(work), took(floor)
		worked += w
		ratios = append(ratios, float64(w)/float64(max(f, 1)))
	}
	slices.Sort(ratios)
	b.ReportMetric((ratios[rounds/2-1]+ratios[rounds/2])/2, "x-floor")
	b.ReportMetric(float64(worked.Nanoseconds())/float64(rounds*per), "cpu-ns/op")
	b.ReportMetric(0, "ns/op")
}

func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
