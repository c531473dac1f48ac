package trust

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/khyer/khyer/disclosure"
)

// Purpose is what one agency may ask citizens for, and to what end: what it told the governing body when it was admitted. In Bhutan verifiers are
// on-boarded for types of request, and the governing body says which requests are permitted, and to whom (NDI Act 2023, sections 49 to 51 and 54).
type Purpose struct {
	Agency string // who asks, exactly as the Audience of its requests
	Name   string // to what end: "login", "ekyc", "hospital-admission"
	Basis  string // the law or decision that allows it, for people
	// Hosts are where the agency may have answers sent to, and requests fetched from: "verify.hospital.example", or with a port that is not 443. A wallet
	// sends an answer to no other host.
	Hosts []string
	// Claims are the claims that may be asked for, by type of credential (vct). A path allows everything below it too; nil in it allows
	// every element of a list.
	Claims      map[string][]disclosure.Path
	From, Until time.Time // zero means unbounded
}

// Policy says who may ask for what. It is read-only and safe for concurrent use. An agency checks its own requests with it in its tests
// (verifiertest.AsksNoMore), and a wallet checks what it is asked for before it shows it to the citizen.
type Policy struct {
	expires  time.Time // zero: never
	purposes map[purposeKey]Purpose
}

type purposeKey struct{ agency, name string }

// NewPolicy makes a policy. Each purpose has an agency, a name, and at least one claim.
func NewPolicy(purposes ...Purpose) (*Policy, error) {
	p := &Policy{purposes: make(map[purposeKey]Purpose, len(purposes))}
	for n, u := range purposes {
		key := purposeKey{u.Agency, u.Name}
		switch _, twice := p.purposes[key]; {
		case u.Agency == "", u.Name == "":
			return nil, fmt.Errorf("trust: purpose %d: Agency or Name is missing", n)
		case len(u.Claims) == 0:
			return nil, fmt.Errorf("trust: purpose %d: Claims is empty", n)
		case twice:
			return nil, fmt.Errorf("trust: purpose %d: this agency has a purpose of this name already", n)
		}
		for _, host := range u.Hosts {
			if err := checkHost(host); err != nil {
				return nil, fmt.Errorf("trust: purpose %d: %w", n, err)
			}
		}
		u.Hosts = slices.Clone(u.Hosts)
		claims := make(map[string][]disclosure.Path, len(u.Claims))
		for vct, paths := range u.Claims {
			if vct == "" || len(paths) == 0 {
				return nil, fmt.Errorf("trust: purpose %d: a type without a name or without claims", n)
			}
			for _, path := range paths {
				if path.Check() != nil {
					return nil, fmt.Errorf("trust: purpose %d: a malformed path", n)
				}
				claims[vct] = append(claims[vct], slices.Clone(path))
			}
		}
		u.Claims = claims
		p.purposes[key] = u
	}
	return p, nil
}

// Reasons why a request must not be made.
const (
	PurposeUnknown disclosure.Reason = "purpose_unknown" // the agency was not admitted for this purpose, or not at this time
	AsksTooMuch    disclosure.Reason = "asks_too_much"   // the purpose does not need every claim that is asked for
)

// Asked is what a request asks for of one type of credential.
type Asked struct {
	Type   string
	Claims []disclosure.Path
}

// OverAsking is the error for a request that its purpose does not allow. errors.Is finds its Reason.
type OverAsking struct {
	Reason          disclosure.Reason // PurposeUnknown or AsksTooMuch
	Agency, Purpose string
	TooMuch         []Asked // every claim that is not allowed; empty with PurposeUnknown
}

func (e *OverAsking) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "trust: %s: %s, for the purpose %q", e.Reason, e.Agency, e.Purpose)
	for _, a := range e.TooMuch {
		fmt.Fprintf(&b, "; of %s:", a.Type)
		for i, path := range a.Claims {
			if i > 0 {
				b.WriteByte(',')
			}
			b.WriteByte(' ')
			b.WriteString(pathText(path))
		}
	}
	return b.String()
}

// Is reports whether target is the Reason of e.
func (e *OverAsking) Is(target error) bool {
	r, ok := target.(disclosure.Reason)
	return ok && r == e.Reason
}

func pathText(p disclosure.Path) string {
	steps := make([]string, len(p))
	for i, step := range p {
		switch s := step.(type) {
		case string:
			steps[i] = strconv.Quote(s)
		case nil:
			steps[i] = "*"
		default:
			steps[i] = fmt.Sprint(s)
		}
	}
	return strings.Join(steps, ".")
}

// Check says whether the agency may ask for that to that end now. The error is an *OverAsking, ErrListLapsed, or says that nothing is asked.
func (p *Policy) Check(agency, purpose string, now time.Time, asked ...Asked) error {
	if len(asked) == 0 {
		return errors.New("trust: nothing is asked for")
	}
	if !p.expires.IsZero() && !now.Before(p.expires) {
		return ErrListLapsed
	}
	over := &OverAsking{Reason: PurposeUnknown, Agency: agency, Purpose: purpose}
	u, ok := p.purposes[purposeKey{agency, purpose}]
	if !ok || !u.holds(now) {
		return over
	}
	for _, a := range asked {
		too := Asked{Type: a.Type}
		for _, path := range a.Claims {
			if !slices.ContainsFunc(u.Claims[a.Type], func(allowed disclosure.Path) bool { return covers(allowed, path) }) {
				too.Claims = append(too.Claims, path)
			}
		}
		if len(a.Claims) == 0 && u.Claims[a.Type] == nil { // to show a card at all tells its type
			over.TooMuch = append(over.TooMuch, too)
		}
		if len(too.Claims) > 0 {
			over.TooMuch = append(over.TooMuch, too)
		}
	}
	if len(over.TooMuch) == 0 {
		return nil
	}
	over.Reason = AsksTooMuch
	return over
}

// Purposes returns an agency's entries that hold now, in the order of their names: what a wallet tells the citizen of who asks, and where the answer may go.
// There are none if the list has expired. The caller must not change what they refer to.
func (p *Policy) Purposes(agency string, now time.Time) (all []Purpose) {
	if !p.expires.IsZero() && !now.Before(p.expires) {
		return nil
	}
	for key, u := range p.purposes {
		if key.agency == agency && u.holds(now) {
			all = append(all, u)
		}
	}
	slices.SortFunc(all, func(a, b Purpose) int { return strings.Compare(a.Name, b.Name) })
	return all
}

func (u *Purpose) holds(now time.Time) bool {
	return (u.From.IsZero() || !now.Before(u.From)) && (u.Until.IsZero() || now.Before(u.Until))
}

// covers tells whether who may ask for allowed may ask for path.
func covers(allowed, path disclosure.Path) bool {
	if len(path) < len(allowed) {
		return false
	}
	for i, step := range allowed {
		if step == nil {
			if _, named := path[i].(string); named {
				return false // nil stands for the elements of lists
			}
			continue
		}
		if step != path[i] {
			return false
		}
	}
	return true
}
