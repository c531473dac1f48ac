package ethrtest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/core"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/holiman/uint256"
)

func invalid(format string, args ...any) error {
	return &rpcError{Code: codeInvalidParams, Message: fmt.Sprintf(format, args...)}
}

// param decodes the parameter at a position into v and says whether it was there. Null counts as absent.
func param(params []json.RawMessage, i int, v any) (bool, error) {
	if i >= len(params) || bytes.Equal(params[i], null) {
		return false, nil
	}
	if err := json.Unmarshal(params[i], v); err != nil {
		return false, invalid("invalid argument %d: %v", i, err)
	}
	return true, nil
}

func need(params []json.RawMessage, i int, v any) error {
	there, err := param(params, i, v)
	if err == nil && !there {
		err = invalid("missing value for required argument %d", i)
	}
	return err
}

// blockRef is a block parameter: a tag, a number, or an object as EIP-1898 has it.
type blockRef struct {
	tag       string
	number    uint64
	hash      *common.Hash
	canonical bool
}

func (b *blockRef) UnmarshalJSON(text []byte) error {
	if len(text) > 0 && text[0] == '{' {
		var o struct {
			BlockNumber      *blockRef    `json:"blockNumber"`
			BlockHash        *common.Hash `json:"blockHash"`
			RequireCanonical bool         `json:"requireCanonical"`
		}
		if err := json.Unmarshal(text, &o); err != nil {
			return err
		}
		if (o.BlockNumber == nil) == (o.BlockHash == nil) {
			return errors.New("a block is named by number or by hash")
		}
		if o.BlockNumber != nil {
			*b = *o.BlockNumber
			return nil
		}
		*b = blockRef{hash: o.BlockHash, canonical: o.RequireCanonical}
		return nil
	}
	var s string
	if err := json.Unmarshal(text, &s); err != nil {
		return err
	}
	switch s {
	case "latest", "pending", "safe", "finalized", "earliest":
		*b = blockRef{tag: s}
		return nil
	}
	if len(s) == 66 {
		var h common.Hash
		if err := h.UnmarshalText([]byte(s)); err != nil {
			return err
		}
		*b = blockRef{hash: &h}
		return nil
	}
	n, err := hexutil.DecodeUint64(s)
	*b = blockRef{number: n}
	return err
}

var errNoBlock = errors.New("header not found")

// find returns the block, or nil for the pending one.
func (l *ledger) find(b blockRef) (*entry, error) {
	switch b.tag {
	case "latest":
		return l.head(), nil
	case "safe":
		return l.safe(), nil
	case "finalized":
		return l.finalized(), nil
	case "earliest":
		return l.canonical[0], nil
	case "pending":
		return nil, nil
	}
	if b.hash == nil {
		if b.number >= uint64(len(l.canonical)) {
			return nil, errNoBlock
		}
		return l.canonical[b.number], nil
	}
	e := l.byHash[*b.hash]
	if e == nil {
		return nil, errors.New("header for hash not found")
	}
	if b.canonical && !l.isCanonical(e) {
		return nil, errors.New("hash is not currently canonical")
	}
	return e, nil
}

// stateParam returns the state that the block parameter at a position names; latest if there is none.
func (c *Chain) stateParam(params []json.RawMessage, i int) (snapshot, error) {
	ref := blockRef{tag: "latest"}
	if _, err := param(params, i, &ref); err != nil {
		return snapshot{}, err
	}
	e, err := c.ledger.find(ref)
	if err != nil {
		return snapshot{}, err
	}
	if e == nil {
		return c.ledger.pending(c.pool, c.blockTime())
	}
	return c.ledger.at(e)
}

// callArgs is a transaction that is only tried.
type callArgs struct {
	From                 common.Address   `json:"from"`
	To                   *common.Address  `json:"to"`
	Gas                  *hexutil.Uint64  `json:"gas"`
	GasPrice             *hexutil.Big     `json:"gasPrice"`
	MaxFeePerGas         *hexutil.Big     `json:"maxFeePerGas"`
	MaxPriorityFeePerGas *hexutil.Big     `json:"maxPriorityFeePerGas"`
	Value                *hexutil.Big     `json:"value"`
	Data                 *hexutil.Bytes   `json:"data"`
	Input                *hexutil.Bytes   `json:"input"`
	ChainID              *hexutil.Big     `json:"chainId"`
	AccessList           types.AccessList `json:"accessList"`
}

func toU256(b *big.Int) *uint256.Int {
	u, _ := uint256.FromBig(b)
	return u
}

func amount(name string, b *hexutil.Big) (*uint256.Int, error) {
	if b == nil {
		return new(uint256.Int), nil
	}
	u, overflow := uint256.FromBig(b.ToInt())
	if overflow || b.ToInt().Sign() < 0 {
		return nil, invalid("%s has more than 256 bits", name)
	}
	return u, nil
}

// message is a call without a price: it is tried, not paid.
func message(from common.Address, to *common.Address, value *uint256.Int, data []byte) *core.Message {
	m := &core.Message{
		From: from, To: to, Value: value, Data: data,
		GasPrice: new(uint256.Int), GasFeeCap: new(uint256.Int), GasTipCap: new(uint256.Int), BlobGasFeeCap: new(uint256.Int),
	}
	return m.SkipNonceCheck().SkipEOACheck().SkipGasLimitCapCheck()
}

func (c *Chain) callParam(params []json.RawMessage) (*core.Message, error) {
	var a callArgs
	if err := need(params, 0, &a); err != nil {
		return nil, err
	}
	if a.Data != nil && a.Input != nil && !bytes.Equal(*a.Data, *a.Input) {
		return nil, invalid(`both "data" and "input" are set and not equal`)
	}
	if a.GasPrice != nil && (a.MaxFeePerGas != nil || a.MaxPriorityFeePerGas != nil) {
		return nil, invalid("both gasPrice and (maxFeePerGas or maxPriorityFeePerGas) specified")
	}
	if a.ChainID != nil && a.ChainID.ToInt().Cmp(c.ledger.config.ChainID) != 0 {
		return nil, invalid("chainId does not match node's")
	}
	value, err := amount("value", a.Value)
	if err != nil {
		return nil, err
	}
	var data []byte
	if a.Input != nil {
		data = *a.Input
	} else if a.Data != nil {
		data = *a.Data
	}
	m := message(a.From, a.To, value, data)
	m.AccessList = a.AccessList
	if a.Gas != nil {
		m.GasLimit = uint64(*a.Gas)
	}
	if a.GasPrice != nil {
		a.MaxFeePerGas, a.MaxPriorityFeePerGas = a.GasPrice, a.GasPrice
	}
	if m.GasFeeCap, err = amount("maxFeePerGas", a.MaxFeePerGas); err != nil {
		return nil, err
	}
	if m.GasTipCap, err = amount("maxPriorityFeePerGas", a.MaxPriorityFeePerGas); err != nil {
		return nil, err
	}
	m.GasPrice = m.GasFeeCap
	return m, nil
}
