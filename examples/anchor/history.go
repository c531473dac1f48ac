package main

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/khyer/khyer/did"
	"github.com/khyer/khyer/did/pubkey"
)

// history is what a chain says about one DID, from its first change on.
type history struct {
	DID    string  `json:"did"`
	Chain  string  `json:"chain"`
	Block  uint64  `json:"read_at_block"`
	Tag    string  `json:"finality"`
	Owner  string  `json:"owner,omitempty"`
	Events []event `json:"events"`
	Keys   []line  `json:"keys"`
	More   string  `json:"more_from_block,omitempty"` // the version after the last one that was read

	last  *did.Resolution
	names []named // the keys in the order in which they were met
}

// event is an entry of the timeline. What the clock did, and no transaction, has no block.
type event struct {
	Block uint64    `json:"block,omitempty"`
	Time  time.Time `json:"time"`
	What  string    `json:"what"`           // such as "key revoked"
	Key   string    `json:"key,omitempty"`  // its short name
	Until time.Time `json:"until,omitzero"` // for a key that was added, renewed or retired
	Text  string    `json:"text,omitempty"` // more, safe to print
	kid   string    // the fragment under which the document lists the key
	curve string
}

// line is what has become of a key, or of one life of it: a key that was revoked and set again has two.
type line struct {
	Name       string    `json:"name"`
	KeyID      string    `json:"kid"`
	Thumbprint string    `json:"thumbprint,omitempty"`
	Class      string    `json:"class,omitempty"`
	From       time.Time `json:"from,omitzero"`
	Until      time.Time `json:"until,omitzero"`
	Revoked    time.Time `json:"revoked,omitzero"`
	Verdict    string    `json:"card_of_its_time"` // on a card that says that it was signed while the key counted
	style      style
}

type named struct {
	key  pubkey.Key
	name string
}

// readHistory walks the versions of a DID's document, each of which names the next, as of one block: a reorganisation on the way cannot
// mix two chains. It reads at most versions of them, from the one at block from on; 0 is the first.
func readHistory(ctx context.Context, r did.Resolver, id did.DID, from uint64, versions int, now time.Time, progress func(string)) (*history, error) {
	last, err := r.Resolve(ctx, id, did.At{})
	if err != nil {
		return nil, err
	}
	h := &history{DID: id.String(), Chain: last.Anchor.Chain, Block: last.Anchor.Block, Tag: last.Anchor.Tag, last: last, Owner: owner(last)}
	if last.Metadata.VersionID != "" {
		if err := h.walk(ctx, r, id, from, versions, progress); err != nil {
			return nil, err
		}
	}
	for _, k := range last.Keys {
		h.Keys = append(h.Keys, h.line(k, now))
	}
	if h.More == "" {
		h.lapses(last, laterOf(now, last.Anchor.Time))
	}
	return h, nil
}

func (h *history) walk(ctx context.Context, r did.Resolver, id did.DID, from uint64, versions int, progress func(string)) error {
	at := did.At{Block: max(from, 1), Anchor: &h.last.Anchor}
	before, err := r.Resolve(ctx, id, at)
	if err != nil {
		return err
	}
	if before.Metadata.VersionID == strconv.FormatUint(at.Block, 10) { // the block asked for has a change itself
		if at.Block--; at.Block == 0 {
			h.changes(&did.Resolution{}, before)
		} else if before, err = r.Resolve(ctx, id, at); err != nil {
			return err
		}
	}
	for next, n := before.Metadata.NextVersionID, 0; next != ""; n++ {
		if n == versions {
			h.More = next
			return nil
		}
		progress("reading the change in block " + next)
		if at.Block, err = strconv.ParseUint(next, 10, 63); err != nil || at.Block <= before.Anchor.Block {
			return errors.New("the versions of the document lead nowhere")
		}
		after, err := r.Resolve(ctx, id, at)
		if err != nil {
			return err
		}
		h.changes(before, after)
		before, next = after, after.Metadata.NextVersionID
	}
	return nil
}

// changes compares a version of the document with the one before it. Several operations may stand in one block.
func (h *history) changes(before, after *did.Resolution) {
	t := after.Metadata.Updated
	h.lapses(before, t)
	found := len(h.Events)
	add := func(e event) {
		e.Block, e.Time = after.Anchor.Block, t
		h.Events = append(h.Events, e)
	}
	if after.Deactivated {
		if !before.Deactivated {
			add(event{What: "deactivated", Text: "for good: no key of it verifies anything from here on"})
		}
		return
	}
	if was, is := owner(before), owner(after); is != was && before.Document != nil {
		add(event{What: "owner changed", Text: "from " + ends(was) + " to " + ends(is)})
	}
	old := slices.Clone(before.Keys)
	for _, k := range inOrder(after.Keys) {
		if k.Class == "controller" || k.Class == "controllerKey" {
			continue // the owner's
		}
		i := slices.IndexFunc(old, func(o did.Key) bool { return sameLife(o, k) })
		e := event{Key: h.name(k.Public), kid: fragment(k.ID), Until: k.Until, curve: cmp.Or(k.Public.Curve(), "account"), Text: k.Class}
		if i < 0 {
			e.What = "key added"
			add(e)
		}
		switch was := (did.Key{}); {
		case i >= 0:
			was = old[i]
			old = slices.Delete(old, i, i+1)
			if was.Revoked.IsZero() && k.Revoked.IsZero() && !was.Until.Equal(k.Until) {
				if e.What = "key renewed"; k.Until.Before(was.Until) {
					e.What = "key retired"
				}
				add(e)
			}
			if !was.Revoked.IsZero() {
				break
			}
			fallthrough
		default:
			if !k.Revoked.IsZero() {
				add(event{What: "key revoked", Key: e.Key, kid: e.kid})
			}
		}
	}
	h.services(before.Document, after.Document, add)
	if len(h.Events) == found {
		add(event{What: "something else", Text: "that no document shows"})
	}
}

