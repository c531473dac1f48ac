package catalogue

import (
	"encoding/json"
	"slices"
	"strconv"
	"time"

	"github.com/khyer/khyer/disclosure"
	"github.com/khyer/khyer/internal/strictjson"
)

// Check tells whether claims is the body of a card of this type: a JSON object with every mandatory claim of the type and no other
// than the type's, each in its format. Claims that Compute adds may be absent. The first fault is returned as an *[Error]; in each
// object names come before formats, so that "Department" for "Department " is reported as such and not as a missing claim.
func (t *Type) Check(claims json.RawMessage) error {
	_, err := t.read(claims)
	return err
}

func (t *Type) read(claims []byte) (strictjson.Value, error) {
	v, err := strictjson.Parse(claims, strictjson.Limits{})
	if err != nil || v.Kind() != strictjson.Object {
		return v, t.fault(BadClaims, nil)
	}
	return v, t.object(&t.root, v, make(disclosure.Path, 0, 8)) // room for all claims: fault copies it
}

func (t *Type) object(n *node, v strictjson.Value, path disclosure.Path) error {
	if v.Len() > 2*maxClaims {
		return t.fault(BadClaims, path)
	}
	for written := range v.Pairs() {
		if n.knows(written) {
			continue
		}
		name, _ := written.Text()
		e := t.fault(UnknownClaim, append(path, name))
		// A member whose right name is there too stands for nothing.
		e.meant(n.near(name, func(right string) bool { return v.Get(right).Exists() }))
		return e
	}
	for _, m := range n.members {
		value := v.Get(m.name)
		if value.Exists() {
			if err := t.value(m, value, append(path, m.step)); err != nil {
				return err
			}
		} else if m.claim.Mandatory {
			return t.fault(MissingClaim, append(path, m.step))
		}
	}
	return nil
}

func (t *Type) value(n *node, v strictjson.Value, path disclosure.Path) error {
	if reason := n.claim.check(v); reason != "" {
		return t.fault(reason, path)
	}
	switch n.claim.Format {
	case Object:
		return t.object(n, v, path)
	case Array:
		i := 0
		for e := range v.Elements() {
			if err := t.value(n.element, e, append(path, i)); err != nil {
				return err
			}
			i++
		}
	}
	return nil
}

func (t *Type) fault(r disclosure.Reason, path disclosure.Path) *Error {
	return &Error{Reason: r, Type: t.Name, Path: slices.Clone(path)}
}

// check looks at one value and not at what is inside it.
func (c *Claim) check(v strictjson.Value) disclosure.Reason {
	switch c.Format {
	case Boolean:
		return is(v.Kind() == strictjson.Bool)
	case Object:
		return is(v.Kind() == strictjson.Object)
	case Array:
		return is(v.Kind() == strictjson.Array)
	case Number:
		return is(v.Kind() == strictjson.Number)
	case Integer:
		const most = 1<<53 - 1 // RFC 7493 section 2.2
		if n, ok := v.Int64(); v.Kind() == strictjson.Number && (!ok || n > most || n < -most) {
			return WrongFormat
		}
		return is(v.Kind() == strictjson.Number)
	}
	if plain, ok := v.Plain(); ok && len(plain) > 0 && c.Format == Text && c.pattern == nil {
		return "" // nothing needs the text
	}
	s, ok := v.Text()
	if !ok {
		return WrongType
	}
	if s == "" || c.pattern != nil && !c.pattern.MatchString(s) {
		return WrongFormat
	}
	if c.Format != Text {
		if _, ok := c.day(s); !ok {
			return WrongFormat
		}
	}
	return ""
}

func is(ok bool) disclosure.Reason {
	if ok {
		return ""
	}
	return WrongType
}

// day reads DD/MM/YYYY or YYYY-MM-DD and nothing else: digits where digits stand, a day that exists.
func (c *Claim) day(s string) (time.Time, bool) {
	layout := "02/01/2006"
	if c.Format == ISODate {
		layout = "2006-01-02"
	}
	t, err := time.Parse(layout, s) // demands both digits of 02 and 01, and four of 2006
	return t, err == nil
}

// Compute checks claims and returns them with the claims added that the issuer computes in advance, as of the time at. The bytes
// of the given claims are kept. Claims that are computed must not be given: an age that somebody typed is no age that was
// computed. Errors are *[Error].
func (t *Type) Compute(claims json.RawMessage, at time.Time) (json.RawMessage, error) {
	if at.IsZero() || t.zone == nil {
		return nil, t.fault(NoTime, nil)
	}
	v, err := t.read(claims)
	if err != nil {
		return nil, err
	}
	today := at.In(t.zone)
	raw := v.Raw()
	out := append(make([]byte, 0, len(raw)+64), raw[:len(raw)-1]...)
	comma := v.Len() > 0
	for i := range t.Claims {
		c := &t.Claims[i]
		if c.AgeOver == 0 {
			continue
		}
		if points(v, c.Path) {
			return nil, t.fault(AlreadyComputed, c.Path)
		}
		years, ok := t.age(v, c.Of, today)
		if !ok {
			return nil, t.fault(ImplausibleDate, c.Of)
		}
		if comma {
			out = append(out, ',')
		}
		out = append(append(out, t.root.at(c.Path).quoted...), ':')
		out = strconv.AppendBool(out, years >= c.AgeOver)
		comma = true
	}
	return append(out, '}'), nil
}

// age reads a date of birth that has passed Check.
func (t *Type) age(v strictjson.Value, of disclosure.Path, today time.Time) (years int, ok bool) {
	for _, name := range of {
		v = v.Get(name.(string))
	}
	s, _ := v.Text()
	born, ok := t.root.at(of).claim.day(s)
	years = completed(born, today)
	return years, ok && years >= 0 && years <= maxAge
}

// completed counts the birthdays up to and including today; negative if born after today. In a year without 29 February,
// somebody born on that day has not completed the year on 28 February and has on 1 March.
func completed(born, today time.Time) int {
	years := today.Year() - born.Year()
	if today.Month() < born.Month() || today.Month() == born.Month() && today.Day() < born.Day() {
		years--
	}
	return years
}

// Conceal returns the paths of the claims in a card that the issuer makes selectively disclosable, for [disclosure.ConcealOptions]:
// those of the type that are Hidden and point to something. Claims is what Compute returned. Claims that Compute adds are among the
// paths in any case: with the paths of a record that lacks them nothing is issued, rather than ages in plain sight. Errors are those of
// Check.
func (t *Type) Conceal(claims json.RawMessage) ([]disclosure.Path, error) {
	v, err := t.read(claims)
	if err != nil {
		return nil, err
	}
	var out []disclosure.Path
	for i := range t.Claims {
		if c := &t.Claims[i]; c.Hidden && (c.AgeOver != 0 || points(v, c.Path)) {
			out = append(out, c.Path)
		}
	}
	return out, nil
}

// points tells whether a path of the type points to something.
func points(v strictjson.Value, p disclosure.Path) bool {
	for i, e := range p {
		if name, ok := e.(string); ok {
			v = v.Get(name)
			continue
		}
		for element := range v.Elements() {
			if points(element, p[i+1:]) {
				return true
			}
		}
		return false
	}
	return v.Exists()
}
