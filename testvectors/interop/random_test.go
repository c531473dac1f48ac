package interop_test

import (
	"crypto/ecdsa"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"

	"github.com/khyer/khyer/did/didethr"
	"github.com/khyer/khyer/did/didethr/ethrtest"
)

// registries on which random histories are written: ours, and both generations of the public ones. Those revoke delegates with the
// block's time and let a deactivated identity write on; ours does neither.
var registries = []string{"ours", "1.3.0", "0.0.3"}

// world is a chain whose blocks are made by hand, weeks ago, so that the verifier's clock is behind no block, with a registry on it.
type world struct {
	*ledger
	kind string
}

func (w *world) strict() bool { return w.kind == "ours" }

func openWorld(t testing.TB, chain, registry string) *world {
	t.Helper()
	return openWorldAt(t, chain, registry, time.Now().Add(-30*24*time.Hour))
}

func openWorldAt(t testing.TB, chain, registry string, start time.Time) *world {
	t.Helper()
	w := &world{kind: registry}
	if chain == "anvil" {
		w.ledger = openAnvilWith(t, "--no-mining", "--timestamp", fmt.Sprint(start.Unix()))
	} else {
		w.ledger = openEthrtest(t, ethrtest.Options{Manual: true, Start: start})
	}
	w.manual = true
	if registry != "ours" {
		w.deployStock(t, registry)
		return w
	}
	text, err := os.ReadFile("../../did/didethr/anchor/registry.bin")
	if err != nil {
		t.Fatal(err)
	}
	code, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	w.deployCode(t, code)
	return w
}

// tick makes a block, at a time if it is not zero, on a chain whose blocks are made by hand.
func (l *ledger) tick(t testing.TB, at time.Time) {
	t.Helper()
	if l.chain != nil {
		if !at.IsZero() {
			l.chain.SetTime(at)
		}
		if err := l.chain.Mine(1); err != nil {
			t.Fatal(err)
		}
		return
	}
	if !at.IsZero() {
		l.call(t, nil, "evm_setNextBlockTimestamp", at.Unix())
	}
	l.call(t, nil, "evm_mine")
}

// now is the time of the newest block.
func (l *ledger) now(t testing.TB) time.Time {
	t.Helper()
	var b struct{ Timestamp hexUint }
	l.call(t, &b, "eth_getBlockByNumber", "latest", false)
	return time.Unix(int64(b.Timestamp), 0)
}

// entry is something that a history has set, to be renewed or revoked.
type entry struct {
	delegate common.Address
	name     [32]byte
	value    []byte // nil for a delegate
}

// random writes a history of an identity: keys of every kind and in every encoding, services, delegates, names that mean nothing,
// renewals, revocations, also of what was never set, owners that change and return, several changes in a block, validities that end
// within the history and in the very second of a block, and often a deactivation, after which stock registries let it write on.
type random struct {
	*rand.Rand
	w       *world
	hands   []*hand // the identity's own first
	owner   int
	set     []entry
	short   []time.Duration // validities that begin with the next block
	ends    []time.Time     // when something ends
	dead    bool
	waiting []common.Hash
}

func (w *world) random(t testing.TB, seed uint64) *random {
	r := &random{Rand: rand.New(rand.NewPCG(seed, 1056)), w: w}
	for range 3 {
		k := r.key(t)
		h := &hand{l: w.ledger, key: k, address: crypto.PubkeyToAddress(k.PublicKey)}
		w.pay(t, [20]byte(h.address), 1)
		r.hands = append(r.hands, h)
	}
	w.tick(t, time.Time{})
	return r
}

// write makes the blocks.
func (r *random) write(t testing.TB) {
	blocks := 2 + r.IntN(9)
	end := r.IntN(4) == 0
	for i := range blocks {
		last := i == blocks-1
		for range 1 + r.IntN(1+r.IntN(5)) {
			r.change(t)
		}
		switch {
		case end && last && !r.dead:
			r.send(t, "changeOwner", r.me(), common.Address{})
			r.dead = true
		case r.IntN(6) == 0 && !r.dead:
			next := r.IntN(len(r.hands))
			r.send(t, "changeOwner", r.me(), r.hands[next].address)
			r.block(t)
			r.owner = next
			continue
		}
		r.block(t)
	}
	if r.dead && !r.w.strict() && r.IntN(2) == 0 {
		r.owner = 0 // fault F3
		r.change(t)
		r.send(t, "changeOwner", r.me(), r.me())
		r.block(t)
	}
	r.w.tick(t, r.time(t)) // an empty one
}

func (r *random) me() common.Address { return r.hands[0].address }

func (r *random) send(t testing.TB, function string, args ...any) {
	r.waiting = append(r.waiting, r.hands[r.owner].write(t, function, args...))
}

// time is that of the next block, now and then the very second in which something ends.
func (r *random) time(t testing.TB) time.Time {
	now := r.w.now(t)
	if r.IntN(5) == 0 {
		for _, end := range r.ends {
			if end.After(now) && end.Before(now.Add(time.Hour)) {
				return end
			}
		}
	}
	return now.Add(time.Duration(1+r.IntN(600)) * time.Second)
}

func (r *random) block(t testing.TB) {
	r.w.tick(t, r.time(t))
	for _, hash := range r.waiting {
		r.hands[0].mined(t, hash)
	}
	for _, valid := range r.short {
		r.ends = append(r.ends, r.w.now(t).Add(valid))
	}
	r.waiting, r.short = nil, nil
}

