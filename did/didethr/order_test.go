package didethr

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/khyer/khyer/did"
)

// Several events can have one time: those of a block, and on chains faster than a block a second those of several blocks. What the last
// word was then is decided by their positions.

// mineAtOnce adds a block of the same second as the one before.
func (c *chain) mineAtOnce() {
	b := c.head()
	b.Number++
	b.Hash = keccak([]byte("block"), binary.BigEndian.AppendUint64(nil, b.Number))
	c.blocks = append(c.blocks, b)
}

// within runs a test twice: all events in one block, and each in a block of its own, all of the same second.
func within(t *testing.T, one func(t *testing.T, c *chain, next func())) {
	t.Helper()
	t.Run("one block", func(t *testing.T) { one(t, newChain(), func() {}) })
	t.Run("blocks of one second", func(t *testing.T) {
		c := newChain()
		one(t, c, c.mineAtOnce)
	})
}

// expectListed compares the fragments of the document's methods.
func expectListed(t *testing.T, r *did.Resolution, want ...string) {
	t.Helper()
	got := []string{}
	for _, m := range r.Document.VerificationMethod {
		got = append(got, fragmentOf(m.ID))
	}
	if !slices.Equal(got, want) {
		t.Errorf("the document lists %q, want %q", got, want)
	}
}

func TestKeySetAndRevokedInOneSecond(t *testing.T) {
	for _, revoked := range []string{"0", "the block's time"} {
		t.Run(revoked, func(t *testing.T) {
			within(t, func(t *testing.T, c *chain, next func()) {
				a, id := issuer(1)
				end := uint64(0)
				if revoked != "0" {
					end = c.head().Time
				}
				c.attribute(a, veriKey, p256Value(1), never)
				next()
				c.attribute(a, veriKey, p256Value(1), end)
				r := resolveAt(t, c, id, time.Time{})
				expectListed(t, r, "#controller")
				for _, name := range []string{"#delegate-1", thumbprint(t, r)} {
					expectKey(t, r, name, unix(c.head().Time), did.KeyRevoked)
				}
			})
		})
	}
}

func TestKeyRevokedAndSetAgainInOneSecond(t *testing.T) {
	within(t, func(t *testing.T, c *chain, next func()) {
		a, id := issuer(1)
		c.mine(1)
		c.attribute(a, veriKey, p256Value(1), never)
		next()
		c.attribute(a, veriKey, p256Value(1), 0)
		next()
		c.attribute(a, veriKey, p256Value(1), never)
		r := resolveAt(t, c, id, time.Time{})
		expectListed(t, r, "#controller", "#delegate-3")
		at := unix(c.head().Time)
		expectKey(t, r, "#delegate-1", at, did.KeyRevoked)
		expectKey(t, r, "#delegate-3", at, nil)
		expectKey(t, r, thumbprint(t, r), at, nil)
	})
}

// TestKeyRevokedUnderAnotherNameInOneSecond: who revokes a key ends it under every name that it had before, and under none that comes
// after, also where a clock could not tell the two apart.
func TestKeyRevokedUnderAnotherNameInOneSecond(t *testing.T) {
	const other = "did/pub/Multikey/veriKey/hex"
	t.Run("set first", func(t *testing.T) {
		within(t, func(t *testing.T, c *chain, next func()) {
			a, id := issuer(1)
			c.attribute(a, other, p256Value(1), never)
			c.mine(1)
			c.attribute(a, veriKey, p256Value(1), never)
			next()
			c.attribute(a, other, p256Value(1), 0)
			r := resolveAt(t, c, id, time.Time{})
			at := unix(c.head().Time)
			for _, name := range []string{"#delegate-1", "#delegate-2", thumbprint(t, r)} {
				expectKey(t, r, name, at, did.KeyRevoked)
			}
		})
	})
	t.Run("revoked first", func(t *testing.T) {
		within(t, func(t *testing.T, c *chain, next func()) {
			a, id := issuer(1)
			c.attribute(a, other, p256Value(1), never)
			c.mine(1)
			c.attribute(a, other, p256Value(1), 0)
			next()
			c.attribute(a, veriKey, p256Value(1), never)
			r := resolveAt(t, c, id, time.Time{})
			at := unix(c.head().Time)
			expectKey(t, r, "#delegate-1", at, did.KeyRevoked)
			expectKey(t, r, "#delegate-3", at, nil)
			expectKey(t, r, thumbprint(t, r), at, nil)
		})
	})
	t.Run("for another purpose", func(t *testing.T) {
		within(t, func(t *testing.T, c *chain, next func()) {
			a, id := issuer(1)
			c.attribute(a, "did/pub/Multikey/enc", p256Value(1), never)
			c.mine(1)
			c.attribute(a, veriKey, p256Value(1), never)
			next()
			c.attribute(a, "did/pub/Multikey/enc", p256Value(1), 0)
			expectKey(t, resolveAt(t, c, id, time.Time{}), "#delegate-2", unix(c.head().Time), nil)
		})
	})
	t.Run("a new owner who is a revoked delegate", func(t *testing.T) {
		within(t, func(t *testing.T, c *chain, next func()) {
			a, id := issuer(1)
			party, _ := issuer(7)
			c.delegate(a, "veriKey", party, never)
			c.mine(1)
			c.changeOwner(a, party)
			next()
			c.delegate(a, "veriKey", party, 0)
			expectKey(t, resolveAt(t, c, id, time.Time{}), "#controller", unix(c.head().Time), did.KeyRevoked)
		})
	})
}

