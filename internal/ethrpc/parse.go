package ethrpc

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/khyer/khyer/internal/strictjson"
)

// reply is the answer to one call: err, or else result.
type reply struct {
	result strictjson.Value
	err    *Error
}

// parse reads the answer to a batch of n calls whose ids count up from first (JSON-RPC 2.0 sections 5 and 6). Its results are in the
// order of the calls.
func parse(answer []byte, first uint64, n, limit int) ([]reply, error) {
	v, err := strictjson.Parse(answer, strictjson.Limits{Bytes: limit})
	if err != nil {
		if cutOff(answer, err) {
			return nil, fmt.Errorf("%w: the text ends too early", ErrIncomplete)
		}
		return nil, fmt.Errorf("%w: %w", ErrGarbled, err)
	}
	if v.Kind() == strictjson.Object {
		return nil, wholeBatch(v)
	}
	if v.Kind() != strictjson.Array {
		return nil, garbled("neither an array nor an object")
	}
	if v.Len() > n {
		return nil, garbled("more answers than calls")
	}
	out := make([]reply, n)
	seen := make([]bool, n)
	for e := range v.Elements() {
		if e.Kind() != strictjson.Object {
			return nil, garbled("an answer that is no object")
		}
		id, ok := e.Get("id").Int64()
		// A negative or smaller id wraps around to a large distance.
		at := uint64(id) - first
		if !ok || at >= uint64(n) {
			return nil, garbled("an answer to a call that was not made")
		}
		if seen[at] {
			return nil, garbled("two answers to one call")
		}
		seen[at] = true
		if out[at], err = parseReply(e); err != nil {
			return nil, err
		}
	}
	for _, s := range seen {
		if !s {
			return nil, fmt.Errorf("%w: a call of the batch has no answer", ErrIncomplete)
		}
	}
	return out, nil
}

// wholeBatch reads a single object in place of an array: with it a node refuses the batch (section 6). A result in it cannot be
// told to which call it belongs and is not believed.
func wholeBatch(v strictjson.Value) error {
	r, err := parseReply(v)
	if err != nil {
		return err
	}
	if r.err == nil {
		return garbled("one answer in place of a batch of answers")
	}
	return r.err
}

func parseReply(v strictjson.Value) (reply, error) {
	if !v.Get("jsonrpc").Is("2.0") {
		return reply{}, garbled("not JSON-RPC 2.0")
	}
	result, fault := v.Get("result"), v.Get("error")
	if result.Exists() == fault.Exists() {
		return reply{}, garbled("an answer needs either a result or an error")
	}
	if result.Exists() {
		return reply{result: result}, nil
	}
	code, okCode := fault.Get("code").Int64()
	message, okMessage := fault.Get("message").Text()
	if !okCode || !okMessage {
		return reply{}, garbled("an error without a code and a message")
	}
	e := &Error{Code: int(code), Message: message}
	if data := fault.Get("data"); data.Exists() {
		e.Data = json.RawMessage(data.Raw())
	}
	return reply{err: e}, nil
}

func garbled(what string) error { return fmt.Errorf("%w: %s", ErrGarbled, what) }

// cutOff tells the first part of an answer from garbage: the parser stopped at the end, or at a literal or escape sequence that the
// end cuts through.
func cutOff(answer []byte, err error) bool {
	var fault *strictjson.Error
	if !errors.As(err, &fault) || fault.Reason != strictjson.Malformed || len(answer) == 0 {
		return false
	}
	rest := string(answer[min(fault.Offset, len(answer)):])
	for _, token := range []string{"true", "false", "null"} {
		if strings.HasPrefix(token, rest) { // also if nothing is left
			return true
		}
	}
	return strings.HasPrefix(rest, `\`) && len(rest) < len(`\u0000`)
}
