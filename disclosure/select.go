package disclosure

import (
	"bytes"

	"github.com/khyer/khyer/internal/strictjson"
)

// Select returns the SD-JWT with only the disclosures that are needed for the paths to be seen: each claim named and the claims that
// contain it. What is concealed by itself below a named claim stays hidden; name it too to show it. The issuer-signed part and each
// disclosure are byte-identical to what came in, in the serialisation that came in, and a key binding JWT is dropped. Indexes count the
// elements that u has: a verifier, who does not see those that stay hidden, counts fewer.
//
// It is the holder's side: the caller has verified this card when it was received, or trusts where it was kept. A path that points
// to nothing is an *Error with NoSuchClaim and that path, so that a holder never shows less than he thinks.
func (u *Unverified) Select(reveal []Path) ([]byte, error) {
	out, err := u.Reveal(strictjson.Inside{}, nil, reveal, 0)
	if err != nil {
		return nil, err
	}
	return u.Restore(strictjson.Inside{}, out), nil
}

// Reveal is Select for package credential. The result is compact, because that is what sd_hash is taken over, with room for so many
// bytes to be appended; v is what Verify made of u, or nil.
func (u *Unverified) Reveal(_ strictjson.Inside, v *Verified, reveal []Path, room int) ([]byte, error) {
	var t *tree
	if v != nil {
		t = v.t
	} else {
		var err error
		if t, err = u.process(); err != nil {
			return nil, err
		}
	}
	keep := make([]bool, len(u.disclosures))
	for _, p := range reveal {
		if err := p.Check(); err != nil {
			return nil, err
		}
		seen := false
		t.follow(t.payload, p, func(strictjson.Value) { seen = true }, func(i int32) { keep[i] = true })
		if !seen {
			return nil, &Error{Reason: NoSuchClaim, Path: p, Near: t.near(p)}
		}
	}
	jwt := len(u.first[0].Input) + 1 + encodedLen(len(u.first[0].Value))
	size := jwt + 1 + room
	for i := range keep {
		if keep[i] {
			size += len(u.disclosure(i)) + 1
		}
	}
	out := append(make([]byte, 0, size), u.text[:jwt+1]...)
	for i := range keep {
		if keep[i] {
			out = append(append(out, u.disclosure(i)...), '~')
		}
	}
	return out, nil
}

// Restore puts what Reveal returned, with or without a key binding behind it, into the serialisation in which u came.
func (u *Unverified) Restore(_ strictjson.Inside, compact []byte) []byte {
	if u.form == nil {
		return compact
	}
	parts := bytes.Split(compact, []byte{'~'})
	last := len(parts) - 1
	return u.form.appendJSON(nil, parts[1:last], parts[last])
}
