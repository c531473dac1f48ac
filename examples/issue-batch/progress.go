package main

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"
)

// progress says how far the run is: a bar on a terminal, a plain line now and then elsewhere.
type progress struct {
	w       io.Writer
	in      *rows
	d       *delivery
	bar     bool
	begun   time.Time
	rows0   int64
	offset0 int64
	quit    chan struct{}
	gone    chan struct{}
}

func newProgress(w io.Writer, in *rows, d *delivery) *progress {
	p := &progress{
		w: w, in: in, d: d, bar: isTerminal(w), begun: time.Now(), rows0: d.rows.Load(), offset0: in.at.Offset,
		quit: make(chan struct{}), gone: make(chan struct{}),
	}
	if p.rows0 > 0 {
		fmt.Fprintf(w, "continuing behind row %s\n", thousands(p.rows0))
	}
	every := 10 * time.Second
	if p.bar {
		every = 200 * time.Millisecond
	}
	go func() {
		defer close(p.gone)
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				p.draw()
			case <-p.quit:
				return
			}
		}
	}()
	return p
}

func (p *progress) stop() {
	close(p.quit)
	<-p.gone
	if p.bar {
		p.draw()
		fmt.Fprintln(p.w)
	}
}

func (p *progress) draw() {
	line := progressLine(p.in.read.Load(), p.offset0, p.in.size, p.d.rows.Load(), p.d.rows.Load()-p.rows0, time.Since(p.begun), p.bar)
	if p.bar {
		fmt.Fprint(p.w, "\r\x1b[K", line)
	} else {
		fmt.Fprintln(p.w, line)
	}
}

// progressLine is one line of progress. How much is left is told by bytes: how many rows a file has is known at its end.
func progressLine(offset, offset0, size, rows, rowsNow int64, took time.Duration, bar bool) string {
	part := 1.0
	if size > 0 {
		part = float64(offset) / float64(size)
	}
	var b strings.Builder
	if bar {
		const width = 30
		full := min(int(part*width), width)
		b.WriteString("[" + strings.Repeat("#", full) + strings.Repeat(".", width-full) + "] ")
	}
	fmt.Fprintf(&b, "%3.0f %%  %s rows", part*100, thousands(rows))
	if done := offset - offset0; done > 0 && took > 0 && rowsNow > 0 {
		left := time.Duration(float64(took) * float64(size-offset) / float64(done))
		fmt.Fprintf(&b, "  %s a second  %v left", thousands(int64(float64(rowsNow)/took.Seconds())), left.Round(time.Second))
	}
	return b.String()
}

// isTerminal tells whether somebody watches who can see a line change.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok || os.Getenv("TERM") == "dumb" {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// thousands writes 800000 as 800,000.
func thousands(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
