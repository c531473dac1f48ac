package didethr

import "encoding/hex"

// The runtime codes of the two builds of the stock registry, as Keccak-256.
var (
	codeLegacy = hash("91b1a9cab324a2f48a806a7a5da7ec7dfeef76effb6f0cfd5ad436d570ea87ec") // npm ethr-did-registry 0.0.3, solc 0.4.24
	codeStock  = hash("13c5fbf71b05bbc6c985c8f8bdf24489f86c0330caea90e7fbf8749087db9057") // npm ethr-did-registry 1.0.0 to 1.3.0, solc 0.8.6
)

// Two addresses occur on many chains. Each is the hash of a deployment transaction, without chain id and signed by nobody in particular
// (scripts/generateDeployTxs.js of npm ethr-did-registry 0.0.3), in which the whole build stands, so that the address follows from the
// build: at 10 gwei and gas 2811144 from that of npm 0.0.3, at 100 gwei and the same gas from that of npm 1.0.0 to 1.3.0. That fixes what
// these addresses were meant to hold. It does not keep others from putting something else there: the signature's r is that of k = 1,
// so everybody can compute the sender's private key and deploy before the registry's friends do. Hence CodeHash.
const (
	addressLegacy = "0xdCa7EF03e98e0DC2B855bE647C39ABe984fcF21B"
	addressStock  = "0x03d5003bf0e79C5F5223588F347ebA39AfbC3818"
)

// known are the deployments that upstream names. Sources:
//
//	A  ethr-did-resolver 11.1.3, src/config/deployments.ts: name, chain, address, legacyNonce
//	B  ethr-did-registry 1.3.0, dist/deployments.js: chain, address
//	C  the README of ethr-did-registry: chain, address
//	D  Bhutan-NDI/ethr-credo-module 1.0.2, its tests: chain, address
//
// Where an address does not follow from a build, nobody can say from here which code is there, and CodeHash is zero: read the code
// once with eth_getCode from nodes that you trust, compare it with the builds above, and pin it.
var known = map[string]Network{
	// A B C; the default of NDI's resolver
	"mainnet": {Name: "mainnet", ChainID: 1, Registry: address(addressLegacy), CodeHash: codeLegacy, Legacy: true},
	// A; the default of NDI's resolver
	"sepolia": {Name: "sepolia", ChainID: 11155111, Registry: address(addressStock), CodeHash: codeStock},
	// D; code unknown
	"sepolia/ndi": {Name: "sepolia", ChainID: 11155111, Registry: address("0x485cFb9cdB84c0a5AfE69b75E2e79497Fc2256Fc")},
	// A
	"holesky": {Name: "holesky", ChainID: 17000, Registry: address(addressStock), CodeHash: codeStock},
	// A; Gnosis
	"gno": {Name: "gno", ChainID: 100, Registry: address(addressStock), CodeHash: codeStock},
	// A B
	"polygon": {Name: "polygon", ChainID: 137, Registry: address(addressLegacy), CodeHash: codeLegacy, Legacy: true},
	// A B; Energy Web; code unknown
	"ewc": {Name: "ewc", ChainID: 246, Registry: address("0xE29672f34e92b56C9169f9D485fFc8b9A136BCE4")},
	// A B; Energy Web's test net; code unknown
	"volta": {Name: "volta", ChainID: 73799, Registry: address("0xC15D5A57A8Eb0e1dCBE5D88B8f9a82017e5Cc4AF")},
	// A B; code unknown
	"aurora": {Name: "aurora", ChainID: 1313161554, Registry: address("0x63eD58B671EeD12Bc1652845ba5b2CDfBff198e0"), Legacy: true},
	// A B C
	"artis:sigma1": {Name: "artis:sigma1", ChainID: 246529, Registry: address(addressLegacy), CodeHash: codeLegacy, Legacy: true},
	// A B C
	"artis:tau1": {Name: "artis:tau1", ChainID: 246785, Registry: address(addressLegacy), CodeHash: codeLegacy, Legacy: true},
	// B C
	"rsk": {Name: "rsk", ChainID: 30, Registry: address(addressLegacy), CodeHash: codeLegacy, Legacy: true},
	// B C
	"rsk:testnet": {Name: "rsk:testnet", ChainID: 31, Registry: address(addressLegacy), CodeHash: codeLegacy, Legacy: true},
}

// Known returns a public deployment by its name: mainnet, sepolia, holesky, gno (Gnosis), polygon, ewc and volta (Energy Web), aurora,
// artis:sigma1, artis:tau1, rsk, rsk:testnet, or sepolia/ndi, the registry in the tests of Bhutan's NDI. The caller adds RPC, and
// Profile and FromBlock if wanted. ok is false for other names.
//
// CodeHash is zero for ewc, volta, aurora and sepolia/ndi, whose code is not known to this package: pin it. The registry of NDI's production is
// not published; its resolver's defaults are mainnet and sepolia.
func Known(name string) (n Network, ok bool) {
	n, ok = known[name]
	return n, ok
}

// hash and address read the constants of this file.
func hash(digits string) [32]byte {
	b, _ := hex.DecodeString(digits)
	return [32]byte(b)
}

func address(text string) Address {
	a, err := ParseAddress(text)
	if err != nil {
		panic(err)
	}
	return a
}
