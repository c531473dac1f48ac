package interop_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"github.com/khyer/khyer/did"
	"github.com/khyer/khyer/did/didethr"
	"github.com/khyer/khyer/did/pubkey"
)

// BenchmarkResolvers sets our resolver and npm's newest ethr-did-resolver side by side: in one run, at one node over the loopback
// interface, about the same DIDs, with one change in each block. It prints a table and says which of the bars that we set ourselves are
// met:
//
//	cd testvectors/interop && npm ci
//	KHYER_NODE=1 go test ./testvectors/interop -run '^$' -bench Resolvers -benchtime 1x -timeout 30m
//
// With -tags geth and KHYER_GETH there is a second table, of go-ethereum's own node; see geth_test.go.
// With -short it leaves out 1,000 changes and judges the numbers of requests alone, which no busy machine changes. Every time is a
// median. Neither side's start counts: the Node process runs, and has resolved before. "Cold" is a new resolver for each time, "warm"
// the same one asked again, after ethers has forgotten the answers that it repeats for a quarter of a second.
func BenchmarkResolvers(b *testing.B) {
	startPeer(b)
	for _, chain := range []string{"our chain", "geth"} {
		if open := chains[chain]; open != nil {
			b.Run(strings.ReplaceAll(chain, " ", "-"), func(b *testing.B) {
				if b.N == 1 {
					l := open(b)
					l.deploy(b)
					sideBySide(b, l, chain)
				}
			})
		}
	}
}

// row is one number of changes. Times are in ms.
type row struct {
	changes, methods        int
	cold, warm              pair
	distant                 pair    // cold, with 50 ms before each request
	fold                    float64 // our fold of the events alone
	requests, calls         pair    // cold
	requestsWarm, callsWarm pair
	moved                   float64 // our requests in the first resolve after the head moved
}

type pair struct{ ours, theirs float64 }

func (p pair) ratio() float64 { return p.theirs / p.ours }

const distance = 50 * time.Millisecond

func sideBySide(b *testing.B, l *ledger, chain string) {
	counts := []int{0, 1, 10, 100, 1000}
	if testing.Short() {
		counts = counts[:4]
	}
	r := openRelay(b, l.rpc)
	var rows []row
	for _, n := range counts {
		id := l.life(b, n)
		l.timeOurs(b, id, l.rpc, 3) // warms the node and both programs
		l.timeTheirs(b, id, l.rpc, 1, 0)
		x := row{changes: n}
		rounds := 15
		if n == 1000 || testing.Short() {
			rounds = 3
		}
		cold, warm := l.timeOurs(b, id, l.rpc, 31)
		x.cold.ours, x.warm.ours = median(cold), median(warm)
		cold, warm = l.timeTheirs(b, id, l.rpc, rounds, max(rounds/3, 1))
		x.cold.theirs, x.warm.theirs = median(cold), median(warm)

		r.delay.Store(int64(distance))
		cold, _ = l.timeOurs(b, id, r.url, 5)
		x.distant.ours = median(cold)
		cold, _ = l.timeTheirs(b, id, r.url, 1, 0)
		x.distant.theirs = median(cold)
		r.delay.Store(0)
		x.fold = l.timeFold(b, id, 31)
		x.count(b, l, r, id)
		rows = append(rows, x)
	}
	fmt.Print(table(chain, rows))
	judge(b, rows)
}

// count sends one cold and one warm question of each side through the relay.
func (x *row) count(b *testing.B, l *ledger, r *relay, id did.DID) {
	fresh := l.fresh(b, r.url)
	ask := func() *did.Resolution {
		res, err := fresh.Resolve(b.Context(), id, did.At{})
		if err != nil {
			b.Fatal(err)
		}
		return res
	}
	both := func(requests, calls *float64) {
		q, c := r.count()
		*requests, *calls = float64(q), float64(c)
	}
	r.count()
	x.methods = len(ask().Document.VerificationMethod)
	both(&x.requests.ours, &x.calls.ours)
	ask()
	both(&x.requestsWarm.ours, &x.callsWarm.ours)
	l.newHand(b) // a block with something else in it
	r.count()
	ask()
	var calls float64
	both(&x.moved, &calls)
	l.timeTheirs(b, id, r.url, 1, 0)
	both(&x.requests.theirs, &x.calls.theirs)
	l.timeTheirs(b, id, r.url, 1, 1)
	both(&x.requestsWarm.theirs, &x.callsWarm.theirs)
	x.requestsWarm.theirs -= x.requests.theirs
	x.callsWarm.theirs -= x.calls.theirs
}

