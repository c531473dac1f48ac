package ethrtest

import (
	"cmp"
	"encoding/json"
	"math/big"
	"slices"
	"strconv"

	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/consensus/misc/eip4844"
)

const (
	feeBlocks  = 20   // that a suggested priority fee looks back on
	maxHistory = 1024 // blocks of one fee history
)

// suggestTip is the 60th percentile of what recent transactions gave, or a gwei while there are none.
func (c *Chain) suggestTip() *big.Int {
	var tips []*big.Int
	for i := len(c.ledger.canonical) - 1; i >= 0 && i >= len(c.ledger.canonical)-feeBlocks; i-- {
		b := c.ledger.canonical[i].block
		for _, tx := range b.Transactions() {
			if tip, err := tx.EffectiveGasTip(b.BaseFee()); err == nil {
				tips = append(tips, tip)
			}
		}
	}
	if len(tips) == 0 {
		return big.NewInt(1e9)
	}
	slices.SortFunc(tips, (*big.Int).Cmp)
	return tips[(len(tips)-1)*60/100]
}

func gasPrice(c *Chain, _ []json.RawMessage) (any, error) {
	tip := c.suggestTip()
	return (*hexutil.Big)(new(big.Int).Add(tip, c.ledger.head().block.BaseFee())), nil
}

func maxPriorityFee(c *Chain, _ []json.RawMessage) (any, error) {
	return (*hexutil.Big)(c.suggestTip()), nil
}

func blobBaseFee(c *Chain, _ []json.RawMessage) (any, error) {
	return (*hexutil.Big)(eip4844.CalcBlobFee(c.ledger.config, c.ledger.head().block.Header())), nil
}

// count is a number that clients write as hex or as decimal.
type count uint64

func (n *count) UnmarshalJSON(text []byte) error {
	if len(text) > 2 && text[0] == '"' {
		text = text[1 : len(text)-1]
	}
	v, err := strconv.ParseUint(string(text), 0, 64)
	*n = count(v)
	return err
}

type history struct {
	Oldest        hexutil.Uint64   `json:"oldestBlock"`
	Reward        [][]*hexutil.Big `json:"reward,omitempty"`
	BaseFee       []*hexutil.Big   `json:"baseFeePerGas"`
	GasUsedRatio  []float64        `json:"gasUsedRatio"`
	BlobBaseFee   []*hexutil.Big   `json:"baseFeePerBlobGas"`
	BlobUsedRatio []float64        `json:"blobGasUsedRatio"`
}

func feeHistory(c *Chain, params []json.RawMessage) (any, error) {
	var n count
	var last blockRef
	var percentiles []float64
	if err := need(params, 0, &n); err != nil {
		return nil, err
	}
	if err := need(params, 1, &last); err != nil {
		return nil, err
	}
	if _, err := param(params, 2, &percentiles); err != nil {
		return nil, err
	}
	if len(percentiles) > 100 || !slices.IsSorted(percentiles) || slices.ContainsFunc(percentiles, func(p float64) bool { return p < 0 || p > 100 }) {
		return nil, invalid("invalid reward percentile")
	}
	if last.tag == "pending" {
		last.tag = "latest"
	}
	newest, err := c.ledger.find(last)
	if err != nil {
		return nil, err
	}
	blocks := min(uint64(n), maxHistory, newest.number()+1)
	if blocks == 0 {
		return history{}, nil
	}
	h := history{Oldest: hexutil.Uint64(newest.number() + 1 - blocks)}
	for i := uint64(h.Oldest); i <= newest.number(); i++ {
		e := c.ledger.canonical[i]
		h.BaseFee = append(h.BaseFee, (*hexutil.Big)(e.block.BaseFee()))
		h.GasUsedRatio = append(h.GasUsedRatio, float64(e.block.GasUsed())/float64(e.block.GasLimit()))
		h.BlobBaseFee = append(h.BlobBaseFee, (*hexutil.Big)(eip4844.CalcBlobFee(c.ledger.config, e.block.Header())))
		h.BlobUsedRatio = append(h.BlobUsedRatio, 0)
		if len(percentiles) > 0 {
			h.Reward = append(h.Reward, rewards(e, percentiles))
		}
	}
	// One more: the fee of the block that follows is fixed already.
	next := c.ledger.nextHeader(newest.block.Header(), newest.block.Time()+1)
	h.BaseFee = append(h.BaseFee, (*hexutil.Big)(next.BaseFee))
	h.BlobBaseFee = append(h.BlobBaseFee, (*hexutil.Big)(eip4844.CalcBlobFee(c.ledger.config, next)))
	return h, nil
}

// rewards returns the tips at percentiles of the block's gas, zero for an empty block.
func rewards(e *entry, percentiles []float64) []*hexutil.Big {
	type paid struct {
		tip *big.Int
		gas uint64
	}
	var all []paid
	for i, tx := range e.block.Transactions() {
		tip, err := tx.EffectiveGasTip(e.block.BaseFee())
		if err != nil {
			continue
		}
		all = append(all, paid{tip, e.receipts[i].GasUsed})
	}
	slices.SortStableFunc(all, func(a, b paid) int { return cmp.Or(a.tip.Cmp(b.tip), 0) })
	out := make([]*hexutil.Big, len(percentiles))
	for i, p := range percentiles {
		out[i] = (*hexutil.Big)(new(big.Int))
		var sum uint64
		for _, x := range all {
			sum += x.gas
			out[i] = (*hexutil.Big)(x.tip)
			if float64(sum) >= float64(e.block.GasUsed())*p/100 {
				break
			}
		}
	}
	return out
}
