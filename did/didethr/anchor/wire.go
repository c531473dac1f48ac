package anchor

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"math/big"
	"strconv"

	"github.com/khyer/khyer/internal/ethrpc"
)

// The encodings of the Ethereum JSON-RPC: quantities without leading zeros, data with two digits a byte.

type hexBytes []byte

func (b hexBytes) MarshalText() ([]byte, error) { return []byte("0x" + hex.EncodeToString(b)), nil }

func (b *hexBytes) UnmarshalText(text []byte) error {
	if len(text) < 2 || text[0] != '0' || text[1] != 'x' {
		return errors.New("no hexadecimal data")
	}
	out, err := hex.DecodeString(string(text[2:]))
	*b = out
	return err
}

type hexHash [32]byte

func (h hexHash) MarshalText() ([]byte, error) { return hexBytes(h[:]).MarshalText() }

func (h *hexHash) UnmarshalText(text []byte) error {
	var b hexBytes
	if err := b.UnmarshalText(text); err != nil || len(b) != len(h) {
		return errors.New("no hash")
	}
	copy(h[:], b)
	return nil
}

type hexAddress [20]byte

func (a hexAddress) MarshalText() ([]byte, error) { return hexBytes(a[:]).MarshalText() }

func (a *hexAddress) UnmarshalText(text []byte) error {
	var b hexBytes
	if err := b.UnmarshalText(text); err != nil || len(b) != len(a) {
		return errors.New("no address")
	}
	copy(a[:], b)
	return nil
}

type hexUint uint64

func (n hexUint) MarshalText() ([]byte, error) {
	return strconv.AppendUint([]byte("0x"), uint64(n), 16), nil
}

func (n *hexUint) UnmarshalText(text []byte) error {
	if len(text) < 3 || text[0] != '0' || text[1] != 'x' {
		return errors.New("no quantity")
	}
	v, err := strconv.ParseUint(string(text[2:]), 16, 64)
	*n = hexUint(v)
	return err
}

// hexBig holds its number in a field: embedded, the decimal JSON form of big.Int would show through.
type hexBig struct{ n big.Int }

func (n hexBig) MarshalText() ([]byte, error) { return []byte("0x" + n.n.Text(16)), nil }

func (n *hexBig) UnmarshalText(text []byte) error {
	const longest = len("0x") + 64
	if len(text) < 3 || len(text) > longest || text[0] != '0' || text[1] != 'x' {
		return errors.New("no quantity")
	}
	if _, ok := n.n.SetString(string(text[2:]), 16); !ok || n.n.Sign() < 0 {
		return errors.New("no quantity")
	}
	return nil
}

func (r *Registry) batch(ctx context.Context, calls []ethrpc.Call) error {
	if err := r.node.Batch(ctx, calls); err != nil {
		return nodeError(err)
	}
	return nil
}

// decode reads the result of a call that was answered.
func decode(c ethrpc.Call, v any) error {
	if c.Err != nil {
		return nodeError(c.Err)
	}
	if string(c.Result) == "null" || json.Unmarshal(c.Result, v) != nil {
		return fail(NoAnswer, "the answer to %s has another shape than asked for", c.Method)
	}
	return nil
}
