package didethr

import (
	"errors"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/khyer/khyer/did"
)

// TestWarmIsOneRequest of five calls, and gives what a first reading would.
func TestWarmIsOneRequest(t *testing.T) {
	for _, sums := range []bool{false, true} {
		c, a, id := busy()
		c.sums, c.receipts = sums, true
		r, cold := c.serve(t), c.serve(t)
		for i := range 4 {
			if i == 2 {
				c.mine(3)
			}
			if i == 3 {
				c.attribute(a, veriKey, p256Value(5), never)
			}
			requests, calls := c.requests, len(c.calls)
			got, err := r.Resolve(t.Context(), id, did.At{})
			if err != nil {
				t.Fatal(err)
			}
			requests, calls = c.requests-requests, len(c.calls)-calls
			if (i == 1 || i == 2) && (requests != 1 || sums && calls != 6 || !sums && calls != 5) {
				t.Errorf("%d requests of %d calls", requests, calls)
			}
			cold.cache = newCache()
			if want, err := cold.Resolve(t.Context(), id, did.At{}); err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("got %+v, want %+v, %v", got, want, err)
			}
		}
	}
}

// TestKeptKeyEndsInTime: what is remembered is the history. Whether an entry has ended is judged at the time of each question.
func TestKeptKeyEndsInTime(t *testing.T) {
	for _, watched := range []bool{false, true} {
		c := newChain()
		c.receipts = true
		a, id := issuer(1)
		end := testTime.Add(time.Hour)
		c.mine(1)
		c.attribute(a, veriKey, p256Value(1), uint64(end.Unix()))
		c.attribute(a, "did/svc/X", nil, uint64(end.Add(time.Hour).Unix()))
		var now time.Time
		r := c.serve(t, func(c *Config) { c.Finality, c.Now = "latest", func() time.Time { return now } })
		if watched {
			r.cache.begin(r.networks[0], time.Hour)
			if err := r.look(t.Context(), r.networks[0], time.Minute); err != nil {
				t.Fatal(err)
			}
		}
		for _, test := range []struct {
			now               time.Time
			methods, services int
		}{
			{testTime, 2, 1}, {end.Add(-time.Second), 2, 1}, {end, 1, 1}, {end.Add(time.Minute), 1, 1}, {end.Add(time.Hour), 1, 0},
			{end.Add(-time.Second), 2, 1}, // a clock that is set back
		} {
			now = test.now
			res, err := r.Resolve(t.Context(), id, did.At{})
			if err != nil || len(res.Document.VerificationMethod) != test.methods || len(res.Document.Service) != test.services || len(res.Keys) != 2 {
				t.Errorf("at %v: %+v, %v", now, res, err)
			}
		}
	}
}

// TestTwoFormsOfOneIdentity share what was read, and each has its own ids.
func TestTwoFormsOfOneIdentity(t *testing.T) {
	c, _, id := busy()
	c.sums = true
	r := c.serve(t)
	hex, err := did.Parse(strings.Replace(id.String(), ":dev:", ":0x539:", 1))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		for _, form := range []did.DID{id, hex} {
			res, err := r.Resolve(t.Context(), form, did.At{})
			if err != nil || res.Document.ID != form || res.Keys[0].ID != form.String()+"#controller" {
				t.Errorf("%s: %+v, %v", form, res, err)
			}
		}
	}
	if n := strings.Count(strings.Join(c.calls, " "), "eth_getLogs"); n != 1 {
		t.Errorf("the logs were read %d times", n)
	}
}

// TestOneNodesWordIsNotAnothers: a node confirms only what it said itself. A liar's history does not outlive its turn.
func TestOneNodesWordIsNotAnothers(t *testing.T) {
	liar, _, id := busy()
	honest := liar.twin()
	liar.logs[0].Data = attributeData(veriKey, p256Value(66), uintWord(never), uintWord(0))
	r := operators(t, 1, nil, liar, honest)
	key := func() string {
		res, err := r.Resolve(t.Context(), id, did.At{})
		if err != nil || res.Anchor.Trust != "asserted" {
			t.Fatal(err)
		}
		return res.Keys[1].Public.Thumbprint()
	}
	false1 := key()
	liar.raw = write("<html>")
	if key() == false1 {
		t.Error("a lie outlives the liar")
	}
}

