package didethr_test

import (
	"fmt"

	"github.com/khyer/khyer/did/didethr"
)

// A resolver for the networks that Bhutan's NDI uses, with documents as its own resolver writes them.
func ExampleKnown() {
	mainnet, _ := didethr.Known("mainnet")
	mainnet.RPC = []string{"https://node.registry.example", "https://node.bank.example"}
	mainnet.Profile = didethr.V11
	sepolia, _ := didethr.Known("sepolia")
	sepolia.RPC = []string{"https://node.registry.example/sepolia"}
	if _, err := didethr.New(didethr.Config{Networks: []didethr.Network{mainnet, sepolia}}); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(mainnet.ChainID, mainnet.Registry, mainnet.Legacy)
	fmt.Println(sepolia.ChainID, sepolia.Registry, sepolia.Legacy)
	// Output:
	// 1 0xdCa7EF03e98e0DC2B855bE647C39ABe984fcF21B true
	// 11155111 0x03d5003bf0e79C5F5223588F347ebA39AfbC3818 false
}