func TestOwnerThereAndBackInOneSecond(t *testing.T) {
	within(t, func(t *testing.T, c *chain, next func()) {
		id := mustParse(t, "did:ethr:dev:0x0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798")
		ident, err := parseIdentifier(id)
		if err != nil {
			t.Fatal(err)
		}
		thief := Address{0x66}
		c.changeOwner(ident.identity, thief)
		next()
		c.attribute(ident.identity, veriKey, p256Value(1), never) // by the thief
		next()
		c.attribute(ident.identity, veriKey, p256Value(1), 0)
		next()
		c.changeOwner(ident.identity, ident.identity)
		r := resolveAt(t, c, id, time.Time{})
		expectListed(t, r, "#controller", "#controllerKey")
		at := unix(c.head().Time)
		for _, k := range r.Keys {
			if a, ok := k.Public.Address(); ok && a == thief {
				t.Errorf("%s is the thief's", k.ID)
			}
		}
		expectKey(t, r, "#controllerKey", at, nil)
		expectKey(t, r, "#controllerKey", at.Add(-time.Second), did.KeyNotYetValid)
		expectKey(t, r, "#delegate-1", at, did.KeyRevoked)
	})
}

func TestOwnerLostInOneSecond(t *testing.T) {
	within(t, func(t *testing.T, c *chain, next func()) {
		id := mustParse(t, "did:ethr:dev:0x0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798")
		ident, err := parseIdentifier(id)
		if err != nil {
			t.Fatal(err)
		}
		for _, owner := range []Address{{0x66}, ident.identity, {0x67}} {
			c.changeOwner(ident.identity, owner)
			next()
		}
		r := resolveAt(t, c, id, time.Time{})
		expectListed(t, r, "#controller")
		expectKey(t, r, "#controllerKey", unix(c.head().Time), did.KeyRevoked)
	})
}

// TestDeactivatedInTheSecondOfASet: what was set before ends, what is set afterwards never was.
func TestDeactivatedInTheSecondOfASet(t *testing.T) {
	within(t, func(t *testing.T, c *chain, next func()) {
		a, id := issuer(1)
		c.attribute(a, veriKey, p256Value(1), never)
		next()
		c.changeOwner(a, Address{})
		next()
		c.attribute(a, veriKey, p256Value(2), never)
		next()
		c.changeOwner(a, a)
		r := resolveAt(t, c, id, time.Time{})
		expectListed(t, r)
		if !r.Deactivated || len(r.Keys) != 2 {
			t.Errorf("deactivated is %v, %d keys", r.Deactivated, len(r.Keys))
		}
		for _, k := range r.Keys {
			if !k.Revoked.Equal(unix(c.head().Time)) {
				t.Errorf("%s is revoked at %v", k.ID, k.Revoked)
			}
		}
	})
}

// TestVersionBetweenBlocksOfOneSecond: versionId is a block, so it tells apart what versionTime cannot.
func TestVersionBetweenBlocksOfOneSecond(t *testing.T) {
	c := newChain()
	a, id := issuer(1)
	c.attribute(a, veriKey, p256Value(1), never)
	set := c.head()
	c.mineAtOnce()
	c.attribute(a, veriKey, p256Value(1), set.Time)
	n := Network{Name: "dev", ChainID: c.chainID, Registry: c.registry}
	at := func(at did.At) *did.Resolution {
		r, err := Fold(n, historyOf(c), id, at, time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	r := at(did.At{Block: set.Number})
	expectListed(t, r, "#controller", "#delegate-1")
	if r.Metadata.NextVersionID != fmt.Sprint(set.Number+1) {
		t.Errorf("the next version is %s", r.Metadata.NextVersionID)
	}
	expectKey(t, r, "#delegate-1", unix(set.Time), nil)
	for _, r := range []*did.Resolution{at(did.At{Block: set.Number + 1}), at(did.At{Time: unix(set.Time)}), at(did.At{})} {
		expectListed(t, r, "#controller")
		expectKey(t, r, "#delegate-1", unix(set.Time), did.KeyRevoked)
	}
	if r := at(did.At{Time: unix(set.Time - 1)}); len(r.Keys) != 1 || r.Metadata.NextVersionID != fmt.Sprint(set.Number) {
		t.Errorf("%d keys before the second, next version %s", len(r.Keys), r.Metadata.NextVersionID)
	}
}

// TestLogsInAnyOrder: a node's order of logs means nothing, and a log that came twice counts once.
func TestLogsInAnyOrder(t *testing.T) {
	c := newChain()
	a, id := issuer(1)
	for i := range 6 {
		c.attribute(a, veriKey, p256Value(i%2), map[bool]uint64{true: never, false: 0}[i%3 != 2])
		c.changeOwner(a, Address{byte(i + 1)})
		if i%2 == 0 {
			c.mineAtOnce()
		}
	}
	want := resolveAt(t, c, id, time.Time{})
	random := rand.New(rand.NewPCG(1, 2))
	for range 20 {
		c.logs = append(c.logs, c.logs[random.IntN(len(c.logs))])
		random.Shuffle(len(c.logs), func(i, j int) { c.logs[i], c.logs[j] = c.logs[j], c.logs[i] })
		if got := resolveAt(t, c, id, time.Time{}); !reflect.DeepEqual(got, want) {
			t.Fatalf("another order gives\n%+v, want\n%+v", got, want)
		}
	}
}
