package wallet

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/khyer/khyer/credential"
	"github.com/khyer/khyer/disclosure"
	"github.com/khyer/khyer/disclosure/dcql"
	"github.com/khyer/khyer/internal/strictjson"
)

// Card is a card in the wallet.
type Card struct {
	ID   string // the wallet's own name of it, unique among those that are given together
	Held *credential.Held
	// Holder has the card's key.
	Holder *credential.Holder
	// Stock holds one-time cards that say the same as Held: each answer takes one of them, and Holder is not needed.
	Stock *credential.OneTime
	// Authorities are what is known of who certifies the issuer: see dcql.Candidate.
	Authorities []dcql.Authority
}

// Choice is an answer that has not been given.
type Choice struct {
	Shown []Shown // in the order of the request

	of *Request
}

// Shown is what one card would show.
type Shown struct {
	Query string // the id of the credential query that it answers
	Card  string // Card.ID
	Type  string // vct
	// Claims are all claims that the agency would read of the card, in the order of the card, those that it did not ask for and that cannot be hidden among them.
	Claims []Claim
	// Transactions are what the card would authorize, by their place in Request.Transactions.
	Transactions []int

	card     Card
	disclose []disclosure.Path
}

// Claim is one value that would be read. It has the value: do not log it.
type Claim struct {
	Path  disclosure.Path // of the card as it would be shown
	Value json.RawMessage // a string, a number, true, false, null, or an empty object or array
	Asked bool            // the agency asked for it; else it cannot be hidden
}

// Label is the path for people: "Address › Village". Elements of a list are counted from 1.
func (c Claim) Label() string {
	steps := make([]string, len(c.Path))
	for i, step := range c.Path {
		switch s := step.(type) {
		case string:
			steps[i] = s
		case int:
			steps[i] = strconv.Itoa(s + 1)
		}
	}
	return strings.Join(steps, " › ")
}

// Choose finds the answer that shows the least of these cards (V 6.4, dcql.Query.Match). Give it only cards that the citizen is willing to use: to show another one,
// leave the first out. Nothing is sent. The error is a *dcql.Error with dcql.NotSatisfied if no answer is possible, or a *Refusal.
func (r *Request) Choose(cards ...Card) (*Choice, error) {
	if r.refused != nil {
		return nil, r.refused
	}
	candidates := make([]dcql.Candidate, 0, len(cards))
	byID := make(map[string]Card, len(cards))
	for _, c := range cards {
		if c.Held == nil || c.Held.Verified == nil || c.Holder == nil && c.Stock == nil {
			continue
		}
		v := c.Held.Verified
		if now := r.w.c.Now(); !v.Expires.IsZero() && !now.Before(v.Expires) || len(v.Holder.Algorithms()) == 0 ||
			!r.takes(string(v.Algorithm), string(v.Holder.Algorithms()[0])) {
			continue
		}
		byID[c.ID] = c
		candidates = append(candidates, dcql.Candidate{
			ID: c.ID, Format: dcql.FormatSDJWT, Type: v.Type, Claims: v.Body.Claims(), Hidden: v.Body.Revealed(), Authorities: c.Authorities,
		})
	}
	choices, err := r.wire.Query.Match(candidates)
	if err != nil {
		return nil, err
	}
	out := &Choice{of: r}
	for _, c := range choices {
		s := Shown{Query: c.Query, Card: c.Candidate, card: byID[c.Candidate], disclose: c.Disclose}
		if err := s.read(c.Reveal); err != nil {
			return nil, err
		}
		out.Shown = append(out.Shown, s)
	}
	return out, out.authorize()
}

// read takes the card as it would be sent, and reads what is in it.
func (s *Shown) read(reveal []disclosure.Path) error {
	u, err := disclosure.Parse(s.card.Held.Bytes(), disclosure.Limits{Bytes: 16 << 20, Disclosures: 100_000})
	if err != nil {
		return err
	}
	selected, err := u.Select(s.disclose)
	if err != nil {
		return err
	}
	if u, err = disclosure.Parse(selected, disclosure.Limits{Bytes: 16 << 20, Disclosures: 100_000}); err != nil {
		return err
	}
	// The issuer's signature was verified when the card was received, over the same bytes.
	v, err := u.Verify(func(disclosure.Signature) error { return nil })
	if err != nil {
		return err
	}
	claims, err := strictjson.Parse(v.Claims(), strictjson.Limits{Bytes: 16 << 20, Depth: 1 << 10})
	if err != nil {
		return err
	}
	s.Type, _ = claims.Get("vct").Text()
	for name, val := range claims.Members() {
		if !slices.Contains(registered, name) {
			s.walk(disclosure.Path{name}, val, reveal)
		}
	}
	return nil
}

// registered are claims about the card and not about a person (SD-JWT VC section 2.2.2.2).
var registered = []string{"iss", "nbf", "exp", "iat", "cnf", "vct", "vct#integrity", "aka_vcts", "status"}

func (s *Shown) walk(at disclosure.Path, v strictjson.Value, reveal []disclosure.Path) {
	if v.Len() == 0 { // no object or array, or an empty one
		wanted := slices.ContainsFunc(reveal, func(p disclosure.Path) bool { return covers(p, at) })
		s.Claims = append(s.Claims, Claim{slices.Clone(at), slices.Clone(json.RawMessage(v.Raw())), wanted})
		return
	}
	for name, val := range v.Members() {
		s.walk(append(at, name), val, reveal)
	}
	n := 0
	for val := range v.Elements() {
		s.walk(append(at, n), val, reveal)
		n++
	}
}

// covers tells whether a path that was asked for points to at, or to something around it. Of a list that is shown in part the indexes move: any index
// will do, for what is shown of a list was asked for.
func covers(asked, at disclosure.Path) bool {
	if len(asked) > len(at) {
		return false
	}
	for i, step := range asked {
		_, named := step.(string)
		if _, other := at[i].(string); named != other || named && step != at[i] {
			return false
		}
	}
	return true
}

// authorize gives each transaction to one of the cards that may authorize it (V 5.1: to one only).
func (c *Choice) authorize() error {
	for n, t := range c.of.Transactions {
		i := slices.IndexFunc(c.Shown, func(s Shown) bool { return slices.Contains(t.Queries, s.Query) })
		if i < 0 {
			return &dcql.Error{Reason: dcql.NotSatisfied, Query: t.Queries[0], Detail: "no card that would authorize the transaction"}
		}
		c.Shown[i].Transactions = append(c.Shown[i].Transactions, n)
	}
	return nil
}
