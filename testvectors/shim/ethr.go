package main

import (
	"context"
	"encoding/hex"
	"strings"
	"time"

	"github.com/khyer/khyer/did"
	"github.com/khyer/khyer/did/didethr"
	"github.com/khyer/khyer/internal/strictjson"
)

// foldHistory is did.ethr.fold: the pure function from events to a document, over a history as the set ethr-did-histories has it.
func foldHistory(_ context.Context, r *request) (answer, error) {
	profile := r.profile("profile")
	h := request{v: r.v.Get("history")}
	network, history := h.history()
	name, accept, clock := r.text("did"), r.text("accept"), r.time("clock")
	if params := r.text("params"); params != "" {
		name += "?" + params
	}
	if r.err != nil || h.err != nil {
		return nil, h.err
	}
	u, at, err := parseDID(name, "")
	if err != nil {
		return nil, err
	}
	network.Profile = profile
	res, err := didethr.Fold(network, history, u.DID, at, clock)
	out, err := represent(res, err, accept)
	if err == nil {
		out["keys"] = keysOf(res)
	}
	return out, err
}

// keysOf writes the history of the keys: the members of vc.verify's history, and what else a document does not say.
func keysOf(res *did.Resolution) []answer {
	out := []answer{}
	for _, k := range res.Keys {
		a := answer{"key_id": k.ID, "purposes": k.Purposes, "class": k.Class}
		if len(k.Aliases) > 0 {
			a["aliases"] = k.Aliases
		}
		for name, t := range map[string]time.Time{"from": k.From, "until": k.Until, "revoked": k.Revoked} {
			if !t.IsZero() {
				a[name] = t.Unix()
			}
		}
		out = append(out, a)
	}
	return out
}

// profile reads how documents are to be written; called is the member's name in a complaint.
func (r *request) profile(called string) didethr.Profile {
	switch text := r.text("profile"); text {
	case "", "current":
		return didethr.Current
	case "v11":
		return didethr.V11
	}
	r.fail(called, "is unknown")
	return didethr.Current
}

func (r *request) history() (didethr.Network, didethr.History) {
	n := request{v: r.v.Get("network")}
	network := didethr.Network{Name: n.text("name"), ChainID: uint64(n.integer("chainId", 1<<62)), Registry: n.address("registry")}
	h := didethr.History{Blocks: map[uint64]didethr.Block{}}
	r.each("blocks", func(v strictjson.Value) {
		b := request{v: v}
		block := didethr.Block{Number: uint64(b.integer("number", 1<<62)), Hash: b.word("hash"), Time: uint64(b.integer("timestamp", 1<<62))}
		h.Blocks[block.Number] = block
		r.take(b.err)
	})
	for _, list := range []string{"logs", "foreignLogs"} {
		r.each(list, func(v strictjson.Value) {
			l := request{v: v}
			log := didethr.Log{
				Address: l.address("address"), Data: l.data("data"), Block: uint64(l.integer("blockNumber", 1<<62)),
				BlockHash: l.word("blockHash"), Index: uint64(l.integer("logIndex", 1<<62)),
			}
			for _, topic := range l.texts("topics") {
				log.Topics = append(log.Topics, l.toWord("topics", topic))
			}
			h.Logs = append(h.Logs, log)
			r.take(l.err)
		})
	}
	end := request{v: r.v.Get("end")}
	head := uint64(end.integer("head", 1<<62))
	if _, ok := h.Blocks[head]; !ok {
		end.fail("history: end", "names a head that is not among the blocks")
	}
	h.Head = h.Blocks[head]
	r.take(n.err)
	r.take(end.err)
	return network, h
}

func (r *request) take(err error) {
	if r.err == nil {
		r.err = err
	}
}

func (r *request) data(name string) []byte { return r.toBytes(name, r.text(name)) }

func (r *request) word(name string) [32]byte { return r.toWord(name, r.text(name)) }

func (r *request) address(name string) didethr.Address {
	a, err := didethr.ParseAddress(r.text(name))
	if err != nil {
		r.fail(name, "is no address")
	}
	return a
}

func (r *request) toBytes(name, text string) []byte {
	digits, ok := strings.CutPrefix(text, "0x")
	b, err := hex.DecodeString(digits)
	if !ok || err != nil {
		r.fail(name, "is no hexadecimal data")
	}
	return b
}

func (r *request) toWord(name, text string) (w [32]byte) {
	b := r.toBytes(name, text)
	if len(b) != len(w) {
		r.fail(name, "is no word of 32 bytes")
		return w
	}
	return [32]byte(b)
}
