package didethr

import (
	"github.com/khyer/khyer/did"
	"github.com/khyer/khyer/did/pubkey"
)

// candidate is a did.Key on its way, with what decides whose alias the thumbprint is.
type candidate struct {
	key     did.Key
	last    int // position of the event that last touched it; -1 for the keys of the controller
	current bool
}

// history gives every key that the DID has had, those that the document lists first and in its order. The package comment says what
// becomes of keys that are renewed, revoked, and set again.
func (s *state) history() []did.Key {
	if s.ident.identity == (Address{}) {
		return nil // on registries that let everybody write for it, the keys of identity zero are nobody's (fault F4)
	}
	found := s.controllers()
	current := s.listed()
	for _, x := range current {
		if pub, ok := x.public(); ok {
			found = append(found, s.candidate(x, len(x.lives)-1, pub))
		}
	}
	for _, x := range s.sequence {
		pub, ok := x.public()
		if !ok {
			continue
		}
		for i := range x.lives {
			if i == len(x.lives)-1 && x.order > 0 && s.ended == 0 {
				continue // listed above
			}
			found = append(found, s.candidate(x, i, pub))
		}
	}
	s.nameByThumbprint(found)
	keys := make([]did.Key, 0, len(found))
	for _, current := range []bool{true, false} {
		for _, c := range found {
			if c.current == current {
				keys = append(keys, c.key)
			}
		}
	}
	return keys
}

// candidate makes the key of one life of an entry. Its id is the newest of that life; the earlier ones are aliases, because renewing an
// entry gives it another id and old signatures name the old one (fault R).
func (s *state) candidate(x *entry, life int, pub pubkey.Key) candidate {
	l := &x.lives[life]
	newest := len(l.ids) - 1
	k := did.Key{ID: x.id(s, l.ids[newest]), Purposes: x.purposes, Public: pub, Class: x.class, From: unix(l.from), Until: unix(l.until)}
	for i := newest - 1; i >= 0; i-- {
		k.Aliases = append(k.Aliases, x.id(s, l.ids[i]))
	}
	if l.revoked != 0 {
		k.Revoked = unix(l.revoked)
	} else if s.ended != 0 {
		k.Revoked = unix(s.ended)
	}
	return candidate{key: k, last: l.last, current: x.order > 0 && life == len(x.lives)-1 && s.ended == 0}
}

// controllers gives #controller and, in the public-key form, #controllerKey. An id names one key, so an owner who lost the identity is
// not listed: #controller is the owner of the moment asked about. #controllerKey is the identity's own key; while somebody else is
// owner it counts as revoked, and when ownership returns it is valid from then on.
func (s *state) controllers() []candidate {
	both := []did.Purpose{did.Authentication, did.AssertionMethod}
	id := s.ident.did.String()
	var out []candidate
	controller := s.owners[len(s.owners)-1]
	if s.ended != 0 {
		controller = s.owners[len(s.owners)-2] // the last one is nobody
	}
	add := func(fragment, class string, pub pubkey.Key, t tenure) {
		k := did.Key{ID: id + fragment, Purposes: both, Public: pub, Class: class}
		if t.from != 0 {
			k.From = unix(t.from)
		}
		if t.until != 0 {
			k.Revoked = unix(t.until)
		}
		out = append(out, candidate{key: k, last: -1, current: t.until == 0 && s.ended == 0})
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
	best := map[string]int{}
	for i := range found {
		t := found[i].key.Public.Thumbprint()
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
