package ethrtest

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/big"
	"time"

	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/core"
	"github.com/ethereum/go-ethereum/core/vm"
	"github.com/ethereum/go-ethereum/eth/gasestimator"
)

const (
	callGas     = 50_000_000 // what eth_call may burn, as in go-ethereum
	callTimeout = 5 * time.Second
)

// call runs a message on a state, which it changes.
func (l *ledger) call(m *core.Message, on snapshot) ([]byte, error) {
	if m.GasLimit == 0 || m.GasLimit > callGas {
		m.GasLimit = callGas
	}
	block := core.NewEVMBlockContext(on.header, l, nil)
	if m.GasPrice.IsZero() {
		block.BaseFee = new(big.Int)
	}
	evm := vm.NewEVM(block, on.state, l.config, vm.Config{NoBaseFee: true})
	defer evm.Release()
	timer := time.AfterFunc(callTimeout, evm.Cancel)
	defer timer.Stop()
	result, err := core.ApplyMessage(evm, m, core.NewGasPool(math.MaxUint64))
	if err != nil {
		return nil, err
	}
	if evm.Cancelled() {
		return nil, fmt.Errorf("execution aborted (timeout = %v)", callTimeout)
	}
	if errors.Is(result.Err, vm.ErrExecutionReverted) {
		return nil, reverted(result.Revert())
	}
	return result.Return(), result.Err
}

// estimate is go-ethereum's own search for the least gas with which a message succeeds.
func (l *ledger) estimate(m *core.Message, on snapshot) (gas uint64, revert []byte, err error) {
	opt := &gasestimator.Options{Config: l.config, Chain: l, Header: on.header, State: on.state}
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	return gasestimator.Estimate(ctx, m, opt, callGas)
}

// reverted words a revert as go-ethereum does, so that clients which match its text find it.
func reverted(data []byte) error {
	e := &rpcError{Code: codeReverted, Message: vm.ErrExecutionReverted.Error(), Data: hexutil.Encode(data)}
	if reason, ok := revertReason(data); ok {
		e.Message += ": " + reason
	}
	return e
}

// revertReason decodes Error(string), the built-in error of Solidity.
func revertReason(data []byte) (string, bool) {
	const head = 4 + 32 + 32
	if len(data) < head || !bytes.Equal(data[:4], []byte{0x08, 0xc3, 0x79, 0xa0}) {
		return "", false
	}
	n := binary.BigEndian.Uint64(data[head-8 : head])
	if n > uint64(len(data)-head) {
		return "", false
	}
	return string(data[head : head+int(n)]), true
}
