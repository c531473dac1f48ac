package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/khyer/khyer/did/didethr"
	"github.com/khyer/khyer/did/didethr/anchor"
	"github.com/khyer/khyer/did/didethr/ethrtest"
)

// settings say where to read and write, and who pays.
type settings struct {
	rpc, registry, key, finality string
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
		if s.registry != "" || s.key != "" {
			return nil, usageError("-registry and -key belong to a node: give its -rpc too")
		}
		if c.embedded, err = ethrtest.New(ethrtest.Options{Start: begin}); err != nil {
			return nil, err
		}
		c.rpc = c.embedded.URL()
		account := c.embedded.Accounts()[0]
		c.payer, err = anchor.NewSigner(account.Key[:])
	} else {
		if s.key == "" {
			return nil, usageError("-rpc needs -key, the file of an account that can pay")
		}
		c.payer, err = anchor.LoadKeyFile(s.key)
	}
	if err != nil {
		return nil, err
	}
	network, err := networkAt(ctx, c.rpc, s.registry)
	if err != nil {
		return nil, err
	}
	config := anchor.Config{Network: network, Finality: c.finality, Progress: c.waiting}
	if s.registry == "" {
		p.progress("deploying the registry")
		c.registry, _, err = anchor.Deploy(ctx, config, c.payer)
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

// waiting tells how far a transaction is from being final.
func (c *chain) waiting(p anchor.Progress) {
	if p.Reached != 0 && p.Reached < p.Block {
		c.page.progress(fmt.Sprintf("waiting for block %d to be %s: at %d", p.Block, c.finality, p.Reached))
	}
}

// settle waits until what was written is as final as readers want it.
func (c *chain) settle(ctx context.Context, of anchor.Receipt) error {
	if err := c.finalize(); err != nil {
		return err
	}
	if _, err := c.registry.Final(ctx, of); err != nil {
		return err
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
	var head struct{ Timestamp string }
	if err := rpc(ctx, c.rpc, &head, "eth_getBlockByNumber", "latest", false); err != nil {
		return err
	}
	t, err := quantity(head.Timestamp)
	c.head, c.looked = time.Unix(int64(t), 0).UTC(), time.Now()
	return err
}

// ether is what an account gets to write with: a hundredth of one.
var ether = big.NewInt(1e16)

func (c *chain) fund(ctx context.Context, to didethr.Address) error {
	_, err := c.registry.Fund(ctx, c.payer, to, ether)
	return err
}

// networkAt describes the chain behind an endpoint, whose number the node says.
func networkAt(ctx context.Context, endpoint, registry string) (n didethr.Network, err error) {
	n.RPC = []string{endpoint}
	if registry != "" {
		if n.Registry, err = didethr.ParseAddress(registry); err != nil {
			return n, usageError("-registry: " + err.Error())
		}
	}
	var id string
	if err = rpc(ctx, endpoint, &id, "eth_chainId"); err == nil {
		n.ChainID, err = quantity(id)
	}
	return n, err
}

func quantity(s string) (uint64, error) {
	n, err := strconv.ParseUint(strings.TrimPrefix(s, "0x"), 16, 63)
	if err != nil {
		return 0, unknown{errors.New("the node's answer is not a number")}
	}
	return n, nil
}

// rpc asks a node for two things that the library needs to be told: which chain it serves, and for the story, what time it is there.
func rpc(ctx context.Context, endpoint string, result any, method string, params ...any) error {
	if params == nil {
		params = []any{}
	}
	body, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, bytes.NewReader(body))
	if err != nil || req.URL.Host == "" {
		return usageError("-rpc is no URL of a node")
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return unknown{errors.New("the node at -rpc does not answer")} // its URL may hold an access key, and the error would quote it
	}
	defer resp.Body.Close()
	var answer struct {
		Result json.RawMessage
		Error  *struct{ Message string }
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, 1<<20)).Decode(&answer); err != nil || answer.Result == nil && answer.Error == nil {
		return unknown{errors.New("what is behind -rpc answers as no node does")}
	}
	if answer.Error != nil {
		return unknown{fmt.Errorf("the node refuses %s: %s", method, answer.Error.Message)}
	}
	if json.Unmarshal(answer.Result, result) != nil {
		return unknown{fmt.Errorf("the node's answer to %s has another form", method)}
	}
	return nil
}
