package anchor

import (
	"encoding/json"
	"math/big"
	"sync"
	"testing"
	"time"

	"github.com/khyer/khyer/did/didethr/ethrtest"
)

// pocketMoney is 0.01 ether.
var pocketMoney = big.NewInt(1e16)

// mining makes a block every few milliseconds until the test ends or stop is called.
func mining(t testing.TB, chain *ethrtest.Chain) (stop func()) {
	end, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-end:
				return
			case <-time.After(5 * time.Millisecond):
				if err := chain.Mine(1); err != nil {
					t.Error(err)
					return
				}
			}
		}
	}()
	stop = sync.OnceFunc(func() { close(end); <-done })
	t.Cleanup(stop)
	return stop
}

// lie changes the results of one method in a node's answers.
func lie(chain *ethrtest.Chain, method string, change func(result json.RawMessage) (json.RawMessage, bool)) {
	chain.Interfere(lying(method, change))
}

// lying makes what Chain.Interfere takes. Where change says false, what it returns is an error object.
func lying(method string, change func(result json.RawMessage) (json.RawMessage, bool)) func(request, answer []byte) []byte {
	return func(request, answer []byte) []byte {
		var calls []struct {
			ID     uint64
			Method string
		}
		var replies []map[string]json.RawMessage
		if json.Unmarshal(request, &calls) != nil || json.Unmarshal(answer, &replies) != nil || len(calls) != len(replies) {
			return answer
		}
		for i, c := range calls {
			if c.Method != method {
				continue
			}
			result, ok := change(replies[i]["result"])
			delete(replies[i], "result")
			delete(replies[i], "error")
			if ok {
				replies[i]["result"] = result
			} else {
				replies[i]["error"] = result
			}
		}
		out, err := json.Marshal(replies)
		if err != nil {
			return answer
		}
		return out
	}
}

// one is for the tests that apply one operation at a time.
func one(got []Receipt, err error) (Receipt, error) { return got[0], err }
