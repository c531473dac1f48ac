package anchor

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"encoding/hex"
	"math/big"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/core/vm"
	"github.com/ethereum/go-ethereum/core/vm/program"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/holiman/uint256"

	"github.com/khyer/khyer/did/didethr"
	"github.com/khyer/khyer/did/didethr/ethrtest"
)

// Contracts that own an identity and are asked whether they agree (ERC-1271): honest ones, and those that attack.

var magic, _ = hex.DecodeString("1626ba7e00000000000000000000000000000000000000000000000000000000") // ERC-1271, "Specification"

// answer ends a program with a return of the first bytes of its memory, which begin with the given word.
func answer(p *program.Program, word []byte, length int) []byte {
	return p.Mstore(word, 0).Return(0, length).Bytes()
}

// agreeable agrees to everything.
func agreeable() []byte { return answer(program.New(), magic, 32) }

// walletOf agrees to what a key has signed; the question's third word is the signature's length, r, s and v stand behind it.
func walletOf(key [20]byte) []byte {
	p := program.New()
	load := func(from, to int) { p.Push(from).Op(vm.CALLDATALOAD).Push(to).Op(vm.MSTORE) }
	load(4, 0) // the digest
	p.Push(164).Op(vm.CALLDATALOAD).Push(0).Op(vm.BYTE).Push(32).Op(vm.MSTORE)
	load(100, 64)
	load(132, 96)
	p.StaticCall(nil, 1, 0, 128, 0, 32).Op(vm.POP) // ecrecover
	// Zero times the magic value, or once.
	p.Push(key[:]).Push(0).Op(vm.MLOAD).Op(vm.EQ).Push(magic).Op(vm.MUL).Push(0).Op(vm.MSTORE)
	return p.Return(0, 32).Bytes()
}

// install puts code on the chain.
func (w *world) install(code []byte) [20]byte {
	w.t.Helper()
	hash, err := w.chain.Transact(w.chain.Accounts()[karma], nil, nil, program.New().ReturnViaCodeCopy(code).Bytes())
	if err != nil {
		w.t.Fatal(err)
	}
	w.mine()
	r, ok := w.chain.Receipt(hash)
	if !ok || !r.OK {
		w.t.Fatal("the wallet was not installed")
	}
	return r.Contract
}

// ownedBy makes a wallet the owner of dorji's identity and returns a call that sets an attribute with the given signature.
func (w *world) ownedBy(code []byte) (wallet [20]byte, set func(sig []byte) []byte) {
	w.t.Helper()
	wallet = w.install(code)
	w.must(dorji, changeOwner(w.id(dorji), wallet))
	return wallet, w.setSigned
}

func (w *world) setSigned(sig []byte) []byte {
	return signedCall(w.id(dorji), "SetAttribute", [20]byte{}, noDeadline, sig)
}

// TestWalletThatOwnsAnIdentity: a wallet's key signs every operation, and nobody else's.
func TestWalletThatOwnsAnIdentity(t *testing.T) {
	w := newWorld(t, ethrtest.Options{})
	id, other := w.id(dorji), w.id(relay)
	wallet, _ := w.ownedBy(walletOf(w.id(karma)))
	for _, op := range []string{"SetAttribute", "RevokeAttribute", "AddDelegate", "RevokeDelegate", "ChangeOwner"} {
		before := w.nonce(id)
		w.refused(relay, "bad_signature", w.sign(dorji, id, op, other)) // the owner before
		w.refused(relay, "bad_signature", w.sign(relay, id, op, other))
		d := digest(w.chain.ChainID()+1, w.registry, id, op, other, before, noDeadline)
		w.refused(relay, "bad_signature", signedCall(id, op, other, noDeadline, w.signature(karma, d)))
		data := w.sign(karma, id, op, other)
		r := w.must(relay, data)
		t.Logf("%sSigned: %d gas", op, r.GasUsed)
		if w.nonce(id) != before+1 {
			t.Errorf("%s: nonce %d after %d", op, w.nonce(id), before)
		}
		if op != "ChangeOwner" {
			w.refused(relay, "bad_signature", data) // a second time
		}
	}
	if w.owner(id) != other {
		t.Errorf("the wallet %x could not hand the identity over", wallet)
	}
	if w.history(id) != accumulate(id, w.logs()) {
		t.Error("the accumulator is not that of the events")
	}
}

