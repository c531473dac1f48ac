package didethr

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/khyer/khyer/did"
)

func (r *recording) chain(t testing.TB) *chain {
	n, h := r.history(t)
	c := &chain{chainID: n.ChainID, registry: n.Registry, logs: h.Logs, tagged: map[string]uint64{}}
	for _, b := range r.Blocks {
		c.blocks = append(c.blocks, h.Blocks[b.Number])
	}
	return c
}

// TestResolverReadsRecordedHistories resolves over JSON-RPC what TestRecordedHistories folds from memory.
func TestResolverReadsRecordedHistories(t *testing.T) {
	compared, later := 0, 0
	all := recordings(t)
	for i := range all {
		rec := &all[i]
		n, h := rec.history(t)
		c := rec.chain(t)
		c.stamps = i%2 == 0
		var clock int64
		r := c.serve(t, func(conf *Config) {
			conf.Networks[0].Name = n.Name
			conf.Now = func() time.Time { return time.Unix(clock, 0) }
		})
		for j := range rec.Queries {
			q := &rec.Queries[j]
			if q.Kind == "lax" {
				continue
			}
			clock = q.Clock
			id, err := did.Parse(q.DID)
			if err != nil {
				t.Fatal(err)
			}
			at, err := did.URL{Query: q.Params}.At()
			if err != nil {
				t.Fatal(err)
			}
			want, err := Fold(n, h, id, at, time.Unix(clock, 0))
			if err != nil {
				t.Fatal(err)
			}
			got, err := r.Resolve(t.Context(), id, at)
			if at.Time.After(unix(h.Head.Time)) {
				if later++; !errors.Is(err, did.NotFound) {
					t.Errorf("%s: %s?%s: error %v, want notFound", rec.Name, q.DID, q.Params, err)
				}
				continue
			}
			if err != nil {
				t.Errorf("%s: %s?%s: %v", rec.Name, q.DID, q.Params, err)
				continue
			}
			if want.Anchor.Tag == "" {
				want.Anchor.Tag = "finalized"
			}
			if at.Block == 0 && at.Time.IsZero() {
				want.Anchor.Newest = want.Anchor.Time // these nodes call their newest block final
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("%s: %s?%s: got %+v, want %+v", rec.Name, q.DID, q.Params, got, want)
			}
			compared++
		}
	}
	t.Logf("%d resolutions agree; %d times after the newest block are refused", compared, later)
}

// TestOmittedLog is fault F8: a node leaves one log out, each log in turn (of long histories every fifth). The accumulator of our registry or the
// block's receipts show every omission. Without both, an event that is not the first of its block can be missing unseen.
func TestOmittedLog(t *testing.T) {
	all := recordings(t)
	for _, source := range []string{"accumulator", "receipts", "links alone"} {
		t.Run(source, func(t *testing.T) {
			noticed, unseen := 0, 0
			for i := range all {
				n, u := omit(t, &all[i], source)
				noticed, unseen = noticed+n, unseen+u
			}
			t.Logf("%d omissions noticed, %d not", noticed, unseen)
			if source != "links alone" && unseen > 0 {
				t.Errorf("%d omissions not noticed", unseen)
			}
		})
	}
}

func omit(t *testing.T, rec *recording, source string) (noticed, unseen int) {
	c := rec.chain(t)
	c.sums, c.receipts = source == "accumulator", source == "receipts"
	identity := Address(bytesOf(t, rec.Identity.Address))
	id, err := did.Parse(rec.Queries[0].DID)
	if err != nil {
		t.Fatal(err)
	}
	var own []Log
	for _, l := range c.logs {
		if l.isERC1056(c.registry, identity) {
			own = append(own, l)
		}
	}
	for j, l := range own {
		if len(own) > 25 && j%5 != 0 {
			continue
		}
		c.tamper = func(method string, _ []any, result any) any {
			if method != "eth_getLogs" {
				return result
			}
			return slices.DeleteFunc(result.([]any), func(v any) bool {
				m := v.(map[string]any)
				return m["blockNumber"] == quantity(l.Block) && m["logIndex"] == quantity(l.Index)
			})
		}
		r := c.serve(t, func(conf *Config) { conf.Networks[0].Name = rec.Network.Name })
		_, err := r.Resolve(t.Context(), id, did.At{})
		switch {
		case errors.Is(err, did.IncompleteAnswer):
			noticed++
		case err == nil && j > 0 && own[j-1].Block == l.Block:
			unseen++
		default:
			t.Errorf("%s without log %d of %d: %v, want incompleteAnswer", rec.Name, j, len(own), err)
		}
	}
	return noticed, unseen
}

