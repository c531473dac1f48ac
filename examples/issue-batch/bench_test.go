package main

import (
	"fmt"
	"os"
	"testing"
	"time"
)

// BenchmarkSign signs 10,000 cards, bare signatures before and after, and reports what a card costs in bare signatures: the metric
// "ratio" by the processor's time, the one that other load on the machine leaves alone. The program's -bench does the same for a whole
// nation.
func BenchmarkSign(b *testing.B) {
	const n = 10_000
	for _, holder := range []string{"did:key", "jwk"} {
		for _, format := range []string{"csv", "jsonl"} {
			b.Run(format+"/"+holder, func(b *testing.B) {
				b.Chdir(b.TempDir())
				in := "people." + format
				must(b, 0, "generate", "-n", fmt.Sprint(n), "-out", in, "-holder", holder)
				var bare, ours spent
				for b.Loop() {
					f := &floor{on: true, workers: 2}
					f.run(n / 2)
					took := stopwatch()
					signAll(b, in, format)
					t := took()
					f.run(n - f.n)
					ours.cpu, ours.clock = ours.cpu+t.cpu, ours.clock+t.clock
					bare.cpu, bare.clock = bare.cpu+f.took.cpu, bare.clock+f.took.clock
				}
				b.ReportMetric(0, "ns/op")
				b.ReportMetric(float64(ours.clock.Nanoseconds())/float64(b.N)/n, "clock-ns/card")
				b.ReportMetric(float64(ours.clock)/float64(bare.clock), "clock-ratio")
				if bare.cpu > 0 {
					b.ReportMetric(float64(ours.cpu.Nanoseconds())/float64(b.N)/n, "cpu-ns/card")
					b.ReportMetric(float64(ours.cpu)/float64(bare.cpu), "ratio")
				}
			})
		}
	}
}

func signAll(b *testing.B, in, format string) {
	b.Helper()
	if err := os.RemoveAll("cards"); err != nil {
		b.Fatal(err)
	}
	must(b, 0, "sign", "-in", in, "-out", "cards", "-workers", "2", "-checkpoint", time.Second.String())
}
