package main

import (
	"context"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"strings"
	"time"

	"github.com/khyer/khyer/did/didethr"
	"github.com/khyer/khyer/did/didethr/anchor"
	"github.com/khyer/khyer/did/pubkey"
)

// validity is the flag -days.
type validity struct{ days int }

func (v *validity) flag(f *flag.FlagSet) {
	f.IntVar(&v.days, "days", 730, "for how many `days` what is published counts, unless it is renewed, retired or revoked")
}

func (v *validity) duration() (time.Duration, error) {
	if v.days < 1 || v.days > 36500 {
		return 0, usageError("-days is from 1 to 36500")
	}
	return time.Duration(v.days) * day, nil
}

func prepareCreate(f *flag.FlagSet) action {
	var service string
	var v validity
	about := func(f *flag.FlagSet) {
		f.StringVar(&service, "service", "", "a service, as `TYPE=URL`")
		v.flag(f)
	}
	return writes(about, func(ctx context.Context, w *writing, args []string) ([]anchor.Op, string, error) {
		ops, err := v.add(ctx, w, args)
		if err != nil || service == "" {
			return ops, "", err
		}
		kind, url, _ := strings.Cut(service, "=")
		if kind == "" || url == "" {
			return nil, "", usageError("-service is TYPE=URL")
		}
		valid, err := v.duration()
		return append(ops, anchor.AddService(kind, url, valid)), "", err
	})(f)
}

func prepareAdd(f *flag.FlagSet) action {
	var v validity
	return writes(v.flag, func(ctx context.Context, w *writing, args []string) ([]anchor.Op, string, error) {
		ops, err := v.add(ctx, w, args)
		return ops, "", err
	})(f)
}

func (v *validity) add(ctx context.Context, w *writing, args []string) (ops []anchor.Op, err error) {
	valid, err := v.duration()
	if err != nil {
		return nil, err
	}
	keys, err := w.keys(ctx, args)
	for _, k := range keys {
		ops = append(ops, anchor.AddKey(k, anchor.VeriKey, valid))
	}
	return ops, err
}

func prepareRotate(f *flag.FlagSet) action {
	var v validity
	return writes(v.flag, func(ctx context.Context, w *writing, args []string) ([]anchor.Op, string, error) {
		if len(args) != 2 {
			return nil, "", usageError("rotate takes two keys: the old one and the new one")
		}
		valid, err := v.duration()
		if err != nil {
			return nil, "", err
		}
		keys, err := w.keys(ctx, args)
		if err != nil {
			return nil, "", err
		}
		return anchor.Rotate(keys[0], keys[1], anchor.VeriKey, valid), "", nil
	})(f)
}

func prepareRetire(f *flag.FlagSet) action {
	var in time.Duration
	about := func(f *flag.FlagSet) {
		f.DurationVar(&in, "in", time.Second, "how long the keys still count, such as 720h; a second at least")
	}
	return writes(about, func(ctx context.Context, w *writing, args []string) (ops []anchor.Op, told string, err error) {
		keys, err := w.keys(ctx, args)
		for _, k := range keys {
			ops = append(ops, anchor.RetireKey(k, anchor.VeriKey, in))
		}
		return ops, "", err
	})(f)
}

func prepareRevoke(f *flag.FlagSet) action {
	var successor string
	var unchecked bool
	var v validity
	about := func(f *flag.FlagSet) {
		f.StringVar(&successor, "new", "", "a `KEY` to publish at the same time; the revocations go first")
		f.BoolVar(&unchecked, "unchecked", false, "send it even if the chain cannot be read, for keys given as files or Multikeys; look at the history afterwards")
		v.flag(f)
	}
	return writes(about, func(ctx context.Context, w *writing, args []string) (ops []anchor.Op, told string, err error) {
		keys, err := w.keys(ctx, args)
		if err != nil {
			return nil, "", err
		}
		told = "Revoked."
		if unchecked {
			told = "Sent without looking whether these keys are published: `anchor history` must say that they are revoked."
		}
		told += " Until that is final, have those who run trust lists declare compromised:\n\n"
		for _, k := range keys {
			revocations, err := w.revocations(ctx, k, unchecked)
			if err != nil {
				return nil, "", err
			}
			ops = append(ops, revocations...)
			told += "  " + nameOf(k) + "\n"
		}
		if successor != "" {
			var next []anchor.Op
			if next, err = v.add(ctx, w, []string{successor}); err != nil {
				return nil, "", err
			}
			ops = append(ops, next...)
		}
		return ops, told, nil
	})(f)
}