// services compares the services of two versions. One that is set again gets another id, as keys do.
func (h *history) services(before, after *did.Document, add func(event)) {
	type service struct{ id, text string }
	list := func(d *did.Document) (out []service) {
		if d != nil {
			for _, s := range d.Service {
				out = append(out, service{s.ID, safe(s.Type, longestText) + " " + safe(string(s.Endpoint), longestText)})
			}
		}
		return out
	}
	was := list(before)
	for _, is := range list(after) {
		i := slices.IndexFunc(was, func(w service) bool { return w.text == is.text })
		switch {
		case i < 0:
			add(event{What: "service added", Text: is.text})
			continue
		case was[i].id != is.id:
			add(event{What: "service renewed", Text: is.text})
		}
		was = slices.Delete(was, i, i+1)
	}
	for _, w := range was {
		add(event{What: "service ended", Text: w.text})
	}
}

// lapses enters the keys whose time ended before t and after the last change of r: no transaction tells of them.
func (h *history) lapses(r *did.Resolution, t time.Time) {
	since := r.Metadata.Updated
	var ended []did.Key
	for _, k := range r.Keys {
		if !k.Until.IsZero() && k.Until.After(since) && !k.Until.After(t) && k.Revoked.IsZero() {
			ended = append(ended, k)
		}
	}
	slices.SortStableFunc(ended, func(a, b did.Key) int { return a.Until.Compare(b.Until) })
	for _, k := range ended {
		h.Events = append(h.Events, event{Time: k.Until, What: "key lapsed", Key: h.name(k.Public), kid: fragment(k.ID)})
	}
}

// inOrder sorts keys as they came.
func inOrder(keys []did.Key) []did.Key {
	keys = slices.Clone(keys)
	slices.SortStableFunc(keys, func(a, b did.Key) int { return a.From.Compare(b.From) })
	return keys
}

func sameLife(a, b did.Key) bool {
	return a.Class == b.Class && a.From.Equal(b.From) && a.Public.Equal(b.Public) && slices.Equal(a.Purposes, b.Purposes)
}

// name gives a public key a short name: "key 1" to the first one of the history, or for an account its address.
func (h *history) name(k pubkey.Key) string {
	if a, ok := k.Address(); ok && k.Curve() == "" {
		return ends("0x" + hex.EncodeToString(a[:]))
	}
	for _, n := range h.names {
		if n.key.Equal(k) {
			return n.name
		}
	}
	n := named{k, fmt.Sprintf("key %d", len(h.names)+1)}
	h.names = append(h.names, n)
	return n.name
}

// line sums a key up.
func (h *history) line(k did.Key, now time.Time) line {
	l := line{Name: h.name(k.Public), KeyID: fragment(k.ID), Thumbprint: k.Public.Thumbprint(), Class: k.Class, From: k.From, Until: k.Until, Revoked: k.Revoked}
	if k.Class == "controller" || k.Class == "controllerKey" {
		l.Name = "owner"
	}
	l.Verdict, l.style = verdictOn(h.last, k, now)
	return l
}

// verdictOn says what a verifier would now say about a card that names this key and says that it was signed while the key counted.
// The words are those of package verifier; TestVerdictsAreTheVerifiers holds them against its own.
func verdictOn(r *did.Resolution, k did.Key, now time.Time) (string, style) {
	signed := k.From
	if signed.IsZero() {
		signed = now
	}
	_, err := r.Key(k.ID, did.AssertionMethod, signed)
	switch {
	case errors.Is(err, did.Deactivated):
		return "issuer_deactivated", red
	case errors.Is(err, did.KeyRevoked):
		return "issuer_key_revoked", red
	case errors.Is(err, did.KeyWrongPurpose):
		return "issuer_key_wrong_purpose", red
	case err != nil:
		return err.Error(), red
	case k.Class != "":
		return "issuer_key_not_accepted", yellow
	case !k.Until.IsZero() && !laterOf(now, r.Anchor.Time).Before(k.Until):
		return "accepted where lapsed keys are", yellow
	}
	return "accepted", green
}

func laterOf(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func owner(r *did.Resolution) string {
	if r.Deactivated {
		return ""
	}
	for _, k := range r.Keys {
		if a, ok := k.Public.Address(); ok && k.Class == "controller" {
			return "0x" + hex.EncodeToString(a[:])
		}
	}
	return ""
}

func fragment(id string) string {
	if i := strings.IndexByte(id, '#'); i >= 0 {
		return id[i:]
	}
	return id
}
