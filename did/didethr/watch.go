package didethr

import (
	"time"
)

type watch struct {
	head  Block
	epoch uint64
	seen  time.Time
	limit time.Duration
}

func (w *watch) current(now time.Time) bool { return w.epoch != 0 && now.Sub(w.seen) <= w.limit }
