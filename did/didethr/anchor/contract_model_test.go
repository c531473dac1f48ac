package anchor

import (
	"bytes"
	"fmt"
	"math/big"
	"slices"

	"github.com/ethereum/go-ethereum/accounts/abi"
	"github.com/ethereum/go-ethereum/common"
)

// model is the registry written a second time, in Go and from its README: what it stores, which events it emits, and with which word
// it refuses. contract_random_test.go compares the two.
type model struct {
	identities map[[20]byte]*modelIdentity
	wallet     [20]byte // the contract among the owners, which agrees to what walletKey signed
	walletKey  [20]byte
	events     []modelEvent // all of them, in their order
}

type modelIdentity struct {
	handedOver     bool
	owner          [20]byte
	nonce, changed uint64
	history        [32]byte
	delegates      map[modelDelegate]*big.Int
}

type modelDelegate struct {
	kind string
	who  [20]byte
}

// modelEvent is an event with the fields of all three kinds; previous is previousChange.
type modelEvent struct {
	identity [20]byte
	kind     int // 1, 2, 3 as in a leaf
	name     string
	party    [20]byte
	value    []byte
	validTo  *big.Int
	previous uint64
	block    uint64
	time     uint64
}

// modelCall is an operation as somebody wants it.
type modelCall struct {
	op       string // as in signedOps
	identity [20]byte
	name     string
	party    [20]byte
	value    []byte
	validity *big.Int

	sender [20]byte // of a direct call

	signed   bool
	signer   [20]byte
	deadline uint64
	over     uint64 // the nonce that was signed
	flaw     flaw
}

// flaw is what is wrong with a signature.
type flaw int

const (
	sound flaw = iota
	otherText
	twin
	cut
	plainV
	flaws
)

func newModel() *model { return &model{identities: map[[20]byte]*modelIdentity{}} }

func (m *model) identity(a [20]byte) *modelIdentity {
	if m.identities[a] == nil {
		m.identities[a] = &modelIdentity{delegates: map[modelDelegate]*big.Int{}}
	}
	return m.identities[a]
}

func (m *model) ownerOf(a [20]byte) [20]byte {
	if i := m.identity(a); i.handedOver {
		return i.owner
	}
	return a
}

// run executes a call in a block and returns "" or the word with which the registry refuses it.
func (m *model) run(c modelCall, block, time uint64) string {
	if word := m.refuses(c, time); word != "" {
		return word
	}
	i := m.identity(c.identity)
	e := modelEvent{
		identity: c.identity, name: c.name, party: c.party, value: c.value, validTo: new(big.Int),
		previous: i.changed, block: block, time: time,
	}
	if c.op == "AddDelegate" || c.op == "SetAttribute" {
		e.validTo.Add(c.validity, new(big.Int).SetUint64(time))
	}
	switch c.op {
	case "ChangeOwner":
		e.kind, i.owner, i.handedOver = 1, c.party, true
	case "AddDelegate", "RevokeDelegate":
		e.kind, i.delegates[modelDelegate{c.name, c.party}] = 2, e.validTo
	default:
		e.kind = 3
	}
	if c.signed || c.op == "ChangeOwner" {
		i.nonce++
	}
	i.changed = block
	i.history = next(i.history, e)
	m.events = append(m.events, e)
	return ""
}

const overflow = "panic" // Solidity has no word for it

func (m *model) refuses(c modelCall, time uint64) string {
	owner := m.ownerOf(c.identity)
	switch {
	case c.identity == [20]byte{}:
		return "bad_identity"
	case owner == [20]byte{}:
		return "deactivated"
	case !c.signed && c.sender != owner:
		return "bad_actor"
	case c.signed && c.deadline < time:
		return "expired"
	case c.signed:
		if word := m.judge(c, owner); word != "" {
			return word
		}
	}
	if c.op == "AddDelegate" && c.party == [20]byte{} {
		return "bad_delegate"
	}
	if c.op == "AddDelegate" || c.op == "SetAttribute" {
		if c.validity.Sign() == 0 {
			return "bad_validity"
		}
		if new(big.Int).Add(c.validity, new(big.Int).SetUint64(time)).BitLen() > 256 {
			return overflow
		}
	}
	return ""
}

// judge looks at a signature as its owner would.
func (m *model) judge(c modelCall, owner [20]byte) string {
	recovers := c.flaw == sound || c.flaw == twin
	right := recovers && c.over == m.identity(c.identity).nonce
	if owner == m.wallet {
		if right && c.signer == m.walletKey {
			return ""
		}
		return "bad_signature"
	}
	switch {
	case c.flaw == twin || c.flaw == cut || c.flaw == plainV:
		return "bad_signature"
	case !right || c.signer != owner:
		return "bad_actor"
	}
	return ""
}

