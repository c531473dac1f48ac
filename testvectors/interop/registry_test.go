package interop_test

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"math/big"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/accounts/abi"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/crypto"

	"github.com/khyer/khyer/did"
	"github.com/khyer/khyer/did/didethr"
	"github.com/khyer/khyer/did/didethr/anchor"
	"github.com/khyer/khyer/did/didethr/ethrtest"
	"github.com/khyer/khyer/did/pubkey"
)

// stock is the registry of npm's ethr-did-registry, the build of Sepolia, Gnosis and others, on our own chain. It is written with raw
// calls, by accounts of the chain.
type stock struct {
	*ledger
	abi abi.ABI
}

func openStock(t *testing.T, o ethrtest.Options) *stock {
	t.Helper()
	node(t)
	text, err := os.ReadFile("node_modules/ethr-did-registry/artifacts/contracts/EthereumDIDRegistry.sol/EthereumDIDRegistry.json")
	if err != nil {
		t.Fatal(err)
	}
	var artifact struct {
		ABI      abi.ABI
		Bytecode hexutil.Bytes
	}
	if err := json.Unmarshal(text, &artifact); err != nil {
		t.Fatal(err)
	}
	s := &stock{openEthrtest(t, o), artifact.ABI}
	hash, err := s.chain.Transact(s.chain.Accounts()[0], nil, nil, artifact.Bytecode)
	if err != nil {
		t.Fatal(err)
	}
	if o.Manual {
		s.mine(t)
	}
	r, ok := s.chain.Receipt(hash)
	if !ok || !r.OK {
		t.Fatal("the stock registry was not deployed")
	}
	var code hexutil.Bytes
	s.registry.Registry, s.registry.FromBlock = r.Contract, r.Block.Number
	s.call(t, &code, "eth_getCode", s.registry.Registry.String(), "latest")
	s.registry.CodeHash = crypto.Keccak256Hash(code)
	open, err := anchor.Open(t.Context(), anchor.Config{Network: s.registry, Finality: "latest"})
	if err != nil {
		t.Fatal(err)
	}
	s.use(t, open)
	return s
}

func (s *stock) mine(t *testing.T) {
	t.Helper()
	if err := s.chain.Mine(1); err != nil {
		t.Fatal(err)
	}
}

// write sends a call of the registry from one of the chain's accounts and returns its transaction.
func (s *stock) write(t *testing.T, from int, function string, args ...any) [32]byte {
	t.Helper()
	data, err := s.abi.Pack(function, args...)
	if err != nil {
		t.Fatal(err)
	}
	to := [20]byte(s.registry.Registry)
	hash, err := s.chain.Transact(s.chain.Accounts()[from], &to, nil, data)
	if err != nil {
		t.Fatal(err)
	}
	return hash
}

// mined is the block of a transaction, which must have succeeded.
func (s *stock) mined(t *testing.T, hash [32]byte) uint64 {
	t.Helper()
	r, ok := s.chain.Receipt(hash)
	if !ok || !r.OK {
		t.Fatal("the registry refused")
	}
	return r.Block.Number
}

func (s *stock) address(i int) common.Address { return s.chain.Accounts()[i].Address }
func (s *stock) did(i int) string             { return s.open.DID(s.chain.Accounts()[i].Address).String() }

func name32(s string) (out [32]byte) { copy(out[:], s); return out }

func seconds(d time.Duration) *big.Int { return big.NewInt(int64(d / time.Second)) }

