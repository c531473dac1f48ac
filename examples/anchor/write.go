package main

import (
	"context"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"strings"
	"time"

	"github.com/khyer/khyer/did"
	"github.com/khyer/khyer/did/didethr"
	"github.com/khyer/khyer/did/didethr/anchor"
)

// writing is what all commands that write have in common: a DID, the account that owns it, and what has been written so far.
type writing struct {
	settings
	did, journal string

	page     *page
	opened   *anchor.Journal
	on       *anchor.Registry
	owner    anchor.Signer
	identity *anchor.Identity
	id       did.DID
	receipts []anchor.Receipt
}

func (w *writing) flags(f *flag.FlagSet) {
	f.StringVar(&w.rpc, "rpc", "", "JSON-RPC `URL` of a node")
	f.StringVar(&w.registry, "registry", "", "`address` of our registry on its chain")
	w.account.flags(f, "that owns the DID, and pays")
	f.StringVar(&w.did, "did", "", "the `DID`; empty means that of the account's own address")
	f.StringVar(&w.finality, "finality", "finalized", "what to wait for, and to read back at: finalized, safe or latest")
	f.StringVar(&w.journal, "journal", "", "`file` that remembers what was signed, so that the next command ends what a crash interrupted")
}

// open opens the registry, ends what the journal says was interrupted, and finds out which identity is meant.
func (w *writing) open(ctx context.Context, p *page) (err error) {
	w.page = p
	if w.rpc == "" || w.registry == "" || !w.given() {
		return usageError("-rpc, -registry, and -key or -signer are required")
	}
	config := anchor.Config{Network: didethr.Network{RPC: []string{w.rpc}}, Finality: w.finality, Progress: p.transaction}
	if config.Network.Registry, err = didethr.ParseAddress(w.registry); err != nil {
		return usageError("-registry: " + err.Error())
	}
	if w.owner, err = w.account.open(); err != nil {
		return err
	}
	if w.journal != "" {
		if w.opened, err = anchor.OpenJournal(w.journal); err != nil {
			return err
		}
		config.Journal = w.opened
	}
	if w.on, err = anchor.Open(ctx, config); err != nil {
		return err
	}
	if w.journal != "" {
		before, err := w.on.Resume(ctx, w.owner)
		for _, r := range before {
			p.line("left from before: transaction 0x%x is %s, block %d", r.Tx, r.State, r.Block)
		}
		if err != nil {
			return err
		}
	}
	address := w.owner.Address()
	w.id = w.on.DID(address)
	if w.did != "" {
		if address, err = w.addressed(); err != nil {
			return err
		}
	}
	w.identity = w.on.Identity(address, w.owner)
	return nil
}

func (w *writing) close() {
	if w.opened != nil {
		_ = w.opened.Close() // every record was on the disk before what it says was done
	}
}

// addressed reads -did, which must be of this chain.
func (w *writing) addressed() (a didethr.Address, err error) {
	if w.id, err = did.Parse(w.did); err != nil {
		return a, usageError("-did: " + err.Error())
	}
	digits := w.did[strings.LastIndexByte(w.did, ':')+1:]
	want := did.DID{}
	if raw, err := hex.DecodeString(strings.TrimPrefix(digits, "0x")); err == nil && len(raw) == 33 {
		want, a, _ = w.on.KeyDID([33]byte(raw))
	} else if a, err = didethr.ParseAddress(digits); err == nil {
		want = w.on.DID(a)
	}
	if !strings.EqualFold(want.String(), w.did) {
		return a, usageError("-did is no did:ethr DID of this chain, which would be " + w.on.DID(w.owner.Address()).String() + " for the account itself")
	}
	return a, nil
}

// apply writes changes, in the order that anchor gives them: what revokes first.
func (w *writing) apply(ctx context.Context, ops ...anchor.Op) error {
	receipts, err := w.identity.Apply(ctx, ops...)
	w.receipts = receipts
	var e *anchor.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &e) && e.Revert == "bad_actor":
		err = fmt.Errorf("the account %s does not own %s: %w", w.owner.Address(), w.id, err)
	case errors.As(err, &e) && e.Reason == anchor.NoAnswer && e.Tx != [32]byte{}:
		err = fmt.Errorf("look with `anchor history` before doing the same again: %w", err)
	}
	w.page.settled()
	for i, r := range receipts {
		if r.State != anchor.Unsent {
			fmt.Fprintf(w.page.err, "%s: %s, transaction 0x%x\n", ops[i], r.State, r.Tx)
		}
	}
	return err
}

// finish waits until all is final, and shows what readers now see.
func (w *writing) finish(ctx context.Context) error {
	first := w.receipts[0].Block
	for _, r := range w.receipts {
		final, err := w.on.Final(ctx, r)
		if err != nil {
			return err
		}
		first = min(first, final.Block)
	}
	r, err := w.reader(w.finality)
	if err != nil {
		return err
	}
	h, err := readHistory(ctx, r, w.id, first, 100, time.Now(), w.page.progress)
	if err != nil {
		return err
	}
	w.page.timeline(h)
	for _, e := range h.Events {
		if e.What == "key added" { // its cards must not say that they are older: see credential.Batch.KeyFrom
			w.page.line("  Cards of %s may say that they were signed from %s on (issue-batch -key-from).\n", e.Key, e.Time.UTC().Format(time.RFC3339))
		}
	}
	return nil
}

func (w *writing) reader(finality string) (did.Resolver, error) {
	return didethr.New(didethr.Config{Networks: []didethr.Network{w.on.Network()}, Finality: finality})
}

// writes prepares a command that writes. about declares flags of its own, if it has any; changes says what to write, and what to tell the operator as
// soon as it is in blocks.
func writes(about func(*flag.FlagSet), changes func(ctx context.Context, w *writing, args []string) (ops []anchor.Op, told string, err error)) prepare {
	return func(f *flag.FlagSet) action {
		w := &writing{}
		w.flags(f)
		if about != nil {
			about(f)
		}
		return func(ctx context.Context, args []string, p *page) error {
			defer w.close()
			if err := w.open(ctx, p); err != nil {
				return err
			}
			ops, told, err := changes(ctx, w, args)
			if err != nil {
				return err
			}
			if err := w.apply(ctx, ops...); err != nil {
				return err
			}
			if told != "" {
				p.settled()
				p.line("%s", told)
			}
			return w.finish(ctx)
		}
	}
}
