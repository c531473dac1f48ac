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
	did string

	page     *page
	on       *anchor.Registry
	owner    anchor.Signer
	identity *anchor.Identity
	id       did.DID
	receipts []anchor.Receipt
}

func (w *writing) flags(f *flag.FlagSet) {
	f.StringVar(&w.rpc, "rpc", "", "JSON-RPC `URL` of a node")
	f.StringVar(&w.registry, "registry", "", "`address` of our registry on its chain")
	f.StringVar(&w.key, "key", "", "`file` with the private key of the account that owns the DID, and pays")
	f.StringVar(&w.did, "did", "", "the `DID`; empty means that of the account's own address")
	f.StringVar(&w.finality, "finality", "finalized", "what to wait for, and to read back at: finalized, safe or latest")
}

// open opens the registry and finds out which identity is meant. Nothing is sent.
func (w *writing) open(ctx context.Context, p *page) (err error) {
	w.page = p
	if w.rpc == "" || w.registry == "" || w.key == "" {
		return usageError("-rpc, -registry and -key are required")
	}
	if w.owner, err = anchor.LoadKeyFile(w.key); err != nil {
		return err
	}
	network, err := networkAt(ctx, w.rpc, w.registry)
	if err != nil {
		return err
	}
	if w.on, err = anchor.Open(ctx, anchor.Config{Network: network, Finality: w.finality, Progress: w.progress}); err != nil {
		return err
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

func (w *writing) progress(p anchor.Progress) {
	switch {
	case p.Reached != 0 && p.Reached < p.Block:
		w.page.progress(fmt.Sprintf("waiting for block %d to be %s: at %d", p.Block, w.finality, p.Reached))
	case p.Reached == 0 && p.Block == 0:
		w.page.progress(fmt.Sprintf("handing in transaction 0x%x", p.Tx))
	case p.Reached == 0:
		w.page.progress(fmt.Sprintf("transaction 0x%x is in block %d", p.Tx, p.Block))
	}
}

// wrote notes a transaction, and what it was for if it failed.
func (w *writing) wrote(what string, r anchor.Receipt, err error) error {
	if err == nil {
		w.receipts = append(w.receipts, r)
		return nil
	}
	var e *anchor.Error
	switch {
	case errors.As(err, &e) && e.Reason == anchor.NoAnswer && e.Tx != [32]byte{}:
		return fmt.Errorf("%s: transaction 0x%x may still be mined: look with `anchor history` before doing the same again: %w", what, e.Tx, err)
	case errors.As(err, &e) && e.Revert == "bad_actor":
		return fmt.Errorf("%s: the account %s does not own %s: %w", what, w.owner.Address(), w.id, err)
	}
	return fmt.Errorf("%s: %w", what, err)
}

// finish waits until all is final, and shows what readers now see.
func (w *writing) finish(ctx context.Context) error {
	for _, r := range w.receipts {
		if _, err := w.on.Final(ctx, r); err != nil {
			return w.wrote("waiting", r, err)
		}
	}
	r, err := w.reader(w.finality)
	if err != nil {
		return err
	}
	h, err := readHistory(ctx, r, w.id, w.receipts[0].Block, 100, time.Now(), w.page.progress)
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

// keyCommand is a command about keys: do is called for each of them, in order.
func keyCommand(about func(*flag.FlagSet), do func(ctx context.Context, w *writing, keys []publicKey) error) func(*flag.FlagSet) func(context.Context, []string, *page) error {
	return func(f *flag.FlagSet) func(context.Context, []string, *page) error {
		w := &writing{}
		w.flags(f)
		if about != nil {
			about(f)
		}
		return func(ctx context.Context, args []string, p *page) error {
			if len(args) == 0 {
				return usageError("no key; -help explains how keys are named")
			}
			if err := w.open(ctx, p); err != nil {
				return err
			}
			keys, err := w.keys(ctx, args)
			if err != nil {
				return err
			}
			if err := do(ctx, w, keys); err != nil {
				return err
			}
			return w.finish(ctx)
		}
	}
}

func prepareCreate(f *flag.FlagSet) func(context.Context, []string, *page) error {
	var service string
	var days int
	return keyCommand(func(f *flag.FlagSet) {
		f.StringVar(&service, "service", "", "a service, as `TYPE=URL`")
		daysFlag(f, &days)
	}, func(ctx context.Context, w *writing, keys []publicKey) error {
		kind, url, _ := strings.Cut(service, "=")
		if service != "" && (kind == "" || url == "") {
			return usageError("-service is TYPE=URL")
		}
		if err := addAll(ctx, w, keys, days); err != nil || service == "" {
			return err
		}
		r, err := w.identity.SetAttribute(ctx, "did/svc/"+kind, []byte(url), time.Duration(days)*day)
		return w.wrote("service", r, err)
	})(f)
}

func daysFlag(f *flag.FlagSet, days *int) {
	f.IntVar(days, "days", 730, "for how many `days` a new key counts, unless it is renewed, retired or revoked")
}

func addAll(ctx context.Context, w *writing, keys []publicKey, days int) error {
	if days < 1 || days > 100*365 {
		return usageError("-days is from 1 to 36500")
	}
	for _, k := range keys {
		r, err := w.identity.AddKey(ctx, k.key, time.Duration(days)*day)
		if err := w.wrote("adding "+k.said, r, err); err != nil {
			return err
		}
	}
	return nil
}

func prepareAdd(f *flag.FlagSet) func(context.Context, []string, *page) error {
	var days int
	return keyCommand(func(f *flag.FlagSet) { daysFlag(f, &days) }, func(ctx context.Context, w *writing, keys []publicKey) error {
		return addAll(ctx, w, keys, days)
	})(f)
}

func retireAll(ctx context.Context, w *writing, keys []publicKey) error {
	for _, k := range keys {
		r, err := w.identity.AddKey(ctx, k.key, time.Second)
		if err := w.wrote("retiring "+k.said, r, err); err != nil {
			return err
		}
	}
	return nil
}

func revokeAll(ctx context.Context, w *writing, keys []publicKey) error {
	for _, k := range keys {
		r, err := w.identity.RevokeKey(ctx, k.key)
		if err := w.wrote("revoking "+k.said, r, err); err != nil {
			return err
		}
		w.page.settled()
		w.page.line("%s is revoked in block %d. Have agencies declare it compromised meanwhile:\n\n  %s\n", k.said, r.Block, k.key.Thumbprint())
	}
	return nil
}

func prepareRotate(f *flag.FlagSet) func(context.Context, []string, *page) error {
	var days int
	return keyCommand(func(f *flag.FlagSet) { daysFlag(f, &days) }, func(ctx context.Context, w *writing, keys []publicKey) error {
		if len(keys) != 2 {
			return usageError("rotate takes two keys: the old one and the new one")
		}
		if err := addAll(ctx, w, keys[1:], days); err != nil {
			return err
		}
		return retireAll(ctx, w, keys[:1])
	})(f)
}

// once is a command with one operation, which is not undone easily, or never: it wants to be confirmed.
func once(argument, warning string, do func(ctx context.Context, w *writing, argument string) (anchor.Receipt, error)) func(*flag.FlagSet) func(context.Context, []string, *page) error {
	return func(f *flag.FlagSet) func(context.Context, []string, *page) error {
		w := &writing{}
		w.flags(f)
		sure := f.String("sure", "", "the `DID` once more: "+warning)
		return func(ctx context.Context, args []string, p *page) error {
			if want := map[bool]int{true: 1}[argument != ""]; len(args) != want {
				return usageError("it takes flags and " + map[bool]string{true: argument, false: "nothing else"}[argument != ""])
			}
			if err := w.open(ctx, p); err != nil {
				return err
			}
			if *sure != w.id.String() {
				return usageError(warning + ": confirm with -sure " + w.id.String())
			}
			r, err := do(ctx, w, strings.Join(args, ""))
			if err := w.wrote("changing the owner", r, err); err != nil {
				return err
			}
			return w.finish(ctx)
		}
	}
}

func changeOwner(ctx context.Context, w *writing, to string) (anchor.Receipt, error) {
	a, err := didethr.ParseAddress(to)
	if err != nil {
		return anchor.Receipt{}, usageError(err.Error())
	}
	return w.identity.ChangeOwner(ctx, a)
}

func deactivate(ctx context.Context, w *writing, _ string) (anchor.Receipt, error) {
	return w.identity.Deactivate(ctx)
}
