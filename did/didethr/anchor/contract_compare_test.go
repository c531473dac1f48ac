package anchor

import (
	"bytes"
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/khyer/khyer/did/didethr"
	"github.com/khyer/khyer/did/didethr/ethrtest"
	"github.com/khyer/khyer/internal/ethrpc"
)

// compare looks at everything that the registry shows after a block.
func (p *play) compare(number, now uint64) {
	p.t.Helper()
	logs := p.logsFrom(number)
	wanted := p.events[p.seen:]
	if len(logs) != len(wanted) {
		p.t.Fatalf("block %d has %d events, want %d", number, len(logs), len(wanted))
	}
	for i, l := range logs {
		if got, want := modelled(l).String(), wanted[i].String(); got != want {
			p.t.Fatalf("event %d of the block is\n%s, want\n%s", i, got, want)
		}
	}
	p.seen = len(p.events)

	type view struct {
		what string
		data []byte
		want [32]byte
	}
	var views []view
	add := func(what string, want [32]byte, signature string, args ...any) {
		views = append(views, view{what, pack(signature, args...), want})
	}
	for a, i := range p.identities {
		id, owner := addressWord(a), p.ownerOf(a)
		if i.nonce < p.most[a] {
			p.t.Fatal("a nonce went back")
		}
		p.most[a] = i.nonce
		add("identityOwner", addressWord(owner), "identityOwner(address)", id)
		add("owners", addressWord(i.owner), "owners(address)", id)
		add("changed", uintWord(i.changed), "changed(address)", id)
		add("nonce", uintWord(i.nonce), "nonce(address)", id)
		add("history", i.history, "history(address)", id)
		for d, until := range i.delegates {
			kind, who := name(d.kind), addressWord(d.who)
			var stored, valid [32]byte
			until.FillBytes(stored[:])
			if until.Cmp(new(big.Int).SetUint64(now)) > 0 && owner != [20]byte{} {
				valid = uintWord(1)
			}
			add("delegates", stored, "delegates(address,bytes32,address)", id, keccak(kind[:]), who)
			add("validDelegate", valid, "validDelegate(address,bytes32,address)", id, kind, who)
		}
	}
	to := didethr.Address(p.registry)
	calls := make([]ethrpc.Call, len(views))
	for i, v := range views {
		calls[i] = ethrpc.Call{Method: "eth_call", Params: []any{newCall(didethr.Address{}, &to, nil, v.data), "latest"}}
	}
	if err := p.node.Batch(p.t.Context(), calls); err != nil {
		p.t.Fatal(err)
	}
	for i, v := range views {
		var got hexHash
		if err := decode(calls[i], &got); err != nil || got != v.want {
			p.t.Fatalf("%s of %x is %x, want %x (%v)", v.what, v.data[16:36], got, v.want, err)
		}
	}
}

// close checks whole histories once more, from the chain's logs alone: they give the accumulator, the links back from `changed` reach every
// event, and after the end of an identity there is none.
func (p *play) close() {
	p.t.Helper()
	logs := p.logs()
	for a, i := range p.identities {
		var own []modelEvent
		for _, l := range logs {
			if l.Topics[1] == addressWord(a) {
				own = append(own, modelled(l))
			}
		}
		if accumulate(a, logs) != i.history || p.history(a) != i.history {
			p.t.Errorf("the accumulator of %x is not that of its logs", a)
		}
		at, reached := p.changed(a), 0
		for at != 0 {
			before := at
			for _, e := range own {
				if e.block != at {
					continue
				}
				if reached++; e.previous < at {
					before = e.previous
				}
			}
			if before == at {
				p.t.Fatalf("no event in block %d leads back", at)
			}
			at = before
		}
		if reached != len(own) {
			p.t.Errorf("the links of %x reach %d events of %d", a, reached, len(own))
		}
		for n, e := range own {
			if e.kind == 1 && e.party == [20]byte{} && n != len(own)-1 {
				p.t.Errorf("%x changed after its end", a)
			}
		}
	}
}

func TestRegistryAgainstModel(t *testing.T) {
	ended := 0
	accepted, refused := map[string]int{}, map[string]int{}
	for seed := range uint64(12) {
		random := rand.New(rand.NewPCG(seed, 4))
		data := make([]byte, 1500)
		for i := range data {
			data[i] = byte(random.Uint32())
		}
		p := newPlay(t, []ethrtest.Fork{ethrtest.Osaka, ethrtest.Amsterdam}[seed%2], data)
		p.accepted, p.refusals = accepted, refused
		for len(p.data) > 0 {
			p.block()
		}
		p.close()
		for a, i := range p.identities {
			if a != [20]byte{} && i.handedOver && i.owner == [20]byte{} {
				ended++
			}
		}
	}
	t.Logf("accepted %v, refused %v, %d identities ended", accepted, refused, ended)
	// The test means nothing if it does not get around.
	for _, word := range []string{"bad_actor", "bad_signature", "bad_identity", "bad_delegate", "bad_validity", "deactivated", "expired", overflow} {
		if refused[word] == 0 {
			t.Errorf("nothing was refused with %s", word)
		}
	}
	if len(accepted) != 2*2*len(signedOps) || ended < 10 {
		t.Error("some operation was never accepted from some owner")
	}
}

// FuzzRegistryAgainstModel lets the fuzzer choose the operations.
func FuzzRegistryAgainstModel(f *testing.F) {
	f.Add([]byte{})
	f.Add(bytes.Repeat([]byte{0, 1, 2, 3}, 40))
	f.Add(bytes.Repeat([]byte{7, 1, 0, 9, 4, 255}, 40))
	f.Fuzz(func(t *testing.T, data []byte) {
		p := newPlay(t, ethrtest.Osaka, data[:min(len(data), 150)])
		for first := true; first || len(p.data) > 0; first = false {
			p.block()
		}
		p.close()
	})
}
