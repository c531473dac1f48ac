package didethr_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/khyer/khyer/did"
	"github.com/khyer/khyer/did/didethr"
	"github.com/khyer/khyer/did/didethr/anchor"
	"github.com/khyer/khyer/did/didethr/ethrtest"
	"github.com/khyer/khyer/did/pubkey"
)

// world is a real chain with a real registry, an identity in public-key form, and a resolver that reads latest blocks.
type world struct {
	t        *testing.T
	chain    *ethrtest.Chain
	registry *anchor.Registry
	owner    *anchor.KeySigner
	identity *anchor.Identity
	id       did.DID
	resolver *didethr.Resolver
}

func newWorld(t *testing.T, o ethrtest.Options) *world {
	t.Helper()
	w := &world{t: t}
	var err error
	if w.chain, err = ethrtest.New(o); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.chain.Close() })
	key := w.chain.Accounts()[0].Key
	if w.owner, err = anchor.NewSigner(key[:]); err != nil {
		t.Fatal(err)
	}
	network := didethr.Network{Name: "test", ChainID: w.chain.ChainID(), RPC: []string{w.chain.URL()}}
	if w.registry, _, err = anchor.Deploy(t.Context(), anchor.Config{Network: network}, w.owner); err != nil {
		t.Fatal(err)
	}
	var address didethr.Address
	if w.id, address, err = w.registry.KeyDID(w.owner.PublicKey()); err != nil {
		t.Fatal(err)
	}
	w.identity = w.registry.Identity(address, w.owner)
	w.resolver = w.reader("latest", nil)
	return w
}

