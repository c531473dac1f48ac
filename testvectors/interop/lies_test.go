package interop_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/crypto"

	"github.com/khyer/khyer/did"
	"github.com/khyer/khyer/did/didethr"
	"github.com/khyer/khyer/did/pubkey"
	"github.com/khyer/khyer/verifier"
)

// stolen is the story behind every lie: an issuer's key was stolen, and revoked two minutes ago, in a block with another change; a thief
// shows a card of that key, to a verifier whose node lies or fails.
type stolen struct {
	*world
	relay    *relay
	signer   pubkey.Signer
	iss      did.DID
	before   uint64 // the block at which the key was still good
	revoking uint64
	empty    uint64 // a block with nothing in it
}

func openStolen(t *testing.T, chain, registry string) *stolen {
	start := time.Now().Add(-20 * time.Minute)
	w := openWorldAt(t, chain, registry, start)
	s := &stolen{world: w, signer: newSigner(t)}
	h := w.newHand(t)
	w.tick(t, time.Time{})
	key := w.multikey(t, s.signer.Public())
	set := func(name string, value []byte) {
		h.write(t, "setAttribute", h.address, name32(name), value, seconds(year))
	}
	set(issuing, key)
	set("did/svc/IssuerPage", []byte("https://registry.example/cards"))
	w.tick(t, start.Add(5*time.Minute))
	set("did/svc/Help", []byte("https://registry.example/help"))
	w.tick(t, start.Add(10*time.Minute))
	s.before = w.head(t)
	set("did/svc/Office", []byte("https://registry.example/office"))
	h.write(t, "revokeAttribute", h.address, name32(issuing), key) // the block's last, to which no link leads
	w.tick(t, start.Add(18*time.Minute))
	s.revoking = w.head(t)
	w.tick(t, start.Add(19*time.Minute))
	s.empty = w.head(t)
	if n := len(w.history(t, h.address).Logs); n != 5 {
		t.Fatalf("%d events", n)
	}
	id, err := did.Parse(fmt.Sprintf("did:ethr:%s:%s", w.registry.Name, h.address.Hex()))
	if err != nil {
		t.Fatal(err)
	}
	s.iss, s.relay = id, openRelay(t, w.rpc)
	return s
}