// TestWalletThatDoesNotAgree: whatever a wallet answers but the magic value, the registry refuses. Signatures of any length reach the wallet.
func TestWalletThatDoesNotAgree(t *testing.T) {
	misplaced, almost := make([]byte, 32), bytes.Clone(magic)
	copy(misplaced[28:], magic)
	almost[31] = 1
	revert := func(word []byte, length int) []byte {
		return program.New().Mstore(word, 0).Push(length).Push(0).Op(vm.REVERT).Bytes()
	}
	for what, code := range map[string][]byte{
		"wrong magic":             answer(program.New(), make([]byte, 32), 32),
		"magic at the wrong end":  answer(program.New(), misplaced, 32),
		"magic with rubbish":      answer(program.New(), almost, 32),
		"true":                    answer(program.New(), append(make([]byte, 31), 1), 32),
		"nothing":                 program.New().Op(vm.STOP).Bytes(),
		"four bytes":              answer(program.New(), magic, 4),
		"31 bytes":                answer(program.New(), magic, 31),
		"reverts":                 revert(nil, 0),
		"reverts with magic":      revert(magic, 32),
		"reverts with a megabyte": revert(magic, megabyte),
		"invalid instruction":     program.New().Op(vm.INVALID).Bytes(),
		"writes before it agrees": answer(program.New().Sstore(0, 1), magic, 32),
		"logs before it agrees":   answer(program.New().Push(0).Push(0).Op(vm.LOG0), magic, 32),
		"burns all gas":           burn(),
	} {
		t.Run(what, func(t *testing.T) {
			w := newWorld(t, ethrtest.Options{})
			_, set := w.ownedBy(code)
			nonce := w.nonce(w.id(dorji))
			for _, length := range []int{0, 65, 300} {
				w.refused(relay, "bad_signature", set(make([]byte, length)))
			}
			if w.nonce(w.id(dorji)) != nonce {
				t.Error("a refused operation used the nonce up")
			}
		})
	}
}

// TestShortAnswerIsNotCompletedFromMemory: a wallet answers with 31 bytes of the magic value's word, about an identity that ends in a zero byte. The
// registry must look at the answer's length: the byte that is missing may lie in its memory from before.
func TestShortAnswerIsNotCompletedFromMemory(t *testing.T) {
	w := newWorld(t, ethrtest.Options{})
	owner := func() *KeySigner {
		for n := uint64(1); ; n++ {
			seed := uintWord(n)
			if s, err := NewSigner(seed[:]); err == nil && s.Address()[19] == 0 {
				return s
			}
		}
	}()
	id, wallet := [20]byte(owner.Address()), w.install(answer(program.New(), magic, 31))
	w.people = append(w.people, owner)
	w.must(relay, w.sign(len(w.people)-1, id, "ChangeOwner", wallet))
	w.refused(relay, "bad_signature", signedCall(id, "SetAttribute", [20]byte{}, noDeadline, nil))
}

const megabyte = 1 << 20

func burn() []byte {
	p, here := program.New().Jumpdest()
	return p.Jump(here).Bytes()
}

// TestWalletThatAnswersTooMuch: a long answer is not copied, so that its length is the wallet's expense alone. The price of memory grows with
// the square of its size, and would have to be paid twice.
func TestWalletThatAnswersTooMuch(t *testing.T) {
	w := newWorld(t, ethrtest.Options{})
	w.ownedBy(answer(program.New(), magic, megabyte))
	const words = megabyte / 32
	const memory = 3*words + words*words/512 // Yellow Paper, appendix H: the fee of memory
	r := w.must(relay, w.setSigned(nil))
	if r.GasUsed > memory+100_000 {
		t.Errorf("%d gas; the wallet's memory costs %d", r.GasUsed, memory)
	}
}

