package anchor

import (
	"context"
	"encoding/json"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/khyer/khyer/did/didethr"
	"github.com/khyer/khyer/did/didethr/ethrtest"
	"github.com/khyer/khyer/internal/ethrpc"
)

// world is a chain with the registry on it, and some people.
type world struct {
	t        testing.TB
	chain    *ethrtest.Chain
	node     *ethrpc.Client
	registry [20]byte
	people   []*KeySigner
	manual   bool
	deployed uint64 // gas of the deployment
}

const (
	dorji = iota // owns what the tests write
	karma        // is somebody else
	relay        // pays for others
)

func newWorld(t testing.TB, o ethrtest.Options) *world {
	t.Helper()
	chain, err := ethrtest.New(o)
	if err != nil {
		t.Fatal(err)
	}
	node, err := ethrpc.Dial(chain.URL(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { node.CloseIdleConnections(); chain.Close() })
	w := &world{t: t, chain: chain, node: node, manual: o.Manual}
	for _, a := range chain.Accounts() {
		s, err := NewSigner(a.Key[:])
		if err != nil || [20]byte(s.Address()) != a.Address {
			t.Fatal("a signer has another address than its account", err)
		}
		w.people = append(w.people, s)
	}
	hash, err := chain.Transact(chain.Accounts()[0], nil, nil, unhex(registryCode))
	if err != nil {
		t.Fatal(err)
	}
	w.mine()
	r, ok := chain.Receipt(hash)
	if !ok || !r.OK {
		t.Fatal("deployment failed")
	}
	w.registry, w.deployed = r.Contract, r.GasUsed
	return w
}

// mine makes a block where the chain makes none by itself.
func (w *world) mine() {
	w.t.Helper()
	if !w.manual {
		return
	}
	if err := w.chain.Mine(1); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) id(who int) [20]byte { return [20]byte(w.people[who].Address()) }

// do sends a call from an account and returns its outcome.
func (w *world) do(who int, data []byte) ethrtest.Receipt {
	w.t.Helper()
	hash, err := w.chain.Transact(w.chain.Accounts()[who], &w.registry, nil, data)
	if err != nil {
		w.t.Fatal(err)
	}
	r, ok := w.chain.Receipt(hash)
	if !ok {
		w.t.Fatal("not mined")
	}
	return r
}

func (w *world) must(who int, data []byte) ethrtest.Receipt {
	w.t.Helper()
	r := w.do(who, data)
	if !r.OK {
		w.t.Fatalf("reverted: %s", w.why(who, data))
	}
	return r
}

// refused makes sure that a call reverts on the chain, writes nothing, and gives the wanted word as its reason.
func (w *world) refused(who int, want string, data []byte) {
	w.t.Helper()
	if word := w.why(who, data); word != want {
		w.t.Errorf("refused with %q, want %q", word, want)
	}
	before := len(w.logs())
	if r := w.do(who, data); r.OK {
		w.t.Error("the registry accepted it")
	}
	if len(w.logs()) != before {
		w.t.Error("a refused call left an event")
	}
}

func (w *world) why(who int, data []byte) string {
	from := w.people[who].Address()
	to := didethr.Address(w.registry)
	err := w.node.Call(context.Background(), nil, "eth_call", newCall(from, &to, nil, data), "latest")
	if err == nil {
		return "accepted"
	}
	if e := nodeError(err); e.Reason == Reverted {
		return e.Revert
	}
	return err.Error()
}

// view reads one word.
func (w *world) view(data []byte) [32]byte {
	w.t.Helper()
	to := didethr.Address(w.registry)
	var out hexHash
	if err := w.node.Call(context.Background(), &out, "eth_call", newCall(didethr.Address{}, &to, nil, data), "latest"); err != nil {
		w.t.Fatal(err)
	}
	return out
}

func (w *world) owner(id [20]byte) [20]byte {
	return [20]byte(w.slice(w.view(pack("identityOwner(address)", addressWord(id)))))
}
func (w *world) slice(word [32]byte) []byte { return append([]byte(nil), word[12:]...) }
func (w *world) nonce(id [20]byte) uint64 {
	v := w.view(pack("nonce(address)", addressWord(id)))
	return new(big.Int).SetBytes(v[:]).Uint64()
}
func (w *world) changed(id [20]byte) uint64 {
	v := w.view(pack("changed(address)", addressWord(id)))
	return new(big.Int).SetBytes(v[:]).Uint64()
}
func (w *world) history(id [20]byte) [32]byte {
	return w.view(pack("history(address)", addressWord(id)))
}
func (w *world) validDelegate(id [20]byte, kind string, d [20]byte) bool {
	v := w.view(pack("validDelegate(address,bytes32,address)", addressWord(id), name(kind), addressWord(d)))
	return v[31] == 1
}

// event is a log of the registry, decoded by this test alone.
type event struct {
	Block, Time uint64
	Topics      [][32]byte
	Words       [][32]byte // the data
	Value       []byte     // of an attribute
}

func (w *world) logs() []event { return w.logsFrom(0) }

func (w *world) logsFrom(block uint64) (out []event) {
	w.t.Helper()
	var raw []struct {
		Data   hexBytes  `json:"data"`
		Topics []hexHash `json:"topics"`
		Block  hexUint   `json:"blockNumber"`
		Time   hexUint   `json:"blockTimestamp"`
	}
	filter := map[string]any{"fromBlock": hexUint(block), "address": didethr.Address(w.registry).String()}
	if err := w.node.Call(context.Background(), &raw, "eth_getLogs", filter); err != nil {
		w.t.Fatal(err)
	}
	for _, l := range raw {
		e := event{Block: uint64(l.Block), Time: uint64(l.Time)}
		for _, tp := range l.Topics {
			e.Topics = append(e.Topics, tp)
		}
		for i := 0; i+32 <= len(l.Data); i += 32 {
			e.Words = append(e.Words, [32]byte(l.Data[i:i+32]))
		}
		if e.Topics[0] == attributeChanged {
			at := new(big.Int).SetBytes(e.Words[1][:]).Uint64()
			n := new(big.Int).SetBytes(l.Data[at : at+32]).Uint64()
			e.Value = l.Data[at+32 : at+32+n]
		}
		out = append(out, e)
	}
	return out
}

var (
	ownerChanged     = keccak([]byte("DIDOwnerChanged(address,address,uint256)"))
	delegateChanged  = keccak([]byte("DIDDelegateChanged(address,bytes32,address,uint256,uint256)"))
	attributeChanged = keccak([]byte("DIDAttributeChanged(address,bytes32,bytes,uint256,uint256)"))
)

func name(s string) (w [32]byte) { copy(w[:], s); return w }

func join(words ...[32]byte) (out []byte) {
	for _, w := range words {
		out = append(out, w[:]...)
	}
	return out
}

func changeOwner(id, to [20]byte) []byte {
	return pack("changeOwner(address,address)", addressWord(id), addressWord(to))
}
func addDelegate(id [20]byte, kind string, d [20]byte, validity [32]byte) []byte {
	return pack("addDelegate(address,bytes32,address,uint256)", addressWord(id), name(kind), addressWord(d), validity)
}
func revokeDelegate(id [20]byte, kind string, d [20]byte) []byte {
	return pack("revokeDelegate(address,bytes32,address)", addressWord(id), name(kind), addressWord(d))
}
func setAttribute(id [20]byte, n string, value []byte, validity [32]byte) []byte {
	return pack("setAttribute(address,bytes32,bytes,uint256)", addressWord(id), name(n), tail(value), validity)
}
func revokeAttribute(id [20]byte, n string, value []byte) []byte {
	return pack("revokeAttribute(address,bytes32,bytes)", addressWord(id), name(n), tail(value))
}

var day = uintWord(86400)

// TestEventsCarryWhatWasDone looks at each field of each event, at the chain of previousChange, and at the accumulator.
func TestEventsCarryWhatWasDone(t *testing.T) {
	w := newWorld(t, ethrtest.Options{Fork: ethrtest.Osaka})
	id, helper := w.id(dorji), w.id(karma)
	value := []byte("https://services.example/a-path-that-is-longer-than-one-word")
	gas := map[string]uint64{}
	step := func(what string, who int, data []byte) ethrtest.Receipt {
		r := w.must(who, data)
		gas[what] = r.GasUsed
		if w.changed(id) != r.Block.Number {
			t.Errorf("%s: changed is %d in block %d", what, w.changed(id), r.Block.Number)
		}
		if w.history(id) != accumulate(id, w.logs()) {
			t.Errorf("%s: the accumulator is not that of the events", what)
		}
		return r
	}
	if w.owner(id) != id || w.changed(id) != 0 || w.history(id) != [32]byte{} {
		t.Fatal("an identity without changes is not its own")
	}
	multikey := append([]byte{0x80, 0x24, 2}, make([]byte, 32)...)
	a := step("setAttribute, first change", dorji, setAttribute(id, "did/pub/Multikey/veriKey", multikey, day))
	b := step("setAttribute, later", dorji, setAttribute(id, "did/svc/Example", value, day))
	c := step("revokeAttribute", dorji, revokeAttribute(id, "did/svc/Example", value))
	d := step("addDelegate", dorji, addDelegate(id, "veriKey", helper, day))
	if !w.validDelegate(id, "veriKey", helper) || w.validDelegate(id, "sigAuth", helper) {
		t.Error("validDelegate does not know the delegate")
	}
	w.chain.Advance(24 * time.Hour)
	if err := w.chain.Mine(1); err != nil {
		t.Fatal(err)
	}
	if w.validDelegate(id, "veriKey", helper) {
		t.Error("a delegate is valid after its time")
	}
	step("addDelegate, renewed", dorji, addDelegate(id, "veriKey", helper, day))
	e := step("revokeDelegate", dorji, revokeDelegate(id, "veriKey", helper))
	if w.validDelegate(id, "veriKey", helper) {
		t.Error("a revoked delegate is valid")
	}
	step("changeOwner, first", dorji, changeOwner(id, helper))
	if w.owner(id) != helper {
		t.Error("the owner did not change")
	}
	f := step("changeOwner, later", karma, changeOwner(id, id))
	step("changeOwner to zero", dorji, changeOwner(id, [20]byte{}))

	at := func(r ethrtest.Receipt) uint64 { return uint64(r.Block.Time.Unix()) }
	logs := w.logs()
	want := []event{
		{Topics: [][32]byte{attributeChanged}, Words: [][32]byte{name("did/pub/Multikey/veriKey"), {}, uintWord(at(a) + 86400), uintWord(0)}, Value: multikey},
		{Topics: [][32]byte{attributeChanged}, Words: [][32]byte{name("did/svc/Example"), {}, uintWord(at(b) + 86400), uintWord(a.Block.Number)}, Value: value},
		{Topics: [][32]byte{attributeChanged}, Words: [][32]byte{name("did/svc/Example"), {}, uintWord(0), uintWord(b.Block.Number)}, Value: value},
		{Topics: [][32]byte{delegateChanged}, Words: [][32]byte{name("veriKey"), addressWord(helper), uintWord(at(d) + 86400), uintWord(c.Block.Number)}},
		{},
		{Topics: [][32]byte{delegateChanged}, Words: [][32]byte{name("veriKey"), addressWord(helper), uintWord(0), uintWord(e.Block.Number - 1)}},
		{Topics: [][32]byte{ownerChanged}, Words: [][32]byte{addressWord(helper), uintWord(e.Block.Number)}},
		{},
		{Topics: [][32]byte{ownerChanged}, Words: [][32]byte{addressWord([20]byte{}), uintWord(f.Block.Number)}},
	}
	if len(logs) != len(want) {
		t.Fatalf("%d events, want %d", len(logs), len(want))
	}
	for i, wanted := range want {
		if wanted.Topics == nil {
			continue
		}
		got := logs[i]
		if got.Topics[0] != wanted.Topics[0] || got.Topics[1] != addressWord(id) || len(got.Topics) != 2 {
			t.Errorf("event %d has other topics", i)
		}
		for j, word := range wanted.Words {
			if word != got.Words[j] && !(j == 1 && wanted.Value != nil) { // the offset of the value
				t.Errorf("event %d: word %d is %x, want %x", i, j, got.Words[j], word)
			}
		}
		if string(wanted.Value) != string(got.Value) {
			t.Errorf("event %d: value %x", i, got.Value)
		}
	}
	for what, g := range gas {
		t.Logf("%-28s %7d gas", what, g)
	}
}

// TestSeveralEventsInOneBlock: the second event of a block points to its own block, and both are in the accumulator.
func TestSeveralEventsInOneBlock(t *testing.T) {
	chain, err := ethrtest.New(ethrtest.Options{Manual: true})
	if err != nil {
		t.Fatal(err)
	}
	defer chain.Close()
	from := chain.Accounts()[0]
	deploy, err := chain.Transact(from, nil, nil, unhex(registryCode))
	if err != nil || chain.Mine(1) != nil {
		t.Fatal(err)
	}
	r, _ := chain.Receipt(deploy)
	node, _ := ethrpc.Dial(chain.URL(), nil)
	defer node.CloseIdleConnections()
	w := &world{t: t, chain: chain, node: node, registry: r.Contract}
	for _, value := range []string{"one", "two"} {
		if _, err := chain.Transact(from, &w.registry, nil, setAttribute(from.Address, "did/svc/Example", []byte(value), day)); err != nil {
			t.Fatal(err)
		}
	}
	if err := chain.Mine(1); err != nil {
		t.Fatal(err)
	}
	logs := w.logs()
	if len(logs) != 2 || logs[0].Block != logs[1].Block || logs[0].Words[3] != uintWord(0) || logs[1].Words[3] != uintWord(logs[0].Block) {
		t.Fatalf("%+v", logs)
	}
	if w.history(from.Address) != accumulate(from.Address, logs) {
		t.Error("the accumulator is not that of the events")
	}
}

// everyDirect lists a call of each direct operation.
func everyDirect(id, other [20]byte) map[string][]byte {
	return map[string][]byte{
		"changeOwner":     changeOwner(id, other),
		"addDelegate":     addDelegate(id, "veriKey", other, day),
		"revokeDelegate":  revokeDelegate(id, "veriKey", other),
		"setAttribute":    setAttribute(id, "did/svc/Example", []byte("x"), day),
		"revokeAttribute": revokeAttribute(id, "did/svc/Example", []byte("x")),
	}
}

func TestNobodyButTheOwnerWrites(t *testing.T) {
	w := newWorld(t, ethrtest.Options{})
	id := w.id(dorji)
	for what, data := range everyDirect(id, w.id(karma)) {
		t.Run(what, func(t *testing.T) { w.t = t; w.refused(karma, "bad_actor", data) })
	}
	// A delegate is no owner.
	w.t = t
	w.must(dorji, addDelegate(id, "veriKey", w.id(karma), day))
	w.refused(karma, "bad_actor", setAttribute(id, "a", nil, day))
	// And who was owner is none any more.
	w.must(dorji, changeOwner(id, w.id(karma)))
	for what, data := range everyDirect(id, w.id(relay)) {
		t.Run("former owner "+what, func(t *testing.T) { w.t = t; w.refused(dorji, "bad_actor", data) })
	}
}

// TestDeactivatedKeyWritesAgain is fault F3 of the deployed registries: with owner zero they fall back to the identity itself.
func TestDeactivatedKeyWritesAgain(t *testing.T) {
	w := newWorld(t, ethrtest.Options{})
	id := w.id(dorji)
	w.must(dorji, addDelegate(id, "veriKey", w.id(karma), day))
	stored := w.sign(dorji, id, "ChangeOwner", w.id(karma)) // given before, sent after
	w.must(dorji, changeOwner(id, [20]byte{}))
	if w.owner(id) != [20]byte{} {
		t.Error("the identity has an owner again")
	}
	if w.validDelegate(id, "veriKey", w.id(karma)) {
		t.Error("a delegate of a deactivated identity is valid")
	}
	w.refused(relay, "deactivated", stored)
	for who := range []int{dorji, karma} {
		for what, data := range everyDirect(id, w.id(dorji)) {
			t.Run(what, func(t *testing.T) { w.t = t; w.refused(who, "deactivated", data) })
		}
		for _, op := range signedOps {
			t.Run(op+" signed", func(t *testing.T) { w.t = t; w.refused(relay, "deactivated", w.sign(who, id, op, w.id(dorji))) })
		}
	}
	w.t = t
	if w.history(id) != accumulate(id, w.logs()) {
		t.Error("the accumulator moved")
	}
}

// TestIdentityZeroBelongsToNobody is fault F4: recovery from an invalid signature returns the zero address.
func TestIdentityZeroBelongsToNobody(t *testing.T) {
	w := newWorld(t, ethrtest.Options{})
	var zero [20]byte
	for what, data := range everyDirect(zero, w.id(karma)) {
		t.Run(what, func(t *testing.T) { w.t = t; w.refused(karma, "bad_identity", data) })
	}
	for _, op := range signedOps {
		for _, v := range []byte{0, 26, 29} { // no key makes these
			t.Run(op, func(t *testing.T) {
				w.t = t
				w.refused(relay, "bad_identity", signedCall(zero, op, w.id(karma), noDeadline, append(make([]byte, 64), v)))
			})
		}
		t.Run(op+" by somebody", func(t *testing.T) { w.t = t; w.refused(relay, "bad_identity", w.sign(karma, zero, op, w.id(karma))) })
	}
}

func TestRefusedValues(t *testing.T) {
	w := newWorld(t, ethrtest.Options{})
	id := w.id(dorji)
	var most [32]byte
	for i := range most {
		most[i] = 0xff
	}
	w.refused(dorji, "bad_validity", setAttribute(id, "a", nil, uintWord(0)))
	w.refused(dorji, "bad_validity", addDelegate(id, "veriKey", w.id(karma), uintWord(0)))
	w.refused(dorji, "bad_delegate", addDelegate(id, "veriKey", [20]byte{}, day))
	// Fault F7 of the legacy registry: validity overflows silently.
	for _, data := range [][]byte{setAttribute(id, "a", nil, most), addDelegate(id, "veriKey", w.id(karma), most)} {
		w.refused(dorji, "", data) // a panic of Solidity has no word
	}
	var long [32]byte
	long[0] = 0x7f // far beyond any calendar, and no overflow
	w.must(dorji, setAttribute(id, "a", nil, long))
	// No ether comes in.
	if hash, err := w.chain.Transact(w.chain.Accounts()[0], &w.registry, big.NewInt(1), setAttribute(id, "a", nil, day)); err == nil {
		if r, _ := w.chain.Receipt(hash); r.OK {
			t.Error("the registry took ether")
		}
	}
	for _, data := range [][]byte{nil, {1}, {1, 2, 3, 4}, setAttribute(id, "a", []byte("value"), day)[:100]} {
		if r := w.do(dorji, data); r.OK {
			t.Errorf("call data %x was accepted", data)
		}
	}
}

func TestABIIsERC1056(t *testing.T) {
	var entries []struct {
		Type, Name, StateMutability string
		Anonymous                   bool
		Inputs                      []struct {
			Name, Type string
			Indexed    bool
		}
	}
	if err := json.Unmarshal([]byte(RegistryABI()), &entries); err != nil {
		t.Fatal(err)
	}
	got := map[string]bool{}
	for _, e := range entries {
		var in []string
		for _, i := range e.Inputs {
			s := i.Type
			if i.Indexed {
				s += " indexed"
			}
			in = append(in, s)
		}
		got[e.Type+" "+e.Name+"("+strings.Join(in, ",")+")"] = true
		if e.StateMutability == "payable" {
			t.Errorf("%s takes ether", e.Name)
		}
	}
	want := []string{ // ERC-1056, "Specification", without its signed functions, and the getters of the reference implementation
		"function identityOwner(address)", "function changeOwner(address,address)",
		"function validDelegate(address,bytes32,address)", "function addDelegate(address,bytes32,address,uint256)",
		"function revokeDelegate(address,bytes32,address)",
		"function setAttribute(address,bytes32,bytes,uint256)",
		"function revokeAttribute(address,bytes32,bytes)",
		"function owners(address)", "function delegates(address,bytes32,address)", "function changed(address)", "function nonce(address)",
		"event DIDOwnerChanged(address indexed,address,uint256)",
		"event DIDDelegateChanged(address indexed,bytes32,address,uint256,uint256)",
		"event DIDAttributeChanged(address indexed,bytes32,bytes,uint256,uint256)",
		// ours
		"function history(address)",
		"function changeOwnerSigned(address,address,uint256,bytes)",
		"function addDelegateSigned(address,bytes32,address,uint256,uint256,bytes)",
		"function revokeDelegateSigned(address,bytes32,address,uint256,bytes)",
		"function setAttributeSigned(address,bytes32,bytes,uint256,uint256,bytes)",
		"function revokeAttributeSigned(address,bytes32,bytes,uint256,bytes)",
		"function eip712Domain()", // EIP-5267
	}
	for _, s := range want {
		if !got[s] {
			t.Errorf("the ABI has no %s", s)
		}
		delete(got, s)
	}
	if len(got) > 0 {
		t.Errorf("the ABI has more: %v", got)
	}
	if !strings.HasSuffix(strings.TrimSpace(registryCode), strings.TrimSpace(registryRuntime)) {
		t.Error("creation and runtime code do not belong together")
	}
}

// FuzzAccumulator sends arbitrary attributes and compares the accumulator with the events.
func FuzzAccumulator(f *testing.F) {
	f.Add([]byte("did/svc/Example"), []byte("https://a.example"), uint64(1))
	f.Add([]byte{}, []byte{}, uint64(1<<63))
	f.Add([]byte{0xff, 0}, make([]byte, 100), uint64(86400))
	w := newWorld(f, ethrtest.Options{})
	id := w.id(dorji)
	f.Fuzz(func(t *testing.T, n, value []byte, validity uint64) {
		if len(n) > 32 || len(value) > 4096 || validity == 0 {
			return
		}
		w.t = t
		w.must(dorji, setAttribute(id, string(n), value, uintWord(validity)))
		w.must(dorji, revokeAttribute(id, string(n), value))
		logs := w.logs()
		if last := logs[len(logs)-1]; string(last.Value) != string(value) || last.Words[2] != uintWord(0) {
			t.Fatal("the event does not carry the value")
		}
		if w.history(id) != accumulate(id, logs) {
			t.Fatal("the accumulator is not that of the events")
		}
	})
}
