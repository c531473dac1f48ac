package didethr

import (
	"fmt"
	"testing"
	"time"

	"github.com/khyer/khyer/did"
)

// BenchmarkFold is the fold alone, with the decoding of logs.
func BenchmarkFold(b *testing.B) {
	for _, changes := range []int{1, 10, 100, 1000} {
		b.Run(fmt.Sprint(changes), func(b *testing.B) {
			c := newChain()
			a, id := issuer(1)
			for i := range changes {
				c.mine(1)
				c.attribute(a, veriKey, p256Value(i), never)
			}
			n := Network{Name: "dev", ChainID: c.chainID, Registry: c.registry}
			h := History{Head: c.head(), Logs: c.logs, Blocks: map[uint64]Block{}}
			for _, bl := range c.blocks {
				h.Blocks[bl.Number] = bl
			}
			b.ReportAllocs()
			for b.Loop() {
				r, err := Fold(n, h, id, did.At{}, time.Time{})
				if err != nil || len(r.Keys) != changes+1 {
					b.Fatal(err)
				}
			}
		})
	}
}
