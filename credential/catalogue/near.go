package catalogue

import (
	"slices"
	"strings"

	"github.com/khyer/khyer/disclosure"
)

// Find returns the claim of the type at a path, as a verifier asks for it: an index or nil stands for an element of an array. An
// agency's test finds out with it that it asks for "Department " and not for "Department". Errors are *[Error] with UnknownClaim or
// NearMiss, and the path up to the name that the type does not have.
func (t *Type) Find(p disclosure.Path) (Claim, error) {
	n := &t.root
	for i, e := range p {
		var next *node
		name, named := e.(string)
		if named {
			next = n.member(name)
		} else if index, ok := e.(int); e == nil || ok && index >= 0 {
			next = n.element
		}
		if next == nil {
			err := t.fault(UnknownClaim, p[:i+1])
			if named {
				err.meant(n.near(name, func(string) bool { return false }))
			}
			return Claim{}, err
		}
		n = next
	}
	if n.claim == nil {
		return Claim{}, t.fault(UnknownClaim, p)
	}
	return *n.claim, nil
}

func (e *Error) meant(near string) {
	if near != "" {
		e.Reason, e.Near = NearMiss, near
	}
}

// near returns the member whose name was probably meant by a name that the object does not have, among those that are not taken.
func (n *node) near(name string, taken func(string) bool) string {
	if len(name) > 2*maxName {
		return ""
	}
	plain := simple(name)
	best := ""
	for _, m := range n.members {
		if taken(m.name) {
			continue
		}
		switch want := simple(m.name); {
		case plain == want:
			return m.name
		case best == "" && len(want) > 4 && oneEdit([]rune(plain), []rune(want)):
			best = m.name
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
