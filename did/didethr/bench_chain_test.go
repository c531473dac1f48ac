package didethr_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/khyer/khyer/did"
	"github.com/khyer/khyer/did/didethr"
	"github.com/khyer/khyer/did/didethr/anchor"
	"github.com/khyer/khyer/did/didethr/ethrtest"
	"github.com/khyer/khyer/did/pubkey"
)

// line is the way to the node: it counts, may be slow, and may hide the registry's accumulator, as registries of others have none.
type line struct {
	delay    time.Duration
	plain    bool
	mu       sync.Mutex
	requests int
	calls    int
	last     []byte // the newest request
}

func (l *line) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.requests
}

const historySelector = "931c7c68" // history(address)

func (l *line) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	if l.plain {
		body = bytes.ReplaceAll(body, []byte("0x"+historySelector), []byte("0x00000000"))
	}
	l.mu.Lock()
	l.requests++
	l.calls += bytes.Count(body, []byte(`"method"`))
	l.last = body
	l.mu.Unlock()
	r = r.Clone(r.Context())
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	time.Sleep(l.delay)
	return http.DefaultTransport.RoundTrip(r)
}

// history is a chain with an identity of so many changes, each in a block of its own: keys that are added.
type history struct {
	network didethr.Network
	id      did.DID
	now     func() time.Time
	url     string
}

func newHistory(b *testing.B, changes int) *history {
	b.Helper()
	chain, err := ethrtest.New(ethrtest.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = chain.Close() })
	account := chain.Accounts()[0]
	owner, err := anchor.NewSigner(account.Key[:])
	if err != nil {
		b.Fatal(err)
	}
	n := didethr.Network{Name: "test", ChainID: chain.ChainID(), RPC: []string{chain.URL()}}
	registry, _, err := anchor.Deploy(b.Context(), anchor.Config{Network: n}, owner)
	if err != nil {
		b.Fatal(err)
	}
	h := &history{network: registry.Network(), now: chain.Now, url: chain.URL()}
	h.id = registry.DID(account.Address)
	to := [20]byte(h.network.Registry)
	for i := range changes {
		s, err := pubkey.Generate(pubkey.ES256)
		if err != nil {
			b.Fatal(err)
		}
		value := append([]byte{0x80, 0x24}, s.Public().Bytes()...) // multicodec p256-pub
		tx, err := chain.Transact(account, &to, big.NewInt(0), setAttribute(account.Address, "did/pub/Multikey/veriKey", value, uint64(1+i)<<20))
		if err != nil {
			b.Fatal(err)
		}
		if r, ok := chain.Receipt(tx); !ok || !r.OK {
			b.Fatal("the registry refused a key")
		}
	}
	return h
}

// setAttribute encodes the call (Solidity ABI).
func setAttribute(identity [20]byte, name string, value []byte, validity uint64) []byte {
	selector, _ := hex.DecodeString("7ad4b0a4") // setAttribute(address,bytes32,bytes,uint256)
	word := func(n uint64) []byte { return binary.BigEndian.AppendUint64(make([]byte, 24), n) }
	d := append(selector, append(make([]byte, 12), identity[:]...)...)
	d = append(append(d, name...), make([]byte, 32-len(name))...)
	d = append(append(append(d, word(4*32)...), word(validity)...), word(uint64(len(value)))...)
	return append(append(d, value...), make([]byte, (32-len(value)%32)%32)...)
}

func (h *history) resolver(b *testing.B, l *line) *didethr.Resolver {
	b.Helper()
	r, err := didethr.New(didethr.Config{Networks: []didethr.Network{h.network}, Finality: "latest", Now: h.now, Client: &http.Client{Transport: l}})
	if err != nil {
		b.Fatal(err)
	}
	return r
}

// BenchmarkResolve is the time of a resolution on a chain with a real registry, over HTTP on the loopback interface: cold by a resolver
// that has never spoken to the node, warm by one that knows the DID and asks whether that still holds. Beside each, in turn, the
// bytes of its request are sent by net/http alone and the answer is read: the ratio is to that. delay adds 50 ms to each request; plain
// is a registry without an accumulator, where the receipts of each block with a change are asked for once.
//
//	go test -run '^$' -bench Resolve -benchtime 50x ./did/didethr
func BenchmarkResolve(b *testing.B) {
	for _, changes := range []int{0, 1, 10, 100, 1000} {
		h := newHistory(b, changes)
		for _, way := range []struct {
			name  string
			delay time.Duration
			plain bool
		}{{"", 0, false}, {"/delay", 50 * time.Millisecond, false}, {"/plain", 0, true}, {"/plain/delay", 50 * time.Millisecond, true}} {
			b.Run(fmt.Sprintf("%d/cold%s", changes, way.name), func(b *testing.B) {
				h.run(b, changes, &line{delay: way.delay, plain: way.plain}, func(l *line) *didethr.Resolver { return h.resolver(b, l) })
			})
			if way.plain {
				continue
			}
			b.Run(fmt.Sprintf("%d/warm%s", changes, way.name), func(b *testing.B) {
				var r *didethr.Resolver
				h.run(b, changes, &line{delay: way.delay, plain: way.plain}, func(l *line) *didethr.Resolver {
					if r == nil {
						r = h.resolver(b, l)
						h.resolve(b, r, changes)
						l.requests, l.calls = 0, 0
					}
					return r
				})
			})
		}
	}
}

func (h *history) resolve(b *testing.B, r *didethr.Resolver, changes int) {
	res, err := r.Resolve(b.Context(), h.id, did.At{})
	if err != nil || len(res.Keys) != changes+1 {
		b.Fatalf("%v, %+v", err, res)
	}
}

func (h *history) run(b *testing.B, changes int, l *line, next func(*line) *didethr.Resolver) {
	h.resolve(b, next(l), changes) // opens the connection
	var floor, whole time.Duration
	client := http.Client{Transport: &line{delay: l.delay}}
	again := l.last
	once := l.requests == 1 || l.requests == 0 // then the whole conversation can be repeated
	l.requests, l.calls = 0, 0
	n := 0
	bare := func() {
		if !once {
			return
		}
		begin := time.Now()
		resp, err := client.Post(h.url, "application/json", bytes.NewReader(again))
		if err != nil {
			b.Fatal(err)
		}
		answer, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || !strings.HasPrefix(string(answer), "[") {
			b.Fatal(err)
		}
		floor += time.Since(begin)
	}
	bare()
	floor = 0
	for b.Loop() {
		r := next(l)
		if n++; n%2 == 0 {
			bare()
		}
		begin := time.Now()
		h.resolve(b, r, changes)
		whole += time.Since(begin)
		if n%2 == 1 {
			bare()
		}
	}
	b.ReportMetric(0, "ns/op") // floor and whole together mean nothing
	b.ReportMetric(float64(whole.Microseconds())/float64(n)/1000, "ms")
	b.ReportMetric(float64(l.requests)/float64(n), "requests")
	b.ReportMetric(float64(l.calls)/float64(n), "calls")
	if floor > 0 {
		b.ReportMetric(float64(whole)/float64(floor), "ratio")
	}
}