// life writes changes of one identity, a block for each: of ten, four keys of three kinds, a delegate, a service, a key renewed, one
// revoked, the delegate revoked, and a key for key agreement.
func (l *ledger) life(b testing.TB, changes int) did.DID {
	h := l.newHand(b)
	random := rand.NewChaCha8([32]byte{byte(changes)})
	bytes32 := func() []byte { out := make([]byte, 32); random.Read(out); return out }
	valid := seconds(year)
	var key, second []byte
	var delegate common.Address
	set := func(name string, value []byte) common.Hash {
		return h.write(b, "setAttribute", h.address, name32(name), value, valid)
	}
	for i := range changes {
		var sent common.Hash
		switch i % 10 {
		case 0:
			key = l.multikey(b, p256(b))
			sent = set(issuing, key)
		case 1:
			second = ed25519Key(b)
			sent = set("did/pub/Ed25519/veriKey/base64", second)
		case 2:
			delegate = common.BytesToAddress(bytes32()[:20])
			sent = h.write(b, "addDelegate", h.address, name32("veriKey"), delegate, valid)
		case 3:
			sent = set("did/svc/IssuerPage", fmt.Appendf(nil, "https://registry.example/cards/%d", i))
		case 4:
			sent = set(issuing, l.multikey(b, p256(b)))
		case 5:
			sent = set("did/pub/X25519/enc/base64", bytes32())
		case 6:
			sent = set(issuing, key) // renewed
		case 7:
			sent = h.write(b, "revokeAttribute", h.address, name32("did/pub/Ed25519/veriKey/base64"), second)
		case 8:
			sent = h.write(b, "revokeDelegate", h.address, name32("veriKey"), delegate)
		case 9:
			sent = set("did/pub/Secp256k1/veriKey/hex", h.other(b))
		}
		h.mined(b, sent)
	}
	id, err := did.Parse(fmt.Sprintf("did:ethr:%s:%s", l.registry.Name, h.address.Hex()))
	if err != nil {
		b.Fatal(err)
	}
	return id
}

func p256(t testing.TB) pubkey.Key { return newSigner(t).Public() }

// fresh is a new resolver, with connections of its own.
func (l *ledger) fresh(b testing.TB, rpc string) *didethr.Resolver {
	n := l.registry
	n.RPC = []string{rpc}
	r, err := didethr.New(didethr.Config{Networks: []didethr.Network{n}, Finality: "latest"})
	if err != nil {
		b.Fatal(err)
	}
	return r
}

func (l *ledger) timeOurs(b testing.TB, id did.DID, rpc string, rounds int) (cold, warm []float64) {
	once := func(r *didethr.Resolver) float64 {
		begin := time.Now()
		if _, err := r.Resolve(context.Background(), id, did.At{}); err != nil {
			b.Fatal(err)
		}
		return float64(time.Since(begin)) / 1e6
	}
	for range rounds {
		begin := time.Now()
		r := l.fresh(b, rpc)
		made := float64(time.Since(begin)) / 1e6
		cold = append(cold, made+once(r))
		warm = append(warm, once(r))
	}
	return cold, warm
}

// timeFold times the pure function over what the node has about the DID.
func (l *ledger) timeFold(b testing.TB, id did.DID, rounds int) float64 {
	h := l.history(b, common.HexToAddress(id.String()[strings.LastIndex(id.String(), "0x"):]))
	var took []float64
	for range rounds {
		begin := time.Now()
		if _, err := didethr.Fold(l.registry, h, id, did.At{}, begin); err != nil {
			b.Fatal(err)
		}
		took = append(took, float64(time.Since(begin))/1e6)
	}
	return median(took)
}

