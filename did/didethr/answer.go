package didethr

import (
	"context"
	"encoding/hex"
	"errors"
	"math"
	"strconv"

	"github.com/khyer/khyer/did"
	"github.com/khyer/khyer/internal/ethrpc"
	"github.com/khyer/khyer/internal/strictjson"
)

// What a node answers is decoded here: the quantities and data of the Ethereum JSON-RPC specification, "Hex value encoding".

func quantity(n uint64) string { return "0x" + strconv.FormatUint(n, 16) }

func hex32(w [32]byte) string { return "0x" + hex.EncodeToString(w[:]) }

var errShape = errors.New("didethr: an answer of another shape than asked for")

func parseQuantity(v strictjson.Value) (n uint64, err error) {
	s, ok := v.Plain()
	if !ok || len(s) < 3 || len(s) > 2+16 || s[0] != '0' || s[1] != 'x' {
		return 0, errShape
	}
	for _, c := range s[2:] {
		d := digit(c)
		if d > 15 {
			return 0, errShape
		}
		n = n<<4 | uint64(d)
	}
	if n > math.MaxInt64 {
		return 0, errShape
	}
	return n, nil
}

func digit(c byte) byte {
	switch {
	case '0' <= c && c <= '9':
		return c - '0'
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10
	}
	return 16
}

// hexDigits returns what stands behind 0x.
func hexDigits(v strictjson.Value) ([]byte, error) {
	s, ok := v.Plain()
	if !ok || len(s)%2 != 0 || len(s) < 2 || s[0] != '0' || s[1] != 'x' {
		return nil, errShape
	}
	return s[2:], nil
}

func parseInto(dst []byte, v strictjson.Value) error {
	s, err := hexDigits(v)
	if err != nil || len(s) != 2*len(dst) {
		return errShape
	}
	if _, err := hex.Decode(dst, s); err != nil {
		return errShape
	}
	return nil
}

func parseData(v strictjson.Value) ([]byte, error) {
	s, err := hexDigits(v)
	if err != nil {
		return nil, err
	}
	b := make([]byte, len(s)/2)
	return b, parseInto(b, v)
}

func parseWord(v strictjson.Value) (w [32]byte, err error) {
	err = parseInto(w[:], v)
	return w, err
}

// result gives what a call gave. A node that refuses a call cannot be told from one that has lost the state asked for.
func result(c *ethrpc.Call) (strictjson.Value, error) {
	if c.Err != nil {
		return strictjson.Value{}, wrap(did.Unavailable, c.Err)
	}
	return c.Value, nil
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
	room := newRoom(v.Len())
	for e := range v.Elements() {
		l, time, removed, err := room.log(e)
		if err != nil {
			return nil, wrap(did.GarbledAnswer, err)
		}
		if removed {
			continue
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

// room is the memory for the logs of one answer: a few large pieces in place of several small ones for each log.
type room struct {
	left   int // how many logs may still come
	data   []byte
	topics [][32]byte
}

func newRoom(logs int) *room {
	return &room{left: logs, topics: make([][32]byte, 0, 2*logs)}
}

// take cuts n bytes off. Pieces are as large as the logs that are left would need if all were like this one, within bounds.
func (m *room) take(n int) []byte {
	if n > cap(m.data)-len(m.data) {
		m.data = make([]byte, 0, max(n, min(n*m.left, 64<<10)))
	}
	at := len(m.data)
	m.data = m.data[:at+n]
	return m.data[at : at+n : at+n]
}

// Members of a log that must be there.
const (
	hasAddress = 1 << iota
	hasTopics
	hasData
	hasBlock
	hasHash
	hasIndex
	hasAll = 1<<iota - 1
)

// log reads a log in one pass over its members. Those of other names are left alone.
func (m *room) log(v strictjson.Value) (l Log, time uint64, removed bool, err error) {
	has := 0
	for name, x := range v.Pairs() {
		switch string(name.Characters()) {
		case "address":
			has, err = has|hasAddress, parseInto(l.Address[:], x)
		case "topics":
			has = has | hasTopics
			l.Topics, err = m.topicsOf(x)
		case "data":
			has = has | hasData
			var digits []byte
			if digits, err = hexDigits(x); err == nil {
				l.Data = m.take(len(digits) / 2)
				err = parseInto(l.Data, x)
			}
		case "blockNumber":
			has = has | hasBlock
			l.Block, err = parseQuantity(x)
		case "blockHash":
			has, err = has|hasHash, parseInto(l.BlockHash[:], x)
		case "logIndex":
			has = has | hasIndex
			l.Index, err = parseQuantity(x)
		case "blockTimestamp":
			if x.Kind() != strictjson.Null {
				if time, err = parseQuantity(x); time > maxTime {
					err = errShape
				}
			}
		case "removed":
			removed, _ = x.Bool()
		}
		if err != nil {
			return l, 0, false, err
		}
	}
	if m.left--; has != hasAll {
		return l, 0, false, errShape
	}
	return l, time, removed, nil
}

func (m *room) topicsOf(v strictjson.Value) ([][32]byte, error) {
	if v.Kind() != strictjson.Array || v.Len() > 4 {
		return nil, errShape
	}
	at := len(m.topics)
	for t := range v.Elements() {
		w, err := parseWord(t)
		if err != nil {
			return nil, err
		}
		m.topics = append(m.topics, w)
	}
	return m.topics[at:len(m.topics):len(m.topics)], nil
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
	var numbers []uint64
	for i := range r.events {
		if n := r.events[i].block; r.blocks[n].Time == 0 && (len(numbers) == 0 || numbers[len(numbers)-1] != n) {
			numbers = append(numbers, n)
			missing = append(missing, ethrpc.Call{Method: "eth_getBlockByNumber", Params: []any{quantity(n), false}})
		}
	}
	if err := r.sendParts(ctx, missing, maxBatch); err != nil {
		return err
	}
	for i := range missing {
		b, err := blockOf(&missing[i])
		if err != nil {
			return err
		}
		if b.Number != numbers[i] || r.blocks[b.Number].Hash != b.Hash {
			return open("the header of a block with a log is of another block")
		}
		r.blocks[b.Number] = b
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
