//go:build unix

package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestKilledRunLosesAndDoublesNoCard kills the program, as a power cut or an administrator does, again and again until it has come to
// the end, and puts rubbish where a write may have been torn. Then each row must be exactly one card or one error.
func TestKilledRunLosesAndDoublesNoCard(t *testing.T) {
	program := filepath.Join(t.TempDir(), "issue-batch")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	here(t)
	const rows = 6000
	must(t, 0, "generate", "-n", "6000", "-bad", "50", "-out", "people.csv")
	// The reference of the first row once more, at the end: the set of references survives each kill.
	first := strings.SplitAfterN(read(t, "people.csv"), "\n", 3)[1]
	write(t, "people.csv", read(t, "people.csv")+first)

	kills, kept := 0, 0
	for {
		var said bytes.Buffer
		run := exec.CommandContext(t.Context(), program, "sign", "-in", "people.csv", "-out", "cards", "-segment", "700", "-checkpoint", "3ms")
		run.Stdout, run.Stderr = &said, &said
		begun := written()
		if err := run.Start(); err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		go func() { done <- run.Wait() }()
		// Each time at another distance.
		for far := int64(1_000_000 + 170_000*(kills%5)); written() < begun+far && len(done) == 0; {
			time.Sleep(200 * time.Microsecond)
		}
		if err := run.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
			t.Fatal(err)
		}
		err := <-done
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			t.Fatalf("%v: %s", err, said.String())
		}
		if status := exit.Sys().(syscall.WaitStatus); !status.Signaled() {
			if exit.ExitCode() != 3 {
				t.Fatalf("exit code %d: %s", exit.ExitCode(), said.String())
			}
			break
		}
		kills++
		if kills > 100 {
			t.Fatal("no run gets further than the one before")
		}
		if strings.Contains(said.String(), "continuing behind row") {
			kept++
		}
		tear(t)
	}
	if kills < 3 || kept < 2 {
		t.Errorf("killed %d times, %d of these runs continued another: this shows little", kills, kept)
	}
	t.Logf("killed %d times", kills)

	if said := must(t, 0, "check", "-in", "people.csv", "-out", "cards"); !strings.Contains(said, "6,001 rows: 5,880 cards that verify, 121 errors") {
		t.Errorf("%s", said)
	}
	// The same with other eyes: not in order, but counted; each card says whose it is.
	times := map[int64]int{}
	numbers := map[any]int64{}
	for _, e := range entries(t, "cards") {
		times[e.Row]++
		_, claims := opened(t, card(t, "cards", e))
		if twin, ok := numbers[claims["ID Number"]]; ok {
			t.Errorf("rows %d and %d are cards of one citizen", twin, e.Row)
		}
		numbers[claims["ID Number"]] = e.Row
	}
	for _, r := range refusals(t, "cards") {
		times[r.Row]++
		if r.Row == rows+1 && r.Reason != referenceRepeated {
			t.Errorf("the last row: %s", r.Reason)
		}
	}
	for row := int64(1); row <= rows+1; row++ {
		if times[row] != 1 {
			t.Errorf("row %d is there %d times", row, times[row])
		}
	}
	if len(times) != rows+1 {
		t.Errorf("%d rows", len(times))
	}
	// Nothing is in the folder that belongs to no card.
	cards := 0
	for n := 1; size("cards", segmentFile(n)) > 0; n++ {
		cards += strings.Count(read(t, "cards", segmentFile(n)), "\n")
	}
	if cards != len(numbers) {
		t.Errorf("%d lines in the card files, %d cards", cards, len(numbers))
	}
}

// written is how many bytes of cards there are.
func written() (n int64) {
	files, _ := filepath.Glob(filepath.Join("cards", "cards-*"))
	for _, f := range files {
		n += size(f)
	}
	return n
}

// tear leaves half-written lines and a file that no checkpoint knows.
func tear(t *testing.T) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("cards", "*.*"))
	if err != nil {
		t.Fatal(err)
	}
	last := ""
	for _, name := range files {
		base := filepath.Base(name)
		if strings.HasPrefix(base, "cards-") {
			last = name
		}
		if base == manifestFile || base == errorsFile {
			appendTo(t, name, `{"row":1,"refer`)
		}
	}
	appendTo(t, last, "eyJhbGciOiJFUzI1")
	write(t, filepath.Join("cards", checkpointFile+".new"), `{"terms":`)
	write(t, filepath.Join("cards", seenFile), "rubbish")
}

func appendTo(t *testing.T, path, text string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(text); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// Two runs in one folder would write over each other.
func TestSecondRunIsKeptOut(t *testing.T) {
	here(t)
	must(t, 0, "generate", "-n", "5", "-out", "people.csv")
	unlock, err := lock("cards")
	if err != nil {
		t.Fatal(err)
	}
	if said := must(t, 1, "sign", "-in", "people.csv", "-out", "cards"); !strings.Contains(said, "another run works in cards") {
		t.Errorf("%s", said)
	}
	unlock()
	must(t, 0, "sign", "-in", "people.csv", "-out", "cards")
}