// TestWalletThatReenters: a wallet owns the identity and may write it; not while it is asked.
func TestWalletThatReenters(t *testing.T) {
	for what, attack := range map[string]func(w *world) []byte{
		"with a direct operation":   func(w *world) []byte { return setAttribute(w.id(dorji), "a", []byte("smuggled"), day) },
		"with a change of owner":    func(w *world) []byte { return changeOwner(w.id(dorji), w.id(karma)) },
		"with the signed operation": func(w *world) []byte { return w.setSigned(nil) },
	} {
		t.Run(what, func(t *testing.T) {
			w := newWorld(t, ethrtest.Options{})
			id, data := w.id(dorji), attack(w)
			p := program.New().Mstore(data, 0).Push(0).Push(0).Push(len(data)).Push(0).Push(0).Push(w.registry[:])
			p.Op(vm.GAS).Push(1).Op(vm.SHR, vm.CALL) // half of the gas: what fails in a static call burns all it was given
			wallet, _ := w.ownedBy(answer(p, magic, 32))
			nonce, events := w.nonce(id), len(w.logs())
			w.must(relay, w.setSigned(nil))
			if w.nonce(id) != nonce+1 || w.owner(id) != wallet {
				t.Errorf("nonce %d after %d, owner %x", w.nonce(id), nonce, w.owner(id))
			}
			if logs := w.logs(); len(logs) != events+1 || string(logs[events].Value) != valueSigned {
				t.Errorf("events %+v", logs[events:])
			}
			// The attack is no blank shot: called in another way, the same code writes.
			hash := w.send(&types.DynamicFeeTx{To: (*common.Address)(&wallet), Gas: 10_000_000}, relay)
			if r, _ := w.chain.Receipt(hash); !r.OK || len(w.logs()) == events+1 {
				t.Error("the wallet's own call does not write")
			}
		})
	}
}

// TestNonceIsUsedUpBeforeTheWalletIsAsked: a wallet that looks sees the next nonce already.
func TestNonceIsUsedUpBeforeTheWalletIsAsked(t *testing.T) {
	w := newWorld(t, ethrtest.Options{})
	question := pack("nonce(address)", addressWord(w.id(dorji)))
	// It agrees if the nonce is 2; the change of owner to it uses up 0.
	p := program.New().Mstore(question, 0).StaticCall(nil, w.registry[:], 0, len(question), 0, 32).Op(vm.POP)
	w.ownedBy(p.Push(2).Push(0).Op(vm.MLOAD, vm.EQ).Push(magic).Op(vm.MUL).Push(0).Op(vm.MSTORE).Return(0, 32).Bytes())
	w.must(relay, w.setSigned(nil))
	w.refused(relay, "bad_signature", w.setSigned(nil))
}

