package anchor

import (
	"encoding/hex"
	"testing"

	"github.com/ethereum/go-ethereum/core/vm"

	"github.com/khyer/khyer/did/didethr"
	"github.com/khyer/khyer/did/didethr/ethrtest"
)

// storage reads the word of a mapping's slot.
func (w *world) storage(slot uint64, keys ...[32]byte) (out hexHash) {
	w.t.Helper()
	at := uintWord(slot)
	for _, k := range keys {
		at = keccak(k[:], at[:]) // Solidity, "Layout in Storage", mappings
	}
	w.ask(&out, "eth_getStorageAt", didethr.Address(w.registry).String(), "0x"+hex.EncodeToString(at[:]), "latest")
	return out
}

// TestStorageIsWhereTheReadmeSays: proofs of storage depend on it.
func TestStorageIsWhereTheReadmeSays(t *testing.T) {
	w := newWorld(t, ethrtest.Options{})
	id, other := addressWord(w.id(dorji)), addressWord(w.id(karma))
	if w.storage(0, id) != (hexHash{}) || w.storage(2, id) != (hexHash{}) {
		t.Error("an identity without changes has storage")
	}
	record := func(owner []byte, handedOver byte, nonce, changed uint64) (word hexHash) {
		copy(word[12:], owner)
		word[11] = handedOver
		n, c := uintWord(nonce), uintWord(changed)
		copy(word[6:11], n[27:])
		copy(word[:6], c[26:])
		return word
	}
	r := w.must(dorji, addDelegate(w.id(dorji), "veriKey", w.id(karma), day))
	if got, want := w.storage(0, id), record(make([]byte, 20), 0, 0, r.Block.Number); got != want {
		t.Errorf("the record is %x, want %x", got, want)
	}
	kind := name("veriKey")
	if got, want := w.storage(1, id, keccak(kind[:]), other), uintWord(uint64(r.Block.Time.Unix())+86400); got != want {
		t.Errorf("the delegate's word is %x, want %x", got, want)
	}
	r = w.must(relay, w.sign(dorji, w.id(dorji), "ChangeOwner", w.id(karma)))
	if got, want := w.storage(0, id), record(other[12:], 1, 1, r.Block.Number); got != want {
		t.Errorf("the record is %x, want %x", got, want)
	}
	if got := w.storage(2, id); got != w.history(w.id(dorji)) || got == (hexHash{}) {
		t.Errorf("the accumulator is not in slot 2: %x", got)
	}
	r = w.must(karma, changeOwner(w.id(dorji), [20]byte{}))
	if got, want := w.storage(0, id), record(make([]byte, 20), 1, 2, r.Block.Number); got != want {
		t.Errorf("the record is %x, want %x", got, want)
	}
}

// TestNoWayRoundTheRules: the code has no instruction with which other code could act in its name or replace it, and none of chains that lack
// newer ones. That it has no functions but the known ones, TestABIIsERC1056 says.
func TestNoWayRoundTheRules(t *testing.T) {
	code := unhex(registryRuntime)
	count := map[vm.OpCode]int{}
	for i := 0; i < len(code); i++ {
		op := vm.OpCode(code[i])
		count[op]++
		if op.IsPush() {
			i += int(op - vm.PUSH0)
		}
	}
	for _, op := range []vm.OpCode{vm.CALL, vm.CALLCODE, vm.DELEGATECALL, vm.CREATE, vm.CREATE2, vm.SELFDESTRUCT, vm.ORIGIN, vm.TSTORE, vm.PUSH0} {
		if count[op] > 0 {
			t.Errorf("%s occurs %d times", op, count[op])
		}
	}
	for op, n := range map[vm.OpCode]int{vm.STATICCALL: 2, vm.EXTCODECOPY: 1} { // ecrecover and ERC-1271; EIP-7702
		if count[op] != n {
			t.Errorf("%s occurs %d times, want %d", op, count[op], n)
		}
	}
}
