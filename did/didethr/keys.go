package didethr

import (
	"time"

	"github.com/khyer/khyer/did"
	"github.com/khyer/khyer/did/pubkey"
)

// keyring collects the keys of a history. What decides about a key's names and revocation stands beside it, at the same index.
type keyring struct {
	keys  []did.Key
	facts []fact
	names slab[string]
}

type fact struct {
	public      *public
	first, last int    // positions of the events that began the key and that last touched it; last is -1 for the keys of the controller
	confirmed   uint64 // time of the last event, if that was a revocation
}

func (r *keyring) add(k did.Key, f fact) {
	r.keys, r.facts = append(r.keys, k), append(r.facts, f)
}

// history gives every key that the DID has had, those that the document lists first and in its order. The package comment says what
// becomes of keys that are renewed, revoked, and set again.
func (s *state) history(listed []*entry) []did.Key {
	if s.nobodys() {
		return nil
	}
	size := s.begun + 2
	r := &keyring{keys: make([]did.Key, 0, size), facts: make([]fact, 0, size)}
	own := s.controllers()
	r.addOwn(own, true)
	for _, x := range listed {
		if x.public.usable {
			s.addLife(r, x, len(x.lives)-1)
		}
	}
	r.addOwn(own, false)
	for _, x := range s.sequence {
		if !x.public.usable {
			continue
		}
		lives := len(x.lives)
		if s.shows(x) {
			lives-- // the newest is listed above
		}
		for i := range lives {
			s.addLife(r, x, i)
		}
	}
	r.revokeTogether()
	r.nameByThumbprint(s.ident.did.String())
	return r.keys
}

// nobodys reports whether the identity is address zero, for which stock registries let everybody write (fault F4): it has no document to
// speak of and no keys.
func (s *state) nobodys() bool { return s.ident.identity == (Address{}) }

// addLife makes the key of one life of an entry. Its id is the newest of that life; the earlier ones are aliases, because renewing an
// entry gives it another id and old signatures name the old one (fault R).
func (s *state) addLife(r *keyring, x *entry, life int) {
	l := &x.lives[life]
	newest := len(l.ids) - 1
	k := did.Key{Purposes: x.purposes, Public: x.public.key, Class: x.class, From: unix(l.from), Until: unix(l.until)}
	if k.ID = x.listedAs; k.ID == "" || life < len(x.lives)-1 {
		k.ID = s.id(x, l.ids[newest])
	}
	if newest == 0 {
		k.Aliases = r.names.take()[:0] // for the thumbprint
	} else {
		k.Aliases = make([]string, 0, newest+1)
	}
	for i := newest - 1; i >= 0; i-- {
		k.Aliases = append(k.Aliases, s.id(x, l.ids[i]))
	}
	if l.revoked != 0 {
		k.Revoked = unix(l.revoked)
	} else if s.ended != 0 {
		k.Revoked = unix(s.ended)
	}
	r.add(k, fact{&x.public, l.first, l.last, l.confirmed})
}

// revokeTogether revokes a key that was set, and then revoked under another name, where did.Resolution.Key does not see it: in the same
// second, which only the positions of the events tell apart, and by revoking again what was revoked before the key was set.
func (r *keyring) revokeTogether() {
	type name struct {
		same    string
		purpose did.Purpose
	}
	type word struct {
		position int
		time     uint64
		seen     time.Time // the newest revocation that did.Resolution.Key sees
	}
	var last map[name]word
	for i := range r.keys {
		k, f := &r.keys[i], &r.facts[i]
		if k.Revoked.IsZero() || f.last < 0 {
			continue
		}
		if last == nil {
			last = map[name]word{}
		}
		for _, p := range k.Purposes {
			n := name{f.public.same, p}
			w, known := last[n]
			if !known || f.last > w.position {
				w.position, w.time = f.last, f.confirmed
			}
			if k.Revoked.After(w.seen) {
				w.seen = k.Revoked
			}
			last[n] = w
		}
	}
	if last == nil {
		return
	}
	for i := range r.keys {
		k, f := &r.keys[i], &r.facts[i]
		if !k.Revoked.IsZero() || k.From.IsZero() {
			continue
		}
		for _, p := range k.Purposes {
			if w, ok := last[name{f.public.same, p}]; ok && f.first < w.position && !k.From.Before(w.seen) {
				k.Revoked = unix(w.time)
			}
		}
	}
}

// ownKey is a key of whoever controls the identity.
type ownKey struct {
	key     did.Key
	public  public
	first   int
	current bool
}

func (r *keyring) addOwn(own []ownKey, current bool) {
	for i := range own {
		if o := &own[i]; o.current == current {
			r.add(o.key, fact{&o.public, o.first, -1, 0})
		}
	}
}

// controllers gives #controller and, in the public-key form, #controllerKey. An id names one key, so an owner who lost the identity is
// not listed: #controller is the owner of the moment asked about. #controllerKey is the identity's own key; while somebody else is
// owner it counts as revoked, and when ownership returns it is valid from then on.
func (s *state) controllers() (own []ownKey) {
	both := s.purposes[authenticating]
	newest := len(s.owners) - 1
	add := func(fragment, class string, pub pubkey.Key, tenure int) {
		t := &s.owners[tenure]
		o := ownKey{did.Key{ID: s.ident.did.String() + fragment, Purposes: both, Public: pub, Class: class}, publicOf(pub), t.first, tenure == newest}
		if t.first >= 0 {
			o.key.From = unix(t.from)
		}
		if !o.current {
			o.key.Revoked = unix(max(t.until, 1))
		}
		own = append(own, o)
	}
	controller := newest
	if s.ended != 0 {
		controller-- // the last one is nobody
	}
	add("#controller", classController, pubkey.FromAddress(s.owners[controller].owner), controller)
	for i := newest; i >= 0 && s.ident.key != nil; i-- {
		if s.owners[i].owner == s.ident.identity {
			add("#controllerKey", classControllerKey, s.identityKey(), i)
			break
		}
	}
	return own
}

// nameByThumbprint gives each public key one more name, its JWK thumbprint (RFC 7638), which does not depend on events and their
// number. Where several keys of the history are the same public key, one gets the name: a key that the subject published as a signing
// key before all others, then the one that an event touched last. So a key that was revoked and set again is, under this name, the new
// one, valid from the new block on; and a key that was set twice and revoked once is the revoked one, if that was the last word.
func (r *keyring) nameByThumbprint(id string) {
	best := make(map[string]int, len(r.keys))
	for i := range r.keys {
		t := r.facts[i].public.thumbprint
		if t == "" {
			continue
		}
		if j, ok := best[t]; !ok || r.precedes(i, j) {
			best[t] = i
		}
	}
	for t, i := range best {
		r.keys[i].Aliases = append(r.keys[i].Aliases, id+"#"+t)
	}
}

func (r *keyring) precedes(i, j int) bool {
	if a, b := r.keys[i].Class == "", r.keys[j].Class == ""; a != b {
		return a
	}
	return r.facts[i].last > r.facts[j].last
}