// TestConfirmedBlocks are not asked for again, and what they had is remembered.
func TestConfirmedBlocks(t *testing.T) {
	c, _, id := busy()
	c.receipts = true
	r := c.serve(t)
	for range 3 {
		r.cache = newCache()
		if _, err := r.Resolve(t.Context(), id, did.At{}); err != nil {
			t.Fatal(err)
		}
	}
	r.cache = newCache()
	if c.requests != 4 {
		t.Errorf("%d requests for three resolutions, want one more", c.requests)
	}
	c.receipts = false
	c.tamper = func(method string, _ []any, result any) any {
		if method == "eth_getLogs" {
			l := result.([]any)
			return append(l, map[string]any{"address": testRegistry, "topics": l[2].(map[string]any)["topics"], "data": l[2].(map[string]any)["data"],
				"blockNumber": "0xc", "blockHash": hex32(c.blocks[12].Hash), "logIndex": "0x9"})
		}
		return result
	}
	_, err := r.Resolve(t.Context(), id, did.At{})
	if !errors.Is(err, did.IncompleteAnswer) {
		t.Errorf("an event that was not there before: %v", err)
	}
}

var never = uint64(maxTime)

// busy has an identity with three events in two blocks, and another identity's key in one of them.
func busy() (*chain, Address, did.DID) {
	c := newChain()
	a, id := issuer(1)
	other, _ := issuer(2)
	c.attribute(a, "did/pub/Multikey/veriKey", p256Value(1), never)
	c.mine(3)
	c.attribute(other, "did/pub/Multikey/veriKey", p256Value(2), never)
	c.attribute(a, "did/svc/HubService", []byte("https://issuer.example"), never)
	c.changeOwner(a, Address{0x77})
	c.mine(2)
	return c, a, id
}

