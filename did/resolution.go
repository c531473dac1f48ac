package did

import (
	"errors"
	"slices"
	"time"
)

// Key returns the key that id names: an absolute DID URL, or "#fragment" of the document's own DID. id is compared byte for byte
// with the ids and aliases of r.Keys and must name exactly one public key.
//
// signed is the time at which the signature is believed to have been made. The key must have been valid then: From <= signed <
// Until. A key that has lapsed since is returned; whether such a key is acceptable is for the caller to decide, who can look at
// Until. A zero signed asks for a key that is valid as of Anchor.Time, or now if there is no anchor. A key that was explicitly
// revoked verifies nothing, whatever signed says, because a thief writes any date; and the same public key under another id verifies
// nothing either, for the purposes that it was revoked for (all, if the method has none left), unless a new life of the key began
// afterwards. So do not revoke one of two entries of one key to tidy up. Methods without a history have no lives: From is zero there.
//
// The error is *Error with Deactivated, KeyNotFound, KeyAmbiguous, KeyWrongPurpose, KeyRevoked, KeyNotYetValid or KeyLapsed.
func (r *Resolution) Key(id string, p Purpose, signed time.Time) (Key, error) {
	if r == nil {
		return Key{}, &Error{Code: KeyNotFound}
	}
	if r.Deactivated {
		return Key{}, &Error{Code: Deactivated}
	}
	if signed.IsZero() {
		signed = r.Anchor.Time
		if signed.IsZero() {
			signed = time.Now()
		}
	}
	named := r.named(id)
	if len(named) == 0 {
		return Key{}, &Error{Code: KeyNotFound}
	}
	for _, k := range named[1:] {
		if !k.Public.Equal(named[0].Public) {
			return Key{}, &Error{KeyAmbiguous, errors.New("the id names several keys")}
		}
	}
	for _, k := range named {
		if !k.Revoked.IsZero() {
			return Key{}, &Error{Code: KeyRevoked}
		}
	}
	var first error
	for _, k := range named {
		err := k.usable(p, signed)
		if err == nil && r.revokedElsewhere(k, p) {
			err = &Error{Code: KeyRevoked}
		}
		if err == nil {
			return *k, nil
		}
		if first == nil {
			first = err
		}
	}
	return Key{}, first
}

// revokedElsewhere tells whether the same public key was revoked for that purpose under any other name. One revocation ends it, whichever
// name a thief writes into a card; only a key that was set anew afterwards counts from then on.
func (r *Resolution) revokedElsewhere(k *Key, p Purpose) bool {
	for i := range r.Keys {
		o := &r.Keys[i]
		if o.Revoked.IsZero() || o.Class == "controllerKey" {
			continue // a did:ethr identity that got another owner: nobody said anything about its first key in other roles
		}
		// A method that was revoked is often taken out of its relationships too: then it was revoked for everything.
		if (len(o.Purposes) == 0 || slices.Contains(o.Purposes, p)) && (k.From.IsZero() || k.From.Before(o.Revoked)) && o.Public.Equal(k.Public) {
			return true
		}
	}
	return false
}

// named returns the keys that id names, those with that id before those with that alias.
func (r *Resolution) named(id string) []*Key {
	if len(id) > MaxLength {
		return nil
	}
	if len(id) > 0 && id[0] == '#' {
		if r.Document == nil || r.Document.ID.IsZero() || len(id) == 1 {
			return nil
		}
		id = r.Document.ID.s + id
	}
	var named []*Key
	for i := range r.Keys {
		if k := &r.Keys[i]; k.ID == id && !k.Public.IsZero() {
			named = append(named, k)
		}
	}
	for i := range r.Keys {
		if k := &r.Keys[i]; k.ID != id && slices.Contains(k.Aliases, id) && !k.Public.IsZero() {
			named = append(named, k)
		}
	}
	return named
}

func (k *Key) usable(p Purpose, signed time.Time) error {
	switch {
	case !slices.Contains(k.Purposes, p):
		return &Error{Code: KeyWrongPurpose}
	case !k.From.IsZero() && signed.Before(k.From):
		return &Error{Code: KeyNotYetValid}
	case !k.Until.IsZero() && !signed.Before(k.Until):
		return &Error{Code: KeyLapsed}
	}
	return nil
}
