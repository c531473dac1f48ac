package anchor

import (
	"context"
	"time"

	"github.com/khyer/khyer/did/didethr"
	"github.com/khyer/khyer/did/pubkey"
)

// One operation at a time: Apply for those who have but one.

func (i *Identity) one(ctx context.Context, o Op) (Receipt, error) {
	got, err := i.Apply(ctx, o)
	return got[0], err
}

// AddKey applies AddKey for VeriKey.
func (i *Identity) AddKey(ctx context.Context, k pubkey.Key, valid time.Duration) (Receipt, error) {
	return i.one(ctx, AddKey(k, VeriKey, valid))
}

// RevokeKey applies RevokeKey for VeriKey.
func (i *Identity) RevokeKey(ctx context.Context, k pubkey.Key) (Receipt, error) {
	return i.one(ctx, RevokeKey(k, VeriKey))
}

// SetAttribute applies SetAttribute.
func (i *Identity) SetAttribute(ctx context.Context, name string, value []byte, valid time.Duration) (Receipt, error) {
	return i.one(ctx, SetAttribute(name, value, valid))
}

// RevokeAttribute applies RevokeAttribute.
func (i *Identity) RevokeAttribute(ctx context.Context, name string, value []byte) (Receipt, error) {
	return i.one(ctx, RevokeAttribute(name, value))
}

// AddDelegate applies AddDelegate.
func (i *Identity) AddDelegate(ctx context.Context, u Use, delegate didethr.Address, valid time.Duration) (Receipt, error) {
	return i.one(ctx, AddDelegate(delegate, u, valid))
}

// RevokeDelegate applies RevokeDelegate.
func (i *Identity) RevokeDelegate(ctx context.Context, u Use, delegate didethr.Address) (Receipt, error) {
	return i.one(ctx, RevokeDelegate(delegate, u))
}

// ChangeOwner applies ChangeOwner.
func (i *Identity) ChangeOwner(ctx context.Context, to didethr.Address) (Receipt, error) {
	return i.one(ctx, ChangeOwner(to))
}

// Deactivate applies Deactivate.
func (i *Identity) Deactivate(ctx context.Context) (Receipt, error) { return i.one(ctx, Deactivate()) }