// TestFaultyNode gives each fault its own reason.
func TestFaultyNode(t *testing.T) {
	onLogs := func(f func(logs []any) any) func(string, []any, any) any {
		return func(method string, _ []any, result any) any {
			if method == "eth_getLogs" {
				return f(result.([]any))
			}
			return result
		}
	}
	on := func(want string, result any) func(string, []any, any) any {
		return func(method string, _ []any, honest any) any {
			if method == want {
				return result
			}
			return honest
		}
	}
	edit := func(member string, value any) func(string, []any, any) any {
		return onLogs(func(logs []any) any { logs[0].(map[string]any)[member] = value; return logs })
	}
	onCall := func(selector []byte, lie any) func(string, []any, any) any {
		return func(method string, params []any, result any) any {
			if method == "eth_call" && strings.HasPrefix(params[0].(map[string]any)["data"].(string), fmt.Sprintf("0x%x", selector)) {
				return lie
			}
			return result
		}
	}
	receipts := func(f func(logs []any) []any) func(string, []any, any) any {
		c, _, _ := busy()
		c.receipts = true
		return func(method string, params []any, result any) any {
			if method == "eth_getBlockReceipts" {
				honest := c.answer(method, params).([]any)
				first := honest[0].(map[string]any)
				first["logs"] = f(first["logs"].([]any))
				return honest
			}
			return result
		}
	}
	other, _ := issuer(2)
	for _, test := range []struct {
		name   string
		code   did.Code
		tamper func(method string, params []any, result any) any
		raw    func(http.ResponseWriter, *http.Request) bool
		change func(*Config)
	}{
		{name: "a web page", code: did.GarbledAnswer, raw: write("<html>")},
		{name: "half an answer", code: did.IncompleteAnswer, raw: write(`[{"jsonrpc":"2.0","id":1,"result":"0x`)},
		{name: "an answer to one call of the batch", code: did.IncompleteAnswer, raw: write(`[{"jsonrpc":"2.0","id":1,"result":"0x0"}]`)},
		{name: "a server error", code: did.Unavailable, raw: func(w http.ResponseWriter, _ *http.Request) bool {
			http.Error(w, "down", http.StatusBadGateway)
			return true
		}},
		{name: "a huge answer", code: did.GarbledAnswer, raw: func(w http.ResponseWriter, _ *http.Request) bool {
			page := []byte(strings.Repeat(" ", 1<<16))
			for i := 0; i < maxAnswer/len(page)+2; i++ {
				if _, err := w.Write(page); err != nil {
					break
				}
			}
			return true
		}},
		{name: "another chain", code: did.WrongChain, tamper: on("eth_chainId", "0x1")},
		{name: "no contract", code: did.WrongChain, tamper: on("eth_call", "0x")},
		{name: "another contract", code: did.WrongChain, change: func(c *Config) { c.Networks[0].CodeHash = keccak([]byte("other")) }},
		{name: "an old head", code: did.StaleAnswer, change: func(c *Config) {
			now := c.Now()
			c.MaxAge, c.Now = time.Hour, func() time.Time { return now.Add(time.Hour + time.Second) }
		}},
		{name: "a registry younger than the block", code: did.Unavailable, change: func(c *Config) { c.Networks[0].FromBlock = 1000 }},
		{name: "no finalized block", code: did.Unavailable, tamper: on("eth_getBlockByNumber", nil)},
		{name: "a header without a hash", code: did.GarbledAnswer, tamper: on("eth_getBlockByNumber", map[string]any{"number": "0x1", "timestamp": "0x1"})},
		{name: "a refused call", code: did.Unavailable, tamper: on("eth_call", &rpcError{-32000, "missing trie node"})},
		{name: "a number for a word", code: did.GarbledAnswer, tamper: on("eth_call", 7)},
		{name: "a change in the future", code: did.GarbledAnswer, tamper: on("eth_call", hex32([32]byte(uintWord(99))))},
		{name: "logs that are no list", code: did.GarbledAnswer, tamper: on("eth_getLogs", "0x")},
		{name: "no logs", code: did.IncompleteAnswer, tamper: on("eth_getLogs", []any{})},
		{name: "no first log of a block of two", code: did.IncompleteAnswer, tamper: onLogs(func(l []any) any { return append(l[:1:1], l[2]) })},
		{name: "no last log of a block of two, an owner's", code: did.IncompleteAnswer, tamper: onLogs(func(l []any) any { return l[:2] })},
		{name: "no oldest log", code: did.IncompleteAnswer, tamper: onLogs(func(l []any) any { return l[1:] })},
		{name: "a removed log", code: did.IncompleteAnswer, tamper: edit("removed", true)},
		{name: "a log of another contract", code: did.GarbledAnswer, tamper: edit("address", "0x00000000000000000000000000000000000e1057")},
		{name: "a log of another identity", code: did.GarbledAnswer, tamper: edit("topics", []string{hex32(topicAttribute), hex32(addressWord(other))})},
		{name: "a log of another event", code: did.GarbledAnswer, tamper: edit("topics", []string{hex32(keccak([]byte("Transfer()"))), hex32(addressWord(other))})},
		{name: "a log with odd data", code: did.GarbledAnswer, tamper: edit("data", "0x123")},
		{name: "a log with short data", code: did.GarbledAnswer, tamper: edit("data", "0x12")},
		{name: "a log of a block out of range", code: did.GarbledAnswer, tamper: edit("blockNumber", "0x99")},
		{name: "a log of a block with two hashes", code: did.IncompleteAnswer, tamper: onLogs(func(l []any) any {
			l[1].(map[string]any)["blockHash"] = hex32([32]byte{1})
			return l
		})},
		{name: "a log of a block with two times", code: did.GarbledAnswer, tamper: onLogs(func(l []any) any {
			l[1].(map[string]any)["blockTimestamp"] = quantity(uint64(testTime.Unix()) + 60*12 - 1)
			return l
		})},
		{name: "time that runs backwards", code: did.GarbledAnswer, tamper: edit("blockTimestamp", quantity(uint64(testTime.Unix())+60*12+1))},
		{name: "a log later than the newest block", code: did.GarbledAnswer, tamper: onLogs(func(l []any) any {
			for _, v := range l[1:] {
				v.(map[string]any)["blockTimestamp"] = quantity(uint64(testTime.Unix()) + 60*14 + 1)
			}
			return l
		})},
		{name: "two logs in one place", code: did.GarbledAnswer, tamper: onLogs(func(l []any) any {
			l[2].(map[string]any)["logIndex"] = l[1].(map[string]any)["logIndex"]
			return l
		})},
		{name: "a header of one hash with two times", code: did.GarbledAnswer, tamper: func() func(string, []any, any) any {
			asked := 0
			return func(method string, _ []any, result any) any {
				if m, ok := result.(map[string]any); ok && method == "eth_getBlockByNumber" {
					if asked++; asked == 2 {
						m["timestamp"] = quantity(uint64(testTime.Unix()) + 60*14 + 1)
					}
				}
				return result
			}
		}()},
		{name: "too many logs", code: did.IncompleteAnswer, tamper: onLogs(func(l []any) any {
			for len(l) <= maxEvents {
				l = append(l, l[2])
			}
			return l
		})},
		{name: "a limit of the rate", code: did.Unavailable, raw: func(w http.ResponseWriter, _ *http.Request) bool {
			w.WriteHeader(http.StatusTooManyRequests)
			_, _ = w.Write([]byte(`{"jsonrpc":"2.0","id":null,"error":{"code":-32005,"message":"daily request count exceeded"}}`))
			return true
		}},
		{name: "results beside status 429", code: did.Unavailable, raw: func(w http.ResponseWriter, _ *http.Request) bool {
			w.WriteHeader(http.StatusTooManyRequests)
			return false
		}},
		{name: "a limit of the rate for one call", code: did.Unavailable, tamper: on("eth_getLogs", &rpcError{429, "rate limit"})},
		{name: "no change although there are logs", code: did.IncompleteAnswer, tamper: onCall(selectorChanged, hex32([32]byte{}))},
		{name: "a change before the last one", code: did.IncompleteAnswer, tamper: onCall(selectorChanged, hex32([32]byte(uintWord(9))))},
		{name: "a change after the last one", code: did.IncompleteAnswer, tamper: onCall(selectorChanged, hex32([32]byte(uintWord(13))))},
		{name: "an owner that is no address", code: did.GarbledAnswer, tamper: onCall(selectorOwner, hex32([32]byte{1}))},
		{name: "an accumulator of another history", code: did.IncompleteAnswer, tamper: onCall(selectorHistory, hex32([32]byte{1}))},
		{name: "an accumulator of no history", code: did.IncompleteAnswer, tamper: onCall(selectorHistory, hex32([32]byte{}))},
		{name: "an accumulator of another length", code: did.GarbledAnswer, tamper: onCall(selectorHistory, "0x12")},
		{name: "receipts without a log", code: did.IncompleteAnswer, tamper: receipts(func(logs []any) []any { return logs[1:] })},
		{name: "receipts with a log too many", code: did.IncompleteAnswer, tamper: receipts(func(logs []any) []any { return append(logs, logs[0]) })},
		{name: "receipts that are null", code: did.Unavailable, tamper: func() func(string, []any, any) any {
			f := receipts(func(logs []any) []any { return logs })
			return func(m string, p []any, result any) any {
				if m == "eth_getBlockReceipts" {
					return nil
				}
				return f(m, p, result)
			}
		}(), change: nil},
		{name: "a log with another value", code: did.IncompleteAnswer, tamper: func(m string, p []any, result any) any {
			if m == "eth_call" && strings.HasPrefix(p[0].(map[string]any)["data"].(string), fmt.Sprintf("0x%x", selectorHistory)) {
				c, a, _ := busy() // the honest accumulator
				return hex32(c.sum(a, c.head().Number))
			}
			return edit("data", "0x"+hex.EncodeToString(attributeData("did/pub/Multikey/veriKey", p256Value(66), uintWord(never), uintWord(0))))(m, p, result)
		}},
		{name: "another owner", code: did.IncompleteAnswer, tamper: func(method string, params []any, result any) any {
			if method == "eth_call" && strings.HasPrefix(params[0].(map[string]any)["data"].(string), fmt.Sprintf("0x%x", selectorOwner)) {
				return hex32(addressWord(other))
			}
			return result
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			c, _, id := busy()
			c.tamper, c.raw = test.tamper, test.raw
			change := test.change
			if change == nil {
				change = func(*Config) {}
			}
			got, err := c.serve(t, change).Resolve(t.Context(), id, did.At{})
			if !errors.Is(err, test.code) || got != nil {
				t.Fatalf("error %v, want %s", err, test.code)
			}
			var e *did.Error
			if !errors.As(err, &e) || !e.Code.Inconclusive() {
				t.Fatalf("%v is not inconclusive", err)
			}

			// The same of a node whose word was good before: what it is not asked for again it cannot falsify.
			c, _, id = busy()
			r := c.serve(t, change)
			want, _ := r.Resolve(t.Context(), id, did.At{})
			c.tamper, c.raw = test.tamper, test.raw
			if got, err = r.Resolve(t.Context(), id, did.At{}); err == nil && !reflect.DeepEqual(got, want) || err != nil && !inconclusive(err) {
				t.Fatalf("got %+v, %v; want %+v", got, err, want)
			}
		})
	}
}

