package anchor

import (
	"bytes"
	"context"
	"math/big"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/accounts/abi"
	"github.com/ethereum/go-ethereum/common"

	"github.com/khyer/khyer/did/didethr"
	"github.com/khyer/khyer/did/didethr/ethrtest"
)

// The signed operations. The text that is signed is built here a second time from EIP-712's rules, independently of the contract.

var signedOps = []string{"ChangeOwner", "AddDelegate", "RevokeDelegate", "SetAttribute", "RevokeAttribute"}

const (
	kindSigned  = "veriKey"
	nameSigned  = "did/svc/Example"
	valueSigned = "https://services.example"
)

// wanted is the operation that the tests sign.
func wanted(id [20]byte, op string, other [20]byte, nonce, deadline uint64) modelCall {
	c := modelCall{op: op, identity: id, party: other, signed: true, over: nonce, deadline: deadline, validity: big.NewInt(86400)}
	if c.name = nameSigned; op == "AddDelegate" || op == "RevokeDelegate" {
		c.name = kindSigned
	}
	c.value = []byte(valueSigned)
	return c
}

func digest(chainID uint64, registry, id [20]byte, op string, other [20]byte, nonce, deadline uint64) [32]byte {
	return wanted(id, op, other, nonce, deadline).text(chainID, registry)
}

// domainSeparator is that of EIP-712, "Definition of domainSeparator".
func domainSeparator(chainID uint64, registry [20]byte) [32]byte {
	return keccak(join(
		keccak([]byte("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)")),
		keccak([]byte("EthereumDIDRegistry")), keccak([]byte("1")), uintWord(chainID), addressWord(registry)))
}

// signedCall packs a signed operation. The signature of an account with a key is r, s and v.
func signedCall(id [20]byte, op string, other [20]byte, deadline uint64, sig []byte) []byte {
	return wanted(id, op, other, 0, deadline).calldata(sig)
}

func (w *world) signature(who int, d [32]byte) []byte {
	sig, err := w.people[who].SignDigest(context.Background(), d)
	if err != nil {
		w.t.Fatal(err)
	}
	sig[64] += 27
	return sig[:]
}

// noDeadline is one that does not matter in a test.
const noDeadline = 1 << 40

// sign returns a signed operation with the identity's present nonce.
func (w *world) sign(who int, id [20]byte, op string, other [20]byte) []byte {
	return signedCall(id, op, other, noDeadline, w.signature(who, digest(w.chain.ChainID(), w.registry, id, op, other, w.nonce(id), noDeadline)))
}

// twinOf returns the other signature of the same text by the same key.
func twinOf(sig []byte) []byte {
	order, _ := new(big.Int).SetString("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141", 16)
	twin := bytes.Clone(sig)
	new(big.Int).Sub(order, new(big.Int).SetBytes(sig[32:64])).FillBytes(twin[32:64])
	twin[64] = 27 + 28 - sig[64]
	return twin
}

func TestSignedOperations(t *testing.T) {
	w := newWorld(t, ethrtest.Options{})
	id, helper := w.id(dorji), w.id(karma)
	for i, op := range []string{"SetAttribute", "RevokeAttribute", "AddDelegate", "RevokeDelegate", "ChangeOwner"} {
		data := w.sign(dorji, id, op, helper)
		r := w.must(relay, data)
		t.Logf("%sSigned: %d gas", op, r.GasUsed)
		if w.nonce(id) != uint64(i+1) {
			t.Errorf("%s: nonce %d", op, w.nonce(id))
		}
		if op == "AddDelegate" && !w.validDelegate(id, kindSigned, helper) {
			t.Error("the delegate was not added")
		}
		if w.history(id) != accumulate(id, w.logs()) {
			t.Errorf("%s: the accumulator is not that of the events", op)
		}
		w.notTheOwner(data) // a second time: the nonce has moved on
	}
	if w.owner(id) != helper {
		t.Error("the owner did not change")
	}
	logs := w.logs()
	if len(logs) != 5 || string(logs[0].Value) != valueSigned || logs[1].Words[2] != uintWord(0) || logs[3].Words[2] != uintWord(0) {
		t.Errorf("events %+v", logs)
	}
}

