package ethrtest

import (
	"encoding/json"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/core/types"
)

// object turns what marshals to a JSON object into one to which members can be added.
func object(v any) (map[string]any, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(b, &raw); err != nil {
		return nil, err
	}
	out := make(map[string]any, len(raw))
	for k, v := range raw {
		out[k] = v
	}
	return out, nil
}

func blockJSON(e *entry, full, pending bool, signer types.Signer) (any, error) {
	out, err := object(e.block.Header())
	if err != nil {
		return nil, err
	}
	for k, v := range out { // members of later forks than this block's
		if raw, ok := v.(json.RawMessage); ok && string(raw) == "null" {
			delete(out, k)
		}
	}
	if pending {
		unseal(out)
	}
	txs := []any{}
	for i, tx := range e.block.Transactions() {
		if !full {
			txs = append(txs, tx.Hash())
			continue
		}
		t, err := txJSON(tx, &place{e, i}, signer)
		if err != nil {
			return nil, err
		}
		txs = append(txs, t)
	}
	out["transactions"] = txs
	out["uncles"] = []common.Hash{}
	out["withdrawals"] = []any{}
	out["size"] = hexutil.Uint64(e.block.Size())
	return out, nil
}

// unseal takes away what a block has only once it is made.
func unseal(block map[string]any) {
	for _, k := range []string{"hash", "nonce", "miner"} {
		block[k] = nil
	}
}

// txJSON describes a transaction; at is nil while it waits.
func txJSON(tx *types.Transaction, at *place, signer types.Signer) (any, error) {
	out, err := object(tx)
	if err != nil {
		return nil, err
	}
	from, err := types.Sender(signer, tx)
	if err != nil {
		return nil, err
	}
	out["from"] = from
	out["blockHash"], out["blockNumber"], out["transactionIndex"] = nil, nil, nil
	out["gasPrice"] = (*hexutil.Big)(tx.GasPrice())
	if at != nil {
		out["blockHash"] = at.entry.block.Hash()
		out["blockNumber"] = hexutil.Uint64(at.entry.number())
		out["transactionIndex"] = hexutil.Uint64(at.index)
		out["gasPrice"] = (*hexutil.Big)(at.entry.receipts[at.index].EffectiveGasPrice)
	}
	return out, nil
}

func receiptJSON(at place, signer types.Signer) any {
	r := at.entry.receipts[at.index]
	tx := at.entry.block.Transactions()[at.index]
	from, _ := types.Sender(signer, tx) // was recovered when the transaction came in
	logs := r.Logs
	if logs == nil {
		logs = []*types.Log{}
	}
	var contract *common.Address
	if r.ContractAddress != (common.Address{}) {
		contract = &r.ContractAddress
	}
	return map[string]any{
		"type":              hexutil.Uint64(r.Type),
		"status":            hexutil.Uint64(r.Status),
		"cumulativeGasUsed": hexutil.Uint64(r.CumulativeGasUsed),
		"gasUsed":           hexutil.Uint64(r.GasUsed),
		"effectiveGasPrice": (*hexutil.Big)(r.EffectiveGasPrice),
		"logsBloom":         r.Bloom,
		"logs":              logs,
		"contractAddress":   contract,
		"from":              from,
		"to":                tx.To(),
		"transactionHash":   r.TxHash,
		"transactionIndex":  hexutil.Uint64(r.TransactionIndex),
		"blockHash":         r.BlockHash,
		"blockNumber":       (*hexutil.Big)(r.BlockNumber),
	}
}