// TestReorderedLogs: the order in which a node sends logs says nothing.
func TestReorderedLogs(t *testing.T) {
	c, _, id := busy()
	c.sums = true
	r := c.serve(t)
	want, err := r.Resolve(t.Context(), id, did.At{})
	if err != nil {
		t.Fatal(err)
	}
	c.tamper = func(method string, _ []any, result any) any {
		if l, ok := result.([]any); ok && method == "eth_getLogs" {
			slices.Reverse(l)
		}
		return result
	}
	r.cache = newCache()
	if got, err := r.Resolve(t.Context(), id, did.At{}); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v", got, err)
	}
}

func write(s string) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, _ *http.Request) bool { _, _ = w.Write([]byte(s)); return true }
}

func TestSilentNode(t *testing.T) {
	c, _, id := busy()
	c.raw = func(_ http.ResponseWriter, r *http.Request) bool {
		_, _ = io.Copy(io.Discard, r.Body) // only then does the server notice that the client has left
		<-r.Context().Done()
		return true
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	begin := time.Now()
	_, err := c.serve(t).Resolve(ctx, id, did.At{})
	if !errors.Is(err, did.Unavailable) || !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("error %v, want unavailable with the deadline", err)
	}
	if took := time.Since(begin); took > 5*time.Second {
		t.Fatalf("gave up after %v only", took)
	}
}

