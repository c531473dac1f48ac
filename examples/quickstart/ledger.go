package main

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"time"

	"github.com/khyer/khyer/credential"
	"github.com/khyer/khyer/did"
	"github.com/khyer/khyer/did/didethr"
	"github.com/khyer/khyer/did/didethr/anchor"
	"github.com/khyer/khyer/did/didethr/ethrtest"
	"github.com/khyer/khyer/did/pubkey"
	"github.com/khyer/khyer/verifier"
	"github.com/khyer/khyer/verifier/trust"
)

type options struct {
	rpc, registry, key, finality string
	keep                         bool
	progress                     func(string)
}

// ledger is the chain, embedded or external, with the registry on it.
type ledger struct {
	options
	embedded *ethrtest.Chain
	registry *anchor.Registry
	payer    anchor.Signer

	head   time.Time // of the newest block of an external chain, when it was last looked at
	looked time.Time // when that was
}

// pocket is what each issuer gets to pay its transactions with: 0.01 ether.
var pocket = big.NewInt(1e16)

func openLedger(ctx context.Context, o options) (_ *ledger, err error) {
	l := &ledger{options: o}
	defer func() {
		if err != nil {
			l.close()
		}
	}()
	if o.rpc == "" {
		if o.registry != "" || o.key != "" {
			return nil, errors.New("-registry and -key belong to an external chain: give its -rpc too")
		}
		if l.embedded, err = ethrtest.New(ethrtest.Options{}); err != nil {
			return nil, err
		}
		l.rpc = l.embedded.URL()
		account := l.embedded.Accounts()[0]
		l.payer, err = anchor.NewSigner(account.Key[:])
	} else {
		if o.key == "" {
			return nil, errors.New("-rpc needs -key, the file of an account that can pay")
		}
		l.payer, err = anchor.LoadKeyFile(o.key)
	}
	if err != nil {
		return nil, err
	}
	if err := l.openRegistry(ctx); err != nil {
		return nil, err
	}
	return l, l.lookAtHead(ctx)
}

func (l *ledger) openRegistry(ctx context.Context) error {
	// Whatever chain the node is on is the story's.
	c := anchor.Config{Network: didethr.Network{RPC: []string{l.rpc}}, Finality: l.finality, Progress: l.waiting}
	var err error
	if l.options.registry == "" {
		l.progress("deploying the registry")
		l.registry, _, err = anchor.Deploy(ctx, c, l.payer)
		return err
	}
	if c.Network.Registry, err = didethr.ParseAddress(l.options.registry); err != nil {
		return err
	}
	l.registry, err = anchor.Open(ctx, c)
	return err
}

func (l *ledger) waiting(p anchor.Progress) {
	if p.Stage == anchor.Finalizing && p.Reached < p.Block {
		l.progress(fmt.Sprintf("waiting for block %d to be %s: at %d", p.Block, l.finality, p.Reached))
	}
}

func (l *ledger) close() {
	if l.embedded != nil {
		_ = l.embedded.Close()
	}
}

// now is the story's clock: the chain's own. Development chains may be hours ahead of the world or behind it, and keys count from the
// time of their block. An agency's clock is the world's.
func (l *ledger) now() time.Time {
	if l.embedded != nil {
		return l.embedded.Now()
	}
	return l.head.Add(time.Since(l.looked))
}

type form int

const (
	addressForm form = iota // did:ethr:<chain>:0x<address>
	keyForm                 // did:ethr:<chain>:0x<compressed public key>
)

// issuer signs cards with a P-256 key that stands in its DID document; another key, of its Ethereum account, controls the DID.
type issuer struct {
	Name, DID string
	identity  *anchor.Identity
	key       pubkey.Signer
	issuer    *credential.Issuer
	now       func() time.Time
	last      anchor.Receipt // of what it wrote last
}

func (l *ledger) newIssuer(ctx context.Context, name string, f form) (*issuer, error) {
	l.progress("anchoring " + name)
	account, err := anchor.Generate()
	if err != nil {
		return nil, err
	}
	if _, err := l.registry.Fund(ctx, l.payer, account.Address(), pocket); err != nil {
		return nil, err
	}
	id, address := l.registry.DID(account.Address()), account.Address()
	if f == keyForm {
		if id, address, err = l.registry.KeyDID(account.PublicKey()); err != nil {
			return nil, err
		}
	}
	i := &issuer{Name: name, DID: id.String(), identity: l.registry.Identity(address, account), now: l.now}
	if i.key, err = pubkey.Generate(pubkey.ES256); err != nil {
		return nil, err
	}
	if err = i.write(ctx, anchor.AddKey(i.key.Public(), anchor.VeriKey, 2*365*24*time.Hour)); err != nil {
		return nil, err
	}
	// did:ethr numbers keys by their events, and this is the identity's first. Every resolver finds the key under this id; ours finds it
	// there after a renewal too, when it has got another number.
	i.issuer, err = credential.NewIssuer(credential.IssuerConfig{ID: i.DID, KeyID: "#delegate-1", Signer: i.key, Now: l.now})
	return i, err
}

// write makes one change of the issuer's DID.
func (i *issuer) write(ctx context.Context, o anchor.Op) error {
	got, err := i.identity.Apply(ctx, o)
	i.last = got[0]
	return err
}

// settle waits until what the issuers wrote last is final.
func (l *ledger) settle(ctx context.Context, issuers ...*issuer) error {
	switch {
	case l.finality == "latest":
	case l.embedded != nil:
		if err := l.embedded.Finalize(); err != nil {
			return err
		}
	default:
		l.progress("waiting for what was written to be " + l.finality + ": on a public chain that takes minutes; on a chain that makes blocks only" +
			" for transactions it never happens, and -finality latest is for those")
	}
	for _, i := range issuers {
		if _, err := l.registry.Final(ctx, i.last); err != nil {
			return err
		}
	}
	return l.lookAtHead(ctx)
}

// lookAtHead sets the story's clock.
func (l *ledger) lookAtHead(ctx context.Context) error {
	head, err := l.registry.Head(ctx)
	if err != nil {
		return err
	}
	l.head, l.looked = head.Time, time.Now()
	return nil
}

// newVerifier makes an agency's verifier, with a resolver of its own.
func (l *ledger) newVerifier(trusted trust.Source) (*verifier.Verifier, error) {
	return l.verifierAt(l.rpc, trusted)
}

func (l *ledger) verifierAt(rpc string, trusted trust.Source) (*verifier.Verifier, error) {
	resolver, err := l.resolverAt(rpc)
	if err != nil {
		return nil, err
	}
	return verifier.New(verifier.Config{Resolver: resolver, Issuers: trusted, Now: l.now})
}

func (l *ledger) resolverAt(rpc string) (did.Resolver, error) {
	network := l.registry.Network()
	network.RPC = []string{rpc}
	return didethr.New(didethr.Config{Networks: []didethr.Network{network}, Finality: l.finality, Now: l.now})
}
