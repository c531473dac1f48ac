package ethrtest

import (
	"encoding/json"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/trie"
)

// maxProofKeys bounds the slots of one eth_getProof, as go-ethereum does.
const maxProofKeys = 1024

// nodes collects the nodes of a Merkle proof in their order from the root.
type nodes []string

func (n *nodes) Put(_, value []byte) error {
	*n = append(*n, hexutil.Encode(value))
	return nil
}
func (n *nodes) Delete([]byte) error { panic("ethrtest: a proof only grows") }

type storageProof struct {
	Key   string       `json:"key"`
	Value *hexutil.Big `json:"value"`
	Proof []string     `json:"proof"`
}

// getProof is EIP-1186.
func getProof(c *Chain, params []json.RawMessage) (any, error) {
	var keys []slot
	if _, err := param(params, 1, &keys); err != nil {
		return nil, err
	}
	if len(keys) > maxProofKeys {
		return nil, invalid("too many slots")
	}
	a, s, err := c.accountParam(params, 2)
	if err != nil {
		return nil, err
	}
	root := s.header.Root
	accounts, err := trie.NewStateTrie(trie.StateTrieID(root), c.ledger.tries)
	if err != nil {
		return nil, err
	}
	account := nodes{}
	if err := accounts.Prove(crypto.Keccak256(a[:]), &account); err != nil {
		return nil, err
	}
	storage, err := c.ledger.storageProofs(root, a, s.state.GetStorageRoot(a), keys)
	if err != nil {
		return nil, err
	}
	codeHash, storageRoot := s.state.GetCodeHash(a), s.state.GetStorageRoot(a)
	if codeHash == (common.Hash{}) {
		codeHash, storageRoot = types.EmptyCodeHash, types.EmptyRootHash
	}
	for i := range storage {
		storage[i].Value = (*hexutil.Big)(s.state.GetState(a, common.Hash(keys[i])).Big())
	}
	return map[string]any{
		"address":      a,
		"balance":      (*hexutil.Big)(s.state.GetBalance(a).ToBig()),
		"nonce":        hexutil.Uint64(s.state.GetNonce(a)),
		"codeHash":     codeHash,
		"storageHash":  storageRoot,
		"accountProof": []string(account),
		"storageProof": storage,
	}, nil
}

func (l *ledger) storageProofs(root common.Hash, a common.Address, storageRoot common.Hash, keys []slot) ([]storageProof, error) {
	out := make([]storageProof, len(keys))
	var slots *trie.StateTrie
	if storageRoot != (common.Hash{}) && storageRoot != types.EmptyRootHash {
		var err error
		if slots, err = trie.NewStateTrie(trie.StorageTrieID(root, crypto.Keccak256Hash(a[:]), storageRoot), l.tries); err != nil {
			return nil, err
		}
	}
	for i, k := range keys {
		proof := nodes{}
		if slots != nil {
			if err := slots.Prove(crypto.Keccak256(k[:]), &proof); err != nil {
				return nil, err
			}
		}
		out[i] = storageProof{Key: common.Hash(k).Hex(), Proof: proof}
	}
	return out, nil
}