func TestQuestionsRefusedWithoutANode(t *testing.T) {
	c, _, id := busy()
	r := c.serve(t)
	parse := func(s string) did.DID {
		d, err := did.Parse(s)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	point := "0x0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798" // the generator of secp256k1
	for _, test := range []struct {
		id   did.DID
		at   did.At
		code did.Code
	}{
		{parse("did:ethr:other:0x1500000000000000000000000000000000000001"), did.At{}, did.UnknownNetwork},
		{parse("did:ethr:0x1500000000000000000000000000000000000001"), did.At{}, did.UnknownNetwork},
		{parse("did:ethr:0x53a:0x1500000000000000000000000000000000000001"), did.At{}, did.UnknownNetwork},
		{parse("did:ethr:0x0539:" + point), did.At{}, did.UnknownNetwork},
		{parse("did:ethr:dev"), did.At{}, did.InvalidDID},
		{parse("did:ethr:dev:0x15"), did.At{}, did.InvalidDID},
		{parse("did:ethr:devZ" + point), did.At{}, did.InvalidDID},
		{parse("did:ethr:dev:0X" + point[2:]), did.At{}, did.InvalidDID},
		{parse("did:ethr:dev:" + point + "00"), did.At{}, did.InvalidDID},
		{parse("did:ethr:dev:0x05" + point[4:]), did.At{}, did.InvalidDID},
		{parse("did:ethr:dev:0x02" + strings.Repeat("f", 64)), did.At{}, did.InvalidDID},
		{parse("did:ethr::" + point), did.At{}, did.InvalidDID},
		{parse("did:web:issuer.example"), did.At{}, did.InvalidDID},
		{did.DID{}, did.At{}, did.InvalidDID},
		{id, did.At{Block: 3, Time: testTime}, did.InvalidOptions},
		{id, did.At{Anchor: &did.Anchor{Chain: "eip155:1", Block: 3}}, did.InvalidOptions},
	} {
		if _, err := r.Resolve(t.Context(), test.id, test.at); !errors.Is(err, test.code) {
			t.Errorf("%s %+v: error %v, want %s", test.id, test.at, err, test.code)
		}
	}
	if c.requests != 0 {
		t.Errorf("%d requests for questions that need none", c.requests)
	}
	for _, text := range []string{"did:ethr:dev:" + point, "did:ethr:0x539:" + strings.ToUpper(point[2:])} {
		if !strings.Contains(text, "0x02") {
			text = strings.Replace(text, "0x539:", "0x539:0x", 1)
		}
		res, err := r.Resolve(t.Context(), parse(text), did.At{})
		if err != nil || res.Document.ID.String() != text || res.Document.VerificationMethod[1].ID != text+"#controllerKey" {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// TestOneRequest is the promise of the reader: one batch for a resolution, whatever the length of the history.
func TestOneRequest(t *testing.T) {
	c, _, id := busy()
	c.sums = true
	r := c.serve(t)
	for range 2 {
		if _, err := r.Resolve(t.Context(), id, did.At{}); err != nil {
			t.Fatal(err)
		}
	}
	if c.requests != 2 {
		t.Errorf("%d requests for two resolutions", c.requests)
	}
	if n := strings.Count(strings.Join(c.calls, " "), "eth_chainId"); n != 1 {
		t.Errorf("the chain id was asked for %d times", n)
	}
}

// TestChainMovesWhileItIsRead lets a block come between the two headers of the batch. The reader asks again, about one block.
func TestChainMovesWhileItIsRead(t *testing.T) {
	for _, reorganised := range []bool{false, true} {
		c, a, id := busy()
		c.sums = true
		headers := 0
		c.tamper = func(method string, params []any, result any) any {
			if method != "eth_getBlockByNumber" {
				return result
			}
			if headers++; headers == 1 {
				c.mu.Unlock() // the caller holds it
				c.mine(1)
				c.attribute(a, "did/pub/Multikey/veriKey", p256Value(3), never)
				c.mu.Lock()
			}
			if headers == 4 && reorganised { // the pinned question
				return header(Block{c.head().Number, [32]byte{9}, c.head().Time})
			}
			return result
		}
		res, err := c.serve(t).Resolve(t.Context(), id, did.At{})
		if reorganised {
			if !errors.Is(err, did.IncompleteAnswer) {
				t.Errorf("error %v, want incompleteAnswer", err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if res.Anchor.Hash != c.head().Hash || len(res.Document.VerificationMethod) != 3 || c.requests != 2 {
			t.Errorf("read at block %d with %d methods in %d requests", res.Anchor.Block, len(res.Document.VerificationMethod), c.requests)
		}
	}
}

// TestRangeRefused walks the links of a node that allows no ranges, and finds the same.
func TestRangeRefused(t *testing.T) {
	c, _, id := busy()
	r := c.serve(t)
	want, err := r.Resolve(t.Context(), id, did.At{})
	if err != nil {
		t.Fatal(err)
	}
	refuse := func(method string, params []any, result any) any {
		if method == "eth_getLogs" {
			f := params[0].(map[string]any)
			if f["fromBlock"] != f["toBlock"] {
				return &rpcError{-32005, "block range is too large"}
			}
		}
		return result
	}
	c.tamper, c.stamps = refuse, false
	r.cache = newCache()
	got, err := r.Resolve(t.Context(), id, did.At{})
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Fatalf("got %+v, %v", got, err)
	}
	t.Run("an identity that never changed needs no logs", func(t *testing.T) {
		_, quiet := issuer(9)
		if _, err := r.Resolve(t.Context(), quiet, did.At{}); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("a reorganisation during the walk", func(t *testing.T) {
		asked := 0
		c.tamper = func(method string, params []any, result any) any {
			if method == "eth_getBlockByNumber" && params[0] == quantity(c.head().Number) {
				if asked++; asked > 0 {
					return header(Block{c.head().Number, [32]byte{9}, c.head().Time})
				}
			}
			return refuse(method, params, result)
		}
		r.cache = newCache()
		if _, err := r.Resolve(t.Context(), id, did.At{}); !errors.Is(err, did.IncompleteAnswer) {
			t.Errorf("error %v, want incompleteAnswer", err)
		}
	})
	t.Run("a log missing on the walk", func(t *testing.T) {
		c.tamper = func(method string, params []any, result any) any {
			if result = refuse(method, params, result); method == "eth_getLogs" {
				if l, ok := result.([]any); ok && len(l) == 1 {
					return []any{}
				}
			}
			return result
		}
		r.cache = newCache()
		if _, err := r.Resolve(t.Context(), id, did.At{}); !errors.Is(err, did.IncompleteAnswer) {
			t.Errorf("error %v, want incompleteAnswer", err)
		}
	})
	t.Run("a link that leads nowhere new", func(t *testing.T) {
		c.tamper = func(method string, params []any, result any) any {
			if result = refuse(method, params, result); method == "eth_getLogs" {
				if l, ok := result.([]any); ok && len(l) == 2 {
					m := l[0].(map[string]any)
					data := m["data"].(string)
					m["data"] = data[:2+64*3] + fmt.Sprintf("%064x", 12) + data[2+64*4:]
				}
			}
			return result
		}
		c.requests = 0
		r.cache = newCache()
		if _, err := r.Resolve(t.Context(), id, did.At{}); !errors.Is(err, did.IncompleteAnswer) || c.requests > 5 {
			t.Errorf("error %v after %d requests, want incompleteAnswer", err, c.requests)
		}
	})
	t.Run("a header of another block", func(t *testing.T) {
		c.tamper = func(method string, params []any, result any) any {
			if method == "eth_getBlockByNumber" && params[0] == "0x9" {
				return header(Block{9, [32]byte{9}, c.blocks[9].Time})
			}
			return refuse(method, params, result)
		}
		r.cache = newCache()
		if _, err := r.Resolve(t.Context(), id, did.At{}); !errors.Is(err, did.IncompleteAnswer) {
			t.Errorf("error %v, want incompleteAnswer", err)
		}
	})
	t.Run("a history too long to be walked", func(t *testing.T) {
		long, a, id := busy()
		for range maxWalk {
			long.mine(1)
			long.attribute(a, "did/svc/X", nil, never)
		}
		long.tamper = refuse
		if _, err := long.serve(t).Resolve(t.Context(), id, did.At{}); !errors.Is(err, did.IncompleteAnswer) {
			t.Errorf("error %v, want incompleteAnswer", err)
		}
	})
	t.Run("no log at all is given", func(t *testing.T) {
		c.tamper = func(method string, params []any, result any) any {
			if method == "eth_getLogs" {
				return &rpcError{-32005, "logs are not kept"}
			}
			return result
		}
		r.cache = newCache()
		if _, err := r.Resolve(t.Context(), id, did.At{}); !errors.Is(err, did.Unavailable) {
			t.Errorf("error %v, want unavailable", err)
		}
	})
}

// TestRangeLimits: what providers answer to a range that they find too long makes no difference to an identity that never changed, and
// costs the others a walk, of few requests where changes come close together.
func TestRangeLimits(t *testing.T) {
	for _, refusal := range []rpcError{
		{-32005, "query returned more than 10000 results"},
		{-32602, "Log response size exceeded. You can make eth_getLogs requests with up to a 2K block range"},
		{-32600, "eth_getLogs is limited to a 10,000 range"},
		{-32000, "exceed maximum block range: 5000"},
		{-32701, "Please specify an address in your request or, to remove restrictions, order a dedicated full node"},
		{35, "ranges over 10000 blocks are not supported on freetier"},
		{429, "Too Many Requests"},
	} {
		limit := uint64(0) // blocks at once
		c := newChain()
		a, id := issuer(1)
		_, quiet := issuer(2)
		c.sums = true
		c.mine(5000)
		for range 30 { // ten bursts of three
			if len(c.logs)%3 == 0 {
				c.mine(50)
			}
			c.mine(1)
			c.attribute(a, "did/svc/X", nil, never)
		}
		c.tamper = func(method string, params []any, result any) any {
			if method == "eth_getLogs" {
				f := params[0].(map[string]any)
				if c.number(f["toBlock"].(string))-c.number(f["fromBlock"].(string))+1 > limit {
					return &refusal
				}
			}
			return result
		}
		r := c.serve(t, func(c *Config) { c.Finality = "latest" })
		if res, err := r.Resolve(t.Context(), quiet, did.At{}); err != nil || len(res.Keys) != 1 || c.requests != 1 {
			t.Errorf("%s: an identity that never changed: %v after %d requests", refusal.Message, err, c.requests)
		}
		if _, err := r.Resolve(t.Context(), id, did.At{}); !errors.Is(err, did.Unavailable) {
			t.Errorf("%s: error %v, want unavailable", refusal.Message, err)
		}
		for _, test := range []struct {
			limit    uint64
			requests int
		}{
			{5000, 1 + 1 + 1},    // the batch, all changes, the newest block again
			{100, 1 + 1 + 5 + 1}, // one refusal, two bursts each
			{10, 1 + 2 + 10 + 1}, // two refusals
			{1, 1 + 3 + 30 + 1},  // three
			{5000, 1 + 10*3 + 1}, // what a node allowed once is not tried anew
		} {
			limit = test.limit
			r.cache = newCache()
			if test.requests != 32 {
				r.networks[0].nodes[0].span.Store(0)
			}
			before := c.requests
			res, err := r.Resolve(t.Context(), id, did.At{})
			if n := c.requests - before; err != nil || len(res.Document.Service) != 1 || n != test.requests {
				t.Errorf("%s, limit %d: %v after %d requests, want %d", refusal.Message, limit, err, n, test.requests)
			}
		}
		c.mine(1)
		c.attribute(a, "did/svc/Y", nil, never)
		before := c.requests
		res, err := r.Resolve(t.Context(), id, did.At{})
		// Whether it still holds, the batch, the newest change, the one that was the newest, the newest block again.
		if n := c.requests - before; err != nil || len(res.Document.Service) != 2 || n != 5 {
			t.Errorf("%s: %v after %d requests, want 5", refusal.Message, err, n)
		}
	}
}

// TestBlocksThatDoNotFit: each log, header and receipt must be of the chain that the newest block is of.
func TestBlocksThatDoNotFit(t *testing.T) {
	for name, set := range map[string]func(c *chain){
		"a log of the newest block": func(c *chain) {
			a, _ := issuer(1)
			c.attribute(a, veriKey, p256Value(5), never)
			c.tamper = func(method string, _ []any, result any) any {
				if l, ok := result.([]any); ok && method == "eth_getLogs" {
					l[3].(map[string]any)["blockHash"] = hex32([32]byte{9})
				}
				return result
			}
		},
		"a header of a block with a log": func(c *chain) {
			c.stamps = false
			c.tamper = func(method string, params []any, result any) any {
				if method == "eth_getBlockByNumber" && params[0] == "0x9" {
					return header(Block{9, [32]byte{9}, c.blocks[9].Time})
				}
				return result
			}
		},
		"receipts": func(c *chain) {
			c.receipts = true
			c.tamper = func(method string, _ []any, result any) any {
				if method == "eth_getBlockReceipts" {
					for _, l := range result.([]any)[0].(map[string]any)["logs"].([]any) {
						l.(map[string]any)["blockHash"] = hex32([32]byte{9})
					}
				}
				return result
			}
		},
	} {
		c, _, id := busy()
		set(c)
		if _, err := c.serve(t).Resolve(t.Context(), id, did.At{}); !errors.Is(err, did.IncompleteAnswer) {
			t.Errorf("%s: error %v, want incompleteAnswer", name, err)
		}
	}
}

// TestAnchorIsNeverStale: MaxAge is about the newest block; who names an older one knows its age.
func TestAnchorIsNeverStale(t *testing.T) {
	c, _, id := busy()
	r := c.serve(t, func(conf *Config) {
		conf.MaxAge, conf.Now = time.Minute, func() time.Time { return testTime.Add(24 * time.Hour) }
	})
	if _, err := r.Resolve(t.Context(), id, did.At{}); !errors.Is(err, did.StaleAnswer) {
		t.Errorf("error %v, want staleAnswer", err)
	}
	if _, err := r.Resolve(t.Context(), id, did.At{Anchor: &did.Anchor{Block: 14, Hash: c.head().Hash}}); err != nil {
		t.Error(err)
	}
}

// TestDuplicateLogs: a node may send a log twice, the same one.
func TestDuplicateLogs(t *testing.T) {
	c, _, id := busy()
	c.tamper = func(method string, _ []any, result any) any {
		if l, ok := result.([]any); ok && method == "eth_getLogs" {
			return append(l, l...)
		}
		return result
	}
	res, err := c.serve(t).Resolve(t.Context(), id, did.At{})
	if err != nil || len(res.Document.Service) != 1 || len(res.Document.VerificationMethod) != 2 {
		t.Fatalf("%v, %+v", err, res)
	}
}

// TestPointsInTime asks for blocks, times and anchors.
func TestPointsInTime(t *testing.T) {
	c, _, id := busy() // blocks 0 to 14; events in 9 and 12
	c.tagged["finalized"] = 11
	r := c.serve(t)
	for _, test := range []struct {
		name     string
		at       did.At
		code     did.Code
		block    uint64
		tag      string
		services int
		version  string
		next     string
	}{
		{name: "the newest finalized block", block: 11, tag: "finalized", version: "9"},
		{name: "a block", at: did.At{Block: 10}, block: 10, tag: "10", version: "9"},
		{name: "a block before all changes", at: did.At{Block: 3}, block: 3, tag: "3", next: "9"},
		{name: "a block that is not final", at: did.At{Block: 12}, code: did.NotFound},
		{name: "a block that does not exist", at: did.At{Block: 1 << 40}, code: did.NotFound},
		{name: "a time", at: did.At{Time: unix(c.blocks[8].Time)}, block: 11, tag: "finalized", next: "9"},
		{name: "an anchor", at: did.At{Anchor: &did.Anchor{Block: 13, Hash: c.blocks[13].Hash, Tag: "latest"}}, block: 13, tag: "latest", services: 1, version: "12"},
		{name: "a time under an anchor", at: did.At{Anchor: &did.Anchor{Block: 13, Hash: c.blocks[13].Hash}, Time: unix(c.blocks[9].Time)}, block: 13, version: "9", next: "12"},
		{name: "an anchor that a reorganisation dropped", at: did.At{Anchor: &did.Anchor{Block: 13, Hash: [32]byte{1}}}, code: did.Unavailable},
		{name: "an anchor with the hash of another block", at: did.At{Anchor: &did.Anchor{Block: 13, Hash: c.blocks[12].Hash}}, code: did.IncompleteAnswer},
	} {
		t.Run(test.name, func(t *testing.T) {
			res, err := r.Resolve(t.Context(), id, test.at)
			if test.code != "" {
				if !errors.Is(err, test.code) {
					t.Fatalf("error %v, want %s", err, test.code)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			want := did.Anchor{Chain: "eip155:1337", Block: test.block, Hash: c.blocks[test.block].Hash, Time: unix(c.blocks[test.block].Time), Tag: test.tag, Trust: "asserted"}
			if test.at == (did.At{}) {
				want.Newest = unix(c.head().Time) // of the chain, not of the block that was read
			}
			if res.Anchor != want {
				t.Errorf("anchor %+v, want %+v", res.Anchor, want)
			}
			if m := res.Metadata; m.VersionID != test.version || m.NextVersionID != test.next {
				t.Errorf("metadata %+v", m)
			}
			if n := len(res.Document.Service); n != test.services {
				t.Errorf("%d services", n)
			}
		})
	}
}

// TestSecondEndpoint is asked only if the first gave nothing conclusive.
func TestSecondEndpoint(t *testing.T) {
	broken, _, id := busy()
	broken.raw = write("<html>")
	honest, _, _ := busy()
	second := honest.serve(t)
	r := broken.serve(t, func(c *Config) { c.Now = func() time.Time { return testTime } })
	r.networks[0].nodes = append(r.networks[0].nodes, second.networks[0].nodes...)
	res, err := r.Resolve(t.Context(), id, did.At{})
	if err != nil || len(res.Document.Service) != 1 {
		t.Fatal(err)
	}
	if _, err := r.Resolve(t.Context(), id, did.At{Block: 99}); !errors.Is(err, did.NotFound) {
		t.Errorf("error %v, want notFound", err)
	}
	honest.raw = write("[]")
	if _, err := r.Resolve(t.Context(), id, did.At{}); !errors.Is(err, did.GarbledAnswer) {
		t.Errorf("error %v, want the first endpoint's", err)
	}
}

func TestConfigIsChecked(t *testing.T) {
	a, _ := ParseAddress(testRegistry)
	good := Network{Name: "dev", ChainID: 1337, Registry: a, RPC: []string{"http://localhost:1"}}
	if _, err := New(Config{Networks: []Network{good}}); err != nil {
		t.Fatal(err)
	}
	edit := func(f func(*Network)) []Network { n := good; f(&n); return []Network{n} }
	for want, c := range map[string]Config{
		"no network":                    {},
		"Finality is":                   {Networks: []Network{good}, Finality: "pending"},
		"MaxAge":                        {Networks: []Network{good}, MaxAge: -1},
		"without a chain id":            {Networks: edit(func(n *Network) { n.ChainID = 0 })},
		"without a registry":            {Networks: edit(func(n *Network) { n.Registry = Address{} })},
		"without an endpoint":           {Networks: edit(func(n *Network) { n.RPC = nil })},
		"called mainnet":                {Networks: edit(func(n *Network) { n.Name = "mainnet" })},
		"two networks":                  {Networks: []Network{good, good}},
		"the endpoint is no http or ht": {Networks: edit(func(n *Network) { n.RPC = []string{"file:///etc"} })},
	} {
		if _, err := New(c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v", want, err)
		}
	}
}
