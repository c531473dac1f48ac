package interop_test

import (
	"encoding/hex"
	"encoding/json"
	"math/big"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/accounts/abi"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/crypto"

	"github.com/khyer/khyer/did/didethr/anchor"
	"github.com/khyer/khyer/did/didethr/ethrtest"
)

// bare is a registry on a chain of its own, without any resolver: what the contract itself does.
type bare struct {
	t        testing.TB
	version  string // "0.0.3", "1.3.0", or "ours"
	chain    *ethrtest.Chain
	abi      abi.ABI
	address  common.Address
	deployed uint64 // gas
}

const ours = "ours"

func openBare(t testing.TB, version string, o ethrtest.Options) *bare {
	t.Helper()
	node(t)
	chain, err := ethrtest.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { chain.Close() })
	b := &bare{t: t, version: version, chain: chain}
	var code []byte
	if version == ours {
		text, err := os.ReadFile("../../did/didethr/anchor/registry.bin")
		if err != nil {
			t.Fatal(err)
		}
		if code, err = hex.DecodeString(strings.TrimSpace(string(text))); err != nil {
			t.Fatal(err)
		}
		if b.abi, err = abi.JSON(strings.NewReader(anchor.RegistryABI())); err != nil {
			t.Fatal(err)
		}
	} else {
		a := artifact(t, version)
		b.abi, code = a.ABI, a.Bytecode
	}
	r := b.transact(0, nil, code)
	if !r.OK {
		t.Fatal("the registry was not deployed")
	}
	b.address, b.deployed = r.Contract, r.GasUsed
	return b
}

func (b *bare) transact(from int, to *[20]byte, data []byte) ethrtest.Receipt {
	b.t.Helper()
	hash, err := b.chain.Transact(b.chain.Accounts()[from], to, nil, data)
	if err != nil {
		b.t.Fatal(err)
	}
	r, ok := b.chain.Receipt(hash)
	if !ok {
		b.t.Fatal("not mined")
	}
	return r
}

func (b *bare) id(who int) common.Address { return b.chain.Accounts()[who].Address }

func (b *bare) pack(function string, args ...any) []byte {
	b.t.Helper()
	data, err := b.abi.Pack(function, args...)
	if err != nil {
		b.t.Fatal(err)
	}
	return data
}

// send calls the registry and says whether it accepted.
func (b *bare) send(from int, data []byte) bool {
	b.t.Helper()
	return b.transact(from, (*[20]byte)(&b.address), data).OK
}

// must calls a function of the registry, which must accept.
func (b *bare) must(from int, function string, args ...any) {
	b.t.Helper()
	if !b.send(from, b.pack(function, args...)) {
		b.t.Fatalf("%s was refused", function)
	}
}

// signed packs a signed operation as the registry takes it: ERC-1056's packed hash with v, r and s, or ours. args are those of the
// direct operation.
func (b *bare) signed(signer int, nonce uint64, function string, args ...any) []byte {
	b.t.Helper()
	digest := b.digest(nonce, function, args)
	key, err := crypto.ToECDSA(b.chain.Accounts()[signer].Key[:])
	if err != nil {
		b.t.Fatal(err)
	}
	sig, err := crypto.Sign(digest, key)
	if err != nil {
		b.t.Fatal(err)
	}
	sig[64] += 27
	return b.withSignature(sig, function, args)
}

const longAway = 1 << 40 // a deadline

func (b *bare) withSignature(sig []byte, function string, args []any) []byte {
	if b.version == ours {
		return b.pack(function+"Signed", append(append([]any{}, args...), big.NewInt(longAway), sig)...)
	}
	vrs := []any{args[0], sig[64], [32]byte(sig[:32]), [32]byte(sig[32:64])}
	return b.pack(function+"Signed", append(vrs, args[1:]...)...)
}

// typesOfOurs are EIP-712 types, "encodeType", in the words of contract/README.md.
var typesOfOurs = map[string]string{
	"changeOwner":     "ChangeOwner(address identity,address newOwner,uint256 nonce,uint256 deadline)",
	"addDelegate":     "AddDelegate(address identity,bytes32 delegateType,address delegate,uint256 validity,uint256 nonce,uint256 deadline)",
	"revokeDelegate":  "RevokeDelegate(address identity,bytes32 delegateType,address delegate,uint256 nonce,uint256 deadline)",
	"setAttribute":    "SetAttribute(address identity,bytes32 name,bytes value,uint256 validity,uint256 nonce,uint256 deadline)",
	"revokeAttribute": "RevokeAttribute(address identity,bytes32 name,bytes value,uint256 nonce,uint256 deadline)",
}

