package didethr

import (
	"context"
	"encoding/hex"
	"errors"
	"strconv"
	"strings"

	"github.com/khyer/khyer/did"
	"github.com/khyer/khyer/internal/ethrpc"
	"github.com/khyer/khyer/internal/strictjson"
)

// What a node answers is decoded here: the quantities and data of the Ethereum JSON-RPC specification, "Hex value encoding".

func quantity(n uint64) string { return "0x" + strconv.FormatUint(n, 16) }

func hex32(w [32]byte) string { return "0x" + hex.EncodeToString(w[:]) }

var errShape = errors.New("didethr: an answer of another shape than asked for")

func parseQuantity(v strictjson.Value) (uint64, error) {
	s, ok := v.Text()
	digits, has := strings.CutPrefix(s, "0x")
	n, err := strconv.ParseUint(digits, 16, 63)
	if !ok || !has || err != nil {
		return 0, errShape
	}
	return n, nil
}

func parseData(v strictjson.Value) ([]byte, error) {
	s, ok := v.Text()
	digits, has := strings.CutPrefix(s, "0x")
	b, err := hex.DecodeString(digits)
	if !ok || !has || err != nil {
		return nil, errShape
	}
	return b, nil
}

func parseWord(v strictjson.Value) (w [32]byte, err error) {
	b, err := parseData(v)
	if err != nil || len(b) != 32 {
		return w, errShape
	}
	return [32]byte(b), nil
}

// result parses what a call gave. A node that refuses a call cannot be told from one that has lost the state asked for.
func result(c *ethrpc.Call) (strictjson.Value, error) {
	if c.Err != nil {
		return strictjson.Value{}, wrap(did.Unavailable, c.Err)
	}
	v, err := strictjson.Parse(c.Result, strictjson.Limits{Bytes: maxAnswer})
	if err != nil {
		return v, wrap(did.GarbledAnswer, err)
	}
	return v, nil
}

func quantityOf(c *ethrpc.Call) (uint64, error) {
	v, err := result(c)
	if err != nil {
		return 0, err
	}
	n, err := parseQuantity(v)
	if err != nil {
		return 0, wrap(did.GarbledAnswer, err)
	}
	return n, nil
}

func bytesOfCall(c *ethrpc.Call) ([]byte, error) {
	v, err := result(c)
	if err != nil {
		return nil, err
	}
	b, err := parseData(v)
	if err != nil {
		return nil, wrap(did.GarbledAnswer, err)
	}
	return b, nil
}

// wordOfCall takes the result of a view function. Where there is no contract, a call gives nothing.
func wordOfCall(c *ethrpc.Call) (w [32]byte, err error) {
	b, err := bytesOfCall(c)
	switch {
	case err != nil:
		return w, err
	case len(b) == 0:
		return w, fault(did.WrongChain, "no registry at the configured address")
	case len(b) != 32:
		return w, wrap(did.GarbledAnswer, errShape)
	}
	return [32]byte(b), nil
}

func blockOf(c *ethrpc.Call) (b Block, err error) {
	v, err := result(c)
	if err != nil {
		return b, err
	}
	if v.Kind() == strictjson.Null {
		return b, fault(did.Unavailable, "the node has no such block")
	}
	b.Number, err = parseQuantity(v.Get("number"))
	if err == nil {
		b.Hash, err = parseWord(v.Get("hash"))
	}
	if err == nil {
		b.Time, err = parseQuantity(v.Get("timestamp"))
	}
	if err != nil || b.Time > maxTime {
		return b, wrap(did.GarbledAnswer, errShape)
	}
	return b, nil
}