// multikey is the value of a Multikey attribute.
func (l *ledger) multikey(t testing.TB, k pubkey.Key) []byte {
	t.Helper()
	b, err := hex.DecodeString(l.raw("Multikey", k))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

const issuing = "did/pub/Multikey/veriKey"

// TestStockRegistry: what raw calls write into the public registry, both sides read alike, with two events in one block, and so they
// do what our anchor package writes there.
func TestStockRegistry(t *testing.T) {
	startPeer(t)
	s := openStock(t, ethrtest.Options{Manual: true})
	first, second := newSigner(t).Public(), newSigner(t).Public()
	me, heir, delegate := s.address(1), s.address(2), s.address(3)
	for _, together := range [][]func() [32]byte{
		{ // one block
			func() [32]byte {
				return s.write(t, 1, "setAttribute", me, name32(issuing), s.multikey(t, first), seconds(year))
			},
			func() [32]byte {
				return s.write(t, 1, "addDelegate", me, name32("veriKey"), delegate, seconds(year))
			},
			func() [32]byte {
				return s.write(t, 1, "setAttribute", me, name32("did/svc/Cards"), []byte("https://cards.example"), seconds(year))
			},
		},
		{
			func() [32]byte {
				return s.write(t, 1, "setAttribute", me, name32(issuing), s.multikey(t, second), seconds(year))
			},
			func() [32]byte { return s.write(t, 1, "changeOwner", me, heir) },
		},
		{func() [32]byte {
			return s.write(t, 2, "setAttribute", me, name32(issuing), s.multikey(t, first), seconds(2*year))
		}},
	} {
		var sent [][32]byte
		for _, f := range together {
			sent = append(sent, f())
		}
		s.mine(t)
		at := s.mined(t, sent[0])
		for _, hash := range sent {
			if s.mined(t, hash) != at {
				t.Fatal("the events are not in one block")
			}
		}
		s.agree(t, s.did(1), 0)
	}
	for at := s.registry.FromBlock; at <= s.head(t); at++ {
		s.agree(t, s.did(1), at)
	}
	doc := s.agree(t, s.did(1), 0)
	for fragment, k := range map[string]pubkey.Key{"delegate-4": first, "delegate-3": second} {
		if doc.Methods[fragment].Key != s.raw("Multikey", k) {
			t.Errorf("%s is another key", fragment)
		}
	}
}

func TestAnchorOnTheStockRegistry(t *testing.T) {
	startPeer(t)
	s := openStock(t, ethrtest.Options{})
	for name, write := range histories {
		t.Run(name, func(t *testing.T) {
			id := write(t, s.ledger).String()
			s.agree(t, id, 0)
		})
	}
}

// TestDifferenceF1: the stock registry revokes a delegate by writing the block's own time, and version 11 lists what is valid until now.
// So it lists the delegate in the very version that revokes it, under a new id. Ours does not. Attributes are not concerned: the stock
// registry revokes them with zero.
func TestDifferenceF1(t *testing.T) {
	startPeer(t)
	s := openStock(t, ethrtest.Options{})
	me, delegate := s.address(1), s.address(2)
	listed := "eip155:1337:" + strings.ToLower(delegate.Hex())
	added := s.mined(t, s.write(t, 1, "addDelegate", me, name32("veriKey"), delegate, seconds(year)))
	revoked := s.mined(t, s.write(t, 1, "revokeDelegate", me, name32("veriKey"), delegate))
	if doc := s.agree(t, s.did(1), added); doc.Methods["delegate-1"].Key != listed {
		t.Errorf("the delegate was never there: %v", doc.Methods)
	}
	if theirs := s.theirs(t, s.did(1), revoked); theirs.Methods["delegate-2"].Key != listed {
		t.Errorf("the peer no longer lists the revoked delegate: %v", theirs.Order)
	}
	ours, r := s.ours(t, s.did(1), revoked)
	if len(ours.Order) != 1 {
		t.Errorf("ours lists %v", ours.Order)
	}
	if _, err := r.Key("#delegate-1", did.AssertionMethod, time.Time{}); !errors.Is(err, did.KeyRevoked) {
		t.Errorf("ours says %v, want %s", err, did.KeyRevoked)
	}
	s.agree(t, s.did(1), 0) // a moment later the peer sees the revocation too
	next := s.mined(t, s.write(t, 1, "setAttribute", me, name32("did/svc/Cards"), []byte("https://cards.example"), seconds(year)))
	s.agree(t, s.did(1), next)
}

// TestF1IsGoneFromOurRegistry: ours revokes with zero, so the same question is answered rightly by the same peer.
func TestF1IsGoneFromOurRegistry(t *testing.T) {
	startPeer(t)
	l := openEthrtest(t, ethrtest.Options{})
	l.deploy(t)
	owner, delegate := l.owner(t), l.owner(t)
	id := l.open.Identity(owner.Address(), owner)
	block(t)(one(id.Apply(t.Context(), anchor.AddDelegate(delegate.Address(), anchor.VeriKey, year))))
	revoked := block(t)(one(id.Apply(t.Context(), anchor.RevokeDelegate(delegate.Address(), anchor.VeriKey))))
	if doc := l.agree(t, l.open.DID(id.Address()).String(), revoked); len(doc.Order) != 1 {
		t.Errorf("both list %v", doc.Order)
	}
}

// TestF3DeactivationInTheStockRegistryIsNotFinal: the old key goes on writing; neither side believes it.
func TestF3DeactivationInTheStockRegistryIsNotFinal(t *testing.T) {
	startPeer(t)
	s := openStock(t, ethrtest.Options{})
	me, k := s.address(1), newSigner(t).Public()
	s.mined(t, s.write(t, 1, "changeOwner", me, common.Address{}))
	s.mined(t, s.write(t, 1, "setAttribute", me, name32(issuing), s.multikey(t, k), seconds(year)))
	s.mined(t, s.write(t, 1, "changeOwner", me, me))
	if doc := s.agree(t, s.did(1), 0); !doc.Deactivated || len(doc.Methods) != 0 {
		t.Errorf("the DID came back: %+v", doc)
	}
}

// TestDifferenceF4: in the stock registry everybody writes for identity zero, with a signature that recovers to nobody. Version 11
// lists such keys; ours gives none of them to a verifier.
func TestDifferenceF4(t *testing.T) {
	startPeer(t)
	s := openStock(t, ethrtest.Options{})
	nobody, k := common.Address{}, newSigner(t).Public()
	s.mined(t, s.write(t, 1, "setAttributeSigned", nobody, uint8(0), [32]byte{1}, [32]byte{1}, name32(issuing), s.multikey(t, k), seconds(year)))
	zero := s.open.DID(didethr.Address{}).String()
	if theirs := s.theirs(t, zero, 0); theirs.Methods["delegate-1"].Key != s.raw("Multikey", k) {
		t.Errorf("the peer no longer lists the stranger's key: %v", theirs.Order)
	}
	_, r := s.ours(t, zero, 0)
	if len(r.Keys) != 0 {
		t.Errorf("ours gives %d keys", len(r.Keys))
	}
	if _, err := r.Key("#delegate-1", did.AssertionMethod, time.Time{}); !errors.Is(err, did.KeyNotFound) {
		t.Errorf("ours says %v, want %s", err, did.KeyNotFound)
	}
}

// TestDifferenceF8: a node that leaves out the later of two events of a block hides a change of owner. Version 11 believes it; ours says
// that the answer is incomplete.
func TestDifferenceF8(t *testing.T) {
	startPeer(t)
	s := openStock(t, ethrtest.Options{Manual: true})
	me, heir := s.address(1), s.address(2)
	s.write(t, 1, "setAttribute", me, name32("did/svc/Cards"), []byte("https://cards.example"), seconds(year))
	s.write(t, 1, "changeOwner", me, heir)
	s.mine(t)
	honest := s.agree(t, s.did(1), 0)
	ownerChanged := s.abi.Events["DIDOwnerChanged"].ID.Hex()
	left := 0
	s.chain.Interfere(func(_, answer []byte) []byte { return leaveOut(t, answer, ownerChanged, &left) })
	defer s.chain.Interfere(nil)

	theirs := s.theirs(t, s.did(1), 0)
	if left == 0 {
		t.Fatal("nothing was left out")
	}
	want, got := honest.Methods["controller"].Key, theirs.Methods["controller"].Key
	if !strings.Contains(want, strings.ToLower(heir.Hex())) || !strings.Contains(got, strings.ToLower(me.Hex())) {
		t.Errorf("the peer no longer believes the lie: honest %s, now %s", want, got)
	}
	left = 0
	id, err := did.Parse(s.did(1))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.with(t, didethr.Current).Resolve(t.Context(), id, did.At{}); !errors.Is(err, did.IncompleteAnswer) {
		t.Errorf("ours says %v, want %s", err, did.IncompleteAnswer)
	}
	if left == 0 {
		t.Error("nothing was left out for ours")
	}
	// A resolver that has read the history before knows better.
	if r, err := s.resolver.Resolve(t.Context(), id, did.At{}); err != nil || !strings.Contains(r.Document.VerificationMethod[0].BlockchainAccountID, heir.Hex()) {
		t.Errorf("the warm resolver: %v", err)
	}
}

// leaveOut removes the logs of one event from a node's answer, which is one object or a batch.
func leaveOut(t testing.TB, answer []byte, topic string, left *int) []byte {
	var batch []map[string]json.RawMessage
	single := json.Unmarshal(answer, &batch) != nil
	if single {
		batch = make([]map[string]json.RawMessage, 1)
		if err := json.Unmarshal(answer, &batch[0]); err != nil {
			t.Error(err)
			return answer
		}
	}
	for _, one := range batch {
		var logs []struct{ Topics []string }
		var raw, kept []json.RawMessage
		if json.Unmarshal(one["result"], &logs) != nil || json.Unmarshal(one["result"], &raw) != nil {
			continue
		}
		for i := range logs {
			if len(logs[i].Topics) > 0 && logs[i].Topics[0] == topic {
				*left++
				continue
			}
			kept = append(kept, raw[i])
		}
		if len(raw) > 0 {
			one["result"], _ = json.Marshal(kept)
		}
	}
	var out []byte
	var err error
	if single {
		out, err = json.Marshal(batch[0])
	} else {
		out, err = json.Marshal(batch)
	}
	if err != nil {
		t.Error(err)
	}
	return out
}
