package anchor

import (
	"context"
	"math/big"

	"github.com/khyer/khyer/did/didethr"
)

// Identity writes one identity. It is safe for concurrent use.
type Identity struct {
	registry *Registry
	address  didethr.Address
	owner    Signer
}

// Identity returns the identity of an address, to be written by its owner. As long as no owner was set, that is the address itself.
func (r *Registry) Identity(a didethr.Address, owner Signer) *Identity {
	return &Identity{r, a, owner}
}

// Address returns the identity's address.
func (i *Identity) Address() didethr.Address { return i.address }

// Apply makes changes, each in a transaction of its own, and returns when all are in blocks; see Registry.Final. The receipts stand in the
// order of the operations.
//
// Nothing is sent before all operations have been priced and checked: what the registry would refuse is refused with the reason Reverted
// before it costs anything, and what it would take in vain with NotPublished or BadKey. Then they go out with consecutive nonces, without waiting for each other, in this order: what revokes, what
// adds, RetireKey, and last ChangeOwner or Deactivate; within each kind as they were given. The last two kinds wait until everything
// before them has succeeded. Two operations about the same entry are refused, since the order would decide.
//
// With an error, the receipts' States say how far it got: Mined is done, Pending may be done yet, the others are not done. The error is
// the first one. A ctx that ends leaves its transactions with the node, as Pending.
func (i *Identity) Apply(ctx context.Context, ops ...Op) ([]Receipt, error) {
	receipts := make([]Receipt, len(ops))
	stages, err := plan(ops)
	if err != nil {
		return receipts, err
	}
	if i.owner == nil {
		return receipts, fail(BadConfig, "no signer")
	}
	r, jobs := i.registry, make([]*job, len(ops))
	fresh := map[*job]bool{} // not sent yet and held; the others were sent before, by another call or another process
	defer func() {
		for j := range fresh {
			j.release()
		}
	}()
	var ask []*job
	for k, o := range ops {
		receipts[k].ID = o.id
		to := r.network.Registry
		j := newJob(i.owner, &to, nil, o.calldata(i.address))
		j.id = o.id
		if jobs[k], err = r.journal.claim(r, j); err != nil {
			return receipts, err
		}
		if jobs[k] != j {
			r.adopt(jobs[k], i.owner)
			continue
		}
		fresh[j], ask = true, append(ask, j)
		defer r.journal.unclaim(j)
	}
	if len(ask) > 0 {
		if _, err := r.quote(ctx, ask); err != nil {
			return receipts, err
		}
	}
	have := &written{registry: r, identity: i.address}
	for k, o := range ops {
		if o.check != nil && fresh[jobs[k]] {
			if err := o.check(ctx, have); err != nil {
				return receipts, err
			}
		}
	}
	for _, stage := range stages {
		now := make([]*job, len(stage))
		for k, at := range stage {
			now[k] = jobs[at]
		}
		got, err := r.run(ctx, now, fresh)
		for k, at := range stage {
			receipts[at] = got[k]
		}
		if err != nil {
			return receipts, err
		}
	}
	return receipts, nil
}

// run sends those jobs of one account that are fresh, takes them out of that set, and follows all to their blocks.
func (r *Registry) run(ctx context.Context, jobs []*job, fresh map[*job]bool) ([]Receipt, error) {
	var first error
	var mine []*job
	for _, j := range jobs {
		if fresh[j] {
			mine = append(mine, j)
		}
	}
	if len(mine) > 0 {
		q, err := r.quote(ctx, mine)
		if err == nil {
			err = r.send(ctx, q, mine)
		}
		first = err
	}
	for _, j := range mine {
		j.release()
		delete(fresh, j)
	}
	out := make([]Receipt, len(jobs))
	for k, j := range jobs {
		var err error
		if out[k], err = r.follow(ctx, j); err != nil && first == nil {
			first = err
		}
	}
	return out, first
}

// transact does one thing.
func (r *Registry) transact(ctx context.Context, j *job) (Receipt, error) {
	out, err := r.run(ctx, []*job{j}, map[*job]bool{j: true})
	return out[0], err
}

// Fund pays ether, in wei, from payer to an account: a new identity needs some before it can write, since each change is paid for.
func (r *Registry) Fund(ctx context.Context, payer Signer, to didethr.Address, wei *big.Int) (Receipt, error) {
	if payer == nil {
		return Receipt{}, fail(BadConfig, "no signer")
	}
	if wei == nil || wei.Sign() <= 0 || wei.BitLen() > 256 {
		return Receipt{}, fail(BadConfig, "nothing to pay, or more than there is")
	}
	return r.transact(ctx, newJob(payer, &to, new(big.Int).Set(wei), nil))
}
