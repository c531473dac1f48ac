package didethr

import (
	"github.com/khyer/khyer/did"
	"github.com/khyer/khyer/did/pubkey"
)

// candidate is a did.Key on its way, with what decides about its names and revocation.
type candidate struct {
	key         did.Key
	public      public
	first, last int // positions of the events that began it and that last touched it; last is -1 for the keys of the controller
	current     bool
}

// history gives every key that the DID has had, those that the document lists first and in its order. The package comment says what
// becomes of keys that are renewed, revoked, and set again.
func (s *state) history(listed []*entry) []did.Key {
	if s.ident.identity == (Address{}) {
		return nil // on registries that let everybody write for it, the keys of identity zero are nobody's (fault F4)
	}
	found := make([]candidate, 0, len(s.sequence)+2)
	found = s.controllers(found)
	for _, x := range listed {
		if x.public.usable {
			found = append(found, s.candidate(x, len(x.lives)-1))
		}
	}
	for _, x := range s.sequence {
		if !x.public.usable {
			continue
		}
		lives := len(x.lives)
		if x.order > 0 && s.ended == 0 {
			lives-- // the newest is listed above
		}
		for i := range lives {
			found = append(found, s.candidate(x, i))
		}
	}
	revokeTogether(found)
	s.nameByThumbprint(found)
	keys := make([]did.Key, 0, len(found))
	for _, current := range []bool{true, false} {
		for i := range found {
			if found[i].current == current {
				keys = append(keys, found[i].key)
			}
		}
	}
	return keys
}

// candidate makes the key of one life of an entry. Its id is the newest of that life; the earlier ones are aliases, because renewing an
// entry gives it another id and old signatures name the old one (fault R).
func (s *state) candidate(x *entry, life int) candidate {
	l := &x.lives[life]
	newest := len(l.ids) - 1
	k := did.Key{ID: x.id(s, l.ids[newest]), Purposes: x.purposes, Public: x.public.key, Class: x.class, From: unix(l.from), Until: unix(l.until)}
	k.Aliases = make([]string, 0, newest+1) // and one for the thumbprint
	for i := newest - 1; i >= 0; i-- {
		k.Aliases = append(k.Aliases, x.id(s, l.ids[i]))
	}
	if l.revoked != 0 {
		k.Revoked = unix(l.revoked)
	} else if s.ended != 0 {
		k.Revoked = unix(s.ended)
	}
	return candidate{key: k, public: x.public, first: l.first, last: l.last, current: x.order > 0 && life == len(x.lives)-1 && s.ended == 0}
}

// revokeTogether revokes a key that was set, and then revoked under another name, all in one second. did.Resolution.Key finds such a
// revocation wherever the times differ; where they do not, only the positions of the events tell which was the last word.
func revokeTogether(found []candidate) {
	type word struct {
		same    string
		purpose did.Purpose
		time    int64
	}
	var last map[word]int
	for i := range found {
		c := &found[i]
		if c.key.Revoked.IsZero() || c.last < 0 {
			continue
		}
		if last == nil {
			last = map[word]int{}
		}
		for _, p := range c.key.Purposes {
			w := word{c.public.same, p, c.key.Revoked.Unix()}
			last[w] = max(last[w], c.last)
		}
	}
	for i := range found {
		c := &found[i]
		if last == nil || !c.key.Revoked.IsZero() || c.key.From.IsZero() {
			continue
		}
		for _, p := range c.key.Purposes {
			if at, ok := last[word{c.public.same, p, c.key.From.Unix()}]; ok && c.first < at {
				c.key.Revoked = c.key.From
			}
		}
	}
}

// controllers gives #controller and, in the public-key form, #controllerKey. An id names one key, so an owner who lost the identity is
// not listed: #controller is the owner of the moment asked about. #controllerKey is the identity's own key; while somebody else is
// owner it counts as revoked, and when ownership returns it is valid from then on.
func (s *state) controllers(out []candidate) []candidate {
	both := []did.Purpose{did.Authentication, did.AssertionMethod}
	id := s.ident.did.String()
	controller := s.owners[len(s.owners)-1]
	if s.ended != 0 {
		controller = s.owners[len(s.owners)-2] // the last one is nobody
	}
	add := func(fragment, class string, pub pubkey.Key, t tenure) {
		k := did.Key{ID: id + fragment, Purposes: both, Public: pub, Class: class}
		newest := t.first == s.owners[len(s.owners)-1].first
		if t.first >= 0 {
			k.From = unix(t.from)
		}
		if !newest {
			k.Revoked = unix(max(t.until, 1))
		}
		out = append(out, candidate{key: k, public: publicOf(pub), first: t.first, last: -1, current: newest && s.ended == 0})
	}
	add("#controller", classController, pubkey.FromAddress(controller.owner), controller)
	if s.ident.key == nil {
		return out
	}
	for i := len(s.owners) - 1; i >= 0; i-- {
		if t := s.owners[i]; t.owner == s.ident.identity {
			add("#controllerKey", classControllerKey, s.identityKey(), t)
			break
		}
	}
	return out
}

// nameByThumbprint gives each public key one more name, its JWK thumbprint (RFC 7638), which does not depend on events and their
// number. Where several keys of the history are the same public key, one gets the name: a key that the subject published as a signing
// key before all others, then the one that an event touched last. So a key that was revoked and set again is, under this name, the new
// one, valid from the new block on; and a key that was set twice and revoked once is the revoked one, if that was the last word.
func (s *state) nameByThumbprint(found []candidate) {
	best := make(map[string]int, len(found))
	for i := range found {
		t := found[i].public.thumbprint
		if t == "" {
			continue
		}
		j, ok := best[t]
		if ok && !found[i].precedes(&found[j]) {
			continue
		}
		best[t] = i
	}
	for t, i := range best {
		found[i].key.Aliases = append(found[i].key.Aliases, s.ident.did.String()+"#"+t)
	}
}

func (c *candidate) precedes(d *candidate) bool {
	if (c.key.Class == "") != (d.key.Class == "") {
		return c.key.Class == ""
	}
	return c.last > d.last
}
