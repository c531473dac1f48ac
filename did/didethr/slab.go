package didethr

// slab hands out values from blocks of memory that grow with the history.
type slab[T any] struct {
	free []T
	size int
}

// take returns a slice of one zero value; appending to it moves it elsewhere.
func (s *slab[T]) take() []T {
	if len(s.free) == 0 {
		s.size = min(max(2*s.size, 2), 512)
		s.free = make([]T, s.size)
	}
	one := s.free[:1:1]
	s.free = s.free[1:]
	return one
}
