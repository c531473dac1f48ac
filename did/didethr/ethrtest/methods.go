package ethrtest

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/big"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/core/vm"
	"github.com/ethereum/go-ethereum/crypto"
)

type method func(c *Chain, params []json.RawMessage) (any, error)

// methods is what the node speaks. All run under the Chain's lock.
var methods map[string]method

func init() { // not a composite literal: the table and its functions would refer to each other
	methods = map[string]method{
		"web3_clientVersion": constant("ethrtest/v0"),
		"web3_sha3":          sha3,
		"net_version":        func(c *Chain, _ []json.RawMessage) (any, error) { return c.ledger.config.ChainID.String(), nil },
		"net_listening":      constant(true),
		"eth_accounts":       constant([]string{}),
		"eth_syncing":        constant(false),
		"eth_chainId": func(c *Chain, _ []json.RawMessage) (any, error) {
			return (*hexutil.Big)(c.ledger.config.ChainID), nil
		},
		"eth_blockNumber": func(c *Chain, _ []json.RawMessage) (any, error) {
			return hexutil.Uint64(c.ledger.head().number()), nil
		},
		"eth_getBlockByNumber":                 getBlock,
		"eth_getBlockByHash":                   getBlock,
		"eth_getHeaderByNumber":                getHeader,
		"eth_getHeaderByHash":                  getHeader,
		"eth_getBlockReceipts":                 getBlockReceipts,
		"eth_call":                             ethCall,
		"eth_estimateGas":                      estimateGas,
		"eth_getLogs":                          getLogs,
		"eth_getCode":                          getCode,
		"eth_getBalance":                       getBalance,
		"eth_getStorageAt":                     getStorageAt,
		"eth_getProof":                         getProof,
		"eth_getTransactionCount":              getTransactionCount,
		"eth_gasPrice":                         gasPrice,
		"eth_maxPriorityFeePerGas":             maxPriorityFee,
		"eth_feeHistory":                       feeHistory,
		"eth_blobBaseFee":                      blobBaseFee,
		"eth_sendRawTransaction":               sendRawTransaction,
		"eth_getTransactionByHash":             getTransaction,
		"eth_getTransactionReceipt":            getReceipt,
		"eth_getBlockTransactionCountByNumber": countTransactions,
		"eth_getBlockTransactionCountByHash":   countTransactions,
	}
}

func constant(v any) method {
	return func(*Chain, []json.RawMessage) (any, error) { return v, nil }
}

func sha3(_ *Chain, params []json.RawMessage) (any, error) {
	var data hexutil.Bytes
	if err := need(params, 0, &data); err != nil {
		return nil, err
	}
	return hexutil.Bytes(crypto.Keccak256(data)), nil
}

// blockParam returns the block that the first parameter names, or nil where a node answers null. The pending one is made for the
// occasion and kept nowhere.
func (c *Chain) blockParam(params []json.RawMessage) (e *entry, pending bool, err error) {
	var ref blockRef
	if err := need(params, 0, &ref); err != nil {
		return nil, false, err
	}
	if ref.tag == "pending" {
		e, _, err := c.ledger.execute(c.pool.ready(c.ledger), c.blockTime())
		return e, true, err
	}
	e, err = c.ledger.find(ref)
	if err != nil {
		return nil, false, nil
	}
	return e, false, nil
}

func getBlock(c *Chain, params []json.RawMessage) (any, error) {
	full := false
	if _, err := param(params, 1, &full); err != nil {
		return nil, err
	}
	e, pending, err := c.blockParam(params)
	if e == nil || err != nil {
		return nil, err
	}
	return blockJSON(e, full, pending, c.pool.signer)
}

func getHeader(c *Chain, params []json.RawMessage) (any, error) {
	e, pending, err := c.blockParam(params)
	if e == nil || err != nil {
		return nil, err
	}
	out, err := object(e.block.Header())
	if pending && err == nil {
		unseal(out)
	}
	return out, err
}

func countTransactions(c *Chain, params []json.RawMessage) (any, error) {
	e, _, err := c.blockParam(params)
	if e == nil || err != nil {
		return nil, err
	}
	return hexutil.Uint64(len(e.block.Transactions())), nil
}

func getBlockReceipts(c *Chain, params []json.RawMessage) (any, error) {
	e, _, err := c.blockParam(params)
	if e == nil || err != nil {
		return nil, err
	}
	out := []any{}
	for i := range e.receipts {
		out = append(out, receiptJSON(place{e, i}, c.pool.signer))
	}
	return out, nil
}