// revocations are of all names that a key has on the chain or, where that is not looked at, of those under which keys sign.
func (w *writing) revocations(ctx context.Context, k pubkey.Key, unchecked bool) ([]anchor.Op, error) {
	if unchecked {
		return []anchor.Op{anchor.RevokeKey(k, anchor.VeriKey).Unchecked(), anchor.RevokeKey(k, anchor.SigAuth).Unchecked()}, nil
	}
	ops, err := w.on.Revocations(ctx, w.identity.Address(), k)
	var e *anchor.Error
	switch {
	case err == nil:
		return ops, nil
	case errors.As(err, &e) && e.Reason == anchor.NotPublished:
		return nil, fmt.Errorf("%s of %s: %w", nameOf(k), w.id, err)
	}
	return nil, fmt.Errorf("to revoke without looking, give -unchecked and the key as a file or Multikey: %w", err)
}

// nameOf is the thumbprint of a key, or of a delegate the address.
func nameOf(k pubkey.Key) string {
	if a, ok := k.Address(); ok && k.Curve() == "" {
		return "0x" + hex.EncodeToString(a[:])
	}
	return k.Thumbprint()
}

func prepareService(f *flag.FlagSet) action {
	var remove bool
	var v validity
	about := func(f *flag.FlagSet) {
		f.BoolVar(&remove, "remove", false, "take the service back")
		v.flag(f)
	}
	return writes(about, func(_ context.Context, _ *writing, args []string) ([]anchor.Op, string, error) {
		if len(args) != 2 {
			return nil, "", usageError("service takes a type and an endpoint")
		}
		valid, err := v.duration()
		if remove {
			return []anchor.Op{anchor.RevokeService(args[0], args[1])}, "", err
		}
		return []anchor.Op{anchor.AddService(args[0], args[1], valid)}, "", err
	})(f)
}

// Two operations are not undone easily, or never: they want the DID once more.

func prepareOwner(f *flag.FlagSet) action {
	var sure string
	about := func(f *flag.FlagSet) {
		f.StringVar(&sure, "sure", "", "the `DID` once more: this account can write nothing afterwards")
	}
	return writes(about, func(_ context.Context, w *writing, args []string) ([]anchor.Op, string, error) {
		if len(args) != 1 {
			return nil, "", usageError("owner takes the address of the new owner")
		}
		to, err := didethr.ParseAddress(args[0])
		if err != nil {
			return nil, "", usageError(err.Error())
		}
		return []anchor.Op{anchor.ChangeOwner(to)}, "", w.confirmed(sure, "this account can write nothing afterwards")
	})(f)
}

func prepareDeactivate(f *flag.FlagSet) action {
	var sure string
	about := func(f *flag.FlagSet) { f.StringVar(&sure, "sure", "", "the `DID` once more: nobody can undo this") }
	return writes(about, func(_ context.Context, w *writing, args []string) ([]anchor.Op, string, error) {
		if len(args) != 0 {
			return nil, "", usageError("deactivate takes flags alone")
		}
		return []anchor.Op{anchor.Deactivate()}, "", w.confirmed(sure, "nobody can undo it, and no card of this issuer is accepted afterwards")
	})(f)
}

func (w *writing) confirmed(sure, warning string) error {
	if sure != w.id.String() {
		return usageError(warning + ": confirm with -sure " + w.id.String())
	}
	return nil
}
