package disclosure

import (
	"slices"

	"github.com/khyer/khyer/internal/strictjson"
)

// plan is a set of paths as a tree: what an issuer conceals. The paths are often those of the card before, so a plan is kept with its
// concealer and made again only if they differ.
type plan struct {
	paths []Path // a copy: the caller may change his
	nodes []choice
}

// choice is a node of the tree.
type choice struct {
	path     Path // not nil if it is hidden itself
	matched  bool
	key      any
	children []*choice
	next     int                // the child behind the one that was found last: claims often come in the order of the paths
	each     *choice            // the child that stands for every element
	names    map[string]*choice // of the children, once they are many
	indexes  map[int]*choice
}

// root returns the tree of these paths, with nothing matched.
func (p *plan) root(paths []Path) (*choice, error) {
	if len(p.nodes) == 0 || !slices.EqualFunc(p.paths, paths, slices.Equal[Path]) {
		*p = plan{}
		if err := p.make(paths); err != nil {
			*p = plan{}
			return nil, err
		}
		return &p.nodes[0], nil
	}
	for i := range p.nodes {
		p.nodes[i].matched, p.nodes[i].next = false, 0
	}
	return &p.nodes[0], nil
}

func (p *plan) make(paths []Path) error {
	size := 1
	for _, path := range paths {
		if err := path.Check(); err != nil {
			return err
		}
		size += len(path)
	}
	p.paths = make([]Path, len(paths))
	p.nodes = make([]choice, 1, size) // never grows, so that pointers into it hold
	root := &p.nodes[0]
	root.children = make([]*choice, 0, len(paths))
	for i, path := range paths {
		p.paths[i] = slices.Clone(path)
		at := root
		for _, e := range path {
			child := at.child(e)
			if child == nil {
				p.nodes = append(p.nodes, choice{key: e})
				child = &p.nodes[len(p.nodes)-1]
				at.children = append(at.children, child)
				at.index(child)
			}
			at = child
		}
		at.path = p.paths[i]
	}
	return nil
}

const manyChildren = 16

// index makes child easy to find.
func (n *choice) index(child *choice) {
	switch {
	case child.key == nil:
		n.each = child
	case n.names == nil && len(n.children) <= manyChildren:
	case n.names == nil:
		n.names, n.indexes = make(map[string]*choice, 4*manyChildren), make(map[int]*choice)
		for _, c := range n.children {
			n.index(c)
		}
	default:
		switch key := child.key.(type) {
		case string:
			n.names[key] = child
		case int:
			n.indexes[key] = child
		}
	}
}

func (n *choice) child(e any) *choice {
	switch e := e.(type) {
	case nil:
		return n.each
	case int:
		return n.element(e)
	case string:
		if n.names != nil {
			return n.names[e]
		}
	}
	for _, c := range n.children {
		if c.key == e {
			return c
		}
	}
	return nil
}

// element returns the child for an element of an array, or nil.
func (n *choice) element(i int) *choice {
	if n.names != nil {
		return n.indexes[i]
	}
	for _, c := range n.children {
		if key, ok := c.key.(int); ok && key == i {
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
		if child := n.element(i); child != nil {
			inside, hide = child.take(inside, hide)
		}
		if n.each != nil {
			inside, hide = n.each.take(inside, hide)
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
		return &Error{Reason: NoSuchClaim, Path: slices.Clone(n.path)}
	}
	for _, child := range n.children {
		if err := child.unmatched(); err != nil {
			return err
		}
	}
	return nil
}
