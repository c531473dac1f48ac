package verifier

import (
	"encoding/json"
	"errors"
	"time"

	"github.com/khyer/khyer/disclosure"
	"github.com/khyer/khyer/internal/strictjson"
)

// carried is a Result on its way from the process that verified to the one that shows it.
type carried struct {
	Cards   []carriedCard
	Skipped []Reason
	At      time.Time
}

type carriedCard struct {
	Card
	Claims []carriedClaim
}

type carriedClaim struct {
	Path  disclosure.Path
	Value []byte // in base64: JSON in JSON would be written anew, and not as the issuer wrote it
}

// Carry writes a result for [Carried], with its claims: whoever keeps what it returns has to seal it. It is for package openid4vp, whose request may be
// answered in one process and read in another. Only packages of this module can call it.
func (r *Result) Carry(strictjson.Inside) ([]byte, error) {
	out := carried{Skipped: r.Skipped, At: r.At}
	for _, c := range r.Cards {
		e := carriedCard{Card: c}
		for _, s := range c.claims {
			e.Claims = append(e.Claims, carriedClaim{s.path, s.value})
		}
		out.Cards = append(out.Cards, e)
	}
	return json.Marshal(out)
}

// Carried reads what [Result.Carry] wrote. Whoever calls it answers for where the bytes have been: nothing is verified again.
func Carried(_ strictjson.Inside, text []byte) (*Result, error) {
	var in carried
	if err := json.Unmarshal(text, &in); err != nil {
		return nil, errors.New("verifier: that is no result") // what encoding/json says could quote a claim
	}
	out := &Result{Skipped: in.Skipped, At: in.At}
	for _, e := range in.Cards {
		for _, s := range e.Claims {
			e.claims = append(e.claims, shown{s.Path, s.Value})
		}
		out.Cards = append(out.Cards, e.Card)
	}
	return out, nil
}