// next appends an event to an accumulator, with go-ethereum's encoder.
func next(history [32]byte, e modelEvent) [32]byte {
	u := func(n uint64) *big.Int { return new(big.Int).SetUint64(n) }
	head := []any{u(1), common.Address(e.identity), u(uint64(e.kind))}
	var leaf []byte
	switch e.kind {
	case 1:
		leaf = encode("uint256 address uint256 address uint256", append(head, common.Address(e.party), u(e.previous))...)
	case 2:
		leaf = encode("uint256 address uint256 bytes32 address uint256 uint256", append(head, name(e.name), common.Address(e.party), e.validTo, u(e.previous))...)
	case 3:
		leaf = encode("uint256 address uint256 bytes32 bytes uint256 uint256", append(head, name(e.name), e.value, e.validTo, u(e.previous))...)
	}
	return keccak(encode("bytes32 bytes32 uint256 uint256", history, keccak(leaf), u(e.block), u(e.time)))
}

// encode is Solidity's abi.encode.
func encode(types string, values ...any) []byte {
	var args abi.Arguments
	for _, name := range bytes.Fields([]byte(types)) {
		t, err := abi.NewType(string(name), "", nil)
		if err != nil {
			panic(err)
		}
		args = append(args, abi.Argument{Type: t})
	}
	out, err := args.Pack(values...)
	if err != nil {
		panic(err)
	}
	return out
}

// modelled turns a log of the chain into an event as the model has it.
func modelled(e event) modelEvent {
	number := func(w [32]byte) uint64 { return new(big.Int).SetBytes(w[:]).Uint64() }
	text := func(w [32]byte) string { return string(bytes.TrimRight(w[:], "\x00")) }
	out := modelEvent{identity: [20]byte(e.Topics[1][12:]), block: e.Block, time: e.Time, validTo: new(big.Int)}
	switch e.Topics[0] {
	case ownerChanged:
		out.kind, out.party, out.previous = 1, [20]byte(e.Words[0][12:]), number(e.Words[1])
		return out
	case delegateChanged:
		out.kind, out.party = 2, [20]byte(e.Words[1][12:])
	case attributeChanged:
		out.kind, out.value = 3, e.Value
	}
	out.name, out.previous = text(e.Words[0]), number(e.Words[3])
	out.validTo.SetBytes(e.Words[2][:])
	return out
}

// accumulate computes an identity's history anew from the chain's logs.
func accumulate(id [20]byte, logs []event) (history [32]byte) {
	for _, e := range logs {
		if e.Topics[1] == addressWord(id) {
			history = next(history, modelled(e))
		}
	}
	return history
}

func (e modelEvent) String() string {
	return fmt.Sprintf("kind %d of %x: %q %x %x until %v, after %d, in %d at %d", e.kind, e.identity, e.name, e.party, e.value, e.validTo, e.previous, e.block, e.time)
}

// calldata packs a call; the signature is that of a signed one.
func (c modelCall) calldata(sig []byte) []byte {
	id, party, n, deadline := addressWord(c.identity), addressWord(c.party), name(c.name), uintWord(c.deadline)
	var validity [32]byte
	c.validity.FillBytes(validity[:])
	var args []any
	var types string
	switch c.op {
	case "ChangeOwner":
		types, args = "address,address", []any{id, party}
	case "AddDelegate":
		types, args = "address,bytes32,address,uint256", []any{id, n, party, validity}
	case "RevokeDelegate":
		types, args = "address,bytes32,address", []any{id, n, party}
	case "SetAttribute":
		types, args = "address,bytes32,bytes,uint256", []any{id, n, tail(c.value), validity}
	case "RevokeAttribute":
		types, args = "address,bytes32,bytes", []any{id, n, tail(c.value)}
	}
	function := string(c.op[0]|0x20) + c.op[1:]
	if c.signed {
		function, types, args = function+"Signed", types+",uint256,bytes", append(slices.Clip(args), deadline, tail(sig))
	}
	return pack(function+"("+types+")", args...)
}

// text is the digest that the owner signs.
func (c modelCall) text(chainID uint64, registry [20]byte) [32]byte {
	fields := map[string]string{
		"ChangeOwner": "address newOwner", "AddDelegate": "bytes32 delegateType,address delegate,uint256 validity",
		"RevokeDelegate": "bytes32 delegateType,address delegate", "SetAttribute": "bytes32 name,bytes value,uint256 validity",
		"RevokeAttribute": "bytes32 name,bytes value",
	}
	typeHash := keccak([]byte(c.op + "(address identity," + fields[c.op] + ",uint256 nonce,uint256 deadline)"))
	var validity [32]byte
	c.validity.FillBytes(validity[:])
	own := map[string][][32]byte{
		"ChangeOwner": {addressWord(c.party)}, "AddDelegate": {name(c.name), addressWord(c.party), validity},
		"RevokeDelegate": {name(c.name), addressWord(c.party)}, "SetAttribute": {name(c.name), keccak(c.value), validity},
		"RevokeAttribute": {name(c.name), keccak(c.value)},
	}
	words := append([][32]byte{typeHash, addressWord(c.identity)}, own[c.op]...)
	what := keccak(join(append(words, uintWord(c.over), uintWord(c.deadline))...))
	domain := domainSeparator(chainID, registry)
	return keccak([]byte{0x19, 0x01}, domain[:], what[:])
}
