package interop_test

import (
	"math/big"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"

	"github.com/khyer/khyer/did/didethr/ethrtest"
)

// Attacks on the registry itself, on both generations that are deployed (0.0.3 on mainnet and Polygon, 1.3.0 on Sepolia and Gnosis) and on
// ours. Each says whether the attacker got what he wanted. The names are those of the faults in did/didethr.

const (
	victim = 1 // owns the identity
	heir   = 2 // owns it later
	friend = 3 // a delegate
	thief  = 0 // sends what he found
)

var registryAttacks = []struct {
	name      string
	succeeds  []string // in these versions
	attempted func(t *testing.T, version string) bool
}{
	{"F1 a revoked delegate is valid in the second of its revocation, to readers", []string{"0.0.3", "1.3.0"}, func(t *testing.T, version string) bool {
		b := openBare(t, version, ethrtest.Options{})
		b.must(victim, "addDelegate", b.id(victim), name32("veriKey"), b.id(friend), seconds(year))
		r := b.transact(victim, (*[20]byte)(&b.address), b.pack("revokeDelegate", b.id(victim), name32("veriKey"), b.id(friend)))
		kind := name32("veriKey")
		until := b.view("delegates", b.id(victim), [32]byte(crypto.Keccak256(kind[:])), b.id(friend))[0].(*big.Int)
		return until.Int64() >= r.Block.Time.Unix()
	}},
	{"F3 the key of a deactivated identity writes again", []string{"0.0.3", "1.3.0"}, func(t *testing.T, version string) bool {
		b := openBare(t, version, ethrtest.Options{})
		b.must(victim, "changeOwner", b.id(victim), common.Address{})
		set := b.send(victim, b.pack("setAttribute", b.id(victim), name32(issuing), []byte("key"), seconds(year)))
		signed := b.send(thief, b.signed(victim, b.nonce(victim), "setAttribute", b.id(victim), name32(issuing), []byte("key"), seconds(year)))
		back := b.send(victim, b.pack("changeOwner", b.id(victim), b.id(victim)))
		if set != signed || set != back {
			t.Error("it is half deactivated")
		}
		owner := b.view("identityOwner", b.id(victim))[0].(common.Address)
		if set != (owner == b.id(victim)) {
			t.Errorf("the owner is %s", owner)
		}
		return set
	}},
	{"F4 anybody writes for identity zero", []string{"0.0.3", "1.3.0"}, func(t *testing.T, version string) bool {
		b := openBare(t, version, ethrtest.Options{})
		bad := append(make([]byte, 64), 99) // no key makes it
		args := []any{common.Address{}, name32(issuing), []byte("the thief's key"), seconds(year)}
		return b.send(thief, b.withSignature(bad, "setAttribute", args))
	}},
	{"F5 a delegate that was revoked is added again with the old signature", []string{"0.0.3"}, func(t *testing.T, version string) bool {
		b := openBare(t, version, ethrtest.Options{})
		b.must(victim, "changeOwner", b.id(victim), b.id(heir))
		nonce := b.nonce(victim) // ours counts for the identity
		if version != ours {
			nonce = b.nonce(heir) // theirs signs that of the owner
		}
		add := b.signed(heir, nonce, "addDelegate", b.id(victim), name32("veriKey"), b.id(friend), seconds(year))
		if !b.send(thief, add) {
			t.Fatal("the signature is no good at all")
		}
		b.must(heir, "revokeDelegate", b.id(victim), name32("veriKey"), b.id(friend))
		again := b.send(thief, add)
		if valid := b.view("validDelegate", b.id(victim), name32("veriKey"), b.id(friend))[0].(bool); valid != again {
			t.Errorf("the delegate's validity is %v", valid)
		}
		return again
	}},
	{"F6 a signature for one chain is used on another", []string{"0.0.3", "1.3.0"}, func(t *testing.T, version string) bool {
		here, there := openBare(t, version, ethrtest.Options{ChainID: 1001}), openBare(t, version, ethrtest.Options{ChainID: 1002})
		if here.address != there.address {
			t.Fatal("the registries have two addresses")
		}
		add := here.signed(victim, 0, "addDelegate", here.id(victim), name32("veriKey"), here.id(friend), seconds(year))
		if !here.send(thief, add) {
			t.Fatal("the signature is no good at all")
		}
		return there.send(thief, add)
	}},
	{"F7 a very long validity has ended already", []string{"0.0.3"}, func(t *testing.T, version string) bool {
		b := openBare(t, version, ethrtest.Options{})
		forEver := new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 256), big.NewInt(1))
		return b.send(victim, b.pack("addDelegate", b.id(victim), name32("veriKey"), b.id(friend), forEver)) &&
			!b.view("validDelegate", b.id(victim), name32("veriKey"), b.id(friend))[0].(bool)
	}},
	{"a signature that was never used is good again when its owner returns", []string{"0.0.3", "1.3.0"}, func(t *testing.T, version string) bool {
		b := openBare(t, version, ethrtest.Options{})
		add := b.signed(victim, 0, "addDelegate", b.id(victim), name32("veriKey"), b.id(friend), seconds(year))
		b.must(victim, "changeOwner", b.id(victim), b.id(heir))
		b.must(heir, "changeOwner", b.id(victim), b.id(victim))
		return b.send(thief, add)
	}},
	{"the twin of a signature is taken in its place", []string{"0.0.3", "1.3.0"}, func(t *testing.T, version string) bool {
		b := openBare(t, version, ethrtest.Options{})
		args := []any{b.id(victim), name32("veriKey"), b.id(friend), seconds(year)}
		return b.send(thief, b.withSignature(b.twin(victim, 0, "addDelegate", args), "addDelegate", args))
	}},
}

func TestAttacksOnRegistries(t *testing.T) {
	for _, attack := range registryAttacks {
		t.Run(attack.name, func(t *testing.T) {
			for _, version := range []string{"0.0.3", "1.3.0", ours} {
				want := false
				for _, v := range attack.succeeds {
					want = want || v == version
				}
				if got := attack.attempted(t, version); got != want {
					t.Errorf("%s: the attack succeeds: %v, want %v", version, got, want)
				}
			}
		})
	}
}
