package anchor

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/khyer/khyer/did/didethr"
	"github.com/khyer/khyer/did/didethr/ethrtest"
	"github.com/khyer/khyer/did/pubkey"
)

func generated(t testing.TB) *KeySigner {
	t.Helper()
	s, err := Generate()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestOwnerSignsAndAnotherPays: an owner without ether signs every operation, on paper as it were, and somebody else carries them out.
func TestOwnerSignsAndAnotherPays(t *testing.T) {
	ctx := context.Background()
	chain := start(t, ethrtest.Options{})
	r := deploy(t, chain, config(chain))
	owner, heir, payer := generated(t), generated(t), person(t, chain, 0)
	id := owner.Address()
	keys := []pubkey.Key{signingKey(t), signingKey(t)}
	deadline := chain.Now().Add(time.Hour)
	carry := func(signer Signer, ops ...Op) {
		t.Helper()
		prepared, err := r.Prepare(ctx, id, deadline, ops...)
		if err != nil {
			t.Fatal(err)
		}
		var there, back []*MetaTx
		paper, err := json.Marshal(prepared)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(paper, &there); err != nil {
			t.Fatal(err)
		}
		for _, m := range there {
			if err := m.Sign(ctx, signer); err != nil {
				t.Fatal(err)
			}
		}
		if paper, err = json.Marshal(there); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(paper, &back); err != nil {
			t.Fatal(err)
		}
		receipts, err := r.Relay(ctx, payer, back...)
		if err != nil {
			t.Fatal(err)
		}
		for i, got := range receipts {
			if got.State != Mined {
				t.Errorf("operation %d is %q", i, got.State)
			}
		}
		_, err = r.Relay(ctx, payer, back[0])
		wants(t, err, Stale)
	}
	carry(owner, AddKey(keys[0], VeriKey, time.Hour), AddKey(keys[1], VeriKey, time.Hour), AddService("Site", "https://a.example", time.Hour),
		AddDelegate(heir.Address(), VeriKey, time.Hour))
	found := resolve(t, r, chain, r.DID(id))
	for _, k := range keys {
		if there, revoked := published(found, k); !there || !revoked.IsZero() {
			t.Error("a key is not published")
		}
	}
	if len(found.Document.Service) != 1 || len(found.Document.VerificationMethod) != 4 {
		t.Errorf("document %+v", found.Document)
	}
	carry(owner, ChangeOwner(heir.Address()), RevokeKey(keys[0], VeriKey), RevokeDelegate(heir.Address(), VeriKey), RevokeService("Site", "https://a.example"))
	if _, revoked := published(resolve(t, r, chain, r.DID(id)), keys[0]); revoked.IsZero() {
		t.Error("the key is not revoked")
	}
	carry(heir, Deactivate())
	if !resolve(t, r, chain, r.DID(id)).Deactivated {
		t.Error("the identity is not deactivated")
	}
}

// TestRelayAttacks: what a relayer, a thief or a stale paper can try.
func TestRelayAttacks(t *testing.T) {
	ctx := context.Background()
	chain := start(t, ethrtest.Options{})
	r := deploy(t, chain, config(chain))
	owner, thief, payer := generated(t), generated(t), person(t, chain, 0)
	deadline := chain.Now().Add(time.Hour)
	make1 := func(signer Signer, o Op) *MetaTx {
		t.Helper()
		m, err := r.Prepare(ctx, owner.Address(), deadline, o)
		if err != nil {
			t.Fatal(err)
		}
		if err := m[0].Sign(ctx, signer); err != nil {
			t.Fatal(err)
		}
		return m[0]
	}
	good := AddService("Site", "https://a.example", time.Hour)
	height := chain.Head().Number
	for name, tt := range map[string]struct {
		change func(*MetaTx)
		want   Reason
		revert string
	}{
		"another's key":      {func(m *MetaTx) { _ = m.Sign(ctx, thief) }, Reverted, "bad_actor"},
		"other operation":    {func(m *MetaTx) { m.Op = AddService("Site", "https://b.example", time.Hour) }, Reverted, "bad_actor"},
		"other identity":     {func(m *MetaTx) { m.Identity = thief.Address() }, Reverted, "bad_actor"},
		"later deadline":     {func(m *MetaTx) { m.Deadline = m.Deadline.Add(time.Hour) }, Reverted, "bad_actor"},
		"next number":        {func(m *MetaTx) { m.Nonce++ }, Stale, ""},
		"deadline passed":    {func(m *MetaTx) { m.Deadline = chain.Now().Add(-time.Second); _ = m.Sign(ctx, owner) }, Reverted, "expired"},
		"twin signature":     {func(m *MetaTx) { m.Signature = twinOf(m.Signature) }, Reverted, "bad_signature"},
		"short signature":    {func(m *MetaTx) { m.Signature = m.Signature[:64] }, Reverted, "bad_signature"},
		"no signature":       {func(m *MetaTx) { m.Signature = nil }, BadConfig, ""},
		"endless signature":  {func(m *MetaTx) { m.Signature = make([]byte, maxSignature+1) }, BadConfig, ""},
		"other chain":        {func(m *MetaTx) { m.ChainID = 1; _ = m.Sign(ctx, owner) }, BadConfig, ""},
		"other registry":     {func(m *MetaTx) { m.Registry[0] ^= 1; _ = m.Sign(ctx, owner) }, BadConfig, ""},
		"no deadline":        {func(m *MetaTx) { m.Deadline = time.Time{} }, BadConfig, ""},
		"no operation":       {func(m *MetaTx) { m.Op = Op{} }, BadConfig, ""},
		"a faulty operation": {func(m *MetaTx) { m.Op = AddService("Site", "7", time.Hour) }, BadConfig, ""},
	} {
		m := make1(owner, good)
		tt.change(m)
		out, err := r.Relay(ctx, payer, m)
		if e := wants(t, err, tt.want); e.Revert != tt.revert || out[0].State != Unsent {
			t.Errorf("%s: %v, %+v", name, e, out)
		}
	}
	if chain.Head().Number != height {
		t.Error("something was sent")
	}
	// A change of owner voids what the former owner signed.
	paper := make1(owner, good)
	if _, err := r.Fund(ctx, payer, owner.Address(), pocketMoney); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Identity(owner.Address(), owner).Apply(ctx, ChangeOwner(thief.Address())); err != nil {
		t.Fatal(err)
	}
	_, err := r.Relay(ctx, payer, paper)
	wants(t, err, Stale)
}

// TestLegacyRegistriesTakeNoSignedOperations: faults F5 and F6.
func TestLegacyRegistriesTakeNoSignedOperations(t *testing.T) {
	ctx := context.Background()
	chain := start(t, ethrtest.Options{})
	r := deploy(t, chain, config(chain))
	owner := person(t, chain, 0)
	m, err := r.Prepare(ctx, owner.Address(), chain.Now().Add(time.Hour), Deactivate())
	if err != nil {
		t.Fatal(err)
	}
	if err := m[0].Sign(ctx, owner); err != nil {
		t.Fatal(err)
	}
	foreign, marked := r.Network(), r.Network()
	foreign.CodeHash[0] ^= 1
	marked.Legacy = true
	for name, n := range map[string]didethr.Network{"other code": foreign, "marked": marked} {
		other := *r
		other.network = n
		if _, err := other.Prepare(ctx, owner.Address(), chain.Now().Add(time.Hour), Deactivate()); err == nil {
			t.Errorf("%s: an operation is prepared", name)
		} else {
			wants(t, err, LegacyRegistry)
		}
		_, err := other.Relay(ctx, owner, m...)
		wants(t, err, LegacyRegistry)
	}
}

func TestTypedDataIsReadStrictly(t *testing.T) {
	m := &MetaTx{ChainID: 1337, Registry: didethr.Address{1}, Identity: didethr.Address{2}, Op: SetAttribute("did/svc/Site", []byte("https://a.example"), time.Hour),
		Nonce: 3, Deadline: time.Unix(1_800_000_000, 0)}
	good, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	back := new(MetaTx)
	if err := json.Unmarshal(good, back); err != nil || back.Digest() != m.Digest() {
		t.Fatal(err)
	}
	if !strings.Contains(string(good), `"primaryType":"SetAttribute"`) || !strings.Contains(string(good), `"validity":"3600"`) {
		t.Errorf("%s", good)
	}
	for name, change := range map[string][2]string{
		"other type":        {`"type":"bytes32"`, `"type":"bytes31"`},
		"other order":       {`{"name":"nonce","type":"uint256"},{"name":"deadline","type":"uint256"}`, `{"name":"deadline","type":"uint256"},{"name":"nonce","type":"uint256"}`},
		"other operation":   {`"primaryType":"SetAttribute"`, `"primaryType":"RevokeAttribute"`},
		"unknown operation": {`"primaryType":"SetAttribute"`, `"primaryType":"Permit"`},
		"other name":        {`"EthereumDIDRegistry"`, `"EthereumDIDRegistry2"`},
		"other version":     {`"version":"1"`, `"version":"2"`},
		"a salt":            {`"version":"1"`, `"version":"1","salt":"0x00"`},
		"more to sign":      {`"nonce":"3"`, `"nonce":"3","note":"x"`},
		"less to sign":      {`"nonce":"3",`, ``},
		"twice":             {`"nonce":"3"`, `"nonce":"3","nonce":"4"`},
		"number in hex":     {`"nonce":"3"`, `"nonce":"0x3"`},
		"leading zero":      {`"nonce":"3"`, `"nonce":"03"`},
		"negative deadline": {`"deadline":"1800000000"`, `"deadline":"-1"`},
		"endless deadline":  {`"deadline":"1800000000"`, `"deadline":"18446744073709551615"`},
		"short address":     {`"identity":"0x02`, `"identity":"0x`},
		"odd value":         {`"value":"0x`, `"value":"0x0`},
		"no hex":            {`"value":"0x`, `"value":"`},
		"chain id as text":  {`"chainId":1337`, `"chainId":"1337"`},
		"a negative chain":  {`"chainId":1337`, `"chainId":-1`},
		"no chain":          {`"chainId":1337`, `"chainId":0`},
	} {
		text := strings.Replace(string(good), change[0], change[1], 1)
		if text == string(good) {
			t.Fatalf("%s: nothing to change in %s", name, good)
		}
		if err := new(MetaTx).UnmarshalJSON([]byte(text)); err == nil {
			t.Errorf("%s is accepted", name)
		} else {
			wants(t, err, BadConfig)
		}
	}
	if _, err := json.Marshal(&MetaTx{}); err == nil {
		t.Error("an empty operation has a JSON form")
	}
}

// FuzzMetaTx: typed data comes from strangers. What is read can be written and read again, and means the same.
func FuzzMetaTx(f *testing.F) {
	for _, o := range []Op{Deactivate(), AddDelegate(didethr.Address{3}, SigAuth, time.Hour), SetAttribute("did/svc/Site", []byte("https://a.example"), time.Hour)} {
		text, err := json.Marshal(&MetaTx{ChainID: 1, Registry: didethr.Address{1}, Op: o, Deadline: time.Unix(1_800_000_000, 0), Signature: []byte{1}})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		m := new(MetaTx)
		if m.UnmarshalJSON(text) != nil {
			return
		}
		again, err := m.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		back := new(MetaTx)
		if err := back.UnmarshalJSON(again); err != nil || back.Digest() != m.Digest() || string(back.calldata()) != string(m.calldata()) {
			t.Fatalf("%v: %s", err, again)
		}
	})
}
