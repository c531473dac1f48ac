package didethr

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/khyer/khyer/did"
	"github.com/khyer/khyer/internal/ethrpc"
)

// BenchmarkResolve resolves over HTTP, and beside it sends the same batch and drops the answer: the floor, interleaved. The figures
// are the node's (a false one in this process) more than ours; the ratio is ours.
func BenchmarkResolve(b *testing.B) {
	for _, changes := range []int{0, 1, 10, 100} {
		b.Run(fmt.Sprint(changes), func(b *testing.B) {
			c := newChain()
			c.sums = true
			a, id := issuer(1)
			for i := range changes {
				c.mine(1)
				c.attribute(a, veriKey, p256Value(i), never)
			}
			c.mine(1)
			r := c.serve(b)
			resolve := func() *did.Resolution {
				res, err := r.Resolve(b.Context(), id, did.At{})
				if err != nil {
					b.Fatal(err)
				}
				return res
			}
			if got := len(resolve().Keys); got != changes+1 {
				b.Fatalf("%d keys", got)
			}
			rd := &reading{network: &r.networks[0].Network, node: r.networks[0].nodes[0], identity: a, tag: "finalized"}
			var floor, whole time.Duration
			for b.Loop() {
				begin := time.Now()
				bare(b, rd)
				middle := time.Now()
				resolve()
				floor, whole = floor+middle.Sub(begin), whole+time.Since(middle)
			}
			b.ReportMetric(float64(floor.Nanoseconds())/float64(b.N), "floor-ns/op")
			b.ReportMetric(float64(whole.Nanoseconds())/float64(b.N), "resolve-ns/op")
			b.ReportMetric(float64(whole)/float64(floor), "ratio")
		})
	}
}

func bare(b *testing.B, r *reading) {
	head := ethrpc.Call{Method: "eth_getBlockByNumber", Params: []any{r.tag, false}}
	calls := []ethrpc.Call{head, r.call(selectorChanged, r.tag), r.call(selectorOwner, r.tag), r.logs("0x0", r.tag), head, r.call(selectorHistory, r.tag)}
	if err := r.node.client.Batch(context.Background(), calls); err != nil {
		b.Fatal(err)
	}
}

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
