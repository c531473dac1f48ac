package main

import (
	"context"
	"errors"
	"math/big"
	"time"

	"github.com/khyer/khyer/did/didethr"
	"github.com/khyer/khyer/did/didethr/anchor"
	"github.com/khyer/khyer/did/didethr/ethrtest"
)

// settings say where to read and write, and who pays.
type settings struct {
	rpc, registry, finality string
	account
}

// chain is an embedded chain or a node, with the registry on it.
type chain struct {
	settings
	embedded *ethrtest.Chain
	registry *anchor.Registry
	resolver *didethr.Resolver
	payer    anchor.Signer
	page     *page

	head   time.Time // of the newest block of a node, when it was last looked at
	looked time.Time // when that was
}

// begin is when the embedded chain begins: years pass in the story, and they pass the same each time.
var begin = time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)

// openChain starts a chain in this program, or opens the one behind -rpc, and deploys the registry if none is named.
func openChain(ctx context.Context, s settings, p *page) (_ *chain, err error) {
	c := &chain{settings: s, page: p}
	defer func() {
		if err != nil {
			c.close()
		}
	}()
	if s.rpc == "" {
		if s.registry != "" || s.given() {
			return nil, usageError("-registry, -key and -signer belong to a node: give its -rpc too")
		}
		if c.embedded, err = ethrtest.New(ethrtest.Options{Start: begin}); err != nil {
			return nil, err
		}
		c.rpc = c.embedded.URL()
		rich := c.embedded.Accounts()[0]
		c.payer, err = anchor.NewSigner(rich.Key[:])
	} else {
		if !s.given() {
			return nil, usageError("-rpc needs -key or -signer, an account that can pay")
		}
		c.payer, err = s.account.open()
	}
	if err != nil {
		return nil, err
	}
	config := anchor.Config{Network: didethr.Network{RPC: []string{c.rpc}}, Finality: c.finality, Progress: p.transaction}
	if s.registry == "" {
		p.progress("deploying the registry")
		c.registry, _, err = anchor.Deploy(ctx, config, c.payer)
	} else if config.Network.Registry, err = didethr.ParseAddress(s.registry); err != nil {
		err = usageError("-registry: " + err.Error())
	} else {
		c.registry, err = anchor.Open(ctx, config)
	}
	if err != nil {
		return nil, err
	}
	if c.resolver, err = didethr.New(didethr.Config{Networks: []didethr.Network{c.registry.Network()}, Finality: c.finality, Now: c.now}); err != nil {
		return nil, err
	}
	return c, c.look(ctx)
}

func (c *chain) close() {
	if c.embedded != nil {
		_ = c.embedded.Close()
	}
}

// settle waits until what was written is as final as readers want it.
func (c *chain) settle(ctx context.Context, written ...anchor.Receipt) error {
	if err := c.finalize(); err != nil {
		return err
	}
	for _, r := range written {
		if _, err := c.registry.Final(ctx, r); err != nil {
			return err
		}
	}
	return c.look(ctx)
}

// finalize makes blocks, as others do on a public chain all the time.
func (c *chain) finalize() error {
	if c.embedded == nil || c.finality == "latest" {
		return nil
	}
	return c.embedded.Finalize()
}

// now is the clock of everybody in the story: the chain's own. Development chains may be hours away from the world's time.
func (c *chain) now() time.Time {
	if c.embedded != nil {
		return c.embedded.Now()
	}
	return c.head.Add(time.Since(c.looked))
}

// pass lets time pass: as much as the story wants on the embedded chain, and elsewhere a few seconds, which are enough for a key to lapse.
func (c *chain) pass(ctx context.Context, d time.Duration) error {
	if c.embedded != nil {
		c.embedded.Advance(d)
		return errors.Join(c.embedded.Mine(1), c.finalize())
	}
	select {
	case <-time.After(2 * time.Second):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// look sets the clock by the newest block.
func (c *chain) look(ctx context.Context) error {
	head, err := c.registry.Head(ctx)
	c.head, c.looked = head.Time, time.Now()
	return err
}

// ether is what an account gets to write with: a hundredth of one.
var ether = big.NewInt(1e16)

func (c *chain) fund(ctx context.Context, to didethr.Address) error {
	_, err := c.registry.Fund(ctx, c.payer, to, ether)
	return err
}
