package didethr

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"testing"
	"time"

	"github.com/khyer/khyer/did"
)

// p256Value is the value of a Multikey attribute with a P-256 key, known by a number.
func p256Value(n int) []byte {
	d := sha256.Sum256(fmt.Appendf(nil, "khyer test key %d", n))
	priv, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), d[:])
	if err != nil {
		panic(err)
	}
	return append([]byte{0x80, 0x24}, elliptic.MarshalCompressed(elliptic.P256(), new(big.Int).Set(priv.X), new(big.Int).Set(priv.Y))...)
}

const veriKey = "did/pub/Multikey/veriKey"

// historyOf is all that the chain has.
func historyOf(c *chain) History {
	h := History{Head: c.head(), Logs: c.logs, Blocks: map[uint64]Block{}}
	for _, b := range c.blocks {
		h.Blocks[b.Number] = b
	}
	return h
}

func resolveAt(t *testing.T, c *chain, id did.DID, clock time.Time) *did.Resolution {
	t.Helper()
	n := Network{Name: "dev", ChainID: c.chainID, Registry: c.registry}
	res, err := Fold(n, historyOf(c), id, did.At{}, clock)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// expectKey asks for a key by its fragment and expects a reason, or none.
func expectKey(t *testing.T, r *did.Resolution, fragment string, signed time.Time, want error) did.Key {
	t.Helper()
	k, err := r.Key(fragment, did.AssertionMethod, signed)
	if !errors.Is(err, want) {
		t.Errorf("%s at %v: error %v, want %v", fragment, signed, err, want)
	}
	return k
}

func thumbprint(t *testing.T, r *did.Resolution) string {
	t.Helper()
	for _, k := range r.Keys {
		if p := k.Public.Thumbprint(); p != "" {
			return "#" + p
		}
	}
	t.Fatal("no key with a thumbprint")
	return ""
}

// TestRenewedKeyKeepsItsIDs is fault R: a renewed key gets a new id in the document, and the old one still names it.
func TestRenewedKeyKeepsItsIDs(t *testing.T) {
	c := newChain()
	a, id := issuer(1)
	first := c.head().Time
	c.attribute(a, veriKey, p256Value(1), first+300)
	c.mine(2)
	c.attribute(a, veriKey, p256Value(1), first+3000)
	c.mine(1)
	r := resolveAt(t, c, id, time.Time{})
	if got := r.Document.VerificationMethod[1].ID; got != id.String()+"#delegate-2" {
		t.Errorf("the document lists %s", got)
	}
	if n := len(r.Document.VerificationMethod); n != 2 {
		t.Errorf("%d methods: aliases are no part of the document", n)
	}
	signed := unix(first + 1)
	for _, name := range []string{"#delegate-1", "#delegate-2", thumbprint(t, r)} {
		k := expectKey(t, r, name, signed, nil)
		if !k.From.Equal(unix(first)) || !k.Until.Equal(unix(first+3000)) || k.Class != "" {
			t.Errorf("%s: %+v", name, k)
		}
	}
}

// TestLapsedRevokedAndUnknownKeysDiffer: a verifier must be able to tell the three apart.
func TestLapsedRevokedAndUnknownKeysDiffer(t *testing.T) {
	c := newChain()
	a, id := issuer(1)
	begin := c.head().Time
	c.attribute(a, veriKey, p256Value(1), begin+90)  // lapses
	c.attribute(a, veriKey, p256Value(2), never)     // is revoked
	c.attribute(a, veriKey, p256Value(3), begin+90)  // lapses, is revoked afterwards
	c.attribute(a, veriKey, p256Value(4), begin+400) // lives
	c.mine(3)
	c.attribute(a, veriKey, p256Value(2), c.head().Time) // as the first registries revoke
	c.attribute(a, veriKey, p256Value(3), 0)             // as ours does
	c.mine(1)
	r := resolveAt(t, c, id, time.Time{})
	during, now := unix(begin+1), unix(c.head().Time)
	expectKey(t, r, "#delegate-1", during, nil)
	expectKey(t, r, "#delegate-1", now, did.KeyLapsed)
	expectKey(t, r, "#delegate-2", during, did.KeyRevoked)
	expectKey(t, r, "#delegate-3", during, did.KeyRevoked)
	expectKey(t, r, "#delegate-4", now, nil)
	expectKey(t, r, "#delegate-4", unix(begin-1), did.KeyNotYetValid)
	expectKey(t, r, "#delegate-5", during, did.KeyNotFound) // the number of a revocation
	if k := r.Keys[1]; k.ID != id.String()+"#delegate-4" {
		t.Errorf("the first key after #controller is %s, want the one that is current", k.ID)
	}
	if i := slices.IndexFunc(r.Keys, func(k did.Key) bool { return k.ID == id.String()+"#delegate-2" }); !r.Keys[i].Revoked.Equal(unix(begin + 180)) {
		t.Errorf("revoked at %v", r.Keys[i].Revoked)
	}
}

// TestRevokedKeySetAgain: the revocation stays for what was signed before it; what is signed from the new block on counts.
func TestRevokedKeySetAgain(t *testing.T) {
	c := newChain()
	a, id := issuer(1)
	c.attribute(a, veriKey, p256Value(1), never)
	old := unix(c.head().Time + 1)
	c.mine(2)
	c.attribute(a, veriKey, p256Value(1), 0)
	c.mine(2)
	c.attribute(a, veriKey, p256Value(1), never)
	again := unix(c.head().Time)
	c.mine(1)
	r := resolveAt(t, c, id, time.Time{})
	name := thumbprint(t, r)
	expectKey(t, r, "#delegate-1", old, did.KeyRevoked)
	expectKey(t, r, "#delegate-1", again, did.KeyRevoked)
	expectKey(t, r, "#delegate-3", old, did.KeyNotYetValid)
	expectKey(t, r, "#delegate-3", again, nil)
	expectKey(t, r, name, old, did.KeyNotYetValid)
	expectKey(t, r, name, again, nil)
}

// TestRevocationAtItsOwnBlock is fault F1: stock resolvers list a delegate that the very block revokes.
func TestRevocationAtItsOwnBlock(t *testing.T) {
	c := newChain()
	a, id := issuer(1)
	party, _ := issuer(7)
	c.delegate(a, "veriKey", party, never)
	c.mine(1)
	c.delegate(a, "veriKey", party, c.head().Time)
	r := resolveAt(t, c, id, time.Time{})
	if n := len(r.Document.VerificationMethod); n != 1 {
		t.Errorf("%d methods", n)
	}
	expectKey(t, r, "#delegate-1", unix(c.head().Time), did.KeyRevoked)
}

// TestSlowClock is fault F2: the verifier's clock does not decide which events exist. TestLateClock: but it may end a key.
func TestSlowClock(t *testing.T) {
	c := newChain()
	a, id := issuer(1)
	c.attribute(a, veriKey, p256Value(1), never)
	c.mine(1)
	c.attribute(a, veriKey, p256Value(1), 0)
	r := resolveAt(t, c, id, unix(c.head().Time-600))
	expectKey(t, r, "#delegate-1", unix(c.head().Time), did.KeyRevoked)
}

func TestLateClock(t *testing.T) {
	c := newChain()
	a, id := issuer(1)
	c.attribute(a, veriKey, p256Value(1), c.head().Time+100)
	if n := len(resolveAt(t, c, id, unix(c.head().Time+99)).Document.VerificationMethod); n != 2 {
		t.Errorf("%d methods before the end", n)
	}
	if n := len(resolveAt(t, c, id, unix(c.head().Time+100)).Document.VerificationMethod); n != 1 {
		t.Errorf("%d methods at the end", n)
	}
}

// TestClasses: only a Multikey that the subject published as a verification key is of the empty class.
func TestClasses(t *testing.T) {
	c := newChain()
	a, id := issuer(1)
	party, _ := issuer(7)
	ed25519 := append([]byte{0xed, 0x01}, sha256Point()...)
	c.attribute(a, veriKey, p256Value(1), never)                                   // 1
	c.attribute(a, "did/pub/Multikey/sigAuth", p256Value(2), never)                // 2
	c.attribute(a, "did/pub/Multikey/enc", p256Value(3), never)                    // 3
	c.attribute(a, "did/pub/Multikey", p256Value(4), never)                        // 4
	c.attribute(a, veriKey, ed25519, never)                                        // 5
	c.attribute(a, "did/pub/Ed25519/veriKey", ed25519[2:], never)                  // 6
	c.delegate(a, "veriKey", party, never)                                         // 7
	c.delegate(a, "sigAuth", party, never)                                         // 8
	c.attribute(a, veriKey, append([]byte{0x90, 0x24}, make([]byte, 9)...), never) // 9: post-quantum, no key that we can use
	c.attribute(a, "did/pub/P256/veriKey", p256Value(5)[2:], never)                // 10: unknown, no key
	c.delegate(a, "raiden", party, never)                                          // 11: counts only
	c.attribute(a, veriKey, p256Value(6), never)                                   // 12
	r := resolveAt(t, c, id, time.Time{})
	want := map[string]string{"#controller": "controller", "#delegate-1": "", "#delegate-2": "sigAuth", "#delegate-3": "attribute",
		"#delegate-4": "attribute", "#delegate-5": "", "#delegate-6": "attribute", "#delegate-7": "delegate", "#delegate-8": "sigAuth", "#delegate-12": ""}
	if len(r.Keys) != len(want) {
		t.Errorf("%d keys, want %d", len(r.Keys), len(want))
	}
	for _, k := range r.Keys {
		if class, ok := want[fragmentOf(k.ID)]; !ok || class != k.Class {
			t.Errorf("%s has class %q, want %q", k.ID, k.Class, class)
		}
	}
	if n := len(r.Document.VerificationMethod); n != 12 {
		t.Errorf("%d methods, want 12: what gives no key is still listed", n)
	}
	// The same Ed25519 key stands there twice. Its thumbprint names the one that the subject published as a Multikey.
	if k := expectKey(t, r, "#"+r.Keys[5].Public.Thumbprint(), unix(c.head().Time), nil); k.Class != "" {
		t.Errorf("the thumbprint names %s", k.ID)
	}
	if _, err := r.Key("#delegate-3", did.AssertionMethod, time.Time{}); !errors.Is(err, did.KeyWrongPurpose) {
		t.Errorf("an encryption key for assertions: %v", err)
	}
}

// sha256Point is the public key of RFC 8032 section 7.1, test 1.
func sha256Point() []byte {
	b, _ := new(big.Int).SetString("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", 16)
	return b.FillBytes(make([]byte, 32))
}

// TestDeactivationIsFinal is fault F3: what the registry lets the first key write afterwards does not count.
func TestDeactivationIsFinal(t *testing.T) {
	c := newChain()
	a, id := issuer(1)
	c.attribute(a, veriKey, p256Value(1), never)
	c.mine(1)
	c.changeOwner(a, Address{})
	ended := c.head()
	c.attribute(a, veriKey, p256Value(2), never)
	c.mine(1)
	c.changeOwner(a, a)
	c.attribute(a, veriKey, p256Value(3), never)
	for _, read := range []func() (*did.Resolution, error){
		func() (*did.Resolution, error) { return resolveAt(t, c, id, time.Time{}), nil },
		func() (*did.Resolution, error) { return c.serve(t).Resolve(t.Context(), id, did.At{}) },
	} {
		r, err := read()
		if err != nil {
			t.Fatal(err)
		}
		if !r.Deactivated || len(r.Document.VerificationMethod) != 0 || r.Metadata.VersionID != fmt.Sprint(ended.Number) {
			t.Errorf("%+v", r)
		}
		for _, k := range r.Keys {
			if k.Revoked.IsZero() {
				t.Errorf("%s is not revoked", k.ID)
			}
		}
		if len(r.Keys) != 2 {
			t.Errorf("%d keys", len(r.Keys))
		}
		expectKey(t, r, "#delegate-1", unix(ended.Time-1), did.Deactivated)
	}
}

// TestControllerKeyFollowsOwnership is fault N4.
func TestControllerKeyFollowsOwnership(t *testing.T) {
	c := newChain()
	id, err := did.Parse("did:ethr:dev:0x0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798")
	if err != nil {
		t.Fatal(err)
	}
	ident, err := parseIdentifier(id)
	if err != nil {
		t.Fatal(err)
	}
	if got := ident.identity.String(); got != "0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf" { // published for private key 1
		t.Fatalf("address %s", got)
	}
	expectKey(t, resolveAt(t, c, id, time.Time{}), "#controllerKey", testTime, nil)
	c.changeOwner(ident.identity, Address{0x77})
	moved := unix(c.head().Time)
	r := resolveAt(t, c, id, time.Time{})
	expectKey(t, r, "#controllerKey", testTime, did.KeyRevoked)
	expectKey(t, r, "#controller", testTime, did.KeyNotYetValid)
	expectKey(t, r, "#controller", moved, nil)
	c.mine(1)
	c.changeOwner(ident.identity, ident.identity)
	r = resolveAt(t, c, id, time.Time{})
	expectKey(t, r, "#controllerKey", testTime, did.KeyNotYetValid)
	expectKey(t, r, "#controllerKey", unix(c.head().Time), nil)
}

// TestNobodysIdentity is fault F4.
func TestNobodysIdentity(t *testing.T) {
	c := newChain()
	id, err := did.Parse("did:ethr:dev:0x0000000000000000000000000000000000000000")
	if err != nil {
		t.Fatal(err)
	}
	c.attribute(Address{}, veriKey, p256Value(1), never)
	c.attribute(Address{}, "did/svc/Page", []byte("https://thief.example"), never)
	for _, at := range []int{0, 1} { // before and after the deactivation, which is everybody's too
		r := resolveAt(t, c, id, time.Time{})
		if d := r.Document; len(r.Keys) != 0 || len(d.VerificationMethod) != 0 || len(d.Service) != 0 || len(d.Relationships[did.Authentication]) != 0 {
			t.Errorf("%d: keys %v, document %+v of an identity that everybody writes for", at, r.Keys, d)
		}
		c.changeOwner(Address{}, Address{})
	}
}
