package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"unicode/utf8"
)

// On a terminal progress is one line that changes and goes away; elsewhere it is a line for each step, and none twice.
func TestProgress(t *testing.T) {
	var terminal, file bytes.Buffer
	for _, p := range []*page{{err: &terminal, live: true}, {err: &file}} {
		p.progress("one")
		p.progress("one")
		p.progress("two")
		p.settled()
		p.settled()
	}
	if got := terminal.String(); got != "\r\x1b[K… one\r\x1b[K… two\r\x1b[K" {
		t.Errorf("on a terminal: %q", got)
	}
	if got := file.String(); got != "… one\n… two\n" {
		t.Errorf("in a file: %q", got)
	}
}

// A file gets neither colours nor a line that changes.
func TestFileIsNoTerminal(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if p := newPage(f, f); p.colours || p.live {
		t.Errorf("%+v", p)
	}
}

func FuzzSafe(f *testing.F) {
	for _, s := range []string{"", "plain", "\x1b[2J", "\xff\xfe", "\u202eright", "z\u0337\u0337\u0337\u0337\u0337\u0337", "འཁྱེར", "\r\n\t\x00\u009b1m"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := safe(s, longestText)
		printable(t, got)
		if n := utf8.RuneCountInString(got); n > longestText+40 {
			t.Errorf("%d characters", n)
		}
	})
}
