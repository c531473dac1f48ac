package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

// spent is time by the clock, and of the processor: what another program on the machine costs shows in the first alone.
type spent struct{ clock, cpu time.Duration }

func stopwatch() func() spent {
	begun, cpu := time.Now(), processorTime()
	return func() spent { return spent{time.Since(begun), processorTime() - cpu} }
}

// floor measures bare signatures: what the cards would cost if there were nothing but ecdsa.SignASN1 over a digest, with as many
// workers. It runs half before and half after, so that a machine that warms up or slows down counts on both sides.
type floor struct {
	on      bool
	workers int
	most, n int64
	took    spent
}

func newFloor(on bool, workers int, in *rows) (*floor, error) {
	f := &floor{on: on, workers: workers}
	if !on {
		return f, nil
	}
	var err error
	f.most, err = in.count()
	return f, err
}

func (f *floor) run(n int64) {
	if !f.on || n <= 0 {
		return
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err) // the documentation says that it cannot be
	}
	took := stopwatch()
	var all sync.WaitGroup
	for w := range int64(f.workers) {
		all.Go(func() {
			for i := w; i < n; i += int64(f.workers) {
				digest := sha256.Sum256(binary.LittleEndian.AppendUint64(nil, uint64(i)))
				if _, err := ecdsa.SignASN1(rand.Reader, key, digest[:]); err != nil {
					panic(err)
				}
			}
		})
	}
	all.Wait()
	t := took()
	f.n += n
	f.took.clock += t.clock
	f.took.cpu += t.cpu
}

// report is what the program says at the end.
func report(d *delivery, took spent, bare *floor) string {
	var b strings.Builder
	s := &d.state
	fmt.Fprintf(&b, "signed %s cards in %s, %s a second; refused %s rows", thousands(d.signed()), seconds(took.clock),
		thousands(int64(float64(d.signed())/took.clock.Seconds())), thousands(s.Refused))
	if s.Refused > 0 {
		b.WriteString(" (" + errorsFile + ")")
	}
	fmt.Fprintf(&b, "\n%s cards in all, %.1f MB in %d files", thousands(s.Signed), float64(s.Bytes)/1e6, s.Segment)
	if peak := peakMemory(); peak != "" {
		b.WriteString("; peak memory " + peak)
	}
	b.WriteByte('\n')
	if bare.n > 0 && d.signed() > 0 {
		each := func(t time.Duration, n int64) float64 { return float64(t) / float64(n) }
		fmt.Fprintf(&b, "%s bare signatures with %d workers: %s; a card costs %.2f of one", thousands(bare.n), bare.workers, seconds(bare.took.clock),
			each(took.clock, d.signed())/each(bare.took.clock, bare.n))
		if bare.took.cpu > 0 {
			fmt.Fprintf(&b, " (%.2f in processor time)", each(took.cpu, d.signed())/each(bare.took.cpu, bare.n))
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.2f s", d.Seconds()) }

// peakMemory returns the largest resident size so far, where the system tells it.
func peakMemory() string {
	text, _ := os.ReadFile("/proc/self/status")
	for line := range bytes.Lines(text) {
		if rest, ok := strings.CutPrefix(string(line), "VmHWM:"); ok {
			if kb, err := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(rest), " kB")); err == nil {
				return fmt.Sprintf("%.1f MB", float64(kb)*1024/1e6)
			}
		}
	}
	return ""
}

// processorTime returns what all threads have used so far, in steps of 10 ms, where the system tells it.
func processorTime() time.Duration {
	text, _ := os.ReadFile("/proc/self/stat")
	_, rest, _ := strings.Cut(string(text), ") ") // behind the name, which may hold anything
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return 0
	}
	user, err1 := strconv.ParseInt(fields[11], 10, 64)
	system, err2 := strconv.ParseInt(fields[12], 10, 64)
	if err1 != nil || err2 != nil {
		return 0
	}
	return time.Duration(user+system) * 10 * time.Millisecond
}
