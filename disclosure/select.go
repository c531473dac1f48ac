package disclosure

import "github.com/khyer/khyer/internal/strictjson"

// Select returns the SD-JWT with only the disclosures that are needed for the paths to be seen: each claim named and the claims that
// contain it. What is concealed by itself below a named claim stays hidden; name it too to show it. The issuer-signed part and each
// disclosure are byte-identical to what came in, and a key binding JWT is dropped.
//
// It is the holder's side: the caller has verified this card when it was received, or trusts where it was kept. A path that points
// to nothing is an *Error with NoSuchClaim and that path, so that a holder never shows less than he thinks.
func (u *Unverified) Select(reveal []Path) ([]byte, error) {
	t, err := u.process()
	if err != nil {
		return nil, err
	}
	keep := make([]bool, len(u.disclosures))
	for _, p := range reveal {
		if err := p.Check(); err != nil {
			return nil, err
		}
		seen := false
		t.follow(t.payload, p, func(strictjson.Value) { seen = true }, func(i int32) { keep[i] = true })
		if !seen {
			return nil, &Error{Reason: NoSuchClaim, Path: p}
		}
	}
	size := len(u.issuer.Input) + 2 + encodedLen(len(u.issuer.Value))
	for i, d := range u.disclosures {
		if keep[i] {
			size += len(d) + 1
		}
	}
	jwt := len(u.issuer.Input) + 1 + encodedLen(len(u.issuer.Value))
	out := append(make([]byte, 0, size), u.text[:jwt]...)
	out = append(out, '~')
	for i, d := range u.disclosures {
		if keep[i] {
			out = append(append(out, d...), '~')
		}
	}
	return out, nil
}
