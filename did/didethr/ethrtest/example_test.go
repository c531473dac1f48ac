package ethrtest_test

import (
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"
	"strings"

	"github.com/khyer/khyer/did/didethr/ethrtest"
)

// A transfer is mined at once; its block becomes final when the chain has grown. Any client that speaks JSON-RPC can look.
func Example() {
	chain, err := ethrtest.New(ethrtest.Options{})
	if err != nil {
		panic(err)
	}
	defer chain.Close()

	from, to := chain.Accounts()[0], chain.Accounts()[1].Address
	hash, err := chain.Transact(from, &to, big.NewInt(1e18), nil)
	if err != nil {
		panic(err)
	}
	receipt, _ := chain.Receipt(hash)
	fmt.Println("block", receipt.Block.Number, "gas", receipt.GasUsed)

	call := fmt.Sprintf(`{"jsonrpc": "2.0", "id": 1, "method": "eth_getBalance", "params": ["0x%x", "latest"]}`, to)
	answer, err := http.Post(chain.URL(), "application/json", strings.NewReader(call))
	if err != nil {
		panic(err)
	}
	defer answer.Body.Close()
	var balance struct{ Result string }
	if err := json.NewDecoder(answer.Body).Decode(&balance); err != nil {
		panic(err)
	}
	wei, _ := new(big.Int).SetString(balance.Result, 0)
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
