package ethrtest

import (
	"encoding/json"
	"errors"
	"slices"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
)

const (
	maxTopics   = 4
	maxPerTopic = 1000
)

// filter is the argument of eth_getLogs.
type filter struct {
	FromBlock *blockRef    `json:"fromBlock"`
	ToBlock   *blockRef    `json:"toBlock"`
	BlockHash *common.Hash `json:"blockHash"`
	Address   oneOrMore[common.Address]
	Topics    []oneOrMore[common.Hash]
}

// oneOrMore decodes a value, an array of values that are alternatives, or null for any value.
type oneOrMore[T any] []T

func (o *oneOrMore[T]) UnmarshalJSON(text []byte) error {
	if len(text) > 0 && text[0] == '[' {
		// A null among alternatives makes all of them match, as in go-ethereum.
		var all []*T
		if err := json.Unmarshal(text, &all); err != nil {
			return err
		}
		if len(all) > maxPerTopic {
			return errors.New("too many alternatives")
		}
		*o = nil
		for _, v := range all {
			if v == nil {
				*o = nil
				return nil
			}
			*o = append(*o, *v)
		}
		return nil
	}
	if string(text) == "null" {
		*o = nil
		return nil
	}
	var v T
	if err := json.Unmarshal(text, &v); err != nil {
		return err
	}
	*o = oneOrMore[T]{v}
	return nil
}

func getLogs(c *Chain, params []json.RawMessage) (any, error) {
	var f filter
	if err := need(params, 0, &f); err != nil {
		return nil, err
	}
	if len(f.Topics) > maxTopics {
		return nil, invalid("exceed max topics")
	}
	blocks, err := c.logBlocks(f)
	if err != nil {
		return nil, err
	}
	out := []*types.Log{}
	for _, e := range blocks {
		if !f.mayMatch(e.block.Bloom()) {
			continue
		}
		for _, r := range e.receipts {
			for _, l := range r.Logs {
				if f.matches(l) {
					out = append(out, l)
				}
			}
		}
	}
	return out, nil
}

// logBlocks returns the blocks that a filter speaks of.
func (c *Chain) logBlocks(f filter) ([]*entry, error) {
	if f.BlockHash != nil {
		if f.FromBlock != nil || f.ToBlock != nil {
			return nil, invalid("can't specify fromBlock/toBlock with blockHash")
		}
		e := c.ledger.byHash[*f.BlockHash]
		if e == nil {
			return nil, errors.New("unknown block")
		}
		return []*entry{e}, nil
	}
	from, err := c.logBound(f.FromBlock)
	if err != nil {
		return nil, err
	}
	to, err := c.logBound(f.ToBlock)
	if err != nil {
		return nil, err
	}
	head := c.ledger.head().number()
	if from > to {
		return nil, invalid("invalid block range params")
	}
	if from > head || to > head {
		return nil, invalid("block range extends beyond current head block")
	}
	if limit := c.opt.MaxLogRange; limit > 0 && to-from >= limit {
		return nil, invalid("exceed maximum block range %d", limit)
	}
	return c.ledger.canonical[from : to+1], nil
}

func (c *Chain) logBound(b *blockRef) (uint64, error) {
	if b == nil || b.tag == "pending" {
		return c.ledger.head().number(), nil
	}
	if b.hash != nil {
		return 0, invalid("a block range is given by numbers or tags")
	}
	if b.tag == "" {
		return b.number, nil // may lie beyond the head
	}
	e, err := c.ledger.find(*b)
	if err != nil {
		return 0, err
	}
	return e.number(), nil
}

func (f *filter) matches(l *types.Log) bool {
	if len(f.Address) > 0 && !slices.Contains(f.Address, l.Address) {
		return false
	}
	if len(f.Topics) > len(l.Topics) {
		return false
	}
	for i, alternatives := range f.Topics {
		if len(alternatives) > 0 && !slices.Contains(alternatives, l.Topics[i]) {
			return false
		}
	}
	return true
}

// mayMatch asks a block's bloom filter; a no is certain.
func (f *filter) mayMatch(b types.Bloom) bool {
	some := func(n int, has func(i int) bool) bool {
		for i := range n {
			if has(i) {
				return true
			}
		}
		return n == 0
	}
	if !some(len(f.Address), func(i int) bool { return types.BloomLookup(b, f.Address[i]) }) {
		return false
	}
	for _, t := range f.Topics {
		if !some(len(t), func(i int) bool { return types.BloomLookup(b, t[i]) }) {
			return false
		}
	}
	return true
}
