package main

import (
	"os"
	"strconv"
	"strings"
	"testing"
)

func TestStory(t *testing.T) {
	if err := story(); err != nil {
		t.Fatal(err)
	}
}

// The place that the program names last is where the claims are chosen.
func TestNamedLine(t *testing.T) {
	src, err := os.ReadFile("main.go")
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(showLine[strings.LastIndexByte(showLine, ' ')+1:])
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Split(string(src), "\n")[n-1]; !strings.HasPrefix(got, "var show = ") {
		t.Errorf("%s is %q", showLine, got)
	}
}
