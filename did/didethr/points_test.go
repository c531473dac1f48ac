package didethr

import (
	"encoding/binary"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/khyer/khyer/did"
)

// TestRememberedKeys: what was read before changes nothing, whoever reads at the same time.
func TestRememberedKeys(t *testing.T) {
	c := newChain()
	a, id := issuer(1)
	for i := range 30 {
		c.attribute(a, veriKey, p256Value(i%7), never)
		c.attribute(a, "did/pub/Ed25519/veriKey", edwardsPoint(i%5), never)
		c.attribute(a, "did/pub/Secp256k1/veriKey", p256Value(i % 7)[2:], never) // of another curve: mostly no point
	}
	n, h := Network{Name: "dev", ChainID: c.chainID, Registry: c.registry}, historyOf(c)
	read := func() *did.Resolution {
		r, err := Fold(n, h, id, did.At{}, time.Time{})
		if err != nil {
			t.Error(err)
		}
		return r
	}
	points.forget()
	want := read()
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for i := range 20 {
				if i == 10 {
					points.forget()
				}
				if got := read(); !reflect.DeepEqual(got, want) {
					t.Error("a fold differs from the first")
				}
			}
		})
	}
	all.Wait()
}

// TestRememberedKeysAreBounded: strangers' values, which are mostly no keys, fill no memory.
func TestRememberedKeysAreBounded(t *testing.T) {
	var c pointCache
	for i := range 3 * maxPoints {
		c.get("Secp256k1", binary.BigEndian.AppendUint64(nil, uint64(i)))
		c.get("Multikey", make([]byte, maxPointBytes+1))
	}
	if n := len(c.recent) + len(c.older); n > 2*maxPoints || n < maxPoints {
		t.Errorf("%d are remembered", n)
	}
	for name := range c.recent {
		if len(name.value) > maxPointBytes {
			t.Fatal("a long value is remembered")
		}
	}
	c.get("Unknown", []byte("value"))
	if _, ok := c.recent[pointName{"Unknown", "value"}]; ok {
		t.Error("a value is remembered that is no key")
	}
}
