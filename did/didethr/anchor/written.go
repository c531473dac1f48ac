package anchor

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/khyer/khyer/did"
	"github.com/khyer/khyer/did/didethr"
	"github.com/khyer/khyer/did/pubkey"
	"github.com/khyer/khyer/internal/ethrpc"
)

// What an identity has published is read before anything of it is revoked: the registry takes the revocation of what was never there, and
// whoever made it would believe that a stolen key has ended. It is read log by log and not as a document, since it is the attribute's name,
// letter by letter, that a revocation must hit, and documents do not have it.

// maxChanges bounds the blocks that are walked through for one identity.
const maxChanges = 1 << 14

// written is what an identity has on the chain, as of the newest block. It is read when it is first asked for.
type written struct {
	registry *Registry
	identity didethr.Address
	read     bool
	entries  []*entry // in the order in which they came
}

// entry is all that happened to one attribute, or to one delegate of one type.
type entry struct {
	named  Op // what it is, in the form of an operation that revokes it
	events []change
}

// change is an event of the registry.
type change struct {
	log      didethr.Log
	subject  Op     // empty for a change of owner
	validTo  uint64 // unix seconds
	previous uint64 // block of the change before this one
}

var errShape = fail(NoAnswer, "the node has a log that the registry cannot have written")

// revocable refuses to revoke what is not published: key is what the operation is about, or zero.
func (p *written) revocable(ctx context.Context, o Op, key pubkey.Key) error {
	if err := p.load(ctx); err != nil {
		return err
	}
	fault := "it was never published"
	for _, e := range p.entries {
		if e.named.entry() != o.entry() {
			continue
		}
		lives, lived, err := p.state(ctx, e)
		if err != nil || lives {
			return err
		}
		if lived {
			fault = "it has been revoked already"
		}
	}
	others, err := p.namesOf(ctx, key)
	if err != nil {
		return err
	}
	for i, e := range others {
		fault += map[bool]string{true: "; the key is published as ", false: ", "}[i == 0] + e.named.attribute()
	}
	return fail(NotPublished, "%s", fault)
}

// Revocations returns the operations that revoke a key under every name under which the newest block has it published: for one use or
// several, as a Multikey or in an older spelling, with a hint behind its name or as a delegate; lapsed ones included, revoked ones not. If
// there is none, the reason is NotPublished. The owner's own key is no entry: see ChangeOwner.
func (r *Registry) Revocations(ctx context.Context, identity didethr.Address, k pubkey.Key) ([]Op, error) {
	p := &written{registry: r, identity: identity}
	if err := p.load(ctx); err != nil {
		return nil, err
	}
	live, err := p.namesOf(ctx, k)
	if err != nil {
		return nil, err
	}
	if len(live) == 0 {
		return nil, fail(NotPublished, "the key is not published, or has been revoked under all its names")
	}
	var ops []Op
	for _, e := range live {
		ops = append(ops, e.named)
	}
	return ops, nil
}

// namesOf returns the entries that publish a key and are not revoked.
func (p *written) namesOf(ctx context.Context, k pubkey.Key) (live []*entry, err error) {
	for _, e := range p.entries {
		if k.IsZero() || !p.holds(e, k) {
			continue
		}
		lives, _, err := p.state(ctx, e)
		if err != nil {
			return nil, err
		}
		if lives {
			live = append(live, e)
		}
	}
	return live, nil
}

// holds reports whether readers take the entry for that key.
func (p *written) holds(e *entry, k pubkey.Key) bool {
	network := p.registry.Network()
	i := slices.IndexFunc(e.events, func(c change) bool { return c.validTo != 0 })
	if i < 0 {
		return false
	}
	c := e.events[i]
	at := didethr.Block{Number: c.log.Block, Hash: c.log.BlockHash} // at time 0, so that nothing has lapsed
	h := didethr.History{Head: at, Logs: []didethr.Log{c.log}, Blocks: map[uint64]didethr.Block{at.Number: at}}
	found, err := didethr.Fold(network, h, p.registry.DID(p.identity), did.At{}, time.Unix(0, 0))
	return err == nil && slices.ContainsFunc(found.Keys, func(have did.Key) bool { return have.Class != "controller" && have.Public.Equal(k) })
}

