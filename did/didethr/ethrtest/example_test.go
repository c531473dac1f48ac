package ethrtest_test

import (
	"context"
	"fmt"
	"math/big"

	"github.com/khyer/khyer/did/didethr/ethrtest"
	"github.com/khyer/khyer/internal/ethrpc"
)

// A transfer is mined at once; its block becomes final when the chain has grown.
func Example() {
	chain, err := ethrtest.New(ethrtest.Options{})
	if err != nil {
		panic(err)
	}
	defer chain.Close()
	node, err := ethrpc.Dial(chain.URL(), nil)
	if err != nil {
		panic(err)
	}

	from, to := chain.Accounts()[0], chain.Accounts()[1].Address
	hash, err := chain.Transact(from, &to, big.NewInt(1e18), nil)
	if err != nil {
		panic(err)
	}
	receipt, _ := chain.Receipt(hash)
	fmt.Println("block", receipt.Block.Number, "gas", receipt.GasUsed)

	var balance string
	if err := node.Call(context.Background(), &balance, "eth_getBalance", fmt.Sprintf("0x%x", to), "latest"); err != nil {
		panic(err)
	}
	wei, _ := new(big.Int).SetString(balance, 0)
	fmt.Println("balance", wei)

	fmt.Println("final:", chain.Finalized().Number >= receipt.Block.Number)
	if err := chain.Finalize(); err != nil {
		panic(err)
	}
	fmt.Println("final:", chain.Finalized().Number >= receipt.Block.Number)
	// Output:
	// block 1 gas 21000
	// balance 1001000000000000000000
	// final: false
	// final: true
}