func (w *world) reader(finality string, change func(*didethr.Network)) *didethr.Resolver {
	w.t.Helper()
	n := w.registry.Network()
	if change != nil {
		change(&n)
	}
	r, err := didethr.New(didethr.Config{Networks: []didethr.Network{n}, Finality: finality, Now: w.chain.Now})
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

// done fails the test if a mutation failed.
func (w *world) done(_ anchor.Receipt, err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// fragments resolves and gives the fragments of the document's methods and services.
func (w *world) fragments() (*did.Resolution, string) {
	w.t.Helper()
	r, err := w.resolver.Resolve(w.t.Context(), w.id, did.At{})
	if err != nil {
		w.t.Fatal(err)
	}
	var out []string
	cut := func(id string) { _, f, _ := strings.Cut(id, "#"); out = append(out, f) }
	for _, m := range r.Document.VerificationMethod {
		cut(m.ID)
	}
	for _, s := range r.Document.Service {
		cut(s.ID)
	}
	return r, strings.Join(out, " ")
}

func (w *world) expect(want string) *did.Resolution {
	w.t.Helper()
	r, got := w.fragments()
	if got != want {
		w.t.Errorf("the document has %q, want %q", got, want)
	}
	if head := w.chain.Head(); r.Anchor.Block != head.Number || r.Anchor.Hash != head.Hash || r.Anchor.Tag != "latest" {
		w.t.Errorf("read at %+v, the head is %d", r.Anchor, head.Number)
	}
	return r
}

func generate(t *testing.T) pubkey.Key {
	t.Helper()
	s, err := pubkey.Generate(pubkey.ES256)
	if err != nil {
		t.Fatal(err)
	}
	return s.Public()
}

// TestEveryMutationOnARealChain resolves after each change that the registry knows.
func TestEveryMutationOnARealChain(t *testing.T) {
	w := newWorld(t, ethrtest.Options{})
	ctx, k := t.Context(), generate(t)
	const year = 365 * 24 * time.Hour

	w.expect("controller controllerKey")
	w.done(one(w.identity.Apply(ctx, anchor.AddKey(k, anchor.VeriKey, year))))
	added := w.chain.Head()
	r := w.expect("controller controllerKey delegate-1")
	found, err := r.Key("#"+k.Thumbprint(), did.AssertionMethod, time.Time{})
	if err != nil || !found.Public.Equal(k) || !found.From.Equal(added.Time) || found.Class != "" {
		t.Errorf("%+v, %v", found, err)
	}

	w.done(one(w.identity.Apply(ctx, anchor.AddKey(k, anchor.VeriKey, 2*year)))) // renewed
	r = w.expect("controller controllerKey delegate-2")
	if _, err := r.Key("#delegate-1", did.AssertionMethod, added.Time); err != nil {
		t.Errorf("the id from before the renewal: %v", err)
	}

	w.done(one(w.identity.Apply(ctx, anchor.SetAttribute("did/svc/Registry", []byte("https://registry.example"), year))))
	party := didethr.Address(w.chain.Accounts()[2].Address)
	w.done(one(w.identity.Apply(ctx, anchor.AddDelegate(party, anchor.SigAuth, year))))
	w.expect("controller controllerKey delegate-2 delegate-3 service-1")

	brief := generate(t)
	w.done(one(w.identity.Apply(ctx, anchor.AddKey(brief, anchor.VeriKey, 10*time.Second))))
	w.expect("controller controllerKey delegate-2 delegate-3 delegate-4 service-1")
	w.chain.Advance(time.Minute)
	if err := w.chain.Mine(1); err != nil {
		t.Fatal(err)
	}
	r = w.expect("controller controllerKey delegate-2 delegate-3 service-1")
	if _, err := r.Key("#delegate-4", did.AssertionMethod, time.Time{}); !errors.Is(err, did.KeyLapsed) {
		t.Errorf("a key that has ended: %v", err)
	}

	before := w.chain.Head()
	w.done(one(w.identity.Apply(ctx, anchor.RevokeKey(k, anchor.VeriKey))))
	r = w.expect("controller controllerKey delegate-3 service-1")
	for _, name := range []string{"#delegate-1", "#delegate-2", "#" + k.Thumbprint()} {
		if _, err := r.Key(name, did.AssertionMethod, added.Time); !errors.Is(err, did.KeyRevoked) {
			t.Errorf("%s after the revocation: %v", name, err)
		}
	}
	w.done(one(w.identity.Apply(ctx, anchor.RevokeDelegate(party, anchor.SigAuth))))
	w.done(one(w.identity.Apply(ctx, anchor.RevokeAttribute("did/svc/Registry", []byte("https://registry.example")))))
	w.expect("controller controllerKey")

	old, err := w.resolver.Resolve(ctx, w.id, did.At{Block: before.Number})
	if err != nil || len(old.Document.Service) != 1 || old.Metadata.NextVersionID == "" || old.Anchor.Hash != before.Hash {
		t.Errorf("the document at block %d: %+v, %v", before.Number, old, err)
	}

	account := w.chain.Accounts()[1]
	next, err := anchor.NewSigner(account.Key[:])
	if err != nil {
		t.Fatal(err)
	}
	w.done(one(w.identity.Apply(ctx, anchor.ChangeOwner(next.Address()))))
	r = w.expect("controller")
	if got := r.Document.VerificationMethod[0].BlockchainAccountID; !strings.HasSuffix(got, ":"+next.Address().String()) {
		t.Errorf("the controller is %s", got)
	}
	w.identity = w.registry.Identity(w.identity.Address(), next)
	w.done(one(w.identity.Apply(ctx, anchor.Deactivate())))
	if r = w.expect(""); !r.Deactivated {
		t.Error("not deactivated")
	}
	if _, err := r.Key("#"+k.Thumbprint(), did.AssertionMethod, added.Time); !errors.Is(err, did.Deactivated) {
		t.Errorf("a key of a deactivated DID: %v", err)
	}
}

// TestFinalizedOnARealChain: what is not finalized does not count yet.
func TestFinalizedOnARealChain(t *testing.T) {
	w := newWorld(t, ethrtest.Options{})
	ctx := t.Context()
	strict := w.reader("", func(n *didethr.Network) { n.FromBlock = max(n.FromBlock, 1) })
	if _, err := strict.Resolve(ctx, w.id, did.At{}); !errors.Is(err, did.Unavailable) {
		t.Errorf("before the registry is finalized: %v, want unavailable", err)
	}
	if err := w.chain.Finalize(); err != nil {
		t.Fatal(err)
	}
	w.done(one(w.identity.Apply(ctx, anchor.AddKey(generate(t), anchor.VeriKey, time.Hour*24))))
	r, err := strict.Resolve(ctx, w.id, did.At{})
	if err != nil || len(r.Document.VerificationMethod) != 2 || r.Anchor.Tag != "finalized" {
		t.Fatalf("%+v, %v", r, err)
	}
	if err := w.chain.Finalize(); err != nil {
		t.Fatal(err)
	}
	if r, err = strict.Resolve(ctx, w.id, did.At{}); err != nil || len(r.Document.VerificationMethod) != 3 {
		t.Fatalf("%+v, %v", r, err)
	}
}

// TestRealNodeWithLimits: a provider's limit on ranges, a pinned code hash, an anchor that a reorganisation undoes.
func TestRealNodeWithLimits(t *testing.T) {
	w := newWorld(t, ethrtest.Options{MaxLogRange: 3})
	ctx := t.Context()
	for range 3 {
		w.done(one(w.identity.Apply(ctx, anchor.AddKey(generate(t), anchor.VeriKey, time.Hour))))
		if err := w.chain.Mine(3); err != nil {
			t.Fatal(err)
		}
	}
	w.expect("controller controllerKey delegate-1 delegate-2 delegate-3")
	pinned := w.reader("latest", func(n *didethr.Network) { n.CodeHash = anchor.RegistryCodeHash() })
	if _, err := pinned.Resolve(ctx, w.id, did.At{}); err != nil {
		t.Error(err)
	}
	other := w.reader("latest", func(n *didethr.Network) { n.CodeHash = [32]byte{1} })
	if _, err := other.Resolve(ctx, w.id, did.At{}); !errors.Is(err, did.WrongChain) {
		t.Errorf("another code hash: %v", err)
	}

	head := w.chain.Head()
	at := did.At{Anchor: &did.Anchor{Block: head.Number, Hash: head.Hash}}
	if _, err := w.resolver.Resolve(ctx, w.id, at); err != nil {
		t.Error(err)
	}
	if err := w.chain.Rewind(head.Number - 5); err != nil {
		t.Fatal(err)
	}
	if err := w.chain.Mine(7); err != nil {
		t.Fatal(err)
	}
	_, err := w.resolver.Resolve(ctx, w.id, at)
	var e *did.Error
	if !errors.As(err, &e) || !e.Code.Inconclusive() {
		t.Errorf("an anchor that is no longer in the chain: %v", err)
	}
	w.expect("controller controllerKey delegate-1 delegate-2")
}

// TestLyingRealNode: the accumulator of our registry notices every log that is left out, also the later one of a block with two (F8).
func TestLyingRealNode(t *testing.T) {
	w := newWorld(t, ethrtest.Options{Manual: false})
	ctx := t.Context()
	w.done(one(w.identity.Apply(ctx, anchor.AddKey(generate(t), anchor.VeriKey, time.Hour))))
	w.done(one(w.identity.Apply(ctx, anchor.SetAttribute("did/svc/Registry", []byte("https://registry.example"), time.Hour))))
	w.expect("controller controllerKey delegate-1 service-1")
	for name, change := range map[string]func(answer map[string]json.RawMessage) bool{
		"the newest log": func(a map[string]json.RawMessage) bool { return dropLog(a, -1) },
		"the oldest log": func(a map[string]json.RawMessage) bool { return dropLog(a, 0) },
	} {
		w.chain.Interfere(func(_, answer []byte) []byte {
			var all []map[string]json.RawMessage
			if json.Unmarshal(answer, &all) != nil {
				return answer
			}
			if slices.ContainsFunc(all, change) {
				answer, _ = json.Marshal(all)
			}
			return answer
		})
		if _, err := w.reader("latest", nil).Resolve(ctx, w.id, did.At{}); !errors.Is(err, did.IncompleteAnswer) {
			t.Errorf("without %s: %v", name, err)
		}
	}
	w.chain.Interfere(func(_, answer []byte) []byte {
		return bytes.ReplaceAll(answer, []byte(`"timestamp"`), []byte(`"time"`))
	})
	if _, err := w.reader("latest", nil).Resolve(ctx, w.id, did.At{}); !errors.Is(err, did.GarbledAnswer) {
		t.Errorf("headers without a time: %v", err)
	}
}

// dropLog takes one log out of an answer to eth_getLogs.
func dropLog(answer map[string]json.RawMessage, i int) bool {
	var logs []json.RawMessage
	if json.Unmarshal(answer["result"], &logs) != nil || len(logs) < 2 {
		return false
	}
	if i < 0 {
		i += len(logs)
	}
	answer["result"], _ = json.Marshal(slices.Delete(logs, i, i+1))
	return true
}

// one is for the tests that apply one operation at a time.
func one(got []anchor.Receipt, err error) (anchor.Receipt, error) { return got[0], err }
