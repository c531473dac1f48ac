package interop_test

import (
	"crypto/ecdh"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/khyer/khyer/did"
	"github.com/khyer/khyer/did/didethr"
	"github.com/khyer/khyer/did/didethr/anchor"
	"github.com/khyer/khyer/did/didethr/ethrtest"
	"github.com/khyer/khyer/did/pubkey"
)

const year = 365 * 24 * time.Hour

// histories are lives of issuers, written by our anchor package. Each returns the DID; the test then compares all its versions.
var histories = map[string]func(t *testing.T, l *ledger) did.DID{
	"never written": func(t *testing.T, l *ledger) did.DID { return l.open.DID(l.owner(t).Address()) },

	"address form: P-256 key added": func(t *testing.T, l *ledger) did.DID {
		owner := l.owner(t)
		id := l.open.Identity(owner.Address(), owner)
		block(t)(one(id.Apply(t.Context(), anchor.AddKey(newSigner(t).Public(), anchor.VeriKey, year))))
		return l.open.DID(id.Address())
	},

	"address form: keys of every algorithm, renewed and revoked": func(t *testing.T, l *ledger) did.DID {
		owner := l.owner(t)
		id := l.open.Identity(owner.Address(), owner)
		var keys []pubkey.Key
		for _, a := range []pubkey.Algorithm{pubkey.ES256, pubkey.ES384, pubkey.ES256K, pubkey.EdDSA} {
			s, err := pubkey.Generate(a)
			if err != nil {
				t.Fatal(err)
			}
			keys = append(keys, s.Public())
			block(t)(one(id.Apply(t.Context(), anchor.AddKey(s.Public(), anchor.VeriKey, year))))
		}
		block(t)(one(id.Apply(t.Context(), anchor.AddKey(keys[1], anchor.VeriKey, 2*year)))) // a renewed key gets another id
		block(t)(one(id.Apply(t.Context(), anchor.RevokeKey(keys[0], anchor.VeriKey))))
		block(t)(one(id.Apply(t.Context(), anchor.RevokeKey(keys[2], anchor.VeriKey))))
		block(t)(one(id.Apply(t.Context(), anchor.AddKey(keys[0], anchor.VeriKey, year)))) // revoked, and set again
		return l.open.DID(id.Address())
	},

	"address form: delegates, services, older kinds of keys, then deactivated": func(t *testing.T, l *ledger) did.DID {
		owner, delegate, other := l.owner(t), l.owner(t), l.owner(t)
		id := l.open.Identity(owner.Address(), owner)
		ctx := t.Context()
		set := func(name string, value []byte) { block(t)(one(id.Apply(ctx, anchor.SetAttribute(name, value, year)))) }
		block(t)(one(id.Apply(ctx, anchor.AddDelegate(delegate.Address(), anchor.VeriKey, year))))
		block(t)(one(id.Apply(ctx, anchor.AddDelegate(delegate.Address(), anchor.SigAuth, year))))
		block(t)(one(id.Apply(ctx, anchor.AddDelegate(delegate.Address(), "unknownKind", year)))) // not listed, and counted
		set("did/svc/IssuerPage", []byte("https://registry.example/cards"))
		set("did/svc/Hub", []byte(`{"nodes":["https://a.example","https://b.example"]}`))
		compressed := other.PublicKey() // not the delegate's: ours would refuse it once the delegate is revoked
		set("did/pub/Secp256k1/veriKey", compressed[:])
		set("did/pub/Secp256k1/sigAuth/hex", compressed[:])
		set("did/pub/Ed25519/veriKey/base64", ed25519Key(t))
		set("did/pub/X25519/enc/base64", x25519Key(t))
		set("did/note", []byte("no DID data"))
		block(t)(one(id.Apply(ctx, anchor.RevokeDelegate(delegate.Address(), anchor.VeriKey))))
		block(t)(one(id.Apply(ctx, anchor.RevokeAttribute("did/svc/IssuerPage", []byte("https://registry.example/cards")))))
		block(t)(one(id.Apply(ctx, anchor.AddDelegate(delegate.Address(), anchor.VeriKey, year))))
		block(t)(one(id.Apply(ctx, anchor.Deactivate())))
		return l.open.DID(id.Address())
	},

	"key form: key added, revoked, handed over and deactivated": func(t *testing.T, l *ledger) did.DID {
		owner, heir := l.owner(t), l.owner(t)
		name, address, err := l.open.KeyDID(owner.PublicKey())
		if err != nil {
			t.Fatal(err)
		}
		id := l.open.Identity(address, owner)
		first, second := newSigner(t).Public(), newSigner(t).Public()
		block(t)(one(id.Apply(t.Context(), anchor.AddKey(first, anchor.VeriKey, year))))
		block(t)(one(id.Apply(t.Context(), anchor.AddKey(second, anchor.VeriKey, year))))
		block(t)(one(id.Apply(t.Context(), anchor.RevokeKey(first, anchor.VeriKey))))
		block(t)(one(id.Apply(t.Context(), anchor.ChangeOwner(heir.Address())))) // #controllerKey goes
		id = l.open.Identity(address, heir)
		block(t)(one(id.Apply(t.Context(), anchor.AddKey(first, anchor.VeriKey, year))))
		block(t)(one(id.Apply(t.Context(), anchor.ChangeOwner(owner.Address())))) // and comes back
		block(t)(one(l.open.Identity(address, owner).Apply(t.Context(), anchor.Deactivate())))
		return name
	},
}

