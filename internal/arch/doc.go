// Package arch holds the tests of the house: which package may import which (arrows.go has the plan as data), what is exported
// (testdata/api.txt), that the README's code compiles and runs, and what may not stand in the repository. It has no code that
// anybody imports.
//
// Run it with -count=1: the go command caches test results by the files that a test opens, and cannot see that "go list" would
// answer something else today.
package arch
