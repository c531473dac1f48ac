package catalogue

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/khyer/khyer/disclosure"
	"github.com/khyer/khyer/internal/strictjson"
)

// Check tells whether claims is the body of a card of this type: a JSON object with every claim of the type and no other, each in
// its format. Claims that Compute adds may be absent. The first fault is returned as an *[Error]; names come before formats, so
// that "Department" for "Department " is reported as such and not as a missing claim.
func (t *Type) Check(claims json.RawMessage) error {
	_, err := t.read(claims)
	return err
}

func (t *Type) read(claims []byte) (strictjson.Value, error) {
	v, err := strictjson.Parse(claims, strictjson.Limits{})
	if err != nil || v.Kind() != strictjson.Object || v.Len() > 2*maxClaims {
		return v, t.fault(BadClaims, "")
	}
	for name := range v.Members() {
		if t.claim(name) != nil {
			continue
		}
		e := t.fault(UnknownClaim, name)
		if e.Near = t.near(name, v); e.Near != "" {
			e.Reason = NearMiss
		}
		return v, e
	}
	for i := range t.Claims {
		c := &t.Claims[i]
		value := v.Get(c.Name)
		if !value.Exists() {
			if c.AgeOver != 0 {
				continue
			}
			return v, t.fault(MissingClaim, c.Name)
		}
		if reason := c.check(value); reason != "" {
			return v, t.fault(reason, c.Name)
		}
	}
	return v, nil
}

func (t *Type) fault(r disclosure.Reason, claim string) *Error {
	e := &Error{Reason: r, Type: t.Name}
	if claim != "" || r == UnknownClaim {
		e.Path = disclosure.Path{claim}
	}
	return e
}

func (c *Claim) check(v strictjson.Value) disclosure.Reason {
	switch c.Format {
	case Boolean:
		if v.Kind() != strictjson.Bool {
			return WrongType
		}
	case Texts:
		if v.Kind() != strictjson.Array {
			return WrongType
		}
		for e := range v.Elements() {
			if s, ok := e.Text(); !ok {
				return WrongType
			} else if s == "" {
				return WrongFormat
			}
		}
	default: // Text, Date
		s, ok := v.Text()
		if !ok {
			return WrongType
		}
		if _, ok := day(s); s == "" || c.Format == Date && !ok || c.pattern != nil && !c.pattern.MatchString(s) {
			return WrongFormat
		}
	}
	return ""
}

// day reads DD/MM/YYYY and nothing else: two digits, two digits, four digits, a day that exists.
func day(s string) (time.Time, bool) {
	if len(s) != len("02/01/2006") {
		return time.Time{}, false
	}
	t, err := time.Parse("02/01/2006", s)
	return t, err == nil
}

// Compute checks claims and returns them with the claims added that the issuer computes in advance, as of the time at. The bytes
// of the given claims are kept. Claims that are computed must not be given: an age that somebody typed is no age that was
// computed. Errors are *[Error].
func (t *Type) Compute(claims json.RawMessage, at time.Time) (json.RawMessage, error) {
	if at.IsZero() || t.zone == nil {
		return nil, t.fault(NoTime, "")
	}
	v, err := t.read(claims)
	if err != nil {
		return nil, err
	}
	today := at.In(t.zone)
	raw := v.Raw()
	out := slices.Clone(raw[:len(raw)-1])
	comma := v.Len() > 0
	for _, c := range t.Claims {
		if c.AgeOver == 0 {
			continue
		}
		if v.Get(c.Name).Exists() {
			return nil, t.fault(AlreadyComputed, c.Name)
		}
		s, _ := v.Get(c.Of).Text()
		born, ok := day(s)
		years := completed(born, today)
		if !ok || years < 0 || years > maxAge {
			return nil, t.fault(ImplausibleDate, c.Of)
		}
		name, _ := json.Marshal(c.Name) // a string always has an encoding
		if comma {
			out = append(out, ',')
		}
		out = append(append(out, name...), ':')
		out = strconv.AppendBool(out, years >= c.AgeOver)
		comma = true
	}
	return append(out, '}'), nil
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

// near returns the claim whose name was probably meant by a name that the type does not have, among those that the card lacks.
func (t *Type) near(name string, card strictjson.Value) string {
	if len(name) > 2*maxName {
		return ""
	}
	plain := simple(name)
	best := ""
	for _, c := range t.Claims {
		if card.Get(c.Name).Exists() {
			continue
		}
		switch want := simple(c.Name); {
		case plain == want:
			return c.Name
		case best == "" && len(want) > 4 && oneEdit([]rune(plain), []rune(want)):
			best = c.Name
		}
	}
	return best
}

// simple lowers the case, joins runs of white space, underscores and hyphens to one space and drops them at the ends.
func simple(s string) string {
	return strings.Join(strings.FieldsFunc(strings.ToLower(s), func(r rune) bool {
		return r == ' ' || r == '_' || r == '-' || r == '\u00a0' || r == '\t' || r == '\n' || r == '\r'
	}), " ")
}

// oneEdit tells whether a becomes b by inserting, deleting or changing one character or swapping two neighbours.
func oneEdit(a, b []rune) bool {
	if len(a) > len(b) {
		a, b = b, a
	}
	if len(b)-len(a) > 1 {
		return false
	}
	i := 0
	for i < len(a) && a[i] == b[i] {
		i++
	}
	if len(a) < len(b) {
		return slices.Equal(a[i:], b[i+1:])
	}
	if i == len(a) {
		return true
	}
	swapped := i+1 < len(a) && a[i] == b[i+1] && a[i+1] == b[i] && slices.Equal(a[i+2:], b[i+2:])
	return swapped || slices.Equal(a[i+1:], b[i+1:])
}
