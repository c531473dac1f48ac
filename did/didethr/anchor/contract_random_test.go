package anchor

import (
	"bytes"
	"cmp"
	"fmt"
	"math/big"
	"slices"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/core/vm"
	"github.com/ethereum/go-ethereum/core/vm/program"

	"github.com/khyer/khyer/did/didethr"
	"github.com/khyer/khyer/did/didethr/ethrtest"
)

// Random operations by several actors, several in a block, on the EVM and on the model. Each must have the outcome that the model
// foresees, and after each block all that can be seen of the registry must be what the model says.

// choices are random decisions, made from bytes so that a fuzzer can steer them.
type choices struct{ data []byte }

// of returns one of n; 0 when the bytes are used up.
func (c *choices) of(n int) int {
	if len(c.data) == 0 {
		return 0
	}
	b := c.data[0]
	c.data = c.data[1:]
	return int(b) % n
}

// play is a game between actors: people, and a wallet that agrees to what karma signs and passes on what karma sends to it.
type play struct {
	*world
	*choices
	*model
	past     []signedPast
	most     map[[20]byte]uint64 // nonces so far
	seen     int                 // events compared so far
	accepted map[string]int      // operations
	refusals map[string]int      // and refused, by word
}

type signedPast struct {
	call modelCall
	sig  []byte
}

func newPlay(t testing.TB, fork ethrtest.Fork, data []byte) *play {
	w := newWorld(t, ethrtest.Options{Fork: fork, Accounts: playPeople, Manual: true})
	p := &play{world: w, choices: &choices{data}, model: newModel(), most: map[[20]byte]uint64{}, accepted: map[string]int{}, refusals: map[string]int{}}
	p.wallet, p.walletKey = w.install(sendingWallet(w.id(karma), w.registry)), w.id(karma)
	return p
}

const playPeople = 4

// sendingWallet is a walletOf that also sends to the registry what its key sends to it.
func sendingWallet(key, registry [20]byte) []byte {
	build := func(sent, asked int) (code []byte, sentAt, askedAt int) {
		p := program.New()
		jumpIf := func(to int) { p.Append([]byte{byte(vm.PUSH2), byte(to >> 8), byte(to)}).Op(vm.JUMPI) }
		p.Push(0).Op(vm.CALLDATALOAD).Push(224).Op(vm.SHR).Push(magic[:4]).Op(vm.EQ)
		jumpIf(asked)
		p.Op(vm.CALLDATASIZE).Push(0).Push(0).Op(vm.CALLDATACOPY)
		p.Push(0).Push(0).Op(vm.CALLDATASIZE).Push(0).Push(0).Push(registry[:]).Op(vm.GAS, vm.CALL)
		p.Op(vm.CALLER).Push(key[:]).Op(vm.EQ, vm.AND) // the revert undoes what a stranger sent
		jumpIf(sent)
		p.Op(vm.RETURNDATASIZE).Push(0).Push(0).Op(vm.RETURNDATACOPY).Op(vm.RETURNDATASIZE).Push(0).Op(vm.REVERT)
		sentAt = p.Size()
		p.Op(vm.JUMPDEST, vm.STOP)
		askedAt = p.Size()
		return p.Op(vm.JUMPDEST).Append(walletOf(key)).Bytes(), sentAt, askedAt
	}
	_, sent, asked := build(0, 0)
	code, _, _ := build(sent, asked)
	return code
}

// actors are those who may own something, in turn: people, the wallet.
func (p *play) actor() [20]byte {
	if n := p.of(playPeople + 1); n < playPeople {
		return p.id(n)
	}
	return p.wallet
}

func (p *play) call() modelCall {
	c := modelCall{op: signedOps[p.of(len(signedOps))], validity: new(big.Int), identity: p.actor(), party: p.actor()}
	if p.of(40) == 1 {
		c.identity = [20]byte{}
	}
	switch zero := p.of(50); {
	case c.op == "ChangeOwner":
		c.name, c.validity = "", new(big.Int)
		if zero < 4 { // the end of an identity
			c.party = [20]byte{}
		}
	case c.op == "AddDelegate" || c.op == "RevokeDelegate":
		c.name = []string{"veriKey", "sigAuth", "other"}[p.of(3)]
		if zero == 1 {
			c.party = [20]byte{}
		}
	default:
		c.name, c.party = []string{"did/pub/Multikey/veriKey", "did/svc/Example", ""}[p.of(3)], [20]byte{}
		c.value = bytes.Repeat([]byte{byte(1 + p.of(255))}, []int{0, 1, 31, 32, 33, 100}[p.of(6)])
	}
	if c.op == "AddDelegate" || c.op == "SetAttribute" {
		power := func(n uint) *big.Int { return new(big.Int).Lsh(big.NewInt(1), n) }
		usual := big.NewInt(int64([]int{1, 5, 3600, 86400}[p.of(4)]))
		switch p.of(20) {
		case 1:
			usual = new(big.Int)
		case 2:
			usual = power(200)
		case 3:
			usual = new(big.Int).Sub(power(256), big.NewInt(1))
		}
		c.validity = usual
	}
	return c
}

