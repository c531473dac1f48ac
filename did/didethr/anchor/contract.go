package anchor

import (
	_ "embed"
	"encoding/hex"
	"strings"
	"sync"
)

// What ../contract/build.mjs makes of the registry's source; its --check compares them.
var (
	//go:embed registry.abi.json
	registryABI string
	//go:embed registry.bin
	registryCode string
	//go:embed registry.runtime.bin
	registryRuntime string
)

// RegistryABI returns the registry's ABI as JSON, for tools.
func RegistryABI() string { return registryABI }

// RegistryCodeHash returns the Keccak-256 of the registry's runtime code, the same on every chain: what didethr.Network.CodeHash pins.
func RegistryCodeHash() [32]byte { return codeHash() }

var codeHash = sync.OnceValue(func() [32]byte { return keccak(unhex(registryRuntime)) })

func unhex(s string) []byte {
	b, err := hex.DecodeString(strings.TrimSpace(s))
	if err != nil {
		panic("anchor: the embedded registry is damaged")
	}
	return b
}