// TestHistoriesOnOurChain and TestHistoriesOnAnvil write each history and let both sides resolve it: now, and at every block.
func TestHistoriesOnOurChain(t *testing.T) {
	startPeer(t)
	everyHistory(t, openEthrtest(t, ethrtest.Options{}))
}

func TestHistoriesOnAnvil(t *testing.T) {
	startPeer(t)
	everyHistory(t, openSteadyAnvil(t))
}

func everyHistory(t *testing.T, l *ledger) {
	l.deploy(t)
	for name, write := range histories {
		t.Run(name, func(t *testing.T) {
			from := l.head(t)
			id := write(t, l).String()
			now := l.agree(t, id, 0)
			for at := max(from, 1); at <= l.head(t); at++ {
				l.agree(t, id, at)
			}
			if ends := strings.HasSuffix(name, "deactivated"); now.Deactivated != ends {
				t.Errorf("deactivated is %v", now.Deactivated)
			}
			byChain := strings.Replace(id, ":interop:", ":0x"+hexNumber(l.registry.ChainID)+":", 1)
			if byChain == id {
				t.Fatal("the DID does not name its network")
			}
			l.agree(t, byChain, 0) // the same identity, named by the chain's number
		})
	}
}

// TestFinalizedAnchor: what anchor's Final calls final is what the peer reads, and what our resolver reads by default.
func TestFinalizedAnchor(t *testing.T) {
	startPeer(t)
	for name, open := range map[string]func(testing.TB) *ledger{
		"our chain": func(t testing.TB) *ledger { return openEthrtest(t, ethrtest.Options{}) },
		"anvil":     openAnvil,
	} {
		t.Run(name, func(t *testing.T) {
			l := open(t)
			ctx := bounded(t, 2*time.Minute)
			owner := l.owner(t)
			registry, _, err := anchor.Deploy(ctx, anchor.Config{Network: l.registry}, owner)
			if err != nil {
				t.Fatal(err)
			}
			l.use(t, registry)
			id, signing := registry.Identity(owner.Address(), owner), newSigner(t)
			receipt, err := one(id.Apply(ctx, anchor.AddKey(signing.Public(), anchor.VeriKey, year)))
			if err != nil {
				t.Fatal(err)
			}
			byDefault, err := didethr.New(didethr.Config{Networks: []didethr.Network{registry.Network()}})
			if err != nil {
				t.Fatal(err)
			}
			if r, err := byDefault.Resolve(ctx, registry.DID(id.Address()), did.At{}); err == nil && hasKey(r, signing.Public()) {
				t.Error("a key is believed before its block is final")
			}
			if l.chain != nil {
				err = l.chain.Finalize()
			} else {
				l.call(t, nil, "anvil_mine", "0x60")
			}
			if err != nil {
				t.Fatal(err)
			}
			final, err := registry.Final(ctx, receipt)
			if err != nil || final.BlockHash != receipt.BlockHash {
				t.Fatalf("not final: %v", err)
			}
			r, err := byDefault.Resolve(ctx, registry.DID(id.Address()), did.At{})
			if err != nil {
				t.Fatal(err)
			}
			if !hasKey(r, signing.Public()) || r.Anchor.Tag != "finalized" || r.Anchor.Block < final.Block {
				t.Errorf("the key is not there at %s block %d", r.Anchor.Tag, r.Anchor.Block)
			}
			doc := l.agree(t, registry.DID(id.Address()).String(), 0)
			if want := l.raw("Multikey", signing.Public()); doc.Methods["delegate-1"].Key != want {
				t.Error("the peer reads another key")
			}
		})
	}
}

func hasKey(r *did.Resolution, k pubkey.Key) bool {
	for i := range r.Keys {
		if r.Keys[i].Public.Equal(k) {
			return true
		}
	}
	return false
}