// sign completes a call to a signed one, most often rightly.
func (p *play) sign(c modelCall, now uint64) (modelCall, []byte) {
	c.signed, c.signer, c.over = true, p.ownerOf(c.identity), p.identity(c.identity).nonce
	if c.signer == p.wallet {
		c.signer = p.walletKey
	}
	if p.of(8) == 1 {
		c.signer = p.id(p.of(playPeople))
	}
	switch p.of(10) {
	case 1:
		c.over++
	case 2:
		c.over -= min(c.over, 1)
	}
	c.deadline = now + uint64(p.of(30))
	if p.of(10) == 1 {
		c.deadline = now - 1
	}
	if p.of(8) == 1 {
		c.flaw = flaw(p.of(int(flaws)))
	}
	chain := p.chain.ChainID()
	if c.flaw == otherText {
		chain++
	}
	who := slices.IndexFunc(p.people, func(s *KeySigner) bool { return [20]byte(s.Address()) == c.signer })
	sig := p.signature(max(who, 0), c.text(chain, p.registry))
	switch c.signer = p.id(max(who, 0)); c.flaw {
	case twin:
		sig = twinOf(sig)
	case cut:
		sig = sig[:64]
	case plainV:
		sig[64] -= 27
	}
	return c, sig
}

// direct completes a call to a direct one, most often by the owner, and says who sends it and where to.
func (p *play) direct(c modelCall) (out modelCall, from int, to [20]byte) {
	c.sender, to = p.ownerOf(c.identity), p.registry
	if p.of(6) == 1 {
		c.sender = p.actor()
	}
	if c.sender == p.wallet {
		return c, karma, p.wallet
	}
	from = max(0, slices.IndexFunc(p.people, func(s *KeySigner) bool { return [20]byte(s.Address()) == c.sender }))
	c.sender = p.id(from)
	return c, from, to
}

// block makes one block of several operations.
func (p *play) block() {
	p.t.Helper()
	now := uint64(p.chain.Now().Unix()) + 1 + uint64(p.of(4))
	if p.of(10) == 1 {
		now += 86400
	}
	p.chain.SetTime(time.Unix(int64(now), 0))
	number := p.chain.Head().Number + 1
	var hashes [][32]byte
	var words, classes []string
	var calls []modelCall
	for range 1 + p.of(6) {
		c, from, to, data := p.choose(now)
		class := fmt.Sprintf("%s signed=%v wallet=%v", c.op, c.signed, p.ownerOf(c.identity) == p.wallet)
		words, calls, classes = append(words, p.run(c, number, now)), append(calls, c), append(classes, class)
		if word := p.refusal(from, to, data); word != words[len(words)-1] {
			p.t.Fatalf("%+v: the registry says %q, the model %q", c, word, words[len(words)-1])
		}
		hashes = append(hashes, p.world.send(&types.DynamicFeeTx{To: (*common.Address)(&to), Gas: 1_000_000, Data: data}, from))
	}
	if err := p.chain.Mine(1); err != nil {
		p.t.Fatal(err)
	}
	for i, hash := range hashes {
		r, ok := p.chain.Receipt(hash)
		if !ok || r.Block.Number != number || uint64(r.Block.Time.Unix()) != now {
			p.t.Fatal("a transaction is in another block")
		}
		if r.OK != (words[i] == "") {
			p.t.Fatalf("%+v: accepted is %v, the model says %q", calls[i], r.OK, words[i])
		}
		if r.OK {
			p.accepted[classes[i]]++
		} else {
			p.refusals[words[i]]++
		}
	}
	p.compare(number, now)
}

func (p *play) choose(now uint64) (c modelCall, from int, to [20]byte, data []byte) {
	if len(p.past) > 0 && p.of(8) == 1 {
		again := p.past[p.of(len(p.past))]
		return again.call, relay, p.registry, again.call.calldata(again.sig)
	}
	if c = p.call(); p.of(2) == 0 {
		c, from, to = p.direct(c)
		return c, from, to, c.calldata(nil)
	}
	c, sig := p.sign(c, now)
	p.past = append(p.past, signedPast{c, sig})
	return c, p.of(playPeople), p.registry, c.calldata(sig)
}

// refusal tries a call behind those that wait for the block.
func (p *play) refusal(from int, to [20]byte, data []byte) string {
	p.t.Helper()
	target := didethr.Address(to)
	err := p.node.Call(p.t.Context(), nil, "eth_call", newCall(p.people[from].Address(), &target, nil, data), "pending")
	if err == nil {
		return ""
	}
	e := nodeError(err)
	if e.Reason != Reverted {
		p.t.Fatal(err)
	}
	return cmp.Or(e.Revert, overflow)
}