// notTheOwner: a signature over another text, or by another key, recovers to an address that owns nothing.
func (w *world) notTheOwner(data []byte) {
	w.t.Helper()
	w.refused(relay, "bad_actor", data)
}

// TestReplayOfSignedOperation is fault F5: on the legacy registry a delegate that was added by signature can be added again after its
// revocation, once the owner has changed.
func TestReplayOfSignedOperation(t *testing.T) {
	w := newWorld(t, ethrtest.Options{})
	id, helper := w.id(dorji), w.id(relay)
	w.must(dorji, changeOwner(id, w.id(karma)))
	add := w.sign(karma, id, "AddDelegate", helper)
	w.must(relay, add)
	w.must(karma, revokeDelegate(id, kindSigned, helper))
	w.notTheOwner(add)
	if w.validDelegate(id, kindSigned, helper) {
		t.Error("the revoked delegate is valid again")
	}
}

// TestUnusedSignatureAfterOwnersReturn: a change of owner voids what was signed before, also if the same owner comes back.
func TestUnusedSignatureAfterOwnersReturn(t *testing.T) {
	w := newWorld(t, ethrtest.Options{})
	id := w.id(dorji)
	old := w.sign(dorji, id, "AddDelegate", w.id(relay))
	w.must(dorji, changeOwner(id, w.id(karma)))
	w.must(karma, changeOwner(id, id))
	w.notTheOwner(old)
}

// TestSignatureForAnotherPlace: a signature for another chain, registry, identity, nonce, deadline or operation, or by another key.
func TestSignatureForAnotherPlace(t *testing.T) {
	w := newWorld(t, ethrtest.Options{})
	id, helper := w.id(dorji), w.id(karma)
	for _, op := range signedOps {
		for what, d := range map[string][32]byte{
			"chain":    digest(1, w.registry, id, op, helper, 0, noDeadline),
			"registry": digest(w.chain.ChainID(), [20]byte{1}, id, op, helper, 0, noDeadline),
			"identity": digest(w.chain.ChainID(), w.registry, helper, op, helper, 0, noDeadline),
			"nonce":    digest(w.chain.ChainID(), w.registry, id, op, helper, 1, noDeadline),
			"deadline": digest(w.chain.ChainID(), w.registry, id, op, helper, 0, noDeadline-1),
		} {
			t.Run(op+" other "+what, func(t *testing.T) {
				w.t = t
				w.notTheOwner(signedCall(id, op, helper, noDeadline, w.signature(dorji, d)))
			})
		}
		t.Run(op+" by somebody else", func(t *testing.T) { w.t = t; w.notTheOwner(w.sign(karma, id, op, helper)) })
	}
	w.t = t
	// Adding and revoking a delegate sign the same fields but one; neither stands in for the other.
	revoke := w.signature(dorji, digest(w.chain.ChainID(), w.registry, id, "RevokeDelegate", helper, 0, noDeadline))
	w.notTheOwner(signedCall(id, "AddDelegate", helper, noDeadline, revoke))
	// What the deployed registries have signed, without a chain id, means nothing here.
	legacy := keccak(append(append(append([]byte{0x19, 0}, w.registry[:]...), make([]byte, 32)...), append(id[:], append([]byte("changeOwner"), helper[:]...)...)...))
	w.notTheOwner(signedCall(id, "ChangeOwner", helper, noDeadline, w.signature(dorji, legacy)))
}

// TestReplayOnAnotherChain is fault F6: the same registry at the same address on two chains, and a signature that one of them took.
func TestReplayOnAnotherChain(t *testing.T) {
	here, there := newWorld(t, ethrtest.Options{ChainID: 1001}), newWorld(t, ethrtest.Options{ChainID: 1002})
	if here.registry != there.registry {
		t.Fatal("the registries have two addresses")
	}
	for _, op := range signedOps {
		data := here.sign(dorji, here.id(dorji), op, here.id(karma))
		there.notTheOwner(data)
		here.must(relay, data)
		there.notTheOwner(data)
		if op == "ChangeOwner" {
			return
		}
	}
}

