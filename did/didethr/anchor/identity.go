package anchor

import (
	"context"
	"math/big"
	"time"

	"github.com/multiformats/go-multibase"

	"github.com/khyer/khyer/did/didethr"
	"github.com/khyer/khyer/did/pubkey"
)

// Identity writes one identity. It is safe for concurrent use. Its methods return when the transaction is in a block; see
// Registry.Final. An operation that the registry would refuse is refused before it costs anything, with the reason Reverted.
type Identity struct {
	registry *Registry
	address  didethr.Address
	owner    Signer
}

// keyAttribute is the name of an attribute that publishes a signing key (did:ethr specification, "Multikey").
const keyAttribute = "did/pub/Multikey/veriKey"

// Identity returns the identity of an address, to be written by its owner. As long as no owner was set, that is the address itself.
func (r *Registry) Identity(a didethr.Address, owner Signer) *Identity {
	return &Identity{r, a, owner}
}

// Address returns the identity's address.
func (i *Identity) Address() didethr.Address { return i.address }

// AddKey publishes a key for making assertions, such as signing credentials, valid from now on for the given time (whole seconds). Adding
// it again renews it.
func (i *Identity) AddKey(ctx context.Context, k pubkey.Key, valid time.Duration) (Receipt, error) {
	value, err := multikey(k)
	if err != nil {
		return Receipt{}, err
	}
	return i.SetAttribute(ctx, keyAttribute, value, valid)
}

// RevokeKey revokes a key: from its block on, verifiers refuse all that it signed, whenever that was. A key that is merely
// replaced should be left to lapse instead.
func (i *Identity) RevokeKey(ctx context.Context, k pubkey.Key) (Receipt, error) {
	value, err := multikey(k)
	if err != nil {
		return Receipt{}, err
	}
	return i.RevokeAttribute(ctx, keyAttribute, value)
}

// multikey returns what a Multikey attribute holds: the multicodec prefix and the key, without the multibase text around them.
func multikey(k pubkey.Key) ([]byte, error) {
	text, ok := k.Multikey()
	if !ok {
		return nil, fail(BadKey, "the key has no Multikey form")
	}
	base, value, err := multibase.Decode(text)
	if err != nil || base != multibase.Base58BTC {
		return nil, fail(BadKey, "the key has no Multikey form")
	}
	return value, nil
}

// SetAttribute publishes an attribute, such as a service: did/svc/<type> with a URL or a JSON value. Whatever is written stays
// readable for ever: no personal data.
func (i *Identity) SetAttribute(ctx context.Context, name string, value []byte, valid time.Duration) (Receipt, error) {
	n, err := bytes32(name)
	if err != nil {
		return Receipt{}, err
	}
	seconds, err := seconds(valid)
	if err != nil {
		return Receipt{}, err
	}
	return i.call(ctx, pack("setAttribute(address,bytes32,bytes,uint256)", addressWord(i.address), n, tail(value), seconds))
}

// RevokeAttribute takes an attribute back; name and value are those with which it was set.
func (i *Identity) RevokeAttribute(ctx context.Context, name string, value []byte) (Receipt, error) {
	n, err := bytes32(name)
	if err != nil {
		return Receipt{}, err
	}
	return i.call(ctx, pack("revokeAttribute(address,bytes32,bytes)", addressWord(i.address), n, tail(value)))
}

// AddDelegate lets another account act for the identity. Readers know the kinds veriKey and sigAuth.
func (i *Identity) AddDelegate(ctx context.Context, kind string, delegate didethr.Address, valid time.Duration) (Receipt, error) {
	k, err := bytes32(kind)
	if err != nil {
		return Receipt{}, err
	}
	seconds, err := seconds(valid)
	if err != nil {
		return Receipt{}, err
	}
	return i.call(ctx, pack("addDelegate(address,bytes32,address,uint256)", addressWord(i.address), k, addressWord(delegate), seconds))
}

// RevokeDelegate ends that.
func (i *Identity) RevokeDelegate(ctx context.Context, kind string, delegate didethr.Address) (Receipt, error) {
	k, err := bytes32(kind)
	if err != nil {
		return Receipt{}, err
	}
	return i.call(ctx, pack("revokeDelegate(address,bytes32,address)", addressWord(i.address), k, addressWord(delegate)))
}

// ChangeOwner hands the identity over. From then on an Identity with the new owner's Signer writes it; this one no longer can.
func (i *Identity) ChangeOwner(ctx context.Context, to didethr.Address) (Receipt, error) {
	if to == (didethr.Address{}) {
		return Receipt{}, fail(BadConfig, "the zero address would deactivate the identity; there is Deactivate for that")
	}
	return i.changeOwner(ctx, to)
}

// Deactivate ends the identity for good: its document is empty from then on, and nothing can be written for it any more.
func (i *Identity) Deactivate(ctx context.Context) (Receipt, error) {
	return i.changeOwner(ctx, didethr.Address{})
}

func (i *Identity) changeOwner(ctx context.Context, to didethr.Address) (Receipt, error) {
	return i.call(ctx, pack("changeOwner(address,address)", addressWord(i.address), addressWord(to)))
}

func (i *Identity) call(ctx context.Context, data []byte) (Receipt, error) {
	to := i.registry.network.Registry
	return i.registry.transact(ctx, i.owner, &to, nil, data)
}

func bytes32(name string) (w [32]byte, err error) {
	if name == "" || len(name) > len(w) {
		return w, fail(BadConfig, "a name has 1 to 32 bytes, this one has %d", len(name))
	}
	copy(w[:], name)
	return w, nil
}

func seconds(d time.Duration) (w [32]byte, err error) {
	if d < time.Second {
		return w, fail(BadConfig, "a validity is a second at least")
	}
	return uintWord(uint64(d / time.Second)), nil
}

// Fund pays ether, in wei, from payer to an account: a new identity needs some before it can write, since each change is paid for.
func (r *Registry) Fund(ctx context.Context, payer Signer, to didethr.Address, wei *big.Int) (Receipt, error) {
	if wei == nil || wei.Sign() <= 0 {
		return Receipt{}, fail(BadConfig, "nothing to pay")
	}
	return r.transact(ctx, payer, &to, wei, nil)
}