// state tells whether an entry is set, lapsed or not, and whether it ever was. An event revokes if its validTo is no later than its block:
// registries write 0 or that very time.
func (p *written) state(ctx context.Context, e *entry) (lives, lived bool, err error) {
	var calls []ethrpc.Call
	var asked []int
	for i, c := range e.events {
		if c.validTo != 0 {
			calls = append(calls, ethrpc.Call{Method: "eth_getBlockByNumber", Params: []any{hexUint(c.log.Block), false}})
			asked = append(asked, i)
		}
	}
	if len(calls) == 0 {
		return false, false, nil
	}
	if err := p.registry.batch(ctx, calls); err != nil {
		return false, false, blind(err)
	}
	for k, i := range asked {
		var h header
		if err := decode(calls[k], &h); err != nil {
			return false, false, blind(err)
		}
		c := e.events[i]
		if h.Hash != c.log.BlockHash {
			return false, false, blind(fail(NoAnswer, "the chain was reorganised while it was read"))
		}
		if c.validTo > uint64(h.Time) {
			lived, lives = true, i == len(e.events)-1
		}
	}
	return lives, lived, nil
}

// blind tells what remains to those who cannot wait until the chain can be read.
func blind(err error) error {
	e := nodeError(err)
	return &Error{Reason: e.Reason, Revert: e.Revert, Err: fmt.Errorf("what is published cannot be read (Op.Unchecked revokes without looking): %w", cmp.Or(e.Err, errUnknown))}
}

var errUnknown = errors.New("no detail")

// load reads all events of the identity: in one request where the node gives them so, and otherwise from block to block.
func (p *written) load(ctx context.Context) error {
	if p.read {
		return nil
	}
	r := p.registry
	calls := []ethrpc.Call{
		{Method: "eth_call", Params: []any{newCall(didethr.Address{}, &r.network.Registry, nil, pack("changed(address)", addressWord(p.identity))), "latest"}},
		p.logs(hexUint(r.network.FromBlock), "latest"),
	}
	if err := r.batch(ctx, calls); err != nil {
		return blind(err)
	}
	var word hexHash
	if err := decode(calls[0], &word); err != nil {
		return blind(err)
	}
	newest, ok := small(word)
	if !ok {
		return blind(errShape)
	}
	all, err := p.changes(calls[1])
	if err != nil || !linked(all, newest) { // a range that the node does not take, or gaps
		if all, err = p.walk(ctx, newest); err != nil {
			return blind(err)
		}
	}
	at := map[string]*entry{}
	for _, c := range all {
		if c.subject.what == "" {
			continue
		}
		name := c.subject.entry()
		if at[name] == nil {
			at[name] = &entry{named: c.subject}
			p.entries = append(p.entries, at[name])
		}
		at[name].events = append(at[name].events, c)
	}
	p.read = true
	return nil
}

var topics = [...]hexHash{
	keccak([]byte("DIDOwnerChanged(address,address,uint256)")),
	keccak([]byte("DIDDelegateChanged(address,bytes32,address,uint256,uint256)")),
	keccak([]byte("DIDAttributeChanged(address,bytes32,bytes,uint256,uint256)")),
}

func (p *written) logs(from, to any) ethrpc.Call {
	return ethrpc.Call{Method: "eth_getLogs", Params: []any{map[string]any{"address": p.registry.network.Registry.String(), "fromBlock": from, "toBlock": to,
		"topics": []any{topics, hexHash(addressWord(p.identity))}}}}
}