// take decodes the logs of an answer. Every one must be what was asked for: a node that sends another contract's or identity's log
// (fault F12) or a block out of the range is not believed about the rest. Logs that a reorganisation has removed are dropped;
// whether something is missing then is seen from the links.
func (r *reading) take(c *ethrpc.Call, first, last uint64) ([]event, error) {
	v, err := result(c)
	if err != nil {
		return nil, err
	}
	if v.Kind() != strictjson.Array {
		return nil, wrap(did.GarbledAnswer, errShape)
	}
	if v.Len() > maxEvents {
		return nil, tooMany()
	}
	logs := make([]Log, 0, v.Len())
	for e := range v.Elements() {
		if removed, _ := e.Get("removed").Bool(); removed {
			continue
		}
		l, time, err := parseLog(e)
		if err != nil {
			return nil, wrap(did.GarbledAnswer, err)
		}
		if !l.isERC1056(r.network.Registry, r.identity) || l.Block < first || l.Block > last {
			return nil, fault(did.GarbledAnswer, "a log that was not asked for")
		}
		if err := r.place(&l, time); err != nil {
			return nil, err
		}
		logs = append(logs, l)
	}
	events, err := decodeAll(logs, r.network.Registry, r.identity)
	if err != nil {
		return nil, wrap(did.GarbledAnswer, err)
	}
	return events, nil
}

func parseLog(v strictjson.Value) (l Log, time uint64, err error) {
	a, err := parseData(v.Get("address"))
	if err != nil || len(a) != len(l.Address) {
		return l, 0, errShape
	}
	l.Address = Address(a)
	topics := v.Get("topics")
	if topics.Kind() != strictjson.Array || topics.Len() > 4 {
		return l, 0, errShape
	}
	for t := range topics.Elements() {
		w, err := parseWord(t)
		if err != nil {
			return l, 0, err
		}
		l.Topics = append(l.Topics, w)
	}
	if l.Data, err = parseData(v.Get("data")); err != nil {
		return l, 0, err
	}
	if l.Block, err = parseQuantity(v.Get("blockNumber")); err != nil {
		return l, 0, err
	}
	if l.BlockHash, err = parseWord(v.Get("blockHash")); err != nil {
		return l, 0, err
	}
	if l.Index, err = parseQuantity(v.Get("logIndex")); err != nil {
		return l, 0, err
	}
	if t := v.Get("blockTimestamp"); t.Exists() && t.Kind() != strictjson.Null {
		if time, err = parseQuantity(t); err != nil || time > maxTime {
			return l, 0, errShape
		}
	}
	return l, time, nil
}

// place remembers the block of a log, with its time if the node gave it (newer nodes do).
func (r *reading) place(l *Log, time uint64) error {
	b := Block{Number: l.Block, Hash: l.BlockHash, Time: time}
	if l.Block == r.head.Number {
		if l.BlockHash != r.head.Hash {
			return open("a log of another block with the number of the newest")
		}
		b.Time = r.head.Time
	}
	known, ok := r.blocks[l.Block]
	switch {
	case !ok:
		r.blocks[l.Block] = b
	case known.Hash != b.Hash:
		return open("two blocks with one number")
	case known.Time != 0 && b.Time != 0 && known.Time != b.Time:
		return fault(did.GarbledAnswer, "one block with two times")
	case known.Time == 0:
		r.blocks[l.Block] = b
	}
	return nil
}

// times asks for the headers of the blocks whose time is not known yet, and checks that time grows along the chain.
func (r *reading) times(ctx context.Context) error {
	var missing []ethrpc.Call
	asked := map[uint64]bool{}
	for i := range r.events {
		if n := r.events[i].block; r.blocks[n].Time == 0 && !asked[n] {
			asked[n] = true
			missing = append(missing, ethrpc.Call{Method: "eth_getBlockByNumber", Params: []any{quantity(n), false}})
		}
	}
	for len(missing) > 0 {
		part := missing[:min(len(missing), maxBatch)]
		missing = missing[len(part):]
		if err := r.send(ctx, part); err != nil {
			return err
		}
		for i := range part {
			b, err := blockOf(&part[i])
			if err != nil {
				return err
			}
			if known, ok := r.blocks[b.Number]; !ok || !asked[b.Number] || known.Hash != b.Hash {
				return open("the header of a block with a log is of another block")
			}
			r.blocks[b.Number] = b
		}
	}
	last := uint64(0)
	for i := range r.events {
		b, ok := r.blocks[r.events[i].block]
		if !ok || b.Time < last || b.Time > r.head.Time {
			return fault(did.GarbledAnswer, "time runs backwards along the chain")
		}
		last = b.Time
	}
	return nil
}
