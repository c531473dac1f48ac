package disclosure

import "github.com/khyer/khyer/internal/strictjson"

// choice is a set of paths as a tree: what an issuer conceals.
type choice struct {
	path     Path // not nil if it is hidden itself
	matched  bool
	key      any
	children []*choice
	next     int                // the child behind the one that was found last: claims often come in the order of the paths
	names    map[string]*choice // of the children, once they are many
}

func choose(paths []Path) (*choice, error) {
	size := 1
	for _, p := range paths {
		size += len(p)
	}
	nodes := make([]choice, 1, size) // never grows, so that pointers into it hold
	root := &nodes[0]
	root.children = make([]*choice, 0, len(paths))
	for _, p := range paths {
		if err := p.Check(); err != nil {
			return nil, err
		}
		at := root
		for _, e := range p {
			child := at.child(e)
			if child == nil {
				nodes = append(nodes, choice{key: e})
				child = &nodes[len(nodes)-1]
				at.children = append(at.children, child)
				at.index(child)
			}
			at = child
		}
		at.path = p
	}
	return root, nil
}

const manyChildren = 16

// index keeps names; indexes of arrays stay in the list.
func (n *choice) index(child *choice) {
	switch {
	case n.names != nil:
		if name, ok := child.key.(string); ok {
			n.names[name] = child
		}
	case len(n.children) > manyChildren:
		n.names = make(map[string]*choice, 4*manyChildren)
		for _, c := range n.children {
			n.index(c)
		}
	}
}

func (n *choice) child(e any) *choice {
	if name, ok := e.(string); ok && n.names != nil {
		return n.names[name]
	}
	for _, c := range n.children {
		if c.key == e {
			return c
		}
	}
	return nil
}

// member returns the child for a member of an object, or nil.
func (n *choice) member(name strictjson.Value) *choice {
	if n.names != nil {
		return n.names[string(name.Characters())]
	}
	for i := range n.children {
		at := (n.next + i) % len(n.children)
		if key, ok := n.children[at].key.(string); ok && name.Is(key) {
			n.next = at + 1
			return n.children[at]
		}
	}
	return nil
}

// named returns what the choices say of a member of an object: the choices for what is inside, and whether it is hidden itself.
func named(choices []*choice, name strictjson.Value) (inside []*choice, hide bool) {
	for _, n := range choices {
		if child := n.member(name); child != nil {
			inside, hide = child.take(inside, hide)
		}
	}
	return inside, hide
}

// indexed is named for an element of an array.
func indexed(choices []*choice, i int) (inside []*choice, hide bool) {
	for _, n := range choices {
		if child := n.child(i); child != nil {
			inside, hide = child.take(inside, hide)
		}
		if child := n.child(nil); child != nil {
			inside, hide = child.take(inside, hide)
		}
	}
	return inside, hide
}

func (n *choice) take(inside []*choice, hide bool) ([]*choice, bool) {
	n.matched = true
	if len(n.children) > 0 {
		inside = append(inside, n)
	}
	return inside, hide || n.path != nil
}

// unmatched returns an error that names the first path that points to nothing.
func (n *choice) unmatched() error {
	if n.path != nil && !n.matched {
		return &Error{Reason: NoSuchClaim, Path: n.path}
	}
	for _, child := range n.children {
		if err := child.unmatched(); err != nil {
			return err
		}
	}
	return nil
}