// The differences from ethr-did-resolver 11.1.3 that are known, each by the name that the notes on did:ethr give it. A test fails when
// the difference is gone, so that it is noticed.

// TestDifferenceMultikeyAsHex: version 11 writes a Multikey's value, multicodec included, as publicKeyHex. Its type and context ask for
// publicKeyMultibase, which ours writes. #controllerKey is publicKeyHex there and publicKeyJwk here.
func TestDifferenceMultikeyAsHex(t *testing.T) {
	startPeer(t)
	l := openEthrtest(t, ethrtest.Options{})
	l.deploy(t)
	owner, signing := l.owner(t), newSigner(t)
	name, address, err := l.open.KeyDID(owner.PublicKey())
	if err != nil {
		t.Fatal(err)
	}
	block(t)(one(l.open.Identity(address, owner).Apply(t.Context(), anchor.AddKey(signing.Public(), anchor.VeriKey, year))))
	multikey, _ := signing.Public().Multikey()
	compressed := owner.PublicKey()

	theirs, ours := l.written(t, name.String())
	m := theirs["delegate-1"]
	if m.Type != "Multikey" || m.PublicKeyMultibase != "" || m.PublicKeyHex != l.raw("Multikey", signing.Public()) || !strings.HasPrefix(m.PublicKeyHex, "8024") {
		t.Errorf("the peer no longer writes a Multikey as hex: %+v", m)
	}
	if m = theirs["controllerKey"]; m.PublicKeyHex != hex.EncodeToString(compressed[:]) {
		t.Errorf("the peer no longer writes #controllerKey as hex: %+v", m)
	}
	if m = ours["delegate-1"]; m.Type != "Multikey" || m.PublicKeyMultibase != multikey {
		t.Errorf("ours does not write a Multikey: %+v", m)
	}
	if m = ours["controllerKey"]; m.PublicKeyJwk == nil || m.PublicKeyHex != "" {
		t.Errorf("ours does not write #controllerKey as a JWK: %+v", m)
	}
}

// TestDifferenceEQ: at the very second in which its validity ends, version 11 still lists a key. Ours does not: validTo is when it ends.
func TestDifferenceEQ(t *testing.T) {
	startPeer(t)
	l := openEthrtest(t, ethrtest.Options{})
	l.deploy(t)
	owner := l.owner(t)
	id := l.open.Identity(owner.Address(), owner)
	name := l.open.DID(id.Address()).String()
	added := block(t)(one(id.Apply(t.Context(), anchor.AddKey(newSigner(t).Public(), anchor.VeriKey, time.Hour))))
	ends := l.chain.Now().Add(time.Hour)
	before := l.at(t, ends.Add(-time.Second))
	equal := l.at(t, ends)
	after := l.at(t, ends.Add(time.Second))
	for _, at := range []uint64{added, before, after} {
		l.agree(t, name, at)
	}
	if theirs := l.theirs(t, name, equal); theirs.Methods["delegate-1"].Key == "" {
		t.Error("the peer no longer lists the key in the last second")
	}
	if ours, _ := l.ours(t, name, equal); ours.Methods["delegate-1"].Key != "" {
		t.Error("ours lists the key in the last second")
	}
	if theirs := l.theirs(t, name, before); theirs.Methods["delegate-1"].Key == "" {
		t.Error("the key was never there")
	}
}

// at makes a block at a time.
func (l *ledger) at(t testing.TB, when time.Time) uint64 {
	t.Helper()
	l.chain.SetTime(when)
	if err := l.chain.Mine(1); err != nil {
		t.Fatal(err)
	}
	if !l.chain.Head().Time.Equal(when) {
		t.Fatalf("the block is at %v, not %v", l.chain.Head().Time, when)
	}
	return l.chain.Head().Number
}

// TestDifferenceN1: in version 11 a revoked key for key agreement leaves its reference behind.
func TestDifferenceN1(t *testing.T) {
	startPeer(t)
	l := openEthrtest(t, ethrtest.Options{})
	l.deploy(t)
	owner := l.owner(t)
	id := l.open.Identity(owner.Address(), owner)
	name := l.open.DID(id.Address()).String()
	value := x25519Key(t)
	block(t)(one(id.Apply(t.Context(), anchor.SetAttribute("did/pub/X25519/enc", value, year))))
	doc := l.agree(t, name, 0)
	if m := doc.Methods["delegate-1"]; m.Kind != "X25519" || m.Key != hex.EncodeToString(value) || !reflect.DeepEqual(m.Purposes, []string{"keyAgreement"}) {
		t.Errorf("the key is %+v", m)
	}
	block(t)(one(id.Apply(t.Context(), anchor.RevokeAttribute("did/pub/X25519/enc", value))))
	theirs, ours := l.theirs(t, name, 0, "delegate-1"), first(l.ours(t, name, 0))
	if !reflect.DeepEqual(theirs, ours) {
		t.Errorf("they differ in more than the reference:\nours %+v\npeer %+v", ours, theirs)
	}
	if _, dangles := l.relationships(t, name)["keyAgreement"]; !dangles {
		t.Error("the peer no longer leaves the reference behind")
	}
}