func (l *ledger) timeTheirs(b testing.TB, id did.DID, rpc string, rounds, warm int) (cold, warmed []float64) {
	q := l.question(id.String())
	q["rpc"], q["rounds"], q["warm"] = rpc, rounds, warm
	var out struct{ Cold, Warm []float64 }
	startPeer(b).must(b, &out, "time", q)
	return out.Cold, out.Warm
}

func median(x []float64) float64 {
	if len(x) == 0 {
		return 0
	}
	s := slices.Sorted(slices.Values(x))
	return (s[len(s)/2] + s[(len(s)-1)/2]) / 2
}

func table(chain string, rows []row) string {
	var out strings.Builder
	p := func(format string, args ...any) { fmt.Fprintf(&out, format+"\n", args...) }
	cell := func(requests, calls float64) string { return fmt.Sprintf("%.0f / %.0f", requests, calls) }
	p("\n%s: ours beside ethr-did-resolver %s. Medians in ms", chain, thePeer.peer.Versions["ethr-did-resolver"])
	p("%22s%-32s%-32s%-32s%s", "", "cold", "warm", "cold, 50 ms away", "fold")
	p("%8s%10s%4s%-9s%-10s%-9s    %-9s%-10s%-9s    %-9s%-10s%-9s    %s", "changes", "methods", "", "ours", "theirs", "times", "ours", "theirs", "times", "ours", "theirs", "times", "ours")
	for _, x := range rows {
		p("%8d%10d%4s%-9.2f%-10.1f%-9.0f    %-9.2f%-10.1f%-9.0f    %-9.1f%-10.0f%-9.0f    %.3f", x.changes, x.methods, "", x.cold.ours, x.cold.theirs, x.cold.ratio(),
			x.warm.ours, x.warm.theirs, x.warm.ratio(), x.distant.ours, x.distant.theirs, x.distant.ratio(), x.fold)
	}
	p("%s: HTTP requests / RPC calls", chain)
	p("%8s    %-12s%-16s%-12s%-16s%s", "changes", "cold: ours", "theirs", "warm: ours", "theirs", "ours, head moved")
	for _, x := range rows {
		p("%8d    %-12s%-16s%-12s%-16s%.0f", x.changes, cell(x.requests.ours, x.calls.ours), cell(x.requests.theirs, x.calls.theirs),
			cell(x.requestsWarm.ours, x.callsWarm.ours), cell(x.requestsWarm.theirs, x.callsWarm.theirs), x.moved)
	}
	return out.String()
}

// judge compares with the bars. A missed one fails the benchmark.
func judge(b *testing.B, rows []row) {
	bar := func(counted, met bool, format string, args ...any) {
		word := "met"
		if !met {
			word = "MISSED"
			if counted || !testing.Short() {
				b.Fail()
			}
		}
		fmt.Printf("%-6s %s\n", word, fmt.Sprintf(format, args...))
	}
	for _, x := range rows {
		if least := map[int]float64{1: 40, 10: 90, 100: 90, 1000: 90}[x.changes]; least > 0 {
			bar(false, x.cold.ratio() >= least, "%d changes, cold: %.0f times as fast, to be at least %.0f", x.changes, x.cold.ratio(), least)
		}
		bar(true, x.requests.ours == 1, "%d changes, cold: %.0f HTTP requests, to be 1", x.changes, x.requests.ours)
		bar(true, x.requestsWarm.ours == 1, "%d changes, warm: %.0f HTTP requests, to be 1", x.changes, x.requestsWarm.ours)
		bar(true, x.moved <= 2, "%d changes, after the head moved: %.0f HTTP requests, to be 2 at most", x.changes, x.moved)
		if x.changes == 1000 {
			bar(false, x.fold <= 2.5, "folding 1000 events: %.2f ms, to be 2.5 at most", x.fold)
			bar(false, x.distant.ours <= 200, "1000 changes, 50 ms away: %.0f ms, to be 200 at most", x.distant.ours)
		}
	}
}