// change sends one change that the registry takes.
func (r *random) change(t testing.TB) {
	if r.dead && r.w.strict() {
		return
	}
	switch n := r.IntN(20); {
	case n < 9 || len(r.set) == 0:
		e := entry{name: r.name(), value: r.value(t)}
		if r.IntN(4) == 0 {
			e.name, e.value = name32("did/svc/"+pick(r, "IssuerPage", "Hub", "_", "toString", "4")), r.endpoint()
		}
		r.add(t, e)
	case n < 12:
		r.add(t, entry{delegate: r.someone(), name: name32(pick(r, "veriKey", "sigAuth", "veriKey", "sigAuth", "enc", "unknownKind", "\xff\xfe", ""))})
	case n < 15:
		r.add(t, r.set[r.IntN(len(r.set))]) // a renewal
	default:
		e := r.set[r.IntN(len(r.set))]
		if r.IntN(8) == 0 { // never set
			e.name, e.delegate = name32(pick(r, "veriKey", "did/pub/Ed25519/veriKey", "did/svc/Hub", "did/pub/")), r.someone()
		}
		if e.value == nil {
			r.send(t, "revokeDelegate", r.me(), e.name, e.delegate)
		} else {
			r.send(t, "revokeAttribute", r.me(), e.name, e.value)
		}
	}
}

func (r *random) add(t testing.TB, e entry) {
	r.set = append(r.set, e)
	valid := year + time.Duration(r.IntN(1e6))*time.Second
	switch r.IntN(5) {
	case 0:
		valid = time.Duration(1+r.IntN(1800)) * time.Second
		r.short = append(r.short, valid)
	case 1:
		if !r.w.strict() && r.IntN(4) == 0 {
			valid = 0
		}
	}
	if e.value == nil {
		r.send(t, "addDelegate", r.me(), e.name, e.delegate, seconds(valid))
	} else {
		r.send(t, "setAttribute", r.me(), e.name, e.value, seconds(valid))
	}
}

// key is one that the seed decides.
func (r *random) key(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	k, err := crypto.ToECDSA(r.bytes(32))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func pick(r *random, from ...string) string { return from[r.IntN(len(from))] }

func (r *random) bytes(n int) []byte {
	out := make([]byte, n)
	for i := range out {
		out[i] = byte(r.Uint32())
	}
	return out
}

// someone is an address, at times the identity's own or an owner's.
func (r *random) someone() common.Address {
	if r.IntN(4) == 0 {
		return r.hands[r.IntN(len(r.hands))].address
	}
	return common.BytesToAddress(r.bytes(20))
}

// name is an attribute's name, of a key most often, or one that means nothing.
func (r *random) name() [32]byte {
	if r.IntN(6) == 0 {
		return name32(pick(r, "", "note", "did/pub", "did/pub/", "did/svc/", "did/pub//veriKey", "did/pub/Ed25519/veriKey/hex/more", "did/pub/Ed-25519/veriKey", "did/svc/a b",
			"DID/PUB/Ed25519/veriKey", "did/pub/Ed25519/veriKey\n", " did/pub/Ed25519/veriKey", "did/pub/Ed25519\x00/veriKey", "did/pub/\xff\xfe", "\xc3(", "did/other/Ed25519"))
	}
	name := "did/pub/" + pick(r, "Secp256k1", "Ed25519", "X25519", "Multikey", "RSA", "Secp256k1", "Ed25519", "constructor", "toString", "P256")
	purpose := pick(r, "veriKey", "veriKey", "sigAuth", "enc", "other", "")
	if purpose != "" {
		name += "/" + purpose
		if hint := pick(r, "", "hex", "base64", "base58", "pem", "odd"); hint != "" {
			name += "/" + hint
		}
	}
	return name32(name) // cut to 32 bytes, as by any writer
}

// value is a key, or bytes that are none.
func (r *random) value(t testing.TB) []byte {
	switch r.IntN(8) {
	case 0, 1:
		return crypto.CompressPubkey(&r.key(t).PublicKey)
	case 2:
		return crypto.FromECDSAPub(&r.key(t).PublicKey)
	case 3:
		return append([]byte{0x80, 0x24}, crypto.CompressPubkey(&r.key(t).PublicKey)...)
	case 4:
		return []byte("-----BEGIN PUBLIC KEY-----\n\"é\" & more")
	case 5:
		return r.bytes(r.IntN(70))
	}
	return r.bytes(32)
}

// endpoint is the value of a service.
func (r *random) endpoint() []byte {
	return []byte(pick(r, "https://registry.example/cards", "https://registry.example/cards", `{"nodes":["https://a.example","https://b.example"],"n":1}`, `["https://a.example",{"b":null}]`,
		`"https://quoted.example"`, "5", "1e3", "true", "null", "{", "མིང་", "\xff\xfe", "", " [1] ", `{"a":1,"a":2}`))
}

// did writes the identity's DID in one of the forms that a document may be asked for by.
func (r *random) did() string {
	id := r.me().Hex()
	switch r.IntN(3) {
	case 0:
		id = hexString(r.me().Bytes())
	case 1:
		id = hexString(crypto.CompressPubkey(&r.hands[0].key.PublicKey))
	}
	return "did:ethr:" + pick(r, r.w.registry.Name, "0x"+hexNumber(r.w.registry.ChainID)) + ":" + id
}

func hexString(b []byte) string { return "0x" + hex.EncodeToString(b) }

// with returns the ledger's network in another profile.
func (l *ledger) with(t testing.TB, p didethr.Profile) *didethr.Resolver {
	t.Helper()
	n := l.registry
	n.Profile = p
	r, err := didethr.New(didethr.Config{Networks: []didethr.Network{n}, Finality: "latest"})
	if err != nil {
		t.Fatal(err)
	}
	return r
}