// TestExpiredSignature: a deadline is the last second in which a signature is good.
func TestExpiredSignature(t *testing.T) {
	w := newWorld(t, ethrtest.Options{})
	id := w.id(dorji)
	for _, op := range []string{"SetAttribute", "RevokeAttribute", "AddDelegate", "RevokeDelegate", "ChangeOwner"} {
		until := w.chain.Now().Unix() + 100
		signed := func(deadline, claimed int64) []byte {
			d := digest(w.chain.ChainID(), w.registry, id, op, w.id(karma), w.nonce(id), uint64(deadline))
			return signedCall(id, op, w.id(karma), uint64(claimed), w.signature(dorji, d))
		}
		w.chain.SetTime(time.Unix(until, 0))
		if r := w.must(relay, signed(until, until)); r.Block.Time.Unix() != until {
			t.Fatal("the block has another time")
		}
		w.refused(relay, "expired", signed(until-1, until-1))
		w.refused(relay, "expired", signed(0, 0))
		if r := w.do(relay, signed(until, until)); r.OK {
			t.Error("a block later it was accepted")
		}
		// Whoever sends it cannot give it more time: the deadline is signed too.
		w.notTheOwner(signed(until-1, noDeadline))
	}
}

// TestSignatureOfWrongLength: among them the short form of EIP-2098, and a signature with a byte behind it.
func TestSignatureOfWrongLength(t *testing.T) {
	w := newWorld(t, ethrtest.Options{})
	id := w.id(dorji)
	sig := w.signature(dorji, digest(w.chain.ChainID(), w.registry, id, "SetAttribute", [20]byte{}, 0, noDeadline))
	short := bytes.Clone(sig[:64])
	short[32] |= (sig[64] - 27) << 7
	for _, bad := range [][]byte{nil, short, sig[:64], append(bytes.Clone(sig), 0), append(bytes.Clone(sig), sig...), make([]byte, 65)} {
		w.refused(relay, "bad_signature", w.setSigned(bad))
	}
	w.must(relay, w.setSigned(sig))
}

// TestVoidedSignature: an owner takes back what was signed by changing the owner to itself.
func TestVoidedSignature(t *testing.T) {
	w := newWorld(t, ethrtest.Options{})
	id := w.id(dorji)
	old := w.sign(dorji, id, "AddDelegate", w.id(relay))
	w.must(dorji, changeOwner(id, id))
	w.notTheOwner(old)
	w.must(relay, w.sign(dorji, id, "AddDelegate", w.id(relay)))
}

// TestDomain: what eip712Domain says (EIP-5267) is what signatures are checked against.
func TestDomain(t *testing.T) {
	w := newWorld(t, ethrtest.Options{ChainID: 4711})
	registry, err := abi.JSON(strings.NewReader(RegistryABI()))
	if err != nil {
		t.Fatal(err)
	}
	var out hexBytes
	to := didethr.Address(w.registry)
	w.ask(&out, "eth_call", newCall(didethr.Address{}, &to, nil, pack("eip712Domain()")), "latest")
	got, err := registry.Unpack("eip712Domain", out)
	if err != nil {
		t.Fatal(err)
	}
	want := []any{[1]byte{0x0f}, "EthereumDIDRegistry", "1", big.NewInt(4711), common.Address(w.registry), [32]byte{}, []*big.Int{}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("the domain is %v", got)
	}
}

// TestTwinOfASignature: (r, n-s) with the other v recovers to the same key, and is refused (EIP-2).
func TestTwinOfASignature(t *testing.T) {
	w := newWorld(t, ethrtest.Options{})
	id := w.id(dorji)
	sig := w.signature(dorji, digest(w.chain.ChainID(), w.registry, id, "SetAttribute", [20]byte{}, 0, noDeadline))
	w.refused(relay, "bad_signature", w.setSigned(twinOf(sig)))
	for _, v := range []byte{0, 1, 26, 29, 255} {
		bad := bytes.Clone(sig)
		bad[64] = v
		w.refused(relay, "bad_signature", signedCall(id, "SetAttribute", [20]byte{}, noDeadline, bad))
	}
	w.must(relay, signedCall(id, "SetAttribute", [20]byte{}, noDeadline, sig))
}
