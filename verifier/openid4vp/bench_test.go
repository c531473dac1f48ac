package openid4vp_test

import (
	"bufio"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	lists "github.com/khyer/khyer/credential/status"
	"github.com/khyer/khyer/did/pubkey"
	"github.com/khyer/khyer/verifier"
	"github.com/khyer/khyer/verifier/openid4vp"
	"github.com/khyer/khyer/verifier/trust"
)

// BenchmarkAnswerEndpoint posts fresh good answers to the door, and to a bare net/http server that reads a body of the same size and verifies two ES256 signatures, which
// is what it cannot be done without. Rounds alternate, so that the machine is the same for both; the ratio is that of the medians of their throughput.
func BenchmarkAnswerEndpoint(b *testing.B) {
	for _, mode := range []string{"direct_post", "direct_post.jwt"} {
		b.Run(mode, func(b *testing.B) { answerEndpoint(b, mode) })
	}
}

// One round is so many posts, by so many clients at once.
const (
	perRound = 300
	clients  = 8
)

func answerEndpoint(b *testing.B, mode string) {
	g := newRig(b, func(f *openid4vp.Template) { f.Mode = mode }, func(g *rig) {
		g.config.Store = newMemory(b, openid4vp.MemoryConfig{Records: 1 << 20, Bytes: 4 << 30, Now: g.world.Now})
		g.config.Key = []byte("0123456789abcdef0123456789abcdef")
		c := g.world.Config() // each issuer's list is built once, as a deployment's is cached
		c.Issuers, c.Status = cached(g)
		var err error
		g.config.Verifier, err = verifier.New(c)
		g.must(err)
	})
	door := httptest.NewServer(g.door)
	defer door.Close()
	bare := httptest.NewServer(bareServer(b))
	defer bare.Close()

	var ours, floors []measure
	for b.Loop() {
		var targets, bodies []string
		for range perRound {
			ask := g.fetch(g.browser().begin().Link)
			path, _ := strings.CutPrefix(ask.ResponseURI, origin)
			targets, bodies = append(targets, path), append(bodies, g.form(ask, g.show(ask)))
		}
		runtime.GC()
		floors = append(floors, generate(b, bare.Listener.Addr().String(), targets, bodies))
		ours = append(ours, generate(b, door.Listener.Addr().String(), targets, bodies))
	}
	us, floor := middle(ours), middle(floors)
	b.ReportMetric(us.perSecond, "answers/s")
	b.ReportMetric(floor.perSecond, "bare/s")
	b.ReportMetric(100*us.perSecond/floor.perSecond, "%ofbare")
	b.ReportMetric(float64(us.p99.Microseconds()), "p99µs")
	b.ReportMetric(float64(floor.p99.Microseconds()), "barep99µs")
	b.ReportMetric(0, "ns/op")
}

type measure struct {
	perSecond float64
	p99       time.Duration
}

// middle takes the median of each figure.
func middle(all []measure) measure {
	by := func(f func(measure) float64) float64 {
		var out []float64
		for _, m := range all {
			out = append(out, f(m))
		}
		slices.Sort(out)
		return out[len(out)/2]
	}
	return measure{by(func(m measure) float64 { return m.perSecond }), time.Duration(by(func(m measure) float64 { return float64(m.p99) }))}
}

// generate is the load: each client has one connection and posts one after the other. Every answer must be 200.
func generate(b *testing.B, addr string, targets, bodies []string) measure {
	var mu sync.Mutex
	var took []time.Duration
	next := make(chan int, len(bodies))
	for i := range bodies {
		next <- i
	}
	close(next)
	var all sync.WaitGroup
	begun := time.Now()
	for range clients {
		all.Go(func() {
			c, err := net.Dial("tcp", addr)
			if err != nil {
				b.Error(err)
				return
			}
			defer c.Close()
			in := bufio.NewReader(c)
			for i := range next {
				sent := time.Now()
				fmt.Fprintf(c, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n%s", targets[i], len(bodies[i]), bodies[i])
				res, err := http.ReadResponse(in, nil)
				if err != nil || res.StatusCode != http.StatusOK {
					b.Errorf("%v, %v", res, err)
					return
				}
				io.Copy(io.Discard, res.Body)
				mu.Lock()
				took = append(took, time.Since(sent))
				mu.Unlock()
			}
		})
	}
	all.Wait()
	total := time.Since(begun)
	slices.Sort(took)
	if len(took) != len(bodies) {
		b.Fatalf("%d of %d answers", len(took), len(bodies))
	}
	return measure{float64(len(took)) / total.Seconds(), took[len(took)*99/100]}
}

// bareServer reads the body and verifies two signatures: of messages that are new each time, as those of answers are.
func bareServer(b *testing.B) http.Handler {
	s, err := pubkey.Generate(pubkey.ES256)
	if err != nil {
		b.Fatal(err)
	}
	var messages, signatures [64][]byte
	for i := range messages {
		h := sha256.Sum256([]byte{byte(i)})
		messages[i] = h[:]
		if signatures[i], err = s.Sign(b.Context(), pubkey.ES256, h[:]); err != nil {
			b.Fatal(err)
		}
	}
	key := s.Public()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
		n := len(body) % 63
		if err != nil || key.Verify(pubkey.ES256, messages[n], signatures[n]) != nil || key.Verify(pubkey.ES256, messages[n+1], signatures[n+1]) != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, "{}")
	})
}

// A good answer with one bit of it flipped is refused, or the benchmark would measure nothing.
func TestBenchmarkedAnswerIsChecked(t *testing.T) {
	g := newRig(t, func(f *openid4vp.Template) { f.Mode = "direct_post" }, nil)
	ask := g.fetch(g.browser().begin().Link)
	a := g.show(ask)
	shown := []byte(a.Token)
	at := len(shown) - 20
	shown[at] = map[bool]byte{true: 'B', false: 'A'}[shown[at] == 'A']
	status(t, g.post(ask.ResponseURI, url.Values{"vp_token": {string(shown)}, "state": {ask.State}}.Encode()), http.StatusBadRequest)
	status(t, g.answer(ask, g.show(ask)), http.StatusOK)
}

// cached is what the world's verifier trusts, built once: in a deployment both are in memory.
func cached(g *rig) (trust.Source, lists.Source) {
	entries := g.world.Issuers()
	list, err := trust.NewList(entries...)
	g.must(err)
	return list, &onceStatus{of: g.world}
}

// onceStatus keeps the one list.
type onceStatus struct {
	of   lists.Source
	mu   sync.Mutex
	list *lists.List
}

func (s *onceStatus) StatusList(ctx context.Context, uri, issuer string, now time.Time) (*lists.List, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var err error
	if s.list == nil {
		s.list, err = s.of.StatusList(ctx, uri, issuer, now)
	}
	return s.list, err
}
