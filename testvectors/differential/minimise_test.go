package differential

import "slices"

// minimise takes away whatever can be taken away while the same thing stays unexplained.
func (p *peer) minimise(tr trial, unexplained string) (trial, answer, error) {
	best := tr
	var theirs answer
	same := func() (bool, error) {
		next := newTrial(tr.index, tr.made)
		if err := p.send(next.text, next.bound); err != nil {
			return false, err
		}
		if err := p.in.Flush(); err != nil {
			return false, err
		}
		a, err := p.receive()
		if err != nil {
			return false, err
		}
		_, now := verdictOf(next, a)
		if now == unexplained {
			best, theirs = next, a
		}
		return now == unexplained, nil
	}
	if ok, err := same(); err != nil || !ok {
		return tr, theirs, err
	}
	for i := 0; ; {
		steps := tr.made.reductions()
		if i >= len(steps) {
			return best, theirs, nil
		}
		undo := steps[i]()
		ok, err := same()
		if err != nil {
			return best, theirs, err
		}
		if !ok {
			undo()
			i++
		}
	}
}

// reductions are all single things that can be left out; each returns how to put it back.
func (p *presentation) reductions() (out []func() (undo func())) {
	for i := range p.edit {
		out = append(out, without(&p.edit, i))
	}
	if p.reencode != nil {
		out = append(out, func() func() {
			old := p.reencode
			p.reencode = nil
			return func() { p.reencode = old }
		})
	}
	if !p.noKB {
		out = append(out, func() func() { p.noKB = true; return func() { p.noKB = false } })
	}
	for i := range p.discs {
		out = append(out, without(&p.discs, i))
	}
	seen := map[*val]bool{}
	var walk func(v *val)
	walk = func(v *val) {
		if v == nil || seen[v] {
			return
		}
		seen[v] = true
		for i := range v.mem {
			out = append(out, without(&v.mem, i))
		}
		for i := range v.el {
			out = append(out, without(&v.el, i))
		}
		for _, m := range v.mem {
			walk(m.v)
		}
		for _, e := range v.el {
			walk(e)
		}
		if v.ref != nil {
			walk(v.ref.value)
			walk(v.ref.whole)
		}
	}
	for _, v := range []*val{p.card.payload, p.card.header, p.kb.payload, p.kb.header} {
		walk(v)
	}
	for _, d := range p.discs {
		walk(d.value)
		walk(d.whole)
	}
	return out
}

func without[T any](s *[]T, i int) func() func() {
	return func() func() {
		old := *s
		*s = slices.Delete(slices.Clone(old), i, i+1)
		return func() { *s = old }
	}
}
