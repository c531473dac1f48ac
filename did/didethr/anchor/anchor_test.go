package anchor

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/khyer/khyer/did"
	"github.com/khyer/khyer/did/didethr"
	"github.com/khyer/khyer/did/didethr/ethrtest"
	"github.com/khyer/khyer/did/pubkey"
	"github.com/khyer/khyer/internal/ethrpc"
)

func start(t testing.TB, o ethrtest.Options) *ethrtest.Chain {
	t.Helper()
	c, err := ethrtest.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// forget drops what is under way in this process, as if it had ended.
func forget() {
	accounts.Lock()
	defer accounts.Unlock()
	clear(accounts.all)
}

func person(t testing.TB, c *ethrtest.Chain, i int) *KeySigner {
	t.Helper()
	key := c.Accounts()[i].Key
	s, err := NewSigner(key[:])
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func config(c *ethrtest.Chain) Config {
	return Config{Network: didethr.Network{ChainID: c.ChainID(), RPC: []string{c.URL()}}}
}

func deploy(t testing.TB, c *ethrtest.Chain, cfg Config) *Registry {
	t.Helper()
	r, _, err := Deploy(context.Background(), cfg, person(t, c, 3))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func signingKey(t testing.TB) pubkey.Key {
	t.Helper()
	s, err := pubkey.Generate(pubkey.ES256)
	if err != nil {
		t.Fatal(err)
	}
	return s.Public()
}

// wants makes sure that err is an *Error with that reason, and returns it.
func wants(t testing.TB, err error, want Reason) *Error {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) || e.Reason != want {
		t.Fatalf("got %v, want %s", err, want)
	}
	return e
}

func resolve(t testing.TB, r *Registry, c *ethrtest.Chain, id did.DID) *did.Resolution {
	t.Helper()
	res, err := didethr.New(didethr.Config{Networks: []didethr.Network{r.Network()}, Finality: "latest", Now: c.Now})
	if err != nil {
		t.Fatal(err)
	}
	out, err := res.Resolve(context.Background(), id, did.At{})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// published reports whether the key is in the document, and when it was revoked.
func published(r *did.Resolution, k pubkey.Key) (there bool, revoked time.Time) {
	for _, have := range r.Keys {
		if have.Public.Equal(k) && have.Class == "" {
			return true, have.Revoked
		}
	}
	return false, time.Time{}
}

// TestLifeOfAnIdentity goes through all operations, under the rules of today's mainnet and under those of the next fork, whose prices
// are other ones by far.
func TestLifeOfAnIdentity(t *testing.T) {
	for _, fork := range []ethrtest.Fork{ethrtest.Osaka, ethrtest.Amsterdam} {
		t.Run(string(fork), func(t *testing.T) {
			ctx := context.Background()
			chain := start(t, ethrtest.Options{Fork: fork})
			registry := deploy(t, chain, config(chain))
			owner, next := person(t, chain, 0), person(t, chain, 1)
			id, address, err := registry.KeyDID(owner.PublicKey())
			if err != nil || address != owner.Address() {
				t.Fatal(err, address)
			}
			i := registry.Identity(address, owner)
			key := signingKey(t)
			step := func(what string) func(r Receipt, err error) {
				return func(r Receipt, err error) {
					t.Helper()
					if err != nil {
						t.Fatalf("%s: %v", what, err)
					}
					t.Logf("%-16s %7d gas", what, r.GasUsed)
				}
			}
			step("AddKey")(one(i.Apply(ctx, AddKey(key, VeriKey, time.Hour))))
			if there, revoked := published(resolve(t, registry, chain, id), key); !there || !revoked.IsZero() {
				t.Fatal("the key is not in the document")
			}
			step("SetAttribute")(one(i.Apply(ctx, SetAttribute("did/svc/Example", []byte("https://services.example"), time.Hour))))
			step("AddDelegate")(one(i.Apply(ctx, AddDelegate(next.Address(), VeriKey, time.Hour))))
			if d := resolve(t, registry, chain, id).Document; len(d.Service) != 1 || len(d.VerificationMethod) != 4 {
				t.Fatalf("document %+v", d)
			}
			step("RevokeDelegate")(one(i.Apply(ctx, RevokeDelegate(next.Address(), VeriKey))))
			step("RevokeAttribute")(one(i.Apply(ctx, RevokeAttribute("did/svc/Example", []byte("https://services.example")))))
			step("RevokeKey")(one(i.Apply(ctx, RevokeKey(key, VeriKey))))
			if _, revoked := published(resolve(t, registry, chain, id), key); revoked.IsZero() {
				t.Fatal("the key is not revoked")
			}
			step("ChangeOwner")(one(i.Apply(ctx, ChangeOwner(next.Address()))))
			_, err = one(i.Apply(ctx, AddKey(key, VeriKey, time.Hour)))
			if e := wants(t, err, Reverted); e.Revert != "bad_actor" {
				t.Fatal(e)
			}
			j := registry.Identity(address, next)
			step("Deactivate")(one(j.Apply(ctx, Deactivate())))
			if !resolve(t, registry, chain, id).Deactivated {
				t.Fatal("the identity is not deactivated")
			}
			for _, i := range []*Identity{i, j} {
				_, err := one(i.Apply(ctx, AddKey(key, VeriKey, time.Hour)))
				if e := wants(t, err, Reverted); e.Revert != "deactivated" {
					t.Fatal(e)
				}
			}
		})
	}
}

func TestDIDForms(t *testing.T) {
	chain := start(t, ethrtest.Options{})
	cfg := config(chain)
	r := deploy(t, chain, cfg)
	a := person(t, chain, 0)
	hexAddress := strings.ToLower(a.Address().String())
	if got := r.DID(a.Address()).String(); got != "did:ethr:0x539:"+hexAddress {
		t.Error(got)
	}
	cfg.Network = r.Network()
	cfg.Network.Name = "thimphu"
	named, err := Open(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	key := a.PublicKey()
	if got, _, err := named.KeyDID(key); err != nil || got.String() != "did:ethr:thimphu:0x"+hex.EncodeToString(key[:]) {
		t.Error(got, err)
	}
	_, _, err = r.KeyDID([33]byte{2: 1})
	wants(t, err, BadKey)
}

func TestOpenChecksWhatItWritesTo(t *testing.T) {
	ctx := context.Background()
	chain := start(t, ethrtest.Options{})
	r := deploy(t, chain, config(chain))
	good := Config{Network: r.Network()}
	if _, err := Open(ctx, good); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		change func(*Config)
		want   Reason
	}{
		"other chain":    {func(c *Config) { c.Network.ChainID = 1 }, WrongChain},
		"no registry":    {func(c *Config) { c.Network.Registry = didethr.Address{} }, BadConfig},
		"no code there":  {func(c *Config) { c.Network.Registry[0] ^= 1 }, WrongRegistry},
		"other code":     {func(c *Config) { c.Network.CodeHash[0] ^= 1 }, WrongRegistry},
		"no endpoint":    {func(c *Config) { c.Network.RPC = nil }, BadConfig},
		"a wrong URL":    {func(c *Config) { c.Network.RPC = []string{"ftp://node.example"} }, BadConfig},
		"odd finality":   {func(c *Config) { c.Finality = "soon" }, BadConfig},
		"nobody listens": {func(c *Config) { c.Network.RPC = []string{"http://127.0.0.1:1"} }, NoAnswer},
	} {
		cfg := good
		tt.change(&cfg)
		_, err := Open(ctx, cfg)
		var e *Error
		if !errors.As(err, &e) || e.Reason != tt.want {
			t.Errorf("%s: %v, want %s", name, err, tt.want)
		}
	}
	cfg := config(chain)
	cfg.Network.CodeHash = [32]byte{1}
	_, _, err := Deploy(ctx, cfg, person(t, chain, 0))
	wants(t, err, BadConfig)
}

// TestNodeMovesToAnotherChain: the chain is looked at with every transaction, not once.
func TestNodeMovesToAnotherChain(t *testing.T) {
	chain := start(t, ethrtest.Options{})
	r := deploy(t, chain, config(chain))
	i := r.Identity(person(t, chain, 0).Address(), person(t, chain, 0))
	chain.Interfere(func(_, answer []byte) []byte { return bytes.ReplaceAll(answer, []byte(`"0x539"`), []byte(`"0x1"`)) })
	_, err := one(i.Apply(context.Background(), AddKey(signingKey(t), VeriKey, time.Hour)))
	wants(t, err, WrongChain)
}

func TestNodeFaults(t *testing.T) {
	chain := start(t, ethrtest.Options{})
	r := deploy(t, chain, config(chain))
	i := r.Identity(person(t, chain, 0).Address(), person(t, chain, 0))
	for name, f := range map[string]func(_, answer []byte) []byte{
		"garbage": func(_, _ []byte) []byte { return []byte("<html>") },
		"half":    func(_, answer []byte) []byte { return answer[:len(answer)/2] },
		"silence": func(_, _ []byte) []byte { return nil },
		"nulls": func(_, answer []byte) []byte {
			return bytes.ReplaceAll(answer, []byte(`"result":"`), []byte(`"result":null,"x":"`))
		},
	} {
		chain.Interfere(f)
		ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
		_, err := one(i.Apply(ctx, AddKey(signingKey(t), VeriKey, time.Hour)))
		cancel()
		var e *Error
		if !errors.As(err, &e) || e.Reason != NoAnswer {
			t.Errorf("%s: %v", name, err)
		}
	}
	// The transaction reaches the node, the answer to it does not come back: the hash says where to look.
	chain.Interfere(func(request, answer []byte) []byte {
		if bytes.Contains(request, []byte("eth_sendRawTransaction")) {
			return nil
		}
		return answer
	})
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	_, err := one(i.Apply(ctx, AddKey(signingKey(t), VeriKey, time.Hour)))
	e := wants(t, err, NoAnswer)
	if got, ok := chain.Receipt(e.Tx); !ok || !got.OK {
		t.Error("the hash in the error is not the transaction's")
	}
	poor, err := Generate()
	if err != nil {
		t.Fatal(err)
	}
	chain.Interfere(nil)
	_, err = one(r.Identity(poor.Address(), poor).Apply(context.Background(), AddKey(signingKey(t), VeriKey, time.Hour)))
	wants(t, err, Unfunded)
}

// TestRevertedOnTheChain: what was fine when it was estimated is not when it is mined; the contract's word is still found.
func TestRevertedOnTheChain(t *testing.T) {
	ctx := context.Background()
	chain := start(t, ethrtest.Options{Manual: true})
	ready := make(chan struct{})
	var registry *Registry
	go func() {
		defer close(ready)
		registry, _, _ = Deploy(ctx, config(chain), person(t, chain, 3))
	}()
	mineUntil(t, chain, ready)
	owner, heir := person(t, chain, 0), person(t, chain, 1)
	i := registry.Identity(owner.Address(), owner)
	errs := make(chan error, 2)
	sent := make(chan struct{}, 2)
	registry.progress = func(p Progress) {
		if p.Stage == Sending {
			sent <- struct{}{}
		}
	}
	go func() { _, err := one(i.Apply(ctx, ChangeOwner(heir.Address()))); errs <- err }()
	<-sent
	go func() { _, err := one(i.Apply(ctx, AddKey(signingKey(t), VeriKey, time.Hour))); errs <- err }()
	<-sent
	for waiting := hexUint(0); waiting < 2; { // progress is told just before a transaction is handed in
		if err := registry.node.Call(ctx, &waiting, "eth_getTransactionCount", owner.Address().String(), "pending"); err != nil {
			t.Fatal(err)
		}
	}
	if err := chain.Mine(2); err != nil {
		t.Fatal(err)
	}
	var refused error
	for range 2 {
		if err := <-errs; err != nil {
			refused = err
		}
	}
	e := wants(t, refused, Reverted)
	if r, ok := chain.Receipt(e.Tx); !ok || r.OK {
		t.Error("the transaction did not revert on the chain")
	}
}

func mineUntil(t *testing.T, chain *ethrtest.Chain, done chan struct{}) {
	t.Helper()
	for {
		select {
		case <-done:
			return
		case <-time.After(20 * time.Millisecond):
			if err := chain.Mine(1); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestManyAtOnce(t *testing.T) {
	ctx := context.Background()
	chain := start(t, ethrtest.Options{})
	r := deploy(t, chain, config(chain))
	owner := person(t, chain, 0)
	i := r.Identity(owner.Address(), owner)
	var wg sync.WaitGroup
	for n := range 12 {
		wg.Go(func() {
			if _, err := one(i.Apply(ctx, SetAttribute(fmt.Sprintf("did/svc/S%d", n), []byte("https://a.example"), time.Hour))); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := len(resolve(t, r, chain, r.DID(owner.Address())).Document.Service); n != 12 {
		t.Errorf("%d services of 12", n)
	}
}

func TestFinality(t *testing.T) {
	ctx := context.Background()
	chain := start(t, ethrtest.Options{})
	cfg := config(chain)
	var reached []uint64
	cfg.Progress = func(p Progress) {
		if p.Stage == Finalizing {
			reached = append(reached, p.Reached)
		}
	}
	r := deploy(t, chain, cfg)
	owner := person(t, chain, 0)
	receipt, err := one(r.Identity(owner.Address(), owner).Apply(ctx, AddKey(signingKey(t), VeriKey, time.Hour)))
	if err != nil {
		t.Fatal(err)
	}
	short, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
	defer cancel()
	_, err = r.Final(short, receipt)
	wants(t, err, NoAnswer)
	if err := chain.Finalize(); err != nil {
		t.Fatal(err)
	}
	waited := len(reached)
	got, err := r.Final(ctx, receipt)
	if err != nil || got.Block != receipt.Block || got.BlockHash != receipt.BlockHash || waited == 0 {
		t.Fatal(got, err, reached)
	}
	if len(reached) != waited {
		t.Errorf("waits at %v for block %d, which is final", reached[waited:], receipt.Block)
	}
}

// TestReorganisationAfterMining: what a reorganisation throws out is handed in again; what has lost its nonce meanwhile gets another,
// unless it is a payment, which could then be made twice.
func TestReorganisationAfterMining(t *testing.T) {
	ctx := context.Background()
	chain := start(t, ethrtest.Options{})
	r := deploy(t, chain, config(chain))
	r.settle = 50 * time.Millisecond
	base := chain.Head().Number
	owner := chain.Accounts()[0]
	identity := r.Identity(owner.Address, person(t, chain, 0))
	undo := func() {
		t.Helper()
		if err := chain.Rewind(base); err != nil {
			t.Fatal(err)
		}
	}
	final := func(of Receipt) (got Receipt, err error) {
		t.Helper()
		done := make(chan struct{})
		go func() { defer close(done); got, err = r.Final(ctx, of) }()
		mineUntil(t, chain, done)
		return got, err
	}
	stranger := func() {
		t.Helper()
		if _, err := chain.Transact(owner, &owner.Address, nil, nil); err != nil {
			t.Fatal(err)
		}
	}
	key := signingKey(t)
	receipt, err := one(identity.Apply(ctx, AddKey(key, VeriKey, time.Hour)))
	if err != nil {
		t.Fatal(err)
	}
	undo()
	stranger()
	got, err := final(receipt)
	if err != nil || got.Tx == receipt.Tx || got.BlockHash == receipt.BlockHash {
		t.Fatal(got, err)
	}
	if there, _ := published(resolve(t, r, chain, r.DID(owner.Address)), key); !there {
		t.Error("the key is not published")
	}

	base = chain.Head().Number
	receipt, err = one(identity.Apply(ctx, AddKey(signingKey(t), VeriKey, time.Hour)))
	if err != nil {
		t.Fatal(err)
	}
	undo()
	if err := chain.Mine(3); err != nil {
		t.Fatal(err)
	}
	if got, err = final(receipt); err != nil || got.Tx != receipt.Tx || got.BlockHash == receipt.BlockHash {
		t.Fatal(got, err)
	}

	base = chain.Head().Number
	payment, err := r.Fund(ctx, person(t, chain, 0), person(t, chain, 1).Address(), big.NewInt(1))
	if err != nil {
		t.Fatal(err)
	}
	undo()
	stranger()
	got, err = final(payment)
	if wants(t, err, Dropped); got.State != Lost {
		t.Errorf("state %q", got.State)
	}
	elsewhere := Receipt{State: Mined, Tx: payment.Tx, Block: payment.Block}
	_, err = final(elsewhere)
	wants(t, err, Dropped)
}

func TestArgumentsAreChecked(t *testing.T) {
	ctx := context.Background()
	chain := start(t, ethrtest.Options{})
	r := deploy(t, chain, config(chain))
	owner := person(t, chain, 0)
	i := r.Identity(owner.Address(), owner)
	_, err := one(i.Apply(ctx, ChangeOwner(didethr.Address{})))
	wants(t, err, BadConfig)
	_, err = one(i.Apply(ctx, AddKey(signingKey(t), VeriKey, time.Millisecond)))
	wants(t, err, BadConfig)
	_, err = one(i.Apply(ctx, SetAttribute(strings.Repeat("n", 33), nil, time.Hour)))
	wants(t, err, BadConfig)
	_, err = one(i.Apply(ctx, AddKey(pubkey.FromAddress(owner.Address()), VeriKey, time.Hour)))
	wants(t, err, BadKey)
	_, err = one(i.Apply(ctx, AddKey(pubkey.Key{}, VeriKey, time.Hour)))
	wants(t, err, BadKey)
	_, err = one(r.Identity(owner.Address(), nil).Apply(ctx, Deactivate()))
	wants(t, err, BadConfig)
	if chain.Head().Number != 1 {
		t.Error("something was sent")
	}
}

// stranger signs with another key than that of its address.
type stranger struct {
	*KeySigner
	address didethr.Address
}

func (s stranger) Address() didethr.Address { return s.address }

// changed alters signatures on their way.
type changed struct {
	*KeySigner
	change func(*[65]byte) error
}

func (s changed) SignDigest(ctx context.Context, d [32]byte) ([65]byte, error) {
	sig, _ := s.KeySigner.SignDigest(ctx, d)
	err := s.change(&sig)
	return sig, err
}

func TestSignersAreNotTrusted(t *testing.T) {
	chain := start(t, ethrtest.Options{})
	r := deploy(t, chain, config(chain))
	owner := person(t, chain, 0)
	for name, s := range map[string]Signer{
		"other key":    stranger{person(t, chain, 1), owner.Address()},
		"bad id":       changed{owner, func(s *[65]byte) error { s[64] = 27; return nil }},
		"other id":     changed{owner, func(s *[65]byte) error { s[64] ^= 1; return nil }},
		"high s":       changed{owner, func(s *[65]byte) error { s[32] = 0xff; return nil }},
		"nothing":      changed{owner, func(s *[65]byte) error { *s = [65]byte{}; return nil }},
		"out of order": changed{owner, func(s *[65]byte) error { return errors.New("the HSM is locked") }},
	} {
		want := BadSignature
		if name == "out of order" {
			want = SignerFailed
		}
		_, err := one(r.Identity(owner.Address(), s).Apply(context.Background(), AddKey(signingKey(t), VeriKey, time.Hour)))
		var e *Error
		if !errors.As(err, &e) || e.Reason != want {
			t.Errorf("%s: %v, want %s", name, err, want)
		}
	}
}

func TestKeyFile(t *testing.T) {
	const digits = "00000000000000000000000000000000000000000000000000000000000000a7"
	dir := t.TempDir()
	write := func(text string, mode os.FileMode) string {
		p := filepath.Join(dir, "key")
		os.Remove(p)
		if err := os.WriteFile(p, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return p
	}
	for _, text := range []string{digits, "0x" + digits, digits + "\n", "0x" + digits + "\r\n"} {
		s, err := LoadKeyFile(write(text, 0o600))
		if err != nil || s.Address().String() != "0x"+s.Address().String()[2:] {
			t.Errorf("%q: %v", text, err)
		}
	}
	const order = "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141"
	for name, text := range map[string]string{
		"empty": "", "short": digits[1:], "long": digits + "00", "two lines": digits + "\n\n", "space": " " + digits,
		"not hex": "z" + digits[1:], "zero": strings.Repeat("0", 64), "the order": order, "two keys": digits + "\n" + digits + "\n",
	} {
		_, err := LoadKeyFile(write(text, 0o600))
		wants(t, err, BadKey)
		if len(text) > 8 && strings.Contains(err.Error(), strings.TrimSpace(text)[:8]) {
			t.Errorf("%s: the error quotes the file", name)
		}
	}
	if permissionsCount {
		_, err := LoadKeyFile(write(digits, 0o644))
		wants(t, err, BadKey)
	}
	_, err := LoadKeyFile(dir)
	wants(t, err, BadKey)
	_, err = LoadKeyFile(filepath.Join(dir, "nowhere"))
	wants(t, err, BadKey)
}

func TestKeysAreNotPrinted(t *testing.T) {
	priv := bytes.Repeat([]byte{0xa7}, 32)
	s, err := NewSigner(priv)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%o", "%U"} {
		fmt.Fprintf(&out, verb+"\n", s)
		fmt.Fprintf(&out, verb+"\n", struct{ S *KeySigner }{s})
	}
	text, err := json.Marshal([]any{s})
	if err != nil {
		t.Fatal(err)
	}
	out.Write(text)
	slog.New(slog.NewJSONHandler(&out, nil)).Info("signer", "s", s)
	slog.New(slog.NewTextHandler(&out, nil)).Info("signer", "s", s)
	for _, trace := range []string{"a7a7a7", "A7A7A7", "167 167", "247 247", "12082125"} {
		if strings.Contains(out.String(), trace) {
			t.Errorf("the key shows as %s", trace)
		}
	}
}

// FuzzRevertWord: what a node says about a revert is a stranger's text; the word made of it is short and printable.
func FuzzRevertWord(f *testing.F) {
	f.Add(3, "execution reverted: bad_actor", []byte(`"0x08c379a0`+strings.Repeat("0", 62)+"20"+strings.Repeat("0", 62)+"09"+"6261645f6163746f72"+strings.Repeat("0", 46)+`"`))
	f.Add(-32000, "execution reverted", []byte(`{"data":"0x08c379a0"}`))
	f.Add(3, "VM Exception", []byte("null"))
	f.Fuzz(func(t *testing.T, code int, message string, data []byte) {
		word, ok := revertWord(&ethrpc.Error{Code: code, Message: message, Data: data})
		if !ok && word != "" {
			t.Fatal("a word without a revert")
		}
		if len(word) > 64 || strings.ContainsFunc(word, func(r rune) bool { return r < ' ' || r > '~' }) {
			t.Fatalf("%q", word)
		}
	})
}

// A new identity has nothing to pay with; Fund gives it something, and the first change goes through.
func TestFund(t *testing.T) {
	ctx := context.Background()
	chain, err := ethrtest.New(ethrtest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer chain.Close()
	account := chain.Accounts()[0]
	payer, err := NewSigner(account.Key[:])
	if err != nil {
		t.Fatal(err)
	}
	r, _, err := Deploy(ctx, Config{Network: didethr.Network{ChainID: chain.ChainID(), RPC: []string{chain.URL()}}}, payer)
	if err != nil {
		t.Fatal(err)
	}
	fresh, err := Generate()
	if err != nil {
		t.Fatal(err)
	}
	var e *Error
	if _, err := one(r.Identity(fresh.Address(), fresh).Apply(ctx, SetAttribute("did/svc/X", []byte("https://x.example"), time.Hour))); !errors.As(err, &e) || e.Reason != Unfunded {
		t.Errorf("without ether: %v", err)
	}
	for _, wei := range []*big.Int{nil, big.NewInt(0), big.NewInt(-1)} {
		if _, err := r.Fund(ctx, payer, fresh.Address(), wei); !errors.As(err, &e) || e.Reason != BadConfig {
			t.Errorf("%v: %v", wei, err)
		}
	}
	if _, err := r.Fund(ctx, payer, fresh.Address(), big.NewInt(1e16)); err != nil {
		t.Fatal(err)
	}
	if _, err := one(r.Identity(fresh.Address(), fresh).Apply(ctx, SetAttribute("did/svc/X", []byte("https://x.example"), time.Hour))); err != nil {
		t.Errorf("with ether: %v", err)
	}
}
