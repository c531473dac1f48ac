package anchor

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/khyer/khyer/did"
	"github.com/khyer/khyer/did/didethr"
	"github.com/khyer/khyer/did/didethr/ethrtest"
	"github.com/khyer/khyer/did/pubkey"
)

func keyOf(t testing.TB, a pubkey.Algorithm) pubkey.Key {
	t.Helper()
	s, err := pubkey.Generate(a)
	if err != nil {
		t.Fatal(err)
	}
	return s.Public()
}

// x25519 is the public key of RFC 7748 section 6.1 (Bob's).
func x25519(t testing.TB) pubkey.Key {
	t.Helper()
	k, err := pubkey.ParseJWK([]byte(`{"kty":"OKP","crv":"X25519","x":"3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx-FG-IK08"}`))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// TestApply creates an identity, as an issuer would: keys of each kind, a service, a delegate, all at once.
func TestApply(t *testing.T) {
	ctx := context.Background()
	chain := start(t, ethrtest.Options{})
	r := deploy(t, chain, config(chain))
	owner, deputy := person(t, chain, 0), person(t, chain, 1)
	i := r.Identity(owner.Address(), owner)
	p256, k256, ed, x := keyOf(t, pubkey.ES256), keyOf(t, pubkey.ES256K), keyOf(t, pubkey.EdDSA), x25519(t)
	created, err := i.Apply(ctx,
		AddKey(p256, VeriKey, time.Hour), AddKey(k256, VeriKey, time.Hour), AddKey(ed, SigAuth, time.Hour), AddKey(x, Enc, time.Hour),
		AddService("Cards", `{"uri":"https://a.example","accept":["x"]}`, time.Hour), AddDelegate(deputy.Address(), SigAuth, time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	for n, c := range created {
		if c.State != Mined || c.Block == 0 || n > 0 && c.Block <= created[n-1].Block {
			t.Errorf("operation %d: %+v", n, c)
		}
	}
	found := resolve(t, r, chain, r.DID(owner.Address()))
	want := map[string]string{p256.Thumbprint(): "assertionMethod", k256.Thumbprint(): "assertionMethod", ed.Thumbprint(): "authentication assertionMethod",
		x.Thumbprint(): "keyAgreement"}
	for _, k := range found.Keys {
		if p, ok := want[k.Public.Thumbprint()]; ok && p == strings.Trim(fmt.Sprint(k.Purposes), "[]") {
			delete(want, k.Public.Thumbprint())
		}
	}
	if len(want) != 0 || len(found.Document.Service) != 1 {
		t.Errorf("not as added: %v, %+v", want, found.Document.Service)
	}
	_, err = i.Apply(ctx, AddKey(p256, Enc, time.Hour), RevokeKey(p256, VeriKey), RevokeKey(x, Enc), RevokeService("Cards", `{"uri":"https://a.example","accept":["x"]}`),
		RevokeDelegate(deputy.Address(), SigAuth))
	if err != nil {
		t.Fatal(err)
	}
	found = resolve(t, r, chain, r.DID(owner.Address()))
	if there, revoked := published(found, p256); !there || revoked.IsZero() {
		t.Error("the key to sign with is not revoked")
	}
	if d := found.Document; len(d.Service) != 0 || len(d.Relationships[did.KeyAgreement]) != 1 {
		t.Errorf("%+v", d)
	}
}

// TestOrderOfOperations: revocations go first, retirements and handovers last, and what is about the same entry is refused.
func TestOrderOfOperations(t *testing.T) {
	a, b, c := signingKey(t), signingKey(t), signingKey(t)
	year := 365 * 24 * time.Hour
	stages, err := plan([]Op{Deactivate(), RetireKey(a, VeriKey, time.Hour), AddKey(b, VeriKey, year), RevokeKey(c, VeriKey), AddService("S", "https://s.example", year)})
	if err != nil || !slices.EqualFunc(stages, [][]int{{3, 2, 4}, {1}, {0}}, slices.Equal) {
		t.Error(stages, err)
	}
	stages, err = plan([]Op{RetireKey(a, VeriKey, time.Hour), RetireKey(b, VeriKey, time.Hour)})
	if err != nil || len(stages) != 1 {
		t.Error(stages, err)
	}
	for name, ops := range map[string][]Op{
		"none":                   {},
		"an empty one":           {{}},
		"too many":               slices.Repeat([]Op{Deactivate()}, maxOps+1),
		"added and revoked":      {AddKey(a, VeriKey, year), RevokeKey(a, VeriKey)},
		"revoked and added":      {RevokeKey(a, VeriKey), AddKey(a, VeriKey, year)},
		"added twice":            {AddKey(a, VeriKey, year), AddKey(a, VeriKey, time.Hour)},
		"two ends":               {ChangeOwner(didethr.Address{1}), Deactivate()},
		"one name for two":       {AddKey(a, VeriKey, year).Once("x"), AddKey(b, VeriKey, year).Once("x")},
		"an empty name":          {AddKey(a, VeriKey, year).Once("")},
		"a long name":            {AddKey(a, VeriKey, year).Once(strings.Repeat("n", 129))},
		"no such use":            {AddKey(a, "sign", year)},
		"a service without type": {AddService("", "https://s.example", year)},
		"a type of two words":    {AddService("a b", "https://s.example", year)},
		"a type with a slash":    {AddService("a/b", "https://s.example", year)},
		"a type too long":        {AddService(strings.Repeat("n", 25), "https://s.example", year)},
		"endpoint true":          {AddService("S", "true", year)},
		"endpoint number":        {AddService("S", "7", year)},
		"endpoint null":          {AddService("S", "null", year)},
		"endpoint text":          {AddService("S", `"https://s.example"`, year)},
		"endpoint half JSON":     {AddService("S", `{"uri":`, year)},
		"endpoint relative":      {AddService("S", "/cards", year)},
		"endpoint empty":         {AddService("S", "", year)},
		"value too large":        {SetAttribute("did/svc/S", make([]byte, maxValue+1), year)},
		"no delegate":            {AddDelegate(didethr.Address{}, VeriKey, year)},
		"a negative validity":    {AddKey(a, VeriKey, -time.Hour)},
	} {
		_, err := plan(ops)
		if err == nil {
			t.Errorf("%s is accepted", name)
			continue
		}
		wants(t, err, BadConfig)
	}
	for name, o := range map[string]Op{
		"agreement key that signs":   AddKey(x25519(t), VeriKey, year),
		"signing key that agrees":    AddKey(keyOf(t, pubkey.EdDSA), Enc, year),
		"an address":                 AddKey(pubkey.FromAddress([20]byte{1}), VeriKey, year),
		"no key":                     RevokeKey(pubkey.Key{}, VeriKey),
		"a key rotated into itself":  Rotate(a, a, VeriKey, year)[1],
		"a key that was never there": RetireKey(pubkey.Key{}, VeriKey, time.Hour),
	} {
		_, err := plan([]Op{o})
		if err == nil {
			t.Errorf("%s is accepted", name)
			continue
		}
		wants(t, err, BadKey)
	}
}

// TestRotation: the old key lapses, and cards that it signed before stay good; a revoked key cannot be retired back to life.
func TestRotation(t *testing.T) {
	ctx := context.Background()
	chain := start(t, ethrtest.Options{})
	r := deploy(t, chain, config(chain))
	owner := person(t, chain, 0)
	i := r.Identity(owner.Address(), owner)
	old, next, third := signingKey(t), signingKey(t), signingKey(t)
	year := 365 * 24 * time.Hour
	if _, err := i.Apply(ctx, AddKey(old, VeriKey, year)); err != nil {
		t.Fatal(err)
	}
	signed := chain.Now()
	receipts, err := i.Apply(ctx, Rotate(old, next, VeriKey, year)...)
	if err != nil || receipts[1].Block <= receipts[0].Block {
		t.Fatal(receipts, err)
	}
	chain.Advance(time.Minute)
	if err := chain.Mine(1); err != nil {
		t.Fatal(err)
	}
	found := resolve(t, r, chain, r.DID(owner.Address()))
	id := r.DID(owner.Address()).String()
	if k, err := found.Key(id+"#"+old.Thumbprint(), did.AssertionMethod, signed); err != nil || !k.Public.Equal(old) || !k.Revoked.IsZero() || !k.Until.Before(chain.Now()) {
		t.Errorf("the retired key: %v, %+v", err, k)
	}
	if _, err := found.Key(id+"#"+next.Thumbprint(), did.AssertionMethod, chain.Now()); err != nil {
		t.Error("the new key:", err)
	}
	height := chain.Head().Number
	for name, o := range map[string]Op{
		"retired already": RetireKey(old, VeriKey, time.Second),
		"never published": RetireKey(third, VeriKey, time.Second),
		"for another use": RetireKey(next, SigAuth, time.Second),
		"later than ends": RetireKey(next, VeriKey, 2*year),
	} {
		_, err := i.Apply(ctx, o)
		if err == nil {
			t.Errorf("%s: retired", name)
			continue
		}
		wants(t, err, BadKey)
	}
	if chain.Head().Number != height {
		t.Error("something was sent")
	}
	// Compromise: the old one is revoked, and only then the new one comes.
	receipts, err = i.Apply(ctx, AddKey(third, VeriKey, year), RevokeKey(next, VeriKey))
	if err != nil || receipts[1].Block >= receipts[0].Block {
		t.Fatal(receipts, err)
	}
	_, err = i.Apply(ctx, RetireKey(next, VeriKey, time.Second))
	wants(t, err, BadKey)
}

// TestRotationFailsInTheMiddle: a node that estimates too little gas makes the new key's transaction run dry on the chain. The old key must
// not be retired then.
func TestRotationFailsInTheMiddle(t *testing.T) {
	ctx := context.Background()
	chain := start(t, ethrtest.Options{})
	r := deploy(t, chain, config(chain))
	owner := person(t, chain, 0)
	i := r.Identity(owner.Address(), owner)
	old, next := signingKey(t), signingKey(t)
	if _, err := i.Apply(ctx, AddKey(old, VeriKey, time.Hour)); err != nil {
		t.Fatal(err)
	}
	lie(chain, "eth_estimateGas", func(json.RawMessage) (json.RawMessage, bool) { return json.RawMessage(`"0x3320"`), true })
	receipts, err := i.Apply(ctx, Rotate(old, next, VeriKey, time.Hour)...)
	wants(t, err, Reverted)
	if receipts[0].State != Failed || receipts[1].State != Unsent {
		t.Errorf("%+v", receipts)
	}
	chain.Interfere(nil)
	for _, k := range resolve(t, r, chain, r.DID(owner.Address())).Keys {
		if k.Public.Equal(old) && !k.Until.After(chain.Now().Add(time.Minute)) {
			t.Error("the old key was retired although the new one is not there")
		}
	}
}

// TestFailureInTheMiddle: of five operations the third is refused by the node. What was sent is done and said to be, the rest is not sent.
func TestFailureInTheMiddle(t *testing.T) {
	ctx := context.Background()
	chain := start(t, ethrtest.Options{})
	r := deploy(t, chain, config(chain))
	owner := person(t, chain, 0)
	i := r.Identity(owner.Address(), owner)
	var ops []Op
	for n := range 5 {
		ops = append(ops, AddService(fmt.Sprintf("S%d", n), "https://s.example", time.Hour))
	}
	sent := 0
	chain.Interfere(func(request, answer []byte) []byte {
		if bytes.Contains(request, []byte("eth_sendRawTransaction")) {
			if sent++; sent > 2 {
				return refusal(request, "txpool is full")
			}
		}
		return answer
	})
	// The node refuses the third in words only; a lying one could still send it. Here the honest node below has it, so look first.
	receipts, err := i.Apply(ctx, ops...)
	if e := wants(t, err, NodeRefused); e.Tx == ([32]byte{}) {
		t.Error("the error does not name the refused transaction")
	}
	want := []State{Mined, Mined, Unsent, Unsent, Unsent}
	for n, got := range receipts {
		if got.State != want[n] {
			t.Errorf("operation %d is %q, want %q", n, got.State, want[n])
		}
	}
	if sent != 3 {
		t.Errorf("%d were handed in", sent)
	}
	chain.Interfere(nil)
	if _, err := i.Apply(ctx, ops[3:]...); err != nil {
		t.Fatal("after the refusal:", err)
	}
}

// TestNothingIsSentBeforeAllIsChecked: the last of three operations cannot succeed.
func TestNothingIsSentBeforeAllIsChecked(t *testing.T) {
	ctx := context.Background()
	chain := start(t, ethrtest.Options{})
	r := deploy(t, chain, config(chain))
	owner := person(t, chain, 0)
	height := chain.Head().Number
	stranger := r.Identity(person(t, chain, 1).Address(), owner)
	receipts, err := stranger.Apply(ctx, AddKey(signingKey(t), VeriKey, time.Hour), RevokeKey(signingKey(t), VeriKey), Deactivate())
	if e := wants(t, err, Reverted); e.Revert != "bad_actor" {
		t.Error(e)
	}
	_, err = r.Identity(owner.Address(), owner).Apply(ctx, AddKey(signingKey(t), VeriKey, time.Hour), RetireKey(signingKey(t), VeriKey, time.Hour))
	wants(t, err, BadKey)
	broken := changed{owner, func(s *[65]byte) error { s[40] ^= 1; return nil }}
	_, err = r.Identity(owner.Address(), broken).Apply(ctx, AddKey(signingKey(t), VeriKey, time.Hour), RevokeService("S", "https://s.example").Unchecked())
	wants(t, err, BadSignature)
	for _, got := range receipts {
		if got.State != Unsent {
			t.Errorf("%+v", got)
		}
	}
	// The second one would wait for the first; it is asked about before the first is sent.
	estimates := 0
	lie(chain, "eth_estimateGas", func(result json.RawMessage) (json.RawMessage, bool) {
		if estimates++; estimates == 2 {
			return json.RawMessage(`{"code":3,"message":"execution reverted: deactivated"}`), false
		}
		return result, true
	})
	_, err = r.Identity(owner.Address(), owner).Apply(ctx, AddKey(signingKey(t), VeriKey, time.Hour), Deactivate())
	if e := wants(t, err, Reverted); e.Revert != "deactivated" {
		t.Error(e)
	}
	if chain.Head().Number != height {
		t.Error("something was sent")
	}
}

// refusal answers each call of a request with an error.
func refusal(request []byte, message string) []byte {
	var calls []struct{ ID uint64 }
	if json.Unmarshal(request, &calls) != nil {
		return nil
	}
	var out []map[string]any
	for _, c := range calls {
		out = append(out, map[string]any{"jsonrpc": "2.0", "id": c.ID, "error": map[string]any{"code": -32000, "message": message}})
	}
	b, _ := json.Marshal(out)
	return b
}