func (b *bare) digest(nonce uint64, function string, args []any) []byte {
	number := new(big.Int).SetUint64(nonce)
	if b.version != ours {
		// ERC-1056 as its reference implementation has it: everything packed, without a chain.
		packed := append([]byte{0x19, 0}, b.address[:]...)
		packed = append(packed, word(number)...)
		packed = append(packed, args[0].(common.Address).Bytes()...)
		packed = append(packed, function...)
		for _, a := range args[1:] {
			switch a := a.(type) {
			case common.Address:
				packed = append(packed, a[:]...)
			case [32]byte:
				packed = append(packed, a[:]...)
			case []byte:
				packed = append(packed, a...)
			case *big.Int:
				packed = append(packed, word(a)...)
			}
		}
		return crypto.Keccak256(packed)
	}
	data := crypto.Keccak256([]byte(typesOfOurs[function]))
	for _, a := range append(append([]any{}, args...), number, big.NewInt(longAway)) {
		switch a := a.(type) {
		case common.Address:
			data = append(data, common.LeftPadBytes(a[:], 32)...)
		case [32]byte:
			data = append(data, a[:]...)
		case []byte:
			data = append(data, crypto.Keccak256(a)...)
		case *big.Int:
			data = append(data, word(a)...)
		}
	}
	domain := crypto.Keccak256([]byte("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"))
	domain = append(append(domain, crypto.Keccak256([]byte("EthereumDIDRegistry"))...), crypto.Keccak256([]byte("1"))...)
	domain = append(append(domain, word(new(big.Int).SetUint64(b.chain.ChainID()))...), common.LeftPadBytes(b.address[:], 32)...)
	return crypto.Keccak256([]byte{0x19, 1}, crypto.Keccak256(domain), crypto.Keccak256(data))
}

// twin is the other signature of the same text by the same key, with s in the upper half of the order.
func (b *bare) twin(signer int, nonce uint64, function string, args []any) []byte {
	b.t.Helper()
	key, err := crypto.ToECDSA(b.chain.Accounts()[signer].Key[:])
	if err != nil {
		b.t.Fatal(err)
	}
	sig, err := crypto.Sign(b.digest(nonce, function, args), key)
	if err != nil {
		b.t.Fatal(err)
	}
	new(big.Int).Sub(crypto.S256().Params().N, new(big.Int).SetBytes(sig[32:64])).FillBytes(sig[32:64])
	sig[64] = 28 - sig[64]
	return sig
}

// view reads from the newest block.
func (b *bare) view(function string, args ...any) []any {
	b.t.Helper()
	var out hexutil.Bytes
	dial(b.t, b.chain.URL()).call(b.t, &out, "eth_call", map[string]any{"to": b.address, "data": hexutil.Bytes(b.pack(function, args...))}, "latest")
	values, err := b.abi.Unpack(function, out)
	if err != nil {
		b.t.Fatal(err)
	}
	return values
}

func (b *bare) nonce(who int) uint64 { return b.view("nonce", b.id(who))[0].(*big.Int).Uint64() }

func word(n *big.Int) []byte { return n.FillBytes(make([]byte, 32)) }

// direct takes a call of a direct operation apart.
func (b *bare) direct(data []byte) (function string, args []any) {
	b.t.Helper()
	m, err := b.abi.MethodById(data)
	if err != nil {
		b.t.Fatal(err)
	}
	if args, err = m.Inputs.Unpack(data[4:]); err != nil {
		b.t.Fatal(err)
	}
	return m.Name, args
}

// The figures beside ours in the gas table of did/didethr/contract/README.md.
const (
	gasCallsFile = "../../did/didethr/anchor/testdata/gas-calls.json"
	gasStockFile = "../../did/didethr/anchor/testdata/gas-stock.json"
)