// reader is a new resolver that asks the given nodes.
func (s *stolen) reader(t testing.TB, agree int, rpc ...string) *didethr.Resolver {
	t.Helper()
	n := s.registry
	n.RPC, n.Agree = rpc, agree
	r, err := didethr.New(didethr.Config{Networks: []didethr.Network{n}, Finality: "latest", Client: &http.Client{Timeout: 2 * time.Second}})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// outcome shows the thief's card to a verifier and says in words what came of it.
func (s *stolen) outcome(t testing.TB, r did.Resolver, age time.Duration) string {
	t.Helper()
	c := &chainCase{l: s.ledger, iss: s.iss.String(), resolver: r, age: age}
	c.card(t, s.signer)
	err := c.ask(t)
	var rejected *verifier.Rejection
	var open *verifier.Inconclusive
	switch {
	case err == nil:
		return "accepted, " + c.trust
	case errors.As(err, &rejected):
		return "rejected, " + string(rejected.Reason)
	case errors.As(err, &open):
		return "inconclusive, " + string(open.Reason)
	}
	t.Fatal(err)
	return ""
}

const (
	revoked     = "rejected, " + string(verifier.IssuerKeyRevoked)
	notFinal    = "inconclusive, " + string(verifier.IssuerKeyNotFinal) // the card is younger than the block: a key may yet come
	unavailable = "inconclusive, " + string(verifier.ChainUnavailable)
	garbled     = "inconclusive, " + string(verifier.ChainGarbled)
	incomplete  = "inconclusive, " + string(verifier.ChainIncomplete)
	stale       = "inconclusive, " + string(verifier.ChainStale)
	wrong       = "inconclusive, " + string(verifier.ChainWrong)
	asserted    = "accepted, asserted"
)

// lie is what a node does, and the outcome for a verifier that asks this node alone and has never asked before. onStock is the outcome
// with a registry that has no accumulator, where it differs. A liar who tells one consistent story is believed at most at the level
// asserted; against that help a limit on the head's age and further operators.
type lie struct {
	name    string
	fault   func(*testing.T, *stolen) fault
	want    string
	onStock string
	// stays says that a new reader still believes it afterwards, on a registry without an accumulator.
	stays bool
	// two is the outcome where this node and an honest one must agree; empty means any inconclusive one.
	two string
}

var lies = []lie{
	{name: "drops the log of the revocation", want: incomplete, fault: func(t *testing.T, s *stolen) fault {
		return altered(t, func(c *rpcCall) {
			if c.Method == "eth_getLogs" {
				c.Result = withoutRevocation(c.Result)
			}
		})
	}},
	// A registry without an accumulator has nothing that shows this one. It stays in the reader's memory too, which is kept for as long as the
	// identity's last change is the same. Only another operator tells.
	{name: "drops it from the receipts too", want: incomplete, onStock: asserted, stays: true, fault: func(t *testing.T, s *stolen) fault {
		return altered(t, func(c *rpcCall) {
			switch c.Method {
			case "eth_getLogs":
				c.Result = withoutRevocation(c.Result)
			case "eth_getBlockReceipts":
				receipts, _ := c.Result.([]any)
				for _, r := range receipts {
					r.(object)["logs"] = withoutRevocation(r.(object)["logs"])
				}
			}
		})
	}},
	{name: "drops every log of the revocation's block", want: incomplete, fault: func(t *testing.T, s *stolen) fault {
		return altered(t, func(c *rpcCall) {
			if c.Method == "eth_getLogs" {
				c.Result = keepLogs(c.Result, func(log object) bool { return log["blockNumber"] != hexText(s.revoking) })
			}
		})
	}},
	{name: "has no logs at all", want: incomplete, fault: func(t *testing.T, s *stolen) fault {
		return altered(t, func(c *rpcCall) {
			if c.Method == "eth_getLogs" {
				c.Result = []any{}
			}
		})
	}},
	{name: "knows nothing of the DID", want: notFinal, fault: func(t *testing.T, s *stolen) fault {
		return altered(t, func(c *rpcCall) {
			switch data := inputOf(c); {
			case c.Method == "eth_getLogs":
				c.Result = []any{}
			case strings.HasPrefix(data, selectorOf(t, "changed(address)")), strings.HasPrefix(data, selectorOf(t, "history(address)")):
				c.Result = "0x" + strings.Repeat("0", 64)
			}
		})
	}},
	{name: "gives the logs of somebody else", want: garbled, fault: func(t *testing.T, s *stolen) fault {
		return altered(t, func(c *rpcCall) {
			if c.Method == "eth_getLogs" {
				for _, l := range c.Result.([]any) {
					l.(object)["topics"].([]any)[1] = "0x" + strings.Repeat("0", 24) + strings.Repeat("7", 40)
				}
			}
		})
	}},
	{name: "serves another chain", want: wrong, fault: func(t *testing.T, s *stolen) fault {
		return altered(t, func(c *rpcCall) {
			if c.Method == "eth_chainId" {
				c.Result = "0x4"
			}
		})
	}},
	{name: "has other code at the registry's address", want: wrong, fault: func(t *testing.T, s *stolen) fault {
		return altered(t, func(c *rpcCall) {
			if c.Method == "eth_getCode" {
				c.Result = c.Result.(string) + "00"
			}
		})
	}},
	// Nobody can tell such a node from one that is slow, but by the age of its head, by what it said before, and by how far it is behind others:
	// two that must agree do so about an older block only if it is not much older.
	{name: "stands at an old head", want: asserted, fault: func(t *testing.T, s *stolen) fault { return s.oldHead }},
	// What is said about the DID is right then, by the accumulator or the receipts, and only the anchor is not.
	{name: "gives another block's hash for each block", want: revoked, fault: func(t *testing.T, s *stolen) fault {
		return altered(t, func(c *rpcCall) {
			if b, ok := c.Result.(object); ok && strings.HasPrefix(c.Method, "eth_getBlockBy") {
				b["hash"] = "0x" + strings.Repeat("ab", 32)
			}
		})
	}},
	{name: "gives a block another hash each time", want: incomplete, fault: func(t *testing.T, s *stolen) fault {
		var n atomic.Int64
		return altered(t, func(c *rpcCall) {
			if b, ok := c.Result.(object); ok && strings.HasPrefix(c.Method, "eth_getBlockBy") {
				b["hash"] = fmt.Sprintf("0x%064x", n.Add(1))
			}
		})
	}},
	{name: "gives logs another block's hash", want: revoked, onStock: incomplete, fault: func(t *testing.T, s *stolen) fault {
		return altered(t, func(c *rpcCall) {
			if logs, ok := c.Result.([]any); ok && c.Method == "eth_getLogs" {
				for _, l := range logs {
					l.(object)["blockHash"] = "0x" + strings.Repeat("ab", 32)
				}
			}
		})
	}},
	{name: "says 429", want: unavailable, fault: func(*testing.T, *stolen) fault {
		return always(http.StatusTooManyRequests, `{"jsonrpc":"2.0","id":null,"error":{"code":-32005,"message":"slow down"}}`)
	}},
	{name: "says 500 with a page", want: unavailable, fault: func(*testing.T, *stolen) fault { return always(http.StatusInternalServerError, "<html>") }},
	{name: "shows a page to log in", want: garbled, fault: func(*testing.T, *stolen) fault { return always(http.StatusOK, "<html>please log in</html>") }},
	{name: "never answers", want: unavailable, fault: func(*testing.T, *stolen) fault {
		return func([]byte, func([]byte) []byte) (int, []byte) { return 0, nil }
	}},
	{name: "gives half an answer", want: incomplete, fault: func(*testing.T, *stolen) fault {
		return func(q []byte, honest func([]byte) []byte) (int, []byte) {
			b := honest(q)
			return http.StatusOK, b[:len(b)/2]
		}
	}},
	{name: "leaves one answer of the batch out", want: incomplete, fault: func(t *testing.T, s *stolen) fault {
		return batch(t, func(b []json.RawMessage) []json.RawMessage { return b[1:] })
	}},
	{name: "answers the calls in another order", want: revoked, two: revoked, fault: func(t *testing.T, s *stolen) fault {
		return batch(t, func(b []json.RawMessage) []json.RawMessage { return append(b[1:], b[0]) })
	}},
	{name: "refuses ranges of logs", want: revoked, two: revoked, fault: func(t *testing.T, s *stolen) fault {
		return s.refuseRanges(t)
	}},
}

func TestLyingNodes(t *testing.T) {
	for _, on := range []string{"our chain/ours", "our chain/1.3.0", "our chain/0.0.3", "anvil/ours", "anvil/1.3.0"} {
		chain, registry, _ := strings.Cut(on, "/")
		t.Run(on, func(t *testing.T) {
			node(t)
			s := openStolen(t, chain, registry)
			if got := s.outcome(t, s.reader(t, 0, s.relay.url), 0); got != revoked {
				t.Fatalf("the honest node: %s, want %s", got, revoked)
			}
			warm := s.reader(t, 0, s.relay.url)
			second, third := openRelayAt(t, "127.0.0.2", s.rpc), openRelayAt(t, "127.0.0.3", s.rpc)
			for _, x := range lies {
				t.Run(x.name, func(t *testing.T) { s.try(t, &x, warm, second, third) })
			}
		})
	}
}

func (s *stolen) try(t *testing.T, x *lie, warm *didethr.Resolver, second, third *relay) {
	want := x.want
	if x.onStock != "" && !s.strict() {
		want = x.onStock
	}
	if got := s.outcome(t, warm, 0); got != revoked {
		t.Fatalf("a reader with a memory, before: %s", got)
	}
	fresh := s.reader(t, 0, s.relay.url)
	s.relay.lie(x.fault(t, s))
	defer s.relay.lie(nil)
	if got := s.outcome(t, fresh, 0); got != want {
		t.Errorf("a new reader: %s, want %s", got, want)
	}
	got := s.outcome(t, warm, 0)
	t.Logf("a new reader: %s; one with a memory: %s", want, got)
	if x.want == asserted { // it has answered from a newer block already, and does not go back behind it
		want = stale
	}
	if got != revoked && got != want {
		t.Errorf("a reader with a memory: %s, want %s or %s", got, revoked, want)
	}
	if x.want == asserted {
		if got := s.outcome(t, s.reader(t, 0, s.relay.url), 5*time.Minute); got != stale {
			t.Errorf("with a limit on the age of the head: %s, want %s", got, stale)
		}
	}
	if got := s.outcome(t, s.reader(t, 2, s.relay.url, second.url, third.url), 0); got != revoked {
		t.Errorf("beside two honest nodes, of which two must agree: %s, want %s", got, revoked)
	}
	if got := s.outcome(t, s.reader(t, 2, s.relay.url, second.url), 0); got != x.two && (x.two != "" || !strings.HasPrefix(got, "inconclusive")) {
		t.Errorf("with an honest node that must agree: %s, want %s", got, cmp.Or(x.two, "an inconclusive outcome"))
	}
	// The lie is gone, and nothing of it may have stayed.
	s.relay.lie(nil)
	if got := s.outcome(t, warm, 0); got != revoked {
		t.Errorf("after the lie, the reader with a memory: %s, want %s", got, revoked)
	}
	after := revoked
	if x.stays && !s.strict() {
		after = want
	}
	if got := s.outcome(t, fresh, 0); got != after {
		t.Errorf("after the lie, the reader that was new: %s, want %s", got, after)
	}
}

// oldHead answers as if the block before the revocation were the newest.
func (s *stolen) oldHead(request []byte, honest func([]byte) []byte) (int, []byte) {
	return http.StatusOK, honest(bytes.ReplaceAll(request, []byte(`"latest"`), []byte(`"`+hexText(s.before)+`"`)))
}

// refuseRanges answers eth_getLogs about more than one block as providers do who limit ranges.
func (s *stolen) refuseRanges(t testing.TB) fault {
	return func(request []byte, honest func([]byte) []byte) (int, []byte) {
		var asked []struct {
			ID     json.RawMessage
			Method string
			Params []struct{ FromBlock, ToBlock string }
		}
		var raw []struct {
			ID     json.RawMessage
			Method string
		}
		if json.Unmarshal(request, &raw) != nil {
			return http.StatusOK, honest(request)
		}
		json.Unmarshal(request, &asked) // other calls have other parameters
		refused := map[string]bool{}
		for i, q := range raw {
			if q.Method == "eth_getLogs" && i < len(asked) && len(asked[i].Params) == 1 && asked[i].Params[0].FromBlock != asked[i].Params[0].ToBlock {
				refused[string(q.ID)] = true
			}
		}
		var answers []map[string]json.RawMessage
		if err := json.Unmarshal(honest(request), &answers); err != nil {
			t.Error(err)
		}
		for _, a := range answers {
			if refused[string(a["id"])] {
				delete(a, "result")
				a["error"] = json.RawMessage(`{"code":-32005,"message":"query exceeds the largest range"}`)
			}
		}
		out, _ := json.Marshal(answers)
		return http.StatusOK, out
	}
}

// batch changes the list of answers to a batch.
func batch(t testing.TB, change func([]json.RawMessage) []json.RawMessage) fault {
	return func(request []byte, honest func([]byte) []byte) (int, []byte) {
		var answers []json.RawMessage
		answer := honest(request)
		if json.Unmarshal(answer, &answers) != nil || len(answers) < 2 {
			return http.StatusOK, answer
		}
		out, err := json.Marshal(change(answers))
		if err != nil {
			t.Error(err)
		}
		return http.StatusOK, out
	}
}

func keepLogs(result any, keep func(object) bool) any {
	logs, ok := result.([]any)
	if !ok {
		return result
	}
	kept := []any{}
	for _, l := range logs {
		if keep(l.(object)) {
			kept = append(kept, l)
		}
	}
	return kept
}

// withoutRevocation leaves out events of attributes whose validity is zero.
func withoutRevocation(result any) any {
	return keepLogs(result, func(log object) bool {
		data, _ := log["data"].(string)
		const word = 64
		return len(data) < 2+3*word || strings.Trim(data[2+2*word:2+3*word], "0") != ""
	})
}

// inputOf is the input of an eth_call, in hex.
func inputOf(c *rpcCall) string {
	if c.Method != "eth_call" {
		return ""
	}
	call, _ := c.Params[0].(object)
	for _, name := range []string{"input", "data"} {
		if text, ok := call[name].(string); ok {
			return text
		}
	}
	return ""
}

func hexText(n uint64) string { return "0x" + hexNumber(n) }

func selectorOf(t testing.TB, signature string) string {
	t.Helper()
	return hexString(crypto.Keccak256([]byte(signature))[:4])
}