// TestDifferenceR: a renewed key gets another id on both sides; ours keeps the first one as an alias, so that cards that name it verify.
func TestDifferenceR(t *testing.T) {
	startPeer(t)
	l := openEthrtest(t, ethrtest.Options{})
	l.deploy(t)
	owner, signing := l.owner(t), newSigner(t)
	id := l.open.Identity(owner.Address(), owner)
	name := l.open.DID(id.Address()).String()
	block(t)(one(id.Apply(t.Context(), anchor.AddKey(signing.Public(), anchor.VeriKey, time.Hour))))
	block(t)(one(id.Apply(t.Context(), anchor.AddKey(signing.Public(), anchor.VeriKey, year))))
	doc := l.agree(t, name, 0)
	if doc.Methods["delegate-2"].Key == "" || doc.Methods["delegate-1"].Key != "" {
		t.Errorf("the document lists %v", doc.Order)
	}
	_, r := l.ours(t, name, 0)
	if k, err := r.Key("#delegate-1", did.AssertionMethod, time.Time{}); err != nil || !k.Public.Equal(signing.Public()) {
		t.Errorf("the first id no longer names the key: %v", err)
	}
}

// TestDifferenceF9: version 11 reads a malformed DID or version as something else. Ours refuses it.
func TestDifferenceF9(t *testing.T) {
	p := startPeer(t)
	l := openEthrtest(t, ethrtest.Options{})
	l.deploy(t)
	name := l.open.DID(l.owner(t).Address()).String()
	for _, query := range []string{"versionId=abc", "versionId=1x"} {
		var r resolved
		p.must(t, &r, "resolve", l.question(name+"?"+query))
		if r.DIDResolutionMetadata.Error != "" || r.DIDDocument == nil {
			t.Errorf("the peer now refuses %s: %s", query, r.DIDResolutionMetadata.Error)
		}
		if _, err := (did.URL{Query: query}).At(); !errors.Is(err, did.NotFound) {
			t.Errorf("%s: ours says %v, want %s", query, err, did.NotFound)
		}
	}
	odd := strings.Replace(name, "interop:0x", "interopZ0x", 1)
	parsed, err := did.Parse(odd)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.resolver.Resolve(t.Context(), parsed, did.At{}); !errors.Is(err, did.InvalidDID) {
		t.Errorf("ours says %v of %s, want %s", err, odd, did.InvalidDID)
	}
	var r resolved
	p.must(t, &r, "resolve", l.question(odd))
	if r.DIDResolutionMetadata.Error != "" {
		t.Errorf("the peer now refuses any character before 0x: %s", r.DIDResolutionMetadata.Error)
	}
}

// TestUnknownNetwork: both sides say so, and neither falls back to another chain.
func TestUnknownNetwork(t *testing.T) {
	p := startPeer(t)
	l := openEthrtest(t, ethrtest.Options{})
	l.deploy(t)
	id, err := did.Parse("did:ethr:nowhere:" + l.owner(t).Address().String())
	if err != nil {
		t.Fatal(err)
	}
	var r resolved
	p.must(t, &r, "resolve", l.question(id.String()))
	if r.DIDResolutionMetadata.Error != "unknownNetwork" {
		t.Errorf("the peer says %q", r.DIDResolutionMetadata.Error)
	}
	if _, err := l.resolver.Resolve(t.Context(), id, did.At{}); !errors.Is(err, did.UnknownNetwork) {
		t.Errorf("ours says %v, want %s", err, did.UnknownNetwork)
	}
}

func first[A, B any](a A, _ B) A { return a }

func x25519Key(t testing.TB) []byte {
	t.Helper()
	k, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k.PublicKey().Bytes()
}

func ed25519Key(t testing.TB) []byte {
	t.Helper()
	s, err := pubkey.Generate(pubkey.EdDSA)
	if err != nil {
		t.Fatal(err)
	}
	return s.Public().Bytes()
}

// one is for the tests that apply one operation at a time.
func one(got []anchor.Receipt, err error) (anchor.Receipt, error) { return got[0], err }