func ethCall(c *Chain, params []json.RawMessage) (any, error) {
	if len(params) > 2 && string(params[2]) != "null" && string(params[2]) != "{}" {
		return nil, invalid("state overrides are not supported")
	}
	m, err := c.callParam(params)
	if err != nil {
		return nil, err
	}
	on, err := c.stateParam(params, 1)
	if err != nil {
		return nil, err
	}
	out, err := c.ledger.call(m, on)
	return hexutil.Bytes(out), err
}

func estimateGas(c *Chain, params []json.RawMessage) (any, error) {
	m, err := c.callParam(params)
	if err != nil {
		return nil, err
	}
	on, err := c.stateParam(params, 1)
	if err != nil {
		return nil, err
	}
	gas, revert, err := c.ledger.estimate(m, on)
	if errors.Is(err, vm.ErrExecutionReverted) {
		return nil, reverted(revert)
	}
	return hexutil.Uint64(gas), err
}

// accountParam decodes the address at position 0 and the state at position at.
func (c *Chain) accountParam(params []json.RawMessage, at int) (common.Address, snapshot, error) {
	var a common.Address
	if err := need(params, 0, &a); err != nil {
		return a, snapshot{}, err
	}
	s, err := c.stateParam(params, at)
	return a, s, err
}

func getCode(c *Chain, params []json.RawMessage) (any, error) {
	a, s, err := c.accountParam(params, 1)
	if err != nil {
		return nil, err
	}
	return hexutil.Bytes(s.state.GetCode(a)), nil
}

func getBalance(c *Chain, params []json.RawMessage) (any, error) {
	a, s, err := c.accountParam(params, 1)
	if err != nil {
		return nil, err
	}
	return (*hexutil.Big)(s.state.GetBalance(a).ToBig()), nil
}

// slot is a storage key: 32 bytes, or a number with fewer digits.
type slot common.Hash

func (k *slot) UnmarshalJSON(text []byte) error {
	var s string
	if err := json.Unmarshal(text, &s); err != nil {
		return err
	}
	b, ok := new(big.Int).SetString(s, 0)
	if !ok || len(s) < 3 || s[:2] != "0x" || b.Sign() < 0 || b.BitLen() > 256 {
		return errors.New("a storage key is hex of 32 bytes at most")
	}
	b.FillBytes(k[:])
	return nil
}

func getStorageAt(c *Chain, params []json.RawMessage) (any, error) {
	var k slot
	if err := need(params, 1, &k); err != nil {
		return nil, err
	}
	a, s, err := c.accountParam(params, 2)
	if err != nil {
		return nil, err
	}
	return s.state.GetState(a, common.Hash(k)), nil
}

func getTransactionCount(c *Chain, params []json.RawMessage) (any, error) {
	var a common.Address
	if err := need(params, 0, &a); err != nil {
		return nil, err
	}
	var ref blockRef
	if there, err := param(params, 1, &ref); err == nil && there && ref.tag == "pending" {
		return hexutil.Uint64(c.pool.nextNonce(a)), nil
	}
	_, s, err := c.accountParam(params, 1)
	if err != nil {
		return nil, err
	}
	return hexutil.Uint64(s.state.GetNonce(a)), nil
}

func sendRawTransaction(c *Chain, params []json.RawMessage) (any, error) {
	var raw hexutil.Bytes
	if err := need(params, 0, &raw); err != nil {
		return nil, err
	}
	tx := new(types.Transaction)
	if err := tx.UnmarshalBinary(raw); err != nil {
		return nil, fmt.Errorf("rlp: %w", err)
	}
	if err := c.submit(tx); err != nil {
		return nil, err
	}
	return tx.Hash(), nil
}

func getTransaction(c *Chain, params []json.RawMessage) (any, error) {
	var h common.Hash
	if err := need(params, 0, &h); err != nil {
		return nil, err
	}
	if at, ok := c.ledger.txs[h]; ok {
		return txJSON(at.entry.block.Transactions()[at.index], &at, c.pool.signer)
	}
	if tx, ok := c.pool.byHash[h]; ok {
		return txJSON(tx, nil, c.pool.signer)
	}
	return nil, nil
}

func getReceipt(c *Chain, params []json.RawMessage) (any, error) {
	var h common.Hash
	if err := need(params, 0, &h); err != nil {
		return nil, err
	}
	at, ok := c.ledger.txs[h]
	if !ok {
		return nil, nil
	}
	return receiptJSON(at, c.pool.signer), nil
}