// walk follows the events from the newest one back: each names the block of the one before (ERC-1056).
func (p *written) walk(ctx context.Context, newest uint64) (all []change, err error) {
	for n := 0; newest != 0; n++ {
		calls := []ethrpc.Call{p.logs(hexUint(newest), hexUint(newest))}
		if err := p.registry.batch(ctx, calls); err != nil {
			return nil, err
		}
		block, err := p.changes(calls[0])
		if err != nil {
			return nil, err
		}
		if n == maxChanges || len(block) == 0 || block[0].log.Block != newest || block[0].previous >= newest {
			return nil, fail(NoAnswer, "the events of the identity lead nowhere")
		}
		newest = block[0].previous
		slices.Reverse(block)
		all = append(all, block...)
	}
	slices.Reverse(all)
	return all, nil
}

// linked reports whether events are all there are: each block's first one names the block before, and the last is the newest change.
func linked(all []change, newest uint64) bool {
	last := uint64(0)
	for _, c := range all {
		if c.log.Block != last && c.previous != last {
			return false
		}
		last = c.log.Block
	}
	return last == newest
}

// changes reads the answer to eth_getLogs.
func (p *written) changes(c ethrpc.Call) (all []change, err error) {
	var logs []struct {
		Address hexAddress `json:"address"`
		Topics  []hexHash  `json:"topics"`
		Data    hexBytes   `json:"data"`
		Block   hexUint    `json:"blockNumber"`
		Hash    hexHash    `json:"blockHash"`
		Index   hexUint    `json:"logIndex"`
		Removed bool       `json:"removed"`
	}
	if err := decode(c, &logs); err != nil {
		return nil, err
	}
	for _, l := range logs {
		if l.Removed || len(l.Topics) != 2 || didethr.Address(l.Address) != p.registry.network.Registry || l.Topics[1] != hexHash(addressWord(p.identity)) {
			return nil, errShape
		}
		one := change{log: didethr.Log{Address: didethr.Address(l.Address), Data: l.Data, Block: uint64(l.Block), BlockHash: l.Hash, Index: uint64(l.Index)}}
		for _, t := range l.Topics {
			one.log.Topics = append(one.log.Topics, t)
		}
		if !one.parse() {
			return nil, errShape
		}
		all = append(all, one)
	}
	slices.SortStableFunc(all, func(a, b change) int {
		return cmp.Or(cmp.Compare(a.log.Block, b.log.Block), cmp.Compare(a.log.Index, b.log.Index))
	})
	return all, nil
}

// parse decodes an event's data (ERC-1056, "Events").
func (c *change) parse() bool {
	data := c.log.Data
	word := func(i int) (w hexHash) {
		copy(w[:], data[32*i:])
		return w
	}
	links := map[[32]byte]int{topics[0]: 1, topics[1]: 3, topics[2]: 3} // where previousChange is
	link, known := links[c.log.Topics[0]]
	if !known || len(data) < 32*(link+1) {
		return false
	}
	var ok bool
	if c.previous, ok = small(word(link)); !ok {
		return false
	}
	if link == 1 {
		return true
	}
	if c.validTo, ok = small(word(2)); !ok {
		c.validTo = math.MaxUint64
	}
	if hexHash(c.log.Topics[0]) == topics[1] {
		var who didethr.Address
		party := word(1)
		copy(who[:], party[12:])
		c.subject = Op{fn: callRevokeDelegate, rank: revocation, what: "RevokeDelegate", name: word(0), who: who}
		return true
	}
	const head = 4 * 32
	if at, ok := small(word(1)); !ok || at != head || len(data) < head+32 {
		return false
	}
	size, ok := small(word(4))
	if !ok || size > uint64(len(data)-head-32) {
		return false
	}
	c.subject = Op{fn: callRevokeAttribute, rank: revocation, what: "RevokeAttribute", name: word(0), value: data[head+32:][:size]}
	return true
}

// small reads a word that holds a number of 64 bits.
func small(w hexHash) (uint64, bool) {
	return binary.BigEndian.Uint64(w[24:]), bytes.Equal(w[:24], make([]byte, 24))
}

// attribute is the name of what an operation sets or revokes, short and printable: whoever owns an identity may write anything.
func (o Op) attribute() string { return clean(strings.TrimRight(string(o.name[:]), "\x00")) }