// TestWalletThatLostItsCode: a contract agrees, and destroys itself in the transaction that made it (EIP-6780). From then on nobody speaks
// for the identity, and what it agreed to before it existed is nothing.
func TestWalletThatLostItsCode(t *testing.T) {
	w := newWorld(t, ethrtest.Options{})
	id := w.id(dorji)
	// Called without data the wallet destroys itself, else it agrees.
	mayfly := program.New().Op(vm.CALLDATASIZE).Push(7).Op(vm.JUMPI).Selfdestruct(0)
	mayfly, at := mayfly.Jumpdest()
	if at != 7 {
		t.Fatal(at)
	}
	birth := program.New().ReturnViaCodeCopy(answer(mayfly, magic, 32)).Bytes()
	mother := crypto.CreateAddress(w.id(karma), w.transactions(karma))
	wallet := [20]byte(crypto.CreateAddress2(mother, [32]byte{}, crypto.Keccak256(birth)))
	w.must(dorji, changeOwner(id, wallet))
	w.refused(relay, "bad_signature", w.setSigned(nil))
	w.refused(relay, "bad_actor", w.sign(dorji, id, "SetAttribute", [20]byte{}))

	data, events := w.setSigned(nil), len(w.logs())
	life := program.New().Create2(birth, 0).Mstore(data, 0).Call(nil, w.registry[:], 0, 0, len(data), 0, 0).Op(vm.POP)
	life.Push(0).Push(0).Push(0).Push(0).Push(0).Op(vm.DUP6, vm.GAS, vm.CALL, vm.POP)
	hash, err := w.chain.Transact(w.chain.Accounts()[karma], nil, nil, life.Return(0, 0).Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if r, _ := w.chain.Receipt(hash); !r.OK || [20]byte(mother) != r.Contract || len(w.logs()) != events+1 {
		t.Fatal("the wallet did not agree while it lived")
	}
	if code := w.code(wallet); len(code) != 0 {
		t.Fatalf("the wallet has code %x", code)
	}
	w.refused(relay, "bad_signature", w.setSigned(nil))
	w.refused(relay, "bad_actor", w.sign(karma, id, "SetAttribute", [20]byte{}))
}

// TestContractOfTheLengthOfADelegation: 23 bytes are not yet a delegation (EIP-7702).
func TestContractOfTheLengthOfADelegation(t *testing.T) {
	w := newWorld(t, ethrtest.Options{})
	short := program.New().Push(magic[:4]).Push(224).Op(vm.SHL).Push(0).Op(vm.MSTORE).Return(0, 32).Bytes()
	if wallet, _ := w.ownedBy(append(short, make([]byte, 23-len(short))...)); len(w.code(wallet)) != 23 {
		t.Fatal("the code has another length")
	}
	w.must(relay, w.setSigned(nil))
}

// TestCodeThatAnAccountBorrows: an account with a key delegates to code that agrees to everything (EIP-7702). Its key still signs, the code is
// not asked.
func TestCodeThatAnAccountBorrows(t *testing.T) {
	w := newWorld(t, ethrtest.Options{})
	id, agreeable := w.id(dorji), w.install(agreeable())
	w.delegate(dorji, agreeable)
	if code := w.code(id); !bytes.Equal(code, append([]byte{0xef, 0x01, 0x00}, agreeable[:]...)) {
		t.Fatalf("the account's code is %x", code)
	}
	w.refused(relay, "bad_signature", w.setSigned(nil))
	w.refused(relay, "bad_actor", w.sign(karma, id, "SetAttribute", [20]byte{}))
	w.must(relay, w.sign(dorji, id, "SetAttribute", [20]byte{}))
	w.must(dorji, setAttribute(id, "a", nil, day))
	w.delegate(dorji, [20]byte{}) // ends it
	w.must(relay, w.sign(dorji, id, "SetAttribute", [20]byte{}))
	// An account without code or key, such as a precompiled contract, signs nothing: 2 is SHA-256, which answers 32 bytes to all.
	w.must(dorji, changeOwner(id, [20]byte{19: 2}))
	w.refused(relay, "bad_signature", w.setSigned(nil))
	w.refused(relay, "bad_actor", w.sign(dorji, id, "SetAttribute", [20]byte{}))
}

// delegate makes an account borrow code, in a transaction that somebody else pays.
func (w *world) delegate(who int, code [20]byte) {
	w.t.Helper()
	chain := uint256.NewInt(w.chain.ChainID())
	auth, err := types.SignSetCode(w.key(who), types.SetCodeAuthorization{ChainID: *chain, Address: code, Nonce: w.transactions(who)})
	if err != nil {
		w.t.Fatal(err)
	}
	hash := w.send(&types.SetCodeTx{
		ChainID: chain, Nonce: w.transactions(relay), Gas: 200_000, GasTipCap: uint256.NewInt(1e9), GasFeeCap: uint256.NewInt(1e11),
		To: w.id(relay), Value: new(uint256.Int), AuthList: []types.SetCodeAuthorization{auth},
	}, relay)
	if r, ok := w.chain.Receipt(hash); !ok || !r.OK {
		w.t.Fatal("the account did not delegate")
	}
}

func (w *world) key(who int) *ecdsa.PrivateKey {
	w.t.Helper()
	k, err := crypto.ToECDSA(w.chain.Accounts()[who].Key[:])
	if err != nil {
		w.t.Fatal(err)
	}
	return k
}

// send signs a transaction as it is and hands it in; where it is a plain one, chain, nonce and fees are filled in.
func (w *world) send(inner types.TxData, who int) [32]byte {
	w.t.Helper()
	chain := new(big.Int).SetUint64(w.chain.ChainID())
	if tx, plain := inner.(*types.DynamicFeeTx); plain {
		tx.ChainID, tx.Nonce, tx.GasTipCap, tx.GasFeeCap = chain, w.transactions(who), big.NewInt(1e9), big.NewInt(1e11)
	}
	tx, err := types.SignNewTx(w.key(who), types.LatestSignerForChainID(chain), inner)
	if err != nil {
		w.t.Fatal(err)
	}
	raw, err := tx.MarshalBinary()
	if err != nil {
		w.t.Fatal(err)
	}
	w.ask(nil, "eth_sendRawTransaction", hexBytes(raw))
	return tx.Hash()
}

func (w *world) transactions(who int) uint64 {
	w.t.Helper()
	var n hexUint
	w.ask(&n, "eth_getTransactionCount", w.people[who].Address().String(), "pending")
	return uint64(n)
}

func (w *world) code(of [20]byte) (code hexBytes) {
	w.t.Helper()
	w.ask(&code, "eth_getCode", didethr.Address(of).String(), "latest")
	return code
}

func (w *world) ask(out any, method string, params ...any) {
	w.t.Helper()
	if err := w.node.Call(context.Background(), out, method, params...); err != nil {
		w.t.Fatal(err)
	}
}