// TestGasOfTheDeployedRegistries measures what the deployed registries take for the calls that ours is measured with. If that is no longer
// what gas-stock.json says, it writes the file anew when KHYER_UPDATE_GAS=1.
func TestGasOfTheDeployedRegistries(t *testing.T) {
	node(t)
	text, err := os.ReadFile(gasCallsFile)
	if err != nil {
		t.Fatal(err)
	}
	var calls []struct {
		Operation, Data string
		From            int
		Signer          *int
	}
	if err := json.Unmarshal(text, &calls); err != nil || len(calls) == 0 {
		t.Fatal("no calls", err)
	}
	all := map[string]map[string]map[string]uint64{}
	for _, version := range []string{"0.0.3", "1.3.0"} {
		all[version] = map[string]map[string]uint64{}
		for _, fork := range []ethrtest.Fork{ethrtest.Osaka, ethrtest.Amsterdam} {
			b := openBare(t, version, ethrtest.Options{Fork: fork, Accounts: 8, Start: time.Unix(1_800_000_000, 0)})
			used := map[string]uint64{"deployment": b.deployed}
			nonces := map[int]uint64{}
			for _, c := range calls {
				data, err := hex.DecodeString(c.Data)
				if err != nil {
					t.Fatal(err)
				}
				if c.Signer != nil {
					function, args := b.direct(data)
					data = b.signed(*c.Signer, nonces[*c.Signer], function, args...)
					nonces[*c.Signer]++
				}
				r := b.transact(c.From, (*[20]byte)(&b.address), data)
				if !r.OK {
					t.Fatalf("%s refuses %q", version, c.Operation)
				}
				used[c.Operation] = r.GasUsed
			}
			all[version][string(fork)] = used
		}
	}
	want, err := json.MarshalIndent(all, "", "\t")
	if err != nil {
		t.Fatal(err)
	}
	want = append(want, '\n')
	if os.Getenv("KHYER_UPDATE_GAS") == "1" {
		if err := os.WriteFile(gasStockFile, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(gasStockFile); err != nil || string(got) != string(want) {
		t.Error("gas-stock.json is out of date; KHYER_UPDATE_GAS=1 writes it")
	}
}

// TestEthersSignsForOurRegistry: ethers, which shares nothing with this library, signs the typed data that contract/README.md describes, and
// our registry accepts it.
func TestEthersSignsForOurRegistry(t *testing.T) {
	b := openBare(t, ours, ethrtest.Options{ChainID: 4242})
	me, heir := b.id(1), b.id(2)
	for nonce, o := range []struct {
		function string
		args     []any
	}{
		{"setAttribute", []any{me, name32(issuing), []byte("a value longer than a word of thirty-two bytes"), seconds(year)}},
		{"revokeAttribute", []any{me, name32("did/svc/Cards"), []byte{}}},
		{"addDelegate", []any{me, name32("veriKey"), heir, seconds(year)}},
		{"revokeDelegate", []any{me, name32("veriKey"), heir}},
		{"changeOwner", []any{me, heir}},
	} {
		sig := ethersSigns(t, b, 1, uint64(nonce), o.function, o.args)
		if data := b.withSignature(sig, o.function, o.args); !b.send(3, data) {
			t.Errorf("%s: the registry refuses what ethers signed", o.function)
		} else if b.send(3, data) {
			t.Errorf("%s: accepted twice", o.function)
		}
	}
}

// ethersSigns lets ethers sign in a process of its own. The types are read from the text of typesOfOurs.
func ethersSigns(t *testing.T, b *bare, signer int, nonce uint64, function string, args []any) []byte {
	t.Helper()
	type field struct {
		Name string `json:"name"`
		Type string `json:"type"`
	}
	primary, rest, _ := strings.Cut(strings.TrimSuffix(typesOfOurs[function], ")"), "(")
	var fields []field
	message := map[string]any{}
	for i, part := range strings.Split(rest, ",") {
		kind, name, _ := strings.Cut(part, " ")
		fields = append(fields, field{name, kind})
		switch {
		case name == "nonce":
			message[name] = nonce
		case name == "deadline":
			message[name] = uint64(longAway)
		default:
			switch a := args[i].(type) {
			case common.Address:
				message[name] = a.Hex()
			case [32]byte:
				message[name] = "0x" + hex.EncodeToString(a[:])
			case []byte:
				message[name] = "0x" + hex.EncodeToString(a)
			case *big.Int:
				message[name] = a.String()
			}
		}
	}
	key := b.chain.Accounts()[signer].Key
	input, err := json.Marshal(map[string]any{
		"key":     "0x" + hex.EncodeToString(key[:]),
		"domain":  map[string]any{"name": "EthereumDIDRegistry", "version": "1", "chainId": b.chain.ChainID(), "verifyingContract": b.address.Hex()},
		"types":   map[string]any{primary: fields},
		"message": message,
	})
	if err != nil {
		t.Fatal(err)
	}
	const script = `import { Wallet } from 'ethers'
let text = ''
for await (const part of process.stdin) text += part
const { key, domain, types, message } = JSON.parse(text)
process.stdout.write(await new Wallet(key).signTypedData(domain, types, message))`
	cmd := exec.CommandContext(t.Context(), "node", "--input-type=module", "-e", script)
	cmd.Stdin = strings.NewReader(string(input))
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	sig, err := hex.DecodeString(strings.TrimPrefix(string(out), "0x"))
	if err != nil || len(sig) != 65 {
		t.Fatalf("ethers answers %q", out)
	}
	return sig
}