// TestWalkAcrossAReorganisation: a walk does not end at a known history whose last block is gone.
func TestWalkAcrossAReorganisation(t *testing.T) {
	c := newChain()
	a, id := issuer(1)
	c.mine(1)
	c.attribute(a, veriKey, p256Value(1), never)
	c.tamper = func(method string, params []any, result any) any {
		if method == "eth_getLogs" {
			if f := params[0].(map[string]any); f["fromBlock"] != f["toBlock"] {
				return &rpcError{-32005, "block range is too large"}
			}
		}
		return result
	}
	r := c.serve(t, func(c *Config) { c.Finality = "latest" })
	if _, err := r.Resolve(t.Context(), id, did.At{}); err != nil {
		t.Fatal(err)
	}
	c.fork(9)
	for i := range 2 {
		c.mine(1)
		c.attribute(a, veriKey, p256Value(2+i), never)
	}
	got, err := r.Resolve(t.Context(), id, did.At{})
	r.cache = newCache()
	want, wantErr := r.Resolve(t.Context(), id, did.At{})
	if err != nil || wantErr != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v; want %+v, %v", got, err, want, wantErr)
	}
}

// TestPointsInTimeFromMemory: a known history answers questions about blocks, times and anchors too, if the node confirms it.
func TestPointsInTimeFromMemory(t *testing.T) {
	c, a, id := busy()
	c.sums = true
	warm, cold := c.serve(t), c.serve(t)
	if _, err := warm.Resolve(t.Context(), id, did.At{}); err != nil {
		t.Fatal(err)
	}
	ask := func(at did.At) {
		t.Helper()
		cold.cache = newCache()
		got, err := warm.Resolve(t.Context(), id, at)
		want, wantErr := cold.Resolve(t.Context(), id, at)
		if !reflect.DeepEqual(got, want) || (err == nil) != (wantErr == nil) {
			t.Errorf("%+v: got %+v, %v; want %+v, %v", at, got, err, want, wantErr)
		}
	}
	for range 2 {
		for n := range uint64(16) {
			ask(did.At{Block: n})
			ask(did.At{Time: testTime.Add(time.Duration(n) * time.Minute)})
			if n < 14 {
				ask(did.At{Anchor: &did.Anchor{Block: n, Hash: c.blocks[n].Hash}})
			}
		}
		ask(did.At{Block: 99})
		c.mine(1)
		c.attribute(a, veriKey, p256Value(9), never)
	}
	if _, err := warm.Resolve(t.Context(), id, did.At{Block: 99}); !errors.Is(err, did.NotFound) {
		t.Errorf("error %v, want notFound", err)
	}
}

// TestManyAskAtOnce while blocks come and a watch looks: no answer is of a mixed state. Run it with the race detector.
func TestManyAskAtOnce(t *testing.T) {
	c := newChain()
	c.sums, c.receipts = true, true
	r := c.serve(t, func(conf *Config) { conf.Finality, conf.Now = "latest", func() time.Time { return testTime } })
	n := r.networks[0]
	r.cache.begin(n, time.Hour)
	const identities, blocks = 5, 40
	var wg sync.WaitGroup
	done := make(chan struct{})
	for range 4 {
		wg.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-done:
					return
				default:
				}
				_, id := many(i % identities)
				res, err := r.Resolve(t.Context(), id, did.At{})
				if err != nil {
					t.Error(err)
					return
				}
				// Identity i gets a key in each block after the ninth.
				if want := int(res.Anchor.Block) - 9 + 1; len(res.Keys) != want {
					t.Errorf("%d keys as of block %d, want %d", len(res.Keys), res.Anchor.Block, want)
					return
				}
			}
		})
	}
	for b := range blocks {
		c.hold(func() {
			c.mine(1)
			for i := range identities {
				a, _ := many(i)
				c.attribute(a, veriKey, p256Value(b), never)
			}
		})
		if err := r.look(t.Context(), n, time.Minute); err != nil {
			t.Error(err)
		}
	}
	close(done)
	wg.Wait()
}
